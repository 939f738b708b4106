//! GaussianBlur: each pixel becomes the mean of its surroundings, near ones counting more.
//!
//! Takes a picture and a drawn sigma; gives it blurred by two passes, along rows and along columns, in fixed point:
//! weights of 15 bits that sum to 1, eight fractional bits between the passes. Draws and size of the window are
//! albumentations' 2.0.8; outside of the picture it is mirrored, as in cv2.sepFilter2D.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;

use crate::base::seed::Draws;
use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::data::augment::operation::{Built, Operation, Row, Settings};
use crate::data::augment::settings::{Border, LAST_EPOCHS_OFF, Numbers, P_HALF, Range, from_to, number_or_range};
use crate::data::decode::Picture;

/// The row of GaussianBlur.
pub const GAUSSIAN_BLUR: Row = Row::of::<GaussianBlur>(Technique {
    name: "GaussianBlur",
    slot: "augment",
    about: "Blur as a lens out of focus does.",
    details: "Each pixel becomes a weighted mean of its window, the weight at distance d being exp(-d² / 2σ²), σ uniform in \
        sigma_limit (a number v means [0, v]). The window is blur_limit pixels wide, made odd; at 0, the default, it is as \
        wide as σ needs: 2 · floor(3.5 σ) + 1.\n\n\
        It teaches the network to know things without fine texture, as phones and old catalogues show them. HappyWhale \
        1st place: blur_limit [3, 7], p = 0.05; trademark 2nd place: sigma_limit [0.1, 2.0], p = 0.5.\n\n\
        Sigma is in pixels of the picture as it is at this place of the list: after a Resize to 128 pixels a σ of 3 \
        leaves little, before it little is seen. Where labels differ by small print keep it weak. Cost: two passes of a \
        window's width.",
    params: &[
        Param::new(
            "blur_limit",
            Kind::Either(&[WINDOW, Kind::List { of: &WINDOW, min: 2, max: 2 }]),
            Default::Is(Literal::Int(0)),
            "Width of the window; 0: from sigma.",
        )
        .unit("pixels"),
        Param::new("sigma_limit", number_or_range!(0.0, 50.0), from_to!(0.5, 3.0), "Standard deviation.")
            .unit("pixels"),
        P_HALF,
        LAST_EPOCHS_OFF,
    ],
    source: "albumentations 2.0.8 GaussianBlur; knshnb/kaggle-happywhale-1st-place; anyai-28/nishika_jpo_2nd_solution",
    status: Status::Built,
});

const WINDOW: Kind = Kind::OverEpochs(&Kind::Int { min: 0, max: 255 });

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GaussianBlur {
    blur_limit: Numbers,
    sigma_limit: Numbers,
}

impl GaussianBlur {
    fn ranges(&self) -> [Range; 2] {
        [self.sigma_limit.from(0.0), self.blur_limit.from(0.0)]
    }

    /// Sigma and the width of the window, odd.
    fn draw(&self, draws: &mut Draws) -> (f64, usize) {
        let [sigma, window] = self.ranges();
        let sigma = sigma.draw(draws);
        let window = match window.draw_whole(draws) {
            0 => (sigma * 3.5) as usize * 2 + 1,
            n => n as usize,
        };
        (sigma, window | 1)
    }
}

impl Settings for GaussianBlur {
    fn operation(self, _: &str) -> Built {
        self.sigma_limit.from(0.0).ordered("sigma_limit")?;
        self.blur_limit.from(0.0).ordered("blur_limit")?;
        Ok(Arc::new(self))
    }
}

impl Operation for GaussianBlur {
    fn is_random(&self) -> bool {
        self.ranges().iter().any(|range| !range.is_fixed())
    }

    fn run<'a>(&self, picture: Cow<'a, Picture>, draws: &mut Draws) -> Cow<'a, Picture> {
        let (sigma, window) = self.draw(draws);
        // Below that the neighbours' weight is less than a grey level.
        if window == 1 || sigma < 0.1 {
            return picture;
        }
        Cow::Owned(blur(&picture, &weights(sigma, window)))
    }
}

/// The centre's weight and those of the neighbours at distance 1, 2, …: together 2¹⁵.
fn weights(sigma: f64, window: usize) -> Vec<u32> {
    let height = |d: usize| (-0.5 * (d as f64 / sigma).powi(2)).exp();
    let sum: f64 = height(0) + 2.0 * (1..=window / 2).map(height).sum::<f64>();
    let mut weights: Vec<u32> = (0..=window / 2).map(|d| (height(d) / sum * 32_768.0).round() as u32).collect();
    let sides: u32 = weights[1..].iter().sum();
    weights[0] = 32_768_u32.saturating_sub(2 * sides);
    weights
}

/// A row with `margin` mirrored pixels at both ends, into `out`. Rows are at least one pixel wide.
pub fn with_margin(row: &[u8], margin: usize, out: &mut [u8]) {
    let width = row.len() / 3;
    out[margin * 3..margin * 3 + row.len()].copy_from_slice(row);
    let ends = (0..margin).chain(margin + width..width + 2 * margin);
    for place in ends {
        let from = mirrored(place as i64 - margin as i64, width) * 3;
        out[place * 3..place * 3 + 3].copy_from_slice(&row[from..from + 3]);
    }
}

/// The pixel of `0..n` that stands for `i`, mirrored without doubling the edge.
pub fn mirrored(i: i64, n: usize) -> usize {
    Border::Reflect101.source(i, n as i64).unwrap_or(0) as usize
}

fn blur(picture: &Picture, weights: &[u32]) -> Picture {
    let (stride, height) = (picture.width as usize * 3, picture.height as usize);
    let radius = weights.len() - 1;
    let mut padded = vec![0u8; stride + radius * 6];
    let mut sums = vec![0u32; stride];
    let mut across = vec![0u16; stride * height]; // eight fractional bits
    for (row, out) in picture.rgb.chunks_exact(stride).zip(across.chunks_exact_mut(stride)) {
        with_margin(row, radius, &mut padded);
        sums.fill(64);
        add(&mut sums, weights[0], &padded[radius * 3..], &[]);
        for (d, &weight) in weights.iter().enumerate().skip(1) {
            add(&mut sums, weight, &padded[(radius - d) * 3..], &padded[(radius + d) * 3..]);
        }
        out.iter_mut().zip(&sums).for_each(|(out, sum)| *out = (sum >> 7) as u16);
    }
    let line = |y: i64| &across[mirrored(y, height) * stride..][..stride];
    let mut rgb = vec![0u8; stride * height];
    for (y, out) in rgb.chunks_exact_mut(stride).enumerate() {
        let y = y as i64;
        sums.fill(1 << 22);
        add(&mut sums, weights[0], line(y), &[]);
        for (d, &weight) in weights.iter().enumerate().skip(1) {
            add(&mut sums, weight, line(y - d as i64), line(y + d as i64));
        }
        out.iter_mut().zip(&sums).for_each(|(out, sum)| *out = (sum >> 23) as u8);
    }
    Picture { width: picture.width, height: picture.height, rgb }
}

/// `sums += weight · (a + b)`; an empty `b` counts nothing.
fn add<T: Copy + Into<u32>>(sums: &mut [u32], weight: u32, a: &[T], b: &[T]) {
    if b.is_empty() {
        sums.iter_mut().zip(a).for_each(|(sum, &a)| *sum += weight * a.into());
    } else {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (&a, &b))| *sum += weight * (a.into() + b.into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::augment::golden::distribution;

    #[test]
    fn a_flat_picture_stays_and_a_point_spreads() {
        for level in [0, 1, 128, 255] {
            let flat = Picture { width: 9, height: 4, rgb: vec![level; 108] };
            assert_eq!(blur(&flat, &weights(2.0, 15)), flat);
        }
        let mut point = Picture { width: 5, height: 5, rgb: vec![0; 75] };
        point.rgb[36..39].fill(255);
        let out = blur(&point, &weights(1.0, 3));
        // exp(-1/2) = 0.6065: weights 0.4519 and 0.2741; 255 · 0.4519² = 52.1, 255 · 0.4519 · 0.2741 = 31.6.
        assert_eq!([out.rgb[36], out.rgb[33], out.rgb[21], out.rgb[18]], [52, 32, 32, 19]);
    }

    #[test]
    fn windows_are_drawn_as_albumentations_draws_them() {
        let stats = |op: &GaussianBlur, draws: &mut Draws| {
            let (sigma, window) = op.draw(draws);
            vec![window as f64, sigma]
        };
        let op = GaussianBlur { blur_limit: Numbers::One(0.0), sigma_limit: Numbers::Range([0.5, 3.0].into()) };
        distribution("GaussianBlur", &["window", "sigma"], |draws| stats(&op, draws));
        let op = GaussianBlur {
            blur_limit: Numbers::Range([3.0, 7.0].into()),
            sigma_limit: Numbers::Range([0.1, 2.0].into()),
        };
        distribution("GaussianBlur of a window", &["window", "sigma"], |draws| stats(&op, draws));
    }
}
