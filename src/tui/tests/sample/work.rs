//! The same project with a full queue, a log and a past to judge estimates by.

use std::collections::BTreeMap;
use std::sync::Arc;

use toji::base::Time;
use toji::dag::{Judged, Lane, Order};
use toji::session::snapshot::{Snapshot, State};
use toji::session::survey::queue::estimates::Estimates;
use toji::session::survey::queue::log::Log;
use toji::session::survey::queue::{Due, Entry, Queued, Standing};

use super::snapshot;

/// 2026-11-30 21:40 in Japan.
const NOW: f64 = 1_796_042_400.0;
/// 2026-12-01 09:00 in Japan.
const DEADLINE: f64 = NOW + 11.0 * 3600.0 + 20.0 * 60.0;

fn entry(recipe: &str, rung: &str, lane: Option<Lane>, state: Standing) -> Entry {
    let by = if lane == Some(Lane::Cheap) { "a save" } else { "asked for" };
    Entry { recipe: recipe.into(), rung: rung.into(), lane, state, by: by.into(), ..Entry::default() }
}

/// Two that run, three that wait, one that is lost; one will be late.
pub fn busy() -> Snapshot {
    let dear = Some(Lane::Dear);
    let after = |seconds: f64| Some(Time(((NOW + seconds) / 60.0).floor() * 60.0));
    let mut jobs = vec![
        Entry {
            since: Time(NOW - 5400.0),
            doing: "fit fold 0".into(),
            done: Some(0.62),
            seconds: Some(3300.0),
            ends: after(3300.0),
            ..entry("02-arcface", "holdout", dear, Standing::Running)
        },
        Entry {
            by: "toji run".into(),
            since: Time(NOW - 60.0),
            doing: "embed fold 0".into(),
            done: Some(0.1),
            ..entry("00-first-pour", "smoke", None, Standing::Running)
        },
        Entry {
            since: Time(NOW - 2.0),
            seconds: Some(0.4),
            ends: after(0.4),
            ..entry("03-純米大吟醸-小さな文字", "full", Some(Lane::Cheap), Standing::Waiting)
        },
        Entry {
            since: Time(NOW - 600.0),
            seconds: Some(30_000.0),
            ends: after(33_300.0),
            ..entry("06-swin", "holdout", dear, Standing::Waiting)
        },
        Entry {
            since: Time(NOW - 300.0),
            seconds: Some(14_400.0),
            ends: after(47_700.0),
            ..entry("01-baseline", "full", dear, Standing::Waiting)
        },
        Entry { order: Order::Review, since: Time(NOW - 200.0), ..entry("02-arcface", "", dear, Standing::Waiting) },
        Entry {
            since: Time(NOW - 90_000.0),
            doing: "fit fold 0".into(),
            seconds: Some(4000.0),
            ..entry("05-evil\u{1b}]0;owned\u{7}\u{202e}", "holdout", None, Standing::Lost)
        },
    ];
    for job in &mut jobs {
        job.in_time = job.ends.map(|end| end.0 <= DEADLINE);
    }
    let due = |seconds: f64, fits: Option<&str>| Due {
        ends: Time(NOW + seconds),
        in_time: NOW + seconds <= DEADLINE,
        fits: fits.map(str::to_owned),
    };
    let due = BTreeMap::from([
        ("02-arcface".to_owned(), due(3300.0, None)),
        ("06-swin".to_owned(), due(33_300.0, None)),
        ("01-baseline".to_owned(), due(47_700.0, Some("holdout"))),
    ]);
    let at = Some(Time(NOW));
    let queue = Queued { paused: None, jobs, deadline: Some(Time(DEADLINE)), at, hours: 9.0, due };
    let mut all = Snapshot { at: Time(NOW), queue: Arc::new(queue), log: Arc::new(log()), ..snapshot() };
    all.estimates = Arc::new(estimates());
    for recipe in &mut all.recipes {
        match recipe.name.as_str() {
            "06-swin" | "01-baseline" => recipe.state = State::Queued,
            name if name.starts_with("05") => recipe.state = State::Lost,
            _ => {}
        }
    }
    all
}

/// The same, paused, without a deadline.
pub fn paused() -> Snapshot {
    let all = busy();
    let mut queue = all.queue.as_ref().clone();
    (queue.paused, queue.deadline) = (Some(Time(NOW - 1200.0)), None);
    queue.jobs.retain(|job| job.state == Standing::Waiting);
    for job in &mut queue.jobs {
        (job.ends, job.in_time) = (None, None);
    }
    queue.due.clear();
    Snapshot { queue: Arc::new(queue), ..all }
}

fn log() -> Log {
    let mut lines: Vec<String> =
        (1..=60).map(|i| format!("2026-11-30 20:{:02}:07 fold 0 epoch {i}: go-on: may still win", i % 60)).collect();
    lines.push(
        "2026-11-30 21:12:44 note: 獺祭 and 久保田 share a label; 12 photos of 1,412 are smaller than the crop".into(),
    );
    lines.push("decoding: 100%|##########| 1412/1412 [00:09<00:00, 155.2it/s]".into());
    Log {
        recipe: "02-arcface".into(),
        run: "20261130-111000-000-a1b2-02-arcface".into(),
        lines,
        bytes: 81_234,
        is_cut: true,
    }
}

fn estimates() -> Estimates {
    let one = |stage: &str, recipe: &str, estimate: f64, seconds: f64| Judged {
        recipe: recipe.into(),
        stage: stage.into(),
        at: Time(NOW - 7000.0),
        estimate,
        seconds,
    };
    let newest = vec![
        one("score", "02-arcface", 0.5, 0.2),
        one("embed fold 0", "02-arcface", 8.0, 9.1),
        one("fit fold 0", "03-純米大吟醸-小さな文字", 5000.0, 6200.0),
        one("fit fold 0", "01-baseline", 4800.0, 4700.0),
    ];
    let words = toji::dag::estimates::in_words(&newest);
    Estimates { newest, words }
}
