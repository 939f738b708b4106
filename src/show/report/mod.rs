//! All that was recorded of a recipe, as a page for people: HTML, Markdown, Word, in English and Japanese.
//!
//! ```text
//!   Report ── content ─▶ Document ─┬─ html ──────▶ one file, nothing is fetched
//!   Markdown ── prose ─▶           ├─ markdown ──▶ text, pictures beside it (SVG and PNG)
//!   Comparison ───────▶            └─ word ──────▶ the parts of a .docx
//! ```
//!
//! What is said is decided once (`content`, with the words of [`phrases`]) and written three times. Plots are drawn by `plot` and by
//! [`crate::show::curves`]. The same facts give the same bytes.

mod content;
mod document;
mod html;
mod markdown;
pub mod phrases;
mod pictures;
mod plot;
mod prose;
mod word;

use std::path::{Path, PathBuf};

pub use phrases::Language;

use super::sheet::page::Mark;
use super::{ShowError, font};
use crate::base::files::archive::Content;
use crate::base::files::publish;
use crate::session::errands::looking::compare::Comparison;
use crate::session::errands::report::Report;
use document::{Block, Document};
use phrases as p;
use pictures::Pictures;

/// The package that has glyphs for Japanese, on Debian and its kin.
pub const FONTS: &str = "fonts-noto-cjk";

/// Files of fonts that a PNG may take, the first with all glyphs before others: what the surroundings know of.
pub type Fonts = [PathBuf];

/// A page with the files beside it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Written {
    /// The page.
    pub text: String,
    /// Names of pictures and their bytes.
    pub files: Vec<(String, Vec<u8>)>,
    /// Characters for which no font has a glyph, which show as `?` in PNGs.
    pub missing: Vec<char>,
}

/// A Word file.
#[derive(Clone, Debug)]
pub struct Word {
    /// What belongs into the archive, in order.
    pub entries: Vec<(String, Content)>,
    /// Characters for which no font has a glyph, which show as `?` in its pictures.
    pub missing: Vec<char>,
}

/// The sentence with which every report begins, by which one is told from other files.
pub fn lead(language: Language) -> &'static str {
    p::NOTHING_INVENTED.get(language)
}

/// A report as one HTML file.
///
/// # Errors
/// When a plot or a photo cannot be drawn.
pub fn page(report: &Report, language: Language) -> Result<String, ShowError> {
    html::html(&content::document(report, language))
}

/// A report as Markdown; names of pictures begin with `stem`.
///
/// # Errors
/// When a plot or a photo cannot be drawn.
pub fn markdown(report: &Report, language: Language, stem: &str, fonts: &Fonts) -> Result<Written, ShowError> {
    let document = content::document(report, language);
    let font = font::fitting(&document::drawn(&document.blocks), fonts)?;
    let mut pictures = Pictures::new(&font, stem, true);
    let text = markdown::markdown(&document, &mut pictures)?;
    Ok(Written { text, missing: pictures.missing, files: files(pictures.files) })
}

/// The plots and photos of a report alone, each plot as `.svg` and `.png`.
///
/// # Errors
/// When one cannot be drawn.
pub fn plots(report: &Report, language: Language, stem: &str, fonts: &Fonts) -> Result<Written, ShowError> {
    Ok(Written { text: String::new(), ..markdown(report, language, stem, fonts)? })
}

/// A report as a Word file.
///
/// # Errors
/// When a plot or a photo cannot be drawn.
pub fn word(report: &Report, language: Language, fonts: &Fonts) -> Result<Word, ShowError> {
    let document = content::document(report, language);
    let font = font::fitting(&document::drawn(&document.blocks), fonts)?;
    let mut pictures = Pictures::new(&font, "report", false);
    let entries = word::word(&document, &mut pictures)?;
    Ok(Word { entries, missing: pictures.missing })
}

/// Any Markdown with headings, paragraphs, lists, code and tables as a Word file; its first heading is the title.
///
/// # Errors
/// When the built-in font is broken.
pub fn of_markdown(text: &str, language: Language) -> Result<Vec<(String, Content)>, ShowError> {
    let mut blocks = prose::blocks(text, 1);
    let title = match blocks.first() {
        Some(Block::Heading(1, title)) => Some(title.clone()),
        _ => None,
    };
    if title.is_some() {
        blocks.remove(0);
    }
    let document = Document { language, title: title.unwrap_or_default(), lead: Vec::new(), blocks };
    word::word(&document, &mut Pictures::new(font::built_in()?, "document", false))
}

/// Recipes beside each other as one HTML file.
///
/// # Errors
/// When it cannot be written as text.
pub fn comparison(found: &Comparison, language: Language) -> Result<String, ShowError> {
    let names: Vec<&str> = found.sides.iter().map(|side| side.recipe.as_str()).collect();
    let (first, others) = names.split_first().map_or(("", String::new()), |(first, rest)| (*first, rest.join(", ")));
    let title = p::COMPARED.fill(language, &[first, &others]);
    html::html(&Document { language, title, lead: Vec::new(), blocks: content::compared(found, language, 2) })
}

/// Writes the pictures, then the page.
///
/// # Errors
/// When a file cannot be written.
pub fn write(written: &Written, out: &Path) -> Result<(), ShowError> {
    let folder = out.parent().unwrap_or(Path::new(""));
    for (name, bytes) in &written.files {
        publish(&folder.join(name), bytes)?;
    }
    Ok(publish(out, written.text.as_bytes())?)
}

fn files(drawn: Vec<pictures::Drawn>) -> Vec<(String, Vec<u8>)> {
    drawn.into_iter().map(|drawn| (drawn.name, drawn.bytes)).collect()
}

/// What a photo is to its query, in words.
fn mark_word(mark: Mark, language: Language) -> &'static str {
    match mark {
        Mark::Plain => "",
        Mark::Query => p::QUERY_WORD.get(language),
        Mark::Hit => p::HIT_WORD.get(language),
        Mark::Miss => p::MISS_WORD.get(language),
    }
}

#[cfg(test)]
mod tests;
