//! The depthwise convolution between two norms: reads an open value, leaves an open value.
//!
//! Forward, each number of the input is normalised and activated on its way into the ring, and the output's moments are summed
//! line by line. Back, the output's gradient comes through the norm on its way into the ring, and the input's gradient
//! leaves through the activation, with the sums for the norm before.

use candle_core::Tensor;

use super::{Back, Depthwise, LANES, Lane, Place, backward, forward, gather, lane, pack};
use crate::learn::ops::act::with_act;
use crate::learn::ops::conv::Conv;
use crate::learn::ops::conv::open::{Open, OpenNorm, Sums, totals};
use crate::learn::ops::norm::{Affine, Moments, Norm, Return};
use crate::learn::ops::simd::wide;
use crate::learn::ops::tape::memory::{floats, take, tensor};
use crate::learn::ops::{Act, Flow, OpsError, Params, Tape};

/// Moments of one task's channels, summed line by line: distances from the first value, which is never far from the mean in
/// standard deviations, so that nothing cancels.
struct Spread {
    count: usize,
    first: Vec<Option<Lane>>,
    sum: Vec<Lane>,
    square: Vec<Lane>,
}

impl Spread {
    fn new(channels: usize) -> Spread {
        let blocks = channels.div_ceil(LANES);
        let zeros = vec![[0.0; LANES]; blocks];
        Spread { count: 0, first: vec![None; blocks], sum: zeros.clone(), square: zeros }
    }

    fn line(&mut self, channel: usize, line: &[Lane]) {
        let block = channel / LANES;
        self.count += if channel == 0 { line.len() } else { 0 };
        let first = *self.first[block].get_or_insert(line[0]);
        let (sum, square) = (&mut self.sum[block], &mut self.square[block]);
        wide!(|| spread(first, line, sum, square));
    }

    fn moments(&self, channels: usize) -> Moments {
        let n = self.count as f64;
        let of = |c: usize| {
            let (block, i) = (c / LANES, c % LANES);
            let (sum, square) = (f64::from(self.sum[block][i]), f64::from(self.square[block][i]));
            let first = self.first[block].map_or(0.0, |first| f64::from(first[i]));
            ((first + sum / n) as f32, (square - sum * sum / n).max(0.0) as f32)
        };
        let (mean, squares) = (0..channels).map(of).unzip();
        Moments { count: self.count, mean, squares }
    }
}

#[inline(always)]
fn spread(first: Lane, line: &[Lane], sum: &mut Lane, square: &mut Lane) {
    let (mut s, mut q) = ([0.0f32; LANES], [0.0f32; LANES]);
    for x in line {
        for i in 0..LANES {
            let apart = x[i] - first[i];
            s[i] += apart;
            q[i] += apart * apart;
        }
    }
    for i in 0..LANES {
        sum[i] += s[i];
        square[i] += q[i];
    }
}

/// A row of a map as a line of one block of channels, finished on the way.
#[inline(always)]
fn read(row: &[f32], channels: usize, channel: usize, line: &mut [Lane], finish: Option<(&Block, Act)>) {
    gather(row, channels, channel, line);
    if let Some((block, act)) = finish {
        block.finish(act, line);
    }
}

/// The same as [`read`] with the slopes of the activation.
#[inline(always)]
fn read_both(
    row: &[f32],
    channels: usize,
    channel: usize,
    line: &mut [Lane],
    slope: &mut [Lane],
    block: &Block,
    act: Act,
) {
    gather(row, channels, channel, line);
    with_act!(act, ACT => {
        for (y, slope) in line.iter_mut().zip(slope) {
            for i in 0..LANES {
                let u = block.scale[i] * y[i] + block.shift[i];
                slope[i] = ACT.back(1.0, u);
                y[i] = ACT.at(u);
            }
        }
    });
}

/// Numbers of one block of channels.
struct Block {
    scale: Lane,
    shift: Lane,
}

impl Block {
    fn of(affine: &Affine, channel: usize) -> Block {
        Block { scale: lane(&affine.scale, channel), shift: lane(&affine.shift, channel) }
    }

    /// `act(y·scale + shift)`, in place.
    #[inline(always)]
    fn finish(&self, act: Act, line: &mut [Lane]) {
        with_act!(act, ACT => {
            for y in line {
                for i in 0..LANES {
                    y[i] = ACT.at(self.scale[i] * y[i] + self.shift[i]);
                }
            }
        });
    }
}

struct Between<'a> {
    shape: &'a Depthwise,
    /// The open input's floats, and how it is finished.
    x: &'a [f32],
    affine: &'a Affine,
    mean: &'a [f32],
    act: Act,
    /// The output's floats, its gradient, and that one's way through the norm.
    y: &'a [f32],
    g: &'a [f32],
    back: &'a Return,
}

/// A task's sums for the norm before.
struct Found {
    sums: Vec<f32>,
    apart: Vec<f32>,
}

impl Back<Found> for Between<'_> {
    const SLOPES: bool = true;

    fn input(&self, place: Place, line: &mut [Lane], slope: &mut [Lane]) {
        let block = Block::of(self.affine, place.channel);
        let row = self.shape.in_row(self.x, place);
        wide!(|| read_both(row, self.shape.channels, place.channel, line, slope, &block, self.act));
    }

    fn gradient(&self, place: Place, line: &mut [Lane]) {
        let (channels, back) = (self.shape.channels, self.back);
        let [a, b, c, mean] = [&back.a, &back.b, &back.c, &back.mean].map(|of| lane(of, place.channel));
        let (g, y) = (self.shape.out_row(self.g, place), self.shape.out_row(self.y, place));
        wide!(|| through(channels, place.channel, g, y, [a, b, c, mean], line));
    }

    fn finish(&self, found: &mut Found, place: Place, line: &mut [Lane], slope: &[Lane]) {
        let channels = self.shape.channels;
        let mean = lane(self.mean, place.channel);
        let row = self.shape.in_row(self.x, place);
        let [sums, apart] = wide!(|| leave(channels, place.channel, line, slope, row, mean));
        let range = place.channel..(place.channel + LANES).min(channels);
        found.sums[range.clone()].iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
        found.apart[range].iter_mut().zip(apart).for_each(|(total, sum)| *total += sum);
    }
}

/// A line of the output's gradient, taken back through the norm: `a·g + b·(y − mean) + c`.
#[inline(always)]
fn through(channels: usize, channel: usize, g: &[f32], y: &[f32], [a, b, c, mean]: [Lane; 4], line: &mut [Lane]) {
    let width = (channels - channel).min(LANES);
    let rows = g.chunks_exact(channels).zip(y.chunks_exact(channels));
    let rows = rows.map(|(g, y)| (&g[channel..channel + width], &y[channel..channel + width]));
    for (line, (g, y)) in line.iter_mut().zip(rows) {
        let (g, y) = (lane(g, 0), lane(y, 0));
        for i in 0..LANES {
            line[i] = a[i] * g[i] + b[i] * (y[i] - mean[i]) + c[i];
        }
    }
}

/// Takes a line of the input's gradient through the activation, in place; gives its sums.
#[inline(always)]
fn leave(channels: usize, channel: usize, line: &mut [Lane], slope: &[Lane], row: &[f32], mean: Lane) -> [Lane; 2] {
    let width = (channels - channel).min(LANES);
    let (mut sums, mut apart) = ([0.0f32; LANES], [0.0f32; LANES]);
    for ((g, slope), x) in line.iter_mut().zip(slope).zip(row.chunks_exact(channels)) {
        let x = lane(&x[channel..channel + width], 0);
        for i in 0..LANES {
            g[i] *= slope[i];
            sums[i] += g[i];
            apart[i] += g[i] * (x[i] - mean[i]);
        }
    }
    [sums, apart]
}

impl Tape {
    /// Depthwise convolution of the open `x` `[b, h, w, c]`, itself open: `[b, ho, wo, c]`. With `same` the padding is
    /// TensorFlow's: `ceil(size / stride)` pixels come out, and of an odd number of zeros more lie below and right.
    ///
    /// # Errors
    /// When channels or sizes do not fit, and in training when a channel has a single value.
    pub fn depthwise_open(
        &mut self,
        params: &Params,
        x: Open,
        conv: &Conv,
        same: bool,
        norm: &Norm,
        act: Act,
    ) -> Result<Open, OpsError> {
        self.reach(conv.weight);
        let weight = params.get(conv.weight);
        let mut shape = Depthwise::new(conv, x.dims(), weight.dims())?;
        if same {
            shape.pad_same();
        }
        let (channels, dims) = (shape.channels, shape.out_dims());
        if let Some(y) = self.dry(shape.multiply_adds(), shape.batch * shape.out_image(), &dims)? {
            return Ok(Open::plain(&y));
        }
        if self.is_composed() {
            let [rows, columns] = shape.around();
            let padded = self.pad(&x.y, rows, columns)?;
            let conv = Conv { padding: 0, ..conv.clone() };
            return Ok(Open::plain(&self.composed_conv_norm(params, &padded, &conv, norm, None, act)?));
        }
        let packed = floats("depthwise", weight, |w| Ok(pack(w, channels)))?;
        let mut y = self.memory().dirty(shape.batch * shape.out_image());
        let folded = if self.is_training() { None } else { Some(norm.folded(params, channels)?) };
        let spreads = floats("depthwise", x.y.peek(), |floats| {
            let read = |place: Place, line: &mut [Lane]| {
                let block = Block::of(&x.affine, place.channel);
                let finish = (!x.is_plain()).then_some((&block, x.act));
                let row = shape.in_row(floats, place);
                wide!(|| self::read(row, channels, place.channel, line, finish));
            };
            Ok(match &folded {
                None => {
                    let start = || Spread::new(channels);
                    let finish =
                        |spread: &mut Spread, place: Place, line: &mut [Lane]| spread.line(place.channel, line);
                    forward(&shape, &packed, &mut y, read, start, finish)
                }
                Some(folded) => {
                    let finish = |_: &mut (), place: Place, line: &mut [Lane]| {
                        let block = Block::of(folded, place.channel);
                        wide!(|| block.finish(act, line));
                    };
                    forward(&shape, &packed, &mut y, read, || (), finish);
                    Vec::new()
                }
            })
        })?;
        let y = tensor(y, &dims)?;
        if folded.is_some() {
            return Ok(Open::plain(&self.record(y, |_| |_: Tensor, _: &mut Flow| Ok(()))));
        }
        let moments: Vec<Moments> = spreads.iter().map(|spread| spread.moments(channels)).collect();
        let statistics = norm.observe(self, params, moments.iter(), &dims)?;
        let affine = norm.affine(params, &statistics)?;
        let (mean, sums) = (statistics.mean.clone(), Sums::default());
        let gamma = params.get(norm.weight).clone();
        let open = OpenNorm { norm: norm.clone(), statistics, gamma, sums: sums.clone() };
        let (id, weight_dims) = (conv.weight, weight.dims().to_vec());
        let y = self.record(y, |y| {
            let y = y.clone();
            move |g: Tensor, flow: &mut Flow| {
                let (g, through, target) = (take(&g)?, open.returning()?, x.y.target());
                let wanted = flow.wants(target);
                let mut dx = if wanted { flow.memory.dirty(shape.batch * shape.in_image()) } else { Vec::new() };
                let (dw, found) = floats("depthwise", y.peek(), |y| {
                    floats("depthwise", x.y.peek(), |x_floats| {
                        let between = Between {
                            shape: &shape,
                            x: x_floats,
                            affine: &x.affine,
                            mean: &x.mean,
                            act: x.act,
                            y,
                            g: &g,
                            back: &through,
                        };
                        let start = || Found { sums: vec![0.0; channels], apart: vec![0.0; channels] };
                        Ok(backward(&shape, &packed, wanted.then_some(&mut dx[..]), start, &between))
                    })
                })?;
                drop(y);
                flow.memory.give(g);
                flow.add_param(id, tensor(dw, &weight_dims)?)?;
                open.give_back(flow, through)?;
                if let Some(sums) = &x.sums {
                    sums.give(totals(channels, found.iter().map(|f| (&f.sums[..], &f.apart[..]))));
                }
                if wanted { flow.add(target, tensor(dx, x.dims())?) } else { Ok(()) }
            }
        });
        Ok(Open { y, affine, mean, act, sums: Some(sums) })
    }
}
