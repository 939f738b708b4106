//! Many recipes up their ladders, fewer on each rung.
//!
//! Takes recipes; runs all of them on the first rung, then on the next only those that their deciders let through (and at most `keep` of a
//! rung), and so on. The pin goes first on every rung, since the others are compared with it; it is never stopped, and left behind only
//! by `keep` before a rung that trains the first fold no further, since nobody is compared with it any more there. Rungs are prefixes, so
//! nothing is trained twice; a run that was interrupted is gone on with by asking again.

use serde::Serialize;

use super::verdict::Council;
use super::{Manner, brew, rung};
use crate::base::Cancel;
use crate::dag::{Board, Decided, Event, Runs};
use crate::score::decide::{Advice, Verdict};
use crate::session::stages::fit::looks;
use crate::session::{Graph, Photos, Project, Recipe, SessionError};

/// How far one recipe came.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Climbed {
    /// The recipe.
    pub recipe: String,
    /// The highest rung that it was on.
    pub rung: String,
    /// Whether it was on the last rung that was asked for, to its end.
    pub arrived: bool,
    /// "MRR@20".
    pub metric: String,
    /// The score on that rung; of the last evaluation where it was stopped on the way.
    pub score: Option<f64>,
    /// Its 95 % interval, where the rung was finished.
    pub interval: Option<[f64; 2]>,
    /// Epochs of training that it has had, over all folds and seeds.
    pub epochs: usize,
    /// Epochs that the last rung would have taken.
    pub whole: usize,
    /// Why it went no further; of those that arrived, what the decider said last.
    pub reason: String,
    /// Whether it is the pin.
    pub pin: bool,
    /// Whether it failed; then `reason` is the error.
    pub failed: bool,
}

/// Takes `recipes` up to the rung named `until` (each in its own ladder). `said` hears the events of each recipe's runs. Sorted: those that
/// arrived first, by score, then the others by how far they came.
///
/// # Errors
/// When a ladder does not fit, or on a stop. A recipe that fails is told in its entry. What was done stays in the store.
pub fn climb(
    project: &Project,
    recipes: &[Recipe],
    photos: &Photos,
    until: &str,
    said: &(dyn Fn(&Recipe, &Event) + Sync),
    cancel: &Cancel,
) -> Result<Vec<Climbed>, SessionError> {
    let pin = project.pinned();
    let is_pin = |recipe: &Recipe| pin.as_deref() == Some(recipe.name.as_str());
    let mut climbers = Vec::new();
    for recipe in recipes {
        let ladder = rung::Ladder::of(recipe)?;
        let top = ladder.rungs().iter().position(|rung| rung.name == until);
        let top = top.ok_or_else(|| match ladder.rung(until) {
            Err(error) => SessionError::Unfit(format!("{}: {error}", recipe.name)),
            Ok(_) => SessionError::Unfit(format!("{}: no rung {until}", recipe.name)),
        })?;
        let whole = Graph::of(project, recipe, photos, &ladder.rungs()[top]).map(|graph| trained(&graph));
        let (whole, left) = match whole {
            Ok(whole) => (whole, None),
            Err(error) => (0, Some(format!("failed: {}", super::chain(&error)))),
        };
        let failed = left.is_some();
        climbers.push(Climber { recipe, ladder, top, whole, left, failed, now: None, apart: 0 });
    }
    // The pin first, the rest as given.
    climbers.sort_by_key(|climber| !is_pin(climber.recipe));
    let height = climbers.iter().map(|climber| climber.top + 1).max().unwrap_or(0);
    for level in 0..height {
        let on: Vec<usize> =
            (0..climbers.len()).filter(|&at| climbers[at].left.is_none() && level <= climbers[at].top).collect();
        for &at in &on {
            cancel.check()?;
            let climber = &mut climbers[at];
            let manner = Manner { decide: Some(!is_pin(climber.recipe)), ..Manner::default() };
            let rung = &climber.ladder.rungs()[level];
            let listen = |event: &Event| said(climber.recipe, event);
            let graph = Graph::of(project, climber.recipe, photos, rung)?;
            let end = rung.epochs(graph.epochs);
            let seen = |climber: &Recipe| -> Result<_, SessionError> {
                Council::on(project, climber, photos, rung, pin.as_deref())?.verdict(&graph, end, end)
            };
            let before = seen(climber.recipe)?;
            let fitted =
                graph.slots.first().and_then(|slot| graph.fit(*slot)).map(|task| graph.stage(task)).transpose()?;
            let absent = fitted.is_some_and(|stage| !project.store.has(stage.name, &stage.artefact()));
            let last = before.as_ref().and_then(|(course, _)| course.last());
            if let Some(look) =
                last.filter(|look| look.epoch == end && absent && level < climber.top && looks::whole(&graph))
            {
                // A higher rung went through here: there is a look, and no need to train its prefix.
                let (metric, score) = (project.metric(), Some(look.score.value));
                climber.now = Some(Now { level, epochs: trained(&graph), metric, score, interval: None });
                continue;
            }
            // One that was given up on the way stays given up, unless what is known by now says otherwise.
            let given_up = before.filter(|(course, verdict)| {
                let midway = course.last().is_some_and(|look| look.epoch < end);
                manner.decide == Some(true) && verdict.advice == Advice::Stop && midway
            });
            let done = match given_up {
                Some((_, verdict)) => {
                    let recipe = climber.recipe.name.clone();
                    Err(SessionError::Decided { recipe, reason: verdict.reason })
                }
                None => brew(project, climber.recipe, photos, rung, manner, &listen, cancel),
            };
            let now = match done {
                Ok(done) => Now {
                    level,
                    epochs: trained(&graph),
                    metric: done.metric,
                    score: Some(done.score),
                    interval: Some(done.interval),
                },
                Err(SessionError::Decided { reason, .. }) => {
                    climber.left = Some(reason);
                    let last = seen(climber.recipe)?;
                    let look = last.as_ref().and_then(|(course, _)| course.last());
                    Now {
                        level,
                        epochs: look.map_or(0, |look| look.epoch),
                        metric: project.metric(),
                        score: look.map(|look| look.score.value),
                        interval: None,
                    }
                }
                Err(error) if error.is_cancelled() || cancel.is_cancelled() => return Err(error),
                // The others go on: a night is too long for one mistake.
                Err(error) => {
                    climber.failed = true;
                    climber.left = Some(format!("failed: {}", super::chain(&error)));
                    continue;
                }
            };
            if rung.images.is_some() {
                climber.apart += now.epochs;
            }
            climber.now = Some(now);
        }
        choose(project, photos, pin.as_deref(), &mut climbers, &on, level, said)?;
    }
    let mut climbed: Vec<Climbed> = climbers.into_iter().map(|climber| climber.climbed(&is_pin)).collect();
    climbed.sort_by(|a, b| {
        let score = |c: &Climbed| c.score.unwrap_or(f64::NEG_INFINITY);
        let far = |c: &Climbed| if c.arrived { usize::MAX } else { c.epochs };
        far(b).cmp(&far(a)).then(score(b).total_cmp(&score(a)))
    });
    Ok(climbed)
}

/// One recipe on its way.
struct Climber<'a> {
    recipe: &'a Recipe,
    ladder: rung::Ladder,
    /// Place of the rung that is asked for.
    top: usize,
    /// Epochs that this rung takes.
    whole: usize,
    /// Why it goes no further.
    left: Option<String>,
    failed: bool,
    now: Option<Now>,
    /// Epochs on rungs that learn from fewer photos, which no later rung goes on from.
    apart: usize,
}

/// Where it is.
struct Now {
    level: usize,
    epochs: usize,
    metric: String,
    score: Option<f64>,
    interval: Option<[f64; 2]>,
}

impl Climber<'_> {
    fn climbed(self, is_pin: &dyn Fn(&Recipe) -> bool) -> Climbed {
        let arrived = self.now.as_ref().is_some_and(|now| now.level == self.top && now.interval.is_some());
        let level = self.now.as_ref().map_or(0, |now| now.level);
        let here = &self.ladder.rungs()[level];
        Climbed {
            recipe: self.recipe.name.clone(),
            rung: here.name.clone(),
            arrived,
            metric: self.now.as_ref().map(|now| now.metric.clone()).unwrap_or_default(),
            score: self.now.as_ref().and_then(|now| now.score),
            interval: self.now.as_ref().and_then(|now| now.interval),
            epochs: self.apart + self.now.as_ref().filter(|_| here.images.is_none()).map_or(0, |now| now.epochs),
            whole: self.whole,
            reason: self.left.unwrap_or_else(|| "arrived".to_owned()),
            pin: is_pin(self.recipe),
            failed: self.failed,
        }
    }
}

/// Epochs of training in a graph, over all folds and seeds.
fn trained(graph: &Graph) -> usize {
    graph.rung.epochs(graph.epochs) * graph.slots.len()
}

/// Says who goes on from a rung: those whose decider does not stop them now that all are there, and of these the best `keep` of each
/// kind of rung: recipes whose ladders differ are not ranked with each other. What is said is an event of the recipe's newest run.
fn choose(
    project: &Project,
    photos: &Photos,
    pin: Option<&str>,
    climbers: &mut [Climber<'_>],
    on: &[usize],
    level: usize,
    said: &(dyn Fn(&Recipe, &Event) + Sync),
) -> Result<(), SessionError> {
    let tell = |recipe: &Recipe, event: Event| {
        said(recipe, &event);
        record(project, recipe, event);
    };
    let mut passed: Vec<Passed> = Vec::new();
    for &at in on {
        let climber = &climbers[at];
        if climber.left.is_some() || level >= climber.top {
            continue;
        }
        let rung = &climber.ladder.rungs()[level];
        let graph = Graph::of(project, climber.recipe, photos, rung)?;
        let part = graph.slots.first().map(ToString::to_string).unwrap_or_default();
        let score = climber.now.as_ref().and_then(|now| now.score).unwrap_or(f64::NEG_INFINITY);
        let mut pass = Passed { at, score, part, epoch: rung.epochs(graph.epochs) };
        if pin == Some(climber.recipe.name.as_str()) {
            let next = &climber.ladder.rungs()[level + 1];
            let compared = next.epochs.unwrap_or(usize::MAX) > rung.epochs.unwrap_or(usize::MAX);
            if !compared && next.images == rung.images {
                passed.push(pass);
            }
            continue;
        }
        let council = Council::on(project, climber.recipe, photos, rung, pin)?;
        let Some((course, verdict)) = council.verdict(&graph, pass.epoch, pass.epoch)? else {
            passed.push(pass);
            continue;
        };
        pass.epoch = course.last().map_or(0, |look| look.epoch);
        let Verdict { advice, reason, beaten, .. } = verdict.clone();
        tell(climber.recipe, council.told(&pass.part, pass.epoch, verdict, advice == Advice::Stop));
        match advice {
            Advice::Stop if beaten => climbers[at].left = Some(reason),
            // Its training ends here; that it loses is not said.
            Advice::Stop => passed.push(pass),
            Advice::GoOn | Advice::Promote => passed.push(pass),
        }
    }
    passed.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.at.cmp(&b.at)));
    let kind = |pass: &Passed| {
        let rung = &climbers[pass.at].ladder.rungs()[level];
        (rung.folds, rung.epochs, rung.images, rung.seeds)
    };
    let kinds: Vec<_> = passed.iter().map(kind).collect();
    for (i, Passed { at, score, part, epoch }) in passed.into_iter().enumerate() {
        let rung = &climbers[at].ladder.rungs()[level];
        let alike = |until: usize| kinds[..until].iter().filter(|kind| **kind == kinds[i]).count();
        let (place, of) = (alike(i), alike(kinds.len()));
        let Some(keep) = rung.keep.filter(|keep| place >= *keep) else { continue };
        let reason = format!("{score:.3} is in place {} of {of}; {} keeps {keep}", place + 1, rung.name);
        let evidence = [("value", score), ("place", place as f64 + 1.0), ("of", of as f64), ("keep", keep as f64)];
        let event = Event::Decision {
            part,
            epoch,
            decider: "keep".to_owned(),
            advice: "stop".to_owned(),
            reason: reason.clone(),
            evidence: evidence
                .into_iter()
                .filter(|(_, number)| number.is_finite())
                .map(|(name, number)| (name.to_owned(), number))
                .collect(),
            acted: true,
        };
        tell(climbers[at].recipe, event);
        climbers[at].left = Some(reason);
    }
    Ok(())
}

/// One that its decider lets through.
struct Passed {
    /// Its place among the climbers.
    at: usize,
    score: f64,
    /// The training that was judged: "fold 0".
    part: String,
    /// Epochs after which.
    epoch: usize,
}

/// Adds a decision to the newest run of a recipe, unless the last one of its decider says the same: asking again is no new decision.
fn record(project: &Project, recipe: &Recipe, event: Event) {
    let runs = Runs::open(&project.toji);
    let mut board = Board::new();
    board.refresh(&runs);
    let Some(run) = board.latest(&recipe.name) else { return };
    let same = |last: &Decided| {
        matches!(&event, Event::Decision { epoch, decider, advice, reason, acted, .. }
            if (last.epoch, &last.decider, &last.advice, &last.reason, last.acted) == (*epoch, decider, advice, reason, *acted))
    };
    let whose = |last: &&Decided| matches!(&event, Event::Decision { decider, .. } if last.decider == *decider);
    if !run.told.decisions.iter().rev().find(whose).is_some_and(same) {
        // Another process may go on with the run just now; what it says is newer.
        let _ = runs.add(run.id(), event, project.around.clock.clone());
    }
}
