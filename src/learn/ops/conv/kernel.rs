//! The convolution's two passes over slices: unfold, multiply, and hand each unit to the caller while
//! it is still in the cache.
//!
//! The caller's part (bias, batch norm, statistics, ReLU) enters as a closure, so that one kernel
//! serves the plain and the fused operations without a further pass over memory.

use std::ops::Range;

use rayon::prelude::*;

use super::plan::Plan;
use super::unfold::{fold, unfold};
use crate::learn::ops::simd::{Matrix, matmul};
use crate::learn::ops::tape::memory::Memory;

/// `y = conv(x, w)`; `finish` gets each unit's first picture and its outputs `[g, o, ho, wo]`, and may
/// change them. Gives what `finish` gave, in the units' order.
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

fn forward_unit(plan: &Plan, memory: &Memory, x: &[f32], w: &[f32], y: &mut [f32]) {
    let (depth, plane, images) = (plan.depth(), plan.out_plane(), x.len() / plan.in_image());
    let per_group = plan.out_channels / plan.groups;
    let direct = plan.is_pointwise() && images == 1;
    let mut columns = if direct { Vec::new() } else { memory.dirty(depth * plan.columns()) };
    let mut out = if images > 1 { memory.dirty(per_group * plan.columns()) } else { Vec::new() };
    for group in 0..plan.groups {
        let w = Matrix::new(&w[group * per_group * depth..][..per_group * depth], per_group, depth, depth);
        for rows in plan.tiles() {
            let n = images * rows.len() * plan.out_width;
            let at = rows.start * plan.out_width;
            let input = if direct {
                Matrix::new(&x[group * depth * plane + at..], depth, n, plane)
            } else {
                unfold(plan, x, group, rows, &mut columns[..depth * n]);
                Matrix::new(&columns[..depth * n], depth, n, n)
            };
            if images == 1 {
                matmul(&mut y[group * per_group * plane + at..], plane, w, input, false);
            } else {
                matmul(&mut out[..per_group * n], n, w, input, false);
                for (image, y) in y.chunks_exact_mut(plan.out_image()).enumerate() {
                    let y = &mut y[group * per_group * plane..][..per_group * plane];
                    for (y, out) in y.chunks_exact_mut(plane).zip(out.chunks_exact(n)) {
                        y.copy_from_slice(&out[image * plane..][..plane]);
                    }
                }
            }
        }
    }
    memory.give(columns);
    memory.give(out);
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

/// The gradient of the weight, and of the input where wanted. `gradient(image, channel, plane)` writes
/// the output's gradient of one channel of one picture.
pub(crate) fn backward(
    plan: &Plan,
    memory: &Memory,
    x: &[f32],
    w: &[f32],
    dx: InputGradient<'_>,
    gradient: impl Fn(usize, usize, &mut [f32]) + Sync,
) -> Vec<f32> {
    let images = plan.images * plan.units_per_sum();
    let fresh = matches!(dx, InputGradient::Fresh(_));
    let one = |sum: usize, x: &[f32], dx: Option<&mut [f32]>| {
        let range = sum * images..((sum + 1) * images).min(plan.batch);
        backward_sum(plan, memory, x, w, dx, fresh, range, &gradient)
    };
    let x = x.par_chunks(images * plan.in_image()).with_max_len(1).enumerate();
    let parts: Vec<Vec<f32>> = match dx {
        InputGradient::Unwanted => x.map(|(sum, x)| one(sum, x, None)).collect(),
        InputGradient::Fresh(dx) | InputGradient::Added(dx) => {
            let dx = dx.par_chunks_mut(images * plan.in_image());
            x.zip(dx).map(|((sum, x), dx)| one(sum, x, Some(dx))).collect()
        }
    };
    add_up(memory, parts)
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
    range: Range<usize>,
    gradient: &(impl Fn(usize, usize, &mut [f32]) + Sync),
) -> Vec<f32> {
    let (depth, plane) = (plan.depth(), plan.out_plane());
    let mut dw = memory.dirty(plan.weight_len());
    let mut columns = memory.dirty(depth * plan.columns());
    let mut dy = memory.dirty(plan.images * plan.out_image());
    for (unit, x) in x.chunks(plan.images * plan.in_image()).enumerate() {
        let first = range.start + unit * plan.images;
        let images = x.len() / plan.in_image();
        // dy: [o, g, ho, wo], so that a channel's pixels of all pictures are the columns of a product.
        for (o, line) in dy[..images * plan.out_image()].chunks_exact_mut(images * plane).enumerate() {
            for (image, out) in line.chunks_exact_mut(plane).enumerate() {
                gradient(first + image, o, out);
            }
        }
        let dx = dx.as_mut().map(|dx| &mut dx[unit * plan.images * plan.in_image()..][..x.len()]);
        backward_unit(plan, x, w, &dy[..images * plan.out_image()], dx, fresh, unit > 0, &mut dw, &mut columns);
    }
    memory.give(columns);
    memory.give(dy);
    dw
}

#[expect(clippy::too_many_arguments, reason = "one call site; a struct would only rename them")]
fn backward_unit(
    plan: &Plan,
    x: &[f32],
    w: &[f32],
    dy: &[f32],
    mut dx: Option<&mut [f32]>,
    fresh: bool,
    add: bool,
    dw: &mut [f32],
    columns: &mut [f32],
) {
    let (depth, plane, images) = (plan.depth(), plan.out_plane(), x.len() / plan.in_image());
    let per_group = plan.out_channels / plan.groups;
    let direct = plan.is_pointwise() && images == 1;
    if let Some(dx) = dx.as_mut().filter(|_| fresh && !direct) {
        dx.fill(0.0);
    }
    for group in 0..plan.groups {
        let range = group * per_group * depth..(group + 1) * per_group * depth;
        let (w, dw) = (Matrix::new(&w[range.clone()], per_group, depth, depth), &mut dw[range]);
        for (tile, rows) in plan.tiles().enumerate() {
            let n = images * rows.len() * plan.out_width;
            let at = rows.start * plan.out_width;
            let dy = Matrix::new(&dy[group * per_group * images * plane + at..], per_group, n, images * plane);
            let input = if direct {
                Matrix::new(&x[group * depth * plane + at..], depth, n, plane)
            } else {
                unfold(plan, x, group, rows.clone(), &mut columns[..depth * n]);
                Matrix::new(&columns[..depth * n], depth, n, n)
            };
            matmul(dw, depth, dy, input.turned(), add || tile > 0);
            let Some(dx) = dx.as_mut() else { continue };
            if direct {
                matmul(&mut dx[group * depth * plane + at..], plane, w.turned(), dy, !fresh);
            } else {
                matmul(&mut columns[..depth * n], n, w.turned(), dy, false);
                fold(plan, &mut columns[..depth * n], group, rows, dx);
            }
        }
    }
}
