//! The table of the networks: the families' tables, one after the other.

use super::maker::Maker;
use super::{BackboneError, Trunk, convnext, efficientnet, metaformer, nfnet, resnet, swin, vit};
use crate::learn::ops::OpsError;

/// One network and what its published weights expect of a picture (timm's `pretrained_cfg`).
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// timm's name.
    pub name: &'static str,
    /// The family and its numbers.
    pub(super) config: Config,
    /// timm's name of the last layer, `NAME.weight` and `NAME.bias`, which is the neck here.
    pub classifier: &'static str,
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

/// A family with the numbers of one size.
#[derive(Clone, Copy, Debug)]
pub(super) enum Config {
    /// ConvNeXt and ConvNeXt V2.
    Convnext(convnext::Convnext),
    /// ConvFormer and CAFormer.
    Metaformer(metaformer::Size),
    /// Residual networks.
    Resnet(resnet::Resnet),
    /// Networks without norms.
    Nfnet(nfnet::Nfnet),
    /// Transformers whose attention looks into windows.
    Swin(swin::Swin),
    /// Vision transformers.
    Vit(vit::Vit),
    /// EfficientNet and EfficientNet-V2.
    EfficientNet(efficientnet::EfficientNet),
}

impl Config {
    /// The network of this size.
    pub(super) fn build(&self, maker: &mut Maker<'_>) -> Result<Box<dyn Trunk>, OpsError> {
        match self {
            Config::Convnext(config) => convnext::build(config, maker),
            Config::Metaformer(config) => metaformer::build(config, maker),
            Config::Resnet(config) => resnet::build(config, maker),
            Config::Nfnet(config) => nfnet::build(config, maker),
            Config::Swin(config) => swin::build(config, maker),
            Config::Vit(config) => vit::build(config, maker),
            Config::EfficientNet(config) => efficientnet::build(config, maker),
        }
    }
}

impl Config {
    /// Whether a class token stands for the picture.
    pub(super) fn has_token(&self) -> bool {
        matches!(self, Config::Vit(config) if config.has_token())
    }
}

/// What most tables start from: ImageNet's mean and std, as timm's `IMAGENET_DEFAULT_MEAN` and `_STD`.
pub(super) const IMAGENET: Preset = Preset {
    name: "",
    config: Config::Resnet(resnet::NONE),
    classifier: "fc",
    tag: "",
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
    interpolation: "bicubic",
    input: 224,
    crop: 0.875,
};

const FAMILIES: &[&[Preset]] = &[
    resnet::PRESETS,
    efficientnet::PRESETS,
    swin::PRESETS,
    vit::PRESETS,
    nfnet::PRESETS,
    convnext::PRESETS,
    metaformer::PRESETS,
];

/// All networks' names, for the declared table.
pub(super) const NAMES: &[&str] = &{
    const COUNT: usize = {
        let (mut count, mut family) = (0, 0);
        while family < FAMILIES.len() {
            count += FAMILIES[family].len();
            family += 1;
        }
        count
    };
    let (mut names, mut at, mut family) = ([""; COUNT], 0, 0);
    while family < FAMILIES.len() {
        let mut size = 0;
        while size < FAMILIES[family].len() {
            names[at] = FAMILIES[family][size].name;
            (at, size) = (at + 1, size + 1);
        }
        family += 1;
    }
    names
};

/// All networks, family by family.
pub fn presets() -> impl Iterator<Item = &'static Preset> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// The network of a name.
///
/// # Errors
/// When there is none.
pub fn preset(name: &str) -> Result<&'static Preset, BackboneError> {
    presets().find(|preset| preset.name == name).ok_or_else(|| BackboneError::UnknownName {
        name: name.to_owned(),
        known: presets().map(|preset| preset.name).collect::<Vec<_>>().join(", "),
    })
}
