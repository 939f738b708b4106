//! timm's sizes of the family: the forms' stages, and for each name its factors and what its default weights expect.

use super::{EfficientNet, Kind, Stage};
use crate::learn::backbone::{Config, IMAGENET, Preset};
use crate::learn::ops::Act;

const fn stage(kind: Kind, numbers: [usize; 5], squeeze: f64) -> Stage {
    let [repeats, kernel, stride, expand, channels] = numbers;
    Stage { kind, repeats, kernel, stride, expand, channels, squeeze, counted: 0 }
}

/// `[repeats, kernel, stride, channels]`.
const fn ds([repeats, kernel, stride, channels]: [usize; 4], squeeze: f64) -> Stage {
    stage(Kind::Separable, [repeats, kernel, stride, 1, channels], squeeze)
}

/// `[repeats, kernel, stride, expand, channels]`.
const fn ir(numbers: [usize; 5], squeeze: f64) -> Stage {
    stage(Kind::Inverted, numbers, squeeze)
}

/// `[repeats, stride, expand, channels]`, of 3×3 filters.
const fn er([repeats, stride, expand, channels]: [usize; 4]) -> Stage {
    stage(Kind::Edge, [repeats, 3, stride, expand, channels], 0.0)
}

/// `[repeats, channels]`, of 3×3 filters and stride 1.
const fn cn([repeats, channels]: [usize; 2]) -> Stage {
    stage(Kind::Plain, [repeats, 3, 1, 1, channels], 0.0)
}

/// The form of B0 (table 1 of the paper).
const B: EfficientNet = EfficientNet {
    stages: &[
        ds([1, 3, 1, 16], 0.25),
        ir([2, 3, 2, 6, 24], 0.25),
        ir([2, 5, 2, 6, 40], 0.25),
        ir([3, 3, 2, 6, 80], 0.25),
        ir([3, 5, 1, 6, 112], 0.25),
        ir([4, 5, 2, 6, 192], 0.25),
        ir([1, 3, 1, 6, 320], 0.25),
    ],
    width: 1.0,
    depth: &[1.0],
    ends: [32, 1280],
    fixed: false,
    round_limit: 0.9,
    act: Act::Silu,
    tensorflow: false,
};

/// The same without gates, and with an activation that 8 bits can hold.
const LITE: EfficientNet = EfficientNet {
    stages: &[
        ds([1, 3, 1, 16], 0.0),
        ir([2, 3, 2, 6, 24], 0.0),
        ir([2, 5, 2, 6, 40], 0.0),
        ir([3, 3, 2, 6, 80], 0.0),
        ir([3, 5, 1, 6, 112], 0.0),
        ir([4, 5, 2, 6, 192], 0.0),
        ir([1, 3, 1, 6, 320], 0.0),
    ],
    fixed: true,
    act: Act::Relu6,
    ..B
};

/// For the EdgeTPU: the first stages with dense filters.
const EDGE: EfficientNet = EfficientNet {
    stages: &[
        Stage { counted: 24, ..er([1, 1, 4, 24]) },
        er([2, 2, 8, 32]),
        er([4, 2, 8, 48]),
        ir([5, 5, 2, 8, 96], 0.0),
        ir([4, 5, 1, 8, 144], 0.0),
        ir([2, 5, 2, 8, 192], 0.0),
    ],
    act: Act::Relu,
    ..B
};

const V2_BASE: EfficientNet = EfficientNet {
    stages: &[
        cn([1, 16]),
        er([2, 2, 4, 32]),
        er([2, 2, 4, 48]),
        ir([3, 3, 2, 4, 96], 0.25),
        ir([5, 3, 1, 6, 112], 0.25),
        ir([8, 3, 2, 6, 192], 0.25),
    ],
    round_limit: 0.0,
    ..B
};

/// The form of V2-S (table 4 of its paper).
const V2_S: EfficientNet = EfficientNet {
    stages: &[
        cn([2, 24]),
        er([4, 2, 4, 48]),
        er([4, 2, 4, 64]),
        ir([6, 3, 2, 4, 128], 0.25),
        ir([9, 3, 1, 6, 160], 0.25),
        ir([15, 3, 2, 6, 256], 0.25),
    ],
    ends: [24, 1280],
    ..B
};

/// timm's own before the paper's code was public.
const V2_RW: EfficientNet = EfficientNet {
    stages: &[
        er([2, 1, 1, 24]),
        er([4, 2, 4, 48]),
        er([4, 2, 4, 64]),
        ir([6, 3, 2, 4, 128], 0.25),
        ir([9, 3, 1, 6, 160], 0.25),
        ir([15, 3, 2, 6, 272], 0.25),
    ],
    ends: [24, 1792],
    ..B
};

const V2_M: EfficientNet = EfficientNet {
    stages: &[
        cn([3, 24]),
        er([5, 2, 4, 48]),
        er([5, 2, 4, 80]),
        ir([7, 3, 2, 4, 160], 0.25),
        ir([14, 3, 1, 6, 176], 0.25),
        ir([18, 3, 2, 6, 304], 0.25),
        ir([5, 3, 1, 6, 512], 0.25),
    ],
    ends: [24, 1280],
    ..B
};

const V2_L: EfficientNet = EfficientNet {
    stages: &[
        cn([4, 32]),
        er([7, 2, 4, 64]),
        er([7, 2, 4, 96]),
        ir([10, 3, 2, 4, 192], 0.25),
        ir([19, 3, 1, 6, 224], 0.25),
        ir([25, 3, 2, 6, 384], 0.25),
        ir([7, 3, 1, 6, 640], 0.25),
    ],
    ..B
};

const V2_XL: EfficientNet = EfficientNet {
    stages: &[
        cn([4, 32]),
        er([8, 2, 4, 64]),
        er([8, 2, 4, 96]),
        ir([16, 3, 2, 4, 192], 0.25),
        ir([24, 3, 1, 6, 256], 0.25),
        ir([32, 3, 2, 6, 512], 0.25),
        ir([8, 3, 1, 6, 640], 0.25),
    ],
    ..B
};

const PRESET: Preset = Preset { classifier: "classifier", config: Config::EfficientNet(B), ..IMAGENET };

/// A form with its factors of channels and repeats.
const fn size(form: EfficientNet, width: f64, depth: &'static [f64]) -> Config {
    Config::EfficientNet(EfficientNet { width, depth, ..form })
}

/// The same as it came from TensorFlow.
const fn tf(form: EfficientNet, width: f64, depth: &'static [f64]) -> Config {
    Config::EfficientNet(EfficientNet { width, depth, tensorflow: true, ..form })
}

/// timm's sizes.
pub(in crate::learn::backbone) const PRESETS: &[Preset] = &[
    Preset { name: "efficientnet_b0", config: size(B, 1.0, &[1.0]), tag: "ra_in1k", input: 224, crop: 0.875, ..PRESET },
    Preset {
        name: "efficientnet_b1",
        config: size(B, 1.0, &[1.1]),
        tag: "ra4_e3600_r240_in1k",
        input: 240,
        crop: 0.9,
        mean: [0.5; 3],
        std: [0.5; 3],
        ..PRESET
    },
    Preset { name: "efficientnet_b2", config: size(B, 1.1, &[1.2]), tag: "ra_in1k", input: 256, crop: 0.875, ..PRESET },
    Preset {
        name: "efficientnet_b3",
        config: size(B, 1.2, &[1.4]),
        tag: "ra2_in1k",
        input: 288,
        crop: 0.875,
        ..PRESET
    },
    Preset {
        name: "efficientnet_b4",
        config: size(B, 1.4, &[1.8]),
        tag: "ra2_in1k",
        input: 320,
        crop: 0.875,
        ..PRESET
    },
    Preset {
        name: "efficientnet_b5",
        config: size(B, 1.6, &[2.2]),
        tag: "sw_in12k_ft_in1k",
        input: 448,
        crop: 1.0,
        ..PRESET
    },
    Preset {
        name: "efficientnet_b6",
        config: size(B, 1.8, &[2.6]),
        tag: "untrained",
        input: 528,
        crop: 0.942,
        ..PRESET
    },
    Preset {
        name: "efficientnet_b7",
        config: size(B, 2.0, &[3.1]),
        tag: "untrained",
        input: 600,
        crop: 0.949,
        ..PRESET
    },
    Preset {
        name: "efficientnet_b8",
        config: size(B, 2.2, &[3.6]),
        tag: "untrained",
        input: 672,
        crop: 0.954,
        ..PRESET
    },
    Preset {
        name: "efficientnet_el",
        config: size(EDGE, 1.2, &[1.4]),
        tag: "ra_in1k",
        input: 300,
        crop: 0.904,
        ..PRESET
    },
    Preset {
        name: "efficientnet_el_pruned",
        config: size(EDGE, 1.2, &[1.4]),
        tag: "in1k",
        input: 300,
        crop: 0.904,
        ..PRESET
    },
    Preset {
        name: "efficientnet_em",
        config: size(EDGE, 1.0, &[1.1]),
        tag: "ra2_in1k",
        input: 240,
        crop: 0.882,
        ..PRESET
    },
    Preset {
        name: "efficientnet_es",
        config: size(EDGE, 1.0, &[1.0]),
        tag: "ra_in1k",
        input: 224,
        crop: 0.875,
        ..PRESET
    },
    Preset {
        name: "efficientnet_es_pruned",
        config: size(EDGE, 1.0, &[1.0]),
        tag: "in1k",
        input: 224,
        crop: 0.875,
        ..PRESET
    },
    Preset {
        name: "efficientnet_l2",
        config: size(B, 4.3, &[5.3]),
        tag: "untrained",
        input: 800,
        crop: 0.961,
        ..PRESET
    },
    Preset {
        name: "efficientnet_lite0",
        config: size(LITE, 1.0, &[1.0]),
        tag: "ra_in1k",
        input: 224,
        crop: 0.875,
        ..PRESET
    },
    Preset {
        name: "efficientnet_lite1",
        config: size(LITE, 1.0, &[1.1]),
        tag: "untrained",
        input: 240,
        crop: 0.882,
        ..PRESET
    },
    Preset {
        name: "efficientnet_lite2",
        config: size(LITE, 1.1, &[1.2]),
        tag: "untrained",
        input: 260,
        crop: 0.89,
        ..PRESET
    },
    Preset {
        name: "efficientnet_lite3",
        config: size(LITE, 1.2, &[1.4]),
        tag: "untrained",
        input: 300,
        crop: 0.904,
        ..PRESET
    },
    Preset {
        name: "efficientnet_lite4",
        config: size(LITE, 1.4, &[1.8]),
        tag: "untrained",
        input: 380,
        crop: 0.922,
        ..PRESET
    },
    Preset {
        name: "efficientnetv2_l",
        config: size(V2_L, 1.0, &[1.0]),
        tag: "untrained",
        input: 384,
        crop: 1.0,
        ..PRESET
    },
    Preset {
        name: "efficientnetv2_m",
        config: size(V2_M, 1.0, &[1.0]),
        tag: "untrained",
        input: 320,
        crop: 1.0,
        ..PRESET
    },
    Preset {
        name: "efficientnetv2_rw_m",
        config: size(V2_RW, 1.2, &[1.2, 1.2, 1.2, 1.2, 1.6]),
        tag: "agc_in1k",
        input: 320,
        crop: 1.0,
        ..PRESET
    },
    Preset {
        name: "efficientnetv2_rw_s",
        config: size(V2_RW, 1.0, &[1.0]),
        tag: "ra2_in1k",
        input: 288,
        crop: 1.0,
        ..PRESET
    },
    Preset {
        name: "efficientnetv2_rw_t",
        config: size(V2_S, 0.8, &[0.9]),
        tag: "ra2_in1k",
        input: 224,
        crop: 1.0,
        ..PRESET
    },
    Preset {
        name: "efficientnetv2_s",
        config: size(V2_S, 1.0, &[1.0]),
        tag: "untrained",
        input: 288,
        crop: 1.0,
        ..PRESET
    },
    Preset {
        name: "efficientnetv2_xl",
        config: size(V2_XL, 1.0, &[1.0]),
        tag: "untrained",
        input: 384,
        crop: 1.0,
        ..PRESET
    },
    Preset {
        name: "tf_efficientnet_b0",
        config: tf(B, 1.0, &[1.0]),
        tag: "ns_jft_in1k",
        input: 224,
        crop: 0.875,
        ..PRESET
    },
    Preset {
        name: "tf_efficientnet_b1",
        config: tf(B, 1.0, &[1.1]),
        tag: "ns_jft_in1k",
        input: 240,
        crop: 0.882,
        ..PRESET
    },
    Preset {
        name: "tf_efficientnet_b2",
        config: tf(B, 1.1, &[1.2]),
        tag: "ns_jft_in1k",
        input: 260,
        crop: 0.89,
        ..PRESET
    },
    Preset {
        name: "tf_efficientnet_b3",
        config: tf(B, 1.2, &[1.4]),
        tag: "ns_jft_in1k",
        input: 300,
        crop: 0.904,
        ..PRESET
    },
    Preset {
        name: "tf_efficientnet_b4",
        config: tf(B, 1.4, &[1.8]),
        tag: "ns_jft_in1k",
        input: 380,
        crop: 0.922,
        ..PRESET
    },
    Preset {
        name: "tf_efficientnet_b5",
        config: tf(B, 1.6, &[2.2]),
        tag: "ns_jft_in1k",
        input: 456,
        crop: 0.934,
        ..PRESET
    },
    Preset {
        name: "tf_efficientnet_b6",
        config: tf(B, 1.8, &[2.6]),
        tag: "ns_jft_in1k",
        input: 528,
        crop: 0.942,
        ..PRESET
    },
    Preset {
        name: "tf_efficientnet_b7",
        config: tf(B, 2.0, &[3.1]),
        tag: "ns_jft_in1k",
        input: 600,
        crop: 0.949,
        ..PRESET
    },
    Preset {
        name: "tf_efficientnet_b8",
        config: tf(B, 2.2, &[3.6]),
        tag: "ap_in1k",
        input: 672,
        crop: 0.954,
        mean: [0.5; 3],
        std: [0.5; 3],
        ..PRESET
    },
    Preset {
        name: "tf_efficientnet_el",
        config: tf(EDGE, 1.2, &[1.4]),
        tag: "in1k",
        input: 300,
        crop: 0.904,
        mean: [0.5; 3],
        std: [0.5; 3],
        ..PRESET
    },
    Preset {
        name: "tf_efficientnet_em",
        config: tf(EDGE, 1.0, &[1.1]),
        tag: "in1k",
        input: 240,
        crop: 0.882,
        mean: [0.5; 3],
        std: [0.5; 3],
        ..PRESET
    },
    Preset {
        name: "tf_efficientnet_es",
        config: tf(EDGE, 1.0, &[1.0]),
        tag: "in1k",
        input: 224,
        crop: 0.875,
        mean: [0.5; 3],
        std: [0.5; 3],
        ..PRESET
    },
    Preset {
        name: "tf_efficientnet_l2",
        config: tf(B, 4.3, &[5.3]),
        tag: "ns_jft_in1k_475",
        input: 475,
        crop: 0.936,
        ..PRESET
    },
    Preset {
        name: "tf_efficientnet_lite0",
        config: tf(LITE, 1.0, &[1.0]),
        tag: "in1k",
        input: 224,
        crop: 0.875,
        mean: [0.5; 3],
        std: [0.5; 3],
        ..PRESET
    },
    Preset {
        name: "tf_efficientnet_lite1",
        config: tf(LITE, 1.0, &[1.1]),
        tag: "in1k",
        input: 240,
        crop: 0.882,
        mean: [0.5; 3],
        std: [0.5; 3],
        ..PRESET
    },
    Preset {
        name: "tf_efficientnet_lite2",
        config: tf(LITE, 1.1, &[1.2]),
        tag: "in1k",
        input: 260,
        crop: 0.89,
        mean: [0.5; 3],
        std: [0.5; 3],
        ..PRESET
    },
    Preset {
        name: "tf_efficientnet_lite3",
        config: tf(LITE, 1.2, &[1.4]),
        tag: "in1k",
        input: 300,
        crop: 0.904,
        mean: [0.5; 3],
        std: [0.5; 3],
        interpolation: "bilinear",
        ..PRESET
    },
    Preset {
        name: "tf_efficientnet_lite4",
        config: tf(LITE, 1.4, &[1.8]),
        tag: "in1k",
        input: 380,
        crop: 0.92,
        mean: [0.5; 3],
        std: [0.5; 3],
        interpolation: "bilinear",
        ..PRESET
    },
    Preset {
        name: "tf_efficientnetv2_b0",
        config: tf(V2_BASE, 1.0, &[1.0]),
        tag: "in1k",
        input: 192,
        crop: 0.875,
        ..PRESET
    },
    Preset {
        name: "tf_efficientnetv2_b1",
        config: tf(V2_BASE, 1.0, &[1.1]),
        tag: "in1k",
        input: 192,
        crop: 0.882,
        ..PRESET
    },
    Preset {
        name: "tf_efficientnetv2_b2",
        config: tf(V2_BASE, 1.1, &[1.2]),
        tag: "in1k",
        input: 208,
        crop: 0.89,
        ..PRESET
    },
    Preset {
        name: "tf_efficientnetv2_b3",
        config: tf(V2_BASE, 1.2, &[1.4]),
        tag: "in21k_ft_in1k",
        input: 240,
        crop: 0.9,
        mean: [0.5; 3],
        std: [0.5; 3],
        ..PRESET
    },
    Preset {
        name: "tf_efficientnetv2_l",
        config: tf(V2_L, 1.0, &[1.0]),
        tag: "in21k_ft_in1k",
        input: 384,
        crop: 1.0,
        mean: [0.5; 3],
        std: [0.5; 3],
        ..PRESET
    },
    Preset {
        name: "tf_efficientnetv2_m",
        config: tf(V2_M, 1.0, &[1.0]),
        tag: "in21k_ft_in1k",
        input: 384,
        crop: 1.0,
        mean: [0.5; 3],
        std: [0.5; 3],
        ..PRESET
    },
    Preset {
        name: "tf_efficientnetv2_s",
        config: tf(V2_S, 1.0, &[1.0]),
        tag: "in21k_ft_in1k",
        input: 300,
        crop: 1.0,
        mean: [0.5; 3],
        std: [0.5; 3],
        ..PRESET
    },
    Preset {
        name: "tf_efficientnetv2_xl",
        config: tf(V2_XL, 1.0, &[1.0]),
        tag: "in21k_ft_in1k",
        input: 384,
        crop: 1.0,
        mean: [0.5; 3],
        std: [0.5; 3],
        ..PRESET
    },
];
