//! What a submission keeps, packs for hosts, and doing it again elsewhere, by the real program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value as Json;
use toji::base::files::archive::{Content, publish_archive};
use toji::session::errands::solution::Solution;
use toji::session::errands::solution::pack::hosts::Host;

use crate::project::{Project, QUICK, copy};

/// A recipe with two trainings, a parent and steps by labels, through in seconds.
fn recipe(margin: f64) -> String {
    let text = QUICK.replace("epochs = 3", "epochs = 2").replace("k = 4", "k = 2");
    text.replace("margin = 17.2", &format!("margin = {margin}"))
}

/// A stranger's machine: another folder, another home.
struct Elsewhere(tempfile::TempDir);

impl Elsewhere {
    fn new() -> Elsewhere {
        Elsewhere(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_toji"));
        command.args(args).current_dir(self.0.path()).env("HOME", self.path("home"));
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// The exit code and what was said, with its last JSON object that is no event.
    fn json(&self, args: &[&str]) -> (i32, Json, String) {
        let out = self.run(&[args, &["--json"]].concat());
        let text = String::from_utf8(out.stdout).unwrap() + &String::from_utf8_lossy(&out.stderr);
        let object =
            |line: &str| serde_json::from_str::<Json>(line).ok().filter(|object| object.get("checked").is_some());
        (out.status.code().unwrap(), text.lines().filter_map(object).next_back().unwrap_or_default(), text)
    }
}

fn unpack(zip: &Path, to: &Path) {
    toji::base::files::unpack::unpack(zip, to).unwrap();
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(files_below(&path)),
            path => found.push(path),
        }
    }
    found.sort();
    found
}

fn lock_of(project: &Project, told: &Json) -> PathBuf {
    project.path(&format!("solutions/{}.lock", &told["file_hash"].as_str().unwrap()[..12]))
}

#[test]
fn a_pack_of_a_project_gives_the_same_bytes_elsewhere() {
    let project = Project::new();
    project.write("recipes/parent.md", &recipe(17.2));
    project.write("recipes/f.md", "# F\n\n```toml\n[recipe]\nextends = \"parent.md\"\n\n[loss]\nscale = 24\n```\n");
    project.write("edits.csv", "id,action,value,by,date,note\n");
    let told = project.json(&["submit", "f", "--rung", "full"]).pop().unwrap();
    let expected = fs::read(project.path("submissions/f.csv")).unwrap();
    let solution = Solution::load(&lock_of(&project, &told)).unwrap();
    assert_eq!(solution.expected.file_hash.to_string(), told["file_hash"]);
    assert_eq!(
        solution.run.texts.iter().map(|t| t.file.as_str()).collect::<Vec<_>>(),
        ["recipes/f.md", "recipes/parent.md"]
    );
    assert_eq!((solution.expected.checkpoints.len(), solution.photos.roles.len()), (2, 3));
    assert!(solution.inputs.iter().any(|input| input.file == "edits.csv") && !solution.times.is_empty());

    let packed = project.json(&["pack", "f", "--for", "kaggle", "--out", "k.zip"]).pop().unwrap();
    // Elsewhere: the host's data in a folder of its own, nothing of the project.
    let elsewhere = Elsewhere::new();
    copy(&project.path("data/sample"), &elsewhere.path("given"));
    fs::copy(project.path("k.zip"), elsewhere.path("k.zip")).unwrap();
    let names = packed["files"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect::<Vec<_>>();
    for name in [
        "README.md",
        "SETTINGS.json",
        "directory_structure.txt",
        "entry_points.md",
        "model_summary.md",
        "models/f.safetensors",
        "recipes/parent.md",
        "requirements.txt",
        "solution.lock",
        "submissions/f.csv",
    ] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }

    let (code, done, text) =
        elsewhere.json(&["reproduce", "k.zip", "--data", "given", "--predict-only", "--out", "p.csv"]);
    assert_eq!((code, &done["judged"]["verdict"]), (0, &Json::from("same")), "{text}");
    assert_eq!(fs::read(elsewhere.path("p.csv")).unwrap(), expected);
    let (code, done, text) = elsewhere.json(&["reproduce", "k", "--data", "given", "--out", "t.csv"]);
    assert_eq!((code, &done["judged"]["verdict"]), (0, &Json::from("same")), "{text}");
    assert_eq!(fs::read(elsewhere.path("t.csv")).unwrap(), expected);
    let judged = &done["judged"];
    assert_eq!((&judged["score"], &judged["weights_same"]), (&told["cv"], &Json::from(true)), "{judged}");
    assert_eq!(judged["checkpoints"], serde_json::json!([2, 2]));
    assert!(judged["reused"].as_array().unwrap().is_empty(), "it was trained there: {judged}");

    // The paths may stand in SETTINGS.json instead.
    let settings = fs::read_to_string(elsewhere.path("k/SETTINGS.json")).unwrap();
    let settings = settings.replace("data/sample", "../given").replace("\"answers\"", "\"../out\"");
    toji::base::files::publish(&elsewhere.path("k/SETTINGS.json"), settings.as_bytes()).unwrap();
    let (code, _, text) = elsewhere.json(&["reproduce", "k", "--predict-only"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(fs::read(elsewhere.path("out/f.csv")).unwrap(), expected);

    // Weights of which one bit is another are no model of then.
    let model = elsewhere.path("k/models/f.safetensors");
    let mut bytes = fs::read(&model).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    toji::base::files::publish(&model, &bytes).unwrap();
    let (code, done, text) = elsewhere.json(&["reproduce", "k", "--predict-only"]);
    assert!(code == 5 && done["checked"]["weights"].to_string().contains("packed weights"), "{text}");

    // A photo that was tampered with, one that is gone: named, and nothing is run.
    let photo = |row: usize| {
        let list = fs::read_to_string(
            files_below(&elsewhere.path("k"))
                .iter()
                .find(|file| file.file_name().unwrap().to_string_lossy().starts_with("photos-"))
                .unwrap(),
        )
        .unwrap();
        let line: Vec<String> = list.lines().nth(row).unwrap().split(',').map(str::to_owned).collect();
        (line[1].clone(), elsewhere.path("given").join(&line[2]))
    };
    let ((changed, file), (gone, other)) = (photo(1), photo(5));
    let mut bytes = fs::read(&file).unwrap();
    bytes.extend_from_slice(b"more");
    toji::base::files::publish(&file, &bytes).unwrap();
    fs::remove_file(other).unwrap();
    for more in [&[][..], &["--check"], &["--predict-only"]] {
        let (code, done, text) = elsewhere.json(&[&["reproduce", "k", "--data", "given"], more].concat());
        let told: Vec<(&str, bool)> = done["checked"]["photos"]
            .as_array()
            .unwrap()
            .iter()
            .map(|photo| (photo["id"].as_str().unwrap(), photo["what"].as_str().unwrap().contains("other bytes")))
            .collect();
        assert_eq!(
            (code, told, &done["judged"]),
            (5, vec![(changed.as_str(), true), (gone.as_str(), false)], &Json::Null),
            "{text}"
        );
    }
    let out = elsewhere.run(&["reproduce", "k", "--data", "given", "--check"]);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(text.contains("2 photos are not as they were") && text.contains(&format!("train {changed} ")), "{text}");
}

#[test]
fn a_past_line_is_made_again_though_recipe_and_store_have_changed() {
    let project = Project::new();
    project.write("recipes/f.md", &recipe(17.2));
    let told = project.json(&["submit", "f", "--rung", "smoke"]).pop().unwrap();
    let hash = told["file_hash"].as_str().unwrap()[..12].to_owned();
    let expected = fs::read(project.path("submissions/f.csv")).unwrap();
    project.write("recipes/f.md", &recipe(28.6));
    project.json(&["run", "f", "--rung", "smoke"]);
    project.json(&["gc", "--yes"]);
    fs::remove_file(project.path("submissions/f.csv")).unwrap();
    fs::remove_dir_all(project.path(".toji")).unwrap();

    // Told, too, from what the submission kept alone.
    let report = project.json(&["report", "--submission", &hash, "--out", "past.html"]);
    assert!(
        report[0]["report"]["subject"]["texts"][0]["text"].as_str().unwrap().contains("margin = 17.2"),
        "{report:?}"
    );
    // A file that is no answer of this line stays.
    for (name, code, why) in
        [("data/sample/train.csv", 1, "is not this submission"), ("solution.md", 2, "answers are a table")]
    {
        project.write("solution.md", "mine\n");
        let before = fs::read(project.path(name)).unwrap();
        let out = project.toji(&["reproduce", &hash, "--out", name]);
        let text = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.code() == Some(code) && text.contains(why), "{text}");
        assert_eq!(fs::read(project.path(name)).unwrap(), before);
    }
    let done = project.json(&["reproduce", &hash, "--out", "again.csv"]).pop().unwrap();
    assert_eq!(done["judged"]["verdict"], "same", "{done}");
    assert_eq!(fs::read(project.path("again.csv")).unwrap(), expected);
    assert!(fs::read_to_string(project.path("recipes/f.md")).unwrap().contains("28.6"), "the recipe is as it stands");
    // A second time all of it is in the project's own store.
    let done = project.json(&["reproduce", &hash, "--out", "again.csv"]).pop().unwrap();
    assert!(done["judged"]["reused"].as_array().unwrap().iter().any(|stage| stage == "fit fold 0"), "{done}");

    // The folder in which that was done is nobody's any more.
    let folder = project.path(&format!(".toji/reproduced/{hash}"));
    assert!(folder.is_dir());
    // Not while it is at work, nor what it wants; nor what is somebody's.
    fs::create_dir_all(project.path(".toji/reproduced/mynotes")).unwrap();
    let held = fs::File::create(project.path(&format!(".toji/reproduced/{hash}.lock"))).unwrap();
    held.lock().unwrap();
    let going = project.json(&["gc", "--yes"]).pop().unwrap();
    assert_eq!((&going["going"], &going["freed"]), (&0.into(), &0.into()), "{going}");
    let out = project.toji(&["reproduce", &hash, "--check"]);
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.code() == Some(1) && text.contains("right now"), "{text}");
    drop(held);
    let going = project.json(&["gc", "--yes"]);
    assert!(project.path(".toji/reproduced/mynotes").is_dir());
    let found = going.iter().find(|item| item["stage"] == "reproduced").expect("listed");
    assert!(found["key"] == hash.as_str() && found["bytes"].as_u64().unwrap() > 0, "{found}");
    assert!(!folder.exists());
    // Through a link nothing is removed.
    let elsewhere = tempfile::tempdir().unwrap();
    let kept = elsewhere.path().join("0123456789ab");
    fs::create_dir(&kept).unwrap();
    fs::write(kept.join("solution.lock"), "").unwrap();
    fs::remove_dir_all(project.path(".toji/reproduced")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), project.path(".toji/reproduced")).unwrap();
    project.json(&["gc", "--yes"]);
    assert!(kept.is_dir());
    fs::remove_file(project.path(".toji/reproduced")).unwrap();

    // A lock that was damaged is named.
    let mut kept = fs::read_dir(project.path("solutions")).unwrap().map(|entry| entry.unwrap().path());
    let lock = kept.find(|path| path.extension().is_some_and(|ending| ending == "lock")).unwrap();
    let whole = fs::read(&lock).unwrap();
    fs::write(&lock, &whole[..whole.len() / 2]).unwrap();
    let out = project.toji(&["report", "--submission", &hash, "--out", "damaged.html"]);
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.code() == Some(1) && text.contains(".lock"), "{text}");
    assert!(!project.path("damaged.html").exists());
    fs::write(&lock, &whole).unwrap();

    // A line from before there were locks: its run's serves.
    let told = project.json(&["submit", "f", "--rung", "smoke", "--out", "second.csv"]).pop().unwrap();
    fs::remove_dir_all(project.path("solutions")).unwrap();
    project.write("recipes/f.md", &recipe(11.5));
    let hash = told["file_hash"].as_str().unwrap()[..12].to_owned();
    let done = project.json(&["reproduce", &hash]).pop().unwrap();
    assert_eq!(done["judged"]["verdict"], "same", "{done}");
    assert!(done["checked"]["notes"].to_string().contains("from before submissions kept a lock"), "{done}");
    let packed = project.json(&["pack", &hash, "--for", "nishika", "--out", "n.zip"]).pop().unwrap();
    assert!(packed["files"].to_string().contains("models/f.safetensors"));
    // And of what nothing is kept, nothing is promised.
    fs::remove_dir_all(project.path(".toji/runs")).unwrap();
    let out = project.toji(&["reproduce", &hash]);
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.code() == Some(1) && text.contains("nothing is kept of submission"), "{text}");
}

#[test]
fn packs_have_equal_bytes_the_hosts_files_and_no_folder_of_this_machine() {
    let project = Project::new();
    project.write("recipes/f.md", &recipe(17.2));
    let out = project.path("submissions/deep.csv");
    project.json(&["submit", "f", "--rung", "smoke", "--out", out.to_str().unwrap()]);
    let questions = project.toji(&["pack", "--questions", "kaggle"]);
    assert!(questions.status.success());
    let file = fs::read_to_string(project.path("solution.md")).unwrap();
    assert!(file.contains("## Team name · チーム名(ユーザー名)"));
    project.write(
        "solution.md",
        &file.replace("## Why you entered · 参加の動機\n", "## Why you entered · 参加の動機\n酒が好きだから。\n"),
    );
    for host in Host::ALL {
        let name = host.name();
        let told = |out: &str| project.json(&["pack", "f", "--for", name, "--with-data", "--out", out]).pop().unwrap();
        let (one, two) = (told("one.zip"), told("two.zip"));
        assert_eq!(fs::read(project.path("one.zip")).unwrap(), fs::read(project.path("two.zip")).unwrap(), "{name}");
        assert_eq!(one["missing"], two["missing"]);
        let folder = project.path(&format!("unpacked-{name}"));
        unpack(&project.path("one.zip"), &folder);
        let root = project.path("").display().to_string();
        for file in files_below(&folder) {
            let text = String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned();
            assert!(!text.contains(root.trim_end_matches('/')), "{} names {root}", file.display());
        }
        // Each field stands where the table says.
        for field in host.fields() {
            let file = folder.join(field.file);
            assert!(file.exists(), "{name}: {} has no {}", field.asks, field.file);
            if !matches!(field.from, toji::session::errands::solution::pack::hosts::Origin::File(_)) {
                assert!(fs::read_to_string(&file).unwrap().contains(field.asks), "{name}: {}", field.asks);
            }
        }
        let missing = fs::read_to_string(folder.join("missing.md")).unwrap();
        assert!(missing.contains("answer \"Team name · チーム名(ユーザー名)\" in solution.md"), "{missing}");
        if host != Host::Signate {
            let document = fs::read_to_string(folder.join(host.document().unwrap())).unwrap();
            assert!(document.contains("酒が好きだから。") && document.contains("**Missing:** answer"), "{document}");
            assert!(!missing.contains("参加の動機"), "{missing}");
        }
        // The data is in it: nothing else has to be named.
        let done = Command::new(env!("CARGO_BIN_EXE_toji"))
            .args(["reproduce", ".", "--predict-only", "--json"])
            .current_dir(&folder)
            .output()
            .unwrap();
        assert_eq!(
            done.status.code(),
            Some(0),
            "{name}: {}{}",
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr)
        );
    }
}

#[test]
fn an_ensemble_is_packed_with_its_members_and_edited_photos_count_as_edited() {
    let project = Project::new();
    project.write("recipes/a.md", &recipe(17.2));
    project.write("recipes/b.md", &recipe(28.6));
    let joint = "# E\n\n```toml\n[ensemble]\nof = [\"a.md\", \"b.md\"]\nfusion = { name = \"rrf\" }\n```\n";
    project.write("recipes/e.md", joint);
    let list = fs::read_to_string(project.path("data/sample/cite.csv")).unwrap();
    let id = list.lines().nth(1).unwrap().split(',').next().unwrap().to_owned();
    assert!(project.toji(&["edit", "crop", "--to", "10 10 60 60", &id]).status.success());
    let told = project.json(&["submit", "e", "--rung", "smoke"]).pop().unwrap();
    let expected = fs::read(project.path("submissions/e.csv")).unwrap();
    let solution = Solution::load(&lock_of(&project, &told)).unwrap();
    let texts: Vec<&str> = solution.run.texts.iter().map(|text| text.file.as_str()).collect();
    assert_eq!(texts, ["recipes/e.md", "recipes/a.md", "recipes/b.md"]);
    project.json(&["pack", "e", "--for", "signate", "--out", "s.zip"]);
    let elsewhere = Elsewhere::new();
    copy(&project.path("data/sample"), &elsewhere.path("given"));
    unpack(&project.path("s.zip"), &elsewhere.path("s"));
    for more in [&["--predict-only", "--out", "p.csv"][..], &["--out", "t.csv"]] {
        let (code, done, text) = elsewhere.json(&[&["reproduce", "s", "--data", "given"], more].concat());
        assert_eq!((code, &done["judged"]["verdict"]), (0, &Json::from("same")), "{text}");
        assert_eq!(fs::read(elsewhere.path(more[more.len() - 1])).unwrap(), expected);
    }
}

#[test]
fn what_was_changed_or_would_leave_its_folder_is_refused() {
    let project = Project::new();
    project.write("recipes/f.md", &recipe(17.2));
    let told = project.json(&["submit", "f", "--rung", "smoke"]).pop().unwrap();
    let lock = lock_of(&project, &told);
    let elsewhere = Elsewhere::new();
    copy(&project.path("data/sample"), &elsewhere.path("given"));
    let text = fs::read_to_string(&lock).unwrap();
    assert!(!text.contains(env!("CARGO_BIN_EXE_toji")), "the command line names no folder");
    let refused = |text: &str, words: &str| {
        toji::base::files::publish(&elsewhere.path("solution.lock"), text.as_bytes()).unwrap();
        let (code, _, told) = elsewhere.json(&["reproduce", "solution.lock", "--data", "given", "--check"]);
        assert!(code == 1 && told.contains(words), "{code}: {told}");
    };
    assert!(text.contains("margin = 17.2"));
    refused(&text.replace("margin = 17.2", "margin = 18.2"), "it was changed after it was written");
    refused(&text[..text.len() / 2], "cannot be used");
    refused("", "no lock");
    // Sealed anew by somebody who knows how: names still stay inside.
    let mut solution = Solution::load(&lock).unwrap();
    solution.run.texts[0].file = "../../outside.md".to_owned();
    refused(&solution.text(), "lies outside of the project");
    assert!(!elsewhere.path("outside.md").exists() && !elsewhere.path("../outside.md").exists());

    // Alone, the lock is enough where the data is.
    toji::base::files::publish(&elsewhere.path("solution.lock"), text.as_bytes()).unwrap();
    let (code, done, told) = elsewhere.json(&["reproduce", "solution.lock", "--data", "given"]);
    assert_eq!((code, &done["judged"]["verdict"]), (0, &Json::from("same")), "{told}");
    let (code, _, told) = elsewhere.json(&["reproduce", "solution.lock"]);
    assert!(code == 1 && told.contains("--data DIR"), "{told}");

    // Other bytes and nearly the score: a fault on equal surroundings, within tolerance on another type of CPU.
    let mut solution = Solution::load(&lock).unwrap();
    solution.expected.score = solution.expected.score.map(|score| score + 0.001);
    solution.expected.file_hash = toji::base::Key::of_bytes(b"another machine's");
    let verdict = |solution: &Solution, more: &[&str]| {
        toji::base::files::publish(&elsewhere.path("solution.lock"), solution.text().as_bytes()).unwrap();
        let (code, done, _) = elsewhere.json(&[&["reproduce", "solution.lock", "--data", "given"], more].concat());
        (code, done["judged"]["verdict"].clone(), done["judged"]["reasons"].to_string())
    };
    let (code, found, reasons) = verdict(&solution, &[]);
    assert_eq!((code, found, reasons.as_str()), (4, Json::from("different"), "[]"));
    solution.run.surroundings.set("cpu", toji::base::Value::Text("Z80".to_owned()));
    let (code, found, reasons) = verdict(&solution, &[]);
    assert!(
        (code, &found) == (3, &Json::from("within")) && reasons.contains("another CPU type: Z80 then"),
        "{reasons}"
    );
    let (code, found, _) = verdict(&solution, &["--tolerance", "0.0001"]);
    assert_eq!((code, found), (4, Json::from("different")));

    let zip = elsewhere.path("bad.zip");
    let good = ("solution.lock".to_owned(), Content::Bytes(text.into_bytes()));
    publish_archive(&zip, &[good, ("../x".to_owned(), Content::Bytes(b"out".to_vec()))]).unwrap();
    let (code, _, told) = elsewhere.json(&["reproduce", "bad.zip", "--data", "given"]);
    assert!(code == 1 && told.contains("would leave the folder") && !elsewhere.path("bad").exists(), "{told}");
    // Who made a pack has no say of folders outside of it.
    for place in ["../out", "/tmp/out", "a\u{1b}b"] {
        let settings = serde_json::json!({ "SUBMISSION_DIR": place }).to_string();
        let own = elsewhere.path("settings.zip");
        let kept = fs::read_to_string(&lock).unwrap();
        let entries = [("solution.lock", kept), ("SETTINGS.json", settings)];
        let entries = entries.map(|(name, text)| (name.to_owned(), Content::Bytes(text.into_bytes())));
        publish_archive(&own, &entries).unwrap();
        let (code, _, told) = elsewhere.json(&["reproduce", "settings.zip", "--data", "given"]);
        assert!(code == 1 && told.contains("outside of its own folder") && !told.contains('\u{1b}'), "{told}");
        fs::remove_dir_all(elsewhere.path("settings")).unwrap();
    }
    publish_archive(&zip, &[("a.txt".to_owned(), Content::Bytes(b"a".to_vec()))]).unwrap();
    let (code, _, told) = elsewhere.json(&["reproduce", "bad.zip", "--data", "given"]);
    assert!(code == 1 && told.contains("has no solution.lock"), "{told}");
}

#[test]
fn the_page_has_the_tables_of_fields() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pack.md")).unwrap();
    for host in Host::ALL {
        assert!(
            page.contains(&host.table()),
            "docs/pack.md is stale; its table of {0} is: toji pack --fields {0}",
            host.name()
        );
    }
}
