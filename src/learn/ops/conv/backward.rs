//! The way back: gradients of weights and input.
//!
//! The output's gradient exists only for some pictures at a time, in a buffer with zeros around, where the caller writes it row
//! by row. Small weights (in layers of many pixels) have a few accumulators, each for some pictures in their order, which
//! are added at the end. Large weights (in layers of few pixels) have one, whose panels are the tasks.

use rayon::prelude::*;

use super::forward::{Source, line, padded_len, source};
use super::pack;
use super::pass::{Back, Pass, Phase, tiles};
use super::plan::{Plan, Unit, even};
use super::tile::{Job, Over, Room, Row, WIDTH, products, room, sums};
use super::winograd;
use crate::learn::ops::tape::memory::Memory;

/// Where the input's gradient goes.
pub(crate) enum InputGradient<'a> {
    /// Nobody wants it.
    Unwanted,
    /// Into a buffer whose content is anything.
    Fresh(&'a mut [f32]),
    /// Added to what is there.
    Added(&'a mut [f32]),
}

impl<'a> InputGradient<'a> {
    /// Whether it begins anew, and where it goes, if anywhere.
    pub(super) fn place(self) -> (bool, Option<&'a mut [f32]>) {
        match self {
            InputGradient::Unwanted => (true, None),
            InputGradient::Fresh(dx) => (true, Some(dx)),
            InputGradient::Added(dx) => (false, Some(dx)),
        }
    }
}

/// Floats of weights up to which pictures have accumulators of their own.
const SMALL: usize = 1 << 18;
/// Accumulators at most.
pub(super) const SUMS: usize = 8;
/// Output pixels between two passes over an accumulator: the gradient's lines of one panel fill half a first-level cache.
const PIXELS: usize = 128;
/// The same for large weights, which come from further away.
const MANY_PIXELS: usize = 512;
/// Floats of the gradients that large weights keep at a time.
const KEPT: usize = 1 << 22;

/// What all tasks share.
struct Common<'a, G> {
    plan: &'a Plan,
    memory: &'a Memory,
    x: &'a [f32],
    gradient: &'a G,
    room: Room,
    forward: Pass,
    back: Back,
    /// The panels of each phase.
    packed: Vec<Vec<f32>>,
    fresh: bool,
}

/// The gradient of the weight `[o, c, kh, kw]`, and of the input where wanted. `gradient(image, row, dy)` writes a row `[wo, o]`
/// of the output's gradient.
pub(crate) fn backward<G: Fn(usize, usize, &mut [f32]) + Sync>(
    plan: &Plan,
    memory: &Memory,
    x: &[f32],
    w: &[f32],
    dx: InputGradient<'_>,
    gradient: &G,
) -> Vec<f32> {
    if winograd::fits(plan) {
        return winograd::backward(plan, memory, x, w, dx, gradient);
    }
    let back = Back::new(plan, !matches!(dx, InputGradient::Unwanted));
    let packed = back.phases.iter().map(|phase| pack::backward(plan, memory, w, &phase.pass.taps)).collect();
    let (fresh, dx) = dx.place();
    let forward = Pass::forward(plan, line(plan));
    let common = Common { plan, memory, x, gradient, room: room(), forward, back, packed, fresh };
    let sums = if w.len() <= SMALL { common.by_pictures(dx) } else { common.by_panels(dx) };
    let dw = pack::unpack(plan, &sums, &common.forward.taps);
    memory.give(sums);
    common.packed.into_iter().for_each(|packed| memory.give(packed));
    dw
}

impl<G: Fn(usize, usize, &mut [f32]) + Sync> Common<'_, G> {
    /// Some pictures' gradients, with zeros around and after.
    fn dy_len(&self, images: usize) -> usize {
        let [rows, cols] = self.back.size;
        images * rows * cols * self.plan.out_channels + WIDTH
    }

    fn dy_line(&self) -> usize {
        self.back.size[1] * self.plan.out_channels
    }

    /// Lets the caller write the gradients of pictures from `first` on.
    fn write(&self, first: usize, dy: &mut [f32]) {
        let (plan, line, [rows, _]) = (self.plan, self.dy_line(), self.back.size);
        let left = self.back.before[1] * plan.out_channels;
        for (at, dy) in dy.chunks_exact_mut(line).enumerate() {
            let (image, row) = (first + at / rows, (at % rows).wrapping_sub(self.back.before[0]));
            if row < plan.out_height {
                dy[..left].fill(0.0);
                (self.gradient)(image, row, &mut dy[left..left + plan.out_row()]);
                dy[left + plan.out_row()..].fill(0.0);
            } else {
                dy.fill(0.0);
            }
        }
    }

    /// The rows of output pixels of some pictures, in their source and their gradient.
    fn rows(&self, images: usize, source: &Source<'_>) -> Vec<Row> {
        let (plan, line) = (self.plan, self.dy_line());
        let row = |at: usize| {
            let (image, row) = (at / plan.out_height, at % plan.out_height);
            let down = image * self.back.size[0] + self.back.before[0] + row;
            Row {
                from: source.at + image * source.image + row * plan.stride * source.line,
                to: down * line + self.back.before[1] * plan.out_channels,
                len: plan.out_width,
            }
        };
        (0..images * plan.out_height).map(row).collect()
    }

    /// One panel's sums for one run of the source, over some rows.
    fn weigh(
        &self,
        rows: &[Row],
        add: bool,
        source: &Source<'_>,
        dy: &[f32],
        [panel, run]: [usize; 2],
        sums: &mut [f32],
    ) {
        let plan = self.plan;
        let panels = plan.out_group().div_ceil(WIDTH);
        let (group, first) = (panel / panels, panel % panels * WIDTH);
        let at = [self.forward.runs[run] + group * plan.in_group(), group * plan.out_group() + first];
        let steps = [plan.stride * plan.channels, plan.out_channels];
        products(Over { rows, at, steps, values: self.forward.run, add }, source.floats, dy, sums);
    }

    /// The input's gradient of some pictures.
    fn input(&self, dy: &[f32], dx: &mut [f32]) {
        let plan = self.plan;
        let panels = plan.in_group().div_ceil(WIDTH);
        for (phase, packed) in self.back.phases.iter().zip(&self.packed) {
            let Phase { first, count, pass } = phase;
            let steps = [plan.out_channels, plan.stride * plan.channels];
            let images = dx.len() / plan.in_image();
            let rows = (0..images * count[0]).map(|at| {
                let (image, row) = (at / count[0], at % count[0]);
                let down = first[0] + row * plan.stride;
                let to = image * plan.in_image() + (down * plan.width + first[1]) * plan.channels;
                [(image * self.back.size[0] + row) * self.dy_line(), to]
            });
            if pass.runs.is_empty() {
                // No weight reaches these pixels.
                for [_, to] in rows.filter(|_| self.fresh) {
                    (0..count[1]).for_each(|col| dx[to + col * steps[1]..][..plan.channels].fill(0.0));
                }
                continue;
            }
            let tiles = tiles(rows, count[1], steps, self.room);
            for (at, panel) in packed.chunks_exact(pass.depth() * WIDTH).enumerate() {
                let (group, first) = (at / panels, at % panels * WIDTH);
                let width = WIDTH.min(plan.in_group() - first);
                let job = Job { runs: &pass.runs, run: pass.run, steps, width, add: !self.fresh };
                let at = [group * plan.out_group(), group * plan.in_group() + first];
                sums(job, &tiles, at, dy, panel, dx);
            }
        }
    }

    /// Small weights: a task has some pictures, and an accumulator.
    fn by_pictures(&self, dx: Option<&mut [f32]>) -> Vec<f32> {
        let (plan, memory) = (self.plan, self.memory);
        let images = plan.batch.div_ceil(SUMS);
        let starts = (0..plan.batch).step_by(images);
        let tasks: Vec<(usize, Option<&mut [f32]>)> = match dx {
            None => starts.map(|first| (first, None)).collect(),
            Some(dx) => starts.zip(dx.chunks_mut(images * plan.in_image())).map(|(f, dx)| (f, Some(dx))).collect(),
        };
        let task = |(first, mut dx): (usize, Option<&mut [f32]>)| {
            let mut total = memory.dirty(pack::forward_len(plan, self.forward.taps.len()));
            let here = images.min(plan.batch - first);
            let each = even(here, PIXELS.div_ceil(plan.out_pixels()));
            let whole = Unit { image: 0, images: each, row: 0, rows: plan.out_height };
            let (mut copy, mut dy) = (memory.dirty(padded_len(plan, whole)), memory.dirty(self.dy_len(each)));
            for start in (0..here).step_by(each) {
                let unit = Unit { image: first + start, images: each.min(here - start), ..whole };
                let dy = &mut dy[..self.dy_len(unit.images)];
                let end = dy.len() - WIDTH;
                dy[end..].fill(0.0);
                self.write(unit.image, &mut dy[..end]);
                let source = source(plan, unit, self.x, &mut copy[..padded_len(plan, unit)]);
                let blocks = self.rows(unit.images, &source);
                for (block, rows) in blocks.chunks(PIXELS.div_ceil(plan.out_width)).enumerate() {
                    let add = start + block > 0;
                    for (panel, total) in total.chunks_exact_mut(self.forward.depth() * WIDTH).enumerate() {
                        for (run, total) in total.chunks_exact_mut(self.forward.run * WIDTH).enumerate() {
                            self.weigh(rows, add, &source, dy, [panel, run], total);
                        }
                    }
                }
                if let Some(dx) = dx.as_mut() {
                    self.input(dy, &mut dx[start * plan.in_image()..][..unit.images * plan.in_image()]);
                }
            }
            memory.give(copy);
            memory.give(dy);
            total
        };
        let parts = tasks.into_par_iter().with_max_len(1).map(task).collect();
        add_up(memory, parts)
    }

    /// Large weights: all pictures' gradients are written, then a task has one run of one panel, then some pictures' input.
    fn by_panels(&self, mut dx: Option<&mut [f32]>) -> Vec<f32> {
        let (plan, memory) = (self.plan, self.memory);
        let mut total = memory.dirty(pack::forward_len(plan, self.forward.taps.len()));
        let image = self.dy_len(1) - WIDTH;
        let each = even(plan.batch, (KEPT / image.max(1)).max(1));
        let whole = Unit { image: 0, images: each, row: 0, rows: plan.out_height };
        let (mut copy, mut dy) = (memory.dirty(padded_len(plan, whole)), memory.dirty(self.dy_len(each)));
        for first in (0..plan.batch).step_by(each) {
            let unit = Unit { image: first, images: each.min(plan.batch - first), ..whole };
            let dy = &mut dy[..self.dy_len(unit.images)];
            let end = dy.len() - WIDTH;
            dy[end..].fill(0.0);
            dy[..end].par_chunks_mut(image).enumerate().for_each(|(at, dy)| self.write(first + at, dy));
            let padded = padded_len(plan, Unit { images: 1, ..unit });
            let copy = &mut copy[..padded * unit.images];
            if padded > 0 {
                copy.par_chunks_mut(padded).enumerate().for_each(|(at, copy)| {
                    source(plan, Unit { image: first + at, images: 1, ..unit }, self.x, copy);
                });
            }
            let source = match padded {
                0 => source(plan, unit, self.x, copy),
                _ => Source { floats: copy, at: 0, line: line(plan), image: padded },
            };
            let (rows, runs) = (self.rows(unit.images, &source), self.forward.runs.len());
            let tasks = total.par_chunks_exact_mut(self.forward.run * WIDTH).with_max_len(1).enumerate();
            tasks.for_each(|(at, total)| {
                for (block, rows) in rows.chunks(MANY_PIXELS.div_ceil(plan.out_width)).enumerate() {
                    self.weigh(rows, first + block > 0, &source, dy, [at / runs, at % runs], total);
                }
            });
            if let Some(dx) = dx.as_mut() {
                let dx = &mut dx[first * plan.in_image()..][..unit.images * plan.in_image()];
                let images = even(unit.images, 64usize.div_ceil(plan.height * plan.width));
                let parts = dx.par_chunks_mut(images * plan.in_image()).with_max_len(1).enumerate();
                parts.for_each(|(part, dx)| self.input(&dy[part * images * image..], dx));
            }
        }
        memory.give(copy);
        memory.give(dy);
        total
    }
}

/// The sum of some accumulators, in their order.
pub(super) fn add_up(memory: &Memory, mut parts: Vec<Vec<f32>>) -> Vec<f32> {
    let others = parts.split_off(1.min(parts.len()));
    let mut total = parts.pop().unwrap_or_default();
    const BLOCK: usize = 1 << 12;
    total.par_chunks_mut(BLOCK).enumerate().for_each(|(block, total)| {
        for other in &others {
            let other = &other[block * BLOCK..][..total.len()];
            total.iter_mut().zip(other).for_each(|(t, o)| *t += *o);
        }
    });
    others.into_iter().for_each(|other| memory.give(other));
    total
}
