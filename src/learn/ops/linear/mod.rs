//! The fully connected layer over the last axis, with its bias and activation.
//!
//! Takes rows of `c` floats, whatever the axes before; gives rows of `d`. Rows are cut into blocks that stay in the cache
//! from the product through the activation. The gradient of a small weight beside many rows is summed by fixed groups of
//! blocks, while those are in the cache; that of a large weight by tiles, each over all rows, since many partial sums would
//! cost more than a second reading. Both orders depend on shapes alone.

mod product;

use candle_core::Tensor;
use rayon::prelude::*;

use super::act::{Act, with_act};
use super::conv::tile::WIDTH;
use super::simd::{Matrix, matmul, wide};
use super::tape::memory::{Memory, floats, take, tensor};
use super::{Flow, OpsError, ParamId, Params, Tape, Var};

/// Floats of the wider side of one block of rows: most of the second-level cache of one core.
const BLOCK: usize = 180_000;
/// Rows of the largest register tile.
const TILE: usize = 14;
/// Up to so many rows the weight is not worth packing.
const FEW: usize = 64;
/// Groups of the sums over blocks, and tiles of a large weight's gradient: enough for eight threads.
const PARTS: usize = 16;

/// How a product of `rows × c` by `c × d` is cut.
#[derive(Clone, Copy, Debug)]
struct Plan {
    rows: usize,
    c: usize,
    d: usize,
    /// Rows of a block.
    block: usize,
}

impl Plan {
    fn new(rows: usize, c: usize, d: usize) -> Plan {
        let most = (BLOCK / c.max(d)).clamp(56, 448);
        let count = rows.div_ceil(most).max((rows / 64).min(PARTS));
        // A multiple of eight from there on, so that two, four or eight threads end together.
        let count = if count > 8 { count.next_multiple_of(8) } else { count.max(1) };
        Plan { rows, c, d, block: rows.div_ceil(count).next_multiple_of(TILE) }
    }

    /// Whether the weight is packed for register tiles.
    fn packs(&self) -> bool {
        self.rows > FEW
    }

    /// Whether the weight's gradient is summed in register tiles, which take whole panels of inputs.
    fn sums_panels(&self) -> bool {
        self.rows > FEW && self.c.is_multiple_of(WIDTH)
    }

    /// Rows of a group of blocks, where the weight's gradient is summed by groups.
    fn group(&self) -> Option<usize> {
        let (partial, again) = (2 * PARTS * self.c * self.d, self.rows * (self.c + self.d));
        let blocks = self.rows.div_ceil(self.block);
        (2 * partial <= again).then(|| blocks.div_ceil(PARTS) * self.block)
    }

    /// Rows and columns of a tile of the weight's gradient `[d, c]`.
    fn tile(&self) -> [usize; 2] {
        let (mut tile, mut tiles) = ([self.d, self.c], 1);
        while tiles < PARTS && tile[0].max(tile[1]) >= 128 {
            let (longer, whole) = if tile[0] >= tile[1] { (&mut tile[0], TILE) } else { (&mut tile[1], WIDTH) };
            *longer = longer.div_ceil(2).next_multiple_of(whole);
            tiles *= 2;
        }
        tile
    }
}

impl Tape {
    /// `act(x·weightᵀ + bias)`: `[.., c]` → `[.., d]`, with a weight `[d, c]` (or `[d, ..]` of `c` numbers a row, such as
    /// a convolution's over patches) and a bias `[d]`.
    ///
    /// # Errors
    /// When the shapes do not fit each other or are empty.
    pub fn linear(
        &mut self,
        params: &Params,
        x: &Var,
        weight: ParamId,
        bias: Option<ParamId>,
        act: Act,
    ) -> Result<Var, OpsError> {
        self.reach(weight);
        let w = params.get(weight).clone();
        let (&[ref outer @ .., c], &[d, ref inner @ ..]) = (x.dims(), w.dims()) else {
            return Err(OpsError::shape("linear", "an input [.., c] and a weight [d, c]", x.dims()));
        };
        let inner: usize = inner.iter().product();
        if c != inner || c * d == 0 {
            return Err(OpsError::shape("linear", format!("[.., {inner}] of at least one number"), x.dims()));
        }
        let bias = bias.map(|id| (id, params.get(id).clone()));
        if let Some((_, bias)) = &bias
            && bias.dims() != [d]
        {
            return Err(OpsError::shape("linear", format!("a bias [{d}]"), bias.dims()));
        }
        let (outer, in_dims) = (outer.to_vec(), x.dims().to_vec());
        let dims = [outer.as_slice(), &[d]].concat();
        let plan = Plan::new(outer.iter().product(), c, d);
        let keeps = self.is_training() && act != Act::None;
        let floats_kept = plan.rows * d * if act != Act::None { 2 } else { 1 };
        if let Some(y) = self.dry(plan.rows * c * d, floats_kept, &dims)? {
            return Ok(y);
        }
        if self.is_composed() {
            return self.composed_linear(params, x, weight, bias.map(|(id, _)| id), act);
        }
        let memory = self.memory().clone();
        let mut y = memory.dirty(plan.rows * d);
        let mut before = memory.dirty(if keeps { y.len() } else { 0 });
        floats("linear", x.peek(), |x| {
            floats("linear", &w, |w| match &bias {
                None => {
                    forward(&plan, &memory, x, w, None, act, &mut y, &mut before);
                    Ok(())
                }
                Some((_, bias)) => floats("linear", bias, |bias| {
                    forward(&plan, &memory, x, w, Some(bias), act, &mut y, &mut before);
                    Ok(())
                }),
            })
        })?;
        let before = if keeps { Some(self.hold(tensor(before, &dims)?)) } else { None };
        let (x, bias) = (x.clone(), bias.map(|(id, _)| id));
        Ok(self.record(tensor(y, &dims)?, |_| {
            move |dy: Tensor, flow: &mut Flow| {
                let mut dy = take(&dy)?;
                let memory = flow.memory.clone();
                let wanted = flow.wants(x.target());
                let (mut dx, add) = match flow.so_far(x.target()) {
                    Some(so_far) => (take(&so_far)?, true),
                    None => (memory.dirty(if wanted { plan.rows * c } else { 0 }), false),
                };
                let mut back = Back { plan, memory, act, add, dw: Vec::new(), db: Vec::new() };
                floats("linear", x.peek(), |x| {
                    floats("linear", &w, |w| match &before {
                        None => {
                            back.run(x, w, &[], &mut dy, &mut dx);
                            Ok(())
                        }
                        Some(before) => floats("linear", before.peek(), |before| {
                            back.run(x, w, before, &mut dy, &mut dx);
                            Ok(())
                        }),
                    })
                })?;
                flow.memory.give(dy);
                if let Some(bias) = bias {
                    flow.add_param(bias, tensor(back.db, &[d])?)?;
                }
                flow.add_param(weight, tensor(back.dw, w.dims())?)?;
                if wanted { flow.add(x.target(), tensor(dx, &in_dims)?) } else { Ok(()) }
            }
        }))
    }
}

#[expect(clippy::too_many_arguments, reason = "one call site; a struct would only rename them")]
fn forward(
    plan: &Plan,
    memory: &Memory,
    x: &[f32],
    w: &[f32],
    bias: Option<&[f32]>,
    act: Act,
    y: &mut [f32],
    before: &mut [f32],
) {
    let Plan { c, d, block, .. } = *plan;
    let panels = if plan.packs() { product::pack(memory, w, d, c) } else { Vec::new() };
    let one = |x: &[f32], y: &mut [f32], before: Option<&mut [f32]>| {
        if plan.packs() {
            product::rows(x, c, &panels, d, y, false);
        } else {
            matmul(y, d, Matrix::new(x, x.len() / c, c, c), Matrix::new(w, d, c, c).turned(), false);
        }
        finish(act, y, bias, before);
    };
    let blocks = x.par_chunks(block * c).zip(y.par_chunks_mut(block * d));
    if before.is_empty() {
        blocks.with_max_len(1).for_each(|(x, y)| one(x, y, None));
    } else {
        let before = before.par_chunks_mut(block * d);
        blocks.zip(before).with_max_len(1).for_each(|((x, y), before)| one(x, y, Some(before)));
    }
    memory.give(panels);
}

/// `y = act(y + bias)`, row by row; `keep` gets the activation's argument.
fn finish(act: Act, y: &mut [f32], bias: Option<&[f32]>, keep: Option<&mut [f32]>) {
    if let Some(bias) = bias {
        wide!(|| y.chunks_exact_mut(bias.len()).for_each(|y| y.iter_mut().zip(bias).for_each(|(y, b)| *y += *b)));
    }
    if let Some(keep) = keep {
        keep.copy_from_slice(y);
    }
    if act != Act::None {
        with_act!(act, ACT => wide!(|| y.iter_mut().for_each(|y| *y = ACT.at(*y))));
    }
}

/// One walk back.
struct Back {
    plan: Plan,
    memory: Memory,
    act: Act,
    /// Whether the input's gradient is added to what is there.
    add: bool,
    dw: Vec<f32>,
    db: Vec<f32>,
}

impl Back {
    /// Turns `dy` into the gradient before the activation, and fills `dx` (unless empty), `dw` and `db`.
    fn run(&mut self, x: &[f32], w: &[f32], before: &[f32], dy: &mut [f32], dx: &mut [f32]) {
        let Plan { rows, c, d, block } = self.plan;
        let group = self.plan.group();
        let step = group.unwrap_or(block);
        let parts = rows.div_ceil(step);
        let mut sums = vec![0.0f32; parts * d];
        let mut weights = self.memory.dirty(if group.is_some() { parts * c * d } else { 0 });
        weights.fill(0.0);
        let panels =
            if self.plan.packs() && !dx.is_empty() { product::pack_turned(&self.memory, w, d, c) } else { Vec::new() };
        let this = &*self;
        let part = |at: usize, dy: &mut [f32], dx: Option<&mut [f32]>, sums: &mut [f32], dw: Option<&mut [f32]>| {
            let first = at * step;
            let (x, before) = (&x[first * c..], if before.is_empty() { before } else { &before[first * d..] });
            this.part(x, w, &panels, before, dy, dx, sums, dw);
        };
        let work = dy.par_chunks_mut(step * d).zip(sums.par_chunks_mut(d)).with_max_len(1).enumerate();
        match (dx.is_empty(), group.is_some()) {
            (true, false) => work.for_each(|(at, (dy, sums))| part(at, dy, None, sums, None)),
            (true, true) => work
                .zip(weights.par_chunks_mut(c * d))
                .for_each(|((at, (dy, sums)), dw)| part(at, dy, None, sums, Some(dw))),
            (false, false) => work
                .zip(dx.par_chunks_mut(step * c))
                .for_each(|((at, (dy, sums)), dx)| part(at, dy, Some(dx), sums, None)),
            (false, true) => work
                .zip(dx.par_chunks_mut(step * c).zip(weights.par_chunks_mut(c * d)))
                .for_each(|((at, (dy, sums)), (dx, dw))| part(at, dy, Some(dx), sums, Some(dw))),
        }
        self.db = add_up(&sums, d);
        self.dw = match group {
            None => self.by_tiles(x, dy),
            Some(_) if self.plan.sums_panels() => {
                let (total, mut dw) = (add_up(&weights, c * d), self.memory.dirty(c * d));
                product::unpack(&total, [0, 0], d, c, &mut dw);
                dw
            }
            Some(_) => add_up(&weights, c * d),
        };
        self.memory.give(panels);
        self.memory.give(weights);
    }

    /// Some rows, from the first of `x` and `before` on, as many as `dy` has; adds to `sums` and `dw`.
    #[expect(clippy::too_many_arguments, reason = "one call site; a struct would only rename them")]
    fn part(
        &self,
        x: &[f32],
        w: &[f32],
        panels: &[f32],
        before: &[f32],
        dy: &mut [f32],
        mut dx: Option<&mut [f32]>,
        sums: &mut [f32],
        mut dw: Option<&mut [f32]>,
    ) {
        let Plan { c, d, block, .. } = self.plan;
        for (at, dy) in dy.chunks_mut(block * d).enumerate() {
            let (rows, first) = (dy.len() / d, at * block);
            if self.act != Act::None {
                let before = &before[first * d..][..dy.len()];
                with_act!(self.act, ACT => {
                    wide!(|| dy.iter_mut().zip(before).for_each(|(dy, x)| *dy = ACT.back(*dy, *x)));
                });
            }
            wide!(|| dy.chunks_exact(d).for_each(|dy| sums.iter_mut().zip(dy).for_each(|(s, dy)| *s += *dy)));
            let matrix = Matrix::new(dy, rows, d, d);
            match dx.as_mut().map(|dx| &mut dx[first * c..][..rows * c]) {
                None => {}
                Some(dx) if self.plan.packs() => product::rows(dy, d, panels, c, dx, self.add),
                Some(dx) => matmul(dx, c, matrix, Matrix::new(w, d, c, c), self.add),
            }
            let x = &x[first * c..][..rows * c];
            match dw.as_mut() {
                None => {}
                Some(dw) if self.plan.sums_panels() => product::outer(dy, d, x, c, [0, 0], d, dw),
                Some(dw) => matmul(dw, c, matrix.turned(), Matrix::new(x, rows, c, c), true),
            }
        }
    }

    /// The weight's gradient by tiles of its own, each over all rows.
    fn by_tiles(&self, x: &[f32], dy: &[f32]) -> Vec<f32> {
        let Plan { rows, c, d, .. } = self.plan;
        let [high, wide] = self.plan.tile();
        let across = c.div_ceil(wide);
        let tiles: Vec<Vec<f32>> = (0..d.div_ceil(high) * across)
            .into_par_iter()
            .with_max_len(1)
            .map(|tile| {
                let (top, left) = (tile / across * high, tile % across * wide);
                let (high, wide) = (high.min(d - top), wide.min(c - left));
                let mut part = self.memory.dirty(high * wide);
                if self.plan.sums_panels() {
                    part.fill(0.0);
                    product::outer(dy, d, x, c, [top, left], high, &mut part);
                } else {
                    let dy = Matrix::new(&dy[top..], rows, high, d).turned();
                    matmul(&mut part, wide, dy, Matrix::new(&x[left..], rows, wide, c), false);
                }
                part
            })
            .collect();
        let mut dw = self.memory.dirty(c * d);
        for (tile, part) in tiles.into_iter().enumerate() {
            let (top, left) = (tile / across * high, tile % across * wide);
            let wide = wide.min(c - left);
            if self.plan.sums_panels() {
                product::unpack(&part, [top, left], high.min(d - top), c, &mut dw);
            } else {
                for (row, part) in part.chunks_exact(wide).enumerate() {
                    dw[(top + row) * c + left..][..wide].copy_from_slice(part);
                }
            }
            self.memory.give(part);
        }
        dw
    }
}

/// The sum of `parts` of `len` floats each, in their order.
pub(crate) fn add_up(parts: &[f32], len: usize) -> Vec<f32> {
    const STRIP: usize = 1 << 12;
    let mut total = parts[..len.min(parts.len())].to_vec();
    total.resize(len, 0.0);
    total.par_chunks_mut(STRIP).enumerate().for_each(|(strip, total)| {
        for part in parts.chunks_exact(len).skip(1) {
            let part = &part[strip * STRIP..][..total.len()];
            wide!(|| total.iter_mut().zip(part).for_each(|(t, p)| *t += *p));
        }
    });
    total
}
