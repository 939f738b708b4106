//! Stages, keys, plan, store, runs and events. Knows no machine learning.
//!
//! A recipe becomes a list of [`Stage`]s. Each has a [`Key`](crate::base::Key) made from its name, its
//! version, its settings and the keys of its inputs, so equal work has an equal name on every machine,
//! and prose, devices, threads and paths have no part in it. From there:
//!
//! ```text
//!   stages ─┐
//!   store ──┼─ plan ─▶ steps: reuse, run or blocked, each with its reason, seconds and bytes
//!   last run┘                   │ run
//!                               ▼
//!   queue ─▶ a worker ─▶ run: events.jsonl, recipe.lock.toml, log.txt, lock ─▶ board
//!                       └─▶ store: one folder an artefact, with meta.json ─▶ history ─▶ plan
//! ```
//!
//! - [`stage`]: what a step is and what its key is made of; prefixes of a long fit.
//! - [`store`]: artefacts by key, published whole or not at all, and folders of unfinished work.
//! - [`plan()`]: the pure function from stages and store to steps with reasons in words.
//! - [`history`]: what stages took on this machine, rebuilt from the store when it is lost.
//! - [`run::estimates`]: what stages were thought to take beside what they took.
//! - [`event`]: everything that a run may say, one JSON object a line.
//! - [`run`]: the folder of one run, its only writer and its many readers.
//! - [`queue`]: jobs as files that workers take by renaming them.
//!
//! Everything is files under `.toji`. Nothing there is a database: each file has one writer or is
//! published by rename, each list is a folder, and the union of two `.toji` folders is a valid one,
//! also while one of them is being written. What is odd: liveness is an advisory lock, which
//! some network file systems do not keep across machines; there a run of another machine reads as lost.

pub mod error;
pub mod event;
pub mod history;
pub mod plan;
pub mod queue;
pub mod run;
pub mod stage;
pub mod store;

pub use error::DagError;
pub use event::{Event, Line};
pub use history::{Estimate, History, Sample};
pub use plan::{Action, Node, Plan, Previous, Reached, Resume, Step, View, plan};
pub use queue::order::Shift;
pub use queue::{Job, Lane, Order, Queue, Taken, Worker, WorkerInfo};
pub use run::estimates::{self, Judged};
pub use run::tail::Tail;
pub use run::{
    Axis, Board, Counted, Decided, Measured, Outcome, Points, Run, RunState, RunView, Runs, StageState, StageView,
    Start, Told,
};
pub use stage::{Input, Recorded, Span, Stage};
pub use store::{Making, Meta, Store, Work};
