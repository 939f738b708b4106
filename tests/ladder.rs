//! The ladder through the real program: looks, seeds, verdicts, many recipes up together, kills at any moment.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use toji::base::Seed;

use crate::project::{Project, QUICK};

/// The quick recipe in `[folds]` of three, with other words in `[loss]` and `[decide]`.
fn recipe(changes: &[(&str, &str)], more: &str) -> String {
    let mut text = QUICK.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    format!("{text}\n{more}\n")
}

fn cell(text: &str) -> String {
    format!("```toml\n{text}\n```\n")
}

/// Pins the quick recipe.
fn pin(project: &Project) {
    let facts = std::fs::read_to_string(project.path("toji.toml")).unwrap();
    assert!(facts.contains("pin = \"01-baseline.md\""));
    project.write("toji.toml", &facts.replace("pin = \"01-baseline.md\"", "pin = \"quick.md\""));
}

fn decisions(objects: &[Json]) -> Vec<(String, u64, String, bool)> {
    let of = |object: &Json| {
        let event = object.get("event").filter(|event| event["event"] == "decision")?;
        let text = |name: &str| event[name].as_str().unwrap().to_owned();
        Some((text("advice"), event["epoch"].as_u64().unwrap(), text("reason"), event["acted"].as_bool().unwrap()))
    };
    objects.iter().filter_map(of).collect()
}

#[test]
fn every_look_is_kept_with_its_queries_and_a_verdict() {
    let project = Project::new();
    let done = project.json(&["run", "quick", "--rung", "smoke"]);
    let told = decisions(&done);
    assert_eq!(
        told.iter().map(|(advice, epoch, ..)| (advice.as_str(), *epoch)).collect::<Vec<_>>(),
        [("go-on", 1), ("promote", 2)]
    );
    assert!(told[0].2.contains("no training of a pinned baseline"), "{told:?}");
    let looks = |project: &Project| -> Vec<String> {
        let mut names = project.files_of("fit");
        names.retain(|name| name.starts_with("look-"));
        // Without the stamp of the folds and of how photos are seen.
        let mut names: Vec<String> =
            names.iter().map(|name| format!("look-{}", name.rsplit('-').next().unwrap())).collect();
        names.sort();
        names
    };
    assert_eq!(looks(&project), ["look-00001.json", "look-00002.json"]);
    // The next rung takes them over.
    project.json(&["run", "quick"]);
    let all = looks(&project);
    // The prefix of the lower rung, and the whole.
    assert_eq!(all, [1, 1, 2, 2, 3].map(|epoch| format!("look-{epoch:05}.json")));
}

#[test]
fn a_ladder_and_a_decider_change_no_result() {
    let project = Project::new();
    project.json(&["run", "quick"]);
    let rungs = "ladder = [{ rung = \"try\", folds = 1, epochs = 1 }, { rung = \"holdout\", folds = 1 }]";
    let decide = cell("[decide]\nname = \"EarlyStopping\"\npatience = 9");
    let text = recipe(&[("[folds]", &format!("[folds]\n{rungs}"))], &decide);
    project.write("recipes/quick.md", &text);
    assert!(project.would_run("quick").is_empty(), "{:?}", project.would_run("quick"));
    let steps = project.json(&["plan", "quick", "--rung", "try"]);
    assert!(steps.iter().any(|step| step["stage"] == "fit fold 0"));
    let out = project.toji(&["plan", "quick", "--rung", "smoke"]);
    let told = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!out.status.success() && told.contains("there are try, holdout"), "{told}");
}

#[test]
fn a_decider_that_may_act_stops_the_run_and_it_can_be_gone_on_with() {
    let project = Project::new();
    let stop = "[decide]\nname = \"ThresholdPruner\"\nlower = 0.99\nauto = true";
    project.write("recipes/quick.md", &recipe(&[], &cell(stop)));
    let done = project.json(&["run", "quick"]);
    let told = decisions(&done);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].0 == "stop" && told[0].1 == 1 && told[0].3, "{told:?}");
    assert!(done.iter().all(|object| object.get("score").is_none()), "no result");
    // Without the decider it goes on from its checkpoint, to the bits of a run that was never stopped.
    project.write("recipes/quick.md", QUICK);
    assert!(project.would_run("quick")[0].1.contains("epoch 1"), "{:?}", project.would_run("quick"));
    project.json(&["run", "quick"]);
    let straight = Project::new();
    straight.json(&["run", "quick"]);
    assert_eq!(project.artefact("fit", "checkpoint.safetensors"), straight.artefact("fit", "checkpoint.safetensors"));
}

#[test]
fn many_recipes_climb_together_and_the_hopeless_stay_below() {
    let project = Project::new();
    // Three epochs are too few for the paired test to give anyone up; this one is by its own decider.
    let hopeless = cell("[decide]\nname = \"ThresholdPruner\"\nlower = 0.9");
    project.write("recipes/idle.md", &recipe(&[("lr = 1e-3", "lr = 1e-9")], &hopeless));
    project.write("recipes/twin.md", &recipe(&[("margin = 17.2", "margin = 16.0")], ""));
    pin(&project);
    let done = project.json(&["brew", "quick", "twin", "idle", "--until", "holdout"]);
    let climbed: Vec<&Json> = done.iter().filter(|object| object.get("arrived").is_some()).collect();
    assert_eq!(climbed.len(), 3);
    let of = |name: &str| *climbed.iter().find(|c| c["recipe"] == name).unwrap();
    assert_eq!((of("quick")["arrived"].as_bool(), of("quick")["pin"].as_bool()), (Some(true), Some(true)));
    assert_eq!(of("idle")["arrived"], false, "{:?}", of("idle"));
    assert!(of("idle")["reason"].as_str().unwrap().contains("is below 0.9"), "{:?}", of("idle"));
    // One that fails does not keep the others from going on.
    project.write(
        "recipes/broken.md",
        &recipe(&[("size = [32, 32]", "size = [8, 8]"), ("resnet10t", "convnext_atto")], ""),
    );
    let out = project.toji(&["brew", "quick", "broken", "--until", "holdout"]);
    let told = String::from_utf8_lossy(&out.stdout).into_owned();
    assert_eq!(out.status.code(), Some(1), "{told}");
    assert!(told.contains("broken") && told.contains("failed: ") && told.contains("quick (pin)"), "{told}");
    std::fs::remove_file(project.path("recipes/broken.md")).unwrap();
    // Asking again finds all of it.
    let again = project.json(&["brew", "quick", "twin", "idle", "--until", "holdout"]);
    let scores = |objects: &[Json]| -> Vec<(String, Json)> {
        let of = |o: &Json| o.get("arrived").map(|_| (o["recipe"].as_str().unwrap().to_owned(), o["score"].clone()));
        objects.iter().filter_map(of).collect()
    };
    assert_eq!(scores(&done), scores(&again));
    assert!(again.iter().all(|o| o["event"]["event"] != "stage_started"), "nothing is made twice");
}

#[test]
fn what_keep_leaves_behind_is_an_event_of_its_run_once() {
    let project = Project::new();
    let rungs = "ladder = [{ rung = \"smoke\", folds = 1, epochs = 1, keep = 1 }, { rung = \"holdout\", folds = 1, epochs = 2 }]";
    let laddered = |changes: &[(&str, &str)]| {
        recipe(&[&[("[folds]", format!("[folds]\n{rungs}").as_str())], changes].concat(), "")
    };
    project.write("recipes/quick.md", &laddered(&[]));
    project.write("recipes/twin.md", &laddered(&[("margin = 17.2", "margin = 16.0")]));
    project.write("recipes/idle.md", &laddered(&[("lr = 1e-3", "lr = 1e-9")]));
    // One whose folds do not fit is told, and the others go on.
    project.write("recipes/unfit.md", &laddered(&[("k = 4", "k = 4\ntogether = \"no_such_column\"")]));
    pin(&project);
    let names = ["brew", "quick", "twin", "idle", "unfit", "--until", "holdout", "--json"];
    for _ in 0..2 {
        let out = project.toji(&names);
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        assert_eq!(out.status.code(), Some(1), "{text}");
        let climbed: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let of = |name: &str| climbed.iter().rfind(|c| c["recipe"] == name && c.get("arrived").is_some()).unwrap();
        assert_eq!((of("unfit")["failed"].as_bool(), of("quick")["arrived"].as_bool()), (Some(true), Some(true)));
        assert!(of("unfit")["reason"].as_str().unwrap().contains("no_such_column"), "{}", of("unfit"));
        let kept_out: Vec<&str> = ["twin", "idle"]
            .into_iter()
            .filter(|name| of(name)["reason"].as_str().unwrap().contains("keeps 1"))
            .collect();
        assert_eq!(kept_out.len(), 1, "{text}");
        // Each run that was asked about has it once, in the words of the table.
        let mut told = 0;
        for run in std::fs::read_dir(project.path(".toji/runs")).unwrap().flatten() {
            let text = std::fs::read_to_string(run.path().join("events.jsonl")).unwrap();
            let lines = text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
            let said: Vec<Json> = lines.filter(|line| line["decider"] == "keep").collect();
            assert!(said.len() <= 1, "{said:?}");
            for said in said {
                assert!(run.file_name().to_string_lossy().ends_with(kept_out[0]), "{said:?}");
                assert_eq!((&said["advice"], &said["evidence"]["place"]), (&Json::from("stop"), &Json::from(2.0)));
                assert_eq!(said["reason"], of(kept_out[0])["reason"]);
                told += 1;
            }
        }
        assert!(told >= 1, "{text}");
    }
}

#[test]
fn a_rung_of_fewer_photos_is_a_training_of_its_own() {
    let project = Project::new();
    let rungs = "ladder = [{ rung = \"few\", folds = 1, epochs = 2, images = 60 }, { rung = \"holdout\", folds = 1 }]";
    project.write("recipes/quick.md", &recipe(&[("[folds]", &format!("[folds]\n{rungs}"))], ""));
    let few = project.json(&["run", "quick", "--rung", "few"]);
    let fitted = few.iter().find(|o| o["event"]["event"] == "stage_finished" && o["event"]["stage"] == "fit").unwrap();
    assert_eq!(fitted["event"]["part"], "fold 0 on 60 photos");
    assert_eq!(decisions(&few).iter().map(|(_, epoch, ..)| *epoch).collect::<Vec<_>>(), [1, 2]);
    let meta: Json = serde_json::from_slice(&project.artefact("fit", "meta.json")).unwrap();
    assert_eq!(meta["facts"]["photos"], 60);
    // The next rung begins anew, to the bits of a recipe without that rung.
    let plan = project.would_run("quick");
    assert!(plan.iter().any(|(stage, reason)| stage == "fit fold 0" && !reason.contains("goes on")), "{plan:?}");
    project.json(&["run", "quick"]);
    let straight = Project::new();
    straight.json(&["run", "quick"]);
    let bits = |project: &Project| project.json(&["run", "quick"]).last().unwrap()["score"].clone();
    assert_eq!(bits(&project), bits(&straight));
    let backwards = rungs.replace("{ rung = \"holdout\", folds = 1 }", "{ rung = \"less\", folds = 1, images = 50 }");
    project.write("recipes/quick.md", &recipe(&[("[folds]", &format!("[folds]\n{backwards}"))], ""));
    let told = String::from_utf8_lossy(&project.toji(&["plan", "quick", "--rung", "less"]).stderr).into_owned();
    assert!(told.contains("less has fewer images than few"), "{told}");
}

#[test]
fn an_evaluation_on_the_way_may_ask_fewer_queries_and_trains_nothing_again() {
    let project = Project::new();
    project.json(&["run", "quick"]);
    let whole: Json = serde_json::from_slice(&project.artefact("score", "score.json")).unwrap();
    let eval = |text: &str| recipe(&[("epochs = 3", &format!("epochs = 3\neval = {text}"))], "");
    let few = "{ every_epochs = 1, queries = 20, gallery = 40 }";
    project.write("recipes/quick.md", &eval(few));
    assert!(project.would_run("quick").is_empty(), "{:?}", project.would_run("quick"));
    let asked = Project::new();
    asked.write("recipes/quick.md", &eval(few));
    asked.json(&["run", "quick"]);
    assert_eq!(asked.artefact("score", "score.json"), project.artefact("score", "score.json"));
    let look = asked.files_of("fit").into_iter().find(|name| name.starts_with("look-")).unwrap();
    let look: Json = serde_json::from_slice(&asked.artefact("fit", &look)).unwrap();
    let queries = |score: &Json| score["queries"].as_array().unwrap().clone();
    assert_eq!(queries(&look).len(), 20);
    assert!(queries(&look).iter().all(|query| queries(&whole).contains(query)));
}

#[test]
fn trainings_that_are_evaluated_otherwise_are_not_compared() {
    let project = Project::new();
    pin(&project);
    let few = "epochs = 3\neval = { every_epochs = 1, queries = 16, gallery = 16 }";
    project.write("recipes/quick.md", &recipe(&[("epochs = 3", few)], ""));
    project.write("recipes/twin.md", &recipe(&[("lr = 1e-3", "lr = 1.001e-3")], ""));
    project.write("recipes/alike.md", &recipe(&[("epochs = 3", few), ("lr = 1e-3", "lr = 1.002e-3")], ""));
    project.json(&["run", "quick"]);
    for (name, compared) in [("twin", false), ("alike", true)] {
        let told = decisions(&project.json(&["run", name]));
        let last = told.last().unwrap();
        assert_eq!(last.2.contains("another part of the gallery"), !compared, "{last:?}");
        assert_eq!(last.2.contains("quick at epoch"), compared, "{last:?}");
    }
}

#[test]
fn the_best_epochs_weights_are_kept_beside_the_last_ones() {
    let project = Project::new();
    // A rate that ruins the last epochs.
    let text =
        recipe(&[("lr = 1e-3", "lr = 1e-3"), ("batch = 32", "batch = 32\nschedule = { name = \"constant\" }")], "");
    let wild = text.replace("lr = 1e-3", "lr = 1e-2").replace("epochs = 3", "epochs = 4");
    project.write("recipes/quick.md", &wild);
    project.json(&["run", "quick", "--rung", "smoke"]);
    let done = project.json(&["run", "quick"]);
    let scores: Vec<f64> = done
        .iter()
        .filter(|o| {
            o["event"]["event"] == "point" && o["event"]["series"] == "MRR@20" && o["event"]["x"].as_f64() > Some(0.5)
        })
        .map(|o| o["event"]["value"].as_f64().unwrap())
        .collect();
    assert_eq!(scores.len(), 4, "{scores:?}");
    // Switched on, nothing is trained again; without post steps the score is that of the best evaluation.
    let plain = wild.replace("steps = [{ op = \"pca\", dim = 16 }, { op = \"alpha-qe\", k = 2 }]", "steps = []");
    assert_ne!(plain, wild);
    project.write("recipes/quick.md", &plain.replace("batch = 32", "batch = 32\nload_best_model_at_end = true"));
    let plan = project.would_run("quick");
    assert!(plan.iter().all(|(stage, _)| !stage.starts_with("fit")), "{plan:?}");
    let best = scores.iter().copied().fold(f64::MIN, f64::max);
    let score = project.json(&["run", "quick"]).last().unwrap()["score"].as_f64().unwrap();
    assert!((score - best).abs() < 1e-9, "{score} of {scores:?}");
    // Chosen by other queries it would be another epoch, whose weights are not there any more.
    let few = plain.replace("batch = 32", "batch = 32\nload_best_model_at_end = true\neval = { queries = 16 }");
    project.write("recipes/quick.md", &few);
    let plan = project.would_run("quick");
    assert!(plan.iter().any(|(stage, _)| stage.starts_with("embed")), "{plan:?}");
    let refused = project.toji(&["run", "quick"]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && told.contains("set these as they were"), "{told}");
}

#[test]
fn the_noise_rung_is_on_no_ladder_and_stays_in_the_store() {
    let project = Project::new();
    let rungs = "ladder = [{ rung = \"holdout\", folds = 1 }, { rung = \"full\" }]";
    project.write("recipes/quick.md", &recipe(&[("[folds]", &format!("[folds]\n{rungs}"))], ""));
    project.json(&["run", "quick", "--rung", "noise"]);
    let fits = || project.files_of("fit").iter().filter(|name| *name == "checkpoint.safetensors").count();
    assert_eq!(fits(), 3);
    project.json(&["run", "quick"]);
    project.json(&["gc", "--yes"]);
    assert_eq!(fits(), 3);
}

#[test]
fn seeds_are_trainings_of_their_own_and_measure_the_noise() {
    let project = Project::new();
    let rungs = "ladder = [{ rung = \"holdout\", folds = 1 }, { rung = \"seeds\", folds = 1, seeds = 3 }]";
    let text = recipe(&[("[folds]", &format!("[folds]\n{rungs}"))], "");
    project.write("recipes/quick.md", &text);
    project.json(&["run", "quick"]);
    let steps: Vec<String> = project
        .json(&["plan", "quick", "--rung", "seeds"])
        .iter()
        .filter(|step| step["action"] == "run")
        .map(|step| step["stage"].as_str().unwrap().to_owned())
        .collect();
    assert!(steps.contains(&"fit fold 0 seed +1".to_owned()) && !steps.contains(&"fit fold 0".to_owned()), "{steps:?}");
    project.json(&["run", "quick", "--rung", "seeds"]);
    // A recipe whose own seed is the pin's next is that training.
    let next = recipe(&[("seed = 3", "seed = 4")], "");
    project.write("recipes/next.md", &next);
    let steps = project.would_run("next");
    assert!(steps.iter().all(|(stage, _)| !stage.starts_with("fit")), "{steps:?}");

    pin(&project);
    project.write("recipes/twin.md", &recipe(&[("margin = 17.2", "margin = 16.0")], ""));
    let told = decisions(&project.json(&["run", "twin"]));
    assert!(told.iter().all(|(_, _, reason, _)| reason.contains("with the seeds' noise")), "{told:?}");
}

/// Kills the program at moments drawn by a seed, all through a run; what comes of it is what an undisturbed run gives.
#[test]
fn killed_at_any_moment_a_run_comes_to_the_same_bits() {
    let straight = Project::new();
    let began = Instant::now();
    straight.json(&["run", "quick"]);
    let whole = began.elapsed();
    let expected = (straight.artefact("fit", "checkpoint.safetensors"), straight.artefact("score", "score.json"));
    let kills: u64 = std::env::var("TOJI_TEST_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(4);
    for kill in 0..kills {
        let project = Project::new();
        let share = Seed::new(kill).named("kill").draws().unit();
        let mut child = project.command(&["run", "quick"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole.mul_f64(0.05 + 0.9 * share).max(Duration::from_millis(20)));
        // Perhaps it is done already: then there is nothing to kill, and all the same to compare.
        let _ = child.kill();
        child.wait().unwrap();
        project.json(&["run", "quick"]);
        let found = (project.artefact("fit", "checkpoint.safetensors"), project.artefact("score", "score.json"));
        assert!(found == expected, "kill {kill} at {share:.2} of the run");
    }
    println!("{kills} kills: all to the same bits");
}
