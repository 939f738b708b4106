//! Convolutions of 3x3 weights with stride 1 by Winograd's minimal filtering, F(2x2, 3x3) (Lavin and Gray, arXiv 1509.09308).
//!
//! A *quad* of 2 x 2 output pixels sees a *field* of 4 x 4 input pixels. In the transformed space of 16 values a convolution is,
//! for each value, a product of matrices `quads × channels`: 16 multiplications for each pair of channels instead of 36, and so in
//! all three products of a training step. Each sum has a term for each channel instead of nine, so rounding grows no worse.
//! Work goes by *groups* of units whose transformed values exist together: with small weights a group is one unit that stays
//! in the cache, and the groups are the tasks; with large ones it is some pictures, and the 16 values and their panels are the
//! tasks, so that each weight is read once for many pictures.

mod back;
mod transform;

use rayon::prelude::*;

pub(super) use self::back::backward;
use self::transform::{Grid, LANES, Spread, VALUES};
use super::pack;
use super::pass::tiles;
use super::plan::{Plan, Unit, even};
use super::tile::{Job, WIDTH, room, sums};
use crate::learn::ops::tape::memory::Memory;

/// Floats of a filter bank up to which it is small: a group of quads is then one unit, which stays in cache beside it.
const SMALL: usize = 1 << 14;
/// With a small bank: floats of one of the sixteen values of a group's quads, of input and output together.
const CACHED: usize = 1 << 13;
/// With a large bank: the same of a group, which is several pictures so that each panel of weights is read for all.
const KEPT: usize = 1 << 16;
/// With a large bank: the same of one picture, beyond which it goes by strips, so that memory stays bounded.
const STRIP: usize = 1 << 18;
/// Quads of a batch from which on transformed weights pay.
const FEWEST: usize = 32;
/// The nine weights of a filter in their order.
const TAPS: [usize; 9] = [0, 1, 2, 3, 4, 5, 6, 7, 8];

/// Whether this is the way for a convolution.
pub(super) fn fits(plan: &Plan) -> bool {
    let quads = plan.out_height.div_ceil(2) * plan.out_width.div_ceil(2);
    plan.kernel == [3, 3]
        && [plan.stride, plan.dilation, plan.groups] == [1; 3]
        && [plan.channels, plan.out_channels].iter().all(|c| *c >= WIDTH && c.is_multiple_of(LANES))
        && plan.batch * quads >= FEWEST
        // Quads over the edge cost, too: 1.8 multiplications less for each output must be left (not of 1 × n outputs,
        // just of 3 × 3).
        && quads * VALUES * 5 < plan.out_pixels() * 9 * 4
}

/// `y = conv(x, w)`, as the plain forward pass has it.
pub(super) fn forward<S: Send>(
    plan: &Plan,
    memory: &Memory,
    x: &[f32],
    w: &[f32],
    y: &mut [f32],
    finish: impl Fn(usize, &mut [f32]) -> S + Sync,
) -> Vec<S> {
    let frame = Frame::new(plan, memory);
    let weights = frame.weights(w, Side::Out);
    let mut rest = y;
    let mut place = 0;
    let mut groups = Vec::new();
    for units in frame.groups() {
        let mut jobs = Vec::new();
        for unit in units {
            let len = unit.images * frame.height(unit) * plan.out_row();
            let (here, after) = rest.split_at_mut(len);
            jobs.push((unit, place, here));
            (rest, place) = (after, place + len);
        }
        groups.push(jobs);
    }
    let small = frame.is_small();
    let group = |jobs| frame.forward(jobs, !small, x, &weights, &finish);
    let seen: Vec<Vec<S>> = if small {
        groups.into_par_iter().with_max_len(1).map(group).collect()
    } else {
        groups.into_iter().map(group).collect()
    };
    memory.give(weights);
    seen.into_iter().flatten().collect()
}

/// Which channels the panels of weights are over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Out,
    In,
}

/// The quads of a convolution.
struct Frame<'a> {
    plan: &'a Plan,
    memory: &'a Memory,
    /// Rows and columns of quads of a picture.
    rows: usize,
    cols: usize,
}

impl<'a> Frame<'a> {
    fn new(plan: &'a Plan, memory: &'a Memory) -> Frame<'a> {
        Frame { plan, memory, rows: plan.out_height.div_ceil(2), cols: plan.out_width.div_ceil(2) }
    }

    fn is_small(&self) -> bool {
        self.plan.channels * self.plan.out_channels <= SMALL
    }

    /// Units, whose rows are rows of quads, in groups, in the output's order.
    fn groups(&self) -> Vec<Vec<Unit>> {
        let (plan, image) = (self.plan, self.rows * self.cols);
        let floats = plan.channels + plan.out_channels;
        let whole = |first: usize, count: usize| Unit { image: first, images: count, row: 0, rows: self.rows };
        let batch = |each: usize| (0..plan.batch).step_by(each).map(move |at| (at, each.min(plan.batch - at)));
        // One picture beyond this goes by strips, each a group, so that what is transformed stays bounded whatever the picture.
        let (most, strip) = if self.is_small() { (CACHED, CACHED) } else { (KEPT, STRIP) };
        if image * floats <= strip {
            let each = even(plan.batch, most / (image * floats));
            let group = |(at, count): (usize, usize)| match self.is_small() {
                true => vec![whole(at, count)],
                false => (at..at + count).map(|at| whole(at, 1)).collect(),
            };
            return batch(each).map(group).collect();
        }
        let quads = strip / floats;
        let rows = even(self.rows, quads / self.cols);
        let strips = |image| {
            let rows = (0..self.rows).step_by(rows).map(move |row| (row, rows.min(self.rows - row)));
            rows.map(move |(row, rows)| vec![Unit { image, images: 1, row, rows }])
        };
        (0..plan.batch).flat_map(strips).collect()
    }

    fn quads(&self, unit: Unit) -> usize {
        unit.images * unit.rows * self.cols
    }

    /// Rows of output pixels of a unit's pictures.
    fn height(&self, unit: Unit) -> usize {
        (2 * (unit.row + unit.rows)).min(self.plan.out_height) - 2 * unit.row
    }

    /// The grid of one picture of a unit, of pixels of so many channels, and `around` pixels on each side.
    fn grid(&self, unit: Unit, channels: usize, around: usize) -> Grid {
        Grid { rows: unit.rows, cols: self.cols, channels, line: 2 * (self.cols + around) * channels }
    }

    /// Panels `[panels, VALUES, depth, WIDTH]` of transformed weights.
    fn weights(&self, w: &[f32], side: Side) -> Vec<f32> {
        let plan = self.plan;
        let (over, depth) = match side {
            Side::Out => (plan.out_channels, plan.channels),
            Side::In => (plan.channels, plan.out_channels),
        };
        let mut all = self.memory.dirty(over.div_ceil(WIDTH) * VALUES * depth * WIDTH);
        all.par_chunks_exact_mut(VALUES * depth * WIDTH).enumerate().for_each(|(at, panel)| {
            let mut taps = self.memory.dirty(9 * depth * WIDTH);
            match side {
                Side::Out => pack::forward_panel(plan, w, &TAPS, at, &mut taps),
                Side::In => pack::backward_panel(plan, w, &TAPS, at, &mut taps),
            }
            transform::filters(depth, &taps, panel);
            self.memory.give(taps);
        });
        all
    }

    /// Sums `[panels, VALUES, c, WIDTH]` → the gradient `[o, c, 3, 3]`.
    fn weights_back(&self, total: &[f32]) -> Vec<f32> {
        let (plan, depth) = (self.plan, self.plan.channels);
        let mut dw = vec![0.0; plan.out_channels * depth * 9];
        let panels = dw.par_chunks_mut(WIDTH * depth * 9).zip(total.par_chunks_exact(VALUES * depth * WIDTH));
        panels.for_each(|(dw, panel)| {
            let mut taps = self.memory.dirty(9 * depth * WIDTH);
            transform::filters_back(depth, panel, &mut taps);
            pack::unpack_panel(plan, &taps, &TAPS, dw);
            self.memory.give(taps);
        });
        dw
    }

    /// `Bᵀ d B` of a unit's fields.
    fn fields(&self, unit: Unit, x: &[f32], outs: &mut [&mut [f32]]) {
        let (plan, channels) = (self.plan, self.plan.channels);
        let grid = self.grid(unit, channels, 1);
        let (row, left) = (plan.width * channels, plan.padding * channels);
        let mut strip = self.memory.dirty((2 * unit.rows + 2) * grid.line);
        for image in 0..unit.images {
            for (at, strip) in strip.chunks_exact_mut(grid.line).enumerate() {
                let down = (2 * unit.row + at).checked_sub(plan.padding).filter(|down| *down < plan.height);
                let Some(down) = down else {
                    strip.fill(0.0);
                    continue;
                };
                strip[..left].fill(0.0);
                strip[left..][..row].copy_from_slice(&x[(unit.image + image) * plan.in_image() + down * row..][..row]);
                strip[left + row..].fill(0.0);
            }
            transform::fields(grid, &strip, &mut of_image(outs, image * unit.rows * self.cols * channels));
        }
        self.memory.give(strip);
    }

    /// Products of transformed values `[VALUES, quads, depth]` with panels of weights: `[VALUES, panels, quads, WIDTH]`.
    fn multiply(&self, parallel: bool, values: &[f32], depth: usize, over: usize, weights: &[f32]) -> Vec<f32> {
        let quads = values.len() / VALUES / depth;
        let panels = over.div_ceil(WIDTH);
        let tiles = tiles([[0, 0]].into_iter(), quads, [depth, WIDTH], room());
        let mut out = self.memory.dirty(VALUES * panels * quads * WIDTH);
        let tasks: Vec<_> = out.chunks_exact_mut(quads * WIDTH).enumerate().collect();
        each(parallel, tasks, |(at, out)| {
            let (value, panel) = (at / panels, at % panels);
            let job = Job { runs: &[0], run: depth, steps: [depth, WIDTH], width: WIDTH, add: false };
            let weights = &weights[(panel * VALUES + value) * depth * WIDTH..][..depth * WIDTH];
            sums(job, &tiles, [0, 0], &values[value * quads * depth..][..quads * depth], weights, out);
        });
        out
    }

    /// The outputs of a group, whose units are given with their places and their part of `y`.
    fn forward<S: Send>(
        &self,
        jobs: Vec<(Unit, usize, &mut [f32])>,
        parallel: bool,
        x: &[f32],
        weights: &[f32],
        finish: &(impl Fn(usize, &mut [f32]) -> S + Sync),
    ) -> Vec<S> {
        let plan = self.plan;
        let units: Vec<Unit> = jobs.iter().map(|(unit, ..)| *unit).collect();
        let firsts = self.firsts(&units);
        let quads = firsts[units.len()];
        let mut fields = self.memory.dirty(VALUES * quads * plan.channels);
        let parts = self.parts(&units, plan.channels, &mut fields);
        each(parallel, units.iter().zip(parts).collect(), |(unit, mut outs)| self.fields(*unit, x, &mut outs));
        let products = self.multiply(parallel, &fields, plan.channels, plan.out_channels, weights);
        self.memory.give(fields);
        let one = |((unit, place, y), first): ((Unit, usize, &mut [f32]), &usize)| {
            let grid = Grid { line: plan.out_row(), ..self.grid(unit, plan.out_channels, 0) };
            let height = self.height(unit);
            for (image, y) in y.chunks_exact_mut(height * plan.out_row()).enumerate() {
                let first = first + image * unit.rows * self.cols;
                transform::pixels(grid, Spread { values: &products, quads, first }, [height, plan.out_width], y);
            }
            finish(place, y)
        };
        let seen = if parallel {
            jobs.into_par_iter().zip(&firsts[..units.len()]).with_max_len(1).map(one).collect()
        } else {
            jobs.into_iter().zip(&firsts).map(one).collect()
        };
        self.memory.give(products);
        seen
    }

    /// The first quad of each unit, and the number of all.
    fn firsts(&self, units: &[Unit]) -> Vec<usize> {
        let mut firsts = vec![0];
        for unit in units {
            firsts.push(firsts[firsts.len() - 1] + self.quads(*unit));
        }
        firsts
    }

    /// Each unit's part of each transformed value of `[VALUES, quads, channels]`.
    fn parts<'v>(&self, units: &[Unit], channels: usize, values: &'v mut [f32]) -> Vec<Vec<&'v mut [f32]>> {
        let mut parts: Vec<Vec<&mut [f32]>> = units.iter().map(|_| Vec::with_capacity(VALUES)).collect();
        let one = values.len() / VALUES;
        for mut rest in values.chunks_exact_mut(one) {
            for (unit, part) in units.iter().zip(&mut parts) {
                let (here, after) = std::mem::take(&mut rest).split_at_mut(self.quads(*unit) * channels);
                part.push(here);
                rest = after;
            }
        }
        parts
    }
}

/// The outputs from a place on.
fn of_image<'a>(outs: &'a mut [&mut [f32]], first: usize) -> Vec<&'a mut [f32]> {
    outs.iter_mut().map(|out| &mut out[first..]).collect()
}

/// Does something with each item, as tasks or one after the other.
fn each<T: Send>(parallel: bool, items: Vec<T>, f: impl Fn(T) + Sync) {
    if parallel { items.into_par_iter().with_max_len(1).for_each(&f) } else { items.into_iter().for_each(f) }
}
