//! Where in a network a tensor stands, by its name: for layer-wise learning rates and for freezing.
//!
//! Takes timm's name of a tensor; gives its [`Layer`], numbered as timm's `group_matcher` does for the family. The families'
//! names do not contradict each other, so one rule reads them all. Families without a `group_matcher` (MetaFormer) are
//! read by their blocks.

use crate::learn::ops::Layer;

const STEM: &[&str] = &[
    "conv1",
    "bn1",
    "maxpool",
    "conv_stem",
    "stem",
    "patch_embed",
    "cls_token",
    "reg_token",
    "dist_token",
    "pos_embed",
    "absolute_pos_embed",
    "norm_pre",
];
const TAIL: &[&str] = &["conv_head", "bn2", "norm", "final_conv"];
const POOLED: &[&str] = &["fc_norm", "head.norm", "head.pre_logits"];

/// The layer of a tensor.
pub(super) fn of(name: &str) -> Layer {
    let starts = |all: &[&str]| all.iter().any(|start| part(name, start).is_some());
    if starts(STEM) {
        return Layer::Stem;
    }
    if let Some((stage, rest)) = part(name, "stages").or_else(|| part(name, "layers")).and_then(number) {
        // A halving of the picture goes with its stage's first block; `stages.0.3`, `stages.0.blocks.3`, `layers.0.blocks.3`.
        let inner = number(rest).or_else(|| part(rest, "blocks").and_then(number));
        return Layer::Block(stage, inner.map_or(0, |(block, _)| block));
    }
    if let Some((stage, rest)) = name.strip_prefix("layer").and_then(number) {
        return Layer::Block(stage, number(rest).map_or(0, |(block, _)| block));
    }
    if let Some((first, rest)) = part(name, "blocks").and_then(number) {
        return Layer::Block(first, number(rest).map_or(0, |(block, _)| block));
    }
    match (starts(TAIL), starts(POOLED)) {
        (true, _) => Layer::Tail,
        (_, true) => Layer::Pooled,
        _ => Layer::Neck,
    }
}

/// What follows `start` and a dot (or nothing) in a name.
fn part<'a>(name: &'a str, start: &str) -> Option<&'a str> {
    let rest = name.strip_prefix(start)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('.') }
}

/// The number that a text begins with up to a dot, and what follows.
fn number(text: &str) -> Option<(u32, &str)> {
    let (number, rest) = text.split_once('.').unwrap_or((text, ""));
    number.parse().ok().map(|number| (number, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_all_families_have_their_place() {
        let cases = [
            ("conv1.0.weight", Layer::Stem),
            ("bn1.weight", Layer::Stem),
            ("layer3.10.conv2.weight", Layer::Block(3, 10)),
            ("fc.weight", Layer::Neck),
            ("conv_stem.weight", Layer::Stem),
            ("blocks.2.1.bn1.weight", Layer::Block(2, 1)),
            ("bn2.bias", Layer::Tail),
            ("conv_head.weight", Layer::Tail),
            ("classifier.weight", Layer::Neck),
            ("stem.1.weight", Layer::Stem),
            ("stages.2.downsample.1.weight", Layer::Block(2, 0)),
            ("stages.2.blocks.8.mlp.fc1.weight", Layer::Block(2, 8)),
            ("head.norm.weight", Layer::Pooled),
            ("head.fc.weight", Layer::Neck),
            ("patch_embed.proj.weight", Layer::Stem),
            ("layers.1.downsample.reduction.weight", Layer::Block(1, 0)),
            ("layers.1.blocks.1.attn.qkv.weight", Layer::Block(1, 1)),
            ("norm.weight", Layer::Tail),
            ("cls_token", Layer::Stem),
            ("pos_embed", Layer::Stem),
            ("blocks.11.norm1.weight", Layer::Block(11, 0)),
            ("fc_norm.weight", Layer::Pooled),
            ("stages.3.2.conv1.weight", Layer::Block(3, 2)),
            ("final_conv.weight", Layer::Tail),
            ("neck.bn.weight", Layer::Neck),
        ];
        for (name, layer) in cases {
            assert_eq!(of(name), layer, "{name}");
        }
    }
}
