//! Networks without norms, as timm's `NormFreeNet` builds them, names and all: NF-ResNet (Brock, De and Smith 2021,
//! arXiv 2101.08692), NFNet-F (Brock et al. 2021, arXiv 2102.06171) and timm's light NFNet-L with channel attention.
//!
//! Weights are standardised before each use; a block is `x + 0.2 · branch(β · act(x))`, with β from the variance that a map
//! is expected to have. timm's `gamma_in_act` multiplies activations by a constant and its other way multiplies weights; here it
//! is always the weights behind an activation, which is the same function.

mod presets;

use std::sync::Arc;

use candle_core::Tensor;

pub(super) use self::presets::PRESETS;
use super::gate::{Attention, Gate, by_eight};
use super::maker::{Init, Maker};
use super::{Features, Trunk};
use crate::learn::ops::{Act, Conv, Kind, OpsError, ParamId, Params, Standard, Tape, Var, Window};

/// One size of the family.
#[derive(Clone, Copy, Debug)]
pub struct Nfnet {
    /// Blocks in each of the four stages.
    depths: [usize; 4],
    /// Channels of the stages.
    channels: [usize; 4],
    /// Whether the stem is four 3×3 convolutions (128 channels); otherwise it is one 7×7 (64 channels) and a maximum.
    deep: bool,
    /// Part of a block's channels inside it.
    inside: f64,
    /// Channels of a group of the inner convolutions; 0 for one group.
    group: usize,
    /// Whether blocks have a second inner convolution.
    extra: bool,
    /// Channels of the convolution behind the stages; 0 for none.
    features: usize,
    act: Act,
    attention: Attention,
    /// DeepMind's own form: padding as TensorFlow's, and a factor of each branch that learns from 0 on.
    deepmind: bool,
}

/// What a branch is multiplied by.
const ALPHA: f64 = 0.2;
/// What a branch behind an attention is multiplied by besides, since gates halve it.
const ATTENTION_GAIN: f64 = 2.0;
const STEM_POOL: Window = Window { kernel: 3, stride: 2, padding: 1, ceil: false };
const SHORTCUT_POOL: Window = Window { kernel: 2, stride: 2, padding: 0, ceil: true };

/// What an activation's output is multiplied by to have variance 1, from DeepMind's code.
fn gamma(act: Act) -> f32 {
    match act {
        Act::Relu => 1.713_958_9,
        Act::Silu => 1.788_129_3,
        Act::Gelu => 1.701_504_3,
        _ => 1.0,
    }
}

/// A convolution with standardised weights, a bias, and what follows it.
#[derive(Debug)]
struct Layer {
    conv: Conv,
    standard: Standard,
    bias: ParamId,
    act: Act,
    /// TensorFlow's padding, where it differs from the convolution's own.
    same: bool,
}

#[derive(Debug)]
struct Block {
    beta: f32,
    /// `act(x)` averaged and convolved, where the map's shape changes.
    shortcut: Option<(bool, Layer)>,
    inner: Vec<Layer>,
    gate: Option<Gate>,
    /// Factor of the branch.
    alpha: f32,
    skip_gain: Option<ParamId>,
    drop_path: f32,
}

/// A network without norms up to its last feature map.
#[derive(Debug)]
struct NfNet {
    stem: Vec<Layer>,
    pool: bool,
    stages: Vec<Vec<Arc<Block>>>,
    end: Option<Layer>,
    act: Act,
    /// Factor of the last activation.
    last: f32,
    channels: Vec<usize>,
}

/// Makes layers of one size.
struct Plan<'a, 'b> {
    config: &'a Nfnet,
    maker: &'a mut Maker<'b>,
}

/// A layer's geometry and what follows it.
#[derive(Clone, Copy)]
struct Shape {
    from: usize,
    to: usize,
    kernel: usize,
    stride: usize,
    groups: usize,
    act: Act,
    /// First value of the gain.
    gain: f32,
}

impl Shape {
    fn new(from: usize, to: usize, kernel: usize, stride: usize, act: Act) -> Shape {
        Shape { from, to, kernel, stride, groups: 1, act, gain: 1.0 }
    }
}

impl Plan<'_, '_> {
    /// A layer behind an activation, or not.
    fn layer(&mut self, name: &str, shape: Shape, behind_act: bool) -> Result<Layer, OpsError> {
        let Shape { from, to, kernel, stride, groups, act, gain } = shape;
        let dims = [to, from / groups, kernel, kernel];
        let fan = dims[1..].iter().product::<usize>();
        let draw = Init::Normal { std: (1.0 / fan as f64).sqrt() };
        let weight = self.maker.tensor(&format!("{name}.weight"), &dims, Kind::Weight, draw)?;
        let bias = self.maker.tensor(&format!("{name}.bias"), &[to], Kind::Weight, Init::Is(0.0))?;
        let gain = self.maker.tensor(&format!("{name}.gain"), &[to, 1, 1, 1], Kind::Weight, Init::Is(gain))?;
        let gamma = if self.config.deepmind && !behind_act { 1.0 } else { gamma(self.config.act) };
        let same = self.config.deepmind && stride > 1;
        let padding = if same { 0 } else { kernel / 2 };
        let conv = Conv { weight, stride, padding, dilation: 1, groups };
        let standard = Standard { gain, scale: gamma / (fan as f32).sqrt(), eps: 1e-5 };
        Ok(Layer { conv, standard, bias, act, same })
    }

    fn stem(&mut self) -> Result<(Vec<Layer>, usize), OpsError> {
        let act = self.config.act;
        if !self.config.deep {
            return Ok((vec![self.layer("stem.conv", Shape::new(3, 64, 7, 2, Act::None), false)?], 64));
        }
        let mut layers = Vec::new();
        for (at, [from, to, stride]) in [[3, 16, 2], [16, 32, 1], [32, 64, 1], [64, 128, 2]].into_iter().enumerate() {
            let act = if at < 3 { act } else { Act::None };
            layers.push(self.layer(&format!("stem.conv{}", at + 1), Shape::new(from, to, 3, stride, act), at > 0)?);
        }
        Ok((layers, 128))
    }

    fn block(&mut self, name: &str, from: usize, to: usize, stride: usize, beta: f64) -> Result<Block, OpsError> {
        let config = *self.config;
        let mut inside = by_eight(to as f64 * config.inside, 0.9);
        let groups = inside.checked_div(config.group).unwrap_or(1);
        if config.group > 0 && config.group.is_multiple_of(8) {
            inside = config.group * groups;
        }
        let shortcut = if from != to || stride != 1 {
            let conv = self.layer(&format!("{name}.downsample.conv"), Shape::new(from, to, 1, 1, Act::None), true)?;
            Some((stride != 1, conv))
        } else {
            None
        };
        let wide = |stride| Shape { groups, ..Shape::new(inside, inside, 3, stride, config.act) };
        let mut inner = vec![
            self.layer(&format!("{name}.conv1"), Shape::new(from, inside, 1, 1, config.act), true)?,
            self.layer(&format!("{name}.conv2"), wide(stride), true)?,
        ];
        if config.extra {
            inner.push(self.layer(&format!("{name}.conv2b"), wide(1), true)?);
        }
        // At first a branch adds nothing: by its gain, or by the factor that learns.
        let gain = if config.deepmind { 1.0 } else { 0.0 };
        let last = Shape { gain, ..Shape::new(inside, to, 1, 1, Act::None) };
        inner.push(self.layer(&format!("{name}.conv3"), last, true)?);
        let draw = |dims: &[usize]| Init::Normal { std: (1.0 / dims[1] as f64).sqrt() };
        let gate = Gate::new(config.attention, &format!("{name}.attn_last"), to, draw, true, self.maker)?;
        let skip_gain = match config.deepmind {
            true => Some(self.maker.tensor(&format!("{name}.skipinit_gain"), &[], Kind::Weight, Init::Is(0.0))?),
            false => None,
        };
        let alpha = if gate.is_some() { ALPHA * ATTENTION_GAIN } else { ALPHA } as f32;
        Ok(Block { beta: beta as f32, shortcut, inner, gate, alpha, skip_gain, drop_path: 0.0 })
    }
}

/// The network of one size.
pub(super) fn build(config: &Nfnet, maker: &mut Maker<'_>) -> Result<Box<dyn Trunk>, OpsError> {
    let mut plan = Plan { config, maker };
    let (stem, mut from) = plan.stem()?;
    let (mut stages, mut channels, mut variance) = (Vec::new(), Vec::new(), 1.0f64);
    let (mut number, deepest) = (0, config.depths.iter().sum::<usize>().saturating_sub(1));
    for (stage, (&depth, &to)) in config.depths.iter().zip(&config.channels).enumerate() {
        let mut blocks = Vec::new();
        for at in 0..depth {
            let stride = if at == 0 && stage > 0 { 2 } else { 1 };
            let mut block = plan.block(&format!("stages.{stage}.{at}"), from, to, stride, 1.0 / variance.sqrt())?;
            block.drop_path = plan.maker.drop_path(number, deepest);
            number += 1;
            blocks.push(Arc::new(block));
            // A convolution on the way past a block brings the variance back to 1.
            variance = if at == 0 { 1.0 } else { variance } + ALPHA * ALPHA;
            from = to;
        }
        stages.push(blocks);
        channels.push(from);
    }
    let mut end = None;
    let act = config.act;
    if config.features > 0 {
        // DeepMind's last activation has its factor still to come.
        let act = if config.deepmind { Act::None } else { act };
        end = Some(plan.layer("final_conv", Shape::new(from, config.features, 1, 1, act), false)?);
        if let Some(last) = channels.last_mut() {
            *last = config.features;
        }
    }
    let last = if config.deepmind { gamma(act) } else { 1.0 };
    Ok(Box::new(NfNet { stem, pool: !config.deep, stages, end, act, last, channels }))
}

impl Layer {
    fn forward(&self, params: &Params, tape: &mut Tape, x: &Var) -> Result<Var, OpsError> {
        let mut x = x.clone();
        if self.same {
            let kernel = params.get(self.conv.weight).dims()[3];
            let zeros = |size: usize| {
                let all = ((size.div_ceil(self.conv.stride) - 1) * self.conv.stride + kernel).saturating_sub(size);
                [all / 2, all - all / 2]
            };
            let (h, w) = (x.dims()[1], x.dims()[2]);
            x = tape.pad(&x, zeros(h), zeros(w))?;
        }
        tape.conv2d_standard(params, &x, &self.conv, &self.standard, Some(self.bias), self.act)
    }
}

impl Block {
    fn forward(&self, params: &Params, tape: &mut Tape, x: &Var, act: Act) -> Result<Var, OpsError> {
        let active = tape.activate(x, act, self.beta)?;
        let shortcut = match &self.shortcut {
            None => x.clone(),
            Some((halves, conv)) => {
                let halved = if *halves { &tape.avg_pool(&active, SHORTCUT_POOL)? } else { &active };
                conv.forward(params, tape, halved)?
            }
        };
        let mut branch = active;
        for layer in &self.inner {
            branch = layer.forward(params, tape, &branch)?;
        }
        if let Some(gate) = &self.gate {
            branch = gate.forward(params, tape, &branch)?;
        }
        let branch = tape.drop_path(&branch, self.drop_path)?;
        tape.join(params, &shortcut, &branch, self.alpha, self.skip_gain)
    }
}

impl Trunk for NfNet {
    fn features(&self, params: &Params, tape: &mut Tape, x: &Tensor) -> Result<Features, OpsError> {
        let mut x = tape.pictures(x)?; // [b, h, w, 3]
        for layer in &self.stem {
            x = layer.forward(params, tape, &x)?; // [b, h/4, w/4, 128], or [b, h/2, w/2, 64]
        }
        if self.pool {
            x = tape.max_pool(&x, STEM_POOL)?; // [b, h/4, w/4, 64]
        }
        let mut maps = Vec::new();
        for blocks in &self.stages {
            for block in blocks {
                let (block, act) = (block.clone(), self.act);
                x = tape.checkpoint(params, &x, move |params, tape, x| block.forward(params, tape, x, act))?; // last: [b, h/32, w/32, 1536 or 2048]
            }
            maps.push(x.clone());
        }
        x = match &self.end {
            Some(end) if end.act != Act::None => end.forward(params, tape, &x)?,
            Some(end) => {
                let x = end.forward(params, tape, &x)?;
                tape.activate(&x, self.act, self.last)?
            }
            None => tape.activate(&x, self.act, self.last)?,
        };
        if let Some(last) = maps.last_mut() {
            *last = x;
        }
        Ok(Features::maps(maps))
    }

    fn channels(&self) -> Vec<usize> {
        self.channels.clone()
    }
}
