//! A loss's own tensors: before the first step, among the network's parameters, and with their gradients.
//!
//! Takes a loss; puts its head where the optimiser and the checkpoint find it as any other tensor ([`Head`]), and
//! runs candle's autograd over one batch ([`gradients`]), the one place where that happens. Weights of a head get
//! gradients; buffers (a running mean, a scale that follows the batches) get their next value from the loss itself.

use candle_core::{DType, Tensor, Var};

use super::{Forward, Loss, LossError, Moment, Targets};
use crate::base::Seed;
use crate::learn::ops::{Grads, Kind, OpsError, ParamId, Params};

/// Start of the names of a loss's tensors among the parameters and in a checkpoint. Not `head.`: that
/// is timm's name for a transformer's own last layer.
pub const HEAD: &str = "loss.";

/// One tensor of a head.
#[derive(Clone, Debug)]
pub struct HeadWeight {
    /// Name behind the checkpoint's `loss.`: "weight", "bias".
    pub name: String,
    /// Its values, f32 on the CPU; before the first step where [`Loss::head`] gives it.
    pub tensor: Tensor,
    /// A weight learns by gradient; a buffer is kept in the checkpoint and never touched by the optimiser.
    pub kind: Kind,
}

impl HeadWeight {
    /// A tensor that learns.
    pub fn weight(name: &str, tensor: Tensor) -> HeadWeight {
        HeadWeight { name: name.to_owned(), tensor, kind: Kind::Weight }
    }

    /// A tensor that the loss itself carries on from batch to batch.
    pub fn buffer(name: &str, tensor: Tensor) -> HeadWeight {
        HeadWeight { name: name.to_owned(), tensor, kind: Kind::Buffer }
    }
}

/// A loss's tensors in their place among a network's parameters, where the optimiser and the checkpoint
/// find them as any others.
#[derive(Clone, Debug)]
pub struct Head(Vec<ParamId>);

impl Head {
    /// Adds the head to the parameters, each name behind `loss.`.
    ///
    /// # Errors
    /// When it cannot be drawn, or is there already.
    pub fn add(loss: &dyn Loss, params: &mut Params, seed: Seed) -> Result<Head, LossError> {
        let mut ids = Vec::new();
        for weight in loss.head(seed.named("loss"))? {
            ids.push(params.add(format!("{HEAD}{}", weight.name), weight.tensor, weight.kind)?);
        }
        Ok(Head(ids))
    }

    /// The tensors as they stand, for [`gradients`]. `newer` are buffers that have moved on since (as
    /// [`Gradients::buffers`] gives them) and stand in for those of `params`.
    pub fn tensors(&self, params: &Params, newer: &[(usize, Tensor)]) -> Vec<HeadWeight> {
        let newest = |place: usize| newer.iter().rev().find(|(at, _)| *at == place).map(|(_, tensor)| tensor);
        let entry = |(place, id): (usize, &ParamId)| HeadWeight {
            name: params.name(*id).trim_start_matches(HEAD).to_owned(),
            tensor: newest(place).unwrap_or_else(|| params.get(*id)).clone(),
            kind: params.kind(*id),
        };
        self.0.iter().enumerate().map(entry).collect()
    }

    /// Puts the gradients of the head's weights (place in the head and gradient) beside the network's.
    pub fn insert(&self, grads: &mut Grads, gradients: Vec<(usize, Tensor)>) {
        for (place, gradient) in gradients {
            if let Some(id) = self.0.get(place) {
                grads.insert(*id, gradient);
            }
        }
    }

    /// Writes the buffers' new values (place in the head and value) among the parameters, in their order.
    ///
    /// # Errors
    /// When a shape has changed.
    pub fn set_buffers(&self, params: &mut Params, buffers: Vec<(usize, Tensor)>) -> Result<(), OpsError> {
        for (place, tensor) in buffers {
            if let Some(id) = self.0.get(place) {
                params.set(*id, tensor)?;
            }
        }
        Ok(())
    }
}

/// A loss and where it falls.
#[derive(Debug)]
pub struct Gradients {
    /// Mean loss of the batch.
    pub value: f64,
    /// Gradient on the embeddings, `[b, d]`.
    pub embeddings: Tensor,
    /// Gradients on the head's weights: place in the head, gradient of the weight's shape.
    pub head: Vec<(usize, Tensor)>,
    /// New values of the head's buffers, without history: place in the head, value of the buffer's shape.
    pub buffers: Vec<(usize, Tensor)>,
}

/// Loss and gradients of one batch: the one place where candle's autograd runs.
///
/// # Errors
/// As [`Loss::forward`]; and when the loss does not depend on its embeddings or on a weight of its head, or
/// gives a new value for something that is no buffer.
pub fn gradients(
    loss: &dyn Loss,
    head: &[HeadWeight],
    embeddings: &Tensor,
    targets: &Targets<'_>,
    at: Moment,
) -> Result<Gradients, LossError> {
    let name = loss.name();
    let candle = |source| LossError::Candle { loss: name, source };
    // Leaves are copies: b·d and classes·d numbers, little beside one activation of the backbone.
    let leaf = |t: &Tensor| Var::from_tensor(&t.detach()).map_err(candle);
    let embeddings = leaf(embeddings)?;
    let (mut tensors, mut leaves) = (Vec::new(), Vec::new());
    for (place, weight) in head.iter().enumerate() {
        tensors.push(match weight.kind {
            Kind::Buffer => weight.tensor.detach(),
            Kind::Weight => {
                let leaf = leaf(&weight.tensor)?;
                let tensor = leaf.as_tensor().clone();
                leaves.push((place, leaf));
                tensor
            }
        });
    }

    let Forward { value, buffers } = loss.forward(&tensors, embeddings.as_tensor(), targets, at)?;
    if let Some((place, _)) = buffers.iter().find(|(at, _)| head.get(*at).is_none_or(|w| w.kind != Kind::Buffer)) {
        return Err(LossError::NoBuffer { loss: name, place: *place });
    }
    let mut store = value.backward().map_err(candle)?;
    let mut take = |var: &Var, what: &str| match store.remove(var.as_tensor()) {
        Some(gradient) => gradient.contiguous().map_err(candle),
        None => Err(LossError::NoGradient { loss: name, what: what.to_owned() }),
    };
    Ok(Gradients {
        embeddings: take(&embeddings, "embeddings")?,
        head: leaves
            .iter()
            .map(|(place, var)| Ok((*place, take(var, &head[*place].name)?)))
            .collect::<Result<_, LossError>>()?,
        buffers: buffers.into_iter().map(|(place, tensor)| (place, tensor.detach())).collect(),
        value: value.to_dtype(DType::F64).and_then(|v| v.to_scalar()).map_err(candle)?,
    })
}
