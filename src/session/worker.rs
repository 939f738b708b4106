//! The process that does the work, detached from every terminal.
//!
//! Takes jobs from the queue, one at a time in each lane, so that a changed `[post]` is ranked again
//! while a training goes on. It opens the project anew for each job: what is on disk when a job
//! begins is what counts. Without work for a while it ends; whoever adds a job starts it again.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::brew::{self, Manner};
use super::{Photos, Project, Rung, SessionError, Surroundings};
use crate::base::progress::Silent;
use crate::base::{Cancel, Clock};
use crate::book;
use crate::dag::{Job, Lane, Queue, Worker};

/// How often a lane looks for a job.
const LOOK: Duration = Duration::from_millis(100);

/// Works until there is nothing to do for `idle_seconds`, or until cancelled. Gives how many jobs were done;
/// `None` when another worker of this project lives already.
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
    let queue = Queue::open(&root.join(super::project::TOJI), &around.machine);
    let clock = around.clock.as_ref();
    let Some(worker) = queue.register_background(around.pid, clock.now())? else { return Ok(None) };
    let busy = Busy { lanes: AtomicU64::new(0), done: AtomicU64::new(0), last: AtomicU64::new(clock.now().0.to_bits()) };
    std::thread::scope(|scope| {
        let lane = |lane: Lane| {
            let (worker, busy) = (&worker, &busy);
            scope.spawn(move || serve(root, around, lane, worker, busy, idle_seconds, report, cancel))
        };
        let lanes = [lane(Lane::Cheap), lane(Lane::Dear)];
        for lane in lanes {
            match lane.join() {
                Ok(served) => served?,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(Some(busy.done.load(Ordering::Relaxed)))
    })
}

/// What the lanes know of each other.
struct Busy {
    /// How many work.
    lanes: AtomicU64,
    /// Jobs done.
    done: AtomicU64,
    /// When there was last something to do: bits of seconds.
    last: AtomicU64,
}

#[expect(clippy::too_many_arguments, reason = "one lane of one worker, spelled out")]
fn serve(
    root: &Path,
    around: &Surroundings,
    lane: Lane,
    worker: &Worker,
    busy: &Busy,
    idle_seconds: f64,
    report: &(dyn Fn(&str) + Sync),
    cancel: &Cancel,
) -> Result<(), SessionError> {
    let clock: &dyn Clock = around.clock.as_ref();
    while !cancel.is_cancelled() {
        let Some(taken) = worker.take(&[lane])? else {
            let idle = clock.now().0 - f64::from_bits(busy.last.load(Ordering::Relaxed));
            if busy.lanes.load(Ordering::Relaxed) == 0 && idle > idle_seconds {
                return Ok(());
            }
            std::thread::sleep(LOOK);
            continue;
        };
        busy.lanes.fetch_add(1, Ordering::Relaxed);
        report(&format!("{} up to {}: begins", taken.job.recipe, taken.job.rung));
        // A panic in a job is a fault of Toji, but must not take the other lane's training with it.
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| job(root, around, &taken.job, cancel)));
        let told = match &done {
            Ok(Ok(())) => "done".to_owned(),
            Ok(Err(error)) => brew::chain(error),
            Err(_) => "panicked; this is a fault of Toji".to_owned(),
        };
        report(&format!("{} up to {}: {told}", taken.job.recipe, taken.job.rung));
        match &done {
            // The worker itself was asked to end: the job waits for the next one.
            Ok(Err(error)) if error.is_cancelled() && cancel.is_cancelled() => taken.give_back()?,
            _ => taken.done()?,
        }
        busy.done.fetch_add(1, Ordering::Relaxed);
        busy.last.store(clock.now().0.to_bits(), Ordering::Relaxed);
        busy.lanes.fetch_sub(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Does one job.
fn job(root: &Path, around: &Surroundings, job: &Job, cancel: &Cancel) -> Result<(), SessionError> {
    let project = Project::open(root, around).map_err(|found| {
        SessionError::Mistakes(book::report(&found, book::Look::LINES))
    })?;
    let recipe = project.recipe(&job.recipe)?;
    let rung: Rung = job.rung.parse().map_err(SessionError::Unfit)?;
    let photos = Photos::read(&project, &Silent, cancel)?;
    // A run is stopped by its own request; the worker goes on with the next job.
    let own = cancel.child();
    let manner = Manner { only_cheap: job.lane == Lane::Cheap, host: false };
    brew::brew(&project, &recipe, &photos, rung, manner, &|_| {}, &own)?;
    Ok(())
}
