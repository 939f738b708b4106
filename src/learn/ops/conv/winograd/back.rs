//! The way back: the weights' gradient, and the input's where it is wanted.
//!
//! Takes the output's gradient row by row from the caller; transforms a group's fields and quads once for both products.

use rayon::prelude::*;

use super::super::backward::{InputGradient, SUMS, add_up};
use super::super::plan::{Plan, Unit};
use super::super::tile::{Over, Row, WIDTH, products};
use super::transform::{self, Spread, VALUES};
use super::{Frame, Side, each, of_image};
use crate::learn::ops::tape::memory::Memory;

/// The gradient of the weight, and of the input where wanted, as the plain way back has them.
pub(in super::super) fn backward<G: Fn(usize, usize, &mut [f32]) + Sync>(
    plan: &Plan,
    memory: &Memory,
    x: &[f32],
    w: &[f32],
    dx: InputGradient<'_>,
    gradient: &G,
) -> Vec<f32> {
    let frame = Frame::new(plan, memory);
    let (fresh, dx) = dx.place();
    let weights = if dx.is_some() { frame.weights(w, Side::In) } else { Vec::new() };
    let back = Back { frame: &frame, x, gradient, weights: &weights, fresh };
    let total = if frame.is_small() { back.by_pictures(dx) } else { back.by_values(dx) };
    let dw = frame.weights_back(&total);
    memory.give(total);
    memory.give(weights);
    dw
}

/// What all groups of a way back share.
struct Back<'a, G> {
    frame: &'a Frame<'a>,
    x: &'a [f32],
    gradient: &'a G,
    weights: &'a [f32],
    fresh: bool,
}

impl<G: Fn(usize, usize, &mut [f32]) + Sync> Back<'_, G> {
    /// Floats of the weights' gradient, transformed.
    fn sums(&self) -> usize {
        let plan = self.frame.plan;
        plan.out_channels.div_ceil(WIDTH) * VALUES * plan.channels * WIDTH
    }

    /// Small weights: a task has some pictures, and an accumulator.
    fn by_pictures(&self, dx: Option<&mut [f32]>) -> Vec<f32> {
        let Frame { plan, memory, .. } = *self.frame;
        let groups = self.frame.groups();
        let images = plan.batch.div_ceil(SUMS).next_multiple_of(groups[0][0].images);
        let mut dx: Vec<Option<&mut [f32]>> = match dx {
            None => (0..plan.batch.div_ceil(images)).map(|_| None).collect(),
            Some(dx) => dx.chunks_mut(images * plan.in_image()).map(Some).collect(),
        };
        let task = |(task, dx): (usize, &mut Option<&mut [f32]>)| {
            let mut total = memory.dirty(self.sums());
            let mine = groups.iter().flatten().filter(|unit| unit.image / images == task);
            for (at, unit) in mine.enumerate() {
                let here = dx.as_mut().map(|dx| {
                    &mut dx[(unit.image - task * images) * plan.in_image()..][..unit.images * plan.in_image()]
                });
                self.group(vec![(*unit, here)], false, at > 0, &mut total);
            }
            total
        };
        let parts = dx.par_iter_mut().with_max_len(1).enumerate().map(task).collect();
        add_up(memory, parts)
    }

    /// Large weights: one group after the other, within which values and panels are the tasks.
    fn by_values(&self, mut dx: Option<&mut [f32]>) -> Vec<f32> {
        let mut total = self.frame.memory.dirty(self.sums());
        let image = self.frame.plan.in_image();
        for (at, units) in self.frame.groups().into_iter().enumerate() {
            let jobs = match dx.as_mut() {
                None => units.into_iter().map(|unit| (unit, None)).collect(),
                Some(dx) => {
                    let parts = dx[units[0].image * image..].chunks_mut(image);
                    units.into_iter().zip(parts.map(Some)).collect()
                }
            };
            self.group(jobs, true, at > 0, &mut total);
        }
        total
    }

    /// A group's part of the weights' gradient, and of the input's, for which each unit has its pictures' part.
    fn group(&self, mut jobs: Vec<(Unit, Option<&mut [f32]>)>, parallel: bool, add: bool, total: &mut [f32]) {
        let Frame { plan, memory, .. } = *self.frame;
        let units: Vec<Unit> = jobs.iter().map(|(unit, _)| *unit).collect();
        let firsts = self.frame.firsts(&units);
        let quads = firsts[units.len()];
        let (mut fields, mut back) = (
            memory.dirty(VALUES * quads * plan.channels),
            // The last panel reads a whole width.
            memory.dirty(VALUES * quads * plan.out_channels + WIDTH),
        );
        let end = VALUES * quads * plan.out_channels;
        back[end..].fill(0.0);
        let parts = self.frame.parts(&units, plan.channels, &mut fields);
        let parts = parts.into_iter().zip(self.frame.parts(&units, plan.out_channels, &mut back[..end]));
        each(parallel, units.iter().zip(parts).collect(), |(unit, (mut fields, mut back))| {
            self.frame.fields(*unit, self.x, &mut fields);
            self.quads(*unit, &mut back);
        });
        let tasks: Vec<_> = total.chunks_exact_mut(plan.channels * WIDTH).enumerate().collect();
        let row = [Row { from: 0, to: 0, len: quads }];
        each(parallel, tasks, |(at, total)| {
            let (panel, value) = (at / VALUES, at % VALUES);
            let steps = [plan.channels, plan.out_channels];
            let over = Over { rows: &row, at: [0, panel * WIDTH], steps, values: plan.channels, add };
            let fields = &fields[value * quads * plan.channels..][..quads * plan.channels];
            products(over, fields, &back[value * quads * plan.out_channels..], total);
        });
        memory.give(fields);
        if jobs[0].1.is_some() {
            let spread = self.frame.multiply(parallel, &back[..end], plan.out_channels, plan.channels, self.weights);
            let tasks = jobs.iter_mut().zip(&firsts).collect();
            each(parallel, tasks, |((unit, dx), first): (&mut (Unit, Option<&mut [f32]>), &usize)| {
                if let Some(dx) = dx {
                    self.onto(*unit, Spread { values: &spread, quads, first: *first }, dx);
                }
            });
            memory.give(spread);
        }
        memory.give(back);
    }

    /// `A dY Aᵀ` of a unit's quads.
    fn quads(&self, unit: Unit, outs: &mut [&mut [f32]]) {
        let Frame { plan, memory, .. } = *self.frame;
        let grid = self.frame.grid(unit, plan.out_channels, 0);
        let mut strip = memory.dirty(2 * unit.rows * grid.line);
        for image in 0..unit.images {
            for (at, strip) in strip.chunks_exact_mut(grid.line).enumerate() {
                let row = 2 * unit.row + at;
                if row < plan.out_height {
                    (self.gradient)(unit.image + image, row, &mut strip[..plan.out_row()]);
                    strip[plan.out_row()..].fill(0.0);
                } else {
                    strip.fill(0.0);
                }
            }
            let first = image * unit.rows * self.frame.cols * plan.out_channels;
            transform::quads(grid, &strip, &mut of_image(outs, first));
        }
        memory.give(strip);
    }

    /// Adds `B dV Bᵀ` of a unit to its pictures' gradient, or, with a fresh one, begins it.
    fn onto(&self, unit: Unit, spread: Spread<'_>, dx: &mut [f32]) {
        let Frame { plan, memory, cols, .. } = *self.frame;
        let (grid, row) = (self.frame.grid(unit, plan.channels, 1), plan.width * plan.channels);
        let mut strip = memory.dirty((2 * unit.rows + 2) * grid.line);
        let left = plan.padding * plan.channels;
        for (image, dx) in dx.chunks_exact_mut(plan.in_image()).enumerate() {
            if self.fresh && unit.row == 0 {
                dx.fill(0.0);
            }
            strip.fill(0.0);
            let spread = Spread { first: spread.first + image * unit.rows * cols, ..spread };
            transform::onto_fields(grid, spread, &mut strip);
            for (at, strip) in strip.chunks_exact(grid.line).enumerate() {
                let down = (2 * unit.row + at).checked_sub(plan.padding).filter(|down| *down < plan.height);
                if let Some(down) = down {
                    let dx = &mut dx[down * row..][..row];
                    dx.iter_mut().zip(&strip[left..]).for_each(|(dx, value)| *dx += *value);
                }
            }
        }
        memory.give(strip);
    }
}
