//! Every loss with every miner and memory: what runs, what is refused, what a checkpoint keeps.

use super::*;
use crate::book::technique::Technique;
use crate::learn::loss::Head;
use crate::learn::ops::Params;
use crate::learn::train::{Checkpoint, checkpoint};

#[test]
fn what_draws_depends_on_the_moment_alone() {
    let golden = golden();
    let Batch { embeddings, classes } = &golden.batches["wide"];
    let embeddings = matrix(embeddings, DType::F32);
    let triplets = |per_anchor: &str, miner: &str| {
        built(
            &format!(
                r#"{{"name": "TripletMarginLoss", "margin": 0.5, "swap": false, "smooth_loss": true,
                "triplets_per_anchor": {per_anchor}, "miner": {{{miner}}}, "memory": 0}}"#
            ),
            16,
        )
    };
    let mined = r#""name": "DistanceWeightedMiner", "cutoff": 0.5, "nonzero_loss_cutoff": 1.4"#;
    for loss in [triplets("2", r#""name": "none""#), triplets("\"all\"", mined)] {
        let at = |seed| gradients(loss.as_ref(), &[], &embeddings, &Targets::new(classes), at(seed)).unwrap();
        assert_eq!(flat(&at(5).embeddings), flat(&at(5).embeddings));
        assert_ne!(at(5).value, at(6).value);
    }
}

#[test]
fn a_single_pair_of_each_kind_is_too_few_for_the_pair_losses() {
    // One hard triplet: d(0, 1) = √2 is farther than d(0, 2). The library's pair losses call one pair of each kind nothing.
    let embeddings = Tensor::new(&[[1.0f64, 0.0], [0.0, 1.0], [1.0, -0.1]], &Device::Cpu).unwrap();
    let miner = r#"{"name": "TripletMarginMiner", "margin": 0.2, "type_of_triplets": "hard"}"#;
    let contrastive = built(
        &format!(
            r#"{{"name": "ContrastiveLoss", "pos_margin": 0.0, "neg_margin": 1.0, "miner": {miner}, "memory": 0}}"#
        ),
        2,
    );
    let found = run(contrastive.as_ref(), &embeddings, &[0, 0, 1]);
    assert_eq!((found.value, flat(&found.embeddings)), (0.0, vec![0.0; 6]));
    let triplet = built(
        &format!(
            r#"{{"name": "TripletMarginLoss", "margin": 0.05, "swap": false, "smooth_loss": false,
            "triplets_per_anchor": "all", "miner": {miner}, "memory": 0}}"#
        ),
        2,
    );
    let near = (2.0 - 2.0 / 1.01f64.sqrt()).sqrt();
    let value = run(triplet.as_ref(), &embeddings, &[0, 0, 1]).value;
    assert!((value - (2f64.sqrt() - near + 0.05)).abs() < 1e-12, "{value}");
}

#[test]
fn an_embedding_that_is_no_number_is_not_hidden() {
    let embeddings = Tensor::new(&[[1f32, 0.0], [f32::NAN, 1.0], [0.0, 1.0]], &Device::Cpu).unwrap();
    for row in loss::TECHNIQUES.iter().filter(|row| row.params.iter().any(|param| param.name == "miner")) {
        for miner in miner::TECHNIQUES {
            let loss = loss::build(&defaults(row, miner, 0), 2, &[2, 1]).unwrap();
            assert!(run(loss.as_ref(), &embeddings, &[0, 0, 1]).value.is_nan(), "{} {}", row.name, miner.name);
        }
    }
}

/// The table of a row and of a miner with what holds when nothing is written.
fn defaults(row: &Technique, miner: &Technique, memory: i64) -> Value {
    let filled = |row: &Technique| {
        let mut table = Value::table();
        table.set("name", Value::Text(row.name.to_owned()));
        for param in row.params {
            if let Default::Is(literal) = &param.default {
                table.set(param.name, literal.value());
            }
        }
        table
    };
    let mut table = filled(row);
    table.set("miner", filled(miner));
    table.set("memory", Value::Int(memory));
    table
}

#[test]
fn every_loss_runs_with_every_miner_and_memory() {
    let golden = golden();
    let Batch { embeddings, classes } = &golden.batches["plain"];
    let embeddings = matrix(embeddings, DType::F32);
    let rows = || loss::TECHNIQUES.iter().filter(|row| row.params.iter().any(|param| param.name == "miner"));
    assert_eq!((rows().count(), miner::TECHNIQUES.len()), (6, 6));
    for (row, miner) in rows().flat_map(|row| miner::TECHNIQUES.iter().map(move |miner| (row, miner))) {
        assert!(miner.details.len() > 200 && !miner.details.contains("  "), "{}", miner.name);
        for memory in [0, 20] {
            let loss = loss::build(&defaults(row, miner, memory), 5, &[2; 4]).unwrap();
            assert_eq!(loss.sampler(), Wants::Pairs);
            let mut head = loss.head(Seed::new(0)).unwrap();
            assert_eq!(head.len(), if memory == 0 { 0 } else { 4 });
            for _ in 0..3 {
                let found = gradients(loss.as_ref(), &head, &embeddings, &Targets::new(classes), at(1)).unwrap();
                assert!(found.value.is_finite() && flat(&found.embeddings).iter().all(|x| x.is_finite()));
                found.buffers.into_iter().for_each(|(place, tensor)| head[place].tensor = tensor);
            }
        }
    }
}

#[test]
fn mistakes_are_named() {
    let build = |text: &str| loss::build(&serde_json::from_str(text).unwrap(), 2, &[2, 2]).err().unwrap().to_string();
    let triplet = r#"{"name": "TripletMarginLoss", "margin": 0.05, "swap": true, "smooth_loss": false,
        "triplets_per_anchor": "all", "miner": {"name": "none"}, "memory": 8}"#;
    insta::assert_snapshot!(build(triplet), @"TripletMarginLoss: swap needs distances from positives to negatives, which a memory does not have: write memory = 0, or leave swap out");
    let strategies = |pos: &str, neg: &str| {
        build(&format!(
            r#"{{"name": "SupConLoss", "temperature": 0.1, "memory": 0,
            "miner": {{"name": "BatchEasyHardMiner", "pos_strategy": "{pos}", "neg_strategy": "{neg}"}}}}"#
        ))
    };
    insta::assert_snapshot!(strategies("semihard", "semihard"), @r#"SupConLoss: BatchEasyHardMiner: pos_strategy and neg_strategy cannot both be "semihard", each waits for the other"#);
    insta::assert_snapshot!(strategies("all", "semihard"), @r#"SupConLoss: BatchEasyHardMiner: "semihard" is measured against one photo of the other kind, which "all" does not name"#);
    let small = built(r#"{"name": "SupConLoss", "temperature": 0.1, "memory": 2, "miner": {"name": "none"}}"#, 2);
    let head = small.head(Seed::new(0)).unwrap();
    let three = Tensor::ones((3, 2), DType::F32, &Device::Cpu).unwrap();
    let large = gradients(small.as_ref(), &head, &three, &Targets::new(&[0, 1, 2]), at(0)).unwrap_err();
    assert!(
        loss::build(&defaults(&formula::supcon::ROW, miner::TECHNIQUES[0], 8), 2, &vec![1; (1 << 24) + 1]).is_err()
    );
    insta::assert_snapshot!(large, @"SupConLoss: a batch of 3 does not fit into memory = 2: make the memory at least as large as a batch");
}

#[test]
fn a_memory_comes_back_from_a_checkpoint_bit_for_bit() {
    let golden = golden();
    let loss = built(
        r#"{"name": "MultiSimilarityLoss", "alpha": 2.0, "beta": 50.0, "base": 0.5, "memory": 10,
        "miner": {"name": "DistanceWeightedMiner", "cutoff": 0.5, "nonzero_loss_cutoff": 1.4}}"#,
        4,
    );
    let begin = || {
        let mut params = Params::default();
        let head = Head::add(loss.as_ref(), &mut params, Seed::new(0)).unwrap();
        (params, head)
    };
    let step = |params: &mut Params, head: &Head, step: u64| {
        let Batch { embeddings, classes } = &golden.batches[&format!("step {step}")];
        let embeddings = matrix(embeddings, DType::F32);
        let tensors = head.tensors(params, &[]);
        let found = gradients(loss.as_ref(), &tensors, &embeddings, &Targets::new(classes), at(step)).unwrap();
        head.set_buffers(params, found.buffers).unwrap();
        (found.value.to_bits(), flat(&found.embeddings))
    };
    let (mut params, head) = begin();
    let names: Vec<String> = params.iter().map(|(_, name, ..)| name.to_owned()).collect();
    assert_eq!(names, memory::BUFFERS.map(|name| format!("loss.{name}")));
    let through: Vec<_> = (0..6).map(|at| step(&mut params, &head, at)).collect();

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    let (mut params, head) = begin();
    let mut stopped: Vec<_> = (0..4).map(|at| step(&mut params, &head, at)).collect();
    checkpoint::save(&path, &params, None, &checkpoint::Place::start(crate::base::Key::of_bytes(b"memory"))).unwrap();
    let (mut params, head) = begin();
    Checkpoint::open(&path).unwrap().load(&mut params).unwrap();
    stopped.extend((4..6).map(|at| step(&mut params, &head, at)));
    assert_eq!(stopped, through);
    assert!(through.iter().any(|(value, _)| f64::from_bits(*value) > 0.0));
}
