//! The sizes of the family, as timm's model functions register them with their default weights.

use super::super::gate::Attention::{self, Efficient, Squeeze, Without};
use super::Nfnet;
use crate::learn::backbone::preset::Config;
use crate::learn::backbone::{IMAGENET, Preset};
use crate::learn::ops::Act;

/// NFNet-F: four convolutions for a stem, groups of 128.
const fn large(depths: [usize; 4]) -> Nfnet {
    Nfnet {
        depths,
        channels: [256, 512, 1536, 1536],
        deep: true,
        inside: 0.5,
        group: 128,
        extra: true,
        features: 3072,
        act: Act::Gelu,
        attention: Squeeze(0.5),
        deepmind: false,
    }
}

/// DeepMind's own.
const fn deepmind(depths: [usize; 4]) -> Nfnet {
    Nfnet { deepmind: true, ..large(depths) }
}

/// timm's light ones, with SiLU.
const fn light(depths: [usize; 4], features: usize, attention: Attention) -> Nfnet {
    Nfnet { inside: 0.25, group: 64, features, act: Act::Silu, attention, ..large(depths) }
}

/// Bottlenecks without norms.
const fn residual(depths: [usize; 4], attention: Attention) -> Nfnet {
    Nfnet {
        depths,
        channels: [256, 512, 1024, 2048],
        deep: false,
        inside: 0.25,
        group: 0,
        extra: false,
        features: 0,
        act: Act::Relu,
        attention,
        deepmind: false,
    }
}

/// Name, weights, side of their pictures, part of a picture they see.
const fn row(name: &'static str, tag: &'static str, input: usize, crop: f32, size: Nfnet) -> Preset {
    Preset { name, config: Config::Nfnet(size), classifier: "head.fc", tag, input, crop, ..IMAGENET }
}

/// timm's sizes.
pub(in crate::learn::backbone) const PRESETS: &[Preset] = &[
    row("dm_nfnet_f0", "dm_in1k", 192, 0.9, deepmind([1, 2, 6, 3])),
    row("dm_nfnet_f1", "dm_in1k", 224, 0.91, deepmind([2, 4, 12, 6])),
    row("dm_nfnet_f2", "dm_in1k", 256, 0.92, deepmind([3, 6, 18, 9])),
    row("dm_nfnet_f3", "dm_in1k", 320, 0.94, deepmind([4, 8, 24, 12])),
    row("dm_nfnet_f4", "dm_in1k", 384, 0.951, deepmind([5, 10, 30, 15])),
    row("dm_nfnet_f5", "dm_in1k", 416, 0.954, deepmind([6, 12, 36, 18])),
    row("dm_nfnet_f6", "dm_in1k", 448, 0.956, deepmind([7, 14, 42, 21])),
    row("nfnet_f0", "", 192, 0.9, large([1, 2, 6, 3])),
    row("nfnet_f1", "", 224, 0.9, large([2, 4, 12, 6])),
    row("nfnet_f2", "", 256, 0.9, large([3, 6, 18, 9])),
    row("nfnet_f3", "", 320, 0.9, large([4, 8, 24, 12])),
    row("nfnet_f4", "", 384, 0.9, large([5, 10, 30, 15])),
    row("nfnet_f5", "", 416, 0.9, large([6, 12, 36, 18])),
    row("nfnet_f6", "", 448, 0.9, large([7, 14, 42, 21])),
    row("nfnet_f7", "", 480, 0.9, large([8, 16, 48, 24])),
    row("nfnet_l0", "ra2_in1k", 224, 0.9, light([1, 2, 6, 3], 2304, Squeeze(0.25))),
    row("eca_nfnet_l0", "ra2_in1k", 224, 0.9, light([1, 2, 6, 3], 2304, Efficient)),
    row("eca_nfnet_l1", "ra2_in1k", 256, 0.9, light([2, 4, 12, 6], 3072, Efficient)),
    row("eca_nfnet_l2", "ra3_in1k", 320, 0.9, light([3, 6, 18, 9], 3072, Efficient)),
    row("eca_nfnet_l3", "", 352, 0.9, light([4, 8, 24, 12], 3072, Efficient)),
    row("nf_resnet26", "", 224, 0.9, residual([2, 2, 2, 2], Without)),
    row("nf_resnet50", "ra2_in1k", 256, 0.94, residual([3, 4, 6, 3], Without)),
    row("nf_resnet101", "", 224, 0.9, residual([3, 4, 23, 3], Without)),
    row("nf_seresnet26", "", 224, 0.9, residual([2, 2, 2, 2], Squeeze(0.0625))),
    row("nf_seresnet50", "", 224, 0.9, residual([3, 4, 6, 3], Squeeze(0.0625))),
    row("nf_seresnet101", "", 224, 0.9, residual([3, 4, 23, 3], Squeeze(0.0625))),
    row("nf_ecaresnet26", "", 224, 0.9, residual([2, 2, 2, 2], Efficient)),
    row("nf_ecaresnet50", "", 224, 0.9, residual([3, 4, 6, 3], Efficient)),
    row("nf_ecaresnet101", "", 224, 0.9, residual([3, 4, 23, 3], Efficient)),
];
