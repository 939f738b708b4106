//! Base64, in which graphics travel through a terminal; reading it back is for tests.
//!
//! `show` writes pages with it, too.

pub use toji::show::base64::encode;

/// The bytes of a text without white space.
#[cfg(test)]
pub fn decode(text: &[u8]) -> Vec<u8> {
    let value = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => panic!("{c} is no sign of base64"),
    };
    let mut bytes = Vec::new();
    for four in text.chunks(4) {
        let signs: Vec<u8> = four.iter().filter(|c| **c != b'=').map(|c| value(*c)).collect();
        let bits = signs.iter().fold(0_u32, |bits, sign| bits << 6 | u32::from(*sign)) << (6 * (4 - signs.len()));
        bytes.extend_from_slice(&bits.to_be_bytes()[1..signs.len()]);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for length in 0..40_u8 {
            let bytes: Vec<u8> = (0..length).map(|i| i.wrapping_mul(37)).collect();
            assert_eq!(decode(&encode(&bytes)), bytes);
        }
    }
}
