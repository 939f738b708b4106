//! One table; a column may say what a row is for.
//!
//! Without a split column every row is for training. With one, `data.splits` says which values mean training, query
//! and gallery; rows with another value are left out and counted. A value may mean query and gallery at once.

use std::collections::BTreeMap;
use std::path::Path;

use super::rows::{Found, Source};
use super::{Listing, images, left_out};
use crate::data::competition::{Competition, Splits};
use crate::data::error::{DataError, listed, quoted};
use crate::data::manifest::Role;
use crate::data::table::{Table, Texts};

pub(super) fn read(competition: &Competition, file: &Path) -> Result<Listing, DataError> {
    let data = &competition.data;
    let table = Table::read(&data.folder.join(file), data.encoding)?;
    let source = source(competition, &table)?;
    let mut counts = BTreeMap::new();
    let split = match &data.columns.split {
        Some(split) => Some(table.column(&split.name, "data.columns.split")?),
        None => None,
    };
    let Found { rows, mut notes } = rows(competition, &source, |row| {
        let Some(split) = split else { return Ok(Some(Role::Train)) };
        let role = role_of(&data.splits, split.get(row))?;
        if role.is_none() {
            *counts.entry(split.get(row).to_owned()).or_insert(0) += 1;
        }
        Ok(role)
    })?;
    if let (false, Some(split)) = (rows.iter().any(|row| row.role == Role::Train), split) {
        let values: std::collections::BTreeSet<&str> = (0..table.rows()).map(|row| split.get(row)).collect();
        return Err(DataError::Facts(format!(
            "no row of {} is for training: {} has the values {}; say which mean what with data.splits",
            table.file.display(),
            quoted(split.name),
            listed(values)
        )));
    }
    notes.extend(split.into_iter().flat_map(|split| left_out(&table, split.name, &counts)));
    Ok(Listing { rows, notes, tables: vec![table] })
}

/// The columns of a single table.
pub(super) fn source<'a>(competition: &'a Competition, table: &'a Table) -> Result<Source<'a>, DataError> {
    let columns = &competition.data.columns;
    let image = table.column(&columns.image, "data.columns.image")?;
    let id = match &columns.id {
        Some(id) => table.column(id, "data.columns.id")?,
        None => table.find("id").unwrap_or(image),
    };
    let coarse = match &columns.coarse {
        Some(coarse) if coarse.required => Some(table.column(&coarse.name, "data.columns.coarse")?),
        Some(coarse) => table.find(&coarse.name),
        None => None,
    };
    let label: Texts<'_> = table.column(&columns.label, "data.columns.label")?;
    Ok(Source { table, index: 0, id, image, label: Some(label), coarse, suffix: &competition.data.suffix })
}

/// The rows of a single table; folders are looked for only for roles that occur.
pub(super) fn rows(
    competition: &Competition,
    source: &Source<'_>,
    role: impl FnMut(usize) -> Result<Option<Role>, DataError>,
) -> Result<Found, DataError> {
    let roles = (0..source.table.rows()).map(role).collect::<Result<Vec<_>, _>>()?;
    let mut folders = BTreeMap::new();
    for role in roles.iter().flatten() {
        if !folders.contains_key(role) {
            folders.insert(*role, images::folder(competition, source.table, source.image, *role)?);
        }
    }
    source.rows(
        competition.data.mixed_ids,
        |row| Ok(roles[row]),
        |role| folders.get(&role).cloned().unwrap_or_default(),
    )
}

fn role_of(splits: &Splits, value: &str) -> Result<Option<Role>, DataError> {
    let named = |values: &[String]| values.iter().any(|v| v == value);
    match (named(&splits.train), named(&splits.query), named(&splits.gallery)) {
        (true, false, false) => Ok(Some(Role::Train)),
        (false, true, true) => Ok(Some(Role::Both)),
        (false, true, false) => Ok(Some(Role::Query)),
        (false, false, true) => Ok(Some(Role::Gallery)),
        (false, false, false) => Ok(None),
        (true, _, _) => {
            let message = format!("data.splits names {} both for training and for evaluation", quoted(value));
            Err(DataError::Facts(message))
        }
    }
}
