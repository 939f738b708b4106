//! The loop on a tiny network of the tape's: it learns, it resumes to the same bits, it refuses nonsense.
//!
//! - [`tiny`]: the network, its pictures and how it is trained;
//! - [`stops`]: stopping and going on; [`parts`]: trainings in parts; [`whole`]: beside PyTorch's, and a real backbone;
//! - [`refusals`]: what cannot be trained, and checkpoints of something else.

mod parts;
mod refusals;
mod stops;
mod tiny;
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
pub(super) use tiny::settings;
use tiny::*;

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
        evaluate: &mut |now: &Evaluate<'_>| precision(now.network, now.params).map(Some),
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
