//! What a brand looks like.
//!
//! Takes (seed, meigara, brand): brands of one meigara share bottle, cap, characters and plan of the
//! label. The first has the colours of the meigara; each further one has other small print, and half
//! of them other colours as well. Colours come from few palettes, so many meigara share theirs: who
//! knows colours only, cannot tell them apart.

use super::glyph::Hand;
use super::raster::Rgb;
use crate::base::Seed;
use crate::base::seed::Draws;

/// A brand's bottle and label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The bottle without its label.
    pub bottle: Bottle,
    /// The label.
    pub label: Label,
}

/// Lengths are in 1024ths of the body's half width, measured down from the label's centre.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bottle {
    /// Colour of the glass.
    pub glass: Rgb,
    /// Strength of the reflection on the glass, 0 to 256.
    pub gloss: i32,
    /// Half width of the neck.
    pub neck: i32,
    /// Where the neck ends and the shoulder begins.
    pub shoulder_top: i32,
    /// Where the shoulder ends and the body begins.
    pub shoulder_bottom: i32,
    /// How the shoulder swells: 0 straight, 1 like an S, 2 bulging.
    pub swell: u8,
    /// The upper end of the cap.
    pub top: i32,
    /// The lower end of the cap or of the foil over it.
    pub cap_bottom: i32,
    /// Half width of the cap.
    pub cap_width: i32,
    /// Colour of the cap.
    pub cap: Rgb,
    /// A paper band round the neck.
    pub band: Option<Rgb>,
    /// The lower end.
    pub bottom: i32,
}

/// The paper and what is printed on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Background.
    pub paper: Rgb,
    /// Large characters.
    pub ink: Rgb,
    /// Bands, seals, crests.
    pub accent: Rgb,
    /// What is printed under the characters.
    pub pattern: Pattern,
    /// Where things stand.
    pub layout: Layout,
    /// The large characters: the name of the meigara.
    pub name: Vec<Seed>,
    /// The small characters: what kind of sake it is. Brands of one meigara always differ here.
    pub print: Vec<Seed>,
    /// Hand of the large characters.
    pub hand: Hand,
    /// Whether lines run round the edge: none, one, two.
    pub border: u8,
    /// Salt of the illegible fine text and of the paper's grain.
    pub grain: u32,
    /// Half of the angle that the label covers, in 4096ths of a turn.
    pub half_angle: i32,
    /// Half of the label's height, as the bottle's lengths.
    pub half_height: i32,
}

/// Background print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Nothing.
    Plain,
    /// The grain of handmade paper.
    Washi,
    /// Overlapping arcs, 青海波.
    Waves,
    /// Slanting stripes.
    Stripes,
    /// Hills along the lower edge.
    Hills,
    /// A disc behind the characters.
    Sun,
    /// Fading into the accent towards the lower edge.
    Fade,
}

/// Plan of the label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// The name from top to bottom in the middle, small print at the left.
    Column,
    /// The name from top to bottom at the right, small print at the left, a seal.
    Aside,
    /// One huge character, small print in a row below it.
    Single,
    /// The name from left to right at the top, a crest, small print in a row below.
    Row,
    /// The name in paper colour on a band of the accent, small print at its side.
    Band,
    /// An oval label with the name and a row of small print.
    Oval,
}

/// How many meigara share a house's colours.
const MEIGARA_OF_A_HOUSE: u64 = 3;

/// Paper, ink, accent.
const PALETTES: [[Rgb; 3]; 8] = [
    [[238, 236, 228], [24, 22, 24], [178, 32, 36]],
    [[228, 214, 182], [58, 34, 22], [190, 72, 28]],
    [[26, 25, 28], [206, 172, 90], [150, 30, 34]],
    [[28, 44, 92], [236, 236, 230], [186, 190, 200]],
    [[150, 26, 36], [240, 228, 206], [212, 170, 84]],
    [[206, 222, 200], [22, 66, 40], [186, 48, 44]],
    [[206, 222, 236], [26, 42, 98], [70, 130, 180]],
    [[200, 196, 204], [30, 26, 34], [98, 54, 120]],
];

const GLASS: [Rgb; 7] =
    [[78, 42, 18], [22, 56, 34], [62, 112, 66], [24, 24, 28], [38, 82, 132], [172, 194, 196], [226, 222, 212]];

const CAPS: [Rgb; 6] = [[184, 150, 70], [30, 30, 32], [176, 34, 38], [206, 208, 210], [36, 66, 130], [240, 238, 232]];

impl Look {
    /// The look of a brand: number `variant` (from 0) of a meigara.
    pub fn of(seed: Seed, meigara: u64, variant: u64) -> Look {
        let root = seed.named("meigara").at(meigara);
        let base = Look::first(root, seed.named("house").at(meigara / MEIGARA_OF_A_HOUSE));
        if variant == 0 { base } else { base.varied(root.named("brand").at(variant), variant) }
    }

    fn first(root: Seed, house: Seed) -> Look {
        let draws = &mut root.named("look").draws();
        let style = &mut house.draws();
        let [paper, ink, accent] = PALETTES[style.below(8) as usize].map(|colour| near(colour, 9, draws));
        let layout = [Layout::Column, Layout::Aside, Layout::Single, Layout::Row, Layout::Band, Layout::Oval]
            [draws.below(6) as usize];
        let pattern = [
            Pattern::Plain,
            Pattern::Washi,
            Pattern::Waves,
            Pattern::Stripes,
            Pattern::Hills,
            Pattern::Sun,
            Pattern::Fade,
        ][draws.below(7) as usize];
        let characters = match layout {
            Layout::Single => 1,
            Layout::Oval => 1 + draws.below(2),
            _ => 2 + draws.below(2),
        };
        let hand = [
            Hand { across: 16, down: 30, taper: 256, wander: 2 },
            Hand { across: 26, down: 34, taper: 150, wander: 14 },
            Hand { across: 28, down: 28, taper: 256, wander: 0 },
        ][draws.below(3) as usize];
        let wide = layout == Layout::Row || draws.below(4) == 0;
        let label = Label {
            paper,
            ink,
            accent,
            pattern,
            layout,
            name: (0..characters).map(|i| root.named("name").at(i)).collect(),
            print: print(root.named("print")),
            hand,
            border: draws.below(3) as u8,
            grain: draws.bits() as u32,
            half_angle: if wide { draws.between(760, 860) } else { draws.between(560, 680) } as i32,
            half_height: draws.between(1020, 1380) as i32,
        };
        Look { bottle: Bottle::drawn(draws, style), label }
    }

    fn varied(mut self, own: Seed, variant: u64) -> Look {
        self.label.print = print(own.named("print"));
        let draws = &mut own.named("look").draws();
        // The second brand of a meigara differs by small print alone in half of the cases, the third in a quarter.
        if draws.below(4) < 1 + variant.min(2) {
            let [paper, ink, accent] = PALETTES[draws.below(8) as usize].map(|colour| near(colour, 9, draws));
            self.label.paper = paper;
            self.label.ink = ink;
            self.label.accent = accent;
            if draws.below(2) == 0 {
                self.bottle.cap = near(CAPS[draws.below(6) as usize], 8, draws);
            }
        }
        self
    }
}

impl Bottle {
    fn drawn(draws: &mut Draws, style: &mut Draws) -> Bottle {
        let kind = style.below(7) as usize;
        let shoulder_bottom = -(draws.between(1560, 1900) as i32);
        let shoulder_top = shoulder_bottom - draws.between(500, 1500) as i32;
        let cap_bottom = shoulder_top - draws.between(250, 900) as i32;
        let neck = draws.between(330, 470) as i32;
        let foil = draws.below(3) == 0;
        Bottle {
            glass: near(GLASS[kind], 10, draws),
            gloss: if kind >= 5 { 60 } else { draws.between(110, 190) as i32 },
            neck,
            shoulder_top,
            shoulder_bottom,
            swell: draws.below(3) as u8,
            top: cap_bottom - if foil { 1000 } else { 420 },
            cap_bottom: if foil { cap_bottom + 160 } else { cap_bottom },
            cap_width: neck + if foil { 10 } else { 40 },
            cap: near(CAPS[style.below(6) as usize], 8, draws),
            band: (draws.below(3) == 0).then(|| near(PALETTES[draws.below(8) as usize][0], 8, draws)),
            bottom: draws.between(1900, 2300) as i32,
        }
    }
}

fn print(root: Seed) -> Vec<Seed> {
    (0..3 + root.draws().below(2)).map(|i| root.at(i)).collect()
}

/// A colour up to `by` away on each channel.
pub fn near(colour: Rgb, by: i64, draws: &mut Draws) -> Rgb {
    colour.map(|v| (i64::from(v) + draws.between(-by, by)).clamp(0, 255) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_brands_differ_in_small_print_only() {
        let seed = Seed::new(1);
        let mut only_print = 0;
        for meigara in 0..60 {
            let (first, second) = (Look::of(seed, meigara, 0), Look::of(seed, meigara, 1));
            assert_ne!(first.label.print, second.label.print);
            assert_eq!(first.label.name, second.label.name);
            let same = Look { label: Label { print: first.label.print.clone(), ..second.label }, ..second };
            only_print += usize::from(same == first);
        }
        assert!((18..45).contains(&only_print), "{only_print} of 60");
    }
}
