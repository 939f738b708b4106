//! Trainings in parts: what goes over from one to the next, and that a stop in either changes no bit.

use super::*;
use crate::learn::backbone::{self, Pool};
use crate::learn::train::parts::PartsError;
use crate::learn::train::schedule::{ConstantCooldown, Decay};

const FIRST: &[u8] = b"first part";
const SECOND: &[u8] = b"second part";

/// Two epochs, then two more as a part of their own, with a stop in each when `stops`: the folder's bytes.
fn in_two(settings: [&TrainSettings; 2], passage: Passage, stops: bool) -> (Vec<u8>, Vec<FitEvent>) {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (Key::of_bytes(FIRST), Key::of_bytes(SECOND));
    let before = Before { key: first, epochs: 2, passage };
    let origin = if passage == Passage::Weights { 2 } else { 0 };
    let parts = [(0, 2, (first, None), (1, 3)), (origin, 4, (second, Some(before)), (2, 3))];
    let mut events = Vec::new();
    for ((origin, until, keys, stop), settings) in parts.into_iter().zip(settings) {
        let run =
            |batches, cancel: &Cancel| train_part(folder.path(), settings, (origin, until), keys, batches, cancel);
        if stops {
            let cancel = Cancel::new();
            let cut = run(Patterns { poison: None, cancel_at: Some((stop.0, stop.1, cancel.clone())) }, &cancel);
            assert!(matches!(cut.result, Err(TrainError::Cancelled(_))));
            assert_eq!(Checkpoint::open(&folder.path().join(CHECKPOINT)).unwrap().place().key, keys.0);
        }
        let whole = run(Patterns::plain(), &Cancel::new());
        assert_eq!(whole.result.unwrap().history.len(), until, "the curve goes on");
        events = whole.events;
    }
    (bytes(folder.path()), events)
}

#[test]
fn a_stage_begins_anew_with_the_weights_of_the_one_before() {
    let plain = TrainSettings { ema: Some(EmaSettings { decay: 0.9, warmup: true }), ..settings(2) };
    let other = TrainSettings {
        optimizer: OptimizerSettings::Sgd(Sgd { lr: 1e-3, momentum: 0.9, weight_decay: 0.0, nesterov: false }),
        freeze: Some("stem".to_owned()),
        ..plain.clone()
    };
    let (straight, events) = in_two([&plain, &other], Passage::Weights, false);
    assert_eq!(straight, in_two([&plain, &other], Passage::Weights, true).0);
    let steps: Vec<Step> =
        events.iter().filter_map(|event| if let FitEvent::Step(step) = event { Some(*step) } else { None }).collect();
    assert_eq!((steps.len(), steps[0].step, steps[0].steps), (12, 1, 12), "its own schedule");
    assert_eq!((steps[0].epoch > 2.0, steps[11].epoch), (true, 4.0));
    // Half an epoch of warm-up: three steps.
    assert!((steps[0].lr - 1e-3 / 3.0).abs() < 1e-15);
    let untrained = train(tempfile::tempdir().unwrap().path(), 1, 1, Patterns::plain(), &Cancel::new());
    let first =
        untrained.events.iter().find_map(|event| if let FitEvent::Step(s) = event { Some(s.loss) } else { None });
    assert!(steps[0].loss < 0.7 * first.unwrap(), "head and weights have learnt: {} and {first:?}", steps[0].loss);
}

#[test]
fn a_cooldown_is_one_training_with_what_comes_before_it() {
    let fall = |cooldown_epochs| TrainSettings {
        schedule: ScheduleSettings::ConstantCooldown(ConstantCooldown {
            warmup_epochs: 1.0,
            cooldown_epochs,
            decay_type: Decay::OneMinusSqrt,
        }),
        ema: Some(EmaSettings { decay: 0.9, warmup: true }),
        ..settings(4)
    };
    let whole = tempfile::tempdir().unwrap();
    let key = (Key::of_bytes(SECOND), None);
    train_part(whole.path(), &fall(2), (0, 4), key, Patterns::plain(), &Cancel::new()).result.unwrap();
    let long = TrainSettings { epochs: 9, ..fall(3) };
    for stops in [false, true] {
        let (parted, _) = in_two([&long, &fall(2)], Passage::Everything, stops);
        assert!(parted == bytes(whole.path()), "the first part of a longer training ends in other bits");
    }
}

#[test]
fn only_the_end_of_the_part_before_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (Key::of_bytes(FIRST), Key::of_bytes(SECOND));
    let settings = settings(2);
    let run = |span, keys| train_part(folder.path(), &settings, span, keys, Patterns::plain(), &Cancel::new()).result;
    run((0, 1), (first, None)).unwrap();
    for (key, epochs) in [(first, 2), (second, 1)] {
        let before = Some(Before { key, epochs, passage: Passage::Weights });
        let error = run((epochs, 3), (Key::of_bytes(b"third"), before)).unwrap_err();
        assert!(matches!(error, TrainError::OtherSettings { .. }), "{error}");
    }
}

fn table(json: &str) -> Value {
    let mut table = Value::of(&serde_json::json!({
        "epochs": 12, "batch": 64, "sampler": {"name": "RandomSampler"}, "head_lr": 1.0, "eval": {"every_epochs": 1}, "checkpoint": true,
        "optimizer": {"name": "AdamW", "lr": 1e-3, "weight_decay": 5e-4, "betas": [0.9, 0.999], "eps": 1e-8},
        "schedule": {"name": "cosine", "warmup_epochs": 1.0}}));
    let Ok(Value::Table(own)) = serde_json::from_str::<Value>(json) else { panic!("{json}") };
    own.into_iter().for_each(|(key, value)| table.set(&key, value));
    table
}

fn of(json: &str) -> Result<Vec<Part>, PartsError> {
    parts(&table(json))
}

#[test]
fn stages_say_what_they_train_with_and_nothing_of_later_ones() {
    let two = r#"{"freeze": "stem", "stages": [{"size": 128, "epochs": 8},
        {"size": [224, 160], "epochs": 3, "lr": 3e-5, "batch": 16, "freeze": "none"}]}"#;
    let found = of(two).unwrap();
    let names: Vec<&str> = found.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(names, ["stage 1 of 2", "stage 2 of 2"]);
    assert_eq!([found[0].first, found[0].end, found[1].first, found[1].end], [0, 8, 8, 11]);
    assert_eq!([found[0].size, found[1].size], [Some([128, 128]), Some([224, 160])]);
    assert_eq!([found[0].settings.freeze.as_deref(), found[1].settings.freeze.as_deref()], [Some("stem"), None]);
    assert_eq!((found[1].settings.epochs, found[1].settings.batch), (3, 16));
    assert_eq!((found[0].settings.optimizer.rule().lr(), found[1].settings.optimizer.rule().lr()), (1e-3, 3e-5));
    assert_eq!([found[0].passage, found[1].passage], [None, Some(Passage::Weights)]);
    assert_eq!((found[1].origin, found[1].open), (8, false));
    assert!(found[0].table.get("checkpoint").is_none() && found[0].table.get("stages").is_none());
    let changed = of(&two.replace("3e-5", "1e-5")).unwrap();
    assert_eq!(changed[0], found[0]);
    insta::assert_snapshot!(changed[1].table.changes_from(&found[1].table)[0].to_string(), @"optimizer.lr 3e-5 → 1e-5");

    let sam = r#"{"optimizer": {"name": "SAM", "rho": 0.05, "adaptive": false, "base": {"name": "Lion", "lr": 1e-4,
        "betas": [0.9, 0.99], "weight_decay": 0.1}}, "stages": [{"epochs": 1, "lr": 2e-5}]}"#;
    assert_eq!(of(sam).unwrap()[0].settings.optimizer.rule().lr(), 2e-5);
}

#[test]
fn the_constant_part_does_not_know_how_long_the_training_is() {
    let json = |epochs: usize, cooldown: usize| {
        format!(
            r#"{{"epochs": {epochs}, "schedule": {{"name": "constant-cooldown", "warmup_epochs": 1.0,
            "cooldown_epochs": {cooldown}, "decay_type": "linear"}}}}"#
        )
    };
    let (short, long) = (of(&json(12, 2)).unwrap(), of(&json(20, 3)).unwrap());
    assert_eq!(short[0].table, long[0].table);
    assert_eq!([short[0].end, long[0].end, short[1].first, short[1].end], [10, 17, 10, 12]);
    assert_eq!([&short[0].name, &short[1].name], ["constant", "cooldown"]);
    assert_eq!((short[0].open, short[1].open, short[1].origin), (true, false, 0));
    assert_eq!(short[1].passage, Some(Passage::Everything));
    insta::assert_snapshot!(of(&json(2, 2)).unwrap_err(), @"cooldown_epochs = 2, but there are 2 epochs: write fewer than these");
    insta::assert_snapshot!(of(r#"{"unfreeze_at": 1, "stages": [{"epochs": 1}]}"#).unwrap_err(), @r#"unfreeze_at does not go with stages: give the first stages freeze, and a later one freeze = "none""#);
    assert!(of(r#"{"epochs": 0}"#).unwrap().is_empty());
    let one = of("{}").unwrap();
    assert_eq!((one.len(), one[0].end, one[0].name.as_str(), one[0].passage), (1, 12, "", None));
}

/// Two batches of four drawn pictures with so many pixels a side.
struct Square(usize);

impl Batches for Square {
    fn steps(&self) -> usize {
        2
    }

    fn epoch(&mut self, epoch: usize, first: usize) -> Result<Epoch<'_>, OtherError> {
        let side = self.0;
        Ok(Box::new((first..2).map(move |slot| {
            let mut draws = Seed::new(9).at(epoch as u64).at(slot as u64).draws();
            let pixels: Vec<f32> = (0..4 * 3 * side * side).map(|_| draws.normal() as f32).collect();
            let images = Tensor::from_vec(pixels, (4, 3, side, side), &Device::Cpu)?;
            Ok(Batch { images, classes: vec![0, 1, 2, 3], coarse: Vec::new(), photos: vec![0, 1, 2, 3], mixed: None })
        })))
    }
}

#[test]
fn a_vit_goes_on_with_larger_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let (loss, settings) = (arcface(), settings(1));
    let first = Key::of_bytes(FIRST);
    let before = Before { key: first, epochs: 1, passage: Passage::Weights };
    let mut positions = Vec::new();
    // A grid of 2 × 2 patches, then one of 3 × 3; the table of positions is that of 14 × 14 for both.
    for (side, origin, key, before) in [(32, 0, first, None), (48, 1, Key::of_bytes(SECOND), Some(before))] {
        let of_vit = backbone::Settings::new("vit_tiny_patch16_224", Pool::Avg {}, 8);
        let (network, mut params) = backbone::build(&of_vit, Seed::new(1)).unwrap();
        let task = Task {
            network: network.as_ref(),
            loss: loss.as_ref(),
            settings: &settings,
            seed: Seed::new(7),
            first: origin,
            until_epoch: origin + 1,
            key,
            before,
        };
        let mut around = Surroundings {
            processor: Processor::cpu(),
            folder: folder.path(),
            evaluate: &mut |_: &Evaluate<'_>| Ok(Some(0.0)),
            observe: &mut |_: &FitEvent| (),
            clock: &Fixed(Time(0.0)),
            cancel: &Cancel::new(),
            save_seconds: 1e9,
        };
        let table = |params: &Params| {
            let table = params.get(params.by_name("pos_embed").unwrap());
            table.flatten_all().unwrap().to_vec1::<f32>().unwrap()
        };
        positions.push(table(&params));
        let fitted = fit(&task, &mut params, &mut Square(side), &mut around).unwrap();
        assert_eq!(fitted.epochs, origin + 1);
        positions.push(table(&params));
    }
    assert_eq!(positions[0], positions[2], "the same draws, which the checkpoint replaces");
    assert!(positions[0] != positions[1] && positions[1] != positions[3], "both stages move the table");
    let steps = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    // Two steps of AdamW move a weight by about 2 lr: from the end of the first stage, not from the draws.
    assert!(steps(&positions[1], &positions[3]) < 0.03, "{}", steps(&positions[1], &positions[3]));
}
