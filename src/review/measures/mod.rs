//! What one look at a picture says of it, in numbers.
//!
//! Takes decoded pixels; gives [`Measures`]: the raw numbers that cleanvision 0.3.7 judges pictures by (brightness percentiles, edge
//! variance, histogram, entropy, size), a key of the pixels, the perceptual hash, and a small grey picture by which copies are compared.
//! Every pixel counts: percentiles, entropy and the shrunk picture of a reduced decoding would differ, so a picture is decoded whole.
//!
//! ```text
//!   pillow.rs   Pillow's resize, edges and entropy, to the bit
//!   cache.rs    all photos in one pass, remembered by the content of their files
//! ```

mod cache;
mod pillow;

pub use cache::measured;

use crate::base::{Key, KeyWriter};
use crate::data::picture::alike;
use crate::data::picture::decode::Picture;

/// Grey areas a side of [`Measures::small`]: enough to tell two photos of one bottle apart, few enough to keep for all photos.
pub const SMALL: usize = 24;

/// Longest side of the picture whose edges are counted (cleanvision's MAX_RESOLUTION_FOR_BLURRY_DETECTION).
const EDGES: u32 = 64;

/// The numbers of one picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Measures {
    /// Pixels a row, after the EXIF rotation.
    pub width: u32,
    /// Rows, after the EXIF rotation.
    pub height: u32,
    /// EXIF orientation of the file, 1 (upright) to 8.
    pub orientation: u8,
    /// Brightness that 5 % of the pixels do not exceed: √(.241 r² + .691 g² + .068 b²) / 255, 0 to 1.
    pub brightness_perc_5: f64,
    /// Brightness that 99 % of the pixels do not exceed.
    pub brightness_perc_99: f64,
    /// Standard deviation of the edges of the grey picture, shrunk to 64 pixels: some 20 to 80 for photos; its border counts
    /// as it is, so that only a black picture has 0.
    pub blurriness: f64,
    /// Standard deviation of the counts in that grey picture's histogram.
    pub blurriness_grayscale_std: f64,
    /// Entropy of the values of all channels together, bits; of the one channel where all pixels are grey.
    pub entropy: f64,
    /// Key of size and pixels: equal for the same picture in another file.
    pub pixels: Key,
    /// Perceptual hash ([`alike::hash`]).
    pub hash: u64,
    /// The picture as 24 × 24 grey areas, row by row.
    pub small: [u8; SMALL * SMALL],
}

impl Measures {
    /// Measures a picture that was decoded whole and upright; `orientation` is what its file says
    /// ([`decode::orientation`](crate::data::picture::decode::orientation)). `None` for a picture without pixels.
    ///
    /// A file of mode L cannot be told from a colour file whose pixels are all grey; both are measured as L, which matters to
    /// the entropy alone (the colour file's would be log₂ 3 higher in cleanvision).
    pub fn of(picture: &Picture, orientation: u8) -> Option<Measures> {
        let (pixels, _) = picture.rgb.as_chunks::<3>();
        let count = picture.width as usize * picture.height as usize;
        if count == 0 || pixels.len() != count {
            return None;
        }
        // In thousandths of squares, which are whole numbers and sort like their roots.
        let mut bright: Vec<u32> = pixels
            .iter()
            .map(|&[r, g, b]| {
                let [r, g, b] = [r, g, b].map(u32::from);
                241 * r * r + 691 * g * g + 68 * b * b
            })
            .collect();
        let brightness_perc_5 = percentile(&mut bright, 5.0);
        let brightness_perc_99 = percentile(&mut bright, 99.0);
        let grey = pillow::grey(&pillow::shrunk(picture, EDGES));
        let mut key = KeyWriter::new("pixels 1");
        key.number(u64::from(picture.width)).number(u64::from(picture.height)).bytes(&picture.rgb);
        let small = alike::grey::<SMALL>(picture);
        let mut areas = [0; SMALL * SMALL];
        areas.iter_mut().zip(small.as_flattened()).for_each(|(area, light)| *area = light.round() as u8);
        Some(Measures {
            width: picture.width,
            height: picture.height,
            orientation,
            brightness_perc_5,
            brightness_perc_99,
            blurriness: pillow::deviation(grey.edges().into_iter().map(f64::from)),
            blurriness_grayscale_std: pillow::deviation(grey.histogram().into_iter().map(|count| count as f64)),
            entropy: pillow::entropy(pixels),
            pixels: key.finish(),
            hash: alike::hash(picture),
            small: areas,
        })
    }
}

/// `np.percentile(√(values / 1000) / 255, percent)`: linear between the two nearest ranks.
fn percentile(values: &mut [u32], percent: f64) -> f64 {
    let at = percent / 100.0 * (values.len() - 1) as f64;
    let (low, part) = (at.floor() as usize, at.fract());
    let (_, &mut here, above) = values.select_nth_unstable(low);
    let next = above.iter().min().copied().unwrap_or(here);
    let [here, next] = [here, next].map(|square| (f64::from(square) / 1000.0).sqrt() / 255.0);
    if part < 0.5 { here + (next - here) * part } else { next - (next - here) * (1.0 - part) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use serde_json::Value;

    use super::*;
    use crate::data::picture::decode::{self, Limits};

    fn plain(width: u32, height: u32, colour: [u8; 3]) -> Picture {
        Picture { width, height, rgb: colour.repeat((width * height) as usize) }
    }

    #[test]
    fn percentiles_are_numpys() {
        // np.percentile([0, 51, 102, 153, 204] / 255, [5, 99]) = 0.04, 0.792.
        let mut values: Vec<u32> = [204u32, 0, 153, 51, 102].iter().map(|v| 1000 * v * v).collect();
        assert!((percentile(&mut values, 5.0) - 0.04).abs() < 1e-12);
        assert!((percentile(&mut values, 99.0) - 0.792).abs() < 1e-12);
    }

    #[test]
    fn plain_pictures_have_no_edges_and_no_information() {
        let white = Measures::of(&plain(10, 20, [255; 3]), 1).unwrap();
        assert!((white.brightness_perc_5 - 1.0).abs() < 1e-12 && white.entropy == 0.0);
        // Pillow leaves the border as it was: of 10 × 20 pixels 56 stay 255, the others are 0.
        let share = 56.0f64 / 200.0;
        assert!((white.blurriness - 255.0 * (share * (1.0 - share)).sqrt()).abs() < 1e-9);
        assert_eq!(Measures::of(&plain(10, 20, [0; 3]), 1).unwrap().blurriness, 0.0);
        assert_eq!(white.small, [255; SMALL * SMALL]);
        // One value a channel, three equally frequent ones: log₂ 3 bits.
        let red = Measures::of(&plain(3, 3, [200, 30, 10]), 6).unwrap();
        assert!((red.entropy - 3f64.log2()).abs() < 1e-12 && red.orientation == 6);
        assert!(red.pixels != Measures::of(&plain(9, 1, [200, 30, 10]), 6).unwrap().pixels);
        assert_eq!(Measures::of(&plain(0, 5, [0; 3]), 1), None);
        assert_eq!(Measures::of(&Picture { width: 2, height: 2, rgb: vec![0; 5] }, 1), None);
        assert!(Measures::of(&plain(1, 1, [1, 2, 3]), 1).is_some());
    }

    /// cleanvision's raw numbers of photos of the sample, made by tests/golden/review/vision.py.
    #[test]
    fn cleanvision_says_the_same() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(root.join("tests/golden/review/vision.json")).unwrap();
        let golden: Value = serde_json::from_str(&text).unwrap();
        let (mut worst, mut count) = ([0.0f64; 5], 0);
        for (name, raw) in golden["raw"].as_object().unwrap() {
            let picture = match name.split_once('/') {
                Some(("drawn", form)) => drawn(form),
                _ => decode::decode(&root.join(name), &Limits::default()).unwrap(),
            };
            let own = Measures::of(&picture, 1).unwrap();
            let number = |key: &str| raw[key].as_f64().unwrap();
            let scores = |x: f64, factor: f64| 1.0 - (-x * factor).exp();
            let differences = [
                own.brightness_perc_5 - number("brightness_perc_5"),
                own.brightness_perc_99 - number("brightness_perc_99"),
                scores(own.blurriness, 0.01) - scores(number("blurriness"), 0.01),
                scores(own.blurriness_grayscale_std, 0.01) - scores(number("blurriness_grayscale_std"), 0.01),
                0.1 * (own.entropy - number("entropy")),
            ];
            // Drawn pixels are the same in both; a JPEG's differ by what two decoders round.
            if name.starts_with("drawn/") {
                assert!(differences.iter().all(|d| d.abs() < 1e-9), "{name}: {differences:?}");
            }
            worst.iter_mut().zip(differences).for_each(|(worst, d)| *worst = worst.max(d.abs()));
            count += 1;
        }
        eprintln!("worst of {count}: {worst:?}");
        assert!(count >= 20 && worst.iter().all(|worst| *worst < 2e-3), "{worst:?}");
    }

    /// The picture that tests/golden/review/vision.py draws by the same whole numbers.
    fn drawn(form: &str) -> Picture {
        let (width, height) = form.split_once('x').unwrap();
        let (width, height): (u32, u32) = (width.parse().unwrap(), height.parse().unwrap());
        let at = |x: u32, y: u32| {
            [(x * x / 7 + 3 * y) % 256, (x * y / 5 + 31 * (x / 9)) % 256, (200 + 5 * x + y * y / 3) % 256]
                .map(|v| v as u8)
        };
        let rgb = (0..height).flat_map(|y| (0..width).flat_map(move |x| at(x, y))).collect();
        Picture { width, height, rgb }
    }
}
