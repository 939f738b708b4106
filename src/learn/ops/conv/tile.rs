//! The innermost loops of convolutions: a tile of sums that stays in vector registers.
//!
//! [`Sums`] multiplies a few output pixels by one panel of weights: a panel has [`WIDTH`] output channels for each input value;
//! the input values of a pixel are *runs* of floats that lie one after the other in memory, read where they are. [`Products`]
//! sums, over pixels, the products of a few input values with [`WIDTH`] output gradients. Written once for all vector units
//! through pulp; a tile's shape is a constant so that the compiler keeps the sums in registers.

use pulp::{Simd, WithSimd};

/// Output channels of a panel.
pub(in crate::learn::ops) const WIDTH: usize = 32;

/// The most pixels of a segment, and of a tile, that the registers of this CPU hold the sums of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::learn::ops) struct Room {
    pub(in crate::learn::ops) segment: usize,
    pub(in crate::learn::ops) tile: usize,
}

/// The room of this CPU.
pub(in crate::learn::ops) fn room() -> Room {
    struct Ask;
    impl WithSimd for Ask {
        type Output = Room;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> Room {
            if S::REGISTER_COUNT >= 32 { Room { segment: 7, tile: 14 } } else { Room { segment: 3, tile: 6 } }
        }
    }
    pulp::Arch::new().dispatch(Ask)
}

/// One tile of output pixels: segments of equally many pixels, each at its place in the source and in the output.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::learn::ops) struct Tile {
    /// Pixels of each segment.
    pub(in crate::learn::ops) len: usize,
    /// How many segments.
    pub(in crate::learn::ops) segments: usize,
    /// First float of each segment's first pixel in the source.
    pub(in crate::learn::ops) from: [usize; MOST_SEGMENTS],
    /// The same in the output.
    pub(in crate::learn::ops) to: [usize; MOST_SEGMENTS],
}

/// Most segments of a tile.
pub(in crate::learn::ops) const MOST_SEGMENTS: usize = 6;

/// How many segments of `len` pixels make a tile; the instances of [`Sums`] below are these and single segments.
pub(in crate::learn::ops) fn segments(len: usize, room: Room) -> usize {
    match room.tile / len.max(1) {
        6.. => 6,
        3.. => 3,
        2 => 2,
        _ => 1,
    }
}

/// A job of [`Sums`]: what all its tiles share.
#[derive(Clone, Copy, Debug)]
pub(in crate::learn::ops) struct Job<'a> {
    /// Where each run starts, from a pixel's place in the source.
    pub(in crate::learn::ops) runs: &'a [usize],
    /// Floats of a run.
    pub(in crate::learn::ops) run: usize,
    /// Floats from one pixel of a segment to the next, in the source and in the output.
    pub(in crate::learn::ops) steps: [usize; 2],
    /// Output channels that exist of the panel, from 1 to [`WIDTH`].
    pub(in crate::learn::ops) width: usize,
    /// Whether the sums are added to what the output holds.
    pub(in crate::learn::ops) add: bool,
}

/// Computes `tiles`, whose places are moved on by `at` (in the source and in the output), with one panel `[runs · run, WIDTH]`.
pub(in crate::learn::ops) fn sums(
    job: Job<'_>,
    tiles: &[Tile],
    at: [usize; 2],
    source: &[f32],
    panel: &[f32],
    out: &mut [f32],
) {
    assert!(panel.len() >= job.runs.len() * job.run * WIDTH, "a panel holds all weights");
    assert!((1..=WIDTH).contains(&job.width), "a panel has from 1 to {WIDTH} channels");
    let reach = job.runs.iter().max().map_or(0, |run| run + job.run);
    let task = Tiles { job, tiles, at, reach, source, panel, out };
    pulp::Arch::new().dispatch(task);
}

struct Tiles<'a> {
    job: Job<'a>,
    tiles: &'a [Tile],
    at: [usize; 2],
    reach: usize,
    source: &'a [f32],
    panel: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for Tiles<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Tiles { job, tiles, at, reach, source, panel, out } = self;
        for tile in tiles {
            let last = tile.len.max(1) - 1;
            for s in 0..tile.segments {
                let (from, to) = (at[0] + tile.from[s], at[1] + tile.to[s]);
                assert!(from + last * job.steps[0] + reach <= source.len(), "a segment's source fits");
                assert!(to + last * job.steps[1] + job.width <= out.len(), "a segment's output fits");
            }
            macro_rules! instances {
                ($(($segments:literal, $len:literal))*) => {
                    match (tile.segments, tile.len) {
                        $(($segments, $len) => {
                            simd.vectorize(Sums::<$segments, $len> { job: &job, tile, at, source, panel, out: &mut *out });
                        })*
                        other => unreachable!("no tile of {other:?} segments and pixels"),
                    }
                };
            }
            instances!((1, 1)(1, 2)(1, 3)(1, 4)(1, 5)(1, 6)(1, 7)(2, 3)(2, 5)(2, 6)(2, 7)(3, 2)(3, 3)(3, 4)(6, 1)(
                6, 2
            ));
        }
    }
}

/// One tile; the caller has checked that it lies inside its slices.
struct Sums<'a, const SEGMENTS: usize, const LEN: usize> {
    job: &'a Job<'a>,
    tile: &'a Tile,
    at: [usize; 2],
    source: &'a [f32],
    panel: &'a [f32],
    out: &'a mut [f32],
}

impl<const SEGMENTS: usize, const LEN: usize> WithSimd for Sums<'_, SEGMENTS, LEN> {
    type Output = ();

    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "constant indices keep the sums in registers")]
    #[expect(unsafe_code, reason = "loads without bounds checks; `Tiles` has checked every segment of the tile")]
    fn with_simd<S: Simd>(self, simd: S) {
        let Sums { job, tile, at, source, panel, out } = self;
        let (lanes, [step, out_step]) = (S::F32_LANES, job.steps);
        let mut part = 0;
        while part < job.width {
            let mut sums = [[[simd.splat_f32s(0.0); 2]; LEN]; SEGMENTS];
            // SAFETY: `Tiles` has checked that each segment's last pixel plus the furthest run ends inside `source`, that
            // `panel` has a line of WIDTH floats for each value of the runs (a line is read at `part` and `part + lanes`,
            // both below WIDTH, which the lanes of all vector units divide), and that `width` floats of each output pixel lie in `out`; only
            // whole vectors below `width` are written as such.
            unsafe {
                let mut weights = panel.as_ptr().add(part);
                for run in job.runs {
                    let mut from = [source.as_ptr(); SEGMENTS];
                    for s in 0..SEGMENTS {
                        from[s] = source.as_ptr().add(at[0] + tile.from[s] + run);
                    }
                    for k in 0..job.run {
                        let w = [
                            weights.cast::<S::f32s>().read_unaligned(),
                            weights.add(lanes).cast::<S::f32s>().read_unaligned(),
                        ];
                        for s in 0..SEGMENTS {
                            for l in 0..LEN {
                                let x = simd.splat_f32s(*from[s].add(k + l * step));
                                sums[s][l][0] = simd.mul_add_e_f32s(x, w[0], sums[s][l][0]);
                                sums[s][l][1] = simd.mul_add_e_f32s(x, w[1], sums[s][l][1]);
                            }
                        }
                        weights = weights.add(WIDTH);
                    }
                }
                let to = out.as_mut_ptr().add(at[1] + part);
                if part + 2 * lanes <= job.width {
                    for s in 0..SEGMENTS {
                        for l in 0..LEN {
                            let to = to.add(tile.to[s] + l * out_step).cast::<S::f32s>();
                            let [mut a, mut b] = sums[s][l];
                            if job.add {
                                a = simd.add_f32s(a, to.read_unaligned());
                                b = simd.add_f32s(b, to.add(1).read_unaligned());
                            }
                            to.write_unaligned(a);
                            to.add(1).write_unaligned(b);
                        }
                    }
                } else {
                    // A copy, so that the sums themselves need no address and stay in registers.
                    let copy = sums;
                    for s in 0..SEGMENTS {
                        for l in 0..LEN {
                            let to = to.add(tile.to[s] + l * out_step);
                            let values: &[f32] = pulp::bytemuck::cast_slice(&copy[s][l]);
                            for (i, value) in values[..job.width - part].iter().enumerate() {
                                *to.add(i) = value + if job.add { *to.add(i) } else { 0.0 };
                            }
                        }
                    }
                }
            }
            part += 2 * lanes;
        }
    }
}

/// A row of pixels for [`products`]: places in the source and in the output's gradient, and how many pixels.
#[derive(Clone, Copy, Debug)]
pub(in crate::learn::ops) struct Row {
    pub(in crate::learn::ops) from: usize,
    pub(in crate::learn::ops) to: usize,
    pub(in crate::learn::ops) len: usize,
}

/// A job of [`products`].
#[derive(Clone, Copy, Debug)]
pub(in crate::learn::ops) struct Over<'a> {
    /// The pixels, whose places are moved on by `at` in source and gradient.
    pub(in crate::learn::ops) rows: &'a [Row],
    pub(in crate::learn::ops) at: [usize; 2],
    /// Floats from one pixel to the next, in the source and in the gradient.
    pub(in crate::learn::ops) steps: [usize; 2],
    /// Floats of the source that are multiplied, from each pixel's place on.
    pub(in crate::learn::ops) values: usize,
    /// Whether the products are added to what is there.
    pub(in crate::learn::ops) add: bool,
}

/// Sums over pixels the products of some values of the source with [`WIDTH`] floats of the output's gradient `dy`, into `sums`
/// `[values, WIDTH]`.
pub(in crate::learn::ops) fn products(over: Over<'_>, source: &[f32], dy: &[f32], sums: &mut [f32]) {
    let Over { rows, at, steps, values, .. } = over;
    assert!(sums.len() >= values * WIDTH, "the sums have a line for each value");
    for row in rows.iter().filter(|row| row.len > 0) {
        assert!(at[0] + row.from + (row.len - 1) * steps[0] + values <= source.len(), "a row's source fits");
        assert!(at[1] + row.to + (row.len - 1) * steps[1] + WIDTH <= dy.len(), "a row's gradient fits");
    }
    pulp::Arch::new().dispatch(AllProducts { over, source, dy, sums });
}

struct AllProducts<'a> {
    over: Over<'a>,
    source: &'a [f32],
    dy: &'a [f32],
    sums: &'a mut [f32],
}

impl WithSimd for AllProducts<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let AllProducts { mut over, source, dy, sums } = self;
        let values = over.values;
        let parts = values.div_ceil(if S::REGISTER_COUNT >= 32 { 14 } else { 6 });
        let mut sums = &mut sums[..values * WIDTH];
        for part in 0..parts {
            let len = values * (part + 1) / parts - values * part / parts;
            let (here, rest) = sums.split_at_mut(len * WIDTH);
            macro_rules! instances {
                ($($len:literal)*) => {
                    match len {
                        $($len => simd.vectorize(Products::<$len> { over: &over, source, dy, sums: here }),)*
                        other => unreachable!("no tile of {other} values"),
                    }
                };
            }
            instances!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
            sums = rest;
            over.at[0] += len;
        }
    }
}

struct Products<'a, const LEN: usize> {
    over: &'a Over<'a>,
    source: &'a [f32],
    dy: &'a [f32],
    sums: &'a mut [f32],
}

impl<const LEN: usize> WithSimd for Products<'_, LEN> {
    type Output = ();

    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "constant indices keep the sums in registers")]
    #[expect(unsafe_code, reason = "loads without bounds checks; `products` has checked every row")]
    fn with_simd<S: Simd>(self, simd: S) {
        let Products { over, source, dy, sums } = self;
        let Over { rows, at, steps, add, .. } = *over;
        let lanes = S::F32_LANES;
        let mut part = 0;
        while part < WIDTH {
            // SAFETY: `products` has checked that every pixel of the rows has its LEN values in `source` and WIDTH floats
            // in `dy`, and that `sums` has LEN lines of WIDTH floats; lanes divide WIDTH.
            unsafe {
                let to = sums.as_mut_ptr().add(part);
                let mut total = [[simd.splat_f32s(0.0); 2]; LEN];
                for l in 0..if add { LEN } else { 0 } {
                    for v in 0..2 {
                        total[l][v] = to.add(l * WIDTH + v * lanes).cast::<S::f32s>().read_unaligned();
                    }
                }
                for row in rows {
                    let mut from = source.as_ptr().add(at[0] + row.from);
                    let mut grad = dy.as_ptr().add(at[1] + row.to + part);
                    for _ in 0..row.len {
                        let g = [
                            grad.cast::<S::f32s>().read_unaligned(),
                            grad.add(lanes).cast::<S::f32s>().read_unaligned(),
                        ];
                        for l in 0..LEN {
                            let x = simd.splat_f32s(*from.add(l));
                            total[l][0] = simd.mul_add_e_f32s(x, g[0], total[l][0]);
                            total[l][1] = simd.mul_add_e_f32s(x, g[1], total[l][1]);
                        }
                        from = from.wrapping_add(steps[0]);
                        grad = grad.wrapping_add(steps[1]);
                    }
                }
                for l in 0..LEN {
                    for v in 0..2 {
                        to.add(l * WIDTH + v * lanes).cast::<S::f32s>().write_unaligned(total[l][v]);
                    }
                }
            }
            part += 2 * lanes;
        }
    }
}
