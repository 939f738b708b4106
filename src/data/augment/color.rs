//! Brightness, contrast, saturation and hue, as albumentations computes them on 8 bits.
//!
//! Takes pixels and drawn factors; changes them in place. Grey is OpenCV's RGB2GRAY in 14-bit fixed
//! point, hue turns in OpenCV's 8-bit HSV (180 steps round the circle), whose coarse steps are part
//! of the numbers that people have trained with.

use super::settings::Range;
use crate::base::seed::Draws;

/// Draws factors and order for one picture and changes its pixels.
pub fn jitter(rgb: &mut [u8], factors: &[Range; 3], hue: Range, draws: &mut Draws) {
    let [b, c, s] = factors.map(|range| range.draw(draws));
    let turn = hue.draw(draws);
    let mut order = [0, 1, 2, 3];
    draws.shuffle(&mut order);
    for step in order {
        match step {
            0 => brightness(rgb, b),
            1 => contrast(rgb, c),
            2 => saturation(rgb, s),
            _ => shift_hue(rgb, turn),
        }
    }
}

/// OpenCV's RGB2GRAY on 8 bits.
fn grey(r: u8, g: u8, b: u8) -> u8 {
    ((u32::from(r) * 4899 + u32::from(g) * 9617 + u32::from(b) * 1868 + (1 << 13)) >> 14) as u8
}

fn through(rgb: &mut [u8], level: impl Fn(f32) -> f32) {
    let table: [u8; 256] = std::array::from_fn(|i| (level(i as f32) + 0.5) as u8);
    for value in rgb {
        *value = table[usize::from(*value)];
    }
}

/// Every channel times `factor`.
pub fn brightness(rgb: &mut [u8], factor: f64) {
    if factor != 1.0 {
        through(rgb, |v| v * factor as f32);
    }
}

/// The distance to the picture's mean grey times `factor`.
pub fn contrast(rgb: &mut [u8], factor: f64) {
    if factor == 1.0 || rgb.is_empty() {
        return;
    }
    let sum: u64 = rgb.chunks_exact(3).map(|p| u64::from(grey(p[0], p[1], p[2]))).sum();
    let mean = sum as f64 / (rgb.len() / 3) as f64;
    through(rgb, |v| v * factor as f32 + (mean * (1.0 - factor)) as f32);
}

/// The distance to the pixel's own grey times `factor`.
pub fn saturation(rgb: &mut [u8], factor: f64) {
    if factor == 1.0 {
        return;
    }
    let factor = factor as f32;
    for p in rgb.chunks_exact_mut(3) {
        let own = f32::from(grey(p[0], p[1], p[2])) * (1.0 - factor);
        for value in p {
            *value = (f32::from(*value) * factor + own + 0.5) as u8;
        }
    }
}

/// The colour circle turned by `turn` of its whole.
pub fn shift_hue(rgb: &mut [u8], turn: f64) {
    if turn == 0.0 {
        return;
    }
    let table: [u8; 180] = std::array::from_fn(|h| (h as f64 + 180.0 * turn).rem_euclid(180.0) as u8);
    for p in rgb.chunks_exact_mut(3) {
        let (h, s, v) = to_hsv(p[0], p[1], p[2]);
        if s > 0 {
            p.copy_from_slice(&from_hsv(table[usize::from(h)], s, v));
        }
    }
}

/// Hue in 0..180, saturation and value in 0..=255, rounded as OpenCV rounds them.
fn to_hsv(r: u8, g: u8, b: u8) -> (u8, u8, u8) {
    let v = r.max(g).max(b);
    let spread = f32::from(v) - f32::from(r.min(g).min(b));
    if spread == 0.0 {
        return (0, 0, v);
    }
    let (fr, fg, fb) = (f32::from(r), f32::from(g), f32::from(b));
    let sixth = if v == r {
        (fg - fb) / spread
    } else if v == g {
        (fb - fr) / spread + 2.0
    } else {
        (fr - fg) / spread + 4.0
    };
    let h = ((sixth * 30.0).round() as i32).rem_euclid(180);
    (h as u8, (255.0 * spread / f32::from(v)).round() as u8, v)
}

fn from_hsv(h: u8, s: u8, v: u8) -> [u8; 3] {
    let sixth = f32::from(h) / 30.0;
    let (sector, part) = (sixth as u8, sixth.fract());
    let (s, v) = (f32::from(s) / 255.0, f32::from(v));
    let [p, q, t] = [v * (1.0 - s), v * (1.0 - s * part), v * (1.0 - s * (1.0 - part))];
    let rgb = match sector {
        0 => [v, t, p],
        1 => [q, v, p],
        2 => [p, v, t],
        3 => [p, q, v],
        4 => [t, p, v],
        _ => [v, p, q],
    };
    rgb.map(|x| (x + 0.5) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(pixels: &[[u8; 3]], change: impl Fn(&mut [u8])) -> Vec<[u8; 3]> {
        let mut rgb: Vec<u8> = pixels.iter().flatten().copied().collect();
        change(&mut rgb);
        rgb.chunks(3).map(|p| [p[0], p[1], p[2]]).collect()
    }

    #[test]
    fn worked_numbers() {
        assert_eq!(changed(&[[100, 200, 10]], |p| brightness(p, 1.5)), [[150, 255, 15]]);
        // mean grey of 0 and 200 is 100: 0.5 → 50 and 150
        assert_eq!(changed(&[[0; 3], [200; 3]], |p| contrast(p, 0.5)), [[50; 3], [150; 3]]);
        // grey of pure red is 76
        assert_eq!(changed(&[[255, 0, 0]], |p| saturation(p, 0.0)), [[76; 3]]);
        // a third of the circle turns red to green
        assert_eq!(changed(&[[255, 0, 0]], |p| shift_hue(p, 1.0 / 3.0)), [[0, 255, 0]]);
        assert_eq!(changed(&[[255, 0, 0]], |p| shift_hue(p, -1.0 / 3.0)), [[0, 0, 255]]);
    }

    #[test]
    fn factors_of_one_and_no_turn_change_nothing() {
        let pixels = [[12, 34, 56], [200, 100, 0]];
        let same = changed(&pixels, |p| {
            brightness(p, 1.0);
            contrast(p, 1.0);
            saturation(p, 1.0);
            shift_hue(p, 0.0);
        });
        assert_eq!(same, pixels);
    }

    #[test]
    fn hsv_and_back_stays_within_its_coarse_steps() {
        for i in 0..4096u32 {
            let rgb = [(i >> 8) * 17, (i >> 4 & 15) * 17, (i & 15) * 17].map(|v| v as u8);
            let (h, s, v) = to_hsv(rgb[0], rgb[1], rgb[2]);
            let back = from_hsv(h, s, v);
            assert!(rgb.iter().zip(back).all(|(&a, b)| a.abs_diff(b) <= 5), "{rgb:?} {back:?}");
        }
    }
}
