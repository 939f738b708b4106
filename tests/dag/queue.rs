//! The queue: a job has one worker, and a dead worker has none.

use std::sync::Mutex;

use toji::base::Time;
use toji::dag::{Job, Lane, Order, Queue, Shift};

const BOTH: [Lane; 2] = [Lane::Cheap, Lane::Dear];

fn names(jobs: &[Job]) -> Vec<&str> {
    jobs.iter().map(|job| job.recipe.as_str()).collect()
}

#[test]
fn jobs_are_taken_by_lane_and_time() {
    let toji = tempfile::tempdir().unwrap();
    let queue = Queue::open(toji.path(), "box");
    assert!(queue.waiting().is_empty() && queue.workers().is_empty());
    for (at, recipe, lane) in [(1.0, "b", Lane::Dear), (2.0, "a", Lane::Dear), (3.0, "c", Lane::Cheap)] {
        queue.add(recipe, "holdout", lane, Time(at)).unwrap();
    }
    assert_eq!(names(&queue.waiting()), ["b", "a", "c"]);
    let worker = queue.register(1, Time(9.0)).unwrap();
    let mut order = Vec::new();
    while let Some(taken) = worker.take(&BOTH).unwrap() {
        assert_eq!(queue.workers()[0].jobs, std::slice::from_ref(&taken.job));
        order.push(taken.job.recipe.clone());
        taken.done().unwrap();
    }
    assert_eq!(order, ["c", "b", "a"]);
    assert!(queue.waiting().is_empty() && queue.workers()[0].jobs.is_empty());
    drop(worker);
    assert!(queue.workers().is_empty());
}

#[test]
fn the_newest_request_wins() {
    let toji = tempfile::tempdir().unwrap();
    let queue = Queue::open(toji.path(), "box");
    queue.add("a", "smoke", Lane::Dear, Time(1.0)).unwrap();
    queue.add("a", "smoke", Lane::Dear, Time(1.0)).unwrap();
    queue.add("a", "full", Lane::Dear, Time(2.0)).unwrap();
    queue.add("a", "smoke", Lane::Cheap, Time(3.0)).unwrap();
    queue.add("b", "smoke", Lane::Dear, Time(4.0)).unwrap();
    let waiting: Vec<_> = queue.waiting().into_iter().map(|job| (job.recipe, job.rung, job.lane)).collect();
    let expected = [("a", "full", Lane::Dear), ("a", "smoke", Lane::Cheap), ("b", "smoke", Lane::Dear)];
    assert_eq!(waiting, expected.map(|(r, s, l)| (r.to_owned(), s.to_owned(), l)));
    assert_eq!(queue.cancel("a").unwrap(), 2);
    assert_eq!(names(&queue.waiting()), ["b"]);
}

#[test]
fn many_workers_take_each_job_once() {
    let toji = tempfile::tempdir().unwrap();
    let queue = Queue::open(toji.path(), "box");
    for i in 0..40 {
        queue.add(&format!("r{i:02}"), "smoke", Lane::Dear, Time(f64::from(i))).unwrap();
    }
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for pid in 0..3 {
            let (queue, done) = (&queue, &done);
            scope.spawn(move || {
                let worker = queue.register(pid, Time(50.0)).unwrap();
                while let Some(taken) = worker.take(&BOTH).unwrap() {
                    done.lock().unwrap().push(taken.job.recipe.clone());
                    taken.done().unwrap();
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort();
    assert_eq!(done, (0..40).map(|i| format!("r{i:02}")).collect::<Vec<_>>());
}

#[test]
fn a_dead_worker_gives_its_jobs_back() {
    let toji = tempfile::tempdir().unwrap();
    let queue = Queue::open(toji.path(), "box");
    queue.add("a", "smoke", Lane::Dear, Time(1.0)).unwrap();
    queue.add("b", "smoke", Lane::Dear, Time(2.0)).unwrap();
    let first = queue.register(1, Time(9.0)).unwrap();
    let second = queue.register(2, Time(9.0)).unwrap();
    let taken = first.take(&BOTH).unwrap().unwrap();
    assert_eq!(taken.job.recipe, "a");
    assert_eq!(queue.recover().unwrap(), 0, "its worker lives");

    // A request for what is under way waits until that is done.
    queue.add("a", "full", Lane::Dear, Time(3.0)).unwrap();
    let other = second.take(&BOTH).unwrap().unwrap();
    assert_eq!(other.job.recipe, "b");
    assert!(second.take(&BOTH).unwrap().is_none());
    other.give_back().unwrap();

    drop(taken);
    drop(first);
    let waiting: Vec<_> = queue.waiting().into_iter().map(|job| (job.recipe, job.rung, job.deaths)).collect();
    let expected = [("b", "smoke", 0), ("a", "full", 0)].map(|(r, s, d)| (r.to_owned(), s.to_owned(), d));
    assert_eq!(waiting, expected, "the newer request answers for the one that was given back");
    queue.cancel("a").unwrap();
    queue.add("c", "smoke", Lane::Dear, Time(0.5)).unwrap();
    drop(second.take(&BOTH).unwrap());
    drop(second);
    assert_eq!(queue.waiting()[0].deaths, 1);
    assert_eq!(queue.workers().len(), 0);
}

#[test]
fn there_is_one_worker_of_the_background() {
    let toji = tempfile::tempdir().unwrap();
    let queue = Queue::open(toji.path(), "box");
    assert!(!queue.has_background_worker());
    let worker = queue.register_background("CUDA card 0, bf16", 42, Time(9.5)).unwrap().expect("the first");
    assert!(queue.has_background_worker());
    assert!(queue.register_background("CUDA card 0, bf16", 43, Time(9.5)).unwrap().is_none());
    assert_eq!(queue.workers()[0].about, r#"{"pid":42,"started":9.5}"#);
    let text = std::fs::read_to_string(toji.path().join("queue/worker-CUDA-card-0--bf16.lock")).unwrap();
    assert_eq!(text.trim(), r#"{"pid":42,"started":9.5}"#);
    // On another device there is another one, and the two share the jobs.
    let other = queue.register_background("CUDA card 1, bf16", 44, Time(9.6)).unwrap().expect("another device");
    for recipe in ["a", "b", "c"] {
        queue.add(recipe, "smoke", Lane::Dear, Time(9.7)).unwrap();
    }
    let mut taken = Vec::new();
    while let Some(job) = worker.take(&[Lane::Dear]).unwrap() {
        taken.push(job);
        taken.extend(other.take(&[Lane::Dear]).unwrap());
    }
    let mut names: Vec<&str> = taken.iter().map(|taken| taken.job.recipe.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["a", "b", "c"]);
    drop(worker);
    assert!(queue.has_background_worker(), "the other lives");
    drop(other);
    assert!(!queue.has_background_worker());
}

#[test]
fn a_queue_that_was_copied_starts_nothing_elsewhere() {
    let toji = tempfile::tempdir().unwrap();
    let here = Queue::open(toji.path(), "box");
    here.add("a", "full", Lane::Dear, Time(1.0)).unwrap();
    here.add("b", "full", Lane::Dear, Time(2.0)).unwrap();
    let worker = here.register(1, Time(3.0)).unwrap();
    let taken = worker.take(&BOTH).unwrap();
    let copy = tempfile::tempdir().unwrap();
    super::union::copy(toji.path(), copy.path());

    let there = Queue::open(copy.path(), "rented");
    assert!(there.workers().is_empty() && there.waiting().is_empty());
    assert_eq!(there.recover().unwrap(), 0);
    let other = there.register(1, Time(4.0)).unwrap();
    assert!(other.take(&BOTH).unwrap().is_none());
    // Copied back home, where its worker is gone, it goes on.
    drop((taken, worker));
    let home = Queue::open(copy.path(), "box");
    assert_eq!(home.recover().unwrap(), 1);
    assert_eq!(names(&home.waiting()), ["a", "b"]);
}

#[test]
fn a_job_can_be_put_before_the_others() {
    let toji = tempfile::tempdir().unwrap();
    let queue = Queue::open(toji.path(), "box");
    for (name, at) in [("a", 1.0), ("b", 2.0), ("c", 3.0)] {
        queue.add(name, "full", Lane::Dear, Time(at)).unwrap();
    }
    assert!(queue.first("c").unwrap() && !queue.first("absent").unwrap());
    assert_eq!(names(&queue.waiting()), ["c", "a", "b"]);
    queue.first("b").unwrap();
    queue.first("b").unwrap();
    assert_eq!(names(&queue.waiting()), ["b", "c", "a"]);
    let worker = queue.register(1, Time(4.0)).unwrap();
    let order = || worker.take(&BOTH).unwrap().map(|taken| taken.job.recipe.clone());
    assert_eq!([order(), order(), order(), order()], [Some("b".into()), Some("c".into()), Some("a".into()), None]);
}

/// The waiting jobs of the lane of what was asked for, in the order in which they are taken.
fn order(queue: &Queue) -> String {
    names(&queue.waiting().into_iter().filter(|job| job.lane == Lane::Dear).collect::<Vec<_>>()).join("")
}

#[test]
fn jobs_move_by_one_place_and_stay_within_their_lane() {
    let toji = tempfile::tempdir().unwrap();
    let queue = Queue::open(toji.path(), "box");
    for (at, recipe) in ["a", "b", "c", "d"].into_iter().enumerate() {
        queue.add(recipe, "smoke", Lane::Dear, Time(at as f64)).unwrap();
    }
    queue.add("x", "smoke", Lane::Cheap, Time(2.5)).unwrap();
    let moved = |recipe: &str, shift: Shift| {
        assert!(queue.shift(recipe, shift).unwrap());
        order(&queue)
    };
    assert_eq!(moved("c", Shift::Up), "acbd");
    assert_eq!(moved("c", Shift::Up), "cabd");
    assert_eq!(moved("c", Shift::Up), "cabd", "the first stays the first");
    assert_eq!(moved("a", Shift::Down), "cbad");
    assert_eq!(moved("d", Shift::Down), "cbad", "and the last the last");
    assert_eq!(moved("d", Shift::Up), "cbda");
    assert_eq!(moved("x", Shift::Up), "cbda", "another lane");
    assert!(!queue.shift("nobody", Shift::Up).unwrap());
    // A later wish goes behind, and putting one first still works.
    queue.add("e", "smoke", Lane::Dear, Time(9.0)).unwrap();
    assert_eq!(order(&queue), "cbdae");
    assert!(queue.first("e").unwrap());
    assert_eq!(order(&queue), "ecbda");
    let worker = queue.register(1, Time(10.0)).unwrap();
    let mut taken = String::new();
    while let Some(job) = worker.take(&[Lane::Dear]).unwrap() {
        taken.push_str(&job.job.recipe);
        job.done().unwrap();
    }
    assert_eq!(taken, "ecbda");
}

proptest::proptest! {
    // Each move syncs files.
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]
    #[test]
    fn moving_is_what_moving_in_a_list_is(moves in proptest::collection::vec((0usize..6, proptest::bool::ANY), 0..12)) {
        let toji = tempfile::tempdir().unwrap();
        let queue = Queue::open(toji.path(), "box");
        let mut list: Vec<String> = (0..6).map(|i| format!("r{i}")).collect();
        for (at, recipe) in list.iter().enumerate() {
            // Two at a time in one moment: their order is that of their files.
            queue.add(recipe, "smoke", Lane::Dear, Time((at / 2) as f64)).unwrap();
        }
        list = queue.waiting().into_iter().map(|job| job.recipe).collect();
        for (which, up) in moves {
            let name = format!("r{which}");
            let at = list.iter().position(|other| *other == name).unwrap();
            let to = if up { at.saturating_sub(1) } else { (at + 1).min(list.len() - 1) };
            // Which of two jobs of one moment comes first is open while neither was moved.
            queue.shift(&name, if up { Shift::Up } else { Shift::Down }).unwrap();
            list.swap(at, to);
            let now: Vec<String> = queue.waiting().into_iter().map(|job| job.recipe).collect();
            proptest::prop_assert_eq!(&now, &list);
        }
    }
}

#[test]
fn a_paused_queue_gives_nothing_to_any_worker_until_it_goes_on() {
    let toji = tempfile::tempdir().unwrap();
    let queue = Queue::open(toji.path(), "box");
    queue.add("a", "smoke", Lane::Dear, Time(1.0)).unwrap();
    queue.add("b", "smoke", Lane::Cheap, Time(2.0)).unwrap();
    let first = queue.register(1, Time(3.0)).unwrap();
    let begun = first.take(&[Lane::Dear]).unwrap().unwrap();
    queue.pause(Time(4.0)).unwrap();
    queue.pause(Time(5.0)).unwrap();
    assert_eq!(queue.paused(), Some(Time(4.0)), "since when stays");
    assert!(first.take(&BOTH).unwrap().is_none());
    // Given back at its clean place, at its old place; and another worker, another viewer take nothing either.
    begun.give_back().unwrap();
    let second = Queue::open(toji.path(), "box").register(2, Time(6.0)).unwrap();
    assert!(second.take(&BOTH).unwrap().is_none());
    assert_eq!(names(&queue.waiting()), ["a", "b"]);
    // A killed worker's job waits, too.
    drop((first, second));
    assert!(Queue::open(toji.path(), "box").register(3, Time(7.0)).unwrap().take(&BOTH).unwrap().is_none());
    // A copy of the folder on another machine is not paused.
    assert_eq!(Queue::open(toji.path(), "laptop").paused(), None);
    assert!(queue.resume().unwrap() && !queue.resume().unwrap());
    let third = queue.register(4, Time(8.0)).unwrap();
    assert_eq!(third.take(&[Lane::Dear]).unwrap().unwrap().job.deaths, 0, "a pause is no death");
}

#[test]
fn a_review_and_a_run_of_one_recipe_do_not_answer_each_other() {
    let toji = tempfile::tempdir().unwrap();
    let queue = Queue::open(toji.path(), "box");
    queue.add("a", "smoke", Lane::Dear, Time(1.0)).unwrap();
    queue.add_review("a", Time(2.0)).unwrap();
    queue.add("b", "smoke", Lane::Dear, Time(3.0)).unwrap();
    // The review goes before the run; which is older.
    let orders = |queue: &Queue| queue.waiting().iter().map(|job| job.order).collect::<Vec<_>>();
    assert_eq!(orders(&queue), [Order::Run, Order::Review, Order::Run]);
    assert!(queue.first("a").unwrap());
    let worker = queue.register(1, Time(4.0)).unwrap();
    worker.take(&[Lane::Dear]).unwrap().unwrap().done().unwrap();
    worker.take(&[Lane::Dear]).unwrap().unwrap().done().unwrap();
    assert_eq!(names(&queue.waiting()), ["b"]);
}
