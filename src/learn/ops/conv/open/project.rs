//! The end of a mobile network's block: an open map is finished, scaled by its squeeze-and-excite gate, and projected.
//!
//! One task takes a few pictures: their finished maps exist only while the task multiplies them, so that the wide map is read
//! once forward (normalise, activate, squeeze, scale, multiply) and once back. Squeeze-and-excite needs a picture's whole map
//! before the first product, but no other picture's, and its gradient likewise.

use candle_core::Tensor;
use rayon::prelude::*;

use super::{Open, totals};
use crate::learn::ops::act::with_act;
use crate::learn::ops::conv::{Conv, with_optional};
use crate::learn::ops::norm::{Affine, Moments, Norm, moments, returning};
use crate::learn::ops::simd::{Matrix, matmul, wide};
use crate::learn::ops::squeeze::{Gated, Squeeze, SqueezeWeights};
use crate::learn::ops::tape::memory::{Memory, floats, take, tensor};
use crate::learn::ops::{Act, Flow, OpsError, Params, Tape, Var};

/// Pixels that one product should have at least, to pay for packing the weights.
const PIXELS: usize = 128;
/// Most accumulators of weight gradients.
const SUMS: usize = 8;

/// Sizes of one projection.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    batch: usize,
    plane: usize,
    /// Channels of the open map, and of the output.
    wide: usize,
    out: usize,
    /// Pictures of one product.
    images: usize,
}

impl Sizes {
    fn new(x: &[usize], weight: &[usize], conv: &Conv) -> Result<Sizes, OpsError> {
        let (&[batch, h, w, wide], &[out, per_group, 1, 1]) = (x, weight) else {
            return Err(OpsError::shape("conv_close", "an input [b, h, w, c] and a weight [o, c, 1, 1]", x));
        };
        if wide != per_group || conv.stride != 1 || conv.padding != 0 || conv.groups != 1 {
            return Err(OpsError::shape("conv_close", format!("{per_group} channels, stride 1, no padding"), x));
        }
        let plane = h * w;
        if batch * plane * wide * out == 0 {
            return Err(OpsError::shape("conv_close", "at least one pixel and one channel", x));
        }
        // At least two tasks of a batch, whatever its pictures' size.
        let most = PIXELS.div_ceil(plane).min(batch.div_ceil(2)).max(1);
        Ok(Sizes { batch, plane, wide, out, images: batch.div_ceil(batch.div_ceil(most)) })
    }

    /// Floats of a task's open and projected pictures.
    fn lens(&self) -> [usize; 2] {
        [self.images * self.plane * self.wide, self.images * self.plane * self.out]
    }
}

/// What one task found on its way forward.
struct Task {
    moments: Option<Moments>,
    gated: Option<Gated>,
}

impl Tape {
    /// `norm(conv(squeeze(x))) + residual` for a 1×1 convolution of the open `x` `[b, h, w, c]`: `[b, h, w, o]`. `squeeze` is
    /// squeeze-and-excite (Hu et al. 2017).
    ///
    /// # Errors
    /// When channels or sizes do not fit, and in training when a channel has a single value.
    pub fn conv_close(
        &mut self,
        params: &Params,
        x: Open,
        squeeze: Option<&Squeeze>,
        conv: &Conv,
        norm: &Norm,
        residual: Option<&Var>,
    ) -> Result<Var, OpsError> {
        self.reach(conv.weight);
        let weight = params.get(conv.weight).clone();
        let sizes = Sizes::new(x.dims(), weight.dims(), conv)?;
        let dims = [x.dims()[0], x.dims()[1], x.dims()[2], sizes.out];
        if let Some(residual) = residual.filter(|r| r.dims() != dims) {
            return Err(OpsError::shape("conv_close", format!("a residual of shape {dims:?}"), residual.dims()));
        }
        let gate = squeeze.map(|squeeze| squeeze.weights(params, sizes.wide)).transpose()?;
        let gates = gate.as_ref().map_or(0, |gate| sizes.batch * 2 * sizes.wide * gate.hidden);
        let (pixels, out) = (sizes.batch * sizes.plane, sizes.batch * sizes.plane * sizes.out);
        if let Some(y) = self.dry(pixels * sizes.wide * sizes.out + gates, 2 * out, &dims)? {
            return Ok(y);
        }
        if self.is_composed() {
            let gated = squeeze.map(|squeeze| self.composed_squeeze_excite(params, &x.y, squeeze)).transpose()?;
            return self.composed_conv_norm(params, gated.as_ref().unwrap_or(&x.y), conv, norm, residual, Act::None);
        }
        let memory = self.memory().clone();
        let folded = if self.is_training() { None } else { Some(norm.folded(params, sizes.out)?) };
        let residual_tensor = residual.map(|r| r.peek().contiguous()).transpose()?;
        let mut y = memory.dirty(out);
        let [wide_len, out_len] = sizes.lens();
        let tasks: Vec<Task> = floats("conv_close", x.y.peek(), |floats_x| {
            floats("conv_close", &weight, |w| {
                with_optional(residual_tensor.as_ref(), |residual| {
                    let pairs = floats_x.par_chunks(wide_len).zip(y.par_chunks_mut(out_len)).with_max_len(1);
                    let one = |(at, (from, y)): (usize, (&[f32], &mut [f32]))| {
                        let gated = forward(&sizes, &memory, &x, gate.as_ref(), from, w, y);
                        let moments = match &folded {
                            None => Some(moments(y, sizes.out)),
                            Some(folded) => {
                                let residual = residual.map(|r| &r[at * out_len..][..y.len()]);
                                folded.apply(y, residual, Act::None);
                                None
                            }
                        };
                        Task { moments, gated }
                    };
                    Ok(pairs.enumerate().map(one).collect())
                })
            })
        })?;
        if folded.is_some() {
            return Ok(self.record(tensor(y, &dims)?, |_| |_: Tensor, _: &mut Flow| Ok(())));
        }
        let statistics = norm.observe(self, params, tasks.iter().filter_map(|task| task.moments.as_ref()), &dims)?;
        let affine = norm.affine(params, &statistics)?;
        let mut z = memory.dirty(out);
        with_optional(residual_tensor.as_ref(), |residual| {
            let pairs = y.par_chunks(out_len).zip(z.par_chunks_mut(out_len)).enumerate();
            pairs.for_each(|(at, (y, z))| {
                affine.apply_to(y, residual.map(|r| &r[at * out_len..][..y.len()]), Act::None, z);
            });
            Ok(())
        })?;
        let y = self.hold(tensor(y, &dims)?);
        let gated: Vec<Gated> = tasks.into_iter().filter_map(|task| task.gated).collect();
        let (norm, id, gamma) = (norm.clone(), conv.weight, params.get(norm.weight).clone());
        let residual = residual.map(Var::target);
        Ok(self.record(tensor(z, &dims)?, |_| {
            move |dz: Tensor, flow: &mut Flow| {
                let mut dz = take(&dz)?;
                let target = x.y.target();
                let mut g = flow.memory.dirty(pixels * sizes.wide);
                let (back, parts) = floats("conv_close", y.peek(), |y| {
                    let back = returning(&mut dz, y, None, &affine, Act::None, &statistics, &gamma)?;
                    let memory = flow.memory.clone();
                    let groups = pixels.div_ceil(sizes.images * sizes.plane);
                    let each = groups.div_ceil(SUMS);
                    let parts: Vec<Part> = floats("conv_close", x.y.peek(), |from| {
                        floats("conv_close", &weight, |w| {
                            let parts = g.par_chunks_mut(each * wide_len).with_max_len(1).enumerate();
                            let one = |(part, g): (usize, &mut [f32])| {
                                let mut found = Part::new(&sizes);
                                for (at, g) in g.chunks_mut(wide_len).enumerate() {
                                    let group = part * each + at;
                                    let from = &from[group * wide_len..][..g.len()];
                                    let n = g.len() / sizes.wide;
                                    let range = group * out_len..group * out_len + n * sizes.out;
                                    let mut dy = memory.dirty(n * sizes.out);
                                    back.apply_to(&dz[range.clone()], &y[range], &mut dy);
                                    let gate = gate.as_ref().zip(gated.get(group));
                                    found.group(&sizes, &memory, &x, gate, from, w, &dy, g);
                                    memory.give(dy);
                                }
                                found
                            };
                            Ok(parts.map(one).collect())
                        })
                    })?;
                    Ok((back, parts))
                })?;
                let channels = [sizes.out];
                flow.add_param(norm.weight, tensor(back.d_weight, &channels)?)?;
                flow.add_param(norm.bias, tensor(back.d_bias, &channels)?)?;
                if let Some(sums) = &x.sums {
                    sums.give(totals(sizes.wide, parts.iter().map(|part| (&part.sums[..], &part.apart[..]))));
                }
                let mut dw = vec![0.0; sizes.out * sizes.wide];
                parts.iter().for_each(|part| dw.iter_mut().zip(&part.dw).for_each(|(total, dw)| *total += dw));
                flow.add_param(id, tensor(dw, weight.dims())?)?;
                if let Some(gate) = &gate {
                    let outer = parts.iter().flat_map(|part| &part.gates);
                    gate.give_back(flow, gated.iter().zip(outer))?;
                }
                flow.add(target, tensor(g, x.dims())?)?;
                match residual {
                    Some(residual) => flow.add(residual, tensor(dz, &dims)?),
                    None => {
                        flow.memory.give(dz);
                        Ok(())
                    }
                }
            }
        }))
    }
}

/// Projects some pictures.
fn forward(
    sizes: &Sizes,
    memory: &Memory,
    x: &Open,
    gate: Option<&SqueezeWeights>,
    from: &[f32],
    w: &[f32],
    y: &mut [f32],
) -> Option<Gated> {
    let n = from.len() / sizes.wide;
    let w = Matrix::new(w, sizes.out, sizes.wide, sizes.wide).turned();
    if x.is_plain() && gate.is_none() {
        matmul(y, sizes.out, Matrix::new(from, n, sizes.wide, sizes.wide), w, false);
        return None;
    }
    let mut finished = memory.dirty(from.len());
    x.affine.apply_to(from, None, x.act, &mut finished);
    let gated = gate.map(|gate| {
        let gated = gate.forward(&finished, sizes.plane);
        gated.scale(&mut finished, sizes.plane);
        gated
    });
    matmul(y, sizes.out, Matrix::new(&finished, n, sizes.wide, sizes.wide), w, false);
    memory.give(finished);
    gated
}

/// What one task found on its way back.
struct Part {
    dw: Vec<f32>,
    sums: Vec<f32>,
    apart: Vec<f32>,
    /// The gates' gradients of each of its groups.
    gates: Vec<crate::learn::ops::squeeze::Outer>,
}

impl Part {
    fn new(sizes: &Sizes) -> Part {
        let zeros = vec![0.0; sizes.wide];
        Part { dw: vec![0.0; sizes.out * sizes.wide], sums: zeros.clone(), apart: zeros, gates: Vec::new() }
    }

    /// Writes the gradient of the open map before its activation into `g`, for the projection's gradient `dy`.
    #[expect(clippy::too_many_arguments, reason = "one call site; a struct would only rename them")]
    fn group(
        &mut self,
        sizes: &Sizes,
        memory: &Memory,
        x: &Open,
        gate: Option<(&SqueezeWeights, &Gated)>,
        from: &[f32],
        w: &[f32],
        dy: &[f32],
        g: &mut [f32],
    ) {
        let (wide_channels, n) = (sizes.wide, g.len() / sizes.wide);
        let (mut value, mut slope) = (memory.dirty(g.len()), memory.dirty(g.len()));
        finish(x, from, &mut value, &mut slope);
        let dy = Matrix::new(dy, n, sizes.out, sizes.out);
        matmul(g, wide_channels, dy, Matrix::new(w, sizes.out, wide_channels, wide_channels), false);
        let outer = gate.map(|(gate, gated)| {
            let outer = gate.backward(gated, &value, g, sizes.plane);
            gated.scale(&mut value, sizes.plane);
            outer
        });
        matmul(&mut self.dw, wide_channels, dy.turned(), Matrix::new(&value, n, wide_channels, wide_channels), true);
        let (sums, apart) = (&mut self.sums[..wide_channels], &mut self.apart[..wide_channels]);
        let mean = &x.mean[..wide_channels];
        for (image, g) in g.chunks_exact_mut(sizes.plane * wide_channels).enumerate() {
            let range = image * sizes.plane * wide_channels..(image + 1) * sizes.plane * wide_channels;
            let scale = gate.zip(outer.as_ref()).map(|((_, gated), outer)| {
                let range = image * wide_channels..(image + 1) * wide_channels;
                (&gated.gate[range.clone()], &outer.mean[range])
            });
            let [sums, apart] = [&mut *sums, &mut *apart];
            wide!(|| leave(g, &slope[range.clone()], &from[range], scale, mean, sums, apart));
        }
        self.gates.extend(outer);
        memory.give(value);
        memory.give(slope);
    }
}

/// The finished numbers of an open map, and the slopes of its activation.
fn finish(x: &Open, from: &[f32], value: &mut [f32], slope: &mut [f32]) {
    wide!(|| finish_in(&x.affine, x.act, from, value, slope));
}

#[inline(always)]
fn finish_in(affine: &Affine, act: Act, from: &[f32], value: &mut [f32], slope: &mut [f32]) {
    let channels = affine.scale.len();
    let (scale, shift) = (&affine.scale[..channels], &affine.shift[..channels]);
    let out = value.chunks_exact_mut(channels).zip(slope.chunks_exact_mut(channels));
    with_act!(act, ACT => {
        for (y, (value, slope)) in from.chunks_exact(channels).zip(out) {
            for i in 0..channels {
                let u = scale[i] * y[i] + shift[i];
                value[i] = ACT.at(u);
                slope[i] = ACT.back(1.0, u);
            }
        }
    });
}

/// Takes one picture's gradient through gate and activation, in place, and sums it.
#[inline(always)]
fn leave(
    g: &mut [f32],
    slope: &[f32],
    from: &[f32],
    scale: Option<(&[f32], &[f32])>,
    mean: &[f32],
    sums: &mut [f32],
    apart: &mut [f32],
) {
    let channels = mean.len();
    let (sums, apart) = (&mut sums[..channels], &mut apart[..channels]);
    let pixels = slope.chunks_exact(channels).zip(from.chunks_exact(channels));
    let pixels = g.chunks_exact_mut(channels).zip(pixels);
    match scale {
        None => {
            for (g, (slope, y)) in pixels {
                for i in 0..channels {
                    g[i] *= slope[i];
                    sums[i] += g[i];
                    apart[i] += g[i] * (y[i] - mean[i]);
                }
            }
        }
        Some((scale, shift)) => {
            let (scale, shift) = (&scale[..channels], &shift[..channels]);
            for (g, (slope, y)) in pixels {
                for i in 0..channels {
                    g[i] = (g[i] * scale[i] + shift[i]) * slope[i];
                    sums[i] += g[i];
                    apart[i] += g[i] * (y[i] - mean[i]);
                }
            }
        }
    }
}
