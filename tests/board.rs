//! `toji board` over the repository's own recipes: filters, orders, columns, mistakes, and a run with its folds.

use serde_json::Value as Json;

use crate::project::Project;

fn names(found: &[Json]) -> Vec<String> {
    found.iter().map(|one| one["recipe"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn recipes_are_filtered_sorted_and_said_beside_their_parents() {
    let project = Project::new();
    let found = project.json(&[
        "board",
        "--where",
        "loss.name = ArcFaceLoss and not has:pseudo_labels",
        "--columns",
        "loss.margin,train.optimizer,state",
    ]);
    assert!(names(&found).contains(&"quick".to_owned()), "{found:?}");
    for one in &found {
        assert!(one["values"]["loss.margin"].is_number(), "{one}");
        assert_eq!(one["values"]["state"], "new");
    }
    let arcface = found.iter().find(|one| one["recipe"] == "02-arcface").unwrap();
    assert_eq!(arcface["parent"], "01-baseline");
    let changes = arcface["changes"].to_string();
    assert!(changes.contains("[loss] name") && changes.contains("ArcFaceLoss"), "{changes}");
    assert!(!changes.contains("[train]"), "what it takes over is no change: {changes}");

    let sorted = project.json(&["board", "--sort", "backbone.embedding", "--columns", "backbone.embedding"]);
    let numbers: Vec<f64> = sorted.iter().filter_map(|one| one["values"]["backbone.embedding"].as_f64()).collect();
    assert!(numbers.len() > 3 && numbers.is_sorted(), "{numbers:?}");
    let names_of =
        |reverse: &[&str]| names(&project.json(&[&["board", "--where", "quick or arcface"], reverse].concat()));
    let mut turned = names_of(&["--reverse"]);
    turned.reverse();
    assert_eq!(turned, names_of(&[]));
}

#[test]
fn a_mistake_is_shown_at_its_place() {
    let project = Project::new();
    for (args, expected) in [
        (
            &["board", "--where", "loss.margn > 20"][..],
            "  loss.margn > 20\n  ^^^^^^^^^^\n  nothing is called `loss.margn`; did you mean loss.margin?",
        ),
        (&["board", "--where", "(pin"][..], "  (pin\n  ^\n  this bracket is not closed"),
        (&["board", "--sort", "scor"][..], "did you mean score?"),
        (&["board", "--columns", "state,lossy.margin"][..], "nothing is called `lossy.margin`"),
    ] {
        let out = project.toji(args);
        let told = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(2), "{told}");
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn folds_stand_below_their_recipe() {
    let project = Project::new();
    let out = project.toji(&["run", "quick", "--rung", "full"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let found = project.json(&["board", "--where", "has:score", "--folds", "--columns", "score,best,cost,trainings"]);
    assert_eq!(names(&found), ["quick"]);
    let quick = &found[0];
    assert_eq!((quick["trainings"].as_array().unwrap().len(), &quick["values"]["trainings"]), (4, &Json::from(4)));
    let scores: Vec<f64> =
        quick["trainings"].as_array().unwrap().iter().map(|one| one["score"].as_f64().unwrap()).collect();
    let mean = scores.iter().sum::<f64>() / 4.0;
    assert!((quick["mean"].as_f64().unwrap() - mean).abs() < 1e-12);
    assert!(quick["sd"].as_f64().unwrap() > 0.0 && quick["values"]["cost"].as_f64().unwrap() > 0.0);
    let text = String::from_utf8(project.toji(&["board", "--folds", "--where", "has:score"]).stdout).unwrap();
    assert!(text.contains("  fold 3") && text.contains("over 4 trainings") && text.contains("1 of "), "{text}");
}
