//! What can be wrong with a competition's tables and pictures.
//!
//! One variant for each mistake that a person makes, with the file, the line and what to do about it.
//! Values quoted from files are made plain, since the message goes to a terminal.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::base::cancel::Cancelled;
use crate::base::files::FileError;
use crate::base::text::{fit, plain};
use crate::data::decode::DecodeError;

use super::manifest::Skipped;

/// A place in a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The table.
    pub file: PathBuf,
    /// Line of a text table (the header is line 1), or row of a Parquet table (the first is row 1).
    pub at: usize,
    /// Whether `at` counts lines of text.
    pub text: bool,
    /// Where the same mistake stands again, ascending.
    pub again: Vec<usize>,
}

/// Further places of one mistake that are named; the rest is counted.
const NAMED: usize = 4;

impl Place {
    /// A line of a text table.
    pub fn line(file: &Path, at: usize) -> Place {
        Place { file: file.to_owned(), at, text: true, again: Vec::new() }
    }

    /// "line" or "row".
    fn unit(&self) -> &'static str {
        if self.text { "line" } else { "row" }
    }
}

impl fmt::Display for Place {
    /// `train.csv line 3`, or `train.csv line 3 (also in 5, 9 and 12 more)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.file.display(), self.unit(), self.at)?;
        let named: Vec<String> = self.again.iter().take(NAMED).map(usize::to_string).collect();
        match (named.as_slice(), self.again.len() - named.len()) {
            ([], _) => Ok(()),
            (_, more @ 1..) => write!(f, " (also in {} and {more} more)", named.join(", ")),
            ([only], _) => write!(f, " (also in {only})"),
            ([first @ .., last], _) => write!(f, " (also in {} and {last})", first.join(", ")),
        }
    }
}

/// A value from a file as it may stand in a message: quoted, plain, at most 60 columns.
pub(crate) fn quoted(value: &str) -> String {
    format!("\"{}\"", fit(value, 60))
}

/// `1 row`, `2 rows`.
pub(crate) fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// Names in a message: `"a", "b" and 3 more`.
pub(crate) fn listed<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> String {
    let names: Vec<String> = names.into_iter().map(|n| quoted(n.as_ref())).collect();
    match names.len() {
        0 => "none".to_owned(),
        n if n > 12 => format!("{} and {} more", names[..10].join(", "), n - 10),
        _ => names.join(", "),
    }
}

/// Why tables or pictures cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Somebody asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// A picture cannot be read; the text names its file.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// `toji.toml` contradicts itself or lacks something.
    #[error("toji.toml: {0}")]
    Facts(String),
    /// Nothing in the table.
    #[error("{}: {}", file.display(), if *.header { "there is a header but no row" } else { "the file is empty" })]
    Empty {
        /// The table.
        file: PathBuf,
        /// Whether at least a header is there.
        header: bool,
    },
    /// Bytes that are no text.
    #[error("{0}: a NUL byte; this is not a text table, or it was damaged while copying")]
    Nul(Place),
    /// Neither UTF-8 nor Shift_JIS.
    #[error("{0}: neither UTF-8 nor Shift_JIS; save the table as UTF-8{hint}", hint = if *.1 { " or remove data.encoding" } else { "" })]
    Encoding(Place, bool),
    /// A quote that never ends.
    #[error("{0}: the quote that opens here is never closed")]
    OpenQuote(Place),
    /// A quote in the middle of a value.
    #[error("{0}: a quote inside a value; put the whole value in quotes and double the inner ones (\"5\"\" disc\")")]
    StrayQuote(Place),
    /// A row of another length than the header.
    #[error(
        "{place}: {found}, the header has {expected}; a value with the separator in it must stand in quotes", found = counted(*.found, "field")
    )]
    Ragged {
        /// The row.
        place: Place,
        /// Fields in the header.
        expected: usize,
        /// Fields in the row.
        found: usize,
    },
    /// The header once more.
    #[error("{0}: the header stands here again; two tables were joined, delete this line")]
    SecondHeader(Place),
    /// Two columns with one name.
    #[error("{}: columns {first} and {second} are both called {name}; rename one", file.display(), name = quoted(.name))]
    DoubleColumn {
        /// The table.
        file: PathBuf,
        /// The name.
        name: String,
        /// Number of the first, from 1.
        first: usize,
        /// Number of the second.
        second: usize,
    },
    /// A row of `edits.csv` that cannot be meant.
    #[error("{place}: {what}")]
    Edit {
        /// The row.
        place: Place,
        /// What is wrong, and what to do.
        what: String,
    },
    /// A column is not there.
    #[error("{}: no column {column} ({key}); {nearest}there is {there}", file.display(), column = quoted(.column), nearest = meant(.nearest))]
    NoColumn {
        /// The table.
        file: PathBuf,
        /// What was looked for.
        column: String,
        /// The key of `toji.toml` that names it.
        key: &'static str,
        /// The nearest name that is there.
        nearest: Option<String>,
        /// All names that are there, listed.
        there: String,
    },
    /// The table reader failed.
    #[error("{}: {message}", file.display())]
    Table {
        /// The table.
        file: PathBuf,
        /// In the reader's words.
        message: String,
    },
    /// One id twice.
    #[error("{place}: {column} {id} stands in {unit} {first} already; ids must be unique", id = quoted(.id), unit = place.unit())]
    DoubleId {
        /// Where it stands the second time.
        place: Place,
        /// Where it stands first.
        first: usize,
        /// The column.
        column: String,
        /// The id.
        id: String,
    },
    /// A value that must be there is empty.
    #[error("{place}: {column} is empty; {hint}")]
    Blank {
        /// The row.
        place: Place,
        /// The column.
        column: String,
        /// What to do.
        hint: &'static str,
    },
    /// 123 in one row, 123.0 in another.
    #[error("{place}: {column} holds {value} here and {other} in {unit} {first}; one of them went through a number, write all as text", value = quoted(.value), other = quoted(.other), unit = place.unit())]
    MixedNumbers {
        /// The row with the decimal point.
        place: Place,
        /// The column.
        column: String,
        /// The value with the decimal point.
        value: String,
        /// A value without.
        other: String,
        /// Its line or row.
        first: usize,
    },
    /// A word for nothing among numbers.
    #[error("{place}: {column} is {value} among numbers, a program's word for an empty cell; fill it in or leave it empty", value = quoted(.value))]
    GapWord {
        /// The row.
        place: Place,
        /// The column.
        column: String,
        /// The word.
        value: String,
    },
    /// An id that is a text, where nearly all are numbers.
    #[error("{place}: {column} is {value}, while {numbers} other rows hold numbers; mend it, or write mixed_ids = \"allow\" in [data] of toji.toml if it is meant", value = quoted(.value))]
    StrayText {
        /// The row.
        place: Place,
        /// The column.
        column: String,
        /// The text.
        value: String,
        /// Rows with numbers.
        numbers: usize,
    },
    /// An id that a number's spelling parts from the same id in another table.
    #[error("{place}: {column} {value} is {other} in {theirs}; ids are text, and one of the two went through a number: write both alike", value = quoted(.value), other = quoted(.other))]
    Spelling {
        /// Where it stands in the sample submission.
        place: Place,
        /// The column there.
        column: String,
        /// The id there.
        value: String,
        /// The id in the table of the photos to look up.
        other: String,
        /// Where it stands there.
        theirs: Place,
    },
    /// A number was expected.
    #[error("{place}: {column} is {value}, which is no number", value = quoted(.value))]
    NoNumber {
        /// The row.
        place: Place,
        /// The column.
        column: String,
        /// The value.
        value: String,
    },
    /// A table of boxes of other photos.
    #[error("{place}: no row names a photo; {column} is {value} here, and photos are called as {photo}", value = quoted(.value), photo = quoted(.photo))]
    NoPhotos {
        /// The first row.
        place: Place,
        /// The column of its ids.
        column: String,
        /// The first of them.
        value: String,
        /// A photo's id.
        photo: String,
    },
    /// A box without a pixel of its photo.
    #[error("{place}: the box of {id} holds no pixel of its photo; x_min < x_max and y_min < y_max, in pixels of the photo, or leave all four empty", id = quoted(.id))]
    EmptyBox {
        /// The row.
        place: Place,
        /// The photo's id.
        id: String,
    },
    /// An id that does not say which photo is meant.
    #[error("{place}: the id {id} is that of two photos, {first} and {second}, and a box can be of one only", id = quoted(.id))]
    TwoPhotos {
        /// The row.
        place: Place,
        /// The id.
        id: String,
        /// The path of one.
        first: String,
        /// The path of the other.
        second: String,
    },
    /// A path that is refused.
    #[error("{place}: the path {path} {why}", path = quoted(.path))]
    Path {
        /// The row.
        place: Place,
        /// The path.
        path: String,
        /// Why.
        why: &'static str,
    },
    /// Neither yes nor no.
    #[error("{place}: {column} is {value}; it must be True or False (or 1 or 0)", value = quoted(.value))]
    Flag {
        /// The row.
        place: Place,
        /// The column.
        column: String,
        /// The value.
        value: String,
    },
    /// Pictures are missing or unreadable and `toji.toml` does not say to skip them.
    #[error("{} of {total} pictures cannot be used: {}; repair them, or write unreadable = \"skip\" in [data] of toji.toml", all.len(), first_pictures(.all, .places))]
    Pictures {
        /// Of how many.
        total: usize,
        /// Where the first ones are listed.
        places: Vec<Place>,
        /// All of them.
        all: Vec<Skipped>,
    },
    /// No folder holds the pictures of a table.
    #[error("{}: no folder has its pictures ({example}); looked in {tried}; say where they are with images in [data] of toji.toml", table.display(), example = quoted(.example))]
    NoImages {
        /// The table.
        table: PathBuf,
        /// The first picture that was looked for.
        example: String,
        /// Folders, listed.
        tried: String,
    },
    /// A manifest file that Toji did not write like this.
    #[error("{}: not a manifest of this version ({message}); delete it, it will be made anew", file.display())]
    Manifest {
        /// The file.
        file: PathBuf,
        /// What does not fit.
        message: String,
    },
}

fn meant(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or_else(String::new, |n| format!("did you mean {}? ", quoted(n)))
}

/// Pictures that are named one by one.
pub(crate) const PICTURES: usize = 3;

fn first_pictures(all: &[Skipped], places: &[Place]) -> String {
    let one = |(s, place): (&Skipped, &Place)| {
        format!("{} ({place}): {}", plain(&s.path.display().to_string()), plain(&s.why))
    };
    let named: Vec<String> = all.iter().zip(places).map(one).collect();
    match all.len() - named.len() {
        0 => named.join("; "),
        more => format!("{}; and {more} more", named.join("; ")),
    }
}

impl DataError {
    /// The reader's own error for a table.
    pub(crate) fn table(file: &Path, error: impl fmt::Display) -> DataError {
        DataError::Table { file: file.to_owned(), message: fit(&error.to_string(), 300) }
    }
}

/// The name nearest to `wanted` by edit distance, if it is near at all. Case, spaces, `_` and `-` do not count.
pub(crate) fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let fold = |s: &str| -> Vec<char> {
        s.chars().filter(|c| !matches!(c, ' ' | '_' | '-')).flat_map(char::to_lowercase).collect()
    };
    let wanted = fold(wanted);
    names
        .into_iter()
        .map(|name| (edits(&wanted, &fold(name)), name))
        .filter(|(distance, _)| *distance <= (wanted.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name.to_owned())
}

/// Levenshtein distance: inserted, deleted and replaced characters.
fn edits(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edit_distance_is_levenshteins() {
        let d = |a: &str, b: &str| edits(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>());
        // kitten → sitting is the textbook's three.
        assert_eq!((d("kitten", "sitting"), d("", "abc"), d("abc", "abc"), d("flaw", "lawn")), (3, 3, 0, 2));
    }

    #[test]
    fn the_nearest_name_ignores_case_and_dashes() {
        assert_eq!(nearest("file_name", ["gid", "fileName", "label"]).as_deref(), Some("fileName"));
        assert_eq!(nearest("meigara", ["gid", "filename"]), None);
        assert_eq!(nearest("labels", ["label", "coarse"]).as_deref(), Some("label"));
    }
}
