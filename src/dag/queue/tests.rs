//! The queue under every fault of the disk, by hand and by its workers.

use super::order::Shift;
use super::*;
use crate::base::files::sweep::Sweep;

fn queue(toji: &Path) -> Queue {
    Queue::open(toji, "box")
}

/// What waits and what dead workers hold, each recipe once.
fn asked(toji: &Path) -> Vec<String> {
    let queue = queue(toji);
    let mut jobs = queue.files(&queue.waiting_folder());
    for id in names(&queue.workers_folder()) {
        jobs.extend(queue.files(&queue.workers_folder().join(id)));
    }
    let mut recipes: Vec<String> = jobs.into_iter().map(|(_, job)| job.recipe).collect();
    recipes.sort();
    recipes.dedup();
    recipes
}

fn waiting(toji: &Path) -> String {
    format!("{:?}", queue(toji).waiting().iter().map(|job| (&job.recipe, job.requested)).collect::<Vec<_>>())
}

#[test]
fn asking_and_changing_ones_mind_under_every_fault() {
    let act = |toji: &Path| {
        let queue = queue(toji);
        queue.add("a", "smoke", Lane::Dear, Time(1.0))?;
        queue.add("b", "smoke", Lane::Dear, Time(2.0))?;
        queue.add("a", "holdout", Lane::Dear, Time(3.0))?;
        queue.add("c", "smoke", Lane::Cheap, Time(4.0))?;
        queue.first("a")?;
        queue.add("d", "smoke", Lane::Dear, Time(5.0))?;
        queue.shift("d", Shift::Up)?;
        queue.shift("a", Shift::Down)?;
        queue.pause(Time(6.0))?;
        queue.resume()?;
        queue.cancel("c").map(drop)
    };
    let act = |toji: &Path| act(toji).map_err(|e: DagError| e.to_string());
    let look = |toji: &Path| assert!(queue(toji).waiting().len() <= 4);
    let end = |toji: &Path| waiting(toji);
    assert!(Sweep { prepare: &|_| {}, act: &act, look: &look, end: &end }.run() > 200);
}

#[test]
fn no_job_is_lost_by_who_takes_it() {
    let prepare = |toji: &Path| {
        for (at, recipe) in ["a", "b"].into_iter().enumerate() {
            queue(toji).add(recipe, "smoke", Lane::Dear, Time(at as f64)).unwrap();
        }
    };
    let done = |toji: &Path, recipe: &str| toji.join("done").join(recipe);
    let act = |toji: &Path| {
        let worker = queue(toji).register(7, Time(9.0))?;
        while let Some(taken) = worker.take(&[Lane::Dear])? {
            files::publish(&done(toji, &taken.job.recipe), b"")?;
            taken.done()?;
        }
        Ok(())
    };
    let act = |toji: &Path| act(toji).map_err(|e: DagError| e.to_string());
    let look = |toji: &Path| {
        for recipe in ["a", "b"] {
            assert!(done(toji, recipe).exists() || asked(toji).contains(&recipe.to_owned()), "{recipe} is lost");
        }
    };
    let end = |toji: &Path| {
        let all = ["a", "b"].map(|recipe| done(toji, recipe).exists());
        format!("{all:?} {:?} {}", asked(toji), queue(toji).workers().len())
    };
    assert!(Sweep { prepare: &prepare, act: &act, look: &look, end: &end }.run() > 100);
}
