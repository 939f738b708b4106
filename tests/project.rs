//! A project of its own in a temporary folder: the sample's data, the repository's recipes, a quick recipe.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value as Json;

/// A project of its own with the sample's data and the repository's recipes.
pub struct Project(tempfile::TempDir);

/// A recipe that is through in a few seconds.
pub const QUICK: &str = r#"# Quick

```toml
[recipe]
seed = 3

[augment]
train = [{ op = "RandomResizedCrop", size = [32, 32], scale = [0.6, 1.0] }]

[backbone]
name = "resnet10t"
weights = "none"
embedding = 32

[loss]
name = "ArcFaceLoss"
margin = 17.2
scale = 30

[train]
epochs = 3
batch = 32
optimizer = { name = "AdamW", lr = 1e-3 }

[folds]
scheme = "stratified"
k = 4

[post]
steps = [{ op = "pca", dim = 16 }, { op = "alpha-qe", k = 2 }]
```
"#;

impl Project {
    pub fn new() -> Project {
        let folder = tempfile::tempdir().unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        copy(&root.join("data/sample"), &folder.path().join("data/sample"));
        copy(&root.join("recipes"), &folder.path().join("recipes"));
        fs::copy(root.join("toji.toml"), folder.path().join("toji.toml")).unwrap();
        let project = Project(folder);
        project.write("recipes/quick.md", QUICK);
        project
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::File::create(&path).and_then(|mut f| std::io::Write::write_all(&mut f, text.as_bytes())).unwrap();
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_toji"));
        command.args(args).current_dir(self.0.path()).stdin(Stdio::null()).env("LC_ALL", "C.UTF-8");
        command
    }

    pub fn toji(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs a command that must succeed; gives its JSON objects.
    pub fn json(&self, args: &[&str]) -> Vec<Json> {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        let out = self.toji(&args);
        let text = String::from_utf8(out.stdout).unwrap();
        assert!(out.status.success(), "{args:?}: {text}{}", String::from_utf8_lossy(&out.stderr));
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
    }

    /// The stages that would run for a recipe, with their reasons.
    pub fn would_run(&self, recipe: &str) -> Vec<(String, String)> {
        let text = |step: &Json, name: &str| step[name].as_str().unwrap().to_owned();
        let steps = self.json(&["plan", recipe]);
        steps
            .iter()
            .filter(|step| step["action"] == "run")
            .map(|step| (text(step, "stage"), text(step, "reason")))
            .collect()
    }

    /// The names of the files in all artefacts of a stage, sorted.
    pub fn files_of(&self, stage: &str) -> Vec<String> {
        let folders = |path: PathBuf| fs::read_dir(path).unwrap().flatten().map(|entry| entry.path());
        let files = folders(self.path(".toji/store").join(stage)).flat_map(folders).flat_map(folders);
        let mut names: Vec<String> =
            files.map(|file| file.file_name().unwrap().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// The bytes of the only artefact of a stage.
    pub fn artefact(&self, stage: &str, file: &str) -> Vec<u8> {
        let mut found = Vec::new();
        for pair in fs::read_dir(self.path(".toji/store").join(stage)).unwrap().flatten() {
            // What a kill left half published is hidden.
            let whole = |entry: &fs::DirEntry| !entry.file_name().to_string_lossy().starts_with('.');
            let entries = fs::read_dir(pair.path()).unwrap().flatten().filter(whole);
            found.extend(entries.map(|entry| entry.path().join(file)));
        }
        assert_eq!(found.len(), 1, "{found:?}");
        fs::read(&found[0]).unwrap()
    }
}

pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
