//! Hands what pictures and networks say to each list's own room ([`crate::review`]).
//!
//! Takes the measures of all pictures and what each network told of the labelled photos; gives all suspects. Photos whose network learnt from
//! them, since too few folds are trained, are judged all the same: late in training networks forgive wrong labels, so such a list only misses.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::find::Told;
use crate::base::{Cancel, Key, Progress, files};
use crate::data::folds::Fold;
use crate::data::manifest::Photo;
use crate::retrieve::{Embeddings, index};
use crate::review::labels::{self, Evidence, Learnt, OutOfFold, Probabilities, Rows, Vote, Voting};
use crate::review::measures::{self, Measures};
use crate::review::objects::{self, CropVote};
use crate::review::{Suspect, classes, copies, quality};
use crate::session::stages::embed::crops;
use crate::session::{Photos, Project, SessionError};

/// Every picture's measures, by place; `None` for what cannot be decoded.
pub(super) type Measured = Vec<Option<Measures>>;

/// The file of pictures' measures, in `.toji`.
const CACHE: &str = "measures.cache";
/// Suspects of a list of quality that are kept though they are not over.
const LISTED: usize = 50;
/// How fast a neighbour's vote about a part loses weight with its cosine: the usual one (Wu and others 2018), since a part that is sure is wanted.
const TEMPERATURE: f64 = 0.07;
/// Neighbours that vote about a part of a photo.
const VOTERS: usize = 10;
/// Probabilities (photos times labels) that are computed, at most: two gigabytes.
const PROBABILITIES: usize = 500_000_000;

/// Measures pictures, given by their contents and files, where that was not done.
pub(super) fn measured(
    project: &Project,
    pictures: &[(Key, &Path)],
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Measured, SessionError> {
    let (limits, cache) = (&project.competition.data.limits, project.toji.join(CACHE));
    Ok(measures::measured(&project.root, pictures, limits, &cache, cancel, progress)?)
}

/// All suspects of all lists.
///
/// # Errors
/// When embeddings are broken, or on a stop.
pub(super) fn all(
    photos: &Photos,
    measured: &Measured,
    (folds, told): (&[Fold], &[Told]),
    probabilities: Option<&Path>,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Vec<Suspect>, SessionError> {
    let manifest = &photos.manifest;
    let mut found = quality::quality(measured, &quality::Thresholds::default(), LISTED);
    let embeddings = told.first().map(|told| &told.all);
    let seen = told.first().map(everybody).transpose()?;
    let clusters =
        copies::clusters(&manifest.photos, measured, seen.as_deref(), &copies::Settings::default(), progress, cancel)?;
    drop(seen);
    found.extend(copies::duplicates(&clusters, manifest, measured));
    found.extend(copies::leaks(&clusters, manifest, folds));
    found.extend(classes::single_photos(manifest));
    if told.is_empty() {
        return Ok(found);
    }
    let out: Vec<OutOfFold<'_>> =
        told.iter().map(|told| OutOfFold { embeddings: &told.all, held: &told.answered }).collect();
    let votes = labels::votes(&out, &manifest.photos, &Voting::default(), progress, cancel)?;
    let rows = match asked(photos, told) {
        many if many <= PROBABILITIES => rows(photos, told, &out, progress, cancel)?,
        // The votes judge alone, which say most of it.
        _ => Rows::default(),
    };
    if let Some(file) = probabilities {
        files::publish(file, table(photos, &rows).as_bytes())?;
    }
    found.extend(wrong_labels(photos, told, &rows, &votes)?);
    found.extend(classes::look_alikes(manifest, &votes));
    if let Some(all) = embeddings {
        found.extend(classes::two_clusters(manifest, all)?);
    }
    for told in told {
        if let Some(parts) = &told.parts {
            found.extend(objects(photos, told, parts, progress, cancel)?);
        }
    }
    Ok(found)
}

/// All photos that one network saw: the labelled ones, and the host's where these are known.
fn everybody(told: &Told) -> Result<Cow<'_, Embeddings>, SessionError> {
    let Told { all, host, .. } = told;
    let Some(host) = host.as_ref().filter(|host| host.dim == all.dim) else { return Ok(Cow::Borrowed(all)) };
    let (photos, data) = ([&all.photos[..], &host.photos].concat(), [&all.data[..], &host.data].concat());
    Ok(Cow::Owned(Embeddings::new(all.dim, photos, data)?))
}

/// How many probabilities there would be: photos that are answered for, times their labels.
fn asked(photos: &Photos, told: &[Told]) -> usize {
    let answered = || told.iter().flat_map(|told| &told.answered);
    let labels: BTreeSet<u32> =
        answered().filter_map(|photo| photos.manifest.photos.get(*photo as usize)?.label).collect();
    answered().count().saturating_mul(labels.len())
}

/// Probabilities of labels: by heads where they know them, else by neighbours.
fn rows(
    photos: &Photos,
    told: &[Told],
    out: &[OutOfFold<'_>],
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Rows, SessionError> {
    match by_heads(photos, told) {
        Some(rows) => Ok(rows),
        None => Ok(labels::probabilities(out, &photos.manifest.photos, progress, cancel)?),
    }
}

/// The probabilities as a table: id, the given label's column, then a column a label.
fn table(photos: &Photos, rows: &Rows) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let name = |label: &u32| photos.manifest.labels.get(*label as usize).map_or(String::new(), |name| quoted(name));
    let mut text = format!("id,label,{}\n", rows.columns.iter().map(name).collect::<Vec<_>>().join(","));
    let each = rows.photos.iter().zip(&rows.labels).zip(rows.rows.chunks_exact(rows.columns.len().max(1)));
    for ((photo, label), row) in each {
        let id = photos.manifest.photos.get(*photo as usize).map_or(String::new(), |photo| quoted(&photo.id));
        let numbers: Vec<String> = row.iter().map(|p| format!("{p:.7}")).collect();
        text += &format!("{id},{label},{}\n", numbers.join(","));
    }
    text
}

fn wrong_labels(photos: &Photos, told: &[Told], rows: &Rows, votes: &[Vote]) -> Result<Vec<Suspect>, SessionError> {
    let manifest = &photos.manifest;
    let confident = Probabilities::new(rows.columns.len(), &rows.rows, &rows.labels)?.confident();
    let learnt = (!rows.photos.is_empty()).then_some(Learnt {
        photos: &rows.photos,
        columns: &rows.columns,
        confident: &confident,
    });
    let mut angles = vec![None; manifest.photos.len()];
    for told in told {
        for (photo, angle) in told.answered.iter().zip(told.angles.iter().flatten()) {
            angles[*photo as usize] = Some(*angle);
        }
    }
    Ok(labels::wrong_labels(manifest, &Evidence { votes, learnt, angles: &angles }))
}

/// Probabilities by the networks' heads, where each has one; a label that a head does not know is as unlike as its least alike.
fn by_heads(photos: &Photos, told: &[Told]) -> Option<Rows> {
    let label = |photo: &u32| photos.manifest.photos.get(*photo as usize).and_then(|photo| photo.label);
    let mut columns: Vec<u32> = told.iter().flat_map(|told| told.answered.iter().filter_map(label)).collect();
    columns.sort_unstable();
    columns.dedup();
    let column = |label: u32| columns.binary_search(&label).ok();
    let mut places: Vec<u32> = told.iter().flat_map(|told| told.answered.iter().copied()).collect();
    places.sort_unstable();
    places.dedup();
    // In place: for many photos and labels these numbers are what takes the memory.
    let mut rows: Vec<f32> = vec![0.0; places.len() * columns.len()];
    let (mut met, mut asked) = (0, 0);
    for told in told {
        let (known, cosines) = told.head.as_ref()?;
        for (photo, own) in told.answered.iter().zip(cosines.chunks_exact(known.len().max(1))) {
            let least = own.iter().copied().fold(f32::INFINITY, f32::min);
            let at = places.binary_search(photo).ok()? * columns.len();
            let row = rows.get_mut(at..at + columns.len())?;
            row.fill(least);
            for (label, cosine) in known.iter().zip(own) {
                if let Some(at) = column(*label) {
                    row[at] = *cosine;
                }
            }
            asked += 1;
            met += usize::from(label(photo).is_some_and(|label| known.binary_search(&label).is_ok()));
        }
    }
    // Where labels are held out whole, heads know nothing of them.
    if asked == 0 || met * 10 < asked * 9 {
        return None;
    }
    let labels = places.iter().map(|photo| column(label(photo)?).map(|at| at as u32)).collect::<Option<Vec<u32>>>()?;
    Some(labels::of_cosines(places, labels, columns, rows))
}

fn objects(
    photos: &Photos,
    told: &Told,
    parts: &crops::Seen,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Vec<Suspect>, SessionError> {
    let manifest = &photos.manifest;
    let mut votes: BTreeMap<u32, Vec<CropVote>> = BTreeMap::new();
    for (crop, seen) in parts.crops.iter().enumerate() {
        for (photo, label, share) in voted(&manifest.photos, seen, &told.all, progress, cancel)? {
            votes.entry(photo).or_default().push(CropVote { crop, label, share });
        }
    }
    let none = Embeddings::default();
    let (maps, columns) = parts.maps.as_ref().map_or((&none, 0), |(maps, columns)| (maps, *columns));
    let map: BTreeMap<u32, &[f32]> = maps.photos.iter().copied().zip(maps.rows()).collect();
    let halves = halves(&parts.crops);
    let empty: Vec<CropVote> = Vec::new();
    let seen: Vec<objects::Seen<'_>> = told
        .answered
        .iter()
        .map(|&photo| objects::Seen {
            photo,
            label: manifest.photos.get(photo as usize).and_then(|photo| photo.label),
            shares: map.get(&photo).copied().unwrap_or(&[]),
            columns,
            crops: votes.get(&photo).unwrap_or(&empty),
            halves: halves.get(&photo).copied(),
        })
        .collect();
    Ok(objects::objects(&seen, &manifest.labels, &objects::Settings::default()))
}

/// The cosine of the embeddings of each photo's two halves.
fn halves(crops: &[Embeddings]) -> BTreeMap<u32, f64> {
    let [left, right] = crops else { return BTreeMap::new() };
    let right_of: BTreeMap<u32, &[f32]> = right.photos.iter().copied().zip(right.rows()).collect();
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    let cosine = |(photo, own): (u32, &[f32])| {
        let other = right_of.get(&photo)?;
        let norm = (dot(own, own) * dot(other, other)).sqrt();
        (norm > 0.0).then(|| (photo, dot(own, other) / norm))
    };
    left.photos.iter().copied().zip(left.rows()).filter_map(cosine).collect()
}

/// The label that the nearest other photos give each part, and its share of the votes.
fn voted(
    photos: &[Photo],
    parts: &Embeddings,
    all: &Embeddings,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Vec<(u32, u32, f64)>, SessionError> {
    // One more, since a photo is near its own part.
    let near = index::neighbours(parts, all, VOTERS + 1, progress, cancel)?;
    let mut found = Vec::with_capacity(parts.len());
    for (row, &photo) in parts.photos.iter().enumerate() {
        let content = photos.get(photo as usize).map(|photo| photo.content);
        let other = |place: u32| photos.get(all.photos[place as usize] as usize);
        let voters = near.pairs(row).filter_map(|(place, cosine)| {
            let voter = other(place).filter(|voter| Some(voter.content) != content)?;
            Some((voter.label?, f64::from(cosine)))
        });
        let voters: Vec<(u32, f64)> = voters.take(VOTERS).collect();
        let Some(&(_, nearest)) = voters.first() else { continue };
        let mut shares: BTreeMap<u32, f64> = BTreeMap::new();
        let weight = |cosine: f64| ((cosine - nearest) / TEMPERATURE).exp();
        let sum: f64 = voters.iter().map(|(_, cosine)| weight(*cosine)).sum();
        voters.iter().for_each(|(label, cosine)| *shares.entry(*label).or_default() += weight(*cosine) / sum);
        // The first among equals.
        let best = shares.into_iter().reduce(|best, other| if other.1 > best.1 { other } else { best });
        found.extend(best.map(|(label, share)| (photo, label, share)));
    }
    Ok(found)
}
