//! How feature maps become a vector: the `pool` of a recipe.
//!
//! Takes what a trunk found; gives `[b, c]`, with what timm's head does behind its pooling. A power that learns is the
//! tensor `pool.p`, which no file of timm's has.

use serde::Deserialize;

use super::maker::{Init, Maker};
use super::{Features, Trunk};
use crate::learn::ops::{Kind, OpsError, ParamId, Params, Tape, Var};

/// How the last feature map becomes a vector.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Pool {
    /// The mean of each channel.
    Avg {},
    /// The maximum of each channel.
    Max {},
    /// The generalised mean with power `p` (Radenović, Tolias and Chum 2018).
    Gem {
        /// The power; 1 is the mean, large is the maximum.
        p: f32,
        /// Whether the power learns.
        #[serde(default)]
        learn: bool,
    },
    /// The last two stages' maps, each pooled, one vector behind the other.
    Cat {
        /// How each is pooled.
        of: Each,
        /// The power of `gem`.
        p: f32,
    },
    /// The class token, where the network has one.
    Token {},
}

/// How one of several maps is pooled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Each {
    /// The mean.
    Avg,
    /// The maximum.
    Max,
    /// The generalised mean.
    Gem,
}

/// A pooling with its tensors.
#[derive(Debug)]
pub(super) struct Pooling {
    pool: Pool,
    power: Option<ParamId>,
}

impl Pooling {
    pub(super) fn new(pool: Pool, maker: &mut Maker<'_>) -> Result<Pooling, OpsError> {
        let power = match pool {
            Pool::Gem { p, learn: true } => Some(maker.tensor("pool.p", &[1], Kind::Weight, Init::Is(p))?),
            _ => None,
        };
        Ok(Pooling { pool, power })
    }

    /// The vector's length.
    pub(super) fn width(&self, trunk: &dyn Trunk) -> usize {
        let before = match self.pool {
            Pool::Cat { .. } => trunk.channels().iter().rev().nth(1).copied().unwrap_or(0),
            _ => 0,
        };
        trunk.pooled() + before
    }

    /// What a trunk found → `[b, c]`.
    pub(super) fn forward(
        &self,
        params: &Params,
        tape: &mut Tape,
        trunk: &dyn Trunk,
        Features { maps, token }: Features,
    ) -> Result<Var, OpsError> {
        let Some(last) = maps.last() else { return Err(OpsError::shape("pool", "at least one feature map", &[])) };
        let pooled = match (self.pool, self.power) {
            (Pool::Avg {}, _) => tape.global_avg(last)?,
            (Pool::Max {}, _) => tape.global_max(last)?,
            (Pool::Gem { .. }, Some(power)) => tape.gem_learned(params, last, power)?,
            (Pool::Gem { p, .. }, None) => tape.gem(last, p)?,
            (Pool::Cat { of, p }, _) => of.forward(tape, last, p)?,
            (Pool::Token {}, _) => {
                token.ok_or_else(|| OpsError::shape("pool", "a network with a class token", last.dims()))?
            }
        }; // [b, c]
        let pooled = trunk.after_pool(params, tape, pooled)?;
        match self.pool {
            Pool::Cat { of, p } => {
                let before = maps.len().checked_sub(2).and_then(|at| maps.get(at));
                let before =
                    before.ok_or_else(|| OpsError::shape("pool", "a network of several stages", last.dims()))?;
                let before = of.forward(tape, before, p)?;
                tape.beside(&before, &pooled)
            }
            _ => Ok(pooled),
        }
    }

    /// What each place of the last map `[b, places, channels]` brings to the pooled vector, `[b, places, channels]`: what it adds to the sum of a
    /// mean, and its share in the sum of a generalised mean's powers (a mean of degree one is the sum of its slopes times its numbers); of a
    /// maximum the first of the greatest has all. `None` where not the last map alone is pooled.
    ///
    /// # Errors
    /// When a learned power is no number.
    pub(super) fn parts(
        &self,
        params: &Params,
        map: &[f32],
        places: usize,
        channels: usize,
    ) -> Result<Option<Vec<f32>>, OpsError> {
        let power = match (self.pool, self.power) {
            (Pool::Avg {}, _) => return Ok(Some(super::places::mean(map, places))),
            (Pool::Max {}, _) => return Ok(Some(super::places::first_greatest(map, places, channels))),
            (Pool::Gem { .. }, Some(power)) => params.get(power).flatten_all()?.to_vec1::<f32>()?,
            (Pool::Gem { p, .. }, None) => vec![p],
            (Pool::Cat { .. } | Pool::Token {}, _) => return Ok(None),
        };
        match power[..] {
            [p] => Ok(Some(super::places::powers(map, places, channels, p))),
            _ => Err(OpsError::shape("gem", "one power", &[power.len()])),
        }
    }
}

impl Each {
    fn forward(self, tape: &mut Tape, map: &Var, p: f32) -> Result<Var, OpsError> {
        match self {
            Each::Avg => tape.global_avg(map),
            Each::Max => tape.global_max(map),
            Each::Gem => tape.gem(map, p),
        }
    }
}
