//! Whole trainings: one beside PyTorch's, and one of a real backbone.

use std::collections::BTreeMap;

use super::*;
use crate::learn::backbone::{self, Pool};
use crate::learn::train::optimizer::{RuleSettings, Sam};

#[derive(serde::Deserialize)]
struct Golden {
    images: Vec<f32>,
    cases: Vec<Case>,
}

#[derive(serde::Deserialize)]
struct Case {
    start: BTreeMap<String, Vec<f32>>,
    losses: Vec<f64>,
    norms: Vec<f64>,
    end: BTreeMap<String, Vec<f32>>,
}

/// The golden training's 24 pictures, always in the same order, so many a batch.
struct Fixed24<'a>(&'a [f32], usize);

impl Batches for Fixed24<'_> {
    fn steps(&self) -> usize {
        24 / self.1
    }

    fn epoch(&mut self, _: usize, first: usize) -> Result<Epoch<'_>, OtherError> {
        let n = self.1;
        Ok(Box::new((first..24 / n).map(move |slot| {
            let photos: Vec<u32> = (n as u32 * slot as u32..).take(n).collect();
            let pixels = &self.0[n * slot * PIXELS..n * (slot + 1) * PIXELS];
            let images = Tensor::from_slice(pixels, (n, 3, SIDE, SIDE), &Device::Cpu)?;
            Ok(Batch {
                images,
                classes: photos.iter().map(|i| i % 3).collect(),
                coarse: Vec::new(),
                photos,
                mixed: None,
            })
        })))
    }
}

/// ArcFace with a given head.
struct Given(Box<dyn Loss>, Tensor);

impl Loss for Given {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn head_len(&self) -> usize {
        1
    }

    fn head(&self, _: Seed) -> Result<Vec<loss::HeadWeight>, loss::LossError> {
        Ok(vec![loss::HeadWeight::weight("weight", self.1.clone())])
    }

    fn forward(
        &self,
        head: &[Tensor],
        embeddings: &Tensor,
        targets: &loss::Targets<'_>,
        at: loss::Moment,
    ) -> Result<loss::Forward, loss::LossError> {
        self.0.forward(head, embeddings, targets, at)
    }
}

#[test]
fn a_whole_training_equals_pytorch() {
    // tests/golden/train/make.py: 12 steps by torch 2.15 and pytorch-metric-learning 2.9, f32. Some steps
    // are clipped; warm-up, cosine, weight decay, head rate and running statistics all take part.
    let golden: Golden = serde_json::from_str(include_str!("../../../../tests/golden/train/fit.json")).unwrap();
    let adamw = TrainSettings {
        batch: 8,
        optimizer: OptimizerSettings::AdamW(AdamW { lr: 2e-3, weight_decay: 0.05, betas: [0.9, 0.999], eps: 1e-8 }),
        schedule: ScheduleSettings::Cosine(Cosine { warmup_epochs: 2.0 / 3.0 }),
        clip_grad_norm: Some(65.0),
        ..settings(4)
    };
    equals(&golden.images, &golden.cases[0], &adamw);
    assert!(golden.cases[0].norms.iter().any(|n| *n > 65.0) && golden.cases[0].norms.iter().any(|n| *n < 65.0));
    // Two batches a step, rates by layer, vectors spared, the average in the end.
    let sgd = TrainSettings {
        batch: 4,
        optimizer: OptimizerSettings::Sgd(Sgd { lr: 1e-3, momentum: 0.9, weight_decay: 0.05, nesterov: true }),
        layer_decay: Some(0.5),
        weight_decay_exclude_1d: true,
        clip_grad_norm: None,
        accumulate: Some(2),
        ema: Some(EmaSettings { decay: 0.8, warmup: true }),
        ..adamw.clone()
    };
    equals(&golden.images, &golden.cases[1], &sgd);
    // SAM over AdamW, each of two batches a step passed twice; running statistics take in the first pass alone.
    let OptimizerSettings::AdamW(base) = adamw.optimizer else { panic!("AdamW") };
    let base = RuleSettings::AdamW(base);
    let sam = TrainSettings {
        batch: 4,
        optimizer: OptimizerSettings::Sam(Sam { rho: 0.05, adaptive: false, base }),
        accumulate: Some(2),
        clip_grad_norm: Some(110.0),
        ..adamw
    };
    equals(&golden.images, &golden.cases[2], &sam);
    assert!(golden.cases[2].norms.iter().any(|n| *n > 110.0) && golden.cases[2].norms.iter().any(|n| *n < 110.0));
}

fn equals(images: &[f32], golden: &Case, settings: &TrainSettings) {
    let (network, mut params) = Tiny::of([4, 6], 5);
    let ids: Vec<(ParamId, String)> = params.iter().map(|(id, name, ..)| (id, name.to_owned())).collect();
    for (id, name) in &ids {
        let shape = params.get(*id).dims().to_vec();
        params.set(*id, Tensor::from_slice(&golden.start[name], shape, &Device::Cpu).unwrap()).unwrap();
    }
    let settings_of_loss = r#"{"name": "ArcFaceLoss", "margin": 17.2, "scale": 30.0, "init_std": 0.01}"#;
    let arcface = loss::build(&serde_json::from_str(settings_of_loss).unwrap(), 5, &[8; 3]).unwrap();
    let head = Tensor::from_slice(&golden.start["loss.W"], (3, 5), &Device::Cpu).unwrap();
    let mut steps = Vec::new();
    let folder = tempfile::tempdir().unwrap();
    let task = Task {
        network: &network,
        loss: &Given(arcface, head),
        settings,
        seed: Seed::new(0),
        first: 0,
        until_epoch: 4,
        key: Key::of_bytes(b"golden"),
        before: None,
    };
    let mut around = Surroundings {
        processor: Processor::cpu(),
        folder: folder.path(),
        evaluate: &mut |_: &Evaluate<'_>| Ok(Some(0.0)),
        observe: &mut |event: &FitEvent| {
            if let FitEvent::Step(step) = event {
                steps.push(*step);
            }
        },
        clock: &Fixed(Time(0.0)),
        cancel: &Cancel::new(),
        save_seconds: 1e9,
    };
    fit(&task, &mut params, &mut Fixed24(images, settings.batch), &mut around).unwrap();

    assert_eq!(steps.len(), golden.losses.len());
    for (step, (loss, norm)) in steps.iter().zip(golden.losses.iter().zip(&golden.norms)) {
        assert!((step.loss - loss).abs() < 1e-4 * loss, "step {}: loss {} and {loss}", step.step, step.loss);
        let (a, b) = (step.gradient_norm, norm);
        assert!((a - b).abs() < 1e-3 * b, "step {}: {a} and {b}", step.step);
        assert_eq!((step.images, step.steps), (8, 12));
    }
    for (name, expected) in &golden.end {
        let name = name.replace("loss.W", "loss.weight");
        let ours = params.get(params.by_name(&name).unwrap()).flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(ours.len(), expected.len(), "{name}");
        for (a, b) in ours.iter().zip(expected) {
            assert!((a - b).abs() < 1e-4, "{name}: {a} and {b}");
        }
    }
}

#[test]
fn a_backbone_trains_and_its_checkpoint_fills_a_fresh_one() {
    let folder = tempfile::tempdir().unwrap();
    let build =
        |seed| backbone::build(&backbone::Settings::new("resnet10t", Pool::Avg {}, 8), Seed::new(seed)).unwrap();
    let (network, mut params) = build(1);
    let (loss, settings) = (arcface(), settings(1));
    let task = Task {
        network: network.as_ref(),
        loss: loss.as_ref(),
        settings: &settings,
        seed: Seed::new(7),
        first: 0,
        until_epoch: 1,
        key: Key::of_bytes(b"backbone"),
        before: None,
    };
    let mut losses = Vec::new();
    let mut around = Surroundings {
        processor: Processor::cpu(),
        folder: folder.path(),
        evaluate: &mut |_: &Evaluate<'_>| Ok(Some(0.0)),
        observe: &mut |event: &FitEvent| {
            if let FitEvent::Step(step) = event {
                losses.push(step.loss);
            }
        },
        clock: &Fixed(Time(0.0)),
        cancel: &Cancel::new(),
        save_seconds: 1e9,
    };
    // The guards pass: every weight of the backbone, its neck and the head has a gradient and a group.
    let fitted = fit(&task, &mut params, &mut One, &mut around).unwrap();
    assert_eq!(losses.len(), 2);

    let x = Tensor::from_slice(&noise(9, 2), (2, 3, 64, 64), &Device::Cpu).unwrap();
    let embed = |network: &dyn Network, params: &Params| {
        network
            .forward(params, &mut Tape::eval(), &x)
            .unwrap()
            .tensor()
            .flatten_all()
            .unwrap()
            .to_vec1::<f32>()
            .unwrap()
    };
    let (other, mut fresh) = build(2);
    assert_ne!(embed(other.as_ref(), &fresh), embed(network.as_ref(), &params));
    Checkpoint::open(&fitted.path).unwrap().load(&mut fresh).unwrap();
    assert_eq!(embed(other.as_ref(), &fresh), embed(network.as_ref(), &params));
}

fn noise(seed: u64, pictures: usize) -> Vec<f32> {
    let mut draws = Seed::new(seed).draws();
    (0..pictures * 3 * 64 * 64).map(|_| draws.normal() as f32).collect()
}

/// Two batches of four pictures at 64 pixels.
struct One;

impl Batches for One {
    fn steps(&self) -> usize {
        2
    }

    fn epoch(&mut self, _: usize, first: usize) -> Result<Epoch<'_>, OtherError> {
        Ok(Box::new((first..2).map(|slot| {
            let images = Tensor::from_vec(noise(slot as u64, 4), (4, 3, 64, 64), &Device::Cpu)?;
            Ok(Batch { images, classes: vec![0, 1, 2, 3], coarse: Vec::new(), photos: vec![0, 1, 2, 3], mixed: None })
        })))
    }
}
