//! MixUp and CutMix: pictures of a batch mixed with each other, and their labels with them.
//!
//! Takes a batch of pictures of one size and what was drawn for it: a partner for each row, a rectangle, a share; gives each row
//! with a part of its partner. The loss then is `own` times that of the row's label plus the rest times that of its partner's.
//! Such an operation stands last in `[augment] train`, where all pictures have one size, and works on the numbers behind
//! normalisation. Names and draws are torchvision's (transforms.v2), one share a batch, as timm's mode "batch".
//!
//! ```text
//!   beta.rs     the share's distribution
//!   mixup.rs    MixUp: the whole picture, at a share
//!   cutmix.rs   CutMix: a rectangle, wholly
//! ```

mod beta;
pub mod cutmix;
pub mod mixup;

use std::ops::Range;

use crate::base::Seed;
use crate::base::seed::Draws;
use crate::book::technique::{Default, Kind, Literal, Param};
use crate::data::augment::settings::{CHANCE, Size};
use crate::data::decode::Picture;

const ALPHA: Param = Param::new(
    "alpha",
    Kind::OverEpochs(&Kind::Float { min: 0.01, max: 100.0 }),
    Default::Is(Literal::Float(1.0)),
    "Both parameters of the Beta distribution of shares: 1 is uniform, below it most are near 0 or 1, above it near 0.5.",
);
const P: Param = Param::new("p", CHANCE, Default::Is(Literal::Float(1.0)), "Probability that a batch is mixed.");

/// What is drawn for a batch, partners aside.
#[derive(Clone, Debug, PartialEq)]
pub struct Blend {
    /// Rows of the rectangle in which the partner is seen.
    rows: Range<usize>,
    /// Its columns.
    columns: Range<usize>,
    /// How much of the row's own picture stays within it, 0 to 1.
    inside: f32,
    /// The share of the row's own label, 0 to 1.
    own: f64,
}

impl Blend {
    /// Pictures and labels stay as they are.
    pub(super) fn nothing(size: Size) -> Blend {
        Blend { rows: 0..size.height, columns: 0..size.width, inside: 1.0, own: 1.0 }
    }
}

/// How the rows of a batch are mixed.
#[derive(Clone, Debug, PartialEq)]
pub struct Mixed {
    /// For each row the row of the batch that is mixed into it, `[b]`; it may be the row itself.
    pub partners: Vec<u32>,
    /// The share of the row's own label, 0 to 1; its partner's has the rest.
    pub own: f64,
    blend: Blend,
}

impl Mixed {
    /// What was drawn, with a partner for each of `rows` rows: a permutation.
    pub fn of(blend: Blend, rows: usize, seed: Seed) -> Mixed {
        let mut partners: Vec<u32> = (0..rows as u32).collect();
        seed.named("partners").draws().shuffle(&mut partners);
        Mixed { partners, own: blend.own, blend }
    }

    /// Mixes the rows of a batch: `images` is [b, 3, height, width].
    pub fn apply(&self, images: &mut [f32], size: Size) {
        let Blend { rows, columns, inside, .. } = &self.blend;
        let (plane, width) = (size.height * size.width, size.width);
        let (inside, rest) = (*inside, 1.0 - *inside);
        // Where the lines of the rectangle begin, in all channels.
        let lines: Vec<usize> =
            (0..3).flat_map(|c| rows.clone().map(move |y| c * plane + y * width + columns.start)).collect();
        let length = columns.len();
        // The partners as they were before any row was mixed.
        let mut before = Vec::with_capacity(self.partners.len() * lines.len() * length);
        for &partner in &self.partners {
            let from = partner as usize * 3 * plane;
            lines.iter().for_each(|line| before.extend_from_slice(&images[from + line..][..length]));
        }
        let mut before = before.chunks_exact(length.max(1));
        for image in images.chunks_exact_mut((3 * plane).max(1)).take(self.partners.len()) {
            for (line, theirs) in lines.iter().zip(before.by_ref()) {
                let ours = &mut image[*line..][..length];
                ours.iter_mut().zip(theirs).for_each(|(a, b)| *a = inside * *a + rest * b);
            }
        }
    }

    /// The same on pictures of 8 bits, one for each row and all of one size, for people to look at.
    pub fn pictures(&self, all: &[Picture]) -> Vec<Picture> {
        let Blend { rows, columns, inside, .. } = &self.blend;
        let mix = |(own, partner): (&Picture, &u32)| {
            let mut mixed = own.clone();
            let theirs = &all[*partner as usize];
            let width = own.width as usize * 3;
            for y in rows.clone() {
                for i in y * width + columns.start * 3..y * width + columns.end * 3 {
                    let (a, b) = (f32::from(own.rgb[i]), f32::from(theirs.rgb[i]));
                    mixed.rgb[i] = (inside * a + (1.0 - inside) * b).round() as u8;
                }
            }
            mixed
        };
        all.iter().zip(&self.partners).map(mix).collect()
    }
}

/// An operation on whole batches.
pub trait Mix {
    /// What it does with a batch of pictures of one size, partners aside.
    fn draw(&self, size: Size, draws: &mut Draws) -> Blend;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pictures() -> Vec<Picture> {
        (0..5u64)
            .map(|i| {
                let mut draws = Seed::new(i).draws();
                Picture { width: 7, height: 6, rgb: (0..126).map(|_| draws.below(256) as u8).collect() }
            })
            .collect()
    }

    /// [b, 3, h, w] of the pictures, without normalisation.
    fn numbers(all: &[Picture]) -> Vec<f32> {
        let plane = |p: &Picture, c: usize| p.rgb.chunks(3).map(|pixel| f32::from(pixel[c])).collect::<Vec<_>>();
        all.iter().flat_map(|p| (0..3).flat_map(|c| plane(p, c)).collect::<Vec<_>>()).collect()
    }

    #[test]
    fn rows_are_mixed_with_what_their_partners_were() {
        let all = pictures();
        let size = Size { height: 6, width: 7 };
        for blend in [
            Blend { rows: 0..6, columns: 0..7, inside: 0.3, own: 0.3 },
            Blend { rows: 1..4, columns: 2..7, inside: 0.0, own: 1.0 - 15.0 / 42.0 },
            Blend { rows: 2..2, columns: 3..3, inside: 0.0, own: 1.0 },
        ] {
            let mixed = Mixed::of(blend.clone(), 5, Seed::new(4));
            let mut sorted = mixed.partners.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3, 4]);
            assert_ne!(mixed.partners, sorted);
            let before = numbers(&all);
            let mut after = before.clone();
            mixed.apply(&mut after, size);
            let at = |row: usize, c: usize, y: usize, x: usize| row * 126 + c * 42 + y * 7 + x;
            for (row, &partner) in mixed.partners.iter().enumerate() {
                for (c, y, x) in (0..3).flat_map(|c| (0..6).flat_map(move |y| (0..7).map(move |x| (c, y, x)))) {
                    let inside = blend.rows.contains(&y) && blend.columns.contains(&x);
                    let own = if inside { blend.inside } else { 1.0 };
                    let expected = own * before[at(row, c, y, x)] + (1.0 - own) * before[at(partner as usize, c, y, x)];
                    assert!((after[at(row, c, y, x)] - expected).abs() < 1e-3);
                }
            }
            let seen = numbers(&mixed.pictures(&all));
            assert!(seen.iter().zip(&after).all(|(a, b)| (a - b).abs() <= 0.5001), "8 bits are rounded once");
        }
    }

    #[test]
    fn the_last_batch_may_be_one_picture() {
        let mixed = Mixed::of(Blend { rows: 0..6, columns: 0..7, inside: 0.5, own: 0.5 }, 1, Seed::new(4));
        let mut one = numbers(&pictures()[..1]);
        let before = one.clone();
        mixed.apply(&mut one, Size { height: 6, width: 7 });
        assert_eq!(one, before);
    }
}
