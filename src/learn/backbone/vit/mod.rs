//! Vision transformers (Dosovitskiy et al. 2020) as timm's plain `VisionTransformer` builds them, with the variants of DINOv2
//! (layer scale; registers, Darcet et al. 2023; SwiGLU in the largest), CLIP's image towers (a norm before the blocks) and SigLIP's
//! (no class token).
//!
//! Takes pictures of any size of at least a patch; a rest beyond whole patches is not seen. Positions are interpolated from the
//! grid of the preset's input. The feature map is that of the patches after the last norm, and the token the class token.

mod presets;

use std::sync::Arc;

use candle_core::Tensor;

use super::maker::{Init, Linear, Maker};
use super::{Features, Trunk};
use crate::learn::ops::{Act, Conv, Kind, LayerNorm, OpsError, ParamId, Params, Positions, Tape, Var};

pub(super) use presets::PRESETS;

/// One size of the family.
#[derive(Clone, Copy, Debug)]
pub struct Vit {
    /// Side of a patch in pixels.
    patch: usize,
    /// Side of the pictures that the positions belong to.
    input: usize,
    /// Channels.
    dim: usize,
    /// Blocks.
    depth: usize,
    /// Heads of an attention.
    heads: usize,
    /// Channels that the first layer of a block's second half gives.
    hidden: usize,
    /// Whether half of them gate the others (SwiGLU).
    gated: bool,
    /// Whether queries, keys and values have a bias.
    qkv_bias: bool,
    /// First value of the layer scale, where there is one.
    scale: Option<f32>,
    class_token: bool,
    /// Further tokens without a meaning of their own.
    registers: usize,
    /// Whether class token and registers have no position.
    patches_only: bool,
    /// Whether a norm stands before the blocks, and patches have no bias.
    pre_norm: bool,
    /// Where the last norm stands.
    norm: LastNorm,
    eps: f64,
    act: Act,
}

/// Where the last norm stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LastNorm {
    /// Over all tokens, before pooling (timm's `norm`).
    Tokens,
    /// Over the pooled tokens (timm's `fc_norm`).
    Pooled,
    /// Nowhere.
    None,
}

impl Vit {
    /// Whether a class token stands for the picture.
    pub(super) fn has_token(&self) -> bool {
        self.class_token
    }
}

#[derive(Debug)]
struct VisionTransformer {
    size: Vit,
    patches: Conv,
    patch_bias: Option<ParamId>,
    /// Class token and registers, each `[1, k, dim]`.
    prefix: Vec<ParamId>,
    positions: Positions,
    norm_pre: Option<LayerNorm>,
    blocks: Vec<Arc<Block>>,
    norm: Option<LayerNorm>,
    fc_norm: Option<LayerNorm>,
}

/// Attention and two layers, each a branch beside the stream.
#[derive(Debug)]
struct Block {
    norm1: LayerNorm,
    qkv: Linear,
    proj: Linear,
    scale1: Option<ParamId>,
    norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    scale2: Option<ParamId>,
    heads: usize,
    act: Act,
    gated: bool,
    drop_path: f32,
}

/// timm's first values of a linear layer's weight.
const WEIGHT: Init = Init::TruncNormal { std: 0.02 };

/// The network of one size.
pub(super) fn build(size: &Vit, maker: &mut Maker<'_>) -> Result<Box<dyn Trunk>, OpsError> {
    let &Vit { patch, dim, eps, .. } = size;
    let token = |maker: &mut Maker<'_>, name: &str, count: usize, init: Init| {
        (count > 0).then(|| maker.tensor(name, &[1, count, dim], Kind::Weight, init)).transpose()
    };
    let first = Init::Normal { std: 1e-6 };
    let class = token(maker, "cls_token", usize::from(size.class_token), first)?;
    let registers = token(maker, "reg_token", size.registers, first)?;
    let prefix: Vec<ParamId> = class.into_iter().chain(registers).collect();
    let extra = if size.patches_only { 0 } else { usize::from(size.class_token) + size.registers };
    let side = size.input / patch;
    let tensor = maker.tensor("pos_embed", &[1, extra + side * side, dim], Kind::Weight, WEIGHT)?;
    let positions = Positions { tensor, grid: [side, side], prefix: !size.patches_only };
    let init = Init::fan_in(3 * patch * patch);
    let weight = maker.tensor("patch_embed.proj.weight", &[dim, 3, patch, patch], Kind::Weight, init)?;
    let bias = (!size.pre_norm).then(|| maker.tensor("patch_embed.proj.bias", &[dim], Kind::Weight, init));
    let norm = |maker: &mut Maker<'_>, wanted: bool, name: &str| {
        wanted.then(|| maker.layer_norm(name, dim, 1.0, eps)).transpose()
    };
    Ok(Box::new(VisionTransformer {
        size: *size,
        patches: Conv { weight, stride: patch, padding: 0, dilation: 1, groups: 1 },
        patch_bias: bias.transpose()?,
        prefix,
        positions,
        norm_pre: norm(maker, size.pre_norm, "norm_pre")?,
        blocks: (0..size.depth).map(|at| Ok(Arc::new(block(size, maker, at)?))).collect::<Result<_, OpsError>>()?,
        norm: norm(maker, size.norm == LastNorm::Tokens, "norm")?,
        fc_norm: norm(maker, size.norm == LastNorm::Pooled, "fc_norm")?,
    }))
}

fn block(size: &Vit, maker: &mut Maker<'_>, at: usize) -> Result<Block, OpsError> {
    let &Vit { dim, hidden, eps, .. } = size;
    let named = |part: &str| format!("blocks.{at}.{part}");
    let linear = |maker: &mut Maker<'_>, part: &str, inner: usize, out: usize, bias: bool| {
        maker.linear(&named(part), inner, out, WEIGHT, bias.then_some(Init::Is(0.0)))
    };
    let scale = |maker: &mut Maker<'_>, part: &str| {
        size.scale.map(|value| maker.tensor(&named(part), &[dim], Kind::Weight, Init::Is(value))).transpose()
    };
    Ok(Block {
        norm1: maker.layer_norm(&named("norm1"), dim, 1.0, eps)?,
        qkv: linear(maker, "attn.qkv", dim, 3 * dim, size.qkv_bias)?,
        proj: linear(maker, "attn.proj", dim, dim, true)?,
        scale1: scale(maker, "ls1.gamma")?,
        norm2: maker.layer_norm(&named("norm2"), dim, 1.0, eps)?,
        fc1: linear(maker, "mlp.fc1", dim, hidden, true)?,
        fc2: linear(maker, "mlp.fc2", if size.gated { hidden / 2 } else { hidden }, dim, true)?,
        scale2: scale(maker, "ls2.gamma")?,
        heads: size.heads,
        act: size.act,
        gated: size.gated,
        drop_path: maker.drop_path(at, size.depth.saturating_sub(1)),
    })
}

impl Block {
    fn forward(&self, params: &Params, tape: &mut Tape, x: &Var) -> Result<Var, OpsError> {
        let y = tape.layer_norm(params, x, &self.norm1)?; // [b, n, dim]
        let y = tape.linear(params, &y, self.qkv.weight, self.qkv.bias, Act::None)?; // [b, n, 3·dim]
        let y = tape.attention(&y, self.heads)?;
        let y = tape.linear(params, &y, self.proj.weight, self.proj.bias, Act::None)?;
        let x = tape.residual(params, x, &y, self.scale1, self.drop_path)?;
        let y = tape.layer_norm(params, &x, &self.norm2)?;
        let y = match self.gated {
            false => tape.linear(params, &y, self.fc1.weight, self.fc1.bias, self.act)?, // [b, n, hidden]
            true => {
                let y = tape.linear(params, &y, self.fc1.weight, self.fc1.bias, Act::None)?; // [b, n, hidden]
                tape.swiglu(&y)? // [b, n, hidden / 2]
            }
        };
        let y = tape.linear(params, &y, self.fc2.weight, self.fc2.bias, Act::None)?;
        tape.residual(params, &x, &y, self.scale2, self.drop_path)
    }
}

impl Trunk for VisionTransformer {
    fn features(&self, params: &Params, tape: &mut Tape, x: &Tensor) -> Result<Features, OpsError> {
        let x = tape.pictures(x)?; // [b, h, w, 3]
        let x = tape.conv2d(params, &x, &self.patches, self.patch_bias, Act::None)?; // [b, h/patch, w/patch, dim]
        let &[_, high, wide, _] = x.dims() else { return Err(OpsError::shape("patches", "a map", x.dims())) };
        let mut x = tape.join_tokens(params, &self.prefix, &x, &self.positions)?; // [b, n, dim]
        if let Some(norm) = &self.norm_pre {
            x = tape.layer_norm(params, &x, norm)?;
        }
        for block in &self.blocks {
            let block = block.clone();
            x = tape.checkpoint(params, &x, move |params, tape, x| block.forward(params, tape, x))?;
        }
        if let Some(norm) = &self.norm {
            x = tape.layer_norm(params, &x, norm)?;
        }
        let before = usize::from(self.size.class_token) + self.size.registers;
        let token = if self.size.class_token { Some(tape.some_tokens(&x, 0, &[])?) } else { None };
        Ok(Features { maps: vec![tape.some_tokens(&x, before, &[high, wide])?], token })
    }

    fn channels(&self) -> Vec<usize> {
        vec![self.size.dim]
    }

    fn after_pool(&self, params: &Params, tape: &mut Tape, pooled: Var) -> Result<Var, OpsError> {
        match &self.fc_norm {
            None => Ok(pooled),
            Some(norm) => tape.layer_norm(params, &pooled, norm),
        }
    }
}
