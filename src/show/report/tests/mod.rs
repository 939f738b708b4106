//! Pages of made facts: hostile names stay text in every form, all parts are there, the same facts give the same bytes.

use super::*;
use crate::base::Key;
use crate::score::Delta;
use crate::session::errands::looking::Seen;
use crate::session::errands::report::{
    Ablation, Data, Example, Examples, Gap, Handed, Lack, Licence, Line, Made, Outcome, Report, Simple, Subject, Text,
    Took, Tried, Weights,
};
use crate::session::snapshot::{self, Curve, Picture, State};

/// What a file may say to take a page over.
const HOSTILE: &str =
    "獺祭 <script>alert(1)</script> \" ' & | * _ `x` [a](http://evil.example) \u{1b}[2J \u{202e} ]]> 𠮷";

fn delta(value: f64) -> Delta {
    Delta { value, interval: [value - 0.01, value + 0.01], better: 0.9, queries: 9, wins_ties_losses: [4, 3, 2] }
}

fn score(value: f64) -> snapshot::Score {
    snapshot::Score {
        metric: "MRR@20".into(),
        value,
        interval: [value - 0.05, value + 0.05],
        queries: 42,
        stale: false,
    }
}

fn tried(name: &str, depth: usize, outcome: Outcome) -> Tried {
    Tried {
        name: name.into(),
        title: HOSTILE.into(),
        parent: None,
        depth,
        state: State::Fresh,
        rung: "smoke".into(),
        score: Some(score(0.5)),
        to_parent: (depth > 0).then(|| delta(0.02)),
        to_pin: (outcome != Outcome::Pin).then(|| delta(-0.03)),
        changes: vec![HOSTILE.into()],
        outcome,
        why: Some(HOSTILE.into()),
        seconds: Some(75.0),
    }
}

fn line(recipe: &str, cv: f64, public: f64, is_subject: bool) -> Line {
    Line {
        hash: Key::of_bytes(recipe.as_bytes()),
        recipe: recipe.into(),
        rung: "full".into(),
        date: "2026-11-28".into(),
        cv: Some(cv),
        interval: Some([cv - 0.02, cv + 0.02]),
        public: Some((public, format!("{public:.4}"))),
        private: Some((public - 0.01, format!("{:.4}", public - 0.01))),
        public_place: Some(1),
        private_place: Some(2),
        forecast: Some((public, [public - 0.1, public + 0.1])),
        outlier: false,
        is_final: is_subject,
        is_subject,
    }
}

fn report() -> Report {
    let picture = || Ok(Picture { width: 4, height: 4, rgb: vec![90; 48].into() });
    let seen = Seen { id: HOSTILE.into(), label: Some(HOSTILE.into()), ..Seen::default() };
    let example = Example {
        seen: seen.clone(),
        training: "fold 0".into(),
        first: None,
        value: 0.0,
        picture: picture(),
        answers: vec![crate::session::errands::report::seen::Reply {
            rank: 1,
            seen: Some(seen),
            hit: false,
            similarity: 0.9,
            picture: Err("is not there".into()),
        }],
    };
    let curve = |series: &str, points: &[[f64; 2]]| Curve {
        series: series.into(),
        points: points.to_vec().into(),
        ..Curve::default()
    };
    Report {
        project: HOSTILE.into(),
        metric: "MRR@20".into(),
        written: "2026-11-28".into(),
        subject: Subject {
            recipe: "獺祭".into(),
            title: HOSTILE.into(),
            rung: "smoke".into(),
            score: Some(score(0.5)),
            trainings: vec![("fold 0".into(), 0.4), ("fold 1".into(), 0.6)],
            pin: Some("pin".into()),
            to_pin: Some(delta(0.04)),
            texts: vec![Text {
                file: "recipes/a.md".into(),
                // Without its link: what a person writes as one is one.
                text: format!("# A\n\n{}\n\n- one\n- two\n\n```toml\n[loss]\n```\n", HOSTILE.replace("](", "] (")),
            }],
            settings: "[loss]\nname = \"x\"\n".into(),
            loss: Some("ArcFaceLoss".into()),
            epochs: Some([2, 8]),
            seconds: [3700.0, 3600.0],
            ..Subject::default()
        },
        tried: vec![tried("pin", 0, Outcome::Pin), tried(HOSTILE, 1, Outcome::Worse), tried("f", 2, Outcome::Failed)],
        runs: 3,
        curves: vec![curve("loss", &[[0.0, 3.0], [1.0, 2.0]]), curve("MRR@20", &[[0.0, 0.1], [1.0, 0.5]])],
        handed: Handed {
            lines: vec![line("獺祭", 0.5, 0.45, true), line(HOSTILE, 0.4, 0.41, false)],
            ..Handed::default()
        },
        data: Data {
            train: 9,
            reviews: Vec::new(),
            edits: vec![("drop".into(), HOSTILE.into(), 2)],
            ..Data::default()
        },
        examples: Some(Examples { queries: 42, k: 20, worst: vec![example], ..Examples::default() }),
        ablations: vec![Ablation {
            recipe: HOSTILE.into(),
            key: "[loss] margin".into(),
            own: Some("17.2".into()),
            other: None,
            rung: "smoke".into(),
            score: Some(0.4),
            delta: Some(delta(0.03)),
        }],
        simple: Some(Simple {
            recipe: "small".into(),
            is_subject: false,
            rung: "smoke".into(),
            score: 0.48,
            share: 0.96,
            seconds: 60.0,
            of_subject: 3700.0,
            parameters: Some(4_900_000),
        }),
        stages: vec![Took { stage: "fit".into(), count: 2, seconds: 3600.0, bytes: 1 << 20, ..Took::default() }],
        made: Made { weights: vec![Weights { file: HOSTILE.into(), ..Weights::default() }], ..Made::default() },
        licences: vec![Licence { licence: "MIT".into(), crates: vec!["a 1.0".into()] }],
        gaps: vec![Gap { what: Lack::Review, command: "toji review `x`".into() }],
        ..Report::default()
    }
}

/// Text without what is drawn into it as bytes.
fn without_pictures(page: &str) -> String {
    page.split("base64,")
        .enumerate()
        // The quote that ends the picture stays.
        .map(|(i, part)| if i == 0 { part } else { part.find('"').map_or("", |end| &part[end..]) })
        .collect()
}

fn document(word: &Word) -> String {
    let (_, content) = word.entries.iter().find(|(name, _)| name == "word/document.xml").unwrap();
    let Content::Bytes(bytes) = content else { panic!("it is made here") };
    String::from_utf8(bytes.clone()).unwrap()
}

#[test]
fn hostile_names_stay_text_in_html() {
    for language in Language::ALL {
        let page = without_pictures(&page(&report(), language).unwrap());
        for absent in ["<script", "javascript:", "href=\"http", "\u{1b}", "\u{202e}"] {
            assert!(!page.contains(absent), "{absent}");
        }
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && page.contains("𠮷"));
        // Quotes that open an attribute are closed by Toji's own hand.
        for tag in page.split("<body").nth(1).unwrap().split('<').skip(1).filter_map(|tag| tag.split('>').next()) {
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        }
    }
}

#[test]
fn hostile_names_stay_text_in_markdown() {
    let written = markdown(&report(), Language::English, "r", &[]).unwrap();
    // What has a backslash before it is text.
    let read = written.text.replace("\\<", "").replace("\\]", "");
    assert!(!read.contains("<script") && !read.contains("](http://evil"), "{read}");
    assert!(!written.text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'));
    assert!(written.missing.contains(&'獺'), "the built-in font is Latin");
    let names: Vec<&str> = written.files.iter().map(|(name, _)| name.as_str()).collect();
    for name in [
        "r-tried.svg",
        "r-curves-loss.png",
        "r-curves-score.svg",
        "r-folds.png",
        "r-leaderboard.svg",
        "r-cost.png",
        "r-worst.png",
    ] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    let table = written.text.lines().filter(|line| line.starts_with("| ") && line.contains("alert"));
    let columns: Vec<usize> = table.map(|line| line.replace("\\|", "").matches('|').count()).collect();
    assert!(columns.iter().all(|count| [5, 6, 9, 11, 8, 4].contains(count)), "{columns:?}");
}

#[test]
fn a_word_file_is_xml_and_names_all_its_pictures() {
    let word = word(&report(), Language::Japanese, &[]).unwrap();
    let text = document(&word);
    assert!(!text.contains("<script") && text.contains("要約") && text.contains("獺祭"));
    let mut open: Vec<&str> = Vec::new();
    for tag in text.split('<').skip(2).map(|rest| rest.split('>').next().unwrap()).filter(|tag| !tag.ends_with('/')) {
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None => open.push(tag.split_whitespace().next().unwrap()),
        }
    }
    assert!(open.is_empty());
    let pictures = word.entries.iter().filter(|(name, _)| name.starts_with("word/media/")).count();
    assert_eq!(text.matches("r:embed=").count(), pictures);
    assert!(pictures >= 7);
}

#[test]
fn the_same_facts_give_the_same_bytes_in_each_language() {
    let facts = report();
    for language in Language::ALL {
        assert_eq!(page(&facts, language).unwrap(), page(&facts, language).unwrap());
        assert_eq!(markdown(&facts, language, "r", &[]).unwrap(), markdown(&facts, language, "r", &[]).unwrap());
    }
    assert_ne!(page(&facts, Language::English).unwrap(), page(&facts, Language::Japanese).unwrap());
}

#[test]
fn the_summary_says_what_it_came_to() {
    let page = page(&report(), Language::English).unwrap();
    let summary = page.split("<h2 id=\"s1\">").nth(1).unwrap().split("<h2").next().unwrap();
    for said in [
        "reaches MRR@20 0.5000",
        "over 42 held-out queries",
        "better for certain",
        "over 42",
        "3 recipes were tried",
        "0.4500",
    ] {
        assert!(summary.contains(said), "{said}: {summary}");
    }
    // A report of nothing says so and draws nothing.
    let empty = super::page(&Report::default(), Language::English).unwrap();
    assert!(empty.contains("has no score") && !empty.contains("<svg"));
}

#[test]
fn any_markdown_becomes_a_word_file() {
    let text = "# 解法\n\n1. a\n2. b\n   - c\n\nsee [here](https://e.org/?a=1&b=2)\n\n5. e\n\n> q\n\n```\nx < y\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n";
    let entries = of_markdown(text, Language::Japanese).unwrap();
    let word = Word { entries, missing: Vec::new() };
    let document = document(&word);
    assert!(
        document
            .contains("<w:pStyle w:val=\"Title\"/></w:pPr><w:r><w:rPr></w:rPr><w:t xml:space=\"preserve\">解法</w:t>")
    );
    assert!(
        document.contains("x &lt; y")
            && document.contains("<w:ilvl w:val=\"1\"/>")
            && document.contains("r:id=\"link0\"")
    );
    let part = |name: &str| {
        let (_, content) = word.entries.iter().find(|(known, _)| known == name).unwrap();
        let Content::Bytes(bytes) = content else { panic!() };
        String::from_utf8(bytes.clone()).unwrap()
    };
    assert!(part("word/numbering.xml").contains("<w:startOverride w:val=\"5\"/>"));
    assert!(part("word/_rels/document.xml.rels").contains("https://e.org/?a=1&amp;b=2"));
}
