//! The geometry of a convolution and the cuts of its work, both functions of shapes alone.

use super::Conv;
use crate::learn::ops::OpsError;

/// Sizes of one convolution of one batch.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) batch: usize,
    pub(crate) channels: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) out_channels: usize,
    pub(crate) out_height: usize,
    pub(crate) out_width: usize,
    pub(super) kernel: [usize; 2],
    pub(super) stride: usize,
    pub(super) padding: usize,
    pub(super) dilation: usize,
    pub(super) groups: usize,
}

/// What one task of the forward pass takes: some rows of one picture, or several whole pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) image: usize,
    pub(super) images: usize,
    pub(super) row: usize,
    pub(super) rows: usize,
}

/// Floats of a unit's input and output, at most, so that both stay in a second-level cache of 1 MiB beside a panel of weights.
const UNIT_FLOATS: usize = 1 << 17;
/// Output pixels of a unit, at least, for each reading of the weights.
const UNIT_PIXELS: usize = 64;
/// Units of a batch at least, where that leaves pixels enough.
const UNITS: usize = 8;

impl Plan {
    /// For an input `[b, h, w, c]` and a weight `[o, c / groups, kh, kw]`.
    pub(crate) fn new(conv: &Conv, x: &[usize], weight: &[usize]) -> Result<Plan, OpsError> {
        let (&[batch, height, width, channels], &[out_channels, per_group, kh, kw]) = (x, weight) else {
            return Err(OpsError::shape("conv2d", "an input [b, h, w, c] and a weight [o, c, kh, kw]", x));
        };
        let Conv { stride, padding, dilation, groups, .. } = *conv;
        if groups == 0 || stride == 0 || dilation == 0 || out_channels % groups != 0 || per_group * groups != channels {
            let expected = format!("{} channels for a weight {weight:?} in {groups} groups", per_group * groups);
            return Err(OpsError::shape("conv2d", expected, x));
        }
        if batch * height * width == 0 || out_channels * per_group * kh * kw == 0 {
            return Err(OpsError::shape("conv2d", "at least one picture, one pixel, one channel and one weight", x));
        }
        let out = |size: usize, kernel: usize| {
            (size + 2 * padding).checked_sub(dilation * (kernel - 1) + 1).map(|left| left / stride + 1)
        };
        let (Some(out_height), Some(out_width)) = (out(height, kh), out(width, kw)) else {
            return Err(OpsError::shape("conv2d", format!("pictures of at least the size of {kh}x{kw} weights"), x));
        };
        Ok(Plan {
            batch,
            channels,
            height,
            width,
            out_channels,
            out_height,
            out_width,
            kernel: [kh, kw],
            stride,
            padding,
            dilation,
            groups,
        })
    }

    /// Products of the whole batch.
    pub(super) fn multiply_adds(&self) -> usize {
        self.batch * self.out_image() * self.in_group() * self.taps()
    }

    /// Shape of the output.
    pub(crate) fn out_dims(&self) -> [usize; 4] {
        [self.batch, self.out_height, self.out_width, self.out_channels]
    }

    /// Floats of one input picture.
    pub(super) fn in_image(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Pixels of one output picture.
    pub(super) fn out_pixels(&self) -> usize {
        self.out_height * self.out_width
    }

    /// Floats of one output picture.
    pub(crate) fn out_image(&self) -> usize {
        self.out_pixels() * self.out_channels
    }

    /// Input channels of a group.
    pub(super) fn in_group(&self) -> usize {
        self.channels / self.groups
    }

    /// Output channels of a group.
    pub(super) fn out_group(&self) -> usize {
        self.out_channels / self.groups
    }

    /// Weights of one input channel for one output channel.
    pub(super) fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Input rows (axis 0) or columns (axis 1), with padding, that `out` output rows or columns see.
    pub(super) fn seen(&self, axis: usize, out: usize) -> usize {
        (out - 1) * self.stride + (self.kernel[axis] - 1) * self.dilation + 1
    }

    /// The forward pass's tasks, in the output's order.
    pub(super) fn units(&self) -> Vec<Unit> {
        let floats =
            |rows: usize| self.seen(0, rows) * self.seen(1, self.out_width) * self.channels + rows * self.out_row();
        let (mut images, mut rows) = (1, self.out_height);
        let whole = floats(rows);
        if whole > UNIT_FLOATS {
            while rows > 1 && floats(rows) > UNIT_FLOATS {
                rows = rows.div_ceil(2);
            }
        } else {
            images = UNIT_PIXELS.div_ceil(self.out_pixels()).min(UNIT_FLOATS / whole.max(1)).max(1);
            images = even(self.batch, images);
            let parts = UNITS.div_ceil(self.batch.div_ceil(images));
            if images == 1 && self.out_pixels() >= parts * UNIT_PIXELS {
                rows = rows.div_ceil(parts);
            }
        }
        let rows = even(self.out_height, rows);
        let firsts = (0..self.batch).step_by(images);
        let strips = |image| (0..self.out_height).step_by(rows).map(move |row| (image, row));
        let unit = |(image, row)| Unit {
            image,
            images: images.min(self.batch - image),
            row,
            rows: rows.min(self.out_height - row),
        };
        firsts.flat_map(strips).map(unit).collect()
    }

    /// Floats of an output row.
    pub(super) fn out_row(&self) -> usize {
        self.out_width * self.out_channels
    }
}

/// Parts of at most `most`, all nearly of one size.
pub(super) fn even(all: usize, most: usize) -> usize {
    let parts = all.div_ceil(most.max(1)).max(1);
    all.div_ceil(parts).max(1)
}
