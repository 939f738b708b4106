//! `toji export` by the real program: each file beside what the program's other commands and its store say; what is refused, and how.

use std::fs;
use std::path::Path;

use polars::prelude::{ParquetReader, SerReader};
use serde_json::Value as Json;
use toji::data::table::{Encoding, Table};
use toji::learn::backbone::{self, Neck, Settings};
use toji::learn::train::Checkpoint;
use toji::retrieve::Embeddings;

use crate::project::{Project, QUICK};

/// What the program said on stderr, refused with this exit code.
fn refused(project: &Project, args: &[&str], code: i32) -> String {
    let out = project.toji(args);
    assert_eq!(out.status.code(), Some(code), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stderr).into_owned()
}

/// A recipe with a plain pooled vector, as timm gives it, up to two epochs.
fn recipe() -> String {
    QUICK.replace("embedding = 32", "neck = { kind = \"none\" }\npool = { kind = \"avg\" }")
}

fn read(project: &Project, name: &str) -> Table {
    Table::read(&project.path(name), Encoding::Auto).unwrap()
}

/// The values of a column.
fn column(table: &Table, name: &str) -> Vec<String> {
    let texts = table.find(name).unwrap_or_else(|| panic!("no {name} in {:?}", table.names()));
    (0..table.rows()).map(|row| texts.get(row).to_owned()).collect()
}

/// The files below a folder with their bytes, in order.
fn tree(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(tree(&entry));
        } else {
            found.push((entry.to_string_lossy().into_owned(), fs::read(&entry).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn what_goes_out_is_what_the_program_says() {
    let project = Project::new();
    project.write("recipes/純米.md", &recipe());
    let said = project.json(&["run", "純米", "--rung", "smoke"]).pop().unwrap();
    project.write("recipes/later.md", &QUICK.replace("seed = 3", "seed = 4"));

    // Runs: the score, the settings and the keys, in both forms.
    let told = project.json(&["export", "runs", "--out", "out/runs.csv"]).pop().unwrap();
    project.json(&["export", "runs", "純米", "--out", "out/runs.parquet", "--latest"]);
    assert_eq!((&told["rows"], &told["recipes"][0]), (&Json::from(1), &Json::from("純米")));
    for name in ["out/runs.csv", "out/runs.parquet"] {
        let runs = read(&project, name);
        assert_eq!(column(&runs, "recipe"), ["純米"], "{name}");
        assert_eq!((column(&runs, "state"), column(&runs, "rung")), (vec!["finished".into()], vec!["smoke".into()]));
        assert_eq!(column(&runs, "score")[0].parse::<f64>().unwrap(), said["score"].as_f64().unwrap());
        assert_eq!(column(&runs, "low")[0].parse::<f64>().unwrap(), said["interval"][0].as_f64().unwrap());
        let settings: Json = serde_json::from_str(&column(&runs, "settings")[0]).unwrap();
        assert_eq!((&settings["loss"]["margin"], &settings["recipe"]["seed"]), (&Json::from(17.2), &Json::from(3)));
        let keys: Json = serde_json::from_str(&column(&runs, "keys")[0]).unwrap();
        assert!(keys["fit fold 0"].is_string() && keys["rank fold 0"].is_string(), "{keys}");
        let [started, ended] = ["started", "ended"].map(|name| column(&runs, name)[0].parse::<f64>().unwrap());
        assert!(ended > started && ended - started < 3600.0);
    }

    // Curves: every point of the score in the log, at its epoch.
    project.json(&["export", "curves", "--out", "out/curves.csv"]);
    let curves = read(&project, "out/curves.csv");
    let run = column(&curves, "run")[0].clone();
    let log = fs::read_to_string(project.path(".toji/runs").join(&run).join("events.jsonl")).unwrap();
    let events: Vec<Json> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let points = |series: &str| -> Vec<[f64; 2]> {
        let of = events.iter().filter(|event| event["event"] == "point" && event["series"] == series);
        of.map(|event| ["x", "value"].map(|name| event[name].as_f64().unwrap())).collect()
    };
    let exported = |series: &str| -> Vec<[f64; 2]> {
        let number = |name: &str, row: usize| column(&curves, name)[row].parse::<f64>().unwrap();
        let rows = (0..curves.rows()).filter(|row| column(&curves, "series")[*row] == series);
        rows.map(|row| [number("epoch", row), number("value", row)]).collect()
    };
    assert_eq!(exported("MRR@20"), points("MRR@20"));
    assert_eq!(exported("loss"), points("batch loss"));
    let per_epoch = events.iter().find(|event| event["event"] == "steps").unwrap()["per_epoch"].as_f64().unwrap();
    for row in 0..curves.rows() {
        let [step, epoch] = ["step", "epoch"].map(|name| column(&curves, name)[row].parse::<f64>().unwrap());
        assert_eq!(step, (epoch * per_epoch).round(), "row {row}");
    }

    // Ranks: what `toji queries` says of each query.
    project.json(&["export", "ranks", "--out", "out/ranks.csv"]);
    let ranks = read(&project, "out/ranks.csv");
    let queries = project.json(&["queries", "純米", "--rung", "smoke", "--sort", "order", "--limit", "100000"]);
    let (_, queries) = queries.split_last().unwrap();
    let ids: Vec<&str> = queries.iter().map(|query| query["id"].as_str().unwrap()).collect();
    assert_eq!(column(&ranks, "query"), ids);
    let firsts: Vec<String> =
        queries.iter().map(|query| query["first"].as_u64().map_or(String::new(), |first| first.to_string())).collect();
    assert_eq!(column(&ranks, "first"), firsts);
    for (row, answers) in column(&ranks, "answers").iter().enumerate() {
        let answers: Vec<String> = serde_json::from_str(answers).unwrap();
        let own: Vec<&str> =
            queries[row]["answers"].as_array().unwrap().iter().map(|answer| answer["id"].as_str().unwrap()).collect();
        assert_eq!(answers, own);
    }

    // Embeddings: the numbers of the store, bit by bit.
    project.json(&["export", "embeddings", "純米", "--fold", "0", "--out", "out/e.csv"]);
    project.json(&["export", "embeddings", "純米", "--out", "out/e.parquet"]);
    let stored = project.path(".toji/store/embed");
    let file = tree(&stored).into_iter().find(|(name, _)| name.ends_with("embeddings.safetensors")).unwrap().0;
    let stored = Embeddings::load(Path::new(&file)).unwrap();
    let csv = read(&project, "out/e.csv");
    assert_eq!((csv.rows(), csv.names().len()), (stored.len(), 6 + stored.dim));
    // By Parquet's own types: polars as it is built here has none for vectors of a fixed length.
    let mut bytes = fs::read(project.path("out/e.parquet")).unwrap();
    let key = b"ARROW:schema";
    let at = (0..bytes.len() - key.len()).find(|at| bytes[*at..].starts_with(key)).unwrap();
    bytes[at..at + key.len()].copy_from_slice(b"other:schema");
    let frame = ParquetReader::new(std::io::Cursor::new(bytes)).finish().unwrap();
    let vectors = frame.column("vector").unwrap().list().unwrap().clone();
    let columns: Vec<Vec<String>> = (0..stored.dim).map(|place| column(&csv, &format!("e{place}"))).collect();
    for row in 0..stored.len() {
        let written: Vec<f32> = columns.iter().map(|column| column[row].parse().unwrap()).collect();
        assert_eq!(written, stored.row(row), "row {row}");
        let vector = vectors.get_as_series(row).unwrap();
        assert_eq!(vector.f32().unwrap().iter().flatten().collect::<Vec<f32>>(), stored.row(row));
    }
    assert!(column(&csv, "role").iter().all(|role| role == "both"), "leave-one-out looks each up among all others");
}

#[test]
fn trainings_go_out_in_folders_of_their_own() {
    let project = Project::new();
    project.json(&["run", "quick", "--rung", "smoke"]);
    let told = project.json(&["export", "tensorboard", "--out", "tb"]).pop().unwrap();
    assert_eq!((&told["trainings"], &told["runs"]), (&Json::from(1), &Json::from(1)));
    let first = tree(&project.path("tb"));
    let (name, bytes) = first.iter().find(|(name, _)| name.contains("events.out.tfevents")).unwrap();
    assert!(name.contains("tb/quick/") && name.contains("/fold 0/"), "{name}");
    let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(["brain.Event:2", "MRR@20", "loss", "lr", "loss.margin"].into_iter().all(has));

    project.json(&["export", "wandb", "quick", "--out", "w"]);
    let runs = tree(&project.path("w/wandb"));
    let file = runs[0].0.rsplit_once("w/wandb/").unwrap().1.to_owned();
    let (folder, log) = file.split_once('/').unwrap();
    let id = log.strip_prefix("run-").unwrap().strip_suffix(".wandb").unwrap();
    assert!(runs.len() == 1 && folder.starts_with("offline-run-20") && folder.ends_with(&format!("-{id}")), "{file}");

    // The same again is the same, byte for byte.
    project.json(&["export", "tensorboard", "--out", "tb"]);
    project.json(&["export", "wandb", "--out", "w"]);
    assert_eq!((tree(&project.path("tb")), tree(&project.path("w/wandb"))), (first, runs));

    // What is not ours is left alone.
    project.write("mine/notes.txt", "mine");
    let text = refused(&project, &["export", "wandb", "--out", "mine"], 2);
    assert!(text.contains("no export wrote") && text.contains("--force"), "{text}");
    let text = refused(&project, &["export", "wandb", "--out", "tb"], 2);
    assert!(text.contains("an export of tensorboard lies there"), "{text}");
    project.json(&["export", "wandb", "--out", "mine", "--force"]);
    assert!(project.path("mine/notes.txt").is_file() && project.path("mine/wandb").is_dir());
}

#[test]
fn a_backbone_has_timms_keys_and_begins_another_recipe() {
    let project = Project::new();
    project.json(&["run", "quick", "--rung", "smoke"]);
    let told = project.json(&["export", "backbone", "quick", "--out", "b.safetensors"]).pop().unwrap();
    assert_eq!((&told["architecture"], &told["rung"]), (&Json::from("resnet10t"), &Json::from("smoke")));
    assert_eq!(told["left_out"], serde_json::json!(["fc.weight", "fc.bias"]));
    assert_eq!(told["metadata"]["pretrained_cfg"]["input_size"], serde_json::json!([3, 32, 32]));
    assert_eq!(told["metadata"]["toji"]["began_with"], Json::Null);
    // Every tensor is the checkpoint's.
    let fit = tree(&project.path(".toji/store/fit"));
    let (name, _) = fit.iter().find(|(name, _)| name.ends_with("checkpoint.safetensors")).unwrap();
    let mut checkpoint = Checkpoint::open(Path::new(name)).unwrap();
    let settings = Settings { neck: Neck::None, ..Settings::new("resnet10t", backbone::Pool::Avg {}, 0) };
    let (_, mut params) = backbone::build(&settings, toji::base::Seed::new(0)).unwrap();
    let loaded = backbone::load(&project.path("b.safetensors"), &mut params).unwrap();
    assert_eq!((loaded.taken, loaded.left_out.len()), (params.len(), 0));
    assert_eq!(told["tensors"], params.len());
    for (_, name, tensor, _) in params.iter() {
        let of = |tensor: &toji::learn::Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(of(tensor), of(&checkpoint.tensor(name).unwrap()), "{name}");
    }
    // A recipe that begins with it takes it whole.
    let next = QUICK.replace("weights = \"none\"", "weights = \"b.safetensors\"").replace("epochs = 3", "epochs = 1");
    project.write("recipes/next.md", &next);
    let notes = project.json(&["run", "next", "--rung", "smoke"]);
    let taken = format!("b.safetensors: {} tensors taken", params.len());
    assert!(notes.iter().any(|line| line["event"]["text"].as_str() == Some(&taken)), "{taken}");
    let told = project.json(&["export", "backbone", "next", "--out", "c.safetensors"]).pop().unwrap();
    assert_eq!(told["metadata"]["toji"]["began_with"]["licence"], "unknown");
    let text = refused(&project, &["export", "backbone", "quick", "--fold", "7", "--out", "b.safetensors"], 1);
    assert!(text.contains("quick has no fold 7 up to smoke; there are fold 0"), "{text}");
}

#[test]
fn what_cannot_go_out_is_said_with_what_to_do() {
    let project = Project::new();
    let say = |args: &[&str], code| refused(&project, &[&["export"], args].concat(), code);
    let text = say(&["runs", "quick", "--out", "r.csv"], 1);
    assert!(text.contains("quick never ran") && text.contains("toji run quick"), "{text}");
    // What somebody else wrote stays, a competition's table above all.
    project.write("mine.csv", "id,label\n1,a\n");
    project.write("mine.safetensors", "weights that took a day to fetch");
    for args in
        [["runs", "--out", "data/sample/train.csv"], ["runs", "--out", "mine.csv"], ["curves", "--out", "mine.csv"]]
    {
        let before = fs::read(project.path(args[2])).unwrap();
        assert!(say(&args, 1).contains("nothing was written"));
        assert_eq!(fs::read(project.path(args[2])).unwrap(), before);
    }
    assert!(say(&["backbone", "quick", "--out", "mine.safetensors"], 1).contains("nothing was written"));
    let text = say(&["curves", "--out", "r.csv"], 1);
    assert!(text.contains("toji run RECIPE"), "{text}");
    let text = say(&["ranks", "quikc", "--out", "r.csv"], 2);
    assert!(text.contains("no recipe is called quikc") && text.contains("quick"), "{text}");
    let text = say(&["embeddings", "quick", "--out", "r.xlsx"], 2);
    assert!(text.contains("written as .parquet or .csv"), "{text}");
    let text = say(&["backbone", "quick", "--out", "r.pth"], 2);
    assert!(text.contains("written as .safetensors"), "{text}");
    let text = say(&["backbone", "quick", "--out", "r.safetensors"], 1);
    assert!(text.contains("toji run quick --rung holdout makes them"), "{text}");
    assert!(!project.path("r.csv").exists() && !project.path(".toji/store/fit").exists());
    let out = project.toji(&["export", "runs", "--out", "r.csv", "--json"]);
    let json: Json = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(json["code"], 1, "{json}");
}
