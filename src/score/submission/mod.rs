//! The file that is handed in.
//!
//! Takes the columns of the competition as plain facts ([`Layout`]) and one [`Answer`] a query; gives
//! a file that was read back and checked against the sample before it got its name. Rows follow the
//! sample's order, whatever order the answers came in. Without a sample the form is
//! `query_id,gallery_ids`, ids joined by one space, rows in the order of the answers.
//!
//! Ids are text from end to end: "007" stays "007", and an id that only a number's spelling parts
//! from the sample's ("7", "007", "7.0") is told as such.

mod check;
mod declared;
mod table;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::Path;

pub use check::check;
pub use declared::{Answering, Combine, Final, SECTIONS};
use table::Table;

use super::ScoreError;
use crate::base::Key;
use crate::base::files::{publish, read_text};

/// How a competition wants its answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Header of the query's id.
    pub id_column: String,
    /// Header of the list of gallery ids.
    pub list_column: String,
    /// Between two ids of a list.
    pub separator: String,
    /// Ids in a list; fewer only where the whole gallery is smaller.
    pub k: usize,
}

impl Default for Layout {
    /// `query_id,gallery_ids`, 20 ids joined by a space.
    fn default() -> Self {
        Layout { id_column: "query_id".into(), list_column: "gallery_ids".into(), separator: " ".into(), k: 20 }
    }
}

/// One query's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The query's id.
    pub query: String,
    /// Ids of gallery photos, best first.
    pub items: Vec<String>,
}

/// One fault of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Line of the submission, the header being 1; `None` when the file as a whole is meant.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// The first faults on lines of their own, and how many more there are.
pub(super) fn lines(found: &[Violation]) -> String {
    const SHOWN: usize = 10;
    let mut text: String = found.iter().take(SHOWN).map(|violation| format!("\n  {violation}")).collect();
    if found.len() > SHOWN {
        text.push_str(&format!("\n  and {} more", found.len() - SHOWN));
    }
    text
}

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// BLAKE3 of its bytes.
    pub hash: Key,
    /// Queries answered.
    pub rows: usize,
    /// The file as text.
    pub text: String,
}

/// The first two column names of a sample's text; `None` when it is no table with two columns.
pub fn header_of(sample: &str) -> Option<[String; 2]> {
    let table = table::Table::read(sample).ok()?;
    Some([table.header.first()?.clone(), table.header.get(1)?.clone()])
}

/// The answers in a submission's text: its first two columns, the second a list.
///
/// # Errors
/// What is wrong with the table, in words.
pub fn answers(text: &str, separator: &str) -> Result<Vec<Answer>, String> {
    let table = Table::read(text)?;
    if table.header.len() < 2 {
        return Err("it has one column; an id and a list were expected".to_owned());
    }
    let of = |row: &table::Row| Answer {
        query: row.cell(0).to_owned(),
        items: row.cell(1).split(separator).filter(|id| !id.is_empty()).map(str::to_owned).collect(),
    };
    Ok(table.rows.iter().map(of).collect())
}

/// Writes the answers and checks them: against the sample when there is one, and against the ids of
/// the gallery. Nothing is written when anything is wrong.
///
/// # Errors
/// When the sample cannot be read or is no table, when the submission has faults (all are
/// listed), or when the file cannot be written.
pub fn write(
    path: &Path,
    layout: &Layout,
    answers: &[Answer],
    sample: Option<&Path>,
    gallery: &HashSet<&str>,
) -> Result<Written, ScoreError> {
    let sample = match sample {
        None => None,
        Some(file) => Some(read_sample(file)?),
    };
    let text = compose(layout, answers, sample.as_ref());
    let mut found = check::answers(layout, answers);
    found.extend(check::tables(layout, &text, sample.as_ref(), gallery));
    if !found.is_empty() {
        return Err(ScoreError::Refused { found });
    }
    publish(path, text.as_bytes())?;
    Ok(Written { hash: Key::of_bytes(text.as_bytes()), rows: answers.len(), text })
}

fn read_sample(file: &Path) -> Result<Table, ScoreError> {
    let text = read_text(file)?;
    Table::read(&text).map_err(|why| ScoreError::BadFile { path: file.to_owned(), kind: "sample submission", why })
}

/// The file's text: header, then rows in the sample's order; answers that the sample lacks come last.
fn compose(layout: &Layout, answers: &[Answer], sample: Option<&Table>) -> String {
    let mut rows: Vec<&Answer> = answers.iter().collect();
    if let Some(column) = sample.and_then(|sample| sample.column(&layout.id_column).map(|at| (sample, at))) {
        let (sample, at) = column;
        let place: HashMap<&str, usize> = sample.rows.iter().enumerate().map(|(i, row)| (row.cell(at), i)).collect();
        rows.sort_by_key(|answer| place.get(answer.query.as_str()).copied().unwrap_or(usize::MAX));
    }
    let mut text = format!("{},{}\n", table::quoted(&layout.id_column), table::quoted(&layout.list_column));
    for answer in rows {
        let list = answer.items.join(&layout.separator);
        text.push_str(&format!("{},{}\n", table::quoted(&answer.query), table::quoted(&list)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(query: &str, items: &[&str]) -> Answer {
        Answer { query: query.into(), items: items.iter().map(|&item| item.into()).collect() }
    }

    fn layout(k: usize) -> Layout {
        Layout { id_column: "gid".into(), list_column: "cite_gid".into(), separator: " ".into(), k }
    }

    /// Writes beside a sample; gives the file's text or the faults.
    fn run(layout: &Layout, answers: &[Answer], sample: Option<&str>, gallery: &[&str]) -> Result<String, String> {
        let dir = tempfile::tempdir().unwrap();
        let (path, sample_path) = (dir.path().join("out/submission.csv"), dir.path().join("sample.csv"));
        if let Some(sample) = sample {
            publish(&sample_path, sample.as_bytes()).unwrap();
        }
        let gallery: HashSet<&str> = gallery.iter().copied().collect();
        match write(&path, layout, answers, sample.map(|_| sample_path.as_path()), &gallery) {
            Ok(written) => {
                let text = read_text(&path).unwrap();
                assert_eq!(written.text, text);
                assert_eq!(written.hash, Key::of_bytes(text.as_bytes()));
                Ok(text)
            }
            Err(error) => {
                assert!(!path.exists(), "a refused submission leaves no file");
                Err(error.to_string().replace(&dir.path().display().to_string(), ""))
            }
        }
    }

    #[test]
    fn rows_follow_the_sample() {
        let answers = [answer("0012", &["b", "a"]), answer("0007", &["a", "c"])];
        let sample = "\u{feff}gid,cite_gid\r\n0007,x y\r\n0012,x y\r\n";
        insta::assert_snapshot!(run(&layout(2), &answers, Some(sample), &["a", "b", "c"]).unwrap(), @r"
        gid,cite_gid
        0007,a c
        0012,b a
        ");
    }

    #[test]
    fn without_sample_the_default_form() {
        let answers = [answer("q,1", &["a", "b"]), answer("q\"2", &["b", "a"])];
        let layout = Layout { k: 2, ..Layout::default() };
        insta::assert_snapshot!(run(&layout, &answers, None, &["a", "b"]).unwrap(), @r#"
        query_id,gallery_ids
        "q,1",a b
        "q""2",b a
        "#);
    }

    #[test]
    fn a_gallery_smaller_than_k_gives_short_lists() {
        let answers = [answer("q", &["a", "b"])];
        assert!(run(&layout(20), &answers, None, &["a", "b"]).is_ok());
        // The query itself may stand in the gallery and is then not in its list.
        assert!(run(&layout(20), &[answer("a", &["b"])], None, &["a", "b"]).is_ok());
    }

    #[test]
    fn all_faults_at_once() {
        let answers = [
            answer("7", &["a", "b"]),
            answer("q2", &["a", "a"]),
            answer("q3", &["a"]),
            answer("q3", &["a", "b"]),
            answer("q4", &["a", "12"]),
            answer("q5", &["a b", ""]),
            answer("q9", &["a", "b"]),
        ];
        let sample = "gid,cite_gid\n007,a b\nq2,a b\nq3,a b\nq4,a b\nq5,a b\nq6,a b\n";
        insta::assert_snapshot!(run(&layout(2), &answers, Some(sample), &["a", "b", "c", "0012"]).unwrap_err(), @r#"
        the submission has 10 faults:
          query "q5": gallery id "a b" contains the separator " "; give another separator
          query "q6" of the sample (line 7) has no answer
          line 2: "a" stands twice in the list
          line 3: the list has 1 id, 2 are wanted
          line 4: query "q3" was answered on line 3 already
          line 5: "12" is "0012" in the gallery: ids are text, not numbers
          line 6: the list has 3 ids, 2 are wanted
          line 6: an empty id in the list, or two separators in a row
          line 7: query "7" is "007" in the sample: ids are text, not numbers
          line 8: query "q9" is not in the sample
        "#);
    }

    #[test]
    fn a_sample_of_another_form_is_told() {
        let answers = [answer("q", &["a", "b"])];
        let samples = [
            "id,cites\nq,a b\n",
            "gid,cite_gid,score\nq,a b,1\n",
            "gid,cite_gid\nq,a b c\n",
            "gid,cite_gid\nq,a|b\n",
            "gid,cite_gid\nq\n",
            "gid,cite_gid\nq,\"a b\n",
            "",
        ];
        let errors = samples.map(|sample| run(&layout(2), &answers, Some(sample), &["a", "b", "c"]).unwrap_err());
        insta::assert_snapshot!(errors.join("\n"), @r#"
        the submission has 1 fault:
          the sample's header is id,cites, toji.toml speaks of gid,cite_gid; mend the submission's columns there
        the submission has 1 fault:
          the sample's header is gid,cite_gid,score, toji.toml speaks of gid,cite_gid; mend the submission's columns there
        the submission has 1 fault:
          the sample's line 2 has 3 ids in its list, the submission's k is 2
        the submission has 1 fault:
          the sample joins its ids by "|", toji.toml says " "
        /sample.csv is no sample submission file: line 2 has 1 cell, the header has 2
        /sample.csv is no sample submission file: a quote that opens on line 2 never ends
        /sample.csv is no sample submission file: it is empty; a header was expected
        "#);
    }
}
