//! Stopping and going on, rungs and threads: the same bytes each time.

use super::*;

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
            cancel.check().map(|()| None).map_err(OtherError::from)
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
