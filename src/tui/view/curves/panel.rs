//! One chart in cells: axes with round ticks, the lines, the crosshair.
//!
//! Takes a settled chart; gives cells. Each line's letter stands behind its last point. Where lines are smoothed, what was told lies behind
//! them, fainter and dotted. A line keeps the envelope of its points in every column. Values that are no numbers leave a gap.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use toji::base::text;
use toji::show::curves::axis::{By, Scale};
use toji::show::curves::{thin, ticks};

use super::canvas::{Canvas, Pen};
use super::chart::{Charted, Strand};
use crate::tui::model::curves::Hair;
use crate::tui::view::ink::{Ink, Tone, line, put, put_at, styled};

/// What a chart is told beside its lines.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// Before the title.
    pub mark: &'a str,
    /// By what it runs to the right.
    pub by: By,
    /// The weight of smoothing.
    pub weight: f64,
    /// The crosshair.
    pub hair: Option<Hair>,
    /// Whether the crosshair's height counts here.
    pub crossed: bool,
}

/// Below so many columns a title has room for little.
const BRIEF: u16 = 50;

/// Draws it; with very little room nothing.
pub fn draw(chart: &Charted<'_>, look: Look<'_>, ink: Ink, buffer: &mut Buffer) {
    let (area, plot) = (chart.area, chart.plot);
    if area.width < 12 || area.height < 4 {
        return;
    }
    // Where there is little room the numbers under the crosshair come before what is said of the axis.
    let brief = area.width < BRIEF && look.hair.is_some();
    let told = if brief { chart.series.title.clone() } else { titled(chart, look) };
    let mut title = vec![ink.span(look.mark, Tone::Strong), ink.span(&told, Tone::Strong)];
    let (Some(x), Some(y)) = (chart.x, chart.y) else {
        title.push(ink.span("  no points yet", Tone::Faint));
        return put(buffer, area, 0, &line(title));
    };
    if let Some(hair) = look.hair {
        let (at, gap) = if brief { (" ", " ") } else { ("  at ", "  ") };
        title.push(ink.span(&format!("{at}{}", ticks::place(look.by, hair.x)), Tone::Faint));
        for (letter, style, _, value) in chart.values(hair.x) {
            title.push(styled(&format!("{gap}{letter} "), style.add_modifier(Modifier::BOLD)));
            title.push(ink.span(&chart.series.value(value), Tone::Plain));
        }
    }
    put(buffer, area, 0, &line(title));
    left_axis(chart, y, ink, buffer);
    lower_axis(chart, x, look.by, ink, buffer);

    let mut canvas = Canvas::new(plot.width, plot.height, ink.ascii());
    // The pin below, the selected recipe above all; what was told behind what is smoothed.
    let mut strands: Vec<&Strand<'_>> = chart.strands.iter().collect();
    strands.sort_by_key(|strand| (strand.front, !strand.dashed));
    for strand in strands.iter().filter(|strand| strand.smooth.is_some()) {
        let pen = Pen { letter: '.', style: strand.style.add_modifier(Modifier::DIM), dashed: false };
        polyline(&strand.raw, x, y, pen, &mut canvas);
    }
    let mut ends = Vec::new();
    for strand in &strands {
        let pen = Pen { letter: strand.letter, style: strand.style, dashed: strand.dashed };
        polyline(strand.points(), x, y, pen, &mut canvas);
        let seen = |p: &&[f64; 2]| holds(**p, x, y) && p[0] <= x.high;
        if let Some(last) = strand.points().iter().rev().find(seen).filter(|p| p[0] >= x.low) {
            let (across, down) = dots([x.share(last[0]), y.share(last[1])], &canvas);
            let scale = if ink.ascii() { (1, 1) } else { (2, 4) };
            ends.push((across / scale.0 + 1, down / scale.1, *strand));
        }
    }
    canvas.draw(plot, buffer);
    if let Some(hair) = look.hair {
        crosshair(hair, look.crossed, x, plot, ink, buffer);
    }
    letters(&ends, plot, buffer);
}

/// "loss (log, smoothed 0.9)", "memory (GB)".
fn titled(chart: &Charted<'_>, look: Look<'_>) -> String {
    let mut notes: Vec<String> = Vec::new();
    if !chart.unit.1.is_empty() {
        notes.push(chart.unit.1.to_owned());
    }
    if chart.log {
        notes.push("log".to_owned());
    }
    if look.weight > 0.0 {
        notes.push(format!("smoothed {}", look.weight));
    }
    let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) };
    format!("{}{notes}", chart.series.title)
}

fn holds([place, value]: [f64; 2], x: Scale, y: Scale) -> bool {
    Scale::can_hold(place, x.log) && Scale::can_hold(value, y.log)
}

/// Dots from the left and from the top; far outside where a point is.
fn dots([right, up]: [f64; 2], canvas: &Canvas) -> (i32, i32) {
    let to = |share: f64, dots: usize| (share.clamp(-20.0, 20.0) * (dots.saturating_sub(1)) as f64).round() as i32;
    (to(right, canvas.dots_across()), to(1.0 - up, canvas.dots_down()))
}

/// A line with its gaps.
fn polyline(points: &[[f64; 2]], x: Scale, y: Scale, pen: Pen, canvas: &mut Canvas) {
    let last = (canvas.dots_across().saturating_sub(1)) as f64;
    for piece in points.split(|p| !holds(*p, x, y)) {
        let near = thin::within(piece, x.low, x.high);
        let column = |place: f64| (x.share(place) * last).round() as i64;
        let shares: Vec<[f64; 2]> =
            thin::thinned(near, column).iter().map(|p| [x.share(p[0]), y.share(p[1])]).collect();
        let seen: Vec<(i32, i32)> = cut(&shares).iter().map(|share| dots(*share, canvas)).collect();
        canvas.polyline(&seen, pen);
    }
}

/// A line of ascending shares, cut where it leaves the chart at the left and right.
fn cut(shares: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let mut seen = Vec::with_capacity(shares.len());
    for (i, &[right, up]) in shares.iter().enumerate() {
        if (0.0..=1.0).contains(&right) {
            seen.push([right, up]);
        }
        let Some(&[next, above]) = shares.get(i + 1) else { continue };
        for edge in [0.0, 1.0] {
            if right < edge && edge < next {
                seen.push([edge, up + (above - up) * (edge - right) / (next - right)]);
            }
        }
    }
    seen
}

fn left_axis(chart: &Charted<'_>, y: Scale, ink: Ink, buffer: &mut Buffer) {
    let (area, plot) = (chart.area, chart.plot);
    let labels = plot.x - area.x - 1;
    let bar = line(vec![ink.span(ink.either("│", "|"), Tone::Faint)]);
    let tick = line(vec![ink.span(ink.either("┤", "+"), Tone::Faint)]);
    for row in 0..plot.height {
        put_at(buffer, area, labels, row + 1, &bar);
    }
    for (value, label) in &chart.ticks {
        let row = ((1.0 - y.share(*value * chart.unit.0)) * f64::from(plot.height.saturating_sub(1))).round();
        if !(0.0..f64::from(plot.height)).contains(&row) {
            continue;
        }
        let row = row as u16 + 1;
        let label = text::fit(label, usize::from(labels));
        let gap = labels - text::width(&label) as u16;
        put_at(buffer, area, gap, row, &line(vec![ink.span(&label, Tone::Faint)]));
        put_at(buffer, area, labels, row, &tick);
    }
}

fn lower_axis(chart: &Charted<'_>, x: Scale, by: By, ink: Ink, buffer: &mut Buffer) {
    let (area, plot) = (chart.area, chart.plot);
    let row = plot.bottom() - area.y;
    let corner = plot.x - 1 - area.x;
    let flat = ink.either("─", "-").repeat(usize::from(plot.width));
    put_at(buffer, area, corner, row, &line(vec![ink.span(&format!("{}{flat}", ink.either("└", "+")), Tone::Faint)]));
    // "epoch" stands at the right, ticks keep clear of it and of each other.
    let unit = format!("{}{}", by.title(), if x.log { " (log)" } else { "" });
    let clear = plot.width.saturating_sub(unit.len() as u16 + 1);
    put_at(buffer, area, plot.x - area.x + clear, row + 1, &line(vec![ink.span(&unit, Tone::Faint)]));
    let mut free = 0;
    for (value, label) in ticks::of(x, by, usize::from(plot.width / 8).clamp(1, 12)) {
        let at = (x.share(value).clamp(0.0, 1.0) * f64::from(plot.width.saturating_sub(1))).round() as u16;
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

/// A dotted line upwards, so that a step to the side writes little, under a mark; and the height where it counts.
fn crosshair(hair: Hair, crossed: bool, x: Scale, plot: Rect, ink: Ink, buffer: &mut Buffer) {
    let share = x.share(hair.x);
    if !(0.0..=1.0).contains(&share) || plot.width == 0 || plot.height == 0 {
        return;
    }
    let column = (share * f64::from(plot.width - 1)).round() as u16;
    let bar = line(vec![ink.span(ink.either("╎", ":"), Tone::Plain)]);
    for row in (0..plot.height).rev().step_by(3) {
        let free = buffer.cell((plot.x + column, plot.y + row)).is_some_and(|cell| cell.symbol() == " ");
        if free {
            put_at(buffer, plot, column, row, &bar);
        }
    }
    let foot = Rect { height: plot.height + 1, ..plot };
    put_at(buffer, foot, column, plot.height, &line(vec![ink.span(ink.either("▲", "^"), Tone::Strong)]));
    if crossed {
        let row = ((1.0 - hair.y.clamp(0.0, 1.0)) * f64::from(plot.height - 1)).round() as u16;
        put_at(buffer, plot, column, row, &line(vec![ink.span(ink.either("┼", "+"), Tone::Strong)]));
    }
}

/// Each curve's letter right of its end, in the next free row.
fn letters(ends: &[(i32, i32, &Strand<'_>)], plot: Rect, buffer: &mut Buffer) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_at_the_edges_and_keep_their_slope() {
        assert_eq!(cut(&[[-1.0, 0.0], [3.0, 4.0]]), [[0.0, 1.0], [1.0, 2.0]]);
        assert_eq!(cut(&[[-0.5, 0.0], [0.5, 1.0], [0.75, 0.0]]), [[0.0, 0.5], [0.5, 1.0], [0.75, 0.0]]);
        assert_eq!(cut(&[[0.0, 1.0], [1.0, 2.0], [2.0, 9.0]]), [[0.0, 1.0], [1.0, 2.0]]);
        assert!(cut(&[[-2.0, 0.0], [-1.0, 1.0]]).is_empty() && cut(&[]).is_empty());
    }
}
