//! A table as a competition hands it out: CSV or Parquet, every value as text.
//!
//! Takes a file; gives columns of text, read by polars, and the true line of each row for messages. Nothing is
//! guessed to be a number: "007" stays "007" and "1e5" stays "1e5". Text tables are looked over first ([`scan`]),
//! because the parser fills short rows, renames double columns and loses count at stray quotes without a word.
//! Comma, tab and semicolon separate; UTF-8, UTF-16 and Shift_JIS are read ([`Encoding`]).

mod encoding;
mod scan;

use std::io::Cursor;
use std::path::{Path, PathBuf};

use polars::prelude::*;

use crate::base::files;

use super::error::{DataError, Place, listed, nearest};

pub use encoding::Encoding;

/// A table in memory.
#[derive(Debug)]
pub struct Table {
    /// Where it was read from.
    pub file: PathBuf,
    /// What is worth saying about how it was read, without the file's name.
    pub notes: Vec<String>,
    names: Vec<String>,
    columns: Vec<StringChunked>,
    rows: usize,
    /// From this row on, the line is the row plus this number. Empty for Parquet.
    lines: Vec<(usize, usize)>,
}

/// One column of a [`Table`].
#[derive(Clone, Copy, Debug)]
pub struct Texts<'a> {
    /// Its name.
    pub name: &'a str,
    values: &'a StringChunked,
}

impl<'a> Texts<'a> {
    /// The value of a row, without white space around it; empty when there is none.
    pub fn get(&self, row: usize) -> &'a str {
        self.values.get(row).unwrap_or_default().trim()
    }
}

impl Table {
    /// Reads a table: Parquet when the file starts like one, else text.
    ///
    /// # Errors
    /// When the file cannot be read, is empty, or is malformed; with the line.
    pub fn read(file: &Path, encoding: Encoding) -> Result<Table, DataError> {
        let bytes = files::read(file)?;
        if bytes.starts_with(b"PAR1") { Table::parquet(file, bytes) } else { Table::text(file, bytes, encoding) }
    }

    /// Names of the columns, in the file's order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Where a row (from 0) stands in the file.
    pub fn place(&self, row: usize) -> Place {
        let from = self.lines.partition_point(|(first, _)| *first <= row);
        let offset = from.checked_sub(1).map_or(1, |i| self.lines[i].1);
        Place { at: row + offset, text: !self.lines.is_empty(), ..Place::line(&self.file, 0) }
    }

    /// Where some rows (from 0, ascending, at least one) with the same mistake stand.
    pub fn places(&self, rows: &[usize]) -> Place {
        let again = rows.iter().skip(1).map(|&row| self.place(row).at).collect();
        Place { again, ..self.place(rows.first().copied().unwrap_or_default()) }
    }

    /// The column with a name, if there is one.
    pub fn find(&self, name: &str) -> Option<Texts<'_>> {
        let at = self.names.iter().position(|n| n == name)?;
        Some(Texts { name: &self.names[at], values: &self.columns[at] })
    }

    /// The column with a name; `key` is the key of `toji.toml` that could name another.
    ///
    /// # Errors
    /// When there is no such column; the error names the nearest one and all that are there.
    pub fn column(&self, name: &str, key: &'static str) -> Result<Texts<'_>, DataError> {
        self.find(name).ok_or_else(|| DataError::NoColumn {
            file: self.file.clone(),
            column: name.to_owned(),
            key,
            nearest: nearest(name, self.names.iter().map(String::as_str)),
            there: listed(&self.names),
        })
    }

    fn text(file: &Path, bytes: Vec<u8>, wanted: Encoding) -> Result<Table, DataError> {
        let place = |at: usize| Place::line(file, at);
        // NUL is looked for first, so that a picture or an archive is not called badly encoded.
        let utf16 = bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF");
        if let Some(at) = bytes.iter().position(|&b| b == 0).filter(|_| !utf16) {
            return Err(DataError::Nul(place(line_of(&bytes, at))));
        }
        let (bytes, note) = encoding::utf8(bytes, wanted)
            .map_err(|(at, bytes)| DataError::Encoding(place(line_of(&bytes, at)), wanted != Encoding::Auto))?;
        let mut notes: Vec<String> = note.into_iter().map(str::to_owned).collect();
        let separator = scan::separator(&bytes);
        match separator {
            b'\t' => notes.push("columns are separated by tabs".to_owned()),
            b';' => notes.push("columns are separated by semicolons".to_owned()),
            _ => {}
        }
        let seen = scan::scan(&bytes, separator).map_err(|(line, fault)| match fault {
            scan::Fault::Nul => DataError::Nul(place(line)),
            scan::Fault::OpenQuote => DataError::OpenQuote(place(line)),
            scan::Fault::StrayQuote => DataError::StrayQuote(place(line)),
            scan::Fault::SecondHeader => DataError::SecondHeader(place(line)),
            scan::Fault::Ragged { expected, found, again } => {
                DataError::Ragged { place: Place { again, ..place(line) }, expected, found }
            }
        })?;
        if seen.rows == 0 {
            return Err(DataError::Empty { file: file.to_owned(), header: !seen.header.is_empty() });
        }
        let names = distinct(file, seen.header)?;
        let bytes = without(bytes, &seen.blank);
        let frame = CsvReadOptions::default()
            .with_has_header(true)
            .with_infer_schema_length(Some(0))
            .with_rechunk(true)
            .map_parse_options(|options| options.with_separator(separator))
            .into_reader_with_file_handle(Cursor::new(bytes))
            .finish()
            .map_err(|e| DataError::table(file, e))?;
        if frame.height() != seen.rows || frame.width() != names.len() {
            let message = format!(
                "read as {} rows of {} columns, counted as {} of {}; look for odd quotes",
                frame.height(),
                frame.width(),
                seen.rows,
                names.len()
            );
            return Err(DataError::Table { file: file.to_owned(), message });
        }
        let columns = frame
            .columns()
            .iter()
            .map(|column| column.str().map(|text| text.rechunk().into_owned()))
            .collect::<PolarsResult<Vec<_>>>()
            .map_err(|e| DataError::table(file, e))?;
        Ok(Table { file: file.to_owned(), notes, names, columns, rows: seen.rows, lines: seen.lines })
    }

    fn parquet(file: &Path, bytes: Vec<u8>) -> Result<Table, DataError> {
        let failed = |e: PolarsError| DataError::table(file, e);
        let mut reader = ParquetReader::new(Cursor::new(bytes));
        let schema = reader.schema().map_err(failed)?;
        let (readable, other): (Vec<_>, Vec<_>) = schema.iter_values().partition(|field| plain_type(&field.dtype));
        let names: Vec<String> = readable.iter().map(|field| field.name.to_string()).collect();
        let mut notes: Vec<String> = Vec::new();
        if !other.is_empty() {
            let names = listed(other.iter().map(|field| field.name.as_str()));
            notes.push(format!("columns left out, since they are neither text nor numbers: {names}"));
        }
        if names.is_empty() {
            return Err(DataError::Table { file: file.to_owned(), message: "no column of text or numbers".to_owned() });
        }
        let frame = reader.with_columns(Some(names.clone())).finish().map_err(failed)?;
        if frame.height() == 0 {
            return Err(DataError::Empty { file: file.to_owned(), header: true });
        }
        let mut columns = Vec::with_capacity(names.len());
        for name in &names {
            let mut column = frame.column(name).map_err(failed)?.clone();
            if column.dtype().is_float() {
                let numbers = column.cast(&DataType::Float64).map_err(failed)?;
                // pandas turns whole numbers with gaps into real ones; as text they would get a decimal point.
                if numbers.f64().map_err(failed)?.iter().flatten().all(|v| v.fract() == 0.0 && v.abs() < 9e15) {
                    column = numbers.cast(&DataType::Int64).map_err(failed)?;
                    notes.push(format!("{} holds real numbers, read as whole ones", listed([name])));
                }
            }
            let text = column.cast(&DataType::String).map_err(failed)?;
            columns.push(text.str().map_err(failed)?.rechunk().into_owned());
        }
        let rows = frame.height();
        Ok(Table { file: file.to_owned(), notes, names: distinct(file, names)?, columns, rows, lines: Vec::new() })
    }
}

/// Types of Parquet columns that become text; the others (lists, dates, categories) need parts of polars that Toji
/// does not build in.
fn plain_type(dtype: &ArrowDataType) -> bool {
    use ArrowDataType as T;
    matches!(
        dtype,
        T::Boolean
            | T::Int32
            | T::Int64
            | T::UInt32
            | T::UInt64
            | T::Float32
            | T::Float64
            | T::Utf8
            | T::LargeUtf8
            | T::Utf8View
    )
}

/// The names, empty ones replaced by their number; no two may be equal.
fn distinct(file: &Path, names: Vec<String>) -> Result<Vec<String>, DataError> {
    let names: Vec<String> = names
        .into_iter()
        .enumerate()
        .map(|(i, name)| if name.is_empty() { format!("column {}", i + 1) } else { name })
        .collect();
    for (i, name) in names.iter().enumerate() {
        if let Some(first) = names[..i].iter().position(|earlier| earlier == name) {
            let file = file.to_owned();
            return Err(DataError::DoubleColumn { file, name: name.clone(), first: first + 1, second: i + 1 });
        }
    }
    Ok(names)
}

fn without(bytes: Vec<u8>, ranges: &[std::ops::Range<usize>]) -> Vec<u8> {
    if ranges.is_empty() {
        return bytes;
    }
    let mut kept = Vec::with_capacity(bytes.len());
    let mut from = 0;
    for range in ranges {
        kept.extend_from_slice(&bytes[from..range.start]);
        from = range.end;
    }
    kept.extend_from_slice(&bytes[from..]);
    kept
}

fn line_of(bytes: &[u8], at: usize) -> usize {
    bytes[..at.min(bytes.len())].iter().filter(|&&b| b == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &[u8]) -> Result<Table, DataError> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("t.csv");
        files::publish(&file, text).unwrap();
        Table::read(&file, Encoding::Auto).map(|mut t| {
            t.file = "t.csv".into();
            t
        })
    }

    fn column(table: &Table, name: &str) -> Vec<String> {
        let texts = table.column(name, "data.columns.id").unwrap();
        (0..table.rows()).map(|row| texts.get(row).to_owned()).collect()
    }

    #[test]
    fn digits_stay_text() {
        let t = table(b"id,label\r\n007,1e5\r\n123,\r\n1.50,true\r\n").unwrap();
        assert_eq!(column(&t, "id"), ["007", "123", "1.50"]);
        assert_eq!(column(&t, "label"), ["1e5", "", "true"]);
    }

    #[test]
    fn quotes_line_ends_and_blank_lines() {
        let t = table("\u{feff}id,名\n\n1,\"a, \"\"b\"\"\nc\"\n \n2,獺祭\n\n".as_bytes()).unwrap();
        assert_eq!(t.names(), ["id", "名"]);
        assert_eq!(column(&t, "名"), ["a, \"b\"\nc", "獺祭"]);
        assert_eq!((t.place(0).to_string(), t.place(1).to_string()), ("t.csv line 3".into(), "t.csv line 6".into()));
    }

    #[test]
    fn one_column_and_no_last_line_end() {
        assert_eq!(column(&table(b"id\na\nb").unwrap(), "id"), ["a", "b"]);
    }

    #[test]
    fn a_missing_column_names_the_nearest() {
        let t = table(b"gid,fileName\n1,a.jpg\n").unwrap();
        insta::assert_snapshot!(t.column("filename", "data.columns.image").unwrap_err(), @r#"t.csv: no column "filename" (data.columns.image); did you mean "fileName"? there is "gid", "fileName""#);
    }

    #[test]
    fn parquet_is_read_as_text() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("t.parquet");
        let mut frame = DataFrame::new_infer_height(vec![
            Column::new("id".into(), ["007", "8"]),
            Column::new("label".into(), [12i64, 3]),
            Column::new("brand".into(), [Some(4.0f64), None]),
            Column::new("weight".into(), [0.5f64, 1.0]),
            Column::new("is_query".into(), [true, false]),
        ])
        .unwrap();
        ParquetWriter::new(std::fs::File::create(&file).unwrap()).finish(&mut frame).unwrap();
        let t = Table::read(&file, Encoding::Auto).unwrap();
        assert_eq!(column(&t, "id"), ["007", "8"]);
        assert_eq!(column(&t, "label"), ["12", "3"]);
        assert_eq!(column(&t, "brand"), ["4", ""]);
        assert_eq!(column(&t, "weight"), ["0.5", "1.0"]);
        assert_eq!(column(&t, "is_query"), ["true", "false"]);
        assert_eq!(t.notes, ["\"brand\" holds real numbers, read as whole ones"]);
        assert!(t.place(1).to_string().ends_with("row 2"));
    }

    #[test]
    fn a_cut_parquet_is_an_error() {
        assert!(table(b"PAR1 and then nothing").is_err());
    }
}
