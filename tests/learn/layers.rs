//! Layers as timm numbers them, and what depends on them: a frozen beginning, parts that are computed again.
//!
//! `tests/golden/backbone/layers.py` wrote layers.tsv out of timm itself.

use std::collections::BTreeSet;

use candle_core::{Device, Tensor};
use toji::base::Seed;
use toji::learn::backbone::{self, Pool, Settings};
use toji::learn::ops::{Grads, Kind, Layer, Network, Params, Tape};

use super::golden::lines;

/// One small network of each family and form, and the side of pictures that it takes.
const NETWORKS: &[(&str, usize)] = &[
    ("resnet10t", 32),
    ("resnet26d", 32),
    ("efficientnet_b0", 32),
    ("convnext_atto", 32),
    ("convnextv2_atto", 32),
    ("swin_tiny_patch4_window7_224", 64),
    ("swinv2_tiny_window8_256", 64),
    ("vit_tiny_patch16_224", 224),
    ("nfnet_l0", 64),
    ("caformer_s18", 64),
];

fn networks() -> impl Iterator<Item = (Settings, usize)> {
    let settings = |name: &str| Settings { drop: 0.2, drop_path: 0.4, ..Settings::new(name, Pool::Avg {}, 8) };
    NETWORKS.iter().map(move |(name, side)| (settings(name), *side))
}

/// A layer as timm counts: what stands behind the pooling is one, and what stands before it counts with the last block.
fn merged(layer: Layer, last: Layer) -> Layer {
    if layer == Layer::Tail { last } else { layer.min(Layer::Pooled) }
}

#[test]
fn layers_are_numbered_as_timm_does() {
    let timms = lines("layers.tsv");
    assert!(timms.len() >= 3);
    for line in &timms {
        let (network, params) = backbone::outline(&Settings::new(&line[0], Pool::Avg {}, 1000)).expect("a network");
        let all = || params.weights().map(|id| network.layer(params.name(id)));
        let last = all().filter(|layer| *layer < Layer::Tail).max().expect("a block");
        let layers: BTreeSet<Layer> = all().map(|layer| merged(layer, last)).collect();
        let layers: Vec<Layer> = layers.into_iter().collect();
        let mut names: Vec<&str> = params.weights().map(|id| params.name(id)).collect();
        names.sort_unstable();
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for name in names {
            let number = layers.binary_search(&merged(network.layer(name), last)).expect("a layer of the list");
            match runs.last_mut() {
                Some((last, count)) if *last == number => *count += 1,
                _ => runs.push((number, 1)),
            }
        }
        let ours = runs.iter().map(|(layer, count)| format!("{layer}×{count}")).collect::<Vec<_>>().join(" ");
        assert_eq!(ours, line[1], "{}", line[0]);
    }
}

#[test]
fn a_profile_leaves_out_the_neck_alone() {
    for (settings, side) in networks() {
        let profile = backbone::profile(&settings.name, Some(side)).expect("a profile");
        let (_, params) = backbone::outline(&Settings::new(&settings.name, Pool::Avg {}, 1000)).expect("a network");
        assert_eq!(profile.parameters + 1000 * (profile.features + 1), params.count(), "{}", settings.name);
    }
}

/// One training step's gradients, and the buffers after it.
fn step(network: &dyn Network, params: &Params, side: usize, frozen: &[bool], again: bool) -> (Grads, Vec<Vec<u32>>) {
    let mut draws = Seed::new(2).draws();
    let pixels: Vec<f32> = (0..2 * 3 * side * side).map(|_| draws.normal() as f32).collect();
    let x = Tensor::from_vec(pixels, (2, 3, side, side), &Device::Cpu).expect("pictures");
    let mut tape = Tape::train();
    tape.freeze(frozen.into());
    tape.compute_again(again);
    tape.seed(Seed::new(9));
    let mut params = params.clone();
    let y = network.forward(&params, &mut tape, &x).expect("forward");
    let dy = Tensor::from_vec((0..16).map(|i| (i as f32 * 0.7).sin()).collect(), (2, 8), &Device::Cpu).expect("dy");
    let grads = tape.backward(&y, &dy).expect("backward");
    tape.apply_updates(&mut params).expect("updates");
    let buffers = params.iter().filter(|(.., kind)| *kind == Kind::Buffer).map(|(_, _, t, _)| bits(t)).collect();
    (grads, buffers)
}

fn bits(tensor: &Tensor) -> Vec<u32> {
    tensor.flatten_all().and_then(|t| t.to_vec1::<f32>()).expect("floats").iter().map(|x| x.to_bits()).collect()
}

#[test]
fn parts_that_are_computed_again_give_the_same_bits() {
    for (settings, side) in networks() {
        let (network, params) = backbone::build(&settings, Seed::new(1)).expect("a network");
        let (plain, buffers) = step(network.as_ref(), &params, side, &[], false);
        let (again, buffers_again) = step(network.as_ref(), &params, side, &[], true);
        assert_eq!(plain.len(), params.weights().count(), "{}", settings.name);
        for (id, dw) in plain.iter() {
            let theirs = again.get(id).map(bits);
            assert!(Some(bits(dw)) == theirs, "{}: the gradient of {}", settings.name, params.name(id));
        }
        assert!(buffers == buffers_again, "{}: running statistics", settings.name);
    }
}

#[test]
fn a_frozen_beginning_has_no_gradient_and_the_rest_has_all() {
    for (settings, side) in networks() {
        let (network, params) = backbone::build(&settings, Seed::new(1)).expect("a network");
        let layers: BTreeSet<Layer> = params.weights().map(|id| network.layer(params.name(id))).collect();
        let layers: Vec<Layer> = layers.into_iter().filter(|layer| *layer < Layer::Neck).collect();
        let ends = [layers[0], layers[layers.len() / 2], *layers.last().expect("a layer")];
        for up_to in ends {
            let frozen: Vec<bool> = params.iter().map(|(_, name, ..)| network.layer(name) <= up_to).collect();
            let (grads, _) = step(network.as_ref(), &params, side, &frozen, false);
            for id in params.weights() {
                let name = params.name(id);
                let learns = !frozen[id.index()];
                assert_eq!(grads.get(id).is_some(), learns, "{}, frozen up to {up_to:?}: {name}", settings.name);
            }
        }
    }
}
