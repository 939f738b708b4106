//! timm's sizes of Swin and SwinV2.

use super::{Swin, Version};
use crate::learn::backbone::preset::{Config, IMAGENET, Preset};

/// All of them, as `timm.list_models(["swin_*", "swinv2_*"])` without the `cr` variants, which are another network.
pub(in crate::learn::backbone) const PRESETS: &[Preset] = &[
    one("swin_tiny_patch4_window7_224", "ms_in1k", 224, 96, 6, [7; 4]),
    one("swin_small_patch4_window7_224", "ms_in22k_ft_in1k", 224, 96, 18, [7; 4]),
    one("swin_base_patch4_window7_224", "ms_in22k_ft_in1k", 224, 128, 18, [7; 4]),
    one("swin_base_patch4_window12_384", "ms_in22k_ft_in1k", 384, 128, 18, [12; 4]),
    one("swin_large_patch4_window7_224", "ms_in22k_ft_in1k", 224, 192, 18, [7; 4]),
    one("swin_large_patch4_window12_384", "ms_in22k_ft_in1k", 384, 192, 18, [12; 4]),
    one("swin_s3_tiny_224", "ms_in1k", 224, 96, 6, [7, 7, 14, 7]),
    one("swin_s3_small_224", "ms_in1k", 224, 96, 18, [14, 14, 14, 7]),
    one("swin_s3_base_224", "ms_in1k", 224, 96, 30, [7, 7, 14, 7]),
    two("swinv2_tiny_window8_256", "ms_in1k", 256, 96, 6, 8, None),
    two("swinv2_tiny_window16_256", "ms_in1k", 256, 96, 6, 16, None),
    two("swinv2_small_window8_256", "ms_in1k", 256, 96, 18, 8, None),
    two("swinv2_small_window16_256", "ms_in1k", 256, 96, 18, 16, None),
    two("swinv2_base_window8_256", "ms_in1k", 256, 128, 18, 8, None),
    two("swinv2_base_window16_256", "ms_in1k", 256, 128, 18, 16, None),
    two("swinv2_base_window12_192", "ms_in22k", 192, 128, 18, 12, None),
    two("swinv2_base_window12to16_192to256", "ms_in22k_ft_in1k", 256, 128, 18, 16, TRAINED),
    two("swinv2_base_window12to24_192to384", "ms_in22k_ft_in1k", 384, 128, 18, 24, TRAINED),
    two("swinv2_large_window12_192", "ms_in22k", 192, 192, 18, 12, None),
    two("swinv2_large_window12to16_192to256", "ms_in22k_ft_in1k", 256, 192, 18, 16, TRAINED),
    two("swinv2_large_window12to24_192to384", "ms_in22k_ft_in1k", 384, 192, 18, 24, TRAINED),
];

/// The windows of the first training of those that were then trained with larger ones.
const TRAINED: Option<[usize; 4]> = Some([12, 12, 12, 6]);

const fn one(
    name: &'static str,
    tag: &'static str,
    input: usize,
    channels: usize,
    third: usize,
    windows: [usize; 4],
) -> Preset {
    preset(name, tag, Swin { channels, depths: [2, 2, third, 2], windows, input, version: Version::One })
}

const fn two(
    name: &'static str,
    tag: &'static str,
    input: usize,
    channels: usize,
    third: usize,
    window: usize,
    trained: Option<[usize; 4]>,
) -> Preset {
    let version = Version::Two { trained };
    preset(name, tag, Swin { channels, depths: [2, 2, third, 2], windows: [window; 4], input, version })
}

const fn preset(name: &'static str, tag: &'static str, swin: Swin) -> Preset {
    Preset {
        name,
        config: Config::Swin(swin),
        classifier: "head.fc",
        tag,
        input: swin.input,
        crop: if swin.input == 384 { 1.0 } else { 0.9 },
        ..IMAGENET
    }
}
