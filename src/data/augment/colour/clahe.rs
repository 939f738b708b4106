//! CLAHE: contrast limited adaptive histogram equalisation of the lightness.
//!
//! Takes a picture and a drawn clip limit; gives it with every level of lightness as frequent as any other, tile by
//! tile, the tiles' curves blended bilinearly. Follows OpenCV's createCLAHE and albumentations' 2.0.8, which works on the
//! L of Lab (Zuiderveld 1994, "Contrast limited adaptive histogram equalization", Graphics Gems IV).

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;

use super::lab::{from_lab, to_lab};
use crate::base::seed::Draws;
use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::data::augment::operation::{Built, Operation, Row, Settings};
use crate::data::augment::settings::{Border, LAST_EPOCHS_OFF, Numbers, P_HALF, number_or_range};
use crate::data::decode::Picture;

/// The row of CLAHE.
pub const CLAHE: Row = Row::of::<Clahe>(Technique {
    name: "CLAHE",
    slot: "augment",
    about: "Raise the local contrast until all levels are about as frequent.",
    details: "The lightness is cut into tile_grid_size tiles; each tile's histogram becomes a curve that spreads its levels \
        over 0 to 255, and neighbouring curves are blended. The clip limit bounds how steep a curve may be: no level counts \
        for more than clip_limit times the mean, and what is cut off is dealt out to all levels. A number v means [1, v].\n\n\
        Detail in shadows and in bright skies becomes visible, so it is of use for scans, X-rays and night photos. \
        Published solutions use the default 4.0 and 8 × 8 as one branch of a OneOf.\n\n\
        It fails on smooth surfaces, whose noise it raises: a limit above 10 makes grain look like texture. Cost: Lab and \
        back and two table look-ups a pixel, the dearest colour operation.",
    params: &[
        Param::new("clip_limit", number_or_range!(1.0, 255.0), Default::Is(Literal::Float(4.0)), "Greatest steepness.")
            .unit("times the mean"),
        Param::new(
            "tile_grid_size",
            Kind::List { of: &Kind::Int { min: 1, max: 64 }, min: 2, max: 2 },
            Default::Is(Literal::List(&[Literal::Int(8), Literal::Int(8)])),
            "Tiles as [columns, rows].",
        ),
        P_HALF,
        LAST_EPOCHS_OFF,
    ],
    source: "albumentations 2.0.8 CLAHE; OpenCV createCLAHE; Zuiderveld 1994",
    status: Status::Built,
});

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Clahe {
    clip_limit: Numbers,
    /// Columns, rows, as OpenCV's Size.
    tile_grid_size: [usize; 2],
}

impl Settings for Clahe {
    fn operation(self, _: &str) -> Built {
        self.clip_limit.from(1.0).ordered("clip_limit")?;
        Ok(Arc::new(self))
    }
}

impl Operation for Clahe {
    fn is_random(&self) -> bool {
        !self.clip_limit.from(1.0).is_fixed()
    }

    fn run<'a>(&self, picture: Cow<'a, Picture>, draws: &mut Draws) -> Cow<'a, Picture> {
        let limit = self.clip_limit.from(1.0).draw(draws);
        let mut changed = picture.into_owned();
        changed.rgb.chunks_exact_mut(3).for_each(|p| p.copy_from_slice(&to_lab([p[0], p[1], p[2]])));
        let mut lightness: Vec<u8> = changed.rgb.chunks_exact(3).map(|p| p[0]).collect();
        let (width, height) = (changed.width as usize, changed.height as usize);
        equalise(&mut lightness, width, height, self.tile_grid_size, limit);
        for (p, l) in changed.rgb.chunks_exact_mut(3).zip(lightness) {
            p.copy_from_slice(&from_lab([l, p[1], p[2]]));
        }
        Cow::Owned(changed)
    }
}

/// OpenCV's CLAHE on one channel, in place.
fn equalise(plane: &mut [u8], width: usize, height: usize, [columns, rows]: [usize; 2], limit: f64) {
    // Where a side is no multiple of its tiles, both are extended by mirrored pixels, a side that fits by one pixel a tile.
    let fits = width.is_multiple_of(columns) && height.is_multiple_of(rows);
    let side = |n: usize, tiles: usize| if fits { n / tiles } else { (n + tiles - n % tiles) / tiles };
    let (tile_w, tile_h) = (side(width, columns), side(height, rows));
    let mirror = |i: usize, n: usize| Border::Reflect101.source(i as i64, n as i64).unwrap_or(0) as usize;
    let across: Vec<usize> = (0..tile_w * columns).map(|x| mirror(x, width)).collect();
    let mut curves: Vec<[u8; 256]> = Vec::with_capacity(columns * rows);
    for tile_y in 0..rows {
        for tile_x in 0..columns {
            let mut histogram = [0u32; 256];
            for y in tile_y * tile_h..(tile_y + 1) * tile_h {
                let line = &plane[mirror(y, height) * width..][..width];
                for &x in &across[tile_x * tile_w..(tile_x + 1) * tile_w] {
                    histogram[usize::from(line[x])] += 1;
                }
            }
            curves.push(curve(histogram, tile_w * tile_h, limit));
        }
    }
    // Which two tiles a column lies between, and how far it is to the second.
    let between = |i: usize, length: usize, tiles: usize| {
        let at = i as f32 / length as f32 - 0.5;
        let first = at.floor();
        let last = tiles as i64 - 1;
        ((first as i64).clamp(0, last) as usize, (first as i64 + 1).clamp(0, last) as usize, at - first)
    };
    let places: Vec<(usize, usize, f32)> = (0..width).map(|x| between(x, tile_w, columns)).collect();
    for (y, line) in plane.chunks_exact_mut(width.max(1)).enumerate() {
        let (above, below, v) = between(y, tile_h, rows);
        let (above, below) = (&curves[above * columns..][..columns], &curves[below * columns..][..columns]);
        for (value, &(left, right, u)) in line.iter_mut().zip(&places) {
            let level = usize::from(*value);
            let mix = |row: &[[u8; 256]]| f32::from(row[left][level]) * (1.0 - u) + f32::from(row[right][level]) * u;
            *value = (mix(above) * (1.0 - v) + mix(below) * v).round_ties_even() as u8;
        }
    }
}

/// The curve of one tile of `area` pixels.
fn curve(mut histogram: [u32; 256], area: usize, limit: f64) -> [u8; 256] {
    let most = ((limit * area as f64 / 256.0) as u32).max(1);
    let mut cut = 0;
    for count in &mut histogram {
        cut += count.saturating_sub(most);
        *count = (*count).min(most);
    }
    // What was cut off goes to all levels, the rest of the division to some at equal distances.
    histogram.iter_mut().for_each(|count| *count += cut / 256);
    let rest = (cut % 256) as usize;
    let step = 256_usize.checked_div(rest).unwrap_or(256).max(1);
    histogram.iter_mut().step_by(step).take(rest).for_each(|count| *count += 1);
    let scale = 255.0 / area as f32;
    let mut sum = 0;
    histogram.map(|count| {
        sum += count;
        (sum as f32 * scale).round_ties_even() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::augment::golden::distribution;

    #[test]
    fn one_tile_without_a_limit_is_plain_equalisation() {
        // Four levels, equally frequent: they spread to quarters.
        let mut plane = [10, 11, 12, 13];
        equalise(&mut plane, 2, 2, [1, 1], 255.0);
        assert_eq!(plane, [64, 128, 191, 255]);
        let mut line = [7];
        equalise(&mut line, 1, 1, [8, 8], 4.0);
    }

    #[test]
    fn limits_are_drawn_as_albumentations_draws_them() {
        let op = Clahe { clip_limit: Numbers::One(4.0), tile_grid_size: [8, 8] };
        distribution("CLAHE", &["limit"], |draws| vec![op.clip_limit.from(1.0).draw(draws)]);
    }
}
