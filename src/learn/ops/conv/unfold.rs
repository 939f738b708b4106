//! Pictures to the columns of a matrix product and back (im2col and col2im).
//!
//! Row `(c, i, j)` of the unfolded input holds, for each output pixel, the input pixel under weight
//! `(i, j)` of channel `c`, or zero in the padding. In the common case (stride 1, output as wide as the
//! input) that row is the channel's plane, shifted: one long copy, then zeros where a shift has carried
//! pixels over a picture's edge.

use std::ops::Range;

use super::plan::Plan;

/// One weight's place and the output rows of a tile: where its input pixels lie.
struct Tap<'a> {
    plan: &'a Plan,
    rows: Range<usize>,
    down: isize,
    right: isize,
}

impl Tap<'_> {
    fn shifts_plane(&self) -> bool {
        self.plan.stride == 1 && self.plan.out_width == self.plan.width
    }

    /// Output columns whose input column lies inside the picture.
    fn inside(&self) -> Range<usize> {
        let (stride, width) = (self.plan.stride, self.plan.width as isize);
        let first = (-self.right).max(0) as usize;
        let end = (width - self.right).max(0) as usize;
        let (first, end) = (first.div_ceil(stride), end.div_ceil(stride).min(self.plan.out_width));
        first.min(end)..end
    }

    /// The input row of an output row, when inside the picture.
    fn input_row(&self, row: usize) -> Option<usize> {
        let y = (row * self.plan.stride) as isize + self.down;
        (0..self.plan.height as isize).contains(&y).then_some(y as usize)
    }

    /// Zeros the output columns left and right of the inside.
    fn blank_edges(&self, line: &mut [f32]) {
        let (width, inside) = (self.plan.out_width, self.inside());
        if inside.start == 0 && inside.end == width {
            return;
        }
        for row in line.chunks_exact_mut(width) {
            row[..inside.start].fill(0.0);
            row[inside.end..].fill(0.0);
        }
    }

    /// For a shifted plane: the part of the line that has input rows, and of it the part whose input
    /// lies in the plane, with that input's start. What is left out between the two is an edge.
    fn shift(&self) -> (Range<usize>, Range<usize>, usize) {
        let (width, height) = (self.plan.width, self.plan.height as isize);
        let first = (self.rows.start as isize).max(-self.down).min(self.rows.end as isize);
        let end = (self.rows.end as isize).min(height - self.down).max(first);
        let line = |row: isize| (row - self.rows.start as isize) as usize * width;
        let covered = line(first)..line(end);
        let source = (first + self.down) * width as isize + self.right;
        let skip = ((-source).max(0) as usize).min(covered.len());
        let plane = width * self.plan.height;
        // A shift beyond the last pixel (a small picture under a wide kernel) covers nothing.
        let start = (source.max(0) as usize).min(plane);
        let room = plane - start;
        let len = (covered.len() - skip).min(room);
        let part = covered.start + skip..covered.start + skip + len;
        (covered, part, start)
    }

    fn read(&self, plane: &[f32], line: &mut [f32]) {
        if self.shifts_plane() {
            let (covered, part, start) = self.shift();
            line[..covered.start].fill(0.0);
            line[covered.end..].fill(0.0);
            let len = part.len();
            line[part].copy_from_slice(&plane[start..start + len]);
            self.blank_edges(line);
            return;
        }
        let (stride, inside, width) = (self.plan.stride, self.inside(), self.plan.width);
        for (row, out) in self.rows.clone().zip(line.chunks_exact_mut(self.plan.out_width)) {
            let Some(y) = self.input_row(row) else {
                out.fill(0.0);
                continue;
            };
            out[..inside.start].fill(0.0);
            out[inside.end..].fill(0.0);
            if inside.is_empty() {
                continue;
            }
            let first = ((inside.start * stride) as isize + self.right) as usize;
            let source = &plane[y * width + first..(y + 1) * width];
            let out = &mut out[inside.clone()];
            match stride {
                1 => out.copy_from_slice(&source[..out.len()]),
                _ => out.iter_mut().zip(source.iter().step_by(stride)).for_each(|(o, s)| *o = *s),
            }
        }
    }

    fn add_back(&self, line: &mut [f32], plane: &mut [f32]) {
        if self.shifts_plane() {
            self.blank_edges(line);
            let (_, part, start) = self.shift();
            let len = part.len();
            plane[start..start + len].iter_mut().zip(&line[part]).for_each(|(p, l)| *p += *l);
            return;
        }
        let (stride, inside, width) = (self.plan.stride, self.inside(), self.plan.width);
        if inside.is_empty() {
            return;
        }
        for (row, from) in self.rows.clone().zip(line.chunks_exact(self.plan.out_width)) {
            let Some(y) = self.input_row(row) else { continue };
            let first = ((inside.start * stride) as isize + self.right) as usize;
            let target = &mut plane[y * width + first..(y + 1) * width];
            target.iter_mut().step_by(stride).zip(&from[inside.clone()]).for_each(|(t, f)| *t += *f);
        }
    }
}

fn taps(plan: &Plan) -> impl Iterator<Item = (usize, isize, isize)> {
    let [kh, kw] = plan.kernel;
    let (dilation, padding) = (plan.dilation, plan.padding as isize);
    (0..plan.channels / plan.groups).flat_map(move |c| {
        (0..kh).flat_map(move |i| {
            (0..kw).map(move |j| (c, (i * dilation) as isize - padding, (j * dilation) as isize - padding))
        })
    })
}

/// Unfolds `rows` of the outputs of pictures `x` `[g, c, h, w]`, for one group's channels, into
/// `columns` `[depth, g · rows · out_width]`.
pub(super) fn unfold(plan: &Plan, x: &[f32], group: usize, rows: Range<usize>, columns: &mut [f32]) {
    let (plane, per_image) = (plan.height * plan.width, rows.len() * plan.out_width);
    let images = x.len() / plan.in_image();
    let first = group * (plan.channels / plan.groups);
    for ((c, down, right), line) in taps(plan).zip(columns.chunks_exact_mut(images * per_image)) {
        let tap = Tap { plan, rows: rows.clone(), down, right };
        for (image, part) in x.chunks_exact(plan.in_image()).zip(line.chunks_exact_mut(per_image)) {
            tap.read(&image[(first + c) * plane..][..plane], part);
        }
    }
}

/// The transpose of [`unfold`]: adds each column's values to the pixels they came from. `columns` is spent.
pub(super) fn fold(plan: &Plan, columns: &mut [f32], group: usize, rows: Range<usize>, dx: &mut [f32]) {
    let (plane, per_image) = (plan.height * plan.width, rows.len() * plan.out_width);
    let images = dx.len() / plan.in_image();
    let first = group * (plan.channels / plan.groups);
    for ((c, down, right), line) in taps(plan).zip(columns.chunks_exact_mut(images * per_image)) {
        let tap = Tap { plan, rows: rows.clone(), down, right };
        for (image, part) in dx.chunks_exact_mut(plan.in_image()).zip(line.chunks_exact_mut(per_image)) {
            tap.add_back(part, &mut image[(first + c) * plane..][..plane]);
        }
    }
}
