//! The pictures of a document as files.
//!
//! Takes its plots and photos; gives each plot as `.svg` and `.png` and each list of photos as `.png`, under names that begin with the document's own. Text in a
//! PNG is drawn by the one font that was chosen for all of it; what that lacks is remembered.

use super::document::{Figure, Photos, Plot};
use crate::show::curves::{self, Choice};
use crate::show::font::Font;
use crate::show::sheet::page::{self, Page};
use crate::show::{ShowError, canvas};

/// Cards beside each other.
const COLUMNS: usize = 6;

/// The pictures that were drawn.
pub(super) struct Pictures<'a> {
    font: &'a Font,
    stem: &'a str,
    /// Name, bytes, pixels across and down of each; of an SVG no pixels.
    pub files: Vec<Drawn>,
    /// Characters for which the font has no glyph.
    pub missing: Vec<char>,
    /// Whether SVGs are wanted too.
    pub svg: bool,
}

/// A picture that was drawn.
pub(super) struct Drawn {
    /// Its file's name.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Pixels across and down; of an SVG those at which it opens.
    pub size: (u32, u32),
}

impl<'a> Pictures<'a> {
    /// None yet.
    pub fn new(font: &'a Font, stem: &'a str, svg: bool) -> Pictures<'a> {
        Pictures { font, stem, files: Vec::new(), missing: Vec::new(), svg }
    }

    /// Draws a plot; the name of its PNG.
    ///
    /// # Errors
    /// When it cannot be drawn.
    pub fn figure(&mut self, figure: &Figure) -> Result<String, ShowError> {
        let name = format!("{}-{}", self.stem, figure.name);
        let choice = Choice::default();
        let (svg, png) = match &figure.plot {
            Plot::Curves(lines) => {
                let (bytes, drawn) = curves::png_by(lines, &choice, self.font)?;
                let size = (drawn.width, drawn.height);
                (curves::svg(lines, &choice)?.0, canvas::Png { bytes, size, missing: drawn.missing })
            }
            Plot::Rows(rows) => (canvas::svg(rows)?, canvas::png(rows, self.font)?),
            Plot::Scatter(scatter) => (canvas::svg(scatter)?, canvas::png(scatter, self.font)?),
        };
        if self.svg {
            let size = (png.size.0 / 2, png.size.1 / 2);
            self.files.push(Drawn { name: format!("{name}.svg"), bytes: svg.into_bytes(), size });
        }
        Ok(self.keep(format!("{name}.png"), png))
    }

    /// Draws photos; the name of their PNG.
    ///
    /// # Errors
    /// When they are too many.
    pub fn photos(&mut self, photos: &Photos) -> Result<String, ShowError> {
        let size = photos.groups.iter().flat_map(|group| &group.cards);
        let size = size.filter_map(|card| card.picture.as_ref().ok()).map(|p| p.width.max(p.height)).max();
        let groups = photos.groups.clone();
        let page = Page { title: Vec::new(), groups, columns: COLUMNS, size: size.unwrap_or(96) };
        let (bytes, drawn) = page::png_by(&page, self.font)?;
        let png = canvas::Png { bytes, size: (drawn.width, drawn.height), missing: drawn.missing };
        Ok(self.keep(format!("{}-{}.png", self.stem, photos.name), png))
    }

    fn keep(&mut self, name: String, png: canvas::Png) -> String {
        for c in png.missing {
            if !self.missing.contains(&c) {
                self.missing.push(c);
            }
        }
        self.files.push(Drawn { name: name.clone(), bytes: png.bytes, size: png.size });
        name
    }
}
