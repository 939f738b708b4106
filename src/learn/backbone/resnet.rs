//! Residual networks of basic blocks (He, Zhang, Ren and Sun 2015) with the variants of "Bag of Tricks"
//! (He et al. 2018), exactly as timm's `ResNet` builds them, names and all.
//!
//! A block is two fused operations: `conv1 → norm → ReLU` and `conv2 → norm → + shortcut → ReLU`.

use candle_core::{Device, Tensor};

use super::{BackboneError, Pool, Preset, Stem};
use crate::base::Seed;
use crate::learn::ops::{Conv, Kind, Network, Norm, OpsError, ParamId, Params, Tape, Var, Window};

/// A residual network with its pooling and embedding neck.
#[derive(Debug)]
pub struct ResNet {
    stem: Vec<ConvNorm>,
    blocks: Vec<Block>,
    pool: Pool,
    weight: ParamId,
    bias: ParamId,
    embedding: usize,
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

/// Creates tensors under their names, each from its own place in the seed.
struct Maker<'a> {
    params: &'a mut Params,
    seed: Seed,
}

impl Maker<'_> {
    fn tensor(
        &mut self,
        name: &str,
        dims: &[usize],
        kind: Kind,
        mut value: impl FnMut() -> f32,
    ) -> Result<ParamId, OpsError> {
        let values: Vec<f32> = (0..dims.iter().product()).map(|_| value()).collect();
        self.params.add(name, Tensor::from_vec(values, dims, &Device::Cpu)?, kind)
    }

    /// A convolution without bias and its norm; `gamma` is the norm's first weight.
    fn conv_norm(&mut self, names: [String; 2], shape: Shape, gamma: f32) -> Result<ConvNorm, OpsError> {
        let Shape { channels, out, kernel, stride } = shape;
        let name = format!("{}.weight", names[0]);
        let mut draws = self.seed.named(&name).draws();
        let std = (2.0 / (out * kernel * kernel) as f64).sqrt();
        let dims = [out, channels, kernel, kernel];
        let weight = self.tensor(&name, &dims, Kind::Weight, || (draws.normal() * std) as f32)?;
        let mut each = |part: &str, kind, value| self.tensor(&format!("{}.{part}", names[1]), &[out], kind, || value);
        let norm = Norm {
            weight: each("weight", Kind::Weight, gamma)?,
            bias: each("bias", Kind::Weight, 0.0)?,
            running_mean: each("running_mean", Kind::Buffer, 0.0)?,
            running_var: each("running_var", Kind::Buffer, 1.0)?,
            momentum: 0.1,
            eps: 1e-5,
        };
        Ok(ConvNorm { conv: Conv { weight, stride, padding: kernel / 2, dilation: 1, groups: 1 }, norm })
    }
}

#[derive(Clone, Copy)]
struct Shape {
    channels: usize,
    out: usize,
    kernel: usize,
    stride: usize,
}

impl ResNet {
    /// A network of a preset, whose tensors are added to `params`.
    pub fn new(
        preset: &Preset,
        pool: Pool,
        embedding: usize,
        seed: Seed,
        params: &mut Params,
    ) -> Result<ResNet, BackboneError> {
        let mut maker = Maker { params, seed };
        let stem = stem(&mut maker, preset.stem)?;
        let mut blocks = Vec::new();
        let mut channels = CHANNELS[0];
        for (stage, (&count, out)) in preset.layers.iter().zip(CHANNELS).enumerate() {
            for at in 0..count {
                let stride = if at == 0 && stage > 0 { 2 } else { 1 };
                let name = format!("layer{}.{at}", stage + 1);
                blocks.push(block(&mut maker, &name, channels, out, stride, preset.avg_down)?);
                channels = out;
            }
        }
        // PyTorch's default of a linear layer: uniform within one over the root of its inputs.
        let bound = 1.0 / (channels as f64).sqrt();
        let mut draws = maker.seed.named("fc").draws();
        let mut uniform = || draws.uniform(-bound, bound) as f32;
        let weight = maker.tensor("fc.weight", &[embedding, channels], Kind::Weight, &mut uniform)?;
        let bias = maker.tensor("fc.bias", &[embedding], Kind::Weight, &mut uniform)?;
        Ok(ResNet { stem, blocks, pool, weight, bias, embedding })
    }

    /// Multiply-adds of convolutions and neck for one square picture of `size` pixels.
    pub fn multiply_adds(&self, params: &Params, size: usize) -> Result<u64, OpsError> {
        let mut side = size;
        let mut total = 0u64;
        let mut count = |layer: &ConvNorm, side: usize| -> Result<usize, OpsError> {
            let (out, channels, kernel) = params.get(layer.conv.weight).dims4().map(|(o, c, k, _)| (o, c, k))?;
            let side = (side + 2 * layer.conv.padding).saturating_sub(kernel) / layer.conv.stride + 1;
            total += (side * side * out * channels * kernel * kernel) as u64;
            Ok(side)
        };
        for layer in &self.stem {
            side = count(layer, side)?;
        }
        side = (side + 2 * STEM_POOL.padding).saturating_sub(STEM_POOL.kernel) / STEM_POOL.stride + 1;
        for block in &self.blocks {
            if let Some(shortcut) = &block.shortcut {
                count(&shortcut.conv, if shortcut.average { side.div_ceil(2) } else { side })?;
            }
            side = count(&block.conv1, side)?;
            side = count(&block.conv2, side)?;
        }
        Ok(total + params.get(self.weight).elem_count() as u64)
    }
}

fn stem(maker: &mut Maker<'_>, stem: Stem) -> Result<Vec<ConvNorm>, OpsError> {
    let out = CHANNELS[0];
    let named = |conv: &str, norm: &str| [conv.to_owned(), norm.to_owned()];
    match stem {
        Stem::Plain => {
            let shape = Shape { channels: 3, out, kernel: 7, stride: 2 };
            Ok(vec![maker.conv_norm(named("conv1", "bn1"), shape, 1.0)?])
        }
        Stem::Deep([first, second, third]) => {
            let shape = |channels, out, stride| Shape { channels, out, kernel: 3, stride };
            Ok(vec![
                maker.conv_norm(named("conv1.0", "conv1.1"), shape(3, first, 2), 1.0)?,
                maker.conv_norm(named("conv1.3", "conv1.4"), shape(first, second, 1), 1.0)?,
                maker.conv_norm(named("conv1.6", "bn1"), shape(second, third, 1), 1.0)?,
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
    let first = Shape { channels, out, kernel: 3, stride };
    let conv1 = maker.conv_norm(named("conv1", "bn1"), first, 1.0)?;
    let second = Shape { channels: out, out, kernel: 3, stride: 1 };
    // timm's zero_init_last: at first each block passes its input on unchanged.
    let conv2 = maker.conv_norm(named("conv2", "bn2"), second, 0.0)?;
    let changes = stride != 1 || channels != out;
    let shortcut = match (changes, average) {
        (false, _) => None,
        (true, false) => {
            let shape = Shape { channels, out, kernel: 1, stride };
            let conv = maker.conv_norm(named("downsample.0", "downsample.1"), shape, 1.0)?;
            Some(Shortcut { average: false, conv })
        }
        // Place 0 of timm's sequence is the pooling, or nothing where the picture keeps its size.
        (true, true) => {
            let shape = Shape { channels, out, kernel: 1, stride: 1 };
            let conv = maker.conv_norm(named("downsample.1", "downsample.2"), shape, 1.0)?;
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
        relu: bool,
    ) -> Result<Var, OpsError> {
        tape.conv_norm(params, x, &self.conv, &self.norm, residual, relu)
    }
}

impl Block {
    fn forward(&self, params: &Params, tape: &mut Tape, x: &Var) -> Result<Var, OpsError> {
        let shortcut = match &self.shortcut {
            None => x.clone(),
            Some(Shortcut { average, conv }) => {
                let halved = if *average { &tape.avg_pool(x, SHORTCUT_POOL)? } else { x };
                conv.forward(params, tape, halved, None, false)?
            }
        };
        let inner = self.conv1.forward(params, tape, x, None, true)?;
        self.conv2.forward(params, tape, &inner, Some(&shortcut), true)
    }
}

impl Network for ResNet {
    fn forward(&self, params: &Params, tape: &mut Tape, x: &Tensor) -> Result<Var, OpsError> {
        let mut x = tape.constant(x); // [b, 3, h, w]
        for layer in &self.stem {
            x = layer.forward(params, tape, &x, None, true)?; // [b, 64, h/2, w/2]
        }
        x = tape.max_pool(&x, STEM_POOL)?; // [b, 64, h/4, w/4]
        for block in &self.blocks {
            x = block.forward(params, tape, &x)?; // last: [b, 512, h/32, w/32]
        }
        let pooled = match self.pool {
            Pool::Avg {} => tape.global_avg(&x)?,
            Pool::Gem { p } => tape.gem(&x, p)?,
        }; // [b, 512]
        tape.linear(params, &pooled, self.weight, Some(self.bias)) // [b, d]
    }

    fn embedding(&self) -> usize {
        self.embedding
    }
}
