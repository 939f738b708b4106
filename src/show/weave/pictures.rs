//! Rows of pictures as one PNG.

use crate::session::snapshot::Picture;
use crate::show::{ShowError, raster};

/// White pixels between pictures.
const GAP: usize = 4;

/// The pictures as they stand on the page, what belongs together in one column; `None` where there are none.
pub fn png(rows: &[Vec<Picture>]) -> Result<Option<Vec<u8>>, ShowError> {
    let all = || rows.iter().flatten().filter(|picture| picture.width > 0 && picture.height > 0);
    let Some(column) = all().map(|picture| picture.width as usize).max() else { return Ok(None) };
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let heights: Vec<usize> =
        rows.iter().map(|row| row.iter().map(|picture| picture.height as usize).max().unwrap_or(0)).collect();
    let width = columns * (column + GAP) - GAP;
    let height = heights.iter().map(|height| height + GAP).sum::<usize>() - GAP;
    let mut rgb = vec![255u8; width * height * 3];
    let mut top = 0;
    for (row, high) in rows.iter().zip(&heights) {
        for (i, picture) in row.iter().enumerate() {
            let (wide, bytes) = (picture.width as usize, picture.width as usize * 3);
            for (y, line) in picture.rgb.chunks_exact(bytes.max(1)).take(picture.height as usize).enumerate() {
                let at = ((top + y) * width + i * (column + GAP)) * 3;
                rgb[at..at + wide * 3].copy_from_slice(line);
            }
        }
        top += high + GAP;
    }
    Ok(Some(raster::png(width as u32, height as u32, &rgb)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_stand_in_columns() {
        let picture = |width: u32, height: u32, grey: u8| Picture {
            width,
            height,
            rgb: vec![grey; (width * height * 3) as usize].into(),
        };
        let bytes = png(&[vec![picture(2, 3, 10), picture(3, 1, 20)], vec![picture(1, 1, 30)]]).unwrap().unwrap();
        let read = image::load_from_memory(&bytes).unwrap().to_rgb8();
        assert_eq!((read.width(), read.height()), (10, 8));
        let grey = |x, y| read.get_pixel(x, y).0[0];
        assert_eq!(
            [grey(0, 0), grey(1, 2), grey(2, 0), grey(7, 0), grey(9, 0), grey(7, 1), grey(0, 7)],
            [10, 10, 255, 20, 20, 255, 30]
        );
        assert_eq!(png(&[vec![]]).unwrap(), None);
    }
}
