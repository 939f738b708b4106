//! Photos on the screen: a query with its answers, a suspect with those it is about, one of them large.
//!
//! A view gives [`Item`]s: a file and what is said about it. [`Grid`] sets them beside each other, as large as all have room for; [`Camera`] draws
//! the photo if it has come, a word why there is none, or a blank until it comes; [`wanted`] tells the loader which these are. Where pictures are
//! off or have no room, the same is said in rows of text.
//!
//! - [`pictures`]: pixels in cells;
//! - [`queries`], [`review`]: the screens; [`zoom`]: one photo large; [`mod@why`]: a query and an answer, and what makes them alike.

pub mod pictures;
pub mod queries;
pub mod review;
pub mod why;
pub mod zoom;

use std::path::PathBuf;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use toji::base::text;
use toji::data::view::Area;
use toji::session::errands::looking::loader::{Size, Wish};
use toji::session::snapshot::Picture;

use super::ink::{Ink, Tone, line, put, wrap};
use crate::tui::model::{Model, Popup, View};
use crate::tui::terminal::graphics::Framed;
use crate::tui::terminal::way::Protocol;
use pictures::{HalfBlocks, Marked, Pictures};

/// A photo and what is said about it.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its file, and the part of it that counts; `None` for an answer that is no photo.
    pub photo: Option<(PathBuf, Option<Area>)>,
    /// Two lines under a small picture.
    pub short: [(String, Tone); 2],
    /// Lines under a large one.
    pub long: Vec<(String, Tone)>,
}

/// What can be shown large on this screen: the query or suspect, then the others.
pub fn items(model: &Model) -> Vec<Item> {
    match model.view {
        View::Queries => queries::items(model, model.query_index()),
        View::Review => review::items(model, model.suspect_index()),
        _ => Vec::new(),
    }
}

/// The photos of the screen in the order in which they are wanted, then those that the next key shows.
pub fn wanted(model: &Model, body: Rect) -> Vec<Wish> {
    let ink = Ink::new(&model.options);
    if ink.way.protocol == Protocol::Off {
        return Vec::new();
    }
    let wish = |item: &Item, size| item.photo.clone().map(|(file, part)| Wish { file, part, size });
    if let Some(Popup::Zoom { at }) = &model.popup {
        let items = items(model);
        let at = (*at).min(items.len().saturating_sub(1));
        return items.iter().skip(at).take(2).filter_map(|item| wish(item, Size::Large)).collect();
    }
    if let Some((query, answer, _)) = why::both(model) {
        return [query, answer].iter().filter_map(|item| wish(item, Size::Small)).collect();
    }
    let shown: Vec<Item> = match model.view {
        View::Queries => queries::pictured(model, ink, body),
        View::Review => review::pictured(model, ink, body),
        _ => return Vec::new(),
    };
    let mut wishes: Vec<Wish> = Vec::new();
    for wish in shown.iter().filter_map(|item| wish(item, Size::Small)) {
        if !wishes.contains(&wish) {
            wishes.push(wish);
        }
    }
    wishes
}

/// Rows under each small picture.
const CAPTION: u16 = 2;

/// Small pictures beside each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Columns of a picture.
    wide: u16,
    /// Rows of a picture.
    high: u16,
    /// Pictures beside each other.
    across: u16,
    /// Rows of pictures.
    down: u16,
}

impl Grid {
    /// For `count` photos in an area: the largest with which all have room, else the smallest. `None` where not one has room.
    pub fn of(area: Rect, count: usize, ink: Ink) -> Option<Grid> {
        if ink.way.protocol == Protocol::Off {
            return None;
        }
        let (cell_wide, cell_high) = (f64::from(ink.way.cell.0.max(1)), f64::from(ink.way.cell.1.max(1)));
        let mut found = None;
        for wide in [36, 30, 25, 21, 18, 15, 13, 11] {
            // Photos are mostly higher than wide.
            let high = (f64::from(wide) * 4.0 / 3.0 * cell_wide / cell_high).round().clamp(3.0, 200.0) as u16;
            let (across, down) = ((area.width + 1) / (wide + 1), area.height / (high + CAPTION));
            if across == 0 || down == 0 {
                continue;
            }
            found = Some(Grid { wide, high, across, down });
            if usize::from(across) * usize::from(down) >= count {
                break;
            }
        }
        found
    }

    /// How many photos show.
    pub fn count(self) -> usize {
        usize::from(self.across) * usize::from(self.down)
    }

    /// Draws as many as have room.
    pub fn draw(self, items: &[Item], camera: &mut Camera<'_>, area: Rect, buffer: &mut Buffer) {
        for (item, i) in items.iter().take(self.count()).zip(0_u16..) {
            let (column, row) = (i % self.across, i / self.across);
            let place = Rect {
                x: area.x + column * (self.wide + 1),
                y: area.y + row * (self.high + CAPTION),
                width: self.wide,
                height: self.high,
            };
            camera.draw(item, Size::Small, place, buffer);
            let below = Rect { y: place.bottom(), height: CAPTION, ..place };
            for ((text, tone), y) in item.short.iter().zip(0..) {
                put(buffer, below, y, &line(vec![camera.ink.span(text, *tone)]));
            }
        }
    }
}

/// Draws photos as the terminal can, and gathers what is left to it.
pub struct Camera<'a> {
    model: &'a Model,
    ink: Ink,
    marked: Marked,
    half: HalfBlocks,
}

impl<'a> Camera<'a> {
    /// For this screen.
    pub fn new(model: &'a Model, ink: Ink) -> Camera<'a> {
        Camera { model, ink, marked: Marked::new(ink), half: HalfBlocks::new(ink) }
    }

    /// The photo in as much of the area as its shape takes, at the top left; until the large one comes, the small one.
    pub fn draw(&mut self, item: &Item, size: Size, area: Rect, buffer: &mut Buffer) {
        let area = area.intersection(buffer.area);
        if area.is_empty() {
            return;
        }
        let get = |size| {
            let (file, part) = item.photo.clone()?;
            self.model.album.get(&Wish { file, part, size })
        };
        let loaded = get(size).or_else(|| get(Size::Small));
        let words = match loaded {
            Some(Ok(picture)) => {
                self.picture(picture, area, buffer);
                return;
            }
            Some(Err(why)) => format!("no picture: {why}"),
            None if item.photo.is_none() => "not in the gallery".to_owned(),
            None => "…".to_owned(),
        };
        let rows = wrap(&line(vec![self.ink.span(&words, Tone::Faint)]), usize::from(area.width), &Line::default());
        for (y, row) in (0..area.height).zip(&rows) {
            put(buffer, area, y, row);
        }
    }

    /// A picture in as much of the area as its shape takes, at the top left; where that is.
    pub fn picture(&mut self, picture: &Picture, area: Rect, buffer: &mut Buffer) -> Rect {
        let mut columns = area.width;
        let mut rows = pictures::rows(picture, columns, self.ink.way.cell);
        if rows > area.height {
            columns = (u32::from(columns) * u32::from(area.height) / u32::from(rows)).max(1) as u16;
            rows = area.height;
        }
        let place = Rect { width: columns, height: rows, ..area };
        let drawer: &mut dyn Pictures =
            if self.ink.way.protocol.is_graphic() { &mut self.marked } else { &mut self.half };
        drawer.draw(picture, place, 0, rows, buffer);
        place
    }

    /// The pictures that the marks in the buffer name.
    pub fn framed(self) -> Vec<Framed> {
        self.marked.framed
    }
}

/// A similarity in few columns: ".91", "-.03", "12.30".
fn similarity(value: f32) -> String {
    if !value.is_finite() {
        return "?".to_owned();
    }
    let said = format!("{value:.2}");
    if value.abs() < 0.995 { said.replacen("0.", ".", 1) } else { said }
}

/// What was cut is not lost: the rows of a text in an area, from a row on; how many.
fn texts(said: &[(String, Tone)], ink: Ink, area: Rect, buffer: &mut Buffer) -> u16 {
    let hang = line(vec![ink.span("  ", Tone::Plain)]);
    let columns = usize::from(area.width);
    let rows: Vec<Line<'static>> =
        said.iter().flat_map(|(text, tone)| wrap(&line(vec![ink.span(text, *tone)]), columns, &hang)).collect();
    for (y, row) in (0..area.height).zip(&rows) {
        put(buffer, area, y, row);
    }
    u16::try_from(rows.len()).unwrap_or(u16::MAX).min(area.height)
}

/// The label, or that there is none; never longer than a few rows.
fn label(label: Option<&String>) -> String {
    label.map_or_else(|| "no label".to_owned(), |label| text::fit(label, LONGEST))
}

/// Longer names than this are cut on screens.
const LONGEST: usize = 120;
