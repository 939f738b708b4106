//! One correlation: which floats of a padded source each output pixel sees, in which order of weights.
//!
//! The forward pass is one of them. The way back to the input is one for each phase of the stride (output pixels whose row
//! and column have the same rest by it), each a small dense correlation of the output's gradient, so that no zero between
//! strided pixels is ever multiplied. Where the channels of neighbouring weights lie side by side in memory, they are one run.

use super::plan::Plan;
use super::tile::{MOST_SEGMENTS, Room, Tile, segments};

/// A correlation of a padded source.
#[derive(Clone, Debug)]
pub(super) struct Pass {
    /// The weights (row · kernel width + column) in the order in which they are multiplied.
    pub(super) taps: Vec<usize>,
    /// Where each run of floats starts, from the source pixel at the output's place.
    pub(super) runs: Vec<usize>,
    /// Floats of a run.
    pub(super) run: usize,
}

impl Pass {
    /// `ys` and `xs` are the weights' rows and columns, with their source pixel's distance down and right, which rises.
    /// `line` are the floats of a row of the source, `group` those of its `channels` that are multiplied.
    fn new(
        ys: &[(usize, usize)],
        xs: &[(usize, usize)],
        plan: &Plan,
        line: usize,
        channels: usize,
        group: usize,
    ) -> Pass {
        let taps = ys.iter().flat_map(|y| xs.iter().map(|x| y.0 * plan.kernel[1] + x.0)).collect();
        let merged = group == channels && xs.windows(2).all(|pair| pair[1].1 == pair[0].1 + 1);
        let firsts = if merged { &xs[..xs.len().min(1)] } else { xs };
        let runs = ys.iter().flat_map(|y| firsts.iter().map(|x| y.1 * line + x.1 * channels)).collect();
        Pass { taps, runs, run: if merged { xs.len() * group } else { group } }
    }

    /// The forward pass over a source with rows of `line` floats.
    pub(super) fn forward(plan: &Plan, line: usize) -> Pass {
        let axis = |axis: usize| (0..plan.kernel[axis]).map(|k| (k, k * plan.dilation)).collect::<Vec<_>>();
        Pass::new(&axis(0), &axis(1), plan, line, plan.channels, plan.in_group())
    }

    /// Values that are multiplied for one output channel.
    pub(super) fn depth(&self) -> usize {
        self.runs.len() * self.run
    }
}

/// The output's gradient as the way back to the input reads it, with zeros around.
#[derive(Clone, Debug)]
pub(super) struct Back {
    /// Zeros above and left of the gradient.
    pub(super) before: [usize; 2],
    /// Rows and columns with the zeros.
    pub(super) size: [usize; 2],
    /// The phases of the stride.
    pub(super) phases: Vec<Phase>,
}

/// The input pixels of one rest of row and column by the stride.
#[derive(Clone, Debug)]
pub(super) struct Phase {
    /// The first pixel's row and column.
    pub(super) first: [usize; 2],
    /// How many rows and columns.
    pub(super) count: [usize; 2],
    pub(super) pass: Pass,
}

impl Back {
    /// The way back to the input, or, when that is not `wanted`, the gradient alone.
    pub(super) fn new(plan: &Plan, wanted: bool) -> Back {
        let out = [plan.out_height, plan.out_width];
        if !wanted {
            return Back { before: [0, 0], size: out, phases: Vec::new() };
        }
        let input = [plan.height, plan.width];
        // For each axis and phase: the weights with their gradient pixel's distance, which may be negative.
        let taps = |axis: usize, phase: usize| -> Vec<(usize, isize)> {
            let distance = |k: usize| (phase + plan.padding) as isize - (k * plan.dilation) as isize;
            let fits = |k: &usize| distance(*k).rem_euclid(plan.stride as isize) == 0;
            (0..plan.kernel[axis]).rev().filter(fits).map(|k| (k, distance(k) / plan.stride as isize)).collect()
        };
        let count = |axis: usize, phase: usize| input[axis].saturating_sub(phase).div_ceil(plan.stride);
        let (mut before, mut size) = ([0usize; 2], out);
        for axis in 0..2 {
            let all =
                || (0..plan.stride).flat_map(|phase| taps(axis, phase).into_iter().map(move |tap| (phase, tap.1)));
            before[axis] = all().map(|(_, distance)| (-distance).max(0) as usize).max().unwrap_or(0);
            let last = |(phase, distance): (usize, isize)| {
                let pixels = count(axis, phase);
                (pixels as isize + distance + before[axis] as isize).max(0) as usize
            };
            size[axis] = all().map(last).max().unwrap_or(0).max(before[axis] + out[axis]);
        }
        let line = size[1] * plan.out_channels;
        let moved = |axis: usize, phase: usize| -> Vec<(usize, usize)> {
            taps(axis, phase).into_iter().map(|(k, d)| (k, (d + before[axis] as isize) as usize)).collect()
        };
        let phases = (0..plan.stride * plan.stride).filter_map(|phase| {
            let first = [phase / plan.stride, phase % plan.stride];
            let count = [count(0, first[0]), count(1, first[1])];
            let pass =
                Pass::new(&moved(0, first[0]), &moved(1, first[1]), plan, line, plan.out_channels, plan.out_group());
            (count[0] * count[1] > 0).then_some(Phase { first, count, pass })
        });
        let phases = phases.collect();
        Back { before, size, phases }
    }
}

/// Cuts rows of `width` output pixels into tiles. Each row is given by the place of its first pixel in source and output;
/// `steps` are the floats from one pixel to the next in both.
pub(super) fn tiles(rows: impl Iterator<Item = [usize; 2]>, width: usize, steps: [usize; 2], room: Room) -> Vec<Tile> {
    let parts = width.div_ceil(room.segment);
    let mut by_len: Vec<Vec<[usize; 2]>> = vec![Vec::new(); room.segment + 1];
    for [from, to] in rows {
        for part in 0..parts {
            let (first, end) = (width * part / parts, width * (part + 1) / parts);
            by_len[end - first].push([from + first * steps[0], to + first * steps[1]]);
        }
    }
    let mut tiles = Vec::new();
    for (len, places) in by_len.iter().enumerate() {
        let whole = segments(len, room);
        let mut tile = |places: &[[usize; 2]]| {
            let (mut from, mut to) = ([0; MOST_SEGMENTS], [0; MOST_SEGMENTS]);
            for (i, place) in places.iter().enumerate() {
                [from[i], to[i]] = *place;
            }
            tiles.push(Tile { len, segments: places.len(), from, to });
        };
        for places in places.chunks(whole) {
            if places.len() == whole { tile(places) } else { places.chunks(1).for_each(&mut tile) }
        }
    }
    // Neighbours in memory follow each other, whatever their length.
    tiles.sort_by_key(|tile| tile.from[0]);
    tiles
}
