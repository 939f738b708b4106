//! ConvFormer and CAFormer (Yu et al. 2022, "MetaFormer Baselines for Vision"), exactly as timm's `MetaFormer` builds them.
//!
//! A block: norm → token mixer, then norm → two layers with StarReLU between, each a branch beside the stream, which the
//! last two stages scale as well. The mixer is a separable convolution, in CAFormer's last two stages self-attention. The
//! pooled vector goes through timm's MLP head, whose last layer is the neck, so an embedding is drawn from four times the last
//! map's channels. Not built: PoolFormer.

use std::sync::Arc;

use candle_core::Tensor;

use super::maker::{Init, Linear, Maker};
use super::{Config, Features, IMAGENET, Preset, Trunk, layers};
use crate::learn::ops::{Act, Conv, Kind, Layer, LayerNorm, OpsError, ParamId, Params, StarRelu, Tape, Var};

/// One size of the family.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Blocks in each of the four stages.
    depths: [usize; 4],
    /// Channels of each stage.
    dims: [usize; 4],
    /// The first stage whose mixer is attention.
    attention: usize,
}

const S18: Size = Size { depths: [3, 3, 9, 3], dims: [64, 128, 320, 512], attention: 4 };
const S36: Size = Size { depths: [3, 12, 18, 3], ..S18 };
const M36: Size = Size { dims: [96, 192, 384, 576], ..S36 };
const B36: Size = Size { dims: [128, 256, 512, 768], ..S36 };

const fn row(name: &'static str, size: Size) -> Preset {
    Preset {
        name,
        config: Config::Metaformer(size),
        classifier: "head.fc.fc2",
        tag: "sail_in1k",
        crop: 1.0,
        ..IMAGENET
    }
}

const fn attentive(size: Size) -> Size {
    Size { attention: 2, ..size }
}

/// timm's sizes.
pub(super) const PRESETS: &[Preset] = &[
    row("convformer_s18", S18),
    row("convformer_s36", S36),
    row("convformer_m36", M36),
    row("convformer_b36", B36),
    row("caformer_s18", attentive(S18)),
    row("caformer_s36", attentive(S36)),
    row("caformer_m36", attentive(M36)),
    row("caformer_b36", attentive(B36)),
];

/// Channels of a head of attention.
const HEAD: usize = 32;
const EPS: f64 = 1e-6;
/// Stages from here on scale their stream.
const SCALED: usize = 2;

/// timm's first values of all convolutions and linear layers here.
const DRAWN: Init = Init::TruncNormal { std: 0.02 };
const ZERO: Option<Init> = Some(Init::Is(0.0));

#[derive(Debug)]
struct MetaFormer {
    stem: (Biased, LayerNorm),
    stages: Vec<Stage>,
    norm: LayerNorm,
    fc1: Linear,
    fc_norm: LayerNorm,
    dims: [usize; 4],
}

#[derive(Debug)]
struct Biased {
    conv: Conv,
    bias: ParamId,
}

#[derive(Debug)]
struct Stage {
    halving: Option<(LayerNorm, Biased)>,
    blocks: Vec<Arc<Block>>,
}

#[derive(Debug)]
struct Block {
    norm1: LayerNorm,
    mixer: Mixer,
    /// The stream's scales `[c]`, one for each branch.
    scales: [Option<ParamId>; 2],
    norm2: LayerNorm,
    fc1: Dense,
    act: StarRelu,
    fc2: Dense,
    /// Rate of stochastic depth, drawn for each of the two branches.
    drop_path: f32,
}

#[derive(Debug)]
enum Mixer {
    /// 1×1 convolution → StarReLU → 7×7 depthwise → 1×1 convolution.
    Separable { wide: Conv, act: StarRelu, depthwise: Conv, narrow: Conv },
    /// Attention of heads of [`HEAD`] channels over all places.
    Attention { qkv: ParamId, proj: ParamId, heads: usize },
}

/// A layer over channels, by its weight's shape a 1×1 convolution or not.
#[derive(Debug)]
enum Dense {
    Linear(ParamId),
    Pointwise(Conv),
}

/// The network of one size.
pub(super) fn build(size: &Size, maker: &mut Maker<'_>) -> Result<Box<dyn Trunk>, OpsError> {
    let [first, .., last] = size.dims;
    let stem = (biased(maker, "stem.conv", [3, first, 7], [4, 2])?, scale_norm(maker, "stem.norm", first)?);
    let (mut stages, mut channels) = (Vec::new(), first);
    let (mut number, deepest) = (0, size.depths.iter().sum::<usize>().saturating_sub(1));
    for (at, (&depth, out)) in size.depths.iter().zip(size.dims).enumerate() {
        let name = format!("stages.{at}");
        let halving = match at {
            0 => None,
            _ => {
                let norm = scale_norm(maker, &format!("{name}.downsample.norm"), channels)?;
                Some((norm, biased(maker, &format!("{name}.downsample.conv"), [channels, out, 3], [2, 1])?))
            }
        };
        let mut blocks = Vec::new();
        for i in 0..depth {
            let drop_path = maker.drop_path(number, deepest);
            blocks.push(Arc::new(block(maker, size, at, &format!("{name}.blocks.{i}"), drop_path)?));
            number += 1;
        }
        stages.push(Stage { halving, blocks });
        channels = out;
    }
    Ok(Box::new(MetaFormer {
        stem,
        stages,
        norm: maker.layer_norm("head.norm", last, 1.0, EPS)?,
        fc1: maker.linear("head.fc.fc1", last, 4 * last, DRAWN, ZERO)?,
        fc_norm: maker.layer_norm("head.fc.norm", 4 * last, 1.0, EPS)?,
        dims: size.dims,
    }))
}

/// A norm without shift.
fn scale_norm(maker: &mut Maker<'_>, name: &str, channels: usize) -> Result<LayerNorm, OpsError> {
    let weight = maker.tensor(&format!("{name}.weight"), &[channels], Kind::Weight, Init::Is(1.0))?;
    Ok(LayerNorm { weight, bias: None, eps: EPS })
}

/// A convolution's weight; `groups` of one channel each or one group.
fn plain(
    maker: &mut Maker<'_>,
    name: &str,
    [channels, out, kernel]: [usize; 3],
    [stride, padding]: [usize; 2],
    groups: usize,
) -> Result<Conv, OpsError> {
    let dims = [out, channels / groups, kernel, kernel];
    let weight = maker.tensor(&format!("{name}.weight"), &dims, Kind::Weight, DRAWN)?;
    Ok(Conv { weight, stride, padding, dilation: 1, groups })
}

fn biased(maker: &mut Maker<'_>, name: &str, shape: [usize; 3], steps: [usize; 2]) -> Result<Biased, OpsError> {
    let conv = plain(maker, name, shape, steps, 1)?;
    let bias = maker.tensor(&format!("{name}.bias"), &[shape[1]], Kind::Weight, Init::Is(0.0))?;
    Ok(Biased { conv, bias })
}

fn star_relu(maker: &mut Maker<'_>, name: &str) -> Result<StarRelu, OpsError> {
    let mut each = |part: &str, value| maker.tensor(&format!("{name}.{part}"), &[1], Kind::Weight, Init::Is(value));
    Ok(StarRelu { scale: each("scale", 1.0)?, bias: each("bias", 0.0)? })
}

fn block(maker: &mut Maker<'_>, size: &Size, stage: usize, name: &str, drop_path: f32) -> Result<Block, OpsError> {
    let (c, attentive) = (size.dims[stage], stage >= size.attention);
    let linear = |maker: &mut Maker<'_>, part: &str, inner: usize, out: usize| {
        maker.tensor(&format!("{name}.{part}.weight"), &[out, inner], Kind::Weight, DRAWN)
    };
    let pointwise = |maker: &mut Maker<'_>, part: &str, inner: usize, out: usize| {
        plain(maker, &format!("{name}.{part}"), [inner, out, 1], [1, 0], 1)
    };
    let dense = |maker: &mut Maker<'_>, part: &str, inner: usize, out: usize| match attentive {
        true => linear(maker, part, inner, out).map(Dense::Linear),
        false => pointwise(maker, part, inner, out).map(Dense::Pointwise),
    };
    let mixer = match attentive {
        true => Mixer::Attention {
            qkv: linear(maker, "token_mixer.qkv", c, 3 * c)?,
            proj: linear(maker, "token_mixer.proj", c, c)?,
            heads: c / HEAD,
        },
        false => Mixer::Separable {
            wide: pointwise(maker, "token_mixer.pwconv1", c, 2 * c)?,
            act: star_relu(maker, &format!("{name}.token_mixer.act1"))?,
            depthwise: plain(maker, &format!("{name}.token_mixer.dwconv"), [2 * c, 2 * c, 7], [1, 3], 2 * c)?,
            narrow: pointwise(maker, "token_mixer.pwconv2", 2 * c, c)?,
        },
    };
    let mut scale = |part: &str| {
        let name = format!("{name}.{part}.scale");
        (stage >= SCALED).then(|| maker.tensor(&name, &[c], Kind::Weight, Init::Is(1.0))).transpose()
    };
    let scales = [scale("res_scale1")?, scale("res_scale2")?];
    Ok(Block {
        norm1: scale_norm(maker, &format!("{name}.norm1"), c)?,
        mixer,
        scales,
        norm2: scale_norm(maker, &format!("{name}.norm2"), c)?,
        fc1: dense(maker, "mlp.fc1", c, 4 * c)?,
        act: star_relu(maker, &format!("{name}.mlp.act"))?,
        fc2: dense(maker, "mlp.fc2", 4 * c, c)?,
        drop_path,
    })
}

impl Biased {
    fn forward(&self, params: &Params, tape: &mut Tape, x: &Var) -> Result<Var, OpsError> {
        tape.conv2d(params, x, &self.conv, Some(self.bias), Act::None)
    }
}

impl Dense {
    fn forward(&self, params: &Params, tape: &mut Tape, x: &Var) -> Result<Var, OpsError> {
        match self {
            Dense::Linear(weight) => tape.linear(params, x, *weight, None, Act::None),
            Dense::Pointwise(conv) => tape.conv2d(params, x, conv, None, Act::None),
        }
    }
}

impl Mixer {
    /// `[b, h, w, c]` → `[b, h, w, c]`.
    fn forward(&self, params: &Params, tape: &mut Tape, x: &Var) -> Result<Var, OpsError> {
        match self {
            Mixer::Separable { wide, act, depthwise, narrow } => {
                let y = tape.conv2d(params, x, wide, None, Act::None)?; // [b, h, w, 2c]
                let y = tape.star_relu(params, &y, Some(act))?;
                let y = tape.conv2d(params, &y, depthwise, None, Act::None)?;
                tape.conv2d(params, &y, narrow, None, Act::None)
            }
            Mixer::Attention { qkv, proj, heads } => {
                let y = tape.linear(params, x, *qkv, None, Act::None)?; // [b, h, w, 3c]
                let y = tape.attention(&y, *heads)?; // [b, h, w, c]
                tape.linear(params, &y, *proj, None, Act::None)
            }
        }
    }
}

impl Block {
    fn forward(&self, params: &Params, tape: &mut Tape, x: &Var) -> Result<Var, OpsError> {
        let y = tape.layer_norm(params, x, &self.norm1)?;
        let y = self.mixer.forward(params, tape, &y)?;
        let x = self.join(params, tape, x, &y, 0)?;
        let y = tape.layer_norm(params, &x, &self.norm2)?;
        let y = self.fc1.forward(params, tape, &y)?; // [b, h, w, 4c]
        let y = tape.star_relu(params, &y, Some(&self.act))?;
        let y = self.fc2.forward(params, tape, &y)?;
        self.join(params, tape, &x, &y, 1)
    }

    /// The stream, scaled, and a branch beside it.
    fn join(&self, params: &Params, tape: &mut Tape, x: &Var, branch: &Var, at: usize) -> Result<Var, OpsError> {
        match self.scales[at] {
            None => tape.residual(params, x, branch, None, self.drop_path),
            // The scale belongs to the stream here, so the two change places.
            Some(scale) => {
                let branch = tape.drop_path(branch, self.drop_path)?;
                tape.residual(params, &branch, x, Some(scale), 0.0)
            }
        }
    }
}

impl Trunk for MetaFormer {
    fn features(&self, params: &Params, tape: &mut Tape, x: &Tensor) -> Result<Features, OpsError> {
        let x = tape.pictures(x)?; // [b, h, w, 3]
        let x = self.stem.0.forward(params, tape, &x)?;
        let mut x = tape.layer_norm(params, &x, &self.stem.1)?; // [b, h/4, w/4, c]
        let mut maps = Vec::new();
        for stage in &self.stages {
            if let Some((norm, conv)) = &stage.halving {
                x = tape.layer_norm(params, &x, norm)?;
                x = conv.forward(params, tape, &x)?;
            }
            for block in &stage.blocks {
                let block = block.clone();
                x = tape.checkpoint(params, &x, move |params, tape, x| block.forward(params, tape, x))?;
            }
            maps.push(x.clone());
        }
        Ok(Features::maps(maps))
    }

    fn channels(&self) -> Vec<usize> {
        self.dims.to_vec()
    }

    fn layer(&self, name: &str) -> Layer {
        // timm's classifier has inner layers here; the neck is its last.
        let inner = ["head.fc.fc1.", "head.fc.norm."].iter().any(|start| name.starts_with(start));
        if inner { Layer::Pooled } else { layers::of(name) }
    }

    fn pooled(&self) -> usize {
        4 * self.dims[3]
    }

    fn after_pool(&self, params: &Params, tape: &mut Tape, pooled: Var) -> Result<Var, OpsError> {
        let y = tape.layer_norm(params, &pooled, &self.norm)?; // [b, c]
        let y = tape.linear(params, &y, self.fc1.weight, self.fc1.bias, Act::None)?; // [b, 4c]
        let y = tape.star_relu(params, &y, None)?;
        tape.layer_norm(params, &y, &self.fc_norm)
    }
}
