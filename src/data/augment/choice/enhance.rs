//! Sharpness, solarize, autocontrast and equalize: what RandAugment's space has besides.
//!
//! Takes pixels; changes them in place, as Pillow's ImageEnhance and ImageOps do on 8 bits (truncation included), which is
//! what torchvision's RandAugment runs on pictures.

use crate::data::augment::colour::tone::{look_up, look_up_channels};
use crate::data::decode::Picture;

/// Away from the picture smoothed by a 3 × 3 window (5 in the middle, 1 around, of 13): factor 1 changes nothing, 0 is the smooth
/// picture, 2 twice as sharp. The outermost pixels stay.
pub fn sharpness(picture: &mut Picture, factor: f64) {
    let (stride, height) = (picture.width as usize * 3, picture.height as usize);
    if picture.width < 3 || height < 3 {
        return;
    }
    let source = picture.rgb.clone();
    let factor = factor as f32;
    for y in 1..height - 1 {
        let [above, here, below] = [y - 1, y, y + 1].map(|y| &source[y * stride..][..stride]);
        let out = &mut picture.rgb[y * stride..][..stride];
        for i in 3..stride - 3 {
            let column = |i: usize| u32::from(above[i]) + u32::from(here[i]) + u32::from(below[i]);
            let sum = column(i - 3) + column(i) + column(i + 3) + 4 * u32::from(here[i]);
            let smooth = ((sum * 2 + 13) / 26) as f32;
            out[i] = (smooth + factor * (f32::from(here[i]) - smooth)) as u8;
        }
    }
}

/// Levels from `threshold` on are turned into their opposites.
pub fn solarize(rgb: &mut [u8], threshold: f64) {
    look_up(rgb, &std::array::from_fn(|v| if (v as f64) < threshold { v as u8 } else { 255 - v as u8 }));
}

/// How often each level occurs in each channel.
fn histograms(rgb: &[u8]) -> [[u32; 256]; 3] {
    let mut counts = [[0; 256]; 3];
    for pixel in rgb.chunks_exact(3) {
        (0..3).for_each(|c| counts[c][usize::from(pixel[c])] += 1);
    }
    counts
}

/// Each channel stretched over 0 to 255.
pub fn autocontrast(rgb: &mut [u8]) {
    let tables = histograms(rgb).map(|counts| {
        let least = counts.iter().position(|&n| n > 0).unwrap_or(0);
        let most = counts.iter().rposition(|&n| n > 0).unwrap_or(0);
        let scale = if most > least { 255.0 / (most - least) as f64 } else { 1.0 };
        let shift = if most > least { -(least as f64) * scale } else { 0.0 };
        std::array::from_fn(|v| (v as f64 * scale + shift).clamp(0.0, 255.0) as u8)
    });
    look_up_channels(rgb, &tables);
}

/// Each channel with its levels about equally frequent.
pub fn equalize(rgb: &mut [u8]) {
    let tables = histograms(rgb).map(|counts| {
        let last = counts.iter().copied().rfind(|&n| n > 0).unwrap_or(0);
        let step = (counts.iter().sum::<u32>() - last) / 255;
        let mut below = step / 2;
        std::array::from_fn(|v| {
            below += counts[v];
            // A picture with fewer pixels than levels stays as it is.
            (below - counts[v]).checked_div(step).map_or(v as u8, |level| level.min(255) as u8)
        })
    });
    look_up_channels(rgb, &tables);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worked_numbers() {
        let mut rgb = vec![10, 60, 200, 30, 60, 100];
        autocontrast(&mut rgb);
        // One level only stays as it is.
        assert_eq!(rgb, [0, 60, 254, 255, 60, 0], "Pillow cuts 254.99 too");
        let mut rgb = vec![0, 127, 128, 255];
        solarize(&mut rgb, 128.0);
        assert_eq!(rgb, [0, 127, 127, 0]);
        let few: Vec<u8> = (0..30).collect();
        let mut same = few.clone();
        equalize(&mut same);
        assert_eq!(same, few);
        // 1,020 pixels of two levels: 510 / 255 = 2 a step, so the lower becomes 1 / 2 = 0 and the upper 511 / 2 = 255.
        let mut two: Vec<u8> = (0..1020).flat_map(|i| [if i < 510 { 90 } else { 91 }; 3]).collect();
        equalize(&mut two);
        assert_eq!((two[0], two[3059]), (0, 255));
    }

    #[test]
    fn sharpness_leaves_the_frame() {
        let mut point = Picture { width: 3, height: 3, rgb: vec![0; 27] };
        point.rgb[12..15].fill(130);
        let mut smooth = point.clone();
        sharpness(&mut smooth, 0.0);
        assert_eq!(smooth.rgb[12], 50, "130 · 5 / 13");
        let mut sharp = point.clone();
        sharpness(&mut sharp, 2.0);
        assert_eq!((sharp.rgb[12], sharp.rgb[0]), (210, 0));
    }
}
