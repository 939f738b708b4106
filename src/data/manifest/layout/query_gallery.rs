//! One table with is_query and is_gallery columns, the contract of open-metric-learning:
//! `label, path, split, is_query, is_gallery` and maybe `category`.
//!
//! Rows whose split means training are for training, whatever their flags; of the others the flags decide, and one
//! without a flag is left out and counted. Without a split column, rows without a flag are for training.

use std::collections::BTreeMap;
use std::path::Path;

use super::rows::Found;
use super::{Listing, left_out, one_table};
use crate::data::competition::Competition;
use crate::data::error::DataError;
use crate::data::manifest::Role;
use crate::data::table::{Table, Texts};

pub(super) fn read(competition: &Competition, file: &Path) -> Result<Listing, DataError> {
    let data = &competition.data;
    let table = Table::read(&data.folder.join(file), data.encoding)?;
    let is_query = table.column(&data.columns.is_query, "data.columns.is_query")?;
    let is_gallery = table.column(&data.columns.is_gallery, "data.columns.is_gallery")?;
    let split = match &data.columns.split {
        Some(split) if split.required => Some(table.column(&split.name, "data.columns.split")?),
        Some(split) => table.find(&split.name),
        None => None,
    };
    let mut counts = BTreeMap::new();
    let Found { rows, mut notes } = one_table::rows(competition, &one_table::source(competition, &table)?, |row| {
        if split.is_some_and(|split| data.splits.train.iter().any(|value| value == split.get(row))) {
            return Ok(Some(Role::Train));
        }
        Ok(match (flag(&table, is_query, row)?, flag(&table, is_gallery, row)?, split) {
            (true, true, _) => Some(Role::Both),
            (true, false, _) => Some(Role::Query),
            (false, true, _) => Some(Role::Gallery),
            (false, false, None) => Some(Role::Train),
            (false, false, Some(split)) => {
                *counts.entry(split.get(row).to_owned()).or_insert(0) += 1;
                None
            }
        })
    })?;
    notes.extend(split.into_iter().flat_map(|split| left_out(&table, split.name, &counts)));
    Ok(Listing { rows, notes, tables: vec![table] })
}

/// True or false; what pandas writes for a gap is false.
fn flag(table: &Table, column: Texts<'_>, row: usize) -> Result<bool, DataError> {
    let value = column.get(row);
    match value.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "1" | "1.0" => Ok(true),
        "false" | "f" | "no" | "0" | "0.0" | "" | "nan" | "none" | "null" => Ok(false),
        _ => Err(DataError::Flag { place: table.place(row), column: column.name.to_owned(), value: value.to_owned() }),
    }
}
