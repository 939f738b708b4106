//! Steps between embedding and ranking: the list `steps` of `[post]`.
//!
//! Takes queries and gallery, gives both changed, in the same space. Steps run in the order in which they are written; each is fitted
//! on what it says, and says in one line what it did. Those that rank ([`Step::ranks`]) are in [`super::rerank`], which runs whole
//! chains; [`apply`] here takes chains that only change embeddings. Which steps help differs from competition to competition, in sign
//! too, so none is on by default: measure each on held-out queries.
//!
//! `linear` has the steps that are one matrix, `expand` those that move photos by their neighbours, `local` what a network finds at each
//! place of a photo. Names and parameters are declared
//! once, in `declared`, from which recipes are checked, help is printed and the reference is made.

mod declared;
mod expand;
mod linear;
pub mod local;
mod step;
pub mod views;

use serde::Deserialize;

pub use declared::{SECTIONS, TECHNIQUES, goes_by_labels};
pub use linear::{Fit, Pca, eigen};
pub use step::Step;

use super::index::exact::inverse_norm;
use super::sides::Sides;
use super::{Embeddings, RetrieveError};
use crate::base::{Cancel, Progress, Value};
use expand::weighted::{Whose, expand};
use expand::{blend, negative};
use linear::Whiten;

/// Version of the algorithms, for keys.
pub const VERSION: u32 = 3;

/// Queries and gallery after the steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Processed {
    /// The queries, in their order.
    pub queries: Embeddings,
    /// The gallery, in its order.
    pub gallery: Embeddings,
    /// One line a step: what it did.
    pub notes: Vec<String>,
}

/// Reads the steps out of the table `[post]`, whose settings are canonical.
///
/// # Errors
/// When a step is unknown, not built yet, or a parameter is missing or of another kind.
pub fn read(post: &Value) -> Result<Vec<Step>, RetrieveError> {
    #[derive(Deserialize)]
    struct Post {
        #[serde(default)]
        steps: Vec<Step>,
    }
    post.decode::<Post>().map(|post| post.steps).map_err(|e| RetrieveError::Settings(e.to_string()))
}

/// Runs steps that change embeddings, in order, on queries and gallery alone.
///
/// # Errors
/// When dims differ, a number is not finite, a step cannot be fitted or ranks (it says why), or on a stop.
pub fn apply(
    steps: &[Step],
    queries: Embeddings,
    gallery: Embeddings,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Processed, RetrieveError> {
    let mut sides = Sides::new(queries, gallery);
    sides.check()?;
    let mut notes = Vec::new();
    for (i, step) in steps.iter().enumerate() {
        cancel.check()?;
        progress.at("post", i as u64, steps.len() as u64, "steps");
        notes.push(change(step, &mut sides, progress, cancel)?);
    }
    progress.at("post", steps.len() as u64, steps.len() as u64, "steps");
    Ok(Processed { queries: sides.queries, gallery: sides.gallery, notes })
}

/// Runs one step on embeddings. What only changes the space (`l2`, `pca`, `whiten-supervised`) changes labelled photos and
/// non-targets too; what moves photos leaves them where they are.
///
/// # Errors
/// As [`apply`].
pub(super) fn change(
    step: &Step,
    sides: &mut Sides,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<String, RetrieveError> {
    let note = match step {
        Step::Tta { .. } => {
            let Some([queries, gallery]) = sides.views.take() else {
                let why =
                    "it averages views of the photos, and they are not embedded here; a run embeds them".to_owned();
                return Err(RetrieveError::Step { step: step.name(), why });
            };
            if (&queries.photos, &gallery.photos) != (&sides.queries.photos, &sides.gallery.photos) {
                let why = "the views are of other photos".to_owned();
                return Err(RetrieveError::Step { step: step.name(), why });
            }
            (sides.queries, sides.gallery) = (queries, gallery);
            "tta: the mean of each photo's views".to_owned()
        }
        Step::L2 {} => {
            let zeros: usize = sides.all_mut().map(l2).sum();
            if zeros == 0 { "l2".to_owned() } else { format!("l2: {zeros} zero rows stay zero") }
        }
        Step::Pca { dim, whiten, fit } => {
            let pca = Pca::fit(*fit, &sides.queries, &sides.gallery, *dim, *whiten, cancel)?;
            for side in sides.all_mut() {
                *side = pca.project(side)?;
            }
            pca.note()
        }
        Step::WhitenSupervised { dim } => {
            let whiten = Whiten::fit(sides.labelled("whiten-supervised")?, *dim, cancel)?;
            for side in sides.all_mut() {
                *side = whiten.project(side)?;
            }
            whiten.note()
        }
        Step::Aqe { k } => expanded("aqe", sides, (*k, 0.0), progress, cancel)?,
        Step::AlphaQe { k, alpha } => expanded("alpha-qe", sides, (*k, *alpha), progress, cancel)?,
        Step::Dba { k, alpha } => {
            let whose = ("dba", Whose::Gallery);
            let (gallery, note) = expand(whose, &sides.gallery, &sides.gallery, (*k, *alpha), progress, cancel)?;
            sides.gallery = gallery;
            note
        }
        Step::Inb { k, thresholds, min2 } => {
            let (queries, gallery, note) =
                blend::blend(&sides.queries, &sides.gallery, *k, thresholds, *min2, progress, cancel)?;
            (sides.queries, sides.gallery) = (queries, gallery);
            note
        }
        Step::NegativeSubtraction { k, beta, iterations, dba_k, dba_alpha } => {
            let settings = negative::Settings {
                k: *k,
                beta: *beta,
                iterations: *iterations,
                dba_k: *dba_k,
                dba_alpha: *dba_alpha,
            };
            let negatives = &sides.labelled("negative-subtraction")?.embeddings;
            let negatives = negative::averaged(negatives, settings, progress, cancel)?;
            sides.queries = negative::subtract(&sides.queries, &negatives, settings, progress, cancel)?;
            sides.gallery = negative::subtract(&sides.gallery, &negatives, settings, progress, cancel)?;
            format!("negative-subtraction: {} negatives, beta {beta}", negatives.len())
        }
        Step::KReciprocal { .. }
        | Step::Diffusion { .. }
        | Step::Csls { .. }
        | Step::InvertedSoftmax { .. }
        | Step::Bridge { .. }
        | Step::SortInsert { .. }
        | Step::CoarseAgreement { .. }
        | Step::ClassLogits { .. }
        | Step::NonTargetPenalty { .. }
        | Step::SpatialCheck { .. }
        | Step::NotInGallery { .. } => {
            let why = "it ranks, and only embeddings are asked for here; leave it out".to_owned();
            return Err(RetrieveError::Step { step: step.name(), why });
        }
    };
    Ok(note)
}

fn expanded(
    step: &'static str,
    sides: &mut Sides,
    settings: (usize, f64),
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<String, RetrieveError> {
    let (queries, note) = expand((step, Whose::Queries), &sides.queries, &sides.gallery, settings, progress, cancel)?;
    sides.queries = queries;
    Ok(note)
}

/// Divides each row by its L2 norm in place; returns how many rows were zero and stayed so.
pub fn l2(embeddings: &mut Embeddings) -> usize {
    let mut zeros = 0;
    for row in embeddings.data.chunks_exact_mut(embeddings.dim.max(1)) {
        let scale = inverse_norm(row);
        zeros += usize::from(scale == 0.0);
        for x in row {
            *x = (f64::from(*x) * scale) as f32;
        }
    }
    zeros
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;
    use crate::base::progress::Silent;
    use crate::book::technique::Kind;
    use crate::retrieve::index;

    fn drawn(seed: u64, photos: std::ops::Range<u32>, dim: usize) -> Embeddings {
        let mut draws = Seed::new(seed).draws();
        let data = (0..photos.len() * dim).map(|_| draws.normal() as f32 + 0.3).collect();
        Embeddings::new(dim, photos.collect(), data).unwrap()
    }

    #[test]
    fn steps_are_read_with_the_papers_names() {
        let entry =
            |pairs: &[(&str, Value)]| Value::Table(pairs.iter().map(|(k, v)| ((*k).into(), v.clone())).collect());
        let mut post = Value::table();
        let steps = vec![
            entry(&[("op", Value::Text("l2".into()))]),
            entry(&[("op", Value::Text("pca".into())), ("dim", Value::Int(8)), ("whiten", Value::Bool(true))]),
            entry(&[("op", Value::Text("alpha-qe".into())), ("k", Value::Int(5)), ("alpha", Value::Float(2.0))]),
        ];
        post.set("steps", Value::List(steps));
        let pca = Step::Pca { dim: 8, whiten: true, fit: Fit::Gallery };
        assert_eq!(read(&post).unwrap(), [Step::L2 {}, pca, Step::AlphaQe { k: 5, alpha: 2.0 }]);
        assert_eq!(read(&Value::table()).unwrap(), []);
        post.set("steps", Value::List(vec![entry(&[("op", Value::Text("pca".into()))])]));
        assert!(read(&post).unwrap_err().to_string().contains("dim"));
    }

    #[test]
    fn defaults_are_those_that_are_declared() {
        let mut post = Value::table();
        let mut steps = Vec::new();
        for technique in TECHNIQUES.iter().filter(|t| t.status == crate::book::technique::Status::Built) {
            let mut filled = Value::table();
            let mut bare = Value::table();
            for table in [&mut filled, &mut bare] {
                table.set("op", Value::Text(technique.name.into()));
            }
            for param in technique.params {
                match param.default {
                    crate::book::technique::Default::Is(literal) => filled.set(param.name, literal.value()),
                    _ => {
                        let value = match param.kind {
                            Kind::List { .. } => Value::List(vec![Value::Text("a label".into())]),
                            _ => Value::Int(3),
                        };
                        [&mut filled, &mut bare].into_iter().for_each(|t| t.set(param.name, value.clone()));
                    }
                }
            }
            steps.push((bare, filled));
        }
        assert!(steps.len() >= 3);
        for (bare, filled) in steps {
            let name = bare.get("op").and_then(Value::as_text).map(str::to_owned);
            post.set("steps", Value::List(vec![bare, filled]));
            let read = read(&post).unwrap();
            assert_eq!(read[0], read[1]);
            assert_eq!(Some(read[0].name()), name.as_deref());
        }
    }

    #[test]
    fn l2_changes_no_list_and_a_zero_row_stays() {
        let (mut queries, gallery) = (drawn(1, 0..20, 6), drawn(2, 10..90, 6));
        queries.data[..6].fill(0.0);
        let done = apply(&[Step::L2 {}], queries.clone(), gallery.clone(), &Silent, &Cancel::new()).unwrap();
        assert_eq!(done.notes, ["l2: 1 zero rows stay zero"]);
        assert!((inverse_norm(done.gallery.row(7)) - 1.0).abs() < 1e-6);
        let lists = |q, g| index::search(q, g, 5, &Silent, &Cancel::new()).unwrap().items;
        assert_eq!(lists(&done.queries, &done.gallery), lists(&queries, &gallery));
    }
}
