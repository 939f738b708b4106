//! Attention in windows of a picture's map: Swin's and SwinV2's.
//!
//! Each window's tokens look at each other alone; every other block moves the windows by half, so that neighbours meet. As in
//! "Swin Transformer" (Liu et al. 2021) scores are `q·k/√d` plus a learned bias for each relative place and head; as in "Swin
//! Transformer V2" (Liu et al. 2022) they are the cosine of `q` and `k` times a learned factor. `layout` says where a window's tokens lie, so
//! that rolling, padding, cutting and putting together, which PyTorch does in four passes over memory each way, happen while a head's
//! rows are read and written; `tile` is one head of one window; `position` makes the tables of biases; `merge` is what joins patches
//! between the stages.
//!
//! A unit of work is some windows of one or more bands with all heads, and sums of gradients are added up unit by unit.

mod layout;
mod merge;
mod position;
mod tile;

use candle_core::Tensor;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

pub use self::layout::Windows;
use self::layout::{Band, Layout};
pub use self::position::log_places;
use self::tile::{Head, NOTHING, Place, Scratch, Shape};
use super::simd::padded;
use super::tape::memory::{floats, take, tensor};
use super::{Flow, OpsError, ParamId, Params, Tape, Var};

/// Attention in windows.
#[derive(Clone, Copy, Debug)]
pub struct WindowAttention {
    /// How the map is cut.
    pub windows: Windows,
    /// What is added to queries, keys and values, in padding too.
    pub offsets: Offsets,
    /// How a query and a key are compared.
    pub likeness: Likeness,
}

/// The bias of the layer that gave queries, keys and values.
#[derive(Clone, Copy, Debug)]
pub enum Offsets {
    /// One of `[3c]`.
    Joint(ParamId),
    /// Of queries and of values, `[c]` each; keys have none.
    QueryValue(ParamId, ParamId),
}

/// How a query and a key are compared.
#[derive(Clone, Copy, Debug)]
pub enum Likeness {
    /// `q·k/√d`.
    Scaled,
    /// `exp(min(s, ln 100))` times the cosine; `s` is learned, `[heads, 1, 1]`.
    Cosine(ParamId),
}

/// Windows of a unit of work, at least, so that what a unit does once does not count.
const UNIT: usize = 8;

/// Sizes of one call.
#[derive(Clone, Copy)]
struct Sizes {
    shape: Shape,
    heads: usize,
    /// Bands of a unit, and windows of a band.
    unit: [usize; 2],
}

/// What all units read.
struct Common<'a> {
    sizes: Sizes,
    layout: &'a Layout,
    qkv: Vec<Band<&'a [f32]>>,
    /// Biases of each head, `[heads, n, padded(n)]`.
    biases: &'a [f32],
    /// `[3c]`.
    offsets: &'a [f32],
    scales: &'a [f32],
    cosine: bool,
}

impl Common<'_> {
    fn head(&self, head: usize) -> Head<'_> {
        let Shape { n, d, c } = self.sizes.shape;
        let first = head * d;
        Head {
            shape: self.sizes.shape,
            first,
            scale: self.scales[head],
            cosine: self.cosine,
            offsets: [0, 1, 2].map(|part| &self.offsets[part * c + first..][..d]),
            bias: &self.biases[head * n * padded(n)..][..n * padded(n)],
        }
    }

    /// A window of a unit: which of its bands, and its place.
    #[inline(always)]
    fn place(&self, unit: usize, window: usize) -> (usize, Place<'_>) {
        let [bands, across] = self.sizes.unit;
        let (local, at) = (window / across, unit * bands + window / across);
        let window = at % self.layout.count[0] * across + window % across;
        (local, Place { layout: self.layout, window, qkv: &self.qkv[at] })
    }
}

struct Forward<'a, 'b> {
    common: &'a Common<'a>,
    unit: usize,
    y: &'a mut [Band<&'b mut [f32]>],
    sums: &'a mut [f32],
}

impl WithSimd for Forward<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Sizes { shape, heads, unit: [_, across] } = self.common.sizes;
        let mut scratch = Scratch::new(shape, false);
        for number in 0..heads {
            let head = self.common.head(number);
            for window in 0..self.y.len() * across {
                let (band, place) = self.common.place(self.unit, window);
                let sums = &mut self.sums[(window * heads + number) * shape.n..][..shape.n];
                scratch.forward(simd, &head, place, &mut self.y[band], sums);
            }
        }
    }
}

/// Sums of gradients over a unit.
struct Part {
    /// Of the tables, `[heads, places]`.
    table: Vec<f32>,
    /// `[3c]`.
    offsets: Vec<f32>,
    /// `[heads]`.
    scales: Vec<f32>,
}

struct Backward<'a, 'b> {
    common: &'a Common<'a>,
    unit: usize,
    dy: &'a [Band<&'a [f32]>],
    dqkv: &'a mut [Band<&'b mut [f32]>],
    sums: &'a [f32],
}

impl WithSimd for Backward<'_, '_> {
    type Output = Part;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Part {
        let Sizes { shape, heads, unit: [_, across] } = self.common.sizes;
        let Shape { n, d, c } = shape;
        let windows = &self.common.layout.windows;
        let mut scratch = Scratch::new(shape, true);
        let mut biases = vec![0.0; n * padded(n)];
        let mut part =
            Part { table: vec![0.0; heads * windows.places()], offsets: vec![0.0; 3 * c], scales: vec![0.0; heads] };
        for number in 0..heads {
            let head = self.common.head(number);
            biases.fill(0.0);
            for window in 0..self.dqkv.len() * across {
                let (band, place) = self.common.place(self.unit, window);
                let sums = &self.sums[(window * heads + number) * n..][..n];
                let [query, key, value] = thirds(&mut part.offsets, c).map(|third| &mut third[number * d..][..d]);
                let out = (&mut self.dqkv[band], &mut biases[..], [query, key, value]);
                part.scales[number] += scratch.backward(simd, &head, place, (&self.dy[band], sums), out);
            }
            position::fold(&mut part.table[number * windows.places()..][..windows.places()], &biases, windows);
        }
        part
    }
}

fn thirds(whole: &mut [f32], c: usize) -> [&mut [f32]; 3] {
    let (query, rest) = whole.split_at_mut(c);
    let (key, value) = rest.split_at_mut(c);
    [query, key, value]
}

impl Offsets {
    fn check(&self, params: &Params, c: usize) -> Result<(), OpsError> {
        let one = |id: ParamId, len: usize| match params.get(id).elem_count() == len {
            true => Ok(()),
            false => Err(OpsError::shape("window_attention", format!("a bias [{len}]"), params.get(id).dims())),
        };
        match *self {
            Offsets::Joint(id) => one(id, 3 * c),
            Offsets::QueryValue(query, value) => one(query, c).and_then(|()| one(value, c)),
        }
    }

    /// `[3c]`.
    fn read(&self, params: &Params, c: usize) -> Result<Vec<f32>, OpsError> {
        let one = |id: ParamId| Ok::<_, OpsError>(params.get(id).flatten_all()?.to_vec1::<f32>()?);
        match *self {
            Offsets::Joint(id) => one(id),
            Offsets::QueryValue(query, value) => Ok([one(query)?, vec![0.0; c], one(value)?].concat()),
        }
    }

    fn add(&self, flow: &mut Flow, sums: &[f32], c: usize) -> Result<(), OpsError> {
        match *self {
            Offsets::Joint(id) => flow.add_param(id, tensor(sums.to_vec(), &[3 * c])?),
            Offsets::QueryValue(query, value) => {
                flow.add_param(query, tensor(sums[..c].to_vec(), &[c])?)?;
                flow.add_param(value, tensor(sums[2 * c..].to_vec(), &[c])?)
            }
        }
    }
}

/// The greatest logarithm of a cosine's factor: that of 100.
const GREATEST: f32 = 4.605_170_2;

impl Tape {
    /// Attention in windows over a map: `qkv` `[b, h, w, 3c]`, queries, keys and values of all heads before their bias, and
    /// `table` `[places, heads]`, a bias for each relative place of two tokens of a window, its row's number going from
    /// (last row, last column) of differences upwards as timm's `relative_position_index` counts → `[b, h, w, c]`. A map is padded to
    /// whole windows, and padding is seen like any token (timm's zeros before the layer, so its bias after).
    ///
    /// # Errors
    /// When shapes do not fit each other, or a shift is not smaller than the map and the window.
    pub fn window_attention(
        &mut self,
        params: &Params,
        attention: &WindowAttention,
        qkv: &Var,
        table: &Var,
    ) -> Result<Var, OpsError> {
        let op = "window_attention";
        let WindowAttention { windows, offsets, likeness } = *attention;
        let (&[b, h, w, c3], &[places, heads]) = (qkv.dims(), table.dims()) else {
            return Err(OpsError::shape(op, "a map [b, h, w, 3c] and a table [places, heads]", qkv.dims()));
        };
        if heads == 0 || !c3.is_multiple_of(3 * heads) || b * h * w * c3 == 0 {
            return Err(OpsError::shape(op, format!("a map [b, h, w, 3c] for {heads} heads"), qkv.dims()));
        }
        let fits = |axis: usize, side: usize| {
            windows.size[axis] > 0 && windows.shift[axis] < windows.size[axis].min(side).max(1)
        };
        if !(fits(0, h) && fits(1, w)) || places != windows.places() {
            return Err(OpsError::shape(op, format!("a table for {windows:?} on a map {h} × {w}"), table.dims()));
        }
        let (c, n) = (c3 / 3, windows.tokens());
        offsets.check(params, c)?;
        likeness.check(params, heads)?;
        let layout = Layout::new([h, w], windows);
        let count = b * layout.count[0] * layout.count[1];
        let dims = [b, h, w, c];
        if let Some(y) = self.dry(2 * count * n * n * c, count * n * heads + b * h * w * c, &dims)? {
            return Ok(y);
        }
        if self.is_composed() {
            return self.composed_window_attention(params, attention, qkv, table, layout.gather());
        }
        let shape = Shape { n, d: c / heads, c };
        let unit = [UNIT.div_ceil(layout.count[1]), layout.count[1]];
        let sizes = Sizes { shape, heads, unit };
        let added = offsets.read(params, c)?;
        let (scales, slopes) = likeness.scales(params, shape.d, heads)?;
        let biases = floats(op, table.peek(), |table| Ok(position::spread(table, heads, &windows, NOTHING)))?;
        let cosine = matches!(likeness, Likeness::Cosine(_));
        let (mut y, mut sums) = (self.memory().dirty(b * h * w * c), self.memory().dirty(count * n * heads));
        floats(op, qkv.peek(), |qkv| {
            let (layout, biases, offsets, scales) = (&layout, &biases, &added[..], &scales[..]);
            let qkv = qkv.chunks_exact(h * w * c3).flat_map(|qkv| layout.bands(qkv, c3)).collect();
            let common = Common { sizes, layout, qkv, biases, offsets, scales, cosine };
            let mut bands: Vec<_> = y.chunks_exact_mut(h * w * c).flat_map(|y| layout.bands_mut(y, c)).collect();
            let sums = sums.par_chunks_mut(unit[0] * unit[1] * heads * n);
            bands.par_chunks_mut(unit[0]).zip(sums).enumerate().for_each(|(unit, (y, sums))| {
                Arch::new().dispatch(Forward { common: &common, unit, y, sums });
            });
            Ok(())
        })?;
        let sums = self.hold(tensor(sums, &[count, heads, n])?);
        let (qkv, table) = (qkv.clone(), table.target());
        Ok(self.record(tensor(y, &dims)?, |_| {
            move |dy: Tensor, flow: &mut Flow| {
                let (dy, mut dqkv) = (take(&dy)?, flow.memory.dirty(b * h * w * c3));
                let parts: Vec<Part> = floats(op, qkv.peek(), |qkv| {
                    floats(op, sums.peek(), |sums| {
                        let (layout, biases, offsets, scales) = (&layout, &biases[..], &added[..], &scales[..]);
                        let qkv = qkv.chunks_exact(h * w * c3).flat_map(|qkv| layout.bands(qkv, c3)).collect();
                        let common = Common { sizes, layout, qkv, biases, offsets, scales, cosine };
                        let dy: Vec<_> = dy.chunks_exact(h * w * c).flat_map(|dy| layout.bands(dy, c)).collect();
                        let mut bands: Vec<_> =
                            dqkv.chunks_exact_mut(h * w * c3).flat_map(|d| layout.bands_mut(d, c3)).collect();
                        let given = dy.par_chunks(unit[0]).zip(sums.par_chunks(unit[0] * unit[1] * heads * n));
                        let units = bands.par_chunks_mut(unit[0]).zip(given).enumerate();
                        let run = |(unit, (dqkv, (dy, sums)))| {
                            Arch::new().dispatch(Backward { common: &common, unit, dy, dqkv, sums })
                        };
                        Ok(units.map(run).collect())
                    })
                })?;
                flow.memory.give(dy);
                let total = |of: fn(&Part) -> &[f32]| {
                    let mut total = of(&parts[0]).to_vec();
                    for part in &parts[1..] {
                        total.iter_mut().zip(of(part)).for_each(|(t, p)| *t += p);
                    }
                    total
                };
                let dtable = total(|part| &part.table); // [heads, places]
                let dtable = (0..places * heads).map(|i| dtable[i % heads * places + i / heads]).collect();
                flow.add(table, tensor(dtable, &[places, heads])?)?;
                offsets.add(flow, &total(|part| &part.offsets), c)?;
                if let Likeness::Cosine(id) = likeness {
                    let dscales = total(|part| &part.scales);
                    let dlogs = dscales.iter().zip(&slopes).map(|(d, slope)| d * slope).collect();
                    flow.add_param(id, tensor(dlogs, &[heads, 1, 1])?)?;
                }
                flow.add(qkv.target(), tensor(dqkv, &[b, h, w, c3])?)
            }
        }))
    }
}

impl Likeness {
    fn check(&self, params: &Params, heads: usize) -> Result<(), OpsError> {
        match *self {
            Likeness::Cosine(id) if params.get(id).dims() != [heads, 1, 1] => {
                Err(OpsError::shape("window_attention", format!("factors [{heads}, 1, 1]"), params.get(id).dims()))
            }
            _ => Ok(()),
        }
    }

    /// Each head's factor of scores, and its derivative by what is learned.
    fn scales(&self, params: &Params, d: usize, heads: usize) -> Result<(Vec<f32>, Vec<f32>), OpsError> {
        match *self {
            Likeness::Scaled => Ok((vec![1.0 / (d as f32).sqrt(); heads], Vec::new())),
            Likeness::Cosine(id) => {
                let logs = params.get(id).flatten_all()?.to_vec1::<f32>()?;
                let scales: Vec<f32> = logs.iter().map(|log| log.min(GREATEST).exp()).collect();
                let slope = |(log, scale): (&f32, &f32)| if *log <= GREATEST { *scale } else { 0.0 };
                let slopes = logs.iter().zip(&scales).map(slope).collect();
                Ok((scales, slopes))
            }
        }
    }
}
