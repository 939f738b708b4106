//! The report's own plots: values with their intervals, bars, and two scores against each other.
//!
//! Takes numbers with their names; draws them on any plotters backend. One row a name, so that long names and Japanese ones have room; what a colour
//! says stands there as a number too. Curves are drawn by [`crate::show::curves`].

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use crate::base::text::{fit, plain, width as columns};
use crate::show::ShowError;
use crate::show::canvas::{Drawable, Drawing};
use crate::show::curves::axis::Scale;
use crate::show::curves::draw::{AXIS, Brush, GRID, INK, QUIET};
use crate::show::curves::ticks;

/// What a row or a point says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Nothing beside its number.
    #[default]
    Plain,
    /// Better, for certain.
    Good,
    /// Worse, for certain.
    Bad,
    /// It is there, and not the point.
    Quiet,
}

impl Tone {
    fn colour(self) -> RGBColor {
        // Okabe and Ito's: told apart by eyes of all kinds.
        match self {
            Tone::Plain => RGBColor(0x00, 0x72, 0xb2),
            Tone::Good => RGBColor(0x00, 0x9e, 0x73),
            Tone::Bad => RGBColor(0xd5, 0x5e, 0x00),
            Tone::Quiet => RGBColor(0x88, 0x88, 0x88),
        }
    }
}

/// A value under its name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// What has this value.
    pub name: String,
    /// The value.
    pub value: f64,
    /// Its interval.
    pub interval: Option<[f64; 2]>,
    /// The value as text.
    pub text: String,
    /// What it says.
    pub tone: Tone,
}

/// How values stand in their rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A dot with its interval.
    Dot,
    /// A bar from zero.
    Bar,
}

/// Values in rows, along one axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    /// What the axis measures.
    pub axis: String,
    /// How values stand there.
    pub mark: Mark,
    /// Whether zero belongs to the axis, with a line through all rows.
    pub zero: bool,
    /// The rows, from the top.
    pub rows: Vec<Row>,
}

/// A point of two scores.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Point {
    /// What it is.
    pub name: String,
    /// To the right, with its interval.
    pub x: f64,
    /// The interval of that.
    pub across: Option<[f64; 2]>,
    /// Upwards.
    pub y: f64,
    /// What it says.
    pub tone: Tone,
}

/// Two scores of the same things against each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Scatter {
    /// What runs to the right.
    pub x: String,
    /// What runs upwards.
    pub y: String,
    /// The points.
    pub points: Vec<Point>,
    /// A line through them: slope and zero.
    pub line: Option<[f64; 2]>,
}

/// Points across a plot.
const WIDTH: u32 = 760;
/// Points down a row.
const ROW: u32 = 26;
/// Points below the rows, for the axis.
const FOOT: u32 = 46;
/// Points above them.
const HEAD: u32 = 10;
/// The size of its text.
const TEXT: f64 = 15.0;

fn failed(error: impl std::fmt::Display) -> ShowError {
    ShowError::Draw(error.to_string())
}

/// The least stretch that holds all numbers, with some air; `None` where none is finite.
fn stretch(numbers: impl Iterator<Item = f64>, zero: bool) -> Option<Scale> {
    let finite = numbers.filter(|number| number.is_finite()).chain(zero.then_some(0.0));
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
    if low > high {
        return None;
    }
    let air = ((high - low) * 0.06).max(high.abs().max(low.abs()) * 1e-6).max(1e-9);
    Scale::new(if zero && low == 0.0 { 0.0 } else { low - air }, high + air, false)
}

/// A text of a plot, plain and drawable.
fn said(drawable: &mut dyn FnMut(&str) -> String, text: &str, most: usize) -> String {
    drawable(&fit(&plain(text), most))
}

impl Drawing for Rows {
    fn size(&self) -> (u32, u32) {
        (WIDTH, HEAD + ROW * self.rows.len().max(1) as u32 + FOOT)
    }

    fn draw<DB: DrawingBackend>(
        &self,
        root: &DrawingArea<DB, Shift>,
        brush: &Brush,
        drawable: Drawable<'_>,
    ) -> Result<(), ShowError> {
        root.fill(&WHITE).map_err(failed)?;
        let ends = |row: &Row| [row.value].into_iter().chain(row.interval.into_iter().flatten());
        let is_bar = self.mark == Mark::Bar;
        if self.rows.is_empty() {
            return Ok(());
        }
        let Some(scale) = stretch(self.rows.iter().flat_map(ends), self.zero || is_bar) else { return Ok(()) };
        let widest = |of: &dyn Fn(&Row) -> usize| self.rows.iter().map(of).max().unwrap_or(0) as u32;
        // A letter takes about half its size, a Japanese one all of it.
        let names = (widest(&|row| columns(&row.name)) * 8 + 20).clamp(60, 300);
        let texts = (widest(&|row| columns(&row.text)) * 8 + 16).clamp(20, 250);
        let (left, right) = (brush.at(names), brush.at(WIDTH - texts));
        let at = |value: f64| left + (scale.share(value).clamp(-0.02, 1.02) * f64::from(right - left)).round() as i32;
        let bottom = brush.at(HEAD + ROW * self.rows.len() as u32);
        foot(root, brush, drawable, scale, (left, right), (brush.at(HEAD), bottom), &self.axis)?;
        if self.zero {
            let line = vec![(at(0.0), brush.at(HEAD)), (at(0.0), bottom)];
            root.draw(&PathElement::new(line, brush.line(QUIET, 1.0, 12))).map_err(failed)?;
        }
        for (i, row) in self.rows.iter().enumerate() {
            let y = brush.at(HEAD + ROW * i as u32 + ROW / 2);
            let (ink, colour) = (if row.tone == Tone::Quiet { QUIET } else { INK }, row.tone.colour());
            let name = said(drawable, &row.name, names as usize / 8);
            let style = brush.text(TEXT, ink, HPos::Right, VPos::Center);
            root.draw(&Text::new(name, (left - brush.at(10), brush.sunk(y, TEXT)), style)).map_err(failed)?;
            let text = said(drawable, &row.text, texts as usize / 8);
            let style = brush.text(TEXT, ink, HPos::Left, VPos::Center);
            root.draw(&Text::new(text, (right + brush.at(10), brush.sunk(y, TEXT)), style)).map_err(failed)?;
            if !row.value.is_finite() {
                continue;
            }
            if is_bar {
                let corners = [(at(0.0), y - brush.at(8)), (at(row.value).max(at(0.0) + 1), y + brush.at(8))];
                root.draw(&Rectangle::new(corners, colour.filled())).map_err(failed)?;
                continue;
            }
            if let Some([low, high]) = row.interval {
                let line = vec![(at(low), y), (at(high), y)];
                root.draw(&PathElement::new(line, brush.line(colour, 1.0, 22))).map_err(failed)?;
                for end in [low, high] {
                    let cap = vec![(at(end), y - brush.at(4)), (at(end), y + brush.at(4))];
                    root.draw(&PathElement::new(cap, brush.line(colour, 1.0, 16))).map_err(failed)?;
                }
            }
            root.draw(&Circle::new((at(row.value), y), brush.at(9) / 2, colour.filled())).map_err(failed)?;
        }
        Ok(())
    }
}

/// The axis below, with lines up through the plot.
fn foot<DB: DrawingBackend>(
    root: &DrawingArea<DB, Shift>,
    brush: &Brush,
    drawable: &mut dyn FnMut(&str) -> String,
    scale: Scale,
    (left, right): (i32, i32),
    (top, bottom): (i32, i32),
    title: &str,
) -> Result<(), ShowError> {
    for (value, text) in ticks::numbers(scale, 6) {
        let x = left + (scale.share(value) * f64::from(right - left)).round() as i32;
        let line = vec![(x, top), (x, bottom)];
        root.draw(&PathElement::new(line, brush.line(GRID, 1.0, 10))).map_err(failed)?;
        let style = brush.text(13.0, QUIET, HPos::Center, VPos::Center);
        let place = (x, brush.sunk(bottom + brush.at(11), 13.0));
        root.draw(&Text::new(text, place, style)).map_err(failed)?;
    }
    let line = vec![(left, bottom), (right, bottom)];
    root.draw(&PathElement::new(line, brush.line(AXIS, 1.0, 10))).map_err(failed)?;
    let style = brush.text(14.0, QUIET, HPos::Center, VPos::Center);
    let place = ((left + right) / 2, brush.sunk(bottom + brush.at(31), 14.0));
    root.draw(&Text::new(said(drawable, title, 70), place, style)).map_err(failed)
}

impl Drawing for Scatter {
    fn size(&self) -> (u32, u32) {
        (WIDTH, 420)
    }

    fn draw<DB: DrawingBackend>(
        &self,
        root: &DrawingArea<DB, Shift>,
        brush: &Brush,
        drawable: Drawable<'_>,
    ) -> Result<(), ShowError> {
        root.fill(&WHITE).map_err(failed)?;
        let across = |point: &Point| [point.x].into_iter().chain(point.across.into_iter().flatten());
        let x = stretch(self.points.iter().flat_map(across), false);
        let y = stretch(self.points.iter().map(|point| point.y), false);
        let (Some(x), Some(y)) = (x, y) else { return Ok(()) };
        let (width, height) = self.size();
        let (left, right) = (brush.at(80), brush.at(width - 30));
        let (top, bottom) = (brush.at(34), brush.at(height - FOOT));
        let at_x = |value: f64| left + (x.share(value) * f64::from(right - left)).round() as i32;
        let at_y = |value: f64| bottom - (y.share(value) * f64::from(bottom - top)).round() as i32;
        foot(root, brush, drawable, x, (left, right), (top, bottom), &self.x)?;
        for (value, text) in ticks::numbers(y, 6) {
            let line = vec![(left, at_y(value)), (right, at_y(value))];
            root.draw(&PathElement::new(line, brush.line(GRID, 1.0, 10))).map_err(failed)?;
            let style = brush.text(13.0, QUIET, HPos::Right, VPos::Center);
            let place = (left - brush.at(8), brush.sunk(at_y(value), 13.0));
            root.draw(&Text::new(text, place, style)).map_err(failed)?;
        }
        let style = brush.text(14.0, QUIET, HPos::Left, VPos::Center);
        let place = (brush.at(10), brush.sunk(brush.at(16), 14.0));
        root.draw(&Text::new(said(drawable, &self.y, 80), place, style)).map_err(failed)?;
        if let Some([slope, zero]) = self.line {
            // Where it leaves the plane.
            let of = |x: f64| slope * x + zero;
            let mut ends: Vec<(f64, f64)> = [x.low, x.high].map(|x| (x, of(x))).to_vec();
            if slope != 0.0 {
                ends.extend([y.low, y.high].map(|y| ((y - zero) / slope, y)));
            }
            let inside = |(a, b): &(f64, f64)| {
                let within = |scale: Scale, value: f64| (-1e-9..=1.0 + 1e-9).contains(&scale.share(value));
                within(x, *a) && within(y, *b)
            };
            let mut ends: Vec<(f64, f64)> = ends.into_iter().filter(inside).collect();
            ends.sort_by(|a, b| a.0.total_cmp(&b.0));
            if let (Some(first), Some(last)) = (ends.first(), ends.last()) {
                let line = vec![(at_x(first.0), at_y(first.1)), (at_x(last.0), at_y(last.1))];
                root.draw(&PathElement::new(line, brush.line(QUIET, 0.8, 14))).map_err(failed)?;
            }
        }
        for point in self.points.iter().filter(|point| point.x.is_finite() && point.y.is_finite()) {
            let (colour, place) = (point.tone.colour(), (at_x(point.x), at_y(point.y)));
            if let Some([low, high]) = point.across {
                let line = vec![(at_x(low), place.1), (at_x(high), place.1)];
                root.draw(&PathElement::new(line, brush.line(colour, 0.5, 14))).map_err(failed)?;
            }
            root.draw(&Circle::new(place, brush.at(5), colour.filled())).map_err(failed)?;
            let is_right = x.share(point.x) > 0.7;
            let (side, shift) = if is_right { (HPos::Right, -9) } else { (HPos::Left, 9) };
            let name = said(drawable, &point.name, 28);
            let style = brush.text(13.0, INK, side, VPos::Center);
            let place = (place.0 + shift * brush.scale, brush.sunk(place.1 - brush.at(11), 13.0));
            root.draw(&Text::new(name, place, style)).map_err(failed)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::canvas;

    fn row(name: &str, value: f64, interval: Option<[f64; 2]>) -> Row {
        Row { name: name.to_owned(), value, interval, text: format!("{value:+.2}"), tone: Tone::Good }
    }

    #[test]
    fn values_stand_where_their_numbers_say() {
        let rows = vec![row("獺祭 <b>", 1.0, Some([0.5, 1.5])), row("b", -1.0, None), row("c", f64::NAN, None)];
        let text = canvas::svg(&Rows { axis: "Δ".into(), mark: Mark::Dot, zero: true, rows }).unwrap();
        assert!(text.contains("獺祭 &lt;b&gt;") && text.contains("+1.00"), "{text}");
        let circles: Vec<f64> = text
            .split("<circle ")
            .skip(1)
            .map(|circle| circle.split("cx=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap())
            .collect();
        let &[right, left] = circles.as_slice() else { panic!("{circles:?}: a number that is none has no dot") };
        assert!(left < right);
    }

    #[test]
    fn bars_begin_at_zero_and_nothing_is_drawn_of_nothing() {
        let bars = |rows| Rows { axis: "seconds".into(), mark: Mark::Bar, zero: false, rows };
        let text = canvas::svg(&bars(vec![row("fit", 10.0, None), row("rank", 0.0, None)])).unwrap();
        let widths: Vec<u32> = text
            .split("<rect ")
            .filter(|rect| rect.contains("#009E73"))
            .map(|rect| rect.split("width=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap())
            .collect();
        assert!(widths.len() == 2 && widths[0] > 100 * widths[1], "{widths:?}");
        assert!(!canvas::svg(&bars(Vec::new())).unwrap().contains("<text"));
    }

    #[test]
    fn points_and_their_line_stay_in_the_plane() {
        let point =
            |x: f64, y: f64| Point { name: "p".into(), x, y, across: Some([x - 0.01, x + 0.01]), tone: Tone::Plain };
        let points = vec![point(0.2, 0.3), point(0.4, 0.5), point(0.3, f64::NAN)];
        let plot = Scatter { x: "CV".into(), y: "LB".into(), points, line: Some([40.0, -7.0]) };
        let text = canvas::svg(&plot).unwrap();
        assert_eq!(text.matches("<circle ").count(), 2);
        let places: Vec<f64> = text
            .split("points=\"")
            .skip(1)
            .flat_map(|list| list.split('"').next().unwrap().split([' ', ',']).filter(|n| !n.is_empty()))
            .map(|n| n.parse().unwrap())
            .collect();
        assert!(places.iter().all(|n| (0.0..=f64::from(WIDTH) * 8.0).contains(n)), "{places:?}");
    }
}
