//! Photos with what there is to say about each, in groups, as a PNG.
//!
//! Takes cards (a picture or a word why there is none, lines of text, whether it is a hit or a miss); gives rows of them under their group's
//! name. A hit is told by a green frame and by the word, a miss by a red one. Text is cut to its card; a browser has room for all of it ([`super::html`]).

use std::path::Path;

use plotters::prelude::{BitMapBackend, IntoDrawingArea};
use plotters::style::{Color, IntoTextStyle, RGBColor};

use super::{Drawn, Tile, html, paste};
use crate::base::files::publish;
use crate::base::text::fit;
use crate::session::errands::looking::loader::Loaded;
use crate::show::{ShowError, font, raster};

/// What a photo is to the group's query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mark {
    /// Nothing: a photo of a set.
    #[default]
    Plain,
    /// The query itself.
    Query,
    /// A right answer.
    Hit,
    /// A wrong one.
    Miss,
}

impl Mark {
    /// The word that says it, since not everybody sees colours.
    pub fn word(self) -> &'static str {
        match self {
            Mark::Plain => "",
            Mark::Query => "query",
            Mark::Hit => "hit",
            Mark::Miss => "miss",
        }
    }

    /// Red, green, blue.
    pub(in crate::show) fn colour(self) -> [u8; 3] {
        match self {
            Mark::Plain => [0x66, 0x66, 0x66],
            Mark::Query => [0x3b, 0x6f, 0xe0],
            Mark::Hit => [0x1f, 0x8a, 0x4c],
            Mark::Miss => [0xc9, 0x36, 0x36],
        }
    }
}

/// A photo with what is said about it.
#[derive(Clone, Debug)]
pub struct Card {
    /// The picture, or a word why there is none.
    pub picture: Loaded,
    /// What it is to the group's query.
    pub mark: Mark,
    /// What stands under it; text from files, made plain here.
    pub lines: Vec<String>,
}

impl Card {
    /// Its lines, the mark's word before the first.
    pub(super) fn said(&self) -> Vec<String> {
        let mut lines = self.lines.clone();
        let word = self.mark.word();
        match lines.first_mut() {
            Some(first) if !word.is_empty() => *first = format!("{word}  {first}").trim_end().to_owned(),
            None if !word.is_empty() => lines.push(word.to_owned()),
            _ => {}
        }
        if let Err(why) = &self.picture {
            lines.push(format!("no picture: {why}"));
        }
        lines
    }
}

/// Cards that belong together.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// What stands over them.
    pub name: Vec<String>,
    /// The cards.
    pub cards: Vec<Card>,
}

/// All that is shown.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// What it shows; the first line is its title.
    pub title: Vec<String>,
    /// The groups, from the top.
    pub groups: Vec<Group>,
    /// Cards beside each other, at most.
    pub columns: usize,
    /// The longer side of its pictures, in pixels.
    pub size: u32,
}

/// Pixels around everything.
const EDGE: u32 = 16;
/// Pixels between cards.
const GAP: u32 = 10;
/// Pixels of a frame.
const FRAME: u32 = 3;
/// Height of a line of text.
const LINE: u32 = 17;
/// The most pixels: as many as [`crate::data::decode::Limits`] lets a photo have.
const MOST: u64 = 100_000_000;

/// Writes the page, as the file's ending says: `.png` or `.html`. `font` is for a PNG's names that the built-in Latin font cannot draw.
///
/// # Errors
/// When the ending is another, there is no card, the font is unusable, a PNG would be too large, or the file cannot be written.
pub fn write(page: &Page, out: &Path, font: Option<&Path>) -> Result<Drawn, ShowError> {
    match out.extension().and_then(|ending| ending.to_str()) {
        Some("png") => {
            let (bytes, drawn) = png(page, font)?;
            publish(out, &bytes)?;
            Ok(drawn)
        }
        Some("html" | "htm") => {
            publish(out, html::html(page)?.as_bytes())?;
            Ok(Drawn { width: 0, height: 0, missing: Vec::new() })
        }
        _ => Err(ShowError::NotAPage { path: out.to_owned() }),
    }
}

/// Where a card's parts are.
struct Placed<'a> {
    card: &'a Card,
    x: u32,
    y: u32,
}

/// The page as the bytes of a PNG.
///
/// # Errors
/// As [`write()`].
pub fn png(page: &Page, font: Option<&Path>) -> Result<(Vec<u8>, Drawn), ShowError> {
    let given = font.map(font::given).transpose()?;
    png_by(page, given.as_ref().unwrap_or(font::built_in()?))
}

/// [`png`] with a font that was read before.
pub(in crate::show) fn png_by(page: &Page, font: &font::Font) -> Result<(Vec<u8>, Drawn), ShowError> {
    let cards = || page.groups.iter().flat_map(|group| &group.cards);
    if cards().next().is_none() {
        return Err(ShowError::NoPicture);
    }
    let side = page.size.clamp(32, 4096);
    let most = page.groups.iter().map(|group| group.cards.len()).max().unwrap_or(1);
    let columns = page.columns.clamp(1, 1000).min(most.max(1));
    let wide = side + 2 * FRAME;
    let width = (u64::from(2 * EDGE) + columns as u64 * u64::from(wide + GAP)).max(480);
    // From the top: names, then rows of cards as high as the highest.
    let high = |card: &Card| {
        let picture = card.picture.as_ref().map_or(side / 2, |picture| picture.height.min(side));
        picture + 2 * FRAME + card.said().len() as u32 * LINE + GAP
    };
    let mut y = u64::from(EDGE) + page.title.len() as u64 * u64::from(LINE) + u64::from(GAP);
    let mut texts: Vec<(String, u64)> = Vec::new();
    let mut places: Vec<(&Card, u64, u64)> = Vec::new();
    for group in &page.groups {
        for line in &group.name {
            texts.push((line.clone(), y));
            y += u64::from(LINE);
        }
        for row in group.cards.chunks(columns) {
            places.extend(row.iter().zip(0..).map(|(card, i)| (card, u64::from(EDGE) + i * u64::from(wide + GAP), y)));
            y += u64::from(row.iter().map(high).max().unwrap_or(0));
        }
        y += u64::from(GAP);
    }
    let height = y + u64::from(EDGE);
    if width * height > MOST || width > u64::from(u32::MAX / 2) {
        return Err(ShowError::TooLarge { width, height });
    }
    let (width, height) = (width as u32, height as u32);
    let places: Vec<Placed<'_>> =
        places.into_iter().map(|(card, x, y)| Placed { card, x: x as u32, y: y as u32 }).collect();

    let mut buffer = vec![255; width as usize * height as usize * 3];
    places.iter().for_each(|placed| picture(&mut buffer, width, placed, side));
    let mut missing = Vec::new();
    {
        let root = BitMapBackend::with_buffer(&mut buffer, (width, height)).into_drawing_area();
        // A letter of this font is mostly narrower than half its height; a Japanese one takes two.
        let mut text = |text: &str, (x, y): (u32, u32), room: u32, [r, g, b]: [u8; 3]| {
            let ink = RGBColor(r, g, b).mix(1.0);
            let style = (font.family, 13).into_text_style(&root).color(&ink);
            let text = fit(text, room as usize / 7);
            root.draw_text(&font.drawable(&text, &mut missing), &style, (x as i32, y as i32))
                .map_err(|e| ShowError::Draw(e.to_string()))
        };
        let room = width - 2 * EDGE;
        for (i, line) in page.title.iter().enumerate() {
            let ink = if i == 0 { [0; 3] } else { [0x66; 3] };
            text(line, (EDGE, EDGE + i as u32 * LINE), room, ink)?;
        }
        for (line, y) in &texts {
            text(line, (EDGE, *y as u32), room, [0x22; 3])?;
        }
        for placed in &places {
            let picture = placed.card.picture.as_ref().map_or(side / 2, |picture| picture.height.min(side));
            for (i, line) in (0..).zip(placed.card.said()) {
                let ink = if i == 0 { placed.card.mark.colour() } else { [0x33; 3] };
                text(&line, (placed.x, placed.y + picture + 2 * FRAME + i * LINE + 2), wide, ink)?;
            }
        }
        root.present().map_err(|e| ShowError::Draw(e.to_string()))?;
    }
    let bytes = raster::png(width, height, &buffer)?;
    Ok((bytes, Drawn { width, height, missing }))
}

/// A card's frame and picture; grey where there is none.
fn picture(sheet: &mut [u8], width: u32, placed: &Placed<'_>, side: u32) {
    let blank;
    let tile = match &placed.card.picture {
        Ok(picture) => Tile { width: picture.width, height: picture.height, rgb: &picture.rgb },
        Err(_) => {
            blank = vec![0xdd; (side * (side / 2) * 3) as usize];
            Tile { width: side, height: side / 2, rgb: &blank }
        }
    };
    if tile.width > side || tile.height > side {
        return;
    }
    if placed.card.mark != Mark::Plain {
        let (across, down) = (tile.width + 2 * FRAME, tile.height + 2 * FRAME);
        let rgb = placed.card.mark.colour().repeat((across * down) as usize);
        paste(sheet, width, Tile { width: across, height: down, rgb: &rgb }, placed.x, placed.y);
    }
    paste(sheet, width, tile, placed.x + FRAME, placed.y + FRAME);
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::session::snapshot::Picture;

    pub(in crate::show) fn hostile() -> Vec<String> {
        vec![
            "\u{1b}]0;owned\u{7}\u{1b}[2J".to_owned(),
            "two\nlines\r\tand <script>alert(1)</script> & \"quotes' \u{202e}".to_owned(),
            "純米大吟醸 🍶 𠮷".to_owned(),
            "x".repeat(300),
        ]
    }

    pub(in crate::show) fn card(colour: u8, mark: Mark, lines: &[String]) -> Card {
        let rgb = vec![colour; 40 * 30 * 3];
        Card { picture: Ok(Picture { width: 40, height: 30, rgb: rgb.into() }), mark, lines: lines.to_vec() }
    }

    fn page(cards: Vec<Card>) -> Page {
        let title = vec!["02-arcface".to_owned(), "2 queries".to_owned()];
        Page { title, groups: vec![Group { name: vec!["獺祭".to_owned()], cards }], columns: 2, size: 40 }
    }

    #[test]
    fn pictures_stand_in_frames_of_their_colour() {
        let cards = vec![card(10, Mark::Query, &[]), card(20, Mark::Hit, &[]), card(30, Mark::Miss, &[])];
        let (bytes, drawn) = png(&page(cards), None).unwrap();
        let picture = image::load_from_memory(&bytes).unwrap().to_rgb8();
        assert_eq!((picture.width(), picture.height()), (drawn.width, drawn.height));
        assert_eq!(drawn.missing, ['獺', '祭']);
        let first = EDGE + 3 * LINE + GAP;
        let at = |x: u32, y: u32| picture.get_pixel(x, y).0;
        assert_eq!((at(EDGE, first), at(EDGE + FRAME, first + FRAME)), (Mark::Query.colour(), [10; 3]));
        let second = EDGE + 40 + 2 * FRAME + GAP;
        assert_eq!((at(second, first), at(second + FRAME, first + FRAME)), (Mark::Hit.colour(), [20; 3]));
        let below = first + 30 + 2 * FRAME + LINE + GAP;
        assert_eq!((at(EDGE, below), at(EDGE + FRAME, below + FRAME)), (Mark::Miss.colour(), [30; 3]));
    }

    #[test]
    fn the_mark_is_a_word_too_and_a_lost_picture_says_why() {
        assert_eq!(card(0, Mark::Hit, &["1  0.91".to_owned()]).said(), ["hit  1  0.91"]);
        assert_eq!(card(0, Mark::Miss, &[]).said(), ["miss"]);
        let lost = Card { picture: Err("is not there".to_owned()), mark: Mark::Plain, lines: vec!["p1".to_owned()] };
        assert_eq!(lost.said(), ["p1", "no picture: is not there"]);
        png(&page(vec![lost]), None).unwrap();
    }

    #[test]
    fn hostile_names_are_drawn_or_replaced() {
        let (_, drawn) = png(&page(vec![card(1, Mark::Hit, &hostile()); 3]), None).unwrap();
        assert!(drawn.missing.contains(&'純') && !drawn.missing.iter().any(|c| c.is_control()), "{:?}", drawn.missing);
    }

    #[test]
    fn too_many_and_none_are_refused() {
        let many = Page { size: 4096, columns: 1, ..page(vec![card(1, Mark::Plain, &[]); 2]) };
        let tall = Card { picture: Err(String::new()), mark: Mark::Plain, lines: Vec::new() };
        let many = Page { groups: vec![Group { name: Vec::new(), cards: vec![tall; 40] }], ..many };
        assert!(matches!(png(&many, None), Err(ShowError::TooLarge { .. })));
        assert!(matches!(png(&page(Vec::new()), None), Err(ShowError::NoPicture)));
        let error = write(&page(Vec::new()), Path::new("page.pdf"), None).unwrap_err();
        insta::assert_snapshot!(error, @"page.pdf: a page of photos is written as .png or .html; name the file so");
    }
}
