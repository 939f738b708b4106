//! What stands between the pooled vector and the embedding: the `neck` of a recipe.
//!
//! Takes `[b, c]`; gives `[b, d]`. The linear layer has the name of timm's classifier, so that a checkpoint with as many classes
//! as the embedding is long loads whole; what timm does not have is named `neck.…`.

use serde::Deserialize;

use super::maker::{Init, Linear, Maker};
use crate::learn::ops::{Act, Kind, Norm, OpsError, ParamId, Params, Tape, Var};

/// What makes an embedding out of the pooled vector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Neck {
    /// A linear layer.
    #[default]
    Linear,
    /// A linear layer and a batch norm.
    LinearBn,
    /// A linear layer, a batch norm and a PReLU.
    LinearBnPrelu,
    /// A batch norm alone.
    Bn,
    /// Nothing.
    None,
}

/// A neck with its tensors.
#[derive(Debug)]
pub(super) struct Layers {
    linear: Option<Linear>,
    norm: Option<Norm>,
    slope: Option<ParamId>,
    length: usize,
}

impl Neck {
    /// Whether embeddings may have any length; without a linear layer they have the pooled vector's.
    pub fn chooses_length(self) -> bool {
        matches!(self, Neck::Linear | Neck::LinearBn | Neck::LinearBnPrelu)
    }
}

impl Layers {
    /// For vectors of `channels`, to embeddings of `wanted` where the neck has a choice.
    pub(super) fn new(
        neck: Neck,
        classifier: &str,
        channels: usize,
        wanted: usize,
        maker: &mut Maker<'_>,
    ) -> Result<Layers, OpsError> {
        let init = Init::fan_in(channels);
        let (linear, length) = match neck.chooses_length() {
            true => (Some(maker.linear(classifier, channels, wanted, init, Some(init))?), wanted),
            false => (None, channels),
        };
        let norm = match neck {
            Neck::Linear | Neck::None => None,
            _ => Some(maker.batch_norm("neck.bn", length, 1.0, 1e-5)?),
        };
        let slope = match neck {
            Neck::LinearBnPrelu => Some(maker.tensor("neck.prelu.weight", &[1], Kind::Weight, Init::Is(0.25))?),
            _ => None,
        };
        Ok(Layers { linear, norm, slope, length })
    }

    /// The length of an embedding.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// Lets the tape know that the neck's parameters come next, for what is drawn before them.
    pub(super) fn reach(&self, tape: &mut Tape) {
        let first = self.linear.map(|linear| linear.weight).or(self.norm.as_ref().map(|norm| norm.weight));
        if let Some(first) = first {
            tape.reach(first);
        }
    }

    /// `[b, c]` → `[b, d]`.
    pub(super) fn forward(&self, params: &Params, tape: &mut Tape, pooled: Var) -> Result<Var, OpsError> {
        let mut x = pooled;
        if let Some(Linear { weight, bias }) = self.linear {
            x = tape.linear(params, &x, weight, bias, Act::None)?;
        }
        if let Some(norm) = &self.norm {
            x = tape.batch_norm(params, &x, norm, Act::None)?;
        }
        if let Some(slope) = self.slope {
            x = tape.prelu(params, &x, slope)?;
        }
        Ok(x)
    }
}
