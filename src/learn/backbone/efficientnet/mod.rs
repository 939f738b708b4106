//! EfficientNet (Tan and Le 2019), its Lite and EdgeTPU forms, and EfficientNet-V2 (Tan and Le 2021), exactly as timm's
//! `EfficientNet` builds them, names and all.
//!
//! A network is a stem, stages of blocks, and a 1×1 convolution before the pooling. One list of stages serves all sizes of a
//! form: a size multiplies channels (rounded to eights) and repeats (rounded up). The networks that came from TensorFlow
//! (`tf_…`) pad as it does and have another epsilon in their norms. A block is two or three fused operations whose wide maps
//! are written once (`ops/conv/open.rs` says how). Not here: networks with conditional convolutions, group norm,
//! space to depth, blur pooling or pruned channels.

mod block;
mod sizes;

use std::sync::Arc;

use candle_core::Tensor;

use self::block::{Block, ConvNorm, conv_norm};
pub(super) use self::sizes::PRESETS;
use super::maker::{Maker, Shape};
use super::{Features, Trunk};
use crate::learn::ops::{Act, Open, OpsError, Params, Tape, Var};

/// One size of the family.
#[derive(Clone, Copy, Debug)]
pub struct EfficientNet {
    stages: &'static [Stage],
    /// Factor of all channels.
    width: f64,
    /// Factor of the repeats of each stage, the last one for all further stages.
    depth: &'static [f64],
    /// Channels of stem and head before the factor.
    ends: [usize; 2],
    /// Whether stem, head, and the repeats of first and last stage keep clear of the factors (Lite).
    fixed: bool,
    /// Rounding to eights may lose at most what is above this part.
    round_limit: f64,
    act: Act,
    /// Padding and epsilon as in TensorFlow.
    tensorflow: bool,
}

/// A stage before its size's factors are applied.
#[derive(Clone, Copy, Debug)]
struct Stage {
    kind: Kind,
    repeats: usize,
    kernel: usize,
    stride: usize,
    /// Channels inside the block for each that comes in.
    expand: usize,
    channels: usize,
    /// Hidden channels of squeeze-and-excite for each channel that comes in; 0 for none.
    squeeze: f64,
    /// Channels that count as coming in, where that differs; 0 where not.
    counted: usize,
}

/// The kinds of block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A filter by depth, then a projection (`ds`).
    Separable,
    /// Expansion, a filter by depth, a projection (`ir`).
    Inverted,
    /// A dense convolution that expands, then a projection (`er`).
    Edge,
    /// One convolution (`cn`).
    Plain,
}

/// timm's rounding of channels.
fn round(channels: f64, limit: f64) -> usize {
    let rounded = (((channels + 4.0) as usize) / 8 * 8).max(8);
    if (rounded as f64) < limit * channels { rounded + 8 } else { rounded }
}

impl EfficientNet {
    fn scaled(&self, channels: usize) -> usize {
        round(channels as f64 * self.width, self.round_limit)
    }

    fn repeats(&self, at: usize, stage: &Stage) -> usize {
        if self.fixed && (at == 0 || at + 1 == self.stages.len()) {
            return stage.repeats;
        }
        let depth = self.depth.get(at).or(self.depth.last()).copied().unwrap_or(1.0);
        (stage.repeats as f64 * depth).ceil() as usize
    }

    fn eps(&self) -> f64 {
        if self.tensorflow { 1e-3 } else { 1e-5 }
    }
}

/// A network up to the map before its pooling.
#[derive(Debug)]
struct Network {
    stem: ConvNorm,
    stages: Vec<Vec<Arc<Block>>>,
    head: ConvNorm,
    act: Act,
    /// For each stage whether its map is the last of its size, and its channels.
    maps: Vec<(bool, usize)>,
}

/// The network of one size.
pub(super) fn build(size: &EfficientNet, maker: &mut Maker<'_>) -> Result<Box<dyn Trunk>, OpsError> {
    let [stem, head] = size.ends;
    let [stem, head] = if size.fixed { [stem, head] } else { [size.scaled(stem), size.scaled(head)] };
    let mut channels = stem;
    let stem = conv_norm(maker, size, ["conv_stem", "bn1"].map(str::to_owned), Shape::new(3, stem, 3, 2))?;
    let (mut stages, mut maps) = (Vec::new(), Vec::new());
    let count: usize = size.stages.iter().enumerate().map(|(at, stage)| size.repeats(at, stage)).sum();
    let mut number = 0;
    for (at, stage) in size.stages.iter().enumerate() {
        let mut blocks = Vec::new();
        for repeat in 0..size.repeats(at, stage) {
            let stage = Stage { stride: if repeat == 0 { stage.stride } else { 1 }, ..*stage };
            let mut block = block::build(maker, size, &format!("blocks.{at}.{repeat}"), &stage, channels)?;
            // Here timm's line would reach the rate one block behind the last.
            block.drop_path = maker.drop_path(number, count);
            number += 1;
            blocks.push(Arc::new(block));
            channels = size.scaled(stage.channels);
        }
        stages.push(blocks);
        maps.push((size.stages.get(at + 1).is_some_and(|next| next.stride > 1), channels));
    }
    let names = ["conv_head", "bn2"].map(str::to_owned);
    let head_shape = Shape::new(channels, head, 1, 1);
    let head_layer = conv_norm(maker, size, names, head_shape)?;
    maps.push((true, head));
    Ok(Box::new(Network { stem, stages, head: head_layer, act: size.act, maps }))
}

impl Trunk for Network {
    fn features(&self, params: &Params, tape: &mut Tape, x: &Tensor) -> Result<Features, OpsError> {
        let x = tape.pictures(x)?; // [b, h, w, 3]
        let mut x = self.stem.open(params, tape, &x, self.act)?; // [b, h/2, w/2, c]
        let mut maps = Vec::new();
        for (blocks, (last, _)) in self.stages.iter().zip(&self.maps) {
            for block in blocks {
                if !x.is_plain() {
                    // The stem's output, which this block finishes.
                    x = block.forward(params, tape, x, self.act)?;
                    continue;
                }
                let (block, act, input) = (block.clone(), self.act, tape.finish(x, None)?);
                let y = tape.checkpoint(params, &input, move |params, tape, x| {
                    let y = block.forward(params, tape, Open::plain(x), act)?;
                    tape.finish(y, None)
                })?;
                x = Open::plain(&y);
            }
            if *last {
                let map: Var = tape.finish(x, None)?;
                maps.push(map.clone());
                x = Open::plain(&map);
            }
        }
        let x = tape.finish(x, None)?;
        let (conv, norm) = (&self.head.conv, &self.head.norm);
        maps.push(tape.conv_norm(params, &x, conv, norm, None, self.act)?); // [b, h/32, w/32, head]
        Ok(Features::maps(maps))
    }

    fn channels(&self) -> Vec<usize> {
        self.maps.iter().filter(|(last, _)| *last).map(|(_, channels)| *channels).collect()
    }
}
