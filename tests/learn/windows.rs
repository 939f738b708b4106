//! Attention in windows equals its definition in f64, forward and back, at any shift and padding; patches are merged.

use proptest::prelude::*;
use toji::base::Seed;
use toji::base::seed::Draws;
use toji::learn::ops::{Kind, Likeness, Offsets, ParamId, Params, Tape, WindowAttention, Windows, log_places};

use super::naive::{close, differences, dot, floats, numbers, tensor};

/// One call: sizes, and all that is learned or flows in.
#[derive(Clone)]
struct Case {
    map: [usize; 3],
    heads: usize,
    d: usize,
    windows: Windows,
    /// Logarithms of the cosine's factors, where there is one.
    logs: Option<Vec<f64>>,
    qkv: Vec<f64>,
    table: Vec<f64>,
    offsets: Vec<f64>,
}

impl Case {
    fn new(map: [usize; 3], heads: usize, d: usize, windows: Windows, cosine: bool, draws: &mut Draws) -> Case {
        let c = heads * d;
        let mut offsets = numbers(3 * c, draws, -0.5, 0.5);
        if cosine {
            offsets[c..2 * c].fill(0.0);
        }
        Case {
            map,
            heads,
            d,
            windows,
            // One factor beyond the greatest, if there are several.
            logs: cosine.then(|| (0..heads).map(|head| 1.0 + 2.0 * head as f64).collect()),
            qkv: numbers(map.iter().product::<usize>() * 3 * c, draws, -1.0, 1.0),
            table: numbers(windows.places() * heads, draws, -1.0, 1.0),
            offsets,
        }
    }

    /// The definition, as timm's blocks are written: roll, pad, cut, mask, and back.
    fn output(&self) -> Vec<f64> {
        let ([b, h, w], [wh, ww], [sh, sw]) = (self.map, self.windows.size, self.windows.shift);
        let (c, d) = (self.heads * self.d, self.d);
        let padded = [h.div_ceil(wh) * wh, w.div_ceil(ww) * ww];
        let region = |at: usize, end: usize, size: usize, shift: usize| match shift {
            0 => 0,
            _ if at < end - size => 0,
            _ if at < end - shift => 1,
            _ => 2,
        };
        let part = |[row, col]: [usize; 2]| [region(row, padded[0], wh, sh), region(col, padded[1], ww, sw)];
        let mut y = vec![0.0; b * h * w * c];
        for image in 0..b {
            // What stands at a place of the rolled and padded map, of query, key or value.
            let at = |[row, col]: [usize; 2], from: usize| -> Vec<f64> {
                let offset = &self.offsets[from..from + d];
                if row >= h || col >= w {
                    return offset.to_vec();
                }
                let token = (image * h + (row + sh) % h) * w + (col + sw) % w;
                self.qkv[token * 3 * c + from..][..d].iter().zip(offset).map(|(x, o)| x + o).collect()
            };
            for place in (0..h).flat_map(|row| (0..w).map(move |col| [row, col])) {
                let corner = [place[0] / wh * wh, place[1] / ww * ww];
                let keys: Vec<_> = (0..wh * ww).map(|i| [corner[0] + i / ww, corner[1] + i % ww]).collect();
                for head in 0..self.heads {
                    let query = at(place, head * d);
                    let score = |key: &[usize; 2]| {
                        let other = at(*key, c + head * d);
                        let alike = match &self.logs {
                            None => dot(&query, &other) / (d as f64).sqrt(),
                            Some(logs) => {
                                let length = |x: &[f64]| dot(x, x).sqrt().max(1e-12);
                                dot(&query, &other) / length(&query) / length(&other)
                                    * logs[head].min(100f64.ln()).exp()
                            }
                        };
                        let row = place[0] + wh - 1 - key[0];
                        let col = place[1] + ww - 1 - key[1];
                        let bias = self.table[(row * (2 * ww - 1) + col) * self.heads + head];
                        let seen = if part(place) == part(*key) { 0.0 } else { -100.0 };
                        (alike + bias + seen).exp()
                    };
                    let weights: Vec<f64> = keys.iter().map(score).collect();
                    let total: f64 = weights.iter().sum();
                    let token = (image * h + (place[0] + sh) % h) * w + (place[1] + sw) % w;
                    for (weight, key) in weights.iter().zip(&keys) {
                        for (i, value) in at(*key, 2 * c + head * d).iter().enumerate() {
                            y[token * c + head * d + i] += weight / total * value;
                        }
                    }
                }
            }
        }
        y
    }

    fn learned(&self, params: &mut Params) -> (WindowAttention, ParamId) {
        let c = self.heads * self.d;
        let mut add = |name: &str, values: &[f64], dims: &[usize]| {
            params.add(name, tensor(values, dims), Kind::Weight).expect("a new name")
        };
        let table = add("table", &self.table, &[self.windows.places(), self.heads]);
        let (offsets, likeness) = match &self.logs {
            None => (Offsets::Joint(add("bias", &self.offsets, &[3 * c])), Likeness::Scaled),
            Some(logs) => (
                Offsets::QueryValue(add("query", &self.offsets[..c], &[c]), add("value", &self.offsets[2 * c..], &[c])),
                Likeness::Cosine(add("logs", logs, &[self.heads, 1, 1])),
            ),
        };
        (WindowAttention { windows: self.windows, offsets, likeness }, table)
    }

    /// Output, and the gradients of queries, keys and values, table, offsets and logarithms by `dy`.
    fn run(&self, dy: &[f64]) -> (Vec<f32>, [Vec<f32>; 4]) {
        let ([b, h, w], c) = (self.map, self.heads * self.d);
        let mut params = Params::new();
        let (attention, table) = self.learned(&mut params);
        let mut tape = Tape::train();
        let qkv = tape.watch(&tensor(&self.qkv, &[b, h, w, 3 * c]));
        let size = self.windows.size;
        let biases = tape.bias_table(&params, table, size, size).expect("a table");
        let y = tape.window_attention(&params, &attention, &qkv, &biases).expect("forward");
        let grads = tape.backward(&y, &tensor(dy, &[b, h, w, c])).expect("backward");
        let of = |id| floats(grads.get(id).expect("a gradient"));
        let (offsets, logs) = match (attention.offsets, attention.likeness) {
            (Offsets::Joint(id), _) => (of(id), Vec::new()),
            (Offsets::QueryValue(query, value), Likeness::Cosine(id)) => {
                ([of(query), vec![0.0; c], of(value)].concat(), of(id))
            }
            _ => unreachable!("keys without a bias come with the cosine"),
        };
        let dqkv = floats(grads.of(&qkv).expect("dqkv"));
        (floats(&y.tensor()), [dqkv, of(table), offsets, logs])
    }

    /// The same with one list moved along a direction.
    fn moved(&self, which: usize, by: &[f64]) -> Case {
        let mut case = self.clone();
        let list = match which {
            0 => &mut case.qkv,
            1 => &mut case.table,
            2 => &mut case.offsets,
            _ => case.logs.as_mut().expect("logarithms"),
        };
        list.iter_mut().zip(by).for_each(|(x, by)| *x += by);
        case
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn attention_in_any_windows(
        (b, h, w) in (1usize..3, 1usize..7, 1usize..7),
        (wh, ww) in (1usize..5, 1usize..5),
        (heads, d, cosine) in (1usize..3, 1usize..4, any::<bool>()),
        (down, right) in (0usize..4, 0usize..4),
        seed in any::<u64>(),
    ) {
        let windows = Windows { size: [wh, ww], shift: [down % wh.min(h), right % ww.min(w)] };
        let mut draws = Seed::new(seed).draws();
        let case = Case::new([b, h, w], heads, d, windows, cosine, &mut draws);
        let expected = case.output();
        let dy = numbers(expected.len(), &mut draws, -1.0, 1.0);
        let (y, grads) = case.run(&dy);
        close("y", &y, &expected, 1e-4);
        for (which, (name, grad)) in ["dqkv", "dtable", "doffsets", "dlogs"].iter().zip(&grads).enumerate() {
            // With one float a head, the cosine's slope is zero but for rounding at lengths near zero.
            if !(grad.is_empty() || cosine && d == 1) {
                let still = vec![0.0; grad.len()];
                let mut slopes = differences(&still, |by| dot(&case.moved(which, by).output(), &dy));
                if which == 2 && cosine {
                    slopes[heads * d..2 * heads * d].fill(0.0);
                }
                close(name, grad, &slopes, 2e-3);
            }
        }
    }
}

/// Several blocks of queries, several bands and pictures in a unit, more than one unit; slopes along one direction.
#[test]
fn attention_in_large_and_many_windows() {
    let cases = [
        ([1, 12, 12], [12, 12], [0, 0], 32, false),
        ([2, 13, 25], [12, 12], [6, 6], 16, true),
        ([11, 7, 7], [7, 7], [0, 0], 32, false),
        ([2, 14, 21], [7, 7], [3, 3], 5, true),
        ([1, 5, 70], [3, 5], [1, 0], 8, false),
    ];
    let mut draws = Seed::new(9).draws();
    for (map, size, shift, d, cosine) in cases {
        let case = Case::new(map, 2, d, Windows { size, shift }, cosine, &mut draws);
        let expected = case.output();
        let dy = numbers(expected.len(), &mut draws, -1.0, 1.0);
        let (y, grads) = case.run(&dy);
        close(&format!("y {map:?}"), &y, &expected, 1e-4);
        for (which, grad) in grads.iter().enumerate().filter(|(_, grad)| !grad.is_empty()) {
            let mut along = numbers(grad.len(), &mut draws, -1.0, 1.0);
            if which == 2 && cosine {
                along[2 * d..4 * d].fill(0.0);
            }
            let step = |by: f64| {
                let by: Vec<f64> = along.iter().map(|x| x * by).collect();
                dot(&case.moved(which, &by).output(), &dy)
            };
            let slope = (step(1e-5) - step(-1e-5)) / 2e-5;
            let ours: f64 = grad.iter().zip(&along).map(|(g, a)| f64::from(*g) * a).sum();
            let size = grad.iter().zip(&along).map(|(g, a)| (f64::from(*g) * a).powi(2)).sum::<f64>().sqrt();
            assert!((ours - slope).abs() <= 1e-3 * size, "{map:?} {which}: {ours} is not {slope} (of {size})");
        }
    }
}

#[test]
fn threads_do_not_change_windows() {
    let mut draws = Seed::new(12).draws();
    let case = Case::new([5, 14, 21], 2, 8, Windows { size: [7, 7], shift: [3, 3] }, true, &mut draws);
    let dy = numbers(5 * 14 * 21 * 16, &mut draws, -1.0, 1.0);
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        let (y, grads) = pool.install(|| case.run(&dy));
        grads.concat().into_iter().chain(y).map(f32::to_bits).collect::<Vec<_>>()
    };
    let one = with(1);
    assert!(one == with(2) && one == with(8));
}

#[test]
fn evaluation_has_the_same_bits_and_counting_the_same_shape() {
    let mut draws = Seed::new(10).draws();
    let case = Case::new([2, 5, 6], 2, 4, Windows { size: [3, 3], shift: [1, 1] }, false, &mut draws);
    let trained = case.run(&numbers(2 * 5 * 6 * 8, &mut draws, -1.0, 1.0)).0;
    let mut params = Params::new();
    let (attention, table) = case.learned(&mut params);
    for mut tape in [Tape::eval(), Tape::counting()] {
        let qkv = tape.constant(&tensor(&case.qkv, &[2, 5, 6, 24]));
        let biases = tape.bias_table(&params, table, [3, 3], [3, 3]).expect("a table");
        let y = tape.window_attention(&params, &attention, &qkv, &biases).expect("forward");
        assert_eq!(y.dims(), [2, 5, 6, 8]);
        let spent = tape.spent().multiply_adds;
        match spent {
            0 => assert_eq!(floats(&y.tensor()), trained),
            // 2 pictures of 2 × 2 windows of 9 tokens, two products of 9 × 9 × 8.
            _ => assert_eq!(spent, 2 * 2 * 2 * 2 * 9 * 9 * 8),
        }
    }
}

/// In Python, `timm.layers.resize_rel_pos_bias_table(t, new_window_size=(2, 4), new_bias_shape=(21, 2))` with
/// `t = torch.tensor([float(i * i % 97) for i in range(338)]).view(169, 2)`.
const SMALLER: [f32; 42] = [
    64.9967, 47.1147, 31.7425, 18.7426, 6.0000, 93.0000, 85.0000, 79.0000, 75.0000, 73.0000, 73.0198, 74.9802, 78.8229,
    84.7049, 53.2032, 87.3213, 26.8119, 64.8515, 8.0000, 50.0000, 94.0000, 43.0000, 91.0000, 44.0000, 95.9505, 52.9109,
    14.4788, 69.4983, 35.4098, 24.5278, 15.8812, 8.9208, 4.0000, 1.0000, 0.0000, 1.0000, 4.0000, 9.0000, 15.8812,
    24.8416, 35.4098, 48.2918,
];

/// And the gradient is the transpose.
#[test]
fn a_table_for_smaller_windows() {
    let mut params = Params::new();
    let values: Vec<f64> = (0..169 * 2).map(|i| f64::from(i * i % 97)).collect();
    let id = params.add("table", tensor(&values, &[169, 2]), Kind::Weight).expect("a new name");
    let mut tape = Tape::train();
    let y = tape.bias_table(&params, id, [7, 7], [2, 4]).expect("a table");
    assert_eq!(y.dims(), [21, 2]);
    let expected = SMALLER.map(f64::from);
    close("table", &floats(&y.tensor()), &expected, 1e-5);
    let mut draws = Seed::new(11).draws();
    let dy = numbers(42, &mut draws, -1.0, 1.0);
    let grads = tape.backward(&y, &tensor(&dy, &[21, 2])).expect("backward");
    let dx: Vec<f64> = floats(grads.get(id).expect("a gradient")).iter().map(|x| f64::from(*x)).collect();
    let (there, back) = (dot(&expected, &dy), dot(&values, &dx));
    assert!((there - back).abs() < 1e-3 * there.abs().max(100.0), "{there} {back}");
}

#[test]
fn places_on_a_logarithmic_scale() {
    // log₂(9) / 3 outermost, log₂(1 + 8/3) / 3 one token apart in a window of four.
    let places = log_places([4, 2], None).expect("places").to_vec2::<f32>().expect("floats");
    assert_eq!(places.len(), 21);
    let near = |x: f32, y: f64| assert!((f64::from(x) - y).abs() < 1e-6, "{x} {y}");
    near(places[0][0], -(9f64.log2()) / 3.0);
    near(places[0][1], -(9f64.log2()) / 3.0);
    near(places[9][0], 0.0);
    near(places[13][0], (1.0 + 8.0 / 3.0f64).log2() / 3.0);
    let wider = log_places([4, 2], Some(3)).expect("places").to_vec2::<f32>().expect("floats");
    near(wider[20][0], 13f64.log2() / 3.0);
    let one = log_places([1, 1], None).expect("places").to_vec2::<f32>().expect("floats");
    assert_eq!(one, [[0.0, 0.0]]);
}

/// An odd map is padded with zeros; the gradient is the transpose.
#[test]
fn patches_are_merged_in_timms_order() {
    let mut tape = Tape::train();
    let values: Vec<f64> = (0..2 * 3 * 5).map(f64::from).collect();
    let x = tape.watch(&tensor(&values, &[1, 3, 5, 2]));
    let y = tape.merge_patches(&x).expect("merged");
    assert_eq!(y.dims(), [1, 2, 3, 8]);
    // In Python: pad(x, (0, 0, 0, 1, 0, 1)).reshape(1, 2, 2, 3, 2, 2).permute(0, 1, 3, 4, 2, 5).flatten(3)
    let merged = floats(&y.tensor());
    assert_eq!(merged[..8], [0.0, 1.0, 10.0, 11.0, 2.0, 3.0, 12.0, 13.0]);
    assert_eq!(merged[16..24], [8.0, 9.0, 18.0, 19.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(merged[40..], [28.0, 29.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    let dy: Vec<f64> = merged.iter().map(|y| f64::from(*y)).collect();
    let grads = tape.backward(&y, &tensor(&dy, &[1, 2, 3, 8])).expect("backward");
    assert_eq!(floats(grads.of(&x).expect("dx")), values.iter().map(|x| *x as f32).collect::<Vec<_>>());
}
