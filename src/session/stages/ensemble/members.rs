//! Who answers together, whether they fit each other, and the graph of all their stages.
//!
//! Takes an ensemble's recipe; reads its members beside it, each with its own graph, and puts their stages under names that say whose they
//! are. Keys are the members' own: what a member has made is found, and what it lacks is made for both. Members must be asked the same queries
//! among the same photos; which photos each learnt from is its own matter.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::outside::Outside;
use super::{is_one, settings};
use crate::base::{Key, KeyWriter, Value};
use crate::book::OriginKind;
use crate::dag::Node;
use crate::retrieve::post::Step;
use crate::retrieve::rerank;
use crate::score::ensemble::{Ensemble, Fusion, Source, Weights};
use crate::session::project::Divided;
use crate::session::recipe::fitting::{at, check_known};
use crate::session::recipe::{files_in, name_of};
use crate::session::stages::post::chain::Labels;
use crate::session::stages::{self, Task, post};
use crate::session::{Graph, Photos, Project, Recipe, Rung, SessionError, Slot};

/// A member of an ensemble.
pub struct Member {
    /// What people call it.
    pub name: String,
    /// What it is.
    pub kind: Kind,
}

/// What a member is.
pub enum Kind {
    /// A recipe with what it means.
    Recipe(Box<(Recipe, Graph)>),
    /// What another program made.
    Outside(Outside),
}

/// The files of the members that are recipes, with their places in `of`; nothing for a recipe of its own.
fn files(recipe: &Recipe) -> Vec<(usize, PathBuf)> {
    let folder = recipe.book.file.parent().unwrap_or_else(|| Path::new(""));
    let own = settings(recipe).ok().flatten().map(|own| own.of).unwrap_or_default();
    let file = |(i, source): (usize, &Source)| match source {
        Source::Recipe(name) => {
            let file = folder.join(name);
            let ending = folder.join(format!("{name}.md"));
            Some((i, if !file.is_file() && ending.is_file() { ending } else { file }))
        }
        _ => None,
    };
    own.iter().enumerate().filter_map(file).collect()
}

/// All files that an ensemble is made of besides its own: the members' recipes and what other programs made.
pub fn watched(project: &Project, recipe: &Recipe) -> Vec<PathBuf> {
    let own = settings(recipe).ok().flatten().map(|own| own.of).unwrap_or_default();
    let outside = own.iter().filter(|source| !matches!(source, Source::Recipe(_)));
    let folds: Vec<usize> = (0..100).collect();
    let outside = outside.flat_map(|source| Outside::new(project, source).files(&folds));
    let outside = outside.flat_map(|(file, ids)| std::iter::once(file).chain(ids));
    files(recipe).into_iter().map(|(_, file)| file).chain(outside).collect()
}

/// The members that are recipes; none for a recipe of its own.
///
/// # Errors
/// When a file is missing, has mistakes, or is an ensemble, with the place in the recipe.
pub fn recipes(project: &Project, recipe: &Recipe) -> Result<Vec<(usize, Recipe)>, SessionError> {
    let mut found: Vec<(usize, Recipe)> = Vec::new();
    for (i, file) in files(recipe) {
        let refuse = |text: String| Err(at(recipe, &format!("ensemble.of[{i}]"), &text));
        let same = |other: &Path| std::fs::canonicalize(other).ok() == std::fs::canonicalize(&file).ok();
        if !file.is_file() {
            let folder = file.parent().unwrap_or_else(|| Path::new(""));
            let there: Vec<String> = files_in(folder).iter().map(|file| name_of(file)).collect();
            return refuse(format!("there is no recipe {}; there are: {}", file.display(), there.join(", ")));
        }
        if same(&recipe.book.file) {
            return refuse("an ensemble cannot be a member of itself".to_owned());
        }
        if found.iter().any(|(_, other)| same(&other.book.file)) {
            return refuse(format!("{} is a member already; give it more weight instead", name_of(&file)));
        }
        let member = Recipe::read(&file, &project.schema);
        if member.is_broken() {
            return refuse(format!("{} has mistakes of its own: see its page", member.name));
        }
        if is_one(&member) {
            return refuse(format!("{} is an ensemble itself: name its members here instead", member.name));
        }
        found.push((i, member));
    }
    Ok(found)
}

/// The members with their graphs.
fn all(
    project: &Project,
    recipe: &Recipe,
    photos: &Photos,
    rung: &Rung,
    own: &Ensemble,
) -> Result<Vec<Member>, SessionError> {
    let mut read = recipes(project, recipe)?;
    let mut members = Vec::new();
    for (i, source) in own.of.iter().enumerate() {
        let place = format!("ensemble.of[{i}]");
        let Some(found) = read.iter().position(|(of, _)| *of == i) else {
            let outside = Outside::new(project, source);
            if outside.gives_lists() && !own.fusion.reads_lists() {
                let name = own.fusion.name();
                let text = format!(
                    "{name} joins embeddings, and these are lists: take fusion = {{ name = \"rrf\" }} or \"wsum\""
                );
                return Err(at(recipe, &place, &text));
            }
            members.push(Member { name: outside.name(), kind: Kind::Outside(outside) });
            continue;
        };
        let (_, member) = read.swap_remove(found);
        let ranks = post::steps(&member).into_iter().find(Step::ranks);
        if let (Some(step), false) = (ranks, own.fusion.reads_lists()) {
            let text = format!(
                "{} ranks by {} in its [post], and {} joins embeddings: take fusion = {{ name = \"rrf\" }} or \"wsum\"{}",
                member.name,
                step.name(),
                own.fusion.name(),
                if own.fusion.gives_embeddings() { ", or write the step in this recipe's [post]" } else { "" }
            );
            return Err(at(recipe, &place, &text));
        }
        let graph = Graph::of(project, &member, photos, rung)
            .map_err(|error| at(recipe, &place, &format!("its member {}: {error}", member.name)))?;
        members.push(Member { name: member.name.clone(), kind: Kind::Recipe(Box::new((member, graph))) });
    }
    Ok(members)
}

/// What the ensemble's own tables say must fit the fusion.
///
/// # Errors
/// When weights are not one a member, or a step of `[post]` cannot follow, with the place.
fn check(recipe: &Recipe, own: &Ensemble) -> Result<(), SessionError> {
    if let Weights::Given(weights) = &own.weights {
        if weights.len() != own.of.len() {
            let text = format!("there are {} weights for {} members; write one for each", weights.len(), own.of.len());
            return Err(at(recipe, "ensemble.weights", &text));
        }
        if weights.iter().sum::<f64>() <= 0.0 {
            return Err(at(recipe, "ensemble.weights", "all weights are 0: nobody would answer"));
        }
    }
    let steps = post::steps(recipe);
    for (i, step) in steps.iter().enumerate() {
        let text = if !own.fusion.gives_embeddings() {
            format!(
                "{} needs embeddings, and {} gives lists: take fusion = {{ name = \"concat\" }}, or write the step in the members",
                step.name(),
                own.fusion.name()
            )
        } else if matches!(step, Step::Tta { .. }) {
            "tta works on photos, which the members see: write it in the members".to_owned()
        } else if step.local().is_some() {
            "spatial-check compares places of photos, which the members see: write it in the members, with fusion = { name = \"rrf\" } or \"wsum\""
                .to_owned()
        } else if step.needs_logits() {
            format!(
                "{} goes by a head, and each member has its own: write it in the members, with fusion = {{ name = \"rrf\" }} or \"wsum\"",
                step.name()
            )
        } else if step.needs_labelled() && matches!(own.fusion, Fusion::Concat { pca: Some(_), .. }) {
            format!(
                "{} goes by training photos, which the fusion's pca does not see: write {{ op = \"pca\" }} as the first step instead",
                step.name()
            )
        } else {
            continue;
        };
        return Err(at(recipe, &format!("post.steps[{i}]"), &text));
    }
    rerank::check(&steps).map_err(|error| at(recipe, "post.steps", &error.to_string()))
}

/// The folds of an ensemble: its own where it writes a scheme, else its first member's.
fn divided(
    project: &Project,
    recipe: &Recipe,
    photos: &Photos,
    members: &[Member],
) -> Result<(Arc<Divided>, String), SessionError> {
    let origin = recipe.book.origins.get("folds.scheme");
    let written = origin.is_some_and(|origin| origin.kind != OriginKind::Default);
    let first = members.iter().find_map(|member| match &member.kind {
        Kind::Recipe(own) => Some((own.1.divided.clone(), member.name.clone())),
        Kind::Outside(_) => None,
    });
    match first.filter(|_| !written) {
        Some(first) => Ok(first),
        None => Ok((project.divided(recipe, photos)?, recipe.name.clone())),
    }
}

/// Says what differs between two divisions.
///
/// # Errors
/// When queries or gallery of a fold do.
fn same_folds(recipe: &Recipe, (ours, whose): &(Arc<Divided>, String), member: &Member) -> Result<(), SessionError> {
    let Kind::Recipe(own) = &member.kind else { return Ok(()) };
    let theirs = &own.1.divided;
    let refuse = |what: String| {
        let text = format!("{whose} and {} cannot answer together: {what}; give both the same [folds]", member.name);
        Err(at(recipe, "ensemble.of", &text))
    };
    if ours.folds.len() != theirs.folds.len() {
        let folds = |count: usize| if count == 1 { "1 fold".to_owned() } else { format!("{count} folds") };
        return refuse(format!("the one has {}, the other {}", folds(ours.folds.len()), theirs.folds.len()));
    }
    for (i, (a, b)) in ours.folds.iter().zip(theirs.folds.iter()).enumerate() {
        for (what, a, b) in [("queries", &a.query, &b.query), ("gallery photos", &a.gallery, &b.gallery)] {
            if a != b {
                let both = a.iter().collect::<BTreeSet<_>>().intersection(&b.iter().collect()).count();
                return refuse(format!(
                    "in fold {i} the one has {} {what}, the other {}, {both} of them the same",
                    a.len(),
                    b.len()
                ));
            }
        }
    }
    Ok(())
}

impl Graph {
    /// The graph of an ensemble: its members' stages, then its own.
    ///
    /// # Errors
    /// When members are missing, do not fit the photos or each other, or a step cannot follow the fusion, with the place in the recipe.
    pub(crate) fn of_ensemble(
        project: &Project,
        recipe: &Recipe,
        photos: &Photos,
        rung: &Rung,
        own: &Ensemble,
    ) -> Result<Graph, SessionError> {
        check(recipe, own)?;
        let members = all(project, recipe, photos, rung, own)?;
        let divided = divided(project, recipe, photos, &members)?;
        for member in &members {
            same_folds(recipe, &divided, member)?;
        }
        let divided = divided.0;
        let mut graph = Graph::bare(photos, divided.clone(), rung);
        let data = graph.add(Task::Data, stages::data::stage(project, photos), photos.manifest.photos.len() as f64);
        // The member's own, so that its score and the ensemble's are known to be of the same queries.
        let theirs = members.iter().find_map(|member| match &member.kind {
            Kind::Recipe(own) if Arc::ptr_eq(&own.1.divided, &divided) => own.1.stage(Task::Fold).ok().cloned(),
            _ => None,
        });
        let fold = theirs.unwrap_or_else(|| stages::fold::stage(project, recipe, data, divided.key));
        let fold = graph.add(Task::Fold, fold, 1.0);
        graph.members = members;
        check_known(project, recipe, photos, &graph.folds)?;
        if by_labels(recipe) {
            graph.add_train_of_members(project, photos)?;
        }
        graph.add_of_members();
        let mut said: Vec<(Slot, Vec<(String, Key)>)> = Vec::new();
        for slot in graph.slots.clone() {
            said.push((slot, graph.said(project, recipe, slot)?));
        }
        let work = |graph: &Graph, slot: &Slot| {
            let fold = graph.fold(*slot);
            (fold.query.len() * fold.gallery.len() * graph.members.len()) as f64
        };
        let inputs =
            said.iter().flat_map(|(slot, said)| said.iter().map(move |(name, key)| (format!("{name} {slot}"), *key)));
        let stage = super::weights_stage(project, recipe, fold, inputs.collect());
        let whole = graph.slots.iter().map(|slot| work(&graph, slot)).sum();
        let weights = graph.add(Task::Weights, stage, whole);
        let mut rankings = Vec::new();
        for (slot, said) in said {
            let (queries, gallery) = (graph.fold(slot).query.len() as f64, graph.fold(slot).gallery.len() as f64);
            let searched = own.weights.are_searched().then_some(weights);
            let stage = super::stage(project, recipe, slot, fold, said, searched);
            let amount = work(&graph, &slot);
            let mut last = graph.add(Task::Ensemble { slot }, stage, amount);
            if post::has_steps(recipe) {
                let seen = by_labels(recipe).then(|| graph.seen_by_members(slot)).flatten();
                let labelled = seen.map(|embedded| Labels { embedded, photos: divided.train[slot.fold] });
                last = graph.add_chain(project, recipe, slot, last, labelled)?;
            }
            let stage = stages::rank::stage(project, recipe, slot, last);
            rankings.push((slot, graph.add(Task::Rank { slot }, stage, queries * gallery)));
        }
        graph.add(Task::Score, stages::score::stage(project, &rankings), rankings.len() as f64);
        Ok(graph)
    }

    /// Adds the members' stages that are not there yet, each under a name that says whose it is. A member's score is its own matter.
    pub(crate) fn add_of_members(&mut self) {
        let mut known: BTreeSet<(&'static str, Key)> =
            self.nodes.iter().map(|node| (node.stage.name, node.stage.artefact())).collect();
        let mut found: Vec<(Task, Node)> = Vec::new();
        for (member, Member { name, kind }) in self.members.iter().enumerate() {
            let Kind::Recipe(own) = kind else { continue };
            for (place, (task, node)) in own.1.tasks.iter().zip(&own.1.nodes).enumerate() {
                if matches!(task, Task::Data | Task::Score) || !known.insert((node.stage.name, node.stage.artefact())) {
                    continue;
                }
                let part = match node.stage.part.as_str() {
                    "" => format!("of {name}"),
                    part => format!("{part} of {name}"),
                };
                let node = Node { stage: node.stage.clone().part(part), ..node.clone() };
                found.push((Task::Member { member, place }, node));
            }
        }
        for (task, node) in found {
            self.tasks.push(task);
            self.nodes.push(node);
        }
    }

    /// What each member says on one fold: the artefact that holds it.
    fn said(&self, project: &Project, recipe: &Recipe, slot: Slot) -> Result<Vec<(String, Key)>, SessionError> {
        let mut found = Vec::new();
        for (i, member) in self.members.iter().enumerate() {
            let key = match &member.kind {
                Kind::Recipe(own) => {
                    let graph = &own.1;
                    let last = post::steps(&own.0).len().checked_sub(1).map(|step| Task::Post { slot, step });
                    graph.stage(last.unwrap_or(Task::Embed { slot }))?.artefact()
                }
                Kind::Outside(outside) => outside
                    .key(project, &[slot.fold])
                    .map_err(|error| at(recipe, &format!("ensemble.of[{i}]"), &error.to_string()))?,
            };
            found.push((format!("member {}", i + 1), key));
        }
        Ok(found)
    }

    /// What the members see of one fold's training photos, as one key; nothing where one of them was not asked.
    pub(crate) fn seen_by_members(&self, slot: Slot) -> Option<Key> {
        let mut key = KeyWriter::new("training photos of members 1");
        for member in &self.members {
            // What came from outside is in the key of the joined embeddings.
            if let Kind::Recipe(own) = &member.kind {
                key.key(&own.1.stage(Task::EmbedTrain { slot }).ok()?.artefact());
            }
        }
        (!self.members.is_empty()).then(|| key.finish())
    }

    /// Adds the training photos as the members see them, for steps that go by labels.
    ///
    /// # Errors
    /// When a file of weights cannot be read.
    pub(crate) fn add_train_of_members(&mut self, project: &Project, photos: &Photos) -> Result<(), SessionError> {
        for member in &mut self.members {
            if let Kind::Recipe(own) = &mut member.kind {
                let (recipe, graph) = own.as_mut();
                for slot in graph.slots.clone() {
                    graph.add_training_photos(project, recipe, photos, slot)?;
                }
            }
        }
        self.add_of_members();
        Ok(())
    }
}

/// Whether a step of a recipe's own `[post]` goes by the labels of training photos.
fn by_labels(recipe: &Recipe) -> bool {
    post::steps(recipe).iter().any(Step::needs_labelled)
}

/// The tables about training that an ensemble's own file has, though it trains nothing.
pub fn idle_tables(recipe: &crate::book::Book) -> Vec<&'static str> {
    const IDLE: [&str; 6] = ["augment", "backbone", "final", "loss", "pseudo_labels", "train"];
    let written = |table: &&str| {
        let of_table =
            |name: &String| name.strip_prefix(*table).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        let found = recipe.origins.iter().find(|(name, origin)| of_table(name) && origin.kind == OriginKind::Own);
        found.is_some() && !matches!(recipe.settings.get(table), None | Some(Value::Bool(false)))
    };
    IDLE.into_iter().filter(written).collect()
}
