//! The two checksums of 32 bits that logs of records carry.
//!
//! Takes bytes; gives CRC-32C (Castagnoli's polynomial, 0x1EDC6F41; RFC 3720, appendix B.4), which TensorFlow's records mask, and CRC-32 (IEEE
//! 802.3, 0x04C11DB7), which wandb's have. Both run over the bits from the lowest, with all bits turned before and after.

/// A checksum's table for one byte.
type Table = [u32; 256];

const CASTAGNOLI: Table = table(0x82F6_3B78);
const IEEE: Table = table(0xEDB8_8320);

/// The table of a polynomial whose bits are written in reverse.
const fn table(polynomial: u32) -> Table {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut value, mut bit) = (byte as u32, 0);
        while bit < 8 {
            value = if value & 1 == 1 { value >> 1 ^ polynomial } else { value >> 1 };
            bit += 1;
        }
        table[byte] = value;
        byte += 1;
    }
    table
}

fn sum(table: &Table, parts: &[&[u8]]) -> u32 {
    let bytes = parts.iter().flat_map(|part| part.iter());
    !bytes.fold(!0, |sum: u32, byte| sum >> 8 ^ table[usize::from(sum as u8 ^ byte)])
}

/// CRC-32C of bytes.
pub(super) fn castagnoli(bytes: &[u8]) -> u32 {
    sum(&CASTAGNOLI, &[bytes])
}

/// CRC-32C as TensorFlow's records have it: turned by 15 bits and shifted, so that the sum of bytes that hold sums is no special one.
pub(super) fn masked(bytes: &[u8]) -> u32 {
    castagnoli(bytes).rotate_right(15).wrapping_add(0xA282_EAD8)
}

/// CRC-32 of parts, one behind the other.
pub(super) fn ieee(parts: &[&[u8]]) -> u32 {
    sum(&IEEE, parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3720, appendix B.4, and the check value of the usual catalogue of CRCs ("123456789").
    #[test]
    fn castagnoli_has_its_published_values() {
        assert_eq!(castagnoli(b"123456789"), 0xE306_9283);
        assert_eq!(castagnoli(&[0; 32]), 0x8A91_36AA);
        assert_eq!(castagnoli(&[0xFF; 32]), 0x62A8_AB43);
        let ascending: Vec<u8> = (0..32).collect();
        assert_eq!(castagnoli(&ascending), 0x46DD_794E);
        assert_eq!(castagnoli(b""), 0);
    }

    #[test]
    fn ieee_has_its_published_values() {
        assert_eq!(ieee(&[b"123456789"]), 0xCBF4_3926);
        assert_eq!(ieee(&[b"1234", b"", b"56789"]), 0xCBF4_3926);
        // Where wandb's magic number comes from.
        assert_eq!(ieee(&[b"Weights & Biases"]) & 0xFFFF, 0xBEE1);
    }

    /// The masked sum of the eight bytes of the length 24, as the first record of a TensorBoard log with `brain.Event:2` has it.
    #[test]
    fn the_mask_is_tensorflows() {
        assert_eq!(masked(&24u64.to_le_bytes()).to_le_bytes(), [0xA3, 0x7F, 0x4B, 0x22]);
    }
}
