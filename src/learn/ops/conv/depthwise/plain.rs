//! The depthwise convolution alone: `[b, h, w, c]` → `[b, ho, wo, c]`, with a bias or without.

use candle_core::Tensor;
use rayon::prelude::*;

use super::{Back, Depthwise, LANES, Lane, Place, backward, forward, gather, pack};
use crate::learn::ops::conv::{Conv, channel_sums};
use crate::learn::ops::simd::wide;
use crate::learn::ops::tape::memory::{floats, take, tensor};
use crate::learn::ops::{Act, Flow, OpsError, ParamId, Params, Tape, Var};

impl Depthwise {
    /// For an input `[b, h, w, c]` and a weight `[c, 1, kh, kw]`.
    pub(crate) fn new(conv: &Conv, x: &[usize], weight: &[usize]) -> Result<Depthwise, OpsError> {
        let (&[batch, height, width, channels], &[out, 1, kh, kw]) = (x, weight) else {
            return Err(OpsError::shape("depthwise", "an input [b, h, w, c] and a weight [c, 1, kh, kw]", x));
        };
        let Conv { stride, padding, dilation, groups, .. } = *conv;
        if groups != channels || out != channels || channels == 0 || batch == 0 {
            return Err(OpsError::shape("depthwise", format!("{out} channels for a weight {weight:?}"), x));
        }
        if stride == 0 || dilation == 0 || kh * kw == 0 {
            return Err(OpsError::shape("depthwise", "a kernel, a stride and a dilation of at least 1", weight));
        }
        let reach = |kernel: usize| dilation * (kernel - 1) + 1;
        let out = |size: usize, kernel: usize| (size + 2 * padding).checked_sub(reach(kernel)).map(|d| d / stride + 1);
        let (Some(out_height), Some(out_width)) = (out(height, kh), out(width, kw)) else {
            return Err(OpsError::shape("depthwise", format!("at least {}x{} pixels", reach(kh), reach(kw)), x));
        };
        Ok(Depthwise {
            batch,
            channels,
            height,
            width,
            out_height,
            out_width,
            kernel: [kh, kw],
            stride,
            dilation,
            padding: [padding; 2],
        })
    }

    /// TensorFlow's padding: `ceil(size / stride)` pixels come out, the odd zero lies below and right.
    pub(crate) fn pad_same(&mut self) {
        let reach = self.kernel.map(|k| self.dilation * (k - 1) + 1);
        (self.out_height, self.out_width) = (self.height.div_ceil(self.stride), self.width.div_ceil(self.stride));
        let pad =
            |size: usize, out: usize, reach: usize| ((out.max(1) - 1) * self.stride + reach).saturating_sub(size) / 2;
        self.padding = [pad(self.height, self.out_height, reach[0]), pad(self.width, self.out_width, reach[1])];
    }

    /// Zeros above and below a picture, and left and right of it.
    pub(crate) fn around(&self) -> [[usize; 2]; 2] {
        let sides = [(self.height, self.out_height), (self.width, self.out_width)];
        [0, 1].map(|axis| {
            let (from, to) = sides[axis];
            let reach = (to.max(1) - 1) * self.stride + self.dilation * (self.kernel[axis] - 1) + 1;
            [self.padding[axis], reach.saturating_sub(self.padding[axis] + from)]
        })
    }

    /// Shape of the output.
    pub(crate) fn out_dims(&self) -> [usize; 4] {
        [self.batch, self.out_height, self.out_width, self.channels]
    }

    /// The row of a map `[b, h, w, c]` of the input's size.
    pub(crate) fn in_row<'a>(&self, x: &'a [f32], place: Place) -> &'a [f32] {
        let row = self.width * self.channels;
        &x[(place.image * self.height + place.row) * row..][..row]
    }

    /// The row of a map of the output's size.
    pub(crate) fn out_row<'a>(&self, y: &'a [f32], place: Place) -> &'a [f32] {
        let row = self.out_width * self.channels;
        &y[(place.image * self.out_height + place.row) * row..][..row]
    }
}

/// The channels from `first` on of a vector over channels, zeros beyond the last.
#[inline(always)]
pub(crate) fn lane(of_channels: &[f32], first: usize) -> Lane {
    let mut lane = [0.0; LANES];
    let width = (of_channels.len() - first).min(LANES);
    lane[..width].copy_from_slice(&of_channels[first..first + width]);
    lane
}

struct Plain<'a> {
    shape: &'a Depthwise,
    x: &'a [f32],
    dy: &'a [f32],
}

impl Back<()> for Plain<'_> {
    const SLOPES: bool = false;

    fn input(&self, place: Place, line: &mut [Lane], _slope: &mut [Lane]) {
        wide!(|| gather(self.shape.in_row(self.x, place), self.shape.channels, place.channel, line));
    }

    fn gradient(&self, place: Place, line: &mut [Lane]) {
        wide!(|| gather(self.shape.out_row(self.dy, place), self.shape.channels, place.channel, line));
    }

    fn finish(&self, _state: &mut (), _place: Place, _line: &mut [Lane], _slope: &[Lane]) {}
}

impl Tape {
    /// Depthwise convolution of `x` `[b, h, w, c]`, with a bias `[c]` if given: `[b, ho, wo, c]`.
    ///
    /// # Errors
    /// When channels, groups or sizes do not fit.
    pub fn depthwise(&mut self, params: &Params, x: &Var, conv: &Conv, bias: Option<ParamId>) -> Result<Var, OpsError> {
        self.reach(conv.weight);
        let weight = params.get(conv.weight);
        let shape = Depthwise::new(conv, x.dims(), weight.dims())?;
        let channels = shape.channels;
        if let Some(bias) = bias.map(|id| params.get(id)).filter(|bias| bias.elem_count() != channels) {
            return Err(OpsError::shape("depthwise", format!("a bias of {channels} floats"), bias.dims()));
        }
        if let Some(y) = self.dry(shape.multiply_adds(), shape.batch * shape.in_image(), &shape.out_dims())? {
            return Ok(y);
        }
        if self.is_composed() {
            return self.composed_conv2d(params, x, conv, None, bias, Act::None);
        }
        let shift = match bias {
            None => None,
            Some(id) => Some(floats("depthwise", params.get(id), |b| Ok(b.to_vec()))?),
        };
        let packed = floats("depthwise", weight, |w| Ok(pack(w, channels)))?;
        let mut y = self.memory().dirty(shape.batch * shape.out_image());
        floats("depthwise", x.peek(), |x| {
            let read = |place: Place, line: &mut [Lane]| {
                wide!(|| gather(shape.in_row(x, place), channels, place.channel, line));
            };
            let finish = |_: &mut (), place: Place, line: &mut [Lane]| {
                let Some(shift) = &shift else { return };
                wide!(|| {
                    let shift = lane(shift, place.channel);
                    line.iter_mut().for_each(|y| y.iter_mut().zip(shift).for_each(|(y, shift)| *y += shift));
                });
            };
            forward(&shape, &packed, &mut y, read, || (), finish);
            Ok(())
        })?;
        let (id, weight_dims, x) = (conv.weight, weight.dims().to_vec(), x.clone());
        Ok(self.record(tensor(y, &shape.out_dims())?, |_| {
            move |dy: Tensor, flow: &mut Flow| {
                let dy = take(&dy)?;
                if let Some(bias) = bias {
                    let sums: Vec<Vec<f32>> =
                        dy.par_chunks(shape.out_image()).map(|dy| channel_sums(dy, channels)).collect();
                    let total = |c: usize| sums.iter().map(|sum| f64::from(sum[c])).sum::<f64>() as f32;
                    flow.add_param(bias, tensor((0..channels).map(total).collect(), &[channels])?)?;
                }
                let target = x.target();
                let wanted = flow.wants(target);
                let mut dx = if wanted { flow.memory.dirty(shape.batch * shape.in_image()) } else { Vec::new() };
                let dw = floats("depthwise", x.peek(), |x| {
                    let back = Plain { shape: &shape, x, dy: &dy };
                    Ok(backward(&shape, &packed, wanted.then_some(&mut dx[..]), || (), &back).0)
                })?;
                flow.memory.give(dy);
                flow.add_param(id, tensor(dw, &weight_dims)?)?;
                if wanted { flow.add(target, tensor(dx, x.dims())?) } else { Ok(()) }
            }
        }))
    }
}
