//! The cases of `tests/golden/backbone`: the same weights and pictures as PyTorch had, and how far our numbers are from its.
//!
//! Used by the tests and by the parity table of the benches, so it asserts nothing about the numbers.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use toji::base::Seed;
use toji::learn::backbone::{Pool, Settings, build};
use toji::learn::ops::{Kind, Params, Tape};

const BATCH: usize = 3;
const EMBEDDING: usize = 16;
/// Small, since the loss is linear and its gradients large: three steps must not run into chaos.
const RATE: f64 = 0.0005;

/// One line of `cases.tsv`.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: String,
    pub pool: String,
    pub size: [usize; 2],
}

/// How far one case is from PyTorch, each as distance over length.
#[derive(Clone, Debug)]
pub struct Apart {
    /// The embeddings in evaluation.
    pub evaluation: f64,
    /// The embeddings of the three training steps, the worst of them.
    pub training: f64,
    /// The parameter whose gradient in the first step is worst.
    pub gradient: (String, f64),
    /// What nine in ten gradients keep within. A ReLU whose sign is decided by rounding moves a few.
    pub gradients: f64,
    /// The depth whose nearest gradient is farthest, so at every depth one gradient keeps within this.
    pub depth: (String, f64),
    /// The running statistic that is worst after three steps; nothing where the family has no batch norm.
    pub running: Option<(String, f64)>,
}

/// `tests/golden/backbone`, found from this file's place.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file!()).with_file_name("../golden/backbone")
}

/// The lines of a table of `tests/golden/backbone`, cut at tabs.
pub fn lines(file: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(folder().join(file)).expect("a table");
    text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

/// All cases.
pub fn cases() -> Vec<Case> {
    let case = |line: Vec<String>| {
        let [name, pool, height, width] = <[String; 4]>::try_from(line).expect("name, pool, height, width");
        Case { name, pool, size: [height, width].map(|side| side.parse().expect("pixels")) }
    };
    lines("cases.tsv").into_iter().map(case).collect()
}

/// The pooling of a word of the tables.
pub fn pool(word: &str) -> Pool {
    match word {
        "avg" => Pool::Avg {},
        "max" => Pool::Max {},
        "gem" => Pool::Gem { p: 3.0, learn: false },
        "token" => Pool::Token {},
        other => panic!("no pooling is called {other}"),
    }
}

/// `count` numbers in `[-1, 1)` of 24 bits each.
fn uniform(name: &str, count: usize) -> impl Iterator<Item = f64> {
    let state = fnv(name.as_bytes());
    (1..=count as u64).map(move |i| {
        let mut z = i.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(state);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        (z >> 40) as f64 / f64::from(1 << 23) - 1.0
    })
}

/// FNV-1a with 64 bits.
pub fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325u64, |state, byte| (state ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3))
}

/// A tensor's values by the last word of its name and its shape; `fill` in make.py is the same rule.
fn filled(name: &str, dims: &[usize]) -> Tensor {
    let last = name.rsplit('.').next().unwrap_or(name);
    let scale = |u: f64| match (last, dims) {
        ("weight", [_, inner]) => u / (*inner as f64).sqrt(),
        ("weight", [_, rest @ ..]) if !rest.is_empty() => u * (6.0 / rest.iter().product::<usize>() as f64).sqrt(),
        ("weight", _) if name.ends_with("bn3.weight") => 0.25 + 0.0625 * u,
        ("weight" | "running_var" | "gamma" | "scale" | "gain" | "skipinit_gain", _) => 1.0 + 0.25 * u,
        ("logit_scale", _) => 2.0 + 0.25 * u,
        ("p", _) => 3.0 + 0.25 * u,
        _ => 0.1 * u,
    };
    let values: Vec<f32> = uniform(name, dims.iter().product()).map(|u| scale(u) as f32).collect();
    Tensor::from_vec(values, dims, &Device::Cpu).expect("a tensor")
}

fn fill(params: &mut Params) {
    let new: Vec<_> = params.iter().map(|(id, name, t, _)| (id, filled(name, t.dims()))).collect();
    new.into_iter().for_each(|(id, tensor)| params.set(id, tensor).expect("the same shape"));
}

/// Numbers of a name in `±scale`.
pub fn plain(name: &str, scale: f64, dims: &[usize]) -> Tensor {
    let values: Vec<f32> = uniform(name, dims.iter().product()).map(|u| (u * scale) as f32).collect();
    Tensor::from_vec(values, dims, &Device::Cpu).expect("a tensor")
}

pub fn floats(x: &Tensor) -> Vec<f32> {
    x.flatten_all().expect("flat").to_vec1().expect("floats")
}

fn length(x: impl Iterator<Item = f32>) -> f64 {
    x.map(|x| f64::from(x).powi(2)).sum::<f64>().sqrt()
}

/// Distance over `scale`, or over the reference's own length where that is larger.
fn apart(ours: &[f32], reference: &[f32], scale: f64) -> f64 {
    assert_eq!(ours.len(), reference.len());
    length(ours.iter().zip(reference).map(|(o, r)| o - r)) / length(reference.iter().copied()).max(scale)
}

/// How far each of the tensors is, the worst first; they are compared by the samples and the norm in their rows.
fn ranked(mut ours: Vec<(String, Tensor)>, rows: &Tensor) -> Vec<(String, f64)> {
    ours.sort_by(|a, b| a.0.cmp(&b.0));
    let rows = rows.to_vec2::<f32>().expect("rows");
    assert_eq!(ours.len(), rows.len(), "as many tensors as PyTorch has");
    // What no tensor's gradient should be compared below: rounding in the others.
    let floor = 1e-4 * rows.iter().map(|row| f64::from(row[row.len() - 1])).fold(0.0, f64::max);
    let each = ours.into_iter().zip(&rows).map(|((name, tensor), row)| {
        let flat = floats(&tensor);
        let (norm, samples) = (row[row.len() - 1], &row[..row.len() - 1]);
        let own: Vec<f32> = (0..samples.len()).map(|i| flat[i * flat.len() / samples.len()]).collect();
        // Samples are few, and their length is a matter of luck where a gradient is sparse.
        let usual = f64::from(norm) * (samples.len() as f64 / flat.len().max(samples.len()) as f64).sqrt();
        let of_samples = apart(&own, samples, usual.max(floor));
        (name, of_samples.max(apart(&[length(flat.into_iter()) as f32], &[norm], floor)))
    });
    let mut each: Vec<_> = each.collect();
    each.sort_by(|a, b| b.1.total_cmp(&a.1));
    each
}

/// Where a tensor stands: its name up to the last number in it, `layers.0.blocks.1` of `layers.0.blocks.1.norm1.weight`.
fn depth(name: &str) -> String {
    let words: Vec<&str> = name.split('.').collect();
    let number = words.iter().rposition(|word| word.parse::<usize>().is_ok());
    words[..=number.unwrap_or(0)].join(".")
}

/// Of each depth the nearest gradient; the worst of those.
fn worst_depth(gradients: &[(String, f64)]) -> (String, f64) {
    let mut nearest = HashMap::new();
    for (name, apart) in gradients {
        let least = nearest.entry(depth(name)).or_insert(*apart);
        *least = apart.min(*least);
    }
    nearest.into_iter().max_by(|a, b| a.1.total_cmp(&b.1)).expect("a gradient")
}

/// Runs a case and compares it with PyTorch's numbers.
pub fn measure(case: &Case) -> Apart {
    let file = folder().join(format!("{}-{}.safetensors", case.name, case.pool));
    let golden: HashMap<String, Tensor> =
        candle_core::safetensors::load(file, &Device::Cpu).expect("golden numbers; run tests/golden/backbone/make.py");
    let settings = Settings::new(&case.name, pool(&case.pool), EMBEDDING);
    let (network, mut params) = build(&settings, Seed::new(0)).expect("a network");
    assert_eq!(params.count() as i64, golden["count"].to_vec1::<i64>().expect("count")[0]);
    fill(&mut params);
    let x = plain("input", 1.7, &[BATCH, 3, case.size[0], case.size[1]]);
    let dy = plain("gradient", 1.0, &[BATCH, EMBEDDING]);
    let y = network.forward(&params, &mut Tape::eval(), &x).expect("evaluation").tensor();
    let evaluation = apart(&floats(&y), &floats(&golden["eval"]), 0.0);
    let (mut training, mut gradients) = (0.0f64, Vec::new());
    let mut tape = Tape::train();
    for step in 0..3 {
        let y = network.forward(&params, &mut tape, &x).expect("forward");
        training = training.max(apart(&floats(&y.tensor()), &floats(&golden[&format!("train.{step}")]), 0.0));
        let grads = tape.backward(&y, &dy).expect("backward");
        tape.apply_updates(&mut params).expect("updates");
        let weights: Vec<_> = params.weights().collect();
        let of = |id| grads.get(id).unwrap_or_else(|| panic!("no gradient for {}", params.name(id)));
        if step == 0 {
            let all = weights.iter().map(|id| (params.name(*id).to_owned(), of(*id).clone())).collect();
            gradients = ranked(all, &golden["gradients"]);
        }
        let moved: Vec<_> = weights
            .into_iter()
            .map(|id| (id, (params.get(id) - (of(id) * RATE).expect("scaled")).expect("moved")))
            .collect();
        moved.into_iter().for_each(|(id, moved)| params.set(id, moved).expect("the same shape"));
    }
    let buffers = params.iter().filter(|(.., kind)| *kind == Kind::Buffer);
    let buffers = buffers.map(|(_, name, tensor, _)| (name.to_owned(), tensor.clone())).collect();
    let running = golden.get("running").map(|rows| ranked(buffers, rows)[0].clone());
    let usual = gradients[gradients.len() / 10].1;
    Apart {
        evaluation,
        training,
        gradient: gradients[0].clone(),
        gradients: usual,
        depth: worst_depth(&gradients),
        running,
    }
}
