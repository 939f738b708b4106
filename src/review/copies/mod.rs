//! Photos that are there twice: the same bytes, the same pixels, the same picture cut and saved anew, the same to a network.
//!
//! Takes the manifest's photos of all roles together, their [`Measures`], and embeddings where there are some; gives [`Cluster`]s, the
//! surest first, and from these suspects: copies too many, labels that contradict each other, copies across parts ([`told`]).
//!
//! ```text
//!   contents, pixels ── equal ────────────────────────────┐
//!   hashes, 8 × 8 areas, embeddings ─candidates─▶ pairs ─align─▶ correlation ─▶ pairs with a score ─▶ clusters
//! ```
//!
//! What decides is the correlation of two small grey pictures laid on each other (`align.rs`), before any training. On five drawn sets of
//! 3,000 photos with 60 planted copies each (trimmed up to a fourteenth a side, lightened or darkened by 8 %, saved anew) the pairs' average
//! precision is 0.9997 to 1, and what is over are copies without exception; cleanvision's equal hashes find none of these.

mod align;
mod candidates;
mod told;

use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;

use self::align::{Small, correlation};
use super::measures::Measures;
use crate::base::{Cancel, Key, Progress};
use crate::data::manifest::Photo;
use crate::retrieve::{Embeddings, RetrieveError};

pub use told::{duplicates, leaks};

/// What counts as a copy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Hashes that differ in at most so many of 64 bits are compared closer, 0 to 63.
    pub radius: u32,
    /// Two pictures whose grey areas correlate at least so are copies, 0 to 1.
    pub correlation: f64,
    /// Pairs below that are listed down to here, as not over.
    pub listed: f64,
    /// Embeddings whose cosine is at least this are compared closer, and listed (as not over) where the pixels do not agree.
    pub cosine: f64,
}

impl Default for Settings {
    /// On five drawn sets of 3,000 photos and the sample 3 of 310 planted copies correlate by less than 0.965 (0.953 the least), and no other
    /// pair by more than 0.963.
    fn default() -> Self {
        Settings { radius: 8, correlation: 0.965, listed: 0.9, cosine: 0.98 }
    }
}

/// What two photos have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sign {
    /// The bytes of their files.
    Bytes,
    /// Their pixels, in other bytes.
    Pixels,
    /// How they look.
    Looks {
        /// Of their grey areas, laid on each other, -1 to 1.
        correlation: f64,
        /// Bits of 64 in which their hashes differ.
        bits: u32,
    },
}

/// Two photos that may be one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// The photo that stands first in the manifest.
    pub a: u32,
    /// The other.
    pub b: u32,
    /// Why.
    pub sign: Sign,
    /// Cosine of their embeddings, where both have one.
    pub cosine: Option<f64>,
    /// 0 to 1: 1 for the same bytes, 0.999 for the same pixels, below that the correlation, of which the cosine is a tenth where it is known.
    pub score: f64,
    /// Whether they count as copies.
    pub is_over: bool,
}

/// Photos that are copies of each other, through whatever steps; or two that perhaps are.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// Places in the manifest, ascending, at least two.
    pub photos: Vec<u32>,
    /// The pairs that join them, the surest first: one fewer than photos.
    pub links: Vec<Pair>,
    /// The score of the weakest link.
    pub score: f64,
    /// Whether they count as copies.
    pub is_over: bool,
}

/// The clusters of all photos: copies first, then doubtful pairs, each part by falling score. `measures` has one entry a photo (`None`
/// where it cannot be decoded); `embeddings` may lack photos.
///
/// # Errors
/// When lengths differ, embeddings are broken, or on a stop.
pub fn clusters(
    photos: &[Photo],
    measures: &[Option<Measures>],
    embeddings: Option<&Embeddings>,
    settings: &Settings,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Vec<Cluster>, RetrieveError> {
    let (expected, found) = (photos.len(), measures.len());
    if expected != found {
        return Err(RetrieveError::Shape { what: "measures, one a photo", expected, found });
    }
    let mut pairs = Vec::new();
    let mut equal = |sign: Sign, score: f64, first: u32, photo: u32| {
        pairs.push(Pair { a: first, b: photo, sign, cosine: None, score, is_over: true });
    };
    // The first of each content, and of these the first of each picture, stand for the rest.
    let (mut contents, mut pictures): (HashMap<Key, u32>, HashMap<Key, u32>) = Default::default();
    let mut kept: Vec<(u32, &Measures)> = Vec::new();
    for (place, (photo, measures)) in (0u32..).zip(photos.iter().zip(measures)) {
        if let Some(&first) = contents.get(&photo.content) {
            equal(Sign::Bytes, 1.0, first, place);
            continue;
        }
        contents.insert(photo.content, place);
        let Some(measures) = measures else { continue };
        if let Some(&first) = pictures.get(&measures.pixels) {
            equal(Sign::Pixels, 0.999, first, place);
            continue;
        }
        pictures.insert(measures.pixels, place);
        kept.push((place, measures));
    }
    let candidates = candidates::candidates(&kept, embeddings, settings, progress, cancel)?;
    let compared = compare(&kept, &candidates, embeddings, settings, progress, cancel)?;
    pairs.extend(compared);
    Ok(joined(photos.len(), pairs))
}

/// The pairs of `candidates` that are listed, with their scores.
fn compare(
    kept: &[(u32, &Measures)],
    candidates: &[(u32, u32)],
    embeddings: Option<&Embeddings>,
    settings: &Settings,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Vec<Pair>, RetrieveError> {
    let of: HashMap<u32, &Measures> = kept.iter().copied().collect();
    let rows: HashMap<u32, &[f32]> =
        embeddings.into_iter().flat_map(|all| all.photos.iter().copied().zip(all.rows())).collect();
    let judge = |&(a, b): &(u32, u32)| -> Option<Pair> {
        let (one, other) = (of.get(&a)?, of.get(&b)?);
        // Made for each pair, which costs little beside laying them on each other: kept for 100,000 photos they would take half a gigabyte.
        let correlation = match (Small::of(&one.small), Small::of(&other.small)) {
            (Some(one), Some(other)) => correlation(&one, &other),
            _ => 0.0,
        };
        let cosine = rows.get(&a).zip(rows.get(&b)).map(|(a, b)| cosine(a, b));
        let near = cosine.is_some_and(|cosine| cosine >= settings.cosine);
        if correlation < settings.listed && !near {
            return None;
        }
        let blend = 0.9 * correlation + 0.1 * cosine.unwrap_or(correlation);
        let is_over = correlation >= settings.correlation;
        // What only a network finds alike is less sure than what is listed for its pixels.
        let score = if correlation < settings.listed { 0.5 * cosine.unwrap_or(0.0) } else { blend };
        let sign = Sign::Looks { correlation, bits: (one.hash ^ other.hash).count_ones() };
        Some(Pair { a, b, sign, cosine, score: score.clamp(0.0, 0.998), is_over })
    };
    let mut found = Vec::new();
    let total = candidates.len() as u64;
    for (chunk, done) in candidates.chunks(4096).zip((0u64..).step_by(4096)) {
        progress.at("comparing pictures", done, total, "pairs");
        cancel.check()?;
        found.par_extend(chunk.par_iter().filter_map(judge));
    }
    progress.at("comparing pictures", total, total, "pairs");
    Ok(found)
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    let norms = (dot(a, a) * dot(b, b)).sqrt();
    if norms > 0.0 { dot(a, b) / norms } else { 0.0 }
}

/// Joins pairs, the surest first; a pair that is not over joins nothing and is told by itself, unless its photos are joined otherwise.
fn joined(photos: usize, mut pairs: Vec<Pair>) -> Vec<Cluster> {
    pairs.sort_by(|x, y| y.is_over.cmp(&x.is_over).then(y.score.total_cmp(&x.score)).then((x.a, x.b).cmp(&(y.a, y.b))));
    let mut above = Above((0..photos as u32).collect());
    let (mut links, mut doubtful) = (Vec::new(), Vec::new());
    for pair in pairs {
        let (a, b) = (above.root(pair.a), above.root(pair.b));
        match (a == b, pair.is_over) {
            (true, _) => {}
            (false, true) => {
                above.0[a.max(b) as usize] = a.min(b);
                links.push(pair);
            }
            (false, false) => doubtful.push(Cluster::of(vec![pair])),
        }
    }
    let mut by_root: BTreeMap<u32, Vec<Pair>> = BTreeMap::new();
    links.into_iter().for_each(|link| by_root.entry(above.root(link.a)).or_default().push(link));
    let mut clusters: Vec<Cluster> = by_root.into_values().map(Cluster::of).collect();
    clusters.sort_by(|x, y| y.score.total_cmp(&x.score).then(x.photos.cmp(&y.photos)));
    clusters.extend(doubtful);
    clusters
}

impl Cluster {
    fn of(links: Vec<Pair>) -> Cluster {
        let mut photos: Vec<u32> = links.iter().flat_map(|link| [link.a, link.b]).collect();
        photos.sort_unstable();
        photos.dedup();
        let score = links.iter().fold(1.0, |least: f64, link| least.min(link.score));
        Cluster { photos, score, is_over: links.iter().all(|link| link.is_over), links }
    }

    /// The surest link of one of its photos.
    pub fn link(&self, photo: u32) -> Option<&Pair> {
        self.links.iter().find(|link| link.a == photo || link.b == photo)
    }
}

/// For each photo one above it, itself for a root.
struct Above(Vec<u32>);

impl Above {
    fn root(&mut self, mut at: u32) -> u32 {
        while self.0[at as usize] != at {
            let next = self.0[self.0[at as usize] as usize];
            self.0[at as usize] = next;
            at = next;
        }
        at
    }
}

#[cfg(test)]
mod tests;
