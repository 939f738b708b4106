//! One photo large, with all that is said about it.
//!
//! The photo takes what the lines below it leave; where pictures are off, the lines stand alone.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use toji::session::errands::looking::loader::Size;

use super::{Camera, items, texts};
use crate::tui::model::{Model, Popup};
use crate::tui::terminal::graphics::Framed;
use crate::tui::terminal::way::Protocol;
use crate::tui::view::ink::{Ink, Tone};

/// Draws it over the whole body.
pub fn draw(model: &Model, ink: Ink, body: Rect, buffer: &mut Buffer) -> Vec<Framed> {
    let mut camera = Camera::new(model, ink);
    let items = items(model);
    let Some(Popup::Zoom { at }) = &model.popup else { return Vec::new() };
    let at = (*at).min(items.len().saturating_sub(1));
    let Some(item) = items.get(at) else { return Vec::new() };
    let mut said = item.long.clone();
    if let Some(first) = said.first_mut() {
        first.0 = format!("{}/{}  {}", at + 1, items.len(), first.0);
    }
    if ink.way.protocol == Protocol::Off {
        said.push(("pictures are off (TOJI_PICTURES)".to_owned(), Tone::Faint));
        texts(&said, ink, body, buffer);
        return Vec::new();
    }
    // Text has at most a third of the screen.
    let most = if body.height >= 9 { (body.height / 3).min(6) } else { body.height.min(2) };
    let wide = usize::from(body.width.max(1));
    let needed: usize = said.iter().map(|(text, _)| toji::base::text::width(text).div_ceil(wide).max(1)).sum();
    let rows = most.min(u16::try_from(needed).unwrap_or(most));
    let high = body.height - rows.min(body.height);
    let below = Rect { y: body.y + high, height: body.height - high, ..body };
    texts(&said, ink, below, buffer);
    camera.draw(item, Size::Large, Rect { height: high, ..body }, buffer);
    camera.framed()
}
