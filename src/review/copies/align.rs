//! Whether two small grey pictures are one, however it was cut: the best correlation over small shifts and zooms.
//!
//! Takes two pictures of 24 × 24 grey areas; gives a zero-mean normalised correlation, -1 to 1, of the part that both show. One is laid on
//! the other by a zoom and a shift a side (four numbers, found by Gauss and Newton, as Lucas and Kanade 1981; brightness and contrast are
//! free as in Evangelidis and Psarakis 2008, the enhanced correlation coefficient), first at 12 × 12, where the way is short, then at 24 × 24.
//! A photo that was trimmed, saved anew and lightened correlates by 0.97 and more, two photos of one bottle by less.

use crate::review::measures::SMALL;

/// Side of the coarse picture.
const COARSE: usize = SMALL / 2;
/// Steps at each size.
const STEPS: usize = 8;
/// The part of one that must be seen in the other.
const OVERLAP: f64 = 0.7;
/// What correlates less at 12 × 12 is not looked at closer; what correlates more at 24 × 24 needs no second way.
const ROUGH: f64 = 0.8;
const SURE: f64 = 0.98;
/// Smaller changes than this are the end of the way.
const STILL: f64 = 1e-4;
/// No zoom beyond, nor shift (of a side): what is cut off more is another picture.
const ZOOM: [f64; 2] = [0.8, 1.25];
const SHIFT: f64 = 0.15;
/// A picture with less deviation of its grey (of 255) has nothing that could be compared.
const PLAIN: f64 = 2.0;
/// Unknowns: zoom and shift across, zoom and shift down, contrast, brightness.
const FREE: usize = 6;

/// A small picture at two sizes.
pub(super) struct Small {
    fine: Vec<f64>,
    coarse: Vec<f64>,
}

/// Where a picture is laid: places of the other are `zoom · (u − ½) + shift + ½`, across and down.
#[derive(Clone, Copy)]
struct Place {
    zoom: [f64; 2],
    shift: [f64; 2],
}

const THERE: Place = Place { zoom: [1.0; 2], shift: [0.0; 2] };

impl Small {
    /// `None` for a picture that is plain.
    pub(super) fn of(areas: &[u8; SMALL * SMALL]) -> Option<Small> {
        let fine: Vec<f64> = areas.iter().map(|&area| f64::from(area)).collect();
        let mean = fine.iter().sum::<f64>() / fine.len() as f64;
        let square = fine.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / fine.len() as f64;
        if square < PLAIN * PLAIN {
            return None;
        }
        let four = |y: usize, x: usize| {
            let at = 2 * y * SMALL + 2 * x;
            (fine[at] + fine[at + 1] + fine[at + SMALL] + fine[at + SMALL + 1]) / 4.0
        };
        let coarse = (0..COARSE).flat_map(|y| (0..COARSE).map(move |x| (y, x))).map(|(y, x)| four(y, x)).collect();
        Some(Small { fine, coarse })
    }
}

/// The better correlation of laying one on the other and the other on the one.
pub(super) fn correlation(a: &Small, b: &Small) -> f64 {
    laid(a, b).max(laid(b, a))
}

fn laid(a: &Small, b: &Small) -> f64 {
    let (rough, start) = best(&a.coarse, &b.coarse, COARSE, THERE);
    if rough < ROUGH {
        return rough;
    }
    let (far, _) = best(&a.fine, &b.fine, SMALL, start);
    if far > SURE {
        return far;
    }
    // A coarse way may lead astray.
    let (near, _) = best(&a.fine, &b.fine, SMALL, THERE);
    far.max(near)
}

/// Lays `b` on `a`, both with `n` areas a side, from a place on; gives the best correlation on the way and its place.
fn best(a: &[f64], b: &[f64], n: usize, start: Place) -> (f64, Place) {
    let (mut place, mut found) = (start, (-1.0, start));
    for step in 0..=STEPS {
        let Some((correlation, change)) = look(a, b, n, place) else { break };
        if correlation > found.0 {
            found = (correlation, place);
        }
        let moves = |change: &[f64; 4]| step < STEPS && change.iter().any(|x| x.abs() > STILL);
        let Some(change) = change.filter(moves) else { break };
        for side in 0..2 {
            let bounded = |x: f64| x.clamp(-0.06, 0.06);
            place.zoom[side] = (place.zoom[side] + bounded(change[2 * side])).clamp(ZOOM[0], ZOOM[1]);
            place.shift[side] = (place.shift[side] + bounded(change[2 * side + 1])).clamp(-SHIFT, SHIFT);
        }
    }
    found
}

/// An area of `a` beside what lies there in `b`: values, slopes of `b` by a change of place, place from the middle.
struct Pair {
    a: f64,
    b: f64,
    slope: [f64; 2],
    from: [f64; 2],
}

/// The correlation at a place, and the change that should raise it; `None` where too little is shared, or it is plain.
fn look(a: &[f64], b: &[f64], n: usize, place: Place) -> Option<(f64, Option<[f64; 4]>)> {
    let size = n as f64;
    // For each row and column of `a` the place in `b`: lower neighbour, share of the upper one.
    let seen = |side: usize| -> Vec<Option<(usize, f64, f64)>> {
        let one = |i: usize| {
            let from = (i as f64 + 0.5) / size - 0.5;
            let at = (0.5 + place.zoom[side] * from + place.shift[side]) * size - 0.5;
            let low = at.floor().clamp(0.0, size - 2.0);
            (at >= -0.5 && at <= size - 0.5).then(|| (low as usize, (at - low).clamp(0.0, 1.0), from))
        };
        (0..n).map(one).collect()
    };
    let (columns, rows) = (seen(0), seen(1));
    let mut pairs = Vec::with_capacity(n * n);
    for (y, row) in rows.iter().enumerate() {
        let Some((top, down, v)) = *row else { continue };
        for (x, column) in columns.iter().enumerate() {
            let Some((left, right, u)) = *column else { continue };
            let at = top * n + left;
            let (p, q, r, s) = (b[at], b[at + 1], b[at + n], b[at + n + 1]);
            pairs.push(Pair {
                a: a[y * n + x],
                b: (p * (1.0 - right) + q * right) * (1.0 - down) + (r * (1.0 - right) + s * right) * down,
                slope: [
                    ((q - p) * (1.0 - down) + (s - r) * down) * size,
                    ((r - p) * (1.0 - right) + (s - q) * right) * size,
                ],
                from: [u, v],
            });
        }
    }
    let count = pairs.len() as f64;
    if count < OVERLAP * size * size {
        return None;
    }
    let (mean_a, mean_b) =
        (pairs.iter().map(|p| p.a).sum::<f64>() / count, pairs.iter().map(|p| p.b).sum::<f64>() / count);
    let (mut aa, mut ab, mut bb) = (0.0, 0.0, 0.0);
    for p in &pairs {
        let (x, y) = (p.a - mean_a, p.b - mean_b);
        aa += x * x;
        ab += x * y;
        bb += y * y;
    }
    let least = PLAIN * PLAIN * count;
    if aa < least || bb < least {
        return None;
    }
    let gain = ab / bb;
    let (mut square, mut right) = ([[0.0; FREE]; FREE], [0.0; FREE]);
    for p in &pairs {
        let [across, down] = p.slope.map(|slope| gain * slope);
        let light = p.b - mean_b;
        let row = [across * p.from[0], across, down * p.from[1], down, light, 1.0];
        let rest = p.a - mean_a - gain * light;
        for i in 0..FREE {
            right[i] += row[i] * rest;
            for j in 0..=i {
                square[i][j] += row[i] * row[j];
            }
        }
    }
    let change = solved(square, right).map(|[zx, sx, zy, sy, _, _]| [zx, sx, zy, sy]);
    Some((ab / (aa * bb).sqrt(), change))
}

/// Solves `square · x = right` by Cholesky, the diagonal raised a little; only the lower half is read. `None` where it is singular.
fn solved(mut square: [[f64; FREE]; FREE], mut x: [f64; FREE]) -> Option<[f64; FREE]> {
    for i in 0..FREE {
        square[i][i] = square[i][i] * (1.0 + 1e-4) + 1e-6;
        for j in 0..=i {
            let sum = square[i][j] - (0..j).map(|k| square[i][k] * square[j][k]).sum::<f64>();
            if i == j {
                if sum.is_nan() || sum <= 0.0 {
                    return None;
                }
                square[i][i] = sum.sqrt();
            } else {
                square[i][j] = sum / square[j][j];
            }
        }
    }
    for i in 0..FREE {
        x[i] = (x[i] - (0..i).map(|k| square[i][k] * x[k]).sum::<f64>()) / square[i][i];
    }
    for i in (0..FREE).rev() {
        x[i] = (x[i] - (i + 1..FREE).map(|k| square[k][i] * x[k]).sum::<f64>()) / square[i][i];
    }
    Some(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waves, seen through a window of shares of the sides, darker by a gain.
    fn seen(window: [f64; 4], phase: f64, gain: f64) -> Small {
        let [x0, y0, x1, y1] = window;
        let mut areas = [0; SMALL * SMALL];
        for (at, area) in areas.iter_mut().enumerate() {
            let u = x0 + (x1 - x0) * ((at % SMALL) as f64 + 0.5) / SMALL as f64;
            let v = y0 + (y1 - y0) * ((at / SMALL) as f64 + 0.5) / SMALL as f64;
            let light = 120.0
                + 40.0 * (9.0 * u + phase).sin()
                + 30.0 * (11.0 * v - phase).cos()
                + 20.0 * (14.0 * (u - v) + 2.0 * phase).sin();
            *area = (gain * light) as u8;
        }
        Small::of(&areas).unwrap()
    }

    #[test]
    fn a_trimmed_copy_is_found_and_another_picture_is_not() {
        let whole = seen([0.0, 0.0, 1.0, 1.0], 0.4, 1.0);
        assert!(correlation(&whole, &whole) > 0.999_999);
        for window in [[0.07, 0.0, 1.0, 0.93], [0.0, 0.07, 0.93, 1.0], [0.05, 0.05, 0.96, 0.95]] {
            let copy = seen(window, 0.4, 0.92);
            let (found, back) = (correlation(&whole, &copy), correlation(&copy, &whole));
            assert!(found > 0.995 && found == back, "{window:?} {found}");
        }
        assert!(correlation(&whole, &seen([0.0, 0.0, 1.0, 1.0], 2.2, 1.0)) < 0.9);
    }

    #[test]
    fn plain_pictures_are_not_compared() {
        assert!(Small::of(&[77; SMALL * SMALL]).is_none());
    }

    #[test]
    fn equations_are_solved() {
        let mut square = [[0.0; FREE]; FREE];
        for (i, row) in square.iter_mut().enumerate() {
            for (j, cell) in row.iter_mut().enumerate() {
                *cell = if i == j { 7.0 } else { 1.0 / (1 + i + j) as f64 };
            }
        }
        let wanted: [f64; FREE] = [1.0, -2.0, 0.5, 3.0, 0.0, -1.0];
        let right: [f64; FREE] =
            std::array::from_fn(|i| (0..FREE).map(|j| square[i.max(j)][i.min(j)] * wanted[j]).sum());
        let found = solved(square, right).unwrap();
        assert!(found.iter().zip(wanted).all(|(x, y)| (x - y).abs() < 1e-3), "{found:?}");
        assert!(solved([[f64::NAN; FREE]; FREE], right).is_none());
    }
}
