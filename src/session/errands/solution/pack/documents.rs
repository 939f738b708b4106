//! The host's files, from the table of its fields.
//!
//! Takes a host and what is known; gives each document as Markdown with one section for each field, and which fields nothing is known of. What is missing says so where
//! it would stand, with what to do about it.

use serde::Serialize;

use super::hosts::{Field, Host, Origin};
use super::material::{Material, cell, packages};
use super::questions::{self, Answers};
use crate::base::Value;
use crate::session::errands::solution::reproduce::source::{SETTINGS, WORK};

/// A field that nothing is known of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// The host's number of it.
    pub number: String,
    /// What is asked.
    pub asks: String,
    /// What to do about it.
    pub help: String,
}

/// A field's text, and what of it is missing.
fn of(field: &Field, known: &Material<'_>, answers: &Answers) -> (Option<String>, Option<Missing>) {
    let missing = |help: String| Missing { number: field.number.to_owned(), asks: field.asks.to_owned(), help };
    let author = |id: &str| {
        let answer = answers.of.get(id).cloned();
        let title = questions::named(id).map_or("", |question| question.title);
        let help = || missing(format!("answer \"{title}\" in {}", questions::FILE));
        (answer.clone(), answer.is_none().then(help))
    };
    match field.from {
        Origin::File(_) => (None, None),
        Origin::Author(id) => author(id),
        Origin::Record(by, value) => {
            let text = value(known);
            let help = match by {
                "ledger.jsonl" => "note it with: toji lb add HASH SCORE --private".to_owned(),
                "toji.toml" => "write it in toji.toml: [competition] name".to_owned(),
                _ => "the submission was made before this was recorded; submit again".to_owned(),
            };
            let lost = text.is_none().then(|| missing(help));
            (text, lost)
        }
        Origin::Both(_, value, id) => {
            let (answer, lost) = author(id);
            let parts: Vec<String> = answer.into_iter().chain(value(known)).collect();
            ((!parts.is_empty()).then(|| parts.join("\n\n")), lost)
        }
    }
}

/// The documents by name, and what is missing in them, each once.
pub fn written(host: Host, known: &Material<'_>, answers: &Answers) -> (Vec<(String, String)>, Vec<Missing>) {
    let (mut documents, mut missing) = (Vec::new(), Vec::<Missing>::new());
    for name in host.written() {
        let mut text = opening(host, name, known);
        let mut chapter = "";
        for field in host.fields().iter().filter(|field| field.file == name && !matches!(field.from, Origin::File(_))) {
            let (said, lost) = of(field, known, answers);
            // A host's number stands once above its questions.
            let number = match field.number == chapter
                || !field.number.starts_with(|c: char| c.is_ascii_alphanumeric())
                || field.number == "README"
            {
                true => String::new(),
                false => format!("{}. ", field.number),
            };
            chapter = field.number;
            text.push_str(&format!("\n## {number}{}\n", field.asks));
            if let Some(said) = said {
                text.push_str(&format!("\n{}\n", below_second(&said)));
            }
            if let Some(lost) = lost {
                text.push_str(&format!("\n**Missing:** {}.\n", lost.help));
                if missing.iter().all(|known| (&known.asks, &known.help) != (&lost.asks, &lost.help)) {
                    missing.push(lost);
                }
            }
        }
        documents.push((name.to_owned(), text));
    }
    // One question may stand behind several fields.
    let mut met: Vec<String> = Vec::new();
    missing.retain(|lost| {
        let is_new = !met.contains(&lost.help);
        met.push(lost.help.clone());
        is_new
    });
    (documents, missing)
}

/// An author's headings go below those of the document.
fn below_second(text: &str) -> String {
    let mut fenced = false;
    let line = |line: &str| {
        fenced ^= line.trim_start().starts_with("```");
        match line.starts_with('#') && !fenced {
            true => format!("##{line}"),
            false => line.to_owned(),
        }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn opening(host: Host, name: &str, known: &Material<'_>) -> String {
    let recipe = cell(&known.solution.run.head.recipe);
    let hash = known.solution.expected.file_hash.short();
    let competition = cell(&known.solution.competition.name);
    match name {
        "README.md" => format!(
            "# {competition}: solution {recipe}\n\nFor {}. Submission {hash}, made by Toji, a literate workbench for image retrieval. What the pack holds: \
             `solution.lock` (all that the submission was made of, and what is expected), `recipes/` (the method, to be read), `toji.toml` (the competition's facts), the trained weights, \
             the submission, the list of all photos with their hashes.\n",
            host.title()
        ),
        "model_summary.md" | "document.md" => format!("# {competition}: {recipe}\n\nSubmission {hash}.\n"),
        "entry_points.md" => {
            "# Entry points\n\nThe commands that a host runs, in this order. Paths stand in SETTINGS.json alone.\n"
                .to_owned()
        }
        _ => format!(
            "# Procedure: {recipe}\n\nThree steps that need no judgement: each is one command, and its exit code says how it went. Each is a script too: \
             `sh preprocess.sh DIR`, `sh train.sh DIR`, `sh predict.sh DIR` with the folder of the competition's tables and pictures.\n"
        ),
    }
}

/// Files that are not read as prose: exact versions, paths, scripts.
pub fn others(host: Host, known: &Material<'_>) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let script = |step: &str, command: &str| {
        format!(
            "#!/bin/sh\n# {step}. Takes the folder of the competition's tables and pictures; without one, {} in this folder.\nset -eu\ncd \"$(dirname \"$0\")\"\nexec toji reproduce . --data \"${{1:-{}}}\" {command}\n",
            known.data, known.data
        )
    };
    match host {
        Host::Kaggle => {
            let models = "models".to_owned();
            let table = [
                ("RAW_DATA_DIR", known.data.to_owned()),
                ("CLEAN_DATA_DIR", WORK.to_owned()),
                ("MODEL_DIR", models),
                ("SUBMISSION_DIR", "answers".to_owned()),
                ("CHECKPOINT_DIR", WORK.to_owned()),
            ];
            let lines: Vec<String> =
                table.iter().map(|(name, folder)| format!("  {}: {}", json(name), json(folder))).collect();
            files.push((SETTINGS.to_owned(), format!("{{\n{}\n}}\n", lines.join(",\n"))));
        }
        Host::Signate => {
            files.push((
                "preprocess.sh".to_owned(),
                script("Preprocessing: compares tables and pictures with the list in this pack", "--check"),
            ));
            files.push((
                "train.sh".to_owned(),
                script("Training and prediction: trains all networks again and compares", "--out submission.csv"),
            ));
            files.push((
                "predict.sh".to_owned(),
                script("Prediction by the trained weights in this pack", "--predict-only --out submission.csv"),
            ));
        }
        Host::Nishika => {}
    }
    files.push(("requirements.txt".to_owned(), requirements(known)));
    files
}

fn json(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

/// Exact versions.
fn requirements(known: &Material<'_>) -> String {
    let fact =
        |name: &str| known.solution.run.surroundings.get(name).and_then(Value::as_text).unwrap_or("not recorded");
    let mut out = format!(
        "# Toji and its toolchain\ntoji=={}\n# {}\n\n# Crates, as Cargo.lock has them (BLAKE3 {})\n",
        fact("toji"),
        fact("rustc"),
        fact("crates")
    );
    for package in packages(known) {
        out.push_str(&format!("{}\n", package.replacen(' ', "==", 1)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::super::lock::Seconds;
    use super::super::super::lock::tests::solution;
    use super::*;
    use crate::score::ledger::Ledger;
    use crate::session::brew::rung::Ladder;

    #[test]
    fn what_is_known_stands_in_its_place_and_what_is_not_says_so() {
        let mut solution = solution();
        solution.competition.name = "<b>Sake|銘柄</b>\u{1b}[31m".to_owned();
        solution.run.surroundings.set("cpu", Value::Text("EPYC | 7".to_owned()));
        let time = |stage: &str, seconds| Seconds { stage: stage.to_owned(), seconds, machine: "EPYC".to_owned() };
        solution.times = vec![time("fit fold 0", 70.0), time("fit fold 1", 50.0), time("embed host fold 0", 9.0)];
        let ledger = Ledger::default();
        let known = Material {
            solution: &solution,
            ledger: &ledger,
            data: "data",
            with_data: false,
            rung: &Ladder::usual().rung("smoke").unwrap().clone(),
            out: "",
            weights: Err("a | member"),
        };
        let answers = questions::read("## Background\n# Brewer\n## チーム名(ユーザー名)\n蔵人\n");
        for host in Host::ALL {
            let (documents, missing) = written(host, &known, &answers);
            let all: String = documents.iter().map(|(_, text)| text.as_str()).collect();
            assert!(!all.contains("<b>") && !all.contains('\u{1b}') && all.contains("&lt;b>Sake\\|銘柄"), "{all}");
            assert!(all.contains("rung smoke: the first fold, stopped after 2 epochs of the schedule"), "{all}");
            assert!(all.contains("蔵人") && all.contains("a \\| member"), "{all}");
            assert!(all.contains("| train | 2 min 00 s |") || host != Host::Kaggle, "{all}");
            // Every mark has its line in the list, and the list names nothing that was said.
            assert!(all.matches("**Missing:** ").count() >= missing.len() && !missing.is_empty());
            assert!(missing.iter().all(|lost| all.contains(&format!("**Missing:** {}.", lost.help))), "{missing:?}");
            assert!(!missing.iter().any(|lost| lost.help.contains("Team name") || lost.help.contains("Background")));
            let private = missing.iter().any(|lost| lost.help.contains("toji lb add"));
            assert_eq!(private, host != Host::Signate);
        }
        let (documents, _) = written(Host::Kaggle, &known, &answers);
        assert!(documents[0].1.contains("\n### Brewer\n"), "{}", documents[0].1);
    }
}
