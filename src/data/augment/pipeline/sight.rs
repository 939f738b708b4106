//! How much of a photo a pipeline has to see: at which size it may be decoded, and which part.
//!
//! Takes a photo's size and the operations; gives a denominator and, with a seed, a rectangle. A photo is read at half, a quarter or an
//! eighth of its sides where even the smallest rectangle that the first resizing operation may read is, after that,
//! no smaller than what is made of it: nothing is enlarged that was not before, and each reduced pixel is the mean of
//! those it stands for, which is the first half of an averaging resize. Operations in front that count in pixels, or
//! that nobody has thought about, mean the full size. Both answers are pure: threads and memory change neither.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Pipeline, Shown, Source};
use crate::base::Seed;
use crate::data::augment::settings::Size;
use crate::data::decode::Picture;
use crate::data::view::{Area, Seen, reduced};

/// By how much a picture may be reduced before an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Pixels only move: the operations behind it decide.
    Passed,
    /// By this denominator (1, 2, 4, 8) at most; what comes out has a size of its own.
    UpTo(u32),
}

impl Detail {
    /// Every pixel counts.
    pub const ALL: Detail = Detail::UpTo(1);

    /// For an operation that makes `made` rows and columns of at least `read` ones (rows, columns); `gap` times as many shall be
    /// left for it.
    pub fn of(read: [f64; 2], made: Size, gap: f64) -> Detail {
        let enough = |by: f64| {
            let left = |read: f64, made: usize| (read / by).floor() >= made as f64 * gap;
            left(read[0], made.height) && left(read[1], made.width)
        };
        Detail::UpTo([8, 4, 2].into_iter().find(|&by| enough(f64::from(by))).unwrap_or(1))
    }

    /// Of two operations either of which may be the one.
    pub fn or(self, other: Detail) -> Detail {
        match (self, other) {
            (Detail::UpTo(a), Detail::UpTo(b)) => Detail::UpTo(a.min(b)),
            (Detail::Passed, Detail::Passed) => Detail::Passed,
            _ => Detail::ALL,
        }
    }
}

impl Pipeline {
    /// By how much a photo of this size is reduced before anything: 1, 2, 4 or 8.
    pub fn denominator(&self, width: u32, height: u32) -> u32 {
        let size = Size { height: height as usize, width: width as usize };
        let mut most = 8;
        for op in self.ops().iter().filter(|op| op.p > 0.0) {
            match op.operation.detail(size) {
                Detail::Passed => {}
                Detail::UpTo(by) => {
                    most = most.min(by);
                    if op.p >= 1.0 || most == 1 {
                        return most;
                    }
                }
            }
        }
        1
    }

    /// The only part of the reduced photo that the pipeline reads under this seed, where there is one; the size is the
    /// photo's own.
    pub fn window(&self, width: u32, height: u32, seed: Seed) -> Option<Area> {
        let by = self.denominator(width, height);
        let size = Size { height: reduced(height, by) as usize, width: reduced(width, by) as usize };
        let first = self.ops().first().filter(|op| op.p >= 1.0)?;
        first.operation.window(size, &mut first.draws(0, seed))
    }

    /// As [`Pipeline::picture`] of the whole photo, which may have been seen in part.
    pub(super) fn run_seen<'a>(
        &self,
        seen: &'a Seen<Arc<Picture>>,
        photo: Option<Shown>,
        seed: Seed,
    ) -> Cow<'a, Picture> {
        let ops = self.ops().iter().enumerate();
        match (seen.window, self.ops().first()) {
            (Some(_), Some(first)) => {
                let cut = Cow::Owned(first.operation.run_window(&seen.picture));
                ops.skip(1).fold(cut, |current, (place, op)| op.run_photo(current, photo, place, seed))
            }
            _ => self.run(Source { picture: &seen.picture, photo }, seed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::augment::golden::noise;
    use crate::data::view::{View, look};

    fn pipeline(list: &str) -> Pipeline {
        Pipeline::new("x", &serde_json::from_str(list).unwrap()).unwrap()
    }

    fn denominator(list: &str, width: u32, height: u32) -> u32 {
        pipeline(list).denominator(width, height)
    }

    #[test]
    fn a_photo_is_reduced_as_long_as_the_smallest_crop_is_large_enough() {
        let crop = |scale: &str, size: u32| {
            format!(r#"[{{"op": "RandomResizedCrop", "size": [{size}, {size}], "scale": {scale}}}]"#)
        };
        // √(0.6 · 750 · 1000 · 0.75) = 581 columns at least: 290 at half, 145 at a quarter.
        assert_eq!(denominator(&crop("[0.6, 1.0]", 224), 750, 1000), 2);
        assert_eq!(denominator(&crop("[0.6, 1.0]", 145), 750, 1000), 4);
        assert_eq!(denominator(&crop("[0.6, 1.0]", 146), 750, 1000), 2);
        assert_eq!(denominator(&crop("[0.6, 1.0]", 72), 750, 1000), 8);
        // 8 % of the area are 212 columns.
        assert_eq!(denominator(&crop("[0.08, 1.0]", 224), 750, 1000), 1);
        assert_eq!(denominator(&crop("[0.6, 1.0]", 224), 400, 300), 1);
        let resize = r#"[{"op": "Resize", "size": [224, 224]}]"#;
        assert_eq!((denominator(resize, 750, 1000), denominator(resize, 448, 448)), (2, 2));
        assert_eq!((denominator(resize, 447, 1000), denominator(resize, 1792, 9999)), (1, 8));
        let plain = r#"[{"op": "Resize", "size": [224, 224], "area_for_downscale": "none"}]"#;
        assert_eq!(denominator(plain, 7500, 10000), 1, "what aliases on purpose goes on to");
    }

    #[test]
    fn what_stands_in_front_decides_too() {
        let then = |first: &str| format!(r#"[{first}, {{"op": "Resize", "size": [64, 64]}}]"#);
        let at = |first: &str| denominator(&then(first), 1000, 1000);
        assert_eq!(at(r#"{"op": "HorizontalFlip"}"#), 8);
        assert_eq!(at(r#"{"op": "GaussianBlur"}"#), 1, "its sigma is in pixels");
        assert_eq!(at(r#"{"op": "GaussianBlur", "p": 0.0}"#), 8);
        assert_eq!(at(r#"{"op": "LongestMaxSize", "max_size": 300}"#), 2);
        assert_eq!(at(r#"{"op": "SmallestMaxSize", "max_size": [100, 250]}"#), 4);
        assert_eq!(at(r#"{"op": "LongestMaxSize", "max_size": 300, "p": 0.5}"#), 2);
        assert_eq!(at(r#"{"op": "PadIfNeeded"}"#), 1);
        assert_eq!(
            at(
                r#"{"op": "OneOf", "transforms": [{"op": "Resize", "size": [99, 99]}, {"op": "Resize", "size": [300, 300]}]}"#
            ),
            2
        );
        assert_eq!(
            at(r#"{"op": "OneOf", "transforms": [{"op": "Resize", "size": [99, 99]}, {"op": "HorizontalFlip"}]}"#),
            1
        );
    }

    proptest::proptest! {
        #[test]
        fn no_drawn_rectangle_is_smaller_than_what_is_made_of_it(width in 1u32..900, height in 1u32..900, side in 8usize..80, low in 0.05f64..1.0, seed: u64) {
            let list = format!(r#"[{{"op": "RandomResizedCrop", "size": [{side}, {side}], "scale": [{low}, 1.0]}}]"#);
            let pipeline = pipeline(&list);
            let by = pipeline.denominator(width, height);
            for draw in 0..20 {
                let window = pipeline.window(width, height, Seed::new(seed).at(draw)).unwrap();
                proptest::prop_assert!(by == 1 || window.width >= side && window.height >= side, "{by} {window:?}");
                let most = |length: u32| length.div_ceil(by) as usize;
                proptest::prop_assert!(window.x + window.width <= most(width) && window.y + window.height <= most(height));
            }
        }

        #[test]
        fn a_part_gives_the_bits_of_the_whole(width in 1u32..200, height in 1u32..200, seed: u64) {
            let list = r#"[{"op": "RandomResizedCrop", "size": [16, 24]}, {"op": "HorizontalFlip"}, {"op": "Affine", "rotate": [-20, 20]}]"#;
            let (pipeline, seed) = (pipeline(list), Seed::new(seed));
            let photo = noise(width, height);
            let view = View { denominator: pipeline.denominator(width, height), window: None };
            let whole = Seen { picture: Arc::new(look(photo.clone(), view)), window: None, damaged: false };
            let window = pipeline.window(width, height, seed);
            let part = Seen { picture: Arc::new(look(photo, View { window, ..view })), window, damaged: false };
            proptest::prop_assert!(window.is_some());
            proptest::prop_assert_eq!(pipeline.run_seen(&whole, None, seed), pipeline.run_seen(&part, None, seed));
        }
    }
}
