//! What a score would be in galleries of other sizes.
//!
//! Takes where each query's first right answer stands; gives the mean reciprocal rank that is expected when only a part of the
//! other photos is in the gallery, the right answers kept. That is exact and needs no draws: of N other photos, b of which stand
//! before the first right answer, m are left by chance, and how many of the b are among them is hypergeometric. A fold's gallery
//! is smaller than the host's as a rule, so its score is too high; the curve says by how much it falls as the gallery grows, and
//! [`Growth::guess`] goes on with its last doubling. (Nishika's sake competition, 8th place: 0.76 in folds, 0.738 in the host's
//! gallery of five times the size.)

use serde::{Deserialize, Serialize};

use super::number::rounded;
use crate::retrieve::index::Place;

/// The parts of the other photos that are left in.
pub const SHARES: [f64; 4] = [0.1, 0.2, 0.5, 1.0];

/// Mean reciprocal ranks in growing galleries.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// Queries that were looked at, those without an answer included.
    pub queries: usize,
    /// For each of [`SHARES`] the gallery's photos and the score.
    pub points: Vec<[f64; 2]>,
}

impl Growth {
    /// The curve of one fold, whose gallery has so many photos; ranks beyond `k` score 0.
    pub fn of(places: &[Option<Place>], gallery: usize, k: usize) -> Growth {
        let most = places.iter().flatten().map(|place| place.others).max().unwrap_or(0);
        let factorials = LogFactorials::up_to(most);
        let point = |share: &f64| {
            let sum: f64 = places.iter().flatten().map(|place| factorials.expected(*place, k, *share)).sum();
            let kept: f64 =
                places.iter().flatten().map(|p| (gallery - p.others) as f64 + (share * p.others as f64).round()).sum();
            let answered = places.iter().flatten().count().max(1) as f64;
            [rounded(kept / answered), rounded(sum / places.len().max(1) as f64)]
        };
        let points = if places.iter().flatten().count() == 0 { Vec::new() } else { SHARES.iter().map(point).collect() };
        Growth { queries: places.len(), points }
    }

    /// Several folds' curves as one: sizes and scores weighted by queries.
    pub fn pooled(all: &[Growth]) -> Growth {
        let all: Vec<&Growth> = all.iter().filter(|growth| !growth.points.is_empty()).collect();
        let queries: usize = all.iter().map(|growth| growth.queries).sum();
        let mean = |i: usize, which: usize| {
            rounded(all.iter().map(|g| g.points[i][which] * g.queries as f64).sum::<f64>() / queries.max(1) as f64)
        };
        let points =
            if all.is_empty() { Vec::new() } else { (0..SHARES.len()).map(|i| [mean(i, 0), mean(i, 1)]).collect() };
        Growth { queries, points }
    }

    /// What each doubling of the gallery costs, by the last one; `None` where there is no curve.
    pub fn cost(&self) -> Option<f64> {
        let [.., [half, before], [whole, after]] = self.points[..] else { return None };
        let doublings = (whole / half.max(1.0)).log2();
        (doublings > 0.1).then(|| (before - after) / doublings)
    }

    /// A guess of the score in a gallery of so many photos: the last doubling goes on, down to 0. `None` where the gallery is not
    /// larger than this one, or the score does not fall.
    pub fn guess(&self, gallery: usize) -> Option<f64> {
        let [whole, value] = *self.points.last()?;
        let cost = self.cost().filter(|cost| *cost > 0.0)?;
        let doublings = (gallery as f64 / whole.max(1.0)).log2();
        (doublings > 0.1).then(|| (value - cost * doublings).max(0.0))
    }

    /// The curve in words, and the guess for the host's gallery, which has `host` photos (0: nobody knows).
    pub fn lines(&self, metric: &str, host: usize) -> Vec<String> {
        if self.points.is_empty() {
            return Vec::new();
        }
        let list = |which: usize, digits: usize| {
            let texts: Vec<String> = self.points.iter().map(|point| format!("{:.digits$}", point[which])).collect();
            texts.join(", ")
        };
        let mut lines =
            vec![format!("{metric} {} in galleries of {} photos, the right answers kept", list(1, 3), list(0, 0))];
        if let (Some(guess), Some(cost)) = (self.guess(host), self.cost()) {
            lines.push(format!(
                "about {guess:.2} in the host's of {host}, a guess: if each doubling goes on to cost {cost:.3}, as the last did"
            ));
        }
        lines
    }
}

/// ln 0!, ln 1!, …
struct LogFactorials(Vec<f64>);

impl LogFactorials {
    fn up_to(most: usize) -> LogFactorials {
        let mut sum = 0.0;
        LogFactorials(
            (0..=most)
                .map(|i| {
                    sum += if i > 1 { (i as f64).ln() } else { 0.0 };
                    sum
                })
                .collect(),
        )
    }

    /// ln of n over k.
    fn choose(&self, n: usize, k: usize) -> f64 {
        self.0[n] - self.0[k] - self.0[n - k]
    }

    /// The reciprocal rank of the first right answer that is expected when the share of the other photos, chosen by chance, is
    /// left in.
    fn expected(&self, place: Place, k: usize, share: f64) -> f64 {
        let Place { before, others } = place;
        let left = ((share * others as f64).round() as usize).min(others);
        let least = (before + left).saturating_sub(others);
        let most = before.min(left).min(k.saturating_sub(1));
        let all = self.choose(others, left);
        (least..=most)
            .map(|b| (self.choose(before, b) + self.choose(others - before, left - b) - all).exp() / (b + 1) as f64)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::Cancel;
    use crate::base::Seed;
    use crate::base::progress::Silent;
    use crate::retrieve::{Embeddings, index};
    use crate::score::Metric;

    fn expected(before: usize, others: usize, k: usize, share: f64) -> f64 {
        LogFactorials::up_to(others).expected(Place { before, others }, k, share)
    }

    /// Every choice of the photos that stay, as bits; the first `before` stand before the right answer.
    fn by_all_choices(before: usize, others: usize, k: usize, left: u32) -> f64 {
        let (mut sum, mut choices) = (0.0, 0.0);
        for kept in (0u32..1 << others).filter(|kept| kept.count_ones() == left) {
            let rank = (kept & ((1 << before) - 1)).count_ones() as usize + 1;
            sum += if rank <= k { 1.0 / rank as f64 } else { 0.0 };
            choices += 1.0;
        }
        sum / choices
    }

    #[test]
    fn half_of_two_photos() {
        // Two others, one before the right answer, one stays: half the time that one, rank 2; else rank 1.
        assert!((expected(1, 2, 20, 0.5) - 0.75).abs() < 1e-12);
        // All stay: the rank is what it is, and beyond k nothing.
        assert!((expected(3, 9, 20, 1.0) - 0.25).abs() < 1e-12);
        assert!(expected(3, 9, 3, 1.0).abs() < 1e-12);
        // 30,000 before it, a tenth of 100,000 stay: far behind 20 for sure.
        assert!(expected(30_000, 100_000, 20, 0.1) < 1e-100);
    }

    proptest! {
        #[test]
        fn equals_all_choices(before in 0usize..10, behind in 0usize..6, k in 1usize..8, share in 0.0f64..1.0) {
            let others = before + behind;
            let left = (share * others as f64).round() as u32;
            let found = expected(before, others, k, share);
            prop_assert!((found - by_all_choices(before, others, k, left)).abs() < 1e-9, "{}", found);
        }

        #[test]
        fn a_larger_gallery_is_never_easier(places in prop::collection::vec((0usize..300, 0usize..300), 1..20)) {
            let places: Vec<Option<Place>> =
                places.into_iter().map(|(before, behind)| Some(Place { before, others: before + behind })).collect();
            let growth = Growth::of(&places, 700, 20);
            prop_assert!(growth.points.windows(2).all(|pair| pair[1][1] <= pair[0][1] + 1e-9), "{:?}", growth.points);
        }
    }

    #[test]
    fn the_whole_gallery_scores_what_the_metric_says() {
        let mut draws = Seed::new(3).draws();
        let labels: Vec<Option<u32>> = (0..230).map(|_| Some(draws.below(9) as u32)).collect();
        let mut rows = |photos: std::ops::Range<u32>| {
            let data = (0..8 * photos.len()).map(|_| draws.normal() as f32).collect();
            Embeddings::new(8, photos.collect(), data).unwrap()
        };
        let (queries, gallery) = (rows(0..30), rows(30..230));
        let places = index::places(&queries, &gallery, &labels, &Silent, &Cancel::new()).unwrap();
        let ranking = index::search(&queries, &gallery, 20, &Silent, &Cancel::new()).unwrap();
        let score = Metric::Mrr { k: 20 }.score(&ranking, &labels, &[], None, Seed::new(0)).unwrap();
        let growth = Growth::of(&places, 200, 20);
        let [size, value] = growth.points[3];
        assert_eq!(size, 200.0);
        assert!((value - score.value).abs() < 1e-6, "{value} {}", score.value);
    }

    #[test]
    fn the_guess_says_its_form() {
        let growth = Growth { queries: 100, points: vec![[100.0, 0.9], [200.0, 0.85], [500.0, 0.8], [1000.0, 0.75]] };
        insta::assert_snapshot!(growth.lines("MRR@20", 8000).join("\n"), @r"
        MRR@20 0.900, 0.850, 0.800, 0.750 in galleries of 100, 200, 500, 1000 photos, the right answers kept
        about 0.60 in the host's of 8000, a guess: if each doubling goes on to cost 0.050, as the last did
        ");
        // Nothing is said of a gallery that is not larger, nor where nothing falls.
        assert_eq!((growth.guess(1000), growth.guess(0)), (None, None));
        let flat = Growth { queries: 1, points: vec![[1.0, 0.5]; 4] };
        assert_eq!((flat.guess(100), flat.lines("MRR@20", 100).len()), (None, 1));
        assert_eq!(Growth::of(&[None], 5, 20).lines("MRR@20", 9), Vec::<String>::new());
        let twice = Growth::pooled(&[growth.clone(), growth.clone(), Growth::default()]);
        assert_eq!((twice.points, twice.queries), (growth.points, 200));
    }
}
