//! The sizes of the family, as timm's model functions register them with their default weights.

use super::{Config, Form, Resnet};
use crate::learn::backbone::{IMAGENET, Preset};

const fn basic(layers: [usize; 4]) -> Resnet {
    Resnet::new(Form::Basic, layers)
}

const fn bottleneck(layers: [usize; 4]) -> Resnet {
    Resnet::new(Form::Bottleneck, layers)
}

/// Name, weights, side of their pictures, part of a picture they see.
const fn row(name: &'static str, tag: &'static str, input: usize, crop: f32, size: Resnet) -> Preset {
    Preset { name, config: Config::Resnet(size), classifier: "fc", tag, input, crop, ..IMAGENET }
}

const fn bilinear(preset: Preset) -> Preset {
    Preset { interpolation: "bilinear", ..preset }
}

/// timm's sizes.
pub(in crate::learn::backbone) const PRESETS: &[Preset] = &[
    row("resnet10t", "c3_in1k", 176, 0.875, basic([1, 1, 1, 1]).deep(24, 32).avg_down()),
    row("resnet14t", "c3_in1k", 176, 0.875, bottleneck([1, 1, 1, 1]).deep(24, 32).avg_down()),
    row("resnet18", "a1_in1k", 224, 0.95, basic([2, 2, 2, 2])),
    row("resnet18d", "ra2_in1k", 224, 0.875, basic([2, 2, 2, 2]).deep(32, 32).avg_down()),
    row("resnet34", "a1_in1k", 224, 0.95, basic([3, 4, 6, 3])),
    row("resnet34d", "ra2_in1k", 224, 0.875, basic([3, 4, 6, 3]).deep(32, 32).avg_down()),
    row("resnet26", "bt_in1k", 224, 0.875, bottleneck([2, 2, 2, 2])),
    row("resnet26t", "ra2_in1k", 256, 0.94, bottleneck([2, 2, 2, 2]).deep(24, 32).avg_down()),
    row("resnet26d", "bt_in1k", 224, 0.875, bottleneck([2, 2, 2, 2]).deep(32, 32).avg_down()),
    row("resnet50", "a1_in1k", 224, 0.95, bottleneck([3, 4, 6, 3])),
    row("resnet50c", "gluon_in1k", 224, 0.875, bottleneck([3, 4, 6, 3]).deep(32, 32)),
    row("resnet50d", "ra2_in1k", 224, 0.875, bottleneck([3, 4, 6, 3]).deep(32, 32).avg_down()),
    row("resnet50s", "gluon_in1k", 224, 0.875, bottleneck([3, 4, 6, 3]).deep(64, 64)),
    row("resnet50t", "untrained", 224, 0.875, bottleneck([3, 4, 6, 3]).deep(24, 32).avg_down()),
    row("resnet101", "a1h_in1k", 224, 0.95, bottleneck([3, 4, 23, 3])),
    row("resnet101c", "gluon_in1k", 224, 0.875, bottleneck([3, 4, 23, 3]).deep(32, 32)),
    row("resnet101d", "ra2_in1k", 256, 0.95, bottleneck([3, 4, 23, 3]).deep(32, 32).avg_down()),
    row("resnet101s", "gluon_in1k", 224, 0.875, bottleneck([3, 4, 23, 3]).deep(64, 64)),
    row("resnet152", "a1h_in1k", 224, 0.95, bottleneck([3, 8, 36, 3])),
    row("resnet152c", "gluon_in1k", 224, 0.875, bottleneck([3, 8, 36, 3]).deep(32, 32)),
    row("resnet152d", "ra2_in1k", 256, 0.95, bottleneck([3, 8, 36, 3]).deep(32, 32).avg_down()),
    row("resnet152s", "gluon_in1k", 224, 0.875, bottleneck([3, 8, 36, 3]).deep(64, 64)),
    row("resnet200", "untrained", 224, 0.875, bottleneck([3, 24, 36, 3])),
    row("resnet200d", "ra2_in1k", 256, 0.95, bottleneck([3, 24, 36, 3]).deep(32, 32).avg_down()),
    row("wide_resnet50_2", "racm_in1k", 224, 0.875, bottleneck([3, 4, 6, 3]).groups(1, 128)),
    bilinear(row("wide_resnet101_2", "tv_in1k", 224, 0.875, bottleneck([3, 4, 23, 3]).groups(1, 128))),
    row("resnext50_32x4d", "a1h_in1k", 224, 0.95, bottleneck([3, 4, 6, 3]).groups(32, 4)),
    row("resnext50d_32x4d", "bt_in1k", 224, 0.875, bottleneck([3, 4, 6, 3]).deep(32, 32).avg_down().groups(32, 4)),
    bilinear(row("resnext101_32x4d", "fb_ssl_yfcc100m_ft_in1k", 224, 0.875, bottleneck([3, 4, 23, 3]).groups(32, 4))),
    bilinear(row("resnext101_32x8d", "tv_in1k", 224, 0.875, bottleneck([3, 4, 23, 3]).groups(32, 8))),
    bilinear(row("resnext101_32x16d", "fb_wsl_ig1b_ft_in1k", 224, 0.875, bottleneck([3, 4, 23, 3]).groups(32, 16))),
    bilinear(row("resnext101_32x32d", "fb_wsl_ig1b_ft_in1k", 224, 0.875, bottleneck([3, 4, 23, 3]).groups(32, 32))),
    row("resnext101_64x4d", "c1_in1k", 224, 0.95, bottleneck([3, 4, 23, 3]).groups(64, 4)),
    row("ecaresnet26t", "ra2_in1k", 256, 0.875, bottleneck([2, 2, 2, 2]).deep(24, 32).avg_down().eca()),
    row("ecaresnet50d", "miil_in1k", 224, 0.875, bottleneck([3, 4, 6, 3]).deep(32, 32).avg_down().eca()),
    row("ecaresnet50t", "ra2_in1k", 256, 0.875, bottleneck([3, 4, 6, 3]).deep(24, 32).avg_down().eca()),
    row("ecaresnetlight", "miil_in1k", 224, 0.875, bottleneck([1, 1, 11, 3]).avg_down().eca()),
    row("ecaresnet101d", "miil_in1k", 224, 0.875, bottleneck([3, 4, 23, 3]).deep(32, 32).avg_down().eca()),
    row("ecaresnet200d", "untrained", 256, 0.95, bottleneck([3, 24, 36, 3]).deep(32, 32).avg_down().eca()),
    row("ecaresnet269d", "ra2_in1k", 320, 0.95, bottleneck([3, 30, 48, 8]).deep(32, 32).avg_down().eca()),
    row(
        "ecaresnext26t_32x4d",
        "untrained",
        224,
        0.875,
        bottleneck([2, 2, 2, 2]).deep(24, 32).avg_down().groups(32, 4).eca(),
    ),
    row(
        "ecaresnext50t_32x4d",
        "untrained",
        224,
        0.875,
        bottleneck([3, 4, 6, 3]).deep(24, 32).avg_down().groups(32, 4).eca(),
    ),
    row("seresnet18", "untrained", 224, 0.875, basic([2, 2, 2, 2]).se(16)),
    row("seresnet34", "untrained", 224, 0.875, basic([3, 4, 6, 3]).se(16)),
    row("seresnet50", "a1_in1k", 224, 0.95, bottleneck([3, 4, 6, 3]).se(16)),
    row("seresnet50t", "untrained", 224, 0.875, bottleneck([3, 4, 6, 3]).deep(24, 32).avg_down().se(16)),
    row("seresnet101", "untrained", 224, 0.875, bottleneck([3, 4, 23, 3]).se(16)),
    row("seresnet152", "untrained", 224, 0.875, bottleneck([3, 8, 36, 3]).se(16)),
    row("seresnet152d", "ra2_in1k", 256, 0.95, bottleneck([3, 8, 36, 3]).deep(32, 32).avg_down().se(16)),
    row("seresnet200d", "untrained", 256, 0.875, bottleneck([3, 24, 36, 3]).deep(32, 32).avg_down().se(16)),
    row("seresnet269d", "untrained", 256, 0.875, bottleneck([3, 30, 48, 8]).deep(32, 32).avg_down().se(16)),
    row(
        "seresnext26d_32x4d",
        "bt_in1k",
        224,
        0.875,
        bottleneck([2, 2, 2, 2]).deep(32, 32).avg_down().groups(32, 4).se(16),
    ),
    row(
        "seresnext26t_32x4d",
        "bt_in1k",
        224,
        0.875,
        bottleneck([2, 2, 2, 2]).deep(24, 32).avg_down().groups(32, 4).se(16),
    ),
    row("seresnext50_32x4d", "racm_in1k", 224, 0.875, bottleneck([3, 4, 6, 3]).groups(32, 4).se(16)),
    row("seresnext101_32x4d", "gluon_in1k", 224, 0.875, bottleneck([3, 4, 23, 3]).groups(32, 4).se(16)),
    row("seresnext101_32x8d", "ah_in1k", 224, 0.95, bottleneck([3, 4, 23, 3]).groups(32, 8).se(16)),
    row(
        "seresnext101d_32x8d",
        "ah_in1k",
        224,
        0.95,
        bottleneck([3, 4, 23, 3]).deep(32, 32).avg_down().groups(32, 8).se(16),
    ),
    row("seresnext101_64x4d", "gluon_in1k", 224, 0.875, bottleneck([3, 4, 23, 3]).groups(64, 4).se(16)),
    row("senet154", "gluon_in1k", 224, 0.875, bottleneck([3, 8, 36, 3]).deep(64, 64).groups(64, 4).senet().se(16)),
    row("resnetaa34d", "untrained", 224, 0.875, basic([3, 4, 6, 3]).deep(32, 32).avg_down().averaged()),
    row("resnetaa50", "a1h_in1k", 224, 0.95, bottleneck([3, 4, 6, 3]).averaged()),
    row("resnetaa50d", "sw_in12k_ft_in1k", 224, 0.95, bottleneck([3, 4, 6, 3]).deep(32, 32).avg_down().averaged()),
    row("resnetaa101d", "sw_in12k_ft_in1k", 224, 0.95, bottleneck([3, 4, 23, 3]).deep(32, 32).avg_down().averaged()),
    row("seresnetaa50d", "untrained", 224, 0.875, bottleneck([3, 4, 6, 3]).deep(32, 32).avg_down().se(16).averaged()),
    row(
        "seresnextaa101d_32x8d",
        "sw_in12k_ft_in1k_288",
        288,
        0.95,
        bottleneck([3, 4, 23, 3]).deep(32, 32).avg_down().groups(32, 8).se(16).averaged(),
    ),
    row(
        "seresnextaa201d_32x8d",
        "sw_in12k_ft_in1k_384",
        384,
        1.0,
        bottleneck([3, 24, 36, 4]).deep(64, 64).avg_down().groups(32, 8).se(16).averaged(),
    ),
    row("resnetrs50", "tf_in1k", 160, 0.91, bottleneck([3, 4, 6, 3]).deep(32, 32).conv_pool().avg_down().se(4)),
    row("resnetrs101", "tf_in1k", 192, 0.94, bottleneck([3, 4, 23, 3]).deep(32, 32).conv_pool().avg_down().se(4)),
    row("resnetrs152", "tf_in1k", 256, 1.0, bottleneck([3, 8, 36, 3]).deep(32, 32).conv_pool().avg_down().se(4)),
    row("resnetrs200", "tf_in1k", 256, 1.0, bottleneck([3, 24, 36, 3]).deep(32, 32).conv_pool().avg_down().se(4)),
    row("resnetrs270", "tf_in1k", 256, 1.0, bottleneck([4, 29, 53, 4]).deep(32, 32).conv_pool().avg_down().se(4)),
    row("resnetrs350", "tf_in1k", 288, 1.0, bottleneck([4, 36, 72, 4]).deep(32, 32).conv_pool().avg_down().se(4)),
    row("resnetrs420", "tf_in1k", 320, 1.0, bottleneck([4, 44, 87, 4]).deep(32, 32).conv_pool().avg_down().se(4)),
];
