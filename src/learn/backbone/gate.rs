//! Channel attention as timm's residual networks have it behind a block's last convolution.

use super::maker::{Init, Maker};
use crate::learn::ops::{Act, Kind, OpsError, ParamId, Params, Squeeze, Tape, Var};

/// Which attention, by its numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Attention {
    /// None.
    Without,
    /// Squeeze-and-excite with this part of the channels inside (Hu et al. 2017).
    Squeeze(f64),
    /// Efficient channel attention (Wang et al. 2020).
    Efficient,
}

/// An attention with its tensors.
#[derive(Clone, Debug)]
pub(super) enum Gate {
    Squeeze(Squeeze),
    Efficient(ParamId),
}

/// timm's `make_divisible` with 8: the nearest multiple, but not less than `least` of `value`.
pub(super) fn by_eight(value: f64, least: f64) -> usize {
    let near = ((value + 4.0) as usize / 8 * 8).max(8);
    if (near as f64) < least * value { near + 8 } else { near }
}

impl Gate {
    /// The attention `NAME` over `channels`. `init` gives the first values of squeeze-and-excite's weights for their
    /// dimensions; its biases start uniform as PyTorch's, or at zero.
    pub(super) fn new(
        attention: Attention,
        name: &str,
        channels: usize,
        init: fn(&[usize]) -> Init,
        zero_bias: bool,
        maker: &mut Maker<'_>,
    ) -> Result<Option<Gate>, OpsError> {
        match attention {
            Attention::Without => Ok(None),
            Attention::Squeeze(part) => {
                let hidden = by_eight(channels as f64 * part, 0.0);
                let mut layer = |layer: &str, from: usize, to: usize| -> Result<[ParamId; 2], OpsError> {
                    let dims = [to, from, 1, 1];
                    let bias = if zero_bias { Init::Is(0.0) } else { Init::fan_in(from) };
                    let weight = maker.tensor(&format!("{name}.{layer}.weight"), &dims, Kind::Weight, init(&dims))?;
                    Ok([weight, maker.tensor(&format!("{name}.{layer}.bias"), &[to], Kind::Weight, bias)?])
                };
                let reduce = layer("fc1", channels, hidden)?;
                Ok(Some(Gate::Squeeze(Squeeze { reduce, expand: layer("fc2", hidden, channels)?, act: Act::Relu })))
            }
            Attention::Efficient => {
                // As wide as the channels are many: the odd number next to (log2 c + 1) / 2, at least 3.
                let t = (((channels as f64).log2() + 1.0) / 2.0) as usize;
                let k = (t | 1).max(3);
                let name = format!("{name}.conv.weight");
                Ok(Some(Gate::Efficient(maker.tensor(&name, &[1, 1, k], Kind::Weight, Init::fan_in(k))?)))
            }
        }
    }

    pub(super) fn forward(&self, params: &Params, tape: &mut Tape, x: &Var) -> Result<Var, OpsError> {
        match self {
            Gate::Squeeze(squeeze) => tape.squeeze_excite(params, x, squeeze),
            Gate::Efficient(weight) => tape.channel_attention(params, x, *weight),
        }
    }
}
