//! Pictures of every kind become RGB, or one sentence.

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder};
use proptest::prelude::*;
use toji::data::decode::{Fault, Limits, Picture, decode, decode_bytes, inspect};

use super::ground::{Ground, jpeg};
use super::mistakes::huge_png;

fn png(bytes: &[u8], width: u32, height: u32, color: ExtendedColorType) -> Vec<u8> {
    let mut out = Vec::new();
    PngEncoder::new(&mut out).write_image(bytes, width, height, color).unwrap();
    out
}

fn read(bytes: &[u8]) -> Picture {
    decode_bytes(bytes, &Limits::default()).unwrap()
}

fn fault(bytes: &[u8]) -> String {
    decode_bytes(bytes, &Limits::default()).unwrap_err().to_string()
}

#[test]
fn every_kind_of_pixel_becomes_rgb8() {
    assert_eq!(read(&png(&[7, 200], 2, 1, ExtendedColorType::L8)).rgb, [7, 7, 7, 200, 200, 200]);
    assert_eq!(read(&png(&[1, 2, 3], 1, 1, ExtendedColorType::Rgb8)).rgb, [1, 2, 3]);
    // Transparent is white, half transparent is half way to it: (10 × 128 + 255 × 127) / 255 = 132.02.
    let rgba = [9, 9, 9, 0, 10, 10, 10, 128, 4, 5, 6, 255];
    assert_eq!(read(&png(&rgba, 3, 1, ExtendedColorType::Rgba8)).rgb, [255, 255, 255, 132, 132, 132, 4, 5, 6]);
    assert_eq!(read(&png(&[40, 0], 1, 1, ExtendedColorType::La8)).rgb, [255, 255, 255]);
    // 16 bits are rounded: 0x8000 / 257 = 127.5.
    let wide: Vec<u8> = [0u16, 0x8000, 0xFFFF].iter().flat_map(|v| v.to_ne_bytes()).collect();
    assert_eq!(read(&png(&wide, 1, 1, ExtendedColorType::Rgb16)).rgb, [0, 128, 255]);
    let mut webp = Vec::new();
    WebPEncoder::new_lossless(&mut webp).write_image(&[9, 8, 7], 1, 1, ExtendedColorType::Rgb8).unwrap();
    assert_eq!(read(&webp).rgb, [9, 8, 7]);
    let grey = read(&grey_jpeg());
    assert_eq!((grey.width, grey.height, grey.rgb.len()), (8, 8, 192));
    assert!(grey.rgb.iter().all(|v| v.abs_diff(128) <= 1));
}

fn grey_jpeg() -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new(&mut bytes).write_image(&[128; 64], 8, 8, ExtendedColorType::L8).unwrap();
    bytes
}

/// The segments of a JPEG before its scan: marker and content with the length.
fn segments(bytes: &[u8]) -> Vec<(u8, &[u8])> {
    let (mut at, mut found) = (2, Vec::new());
    while bytes[at] == 0xFF && bytes[at + 1] != 0xDA {
        let length = usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
        found.push((bytes[at + 1], &bytes[at + 2..at + 2 + length]));
        at += 2 + length;
    }
    found
}

#[test]
fn cmyk_as_adobe_writes_it() {
    // Four components of one flat block each. A flat block of 128 is the code 00 (no difference) and 1010 (end of
    // block) in the standard tables, so the scan is four times 001010 = 28 A2 8A.
    let grey = grey_jpeg();
    let mut cmyk = vec![0xFF, 0xD8, 0xFF, 0xEE, 0, 14];
    cmyk.extend(b"Adobe\0\x64\0\0\0\0\0");
    for (marker, content) in segments(&grey).into_iter().filter(|(marker, _)| matches!(marker, 0xDB | 0xC4)) {
        cmyk.extend([0xFF, marker]);
        cmyk.extend(content);
    }
    cmyk.extend([0xFF, 0xC0, 0, 20, 8, 0, 8, 0, 8, 4]);
    cmyk.extend((1..=4).flat_map(|id| [id, 0x11, 0]));
    cmyk.extend([0xFF, 0xDA, 0, 14, 4, 1, 0, 2, 0, 3, 0, 4, 0, 0, 63, 0, 0x28, 0xA2, 0x8A, 0xFF, 0xD9]);
    let picture = read(&cmyk);
    // Adobe stores inverted ink: 128 × 128 / 255 = 64.
    assert!(picture.rgb.iter().all(|v| v.abs_diff(64) <= 2), "{:?}", &picture.rgb[..6]);
}

/// A JPEG with an EXIF segment that says how the camera was held, and a thumbnail's end marker inside it.
fn turned(orientation: u8, width: u32, height: u32) -> Vec<u8> {
    let plain = jpeg(width, height, 50);
    let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0xFF, 0xD9]);
    let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xE1];
    bytes.extend((exif.len() as u16 + 2).to_be_bytes());
    bytes.extend(exif);
    bytes.extend(&plain[2..]);
    bytes
}

#[test]
fn the_camera_was_held_otherwise() {
    let upright = read(&turned(1, 8, 6));
    assert_eq!(upright, read(&jpeg(8, 6, 50)));
    // 6: the camera was turned, the picture must be turned 90° clockwise: (x, y) comes from (y, height − 1 − x).
    let bytes = turned(6, 8, 6);
    let clockwise = read(&bytes);
    assert_eq!((clockwise.width, clockwise.height), (6, 8));
    let pixel = |p: &Picture, x: u32, y: u32| {
        let at = ((y * p.width + x) * 3) as usize;
        p.rgb[at..at + 3].to_vec()
    };
    for (x, y) in [(0, 0), (5, 0), (2, 7), (5, 7)] {
        assert_eq!(pixel(&clockwise, x, y), pixel(&upright, y, 5 - x));
    }
    let header = inspect(&bytes).unwrap();
    assert_eq!((header.width, header.height), (6, 8));
}

#[test]
fn a_truncated_file_is_an_error_wherever_it_is_cut() {
    let whole = jpeg(40, 40, 3);
    for cut in 2..whole.len() {
        assert!(decode_bytes(&whole[..cut], &Limits::default()).is_err(), "cut at {cut} of {}", whole.len());
        assert!(inspect(&whole[..cut]).is_err());
    }
    assert_eq!(fault(&whole[..whole.len() / 2]), "the JPEG is truncated: the end of the file is missing");
    // The end marker of a thumbnail is not the end of the picture.
    let with_thumbnail = turned(1, 40, 40);
    assert_eq!(
        fault(&with_thumbnail[..with_thumbnail.len() - 40]),
        "the JPEG is truncated: the end of the file is missing"
    );
    let png = png(&[5; 300], 10, 10, ExtendedColorType::Rgb8);
    assert!((0..png.len()).all(|cut| decode_bytes(&png[..cut], &Limits::default()).is_err()));
    let mut webp = Vec::new();
    WebPEncoder::new_lossless(&mut webp).write_image(&[9; 300], 10, 10, ExtendedColorType::Rgb8).unwrap();
    assert!((0..webp.len()).all(|cut| decode_bytes(&webp[..cut], &Limits::default()).is_err()));
    // Bytes after the end are normal: phones append previews.
    assert_eq!(read(&[whole.clone(), vec![0; 50]].concat()), read(&whole));
}

#[test]
fn limits_are_judged_by_the_header() {
    assert_eq!(fault(&huge_png()), "30000 × 30000 pixels, the limit is 100000000 pixels (data.max_megapixels)");
    let small = Limits { pixels: 47, bytes: 1 << 20 };
    assert!(matches!(
        decode_bytes(&jpeg(8, 6, 1), &small),
        Err(Fault::TooManyPixels { width: 8, height: 6, limit: 47 })
    ));
    let ground = Ground::new();
    ground.file("a.jpg", &jpeg(8, 6, 1));
    let error = decode(&ground.at("a.jpg"), &Limits { bytes: 10, ..Limits::default() }).unwrap_err();
    assert!(ground.told(error).starts_with("a.jpg: the file has "));
}

#[test]
fn other_files_are_named() {
    let told = [
        fault(b""),
        fault(b"GIF89a..........."),
        fault(b"\0\0\0\x18ftypheic\0\0\0\0"),
        fault(b"<html>not found</html>"),
        fault(b"\xFF\xD8\xFF\xE0\0\x04ab\xFF\xD9"),
    ];
    insta::assert_snapshot!(told.join("\n"), @r#"
    the file is empty
    it is a GIF picture; Toji reads JPEG, PNG and WebP, convert it
    it is a HEIC photo; Toji reads JPEG, PNG and WebP, convert it
    not a picture: it starts with neither a JPEG, a PNG nor a WebP header
    broken: Format error decoding Jpeg: "Premature End of image"
    "#);
    let ground = Ground::new();
    assert!(
        ground
            .told(decode(&ground.at("no.jpg"), &Limits::default()).unwrap_err())
            .starts_with("no.jpg: cannot read it")
    );
}

proptest! {
    // A byte changed anywhere gives a picture or an error, never a panic.
    #[test]
    fn damaged_files_never_panic(at in 0usize..700, byte in any::<u8>(), kind in 0usize..3) {
        let rgb: Vec<u8> = (0..16 * 16 * 3).map(|i| (i * 7 % 251) as u8).collect();
        let mut bytes = match kind {
            0 => jpeg(16, 16, 77),
            1 => png(&rgb, 16, 16, ExtendedColorType::Rgb8),
            _ => {
                let mut out = Vec::new();
                WebPEncoder::new_lossless(&mut out).write_image(&rgb, 16, 16, ExtendedColorType::Rgb8).unwrap();
                out
            }
        };
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = inspect(&bytes);
        if let Ok(picture) = decode_bytes(&bytes, &Limits { pixels: 100_000, ..Limits::default() }) {
            prop_assert_eq!(picture.rgb.len(), (picture.width * picture.height * 3) as usize);
        }
    }
}
