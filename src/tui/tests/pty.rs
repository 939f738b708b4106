//! The real loop in a real pseudo-terminal: taken, drawn to, given back.
//!
//! `script` (util-linux) makes the pseudo-terminal, since a crate for it would rebuild half of the
//! dependencies; where it is missing, this test says so and passes.

use std::io::{Read, Write};
use std::num::NonZero;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

/// A terminal that reads what the program writes, and waits for screens instead of sleeping.
struct Watched {
    parser: vt100::Parser,
    bytes: Receiver<Vec<u8>>,
}

impl Watched {
    fn until(&mut self, what: &str, seen: impl Fn(&vt100::Screen) -> bool) {
        while !seen(self.parser.screen()) {
            match self.bytes.recv_timeout(Duration::from_secs(20)) {
                Ok(bytes) => self.parser.process(&bytes),
                Err(_) => panic!("{what} never came; the screen is:\n{}", self.parser.screen().contents()),
            }
        }
    }

    fn until_shows(&mut self, text: &str) {
        self.until(text, |screen| screen.contents().contains(text));
    }
}

#[test]
fn the_workbench_takes_a_terminal_and_gives_it_back() {
    let own = std::env::current_exe().unwrap();
    let inside = format!(
        "stty rows 24 cols 80; exec '{}' --exact tui::tests::demo::demo --ignored --nocapture --test-threads 1",
        own.display()
    );
    let spawned = Command::new("script")
        .args(["-qfec", &inside, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = spawned else {
        println!("skipped: there is no `script` on this machine");
        return;
    };
    let mut keys = child.stdin.take().unwrap();
    let mut out = child.stdout.take().unwrap();
    let (sender, bytes) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = out.read(&mut buffer) {
            if sender.send(buffer[..n].to_vec()).is_err() {
                return;
            }
        }
    });
    let (rows, columns) = (NonZero::new(24).unwrap(), NonZero::new(80).unwrap());
    let mut watched = Watched { parser: vt100::Parser::new(rows, columns, 0), bytes };

    watched.until_shows("03-純米大吟醸");
    assert!(watched.parser.screen().alternate_screen() && watched.parser.screen().hide_cursor());
    keys.write_all(b"?").unwrap();
    watched.until_shows("Keys");
    keys.write_all(b"\x1b").unwrap();
    watched.until("the end of the help", |s| !s.contents().contains("Keys"));
    keys.write_all(b"GP").unwrap();
    watched.until_shows("never run");
    // What a new job of the session says arrives while nobody presses a key.
    keys.write_all(b"r").unwrap();
    watched.until_shows("the session was asked: Run { recipe: \"06-swin\"");
    keys.write_all(b"q").unwrap();
    watched.until("the old screen", |s| !s.alternate_screen() && !s.hide_cursor() && !s.bracketed_paste());
    watched.until_shows("02-arcface goes on (1 more in the queue)");
    assert!(child.wait().unwrap().success());
}
