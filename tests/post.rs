//! Chains of post steps through the real program: labels at inference, ranking steps, what each step is worth.

use serde_json::Value as Json;

use crate::project::{Project, QUICK};

fn chained(steps: &str) -> String {
    let old = "steps = [{ op = \"pca\", dim = 16 }, { op = \"alpha-qe\", k = 2 }]";
    assert!(QUICK.contains(old));
    QUICK.replace(old, &format!("steps = [{steps}]"))
}

const CHAIN: &str = r#"{ op = "pca", dim = 16 }, { op = "k-reciprocal", k1 = 10, k2 = 3 }, { op = "sort-insert" }"#;

#[test]
fn steps_that_rank_and_go_by_labels_run_from_the_score_to_the_submission() {
    let project = Project::new();
    project.json(&["run", "quick"]);
    project.write("recipes/quick.md", &chained(CHAIN));
    let plan: Vec<String> = project.would_run("quick").into_iter().map(|(stage, _)| stage).collect();
    let steps = [
        "embed training photos fold 0",
        "post fold 0 pca",
        "neighbours fold 0 of all photos",
        "neighbours fold 0 among labelled photos",
        "post fold 0 k-reciprocal",
        "post fold 0 sort-insert",
        "rank fold 0",
        "score",
    ];
    assert_eq!(plan, steps);
    let done = project.json(&["run", "quick"]);
    assert!(done.last().unwrap()["score"].as_f64().unwrap() > 0.0);
    let notes: Vec<&str> = done.iter().filter_map(|o| o["event"]["text"].as_str()).collect();
    for step in ["pca", "k-reciprocal", "sort-insert"] {
        assert!(notes.iter().any(|note| note.starts_with("post fold 0: ") && note.contains(step)), "{step}: {notes:?}");
    }
    assert!(project.would_run("quick").is_empty());
    // A changed step runs from there on; no search is done again, and what is undone is in the store.
    let planned = |steps: &str| -> Vec<String> {
        project.write("recipes/quick.md", &chained(steps));
        project.would_run("quick").into_iter().map(|(stage, _)| stage).collect()
    };
    let last = ["post fold 0 sort-insert", "rank fold 0", "score"];
    assert_eq!(planned(&CHAIN.replace("{ op = \"sort-insert\" }", "{ op = \"sort-insert\", votes = 5 }")), last);
    let second = planned(&CHAIN.replace("k2 = 3", "k2 = 4, lambda = 0.5"));
    assert_eq!(second, [&["post fold 0 k-reciprocal"][..], &last].concat());
    assert!(planned(CHAIN).is_empty());
    // One network, then all of them side by side.
    for (rung, embedded) in [("holdout", 1), ("full", 4)] {
        let out = format!("{rung}.csv");
        let told = project.json(&["submit", "quick", "--rung", rung, "--out", &out]);
        assert_eq!(told.last().unwrap()["rows"], 76);
        let labelled = project.json(&["plan", "quick", "--rung", rung]);
        assert!(labelled.iter().all(|step| step["action"] == "reuse"), "{rung}");
        let text = std::fs::read_to_string(project.path(&out)).unwrap();
        assert!(text.lines().skip(1).all(|line| line.split(',').nth(1).unwrap().split(' ').count() == 20));
        assert_eq!(embedded, if rung == "full" { 4 } else { 1 });
    }
}

#[test]
fn test_time_views_are_embedded_once_each_and_averaged() {
    let project = Project::new();
    let plain = project.json(&["run", "quick"]).last().unwrap()["score"].clone();
    let old = "{ op = \"pca\", dim = 16 }, { op = \"alpha-qe\", k = 2 }";
    let planned = |steps: &str| -> Vec<String> {
        project.write("recipes/quick.md", &chained(steps));
        project.would_run("quick").into_iter().map(|(stage, _)| stage).collect()
    };
    // The plain view alone: as without the step, since ranking divides by the length anyway (pca does not).
    planned("{ op = \"tta\", hflip = false }, { op = \"l2\" }");
    let alone = project.json(&["run", "quick"]).last().unwrap()["score"].clone();
    planned("{ op = \"l2\" }");
    assert_eq!(project.json(&["run", "quick"]).last().unwrap()["score"], alone);
    let first = planned(&format!("{{ op = \"tta\" }}, {old}"));
    assert_eq!(first[..2], ["embed fold 0 mirrored", "post fold 0 tta"], "{first:?}");
    let score = project.json(&["run", "quick"]).last().unwrap()["score"].clone();
    assert!(score.as_f64().unwrap() > 0.0 && score != plain);
    // Another combination embeds what is new.
    let more = planned(&format!("{{ op = \"tta\", scales = [1.0, 1.25] }}, {old}"));
    let embeds: Vec<&str> = more.iter().map(String::as_str).filter(|stage| stage.starts_with("embed")).collect();
    assert_eq!(embeds, ["embed fold 0 at 1.25", "embed fold 0 at 1.25, mirrored"]);
    planned(&format!("{{ op = \"tta\" }}, {old}"));
    assert_eq!(project.json(&["submit", "quick"]).last().unwrap()["rows"], 76);
    let gains: Json = project.json(&["post", "quick"]).pop().unwrap();
    assert_eq!((gains["steps"][0]["step"]["op"].as_str(), &gains["chain"]), (Some("tta"), &score));
    let late = format!("{old}, {{ op = \"tta\" }}");
    project.write("recipes/quick.md", &chained(&late));
    let told = String::from_utf8_lossy(&project.toji(&["run", "quick"]).stderr).into_owned();
    assert!(told.contains("move it to the front"), "{told}");
    project.write("recipes/quick.md", &chained("{ op = \"tta\", scales = [0.25] }"));
    let out = project.toji(&["run", "quick"]);
    let told = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success() || told.contains("too small"), "{told}");
}

const CHECKED: &str =
    r#"{ op = "pca", dim = 16 }, { op = "spatial-check", out_index = -3, dim = 16, threshold = 0.5 }"#;

#[test]
fn places_are_embedded_once_and_compared_from_the_score_to_the_submission() {
    let project = Project::new();
    let plain = project.json(&["run", "quick"]).last().unwrap()["score"].clone();
    let planned = |steps: &str| -> Vec<String> {
        project.write("recipes/quick.md", &chained(steps));
        project.would_run("quick").into_iter().map(|(stage, _)| stage).collect()
    };
    let stages = ["patches fold 0", "neighbours fold 0 in the gallery", "post fold 0 spatial-check"];
    let last = ["rank fold 0", "score"];
    let mut first = planned(CHECKED);
    first.sort();
    let mut expected: Vec<&str> = stages.iter().chain(&last).copied().collect();
    expected.sort_unstable();
    assert_eq!(first, expected);
    // The size on disk is known before anything ran: 8 × 8 of the pictures' 32 × 32, 16 bytes and 2 for the place, and the photo.
    let plan = project.json(&["plan", "quick"]);
    let of_stage = |stage: &str| plan.iter().find(|step| step["stage"] == stage).unwrap().clone();
    let photos = of_stage("patches fold 0")["bytes"].as_u64().unwrap();
    assert!(photos > 0 && photos % (4 + 16 * 18) == 0, "{photos}");
    let done = project.json(&["run", "quick"]);
    let score = done.last().unwrap()["score"].clone();
    assert!(score.as_f64().unwrap() > 0.0 && score != plain);
    let notes: Vec<&str> = done.iter().filter_map(|o| o["event"]["text"].as_str()).collect();
    assert!(notes.iter().any(|note| note.contains("spatial-check: ")), "{notes:?}");
    // What only compares embeds nothing; other descriptors are embedded, and nothing but them.
    let step = "post fold 0 spatial-check";
    for changed in
        ["threshold = 0.7", "threshold = 0.5, depth = 5", "threshold = 0.5, model = \"affine\", weight = 3.0"]
    {
        assert_eq!(planned(&CHECKED.replace("threshold = 0.5", changed)), [step, "rank fold 0", "score"], "{changed}");
    }
    let other = planned(&CHECKED.replace("dim = 16, t", "dim = 8, t"));
    assert_eq!(other, ["patches fold 0", step, "rank fold 0", "score"]);
    assert!(planned(CHECKED).is_empty());
    let gains: Json = project.json(&["post", "quick"]).pop().unwrap();
    assert_eq!((gains["steps"][1]["step"]["op"].as_str(), &gains["chain"]), (Some("spatial-check"), &score));
    assert!(gains["steps"][1]["alone"].is_object());
    for (rung, out) in [("holdout", "one.csv"), ("full", "all.csv")] {
        assert_eq!(project.json(&["submit", "quick", "--rung", rung, "--out", out]).last().unwrap()["rows"], 76);
    }
    let tuned: Json = project.json(&["tune", "quick", "--rung", "holdout"]).pop().unwrap();
    assert!(tuned["tried"].as_f64().unwrap() > 20.0);
}

#[test]
fn a_map_that_is_not_there_or_too_coarse_is_told_with_its_line() {
    let project = Project::new();
    let told = |name: &str, steps: &str| {
        let text = chained(steps).replace("resnet10t", name);
        project.write("recipes/quick.md", &text);
        let out = project.toji(&["plan", "quick"]);
        assert!(matches!(out.status.code(), Some(1 | 2)), "{out:?}");
        String::from_utf8_lossy(&out.stderr).into_owned()
    };
    // The last map of 32 × 32 pixels is one place.
    let coarse = told("resnet10t", "{ op = \"spatial-check\" }");
    assert!(coarse.contains("quick.md:30:") && coarse.contains("write out_index = -3"), "{coarse}");
    let deep = told("resnet10t", "{ op = \"spatial-check\", out_index = -7 }");
    assert!(deep.contains("quick.md:30:") && deep.contains("map -7 of resnet10t, which has 4"), "{deep}");
    let none = told("vit_tiny_patch16_224", "{ op = \"spatial-check\", out_index = -2 }");
    assert!(none.contains("which has one; write out_index = -1"), "{none}");
    let depth = told("resnet10t", "{ op = \"spatial-check\", out_index = -3, depth = 0 }");
    assert!(depth.contains("depth"), "{depth}");
    let twice = told("resnet10t", &format!("{CHECKED}, {{ op = \"spatial-check\", out_index = -3 }}"));
    assert!(twice.contains("twice"), "{twice}");
}

#[test]
fn what_is_not_in_the_gallery_is_said_scored_and_handed_in() {
    let project = Project::new();
    let facts = std::fs::read_to_string(project.path("toji.toml")).unwrap();
    let facts = facts.replace("kind = \"leave-one-out\"", "kind = \"leave-one-out\"\nunanswered = 0.4");
    project.write("toji.toml", &format!("{facts}\n[submission]\nnot_in_gallery = \"new_brand\"\n"));
    let score = |steps: &str| {
        project.write("recipes/quick.md", &chained(steps));
        project.json(&["run", "quick"]).last().unwrap()["score"].as_f64().unwrap()
    };
    let plain = score("");
    // Said first everywhere, it is the answer of those without one, and takes half of the others' score.
    let always = score("{ op = \"not-in-gallery\", ratio = 1.0 }");
    assert!(always > 0.35, "{always}");
    let sometimes = score("{ op = \"not-in-gallery\", ratio = 0.4 }, { op = \"sort-insert\" }");
    assert!(sometimes > plain, "{sometimes} {plain}");
    let label = std::fs::read_to_string(project.path("data/sample/train.csv")).unwrap();
    let label = label.lines().nth(1).unwrap().split(',').nth(2).unwrap().to_owned();
    let penalty = format!("{{ op = \"non-target-penalty\", labels = [\"{label}\"] }}");
    assert_ne!(score(&penalty), plain);
    score(&format!("{penalty}, {{ op = \"not-in-gallery\", ratio = 0.5 }}"));
    assert_eq!(project.json(&["submit", "quick", "--out", "absent.csv"]).last().unwrap()["rows"], 76);
    let text = std::fs::read_to_string(project.path("absent.csv")).unwrap();
    let lists: Vec<Vec<&str>> =
        text.lines().skip(1).map(|line| line.split(',').nth(1).unwrap().split(' ').collect()).collect();
    assert!(lists.iter().all(|list| list.len() == 20));
    // Half of the queries' best photos lie below the threshold.
    assert_eq!(lists.iter().filter(|list| list[0] == "new_brand").count(), 38);
}

#[test]
fn an_untrained_networks_training_photos_are_those_of_the_rung() {
    let still = |steps: &str| {
        let text = chained(steps).replace("epochs = 3", "epochs = 0");
        let ladder =
            "[folds]\nladder = [{ rung = \"small\", folds = 1, images = 40 }, { rung = \"holdout\", folds = 1 }]";
        text.replace("[folds]", ladder)
    };
    let score = |rungs: &[&str]| {
        let project = Project::new();
        project.write("recipes/quick.md", &still("{ op = \"sort-insert\" }"));
        let run = |rung: &&str| project.json(&["run", "quick", "--rung", rung]).last().unwrap()["score"].clone();
        rungs.iter().map(run).collect::<Vec<Json>>().pop().unwrap()
    };
    assert_eq!(score(&["small", "holdout"]), score(&["holdout"]));
    assert_eq!(score(&["holdout", "small"]), score(&["small"]));
}

#[test]
fn what_each_step_is_worth_adds_up() {
    let project = Project::new();
    project.write("recipes/quick.md", &chained(CHAIN));
    let found: Json = project.json(&["post", "quick"]).pop().unwrap();
    let number = |value: &Json| value.as_f64().unwrap_or_else(|| panic!("{value}"));
    let steps = found["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 3);
    // The first step in its place is the step alone; the last one left out is the chain before it.
    assert_eq!(steps[0]["here"], steps[0]["alone"]);
    assert_eq!(steps[2]["here"], steps[2]["left_out"]);
    let sum: f64 = steps.iter().map(|step| number(&step["here"]["value"])).sum();
    assert!((sum - (number(&found["chain"]) - number(&found["plain"]))).abs() < 1e-9, "{found}");
    assert!((sum - number(&found["gain"]["value"])).abs() < 1e-9);
    for (name, sign) in [("better", 1.0), ("worse", -1.0)] {
        let moved = found[name].as_array().unwrap();
        assert!(moved.iter().all(|m| (number(&m["after"]) - number(&m["before"])) * sign > 0.0), "{found}");
    }
    assert_eq!(number(&project.json(&["run", "quick"]).last().unwrap()["score"]), number(&found["chain"]));
    // Asked again, it is in the store; a step that cannot stand alone is a dash and no failure.
    let text = String::from_utf8(project.toji(&["post", "quick"]).stdout).unwrap();
    assert!(
        text.contains("lost without it") && text.contains("k-reciprocal k1 10, k2 3") && text.contains("without steps"),
        "{text}"
    );
    project.write("recipes/none.md", &chained(""));
    let out = project.toji(&["post", "none"]);
    assert!(out.status.code() == Some(1) && String::from_utf8_lossy(&out.stderr).contains("nothing to weigh"));
}

#[test]
fn steps_in_the_wrong_place_or_without_what_they_need_are_told() {
    let project = Project::new();
    let told = |steps: &str| {
        project.write("recipes/quick.md", &chained(steps));
        let out = project.toji(&["run", "quick", "--rung", "smoke"]);
        assert!(matches!(out.status.code(), Some(1 | 2)), "{out:?}");
        String::from_utf8_lossy(&out.stderr).into_owned()
    };
    let late = told("{ op = \"k-reciprocal\" }, { op = \"pca\", dim = 16 }");
    assert!(late.contains("move pca before k-reciprocal"), "{late}");
    let negatives = told("{ op = \"non-target-penalty\", labels = [\"nobody\"] }");
    assert!(negatives.contains("no training photo has the label nobody"), "{negatives}");
    let wordless = told("{ op = \"not-in-gallery\", ratio = 0.2 }");
    assert!(wordless.contains("[submission] not_in_gallery"), "{wordless}");
}

#[test]
fn a_tuned_chain_is_told_with_the_gain_that_it_has_where_it_did_not_choose() {
    let project = Project::new();
    project.write("recipes/quick.md", &QUICK.replace("k = 4", "k = 2").replace("epochs = 3", "epochs = 1"));
    let found: Json = project.json(&["tune", "quick", "--rung", "full"]).pop().unwrap();
    let number = |value: &Json| value.as_f64().unwrap_or_else(|| panic!("{value}"));
    // What chose itself is never worse than nothing, nor than the recipe's own.
    assert!(number(&found["value"]) >= number(&found["plain"]) && number(&found["value"]) >= number(&found["own"]));
    assert!(number(&found["chosen"]["value"]) >= 0.0 && number(&found["tried"]) > 20.0);
    assert_eq!(found["carries_over"], number(&found["nested"]["interval"][0]) > 0.0);
    let parts = found["parts"].as_array().unwrap();
    assert_eq!(parts.iter().map(|part| part["name"].as_str().unwrap()).collect::<Vec<_>>(), ["fold 0", "fold 1"]);
    // The chain can be taken over as it is printed, and then scores what was said.
    let text = String::from_utf8(project.toji(&["tune", "quick", "--rung", "full"]).stdout).unwrap();
    let steps = text.lines().find_map(|line| line.strip_prefix("steps = [")).unwrap();
    let steps = steps.strip_suffix(']').unwrap();
    project.write("recipes/tuned.md", &chained(steps).replace("k = 4", "k = 2").replace("epochs = 3", "epochs = 1"));
    let score = number(&project.json(&["run", "tuned", "--rung", "full"]).last().unwrap()["score"]);
    assert!((score - number(&found["value"])).abs() < 1e-9, "{score} {found}");
    // With one fold, labels are parted.
    let found: Json = project.json(&["tune", "quick", "--rung", "holdout"]).pop().unwrap();
    assert_eq!(found["parts"].as_array().unwrap().len(), 5);
}
