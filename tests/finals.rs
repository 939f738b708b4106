//! The last day through the real program: who answers the host by `[final]`, for how long it trains, how several answers become one.

use std::collections::HashMap;
use std::path::PathBuf;

use serde_json::Value as Json;
use toji::data::{Manifest, Role};
use toji::learn::train::Checkpoint;
use toji::retrieve::Embeddings;

use crate::project::{Project, QUICK};

/// A recipe of two epochs and four folds with these cells more.
fn recipe(more: &str) -> String {
    let steps = "steps = [{ op = \"pca\", dim = 16 }, { op = \"alpha-qe\", k = 2 }]";
    assert!(QUICK.contains(steps));
    let text = QUICK.replace(steps, "steps = []").replace("epochs = 3", "epochs = 2");
    text.replace("[folds]", &format!("{more}\n[folds]"))
}

fn artefacts(project: &Project, stage: &str, file: &str) -> Vec<PathBuf> {
    let folders = |path: PathBuf| std::fs::read_dir(path).unwrap().flatten().map(|entry| entry.path());
    let all = folders(project.path(".toji/store").join(stage)).flat_map(folders).map(|folder| folder.join(file));
    let mut found: Vec<PathBuf> = all.filter(|file| file.is_file()).collect();
    found.sort();
    found
}

/// The stages of a plan for a submission that would run, with their bytes.
fn planned(project: &Project, rung: &str) -> HashMap<String, Json> {
    let steps = project.json(&["plan", "f", "--host", "--rung", rung]);
    let running = steps.into_iter().filter(|step| step["action"] == "run");
    running.map(|step| (step["stage"].as_str().unwrap().to_owned(), step["bytes"].clone())).collect()
}

fn handed_in(project: &Project, rung: &str) -> Json {
    project.json(&["submit", "f", "--rung", rung, "--out", "f.csv"]).pop().unwrap()
}

fn names(told: &Json) -> Vec<&str> {
    told["networks"].as_array().unwrap().iter().filter_map(Json::as_str).collect()
}

fn lists(project: &Project) -> HashMap<String, Vec<String>> {
    let text = std::fs::read_to_string(project.path("f.csv")).unwrap();
    let line = |line: &str| {
        let (query, list) = line.split_once(',').unwrap();
        (query.to_owned(), list.split(' ').map(str::to_owned).collect())
    };
    text.lines().skip(1).map(line).collect()
}

#[test]
fn one_network_learns_from_every_labelled_photo() {
    let project = Project::new();
    project.write("recipes/f.md", &recipe(""));
    let before = handed_in(&project, "holdout");
    assert_eq!(names(&before), ["fold 0"]);
    let fold = artefacts(&project, "fit", "checkpoint.safetensors");

    project.write("recipes/f.md", &recipe("[final]\nfit = \"all-data\""));
    let plan = planned(&project, "holdout");
    let mut stages: Vec<&str> = plan.keys().map(String::as_str).collect();
    stages.sort_unstable();
    assert_eq!(stages, ["embed host all data", "fit all data"]);
    // Each row is 32 numbers and the photo's place.
    let manifest = Manifest::load(&artefacts(&project, "data", "manifest.parquet")[0]).unwrap();
    let host = manifest.photos.iter().filter(|photo| photo.role != Role::Train).count();
    assert_eq!(plan["embed host all data"], host * 33 * 4);

    let after = handed_in(&project, "holdout");
    assert_eq!((names(&after), &after["cv"]), (vec!["all data"], &before["cv"]));
    assert_ne!(after["file_hash"], before["file_hash"]);
    assert!(planned(&project, "holdout").is_empty());
    let new: Vec<PathBuf> = artefacts(&project, "fit", "checkpoint.safetensors");
    let new: Vec<&PathBuf> = new.iter().filter(|file| !fold.contains(file)).collect();
    let place = Checkpoint::open(new[0]).unwrap().place().clone();
    assert_eq!((new.len(), place.epoch), (1, 2));
    // Nobody examined it, so there is a loss and no score, and no look.
    assert!(place.history.iter().all(|lesson| lesson.score.is_none()));
    let meta = std::fs::read_to_string(new[0].with_file_name("meta.json")).unwrap();
    let meta: Json = serde_json::from_str(&meta).unwrap();
    let labelled = manifest.photos.iter().filter(|photo| photo.role == Role::Train && photo.label.is_some()).count();
    assert_eq!(meta["facts"]["photos"], labelled);
    assert!(
        std::fs::read_dir(new[0].parent().unwrap())
            .unwrap()
            .flatten()
            .all(|entry| !entry.file_name().to_string_lossy().starts_with("look-"))
    );
    let ledger = std::fs::read_to_string(project.path("ledger.jsonl")).unwrap();
    assert!(ledger.lines().last().unwrap().contains("\"networks\":[\"all data\"]"), "{ledger}");
    // Other folds are no reason to train it again.
    project.write("recipes/f.md", &recipe("[final]\nfit = \"all-data\"").replace("k = 4", "k = 3"));
    assert!(!planned(&project, "holdout").contains_key("fit all data"));
    // And gc keeps it.
    let going = project.json(&["gc"]);
    assert!(!going.iter().any(|item| item.to_string().contains("all data")), "{going:?}");
}

#[test]
fn several_networks_stand_side_by_side_or_are_averaged() {
    let project = Project::new();
    let text =
        |combine: &str| recipe(&format!("[final]\nfit = \"both\"\ncombine = \"{combine}\"")).replace("k = 4", "k = 2");
    project.write("recipes/f.md", &text("concat"));
    let told = handed_in(&project, "full");
    assert_eq!(names(&told), ["fold 0", "fold 1", "all data"]);
    let concat = lists(&project);
    project.write("recipes/f.md", &text("mean"));
    assert!(planned(&project, "full").is_empty(), "only the last step differs");
    handed_in(&project, "full");
    let mean = lists(&project);

    // By hand, from what the networks see of the host's photos.
    let manifest = Manifest::load(&artefacts(&project, "data", "manifest.parquet")[0]).unwrap();
    let host = |photo: u32| manifest.photos[photo as usize].role != Role::Train;
    let all: Vec<Embeddings> = artefacts(&project, "embed", "embeddings.safetensors")
        .iter()
        .map(|file| Embeddings::load(file).unwrap())
        .filter(|rows| host(rows.photos[0]))
        .collect();
    assert_eq!(all.len(), 3);
    let unit = |row: &[f32]| -> Vec<f64> {
        let length = row.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        row.iter().map(|x| f64::from(*x) / length).collect()
    };
    let photos = &all[0].photos;
    let rows: Vec<Vec<Vec<f64>>> =
        (0..photos.len()).map(|i| all.iter().map(|one| unit(one.row(i))).collect()).collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let sum = |rows: &[Vec<f64>]| -> Vec<f64> { (0..32).map(|at| rows.iter().map(|row| row[at]).sum()).collect() };
    let gallery: Vec<usize> =
        (0..photos.len()).filter(|&i| manifest.photos[photos[i] as usize].role == Role::Gallery).collect();
    let mut checked = 0;
    for (i, photo) in photos.iter().enumerate() {
        let Some(list) = mean.get(&manifest.photos[*photo as usize].id) else { continue };
        let by = |score: &dyn Fn(usize) -> f64| -> Vec<String> {
            let mut order: Vec<(f64, usize)> = gallery.iter().map(|&g| (score(g), g)).collect();
            order.sort_by(|a, b| b.0.total_cmp(&a.0));
            order.iter().take(3).map(|(_, g)| manifest.photos[photos[*g] as usize].id.clone()).collect()
        };
        let together = sum(&rows[i]);
        let cosine = |g: usize| {
            let other = sum(&rows[g]);
            dot(&together, &other) / dot(&other, &other).sqrt()
        };
        assert_eq!(by(&cosine), list[..3]);
        let beside = |g: usize| rows[i].iter().zip(&rows[g]).map(|(a, b)| dot(a, b)).sum::<f64>();
        assert_eq!(by(&beside), concat[&manifest.photos[*photo as usize].id][..3]);
        checked += 1;
    }
    assert!(checked > 50 && mean != concat, "{checked}");
}

#[test]
fn the_folds_say_how_long_it_trains() {
    let project = Project::new();
    let best = |more: &str| recipe(more).replace("epochs = 2\n", "epochs = 3\nload_best_model_at_end = true\n");
    project.write("recipes/f.md", &best("[final]\nfit = \"all-data\"").replace("k = 4", "k = 2"));
    let lines = project.json(&["submit", "f", "--rung", "full", "--out", "f.csv"]);
    let told =
        |line: &Json| line["event"]["text"].as_str().is_some_and(|text| text.starts_with("the folds come first"));
    assert!(lines.iter().any(told), "{lines:?}");
    let mut chosen = Vec::new();
    let mut whole = None;
    for file in artefacts(&project, "fit", "checkpoint.safetensors") {
        let folder = file.parent().unwrap();
        let names = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
        let best = names.into_iter().find(|path| path.file_name().unwrap().to_string_lossy().starts_with("best-"));
        match best {
            Some(best) => chosen.push(Checkpoint::open(&best).unwrap().place().epoch),
            None => whole = Some(Checkpoint::open(&file).unwrap().place().epoch),
        }
    }
    chosen.sort_unstable();
    assert_eq!(chosen.len(), 2, "one for each fold, and none for what nobody examines");
    assert_eq!(whole, Some(chosen[0]), "{chosen:?}");
    assert!(planned(&project, "full").is_empty());

    project.write("recipes/f.md", &best("[final]\nfit = \"all-data\"\nepochs = 9"));
    let out = project.toji(&["plan", "f", "--host"]);
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!out.status.success() && text.contains("f.md:") && text.contains("has 3; write no more"), "{text}");
}
