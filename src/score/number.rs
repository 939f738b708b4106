//! Real numbers that text holds exactly.
//!
//! JSON readers may be one bit off on a number of 17 digits. A mean over some thousand queries has
//! far fewer digits that mean anything, so scores are rounded to 12 decimals, which every reader
//! gives back to the bit; equal scores then stay equal through any number of files.

/// The number rounded to 12 decimals.
pub(super) fn rounded(x: f64) -> f64 {
    // Division by a power of ten below 10²² of a whole number below 2⁵³ is correctly rounded.
    (x * 1e12).round() / 1e12
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn json_gives_the_same_bits(x in -2.0f64..2.0) {
            let x = super::rounded(x);
            let back: f64 = serde_json::from_str(&serde_json::to_string(&x).unwrap()).unwrap();
            prop_assert_eq!(back.to_bits(), x.to_bits());
        }
    }
}
