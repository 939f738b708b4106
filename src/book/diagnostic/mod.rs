//! A mistake with its place.
//!
//! Takes a source text and a range of bytes in it; gives file, line and column (characters, from 1),
//! what is wrong and what to do, as data for the workbench and, in [`report()`], as text for people.

mod place;
mod report;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

pub use place::{Place, Source};
pub use report::{Look, report};

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
