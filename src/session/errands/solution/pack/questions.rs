//! What only the author knows.
//!
//! Takes `solution.md`, a file of headings with answers in prose below them, in any language; gives each answer. The file is made by
//! `toji pack --questions HOST`, which adds the questions that are not in it and touches nothing else. What is not answered is listed as missing and never invented.

use std::collections::BTreeMap;

/// The author's file, beside `toji.toml`.
pub const FILE: &str = "solution.md";

/// A question to the author.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// How fields refer to it.
    pub id: &'static str,
    /// Its heading; what stands behind ` · ` is the same in Japanese and may be left out.
    pub title: &'static str,
    /// What to write, in the file as a comment.
    pub hint: &'static str,
}

/// All questions.
pub const QUESTIONS: &[Question] = &[
    q("team", "Team name · チーム名(ユーザー名)", "The name on the leaderboard."),
    q("members", "Members · メンバー", "For each: name, location, email."),
    q("place", "Final place · 最終順位", "The place on the private leaderboard, and of how many teams."),
    q("background", "Background · 学歴・職歴", "Education and work."),
    q("experience", "Prior experience · 役立った知識・経験", "What you knew before that helped in this competition."),
    q("motivation", "Why you entered · 参加の動機", "What made you enter this competition."),
    q("time", "Time spent · 費やした時間", "Hours or days, and on what."),
    q(
        "roles",
        "Team and roles · チームの役割分担",
        "How the team came together and who did what; \"alone\" if you worked alone.",
    ),
    q(
        "summary",
        "Summary · 解法の概要",
        "Four to six sentences for readers who are no engineers: what the method does, what mattered most, tools, how long training takes.",
    ),
    q("features", "Most important features · 重要な特徴", "What in the photos the answers go by, and how you know."),
    q(
        "external",
        "External data · 外部データ",
        "Data and pretrained models from elsewhere besides the weights that are listed by themselves; \"none\" if there is none.",
    ),
    q("trick", "Most important trick · 最も効いた工夫", "The one thing that gave most."),
    q("apart", "What set you apart · 他との違い", "What you think others did not do."),
    q("findings", "Findings · 得られた知見", "Interesting relations in the data, and what did not work."),
    q(
        "simple",
        "Simple model · 単純なモデル",
        "Which subset of this would reach 90 to 95 % of the score; its score, and its time to train and to predict.",
    ),
    q("references", "References · 参考文献", "Papers, posts and code that you used."),
    q(
        "assumptions",
        "Key assumptions · 前提条件",
        "What must hold for new data: the kind of photos, sizes, which labels may occur; \"none\" if nothing.",
    ),
    q(
        "toji",
        "Where to get Toji · Tojiの入手先",
        "An address with the source of the Toji version that you used, or the name of the copy that you put beside the pack.",
    ),
];

const fn q(id: &'static str, title: &'static str, hint: &'static str) -> Question {
    Question { id, title, hint }
}

/// The question that a field names.
pub fn named(id: &str) -> Option<&'static Question> {
    QUESTIONS.iter().find(|question| question.id == id)
}

impl Question {
    /// The heading without its translation.
    pub fn short(&self) -> &'static str {
        self.title.split(" · ").next().unwrap_or(self.title)
    }

    /// Whether a heading is this question's, whole or one of its halves.
    fn is(&self, heading: &str) -> bool {
        let heading = heading.trim().to_lowercase();
        std::iter::once(self.title).chain(self.title.split(" · ")).any(|title| title.to_lowercase() == heading)
    }
}

/// The author's answers, by question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// What was written, by the question's id; nothing where it is empty.
    pub of: BTreeMap<&'static str, String>,
    /// Headings that are no question.
    pub unknown: Vec<String>,
}

/// Reads the author's file.
pub fn read(text: &str) -> Answers {
    let mut answers = Answers::default();
    let mut asked: Option<&'static Question> = None;
    let mut body = String::new();
    let mut fenced = false;
    let close = |asked: Option<&'static Question>, body: &mut String, answers: &mut Answers| {
        let written = without_comments(body).trim().to_owned();
        body.clear();
        if let (Some(question), false) = (asked, written.is_empty()) {
            answers
                .of
                .entry(question.id)
                .and_modify(|known| known.push_str(&format!("\n\n{written}")))
                .or_insert(written);
        }
    };
    for line in text.trim_start_matches('\u{feff}').lines() {
        fenced ^= line.trim_start().starts_with("```");
        let heading = line.strip_prefix("## ").filter(|_| !fenced);
        let Some(heading) = heading else {
            body.push_str(line);
            body.push('\n');
            continue;
        };
        close(asked, &mut body, &mut answers);
        asked = QUESTIONS.iter().find(|question| question.is(heading));
        if asked.is_none() {
            answers.unknown.push(heading.trim().to_owned());
        }
    }
    close(asked, &mut body, &mut answers);
    answers
}

/// The text without HTML comments; one that is never closed ends the text.
fn without_comments(text: &str) -> String {
    let (mut rest, mut out) = (text, String::new());
    while let Some((before, after)) = rest.split_once("<!--") {
        out.push_str(before);
        rest = after.split_once("-->").map_or("", |(_, behind)| behind);
    }
    out + rest
}

/// The file with the questions of a host that are not in it yet at its end; `None` where it has them all.
pub fn with_questions(text: Option<&str>, wanted: &[&'static Question]) -> Option<String> {
    let headings: Vec<&str> = text.unwrap_or_default().lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let missing: Vec<&&Question> =
        wanted.iter().filter(|question| !headings.iter().any(|heading| question.is(heading))).collect();
    if missing.is_empty() {
        return None;
    }
    let mut out = match text {
        Some(text) if text.ends_with('\n') => text.to_owned(),
        Some(text) => format!("{text}\n"),
        None => "# What only the author knows\n\nWrite below each heading, in any language. What stays empty is listed as missing in the pack. \
                 Comments are left out.\n"
            .to_owned(),
    };
    for question in missing {
        out.push_str(&format!("\n## {}\n\n<!-- {} -->\n", question.title, question.hint));
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_what_stands_below_their_headings() {
        let text = "# T\n\nintro\n\n## Team name · チーム名(ユーザー名)\n\n<!-- The name. -->\n蔵人\n\n## 動機\nno question\n## 参加の動機\n<!-- a -->\n\n## trick\n\n## Findings\n```\n## not a heading\n```\nmore <!-- x";
        let answers = read(text);
        assert_eq!(answers.of["team"], "蔵人");
        assert_eq!(answers.of["findings"], "```\n## not a heading\n```\nmore");
        assert_eq!(answers.of.len(), 2, "an empty answer is none: {answers:?}");
        assert_eq!(answers.unknown, ["動機", "trick"]);
    }

    #[test]
    fn questions_are_added_once_and_nothing_else_is_touched() {
        let wanted: Vec<&Question> = QUESTIONS.iter().take(3).collect();
        let first = with_questions(None, &wanted).unwrap();
        assert!(read(&first).of.is_empty() && read(&first).unknown.is_empty());
        assert_eq!(with_questions(Some(&first), &wanted), None);
        let edited = first.replace("## Members · メンバー", "## Members\n\nA. Person, Kyoto");
        let all: Vec<&Question> = QUESTIONS.iter().collect();
        let second = with_questions(Some(&edited), &all).unwrap();
        assert!(second.starts_with(&edited));
        assert_eq!(read(&second).of["members"], "A. Person, Kyoto");
        assert_eq!(with_questions(Some(&second), &all), None);
    }

    #[test]
    fn no_two_questions_share_a_name() {
        for (i, one) in QUESTIONS.iter().enumerate() {
            assert!(QUESTIONS[i + 1..].iter().all(|other| other.id != one.id && !other.is(one.short())), "{}", one.id);
            assert!(one.title.contains(" · "), "{}", one.title);
        }
    }
}
