//! Kitty's graphics protocol, with Unicode placeholders.
//!
//! A picture is sent once, as a PNG in chunks of base64, with a virtual placement of so many columns and rows; wherever
//! cells with its placeholders stand, the terminal shows the part that they name, scaled by itself. Through tmux every
//! sequence is wrapped, and the placeholders are text that tmux moves and cuts as any other.
//!
//! <https://sw.kovidgoyal.net/kitty/graphics-protocol/>

use toji::session::snapshot::Picture;
use toji::show::raster;

use super::{base64, scale};

/// The character of a cell that belongs to a picture.
pub const PLACEHOLDER: char = '\u{10EEEE}';

/// "Could you show this pixel?", with a number that no picture of ours has.
pub const QUERY: &[u8] = b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\";

/// The most base64 in one sequence.
const CHUNK: usize = 4096;

/// A sequence that tmux hands on to the terminal around it, if its option allow-passthrough is on.
pub fn through_tmux(sequence: &[u8]) -> Vec<u8> {
    let mut wrapped = b"\x1bPtmux;".to_vec();
    for byte in sequence {
        if *byte == 0x1b {
            wrapped.push(0x1b);
        }
        wrapped.push(*byte);
    }
    wrapped.extend_from_slice(b"\x1b\\");
    wrapped
}

/// The picture as PNG, no larger than `most` pixels and, shrunk by a quarter of its sides as often as needed, no longer than
/// `cap` bytes in base64; `None` for a picture whose bytes do not fit its size.
pub fn png(picture: &Picture, most: (u32, u32), cap: usize) -> Option<Vec<u8>> {
    let (width, height) = (f64::from(picture.width), f64::from(picture.height));
    let mut share = (f64::from(most.0) / width).min(f64::from(most.1) / height).min(1.0);
    loop {
        let size = ((width * share).round().max(1.0) as usize, (height * share).round().max(1.0) as usize);
        let rgb = scale::scaled(picture, size, 0..size.1);
        let png = raster::png(size.0 as u32, size.1 as u32, &rgb).ok()?;
        if png.len().div_ceil(3) * 4 <= cap || size == (1, 1) {
            return Some(png);
        }
        share *= 0.75;
    }
}

/// Sends a picture under a number, to be shown in so many columns and rows.
pub fn send(number: u32, png: &[u8], (columns, rows): (u16, u16), through: bool) -> Vec<u8> {
    let text = base64::encode(png);
    let chunks = text.chunks(CHUNK).count();
    let mut out = Vec::with_capacity(text.len() + chunks * 32);
    for (i, chunk) in text.chunks(CHUNK).enumerate() {
        let more = u8::from(i + 1 < chunks);
        // q=2: no answers, which nobody waits for. f=100: PNG. U=1: shown where placeholders are.
        let head = match i {
            0 => format!("\x1b_Ga=T,U=1,q=2,f=100,i={number},c={columns},r={rows},m={more};"),
            _ => format!("\x1b_Gq=2,m={more};"),
        };
        let sequence = [head.as_bytes(), chunk, b"\x1b\\"].concat();
        write(&sequence, through, &mut out);
    }
    out
}

/// Deletes a picture and its pixels.
pub fn delete(number: u32, through: bool) -> Vec<u8> {
    let mut out = Vec::new();
    write(format!("\x1b_Ga=d,d=I,q=2,i={number}\x1b\\").as_bytes(), through, &mut out);
    out
}

fn write(sequence: &[u8], through: bool, out: &mut Vec<u8>) {
    if through {
        out.extend(through_tmux(sequence));
    } else {
        out.extend_from_slice(sequence);
    }
}

#[cfg(test)]
pub mod tests {
    use super::super::CAP;
    use super::*;
    use std::collections::BTreeMap;

    /// A terminal's memory: pictures by number, as columns, rows and the PNG's bytes. Panics on what Kitty would refuse.
    #[derive(Debug, Default)]
    pub struct Memory {
        /// What is kept.
        pub kept: BTreeMap<u32, (u16, u16, Vec<u8>)>,
        open: Option<(u32, u16, u16, Vec<u8>)>,
    }

    impl Memory {
        /// Takes all sequences among these bytes.
        pub fn read(&mut self, bytes: &[u8]) {
            let text = String::from_utf8_lossy(bytes);
            for sequence in text.split("\x1b_G").skip(1) {
                let (sequence, _) = sequence.split_once("\x1b\\").expect("every sequence ends");
                let (head, body) = sequence.split_once(';').unwrap_or((sequence, ""));
                let keys: BTreeMap<&str, &str> = head.split(',').map(|pair| pair.split_once('=').unwrap()).collect();
                let number = |key: &str| keys.get(key).map(|value| value.parse::<u32>().unwrap());
                assert!(body.len() <= 4096 && keys["q"] == "2");
                match keys.get("a") {
                    Some(&"d") => drop(self.kept.remove(&number("i").unwrap()).expect("what is deleted was there")),
                    Some(&"T") => {
                        assert!(self.open.is_none() && keys["U"] == "1" && keys["f"] == "100");
                        let size = |key| number(key).unwrap() as u16;
                        self.open = Some((number("i").unwrap(), size("c"), size("r"), body.as_bytes().to_vec()));
                    }
                    _ => self.open.as_mut().expect("a chunk goes on").3.extend_from_slice(body.as_bytes()),
                }
                if number("m") == Some(0) {
                    let (number, columns, rows, text) = self.open.take().unwrap();
                    self.kept.insert(number, (columns, rows, base64::decode(&text)));
                }
            }
        }
    }

    fn noise(width: u32, height: u32) -> Picture {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        Picture { width, height, rgb: (0..width * height * 3).map(|_| next()).collect() }
    }

    #[test]
    fn chunks_come_together_to_the_same_pixels() {
        let picture = noise(96, 80);
        let png = png(&picture, (1_000, 1_000), CAP).unwrap();
        let mut memory = Memory::default();
        memory.read(&send(7 << 24 | 3, &png, (16, 7), false));
        let (columns, rows, kept) = &memory.kept[&(7 << 24 | 3)];
        assert_eq!((*columns, *rows), (16, 7));
        let decoded = toji::data::decode::decode_bytes(kept, &Default::default()).unwrap();
        assert_eq!((decoded.width, decoded.height), (96, 80));
        assert_eq!(decoded.rgb[..], picture.rgb[..], "PNG loses nothing");
        memory.read(&delete(7 << 24 | 3, false));
        assert!(memory.kept.is_empty());
    }

    #[test]
    fn a_picture_keeps_to_the_cap_and_to_its_place() {
        // Noise does not compress: 300 × 300 would be 360 KB of base64.
        let large = png(&noise(300, 300), (1_000, 1_000), CAP).unwrap();
        assert!(large.len().div_ceil(3) * 4 <= CAP, "{}", large.len());
        let small = png(&noise(300, 200), (150, 160), CAP).unwrap();
        let decoded = toji::data::decode::decode_bytes(&small, &Default::default()).unwrap();
        assert_eq!((decoded.width, decoded.height), (150, 100));
        assert!(png(&Picture { width: 9, height: 9, rgb: [1; 3].into() }, (9, 9), CAP).is_none());
    }

    #[test]
    fn tmux_gets_every_escape_doubled() {
        let plain = send(5, &[1; 9_000], (4, 4), false);
        let wrapped = String::from_utf8(send(5, &[1; 9_000], (4, 4), true)).unwrap();
        let parts: Vec<&str> = wrapped.split("\x1bPtmux;").skip(1).collect();
        assert_eq!(parts.len(), 3, "one wrapping for each chunk");
        let unwrapped: String =
            parts.iter().map(|part| part.strip_suffix("\x1b\\").unwrap().replace("\x1b\x1b", "\x1b")).collect();
        assert_eq!(unwrapped.as_bytes(), plain);
    }
}
