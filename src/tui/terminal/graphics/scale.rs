//! A picture at the size of its cells in pixels.
//!
//! Takes a picture of 8 bits a channel; gives rows of another size by linear interpolation, widened to the area that a
//! pixel covers where the picture shrinks (a triangle filter). Only the rows that are seen are made.

use std::ops::Range;

use toji::session::snapshot::Picture;

/// Where the pixels of one result come from: the first one, and the weight of each.
struct Reach {
    first: usize,
    weights: Vec<f32>,
}

/// The reaches of `to` pixels over `from` pixels, for some of them.
fn reaches(from: usize, to: usize, wanted: Range<usize>) -> Vec<Reach> {
    let ratio = from as f32 / to as f32;
    let radius = ratio.max(1.0);
    wanted
        .map(|i| {
            let centre = (i as f32 + 0.5) * ratio;
            let first = (centre - radius).max(0.0) as usize;
            let last = ((centre + radius).ceil() as usize).min(from);
            let weight = |j: usize| (1.0 - ((j as f32 + 0.5 - centre) / radius).abs()).max(0.0);
            let sum: f32 = (first..last).map(weight).sum();
            Reach { first, weights: (first..last).map(|j| weight(j) / sum).collect() }
        })
        .collect()
}

/// Rows `rows` of the picture at `width` × `height` pixels, three bytes a pixel; empty for a picture whose bytes do not fit its size.
pub fn scaled(picture: &Picture, (width, height): (usize, usize), rows: Range<usize>) -> Vec<u8> {
    let (from_width, from_height) = (picture.width as usize, picture.height as usize);
    if picture.rgb.is_empty() || picture.rgb.len() != from_width * from_height * 3 {
        return Vec::new();
    }
    let (across, down) = (reaches(from_width, width, 0..width), reaches(from_height, height, rows));
    let top = down.first().map_or(0, |reach| reach.first);
    let bottom = down.last().map_or(0, |reach| reach.first + reach.weights.len());
    // Across first: the rows of the picture that are needed, at the new width.
    let mut narrow = Vec::with_capacity((bottom - top) * width * 3);
    for row in picture.rgb[top * from_width * 3..bottom * from_width * 3].chunks_exact(from_width * 3) {
        for reach in &across {
            let mut sum = [0.0_f32; 3];
            for (weight, pixel) in reach.weights.iter().zip(row[reach.first * 3..].chunks_exact(3)) {
                for (sum, value) in sum.iter_mut().zip(pixel) {
                    *sum += weight * f32::from(*value);
                }
            }
            narrow.extend(sum);
        }
    }
    let mut out = Vec::with_capacity(down.len() * width * 3);
    let mut sums = vec![0.0_f32; width * 3];
    for reach in &down {
        sums.fill(0.0);
        for (weight, row) in reach.weights.iter().zip(narrow[(reach.first - top) * width * 3..].chunks_exact(width * 3))
        {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += weight * value;
            }
        }
        // `as` keeps to 0 to 255.
        out.extend(sums.iter().map(|sum| (sum + 0.5) as u8));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(width: u32, values: &[u8]) -> Picture {
        let rgb: Vec<u8> = values.iter().flat_map(|v| [*v; 3]).collect();
        Picture { width, height: values.len() as u32 / width, rgb: rgb.into() }
    }

    fn greys(rgb: &[u8]) -> Vec<u8> {
        rgb.chunks(3).map(|p| p[0]).collect()
    }

    /// By hand. To half: the triangle reaches two pixels, so the weights at the left edge are 3, 3, 1 and
    /// (0·3 + 100·3 + 200) / 7 = 71.4. To double: quarters of the way between neighbours.
    #[test]
    fn weights_are_a_triangle() {
        let picture = grey(4, &[0, 100, 200, 40]);
        assert_eq!(greys(&scaled(&picture, (4, 1), 0..1)), [0, 100, 200, 40]);
        assert_eq!(greys(&scaled(&picture, (8, 1), 0..1)), [0, 25, 75, 125, 175, 160, 80, 40]);
        assert_eq!(greys(&scaled(&picture, (2, 1), 0..1)), [71, 117]);
    }

    #[test]
    fn a_part_is_a_part_of_the_whole() {
        let picture = grey(5, &(0..35).map(|i| i * 7).collect::<Vec<_>>());
        let whole = scaled(&picture, (11, 20), 0..20);
        assert_eq!(scaled(&picture, (11, 20), 6..13), whole[6 * 33..13 * 33]);
        assert!(scaled(&Picture { width: 9, height: 9, rgb: [1; 3].into() }, (4, 4), 0..4).is_empty());
        assert!(scaled(&Picture { width: 0, height: 9, rgb: [].into() }, (4, 4), 0..4).is_empty());
    }
}
