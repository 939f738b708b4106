//! Softmax attention over whole pictures and in windows.

use candle_core::{D, DType, Tensor};

use super::Elsewhere;
use crate::learn::ops::{Likeness, Offsets, OpsError, Params, Tape, Var, WindowAttention};

type Candle<T> = candle_core::Result<T>;

/// Queries, keys and values `[b, heads, n, d]` each, out of `[b, n, 3·heads·d]`.
fn parted(qkv: &Tensor, heads: usize) -> Candle<[Tensor; 3]> {
    let (b, n, packed) = qkv.dims3()?;
    let parts = qkv.contiguous()?.reshape((b, n, 3, heads, packed / 3 / heads))?.permute((2, 0, 3, 1, 4))?;
    let part = |i: usize| parts.narrow(0, i, 1)?.squeeze(0)?.contiguous();
    Ok([part(0)?, part(1)?, part(2)?])
}

/// Heads side by side: `[b, heads, n, d]` → `[b, n, heads·d]`.
fn joined(y: &Tensor) -> Candle<Tensor> {
    y.transpose(1, 2)?.contiguous()?.flatten_from(2)
}

/// A product in 16 bits where wanted, given in 32.
fn product(place: &Elsewhere, a: &Tensor, b: &Tensor) -> Candle<Tensor> {
    place.half(a)?.contiguous()?.matmul(&place.half(b)?.contiguous()?)?.to_dtype(DType::F32)
}

/// Rows of length one; PyTorch's `normalize`.
fn unit(x: &Tensor) -> Candle<Tensor> {
    let squares = x.sqr()?.sum_keepdim(D::Minus1)?;
    x.broadcast_div(&(squares + 1e-24)?.sqrt()?)
}

/// How the tokens of the windows of a picture's map are found.
pub(in crate::learn::ops) struct Gather {
    /// Windows of a picture, and tokens of a window.
    pub(in crate::learn::ops) windows: usize,
    pub(in crate::learn::ops) tokens: usize,
    /// For each window and token its place in the map; the map's size for padding.
    pub(in crate::learn::ops) from: Vec<u32>,
    /// For each place of the map, its window's token.
    pub(in crate::learn::ops) back: Vec<u32>,
    /// What is added to scores `[windows, tokens, tokens]`, where some tokens do not see each other.
    pub(in crate::learn::ops) unseen: Option<Vec<f32>>,
    /// For each query and key of a window, its row of the table.
    pub(in crate::learn::ops) places: Vec<u32>,
}

impl Tape {
    /// [`Tape::attention`].
    pub(in crate::learn::ops) fn composed_attention(
        &mut self,
        qkv: &Var,
        heads: usize,
        dims: &[usize],
    ) -> Result<Var, OpsError> {
        let (place, dims) = (self.place_of_composed()?.clone(), dims.to_vec());
        let (b, d) = (dims.first().copied().unwrap_or(0), dims.last().copied().unwrap_or(0));
        self.formula(&[qkv], move |x| {
            let [q, k, v] = parted(&x[0].reshape((b, (), 3 * d))?, heads)?;
            let factor = 1.0 / ((d / heads) as f64).sqrt();
            let scores = product(&place, &(q * factor)?, &k.t()?)?;
            joined(&product(&place, &candle_nn::ops::softmax(&scores, D::Minus1)?, &v)?)?.reshape(dims.as_slice())
        })
    }

    /// [`Tape::window_attention`].
    pub(in crate::learn::ops) fn composed_window_attention(
        &mut self,
        params: &Params,
        attention: &WindowAttention,
        qkv: &Var,
        table: &Var,
        gather: Gather,
    ) -> Result<Var, OpsError> {
        let place = self.place_of_composed()?.clone();
        let (dims, heads) = (qkv.dims().to_vec(), table.dims()[1]);
        let (b, map, c) = (dims[0], dims[1] * dims[2], dims[3] / 3);
        let Gather { windows, tokens, .. } = gather;
        let [from, back, places] = [self.rows(gather.from)?, self.rows(gather.back)?, self.rows(gather.places)?];
        let unseen = gather.unseen.map(|all| self.known(all, &[1, windows, 1, tokens, tokens])).transpose()?;
        let nothing = self.known(vec![0.0; c], &[c])?;
        let mut inputs = vec![qkv.clone(), table.clone()];
        let joint = matches!(attention.offsets, Offsets::Joint(_));
        match attention.offsets {
            Offsets::Joint(id) => inputs.push(self.parameter(params, id)?),
            Offsets::QueryValue(query, value) => inputs.extend(self.parameters(params, [query, value])?),
        }
        let cosine = match attention.likeness {
            Likeness::Scaled => false,
            Likeness::Cosine(id) => {
                inputs.push(self.parameter(params, id)?);
                true
            }
        };
        let inputs: Vec<&Var> = inputs.iter().collect();
        self.formula(&inputs, move |x| {
            let flat = x[0].reshape((b, map, 3 * c))?.pad_with_zeros(1, 0, 1)?;
            let offsets = match joint {
                true => x[2].clone(),
                false => Tensor::cat(&[&x[2], &nothing, &x[3]], 0)?,
            };
            let qkv = flat.index_select(&from, 1)?.broadcast_add(&offsets)?; // [b, windows·tokens, 3c]
            let [q, k, v] = parted(&qkv.reshape((b * windows, tokens, 3 * c))?, heads)?;
            let scores = match (cosine, x.last()) {
                (true, Some(logs)) => {
                    let factor = logs.minimum(100f32.ln())?.exp()?.unsqueeze(0)?; // [1, heads, 1, 1]
                    product(&place, &unit(&q)?, &unit(&k)?.t()?)?.broadcast_mul(&factor)?
                }
                _ => product(&place, &(q * (1.0 / ((c / heads) as f64).sqrt()))?, &k.t()?)?,
            };
            let bias = x[1].index_select(&places, 0)?.reshape((1, tokens, tokens, heads))?.permute((0, 3, 1, 2))?;
            let mut scores = scores.broadcast_add(&bias)?;
            if let Some(unseen) = &unseen {
                let parts = scores.reshape((b, windows, heads, tokens, tokens))?;
                scores = parts.broadcast_add(unseen)?.reshape((b * windows, heads, tokens, tokens))?;
            }
            let y = joined(&product(&place, &candle_nn::ops::softmax(&scores, D::Minus1)?, &v)?)?;
            y.reshape((b, windows * tokens, c))?.index_select(&back, 1)?.reshape((dims[0], dims[1], dims[2], c))
        })
    }
}
