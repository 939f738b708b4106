//! Whether the sample submission names the photos to look up as the tables do.
//!
//! Takes the facts and the rows; gives the first id that is another text and the same number: `7` in
//! sample_submission.csv and `007` or `7.0` in test.csv. Both files were read as text, so one of them was written by
//! a program that took ids for numbers, and what is handed in by its names would be refused.

use std::collections::{HashMap, HashSet};

use super::{Listing, Row};
use crate::data::competition::Competition;
use crate::data::error::DataError;
use crate::data::manifest::Role;
use crate::data::table::Table;

pub(super) fn spelling(competition: &Competition, listing: &Listing) -> Result<Option<DataError>, DataError> {
    let Some(file) = competition.submission.sample.as_ref().filter(|file| file.is_file()) else { return Ok(None) };
    let queries = || listing.rows.iter().filter(|row| matches!(row.role, Role::Query | Role::Both));
    if queries().next().is_none() {
        return Ok(None);
    }
    let table = Table::read(file, competition.data.encoding)?;
    let named = competition.submission.columns.as_ref().and_then(|[id, _]| table.find(id));
    let Some(ids) = named.or_else(|| table.find(table.names().first()?)) else { return Ok(None) };
    let known: HashSet<&str> = queries().map(|row| row.id.as_str()).collect();
    let by_number: HashMap<&str, &Row> = queries().filter_map(|row| Some((number(&row.id)?, row))).collect();
    let other = |row: &usize| {
        let id = ids.get(*row);
        (!known.contains(id)).then(|| number(id)).flatten().and_then(|number| by_number.get(number))
    };
    let rows: Vec<usize> = (0..table.rows()).filter(|row| other(row).is_some()).collect();
    Ok(rows.first().and_then(|row| Some((row, other(row)?))).map(|(&row, other)| DataError::Spelling {
        place: table.places(&rows),
        column: ids.name.to_owned(),
        value: ids.get(row).to_owned(),
        other: other.id.clone(),
        theirs: listing.place(other),
    }))
}

/// What is left of an id that went through a number: no leading zeros, no ".0"; `None` for a text.
fn number(id: &str) -> Option<&str> {
    let whole = match id.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|b| b == b'0') => whole,
        Some(_) => return None,
        None => id,
    };
    if whole.is_empty() || !whole.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let short = whole.trim_start_matches('0');
    Some(if short.is_empty() { "0" } else { short })
}
