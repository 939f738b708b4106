//! Looking at the data through the real program: suspects beside the sample's truth, decisions, what runs again for them, and names that try to
//! steer the terminal.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::project::Project;

/// The planted faults of the sample: kind, id and detail.
fn truth(project: &Project) -> Vec<(String, String, String)> {
    let text = std::fs::read_to_string(project.path("data/sample/truth.csv")).unwrap();
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        (fields[5].to_owned(), fields[0].to_owned(), fields[6].to_owned())
    };
    text.lines().skip(1).map(row).filter(|(fault, ..)| !fault.is_empty()).collect()
}

/// The lists of a review by kind, and what is said of all of it.
fn review(project: &Project, args: &[&str]) -> (BTreeMap<String, Vec<Json>>, Json) {
    let mut lines = project.json(&[&["review"], args].concat());
    let last = lines.pop().unwrap();
    let mut lists: BTreeMap<String, Vec<Json>> = BTreeMap::new();
    for line in lines {
        lists.entry(line["kind"].as_str().unwrap().to_owned()).or_default().push(line);
    }
    (lists, last)
}

/// The stages that would run for the quick recipe on all folds, with their reasons.
fn would_run(project: &Project) -> Vec<(String, String)> {
    let steps = project.json(&["plan", "quick", "--rung", "full"]);
    let running = steps.iter().filter(|step| step["action"] == "run");
    let text = |step: &Json, name: &str| step[name].as_str().unwrap().to_owned();
    running.map(|step| (text(step, "stage"), text(step, "reason"))).collect()
}

fn id(entry: &Json) -> &str {
    entry["id"].as_str().unwrap()
}

#[test]
fn copies_are_found_before_any_training() {
    let project = Project::new();
    let (lists, last) = review(&project, &[]);
    assert_eq!((last["recipe"].as_str(), last["photos"].as_u64()), (Some(""), Some(483)));
    let planted: BTreeSet<BTreeSet<String>> = truth(&project)
        .into_iter()
        .filter(|(fault, ..)| fault == "near-duplicate")
        .map(|(_, id, of)| BTreeSet::from([id, of]))
        .collect();
    let listed: Vec<(BTreeSet<String>, bool)> = lists["duplicate"]
        .iter()
        .map(|one| {
            let with = one["with"].as_array().unwrap().iter().map(|other| id(other).to_owned());
            (with.chain([id(one).to_owned()]).collect(), one["is_over"] == true)
        })
        .collect();
    // Every planted pair stands before all others, and no other is over the threshold.
    let first: BTreeSet<BTreeSet<String>> = listed.iter().take(planted.len()).map(|(pair, _)| pair.clone()).collect();
    assert_eq!(first, planted);
    assert_eq!(listed.iter().filter(|(_, over)| *over).count(), planted.len());
    // Those with one side among the host's photos are leaks.
    let crossing = planted
        .iter()
        .filter(|pair| pair.iter().any(|id| !id.starts_with('1')) && pair.iter().any(|id| id.starts_with('1')));
    assert_eq!(last["over"]["leak"].as_u64().unwrap() as usize, crossing.count());
    assert!(!lists.contains_key("wrong-label"));
}

#[test]
fn a_recipe_is_asked_before_and_after_training() {
    let project = Project::new();
    let (lists, last) = review(&project, &["quick"]);
    assert_eq!((last["trained"].as_bool(), last["recipe"].as_str()), (Some(false), Some("quick")));
    assert!(lists.contains_key("wrong-label") && lists.contains_key("look-alike"));
    // The network as it begins has a run of its own, and the recipe none.
    assert_eq!(project.would_run("quick").len(), 6, "{:?}", project.would_run("quick"));
    project.json(&["run", "quick", "--rung", "full"]);
    let (after, last) = review(&project, &["quick"]);
    assert_eq!(last["trained"].as_bool(), Some(true));
    // Each labelled photo with a neighbour of its own label has a place in the list.
    assert!(after["wrong-label"].len() > 250);
    // Its last map is too coarse to say where something is, but halves are looked at.
    assert!(after.contains_key("several-objects") && !after.contains_key("small-object"));
    // Without looks at parts those lists are not made; the rest is what it was.
    let (whole, _) = review(&project, &["quick", "--whole"]);
    assert_eq!(whole["wrong-label"], after["wrong-label"]);
    assert!(!whole.contains_key("several-objects"));
    let out = project.toji(&["review", "quick", "--rung", "seeds"]);
    assert_eq!(out.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&out.stderr).contains("toji run quick --rung seeds"));
}

#[test]
fn decisions_run_again_what_saw_the_photo_and_are_taken_back() {
    let project = Project::new();
    project.json(&["run", "quick", "--rung", "full"]);
    assert!(would_run(&project).is_empty());
    // Looked at only: nothing changes.
    project.json(&["edit", "keep", "1000001", "--by", "wrong-label"]);
    assert!(would_run(&project).is_empty());
    let dry = project.json(&["edit", "drop", "1000002", "1000003", "--dry-run"]).pop().unwrap();
    assert_eq!(dry["written"], false);
    assert_eq!(dry["preview"]["counts"]["dropped"], 2);
    assert!(dry["preview"]["recipes"].as_array().unwrap().iter().any(|recipe| recipe["recipe"] == "quick"));
    assert!(would_run(&project).is_empty());

    project.json(&["edit", "drop", "1000002", "1000003"]);
    project.json(&["edit", "relabel", "--to", "夕乃錦 にごり", "1000001"]);
    let stages = would_run(&project);
    let fit = stages.iter().find(|(stage, _)| stage == "fit fold 0").unwrap();
    assert!(fit.1.contains("1 image relabelled") && fit.1.contains("2 dropped"), "{}", fit.1);
    let weighed = project.json(&["edit", "score", "quick", "--rung", "full"]).pop().unwrap();
    assert_eq!(weighed["counts"]["dropped"], 2);
    assert!(weighed["queries"].as_u64().unwrap() >= 255, "{weighed}");
    assert!(would_run(&project).is_empty());

    let rows = project.json(&["edit", "list"]);
    assert_eq!(rows.len(), 4);
    // What was decided together goes together.
    let back: Vec<Json> = project.json(&["edit", "undo"]);
    assert_eq!((back.len(), back[0]["action"].as_str()), (1, Some("relabel")));
    assert_eq!(project.json(&["edit", "undo"]).len(), 2);
    assert!(would_run(&project).is_empty(), "the store has it still");
    assert_eq!(project.json(&["edit", "list"]).len(), 1);
}

#[test]
fn proposals_become_decisions_that_the_next_review_shows() {
    let project = Project::new();
    let (lists, _) = review(&project, &["--list", "duplicate", "--over"]);
    let drops: Vec<&str> = lists["duplicate"].iter().filter(|one| one["proposal"] == "drop").map(id).collect();
    assert!(!drops.is_empty());
    let said = project.json(&["review", "--list", "duplicate", "--over", "--apply"]).pop().unwrap();
    assert_eq!(said["edits"].as_array().unwrap().len(), drops.len());
    let rows = project.json(&["edit", "list"]);
    assert!(rows.iter().all(|row| row["by"] == "duplicate" && row["action"] == "drop"));
    // Those that went are no longer among the photos.
    let (after, last) = review(&project, &["--list", "duplicate", "--over"]);
    assert_eq!(last["photos"].as_u64().unwrap() as usize, 483 - drops.len());
    assert!(after["duplicate"].iter().all(|one| !drops.contains(&id(one))));
}

#[test]
fn what_cannot_be_meant_is_told_and_nothing_is_written() {
    let project = Project::new();
    let told = |args: &[&str]| {
        let out = project.toji(args);
        assert_eq!(out.status.code(), Some(1), "{args:?}");
        String::from_utf8(out.stderr).unwrap()
    };
    assert!(told(&["edit", "drop", "nobody"]).contains("no table has a photo"));
    assert!(told(&["edit", "drop", "2000001"]).contains("is no training photo"));
    assert!(told(&["edit", "crop", "--to", "1 2 3", "1000001"]).contains("four whole numbers"));
    assert!(told(&["edit", "score", "quick"]).contains("edits no photo"));
    project.write("recipes/joint.md", "# Joint\n\n```toml\n[ensemble]\nof = [\"quick.md\", \"01-baseline.md\"]\n```\n");
    assert!(told(&["review", "joint"]).contains("name a member"));
    assert!(!project.path("edits.csv").exists());
    project.write("edits.csv", "id,action,value\n1000001,dropp,\n");
    let said = told(&["plan", "quick"]);
    assert!(said.contains("edits.csv line 2") && said.contains("did you mean drop"), "{said}");
    // A file that is wrong is not made worse.
    assert!(told(&["edit", "drop", "1000002"]).contains("edits.csv line 2"));
    assert_eq!(std::fs::read_to_string(project.path("edits.csv")).unwrap(), "id,action,value\n1000001,dropp,\n");
}

#[test]
fn names_that_try_to_steer_the_terminal_stay_text() {
    let project = Project::new();
    let evil = "evil\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}𠮷";
    let long = "長".repeat(300);
    let table = std::fs::read_to_string(project.path("data/sample/train.csv")).unwrap();
    let table = table
        .replace("1000001,1000001.jpg,夕乃錦 新酒しぼりたて,", &format!("1000001,1000001.jpg,\"{evil}\","))
        .replace("1000002,1000002.jpg,夕乃錦 にごり,", &format!("1000002,1000002.jpg,{long},"));
    assert!(table.contains(evil) && table.contains(&long));
    project.write("data/sample/train.csv", &table);
    project.write(
        "edits.csv",
        &format!("id,action,value,by,date,note\n1000003,relabel,\"{evil}\",\"{evil}\",,\"a\nb\u{1b}[31m\"\n"),
    );
    for args in [
        &["review"][..],
        &["review", "--list", "single-photo"],
        &["edit", "list"],
        &["edit", "drop", "1000009", "--dry-run"],
        &["plan", "quick", "--untimed"],
    ] {
        let out = project.toji(args);
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        let text = [out.stdout, out.stderr].concat();
        let text = String::from_utf8(text).unwrap();
        let steers = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!text.contains(steers), "{args:?}: {text:?}");
    }
    let (lists, _) = review(&project, &["--list", "single-photo"]);
    assert!(lists["single-photo"].iter().any(|one| one["label"].as_str() == Some(long.as_str())));
}
