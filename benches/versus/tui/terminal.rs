//! A pseudo-terminal with a program inside.
//!
//! Takes a command and a size; gives the screen as it becomes, when each part of it came, how many bytes that took, and the most memory
//! that the program had. It waits for screens and never sleeps longer than it was told to.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// A program at work.
pub struct Terminal {
    child: Child,
    keys: File,
    bytes: Receiver<(Instant, Vec<u8>)>,
    parser: vt100::Parser,
    /// When it was started.
    pub began: Instant,
    /// Bytes that it wrote so far.
    pub written: usize,
    /// Whether a frame is being drawn: a pseudo-terminal hands it over in pieces.
    in_frame: bool,
}

impl Terminal {
    /// Starts a program in a terminal of so many columns and rows; `remote` as over SSH.
    pub fn open(mut command: Command, (columns, rows): (u16, u16), remote: bool) -> anyhow::Result<Terminal> {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        grantpt(&ours)?;
        unlockpt(&ours)?;
        tcsetwinsize(&ours, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 })?;
        let name = ptsname(&ours, Vec::new())?.into_string()?;
        let open = || File::options().read(true).write(true).open(&name);
        command.stdin(Stdio::from(open()?)).stdout(Stdio::from(open()?)).stderr(Stdio::from(open()?));
        command.env("TERM", "xterm-256color").env("COLORTERM", "truecolor").env("LANG", "C.UTF-8");
        for variable in ["TMUX", "SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY", "NO_COLOR", "LC_ALL", "LC_CTYPE"] {
            command.env_remove(variable);
        }
        if remote {
            command.env("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22");
        }
        command.env_remove("RUST_BACKTRACE").process_group(0);
        let began = Instant::now();
        let child = command.spawn().with_context(|| format!("{command:?}"))?;
        let reader: OwnedFd = ours.try_clone()?;
        let (sender, bytes) = mpsc::channel();
        std::thread::spawn(move || {
            let (mut from, mut buffer) = (File::from(reader), [0; 1 << 16]);
            while let Ok(n @ 1..) = from.read(&mut buffer) {
                if sender.send((Instant::now(), buffer[..n].to_vec())).is_err() {
                    return;
                }
            }
        });
        let size = |n: u16| std::num::NonZero::new(n.max(1)).unwrap_or(std::num::NonZero::<u16>::MIN);
        let parser = vt100::Parser::new(size(rows), size(columns), 0);
        Ok(Terminal { child, keys: File::from(ours), bytes, parser, began, written: 0, in_frame: false })
    }

    /// What it shows.
    pub fn screen(&self) -> String {
        self.parser.screen().contents()
    }

    /// Waits for a screen; when its last byte came.
    pub fn until(&mut self, what: &str, patience: Duration, seen: impl Fn(&str) -> bool) -> anyhow::Result<Instant> {
        let asked = Instant::now();
        let mut at = asked;
        while self.in_frame || !seen(&self.screen()) {
            match self.bytes.recv_timeout(patience.saturating_sub(asked.elapsed())) {
                Ok((came, bytes)) => {
                    at = came;
                    self.take(&bytes);
                }
                Err(_) => bail!("{what} never came; the screen is:\n{}", self.screen()),
            }
        }
        Ok(at)
    }

    fn take(&mut self, bytes: &[u8]) {
        self.parser.process(bytes);
        self.written += bytes.len();
        let last = |mark: &[u8]| bytes.windows(mark.len()).rposition(|window| window == mark);
        match (last(b"\x1b[?2026h"), last(b"\x1b[?2026l")) {
            (None, None) => {}
            (begins, ends) => self.in_frame = begins > ends,
        }
        // Terminals answer what they are asked; of this one it is known that it shows text alone.
        for (question, answer) in [(&b"\x1b[c"[..], &b"\x1b[?62;22c"[..]), (b"\x1b[6n", b"\x1b[1;1R")] {
            if bytes.windows(question.len()).any(|window| window == question) {
                let _ = self.keys.write_all(answer);
            }
        }
    }

    /// Takes what comes within a time; how many bytes that were.
    pub fn listen(&mut self, time: Duration) -> usize {
        let (began, before) = (Instant::now(), self.written);
        while let Ok((_, bytes)) = self.bytes.recv_timeout(time.saturating_sub(began.elapsed())) {
            self.take(&bytes);
        }
        self.written - before
    }

    /// Presses a key.
    pub fn press(&mut self, keys: &str) -> anyhow::Result<()> {
        Ok(self.keys.write_all(keys.as_bytes())?)
    }

    /// Presses a key and waits until something is drawn; from the key to the last byte of the frame. `None` where nothing is drawn.
    pub fn frame(&mut self, key: &str) -> anyhow::Result<Option<Duration>> {
        let began = Instant::now();
        self.press(key)?;
        let mut last = None;
        let mut patience = Duration::from_secs(2);
        while let Ok((came, bytes)) = self.bytes.recv_timeout(patience) {
            self.take(&bytes);
            last = Some(came.duration_since(began));
            // A frame is one write, which a pseudo-terminal may hand over in pieces.
            patience = Duration::from_millis(30);
        }
        Ok(last)
    }

    /// Presses a key and waits until the text on the screen is another one; from the key to the bytes that made it so. `None` where it stays.
    pub fn change(&mut self, key: &str) -> anyhow::Result<Option<Duration>> {
        let (began, before) = (Instant::now(), self.screen());
        self.press(key)?;
        while let Ok((came, bytes)) = self.bytes.recv_timeout(Duration::from_secs(2).saturating_sub(began.elapsed())) {
            self.take(&bytes);
            if self.screen() != before {
                return Ok(Some(came.duration_since(began)));
            }
        }
        Ok(None)
    }

    /// The most memory that it had, in MiB, with what it started; each process's own peak is counted.
    pub fn peak(&self) -> anyhow::Result<f64> {
        let mut family = vec![self.child.id()];
        let mut sum = 0.0;
        while let Some(process) = family.pop() {
            let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
            sum += line.trim().trim_end_matches(" kB").trim().parse::<f64>()? / 1024.0;
            let children = std::fs::read_to_string(format!("/proc/{process}/task/{process}/children"));
            family
                .extend(children.unwrap_or_default().split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
        Ok(sum)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // With all that it started: a viewer may be a process behind the one that was called.
        if let Some(group) = rustix::process::Pid::from_raw(self.child.id() as i32) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
