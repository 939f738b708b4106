//! What is embedded besides the folds' queries and galleries: the host's photos, training photos, all labelled ones; and who answers the host.
//!
//! Takes a graph that is whole; adds stages to it. By `[final]` the host is answered by the networks of the folds, by one that learns from
//! every labelled photo, or by all of them. That one is examined by nobody, so it trains as long as cross-validation says.

use std::collections::BTreeSet;

use super::giga;
use crate::base::Key;
use crate::dag::Stage;
use crate::retrieve::post::Step;
use crate::score::submission::Final;
use crate::session::recipe::fitting;
use crate::session::stages::ensemble::members::{Kind, Member};
use crate::session::stages::fit::best;
use crate::session::stages::{self, Task, Whose, pseudo};
use crate::session::{Graph, Photos, Project, Recipe, SessionError, Slot};

/// `[final]` of a recipe.
///
/// # Errors
/// When it does not fit, which the declared table should have caught.
pub(in crate::session) fn settings(recipe: &Recipe) -> Result<Final, SessionError> {
    Ok(Final::of(recipe.settings().get("final"))?)
}

/// Whether a step of a recipe's own `[post]` goes by the labels of training photos.
fn goes_by_labels(recipe: &Recipe) -> bool {
    stages::post::steps(recipe).iter().any(Step::needs_labelled)
}

impl Graph {
    /// Adds the embeddings of the host's queries and gallery by each network that answers, with the training that `[final]` asks for.
    ///
    /// # Errors
    /// When the tables name no query or no gallery, or `[final]` does not fit.
    pub fn add_host(&mut self, project: &Project, recipe: &Recipe, photos: &Photos) -> Result<(), SessionError> {
        let places = stages::embed::host_places(photos);
        if places.0.is_empty() || places.1.is_empty() {
            let file = project.root.join(crate::session::project::FACTS);
            let text = format!(
                "there is nothing to hand in: the tables name {} queries and {} gallery photos of the host; see [data] in {}",
                places.0.len(),
                places.1.len(),
                file.display()
            );
            return Err(SessionError::Unfit(text));
        }
        if !self.members.is_empty() {
            for member in &mut self.members {
                if let Kind::Recipe(own) = &mut member.kind {
                    let (theirs, graph) = own.as_mut();
                    graph.add_host(project, theirs, photos)?;
                    graph.add_labelled_of(project, theirs, photos, goes_by_labels(recipe))?;
                }
            }
            self.add_of_members();
            return Ok(());
        }
        self.add_answering(project, recipe, photos)?;
        let giga = giga(project, recipe);
        let count = places.0.iter().chain(&places.1).collect::<BTreeSet<_>>().len();
        for slot in self.answering.clone() {
            let fit = self.fit(slot).map(|fit| self.stage(fit).map(Stage::artefact)).transpose()?;
            let stage = self.chosen_as(slot, stages::embed::host_stage(project, recipe, photos, slot, fit)?)?;
            self.add_rows(recipe, Task::EmbedHost { slot }, stage, (places.0.len() + places.1.len(), giga))?;
            self.add_views(recipe, slot, Whose::Host);
            self.add_patches(recipe, slot, Whose::Host, count);
        }
        Ok(())
    }

    /// Adds what answers the host, and none of the host's photos: the training that `[final]` asks for, and the labelled photos as each
    /// network sees them, where a step goes by them.
    ///
    /// # Errors
    /// When `[final]` does not fit.
    pub fn add_answering(&mut self, project: &Project, recipe: &Recipe, photos: &Photos) -> Result<(), SessionError> {
        if !self.members.is_empty() {
            for member in &mut self.members {
                if let Kind::Recipe(own) = &mut member.kind {
                    let (theirs, graph) = own.as_mut();
                    graph.add_answering(project, theirs, photos)?;
                    graph.add_labelled_of(project, theirs, photos, goes_by_labels(recipe))?;
                }
            }
            self.add_of_members();
            return Ok(());
        }
        let own = settings(recipe)?;
        if own.has_all_data() {
            fitting::check_labels(project, recipe, photos, std::slice::from_ref(self.fold(Slot::of_all_data())))?;
            let until = self.epochs_of_all_data(project, recipe)?;
            let until = until.unwrap_or(self.rung.epochs(self.epochs));
            self.add_rounds(project, recipe, photos, Slot::of_all_data(), until)?;
        }
        let folds = if own.has_folds() { self.slots.clone() } else { Vec::new() };
        let all_data = own.has_all_data().then(Slot::of_all_data);
        self.answering = folds.into_iter().chain(all_data).collect();
        self.add_labelled_of(project, recipe, photos, goes_by_labels(recipe))
    }

    /// Wants the trainings that answer, or those of the folds where nobody does yet: also where all that follows from them is there.
    pub(in crate::session) fn want_fits(&mut self) {
        let slots = if self.answering.is_empty() { self.slots.clone() } else { self.answering.clone() };
        let last: Vec<Task> = slots.iter().filter_map(|slot| self.fit(*slot)).collect();
        let members = &self.members;
        let wanted = |task: &Task| match *task {
            Task::Member { member, place } => match members.get(member).map(|member| &member.kind) {
                Some(Kind::Recipe(own)) => {
                    let theirs = own.1.answering.iter().filter_map(|slot| own.1.fit(*slot));
                    own.1.tasks.get(place).is_some_and(|task| theirs.into_iter().any(|fit| fit == *task))
                }
                _ => false,
            },
            task => last.contains(&task),
        };
        for (node, _) in self.nodes.iter_mut().zip(&self.tasks).filter(|(_, task)| wanted(task)) {
            node.wanted = true;
        }
    }

    /// Whether a step of the recipe or of a member goes by a network's head.
    pub(in crate::session) fn goes_by_heads(&self, recipe: &Recipe) -> bool {
        let by_head = |recipe: &Recipe| stages::post::steps(recipe).iter().any(Step::needs_logits);
        let of_member = |member: &Member| matches!(&member.kind, Kind::Recipe(own) if by_head(&own.0));
        by_head(recipe) || self.members.iter().any(of_member)
    }

    /// Adds a fold's trainings, those with pseudo-labels each behind the one that gives them; the key of the last.
    ///
    /// # Errors
    /// When the tables name no photo of the host that could be labelled.
    pub(super) fn add_rounds(
        &mut self,
        project: &Project,
        recipe: &Recipe,
        photos: &Photos,
        slot: Slot,
        until: usize,
    ) -> Result<Option<Key>, SessionError> {
        let own = pseudo::settings(recipe)?;
        for ahead in (1..=pseudo::rounds(recipe, &self.rung, self.epochs)?).rev() {
            let (earlier, now) = (Slot { ahead, ..slot }, Slot { ahead: ahead - 1, ..slot });
            let Some(own) = &own else { continue };
            if pseudo::candidates(photos, own.from).is_empty() {
                let text = "the tables name no photo of the host without a label, so there is nothing to label; see [data] in toji.toml";
                return Err(fitting::at(recipe, "pseudo_labels.from", text));
            }
            let fit = self.add_fits(project, recipe, photos, earlier, until)?;
            let labelled = self.add_training_photos(project, recipe, photos, earlier)?;
            let stage = self.chosen_as(earlier, stages::embed::host_stage(project, recipe, photos, earlier, fit)?)?;
            let (queries, gallery) = stages::embed::host_places(photos);
            let size = (queries.len() + gallery.len(), giga(project, recipe));
            let host = self.add_rows(recipe, Task::EmbedHost { slot: earlier }, stage, size)?;
            let pairs = (self.fold(slot).train.len() * size.0) as f64;
            self.add(Task::PseudoLabels { slot: now }, pseudo::stage(own, now, labelled, host), pairs);
        }
        self.add_fits(project, recipe, photos, slot, until)
    }

    /// Adds the labelled photos as each network that answers sees them, if they are `wanted`.
    fn add_labelled_of(
        &mut self,
        project: &Project,
        recipe: &Recipe,
        photos: &Photos,
        wanted: bool,
    ) -> Result<(), SessionError> {
        for slot in self.answering.clone().into_iter().filter(|_| wanted) {
            self.add_labelled(project, recipe, photos, slot)?;
        }
        Ok(())
    }

    /// After how many epochs the training on every labelled photo ends: as `[final] epochs` says, or as the rung's trainings do, or where
    /// the best epoch is asked for, after the median of those that were best on the folds (of two middle ones the earlier). `None` where
    /// that is not known yet, since a fold is not trained.
    ///
    /// # Errors
    /// When more epochs are asked for than the schedule has.
    pub(in crate::session) fn epochs_of_all_data(
        &self,
        project: &Project,
        recipe: &Recipe,
    ) -> Result<Option<usize>, SessionError> {
        let end = self.rung.epochs(self.epochs);
        if let Some(epochs) = settings(recipe)?.epochs {
            if epochs > self.epochs {
                let text = format!("{epochs} epochs, and the schedule of [train] has {}; write no more", self.epochs);
                return Err(fitting::at(recipe, "final.epochs", &text));
            }
            return Ok(Some(epochs));
        }
        if !best::is_asked_for(recipe) {
            return Ok(Some(end));
        }
        let chosen: Option<Vec<usize>> = self.slots.iter().map(|slot| best::epoch(project, self, *slot)).collect();
        Ok(chosen.and_then(|mut chosen| {
            chosen.sort_unstable();
            chosen.get(chosen.len().saturating_sub(1) / 2).copied()
        }))
    }

    /// Adds the embeddings of all labelled photos by one fold's network, once.
    ///
    /// # Errors
    /// When the file of weights cannot be read.
    fn add_labelled(
        &mut self,
        project: &Project,
        recipe: &Recipe,
        photos: &Photos,
        slot: Slot,
    ) -> Result<(), SessionError> {
        if self.place(Task::EmbedLabelled { slot }).is_none() {
            let giga = giga(project, recipe);
            let fit = self.fit(slot).map(|fit| self.stage(fit).map(Stage::artefact)).transpose()?;
            let count = stages::embed::labelled_places(photos).len();
            let stage = self.chosen_as(slot, stages::embed::labelled_stage(project, recipe, photos, slot, fit)?)?;
            self.add_rows(recipe, Task::EmbedLabelled { slot }, stage, (count, giga))?;
        }
        Ok(())
    }

    /// Adds what a review of the labelled photos reads: all of them as each fold's network sees them, and parts of those that it answers for.
    ///
    /// # Errors
    /// When the file of weights cannot be read.
    pub fn add_review(
        &mut self,
        project: &Project,
        recipe: &Recipe,
        photos: &Photos,
        crops: bool,
    ) -> Result<(), SessionError> {
        for slot in self.slots.clone() {
            let answered = stages::embed::crops::answered(self, photos, slot).len();
            if answered == 0 {
                continue;
            }
            self.add_labelled(project, recipe, photos, slot)?;
            if crops {
                let fit = self.fit(slot).map(|fit| self.stage(fit).map(Stage::artefact)).transpose()?;
                let folds = self.stage(Task::Fold)?.artefact();
                let stage = stages::embed::crops::stage(project, recipe, photos, slot, fit, folds)?;
                let stage = self.chosen_as(slot, stage)?;
                // The last map is seen at twice the size.
                let passes = (crate::review::objects::CROPS.len() + 4) as f64;
                self.add(Task::Crops { slot }, stage, answered as f64 * passes * giga(project, recipe));
            }
        }
        Ok(())
    }

    /// Adds the embeddings of each fold's training photos by the network that was trained on them; nothing for a recipe that
    /// trains nothing.
    ///
    /// # Errors
    /// When the file of weights cannot be read.
    pub fn add_train(&mut self, project: &Project, recipe: &Recipe, photos: &Photos) -> Result<(), SessionError> {
        if !self.members.is_empty() {
            return self.add_train_of_members(project, photos);
        }
        for slot in self.slots.clone().into_iter().filter(|slot| self.fit(*slot).is_some()).collect::<Vec<_>>() {
            self.add_training_photos(project, recipe, photos, slot)?;
        }
        Ok(())
    }

    /// Adds the embeddings of one fold's training photos by its network, once; their key.
    pub(crate) fn add_training_photos(
        &mut self,
        project: &Project,
        recipe: &Recipe,
        photos: &Photos,
        slot: Slot,
    ) -> Result<Key, SessionError> {
        let task = Task::EmbedTrain { slot };
        if self.place(task).is_some() {
            return Ok(self.stage(task)?.artefact());
        }
        let giga = giga(project, recipe);
        let folds = self.stage(Task::Fold)?.artefact();
        let fit = self.fit(slot).map(|fit| self.stage(fit).map(Stage::artefact)).transpose()?;
        let places = &self.fold(slot).train;
        let stage = stages::embed::train_stage(project, recipe, photos, (slot, places, self.learnt(slot)), fit, folds)?;
        let stage = self.chosen_as(slot, stage)?;
        let count = places.len();
        self.add_rows(recipe, task, stage, (count, giga))
    }

    /// The stage of other photos by the network of a slot, whose epoch is chosen as for the slot's own.
    pub(super) fn chosen_as(&self, slot: Slot, stage: Stage) -> Result<Stage, SessionError> {
        let key = self.chosen.get(&Slot { ahead: 0, ..slot });
        Ok(key.map_or(stage.clone(), |key| stage.input(best::CHOSEN, *key)))
    }
}
