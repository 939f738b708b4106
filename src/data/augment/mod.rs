//! From a decoded picture to the numbers that a network reads.
//!
//! An augmentation is a named operation with albumentations' name and parameters; a [`Pipeline`] is
//! a list of them, as it stands in a recipe's `[augment]`, ending in pixels of one known size. Which
//! numbers an operation draws depends only on the [`crate::base::Seed`] that comes with the picture
//! and on the operation's place in the list: never on a thread, a clock or another picture.
//!
//! Between operations a picture is 8 bits a channel, as in albumentations on `uint8`, and each
//! operation rounds once. That keeps the pipeline within one grey level of the library people know
//! (tests/golden/augment holds its numbers) at the cost of one rounding an operation. Normalising
//! comes last and is not an operation: mean and standard deviation belong to the backbone's weights.
//!
//! ```text
//!   settings.rs    ranges, borders, colours and keys that several operations share
//!   pipeline/      the list: [augment], output size, draws, normalisation; one operation; numbers over the epochs
//!   geometry/      where pixels are read: resize, crop, pad, flip, turn, bend
//!   colour/        what a pixel's value becomes, by itself or by its picture's histogram
//!   quality/       what a camera or a codec does: blur, noise, JPEG
//!   drop/          parts painted over
//!   choice/        operations made of operations
//!   mix/           the pictures of a batch mixed with each other
//! ```
//!
//! A new operation is one file (settings, row, code) and one line in [`ROWS`].
//!
//! One default differs from albumentations 2.0.8 on purpose: `area_for_downscale` is "image" here
//! and `None` there. Plain linear interpolation reads 4 source pixels however many there are, so a
//! 750 × 1000 photo shrunk to 128 × 128 keeps one pixel in nine and small print turns into noise.
//! Write `area_for_downscale = "none"` for the library's own behaviour.

pub mod choice;
pub mod colour;
pub mod drop;
pub mod geometry;
pub mod mix;
pub mod pipeline;
pub mod quality;
pub mod settings;

/// Raised when an operation, or the decoding before it, gives other pixels for the same settings and seed.
pub const VERSION: u32 = 2;

pub use mix::Mixed;
pub use pipeline::operation::{self, AugmentError};
pub use pipeline::{At, Normalization, Pipeline, SECTIONS, Shown, Source};
pub use settings::Interpolation;

use crate::book::technique::Technique;
use operation::Row;

/// Every operation, in the order of the documentation.
pub const ROWS: &[&Row] = &[
    &geometry::crop::boxed::RANDOM_CROP_NEAR_BBOX,
    &geometry::crop::RANDOM_RESIZED_CROP,
    &geometry::resize::RESIZE,
    &geometry::resize::LONGEST_MAX_SIZE,
    &geometry::resize::SMALLEST_MAX_SIZE,
    &geometry::crop::RANDOM_CROP,
    &geometry::crop::CENTER_CROP,
    &geometry::pad::PAD_IF_NEEDED,
    &geometry::pad::BORDER_CROP,
    &geometry::flip::HORIZONTAL_FLIP,
    &geometry::flip::VERTICAL_FLIP,
    &geometry::flip::RANDOM_GRID_SHUFFLE,
    &geometry::affine::AFFINE,
    &geometry::affine::SHIFT_SCALE_ROTATE,
    &geometry::affine::SAFE_ROTATE,
    &geometry::distort::PERSPECTIVE,
    &geometry::distort::GRID_DISTORTION,
    &colour::jitter::COLOR_JITTER,
    &colour::tone::RANDOM_BRIGHTNESS_CONTRAST,
    &colour::hsv::HUE_SATURATION_VALUE,
    &colour::tone::RGB_SHIFT,
    &colour::tone::POSTERIZE,
    &colour::gray::TO_GRAY,
    &colour::clahe::CLAHE,
    &quality::blur::GAUSSIAN_BLUR,
    &quality::motion::MOTION_BLUR,
    &quality::noise::GAUSS_NOISE,
    &quality::compress::IMAGE_COMPRESSION,
    &quality::compress::DOWNSCALE,
    &drop::coarse::COARSE_DROPOUT,
    &drop::erasing::RANDOM_ERASING,
    &choice::pick::ONE_OF,
    &choice::pick::SOME_OF,
    &choice::policy::RAND_AUGMENT,
    &choice::policy::TRIVIAL_AUGMENT_WIDE,
    &mix::mixup::MIX_UP,
    &mix::cutmix::CUT_MIX,
];

/// What recipes and help read of [`ROWS`]: the techniques of slot "augment"; and what may stand in place of a number.
pub const TECHNIQUES: &[&Technique] = &{
    let mut all = [&pipeline::epochs::OVER_EPOCHS; ROWS.len() + 1];
    let mut i = 0;
    while i < ROWS.len() {
        all[i] = &ROWS[i].technique;
        i += 1;
    }
    all
};

/// albumentations' answers, and how tests compare with them.
#[cfg(test)]
mod golden {
    use std::collections::BTreeMap;

    use super::ROWS;
    use crate::base::seed::Draws;
    use crate::base::{Seed, Value};
    use crate::data::decode::{Limits, Picture, decode_bytes};

    /// One row of golden.json: what was asked, and the answer as a PNG in hexadecimal digits.
    #[derive(serde::Deserialize)]
    pub struct Golden {
        #[serde(alias = "call")]
        pub ops: Value,
        png: String,
    }

    impl Golden {
        pub fn picture(&self) -> Picture {
            let digits: Vec<u8> = self.png.chars().map(|c| c.to_digit(16).unwrap() as u8).collect();
            let bytes: Vec<u8> = digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
            decode_bytes(&bytes, &Limits::default()).unwrap()
        }
    }

    pub fn cases() -> Vec<Golden> {
        serde_json::from_str(include_str!("../../../tests/golden/augment/golden.json")).unwrap()
    }

    /// The cases of one function with fixed numbers instead of drawn ones.
    pub fn calls(name: &str) -> Vec<Golden> {
        let all: Vec<Golden> = serde_json::from_str(include_str!("../../../tests/golden/augment/calls.json")).unwrap();
        let of = |case: &Golden| case.ops.get("function").and_then(Value::as_text) == Some(name);
        let found: Vec<Golden> = all.into_iter().filter(of).collect();
        assert!(!found.is_empty(), "{name}");
        found
    }

    /// The picture of tests/golden/augment/make.py.
    pub fn picture() -> Picture {
        let (height, width) = (40, 30);
        let pixel = |y: u32, x: u32| {
            let blue = 255 + (x * 7 + y * 3) % 11 - x * 5 - y * 2;
            [x * 8 + y, y * 6 + (x * y) % 23, blue].map(|v| (v % 256) as u8)
        };
        let rgb = (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(y, x))).collect();
        Picture { width, height, rgb }
    }

    pub fn noise(width: u32, height: u32) -> Picture {
        let mut draws = Seed::new(1).draws();
        Picture { width, height, rgb: (0..width * height * 3).map(|_| draws.below(256) as u8).collect() }
    }

    /// Mean distance in grey levels.
    pub fn apart(a: &Picture, b: &Picture) -> f64 {
        assert_eq!((a.width, a.height), (b.width, b.height));
        let sum: u64 = a.rgb.iter().zip(&b.rgb).map(|(&a, &b)| u64::from(a.abs_diff(b))).sum();
        sum as f64 / a.rgb.len() as f64
    }

    /// Compares 2,000 draws with the reference's mean, standard deviation and first and last hundredth, for each name.
    pub fn distribution(operation: &str, names: &[&str], draw: impl Fn(&mut Draws) -> Vec<f64>) {
        let all: BTreeMap<String, BTreeMap<String, [f64; 4]>> =
            serde_json::from_str(include_str!("../../../tests/golden/augment/draws.json")).unwrap();
        let wanted = &all[operation];
        assert_eq!(wanted.keys().collect::<Vec<_>>(), {
            let mut sorted: Vec<_> = names.iter().collect();
            sorted.sort();
            sorted
        });
        let rows: Vec<Vec<f64>> = (0..2000).map(|i| draw(&mut Seed::new(5).at(i).draws())).collect();
        for (column, name) in names.iter().enumerate() {
            let [mean, std, low, high] = wanted[*name];
            let mut values: Vec<f64> = rows.iter().map(|row| row[column]).collect();
            values.sort_by(f64::total_cmp);
            let ours = values.iter().sum::<f64>() / 2000.0;
            let spread = (values.iter().map(|v| (v - ours).powi(2)).sum::<f64>() / 2000.0).sqrt();
            // Five standard errors of a mean; the spread and the ends are known less well.
            let told = format!("{operation} {name}: {ours} ± {spread}, {} to {}", values[20], values[1979]);
            let wanted = format!("{mean} ± {std}, {low} to {high}");
            assert!((ours - mean).abs() <= 0.12 * std + 1e-9, "{told}; wanted {wanted}");
            assert!((spread - std).abs() <= 0.1 * std + 1e-9, "{told}; wanted {wanted}");
            let near = |a: f64, b: f64| (a - b).abs() <= 0.8 * std + 1e-9;
            assert!(near(values[20], low) && near(values[1979], high), "{told}; wanted {wanted}");
        }
    }

    /// Each operation with settings that let it do something on any picture.
    pub fn every_operation() -> Vec<Value> {
        let mut all: Vec<Value> =
            serde_json::from_str(include_str!("../../../tests/golden/augment/every.json")).unwrap();
        for row in ROWS {
            let name = row.technique.name;
            let named = |entry: &Value| entry.get("op").and_then(Value::as_text) == Some(name);
            if !all.iter().any(named) {
                let mut entry = Value::table();
                entry.set("op", Value::Text(name.to_owned()));
                all.push(entry);
            }
        }
        all
    }
}
