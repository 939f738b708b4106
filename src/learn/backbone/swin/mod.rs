//! Swin Transformer (Liu et al. 2021, S3 of Chen et al. 2021 included) and Swin Transformer V2 (Liu et al. 2022), as timm builds
//! them, names and all.
//!
//! Four stages of blocks whose attention looks into windows, every other block's moved by half; between stages 2 × 2
//! tokens become one. The second version compares by cosine, finds the biases of relative places by a small network, and
//! norms what a branch gives instead of what it takes. Any size of picture is taken, as timm does when a network is made
//! with that `img_size`: a window is no larger than the map, and the first version's table of biases is then interpolated.

mod block;
mod presets;

use std::sync::Arc;

use candle_core::Tensor;

use self::block::Block;
pub(super) use self::presets::PRESETS;
use super::maker::{Init, Linear, Maker};
use super::{Features, Trunk};
use crate::learn::ops::{Act, Kind, LayerNorm, OpsError, Params, Tape, Var};

/// One size of the family.
#[derive(Clone, Copy, Debug)]
pub struct Swin {
    /// Channels of the first stage; each further one has twice as many. Every head has 32.
    channels: usize,
    /// Blocks of each stage.
    depths: [usize; 4],
    /// Side of the windows of each stage, in tokens.
    windows: [usize; 4],
    /// Side of the pictures that the published weights are for, in pixels.
    input: usize,
    version: Version,
}

#[derive(Clone, Copy, Debug)]
enum Version {
    One,
    /// With the sides of the windows that were first trained with, where they were others.
    Two {
        trained: Option<[usize; 4]>,
    },
}

/// Side of a patch in pixels.
const PATCH: usize = 4;
/// PyTorch's default of `LayerNorm`.
const EPS: f64 = 1e-5;
/// timm's first values of all linear layers' weights.
const WEIGHT: Init = Init::TruncNormal { std: 0.02 };
const ZERO: Option<Init> = Some(Init::Is(0.0));

/// A Swin up to its last feature map.
#[derive(Debug)]
struct Network {
    patches: Linear,
    patch_norm: LayerNorm,
    stages: Vec<Stage>,
    norm: LayerNorm,
    channels: usize,
}

#[derive(Debug)]
struct Stage {
    merging: Option<Merging>,
    blocks: Vec<Arc<Block>>,
}

/// 2 × 2 tokens into one.
#[derive(Debug)]
struct Merging {
    norm: LayerNorm,
    reduction: Linear,
    /// Whether the norm comes after the layer: the second version's.
    after: bool,
}

/// The network of one size.
pub(super) fn build(swin: &Swin, maker: &mut Maker<'_>) -> Result<Box<dyn Trunk>, OpsError> {
    let fan = Init::fan_in(3 * PATCH * PATCH);
    let dims = [swin.channels, 3, PATCH, PATCH];
    let patches = Linear {
        weight: maker.tensor("patch_embed.proj.weight", &dims, Kind::Weight, fan)?,
        bias: Some(maker.tensor("patch_embed.proj.bias", &dims[..1], Kind::Weight, fan)?),
    };
    let patch_norm = maker.layer_norm("patch_embed.norm", swin.channels, 1.0, EPS)?;
    let mut stages = Vec::new();
    let (mut number, last) = (0, swin.depths.iter().sum::<usize>().saturating_sub(1));
    for stage in 0..4 {
        let (name, channels) = (format!("layers.{stage}"), swin.channels << stage);
        let merging = match stage {
            0 => None,
            _ => Some(Merging::new(maker, &format!("{name}.downsample"), channels / 2, swin.version)?),
        };
        let mut blocks = Vec::new();
        for at in 0..swin.depths[stage] {
            let mut block = Block::new(maker, &format!("{name}.blocks.{at}"), swin, stage, at % 2 == 1)?;
            block.drop_path = maker.drop_path(number, last);
            number += 1;
            blocks.push(Arc::new(block));
        }
        stages.push(Stage { merging, blocks });
    }
    let norm = maker.layer_norm("norm", swin.channels << 3, 1.0, EPS)?;
    Ok(Box::new(Network { patches, patch_norm, stages, norm, channels: swin.channels }))
}

impl Merging {
    fn new(maker: &mut Maker<'_>, name: &str, channels: usize, version: Version) -> Result<Merging, OpsError> {
        let after = matches!(version, Version::Two { .. });
        let normed = if after { 2 * channels } else { 4 * channels };
        Ok(Merging {
            norm: maker.layer_norm(&format!("{name}.norm"), normed, 1.0, EPS)?,
            reduction: maker.linear(&format!("{name}.reduction"), 4 * channels, 2 * channels, WEIGHT, None)?,
            after,
        })
    }

    fn forward(&self, params: &Params, tape: &mut Tape, x: &Var) -> Result<Var, OpsError> {
        let mut x = tape.merge_patches(x)?; // [b, h/2, w/2, 4c]
        if !self.after {
            x = tape.layer_norm(params, &x, &self.norm)?;
        }
        x = tape.linear(params, &x, self.reduction.weight, None, Act::None)?; // [b, h/2, w/2, 2c]
        if self.after { tape.layer_norm(params, &x, &self.norm) } else { Ok(x) }
    }
}

impl Trunk for Network {
    fn features(&self, params: &Params, tape: &mut Tape, x: &Tensor) -> Result<Features, OpsError> {
        let x = tape.patches(x, PATCH)?; // [b, h/4, w/4, 48]
        let x = tape.linear(params, &x, self.patches.weight, self.patches.bias, Act::None)?;
        let mut x = tape.layer_norm(params, &x, &self.patch_norm)?; // [b, h/4, w/4, c]
        let mut maps = Vec::new();
        for stage in &self.stages {
            if let Some(merging) = &stage.merging {
                x = merging.forward(params, tape, &x)?;
            }
            for block in &stage.blocks {
                let block = block.clone();
                x = tape.checkpoint(params, &x, move |params, tape, x| block.forward(params, tape, x))?; // last: [b, h/32, w/32, 8c]
            }
            maps.push(x.clone());
        }
        if let Some(last) = maps.last_mut() {
            *last = tape.layer_norm(params, last, &self.norm)?;
        }
        Ok(Features::maps(maps))
    }

    fn channels(&self) -> Vec<usize> {
        (0..4).map(|stage| self.channels << stage).collect()
    }
}
