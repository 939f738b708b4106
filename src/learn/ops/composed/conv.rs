//! Convolutions of maps `[b, h, w, c]`: candle's where channels mix, sums of shifted maps where each stays alone.

use candle_core::{DType, Tensor};

use super::{Elsewhere, apply};
use crate::learn::ops::norm::Norm;
use crate::learn::ops::{Act, Conv, Flow, OpsError, ParamId, Params, Standard, Tape, Var};

type Candle<T> = candle_core::Result<T>;

/// `[b, h, w, c]` → `[b, c, h, w]`, dense.
fn planes(x: &Tensor) -> Candle<Tensor> {
    x.permute((0, 3, 1, 2))?.contiguous()
}

/// `[b, c, h, w]` → `[b, h, w, c]`, dense.
fn pixels(x: &Tensor) -> Candle<Tensor> {
    x.permute((0, 2, 3, 1))?.contiguous()
}

/// The geometry of one convolution.
#[derive(Clone, Copy, Debug)]
struct Geometry {
    stride: usize,
    padding: usize,
    dilation: usize,
    groups: usize,
    /// Height and width of the input, of the kernel, of the output.
    from: [usize; 2],
    kernel: [usize; 2],
    to: [usize; 2],
}

impl Geometry {
    fn new(conv: &Conv, x: &[usize], weight: &[usize]) -> Geometry {
        let Conv { stride, padding, dilation, groups, .. } = *conv;
        let (from, kernel) = ([x[1], x[2]], [weight[2], weight[3]]);
        let to = [0, 1].map(|axis| (from[axis] + 2 * padding - dilation * (kernel[axis] - 1) - 1) / stride + 1);
        Geometry { stride, padding, dilation, groups, from, kernel, to }
    }

    /// Whether it is a product over channels.
    fn is_pointwise(&self) -> bool {
        self.kernel == [1, 1] && self.stride == 1 && self.padding == 0 && self.groups == 1
    }

    fn forward(&self, x: &Tensor, w: &Tensor) -> Candle<Tensor> {
        pixels(&planes(x)?.conv2d(w, self.padding, self.stride, self.dilation, self.groups)?)
    }

    /// The input's gradient: the convolution of `dy`, its pixels `stride` apart among zeros, by the weight turned round.
    fn back(&self, dy: &Tensor, w: &Tensor) -> Candle<Tensor> {
        let mut dy = planes(dy)?;
        for axis in [0, 1] {
            dy = self.apart(&dy, axis)?;
        }
        let (o, each, [kh, kw], g) = (w.dim(0)?, w.dim(1)?, self.kernel, self.groups);
        let turned = w.flip(&[2, 3])?.reshape((g, o / g, each, kh, kw))?.transpose(1, 2)?.contiguous()?;
        pixels(&dy.conv2d(&turned.reshape((g * each, o / g, kh, kw))?, 0, 1, self.dilation, g)?)
    }

    /// `dy` with zeros between its pixels and around them, or without its edge, so that the turned kernel gives every pixel of the input.
    fn apart(&self, dy: &Tensor, axis: usize) -> Candle<Tensor> {
        let (dim, to, reach) = (axis + 2, self.to[axis], self.dilation * (self.kernel[axis] - 1));
        let spread = (to - 1) * self.stride + 1;
        let mut dy = dy.clone();
        if self.stride > 1 {
            let mut dims = dy.dims().to_vec();
            dims[dim] = to * self.stride;
            dy = dy.unsqueeze(dim + 1)?.pad_with_zeros(dim + 1, 0, self.stride - 1)?.reshape(dims)?;
            dy = dy.narrow(dim, 0, spread)?;
        }
        // Pixels below and on the right that no window reached.
        let lacking = self.from[axis] + 2 * self.padding - (spread + reach);
        match reach.checked_sub(self.padding) {
            Some(around) => dy.pad_with_zeros(dim, around, around + lacking)?.contiguous(),
            None => {
                let edge = self.padding - reach;
                dy.pad_with_zeros(dim, 0, lacking)?.narrow(dim, edge, spread + lacking - 2 * edge)?.contiguous()
            }
        }
    }
}

/// The map, shifted to each place of a kernel. A depthwise convolution is the sum of these times one number a channel, all in 32 bits,
/// since it adds up in the type of its numbers; a dense one's weight gradient is the product of each with that of the output.
struct Shifts {
    geometry: Geometry,
    /// For each axis and place of the kernel, which padded pixels the outputs see there.
    seen: [Vec<Tensor>; 2],
}

impl Shifts {
    fn new(geometry: Geometry, place: &Elsewhere) -> Candle<Shifts> {
        let along = |axis: usize| -> Candle<Vec<Tensor>> {
            let one = |at: usize| {
                let first = at * geometry.dilation;
                let seen: Vec<u32> = (0..geometry.to[axis]).map(|i| (first + i * geometry.stride) as u32).collect();
                Tensor::from_vec(seen, geometry.to[axis], &place.device)
            };
            (0..geometry.kernel[axis]).map(one).collect()
        };
        Ok(Shifts { geometry, seen: [along(0)?, along(1)?] })
    }

    fn padded(&self, x: &Tensor) -> Candle<Tensor> {
        let padding = self.geometry.padding;
        x.pad_with_zeros(1, padding, padding)?.pad_with_zeros(2, padding, padding)
    }

    /// The padded map at one place of the kernel.
    fn at(&self, padded: &Tensor, [i, j]: [usize; 2]) -> Candle<Tensor> {
        let Geometry { stride, dilation, to, .. } = self.geometry;
        match stride {
            1 => padded.narrow(1, i * dilation, to[0])?.narrow(2, j * dilation, to[1]),
            _ => padded.index_select(&self.seen[0][i], 1)?.index_select(&self.seen[1][j], 2),
        }
    }

    /// Calls `f` with each place of the kernel and the weight `[c]` there.
    fn each(&self, w: &Tensor, mut f: impl FnMut([usize; 2], Tensor) -> Candle<()>) -> Candle<()> {
        for i in 0..self.geometry.kernel[0] {
            for j in 0..self.geometry.kernel[1] {
                f([i, j], w.narrow(2, i, 1)?.narrow(3, j, 1)?.flatten_all()?)?;
            }
        }
        Ok(())
    }

    fn forward(&self, x: &Tensor, w: &Tensor) -> Candle<Tensor> {
        let padded = self.padded(x)?;
        let mut sum: Option<Tensor> = None;
        self.each(w, |at, w| {
            let here = self.at(&padded, at)?.broadcast_mul(&w)?;
            sum = Some(match sum.take() {
                None => here,
                Some(sum) => (sum + here)?,
            });
            Ok(())
        })?;
        sum.map_or_else(|| candle_core::bail!("a kernel without places"), Ok)
    }

    fn back(&self, dy: &Tensor, w: &Tensor) -> Candle<Tensor> {
        let Geometry { stride, dilation, padding, from, to, .. } = self.geometry;
        let (b, c) = (dy.dim(0)?, dy.dim(3)?);
        let sides = [from[0] + 2 * padding, from[1] + 2 * padding];
        let zeros = |rows: usize| Tensor::zeros((b, rows, sides[1], c), dy.dtype(), dy.device());
        let mut sum = zeros(sides[0])?;
        self.each(w, |[i, j], w| {
            let g = dy.broadcast_mul(&w)?;
            let lies =
                |axis: usize, at: usize| (at * dilation, sides[axis] - to[axis].min(sides[axis]) - at * dilation);
            let here = match stride {
                1 => {
                    let ((top, below), (left, right)) = (lies(0, i), lies(1, j));
                    g.pad_with_zeros(1, top, below)?.pad_with_zeros(2, left, right)?
                }
                _ => {
                    let g = zeros(to[0])?.index_add(&self.seen[1][j], &g, 2)?;
                    zeros(sides[0])?.index_add(&self.seen[0][i], &g, 1)?
                }
            };
            sum = (&sum + here)?;
            Ok(())
        })?;
        sum.narrow(1, padding, from[0])?.narrow(2, padding, from[1])?.contiguous()
    }

    /// The weight's gradient where channels mix, `[o, c / groups, kh, kw]`: a product over all pixels for each place of the kernel.
    fn weight_of_dense(&self, x: &Tensor, dy: &Tensor) -> Candle<Tensor> {
        let (padded, [kh, kw], g) = (self.padded(x)?, self.geometry.kernel, self.geometry.groups);
        let (c, o) = (x.dim(3)?, dy.dim(3)?);
        let rows = |x: &Tensor, width: usize| -> Candle<Tensor> {
            let rows = x.contiguous()?.reshape((x.elem_count() / width, g, width / g))?; // [n, g, c / g]
            if g == 1 { rows.squeeze(1)?.unsqueeze(0) } else { rows.transpose(0, 1)?.contiguous() }
        };
        let dy = rows(dy, o)?.transpose(1, 2)?;
        let mut all = Vec::with_capacity(kh * kw);
        for i in 0..kh {
            for j in 0..kw {
                all.push(dy.matmul(&rows(&self.at(&padded, [i, j])?, c)?)?); // [g, o / g, c / g]
            }
        }
        Tensor::stack(&all, 3)?.reshape((o, c / g, kh, kw))
    }

    /// The weight's gradient of a depthwise convolution.
    fn weight(&self, x: &Tensor, dy: &Tensor) -> Candle<Tensor> {
        let (padded, [kh, kw], c) = (self.padded(x)?, self.geometry.kernel, x.dim(3)?);
        let mut all = Vec::with_capacity(kh * kw);
        for i in 0..kh {
            for j in 0..kw {
                let along = (self.at(&padded, [i, j])? * dy)?.contiguous()?;
                all.push(along.reshape((along.elem_count() / c, c))?.sum(0)?);
            }
        }
        Tensor::stack(&all, 1)?.reshape((c, 1, kh, kw))
    }
}

impl Tape {
    /// The convolution alone, by a weight that is a value.
    fn composed_conv(&mut self, x: &Var, weight: &Var, conv: &Conv) -> Result<Var, OpsError> {
        let geometry = Geometry::new(conv, x.dims(), weight.dims());
        if geometry.is_pointwise() {
            return self.product(x, weight);
        }
        let place = self.place_of_composed()?.clone();
        let alone = geometry.groups > 1 && weight.dims()[0] == geometry.groups && weight.dims()[1] == 1;
        let shifts = Shifts::new(geometry, &place)?;
        let y = match alone {
            true => place.half(&shifts.forward(&place.full(x.peek())?, &place.full(weight.peek())?)?)?,
            false => geometry.forward(&place.half(x.peek())?, &place.half(weight.peek())?)?,
        };
        let (x, weight) = (x.clone(), weight.clone());
        Ok(self.record(y.detach(), |_| {
            move |dy: Tensor, flow: &mut Flow| {
                let dy = if alone { place.full(&dy)? } else { place.half(&dy)? };
                if flow.wants(x.target()) {
                    let dx = match alone {
                        true => shifts.back(&dy, &place.full(weight.peek())?)?,
                        false => geometry.back(&dy, &place.half(weight.peek())?)?,
                    };
                    flow.add(x.target(), dx.to_dtype(x.peek().dtype())?)?;
                }
                if flow.wants(weight.target()) {
                    let dw = match alone {
                        true => shifts.weight(&place.full(x.peek())?, &dy)?,
                        false => shifts.weight_of_dense(&place.half(x.peek())?, &dy)?,
                    };
                    flow.add(weight.target(), dw.to_dtype(DType::F32)?)?;
                }
                Ok(())
            }
        }))
    }

    /// [`Tape::conv2d`] and [`Tape::conv2d_standard`].
    pub(in crate::learn::ops) fn composed_conv2d(
        &mut self,
        params: &Params,
        x: &Var,
        conv: &Conv,
        standard: Option<Standard>,
        bias: Option<ParamId>,
        act: Act,
    ) -> Result<Var, OpsError> {
        let mut weight = self.parameter(params, conv.weight)?;
        if let Some(Standard { gain, scale, eps }) = standard {
            let gain = self.parameter(params, gain)?;
            weight = self.formula(&[&weight, &gain], move |x| {
                let (w, gain) = (&x[0], &x[1]);
                let rows = w.flatten_from(1)?; // [o, n]
                let apart = rows.broadcast_sub(&rows.mean_keepdim(1)?)?;
                let variance = apart.sqr()?.mean_keepdim(1)?;
                let factor = (gain.flatten_from(1)? * f64::from(scale))?.div(&(variance + f64::from(eps))?.sqrt()?)?;
                apart.broadcast_mul(&factor)?.reshape(w.dims())
            })?;
        }
        let mut y = self.composed_conv(x, &weight, conv)?;
        if let Some(bias) = bias {
            let bias = self.parameter(params, bias)?;
            y = self.shifted(&y, &bias)?;
        }
        self.acted(y, act)
    }

    /// [`Tape::conv_norm`].
    pub(in crate::learn::ops) fn composed_conv_norm(
        &mut self,
        params: &Params,
        x: &Var,
        conv: &Conv,
        norm: &Norm,
        residual: Option<&Var>,
        act: Act,
    ) -> Result<Var, OpsError> {
        let weight = self.parameter(params, conv.weight)?;
        let y = self.composed_conv(x, &weight, conv)?;
        self.composed_batch_norm(params, &y, norm, residual, act)
    }

    /// `act(a + b)`.
    pub(in crate::learn::ops) fn composed_sum(&mut self, a: &Var, b: Option<&Var>, act: Act) -> Result<Var, OpsError> {
        match b {
            None => self.formula(&[a], move |x| apply(act, &x[0])),
            Some(b) => self.formula(&[a, b], move |x| apply(act, &(&x[0] + &x[1])?)),
        }
    }

    /// [`Tape::pad`].
    pub(in crate::learn::ops) fn composed_pad(
        &mut self,
        x: &Var,
        rows: [usize; 2],
        columns: [usize; 2],
    ) -> Result<Var, OpsError> {
        self.formula(&[x], move |x| x[0].pad_with_zeros(1, rows[0], rows[1])?.pad_with_zeros(2, columns[0], columns[1]))
    }
}
