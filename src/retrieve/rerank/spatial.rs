//! Candidates whose places agree with the query's on one movement go up.
//!
//! Takes lists and the local descriptors of both sides; for the first of each list, pairs the places of query and candidate, and asks how many
//! pairs one transformation explains ([`local`]). score ← score + weight · agreeing pairs / places of a photo: the share as in Patch-NetVLAD
//! (Hausler et al., CVPR 2021), beside the score as in the host's baseline of Landmark 2020, where inliers alone decided in DELG
//! (Cao, Araujo and Sim, ECCV 2020). Several networks' shares are averaged.

use std::collections::HashMap;

use rayon::prelude::*;

use super::Run;
use super::lists::{Lists, best};
use super::terms::finite;
use crate::base::Seed;
use crate::retrieve::post::local::{self, Patches};
use crate::retrieve::{RetrieveError, Sides};

/// Lists between two looks at the wish to stop.
const CHUNK: usize = 64;

const STEP: &str = "spatial-check";

/// How candidates are compared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    /// Candidates of each query.
    pub depth: usize,
    /// Least cosine of two places that belong together.
    pub threshold: f64,
    /// When pairs agree.
    pub verify: local::Settings,
    /// Weight of the share.
    pub weight: f64,
}

/// One network's patches.
struct Seen<'a> {
    patches: &'a Patches,
    places: HashMap<u32, usize>,
    draws: Seed,
}

impl Seen<'_> {
    fn place(&self, photo: u32) -> Result<usize, RetrieveError> {
        self.places.get(&photo).copied().ok_or(RetrieveError::Missing { photo })
    }

    /// How many pairs of places agree, of a query with each of some candidates, in their order.
    fn agree(&self, query: u32, candidates: &[u32], settings: &Settings) -> Result<Vec<usize>, RetrieveError> {
        let (dim, own) = (self.patches.dim, self.place(query)?);
        let a = local::wide(self.patches.codes(own), dim);
        let count = |&photo: &u32| {
            let other = self.place(photo)?;
            let found = local::mutual(&a, &local::wide(self.patches.codes(other), dim), dim, settings.threshold);
            let positions =
                |pair: &local::Match| [self.patches.position(own, pair.a), self.patches.position(other, pair.b)];
            let pairs: Vec<[[f64; 2]; 2]> = found.iter().map(positions).collect();
            let draws = || self.draws.at(u64::from(query)).at(u64::from(photo)).draws();
            Ok(local::verify(&pairs, &settings.verify, draws).map_or(0, |found| found.inliers.len()))
        };
        candidates.iter().map(count).collect()
    }
}

/// Lifts candidates in place.
///
/// # Errors
/// When there are no patches, a photo has none, a parameter is not finite, or on a stop.
pub(super) fn apply(sides: &Sides, lists: &mut Lists, settings: &Settings, run: Run) -> Result<String, RetrieveError> {
    let local::Settings { residual_threshold, max_scale, .. } = settings.verify;
    finite(STEP, &[settings.threshold, settings.weight, residual_threshold, max_scale])?;
    if settings.depth == 0 {
        return Err(RetrieveError::Step { step: STEP, why: "depth = 0 looks at nobody; give at least 1".into() });
    }
    if sides.patches.is_empty() {
        let why = "it compares places of the photos, and these were not embedded here; a run embeds them".to_owned();
        return Err(RetrieveError::Step { step: STEP, why });
    }
    let root = Seed::new(0).named(STEP);
    let seen = sides.patches.iter().zip(0..).map(|(patches, network)| Seen {
        patches,
        places: patches.places(),
        draws: root.at(network),
    });
    let seen: Vec<Seen<'_>> = seen.collect();
    let total = lists.entries.len() as u64;
    let (mut pairs, mut agreeing, mut first) = (0, 0, 0);
    for (chunk, from) in lists.entries.chunks_mut(CHUNK).zip((0..).step_by(CHUNK)) {
        run.cancel.check()?;
        run.progress.at("post", from as u64, total, "lists");
        let found = chunk.par_iter_mut().enumerate().map(|(i, list)| {
            let depth = settings.depth.min(list.len());
            let some = &mut list[..depth];
            let candidates: Vec<u32> = some.iter().map(|&(place, _)| sides.gallery.photos[place as usize]).collect();
            let query = sides.queries.photos[from + i];
            let mut agreeing = 0;
            for seen in &seen {
                let found = seen.agree(query, &candidates, settings)?;
                // Of as many networks each counts alike.
                let share = settings.weight / (seen.patches.each.max(1) * sides.patches.len()) as f64;
                some.iter_mut().zip(&found).for_each(|((_, score), &inliers)| *score += share * inliers as f64);
                agreeing += found.iter().sum::<usize>();
            }
            let before = list.first().map(|&(place, _)| place);
            let pairs = candidates.len() * seen.len();
            best(list, usize::MAX);
            Ok([pairs, agreeing, usize::from(list.first().map(|&(place, _)| place) != before)])
        });
        for [compared, agreed, moved] in found.collect::<Result<Vec<_>, RetrieveError>>()? {
            (pairs, agreeing, first) = (pairs + compared, agreeing + agreed, first + moved);
        }
    }
    run.progress.at("post", total, total, "lists");
    Ok(format!(
        "spatial-check: {:.1} places of a candidate agree with the query's, another photo is first in {first} of {total} lists",
        agreeing as f64 / pairs.max(1) as f64
    ))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::base::Cancel;
    use crate::base::progress::Silent;
    use crate::retrieve::Embeddings;
    use crate::retrieve::post::local::Model;

    /// Photos on a map of 4 × 4, each place with a direction of its own by a number: 0 is nothing.
    fn patches(photos: &[(u32, [u8; 16])]) -> Patches {
        let code = |&number: &u8| (1..=16).map(move |i| if i == number { 127i8 } else { 0 });
        Patches {
            map: [4, 4],
            each: 16,
            dim: 16,
            photos: photos.iter().map(|(photo, _)| *photo).collect(),
            cells: photos.iter().flat_map(|_| 0..16).collect(),
            codes: photos.iter().flat_map(|(_, numbers)| numbers.iter().flat_map(code)).collect(),
        }
    }

    fn sides() -> Sides {
        let of = |photos: &[u32]| Embeddings::new(1, photos.to_vec(), vec![1.0; photos.len()]).unwrap();
        let query = [1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 0, 0, 0, 0, 0];
        // The same block one place to the right and below, and the same places in disorder.
        let moved = [0, 0, 0, 0, 0, 1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9];
        let mixed = [9, 0, 0, 4, 0, 2, 0, 0, 7, 0, 0, 1, 0, 0, 0, 0];
        let patches = patches(&[(7, query), (20, mixed), (21, moved)]);
        Sides { patches: vec![Arc::new(patches)], ..Sides::new(of(&[7]), of(&[20, 21, 22])) }
    }

    fn settings(depth: usize, weight: f64) -> Settings {
        let verify =
            local::Settings { model: Model::Similarity, residual_threshold: 0.5, max_trials: 1000, max_scale: 1.5 };
        Settings { depth, threshold: 0.6, verify, weight }
    }

    #[test]
    fn worked_by_hand() {
        let cancel = Cancel::new();
        let run = Run { depth: 3, progress: &Silent, cancel: &cancel };
        let list = |sides: &Sides, depth, weight| {
            let mut lists = Lists { entries: vec![vec![(0, 0.9), (1, 0.5), (2, 0.4)]] };
            apply(sides, &mut lists, &settings(depth, weight), run).map(|note| (lists.entries[0].clone(), note))
        };
        let sides = sides();
        // All nine places of the moved one agree: .5 + 9/16 > .9.
        let (entries, note) = list(&sides, 2, 1.0).unwrap();
        assert_eq!(entries[0], (1, 0.5 + 9.0 / 16.0));
        let text =
            "spatial-check: 4.5 places of a candidate agree with the query's, another photo is first in 1 of 1 lists";
        assert_eq!((entries[1..].to_vec(), &note[..]), (vec![(0, 0.9), (2, 0.4)], text));
        assert_eq!(list(&sides, 2, 0.1).unwrap().0[0], (0, 0.9));
        assert_eq!(list(&sides, 1, 1.0).unwrap().0, [(0, 0.9), (1, 0.5), (2, 0.4)]);
        // Two networks, one of which says nothing: half the share.
        let blind = Patches { codes: vec![0; 3 * 256], ..(*sides.patches[0]).clone() };
        let two = Sides { patches: vec![sides.patches[0].clone(), Arc::new(blind)], ..sides.clone() };
        assert_eq!(list(&two, 2, 1.0).unwrap().0[1], (1, 0.5 + 9.0 / 32.0));
        // A photo without patches, no patches at all, nobody to look at.
        let told = |found: Result<(Vec<(u32, f64)>, String), RetrieveError>| found.unwrap_err().to_string();
        assert!(told(list(&sides, 3, 1.0)).contains("photo 22"));
        assert!(told(list(&Sides { patches: Vec::new(), ..sides.clone() }, 2, 1.0)).contains("a run embeds them"));
        assert!(told(list(&sides, 0, 1.0)).contains("at least 1") && told(list(&sides, 2, f64::NAN)).contains("NaN"));
    }
}
