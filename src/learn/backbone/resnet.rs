//! Residual networks of basic blocks (He, Zhang, Ren and Sun 2015) with the variants of "Bag of Tricks"
//! (He et al. 2018), exactly as timm's `ResNet` builds them, names and all.
//!
//! A block is two fused operations: `conv1 → norm → ReLU` and `conv2 → norm → + shortcut → ReLU`.

use candle_core::Tensor;

use super::maker::{Maker, Shape};
use super::{Config, Features, IMAGENET, Preset, Trunk};
use crate::learn::ops::{Act, Conv, Norm, OpsError, Params, Tape, Var, Window};

/// One size of the family.
#[derive(Clone, Copy, Debug)]
pub struct Resnet {
    /// Basic blocks in each of the four stages.
    layers: [usize; 4],
    /// The first layers.
    stem: Stem,
    /// Whether the way past a block that halves the picture averages 2×2 pixels first (ResNet-D).
    avg_down: bool,
}

/// The first layers of a residual network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stem {
    /// One 7×7 convolution of stride 2, 64 channels.
    Plain,
    /// Three 3×3 convolutions, the first of stride 2, with these numbers of channels (timm's `deep_tiered`).
    Deep([usize; 3]),
}

/// timm's sizes.
pub(super) const PRESETS: &[Preset] = &[
    Preset {
        name: "resnet10t",
        config: Config::Resnet(Resnet { layers: [1, 1, 1, 1], stem: Stem::Deep([24, 32, 64]), avg_down: true }),
        tag: "c3_in1k",
        input: 176,
        crop: 0.875,
        ..PRESET
    },
    Preset { name: "resnet18", config: plain([2, 2, 2, 2]), ..PRESET },
    Preset { name: "resnet34", config: plain([3, 4, 6, 3]), ..PRESET },
];

const fn plain(layers: [usize; 4]) -> Config {
    Config::Resnet(Resnet { layers, stem: Stem::Plain, avg_down: false })
}

/// No size; tables start from it.
pub(super) const NONE: Resnet = Resnet { layers: [0; 4], stem: Stem::Plain, avg_down: false };

const PRESET: Preset =
    Preset { classifier: "fc", tag: "a1_in1k", interpolation: "bicubic", input: 224, crop: 0.95, ..IMAGENET };

/// A residual network up to its last feature map.
#[derive(Debug)]
struct ResNet {
    stem: Vec<ConvNorm>,
    stages: Vec<Vec<Block>>,
}

#[derive(Debug)]
struct ConvNorm {
    conv: Conv,
    norm: Norm,
}

#[derive(Debug)]
struct Block {
    conv1: ConvNorm,
    conv2: ConvNorm,
    shortcut: Option<Shortcut>,
}

#[derive(Debug)]
struct Shortcut {
    average: bool,
    conv: ConvNorm,
}

/// PyTorch's `MaxPool2d(3, 2, 1)` behind the stem.
const STEM_POOL: Window = Window { kernel: 3, stride: 2, padding: 1, ceil: false };
/// PyTorch's `AvgPool2d(2, 2, ceil_mode=True, count_include_pad=False)` of a ResNet-D shortcut.
const SHORTCUT_POOL: Window = Window { kernel: 2, stride: 2, padding: 0, ceil: true };
const CHANNELS: [usize; 4] = [64, 128, 256, 512];

/// The network of one size.
pub(super) fn build(config: &Resnet, maker: &mut Maker<'_>) -> Result<Box<dyn Trunk>, OpsError> {
    let stem = stem(maker, config.stem)?;
    let mut stages = Vec::new();
    let mut channels = CHANNELS[0];
    for (stage, (&count, out)) in config.layers.iter().zip(CHANNELS).enumerate() {
        let mut blocks = Vec::new();
        for at in 0..count {
            let stride = if at == 0 && stage > 0 { 2 } else { 1 };
            let name = format!("layer{}.{at}", stage + 1);
            blocks.push(block(maker, &name, channels, out, stride, config.avg_down)?);
            channels = out;
        }
        stages.push(blocks);
    }
    Ok(Box::new(ResNet { stem, stages }))
}

fn conv_norm(maker: &mut Maker<'_>, names: [String; 2], shape: Shape, gamma: f32) -> Result<ConvNorm, OpsError> {
    let [conv, norm] = names;
    Ok(ConvNorm { conv: maker.conv(&conv, shape)?, norm: maker.batch_norm(&norm, shape.out, gamma, 1e-5)? })
}

fn stem(maker: &mut Maker<'_>, stem: Stem) -> Result<Vec<ConvNorm>, OpsError> {
    let out = CHANNELS[0];
    let named = |conv: &str, norm: &str| [conv.to_owned(), norm.to_owned()];
    match stem {
        Stem::Plain => {
            let shape = Shape::new(3, out, 7, 2);
            Ok(vec![conv_norm(maker, named("conv1", "bn1"), shape, 1.0)?])
        }
        Stem::Deep([first, second, third]) => {
            let shape = |channels, out, stride| Shape::new(channels, out, 3, stride);
            Ok(vec![
                conv_norm(maker, named("conv1.0", "conv1.1"), shape(3, first, 2), 1.0)?,
                conv_norm(maker, named("conv1.3", "conv1.4"), shape(first, second, 1), 1.0)?,
                conv_norm(maker, named("conv1.6", "bn1"), shape(second, third, 1), 1.0)?,
            ])
        }
    }
}

fn block(
    maker: &mut Maker<'_>,
    name: &str,
    channels: usize,
    out: usize,
    stride: usize,
    average: bool,
) -> Result<Block, OpsError> {
    let named = |conv: &str, norm: &str| [format!("{name}.{conv}"), format!("{name}.{norm}")];
    let first = Shape::new(channels, out, 3, stride);
    let conv1 = conv_norm(maker, named("conv1", "bn1"), first, 1.0)?;
    let second = Shape::new(out, out, 3, 1);
    // timm's zero_init_last: at first each block passes its input on unchanged.
    let conv2 = conv_norm(maker, named("conv2", "bn2"), second, 0.0)?;
    let changes = stride != 1 || channels != out;
    let shortcut = match (changes, average) {
        (false, _) => None,
        (true, false) => {
            let shape = Shape::new(channels, out, 1, stride);
            let conv = conv_norm(maker, named("downsample.0", "downsample.1"), shape, 1.0)?;
            Some(Shortcut { average: false, conv })
        }
        // Place 0 of timm's sequence is the pooling, or nothing where the picture keeps its size.
        (true, true) => {
            let shape = Shape::new(channels, out, 1, 1);
            let conv = conv_norm(maker, named("downsample.1", "downsample.2"), shape, 1.0)?;
            Some(Shortcut { average: stride != 1, conv })
        }
    };
    Ok(Block { conv1, conv2, shortcut })
}

impl ConvNorm {
    fn forward(
        &self,
        params: &Params,
        tape: &mut Tape,
        x: &Var,
        residual: Option<&Var>,
        act: Act,
    ) -> Result<Var, OpsError> {
        tape.conv_norm(params, x, &self.conv, &self.norm, residual, act)
    }
}

impl Block {
    fn forward(&self, params: &Params, tape: &mut Tape, x: &Var) -> Result<Var, OpsError> {
        let shortcut = match &self.shortcut {
            None => x.clone(),
            Some(Shortcut { average, conv }) => {
                let halved = if *average { &tape.avg_pool(x, SHORTCUT_POOL)? } else { x };
                conv.forward(params, tape, halved, None, Act::None)?
            }
        };
        let inner = self.conv1.forward(params, tape, x, None, Act::Relu)?;
        self.conv2.forward(params, tape, &inner, Some(&shortcut), Act::Relu)
    }
}

impl Trunk for ResNet {
    fn features(&self, params: &Params, tape: &mut Tape, x: &Tensor) -> Result<Features, OpsError> {
        let mut x = tape.pictures(x)?; // [b, h, w, 3]
        for layer in &self.stem {
            x = layer.forward(params, tape, &x, None, Act::Relu)?; // [b, h/2, w/2, 64]
        }
        x = tape.max_pool(&x, STEM_POOL)?; // [b, h/4, w/4, 64]
        let mut maps = Vec::new();
        for blocks in &self.stages {
            for block in blocks {
                x = block.forward(params, tape, &x)?; // last: [b, h/32, w/32, 512]
            }
            maps.push(x.clone());
        }
        Ok(Features::maps(maps))
    }

    fn channels(&self) -> Vec<usize> {
        CHANNELS.to_vec()
    }
}
