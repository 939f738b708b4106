//! Losses together by the real program: sums, a head on the coarse label, what is refused before training.

use std::fs;
use std::process::{Output, Stdio};
use std::time::Duration;

use crate::project::{Project, QUICK};

const ARCFACE: &str = "name = \"ArcFaceLoss\"\nmargin = 17.2\nscale = 30";

fn failure(out: &Output) -> String {
    assert!(!out.status.success());
    String::from_utf8_lossy(&out.stderr).into_owned()
}

/// The quick recipe with another `[loss]`, and more in `[train]`.
fn quick(loss: &str, train: &str) -> String {
    QUICK.replace(ARCFACE, loss).replace("batch = 32", &format!("batch = 32\n{train}"))
}

/// A classifier, pairs with a memory, and a head on the coarse label.
fn three(train: &str) -> String {
    let losses = "name = \"MultipleLosses\"\nweights = [1, 0.2, 0.5]\nlosses = [\n\
        { name = \"ArcFaceLoss\", margin = 17.2, scale = 30 },\n\
        { name = \"TripletMarginLoss\", memory = 64 },\n\
        { name = \"CosFaceLoss\", label = \"coarse\", scale = 30, margin = { kind = \"power\" } },\n]";
    quick(losses, &format!("sampler = {{ name = \"MPerClassSampler\", m = 4 }}\n{train}"))
}

/// The names and shapes of the loss's tensors in the only checkpoint.
fn heads(project: &Project) -> Vec<String> {
    let bytes = project.artefact("fit", "checkpoint.safetensors");
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let mut found: Vec<String> = header
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| name.contains("loss."))
        .map(|(name, about)| format!("{name} {}", about["shape"]))
        .collect();
    found.sort();
    found
}

/// Runs the recipe, kills a second run of it after an epoch, goes on with it, and compares the checkpoints.
fn a_kill_changes_no_bit(text: &str) -> Project {
    let [straight, killed] = [(); 2].map(|()| Project::new());
    for project in [&straight, &killed] {
        project.write("recipes/quick.md", text);
    }
    straight.json(&["run", "quick"]);
    let mut child = killed.command(&["run", "quick"]).stdout(Stdio::null()).spawn().unwrap();
    let reached = || {
        let work = fs::read_dir(killed.path(".toji/work")).into_iter().flatten().flatten();
        work.map(|entry| entry.path().join("reached")).any(|file| file.is_file())
    };
    for _ in 0..6000 {
        if reached() || child.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let resumed = killed.command(&["run", "quick"]).env("RAYON_NUM_THREADS", "1").output().unwrap();
    assert!(resumed.status.success());
    let checkpoint = |project: &Project| project.artefact("fit", "checkpoint.safetensors");
    assert!(checkpoint(&killed) == checkpoint(&straight), "killed and resumed gives other bits");
    straight
}

#[test]
fn a_sum_of_losses_trains_and_a_kill_changes_no_bit() {
    let project = a_kill_changes_no_bit(&three(""));
    let heads = heads(&project).join("\n");
    insta::assert_snapshot!(heads, @r"
    loss.0.weight [25,32]
    loss.1.embedding_memory [64,32]
    loss.1.has_been_filled [1]
    loss.1.label_memory [64]
    loss.1.queue_idx [1]
    loss.2.weight [13,32]
    ");
}

#[test]
fn a_coarse_head_asks_for_its_column_before_anything_runs() {
    let project = Project::new();
    project.write("recipes/quick.md", &three(""));
    assert_eq!(project.would_run("quick")[2].0, "fit fold 0");
    let facts = fs::read_to_string(project.path("toji.toml")).unwrap();
    let lacking = |facts: &str| {
        project.write("toji.toml", facts);
        failure(&project.toji(&["plan", "quick"]))
    };
    let layout = "layout = \"table\"\ntable = \"train.csv\"\nimages = \"images\"";
    let columns = "[data.columns]\nid = \"gid\"\nimage = \"filename\"\nlabel = \"brand_id\"";
    let told = lacking(&format!("[competition]\nk = 20\n[data]\nfolder = \"data/sample\"\n{layout}\n{columns}\n"));
    assert!(told.contains("quick.md:21:"), "{told}");
    assert!(told.contains("toji.toml names no column for it: write coarse = \"…\" in [data.columns]"), "{told}");
    // A column that says the same of all tells nothing apart; one with gaps leaves photos without a class.
    let (named, table) =
        (facts.replace("coarse = \"meigara\"", "coarse = \"kind\""), project.path("data/sample/train.csv"));
    project.write("toji.toml", &named);
    let rows = fs::read_to_string(&table).unwrap();
    let with = |kind: fn(usize) -> &'static str| {
        let row = |(i, line): (usize, &str)| format!("{line},{}\n", if i == 0 { "kind" } else { kind(i) });
        project.write("data/sample/train.csv", &rows.lines().enumerate().map(row).collect::<String>());
        failure(&project.toji(&["plan", "quick"]))
    };
    let told = with(|_| "a");
    assert!(
        told.contains("quick.md:21:") && told.contains("all training photos of fold 0 have the same one"),
        "{told}"
    );
    let told = with(|i| ["a", "b", ""][i % 3]);
    assert!(told.contains("quick.md:21:") && told.contains("photo(s) without one"), "{told}");
}

#[test]
fn mirrored_photos_are_classes_of_their_own_and_a_kill_changes_no_bit() {
    let flip = "flip_as_new_class = true";
    let project = a_kill_changes_no_bit(&quick(ARCFACE, flip));
    let plain = Project::new();
    plain.json(&["run", "quick"]);
    let rows = |project: &Project| heads(project)[0].clone();
    let count = |told: &str| told.split(['[', ',']).nth(1).unwrap().parse::<usize>().unwrap();
    assert_eq!(count(&rows(&project)), 2 * count(&rows(&plain)));
    // Defaults that are written out train nothing again, whatever was run without them.
    let spoken = "flip_as_new_class = false\nlayer_decay = 1\naccumulate = 1";
    let more = format!("{ARCFACE}\nlabel = \"label\"\nlabel_smoothing = 0\nclass_weights = \"none\"");
    plain.write("recipes/quick.md", &quick(&more, spoken).replace("[augment]\n", "[augment]\ncache = false\n"));
    assert!(plain.would_run("quick").is_empty(), "{:?}", plain.would_run("quick"));
    // Only the training says it; what examines is as it was.
    project.write("recipes/quick.md", QUICK);
    let steps = project.would_run("quick");
    assert_eq!(steps[0], ("fit fold 0".to_owned(), "- [train] flip_as_new_class true".to_owned()));

    let said = |augment: &str| {
        let list = "{ op = \"RandomResizedCrop\", size = [32, 32], scale = [0.6, 1.0] }";
        project.write("recipes/quick.md", &quick(ARCFACE, flip).replace(list, &format!("{list},\n{augment}")));
        failure(&project.toji(&["plan", "quick"]))
    };
    let told = said("{ op = \"HorizontalFlip\" }");
    assert!(
        told.contains("quick.md:9:1") && told.contains("HorizontalFlip mirrors photos under their label"),
        "{told}"
    );
    let told = said("{ op = \"OneOf\", transforms = [{ op = \"ToGray\" },\n{ op = \"VerticalFlip\" }] }");
    assert!(told.contains("quick.md:10:1") && told.contains("VerticalFlip mirrors"), "{told}");
}

#[test]
fn outliers_are_listed_by_their_angle() {
    let project = Project::new();
    let told = failure(&project.toji(&["outliers", "quick"]));
    assert!(told.contains("no SubCenterArcFaceLoss by the scored label"), "{told}");
    let losses = "name = \"MultipleLosses\"\nlosses = [{ name = \"CosFaceLoss\", scale = 30, label = \"coarse\" }, \
        { name = \"SubCenterArcFaceLoss\", margin = 17.2, scale = 30, sub_centers = 2 }]";
    project.write("recipes/quick.md", &quick(losses, ""));
    let told = failure(&project.toji(&["outliers", "quick"]));
    assert!(told.contains("fold 0 is not trained yet: toji run quick --rung holdout"), "{told}");
    project.json(&["run", "quick"]);

    let listed = |args: &[&str]| {
        let mut all = project.json(&[&["outliers", "quick"], args].concat());
        let last = all.pop().unwrap();
        let angles: Vec<f64> = all.iter().map(|one| one["angle"].as_f64().unwrap()).collect();
        assert!(angles.is_sorted_by(|a, b| a >= b) && angles.iter().all(|angle| (0.0..=180.0).contains(angle)));
        assert_eq!(last["outliers"], all.len());
        (all, last["photos"].as_u64().unwrap() as usize)
    };
    let (all, count) = listed(&["--threshold", "0"]);
    assert_eq!(all.len(), count, "every training photo has an angle");
    let middle = all[count / 2]["angle"].as_f64().unwrap();
    let (far, _) = listed(&["--threshold", &middle.to_string()]);
    assert_eq!(far[..], all[..far.len()]);
    assert!(far.len() <= count / 2 && !far.is_empty());
    let table = fs::read_to_string(project.path("data/sample/train.csv")).unwrap();
    for one in &far {
        let row = format!("{},", one["photo"].as_str().unwrap());
        let row = table.lines().find(|line| line.starts_with(&row)).unwrap();
        assert_eq!(row.split(',').nth(2).unwrap(), one["label"], "{one}");
    }
    let text = project.toji(&["outliers", "quick", "--threshold", &middle.to_string()]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert_eq!(text.lines().count(), far.len() + 1, "{text}");
    assert!(text.lines().next().unwrap().starts_with(far[0]["photo"].as_str().unwrap()), "{text}");
    assert!(text.ends_with("from the dominant sub-center of their label\n"), "{text}");
}

#[test]
fn mistakes_inside_a_sum_are_told_at_their_line() {
    let project = Project::new();
    let said = |text: String| {
        project.write("recipes/quick.md", &text);
        failure(&project.toji(&["plan", "quick"]))
    };
    let told = said(three("").replace("memory = 64", "memory = 16"));
    assert!(told.contains("quick.md:20:") && told.contains("a batch of 32 does not fit into memory = 16"), "{told}");
    let told = said(three("").replace("[1, 0.2, 0.5]", "[1, 0.2]"));
    assert!(told.contains("quick.md:17:") && told.contains("3 losses and 2 weights"), "{told}");
    let told = said(three("").replace("scale = 30, margin = { kind = \"power\" }", "scale = 0"));
    assert!(told.contains("loss.losses[2].scale") && told.contains("0.1"), "{told}");
    let nested = "{ name = \"MultipleLosses\", losses = [{ name = \"CosFaceLoss\" }] }";
    let told = said(three("").replace("{ name = \"TripletMarginLoss\", memory = 64 }", nested));
    assert!(told.contains("quick.md:20:") && told.contains("in the list of another"), "{told}");
    // A loss over pairs is warned of by its own line.
    project.write("recipes/quick.md", &three("").replace("sampler = { name = \"MPerClassSampler\", m = 4 }\n", ""));
    let plan = project.toji(&["plan", "quick", "--untimed"]);
    let told = String::from_utf8_lossy(&plan.stderr).into_owned() + &String::from_utf8_lossy(&plan.stdout);
    assert!(told.contains("pairs-are-rare: TripletMarginLoss"), "{told}");
}
