//! The geometry of a convolution and the cuts of its work, both functions of shapes alone.
//!
//! A *unit* is what one task takes: one picture, or several when their outputs are small, so that a
//! matrix product has enough columns to pay for reading the weights. A *tile* is what one product takes:
//! some output rows of the unit, such that the unfolded input stays in the second-level cache.

use std::ops::Range;

use super::Conv;
use crate::learn::ops::OpsError;

/// Columns of one product: few enough for the cache, enough to pay for packing the weights.
const LEAST_COLUMNS: usize = 512;
const MOST_COLUMNS: usize = 1024;
/// Floats of an unfolded input of one tile, about the common second-level cache of 1 MiB. For ResNet-18 at
/// 96 px, 100 K floats with 128 columns cost 6 % more processor time, and 400 K gained nothing.
const CACHE_FLOATS: usize = 256 * 1024;

/// Sizes and cuts of one convolution of one batch.
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
    /// Pictures of a unit.
    pub(super) images: usize,
    /// Output rows of a tile.
    pub(super) rows: usize,
}

impl Plan {
    /// Products of the whole batch.
    pub(super) fn multiply_adds(&self) -> usize {
        self.batch * self.out_image() * self.depth()
    }

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
        if batch == 0 || out_channels == 0 {
            return Err(OpsError::shape("conv2d", "at least one picture and one output channel", x));
        }
        let reach = |kernel: usize| dilation * (kernel.max(1) - 1) + 1;
        let out = |size: usize, kernel: usize| (size + 2 * padding).checked_sub(reach(kernel)).map(|d| d / stride + 1);
        let (Some(out_height), Some(out_width)) = (out(height, kh), out(width, kw)) else {
            return Err(OpsError::shape("conv2d", format!("at least {}x{} pixels", reach(kh), reach(kw)), x));
        };
        let depth = per_group * kh * kw;
        let columns = (CACHE_FLOATS / depth.max(1)).clamp(LEAST_COLUMNS, MOST_COLUMNS);
        let per_image = out_height * out_width;
        let (images, rows) = if per_image >= columns {
            (1, even(out_height, (columns / out_width).max(1)))
        } else {
            (even(batch, columns / per_image.max(1)), out_height)
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
            images,
            rows,
        })
    }

    /// Shape of the output.
    pub(crate) fn out_dims(&self) -> [usize; 4] {
        [self.batch, self.out_height, self.out_width, self.out_channels]
    }

    /// Floats of one input picture.
    pub(super) fn in_image(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Floats of one output picture.
    pub(crate) fn out_image(&self) -> usize {
        self.out_height * self.out_width * self.out_channels
    }

    /// Rows of the unfolded input of one group: `c / groups · kh · kw`.
    pub(super) fn depth(&self) -> usize {
        self.channels / self.groups * self.kernel[0] * self.kernel[1]
    }

    /// Floats of the weight.
    pub(super) fn weight_len(&self) -> usize {
        self.out_channels * self.depth()
    }

    /// Columns of the largest tile.
    pub(super) fn columns(&self) -> usize {
        self.rows * self.out_width
    }

    /// The output rows of each tile of a unit.
    pub(super) fn tiles(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (rows, all) = (self.rows, self.out_height);
        (0..all.div_ceil(rows.max(1))).map(move |t| t * rows..((t + 1) * rows).min(all))
    }

    /// Units whose weight gradients are summed one after the other into one accumulator. More
    /// accumulators let more threads work; large weights get few, since each must be added at the end.
    pub(super) fn units_per_sum(&self) -> usize {
        let units = self.batch.div_ceil(self.images.max(1));
        let sums = ((1 << 21) / self.weight_len().max(1)).clamp(2, 8);
        units.div_ceil(sums).max(1)
    }
}

/// Parts of at most `most`, all nearly of one size.
fn even(all: usize, most: usize) -> usize {
    let parts = all.div_ceil(most.max(1)).max(1);
    all.div_ceil(parts).max(1)
}
