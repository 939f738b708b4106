//! A picture of which only a part counts, as if it had been cut out with scissors and saved without loss.
//!
//! Takes a file's bytes, perhaps a rectangle in pixels of the picture as it is shown, and a view of what is inside; gives what the view
//! shows. A part is decoded at full size and reduced afterwards, so that its pixels do not depend on where the rectangle begins.

use std::path::Path;

use super::decode::{DecodeError, Fault, Header, Limits, Picture, read_limited, view_bytes};
use super::view::{Area, Seen, View, look};

/// What a view shows of a part (`None`: all) of the picture in bytes; of a part that reaches over the edge what lies inside, of one that lies
/// outside the whole picture.
///
/// # Errors
/// As [`super::decode::decode`], without a path.
pub fn part_of_bytes(
    bytes: &[u8],
    part: Option<Area>,
    limits: &Limits,
    view: impl FnOnce(Header) -> View,
) -> Result<Seen<Picture>, Fault> {
    let Some(part) = part else { return view_bytes(bytes, limits, view) };
    let seen = view_bytes(bytes, limits, |size| View { denominator: 1, window: inside(part, size) })?;
    let view = view(Header { width: seen.picture.width, height: seen.picture.height });
    Ok(Seen { picture: look(seen.picture, view), window: view.window, damaged: seen.damaged })
}

/// What a view shows of a part of the picture in a file; see [`part_of_bytes`].
///
/// # Errors
/// As [`super::decode::decode`].
pub fn part_of_file(
    path: &Path,
    part: Option<Area>,
    limits: &Limits,
    view: impl FnOnce(Header) -> View,
) -> Result<Seen<Picture>, DecodeError> {
    read_limited(path, limits)
        .and_then(|bytes| part_of_bytes(&bytes, part, limits, view))
        .map_err(|fault| DecodeError { path: path.to_owned(), fault })
}

/// The part of a rectangle that lies in a picture of this size; `None` where that is nothing.
fn inside(area: Area, size: Header) -> Option<Area> {
    let (wide, high) = (size.width as usize, size.height as usize);
    if area.x >= wide || area.y >= high || area.width == 0 || area.height == 0 {
        return None;
    }
    Some(Area { width: area.width.min(wide - area.x), height: area.height.min(high - area.y), ..area })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::decode::decode_bytes;
    use crate::data::synth::jpeg::encode;
    use crate::data::view::part;

    #[test]
    fn a_part_is_cut_from_the_whole_and_then_reduced() {
        let (width, height) = (61, 47);
        let rgb: Vec<u8> = (0..width * height * 3).map(|p| ((p / 3 % width) * 3 + p % 41) as u8).collect();
        let bytes = encode(&rgb, width, height, 90);
        let limits = Limits::default();
        let whole = decode_bytes(&bytes, &limits).unwrap();
        let area = Area { x: 7, y: 5, width: 33, height: 30 };
        let cut = part(&whole, area);
        let seen = |area, view| part_of_bytes(&bytes, Some(area), &limits, |_| view).unwrap().picture;
        assert_eq!(seen(area, View::WHOLE), cut);
        let window = Some(Area { x: 2, y: 3, width: 9, height: 8 });
        let view = View { denominator: 2, window };
        assert_eq!(seen(area, view), look(cut.clone(), view));
        // The view is asked with the part's size.
        part_of_bytes(&bytes, Some(area), &limits, |size| {
            assert_eq!((size.width, size.height), (33, 30));
            View::WHOLE
        })
        .unwrap();
        // Over the edge: what is there. Outside: everything.
        assert_eq!(seen(Area { x: 50, ..area }, View::WHOLE).width, 11);
        assert_eq!(seen(Area { y: 47, ..area }, View::WHOLE), whole);
        assert_eq!(part_of_bytes(&bytes, None, &limits, |_| View::WHOLE).unwrap().picture, whole);
    }
}
