//! Exit codes: 2 for what was asked wrongly, 1 for what failed, output that is lost among it.
//!
//! Takes the real program with words that it cannot mean, and places that take no bytes.

use std::fs::{self, File};
use std::process::{Output, Stdio};

use crate::project::Project;

fn told(out: &Output) -> (i32, String) {
    let text = [out.stdout.as_slice(), out.stderr.as_slice()].concat();
    (out.status.code().unwrap(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn wrong_use_is_two_and_says_what_there_is() {
    let project = Project::new();
    project.write("recipes/a\nb.md", "# Odd\n");
    for args in [
        &["plan", "quick", "--rung", "bogus"][..],
        &["compare", "quick", "quick"],
        &["sheet", "--out", "x.md"],
        &["augment", "quick", "--out", "x.md"],
    ] {
        let (code, text) = told(&project.toji(args));
        assert_eq!(code, 2, "{args:?}: {text}");
    }
    for word in ["add", "first", "up", "stop"] {
        let (code, text) = told(&project.toji(&["queue", word, "nope"]));
        assert_eq!(code, 2, "{word}: {text}");
        assert!(text.contains("00-first-pour, ") && text.contains("a b, ") && text.lines().count() == 1, "{text}");
    }
    let (code, text) = told(&project.toji(&["queue", "first", "quick"]));
    assert!(code == 1 && text.contains("quick does not wait"), "{text}");
}

#[test]
fn the_only_job_is_the_first_already() {
    let project = Project::new();
    let said = |args: &[&str]| told(&project.toji(args)).1;
    said(&["queue", "pause"]);
    said(&["queue", "add", "quick"]);
    assert_eq!(said(&["queue", "up", "quick"]), "quick is the first already\n");
    assert_eq!(said(&["queue", "down", "quick"]), "quick is the last already\n");
    said(&["queue", "add", "00-first-pour"]);
    assert_eq!(said(&["queue", "down", "quick"]), "quick moved down\n");
}

#[test]
fn a_board_of_facts_with_mistakes_fails() {
    let project = Project::new();
    let facts = fs::read_to_string(project.path("toji.toml")).unwrap();
    project.write("toji.toml", &facts.replacen("[data]", "[dota]", 1));
    for args in [&["board"][..], &["board", "--json"]] {
        let out = project.toji(args);
        let (rows, mistakes) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert_eq!(out.status.code(), Some(1), "{args:?}: {rows}{mistakes}");
        assert!(rows.contains("00-first-pour") && mistakes.contains("dota"), "{rows}{mistakes}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn lost_output_is_a_failure_and_a_closed_pipe_is_none() {
    let project = Project::new();
    let full = || Stdio::from(File::options().write(true).open("/dev/full").unwrap());
    for args in [&["board"][..], &["board", "--json"], &["--help"]] {
        let (code, text) = told(&project.command(args).stdout(full()).stderr(Stdio::piped()).output().unwrap());
        assert_eq!(code, 1, "{args:?}");
        assert!(args == ["--help"] || text.contains("could not be written"), "{args:?}: {text}");
    }
    let (reads, writes) = std::io::pipe().unwrap();
    drop(reads);
    let out = project.command(&["board"]).stdout(writes).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(told(&out), (0, String::new()));
}

#[test]
fn where_only_ascii_is_drawn_lines_are_ascii() {
    let project = Project::new();
    for args in [&["board"][..], &["plan", "quick", "--untimed"], &["set", "quick", "loss.margin", "22.9", "--dry-run"]]
    {
        let (code, text) = told(&project.command(args).env("LC_ALL", "C").output().unwrap());
        assert_eq!(code, 0, "{text}");
        let signs: String = text.chars().filter(|sign| "…→·–×".contains(*sign)).collect();
        assert_eq!(signs, "", "{text}");
    }
}

#[test]
fn pages_of_the_manual_are_counted_without_what_lay_there() {
    let project = Project::new();
    project.write("man/other.txt", "");
    let told = project.json(&["man", "man"]).remove(0);
    let files = fs::read_dir(project.path("man")).unwrap().count() as u64;
    assert_eq!(told["pages"].as_u64(), Some(files - 1));
}
