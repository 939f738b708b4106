//! Augmentation by the real program: numbers that go over the epochs, mixed batches, tables of boxes; what runs again, what is told, and
//! that a stop changes no bit.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use crate::project::{Project, QUICK};

const CROP: &str = "{ op = \"RandomResizedCrop\", size = [32, 32], scale = [0.6, 1.0] }";

/// The quick recipe with another `[augment]`.
fn quick(augment: &str) -> String {
    let all = format!("train = [{CROP}]");
    assert!(QUICK.contains(&all));
    QUICK.replace(&all, augment)
}

/// Everything that goes over the epochs, and mixed batches at the end.
fn restless(off: usize) -> String {
    quick(&format!(
        "train = [{}, {{ op = \"HorizontalFlip\", p = {{ from = 0.5, decay = 0.5 }} }},\n\
         {{ op = \"Affine\", rotate = [-30.0, {{ from = 30.0, to = 0.0, epochs = 2 }}], last_epochs_off = {off} }},\n\
         {{ op = \"OneOf\", p = 0.7, transforms = [{{ op = \"MixUp\", p = 0.5 }}, {{ op = \"CutMix\", p = 0.5 }}] }}]",
        CROP.replace("[0.6, 1.0]", "[{ from = 0.9, to = 0.5, epochs = 3 }, 1.0]")
    ))
}

fn cooling(text: &str, epochs: usize) -> String {
    let schedule = "schedule = { name = \"constant-cooldown\", cooldown_epochs = 1 }";
    text.replace("epochs = 3\n", &format!("epochs = {epochs}\n{schedule}\n"))
}

/// What a failed command says on its two outputs.
fn told(project: &Project, args: &[&str]) -> String {
    let out = project.toji(args);
    assert!(!out.status.success(), "{args:?}");
    String::from_utf8_lossy(&out.stderr).into_owned() + &String::from_utf8_lossy(&out.stdout)
}

/// The bytes of the artefact of the whole training, the one that is largest in epochs: the last published.
fn trained(project: &Project, key: &str) -> Vec<u8> {
    fs::read(project.path(".toji/store/fit").join(&key[..2]).join(key).join("checkpoint.safetensors")).unwrap()
}

/// The keys of all trainings in the store.
fn trainings(project: &Project) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    for pair in fs::read_dir(project.path(".toji/store/fit")).unwrap().flatten() {
        keys.extend(fs::read_dir(pair.path()).unwrap().flatten().map(|e| e.file_name().to_string_lossy().into_owned()));
    }
    keys.retain(|key| !key.starts_with('.'));
    keys.sort();
    keys
}

#[test]
fn rungs_kills_and_threads_change_no_bit_of_a_training_that_changes_from_epoch_to_epoch() {
    let straight = Project::new();
    straight.write("recipes/quick.md", &restless(1));
    straight.json(&["run", "quick"]);
    let key = trainings(&straight).remove(0);
    let expected = trained(&straight, &key);

    let climbing = Project::new();
    climbing.write("recipes/quick.md", &restless(1));
    climbing.json(&["run", "quick", "--rung", "smoke"]);
    let fit = climbing.would_run("quick").remove(0);
    assert!(fit.1.contains("goes on from epoch 2 of 3"), "{fit:?}");
    climbing.json(&["run", "quick"]);
    assert!(trained(&climbing, &key) == expected, "a rung is a prefix");

    let killed = Project::new();
    killed.write("recipes/quick.md", &restless(1));
    let mut child = killed.command(&["run", "quick"]).stdout(Stdio::null()).spawn().unwrap();
    let reached = || {
        let work = fs::read_dir(killed.path(".toji/work")).ok()?;
        work.flatten().map(|entry| entry.path().join("reached")).find(|file| file.is_file())
    };
    for _ in 0..6000 {
        if reached().is_some() || child.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let resumed = killed.command(&["run", "quick", "--json"]).env("RAYON_NUM_THREADS", "1").output().unwrap();
    assert!(resumed.status.success());
    assert!(trained(&killed, &key) == expected, "killed and resumed gives other bits");

    // It is not the training of the same operations with numbers that stay.
    let still = Project::new();
    still.write("recipes/quick.md", &restless(1).replace("{ from = 0.5, decay = 0.5 }", "0.5"));
    still.json(&["run", "quick"]);
    assert_ne!(trainings(&still)[0], key);
    assert!(trained(&still, &trainings(&still)[0]) != expected);
}

#[test]
fn a_longer_training_goes_on_where_only_its_cooldown_is_calm() {
    let project = Project::new();
    project.write("recipes/quick.md", &cooling(&restless(1), 3));
    project.json(&["run", "quick"]);
    project.write("recipes/quick.md", &cooling(&restless(1), 4));
    let steps = project.would_run("quick");
    assert_eq!(steps[0], ("fit fold 0 constant".to_owned(), "epoch 2 → 3; goes on from epoch 2 of 3".to_owned()));
    project.json(&["run", "quick"]);
    let straight = Project::new();
    straight.write("recipes/quick.md", &cooling(&restless(1), 4));
    straight.json(&["run", "quick"]);
    for key in trainings(&straight) {
        assert!(trained(&straight, &key) == trained(&project, &key), "going on gives other bits");
    }
    // An end that reaches into the constant part moves with the length, and so that part is another one.
    project.write("recipes/quick.md", &cooling(&restless(2), 4));
    let steps = project.would_run("quick");
    assert_eq!(steps[0], ("fit fold 0 constant".to_owned(), "+ [augment] train[2].off_from_epoch 2".to_owned()));
}

#[test]
fn what_cannot_be_is_told_with_its_place_before_anything_runs() {
    let project = Project::new();
    let resize = "{ op = \"Resize\", size = [32, 32] }";
    for (text, wanted) in [
        (
            quick(&format!("train = [{CROP}]\neval = [{resize}, {{ op = \"ToGray\", p = 1.0, last_epochs_off = 1 }}]")),
            "augment.eval[1] ToGray: last_epochs_off changes from epoch to epoch",
        ),
        (
            quick(&format!(
                "train = [{CROP}]\neval = [{resize}, {{ op = \"ToGray\", p = {{ from = 1.0, decay = 1.0 }} }}]"
            )),
            "augment.eval[1] ToGray: p changes from epoch to epoch",
        ),
        (
            quick(&format!(
                "train = [{resize}, {{ op = \"Affine\", rotate = [{{ from = 0.0, to = 20.0, epochs = 2 }}, 10.0] }}]"
            )),
            "in epoch 3, augment.train[1] Affine: rotate = [20, 10] should be [least, greatest]",
        ),
        (
            quick(
                "train = [{ op = \"Resize\", size = [64, 64] }, { op = \"Resize\", size = [32, 32], last_epochs_off = 1 }]",
            ),
            "in epoch 3 pictures of 64 × 64 come out instead of 32 × 32",
        ),
        (
            quick(&format!("train = [{CROP}, {{ op = \"MixUp\" }}]"))
                .replace("name = \"ArcFaceLoss\"\nmargin = 17.2\nscale = 30", "name = \"ContrastiveLoss\""),
            "MixUp gives each picture two labels, and ContrastiveLoss asks",
        ),
        (
            quick(&format!("train = [{{ op = \"MixUp\" }}, {CROP}]")),
            "augment.train[0] MixUp: it mixes the pictures of a whole batch",
        ),
        (
            quick(&format!("train = [{{ op = \"RandomCropNearBBox\", table = \"none.csv\" }}, {CROP}]")),
            "there is no table of boxes",
        ),
    ] {
        project.write("recipes/quick.md", &text);
        let said = told(&project, &["plan", "quick", "--untimed"]);
        assert!(said.contains(wanted) && said.contains("quick.md:"), "{wanted}: {said}");
    }
}

#[test]
fn a_sheet_shows_an_epoch() {
    let project = Project::new();
    let sheet = |out: &str, epoch: &str| {
        project.json(&["augment", "quick", "--out", out, "--photos", "3", "--draws", "2", "--epoch", epoch]);
        fs::read(project.path(out)).unwrap()
    };
    project.write("recipes/quick.md", &restless(1));
    let [first, last] = ["1", "3"].map(|epoch| sheet("sheet.png", epoch));
    assert!(first != last && first == sheet("again.png", "1"));
    assert!(told(&project, &["augment", "quick", "--epoch", "4"]).contains("there is no epoch 4: the training has 3"));
    // Without anything that is drawn alone, what two photos share is what was mixed.
    let mix = "{ op = \"CutMix\", alpha = 100.0 }";
    let resize = "{ op = \"Resize\", size = [32, 32] }";
    project.write("recipes/quick.md", &quick(&format!("train = [{resize}]")));
    let plain = sheet("plain.png", "1");
    project.write("recipes/quick.md", &quick(&format!("train = [{resize}, {mix}]")));
    assert!(sheet("mixed.png", "1") != plain);
}

/// A table with a box for each id; `other` has another one.
fn boxes(ids: &[String], other: &str) -> String {
    let row = |id: &String| format!("{id},{},20,400,600,0.9\n", if id == other { 60 } else { 50 });
    format!("gid,x_min,y_min,x_max,y_max,score\n{}", ids.iter().map(row).collect::<String>())
}

#[test]
fn a_box_runs_again_what_sees_its_photo() {
    let project = Project::new();
    let ids = |file: &str| -> Vec<String> {
        let text = fs::read_to_string(project.path("data/sample").join(file)).unwrap();
        text.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned()).collect()
    };
    let (train, gallery) = (ids("train.csv"), ids("cite.csv"));
    let all: Vec<String> = train.iter().chain(&gallery).cloned().collect();
    project.write("data/boxes.csv", &boxes(&all, ""));
    let cut = "{ op = \"RandomCropNearBBox\", table = \"data/boxes.csv\", pad = 0.05, min_score = 0.5 }";
    let eval = format!("eval = [{cut}, {{ op = \"Resize\", size = [32, 32] }}]");
    let text =
        quick(&format!("train = [{}, {CROP}]\n{eval}", cut.replace("0.05", "0.05, max_part_shift = [0.1, 0.1]")));
    project.write("recipes/quick.md", &text);
    let run = project.json(&["run", "quick"]);
    assert!(run.last().unwrap()["score"].is_number());
    assert!(project.would_run("quick").is_empty());

    // The rows in another order, and under another name, are the same boxes.
    let turned: Vec<String> = all.iter().rev().cloned().collect();
    project.write("data/others.csv", &boxes(&turned, ""));
    project.write("recipes/quick.md", &text.replace("boxes.csv", "others.csv"));
    assert!(project.would_run("quick").is_empty());
    project.write("recipes/quick.md", &text);

    // One photo's box: of those held out only the embedding sees it, of the others the training; the host's gallery none.
    let first = |id: &str| {
        project.write("data/boxes.csv", &boxes(&all, id));
        project.would_run("quick").first().cloned()
    };
    let found: Vec<(String, String)> = train.iter().take(12).filter_map(|id| first(id)).collect();
    let changed = |stage: &str| (stage.to_owned(), "input boxes changed".to_owned());
    assert_eq!(found.len(), 12);
    let held_out = found.iter().filter(|step| **step == changed("embed fold 0")).count();
    let learnt = found.iter().filter(|step| **step == changed("fit fold 0")).count();
    assert!(held_out > 0 && learnt > held_out && held_out + learnt == 12, "{found:?}");
    assert_eq!(first(&gallery[0]), None);

    // A mistake is told with file and row; boxes for training alone are warned of.
    project.write("data/boxes.csv", &(boxes(&all, "") + &format!("{},9,9,1,1,0.95\n", train[0])));
    let said = told(&project, &["plan", "quick", "--untimed"]);
    let line = all.len() + 2;
    assert!(said.contains(&format!("boxes.csv line {line}: the box of \"{}\" holds no pixel", train[0])), "{said}");
    project.write("data/boxes.csv", &boxes(&all, ""));
    project.write("recipes/quick.md", &text.replace(&eval, ""));
    let plan = project.toji(&["plan", "quick", "--untimed"]);
    let said = String::from_utf8_lossy(&plan.stderr).into_owned() + &String::from_utf8_lossy(&plan.stdout);
    assert!(plan.status.success() && said.contains("boxes-in-training-alone"), "{said}");
}
