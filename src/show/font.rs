//! Which characters a font can draw.
//!
//! Takes a TrueType or OpenType file; gives plotters the font under a name, and answers whether a
//! character has a glyph, by reading the file's `cmap` table (formats 4 and 12, OpenType 1.9).
//! plotters draws an empty box for a missing glyph and tells nobody.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use plotters::style::{FontStyle, register_font};

use super::ShowError;
use crate::base::files::read;

/// The family under which SVG asks for a font and PNG finds the built-in one.
pub(super) const FAMILY: &str = "sans-serif";
/// The family of a font that was given.
const GIVEN: &str = "given";

/// A font that plotters knows.
#[derive(Clone, Debug)]
pub(super) struct Font {
    /// Its name to plotters.
    pub family: &'static str,
    covered: Vec<RangeInclusive<u32>>,
}

/// The built-in Latin font. plotters measures text with it even where it draws none (SVG).
pub(super) fn built_in() -> Result<&'static Font, ShowError> {
    static FONT: OnceLock<Option<Font>> = OnceLock::new();
    FONT.get_or_init(|| load(FAMILY, epaint_default_fonts::UBUNTU_LIGHT).ok())
        .as_ref()
        .ok_or_else(|| ShowError::BadFont { path: PathBuf::new(), why: "the built-in font is broken".to_owned() })
}

/// A font from a file. Its bytes stay in memory until the program ends, as plotters wants them to.
pub(super) fn given(path: &Path) -> Result<Font, ShowError> {
    let bytes: &'static [u8] = Box::leak(read(path)?.into_boxed_slice());
    load(GIVEN, bytes).map_err(|why| ShowError::BadFont { path: path.to_owned(), why: why.to_owned() })
}

/// The first of these files that has a glyph for every character of the text, or else the one that has the most; the built-in font where it has
/// all, or none of them is a font. What is left is told by [`Font::drawable`].
pub(super) fn fitting(text: &str, files: &[PathBuf]) -> Result<Font, ShowError> {
    let mut wanted: Vec<char> = text.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let lacking = |has: &dyn Fn(char) -> bool| wanted.iter().filter(|&&c| !has(c)).count();
    let own = built_in()?;
    let mut best = (lacking(&|c| own.has(c)), None);
    for file in files {
        if best.0 == 0 {
            break;
        }
        let Some(ranges) = read(file).ok().and_then(|bytes| covered(&bytes)) else { continue };
        let left = lacking(&|c| ranges.iter().any(|range| range.contains(&u32::from(c))));
        if left < best.0 {
            best = (left, Some(file));
        }
    }
    best.1.map_or_else(|| Ok(own.clone()), |file| given(file))
}

fn load(family: &'static str, bytes: &'static [u8]) -> Result<Font, &'static str> {
    register_font(family, FontStyle::Normal, bytes).map_err(|_| "it is not a font that can be drawn")?;
    let covered = covered(bytes).ok_or("it has no table of characters that can be read")?;
    Ok(Font { family, covered })
}

impl Font {
    /// Whether the font has a glyph for the character.
    pub(super) fn has(&self, c: char) -> bool {
        self.covered.iter().any(|range| range.contains(&u32::from(c)))
    }

    /// The text with `?` for each character without glyph, which are added to `missing` once.
    pub(super) fn drawable(&self, text: &str, missing: &mut Vec<char>) -> String {
        let replace = |c: char| {
            if self.has(c) {
                return c;
            }
            if !missing.contains(&c) {
                missing.push(c);
            }
            '?'
        };
        text.chars().map(replace).collect()
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?)))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize)
}

/// Ranges of characters with a glyph; `None` when the file is not laid out as a font.
fn covered(bytes: &[u8]) -> Option<Vec<RangeInclusive<u32>>> {
    // A collection begins with the places of its fonts; the first is the one that is drawn.
    let start = if bytes.starts_with(b"ttcf") { u32_at(bytes, 12)? } else { 0 };
    let tables = u16_at(bytes, start + 4)?;
    let record = (0..tables).map(|i| start + 12 + 16 * i).find(|&at| bytes.get(at..at + 4) == Some(b"cmap"))?;
    let cmap = bytes.get(u32_at(bytes, record + 8)?..)?;
    let subtables = (0..u16_at(cmap, 2)?).filter_map(|i| {
        let at = 4 + 8 * i;
        let unicode = matches!((u16_at(cmap, at)?, u16_at(cmap, at + 2)?), (0, _) | (3, 1 | 10));
        let table = cmap.get(u32_at(cmap, at + 4)?..)?;
        unicode.then_some((u16_at(table, 0)?, table))
    });
    // Format 12 reaches beyond the first 65,536 characters and so is the fuller one.
    let (format, table) =
        subtables.filter(|&(format, _)| format == 4 || format == 12).max_by_key(|&(format, _)| format)?;
    if format == 12 { format_12(table) } else { format_4(table) }
}

fn format_12(table: &[u8]) -> Option<Vec<RangeInclusive<u32>>> {
    let groups = u32_at(table, 12)?;
    (0..groups.min(table.len() / 12))
        .map(|i| Some(u32_at(table, 16 + 12 * i)? as u32..=u32_at(table, 20 + 12 * i)? as u32))
        .collect()
}

fn format_4(table: &[u8]) -> Option<Vec<RangeInclusive<u32>>> {
    let segments = u16_at(table, 6)? / 2;
    let (ends, starts) = (14, 16 + 2 * segments);
    let (deltas, offsets) = (starts + 2 * segments, starts + 4 * segments);
    let mut ranges = Vec::new();
    for i in 0..segments {
        let (first, last) = (u16_at(table, starts + 2 * i)?, u16_at(table, ends + 2 * i)?);
        let (delta, offset) = (u16_at(table, deltas + 2 * i)?, u16_at(table, offsets + 2 * i)?);
        for c in first..=last {
            // An offset counts bytes from its own place to the glyph's number.
            let glyph = if offset == 0 {
                (c + delta) & 0xffff
            } else {
                match u16_at(table, offsets + 2 * i + offset + 2 * (c - first)) {
                    None | Some(0) => 0,
                    Some(glyph) => (glyph + delta) & 0xffff,
                }
            };
            if glyph != 0 && c != 0xffff {
                let c = c as u32;
                match ranges.last_mut() {
                    Some(range) if c == *RangeInclusive::end(range) + 1 => *range = *range.start()..=c,
                    _ => ranges.push(c..=c),
                }
            }
        }
    }
    Some(ranges)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_font_is_latin() {
        let font = built_in().unwrap();
        for c in ('!'..='~').chain(['é', 'Ω', '–', '·', ' ']) {
            assert!(font.has(c), "{c}");
        }
        for c in ['杜', 'あ', '\u{ffff}', '𠮷'] {
            assert!(!font.has(c), "{c}");
        }
        let mut missing = vec![];
        assert_eq!(font.drawable("02-獺祭-x祭", &mut missing), "02-??-x?");
        assert_eq!(missing, ['獺', '祭']);
    }

    #[test]
    fn the_font_with_the_most_glyphs_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let (broken, other) = (dir.path().join("a.ttf"), dir.path().join("b.ttf"));
        crate::base::files::publish(&broken, b"no font").unwrap();
        crate::base::files::publish(&other, epaint_default_fonts::HACK_REGULAR).unwrap();
        let files = [dir.path().join("absent.ttf"), broken, other];
        assert_eq!(fitting("plain", &files).unwrap().family, FAMILY, "nothing is lacking");
        // Box drawing is Hack's alone; nobody here has the other.
        assert_eq!(fitting("┌ 獺", &files).unwrap().family, GIVEN);
        assert_eq!(fitting("獺", &files).unwrap().family, FAMILY, "no other has it either");
    }

    #[test]
    fn broken_fonts_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("font.ttf");
        let whole = epaint_default_fonts::HACK_REGULAR;
        for bytes in [&b""[..], b"ttcf", &whole[..100], &[0; 4000]] {
            crate::base::files::publish(&path, bytes).unwrap();
            assert!(matches!(given(&path), Err(ShowError::BadFont { .. })));
        }
        assert!(covered(&whole[..whole.len() / 2]).is_none_or(|ranges| !ranges.is_empty()));
    }
}
