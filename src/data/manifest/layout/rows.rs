//! What every row of every layout must satisfy.
//!
//! Takes the columns of one table and a function from row to role; gives the rows. An id is there and unique, an
//! image path is there and stays inside its folder, a training photo has a label, and neither ids nor labels mix
//! kinds of values ([`kinds`]). A mistake is told with its first rows and how many more there are.

use std::collections::HashMap;
use std::path::PathBuf;

use super::Row;
use super::kinds::{self, Use};
use crate::data::error::DataError;
use crate::data::manifest::Role;
use crate::data::table::{Table, Texts};

/// The columns of one table that matter.
pub(super) struct Source<'a> {
    pub table: &'a Table,
    /// Index of the table in the listing.
    pub index: usize,
    pub id: Texts<'a>,
    pub image: Texts<'a>,
    pub label: Option<Texts<'a>>,
    pub coarse: Option<Texts<'a>>,
    /// Added to the image's name.
    pub suffix: &'a str,
}

/// What a table gives.
pub(super) struct Found {
    pub rows: Vec<Row>,
    /// What is worth saying about its values.
    pub notes: Vec<String>,
}

/// What can be wrong with one row; rows with the same fault are told together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    NoId,
    DoubleId,
    NoImage,
    BadPath,
    NoLabel,
}

impl Source<'_> {
    /// The rows with a role; `folder` gives the folder of a role's pictures. `mixed_ids`: whether a text among
    /// numbers may be an id.
    pub fn rows(
        &self,
        mixed_ids: bool,
        mut role: impl FnMut(usize) -> Result<Option<Role>, DataError>,
        folder: impl Fn(Role) -> PathBuf,
    ) -> Result<Found, DataError> {
        let mut notes = Vec::new();
        // File names that stand for ids may be anything.
        let mixed = mixed_ids || self.id.name == self.image.name;
        notes.extend(kinds::look(self.table, self.id, Use::Id { mixed })?.filter(|_| !mixed));
        for column in [self.label, self.coarse].into_iter().flatten() {
            notes.extend(kinds::look(self.table, column, Use::Label)?);
        }
        let folders = [Role::Train, Role::Query, Role::Gallery, Role::Both].map(folder);
        let mut first_row: HashMap<&str, usize> = HashMap::with_capacity(self.table.rows());
        let mut rows = Vec::with_capacity(self.table.rows());
        // In the order in which they are met; a table has few kinds of faults.
        let mut faults: Vec<(Fault, Vec<usize>)> = Vec::new();
        let mut fault = |fault: Fault, row: usize| match faults.iter_mut().find(|(known, _)| *known == fault) {
            Some((_, rows)) => rows.push(row),
            None => faults.push((fault, vec![row])),
        };
        for row in 0..self.table.rows() {
            let Some(role) = role(row)? else { continue };
            let (id, image) = (self.id.get(row), self.image.get(row));
            if id.is_empty() {
                fault(Fault::NoId, row);
            } else if *first_row.entry(id).or_insert(row) != row {
                fault(Fault::DoubleId, row);
            }
            if image.is_empty() {
                fault(Fault::NoImage, row);
            } else if leaves(image).is_some() {
                fault(Fault::BadPath, row);
            }
            let text = |column: Option<Texts<'_>>| {
                column.map(|c| c.get(row)).filter(|value| !value.is_empty()).map(str::to_owned)
            };
            let label = text(self.label);
            if let (Role::Train, None) = (role, &label) {
                fault(Fault::NoLabel, row);
            }
            let mut path = folders[role as usize].join(image).into_os_string();
            path.push(self.suffix);
            rows.push(Row {
                id: id.to_owned(),
                path: path.into(),
                label,
                coarse: text(self.coarse),
                role,
                table: self.index,
                row,
            });
        }
        match faults.first() {
            None => Ok(Found { rows, notes }),
            Some((fault, at)) => Err(self.error(*fault, at, &first_row)),
        }
    }

    /// A fault with all its rows, of which there is at least one.
    fn error(&self, fault: Fault, rows: &[usize], first_row: &HashMap<&str, usize>) -> DataError {
        let place = self.table.places(rows);
        let row = rows.first().copied().unwrap_or_default();
        let blank = |column: &str, hint| DataError::Blank { place: place.clone(), column: column.to_owned(), hint };
        let image = self.image.get(row);
        match fault {
            Fault::NoId => blank(self.id.name, "every photo needs an id"),
            Fault::NoImage => blank(self.image.name, "every photo needs a file"),
            Fault::NoLabel => {
                let name = self.label.map_or("label", |label| label.name);
                blank(name, "a training photo needs a label; fill it in or delete the row")
            }
            Fault::DoubleId => {
                let id = self.id.get(row);
                let first = self.table.place(first_row.get(id).copied().unwrap_or_default()).at;
                DataError::DoubleId { place, first, column: self.id.name.to_owned(), id: id.to_owned() }
            }
            Fault::BadPath => DataError::Path { place, path: image.to_owned(), why: leaves(image).unwrap_or_default() },
        }
    }
}

/// Why a path is refused: tables come from elsewhere and may point only into the images' folder.
pub(super) fn leaves(path: &str) -> Option<&'static str> {
    let bytes = path.as_bytes();
    if path.starts_with('/') || (bytes.len() > 1 && bytes[1] == b':' && bytes[0].is_ascii_alphabetic()) {
        Some("is absolute; a table may only name files inside the images' folder, set data.images")
    } else if path.split(['/', '\\']).any(|step| step == "..") {
        Some("leads out of the images' folder; set data.images to the folder above")
    } else if path.contains('\\') {
        Some("has Windows separators; write / instead of \\")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside() {
        for path in ["/etc/passwd", "../x.jpg", "a/../../x.jpg", "a\\..\\x.jpg", "C:\\x.jpg", "a\\b.jpg", "c:x"] {
            assert!(leaves(path).is_some(), "{path}");
        }
        for path in ["a.jpg", "a/b/c.jpg", "..a.jpg", "獺祭/1.jpg", "a..b/c"] {
            assert_eq!(leaves(path), None, "{path}");
        }
    }
}
