//! Steps between embedding and ranking: the list `steps` of `[post]`.
//!
//! Takes queries and gallery, gives both changed, in the same space. Steps run in the order in which
//! they are written; each is fitted on what it says (never on labels here), and says in one line
//! what it did. Which of them help differs from competition to competition, in sign too, so none is
//! on by default: measure each on held-out queries.
//!
//! Names and parameters are declared once, in `declared`, from which recipes are checked, help is
//! printed and the reference is made.

mod alpha_qe;
mod declared;
pub mod eigen;
mod pca;

use serde::{Deserialize, Serialize};

pub use declared::{SECTIONS, TECHNIQUES, goes_by_labels};
pub use pca::{Fit, Pca};

use super::index::exact::inverse_norm;
use super::{Embeddings, RetrieveError};
use crate::base::{Cancel, Progress, Value};

/// Version of the algorithms, for keys.
pub const VERSION: u32 = 1;

/// One line of `steps`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Step {
    /// Each row divided by its L2 norm.
    L2 {},
    /// Projection on the directions of greatest variance.
    Pca {
        /// Directions kept.
        dim: usize,
        /// Whether each direction is scaled to variance 1.
        #[serde(default)]
        whiten: bool,
        /// Whose mean and covariance.
        #[serde(default)]
        fit: Fit,
    },
    /// Each query moved towards its best neighbours.
    AlphaQe {
        /// Neighbours.
        #[serde(default = "declared::alpha_qe_k")]
        k: usize,
        /// Power of the cosine that weighs a neighbour.
        #[serde(default = "declared::alpha_qe_alpha")]
        alpha: f64,
    },
}

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

/// Runs the steps in order.
///
/// # Errors
/// When dims differ, a number is not finite, a step cannot be fitted (it says why), or on a stop.
pub fn apply(
    steps: &[Step],
    queries: Embeddings,
    gallery: Embeddings,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Processed, RetrieveError> {
    queries.check()?;
    gallery.check()?;
    if queries.dim != gallery.dim {
        let (expected, found) = (gallery.dim, queries.dim);
        return Err(RetrieveError::Shape {
            what: "numbers in a query's embedding, as in the gallery",
            expected,
            found,
        });
    }
    let mut now = Processed { queries, gallery, notes: Vec::new() };
    for (i, step) in steps.iter().enumerate() {
        cancel.check()?;
        progress.at("post", i as u64, steps.len() as u64, "steps");
        let note = match step {
            Step::L2 {} => {
                let zeros = l2(&mut now.queries) + l2(&mut now.gallery);
                if zeros == 0 { "l2".to_owned() } else { format!("l2: {zeros} zero rows stay zero") }
            }
            Step::Pca { dim, whiten, fit } => {
                let pca = Pca::fit(*fit, &now.queries, &now.gallery, *dim, *whiten, cancel)?;
                now.queries = pca.project(&now.queries)?;
                now.gallery = pca.project(&now.gallery)?;
                pca.note()
            }
            Step::AlphaQe { k, alpha } => {
                let (queries, note) = alpha_qe::expand(&now.queries, &now.gallery, *k, *alpha, progress, cancel)?;
                now.queries = queries;
                note
            }
        };
        now.notes.push(note);
    }
    progress.at("post", steps.len() as u64, steps.len() as u64, "steps");
    Ok(now)
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
                    _ => [&mut filled, &mut bare].into_iter().for_each(|t| t.set(param.name, Value::Int(3))),
                }
            }
            steps.push((bare, filled));
        }
        assert!(steps.len() >= 3);
        for (bare, filled) in steps {
            post.set("steps", Value::List(vec![bare, filled]));
            let read = read(&post).unwrap();
            assert_eq!(read[0], read[1]);
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
