//! Ranked lists of one fold's queries among its gallery, by cosine.

use std::path::Path;

use super::{Bench, Made, Task, embed, post};
use crate::base::{Key, Value};
use crate::dag::Stage;
use crate::data::folds::Asked;
use crate::retrieve::post::Step;
use crate::retrieve::{Embeddings, Ranking, index};
use crate::session::{Project, Recipe, SessionError, Slot};

/// The artefact's file.
pub const FILE: &str = "ranking.safetensors";

/// The stage of one fold.
pub fn stage(project: &Project, recipe: &Recipe, slot: Slot, input: Key) -> Stage {
    let stage = Stage::new("rank", index::VERSION)
        .part(slot.to_string())
        .setting("k", Value::Int(project.competition.k as i64))
        .input("embeddings", input);
    // Without steps this is the stage that `[post]` belongs to, and its reason must say so.
    if post::has_steps(recipe) { stage } else { stage.table(recipe.settings(), "post") }
}

pub(super) fn make<'a>(bench: &'a Bench<'a>, slot: Slot) -> Result<Made<'a>, SessionError> {
    let (name, k) = (slot.to_string(), bench.project.competition.k);
    let ranking = match ranked(bench, slot)? {
        Some(ranking) => ranking.cut(k),
        None => {
            let (queries, gallery) = embeddings(bench, slot)?;
            index::search(&queries, &gallery, k, &bench.progress("rank", &name), bench.cancel)?
        }
    };
    Ok(Made::new(move |folder: &Path| Ok(ranking.save(&folder.join(FILE))?)))
}

/// What a training's queries and gallery are ranked by: the embeddings after the steps of `[post]`, or without any as they are.
pub(super) fn embeddings(bench: &Bench<'_>, slot: Slot) -> Result<(Embeddings, Embeddings), SessionError> {
    if bench.graph.place(Task::Post { slot }).is_some() {
        let folder = bench.folder(Task::Post { slot })?;
        return Ok((Embeddings::load(&folder.join(post::QUERIES))?, Embeddings::load(&folder.join(post::GALLERY))?));
    }
    let all = Embeddings::load(&bench.folder(Task::Embed { slot })?.join(embed::FILE))?;
    let fold = &bench.graph.folds[slot.fold];
    Ok((all.subset(&fold.query)?, all.subset(&fold.gallery)?))
}

/// The lists of a training whose steps of `[post]` rank.
pub(super) fn ranked(bench: &Bench<'_>, slot: Slot) -> Result<Option<Ranking>, SessionError> {
    if bench.graph.place(Task::Post { slot }).is_none() || !post::steps(bench.recipe).iter().any(Step::ranks) {
        return Ok(None);
    }
    Ok(Some(Ranking::load(&bench.folder(Task::Post { slot })?.join(post::RANKING))?))
}

/// Plain search in embeddings; `told` is the part and the stage that progress is told of.
pub(super) fn search(
    bench: &Bench<'_>,
    asked: &Asked,
    all: &Embeddings,
    (name, stage): (&str, &str),
) -> Result<Ranking, SessionError> {
    let (queries, gallery) = (all.subset(&asked.query)?, all.subset(&asked.gallery)?);
    let k = bench.project.competition.k;
    Ok(index::search(&queries, &gallery, k, &bench.progress(stage, name), bench.cancel)?)
}
