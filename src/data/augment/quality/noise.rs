//! GaussNoise: the grain of a sensor.
//!
//! Takes a picture and drawn mean and standard deviation; adds a normal number to each value, cut off towards minus
//! infinity as albumentations' 2.0.8 does on `uint8`. Normal numbers are looked up among 4,096 equally likely ones: five from
//! one draw of 64 bits, no logarithm a pixel. The table's variance is exactly 1; what it lacks are numbers beyond 3.7.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use serde::Deserialize;

use crate::base::seed::Draws;
use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::data::augment::operation::{Built, Operation, Row, Settings};
use crate::data::augment::settings::{LAST_EPOCHS_OFF, P_HALF, Range, from_to, range};
use crate::data::decode::Picture;

/// The row of GaussNoise.
pub const GAUSS_NOISE: Row = Row::of::<GaussNoise>(Technique {
    name: "GaussNoise",
    slot: "augment",
    about: "Add normally distributed noise.",
    details: "value ← value + N(m, s), with m = 255 · u and s = 255 · v, drawn once a picture from mean_range and std_range. With \
        per_channel each of red, green and blue has its own noise (colourful grain), without it a pixel's three share one. \
        noise_scale_factor below 1 makes the noise at that share of the size and enlarges it: coarser grain.\n\n\
        Networks hold on to tiny details that a camera does not repeat; noise takes these away. HappyWhale 1st place: p = 0.05. \
        The default of 0.2 to 0.44 is strong (50 to 110 grey levels): [0.02, 0.1] looks like a phone at night.\n\n\
        It fails after a Resize to few pixels, where each value carries much, and it makes pictures costly to compress \
        and to tell apart. Cost: one table look-up a value.",
    params: &[
        Param::new("std_range", range!(float 0.0, 1.0), from_to!(0.2, 0.44), "Standard deviation, of 255."),
        Param::new("mean_range", range!(float - 1.0, 1.0), from_to!(0.0, 0.0), "Mean, of 255."),
        Param::new("per_channel", Kind::Bool, Default::Is(Literal::Bool(true)), "Noise of its own for each channel."),
        Param::new(
            "noise_scale_factor",
            Kind::OverEpochs(&Kind::Float { min: 0.01, max: 1.0 }),
            Default::Is(Literal::Float(1.0)),
            "Size of the noise before it is enlarged to the picture's.",
        ),
        P_HALF,
        LAST_EPOCHS_OFF,
    ],
    source: "albumentations 2.0.8 GaussNoise; knshnb/kaggle-happywhale-1st-place",
    status: Status::Built,
});

const COUNT: usize = 4096;

/// The middles of 4,096 equally likely parts of the normal distribution, in order, scaled to variance 1.
static NORMAL: LazyLock<Vec<f32>> = LazyLock::new(|| {
    // The distribution by the midpoint rule, read off at (i + 1/2) / 4096.
    let (step, from) = (1e-4, -6.0);
    let mut parts = Vec::with_capacity(COUNT);
    let mut below = 0.0;
    for i in 0..120_000 {
        let x = from + (f64::from(i) + 0.5) * step;
        let share = (-0.5 * x * x).exp() * step / std::f64::consts::TAU.sqrt();
        while parts.len() < COUNT && below + share >= (parts.len() as f64 + 0.5) / COUNT as f64 {
            let rest = (parts.len() as f64 + 0.5) / COUNT as f64 - below;
            parts.push(x + (rest / share - 0.5) * step);
        }
        below += share;
    }
    let variance = parts.iter().map(|x| x * x).sum::<f64>() / COUNT as f64;
    parts.iter().map(|x| (x / variance.sqrt()) as f32).collect()
});

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GaussNoise {
    std_range: Range,
    mean_range: Range,
    per_channel: bool,
    noise_scale_factor: f64,
}

impl GaussNoise {
    /// Standard deviation and mean in grey levels.
    fn draw(&self, draws: &mut Draws) -> (f64, f64) {
        (255.0 * self.std_range.draw(draws), 255.0 * self.mean_range.draw(draws))
    }
}

impl Settings for GaussNoise {
    fn operation(self, _: &str) -> Built {
        self.std_range.ordered("std_range")?;
        self.mean_range.ordered("mean_range")?;
        Ok(Arc::new(self))
    }
}

impl Operation for GaussNoise {
    fn is_random(&self) -> bool {
        self.std_range.high > 0.0 || !self.mean_range.is_fixed()
    }

    fn run<'a>(&self, picture: Cow<'a, Picture>, draws: &mut Draws) -> Cow<'a, Picture> {
        let (std, mean) = self.draw(draws);
        let mut changed = picture.into_owned();
        if self.noise_scale_factor < 1.0 {
            self.coarse(&mut changed, std as f32, mean as f32, draws);
            return Cow::Owned(changed);
        }
        let levels: Vec<i16> = NORMAL.iter().map(|&x| (mean + std * f64::from(x)).floor() as i16).collect();
        let add = |value: &mut u8, at: u64| {
            let noise = levels.get((at % COUNT as u64) as usize).copied().unwrap_or(0);
            *value = (i16::from(*value) + noise).clamp(0, 255) as u8;
        };
        // Five places of twelve bits in one draw.
        let each = if self.per_channel { 1 } else { 3 };
        for chunk in changed.rgb.chunks_mut(5 * each) {
            let bits = draws.bits();
            for (k, values) in chunk.chunks_mut(each).enumerate() {
                values.iter_mut().for_each(|value| add(value, bits >> (12 * k)));
            }
        }
        Cow::Owned(changed)
    }
}

impl GaussNoise {
    /// Noise of a smaller size, enlarged bilinearly.
    fn coarse(&self, picture: &mut Picture, std: f32, mean: f32, draws: &mut Draws) {
        let (width, height) = (picture.width as usize, picture.height as usize);
        let side = |n: usize| ((n as f64 * self.noise_scale_factor) as usize).max(1);
        let (small_w, small_h) = (side(width), side(height));
        let channels = if self.per_channel { 3 } else { 1 };
        let noise: Vec<f32> = (0..small_w * small_h * channels)
            .map(|_| NORMAL.get((draws.bits() % COUNT as u64) as usize).map_or(mean, |x| mean + std * x))
            .collect();
        // Where a pixel lies among the noise, and how far it is to the next.
        let between = |i: usize, small: usize, large: usize| {
            let at = ((i as f32 + 0.5) * small as f32 / large as f32 - 0.5).clamp(0.0, (small - 1) as f32);
            (at as usize, (at as usize + 1).min(small - 1), at.fract())
        };
        let columns: Vec<(usize, usize, f32)> = (0..width).map(|x| between(x, small_w, width)).collect();
        for (y, row) in picture.rgb.chunks_exact_mut(width.max(1) * 3).enumerate() {
            let (above, below, v) = between(y, small_h, height);
            for (pixel, &(left, right, u)) in row.chunks_exact_mut(3).zip(&columns) {
                for (c, value) in pixel.iter_mut().enumerate() {
                    let at = |row: usize, column: usize| noise[(row * small_w + column) * channels + c % channels];
                    let mix = |row: usize| at(row, left) * (1.0 - u) + at(row, right) * u;
                    *value = (f32::from(*value) + mix(above) * (1.0 - v) + mix(below) * v) as u8;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::augment::golden::distribution;

    #[test]
    fn the_table_is_normal() {
        let table = &*NORMAL;
        assert_eq!(table.len(), COUNT);
        // Quantiles of the normal distribution: 84.13 % at 1, 97.72 % at 2.
        let below = |x: f32| table.iter().filter(|&&v| v < x).count() as f64 / COUNT as f64;
        assert!((below(1.0) - 0.8413).abs() < 1e-3 && (below(-2.0) - 0.0228).abs() < 1e-3, "{}", below(1.0));
        assert!(table[0] < -3.6 && table[COUNT - 1] > 3.6 && (table[0] + table[COUNT - 1]).abs() < 1e-3);
    }

    #[test]
    fn noise_is_as_albumentations_makes_it() {
        for (name, per_channel, noise_scale_factor) in
            [("GaussNoise", true, 1.0), ("GaussNoise shared", false, 1.0), ("GaussNoise coarse", true, 0.5)]
        {
            let (std_range, mean_range) = ([0.05, 0.15].into(), [-0.1, 0.1].into());
            let op = GaussNoise { std_range, mean_range, per_channel, noise_scale_factor };
            // Of a grey picture of 16 × 16: mean and spread of what was added, and how far channels differ.
            distribution(name, &["mean", "std", "channels"], |draws| {
                let flat = Picture { width: 16, height: 16, rgb: vec![128; 768] };
                let out = op.run(Cow::Owned(flat), draws);
                let added: Vec<f64> = out.rgb.iter().map(|&v| f64::from(v) - 128.0).collect();
                let mean = added.iter().sum::<f64>() / 768.0;
                let std = (added.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 768.0).sqrt();
                let apart = added.chunks(3).map(|p| (p[0] - p[1]).abs()).sum::<f64>() / 256.0;
                vec![mean, std, apart]
            });
        }
    }
}
