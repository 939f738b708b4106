//! Backbones through the real program: what a network costs, and weights from a hub's cache in a recipe.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use toji::base::Seed;
use toji::learn::backbone::{Pool, Settings, build};

use crate::project::{Project, QUICK};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A hub's cache that holds weights of resnet10t, as huggingface_hub leaves them.
fn cache(root: &Path) -> PathBuf {
    let repository = root.join("hub/models--timm--resnet10t.c3_in1k");
    let snapshot = repository.join("snapshots").join(COMMIT);
    fs::create_dir_all(&snapshot).unwrap();
    fs::create_dir_all(repository.join("refs")).unwrap();
    let (_, params) = build(&Settings::new("resnet10t", Pool::Avg {}, 1000), Seed::new(5)).unwrap();
    let tensors = params.iter().map(|(_, name, tensor, _)| (name.to_owned(), tensor.clone())).collect();
    candle_core::safetensors::save(&tensors, snapshot.join("model.safetensors")).unwrap();
    let config = r#"{"architecture": "resnet10t", "pretrained_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25],
        "crop_pct": 0.9, "interpolation": "bilinear", "input_size": [3, 176, 176]}}"#;
    let files = [
        (snapshot.join("config.json"), config),
        (snapshot.join("README.md"), "---\nlicense: apache-2.0\n---\n"),
        (repository.join("refs/main"), COMMIT),
    ];
    for (file, text) in files {
        fs::File::create(&file).and_then(|mut f| std::io::Write::write_all(&mut f, text.as_bytes())).unwrap();
    }
    root.join("hub")
}

fn lines(bytes: &[u8]) -> Vec<Json> {
    String::from_utf8_lossy(bytes).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_recipe_begins_with_a_hubs_weights() {
    let project = Project::new();
    let recipe = QUICK.replace("weights = \"none\"", "weights = \"hf:timm/resnet10t.c3_in1k\"");
    project.write("recipes/quick.md", &recipe.replace("epochs = 3", "epochs = 1"));
    let toji = |cache: &Path, args: &[&str]| {
        let mut command = project.command(args);
        command.env("HF_HUB_CACHE", cache).env("HF_HUB_OFFLINE", "1").env_remove("HF_HOME").arg("--json");
        command.output().unwrap()
    };
    // Not there, and nobody may be asked: the plan says so, and running fails with it.
    let empty = project.path("empty");
    let steps = lines(&toji(&empty, &["plan", "quick", "--untimed"]).stdout);
    let fit = steps.iter().find(|step| step["stage"] == "fit fold 0").unwrap();
    assert_eq!(fit["action"], "blocked");
    let reason = "hf:timm/resnet10t.c3_in1k is not in the hub's cache, and HF_HUB_OFFLINE forbids fetching it";
    assert_eq!(fit["reason"], reason);
    let failed = toji(&empty, &["run", "quick"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&failed.stdout).contains("HF_HUB_OFFLINE forbids"));

    let there = cache(&project.path("home"));
    let ran = toji(&there, &["run", "quick", "--rung", "smoke"]);
    let events = lines(&ran.stdout);
    assert!(ran.status.success(), "{events:?}{}", String::from_utf8_lossy(&ran.stderr));
    let notes: Vec<&str> = events.iter().filter_map(|object| object["event"]["text"].as_str()).collect();
    let found = |text: &str| notes.iter().any(|note| note.contains(text));
    assert!(found("hf:timm/resnet10t.c3_in1k at 0123456789ab: "), "{notes:?}");
    assert!(found("pictures by their own: crop 0.9, bilinear, mean 0.5 0.5 0.5, std 0.25 0.25 0.25"), "{notes:?}");
    assert!(found("fc.weight [1000, 512], since the embedding is [32, 512]"), "{notes:?}");
    let plan = lines(&toji(&there, &["plan", "quick", "--rung", "smoke"]).stdout);
    assert!(plan.iter().all(|step| step["action"] == "reuse"), "{plan:?}");

    let mut runs = fs::read_dir(project.path(".toji/runs")).unwrap().flatten();
    let lock = fs::read_to_string(runs.next().unwrap().path().join("recipe.lock.toml")).unwrap();
    for told in ["licence = \"apache-2.0\"", COMMIT, "expects = \"crop 0.9, bilinear"] {
        assert!(lock.contains(told), "{told}: {lock}");
    }

    // What the weights say of pictures is a part of what they are.
    let config = there.join("models--timm--resnet10t.c3_in1k/snapshots").join(COMMIT).join("config.json");
    let text = fs::read_to_string(&config).unwrap().replace("0.9", "0.8");
    fs::File::create(&config).and_then(|mut f| std::io::Write::write_all(&mut f, text.as_bytes())).unwrap();
    let plan = lines(&toji(&there, &["plan", "quick", "--rung", "smoke", "--untimed"]).stdout);
    let fit = plan.iter().find(|step| step["stage"] == "fit fold 0").unwrap();
    assert_eq!(fit["reason"], "input weights changed");

    // Weights of another network are refused before anything runs.
    let text = text.replace("resnet10t", "resnet18");
    fs::File::create(&config).and_then(|mut f| std::io::Write::write_all(&mut f, text.as_bytes())).unwrap();
    let failed = toji(&there, &["run", "quick"]);
    let told = String::from_utf8_lossy(&failed.stdout).into_owned();
    assert!(told.contains("these are weights of resnet18, and [backbone] name is resnet10t"), "{told}");
    assert!(told.contains("quick.md:"), "with its place: {told}");
}

#[test]
fn what_a_network_costs() {
    let project = Project::new();
    let all = project.json(&["backbone"]);
    assert_eq!(all.len(), toji::learn::backbone::presets().count());
    let resnet18 = all.iter().find(|line| line["name"] == "resnet18").unwrap();
    // timm: create_model("resnet18", num_classes=0) has 11,176,512 parameters and 1.82 G multiply-adds at 224 pixels.
    assert_eq!((resnet18["parameters"].as_u64(), resnet18["features"].as_u64()), (Some(11_176_512), Some(512)));
    let giga = resnet18["multiply_adds"].as_f64().unwrap() / 1e9;
    assert!((1.81..1.83).contains(&giga), "{giga}");
    assert_eq!(resnet18["weights"], "hf:timm/resnet18.a1_in1k");
    assert!(resnet18["train_images_per_second"].is_null());

    let one = project.json(&["backbone", "resnet10t", "--size", "32", "--batch", "4"]);
    assert_eq!(one.len(), 1);
    assert!(one[0]["train_images_per_second"].as_f64().unwrap() > 0.0, "{one:?}");
    assert!(one[0]["eval_images_per_second"].as_f64().unwrap() > 0.0);

    let some = project.toji(&["backbone", "*t"]);
    let text = String::from_utf8_lossy(&some.stdout).into_owned();
    assert!(text.contains("resnet10t") && !text.contains("resnet18 "), "{text}");
    let page = project.toji(&["backbone", "resnet18", "--no-measure"]);
    let text = String::from_utf8_lossy(&page.stdout).into_owned();
    assert!(text.contains("11.18 M, without the neck") && text.contains("hf:timm/resnet18.a1_in1k"), "{text}");
    for wrong in [&["backbone", "nope"][..], &["backbone", "resnet18", "--size", "1"], &["backbone", "--fetch"]] {
        assert_eq!(project.toji(wrong).status.code(), Some(2), "{wrong:?}");
    }
}
