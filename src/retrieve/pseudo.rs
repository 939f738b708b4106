//! Pseudo-labels: labels for photos that have none, from the labelled photos nearest to them.
//!
//! Takes embeddings of both; gives those photos whose nearest label is sure enough, with it. Who is asked, how often, and what is learnt from
//! them is not known here. Pseudo-labelling: Lee 2013, ICML Workshop on Challenges in Representation Learning; in rounds with a threshold on
//! the cosine: Happywhale 2022, places 1, 2 and 19.

use serde::{Deserialize, Serialize};

use super::index;
use super::{Embeddings, Labelled, RetrieveError};
use crate::base::value::DecodeError;
use crate::base::{Cancel, Progress, Value};
use crate::book::technique::{Body, Default as Standard, Kind, Literal, Param, Section, Status};

/// Version of the algorithm, for keys.
pub const VERSION: u32 = 1;

/// Labelled photos that are looked at around each photo, at least; and for each of `k`.
const DEPTH: usize = 50;

/// The `[pseudo_labels]` table of a recipe.
pub const SECTIONS: &[&Section] = &[&Section {
    name: "pseudo_labels",
    about: "Trains in rounds: what a training is sure of among the host's photos is learnt by the next one. A fold's rounds see only what its \
            own networks say, which never saw its held-out photos, so the score stays honest; a photo of the host that is also a held-out one \
            is left out. A rung that ends early trains the first round alone.",
    body: Body::Optional(&[
        Param::new(
            "thresholds",
            Kind::List { of: &Kind::Float { min: -1.0, max: 1.0 }, min: 1, max: 8 },
            Standard::Is(Literal::List(&[Literal::Float(0.8)])),
            "The least similarity to a label by which a photo gets it, one for each round after the first training. Cosines depend on loss and \
             backbone: `toji run` tells how many photos each round labelled, and a round that labels fewer than a tenth is hardly worth its \
             training. Happywhale 2022, 2nd: 0.8, round after round 0.812, 0.849, 0.860, 0.862, 0.863; Humpback 2019, 1st: +0.001. It did not \
             help at Landmark 2019. What a network gets wrong with certainty is learnt, too: later thresholds should not be lower.",
        ),
        Param::new(
            "from",
            Kind::Choice(&["both", "query", "gallery"]),
            Standard::Is(Literal::Text("both")),
            "Which of the host's photos may be labelled. Whether the rules allow it must be read there: some hosts forbid training on test photos.",
        ),
        Param::new(
            "k",
            Kind::Int { min: 1, max: 100 },
            Standard::Is(Literal::Int(1)),
            "A label's similarity is the mean over its k nearest photos; one that a label lacks counts 0. 1: the nearest photo decides.",
        ),
        Param::new(
            "margin",
            Kind::Float { min: 0.0, max: 2.0 },
            Standard::Is(Literal::Float(0.0)),
            "How far a label must be ahead of the second one.",
        ),
    ]),
    status: Status::Built,
}];

/// Which of the host's photos may be labelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum From {
    /// Queries and gallery.
    Both,
    /// The queries.
    Query,
    /// The gallery.
    Gallery,
}

/// `[pseudo_labels]` as it is written.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PseudoLabels {
    /// The least similarity, one a round.
    pub thresholds: Vec<f64>,
    /// Who may be labelled.
    pub from: From,
    /// Photos of a label that are averaged.
    pub k: usize,
    /// How far a label must be ahead.
    pub margin: f64,
}

impl PseudoLabels {
    /// The settings of a canonical `[pseudo_labels]` table.
    ///
    /// # Errors
    /// When the table does not fit, which the declared rows should have caught.
    pub fn of(table: &Value) -> Result<PseudoLabels, DecodeError> {
        table.decode()
    }
}

/// A label that was guessed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Guess {
    /// The photo.
    pub photo: u32,
    /// Its label.
    pub label: u32,
    /// How alike they are, in [-1, 1].
    pub similarity: f32,
}

/// The photos that are sure enough of a label, in their order, with it: similarity of at least `threshold`, and `margin` ahead of the second.
/// Of equal labels the one whose photo is nearer counts, then the earlier one.
///
/// # Errors
/// When embeddings differ in length, a number is not finite, or on a stop.
pub fn guesses(
    photos: &Embeddings,
    known: &Labelled,
    (k, threshold, margin): (usize, f64, f64),
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Vec<Guess>, RetrieveError> {
    known.check()?;
    let depth = DEPTH.max(10 * k);
    let found = index::neighbours(photos, &known.embeddings, depth, progress, cancel)?;
    let mut guesses = Vec::new();
    for (i, &photo) in photos.photos.iter().enumerate() {
        // Labels in the order of their nearest photo, each with the cosines of its first k.
        let mut labels: Vec<(u32, Vec<f32>)> = Vec::new();
        for (place, cosine) in found.pairs(i) {
            let Some(&label) = known.labels.get(place as usize) else { continue };
            match labels.iter_mut().find(|(other, _)| *other == label) {
                Some((_, cosines)) if cosines.len() < k => cosines.push(cosine),
                Some(_) => {}
                None => labels.push((label, vec![cosine])),
            }
        }
        let sum = |cosines: &[f32]| cosines.iter().map(|&x| f64::from(x)).sum::<f64>();
        let mean = |cosines: &[f32]| sum(cosines) / k as f64;
        // No photo beyond the list is nearer than its last one, so no label can be more alike than this.
        let last = found.pairs(i).last().filter(|_| depth < known.labels.len()).map(|(_, cosine)| f64::from(cosine));
        let most = |cosines: &[f32]| match last {
            Some(last) => (sum(cosines) + (k - cosines.len()) as f64 * last.max(0.0)) / k as f64,
            None => mean(cosines),
        };
        let mut best: Option<(u32, f64)> = None;
        for (label, cosines) in &labels {
            if best.is_none_or(|(_, similarity)| mean(cosines) > similarity) {
                best = Some((*label, mean(cosines)));
            }
        }
        let others = labels.iter().filter(|(label, _)| best.is_some_and(|(own, _)| own != *label));
        let second = others.map(|(_, cosines)| most(cosines)).chain(last).fold(f64::NEG_INFINITY, f64::max);
        if let Some((label, similarity)) = best
            && similarity >= threshold
            && similarity - second >= margin
        {
            guesses.push(Guess { photo, label, similarity: similarity as f32 });
        }
    }
    Ok(guesses)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;
    use crate::base::progress::Silent;
    use crate::retrieve::post::l2;

    fn rows(count: usize, dim: usize, first: u32, seed: u64) -> Embeddings {
        let mut draws = Seed::new(seed).draws();
        let data = (0..count * dim).map(|_| (draws.unit() - 0.5) as f32).collect();
        let mut rows = Embeddings::new(dim, (first..).take(count).collect(), data).unwrap();
        l2(&mut rows);
        rows
    }

    #[test]
    fn worked_numbers() {
        // On the circle: labels 7 at 0° and 10°, 9 at 90°; photos at 20°, 60°, 180°.
        let at = |degrees: f64| [degrees.to_radians().cos() as f32, degrees.to_radians().sin() as f32];
        let of = |all: &[f64], first: u32| {
            let data = all.iter().flat_map(|&x| at(x)).collect();
            Embeddings::new(2, (first..).take(all.len()).collect(), data).unwrap()
        };
        let known = Labelled { embeddings: of(&[0.0, 10.0, 90.0], 0), labels: vec![7, 7, 9], coarse: None };
        let photos = of(&[20.0, 60.0, 180.0], 10);
        let ask = |settings| {
            let found = guesses(&photos, &known, settings, &Silent, &Cancel::new()).unwrap();
            found.iter().map(|guess| (guess.photo, guess.label, (guess.similarity * 1e3).round())).collect::<Vec<_>>()
        };
        // cos 10°, cos 30°.
        assert_eq!(ask((1, 0.8, 0.0)), [(10, 7, 985.0), (11, 9, 866.0)]);
        assert_eq!(ask((1, 0.9, 0.0)), [(10, 7, 985.0)]);
        // 60° is only 0.866 - 0.643 ahead of 7.
        assert_eq!(ask((1, 0.8, 0.23)), [(10, 7, 985.0)]);
        // Of two photos the mean: (cos 20° + cos 10°) / 2; 9 has one of them only, and half of cos 30° is little.
        assert_eq!(ask((2, 0.8, 0.0)), [(10, 7, 962.0)]);
    }

    #[test]
    fn a_label_that_fills_the_list_is_not_ahead_of_what_is_behind_it() {
        // 60 photos of one label at 10°, one of another at 10.1°: looked at are the first 50.
        let at = |degrees: f64| [degrees.to_radians().cos() as f32, degrees.to_radians().sin() as f32];
        let data: Vec<f32> = (0..60).flat_map(|_| at(10.0)).chain(at(10.1)).collect();
        let embeddings = Embeddings::new(2, (0..61).collect(), data).unwrap();
        let known = Labelled { embeddings, labels: (0..61).map(|i| u32::from(i == 60)).collect(), coarse: None };
        let photo = Embeddings::new(2, vec![100], at(0.0).to_vec()).unwrap();
        let ask = |margin| guesses(&photo, &known, (1, 0.5, margin), &Silent, &Cancel::new()).unwrap().len();
        assert_eq!((ask(0.0), ask(0.1)), (1, 0));
    }

    #[test]
    fn as_a_naive_search_says() {
        for seed in 0..20 {
            let (photos, embeddings) = (rows(30, 6, 100, seed), rows(40, 6, 0, seed + 1000));
            let labels: Vec<u32> = (0..40).map(|i| (i * i) % 11).collect();
            let known = Labelled { embeddings, labels, coarse: None };
            let (k, threshold, margin) = (1 + seed as usize % 3, 0.5, 0.02);
            let found = guesses(&photos, &known, (k, threshold, margin), &Silent, &Cancel::new()).unwrap();
            let mut expected = Vec::new();
            for i in 0..30 {
                let dot = |j: usize| -> f64 {
                    let pairs = photos.row(i).iter().zip(known.embeddings.row(j));
                    pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
                };
                let of = |label: u32| {
                    let mut all: Vec<f64> = (0..40).filter(|&j| known.labels[j] == label).map(dot).collect();
                    all.sort_by(|a, b| b.total_cmp(a));
                    all.iter().take(k).sum::<f64>() / k as f64
                };
                let mut all: Vec<(f64, u32)> =
                    (0..11).filter(|l| known.labels.contains(l)).map(|l| (of(l), l)).collect();
                all.sort_by(|a, b| b.0.total_cmp(&a.0));
                if all[0].0 >= threshold && all[0].0 - all[1].0 >= margin {
                    expected.push((photos.photos[i], all[0].1));
                }
            }
            assert_eq!(found.iter().map(|guess| (guess.photo, guess.label)).collect::<Vec<_>>(), expected, "{seed}");
            assert!(seed > 0 || !found.is_empty());
        }
    }
}
