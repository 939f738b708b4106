//! iTerm2's inline images, which WezTerm, Konsole and mintty show too.
//!
//! Takes the pixels of a rectangle of cells; gives one sequence that draws them at the cursor, as a JPEG of the highest
//! quality that keeps to [`cap`]. The terminal fits the picture to the cells by itself, so a cell's size in pixels only
//! decides how sharp it is.
//!
//! <https://iterm2.com/documentation-images.html>

use toji::show::raster;

use super::regions::Pixels;
use super::{base64, cap};

/// Qualities to try, the best first.
const QUALITIES: [u8; 4] = [90, 75, 50, 25];

/// Draws the pixels over so many cells; nothing where they cannot be encoded within the cap.
pub fn show(pixels: &Pixels, (columns, rows): (u16, u16)) -> Vec<u8> {
    let encoded = |quality| raster::jpeg(pixels.width as u32, pixels.height as u32, &pixels.rgb, quality).ok();
    let most = cap(usize::from(columns) * usize::from(rows));
    let jpeg = QUALITIES.into_iter().filter_map(encoded).find(|jpeg| jpeg.len().div_ceil(3) * 4 <= most);
    let Some(jpeg) = jpeg else { return Vec::new() };
    let size = jpeg.len();
    // The place is given in cells, and the cursor stays where it is.
    let head = format!(
        "\x1b]1337;File=inline=1;size={size};width={columns};height={rows};preserveAspectRatio=0;doNotMoveCursor=1:"
    );
    [head.as_bytes(), &base64::encode(&jpeg), b"\x07"].concat()
}

#[cfg(test)]
mod tests {
    use super::super::CAP;
    use super::*;

    #[test]
    fn the_sequence_holds_the_picture() {
        let (width, height) = (160, 120);
        let rgb: Vec<u8> = (0..height).flat_map(|y| (0..width).flat_map(move |x| [x as u8, y as u8, 90])).collect();
        let pixels = Pixels { width, height, drawn: vec![true; width * height], rgb };
        let bytes = show(&pixels, (16, 6));
        let text = String::from_utf8(bytes.clone()).unwrap();
        let (head, body) = text.strip_prefix("\x1b]1337;File=").unwrap().split_once(':').unwrap();
        assert!(head.starts_with("inline=1;size=") && head.contains(";width=16;height=6;preserveAspectRatio=0"));
        let jpeg = base64::decode(body.strip_suffix('\x07').unwrap().as_bytes());
        assert!(head.contains(&format!("size={};", jpeg.len())) && bytes.len() < CAP);
        let decoded = toji::data::decode::decode_bytes(&jpeg, &Default::default()).unwrap();
        assert_eq!((decoded.width, decoded.height), (160, 120));
        let furthest = decoded.rgb.iter().zip(&pixels.rgb).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(furthest <= Some(24), "{furthest:?}");
    }

    #[test]
    fn the_cap_costs_quality() {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let rgb: Vec<u8> = (0..200 * 200 * 3).map(|_| next()).collect();
        let pixels = Pixels { width: 200, height: 200, drawn: vec![true; 40_000], rgb };
        let length = show(&pixels, (20, 10)).len();
        assert!((1_000..CAP + 200).contains(&length), "{length}");
    }
}
