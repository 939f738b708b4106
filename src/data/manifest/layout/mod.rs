//! The tables of a competition become one list of photos.
//!
//! Takes the facts of `toji.toml`; gives each photo's id, file, labels and role with its place in the tables, no
//! picture opened. Three layouts are read: one table ([`one_table`]), Nishika's three ([`nishika`]) and the
//! is_query / is_gallery columns of open-metric-learning ([`query_gallery`]). They differ in where a role comes from;
//! what every row must satisfy (an id that is unique, a path that stays inside, a label where one learns) is checked
//! in one place, [`rows`].

mod images;
pub(super) mod kinds;
mod nishika;
mod one_table;
mod query_gallery;
mod rows;
mod sample;

use std::path::PathBuf;

use crate::data::competition::{Competition, Layout, Tables};
use crate::data::error::{DataError, Place, counted, quoted};
use crate::data::manifest::Role;
use crate::data::table::Table;

/// All rows of the tables, in their order.
#[derive(Debug, Default)]
pub struct Listing {
    /// The tables that were read.
    pub tables: Vec<Table>,
    /// The rows.
    pub rows: Vec<Row>,
    /// What is worth saying, with the file's name.
    pub notes: Vec<String>,
}

/// One photo as the tables list it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its id.
    pub id: String,
    /// Its file, relative to the folder of `toji.toml` or absolute.
    pub path: PathBuf,
    /// The scored label.
    pub label: Option<String>,
    /// The other label level.
    pub coarse: Option<String>,
    /// What it is for.
    pub role: Role,
    /// Index into [`Listing::tables`].
    pub table: usize,
    /// Row of the table, from 0.
    pub row: usize,
}

impl Listing {
    /// Reads the tables of a competition.
    ///
    /// # Errors
    /// When a table cannot be read or a row breaks a rule; the error names file and line.
    pub fn read(competition: &Competition) -> Result<Listing, DataError> {
        let mut listing = match (&competition.data.layout, &competition.data.tables) {
            (Layout::Nishika, Tables::ByRole { train, gallery, query }) => {
                nishika::read(competition, train, gallery, query)?
            }
            (Layout::QueryGallery, Tables::One(table)) => query_gallery::read(competition, table)?,
            (_, Tables::One(table)) => one_table::read(competition, table)?,
            (_, Tables::ByRole { .. }) => {
                return Err(DataError::Facts("this layout has one table; write data.table".to_owned()));
            }
        };
        let mut notes = Vec::new();
        for table in &listing.tables {
            let name = table.file.display();
            notes.extend(table.notes.iter().map(|note| format!("{name}: {note}")));
        }
        notes.append(&mut listing.notes);
        // A submission would be refused for it; training is not touched.
        let spelling = sample::spelling(competition, &listing).unwrap_or_else(Some);
        notes.extend(spelling.map(|error| error.to_string()));
        listing.notes = notes;
        Ok(listing)
    }

    /// An id of the photos to look up that the sample submission spells as another number: `7` for `007`.
    ///
    /// # Errors
    /// When the sample is there and is no table.
    pub fn spelling(&self, competition: &Competition) -> Result<Option<DataError>, DataError> {
        sample::spelling(competition, self)
    }

    /// Where a row stands.
    pub fn place(&self, row: &Row) -> Place {
        self.tables[row.table].place(row.row)
    }
}

/// What is said about rows that no value of `data.splits` names.
fn left_out(table: &Table, column: &str, counts: &std::collections::BTreeMap<String, usize>) -> Vec<String> {
    counts
        .iter()
        .map(|(value, count)| {
            let (file, value, rows) = (table.file.display(), quoted(value), counted(*count, "row"));
            format!("{file}: {rows} with {column} {value} left out; data.splits does not name it")
        })
        .collect()
}
