//! One colour a recipe.
//!
//! Takes names, gives colours that people with any colour vision tell apart on white: the set of
//! Okabe and Ito (2008) without black and yellow, then darker ones of Paul Tol's "muted". A name's
//! colour comes from its hash, so it stays the same when recipes come and go; only where two names
//! meet does the one that sorts later move on.

/// Red, green, blue.
pub type Colour = [u8; 3];

/// The colours in order; after the tenth recipe they repeat, with other dashes (see `curves`).
pub const COLOURS: [Colour; 10] = [
    [0x00, 0x72, 0xb2], // blue
    [0xd5, 0x5e, 0x00], // vermilion
    [0x00, 0x9e, 0x73], // bluish green
    [0xcc, 0x79, 0xa7], // reddish purple
    [0xe6, 0x9f, 0x00], // orange
    [0x56, 0xb4, 0xe9], // sky blue
    [0x88, 0x22, 0x55], // wine
    [0x99, 0x99, 0x33], // olive
    [0x33, 0x22, 0x88], // indigo
    [0x66, 0x66, 0x66], // grey
];

/// The place in [`COLOURS`] of each name, in the order given. Equal names get equal places.
pub fn places(names: &[&str]) -> Vec<usize> {
    let mut sorted: Vec<&str> = names.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let mut taken = [0usize; COLOURS.len()];
    let mut chosen = std::collections::HashMap::new();
    for name in sorted {
        let first = (fnv(name) % COLOURS.len() as u64) as usize;
        let least = taken.iter().copied().min().unwrap_or(0);
        let place =
            (first..first + COLOURS.len()).map(|i| i % COLOURS.len()).find(|&i| taken[i] == least).unwrap_or(first);
        taken[place] += 1;
        chosen.insert(name, place);
    }
    names.iter().map(|name| chosen[name]).collect()
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo).
fn fnv(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    // The low bits of FNV are weak for short names; folding the high half in spreads them.
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325, step);
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_colour_and_no_two_share_one_while_there_are_enough() {
        let names = ["00-first-pour", "01-baseline", "02-arcface", "03-small-crops", "杜氏"];
        let alone: Vec<usize> = names.iter().map(|name| places(&[name])[0]).collect();
        let mut together = places(&names);
        let moved = alone.iter().zip(&together).filter(|(a, b)| a != b).count();
        assert!(moved <= 1, "{alone:?} {together:?}");
        assert_eq!(places(&["b", "a", "b"])[0], places(&["b", "a", "b"])[2]);
        together.sort_unstable();
        together.dedup();
        assert_eq!(together.len(), names.len());
        let many: Vec<String> = (0..23).map(|i| format!("recipe-{i}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let uses = places(&many).iter().fold([0; 10], |mut uses, &place| {
            uses[place] += 1;
            uses
        });
        assert!(uses.iter().all(|&n| n == 2 || n == 3), "{uses:?}");
    }
}
