//! The process that does the work, detached from every terminal.
//!
//! Takes jobs from the queue, one at a time in each lane, so that a changed `[post]` is ranked again
//! while a training goes on. It opens the project anew for each job: what is on disk when a job
//! begins is what counts. Without work for a while it ends; whoever adds a job starts it again.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::base::{Cancel, Key, Time, files};
use crate::book;
use crate::dag::{Event, Job, Lane, Order, Queue, Taken, Worker};
use crate::session::brew::{self, Manner, Weigh};
use crate::session::errands::review::find;
use crate::session::project::TOJI;
use crate::session::stages::ensemble;
use crate::session::{Photos, Project, SessionError, Surroundings};

/// A job over which so many workers died is not tried again by itself.
const DEATHS: u32 = 2;
/// How often a lane looks for a job: a number is waited for within a tenth of a second, and a look costs some microseconds.
const LOOK: Duration = Duration::from_millis(10);

/// Works until there is nothing to do for `idle_seconds`, or until cancelled. Gives how many jobs were done;
/// `None` when another worker of this project lives on this device already.
///
/// # Errors
/// When the queue cannot be used. A job that fails is told in its run, or by `report`, and does not end the worker.
pub fn work(
    root: &Path,
    around: &Surroundings,
    idle_seconds: f64,
    report: &(dyn Fn(&str) + Sync),
    cancel: &Cancel,
) -> Result<Option<u64>, SessionError> {
    let queue = Queue::open(&root.join(TOJI), &around.machine);
    let clock = around.clock.as_ref();
    let Some(worker) = queue.register_background(around.processor.name(), around.pid, clock.now())? else {
        return Ok(None);
    };
    let busy = Mutex::new(Busy { lanes: 0, done: 0, last: clock.now(), leaving: false });
    std::thread::scope(|scope| {
        let serving =
            Serving { root, around, worker: &worker, queue: &queue, busy: &busy, idle_seconds, report, cancel };
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
    report: &'a (dyn Fn(&str) + Sync),
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
        busy.leaving = busy.lanes == 0 && idle > self.idle_seconds && self.queue.waiting().is_empty();
        Ok(if busy.leaving { Next::Leave } else { Next::Wait })
    }

    fn work_on(&self, taken: Taken) -> Result<(), SessionError> {
        let name = match taken.job.order {
            Order::Run => format!("{} up to {}", taken.job.recipe, taken.job.rung),
            Order::Review => format!("a review by {}", taken.job.recipe),
        };
        (self.report)(&format!("{name}: begins"));
        // A panic in a job is a fault of Toji, but must not take the other lane's training with it.
        let work = || match taken.job.deaths {
            0..DEATHS => job(self.root, self.around, &taken.job, self.cancel),
            deaths => Err(SessionError::Unfit(format!(
                "{deaths} workers died over it (out of memory?); ask for it again to try once more"
            ))),
        };
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        let told = match &done {
            Ok(Ok(())) => "done".to_owned(),
            Ok(Err(error)) => brew::chain(error),
            Err(_) => "panicked; this is a fault of Toji".to_owned(),
        };
        (self.report)(&format!("{name}: {told}"));
        match &done {
            // The worker itself was asked to end: the job waits for the next one.
            Ok(Err(error)) if error.is_cancelled() && self.cancel.is_cancelled() => taken.give_back()?,
            _ => taken.done()?,
        }
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.done += 1;
        busy.last = self.around.clock.now();
        busy.lanes -= 1;
        Ok(())
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
fn job(root: &Path, around: &Surroundings, job: &Job, cancel: &Cancel) -> Result<(), SessionError> {
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
    let manner = Manner { only_cheap: job.lane == Lane::Cheap, gain: Weigh::IfCheap, ..Manner::default() };
    // While a member of an ensemble is trained first, the ensemble has no run that could be asked to stop.
    let joint = ensemble::is_one(&recipe);
    let listen = |_: &Event| {
        if joint {
            heard("", 0, 0, "");
        }
    };
    brew::brew(&project, &recipe, &photos, &rung, manner, &listen, &own)?;
    Ok(())
}
