//! Against libjpeg-turbo's numbers (tests/golden/picture), against the mean of the full picture, and against damage.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::Area;
use super::transform::{Plain, Transform, samples};
use crate::data::decode::{Limits, Picture, damage, decode_bytes, view_bytes};
use crate::data::synth::jpeg::encode;
use crate::data::view::{View, look, part};

#[derive(serde::Deserialize)]
struct Golden {
    name: String,
    jpeg: String,
    png: BTreeMap<u32, String>,
}

fn bytes(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.chars().map(|c| c.to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn cases() -> Vec<Golden> {
    serde_json::from_str(include_str!("../../../../tests/golden/picture/golden.json")).unwrap()
}

/// Our own decoder's picture; `None` where it leaves the file to another.
fn own(bytes: &[u8], denominator: u32) -> Option<Picture> {
    let header = super::header(bytes)?;
    let (width, height) = header.size();
    let (width, height) = (width.div_ceil(denominator), height.div_ceil(denominator));
    let all = Area { x: 0, y: 0, width: width as usize, height: height as usize };
    Some(Picture { width, height, rgb: header.decode(denominator, all)?.0 })
}

/// Greatest and mean distance.
fn apart(a: &Picture, b: &Picture) -> (u8, f64) {
    assert_eq!((a.width, a.height), (b.width, b.height));
    let each = || a.rgb.iter().zip(&b.rgb).map(|(&a, &b)| a.abs_diff(b));
    (each().max().unwrap(), each().map(f64::from).sum::<f64>() / a.rgb.len() as f64)
}

#[test]
fn the_numbers_of_libjpeg_turbo() {
    let mut ours = Vec::new();
    for case in cases() {
        let file = bytes(&case.jpeg);
        for (&by, png) in &case.png {
            let Some(picture) = own(&file, by) else { continue };
            let (worst, mean) = apart(&picture, &decode_bytes(&bytes(png), &Limits::default()).unwrap());
            // Each of the three planes may be rounded the other way; red is 1.4 and blue 1.8 times a difference.
            let (most, usual) = if picture.rgb.len() < 100 { (4, 1.2) } else { (4, 0.3) };
            assert!(worst <= most && mean <= usual, "{} at 1/{by}: at most {worst}, mean {mean}", case.name);
            ours.push(format!("{} {by}", case.name));
        }
    }
    let all: Vec<&str> = ours.iter().filter_map(|name| name.strip_suffix(" 1")).collect();
    assert_eq!(
        all,
        ["a pixel", "two pixels", "one MCU", "4:4:4", "4:2:2", "4:2:0", "4:4:0", "restarts", "coarse", "fine", "grey"]
    );
}

#[test]
fn what_is_not_common_is_left_to_others_and_reduced_alike() {
    for case in cases().iter().filter(|case| ["4:1:1", "progressive"].contains(&case.name.as_str())) {
        let file = bytes(&case.jpeg);
        let seen = view_bytes(&file, &Limits::default(), |_| View { denominator: 4, window: None }).unwrap();
        let full = decode_bytes(&file, &Limits::default()).unwrap();
        let (worst, _) = apart(&seen.picture, &look(full, View { denominator: 4, window: None }));
        assert!(worst <= 12, "{}: {worst}", case.name);
    }
}

#[test]
fn a_reduced_picture_is_the_mean_of_the_full_one() {
    let mut draws = crate::base::Seed::new(6).draws();
    for (width, height, quality) in [(64, 48, 90), (33, 57, 75), (7, 100, 95), (130, 21, 40)] {
        // Grey ramps with noise, and soft colours: edges of colour are told apart less finely at full size.
        let rgb: Vec<u8> = (0..width * height)
            .flat_map(|i| {
                let (x, y, noise) = (i % width, i / width, draws.below(20) as usize);
                [40 + x + noise, 30 + y + noise, 60 + (x + y) / 2 + noise].map(|v| v.min(230) as u8)
            })
            .collect();
        let file = encode(&rgb, width, height, quality);
        let full = own(&file, 1).unwrap();
        for denominator in [2, 4, 8] {
            let mean = look(full.clone(), View { denominator, window: None });
            let (worst, usual) = apart(&own(&file, denominator).unwrap(), &mean);
            // At the edges the padding of the last block has its part in the means.
            assert!(worst <= 14 && usual <= 1.2, "{width} × {height} / {denominator}: {worst}, {usual}");
        }
    }
}

#[test]
fn the_vectors_give_the_bits_of_the_loops() {
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = pulp::x86::V3::try_new() {
        let mut draws = crate::base::Seed::new(1).draws();
        for round in 0..3000 {
            // From nearly empty blocks to what only a broken file holds.
            let most = [30, 300, 2000, 32_767][round % 4];
            let kept = 1 + draws.below(64) as usize;
            let mut block = [0i16; 64];
            block[..kept].iter_mut().for_each(|v| *v = draws.between(-most, most) as i16);
            let (mut a, mut b) = ([[1u8; 100], [1u8; 100]], [[1u8; 100], [1u8; 100]]);
            Plain.eight(&block, &mut a[0], 11);
            Plain.four(&block, &mut a[1], 9);
            simd.eight(&block, &mut b[0], 11);
            simd.four(&block, &mut b[1], 9);
            assert_eq!(a, b, "{block:?}");
        }
    }
}

#[test]
fn the_transform_is_the_cosines() {
    let mut draws = crate::base::Seed::new(2).draws();
    for _ in 0..200 {
        let mut block = [0i16; 64];
        block.iter_mut().for_each(|v| *v = draws.between(-40, 40) as i16);
        let value = |y: usize, x: usize| -> f64 {
            let scale = |k: usize| if k == 0 { 0.125f64.sqrt() } else { 0.5 };
            let angle = |i: usize, k: usize| ((2 * i + 1) as f64 * k as f64 * std::f64::consts::PI / 16.0).cos();
            let term = |k: usize| f64::from(block[k]) * scale(k / 8) * scale(k % 8) * angle(y, k / 8) * angle(x, k % 8);
            (0..64).map(term).sum::<f64>() + 128.0
        };
        for side in [8, 4, 2, 1] {
            let mut out = [0u8; 64];
            samples(Plain, &block, false, side, &mut out, side);
            let each = 8 / side;
            for (i, &got) in out[..side * side].iter().enumerate() {
                let (top, left) = (i / side * each, i % side * each);
                let sum: f64 = (0..each * each).map(|p| value(top + p / each, left + p % each)).sum();
                let wanted = (sum / (each * each) as f64).clamp(0.0, 255.0);
                assert!((wanted - f64::from(got)).abs() < 0.56, "{side}: {wanted} {got}");
            }
        }
    }
}

/// A picture of 4:2:0 with noise.
fn file(width: usize, height: usize, seed: u64, quality: u32) -> Vec<u8> {
    let mut draws = crate::base::Seed::new(seed).draws();
    let rgb: Vec<u8> = (0..width * height * 3).map(|i| ((i / 3) % 90 + draws.below(120) as usize) as u8).collect();
    encode(&rgb, width, height, quality)
}

#[test]
fn a_file_may_tell_any_number_of_tables_and_restarts() {
    let whole = file(33, 20, 4, 80);
    let expected = own(&whole, 1).unwrap();
    // Tables without codes, before those that count, and restarts that no interval needs.
    let table = [&[0xFF, 0xC4, 0x00, 0x13, 0x00][..], &[0; 16]].concat();
    let tables = [&whole[..2], &table.repeat(5_000), &whole[2..]].concat();
    assert_eq!(own(&tables, 1).unwrap(), expected);
    let every = [&whole[..2], &[0xFF, 0xDD, 0x00, 0x04, 0xFF, 0xFF], &whole[2..whole.len() - 2]].concat();
    let restarts = [every, [0xFF, 0xD0].repeat(50_000), vec![0xFF, 0xD9]].concat();
    assert_eq!(own(&restarts, 1).unwrap(), expected);
}

#[test]
fn bytes_cut_anywhere_give_a_picture_or_nothing() {
    let whole = file(33, 20, 4, 80);
    for cut in 0..whole.len() {
        if let Some(picture) = own(&whole[..cut], 1) {
            assert_eq!((picture.width, picture.height, picture.rgb.len()), (33, 20, 33 * 20 * 3));
        }
    }
}

#[test]
fn what_is_lost_is_counted() {
    let bytes = file(96, 96, 2, 85);
    let lost = |bytes: &[u8]| super::header(bytes).unwrap().lost().unwrap();
    let limits = Limits::default();
    let seen = |bytes: &[u8], rows: usize| {
        let window = Some(Area { x: 0, y: 0, width: 96, height: rows });
        view_bytes(bytes, &limits, |_| View { denominator: 1, window }).unwrap().damaged
    };
    assert_eq!((lost(&bytes), seen(&bytes, 96), damage(&bytes, &limits)), (0.0, false, None));
    for (share, least, most) in [(0.5, 0.3, 0.7), (0.8, 0.1, 0.4)] {
        // The end marker in the middle of the data: a whole file by its markers.
        let mut short = bytes.clone();
        let header = bytes.len() - bytes.windows(2).rev().position(|pair| pair == [0xFF, 0xDA]).unwrap();
        let at = header + ((bytes.len() - header) as f64 * share) as usize;
        short.splice(at.., [0, 0xFF, 0xD9]);
        assert!((least..most).contains(&lost(&short)), "{} of {share}", lost(&short));
        // Of what lies above it nothing is missing.
        assert!(seen(&short, 96) && !seen(&short, 8));
        let told = damage(&short, &limits).unwrap();
        assert!(told.ends_with(" % of it cannot be read and is grey"), "{told}");
    }
    assert_eq!(
        damage(b"no picture", &limits).unwrap(),
        "not a picture: it starts with neither a JPEG, a PNG nor a WebP header"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    /// Damage never panics, and a window shows what the whole shows there, damaged or not.
    #[test]
    fn a_window_has_the_pixels_of_the_whole(
        (width, height) in (1usize..90, 1usize..90), seed in 0u64..5, quality in 30u32..100,
        by in 0u32..4, corner in (0.0f64..1.0, 0.0f64..1.0), side in (0.0f64..1.0, 0.0f64..1.0),
        damage in prop::collection::vec((0.0f64..1.0, any::<u8>()), 0..3),
    ) {
        let mut bytes = file(width, height, seed, quality);
        for (place, byte) in damage {
            let at = 2 + ((bytes.len() - 2) as f64 * place) as usize;
            bytes[at] = byte;
        }
        let Some(header) = super::header(&bytes) else { return Ok(()) };
        let (width, height) = header.size();
        prop_assume!(u64::from(width) * u64::from(height) < 1 << 20);
        let Some(whole) = own(&bytes, 1 << by) else { return Ok(()) };
        let span = |length: u32, corner: f64, side: f64| {
            let start = (f64::from(length) * corner) as usize;
            (start, 1 + ((length as usize - start - 1) as f64 * side) as usize)
        };
        let ((x, width), (y, height)) = (span(whole.width, corner.0, side.0), span(whole.height, corner.1, side.1));
        let window = Area { x, y, width, height };
        let seen = header.decode(1 << by, window);
        prop_assert_eq!(seen.map(|(rgb, _)| rgb), Some(part(&whole, window).rgb));
        let beyond = Area { x: whole.width as usize, ..window };
        prop_assert_eq!(header.decode(1 << by, beyond), None);
    }

    #[test]
    fn any_bytes_after_a_start_are_survived(tail in prop::collection::vec(any::<u8>(), 0..300), place in 0usize..600) {
        let mut bytes = file(20, 20, 1, 60);
        bytes.truncate(2 + place % (bytes.len() - 2));
        bytes.extend(tail);
        if super::header(&bytes).is_some_and(|header| u64::from(header.size().0) * u64::from(header.size().1) < 1 << 20) {
            let _ = (own(&bytes, 1), own(&bytes, 8));
        }
    }
}
