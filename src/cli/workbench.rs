//! `toji`: the workbench.
//!
//! Threads: the terminal's (in `tui`), one that looks at the files and sends snapshots, the watcher's, one that decodes photos, and one
//! that has a process find out why an answer stands where it does. Only the second touches the project; closing the terminal ends them all and changes
//! nothing for a run, which belongs to the worker.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use toji::base::Cancel;
use toji::session::command::Command;
use toji::session::errands::looking::loader::{self, Allowed, Wish};
use toji::session::project::watch::{Watch, stamp};
use toji::session::recipe;
use toji::session::snapshot::Snapshot;
use toji::session::survey::Survey;

use super::failure::Failure;
use super::{Context, config, shell, surroundings, why, worker};
use crate::tui::{self, Feed, Out};

/// How often running work is looked at.
const BUSY: Duration = Duration::from_millis(300);
/// How often what a save waits for is looked at.
const AWAITED: Duration = Duration::from_millis(5);
/// How often files are looked at though the watcher said nothing: it may miss things (network file systems).
const IDLE: Duration = Duration::from_millis(1000);

/// What wakes the thread that looks at the files.
#[derive(Clone)]
enum Wake {
    Changed,
    Command(Command),
}

/// Arguments of `toji attach`.
#[derive(clap::Args)]
pub struct Attach {
    /// The recipe to look at. Default: what runs now.
    #[arg(value_name = "RECIPE", add = shell::recipes())]
    recipe: Option<String>,
}

/// Opens the workbench on the curves of what runs now, or of a recipe.
pub fn attach(context: &Context, args: &Attach) -> Result<(), Failure> {
    let name = match &args.recipe {
        Some(recipe) => Some(context.project()?.recipe(recipe)?.name),
        None => None,
    };
    open(context, Some(tui::Start { recipe: name }))
}

/// Opens the workbench on this terminal; without one, or on a dumb one, prints the board once.
pub fn open(context: &Context, start: Option<tui::Start>) -> Result<(), Failure> {
    let root = context.root()?;
    let mut survey = Survey::new(&root, &context.around, worker::launch(&root));
    if !surroundings::is_interactive() || surroundings::is_dumb() {
        let snapshot = survey.look_only(&context.say);
        if context.say.is_json() {
            context.say.json(&snapshot);
        } else {
            toji::show::table::board(&snapshot, 100).iter().for_each(|line| context.say.line(line));
        }
        return Ok(());
    }
    let options = surroundings::terminal()?;
    let (feed, incoming) = channel();
    let (wake, woken) = channel();
    let (commands, wishes) = channel::<Command>();
    let forward = wake.clone();
    std::thread::spawn(move || {
        for wish in wishes {
            if forward.send(Wake::Command(wish)).is_err() {
                return;
            }
        }
    });
    // Photos that screens show are decoded beside everything else.
    let (wishes, wished) = channel::<Vec<Wish>>();
    let allowed = Allowed::default();
    let (photos, limits) = (feed.clone(), allowed.clone());
    let folder = root.clone();
    std::thread::spawn(move || {
        loader::serve(&folder, &limits, &wished, |wish, loaded| photos.send(Feed::Photo(wish, loaded)).is_ok());
    });
    // Why an answer stands where it does is found out by a process of its own, which has a network in its memory.
    let (whys, asked) = channel();
    let reasons = feed.clone();
    std::thread::spawn(move || {
        why::serve(&root, &asked, |wish, found| reasons.send(Feed::Why(wish, Box::new(found))).is_ok());
    });
    if let Err(found) = config::read()
        && let Some(first) = found.first()
    {
        let _ = feed.send(Feed::Say(format!("{}:{}: {}", first.file.display(), first.line, first.message)));
    }
    let quit = surroundings::stop_on_termination();
    std::thread::spawn(move || watch(survey, &feed, wake, &woken, &allowed, &quit));
    Ok(tui::run(incoming, Out { commands, wishes, whys }, options, start)?)
}

/// Looks when something changed, and now and then besides; sends what differs.
fn watch(
    mut survey: Survey,
    feed: &Sender<Feed>,
    wake: Sender<Wake>,
    woken: &Receiver<Wake>,
    allowed: &Allowed,
    quit: &Cancel,
) {
    let cancel = Cancel::new();
    let mut last: Option<Snapshot> = None;
    let partly_feed = std::sync::Mutex::new((feed.clone(), None::<(String, Instant)>));
    let partly = move |snapshot: Snapshot| {
        let Ok(mut shown) = partly_feed.lock() else { return };
        let what = snapshot.planning.as_ref().map(|planning| planning.what.clone()).unwrap_or_default();
        if shown.1.as_ref().is_none_or(|(before, at)| *before != what || at.elapsed() > BUSY) {
            shown.1 = Some((what, Instant::now()));
            let _ = shown.0.send(Feed::Snapshot(Arc::new(snapshot)));
        }
    };
    // Until a page is shown, none needs what its stages gave.
    survey.obey(&Command::Look { recipes: Vec::new() });
    let mut watched: Vec<PathBuf> = Vec::new();
    let mut watcher: Option<Watch> = None;
    let mut files = Vec::new();
    let mut was_busy = false;
    loop {
        let before = survey.awaited();
        let snapshot = survey.look(&partly, &cancel);
        *allowed.lock().unwrap_or_else(PoisonError::into_inner) = survey.limits();
        if differs(last.as_ref(), &snapshot) {
            last = Some(snapshot.clone());
            if feed.send(Feed::Snapshot(Arc::new(snapshot))).is_err() {
                return;
            }
        }
        let folders = survey.folders();
        if folders != watched || watcher.is_none() {
            let started = Watch::start(&folders, wake.clone(), Wake::Changed);
            if let Some(trouble) = &started.trouble {
                let _ = feed.send(Feed::Say(format!("{trouble}; looking every second instead")));
            }
            watcher = Some(started);
            watched = folders;
            // What changed after the look and before the watch is seen by another look.
            continue;
        }
        // Waits until there is a reason to look again.
        let (awaited, looked) = (survey.awaited(), Instant::now());
        if before.is_some() && awaited != before {
            // It went on while it was looked at, and may have ended.
            continue;
        }
        loop {
            if quit.is_cancelled() {
                let _ = feed.send(Feed::Quit);
                return;
            }
            let pause = match &awaited {
                Some(_) => AWAITED,
                None if survey.is_busy() => BUSY,
                None => IDLE,
            };
            match woken.recv_timeout(pause) {
                Ok(Wake::Command(command)) => {
                    survey.obey(&command);
                    break;
                }
                Ok(Wake::Changed) => break,
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    if awaited.is_some() && survey.awaited() != awaited {
                        break;
                    }
                    if awaited.is_some() && looked.elapsed() < BUSY {
                        continue;
                    }
                    if survey.glance() || survey.is_due() {
                        break;
                    }
                    let (now, busy) = (stamp_of(&watched), survey.is_busy());
                    // Once more when work has ended: the last words are read, and a job that came too late is seen.
                    if busy || was_busy || now != files {
                        files = now;
                        was_busy = busy;
                        break;
                    }
                }
            }
        }
        // A burst of messages is one reason.
        let mut more = Vec::new();
        while let Ok(wake) = woken.try_recv() {
            more.push(wake);
        }
        for wake in more {
            if let Wake::Command(command) = wake {
                survey.obey(&command);
            }
        }
    }
}

/// The stamp of the files that a person edits.
fn stamp_of(folders: &[PathBuf]) -> toji::session::project::watch::Stamp {
    let files: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| {
            let mut files = recipe::files_in(folder);
            files.push(folder.join(toji::session::project::FACTS));
            files.push(folder.join(toji::session::errands::submit::LEDGER));
            let own = folder.join(toji::session::project::TOJI);
            // Reviews, which another terminal may make; their folder is there from the first one on.
            files.extend([own.join("history.json"), own.join("reviews")]);
            // A folder's own time tells of runs and jobs that came or went.
            files.push(folder.clone());
            files
        })
        .collect();
    stamp(files.iter().map(PathBuf::as_path))
}

/// Whether a person would see a difference; the time alone is none.
fn differs(old: Option<&Snapshot>, new: &Snapshot) -> bool {
    old.is_none_or(|old| {
        let same_time = Snapshot { at: new.at, ..old.clone() };
        same_time != *new
    })
}
