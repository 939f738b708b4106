//! The real program in a pseudo-terminal: it starts the worker, dies, and finds it again.
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
struct Terminal {
    child: Child,
    keys: File,
    bytes: Receiver<Vec<u8>>,
    parser: vt100::Parser,
}

impl Terminal {
    fn open(project: &Project) -> Terminal {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        tcsetwinsize(&ours, Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
        let open = || File::options().read(true).write(true).open(&name).unwrap();
        let mut command = project.command(&[]);
        command.stdin(Stdio::from(open())).stdout(Stdio::from(open())).stderr(Stdio::from(open()));
        command.env("TERM", "xterm-256color").env("LANG", "C.UTF-8");
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
        Terminal { child, keys: File::from(ours), bytes, parser: vt100::Parser::new(size(24), size(80), 0) }
    }

    fn until(&mut self, what: &str, seen: impl Fn(&str) -> bool) {
        let begun = Instant::now();
        while !seen(&self.parser.screen().contents()) {
            match self.bytes.recv_timeout(PATIENCE.saturating_sub(begun.elapsed())) {
                Ok(bytes) => self.parser.process(&bytes),
                Err(_) => panic!("{what} never came; the screen is:\n{}", self.parser.screen().contents()),
            }
        }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{what} never came");
        std::thread::sleep(Duration::from_millis(20));
    }
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

    second.press("q");
    until("the end of the workbench", || second.child.try_wait().unwrap().is_some_and(|status| status.success()));
}
