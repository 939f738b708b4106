//! From a recipe and the photos to the stages that it means, in an order in which they can run.
//!
//! Takes settings, folds and a rung; gives the nodes that [`crate::dag::plan()`] wants, each with the
//! task that makes it. What a stage's key is made of stands in its own file in [`crate::session::stages`].
//! [`mod@host`]: what is embedded besides the folds' queries and galleries, and who answers the host.

pub(in crate::session) mod host;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::{Key, Seed, Value};
use crate::dag::{Node, Recorded, Stage};
use crate::data::augment::At;
use crate::data::folds::Fold;
use crate::learn::backbone;
use crate::learn::train::Part;
use crate::retrieve::post::Step;
use crate::session::project::{Divided, weights};
use crate::session::recipe::fitting;
use crate::session::stages::embed::views::View;
use crate::session::stages::ensemble::members::Member;
use crate::session::stages::fit::best;
use crate::session::stages::post::chain::{Chain, Labels, Reached};
use crate::session::stages::{self, Task, Whose, pseudo};
use crate::session::{Photos, Project, Recipe, Rung, SessionError, Slot};

/// The folds as the rung learns from them, and for each the key of its training photos.
fn learnt_from(recipe: &Recipe, photos: &Photos, rung: &Rung, divided: &Divided) -> (Arc<Vec<Fold>>, Vec<Key>) {
    let Some(images) = rung.images else { return (divided.folds.clone(), divided.train.clone()) };
    let drawn = recipe.settings().get("folds.seed").and_then(Value::as_int).unwrap_or(0);
    let (seed, labels) = (Seed::new(drawn as u64).named("images"), photos.labels());
    let folds: Vec<Fold> = divided
        .folds
        .iter()
        .zip(0..)
        .map(|(fold, place)| fold.learning_from(images, &labels, seed.at(place)))
        .collect();
    let keys = folds.iter().map(|fold| photos.manifest.key_of(&fold.train)).collect();
    (Arc::new(folds), keys)
}

/// About how many searched pairs of photos take as long as one whose places are compared.
const PLACES: f64 = 500.0;

/// What a recipe means on these photos.
pub struct Graph {
    /// The stages with their work.
    pub nodes: Vec<Node>,
    /// What makes each node.
    pub tasks: Vec<Task>,
    /// All folds of the scheme, also those that the rung does not use.
    pub folds: Arc<Vec<Fold>>,
    /// The folds with their keys, and in words.
    pub divided: Arc<Divided>,
    /// The rung.
    pub rung: Rung,
    /// The trainings that the rung wants, in order.
    pub slots: Vec<Slot>,
    /// Of an ensemble, who answers together.
    pub members: Vec<Member>,
    /// The trainings that answer the host, in order; none before [`Graph::add_host`].
    pub answering: Vec<Slot>,
    /// For each fold the key of the photos that the rung learns from.
    learnt: Vec<Key>,
    /// What the best epoch of each fold's trainings is chosen by, where it is asked for.
    chosen: BTreeMap<Slot, Key>,
    /// All labelled photos as a fold that examines nobody, with its key.
    whole: Arc<(Fold, Key)>,
    /// How long the full training is.
    pub epochs: usize,
    /// The parts of a fold's training, in order.
    pub parts: Vec<Part>,
}

impl Graph {
    /// The graph of a recipe without mistakes.
    ///
    /// # Errors
    /// When the settings do not fit the data: a fold scheme that finds too few photos, a backbone
    /// without weights.
    pub fn of(project: &Project, recipe: &Recipe, photos: &Photos, rung: &Rung) -> Result<Graph, SessionError> {
        if let Some(own) = stages::ensemble::settings(recipe)? {
            return Graph::of_ensemble(project, recipe, photos, rung, &own);
        }
        fitting::check(project, recipe)?;
        let parts = fitting::parts(recipe)?;
        let epochs = parts.last().map_or(0, |part| part.end);
        let divided = project.divided(recipe, photos)?;
        let (folds, learnt) = learnt_from(recipe, photos, rung, &divided);
        fitting::check_labels(project, recipe, photos, &folds[..rung.folds(folds.len())])?;
        fitting::check_known(project, recipe, photos, &folds)?;
        let slots = rung.slots(folds.len());
        let mut graph = Graph { folds, slots, learnt, epochs, parts, ..Graph::bare(photos, divided.clone(), rung) };

        let data = graph.add(Task::Data, stages::data::stage(project, photos), photos.manifest.photos.len() as f64);
        let fold = graph.add(Task::Fold, stages::fold::stage(project, recipe, data, divided.key), 1.0);
        if let Some(stage) = stages::reduce::stage(recipe, photos)? {
            graph.add(Task::Reduce, stage, photos.manifest.photos.len() as f64);
        }
        let until = rung.epochs(epochs);
        // Work in multiply-adds, so that one network's history tells of another's: 10⁹ of them a unit.
        let giga = giga(project, recipe);
        let unfetched = project.unfetched(recipe);
        let seeing = weights::evaluation(recipe)?;
        let mut rankings = Vec::new();
        for slot in graph.slots.clone() {
            let fold_here = graph.fold(slot);
            let embedded = divided.embedded[slot.fold];
            let (queries, gallery) = (fold_here.query.len() as f64, fold_here.gallery.len() as f64);
            let seen = photos.boxes_key(project, &seeing, &[&fold_here.query[..], &fold_here.gallery].concat())?;
            let first = graph.nodes.len();
            if epochs > 0 && best::is_asked_for(recipe) {
                let stage = stages::embed::stage(project, recipe, slot, Some(fold), fold, seen)?;
                let key = best::chosen_by(project, &graph, &stage);
                graph.chosen.insert(slot, key);
            }
            let fit = graph.add_rounds(project, recipe, photos, slot, until)?;
            let mut stage = stages::embed::stage(project, recipe, slot, fit, fold, seen)?;
            if fit.is_some() {
                stage = graph.chosen_as(slot, stage)?;
            }
            let embed = graph.add_rows(recipe, Task::Embed { slot }, stage, (embedded, giga))?;
            if let (Some(name), true) = (&unfetched, project.around.hub.offline) {
                graph.nodes[first].blocked =
                    Some(format!("{name} is not in the hub's cache, and HF_HUB_OFFLINE forbids fetching it"));
            }
            let mut last = embed;
            if stages::post::has_steps(recipe) {
                let labelled = match stages::post::steps(recipe).iter().any(Step::needs_labelled) {
                    true => {
                        let embedded = graph.add_training_photos(project, recipe, photos, slot)?;
                        Some(Labels { embedded, photos: graph.learnt(slot) })
                    }
                    false => None,
                };
                last = graph.add_chain(project, recipe, slot, embed, labelled)?;
            }
            let stage = stages::rank::stage(project, recipe, slot, last);
            rankings.push((slot, graph.add(Task::Rank { slot }, stage, queries * gallery)));
        }
        graph.add(Task::Score, stages::score::stage(project, &rankings), rankings.len() as f64);
        Ok(graph)
    }

    /// A graph without stages, of something that trains nothing.
    pub(crate) fn bare(photos: &Photos, divided: Arc<Divided>, rung: &Rung) -> Graph {
        let (nodes, tasks, members, parts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (folds, slots, learnt) = (divided.folds.clone(), rung.slots(divided.folds.len()), divided.train.clone());
        let (whole, rung, answering) = (photos.labelled().clone(), rung.clone(), Vec::new());
        let chosen = BTreeMap::new();
        Graph { nodes, tasks, folds, divided, rung, slots, members, answering, learnt, chosen, whole, epochs: 0, parts }
    }

    /// What a training learns from, and whom it is examined on: a fold, or all labelled photos and nobody.
    pub fn fold(&self, slot: Slot) -> &Fold {
        if slot.is_all_data() { &self.whole.0 } else { &self.folds[slot.fold] }
    }

    /// The key of the photos that a training learns from.
    fn learnt(&self, slot: Slot) -> Key {
        if slot.is_all_data() { self.whole.1 } else { self.learnt[slot.fold] }
    }

    /// Adds the parts of one training that stops after `until` epochs; the key of the last one, nothing where nothing is trained.
    fn add_fits(
        &mut self,
        project: &Project,
        recipe: &Recipe,
        photos: &Photos,
        slot: Slot,
        until: usize,
    ) -> Result<Option<Key>, SessionError> {
        let training = weights::training(recipe, None, At::FIRST)?;
        let boxes = photos.boxes_key(project, &training, &pseudo::seen(self, recipe, photos, slot)?)?;
        let images = self.fold(slot).train.len();
        let whole = self.divided.folds.get(slot.fold).map_or(0, |fold| fold.train.len());
        let mut fit = None;
        for (number, part) in self.parts.clone().iter().enumerate().filter(|(_, part)| part.first < until) {
            let giga = match part.size.and_then(|[height, width]| project.cost_at(recipe, height.max(width))) {
                Some(cost) => cost.multiply_adds as f64 / 1e9,
                None => giga(project, recipe),
            };
            let (stop, learnt) = (until.min(part.end), (self.learnt(slot), boxes));
            let stage = stages::fit::stage(project, recipe, slot, learnt, part, (stop, self.epochs), fit)?;
            let stage = match self.rung.images.filter(|images| *images < whole) {
                // So that nobody takes it for the beginning of the whole training.
                Some(images) => {
                    let name = format!("{} on {images} photos", stage.part);
                    stage.part(name)
                }
                None => stage,
            };
            let pseudo = self.place(Task::PseudoLabels { slot }).map(|place| self.nodes[place].stage.artefact());
            let (stage, images) = match pseudo {
                // How many are labelled nobody knows beforehand: half of them, say.
                Some(key) => {
                    let (queries, gallery) = stages::embed::host_places(photos);
                    (stage.input(pseudo::INPUT, key), images + (queries.len() + gallery.len()) / 2)
                }
                None => (stage, images),
            };
            let work = (images * (part.end - part.first)) as f64 * giga;
            fit = Some(self.add(Task::Fit { slot, part: number, until: stop }, stage, work));
        }
        Ok(fit)
    }

    /// Adds the steps of `[post]` on one fold behind `embed`, with the searches that they read; `labelled`: what steps by labels go by. The key
    /// of the last step.
    pub(in crate::session) fn add_chain(
        &mut self,
        project: &Project,
        recipe: &Recipe,
        slot: Slot,
        embed: Key,
        labelled: Option<Labels>,
    ) -> Result<Key, SessionError> {
        let steps = stages::post::steps(recipe);
        let fit = self.fit(slot).map(|fit| self.stage(fit).map(Stage::artefact)).transpose()?;
        let fold = self.fold(slot);
        let sizes = (fold.query.len() as f64, fold.gallery.len() as f64, fold.train.len() as f64);
        let views = self.add_views(recipe, slot, Whose::Fold);
        let patches = self.add_patches(recipe, slot, Whose::Fold, self.divided.embedded[slot.fold]);
        let (written, k) = (stages::post::chain::written(recipe), project.competition.k);
        let chain = Chain { slot, steps, written, embed, labelled, views, patches, fit, k, sizes };
        let (mut reached, mut searched) = (Reached { embeddings: embed, lists: None }, Vec::new());
        for (i, step) in chain.steps.iter().enumerate() {
            if step.ranks() && reached.lists.is_none() {
                for (among, stage, pairs) in stages::post::near::stages(&chain, reached.embeddings) {
                    searched.push((among, self.add(Task::Near { slot, among }, stage, pairs)));
                }
            }
            let stage = chain.stage(i, reached, &searched);
            let key = self.add(Task::Post { slot, step: i }, stage, stages::post::chain::work(step, sizes));
            if step.needs_logits() {
                // A head cannot be tried without a training, and is cheap.
                self.nodes.last_mut().into_iter().for_each(|node| node.light = true);
            }
            match step.ranks() {
                true => reached.lists = Some(key),
                false => reached.embeddings = key,
            }
        }
        Ok(reached.lists.unwrap_or(reached.embeddings))
    }

    /// Adds the test-time views of a fold's or the host's photos that `tta` averages, but the plain one; their keys.
    fn add_views(&mut self, recipe: &Recipe, slot: Slot, whose: Whose) -> Vec<Key> {
        let task = if whose == Whose::Fold { Task::Embed { slot } } else { Task::EmbedHost { slot } };
        let Some(place) = self.place(task) else { return Vec::new() };
        let (plain, work) = (self.nodes[place].stage.clone(), self.nodes[place].work);
        let mut keys = Vec::new();
        for (number, view) in View::of(recipe).iter().enumerate().filter(|(_, view)| !view.is_plain()) {
            let stage = stages::embed::views::stage(plain.clone(), view);
            keys.push(self.add(Task::View { slot, whose, number }, stage, work * view.scale * view.scale));
        }
        keys
    }

    /// Adds the local descriptors of a fold's or the host's `photos` photos, where a step goes by them; their key.
    fn add_patches(&mut self, recipe: &Recipe, slot: Slot, whose: Whose, photos: usize) -> Option<Key> {
        let task = if whose == Whose::Fold { Task::Embed { slot } } else { Task::EmbedHost { slot } };
        let place = self.place(task)?;
        let (plain, work) = (self.nodes[place].stage.clone(), self.nodes[place].work);
        let stage = stages::embed::patches::stage(plain, recipe)?;
        let key = self.add(Task::Patches { slot, whose }, stage, work);
        let bytes = stages::embed::patches::bytes(recipe, photos);
        self.nodes.last_mut().into_iter().for_each(|node| node.bytes = bytes);
        Some(key)
    }

    /// What each post step is worth, as a stage, with its work; nothing for a recipe without steps.
    pub fn gain(&self, project: &Project, recipe: &Recipe) -> Option<(Stage, f64)> {
        let steps = stages::post::steps(recipe);
        let (mut inputs, mut pairs) = (Vec::new(), 0.0);
        for &slot in self.slots.iter().filter(|_| !steps.is_empty()) {
            let of = |task: Task| self.place(task).map(|place| self.nodes[place].stage.artefact());
            let logits = self.fit(slot).filter(|_| steps.iter().any(Step::needs_logits));
            let read = [("embed", of(Task::Embed { slot })), ("training photos", of(Task::EmbedTrain { slot }))];
            let read =
                read.into_iter().chain([("fit", logits.and_then(of)), ("ensemble", of(Task::Ensemble { slot }))]);
            let views = (0..View::of(recipe).len()).map(|number| Task::View { slot, whose: Whose::Fold, number });
            inputs.extend(views.filter_map(|view| Some((format!("view {slot}"), of(view)?))));
            let patches = of(Task::Patches { slot, whose: Whose::Fold });
            inputs.extend(patches.map(|key| (format!("patches {slot}"), key)));
            inputs.extend(read.filter_map(|(name, key)| Some((format!("{name} {slot}"), key?))));
            if steps.iter().any(Step::needs_labelled) {
                inputs.push((format!("photos {slot}"), self.learnt(slot)));
                inputs.extend(self.seen_by_members(slot).map(|key| (format!("training photos {slot}"), key)));
            }
            let fold = self.fold(slot);
            // Each chain that is scored searches the gallery.
            pairs += (fold.query.len() * fold.gallery.len() * (3 * steps.len() + 1)) as f64;
            // Two photos' places are compared each with each.
            let compared = steps.iter().filter(|step| step.local().is_some());
            let compared = compared
                .map(|step| stages::post::chain::work(step, (fold.query.len() as f64, fold.gallery.len() as f64, 0.0)));
            pairs += PLACES * 3.0 * steps.len() as f64 * compared.sum::<f64>();
        }
        (!inputs.is_empty()).then(|| (stages::post::gain::stage(recipe, project.metric(), inputs), pairs))
    }

    /// Adds what each post step is worth; nothing for a recipe without steps.
    pub fn add_gain(&mut self, project: &Project, recipe: &Recipe) {
        if let Some((stage, pairs)) = self.gain(project, recipe) {
            self.add(Task::Gain, stage, pairs);
            // So few that nobody waits for it, whatever the steps.
            self.nodes.last_mut().into_iter().for_each(|node| node.light = pairs < 2e7);
        }
    }

    /// Takes away what [`Graph::add_gain`] added.
    pub fn without_gain(&mut self) {
        if let Some(place) = self.place(Task::Gain) {
            self.nodes.remove(place);
            self.tasks.remove(place);
        }
    }

    /// Adds a stage that embeds so many photos, of which one costs the network `giga` 10⁹ multiply-adds.
    fn add_rows(
        &mut self,
        recipe: &Recipe,
        task: Task,
        stage: Stage,
        (photos, giga): (usize, f64),
    ) -> Result<Key, SessionError> {
        let key = self.add(task, stage, photos as f64 * giga);
        let row = size_of::<f32>() * backbone::length(&decode(recipe, "backbone")?)? + size_of::<u32>();
        self.nodes.last_mut().into_iter().for_each(|node| node.bytes = Some((photos * row) as u64));
        Ok(key)
    }

    pub(crate) fn add(&mut self, task: Task, stage: Stage, work: f64) -> Key {
        let key = stage.artefact();
        let light = matches!(task, Task::Data | Task::Fold | Task::Score);
        let pictures = matches!(
            task,
            Task::Fit { .. }
                | Task::Embed { .. }
                | Task::View { .. }
                | Task::Patches { .. }
                | Task::EmbedHost { .. }
                | Task::EmbedTrain { .. }
                | Task::Crops { .. }
                | Task::EmbedLabelled { .. }
        );
        let reads = self.place(Task::Reduce).filter(|_| pictures).map(|place| self.nodes[place].stage.artefact());
        self.nodes.push(Node { work, light, reads: reads.into_iter().collect(), ..Node::from(stage) });
        self.tasks.push(task);
        key
    }

    /// The last part of a slot's training that the rung has; `None` where the recipe trains nothing.
    pub fn fit(&self, slot: Slot) -> Option<Task> {
        self.tasks.iter().copied().rfind(|task| matches!(task, Task::Fit { slot: of, .. } if *of == slot))
    }

    /// The stage of the part before part `part` of a slot's training; `None` for the first.
    pub fn before(&self, slot: Slot, part: usize) -> Option<&Stage> {
        let wanted = part.checked_sub(1)?;
        let is_it = |task: &Task| matches!(task, Task::Fit { slot: of, part, .. } if (*of, *part) == (slot, wanted));
        self.tasks.iter().position(is_it).map(|place| &self.nodes[place].stage)
    }

    /// The place of a task's node.
    pub fn place(&self, task: Task) -> Option<usize> {
        self.tasks.iter().position(|t| *t == task)
    }

    /// The stage that a task makes.
    ///
    /// # Errors
    /// When this graph has no such task: a fault of Toji.
    pub fn stage(&self, task: Task) -> Result<&Stage, SessionError> {
        let place = self
            .place(task)
            .ok_or_else(|| SessionError::Unfit(format!("the graph has no {task:?}; this is a fault of Toji")))?;
        Ok(&self.nodes[place].stage)
    }

    /// The stages as a run records them.
    pub fn recorded(&self) -> Vec<Recorded> {
        self.nodes.iter().map(|node| Recorded::from(&node.stage)).collect()
    }
}

/// A table of the recipe in its typed form.
///
/// # Errors
/// When it does not fit, which the declared tables should have caught.
pub fn decode<T: serde::de::DeserializeOwned>(recipe: &Recipe, table: &str) -> Result<T, SessionError> {
    Ok(recipe.settings().get(table).cloned().unwrap_or_else(crate::base::Value::table).decode()?)
}

/// What one photo costs the recipe's network, in 10⁹ multiply-adds; 1 where that is not known.
fn giga(project: &Project, recipe: &Recipe) -> f64 {
    project.cost(recipe).map_or(1.0, |(cost, _)| cost.multiply_adds as f64 / 1e9)
}
