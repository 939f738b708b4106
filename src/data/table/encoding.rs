//! Bytes of a text table become UTF-8.
//!
//! Japanese competitions still hand out tables saved by Excel: Shift_JIS (as Windows writes it, code page 932) or
//! UTF-16. UTF-8 is tried first, since Shift_JIS text is practically never valid UTF-8 by accident; what was read as
//! anything else is said in a note.

use encoding_rs::{Encoding as Coder, SHIFT_JIS, UTF_16BE, UTF_16LE};

/// How a text table is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// Found out from the bytes.
    #[default]
    Auto,
    /// UTF-8, with or without a byte-order mark.
    Utf8,
    /// Shift_JIS as Windows writes it (code page 932).
    ShiftJis,
}

/// UTF-8 text, and what is worth saying about how it was read.
type Read = (Vec<u8>, Option<&'static str>);

/// The bytes as UTF-8 without a byte-order mark, and what is worth saying about it.
///
/// # Errors
/// The offset of the first byte that does not fit, with the bytes.
pub(super) fn utf8(mut bytes: Vec<u8>, wanted: Encoding) -> Result<Read, (usize, Vec<u8>)> {
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        bytes.drain(..3);
    }
    for (mark, coder, note) in [
        (b"\xFF\xFE", UTF_16LE, "read as UTF-16 (little endian)"),
        (b"\xFE\xFF", UTF_16BE, "read as UTF-16 (big endian)"),
    ] {
        if wanted == Encoding::Auto && bytes.starts_with(mark) {
            return decoded(coder, &bytes[2..]).map(|text| (text, Some(note))).ok_or((0, bytes));
        }
    }
    let invalid = match std::str::from_utf8(&bytes) {
        Ok(_) if wanted != Encoding::ShiftJis || bytes.is_ascii() => return Ok((bytes, None)),
        Ok(_) => 0,
        Err(e) => e.valid_up_to(),
    };
    match (wanted, decoded(SHIFT_JIS, &bytes)) {
        (Encoding::Utf8, _) | (_, None) => Err((invalid, bytes)),
        (_, Some(text)) => Ok((text, Some("read as Shift_JIS (CP932)"))),
    }
}

fn decoded(coder: &'static Coder, bytes: &[u8]) -> Option<Vec<u8>> {
    coder.decode_without_bom_handling_and_without_replacement(bytes).map(|text| text.into_owned().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shift_jis_is_found_and_said() {
        // 獺祭 in CP932, from the JIS X 0208 table: 獺 = E0 DA, 祭 = 8D D5.
        let (text, note) = utf8(b"\xE0\xDA\x8D\xD5,7".to_vec(), Encoding::Auto).unwrap();
        assert_eq!((text.as_slice(), note), ("獺祭,7".as_bytes(), Some("read as Shift_JIS (CP932)")));
        assert_eq!(utf8(b"ab\xE0\xDA".to_vec(), Encoding::Utf8).unwrap_err().0, 2);
    }

    #[test]
    fn utf8_wins_and_loses_its_mark() {
        let (text, note) = utf8("\u{feff}銘柄".as_bytes().to_vec(), Encoding::Auto).unwrap();
        assert_eq!((text.as_slice(), note), ("銘柄".as_bytes(), None));
    }

    #[test]
    fn utf16_with_a_mark_is_read() {
        let bytes: Vec<u8> = [0xFEFF].into_iter().chain("酒,1".encode_utf16()).flat_map(u16::to_le_bytes).collect();
        assert_eq!(utf8(bytes, Encoding::Auto).unwrap().0, "酒,1".as_bytes());
    }

    #[test]
    fn neither_is_an_offset() {
        // FF is in no place valid in Shift_JIS.
        assert_eq!(utf8(b"id\nx\xFF\xFF".to_vec(), Encoding::Auto).unwrap_err().0, 4);
    }
}
