//! Which weights learn at which rate, with which decay, and from when on.
//!
//! Takes the names, shapes and places of a network's weights and the recipe's `[train]`; gives groups, made once.
//! timm's `param_groups_layer_decay` and `param_groups_weight_decay`, with the head's factor beside them.

use std::collections::{BTreeMap, BTreeSet};

use crate::learn::loss::HEAD;
use crate::learn::ops::{Layer, Network, ParamId, Params};
use crate::learn::train::{Frozen, TrainSettings};

/// Weights that are treated alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Factor on the base learning rate.
    pub lr: f64,
    /// Whether weight decay applies.
    pub decay: bool,
    /// Optimiser steps before these weights begin to learn; `usize::MAX` for never.
    pub since: usize,
    /// The weights, in the order of the parameters.
    pub weights: Vec<ParamId>,
}

/// The groups of all weights of a network and its loss.
pub fn groups(params: &Params, network: &dyn Network, settings: &TrainSettings, frozen: Option<Frozen>) -> Vec<Group> {
    let scales = layer_scales(params, network, settings.layer_decay.unwrap_or(1.0));
    let mut groups: BTreeMap<(u64, bool, usize), Group> = BTreeMap::new();
    for id in params.weights() {
        let name = params.name(id);
        let lr = match name.starts_with(HEAD) {
            true => settings.head_lr,
            false => match network.layer(name) {
                Layer::Neck => settings.head_lr,
                layer => scales.get(&layer).copied().unwrap_or(1.0),
            },
        };
        let decay = !(settings.weight_decay_exclude_1d && spared(name, params.get(id).rank()));
        let since = frozen.filter(|f| f.holds(network, name)).map_or(0, |f| f.steps);
        let group = || Group { lr, decay, since, weights: Vec::new() };
        groups.entry((lr.to_bits(), decay, since)).or_insert_with(group).weights.push(id);
    }
    groups.into_values().collect()
}

/// `decay^(last - i)` for stem and blocks in order, numbered from 0. What stands behind the pooling is the last; what stands
/// between counts with the last block (timm's `MATCH_PREV_GROUP`).
fn layer_scales(params: &Params, network: &dyn Network, decay: f64) -> BTreeMap<Layer, f64> {
    let layers = params.weights().map(|id| params.name(id)).filter(|name| !name.starts_with(HEAD));
    let layers: BTreeSet<Layer> = layers.map(|name| network.layer(name)).filter(|l| *l < Layer::Tail).collect();
    let last = layers.len() as i32;
    let scales = layers.into_iter().enumerate().map(|(i, layer)| (layer, decay.powi(last - i as i32)));
    scales.chain([(Layer::Tail, decay)]).collect()
}

/// What timm spares from weight decay: vectors and biases, and what its networks list as `no_weight_decay`.
fn spared(name: &str, rank: usize) -> bool {
    let whole = ["pos_embed", "cls_token", "reg_token", "dist_token"];
    let within = ["relative_position_bias_table", "cpb_mlp", "logit_scale"];
    rank <= 1 || name.ends_with(".bias") || whole.contains(&name) || within.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::ops::{Kind, OpsError, Tape, Var};
    use crate::learn::train::tests::settings;
    use candle_core::{Device, Tensor};

    /// Layers by the first letter.
    struct Named;

    impl Network for Named {
        fn forward(&self, _: &Params, tape: &mut Tape, x: &Tensor) -> Result<Var, OpsError> {
            Ok(tape.constant(x))
        }

        fn embedding(&self) -> usize {
            1
        }

        fn layer(&self, name: &str) -> Layer {
            match name.as_bytes() {
                [b's', ..] => Layer::Stem,
                [b'b', digit, ..] => Layer::Block(u32::from(digit - b'0'), 0),
                [b't', ..] => Layer::Tail,
                [b'p', ..] => Layer::Pooled,
                _ => Layer::Neck,
            }
        }
    }

    fn params() -> Params {
        let mut params = Params::new();
        let mut add = |name: &str, dims: &[usize]| {
            let tensor = Tensor::zeros(dims, candle_core::DType::F32, &Device::Cpu).unwrap();
            params.add(name, tensor, Kind::Weight).unwrap();
        };
        for name in
            ["stem.weight", "b1.weight", "b3.weight", "tail.weight", "pooled.weight", "fc.weight", "loss.weight"]
        {
            add(name, &[2, 3]);
        }
        for name in ["stem.gain", "fc.bias", "loss.bias"] {
            add(name, &[3]);
        }
        params
    }

    fn described(groups: &[Group], params: &Params) -> Vec<String> {
        let names = |g: &Group| g.weights.iter().map(|id| params.name(*id)).collect::<Vec<_>>().join(" ");
        groups.iter().map(|g| format!("{:.3} {} {}: {}", g.lr, g.decay, g.since as i64, names(g))).collect()
    }

    #[test]
    fn layers_and_head_have_their_rates() {
        let params = params();
        let settings = TrainSettings { head_lr: 10.0, layer_decay: Some(0.5), ..settings(1) };
        // Layers 0 to 2 and the last, which the norm behind the pooling shares with the neck.
        insta::assert_snapshot!(described(&groups(&params, &Named, &settings, None), &params).join("\n"), @"
        0.125 true 0: stem.weight stem.gain
        0.250 true 0: b1.weight
        0.500 true 0: b3.weight tail.weight
        1.000 true 0: pooled.weight
        10.000 true 0: fc.weight loss.weight fc.bias loss.bias
        ");
    }

    #[test]
    fn vectors_can_be_spared_and_first_layers_frozen() {
        let params = params();
        let settings = TrainSettings { head_lr: 1.0, weight_decay_exclude_1d: true, ..settings(1) };
        let frozen = Some(Frozen { up_to: Layer::Block(1, 7), steps: 12 });
        insta::assert_snapshot!(described(&groups(&params, &Named, &settings, frozen), &params).join("\n"), @"
        1.000 false 0: fc.bias loss.bias
        1.000 false 12: stem.gain
        1.000 true 0: b3.weight tail.weight pooled.weight fc.weight loss.weight
        1.000 true 12: stem.weight b1.weight
        ");
        assert!(spared("blocks.0.attn.relative_position_bias_table", 2) && spared("cls_token", 3));
        assert!(!spared("blocks.0.attn.qkv.weight", 2));
    }
}
