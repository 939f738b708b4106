//! A snapshot → pictures and pages for people.
//!
//! - [`compare`] sets recipes side by side: rows of what differs, for the workbench and for a pipe.
//! - [`curves`] draws learning curves as SVG or PNG (plotters), from the series that the terminal shows.
//! - [`export`] writes tables, TensorBoard's and wandb's files for other tools.
//! - [`ledger`] sets submissions beside the leaderboard, and what follows, as plain text.
//! - [`report`] tells all that was recorded of a recipe: HTML, Markdown, Word, in English and Japanese.
//! - [`sheet`] sets pictures with their names on one page: a PNG, or an HTML page in one file; and draws places into them.
//! - [`table`] sets the board and the plan as plain text for a pipe, a log or a narrow terminal.
//! - [`weave`] writes a recipe's page with its outputs as Markdown.
//! - [`palette`] gives each recipe its colour, the same on every picture.
//! - [`raster`] turns pixels into the bytes of a PNG or a JPEG, [`base64`] bytes into text.
//!
//! Nothing here looks behind the snapshot, so a picture can say only what the terminal says too.
//! Text in SVG stays text: names in any script are drawn by whoever opens the file. A PNG has only
//! the glyphs of its font; what the built-in Latin one lacks is replaced visibly and reported.

pub mod base64;
mod canvas;
pub mod compare;
pub mod curves;
pub mod export;
mod font;
pub mod ledger;
pub mod palette;
pub mod raster;
pub mod report;
pub mod sheet;
pub mod table;
pub mod weave;

use std::path::PathBuf;

use crate::base::files::FileError;

/// Why a picture could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum ShowError {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The ending of the file's name is not one that is drawn.
    #[error("{}: pictures are written as .svg or .png; name the file so", path.display())]
    UnknownForm {
        /// The file that was asked for.
        path: PathBuf,
    },
    /// A table is asked for in another form.
    #[error("{}: tables are written as .parquet or .csv; name the file so", path.display())]
    NotATable {
        /// The file that was asked for.
        path: PathBuf,
    },
    /// A folder that an export would write to.
    #[error("nothing is written to {}: {why}", folder.display())]
    Refused {
        /// The folder.
        folder: PathBuf,
        /// Why, and what to do.
        why: String,
    },
    /// There is nothing to draw.
    #[error("none of these recipes has a curve yet; run one first")]
    Nothing,
    /// Nothing that was told is of a series that was asked for.
    #[error("none of these recipes has told its {wanted}; there are {told}")]
    NotTold {
        /// The series.
        wanted: String,
        /// Those that were told.
        told: String,
    },
    /// The logs do not say where their points lie along an axis.
    #[error("the logs of these recipes tell of epochs, not of {axis}: an older Toji wrote them; leave out --x")]
    NoAxis {
        /// The axis.
        axis: &'static str,
    },
    /// A contact sheet is asked for in another form.
    #[error("{}: a contact sheet is written as .png; name the file so", path.display())]
    NotPng {
        /// The file that was asked for.
        path: PathBuf,
    },
    /// A page of photos is asked for in another form.
    #[error("{}: a page of photos is written as .png or .html; name the file so", path.display())]
    NotAPage {
        /// The file that was asked for.
        path: PathBuf,
    },
    /// A picture would be larger than anybody opens.
    #[error("a picture of {width} × {height} pixels is too large: show fewer photos, smaller ones, or write an .html")]
    TooLarge {
        /// Pixels from left to right.
        width: u64,
        /// Pixels from top to bottom.
        height: u64,
    },
    /// There is no picture for a contact sheet.
    #[error("none of the photos can be read: there is nothing to show")]
    NoPicture,
    /// A recipe that the snapshot does not have.
    #[error("no recipe {name:?}; there are {known}")]
    UnknownRecipe {
        /// The name that was asked for.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// The font cannot be used.
    #[error("{}: {why}; give a TrueType or OpenType file", path.display())]
    BadFont {
        /// The font's file; empty for the built-in one.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Drawing itself failed.
    #[error("cannot draw: {0}")]
    Draw(String),
}
