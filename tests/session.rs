//! The whole road through the real program: recipes, plans, kills, submissions, on the sample's photos.

use std::fs;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value as Json;

use crate::project::{Project, QUICK, copy};

fn failure(out: &Output) -> (i32, String) {
    (out.status.code().unwrap(), String::from_utf8_lossy(&out.stderr).into_owned())
}

#[test]
fn every_recipe_runs_on_the_sample() {
    let project = Project::new();
    let names: Vec<String> = toji::session::recipe::files_in(&project.path("recipes"))
        .iter()
        .map(|file| toji::session::recipe::name_of(file))
        .filter(|name| name != "quick")
        .collect();
    assert!(names.len() >= 4, "{names:?}");
    let mut args = vec!["run", "--rung", "smoke"];
    args.extend(names.iter().map(String::as_str));
    let objects = project.json(&args);
    let results: Vec<&Json> = objects.iter().filter(|object| object.get("score").is_some()).collect();
    assert_eq!(results.len(), names.len());
    for (result, name) in results.iter().zip(&names) {
        assert_eq!(result["recipe"], **name);
        assert_eq!(result["metric"], "MRR@20");
        let (score, low, high) = (&result["score"], &result["interval"][0], &result["interval"][1]);
        let number = |value: &Json| value.as_f64().unwrap();
        assert!(
            0.0 < number(low) && number(low) <= number(score) && number(score) <= number(high) && number(high) <= 1.0
        );
        assert!(result["seconds"].is_number() && result["reused"].is_array());
    }
    assert_eq!(objects.last().unwrap()["recipe"], **names.last().unwrap(), "the last object is a result");
}

#[test]
fn what_changed_is_what_runs_and_the_plan_says_why() {
    let project = Project::new();
    assert_eq!(project.would_run("quick").len(), 8);
    project.json(&["run", "quick"]);
    assert!(project.would_run("quick").is_empty());

    project.write("recipes/quick.md", &QUICK.replace("# Quick", "# Quick, with other words\n\nAnd a paragraph."));
    assert!(project.would_run("quick").is_empty(), "prose runs nothing");

    project.write("recipes/quick.md", &QUICK.replace("dim = 16", "dim = 8"));
    let steps = project.would_run("quick");
    let names: Vec<&str> = steps.iter().map(|(stage, _)| stage.as_str()).collect();
    assert_eq!(names, ["post fold 0 pca", "post fold 0 alpha-qe", "rank fold 0", "score"]);
    assert_eq!(steps[0].1, "[post] pca.dim 16 → 8");
    let again = project.json(&["run", "quick"]);
    let reused = again.last().unwrap()["reused"].as_array().unwrap().clone();
    assert!(reused.contains(&Json::from("fit fold 0")) && reused.contains(&Json::from("embed fold 0")), "{reused:?}");

    project.write("recipes/quick.md", &QUICK.replace("margin = 17.2", "margin = 22.9"));
    let steps = project.would_run("quick");
    assert_eq!(steps[0], ("fit fold 0".to_owned(), "[loss] margin 17.2 → 22.9".to_owned()));
    assert_eq!(steps.len(), 6);

    project.write("recipes/quick.md", QUICK);
    assert!(project.would_run("quick").is_empty(), "what was made once is found again");

    let table = fs::read_to_string(project.path("data/sample/train.csv")).unwrap();
    let mut lines: Vec<String> = table.lines().map(str::to_owned).collect();
    let last = lines.len() - 1;
    let label = |line: &str| line.splitn(3, ',').nth(2).unwrap().to_owned();
    let other = label(&lines[1]);
    assert_ne!(label(&lines[last]), other);
    let id: Vec<String> = lines[last].splitn(3, ',').take(2).map(str::to_owned).collect();
    lines[last] = format!("{},{},{other}", id[0], id[1]);
    project.write("data/sample/train.csv", &(lines.join("\n") + "\n"));
    let steps = project.would_run("quick");
    let fit = steps.iter().find(|(stage, _)| stage.starts_with("fit")).unwrap();
    assert!(fit.1.contains("relabelled"), "{}", fit.1);
}

#[test]
fn with_no_epochs_the_network_is_used_as_it_comes() {
    let project = Project::new();
    let neck = "embedding = 32";
    assert!(QUICK.contains(neck) && QUICK.contains("epochs = 3"));
    let zero = QUICK.replace("epochs = 3", "epochs = 0").replace(neck, "neck = { kind = \"none\" }");
    project.write("recipes/quick.md", &zero);
    let names: Vec<String> = project.would_run("quick").into_iter().map(|(stage, _)| stage).collect();
    let post = ["post fold 0 pca", "post fold 0 alpha-qe"];
    assert_eq!(names, [&["data", "fold", "embed fold 0"][..], &post, &["rank fold 0", "score"]].concat());
    let done = project.json(&["run", "quick"]);
    assert!(done.last().unwrap()["score"].as_f64().unwrap() > 0.0);
    assert!(project.would_run("quick").is_empty());

    project.write("recipes/quick.md", &zero.replace("margin = 17.2", "margin = 22.9").replace("batch = ", "batch = 1"));
    assert!(project.would_run("quick").is_empty(), "what only a training reads runs nothing");
    project.write("recipes/quick.md", &zero.replace("kind = \"none\"", "kind = \"bn\""));
    let embed = project.would_run("quick").remove(0);
    assert_eq!(embed, ("embed fold 0".to_owned(), "[backbone] neck.kind \"none\" → \"bn\"".to_owned()));

    // No training's key knows the size of the pictures.
    project.write("recipes/quick.md", &zero.replace("size = [32, 32]", "size = [40, 40]"));
    let embed = project.would_run("quick").remove(0);
    assert_eq!(embed, ("embed fold 0".to_owned(), "[augment] size[0] 32 → 40; [augment] size[1] 32 → 40".to_owned()));

    project.write("recipes/quick.md", &zero);
    let rows = project.json(&["submit", "quick"]).last().unwrap()["rows"].clone();
    assert_eq!(rows, 76);
}

#[test]
fn the_contact_sheet_shows_photos_before_and_after() {
    let project = Project::new();
    let sheet =
        |out: &str| project.json(&["augment", "quick", "--out", out, "--photos", "3", "--draws", "2"]).remove(0);
    let told = sheet("sheet.png");
    assert_eq!(told["photos"], 3);
    let picture = image::open(project.path("sheet.png")).unwrap().to_rgb8();
    assert_eq!((told["width"].as_u64(), told["height"].as_u64()), (Some(480), Some(u64::from(picture.height()))));
    sheet("again.png");
    assert_eq!(fs::read(project.path("sheet.png")).unwrap(), fs::read(project.path("again.png")).unwrap());
    let (code, told) = failure(&project.toji(&["augment", "quick", "--out", "sheet.svg"]));
    assert!(code == 2 && told.contains("sheet.svg") && told.contains(".png"), "{told}");
}

#[test]
fn a_lower_rung_is_a_prefix_and_a_killed_run_goes_on_to_the_same_bits() {
    let straight = Project::new();
    straight.json(&["run", "quick"]);
    let expected = straight.artefact("fit", "checkpoint.safetensors");

    let promoted = Project::new();
    promoted.json(&["run", "quick", "--rung", "smoke"]);
    let fit = &promoted.would_run("quick")[0];
    assert!(fit.1.contains("goes on from epoch 2 of 3"), "{fit:?}");

    let killed = Project::new();
    let mut child = killed.command(&["run", "quick"]).stdout(Stdio::null()).spawn().unwrap();
    // Until the first epoch's checkpoint is there; the run needs some seconds more.
    let reached = || {
        let work = fs::read_dir(killed.path(".toji/work")).ok()?;
        work.flatten().map(|entry| entry.path().join("reached")).find(|file| file.is_file())
    };
    for _ in 0..6000 {
        if reached().is_some() || child.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let mut run = toji::dag::Board::new();
    let runs = toji::dag::Runs::open(&killed.path(".toji"));
    run.refresh(&runs);
    let state = run.latest("quick").unwrap().state();
    if state == toji::dag::RunState::Lost {
        let fit = &killed.would_run("quick")[0];
        assert!(fit.1.contains("goes on from epoch"), "{fit:?}");
    }
    // Another number of threads, to the same bits.
    let resumed = killed.command(&["run", "quick", "--json"]).env("RAYON_NUM_THREADS", "1").output().unwrap();
    assert!(resumed.status.success());
    run.refresh(&runs);
    assert_eq!(run.runs().count(), 1, "a resume is an attempt of the same run");
    assert_eq!(run.latest("quick").unwrap().told.attempts, 2);
    assert!(killed.artefact("fit", "checkpoint.safetensors") == expected, "killed and resumed gives other bits");
    assert_eq!(killed.artefact("score", "score.json"), straight.artefact("score", "score.json"));
}

#[test]
fn a_submission_is_valid_in_all_three_layouts() {
    let project = Project::new();
    let done = project.json(&["submit", "quick"]);
    let done = done.last().unwrap();
    assert_eq!(done["rows"], 76);
    let file = project.path("submissions/quick.csv");
    let file = file.to_str().unwrap();
    let host = project.json(&["synth", "score", file]);
    let truth = host[0]["all"].as_f64().unwrap();
    assert!(truth > 0.05 && truth <= 1.0, "{truth}");
    let bug = project.json(&["synth", "score", file, "--bug", "sum-over-positives"]);
    assert!(bug[0]["all"].as_f64().unwrap() > truth, "the host's bug shows");
    let ledger = fs::read_to_string(project.path("ledger.jsonl")).unwrap();
    let entry: Json = serde_json::from_str(ledger.lines().next().unwrap()).unwrap();
    assert_eq!((&entry["recipe"], &entry["file_hash"]), (&Json::from("quick"), &done["file_hash"]));

    // The same photos as one table with a split column, and with is_query / is_gallery columns.
    let truth = fs::read_to_string(project.path("data/sample/truth.csv")).unwrap();
    let mut split = "image,label,split\n".to_owned();
    let mut flags = "path,label,split,is_query,is_gallery\n".to_owned();
    for line in truth.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let (image, role, label) = (cells[1], cells[2], cells[3]);
        let (label, part) = match role {
            "train" => (label, "train"),
            "cite" => ("", "gallery"),
            _ => ("", "query"),
        };
        split.push_str(&format!("{image},{label},{part}\n"));
        let (query, gallery) = (part == "query", part == "gallery");
        let half = if part == "train" { "train" } else { "validation" };
        flags.push_str(&format!("{image},{label},{half},{query},{gallery}\n"));
    }
    for (table, layout) in [(split, "table"), (flags, "query-gallery")] {
        let other = Project::new();
        fs::remove_dir_all(other.path("data")).unwrap();
        fs::remove_file(other.path("toji.toml")).unwrap();
        copy(&project.path("data/sample/images"), &other.path("images"));
        other.write("photos.csv", &table);
        let facts = other.json(&["new", "."]);
        let facts = facts[0]["facts"].as_array().unwrap();
        assert!(facts.iter().any(|f| f["key"] == "data.layout" && f["value"] == layout), "{layout}: {facts:?}");
        let done = other.json(&["submit", "quick"]);
        assert_eq!(done.last().unwrap()["rows"], 76, "{layout}");
        let written = fs::read_to_string(other.path("submissions/quick.csv")).unwrap();
        assert_eq!(written.lines().count(), 77);
    }
}

#[test]
fn a_query_whose_picture_is_broken_gets_a_filler_and_is_named() {
    let project = Project::new();
    let table = fs::read_to_string(project.path("data/sample/test.csv")).unwrap();
    let (id, name) = table.lines().nth(2).unwrap().split_once(',').unwrap();
    fs::write(project.path("data/sample/images").join(name), b"no picture").unwrap();
    let (code, told) = failure(&project.toji(&["submit", "quick", "--rung", "smoke"]));
    assert!(code == 1 && told.contains(name) && told.contains("test.csv line 3"), "{told}");

    let facts = fs::read_to_string(project.path("toji.toml")).unwrap();
    project.write("toji.toml", &facts.replace("[data.columns]", "unreadable = \"skip\"\n\n[data.columns]"));
    let done = project.json(&["submit", "quick", "--rung", "smoke"]);
    let done = done.last().unwrap();
    assert_eq!((&done["rows"], &done["filled"][0]["query"]), (&Json::from(76), &Json::from(id)));
    let list = fs::read_to_string(project.path(".toji/unusable-pictures.txt")).unwrap();
    assert!(list.starts_with(id) && list.contains("not a picture"), "{list}");
    let written = fs::read_to_string(project.path("submissions/quick.csv")).unwrap();
    let row = written.lines().find(|line| line.starts_with(&format!("{id},"))).unwrap();
    assert_eq!(row.split([',', ' ']).count(), 21);
    assert!(fs::read_to_string(project.path("ledger.jsonl")).unwrap().contains("\"filled\":1"));
    let said = project.toji(&["submit", "quick", "--rung", "smoke"]);
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(
        said.contains("1 row is a filler") && said.contains(&format!("{id} (data/sample/images/{name})")),
        "{said}"
    );

    // Ids that went through a number are refused before anything is trained, with both files.
    let sample = fs::read_to_string(project.path("data/sample/sample_submission.csv")).unwrap();
    let spelled = sample.lines().map(|line| line.replacen(',', ".0,", 1)).collect::<Vec<_>>().join("\n");
    project.write("data/sample/sample_submission.csv", &spelled.replacen("gid.0", "gid", 1));
    let (code, told) = failure(&project.toji(&["submit", "quick"]));
    assert!(code == 1 && told.contains("sample_submission.csv line 2") && told.contains("test.csv line 2"), "{told}");
    let (_, told) = failure(&project.toji(&["plan", "quick", "--untimed"]));
    assert!(told.contains("note:") && told.contains("sample_submission.csv line 2"), "{told}");
}

#[test]
fn the_lock_names_the_weights_with_hash_and_licence() {
    let project = Project::new();
    let weights = b"not really weights";
    fs::write(project.path("own.safetensors"), weights).unwrap();
    project.write("recipes/quick.md", &QUICK.replace("weights = \"none\"", "weights = \"own.safetensors\""));
    // What is in the file is met by the training; the lock is there from the first moment.
    let (code, told) = failure(&project.toji(&["run", "quick"]));
    assert!(code == 1 && told.contains("own.safetensors"), "{told}");
    let run = fs::read_dir(project.path(".toji/runs")).unwrap().flatten().next().unwrap().path();
    let lock = fs::read_to_string(run.join("recipe.lock.toml")).unwrap();
    let lock: toml::Value = toml::from_str(&lock).unwrap();
    let used = lock["weights"].as_array().unwrap();
    let text = |key: &str| used[0][key].as_str().unwrap();
    assert_eq!(used.len(), 1);
    let hash = toji::base::Key::of_bytes(weights).to_string();
    assert_eq!((text("file"), text("blake3"), text("licence")), ("own.safetensors", hash.as_str(), "unknown"));
}

#[test]
fn mistakes_are_told_with_their_place_and_wrong_use_is_two() {
    let project = Project::new();
    project.write(
        "recipes/broken.md",
        &QUICK.replace("margin = 17.2", "margn = 17.2").replace("epochs = 3", "epochs = \"3\""),
    );
    let (code, told) = failure(&project.toji(&["run", "broken"]));
    assert_eq!(code, 2);
    assert!(told.contains("broken.md:17:1: error") && told.contains("margin"), "{told}");
    assert!(told.contains("broken.md:21:10"), "all mistakes at once: {told}");

    let (code, told) = failure(&project.toji(&["run", "nobody"]));
    assert_eq!(code, 2);
    assert!(told.contains("no recipe is called nobody") && told.contains("quick"), "{told}");

    let (code, told) = failure(&project.toji(&["explain", "ArcFaceLos"]));
    assert_eq!(code, 2);
    assert!(told.contains("ArcFaceLoss"), "{told}");

    let empty = tempfile::tempdir().unwrap();
    let out = Command::new(env!("CARGO_BIN_EXE_toji")).arg("plan").current_dir(empty.path()).output().unwrap();
    let (code, told) = failure(&out);
    assert_eq!(code, 2);
    assert!(told.contains("toji new"), "{told}");

    let photo = fs::read_dir(project.path("data/sample/images")).unwrap().flatten().next().unwrap().path();
    let bytes = fs::read(&photo).unwrap();
    fs::File::create(&photo).and_then(|mut f| std::io::Write::write_all(&mut f, &bytes[..bytes.len() / 2])).unwrap();
    let (code, told) = failure(&project.toji(&["run", "quick"]));
    assert_eq!(code, 1);
    let name = photo.file_name().unwrap().to_str().unwrap();
    assert!(told.contains(name), "{told}");
}

#[test]
fn what_only_the_tables_together_show_is_told_before_anything_runs() {
    let project = Project::new();
    project.write("recipes/quick.md", &QUICK.replace("dim = 16", "dim = 64"));
    let (code, told) = failure(&project.toji(&["plan", "quick"]));
    assert_eq!(code, 1);
    assert!(told.contains("quick.md:30:24") && told.contains("64") && told.contains("32"), "{told}");
    let flip = QUICK
        .replace("{ op = \"RandomResizedCrop\", size = [32, 32], scale = [0.6, 1.0] }", "{ op = \"HorizontalFlip\" }");
    project.write("recipes/quick.md", &flip);
    let (_, told) = failure(&project.toji(&["plan", "quick"]));
    assert!(told.contains("quick.md:8:") && told.contains("size"), "{told}");
    let inside = QUICK.replace(
        "{ op = \"RandomResizedCrop\", size = [32, 32], scale = [0.6, 1.0] }",
        "{ op = \"Resize\", size = [32, 32] }, { op = \"OneOf\", transforms = [\n{ op = \"VerticalFlip\" },\n\
         { op = \"Affine\", rotate = [9, 1] }] }",
    );
    project.write("recipes/quick.md", &inside);
    let (_, told) = failure(&project.toji(&["plan", "quick"]));
    assert!(told.contains("quick.md:10:1") && told.contains("transforms[1] Affine: rotate"), "{told}");
    let sampled = |sampler: &str| QUICK.replace("batch = 32", &format!("batch = 32\nsampler = {{ {sampler} }}"));
    project.write("recipes/quick.md", &sampled("name = \"MPerClassSampler\", m = 5"));
    let (_, told) = failure(&project.toji(&["plan", "quick"]));
    assert!(told.contains("quick.md:23:") && told.contains("multiple of 5"), "{told}");
    project.write(
        "recipes/quick.md",
        &sampled("name = \"HierarchicalSampler\", samples_per_class = 1, super_classes_per_batch = 32"),
    );
    let (_, told) = failure(&project.toji(&["run", "quick"]));
    assert!(told.contains("needs 32 coarse labels"), "{told}");
    project.write("recipes/quick.md", &sampled("name = \"MPerClassSampler\", m = 4"));
    assert!(project.json(&["run", "quick"]).last().unwrap()["score"].as_f64().unwrap() > 0.0);
    let pairs = |memory: &str| {
        let contrastive =
            format!("name = \"ContrastiveLoss\"\nminer = {{ name = \"BatchHardMiner\" }}\nmemory = {memory}");
        sampled("name = \"MPerClassSampler\", m = 4")
            .replace("name = \"ArcFaceLoss\"\nmargin = 17.2\nscale = 30", &contrastive)
    };
    project.write("recipes/quick.md", &pairs("16"));
    let (_, told) = failure(&project.toji(&["plan", "quick"]));
    assert!(told.contains("quick.md:") && told.contains("a batch of 32 does not fit into memory = 16"), "{told}");
    project.write("recipes/quick.md", &pairs("64"));
    assert!(project.json(&["run", "quick"]).last().unwrap()["score"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_run_that_fails_says_so_and_overwrites_nothing() {
    let project = Project::new();
    // Weights that grow ninefold with each step.
    let wild = QUICK.replace("lr = 1e-3", "lr = 10.0, weight_decay = 1.0").replace("epochs = 3", "epochs = 12");
    let wild = wild.replace("name = \"ArcFaceLoss\"\nmargin = 17.2\nscale = 30", "name = \"CrossEntropyLoss\"");
    project.write("recipes/quick.md", &wild);
    let (code, told) = failure(&project.toji(&["run", "quick"]));
    assert_eq!(code, 1);
    assert!(told.contains("step") && told.contains(".jpg"), "the step and the photos are named: {told}");
    let table = project.path("data/sample/train.csv");
    let before = fs::read(&table).unwrap();
    let (_, told) = failure(&project.toji(&["submit", "quick", "--out", table.to_str().unwrap()]));
    assert!(told.contains("nothing was written") && fs::read(&table).unwrap() == before, "{told}");
    let mut board = toji::dag::Board::new();
    board.refresh(&toji::dag::Runs::open(&project.path(".toji")));
    assert!(matches!(board.latest("quick").unwrap().state(), toji::dag::RunState::Failed(_)));
}

#[test]
fn without_a_terminal_lines_are_plain_and_the_board_is_printed() {
    let project = Project::new();
    let out = project.toji(&["run", "quick", "--rung", "smoke"]);
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(!text.contains('\x1b') && !text.contains('\r'), "{text}");
    assert!(text.contains("epoch 2: loss") && text.lines().last().unwrap().starts_with("quick: MRR@20"), "{text}");
    assert!(out.stderr.is_empty(), "{}", String::from_utf8_lossy(&out.stderr));
    let board = String::from_utf8(project.toji(&[]).stdout).unwrap();
    assert!(board.contains("quick") && board.contains("01-baseline") && !board.contains('\x1b'), "{board}");

    // Another scheme of folds has other queries: no difference, and the reason; so too where the pin comes from.
    project.write("recipes/other.md", &QUICK.replace("k = 4", "k = 3"));
    project.write(".toji/pin", "quick");
    project.json(&["run", "other", "--rung", "smoke"]);
    let board = String::from_utf8(project.toji(&[]).stdout).unwrap();
    assert!(
        board.contains("not paired") && board.contains("note: other: no difference to quick: its queries"),
        "{board}"
    );
    assert!(board.contains("note: quick was pinned here; toji.toml pins 01-baseline"), "{board}");

    let curves = project.path("curves.svg");
    project.json(&["plot", "quick", "--out", curves.to_str().unwrap()]);
    assert!(fs::read_to_string(&curves).unwrap().contains("MRR@20"));

    // Only [post] changes: the training is found in the store, and what it told besides loss and score in the run that made it.
    project.write("recipes/quick.md", &QUICK.replace("k = 2", "k = 3"));
    let done = project.json(&["run", "quick", "--rung", "smoke"]);
    assert!(done.last().unwrap()["reused"].as_array().unwrap().contains(&Json::from("fit fold 0")), "{done:?}");
    let series = "loss,lr,gradient-norm,images-per-second,memory";
    let asked = ["plot", "quick", "--series", series, "--x", "running", "--smooth", "0.6", "--log-y", "--out"];
    project.json(&[&asked[..], &[curves.to_str().unwrap()]].concat());
    let drawn = fs::read_to_string(&curves).unwrap();
    for text in ["loss", "learning rate", "gradient norm", "images per second", "memory (", "running time"] {
        assert!(drawn.contains(text), "{text}");
    }
    assert!(!drawn.contains("no values yet"));
    for (arguments, told) in [
        (["--smooth", "1.5"], "--smooth 1.5: a weight from 0 to 0.99"),
        (["--series", "accuracy"], "--series: no series \"accuracy\"; there are loss, score, lr"),
        (["--series", "gpu"], "none of these recipes has told its GPU"),
    ] {
        let (_, said) = failure(&project.toji(&[&["plot", "quick", "--out", "x.svg"][..], &arguments].concat()));
        assert!(said.contains(told), "{said}");
    }
}

#[test]
fn verify_finds_a_picture_that_changed_behind_its_time() {
    let project = Project::new();
    let photo = project.path("data/sample/images/1000001.jpg");
    // What changed a moment ago is read again at the next look, so the picture must be older.
    let hour_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    fs::File::options().write(true).open(&photo).unwrap().set_modified(hour_ago).unwrap();
    project.json(&["plan", "--untimed"]);
    assert_eq!(project.json(&["verify"])[0]["checked"], 483);
    let before = fs::metadata(&photo).unwrap();
    let mut bytes = fs::read(&photo).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let file = fs::File::options().write(true).open(&photo).unwrap();
    std::io::Write::write_all(&mut &file, &bytes).unwrap();
    file.set_modified(before.modified().unwrap()).unwrap();
    let out = project.toji(&["verify", "--json"]);
    assert_eq!(out.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&out.stdout).contains("1000001.jpg"));
}
