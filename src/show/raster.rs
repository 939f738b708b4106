//! Pixels as the bytes of a picture's file.
//!
//! Takes red, green and blue of 8 bits, row after row from the top; gives a PNG, which loses nothing, or a JPEG of some
//! quality. For whoever writes a file or sends pictures to a terminal.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageError};

use super::ShowError;

fn encoded(
    width: u32,
    height: u32,
    rgb: &[u8],
    encode: impl FnOnce(Cursor<&mut Vec<u8>>) -> Result<(), ImageError>,
) -> Result<Vec<u8>, ShowError> {
    // The encoders panic on a wrong length.
    if width == 0 || height == 0 || rgb.len() as u64 != u64::from(width) * u64::from(height) * 3 {
        return Err(ShowError::Draw(format!("{} bytes are no picture of {width} × {height} pixels", rgb.len())));
    }
    let mut bytes = Vec::new();
    encode(Cursor::new(&mut bytes)).map_err(|e| ShowError::Draw(e.to_string()))?;
    Ok(bytes)
}

/// A PNG.
///
/// # Errors
/// Where the bytes do not fit the size.
pub fn png(width: u32, height: u32, rgb: &[u8]) -> Result<Vec<u8>, ShowError> {
    encoded(width, height, rgb, |out| PngEncoder::new(out).write_image(rgb, width, height, ExtendedColorType::Rgb8))
}

/// A JPEG of a quality from 1 to 100.
///
/// # Errors
/// Where the bytes do not fit the size, or a side is longer than a JPEG's may be.
pub fn jpeg(width: u32, height: u32, rgb: &[u8], quality: u8) -> Result<Vec<u8>, ShowError> {
    encoded(width, height, rgb, |out| {
        JpegEncoder::new_with_quality(out, quality.clamp(1, 100)).write_image(
            rgb,
            width,
            height,
            ExtendedColorType::Rgb8,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::decode::decode_bytes;

    #[test]
    fn files_are_read_again() {
        let rgb: Vec<u8> = (0..16 * 8 * 3).map(|i| (i / 3) as u8).collect();
        let decoded = decode_bytes(&png(16, 8, &rgb).unwrap(), &Default::default()).unwrap();
        assert_eq!((decoded.width, decoded.height, &decoded.rgb), (16, 8, &rgb));
        let decoded = decode_bytes(&jpeg(16, 8, &rgb, 90).unwrap(), &Default::default()).unwrap();
        assert!(decoded.rgb.iter().zip(&rgb).all(|(a, b)| a.abs_diff(*b) < 24));
        for (width, height) in [(0, 0), (16, 7), (0, 8)] {
            assert!(png(width, height, &rgb).is_err() && jpeg(width, height, &rgb, 90).is_err());
        }
    }
}
