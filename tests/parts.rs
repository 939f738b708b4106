//! Trainings in parts by the real program: stages and cooldowns, their plans, kills inside each, what the store reuses.

use std::collections::BTreeMap;
use std::fs;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value as Json;

use crate::project::{Project, QUICK};

const ONE: &str = "epochs = 3\nbatch = 32\noptimizer = { name = \"AdamW\", lr = 1e-3 }";

/// The quick recipe with another `[train]`.
fn quick(train: &str) -> String {
    assert!(QUICK.contains(ONE));
    QUICK.replace(ONE, train)
}

fn staged() -> String {
    quick(
        "batch = 32\noptimizer = { name = \"AdamW\", lr = 1e-3 }\n\
         stages = [{ size = 24, epochs = 2 }, { size = 40, epochs = 2, lr = 3e-4, batch = 16, freeze = \"stem\" }]",
    )
}

fn cooling(epochs: usize) -> String {
    let schedule = "schedule = { name = \"constant-cooldown\", cooldown_epochs = 1 }";
    quick(&ONE.replace("epochs = 3", &format!("epochs = {epochs}\n{schedule}")))
}

/// The checkpoints of all trainings in the store, by key.
fn checkpoints(project: &Project) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for pair in fs::read_dir(project.path(".toji/store/fit")).into_iter().flatten().flatten() {
        for entry in
            fs::read_dir(pair.path()).unwrap().flatten().filter(|e| !e.file_name().to_string_lossy().starts_with('.'))
        {
            let bytes = fs::read(entry.path().join("checkpoint.safetensors")).unwrap();
            found.insert(entry.file_name().to_string_lossy().into_owned(), bytes);
        }
    }
    found
}

fn names(steps: &[(String, String)]) -> Vec<&str> {
    steps.iter().map(|(stage, _)| stage.as_str()).collect()
}

/// Where the points of a series of the newest run lie.
fn epochs_of(project: &Project, series: &str) -> Vec<f64> {
    let mut board = toji::dag::Board::new();
    board.refresh(&toji::dag::Runs::open(&project.path(".toji")));
    let curve = &board.latest("quick").unwrap().told.curves[&(series.to_owned(), "fold 0".to_owned())];
    curve.iter().map(|[epoch, _]| *epoch).collect()
}

fn last_score(objects: &[Json]) -> Json {
    objects.last().unwrap()["score"].clone()
}

#[test]
fn a_later_stage_changes_without_the_first() {
    let project = Project::new();
    project.write("recipes/quick.md", &staged());
    let all = project.would_run("quick");
    let (first, second) = ("fit fold 0 stage 1 of 2", "fit fold 0 stage 2 of 2");
    assert_eq!(names(&all)[2..5], [first, second, "embed fold 0"]);
    // Two epochs are the first stage; what follows reads its end.
    project.json(&["run", "quick", "--rung", "smoke"]);
    let rest = project.would_run("quick");
    assert_eq!(names(&rest)[..2], [second, "embed fold 0"]);
    assert_eq!(rest[0].1, "never ran");
    let done = project.json(&["run", "quick"]);
    assert!(done.last().unwrap()["reused"].as_array().unwrap().contains(&Json::from(first)));
    assert!(project.would_run("quick").is_empty());
    assert_eq!(checkpoints(&project).len(), 2);

    project.write("recipes/quick.md", &staged().replace("lr = 3e-4", "lr = 1e-4"));
    let steps = project.would_run("quick");
    assert_eq!(steps[0], (second.to_owned(), "[train] optimizer.lr 0.0003 → 0.0001".to_owned()));
    assert_eq!(names(&steps)[1], "embed fold 0");
    project.write("recipes/quick.md", &staged().replace("size = 24", "size = 32"));
    let steps = project.would_run("quick");
    assert_eq!(steps[0].0, first);
    assert!(steps[0].1.starts_with("[train] size"), "{}", steps[0].1);
    assert_eq!(steps[1], (second.to_owned(), format!("input {first} runs again")));

    // The first stage was found in the store, and its part of the curve with it.
    assert_eq!(epochs_of(&project, "loss"), [1.0, 2.0, 3.0, 4.0]);

    for (text, told) in [
        (staged().replace("batch = 32\n", "batch = 32\nepochs = 12\n"), "epochs = 12, but the stages have 4 in all"),
        (staged().replace("freeze = \"stem\"", "freeze = \"layer9\""), "no part \"layer9\""),
        (cooling(1), "cooldown_epochs = 1, but there are 1 epochs"),
    ] {
        project.write("recipes/quick.md", &text);
        let out = project.toji(&["plan", "quick", "--untimed"]);
        let said = String::from_utf8_lossy(&out.stderr).into_owned() + &String::from_utf8_lossy(&out.stdout);
        assert!(said.contains(told) && said.contains("quick.md:"), "{said}");
    }

    // The epochs of a parent are overridden, as any key is.
    project.write("recipes/quick.md", QUICK);
    let train = "[train]\nstages = [{ size = 24, epochs = 1 }, { size = 32, epochs = 1 }]";
    project
        .write("recipes/child.md", &format!("# Child\n\n```toml\n[recipe]\nextends = \"quick.md\"\n\n{train}\n```\n"));
    assert_eq!(project.would_run("child")[0].0, "fit fold 0 stage 1 of 2");
}

#[test]
fn a_kill_inside_each_stage_changes_no_bit() {
    let straight = Project::new();
    straight.write("recipes/quick.md", &staged());
    let score = last_score(&straight.json(&["run", "quick"]));
    let expected = checkpoints(&straight);
    assert_eq!(expected.len(), 2);
    assert_eq!(epochs_of(&straight, "loss"), [1.0, 2.0, 3.0, 4.0], "one line over all stages");
    for series in ["batch loss", "lr", "gradient norm", "images per second"] {
        let places = epochs_of(&straight, series);
        assert!(places.windows(2).all(|pair| pair[0] < pair[1]), "{series} {places:?}");
        assert!([1.0, 2.0, 3.0, 4.0].iter().all(|epoch| places.contains(epoch)), "{series} {places:?}");
    }
    assert_eq!(epochs_of(&straight, "MRR@20"), [0.0, 1.0, 2.0, 3.0, 4.0]);

    let killed = Project::new();
    killed.write("recipes/quick.md", &staged());
    for stage in 0..2 {
        // Until an epoch of this stage is there; the run needs some seconds more.
        let mut child = killed.command(&["run", "quick"]).stdout(Stdio::null()).spawn().unwrap();
        let reached = || {
            let work = fs::read_dir(killed.path(".toji/work")).ok()?;
            work.flatten().map(|entry| entry.path().join("reached")).find(|file| file.is_file())
        };
        for _ in 0..6000 {
            if (checkpoints(&killed).len() > stage || checkpoints(&killed).len() == stage && reached().is_some())
                || child.try_wait().unwrap().is_some()
            {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // Unless it was killed between publishing this stage and clearing away its unfinished work.
        if reached().is_some() && checkpoints(&killed).len() == stage {
            let fit = killed.would_run("quick").into_iter().find(|(name, _)| name.starts_with("fit")).unwrap();
            assert!(fit.1.contains("goes on from epoch 1 of 2"), "{fit:?}");
        }
    }
    let resumed = killed.command(&["run", "quick", "--json"]).env("RAYON_NUM_THREADS", "1").output().unwrap();
    assert!(resumed.status.success());
    assert!(checkpoints(&killed) == expected, "killed and resumed gives other bits");
    let text = String::from_utf8(resumed.stdout).unwrap();
    assert_eq!(serde_json::from_str::<Json>(text.lines().last().unwrap()).unwrap()["score"], score);
}

#[test]
fn a_longer_training_goes_on_from_the_end_of_the_constant_part() {
    let project = Project::new();
    project.write("recipes/quick.md", &cooling(3));
    let (constant, cooldown) = ("fit fold 0 constant", "fit fold 0 cooldown");
    assert_eq!(names(&project.would_run("quick"))[2..4], [constant, cooldown]);
    project.json(&["run", "quick"]);

    project.write("recipes/quick.md", &cooling(5));
    let steps = project.would_run("quick");
    assert_eq!(steps[0], (constant.to_owned(), "epoch 2 → 4; goes on from epoch 2 of 4".to_owned()));
    assert_eq!(steps[1], (cooldown.to_owned(), format!("[train] epochs 3 → 5; input {constant} runs again")));
    let score = last_score(&project.json(&["run", "quick"]));
    assert_eq!(checkpoints(&project).len(), 4);

    let straight = Project::new();
    straight.write("recipes/quick.md", &cooling(5));
    assert_eq!(last_score(&straight.json(&["run", "quick"])), score);
    let (long, all) = (checkpoints(&straight), checkpoints(&project));
    assert_eq!(long.len(), 2);
    assert!(long.iter().all(|(key, bytes)| all.get(key) == Some(bytes)), "going on gives other bits");

    // Another cooldown starts from the same end, and back again everything is found.
    project.write(
        "recipes/quick.md",
        &cooling(5).replace("cooldown_epochs = 1", "cooldown_epochs = 1, decay_type = \"linear\""),
    );
    assert_eq!(names(&project.would_run("quick"))[0], cooldown);
    project.write("recipes/quick.md", &cooling(3));
    assert!(project.would_run("quick").is_empty());
}
