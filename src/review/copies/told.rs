//! What clusters of copies mean: copies too many, contradictions, leaks.
//!
//! Takes clusters and the manifest; gives suspects. Of a cluster the sharpest training photo is kept (the sharpest of all, where none is
//! for training), and every other photo is a suspect. A surplus copy in training with the same label proposes to be dropped, one that
//! contradicts the majority proposes the majority's label. A leak is a cluster that lies on both sides of a fence: training and the host's
//! test, or what a fold learns and what examines it; within folds the copies should be grouped, as `[folds] near` does.

use std::collections::{BTreeMap, BTreeSet};

use super::{Cluster, Pair, Sign};
use crate::base::text::{fit, plain};
use crate::data::folds::Fold;
use crate::data::manifest::{Manifest, Role};
use crate::review::measures::Measures;
use crate::review::{Kind, Proposal, Suspect};

/// The copies too many, in the order of the clusters.
pub fn duplicates(clusters: &[Cluster], manifest: &Manifest, measures: &[Option<Measures>]) -> Vec<Suspect> {
    let mut suspects = Vec::new();
    for cluster in clusters {
        let Some(kept) = kept(cluster, manifest, measures) else { continue };
        let majority = majority(cluster, manifest);
        let train = |photo: u32| manifest.photos[photo as usize].role == Role::Train;
        for &photo in &cluster.photos {
            let label = manifest.photos[photo as usize].label;
            // The kept one is a suspect too where it is the one that contradicts.
            let odd = matches!(majority, Majority::Of(most) if label.is_some_and(|label| label != most));
            if photo == kept && !odd {
                continue;
            }
            let Some(link) = cluster.link(photo) else { continue };
            let other = if link.a == photo { link.b } else { link.a };
            let mut reason = told(link, &name(manifest, other));
            let proposal = match majority {
                Majority::None if train(photo) && train(kept) && cluster.is_over => Proposal::Drop,
                Majority::None => Proposal::Look,
                Majority::Of(most) if odd => {
                    reason += &format!("; most of them are labelled {}", label_name(manifest, Some(most)));
                    Proposal::Relabel(most)
                }
                Majority::Of(_) if train(photo) && cluster.is_over => Proposal::Drop,
                Majority::Of(_) => Proposal::Look,
                Majority::Split => {
                    let labels: BTreeSet<u32> =
                        cluster.photos.iter().filter_map(|&p| manifest.photos[p as usize].label).collect();
                    let labels: Vec<String> = labels.into_iter().map(|l| label_name(manifest, Some(l))).collect();
                    reason += &format!("; their labels differ: {}", labels.join(", "));
                    Proposal::Look
                }
            };
            suspects.push(Suspect {
                kind: Kind::Duplicate,
                photo,
                with: cluster.photos.iter().copied().filter(|&p| p != photo).collect(),
                score: link.score,
                is_over: cluster.is_over,
                reason,
                proposal,
            });
        }
    }
    suspects
}

/// The clusters that lie on both sides of a fence, in their order. Folds are told by their place, from 0.
pub fn leaks(clusters: &[Cluster], manifest: &Manifest, folds: &[Fold]) -> Vec<Suspect> {
    let sides: Vec<(BTreeSet<u32>, BTreeSet<u32>)> =
        folds.iter().map(|fold| (fold.train.iter().copied().collect(), fold.query.iter().copied().collect())).collect();
    let mut suspects = Vec::new();
    for cluster in clusters {
        let role = |photo: &u32| manifest.photos[*photo as usize].role;
        let learnt: Vec<u32> = cluster.photos.iter().copied().filter(|p| role(p) == Role::Train).collect();
        let hosts: Vec<u32> = cluster.photos.iter().copied().filter(|p| role(p) != Role::Train).collect();
        let across: Vec<usize> = (0..folds.len())
            .filter(|&fold| {
                let (train, query) = &sides[fold];
                cluster.photos.iter().any(|p| train.contains(p)) && cluster.photos.iter().any(|p| query.contains(p))
            })
            .collect();
        let Some(&photo) = learnt.first() else { continue };
        let mut why = Vec::new();
        if let [first, rest @ ..] = hosts.as_slice() {
            let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
            let part = match role(first) {
                Role::Gallery => "in the gallery",
                Role::Query => "among the queries",
                _ => "among queries and gallery",
            };
            why.push(format!("a copy of this training photo is {part}: {}{more}", name(manifest, *first)));
        }
        if let [first, rest @ ..] = across.as_slice() {
            let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
            why.push(format!("fold {first}{more} learns one copy and is examined by another"));
        }
        if why.is_empty() {
            continue;
        }
        if let Some(link) = cluster.link(photo) {
            let other = if link.a == photo { link.b } else { link.a };
            why.push(told(link, &name(manifest, other)));
        }
        suspects.push(Suspect {
            kind: Kind::Leak,
            photo,
            with: cluster.photos.iter().copied().filter(|&p| p != photo).collect(),
            score: cluster.score,
            is_over: cluster.is_over,
            reason: why.join("; "),
            proposal: if across.is_empty() { Proposal::Look } else { Proposal::Group },
        });
    }
    suspects
}

/// What the labels of a cluster say.
#[derive(Clone, Copy)]
enum Majority {
    /// They agree, or there is none.
    None,
    /// More than half of the labelled photos have this one.
    Of(u32),
    /// No label has more than half.
    Split,
}

fn majority(cluster: &Cluster, manifest: &Manifest) -> Majority {
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    let labels = cluster.photos.iter().filter_map(|&photo| manifest.photos[photo as usize].label);
    labels.for_each(|label| *counts.entry(label).or_default() += 1);
    let total: usize = counts.values().sum();
    match counts.iter().max_by_key(|(_, count)| **count) {
        _ if counts.len() < 2 => Majority::None,
        Some((&label, &count)) if 2 * count > total => Majority::Of(label),
        _ => Majority::Split,
    }
}

/// The one to keep: for training before others, then with more pixels, then with sharper edges, then first in the manifest.
fn kept(cluster: &Cluster, manifest: &Manifest, measures: &[Option<Measures>]) -> Option<u32> {
    let pixels = |photo: u32| {
        let photo = &manifest.photos[photo as usize];
        (photo.role == Role::Train, u64::from(photo.width) * u64::from(photo.height))
    };
    let sharp = |photo: u32| measures.get(photo as usize).and_then(Option::as_ref).map_or(0.0, |m| m.blurriness);
    let better = |a: u32, b: u32| pixels(a).cmp(&pixels(b)).then(sharp(a).total_cmp(&sharp(b))).then(b.cmp(&a));
    cluster.photos.iter().copied().max_by(|&a, &b| better(a, b))
}

fn told(link: &Pair, other: &str) -> String {
    let network = link.cosine.map_or(String::new(), |cosine| format!(", embeddings {cosine:.3}"));
    match link.sign {
        Sign::Bytes => format!("the same bytes as {other}"),
        Sign::Pixels => format!("the same pixels as {other}, in other bytes"),
        Sign::Looks { correlation, bits } if link.is_over => {
            format!(
                "the same picture as {other}: laid on each other they correlate by {correlation:.3}, {bits} of 64 bits of the hash differ{network}"
            )
        }
        Sign::Looks { correlation, bits } => {
            format!(
                "perhaps the same picture as {other}: correlation {correlation:.3}, {bits} of 64 bits of the hash differ{network}"
            )
        }
    }
}

fn name(manifest: &Manifest, photo: u32) -> String {
    fit(&plain(&manifest.photos[photo as usize].id), 60)
}

fn label_name(manifest: &Manifest, label: Option<u32>) -> String {
    label.and_then(|label| manifest.labels.get(label as usize)).map_or("?".to_owned(), |name| fit(&plain(name), 60))
}
