//! What another decider would have done.
//!
//! Takes the trainings as they went; gives, for each, the look at which a decider would have stopped it, what that saves, and whether
//! the one that ended best would have been lost. At each look only what had been seen by then counts.

use serde::Serialize;

use super::{Advice, Case, Course, Decider, Verdict};

/// What one training would have come to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fate {
    /// The recipe.
    pub recipe: String,
    /// Epochs after which it would have been stopped; `None` if never.
    pub stopped: Option<usize>,
    /// Why.
    pub reason: String,
    /// Epochs that were trained.
    pub epochs: usize,
    /// Of these, what would have been saved.
    pub saved: usize,
    /// Its value at the end, as it went.
    pub value: f64,
}

/// What all would have come to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// Each training's.
    pub fates: Vec<Fate>,
    /// Epochs saved over all.
    pub saved: usize,
    /// Epochs trained over all.
    pub epochs: usize,
    /// The recipe that ended best, as it went.
    pub best: Option<String>,
    /// What stopping lost: the best value less the best of those that were not stopped, at least 0.
    pub lost: f64,
}

/// Goes through all looks of `courses` in the order in which they were done. `pin` is never stopped; each course knows where its own
/// rungs end.
pub fn replay(decider: &Decider, courses: &[Course], pin: &[Course], group: &(dyn Fn(u32) -> u32 + Sync)) -> Outcome {
    // (time, course, look) of every look.
    let mut order: Vec<(f64, usize, usize)> = Vec::new();
    for (c, course) in courses.iter().enumerate() {
        order.extend(course.looks.iter().enumerate().map(|(l, look)| (look.at, c, l)));
    }
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    let mut stopped: Vec<Option<(usize, Verdict)>> = vec![None; courses.len()];
    for (now, c, l) in order {
        if stopped[c].is_some() {
            continue;
        }
        // The others as they stood: a stopped one gave nothing after its stop.
        let seen = |course: &Course, until: Option<usize>| -> Course {
            let looks: Vec<_> = course
                .looks
                .iter()
                .filter(|look| look.at <= now && until.is_none_or(|epoch| look.epoch <= epoch))
                .cloned()
                .collect();
            let complete = course.complete && looks.len() == course.looks.len();
            Course { looks, complete, ..course.clone() }
        };
        let mine = courses[c].up_to(l);
        let others: Vec<Course> = courses
            .iter()
            .enumerate()
            .filter(|(o, _)| *o != c)
            .map(|(o, course)| seen(course, stopped[o].as_ref().map(|(epoch, _)| *epoch)))
            .collect();
        let epoch = mine.last().map_or(0, |look| look.epoch);
        let rung_end = mine.ends.iter().copied().find(|end| *end >= epoch).unwrap_or(mine.epochs);
        let pin: Vec<Course> =
            pin.iter().map(|course| seen(course, None)).filter(|course| !course.looks.is_empty()).collect();
        let verdict = decider.judge(&Case { mine: &mine, pin: &pin, others: &others, rung_end, group });
        let last = l + 1 == courses[c].looks.len();
        // At its last look a training ends anyway; only a verdict that it loses takes it out.
        if verdict.advice == Advice::Stop && (verdict.beaten || !last) {
            stopped[c] = Some((epoch, verdict));
        }
    }
    let value = |course: &Course| course.last().map_or(f64::NAN, |look| look.score.value);
    let fates: Vec<Fate> = courses
        .iter()
        .zip(&stopped)
        .map(|(course, stopped)| {
            let epochs = course.last().map_or(0, |look| look.epoch);
            let at = stopped.as_ref().map(|(epoch, _)| *epoch);
            Fate {
                recipe: course.recipe.clone(),
                stopped: at,
                reason: stopped.as_ref().map_or_else(|| "goes to its end".to_owned(), |(_, v)| v.reason.clone()),
                epochs,
                saved: at.map_or(0, |at| epochs.saturating_sub(at)),
                value: value(course),
            }
        })
        .collect();
    let best = fates.iter().filter(|fate| fate.value.is_finite()).max_by(|a, b| a.value.total_cmp(&b.value));
    let kept = fates.iter().filter(|fate| fate.stopped.is_none()).map(|fate| fate.value);
    let kept = kept.chain(pin.iter().map(value)).filter(|v| v.is_finite()).fold(f64::NEG_INFINITY, f64::max);
    let lost = best.map_or(0.0, |best| (best.value - kept).max(0.0));
    Outcome {
        saved: fates.iter().map(|fate| fate.saved).sum(),
        epochs: fates.iter().map(|fate| fate.epochs).sum(),
        best: best.map(|fate| fate.recipe.clone()),
        lost: if lost.is_finite() { lost } else { 0.0 },
        fates,
    }
}
