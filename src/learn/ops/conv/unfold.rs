//! Pictures to the rows of a matrix product and back (im2col and col2im), channels last.
//!
//! Row `p` of the unfolded input holds, for each weight `(i, j)`, the channels of the input pixel that the output pixel `p`
//! sees under it, or zeros in the padding.

use std::ops::Range;

use super::plan::Plan;

/// Calls `f(place in the column, place in the picture or none)` for each run of channels of the output pixels of `rows`.
fn runs(plan: &Plan, group: usize, rows: Range<usize>, mut f: impl FnMut(usize, Option<usize>)) {
    let ([kh, kw], c) = (plan.kernel, plan.channels / plan.groups);
    let mut place = 0;
    for row in rows {
        for col in 0..plan.out_width {
            for i in 0..kh {
                let y = (row * plan.stride + i * plan.dilation).wrapping_sub(plan.padding);
                for j in 0..kw {
                    let x = (col * plan.stride + j * plan.dilation).wrapping_sub(plan.padding);
                    let inside = y < plan.height && x < plan.width;
                    f(place, inside.then(|| (y * plan.width + x) * plan.channels + group * c));
                    place += c;
                }
            }
        }
    }
}

/// Unfolds `rows` of the outputs of one picture `[h, w, c]`, for one group's channels, into `columns` `[pixels, depth]`.
pub(super) fn unfold(plan: &Plan, x: &[f32], group: usize, rows: Range<usize>, columns: &mut [f32]) {
    let c = plan.channels / plan.groups;
    runs(plan, group, rows, |to, from| match from {
        Some(from) => columns[to..to + c].copy_from_slice(&x[from..from + c]),
        None => columns[to..to + c].fill(0.0),
    });
}

/// The transpose of [`unfold`]: adds each row's values to the pixels they came from.
pub(super) fn fold(plan: &Plan, columns: &[f32], group: usize, rows: Range<usize>, dx: &mut [f32]) {
    let c = plan.channels / plan.groups;
    runs(plan, group, rows, |from, to| {
        let Some(to) = to else { return };
        dx[to..to + c].iter_mut().zip(&columns[from..from + c]).for_each(|(d, s)| *d += *s);
    });
}
