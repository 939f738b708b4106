//! The words of reports.
/// A language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language { /// English.
 English }
