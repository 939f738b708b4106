//! What the columns of a table seem to mean.
//!
//! A name that the field uses is the first evidence; then values: files end in .jpg and are there, ids are unique,
//! labels repeat. Every answer carries its reason.

use std::collections::{BTreeSet, HashSet};

use crate::data::table::{Table, Texts};

use super::look::Place;
use crate::data::content::is_picture;

/// The columns of one table.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub image: Option<Found>,
    pub id: Option<Found>,
    pub label: Option<Found>,
    pub coarse: Option<Found>,
    pub split: Option<Found>,
    /// Whether is_query and is_gallery are there.
    pub flags: bool,
    /// Whether the pictures were found on disk.
    seen: bool,
}

/// A column and why it was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub name: String,
    pub why: String,
}

const IMAGES: &[&str] =
    &["image", "filename", "file_name", "path", "image_path", "file", "filepath", "img", "image_id", "photo"];
const IDS: &[&str] = &["id", "gid", "cite_gid", "image_id", "posting_id", "uid", "photo_id"];
/// The scored level first: sake, Shopee, Landmark, HappyWhale, Humpback, then general words.
const LABELS: &[&str] = &[
    "label",
    "meigara",
    "label_group",
    "landmark_id",
    "individual_id",
    "class",
    "class_id",
    "label_id",
    "target",
    "product_id",
    "item_id",
    "category_id",
    "brand_id",
    "brand",
];
const COARSE: &[&str] =
    &["coarse", "category", "brand_id", "brand", "species", "super_class", "superclass", "alphabet", "group", "class"];
/// Values of a split column for photos to learn from.
pub(super) const TRAINING: &[&str] = &["train", "training"];
/// Values for photos that are held out while a recipe is worked on.
pub(super) const VALIDATION: &[&str] = &["val", "valid", "validation", "dev"];
/// Values for photos that the host, or the last examination, looks up.
pub(super) const TEST: &[&str] = &["test", "testing", "eval", "private"];
const SPLITS: &[&str] = &["split", "subset", "set", "phase", "usage", "role"];

impl Columns {
    /// How well the table lists photos to learn from; `None` when it lacks files or labels.
    pub fn score(&self) -> Option<usize> {
        self.image.as_ref()?;
        self.label.as_ref()?;
        Some(usize::from(self.seen) * 8 + usize::from(self.flags) * 4 + usize::from(self.split.is_some()) + 1)
    }
}

/// Guesses the columns; `place` is where the table's pictures were found, if they were.
pub(super) fn of(table: &Table, place: &Option<Place>) -> Columns {
    let mut taken: Vec<String> = Vec::new();
    let mut take = |found: Option<Found>| {
        taken.extend(found.iter().map(|found| found.name.clone()));
        (found, taken.clone())
    };
    let on_disk =
        place.as_ref().map(|place| Found { name: place.column.clone(), why: "its files are there".to_owned() });
    let (image, used) = take(on_disk.or_else(|| image(table)));
    let id = named(table, IDS, &used, |texts| unique(table, texts))
        .map(|name| Found { name, why: "by its name; its values are unique".to_owned() });
    let (id, used) = take(id);
    let repeats = |texts: Texts<'_>| repeated(table, texts).is_some();
    let split = named(table, SPLITS, &used, |texts| {
        repeated(table, texts)
            .is_some_and(|values| values.len() <= 10 && values.iter().any(|v| v.to_lowercase().starts_with("train")))
    });
    let split = split
        .map(|name| Found { name, why: "by its name and its values".to_owned() })
        .or_else(|| by_parts(table, &used).map(|name| Found { name, why: "by its values".to_owned() }));
    let (split, used) = take(split);
    let label = named(table, LABELS, &used, repeats)
        .map(|name| Found { name, why: "by its name; its values repeat".to_owned() })
        .or_else(|| finest(table, &used));
    let (label, used) = take(label);
    let coarse = named(table, COARSE, &used, repeats)
        .map(|name| Found { name, why: "by its name; a second label level".to_owned() });
    let flags = ["is_query", "is_gallery"].iter().all(|name| table.find(name).is_some());
    Columns { image, id, label, coarse, split, flags, seen: place.is_some() }
}

/// The column, whatever its name, that holds nothing but words for parts, training and validation among them.
fn by_parts(table: &Table, used: &[String]) -> Option<String> {
    let speaks = |name: &&String| {
        let Some(values) = table.find(name).and_then(|texts| repeated(table, texts)) else { return false };
        let is = |words: &[&str], value: &String| words.contains(&value.to_lowercase().as_str());
        let part = |value: &String| is(TRAINING, value) || is(VALIDATION, value) || is(TEST, value);
        values.iter().all(part)
            && values.iter().any(|value| is(TRAINING, value))
            && values.iter().any(|value| is(VALIDATION, value))
    };
    table.names().iter().filter(|name| !used.contains(name)).find(speaks).cloned()
}

/// The first of some names that is there, is not used yet and fits.
fn named(table: &Table, names: &[&str], used: &[String], fits: impl Fn(Texts<'_>) -> bool) -> Option<String> {
    names.iter().find_map(|wanted| {
        let name = table.names().iter().find(|name| name.to_lowercase() == *wanted && !used.contains(name))?;
        fits(table.find(name)?).then(|| name.clone())
    })
}

/// The column that holds files, when none of them was found on disk.
fn image(table: &Table) -> Option<Found> {
    let rows = table.rows().min(100);
    let files = |name: &&String| {
        table.find(name).is_some_and(|texts| (0..rows).filter(|&row| is_picture(texts.get(row))).count() * 2 > rows)
    };
    let by_values = table
        .names()
        .iter()
        .find(files)
        .map(|name| Found { name: name.clone(), why: "its values end like pictures".to_owned() });
    by_values.or_else(|| named(table, IMAGES, &[], |_| true).map(|name| Found { name, why: "by its name".to_owned() }))
}

/// Of the columns whose values repeat the one with the most values: the finest division is what is searched for.
fn finest(table: &Table, used: &[String]) -> Option<Found> {
    let name = table
        .names()
        .iter()
        .filter(|name| !used.contains(name) && !name.starts_with("is_"))
        .filter_map(|name| Some((repeated(table, table.find(name)?)?.len(), name)))
        .filter(|(values, _)| *values > 2)
        .max_by_key(|(values, name)| (*values, std::cmp::Reverse((*name).clone())))?
        .1;
    Some(Found { name: name.clone(), why: "of the columns whose values repeat it has the most values".to_owned() })
}

fn unique(table: &Table, texts: Texts<'_>) -> bool {
    let mut met = HashSet::with_capacity(table.rows());
    (0..table.rows()).all(|row| met.insert(texts.get(row)))
}

/// The values of a column whose values repeat, sorted, without the empty one; `None` when there are fewer than two or
/// more than half as many as rows.
pub(super) fn repeated(table: &Table, texts: Texts<'_>) -> Option<Vec<String>> {
    let values: HashSet<&str> = (0..table.rows()).map(|row| texts.get(row)).filter(|value| !value.is_empty()).collect();
    let sorted: BTreeSet<&str> = values.into_iter().collect();
    (sorted.len() >= 2 && sorted.len() * 2 <= table.rows()).then(|| sorted.into_iter().map(str::to_owned).collect())
}

/// Columns of two values of which one means training: the column, that value, the other.
pub(super) fn divisions(table: &Table) -> Vec<(String, String, String)> {
    let pair = |name: &String| {
        let values: [String; 2] = repeated(table, table.find(name)?)?.try_into().ok()?;
        let is_train = |value: &String| value.to_lowercase().starts_with("train");
        match values {
            [a, b] if is_train(&a) && !is_train(&b) => Some((name.clone(), a, b)),
            [a, b] if is_train(&b) && !is_train(&a) => Some((name.clone(), b, a)),
            _ => None,
        }
    };
    table.names().iter().filter_map(pair).collect()
}
