//! Learning curves as a picture: one chart a series (loss, MRR@20, …), one colour a recipe.
//!
//! Takes recipes with their series as the snapshot has them; gives an SVG or a PNG. `page` decides
//! what is to be seen (ranges, means over folds, best values, gaps where a number is not finite),
//! `draw` puts it on a plotters backend. The pinned recipe is drawn last, thick and dashed.
//!
//! What pictures and terminals share of curves is here too: [`series`] names them, [`axis`] says where a point lies, [`ticks`] rounds the
//! numbers beside it, [`smooth`] and [`thin`] turn points into fewer and calmer ones.

pub mod axis;
pub(super) mod draw;
mod page;
pub mod series;
pub mod smooth;
pub mod thin;
pub mod ticks;

use std::collections::BTreeSet;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::{DrawingArea, DrawingBackend};

use super::canvas::{self, Drawable, Drawing};
use super::{ShowError, font};
use crate::base::files::publish;
use crate::session::snapshot::{Curve, Snapshot};
use axis::By;
use page::Page;
use series::Series;

/// One series of one fold of one recipe.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The recipe's name.
    pub recipe: String,
    /// Whether the others are compared with it.
    pub pinned: bool,
    /// The series.
    pub curve: Curve,
}

/// What was drawn, and what a reader should know about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drawn {
    /// Pixels across (PNG) or the size at which it opens (SVG).
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Characters without glyph in the PNG's font, which show as `?`.
    pub missing: Vec<char>,
}

/// What is to be seen of curves, and how.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    /// Which series; none: those that say how good a recipe is.
    pub series: Vec<Series>,
    /// By what they run to the right.
    pub by: By,
    /// Whether logarithmically.
    pub log_x: bool,
    /// Whether values are on logarithmic axes.
    pub log_y: bool,
    /// The weight of smoothing, from 0 to [`smooth::MOST`].
    pub weight: f64,
}

impl Choice {
    /// Whether a series is to be seen.
    fn shows(&self, series: &str) -> bool {
        match self.series.is_empty() {
            // What tells how a training went is no picture of recipes beside each other.
            true => Series::named(series).lower_is_better.is_some(),
            false => self.series.iter().any(|own| own.name == series),
        }
    }
}

/// The lines of some recipes of a snapshot, or of all that have curves when none is named.
///
/// # Errors
/// When a recipe is not there, nothing has a curve, none of the chosen series was told, or no log says where its points lie along the axis.
pub fn lines(snapshot: &Snapshot, recipes: &[String], choice: &Choice) -> Result<Vec<Line>, ShowError> {
    if let Some(name) = recipes.iter().find(|&name| !snapshot.recipes.iter().any(|recipe| recipe.name == *name)) {
        let known: Vec<&str> = snapshot.recipes.iter().map(|recipe| recipe.name.as_str()).collect();
        return Err(ShowError::UnknownRecipe { name: name.clone(), known: known.join(", ") });
    }
    let wanted = || snapshot.recipes.iter().filter(|recipe| recipes.is_empty() || recipes.contains(&recipe.name));
    let curves = || wanted().flat_map(|recipe| &recipe.curves);
    let lines: Vec<Line> = wanted()
        .flat_map(|recipe| {
            let pinned = snapshot.pin.as_ref() == Some(&recipe.name);
            recipe.curves.iter().filter(|curve| choice.shows(&curve.series)).map(move |curve| Line {
                recipe: recipe.name.clone(),
                pinned,
                curve: curve.clone(),
            })
        })
        .collect();
    if lines.is_empty() {
        let told: BTreeSet<&str> = curves().map(|curve| curve.series.as_str()).collect();
        let wanted: Vec<&str> = choice.series.iter().map(|series| series.title.as_str()).collect();
        let told: Vec<&str> = told.into_iter().collect();
        return Err(match told.is_empty() || wanted.is_empty() {
            true => ShowError::Nothing,
            false => ShowError::NotTold { wanted: wanted.join(", "), told: told.join(", ") },
        });
    }
    let has_points = lines.iter().any(|line| !line.curve.points.is_empty());
    if has_points && lines.iter().all(|line| choice.by.points(&line.curve).is_empty()) {
        return Err(ShowError::NoAxis { axis: choice.by.title() });
    }
    Ok(lines)
}

/// Draws the lines into a file; its ending, .svg or .png, decides the form. `font` is a TrueType or
/// OpenType file for a PNG's text, for names that the built-in Latin font cannot draw.
///
/// # Errors
/// When nothing is to be drawn, the ending is another, the font is unusable or the file cannot be written.
pub fn write(lines: &[Line], choice: &Choice, out: &Path, font: Option<&Path>) -> Result<Drawn, ShowError> {
    match out.extension().and_then(|ending| ending.to_str()) {
        Some("svg") => {
            let (text, drawn) = svg(lines, choice)?;
            publish(out, text.as_bytes())?;
            Ok(drawn)
        }
        Some("png") => {
            let (bytes, drawn) = png(lines, choice, font)?;
            publish(out, &bytes)?;
            Ok(drawn)
        }
        _ => Err(ShowError::UnknownForm { path: out.to_owned() }),
    }
}

/// A page with the axis that it runs along.
struct Sheet(Page, By);

impl Drawing for Sheet {
    fn size(&self) -> (u32, u32) {
        self.0.size()
    }

    fn draw<DB: DrawingBackend>(
        &self,
        root: &DrawingArea<DB, Shift>,
        brush: &draw::Brush,
        drawable: Drawable<'_>,
    ) -> Result<(), ShowError> {
        draw::page(root, &self.0, self.1, brush, drawable)
    }
}

/// The picture as SVG text.
///
/// # Errors
/// When nothing is to be drawn.
pub fn svg(lines: &[Line], choice: &Choice) -> Result<(String, Drawn), ShowError> {
    let sheet = Sheet(Page::new(lines, choice).ok_or(ShowError::Nothing)?, choice.by);
    let (width, height) = sheet.size();
    Ok((canvas::svg(&sheet)?, Drawn { width, height, missing: Vec::new() }))
}

/// The picture as the bytes of a PNG, two pixels to a point.
///
/// # Errors
/// When nothing is to be drawn or the font is unusable.
pub fn png(lines: &[Line], choice: &Choice, font: Option<&Path>) -> Result<(Vec<u8>, Drawn), ShowError> {
    let given = font.map(font::given).transpose()?;
    png_by(lines, choice, given.as_ref().unwrap_or(font::built_in()?))
}

/// [`png`] with a font that was read before.
pub(super) fn png_by(lines: &[Line], choice: &Choice, font: &font::Font) -> Result<(Vec<u8>, Drawn), ShowError> {
    let sheet = Sheet(Page::new(lines, choice).ok_or(ShowError::Nothing)?, choice.by);
    let canvas::Png { bytes, size: (width, height), missing } = canvas::png(&sheet, font)?;
    Ok((bytes, Drawn { width, height, missing }))
}
