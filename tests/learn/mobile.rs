//! Open convolutions, squeeze-and-excite and their block: gradients against difference quotients of plain f64 definitions.

use candle_core::{Device, Tensor};
use toji::base::Seed;
use toji::base::seed::Draws;
use toji::learn::ops::{Act, Conv, Grads, Kind, Norm, Open, ParamId, Params, Squeeze, Tape, Var};

use super::naive::{close, differences, dot, floats};

/// Sizes of a block: pictures, height, width, channels in, inside and out, hidden channels of the gate.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    b: usize,
    h: usize,
    w: usize,
    c: usize,
    e: usize,
    o: usize,
    r: usize,
    kernel: usize,
    stride: usize,
    same: bool,
    act: Act,
}

fn act(act: Act, x: f64) -> f64 {
    match act {
        Act::Silu => x / (1.0 + (-x).exp()),
        Act::Relu => x.max(0.0),
        Act::Relu6 => x.clamp(0.0, 6.0),
        _ => x,
    }
}

/// The lists of numbers that a block reads, in the order of [`Sizes::lists`].
type Lists = Vec<Vec<f64>>;

impl Sizes {
    fn out(&self) -> [usize; 2] {
        let pad = self.kernel / 2 * 2;
        let one = |size: usize| {
            if self.same { size.div_ceil(self.stride) } else { (size + pad - self.kernel) / self.stride + 1 }
        };
        [one(self.h), one(self.w)]
    }

    /// Input, then expansion, norm, filter, norm, squeeze, projection, norm.
    fn lists(&self) -> Vec<(&'static str, Vec<usize>)> {
        let Sizes { b, h, w, c, e, o, r, kernel, .. } = *self;
        vec![
            ("x", vec![b, h, w, c]),
            ("pw", vec![e, c, 1, 1]),
            ("g1", vec![e]),
            ("b1", vec![e]),
            ("dw", vec![e, 1, kernel, kernel]),
            ("g2", vec![e]),
            ("b2", vec![e]),
            ("sr", vec![r, e, 1, 1]),
            ("sb", vec![r]),
            ("er", vec![e, r, 1, 1]),
            ("eb", vec![e]),
            ("pl", vec![o, e, 1, 1]),
            ("g3", vec![o]),
            ("b3", vec![o]),
        ]
    }

    /// The block in f64; maps are `[pixels, channels]`.
    fn naive(&self, lists: &Lists) -> Vec<f64> {
        let Sizes { b, h, w, c, e, o, r, kernel, stride, same, .. } = *self;
        let [x, pw, g1, b1, dw, g2, b2, sr, sb, er, eb, pl, g3, b3] = &lists[..] else { panic!("14 lists") };
        let [ho, wo] = self.out();
        let product = |x: &[f64], w: &[f64], inner: usize, out: usize| -> Vec<f64> {
            x.chunks(inner).flat_map(|x| (0..out).map(move |o| dot(x, &w[o * inner..][..inner]))).collect()
        };
        let norm = |x: &[f64], g: &[f64], b: &[f64]| -> Vec<f64> {
            let n = g.len();
            let count = (x.len() / n) as f64;
            let mean: Vec<f64> = (0..n).map(|c| x.iter().skip(c).step_by(n).sum::<f64>() / count).collect();
            let var: Vec<f64> = (0..n)
                .map(|c| x.iter().skip(c).step_by(n).map(|x| (x - mean[c]).powi(2)).sum::<f64>() / count)
                .collect();
            x.iter()
                .enumerate()
                .map(|(i, x)| g[i % n] * (x - mean[i % n]) / (var[i % n] + 1e-3).sqrt() + b[i % n])
                .collect()
        };
        let active = |x: Vec<f64>| -> Vec<f64> { x.into_iter().map(|x| act(self.act, x)).collect() };
        let wide = active(norm(&product(x, pw, c, e), g1, b1));
        let pad = |size: usize, out: usize| {
            if same { ((out - 1) * stride + kernel).saturating_sub(size) / 2 } else { kernel / 2 }
        };
        let (top, left) = (pad(h, ho), pad(w, wo));
        let mut deep = vec![0.0; b * ho * wo * e];
        for n in 0..b {
            for (row, col) in (0..ho).flat_map(|row| (0..wo).map(move |col| (row, col))) {
                for (i, j) in (0..kernel).flat_map(|i| (0..kernel).map(move |j| (i, j))) {
                    let (down, right) = ((row * stride + i).wrapping_sub(top), (col * stride + j).wrapping_sub(left));
                    if down < h && right < w {
                        for k in 0..e {
                            deep[((n * ho + row) * wo + col) * e + k] +=
                                wide[((n * h + down) * w + right) * e + k] * dw[(k * kernel + i) * kernel + j];
                        }
                    }
                }
            }
        }
        let mut deep = active(norm(&deep, g2, b2));
        for map in deep.chunks_mut(ho * wo * e) {
            let mean: Vec<f64> =
                (0..e).map(|k| map.iter().skip(k).step_by(e).sum::<f64>() / (ho * wo) as f64).collect();
            let hidden =
                product(&mean, sr, e, r).iter().zip(sb).map(|(x, b)| act(Act::Silu, x + b)).collect::<Vec<_>>();
            let gate: Vec<f64> =
                product(&hidden, er, r, e).iter().zip(eb).map(|(x, b)| 1.0 / (1.0 + (-x - b).exp())).collect();
            map.iter_mut().enumerate().for_each(|(i, x)| *x *= gate[i % e]);
        }
        let y = norm(&product(&deep, pl, e, o), g3, b3);
        if stride == 1 && c == o { y.iter().zip(x).map(|(y, x)| y + x).collect() } else { y }
    }

    fn random(&self, draws: &mut Draws) -> Lists {
        let one = |(name, dims): (&str, Vec<usize>)| {
            let middle = if name.starts_with('g') { 1.0 } else { 0.0 };
            (0..dims.iter().product()).map(|_| f64::from((middle + draws.uniform(-0.8, 0.8)) as f32)).collect()
        };
        self.lists().into_iter().map(one).collect()
    }

    fn ours(&self, lists: &Lists, tape: &mut Tape) -> (Var, Var, Vec<ParamId>) {
        let mut params = Params::new();
        let tensor = |values: &[f64], dims: &[usize]| {
            Tensor::from_vec(values.iter().map(|x| *x as f32).collect::<Vec<_>>(), dims, &Device::Cpu)
                .expect("a tensor")
        };
        let ids: Vec<ParamId> = self
            .lists()
            .iter()
            .zip(lists)
            .map(|((name, dims), values)| params.add(*name, tensor(values, dims), Kind::Weight).expect("a new name"))
            .collect();
        let [_, pw, g1, b1, dw, g2, b2, sr, sb, er, eb, pl, g3, b3] = ids[..] else { panic!("14 lists") };
        let mut norm = |weight: ParamId, bias: ParamId, name: &str| {
            let dims = params.get(weight).dims().to_vec();
            let mut buffer = |part: &str, value: f64| {
                let values = vec![value; dims[0]];
                params.add(format!("{name}.{part}"), tensor(&values, &dims), Kind::Buffer).expect("a new name")
            };
            let (running_mean, running_var) = (buffer("mean", 0.0), buffer("var", 1.0));
            Norm { weight, bias, running_mean, running_var, momentum: 0.1, eps: 1e-3 }
        };
        let [n1, n2, n3] = [norm(g1, b1, "n1"), norm(g2, b2, "n2"), norm(g3, b3, "n3")];
        let conv = |weight: ParamId| Conv { weight, stride: 1, padding: 0, dilation: 1, groups: 1 };
        let filter = Conv { stride: self.stride, padding: self.kernel / 2, groups: self.e, ..conv(dw) };
        let squeeze = Squeeze { reduce: [sr, sb], expand: [er, eb], act: Act::Silu };
        let x = tape.watch(&tensor(&lists[0], &self.lists()[0].1));
        let open = tape.conv_open(&params, &x, &conv(pw), &n1, self.act).expect("expand");
        let open = tape.depthwise_open(&params, open, &filter, self.same, &n2, self.act).expect("filter");
        let residual = (self.stride == 1 && self.c == self.o).then_some(&x);
        let y = tape.conv_close(&params, open, Some(&squeeze), &conv(pl), &n3, residual).expect("project");
        (x, y, ids)
    }
}

/// The input's gradient first, then those of the parameters.
fn gradients(grads: &Grads, x: &Var, ids: &[ParamId]) -> Vec<Vec<f32>> {
    let params = ids[1..].iter().map(|id| floats(grads.get(*id).expect("a gradient")));
    std::iter::once(floats(grads.of(x).expect("dx"))).chain(params).collect()
}

#[test]
fn a_block_is_its_definition() {
    let mut draws = Seed::new(5).draws();
    let first = Sizes { b: 3, h: 5, w: 4, c: 3, e: 18, o: 3, r: 2, kernel: 3, stride: 1, same: false, act: Act::Silu };
    let cases = [
        first,
        Sizes { b: 2, h: 6, w: 7, o: 4, kernel: 5, stride: 2, same: true, ..first },
        Sizes { b: 5, h: 3, w: 2, e: 16, o: 2, kernel: 3, stride: 2, ..first },
        Sizes { b: 2, h: 4, w: 4, e: 7, same: true, ..first },
    ];
    for sizes in cases {
        let lists = sizes.random(&mut draws);
        let reference = sizes.naive(&lists);
        let mut tape = Tape::train();
        let (x, y, ids) = sizes.ours(&lists, &mut tape);
        close(&format!("y {sizes:?}"), &floats(&y.tensor()), &reference, 1e-4);
        let dy: Vec<f64> = reference.iter().map(|_| f64::from(draws.uniform(-1.0, 1.0) as f32)).collect();
        let upstream = Tensor::from_vec(dy.iter().map(|x| *x as f32).collect::<Vec<_>>(), y.dims(), &Device::Cpu);
        let grads = tape.backward(&y, &upstream.expect("a tensor")).expect("backward");
        let ours = gradients(&grads, &x, &ids);
        for (at, (name, _)) in sizes.lists().iter().enumerate() {
            let moved = |values: &[f64]| {
                let mut lists = lists.clone();
                lists[at] = values.to_vec();
                dot(&sizes.naive(&lists), &dy)
            };
            close(&format!("d{name} {sizes:?}"), &ours[at], &differences(&lists[at], moved), 2e-3);
        }
    }
}

/// Alone and finished at once, the operations are those of the fused block.
#[test]
fn squeeze_and_finish_alone() {
    let mut draws = Seed::new(6).draws();
    let (b, h, w, c, r) = (3, 4, 3, 19, 5);
    let mut numbers =
        |count: usize| -> Vec<f64> { (0..count).map(|_| f64::from(draws.uniform(-1.0, 1.0) as f32)).collect() };
    let lists = [numbers(b * h * w * c), numbers(r * c), numbers(r), numbers(c * r), numbers(c)];
    let dims = [vec![b, h, w, c], vec![r, c, 1, 1], vec![r], vec![c, r, 1, 1], vec![c]];
    let naive = |lists: &[Vec<f64>]| -> Vec<f64> {
        let [x, reduce, rb, expand, eb] = lists else { panic!("5 lists") };
        let mut y = x.clone();
        for map in y.chunks_mut(h * w * c) {
            let mean: Vec<f64> = (0..c).map(|k| map.iter().skip(k).step_by(c).sum::<f64>() / (h * w) as f64).collect();
            let hidden: Vec<f64> = (0..r).map(|i| (dot(&reduce[i * c..][..c], &mean) + rb[i]).max(0.0)).collect();
            let gate: Vec<f64> =
                (0..c).map(|k| 1.0 / (1.0 + (-dot(&expand[k * r..][..r], &hidden) - eb[k]).exp())).collect();
            map.iter_mut().enumerate().for_each(|(i, x)| *x *= gate[i % c]);
        }
        y.iter().zip(x).map(|(y, x)| y + x).collect()
    };
    let tensor = |values: &[f64], dims: &[usize]| {
        Tensor::from_vec(values.iter().map(|x| *x as f32).collect::<Vec<_>>(), dims, &Device::Cpu).expect("a tensor")
    };
    let mut params = Params::new();
    let ids: Vec<ParamId> = (0..5)
        .map(|at| params.add(format!("{at}"), tensor(&lists[at], &dims[at]), Kind::Weight).expect("a new name"))
        .collect();
    let squeeze = Squeeze { reduce: [ids[1], ids[2]], expand: [ids[3], ids[4]], act: Act::Relu };
    let mut tape = Tape::train();
    let x = tape.watch(&tensor(&lists[0], &dims[0]));
    let scaled = tape.squeeze_excite(&params, &x, &squeeze).expect("squeeze");
    let y = tape.finish(Open::plain(&scaled), Some(&x)).expect("finish");
    let reference = naive(&lists);
    close("y", &floats(&y.tensor()), &reference, 1e-5);
    let dy = numbers(reference.len());
    let grads = tape.backward(&y, &tensor(&dy, &dims[0])).expect("backward");
    let ours = gradients(&grads, &x, &ids);
    for at in 0..5 {
        let moved = |values: &[f64]| {
            let mut lists = lists.to_vec();
            lists[at] = values.to_vec();
            dot(&naive(&lists), &dy)
        };
        close(&format!("gradient {at}"), &ours[at], &differences(&lists[at], moved), 1e-4);
    }
}
