//! ConvNeXt (Liu et al. 2022) and ConvNeXt V2 (Woo et al. 2023), exactly as timm's `ConvNeXt` builds them, names and all.
//!
//! A block: 7×7 depthwise convolution → layer norm → linear ×4 → GELU (→ response norm in V2) → linear → scale of each
//! channel → + input. Maps are channels-last, so the linear layers take them as they are. Not built: the forms with
//! RMS norms (`*_rms`) and timm's own test networks.

use std::sync::Arc;

use candle_core::Tensor;

use super::maker::{Init, Linear, Maker};
use super::{Config, Features, IMAGENET, Preset, Trunk, layers};
use crate::learn::ops::{Act, Conv, Kind, Layer, LayerNorm, OpsError, ParamId, Params, ResponseNorm, Tape, Var};

/// One size of the family.
#[derive(Clone, Copy, Debug)]
pub struct Convnext {
    /// Blocks in each of the four stages.
    depths: [usize; 4],
    /// Channels of each stage.
    dims: [usize; 4],
    stem: Stem,
    /// Whether the linear layers of blocks are 1×1 convolutions by their weights' shape.
    conv_mlp: bool,
    /// V2: response norm in the blocks, no scale of channels.
    second: bool,
    eps: f64,
    head: Head,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stem {
    /// One 4×4 convolution of stride 4.
    Patch,
    /// Two 3×3 convolutions of stride 2.
    Overlap,
    /// The same, with half the channels between them.
    Tiered,
}

/// What stands between the last map and the classifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Head {
    /// Pooling, then a norm.
    PoolNorm,
    /// A norm, then pooling.
    NormPool,
    /// Pooling, a norm, a linear layer as wide as the last stage, GELU.
    Mlp,
}

const fn first(depths: [usize; 4], width: usize) -> Convnext {
    Convnext {
        depths,
        dims: [width, 2 * width, 4 * width, 8 * width],
        stem: Stem::Patch,
        conv_mlp: false,
        second: false,
        eps: 1e-6,
        head: Head::PoolNorm,
    }
}

const fn second(depths: [usize; 4], width: usize) -> Convnext {
    Convnext { second: true, ..first(depths, width) }
}

impl Convnext {
    const fn conv(self) -> Convnext {
        Convnext { conv_mlp: true, ..self }
    }

    const fn stem(self, stem: Stem) -> Convnext {
        Convnext { stem, ..self }
    }
}

/// Name, weights, side of their pictures, part of a picture they see.
const fn row(name: &'static str, tag: &'static str, input: usize, crop: f32, size: Convnext) -> Preset {
    Preset { name, config: Config::Convnext(size), classifier: "head.fc", tag, input, crop, ..IMAGENET }
}

/// With CLIP's mean and std.
const fn clip(preset: Preset) -> Preset {
    Preset { mean: [0.481_454_66, 0.457_827_5, 0.408_210_73], std: [0.268_629_54, 0.261_302_6, 0.275_777_1], ..preset }
}

const TINY: [usize; 4] = [3, 3, 9, 3];
const SMALL: [usize; 4] = [3, 3, 27, 3];
const ATTO: [usize; 4] = [2, 2, 6, 2];
const NANO: [usize; 4] = [2, 2, 8, 2];

/// timm's sizes.
pub(super) const PRESETS: &[Preset] = &[
    row("convnext_atto", "d2_in1k", 224, 0.875, first(ATTO, 40).conv()),
    row("convnext_atto_ols", "a2_in1k", 224, 0.875, first(ATTO, 40).conv().stem(Stem::Tiered)),
    row("convnext_femto", "d1_in1k", 224, 0.875, first(ATTO, 48).conv()),
    row("convnext_femto_ols", "d1_in1k", 224, 0.875, first(ATTO, 48).conv().stem(Stem::Tiered)),
    row("convnext_pico", "d1_in1k", 224, 0.875, first(ATTO, 64).conv()),
    row("convnext_pico_ols", "d1_in1k", 224, 0.95, first(ATTO, 64).conv().stem(Stem::Tiered)),
    row("convnext_nano", "in12k_ft_in1k", 224, 0.95, first(NANO, 80).conv()),
    row("convnext_nano_ols", "d1h_in1k", 224, 0.95, first(NANO, 80).conv().stem(Stem::Overlap)),
    row("convnext_tiny", "in12k_ft_in1k", 224, 0.95, first(TINY, 96)),
    row("convnext_tiny_hnf", "a2h_in1k", 224, 0.95, Convnext { head: Head::NormPool, ..first(TINY, 96).conv() }),
    row("convnext_small", "in12k_ft_in1k", 224, 0.95, first(SMALL, 96)),
    row("convnext_base", "fb_in22k_ft_in1k", 224, 0.875, first(SMALL, 128)),
    row("convnext_large", "fb_in22k_ft_in1k", 224, 0.875, first(SMALL, 192)),
    clip(row(
        "convnext_large_mlp",
        "clip_laion2b_soup_ft_in12k_in1k_320",
        320,
        1.0,
        Convnext { head: Head::Mlp, ..first(SMALL, 192) },
    )),
    row("convnext_xlarge", "fb_in22k_ft_in1k", 224, 0.875, first(SMALL, 256)),
    clip(row(
        "convnext_xxlarge",
        "clip_laion2b_soup_ft_in1k",
        256,
        1.0,
        Convnext { eps: 1e-5, ..first([3, 4, 30, 3], 384) },
    )),
    row("convnextv2_atto", "fcmae_ft_in1k", 224, 0.875, second(ATTO, 40).conv()),
    row("convnextv2_femto", "fcmae_ft_in1k", 224, 0.875, second(ATTO, 48).conv()),
    row("convnextv2_pico", "fcmae_ft_in1k", 224, 0.875, second(ATTO, 64).conv()),
    row("convnextv2_nano", "fcmae_ft_in22k_in1k", 224, 0.875, second(NANO, 80).conv()),
    row("convnextv2_tiny", "fcmae_ft_in22k_in1k", 224, 0.875, second(TINY, 96)),
    row("convnextv2_small", "untrained", 224, 0.875, second(SMALL, 96)),
    row("convnextv2_base", "fcmae_ft_in22k_in1k", 224, 0.875, second(SMALL, 128)),
    row("convnextv2_large", "fcmae_ft_in22k_in1k", 224, 0.875, second(SMALL, 192)),
    row("convnextv2_huge", "fcmae_ft_in22k_in1k_384", 384, 1.0, second(SMALL, 352)),
];

/// A ConvNeXt up to its last feature map, with its head's norm.
struct ConvNext {
    /// Convolutions with their biases, and the norm.
    stem: (Vec<Biased>, LayerNorm),
    stages: Vec<Stage>,
    /// A norm before pooling, or after it with a layer.
    before_pool: Option<LayerNorm>,
    after_pool: Option<(LayerNorm, Option<Linear>)>,
    channels: Vec<usize>,
}

struct Biased {
    conv: Conv,
    bias: ParamId,
}

struct Stage {
    halving: Option<(LayerNorm, Biased)>,
    blocks: Vec<Arc<Block>>,
}

struct Block {
    depthwise: Biased,
    norm: LayerNorm,
    wide: Dense,
    response: Option<ResponseNorm>,
    narrow: Dense,
    gamma: Option<ParamId>,
    drop_path: f32,
}

/// A linear layer, by its weight's shape a 1×1 convolution or not.
enum Dense {
    Linear(Linear),
    Pointwise(Biased),
}

/// timm's first values of all linear layers and convolutions here.
const DRAWN: Init = Init::TruncNormal { std: 0.02 };

/// The network of one size.
pub(super) fn build(config: &Convnext, maker: &mut Maker<'_>) -> Result<Box<dyn Trunk>, OpsError> {
    let [first, .., last] = config.dims;
    let stem = match config.stem {
        Stem::Patch => vec![biased(maker, "stem.0", [3, first, 4], 4, 0, 1)?],
        Stem::Overlap | Stem::Tiered => {
            let half = if config.stem == Stem::Tiered { divisible(first / 2) } else { first };
            vec![biased(maker, "stem.0", [3, half, 3], 2, 1, 1)?, biased(maker, "stem.1", [half, first, 3], 2, 1, 1)?]
        }
    };
    let norm = maker.layer_norm(&format!("stem.{}", stem.len()), first, 1.0, config.eps)?;
    let (mut stages, mut channels) = (Vec::new(), first);
    let (mut number, deepest) = (0, config.depths.iter().sum::<usize>().saturating_sub(1));
    for (at, (&depth, out)) in config.depths.iter().zip(config.dims).enumerate() {
        let name = format!("stages.{at}");
        let halving = match at {
            0 => None,
            _ => {
                let norm = maker.layer_norm(&format!("{name}.downsample.0"), channels, 1.0, config.eps)?;
                Some((norm, biased(maker, &format!("{name}.downsample.1"), [channels, out, 2], 2, 0, 1)?))
            }
        };
        let mut blocks = Vec::new();
        for i in 0..depth {
            let mut block = block(maker, config, &format!("{name}.blocks.{i}"), out)?;
            block.drop_path = maker.drop_path(number, deepest);
            number += 1;
            blocks.push(Arc::new(block));
        }
        stages.push(Stage { halving, blocks });
        channels = out;
    }
    let (mut before_pool, mut after_pool) = (None, None);
    match config.head {
        Head::NormPool => before_pool = Some(maker.layer_norm("norm_pre", last, 1.0, config.eps)?),
        Head::PoolNorm => after_pool = Some((maker.layer_norm("head.norm", last, 1.0, config.eps)?, None)),
        Head::Mlp => {
            let norm = maker.layer_norm("head.norm", last, 1.0, config.eps)?;
            let layer = maker.linear("head.pre_logits.fc", last, last, DRAWN, Some(Init::Is(0.0)))?;
            after_pool = Some((norm, Some(layer)));
        }
    }
    Ok(Box::new(ConvNext { stem: (stem, norm), stages, before_pool, after_pool, channels: config.dims.to_vec() }))
}

/// timm's `make_divisible` by 8.
fn divisible(channels: usize) -> usize {
    let near = ((channels + 4) / 8 * 8).max(8);
    if 10 * near < 9 * channels { near + 8 } else { near }
}

fn biased(
    maker: &mut Maker<'_>,
    name: &str,
    [channels, out, kernel]: [usize; 3],
    stride: usize,
    padding: usize,
    groups: usize,
) -> Result<Biased, OpsError> {
    let dims = [out, channels / groups, kernel, kernel];
    let weight = maker.tensor(&format!("{name}.weight"), &dims, Kind::Weight, DRAWN)?;
    let bias = maker.tensor(&format!("{name}.bias"), &[out], Kind::Weight, Init::Is(0.0))?;
    Ok(Biased { conv: Conv { weight, stride, padding, dilation: 1, groups }, bias })
}

fn block(maker: &mut Maker<'_>, config: &Convnext, name: &str, channels: usize) -> Result<Block, OpsError> {
    let dense = |maker: &mut Maker<'_>, part: &str, inner, out| {
        let name = format!("{name}.mlp.{part}");
        match config.conv_mlp {
            true => biased(maker, &name, [inner, out, 1], 1, 0, 1).map(Dense::Pointwise),
            false => maker.linear(&name, inner, out, DRAWN, Some(Init::Is(0.0))).map(Dense::Linear),
        }
    };
    let wide = dense(maker, "fc1", channels, 4 * channels)?;
    let narrow = dense(maker, "fc2", 4 * channels, channels)?;
    let response = match config.second {
        false => None,
        true => {
            let mut each =
                |part| maker.tensor(&format!("{name}.mlp.grn.{part}"), &[4 * channels], Kind::Weight, Init::Is(0.0));
            Some(ResponseNorm { weight: each("weight")?, bias: each("bias")?, eps: 1e-6 })
        }
    };
    let gamma = match config.second {
        true => None,
        false => Some(maker.tensor(&format!("{name}.gamma"), &[channels], Kind::Weight, Init::Is(1e-6))?),
    };
    Ok(Block {
        depthwise: biased(maker, &format!("{name}.conv_dw"), [channels, channels, 7], 1, 3, channels)?,
        norm: maker.layer_norm(&format!("{name}.norm"), channels, 1.0, config.eps)?,
        wide,
        response,
        narrow,
        gamma,
        drop_path: 0.0,
    })
}

impl Biased {
    fn forward(&self, params: &Params, tape: &mut Tape, x: &Var, act: Act) -> Result<Var, OpsError> {
        tape.conv2d(params, x, &self.conv, Some(self.bias), act)
    }
}

impl Dense {
    fn forward(&self, params: &Params, tape: &mut Tape, x: &Var, act: Act) -> Result<Var, OpsError> {
        match self {
            Dense::Linear(layer) => tape.linear(params, x, layer.weight, layer.bias, act),
            Dense::Pointwise(conv) => conv.forward(params, tape, x, act),
        }
    }
}

impl Block {
    fn forward(&self, params: &Params, tape: &mut Tape, x: &Var) -> Result<Var, OpsError> {
        let y = self.depthwise.forward(params, tape, x, Act::None)?; // [b, h, w, c]
        let y = tape.layer_norm(params, &y, &self.norm)?;
        let mut y = self.wide.forward(params, tape, &y, Act::Gelu)?; // [b, h, w, 4c]
        if let Some(norm) = &self.response {
            y = tape.response_norm(params, &y, norm)?;
        }
        let y = self.narrow.forward(params, tape, &y, Act::None)?; // [b, h, w, c]
        tape.residual(params, x, &y, self.gamma, self.drop_path)
    }
}

impl Trunk for ConvNext {
    fn features(&self, params: &Params, tape: &mut Tape, x: &Tensor) -> Result<Features, OpsError> {
        let mut x = tape.pictures(x)?; // [b, h, w, 3]
        for conv in &self.stem.0 {
            x = conv.forward(params, tape, &x, Act::None)?;
        }
        x = tape.layer_norm(params, &x, &self.stem.1)?; // [b, h/4, w/4, c]
        let mut maps = Vec::new();
        for stage in &self.stages {
            if let Some((norm, conv)) = &stage.halving {
                x = tape.layer_norm(params, &x, norm)?;
                x = conv.forward(params, tape, &x, Act::None)?;
            }
            for block in &stage.blocks {
                let block = block.clone();
                x = tape.checkpoint(params, &x, move |params, tape, x| block.forward(params, tape, x))?;
            }
            maps.push(x.clone());
        }
        if let (Some(norm), Some(last)) = (&self.before_pool, maps.last_mut()) {
            *last = tape.layer_norm(params, last, norm)?;
        }
        Ok(Features::maps(maps))
    }

    fn channels(&self) -> Vec<usize> {
        self.channels.clone()
    }

    fn layer(&self, name: &str) -> Layer {
        // Elsewhere a norm of this name stands before the blocks.
        if name.starts_with("norm_pre.") { Layer::Tail } else { layers::of(name) }
    }

    fn after_pool(&self, params: &Params, tape: &mut Tape, pooled: Var) -> Result<Var, OpsError> {
        let Some((norm, layer)) = &self.after_pool else { return Ok(pooled) };
        let pooled = tape.layer_norm(params, &pooled, norm)?;
        match layer {
            None => Ok(pooled),
            Some(layer) => tape.linear(params, &pooled, layer.weight, layer.bias, Act::Gelu),
        }
    }
}
