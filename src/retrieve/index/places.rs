//! Where a query's first right answer stands in the whole gallery, however far behind.
//!
//! Takes embeddings and labels; gives for each query how many wrong photos stand before its best right one, and how many wrong
//! ones there are. Ranked lists end at k, and what a larger or a smaller gallery would do to a score is decided behind it too.
//! Two walks over the tiles of the search, whose bits are equal, so the order is that of the ranked lists: cosine falling, of
//! equals the earlier place.

use super::exact::{own_places, tiles};
use crate::base::{Cancel, Progress};
use crate::retrieve::{Embeddings, RetrieveError};

/// Where the first right answer of a query stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Wrong photos before it.
    pub before: usize,
    /// Wrong photos in the gallery; the query itself is none.
    pub others: usize,
}

/// One query on its way through the tiles.
struct Asked {
    label: Option<u32>,
    own: Option<u32>,
    /// Cosine and place of the best right answer.
    best: Option<(f32, u32)>,
    before: usize,
    others: usize,
}

/// The place of each query's first right answer; `None` where the gallery has none. `labels[photo]` is the label that counts;
/// photos without one are wrong.
///
/// # Errors
/// When dims differ, a photo is not in `labels`, a number is not finite (its photo is named), or on a stop.
pub fn places(
    queries: &Embeddings,
    gallery: &Embeddings,
    labels: &[Option<u32>],
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Vec<Option<Place>>, RetrieveError> {
    let label = |photo: &u32| {
        let shape = RetrieveError::Shape {
            what: "labels of photos, more than",
            expected: *photo as usize,
            found: labels.len(),
        };
        labels.get(*photo as usize).copied().ok_or(shape)
    };
    let there: Vec<Option<u32>> = gallery.photos.iter().map(label).collect::<Result<_, _>>()?;
    let own = own_places(queries, gallery);
    let asked = queries
        .photos
        .iter()
        .zip(own)
        .map(|(photo, own)| Ok(Asked { label: label(photo)?, own, best: None, before: 0, others: 0 }));
    let mut asked: Vec<Asked> = asked.collect::<Result<_, RetrieveError>>()?;
    let labels_from = |from: u32| there[from as usize..].iter().zip(from..);
    let best = |query: &mut Asked, cosines: &[f32], from: u32| {
        for (&cosine, (label, place)) in cosines.iter().zip(labels_from(from)) {
            if *label == query.label
                && query.label.is_some()
                && Some(place) != query.own
                && query.best.is_none_or(|(best, _)| cosine > best)
            {
                query.best = Some((cosine, place));
            }
        }
    };
    tiles(queries, gallery, &mut asked, best, progress, cancel)?;
    let count = |query: &mut Asked, cosines: &[f32], from: u32| {
        let Some((best, at)) = query.best else { return };
        for (&cosine, (label, place)) in cosines.iter().zip(labels_from(from)) {
            if *label != query.label && Some(place) != query.own {
                query.others += 1;
                query.before += usize::from(cosine > best || (cosine == best && place < at));
            }
        }
    };
    tiles(queries, gallery, &mut asked, count, progress, cancel)?;
    let place = |query: Asked| query.best.map(|_| Place { before: query.before, others: query.others });
    Ok(asked.into_iter().map(place).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::Seed;
    use crate::base::progress::Silent;
    use crate::retrieve::index;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Corners of a cube make many ties; queries meet themselves. A ranked list of the whole gallery says the same.
        #[test]
        fn equals_the_whole_ranked_list(seed: u64, q in 1u32..20, n in 1u32..60, shift in 0u32..30) {
            let mut draws = Seed::new(seed).draws();
            let labels: Vec<Option<u32>> =
                (0..100).map(|_| if draws.chance(0.1) { None } else { Some(draws.below(6) as u32) }).collect();
            let mut rows = |photos: std::ops::Range<u32>| {
                let data = (0..4 * photos.len()).map(|_| if draws.chance(0.5) { 1.0 } else { -1.0 }).collect();
                Embeddings::new(4, photos.collect(), data).unwrap()
            };
            let (queries, gallery) = (rows(0..q), rows(shift..shift + n));
            let found = places(&queries, &gallery, &labels, &Silent, &Cancel::new()).unwrap();
            let ranking = index::search(&queries, &gallery, n as usize, &Silent, &Cancel::new()).unwrap();
            for (i, place) in found.into_iter().enumerate() {
                let own = labels[queries.photos[i] as usize];
                let right = |photo: &u32| own.is_some() && labels[*photo as usize] == own;
                let list = ranking.list(i);
                let first = list.iter().position(right);
                prop_assert_eq!(place.map(|place| place.before), first);
                if let Some(place) = place {
                    prop_assert_eq!(place.others, list.iter().filter(|photo| !right(photo)).count());
                }
            }
        }
    }
}
