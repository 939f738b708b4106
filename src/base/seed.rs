//! Randomness as a pure function of where it is used.
//!
//! Takes a seed and the names of a place (epoch, slot, image, technique); gives a stream of numbers
//! that depends on nothing else: not on threads, not on what was drawn elsewhere, not on a resume.
//! The mixing is SplitMix64 (Steele, Lea, Flood 2014), whose output passes BigCrush; the stream
//! itself is the same function in counter mode. Integers only, so every CPU gives the same bits.

/// A place in the tree of random streams. Cheap to copy; `at` goes one level down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(u64);

/// A stream of numbers that belongs to one [`Seed`].
#[derive(Clone, Debug)]
pub struct Draws {
    state: u64,
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Seed {
    /// The root for a recipe's `seed`.
    pub fn new(seed: u64) -> Self {
        Seed(mix(seed.wrapping_add(GOLDEN)))
    }

    /// The stream tree below this one with the given number (an epoch, a slot, an image's index).
    pub fn at(self, place: u64) -> Self {
        Seed(mix(self.0 ^ mix(place.wrapping_add(GOLDEN))).wrapping_add(GOLDEN))
    }

    /// The stream tree below this one with the given name (a technique, a stage).
    pub fn named(self, name: &str) -> Self {
        name.bytes().fold(self.at(name.len() as u64), |seed, byte| seed.at(u64::from(byte)))
    }

    /// The stream of numbers of this place.
    pub fn draws(self) -> Draws {
        Draws { state: self.0 }
    }
}

impl Draws {
    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }

    /// Uniform in `0..n` without bias (Lemire 2019). Panics for `n == 0`: there is nothing to draw.
    pub fn below(&mut self, n: u64) -> u64 {
        assert!(n > 0, "a draw needs at least one choice");
        let threshold = n.wrapping_neg() % n;
        loop {
            let wide = u128::from(self.bits()) * u128::from(n);
            if (wide as u64) >= threshold {
                return (wide >> 64) as u64;
            }
        }
    }

    /// Uniform integer in `low..=high`.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = (high.wrapping_sub(low) as u64).wrapping_add(1);
        if span == 0 { self.bits() as i64 } else { low.wrapping_add(self.below(span) as i64) }
    }

    /// Uniform in `[0, 1)`, 53 bits.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in `[low, high)`.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Standard normal (Box and Muller 1958; one of the pair is thrown away to stay stateless).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Shuffles in place (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u64 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_numbers_never_change() {
        let mut draws = Seed::new(7).named("augment").at(3).draws();
        let first: Vec<u64> = (0..3).map(|_| draws.below(1000)).collect();
        assert_eq!(first, FIRST);
    }

    // Written down once: artefacts in every store depend on them.
    const FIRST: [u64; 3] = [471, 208, 813];

    #[test]
    fn places_are_independent() {
        let root = Seed::new(1);
        assert_ne!(root.at(0), root.at(1));
        assert_ne!(root.at(0).at(1), root.at(1).at(0));
        assert_ne!(root.named("ab"), root.named("ba"));
        assert_ne!(root.named(""), root);
    }

    #[test]
    fn uniform_and_normal_have_their_moments() {
        let mut draws = Seed::new(3).draws();
        let n = 20_000;
        let mean = (0..n).map(|_| draws.unit()).sum::<f64>() / f64::from(n);
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        let normals: Vec<f64> = (0..n).map(|_| draws.normal()).collect();
        let mean = normals.iter().sum::<f64>() / f64::from(n);
        let variance = normals.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(n);
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
    }

    #[test]
    fn below_reaches_all_and_only_its_choices() {
        let mut draws = Seed::new(5).draws();
        let mut seen = [0u32; 7];
        for _ in 0..7_000 {
            seen[draws.below(7) as usize] += 1;
        }
        assert!(seen.iter().all(|&n| (850..1150).contains(&n)), "{seen:?}");
        assert!((0..200).all(|_| (-3..=4).contains(&draws.between(-3, 4))));
    }

    #[test]
    fn shuffle_keeps_every_item() {
        let mut items: Vec<u32> = (0..100).collect();
        Seed::new(9).draws().shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
