//! The last day through the real program: who answers the host by `[final]`, for how long it trains, how several answers become one;
//! packed weights that answer elsewhere; trainings in rounds by pseudo-labels, and that nothing leaks in them.

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

    // Also where the trainings are gone, and all that follows from them is there.
    let fits = artefacts(&project, "fit", "checkpoint.safetensors").len();
    for stage in ["fit", "embed"] {
        for meta in artefacts(&project, stage, "meta.json") {
            let text = std::fs::read_to_string(&meta).unwrap();
            if stage == "fit" || text.contains("all data") {
                std::fs::remove_dir_all(meta.parent().unwrap()).unwrap();
            }
        }
    }
    handed_in(&project, "full");
    let again = artefacts(&project, "fit", "checkpoint.safetensors");
    let epochs: Vec<usize> = again.iter().map(|file| Checkpoint::open(file).unwrap().place().epoch).collect();
    assert_eq!((again.len(), epochs.contains(&chosen[0])), (fits, true), "{epochs:?}");
    let packed = project.path("w.safetensors");
    for meta in artefacts(&project, "fit", "meta.json") {
        std::fs::remove_dir_all(meta.parent().unwrap()).unwrap();
    }
    project.json(&["export", "weights", "f", "--rung", "full", "--out", packed.to_str().unwrap()]);

    project.write("recipes/f.md", &best("[final]\nfit = \"all-data\"\nepochs = 9"));
    let out = project.toji(&["plan", "f", "--host"]);
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!out.status.success() && text.contains("f.md:") && text.contains("has 3; write no more"), "{text}");
}

/// The host's pictures in two folders of another place, called by their ids.
struct Elsewhere(tempfile::TempDir);

impl Elsewhere {
    fn new(project: &Project) -> Elsewhere {
        let folder = tempfile::tempdir().unwrap();
        let manifest = Manifest::load(&artefacts(project, "data", "manifest.parquet")[0]).unwrap();
        for (role, name) in [(Role::Query, "queries"), (Role::Gallery, "gallery/shelf")] {
            let to = folder.path().join(name);
            std::fs::create_dir_all(&to).unwrap();
            for photo in manifest.photos.iter().filter(|photo| photo.role == role) {
                std::fs::copy(project.path("").join(&photo.path), to.join(format!("{}.jpg", photo.id))).unwrap();
            }
        }
        Elsewhere(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, args: &[&str]) -> (bool, String, String) {
        let out = std::process::Command::new(env!("CARGO_BIN_EXE_toji"))
            .args(args)
            .current_dir(self.0.path())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (out.status.success(), text(&out.stdout), text(&out.stderr))
    }

    /// What packed weights say of the pictures, line by line, sorted.
    fn predicted(&self, more: &[&str]) -> Vec<String> {
        let args = ["predict", "--weights", "w.safetensors", "--images", "queries", "--gallery", "gallery"];
        let (done, told, failed) = self.run(&[&args[..], more].concat());
        assert!(done, "{told}{failed}");
        sorted(&self.path("predictions.csv"))
    }
}

fn sorted(file: &std::path::Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines[1..].sort();
    lines
}

/// A chain whose steps go by test-time views, the labels of training and the head.
const BY_ALL: &str =
    "steps = [{ op = \"tta\" }, { op = \"pca\", dim = 16 }, { op = \"bridge\" }, { op = \"class-logits\" }]";

#[test]
fn packed_weights_answer_without_the_project() {
    let project = Project::new();
    let cases = [
        ("holdout", recipe("[final]\nfit = \"all-data\"").replace("steps = []", BY_ALL)),
        (
            "full",
            recipe("[final]\nfit = \"both\"\ncombine = \"mean\"")
                .replace("k = 4", "k = 2")
                .replace("[augment]", "[augment]\ncache = { max_resolution = 60, jpeg_quality = 92 }")
                .replace("steps = []", "steps = [{ op = \"dba\", k = 3 }, { op = \"k-reciprocal\", k1 = 8, k2 = 3 }]"),
        ),
    ];
    for (rung, text) in cases {
        project.write("recipes/f.md", &text);
        handed_in(&project, rung);
        let elsewhere = Elsewhere::new(&project);
        let packed = elsewhere.path("w.safetensors");
        let told = project.json(&["export", "weights", "f", "--rung", rung, "--out", packed.to_str().unwrap()]);
        let told = told.last().unwrap();
        assert_eq!(told["networks"].as_array().unwrap().len(), if rung == "full" { 3 } else { 1 }, "{told}");
        assert_eq!(elsewhere.predicted(&[]), sorted(&project.path("f.csv")), "{rung}");
        // Fewer answers are the first of them, whatever pictures are called.
        let few = elsewhere.predicted(&["--count", "3", "--ids", "name"]);
        let first = sorted(&project.path("f.csv"))[5].clone();
        let (id, list) = first.split_once(',').unwrap();
        let list: Vec<String> = list.split(' ').take(3).map(|id| format!("{id}.jpg")).collect();
        assert!(few.contains(&format!("{id}.jpg,{}", list.join(" "))), "{first}: {few:?}");
    }
}

#[test]
fn one_head_answers_alone() {
    let project = Project::new();
    project.write(
        "recipes/f.md",
        &recipe("[final]\nfit = \"both\"").replace("steps = []", "steps = [{ op = \"class-logits\" }]"),
    );
    project.write("recipes/a.md", &recipe(""));
    let joint = "# E\n\n```toml\n[ensemble]\nof = [\"a.md\", \"f.md\"]\nfusion = { name = \"rrf\" }\n```\n";
    project.write("recipes/e.md", joint);
    for args in [&["submit", "f"][..], &["submit", "e"], &["export", "weights", "f"], &["export", "weights", "e"]] {
        let out = project.toji(args);
        let text = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(
            text.contains("f: class-logits goes by the head of one network, and here 2 answer"),
            "{args:?}: {text}"
        );
    }
    assert!(!project.path(".toji/store/fit").exists(), "told before anything is trained");
}

#[test]
fn places_of_photos_are_compared_elsewhere_too() {
    let project = Project::new();
    let steps = "steps = [{ op = \"spatial-check\", out_index = -3, depth = 10 }]";
    project.write("recipes/f.md", &recipe("").replace("steps = []", steps));
    handed_in(&project, "holdout");
    let elsewhere = Elsewhere::new(&project);
    let packed = elsewhere.path("w.safetensors");
    project.json(&["export", "weights", "f", "--out", packed.to_str().unwrap()]);
    // The projection is fitted on some of the photos, by their order: here the same, gallery first.
    assert_eq!(elsewhere.predicted(&[]), sorted(&project.path("f.csv")));
}

#[test]
fn an_ensemble_is_packed_with_its_members() {
    let project = Project::new();
    let member =
        |seed: &str| recipe("").replace("k = 4", "k = 2").replace("seed = 3", seed).replace("epochs = 2", "epochs = 1");
    project.write("recipes/a.md", &member("seed = 3"));
    // What a member leaves out stands in its parent.
    project.write("recipes/b.md", "# B\n\n```toml\n[recipe]\nextends = \"a.md\"\nseed = 4\n```\n");
    for fusion in ["concat", "rrf"] {
        let text = format!(
            "# E\n\n```toml\n[ensemble]\nof = [\"a.md\", \"b.md\"]\nfusion = {{ name = \"{fusion}\" }}\nweights = [0.7, 0.3]\n```\n"
        );
        project.write("recipes/f.md", &text);
        handed_in(&project, "full");
        let elsewhere = Elsewhere::new(&project);
        let packed = elsewhere.path("w.safetensors");
        let told = project.json(&["export", "weights", "f", "--rung", "full", "--out", packed.to_str().unwrap()]);
        let told = &told.last().unwrap()["networks"];
        assert_eq!(told, &serde_json::json!(["a fold 0", "a fold 1", "b fold 0", "b fold 1"]));
        assert_eq!(elsewhere.predicted(&[]), sorted(&project.path("f.csv")), "{fusion}");
    }
}

#[test]
fn what_is_no_packed_weights_is_named() {
    let project = Project::new();
    project.write("recipes/f.md", &recipe("").replace("epochs = 2", "epochs = 1"));
    handed_in(&project, "holdout");
    let elsewhere = Elsewhere::new(&project);
    let packed = elsewhere.path("w.safetensors");
    project.json(&["export", "weights", "f", "--out", packed.to_str().unwrap()]);
    let whole = std::fs::read(&packed).unwrap();
    let write = |name: &str, bytes: &[u8]| {
        std::fs::File::create(elsewhere.path(name))
            .and_then(|mut file| std::io::Write::write_all(&mut file, bytes))
            .unwrap();
    };
    let refused = |args: &[&str], wanted: &str| {
        let usual = ["predict", "--images", "queries", "--gallery", "gallery"];
        let (done, told, failed) = elsewhere.run(&[&usual[..], args].concat());
        assert!(!done && failed.contains(wanted), "{args:?}: {told}{failed}");
        assert!(!elsewhere.path("predictions.csv").exists());
    };
    write("cut.safetensors", &whole[..whole.len() / 2]);
    write("pickle.pt", b"PK\x03\x04 and more");
    write("empty.safetensors", b"");
    // A damaged entry, a tensor that is gone, a number that is none.
    let damaged = |from: &str, to: &str| {
        let at = whole.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
        let mut bytes = whole.clone();
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        bytes
    };
    write("format.safetensors", &damaged("\\\"format\\\":1", "\\\"format\\\":7"));
    write("name.safetensors", &damaged("\"0.0.", "\"0.9."));
    write("count.safetensors", &damaged("\\\"count\\\":20", "\\\"count\\\":0 "));
    let mut not_finite = whole.clone();
    let end = not_finite.len();
    not_finite[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    write("nan.safetensors", &not_finite);
    let checkpoint = artefacts(&project, "fit", "checkpoint.safetensors")[0].clone();
    let checkpoint = checkpoint.to_str().unwrap();
    for (file, wanted) in [
        ("cut.safetensors", "no whole safetensors file"),
        ("empty.safetensors", "no whole safetensors file"),
        ("pickle.pt", "a pickle"),
        ("format.safetensors", "packed by a newer Toji"),
        ("name.safetensors", "it lacks 0.0."),
        ("count.safetensors", "it wants 0 answers"),
        ("nan.safetensors", "not finite"),
        (checkpoint, "toji export weights RECIPE packs them"),
        ("absent.safetensors", "absent.safetensors"),
    ] {
        refused(&["--weights", file], wanted);
    }
    std::fs::create_dir_all(elsewhere.path("none")).unwrap();
    let weights = ["--weights", "w.safetensors"];
    refused(
        &[&weights[..], &["--images", "none"]].concat(),
        "the argument '--images <DIR>' cannot be used multiple times",
    );
    let ask = |images: &str, more: &[&str]| {
        elsewhere.run(
            &[&["predict", "--weights", "w.safetensors", "--images", images, "--gallery", "gallery"], more].concat(),
        )
    };
    assert!(ask("none", &[]).2.contains("holds no picture"));
    assert!(ask("nowhere", &[]).2.contains("nowhere"));
    let one = std::fs::read_dir(elsewhere.path("queries")).unwrap().flatten().next().unwrap().path();
    for place in ["twice/a/x.jpg", "twice/b/x.png"] {
        let to = elsewhere.path(place);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(&one, to).unwrap();
    }
    write("twice/broken.jpg", b"no picture");
    assert!(ask("twice", &[]).2.contains("would both be called x; name pictures by their paths: --ids path"));
    // By their paths both are answered alike; what is no picture is told and has no row.
    let (done, told, failed) = ask("twice", &["--ids", "path", "--json"]);
    let told: Json = serde_json::from_str(&told).unwrap_or_else(|error| panic!("{error}: {told}{failed}"));
    assert!(done && told["rows"] == 2 && told["unusable"][0][0].as_str().unwrap().ends_with("broken.jpg"), "{told}");
    let lines = sorted(&elsewhere.path("predictions.csv"));
    let lists: Vec<&str> = lines[1..].iter().map(|line| line.split_once(',').unwrap().1).collect();
    assert!(lines[1].starts_with("a/x.jpg,shelf/") && lists[0] == lists[1], "{lines:?}");
    // Nothing that is no answer gives way.
    for out in ["w.safetensors", "queries/notes.txt"] {
        write("queries/notes.txt", b"mine");
        let before = std::fs::read(elsewhere.path(out)).unwrap();
        let (done, _, failed) = ask("queries", &["--out", out]);
        assert!(!done && failed.contains("holds no answers; nothing was written"), "{failed}");
        assert_eq!(std::fs::read(elsewhere.path(out)).unwrap(), before);
    }
    let over = project.toji(&["export", "weights", "f", "--out", "toji.toml"]);
    assert!(String::from_utf8_lossy(&over.stderr).contains("is no packed weights; nothing was written"), "{over:?}");
    // One folder twice: each among the others, so nobody is his own answer.
    let args = ["predict", "--weights", "w.safetensors", "--images", "queries", "--gallery", "queries"];
    let (done, _, failed) = elsewhere.run(&args);
    assert!(done, "{failed}");
    for line in &sorted(&elsewhere.path("predictions.csv"))[1..] {
        let (id, list) = line.split_once(',').unwrap();
        assert!(!list.split(' ').any(|other| other == id), "{line}");
    }
}

/// A recipe whose folds are trained in two rounds.
fn in_rounds(threshold: f64) -> String {
    let text = recipe(&format!("[pseudo_labels]\nthresholds = [{threshold}]")).replace("k = 4", "k = 2");
    text.replace("epochs = 2", "epochs = 3")
}

/// The lines of each file of pseudo-labels.
fn pseudo_labels(project: &Project) -> Vec<Vec<Json>> {
    let files = artefacts(project, "pseudo-labels", "pseudo-labels.json");
    files.iter().map(|file| serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()).collect()
}

fn warnings(lines: &[Json]) -> Vec<String> {
    let warned = lines.iter().filter(|line| line["event"]["event"] == "warning");
    warned.filter_map(|line| line["event"]["text"].as_str().map(str::to_owned)).collect()
}

#[test]
fn a_fold_learns_what_its_own_network_was_sure_of() {
    let project = Project::new();
    project.write("recipes/f.md", &in_rounds(0.5).replace("[pseudo_labels]\nthresholds = [0.5]", ""));
    let plain = project.json(&["run", "f", "--rung", "full"]).pop().unwrap();
    // A photo of the host that is also one of the training photos, which examines one of the two folds.
    let manifest = Manifest::load(&artefacts(&project, "data", "manifest.parquet")[0]).unwrap();
    let of = |role: Role| {
        manifest.photos.iter().find(|photo| photo.role == role && (role != Role::Train || photo.label.is_some()))
    };
    let (twin, known) = (of(Role::Query).unwrap().clone(), of(Role::Train).unwrap().clone());
    std::fs::copy(project.path("").join(&known.path), project.path("").join(&twin.path)).unwrap();

    project.write("recipes/f.md", &in_rounds(0.5));
    let mut stages: Vec<String> = project
        .json(&["plan", "f", "--rung", "full"])
        .into_iter()
        .filter(|step| step["action"] == "run")
        .map(|step| step["stage"].as_str().unwrap().to_owned())
        .filter(|stage| stage.contains("fold 1"))
        .collect();
    stages.sort();
    // The first training is the one that the plain recipe has.
    let wanted = [
        "embed fold 1",
        "embed host fold 1 round -1",
        "embed training photos fold 1 round -1",
        "fit fold 1",
        "pseudo-labels fold 1",
        "rank fold 1",
    ];
    assert_eq!(stages, wanted);
    let done = project.json(&["run", "f", "--rung", "full"]);
    assert_ne!(done.last().unwrap()["score"], plain["score"]);
    let told = warnings(&done);
    let left_out: Vec<&String> = told.iter().filter(|text| text.contains("1 photos of the host examine")).collect();
    assert_eq!(left_out.len(), 1, "{told:?}");

    let files = pseudo_labels(&project);
    assert_eq!(files.len(), 2);
    let host = |line: &Json| manifest.photos[line["photo"].as_u64().unwrap() as usize].role != Role::Train;
    assert!(files.iter().flatten().all(|line| host(line) && line["similarity"].as_f64().unwrap() >= 0.5));
    assert!(files.iter().all(|lines| lines.len() > 20), "{:?}", files.iter().map(Vec::len).collect::<Vec<_>>());
    // Where it does not examine, the twin is learnt under its own label, which is the surest there is.
    let twins: Vec<&Json> = files.iter().flatten().filter(|line| line["id"] == twin.id.as_str()).collect();
    assert_eq!(twins.len(), 1);
    assert_eq!(twins[0]["label"].as_u64(), known.label.map(u64::from));
    // What was learnt is counted.
    let fits: Vec<u64> = artefacts(&project, "fit", "meta.json")
        .iter()
        .map(|file| serde_json::from_str::<Json>(&std::fs::read_to_string(file).unwrap()).unwrap())
        .filter_map(|meta| meta["facts"]["photos"].as_u64())
        .collect();
    assert_eq!(fits.len(), 4);
    assert!(fits.iter().max().unwrap() - fits.iter().min().unwrap() >= 20, "{fits:?}");
    assert!(project.json(&["plan", "f", "--rung", "full"]).iter().all(|step| step["action"] == "reuse"));
    // A rung that ends early is the beginning of the first training alone.
    let smoke: Vec<Json> = project.json(&["plan", "f", "--rung", "smoke"]);
    assert!(!smoke.iter().any(|step| step["stage"].as_str().unwrap().contains("round")), "{smoke:?}");

    // What is handed in has the same networks, and all data has rounds of its own.
    project.write("recipes/f.md", &in_rounds(0.5).replace("[folds]", "[final]\nfit = \"both\"\n\n[folds]"));
    let told = handed_in(&project, "full");
    assert_eq!(names(&told), ["fold 0", "fold 1", "all data"]);
    assert_eq!(pseudo_labels(&project).len(), 3);
    assert!(planned(&project, "full").is_empty());
}

#[test]
fn pseudo_labels_that_would_leak_are_refused() {
    let project = Project::new();
    project.write("recipes/f.md", &in_rounds(0.5));
    project.json(&["run", "f"]);
    let manifest = Manifest::load(&artefacts(&project, "data", "manifest.parquet")[0]).unwrap();
    let folds: Json =
        serde_json::from_str(&std::fs::read_to_string(&artefacts(&project, "fold", "folds.json")[0]).unwrap()).unwrap();
    let query = folds[0]["query"][0].as_str().unwrap();
    let place = manifest.photos.iter().position(|photo| photo.id == query).unwrap();
    let file = artefacts(&project, "pseudo-labels", "pseudo-labels.json")[0].clone();
    let mut lines = pseudo_labels(&project).remove(0);
    lines[0]["photo"] = place.into();
    lines[0]["id"] = query.into();
    let write = |lines: &[Json]| {
        let mut text = serde_json::to_vec(lines).unwrap();
        // As long as before, so that the store takes it for whole.
        let length = std::fs::metadata(&file).unwrap().len() as usize;
        assert!(text.len() <= length, "{} and {length}", text.len());
        text.resize(length, b' ');
        std::fs::File::create(&file).and_then(|mut file| std::io::Write::write_all(&mut file, &text)).unwrap();
    };
    write(&lines);
    // Trained again, it reads what was tampered with.
    for stage in ["fit", "embed", "rank", "score"] {
        for meta in artefacts(&project, stage, "meta.json") {
            std::fs::remove_dir_all(meta.parent().unwrap()).unwrap();
        }
    }
    let out = project.toji(&["run", "f"]);
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!out.status.success() && text.contains("and must not be learnt by it"), "{text}");

    // Thresholds that label nobody are told; a host without photos is told where it is written.
    project.write("recipes/f.md", &in_rounds(1.0));
    let told = warnings(&project.json(&["run", "f"]));
    assert!(told.iter().any(|text| text.contains("a lower threshold labels more")), "{told:?}");
}
