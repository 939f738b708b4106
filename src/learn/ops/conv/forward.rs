//! The forward pass: one unit after the other, each handed to the caller while it is in the cache.
//!
//! The caller's part (bias, batch norm, statistics, activation) enters as a closure, so that one kernel
//! serves the plain and the fused operations without a further pass over memory.

use rayon::prelude::*;

use super::pack;
use super::pass::{Pass, tiles};
use super::plan::{Plan, Unit};
use super::tile::{Job, Room, WIDTH, room, sums};
use super::winograd;
use crate::learn::ops::tape::memory::Memory;

/// A source that a pass reads: the picture itself, or a copy with zeros around.
pub(super) struct Source<'a> {
    pub(super) floats: &'a [f32],
    /// The place of the first picture's first pixel.
    pub(super) at: usize,
    /// Floats of a row, and of a picture.
    pub(super) line: usize,
    pub(super) image: usize,
}

/// Floats of a row of the source of `plan`.
pub(super) fn line(plan: &Plan) -> usize {
    if plan.padding == 0 { plan.width * plan.channels } else { plan.seen(1, plan.out_width) * plan.channels }
}

/// Floats of a copy with zeros of what `unit` sees; none where the picture serves itself.
pub(super) fn padded_len(plan: &Plan, unit: Unit) -> usize {
    if plan.padding == 0 { 0 } else { unit.images * plan.seen(0, unit.rows) * line(plan) }
}

/// What `unit` sees of `x` `[b, h, w, c]`, by way of `copy` if there is padding.
pub(super) fn source<'a>(plan: &Plan, unit: Unit, x: &'a [f32], copy: &'a mut [f32]) -> Source<'a> {
    let (line, row) = (line(plan), plan.width * plan.channels);
    if plan.padding == 0 {
        let at = unit.image * plan.in_image() + unit.row * plan.stride * row;
        return Source { floats: x, at, line, image: plan.in_image() };
    }
    let rows = plan.seen(0, unit.rows);
    let left = (plan.padding * plan.channels).min(line);
    let inner = row.min(line - left);
    for (at, copy) in copy.chunks_exact_mut(line).enumerate() {
        let (image, down) = (unit.image + at / rows, unit.row * plan.stride + at % rows);
        match down.checked_sub(plan.padding).filter(|down| *down < plan.height) {
            None => copy.fill(0.0),
            Some(down) => {
                copy[..left].fill(0.0);
                copy[left..left + inner].copy_from_slice(&x[image * plan.in_image() + down * row..][..inner]);
                copy[left + inner..].fill(0.0);
            }
        }
    }
    Source { floats: copy, at: 0, line, image: rows * line }
}

/// `y = conv(x, w)` with weights `[o, c, kh, kw]`; `finish` gets each unit's place in `y` and its outputs `[.., o]`, and may
/// change them. Gives what `finish` gave, in the units' order.
pub(crate) fn forward<S: Send>(
    plan: &Plan,
    memory: &Memory,
    x: &[f32],
    w: &[f32],
    y: &mut [f32],
    finish: impl Fn(usize, &mut [f32]) -> S + Sync,
) -> Vec<S> {
    if winograd::fits(plan) {
        return winograd::forward(plan, memory, x, w, y, finish);
    }
    let pass = Pass::forward(plan, line(plan));
    let (packed, room) = (pack::forward(plan, memory, w, &pass.taps), room());
    let mut jobs = Vec::new();
    let (mut rest, mut place) = (y, 0);
    for unit in plan.units() {
        let (here, after) = rest.split_at_mut(unit.images * unit.rows * plan.out_row());
        jobs.push((unit, place, here));
        place += unit.images * unit.rows * plan.out_row();
        rest = after;
    }
    let one = |(unit, place, y): (Unit, usize, &mut [f32])| {
        forward_unit(plan, &pass, memory, room, unit, x, &packed, y);
        finish(place, y)
    };
    let seen = jobs.into_par_iter().with_max_len(1).map(one).collect();
    memory.give(packed);
    seen
}

#[expect(clippy::too_many_arguments, reason = "one call site; a struct would only rename them")]
fn forward_unit(
    plan: &Plan,
    pass: &Pass,
    memory: &Memory,
    room: Room,
    unit: Unit,
    x: &[f32],
    packed: &[f32],
    y: &mut [f32],
) {
    let mut copy = memory.dirty(padded_len(plan, unit));
    let source = source(plan, unit, x, &mut copy);
    let steps = [plan.stride * plan.channels, plan.out_channels];
    let rows = (0..unit.images * unit.rows).map(|at| {
        let (image, row) = (at / unit.rows, at % unit.rows);
        [image * source.image + row * plan.stride * source.line, at * plan.out_row()]
    });
    let tiles = tiles(rows, plan.out_width, steps, room);
    let panels = plan.out_group().div_ceil(WIDTH);
    for (at, panel) in packed.chunks_exact(pass.depth() * WIDTH).enumerate() {
        let (group, first) = (at / panels, at % panels * WIDTH);
        let width = WIDTH.min(plan.out_group() - first);
        let job = Job { runs: &pass.runs, run: pass.run, steps, width, add: false };
        let at = [source.at + group * plan.in_group(), group * plan.out_group() + first];
        sums(job, &tiles, at, source.floats, panel, y);
    }
    memory.give(copy);
}
