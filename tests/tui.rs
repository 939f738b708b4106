//! The real program in a pseudo-terminal: it starts the worker, dies, and finds it again; a save is seen soon.
//!
//! Screens, keys and bytes are tested inside the binary (`src/tui/tests`). Nothing here sleeps for a
//! fixed time: each step waits for a screen or a file.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use toji::dag::{Board, RunState, Runs};

use crate::project::{Project, QUICK};

/// The longest that any step may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A terminal of 80 × 24 with the workbench inside.
pub struct Terminal {
    pub child: Child,
    keys: File,
    bytes: Receiver<Vec<u8>>,
    pub parser: vt100::Parser,
    /// All that was written so far.
    pub written: Vec<u8>,
    /// What it answers when it is asked what it is.
    answers: &'static [&'static [u8]],
}

/// DA1, with which every question of the workbench ends.
const QUESTION: &[u8] = b"\x1b[c";

impl Terminal {
    fn open(project: &Project) -> Terminal {
        Terminal::answering(project, &[])
    }

    /// A terminal that answers so, in these pieces.
    pub fn answering(project: &Project, answers: &'static [&'static [u8]]) -> Terminal {
        Terminal::with(project, answers, None, "xterm-256color")
    }

    /// The same with an editor, under this name.
    fn with(project: &Project, answers: &'static [&'static [u8]], editor: Option<&str>, term: &str) -> Terminal {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        tcsetwinsize(&ours, Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
        let open = || File::options().read(true).write(true).open(&name).unwrap();
        let mut command = project.command(&[]);
        command.stdin(Stdio::from(open())).stdout(Stdio::from(open())).stderr(Stdio::from(open()));
        command.env("TERM", term).env("LANG", "C.UTF-8");
        for variable in
            ["TMUX", "SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY", "TOJI_PICTURES", "NO_COLOR", "LC_ALL", "LC_CTYPE"]
        {
            command.env_remove(variable);
        }
        command.env_remove("VISUAL").env("EDITOR", editor.unwrap_or("false"));
        let child = command.spawn().unwrap();
        let reader: OwnedFd = ours.try_clone().unwrap();
        let (sender, bytes) = mpsc::channel();
        std::thread::spawn(move || {
            let (mut from, mut buffer) = (File::from(reader), [0; 4096]);
            while let Ok(n @ 1..) = from.read(&mut buffer) {
                if sender.send(buffer[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
        let size = |n: u16| std::num::NonZero::new(n).unwrap();
        let parser = vt100::Parser::new(size(24), size(80), 0);
        Terminal { child, keys: File::from(ours), bytes, parser, written: Vec::new(), answers }
    }

    pub fn until(&mut self, what: &str, seen: impl Fn(&str) -> bool) {
        let begun = Instant::now();
        while !seen(&self.parser.screen().contents()) {
            assert!(
                self.takes(PATIENCE.saturating_sub(begun.elapsed())),
                "{what} never came; the screen is:\n{}",
                self.parser.screen().contents()
            );
        }
    }

    /// Takes what is written next; whether something came in this time.
    pub fn takes(&mut self, within: Duration) -> bool {
        let Ok(bytes) = self.bytes.recv_timeout(within) else { return false };
        self.parser.process(&bytes);
        let before = self.written.len().saturating_sub(QUESTION.len() - 1);
        self.written.extend(bytes);
        if self.written[before..].windows(QUESTION.len()).any(|window| window == QUESTION) {
            for piece in self.answers {
                self.keys.write_all(piece).unwrap();
            }
        }
        true
    }

    /// The window has another size now, and the program is told.
    fn resize(&self, rows: u16, columns: u16) {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.keys, size).unwrap();
        let child = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(child, rustix::process::Signal::WINCH).unwrap();
    }

    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }
}

pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{what} never came");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_dumb_terminal_gets_lines() {
    let project = Project::new();
    let mut terminal = Terminal::with(&project, &[], None, "dumb");
    terminal.until("the board", |screen| screen.contains("quick"));
    assert!(terminal.child.wait().unwrap().success());
    while terminal.takes(Duration::from_millis(200)) {}
    let told = String::from_utf8_lossy(&terminal.written).into_owned();
    assert!(!told.contains('\x1b') && told.contains("00-first-pour"), "{told:?}");
}

#[test]
fn a_training_outlives_its_terminal_and_a_save_ranks_again() {
    let project = Project::new();
    for name in ["00-first-pour", "01-baseline", "02-arcface", "03-small-crops"] {
        std::fs::remove_file(project.path(&format!("recipes/{name}.md"))).unwrap();
    }
    let facts = std::fs::read_to_string(project.path("toji.toml")).unwrap();
    project.write("toji.toml", &facts.replace("00-first-pour.md", "quick.md").replace("01-baseline.md", "quick.md"));

    // The very first start: the first recipe runs by itself.
    let mut first = Terminal::open(&project);
    first.until("the first recipe running", |screen| screen.contains("quick") && screen.contains("running"));
    // The terminal is gone, without a word.
    first.child.kill().unwrap();
    first.child.wait().unwrap();
    drop(first);

    let runs = Runs::open(&project.path(".toji"));
    let mut board = Board::new();
    until("the end of the run", || {
        board.refresh(&runs);
        board.latest("quick").is_some_and(|run| run.state() == RunState::Finished)
    });

    // Toji finds it again.
    let mut second = Terminal::open(&project);
    second.until("the finished run", |screen| screen.contains("fresh"));
    second.press("\r");
    second.until("the page", |screen| screen.contains("[recipe]"));
    second.press("c");
    second.until("the curves", |screen| screen.contains("MRR@20") && screen.contains("loss"));
    second.press("1");

    // An editor's save: a new file renamed over the old one. What is cheap runs by itself.
    let text = QUICK.replace("dim = 16", "dim = 8");
    project.write("recipes/quick.md.new", &text);
    std::fs::rename(project.path("recipes/quick.md.new"), project.path("recipes/quick.md")).unwrap();
    until("the second run", || {
        board.refresh(&runs);
        board.runs().count() == 2 && board.latest("quick").is_some_and(|run| run.state() == RunState::Finished)
    });
    let told = &board.latest("quick").unwrap().told;
    let reused = |stage: &str| told.stages.iter().any(|s| s.stage == stage && s.state == toji::dag::StageState::Reused);
    assert!(reused("fit") && reused("embed") && !reused("post") && !reused("rank"));
    second.until("the new result", |screen| screen.contains("fresh"));

    // Taken back, nothing runs, and the number is the one that it had.
    let shown = |run: &toji::dag::RunView| {
        let overall = run.told.metrics.iter().find(|metric| metric.part.is_empty()).unwrap().value;
        format!("{overall:.3}")
    };
    let mut numbers: Vec<String> = board.runs().map(shown).collect();
    numbers.dedup();
    assert_eq!(numbers.len(), 2, "the change must show");
    second.until("the second number", |screen| screen.contains(&numbers[1]) && !screen.contains(&numbers[0]));
    project.write("recipes/quick.md", QUICK);
    second.until("the first number", |screen| screen.contains(&numbers[0]) && !screen.contains(&numbers[1]));

    second.press("q");
    until("the end of the workbench", || second.child.try_wait().unwrap().is_some_and(|status| status.success()));
}

#[test]
fn several_look_at_once_and_a_storm_of_sizes_leaves_the_right_screen() {
    let project = Project::new();
    let facts = std::fs::read_to_string(project.path("toji.toml")).unwrap();
    // Nothing starts by itself.
    project.write(
        "toji.toml",
        &facts.replace("first = \"00-first-pour.md\"", "").replace("auto_seconds = 10", "auto_seconds = 0"),
    );
    let (mut one, mut two) = (Terminal::open(&project), Terminal::open(&project));
    for terminal in [&mut one, &mut two] {
        terminal.until("the board", |screen| screen.contains("02-arcface") && screen.contains("never ran"));
    }
    // What one decides the other sees.
    one.press("jjp");
    for terminal in [&mut one, &mut two] {
        terminal
            .until("the pin", |screen| screen.lines().any(|line| line.contains("02-arcface") && line.contains(" pin")));
    }
    // A window is dragged; what is left is the screen of its last size.
    let mut draws = toji::base::Seed::new(24).draws();
    for _ in 0..200 {
        one.resize(1 + draws.below(90) as u16, 1 + draws.below(250) as u16);
    }
    one.resize(24, 80);
    one.press("g");
    two.press("g");
    // The rows between the tabs and the status, which says what each was asked for.
    let body = |terminal: &Terminal| {
        let screen = terminal.parser.screen().contents();
        screen.lines().skip(1).take(20).map(str::trim_end).collect::<Vec<_>>().join("\n")
    };
    let begun = Instant::now();
    while body(&one) != body(&two) {
        assert!(begun.elapsed() < PATIENCE, "{}\n\nis not\n\n{}", body(&one), body(&two));
        one.takes(Duration::from_millis(50));
        two.takes(Duration::from_millis(50));
    }
    // Closing one, by force, is nothing to the other.
    one.child.kill().unwrap();
    one.child.wait().unwrap();
    two.press("?");
    two.until("the help", |screen| screen.contains("Keys"));
    two.press("?");
    two.until("the board", |screen| !screen.contains("Keys"));
    two.press("q");
    until("the end of the workbench", || two.child.try_wait().unwrap().is_some_and(|status| status.success()));
}

/// The editor gets the terminal with every key, and the workbench comes back whole.
#[test]
fn an_editor_opens_at_the_cursor_and_comes_back() {
    let project = Project::new();
    for entry in std::fs::read_dir(project.path("recipes")).unwrap().flatten() {
        std::fs::remove_file(entry.path()).unwrap();
    }
    let facts = std::fs::read_to_string(project.path("toji.toml")).unwrap();
    let facts = facts.replace("first = \"00-first-pour.md\"", "").replace("01-baseline.md", "quick.md");
    project.write("toji.toml", &facts.replace("auto_seconds = 10", "auto_seconds = 0"));
    project.write("recipes/quick.md", QUICK);
    project.write(
        "my editor.sh",
        "printf 'the editor has %s %s: ' \"$1\" \"$2\"; read -r line; printf '\\nTyped: %s\\n' \"$line\" >> \"$3\"; exit \"$1\"\n",
    );
    let script = project.path("my editor.sh").display().to_string();
    let mut terminal = Terminal::with(&project, &[], Some(&format!("sh '{script}' 0")), "xterm-256color");
    terminal.until("the board", |screen| screen.contains("quick"));
    terminal.press("\r");
    terminal.until("the page", |screen| screen.contains("[recipe]"));
    // The cursor on `seed`, below `[recipe]` in line 4.
    terminal.press("nne");
    terminal.until("the editor", |screen| screen.contains("the editor has 0 +5: "));
    assert!(!terminal.parser.screen().alternate_screen() && !terminal.parser.screen().hide_cursor());
    // Keys that mean something to the workbench are the editor's now.
    terminal.press("q j 獺\r");
    terminal.until("the page again", |screen| screen.contains("[recipe]") && screen.contains("K explain"));
    assert!(terminal.parser.screen().alternate_screen() && terminal.parser.screen().hide_cursor());
    assert!(std::fs::read_to_string(project.path("recipes/quick.md")).unwrap().ends_with("Typed: q j 獺\n"));

    // A value in place, through all of the program; the file is written while the page is looked at.
    terminal.press("i\x15 11\r");
    terminal.until("the written value", |screen| screen.contains("seed 3 → 11") && screen.contains("seed = 11"));
    terminal.press("u");
    terminal.until("the value of before", |screen| screen.contains("taken back") && screen.contains("seed = 3"));
    assert_eq!(std::fs::read_to_string(project.path("recipes/quick.md")).unwrap(), format!("{QUICK}\nTyped: q j 獺\n"));
    terminal.press("i\x15-1\r");
    terminal.until("what is wrong", |screen| screen.contains("Not written") && screen.contains("line 5"));
    terminal.press("\x1b");
    terminal.until("the page alone", |screen| !screen.contains("Not written"));
    terminal.press("q");
    until("the end of the workbench", || terminal.child.try_wait().unwrap().is_some_and(|status| status.success()));
}

/// How an editor saves.
#[derive(Clone, Copy, Debug)]
enum Save {
    /// Over the file.
    Plain,
    /// vim: the old file gets another name, the new one is written under the old name, the old file goes.
    Vim,
    /// Many others: a new file is renamed over the old one.
    Rename,
}

fn save(project: &Project, name: &str, text: &str, how: Save) {
    let (file, beside) = (project.path(name), project.path(&format!("{name}~")));
    match how {
        Save::Plain => project.write(name, text),
        Save::Vim => {
            std::fs::rename(&file, &beside).unwrap();
            project.write(name, text);
            std::fs::remove_file(beside).unwrap();
        }
        Save::Rename => {
            project.write(&format!("{name}~"), text);
            std::fs::rename(beside, file).unwrap();
        }
    }
}

/// `cargo test --release soon_after_a_save -- --nocapture` prints the figures of benches/README.md. The bound is for
/// machines that do much else; half a second is the aim.
#[test]
fn the_new_plan_is_seen_soon_after_a_save() {
    const RECIPES: usize = 100;
    const ROUNDS: usize = 5;
    let project = Project::new();
    for entry in std::fs::read_dir(project.path("recipes")).unwrap().flatten() {
        std::fs::remove_file(entry.path()).unwrap();
    }
    let facts = std::fs::read_to_string(project.path("toji.toml")).unwrap();
    let facts = facts.replace("first = \"00-first-pour.md\"", "").replace("01-baseline.md", "r000.md");
    // What is cheap would run by itself, and its plan would be gone before it is read.
    project.write("toji.toml", &facts.replace("auto_seconds = 10", "auto_seconds = 0"));
    for i in 0..RECIPES {
        project.write(&format!("recipes/r{i:03}.md"), &QUICK.replace("seed = 3", &format!("seed = {i}")));
    }
    project.write("recipes/r000a.md", "# Child\n\n```toml\n[recipe]\nextends = \"r000.md\"\n```\n");
    // Its history lets the plan say what changed, and tells how long the others take.
    project.json(&["run", "r000"]);
    let mut terminal = Terminal::open(&project);
    terminal.until("the board", |screen| screen.contains("r000") && screen.contains("fresh"));
    let mut waits = Vec::new();
    for round in 0..ROUNDS {
        for (n, how) in [Save::Plain, Save::Vim, Save::Rename].into_iter().enumerate() {
            let margin = format!("{}.5", 20 + 3 * round + n);
            let text = QUICK.replace("seed = 3", "seed = 0").replace("margin = 17.2", &format!("margin = {margin}"));
            save(&project, "recipes/r000.md", &text, how);
            let saved = Instant::now();
            let seen = format!("margin 17.2 → {margin}");
            terminal.until(&seen, |screen| screen.contains(&seen));
            waits.push((saved.elapsed(), how));
        }
    }
    waits.sort_by_key(|(wait, _)| *wait);
    let told = |at: usize| format!("{:.0} ms ({:?})", waits[at].0.as_secs_f64() * 1e3, waits[at].1);
    println!(
        "save to plan on screen, {RECIPES} recipes, {} saves: least {}, median {}, most {}",
        waits.len(),
        told(0),
        told(waits.len() / 2),
        told(waits.len() - 1)
    );
    assert!(waits[waits.len() - 1].0 < Duration::from_secs(5), "{waits:?}");

    // A parent that is gone for a moment breaks nothing for longer.
    std::fs::rename(project.path("recipes/r000.md"), project.path("recipes/r000.md~")).unwrap();
    terminal.until("the broken child", |screen| screen.contains("broken"));
    std::fs::rename(project.path("recipes/r000.md~"), project.path("recipes/r000.md")).unwrap();
    terminal.until("the sound child", |screen| screen.contains("r000 ") && !screen.contains("broken"));

    // A picture that changes behind its table is seen as well.
    let image = |n: u32| project.path(&format!("data/sample/images/100000{n}.jpg"));
    std::fs::copy(image(1), image(2)).unwrap();
    terminal.until("the changed picture", |screen| screen.contains("with other bytes"));
    terminal.press("q");
    until("the end of the workbench", || terminal.child.try_wait().unwrap().is_some());
}
