//! The table of the networks: timm's `resnet.py`, as data.

use super::BackboneError;

/// The first layers of a residual network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stem {
    /// One 7×7 convolution of stride 2, 64 channels.
    Plain,
    /// Three 3×3 convolutions, the first of stride 2, with these numbers of channels (timm's `deep_tiered`).
    Deep([usize; 3]),
}

/// One network and what its published weights expect of a picture.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// timm's name.
    pub name: &'static str,
    /// Basic blocks in each of the four stages.
    pub layers: [usize; 4],
    /// The first layers.
    pub stem: Stem,
    /// Whether the way past a block that halves the picture averages 2×2 pixels first (ResNet-D).
    pub avg_down: bool,
    /// timm's default weights, whose picture statistics follow.
    pub tag: &'static str,
    /// Mean of the red, green and blue of pictures scaled to `0..=1`.
    pub mean: [f32; 3],
    /// Standard deviation of the same.
    pub std: [f32; 3],
    /// How pictures are resized.
    pub interpolation: &'static str,
    /// Side of the square that the weights were trained on, in pixels.
    pub input: usize,
    /// Part of a picture's side that is kept for evaluation.
    pub crop: f32,
}

/// ImageNet's mean and std, as timm's `IMAGENET_DEFAULT_MEAN` and `_STD`.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const STD: [f32; 3] = [0.229, 0.224, 0.225];

const RESNET18: Preset = Preset {
    name: "resnet18",
    layers: [2, 2, 2, 2],
    stem: Stem::Plain,
    avg_down: false,
    tag: "a1_in1k",
    mean: MEAN,
    std: STD,
    interpolation: "bicubic",
    input: 224,
    crop: 0.95,
};

/// All networks.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "resnet10t",
        layers: [1, 1, 1, 1],
        stem: Stem::Deep([24, 32, 64]),
        avg_down: true,
        tag: "c3_in1k",
        input: 176,
        crop: 0.875,
        ..RESNET18
    },
    RESNET18,
    Preset { name: "resnet34", layers: [3, 4, 6, 3], ..RESNET18 },
];

/// The network of a name.
///
/// # Errors
/// When there is none.
pub fn preset(name: &str) -> Result<&'static Preset, BackboneError> {
    PRESETS.iter().find(|preset| preset.name == name).ok_or_else(|| BackboneError::UnknownName {
        name: name.to_owned(),
        known: PRESETS.iter().map(|preset| preset.name).collect::<Vec<_>>().join(", "),
    })
}
