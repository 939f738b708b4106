//! Where in a picture a network looks, and the box around it.
//!
//! Takes the last feature map; gives for each place its share in the picture's likeness to itself, and from that a box. The pooled
//! vector is a mean over places, so its product with itself falls apart into one summand a place (Zhu, Yang and Chen 2021,
//! arXiv 1909.12977); that holds for convolutions and for tokens alike. The box is SCDA's (Wei, Luo, Wu and Zhou 2017,
//! arXiv 1604.04994): places above the mean, of these the largest connected component.

use candle_core::{D, Tensor};

use crate::data::manifest::boxes::Region;
use crate::learn::ops::OpsError;

/// The whole picture.
const WHOLE: Region = Region { x_min: 0.0, y_min: 0.0, x_max: 1.0, y_max: 1.0 };

/// A feature map `[b, h, w, c]` → the share of each place, `[b, h, w]`.
pub(super) fn shares(map: &Tensor) -> Result<Tensor, OpsError> {
    let (b, h, w, c) = map.dims4()?;
    let places = map.reshape((b, h * w, c))?;
    let mean = places.mean_keepdim(1)?; // [b, 1, c]
    Ok(places.broadcast_mul(&mean)?.sum(D::Minus1)?.reshape((b, h, w))?)
}

/// The box around the largest connected component (with diagonals) of the places above the mean. `shares` is one picture's, by
/// rows of `width`. Where none is above the mean, or a number is not finite, the whole picture.
pub fn region(shares: &[f32], width: usize) -> Region {
    let height = shares.len().checked_div(width).unwrap_or(0);
    if height == 0 || shares.iter().any(|x| !x.is_finite()) {
        return WHOLE;
    }
    let mean = shares.iter().map(|&x| f64::from(x)).sum::<f64>() / shares.len() as f64;
    let mut open: Vec<bool> = shares.iter().map(|&x| f64::from(x) > mean).collect();
    let mut best: Option<(usize, [usize; 4])> = None;
    for first in 0..width * height {
        if !std::mem::replace(&mut open[first], false) {
            continue;
        }
        // [left, top, right, bottom], all inside.
        let (mut count, mut edges, mut reached) = (0, [width, height, 0, 0], vec![first]);
        while let Some(at) = reached.pop() {
            let (x, y) = (at % width, at / width);
            count += 1;
            edges = [edges[0].min(x), edges[1].min(y), edges[2].max(x), edges[3].max(y)];
            for near_y in y.saturating_sub(1)..=(y + 1).min(height - 1) {
                for near_x in x.saturating_sub(1)..=(x + 1).min(width - 1) {
                    if std::mem::replace(&mut open[near_y * width + near_x], false) {
                        reached.push(near_y * width + near_x);
                    }
                }
            }
        }
        // Of two equal ones the upper.
        if best.is_none_or(|(most, _)| count > most) {
            best = Some((count, edges));
        }
    }
    let Some((_, [left, top, right, bottom])) = best else { return WHOLE };
    let (across, down) = (width as f64, height as f64);
    Region {
        x_min: left as f64 / across,
        y_min: top as f64 / down,
        x_max: (right + 1) as f64 / across,
        y_max: (bottom + 1) as f64 / down,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_to_the_likeness_of_the_pooled_vector_with_itself() {
        let device = candle_core::Device::Cpu;
        let map = Tensor::arange(0f32, 24.0, &device).unwrap().reshape((1, 2, 3, 4)).unwrap();
        let shares: Vec<f32> = shares(&map).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        let pooled = [10.0f32, 11.0, 12.0, 13.0];
        assert_eq!(shares[0], 11.0 + 2.0 * 12.0 + 3.0 * 13.0);
        assert_eq!(shares.iter().sum::<f32>() / 6.0, pooled.iter().map(|x| x * x).sum::<f32>());
    }

    #[test]
    fn the_largest_component_above_the_mean_has_the_box() {
        #[rustfmt::skip]
        let map = [
            9.0, 0.0, 0.0, 0.0,
            0.0, 0.0, 5.0, 0.0,
            0.0, 0.0, 0.0, 6.0,
            0.0, 0.0, 0.0, 0.0,
            0.0, 0.0, 0.0, 0.0,
        ];
        let expected = Region { x_min: 0.5, y_min: 0.2, x_max: 1.0, y_max: 0.6 };
        assert_eq!(region(&map, 4), expected, "diagonal neighbours are one, though 9 is higher");
        assert_eq!(region(&[1.0; 12], 4), WHOLE, "nothing is above the mean");
        assert_eq!(region(&[f32::NAN, 1.0], 2), WHOLE);
        assert_eq!(region(&[], 0), WHOLE);
        assert_eq!(region(&[0.0, 1.0], 2), Region { x_min: 0.5, ..WHOLE });
    }
}
