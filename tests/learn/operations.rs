//! Every operation equals its definition in f64, forward and back, at odd sizes and across the cuts.

use candle_core::{DType, Device, Tensor};
use proptest::prelude::*;
use toji::base::Seed;
use toji::base::seed::Draws;
use toji::learn::ops::{Act, Conv, Grads, Norm, OpsError, Params, Tape, Var, Window};

use super::naive::{self, Geometry, Grid, add, close, conv, conv_back, differences, dot, floats, numbers, tensor};

/// A map `[b, c, h, w]` as the operations take it, `[b, h, w, c]`.
fn map(values: &[f64], dims: &[usize]) -> Tensor {
    tensor(values, dims).permute((0, 2, 3, 1)).expect("four axes").contiguous().expect("a copy")
}

/// The floats of a map `[b, h, w, c]` in the order `[b, c, h, w]`; of other tensors as they are.
fn planes(x: &Tensor) -> Vec<f32> {
    if x.dims().len() == 4 { floats(&x.permute((0, 3, 1, 2)).expect("four axes")) } else { floats(x) }
}

/// The gradient of a value, given in the order `[b, c, h, w]`.
fn gradient(dy: &[f64], y: &Var) -> Tensor {
    match *y.dims() {
        [b, h, w, c] => map(dy, &[b, c, h, w]),
        _ => tensor(dy, y.dims()),
    }
}

/// Runs an operation on one watched input; gives output, gradients and the input's gradient.
fn run(x: &Grid, dy: &[f64], f: impl FnOnce(&mut Tape, &Var) -> Result<Var, OpsError>) -> (Vec<f32>, Grads, Vec<f32>) {
    let mut tape = Tape::train();
    let x = tape.watch(&map(&x.values, &x.dims));
    let y = f(&mut tape, &x).expect("forward");
    let grads = tape.backward(&y, &gradient(dy, &y)).expect("backward");
    let dx = planes(grads.of(&x).expect("dx"));
    (planes(&y.tensor()), grads, dx)
}

fn check_conv(x: &Grid, w: &Grid, g: Geometry, draws: &mut Draws) {
    let mut params = Params::new();
    let weight = add(&mut params, "w", &w.values, &w.dims);
    let reference = conv(x, w, g);
    let dy = numbers(reference.values.len(), draws, -1.0, 1.0);
    let layer = Conv { weight, stride: g.stride, padding: g.padding, dilation: g.dilation, groups: g.groups };
    let (y, grads, dx) = run(x, &dy, |tape, x| tape.conv2d(&params, x, &layer, None, Act::None));
    let (dx_reference, dw_reference) = conv_back(x, w, g, &dy);
    let what = format!("{:?} {:?} {g:?}", x.dims, w.dims);
    close(&format!("y {what}"), &y, &reference.values, 1e-4);
    close(&format!("dx {what}"), &dx, &dx_reference, 1e-4);
    close(&format!("dw {what}"), &floats(grads.get(weight).expect("dw")), &dw_reference, 1e-4);
    let mut eval = Tape::eval();
    let x = eval.constant(&map(&x.values, &x.dims));
    let again = eval.conv2d(&params, &x, &layer, None, Act::None).expect("evaluation");
    assert_eq!(planes(&again.tensor()), y, "evaluation has the same bits {what}");
}

#[test]
fn the_naive_gradient_is_the_difference_quotient() {
    let mut draws = Seed::new(1).draws();
    let g = Geometry { stride: 2, padding: 1, dilation: 1, groups: 2 };
    let (x, w) = (Grid::random([2, 4, 5, 4], &mut draws), Grid::random([2, 2, 3, 2], &mut draws));
    let dy = numbers(conv(&x, &w, g).values.len(), &mut draws, -1.0, 1.0);
    let (dx, dw) = conv_back(&x, &w, g, &dy);
    let of_x = differences(&x.values, |v| dot(&conv(&Grid { values: v.to_vec(), ..x }, &w, g).values, &dy));
    let of_w = differences(&w.values, |v| dot(&conv(&x, &Grid { values: v.to_vec(), ..w }, g).values, &dy));
    for (a, b) in dx.iter().chain(&dw).zip(of_x.iter().chain(&of_w)) {
        assert!((a - b).abs() < 1e-8, "{a} {b}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn convolution_of_any_geometry(
        (batch, groups, per_group, out) in (1usize..5, 1usize..4, 1usize..4, 1usize..4),
        (height, width, kh, kw) in (1usize..12, 1usize..12, 1usize..5, 1usize..5),
        (stride, padding, dilation) in (1usize..4, 0usize..4, 1usize..3),
        seed in any::<u64>(),
    ) {
        let reach = |k: usize| dilation * (k - 1) + 1;
        prop_assume!(height + 2 * padding >= reach(kh) && width + 2 * padding >= reach(kw));
        let mut draws = Seed::new(seed).draws();
        let x = Grid::random([batch, groups * per_group, height, width], &mut draws);
        let w = Grid::random([groups * out, per_group, kh, kw], &mut draws);
        check_conv(&x, &w, Geometry { stride, padding, dilation, groups }, &mut draws);
    }

    #[test]
    fn pooling_of_any_window(
        (height, width) in (1usize..12, 1usize..12),
        (kernel, stride, ceil) in (1usize..5, 1usize..4, any::<bool>()),
        padded in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let padding = if padded { kernel / 2 } else { 0 };
        prop_assume!(height + 2 * padding >= kernel && width + 2 * padding >= kernel);
        let mut draws = Seed::new(seed).draws();
        // All values apart by more than the step of a difference quotient, so that no maximum changes place.
        let mut ranks: Vec<u32> = (0..(6 * height * width) as u32).collect();
        draws.shuffle(&mut ranks);
        let mut ranks = ranks.into_iter().map(|rank| f64::from(rank) / 256.0 - 1.0);
        let x = Grid::new([2, 3, height, width], || ranks.next().expect("one for each pixel"));
        let window = Window { kernel, stride, padding, ceil };
        let pooled = |v: &[f64], f: fn(&[f64]) -> f64| {
            naive::windows(&Grid { values: v.to_vec(), ..x }, kernel, stride, padding, ceil, f)
        };
        let mean = |seen: &[f64]| seen.iter().sum::<f64>() / seen.len() as f64;
        let most = |seen: &[f64]| seen.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let dy = numbers(pooled(&x.values, mean).values.len(), &mut draws, -1.0, 1.0);
        let (y, _, dx) = run(&x, &dy, |tape, x| tape.avg_pool(x, window));
        close("avg_pool", &y, &pooled(&x.values, mean).values, 1e-5);
        close("avg_pool dx", &dx, &differences(&x.values, |v| dot(&pooled(v, mean).values, &dy)), 1e-4);
        let (y, _, dx) = run(&x, &dy, |tape, x| tape.max_pool(x, window));
        close("max_pool", &y, &pooled(&x.values, most).values, 0.0);
        close("max_pool dx", &dx, &differences(&x.values, |v| dot(&pooled(v, most).values, &dy)), 1e-3);
    }
}

proptest! {
    // The definition takes its time with so many channels.
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Sizes for which Winograd's way is taken: with small weights and with large ones, and quads over the edge.
    #[test]
    fn convolution_by_quads(
        (batch, height, width) in (8usize..12, 5usize..10, 5usize..10),
        (channels, out) in (2usize..11, 2usize..11),
        padding in 0usize..4,
        seed in any::<u64>(),
    ) {
        let mut draws = Seed::new(seed).draws();
        let x = Grid::random([batch, 16 * channels, height, width], &mut draws);
        let w = Grid::random([16 * out, 16 * channels, 3, 3], &mut draws);
        check_conv(&x, &w, Geometry { stride: 1, padding, dilation: 1, groups: 1 }, &mut draws);
    }
}

/// Sizes that are cut: rows of one picture into units, several pictures into one unit or one sum, with rests; the stem's
/// 7×7; a pointwise shortcut; weights so large that they have one accumulator.
#[test]
fn convolution_across_the_cuts() {
    let mut draws = Seed::new(2).draws();
    let cases = [
        ([3, 4, 37, 41], [5, 4, 3, 3], 1, 1),
        ([7, 16, 6, 7], [8, 16, 3, 3], 1, 1),
        ([27, 40, 3, 3], [24, 40, 3, 3], 1, 1),
        ([19, 8, 9, 7], [6, 8, 3, 3], 2, 1),
        ([2, 3, 45, 39], [8, 3, 7, 7], 2, 3),
        ([9, 12, 13, 11], [10, 12, 1, 1], 2, 0),
        ([2, 12, 33, 35], [10, 12, 1, 1], 1, 0),
        ([9, 12, 5, 4], [10, 12, 1, 1], 1, 0),
        ([1, 64, 50, 52], [3, 64, 3, 3], 1, 1),
        ([3, 192, 3, 2], [160, 192, 3, 3], 1, 1),
        // Quads: strips of a picture with a rest, several pictures in a unit, pictures in groups with a rest.
        ([2, 64, 41, 37], [48, 64, 3, 3], 1, 1),
        ([19, 32, 5, 6], [32, 32, 3, 3], 1, 0),
        ([9, 144, 12, 11], [128, 144, 3, 3], 1, 1),
        ([1, 144, 73, 30], [128, 144, 3, 3], 1, 1),
    ];
    for (x, w, stride, padding) in cases {
        let (x, w) = (Grid::random(x, &mut draws), Grid::random(w, &mut draws));
        check_conv(&x, &w, Geometry { stride, padding, dilation: 1, groups: 1 }, &mut draws);
    }
    let (x, w) = (Grid::random([3, 6, 34, 33], &mut draws), Grid::random([6, 1, 3, 3], &mut draws));
    check_conv(&x, &w, Geometry { stride: 1, padding: 1, dilation: 1, groups: 6 }, &mut draws);
}

#[test]
fn convolution_of_pictures_without_pixels_is_refused() {
    for (height, width, channels) in [(0, 0, 32), (0, 4, 32), (4, 0, 32), (0, 0, 144), (0, 0, 3), (4, 0, 3)] {
        let mut params = Params::new();
        let weight = add(&mut params, "weight", &vec![1.0; channels * channels * 9], &[channels, channels, 3, 3]);
        let layer = Conv { weight, stride: 1, padding: 2, dilation: 1, groups: 1 };
        let mut tape = Tape::train();
        let x = tape.watch(&Tensor::zeros((32, height, width, channels), DType::F32, &Device::Cpu).unwrap());
        assert!(tape.conv2d(&params, &x, &layer, None, Act::None).is_err());
    }
}

/// What a convolution needs beside its maps stays small however large a picture is.
#[test]
fn convolution_of_a_large_picture_goes_by_strips() {
    for (side, channels) in [(64, 144), (192, 144), (192, 32)] {
        let mut params = Params::new();
        let weight = add(&mut params, "weight", &vec![0.5; channels * channels * 9], &[channels, channels, 3, 3]);
        let layer = Conv { weight, stride: 1, padding: 1, dilation: 1, groups: 1 };
        let mut tape = Tape::eval();
        let x = tape.constant(&Tensor::ones((1, side, side, channels), DType::F32, &Device::Cpu).unwrap());
        let y = tape.conv2d(&params, &x, &layer, None, Act::None).unwrap();
        let spare = tape.spare_bytes() >> 20;
        assert!(spare <= 40, "{side} × {side} of {channels} channels: {spare} MiB");
        drop(y);
    }
}

#[test]
fn convolution_with_a_bias() {
    let mut draws = Seed::new(3).draws();
    let (x, w) = (Grid::random([3, 2, 4, 5], &mut draws), Grid::random([4, 2, 3, 3], &mut draws));
    let g = Geometry { stride: 1, padding: 1, dilation: 1, groups: 1 };
    let bias = numbers(4, &mut draws, -1.0, 1.0);
    let with = |bias: &[f64]| -> Vec<f64> {
        let y = conv(&x, &w, g);
        y.values.iter().enumerate().map(|(i, y)| y + bias[i / 20 % 4]).collect()
    };
    let dy = numbers(3 * 4 * 20, &mut draws, -1.0, 1.0);
    let mut params = Params::new();
    let weight = add(&mut params, "weight", &w.values, &w.dims);
    let id = add(&mut params, "bias", &bias, &[4]);
    let layer = Conv { weight, stride: 1, padding: 1, dilation: 1, groups: 1 };
    let (y, grads, _) = run(&x, &dy, |tape, x| tape.conv2d(&params, x, &layer, Some(id), Act::None));
    close("y", &y, &with(&bias), 1e-5);
    let db = differences(&bias, |b| dot(&with(b), &dy));
    close("db", &floats(grads.get(id).expect("db")), &db, 1e-5);
    for act in [Act::Relu, Act::Silu, Act::Gelu] {
        let (y, grads, dx) = run(&x, &dy, |tape, x| tape.conv2d(&params, x, &layer, Some(id), act));
        close("act y", &y, &naive::act(act, &with(&bias)), 1e-5);
        let db = differences(&bias, |b| dot(&naive::act(act, &with(b)), &dy));
        close("act db", &floats(grads.get(id).expect("db")), &db, 1e-4);
        let of = |v: &[f64]| -> Vec<f64> {
            let y = conv(&Grid { values: v.to_vec(), ..x }, &w, g).values;
            naive::act(act, &y.iter().enumerate().map(|(i, y)| y + bias[i / 20 % 4]).collect::<Vec<_>>())
        };
        close("act dx", &dx, &differences(&x.values, |v| dot(&of(v), &dy)), 1e-4);
    }
}

/// A norm with drawn weights and buffers.
fn norm(params: &mut Params, channels: usize, draws: &mut Draws) -> (Norm, Vec<f64>, Vec<f64>) {
    let (gamma, beta) = (numbers(channels, draws, 0.5, 1.5), numbers(channels, draws, -0.5, 0.5));
    let buffers = [numbers(channels, draws, -0.2, 0.2), numbers(channels, draws, 0.5, 1.5)];
    let norm = Norm {
        weight: add(params, "gamma", &gamma, &[channels]),
        bias: add(params, "beta", &beta, &[channels]),
        running_mean: add(params, "mean", &buffers[0], &[channels]),
        running_var: add(params, "var", &buffers[1], &[channels]),
        momentum: 0.1,
        eps: 1e-5,
    };
    (norm, gamma, beta)
}

/// Conv, norm, residual and ReLU in one, alone and in all combinations, against differences of the
/// composition in f64; the running statistics against their definition; evaluation against the buffers.
#[test]
fn the_fused_block_is_its_parts() {
    let g = Geometry { stride: 2, padding: 1, dilation: 1, groups: 1 };
    let cases = [Act::None, Act::Relu, Act::Silu, Act::Gelu].map(|act| [(act, false), (act, true)]);
    for (seed, (act, with_residual)) in cases.into_iter().flatten().enumerate() {
        let mut draws = Seed::new(4 + seed as u64).draws();
        let (x, w) = (Grid::random([5, 3, 6, 5], &mut draws), Grid::random([4, 3, 3, 3], &mut draws));
        let shape = conv(&x, &w, g).dims;
        let residual = Grid::random(shape, &mut draws);
        let dy = numbers(residual.values.len(), &mut draws, -1.0, 1.0);
        let mut params = Params::new();
        let weight = add(&mut params, "w", &w.values, &w.dims);
        let (norm, gamma, beta) = norm(&mut params, 4, &mut draws);
        let after = |y: &Grid, gamma: &[f64], beta: &[f64], residual: &[f64]| -> Vec<f64> {
            let mut z = naive::batch_norm(y, gamma, beta).0.values;
            if with_residual {
                z.iter_mut().zip(residual).for_each(|(z, r)| *z += r);
            }
            naive::act(act, &z)
        };
        let whole = |x: &[f64], w_: &[f64], gamma: &[f64], beta: &[f64], r: &[f64]| {
            let y = conv(&Grid { values: x.to_vec(), dims: [5, 3, 6, 5] }, &Grid { values: w_.to_vec(), ..w }, g);
            after(&y, gamma, beta, r)
        };
        let layer = Conv { weight, stride: 2, padding: 1, dilation: 1, groups: 1 };
        let mut tape = Tape::train();
        let (x_var, r_var) = (tape.watch(&map(&x.values, &x.dims)), tape.watch(&map(&residual.values, &shape)));
        let r_used = with_residual.then_some(&r_var);
        let z = tape.conv_norm(&params, &x_var, &layer, &norm, r_used, act).expect("forward");
        let grads = tape.backward(&z, &map(&dy, &shape)).expect("backward");
        let r = &residual.values;
        close("z", &planes(&z.tensor()), &whole(&x.values, &w.values, &gamma, &beta, r), 1e-4);
        let check = |what: &str, ours: Vec<f32>, reference: Vec<f64>| close(what, &ours, &reference, 2e-3);
        let loss = |z: Vec<f64>| dot(&z, &dy);
        check(
            "dx",
            planes(grads.of(&x_var).expect("dx")),
            differences(&x.values, |v| loss(whole(v, &w.values, &gamma, &beta, r))),
        );
        check(
            "dw",
            floats(grads.get(weight).expect("dw")),
            differences(&w.values, |v| loss(whole(&x.values, v, &gamma, &beta, r))),
        );
        check(
            "dgamma",
            floats(grads.get(norm.weight).expect("dgamma")),
            differences(&gamma, |v| loss(whole(&x.values, &w.values, v, &beta, r))),
        );
        check(
            "dbeta",
            floats(grads.get(norm.bias).expect("dbeta")),
            differences(&beta, |v| loss(whole(&x.values, &w.values, &gamma, v, r))),
        );
        if with_residual {
            check(
                "dr",
                planes(grads.of(&r_var).expect("dr")),
                differences(r, |v| loss(whole(&x.values, &w.values, &gamma, &beta, v))),
            );
        }

        let before = [floats(params.get(norm.running_mean)), floats(params.get(norm.running_var))];
        let y = conv(&x, &w, g);
        let (_, mean, variance) = naive::batch_norm(&y, &gamma, &beta);
        let count = (y.values.len() / 4) as f64;
        let moved = |old: &[f32], new: Vec<f64>| -> Vec<f64> {
            old.iter().zip(new).map(|(o, n)| 0.9 * f64::from(*o) + 0.1 * n).collect()
        };
        let unbiased = variance.iter().map(|v| v * count / (count - 1.0)).collect();
        tape.apply_updates(&mut params).expect("updates");
        close("running mean", &floats(params.get(norm.running_mean)), &moved(&before[0], mean), 1e-5);
        close("running var", &floats(params.get(norm.running_var)), &moved(&before[1], unbiased), 1e-5);

        let (mean, var) = (floats(params.get(norm.running_mean)), floats(params.get(norm.running_var)));
        let mut folded = y.clone();
        for (i, value) in folded.values.iter_mut().enumerate() {
            let c = i / (shape[2] * shape[3]) % 4;
            let apart = *value - f64::from(mean[c]);
            *value = gamma[c] * apart / (f64::from(var[c]) + 1e-5).sqrt() + beta[c];
            *value += if with_residual { r[i] } else { 0.0 };
        }
        folded.values = naive::act(act, &folded.values);
        let mut eval = Tape::eval();
        let (x_var, r_var) = (eval.constant(&map(&x.values, &x.dims)), eval.constant(&map(r, &shape)));
        let z = eval.conv_norm(&params, &x_var, &layer, &norm, with_residual.then_some(&r_var), act);
        close("evaluation", &planes(&z.expect("evaluation").tensor()), &folded.values, 1e-4);
    }
}

#[test]
fn batch_norm_alone_is_the_fused_one() {
    let mut draws = Seed::new(8).draws();
    let x = Grid::random([4, 3, 5, 3], &mut draws);
    let dy = numbers(x.values.len(), &mut draws, -1.0, 1.0);
    for act in [Act::None, Act::Relu, Act::Silu, Act::Gelu] {
        let mut params = Params::new();
        let (norm, gamma, beta) = norm(&mut params, 3, &mut draws);
        let whole = |v: &[f64], gamma: &[f64]| {
            let z = naive::batch_norm(&Grid { values: v.to_vec(), ..x }, gamma, &beta).0.values;
            naive::act(act, &z)
        };
        let (z, grads, dx) = run(&x, &dy, |tape, x| tape.batch_norm(&params, x, &norm, act));
        close("z", &z, &whole(&x.values, &gamma), 1e-5);
        close("dx", &dx, &differences(&x.values, |v| dot(&whole(v, &gamma), &dy)), 1e-3);
        let dgamma = differences(&gamma, |v| dot(&whole(&x.values, v), &dy));
        close("dgamma", &floats(grads.get(norm.weight).expect("dgamma")), &dgamma, 1e-3);
    }
}

#[test]
fn one_value_per_channel_has_no_statistics() {
    let mut draws = Seed::new(9).draws();
    let mut params = Params::new();
    let (norm, ..) = norm(&mut params, 3, &mut draws);
    let mut tape = Tape::train();
    let x = tape.constant(&tensor(&[1.0, 2.0, 3.0], &[1, 1, 1, 3]));
    let error = tape.batch_norm(&params, &x, &norm, Act::None).expect_err("no variance");
    insta::assert_snapshot!(error, @"batch_norm: expected more than one value per channel while training (a larger batch or larger pictures), got a tensor of shape [1, 1, 1, 3]");
}

#[test]
fn the_rest_of_a_network() {
    let mut draws = Seed::new(10).draws();
    let x = Grid::random([3, 4, 5, 3], &mut draws);
    let planes = |v: &[f64], f: &dyn Fn(&[f64]) -> f64| -> Vec<f64> { v.chunks(15).map(f).collect() };
    let mean = |v: &[f64]| v.iter().sum::<f64>() / 15.0;
    let dy = numbers(12, &mut draws, -1.0, 1.0);
    let (y, _, dx) = run(&x, &dy, |tape, x| tape.global_avg(x));
    close("global_avg", &y, &planes(&x.values, &mean), 1e-5);
    close("global_avg dx", &dx, &differences(&x.values, |v| dot(&planes(v, &mean), &dy)), 1e-4);
    for p in [1.0, 3.0, 4.5] {
        let gem = |v: &[f64]| (v.iter().map(|x| x.max(1e-6).powf(p)).sum::<f64>() / 15.0).powf(1.0 / p);
        let (y, _, dx) = run(&x, &dy, |tape, x| tape.gem(x, p as f32));
        close("gem", &y, &planes(&x.values, &gem), 1e-5);
        close("gem dx", &dx, &differences(&x.values, |v| dot(&planes(v, &gem), &dy)), 1e-3);
    }
    let other = Grid::random(x.dims, &mut draws);
    let dy = numbers(x.values.len(), &mut draws, -1.0, 1.0);
    let sum = |v: &[f64]| naive::relu(&v.iter().zip(&other.values).map(|(a, b)| a + b).collect::<Vec<_>>());
    let constant = map(&other.values, &other.dims);
    let (y, _, dx) = run(&x, &dy, |tape, x| {
        let other = tape.constant(&constant);
        tape.add_relu(x, &other)
    });
    close("add_relu", &y, &sum(&x.values), 1e-6);
    close("add_relu dx", &dx, &differences(&x.values, |v| dot(&sum(v), &dy)), 1e-4);
    let (y, _, dx) = run(&x, &dy, Tape::relu);
    close("relu", &y, &naive::relu(&x.values), 1e-6);
    close("relu dx", &dx, &differences(&x.values, |v| dot(&naive::relu(v), &dy)), 1e-4);
    let (y, _, dx) = run(&x, &dy, |tape, x| tape.add_relu(x, x));
    let twice = |v: &[f64]| naive::relu(&v.iter().map(|a| a + a).collect::<Vec<_>>());
    close("a value added to itself", &y, &twice(&x.values), 1e-6);
    close("its gradient counts twice", &dx, &differences(&x.values, |v| dot(&twice(v), &dy)), 1e-4);
}

#[test]
fn pictures_become_maps() {
    let x = tensor(&(0..24).map(f64::from).collect::<Vec<_>>(), &[2, 3, 2, 2]);
    let map = Tape::train().pictures(&x).expect("a map");
    assert_eq!(map.dims(), [2, 2, 2, 3]);
    assert_eq!(floats(&map.tensor())[..6], [0.0, 4.0, 8.0, 1.0, 5.0, 9.0]);
    assert_eq!(planes(&map.tensor()), floats(&x));
}

#[test]
fn the_linear_layer() {
    let mut draws = Seed::new(11).draws();
    let (x, w) = (Grid::random([5, 7, 1, 1], &mut draws), numbers(3 * 7, &mut draws, -1.0, 1.0));
    let (b, dy) = (numbers(3, &mut draws, -1.0, 1.0), numbers(15, &mut draws, -1.0, 1.0));
    let of = |x: &[f64], w: &[f64], b: &[f64]| -> Vec<f64> {
        x.chunks(7).flat_map(|x| (0..3).map(|d| b[d] + dot(x, &w[d * 7..][..7])).collect::<Vec<_>>()).collect()
    };
    let mut params = Params::new();
    let (weight, bias) = (add(&mut params, "weight", &w, &[3, 7]), add(&mut params, "bias", &b, &[3]));
    let mut tape = Tape::train();
    let input = tape.watch(&tensor(&x.values, &[5, 7]));
    let y = tape.linear(&params, &input, weight, Some(bias), Act::None).expect("forward");
    let grads = tape.backward(&y, &tensor(&dy, &[5, 3])).expect("backward");
    close("y", &floats(&y.tensor()), &of(&x.values, &w, &b), 1e-5);
    let loss = |y: Vec<f64>| dot(&y, &dy);
    let dx = differences(&x.values, |v| loss(of(v, &w, &b)));
    close("dx", &floats(grads.of(&input).expect("dx")), &dx, 1e-4);
    let dw = differences(&w, |v| loss(of(&x.values, v, &b)));
    close("dw", &floats(grads.get(weight).expect("dw")), &dw, 1e-4);
    let db = differences(&b, |v| loss(of(&x.values, &w, v)));
    close("db", &floats(grads.get(bias).expect("db")), &db, 1e-4);
}
