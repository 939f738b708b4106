//! PyTorch's numbers, groups, threads.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use proptest::prelude::*;
use serde::Deserialize;

use super::rule::PIECE;
use super::*;
use crate::learn::ops::Kind;

#[derive(Deserialize)]
struct Golden {
    #[serde(flatten)]
    settings: OptimizerSettings,
    start: Vec<f32>,
    gradients: Vec<Vec<f32>>,
    after: BTreeMap<usize, Vec<f32>>,
}

pub(super) fn one(values: &[f32]) -> (Params, ParamId) {
    let mut params = Params::new();
    let tensor = Tensor::new(values, &Device::Cpu).unwrap();
    let id = params.add("fc.weight", tensor, Kind::Weight).unwrap();
    (params, id)
}

pub(super) fn gradient(id: ParamId, values: &[f32]) -> Grads {
    let mut grads = Grads::default();
    grads.insert(id, Tensor::new(values, &Device::Cpu).unwrap());
    grads
}

fn all(params: &Params) -> Vec<Group> {
    vec![Group { lr: 1.0, decay: true, since: 0, weights: params.weights().collect() }]
}

fn adamw(lr: f64, weight_decay: f64, eps: f64) -> OptimizerSettings {
    OptimizerSettings::AdamW(AdamW { lr, weight_decay, betas: [0.9, 0.999], eps })
}

fn sgd(lr: f64, momentum: f64) -> OptimizerSettings {
    OptimizerSettings::Sgd(Sgd { lr, momentum, weight_decay: 0.01, nesterov: false })
}

fn lion(lr: f64, weight_decay: f64) -> OptimizerSettings {
    OptimizerSettings::Lion(Lion { lr, betas: [0.9, 0.99], weight_decay })
}

fn equals(golden: &str, cases: usize) {
    let golden: Vec<Golden> = serde_json::from_str(golden).unwrap();
    assert_eq!(golden.len(), cases);
    for case in &golden {
        let (params, id) = one(&case.start);
        let mut optimizer = Optimizer::new(&case.settings, all(&params), &params);
        let steps = case.gradients.len();
        for (step, values) in case.gradients.iter().enumerate() {
            let lr = optimizer.lr() * 0.5 * (1.0 + (std::f64::consts::PI * step as f64 / steps as f64).cos());
            optimizer.step(&params, &gradient(id, values), lr, 1.0).unwrap();
            if let Some(expected) = case.after.get(&(step + 1)) {
                let ours = params.get(id).to_vec1::<f32>().unwrap();
                for (a, b) in ours.iter().zip(expected) {
                    assert!((a - b).abs() <= 2e-6 * b.abs().max(0.1), "{:?} step {step}: {a} and {b}", case.settings);
                }
            }
        }
    }
}

#[test]
fn adamw_equals_pytorch_over_fifty_steps() {
    // tests/golden/train/make.py, torch 2.15, f32.
    equals(include_str!("../../../../tests/golden/train/adamw.json"), 3);
}

#[test]
fn sgd_equals_pytorch() {
    equals(include_str!("../../../../tests/golden/train/sgd.json"), 4);
}

#[test]
fn lion_equals_timm_over_fifty_steps() {
    equals(include_str!("../../../../tests/golden/train/lion.json"), 3);
}

#[test]
fn lion_moves_by_the_rate_and_rests_on_zero() {
    let (params, id) = one(&[1.0, 1.0, 1.0]);
    let mut optimizer = Optimizer::new(&lion(0.25, 0.0), all(&params), &params);
    optimizer.step(&params, &gradient(id, &[1e-20, -5.0, 0.0]), 0.25, 1.0).unwrap();
    assert_eq!(params.get(id).to_vec1::<f32>().unwrap(), [0.75, 1.25, 1.0]);
    // m is -0.05: c = 0.9 · -0.05 + 0.1 · 0.4 is still below 0, against the new gradient.
    optimizer.step(&params, &gradient(id, &[0.0, 0.4, 0.0]), 0.25, 1.0).unwrap();
    assert_eq!(params.get(id).to_vec1::<f32>().unwrap(), [0.5, 1.5, 1.0]);
}

#[derive(Deserialize)]
struct Uphill {
    #[serde(flatten)]
    settings: OptimizerSettings,
    start: Vec<f32>,
    steep: Vec<f32>,
    lowest: Vec<f32>,
    after: BTreeMap<usize, Vec<f32>>,
}

#[test]
fn sam_equals_its_formula_in_pytorch_over_fifty_steps() {
    // tests/golden/train/make.py: two tensors of a loss Σ steep · log cosh(w - lowest), whose gradient is steep · tanh.
    let golden: Vec<Uphill> = serde_json::from_str(include_str!("../../../../tests/golden/train/sam.json")).unwrap();
    assert_eq!(golden.len(), 3);
    for case in &golden {
        let sam = case.settings.sam().unwrap();
        let mut params = Params::new();
        let half = case.start.len() / 2;
        let tensor = |values: &[f32]| Tensor::new(values, &Device::Cpu).unwrap();
        for (name, part) in [("a", &case.start[..half]), ("b", &case.start[half..])] {
            params.add(name, tensor(part), Kind::Weight).unwrap();
        }
        let ids: Vec<ParamId> = params.weights().collect();
        let weights = |params: &Params| -> Vec<f32> {
            ids.iter().flat_map(|id| params.get(*id).to_vec1::<f32>().unwrap()).collect()
        };
        let slope = |params: &Params| {
            let all = weights(params);
            let gradient: Vec<f32> =
                all.iter().zip(&case.steep).zip(&case.lowest).map(|((w, a), t)| a * (w - t).tanh()).collect();
            let mut grads = Grads::default();
            grads.insert(ids[0], tensor(&gradient[..half]));
            grads.insert(ids[1], tensor(&gradient[half..]));
            grads
        };
        let mut optimizer = Optimizer::new(&case.settings, all(&params), &params);
        for step in 0..50 {
            let lr = optimizer.lr() * 0.5 * (1.0 + (std::f64::consts::PI * f64::from(step) / 50.0).cos());
            // Twice the gradient at half the share: what `accumulate` gives.
            let mut first = slope(&params);
            first.add(slope(&params)).unwrap();
            let norm = gradient_norm(&first, &params).unwrap().0 * 0.5;
            let (before, here) = (weights(&params), params.clone());
            let old = sam.climb(&mut params, &first, 0.5, norm).unwrap();
            assert_eq!(weights(&here), before, "what others hold is not disturbed");
            let second = slope(&params);
            sam::come_back(&mut params, old).unwrap();
            assert_eq!(weights(&params), before);
            optimizer.step(&params, &second, lr, 1.0).unwrap();
            if let Some(expected) = case.after.get(&(step as usize + 1)) {
                for (a, b) in weights(&params).iter().zip(expected) {
                    assert!((a - b).abs() <= 5e-6 * b.abs().max(0.1), "{:?} step {step}: {a} and {b}", case.settings);
                }
            }
        }
    }
}

#[test]
fn groups_have_their_own_rates_and_buffers_none() {
    let mut params = Params::new();
    let ones = || Tensor::ones(3, DType::F32, &Device::Cpu).unwrap();
    let weight = params.add("fc.weight", ones(), Kind::Weight).unwrap();
    let mean = params.add("bn1.running_mean", ones(), Kind::Buffer).unwrap();
    let head = params.add("loss.weight", ones(), Kind::Weight).unwrap();
    let group = |id, lr| Group { lr, decay: true, since: 0, weights: vec![id] };
    let mut adamw = Optimizer::new(&adamw(1e-2, 0.0, 0.0), vec![group(weight, 1.0), group(head, 10.0)], &params);
    let mut grads = gradient(weight, &[1.0, 2.0, -3.0]);
    grads.insert(head, Tensor::new(&[1f32, 2.0, -3.0], &Device::Cpu).unwrap());
    adamw.step(&params, &grads, 1e-2, 1.0).unwrap();
    // Without eps the first step has length lr, whatever the gradient's.
    let moved =
        |id| params.get(id).to_vec1::<f32>().unwrap().iter().map(|w| ((w - 1.0) * 1e3).round()).collect::<Vec<_>>();
    assert_eq!(moved(weight), [-10.0, -10.0, 10.0]);
    assert_eq!(moved(head), [-100.0, -100.0, 100.0]);
    assert_eq!(moved(mean), [0.0, 0.0, 0.0]);
    assert!(adamw.holds(weight) && adamw.holds(head) && !adamw.holds(mean));
}

#[test]
fn a_late_group_begins_as_if_training_did_and_a_spared_one_does_not_decay() {
    for settings in [adamw(1e-2, 0.5, 1e-8), sgd(1e-2, 0.9), lion(1e-2, 0.5)] {
        let (params, id) = one(&[1.0, -2.0]);
        let group = |since| vec![Group { lr: 1.0, decay: true, since, weights: vec![id] }];
        let mut late = Optimizer::new(&settings, group(2), &params);
        for _ in 0..2 {
            assert!(!late.holds(id));
            late.step(&params, &gradient(id, &[9.0, 9.0]), 1e-2, 1.0).unwrap();
        }
        assert_eq!(params.get(id).to_vec1::<f32>().unwrap(), [1.0, -2.0]);
        assert!(late.holds(id));
        late.step(&params, &gradient(id, &[0.5, 0.5]), 1e-2, 1.0).unwrap();
        let (fresh, fresh_id) = one(&[1.0, -2.0]);
        let mut whole = Optimizer::new(&settings, all(&fresh), &fresh);
        whole.step(&fresh, &gradient(fresh_id, &[0.5, 0.5]), 1e-2, 1.0).unwrap();
        assert_eq!(params.get(id).to_vec1::<f32>().unwrap(), fresh.get(fresh_id).to_vec1::<f32>().unwrap());

        let never = Optimizer::new(&settings, group(usize::MAX), &params);
        assert!(!never.holds(id) && never.memory(id).is_empty());
        let mut spared = Optimizer::new(&settings, vec![Group { decay: false, ..group(0).remove(0) }], &params);
        let before = params.get(id).to_vec1::<f32>().unwrap();
        spared.step(&params, &gradient(id, &[0.0, 0.0]), 1e-2, 1.0).unwrap();
        assert_eq!(params.get(id).to_vec1::<f32>().unwrap(), before);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn pieces_and_threads_change_no_bit(seed in any::<u64>(), n in PIECE - 3..3 * PIECE, kind in 0..4) {
        let settings = [adamw(1e-2, 0.1, 1e-8), sgd(1e-2, 0.9), sgd(1e-2, 0.0), lion(1e-2, 0.1)][kind as usize];
        let mut draws = crate::base::Seed::new(seed).draws();
        let mut draw = || (0..n).map(|_| draws.normal() as f32).collect::<Vec<f32>>();
        let (start, first, second) = (draw(), draw(), draw());
        let after = |threads: usize| {
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
                let (params, id) = one(&start);
                let mut optimizer = Optimizer::new(&settings, all(&params), &params);
                let mut norms = Vec::new();
                for values in [&first, &second] {
                    let grads = gradient(id, values);
                    norms.push(gradient_norm(&grads, &params).unwrap().0.to_bits());
                    optimizer.step(&params, &grads, 1e-2, 1.0).unwrap();
                }
                (norms, params.get(id).to_vec1::<f32>().unwrap().iter().map(|w| w.to_bits()).collect::<Vec<_>>())
            })
        };
        prop_assert_eq!(after(1), after(3));
    }
}
