//! What networks without norms and with channel attention are made of equals its definition in f64, forward and back.

use toji::base::Seed;
use toji::learn::ops::{Act, Conv, Params, Standard, StarRelu, Tape};

use super::naive::{self, Geometry, Grid, add, close, conv, differences, dot, floats, run, tensor};

fn numbers(count: usize, seed: u64, low: f64, high: f64) -> Vec<f64> {
    naive::numbers(count, &mut Seed::new(seed).draws(), low, high)
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[test]
fn an_activation_with_a_factor() {
    let (x, dy) = (numbers(60, 1, -2.0, 2.0), numbers(60, 2, -1.0, 1.0));
    let of = |x: &[f64]| x.iter().map(|x| 0.7 * x * sigmoid(*x)).collect::<Vec<_>>();
    let (y, _, dx) = run(&tensor(&x, &[1, 4, 3, 5]), &dy, |tape, x| tape.activate(x, Act::Silu, 0.7));
    close("y", &y, &of(&x), 1e-5);
    close("dx", &dx, &differences(&x, |v| dot(&of(v), &dy)), 1e-4);
}

#[test]
fn half_of_a_row_gates_the_other() {
    // Once more rows than one task has, and no whole number of vectors.
    for (rows, c) in [(6, 5), (500, 37)] {
        let (x, dy) = (numbers(rows * 2 * c, 31, -3.0, 3.0), numbers(rows * c, 32, -1.0, 1.0));
        let of = |x: &[f64]| -> Vec<f64> {
            let row = |x: &[f64]| (0..c).map(|i| x[i] * sigmoid(x[i]) * x[c + i]).collect::<Vec<_>>();
            x.chunks(2 * c).flat_map(row).collect()
        };
        let (y, _, dx) = run(&tensor(&x, &[1, rows, 2 * c]), &dy, |tape, x| tape.swiglu(x));
        close("y", &y, &of(&x), 1e-5);
        let slope = |row: usize, i: usize| {
            let (a, b, g) = (x[2 * row * c + i % c], x[(2 * row + 1) * c + i % c], dy[row * c + i % c]);
            let s = sigmoid(a);
            if i < c { g * b * s * (1.0 + a * (1.0 - s)) } else { g * a * s }
        };
        let reference: Vec<f64> = (0..rows * 2 * c).map(|at| slope(at / (2 * c), at % (2 * c))).collect();
        close("dx", &dx, &reference, 1e-5);
        if rows == 6 {
            close("the slope", &dx, &differences(&x, |v| dot(&of(v), &dy)), 1e-4);
        }
    }
    let mut tape = Tape::train();
    let odd = tape.watch(&tensor(&[1.0, 2.0, 3.0], &[1, 3]));
    let refused = tape.swiglu(&odd).expect_err("no halves").to_string();
    assert_eq!(refused, "swiglu: expected rows of an even number of floats, got a tensor of shape [1, 3]");
}

#[test]
fn star_relu_with_and_without_its_two_numbers() {
    // Once more than a task's floats, and no whole number of vectors.
    for count in [60, 33_001] {
        let (x, dy) = (numbers(count, 21, -1.0, 1.0), numbers(count, 22, -1.0, 1.0));
        let of = |x: f64, s: f64, b: f64| s * x.max(0.0).powi(2) + b;
        for star in [None, Some([0.8, -0.3])] {
            let [s, b] = star.unwrap_or([1.0, 0.0]);
            let mut params = Params::new();
            let ids = StarRelu { scale: add(&mut params, "s", &[s], &[1]), bias: add(&mut params, "b", &[b], &[1]) };
            let given = star.is_some().then_some(&ids);
            let (y, grads, dx) = run(&tensor(&x, &[1, count]), &dy, |tape, x| tape.star_relu(&params, x, given));
            close("y", &y, &x.iter().map(|x| of(*x, s, b)).collect::<Vec<_>>(), 1e-6);
            let slope: Vec<f64> = x.iter().zip(&dy).map(|(x, dy)| 2.0 * s * x.max(0.0) * dy).collect();
            close("dx", &dx, &slope, 1e-6);
            let value = |s: f64, b: f64| x.iter().zip(&dy).map(|(x, dy)| of(*x, s, b) * dy).sum::<f64>();
            let shares =
                [(ids.scale, differences(&[s], |v| value(v[0], b))), (ids.bias, differences(&[b], |v| value(s, v[0])))];
            for (id, reference) in shares {
                match star {
                    None => assert!(grads.get(id).is_none()),
                    Some(_) => {
                        close("a number's gradient", &floats(grads.get(id).expect("a gradient")), &reference, 1e-4)
                    }
                }
            }
        }
    }
}

#[test]
fn a_star_relus_numbers_are_single() {
    let mut params = Params::new();
    let (scale, bias) = (add(&mut params, "s", &[1.0, 1.0], &[2]), add(&mut params, "b", &[0.0], &[1]));
    let mut tape = Tape::train();
    let x = tape.watch(&tensor(&[1.0, 2.0], &[1, 2]));
    let refused = tape.star_relu(&params, &x, Some(&StarRelu { scale, bias })).expect_err("two scales");
    assert!(refused.to_string().contains("a scale and a bias [1]"), "{refused}");
}

#[test]
fn a_branch_with_a_gain() {
    let (x, branch, dy) = (numbers(60, 3, -1.0, 1.0), numbers(60, 4, -1.0, 1.0), numbers(60, 5, -1.0, 1.0));
    let of = |x: &[f64], b: &[f64], gain: f64| x.iter().zip(b).map(|(x, b)| x + 0.2 * gain * b).collect::<Vec<_>>();
    for gain in [None, Some(0.6)] {
        let mut params = Params::new();
        let id = gain.map(|gain| add(&mut params, "gain", &[gain], &[]));
        let mut tape = Tape::train();
        let (a, b) = (tape.watch(&tensor(&x, &[3, 4, 5])), tape.watch(&tensor(&branch, &[3, 4, 5])));
        let y = tape.join(&params, &a, &b, 0.2, id).expect("forward");
        let grads = tape.backward(&y, &tensor(&dy, y.dims())).expect("backward");
        let by = gain.unwrap_or(1.0);
        close("y", &floats(&y.tensor()), &of(&x, &branch, by), 1e-6);
        close("dx", &floats(grads.of(&a).expect("dx")), &dy, 1e-6);
        close("db", &floats(grads.of(&b).expect("db")), &differences(&branch, |b| dot(&of(&x, b, by), &dy)), 1e-4);
        if let Some(id) = id {
            let reference = differences(&[by], |g| dot(&of(&x, &branch, g[0]), &dy));
            close("dgain", &floats(grads.get(id).expect("dgain")), &reference, 1e-4);
        }
    }
}

#[test]
fn attention_along_the_channels() {
    let [b, n, c] = [2, 6, 7];
    let (x, dy) = (numbers(b * n * c, 6, -1.0, 1.0), numbers(b * n * c, 7, -1.0, 1.0));
    for k in [3, 5] {
        let filter = numbers(k, 8, -2.0, 2.0);
        let of = |x: &[f64], filter: &[f64]| {
            let mut y = x.to_vec();
            for image in 0..b {
                let mean = |at: usize| (0..n).map(|i| x[(image * n + i) * c + at]).sum::<f64>() / n as f64;
                for at in 0..c {
                    let seen = (0..k).filter_map(|j| Some((j, (at + j).checked_sub(k / 2).filter(|from| *from < c)?)));
                    let gate = sigmoid(seen.map(|(j, from)| filter[j] * mean(from)).sum());
                    (0..n).for_each(|i| y[(image * n + i) * c + at] *= gate);
                }
            }
            y
        };
        let mut params = Params::new();
        let weight = add(&mut params, "w", &filter, &[1, 1, k]);
        let (y, grads, dx) = run(&tensor(&x, &[b, 2, 3, c]), &dy, |tape, x| tape.channel_attention(&params, x, weight));
        close("y", &y, &of(&x, &filter), 1e-5);
        close("dx", &dx, &differences(&x, |v| dot(&of(v, &filter), &dy)), 1e-4);
        let reference = differences(&filter, |f| dot(&of(&x, f), &dy));
        close("dw", &floats(grads.get(weight).expect("dw")), &reference, 1e-4);
    }
}

/// Weights `[o, ..]` at mean 0 and variance `gain² · scale²`.
fn standardized(w: &[f64], gain: &[f64], scale: f64) -> Vec<f64> {
    let n = w.len() / gain.len();
    let row = |(w, gain): (&[f64], &f64)| {
        let mean = w.iter().sum::<f64>() / n as f64;
        let variance = w.iter().map(|w| (w - mean).powi(2)).sum::<f64>() / n as f64;
        w.iter().map(|w| gain * scale * (w - mean) / (variance + 1e-5).sqrt()).collect::<Vec<_>>()
    };
    w.chunks(n).zip(gain).flat_map(row).collect()
}

#[test]
fn a_convolution_with_standardized_weights() {
    let mut draws = Seed::new(9).draws();
    for (groups, stride) in [(1, 1), (2, 2)] {
        let x = Grid::random([2, 4, 5, 6], &mut draws);
        let w = Grid::random([6, 4 / groups, 3, 3], &mut draws);
        let g = Geometry { stride, padding: 1, dilation: 1, groups };
        let (gain, bias) = (numbers(6, 10, 0.5, 1.5), numbers(6, 11, -1.0, 1.0));
        let of = |w_raw: &[f64], gain: &[f64]| {
            let weight = Grid { values: standardized(w_raw, gain, 0.3), ..w.clone() };
            let mut y = conv(&x, &weight, g);
            let plane = y.dims[2] * y.dims[3];
            y.values.iter_mut().enumerate().for_each(|(i, y)| *y += bias[i / plane % 6]);
            y
        };
        let reference = of(&w.values, &gain);
        let dy = numbers(reference.values.len(), 12, -1.0, 1.0);
        let mut params = Params::new();
        let weight = add(&mut params, "w", &w.values, &w.dims);
        let (gain_id, bias_id) =
            (add(&mut params, "gain", &gain, &[6, 1, 1, 1]), add(&mut params, "bias", &bias, &[6]));
        let layer = Conv { weight, stride, padding: 1, dilation: 1, groups };
        let standard = Standard { gain: gain_id, scale: 0.3, eps: 1e-5 };
        let turned =
            |x: &[f64], d: [usize; 4]| tensor(x, &d).permute((0, 2, 3, 1)).expect("four").contiguous().expect("copy");
        let mut tape = Tape::train();
        let input = tape.watch(&turned(&x.values, x.dims));
        let y = tape.conv2d_standard(&params, &input, &layer, &standard, Some(bias_id), Act::None).expect("forward");
        let grads = tape.backward(&y, &turned(&dy, reference.dims)).expect("backward");
        close("y", &floats(&y.tensor().permute((0, 3, 1, 2)).expect("four")), &reference.values, 1e-4);
        let by_weight = differences(&w.values, |w| dot(&of(w, &gain).values, &dy));
        close("dw", &floats(grads.get(weight).expect("dw")), &by_weight, 1e-3);
        let by_gain = differences(&gain, |gain| dot(&of(&w.values, gain).values, &dy));
        close("dgain", &floats(grads.get(gain_id).expect("dgain")), &by_gain, 1e-3);
    }
}
