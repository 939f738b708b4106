//! Tables of biases by relative place: `[places, heads]`, and what becomes of them.
//!
//! A table is spread to a tile `[n, n]` for each head, and gradients of tiles are folded back. Swin learns the table; in a
//! window of another size timm reads it at other places, which is linear in it. SwinV2 learns a small network of the places instead,
//! in logarithmic coordinates.

use candle_core::{Device, Tensor};

use super::layout::Windows;
use crate::learn::ops::simd::padded;
use crate::learn::ops::tape::memory::{floats, take, tensor};
use crate::learn::ops::{Flow, OpsError, ParamId, Params, Tape, Var};

/// Calls `f(query, key, place)` for all pairs of tokens, as timm's `get_relative_position_index` numbers places.
#[inline(always)]
pub(super) fn pairs(windows: &Windows, mut f: impl FnMut(usize, usize, usize)) {
    let [h, w] = windows.size;
    for query in 0..h * w {
        for key in 0..h * w {
            let down = query / w + h - 1 - key / w;
            let right = query % w + w - 1 - key % w;
            f(query, key, down * (2 * w - 1) + right);
        }
    }
}

/// Tiles `[heads, n, padded(n)]` from a table, with `nothing` in the padding.
pub(super) fn spread(table: &[f32], heads: usize, windows: &Windows, nothing: f32) -> Vec<f32> {
    let n = windows.tokens();
    let mut tiles = vec![nothing; heads * n * padded(n)];
    for (head, tile) in tiles.chunks_exact_mut(n * padded(n)).enumerate() {
        pairs(windows, |query, key, place| tile[query * padded(n) + key] = table[place * heads + head]);
    }
    tiles
}

/// Adds a tile `[n, padded(n)]` to one head's column of a table `[places]`.
#[inline(always)]
pub(super) fn fold(table: &mut [f32], tile: &[f32], windows: &Windows) {
    let wide = padded(windows.tokens());
    pairs(windows, |query, key, place| table[place] += tile[query * wide + key]);
}

/// Where along an axis a new place lies between old ones: the two numbers and their parts.
type Between = [(usize, f64); 2];

/// timm's `resize_rel_pos_bias_table` along one axis, for a window of `from` tokens whose biases are wanted at one of `to`: the old
/// places stand at distances that grow geometrically, so that the outermost ones meet, and between them the table is linear.
fn axis(from: usize, to: usize) -> Vec<Between> {
    let (old, new) = (from - 1, to - 1); // places on each side of the middle
    let (mut left, mut right, mut ratio) = (1.01f64, 1.5f64, 1.0f64);
    while right - left > 1e-6 {
        ratio = (left + right) / 2.0;
        let reach = (1.0 - ratio.powi(old as i32)) / (1.0 - ratio);
        if reach > new as f64 { right = ratio } else { left = ratio }
    }
    let mut distances = Vec::new();
    let mut distance = 1.0;
    for i in 0..old {
        distances.push(distance);
        distance += ratio.powi(i as i32 + 1);
    }
    let points: Vec<f64> = distances.iter().rev().map(|d| -d).chain([0.0]).chain(distances.iter().copied()).collect();
    let between = |at: f64| {
        let right = points.iter().position(|p| *p >= at).unwrap_or(points.len() - 1);
        let left = right.saturating_sub(1);
        let near = [(at - points[left]).max(0.0), (points[right] - at).max(0.0)];
        let near = if near == [0.0, 0.0] { [1.0, 1.0] } else { near };
        let whole = near[0] + near[1];
        [(left, near[1] / whole), (right, near[0] / whole)]
    };
    (0..2 * new + 1).map(|i| between(i as f64 - new as f64)).collect()
}

/// For each place of a new table, the four places of the old one that it is made of, with their parts.
fn mixture(from: [usize; 2], to: [usize; 2]) -> Vec<[(usize, f32); 4]> {
    let (rows, cols) = (axis(from[0], to[0]), axis(from[1], to[1]));
    let width = 2 * from[1] - 1;
    let each = |row: &Between, col: &Between| {
        [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(i, j)| (row[i].0 * width + col[j].0, (row[i].1 * col[j].1) as f32))
    };
    rows.iter().flat_map(|row| cols.iter().map(move |col| each(row, col))).collect()
}

impl Tape {
    /// A learned table `[(2h-1)(2w-1), heads]` of biases for windows `from` = `[h, w]`, as one for windows of size `to`
    /// (timm's interpolation when a network is made for pictures that are smaller than the window).
    ///
    /// # Errors
    /// When the parameter is no table for such windows.
    pub fn bias_table(
        &mut self,
        params: &Params,
        table: ParamId,
        from: [usize; 2],
        to: [usize; 2],
    ) -> Result<Var, OpsError> {
        self.reach(table);
        let places = |size: [usize; 2]| Windows { size, shift: [0, 0] }.places();
        let &[count, heads] = params.get(table).dims() else {
            return Err(OpsError::shape("bias_table", "a table [places, heads]", params.get(table).dims()));
        };
        if from.contains(&0) || to.contains(&0) || count != places(from) {
            return Err(OpsError::shape(
                "bias_table",
                format!("a table for windows {from:?}"),
                params.get(table).dims(),
            ));
        }
        let dims = [places(to), heads];
        if let Some(y) = self.dry(0, 0, &dims)? {
            return Ok(y);
        }
        if self.is_composed() {
            let dense = |mixture: Vec<[(usize, f32); 4]>| {
                let mut all = vec![0.0; dims[0] * count];
                for (row, parts) in all.chunks_exact_mut(count).zip(&mixture) {
                    parts.iter().for_each(|(place, part)| row[*place] += part);
                }
                all
            };
            let mixture = (from != to).then(|| dense(mixture(from, to)));
            return self.composed_bias_table(params, table, mixture, dims[0]);
        }
        if from == to {
            let y = self
                .record(params.get(table).clone(), |_| move |dy: Tensor, flow: &mut Flow| flow.add_param(table, dy));
            // The memory is the parameter's; a value whose tensor is in other hands never gives it away.
            drop(y.tensor());
            return Ok(y);
        }
        let mixture = mixture(from, to);
        let mut y = vec![0.0; dims[0] * heads];
        floats("bias_table", params.get(table), |table| {
            for (y, parts) in y.chunks_exact_mut(heads).zip(&mixture) {
                for (place, part) in parts {
                    y.iter_mut().zip(&table[place * heads..]).for_each(|(y, x)| *y += part * x);
                }
            }
            Ok(())
        })?;
        Ok(self.record(tensor(y, &dims)?, |_| {
            move |dy: Tensor, flow: &mut Flow| {
                let mut dx = vec![0.0; count * heads];
                for (dy, parts) in take(&dy)?.chunks_exact(heads).zip(&mixture) {
                    for (place, part) in parts {
                        dx[place * heads..].iter_mut().zip(dy).for_each(|(dx, dy)| *dx += part * dy);
                    }
                }
                flow.add_param(table, tensor(dx, &[count, heads])?)
            }
        }))
    }

    /// `16 · sigmoid(x)` of any shape: SwinV2's bounded biases.
    pub fn bounded_bias(&mut self, x: &Var) -> Result<Var, OpsError> {
        if let Some(y) = self.dry(0, 0, x.dims())? {
            return Ok(y);
        }
        if self.is_composed() {
            return self.composed_bounded_bias(x);
        }
        let y = floats("bounded_bias", x.peek(), |x| Ok(x.iter().map(|x| 16.0 / (1.0 + (-x).exp())).collect()))?;
        let (dims, x) = (x.dims().to_vec(), x.target());
        Ok(self.record(tensor(y, &dims)?, |y| {
            let y = y.clone();
            move |dy: Tensor, flow: &mut Flow| {
                let mut dx = take(&dy)?;
                floats("bounded_bias", y.peek(), |y| {
                    dx.iter_mut().zip(y).for_each(|(dx, y)| *dx *= y * (1.0 - y / 16.0));
                    Ok(())
                })?;
                flow.add(x, tensor(dx, &dims)?)
            }
        }))
    }
}

/// SwinV2's coordinates of the relative places in windows of `size`: `[places, 2]`, down and right, scaled so that the
/// outermost of a window of `trained` (or of `size`, where there is none) is 8, then `sign · log₂(1 + |x|) / 3`.
///
/// # Errors
/// When candle refuses.
pub fn log_places(size: [usize; 2], trained: Option<usize>) -> Result<Tensor, OpsError> {
    let along = |axis: usize, at: usize| {
        let whole = (trained.unwrap_or(size[axis]) as f32 - 1.0).max(1.0);
        let x = (at as f32 - (size[axis] as f32 - 1.0)) / whole * 8.0;
        x.signum() * (x.abs() + 1.0).log2() / 3.0
    };
    let [height, width] = size.map(|side| 2 * side - 1);
    let places = (0..height * width).flat_map(|i| [along(0, i / width), along(1, i % width)]).collect();
    Ok(Tensor::from_vec::<_, f32>(places, (height * width, 2), &Device::Cpu)?)
}
