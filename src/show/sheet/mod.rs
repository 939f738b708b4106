//! A contact sheet: rows of pictures with names, as a PNG.
//!
//! Takes rows, each a name and pictures of 8 bits a channel; gives a page with a title and a word over each
//! column. Pictures are shown pixel by pixel, large ones shrunk beforehand by whoever brings them.
//!
//! Photos that each have something to say (a label, a rank, hit or miss) are set by [`page`], as a PNG or, by [`html`], as a page
//! for a browser. [`places`] draws into two of them what makes them alike.

pub mod html;
pub mod page;
pub mod places;

use std::path::Path;

use plotters::prelude::{BitMapBackend, IntoDrawingArea};
use plotters::style::{BLACK, Color, IntoTextStyle};

use super::{ShowError, font, raster};
use crate::base::files::publish;

/// A picture on the sheet: red, green, blue, row after row.
#[derive(Clone, Copy, Debug)]
pub struct Tile<'a> {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// 3 × width × height numbers.
    pub rgb: &'a [u8],
}

/// One row of a sheet.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    /// What stands over its pictures.
    pub name: String,
    /// Its pictures, from the left.
    pub tiles: Vec<Tile<'a>>,
}

/// What was drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
    /// Characters for which the font has no glyph, each once.
    pub missing: Vec<char>,
}

/// Pixels around everything.
const EDGE: u32 = 12;
/// Pixels between pictures.
const GAP: u32 = 6;
/// Height of a line of text.
const LINE: u32 = 18;
/// Least width, for the title's sake.
const NARROWEST: u32 = 480;

/// Draws the sheet into a `.png` file. `font` is a TrueType or OpenType file for names that the built-in Latin font
/// cannot draw.
///
/// # Errors
/// When there is no picture, the ending is another, the font is unusable or the file cannot be written.
pub fn write(
    title: &[String],
    columns: &[String],
    rows: &[Row<'_>],
    out: &Path,
    font: Option<&Path>,
) -> Result<Drawn, ShowError> {
    if out.extension().and_then(|ending| ending.to_str()) != Some("png") {
        return Err(ShowError::NotPng { path: out.to_owned() });
    }
    let (bytes, drawn) = png(title, columns, rows, font)?;
    publish(out, &bytes)?;
    Ok(drawn)
}

/// The sheet as the bytes of a PNG.
///
/// # Errors
/// When there is no picture or the font is unusable.
pub fn png(
    title: &[String],
    columns: &[String],
    rows: &[Row<'_>],
    font: Option<&Path>,
) -> Result<(Vec<u8>, Drawn), ShowError> {
    let built_in = font::built_in()?;
    let given = font.map(font::given).transpose()?;
    let font = given.as_ref().unwrap_or(built_in);
    let tiles = || rows.iter().flat_map(|row| &row.tiles);
    let wide = tiles().map(|tile| tile.width).max().ok_or(ShowError::NoPicture)?;
    let most = rows.iter().map(|row| row.tiles.len()).max().unwrap_or(0) as u32;
    let width = (2 * EDGE + most * (wide + GAP)).max(NARROWEST);
    // Words that are not there take no room.
    let name = |row: &Row<'_>| if row.name.is_empty() { 0 } else { LINE };
    let high = |row: &Row<'_>| row.tiles.iter().map(|tile| tile.height).max().unwrap_or(0) + name(row) + GAP;
    let over = if columns.iter().all(String::is_empty) { GAP } else { LINE };
    let head = EDGE + title.len() as u32 * LINE + over;
    let height = head + rows.iter().map(high).sum::<u32>() + EDGE;

    let mut buffer = vec![255; width as usize * height as usize * 3];
    let mut missing = Vec::new();
    {
        let root = BitMapBackend::with_buffer(&mut buffer, (width, height)).into_drawing_area();
        let mut text = |text: &str, x: u32, y: u32, strong: bool| {
            let ink = BLACK.mix(if strong { 1.0 } else { 0.6 });
            let style = (font.family, 13).into_text_style(&root).color(&ink);
            root.draw_text(&font.drawable(text, &mut missing), &style, (x as i32, y as i32))
                .map_err(|e| ShowError::Draw(e.to_string()))
        };
        for (i, line) in title.iter().enumerate() {
            text(line, EDGE, EDGE + i as u32 * LINE, i == 0)?;
        }
        for (i, word) in columns.iter().enumerate().filter(|(_, word)| !word.is_empty()) {
            text(word, EDGE + i as u32 * (wide + GAP), head - LINE, false)?;
        }
        let mut y = head;
        for row in rows {
            if !row.name.is_empty() {
                text(&row.name, EDGE, y + 2, false)?;
            }
            y += high(row);
        }
        root.present().map_err(|e| ShowError::Draw(e.to_string()))?;
    }
    let mut y = head;
    for row in rows {
        for (i, tile) in row.tiles.iter().enumerate() {
            paste(&mut buffer, width, *tile, EDGE + i as u32 * (wide + GAP), y + name(row));
        }
        y += high(row);
    }
    let bytes = raster::png(width, height, &buffer)?;
    Ok((bytes, Drawn { width, height, missing }))
}

/// Copies a picture's rows into the sheet, whose rows are `width` pixels.
fn paste(sheet: &mut [u8], width: u32, tile: Tile<'_>, x: u32, y: u32) {
    let bytes = tile.width as usize * 3;
    if bytes == 0 || tile.rgb.len() != bytes * tile.height as usize {
        return;
    }
    for (line, row) in tile.rgb.chunks_exact(bytes).enumerate() {
        let at = ((y as usize + line) * width as usize + x as usize) * 3;
        if let Some(place) = sheet.get_mut(at..at + bytes) {
            place.copy_from_slice(row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_stand_where_they_belong() {
        let red = [200, 0, 0].repeat(6);
        let blue = [0, 0, 200].repeat(4);
        let rows = [
            Row { name: "a".into(), tiles: vec![Tile { width: 3, height: 2, rgb: &red }] },
            Row {
                name: "日本酒".into(),
                tiles: vec![Tile { width: 2, height: 2, rgb: &blue }, Tile { width: 3, height: 2, rgb: &red }],
            },
        ];
        let (bytes, drawn) = png(&["title".into()], &["photo".into(), "1".into()], &rows, None).unwrap();
        let picture = image::load_from_memory(&bytes).unwrap().to_rgb8();
        assert_eq!((picture.width(), picture.height()), (drawn.width, drawn.height));
        assert_eq!(drawn.missing, ['日', '本', '酒']);
        let head = EDGE + 2 * LINE;
        assert_eq!(picture.get_pixel(EDGE + 2, head + LINE + 1).0, [200, 0, 0]);
        let second = head + 2 + LINE + GAP + LINE;
        assert_eq!(picture.get_pixel(EDGE, second).0, [0, 0, 200]);
        assert_eq!(picture.get_pixel(EDGE + 3 + GAP, second).0, [200, 0, 0]);
        assert_eq!(picture.get_pixel(EDGE + 2, second).0, [255, 255, 255]);
    }

    #[test]
    fn words_that_are_not_there_take_no_room() {
        let red = [200, 0, 0].repeat(6);
        let rows = || vec![Row { name: String::new(), tiles: vec![Tile { width: 3, height: 2, rgb: &red }] }; 2];
        let (bytes, drawn) = png(&["title".into()], &[], &rows(), None).unwrap();
        let picture = image::load_from_memory(&bytes).unwrap().to_rgb8();
        assert_eq!(drawn.height, 2 * EDGE + LINE + GAP + 2 * (2 + GAP));
        let first = EDGE + LINE + GAP;
        assert_eq!(picture.get_pixel(EDGE, first).0, [200, 0, 0]);
        assert_eq!(picture.get_pixel(EDGE, first + 2 + GAP).0, [200, 0, 0]);
        let empty = png(&["title".into()], &vec![String::new(); 3], &rows(), None).unwrap().1;
        assert_eq!(empty, drawn);
    }

    #[test]
    fn nothing_and_other_endings_are_refused() {
        assert!(matches!(png(&[], &[], &[], None), Err(ShowError::NoPicture)));
        let error = write(&[], &[], &[], Path::new("sheet.svg"), None).unwrap_err();
        insta::assert_snapshot!(error, @"sheet.svg: a contact sheet is written as .png; name the file so");
    }
}
