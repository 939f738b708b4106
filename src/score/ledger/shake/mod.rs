//! What the private leaderboard will show, before it does.
//!
//! Takes each submission's out-of-fold scores query by query, its public score where there is one, and how the host divides its queries; gives
//! draws from the joint distribution of all private scores, and from them intervals, the chance that two submissions change places and the
//! expected score of the better of two (the best final counts).
//!
//! The model. Submission s has a true mean H_s over all queries that the local examination might have asked, and another over those that the
//! host might ask, since the two differ (size of the gallery, other labels, another protocol):
//!
//!   H_s = m + a_s,  CV_s = H_s + c_s,  public_s = H_s + g + d_s + p_s,  private_s = H_s + g + d_s + v_s.
//!
//! m, where all submissions lie, and g, the shift to the host that they share, are as good as unknown before they are seen (normal, deviation
//! 1). a_s is how good a submission is beside the others, d_s its own part of the shift; both are normal, and half-Cauchy distributions of 0.05
//! and 0.02 lie on their deviations, so that the numbers that were seen decide how unlike submissions are, and how far they go their own ways. c_s is
//! the noise of the local queries, p_s and v_s the luck of the two parts: queries are drawn by label with replacement, all of a label
//! together, and shuffled into a public and a private part without overlap ([`parts`]), for all submissions the same ones, so that what
//! two of them find hard alike is drawn alike. The luck's deviation is scaled by the square root of P(1 - P) / CV(1 - CV), since a mean
//! elsewhere between 0 and 1 has another spread.
//!
//! Each draw is then bent to the numbers that were seen, all CVs and the public scores there are: private + K (seen - drawn), with K from the
//! covariances (conditioning by kriging, Journel and Huijbregts 1978; exact for normal variables). So a single public score moves its own
//! forecast nearly one to one, its luck included; several show the common shift, and one that stands out is taken for lucky as far as the
//! others say. Choosing a maximum, of either kind, is paid for by that (Blum and Hardt 2015 have the same trouble from the host's side).
//!
//! What it does not know: a private part from another time or source; a host that divides by label, which makes both parts luckier.

mod gauss;
mod parts;

use serde::Serialize;

use crate::base::Seed;
use crate::score::bootstrap::{COVERAGE, DRAWS, quantile};
use crate::score::metric::Score;
use gauss::Matrix;
use parts::Family;

/// Deviations of a submission's own shift that are weighed, each three times the one before.
const OWN_SHIFTS: [f64; 5] = [0.001, 0.003, 0.009, 0.027, 0.081];
/// Scale of the half-Cauchy distribution of that deviation.
const OWN_SCALE: f64 = 0.02;
/// Deviations between submissions that are weighed, each three times the one before.
const ABILITIES: [f64; 5] = [0.003, 0.009, 0.027, 0.081, 0.243];
/// Scale of the half-Cauchy distribution of that deviation.
const ABILITY_SCALE: f64 = 0.05;

/// A submission whose private score is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Out-of-fold scores by query.
    pub score: &'a Score,
    /// The public score, and half a unit of its last decimal.
    pub public: Option<(f64, f64)>,
}

/// How the host divides its queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Split {
    /// Queries behind the public leaderboard, at least 1.
    pub public: usize,
    /// Queries behind the private one, at least 1.
    pub private: usize,
}

impl Split {
    /// So many queries, of which a share is public; `None` where a part would be empty.
    pub fn of(queries: usize, public_share: f64) -> Option<Split> {
        let public = (queries as f64 * public_share).round() as usize;
        (public > 0 && public < queries).then(|| Split { public, private: queries - public })
    }
}

/// The private score of one submission.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Outlook {
    /// Expected.
    pub mean: f64,
    /// Standard deviation.
    pub deviation: f64,
    /// The middle 95 %.
    pub interval: [f64; 2],
}

/// The private scores of all submissions together.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// For each submission the same draws, `[submission][draw]`.
    draws: Vec<Vec<f64>>,
    /// The public scores.
    public: Vec<Option<f64>>,
}

/// A set of submissions with the expected score of its best.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Best {
    /// Places in what was given, in order.
    pub places: Vec<usize>,
    /// Expected private score of the best of them.
    pub expected: f64,
    /// Those with the highest expectations each for itself, in order.
    pub alone: Vec<usize>,
    /// Expected private score of the best of these.
    pub expected_alone: f64,
    /// Correlation of the private scores of the first two places; how much one insures the other.
    pub correlation: Option<f64>,
}

/// Draws the private scores. `group` gives the label of a query's photo. Draws are functions of the seed and their number.
pub fn forecast(candidates: &[Candidate<'_>], split: Split, group: impl Fn(u32) -> u32, seed: Seed) -> Forecast {
    let seed = seed.named("shake-up");
    let scales: Vec<f64> = candidates.iter().map(scale).collect();
    let scores: Vec<&Score> = candidates.iter().map(|candidate| candidate.score).collect();
    let families = Family::of(&scores, &group);
    let mut luck = parts::Luck::none(candidates.len());
    for (family, place) in families.iter().zip(0..) {
        family.draw(split, &scales, seed.named("parts").at(place), &mut luck);
    }
    let count = candidates.len();
    let cv: Vec<f64> = candidates.iter().map(|candidate| candidate.score.value).collect();
    let public: Vec<Option<f64>> =
        candidates.iter().map(|candidate| candidate.public.map(|(score, _)| score)).collect();
    let seen: Vec<usize> = (0..count).filter(|&i| public[i].is_some()).collect();
    let half = |i: usize| candidates[i].public.map_or(0.0, |(_, half)| half);
    let level = cv.iter().sum::<f64>() / count.max(1) as f64;
    let bends = bends(&cv, &public, &luck, &families, half);
    let weights = weights(bends.iter().map(|bend| bend.weight));
    // Before the first public score nothing can be said of a shift: then the host is taken to be like the local examination.
    let shift = if seen.is_empty() { 0.0 } else { 1.0 };
    let mut draws = vec![Vec::with_capacity(DRAWS); count];
    for n in 0..DRAWS {
        let mut random = seed.named("shifts").at(n as u64).draws();
        let bend = &bends[pick(&weights, random.unit())];
        let (middle, together) = (level + random.normal(), shift * random.normal());
        let home: Vec<f64> = (0..count).map(|_| middle + bend.ability * random.normal()).collect();
        let host: Vec<f64> = home.iter().map(|home| home + together + shift * bend.own * random.normal()).collect();
        let at = |i: usize| n * count + i;
        let mut miss: Vec<f64> = (0..count).map(|i| cv[i] - home[i] - luck.own[at(i)]).collect();
        for &i in &seen {
            let hidden = random.uniform(-half(i), half(i));
            miss.push(public[i].unwrap_or(0.0) - host[i] - luck.public[at(i)] - hidden);
        }
        for (i, draws) in draws.iter_mut().enumerate() {
            let bent: f64 = miss.iter().enumerate().map(|(b, miss)| bend.by.at(i, b) * miss).sum();
            draws.push((host[i] + luck.private[at(i)] + bent).clamp(0.0, 1.0));
        }
    }
    Forecast { draws, public }
}

/// How draws are bent to what was seen, for one guess of the deviations.
struct Bend {
    /// The deviation between submissions.
    ability: f64,
    /// The deviation of a submission's own shift.
    own: f64,
    /// Logarithm of the guess's weight, by how well it explains what was seen.
    weight: f64,
    /// `[submission, what was seen]`: all CVs, then the public scores.
    by: Matrix,
}

fn bends(
    cv: &[f64],
    public: &[Option<f64>],
    luck: &parts::Luck,
    families: &[Family],
    half: impl Fn(usize) -> f64,
) -> Vec<Bend> {
    let count = cv.len();
    let seen: Vec<usize> = (0..count).filter(|&i| public[i].is_some()).collect();
    let local = luck.covariance(families, |luck| &luck.own, |luck| &luck.own);
    let of_public = luck.covariance(families, |luck| &luck.public, |luck| &luck.public);
    let across = luck.covariance(families, |luck| &luck.private, |luck| &luck.public);
    let level = cv.iter().sum::<f64>() / count.max(1) as f64;
    let surprise: Vec<f64> =
        cv.iter().copied().chain(seen.iter().filter_map(|&i| public[i])).map(|score| score - level).collect();
    let (shift, owns): (f64, &[f64]) = if seen.is_empty() { (0.0, &[0.0]) } else { (1.0, &OWN_SHIFTS) };
    let mut found = Vec::new();
    for (&ability, &own) in ABILITIES.iter().flat_map(|ability| owns.iter().map(move |own| (ability, own))) {
        let only = |i: usize, j: usize, deviation: f64| if i == j { deviation * deviation } else { 0.0 };
        let home = |i: usize, j: usize| 1.0 + only(i, j, ability);
        let host = |i: usize, j: usize| home(i, j) + shift + only(i, j, own);
        // What stands in the n-th place: a CV, or a public score.
        let place = |n: usize| if n < count { (n, false) } else { (seen[n - count], true) };
        let all = count + seen.len();
        let among = Matrix::of(all, all, |a, b| {
            let ((i, i_public), (j, j_public)) = (place(a), place(b));
            let rounding = if a == b { half(i).powi(2) / 3.0 + 1e-10 } else { 0.0 };
            match (i_public, j_public) {
                (false, false) => home(i, j) + local.at(i, j) + if a == b { 1e-10 } else { 0.0 },
                (true, true) => host(i, j) + of_public.at(i, j) + rounding,
                _ => home(i, j),
            }
        });
        let to = Matrix::of(count, all, |i, b| match place(b) {
            (j, false) => home(i, j),
            (j, true) => host(i, j) + across.at(i, j),
        });
        let Some(root) = among.cholesky() else { continue };
        // The grids are even in the logarithm.
        let prior = |deviation: f64, scale: f64| (deviation.max(1e-12) / (1.0 + (deviation / scale).powi(2))).ln();
        let weight = root.log_density(&surprise) + prior(ability, ABILITY_SCALE) + prior(own, OWN_SCALE);
        found.push(Bend { ability, own, weight, by: to.divided_by(&root) });
    }
    if found.is_empty() {
        // Luck without any spread: what was seen says nothing.
        found.push(Bend { ability: 0.0, own: 0.0, weight: 0.0, by: Matrix::of(count, count + seen.len(), |_, _| 0.0) });
    }
    found
}

/// By how much the host's spread is another than the local one, going by the means.
fn scale(candidate: &Candidate<'_>) -> f64 {
    let spread = |mean: f64| mean * (1.0 - mean);
    let (cv, public) = (candidate.score.value, candidate.public.map_or(candidate.score.value, |(score, _)| score));
    if spread(cv) <= 0.0 || spread(public) <= 0.0 {
        return 1.0;
    }
    (spread(public) / spread(cv)).sqrt().clamp(0.5, 2.0)
}

/// Logarithms of weights as weights that sum to 1.
fn weights(logs: impl Iterator<Item = f64>) -> Vec<f64> {
    let logs: Vec<f64> = logs.collect();
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let raw: Vec<f64> = logs.iter().map(|log| if most.is_finite() { (log - most).exp() } else { 1.0 }).collect();
    let sum: f64 = raw.iter().sum();
    raw.into_iter().map(|weight| weight / sum).collect()
}

/// The place in which a number from 0 to 1 falls.
fn pick(weights: &[f64], at: f64) -> usize {
    let mut sum = 0.0;
    let found = weights.iter().position(|weight| {
        sum += weight;
        at < sum
    });
    found.unwrap_or(weights.len() - 1)
}

impl Forecast {
    /// The private score of the `i`-th submission.
    pub fn outlook(&self, i: usize) -> Outlook {
        let mut sorted = self.draws[i].clone();
        sorted.sort_by(f64::total_cmp);
        let mean = sorted.iter().sum::<f64>() / DRAWS as f64;
        let deviation = (sorted.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / DRAWS as f64).sqrt();
        let outside = (1.0 - COVERAGE) / 2.0;
        Outlook { mean, deviation, interval: [quantile(&sorted, outside), quantile(&sorted, 1.0 - outside)] }
    }

    /// The chance that the order of two submissions on the public leaderboard is another one on the private one; before both have a public
    /// score, that the order of their expected private scores is. Equal scores count half.
    pub fn flip(&self, a: usize, b: usize) -> f64 {
        let now = match (self.public[a], self.public[b]) {
            (Some(a), Some(b)) => a - b,
            _ => self.mean(a) - self.mean(b),
        };
        let ahead = |(a, b): (&f64, &f64)| if a > b { 1.0 } else { f64::from(u8::from(a == b)) / 2.0 };
        let ahead = self.draws[a].iter().zip(&self.draws[b]).map(ahead).sum::<f64>() / DRAWS as f64;
        if now > 0.0 {
            1.0 - ahead
        } else if now < 0.0 {
            ahead
        } else {
            0.5
        }
    }

    /// The expected private score of the best of these.
    pub fn expected(&self, places: &[usize]) -> f64 {
        let best = |n: usize| places.iter().map(|&i| self.draws[i][n]).fold(0.0, f64::max);
        (0..DRAWS).map(best).sum::<f64>() / DRAWS as f64
    }

    /// The `count` submissions among these whose best is expected highest: of pairs the best of all, of more the one that adds most at a time.
    pub fn best(&self, among: &[usize], count: usize) -> Option<Best> {
        let count = count.min(among.len());
        let mut by_mean = among.to_vec();
        by_mean.sort_by(|&a, &b| self.mean(b).total_cmp(&self.mean(a)));
        let first = *by_mean.first()?;
        let mut places = vec![first];
        let pairs = among.iter().enumerate().flat_map(|(n, &a)| among[..n].iter().map(move |&b| [b, a]));
        if count >= 2
            && let Some(pair) = highest(pairs.map(|pair| (self.expected(&pair), pair.to_vec())))
        {
            places = pair;
        }
        while places.len() < count {
            let more = among.iter().filter(|i| !places.contains(i)).map(|&i| [&places[..], &[i]].concat());
            match highest(more.map(|more| (self.expected(&more), more))) {
                Some(more) => places = more,
                None => break,
            }
        }
        places.sort_by(|&a, &b| self.mean(b).total_cmp(&self.mean(a)));
        let alone = by_mean[..count.max(1)].to_vec();
        let correlation = (places.len() >= 2).then(|| self.correlation(places[0], places[1]));
        let (expected, expected_alone) = (self.expected(&places), self.expected(&alone));
        Some(Best { places, expected, alone, expected_alone, correlation })
    }

    /// The correlation of two private scores.
    pub fn correlation(&self, a: usize, b: usize) -> f64 {
        let (x, y) = (self.mean(a), self.mean(b));
        let sum = |of: &dyn Fn(f64, f64) -> f64| {
            self.draws[a].iter().zip(&self.draws[b]).map(|(a, b)| of(*a, *b)).sum::<f64>()
        };
        let spread = (sum(&|a, _| (a - x).powi(2)) * sum(&|_, b| (b - y).powi(2))).sqrt();
        if spread > 0.0 { (sum(&|a, b| (a - x) * (b - y)) / spread).clamp(-1.0, 1.0) } else { 0.0 }
    }

    fn mean(&self, i: usize) -> f64 {
        self.draws[i].iter().sum::<f64>() / DRAWS as f64
    }
}

/// The first of the highest.
fn highest<T>(all: impl Iterator<Item = (f64, T)>) -> Option<T> {
    all.fold(None, |best: Option<(f64, T)>, next| match best {
        Some(best) if best.0 >= next.0 => Some(best),
        _ => Some(next),
    })
    .map(|(_, found)| found)
}

#[cfg(test)]
mod tests;
