//! Ensembles through the real program: weights given and searched, missing members, folds that differ, members from outside, submissions.

use std::collections::HashMap;
use std::path::PathBuf;

use serde_json::Value as Json;
use toji::data::{Manifest, Role};
use toji::retrieve::{Embeddings, Ranking};

use crate::project::{Project, QUICK};

/// A recipe of one epoch and two folds without steps.
fn member(seed: u64) -> String {
    let old = "steps = [{ op = \"pca\", dim = 16 }, { op = \"alpha-qe\", k = 2 }]";
    assert!(QUICK.contains(old));
    let text = QUICK.replace(old, "steps = []").replace("epochs = 3", "epochs = 1").replace("k = 4", "k = 2");
    text.replace("seed = 3", &format!("seed = {seed}"))
}

/// The cells of an ensemble.
fn joined(of: &str, more: &str) -> String {
    format!("# Together\n\n```toml\n[ensemble]\nof = [{of}]\n{more}\n```\n")
}

const PAIR: &str = r#""a.md", "b.md""#;

fn pair() -> Project {
    let project = Project::new();
    project.write("recipes/a.md", &member(3));
    project.write("recipes/b.md", &member(4));
    project
}

fn number(value: &Json) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value}"))
}

fn score(project: &Project, args: &[&str]) -> f64 {
    number(&project.json(args).last().unwrap()["score"])
}

/// What a command that must fail says.
fn refused(project: &Project, args: &[&str]) -> String {
    let out = project.toji(args);
    assert!(matches!(out.status.code(), Some(1 | 2)), "{out:?}");
    String::from_utf8_lossy(&out.stderr).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The files in all artefacts of a stage.
fn artefacts(project: &Project, stage: &str, file: &str) -> Vec<PathBuf> {
    let folders = |path: PathBuf| std::fs::read_dir(path).unwrap().flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> =
        folders(project.path(".toji/store").join(stage)).flat_map(folders).map(|folder| folder.join(file)).collect();
    found.sort();
    found
}

fn manifest(project: &Project) -> Manifest {
    Manifest::load(&artefacts(project, "data", "manifest.parquet")[0]).unwrap()
}

/// A matrix as NumPy writes it.
fn npy(project: &Project, name: &str, dim: usize, rows: &[Vec<f32>]) {
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {dim}), }}", rows.len());
    let header = format!("{header:<117}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(rows.iter().flatten().flat_map(|x| x.to_le_bytes()));
    std::fs::File::create(project.path(name))
        .and_then(|mut file| std::io::Write::write_all(&mut file, &bytes))
        .unwrap();
}

#[test]
fn two_members_with_given_weights_train_nothing_twice() {
    let project = pair();
    project.write("recipes/e.md", &joined(PAIR, "weights = [0.6, 0.4]"));
    let plan: Vec<String> = project.would_run("e").into_iter().map(|(stage, _)| stage).collect();
    for stage in [
        "fit fold 0 of a",
        "embed fold 0 of a",
        "fit fold 0 of b",
        "weights",
        "ensemble fold 0",
        "rank fold 0",
        "score",
    ] {
        assert!(plan.iter().any(|planned| planned == stage), "{stage}: {plan:?}");
    }
    project.json(&["run", "a"]);
    let before = artefacts(&project, "fit", "model.safetensors").len();
    assert_eq!(before, 1);
    // The second is missing, and is trained in a run of its own.
    let together = score(&project, &["run", "e"]);
    assert_eq!(artefacts(&project, "fit", "model.safetensors").len(), 2);
    assert!(["a", "b", "e"].iter().all(|recipe| project.would_run(recipe).is_empty()));
    let (a, b) = (score(&project, &["run", "a"]), score(&project, &["run", "b"]));
    let found = project.json(&["ensemble", "e"]).pop().unwrap();
    assert_eq!(number(&found["value"]), together, "{found}");
    let alone: Vec<f64> = found["members"].as_array().unwrap().iter().map(|member| number(&member["alone"])).collect();
    assert_eq!(alone, [a, b]);
    assert_eq!((number(&found["members"][0]["without"]), &found["searched"]), (b, &Json::Bool(false)));
    assert_eq!(number(&found["weights"][0]), 0.6);
    // All weight on one is that one; the other fusions run on the same artefacts.
    project.write("recipes/e.md", &joined(PAIR, "weights = [1.0, 0.0]"));
    let plan: Vec<String> = project.would_run("e").into_iter().map(|(stage, _)| stage).collect();
    assert_eq!(plan, ["weights", "ensemble fold 0", "rank fold 0", "score"]);
    assert_eq!(score(&project, &["run", "e"]), a);
    for fusion in ["similarity", "rrf", "wsum"] {
        let with = |weights: &str| joined(PAIR, &format!("fusion = {{ name = \"{fusion}\" }}\nweights = {weights}"));
        project.write("recipes/e.md", &with("[0.0, 1.0]"));
        assert_eq!(score(&project, &["run", "e"]), b, "{fusion}");
        project.write("recipes/e.md", &with("\"equal\""));
        let whole = score(&project, &["run", "e"]);
        assert_eq!(number(&project.json(&["ensemble", "e"]).pop().unwrap()["value"]), whole, "{fusion}");
    }
    assert_eq!(artefacts(&project, "fit", "model.safetensors").len(), 2);
    // The page of the workbench says what each is worth, and the pin is compared.
    project.write(".toji/pin", "a");
    let board = project.json(&[]).pop().unwrap();
    let shown = board["recipes"].as_array().unwrap().iter().find(|recipe| recipe["name"] == "e").unwrap();
    assert_eq!((&shown["state"], &shown["unpaired"]), (&Json::from("fresh"), &Json::Null), "{shown}");
    assert!((number(&shown["delta"]["value"]) - (number(&shown["score"]["value"]) - a)).abs() < 1e-9, "{shown}");
    let outputs = shown["page"].as_array().unwrap().iter().filter_map(|block| block["outputs"].as_array()).flatten();
    let lines: Vec<String> = outputs
        .filter(|output| output["stage"] == "ensemble")
        .flat_map(|output| output["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()))
        .collect();
    for part in ["wsum: a 0.50, b 0.50", "a alone", "brings", "errors of a and b correlate"] {
        assert!(lines.iter().any(|line| line.contains(part)), "{part}: {lines:?}");
    }
    let lines = String::from_utf8(project.toji(&["ensemble", "e"]).stdout).unwrap();
    assert!(
        lines.contains("member") && lines.contains("brings") && lines.contains("errors of a and b correlate"),
        "{lines}"
    );
}

#[test]
fn weights_are_searched_on_the_other_folds_and_steps_follow() {
    let project = pair();
    project.write("recipes/e.md", &joined(PAIR, "weights = \"search\""));
    let whole = score(&project, &["run", "e", "--rung", "full"]);
    let found = project.json(&["ensemble", "e", "--rung", "full"]).pop().unwrap();
    assert_eq!((number(&found["value"]), found["by_fold"].as_array().unwrap().len()), (whole, 2));
    assert!(found["cross_validated"].is_null() && number(&found["tried"]) >= 21.0, "{found}");
    let one = project.json(&["ensemble", "e", "--rung", "holdout"]).pop().unwrap();
    assert!(one["cross_validated"].is_f64(), "{one}");
    // The same weights, written, give the score of a search on the same queries.
    let weights: Vec<String> = one["weights"].as_array().unwrap().iter().map(|w| number(w).to_string()).collect();
    let searched = score(&project, &["run", "e", "--rung", "holdout"]);
    project.write("recipes/given.md", &joined(PAIR, &format!("weights = [{}]", weights.join(", "))));
    assert_eq!(score(&project, &["run", "given", "--rung", "holdout"]), searched);
    // Steps of its own run on the joined embeddings; the members' ran before.
    project.write("recipes/a.md", &member(3).replace("steps = []", "steps = [{ op = \"pca\", dim = 16 }]"));
    let post = "\n[post]\nsteps = [{ op = \"alpha-qe\", k = 2 }, { op = \"k-reciprocal\", k1 = 8, k2 = 3 }]";
    project.write("recipes/e.md", &joined(PAIR, &format!("fusion = {{ name = \"concat\", pca = 24 }}{post}")));
    let plan: Vec<String> = project.would_run("e").into_iter().map(|(stage, _)| stage).collect();
    assert_eq!(plan[..2], ["post fold 0 pca of a", "rank fold 0 of a"], "{plan:?}");
    let done = project.json(&["run", "e"]);
    let notes: Vec<&str> = done.iter().filter_map(|line| line["event"]["text"].as_str()).collect();
    assert!(notes.iter().any(|note| note.contains("pca: 48 to 24 dimensions")), "{notes:?}");
    let gains = project.json(&["post", "e"]).pop().unwrap();
    assert_eq!(number(&gains["chain"]), number(&done.last().unwrap()["score"]));
}

#[test]
fn steps_by_labels_go_by_what_all_members_see() {
    let project = pair();
    let steps = "\n[post]\nsteps = [{ op = \"pca\", dim = 40 }, { op = \"sort-insert\", threshold = 0.2 }]";
    project.write("recipes/e.md", &joined(PAIR, steps));
    let plan: Vec<String> = project.would_run("e").into_iter().map(|(stage, _)| stage).collect();
    assert!(plan.iter().any(|stage| stage == "embed training photos fold 0 of b"), "{plan:?}");
    project.json(&["run", "e"]);
    assert!(project.would_run("e").is_empty());
    // All weight on one is that one with the same steps, on the held-out queries and on the host's.
    let alone = "steps = [{ op = \"l2\" }, { op = \"pca\", dim = 20 }, { op = \"sort-insert\", threshold = 0.2 }]";
    let of_both = |steps: &str| {
        project.write("recipes/c.md", &member(4).replace("steps = []", steps));
        project.write("recipes/e.md", &joined(PAIR, &format!("weights = [0.0, 2.0]\n[post]\n{steps}")));
    };
    of_both(alone);
    assert_eq!(score(&project, &["run", "e"]), score(&project, &["run", "c"]));
    of_both("steps = [{ op = \"sort-insert\", threshold = 0.2 }]");
    for recipe in ["b", "c", "e"] {
        project.json(&["submit", recipe, "--rung", "full", "--out", &format!("{recipe}.csv")]);
    }
    let text = |file: &str| std::fs::read_to_string(project.path(file)).unwrap();
    assert_eq!(text("e.csv"), text("c.csv"));
    assert_ne!(text("b.csv"), text("c.csv"), "the step does something here");
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let run = |threads: &str| {
        let project = pair();
        project.write("recipes/e.md", &joined(PAIR, "weights = \"search\"\nfusion = { name = \"similarity\" }"));
        let out = project.command(&["run", "e", "--rung", "full"]).env("RAYON_NUM_THREADS", threads).output().unwrap();
        assert!(out.status.success(), "{out:?}");
        let bytes = |stage: &str, file: &str| -> Vec<Vec<u8>> {
            artefacts(&project, stage, file).iter().map(|file| std::fs::read(file).unwrap()).collect()
        };
        (bytes("weights", "ensemble.json"), bytes("ensemble", "ranking.safetensors"))
    };
    assert_eq!(run("1"), run("2"));
}

#[test]
fn members_that_do_not_fit_are_told_with_the_place() {
    let project = pair();
    let told = |of: &str, more: &str| {
        project.write("recipes/e.md", &joined(of, more));
        refused(&project, &["plan", "e"])
    };
    project.write("recipes/c.md", &member(3).replace("k = 2", "k = 3"));
    let folds = told("\"a.md\", \"c.md\"", "");
    assert!(
        folds.contains(
            "e.md:5:1: a and c cannot answer together: the one has 2 folds, the other 3; give both the same [folds]"
        ),
        "{folds}"
    );
    // Nor is anything trained for an ensemble that cannot be.
    refused(&project, &["run", "e"]);
    assert!(project.would_run("c").iter().any(|(stage, _)| stage.starts_with("fit")));
    project.write("recipes/c.md", &member(3).replace("[folds]", "[folds]\nseed = 9"));
    let folds = told("\"a.md\", \"c.md\"", "");
    assert!(folds.contains("in fold 0 the one has") && folds.contains("of them the same"), "{folds}");
    let steps = told(PAIR, "fusion = { name = \"rrf\" }\n[post]\nsteps = [{ op = \"alpha-qe\" }]");
    assert!(steps.contains("e.md:8:") && steps.contains("alpha-qe needs embeddings, and rrf gives lists"), "{steps}");
    let head = told(PAIR, "[post]\nsteps = [{ op = \"class-logits\" }]");
    assert!(head.contains("e.md:7:") && head.contains("write it in the members"), "{head}");
    assert!(told(PAIR, "weights = [1.0, 2.0, 3.0]").contains("there are 3 weights for 2 members"));
    assert!(told("\"a.md\", \"e.md\"", "").contains("an ensemble cannot be a member of itself"));
    assert!(told("\"a.md\", \"a.md\"", "").contains("a is a member already"));
    assert!(told("\"a.md\", \"nobody.md\"", "").contains("there is no recipe"));
    project.write("recipes/f.md", &joined(PAIR, ""));
    assert!(told("\"a.md\", \"f.md\"", "").contains("f is an ensemble itself"));
    project.write("recipes/c.md", &member(3).replace("steps = []", "steps = [{ op = \"k-reciprocal\" }]"));
    let ranks = told("\"a.md\", \"c.md\"", "");
    assert!(ranks.contains("c ranks by k-reciprocal in its [post], and concat joins embeddings"), "{ranks}");
    project.write("recipes/e.md", &joined("\"a.md\", \"c.md\"", "fusion = { name = \"rrf\" }"));
    assert!(project.would_run("e").iter().any(|(stage, _)| stage == "post fold 0 k-reciprocal of c"));
}

#[test]
fn members_from_outside_are_matched_by_id() {
    let project = pair();
    let a = score(&project, &["run", "a"]);
    let photos = manifest(&project).photos;
    let id = |photo: &u32| photos[*photo as usize].id.as_str();
    let own = Embeddings::load(&artefacts(&project, "embed", "embeddings.safetensors")[0]).unwrap();
    let rows: Vec<Vec<f32>> = own.rows().map(<[f32]>::to_vec).collect();
    npy(&project, "x.npy", own.dim, &rows);
    let ids: Vec<&str> = own.photos.iter().map(id).collect();
    project.write("ids.txt", &ids.join("\n"));
    let outside = r#""a.md", { embeddings = "x.npy", ids = "ids.txt" }"#;
    project.write("recipes/e.md", &joined(outside, ""));
    // Twice the same embeddings rank as once.
    assert_eq!(score(&project, &["run", "e"]), a);
    assert!(project.would_run("e").is_empty());
    // Other bytes are another member.
    npy(&project, "x.npy", own.dim, &rows.iter().map(|row| row.iter().map(|x| x * 2.0).collect()).collect::<Vec<_>>());
    assert_eq!(project.would_run("e")[0].0, "weights");
    assert_eq!(score(&project, &["run", "e"]), a);
    // The host's photos are not among them.
    let missing = refused(&project, &["submit", "e"]);
    assert!(missing.contains("x.npy: 76 of 76 ids have not an embedding: 2000001, 2000002, 2000003, …"), "{missing}");
    project.write("ids.txt", &ids.iter().map(|id| format!("other-{id}")).collect::<Vec<_>>().join("\n"));
    let missing = refused(&project, &["run", "e"]);
    assert!(missing.contains("ids have not an embedding"), "{missing}");
    // Its lists, as a submission has them.
    let ranking = Ranking::load(&artefacts(&project, "rank", "ranking.safetensors")[0]).unwrap();
    let line = |(i, query): (usize, &u32)| {
        format!("{},{}", id(query), ranking.list(i).iter().map(id).collect::<Vec<_>>().join(" "))
    };
    let lines: Vec<String> = ranking.queries.iter().enumerate().map(line).collect();
    project.write("lists.csv", &format!("gid,cite_gid\n{}\n", lines.join("\n")));
    let ranked = r#""a.md", { ranked = "lists.csv" }"#;
    project.write("recipes/e.md", &joined(ranked, ""));
    assert!(refused(&project, &["run", "e"]).contains("concat joins embeddings, and these are lists"));
    project.write("recipes/e.md", &joined(ranked, "fusion = { name = \"rrf\" }"));
    assert_eq!(score(&project, &["run", "e"]), a);
}

#[test]
fn what_dilutes_is_warned_of_and_hands_in_all_the_same() {
    let project = pair();
    project.json(&["run", "a"]);
    let photos = manifest(&project).photos;
    // The host's labels, which the sample's truth names; noise from a row's number.
    let truth = std::fs::read_to_string(project.path("data/sample/truth.csv")).unwrap();
    let label: HashMap<&str, usize> = {
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        let columns = truth.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
        columns
            .map(|c| {
                (c[0], {
                    let next = numbers.len();
                    *numbers.entry(c[3]).or_insert(next)
                })
            })
            .collect()
    };
    let dim = label.values().max().unwrap() + 1;
    let noise = |i: usize, j: usize| {
        let draw = (i as u64 * 131 + j as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (draw >> 40) as f32 / (1u32 << 24) as f32 - 0.5
    };
    let knows: Vec<Vec<f32>> = photos
        .iter()
        .enumerate()
        .map(|(i, photo)| {
            let own = label.get(photo.id.as_str()).copied();
            (0..dim).map(|j| noise(i, j) * 0.4 + if Some(j) == own { 1.0 } else { 0.0 }).collect()
        })
        .collect();
    let guesses: Vec<Vec<f32>> = (0..photos.len()).map(|i| (0..6).map(|j| noise(i + 100_000, j)).collect()).collect();
    npy(&project, "knows.npy", dim, &knows);
    npy(&project, "guesses.npy", 6, &guesses);
    project.write("ids.txt", &photos.iter().map(|photo| photo.id.as_str()).collect::<Vec<_>>().join("\n"));
    let of = r#"{ embeddings = "knows.npy", ids = "ids.txt" }, { embeddings = "guesses.npy", ids = "ids.txt" }"#;
    let folds = "\n[folds]\nscheme = \"stratified\"\nk = 2";
    project.write("recipes/e.md", &joined(of, folds));
    let done = project.json(&["run", "e"]);
    let warned = |done: &[Json]| -> Vec<String> {
        let warnings = done.iter().filter(|line| line["event"]["event"] == "warning");
        warnings.filter_map(|line| line["event"]["text"].as_str().map(str::to_owned)).collect()
    };
    let told = warned(&done);
    assert!(told.iter().any(|text| text.starts_with("weights: guesses.npy dilutes: without it MRR@20")), "{told:?}");
    // Found in the store it says so again; a search gives it nothing.
    assert!(!warned(&project.json(&["run", "e"])).is_empty());
    project.write("recipes/e.md", &joined(of, &format!("weights = \"search\"{folds}")));
    let done = project.json(&["run", "e", "--rung", "full"]);
    assert!(warned(&done).is_empty(), "{done:?}");
    let found = project.json(&["ensemble", "e", "--rung", "full"]).pop().unwrap();
    assert!(number(&found["weights"][1]) <= 0.3 && number(&found["value"]) > 0.9, "{found}");
    // What is handed in is joined as well: the host's truth is met.
    project.json(&["submit", "e", "--rung", "full", "--out", "e.csv"]);
    let text = std::fs::read_to_string(project.path("e.csv")).unwrap();
    let (mut right, mut answerable) = (0, 0);
    let gallery: Vec<&str> = photos.iter().filter(|p| p.role == Role::Gallery).map(|p| p.id.as_str()).collect();
    for line in text.lines().skip(1) {
        let (query, list) = line.split_once(',').unwrap();
        let Some(own) = label.get(query) else { continue };
        if gallery.iter().any(|id| label.get(id) == Some(own)) {
            answerable += 1;
            right += usize::from(label.get(list.split(' ').next().unwrap()) == Some(own));
        }
    }
    assert!(answerable > 20 && right * 10 > answerable * 9, "{right} of {answerable}");
}

#[test]
fn an_ensemble_hands_in_with_all_its_networks() {
    let project = pair();
    for (name, fusion) in [("concat", "concat"), ("wsum", "wsum"), ("similarity", "similarity")] {
        project
            .write("recipes/e.md", &joined(PAIR, &format!("fusion = {{ name = \"{fusion}\" }}\nweights = \"search\"")));
        let out = format!("{name}.csv");
        let told = project.json(&["submit", "e", "--rung", "full", "--out", &out]);
        assert_eq!(told.last().unwrap()["rows"], 76);
        let text = std::fs::read_to_string(project.path(&out)).unwrap();
        assert!(text.lines().skip(1).all(|line| line.split(',').nth(1).unwrap().split(' ').count() == 20));
    }
    // All weight on one member hands in what that one does.
    project.json(&["submit", "b", "--rung", "full", "--out", "b.csv"]);
    for fusion in ["concat", "similarity", "rrf"] {
        project
            .write("recipes/e.md", &joined(PAIR, &format!("fusion = {{ name = \"{fusion}\" }}\nweights = [0.0, 1.0]")));
        project.json(&["submit", "e", "--rung", "full", "--out", "e.csv"]);
        let same = |file: &str| std::fs::read_to_string(project.path(file)).unwrap();
        assert_eq!(same("e.csv"), same("b.csv"), "{fusion}");
    }
    assert_eq!(artefacts(&project, "fit", "model.safetensors").len(), 4);
}
