//! A picture at a reduced size, and a part of it: what a pipeline needs to see.
//!
//! Takes a whole picture and a [`View`]; gives what the view shows. A reduced pixel is the mean of the pixels it stands for, at the right
//! and lower edge of those that are left. JPEGs of the common kind are read like this in the first place (`jpeg/`), all
//! others are cut here, so that whoever asks need not care.

use super::decode::Picture;

/// A rectangle in pixels, at least 1 × 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Area {
    /// Left edge.
    pub x: usize,
    /// Top edge.
    pub y: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Area {
    /// The whole picture.
    pub fn whole(picture: &Picture) -> Area {
        Area { x: 0, y: 0, width: picture.width as usize, height: picture.height as usize }
    }
}

/// What of a picture is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// By how much its sides are divided (and rounded up): 1, 2, 4 or 8.
    pub denominator: u32,
    /// The part of the reduced picture, inside it; `None` for all of it.
    pub window: Option<Area>,
}

impl View {
    /// The picture as it is.
    pub const WHOLE: View = View { denominator: 1, window: None };
}

/// A side of `length` pixels, reduced.
pub fn reduced(length: u32, denominator: u32) -> u32 {
    length.div_ceil(denominator.max(1))
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen<P> {
    /// The pixels of the window.
    pub picture: P,
    /// Which part of the reduced picture it is; `None` for all of it.
    pub window: Option<Area>,
    /// Whether the file lacks data of what was read, which is grey then. Of what lies below the window nothing is known, nor of
    /// pictures that are no common JPEG.
    pub damaged: bool,
}

/// The view of a whole picture.
pub fn look(picture: Picture, view: View) -> Picture {
    let picture = if view.denominator > 1 { smaller(&picture, view.denominator) } else { picture };
    match view.window {
        Some(window) => part(&picture, window),
        None => picture,
    }
}

/// The picture with each `by` × `by` pixels as one.
fn smaller(picture: &Picture, by: u32) -> Picture {
    let (width, height, by_) = (picture.width as usize, picture.height as usize, by as usize);
    let (across, down) = (reduced(picture.width, by), reduced(picture.height, by));
    let mut rgb = Vec::with_capacity((across * down * 3) as usize);
    let mut sums = vec![[0u32; 3]; across as usize];
    for top in (0..height).step_by(by_) {
        let rows = by_.min(height - top);
        sums.fill([0; 3]);
        for row in picture.rgb[top * width * 3..].chunks_exact(width * 3).take(rows) {
            for (sum, pixels) in sums.iter_mut().zip(row.chunks(by_ * 3)) {
                for pixel in pixels.chunks_exact(3) {
                    (0..3).for_each(|c| sum[c] += u32::from(pixel[c]));
                }
            }
        }
        for (i, sum) in sums.iter().enumerate() {
            let count = (rows * by_.min(width - i * by_)) as u32;
            rgb.extend(sum.map(|sum| ((sum + count / 2) / count) as u8));
        }
    }
    Picture { width: across, height: down, rgb }
}

/// A part of a picture; what of it lies outside is left out.
pub fn part(picture: &Picture, area: Area) -> Picture {
    let (x, y) = (area.x.min(picture.width as usize), area.y.min(picture.height as usize));
    let (width, height) = (area.width.min(picture.width as usize - x), area.height.min(picture.height as usize - y));
    let stride = picture.width as usize * 3;
    let rows = picture.rgb.chunks_exact(stride.max(1)).skip(y).take(height);
    let rgb = rows.flat_map(|row| &row[x * 3..(x + width) * 3]).copied().collect();
    Picture { width: width as u32, height: height as u32, rgb }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(width: u32, values: &[u8]) -> Picture {
        let height = values.len() as u32 / width;
        Picture { width, height, rgb: values.iter().flat_map(|&v| [v; 3]).collect() }
    }

    #[test]
    fn a_reduced_pixel_is_a_mean_and_edges_stand_for_fewer() {
        let picture = grey(3, &[10, 20, 90, 30, 41, 70, 7, 8, 5]);
        let half = look(picture.clone(), View { denominator: 2, window: None });
        // (10 + 20 + 30 + 41) / 4 = 25.25, (90 + 70) / 2, (7 + 8) / 2 = 7.5 goes up, 5.
        assert_eq!(half, grey(2, &[25, 80, 8, 5]));
        let window = Some(Area { x: 1, y: 0, width: 1, height: 2 });
        assert_eq!(look(picture.clone(), View { denominator: 2, window }), grey(1, &[80, 5]));
        assert_eq!(look(picture.clone(), View { denominator: 8, window: None }).rgb.len(), 3);
        assert_eq!(look(picture.clone(), View::WHOLE), picture);
    }
}
