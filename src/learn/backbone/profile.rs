//! What a network is, without running it: size, work and memory.
//!
//! Takes a name and a picture's size; gives a [`Profile`] by one pass over shapes. Memory is an estimate: weights, their
//! gradients and AdamW's two means, and what a step keeps of each picture for the way back, which is counted.

use super::{Backbone, BackboneError, Pool, Preset, Settings, preset};
use crate::learn::ops::{Network, Params, Tape, hollow};

/// A network for square pictures of one size.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// The network.
    pub preset: &'static Preset,
    /// Side of the pictures, in pixels.
    pub size: usize,
    /// Numbers that learn, without the neck: timm's with `num_classes=0`.
    pub parameters: usize,
    /// Length of the pooled vector, which goes into the neck: timm's `num_features`.
    pub features: usize,
    /// Multiply-adds of one picture's forward pass.
    pub multiply_adds: u64,
    /// Floats that a training step keeps of one picture.
    pub kept: u64,
}

impl Profile {
    /// Bytes that a training step with AdamW needs for a batch: an estimate.
    pub fn step_bytes(&self, batch: usize) -> u64 {
        let pictures = 3 * self.size * self.size;
        4 * (4 * self.parameters as u64 + (self.kept + pictures as u64) * batch as u64)
    }

    /// Bytes of the weights alone.
    pub fn weights_bytes(&self) -> u64 {
        4 * self.parameters as u64
    }

    /// The family, as its table is called in the code: "Resnet".
    pub fn family(&self) -> String {
        // The name of the enum's arm: a family that is added is named by being there.
        format!("{:?}", self.preset.config).chars().take_while(|c| c.is_alphanumeric()).collect()
    }
}

/// The profile of a network for pictures of `size` pixels; of its weights' own size without one.
///
/// # Errors
/// When no network has this name, or such pictures do not fit it.
pub fn profile(name: &str, size: Option<usize>) -> Result<Profile, BackboneError> {
    let preset = preset(name)?;
    let size = size.unwrap_or(preset.input);
    let mut params = Params::new();
    let network = Backbone::new(&Settings::new(name, Pool::Avg {}, 1), &mut params, None)?;
    let mut tape = Tape::counting();
    network.forward(&params, &mut tape, &hollow(&[1, 3, size, size])?)?;
    let features = network.trunk.pooled();
    // A neck for one number: its weights and its bias.
    let parameters = params.count().saturating_sub(features + 1);
    let spent = tape.spent();
    let multiply_adds = spent.multiply_adds.saturating_sub(features as u64);
    Ok(Profile { preset, size, parameters, features, multiply_adds, kept: spent.kept })
}
