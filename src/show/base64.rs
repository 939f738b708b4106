//! Base64 (RFC 4648), in which pictures travel through a terminal and stand in a page.

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
        }
    }
}
