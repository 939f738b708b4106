//! Base64 (RFC 4648), in which graphics travel through a terminal.

/// The bytes as text, with padding.
pub fn encode(bytes: &[u8]) -> Vec<u8> {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let byte = |i: usize| u32::from(three.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        let sign = |shift: u32| SIGNS[(bits >> shift & 63) as usize];
        text.extend([sign(18), sign(12)]);
        text.push(if three.len() > 1 { sign(6) } else { b'=' });
        text.push(if three.len() > 2 { sign(0) } else { b'=' });
    }
    text
}

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

    /// The examples of RFC 4648, section 10.
    #[test]
    fn the_standards_examples() {
        let examples =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE=")];
        for (bytes, text) in examples {
            assert_eq!(encode(bytes.as_bytes()), text.as_bytes());
            assert_eq!(decode(text.as_bytes()), bytes.as_bytes());
        }
    }
}
