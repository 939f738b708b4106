//! A row for each held-out query of each training: where its first right answer stands, and its answers.
//!
//! Columns `recipe`, `rung`, `training` ("fold 0"), `fold`, `seed`, `query` (its id), `label`, `first` (the rank of the first right answer, from 1; a
//! gap: not among the best k), `relevant` (right answers in the gallery), `score` (what the query is worth to the metric), and as lists, best
//! first, `answers` (ids; a gap means "not in the gallery"), `hits`, `similarities`.

use super::{Asked, Cells, PIECE, Table, column, texts};
use crate::session::errands::looking::Seen;
use crate::session::errands::looking::queries::{self, Answer, Queries, Query};
use crate::session::{Photos, Project, SessionError, Slot};

/// Whether a recipe's lists are in the store.
///
/// # Errors
/// When they are not; the error names what makes them.
pub fn is_there(project: &Project, asked: &Asked) -> Result<(), SessionError> {
    queries::keys(project, &asked.graph, &asked.recipe.name).map(drop)
}

/// The table of a recipe's queries, in pieces; at least one, which may be empty. Its lists are read when the first piece is asked for.
///
/// # Errors
/// When they are not in the store, or cannot be read.
pub fn tables(
    project: &Project,
    photos: &Photos,
    asked: &Asked,
) -> Result<impl Iterator<Item = Table> + use<>, SessionError> {
    let queries = Queries::of(project, photos, &asked.graph, &asked.recipe.name)?;
    let count = queries.queries.len();
    let piece = move |first: usize| rows(&queries, &queries.queries[first..count.min(first + PIECE)]);
    Ok((0..count.max(1)).step_by(PIECE).map(piece))
}

fn rows(queries: &Queries, part: &[Query]) -> Table {
    let seen: Vec<Seen> = part.iter().map(|query| queries.seen(query.photo)).collect();
    let answers: Vec<Vec<Answer>> = part.iter().map(|query| queries.answers(query)).collect();
    let slots: Vec<Option<Slot>> = part.iter().map(|query| Slot::of_part(queries.training(query))).collect();
    let ids = |list: &Vec<Answer>| list.iter().map(|answer| answer.seen.as_ref().map(|seen| seen.id.clone())).collect();
    let whole = |values: Vec<Option<i64>>| Cells::Whole(values);
    Table {
        columns: vec![
            texts("recipe", part.iter().map(|_| queries.recipe.as_str())),
            texts("rung", part.iter().map(|_| queries.rung.as_str())),
            texts("training", part.iter().map(|query| queries.training(query))),
            column("fold", whole(slots.iter().map(|slot| slot.map(|slot| slot.fold as i64)).collect())),
            column("seed", whole(slots.iter().map(|slot| slot.map(|slot| slot.seed as i64)).collect())),
            texts("query", seen.iter().map(|seen| seen.id.as_str())),
            column("label", Cells::Text(seen.iter().map(|seen| seen.label.clone()).collect())),
            column("first", whole(part.iter().map(|query| query.first.map(|rank| rank as i64)).collect())),
            column("relevant", whole(part.iter().map(|query| Some(query.relevant as i64)).collect())),
            column("score", Cells::Single(part.iter().map(|query| query.value).collect())),
            column("answers", Cells::Texts(answers.iter().map(ids).collect())),
            column("hits", Cells::Flags(answers.iter().map(|list| list.iter().map(|one| one.hit).collect()).collect())),
            column(
                "similarities",
                Cells::Singles(answers.iter().map(|list| list.iter().map(|one| one.similarity).collect()).collect()),
            ),
        ],
    }
}
