//! Residual networks, exactly as timm's `ResNet` builds them, names and all: He, Zhang, Ren and Sun 2015; the stems and
//! shortcuts of "Bag of Tricks" (He et al. 2018); ResNeXt (Xie et al. 2016); Wide ResNet (Zagoruyko and Komodakis 2016);
//! channel attention (SENet, Hu et al. 2017; ECA, Wang et al. 2020); ResNet-RS (Bello et al. 2021).
//!
//! A block is two or three fused operations: `convolution → norm → ReLU`, once or twice, then
//! `convolution → norm → + shortcut → ReLU`.

mod presets;

use std::sync::Arc;

use candle_core::Tensor;

pub(super) use self::presets::PRESETS;
use super::gate::{Attention, Gate};
use super::maker::{Init, Maker, Shape};
use super::{Config, Features, Trunk};
use crate::learn::ops::{Act, Conv, Kind, Norm, OpsError, Params, Tape, Var, Window};

/// One size of the family.
#[derive(Clone, Copy, Debug)]
pub struct Resnet {
    /// Blocks in each of the four stages.
    layers: [usize; 4],
    /// The blocks' form.
    form: Form,
    /// The first layers.
    stem: Stem,
    /// How the stem's map is halved.
    stem_pool: StemPool,
    /// Whether the way past a block that halves the picture averages 2×2 pixels first (ResNet-D).
    avg_down: bool,
    /// Groups of the 3×3 convolutions of bottlenecks.
    groups: usize,
    /// Channels of a group in the first stage, of 64 where there is one group.
    base_width: usize,
    /// Channel attention behind a block's last convolution.
    attention: Attention,
    /// Whether the first convolutions of bottlenecks have half the width, and the way past a block that halves is 3×3 (SENet-154).
    senet: bool,
    /// Whether a block halves by averaging after its 3×3 convolution instead of by the convolution's stride.
    averaged: bool,
}

/// The form of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Two 3×3 convolutions.
    Basic,
    /// 1×1, 3×3 and 1×1, of which the last has four times the channels.
    Bottleneck,
}

/// The first layers of a residual network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stem {
    /// One 7×7 convolution of stride 2, 64 channels.
    Plain,
    /// Three 3×3 convolutions, the first of stride 2, with these numbers of channels (timm's `deep` and `deep_tiered`).
    Deep([usize; 3]),
}

/// What follows the stem and halves its map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StemPool {
    /// The maximum of 3×3 pixels.
    Max,
    /// The mean of 2×2 pixels.
    Avg,
    /// A 3×3 convolution of stride 2 (ResNet-RS).
    Conv,
}

impl Resnet {
    const fn new(form: Form, layers: [usize; 4]) -> Resnet {
        Resnet {
            layers,
            form,
            stem: Stem::Plain,
            stem_pool: StemPool::Max,
            avg_down: false,
            groups: 1,
            base_width: 64,
            attention: Attention::Without,
            senet: false,
            averaged: false,
        }
    }

    /// Three convolutions for the stem, the last of twice the second's channels.
    const fn deep(self, first: usize, second: usize) -> Resnet {
        Resnet { stem: Stem::Deep([first, second, 2 * second]), ..self }
    }

    const fn avg_down(self) -> Resnet {
        Resnet { avg_down: true, ..self }
    }

    const fn groups(self, groups: usize, base_width: usize) -> Resnet {
        Resnet { groups, base_width, ..self }
    }

    /// Squeeze-and-excite with one in `part` of the channels inside.
    const fn se(self, part: usize) -> Resnet {
        Resnet { attention: Attention::Squeeze(1.0 / part as f64), ..self }
    }

    const fn eca(self) -> Resnet {
        Resnet { attention: Attention::Efficient, ..self }
    }

    const fn senet(self) -> Resnet {
        Resnet { senet: true, ..self }
    }

    const fn conv_pool(self) -> Resnet {
        Resnet { stem_pool: StemPool::Conv, ..self }
    }

    const fn averaged(self) -> Resnet {
        Resnet { averaged: true, stem_pool: StemPool::Avg, ..self }
    }
}

/// No size; presets start from it.
pub(super) const NONE: Resnet = Resnet::new(Form::Basic, [0; 4]);

/// A residual network up to its last feature map.
#[derive(Debug)]
struct ResNet {
    stem: Vec<ConvNorm>,
    stem_pool: StemPool,
    stages: Vec<Vec<Arc<Block>>>,
    channels: Vec<usize>,
}

#[derive(Debug)]
struct ConvNorm {
    conv: Conv,
    norm: Norm,
}

#[derive(Debug)]
struct Block {
    /// All convolutions but the last.
    inner: Vec<ConvNorm>,
    /// Whether their result is averaged to half its size.
    average: bool,
    last: ConvNorm,
    gate: Option<Gate>,
    shortcut: Option<Shortcut>,
    drop_path: f32,
}

#[derive(Debug)]
struct Shortcut {
    average: bool,
    conv: ConvNorm,
}

/// PyTorch's `MaxPool2d(3, 2, 1)` behind the stem.
const STEM_POOL: Window = Window { kernel: 3, stride: 2, padding: 1, ceil: false };
/// PyTorch's `AvgPool2d(2)` of blocks that average.
const HALF: Window = Window { kernel: 2, stride: 2, padding: 0, ceil: false };
/// PyTorch's `AvgPool2d(2, 2, ceil_mode=True, count_include_pad=False)` of a ResNet-D shortcut.
const SHORTCUT_POOL: Window = Window { kernel: 2, stride: 2, padding: 0, ceil: true };
/// Channels of the stages; a bottleneck's output has four times as many.
const CHANNELS: [usize; 4] = [64, 128, 256, 512];

/// The network of one size.
pub(super) fn build(config: &Resnet, maker: &mut Maker<'_>) -> Result<Box<dyn Trunk>, OpsError> {
    let (stem, mut channels) = stem(maker, config)?;
    let mut network = ResNet { stem, stem_pool: config.stem_pool, stages: Vec::new(), channels: Vec::new() };
    let (mut number, last) = (0, config.layers.iter().sum::<usize>().saturating_sub(1));
    for (stage, (&count, planes)) in config.layers.iter().zip(CHANNELS).enumerate() {
        let mut blocks = Vec::new();
        for at in 0..count {
            let stride = if at == 0 && stage > 0 { 2 } else { 1 };
            let name = format!("layer{}.{at}", stage + 1);
            let (mut block, out) = block(maker, config, &name, channels, planes, stride)?;
            block.drop_path = maker.drop_path(number, last);
            blocks.push(Arc::new(block));
            (channels, number) = (out, number + 1);
        }
        network.stages.push(blocks);
        network.channels.push(channels);
    }
    Ok(Box::new(network))
}

/// A convolution `[CONV].weight` and its norm. timm draws by fan-out without regard to groups.
fn conv_norm(maker: &mut Maker<'_>, names: [String; 2], shape: Shape, gamma: f32) -> Result<ConvNorm, OpsError> {
    let [conv, norm] = names;
    let Shape { channels, out, kernel, stride, groups } = shape;
    let dims = [out, channels / groups, kernel, kernel];
    let weight = maker.tensor(&format!("{conv}.weight"), &dims, Kind::Weight, Init::fan_out(&dims, 1))?;
    let conv = Conv { weight, stride, padding: kernel / 2, dilation: 1, groups };
    Ok(ConvNorm { conv, norm: maker.batch_norm(&norm, out, gamma, 1e-5)? })
}

/// The stem, with the convolution that halves its map where there is one, and its channels.
fn stem(maker: &mut Maker<'_>, config: &Resnet) -> Result<(Vec<ConvNorm>, usize), OpsError> {
    let mut layers = Vec::new();
    let mut add = |conv: &str, norm: &str, shape| {
        layers.push(conv_norm(maker, [conv.to_owned(), norm.to_owned()], shape, 1.0)?);
        Ok::<(), OpsError>(())
    };
    let out = match config.stem {
        Stem::Plain => {
            add("conv1", "bn1", Shape::new(3, 64, 7, 2))?;
            64
        }
        Stem::Deep([first, second, third]) => {
            add("conv1.0", "conv1.1", Shape::new(3, first, 3, 2))?;
            add("conv1.3", "conv1.4", Shape::new(first, second, 3, 1))?;
            add("conv1.6", "bn1", Shape::new(second, third, 3, 1))?;
            third
        }
    };
    if config.stem_pool == StemPool::Conv {
        add("maxpool.0", "maxpool.1", Shape::new(out, out, 3, 2))?;
    }
    Ok((layers, out))
}

/// One block and its output's channels.
fn block(
    maker: &mut Maker<'_>,
    config: &Resnet,
    name: &str,
    channels: usize,
    planes: usize,
    stride: usize,
) -> Result<(Block, usize), OpsError> {
    let average = config.averaged && stride == 2;
    // The 3×3 convolution that halves, where the block does.
    let wide =
        |channels, out, groups| Shape { groups, ..Shape::new(channels, out, 3, if average { 1 } else { stride }) };
    let (inner, last) = match config.form {
        Form::Basic => (vec![wide(channels, planes, 1)], Shape::new(planes, planes, 3, 1)),
        Form::Bottleneck => {
            let width = planes * config.base_width / 64 * config.groups;
            let first = if config.senet { width / 2 } else { width };
            let inner = vec![Shape::new(channels, first, 1, 1), wide(first, width, config.groups)];
            (inner, Shape::new(width, 4 * planes, 1, 1))
        }
    };
    let mut number = 0;
    let mut next = |maker: &mut Maker<'_>, shape, gamma| {
        number += 1;
        conv_norm(maker, [format!("{name}.conv{number}"), format!("{name}.bn{number}")], shape, gamma)
    };
    let inner = inner.into_iter().map(|shape| next(maker, shape, 1.0)).collect::<Result<Vec<_>, _>>()?;
    // timm's zero_init_last: at first each block passes its input on unchanged.
    let out = last.out;
    let last = next(maker, last, 0.0)?;
    let gate = Gate::new(config.attention, &format!("{name}.se"), out, |dims| Init::fan_out(dims, 1), false, maker)?;
    let kernel = if config.senet && stride != 1 { 3 } else { 1 };
    let mut past = |at: usize, stride, average| {
        let names = [format!("{name}.downsample.{at}"), format!("{name}.downsample.{}", at + 1)];
        let conv = conv_norm(maker, names, Shape::new(channels, out, kernel, stride), 1.0)?;
        Ok::<_, OpsError>(Some(Shortcut { average, conv }))
    };
    let shortcut = match (stride != 1 || channels != out, config.avg_down) {
        (false, _) => None,
        (true, false) => past(0, stride, false)?,
        // Place 0 of timm's sequence is the pooling, or nothing where the picture keeps its size.
        (true, true) => past(1, 1, stride != 1)?,
    };
    Ok((Block { inner, average, last, gate, shortcut, drop_path: 0.0 }, out))
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
        let mut inner = x.clone();
        for layer in &self.inner {
            inner = layer.forward(params, tape, &inner, None, Act::Relu)?;
        }
        if self.average {
            inner = tape.avg_pool(&inner, HALF)?;
        }
        let drops = self.drop_path > 0.0 && tape.is_training();
        if self.gate.is_none() && !drops {
            return self.last.forward(params, tape, &inner, Some(&shortcut), Act::Relu);
        }
        let mut last = self.last.forward(params, tape, &inner, None, Act::None)?;
        if let Some(gate) = &self.gate {
            last = gate.forward(params, tape, &last)?;
        }
        if !drops {
            return tape.add_relu(&last, &shortcut);
        }
        let sum = tape.residual(params, &shortcut, &last, None, self.drop_path)?;
        tape.relu(&sum)
    }
}

impl Trunk for ResNet {
    fn features(&self, params: &Params, tape: &mut Tape, x: &Tensor) -> Result<Features, OpsError> {
        let mut x = tape.pictures(x)?; // [b, h, w, 3]
        for layer in &self.stem {
            x = layer.forward(params, tape, &x, None, Act::Relu)?; // [b, h/2, w/2, c]
        }
        x = match self.stem_pool {
            StemPool::Max => tape.max_pool(&x, STEM_POOL)?, // [b, h/4, w/4, c]
            StemPool::Avg => tape.avg_pool(&x, HALF)?,
            StemPool::Conv => x,
        };
        let mut maps = Vec::new();
        for blocks in &self.stages {
            for block in blocks {
                let block = block.clone();
                x = tape.checkpoint(params, &x, move |params, tape, x| block.forward(params, tape, x))?; // last: [b, h/32, w/32, 512 or 2048]
            }
            maps.push(x.clone());
        }
        Ok(Features::maps(maps))
    }

    fn channels(&self) -> Vec<usize> {
        self.channels.clone()
    }
}
