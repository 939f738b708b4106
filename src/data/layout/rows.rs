//! What every row of every layout must satisfy.
//!
//! Takes the columns of one table and a function from row to role; gives the rows. An id is there and unique, an
//! image path is there and stays inside its folder, a training photo has a label, and neither ids nor labels mix
//! `123` with `123.0`, which a spreadsheet makes of numbers with gaps and which would be two ids, or two labels.

use std::collections::HashMap;
use std::path::PathBuf;

use super::super::error::DataError;
use super::super::manifest::Role;
use super::super::table::{Table, Texts};
use super::Row;

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

impl Source<'_> {
    /// The rows with a role; `folder` gives the folder of a role's pictures.
    pub fn rows(
        &self,
        mut role: impl FnMut(usize) -> Result<Option<Role>, DataError>,
        folder: impl Fn(Role) -> PathBuf,
    ) -> Result<Vec<Row>, DataError> {
        for column in [Some(self.id), self.label, self.coarse].into_iter().flatten() {
            one_kind_of_number(self.table, column)?;
        }
        let folders = [Role::Train, Role::Query, Role::Gallery, Role::Both].map(folder);
        let mut first_row: HashMap<&str, usize> = HashMap::with_capacity(self.table.rows());
        let mut rows = Vec::with_capacity(self.table.rows());
        for row in 0..self.table.rows() {
            let Some(role) = role(row)? else { continue };
            let blank =
                |column: &str, hint| DataError::Blank { place: self.table.place(row), column: column.to_owned(), hint };
            let id = self.id.get(row);
            if id.is_empty() {
                return Err(blank(self.id.name, "every photo needs an id"));
            }
            if let Some(first) = first_row.insert(id, row) {
                return Err(DataError::DoubleId {
                    place: self.table.place(row),
                    first: self.table.place(first).at,
                    column: self.id.name.to_owned(),
                    id: id.to_owned(),
                });
            }
            let image = self.image.get(row);
            if image.is_empty() {
                return Err(blank(self.image.name, "every photo needs a file"));
            }
            if let Some(why) = leaves(image) {
                return Err(DataError::Path { place: self.table.place(row), path: image.to_owned(), why });
            }
            let text = |column: Option<Texts<'_>>| {
                column.map(|c| c.get(row)).filter(|value| !value.is_empty()).map(str::to_owned)
            };
            let label = text(self.label);
            if let (Role::Train, None) = (role, &label) {
                let name = self.label.map_or("label", |label| label.name);
                return Err(blank(name, "a training photo needs a label; fill it in or delete the row"));
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
        Ok(rows)
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

/// Refuses a column in which some values are whole numbers and others whole numbers with `.0`.
fn one_kind_of_number(table: &Table, column: Texts<'_>) -> Result<(), DataError> {
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let mut whole: Option<usize> = None;
    let mut real: Option<usize> = None;
    for row in 0..table.rows() {
        let value = column.get(row);
        if digits(value) {
            whole = whole.or(Some(row));
        } else if value.strip_suffix(".0").is_some_and(digits) {
            real = real.or(Some(row));
        }
        if let (Some(whole), Some(real)) = (whole, real) {
            return Err(DataError::MixedNumbers {
                place: table.place(real),
                column: column.name.to_owned(),
                value: column.get(real).to_owned(),
                other: column.get(whole).to_owned(),
                first: table.place(whole).at,
            });
        }
    }
    Ok(())
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
