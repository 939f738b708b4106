//! What each action does to the manifest.
//!
//! Takes the manifest as the tables say and the decisions; gives the edited one, which keeps the other behind it: folds are dealt out as the
//! tables say and then edited, so that one photo that goes moves no other. Rows that cannot be meant are told with file and line; ids that no
//! table has (any more) are counted in a note.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Action, Counts, Crop, Edited, Edits};
use crate::base::KeyWriter;
use crate::data::error::{DataError, counted, quoted};
use crate::data::manifest::{Column, Manifest, Numbered, Photo, Role};
use crate::data::view::Area;

/// What was decided about one photo.
#[derive(Clone, Debug, Default)]
struct Decided<'a> {
    dropped: bool,
    label: Option<&'a str>,
    crop: Option<Area>,
    group: Option<&'a str>,
}

impl Edits {
    /// The edited manifest, and what is worth saying. Without any edit that does something the manifest itself.
    ///
    /// # Errors
    /// When a row cannot be meant, with its place.
    pub fn apply(&self, tables: Manifest) -> Result<(Manifest, Vec<String>), DataError> {
        let Some(file) = self.rows.first().map(|(_, place)| place.file.clone()) else {
            return Ok((tables, Vec::new()));
        };
        let (decided, strangers) = self.decided(&tables)?;
        let mut notes = Vec::new();
        if strangers > 0 {
            let what = counted(strangers, "row");
            notes.push(format!("{}: {what} about ids that no table has; nothing is done about them", file.display()));
        }
        if decided.values().all(Decided::does_nothing) {
            return Ok((tables, notes));
        }
        let edited = edited(tables, &decided);
        if let Some(about) = &edited.edited {
            notes.push(format!("{}: {}", file.display(), about.counts));
        }
        Ok((edited, notes))
    }

    /// The decisions by the photo's place, and how many rows name no photo.
    fn decided<'a>(&'a self, tables: &Manifest) -> Result<(BTreeMap<u32, Decided<'a>>, usize), DataError> {
        let mut of: HashMap<&str, Vec<u32>> = HashMap::with_capacity(tables.photos.len());
        for (place, photo) in (0u32..).zip(&tables.photos) {
            of.entry(&photo.id).or_default().push(place);
        }
        let mut decided: BTreeMap<u32, Decided<'a>> = BTreeMap::new();
        let mut strangers = 0;
        for (edit, place) in &self.rows {
            let fault = |what: String| DataError::Edit { place: place.clone(), what };
            let Some(places) = of.get(edit.id.as_str()) else {
                strangers += 1;
                continue;
            };
            // A training photo before one of the host.
            let at = places.iter().copied().find(|&at| tables.photos[at as usize].role == Role::Train);
            let at = at.unwrap_or(places[0]);
            let photo = &tables.photos[at as usize];
            let is_of_host = photo.role != Role::Train;
            let wants_training = matches!(edit.action, Action::Drop | Action::Relabel | Action::Group);
            if is_of_host && wants_training {
                let (id, action) = (quoted(&edit.id), edit.action.name());
                return Err(fault(format!(
                    "{id} is no training photo, so it cannot be edited by {action}; the host asks for it as it is (keep and crop can be said)"
                )));
            }
            let now = decided.entry(at).or_default();
            match edit.action {
                Action::Keep => now.dropped = false,
                Action::Drop => now.dropped = true,
                Action::Relabel => now.label = Some(edit.value.as_str()).filter(|label| !label.is_empty()),
                Action::Group => now.group = Some(edit.value.as_str()).filter(|group| !group.is_empty()),
                Action::Crop if edit.value.is_empty() => now.crop = None,
                Action::Crop => now.crop = Some(area(&edit.value, photo).map_err(fault)?),
            }
        }
        // Of the host's photos all with the id: one picture that is listed as query and gallery is one decision.
        let host: Vec<(u32, Decided<'_>)> = decided
            .iter()
            .filter(|(at, _)| tables.photos[**at as usize].role != Role::Train)
            .flat_map(|(at, what)| {
                let photo = &tables.photos[*at as usize];
                let same = |other: &&u32| tables.photos[**other as usize].content == photo.content;
                of[photo.id.as_str()].iter().filter(same).map(|other| (*other, what.clone())).collect::<Vec<_>>()
            })
            .collect();
        decided.extend(host);
        Ok((decided, strangers))
    }
}

impl Decided<'_> {
    fn does_nothing(&self) -> bool {
        !self.dropped && self.label.is_none() && self.crop.is_none() && self.group.is_none()
    }
}

/// Four whole numbers as a part of a photo.
fn area(value: &str, photo: &Photo) -> Result<Area, String> {
    let numbers: Option<Vec<u32>> = value.split_whitespace().map(|number| number.parse().ok()).collect();
    let Some(&[x_min, y_min, x_max, y_max]) = numbers.as_deref() else {
        return Err(format!("a crop is four whole numbers, x_min y_min x_max y_max in pixels, not {}", quoted(value)));
    };
    if x_min >= x_max || y_min >= y_max || x_max > photo.width || y_max > photo.height {
        let (width, height) = (photo.width, photo.height);
        return Err(format!("the crop {} is no part of a photo of {width} × {height} pixels", quoted(value)));
    }
    let [x, y, width, height] = [x_min, y_min, x_max - x_min, y_max - y_min].map(|n| n as usize);
    Ok(Area { x, y, width, height })
}

fn edited(tables: Manifest, decided: &BTreeMap<u32, Decided<'_>>) -> Manifest {
    let mut counts = Counts::default();
    let name = |names: &[String], label: Option<u32>| label.and_then(|label| names.get(label as usize).cloned());
    let wider = coarse_of(&tables);
    let groups: BTreeSet<&str> = decided.values().filter_map(|what| what.group).collect();
    let groups: HashMap<&str, u32> = groups.into_iter().zip(0..).collect();
    let number = |group: &str| groups.get(group).copied();
    let (mut place, mut group) = (Vec::with_capacity(tables.photos.len()), vec![None; tables.photos.len()]);
    let mut photos: Vec<(Photo, Option<String>, Option<String>)> = Vec::with_capacity(tables.photos.len());
    let mut kept: Vec<usize> = Vec::with_capacity(tables.photos.len());
    let nothing = Decided::default();
    for (at, photo) in tables.photos.iter().enumerate() {
        let what = decided.get(&(at as u32)).unwrap_or(&nothing);
        group[at] = what.group.and_then(number);
        counts.grouped += usize::from(group[at].is_some());
        if what.dropped {
            counts.dropped += 1;
            place.push(None);
            continue;
        }
        let (mut label, mut coarse) = (name(&tables.labels, photo.label), name(&tables.coarse, photo.coarse));
        if let Some(new) = what.label.filter(|new| label.as_deref() != Some(*new)) {
            counts.relabelled += 1;
            label = Some(new.to_owned());
            coarse = wider.get(new).map(|names| kept_or_first(names, coarse.as_deref())).or(coarse);
        }
        let mut photo = photo.clone();
        let is_whole = |area: &Area| (area.width as u32, area.height as u32) == (photo.width, photo.height);
        if let Some(area) = what.crop.filter(|area| !is_whole(area)) {
            counts.cropped += 1;
            photo.crop = Some(Crop { area, whole: photo.content, size: (photo.width, photo.height) });
            let mut key = KeyWriter::new("crop 1");
            key.key(&photo.content);
            for n in [area.x, area.y, area.width, area.height] {
                key.number(n as u64);
            }
            photo.content = key.finish();
            (photo.width, photo.height) = (area.width as u32, area.height as u32);
        }
        place.push(Some(photos.len() as u32));
        kept.push(at);
        photos.push((photo, label, coarse));
    }
    let labels = Numbered::of(photos.iter().map(|(_, label, _)| label.as_deref()));
    let coarse = Numbered::of(photos.iter().map(|(_, _, coarse)| coarse.as_deref()));
    let column = |column: &Column| Column {
        values: column.values.clone(),
        of_photo: kept.iter().map(|&at| column.of_photo.get(at).copied().flatten()).collect(),
    };
    let columns = tables.columns.iter().map(|(name, old)| (name.clone(), column(old))).collect();
    let photos = photos
        .into_iter()
        .enumerate()
        .map(|(i, (photo, ..))| Photo { label: labels.numbers[i], coarse: coarse.numbers[i], ..photo })
        .collect();
    let skipped = tables.skipped.clone();
    let edited = Some(Box::new(Edited { tables, place, group, counts }));
    Manifest { photos, labels: labels.names, coarse: coarse.names, columns, skipped, edited }
}

/// For each scored label the names of the other level that occur with it, the most frequent first.
fn coarse_of(tables: &Manifest) -> HashMap<&str, Vec<&str>> {
    let mut met: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for photo in &tables.photos {
        let (Some(label), Some(coarse)) = (photo.label, photo.coarse) else { continue };
        if let (Some(label), Some(coarse)) = (tables.labels.get(label as usize), tables.coarse.get(coarse as usize)) {
            *met.entry((label, coarse)).or_default() += 1;
        }
    }
    let mut sorted: Vec<((&str, &str), usize)> = met.into_iter().collect();
    sorted.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    let mut found: HashMap<&str, Vec<&str>> = HashMap::new();
    for ((label, coarse), _) in sorted {
        found.entry(label).or_default().push(coarse);
    }
    found
}

/// The photo's own name where the new label occurs with it, else the most frequent one.
fn kept_or_first(names: &[&str], own: Option<&str>) -> String {
    let own = own.filter(|own| names.contains(own));
    own.or(names.first().copied()).unwrap_or_default().to_owned()
}

impl std::fmt::Display for Counts {
    /// `3 photos dropped, 12 relabelled`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Counts { dropped, relabelled, cropped, grouped } = *self;
        let parts = [(dropped, "dropped"), (relabelled, "relabelled"), (cropped, "cropped"), (grouped, "in groups")];
        let mut told = parts.iter().filter(|(count, _)| *count > 0);
        match told.next() {
            None => return write!(f, "no photo edited"),
            Some((count, what)) => write!(f, "{} {what}", counted(*count, "photo"))?,
        }
        told.try_for_each(|(count, what)| write!(f, ", {count} {what}"))
    }
}
