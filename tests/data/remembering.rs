//! Contents are remembered exactly as long as files stay as they were.

use std::path::Path;

use toji::base::progress::Silent;
use toji::base::{Cancel, Key, Progress};
use toji::data::DataError;
use toji::data::content::{Content, Contents, contents, verify};
use toji::data::decode::Limits;

use super::ground::{Ground, jpeg};

fn look(ground: &Ground, names: &[&str]) -> Contents {
    let paths: Vec<&Path> = names.iter().map(Path::new).collect();
    let cache = ground.at(".toji/content");
    contents(ground.root(), &paths, &Limits::default(), &cache, &Cancel::new(), &Silent).unwrap()
}

fn key(contents: &Contents, at: usize) -> Key {
    match &contents.of[at] {
        Content::Picture { key, .. } => *key,
        Content::Unusable(why) => panic!("{why}"),
    }
}

#[test]
fn unchanged_files_are_not_read_again() {
    let ground = Ground::new();
    ground.pictures(&["a.jpg", "b.jpg"]);
    let names = ["a.jpg", "b.jpg", "no.jpg"];
    let cold = look(&ground, &names);
    assert_eq!((cold.cached, cold.read), (0, 3));
    assert_eq!(key(&cold, 0), Key::of_bytes(&std::fs::read(ground.at("a.jpg")).unwrap()));
    assert_eq!(cold.of[2], Content::Unusable("the file is missing".to_owned()));
    let warm = look(&ground, &names);
    // The missing one is looked for again: it may come.
    assert_eq!((warm.cached, warm.read), (2, 1));
    assert_eq!(warm.of, cold.of);
}

#[test]
fn size_time_and_inode_each_lead_to_a_new_reading() {
    let ground = Ground::new();
    ground.pictures(&["a.jpg"]);
    let first = look(&ground, &["a.jpg"]);
    // Another time.
    ground.age("a.jpg", 60);
    assert_eq!(look(&ground, &["a.jpg"]).read, 1);
    assert_eq!(look(&ground, &["a.jpg"]).read, 0);
    // Another file under the same name, of the same size and time: the inode tells.
    let mut bytes = std::fs::read(ground.at("a.jpg")).unwrap();
    let last = bytes.len() - 3;
    bytes[last] ^= 1;
    ground.file("b.jpg", &bytes);
    ground.age("b.jpg", 60);
    std::fs::rename(ground.at("b.jpg"), ground.at("a.jpg")).unwrap();
    let replaced = look(&ground, &["a.jpg"]);
    assert_eq!(replaced.read, 1);
    assert_ne!(key(&replaced, 0), key(&first, 0));
}

#[test]
fn a_file_that_was_just_changed_is_not_remembered() {
    let ground = Ground::new();
    toji::base::files::publish(&ground.at("a.jpg"), &jpeg(8, 8, 1)).unwrap();
    assert_eq!(look(&ground, &["a.jpg"]).read, 1);
    assert_eq!(look(&ground, &["a.jpg"]).read, 1, "it may change again within the same tick");
}

#[test]
fn a_torn_cache_is_made_anew() {
    let ground = Ground::new();
    ground.pictures(&["a.jpg"]);
    let first = look(&ground, &["a.jpg"]);
    let whole = std::fs::read(ground.at(".toji/content")).unwrap();
    for (cut, flip) in [(whole.len() / 2, None), (0, None), (whole.len(), Some(40))] {
        let mut torn = whole[..cut].to_vec();
        if let Some(at) = flip {
            torn[at] ^= 1;
        }
        ground.file(".toji/content", &torn);
        let again = look(&ground, &["a.jpg"]);
        assert_eq!((again.read, &again.of), (1, &first.of));
    }
    assert_eq!(look(&ground, &["a.jpg"]).read, 0);
}

#[test]
fn verify_finds_what_time_and_size_hide() {
    let ground = Ground::new();
    ground.pictures(&["a.jpg", "b.jpg", "c.jpg"]);
    look(&ground, &["a.jpg", "b.jpg"]);
    // The same file is written into, and its time set back: only reading can tell.
    let mut bytes = std::fs::read(ground.at("b.jpg")).unwrap();
    let last = bytes.len() - 3;
    bytes[last] ^= 1;
    std::io::Write::write_all(&mut std::fs::File::options().write(true).open(ground.at("b.jpg")).unwrap(), &bytes)
        .unwrap();
    ground.age("b.jpg", 3600);
    let names = ["a.jpg", "b.jpg", "c.jpg"];
    assert_eq!(look(&ground, &names[..2]).read, 0);
    let paths: Vec<&Path> = names.iter().map(Path::new).collect();
    let check = || {
        verify(ground.root(), &paths, &Limits::default(), &ground.at(".toji/content"), &Cancel::new(), &Silent).unwrap()
    };
    let found = check();
    assert_eq!((found.checked, found.new, found.differ.len()), (3, 1, 1));
    assert!(found.differ[0].silent && found.differ[0].path == Path::new("b.jpg"));
    assert_ne!(found.differ[0].cached, found.differ[0].found);
    assert_eq!(check().differ, [], "the cache was corrected");
}

#[test]
fn limits_are_judged_anew() {
    let ground = Ground::new();
    ground.pictures(&["a.jpg"]);
    look(&ground, &["a.jpg"]);
    let small = Limits { pixels: 10, ..Limits::default() };
    let cache = ground.at(".toji/content");
    let found = contents(ground.root(), &[Path::new("a.jpg")], &small, &cache, &Cancel::new(), &Silent).unwrap();
    assert_eq!(found.read, 0);
    assert!(matches!(&found.of[0], Content::Unusable(why) if why.starts_with("8 × 6 pixels")));
}

/// Asks to stop after the first report.
struct StopSoon(Cancel);

impl Progress for StopSoon {
    fn at(&self, what: &str, done: u64, total: u64, unit: &str) {
        assert_eq!((what, unit), ("hashing", "images"));
        assert!(done <= total);
        self.0.cancel();
    }
}

#[test]
fn stopping_keeps_what_was_read() {
    let ground = Ground::new();
    let names: Vec<String> = (0..400).map(|i| format!("{i}.jpg")).collect();
    let bytes = jpeg(8, 8, 1);
    names.iter().for_each(|name| ground.file(name, &bytes));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let paths: Vec<&Path> = names.iter().map(Path::new).collect();
    let cancel = Cancel::new();
    let cache = ground.at(".toji/content");
    let stopped =
        contents(ground.root(), &paths, &Limits::default(), &cache, &cancel, &StopSoon(cancel.clone())).unwrap_err();
    assert!(matches!(stopped, DataError::Cancelled(_)));
    let rest = look(&ground, &names);
    assert!((1..400).contains(&rest.cached), "{}", rest.cached);
    assert_eq!(rest.cached + rest.read, 400);
}
