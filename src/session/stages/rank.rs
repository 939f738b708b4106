//! Ranked lists of one fold's queries among its gallery, by cosine.

use std::path::Path;

use super::post::{self, chain};
use super::{Bench, Made, ensemble};
use crate::base::{Key, Value};
use crate::dag::Stage;
use crate::data::folds::Asked;
use crate::retrieve::post::Step;
use crate::retrieve::{Embeddings, Ranking, Sides, index};
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
    let fold = bench.graph.fold(slot);
    if let Some(ranking) = ensemble::lists(bench, slot)? {
        return Ok(Made::new(move |folder: &Path| Ok(ranking.cut(k).save(&folder.join(FILE))?)));
    }
    let ranking = match chain::lists(bench, slot)? {
        Some((lists, absent)) => lists.ranking(&fold.query, &fold.gallery, absent.as_ref(), k),
        None => {
            let Sides { queries, gallery, .. } = chain::ranked_sides(bench, slot)?;
            index::search(&queries, &gallery, k, &bench.progress("rank", &name), bench.cancel)?
        }
    };
    Ok(Made::new(move |folder: &Path| Ok(ranking.save(&folder.join(FILE))?)))
}

/// Whether steps of `[post]` rank, or an ensemble gives lists, and not the cosine alone.
pub(super) fn by_steps(bench: &Bench<'_>) -> bool {
    post::steps(bench.recipe).iter().any(Step::ranks) || ensemble::gives_lists(bench.recipe)
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
