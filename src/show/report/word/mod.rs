//! A document as a Word file (Office Open XML, ECMA-376): the parts of a zip.
//!
//! For hosts that ask for one. Takes a document; gives names and contents in the order in which they belong into the archive, which
//! [`crate::base::files::archive::publish_archive`] writes. Plots and photos are PNGs; text names a Japanese font beside the Latin one, which the reader's machine
//! replaces where it has another. No date and no author is written.

mod body;
mod parts;

use super::document::Document;
use super::pictures::Pictures;
use crate::base::files::archive::Content;
use crate::show::ShowError;

/// The parts of the archive.
pub(super) fn word(document: &Document, pictures: &mut Pictures<'_>) -> Result<Vec<(String, Content)>, ShowError> {
    let body = body::body(document, pictures)?;
    let media: Vec<&super::pictures::Drawn> =
        pictures.files.iter().filter(|drawn| drawn.name.ends_with(".png")).collect();
    let text = |name: &str, text: String| (name.to_owned(), Content::Bytes(text.into_bytes()));
    let mut entries = vec![
        text("[Content_Types].xml", parts::content_types()),
        text("_rels/.rels", parts::top()),
        text("docProps/core.xml", parts::core(&document.title, document.language.code())),
        text("word/document.xml", body.text),
        text("word/styles.xml", parts::styles()),
        text("word/numbering.xml", parts::numbering(&body.numbered)),
        text("word/_rels/document.xml.rels", parts::relations(media.len(), &body.links)),
    ];
    let picture = |(i, drawn): (usize, &&super::pictures::Drawn)| {
        (format!("word/media/image{}.png", i + 1), Content::Bytes(drawn.bytes.clone()))
    };
    entries.extend(media.iter().enumerate().map(picture));
    Ok(entries)
}
