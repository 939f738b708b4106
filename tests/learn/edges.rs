//! Composed operations at their edges, beside our kernels: every activation, exact zeros, NaN, equal maxima, 16 bits, and shapes
//! that do not fit.

use candle_core::{DType, Device, Tensor};
use toji::base::Seed;
use toji::learn::ops::{
    Act, Conv, Kind, Likeness, Offsets, OpsError, ParamId, Params, Standard, StarRelu, Tape, Var, Window,
    WindowAttention, Windows,
};

use super::naive::{floats, tensor};

const ACTS: [Act; 7] = [Act::None, Act::Relu, Act::Silu, Act::Gelu, Act::QuickGelu, Act::GeluTanh, Act::Relu6];

fn drawn(dims: &[usize], seed: u64) -> Tensor {
    let mut draws = Seed::new(seed).draws();
    let numbers: Vec<f32> = (0..dims.iter().product()).map(|_| draws.normal() as f32).collect();
    Tensor::from_vec(numbers, dims, &Device::Cpu).expect("a tensor")
}

fn composed() -> Tape {
    super::composed::composed(Tape::train())
}

/// Output and the input's gradient.
fn run(mut tape: Tape, x: &Tensor, f: impl Fn(&mut Tape, &Var) -> Result<Var, OpsError>) -> [Vec<f32>; 2] {
    let x = tape.watch(x);
    let y = f(&mut tape, &x).and_then(|y| tape.leave(&y)).expect("forward");
    let grads = tape.backward(&y, &drawn(y.dims(), 5)).expect("backward");
    [floats(&y.tensor()), floats(grads.of(&x).expect("dx"))]
}

fn far(a: &[f32], b: &[f32]) -> f64 {
    let length = |x: &mut dyn Iterator<Item = f32>| x.map(|x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    length(&mut a.iter().zip(b).map(|(a, b)| a - b)) / length(&mut b.iter().copied()).max(1e-12)
}

#[test]
fn activations_at_exact_zeros_and_beyond() {
    let x = tensor(&[-7.0, -1.5, -0.25, 0.0, -0.0, 0.25, 1.5, 5.9, 6.0, 7.0], &[1, 10]);
    for act in ACTS {
        let f = |tape: &mut Tape, x: &Var| tape.activate(x, act, 1.25);
        let (ours, theirs) = (run(Tape::train(), &x, f), run(composed(), &x, f));
        for (what, a, b) in [("y", &theirs[0], &ours[0]), ("dx", &theirs[1], &ours[1])] {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                assert!((a - b).abs() <= 2e-6 * b.abs().max(1.0), "{act:?} {what}[{i}]: {a} beside {b}");
            }
        }
    }
    let swiglu = |tape: &mut Tape, x: &Var| tape.swiglu(x);
    let (ours, theirs) = (run(Tape::train(), &x, swiglu), run(composed(), &x, swiglu));
    assert!(far(&theirs[0], &ours[0]).max(far(&theirs[1], &ours[1])) < 1e-6, "{theirs:?} beside {ours:?}");
    let mut params = Params::new();
    let mut one = |name: &str, value: f64| params.add(name, tensor(&[value], &[1]), Kind::Weight).expect("a name");
    let (slope, star) = (one("a", 0.3), StarRelu { scale: one("s", 0.8), bias: one("b", -0.3) });
    let prelu = |tape: &mut Tape, x: &Var| tape.prelu(&params, x, slope);
    let star_relu = |tape: &mut Tape, x: &Var| tape.star_relu(&params, x, Some(&star));
    assert_eq!(run(composed(), &x, prelu), run(Tape::train(), &x, prelu));
    assert!(far(&run(composed(), &x, star_relu)[1], &run(Tape::train(), &x, star_relu)[1]) < 1e-6);
}

#[test]
fn nan_is_not_swallowed() {
    let x = tensor(&[1.0, f64::NAN, -1.0, 2.0, 0.0, 1.0, 3.0, 1.0], &[1, 2, 2, 2]);
    let mut params = Params::new();
    let slope = params.add("a", tensor(&[0.3], &[1]), Kind::Weight).expect("a name");
    let window = Window { kernel: 2, stride: 1, padding: 0, ceil: false };
    type Operation<'a> = (&'a str, Box<dyn Fn(&mut Tape, &Var) -> Result<Var, OpsError> + 'a>);
    let mut all: Vec<Operation<'_>> =
        ACTS.iter().map(|act| ("act", Box::new(|t: &mut Tape, x: &Var| t.activate(x, *act, 1.0)) as Box<_>)).collect();
    all.push(("prelu", Box::new(|tape, x| tape.prelu(&params, x, slope))));
    all.push(("star_relu", Box::new(|tape, x| tape.star_relu(&params, x, None))));
    all.push(("max_pool", Box::new(|tape, x| tape.max_pool(x, window))));
    all.push(("global_max", Box::new(|tape, x| tape.global_max(x))));
    for (what, f) in &all {
        let nan = |tape: Tape| run(tape, &x, f)[0].iter().map(|y| y.is_nan()).collect::<Vec<_>>();
        let (ours, theirs) = (nan(Tape::train()), nan(composed()));
        assert!(theirs == ours && ours.contains(&true), "{what}: {theirs:?} beside {ours:?}");
    }
}

#[test]
fn one_of_equal_maxima_takes_the_gradient() {
    // Zeros behind a ReLU are equal more often than not.
    let x = drawn(&[2, 5, 6, 3], 1).relu().expect("relu");
    let alike = |x: &Tensor, f: &dyn Fn(&mut Tape, &Var) -> Result<Var, OpsError>| {
        let ([y, dx], [our_y, our_dx]) = (run(composed(), x, f), run(Tape::train(), x, f));
        assert_eq!(y, our_y);
        // Windows that overlap add up in another order.
        assert!(far(&dx, &our_dx) < 1e-6, "{:.1e}", far(&dx, &our_dx));
    };
    for padding in [0, 1] {
        alike(&x, &|tape, x| tape.max_pool(x, Window { kernel: 3, stride: 2, padding, ceil: true }));
    }
    // Which of them is a device's own choice.
    let level = x.minimum(0.5).expect("minimum");
    let each = |tape: Tape| {
        let [y, dx] = run(tape, &level, |tape, x| tape.global_max(x));
        let maxima =
            floats(&level).chunks(3).zip(dx.chunks(3)).enumerate().fold([[0.0f32; 3]; 2], |mut all, (i, at)| {
                for c in 0..3 {
                    let of = i / 30;
                    assert!(at.1[c] == 0.0 || at.0[c] == y[of * 3 + c], "pixel {i}");
                    assert!(at.1[c] == 0.0 || all[of][c] == 0.0, "pixel {i} is the second");
                    all[of][c] += at.1[c];
                }
                all
            });
        (y, maxima)
    };
    assert_eq!(each(composed()), each(Tape::train()));
}

#[test]
fn depthwise_sums_are_rounded_once() {
    let mut params = Params::new();
    let weight = params.add("w", drawn(&[16, 1, 7, 7], 2), Kind::Weight).expect("a name");
    for stride in [1, 2] {
        let conv = Conv { weight, stride, padding: 3, dilation: 1, groups: 16 };
        let f = |tape: &mut Tape, x: &Var| tape.conv2d(&params, x, &conv, None, Act::None);
        // Numbers of 16 bits, as a map on a card has.
        let x = drawn(&[2, 14, 15, 16], 3).to_dtype(DType::F16).and_then(|x| x.to_dtype(DType::F32)).expect("a map");
        let (ours, half) = (run(Tape::train(), &x, f), run(Tape::train().on(&Device::Cpu, Some(DType::F16)), &x, f));
        for (what, a, b) in [("y", &half[0], &ours[0]), ("dx", &half[1], &ours[1])] {
            // Half a unit in the last of 11 bits is at most 4.9e-4 of a number.
            assert!(far(a, b) < 3.5e-4, "{what}, stride {stride}: {:.1e}", far(a, b));
        }
    }
}

#[test]
fn shapes_that_do_not_fit_are_told_alike() {
    let mut params = Params::new();
    let mut add = |name: &str, dims: &[usize]| params.add(name, drawn(dims, 4), Kind::Weight).expect("a name");
    let (pair, scalar) = (add("pair", &[2]), add("three", &[3]));
    let conv = |weight: ParamId, groups: usize| Conv { weight, stride: 1, padding: 1, dilation: 1, groups };
    let (dense, depthwise) = (conv(add("dense", &[4, 4, 3, 3]), 1), conv(add("depthwise", &[4, 1, 3, 3]), 4));
    let (table, joint, logs) = (add("table", &[9, 2]), add("joint", &[12]), add("logs", &[3, 1, 1]));
    let windows = Windows { size: [2, 2], shift: [0, 0] };
    let attention = |offsets: Offsets, likeness: Likeness| WindowAttention { windows, offsets, likeness };
    let standard = Standard { gain: scalar, scale: 1.0, eps: 1e-5 };
    let wide = drawn(&[1, 4, 4, 12], 6);
    let told = |mut tape: Tape| -> Vec<String> {
        let x = tape.constant(&drawn(&[1, 4, 4, 4], 5));
        let (qkv, biases) = (tape.constant(&wide), tape.constant(params.get(table)));
        let mut windowed = |offsets: Offsets, likeness: Likeness| {
            tape.window_attention(&params, &attention(offsets, likeness), &qkv, &biases).err()
        };
        let mut all = vec![
            windowed(Offsets::Joint(pair), Likeness::Scaled),
            windowed(Offsets::QueryValue(pair, pair), Likeness::Scaled),
            windowed(Offsets::Joint(joint), Likeness::Cosine(logs)),
        ];
        all.push(tape.join(&params, &x, &x, 1.0, Some(pair)).err());
        all.push(tape.conv2d(&params, &x, &dense, Some(pair), Act::None).err());
        all.push(tape.conv2d(&params, &x, &depthwise, Some(pair), Act::None).err());
        all.push(tape.conv2d_standard(&params, &x, &dense, &standard, None, Act::None).err());
        all.into_iter().map(|error| error.expect("an error").to_string()).collect()
    };
    let ours = told(Tape::train());
    assert!(ours.iter().all(|text| text.contains(": expected ")), "{ours:#?}");
    assert_eq!(told(composed()), ours);
    assert_eq!(told(Tape::counting()), ours);
}
