//! The process that does the work, detached from every terminal.
//!
//! Takes jobs from the queue, one at a time in each lane, so that a changed `[post]` is ranked again
//! while a training goes on. It opens the project anew for each job: what is on disk when a job
//! begins is what counts. Without work for a while it ends; whoever adds a job starts it again. While the queue is paused it takes
//! nothing, and what it had begun goes back at its next clean place.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::base::{Cancel, Key, Time, files};
use crate::book;
use crate::dag::{Board, Event, Job, Lane, Order, Queue, RunState, Runs, Taken, Worker};
use crate::session::brew::happened::{Ear, Happened, Kind};
use crate::session::brew::{self, Manner, Weigh};
use crate::session::errands::review::find;
use crate::session::project::TOJI;
use crate::session::stages::ensemble;
use crate::session::{Photos, Project, SessionError, Surroundings};

/// A job over which so many workers died is not tried again by itself.
const DEATHS: u32 = 2;
/// How often a lane looks for a job: a number is waited for within a tenth of a second, and a look costs some microseconds.
const LOOK: Duration = Duration::from_millis(10);
/// How often a running job looks whether the queue was paused.
const PAUSE: Duration = Duration::from_millis(250);

/// Who hears what a worker has to say.
#[derive(Clone, Copy)]
pub struct Ears<'a> {
    /// Lines about its jobs.
    pub report: &'a (dyn Fn(&str) + Sync),
    /// What somebody wants to be told of; `None`: nobody does.
    pub happened: Option<&'a (dyn Fn(&Happened) + Sync)>,
}

/// Works until there is nothing to do for `idle_seconds`, or until cancelled. Gives how many jobs were done;
/// `None` when another worker of this project lives on this device already.
///
/// # Errors
/// When the queue cannot be used. A job that fails is told in its run, or by `ears`, and does not end the worker.
pub fn work(
    root: &Path,
    around: &Surroundings,
    idle_seconds: f64,
    ears: Ears<'_>,
    cancel: &Cancel,
) -> Result<Option<u64>, SessionError> {
    let queue = Queue::open(&root.join(TOJI), &around.machine);
    let clock = around.clock.as_ref();
    let Some(worker) = queue.register_background(around.processor.name(), around.pid, clock.now())? else {
        return Ok(None);
    };
    let busy = Mutex::new(Busy { lanes: 0, done: 0, last: clock.now(), leaving: false });
    std::thread::scope(|scope| {
        let serving = Serving { root, around, worker: &worker, queue: &queue, busy: &busy, idle_seconds, ears, cancel };
        let serving = Arc::new(serving);
        let lane = |lane: Lane| {
            let serving = serving.clone();
            scope.spawn(move || serving.serve(lane))
        };
        let lanes = [lane(Lane::Cheap), lane(Lane::Dear)];
        for lane in lanes {
            match lane.join() {
                Ok(served) => served?,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(Some(busy.lock().unwrap_or_else(PoisonError::into_inner).done))
    })
}

/// What the lanes know of each other.
struct Busy {
    /// How many work.
    lanes: u32,
    /// Jobs done.
    done: u64,
    /// When there was last something to do.
    last: Time,
    /// The worker ends: no lane takes a job any more.
    leaving: bool,
}

/// One lane of one worker.
struct Serving<'a> {
    root: &'a Path,
    around: &'a Surroundings,
    worker: &'a Worker,
    queue: &'a Queue,
    busy: &'a Mutex<Busy>,
    idle_seconds: f64,
    ears: Ears<'a>,
    cancel: &'a Cancel,
}

impl Serving<'_> {
    fn serve(&self, lane: Lane) -> Result<(), SessionError> {
        while !self.cancel.is_cancelled() {
            match self.next(lane)? {
                Next::Leave => return Ok(()),
                Next::Wait => std::thread::sleep(LOOK),
                Next::Do(taken) => self.work_on(taken)?,
            }
        }
        Ok(())
    }

    /// A job, or whether to go: both lanes decide under one lock, so that neither leaves while the other works or
    /// something waits.
    fn next(&self, lane: Lane) -> Result<Next, SessionError> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        if busy.leaving {
            return Ok(Next::Leave);
        }
        if let Some(taken) = self.worker.take(&[lane])? {
            busy.lanes += 1;
            return Ok(Next::Do(taken));
        }
        let idle = self.around.clock.now().since(busy.last);
        // What waits in a paused queue waits for whoever lets it go on, who starts a worker.
        let nothing = || self.queue.waiting().is_empty() || self.queue.paused().is_some();
        busy.leaving = busy.lanes == 0 && idle > self.idle_seconds && nothing();
        Ok(if busy.leaving { Next::Leave } else { Next::Wait })
    }

    fn work_on(&self, taken: Taken) -> Result<(), SessionError> {
        let name = match taken.job.order {
            Order::Run => format!("{} up to {}", taken.job.recipe, taken.job.rung),
            Order::Part => format!("the cheap part of {} up to {}", taken.job.recipe, taken.job.rung),
            Order::Review => format!("a review by {}", taken.job.recipe),
        };
        let report = self.ears.report;
        report(&format!("{name}: begins"));
        let (own, held, told_of_failure) = (self.cancel.child(), AtomicBool::new(false), AtomicBool::new(false));
        // Of what starts by itself nobody wants to hear but that it failed.
        let tell = |happened: &Happened| {
            told_of_failure.fetch_or(happened.event == Kind::Failed, Ordering::Relaxed);
            let is_pause = happened.event == Kind::Stopped && held.load(Ordering::Relaxed);
            let dear = taken.job.lane == Lane::Dear && !is_pause;
            let matters = dear || matches!(happened.event, Kind::Failed | Kind::Lost);
            if let Some(hear) = self.ears.happened.filter(|_| matters) {
                hear(happened);
            }
        };
        let tell_plainly = |kind: Kind, text: &str| {
            if let Ok(project) = Project::open(self.root, self.around) {
                tell(&Happened::plain(kind, &project, &taken.job.recipe, &taken.job.rung, text.to_owned()));
            }
        };
        // A panic in a job is a fault of Toji, but must not take the other lane's training with it.
        let work = || match taken.job.deaths {
            0..DEATHS => {
                if taken.job.deaths > 0 {
                    tell_plainly(Kind::Lost, "its worker died; it goes on from its checkpoint");
                }
                job(self.root, self.around, &taken.job, self.ears.happened.map(|_| &tell as _), &own)
            }
            deaths => Err(SessionError::Unfit(format!(
                "{deaths} workers died over it (out of memory?); ask for it again to try once more"
            ))),
        };
        let done = self.unless_paused(&own, &held, || std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)));
        let held = held.load(Ordering::Relaxed);
        let told = match &done {
            Ok(Ok(())) => "done".to_owned(),
            Ok(Err(error)) if error.is_cancelled() && held => "goes on when the queue does".to_owned(),
            Ok(Err(error)) => brew::chain(error),
            Err(_) => "panicked; this is a fault of Toji".to_owned(),
        };
        report(&format!("{name}: {told}"));
        let is_stop = |error: &SessionError| {
            error.is_cancelled() || matches!(error, SessionError::Decided { .. } | SessionError::Part { .. })
        };
        let failed = done.as_ref().map_or(true, |done| done.as_ref().is_err_and(|error| !is_stop(error)));
        if failed && self.ears.happened.is_some() && !told_of_failure.load(Ordering::Relaxed) {
            tell_plainly(Kind::Failed, &told);
        }
        match &done {
            // The worker itself was asked to end, or the queue is paused: the job waits.
            Ok(Err(error)) if error.is_cancelled() && (held || self.cancel.is_cancelled()) => taken.give_back()?,
            _ => taken.done()?,
        }
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.done += 1;
        busy.last = self.around.clock.now();
        busy.lanes -= 1;
        Ok(())
    }

    /// Does `work`, which must not panic, and asks it to stop when the queue is paused meanwhile.
    fn unless_paused<T>(&self, cancel: &Cancel, held: &AtomicBool, work: impl FnOnce() -> T) -> T {
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let watcher = scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    if self.queue.paused().is_some() {
                        held.store(true, Ordering::Relaxed);
                        self.say_why();
                        return cancel.cancel();
                    }
                    std::thread::park_timeout(PAUSE);
                }
            });
            let done = work();
            over.store(true, Ordering::Relaxed);
            watcher.thread().unpark();
            done
        })
    }

    /// Leaves word in this process's runs why they stop.
    fn say_why(&self) {
        let runs = Runs::open(&self.root.join(TOJI));
        let mut board = Board::new();
        board.refresh(&runs);
        for run in board.runs().filter(|run| run.state() == RunState::Running && run.told.pid == self.around.pid) {
            // Without it the run stops all the same.
            let _ = runs.request_stop(run.id(), "the queue is paused");
        }
    }
}

/// What a lane does next.
enum Next {
    Do(Taken),
    Wait,
    Leave,
}

/// The file that asks for a recipe's taken job to stop before its run begins.
fn stop_file(root: &Path, recipe: &str) -> PathBuf {
    root.join(TOJI).join("queue").join("stops").join(Key::of_bytes(recipe.as_bytes()).short())
}

/// Asks the worker to drop the job of a recipe that it has taken.
///
/// # Errors
/// When the request cannot be written.
pub fn request_stop(root: &Path, recipe: &str, now: Time) -> Result<(), SessionError> {
    Ok(files::publish(&stop_file(root, recipe), now.0.to_string().as_bytes())?)
}

/// Whether a job that was asked for at `requested` was asked to stop since.
fn stop_requested(root: &Path, recipe: &str, requested: Time) -> bool {
    let asked = files::read_text(&stop_file(root, recipe)).ok().and_then(|text| text.trim().parse::<f64>().ok());
    asked.is_some_and(|asked| asked >= requested.0)
}

/// Does one job.
fn job(
    root: &Path,
    around: &Surroundings,
    job: &Job,
    tell: Option<&(dyn Fn(&Happened) + Sync)>,
    cancel: &Cancel,
) -> Result<(), SessionError> {
    let project =
        Project::open(root, around).map_err(|found| SessionError::Mistakes(book::report(&found, book::Look::LINES)))?;
    let recipe = project.recipe(&job.recipe)?;
    // A run is stopped by its own request; the worker goes on with the next job.
    let own = cancel.child();
    let heard = |_: &str, _: u64, _: u64, _: &str| {
        if stop_requested(root, &job.recipe, job.requested) {
            own.cancel();
        }
    };
    let photos = Photos::read(&project, &heard, &own)?;
    heard("", 0, 0, "");
    own.check()?;
    if job.order == Order::Review {
        let asked = find::Asked { recipe: Some(&recipe), parts: true, ..find::Asked::default() };
        find::find(&project, &photos, &asked, &|_: &Event| heard("", 0, 0, ""), &own)?;
        return Ok(());
    }
    let rung = recipe.rung(Some(&job.rung))?;
    let part = job.order == Order::Part;
    let only_cheap = job.lane == Lane::Cheap && !part;
    let manner =
        Manner { only_cheap, part, gain: if part { Weigh::Never } else { Weigh::IfCheap }, ..Manner::default() };
    // While a member of an ensemble is trained first, the ensemble has no run that could be asked to stop.
    let joint = ensemble::is_one(&recipe);
    let ear = tell.map(|tell| Ear::new(&project, &recipe, &photos, tell));
    let listen = |event: &Event| {
        if joint {
            heard("", 0, 0, "");
        }
        if let Some(ear) = &ear {
            ear.hear(event);
        }
    };
    brew::brew(&project, &recipe, &photos, &rung, manner, &listen, &own)?;
    Ok(())
}
