//! `.toji/board.index`: the board as it was last seen, for the first moment of the next start.
//!
//! Reading a thousand recipes and planning them takes a second; their rows as they were are there at once, with a line that says that the files are
//! being read. It only saves time: it may be deleted, and is passed over where it is of another version or damaged.

use std::path::Path;

use serde::{Deserialize, Serialize, Serializer};

use super::super::project::TOJI;
use super::Survey;
use crate::base::files::packed;
use crate::base::{Key, Time, Value};
use crate::score::decide::projection::Projection;
use crate::session::shared::Shared;
use crate::session::snapshot::{Advice, Counting, Delta, Part, Recipe, Score, Settings, Snapshot, State};

/// The file, in `.toji`.
const FILE: &str = "board.index";
/// Raised when a field changes its meaning.
const MAGIC: &[u8; 16] = b"toji board   1\r\n";
/// It is written at most once in so many seconds.
const PAUSE: f64 = 20.0;

#[derive(Deserialize)]
struct Board {
    project: String,
    at: Time,
    pin: Option<String>,
    rows: Vec<Row>,
}

/// The same to be written: a row is made when its turn comes, so that a thousand need no memory of their own.
#[derive(Serialize)]
struct Written<'a> {
    project: &'a str,
    at: Time,
    pin: &'a Option<String>,
    #[serde(serialize_with = "rows")]
    rows: &'a [Shared<Recipe>],
}

fn rows<S: Serializer>(rows: &[Shared<Recipe>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(rows.iter().map(|recipe| Row::of(recipe)))
}

/// A recipe without its page, its curves and its plan.
#[derive(Serialize, Deserialize)]
struct Row {
    name: String,
    file: std::path::PathBuf,
    title: String,
    state: State,
    rung: String,
    fold: Option<(u32, u32)>,
    epoch: Option<(f64, f64)>,
    score: Option<Score>,
    delta: Option<Delta>,
    unpaired: Option<String>,
    advice: Option<Advice>,
    projection: Option<Projection>,
    ladder: Vec<String>,
    seconds_left: Option<f64>,
    message: Option<String>,
    plan_seconds: Option<f64>,
    cost: Option<f64>,
    parts: Vec<Part>,
    parent: Option<String>,
    changes: Vec<String>,
    settings: Value,
    family: Option<Key>,
}

impl Row {
    fn of(recipe: &Recipe) -> Row {
        let own = recipe.clone();
        Row {
            name: own.name,
            file: own.file,
            title: own.title,
            state: own.state,
            rung: own.rung,
            fold: own.fold,
            epoch: own.epoch,
            score: own.score,
            delta: own.delta,
            unpaired: own.unpaired,
            advice: own.advice,
            projection: own.projection,
            ladder: own.ladder,
            seconds_left: own.seconds_left,
            message: own.message,
            plan_seconds: own.plan_seconds,
            cost: own.cost,
            parts: own.parts,
            parent: own.parent,
            changes: own.changes,
            settings: (*own.settings).clone(),
            family: own.family,
        }
    }

    fn recipe(self) -> Recipe {
        Recipe {
            name: self.name,
            file: self.file,
            title: self.title,
            state: self.state,
            rung: self.rung,
            fold: self.fold,
            epoch: self.epoch,
            score: self.score,
            delta: self.delta,
            unpaired: self.unpaired,
            advice: self.advice,
            projection: self.projection,
            ladder: self.ladder,
            seconds_left: self.seconds_left,
            message: self.message,
            plan_seconds: self.plan_seconds,
            cost: self.cost,
            parts: self.parts,
            parent: self.parent,
            changes: self.changes,
            settings: Settings::new(self.settings),
            family: self.family,
            ..Recipe::default()
        }
    }
}

/// What was written last.
#[derive(Default)]
pub(super) struct Remembered {
    rows: Vec<Shared<Recipe>>,
    at: Option<Time>,
}

impl Survey {
    /// The board as it was when somebody last looked at it.
    pub(super) fn remembered(&self) -> Option<Snapshot> {
        let board: Board = packed::kept(&self.root.join(TOJI).join(FILE), MAGIC)?;
        let what = "reading what is new; the board is as it was".to_owned();
        Some(Snapshot {
            project: board.project,
            at: board.at,
            pin: board.pin,
            recipes: board.rows.into_iter().map(|row| row.recipe().into()).collect(),
            choice: self.choice.clone(),
            planning: Some(Counting { what, ..Counting::default() }),
            ..Snapshot::default()
        })
    }

    /// Keeps the board for the next start, now and then and when it is another one. Where it cannot be written nothing is lost but time.
    pub(super) fn remember(&mut self, snapshot: &Snapshot) {
        if snapshot.recipes.is_empty() || self.kept.at.is_some_and(|at| snapshot.at.since(at) < PAUSE) {
            return;
        }
        if snapshot.recipes != self.kept.rows {
            write(&self.root, snapshot);
        }
        // Also equal ones, which may share points that were let go.
        self.kept = Remembered { rows: snapshot.recipes.clone(), at: Some(snapshot.at) };
    }
}

fn write(root: &Path, snapshot: &Snapshot) {
    let board = Written { project: &snapshot.project, at: snapshot.at, pin: &snapshot.pin, rows: &snapshot.recipes };
    let folder = root.join(TOJI);
    if folder.is_dir() {
        // A folder that is full or read-only costs the next start a second.
        let _ = packed::keep(&folder.join(FILE), MAGIC, &board);
    }
}
