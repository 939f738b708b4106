//! Sixel, DEC's graphics of 1983.
//!
//! Takes the pixels of a rectangle of cells; gives one sequence that draws them at the cursor. Pixels that are not drawn
//! stay as they are, so a rectangle may have holes. Colours come from a palette ([`super::palette`]), without dithering:
//! dithered runs do not compress. Where the sequence is longer than its cap it is made again with fewer colours.
//!
//! DEC, VT330/VT340 Programmer Reference Manual, volume 2, chapter 14.

use super::palette::Palette;
use super::regions::Pixels;

/// More colours are hardly seen in a small photo, and each makes the sequence longer.
const MOST: u16 = 128;

/// Draws the pixels with at most so many colours, in at most `cap` bytes or else with four colours.
pub fn show(pixels: &Pixels, most: u16, cap: usize) -> Vec<u8> {
    let mut colours = usize::from(most.min(MOST));
    loop {
        let bytes = encode(pixels, colours);
        if bytes.len() <= cap || colours <= 4 {
            return bytes;
        }
        // Twice too long wants about a quarter of the colours.
        colours = if bytes.len() > 2 * cap { colours / 4 } else { colours / 2 }.max(4);
    }
}

/// Sixels are columns of six pixels.
const BAND: usize = 6;
const HOLE: u16 = u16::MAX;

fn encode(pixels: &Pixels, colours: usize) -> Vec<u8> {
    let (width, height) = (pixels.width, pixels.height);
    let drawn = || pixels.rgb.chunks_exact(3).zip(&pixels.drawn);
    let colour = |p: &[u8]| [p[0], p[1], p[2]];
    let palette = Palette::of(drawn().filter(|(_, drawn)| **drawn).map(|(p, _)| colour(p)), colours);
    let numbers: Vec<u16> = drawn().map(|(p, drawn)| if *drawn { palette.number(colour(p)) } else { HOLE }).collect();
    // P2 = 1: what is not drawn stays. Square pixels, and the picture's size.
    let mut out = format!("\x1bP0;1;0q\"1;1;{width};{height}").into_bytes();
    for (number, [r, g, b]) in palette.percents.iter().enumerate() {
        out.extend_from_slice(format!("#{number};2;{r};{g};{b}").as_bytes());
    }
    let mut lines = vec![Line::default(); palette.percents.len()];
    for (i, rows) in numbers.chunks(BAND * width.max(1)).enumerate() {
        if i > 0 {
            out.push(b'-');
        }
        band(rows, width, &mut lines, &mut out);
    }
    out.extend_from_slice(b"\x1b\\");
    out
}

/// One colour's sixels in a band, as far as they are written.
#[derive(Clone, Default)]
struct Line {
    bytes: Vec<u8>,
    /// The run that may go on: its bits, and how many columns it has.
    bits: u8,
    length: usize,
    /// The column behind it.
    end: usize,
}

impl Line {
    fn put(&mut self, column: usize, bits: u8) {
        if self.length > 0 && self.end == column && self.bits == bits {
            self.length += 1;
        } else {
            run(self.bits, self.length, &mut self.bytes);
            run(0, column - self.end, &mut self.bytes);
            (self.bits, self.length) = (bits, 1);
        }
        self.end = column + 1;
    }

    /// Writes the whole line, and is empty again.
    fn finish(&mut self, out: &mut Vec<u8>) {
        run(self.bits, self.length, &mut self.bytes);
        out.append(&mut self.bytes);
        (self.bits, self.length, self.end) = (0, 0, 0);
    }
}

/// Six rows, one line for each colour that occurs in them. A column has six colours at most, so that the work does not grow
/// with the palette.
fn band(rows: &[u16], width: usize, lines: &mut [Line], out: &mut Vec<u8>) {
    let mut used: Vec<u16> = Vec::new();
    for x in 0..width {
        let mut column: [(u16, u8); BAND] = [(HOLE, 0); BAND];
        let mut count = 0;
        for (y, row) in rows.chunks_exact(width).enumerate() {
            let number = row[x];
            match column[..count].iter_mut().find(|(known, _)| *known == number) {
                Some((_, bits)) => *bits |= 1 << y,
                None => {
                    column[count] = (number, 1 << y);
                    count += 1;
                }
            }
        }
        for (number, bits) in column[..count].iter().filter(|(number, _)| *number != HOLE) {
            let line = &mut lines[usize::from(*number)];
            if line.end == 0 {
                used.push(*number);
            }
            line.put(x, *bits);
        }
    }
    for (i, number) in used.iter().enumerate() {
        if i > 0 {
            // Back to the band's beginning, for the next colour.
            out.push(b'$');
        }
        out.extend_from_slice(format!("#{number}").as_bytes());
        lines[usize::from(*number)].finish(out);
    }
}

/// The same sixel so many times.
fn run(bits: u8, times: usize, out: &mut Vec<u8>) {
    let sign = b'?' + bits;
    if times > 3 {
        out.extend_from_slice(format!("!{times}").as_bytes());
        out.push(sign);
    } else {
        out.extend(std::iter::repeat_n(sign, times));
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// What a terminal draws of a sequence: the size it names and its pixels, in percent; `None` where nothing is drawn.
    pub fn drawn(bytes: &[u8]) -> (usize, usize, Vec<Option<[u8; 3]>>) {
        let text = std::str::from_utf8(bytes).unwrap();
        let text = text.strip_prefix("\x1bP0;1;0q\"1;1;").unwrap().strip_suffix("\x1b\\").unwrap();
        let end = text.find(['#', '-']).unwrap_or(text.len());
        let (width, height) = text[..end].split_once(';').unwrap();
        let (width, height): (usize, usize) = (width.parse().unwrap(), height.parse().unwrap());
        let mut pixels = vec![None; width * height];
        let mut palette = std::collections::BTreeMap::new();
        let (mut x, mut y, mut colour, mut times) = (0, 0, [0; 3], 1);
        let mut rest = &text[end..];
        while let Some(sign) = rest.chars().next() {
            rest = &rest[1..];
            let digits = |rest: &mut &str, signs: &[char]| {
                let end = rest.find(|c: char| !c.is_ascii_digit() && !signs.contains(&c)).unwrap_or(rest.len());
                let (taken, after) = rest.split_at(end);
                *rest = after;
                taken.split(';').map(|n| n.parse::<usize>().unwrap()).collect::<Vec<_>>()
            };
            match sign {
                '#' => match digits(&mut rest, &[';'])[..] {
                    [number] => colour = palette[&number],
                    [number, 2, r, g, b] => drop(palette.insert(number, [r as u8, g as u8, b as u8])),
                    ref other => panic!("{other:?}"),
                },
                '!' => times = digits(&mut rest, &[])[0],
                '$' => x = 0,
                '-' => (x, y) = (0, y + BAND),
                sixel => {
                    let bits = sixel as u8 - b'?';
                    assert!(bits < 64 && x + times <= width);
                    for (column, row) in (x..x + times).flat_map(|x| (0..BAND).map(move |row| (x, row))) {
                        if bits >> row & 1 == 1 {
                            pixels[(y + row) * width + column] = Some(colour);
                        }
                    }
                    x += times;
                    times = 1;
                }
            }
        }
        (width, height, pixels)
    }

    fn pixels(width: usize, height: usize, at: impl Fn(usize, usize) -> Option<[u8; 3]>) -> Pixels {
        let all: Vec<_> = (0..width * height).map(|i| at(i % width, i / width)).collect();
        let rgb = all.iter().flat_map(|pixel| pixel.unwrap_or_default()).collect();
        Pixels { width, height, rgb, drawn: all.iter().map(Option::is_some).collect() }
    }

    #[test]
    fn few_colours_come_back_exactly_and_holes_stay_holes() {
        let percent = |p: u8| (u16::from(p) * 255 / 100) as u8;
        let at = |x: usize, y: usize| match (x, y) {
            (4..9, 3..20) => None,
            _ => Some([percent(10 * (x as u8 / 3)), percent(20 * (y as u8 / 5)), percent(60)]),
        };
        let whole = pixels(21, 23, at);
        let (width, height, found) = drawn(&show(&whole, 256, usize::MAX));
        assert_eq!((width, height), (21, 23));
        for y in 0..23 {
            for x in 0..21 {
                let expected = at(x, y).map(|p| p.map(|v| (u16::from(v) * 200 / 255).div_ceil(2) as u8));
                assert_eq!(found[y * 21 + x], expected, "{x}, {y}");
            }
        }
    }

    #[test]
    fn a_photo_is_near_and_the_cap_takes_colours() {
        // A smooth picture with many colours.
        let at = |x: usize, y: usize| Some([(x * 2) as u8, (y * 2) as u8, ((x + y) / 2) as u8]);
        let photo = pixels(120, 100, at);
        let bytes = show(&photo, 256, usize::MAX);
        let (.., found) = drawn(&bytes);
        let mut sum = 0.0;
        for (i, pixel) in found.iter().enumerate() {
            let wanted = at(i % 120, i / 120).unwrap();
            let pixel = pixel.unwrap();
            let distance = pixel.iter().zip(wanted).map(|(p, w)| (f64::from(*p) * 2.55 - f64::from(w)).abs());
            sum += distance.sum::<f64>() / 3.0;
        }
        assert!(sum / 12_000.0 < 6.0, "mean distance {}", sum / 12_000.0);
        let capped = show(&photo, 256, bytes.len() / 2);
        assert!(capped.len() <= bytes.len() / 2);
        let (.., found) = drawn(&capped);
        assert!(found.iter().all(Option::is_some), "fewer colours, not fewer pixels");
        assert_eq!(drawn(&show(&pixels(3, 7, |_, _| None), 256, 100)).2, [None; 21]);
    }
}
