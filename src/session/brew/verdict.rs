//! What a recipe's decider says of its training.
//!
//! Takes the looks of all recipes at their first fold, as the store and the unfinished work have them; gives the verdict on one of
//! them. The pin is compared by all seeds that it has; of the other recipes the newest training counts. What is read is remembered by
//! its file, so that asking again after each epoch reads one file.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::rung::{Ladder, NOISE_SEEDS, Slot};
use crate::base::Key;
use crate::dag::Event;
use crate::learn::train::TrainSettings;
use crate::score::Score;
use crate::score::decide::{Advice, Case, Course, Decider, Look, Verdict};
use crate::session::brew::graph::decode;
use crate::session::project::watch::{Stamp, stamp};
use crate::session::stages::Task;
use crate::session::stages::fit::looks;
use crate::session::{Graph, Photos, Project, Recipe, Rung, SessionError};

/// Seeds of the pin that are looked for.
const SEEDS: usize = 32;

/// Looks that were read.
#[derive(Default)]
pub struct Looks {
    known: Mutex<HashMap<PathBuf, (Stamp, Arc<Score>)>>,
}

impl Looks {
    fn read(&self, file: &PathBuf) -> Option<Arc<Score>> {
        let now = stamp([file.as_path()]);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((then, score)) = known.get(file)
            && *then == now
        {
            return Some(score.clone());
        }
        // A look that cannot be read (cut off by a copy between machines) is no look.
        let score = Arc::new(Score::load(file).ok()?);
        known.insert(file.clone(), (now, score.clone()));
        Some(score)
    }

    /// What was seen of one training of a recipe, by any rung; `graph` is its graph on any rung.
    ///
    /// # Errors
    /// When its settings do not fit.
    pub fn course(
        &self,
        project: &Project,
        recipe: &Recipe,
        graph: &Graph,
        slot: Slot,
    ) -> Result<Course, SessionError> {
        if !graph.members.is_empty() {
            // An ensemble trains nothing, and so was never looked at on the way.
            return Ok(Course { recipe: recipe.name.clone(), ..Course::default() });
        }
        let seen_with = looks::stamp(graph, slot)?;
        let mut files: BTreeMap<usize, PathBuf> = BTreeMap::new();
        for (task, node) in graph.tasks.iter().zip(&graph.nodes) {
            let (Task::Fit { slot: of, part, .. }, stage) = (task, &node.stage) else { continue };
            if *of != slot {
                continue;
            }
            let part = &graph.parts[*part];
            // Wherever a rung cuts it.
            for at in 1..=(part.end - part.first) as u32 {
                let key = stage.prefix(at);
                let folders = [project.store.unfinished_folder(&key), project.store.place("fit", &key)];
                for (epoch, file) in folders.iter().flat_map(|folder| looks::files(folder, &seen_with)) {
                    files.insert(epoch, file);
                }
            }
        }
        let date = |file: &PathBuf| -> f64 {
            let modified = std::fs::metadata(file).and_then(|found| found.modified()).ok();
            let since = modified.and_then(|date| date.duration_since(std::time::UNIX_EPOCH).ok());
            since.map_or(0.0, |since| since.as_secs_f64())
        };
        let read = |(epoch, file): (usize, PathBuf)| Some(Look { epoch, at: date(&file), score: self.read(&file)? });
        // Numbers of another metric say nothing here.
        let metric = project.metric();
        let looks: Vec<Look> =
            files.into_iter().filter_map(read).filter(|look: &Look| look.score.metric == metric).collect();
        let every = decode::<TrainSettings>(recipe, "train")?.eval.every_epochs.max(1);
        let ends = Ladder::of(recipe)?.ends(graph.epochs, graph.rung.images);
        let looked = (1..=graph.epochs).filter(|epoch| epoch % every == 0);
        let mut planned: Vec<usize> = looked.chain(ends.iter().copied()).collect();
        planned.sort_unstable();
        planned.dedup();
        let complete = looks.last().is_some_and(|look| look.epoch >= graph.epochs);
        Ok(Course { recipe: recipe.name.clone(), epochs: graph.epochs, planned, ends, looks, complete })
    }

    /// The trainings of a recipe's first fold, one a seed, as far as there are any.
    ///
    /// # Errors
    /// When its settings do not fit.
    pub fn seeds(&self, project: &Project, entrant: &Entrant) -> Result<Vec<Course>, SessionError> {
        let mut found = Vec::new();
        for &slot in &entrant.graph.slots {
            let course = self.course(project, &entrant.recipe, &entrant.graph, slot)?;
            if course.looks.is_empty() {
                break;
            }
            found.push(course);
        }
        Ok(found)
    }
}

/// A recipe with all that its first fold may be trained by.
pub struct Entrant {
    /// The recipe.
    pub recipe: Recipe,
    /// Its first fold, by every seed that its ladder has.
    pub graph: Graph,
}

impl Entrant {
    /// A recipe on these photos, or on so many `images` of them as a rung learns from.
    ///
    /// # Errors
    /// When it does not fit them.
    pub fn new(
        project: &Project,
        recipe: Recipe,
        photos: &Photos,
        images: Option<usize>,
    ) -> Result<Entrant, SessionError> {
        let most =
            Ladder::of(&recipe)?.rungs().iter().filter_map(|rung| rung.seeds).max().unwrap_or(1).max(NOISE_SEEDS);
        let seeds = Some(most.min(SEEDS));
        let rung = Rung { folds: Some(1), epochs: None, images, seeds, ..recipe.rung(None)? };
        let graph = Graph::of(project, &recipe, photos, &rung)?;
        Ok(Entrant { recipe, graph })
    }

    /// The key of its first training; `None` where it trains nothing.
    fn training(&self) -> Option<Key> {
        let fit = self.graph.fit(*self.graph.slots.first()?)?;
        Some(self.graph.nodes[self.graph.place(fit)?].stage.key())
    }
}

/// What is needed to ask for verdicts on one recipe: who decides, the pin's trainings, the others'.
pub struct Council<'a> {
    project: &'a Project,
    photos: &'a Photos,
    recipe: &'a Recipe,
    decider: Decider,
    /// Whether it may act by itself.
    pub auto: bool,
    pin: Option<Entrant>,
    /// Whether the recipe is the pin itself.
    is_pin: bool,
    others: Vec<Entrant>,
    looks: Looks,
}

impl<'a> Council<'a> {
    /// The council on a recipe's training on `rung`. `pin` is the pinned recipe's name; a recipe is not compared with itself, and on a
    /// rung that learns from fewer photos only with trainings on as few.
    ///
    /// # Errors
    /// When `[decide]` does not fit.
    pub fn on(
        project: &'a Project,
        recipe: &'a Recipe,
        photos: &'a Photos,
        rung: &Rung,
        pin: Option<&str>,
    ) -> Result<Council<'a>, SessionError> {
        let table = recipe.settings().get("decide").cloned();
        let (decider, auto) = match table {
            Some(table) => Decider::of(&table)?,
            None => (Decider::usual(), false),
        };
        let mut others: Vec<Recipe> =
            project.recipes().into_iter().filter(|other| other.name != recipe.name && !other.is_broken()).collect();
        let is_pin = pin == Some(recipe.name.as_str());
        let place = others.iter().position(|other| Some(other.name.as_str()) == pin);
        let pin = place.map(|place| others.remove(place));
        // A recipe that does not fit these photos (another fold scheme, too few labels) is no rival.
        let enter = |recipe: Recipe| Entrant::new(project, recipe, photos, rung.images).ok();
        let pin = pin.and_then(enter);
        let mut others: Vec<Entrant> = others.into_iter().filter_map(enter).collect();
        // One training is one rival, however many recipes are made of it.
        let own = Entrant::new(project, recipe.clone(), photos, rung.images).ok();
        let mut met: BTreeSet<Key> = own.iter().chain(&pin).filter_map(Entrant::training).collect();
        others.retain(|other| other.training().is_none_or(|key| met.insert(key)));
        Ok(Council { project, photos, recipe, decider, auto, pin, is_pin, others, looks: Looks::default() })
    }

    /// A verdict as it is recorded.
    pub fn told(&self, part: &str, epoch: usize, verdict: Verdict, acted: bool) -> Event {
        let advice = match verdict.advice {
            Advice::Stop => "stop",
            Advice::GoOn => "go-on",
            Advice::Promote => "promote",
        };
        Event::Decision {
            part: part.to_owned(),
            epoch,
            decider: self.decider.name().to_owned(),
            advice: advice.to_owned(),
            reason: verdict.reason,
            evidence: verdict.evidence,
            acted,
        }
    }

    /// The verdict on a training of the first fold, whose rung ends after `rung_end` epochs, by its newest look that is not beyond
    /// `until` epochs (there may be later ones, of a higher rung); `None` before the first look.
    ///
    /// # Errors
    /// When the recipe does not fit the photos.
    pub fn verdict(
        &self,
        graph: &Graph,
        rung_end: usize,
        until: usize,
    ) -> Result<Option<(Course, Verdict)>, SessionError> {
        let Some(slot) = graph.slots.first() else { return Ok(None) };
        let mut mine = self.looks.course(self.project, self.recipe, graph, *slot)?;
        mine.looks.retain(|look| look.epoch <= until);
        mine.complete = mine.last().is_some_and(|look| look.epoch >= mine.epochs);
        if mine.looks.is_empty() {
            return Ok(None);
        }
        let of = |entrant: &Entrant| self.looks.seeds(self.project, entrant).unwrap_or_default();
        // A rank among a part of the gallery is another number than one among all of it.
        let part = looks::part(graph);
        let alike = |entrant: &&Entrant| looks::part(&entrant.graph) == part;
        let pin: Vec<Course> = self.pin.iter().filter(alike).flat_map(of).collect();
        let others: Vec<Course> =
            self.others.iter().filter(alike).filter_map(|other| of(other).into_iter().next()).collect();
        let labels = &self.photos.manifest.photos;
        let group = |photo: u32| labels.get(photo as usize).and_then(|photo| photo.label).unwrap_or(u32::MAX);
        let case = Case { mine: &mine, pin: &pin, others: &others, rung_end, group: &group };
        let mut verdict = self.decider.judge(&case);
        if self.is_pin && matches!(self.decider, Decider::PairedBootstrap(_)) {
            verdict.reason = "it is the pin, which the others are compared with".to_owned();
        } else if let Some(pin) = self.pin.as_ref().filter(|pin| !alike(pin)) {
            verdict.reason = format!(
                "not compared with {}, which is evaluated among another part of the gallery ([train] eval); {}",
                pin.recipe.name, verdict.reason
            );
        }
        Ok(Some((mine, verdict)))
    }
}
