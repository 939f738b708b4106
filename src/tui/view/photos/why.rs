//! Why an answer stands where it does: both photos, and which places make them alike.
//!
//! The photos stand beside each other, lit by what each place adds, with a number at each of the places that are nearest to each other: text over the
//! pictures, so that it can be read whatever draws them. Below, the same in words, all there is where pictures are off. Until the network has been
//! asked the photos show as they are.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use toji::session::errands::looking::loader::Size;
use toji::session::errands::looking::why::Why;
use toji::show::sheet::places;

use super::{Camera, Item, items, texts};
use crate::tui::model::why::Shown;
use crate::tui::model::{Model, Popup};
use crate::tui::terminal::graphics::Framed;
use crate::tui::terminal::way::Protocol;
use crate::tui::view::ink::{Ink, Tone};

/// The query and the answer that is asked about; and its place among the items.
pub fn both(model: &Model) -> Option<(Item, Item, usize)> {
    let Some(Popup::Why { at, .. }) = &model.popup else { return None };
    let mut all = items(model);
    let at = (*at).clamp(1, all.len().saturating_sub(1).max(1));
    if at >= all.len() {
        return None;
    }
    let answer = all.swap_remove(at);
    Some((all.swap_remove(0), answer, at))
}

/// Draws it over the whole body.
pub fn draw(model: &Model, ink: Ink, body: Rect, buffer: &mut Buffer) -> Vec<Framed> {
    let (Some((query, answer, _)), Some(Popup::Why { lit, .. })) = (both(model), &model.popup) else {
        return Vec::new();
    };
    let known = model.why_wish().map(|wish| model.whys.get(&wish));
    let mut said = answer.long.clone();
    // Its file is no reason.
    said.truncate(said.len().saturating_sub(1).max(1));
    // Behind the answer's own line, before names that may be long.
    let told = said.len().min(1);
    let shown = match known {
        None => {
            said.insert(told, ("there is no photo to compare".to_owned(), Tone::Care));
            None
        }
        Some(None) => {
            said.insert(told, ("both photos are shown to the network that answered …".to_owned(), Tone::Faint));
            None
        }
        Some(Some(Err(why))) => {
            said.insert(told, (why.clone(), Tone::Care));
            None
        }
        Some(Some(Ok(shown))) => {
            let lines = places::told(&shown.why).into_iter().map(|line| (line, Tone::Plain));
            said.splice(.., lines.chain(said.clone().into_iter().skip(1)));
            // Which pairs these are comes before all that can be seen elsewhere, too.
            let pairs = places::pairs(&shown.why).into_iter().map(|line| (line, Tone::Faint));
            said.splice(2..2, pairs);
            Some(shown)
        }
    };
    if ink.way.protocol == Protocol::Off || body.width < 2 * LEAST + 1 || body.height < 6 {
        texts(&said, ink, body, buffer);
        return Vec::new();
    }
    let wide = (body.width - 1) / 2;
    let needed = said
        .iter()
        .map(|(text, _)| toji::base::text::width(text).div_ceil(usize::from(body.width)).max(1))
        .sum::<usize>();
    // As high as two square photos need, at most two thirds.
    let square = u32::from(wide) * u32::from(ink.way.cell.0) / u32::from(ink.way.cell.1.max(1));
    let high = (square.max(1) as u16)
        .min(body.height * 2 / 3)
        .max(body.height.saturating_sub(needed as u16).min(square as u16));
    let left = Rect { width: wide, height: high, ..body };
    let right = Rect { x: body.x + wide + 1, ..left };
    let mut camera = Camera::new(model, ink);
    match shown {
        Some(Shown { why, boxes, lit: light }) => {
            let pictures = if *lit { light } else { boxes };
            for (side, (picture, area)) in pictures.iter().zip([left, right]).enumerate() {
                let place = camera.picture(picture, area, buffer);
                numbers(why, side, place, buffer);
            }
        }
        None => {
            camera.draw(&query, Size::Small, left, buffer);
            camera.draw(&answer, Size::Small, right, buffer);
        }
    }
    let below = Rect { y: body.y + high, height: body.height - high, ..body };
    texts(&said, ink, below, buffer);
    camera.framed()
}

/// Photos of fewer columns show nothing.
const LEAST: u16 = 8;

/// The pairs' numbers at their places; where one stands already, beside it.
fn numbers(why: &Why, side: usize, picture: Rect, buffer: &mut Buffer) {
    let [rows, columns] = why.map.map(|count| count.max(1) as u32);
    let mut taken: Vec<(u16, u16)> = Vec::new();
    for (pair, number) in why.pairs.iter().zip(1_u32..=9) {
        let [row, column] = if side == 0 { pair.query } else { pair.answer }.map(|at| at as u32);
        // The middle of the place.
        let x = picture.x + ((2 * column + 1) * u32::from(picture.width) / (2 * columns)) as u16;
        let y = picture.y + ((2 * row + 1) * u32::from(picture.height) / (2 * rows)) as u16;
        let near = [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1), (2, 0), (-2, 0)];
        let free = near.into_iter().find_map(|(right, down)| {
            let at = (x.checked_add_signed(right)?, y.checked_add_signed(down)?);
            (picture.contains(at.into()) && !taken.contains(&at)).then_some(at)
        });
        let Some((x, y)) = free else { continue };
        taken.push((x, y));
        if let Some(cell) = buffer.cell_mut((x, y)) {
            cell.reset();
            let sign = char::from_digit(number, 10).unwrap_or('?');
            cell.set_char(sign).set_style(Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD));
        }
    }
}
