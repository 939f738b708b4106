//! `toji worker`: the queue's work, detached from the terminal.
//!
//! The workbench starts it with its outputs closed; it makes a session of its own, so that neither a
//! closed terminal nor a dropped connection reaches it. One worker lives on each device (`TOJI_DEVICE=cuda:1 toji worker`), and all share
//! the queue. What it has to say goes to `.toji/worker.log`; what libraries and panics print, too, and while a run is on into that run's log.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use toji::book::{self, Look};
use toji::session::brew::happened::Happened;
use toji::session::brew::worker::{self, Ears};
use toji::session::project::TOJI;
use toji::session::survey::{Helper, Launch};

use super::alert::Alerts;
use super::failure::Failure;
use super::{Context, config, surroundings};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// End after so many seconds without work.
    #[arg(long, default_value_t = 20.0, value_name = "SECONDS")]
    idle: f64,
    /// Nobody looks at its outputs: what is printed goes into the logs.
    #[arg(long, hide = true)]
    detached: bool,
}

/// Works until there is nothing to do.
pub fn work(context: &Context, args: &Args) -> Result<(), Failure> {
    let root = context.root()?;
    let cancel = surroundings::stop_on_signals();
    toji::base::files::make_folder(&root.join(TOJI)).map_err(|e| Failure::failed(e.to_string()))?;
    let log = Mutex::new(open_log(&root)?);
    let mut around = context.around.clone();
    if args.detached {
        let prints = Prints { usual: open_log(&root)?, open: Mutex::default() };
        prints.redirect(None);
        around.prints = Arc::new(move |log, begins| prints.take(log, begins));
    }
    let clock = context.around.clock.clone();
    let report = |text: &str| {
        let line = format!("{:.3} {text}", clock.now().0);
        if let Ok(mut log) = log.lock() {
            let _ = writeln!(log, "{line}");
        }
        if args.detached {
            // It is in the log already.
        } else if context.say.is_json() {
            context.say.json(&serde_json::json!({ "at": clock.now(), "text": text }));
        } else {
            context.say.line(&toji::base::text::plain(text));
        }
    };
    let complaints = open_log(&root)?;
    let complain = move |text: &str| drop(writeln!(&complaints, "{text}"));
    // A mistake in the user's own file must not stop the queue.
    let alerts = match config::read() {
        Ok(config) => config.on_event.map(|words| Alerts::new(&words, complain)),
        Err(found) => {
            book::report(&found, Look::LINES).lines().for_each(report);
            None
        }
    };
    let tell = |happened: &Happened| alerts.iter().for_each(|alerts| alerts.tell(happened));
    let ears = Ears { report: &report, happened: alerts.as_ref().map(|_| &tell as _) };
    match worker::work(&root, &around, args.idle, ears, &cancel)? {
        Some(_) => Ok(()),
        None => Err(Failure::failed("another worker of this project lives on this device; it does the queue's work")),
    }
}

fn open_log(root: &Path) -> Result<File, Failure> {
    Ok(File::options().create(true).append(true).open(root.join(TOJI).join("worker.log"))?)
}

/// Where standard output and error of a detached worker go.
struct Prints {
    /// Where they go while no run is on.
    usual: File,
    /// Logs of the runs that are on, the oldest first. One process has one standard error: the oldest run gets it.
    open: Mutex<Vec<PathBuf>>,
}

impl Prints {
    fn take(&self, log: &Path, begins: bool) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        match begins {
            true => open.push(log.to_owned()),
            false => open.retain(|other| other != log),
        }
        self.redirect(open.first());
    }

    fn redirect(&self, log: Option<&PathBuf>) {
        let opened = log.and_then(|log| File::options().append(true).open(log).ok());
        let file = opened.as_ref().unwrap_or(&self.usual);
        // Where it cannot be done they go where they went before, at first nowhere.
        let _ = rustix::stdio::dup2_stdout(file);
        let _ = rustix::stdio::dup2_stderr(file);
    }
}

/// Starts processes for the project in `root`, without a terminal.
pub fn launch(root: &Path) -> Launch {
    let root = root.to_owned();
    Arc::new(move |helper| {
        let mut command = Command::new(surroundings::program()?);
        let words: &[&str] = match helper {
            Helper::Worker => &["worker", "--detached"],
            Helper::Trial => &["plan"],
        };
        command.arg("--project").arg(&root).args(words).current_dir(&root);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        // Someone must ask for its exit code, or it stays in the process table as long as we live.
        std::thread::spawn(move || child.wait());
        Ok(())
    })
}
