//! The metric laboratory through the real program, with hosts that err as `toji synth score --bug` does.

use serde_json::Value as Json;

use crate::project::Project;

/// The laboratory's name for a host's bug.
fn variant(bug: &str) -> &str {
    match bug {
        "none" => "correct",
        "cutoff-ten" => "cutoff-half",
        same => same,
    }
}

fn explained(project: &Project, args: &[&str]) -> Vec<String> {
    let lines = project.json(&[&["metric", "lab"], args].concat());
    let names = lines.iter().filter(|line| line["explains"] == true).map(|line| line["variant"].as_str().unwrap());
    names.map(str::to_owned).collect()
}

#[test]
fn every_planted_bug_is_named() {
    let project = Project::new();
    project.json(&["submit", "quick", "--out", "s.csv"]);
    let truth = "data/sample/truth.csv";
    let bugs: Vec<String> = project
        .json(&["synth", "score", "x", "--bug", "list"])
        .iter()
        .map(|bug| bug["bug"].as_str().unwrap().to_owned())
        .collect();
    assert!(bugs.len() >= 16, "{bugs:?}");
    let mut by_number: std::collections::BTreeMap<String, Vec<String>> = std::collections::BTreeMap::new();
    for bug in &bugs {
        let scored = project.json(&["synth", "score", "s.csv", "--truth", truth, "--bug", bug]);
        let lb = format!("{:.5}", scored[0]["public"].as_f64().unwrap());
        by_number.entry(lb).or_default().push(bug.clone());
    }
    for (lb, bugs) in &by_number {
        let found = explained(&project, &["s.csv", "--lb", lb, "--truth", truth]);
        for bug in bugs {
            assert!(found.iter().any(|name| name == variant(bug)), "{lb}: {bug} is not among {found:?}");
        }
        // What gives another number is not named.
        for other in by_number.iter().filter(|(other, _)| *other != lb).flat_map(|(_, bugs)| bugs) {
            assert!(!found.iter().any(|name| name == variant(other)), "{lb}: {other} is among {found:?}");
        }
    }
    // Without the truth the held-out queries stand for the host's; the ledger knows who made the file.
    let score: Json = serde_json::from_slice(&project.artefact("score", "score.json")).unwrap();
    let own = format!("{:.4}", score["value"].as_f64().unwrap());
    for what in ["s.csv", "quick"] {
        assert!(explained(&project, &[what, "--lb", &own]).contains(&"correct".to_owned()));
    }
    assert!(explained(&project, &["quick", "--lb", "0.0001"]).is_empty());
    let refused = |args: &[&str]| {
        let out = project.toji(args);
        (out.status.code().unwrap(), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    let (code, text) = refused(&["metric", "lab", "quick", "--lb", "a third"]);
    assert!(code == 2 && text.contains("0.3712"), "{text}");
    let (code, text) = refused(&["metric", "lab", "quick", "--lb", "0.3", "--rung", "full"]);
    assert!(code == 1 && text.contains("toji run quick --rung full"), "{text}");
    for lb in ["1e-3", "37.12"] {
        assert_eq!(refused(&["metric", "lab", "quick", "--lb", lb]).0, 2, "{lb}");
    }
    // A file that leaves queries out has empty lists for them; ids that stand twice are no submission.
    let text = std::fs::read_to_string(project.path("s.csv")).unwrap();
    let rows: Vec<&str> = text.lines().collect();
    let told = |name: &str, rows: &[&str]| {
        project.write(name, &(rows.join("\n") + "\n"));
        let out = project.toji(&["metric", "lab", name, "--lb", "0.3", "--truth", truth]);
        let both = [out.stdout, out.stderr].concat();
        (out.status.code().unwrap(), String::from_utf8_lossy(&both).into_owned())
    };
    let (code, part) = told("part.csv", &rows[..40]);
    assert!(code == 0 && part.contains("of all queries without a row there"), "{part}");
    let (code, twice) = told("twice.csv", &[&rows[..], &rows[1..2]].concat());
    assert!(code == 1 && twice.contains("has two rows"), "{twice}");
    let mut first: Vec<String> = rows[1].split(' ').map(str::to_owned).collect();
    first[1] = first[2].clone();
    let same = first.join(" ");
    let (code, same) = told("same.csv", &[&rows[..1], &[same.as_str()], &rows[2..]].concat());
    assert!(code == 1 && same.contains("twice"), "{same}");
    let (code, text) = refused(&["metric", "lab", "toji.toml", "--lb", "0.3"]);
    assert!(code == 1 && text.contains("no submission of the ledger"), "{text}");
}

#[test]
fn other_metrics_are_counted_from_training_to_the_score() {
    let project = Project::new();
    let facts = std::fs::read_to_string(project.path("toji.toml")).unwrap();
    project.write("toji.toml", &facts.replace("[competition]", "[competition]\nmetric = \"MAP\""));
    assert!(!facts.contains("metric = \"MAP\""));
    let text = std::fs::read_to_string(project.path("toji.toml")).unwrap();
    project.write("toji.toml", &text.replacen("metric = \"MRR\"\n", "", 1));
    let done = project.json(&["run", "quick", "--rung", "smoke"]);
    assert_eq!(done.last().unwrap()["metric"], "MAP@20");
    let score: Json = serde_json::from_slice(&project.artefact("score", "score.json")).unwrap();
    assert_eq!(score["metric"], "MAP@20");
    let points = done.iter().filter(|o| o["event"]["event"] == "point" && o["event"]["series"] == "MAP@20").count();
    assert!(points >= 2, "{points}");
}
