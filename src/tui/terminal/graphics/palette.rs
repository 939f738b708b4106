//! A few colours for many.
//!
//! Takes pixels; gives a palette by cutting their colours (at 5 bits a channel) into boxes, after Heckbert's median cut
//! (1982), and the box of each. A box is cut through its longest side, first the one whose side times pixels is largest; not
//! at the median but at the mean, which parts a few colours that are far from many others, and needs no sorting.

/// Levels a channel of the histogram: 5 bits.
const SHIFT: u8 = 3;
const BINS: usize = 1 << 15;

/// Some colours, and which stands for which.
#[derive(Debug)]
pub struct Palette {
    /// The colours, in percent as Sixel counts them.
    pub percents: Vec<[u8; 3]>,
    numbers: Vec<u16>,
}

/// Pixels of one bin: its place, how many, the sum of each channel.
type Bin = (usize, u64, [u64; 3]);

fn channel(bin: usize, channel: usize) -> usize {
    bin >> (10 - 5 * channel) & 31
}

fn place([r, g, b]: [u8; 3]) -> usize {
    usize::from(r >> SHIFT) << 10 | usize::from(g >> SHIFT) << 5 | usize::from(b >> SHIFT)
}

/// Some bins, the longest side of their box, and how much a cut through it is worth.
struct Cut {
    from: usize,
    to: usize,
    side: usize,
    worth: u64,
}

impl Cut {
    fn of(bins: &[Bin], from: usize, to: usize) -> Cut {
        let (mut low, mut high, mut pixels) = ([31; 3], [0; 3], 0);
        for (at, count, _) in &bins[from..to] {
            for c in 0..3 {
                let value = channel(*at, c);
                (low[c], high[c]) = (value.min(low[c]), value.max(high[c]));
            }
            pixels += count;
        }
        let length = |c: usize| high[c].saturating_sub(low[c]);
        let side = (0..3).max_by_key(|c| length(*c)).unwrap_or(0);
        Cut { from, to, side, worth: length(side) as u64 * pixels }
    }

    /// Brings the bins above the mean of the side behind the others; where they begin.
    fn part(&self, bins: &mut [Bin]) -> usize {
        let bins = &mut bins[self.from..self.to];
        let level = |bin: &Bin| channel(bin.0, self.side) as u64;
        let (pixels, sum) = bins.iter().fold((0, 0), |all, bin| (all.0 + bin.1, all.1 + bin.1 * level(bin)));
        let mut below = 0;
        for i in 0..bins.len() {
            if level(&bins[i]) * pixels <= sum {
                bins.swap(i, below);
                below += 1;
            }
        }
        self.from + below
    }
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
        let mut boxes: Vec<Cut> = (!bins.is_empty()).then(|| Cut::of(&bins, 0, bins.len())).into_iter().collect();
        while boxes.len() < most {
            // A side with a length has bins on both sides of its mean.
            let Some(at) = (0..boxes.len()).max_by_key(|&i| boxes[i].worth).filter(|&i| boxes[i].worth > 0) else {
                break;
            };
            let Cut { from, to, .. } = boxes[at];
            let cut = boxes[at].part(&mut bins);
            boxes[at] = Cut::of(&bins, from, cut);
            boxes.push(Cut::of(&bins, cut, to));
        }
        let mut numbers = vec![0; BINS];
        for (number, Cut { from, to, .. }) in boxes.iter().enumerate() {
            bins[*from..*to].iter().for_each(|bin| numbers[bin.0] = number as u16);
        }
        let percents: Vec<[u8; 3]> = boxes
            .iter()
            .map(|Cut { from, to, .. }| {
                let pixels: u64 = bins[*from..*to].iter().map(|bin| bin.1).sum();
                std::array::from_fn(|c| {
                    let sum: u64 = bins[*from..*to].iter().map(|bin| bin.2[c]).sum();
                    ((sum * 200 / 255 + pixels) / (2 * pixels)) as u8
                })
            })
            .collect();
        Palette { percents, numbers }
    }

    /// The number of the colour that stands for this one, which must have been among the pixels.
    pub fn number(&self, colour: [u8; 3]) -> u16 {
        self.numbers[place(colour)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_colours_stay_what_they_are() {
        let three = [[255, 0, 0], [0, 255, 0], [102, 102, 102]];
        let palette = Palette::of(three.into_iter().cycle().take(99), 256);
        let found = three.map(|c| palette.number(c)).map(|i| palette.percents[usize::from(i)]);
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
