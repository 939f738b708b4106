//! The public score against cross-validation.
//!
//! Takes the submissions that have both; gives a scatter with the Theil-Sen line, dashed. The selected one, outliers and the others have
//! marks of their own, so that no colour is needed.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use toji::base::text;

use crate::tui::model::Model;
use crate::tui::view::curves::canvas::{Canvas, Pen};
use crate::tui::view::ink::{Ink, Tone, line, put, put_at};

/// The public score against cross-validation: every submission a point, the selected one another, and the line.
pub(super) fn picture(model: &Model, ink: Ink, area: Rect, buffer: &mut Buffer) {
    let ledger = &model.snapshot.ledger;
    let points: Vec<(usize, f64, f64)> = ledger
        .submissions
        .iter()
        .enumerate()
        .filter_map(|(i, one)| Some((i, one.made.cv?, one.public.as_ref()?.score)))
        .collect();
    let [x, y] = [1, 2].map(|axis| {
        let of = points.iter().map(|&(_, cv, lb)| if axis == 1 { cv } else { lb });
        let (low, high) = of.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
        let margin = ((high - low) * 0.1).max(0.005);
        (low - margin, high + margin)
    });
    let left = 6;
    if area.width < left + 8 || area.height < 5 {
        return;
    }
    let (wide, high) = (area.width - left, area.height - 2);
    let plot = Rect { x: area.x + left, y: area.y + 1, width: wide, height: high };
    put(buffer, area, 0, &line(vec![ink.span("public against CV", Tone::Faint)]));
    let (side, flat, corner) = (ink.either("│", "|"), ink.either("─", "-"), ink.either("└", "+"));
    for row in 0..high - 1 {
        put_at(buffer, area, left - 1, row + 1, &line(vec![ink.span(side, Tone::Faint)]));
    }
    let axis = format!("{corner}{}", flat.repeat(usize::from(wide)));
    put_at(buffer, area, left - 1, high, &line(vec![ink.span(&axis, Tone::Faint)]));
    put(buffer, area, 1, &line(vec![ink.span(&format!("{:.3}", y.1), Tone::Faint)]));
    put(buffer, area, high - 1, &line(vec![ink.span(&format!("{:.3}", y.0), Tone::Faint)]));
    let (from, to) = (format!("{:.3}", x.0), format!("{:.3}", x.1));
    put_at(buffer, area, left, high + 1, &line(vec![ink.span(&from, Tone::Faint)]));
    put_at(buffer, area, area.width - text::width(&to) as u16, high + 1, &line(vec![ink.span(&to, Tone::Faint)]));
    let plot = Rect { height: high - 1, ..plot };
    let share = |(low, high): (f64, f64), value: f64| (value - low) / (high - low);
    if let Some([slope, zero]) = ledger.agreement.line {
        let mut canvas = Canvas::new(plot.width, plot.height, ink.ascii());
        let (across, down) = (canvas.dots_across() as f64 - 1.0, canvas.dots_down() as f64 - 1.0);
        let dot = |at: f64| {
            let cv = x.0 + at * (x.1 - x.0);
            ((at * across).round() as i32, ((1.0 - share(y, slope * cv + zero)) * down).clamp(-1e6, 1e6).round() as i32)
        };
        let dots: Vec<(i32, i32)> = (0..=40).map(|step| dot(f64::from(step) / 40.0)).collect();
        canvas.polyline(&dots, Pen { letter: '.', style: ink.style(Tone::Faint), dashed: true });
        canvas.draw(plot, buffer);
    }
    let mut order: Vec<&(usize, f64, f64)> = points.iter().collect();
    // The selected one above the others.
    order.sort_by_key(|(i, ..)| *i == model.submission_index());
    for &&(i, cv, lb) in &order {
        let at = |share: f64, cells: u16| (share * f64::from(cells - 1)).round() as u16;
        let (column, row) = (at(share(x, cv), plot.width), at(1.0 - share(y, lb), plot.height));
        let one = &ledger.submissions[i];
        let (mark, tone) = match (i == model.submission_index(), one.outlier) {
            (true, _) => (ink.either("◆", "@"), Tone::Live),
            (false, true) => (ink.either("×", "x"), Tone::Care),
            (false, false) => (ink.either("•", "o"), Tone::Strong),
        };
        put_at(buffer, plot, column, row, &line(vec![ink.span(mark, tone)]));
    }
}
