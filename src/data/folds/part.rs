//! A part of a fold, drawn by seed, for whoever must be quick: fewer photos to learn from, fewer to be looked up.
//!
//! Takes a fold and the photos' labels; gives the same fold with `count` training photos, the same share of every label, or the
//! queries and the gallery of an evaluation in the midst of a training. Both are functions of fold, labels and seed alone, so that all
//! recipes learn from and are asked about the same photos.

use std::collections::{BTreeMap, BTreeSet};

use super::Fold;
use crate::base::Seed;

/// What an evaluation in the midst of a training looks up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// To be looked up; places in the manifest, ascending.
    pub query: Vec<u32>,
    /// To be found, ascending.
    pub gallery: Vec<u32>,
}

impl Asked {
    /// At most `queries` of a fold's queries, among at most `gallery` photos; all where absent. Whatever answers one of the queries stays
    /// in the gallery, also beyond its number: a rank then is one among fewer others, never a missed answer.
    pub fn of(
        fold: &Fold,
        labels: &[Option<u32>],
        queries: Option<usize>,
        gallery: Option<usize>,
        seed: Seed,
    ) -> Asked {
        let seed = seed.named("asked");
        let query = drawn(&fold.query, queries.unwrap_or(usize::MAX), seed.named("query"));
        let label = |photo: &u32| labels.get(*photo as usize).copied().flatten();
        let wanted: BTreeSet<u32> = query.iter().filter_map(label).collect();
        let (mut among, others): (Vec<u32>, Vec<u32>) =
            fold.gallery.iter().partition(|photo| label(photo).is_some_and(|label| wanted.contains(&label)));
        let room = gallery.unwrap_or(usize::MAX).saturating_sub(among.len());
        among.extend(drawn(&others, room, seed.named("gallery")));
        among.sort_unstable();
        Asked { query, gallery: among }
    }

    /// All of its photos, with those that are in both lists twice.
    pub fn photos(&self) -> Vec<u32> {
        [&self.query[..], &self.gallery].concat()
    }
}

impl Fold {
    /// The same examination with at most `count` photos to learn from: of every label the same share, rounded so that the number is met
    /// (largest remainders first, those that are equal by the seed's draw); which photos of a label is drawn.
    pub fn learning_from(&self, count: usize, labels: &[Option<u32>], seed: Seed) -> Fold {
        if count >= self.train.len() {
            return self.clone();
        }
        let seed = seed.named("learning from");
        let mut groups: BTreeMap<Option<u32>, Vec<u32>> = BTreeMap::new();
        for &photo in &self.train {
            groups.entry(labels.get(photo as usize).copied().flatten()).or_default().push(photo);
        }
        let all = self.train.len();
        // In whole numbers: the share of a label is count × members / all.
        let mut shares: Vec<(usize, usize, Option<u32>)> = groups
            .iter()
            .map(|(label, members)| (count * members.len() / all, count * members.len() % all, *label))
            .collect();
        let left = count - shares.iter().map(|(whole, ..)| whole).sum::<usize>();
        seed.named("remainders").draws().shuffle(&mut shares);
        shares.sort_by_key(|(_, rest, _)| std::cmp::Reverse(*rest));
        let mut train = Vec::with_capacity(count);
        for (place, (whole, _, label)) in shares.into_iter().enumerate() {
            let seed = seed.named("label").at(label.map_or(0, |label| u64::from(label) + 1));
            train.extend(drawn(&groups[&label], whole + usize::from(place < left), seed));
        }
        train.sort_unstable();
        Fold { train, ..self.clone() }
    }
}

/// At most `count` of some photos, in their order.
fn drawn(photos: &[u32], count: usize, seed: Seed) -> Vec<u32> {
    if count >= photos.len() {
        return photos.to_vec();
    }
    let mut mixed = photos.to_vec();
    seed.draws().shuffle(&mut mixed);
    mixed.truncate(count);
    mixed.sort_unstable();
    mixed
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 60 photos of 6 labels, label i with 5 + 2 i photos; the first 40 train.
    fn fold() -> (Fold, Vec<Option<u32>>) {
        let labels: Vec<Option<u32>> = (0..6u32).flat_map(|label| vec![Some(label); 5 + 2 * label as usize]).collect();
        assert_eq!(labels.len(), 60);
        let all: Vec<u32> = (0..60).collect();
        let (train, held): (Vec<u32>, Vec<u32>) = all.iter().partition(|photo| *photo % 3 < 2);
        (Fold { train, query: held.clone(), gallery: held, distractors: 0 }, labels)
    }

    #[test]
    fn fewer_photos_have_the_shares_of_all() {
        let (fold, labels) = fold();
        for count in [1, 6, 17, 39, 40, 1000] {
            let part = fold.learning_from(count, &labels, Seed::new(3));
            assert_eq!(part.train.len(), count.min(40));
            assert!(part.train.is_sorted() && part.train.iter().all(|photo| fold.train.contains(photo)));
            assert_eq!((&part.query, &part.gallery), (&fold.query, &fold.gallery));
            for label in 0..6 {
                let of = |fold: &Fold| fold.train.iter().filter(|p| labels[**p as usize] == Some(label)).count() as f64;
                let exact = count.min(40) as f64 * of(&fold) / 40.0;
                assert!((of(&part) - exact).abs() < 1.0, "{label}: {} of {exact}", of(&part));
            }
        }
        let by = |seed: u64| fold.learning_from(17, &labels, Seed::new(seed)).train;
        assert_eq!(by(3), by(3));
        assert_ne!(by(3), by(4));
    }

    #[test]
    fn an_answer_is_never_left_out() {
        let (fold, labels) = fold();
        let all = Asked::of(&fold, &labels, None, None, Seed::new(0));
        assert_eq!((&all.query, &all.gallery), (&fold.query, &fold.gallery));
        for (queries, gallery) in [(3, 1), (3, 12), (1, 15), (19, 19)] {
            let asked = Asked::of(&fold, &labels, Some(queries), Some(gallery), Seed::new(0));
            assert_eq!(asked.query.len(), queries);
            assert!(asked.gallery.is_sorted());
            let answers = |gallery: &[u32], query: u32| -> Vec<u32> {
                gallery.iter().copied().filter(|p| labels[*p as usize] == labels[query as usize]).collect()
            };
            for &query in &asked.query {
                assert_eq!(answers(&asked.gallery, query), answers(&fold.gallery, query));
            }
            let needed: BTreeSet<u32> = asked.query.iter().flat_map(|q| answers(&fold.gallery, *q)).collect();
            assert_eq!(asked.gallery.len(), gallery.max(needed.len()));
        }
    }
}
