//! Where the pictures of a table are.
//!
//! Takes what `toji.toml` says, or nothing; gives a folder relative to that of `toji.toml`. When nothing is written,
//! a few usual places are tried with the table's first pictures: the folder named like the table, `images/`, the
//! tables' own folder. Some of the first pictures may be missing, so several are tried.

use std::path::{Component, Path, PathBuf};

use super::rows::leaves;
use crate::data::competition::{Competition, Images};
use crate::data::error::{DataError, listed};
use crate::data::manifest::Role;
use crate::data::table::{Table, Texts};

/// How many of a table's first pictures are looked for.
const TRIED: usize = 20;

/// The folder for one role's pictures of a table.
pub(super) fn folder(
    competition: &Competition,
    table: &Table,
    image: Texts<'_>,
    role: Role,
) -> Result<PathBuf, DataError> {
    let data = &competition.data;
    let relative = tidy(data.folder.strip_prefix(&competition.root).unwrap_or(&data.folder));
    if let Some(written) = written(&data.images, role) {
        return Ok(tidy(&relative.join(written)));
    }
    let stem = table.file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let role = match role {
        Role::Train => "train",
        Role::Query => "query",
        Role::Gallery => "gallery",
        Role::Both => "eval",
    };
    let places = [
        stem.clone(),
        format!("{stem}_images"),
        format!("images/{stem}"),
        format!("images/{role}"),
        "images".to_owned(),
        role.to_owned(),
        ".".to_owned(),
    ];
    let examples: Vec<String> = (0..table.rows().min(TRIED))
        .map(|row| image.get(row))
        .filter(|name| !name.is_empty() && leaves(name).is_none())
        .map(|name| format!("{name}{}", data.suffix))
        .collect();
    if examples.is_empty() {
        // Whatever is wrong with these rows is said where each row is judged.
        return Ok(relative);
    }
    for example in &examples {
        for place in &places {
            if data.folder.join(place).join(example).is_file() {
                return Ok(tidy(&relative.join(place)));
            }
        }
    }
    // A table named like its role, or one below images/, has a place twice.
    let mut tried: Vec<String> = Vec::new();
    for place in &places {
        let place = tidy(&data.folder.join(place)).display().to_string();
        if !tried.contains(&place) {
            tried.push(place);
        }
    }
    Err(DataError::NoImages {
        table: table.file.clone(),
        example: examples.into_iter().next().unwrap_or_default(),
        tried: listed(tried),
    })
}

fn written(images: &Images, role: Role) -> Option<&PathBuf> {
    match role {
        Role::Train => images.train.as_ref(),
        Role::Query => images.query.as_ref(),
        Role::Gallery => images.gallery.as_ref(),
        Role::Both => images.gallery.as_ref().or(images.query.as_ref()),
    }
}

/// The path without `.` steps.
fn tidy(path: &Path) -> PathBuf {
    path.components().filter(|step| !matches!(step, Component::CurDir)).collect()
}
