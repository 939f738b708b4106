//! A file becomes a picture, or one sentence about why it does not.
//!
//! Takes the bytes of a JPEG, PNG or WebP; gives 8-bit RGB, turned the way the camera was held (EXIF
//! orientation). What is not RGB8 is converted: grey is repeated three times, 16 bits are rounded to 8, CMYK and
//! YCCK are turned to RGB by the decoder without a colour profile, transparency is laid on white (dropping the
//! alpha channel, as `convert("RGB")` does, turns black logos on transparent black into black squares).
//! Size is judged from the header before a pixel is decoded. A truncated file is an error: JPEG decoders
//! fill what is missing with grey, so the end marker is looked for first. Who needs less than all pixels says so
//! with a [`View`].

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, RgbImage};
use serde::{Deserialize, Serialize};

use super::jpeg;
use super::view::{Area, Seen, View, look, reduced};

/// A decoded picture: 8-bit RGB, row by row from the top, three bytes a pixel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `height × width × 3` bytes.
    pub rgb: Vec<u8>,
}

/// What a picture may cost before it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most pixels, width × height.
    pub pixels: u64,
    /// Most bytes in the file.
    pub bytes: u64,
}

impl Default for Limits {
    /// 100 megapixels and 256 MiB: above any phone, below what hurts a machine.
    fn default() -> Self {
        Limits { pixels: 100_000_000, bytes: 256 << 20 }
    }
}

/// What the header of a picture says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Pixels a row, after the EXIF rotation.
    pub width: u32,
    /// Rows, after the EXIF rotation.
    pub height: u32,
}

/// Why bytes are not a picture.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The file could not be read.
    #[error("cannot read it: {0}")]
    Read(#[from] std::io::Error),
    /// Nothing in it.
    #[error("the file is empty")]
    Empty,
    /// More bytes than allowed.
    #[error("the file has {bytes} bytes, the limit is {limit}")]
    TooManyBytes {
        /// Size of the file.
        bytes: u64,
        /// [`Limits::bytes`].
        limit: u64,
    },
    /// More pixels than allowed.
    #[error("{width} × {height} pixels, the limit is {limit} pixels (data.max_megapixels)")]
    TooManyPixels {
        /// Pixels a row.
        width: u32,
        /// Rows.
        height: u32,
        /// [`Limits::pixels`].
        limit: u64,
    },
    /// It is another kind of file.
    #[error("it is {0}; Toji reads JPEG, PNG and WebP, convert it")]
    OtherFormat(&'static str),
    /// It is no picture that anybody knows.
    #[error("not a picture: it starts with neither a JPEG, a PNG nor a WebP header")]
    NotAPicture,
    /// The end is missing.
    #[error("the {0} is truncated: the end of the file is missing")]
    Truncated(&'static str),
    /// The decoder refused it.
    #[error("broken: {0}")]
    Broken(String),
}

/// A picture file could not be decoded.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", path.display())]
pub struct DecodeError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub fault: Fault,
}

/// The picture in a file.
///
/// # Errors
/// When the file is missing, too large, truncated, of another format or broken; the error names the path.
pub fn decode(path: &Path, limits: &Limits) -> Result<Picture, DecodeError> {
    read_limited(path, limits)
        .and_then(|bytes| decode_bytes(&bytes, limits))
        .map_err(|fault| DecodeError { path: path.to_owned(), fault })
}

/// What a view shows of the picture in a file. `view` is asked once the size is known.
///
/// # Errors
/// As [`decode`].
pub fn decode_view(
    path: &Path,
    limits: &Limits,
    view: impl FnOnce(Header) -> View,
) -> Result<Seen<Picture>, DecodeError> {
    read_limited(path, limits)
        .and_then(|bytes| view_bytes(&bytes, limits, view))
        .map_err(|fault| DecodeError { path: path.to_owned(), fault })
}

/// The bytes of a file, unless there are more than allowed.
pub(crate) fn read_limited(path: &Path, limits: &Limits) -> Result<Vec<u8>, Fault> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    if length > limits.bytes {
        return Err(Fault::TooManyBytes { bytes: length, limit: limits.bytes });
    }
    // One byte more than the system says, so that the last read sees the end without growing the buffer.
    let mut bytes = Vec::with_capacity(length as usize + 1);
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The picture in bytes. See [`decode`].
///
/// # Errors
/// As [`decode`], without a path.
pub fn decode_bytes(bytes: &[u8], limits: &Limits) -> Result<Picture, Fault> {
    view_bytes(bytes, limits, |_| View::WHOLE).map(|seen| seen.picture)
}

/// What a view shows of the picture in bytes. See [`decode_view`].
///
/// # Errors
/// As [`decode`], without a path.
pub fn view_bytes(bytes: &[u8], limits: &Limits, view: impl FnOnce(Header) -> View) -> Result<Seen<Picture>, Fault> {
    let format = format_of(bytes)?;
    whole(bytes, format)?;
    let header = (format == ImageFormat::Jpeg).then(|| jpeg::header(bytes)).flatten();
    let Some(header) = header else {
        let picture = any(bytes, format, limits)?;
        let view = view(Header { width: picture.width, height: picture.height });
        return Ok(Seen { picture: look(picture, view), window: view.window, damaged: false });
    };
    let (width, height) = header.size();
    judge(width, height, limits)?;
    let orientation = header.exif().and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms);
    let view = view(upright(width, height, orientation));
    let upright = orientation == Orientation::NoTransforms;
    let (across, down) = (reduced(width, view.denominator), reduced(height, view.denominator));
    // What is turned afterwards is needed whole.
    let window = view.window.filter(|_| upright);
    let area = window.unwrap_or(Area { x: 0, y: 0, width: across as usize, height: down as usize });
    let Some((rgb, damaged)) = header.decode(view.denominator, area) else {
        let picture = look(any(bytes, format, limits)?, view);
        return Ok(Seen { picture, window: view.window, damaged: false });
    };
    let mut picture = Picture { width: area.width as u32, height: area.height as u32, rgb };
    if !upright && let Some(pixels) = RgbImage::from_raw(picture.width, picture.height, picture.rgb.split_off(0)) {
        let mut turned = DynamicImage::from(pixels);
        turned.apply_orientation(orientation);
        picture = look(rgb8(turned), View { denominator: 1, window: view.window });
    }
    Ok(Seen { picture, window: view.window, damaged })
}

/// What is wrong with the pixels of a picture whose header and end are there; `None` where nothing is. Everything is read.
pub fn damage(bytes: &[u8], limits: &Limits) -> Option<String> {
    let lost = || -> Result<f64, Fault> {
        let format = format_of(bytes)?;
        whole(bytes, format)?;
        let header = (format == ImageFormat::Jpeg).then(|| jpeg::header(bytes)).flatten();
        if let Some(header) = header {
            let (width, height) = header.size();
            judge(width, height, limits)?;
            if let Some(lost) = header.lost() {
                return Ok(lost);
            }
        }
        any(bytes, format, limits).map(|_| 0.0)
    };
    match lost() {
        Ok(lost) if lost > 0.0 => Some(format!("{:.0} % of it cannot be read and is grey", (100.0 * lost).max(1.0))),
        Ok(_) => None,
        Err(fault) => Some(fault.to_string()),
    }
}

/// A picture by the general decoders.
fn any(bytes: &[u8], format: ImageFormat, limits: &Limits) -> Result<Picture, Fault> {
    let mut decoder = open(bytes, format)?;
    let (width, height) = decoder.dimensions();
    judge(width, height, limits)?;
    let mut allowed = image::Limits::no_limits();
    // 8 bytes a pixel is the widest that any of the formats decodes to; twice that for the decoder's own buffers.
    allowed.max_alloc = Some(limits.pixels.saturating_mul(16).saturating_add(64 << 20));
    decoder.set_limits(allowed).map_err(broken)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut decoded = DynamicImage::from_decoder(decoder).map_err(broken)?;
    decoded.apply_orientation(orientation);
    Ok(rgb8(decoded))
}

/// What the header says, and whether the file is whole; no pixel is decoded, so broken pixel data passes.
///
/// # Errors
/// When it is no picture of the three formats, or its end is missing.
pub fn inspect(bytes: &[u8]) -> Result<Header, Fault> {
    let format = format_of(bytes)?;
    whole(bytes, format)?;
    let mut decoder = open(bytes, format)?;
    let (width, height) = decoder.dimensions();
    Ok(upright(width, height, decoder.orientation().unwrap_or(Orientation::NoTransforms)))
}

/// How the camera was held, as the file's EXIF says: 1 for upright, 2 to 8 for what has to be turned or mirrored before it is shown; 1
/// where nothing is said, or the bytes are no picture.
pub fn orientation(bytes: &[u8]) -> u8 {
    let of = |format| open(bytes, format).ok().and_then(|mut decoder| decoder.orientation().ok());
    format_of(bytes).ok().and_then(of).unwrap_or(Orientation::NoTransforms).to_exif()
}

/// The size after the EXIF rotation.
fn upright(width: u32, height: u32, orientation: Orientation) -> Header {
    let turned = matches!(
        orientation,
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
    );
    if turned { Header { width: height, height: width } } else { Header { width, height } }
}

/// Refuses more pixels than the limit.
///
/// # Errors
/// When there are.
pub fn judge(width: u32, height: u32, limits: &Limits) -> Result<(), Fault> {
    if u64::from(width) * u64::from(height) > limits.pixels {
        return Err(Fault::TooManyPixels { width, height, limit: limits.pixels });
    }
    Ok(())
}

fn open<'a>(bytes: &'a [u8], format: ImageFormat) -> Result<impl ImageDecoder + 'a, Fault> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.no_limits();
    reader.into_decoder().map_err(broken)
}

fn broken(error: image::ImageError) -> Fault {
    Fault::Broken(error.to_string())
}

/// The format by the first bytes; the name's extension is not asked, since it is often wrong.
fn format_of(bytes: &[u8]) -> Result<ImageFormat, Fault> {
    if bytes.is_empty() {
        return Err(Fault::Empty);
    }
    // ISO base media files name their brand at byte 8.
    match bytes.get(4..12) {
        Some(b"ftypheic" | b"ftypheix" | b"ftypmif1" | b"ftypheim") => return Err(Fault::OtherFormat("a HEIC photo")),
        Some(b"ftypavif") => return Err(Fault::OtherFormat("an AVIF picture")),
        _ => {}
    }
    match image::guess_format(bytes) {
        Ok(format @ (ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP)) => Ok(format),
        Ok(ImageFormat::Gif) => Err(Fault::OtherFormat("a GIF picture")),
        Ok(ImageFormat::Bmp) => Err(Fault::OtherFormat("a BMP picture")),
        Ok(ImageFormat::Tiff) => Err(Fault::OtherFormat("a TIFF picture")),
        Ok(_) => Err(Fault::OtherFormat("a picture of a rare format")),
        Err(_) => Err(Fault::NotAPicture),
    }
}

/// Whether the file reaches its own end.
fn whole(bytes: &[u8], format: ImageFormat) -> Result<(), Fault> {
    match format {
        ImageFormat::Jpeg if !jpeg_ends(bytes) => Err(Fault::Truncated("JPEG")),
        ImageFormat::Png if !png_ends(bytes) => Err(Fault::Truncated("PNG")),
        ImageFormat::WebP if !webp_ends(bytes) => Err(Fault::Truncated("WebP")),
        _ => Ok(()),
    }
}

/// Walks the markers (ITU T.81, annex B) until the end-of-image marker. Segments with a length are jumped over, so
/// the thumbnail inside an EXIF segment does not end the picture; what follows the end marker does not matter.
fn jpeg_ends(bytes: &[u8]) -> bool {
    let mut at = 2;
    while let Some(step) = bytes.get(at..).and_then(jpeg::next_255) {
        at += step + 1;
        let Some(&marker) = bytes.get(at) else { return false };
        match marker {
            // A filling byte: the next one may be the marker.
            0xFF => {}
            // An escaped 255 of the scan, a restart, a start: nothing follows.
            0x00 | 0x01 | 0xD0..=0xD8 => at += 1,
            0xD9 => return true,
            _ => {
                let Some(&[high, low]) = bytes.get(at + 1..at + 3) else { return false };
                at += 1 + usize::from(u16::from_be_bytes([high, low]));
            }
        }
    }
    false
}

/// Walks the chunks until IEND.
fn png_ends(bytes: &[u8]) -> bool {
    let mut at = 8;
    while let Some(&[a, b, c, d, k0, k1, k2, k3]) = bytes.get(at..at + 8) {
        let end = at.saturating_add(12).saturating_add(u32::from_be_bytes([a, b, c, d]) as usize);
        if [k0, k1, k2, k3] == *b"IEND" {
            return end <= bytes.len();
        }
        at = end;
    }
    false
}

/// The RIFF header says how long the file is.
fn webp_ends(bytes: &[u8]) -> bool {
    match bytes.get(4..8) {
        Some(&[a, b, c, d]) => u64::from(u32::from_le_bytes([a, b, c, d])) + 8 <= bytes.len() as u64,
        _ => false,
    }
}

fn rgb8(decoded: DynamicImage) -> Picture {
    let (width, height) = (decoded.width(), decoded.height());
    let rgb = if decoded.color().has_alpha() {
        let over_white = |c: u8, a: u8| ((u32::from(c) * u32::from(a) + 255 * (255 - u32::from(a)) + 127) / 255) as u8;
        decoded
            .into_rgba8()
            .pixels()
            .flat_map(|p| {
                let [r, g, b, a] = p.0;
                [over_white(r, a), over_white(g, a), over_white(b, a)]
            })
            .collect()
    } else {
        decoded.into_rgb8().into_raw()
    };
    Picture { width, height, rgb }
}
