//! From a recipe's `[folds]` to who learns and who is held out, fold by fold.
//!
//! Takes the manifest and the settings; reads the scheme, finds whom it may deal out and whom it must keep together, puts
//! them in a row that does not depend on the order of the tables, and lets [`deal`] cut it. Photos are put in the order of
//! their labels and ids before anything is drawn; each label's draws are a stream of its own, so that a photo that comes to
//! one label shuffles no other.

mod column;
pub(super) mod deal;
pub(super) mod labels;

use serde::Deserialize;

use super::together::{self, Joined, Sets, Wanted};
use super::{FoldError, labelled, protocol, trainable};
use crate::base::{Seed, Value};
use crate::data::competition::{Protocol, ProtocolKind};
use crate::data::manifest::{Manifest, Role};
use deal::Place;

/// Photos to learn from, and photos that are held out.
pub(super) type Division = (Vec<u32>, Vec<u32>);

/// `[folds]` as it is written.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "scheme", rename_all = "kebab-case")]
enum Scheme {
    Holdout { fraction: f64 },
    KFold { k: usize },
    Stratified { k: usize },
    Group { k: usize, column: Option<String> },
    StratifiedGroup { k: usize, column: Option<String>, by: Option<String> },
    Mixed { k: usize, open: f64 },
    Column { column: String, train: Option<OneOrMore>, eval: Option<OneOrMore> },
    Given,
}

/// The keys that all drawn schemes share.
#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Draws {
    #[serde(default)]
    seed: u64,
    repeats: Option<usize>,
    together: Option<OneOrMore>,
    copies: Option<Copies>,
    near: Option<u32>,
}

/// What becomes of photos with the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Copies {
    Together,
    Apart,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    fn values(&self) -> &[String] {
        match self {
            OneOrMore::One(one) => std::slice::from_ref(one),
            OneOrMore::More(more) => more,
        }
    }
}

/// What is known of the manifest's photos besides, one entry each.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known<'a> {
    /// Perceptual hashes, where the recipe asks for them.
    pub looks: Option<&'a [Option<u64>]>,
    /// Groups that a person put photos into.
    pub groups: Option<&'a [Option<u32>]>,
}

/// The divisions of a scheme, and what it kept together.
pub(super) fn divisions(
    manifest: &Manifest,
    settings: &Value,
    protocol: &Protocol,
    known: Known<'_>,
) -> Result<(Vec<Division>, Joined), FoldError> {
    let Known { looks, groups } = known;
    let told = |error: crate::base::value::DecodeError| FoldError::Settings(error.to_string());
    let scheme: Scheme = settings.decode().map_err(told)?;
    match &scheme {
        Scheme::Column { column, train, eval } => {
            let found = column::by_column(manifest, column, train.as_ref(), eval.as_ref())?;
            return Ok((found, Joined::default()));
        }
        Scheme::Given if protocol.kind != ProtocolKind::Given => {
            let message = "scheme = \"given\" needs protocol.kind = \"given\" in toji.toml";
            return Err(FoldError::Settings(message.to_owned()));
        }
        Scheme::Given => {
            let exam = labelled(manifest, &[Role::Query, Role::Gallery, Role::Both]);
            if exam.is_empty() {
                return Err(FoldError::NoLabels("among the tables' queries and gallery"));
            }
            return Ok((vec![(trainable(manifest)?, exam)], Joined::default()));
        }
        _ => {}
    }
    let draws: Draws = settings.decode().map_err(told)?;
    let photos = trainable(manifest)?;
    let columns = draws.together.as_ref().map_or(&[][..], OneOrMore::values);
    let near = match (draws.near, looks) {
        (None, _) => None,
        (Some(radius), Some(looks)) => Some((radius, looks)),
        (Some(_), None) => {
            return Err(FoldError::Settings("near needs the photos' hashes, and none were made".to_owned()));
        }
    };
    let wanted = Wanted { copies: draws.copies != Some(Copies::Apart), columns, near, groups };
    let (sets, joined) = together::together(manifest, &photos, &wanted)?;
    let first = Seed::new(draws.seed).named("folds");
    let mut all = Vec::new();
    for repeat in 0..draws.repeats.unwrap_or(1) {
        // The first time is what it is without `repeats`, so that asking for more keeps what is there.
        let seed = if repeat == 0 { first } else { first.named("repeat").at(repeat as u64) };
        all.extend(Pool { manifest, photos: &photos, sets: &sets, seed }.divide(&scheme)?);
    }
    Ok((all, joined))
}

/// Whether a scheme keeps labels apart, so that a photo with another label may have to lie elsewhere.
pub(super) fn parts_labels(settings: &Value) -> bool {
    matches!(
        settings.decode(),
        Ok(Scheme::Group { column: None, .. } | Scheme::StratifiedGroup { column: None, .. } | Scheme::Mixed { .. })
    )
}

/// What is dealt out, and by which draws.
struct Pool<'a> {
    manifest: &'a Manifest,
    photos: &'a [u32],
    sets: &'a Sets,
    seed: Seed,
}

/// Photos that are dealt out whole.
type Group = Vec<u32>;

impl Pool<'_> {
    fn divide(&self, scheme: &Scheme) -> Result<Vec<Division>, FoldError> {
        match scheme {
            Scheme::Holdout { fraction } => {
                let row = self.by_label();
                let held = deal::holdout(&self.places(&row, |photo| self.label(photo)), *fraction);
                let pick = |wanted: bool| {
                    row.iter().zip(&held).filter(|(_, held)| **held == wanted).map(|(photo, _)| *photo).collect()
                };
                Ok(vec![(pick(false), pick(true))])
            }
            Scheme::KFold { k } => {
                self.enough(*k)?;
                let mut row = protocol::by_id(self.manifest, self.photos);
                self.seed.named("k-fold").draws().shuffle(&mut row);
                let part = deal::even(&self.places(&row, |_| 0), vec![0; *k]);
                Ok(cut(&row, &part, *k))
            }
            Scheme::Stratified { k } => {
                self.enough(*k)?;
                let row = self.by_label();
                let part = deal::even(&self.places(&row, |photo| self.label(photo)), vec![0; *k]);
                Ok(cut(&row, &part, *k))
            }
            Scheme::Group { k, column } => {
                let groups = self.groups(column.as_deref(), *k)?;
                let sizes: Vec<usize> = groups.iter().map(Vec::len).collect();
                Ok(by_group(&groups, &deal::lightest(&sizes, *k), *k))
            }
            Scheme::StratifiedGroup { k, column, by } => {
                let groups = self.groups(column.as_deref(), *k)?;
                let class = self.classes(column.is_some(), by.as_deref())?;
                let (counts, classes) = counted(&groups, &class);
                Ok(by_group(&groups, &deal::steady(&counts, classes, *k), *k))
            }
            Scheme::Mixed { k, open } => self.mixed(*k, *open),
            Scheme::Column { .. } | Scheme::Given => Ok(Vec::new()),
        }
    }

    fn label(&self, photo: u32) -> u32 {
        self.manifest.photos[photo as usize].label.unwrap_or(u32::MAX)
    }

    fn enough(&self, k: usize) -> Result<(), FoldError> {
        let photos = self.photos.len();
        if k < 2 || k > photos { Err(FoldError::TooMany { k, photos }) } else { Ok(()) }
    }

    /// Photos by the name of their label; within one, shuffled from the order of their ids by a stream of its own.
    fn by_label(&self) -> Vec<u32> {
        protocol::groups(self.manifest, self.photos)
            .into_iter()
            .flat_map(|(label, mut members)| {
                self.seed.named(&self.manifest.labels[label as usize]).draws().shuffle(&mut members);
                members
            })
            .collect()
    }

    fn places(&self, row: &[u32], label: impl Fn(u32) -> u32) -> Vec<Place> {
        row.iter().map(|&photo| Place { label: label(photo), set: self.sets.root(photo) }).collect()
    }

    /// What may not be cut: photos with one label, or with one value of a column, and all that stays together with them;
    /// in the order in which they are dealt.
    fn groups(&self, column: Option<&str>, k: usize) -> Result<Vec<Group>, FoldError> {
        let mut sets = self.sets.clone();
        let what = match column {
            None => {
                sets.join_equal(self.photos, |photo| Some(self.label(photo)));
                "label(s) that can be held out apart from each other".to_owned()
            }
            Some(name) => {
                let column = together::column(self.manifest, "column", name)?;
                sets.join_equal(self.photos, |photo| together::value(column, photo));
                format!("group(s) by {}", crate::data::error::quoted(name))
            }
        };
        let groups = self.in_turn(members(&sets, self.manifest, self.photos));
        if k < 2 || groups.len() < k {
            return Err(FoldError::TooFewGroups { k, groups: groups.len(), what });
        }
        Ok(groups)
    }

    /// Large groups first, those of about one size (within a factor of two) in an order that is drawn. Strictly by size, as
    /// GroupKFold goes, would leave a seed nothing to draw but ties, and repeats would be the same folds again.
    fn in_turn(&self, mut groups: Vec<Group>) -> Vec<Group> {
        self.seed.named("groups").draws().shuffle(&mut groups);
        groups.sort_by_key(|group| std::cmp::Reverse(group.len().checked_ilog2()));
        groups
    }

    /// The class whose shares stratified-group keeps even: of each photo a number.
    fn classes(&self, own_groups: bool, by: Option<&str>) -> Result<impl Fn(u32) -> u32, FoldError> {
        let photos = &self.manifest.photos;
        let of_photo: Vec<Option<u32>> = match by {
            Some(name) => {
                let column = together::column(self.manifest, "by", name)?;
                (0..photos.len() as u32).map(|photo| together::value(column, photo)).collect()
            }
            None if own_groups => photos.iter().map(|photo| photo.label).collect(),
            None if self.manifest.coarse.is_empty() => {
                let message = "stratified-group keeps the shares of the coarse label, and the tables have none: name a \
                               column with by = \"…\", or take scheme = \"group\"";
                return Err(FoldError::Settings(message.to_owned()));
            }
            None => photos.iter().map(|photo| photo.coarse).collect(),
        };
        // Photos without one are a class of their own.
        Ok(move |photo: u32| of_photo[photo as usize].map_or(0, |class| class + 1))
    }

    /// Some labels whole, the others spread, such that of the labels in a fold's examination the share `open` was never
    /// learnt.
    fn mixed(&self, k: usize, share: f64) -> Result<Vec<Division>, FoldError> {
        let by_label = protocol::groups(self.manifest, self.photos);
        let mut labels: Vec<u32> =
            by_label.iter().filter(|(_, members)| members.len() > 1).map(|(label, _)| *label).collect();
        self.seed.named("open").draws().shuffle(&mut labels);
        // A label that is dealt whole is in one fold, one that is spread is in all k. With the part x whole, a fold holds
        // x / k of all labels whole and 1 - x of them in part; x / k : (1 - x) is to be open : (1 - open).
        let whole = share * k as f64 / (1.0 + share * (k as f64 - 1.0));
        labels.truncate((whole * labels.len() as f64).round() as usize);
        labels.sort_unstable();
        let is_open = |photo: u32| labels.binary_search(&self.label(photo)).is_ok();
        let mut sets = self.sets.clone();
        sets.join_equal(self.photos, |photo| is_open(photo).then(|| self.label(photo)));
        // What stays together with a photo of an open label goes with it.
        let (open, closed): (Vec<Group>, Vec<Group>) = members(&sets, self.manifest, self.photos)
            .into_iter()
            .partition(|group| group.iter().any(|&photo| is_open(photo)));
        if k < 2 || open.len() < k {
            let what = format!("label(s) that open = {share} holds out whole; take more, or scheme = \"stratified\"");
            return Err(FoldError::TooFewGroups { k, groups: open.len(), what });
        }
        let open = self.in_turn(open);
        let sizes: Vec<usize> = open.iter().map(Vec::len).collect();
        let part = deal::lightest(&sizes, k);
        let mut held = vec![0; k];
        part.iter().zip(&sizes).for_each(|(part, size)| held[*part] += size);
        let mut spread: Vec<u32> = closed.into_iter().flatten().collect();
        spread.sort_unstable();
        let row = Pool { photos: &spread, ..*self }.by_label();
        let closed = deal::even(&self.places(&row, |photo| self.label(photo)), held);
        let (photos, parts): (Vec<u32>, Vec<usize>) = open
            .iter()
            .zip(&part)
            .flat_map(|(group, part)| group.iter().map(move |photo| (*photo, *part)))
            .chain(row.iter().copied().zip(closed))
            .unzip();
        Ok(cut(&photos, &parts, k))
    }
}

/// The members of each set, in the order of labels and ids.
fn members(sets: &Sets, manifest: &Manifest, photos: &[u32]) -> Vec<Group> {
    let mut place_of = std::collections::HashMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for photo in protocol::groups(manifest, photos).into_values().flatten() {
        let place = *place_of.entry(sets.root(photo)).or_insert(groups.len());
        if place == groups.len() {
            groups.push(Vec::new());
        }
        groups[place].push(photo);
    }
    groups
}

/// How many photos of each class a group has, classes numbered from 0 without gaps; and how many classes there are.
fn counted(groups: &[Group], class: &impl Fn(u32) -> u32) -> (Vec<Vec<(usize, usize)>>, usize) {
    let mut there: Vec<u32> = groups.iter().flatten().map(|&photo| class(photo)).collect();
    there.sort_unstable();
    there.dedup();
    let count = |group: &Group| {
        let mut counts = std::collections::BTreeMap::new();
        for &photo in group {
            *counts.entry(there.binary_search(&class(photo)).unwrap_or(0)).or_insert(0) += 1;
        }
        counts.into_iter().collect()
    };
    (groups.iter().map(count).collect(), there.len())
}

/// Each of k parts held out once.
fn cut(photos: &[u32], part: &[usize], k: usize) -> Vec<Division> {
    let pick = |fold: usize, wanted: bool| {
        photos.iter().zip(part).filter(|(_, part)| (**part == fold) == wanted).map(|(photo, _)| *photo).collect()
    };
    (0..k).map(|fold| (pick(fold, false), pick(fold, true))).collect()
}

fn by_group(groups: &[Group], part: &[usize], k: usize) -> Vec<Division> {
    let (photos, parts): (Vec<u32>, Vec<usize>) =
        groups.iter().zip(part).flat_map(|(group, part)| group.iter().map(move |photo| (*photo, *part))).unzip();
    cut(&photos, &parts, k)
}
