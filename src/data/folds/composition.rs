//! What folds are made of, counted and said in words: for the page, for notes, for a person who asks why a score is high.
//!
//! Takes the folds and the manifest; gives for each fold its [`Composition`], and for all of them the lines of
//! [`Division::lines`]: what stays together, where labels with a single photo went, what of the examination was never
//! learnt, how far the local gallery is from the host's.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;

use super::protocol::{self, answers};
use super::{Division, Fold, Joined};
use crate::base::Key;
use crate::data::error::{counted, listed, quoted};
use crate::data::manifest::{Manifest, Role};

/// What a fold is made of, for a table and for notes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composition {
    /// Photos to learn from.
    pub train: usize,
    /// Labels to learn.
    pub labels: usize,
    /// Queries.
    pub queries: usize,
    /// Photos to be found, distractors included.
    pub gallery: usize,
    /// Labels in the gallery.
    pub gallery_labels: usize,
    /// Photos of the gallery that come from outside the held-out part and answer nobody.
    pub distractors: usize,
    /// Names of held-out labels with a single held-out photo: it can answer nobody.
    pub lone: Vec<String>,
    /// Queries without any right answer in the gallery; they score 0.
    pub unanswerable: usize,
    /// Held-out labels.
    pub held: usize,
    /// Held-out labels that training never sees.
    pub unseen: usize,
    /// Held-out photos whose very bytes are learnt from.
    pub leaks: usize,
    /// Queries whose very bytes are in the gallery once more: they find themselves.
    pub copies: usize,
}

impl Fold {
    /// What the fold is made of.
    pub fn composition(&self, manifest: &Manifest) -> Composition {
        let labels = |photos: &[u32]| -> BTreeMap<u32, usize> {
            let mut counts = BTreeMap::new();
            for label in photos.iter().filter_map(|&photo| manifest.photos[photo as usize].label) {
                *counts.entry(label).or_insert(0) += 1;
            }
            counts
        };
        let content = |photo: &u32| manifest.photos[*photo as usize].content;
        let learnt = labels(&self.train);
        let taught: HashSet<Key> = self.train.iter().map(content).collect();
        // A distractor that is learnt from is no held-out photo.
        let mut held: Vec<u32> = self.query.iter().chain(&self.gallery).copied().collect();
        held.retain(|photo| self.train.binary_search(photo).is_err());
        held.sort_unstable();
        held.dedup();
        let leaks = held.iter().filter(|photo| taught.contains(&content(photo))).count();
        let mut there: Vec<(Key, u32)> = self.gallery.iter().map(|photo| (content(photo), *photo)).collect();
        there.sort_unstable();
        let copied = |query: &&u32| {
            let own = content(query);
            let from = there.partition_point(|(key, _)| *key < own);
            there[from..].iter().take_while(|(key, _)| *key == own).any(|(_, photo)| photo != *query)
        };
        let held = labels(&held);
        Composition {
            train: self.train.len(),
            labels: learnt.len(),
            queries: self.query.len(),
            gallery: self.gallery.len(),
            gallery_labels: labels(&self.gallery).len(),
            distractors: self.distractors,
            lone: held
                .iter()
                .filter(|(_, count)| **count == 1)
                .map(|(label, _)| manifest.labels[*label as usize].clone())
                .collect(),
            unanswerable: answers(manifest, &self.query, &self.gallery).iter().filter(|found| **found == 0).count(),
            held: held.len(),
            unseen: held.keys().filter(|label| !learnt.contains_key(label)).count(),
            leaks,
            copies: self.query.iter().filter(copied).count(),
        }
    }
}

impl fmt::Display for Composition {
    /// `learns 320 photos of 24 labels, asks 21 of 59 photos; 3 labels with a single held-out photo, …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Composition { train, labels, queries, gallery, lone, unanswerable, unseen, .. } = self;
        let (train, labels) = (counted(*train, "photo"), counted(*labels, "label"));
        write!(f, "learns {train} of {labels}, asks {queries} of {}", counted(*gallery, "photo"))?;
        if self.distractors > 0 {
            write!(f, ", {} of them distractors", self.distractors)?;
        }
        if !lone.is_empty() {
            let labels = counted(lone.len(), "label");
            write!(f, "; {labels} with a single held-out photo, which can answer nobody: {}", listed(lone))?;
        }
        if *unanswerable > 0 {
            write!(f, "; {unanswerable} of the queries have no right answer and score 0")?;
        }
        if *unseen > 0 {
            write!(f, "; {} held out but never learnt", counted(*unseen, "label"))?;
        }
        Ok(())
    }
}

/// Folds that are named one by one; the rest is counted.
const NAMED: usize = 10;

impl Division {
    /// The folds in words, one line each, then what is to be known of all of them. A line that begins with `!` is a fault.
    pub fn lines(&self, manifest: &Manifest) -> Vec<String> {
        let all: Vec<Composition> = self.folds.iter().map(|fold| fold.composition(manifest)).collect();
        let line = |(i, c): (usize, &Composition)| {
            let from = match c.distractors {
                0 => String::new(),
                some => format!(" with {}", counted(some, "distractor")),
            };
            format!("fold {i}: {} train, {} queries, {} gallery{from}", c.train, c.queries, c.gallery)
        };
        let mut lines: Vec<String> = all.iter().enumerate().take(NAMED).map(line).collect();
        if all.len() > NAMED {
            lines.push(format!("and {} more", counted(all.len() - NAMED, "fold")));
        }
        lines.extend(self.joined.line());
        lines.extend(self.single(manifest));
        lines.extend(shares(&all));
        lines.extend(beside_the_host(&all, manifest));
        let least = all.iter().map(|c| c.distractors).min().unwrap_or(0);
        if let Some(wished) = self.wished.filter(|wished| *wished > least) {
            lines.push(format!(
                "! {least} of {} there for some fold: where all labels are asked, training has none; distractors_from = \"host\" has",
                counted(wished, "distractor")
            ));
        }
        let leaks: usize = all.iter().map(|c| c.leaks).sum();
        if leaks > 0 {
            lines.push(format!(
                "! {} held out with the very bytes of photos that are learnt from",
                counted(leaks, "photo")
            ));
        }
        let copies: usize = all.iter().map(|c| c.copies).sum();
        if copies > 0 {
            lines.push(format!("{} with the very bytes of a photo in the gallery: found at once", queries(copies)));
        }
        lines
    }

    /// Where labels with a single photo are: nobody can find them, so they only distract where they are held out.
    fn single(&self, manifest: &Manifest) -> Option<String> {
        let train: Vec<u32> = manifest.with_role(&[Role::Train]).collect();
        let photos: BTreeSet<u32> =
            protocol::groups(manifest, &train).into_values().filter(|m| m.len() == 1).flatten().collect();
        if photos.is_empty() {
            return None;
        }
        let times = |photo: &u32, of: fn(&Fold) -> [&[u32]; 2]| {
            let stands = |fold: &&Fold| of(fold).iter().any(|list| list.binary_search(photo).is_ok());
            self.folds.iter().filter(stands).count()
        };
        let held = photos.iter().filter(|photo| times(photo, |fold| [&fold.query, &fold.gallery]) > 0).count();
        let learnt = photos.iter().filter(|photo| times(photo, |fold| [&fold.train, &[]]) > 0).count();
        Some(format!(
            "{} with a single photo: {held} held out in some fold, where they only distract, and {learnt} learnt in some fold",
            counted(photos.len(), "label")
        ))
    }
}

impl Joined {
    /// What stays together, and why; `None` when nothing does.
    fn line(&self) -> Option<String> {
        let Joined { copies, near, grouped, columns, sets, photos, across } = self;
        if *sets == 0 {
            return None;
        }
        let copies = (*copies > 0).then(|| format!("{copies} with the bytes of another"));
        let near = (*near > 0).then(|| format!("{near} that look like another"));
        let grouped = (*grouped > 0).then(|| format!("{grouped} in groups of edits.csv"));
        let columns = columns.iter().filter(|(_, count)| *count > 0);
        let columns = columns.map(|(name, count)| format!("{count} by {}", quoted(name)));
        let why: Vec<String> = copies.into_iter().chain(near).chain(grouped).chain(columns).collect();
        let across = match across {
            0 => String::new(),
            some => format!("; {} with more than one label", counted(*some, "set")),
        };
        Some(format!(
            "{} in {} that stay in one part: {}{across}",
            counted(*photos, "photo"),
            counted(*sets, "set"),
            why.join(", ")
        ))
    }
}

fn queries(count: usize) -> String {
    format!("{count} {}", if count == 1 { "query" } else { "queries" })
}

fn percent(part: usize, of: usize) -> f64 {
    100.0 * part as f64 / of.max(1) as f64
}

/// Of the labels in the examinations those that were never learnt, and of the queries those without an answer.
fn shares(all: &[Composition]) -> Option<String> {
    let sum = |of: fn(&Composition) -> usize| all.iter().map(of).sum::<usize>();
    let (held, unseen) = (sum(|c| c.held), sum(|c| c.unseen));
    let (asked, lacking) = (sum(|c| c.queries), sum(|c| c.unanswerable));
    Some(format!(
        "held-out labels that were never learnt: {unseen} of {held} ({:.0} %); queries without an answer: {lacking} of {asked}",
        percent(unseen, held)
    ))
}

/// How far the local galleries are from the host's; `None` where the tables list no gallery.
fn beside_the_host(all: &[Composition], manifest: &Manifest) -> Option<String> {
    let host = manifest.with_role(&[Role::Gallery, Role::Both]).count();
    let (least, most) = (all.iter().map(|c| c.gallery).min()?, all.iter().map(|c| c.gallery).max()?);
    if host == 0 {
        return None;
    }
    let sum = |of: fn(&Composition) -> usize| all.iter().map(of).sum::<usize>() as f64;
    let own = sum(|c| c.gallery - c.distractors) / sum(|c| c.gallery_labels).max(1.0);
    let size = if least == most { counted(most, "photo") } else { format!("{least} to {most} photos") };
    let times = host as f64 / most.max(1) as f64;
    let far = match times {
        times if times > 1.05 => format!(", {times:.1} times as many"),
        times if times < 0.95 => format!(", {times:.2} times as many"),
        _ => String::new(),
    };
    Some(format!("galleries of {size}, {own:.1} a label; the host's has {}{far}", counted(host, "photo")))
}
