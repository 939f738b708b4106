//! The same numbers as timm's networks in PyTorch: `tests/golden/backbone/make.py` made them.
//!
//! Weights, pictures and gradients are filled on both sides by one integer hash of (name, index).

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use toji::base::Seed;
use toji::learn::backbone::{self, BackboneError, Pool, Settings, build, load, weights_file};
use toji::learn::ops::{Params, Tape};

const BATCH: usize = 3;
const EMBEDDING: usize = 16;
/// Small, since the loss is linear and its gradients large: three steps must not run into chaos.
const RATE: f64 = 0.0005;

/// `count` numbers in `[-1, 1)` of 24 bits each.
fn uniform(name: &str, count: usize) -> impl Iterator<Item = f64> {
    let state = name
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325u64, |state, byte| (state ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3));
    (1..=count as u64).map(move |i| {
        let mut z = i.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(state);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        (z >> 40) as f64 / f64::from(1 << 23) - 1.0
    })
}

fn filled(name: &str, dims: &[usize]) -> Tensor {
    let count = dims.iter().product();
    let scale = |u: f64| match dims {
        [_, c, kh, kw] => u * (6.0 / (c * kh * kw) as f64).sqrt(),
        [_, c] if name == "fc.weight" => u / (*c as f64).sqrt(),
        _ if name.ends_with("weight") || name.ends_with("running_var") => 1.0 + 0.25 * u,
        _ => 0.1 * u,
    };
    let values: Vec<f32> = uniform(name, count).map(|u| scale(u) as f32).collect();
    Tensor::from_vec(values, dims, &Device::Cpu).expect("a tensor")
}

fn fill(params: &mut Params) {
    let new: Vec<_> = params.iter().map(|(id, name, t, _)| (id, filled(name, t.dims()))).collect();
    new.into_iter().for_each(|(id, tensor)| params.set(id, tensor).expect("the same shape"));
}

fn plain(name: &str, scale: f64, dims: &[usize]) -> Tensor {
    let values: Vec<f32> = uniform(name, dims.iter().product()).map(|u| (u * scale) as f32).collect();
    Tensor::from_vec(values, dims, &Device::Cpu).expect("a tensor")
}

fn golden(file: &str) -> HashMap<String, Tensor> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/backbone");
    candle_core::safetensors::load(folder.join(file), &Device::Cpu).expect("golden numbers")
}

fn floats(x: &Tensor) -> Vec<f32> {
    x.flatten_all().expect("flat").to_vec1().expect("floats")
}

/// Distance over length.
#[track_caller]
fn near(what: &str, ours: &[f32], reference: &[f32], tolerance: f64) {
    assert_eq!(ours.len(), reference.len(), "{what}");
    let square = |x: f32| f64::from(x) * f64::from(x);
    let apart = ours.iter().zip(reference).map(|(o, r)| square(o - r)).sum::<f64>().sqrt();
    let length = reference.iter().map(|r| square(*r)).sum::<f64>().sqrt();
    assert!(apart <= tolerance * length.max(1e-6), "{what}: {apart:.3e} apart of {length:.3e}");
}

fn check(name: &str, pool: Pool, file: &str) {
    let golden = golden(file);
    let (network, mut params) = build(&Settings::new(name, pool, EMBEDDING), Seed::new(0)).expect("a network");
    assert_eq!(params.count() as i64, golden["count"].to_vec1::<i64>().expect("count")[0]);
    fill(&mut params);
    let x = plain("input", 1.7, &[BATCH, 3, 52, 44]);
    let dy = plain("gradient", 1.0, &[BATCH, EMBEDDING]);
    let y = network.forward(&params, &mut Tape::eval(), &x).expect("evaluation").tensor();
    near("evaluation", &floats(&y), &floats(&golden["eval"]), 1e-4);
    let mut tape = Tape::train();
    for step in 0..3 {
        let y = network.forward(&params, &mut tape, &x).expect("forward");
        near(&format!("step {step}"), &floats(&y.tensor()), &floats(&golden[&format!("train.{step}")]), 1e-3);
        let grads = tape.backward(&y, &dy).expect("backward");
        tape.apply_updates(&mut params).expect("updates");
        for id in params.weights().collect::<Vec<_>>() {
            let grad = grads.get(id).expect("a gradient");
            if step == 0 {
                let flat = floats(grad);
                let norm = flat.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt() as f32;
                let samples = (0..32).map(|i| flat[i * flat.len() / 32]).chain([norm]).collect::<Vec<_>>();
                let key = format!("grad.{}", params.name(id));
                near(&key, &samples, &floats(&golden[&key]), 1e-3);
            }
            let moved = (params.get(id) - (grad * RATE).expect("scaled")).expect("moved");
            params.set(id, moved).expect("the same shape");
        }
    }
    let running = params.iter().filter(|(_, name, ..)| name.contains("running"));
    for (_, name, tensor, _) in running {
        near(name, &floats(tensor), &floats(&golden[name]), 1e-3);
    }
}

#[test]
fn resnet10t_is_timms() {
    check("resnet10t", Pool::Avg {}, "resnet10t-avg.safetensors");
}

#[test]
fn resnet18_is_timms() {
    check("resnet18", Pool::Avg {}, "resnet18-avg.safetensors");
}

#[test]
fn resnet18_with_gem_is_the_papers() {
    check("resnet18", Pool::Gem { p: 3.0 }, "resnet18-gem.safetensors");
}

#[test]
fn resnet34_is_timms() {
    check("resnet34", Pool::Avg {}, "resnet34-avg.safetensors");
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

const MULTIPLY_ADDS: [(&str, usize, u64); 3] = [
    ("resnet10t", 5_435_488, 1_097_259_008),
    ("resnet18", 11_689_512, 1_814_073_344),
    ("resnet34", 21_797_672, 3_663_761_408),
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
    assert!(matches!(weights_file("none"), Ok(None)));
    assert!(matches!(weights_file("hf:timm/resnet18.a1_in1k"), Err(BackboneError::NotBuilt(_))));
    assert!(matches!(weights_file("imagenet"), Err(BackboneError::UnknownWeights(_))));
    assert_eq!(weights_file("a/b.safetensors").expect("a path"), Some("a/b.safetensors".into()));
    let unknown = build(&Settings::new("resnet19", Pool::Avg {}, 8), Seed::new(1)).err().expect("no such network");
    insta::assert_snapshot!(unknown, @"no backbone is named resnet19; there are resnet10t, resnet18, resnet34");
}
