//! The transforms of F(2x2, 3x3), each over whole vectors of channels.
//!
//! With `Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A` of a field `d` of 4 x 4 input pixels and a quad `Y` of 2 x 2 output pixels (Lavin and Gray),
//! the way back has the transposes: `A dY Aᵀ` of a quad's gradient, `B dV Bᵀ` onto a field, `Gᵀ dU G` of a filter.

use pulp::{Simd, WithSimd};

use super::super::tile::WIDTH;

/// Values of a transformed field, quad or filter.
pub(super) const VALUES: usize = 16;
/// Channels come in multiples of this: the widest vectors' floats.
pub(super) const LANES: usize = 16;

/// Some rows of quads of one picture, in a strip of pixels `[.., line / channels, channels]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    /// Rows and columns of quads.
    pub(super) rows: usize,
    pub(super) cols: usize,
    /// Floats of a pixel, a multiple of [`LANES`].
    pub(super) channels: usize,
    /// Floats of a row of pixels.
    pub(super) line: usize,
}

/// Products `[VALUES, panels, quads, WIDTH]` of all quads of a group, and which of them come first here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spread<'a> {
    pub(super) values: &'a [f32],
    pub(super) quads: usize,
    pub(super) first: usize,
}

/// `f` of each column, then of each row of that.
#[inline(always)]
fn both<T: Copy, const I: usize, const O: usize>(x: [[T; I]; I], f: impl Fn([T; I]) -> [T; O]) -> [[T; O]; O] {
    let columns: [[T; O]; I] = std::array::from_fn(|col| f(std::array::from_fn(|row| x[row][col])));
    std::array::from_fn(|row| f(std::array::from_fn(|col| columns[col][row])))
}

/// Runs a transform for this CPU.
struct Run<F>(F);

/// A transform: what it does for one kind of vectors.
trait Transform {
    fn run<S: Simd>(self, simd: S);
}

impl<F: Transform> WithSimd for Run<F> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.0.run(simd);
    }
}

fn dispatch(transform: impl Transform) {
    pulp::Arch::new().dispatch(Run(transform));
}

#[inline(always)]
#[expect(unsafe_code, reason = "loads without bounds checks; each caller has checked its slices")]
/// # Safety
/// `S::F32_LANES` floats lie at `at`.
unsafe fn load<S: Simd>(at: *const f32) -> S::f32s {
    unsafe { at.cast::<S::f32s>().read_unaligned() }
}

#[inline(always)]
#[expect(unsafe_code, reason = "stores without bounds checks; each caller has checked its slices")]
/// # Safety
/// `S::F32_LANES` floats lie at `at`, and nobody else reads them now.
unsafe fn store<S: Simd>(at: *mut f32, value: S::f32s) {
    unsafe { at.cast::<S::f32s>().write_unaligned(value) }
}

/// `Bᵀ d B` of each field of a strip of `2 rows + 2` lines: `outs` are [`VALUES`] slices `[rows · cols, channels]`.
pub(super) fn fields(grid: Grid, source: &[f32], outs: &mut [&mut [f32]]) {
    let Grid { rows, cols, channels, line } = grid;
    assert!(channels.is_multiple_of(LANES) && line >= (2 * cols + 2) * channels);
    assert!(source.len() >= (2 * rows + 2) * line, "the strip holds every field");
    assert!(outs.len() == VALUES && outs.iter().all(|out| out.len() >= rows * cols * channels));
    dispatch(Fields { grid, source, outs });
}

struct Fields<'a, 'b> {
    grid: Grid,
    source: &'a [f32],
    outs: &'a mut [&'b mut [f32]],
}

impl Transform for Fields<'_, '_> {
    #[inline(always)]
    #[expect(unsafe_code, reason = "loads and stores without bounds checks; `fields` has checked the slices")]
    fn run<S: Simd>(self, simd: S) {
        let Grid { rows, cols, channels, line } = self.grid;
        let to: [*mut f32; VALUES] = std::array::from_fn(|v| self.outs[v].as_mut_ptr());
        let source = self.source.as_ptr();
        for quad in 0..rows * cols {
            let at = quad / cols * 2 * line + quad % cols * 2 * channels;
            for c in (0..channels).step_by(S::F32_LANES) {
                // SAFETY: the field's last pixel is at row 2 rows + 1 and column 2 cols + 1 at most, which `fields` has checked
                // to lie in `source`; each output has a pixel for every quad; channels are whole vectors.
                unsafe {
                    let field: [[S::f32s; 4]; 4] = std::array::from_fn(|row| {
                        std::array::from_fn(|col| load::<S>(source.add(at + row * line + col * channels + c)))
                    });
                    let values = both(field, |[a, b, c, d]| {
                        [simd.sub_f32s(a, c), simd.add_f32s(b, c), simd.sub_f32s(c, b), simd.sub_f32s(b, d)]
                    });
                    for v in 0..VALUES {
                        store::<S>(to[v].add(quad * channels + c), values[v / 4][v % 4]);
                    }
                }
            }
        }
    }
}

/// `A dY Aᵀ` of each quad of a strip of `2 rows` lines: `outs` are [`VALUES`] slices `[rows · cols, channels]`.
pub(super) fn quads(grid: Grid, source: &[f32], outs: &mut [&mut [f32]]) {
    let Grid { rows, cols, channels, line } = grid;
    assert!(channels.is_multiple_of(LANES) && line >= 2 * cols * channels);
    assert!(source.len() >= 2 * rows * line, "the strip holds every quad");
    assert!(outs.len() == VALUES && outs.iter().all(|out| out.len() >= rows * cols * channels));
    dispatch(Quads { grid, source, outs });
}

struct Quads<'a, 'b> {
    grid: Grid,
    source: &'a [f32],
    outs: &'a mut [&'b mut [f32]],
}

impl Transform for Quads<'_, '_> {
    #[inline(always)]
    #[expect(unsafe_code, reason = "loads and stores without bounds checks; `quads` has checked the slices")]
    fn run<S: Simd>(self, simd: S) {
        let Grid { rows, cols, channels, line } = self.grid;
        let to: [*mut f32; VALUES] = std::array::from_fn(|v| self.outs[v].as_mut_ptr());
        let source = self.source.as_ptr();
        for quad in 0..rows * cols {
            let at = quad / cols * 2 * line + quad % cols * 2 * channels;
            for c in (0..channels).step_by(S::F32_LANES) {
                // SAFETY: the quad's pixels lie in the strip, and each output has a pixel for every quad, as `quads` has checked;
                // channels are whole vectors.
                unsafe {
                    let quad_of: [[S::f32s; 2]; 2] = std::array::from_fn(|row| {
                        std::array::from_fn(|col| load::<S>(source.add(at + row * line + col * channels + c)))
                    });
                    let values =
                        both(quad_of, |[a, b]| [a, simd.add_f32s(a, b), simd.sub_f32s(a, b), simd.neg_f32s(b)]);
                    for v in 0..VALUES {
                        store::<S>(to[v].add(quad * channels + c), values[v / 4][v % 4]);
                    }
                }
            }
        }
    }
}

/// `Aᵀ M A`: the quads' pixels into `out` `[height, line]`, of which those beyond `height` rows or `width` columns are left out.
pub(super) fn pixels(grid: Grid, spread: Spread<'_>, [height, width]: [usize; 2], out: &mut [f32]) {
    let Grid { rows, cols, channels, line } = grid;
    check(grid, spread);
    assert!(2 * rows >= height && 2 * cols >= width && out.len() >= height * line && line >= width * channels);
    dispatch(Pixels { grid, spread, size: [height, width], out });
}

/// Panics where products are not of this grid.
fn check(grid: Grid, spread: Spread<'_>) {
    let panels = grid.channels.div_ceil(WIDTH);
    assert!(grid.channels.is_multiple_of(LANES) && spread.first + grid.rows * grid.cols <= spread.quads);
    assert_eq!(spread.values.len(), VALUES * panels * spread.quads * WIDTH, "products of all quads");
}

struct Pixels<'a> {
    grid: Grid,
    spread: Spread<'a>,
    size: [usize; 2],
    out: &'a mut [f32],
}

impl Transform for Pixels<'_> {
    #[inline(always)]
    #[expect(unsafe_code, reason = "loads and stores without bounds checks; `pixels` has checked the slices")]
    fn run<S: Simd>(self, simd: S) {
        let Pixels { grid, spread, size: [height, width], out } = self;
        let panels = grid.channels.div_ceil(WIDTH);
        let step = panels * spread.quads * WIDTH;
        let out = out.as_mut_ptr();
        for panel in 0..panels {
            let wide = WIDTH.min(grid.channels - panel * WIDTH);
            let base = (panel * spread.quads + spread.first) * WIDTH;
            for quad in 0..grid.rows * grid.cols {
                let (row, col) = (quad / grid.cols * 2, quad % grid.cols * 2);
                for part in (0..wide).step_by(S::F32_LANES) {
                    // SAFETY: `check` has made sure of the values of all quads; a pixel is written only inside `height` and
                    // `width`, which lie in `out`; `wide` is whole vectors, since channels are.
                    unsafe {
                        let from = spread.values.as_ptr().add(base + quad * WIDTH + part);
                        let values: [[S::f32s; 4]; 4] = std::array::from_fn(|row| {
                            std::array::from_fn(|col| load::<S>(from.add((4 * row + col) * step)))
                        });
                        let pixels = both(values, |[a, b, c, d]| {
                            [simd.add_f32s(simd.add_f32s(a, b), c), simd.sub_f32s(simd.sub_f32s(b, c), d)]
                        });
                        for (y, pixels) in pixels.iter().enumerate() {
                            for (x, value) in pixels.iter().enumerate() {
                                if row + y < height && col + x < width {
                                    let at = (row + y) * grid.line + (col + x) * grid.channels + panel * WIDTH + part;
                                    store::<S>(out.add(at), *value);
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// `B dV Bᵀ` added to each field of a strip of `2 rows + 2` lines.
pub(super) fn onto_fields(grid: Grid, spread: Spread<'_>, out: &mut [f32]) {
    let Grid { rows, cols, channels, line } = grid;
    check(grid, spread);
    assert!(line >= (2 * cols + 2) * channels && out.len() >= (2 * rows + 2) * line, "the strip holds every field");
    dispatch(OntoFields { grid, spread, out });
}

struct OntoFields<'a> {
    grid: Grid,
    spread: Spread<'a>,
    out: &'a mut [f32],
}

impl Transform for OntoFields<'_> {
    #[inline(always)]
    #[expect(unsafe_code, reason = "loads and stores without bounds checks; `onto_fields` has checked the slices")]
    fn run<S: Simd>(self, simd: S) {
        let OntoFields { grid, spread, out } = self;
        let panels = grid.channels.div_ceil(WIDTH);
        let step = panels * spread.quads * WIDTH;
        let out = out.as_mut_ptr();
        for panel in 0..panels {
            let wide = WIDTH.min(grid.channels - panel * WIDTH);
            let base = (panel * spread.quads + spread.first) * WIDTH;
            for quad in 0..grid.rows * grid.cols {
                let (row, col) = (quad / grid.cols * 2, quad % grid.cols * 2);
                for part in (0..wide).step_by(S::F32_LANES) {
                    // SAFETY: `check` has made sure of the values of all quads, `onto_fields` of the strip; `wide` is whole vectors.
                    unsafe {
                        let from = spread.values.as_ptr().add(base + quad * WIDTH + part);
                        let values: [[S::f32s; 4]; 4] = std::array::from_fn(|row| {
                            std::array::from_fn(|col| load::<S>(from.add((4 * row + col) * step)))
                        });
                        let field = both(values, |[a, b, c, d]| {
                            let middle = simd.add_f32s(b, c);
                            [a, simd.add_f32s(simd.sub_f32s(b, c), d), simd.sub_f32s(middle, a), simd.neg_f32s(d)]
                        });
                        for (y, pixels) in field.iter().enumerate() {
                            for (x, value) in pixels.iter().enumerate() {
                                let at = (row + y) * grid.line + (col + x) * grid.channels + panel * WIDTH + part;
                                let to = out.add(at);
                                store::<S>(to, simd.add_f32s(load::<S>(to), *value));
                            }
                        }
                    }
                }
            }
        }
    }
}

/// `G g Gᵀ`: lines of a panel of filters `[9, depth, WIDTH]` → `[VALUES, depth, WIDTH]`.
pub(super) fn filters(depth: usize, taps: &[f32], out: &mut [f32]) {
    assert!(taps.len() >= 9 * depth * WIDTH && out.len() >= VALUES * depth * WIDTH, "a panel's filters");
    dispatch(Filters { line: depth * WIDTH, taps, out });
}

struct Filters<'a> {
    line: usize,
    taps: &'a [f32],
    out: &'a mut [f32],
}

impl Transform for Filters<'_> {
    #[inline(always)]
    #[expect(unsafe_code, reason = "loads and stores without bounds checks; `filters` has checked the slices")]
    fn run<S: Simd>(self, simd: S) {
        let Filters { line, taps, out } = self;
        let half = simd.splat_f32s(0.5);
        let (taps, out) = (taps.as_ptr(), out.as_mut_ptr());
        for at in (0..line).step_by(S::F32_LANES) {
            // SAFETY: nine lines of `line` floats lie in `taps` and VALUES of them in `out`; a line is whole vectors.
            unsafe {
                let filter: [[S::f32s; 3]; 3] = std::array::from_fn(|row| {
                    std::array::from_fn(|col| load::<S>(taps.add((3 * row + col) * line + at)))
                });
                let values = both(filter, |[a, b, c]| {
                    let (outer, inner) = (simd.mul_f32s(half, simd.add_f32s(a, c)), simd.mul_f32s(half, b));
                    [a, simd.add_f32s(outer, inner), simd.sub_f32s(outer, inner), c]
                });
                for v in 0..VALUES {
                    store::<S>(out.add(v * line + at), values[v / 4][v % 4]);
                }
            }
        }
    }
}

/// `Gᵀ dU G`: the way back of [`filters`], `[VALUES, depth, WIDTH]` → `[9, depth, WIDTH]`.
pub(super) fn filters_back(depth: usize, values: &[f32], taps: &mut [f32]) {
    assert!(taps.len() >= 9 * depth * WIDTH && values.len() >= VALUES * depth * WIDTH, "a panel's filters");
    dispatch(FiltersBack { line: depth * WIDTH, values, taps });
}

struct FiltersBack<'a> {
    line: usize,
    values: &'a [f32],
    taps: &'a mut [f32],
}

impl Transform for FiltersBack<'_> {
    #[inline(always)]
    #[expect(unsafe_code, reason = "loads and stores without bounds checks; `filters_back` has checked the slices")]
    fn run<S: Simd>(self, simd: S) {
        let FiltersBack { line, values, taps } = self;
        let half = simd.splat_f32s(0.5);
        let (values, taps) = (values.as_ptr(), taps.as_mut_ptr());
        for at in (0..line).step_by(S::F32_LANES) {
            // SAFETY: VALUES lines of `line` floats lie in `values` and nine in `taps`; a line is whole vectors.
            unsafe {
                let values: [[S::f32s; 4]; 4] = std::array::from_fn(|row| {
                    std::array::from_fn(|col| load::<S>(values.add((4 * row + col) * line + at)))
                });
                let filter = both(values, |[a, b, c, d]| {
                    let (sum, difference) = (simd.add_f32s(b, c), simd.sub_f32s(b, c));
                    let sum = simd.mul_f32s(half, sum);
                    [simd.add_f32s(a, sum), simd.mul_f32s(half, difference), simd.add_f32s(sum, d)]
                });
                for tap in 0..9 {
                    store::<S>(taps.add(tap * line + at), filter[tap / 3][tap % 3]);
                }
            }
        }
    }
}
