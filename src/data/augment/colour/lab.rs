//! OpenCV's 8-bit CIE Lab: lightness apart from colour.
//!
//! Takes RGB bytes; gives L · 255 / 100, a + 128, b + 128 as bytes, and back. White is D65, and RGB is sRGB. The way there is
//! in whole numbers and two tables (linear light, cube roots), as cv2.cvtColor's is: 3 + 3 look-ups a
//! pixel. The way back is three products and a table of gamma.

use std::sync::LazyLock;

/// Linear light of a byte, times 255 · 8.
const LIGHT: f64 = 2040.0;

/// sRGB → XYZ over D65 white, each row's sum being 1, in 12-bit fixed point.
const TO_XYZ: [[u32; 3]; 3] = [[1777, 1541, 778], [871, 2929, 296], [73, 448, 3575]];

/// XYZ over D65 white → linear sRGB.
const FROM_XYZ: [[f32; 3]; 3] =
    [[3.079_933, -1.537_15, -0.542_782], [-0.921_235, 1.875_991, 0.045_244], [0.052_890_9, -0.204_043, 1.151_152]];

struct Tables {
    light: [u16; 256],
    /// f(t) of CIE Lab, times 2¹⁵.
    root: Vec<u16>,
    /// sRGB bytes of linear light in steps of 1 / 4095.
    gamma: Vec<u8>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let linear = |v: f64| if v <= 0.040_45 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) };
    let root = |t: f64| if t < 216.0 / 24_389.0 { (841.0 / 108.0) * t + 16.0 / 116.0 } else { t.cbrt() };
    let gamma = |v: f64| if v <= 0.003_130_8 { v * 12.92 } else { 1.055 * v.powf(1.0 / 2.4) - 0.055 };
    Tables {
        light: std::array::from_fn(|v| (linear(v as f64 / 255.0) * LIGHT).round() as u16),
        root: (0..=2048).map(|i| (root(f64::from(i) / LIGHT) * 32_768.0).round().min(65_535.0) as u16).collect(),
        gamma: (0..4096).map(|i| (gamma(f64::from(i) / 4095.0) * 255.0).round() as u8).collect(),
    }
});

/// f(X), f(Y), f(Z) of a pixel, times 2¹⁵.
fn roots(t: &Tables, rgb: [u8; 3]) -> [i32; 3] {
    let light = rgb.map(|v| u32::from(t.light[usize::from(v)]));
    TO_XYZ.map(|row| {
        let sum: u32 = row.iter().zip(light).map(|(&factor, light)| factor * light).sum();
        i32::from(t.root[((sum + 2048) >> 12) as usize])
    })
}

/// L of a pixel, as OpenCV scales it: 255 is white.
pub fn lightness(rgb: [u8; 3]) -> u8 {
    level(roots(&TABLES, rgb)[1])
}

fn level(y: i32) -> u8 {
    // L = 116 f(Y) - 16, of 100; times 255 / 100 the factor is 295.8, which OpenCV rounds to 296. CLAHE's curves are steep
    // enough for a step of L to show.
    let shift = (16 * 255 * (1 << 15) + 50) / 100;
    ((296 * y - shift + (1 << 14)) >> 15).clamp(0, 255) as u8
}

/// L, a and b of a pixel.
pub fn to_lab(rgb: [u8; 3]) -> [u8; 3] {
    let [x, y, z] = roots(&TABLES, rgb);
    let around = |v: i32| (((v + (128 << 15)) + (1 << 14)) >> 15).clamp(0, 255) as u8;
    [level(y), around(500 * (x - y)), around(200 * (y - z))]
}

/// The pixel of L, a and b.
pub fn from_lab([l, a, b]: [u8; 3]) -> [u8; 3] {
    let y = (f32::from(l) * (100.0 / 255.0) + 16.0) / 116.0;
    let x = y + (f32::from(a) - 128.0) / 500.0;
    let z = y - (f32::from(b) - 128.0) / 200.0;
    let cube = |f: f32| if f <= 6.0 / 29.0 { (f - 16.0 / 116.0) * (108.0 / 841.0) } else { f * f * f };
    let xyz = [cube(x), cube(y), cube(z)];
    let gamma = &TABLES.gamma;
    FROM_XYZ.map(|row| {
        let light = row[0] * xyz[0] + row[1] * xyz[1] + row[2] * xyz[2];
        gamma[((light * 4095.0 + 0.5) as usize).min(4095)]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_opencv_converts() {
        // cv2.cvtColor(…, COLOR_RGB2LAB)
        for (rgb, lab) in [
            ([0, 0, 0], [0, 128, 128]),
            ([255, 255, 255], [255, 128, 128]),
            ([255, 0, 0], [136, 208, 195]),
            ([0, 255, 0], [224, 42, 211]),
            ([0, 0, 255], [82, 207, 20]),
            ([100, 150, 200], [154, 125, 97]),
            ([0, 17, 255], [85, 205, 22]),
            ([30, 200, 90], [181, 64, 171]),
        ] {
            let ours = to_lab(rgb);
            assert!(ours.iter().zip(lab).all(|(a, b)| a.abs_diff(b) <= 1), "{rgb:?}: {ours:?}, wanted {lab:?}");
            assert_eq!(lightness(rgb), ours[0]);
        }
    }

    #[test]
    fn there_and_back_within_the_steps_of_lab() {
        for i in 0..4096u32 {
            let rgb = [(i >> 8) * 17, (i >> 4 & 15) * 17, (i & 15) * 17].map(|v| v as u8);
            let back = from_lab(to_lab(rgb));
            // Beside pure blue a step of Lab is many of red: OpenCV's own way back gives [21, 15, 255] for [0, 17, 255].
            assert!(rgb.iter().zip(back).all(|(&a, b)| a.abs_diff(b) <= 21), "{rgb:?} {back:?}");
        }
    }
}
