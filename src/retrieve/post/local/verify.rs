//! Whether pairs of places agree on one movement: RANSAC.
//!
//! Takes pairs of positions, outliers among them; gives the transformation that most of them agree with, and these (Fischler and Bolles 1981;
//! Philbin, Chum, Isard, Sivic and Zisserman, CVPR 2007). Where there are few pairs every sample is tried, in order, so that nothing is
//! drawn; otherwise as many as asked, from a given stream. The best is fitted again to what agrees with it as long as that finds more
//! (Chum, Matas and Kittler 2003). As many as a sample has agree always, and are no evidence.

use serde::{Deserialize, Serialize};

use crate::base::seed::Draws;

/// Refits of the best transformation, at most.
const REFITS: usize = 10;

/// What may happen between two photos.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Model {
    /// Moved.
    Translation,
    /// Moved, turned and scaled.
    #[default]
    Similarity,
    /// Any linear map, which shears too.
    Affine,
}

impl Model {
    /// Pairs that determine one.
    pub fn sample(self) -> usize {
        match self {
            Model::Translation => 1,
            Model::Similarity => 2,
            Model::Affine => 3,
        }
    }
}

/// When pairs agree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// What may happen between two photos.
    pub model: Model,
    /// How far from where it should be a position may lie.
    pub residual_threshold: f64,
    /// Samples tried, at most.
    pub max_trials: usize,
    /// How much larger or smaller a direction may become, at least 1.
    pub max_scale: f64,
}

/// Two positions, `[x, y]` each: in the first photo and in the second.
pub type Pair = [[f64; 2]; 2];

/// `[x, y]` → `[m0 x + m1 y + m2, m3 x + m4 y + m5]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transform(pub [f64; 6]);

/// What most pairs agree with.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// From the first photo to the second.
    pub transform: Transform,
    /// The pairs that agree, ascending.
    pub inliers: Vec<usize>,
}

/// The transformation that most pairs agree with; of those with equally many the one with the least squares of distances, of these the
/// first. `None` where no more agree than a sample has. `draws` is asked for only where not all samples are tried.
pub fn verify(pairs: &[Pair], settings: &Settings, draws: impl FnOnce() -> Draws) -> Option<Found> {
    let size = settings.model.sample();
    if pairs.len() <= size {
        return None;
    }
    let mut best: Option<(Tally, Transform)> = None;
    let mut consider = |sample: &[usize]| {
        let Some(transform) = fit(settings.model, pairs, sample.iter().copied()) else { return };
        if let Some(tally) = tally(&transform, pairs, settings)
            && best.is_none_or(|(other, _)| tally.is_better(other))
        {
            best = Some((tally, transform));
        }
    };
    match samples(pairs.len(), size) {
        Some(all) if all <= settings.max_trials => every(pairs.len(), size, &mut consider),
        _ => {
            let mut draws = draws();
            for _ in 0..settings.max_trials {
                let mut sample = [usize::MAX; 3];
                for i in 0..size {
                    // One of those that are left, in their order.
                    let mut at = draws.below((pairs.len() - i) as u64) as usize;
                    let mut before = sample;
                    before[..i].sort_unstable();
                    before[..i].iter().for_each(|&taken| at += usize::from(at >= taken));
                    sample[i] = at;
                }
                consider(&sample[..size]);
            }
        }
    }
    let (mut tally_now, mut transform) = best?;
    for _ in 0..REFITS {
        let inliers = inliers(&transform, pairs, settings);
        let Some(refit) = fit(settings.model, pairs, inliers.into_iter()) else { break };
        match tally(&refit, pairs, settings).filter(|tally| tally.is_better(tally_now)) {
            Some(better) => (tally_now, transform) = (better, refit),
            None => break,
        }
    }
    (tally_now.count > size).then(|| Found { transform, inliers: inliers(&transform, pairs, settings) })
}

/// How many samples of a size there are; `None` where they cannot be counted.
fn samples(pairs: usize, size: usize) -> Option<usize> {
    (0..size).try_fold(1usize, |all, i| Some(all.checked_mul(pairs.checked_sub(i)?)? / (i + 1)))
}

/// Every sample, in the order of its places.
fn every(pairs: usize, size: usize, hear: &mut dyn FnMut(&[usize])) {
    for a in 0..pairs {
        match size {
            1 => hear(&[a]),
            2 => (a + 1..pairs).for_each(|b| hear(&[a, b])),
            _ => (a + 1..pairs).for_each(|b| (b + 1..pairs).for_each(|c| hear(&[a, b, c]))),
        }
    }
}

/// How well a transformation does.
#[derive(Clone, Copy, Debug)]
struct Tally {
    count: usize,
    squares: f64,
}

impl Tally {
    fn is_better(self, than: Tally) -> bool {
        self.count > than.count || (self.count == than.count && self.squares < than.squares)
    }
}

/// `None` for a transformation that is out of bounds: mirrored, or with a direction too large or too small.
fn tally(transform: &Transform, pairs: &[Pair], settings: &Settings) -> Option<Tally> {
    let [least, most] = transform.scales();
    let within = settings.max_scale * (1.0 + 1e-9);
    if !(least * within >= 1.0 && most <= within) {
        return None;
    }
    let limit = settings.residual_threshold * settings.residual_threshold;
    let mut tally = Tally { count: 0, squares: 0.0 };
    for pair in pairs {
        let square = transform.square(pair);
        if square <= limit {
            tally.count += 1;
            tally.squares += square;
        }
    }
    Some(tally)
}

fn inliers(transform: &Transform, pairs: &[Pair], settings: &Settings) -> Vec<usize> {
    let limit = settings.residual_threshold * settings.residual_threshold;
    (0..pairs.len()).filter(|&i| transform.square(&pairs[i]) <= limit).collect()
}

impl Transform {
    /// Where a position goes.
    pub fn of(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let m = &self.0;
        [m[0] * x + m[1] * y + m[2], m[3] * x + m[4] * y + m[5]]
    }

    /// The squared distance of a pair's second position from where its first goes.
    fn square(&self, [a, b]: &Pair) -> f64 {
        let [x, y] = self.of(*a);
        (x - b[0]) * (x - b[0]) + (y - b[1]) * (y - b[1])
    }

    /// The scales of the directions that shrink and grow most; the first is negative where it mirrors.
    pub fn scales(&self) -> [f64; 2] {
        let [a, b, _, c, d, _] = self.0;
        let turned = f64::hypot(f64::midpoint(a, d), f64::midpoint(c, -b));
        let mirrored = f64::hypot(f64::midpoint(a, -d), f64::midpoint(b, c));
        [turned - mirrored, turned + mirrored]
    }
}

/// The least squares fit to some pairs; `None` where they do not determine one: equal positions, or for an affine one all on a line.
fn fit(model: Model, pairs: &[Pair], some: impl Iterator<Item = usize> + Clone) -> Option<Transform> {
    let (mut count, mut from, mut to) = (0usize, [0.0; 2], [0.0; 2]);
    for i in some.clone() {
        let [a, b] = &pairs[i];
        count += 1;
        (0..2).for_each(|axis| {
            from[axis] += a[axis];
            to[axis] += b[axis];
        });
    }
    if count == 0 {
        return None;
    }
    let (from, to) = (from.map(|sum| sum / count as f64), to.map(|sum| sum / count as f64));
    // Products of centred coordinates: x x, x y, y y, and of x and y with both of the second photo.
    let (mut own, mut with_x, mut with_y) = ([0.0; 3], [0.0; 2], [0.0; 2]);
    for i in some {
        let [a, b] = &pairs[i];
        let ([x, y], [u, v]) = ([a[0] - from[0], a[1] - from[1]], [b[0] - to[0], b[1] - to[1]]);
        own = [own[0] + x * x, own[1] + x * y, own[2] + y * y];
        with_x = [with_x[0] + x * u, with_x[1] + x * v];
        with_y = [with_y[0] + y * u, with_y[1] + y * v];
    }
    let spread = own[0] + own[2];
    let [m0, m1, m3, m4] = match model {
        Model::Translation => [1.0, 0.0, 0.0, 1.0],
        Model::Similarity if spread > 0.0 => {
            let (c, s) = ((with_x[0] + with_y[1]) / spread, (with_x[1] - with_y[0]) / spread);
            [c, -s, s, c]
        }
        Model::Affine => {
            let determinant = own[0] * own[2] - own[1] * own[1];
            if determinant <= 1e-9 * spread * spread {
                return None;
            }
            let solve =
                |x: f64, y: f64| [(own[2] * x - own[1] * y) / determinant, (own[0] * y - own[1] * x) / determinant];
            let (u, v) = (solve(with_x[0], with_y[0]), solve(with_x[1], with_y[1]));
            [u[0], u[1], v[0], v[1]]
        }
        Model::Similarity => return None,
    };
    let moved = [to[0] - m0 * from[0] - m1 * from[1], to[1] - m3 * from[0] - m4 * from[1]];
    Some(Transform([m0, m1, moved[0], m3, m4, moved[1]]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;

    const MODELS: [Model; 3] = [Model::Translation, Model::Similarity, Model::Affine];

    fn settings(model: Model) -> Settings {
        Settings { model, residual_threshold: 0.5, max_trials: 1000, max_scale: 2.0 }
    }

    fn found(pairs: &[Pair], settings: &Settings) -> Option<Found> {
        verify(pairs, settings, || Seed::new(1).draws())
    }

    #[test]
    fn worked_by_hand() {
        // Turned by 90 degrees, moved by (5, 1): (x, y) → (5 - y, 1 + x). The last pair is wrong.
        let pairs =
            [[[0.0, 0.0], [5.0, 1.0]], [[2.0, 0.0], [5.0, 3.0]], [[2.0, 1.0], [4.0, 3.0]], [[1.0, 1.0], [9.0, 9.0]]];
        let Found { transform, inliers } = found(&pairs, &settings(Model::Similarity)).unwrap();
        assert_eq!(inliers, [0, 1, 2]);
        for (found, expected) in transform.0.iter().zip([0.0, -1.0, 5.0, 1.0, 0.0, 1.0]) {
            assert!((found - expected).abs() < 1e-12, "{transform:?}");
        }
        assert_eq!(transform.scales().map(|scale| (scale * 1e9).round() / 1e9), [1.0, 1.0]);
        // Three pairs determine an affine map, so that three that agree say nothing.
        assert_eq!(found(&pairs, &settings(Model::Affine)), None);
        assert_eq!(found(&pairs, &settings(Model::Translation)), None);
        // Three times as large is too large.
        let large = pairs.map(|[a, b]| [a, b.map(|x| 3.0 * x)]);
        assert_eq!(found(&large, &settings(Model::Similarity)), None);
        let bold = Settings { max_scale: 3.0, ..settings(Model::Similarity) };
        assert_eq!(found(&large, &bold).unwrap().inliers, [0, 1, 2]);
    }

    #[test]
    fn nothing_comes_of_too_little() {
        let line: Vec<Pair> = (0..6).map(|i| [[f64::from(i), 0.0], [f64::from(i) + 3.0, 2.0]]).collect();
        for model in MODELS {
            assert_eq!(found(&[], &settings(model)), None);
            assert_eq!(found(&line[..model.sample()], &settings(model)), None);
            // One position over and over is nowhere.
            let same = found(&[[[1.0, 1.0], [2.0, 2.0]]; 5], &settings(model));
            assert_eq!(same.is_some(), model == Model::Translation);
        }
        // On a line a turn is known, a shear is not.
        assert_eq!(found(&line, &settings(Model::Similarity)).unwrap().inliers.len(), 6);
        assert_eq!(found(&line, &settings(Model::Affine)), None);
        // Mirrored is no movement.
        let mirror: Vec<Pair> =
            [[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [4.0, 3.0], [2.0, 1.0]].map(|[x, y]| [[x, y], [-x, y]]).to_vec();
        assert_eq!(found(&mirror, &settings(Model::Affine)), None);
    }

    /// A transformation within bounds, pairs that follow it, and pairs that are far from it.
    fn planted(seed: u64, model: Model, good: usize, bad: usize) -> (Transform, Vec<Pair>, Vec<usize>) {
        let mut draws = Seed::new(seed).draws();
        let (angle, scale) = (draws.uniform(-3.0, 3.0), draws.uniform(0.7, 1.4));
        let (c, s) = (scale * angle.cos(), scale * angle.sin());
        let shear = draws.uniform(-0.2, 0.2);
        let [m0, m1, m3, m4] = match model {
            Model::Translation => [1.0, 0.0, 0.0, 1.0],
            Model::Similarity => [c, -s, s, c],
            Model::Affine => [c, -s + shear * c, s, c + shear * s],
        };
        let transform = Transform([m0, m1, draws.uniform(-9.0, 9.0), m3, m4, draws.uniform(-9.0, 9.0)]);
        let mut pairs = Vec::new();
        let mut inliers = Vec::new();
        while pairs.len() < good + bad {
            let a = [draws.uniform(0.0, 20.0), draws.uniform(0.0, 20.0)];
            let [x, y] = transform.of(a);
            if pairs.len() * good / (good + bad) == inliers.len() && inliers.len() < good {
                inliers.push(pairs.len());
                pairs.push([a, [x + draws.uniform(-0.1, 0.1), y + draws.uniform(-0.1, 0.1)]]);
            } else {
                let b = [draws.uniform(-20.0, 40.0), draws.uniform(-20.0, 40.0)];
                if f64::hypot(b[0] - x, b[1] - y) > 2.0 {
                    pairs.push([a, b]);
                }
            }
        }
        (transform, pairs, inliers)
    }

    #[test]
    fn what_was_planted_is_found() {
        for (seed, model) in (0..60).zip(MODELS.into_iter().cycle()) {
            // All samples, and drawn ones.
            for (good, bad) in [(12, 10), (40, 50)] {
                let (planted, pairs, expected) = planted(seed, model, good, bad);
                let Found { transform, inliers } = found(&pairs, &settings(model)).unwrap();
                assert_eq!(inliers, expected, "{model:?} {seed}");
                for corner in [[0.0, 0.0], [20.0, 0.0], [0.0, 20.0]] {
                    let ([a, b], [c, d]) = (transform.of(corner), planted.of(corner));
                    assert!(f64::hypot(a - c, b - d) < 0.3, "{model:?} {seed}");
                }
            }
        }
    }

    #[test]
    fn drawn_samples_are_different_places_and_all_come() {
        assert_eq!([samples(5, 1), samples(5, 2), samples(5, 3)], [Some(5), Some(10), Some(10)]);
        assert_eq!(samples(usize::MAX, 3), None);
        let mut all = Vec::new();
        every(5, 3, &mut |sample| all.push(sample.to_vec()));
        assert!(all.len() == 10 && all.is_sorted() && all.iter().all(|sample| sample.is_sorted()));
        // Too few trials for all samples, and enough to meet the right one.
        for model in MODELS {
            let (_, pairs, expected) = planted(5, model, 14, 4);
            let few = Settings { max_trials: if model == Model::Translation { 17 } else { 100 }, ..settings(model) };
            let again = || found(&pairs, &few).unwrap();
            assert_eq!(again().inliers, expected, "{model:?}");
            assert_eq!(again(), again());
        }
    }
}
