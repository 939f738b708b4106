//! What each place of the last feature map brings to an embedding.
//!
//! Takes the map and the embedding; gives for each place a vector, so that all of them add up to the embedding: then the cosine of two photos is a sum
//! over pairs of places, and each place's share in it can be shown (Stylianou, Souvenir and Pless, "Visualizing Deep Similarity Networks",
//! WACV 2019, for means and maxima; a generalised mean falls apart in the same way, since it is of degree one). What stands behind the pooling is
//! applied to each part where it is affine. Whether it is, is not argued but computed: parts that do not add up to the embedding are not given.

use candle_core::{Device, Tensor};

use crate::learn::ops::OpsError;

/// The least value of a generalised mean, as the operation has it.
const LEAST: f32 = 1e-6;

/// Parts add up where no number is off by more than this share of the embedding's length.
const WITHIN: f64 = 1e-3;

/// What a network saw of a batch.
pub(super) struct Seen<'a> {
    /// `[b, places, channels]`.
    pub map: &'a [f32],
    /// Places of a picture.
    pub places: usize,
    /// Channels of the map.
    pub channels: usize,
    /// `[b, d]`.
    pub embeddings: &'a [f32],
}

/// What each place brings to the embedding, `[b, places, d]`, from what it brings to the pooled vector and the layers behind it, `[rows, channels]` →
/// `[rows, d]`. `None` where these are no affine function of what was pooled.
pub(super) fn exact(
    seen: &Seen<'_>,
    b: usize,
    pooled: Option<Vec<f32>>,
    neck: impl FnOnce(&Tensor) -> Result<Tensor, OpsError>,
) -> Result<Option<Vec<f32>>, OpsError> {
    let Some(mut rows) = pooled.filter(|_| !seen.map.is_empty()) else { return Ok(None) };
    // Behind all rows one of zeros: what the layers give of nothing is divided evenly among the places.
    rows.resize(rows.len() + seen.channels, 0.0);
    let count = b * seen.places + 1;
    let made = neck(&Tensor::from_vec(rows, (count, seen.channels), &Device::Cpu)?)?;
    let dim = made.dim(1)?;
    let mut parts: Vec<f32> = made.flatten_all()?.to_vec1()?;
    let nothing = parts.split_off((count - 1) * dim);
    let left = 1.0 - 1.0 / seen.places as f32;
    for part in parts.chunks_exact_mut(dim.max(1)) {
        part.iter_mut().zip(&nothing).for_each(|(x, shift)| *x -= left * shift);
    }
    let adds_up = parts.chunks_exact((seen.places * dim).max(1)).zip(seen.embeddings.chunks_exact(dim.max(1))).all(
        |(parts, embedding)| {
            let length = embedding.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
            (0..dim).all(|d| {
                let sum: f64 = parts.iter().skip(d).step_by(dim).map(|x| f64::from(*x)).sum();
                (sum - f64::from(embedding[d])).abs() <= WITHIN * length.max(1e-12)
            })
        },
    );
    Ok((adds_up && seen.embeddings.len() == b * dim).then_some(parts))
}

/// Of a mean: each place by the number of places.
pub(super) fn mean(map: &[f32], places: usize) -> Vec<f32> {
    map.iter().map(|x| x / places.max(1) as f32).collect()
}

/// Of a maximum: of each channel the first of the greatest.
pub(super) fn first_greatest(map: &[f32], places: usize, channels: usize) -> Vec<f32> {
    let mut parts = vec![0.0; map.len()];
    let pictures = map.chunks_exact((places * channels).max(1)).zip(parts.chunks_exact_mut((places * channels).max(1)));
    for (map, parts) in pictures {
        for channel in 0..channels {
            let at =
                (channel..map.len()).step_by(channels).reduce(|best, at| if map[at] > map[best] { at } else { best });
            if let Some(at) = at {
                parts[at] = map[at];
            }
        }
    }
    parts
}

/// Of a generalised mean `m = mean(x^p)^(1/p)`: `x^p / (places · m^(p - 1))`.
pub(super) fn powers(map: &[f32], places: usize, channels: usize, p: f32) -> Vec<f32> {
    let p = f64::from(p);
    let mut parts = Vec::with_capacity(map.len());
    for map in map.chunks_exact((places * channels).max(1)) {
        let raised: Vec<f64> = map.iter().map(|x| f64::from(x.max(LEAST)).powf(p)).collect();
        let mut scale = vec![0.0; channels];
        for row in raised.chunks_exact(channels) {
            scale.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
        }
        for sum in &mut scale {
            let mean = (*sum / places as f64).powf(1.0 / p);
            *sum = 1.0 / (places as f64 * mean.powf(p - 1.0));
        }
        parts.extend(raised.iter().zip(scale.iter().cycle()).map(|(x, scale)| (x * scale) as f32));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;
    use crate::learn::backbone::{Neck, Pool, Settings, build};
    use crate::learn::ops::Tape;

    #[test]
    fn worked_by_hand() {
        // Two places, two channels: 1 and 3, 4 and 2.
        let map = [1.0, 4.0, 3.0, 2.0];
        assert_eq!(mean(&map, 2), [0.5, 2.0, 1.5, 1.0]);
        assert_eq!(first_greatest(&map, 2, 2), [0.0, 4.0, 3.0, 0.0]);
        assert_eq!(first_greatest(&[5.0, 5.0, 5.0], 3, 1), [5.0, 0.0, 0.0], "of equal ones the first");
        // (1 + 9) / 2 = 5, and its root: 1 and 9 by twice the root.
        let root = 5f32.sqrt();
        let found = powers(&[1.0, 3.0], 2, 1, 2.0);
        assert!((found[0] - 0.5 / root).abs() < 1e-6 && (found[1] - 4.5 / root).abs() < 1e-6, "{found:?}");
        assert!((found.iter().sum::<f32>() - root).abs() < 1e-6);
    }

    /// Parts add up to the embedding for every pooling of the last map and every affine neck, and are not given elsewhere.
    #[test]
    fn parts_add_up_where_what_follows_is_affine() {
        let gem = |learn| Pool::Gem { p: 3.0, learn };
        let with = |pool, neck| Settings { neck, ..Settings::new("resnet18", pool, 24) };
        let cases = [
            (with(Pool::Avg {}, Neck::Linear), true),
            (with(Pool::Max {}, Neck::LinearBn), true),
            (with(gem(false), Neck::Linear), true),
            (with(gem(true), Neck::Bn), true),
            (with(gem(false), Neck::None), true),
            (with(Pool::Avg {}, Neck::LinearBnPrelu), false),
            (Settings::new("vit_tiny_patch16_224", Pool::Token {}, 24), false),
        ];
        for (settings, exact) in cases {
            let (network, params) = build(&settings, Seed::new(3)).unwrap();
            let side = if settings.name.starts_with("vit") { 224 } else { 96 };
            let mut draws = Seed::new(5).draws();
            let numbers: Vec<f32> = (0..2 * 3 * side * side).map(|_| draws.normal() as f32).collect();
            let x = Tensor::from_vec(numbers, (2, 3, side, side), &Device::Cpu).unwrap();
            let found = network.places(&params, &mut Tape::eval(), &x).unwrap();
            let whole = network.forward(&params, &mut Tape::eval(), &x).unwrap().tensor();
            let whole: Vec<f32> = whole.flatten_all().unwrap().to_vec1().unwrap();
            assert_eq!((found.is_exact, found.embeddings), (exact, whole.clone()), "{settings:?}");
            let places = found.map[0] * found.map[1];
            assert_eq!(found.parts.len(), 2 * places * found.width);
            if exact {
                let length = whole.iter().map(|x| x * x).sum::<f32>().sqrt();
                for (parts, whole) in found.parts.chunks(places * found.dim).zip(whole.chunks(found.dim)) {
                    for (d, whole) in whole.iter().enumerate() {
                        let sum: f32 = parts.iter().skip(d).step_by(found.dim).sum();
                        assert!((sum - whole).abs() < 1e-3 * length, "{settings:?}: {sum} and {whole}");
                    }
                }
            }
        }
    }
}
