//! Two-dimensional convolution, alone and fused with batch norm, residual and ReLU.
//!
//! [`Tape::conv2d`] is PyTorch's `conv2d` with one stride, padding and dilation for both axes, and groups.
//! [`Tape::conv_norm`] is `relu(norm(conv(x)) + residual)`, most of a residual network: statistics are
//! taken while a picture's outputs are still in the cache, evaluation normalises them right there, and
//! on the way back the gradient between norm and convolution exists only one unit at a time.
//! Files: `plan` cuts the work, `unfold` turns pictures into columns, `kernel` multiplies.

mod depthwise;
mod kernel;
mod plan;
mod unfold;

use candle_core::Tensor;
use rayon::prelude::*;

use self::kernel::InputGradient;
pub(crate) use self::plan::Plan;
use super::norm::{Norm, moments, returning};
use super::tape::memory::{floats, take, tensor};
use super::{Flow, OpsError, ParamId, Params, Tape, Var};

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
    /// Convolution of `x` `[b, c, h, w]`, with a bias `[o]` if given: `[b, o, ho, wo]`.
    ///
    /// # Errors
    /// When channels, groups or sizes do not fit.
    pub fn conv2d(&mut self, params: &Params, x: &Var, conv: &Conv, bias: Option<ParamId>) -> Result<Var, OpsError> {
        let weight = params.get(conv.weight).clone();
        let plan = Plan::new(conv, x.dims(), weight.dims())?;
        if let Some(y) = self.dry(plan.multiply_adds(), plan.batch * plan.in_image(), &plan.out_dims())? {
            return Ok(y);
        }
        let plane = plan.out_plane();
        let shift = match bias {
            None => vec![0.0; plan.out_channels],
            Some(id) => floats("conv2d", params.get(id), |b| Ok(b.to_vec()))?,
        };
        if shift.len() != plan.out_channels {
            return Err(OpsError::shape("conv2d", format!("a bias of {} floats", plan.out_channels), &[shift.len()]));
        }
        let memory = self.memory().clone();
        let mut y = memory.dirty(plan.batch * plan.out_image());
        floats("conv2d", x.peek(), |x| {
            floats("conv2d", &weight, |w| {
                kernel::forward(&plan, &memory, x, w, &mut y, |_, unit| {
                    if bias.is_some() {
                        let planes = unit.chunks_exact_mut(plane).zip(shift.iter().cycle());
                        planes.for_each(|(y, shift)| y.iter_mut().for_each(|y| *y += shift));
                    }
                });
                Ok(())
            })
        })?;
        let (id, x) = (conv.weight, x.clone());
        Ok(self.record(tensor(y, &plan.out_dims())?, |_| {
            move |dy: Tensor, flow: &mut Flow| {
                let dy = take(&dy)?;
                let (channels, image) = (plan.out_channels, plan.out_image());
                if let Some(bias) = bias {
                    let sums: Vec<Vec<f32>> = dy
                        .par_chunks(image)
                        .map(|dy| dy.chunks_exact(plane).map(|dy| dy.iter().sum()).collect())
                        .collect();
                    let total = |c: usize| sums.iter().map(|sum| f64::from(sum[c])).sum::<f64>() as f32;
                    flow.add_param(bias, tensor((0..channels).map(total).collect(), &[channels])?)?;
                }
                return_through(&plan, flow, &x, id, &weight, |image_at, channel, out| {
                    out.copy_from_slice(&dy[image_at * image + channel * plane..][..plane]);
                })?;
                flow.memory.give(dy);
                Ok(())
            }
        }))
    }

    /// `act(norm(conv(x)) + residual)`, where `act` is ReLU if asked and nothing otherwise, and the
    /// `residual` has the output's shape.
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
        relu: bool,
    ) -> Result<Var, OpsError> {
        let weight = params.get(conv.weight).clone();
        let plan = Plan::new(conv, x.dims(), weight.dims())?;
        let dims = plan.out_dims();
        if let Some(residual) = residual.filter(|r| r.dims() != dims) {
            return Err(OpsError::shape("conv_norm", format!("a residual of shape {dims:?}"), residual.dims()));
        }
        let kept = plan.batch * (plan.in_image() + plan.out_image());
        if let Some(y) = self.dry(plan.multiply_adds(), kept, &dims)? {
            return Ok(y);
        }
        let residual_tensor = residual.map(|r| r.peek().contiguous()).transpose()?;
        if !self.is_training() {
            return self.conv_norm_eval(params, x, &weight, &plan, norm, residual_tensor.as_ref(), relu);
        }
        let memory = self.memory().clone();
        let (plane, image) = (plan.out_plane(), plan.out_image());
        let mut y = memory.dirty(plan.batch * image);
        let seen = floats("conv_norm", x.peek(), |x| {
            floats("conv_norm", &weight, |w| {
                Ok(kernel::forward(&plan, &memory, x, w, &mut y, |_, unit| {
                    unit.chunks_exact(image).map(|image| moments(image, plane)).collect::<Vec<_>>()
                }))
            })
        })?;
        let statistics = norm.observe(self, params, seen.iter().flatten(), plane, &dims)?;
        let affine = norm.affine(params, &statistics)?;
        let mut z = memory.dirty(plan.batch * image);
        with_optional(residual_tensor.as_ref(), |residual| {
            let pairs = y.par_chunks(image).zip(z.par_chunks_mut(image)).enumerate();
            pairs.for_each(|(at, (y, z))| {
                affine.apply_to(y, residual.map(|r| &r[at * image..][..image]), plane, relu, z);
            });
            Ok(())
        })?;
        let (y, x) = (self.hold(tensor(y, &dims)?), x.clone());
        let (conv, norm, gamma) = (conv.clone(), norm.clone(), params.get(norm.weight).clone());
        let residual = residual.map(Var::target);
        Ok(self.record(tensor(z, &dims)?, |z| {
            let kept = relu.then(|| z.clone());
            move |dz: Tensor, flow: &mut Flow| {
                let mut g = take(&dz)?;
                let back = returning(&mut g, kept.as_ref(), y.peek(), &statistics, &gamma, plane)?;
                drop(kept);
                floats("conv_norm", y.peek(), |y| {
                    return_through(&plan, flow, &x, conv.weight, &weight, |image_at, channel, out| {
                        let at = image_at * image + channel * plane;
                        back.plane(channel, &g[at..][..plane], &y[at..][..plane], out);
                    })
                })?;
                let channels = [plan.out_channels];
                flow.add_param(norm.weight, tensor(back.d_weight, &channels)?)?;
                flow.add_param(norm.bias, tensor(back.d_bias, &channels)?)?;
                match residual {
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
        relu: bool,
    ) -> Result<Var, OpsError> {
        let affine = norm.folded(params, plan.out_channels)?;
        let memory = self.memory().clone();
        let (plane, image) = (plan.out_plane(), plan.out_image());
        let mut y = memory.dirty(plan.batch * image);
        floats("conv_norm", x.peek(), |x| {
            floats("conv_norm", weight, |w| {
                with_optional(residual, |residual| {
                    kernel::forward(plan, &memory, x, w, &mut y, |first, unit| {
                        let residual = residual.map(|r| &r[first * image..][..unit.len()]);
                        affine.apply(unit, residual, plane, relu);
                    });
                    Ok(())
                })
            })
        })?;
        Ok(self.record(tensor(y, &plan.out_dims())?, |_| |_: Tensor, _: &mut Flow| Ok(())))
    }
}

/// The convolution's way back: the weight's gradient, and the input's where it is wanted, added in
/// place to what has flowed there already.
fn return_through(
    plan: &Plan,
    flow: &mut Flow,
    x: &Var,
    id: ParamId,
    weight: &Tensor,
    gradient: impl Fn(usize, usize, &mut [f32]) + Sync,
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
        floats("conv2d", weight, |w| Ok(kernel::backward(plan, &memory, x, w, place, gradient)))
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
