//! What the data showed, and the best and worst queries with their photos.
//!
//! Takes the manifest, reviews, `edits.csv` and the ranked lists of the store; gives counts, and a few queries with their first answers.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::subject::Meant;
use super::{Gaps, Lack};
use crate::base::Cancel;
use crate::data::Role;
use crate::session::errands::looking::Seen;
use crate::session::errands::looking::loader::{Loaded, load};
use crate::session::errands::looking::queries::{Order, Queries, Query};
use crate::session::snapshot::Snapshot;
use crate::session::{Photos, Project, SessionError};

/// Answers that are shown of a query.
const ANSWERS: usize = 5;
/// The longer side of a photo, in pixels.
pub const PIXELS: u32 = 192;

/// The data, and what was found in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Data {
    /// Labelled photos.
    pub train: usize,
    /// Photos that the host asks for.
    pub queries: usize,
    /// Photos among which they are looked up.
    pub gallery: usize,
    /// Scored labels.
    pub labels: usize,
    /// Photos that cannot be used.
    pub skipped: usize,
    /// What the folds are made of, in words.
    pub folds: Vec<String>,
    /// What the reader of the tables said.
    pub notes: Vec<String>,
    /// What reviews found.
    pub reviews: Vec<Looked>,
    /// Decisions by action, then by who or what suggested them: how many.
    pub edits: Vec<(String, String, usize)>,
}

/// A review of the photos.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Looked {
    /// The recipe whose networks looked; empty where only pictures were looked at.
    pub recipe: String,
    /// Whether its networks were trained.
    pub trained: bool,
    /// Photos that were looked at.
    pub photos: usize,
    /// Whether it was made of other photos or networks than those of now.
    pub stale: bool,
    /// Suspects over their list's threshold, by kind.
    pub found: Vec<(String, usize)>,
}

/// Queries with their answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Examples {
    /// Queries in all.
    pub queries: usize,
    /// Queries whose first answer is right.
    pub first: usize,
    /// Queries without a right answer among the best k.
    pub none: usize,
    /// k.
    pub k: usize,
    /// The best answered ones, the surest first.
    pub best: Vec<Example>,
    /// The worst, the surest mistakes first.
    pub worst: Vec<Example>,
}

/// A query with its answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Example {
    /// The photo.
    pub seen: Seen,
    /// Which training answered.
    pub training: String,
    /// The rank of the first right answer.
    pub first: Option<usize>,
    /// What it is worth to the metric, 0 to 1.
    pub value: f32,
    /// Its picture.
    #[serde(skip)]
    pub picture: Loaded,
    /// Its first answers.
    pub answers: Vec<Reply>,
}

/// An answer with its picture.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reply {
    /// The rank.
    pub rank: usize,
    /// The photo; `None` for "not in the gallery".
    pub seen: Option<Seen>,
    /// Whether it is right.
    pub hit: bool,
    /// Cosine, or the score of the step that ranked.
    pub similarity: f32,
    /// Its picture.
    #[serde(skip)]
    pub picture: Loaded,
}

/// Tells of the data.
pub(super) fn data(
    project: &Project,
    photos: &Photos,
    snapshot: &Snapshot,
    meant: &Meant,
    gaps: &mut Gaps,
) -> Result<Data, SessionError> {
    let count = |roles: &[Role]| photos.manifest.with_role(roles).count();
    let reviews: Vec<Looked> = snapshot
        .reviews
        .iter()
        .filter(|review| !review.lists.is_empty())
        .map(|review| Looked {
            recipe: review.recipe.clone(),
            trained: review.trained,
            photos: review.photos,
            stale: review.stale.is_some(),
            found: review
                .lists
                .iter()
                .filter(|list| list.over > 0)
                .map(|list| (list.kind.name().to_owned(), list.over))
                .collect(),
        })
        .collect();
    gaps.lacks(reviews.is_empty(), Lack::Review, || format!("toji review {}", meant.recipe.name));
    let mut edits: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (edit, _) in &project.edits()?.rows {
        *edits.entry((edit.action.name().to_owned(), edit.by.clone())).or_default() += 1;
    }
    let root = format!("{}/", project.root.display());
    Ok(Data {
        train: count(&[Role::Train]),
        queries: count(&[Role::Query, Role::Both]),
        gallery: count(&[Role::Gallery, Role::Both]),
        labels: photos.manifest.labels.len(),
        skipped: photos.manifest.skipped.len(),
        folds: meant.graph.as_ref().map(|graph| graph.divided.lines.clone()).unwrap_or_default(),
        notes: photos.notes.iter().map(|note| note.replace(&root, "")).collect(),
        reviews,
        edits: edits.into_iter().map(|((action, by), count)| (action, by, count)).collect(),
    })
}

/// The best and the worst queries; `None` where no lists are there.
pub(super) fn examples(
    project: &Project,
    photos: &Photos,
    meant: &Meant,
    wanted: usize,
    cancel: &Cancel,
) -> Result<Option<Examples>, SessionError> {
    let Some(graph) = &meant.graph else { return Ok(None) };
    let Ok(found) = Queries::of(project, photos, graph, &meant.recipe.name) else { return Ok(None) };
    let order = found.order(Order::Worst);
    // What the gallery cannot answer is no mistake; what is right everywhere is no bad example.
    let query = |place: &u32| &found.queries[*place as usize];
    let worst = order.iter().map(query).filter(|query| query.relevant > 0 && query.value < 1.0).collect();
    let mut best: Vec<&Query> = order.iter().map(query).filter(|query| query.value > 0.0).collect();
    best.sort_by(|a, b| b.value.total_cmp(&a.value).then(b.similarity.total_cmp(&a.similarity)));
    let label = |query: &Query| photos.manifest.photos.get(query.photo as usize).and_then(|photo| photo.label);
    let (worst, best) = (varied(worst, label, wanted), varied(best, label, wanted));
    let picture =
        |seen: &Seen| load(&project.root.join(&seen.file), seen.part, PIXELS, &project.competition.data.limits);
    let example = |query: &Query| -> Result<Example, SessionError> {
        cancel.check()?;
        let seen = found.seen(query.photo);
        let answers = found.answers(query).into_iter().take(ANSWERS).map(|answer| Reply {
            rank: answer.rank,
            picture: answer.seen.as_ref().map_or_else(|| Err("it is not in the gallery".to_owned()), picture),
            seen: answer.seen,
            hit: answer.hit,
            similarity: answer.similarity,
        });
        Ok(Example {
            picture: picture(&seen),
            training: found.training(query).to_owned(),
            first: query.first,
            value: query.value,
            answers: answers.collect(),
            seen,
        })
    };
    Ok(Some(Examples {
        queries: found.queries.len(),
        first: found.queries.iter().filter(|query| query.first == Some(1)).count(),
        none: found.queries.iter().filter(|query| query.first.is_none()).count(),
        k: found.k,
        best: best.into_iter().map(example).collect::<Result<_, _>>()?,
        worst: worst.into_iter().map(example).collect::<Result<_, _>>()?,
    }))
}

/// The first of each label, then the others, until there are enough: two photos that find each other say one thing twice.
fn varied<L: Ord>(queries: Vec<&Query>, label: impl Fn(&Query) -> Option<L>, wanted: usize) -> Vec<&Query> {
    let mut met = BTreeSet::new();
    let (first, others): (Vec<&Query>, Vec<&Query>) =
        queries.into_iter().partition(|query| label(query).is_none_or(|label| met.insert(label)));
    first.into_iter().chain(others).take(wanted).collect()
}
