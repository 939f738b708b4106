//! From stages, store and the last run to steps: reuse, run or blocked, each with a reason in words.
//!
//! A pure function: it asks the store only whether artefacts are there, and reads no clock. A stage whose
//! artefact is absent runs only when something needs it, so a checkpoint that was deleted is not
//! trained again for a change of ranking. Reasons compare with the stages of the recipe's last run,
//! by dotted name: `[loss] margin 17.2 → 22.9`.

mod reason;

pub use reason::in_words;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use super::history::{Estimate, History};
use super::stage::{Recorded, Span, Stage};
use crate::base::Key;

/// What a light stage is taken to last without history, in seconds.
const LIGHT: f64 = 0.5;

/// What a plan asks of the store.
pub trait View {
    /// Whether the whole artefact is there.
    fn has(&self, stage: &str, key: &Key) -> bool;

    /// How much of unfinished work on this artefact can be gone on from.
    fn unfinished(&self, _key: &Key) -> Option<Reached> {
        None
    }
}

/// How far unfinished work came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Units that are done: epochs of a training, photos of an embedding.
    pub at: u32,
    /// Of how many, where the stage's own span does not say it.
    pub of: Option<u32>,
}

/// A stage as the recipe wants it, with what the caller knows about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The stage. An input whose key is the artefact of an earlier node makes it depend on that node.
    pub stage: Stage,
    /// Units of work of the full stage, in the measure of its history; 0 when not counted.
    pub work: f64,
    /// Why it cannot run: the recipe has mistakes, pictures are missing.
    pub blocked: Option<String>,
    /// What changed inside inputs that no stage makes, by input: "12 photos relabelled, 3 added".
    pub described: BTreeMap<String, String>,
    /// Artefacts that it reads besides its inputs and that are not in its key, since its settings say what is in them.
    pub reads: Vec<Key>,
    /// Whether its artefact is wanted for itself; the last stages always are.
    pub wanted: bool,
    /// Whether it takes no time worth asking about: bookkeeping, which is cheap also without history.
    pub light: bool,
    /// Bytes of its artefact, where they are known before it is made.
    pub bytes: Option<u64>,
}

impl From<Stage> for Node {
    fn from(stage: Stage) -> Node {
        Node {
            stage,
            work: 0.0,
            blocked: None,
            described: BTreeMap::new(),
            reads: Vec::new(),
            wanted: false,
            light: false,
            bytes: None,
        }
    }
}

/// The stages of a recipe's last run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Previous {
    /// What it set out to do.
    pub stages: Vec<Recorded>,
    /// The artefacts that it made or found.
    pub finished: BTreeSet<Key>,
}

/// What is to be done with a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Its artefact is there, or nothing that runs needs it.
    Reuse,
    /// It runs.
    Run,
    /// It cannot run.
    Blocked,
}

impl Action {
    /// "reuse", "run" or "blocked".
    pub fn word(self) -> &'static str {
        match self {
            Action::Reuse => "reuse",
            Action::Run => "run",
            Action::Blocked => "blocked",
        }
    }
}

/// Where a long stage goes on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Resume {
    /// Units (epochs) that are done.
    pub at: u32,
    /// The artefact that holds them; `None`: the folder of unfinished work does.
    pub key: Option<Key>,
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The stage.
    pub stage: Stage,
    /// Its artefact's key.
    pub key: Key,
    /// What is to be done.
    pub action: Action,
    /// Why, in words, without the stage's name.
    pub reason: String,
    /// Seconds that running should take; `None` without history, and for what does not run.
    pub seconds: Option<f64>,
    /// Bytes that it should leave in the store; `None` likewise.
    pub bytes: Option<u64>,
    /// Whether it takes less than `auto_seconds`. What is unknown is dear; what does not run is cheap.
    pub cheap: bool,
    /// Whether it may start without being asked: it runs, and so cheap are it and all that it waits for.
    pub by_itself: bool,
    /// Where it goes on from.
    pub resume: Option<Resume>,
    /// Units of work that are left, as [`Node::work`].
    pub work: f64,
    /// Whether its artefact, though whole, must give way: a stage that may not be reused, or what reads one.
    pub replace: bool,
    /// Whether its whole artefact is in the store.
    pub present: bool,
    /// The earlier steps whose artefacts it reads.
    pub after: Vec<usize>,
}

/// What would happen, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The steps, in the order of the nodes.
    pub steps: Vec<Step>,
}

impl Plan {
    /// The steps that would run.
    pub fn running(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|s| s.action == Action::Run)
    }

    /// Whether nothing would run and nothing is blocked.
    pub fn is_fresh(&self) -> bool {
        self.steps.iter().all(|s| s.action == Action::Reuse)
    }

    /// Whether a step is blocked.
    pub fn is_blocked(&self) -> bool {
        self.steps.iter().any(|s| s.action == Action::Blocked)
    }

    /// Seconds of all that would run; `None` when a step has no history.
    pub fn seconds(&self) -> Option<f64> {
        self.running().map(|s| s.seconds).sum()
    }

    /// Bytes of all that would run, as far as they are known.
    pub fn bytes(&self) -> u64 {
        self.running().filter_map(|s| s.bytes).sum()
    }

    /// How many of the steps that would run are of unknown size.
    pub fn unsized_steps(&self) -> usize {
        self.running().filter(|s| s.bytes.is_none()).count()
    }

    /// Whether something would run and all of it may start without being asked.
    pub fn starts_by_itself(&self) -> bool {
        self.running().next().is_some() && self.running().all(|s| s.by_itself)
    }
}

/// The plan for `nodes`, which stand in an order in which they could run. `auto_seconds` is the border
/// between cheap and dear.
pub fn plan(
    nodes: &[Node],
    view: &dyn View,
    previous: Option<&Previous>,
    history: &History,
    auto_seconds: f64,
) -> Plan {
    let keys: Vec<Key> = nodes.iter().map(|n| n.stage.artefact()).collect();
    let present: Vec<bool> = nodes.iter().zip(&keys).map(|(n, key)| view.has(n.stage.name, key)).collect();
    let after = dependencies(nodes, &keys);
    let replace = unreusable(nodes, &after);
    let needed = needed(nodes, &present, &after, &replace);
    let mut plan = Plan::default();
    for (i, node) in nodes.iter().enumerate() {
        let blocked_by = after[i].iter().find(|&&j| plan.steps[j].action == Action::Blocked);
        let (action, mut reason) = if let Some(why) = &node.blocked {
            (Action::Blocked, why.clone())
        } else if present[i] && !replace[i] {
            (Action::Reuse, "in the store".to_owned())
        } else if !needed[i] {
            (Action::Reuse, "not needed: what follows from it is in the store".to_owned())
        } else if let Some(&j) = blocked_by {
            (Action::Blocked, format!("its input {} is blocked", plan.steps[j].stage.label()))
        } else {
            (Action::Run, reason::why(node, &keys[i], present[i], previous, &after[i], &plan.steps))
        };
        let mut step = Step {
            stage: node.stage.clone(),
            key: keys[i],
            action,
            reason: String::new(),
            seconds: None,
            bytes: None,
            cheap: action == Action::Reuse,
            by_itself: false,
            resume: None,
            work: 0.0,
            replace: replace[i],
            present: present[i],
            after: after[i].clone(),
        };
        if action == Action::Run {
            step.work = node.work;
            if let Some((resume, span)) = going_on(&node.stage, &keys[i], view) {
                reason = format!("{reason}; goes on from {} {} of {}", span.unit, resume.at, span.of);
                step.resume = Some(resume);
            }
            let begun = || view.unfinished(&keys[i]).and_then(|reached| Some((reached.at, reached.of?)));
            if let (None, Some((at, of))) = (&node.stage.span, begun()) {
                reason = format!("{reason}; goes on from {at} of {of}");
                step.work *= (1.0 - f64::from(at) / f64::from(of.max(1))).max(1e-3);
            }
            if let Some(span) = &node.stage.span {
                let from = step.resume.map_or(0, |r| r.at);
                // Work that is all done but for its publishing still counts a little: 0 would be "not counted".
                let left = f64::from(span.at.saturating_sub(from)) / f64::from(span.of.max(1));
                step.work *= left.max(1e-3);
            }
            let light = node.light.then_some(Estimate { seconds: LIGHT, bytes: 0 });
            let estimate = history.estimate(node.stage.timed_as(), step.work).or(light);
            step.seconds = estimate.map(|e| e.seconds);
            // A speed that was only tried says nothing of a size.
            step.bytes = node.bytes.or(estimate.map(|e| e.bytes).filter(|&bytes| bytes > 0));
            step.cheap = estimate.is_some_and(|e| e.seconds < auto_seconds);
            let ready = |&j: &usize| plan.steps[j].action == Action::Reuse || plan.steps[j].by_itself;
            step.by_itself = step.cheap && step.after.iter().all(ready);
        }
        step.reason = reason;
        plan.steps.push(step);
    }
    plan
}

/// For each node the earlier nodes whose artefacts it reads.
fn dependencies(nodes: &[Node], keys: &[Key]) -> Vec<Vec<usize>> {
    let mut made_by: HashMap<Key, usize> = HashMap::new();
    let mut after = Vec::with_capacity(nodes.len());
    for (i, node) in nodes.iter().enumerate() {
        let read = node.stage.inputs.iter().map(|input| &input.key).chain(&node.reads);
        let mut found: Vec<usize> = read.filter_map(|key| made_by.get(key).copied()).collect();
        found.sort_unstable();
        found.dedup();
        after.push(found);
        made_by.entry(keys[i]).or_insert(i);
    }
    after
}

/// Whether a node, or one that it reads, may not be reused.
fn unreusable(nodes: &[Node], after: &[Vec<usize>]) -> Vec<bool> {
    let mut found: Vec<bool> = Vec::with_capacity(nodes.len());
    for (node, after) in nodes.iter().zip(after) {
        found.push(!node.stage.may_reuse || after.iter().any(|&j| found[j]));
    }
    found
}

/// Whether somebody needs the artefact: it is the last of its line or wanted, or what reads it must run.
fn needed(nodes: &[Node], present: &[bool], after: &[Vec<usize>], replace: &[bool]) -> Vec<bool> {
    let mut read = vec![false; nodes.len()];
    after.iter().flatten().for_each(|&j| read[j] = true);
    let mut needed: Vec<bool> = (0..nodes.len()).map(|i| !read[i] || nodes[i].wanted || replace[i]).collect();
    for i in (0..nodes.len()).rev() {
        if needed[i] && (!present[i] || replace[i]) {
            after[i].iter().for_each(|&j| needed[j] = true);
        }
    }
    needed
}

/// The longest prefix that is there, as an artefact or as unfinished work.
fn going_on<'a>(stage: &'a Stage, key: &Key, view: &dyn View) -> Option<(Resume, &'a Span)> {
    let span = stage.span.as_ref()?;
    let unfinished = view.unfinished(key).map(|reached| reached.at.min(span.at)).filter(|&at| at > 0);
    let least = unfinished.map_or(1, |at| at + 1);
    let artefact = (least..span.at).rev().map(|at| (at, stage.prefix(at))).find(|(_, key)| view.has(stage.name, key));
    let resume = match (artefact, unfinished) {
        (Some((at, key)), _) => Resume { at, key: Some(key) },
        (None, Some(at)) => Resume { at, key: None },
        (None, None) => return None,
    };
    Some((resume, span))
}

impl Step {
    /// Stage and part: "fit fold 0".
    pub fn label(&self) -> String {
        self.stage.label()
    }
}
