//! A few colours for many.
//!
//! Takes pixels; gives a palette by cutting their colours (at 5 bits a channel) into boxes, after Heckbert's median cut
//! (1982), and the nearest of its colours for any. A box is cut through its longest side, first the one whose side times
//! pixels is largest; not at the median but at the mean, which parts a few colours that are far from many others.

/// Levels a channel of the histogram: 5 bits.
const SHIFT: u8 = 3;
const BINS: usize = 1 << 15;
const UNKNOWN: u16 = u16::MAX;

/// Some colours, and which is nearest.
#[derive(Debug)]
pub struct Palette {
    /// The colours, in percent as Sixel counts them.
    pub percents: Vec<[u8; 3]>,
    colours: Vec<[i32; 3]>,
    nearest: Vec<u16>,
}

/// Pixels of one bin: its place, how many, the sum of each channel.
type Bin = (usize, u64, [u64; 3]);

fn channel(bin: usize, channel: usize) -> usize {
    bin >> (10 - 5 * channel) & 31
}

fn place([r, g, b]: [u8; 3]) -> usize {
    usize::from(r >> SHIFT) << 10 | usize::from(g >> SHIFT) << 5 | usize::from(b >> SHIFT)
}

/// The longest side of a box, and how long it is.
fn longest(bins: &[Bin]) -> (usize, usize) {
    let side = |c: usize| {
        let values = bins.iter().map(|bin| channel(bin.0, c));
        values.clone().max().unwrap_or(0) - values.min().unwrap_or(0)
    };
    (0..3).map(|c| (c, side(c))).max_by_key(|(_, length)| *length).unwrap_or((0, 0))
}

impl Palette {
    /// At most so many colours for these pixels.
    pub fn of(pixels: impl Iterator<Item = [u8; 3]>, most: usize) -> Palette {
        let mut histogram: Vec<(u64, [u64; 3])> = vec![(0, [0; 3]); BINS];
        for pixel in pixels {
            let (count, sums) = &mut histogram[place(pixel)];
            *count += 1;
            for (sum, value) in sums.iter_mut().zip(pixel) {
                *sum += u64::from(value);
            }
        }
        let full = histogram.iter().enumerate().filter(|(_, (count, _))| *count > 0);
        let mut bins: Vec<Bin> = full.map(|(at, (count, sums))| (at, *count, *sums)).collect();
        // Boxes as parts of `bins`, with their longest side and how much a cut is worth.
        let measured = |bins: &[Bin], from: usize, to: usize| {
            let (side, length) = longest(&bins[from..to]);
            let pixels: u64 = bins[from..to].iter().map(|bin| bin.1).sum();
            (from, to, side, length as u64 * pixels)
        };
        let mut boxes = Vec::new();
        if !bins.is_empty() {
            boxes.push(measured(&bins, 0, bins.len()));
        }
        while boxes.len() < most {
            let Some(at) = (0..boxes.len()).max_by_key(|&i| boxes[i].3).filter(|&i| boxes[i].3 > 0) else { break };
            let (from, to, side, _) = boxes[at];
            bins[from..to].sort_unstable_by_key(|bin| (channel(bin.0, side), bin.0));
            let weighed = bins[from..to].iter().map(|bin| (bin.1, bin.1 * channel(bin.0, side) as u64));
            let (pixels, sum) = weighed.fold((0, 0), |all, bin| (all.0 + bin.0, all.1 + bin.1));
            let above = |bin: &Bin| channel(bin.0, side) as u64 * pixels > sum;
            let cut = from + bins[from..to].partition_point(|bin| !above(bin)).clamp(1, to - from - 1);
            boxes[at] = measured(&bins, from, cut);
            boxes.push(measured(&bins, cut, to));
        }
        let percents: Vec<[u8; 3]> = boxes
            .iter()
            .map(|&(from, to, ..)| {
                let pixels: u64 = bins[from..to].iter().map(|bin| bin.1).sum();
                std::array::from_fn(|c| {
                    let sum: u64 = bins[from..to].iter().map(|bin| bin.2[c]).sum();
                    ((sum * 200 / 255 + pixels) / (2 * pixels)) as u8
                })
            })
            .collect();
        let colours = percents.iter().map(|percent| percent.map(|p| (i32::from(p) * 255 + 50) / 100)).collect();
        Palette { percents, colours, nearest: vec![UNKNOWN; BINS] }
    }

    /// The nearest colour's number, by the squared distance at 5 bits a channel.
    pub fn nearest(&mut self, colour: [u8; 3]) -> u16 {
        let at = place(colour);
        if self.nearest[at] == UNKNOWN {
            let wanted: [i32; 3] = std::array::from_fn(|c| (channel(at, c) << SHIFT | 4) as i32);
            let distance = |colour: &[i32; 3]| colour.iter().zip(wanted).map(|(a, b)| (a - b) * (a - b)).sum::<i32>();
            let found = self.colours.iter().enumerate().min_by_key(|(_, colour)| distance(colour));
            self.nearest[at] = found.map_or(0, |(i, _)| i as u16);
        }
        self.nearest[at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_colours_stay_what_they_are() {
        let three = [[255, 0, 0], [0, 255, 0], [102, 102, 102]];
        let mut palette = Palette::of(three.into_iter().cycle().take(99), 256);
        let found = three.map(|c| palette.nearest(c)).map(|i| palette.percents[usize::from(i)]);
        assert_eq!(found, [[100, 0, 0], [0, 100, 0], [40, 40, 40]]);
        assert_eq!(palette.percents.len(), 3);
        assert!(Palette::of(std::iter::empty(), 16).percents.is_empty());
    }

    #[test]
    fn a_cut_parts_what_is_far_apart() {
        // Many dark ones, a few bright ones: with two colours each gets its own.
        let pixels = (0..90).map(|i| [i / 8, 0, 0]).chain((0..10).map(|i| [250, 240 + i / 4, 250]));
        let palette = Palette::of(pixels, 2);
        let mut brightness: Vec<u32> = palette.percents.iter().map(|p| p.iter().map(|v| u32::from(*v)).sum()).collect();
        brightness.sort_unstable();
        assert!(brightness[0] < 10 && brightness[1] > 280, "{brightness:?}");
    }
}
