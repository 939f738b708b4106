//! The luck of the draw: public and private parts of query sets that the host might have asked.
//!
//! Takes submissions that answered the same local queries; draws labels with replacement, all queries of one together, until there are as
//! many queries as the host has, shuffles them and cuts them into the two parts; gives by how much each part's mean is off the mean of all. Every
//! submission of a family is looked at over the same draws. Labels are drawn once more for the noise of the local queries themselves.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::Split;
use super::gauss::Matrix;
use crate::base::Seed;
use crate::score::bootstrap::DRAWS;
use crate::score::metric::Score;

/// Queries that are drawn at most; of more, so many stand for all, and the deviations are made as small as those of all.
const MOST: usize = 4000;

/// Submissions whose queries are, for the most part, the same.
pub(super) struct Family {
    /// Their places in what was given.
    pub places: Vec<usize>,
    /// The shared queries' scores minus each one's mean, `[query][member]`.
    values: Vec<f64>,
    /// The shared queries of each label.
    clusters: Vec<Vec<usize>>,
}

/// A query: its photo, and which of the photo's queries it is.
type Query = (u32, u32);

fn by_query(score: &Score) -> BTreeMap<Query, f64> {
    let mut met: BTreeMap<u32, u32> = BTreeMap::new();
    let number = |(&photo, &part): (&u32, &f32)| {
        let times = met.entry(photo).or_insert(0);
        *times += 1;
        ((photo, *times), f64::from(part))
    };
    score.queries.iter().zip(&score.per_query).map(number).collect()
}

impl Family {
    /// The families of some scores: one joins the first family with which it shares half of its, or of the family's, queries.
    pub fn of(scores: &[&Score], group: &impl Fn(u32) -> u32) -> Vec<Family> {
        let tables: Vec<BTreeMap<Query, f64>> = scores.iter().map(|score| by_query(score)).collect();
        let mut found: Vec<(Vec<usize>, Vec<Query>)> = Vec::new();
        for (place, table) in tables.iter().enumerate() {
            let joins = found.iter_mut().find_map(|(places, shared)| {
                let both: Vec<Query> = shared.iter().copied().filter(|query| table.contains_key(query)).collect();
                (!both.is_empty() && both.len() * 2 >= shared.len().min(table.len())).then_some((places, shared, both))
            });
            match joins {
                Some((places, shared, both)) => {
                    places.push(place);
                    *shared = both;
                }
                None => found.push((vec![place], table.keys().copied().collect())),
            }
        }
        let family = |(places, shared): (Vec<usize>, Vec<Query>)| {
            let count = shared.len().max(1) as f64;
            let mean = |place: usize| shared.iter().map(|query| tables[place][query]).sum::<f64>() / count;
            let means: Vec<f64> = places.iter().map(|&place| mean(place)).collect();
            let row =
                |query: &Query| places.iter().zip(&means).map(|(&place, mean)| tables[place][query] - mean).collect();
            let values = shared.iter().flat_map(|query| -> Vec<f64> { row(query) }).collect();
            let mut clusters: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
            for (at, (photo, _)) in shared.iter().enumerate() {
                clusters.entry(group(*photo)).or_default().push(at);
            }
            Family { places, values, clusters: clusters.into_values().collect() }
        };
        found.into_iter().map(family).collect()
    }

    /// Draws the luck of every member. `scales` has one factor a submission, for the host's parts.
    pub fn draw(&self, split: Split, scales: &[f64], seed: Seed, luck: &mut Luck) {
        let (members, clusters) = (self.places.len(), self.clusters.len());
        if clusters == 0 {
            return;
        }
        let all = split.public + split.private;
        let drawn = all.min(MOST);
        let public = ((drawn as f64 * split.public as f64 / all as f64).round() as usize).clamp(1, drawn.max(2) - 1);
        // Drawing from few labels makes deviations too small; drawing too few queries, too large.
        let few = (clusters as f64 / (clusters as f64 - 1.0).max(1.0)).sqrt();
        let many = few * (drawn as f64 / all as f64).sqrt();
        let add = |sums: &mut [f64], queries: &[usize]| {
            for &query in queries {
                let row = &self.values[query * members..][..members];
                sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
            }
        };
        let one = |n: usize| -> Vec<f64> {
            let mut random = seed.at(n as u64).draws();
            let mut queries = Vec::with_capacity(drawn);
            while queries.len() < drawn {
                queries.extend(&self.clusters[random.below(clusters as u64) as usize]);
            }
            random.shuffle(&mut queries);
            queries.truncate(drawn);
            let mut sums = vec![0.0; 3 * members];
            let (first, rest) = sums.split_at_mut(members);
            let (second, third) = rest.split_at_mut(members);
            add(first, &queries[..public]);
            add(second, &queries[public..]);
            let mut count = 0;
            for _ in 0..clusters {
                let cluster = &self.clusters[random.below(clusters as u64) as usize];
                add(third, cluster);
                count += cluster.len();
            }
            for member in 0..members {
                let scale = many * scales[self.places[member]];
                first[member] *= scale / public as f64;
                second[member] *= scale / (drawn - public) as f64;
                third[member] *= few / count as f64;
            }
            sums
        };
        let sums: Vec<Vec<f64>> = (0..DRAWS).into_par_iter().map(one).collect();
        for (n, sums) in sums.iter().enumerate() {
            for (member, &place) in self.places.iter().enumerate() {
                let at = n * luck.submissions + place;
                luck.public[at] = sums[member];
                luck.private[at] = sums[members + member];
                luck.own[at] = sums[2 * members + member];
            }
        }
    }
}

/// Deviations from each submission's mean, `[draw][submission]`.
pub(super) struct Luck {
    submissions: usize,
    /// Of the public part.
    pub public: Vec<f64>,
    /// Of the private part of the same draw.
    pub private: Vec<f64>,
    /// Of the local queries.
    pub own: Vec<f64>,
}

impl Luck {
    /// All zero.
    pub fn none(submissions: usize) -> Luck {
        let zero = || vec![0.0; DRAWS * submissions];
        Luck { submissions, public: zero(), private: zero(), own: zero() }
    }

    /// The covariance of two kinds of luck, `[submission, submission]`; 0 between families, which were drawn apart.
    pub fn covariance(
        &self,
        families: &[Family],
        a: impl Fn(&Luck) -> &Vec<f64>,
        b: impl Fn(&Luck) -> &Vec<f64>,
    ) -> Matrix {
        let (a, b, s) = (a(self), b(self), self.submissions);
        let mut family = vec![0; s];
        for (number, found) in families.iter().enumerate() {
            found.places.iter().for_each(|&place| family[place] = number);
        }
        let mean = |of: &[f64], i: usize| (0..DRAWS).map(|n| of[n * s + i]).sum::<f64>() / DRAWS as f64;
        Matrix::of(s, s, |i, j| {
            if family[i] != family[j] {
                return 0.0;
            }
            let (x, y) = (mean(a, i), mean(b, j));
            (0..DRAWS).map(|n| (a[n * s + i] - x) * (b[n * s + j] - y)).sum::<f64>() / DRAWS as f64
        })
    }
}
