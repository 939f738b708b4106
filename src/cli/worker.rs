//! `toji worker`: the queue's work, detached from the terminal.
//!
//! The workbench starts it with its outputs closed; it makes a session of its own, so that neither a
//! closed terminal nor a dropped connection reaches it. One worker lives on each device (`TOJI_DEVICE=cuda:1 toji worker`), and all share
//! the queue. What it has to say goes to `.toji/worker.log`.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use toji::session::survey::{Helper, Launch};
use toji::session::{brew::worker, project::TOJI};

use super::failure::Failure;
use super::{Context, surroundings};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// End after so many seconds without work.
    #[arg(long, default_value_t = 20.0, value_name = "SECONDS")]
    idle: f64,
}

/// Works until there is nothing to do.
pub fn work(context: &Context, args: &Args) -> Result<(), Failure> {
    let root = context.root()?;
    let cancel = surroundings::stop_on_signals();
    toji::base::files::make_folder(&root.join(TOJI)).map_err(|e| Failure::failed(e.to_string()))?;
    let log = Mutex::new(open_log(&root)?);
    let clock = context.around.clock.clone();
    let report = |text: &str| {
        let line = format!("{:.3} {text}", clock.now().0);
        if let Ok(mut log) = log.lock() {
            let _ = writeln!(log, "{line}");
        }
        if context.say.is_json() {
            context.say.json(&serde_json::json!({ "at": clock.now(), "text": text }));
        } else {
            context.say.line(&toji::base::text::plain(text));
        }
    };
    match worker::work(&root, &context.around, args.idle, &report, &cancel)? {
        Some(_) => Ok(()),
        None => Err(Failure::failed("another worker of this project lives on this device; it does the queue's work")),
    }
}

fn open_log(root: &Path) -> Result<File, Failure> {
    Ok(File::options().create(true).append(true).open(root.join(TOJI).join("worker.log"))?)
}

/// Starts processes for the project in `root`, without a terminal.
pub fn launch(root: &Path) -> Launch {
    let root = root.to_owned();
    Arc::new(move |helper| {
        let mut command = Command::new(surroundings::program()?);
        let what = match helper {
            Helper::Worker => "worker",
            Helper::Trial => "plan",
        };
        command.arg("--project").arg(&root).arg(what).current_dir(&root);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        // Someone must ask for its exit code, or it stays in the process table as long as we live.
        std::thread::spawn(move || child.wait());
        Ok(())
    })
}
