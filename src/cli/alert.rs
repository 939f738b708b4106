//! Tells the user's own command what happened.
//!
//! Takes happenings from whatever thread and gives each to the command of `on_event`: one JSON object on its standard input, the chief things in
//! its environment. A thread of its own runs one command after the other, each for a limited time, so that no training waits for it. Its
//! failure is said once.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use toji::base::text::{fit, plain};
use toji::session::brew::happened::Happened;

/// A command that takes longer is ended.
const LIMIT: Duration = Duration::from_secs(10);
/// How often it is asked whether it has ended.
const LOOK: Duration = Duration::from_millis(20);
/// So many happenings wait for their turn; more are left out.
const WAITING: usize = 64;
/// The longest text that is handed over, in columns.
const LONGEST: usize = 1000;

/// The command, ready to hear.
pub struct Alerts {
    sender: Option<SyncSender<Happened>>,
    thread: Option<JoinHandle<()>>,
}

impl Alerts {
    /// Of the command's words. `complain` gets its first failure.
    pub fn new(words: &[String], complain: impl Fn(&str) + Send + 'static) -> Alerts {
        Alerts::within(words, LIMIT, complain)
    }

    fn within(words: &[String], limit: Duration, complain: impl Fn(&str) + Send + 'static) -> Alerts {
        let (sender, waiting) = sync_channel(WAITING);
        let words = words.to_vec();
        let spawned = std::thread::Builder::new()
            .name("on_event".to_owned())
            .spawn(move || serve(&words, limit, &waiting, &complain));
        // Without a thread nothing is told, and work goes on.
        Alerts { sender: Some(sender), thread: spawned.ok() }
    }

    /// Hands something over. Never waits.
    pub fn tell(&self, happened: &Happened) {
        if let Some(sender) = &self.sender {
            // Where so many wait, the command hangs; it is said once.
            let _ = sender.try_send(happened.clone());
        }
    }
}

impl Drop for Alerts {
    /// What was handed over is told before the process ends: each for its limited time.
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(words: &[String], limit: Duration, waiting: &Receiver<Happened>, complain: &dyn Fn(&str)) {
    let mut complained = false;
    while let Ok(happened) = waiting.recv() {
        if let Err(why) = run(words, limit, &happened)
            && !std::mem::replace(&mut complained, true)
        {
            complain(&format!("on_event of config.toml: {}: {why}", plain(&words.join(" "))));
        }
    }
}

/// Runs the command for one happening.
fn run(words: &[String], limit: Duration, happened: &Happened) -> Result<(), String> {
    let (program, rest) = words.split_first().ok_or("it has no words")?;
    let text = fit(&happened.text, LONGEST);
    let mut json =
        serde_json::to_vec(&Happened { text: text.clone(), ..happened.clone() }).map_err(|e| e.to_string())?;
    json.push(b'\n');
    let mut command = Command::new(program);
    command.args(rest).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    // A group of its own: what it starts is ended with it, and ctrl+c in the terminal does not reach it.
    command.process_group(0);
    command.env("TOJI_EVENT", happened.event.word()).env("TOJI_TEXT", &text);
    command.env("TOJI_PROJECT", plain(&happened.project)).env("TOJI_RECIPE", plain(&happened.recipe));
    command.env("TOJI_RUNG", plain(&happened.rung));
    command.env("TOJI_SCORE", happened.score.map(|score| format!("{score:.6}")).unwrap_or_default());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    if let Some(mut input) = child.stdin.take() {
        // Less than a pipe holds, so this waits for nobody; a command that reads nothing is fine.
        let _ = input.write_all(&json);
    }
    let status = ended(&mut child, limit)?;
    if status.success() { Ok(()) } else { Err(status.to_string()) }
}

/// Waits for the end, for a limited time.
fn ended(child: &mut Child, limit: Duration) -> Result<std::process::ExitStatus, String> {
    let began = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if began.elapsed() < limit => std::thread::sleep(LOOK),
            Ok(None) => {
                end(child);
                return Err(format!("ended after {} s", limit.as_secs_f64()));
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// Ends the command and what it started.
fn end(child: &mut Child) {
    let group = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::{Arc, Mutex};

    use toji::base::Time;
    use toji::session::brew::happened::Kind;

    use super::*;

    fn happened(event: Kind, text: &str) -> Happened {
        Happened {
            event,
            at: Time(5.0),
            project: "shelf".into(),
            recipe: "02-獺祭\n".into(),
            rung: "holdout".into(),
            text: text.into(),
            score: Some(0.75),
            interval: Some([0.7, 0.8]),
            seconds: None,
            ends: None,
        }
    }

    fn shell(script: &str, folder: &Path) -> Vec<String> {
        ["sh", "-c", script, "toji", &folder.display().to_string()].map(str::to_owned).to_vec()
    }

    fn complaints(words: &[String], limit: Duration, all: &[Happened]) -> Vec<String> {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let complain = heard.clone();
        let alerts = Alerts::within(words, limit, move |text| complain.lock().unwrap().push(text.to_owned()));
        all.iter().for_each(|one| alerts.tell(one));
        drop(alerts);
        heard.lock().unwrap().clone()
    }

    #[test]
    fn the_command_gets_a_line_and_the_chief_things_in_its_environment() {
        let folder = tempfile::tempdir().unwrap();
        let script = r#"cat >> "$1/in"; echo "$TOJI_EVENT|$TOJI_RECIPE|$TOJI_SCORE|$TOJI_TEXT" >> "$1/env""#;
        let all = [happened(Kind::Finished, "MRR \u{1b}[31m0.75"), happened(Kind::DeadlineAtRisk, "late")];
        assert_eq!(complaints(&shell(script, folder.path()), LIMIT, &all), [""; 0]);
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read("env"), "finished|02-獺祭 |0.750000|MRR ·[31m0.75\ndeadline-at-risk|02-獺祭 |0.750000|late\n");
        let lines: Vec<serde_json::Value> =
            read("in").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((lines.len(), &lines[0]["event"], &lines[1]["rung"]), (2, &"finished".into(), &"holdout".into()));
    }

    #[test]
    fn a_command_that_fails_hangs_or_is_not_there_is_said_once() {
        let folder = tempfile::tempdir().unwrap();
        let two = [happened(Kind::Failed, "a"), happened(Kind::Lost, "b")];
        let said = complaints(&shell("exit 3", folder.path()), LIMIT, &two);
        assert!(said.len() == 1 && said[0].contains("exit status: 3"), "{said:?}");
        let said = complaints(&["no-such-program-here".to_owned()], LIMIT, &two);
        assert_eq!(said.len(), 1, "{said:?}");
        // What the command started ends with it, or the pipe of this test would stay open.
        let said = complaints(&shell("sleep 600 & sleep 600", folder.path()), Duration::from_millis(100), &two[..1]);
        assert!(said.len() == 1 && said[0].contains("ended after"), "{said:?}");
    }
}
