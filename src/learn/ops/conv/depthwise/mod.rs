//! Depthwise convolution over maps `[b, h, w, c]`: each channel has its own small filter.
//!
//! Work is done by blocks of sixteen channels; the rows that a filter spans wait in a ring that fits the first-level cache,
//! so each number of a map is read once. What is read (an input that is still to be normalised and activated, a gradient
//! that is still to come back through a norm) and what becomes of each line of results (bias, statistics, activation) enter as
//! closures, so that a fused operation makes no further pass over memory. `lines` has the inner loops.

mod lines;
mod open;
mod plain;

use rayon::prelude::*;

use self::lines::{Correlate, Weigh};
pub(crate) use self::lines::{LANES, Lane, gather, scatter};
pub(crate) use self::plain::lane;

/// Sizes of one depthwise convolution of one batch.
#[derive(Clone, Debug)]
pub(crate) struct Depthwise {
    pub(crate) batch: usize,
    pub(crate) channels: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) out_height: usize,
    pub(crate) out_width: usize,
    pub(crate) kernel: [usize; 2],
    pub(crate) stride: usize,
    pub(crate) dilation: usize,
    /// Rows of zeros above the picture, and columns left of it; what is needed below and right follows from the sizes.
    pub(crate) padding: [usize; 2],
}

/// One row of one block of channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) image: usize,
    pub(crate) row: usize,
    /// The block's first channel.
    pub(crate) channel: usize,
}

/// Tasks that a batch is cut into at least, where it has as many rows.
const TASKS: usize = 8;
/// Most accumulators of weight gradients.
const SUMS: usize = 16;

impl Depthwise {
    /// Floats of an input picture.
    pub(crate) fn in_image(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// Floats of an output picture.
    pub(crate) fn out_image(&self) -> usize {
        self.out_height * self.out_width * self.channels
    }

    /// Multiply-adds of the batch, as PyTorch counts them: products with the padding too.
    pub(crate) fn multiply_adds(&self) -> usize {
        self.batch * self.out_image() * self.kernel[0] * self.kernel[1]
    }

    /// Rows from the first of a filter to the one after its last.
    fn reach(&self) -> [usize; 2] {
        self.kernel.map(|k| (k.max(1) - 1) * self.dilation + 1)
    }

    /// Lanes of one line of the input, with its zeros.
    fn in_line(&self) -> usize {
        let last = (self.out_width.max(1) - 1) * self.stride + self.reach()[1];
        (self.padding[1] + self.width).max(last)
    }

    /// The lines of the input that the output row `row` reads: place in a ring of `slots` and filter row.
    fn lines(&self, row: usize, slots: usize, out: &mut Vec<(usize, usize)>) {
        out.clear();
        for k in 0..self.kernel[0] {
            let at = (row * self.stride + k * self.dilation).wrapping_sub(self.padding[0]);
            if at < self.height {
                out.push((at % slots * self.in_line(), k));
            }
        }
    }

    /// The rows of the output's gradient that the input row `row` goes into: place in their ring and filter row.
    fn lines_back(&self, row: usize, dy: &Ring, out: &mut Vec<(usize, usize)>) {
        out.clear();
        for k in 0..self.kernel[0] {
            let Some(at) = (row + self.padding[0]).checked_sub(k * self.dilation) else { continue };
            if at % self.stride == 0 && at / self.stride < self.out_height {
                out.push((at / self.stride % dy.slots * dy.line, k));
            }
        }
    }

    /// The rows of the input that an output row may read.
    fn span(&self, row: usize) -> std::ops::Range<usize> {
        let first = row * self.stride;
        let end = (first + self.reach()[0]).saturating_sub(self.padding[0]).min(self.height);
        first.saturating_sub(self.padding[0]).min(end)..end
    }

    fn taps(&self) -> Vec<(usize, usize)> {
        (0..self.kernel[1]).map(|k| (k, k * self.dilation)).collect()
    }

    /// First channels of the blocks.
    fn blocks(&self) -> impl Iterator<Item = usize> + use<> {
        (0..self.channels).step_by(LANES)
    }

    fn block_weights<'a>(&self, weights: &'a [Lane], channel: usize) -> &'a [Lane] {
        let taps = self.kernel[0] * self.kernel[1];
        &weights[channel / LANES * taps..][..taps]
    }
}

/// Weights `[c, 1, kh, kw]` as blocks of channels, each `[kh·kw]` lanes.
pub(crate) fn pack(weight: &[f32], channels: usize) -> Vec<Lane> {
    let taps = weight.len() / channels.max(1);
    let mut packed = vec![[0.0; LANES]; channels.div_ceil(LANES) * taps];
    for (channel, filter) in weight.chunks_exact(taps.max(1)).enumerate() {
        for (tap, value) in filter.iter().enumerate() {
            packed[channel / LANES * taps + tap][channel % LANES] = *value;
        }
    }
    packed
}

/// Adds the way back of [`pack`] to `weight`.
fn unpack(packed: &[Lane], channels: usize, weight: &mut [f32]) {
    let taps = weight.len() / channels.max(1);
    for (channel, filter) in weight.chunks_exact_mut(taps.max(1)).enumerate() {
        for (tap, value) in filter.iter_mut().enumerate() {
            *value += packed[channel / LANES * taps + tap][channel % LANES];
        }
    }
}

/// A ring of lines of one block of channels.
struct Ring {
    lanes: Vec<Lane>,
    slots: usize,
    line: usize,
    /// Zeros left of a line, and its lanes between the zeros.
    left: usize,
    width: usize,
    /// The first row that is not in the ring yet.
    next: usize,
}

impl Ring {
    fn new(slots: usize, line: usize, left: usize, width: usize) -> Ring {
        Ring { lanes: vec![[0.0; LANES]; slots * line], slots, line, left, width, next: 0 }
    }

    /// The part of a row's line between the zeros.
    fn inner(&mut self, row: usize) -> &mut [Lane] {
        let start = row % self.slots * self.line + self.left;
        &mut self.lanes[start..start + self.width]
    }

    /// Reads the rows of `rows` that were not read yet.
    fn fill(&mut self, rows: std::ops::Range<usize>, mut read: impl FnMut(usize, &mut [Lane])) {
        for row in self.next.max(rows.start)..rows.end {
            read(row, self.inner(row));
        }
        self.next = self.next.max(rows.end);
    }
}

/// `y = conv(x, w)`. `read(place, line)` writes a row of the input, `finish(state, place, line)` gets each row of the output and
/// may change it; `state` belongs to a task and comes from `start`. Gives the tasks' states, in the maps' order.
pub(crate) fn forward<S: Send>(
    shape: &Depthwise,
    weights: &[Lane],
    y: &mut [f32],
    read: impl Fn(Place, &mut [Lane]) + Sync,
    start: impl Fn() -> S + Sync,
    finish: impl Fn(&mut S, Place, &mut [Lane]) + Sync,
) -> Vec<S> {
    let parts = TASKS.div_ceil(shape.batch.max(1)).min(shape.out_height.max(1));
    let rows = shape.out_height.div_ceil(parts);
    let row = shape.out_width * shape.channels;
    let one = |image: usize, first: usize, y: &mut [f32]| {
        let mut state = start();
        let rows = first..first + y.len() / row;
        forward_rows(shape, weights, image, rows, y, &read, |place, line| finish(&mut state, place, line));
        state
    };
    let images = y.par_chunks_mut(shape.out_image().max(1)).with_max_len(1).enumerate();
    let states: Vec<Vec<S>> = images
        .map(|(image, y)| {
            y.par_chunks_mut(rows * row)
                .with_max_len(1)
                .enumerate()
                .map(|(part, y)| one(image, part * rows, y))
                .collect()
        })
        .collect();
    states.into_iter().flatten().collect()
}

fn forward_rows(
    shape: &Depthwise,
    weights: &[Lane],
    image: usize,
    rows: std::ops::Range<usize>,
    y: &mut [f32],
    read: &impl Fn(Place, &mut [Lane]),
    mut finish: impl FnMut(Place, &mut [Lane]),
) {
    let arch = pulp::Arch::new();
    let (taps, mut lines) = (shape.taps(), Vec::new());
    let mut ring = Ring::new(shape.reach()[0], shape.in_line(), shape.padding[1], shape.width);
    let mut out = vec![[0.0; LANES]; shape.out_width];
    for channel in shape.blocks() {
        ring.next = 0;
        for (row, y) in rows.clone().zip(y.chunks_exact_mut(shape.out_width * shape.channels)) {
            ring.fill(shape.span(row), |row, line| read(Place { image, row, channel }, line));
            shape.lines(row, ring.slots, &mut lines);
            arch.dispatch(Correlate {
                out: &mut out,
                first: 0,
                step: 1,
                count: shape.out_width,
                ring: &ring.lanes,
                lines: &lines,
                taps: &taps,
                from: shape.stride,
                weights: shape.block_weights(weights, channel),
                width: shape.kernel[1],
            });
            finish(Place { image, row, channel }, &mut out);
            scatter(&out, shape.channels, channel, y);
        }
    }
}

/// What goes back through a depthwise convolution: how its input and the gradient of its output are read, and what becomes
/// of the gradient of its input.
pub(crate) trait Back<S>: Sync {
    /// Whether [`Back::input`] writes slopes.
    const SLOPES: bool;

    /// Writes a row of the input, and with `SLOPES` its slope (the derivative of the activation that made it).
    fn input(&self, place: Place, line: &mut [Lane], slope: &mut [Lane]);

    /// Writes a row of the output's gradient.
    fn gradient(&self, place: Place, line: &mut [Lane]);

    /// Gets each row of the input's gradient, and the slopes of that row, and may change it.
    fn finish(&self, state: &mut S, place: Place, line: &mut [Lane], slope: &[Lane]);
}

/// The gradient of the weight `[c, 1, kh, kw]`, and of the input into `dx` where wanted. Gives the states of the tasks too, in
/// the maps' order.
pub(crate) fn backward<S: Send, B: Back<S>>(
    shape: &Depthwise,
    weights: &[Lane],
    dx: Option<&mut [f32]>,
    start: impl Fn() -> S + Sync,
    back: &B,
) -> (Vec<f32>, Vec<S>) {
    let images = shape.batch.div_ceil(SUMS).max(1);
    let groups = shape.batch.div_ceil(images);
    let one = |group: usize, mut dx: Option<&mut [f32]>| {
        let (mut state, mut dw) = (start(), vec![[0.0; LANES]; weights.len()]);
        let mut buffers = Buffers::new(shape, B::SLOPES);
        for (at, image) in (group * images..((group + 1) * images).min(shape.batch)).enumerate() {
            let dx = dx.as_mut().map(|dx| &mut dx[at * shape.in_image()..][..shape.in_image()]);
            backward_image(shape, weights, image, dx, &mut dw, &mut buffers, &mut state, back);
        }
        (dw, state)
    };
    let parts: Vec<(Vec<Lane>, S)> = match dx {
        None => (0..groups).into_par_iter().with_max_len(1).map(|group| one(group, None)).collect(),
        Some(dx) => {
            let dx = dx.par_chunks_mut((images * shape.in_image()).max(1)).with_max_len(1).enumerate();
            dx.map(|(group, dx)| one(group, Some(dx))).collect()
        }
    };
    let mut dw = vec![0.0; shape.channels * shape.kernel[0] * shape.kernel[1]];
    parts.iter().for_each(|(part, _)| unpack(part, shape.channels, &mut dw));
    (dw, parts.into_iter().map(|(_, state)| state).collect())
}

/// What one task of the way back works in.
struct Buffers {
    x: Ring,
    slope: Ring,
    dy: Ring,
    dx: Vec<Lane>,
    lines: Vec<(usize, usize)>,
    /// For each column of the input modulo the stride: taps of filter columns and places in a line of `dy`.
    phases: Vec<Vec<(usize, usize)>>,
}

impl Buffers {
    fn new(shape: &Depthwise, slopes: bool) -> Buffers {
        let ([down, across], stride) = (shape.reach(), shape.stride);
        let left = (across - 1).saturating_sub(shape.padding[1]).div_ceil(stride);
        // The rightmost output column that an input column may ask for.
        let last = (shape.width.max(1) - 1 + shape.padding[1]) / stride;
        let line = left + shape.out_width.max(last + 1);
        let phase = |column: usize| {
            let tap = |k: usize| {
                let at = (column + shape.padding[1] + left * stride).checked_sub(k * shape.dilation)?;
                (at % stride == 0).then_some((k, at / stride))
            };
            (0..shape.kernel[1]).filter_map(tap).collect()
        };
        let slots = down.max(stride);
        let zeros = shape.in_line();
        Buffers {
            x: Ring::new(slots, zeros, shape.padding[1], shape.width),
            slope: Ring::new(slots, if slopes { shape.width } else { 0 }, 0, if slopes { shape.width } else { 0 }),
            dy: Ring::new(down.div_ceil(stride) + 1, line, left, shape.out_width),
            dx: vec![[0.0; LANES]; shape.width],
            lines: Vec::new(),
            phases: (0..stride).map(phase).collect(),
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "one call site; a struct would only rename them")]
fn backward_image<S, B: Back<S>>(
    shape: &Depthwise,
    weights: &[Lane],
    image: usize,
    mut dx: Option<&mut [f32]>,
    dw: &mut [Lane],
    buffers: &mut Buffers,
    state: &mut S,
    back: &B,
) {
    let arch = pulp::Arch::new();
    let (taps, filter, stride) = (shape.taps(), shape.kernel[0] * shape.kernel[1], shape.stride);
    let Buffers { x, slope, dy, dx: out, lines, phases } = buffers;
    for channel in shape.blocks() {
        let dw = &mut dw[channel / LANES * filter..][..filter];
        let weights = shape.block_weights(weights, channel);
        (x.next, dy.next) = (0, 0);
        let mut done = 0;
        for row in 0..shape.out_height {
            let read = |x: &mut Ring, slope: &mut Ring, rows| {
                x.fill(rows, |row, line| back.input(Place { image, row, channel }, line, slope.inner(row)));
            };
            read(x, slope, shape.span(row));
            dy.fill(row..row + 1, |row, line| back.gradient(Place { image, row, channel }, line));
            shape.lines(row, x.slots, lines);
            arch.dispatch(Weigh {
                dy: dy.inner(row),
                ring: &x.lanes,
                lines,
                taps: &taps,
                from: stride,
                dw,
                width: shape.kernel[1],
            });
            let Some(dx) = dx.as_mut() else { continue };
            // The rows of the input that no later output row reads.
            let last = row + 1 == shape.out_height;
            let end = if last { shape.height } else { ((row + 1) * stride).saturating_sub(shape.padding[0]) };
            for row in done..end.min(shape.height) {
                if B::SLOPES {
                    read(x, slope, row..row + 1);
                }
                shape.lines_back(row, dy, lines);
                for (first, taps) in phases.iter().enumerate().take(shape.width) {
                    arch.dispatch(Correlate {
                        out,
                        first,
                        step: stride,
                        count: (shape.width - first).div_ceil(stride),
                        ring: &dy.lanes,
                        lines,
                        taps,
                        from: 1,
                        weights,
                        width: shape.kernel[1],
                    });
                }
                back.finish(state, Place { image, row, channel }, out, slope.inner(row));
                let width = shape.width * shape.channels;
                scatter(out, shape.channels, channel, &mut dx[row * width..][..width]);
            }
            done = done.max(end.min(shape.height));
        }
    }
}
