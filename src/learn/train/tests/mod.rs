//! The loop on a tiny network of the tape's: it learns, it resumes to the same bits, it refuses nonsense.

mod parts;
mod whole;

use crate::data::batch::Sampler;
use std::path::Path;
use std::sync::Mutex;

use candle_core::{D, DType, Device};

use super::optimizer::{AdamW, Lion, RuleSettings, Sam, Sgd};
use super::schedule::Cosine;
use super::technique::{EmaSettings, EvalSettings, OptimizerSettings, ScheduleSettings};
use super::*;
use crate::base::clock::Fixed;
use crate::base::{Cancel, Clock, Key, Seed, Time, Value};
use crate::learn::loss::{self, Loss};
use crate::learn::ops::{Act, Conv, Kind, Layer, Norm, OpsError, ParamId, Processor, Tape, Var};

const CLASSES: u32 = 6;
const SIDE: usize = 4;
const PIXELS: usize = 3 * SIDE * SIDE;

/// Two convolutions with batch norm that halve 4×4 pictures to one pixel, then a linear layer.
struct Tiny {
    convolutions: Vec<(Conv, Norm)>,
    weight: ParamId,
    bias: ParamId,
    embedding: usize,
    drop: f32,
}

impl Tiny {
    fn new() -> (Tiny, Params) {
        Tiny::of([12, 24], 8)
    }

    fn of([first, second]: [usize; 2], embedding: usize) -> (Tiny, Params) {
        let mut params = Params::new();
        let mut draws = Seed::new(3).draws();
        let mut weight = |params: &mut Params, name: &str, shape: &[usize]| {
            let deviation = (2.0 / shape[1..].iter().product::<usize>() as f64).sqrt();
            let values: Vec<f32> = (0..shape.iter().product()).map(|_| (draws.normal() * deviation) as f32).collect();
            params.add(name, Tensor::from_vec(values, shape, &Device::Cpu).unwrap(), Kind::Weight).unwrap()
        };
        let constant = |params: &mut Params, name: String, n: usize, value: f64, kind| {
            params.add(name, (Tensor::zeros(n, DType::F32, &Device::Cpu).unwrap() + value).unwrap(), kind).unwrap()
        };
        let convolutions = [(1, 3, first), (2, first, second)].map(|(i, inputs, outputs)| {
            let conv = Conv {
                weight: weight(&mut params, &format!("conv{i}.weight"), &[outputs, inputs, 3, 3]),
                stride: 2,
                padding: 1,
                dilation: 1,
                groups: 1,
            };
            let norm = Norm {
                weight: constant(&mut params, format!("bn{i}.weight"), outputs, 1.0, Kind::Weight),
                bias: constant(&mut params, format!("bn{i}.bias"), outputs, 0.0, Kind::Weight),
                running_mean: constant(&mut params, format!("bn{i}.running_mean"), outputs, 0.0, Kind::Buffer),
                running_var: constant(&mut params, format!("bn{i}.running_var"), outputs, 1.0, Kind::Buffer),
                momentum: 0.1,
                eps: 1e-5,
            };
            (conv, norm)
        });
        let last = weight(&mut params, "fc.weight", &[embedding, second]);
        let bias = constant(&mut params, "fc.bias".to_owned(), embedding, 0.0, Kind::Weight);
        (Tiny { convolutions: convolutions.into(), weight: last, bias, embedding, drop: 0.0 }, params)
    }
}

impl Network for Tiny {
    fn forward(&self, params: &Params, tape: &mut Tape, x: &Tensor) -> Result<Var, OpsError> {
        let mut x = tape.pictures(x)?; // [b, 4, 4, 3]
        for (conv, norm) in &self.convolutions {
            let (conv, norm, drop) = (conv.clone(), norm.clone(), self.drop);
            x = tape.checkpoint(params, &x, move |params, tape, x| {
                let x = tape.conv_norm(params, x, &conv, &norm, None, Act::Relu)?;
                tape.dropout(&x, drop)
            })?;
        }
        let x = tape.global_avg(&x)?; // [b, 24]
        tape.linear(params, &x, self.weight, Some(self.bias), Act::None)
    }

    fn embedding(&self) -> usize {
        self.embedding
    }

    fn layer(&self, name: &str) -> Layer {
        match name.split('.').next() {
            Some("conv1" | "bn1") => Layer::Stem,
            Some("conv2" | "bn2") => Layer::Block(0, 0),
            _ => Layer::Neck,
        }
    }
}

/// Each class is a fixed pattern under noise; 96 photos, batches of 16.
struct Patterns {
    poison: Option<(usize, usize)>,
    cancel_at: Option<(usize, usize, Cancel)>,
}

impl Patterns {
    fn plain() -> Patterns {
        Patterns { poison: None, cancel_at: None }
    }
}

fn photo(index: u64, epoch: u64) -> Vec<f32> {
    let class = index % u64::from(CLASSES);
    let mut pattern = Seed::new(11).at(class).draws();
    let mut noise = Seed::new(12).at(epoch).at(index).draws();
    (0..PIXELS).map(|_| (pattern.normal() + 0.8 * noise.normal()) as f32).collect()
}

impl Batches for Patterns {
    fn steps(&self) -> usize {
        steps_per_epoch(100, 16)
    }

    fn epoch(&mut self, epoch: usize, first: usize) -> Result<Epoch<'_>, OtherError> {
        let mut order: Vec<u64> = (0..100).collect();
        Seed::new(13).at(epoch as u64).draws().shuffle(&mut order);
        Ok(Box::new((first..self.steps()).map(move |slot| {
            if let Some((e, s, cancel)) = &self.cancel_at
                && (*e, *s) == (epoch, slot)
            {
                cancel.cancel();
            }
            let photos: Vec<u32> = order[slot * 16..(slot + 1) * 16].iter().map(|i| *i as u32).collect();
            let mut pixels: Vec<f32> = photos.iter().flat_map(|i| photo(u64::from(*i), epoch as u64)).collect();
            if self.poison == Some((epoch, slot)) {
                pixels[5] = f32::NAN;
            }
            let images = Tensor::from_vec(pixels, (16, 3, SIDE, SIDE), &Device::Cpu)?;
            Ok(Batch {
                images,
                classes: photos.iter().map(|i| i % CLASSES).collect(),
                coarse: Vec::new(),
                photos,
                mixed: None,
            })
        })))
    }
}

pub(super) fn settings(epochs: usize) -> TrainSettings {
    TrainSettings {
        epochs,
        batch: 16,
        sampler: Sampler::RandomSampler {},
        optimizer: OptimizerSettings::AdamW(AdamW { lr: 1e-2, weight_decay: 5e-4, betas: [0.9, 0.999], eps: 1e-8 }),
        schedule: ScheduleSettings::Cosine(Cosine { warmup_epochs: 0.5 }),
        eval: EvalSettings { every_epochs: 1 },
        head_lr: 2.0,
        layer_decay: None,
        weight_decay_exclude_1d: false,
        clip_grad_norm: Some(50.0),
        accumulate: None,
        ema: None,
        freeze: None,
        unfreeze_at: None,
        checkpoint: false,
        flip_as_new_class: false,
        stages: Vec::new(),
    }
}

fn arcface() -> Box<dyn Loss> {
    let settings =
        serde_json::from_str::<Value>(r#"{"name": "ArcFaceLoss", "margin": 17.2, "scale": 30.0, "init_std": 0.01}"#);
    loss::build(&settings.unwrap(), 8, &[16; CLASSES as usize]).unwrap()
}

/// ArcFace made restless: each batch's loss has a drawn factor, and leans on the mean of all losses before it, a buffer.
struct Restless(Box<dyn Loss>);

impl Loss for Restless {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn head_len(&self) -> usize {
        1 + self.0.head_len()
    }

    fn head(&self, seed: Seed) -> Result<Vec<loss::HeadWeight>, loss::LossError> {
        let mean = Tensor::zeros(1, DType::F32, &Device::Cpu).unwrap();
        Ok([vec![loss::HeadWeight::buffer("mean", mean)], self.0.head(seed)?].concat())
    }

    fn forward(
        &self,
        head: &[Tensor],
        embeddings: &Tensor,
        targets: &loss::Targets<'_>,
        at: loss::Moment,
    ) -> Result<loss::Forward, loss::LossError> {
        let value = self.0.forward(&head[1..], embeddings, targets, at)?.value;
        let factor = 1.0 + 0.2 * at.seed.draws().normal();
        let lean = |value: &Tensor| {
            let mean = ((&head[0] * 0.9)? + (value.detach().reshape(1)? * 0.1)?)?;
            Ok((((value + mean.reshape(())?)? * factor)?.sqr()?, mean))
        };
        let (value, mean) = lean(&value).map_err(|source| loss::LossError::Candle { loss: self.name(), source })?;
        Ok(loss::Forward { value, buffers: vec![(0, mean)] })
    }
}

/// Share of fresh photos whose nearest other photo by cosine has the same class.
fn precision(network: &dyn Network, params: &Params) -> Result<f64, OtherError> {
    let pixels: Vec<f32> = (0..60).flat_map(|i| photo(i, 1000)).collect();
    let images = Tensor::from_vec(pixels, (60, 3, SIDE, SIDE), &Device::Cpu)?;
    let embeddings = network.forward(params, &mut Tape::eval(), &images)?.tensor();
    let unit = embeddings.broadcast_div(&embeddings.sqr()?.sum_keepdim(1)?.sqrt()?)?;
    let cosines = (unit.matmul(&unit.t()?)? - (Tensor::eye(60, DType::F32, &Device::Cpu)? * 9.0)?)?;
    let nearest: Vec<u32> = cosines.argmax(D::Minus1)?.to_vec1()?;
    Ok(nearest.iter().enumerate().filter(|(i, n)| *i as u32 % CLASSES == **n % CLASSES).count() as f64 / 60.0)
}

struct Trained {
    result: Result<Fitted, TrainError>,
    params: Params,
    events: Vec<FitEvent>,
}

/// Trains the tiny network in a folder.
fn train(folder: &Path, epochs: usize, until: usize, batches: Patterns, cancel: &Cancel) -> Trained {
    train_with(folder, &settings(epochs), until, batches, cancel)
}

fn train_with(folder: &Path, settings: &TrainSettings, until: usize, batches: Patterns, cancel: &Cancel) -> Trained {
    train_part(folder, settings, (0, until), (Key::of_bytes(b"tiny"), None), batches, cancel)
}

/// The same with epochs before it, its key, and the part before it.
fn train_part(
    folder: &Path,
    settings: &TrainSettings,
    (first, until): (usize, usize),
    (key, before): (Key, Option<Before>),
    mut batches: Patterns,
    cancel: &Cancel,
) -> Trained {
    let (mut network, mut params) = Tiny::new();
    // The trainings that freeze a part drop some values as well.
    network.drop = if settings.freeze.is_some() { 0.2 } else { 0.0 };
    // Those that take several batches a step have a loss that draws and remembers as well.
    let loss = if settings.accumulate.is_some() { Box::new(Restless(arcface())) } else { arcface() };
    let mut events = Vec::new();
    let task = Task {
        network: &network,
        loss: loss.as_ref(),
        settings,
        seed: Seed::new(7),
        first,
        until_epoch: until,
        key,
        before,
    };
    let mut around = Surroundings {
        processor: Processor::cpu(),
        folder,
        evaluate: &mut |now: &Evaluate<'_>| precision(now.network, now.params),
        observe: &mut |event: &FitEvent| events.push(event.clone()),
        clock: &Fixed(Time(0.0)),
        cancel,
        save_seconds: 1e9,
    };
    let result = fit(&task, &mut params, &mut batches, &mut around);
    Trained { result, params, events }
}

fn bytes(folder: &Path) -> Vec<u8> {
    crate::base::files::read(&folder.join(CHECKPOINT)).unwrap()
}

#[test]
fn separable_classes_are_learnt() {
    let folder = tempfile::tempdir().unwrap();
    let trained = train(folder.path(), 12, 12, Patterns::plain(), &Cancel::new());
    let fitted = trained.result.unwrap();
    let losses: Vec<f64> = fitted.history.iter().map(|lesson| lesson.loss.0).collect();
    let (network, untrained) = Tiny::new();
    let before = precision(&network, &untrained).unwrap();
    let after = fitted.history[11].score.unwrap().0;
    assert!(losses[11] < 0.2 * losses[0], "{losses:?}");
    assert!(after > 0.97 && after > before + 0.05, "untrained {before}, trained {after}");
    // 12 epochs of 6 steps, 4 photos of each epoch left out; an epoch ends with its score and its checkpoint.
    let steps: Vec<&Step> =
        trained.events.iter().filter_map(|e| if let FitEvent::Step(s) = e { Some(s) } else { None }).collect();
    assert_eq!((steps.len(), steps[71].steps, steps[71].step, steps[71].epoch), (72, 72, 72, 12.0));
    assert!(steps[0].lr > 0.0 && steps[71].lr < 1e-4);
    assert!(matches!(
        trained.events[6..9],
        [FitEvent::Epoch { epoch: 1, .. }, FitEvent::Score { epoch: 1, .. }, FitEvent::Saved { .. }]
    ));
}

#[test]
fn stopping_and_going_on_changes_no_bit() {
    unchanged_by_stops(&settings(4), (1, 3), (1, 4));
}

#[test]
fn nor_does_it_with_every_key_at_work() {
    // Two batches a step, so that the stop comes in the midst of one, whose first batch is done again; the rung of two
    // epochs ends where the stem begins to learn.
    let settings = every_key();
    unchanged_by_stops(&settings, (1, 2), (1, 2));
    unchanged_by_stops(&TrainSettings { unfreeze_at: None, checkpoint: true, ..settings }, (2, 2), (2, 2));
}

#[test]
fn nor_does_it_with_two_passes_a_step_or_the_sign_alone() {
    let base = RuleSettings::Sgd(Sgd { lr: 1e-2, momentum: 0.9, weight_decay: 1e-3, nesterov: true });
    let sam = OptimizerSettings::Sam(Sam { rho: 0.1, adaptive: false, base });
    unchanged_by_stops(&TrainSettings { optimizer: sam, ..every_key() }, (1, 2), (1, 2));
    let lion = RuleSettings::Lion(Lion { lr: 1e-3, betas: [0.9, 0.99], weight_decay: 0.1 });
    let adaptive = OptimizerSettings::Sam(Sam { rho: 0.5, adaptive: true, base: lion });
    unchanged_by_stops(&TrainSettings { optimizer: adaptive, ..settings(4) }, (1, 3), (1, 4));
}

#[test]
fn sam_without_a_way_is_its_base() {
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let base = settings(2).optimizer;
    let sam = OptimizerSettings::Sam(Sam { rho: 0.0, adaptive: false, base: base.rule() });
    let [plain, twice] = [(0, base), (1, sam)].map(|(i, optimizer)| {
        let settings = TrainSettings { optimizer, accumulate: Some(2), ..settings(2) };
        train_with(folders[i].path(), &settings, 2, Patterns::plain(), &Cancel::new())
    });
    assert_eq!(plain.result.unwrap().history, twice.result.unwrap().history);
    assert_eq!(bytes(folders[0].path()), bytes(folders[1].path()), "and the running statistics are moved once");
}

fn every_key() -> TrainSettings {
    TrainSettings {
        optimizer: OptimizerSettings::Sgd(Sgd { lr: 1e-2, momentum: 0.9, weight_decay: 1e-3, nesterov: true }),
        layer_decay: Some(0.7),
        weight_decay_exclude_1d: true,
        accumulate: Some(2),
        ema: Some(EmaSettings { decay: 0.9, warmup: true }),
        freeze: Some("stem".to_owned()),
        unfreeze_at: Some(2),
        ..settings(4)
    }
}

#[test]
fn what_is_computed_again_trains_to_the_same_bits() {
    let [plain, again] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    for (folder, checkpoint) in [(&plain, false), (&again, true)] {
        let settings = TrainSettings { checkpoint, ..every_key() };
        train_with(folder.path(), &settings, 4, Patterns::plain(), &Cancel::new()).result.unwrap();
    }
    assert_eq!(bytes(plain.path()), bytes(again.path()));
}

#[test]
fn what_is_frozen_stays_until_its_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let settings = TrainSettings {
        optimizer: OptimizerSettings::AdamW(AdamW { lr: 1e-2, weight_decay: 0.1, betas: [0.9, 0.999], eps: 1e-8 }),
        freeze: Some("conv2".to_owned()),
        unfreeze_at: Some(2),
        ..settings(3)
    };
    let moved = |until| {
        let (_, before) = Tiny::new();
        let after = train_with(folder.path(), &settings, until, Patterns::plain(), &Cancel::new());
        after.result.unwrap();
        let all = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let moved = |(id, name, tensor, _): (ParamId, &str, &Tensor, Kind)| {
            (all(tensor) != all(after.params.get(id))).then(|| name.to_owned())
        };
        before.iter().filter_map(moved).collect::<Vec<_>>().join(" ")
    };
    // Weights by name and running statistics alike.
    assert_eq!(moved(2), "fc.weight fc.bias");
    assert_eq!(
        moved(3),
        "conv1.weight bn1.weight bn1.bias bn1.running_mean bn1.running_var conv2.weight bn2.weight bn2.bias \
         bn2.running_mean bn2.running_var fc.weight fc.bias"
    );
}

#[test]
fn a_part_that_cannot_be_frozen_is_named() {
    let (network, params) = Tiny::new();
    let of = |freeze: Option<&str>, unfreeze_at| {
        let settings = TrainSettings { freeze: freeze.map(str::to_owned), unfreeze_at, ..settings(4) };
        Frozen::of(&settings, &network, &params, 3)
    };
    assert_eq!(of(None, None).unwrap(), None);
    assert_eq!(of(Some("bn1"), None).unwrap(), Some(Frozen { up_to: Layer::Stem, steps: usize::MAX }));
    assert_eq!(of(Some("backbone"), Some(3)).unwrap(), Some(Frozen { up_to: Layer::Pooled, steps: 9 }));
    insta::assert_snapshot!(of(Some("layer9"), None).unwrap_err(), @r#"this network has no part "layer9" to freeze up to; it has "stem", bn2, conv2, "backbone""#);
    insta::assert_snapshot!(of(Some("fc"), None).unwrap_err(), @r#"freeze = "fc" would leave nothing that learns; "backbone" is the most"#);
    insta::assert_snapshot!(of(None, Some(2)).unwrap_err(), @"unfreeze_at without freeze: name what is frozen until then, or leave it out");
    insta::assert_snapshot!(of(Some("stem"), Some(4)).unwrap_err(), @"unfreeze_at = 4, but the training has 4 epochs: leave it out to keep everything frozen");
}

/// Trains in one go, in rungs, with a stop asked for while batch `stop` is made and heard after batch `heard`, and
/// with other numbers of threads: the same bytes each time.
fn unchanged_by_stops(settings: &TrainSettings, stop: (usize, usize), heard: (usize, usize)) {
    let [straight, rungs, stopped, threads] = [(); 4].map(|()| tempfile::tempdir().unwrap());
    let train = |folder: &Path, until, batches, cancel: &Cancel| train_with(folder, settings, until, batches, cancel);
    let whole = train(straight.path(), 4, Patterns::plain(), &Cancel::new());
    let whole_history = whole.result.unwrap().history;

    // A rung of two epochs, then the rest.
    let rung = train(rungs.path(), 2, Patterns::plain(), &Cancel::new()).result.unwrap();
    assert_eq!(rung.history, whole_history[..2]);
    let rest = train(rungs.path(), 4, Patterns::plain(), &Cancel::new());
    assert_eq!(rest.events[0], FitEvent::Resumed { epoch: 2, batch: 0 });
    assert_eq!(rest.result.unwrap().history, whole_history);
    assert_eq!(bytes(rungs.path()), bytes(straight.path()));

    let cancel = Cancel::new();
    let batches = Patterns { poison: None, cancel_at: Some((stop.0, stop.1, cancel.clone())) };
    let cut = train(stopped.path(), 4, batches, &cancel);
    assert!(matches!(cut.result, Err(TrainError::Cancelled(_))));
    assert_eq!(cut.events.last(), Some(&FitEvent::Saved { epoch: heard.0, batch: heard.1 }));
    let rest = train(stopped.path(), 4, Patterns::plain(), &Cancel::new());
    assert_eq!(rest.result.unwrap().history, whole_history);
    assert_eq!(bytes(stopped.path()), bytes(straight.path()));

    // Any number of threads.
    for count in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(count).build().unwrap();
        pool.install(|| train(threads.path(), 4, Patterns::plain(), &Cancel::new()).result.unwrap());
        assert_eq!(bytes(threads.path()), bytes(straight.path()));
        std::fs::remove_file(threads.path().join(CHECKPOINT)).unwrap();
    }

    // And again after the end: nothing is left to do, and the same weights are given.
    let again = train(straight.path(), 4, Patterns::plain(), &Cancel::new());
    assert_eq!(again.result.unwrap().history, whole_history);
    assert_eq!(again.events, [FitEvent::Resumed { epoch: 4, batch: 0 }]);
    for (id, name, tensor, _) in whole.params.iter() {
        let all = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(all(tensor), all(again.params.get(id)), "{name}");
    }
}

#[test]
fn an_evaluation_that_is_stopped_is_made_up_for() {
    let folder = tempfile::tempdir().unwrap();
    let (network, mut params) = Tiny::new();
    let (loss, settings, cancel) = (arcface(), settings(2), Cancel::new());
    let task = Task {
        network: &network,
        loss: loss.as_ref(),
        settings: &settings,
        seed: Seed::new(7),
        first: 0,
        until_epoch: 2,
        key: Key::of_bytes(b"tiny"),
        before: None,
    };
    let mut around = Surroundings {
        processor: Processor::cpu(),
        folder: folder.path(),
        evaluate: &mut |_: &Evaluate<'_>| {
            cancel.cancel();
            cancel.check().map(|()| 0.0).map_err(OtherError::from)
        },
        observe: &mut |_: &FitEvent| (),
        clock: &Fixed(Time(0.0)),
        cancel: &cancel,
        save_seconds: 1e9,
    };
    let stopped = fit(&task, &mut params, &mut Patterns::plain(), &mut around);
    assert!(matches!(stopped, Err(TrainError::Cancelled(_))));
    let rest = train(folder.path(), 2, 2, Patterns::plain(), &Cancel::new());
    assert_eq!(rest.events[0], FitEvent::Resumed { epoch: 0, batch: 6 });
    assert!(matches!(rest.events[1], FitEvent::Epoch { epoch: 1, images_per_second: 0.0, .. }));
    let straight = tempfile::tempdir().unwrap();
    let whole = train(straight.path(), 2, 2, Patterns::plain(), &Cancel::new());
    assert_eq!(rest.result.unwrap().history, whole.result.unwrap().history);
    assert_eq!(bytes(folder.path()), bytes(straight.path()));
}

/// A clock that moves on by a second whenever it is read.
struct Ticking(Mutex<f64>);

impl Clock for Ticking {
    fn now(&self) -> Time {
        let mut time = self.0.lock().unwrap();
        *time += 1.0;
        Time(*time)
    }
}

#[test]
fn speed_and_early_saves_come_from_the_clock() {
    let folder = tempfile::tempdir().unwrap();
    let (network, mut params) = Tiny::new();
    let (loss, settings, mut events) = (arcface(), settings(1), Vec::new());
    let task = Task {
        network: &network,
        loss: loss.as_ref(),
        settings: &settings,
        seed: Seed::new(7),
        first: 0,
        until_epoch: 1,
        key: Key::of_bytes(b"tiny"),
        before: None,
    };
    let mut around = Surroundings {
        processor: Processor::cpu(),
        folder: folder.path(),
        evaluate: &mut |now: &Evaluate<'_>| precision(now.network, now.params),
        observe: &mut |event: &FitEvent| events.push(event.clone()),
        clock: &Ticking(Mutex::new(0.0)),
        cancel: &Cancel::new(),
        save_seconds: 10.0,
    };
    fit(&task, &mut params, &mut Patterns::plain(), &mut around).unwrap();
    let step = events.iter().find_map(|e| if let FitEvent::Step(s) = e { Some(*s) } else { None }).unwrap();
    // Read at the beginning, after the batch and at the end: one second waiting, two in all.
    assert_eq!((step.waited, step.seconds, step.images), (1.0, 2.0, 16));
    assert!(events.iter().any(|e| matches!(e, FitEvent::Epoch { images_per_second: 8.0, .. })));
    // A save inside the epoch and one at its end.
    assert!(events.iter().any(|e| matches!(e, FitEvent::Saved { epoch: 0, batch: 1..6 })), "{events:?}");
    assert_eq!(events.last(), Some(&FitEvent::Saved { epoch: 1, batch: 0 }));
}

#[test]
fn nan_stops_with_the_batch_named_and_the_last_checkpoint_kept() {
    let folder = tempfile::tempdir().unwrap();
    let trained = train(folder.path(), 3, 3, Patterns { poison: Some((1, 2)), cancel_at: None }, &Cancel::new());
    let error = trained.result.unwrap_err();
    let TrainError::NotFinite { what, step, epoch, ref photos, .. } = error else { panic!("{error}") };
    assert_eq!((what.as_str(), step, epoch, photos.len()), ("the loss", 9, 2, 16));
    let mut order: Vec<u64> = (0..100).collect();
    Seed::new(13).at(1).draws().shuffle(&mut order);
    assert_eq!(u64::from(photos[0]), order[32]);
    assert_eq!(Checkpoint::open(&folder.path().join(CHECKPOINT)).unwrap().place().epoch, 1);
}

#[test]
fn a_weight_that_cannot_learn_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (network, mut params) = Tiny::new();
    let extra = || Tensor::zeros(3, DType::F32, &Device::Cpu).unwrap();
    params.add("forgotten.weight", extra(), Kind::Weight).unwrap();
    let (loss, settings) = (arcface(), settings(1));
    let task = Task {
        network: &network,
        loss: loss.as_ref(),
        settings: &settings,
        seed: Seed::new(7),
        first: 0,
        until_epoch: 1,
        key: Key::of_bytes(b"tiny"),
        before: None,
    };
    let mut around = Surroundings {
        processor: Processor::cpu(),
        folder: folder.path(),
        evaluate: &mut |_: &Evaluate<'_>| Ok(0.0),
        observe: &mut |_: &FitEvent| (),
        clock: &Fixed(Time(0.0)),
        cancel: &Cancel::new(),
        save_seconds: 1e9,
    };
    let error = fit(&task, &mut params, &mut Patterns::plain(), &mut around).unwrap_err();
    insta::assert_snapshot!(error, @"forgotten.weight got no gradient in the first step: it is a weight of the network that the loss does not depend on");

    // A tensor that gets a gradient although it is declared as a buffer.
    let (network, params) = Tiny::new();
    let mut wrong = Params::new();
    for (_, name, tensor, kind) in params.iter() {
        let kind = if name == "fc.weight" { Kind::Buffer } else { kind };
        wrong.add(name, tensor.clone(), kind).unwrap();
    }
    let task = Task { network: &network, ..task };
    let error = fit(&task, &mut wrong, &mut Patterns::plain(), &mut around).unwrap_err();
    insta::assert_snapshot!(error, @"fc.weight has a gradient and is in no optimiser group, so it would never change");
}

#[test]
fn a_checkpoint_gives_its_weights_and_refuses_other_uses() {
    let folder = tempfile::tempdir().unwrap();
    let trained = train(folder.path(), 2, 1, Patterns::plain(), &Cancel::new());
    let path = trained.result.unwrap().path;

    // For embedding: the network alone, without head and optimiser.
    let (network, mut fresh) = Tiny::new();
    let mut checkpoint = Checkpoint::open(&path).unwrap();
    assert_eq!((checkpoint.place().epoch, checkpoint.place().step), (1, 6));
    checkpoint.load(&mut fresh).unwrap();
    assert_eq!(precision(&network, &fresh).unwrap(), precision(&network, &trained.params).unwrap());
    for (id, name, tensor, _) in fresh.iter() {
        let theirs = trained.params.get(trained.params.by_name(name).unwrap());
        assert_eq!(
            tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
            theirs.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
            "{id:?}"
        );
    }
    // The artefact for the store leaves the optimiser out, and cannot be gone on from.
    let slim = folder.path().join("slim.safetensors");
    checkpoint::save(&slim, &trained.params, None, checkpoint.place()).unwrap();
    let sizes = [&slim, &path].map(|p| std::fs::metadata(p).unwrap().len());
    assert!(sizes[0] * 2 < sizes[1], "{sizes:?}");
    let settings_of_two = settings(2);
    let groups = optimizer::groups(&trained.params, &network, &settings_of_two, None);
    let mut optimizer = optimizer::Optimizer::new(&settings_of_two.optimizer, groups, &trained.params);
    let error = Checkpoint::open(&slim).unwrap().resume(&mut trained.params.clone(), &mut optimizer, None).unwrap_err();
    assert!(error.to_string().ends_with("slim.safetensors: lacks optim.m.conv1.weight"), "{error}");

    // A network with a tensor less, or more, or of another shape.
    let mut smaller = Params::new();
    let (id, name, tensor, kind) = fresh.iter().next().unwrap();
    assert_eq!(id.index(), 0);
    smaller.add(name, tensor.clone(), kind).unwrap();
    let error = Checkpoint::open(&path).unwrap().load(&mut smaller).unwrap_err().to_string();
    assert!(error.contains("holds bn1.weight, which this network does not have"), "{error}");
    let mut larger = fresh.clone();
    larger.add("fc3.weight", tensor.clone(), Kind::Weight).unwrap();
    let error = Checkpoint::open(&path).unwrap().load(&mut larger).unwrap_err().to_string();
    assert!(error.contains("lacks fc3.weight"), "{error}");

    // Cut short, other settings, too many epochs.
    let whole = bytes(folder.path());
    for length in [0, 5, 200, whole.len() - 1] {
        crate::base::files::publish(&slim, &whole[..length]).unwrap();
        assert!(matches!(Checkpoint::open(&slim), Err(TrainError::Checkpoint { .. })), "{length}");
    }
    let (network, loss, settings) = (Tiny::new().0, arcface(), settings(2));
    let mut around = Surroundings {
        processor: Processor::cpu(),
        folder: folder.path(),
        evaluate: &mut |_: &Evaluate<'_>| Ok(0.0),
        observe: &mut |_: &FitEvent| (),
        clock: &Fixed(Time(0.0)),
        cancel: &Cancel::new(),
        save_seconds: 1e9,
    };
    let key = Key::of_bytes(b"other");
    let mut task = Task {
        network: &network,
        loss: loss.as_ref(),
        settings: &settings,
        seed: Seed::new(7),
        first: 0,
        until_epoch: 2,
        key,
        before: None,
    };
    let error = fit(&task, &mut Tiny::new().1, &mut Patterns::plain(), &mut around).unwrap_err();
    assert!(matches!(error, TrainError::OtherSettings { .. }), "{error}");
    (task.key, task.until_epoch) = (Key::of_bytes(b"tiny"), 3);
    let error = fit(&task, &mut Tiny::new().1, &mut Patterns::plain(), &mut around).unwrap_err();
    insta::assert_snapshot!(error, @"asked to train until epoch 3; the schedule has 2 epochs and 1 are done");
}

#[test]
fn the_table_decodes_as_a_recipe_writes_it() {
    let text = r#"{"epochs": 12, "batch": 64, "head_lr": 1.0, "eval": {"every_epochs": 1},
        "sampler": {"name": "MPerClassSampler", "m": 4}, "optimizer": {"name": "AdamW", "lr": 1e-3, "weight_decay": 5e-4, "betas": [0.9, 0.999], "eps": 1e-8},
        "schedule": {"name": "cosine", "warmup_epochs": 1.0}}"#;
    let settings: TrainSettings = serde_json::from_str::<Value>(text).unwrap().decode().unwrap();
    assert_eq!((settings.epochs, settings.batch, settings.clip_grad_norm), (12, 64, None));
    assert_eq!(settings.schedule, ScheduleSettings::Cosine(Cosine { warmup_epochs: 1.0 }));
    assert_eq!(settings.sampler, Sampler::MPerClassSampler { m: 4 });
    let wrong = text.replace("weight_decay", "weight_decoy");
    assert!(serde_json::from_str::<Value>(&wrong).unwrap().decode::<TrainSettings>().is_err());
}

#[test]
fn classes_are_numbered_without_gaps() {
    let classes = Classes::of([7, 3, 7, 11]);
    assert_eq!((classes.len(), classes.is_empty()), (3, false));
    assert_eq!([3, 7, 11, 4].map(|label| classes.class(label)), [Some(0), Some(1), Some(2), None]);
    assert_eq!((classes.label(2), classes.label(3)), (Some(11), None));
    // 4 is no class of these.
    assert_eq!(classes.counts([3, 11, 4, 3, 3]), [3, 0, 1]);
    assert_eq!([steps_per_epoch(100, 16), steps_per_epoch(5, 16), steps_per_epoch(32, 16)], [6, 1, 2]);
}
