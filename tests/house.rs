//! The house's own rules, read off the sources: layers, owners of crates, tests that nobody forgot,
//! README and CI that say the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// In the order of the flow; a folder may use only those before it.
const LAYERS: [&str; 10] = ["base", "book", "dag", "data", "learn", "retrieve", "review", "score", "session", "show"];

/// Folders of the binary; they may use the library.
const BINARY: [&str; 2] = ["cli", "tui"];

/// Which folders may name an external crate. A crate that is not here belongs to everybody.
const OWNERS: &[(&str, &[&str])] = &[
    ("blake3", &["base"]),
    ("candle_core", &["data/batch", "learn", "retrieve"]),
    ("candle_nn", &["learn"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("crossterm", &["tui", "cli"]),
    ("encoding_rs", &["data"]),
    ("epaint_default_fonts", &["show"]),
    ("gemm", &["learn/ops"]),
    ("image", &["data", "show"]),
    ("miette", &["book"]),
    ("notify_debouncer_full", &["session/project/watch.rs"]),
    ("plotters", &["show"]),
    ("polars", &["data", "score", "show"]),
    ("pulldown_cmark", &["book", "show/report", "tui"]),
    ("pulp", &["base", "data/picture", "learn/ops", "retrieve/index"]),
    ("ratatui", &["tui"]),
    ("rmp_serde", &["base/files"]),
    ("rustix", &["base", "cli", "tui/terminal"]),
    ("safetensors", &["base/files", "learn", "retrieve", "session/errands/export", "session/errands/submit"]),
    ("signal_hook", &["cli", "tui/terminal"]),
    ("tempfile", &["base", "data"]),
    ("toml", &["book"]),
    ("unicode_segmentation", &["base"]),
    ("unicode_width", &["base"]),
    ("ureq", &["learn/backbone"]),
    ("zip", &["base/files"]),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Every Rust file below a folder, sorted.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(sources(&entry));
        } else if entry.extension().is_some_and(|e| e == "rs") {
            found.push(entry);
        }
    }
    found.sort();
    found
}

/// The code of a file line by line, without comments and without its unit tests.
fn code(path: &Path) -> Vec<(usize, String)> {
    if path.components().any(|part| part.as_os_str() == "tests") {
        return Vec::new();
    }
    let text = read(path);
    let lines: Vec<&str> = text.lines().collect();
    let opens_tests = |i: usize| {
        let body = lines[i + 1..].iter().find(|line| !line.starts_with("#["));
        lines[i].starts_with("#[cfg(all(test")
            || lines[i] == "#[cfg(test)]" && body.is_some_and(|line| line.starts_with("mod ") && line.ends_with('{'))
    };
    let end = (0..lines.len()).find(|&i| opens_tests(i)).unwrap_or(lines.len());
    let strip = |line: &str| line.split("//").next().unwrap_or_default().to_owned();
    lines[..end].iter().map(|line| strip(line)).enumerate().map(|(i, line)| (i + 1, line)).collect()
}

/// Whether `word` stands in `line` as a path's first step: `word::`, or `use word`.
fn names(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let free = before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':');
        let rest = &line[at + word.len()..];
        let used = line.trim_start().starts_with("use ") || line.trim_start().starts_with("pub use ");
        free && (rest.starts_with("::") || (used && rest.starts_with([';', ' '])))
    })
}

#[test]
fn a_folder_uses_only_those_before_it() {
    let src = root().join("src");
    let mut faults = Vec::new();
    for (place, layer) in LAYERS.iter().enumerate() {
        for file in sources(&src.join(layer)) {
            for (line, text) in code(&file) {
                let later = LAYERS[place + 1..].iter().filter(|other| text.contains(&format!("crate::{other}")));
                let grouped = LAYERS[place + 1..].iter().filter(|other| {
                    text.contains("crate::{")
                        && text.split(['{', ',', ' ']).any(|word| word.split("::").next() == Some(other))
                });
                for other in later.chain(grouped) {
                    faults.push(format!("{}:{line}: {layer} may not use {other}", file.display()));
                }
                for binary in BINARY.iter().filter(|other| text.contains(&format!("crate::{other}"))) {
                    faults.push(format!("{}:{line}: the library may not use {binary}", file.display()));
                }
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn the_listing_is_the_architecture() {
    let mut folders: Vec<String> = fs::read_dir(root().join("src"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    folders.sort();
    let mut known: Vec<&str> = LAYERS.into_iter().chain(BINARY).collect();
    known.sort_unstable();
    assert_eq!(folders, known, "a new folder needs a place in the flow");
    assert!(LAYERS.is_sorted(), "the names sort in the order of the flow");
}

#[test]
fn every_crate_has_its_owner() {
    let src = root().join("src");
    let mut faults = Vec::new();
    for file in sources(&src) {
        let place = file.strip_prefix(&src).unwrap().to_string_lossy().replace('\\', "/");
        for (line, text) in code(&file) {
            for (name, owners) in OWNERS {
                let allowed = owners
                    .iter()
                    .any(|o| place.starts_with(&format!("{o}/")) || place == *o || place == format!("{o}.rs"));
                if !allowed && names(&text, name) {
                    faults.push(format!("{}:{line}: {name} belongs to {owners:?}", file.display()));
                }
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn every_dependency_is_used_and_explained() {
    let manifest = read(&root().join("Cargo.toml"));
    let architecture = read(&root().join("ARCHITECTURE.md"));
    let all: String = sources(&root().join("src")).iter().map(|file| read(file)).collect();
    let section = manifest.split("\n[dependencies]\n").nth(1).unwrap().split("\n[").next().unwrap();
    for line in section.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        let name = line.split(['=', ' ']).next().unwrap();
        let used = name.replace('-', "_");
        assert!(all.contains(&format!("{used}::")), "{name} is in Cargo.toml and nobody uses it");
        assert!(architecture.contains(&format!("`{name}`")), "{name} has no line in ARCHITECTURE.md");
    }
}

#[test]
fn only_ops_may_be_unsafe() {
    for file in sources(&root().join("src")) {
        let inside = file.to_string_lossy().contains("learn/ops/");
        for (line, text) in code(&file) {
            let found = text.contains("unsafe {") || text.contains("unsafe fn") || text.contains("unsafe impl");
            assert!(inside || !found, "{}:{line}: unsafe outside learn/ops", file.display());
        }
    }
}

/// Who in the library may write otherwise than through `base/files/disk.rs`, and why.
const OWN_WRITES: &[(&str, &str)] = &[
    ("base/files/", "it is the layer, and the tool for its tests"),
    ("data/picture/content.rs", "a file without a name asks the file system for its time; nothing is kept"),
];

#[test]
fn every_write_goes_through_one_layer() {
    let words = [
        "fs::write",
        "fs::create_dir",
        "fs::rename",
        "fs::remove_",
        "fs::copy",
        "fs::hard_link",
        "DirBuilder",
        "File::create",
        "File::options",
        "OpenOptions",
        "tempfile::",
    ];
    let src = root().join("src");
    let (mut faults, mut needed) = (Vec::new(), Vec::new());
    for file in LAYERS.iter().flat_map(|layer| sources(&src.join(layer))) {
        let place = file.strip_prefix(&src).unwrap().to_string_lossy().replace('\\', "/");
        for (line, text) in code(&file) {
            let text = text.replace("disk::File::", "");
            let Some(word) = words.iter().find(|word| text.contains(**word)) else { continue };
            match OWN_WRITES.iter().find(|(own, _)| place.starts_with(own)) {
                Some((own, _)) => needed.push(*own),
                None => faults.push(format!("{}:{line}: {word} is not seen by the tests of faults", file.display())),
            }
        }
    }
    assert!(faults.is_empty(), "use base::files or base::files::disk\n{}", faults.join("\n"));
    assert!(OWN_WRITES.iter().all(|(own, _)| needed.contains(own)), "an exception that nobody needs: {needed:?}");
}

#[test]
fn faults_are_for_tests_alone() {
    let src = root().join("src");
    let inside = src.join("base/files");
    for file in sources(&src).iter().filter(|file| !file.starts_with(&inside)) {
        for (line, text) in code(file) {
            let found = ["files::faults", "faults::", "disk::watch"].iter().any(|word| text.contains(word));
            assert!(!found, "{}:{line}: base/files/faults.rs is a tool for tests", file.display());
        }
    }
}

#[test]
fn every_test_file_is_named() {
    let tests = root().join("tests");
    let all = read(&tests.join("all.rs"));
    for entry in fs::read_dir(&tests).unwrap().map(|entry| entry.unwrap().path()) {
        let stem = entry.file_stem().unwrap().to_str().unwrap().to_owned();
        let is_source = entry.extension().is_some_and(|e| e == "rs");
        if is_source && stem != "all" {
            assert!(
                all.contains(&format!("mod {stem};")),
                "tests/{stem}.rs is not named in tests/all.rs, so it never runs"
            );
        }
    }
}

#[test]
fn every_source_file_says_what_it_is() {
    for file in sources(&root().join("src")) {
        assert!(read(&file).starts_with("//!"), "{} does not open with //!", file.display());
    }
}

#[test]
fn ci_runs_the_readmes_commands() {
    let readme = read(&root().join("README.md"));
    let ci = read(&root().join(".ci/run"));
    assert!(ci.contains("README.md"), ".ci/run must read the test command from the README");
    let mut commands: BTreeMap<&str, usize> = BTreeMap::new();
    for command in ["cargo run --release", "cargo test --release"] {
        commands.insert(command, readme.lines().filter(|line| line.trim() == command).count());
    }
    assert!(commands.values().all(|&n| n == 1), "the README has each command once, on a line of its own: {commands:?}");
}

#[test]
fn the_reference_is_fresh() {
    let path = root().join("docs/reference.md");
    let now = toji::session::schema::reference();
    if read(&path).trim_end() != now.trim_end() {
        // Left beside the build, so that a look or a copy is one command away.
        let fresh = root().join("target/reference.md");
        toji::base::files::publish(&fresh, now.as_bytes()).unwrap();
        panic!("docs/reference.md is stale; renew it with: cargo run --release -- explain > docs/reference.md");
    }
}

#[test]
fn nothing_refers_to_places_outside() {
    let allowed = ["tests/house.rs"];
    let listed = std::process::Command::new("git").args(["ls-files"]).current_dir(root()).output();
    let Ok(listed) = listed else { return };
    for name in String::from_utf8_lossy(&listed.stdout).lines().filter(|name| !allowed.contains(name)) {
        let Ok(text) = fs::read_to_string(root().join(name)) else { continue };
        for word in ["root", "work", "home"].map(|top| format!("/{top}/")) {
            let absolute = |(at, _): (usize, &str)| {
                let before = text[..at].chars().next_back();
                before.is_none_or(|c| !c.is_alphanumeric() && c != '.')
            };
            assert!(!text.match_indices(&word).any(absolute), "{name} names a path of one machine: {word}");
        }
    }
}
