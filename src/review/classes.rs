//! Labels that deserve a look: with a single photo, taken for each other, or falling into two heaps.
//!
//! Takes the manifest, the neighbours' votes out of fold and embeddings; gives ranked suspects, each a label by one of its photos. Two
//! labels look alike by how often the neighbours of one's photos vote for the other, both ways counted. Heaps are the two of 2-means on the
//! sphere (Lloyd; seeded by the farthest photos), judged by the mean silhouette (Rousseeuw 1987) in cosine distance: from 0.25 on there is
//! some structure (Kaufman and Rousseeuw 1990).

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::labels::Vote;
use super::{Kind, Proposal, Suspect};
use crate::base::text::{fit, plain};
use crate::data::manifest::{Manifest, Role};
use crate::retrieve::{Embeddings, RetrieveError};

/// The rate from which two labels look alike, and the least photos taken for the other label that count.
const ALIKE: f64 = 0.2;
const FEWEST: usize = 2;
/// The silhouette from which there are two heaps.
const HEAPS: f64 = 0.25;
/// Photos that a label needs to be parted, and that each heap needs.
const LEAST: usize = 4;
const LEAST_HEAP: usize = 2;
/// A label's photos beyond this many are passed over evenly: the silhouette costs their square.
const MOST: usize = 512;
/// Rounds of Lloyd's algorithm; it stands still long before.
const ROUNDS: usize = 50;

/// The training photos that are alone with their label; copies of one file count once.
pub fn single_photos(manifest: &Manifest) -> Vec<Suspect> {
    let by_label = by_label(manifest, manifest.with_role(&[Role::Train]));
    let alone = |(label, photos): (u32, Vec<u32>)| {
        let contents: BTreeSet<_> = photos.iter().map(|&photo| manifest.photos[photo as usize].content).collect();
        let (first, rest) = photos.split_first()?;
        let of = if rest.is_empty() { "the only photo" } else { "the only photo, with its copies," };
        (contents.len() == 1).then(|| Suspect {
            kind: Kind::SinglePhoto,
            photo: *first,
            with: rest.to_vec(),
            score: 1.0,
            is_over: true,
            reason: format!(
                "{of} labelled {}: where a fold holds it out, nothing of it was learnt",
                name(manifest, label)
            ),
            proposal: Proposal::Look,
        })
    };
    by_label.into_iter().filter_map(alone).collect()
}

/// Pairs of labels whose photos are taken for each other, by falling rate: photos of either whose neighbours vote for the other, of all
/// photos of both that were asked.
pub fn look_alikes(manifest: &Manifest, votes: &[Vote]) -> Vec<Suspect> {
    let mut asked: BTreeMap<u32, usize> = BTreeMap::new();
    let mut taken: BTreeMap<(u32, u32), Vec<&Vote>> = BTreeMap::new();
    for vote in votes {
        *asked.entry(vote.given).or_default() += 1;
        if vote.best_share > vote.given_share {
            taken.entry((vote.given, vote.best)).or_default().push(vote);
        }
    }
    for list in taken.values_mut() {
        list.sort_by(|a, b| b.against().total_cmp(&a.against()).then(a.photo.cmp(&b.photo)));
    }
    let none = Vec::new();
    let pairs: BTreeSet<(u32, u32)> = taken.keys().map(|&(a, b)| (a.min(b), a.max(b))).collect();
    let told = |(a, b): (u32, u32)| {
        let [there, back] = [(a, b), (b, a)].map(|way| taken.get(&way).unwrap_or(&none));
        let of = |label| asked.get(&label).copied().unwrap_or(0);
        let (count, total) = (there.len() + back.len(), of(a) + of(b));
        let rate = count as f64 / total.max(1) as f64;
        let examples: Vec<&&Vote> = there.first().into_iter().chain(back.first()).collect();
        let (first, rest) = examples.split_first()?;
        let mut with: Vec<u32> = first.near.first().copied().into_iter().chain(rest.iter().map(|v| v.photo)).collect();
        with.dedup();
        Some(Suspect {
            kind: Kind::LookAlike,
            photo: first.photo,
            with,
            score: rate.min(1.0),
            is_over: rate >= ALIKE && count >= FEWEST,
            reason: format!(
                "{} and {} are taken for each other in {:.0} % of their {total} photos: {} of {}, {} of {}",
                name(manifest, a),
                name(manifest, b),
                100.0 * rate,
                there.len(),
                of(a),
                back.len(),
                of(b)
            ),
            proposal: Proposal::Look,
        })
    };
    let mut found: Vec<Suspect> = pairs.into_iter().filter_map(told).collect();
    found.sort_by(|x, y| y.score.total_cmp(&x.score).then(x.photo.cmp(&y.photo)));
    found
}

/// Labels whose photos fall into two heaps, by falling silhouette; labels of at least four photos are looked at. The suspect is the photo in
/// the middle of the smaller heap, with the heap's others and, last, the middle of the larger one.
///
/// # Errors
/// When the embeddings are broken.
pub fn two_clusters(manifest: &Manifest, embeddings: &Embeddings) -> Result<Vec<Suspect>, RetrieveError> {
    embeddings.check()?;
    let rows: BTreeMap<u32, &[f32]> = embeddings.photos.iter().copied().zip(embeddings.rows()).collect();
    let known = embeddings.photos.iter().copied().filter(|&photo| (photo as usize) < manifest.photos.len());
    let labels: Vec<(u32, Vec<u32>)> = by_label(manifest, known).into_iter().collect();
    let part = |(label, photos): &(u32, Vec<u32>)| {
        let every = photos.len().div_ceil(MOST).max(1);
        let photos: Vec<u32> = photos.iter().copied().step_by(every).collect();
        if photos.len() < LEAST {
            return None;
        }
        let points: Vec<Vec<f64>> = photos.iter().filter_map(|photo| rows.get(photo).map(|row| unit(row))).collect();
        let (second, centres) = two_means(&points)?;
        let score = silhouette(&points, &second);
        let count = second.iter().filter(|second| **second).count();
        let (large, small) = (count.max(points.len() - count), count.min(points.len() - count));
        // Which of both is the smaller: the second where they are equal.
        let smaller = 2 * count <= points.len();
        let middle = |heap: bool| {
            let of = (0..points.len()).filter(|&i| second[i] == heap);
            of.max_by(|&a, &b| {
                let near = |i: usize| dot(&points[i], &centres[usize::from(heap)]);
                near(a).total_cmp(&near(b)).then(b.cmp(&a))
            })
        };
        let (first, other) = (middle(smaller)?, middle(!smaller)?);
        let mut with: Vec<u32> =
            (0..points.len()).filter(|&i| second[i] == smaller && i != first).map(|i| photos[i]).collect();
        with.push(photos[other]);
        (small >= LEAST_HEAP && score > 0.0).then(|| Suspect {
            kind: Kind::TwoClusters,
            photo: photos[first],
            with,
            score: score.clamp(0.0, 1.0),
            is_over: score >= HEAPS,
            reason: format!(
                "the photos labelled {} fall into heaps of {large} and {small} (silhouette {score:.2}): two things, or two sides of one",
                name(manifest, *label)
            ),
            proposal: Proposal::Look,
        })
    };
    let mut found: Vec<Suspect> = labels.par_iter().filter_map(part).collect();
    found.sort_by(|x, y| y.score.total_cmp(&x.score).then(x.photo.cmp(&y.photo)));
    Ok(found)
}

fn by_label(manifest: &Manifest, photos: impl Iterator<Item = u32>) -> BTreeMap<u32, Vec<u32>> {
    let mut of: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for photo in photos {
        if let Some(label) = manifest.photos[photo as usize].label {
            of.entry(label).or_default().push(photo);
        }
    }
    of
}

fn name(manifest: &Manifest, label: u32) -> String {
    manifest.labels.get(label as usize).map_or("?".to_owned(), |name| fit(&plain(name), 60))
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn unit(row: &[f32]) -> Vec<f64> {
    let row: Vec<f64> = row.iter().map(|&x| f64::from(x)).collect();
    normal(row)
}

fn normal(mut row: Vec<f64>) -> Vec<f64> {
    let norm = dot(&row, &row).sqrt();
    if norm > 0.0 {
        row.iter_mut().for_each(|x| *x /= norm);
    }
    row
}

/// For each point whether it is of the second heap, and both centres; `None` where a heap stays empty.
fn two_means(points: &[Vec<f64>]) -> Option<(Vec<bool>, [Vec<f64>; 2])> {
    let mean = |of: &dyn Fn(usize) -> bool| -> Vec<f64> {
        let mut sum = vec![0.0; points.first().map_or(0, Vec::len)];
        for (_, point) in points.iter().enumerate().filter(|(i, _)| of(*i)) {
            sum.iter_mut().zip(point).for_each(|(sum, x)| *sum += x);
        }
        normal(sum)
    };
    let farthest = |from: &[f64]| {
        let near = |i: &usize| dot(&points[*i], from);
        (0..points.len()).min_by(|a, b| near(a).total_cmp(&near(b)))
    };
    let first = points.get(farthest(&mean(&|_| true))?)?.clone();
    let other = points.get(farthest(&first)?)?.clone();
    let mut centres = [first, other];
    let mut second = vec![false; points.len()];
    for round in 0..ROUNDS {
        let now: Vec<bool> = points.iter().map(|point| dot(point, &centres[1]) > dot(point, &centres[0])).collect();
        if now == second && round > 0 {
            break;
        }
        second = now;
        if second.iter().all(|of| *of) || !second.iter().any(|of| *of) {
            return None;
        }
        centres = [mean(&|i| !second[i]), mean(&|i| second[i])];
    }
    Some((second, centres))
}

/// Mean silhouette of two heaps in cosine distance; a point that is alone counts 0.
fn silhouette(points: &[Vec<f64>], second: &[bool]) -> f64 {
    let one = |i: usize| {
        let (mut sums, mut counts) = ([0.0; 2], [0usize; 2]);
        for (j, point) in points.iter().enumerate().filter(|(j, _)| *j != i) {
            let same = usize::from(second[i] == second[j]);
            sums[same] += 1.0 - dot(&points[i], point);
            counts[same] += 1;
        }
        if counts[0] == 0 || counts[1] == 0 {
            return 0.0;
        }
        let [apart, within] = [sums[0] / counts[0] as f64, sums[1] / counts[1] as f64];
        let most = apart.max(within);
        if most > 0.0 { (apart - within) / most } else { 0.0 }
    };
    (0..points.len()).map(one).sum::<f64>() / points.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::base::Key;
    use crate::data::manifest::Photo;

    fn manifest(rows: &[(u32, u8)]) -> Manifest {
        let photo = |&(label, content): &(u32, u8)| Photo {
            id: String::new(),
            path: PathBuf::new(),
            content: Key::of_bytes(&[content]),
            label: Some(label),
            coarse: None,
            role: Role::Train,
            width: 1,
            height: 1,
            crop: None,
        };
        let labels = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
        Manifest { photos: rows.iter().map(photo).collect(), labels, ..Manifest::default() }
    }

    #[test]
    fn single_photos_are_named_and_copies_count_once() {
        let found = single_photos(&manifest(&[(0, 0), (1, 1), (0, 2), (2, 3), (2, 3)]));
        let told: Vec<(u32, &[u32], &str)> =
            found.iter().map(|s| (s.photo, s.with.as_slice(), s.reason.as_str())).collect();
        let why = "labelled b: where a fold holds it out, nothing of it was learnt";
        assert_eq!(told[0], (1, &[][..], format!("the only photo {why}").as_str()));
        assert_eq!(told[1].0, 3);
        assert_eq!((told[1].1, told.len()), (&[4][..], 2));
        assert!(single_photos(&Manifest::default()).is_empty());
    }

    #[test]
    fn labels_taken_for_each_other_are_counted_both_ways() {
        let vote = |photo, given, best, given_share, best_share| Vote {
            photo,
            given,
            given_share,
            best,
            best_share,
            near: vec![photo + 10],
        };
        let votes = [
            vote(0, 0, 1, 0.2, 0.8),
            vote(1, 0, 1, 0.9, 0.1),
            vote(2, 1, 0, 0.0, 1.0),
            vote(3, 1, 0, 0.6, 0.4),
            vote(4, 2, 0, 0.4, 0.5),
            vote(5, 2, 0, 1.0, 0.0),
        ];
        let found = look_alikes(&manifest(&[(0, 0)]), &votes);
        let told: Vec<(u32, &[u32], f64, bool)> =
            found.iter().map(|s| (s.photo, s.with.as_slice(), s.score, s.is_over)).collect();
        assert_eq!(told, [(0, &[10, 2][..], 0.5, true), (4, &[14][..], 0.25, false)]);
        assert_eq!(found[0].reason, "a and b are taken for each other in 50 % of their 4 photos: 1 of 2, 1 of 2");
        assert!(look_alikes(&Manifest::default(), &[]).is_empty());
    }

    #[test]
    fn two_heaps_are_found_and_one_is_not() {
        // Label 0: five photos one way, three another. Label 1: four of one kind. Label 2: too few.
        let rows: Vec<(u32, u8)> = (0..15u8).map(|i| (u32::from(i >= 8) + u32::from(i >= 12), i)).collect();
        let at = |i: u32| {
            let small = 0.05 * f64::from(i * 7 % 5);
            let far = (5..8).contains(&i);
            let angle = if far { 1.5 + small } else { small };
            [angle.cos() as f32, angle.sin() as f32]
        };
        let photos: Vec<u32> = (0..15).collect();
        let data = photos.iter().flat_map(|&i| at(i)).collect();
        let embeddings = Embeddings::new(2, photos, data).unwrap();
        let found = two_clusters(&manifest(&rows), &embeddings).unwrap();
        let first = &found[0];
        assert!(first.is_over && first.score > 0.9, "{found:?}");
        assert!((5..8).contains(&first.photo) && first.with.len() == 3 && first.with[2] < 5, "{first:?}");
        assert!(first.reason.starts_with("the photos labelled a fall into heaps of 5 and 3 (silhouette 0.9"));
        assert!(found.iter().all(|s| s.photo < 12));
        let equal = Embeddings::new(1, (0..8).collect(), vec![1.0; 8]).unwrap();
        assert!(two_clusters(&manifest(&rows), &equal).unwrap().is_empty());
        assert!(two_clusters(&manifest(&rows), &Embeddings { dim: 1, photos: vec![0], data: vec![f32::NAN] }).is_err());
    }

    #[test]
    fn silhouettes_are_worked_out() {
        // Two at right angles to two: within 0, apart 1.
        let points = [vec![1.0, 0.0], vec![1.0, 0.0], vec![0.0, 1.0], vec![0.0, 1.0]];
        assert!((silhouette(&points, &[false, false, true, true]) - 1.0).abs() < 1e-12);
        assert_eq!(silhouette(&points[..1], &[false]), 0.0);
    }
}
