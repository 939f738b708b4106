//! The operations once more, in f64 and as plainly as their definitions, central differences, and what tests of operations
//! share.

use candle_core::{Device, Tensor};
use toji::base::seed::Draws;
use toji::learn::ops::{Act, Grads, Kind, OpsError, ParamId, Params, Tape, Var};

pub fn tensor(values: &[f64], dims: &[usize]) -> Tensor {
    let values: Vec<f32> = values.iter().map(|x| *x as f32).collect();
    Tensor::from_vec(values, dims, &Device::Cpu).expect("a tensor")
}

pub fn floats(x: &Tensor) -> Vec<f32> {
    x.flatten_all().expect("flat").to_vec1().expect("floats")
}

pub fn add(params: &mut Params, name: &str, values: &[f64], dims: &[usize]) -> ParamId {
    params.add(name, tensor(values, dims), Kind::Weight).expect("a new name")
}

/// Values exact in f32, so that both sides see the same numbers.
pub fn numbers(count: usize, draws: &mut Draws, low: f64, high: f64) -> Vec<f64> {
    (0..count).map(|_| f64::from(draws.uniform(low, high) as f32)).collect()
}

/// Runs an operation on one watched input; gives output, gradients and the input's gradient.
pub fn run(
    x: &Tensor,
    dy: &[f64],
    f: impl FnOnce(&mut Tape, &Var) -> Result<Var, OpsError>,
) -> (Vec<f32>, Grads, Vec<f32>) {
    let mut tape = Tape::train();
    let x = tape.watch(x);
    let y = f(&mut tape, &x).expect("forward");
    let grads = tape.backward(&y, &tensor(dy, y.dims())).expect("backward");
    let dx = floats(grads.of(&x).expect("dx"));
    (floats(&y.tensor()), grads, dx)
}

/// A tensor `[b, c, h, w]`.
#[derive(Clone, Debug)]
pub struct Grid {
    pub dims: [usize; 4],
    pub values: Vec<f64>,
}

impl Grid {
    pub fn new(dims: [usize; 4], mut value: impl FnMut() -> f64) -> Grid {
        Grid { dims, values: (0..dims.iter().product()).map(|_| value()).collect() }
    }

    /// Values exact in f32, so that both sides see the same numbers.
    pub fn random(dims: [usize; 4], draws: &mut Draws) -> Grid {
        Grid::new(dims, || f64::from(draws.uniform(-1.0, 1.0) as f32))
    }

    fn at(&self, [b, c, h, w]: [usize; 4]) -> usize {
        ((b * self.dims[1] + c) * self.dims[2] + h) * self.dims[3] + w
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Geometry {
    pub stride: usize,
    pub padding: usize,
    pub dilation: usize,
    pub groups: usize,
}

/// Calls `f(output, input, weight)` with the indices of each product of a convolution.
fn products(x: &Grid, w: &Grid, g: Geometry, mut f: impl FnMut(usize, usize, usize)) -> [usize; 4] {
    let ([b, _, height, width], [o, per_group, kh, kw]) = (x.dims, w.dims);
    let out = |size: usize, k: usize| (size + 2 * g.padding - g.dilation * (k - 1) - 1) / g.stride + 1;
    let y = Grid { dims: [b, o, out(height, kh), out(width, kw)], values: Vec::new() };
    for n in 0..b {
        for c in 0..o {
            let first = c / (o / g.groups) * per_group;
            for row in 0..y.dims[2] {
                for col in 0..y.dims[3] {
                    for k in 0..per_group {
                        for i in 0..kh {
                            for j in 0..kw {
                                let down = (row * g.stride + i * g.dilation).wrapping_sub(g.padding);
                                let right = (col * g.stride + j * g.dilation).wrapping_sub(g.padding);
                                if down < height && right < width {
                                    f(y.at([n, c, row, col]), x.at([n, first + k, down, right]), w.at([c, k, i, j]));
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    y.dims
}

pub fn conv(x: &Grid, w: &Grid, g: Geometry) -> Grid {
    let mut values = vec![0.0; 1];
    let dims = products(x, w, g, |y, x_at, w_at| {
        if values.len() <= y {
            values.resize(y + 1, 0.0);
        }
        values[y] += x.values[x_at] * w.values[w_at];
    });
    values.resize(dims.iter().product(), 0.0);
    Grid { dims, values }
}

/// Gradients of the input and the weight.
pub fn conv_back(x: &Grid, w: &Grid, g: Geometry, dy: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let (mut dx, mut dw) = (vec![0.0; x.values.len()], vec![0.0; w.values.len()]);
    products(x, w, g, |y, x_at, w_at| {
        dx[x_at] += dy[y] * w.values[w_at];
        dw[w_at] += dy[y] * x.values[x_at];
    });
    (dx, dw)
}

/// Batch norm with the batch's own statistics; also gives mean and biased variance of each channel.
pub fn batch_norm(x: &Grid, gamma: &[f64], beta: &[f64]) -> (Grid, Vec<f64>, Vec<f64>) {
    let [b, c, h, w] = x.dims;
    let (mut y, mut means, mut variances) = (x.clone(), Vec::new(), Vec::new());
    for channel in 0..c {
        let places: Vec<usize> = (0..b).flat_map(|n| (0..h * w).map(move |i| (n * c + channel) * h * w + i)).collect();
        let n = places.len() as f64;
        let mean = places.iter().map(|p| x.values[*p]).sum::<f64>() / n;
        let variance = places.iter().map(|p| (x.values[*p] - mean).powi(2)).sum::<f64>() / n;
        for p in places {
            y.values[p] = gamma[channel] * (x.values[p] - mean) / (variance + 1e-5).sqrt() + beta[channel];
        }
        means.push(mean);
        variances.push(variance);
    }
    (y, means, variances)
}

pub fn relu(x: &[f64]) -> Vec<f64> {
    x.iter().map(|x| x.max(0.0)).collect()
}

pub fn act(act: Act, x: &[f64]) -> Vec<f64> {
    let each = |x: f64| match act {
        Act::None => x,
        Act::Relu => x.max(0.0),
        Act::Silu => x / (1.0 + (-x).exp()),
        Act::Gelu => x * normal(x),
        Act::QuickGelu => x / (1.0 + (-1.702 * x).exp()),
        Act::GeluTanh => x / (1.0 + (-(8.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3))).exp()),
        Act::Relu6 => x.clamp(0.0, 6.0),
    };
    x.iter().map(|x| each(*x)).collect()
}

/// The integral of the normal distribution up to `x`, by Simpson's rule from zero.
fn normal(x: f64) -> f64 {
    let (steps, density) = (400, |t: f64| (-t * t / 2.0).exp());
    let inner = |i: i32| density(x * f64::from(i) / f64::from(steps)) * if i % 2 == 0 { 2.0 } else { 4.0 };
    let sum = density(0.0) + (1..steps).map(inner).sum::<f64>() + density(x);
    0.5 + sum * x / f64::from(steps) / 3.0 / (2.0 * std::f64::consts::PI).sqrt()
}

/// Pools windows by `f`, which gets the pixels that exist.
pub fn windows(x: &Grid, kernel: usize, stride: usize, padding: usize, ceil: bool, f: impl Fn(&[f64]) -> f64) -> Grid {
    let [b, c, h, w] = x.dims;
    let out = |size: usize| {
        let span = size + 2 * padding - kernel;
        let out = if ceil { span.div_ceil(stride) } else { span / stride } + 1;
        if ceil && (out - 1) * stride >= size + padding { out - 1 } else { out }
    };
    let mut values = Vec::new();
    for plane in x.values.chunks(h * w) {
        for row in 0..out(h) {
            for col in 0..out(w) {
                let mut seen = Vec::new();
                for i in 0..kernel {
                    for j in 0..kernel {
                        let down = (row * stride + i).wrapping_sub(padding);
                        let right = (col * stride + j).wrapping_sub(padding);
                        if down < h && right < w {
                            seen.push(plane[down * w + right]);
                        }
                    }
                }
                values.push(f(&seen));
            }
        }
    }
    Grid { dims: [b, c, out(h), out(w)], values }
}

/// The gradient of `f` at `x` by central differences.
pub fn differences(x: &[f64], f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let step = 1e-5;
    let mut moved = x.to_vec();
    let mut gradient = Vec::new();
    for i in 0..x.len() {
        moved[i] = x[i] + step;
        let above = f(&moved);
        moved[i] = x[i] - step;
        gradient.push((above - f(&moved)) / (2.0 * step));
        moved[i] = x[i];
    }
    gradient
}

pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Asserts that two lists agree within `tolerance` of the larger list's root mean square, each entry.
#[track_caller]
pub fn close(what: &str, ours: &[f32], reference: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), reference.len(), "{what}");
    let scale = (reference.iter().map(|x| x * x).sum::<f64>() / reference.len() as f64).sqrt().max(1e-3);
    for (i, (o, r)) in ours.iter().zip(reference).enumerate() {
        let apart = (f64::from(*o) - r).abs();
        assert!(apart <= tolerance * scale.max(r.abs()), "{what}[{i}]: {o} is not {r} (scale {scale})");
    }
}
