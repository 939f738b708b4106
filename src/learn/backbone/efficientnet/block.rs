//! The blocks of EfficientNet: timm's `DepthwiseSeparableConv`, `InvertedResidual`, `EdgeResidual` and `ConvBnAct`.

use super::{EfficientNet, Kind, Stage, round};
use crate::learn::backbone::maker::{Init, Maker, Shape};
use crate::learn::ops::{Act, Conv, Kind as Role, Norm, Open, OpsError, Params, Squeeze, Tape, Var};

/// A convolution and its norm.
#[derive(Debug)]
pub(super) struct ConvNorm {
    pub(super) conv: Conv,
    pub(super) norm: Norm,
    /// Whether the zeros around the picture are to be put as TensorFlow does.
    same: bool,
    kernel: usize,
}

/// One block.
#[derive(Debug)]
pub(super) struct Block {
    /// The expansion; of a plain block its only convolution.
    first: Option<ConvNorm>,
    depthwise: Option<ConvNorm>,
    squeeze: Option<Squeeze>,
    project: Option<ConvNorm>,
    /// Whether the input is added.
    skip: bool,
    /// Rate of stochastic depth, where the input is added.
    pub(super) drop_path: f32,
}

/// A convolution `names[0]` without a bias, and its norm `names[1]`.
pub(super) fn conv_norm(
    maker: &mut Maker<'_>,
    size: &EfficientNet,
    names: [String; 2],
    shape: Shape,
) -> Result<ConvNorm, OpsError> {
    let [conv, norm] = names;
    let mut conv = maker.conv(&conv, shape)?;
    // With stride 1 an odd filter has the same zeros on both sides.
    let same = size.tensorflow && shape.stride > 1;
    if same {
        conv.padding = 0;
    }
    Ok(ConvNorm { conv, norm: maker.batch_norm(&norm, shape.out, 1.0, size.eps())?, same, kernel: shape.kernel })
}

/// The block `name` of a stage, for an input of `channels` channels.
pub(super) fn build(
    maker: &mut Maker<'_>,
    size: &EfficientNet,
    name: &str,
    stage: &Stage,
    channels: usize,
) -> Result<Block, OpsError> {
    let named = |conv: &str, norm: &str| [format!("{name}.{conv}"), format!("{name}.{norm}")];
    let out = size.scaled(stage.channels);
    let counted = if stage.counted == 0 { channels } else { size.scaled(stage.counted) };
    let inner = if stage.kind == Kind::Separable { channels } else { round((counted * stage.expand) as f64, 0.9) };
    let (kernel, stride) = (stage.kernel, stage.stride);
    let first = match stage.kind {
        Kind::Separable => None,
        Kind::Inverted => Some(conv_norm(maker, size, named("conv_pw", "bn1"), Shape::new(channels, inner, 1, 1))?),
        Kind::Edge => {
            Some(conv_norm(maker, size, named("conv_exp", "bn1"), Shape::new(channels, inner, kernel, stride))?)
        }
        Kind::Plain => Some(conv_norm(maker, size, named("conv", "bn1"), Shape::new(channels, out, kernel, stride))?),
    };
    let depthwise = match stage.kind {
        Kind::Separable | Kind::Inverted => {
            let norm = if stage.kind == Kind::Separable { "bn1" } else { "bn2" };
            let shape = Shape { groups: inner, ..Shape::new(inner, inner, kernel, stride) };
            Some(conv_norm(maker, size, named("conv_dw", norm), shape)?)
        }
        Kind::Edge | Kind::Plain => None,
    };
    let squeeze = match stage.squeeze {
        0.0 => None,
        part => {
            Some(squeeze(maker, &format!("{name}.se"), inner, (inner as f64 * part / stage.expand as f64).round())?)
        }
    };
    let project = match stage.kind {
        Kind::Separable => Some(["conv_pw", "bn2"]),
        Kind::Inverted => Some(["conv_pwl", "bn3"]),
        Kind::Edge => Some(["conv_pwl", "bn2"]),
        Kind::Plain => None,
    };
    let project = project.map(|[conv, norm]| conv_norm(maker, size, named(conv, norm), Shape::new(inner, out, 1, 1)));
    let skip = stride == 1 && channels == out && stage.counted == 0;
    Ok(Block { first, depthwise, squeeze, project: project.transpose()?, skip, drop_path: 0.0 })
}

fn squeeze(maker: &mut Maker<'_>, name: &str, channels: usize, hidden: f64) -> Result<Squeeze, OpsError> {
    let hidden = hidden as usize;
    let mut conv = |part: &str, out: usize, inner: usize| {
        let dims = [out, inner, 1, 1];
        let weight = maker.tensor(&format!("{name}.{part}.weight"), &dims, Role::Weight, Init::fan_out(&dims, 1))?;
        let bias = maker.tensor(&format!("{name}.{part}.bias"), &[out], Role::Weight, Init::Is(0.0))?;
        Ok::<_, OpsError>([weight, bias])
    };
    let (reduce, expand) = (conv("conv_reduce", hidden, channels)?, conv("conv_expand", channels, hidden)?);
    Ok(Squeeze { reduce, expand, act: Act::Silu })
}

impl ConvNorm {
    /// The dense convolution, to be normalised and activated by what reads it.
    pub(super) fn open(&self, params: &Params, tape: &mut Tape, x: &Var, act: Act) -> Result<Open, OpsError> {
        if !self.same {
            return tape.conv_open(params, x, &self.conv, &self.norm, act);
        }
        let (stride, kernel) = (self.conv.stride, self.kernel);
        let zeros = |size: usize| {
            let all = ((size.div_ceil(stride).max(1) - 1) * stride + kernel).saturating_sub(size);
            [all / 2, all - all / 2]
        };
        let (rows, columns) = (zeros(x.dims()[1]), zeros(x.dims()[2]));
        let padded = tape.pad(x, rows, columns)?;
        tape.conv_open(params, &padded, &self.conv, &self.norm, act)
    }
}

impl Block {
    /// `x` `[b, h, w, c]` → `[b, ho, wo, o]`.
    pub(super) fn forward(&self, params: &Params, tape: &mut Tape, x: Open, act: Act) -> Result<Open, OpsError> {
        let Block { first, depthwise, squeeze, project, skip, drop_path } = self;
        let (mut open, shortcut) = match first {
            None if !skip => (x, None),
            None => {
                let x = tape.finish(x, None)?;
                (Open::plain(&x), Some(x))
            }
            Some(first) => {
                let x = tape.finish(x, None)?;
                (first.open(params, tape, &x, act)?, skip.then_some(x))
            }
        };
        if let Some(ConvNorm { conv, norm, same, .. }) = depthwise {
            open = tape.depthwise_open(params, open, conv, *same, norm, act)?;
        }
        let drops = *drop_path > 0.0 && tape.is_training();
        let added = shortcut.as_ref().filter(|_| !drops);
        let mut y = match project {
            Some(ConvNorm { conv, norm, .. }) => tape.conv_close(params, open, squeeze.as_ref(), conv, norm, added)?,
            None => tape.finish(open, added)?,
        };
        if let Some(shortcut) = shortcut.filter(|_| drops) {
            y = tape.residual(params, &shortcut, &y, None, *drop_path)?;
        }
        Ok(Open::plain(&y))
    }
}
