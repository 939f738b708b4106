//! The manifest as a file: Parquet, one row a photo, which pandas and polars open too.
//!
//! Columns `id`, `path`, `content` (hexadecimal), `label`, `coarse`, `role`, `width`, `height`, `skipped` (why the
//! photo was left out; such a row has no content), `crop` where a part of any photo counts (four edges, the size and BLAKE3 of the whole), and `column NAME` for every other column of the tables.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use polars::prelude::*;

use crate::base::files;

use super::edits::Crop;
use super::{Column as Other, Key, Manifest, Numbered, Photo, Role, Skipped};
use crate::data::error::DataError;

const OTHER: &str = "column ";

impl Manifest {
    /// Publishes the manifest as a Parquet file.
    ///
    /// # Errors
    /// When it cannot be written, or a path is not UTF-8.
    pub fn save(&self, file: &Path) -> Result<(), DataError> {
        let fails = |message: &dyn std::fmt::Display| DataError::Manifest {
            file: file.to_owned(),
            message: message.to_string(),
        };
        let path = |path: &PathBuf| {
            path.to_str().map(str::to_owned).ok_or_else(|| fails(&format!("{} is not UTF-8", path.display())))
        };
        let (photos, skipped) = (&self.photos, &self.skipped);
        let paths = photos
            .iter()
            .map(|p| path(&p.path))
            .chain(skipped.iter().map(|s| path(&s.path)))
            .collect::<Result<Vec<_>, _>>()?;
        let label = |names: &[String], label: Option<u32>| label.map(|l| names[l as usize].clone());
        let gaps = || skipped.iter().map(|_| None::<String>);
        let zeros = || skipped.iter().map(|_| 0u32);
        let texts = |name: &str, values: Vec<Option<String>>| Column::new(name.into(), values);
        let mut columns = vec![
            texts(
                "id",
                photos.iter().map(|p| Some(p.id.clone())).chain(skipped.iter().map(|s| Some(s.id.clone()))).collect(),
            ),
            Column::new("path".into(), paths),
            texts("content", photos.iter().map(|p| Some(p.content.to_string())).chain(gaps()).collect()),
            texts("label", photos.iter().map(|p| label(&self.labels, p.label)).chain(gaps()).collect()),
            texts("coarse", photos.iter().map(|p| label(&self.coarse, p.coarse)).chain(gaps()).collect()),
            Column::new(
                "role".into(),
                photos.iter().map(|p| p.role.name()).chain(skipped.iter().map(|s| s.role.name())).collect::<Vec<_>>(),
            ),
            Column::new("width".into(), photos.iter().map(|p| p.width).chain(zeros()).collect::<Vec<_>>()),
            Column::new("height".into(), photos.iter().map(|p| p.height).chain(zeros()).collect::<Vec<_>>()),
            texts("skipped", photos.iter().map(|_| None).chain(skipped.iter().map(|s| Some(s.why.clone()))).collect()),
        ];
        if photos.iter().any(|photo| photo.crop.is_some()) {
            let crop = |photo: &Photo| photo.crop.map(|crop| crop.to_string());
            columns.push(texts("crop", photos.iter().map(crop).chain(gaps()).collect()));
        }
        for (name, other) in &self.columns {
            let values = other.of_photo.iter().map(|value| label(&other.values, *value)).chain(gaps()).collect();
            columns.push(texts(&format!("{OTHER}{name}"), values));
        }
        let mut frame = DataFrame::new_infer_height(columns).map_err(|e| fails(&e))?;
        // In memory first: of a full disk Parquet's writer would only say "transport error", and it writes byte by byte.
        let mut bytes = Vec::new();
        ParquetWriter::new(&mut bytes).finish(&mut frame).map_err(|e| fails(&e))?;
        files::publish(file, &bytes)?;
        Ok(())
    }

    /// Reads a manifest that [`Manifest::save`] wrote.
    ///
    /// # Errors
    /// When the file cannot be read or is no such manifest.
    pub fn load(file: &Path) -> Result<Manifest, DataError> {
        let bytes = files::read(file)?;
        let fails = |message: String| DataError::Manifest { file: file.to_owned(), message };
        read(bytes).map_err(fails)
    }
}

fn read(bytes: Vec<u8>) -> Result<Manifest, String> {
    let told = |e: PolarsError| e.to_string();
    let frame = ParquetReader::new(Cursor::new(bytes)).finish().map_err(told)?;
    let texts = |name: &str| -> Result<Vec<Option<String>>, String> {
        let column = frame.column(name).map_err(told)?;
        Ok(column.str().map_err(told)?.iter().map(|value| value.map(str::to_owned)).collect())
    };
    let numbers = |name: &str| -> Result<Vec<u32>, String> {
        let column = frame.column(name).map_err(told)?;
        Ok(column.u32().map_err(told)?.iter().map(Option::unwrap_or_default).collect())
    };
    let (ids, paths, roles, why) = (texts("id")?, texts("path")?, texts("role")?, texts("skipped")?);
    let (contents, widths, heights) = (texts("content")?, numbers("width")?, numbers("height")?);
    let photos_count = why.iter().take_while(|why| why.is_none()).count();
    let level = |name: &str| -> Result<Numbered, String> {
        let values = texts(name)?;
        Ok(Numbered::of(values.iter().take(photos_count).map(Option::as_deref)))
    };
    let (labels, coarse) = (level("label")?, level("coarse")?);
    // Only where there is one, so that the form of a manifest without stays what it was.
    let crops = if frame.column("crop").is_ok() { texts("crop")? } else { vec![None; frame.height()] };
    let (mut photos, mut skipped) = (Vec::with_capacity(photos_count), Vec::new());
    for row in 0..frame.height() {
        let id = ids[row].clone().ok_or("a photo without an id")?;
        let path = PathBuf::from(paths[row].clone().ok_or("a photo without a path")?);
        let role = roles[row].as_deref().and_then(Role::from_name).ok_or("a photo without a role")?;
        if row >= photos_count {
            let why = why[row].clone().ok_or("a left-out photo without a reason")?;
            skipped.push(Skipped { id, path, role, why });
            continue;
        }
        let content: Key = contents[row].as_deref().unwrap_or_default().parse().map_err(|e| format!("{e}"))?;
        let (label, coarse) = (labels.numbers[row], coarse.numbers[row]);
        let crop = match crops[row].as_deref().map(Crop::of) {
            Some(None) => return Err("a crop that is none".to_owned()),
            crop => crop.flatten(),
        };
        photos.push(Photo { id, path, content, label, coarse, role, width: widths[row], height: heights[row], crop });
    }
    let mut columns = BTreeMap::new();
    for name in frame.get_column_names() {
        if let Some(other) = name.strip_prefix(OTHER) {
            let numbered = level(name)?;
            columns.insert(other.to_owned(), Other { values: numbered.names, of_photo: numbered.numbers });
        }
    }
    Ok(Manifest { photos, labels: labels.names, coarse: coarse.names, columns, skipped, edited: None })
}

impl Role {
    /// `train`, `query`, `gallery`, `both`.
    pub fn name(self) -> &'static str {
        match self {
            Role::Train => "train",
            Role::Query => "query",
            Role::Gallery => "gallery",
            Role::Both => "both",
        }
    }

    /// The role with a name.
    pub fn from_name(name: &str) -> Option<Role> {
        [Role::Train, Role::Query, Role::Gallery, Role::Both].into_iter().find(|role| role.name() == name)
    }
}
