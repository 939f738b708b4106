//! What of runs and artefacts goes out to other tools, as plain columns, trainings and tensors.
//!
//! ```text
//!   .toji/runs ─▶ History ─┬─▶ runs, curves ─▶ Table      ─▶ Parquet, CSV
//!                          └─▶ trainings    ─▶ Training   ─▶ TensorBoard, wandb
//!   .toji/store ─▶ ranks, embeddings ─▶ Table, piece by piece ─▶ Parquet, CSV
//!                  backbone ─▶ Weights ─▶ safetensors
//! ```
//!
//! Nothing is trained here: what is not there is told with the command that makes it. The forms of files are [`crate::show::export`]'s matter.
//!
//! - [`told`]: which runs are meant, and what they set out with; [`runs`], [`curves`]: tables of them;
//! - `times`: when each point was told;
//! - [`trainings`]: each training with its series, for tools that draw curves;
//! - [`ranks`], [`embeddings`]: tables of what lies in the store;
//! - [`backbone`]: a network's weights under timm's names.

pub mod backbone;
pub mod curves;
pub mod embeddings;
pub mod ranks;
pub mod runs;
mod times;
pub mod told;
pub mod trainings;

use crate::dag::Board;
use crate::session::{Graph, Photos, Project, Recipe, SessionError, Slot};

/// Rows of a piece of a large table: 4,096 rows of 512 numbers are 8 MiB.
const PIECE: usize = 4096;

/// Equally long columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// The columns, in order.
    pub columns: Vec<Column>,
}

impl Table {
    /// Its rows.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |column| column.cells.len())
    }
}

/// A column with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its values.
    pub cells: Cells,
}

/// A value a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Cells {
    /// Text, or a gap.
    Text(Vec<Option<String>>),
    /// Whole numbers, or gaps.
    Whole(Vec<Option<i64>>),
    /// Numbers of 64 bits, or gaps.
    Real(Vec<Option<f64>>),
    /// Numbers of 32 bits.
    Single(Vec<f32>),
    /// A list of texts, each of which may be a gap.
    Texts(Vec<Vec<Option<String>>>),
    /// A list of numbers.
    Singles(Vec<Vec<f32>>),
    /// A list of truths.
    Flags(Vec<Vec<bool>>),
    /// A vector of `dim` numbers, row-major.
    Vectors {
        /// Numbers a row.
        dim: usize,
        /// All of them.
        numbers: Vec<f32>,
    },
}

impl Cells {
    fn len(&self) -> usize {
        match self {
            Cells::Text(values) => values.len(),
            Cells::Whole(values) => values.len(),
            Cells::Real(values) => values.len(),
            Cells::Single(values) => values.len(),
            Cells::Texts(lists) => lists.len(),
            Cells::Singles(lists) => lists.len(),
            Cells::Flags(lists) => lists.len(),
            Cells::Vectors { dim, numbers } => numbers.len() / (*dim).max(1),
        }
    }
}

/// A column.
fn column(name: &'static str, cells: Cells) -> Column {
    Column { name, cells }
}

/// A column of text without gaps.
fn texts<'a>(name: &'static str, values: impl IntoIterator<Item = &'a str>) -> Column {
    column(name, Cells::Text(values.into_iter().map(|text| Some(text.to_owned())).collect()))
}

/// A recipe that has answers in the store, up to a rung.
pub struct Asked {
    /// The recipe.
    pub recipe: Recipe,
    /// What it means up to the rung.
    pub graph: Graph,
}

impl Asked {
    /// A recipe up to the named rung, or to that of its newest run, or to the usual one.
    ///
    /// # Errors
    /// When it has mistakes, no such rung, or does not fit the photos.
    pub fn of(
        project: &Project,
        board: &Board,
        photos: &Photos,
        recipe: Recipe,
        rung: Option<&str>,
    ) -> Result<Asked, SessionError> {
        if recipe.is_broken() {
            return Err(SessionError::Mistakes(format!(
                "{} has mistakes; toji plan {} lists them",
                recipe.name, recipe.name
            )));
        }
        let last = board.latest(&recipe.name).map(|run| run.told.rung.clone());
        let rung = match rung {
            Some(named) => recipe.rung(Some(named))?,
            // The rung of an older ladder is none of this one.
            None => recipe.rung(last.as_deref()).or_else(|_| recipe.rung(None))?,
        };
        let graph = Graph::of(project, &recipe, photos, &rung)?;
        Ok(Asked { recipe, graph })
    }

    /// The trainings that are meant: those of one fold, or all.
    ///
    /// # Errors
    /// When the rung has no such fold.
    fn slots(&self, fold: Option<usize>) -> Result<Vec<Slot>, SessionError> {
        let (all, rung) = (&self.graph.slots, &self.graph.rung);
        let Some(fold) = fold else { return Ok(all.clone()) };
        let found: Vec<Slot> = all.iter().copied().filter(|slot| slot.fold == fold).collect();
        if found.is_empty() {
            let there: Vec<String> = all.iter().map(Slot::to_string).collect();
            let text = format!("{} has no fold {fold} up to {rung}; there are {}", self.recipe.name, there.join(", "));
            return Err(SessionError::Unfit(text));
        }
        Ok(found)
    }

    /// Refuses an ensemble, which has no network of its own.
    fn is_single(&self, what: &str) -> Result<(), SessionError> {
        if self.graph.members.is_empty() {
            return Ok(());
        }
        let members: Vec<&str> = self.graph.members.iter().map(|member| member.name.as_str()).collect();
        let text = format!(
            "{} is an ensemble and has no {what} of its own; name one of its members: {}",
            self.recipe.name,
            members.join(", ")
        );
        Err(SessionError::Unfit(text))
    }

    /// What is missing, and what makes it.
    fn missing(&self, what: &str) -> SessionError {
        let (name, rung) = (&self.recipe.name, &self.graph.rung);
        let text = format!("{name} has no {what} up to {rung} in the store; toji run {name} --rung {rung} makes them");
        SessionError::Unfit(text)
    }
}
