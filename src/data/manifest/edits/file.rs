//! `edits.csv` on disk: read, appended, taken back.
//!
//! Every write is under a lock and publishes the whole file, so two commands lose nothing of each other and a crash leaves the old file or the
//! new one. A person may edit it too: what was added there by hand stays, whatever program saved it (UTF-8 with a mark, Shift_JIS, semicolons);
//! the next write brings it to commas and UTF-8. So UTF-8 is read whatever the competition's own tables are written in, and what could not be
//! read again is not written.

use std::path::Path;

use super::{Action, Edit, Edits};
use crate::base::files;
use crate::base::files::lock::Lock;
use crate::data::error::{DataError, listed, nearest, quoted};
use crate::data::table::{Encoding, Table};

/// The columns, in the order in which they are written.
const COLUMNS: [&str; 6] = ["id", "action", "value", "by", "date", "note"];

impl Edits {
    /// Reads the file; one that is not there, or has no row, holds no decision.
    ///
    /// # Errors
    /// When it is no table, lacks a column, or a row has no id, an action that does not exist or one with a value that it cannot have.
    pub fn read(file: &Path, encoding: Encoding) -> Result<Edits, DataError> {
        let table = match Table::read(file, own(encoding)) {
            Err(DataError::File(error)) if error.is_missing() => return Ok(Edits::default()),
            Err(DataError::Empty { .. }) => return Ok(Edits::default()),
            table => table?,
        };
        let [id, action, value] = ["id", "action", "value"].map(|name| table.column(name, "the columns of edits.csv"));
        let (id, action, value) = (id?, action?, value?);
        let rest = ["by", "date", "note"].map(|name| table.find(name));
        let mut rows = Vec::with_capacity(table.rows());
        for row in 0..table.rows() {
            let place = table.place(row);
            let fault = |what: String| DataError::Edit { place: place.clone(), what };
            let (id, word, value) = (id.get(row), action.get(row), value.get(row));
            let names = || Action::ALL.map(Action::name);
            let action = Action::named(word).ok_or_else(|| {
                let near = nearest(word, names()).map(|near| format!(" (did you mean {near}?)")).unwrap_or_default();
                fault(format!("there is no action {}{near}; there is {}", quoted(word), listed(names())))
            })?;
            if id.is_empty() {
                return Err(fault("a row without an id".to_owned()));
            }
            if matches!(action, Action::Keep | Action::Drop) && !value.is_empty() {
                return Err(fault(format!("{word} takes no value, and here is {}", quoted(value))));
            }
            let [by, date, note] = rest.map(|texts| texts.map_or("", |texts| texts.get(row)).to_owned());
            rows.push((Edit { id: id.to_owned(), action, value: value.to_owned(), by, date, note }, place));
        }
        Ok(Edits { rows })
    }
}

/// Adds decisions behind those that are there. `lock` is a file in a folder of our own.
///
/// # Errors
/// When the file cannot be read as edits (nothing is written then), has columns of somebody else, or cannot be written.
pub fn append(file: &Path, lock: &Path, encoding: Encoding, more: &[Edit]) -> Result<(), DataError> {
    change(file, lock, encoding, |rows| rows.extend(more.iter().cloned())).map(drop)
}

/// Takes back the decisions that were made last, all of one date and one source; gives them, none where the file holds none.
///
/// # Errors
/// As [`append`].
pub fn undo(file: &Path, lock: &Path, encoding: Encoding) -> Result<Vec<Edit>, DataError> {
    change(file, lock, encoding, |rows| {
        let Some(Edit { by, date, .. }) = rows.last().cloned() else { return Vec::new() };
        let from = rows.iter().rposition(|row| (&row.by, &row.date) != (&by, &date)).map_or(0, |at| at + 1);
        // Without a date nobody knows what belongs together.
        let from = if date.is_empty() { rows.len() - 1 } else { from };
        rows.split_off(from)
    })
}

fn change<T>(
    file: &Path,
    lock: &Path,
    encoding: Encoding,
    change: impl FnOnce(&mut Vec<Edit>) -> T,
) -> Result<T, DataError> {
    if let Some(folder) = lock.parent() {
        files::make_folder(folder)?;
    }
    let _lock = Lock::wait(lock)?;
    let known = Edits::read(file, encoding)?;
    if !known.rows.is_empty() {
        let strange: Vec<String> = Table::read(file, own(encoding))?
            .names()
            .iter()
            .filter(|name| !COLUMNS.contains(&name.as_str()))
            .cloned()
            .collect();
        if !strange.is_empty() {
            let what = format!("column {} is none of edits.csv's and would be lost; take it away", listed(&strange));
            return Err(DataError::Edit { place: crate::data::error::Place::line(file, 1), what });
        }
    }
    let mut rows: Vec<Edit> = known.rows.into_iter().map(|(edit, _)| edit).collect();
    let (before, given) = (rows.clone(), change(&mut rows));
    // A table with this character is refused when it is read, and with it every command.
    let has_nul =
        |row: &&Edit| [&row.id, &row.value, &row.by, &row.date, &row.note].iter().any(|text| text.contains('\0'));
    if let Some(row) = rows.iter().find(has_nul) {
        let what = format!("what is decided about {} has a NUL character in it; nothing was written", quoted(&row.id));
        return Err(DataError::Edit { place: crate::data::error::Place::line(file, rows.len() + 1), what });
    }
    if rows != before {
        files::publish(file, print(&rows).as_bytes())?;
    }
    Ok(given)
}

/// How the file is read where tables are said to be in one encoding: it is UTF-8 from the first write on, and before it perhaps like them.
fn own(tables: Encoding) -> Encoding {
    match tables {
        Encoding::ShiftJis => Encoding::Auto,
        other => other,
    }
}

fn print(rows: &[Edit]) -> String {
    let mut text = COLUMNS.join(",") + "\n";
    for Edit { id, action, value, by, date, note } in rows {
        let fields = [id, action.name(), value, by, date, note].map(field);
        text += &(fields.join(",") + "\n");
    }
    text
}

fn field(text: &str) -> String {
    match text.contains([',', ';', '\t', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}
