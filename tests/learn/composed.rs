//! Operations composed of candle's (for devices without our kernels) give what our kernels give, network by network.

use candle_core::{DType, Device, Tensor};
use toji::base::Seed;
use toji::learn::backbone::{self, Each, Neck, Pool, Settings};
use toji::learn::ops::{Act, Conv, Grads, Kind, Layer, Network, ParamId, Params, Processor, Tape};

/// What is compared: between them the networks use every operation, and `edges` has every activation.
fn networks() -> Vec<(Settings, [usize; 2])> {
    let of = |name: &str, pool: Pool| Settings { drop: 0.2, drop_path: 0.3, ..Settings::new(name, pool, 8) };
    let gem = Pool::Gem { p: 3.0, learn: false };
    let option_d = Settings { neck: Neck::LinearBnPrelu, ..of("resnet26d", gem) };
    vec![
        (of("resnet10t", Pool::Gem { p: 2.5, learn: true }), [44, 52]),
        (option_d, [45, 37]),
        (of("ecaresnet26t", Pool::Max {}), [40, 40]),
        (of("resnext50_32x4d", Pool::Cat { of: Each::Avg, p: 3.0 }), [44, 44]),
        (of("efficientnet_b0", Pool::Avg {}), [40, 52]),
        (of("efficientnet_lite0", Pool::Avg {}), [40, 44]),
        (of("tf_efficientnetv2_b0", Pool::Avg {}), [45, 52]),
        (of("convnext_atto", Pool::Avg {}), [44, 64]),
        (of("convnextv2_atto", Pool::Avg {}), [64, 37]),
        (of("nfnet_l0", Pool::Avg {}), [40, 48]),
        (of("eca_nfnet_l0", Pool::Avg {}), [48, 40]),
        (of("swin_tiny_patch4_window7_224", Pool::Avg {}), [100, 116]),
        (of("swinv2_tiny_window8_256", Pool::Avg {}), [76, 72]),
        (of("vit_tiny_patch16_224", Pool::Token {}), [64, 48]),
        (of("vit_small_patch14_reg4_dinov2", Pool::Avg {}), [56, 70]),
        (of("caformer_s18", Pool::Avg {}), [64, 48]),
    ]
}

fn network_of(name: &str) -> (Settings, [usize; 2]) {
    networks().into_iter().find(|(settings, _)| settings.name == name).expect("a network")
}

/// A tape of candle's operations in 32 bits: on a CUDA card where the program is built with it and one answers, else on the CPU.
pub fn composed(tape: Tape) -> Tape {
    let card = Processor::choose("auto+f32").expect("a device");
    if card.is_cpu() { tape.on(&Device::Cpu, None) } else { tape.at(&card) }
}

/// How much further numbers may be apart on a card, whose convolutions round their factors to 10 bits (TF32), than on the CPU.
fn apart_on_a_card() -> f64 {
    if Processor::choose("auto+f32").expect("a device").is_cpu() { 1.0 } else { 30.0 }
}

/// The same in 16 bits. candle's CPU multiplies in f16, and widens bf16; the casts are the same.
fn half(tape: Tape) -> Tape {
    let card = Processor::choose("auto").expect("a device");
    if card.is_cpu() { tape.on(&Device::Cpu, Some(DType::F16)) } else { tape.at(&card) }
}

/// Embeddings, gradients and buffers after one step.
struct Step {
    embeddings: Tensor,
    grads: Grads,
    params: Params,
}

fn drawn(count: usize, seed: u64) -> Vec<f32> {
    let mut draws = Seed::new(seed).draws();
    (0..count).map(|_| draws.normal() as f32).collect()
}

fn pictures([h, w]: [usize; 2]) -> Tensor {
    Tensor::from_vec(drawn(3 * 3 * h * w, 2), (3, 3, h, w), &Device::Cpu).expect("pictures")
}

fn step(network: &dyn Network, params: &Params, mut tape: Tape, size: [usize; 2]) -> Step {
    step_on(network, params, &mut tape, size)
}

fn step_on(network: &dyn Network, params: &Params, tape: &mut Tape, size: [usize; 2]) -> Step {
    let mut params = params.clone();
    tape.seed(Seed::new(9));
    let y = network.forward(&params, tape, &pictures(size)).expect("forward");
    let dy = Tensor::from_vec(drawn(24, 3), (3, 8), &Device::Cpu).expect("dy");
    let grads = tape.backward(&y, &dy).expect("backward");
    tape.apply_updates(&mut params).expect("updates");
    Step { embeddings: y.tensor(), grads, params }
}

fn floats(x: &Tensor) -> Vec<f32> {
    x.flatten_all().and_then(|x| x.to_vec1()).expect("floats")
}

fn norm(x: &[f32]) -> f64 {
    x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt()
}

/// Distance over length, at least `floor` of it.
fn apart(a: &Tensor, b: &Tensor, floor: f64) -> f64 {
    let (a, b) = (floats(a), floats(b));
    let difference: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a - b).collect();
    norm(&difference) / norm(&b).max(floor)
}

/// A network whose branches all do something: timm's first values let many begin at nothing.
fn stirred(settings: &Settings) -> (Box<dyn Network>, Params) {
    let (network, mut params) = backbone::build(settings, Seed::new(1)).expect("a network");
    let small: Vec<_> = params.iter().filter(|(_, _, t, kind)| *kind == Kind::Weight && t.rank() == 1).collect();
    let changed: Vec<_> = small
        .into_iter()
        .map(|(id, name, t, _)| {
            let noise = Tensor::from_vec(drawn(t.elem_count(), name.len() as u64), t.dims(), &Device::Cpu);
            let nothing = floats(t).iter().all(|x| x.abs() < 1e-3);
            let least = if nothing && !name.ends_with("bias") { 0.25 } else { 0.0 };
            let moved = (t.clone() + (noise.expect("noise") * 0.1).expect("scaled")).expect("sum");
            (id, if name == "pool.p" { t.clone() } else { (moved + least).expect("sum") })
        })
        .collect();
    changed.into_iter().for_each(|(id, t)| params.set(id, t).expect("the same shape"));
    (network, params)
}

#[test]
fn composed_operations_train_as_our_kernels_do() {
    let mut faults = Vec::new();
    for (settings, size) in networks() {
        let (network, params) = stirred(&settings);
        let ours = step(network.as_ref(), &params, Tape::train(), size);
        let composed = step(network.as_ref(), &params, composed(Tape::train()), size);
        let name = &settings.name;
        let mut check = |what: &str, apart: f64, bound: f64| {
            let bound = (bound * apart_on_a_card()).min(0.2);
            if apart.is_nan() || apart > bound {
                faults.push(format!("{name}: {what} {apart:.1e}"));
            }
        };
        check("embeddings", apart(&composed.embeddings, &ours.embeddings, 0.0), 1e-4);
        let largest = ours.grads.iter().map(|(_, g)| norm(&floats(g))).fold(0.0, f64::max);
        let mut all: Vec<(f64, &str)> = Vec::new();
        for id in params.weights() {
            match (composed.grads.get(id), ours.grads.get(id)) {
                (Some(a), Some(b)) => {
                    assert_eq!(a.dims(), b.dims(), "{name}: {}", params.name(id));
                    all.push((apart(a, b, 1e-4 * largest), params.name(id)));
                }
                (a, b) => assert_eq!(a.is_some(), b.is_some(), "{name}: {}", params.name(id)),
            }
        }
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        // A ReLU whose sign is decided by rounding changes all gradients before it a little; smooth activations do not.
        let slack = if name.contains("res") || name.contains("lite") { 20.0 } else { 1.0 };
        check("nine in ten gradients", all[all.len() * 9 / 10].0, slack * 1e-3);
        let (worst, at) = all[all.len() - 1];
        check(&format!("the gradient of {at}"), worst, slack.min(4.0) * 1e-2);
        for (id, buffer, new, _) in composed.params.iter().filter(|(.., kind)| *kind == Kind::Buffer) {
            check(buffer, apart(new, ours.params.get(id), 1e-3), 1e-3);
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn composed_operations_evaluate_as_our_kernels_do() {
    for (settings, size) in networks() {
        let (network, mut params) = stirred(&settings);
        // Running statistics of these pictures, so that numbers have a usual size.
        let after = step(network.as_ref(), &params, Tape::train(), size).params;
        for (id, _, new, kind) in after.iter() {
            if kind == Kind::Buffer {
                let old = params.get(id).clone();
                let moved = ((new - &old).expect("difference") * 10.0).expect("scaled");
                params.set(id, (old + moved).expect("sum")).expect("the same shape");
            }
        }
        let embed = |mut tape: Tape| network.forward(&params, &mut tape, &pictures(size)).expect("forward").tensor();
        let (ours, composed) = (embed(Tape::eval()), embed(composed(Tape::eval())));
        let far = apart(&composed, &ours, 0.0);
        assert!(far <= 1e-4 * apart_on_a_card(), "{}: {far:.1e}", settings.name);
    }
}

#[test]
fn half_precision_stays_near() {
    for (settings, size) in networks() {
        if !["resnet26d", "efficientnet_b0", "swin_tiny_patch4_window7_224", "caformer_s18"].contains(&&*settings.name)
        {
            continue;
        }
        let (network, params) = stirred(&settings);
        let ours = step(network.as_ref(), &params, Tape::train(), size);
        let half = step(network.as_ref(), &params, half(Tape::train()), size);
        let far = apart(&half.embeddings, &ours.embeddings, 0.0);
        // f16 has 11 bits, a card's bf16 8.
        let bound = if apart_on_a_card() > 1.0 { 0.2 } else { 0.05 };
        assert!(far > 1e-6 && far <= bound, "{}: {far:.1e}", settings.name);
        assert!(half.grads.iter().all(|(_, g)| g.dtype() == DType::F32 && floats(g).iter().all(|x| x.is_finite())));
    }
}

#[test]
fn composed_parts_that_are_computed_again_and_frozen_ones() {
    let (settings, size) = network_of("convnext_atto");
    let (network, params) = stirred(&settings);
    let stem = |id: ParamId| network.layer(params.name(id)) == Layer::Stem;
    let tape = |again: bool, freeze: bool| {
        let mut tape = composed(Tape::train());
        tape.compute_again(again);
        tape.freeze(params.iter().map(|(id, ..)| freeze && stem(id)).collect::<Vec<bool>>().into());
        tape
    };
    let plain = step(network.as_ref(), &params, tape(false, false), size);
    let again = step(network.as_ref(), &params, tape(true, false), size);
    for (id, g) in plain.grads.iter() {
        assert_eq!(floats(g), floats(again.grads.get(id).expect("a gradient")), "{}", params.name(id));
    }
    let frozen = step(network.as_ref(), &params, tape(false, true), size);
    for id in params.weights() {
        assert_eq!(frozen.grads.get(id).is_none(), stem(id), "{}", params.name(id));
    }
}

#[test]
fn each_step_has_its_own_parameters() {
    let (settings, size) = network_of("convnext_atto");
    let (network, first) = stirred(&settings);
    let mut second = first.clone();
    for id in first.weights() {
        second.set(id, (first.get(id) * 1.1).expect("scaled")).expect("the same shape");
    }
    let after_another = |mut tape: Tape| {
        step_on(network.as_ref(), &first, &mut tape, size);
        step_on(network.as_ref(), &second, &mut tape, size)
    };
    let ours = after_another(Tape::train());
    for again in [false, true] {
        let mut tape = composed(Tape::train());
        tape.compute_again(again);
        let composed = after_another(tape);
        let far = apart(&composed.embeddings, &ours.embeddings, 0.0);
        assert!(far <= 1e-4 * apart_on_a_card(), "computed again: {again}; embeddings {far:.1e}");
        let largest = ours.grads.iter().map(|(_, g)| norm(&floats(g))).fold(0.0, f64::max);
        for (id, g) in ours.grads.iter() {
            let far = apart(composed.grads.get(id).expect("a gradient"), g, 1e-4 * largest);
            let bound = (1e-2 * apart_on_a_card()).min(0.2);
            assert!(far <= bound, "computed again: {again}; {} {far:.1e}", first.name(id));
        }
    }
}

#[test]
fn a_network_as_drawn() {
    // Its blocks end in norms of nothing, so many a ReLU meets an exact zero.
    let settings = Settings::new("resnet10t", Pool::Max {}, 8);
    let (network, params) = backbone::build(&settings, Seed::new(1)).expect("a network");
    let ours = step(network.as_ref(), &params, Tape::train(), [44, 52]);
    let composed = step(network.as_ref(), &params, composed(Tape::train()), [44, 52]);
    assert!(apart(&composed.embeddings, &ours.embeddings, 0.0) <= 1e-4 * apart_on_a_card());
    let largest = ours.grads.iter().map(|(_, g)| norm(&floats(g))).fold(0.0, f64::max);
    for (id, g) in ours.grads.iter() {
        let far = apart(composed.grads.get(id).expect("a gradient"), g, 1e-4 * largest);
        assert!(far <= (4e-2 * apart_on_a_card()).min(0.2), "{} {far:.1e}", params.name(id));
    }
}

#[test]
fn convolutions_of_any_geometry() {
    let mut draws = Seed::new(7).draws();
    for case in 0..60 {
        let mut below = |most: u64| (draws.bits() % most) as usize;
        let (stride, dilation, padding) = (1 + below(3), 1 + below(2), below(3));
        let (kernel, [h, w]) = ([1 + below(4), 1 + below(4)], [7 + below(6), 7 + below(6)]);
        let [channels, out, groups] = [[6, 4, 2], [6, 6, 6], [3, 5, 1], [8, 4, 4]][below(4)];
        let mut params = Params::new();
        let dims = [out, channels / groups, kernel[0], kernel[1]];
        let tensor = |dims: &[usize], seed: u64| {
            Tensor::from_vec(drawn(dims.iter().product(), seed), dims, &Device::Cpu).expect("a tensor")
        };
        let weight = params.add("w", tensor(&dims, case), Kind::Weight).expect("a name");
        let bias = params.add("b", tensor(&[out], case + 100), Kind::Weight).expect("a name");
        let conv = Conv { weight, stride, padding, dilation, groups };
        let run = |mut tape: Tape| {
            let x = tape.watch(&tensor(&[2, h, w, channels], case + 200));
            let y =
                tape.conv2d(&params, &x, &conv, Some(bias), Act::Silu).and_then(|y| tape.leave(&y)).expect("forward");
            let grads = tape.backward(&y, &tensor(y.dims(), case + 300)).expect("backward");
            let dx = grads.of(&x).expect("dx").clone();
            [y.tensor(), dx, grads.get(weight).expect("dw").clone(), grads.get(bias).expect("db").clone()]
        };
        let (ours, composed) = (run(Tape::train()), run(composed(Tape::train())));
        for (what, (a, b)) in ["y", "dx", "dw", "db"].iter().zip(composed.iter().zip(&ours)) {
            let far = apart(a, b, 1e-6);
            assert!(
                a.dims() == b.dims() && far <= 1e-5 * apart_on_a_card().powi(2),
                "{what} of {conv:?} {kernel:?} on {h}x{w}: {far:.1e}"
            );
        }
    }
}
