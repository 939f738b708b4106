//! Two-dimensional convolution, alone and fused with batch norm, residual and activation.
//!
//! [`Tape::conv2d`] is PyTorch's `conv2d` with one stride, padding and dilation for both axes, and groups.
//! [`Tape::conv_norm`] is `act(norm(conv(x)) + residual)`, most of a residual network: statistics are
//! taken while a picture's outputs are still in the cache, evaluation normalises them right there, and
//! on the way back the gradient between norm and convolution exists only one unit at a time.
//! No picture is unfolded into columns: `tile` has the innermost loops, which read maps where they lie, `pass` says which
//! floats they read, `plan` cuts the work, `pack` orders the weights, `forward` and `backward` are the walks over a batch.

mod backward;
mod depthwise;
mod forward;
mod open;
mod pack;
mod pass;
mod plan;
mod standard;
pub(super) mod tile;
mod winograd;

use candle_core::Tensor;
use rayon::prelude::*;

use self::backward::{InputGradient, backward};
use self::forward::forward;
pub use self::open::Open;
pub(crate) use self::plan::Plan;
pub use self::standard::Standard;
use super::act::with_act;
use super::norm::{Norm, Seen, moments, returning};
use super::simd::wide;
use super::tape::memory::{floats, take, tensor};
use super::{Act, Flow, OpsError, ParamId, Params, Tape, Var};

/// A convolution's weight and geometry.
#[derive(Clone, Debug)]
pub struct Conv {
    /// `[o, c / groups, kh, kw]`.
    pub weight: ParamId,
    /// Pixels from one output to the next, on both axes.
    pub stride: usize,
    /// Zeros around the picture, on all sides.
    pub padding: usize,
    /// Pixels from one weight to the next, on both axes.
    pub dilation: usize,
    /// Independent parts of the channels; as many as channels for a depthwise convolution.
    pub groups: usize,
}

impl Tape {
    /// Convolution of `x` `[b, h, w, c]`, with a bias `[o]` if given, then `act`: `[b, ho, wo, o]`.
    ///
    /// # Errors
    /// When channels, groups or sizes do not fit.
    pub fn conv2d(
        &mut self,
        params: &Params,
        x: &Var,
        conv: &Conv,
        bias: Option<ParamId>,
        act: Act,
    ) -> Result<Var, OpsError> {
        self.convolve(params, x, conv, None, bias, act)
    }

    /// [`Tape::conv2d`] with its weights standardised first; they learn through that.
    ///
    /// # Errors
    /// As there, and when the gain does not fit.
    pub fn conv2d_standard(
        &mut self,
        params: &Params,
        x: &Var,
        conv: &Conv,
        standard: &Standard,
        bias: Option<ParamId>,
        act: Act,
    ) -> Result<Var, OpsError> {
        self.convolve(params, x, conv, Some(*standard), bias, act)
    }

    fn convolve(
        &mut self,
        params: &Params,
        x: &Var,
        conv: &Conv,
        standard: Option<Standard>,
        bias: Option<ParamId>,
        act: Act,
    ) -> Result<Var, OpsError> {
        self.reach(conv.weight);
        let raw = params.get(conv.weight).clone();
        if standard.is_none() && act == Act::None && is_depthwise(conv, x.dims(), raw.dims()) {
            return self.depthwise(params, x, conv, bias);
        }
        let plan = Plan::new(conv, x.dims(), raw.dims())?;
        let (channels, image) = (plan.out_channels, plan.out_image());
        let kept = plan.batch * (plan.in_image() + if act == Act::None { 0 } else { image });
        if let Some(bias) = bias.map(|id| params.get(id)).filter(|bias| bias.elem_count() != channels) {
            return Err(OpsError::shape("conv2d", format!("a bias of {channels} floats"), bias.dims()));
        }
        let gain = standard.map(|standard| standard.gain(params, &raw)).transpose()?;
        if let Some(y) = self.dry(plan.multiply_adds(), kept, &plan.out_dims())? {
            return Ok(y);
        }
        if self.is_composed() {
            return self.composed_conv2d(params, x, conv, standard, bias, act);
        }
        let standard = standard.zip(gain);
        let weight = match &standard {
            None => raw.clone(),
            Some((standard, gain)) => standard.of(gain, &raw)?,
        };
        let shift = match bias {
            None => vec![0.0; channels],
            Some(id) => floats("conv2d", params.get(id), |b| Ok(b.to_vec()))?,
        };
        let memory = self.memory().clone();
        let mut y = memory.dirty(plan.batch * image);
        floats("conv2d", x.peek(), |x| {
            floats("conv2d", &weight, |w| {
                forward(&plan, &memory, x, w, &mut y, |_, unit| {
                    if bias.is_some() {
                        let pixels = unit.chunks_exact_mut(channels);
                        wide!(|| pixels.for_each(|y| y.iter_mut().zip(&shift).for_each(|(y, shift)| *y += shift)));
                    }
                });
                Ok(())
            })
        })?;
        let mut y = tensor(y, &plan.out_dims())?;
        // Only an activation makes its argument differ from the output.
        let mut before = None;
        if act != Act::None {
            let mut z = memory.dirty(plan.batch * image);
            floats("conv2d", &y, |y| {
                let pairs = z.par_chunks_mut(image).zip(y.par_chunks(image));
                pairs.for_each(|(z, y)| {
                    wide!(|| with_act!(act, ACT => z.iter_mut().zip(y).for_each(|(z, y)| *z = ACT.at(*y))));
                });
                Ok(())
            })?;
            before = Some(self.hold(std::mem::replace(&mut y, tensor(z, &plan.out_dims())?)));
        }
        let (id, x) = (conv.weight, x.clone());
        Ok(self.record(y, |_| {
            move |dy: Tensor, flow: &mut Flow| {
                let mut dy = take(&dy)?;
                if let Some(before) = before {
                    floats("conv2d", before.peek(), |before| {
                        let pairs = dy.par_chunks_mut(image).zip(before.par_chunks(image));
                        pairs.for_each(|(dy, y)| {
                            let pairs = dy.iter_mut().zip(y);
                            wide!(|| with_act!(act, ACT => pairs.for_each(|(dy, y)| *dy = ACT.back(*dy, *y))));
                        });
                        Ok(())
                    })?;
                }
                if let Some(bias) = bias {
                    let sums: Vec<Vec<f32>> = dy.par_chunks(image).map(|dy| channel_sums(dy, channels)).collect();
                    let total = |c: usize| sums.iter().map(|sum| f64::from(sum[c])).sum::<f64>() as f32;
                    flow.add_param(bias, tensor((0..channels).map(total).collect(), &[channels])?)?;
                }
                return_through(&plan, flow, &x, id, &weight, &|at, row, out: &mut [f32]| {
                    out.copy_from_slice(&dy[at * image + row * out.len()..][..out.len()]);
                })?;
                flow.memory.give(dy);
                match standard {
                    None => Ok(()),
                    Some((standard, gain)) => standard.back(flow, id, &gain, &raw),
                }
            }
        }))
    }

    /// `act(norm(conv(x)) + residual)` of `x` `[b, h, w, c]`: `[b, ho, wo, o]`, which is the `residual`'s shape too.
    ///
    /// # Errors
    /// When channels, groups or sizes do not fit, and in training when a channel has a single value.
    pub fn conv_norm(
        &mut self,
        params: &Params,
        x: &Var,
        conv: &Conv,
        norm: &Norm,
        residual: Option<&Var>,
        act: Act,
    ) -> Result<Var, OpsError> {
        self.reach(conv.weight);
        let weight = params.get(conv.weight).clone();
        if residual.is_none() && is_depthwise(conv, x.dims(), weight.dims()) {
            let y = self.depthwise_open(params, Open::plain(x), conv, false, norm, act)?;
            return self.finish(y, None);
        }
        let plan = Plan::new(conv, x.dims(), weight.dims())?;
        let dims = plan.out_dims();
        if let Some(residual) = residual.filter(|r| r.dims() != dims) {
            return Err(OpsError::shape("conv_norm", format!("a residual of shape {dims:?}"), residual.dims()));
        }
        let kept = plan.batch * (plan.in_image() + plan.out_image());
        if let Some(y) = self.dry(plan.multiply_adds(), kept, &dims)? {
            return Ok(y);
        }
        if self.is_composed() {
            return self.composed_conv_norm(params, x, conv, norm, residual, act);
        }
        let residual_tensor = residual.map(|r| r.peek().contiguous()).transpose()?;
        if !self.is_training() {
            return self.conv_norm_eval(params, x, &weight, &plan, norm, residual_tensor.as_ref(), act);
        }
        let memory = self.memory().clone();
        let (channels, image) = (plan.out_channels, plan.out_image());
        let mut y = memory.dirty(plan.batch * image);
        let seen = floats("conv_norm", x.peek(), |x| {
            floats("conv_norm", &weight, |w| {
                Ok(forward(&plan, &memory, x, w, &mut y, |_, unit| moments(unit, channels)))
            })
        })?;
        let statistics = norm.observe(self, params, seen.iter(), &dims)?;
        let affine = norm.affine(params, &statistics)?;
        let mut z = memory.dirty(plan.batch * image);
        with_optional(residual_tensor.as_ref(), |residual| {
            let pairs = y.par_chunks(image).zip(z.par_chunks_mut(image)).enumerate();
            pairs.for_each(|(at, (y, z))| {
                affine.apply_to(y, residual.map(|r| &r[at * image..][..image]), act, z);
            });
            Ok(())
        })?;
        let (y, x) = (self.hold(tensor(y, &dims)?), x.clone());
        let (conv, norm, gamma) = (conv.clone(), norm.clone(), params.get(norm.weight).clone());
        let residual = residual.cloned();
        Ok(self.record(tensor(z, &dims)?, |z| {
            // ReLU's way back can be told from the output, which the next operation keeps anyway.
            let (added, kept) = match residual {
                None => (None, None),
                Some(residual) if act == Act::Relu => (Some(residual.target()), Some(z.clone())),
                Some(residual) => (Some(residual.target()), (act != Act::None).then_some(residual)),
            };
            move |dz: Tensor, flow: &mut Flow| {
                let mut g = take(&dz)?;
                let back = floats("conv_norm", y.peek(), |y| {
                    let back = with_optional(kept.as_ref().map(Var::peek), |kept| {
                        let seen = kept.map(|k| if act == Act::Relu { Seen::Output(k) } else { Seen::Residual(k) });
                        returning(&mut g, y, seen, &affine, act, &statistics, &gamma)
                    })?;
                    return_through(&plan, flow, &x, conv.weight, &weight, &|at, row, out: &mut [f32]| {
                        let here = at * image + row * out.len();
                        back.apply_to(&g[here..][..out.len()], &y[here..][..out.len()], out);
                    })?;
                    Ok(back)
                })?;
                flow.add_param(norm.weight, tensor(back.d_weight, &[channels])?)?;
                flow.add_param(norm.bias, tensor(back.d_bias, &[channels])?)?;
                match added {
                    Some(residual) => flow.add(residual, tensor(g, &dims)?)?,
                    None => flow.memory.give(g),
                }
                Ok(())
            }
        }))
    }

    #[expect(clippy::too_many_arguments, reason = "the evaluation half of conv_norm, with what it has found")]
    fn conv_norm_eval(
        &mut self,
        params: &Params,
        x: &Var,
        weight: &Tensor,
        plan: &Plan,
        norm: &Norm,
        residual: Option<&Tensor>,
        act: Act,
    ) -> Result<Var, OpsError> {
        let affine = norm.folded(params, plan.out_channels)?;
        let memory = self.memory().clone();
        let mut y = memory.dirty(plan.batch * plan.out_image());
        floats("conv_norm", x.peek(), |x| {
            floats("conv_norm", weight, |w| {
                with_optional(residual, |residual| {
                    forward(plan, &memory, x, w, &mut y, |place, unit| {
                        let residual = residual.map(|r| &r[place..][..unit.len()]);
                        affine.apply(unit, residual, act);
                    });
                    Ok(())
                })
            })
        })?;
        Ok(self.record(tensor(y, &plan.out_dims())?, |_| |_: Tensor, _: &mut Flow| Ok(())))
    }
}

/// Whether each channel has a filter of its own and stays alone.
fn is_depthwise(conv: &Conv, x: &[usize], weight: &[usize]) -> bool {
    conv.groups > 1 && x.last() == Some(&conv.groups) && weight.first() == Some(&conv.groups)
}

/// The sum of each channel of pixels `[n, c]`.
fn channel_sums(pixels: &[f32], channels: usize) -> Vec<f32> {
    let mut sums = vec![0.0; channels];
    wide!(|| {
        let pixels = pixels.chunks_exact(channels);
        pixels.for_each(|x| sums.iter_mut().zip(x).for_each(|(s, x)| *s += *x));
    });
    sums
}

/// The convolution's way back: the weight's gradient, and the input's where it is wanted, added in
/// place to what has flowed there already.
fn return_through(
    plan: &Plan,
    flow: &mut Flow,
    x: &Var,
    id: ParamId,
    weight: &Tensor,
    gradient: &(impl Fn(usize, usize, &mut [f32]) + Sync),
) -> Result<(), OpsError> {
    let target = x.target();
    let so_far = flow.so_far(target).map(|dx| take(&dx)).transpose()?;
    let memory = flow.memory.clone();
    let mut dx = Vec::new();
    let dw = floats("conv2d", x.peek(), |x| {
        let place = match so_far {
            _ if !flow.wants(target) => InputGradient::Unwanted,
            Some(before) => {
                dx = before;
                InputGradient::Added(&mut dx)
            }
            None => {
                dx = memory.dirty(x.len());
                InputGradient::Fresh(&mut dx)
            }
        };
        floats("conv2d", weight, |w| Ok(backward(plan, &memory, x, w, place, gradient)))
    })?;
    flow.add_param(id, tensor(dw, weight.dims())?)?;
    if dx.is_empty() { Ok(()) } else { flow.add(target, tensor(dx, x.dims())?) }
}

/// [`floats`] of a tensor that may be absent.
fn with_optional<R>(
    tensor: Option<&Tensor>,
    f: impl FnOnce(Option<&[f32]>) -> Result<R, OpsError>,
) -> Result<R, OpsError> {
    match tensor {
        None => f(None),
        Some(tensor) => floats("conv_norm", tensor, |floats| f(Some(floats))),
    }
}
