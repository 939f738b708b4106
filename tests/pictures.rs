//! The real program in pseudo-terminals that answer as Kitty, as one with Sixel, or not at all: pictures come by the way
//! that was answered for, keys that are pressed among the answers are all taken, and an idle workbench writes nothing.

use std::time::Duration;

use crate::project::{Project, QUICK};
use crate::tui::{Terminal, until};

/// Long enough for a look at the files, which comes every second, to have written something.
const IDLE: Duration = Duration::from_millis(2500);

/// A project in which nothing runs by itself, with recipes enough to move among.
fn project() -> Project {
    let project = Project::new();
    for entry in std::fs::read_dir(project.path("recipes")).unwrap().flatten() {
        std::fs::remove_file(entry.path()).unwrap();
    }
    let facts = std::fs::read_to_string(project.path("toji.toml")).unwrap();
    let facts = facts.replace("first = \"00-first-pour.md\"", "").replace("01-baseline.md", "quick.md");
    project.write("toji.toml", &facts.replace("auto_seconds = 10", "auto_seconds = 0"));
    // The augmentation in a cell of its own, so that its photos are on the first screen.
    let (before, after) = QUICK.split_once("[augment]").unwrap();
    let (augment, after) = after.split_once("\n\n").unwrap();
    let before = before.replace("# Quick\n\n```toml\n", "");
    project.write("recipes/quick.md", &format!("```toml\n[augment]{augment}\n```\n\n```toml\n{before}{after}"));
    project
}

fn count(bytes: &[u8], what: &str) -> usize {
    bytes.windows(what.len()).filter(|window| *window == what.as_bytes()).count()
}

/// Opens the page and waits until `shows` holds for what was written since.
fn open_page(terminal: &mut Terminal, what: &str, shows: impl Fn(&Terminal) -> bool) {
    terminal.until("the board", |screen| screen.contains("quick"));
    terminal.press("\r");
    terminal.until("the photos' row", |screen| screen.contains("pixels after"));
    until(what, || {
        terminal.takes(Duration::from_millis(100));
        shows(terminal)
    });
}

/// Takes all that comes until nothing has come for a while.
fn settle(terminal: &mut Terminal) {
    while terminal.takes(IDLE) {}
}

#[test]
fn kitty_gets_pixels_once_and_keys_among_the_answers_count() {
    const ANSWERS: &[&[u8]] = &[
        b"\x1bP>|kitty(0.35.2)\x1b\\\x1b[6;20;1",
        // An answer, a key, the half of an answer.
        b"0t?\x1b_Gi=31;O",
        b"K\x1b\\\x1b[?62;c",
    ];
    let project = project();
    let mut terminal = Terminal::answering(&project, ANSWERS);
    terminal.until("the help, whose key came among the answers", |screen| screen.contains("Keys"));
    terminal.press("\x1b");
    terminal.until("the end of the help", |screen| !screen.contains("Keys"));
    open_page(&mut terminal, "pictures", |terminal| count(&terminal.written, "a=T,U=1") >= 4);
    settle(&mut terminal);
    let sent = count(&terminal.written, "a=T,U=1");
    let shown = terminal.parser.screen().contents();
    assert!(shown.contains('\u{10EEEE}') && !shown.contains('▀'), "{shown}");
    // Scrolling and a popup send no pixels.
    let before = terminal.written.len();
    terminal.press("\x1b[B\x1b[B?");
    terminal.until("the help", |screen| screen.contains("Keys"));
    terminal.press("\x1b");
    terminal.until("the end of the help", |screen| !screen.contains("Keys"));
    settle(&mut terminal);
    assert_eq!(count(&terminal.written[before..], "\x1b_G"), 0);
    assert!(!terminal.takes(IDLE), "an idle workbench writes nothing");
    // Stopped and continued, it asks again: another terminal may be there now. What it left was deleted.
    terminal.press("\x1a");
    let pid = rustix::process::Pid::from_child(&terminal.child);
    until("pictures after a stop", || {
        rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
        terminal.takes(Duration::from_millis(100));
        count(&terminal.written[before..], "a=T,U=1") == sent
    });
    assert_eq!((count(&terminal.written, "\x1b[c"), count(&terminal.written[before..], "a=d,d=I")), (2, sent));
    // The same answers came again, and with them their key.
    terminal.until("the help", |screen| screen.contains("Keys"));
    settle(&mut terminal);
    let before = terminal.written.len();
    terminal.press("\x1b");
    terminal.until("the end of the help", |screen| !screen.contains("Keys"));
    terminal.press("q");
    until("the end", || {
        terminal.takes(Duration::from_millis(100));
        terminal.child.try_wait().unwrap().is_some()
    });
    while terminal.takes(Duration::from_millis(100)) {}
    let end = &terminal.written[before..];
    assert_eq!(count(end, "a=d,d=I"), sent, "leaving deletes every picture");
    assert!(!terminal.parser.screen().alternate_screen());
}

#[test]
fn sixel_is_drawn_again_only_where_it_was_covered() {
    const ANSWERS: &[&[u8]] =
        &[b"\x1bP>|XTerm(390)\x1b\\\x1b[6;20;10t\x1b[?1;0;256S\x1b[?2;0;1000;1000S\x1b[?63;1;2;4;6c"];
    let project = project();
    let mut terminal = Terminal::answering(&project, ANSWERS);
    open_page(&mut terminal, "a picture", |terminal| count(&terminal.written, "\x1bP0;1;0q") >= 1);
    settle(&mut terminal);
    assert!(!terminal.parser.screen().contents().contains('▀'));
    let before = terminal.written.len();
    terminal.press("?");
    terminal.until("the help", |screen| screen.contains("Keys"));
    assert_eq!(count(&terminal.written[before..], "\x1bP0;1;0q"), 0);
    terminal.press("\x1b");
    settle(&mut terminal);
    assert!(count(&terminal.written[before..], "\x1bP0;1;0q") >= 1);
    assert!(!terminal.takes(IDLE), "an idle workbench writes nothing");
    terminal.press("q");
    until("the end", || terminal.child.try_wait().unwrap().is_some());
}

#[test]
fn a_terminal_that_says_nothing_gets_half_blocks_at_once() {
    let project = project();
    let mut terminal = Terminal::answering(&project, &[]);
    open_page(&mut terminal, "half blocks", |terminal| terminal.parser.screen().contents().contains('▀'));
    settle(&mut terminal);
    let graphics = ["\x1bP0;1;0q", "a=T", "1337;File"];
    assert!(graphics.iter().all(|sequence| count(&terminal.written, sequence) == 0));
    terminal.press("q");
    until("the end", || terminal.child.try_wait().unwrap().is_some());
}

#[test]
fn the_doctor_says_what_it_found() {
    let project = project();
    let found = project.json(&["doctor"]);
    assert_eq!(found.len(), 1);
    let found = &found[0];
    assert!(found["terminal"].is_null() && found["pictures"].is_null(), "a pipe is no terminal");
    assert_eq!(found["project"]["recipes"], 1);
    assert!(found["project"]["problem"].is_null());
    assert!(found["free"].as_u64().unwrap() > 0 && found["threads"].as_u64().unwrap() > 0);
    assert!(!found["devices"].as_array().unwrap().is_empty());
    project.write("toji.toml", "[data]\nimages = 3\n");
    let broken = project.json(&["doctor"]);
    assert!(broken[0]["project"]["problem"].as_str().is_some_and(|problem| !problem.is_empty()));
    let wrong = project.command(&["doctor"]).env("TOJI_PICTURES", "nice").output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    let told = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(told.contains("TOJI_PICTURES") && told.contains("sixel"), "{told}");
}
