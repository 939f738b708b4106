//! Weights `[o, c, kh, kw]` as panels for the tiles, and sums of panels as weights again.
//!
//! A panel is `[taps, channels in, WIDTH channels out]`, with zeros where there are fewer channels out; the panels of a group
//! follow each other, and the groups too. For the way back to the input the channels change roles.

use rayon::prelude::*;

use super::plan::Plan;
use super::tile::WIDTH;
use crate::learn::ops::simd::wide;
use crate::learn::ops::tape::memory::Memory;

/// Values of a filter that are moved together: a cache line.
const BLOCK: usize = 16;

/// Floats of the panels of [`forward`] for a number of taps.
pub(super) fn forward_len(plan: &Plan, taps: usize) -> usize {
    plan.groups * plan.out_group().div_ceil(WIDTH) * taps * plan.in_group() * WIDTH
}

/// Panels for the forward pass.
pub(super) fn forward(plan: &Plan, memory: &Memory, w: &[f32], taps: &[usize]) -> Vec<f32> {
    let mut packed = memory.dirty(forward_len(plan, taps.len()));
    let panels = packed.par_chunks_mut(taps.len() * plan.in_group() * WIDTH).enumerate();
    panels.for_each(|(at, packed)| forward_panel(plan, w, taps, at, packed));
    packed
}

/// Panel `at` of [`forward`].
pub(super) fn forward_panel(plan: &Plan, w: &[f32], taps: &[usize], at: usize, packed: &mut [f32]) {
    let (filter, panels) = (plan.in_group() * plan.taps(), plan.out_group().div_ceil(WIDTH));
    let places = places(plan.in_group(), plan.taps(), taps);
    let (first, width) = panel(at, panels, plan.out_group());
    let w = &w[first * filter..][..width * filter];
    wide!(|| {
        // Transposes a square of lines at a time: lines of single output channels become lines of all of them.
        let mut square = [[0.0f32; BLOCK]; WIDTH];
        for (at, places) in places.chunks(BLOCK).enumerate() {
            for (line, w) in square.iter_mut().zip(w.chunks_exact(filter)) {
                line[..places.len()].copy_from_slice(&w[at * BLOCK..][..places.len()]);
            }
            for (i, place) in places.iter().enumerate() {
                let line: [f32; WIDTH] = std::array::from_fn(|lane| square[lane][i]);
                packed[*place * WIDTH..][..WIDTH].copy_from_slice(&line);
            }
        }
    });
}

/// Panels for the way back to the input, whose channels are the outputs here.
pub(super) fn backward(plan: &Plan, memory: &Memory, w: &[f32], taps: &[usize]) -> Vec<f32> {
    let one = taps.len() * plan.out_group() * WIDTH;
    let mut packed = memory.dirty(plan.groups * plan.in_group().div_ceil(WIDTH) * one);
    if one > 0 {
        let panels = packed.par_chunks_mut(one).enumerate();
        panels.for_each(|(at, packed)| backward_panel(plan, w, taps, at, packed));
    }
    packed
}

/// Panel `at` of [`backward`].
pub(super) fn backward_panel(plan: &Plan, w: &[f32], taps: &[usize], at: usize, packed: &mut [f32]) {
    let (outs, filter, panels) = (plan.out_group(), plan.in_group() * plan.taps(), plan.in_group().div_ceil(WIDTH));
    let (first, width) = panel(at, panels, plan.in_group());
    if width < WIDTH {
        packed.fill(0.0);
    }
    let (group, first) = (first / plan.in_group(), first % plan.in_group());
    wide!(|| {
        for o in 0..outs {
            let w = &w[(group * outs + o) * filter + first * plan.taps()..][..width * plan.taps()];
            for (t, tap) in taps.iter().enumerate() {
                let line = &mut packed[(t * outs + o) * WIDTH..][..width];
                line.iter_mut().zip(w.chunks_exact(plan.taps())).for_each(|(p, w)| *p = w[*tap]);
            }
        }
    });
}

/// Sums in the order of [`forward`]'s panels → `[o, c, kh, kw]`.
pub(super) fn unpack(plan: &Plan, packed: &[f32], taps: &[usize]) -> Vec<f32> {
    let (filter, panels) = (plan.in_group() * plan.taps(), plan.out_group().div_ceil(WIDTH));
    let mut w = vec![0.0; plan.out_channels * filter];
    let one = taps.len() * plan.in_group() * WIDTH;
    w.par_chunks_mut(plan.out_group() * filter).enumerate().for_each(|(group, w)| {
        let all = w.par_chunks_mut(WIDTH * filter).enumerate();
        all.for_each(|(at, w)| unpack_panel(plan, &packed[(group * panels + at) * one..][..one], taps, w));
    });
    w
}

/// A panel of sums → the filters `[.., c, kh, kw]` of its channels out.
pub(super) fn unpack_panel(plan: &Plan, packed: &[f32], taps: &[usize], w: &mut [f32]) {
    let filter = plan.in_group() * plan.taps();
    let places = places(plan.in_group(), plan.taps(), taps);
    wide!(|| {
        let mut square = [[0.0f32; WIDTH]; BLOCK];
        for (at, places) in places.chunks(BLOCK).enumerate() {
            for (line, place) in square.iter_mut().zip(places) {
                line.copy_from_slice(&packed[*place * WIDTH..][..WIDTH]);
            }
            for (lane, w) in w.chunks_exact_mut(filter).enumerate() {
                let line: [f32; BLOCK] = std::array::from_fn(|i| square[i][lane]);
                w[at * BLOCK..][..places.len()].copy_from_slice(&line[..places.len()]);
            }
        }
    });
}

/// The line of a panel to which each value of a filter `[c, kh·kw]` belongs; all taps are in a forward pass.
fn places(channels: usize, all: usize, taps: &[usize]) -> Vec<usize> {
    let mut places = vec![0; channels * all];
    for (t, tap) in taps.iter().enumerate() {
        (0..channels).for_each(|c| places[c * all + tap] = t * channels + c);
    }
    places
}

/// The first channel of panel `at` and how many it has, where a group has `panels` for `channels`.
fn panel(at: usize, panels: usize, channels: usize) -> (usize, usize) {
    let inside = at % panels * WIDTH;
    (at / panels * channels + inside, WIDTH.min(channels - inside))
}
