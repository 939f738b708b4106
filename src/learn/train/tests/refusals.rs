//! What cannot be trained is named, and a checkpoint of something else is refused.

use super::*;

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
        evaluate: &mut |_: &Evaluate<'_>| Ok(Some(0.0)),
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
        evaluate: &mut |_: &Evaluate<'_>| Ok(Some(0.0)),
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
