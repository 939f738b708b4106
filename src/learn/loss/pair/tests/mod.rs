//! Losses over pairs against pytorch-metric-learning, step by step with a memory, and against finite differences.

mod compare;
mod whole;

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use serde::Deserialize;

use super::*;
use crate::base::Value;
use crate::learn::loss::{self, Gradients, gradients};

#[derive(Deserialize)]
struct Golden {
    batches: BTreeMap<String, Batch>,
    cases: Vec<Case>,
    memories: Vec<Steps>,
    weights: Vec<Weights>,
}

#[derive(Deserialize)]
struct Batch {
    embeddings: Vec<Vec<f64>>,
    classes: Vec<u32>,
}

#[derive(Deserialize)]
struct Case {
    batch: String,
    settings: Value,
    value: f64,
    d_embeddings: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Step {
    batch: String,
    value: f64,
    d_embeddings: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Steps {
    settings: Value,
    steps: Vec<Step>,
    left: Left,
}

#[derive(Deserialize)]
struct Left {
    embedding_memory: Vec<Vec<f64>>,
    label_memory: Vec<f64>,
    queue_idx: f64,
    has_been_filled: bool,
}

#[derive(Deserialize)]
struct Weights {
    batch: String,
    weights: Vec<Vec<Option<f64>>>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../../../../../tests/golden/loss/pairs.json")).unwrap()
}

fn matrix(rows: &[Vec<f64>], dtype: DType) -> Tensor {
    Tensor::from_vec(rows.concat(), (rows.len(), rows[0].len()), &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
}

fn flat(tensor: &Tensor) -> Vec<f64> {
    tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

fn at(seed: u64) -> Moment {
    Moment { epoch: 0.0, seed: Seed::new(seed) }
}

fn built(settings: &str, dimensions: usize) -> Box<dyn Loss> {
    loss::build(&serde_json::from_str(settings).unwrap(), dimensions, &[2; 10]).unwrap()
}

fn run(loss: &dyn Loss, embeddings: &Tensor, classes: &[u32]) -> Gradients {
    gradients(loss, &[], embeddings, &Targets::new(classes), at(0)).unwrap()
}

/// The largest difference, beside the largest number of the reference where that is above 1.
fn error(ours: &[f64], theirs: &[f64]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    let largest = theirs.iter().fold(1.0f64, |a, b| a.max(b.abs()));
    ours.iter().zip(theirs).map(|(a, b)| (a - b).abs() / largest).fold(0.0, |a, b| if b <= a { a } else { b })
}

/// The largest [`error`] of a row: a zero row's gradient is 1e12 times the others'.
fn worst_row(ours: &Tensor, theirs: &[Vec<f64>]) -> f64 {
    let ours = flat(ours);
    let rows = ours.chunks(theirs[0].len()).zip(theirs);
    rows.map(|(ours, theirs)| error(ours, theirs)).fold(0.0, |a, b| if b <= a { a } else { b })
}

/// Notes the worst error of a name.
fn note(worst: &mut BTreeMap<String, f64>, name: &str, error: f64) {
    let entry = worst.entry(name.to_owned()).or_insert(0.0);
    *entry = if error <= *entry { *entry } else { error };
}

fn word<'a>(settings: &'a Value, key: &str) -> &'a str {
    match settings.get(key) {
        Some(Value::Text(text)) => text,
        other => panic!("{key}: {other:?}"),
    }
}

#[test]
fn values_and_gradients_equal_pytorch_metric_learning() {
    // tests/golden/loss/pairs.py: pytorch-metric-learning 2.9 on torch 2.15, f64.
    let golden = golden();
    assert_eq!(golden.cases.len(), 185);
    let mut worst = BTreeMap::new();
    for case in &golden.cases {
        let batch = &golden.batches[&case.batch];
        let loss = loss::build(&case.settings, batch.embeddings[0].len(), &[2; 10]).unwrap();
        for (dtype, tolerance) in [(DType::F64, 2e-12), (DType::F32, 1e-6)] {
            let ours = run(loss.as_ref(), &matrix(&batch.embeddings, dtype), &batch.classes);
            let what = format!("{} {} {dtype:?}", case.batch, case.settings);
            let value = error(&[ours.value], &[case.value]);
            let gradient = worst_row(&ours.embeddings, &case.d_embeddings);
            assert!(value <= tolerance, "{what}: {} for {}", ours.value, case.value);
            assert!(gradient <= tolerance, "{what}: gradient is off by {gradient:e}");
            note(&mut worst, &format!("{} {dtype:?}", loss.name()), value.max(gradient));
        }
    }
    println!("{worst:#?}");
    assert_eq!(worst.len(), 12, "six losses in two precisions");
}

#[test]
fn a_memory_equals_pytorch_metric_learning_step_by_step() {
    let golden = golden();
    assert_eq!(golden.memories.len(), 36);
    let mut worst = BTreeMap::new();
    for case in &golden.memories {
        let loss = loss::build(&case.settings, 4, &[2; 10]).unwrap();
        let mut head = loss.head(Seed::new(0)).unwrap();
        for buffer in &mut head {
            buffer.tensor = buffer.tensor.to_dtype(DType::F64).unwrap();
        }
        for step in &case.steps {
            let Batch { embeddings, classes } = &golden.batches[&step.batch];
            let ours = gradients(loss.as_ref(), &head, &matrix(embeddings, DType::F64), &Targets::new(classes), at(0))
                .unwrap();
            let value = error(&[ours.value], &[step.value]);
            let gradient = worst_row(&ours.embeddings, &step.d_embeddings);
            assert!(value <= 2e-12, "{} {}: {} for {}", step.batch, case.settings, ours.value, step.value);
            assert!(gradient <= 2e-12, "{} {}: gradient is off by {gradient:e}", step.batch, case.settings);
            note(&mut worst, loss.name(), value.max(gradient));
            for (place, tensor) in ours.buffers {
                head[place].tensor = tensor;
            }
        }
        let left: Vec<(&str, Vec<f64>)> = head.iter().map(|b| (b.name.as_str(), flat(&b.tensor))).collect();
        let Left { embedding_memory, label_memory, queue_idx, has_been_filled } = &case.left;
        let expected = [
            ("embedding_memory", embedding_memory.concat()),
            ("label_memory", label_memory.clone()),
            ("queue_idx", vec![*queue_idx]),
            ("has_been_filled", vec![f64::from(u8::from(*has_been_filled))]),
        ];
        assert_eq!(left, expected);
    }
    println!("{worst:#?}");
    assert_eq!(worst.len(), 6);
}

#[test]
fn gradients_equal_finite_differences() {
    let golden = golden();
    let batch = &golden.batches["plain"];
    let values = batch.embeddings.concat();
    let shape = (batch.embeddings.len(), batch.embeddings[0].len());
    // CircleLoss has weights that are not differentiated (`pace`), so its gradient is not its slope.
    let losses =
        golden.cases.iter().filter(|case| case.batch == "plain" && word(&case.settings, "name") != "CircleLoss");
    let mut tried = 0;
    for case in losses {
        let loss = loss::build(&case.settings, shape.1, &[2; 10]).unwrap();
        let at = |values: &[f64]| {
            let embeddings = Tensor::from_slice(values, shape, &Device::Cpu).unwrap();
            run(loss.as_ref(), &embeddings, &batch.classes)
        };
        let analytic = flat(&at(&values).embeddings);
        let h = 1e-6;
        let numeric: Vec<f64> = (0..values.len())
            .map(|i| {
                let moved = |by: f64| {
                    let mut moved = values.clone();
                    moved[i] += by;
                    at(&moved).value
                };
                (moved(h) - moved(-h)) / (2.0 * h)
            })
            .collect();
        let error = error(&numeric, &analytic);
        assert!(error <= 1e-7, "{}: {error:e}", case.settings);
        tried += 1;
    }
    assert_eq!(tried, 85);
}

#[test]
fn circles_gradient_is_that_of_its_formula_with_the_paces_held() {
    // Two anchors of two photos each, on the plane: s = cos of the angle between. With paces held at their value,
    // the loss of an anchor with one positive and two negatives is softplus(e⁺ + log(e^a + e^b)).
    let angle = [0.0f64, 0.9, 1.3, 2.0];
    let loss = built(r#"{"name": "CircleLoss", "m": 0.25, "gamma": 3.0, "miner": {"name": "none"}, "memory": 0}"#, 2);
    let of = |angle: &[f64]| -> Vec<f64> { angle.iter().flat_map(|x| [x.cos(), x.sin()]).collect() };
    let ours = run(loss.as_ref(), &Tensor::from_vec(of(&angle), (4, 2), &Device::Cpu).unwrap(), &[0, 0, 1, 1]);
    let held = |moved: &[f64]| {
        let cosine = |angle: &[f64], i: usize, j: usize| (angle[i] - angle[j]).cos();
        (0..4)
            .map(|i| {
                let (mut near, mut far) = (0.0, 0.0f64);
                for j in (0..4).filter(|&j| j != i) {
                    let (then, now) = (cosine(&angle, i, j), cosine(moved, i, j));
                    match i / 2 == j / 2 {
                        true => near = -3.0 * (1.25 - then) * (now - 0.75),
                        false => far += (3.0 * (then + 0.25).max(0.0) * (now - 0.25)).exp(),
                    }
                }
                (near + far.ln()).exp().ln_1p() / 4.0
            })
            .sum::<f64>()
    };
    assert!((ours.value - held(&angle)).abs() < 1e-12, "{} {}", ours.value, held(&angle));
    let gradient = flat(&ours.embeddings);
    for i in 0..4 {
        let moved = |by: f64| {
            let mut moved = angle;
            moved[i] += by;
            held(&moved)
        };
        let numeric = (moved(1e-6) - moved(-1e-6)) / 2e-6;
        let along = -angle[i].sin() * gradient[2 * i] + angle[i].cos() * gradient[2 * i + 1];
        assert!((numeric - along).abs() < 1e-8, "{i}: {along} {numeric}");
    }
}
