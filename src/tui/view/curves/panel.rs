//! One panel: curves on two axes.
//!
//! Takes series of (epoch, value) and a place; gives axes with round ticks, the lines, and each
//! line's letter behind its last point. Values that are no numbers leave a gap.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use toji::base::text;
use toji::show::curves::ticks::{self, Tick};

use super::canvas::{Canvas, Pen};
use crate::tui::view::ink::{Ink, Tone, line, put, put_at, styled};

/// One line.
#[derive(Clone, Copy, Debug)]
pub struct Series<'a> {
    /// Names it on the screen.
    pub letter: char,
    /// Its colour.
    pub style: Style,
    /// The pin.
    pub dashed: bool,
    /// Drawn over the others.
    pub front: bool,
    /// (epoch, value) in order of epoch.
    pub points: &'a [[f64; 2]],
}

/// What one panel shows.
#[derive(Debug)]
pub struct Panel<'a> {
    /// The series' name.
    pub title: &'a str,
    /// Logarithmic value axis.
    pub log: bool,
    /// The epoch axis goes at least to here.
    pub epochs: f64,
    /// The lines.
    pub curves: Vec<Series<'a>>,
}

/// Beyond this a value is a fault, not a point of a curve.
const LARGEST: f64 = 1e30;

impl Panel<'_> {
    /// Draws it; with very little room nothing.
    pub fn draw(mut self, ink: Ink, area: Rect, buffer: &mut Buffer) {
        if area.width < 12 || area.height < 4 {
            return;
        }
        let title = format!("{}{}", self.title, if self.log { " (log)" } else { "" });
        let Some((x_range, y_range)) = self.ranges() else {
            let spans = vec![ink.span(&title, Tone::Strong), ink.span("  no points yet", Tone::Faint)];
            return put(buffer, area, 0, &line(spans));
        };
        put(buffer, area, 0, &line(vec![ink.span(&title, Tone::Strong)]));
        let rows = area.height - 3;
        let y_ticks = self.y_ticks(y_range, usize::from(rows / 3).clamp(1, 8));
        let labels =
            y_ticks.iter().map(|t| text::width(&t.1)).max().unwrap_or(0).min(usize::from(area.width / 3)) as u16;
        // Labels, the axis, the plot, a column for the letters.
        let plot = Rect::new(area.x + labels + 1, area.y + 1, area.width - labels - 2, rows);
        axes(ink, area, plot, labels, &y_ticks, |v| self.share(v, y_range), buffer);
        x_axis(ink, area, plot, x_range, buffer);

        // The pin below, the selected recipe above all.
        self.curves.sort_by_key(|c| (c.front, !c.dashed));
        let mut canvas = Canvas::new(plot.width, plot.height, ink.ascii());
        let mut ends = Vec::new();
        for curve in &self.curves {
            let (across, down) = (canvas.dots_across(), canvas.dots_down());
            let place = |[x, y]: [f64; 2]| {
                let right = ((x - x_range.0) / (x_range.1 - x_range.0)).clamp(-1.0, 2.0);
                let up = self.share(y, y_range).clamp(-1.0, 2.0);
                let to = |share: f64, dots: usize| (share * (dots.saturating_sub(1)) as f64).round() as i32;
                (to(right, across), to(1.0 - up, down))
            };
            let pen = Pen { letter: curve.letter, style: curve.style, dashed: curve.dashed };
            for part in curve.points.split(|p| !self.shows(*p)) {
                let dots: Vec<(i32, i32)> = thinned(part, across, |p| place(p).0).into_iter().map(place).collect();
                canvas.polyline(&dots, pen);
            }
            if let Some(last) = curve.points.iter().rev().find(|p| self.shows(**p)) {
                let (x, y) = place(*last);
                let scale = if ink.ascii() { (1, 1) } else { (2, 4) };
                ends.push((x / scale.0 + 1, y / scale.1, curve));
            }
        }
        canvas.draw(plot, buffer);
        letters(&ends, plot, buffer);
    }

    fn shows(&self, [x, y]: [f64; 2]) -> bool {
        x.abs() < LARGEST && y.abs() < LARGEST && (!self.log || y > 0.0)
    }

    /// Epochs and values that the axes span; `None` where there is no point.
    fn ranges(&self) -> Option<((f64, f64), (f64, f64))> {
        let shown = || self.curves.iter().flat_map(|c| c.points).filter(|p| self.shows(**p));
        let last = shown().map(|p| p[0]).reduce(f64::max)?;
        let (low, high) = (shown().map(|p| p[1]).reduce(f64::min)?, shown().map(|p| p[1]).reduce(f64::max)?);
        let end = last.max(if self.epochs < LARGEST { self.epochs } else { 0.0 });
        let x = (0.0, if end > 0.0 { end } else { 1.0 });
        let room = match high - low {
            range if range > 0.0 => range * 0.04,
            _ => (high.abs() * 0.1).max(1e-3),
        };
        let y = match (self.log, low >= 0.0) {
            (true, _) => (low / 1.05, high * 1.05),
            (false, true) => ((low - room).max(0.0), high + room),
            (false, false) => (low - room, high + room),
        };
        Some((x, y))
    }

    /// How high a value lies: 0 at the bottom, 1 at the top.
    fn share(&self, value: f64, (low, high): (f64, f64)) -> f64 {
        match self.log {
            true => (value.ln() - low.ln()) / (high.ln() - low.ln()),
            false => (value - low) / (high - low),
        }
    }

    /// As many as there is room for, but at least two where round numbers allow it.
    fn y_ticks(&self, (low, high): (f64, f64), most: usize) -> Vec<Tick> {
        let ticks = if self.log { ticks::logarithmic(low, high, most) } else { Vec::new() };
        if ticks.len() >= 2 {
            return ticks;
        }
        (most..most + 4).map(|most| ticks::linear(low, high, most)).find(|t| t.len() >= 2).unwrap_or(ticks)
    }
}

/// At most four points a column (first, lowest, highest, last): what is left draws the same line.
fn thinned(points: &[[f64; 2]], across: usize, column: impl Fn([f64; 2]) -> i32) -> Vec<[f64; 2]> {
    if points.len() <= 4 * across {
        return points.to_vec();
    }
    let mut kept = Vec::new();
    for part in points.chunk_by(|a, b| column(*a) == column(*b)) {
        let by_value = |a: &&[f64; 2], b: &&[f64; 2]| a[1].total_cmp(&b[1]);
        let ends = [part.first(), part.iter().min_by(by_value), part.iter().max_by(by_value), part.last()];
        kept.extend(ends.into_iter().flatten());
    }
    kept
}

fn axes(
    ink: Ink,
    area: Rect,
    plot: Rect,
    labels: u16,
    ticks: &[Tick],
    share: impl Fn(f64) -> f64,
    buffer: &mut Buffer,
) {
    let bar = line(vec![ink.span(ink.either("│", "|"), Tone::Faint)]);
    let tick = line(vec![ink.span(ink.either("┤", "+"), Tone::Faint)]);
    for y in 0..plot.height {
        put_at(buffer, area, labels, y + 1, &bar);
    }
    for (value, label) in ticks {
        let y = ((1.0 - share(*value)) * f64::from(plot.height - 1)).round();
        if !(0.0..f64::from(plot.height)).contains(&y) {
            continue;
        }
        let y = y as u16 + 1;
        let label = text::fit(label, usize::from(labels));
        let gap = labels - text::width(&label) as u16;
        put_at(buffer, area, gap, y, &line(vec![ink.span(&label, Tone::Faint)]));
        put_at(buffer, area, labels, y, &tick);
    }
}

fn x_axis(ink: Ink, area: Rect, plot: Rect, (low, high): (f64, f64), buffer: &mut Buffer) {
    let row = plot.bottom() - area.y;
    let corner = plot.x - 1 - area.x;
    let flat = ink.either("─", "-").repeat(usize::from(plot.width));
    put_at(buffer, area, corner, row, &line(vec![ink.span(&format!("{}{flat}", ink.either("└", "+")), Tone::Faint)]));
    // "epoch" stands at the right, ticks keep clear of it and of each other.
    let unit = "epoch";
    let clear = plot.width.saturating_sub(unit.len() as u16 + 1);
    put_at(buffer, area, plot.x - area.x + clear, row + 1, &line(vec![ink.span(unit, Tone::Faint)]));
    let mut free = 0;
    for (value, label) in ticks::linear(low, high, usize::from(plot.width / 8).clamp(1, 12)) {
        let at = ((value - low) / (high - low) * f64::from(plot.width - 1)).round() as u16;
        let wide = text::width(&label) as u16;
        let start = at.saturating_sub(wide / 2);
        if start < free || start + wide >= clear {
            continue;
        }
        free = start + wide + 1;
        put_at(buffer, area, plot.x - area.x + start, row + 1, &line(vec![ink.span(&label, Tone::Faint)]));
        put_at(buffer, area, plot.x - area.x + at, row, &line(vec![ink.span(ink.either("┴", "+"), Tone::Faint)]));
    }
}

/// Each curve's letter right of its end, in the next free row.
fn letters(ends: &[(i32, i32, &Series<'_>)], plot: Rect, buffer: &mut Buffer) {
    let mut taken = Vec::new();
    for (x, y, curve) in ends {
        let x = (*x).clamp(0, i32::from(plot.width));
        let near = [0, -1, 1, -2, 2, -3, 3].into_iter().map(|d| y + d);
        let free = near.into_iter().find(|y| (0..i32::from(plot.height)).contains(y) && !taken.contains(&(x, *y)));
        let Some(y) = free else { continue };
        taken.push((x, y));
        let label = line(vec![styled(&curve.letter.to_string(), curve.style.add_modifier(Modifier::BOLD))]);
        let place = Rect { width: plot.width + 1, ..plot };
        put_at(buffer, place, x as u16, y as u16, &label);
    }
}
