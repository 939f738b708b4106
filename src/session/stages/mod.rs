//! The stages of a recipe, one file each: what its key is made of, and how it is made.
//!
//! ```text
//!   reduce, where [augment] cache asks for it: what fit and embed read instead of the photos
//!   data ─ fold ─┬─ fit ─ embed ─ post ─ … ─ post ─ rank ─┬─ score
//!                └─ … one line a fold, one post a step …  ┘
//! ```
//!
//! An ensemble has its members' stages in the place of `fit` and `embed`, then `weights` over all folds and `ensemble` for each.
//!
//! A training in parts has one `fit` for each, in a row; `embed` reads the last one. With [`pseudo`]-labels a fold has several trainings in a
//! row, each with the labels that the one before it gave the host's photos.
//!
//! A stage reads artefacts by the keys in the graph and gives a [`Made`]: the facts that go beside
//! its artefact and a closure that writes its files into the folder it is given. Publishing, timing
//! and telling belong to [`super::brew`].

pub mod data;
pub mod embed;
pub mod ensemble;
pub mod fit;
pub mod fold;
pub mod post;
pub mod pseudo;
pub mod rank;
pub mod reduce;
pub mod score;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use embed::views::Whose;
pub use post::near::Among;

use super::{Graph, Photos, Project, Recipe, SessionError, Slot};
use crate::base::{Cancel, Progress, Value};
use crate::dag::{Event, Step, Work};
use crate::data::batch::Pictures;
use crate::learn::ops::{Network, Params};

/// What makes a node of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// The manifest.
    Data,
    /// Which photos train and which examine.
    Fold,
    /// Reduced pictures.
    Reduce,
    /// One training.
    Fit {
        /// On which fold, by which seed.
        slot: Slot,
        /// The part of the training, from 0.
        part: usize,
        /// Epochs after which it stops, those of earlier parts included.
        until: usize,
    },
    /// Embeddings of a fold's queries and gallery.
    Embed {
        /// Of which training.
        slot: Slot,
    },
    /// One test-time view of a fold's or the host's queries and gallery.
    View {
        /// Of which training.
        slot: Slot,
        /// Whose photos.
        whose: Whose,
        /// The view, from 0, in the order of the step `tta`.
        number: usize,
    },
    /// Local descriptors of a fold's or the host's queries and gallery.
    Patches {
        /// Of which training.
        slot: Slot,
        /// Whose photos.
        whose: Whose,
    },
    /// Who is near whom, for the post steps that rank.
    Near {
        /// Of which training.
        slot: Slot,
        /// Among whom is searched.
        among: Among,
    },
    /// What one post step makes of a fold's embeddings or lists.
    Post {
        /// Of which training.
        slot: Slot,
        /// The step, from 0.
        step: usize,
    },
    /// One fold's ranked lists.
    Rank {
        /// Of which training.
        slot: Slot,
    },
    /// The number and its interval.
    Score,
    /// What each post step is worth.
    Gain,
    /// Embeddings of the host's queries and gallery by one fold's network.
    EmbedHost {
        /// Of which training.
        slot: Slot,
    },
    /// Embeddings of one fold's training photos by the network that was trained on them.
    EmbedTrain {
        /// Of which training.
        slot: Slot,
    },
    /// Parts of labelled photos as one fold's network sees them, and where it looks.
    Crops {
        /// Of which training.
        slot: Slot,
    },
    /// Labels for the host's photos, from the training before this one.
    PseudoLabels {
        /// The training that learns them.
        slot: Slot,
    },
    /// What an ensemble's members are worth, and their weights.
    Weights,
    /// The members' answers on one fold, joined.
    Ensemble {
        /// Of which trainings.
        slot: Slot,
    },
    /// A stage of an ensemble's member.
    Member {
        /// Which member.
        member: usize,
        /// The place of the stage in the member's own graph.
        place: usize,
    },
    /// Embeddings of all labelled photos by one fold's network, for steps that go by labels where the host's photos are ranked.
    EmbedLabelled {
        /// Of which training.
        slot: Slot,
    },
}

/// All that a stage may use.
pub struct Bench<'a> {
    /// The competition.
    pub project: &'a Project,
    /// The recipe.
    pub recipe: &'a Recipe,
    /// The photos.
    pub photos: &'a Photos,
    /// What the recipe means on them.
    pub graph: &'a Graph,
    /// Hears what happens.
    pub tell: &'a (dyn Fn(Event) + Sync),
    /// The wish to stop.
    pub cancel: &'a Cancel,
    /// Hears of every evaluation in the midst of a training: which one, after how many epochs.
    pub judge: Option<&'a (dyn Fn(Slot, usize) + Sync)>,
    /// Whether nothing is made, only tried: what is missing is done without.
    pub trial: bool,
    /// Of an ensemble the same for each member that is a recipe.
    pub members: Vec<Option<Bench<'a>>>,
}

/// Writes an artefact's files.
pub type Write<'a> = Box<dyn FnOnce(&Path) -> Result<(), SessionError> + 'a>;

/// What a stage made.
pub struct Made<'a> {
    /// Worth knowing, and not in the files: goes into `meta.json`.
    pub facts: Value,
    /// Writes the files.
    pub write: Write<'a>,
    /// The folder of unfinished work, held until the artefact is published.
    pub hold: Option<Work>,
}

impl<'a> Made<'a> {
    /// A thing made, without facts.
    pub fn new(write: impl FnOnce(&Path) -> Result<(), SessionError> + 'a) -> Made<'a> {
        Made { facts: Value::table(), write: Box::new(write), hold: None }
    }
}

/// The fact of an artefact that lists what its making warned of.
const SYMPTOMS: &str = "symptoms";

/// The files of those of some photos, ascending by their places, that were seen to be damaged.
fn damaged<'a>(photos: &'a Photos, pictures: &Pictures, of: &[u32]) -> Vec<&'a Path> {
    let found = pictures.damaged();
    let theirs = of.iter().filter(|photo| found.binary_search(photo).is_ok());
    theirs.map(|&photo| photos.manifest.photos[photo as usize].path.as_path()).collect()
}

/// Makes the artefact of one step.
///
/// # Errors
/// Whatever goes wrong in it; on a stop, an error for which [`SessionError::is_cancelled`] holds.
pub fn make<'a>(bench: &'a Bench<'a>, task: Task, step: &Step) -> Result<Made<'a>, SessionError> {
    match task {
        Task::Data => Ok(data::make(bench)),
        Task::Fold => Ok(fold::make(bench)),
        Task::Reduce => reduce::make(bench, step),
        Task::Fit { slot, part, until } => fit::make(bench, slot, part, until, step),
        Task::Embed { slot } => embed::make(bench, slot, step),
        Task::View { slot, whose, number } => embed::make_view(bench, (slot, whose, number), step),
        Task::Patches { slot, whose } => embed::patches::make(bench, (slot, whose), step),
        Task::Near { slot, among } => post::near::make(bench, slot, among),
        Task::Post { slot, step } => post::chain::make(bench, slot, step),
        Task::Rank { slot } => rank::make(bench, slot),
        Task::Score => score::make(bench),
        Task::Gain => post::gain::make(bench),
        Task::EmbedHost { slot } => embed::make_host(bench, slot, step),
        Task::EmbedTrain { slot } => embed::make_train(bench, slot, step),
        Task::EmbedLabelled { slot } => embed::make_labelled(bench, slot, step),
        Task::Crops { slot } => embed::crops::make(bench, slot, step),
        Task::PseudoLabels { slot } => pseudo::make(bench, slot),
        Task::Weights => ensemble::make_weights(bench),
        Task::Ensemble { slot } => ensemble::make(bench, slot),
        Task::Member { member, place } => {
            let own = bench.member(member)?;
            let task = own.graph.tasks.get(place).ok_or_else(|| SessionError::Unfit(format!("no stage {place}")))?;
            make(own, *task, step)
        }
    }
}

/// Tells what an artefact that was found in the store has to say: its curves, its score.
///
/// # Errors
/// When it cannot be read.
pub fn recall(bench: &Bench<'_>, task: Task) -> Result<(), SessionError> {
    let stage = bench.graph.stage(task)?;
    let meta = bench.project.store.meta(stage.name, &stage.artefact())?;
    if let Some(Value::List(warnings)) = meta.as_ref().and_then(|meta| meta.facts.get(SYMPTOMS)) {
        let warnings = warnings.iter().filter_map(Value::as_text).map(str::to_owned);
        let label = if matches!(task, Task::Fit { .. }) { stage.part.clone() } else { stage.label() };
        bench.warn(&label, warnings);
    }
    match task {
        Task::Fit { slot, .. } => fit::recall(bench, slot, task),
        Task::Score => score::recall(bench),
        Task::Post { slot, .. } => {
            post::chain::recall(bench, slot, meta.as_ref().and_then(|meta| meta.facts.get("steps")));
            Ok(())
        }
        Task::Weights => ensemble::recall(bench),
        Task::Ensemble { .. }
        | Task::Member { .. }
        | Task::Data
        | Task::Fold
        | Task::Reduce
        | Task::Embed { .. }
        | Task::View { .. }
        | Task::Patches { .. }
        | Task::Near { .. }
        | Task::Rank { .. }
        | Task::Gain
        | Task::Crops { .. }
        | Task::PseudoLabels { .. }
        | Task::EmbedHost { .. }
        | Task::EmbedTrain { .. }
        | Task::EmbedLabelled { .. } => Ok(()),
    }
}

/// The network of a training before its first step: all there is of it in a recipe that trains nothing.
///
/// # Errors
/// When the weights that it names are not there, or are of another network.
pub(in crate::session) fn untrained(bench: &Bench<'_>, slot: Slot) -> Result<(Box<dyn Network>, Params), SessionError> {
    let model = fit::model(bench, slot, fit::Purpose::Artefact)?;
    Ok((model.network, model.params))
}

impl<'a> Bench<'a> {
    /// A bench on which nobody judges and everything is made.
    pub fn new(
        project: &'a Project,
        recipe: &'a Recipe,
        photos: &'a Photos,
        graph: &'a Graph,
        tell: &'a (dyn Fn(Event) + Sync),
        cancel: &'a Cancel,
    ) -> Bench<'a> {
        let own = |member: &'a ensemble::members::Member| match &member.kind {
            ensemble::members::Kind::Recipe(own) => Some(Bench::new(project, &own.0, photos, &own.1, tell, cancel)),
            ensemble::members::Kind::Outside(_) => None,
        };
        let members = graph.members.iter().map(own).collect();
        Bench { project, recipe, photos, graph, tell, cancel, judge: None, trial: false, members }
    }

    /// The bench of a member.
    ///
    /// # Errors
    /// When it is no recipe: a fault of Toji.
    pub(crate) fn member(&self, member: usize) -> Result<&Bench<'a>, SessionError> {
        let found = self.members.get(member).and_then(Option::as_ref);
        found.ok_or_else(|| SessionError::Unfit(format!("member {member} has no stages; this is a fault of Toji")))
    }
}

impl Bench<'_> {
    /// The folder of an earlier task's artefact.
    fn folder(&self, task: Task) -> Result<PathBuf, SessionError> {
        let stage = self.graph.stage(task)?;
        Ok(self.project.store.folder(stage.name, &stage.artefact())?)
    }

    /// The pictures as training and embedding read them: the photos, or reduced ones.
    fn pictures(&self) -> Result<Arc<Pictures>, SessionError> {
        let Some(place) = self.graph.place(Task::Reduce) else { return Ok(self.photos.pictures(self.project)) };
        let stage = &self.graph.nodes[place].stage;
        let key = stage.artefact();
        if self.trial && !self.project.store.has(stage.name, &key) {
            return Ok(self.photos.pictures(self.project));
        }
        self.photos.packed(self.project, key, &self.folder(Task::Reduce)?)
    }

    /// The folder of unfinished work of a step, held until it is dropped.
    ///
    /// # Errors
    /// [`SessionError::Held`] while another process works on it, or when it has just been published.
    fn work(&self, step: &Step) -> Result<Work, SessionError> {
        let work = self.project.store.work(&step.key)?.ok_or_else(|| SessionError::Held(step.label()))?;
        if !step.replace && self.project.store.has(step.stage.name, &step.key) {
            // Whoever held it has just published it: the caller finds it in the store.
            return Err(SessionError::Held(step.label()));
        }
        Ok(work)
    }

    /// Warns of something about a stage, by the name that people know it by.
    fn warn(&self, label: &str, warnings: impl IntoIterator<Item = String>) {
        warnings.into_iter().for_each(|text| (self.tell)(Event::Warning { text: format!("{label}: {text}") }));
    }

    /// Counts of one stage as events.
    pub(crate) fn progress<'b>(&'b self, stage: &'b str, part: &'b str) -> impl Progress + 'b {
        move |what: &str, done: u64, total: u64, unit: &str| {
            (self.tell)(Event::Progress {
                stage: stage.to_owned(),
                part: part.to_owned(),
                what: what.to_owned(),
                done,
                total,
                unit: unit.to_owned(),
            });
        }
    }
}
