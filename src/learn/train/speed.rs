//! How fast a network is here: steps on random pictures, timed.
//!
//! Takes a name, a size and a batch; gives images per second of a training step (forward, cross entropy, backward, AdamW)
//! and of evaluation. The middle of a few steps after one that does not count. What it is for is a person's choice; the speeds of a
//! recipe's own stages come from its history.

use candle_core::{Device, Tensor, Var};

use super::optimizer::{AdamW, Group, Optimizer};
use super::technique::OptimizerSettings;
use super::{OtherError, TrainError};
use crate::base::{Cancel, Clock, Seed};
use crate::learn::backbone::{Pool, Settings, build};
use crate::learn::ops::{Network, Params, Processor, Tape};

/// Steps that count.
const STEPS: usize = 3;
/// Length of the embedding, which is the number of classes here.
const CLASSES: usize = 64;

/// Images per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed {
    /// Of a training step.
    pub train: f64,
    /// Of evaluation.
    pub eval: f64,
}

/// Measures. `observe` is called before the first training step and after the last one, for whoever watches the memory.
///
/// # Errors
/// When there is no such network, pictures do not fit it, or on a stop.
pub fn speed(
    name: &str,
    size: usize,
    batch: usize,
    processor: &Processor,
    clock: &dyn Clock,
    observe: &mut dyn FnMut(),
    cancel: &Cancel,
) -> Result<Speed, OtherError> {
    let (network, mut params) = build(&Settings::new(name, Pool::Avg {}, CLASSES), Seed::new(0))?;
    let mut draws = Seed::new(0).named("speed").draws();
    let pixels: Vec<f32> = (0..batch * 3 * size * size).map(|_| draws.normal() as f32).collect();
    let x = Tensor::from_vec(pixels, (batch, 3, size, size), &Device::Cpu)?;
    observe();
    let train = train(network.as_ref(), &mut params, &x, processor, clock, cancel)?;
    observe();
    let mut tape = Tape::eval().at(processor);
    let eval = timed(clock, cancel, || Ok(network.forward(&params, &mut tape, &x).map(drop)?))?;
    Ok(Speed { train: batch as f64 / train, eval: batch as f64 / eval })
}

fn train(
    network: &dyn Network,
    params: &mut Params,
    x: &Tensor,
    processor: &Processor,
    clock: &dyn Clock,
    cancel: &Cancel,
) -> Result<f64, OtherError> {
    let batch = x.dim(0)?;
    let labels = Tensor::from_vec((0..batch).map(|i| (i % CLASSES) as u32).collect(), batch, &Device::Cpu)?;
    let settings = OptimizerSettings::AdamW(AdamW { lr: 1e-3, weight_decay: 1e-2, betas: [0.9, 0.999], eps: 1e-8 });
    let group = Group { lr: 1.0, decay: true, since: 0, weights: params.weights().collect() };
    let mut optimizer = Optimizer::new(&settings, vec![group], params);
    let mut tape = Tape::train().at(processor);
    timed(clock, cancel, || {
        let embeddings = network.forward(params, &mut tape, x)?;
        let logits = Var::from_tensor(&embeddings.tensor())?;
        let loss = candle_nn::loss::cross_entropy(&logits, &labels)?;
        let dy = loss.backward()?.remove(&logits).ok_or_else(|| TrainError::NoGradient("the loss".to_owned()))?;
        let grads = tape.backward(&embeddings, &dy)?;
        optimizer.step(params, &grads, 1e-3, 1.0)?;
        Ok(tape.apply_updates(params)?)
    })
}

/// Seconds of the middle step.
fn timed(
    clock: &dyn Clock,
    cancel: &Cancel,
    mut step: impl FnMut() -> Result<(), OtherError>,
) -> Result<f64, OtherError> {
    let mut seconds = Vec::new();
    for at in 0..=STEPS {
        cancel.check()?;
        let began = clock.now();
        step()?;
        if at > 0 {
            seconds.push(clock.now().since(began));
        }
    }
    seconds.sort_by(f64::total_cmp);
    Ok(seconds[STEPS / 2].max(1e-9))
}
