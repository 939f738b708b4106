//! A block of Swin or SwinV2: attention in windows, then two linear layers, each beside its input.

use super::{EPS, Swin, Version, WEIGHT, ZERO};
use crate::learn::backbone::maker::{Init, Linear, Maker};
use crate::learn::ops::{
    Act, Kind, LayerNorm, Likeness, Offsets, OpsError, ParamId, Params, Tape, Var, WindowAttention, Windows, log_places,
};

/// Channels of a head.
const HEAD: usize = 32;
/// Units between the coordinates of a place and its biases.
const HIDDEN: usize = 512;

#[derive(Debug)]
pub(super) struct Block {
    norm1: LayerNorm,
    qkv: ParamId,
    offsets: Offsets,
    likeness: Likeness,
    places: Places,
    proj: Linear,
    norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    /// Side of a window, and whether it is moved.
    window: (usize, bool),
    /// Rate of stochastic depth, drawn for each of the two branches.
    pub(super) drop_path: f32,
}

/// Where the biases of relative places come from.
#[derive(Debug)]
enum Places {
    /// A table for windows of this size.
    Table(ParamId, [usize; 2]),
    /// Two layers from coordinates, scaled by the window that was first trained with.
    Network(Linear, ParamId, Option<usize>),
}

impl Block {
    pub(super) fn new(
        maker: &mut Maker<'_>,
        name: &str,
        swin: &Swin,
        stage: usize,
        moved: bool,
    ) -> Result<Block, OpsError> {
        let channels = swin.channels << stage;
        let heads = channels / HEAD;
        let attn = |part: &str| format!("{name}.attn.{part}");
        let (offsets, likeness, places, gamma) = match swin.version {
            Version::One => {
                let size = [swin.windows[stage].min(swin.input >> (stage + 2)); 2];
                let dims = [Windows { size, shift: [0, 0] }.places(), heads];
                let table = maker.tensor(&attn("relative_position_bias_table"), &dims, Kind::Weight, WEIGHT)?;
                let bias = maker.tensor(&attn("qkv.bias"), &[3 * channels], Kind::Weight, Init::Is(0.0))?;
                (Offsets::Joint(bias), Likeness::Scaled, Places::Table(table, size), 1.0)
            }
            Version::Two { trained } => {
                let mut one = |part: &str, dims: &[usize], value: f32| {
                    maker.tensor(&attn(part), dims, Kind::Weight, Init::Is(value))
                };
                let scale = one("logit_scale", &[heads, 1, 1], 10f32.ln())?;
                let offsets = Offsets::QueryValue(one("q_bias", &[channels], 0.0)?, one("v_bias", &[channels], 0.0)?);
                let first = maker.linear(&attn("cpb_mlp.0"), 2, HIDDEN, WEIGHT, ZERO)?;
                let second = maker.linear(&attn("cpb_mlp.2"), HIDDEN, heads, WEIGHT, None)?;
                let places = Places::Network(first, second.weight, trained.map(|sides| sides[stage]));
                // Branches begin at nothing, so that a deep network begins as a shallow one.
                (offsets, Likeness::Cosine(scale), places, 0.0)
            }
        };
        Ok(Block {
            norm1: maker.layer_norm(&format!("{name}.norm1"), channels, gamma, EPS)?,
            qkv: maker.linear(&attn("qkv"), channels, 3 * channels, WEIGHT, None)?.weight,
            offsets,
            likeness,
            places,
            proj: maker.linear(&attn("proj"), channels, channels, WEIGHT, ZERO)?,
            norm2: maker.layer_norm(&format!("{name}.norm2"), channels, gamma, EPS)?,
            fc1: maker.linear(&format!("{name}.mlp.fc1"), channels, 4 * channels, WEIGHT, ZERO)?,
            fc2: maker.linear(&format!("{name}.mlp.fc2"), 4 * channels, channels, WEIGHT, ZERO)?,
            window: (swin.windows[stage], moved),
            drop_path: 0.0,
        })
    }

    /// `[b, h, w, c]` → `[b, h, w, c]`.
    pub(super) fn forward(&self, params: &Params, tape: &mut Tape, x: &Var) -> Result<Var, OpsError> {
        // The second version's norms come last in a branch.
        let before = matches!(self.places, Places::Table(..));
        let norm = |tape: &mut Tape, norm: &LayerNorm, x: &Var, here: bool| match here {
            true => tape.layer_norm(params, x, norm),
            false => Ok(x.clone()),
        };
        let y = norm(tape, &self.norm1, x, before)?;
        let y = self.attention(params, tape, &y)?;
        let y = norm(tape, &self.norm1, &y, !before)?;
        let x = tape.residual(params, x, &y, None, self.drop_path)?;
        let y = norm(tape, &self.norm2, &x, before)?;
        let y = tape.linear(params, &y, self.fc1.weight, self.fc1.bias, Act::Gelu)?; // [b, h, w, 4c]
        let y = tape.linear(params, &y, self.fc2.weight, self.fc2.bias, Act::None)?;
        let y = norm(tape, &self.norm2, &y, !before)?;
        tape.residual(params, &x, &y, None, self.drop_path)
    }

    fn attention(&self, params: &Params, tape: &mut Tape, x: &Var) -> Result<Var, OpsError> {
        let &[_, h, w, _] = x.dims() else { return Err(OpsError::shape("a block of Swin", "[b, h, w, c]", x.dims())) };
        let windows = Windows::fit(self.window.0, self.window.1, [h, w]);
        let table = match &self.places {
            Places::Table(table, size) => tape.bias_table(params, *table, *size, windows.size)?,
            Places::Network(first, second, trained) => {
                let places = tape.constant(&log_places(windows.size, *trained)?); // [places, 2]
                let inner = tape.linear(params, &places, first.weight, first.bias, Act::Relu)?;
                let biases = tape.linear(params, &inner, *second, None, Act::None)?;
                tape.bounded_bias(&biases)?
            }
        }; // [places, heads]
        let qkv = tape.linear(params, x, self.qkv, None, Act::None)?; // [b, h, w, 3c]
        let attention = WindowAttention { windows, offsets: self.offsets, likeness: self.likeness };
        let y = tape.window_attention(params, &attention, &qkv, &table)?; // [b, h, w, c]
        tape.linear(params, &y, self.proj.weight, self.proj.bias, Act::None)
    }
}
