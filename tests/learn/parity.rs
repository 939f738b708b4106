//! The same numbers as timm's networks in PyTorch, and what a file of weights must be.
//!
//! `tests/golden/backbone/make.py` made the numbers of the cases in `cases.tsv`; `golden.rs` compares.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use toji::base::Seed;
use toji::learn::backbone::{self, BackboneError, Pool, Settings, Source, build, load, source};
use toji::learn::ops::Params;

use super::golden::{cases, floats, measure, plain};

/// Embeddings within 1e-4; one gradient at each depth, nine in ten of all, and all running statistics within 1e-3;
/// no gradient beyond 1e-2.
#[track_caller]
fn check(name: &str) {
    let cases: Vec<_> = cases().into_iter().filter(|case| case.name == name).collect();
    assert!(!cases.is_empty(), "cases.tsv has no line for {name}");
    for case in cases {
        let apart = measure(&case);
        let running = apart.running.as_ref().map_or(0.0, |(_, apart)| *apart);
        let steps = apart.training.max(apart.depth.1).max(apart.gradients).max(running);
        let near = apart.evaluation <= 1e-4 && steps <= 1e-3 && apart.gradient.1 <= 1e-2;
        assert!(near, "{name} with {}: {apart:?}", case.pool);
    }
}

/// A test for each network of cases.tsv.
macro_rules! networks {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                check(stringify!($name));
            }
        )*

        #[test]
        fn every_case_has_its_test() {
            let tested = [$(stringify!($name)),*];
            let forgotten: Vec<_> = cases().into_iter().filter(|case| !tested.contains(&case.name.as_str())).collect();
            assert!(forgotten.is_empty(), "name them in networks!: {forgotten:?}");
        }
    };
}

networks! {
    caformer_s18
    convformer_s18
    dm_nfnet_f0
    eca_nfnet_l0
    ecaresnet26t
    efficientnet_b0
    nfnet_l0
    resnet10t
    resnet18
    resnet26d
    resnet34
    resnet50
    resnext50_32x4d
    seresnet18
    swin_tiny_patch4_window7_224
    swinv2_tiny_window8_256
    tf_efficientnetv2_b0
    vit_small_patch14_reg4_dinov2
    vit_tiny_patch16_224
    vit_wee_patch16_reg1_gap_256
    vit_xsmall_patch16_clip_224
    convnext_atto
    convnext_tiny_hnf
    convnextv2_atto
}

/// timm: `sum(p.numel() for p in create_model(name).parameters())`, and multiply-adds at 224 pixels
/// as hooks on its convolutions and its classifier count them.
#[test]
fn sizes_are_the_published_ones() {
    for (name, count, multiply_adds) in MULTIPLY_ADDS {
        let cost = backbone::cost(&Settings::new(name, Pool::Avg {}, 1000), 224).expect("a network");
        assert_eq!((cost.parameters, cost.multiply_adds), (count, multiply_adds), "{name}");
    }
}

const MULTIPLY_ADDS: [(&str, usize, u64); 4] = [
    ("resnet10t", 5_435_488, 1_097_259_008),
    ("resnet18", 11_689_512, 1_814_073_344),
    ("resnet34", 21_797_672, 3_663_761_408),
    // By hand, attention and all: 196·768·384 for the patches; 12·(12·197·384² + 2·197²·384); 384·1000.
    ("vit_small_patch16_224", 22_050_664, 4_598_882_304),
];

fn scratch(file: &str, tensors: &HashMap<String, Tensor>) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(file);
    candle_core::safetensors::save(tensors, &path).expect("saved");
    (folder, path)
}

fn whole(params: &Params) -> HashMap<String, Tensor> {
    params.iter().map(|(_, name, t, _)| (name.to_owned(), t.clone())).collect()
}

/// An error's words without the folder of this run.
fn words(error: &BackboneError, path: &Path) -> String {
    error.to_string().replace(&path.display().to_string(), "FILE")
}

#[test]
fn a_file_of_weights_fits_whole_or_is_refused_with_names() {
    let (_, mut params) = build(&Settings::new("resnet10t", Pool::Avg {}, 8), Seed::new(1)).expect("a network");
    let (_, other) = build(&Settings::new("resnet10t", Pool::Avg {}, 8), Seed::new(2)).expect("a network");
    let mut tensors = whole(&other);
    let counter = Tensor::new(7i64, &Device::Cpu).expect("a counter");
    tensors.insert("bn1.num_batches_tracked".into(), counter);
    let (_folder, path) = scratch("whole.safetensors", &tensors);
    let loaded = load(&path, &mut params).expect("it fits");
    assert_eq!((loaded.taken, loaded.left_out.len()), (other.len(), 0));
    for ((_, name, ours, _), (.., theirs, _)) in params.iter().zip(other.iter()) {
        assert_eq!(floats(ours), floats(theirs), "{name}");
    }

    let (_, classes) = build(&Settings::new("resnet10t", Pool::Avg {}, 11), Seed::new(3)).expect("a network");
    let (_folder, path) = scratch("classes.safetensors", &whole(&classes));
    let loaded = load(&path, &mut params).expect("all but fc");
    insta::assert_snapshot!(loaded.left_out.join("; "), @"fc.weight [11, 512], since the embedding is [8, 512]; fc.bias [11], since the embedding is [8]");
    assert_eq!(floats(params.get(params.by_name("fc.bias").expect("fc"))).len(), 8);

    let before = floats(params.get(params.by_name("bn1.weight").expect("bn1")));
    let mut tensors = whole(&classes);
    tensors.remove("layer2.0.bn1.bias");
    tensors.insert("layer9.0.conv1.weight".into(), plain("x", 1.0, &[2, 2]));
    tensors.insert("bn1.bias".into(), plain("x", 1.0, &[3]));
    tensors.insert("bn1.weight".into(), (plain("x", 1.0, &[64]) * f64::NAN).expect("NaN"));
    let (_folder, path) = scratch("wrong.safetensors", &tensors);
    let error = load(&path, &mut params).expect_err("four faults");
    insta::assert_snapshot!(words(&error, &path), @"the weights FILE are not of this network: missing: layer2.0.bn1.bias; left over: layer9.0.conv1.weight; wrong: bn1.weight holds numbers that are not finite, bn1.bias is [3], the network's [64]");
    assert_eq!(floats(params.get(params.by_name("bn1.weight").expect("bn1"))), before, "nothing was changed");
}

#[test]
fn pickles_and_damage_are_refused() {
    let (_, mut params) = build(&Settings::new("resnet10t", Pool::Avg {}, 8), Seed::new(1)).expect("a network");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.pth");
    let mut refuse = |bytes: &[u8]| {
        let mut file = std::fs::File::create(&path).expect("a file");
        std::io::Write::write_all(&mut file, bytes).expect("written");
        load(&path, &mut params).expect_err("refused")
    };
    assert!(matches!(refuse(b"PK\x03\x04rest"), BackboneError::Pickle { .. }));
    assert!(matches!(refuse(b"\x80\x02}q\x00."), BackboneError::Pickle { .. }));
    assert!(matches!(refuse(b"\x10\x00\x00\x00\x00\x00\x00\x00{}"), BackboneError::Damaged { .. }));
    assert!(matches!(refuse(b""), BackboneError::Damaged { .. }));
    let gone = load(&folder.path().join("gone.safetensors"), &mut params).expect_err("no file");
    assert!(matches!(gone, BackboneError::Read { .. }));
    assert_eq!(source("none").expect("no weights"), Source::Drawn);
    let Ok(Source::Hub(name)) = source("hf:timm/resnet18.a1_in1k") else { panic!("a hub's name") };
    assert_eq!(name.repository, "timm/resnet18.a1_in1k");
    assert!(matches!(source("hf:resnet18"), Err(BackboneError::Hub(_))));
    assert!(matches!(source("imagenet"), Err(BackboneError::UnknownWeights(_))));
    assert_eq!(source("a/b.safetensors").expect("a path"), Source::File("a/b.safetensors".into()));
    let unknown = build(&Settings::new("resnet19", Pool::Avg {}, 8), Seed::new(1)).err().expect("no such network");
    let unknown = unknown.to_string();
    assert!(unknown.starts_with("no backbone is named resnet19; there are resnet10t, "), "{unknown}");
}
