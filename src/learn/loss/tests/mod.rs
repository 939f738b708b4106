//! Losses against pytorch-metric-learning and against finite differences; those with a head in `proxy`, sums in `multiple`.

mod mixture;
mod multiple;
mod proxy;

use super::*;
use crate::book::technique::{Status, Technique};
use crate::learn::ops::Params;
use candle_core::{DType, Device};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Golden {
    embeddings: Vec<Vec<f64>>,
    weight: Vec<Vec<f64>>,
    bias: Vec<f64>,
    /// Three directions per class.
    centers: Vec<Vec<f64>>,
    classes: Vec<u32>,
    /// Photos of each class.
    counts: Vec<u32>,
    dominant: proxy::Outliers,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    settings: Value,
    head: Vec<Part>,
    value: f64,
    d_embeddings: Vec<Vec<f64>>,
    /// Of the head's weights.
    d_head: Vec<serde_json::Value>,
    /// The buffers after the batch.
    buffers: Vec<f64>,
    /// Whether the gradient is the slope of the value: not where a loss reads its inputs without gradient.
    free: bool,
}

/// A weight by its name, or a buffer by its values.
#[derive(Deserialize)]
#[serde(untagged)]
enum Part {
    Weight(String),
    Buffer(Vec<f64>),
}

fn start() -> Moment {
    Moment { epoch: 0.0, seed: Seed::new(0) }
}

/// A loss from its table, for so many photos of each class.
fn built(settings: &str, dimensions: usize, counts: &[u32]) -> Box<dyn Loss> {
    build(&serde_json::from_str(settings).unwrap(), dimensions, counts).unwrap()
}

fn weights(tensors: Vec<Tensor>) -> Vec<HeadWeight> {
    tensors.into_iter().map(|tensor| HeadWeight::weight("weight", tensor)).collect()
}

const ARCFACE: &str = r#"{"name": "ArcFaceLoss", "margin": 28.6, "scale": 64.0, "init_std": 0.01}"#;
const LINEAR: &str = r#"{"name": "CrossEntropyLoss", "label_smoothing": 0.0}"#;

fn golden() -> Golden {
    serde_json::from_str(include_str!("../../../../tests/golden/loss/losses.json")).unwrap()
}

fn matrix(rows: &[Vec<f64>], dtype: DType) -> Tensor {
    let flat: Vec<f64> = rows.iter().flatten().copied().collect();
    Tensor::from_vec(flat, (rows.len(), rows[0].len()), &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
}

fn flat(tensor: &Tensor) -> Vec<f64> {
    tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

fn flat_json(value: &serde_json::Value) -> Vec<f64> {
    match value {
        serde_json::Value::Array(items) => items.iter().flat_map(flat_json).collect(),
        number => vec![number.as_f64().unwrap()],
    }
}

/// A case's head as the loss takes it.
fn head(golden: &Golden, case: &Case, dtype: DType) -> Vec<HeadWeight> {
    let vector = |values: &[f64]| Tensor::new(values, &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
    let part = |part: &Part| match part {
        Part::Buffer(values) => HeadWeight::buffer("buffer", vector(values)),
        Part::Weight(name) => HeadWeight::weight(
            name,
            match name.as_str() {
                "weight" => matrix(&golden.weight, dtype),
                "centers" => matrix(&golden.centers, dtype),
                _ => vector(&golden.bias),
            },
        ),
    };
    case.head.iter().map(part).collect()
}

/// The largest difference, as a part of the largest number (of 1 when all are smaller).
fn distance(ours: &[f64], theirs: &[f64]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    let largest = theirs.iter().fold(1.0f64, |a, b| a.max(b.abs()));
    let apart = |(a, b): (&f64, &f64)| if (a - b).is_nan() { f64::INFINITY } else { (a - b).abs() };
    ours.iter().zip(theirs).map(apart).fold(0.0, f64::max) / largest
}

fn close(what: &str, ours: &[f64], theirs: &[f64], tolerance: f64) {
    let found = distance(ours, theirs);
    assert!(found <= tolerance, "{what}: {found:e}, ours {ours:?}, theirs {theirs:?}");
}

#[test]
fn values_and_gradients_equal_the_reference() {
    // tests/golden/loss/make.py: pytorch-metric-learning 2.9 on torch 2.15, and the papers' formulas in torch, f64. Row 4
    // lies where angle plus margin passes 180 degrees.
    let golden = golden();
    assert_eq!(golden.cases.len(), 54);
    for (dtype, tolerance) in [(DType::F64, 1e-12), (DType::F32, 2e-5)] {
        let mut worst: BTreeMap<&str, f64> = BTreeMap::new();
        for case in &golden.cases {
            let loss = build(&case.settings, 5, &golden.counts).unwrap();
            let (embeddings, head) = (matrix(&golden.embeddings, dtype), head(&golden, case, dtype));
            let targets = Targets::new(&golden.classes);
            let ours = gradients(loss.as_ref(), &head, &embeddings, &targets, start()).unwrap();
            let buffers: Vec<f64> = ours.buffers.iter().flat_map(|(_, tensor)| flat(tensor)).collect();
            assert_eq!(ours.head.len(), case.d_head.len());
            let weights = ours.head.iter().zip(&case.d_head).map(|((_, ours), theirs)| (flat(ours), flat_json(theirs)));
            let parts = [
                (vec![ours.value], vec![case.value]),
                (flat(&ours.embeddings), case.d_embeddings.concat()),
                (buffers, case.buffers.clone()),
            ];
            for (ours, theirs) in weights.chain(parts) {
                let found = distance(&ours, &theirs);
                let most = worst.entry(loss.name()).or_default();
                *most = most.max(found);
                assert!(found <= tolerance, "{} {dtype:?}: {found:e}, ours {ours:?}, theirs {theirs:?}", case.settings);
            }
        }
        println!("{dtype:?}: {worst:#?}");
    }
    // Each loss with a head is among them, with the head that it begins with; sums are compared elsewhere.
    for technique in TECHNIQUES.iter().filter(|t| t.slot == "loss" && t.name != "MultipleLosses") {
        let loss = build(&defaults(technique), 5, &golden.counts).unwrap();
        let begun = loss.head(Seed::new(0)).unwrap();
        let kinds = |head: &[HeadWeight]| head.iter().map(|w| w.kind).collect::<Vec<_>>();
        let theirs =
            golden.cases.iter().filter(|c| c.settings.get("name").and_then(Value::as_text) == Some(loss.name()));
        let theirs: Vec<_> = theirs.map(|case| kinds(&head(&golden, case, DType::F32))).collect();
        assert!(begun.is_empty() || theirs.contains(&kinds(&begun)), "{}", loss.name());
    }
}

#[test]
fn gradients_equal_finite_differences() {
    let golden = golden();
    for case in golden.cases.iter().filter(|case| case.free) {
        let loss = build(&case.settings, 5, &golden.counts).unwrap();
        let mut inputs: Vec<Tensor> = head(&golden, case, DType::F64).into_iter().map(|w| w.tensor).collect();
        inputs.push(matrix(&golden.embeddings, DType::F64));
        let targets = Targets::new(&golden.classes);
        let run = |inputs: &[Tensor]| {
            let (embeddings, head) = inputs.split_last().unwrap();
            gradients(loss.as_ref(), &weights(head.to_vec()), embeddings, &targets, start()).unwrap()
        };
        let found = run(&inputs);
        let slopes: Vec<&Tensor> = found.head.iter().map(|(_, slope)| slope).chain([&found.embeddings]).collect();
        slopes_equal_differences(&case.settings.to_string(), &inputs, &slopes, |inputs| run(inputs).value);
    }
}

/// Moves every number of every input a little and compares with its slope, in f64.
fn slopes_equal_differences(what: &str, inputs: &[Tensor], slopes: &[&Tensor], value: impl Fn(&[Tensor]) -> f64) {
    let h = 1e-6;
    for (i, slope) in slopes.iter().enumerate() {
        let (shape, values) = (inputs[i].dims().to_vec(), flat(&inputs[i]));
        let at = |j: usize, by: f64| {
            let mut moved = values.clone();
            moved[j] += by;
            let mut inputs = inputs.to_vec();
            inputs[i] = Tensor::from_vec(moved, shape.as_slice(), &Device::Cpu).unwrap();
            value(&inputs)
        };
        let numeric: Vec<f64> = (0..values.len()).map(|j| (at(j, h) - at(j, -h)) / (2.0 * h)).collect();
        close(&format!("{what} input {i}"), &flat(slope), &numeric, 1e-7);
    }
}

#[test]
fn one_number_by_hand() {
    // cos θ = (0.6, 0.8); margin 90° turns 0.6 into cos(θ + 90°) = −sin θ = −0.8; scale 2:
    // −log(e^−1.6 / (e^−1.6 + e^1.6)) = log(1 + e^3.2) = 3.2399535…
    let weight = Tensor::new(&[[1f64, 0.0], [0.0, 7.0]], &Device::Cpu).unwrap();
    let embeddings = Tensor::new(&[[3f64, 4.0]], &Device::Cpu).unwrap();
    let loss = built(r#"{"name": "ArcFaceLoss", "margin": 90.0, "scale": 2.0, "init_std": 0.01}"#, 2, &[1, 1]);
    let value =
        gradients(loss.as_ref(), &weights(vec![weight]), &embeddings, &Targets::new(&[0]), start()).unwrap().value;
    // θ = 53.13° is inside 180° − 90°.
    assert!((value - 3.2f64.exp().ln_1p()).abs() < 1e-12, "{value}");
}

#[test]
fn heads_have_their_distributions_and_depend_on_the_seed() {
    let deviation = |tensor: &Tensor| {
        let values = flat(tensor);
        (values.iter().map(|x| x * x).sum::<f64>() / values.len() as f64).sqrt()
    };
    let arcface = built(ARCFACE, 64, &[4; 50]);
    let head = arcface.head(Seed::new(1)).unwrap();
    assert_eq!(head[0].tensor.dims(), [50, 64]);
    assert!((deviation(&head[0].tensor) - 0.01).abs() < 5e-4);
    assert_eq!(flat(&head[0].tensor), flat(&arcface.head(Seed::new(1)).unwrap()[0].tensor));
    assert_ne!(flat(&head[0].tensor), flat(&arcface.head(Seed::new(2)).unwrap()[0].tensor));

    let linear = built(LINEAR, 64, &[4; 50]);
    let head = linear.head(Seed::new(1)).unwrap();
    assert_eq!((head[0].name.as_str(), head[1].name.as_str(), head[1].tensor.dims()), ("weight", "bias", &[50][..]));
    // Uniform in ±1/8 has deviation 1/(8√3).
    assert!((deviation(&head[0].tensor) - 0.125 / 3f64.sqrt()).abs() < 2e-3);
    assert!(flat(&head[0].tensor).iter().all(|x| x.abs() <= 0.125));
}

#[test]
fn an_untrained_classifier_has_loss_log_n() {
    let linear = built(LINEAR, 4, &[1; 9]);
    let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F64, &Device::Cpu).unwrap();
    let head = weights(vec![zeros(&[9, 4]), zeros(&[9])]);
    let value = gradients(linear.as_ref(), &head, &zeros(&[2, 4]), &Targets::new(&[3, 8]), start()).unwrap().value;
    assert!((value - 9f64.ln()).abs() < 1e-12);
}

#[test]
fn mistakes_are_named() {
    let settings = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let arcface = settings(r#"{"name": "ArcFaceLoss", "margin": 17.2, "scale": 30.0, "init_std": 0.01}"#);
    insta::assert_snapshot!(build(&arcface, 8, &[5]).err().unwrap(), @"ArcFaceLoss needs at least 2 classes to tell apart, the training photos have 1; add labels or photos");
    assert!(matches!(build(&settings(r#"{"name": "ArcFaceLoss"}"#), 8, &[1, 1, 1]), Err(LossError::Settings(_))));
    let unknown = r#"{"name": "ArcFaceLoss", "margin": 17.2, "scale": 30.0, "init_std": 0.01, "easy": true}"#;
    assert!(matches!(build(&settings(unknown), 8, &[1, 1, 1]), Err(LossError::Settings(_))));
    let loss = build(&arcface, 2, &[2, 2, 2]).unwrap();
    let zeros = |n: usize, d: usize| Tensor::zeros((n, d), DType::F32, &Device::Cpu).unwrap();
    let head = weights(vec![zeros(3, 2)]);
    let class = gradients(loss.as_ref(), &head, &zeros(2, 2), &Targets::new(&[1, 3]), start()).unwrap_err();
    insta::assert_snapshot!(class, @"row 1 of the batch has class 3, the head has 3; were the classes counted on other photos?");
    let shape = gradients(loss.as_ref(), &head, &zeros(2, 4), &Targets::new(&[1, 2]), start()).unwrap_err();
    insta::assert_snapshot!(shape, @"ArcFaceLoss takes embeddings [b, 2] with one label each, got [2, 4] with 2 labels");
}

/// A technique's settings with nothing written; a sum has two losses with theirs.
fn defaults(technique: &Technique) -> Value {
    let mut settings = Value::table();
    settings.set("name", Value::Text(technique.name.to_owned()));
    for param in technique.params {
        if let crate::book::technique::Default::Is(literal) = &param.default {
            settings.set(param.name, literal.value());
        }
    }
    if technique.name == "MultipleLosses" {
        let named = |name: &str| defaults(TECHNIQUES.iter().find(|row| row.name == name).unwrap());
        settings.set("losses", Value::List(vec![named("ArcFaceLoss"), named("TripletMarginLoss")]));
    }
    settings
}

#[test]
fn every_built_row_decodes_with_its_defaults() {
    for technique in TECHNIQUES.iter().filter(|t| t.status == Status::Built) {
        assert!(technique.details.len() > 200 && !technique.details.contains("  "), "{}", technique.name);
        if technique.slot == "loss" {
            let loss = build(&defaults(technique), 4, &[1, 5, 2]).unwrap();
            assert_eq!(loss.name(), technique.name);
        }
    }
}

#[test]
fn the_head_joins_the_parameters_once() {
    let loss = built(LINEAR, 4, &[1; 3]);
    let mut params = Params::new();
    let head = Head::add(loss.as_ref(), &mut params, Seed::new(0)).unwrap();
    let names: Vec<&str> = params.iter().map(|(_, name, ..)| name).collect();
    assert_eq!(names, ["loss.weight", "loss.bias"]);
    assert_eq!(head.tensors(&params, &[])[0].tensor.dims(), [3, 4]);
    assert!(Head::add(loss.as_ref(), &mut params, Seed::new(0)).is_err());
}

/// The mean of all batches' embeddings so far, `[d]`, as the target; its second buffer counts the batches.
struct Following(bool);

impl Loss for Following {
    fn name(&self) -> &'static str {
        "Following"
    }

    fn head_len(&self) -> usize {
        3
    }

    fn head(&self, _: Seed) -> Result<Vec<HeadWeight>, LossError> {
        let zeros = |n: usize| Tensor::zeros(n, DType::F32, &Device::Cpu).unwrap();
        Ok(vec![
            HeadWeight::buffer("mean", zeros(2)),
            HeadWeight::weight("shift", zeros(2)),
            HeadWeight::buffer("count", zeros(1)),
        ])
    }

    fn forward(&self, head: &[Tensor], x: &Tensor, targets: &Targets<'_>, _: Moment) -> Result<Forward, LossError> {
        let size = Size { dimensions: 2, classes: 9 };
        run(self.name(), size, x, targets, || {
            let count = (&head[2] + 1.0)?;
            let mean = (&head[0] + (x.mean(0)? - &head[0])?.broadcast_div(&count)?)?;
            let value = x.broadcast_sub(&mean)?.broadcast_sub(&head[1])?.sqr()?.mean_all()?;
            Ok(Forward { value, buffers: vec![(0, mean), (if self.0 { 2 } else { 1 }, count)] })
        })
    }
}

#[test]
fn buffers_move_on_and_have_no_gradient() {
    let loss = Following(true);
    let mut params = Params::new();
    let head = Head::add(&loss, &mut params, Seed::new(0)).unwrap();
    assert_eq!(params.weights().count(), 1);
    let x = |value: f32| Tensor::full(value, (3, 2), &Device::Cpu).unwrap();
    let targets = Targets::new(&[0, 1, 2]);
    let first = gradients(&loss, &head.tensors(&params, &[]), &x(2.0), &targets, start()).unwrap();
    assert_eq!(first.head.iter().map(|(place, _)| *place).collect::<Vec<_>>(), [1]);
    // A second batch of one step sees what the first has left, though it is not yet among the parameters.
    let second = gradients(&loss, &head.tensors(&params, &first.buffers), &x(5.0), &targets, start()).unwrap();
    assert_eq!(flat(&second.buffers[0].1), [3.5, 3.5]);
    let all: Vec<(usize, Tensor)> = first.buffers.into_iter().chain(second.buffers).collect();
    let newest = head.tensors(&params, &all);
    head.set_buffers(&mut params, all).unwrap();
    assert_eq!(flat(params.get(params.by_name("loss.count").unwrap())), [2.0]);
    assert_eq!(flat(params.get(params.by_name("loss.mean").unwrap())), [3.5, 3.5]);
    assert_eq!(
        newest.iter().map(|w| (w.name.as_str(), flat(&w.tensor)[0])).collect::<Vec<_>>(),
        [("mean", 3.5), ("shift", 0.0), ("count", 2.0)]
    );
    // A weight belongs to the optimiser.
    let wrong = gradients(&Following(false), &head.tensors(&params, &[]), &x(1.0), &targets, start()).unwrap_err();
    insta::assert_snapshot!(wrong, @"Following gave a new value for place 1 of its head, which is no buffer");
}
