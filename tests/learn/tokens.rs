//! Operations over tokens equal their definitions in f64, forward and back, at odd sizes and across the cuts.

use proptest::prelude::*;
use toji::base::Seed;
use toji::base::seed::Draws;
use toji::learn::ops::{Act, Grads, LayerNorm, OpsError, Params, ResponseNorm, Tape, Var};

use super::naive::{self, add, close, differences, dot, floats, tensor};

fn numbers(count: usize, draws: &mut Draws) -> Vec<f64> {
    naive::numbers(count, draws, -1.0, 1.0)
}

/// Runs an operation on one watched input; gives output, gradients and the input's gradient, and holds that evaluation has
/// the same bits.
fn run(
    x: &[f64],
    dims: &[usize],
    dy: &[f64],
    f: impl Fn(&mut Tape, &Var) -> Result<Var, OpsError>,
) -> (Vec<f32>, Grads, Vec<f32>) {
    let mut tape = Tape::train();
    let input = tape.watch(&tensor(x, dims));
    let y = f(&mut tape, &input).expect("forward");
    let grads = tape.backward(&y, &tensor(dy, y.dims())).expect("backward");
    let mut eval = Tape::eval();
    let constant = eval.constant(&tensor(x, dims));
    let again = f(&mut eval, &constant).expect("evaluation");
    assert_eq!(floats(&again.tensor()), floats(&y.tensor()), "evaluation has the same bits");
    let dx = floats(grads.of(&input).expect("dx"));
    (floats(&y.tensor()), grads, dx)
}

fn linear(x: &[f64], w: &[f64], b: &[f64]) -> Vec<f64> {
    let (d, c) = (b.len(), w.len() / b.len());
    x.chunks(c).flat_map(|x| (0..d).map(|d| b[d] + dot(x, &w[d * c..][..c])).collect::<Vec<_>>()).collect()
}

fn check_linear(outer: &[usize], c: usize, d: usize, act: Act, draws: &mut Draws) {
    let rows: usize = outer.iter().product();
    let (x, w, b) = (numbers(rows * c, draws), numbers(d * c, draws), numbers(d, draws));
    let dy = numbers(rows * d, draws);
    let mut params = Params::new();
    let (weight, bias) = (add(&mut params, "w", &w, &[d, c]), add(&mut params, "b", &b, &[d]));
    let dims = [outer, &[c]].concat();
    let (y, grads, dx) = run(&x, &dims, &dy, |tape, x| tape.linear(&params, x, weight, Some(bias), act));
    let what = format!("{outer:?} {c} {d} {act:?}");
    let before = linear(&x, &w, &b);
    close(&format!("y {what}"), &y, &naive::act(act, &before), 1e-5);
    // The gradient before the activation, by its slope at each place; then by the chain rule.
    let moved = |by: f64| naive::act(act, &before.iter().map(|x| x + by).collect::<Vec<_>>());
    let (above, below) = (moved(1e-6), moved(-1e-6));
    let g: Vec<f64> = (0..rows * d).map(|i| dy[i] * (above[i] - below[i]) / 2e-6).collect();
    let (mut dx_right, mut dw, mut db) = (vec![0.0; rows * c], vec![0.0; d * c], vec![0.0; d]);
    for row in 0..rows {
        for o in 0..d {
            let g = g[row * d + o];
            db[o] += g;
            for i in 0..c {
                dx_right[row * c + i] += g * w[o * c + i];
                dw[o * c + i] += g * x[row * c + i];
            }
        }
    }
    close(&format!("dx {what}"), &dx, &dx_right, 1e-4);
    close(&format!("dw {what}"), &floats(grads.get(weight).expect("dw")), &dw, 1e-4);
    close(&format!("db {what}"), &floats(grads.get(bias).expect("db")), &db, 1e-4);
}

const ACTS: [Act; 6] = [Act::None, Act::Relu, Act::Silu, Act::Gelu, Act::QuickGelu, Act::GeluTanh];

fn layer_norm(x: &[f64], w: &[f64], b: &[f64]) -> Vec<f64> {
    let c = w.len();
    let row = |x: &[f64]| {
        let mean = x.iter().sum::<f64>() / c as f64;
        let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / c as f64;
        (0..c).map(|i| (x[i] - mean) / (variance + 1e-6).sqrt() * w[i] + b[i]).collect::<Vec<_>>()
    };
    x.chunks(c).flat_map(row).collect()
}

fn response_norm(x: &[f64], w: &[f64], b: &[f64], pixels: usize) -> Vec<f64> {
    let c = w.len();
    let picture = |x: &[f64]| {
        let lengths: Vec<f64> = (0..c).map(|i| (0..pixels).map(|p| x[p * c + i].powi(2)).sum::<f64>().sqrt()).collect();
        let mean = lengths.iter().sum::<f64>() / c as f64;
        let one = |(at, x): (usize, &f64)| x + x * lengths[at % c] / (mean + 1e-6) * w[at % c] + b[at % c];
        x.iter().enumerate().map(one).collect::<Vec<_>>()
    };
    x.chunks(c * pixels).flat_map(picture).collect()
}

fn attention(qkv: &[f64], n: usize, heads: usize, dim: usize) -> Vec<f64> {
    let d = heads * dim;
    let picture = |qkv: &[f64]| {
        let part = |token: usize, part: usize, head: usize| &qkv[token * 3 * d + part * d + head * dim..][..dim];
        let mut y = vec![0.0; n * d];
        for head in 0..heads {
            for i in 0..n {
                let scores: Vec<f64> =
                    (0..n).map(|j| (dot(part(i, 0, head), part(j, 1, head)) / (dim as f64).sqrt()).exp()).collect();
                let sum: f64 = scores.iter().sum();
                for (j, score) in scores.iter().enumerate() {
                    for (k, v) in part(j, 2, head).iter().enumerate() {
                        y[i * d + head * dim + k] += score / sum * v;
                    }
                }
            }
        }
        y
    };
    qkv.chunks(n * 3 * d).flat_map(picture).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_linear_layer_at_any_size(
        (outer, rows, c, d) in (1usize..4, 1usize..90, 1usize..40, 1usize..40),
        act in 0usize..6,
        seed in any::<u64>(),
    ) {
        check_linear(&[outer, rows], c, d, ACTS[act], &mut Seed::new(seed).draws());
    }

    // Of two channels a norm makes 1 and -1 whatever stands there: their gradient is what rounding leaves of nothing.
    #[test]
    fn layer_norm_at_any_size((rows, c) in (1usize..20, 3usize..70), seed in any::<u64>()) {
        let mut draws = Seed::new(seed).draws();
        let (x, w, b) = (numbers(rows * c, &mut draws), numbers(c, &mut draws), numbers(c, &mut draws));
        let dy = numbers(rows * c, &mut draws);
        let mut params = Params::new();
        let norm = LayerNorm { weight: add(&mut params, "w", &w, &[c]), bias: Some(add(&mut params, "b", &b, &[c])), eps: 1e-6 };
        let (y, grads, dx) = run(&x, &[rows, c], &dy, |tape, x| tape.layer_norm(&params, x, &norm));
        close("y", &y, &layer_norm(&x, &w, &b), 1e-4);
        close("dx", &dx, &differences(&x, |x| dot(&layer_norm(x, &w, &b), &dy)), 2e-3);
        let dw = differences(&w, |w| dot(&layer_norm(&x, w, &b), &dy));
        close("dw", &floats(grads.get(norm.weight).expect("dw")), &dw, 1e-4);
        let db = differences(&b, |b| dot(&layer_norm(&x, &w, b), &dy));
        close("db", &floats(grads.get(norm.bias.expect("a bias")).expect("db")), &db, 1e-4);
    }

    #[test]
    fn response_norm_at_any_size((b, h, w, c) in (1usize..4, 1usize..6, 1usize..6, 1usize..40), seed in any::<u64>()) {
        let mut draws = Seed::new(seed).draws();
        let (x, scale, shift) = (numbers(b * h * w * c, &mut draws), numbers(c, &mut draws), numbers(c, &mut draws));
        let dy = numbers(x.len(), &mut draws);
        let mut params = Params::new();
        let norm = ResponseNorm {
            weight: add(&mut params, "w", &scale, &[c]),
            bias: add(&mut params, "b", &shift, &[c]),
            eps: 1e-6,
        };
        let (y, grads, dx) = run(&x, &[b, h, w, c], &dy, |tape, x| tape.response_norm(&params, x, &norm));
        close("y", &y, &response_norm(&x, &scale, &shift, h * w), 1e-4);
        close("dx", &dx, &differences(&x, |x| dot(&response_norm(x, &scale, &shift, h * w), &dy)), 2e-3);
        let dw = differences(&scale, |scale| dot(&response_norm(&x, scale, &shift, h * w), &dy));
        close("dw", &floats(grads.get(norm.weight).expect("dw")), &dw, 1e-3);
        let db = differences(&shift, |shift| dot(&response_norm(&x, &scale, shift, h * w), &dy));
        close("db", &floats(grads.get(norm.bias).expect("db")), &db, 1e-4);
    }

    #[test]
    fn attention_at_any_size(
        (b, n, heads, dim) in (1usize..3, 1usize..20, 1usize..4, 1usize..9),
        seed in any::<u64>(),
    ) {
        let mut draws = Seed::new(seed).draws();
        let qkv: Vec<f64> = numbers(b * n * 3 * heads * dim, &mut draws).iter().map(|x| x * 3.0).collect();
        let dy = numbers(b * n * heads * dim, &mut draws);
        let (y, _, dx) = run(&qkv, &[b, n, 3 * heads * dim], &dy, |tape, x| tape.attention(x, heads));
        close("y", &y, &attention(&qkv, n, heads, dim), 1e-4);
        close("dx", &dx, &differences(&qkv, |qkv| dot(&attention(qkv, n, heads, dim), &dy)), 1e-3);
    }
}

/// Several blocks; groups of blocks with a rest; a weight too large for groups, in tiles with rests.
#[test]
fn the_linear_layer_across_the_cuts() {
    let mut draws = Seed::new(21).draws();
    check_linear(&[1501], 9, 7, Act::Gelu, &mut draws);
    check_linear(&[3, 70], 150, 260, Act::Silu, &mut draws);
    check_linear(&[65], 300, 34, Act::None, &mut draws);
}

#[test]
fn attention_and_layer_norm_across_the_cuts() {
    let mut draws = Seed::new(22).draws();
    let (n, heads, dim) = (403, 2, 5);
    let (qkv, dy) = (numbers(n * 30, &mut draws), numbers(n * 10, &mut draws));
    let (y, _, dx) = run(&qkv, &[1, n, 30], &dy, |tape, x| tape.attention(x, heads));
    close("y", &y, &attention(&qkv, n, heads, dim), 1e-4);
    // One direction stands for all: its difference quotient.
    let direction = numbers(qkv.len(), &mut draws);
    let along = |t: f64| {
        let moved: Vec<f64> = qkv.iter().zip(&direction).map(|(x, d)| x + t * d).collect();
        dot(&attention(&moved, n, heads, dim), &dy)
    };
    let ours: f64 = dx.iter().zip(&direction).map(|(dx, d)| f64::from(*dx) * d).sum();
    let right = (along(1e-5) - along(-1e-5)) / 2e-5;
    assert!((ours - right).abs() < 1e-4 * right.abs().max(1.0), "{ours} {right}");

    let (rows, c) = (1300, 130);
    let (x, w, dy) = (numbers(rows * c, &mut draws), numbers(c, &mut draws), numbers(rows * c, &mut draws));
    let mut params = Params::new();
    let norm = LayerNorm { weight: add(&mut params, "w", &w, &[c]), bias: None, eps: 1e-6 };
    let (y, grads, _) = run(&x, &[2, rows / 2, c], &dy, |tape, x| tape.layer_norm(&params, x, &norm));
    close("y", &y, &layer_norm(&x, &w, &vec![0.0; c]), 1e-4);
    let dw: Vec<f64> = (0..c)
        .map(|i| {
            let one: Vec<f64> = (0..c).map(|j| f64::from(u8::from(i == j))).collect();
            dot(&layer_norm(&x, &one, &vec![0.0; c]), &dy)
        })
        .collect();
    close("dw", &floats(grads.get(norm.weight).expect("dw")), &dw, 1e-4);
}

/// The stream keeps its gradient and the branch gets its own; a picture is dropped whole; and a norm adds to what flowed before.
#[test]
fn a_residual_joins_and_drops() {
    let mut draws = Seed::new(23).draws();
    let (b, n, c) = (64, 3, 5);
    let len = b * n * c;
    let (x, gamma, dy) = (numbers(len, &mut draws), numbers(c, &mut draws), numbers(len, &mut draws));
    let mut params = Params::new();
    let ones = vec![1.0; c];
    let norm = LayerNorm { weight: add(&mut params, "w", &ones, &[c]), bias: None, eps: 1e-6 };
    let scale = add(&mut params, "gamma", &gamma, &[c]);
    for (drop_path, scaled) in [(0.0, true), (0.25, true), (0.25, false), (0.0, false)] {
        let mut tape = Tape::train();
        tape.seed(Seed::new(7));
        let input = tape.watch(&tensor(&x, &[b, n, c]));
        let branch = tape.layer_norm(&params, &input, &norm).expect("a branch");
        let y = tape.residual(&params, &input, &branch, scaled.then_some(scale), drop_path).expect("forward");
        let grads = tape.backward(&y, &tensor(&dy, &[b, n, c])).expect("backward");
        let gamma = if scaled { &gamma } else { &ones };
        let ys = floats(&y.tensor());
        let dropped: Vec<bool> =
            (0..b).map(|i| (0..n * c).all(|j| ys[i * n * c + j] == x[i * n * c + j] as f32)).collect();
        let count = dropped.iter().filter(|dropped| **dropped).count();
        assert!(if drop_path > 0.0 { (6..28).contains(&count) } else { count == 0 }, "{count} of {b} dropped");
        let of = |x: &[f64], gamma: &[f64]| -> Vec<f64> {
            let branch = layer_norm(x, &ones, &vec![0.0; c]);
            let keep = |i: usize| if dropped[i / n / c] { 0.0 } else { 1.0 / f64::from(1.0 - drop_path) };
            (0..len).map(|i| x[i] + keep(i) * gamma[i % c] * branch[i]).collect()
        };
        close("y", &ys, &of(&x, gamma), 1e-4);
        close("dx", &floats(grads.of(&input).expect("dx")), &differences(&x, |x| dot(&of(x, gamma), &dy)), 2e-3);
        if scaled {
            let right = differences(gamma, |gamma| dot(&of(&x, gamma), &dy));
            close("dgamma", &floats(grads.get(scale).expect("dgamma")), &right, 1e-4);
        }
    }
}

#[test]
fn dropout_drops_the_same_on_the_way_back() {
    let ones = vec![1.0; 100_000];
    let mut tape = Tape::train();
    tape.seed(Seed::new(3));
    let input = tape.watch(&tensor(&ones, &[100, 1000]));
    let y = tape.dropout(&input, 0.2).expect("forward");
    let other = tape.dropout(&input, 0.2).expect("another place");
    let grads = tape.backward(&y, &tensor(&ones, &[100, 1000])).expect("backward");
    let ys = floats(&y.tensor());
    assert_eq!(ys, floats(grads.of(&input).expect("dx")));
    let zeros = ys.iter().filter(|y| **y == 0.0).count();
    assert!((19_400..20_600).contains(&zeros) && ys.iter().all(|y| *y == 0.0 || *y == 1.25), "{zeros} zeros");
    assert_ne!(ys, floats(&other.tensor()));
    let mut eval = Tape::eval();
    let x = eval.constant(&tensor(&ones, &[100, 1000]));
    assert_eq!(floats(&eval.dropout(&x, 0.2).expect("evaluation").tensor()), vec![1.0; 100_000]);
}

#[test]
fn wrong_shapes_are_named() {
    let mut params = Params::new();
    let weight = add(&mut params, "w", &[0.0; 6], &[2, 3]);
    let mut tape = Tape::train();
    let x = tape.watch(&tensor(&[0.0; 8], &[2, 4]));
    let error = tape.linear(&params, &x, weight, None, Act::None).expect_err("a shape");
    insta::assert_snapshot!(error, @"linear: expected [.., 3] of at least one number, got a tensor of shape [2, 4]");
    let error = tape.attention(&x, 2).expect_err("a shape");
    insta::assert_snapshot!(error, @"attention: expected [b, .., 3·d] with d a multiple of 2, got a tensor of shape [2, 4]");
    let error = tape.residual(&params, &x, &x, Some(weight), 0.0).expect_err("a shape");
    insta::assert_snapshot!(error, @"residual: expected a scale [4], got a tensor of shape [2, 3]");
    let error = tape.dropout(&x, 1.0).expect_err("a probability");
    insta::assert_snapshot!(error, @"dropout: expected a probability of at least 0 and below 1, not 1, got a tensor of shape [2, 4]");
}
