//! A mistake with its place.
//!
//! Takes a source text and a range of bytes in it; gives file, line and column (characters, from 1),
//! what is wrong and what to do, as data for the workbench and, in [`report`], as text for people.

mod report;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

pub use report::{Look, report};

/// A file as it was read, with the starts of its lines.
#[derive(Debug, PartialEq)]
pub struct Source {
    /// The file, as people name it.
    pub file: PathBuf,
    /// Its text, with a byte-order mark if it has one.
    pub text: String,
    /// Offset of the first byte of each line.
    lines: Vec<usize>,
}

impl Source {
    /// A source text.
    pub fn new(file: &Path, text: String) -> Arc<Source> {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Arc::new(Source { file: file.to_owned(), text, lines })
    }

    /// Line and column, from 1, of a byte offset; columns count characters, a byte-order mark is none.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|&start| start <= offset).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or(0);
        let before = self.text.as_bytes().get(start..offset.min(self.text.len())).unwrap_or_default();
        // Every byte that does not continue a character begins one.
        let characters = before.iter().filter(|&&byte| byte & 0xc0 != 0x80).count();
        let mark = usize::from(start == 0 && before.starts_with("\u{feff}".as_bytes()));
        (line, characters - mark + 1)
    }
}

/// A range of bytes in a source text.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// The text.
    pub source: Arc<Source>,
    /// The bytes.
    pub span: Range<usize>,
}

impl Place {
    /// Line and column, from 1.
    pub fn position(&self) -> (usize, usize) {
        self.source.position(self.span.start)
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The recipe cannot run.
    Error,
    /// It can, but probably means something else.
    Warning,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The file, which may be a parent of the one that was read.
    pub file: PathBuf,
    /// Line, from 1; 0 when the whole file is meant.
    pub line: usize,
    /// Column in characters, from 1; 0 when the whole file is meant.
    pub column: usize,
    /// Bytes in the file; empty when the whole file is meant.
    pub span: Range<usize>,
    /// What is wrong, one sentence without a full stop.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// Another place that belongs to it: where the key was first written.
    pub also: Option<Also>,
    /// The text, for the report.
    #[serde(skip)]
    source: Option<Arc<Source>>,
}

/// A second place of a mistake.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Also {
    /// The file.
    pub file: PathBuf,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Bytes in the file.
    pub span: Range<usize>,
    /// What stands there: "first written here".
    pub what: String,
}

impl Diagnostic {
    /// A mistake at a place.
    pub fn at(place: &Place, message: impl Into<String>) -> Diagnostic {
        let (line, column) = place.position();
        Diagnostic {
            severity: Severity::Error,
            file: place.source.file.clone(),
            line,
            column,
            span: place.span.clone(),
            message: message.into(),
            help: None,
            also: None,
            source: Some(place.source.clone()),
        }
    }

    /// A mistake of a whole file.
    pub fn of_file(file: &Path, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            file: file.to_owned(),
            line: 0,
            column: 0,
            span: 0..0,
            message: message.into(),
            help: None,
            also: None,
            source: None,
        }
    }

    /// The same with what to do.
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// The same as a warning.
    pub fn warning(mut self) -> Diagnostic {
        self.severity = Severity::Warning;
        self
    }

    /// The same with a second place.
    pub fn also(mut self, place: &Place, what: impl Into<String>) -> Diagnostic {
        let (line, column) = place.position();
        self.also =
            Some(Also { file: place.source.file.clone(), line, column, span: place.span.clone(), what: what.into() });
        self
    }

    /// Whether the recipe cannot run with it.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let source = Source::new(Path::new("x.md"), "\u{feff}獺祭 = 1\r\n\tx".to_owned());
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(3), (1, 1), "the byte-order mark is no column");
        assert_eq!(source.position(3 + 6), (1, 3));
        assert_eq!(source.position(source.text.len() - 1), (2, 2));
        assert_eq!(source.position(source.text.len()), (2, 3), "the end of the file has a place");
        assert_eq!(source.position(10_000), (2, 3));
    }
}
