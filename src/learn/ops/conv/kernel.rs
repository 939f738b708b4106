//! The convolution's two passes over slices: unfold, multiply, and hand each unit to the caller while
//! it is still in the cache.
//!
//! The caller's part (bias, batch norm, statistics, activation) enters as a closure, so that one kernel
//! serves the plain and the fused operations without a further pass over memory.

use std::ops::Range;

use rayon::prelude::*;

use super::plan::Plan;
use super::unfold::{fold, unfold};
use crate::learn::ops::simd::{Matrix, matmul};
use crate::learn::ops::tape::memory::Memory;

/// `y = conv(x, w)`, with `w` as [`pack`] gives it; `finish` gets each unit's first picture and its outputs `[g, ho, wo, o]`,
/// and may change them. Gives what `finish` gave, in the units' order.
pub(crate) fn forward<S: Send>(
    plan: &Plan,
    memory: &Memory,
    x: &[f32],
    w: &[f32],
    y: &mut [f32],
    finish: impl Fn(usize, &mut [f32]) -> S + Sync,
) -> Vec<S> {
    let units = x.par_chunks(plan.images * plan.in_image());
    units
        .zip(y.par_chunks_mut(plan.images * plan.out_image()))
        .with_max_len(1)
        .enumerate()
        .map(|(unit, (x, y))| {
            forward_unit(plan, memory, x, w, y);
            finish(unit * plan.images, y)
        })
        .collect()
}

/// Weights `[o, c, kh, kw]` → `[o, kh, kw, c]`, where `c` are the channels of one group.
pub(crate) fn pack(plan: &Plan, w: &[f32]) -> Vec<f32> {
    let taps = plan.kernel[0] * plan.kernel[1];
    let (c, depth) = (plan.channels / plan.groups, plan.depth());
    let mut packed = vec![0.0; w.len()];
    packed.par_chunks_mut(depth.max(1)).zip(w.par_chunks(depth.max(1))).for_each(|(packed, w)| {
        for (at, value) in packed.iter_mut().enumerate() {
            *value = w[at % c * taps + at / c];
        }
    });
    packed
}

/// The way back of [`pack`].
fn unpack(plan: &Plan, packed: &[f32]) -> Vec<f32> {
    let taps = plan.kernel[0] * plan.kernel[1];
    let (c, depth) = (plan.channels / plan.groups, plan.depth());
    let mut w = vec![0.0; packed.len()];
    packed.par_chunks(depth.max(1)).zip(w.par_chunks_mut(depth.max(1))).for_each(|(packed, w)| {
        for (at, value) in packed.iter().enumerate() {
            w[at % c * taps + at / c] = *value;
        }
    });
    w
}

/// The tiles of a unit: each one's picture in the unit and its output rows.
fn tiles(plan: &Plan, images: usize) -> impl Iterator<Item = (usize, Range<usize>)> + '_ {
    (0..images).flat_map(|image| plan.tiles().map(move |rows| (image, rows)))
}

fn forward_unit(plan: &Plan, memory: &Memory, x: &[f32], w: &[f32], y: &mut [f32]) {
    let (depth, images) = (plan.depth(), x.len() / plan.in_image().max(1));
    let (o, per_group) = (plan.out_channels, plan.out_channels / plan.groups);
    let mut columns = memory.dirty(depth * plan.columns());
    for (image, rows) in tiles(plan, images) {
        let n = rows.len() * plan.out_width;
        let x = &x[image * plan.in_image()..][..plan.in_image()];
        let y = &mut y[image * plan.out_image() + rows.start * plan.out_width * o..][..n * o];
        for group in 0..plan.groups {
            unfold(plan, x, group, rows.clone(), &mut columns[..depth * n]);
            let w = Matrix::new(&w[group * per_group * depth..][..per_group * depth], per_group, depth, depth);
            let input = Matrix::new(&columns[..depth * n], n, depth, depth);
            matmul(&mut y[group * per_group..], o, input, w.turned(), false);
        }
    }
    memory.give(columns);
}

/// Where the input's gradient goes.
pub(crate) enum InputGradient<'a> {
    /// Nobody wants it.
    Unwanted,
    /// Into a buffer whose content is anything.
    Fresh(&'a mut [f32]),
    /// Added to what is there.
    Added(&'a mut [f32]),
}

/// The gradient of the weight, and of the input where wanted; `w` as [`pack`] gives it. `gradient(image, dy)` writes
/// the output's gradient `[ho, wo, o]` of one picture.
pub(crate) fn backward(
    plan: &Plan,
    memory: &Memory,
    x: &[f32],
    w: &[f32],
    dx: InputGradient<'_>,
    gradient: impl Fn(usize, &mut [f32]) + Sync,
) -> Vec<f32> {
    let images = plan.images * plan.units_per_sum();
    let fresh = matches!(dx, InputGradient::Fresh(_));
    let one = |sum: usize, x: &[f32], dx: Option<&mut [f32]>| {
        backward_sum(plan, memory, x, w, dx, fresh, sum * images, &gradient)
    };
    let x = x.par_chunks(images * plan.in_image()).with_max_len(1).enumerate();
    let parts: Vec<Vec<f32>> = match dx {
        InputGradient::Unwanted => x.map(|(sum, x)| one(sum, x, None)).collect(),
        InputGradient::Fresh(dx) | InputGradient::Added(dx) => {
            let dx = dx.par_chunks_mut(images * plan.in_image());
            x.zip(dx).map(|((sum, x), dx)| one(sum, x, Some(dx))).collect()
        }
    };
    unpack(plan, &add_up(memory, parts))
}

/// The sum of some accumulators, in their order.
fn add_up(memory: &Memory, mut parts: Vec<Vec<f32>>) -> Vec<f32> {
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

#[expect(clippy::too_many_arguments, reason = "one call site; a struct would only rename them")]
fn backward_sum(
    plan: &Plan,
    memory: &Memory,
    x: &[f32],
    w: &[f32],
    mut dx: Option<&mut [f32]>,
    fresh: bool,
    first: usize,
    gradient: &(impl Fn(usize, &mut [f32]) + Sync),
) -> Vec<f32> {
    let (depth, o, per_group) = (plan.depth(), plan.out_channels, plan.out_channels / plan.groups);
    let mut dw = vec![0.0; plan.weight_len()];
    let mut columns = memory.dirty(depth * plan.columns());
    let mut dy = memory.dirty(plan.out_image());
    for (image, x) in x.chunks(plan.in_image()).enumerate() {
        gradient(first + image, &mut dy);
        let mut dx = dx.as_mut().map(|dx| &mut dx[image * plan.in_image()..][..x.len()]);
        if let Some(dx) = dx.as_mut().filter(|_| fresh) {
            dx.fill(0.0);
        }
        for rows in plan.tiles() {
            let n = rows.len() * plan.out_width;
            for group in 0..plan.groups {
                let range = group * per_group * depth..(group + 1) * per_group * depth;
                let (w, dw) = (Matrix::new(&w[range.clone()], per_group, depth, depth), &mut dw[range]);
                let dy = &dy[rows.start * plan.out_width * o + group * per_group..];
                let dy = Matrix::new(dy, n, per_group, o);
                let columns = &mut columns[..depth * n];
                unfold(plan, x, group, rows.clone(), columns);
                matmul(dw, depth, dy.turned(), Matrix::new(columns, n, depth, depth), true);
                let Some(dx) = dx.as_mut() else { continue };
                matmul(columns, depth, dy, w, false);
                fold(plan, columns, group, rows.clone(), dx);
            }
        }
    }
    memory.give(columns);
    memory.give(dy);
    dw
}
