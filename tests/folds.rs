//! Folds and protocol by the real program: what a new project asks, what a run says of its gallery, what changes no key.

use std::fs;

use serde_json::Value as Json;

use crate::project::{Project, QUICK, copy};

const FOLDS: &str = "scheme = \"stratified\"\nk = 4";

/// The notes of a run that begin with a word.
fn notes(events: &[Json], word: &str) -> Vec<String> {
    let texts = events.iter().filter_map(|line| line["event"]["text"].as_str());
    texts.filter_map(|text| text.strip_prefix(word)).map(str::to_owned).collect()
}

/// The score's facts in the store.
fn facts(project: &Project) -> Json {
    serde_json::from_slice::<Json>(&project.artefact("score", "meta.json")).unwrap()["facts"].clone()
}

#[test]
fn a_score_says_what_a_larger_gallery_would_do() {
    let project = Project::new();
    let done = project.json(&["run", "quick"]);
    let told = notes(&done, "growth: ");
    assert!(told[0].starts_with("MRR@20 0.") && told[0].contains("the right answers kept"), "{told:?}");
    let curve = facts(&project)["growth"].clone();
    let value = |i: usize| curve["points"][i][1].as_f64().unwrap();
    let score = done.last().unwrap()["score"].as_f64().unwrap();
    assert!((value(3) - score).abs() < 1e-5, "the whole gallery is the score: {curve} {score}");
    assert!((1..4).all(|i| value(i) <= value(i - 1) + 1e-9), "{curve}");
    // What is found in the store says it again.
    let again = project.json(&["run", "quick"]);
    assert_eq!(notes(&again, "growth: "), told);
}

#[test]
fn galleries_are_made_like_the_hosts_and_other_keys_stay() {
    let project = Project::new();
    project.json(&["run", "quick"]);
    let plain = fs::read_to_string(project.path("toji.toml")).unwrap();
    let more = "kind = \"leave-one-out\"\ndistractors = 1.0\ndistractors_from = \"host\"\nunanswered = 0.25";
    project.write("toji.toml", &plain.replace("kind = \"leave-one-out\"", more));
    let steps = project.would_run("quick");
    let names: Vec<&str> = steps.iter().map(|(stage, _)| stage.as_str()).collect();
    let post = ["post fold 0 pca", "post fold 0 alpha-qe"];
    let expected = [&["fold", "embed fold 0"][..], &post, &["rank fold 0", "score"]].concat();
    assert_eq!(names, expected, "nothing is trained again");
    assert!(steps[0].1.contains("protocol") && steps[0].1.contains("distractors"), "{steps:?}");
    let done = project.json(&["run", "quick"]);
    // No query can be found that has no answer.
    let value = |line: &Json| line["score"].as_f64();
    assert!(done.last().and_then(value).unwrap() <= 0.80, "{done:?}");
    // Back to what it was: all is there.
    project.write("toji.toml", &plain);
    assert!(project.would_run("quick").is_empty());
}

#[test]
fn the_page_tells_what_folds_are_made_of() {
    let project = Project::new();
    project.write("recipes/quick.md", &QUICK.replace(FOLDS, "scheme = \"group\"\nk = 3\nnear = 0"));
    let steps = project.json(&["plan", "quick"]);
    assert!(steps.iter().any(|step| step["stage"] == "fold"));
    assert!(project.path(".toji/looks.cache").is_file());
    project.write("recipes/quick.md", &QUICK.replace(FOLDS, "scheme = \"group\"\nk = 99"));
    let out = project.toji(&["plan", "quick"]);
    let told = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(told.contains("[folds] k = 99, but only") && told.contains("label(s)"), "{told}");
}

#[test]
fn a_new_project_is_asked_or_told_whether_labels_recur() {
    let project = Project::new();
    let recipe = |folder: &str| fs::read_to_string(project.path(folder).join("recipes/00-first-pour.md")).unwrap();
    let truth = fs::read_to_string(project.path("data/sample/train.csv")).unwrap();
    let one = |folder: &str| {
        copy(&project.path("data/sample/images"), &project.path(folder).join("images"));
        project.write(&format!("{folder}/photos.csv"), &truth);
    };
    let said = |args: &[&str]| project.json(args)[0]["notes"].to_string();
    for (how, scheme) in [("closed", "stratified"), ("half-open:0.4", "mixed"), ("open", "group")] {
        let folder = how.split(':').next().unwrap();
        one(folder);
        let notes = said(&["new", folder, "--labels", how]);
        assert!(recipe(folder).contains(&format!("scheme = \"{scheme}\"\nk = 5")), "{how}: {}", recipe(folder));
        assert!(notes.contains(folder) && notes.contains(scheme) || scheme == "group", "{notes}");
        assert!(project.toji(&["--project", folder, "plan", "00-first-pour", "--untimed"]).status.success(), "{how}");
    }
    assert!(recipe("half-open").contains("open = 0.4"));
    // Nobody to ask: it says what it took, and how to say otherwise.
    one("unasked");
    assert!(said(&["new", "unasked"]).contains("is not known"));
    assert!(recipe("unasked").contains("scheme = \"holdout\""));
    // Nishika's test labels occur in training.
    copy(&project.path("data/sample"), &project.path("nishika"));
    let notes = said(&["new", "nishika"]);
    assert!(notes.contains("closed") && recipe("nishika").contains("scheme = \"stratified\""), "{notes}");
    let out = project.toji(&["new", "nowhere", "--labels", "perhaps"]);
    assert_eq!(out.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&out.stderr).contains("half-open"));
}
