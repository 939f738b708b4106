//! How a picture looks, in 64 bits: a perceptual hash, by which near copies are found.
//!
//! Takes pixels; gives a number that hardly changes when a picture is saved anew, shrunk or lightened: `imagehash.phash`, the
//! signs of the 64 lowest frequencies about their median (Zauner 2010; 32 × 32 grey pixels, here by area instead of Lanczos).
//! Two photos with few differing bits look the same, though they may be two bottles under one light. Hashes cost a decoding
//! each, at an eighth of the sides where that is enough, and are remembered by the content of the file.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::OnceLock;

use super::decode::{self, Header, Limits, Picture};
use super::remembered::Memory;
use super::view::View;
use crate::base::{Cancel, Key, Progress};
use crate::data::error::DataError;

/// Pixels a side that the transform sees.
const SIDE: usize = 32;
/// Frequencies a side that are kept.
const KEPT: usize = 8;
/// A reduced picture keeps at least so many pixels a side, so that areas are averaged and not picked.
const ENOUGH: u32 = 4 * SIDE as u32;
const MAGIC: &[u8; 16] = b"toji looks 0001\n";

/// The hash of a picture. Bit 63 is the lowest frequency, as the first digit of imagehash's text.
pub fn hash(picture: &Picture) -> u64 {
    let small: [[f64; SIDE]; SIDE] = grey(picture);
    let waves = waves();
    // Along the rows, then down the columns; frequencies beyond the eighth are never computed.
    let mut across = [[0.0; KEPT]; SIDE];
    for (row, out) in small.iter().zip(&mut across) {
        for (wave, out) in waves.iter().zip(out) {
            *out = row.iter().zip(wave).map(|(pixel, wave)| pixel * wave).sum();
        }
    }
    let mut low = [0.0; KEPT * KEPT];
    for (v, wave) in waves.iter().enumerate() {
        for u in 0..KEPT {
            low[v * KEPT + u] = across.iter().zip(wave).map(|(row, wave)| row[u] * wave).sum::<f64>();
        }
    }
    let mut sorted = low;
    sorted.sort_by(f64::total_cmp);
    let median = (sorted[KEPT * KEPT / 2 - 1] + sorted[KEPT * KEPT / 2]) / 2.0;
    low.iter().fold(0, |bits, value| bits << 1 | u64::from(*value > median))
}

/// The first cosines of the discrete transform (type II, not normalised).
fn waves() -> &'static [[f64; SIDE]; KEPT] {
    static WAVES: OnceLock<[[f64; SIDE]; KEPT]> = OnceLock::new();
    WAVES.get_or_init(|| {
        let angle = |k: usize, n: usize| std::f64::consts::PI * k as f64 * (2 * n + 1) as f64 / (2 * SIDE) as f64;
        std::array::from_fn(|k| std::array::from_fn(|n| 2.0 * angle(k, n).cos()))
    })
}

/// The light of a colour, 0 to 255, by Rec. 601 as Pillow's mode L rounds it.
pub fn light([r, g, b]: [u8; 3]) -> u8 {
    ((u32::from(r) * 19_595 + u32::from(g) * 38_470 + u32::from(b) * 7_471 + 0x8000) >> 16) as u8
}

/// The picture as N × N grey areas, row by row, each the mean of what lies in there (0 to 255); black for a picture without pixels.
pub fn grey<const N: usize>(picture: &Picture) -> [[f64; N]; N] {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let mut sums = [[0.0; N]; N];
    if width == 0 || height == 0 {
        return sums;
    }
    // Each pixel's share of each area: what of its length lies in there.
    let shares = |length: usize| -> Vec<Vec<(usize, f64)>> {
        let scale = length as f64 / N as f64;
        let area = |i: usize| {
            let (from, to) = (i as f64 * scale, (i + 1) as f64 * scale);
            let covered = |p: usize| ((p + 1) as f64).min(to) - (p as f64).max(from);
            (from as usize..(to.ceil() as usize).min(length)).map(|p| (p, covered(p) / scale)).collect()
        };
        (0..N).map(area).collect()
    };
    let (columns, rows) = (shares(width), shares(height));
    let light = |x: usize, y: usize| {
        let at = 3 * (y * width + x);
        f64::from(light([picture.rgb[at], picture.rgb[at + 1], picture.rgb[at + 2]]))
    };
    for (row, ys) in sums.iter_mut().zip(&rows) {
        for &(y, tall) in ys {
            for (sum, xs) in row.iter_mut().zip(&columns) {
                *sum += tall * xs.iter().map(|&(x, wide)| wide * light(x, y)).sum::<f64>();
            }
        }
    }
    sums
}

/// The hashes of pictures, each given by its content and its file (relative to `root`, or absolute), through the file `cache`;
/// `None` where a picture cannot be decoded.
///
/// # Errors
/// When asked to stop (what was looked at until then is remembered), or when the cache cannot be written.
pub fn hashes(
    root: &Path,
    pictures: &[(Key, &Path)],
    limits: &Limits,
    cache: &Path,
    cancel: &Cancel,
    progress: &dyn Progress,
) -> Result<Vec<Option<u64>>, DataError> {
    let look = |path: &Path| {
        let seen = decode::decode_view(&root.join(path), limits, reduced).ok()?;
        Some(hash(&seen.picture))
    };
    Memory { file: cache, parse, print }.of(pictures, look, "looking for near copies", cancel, progress)
}

/// The smallest of a half, a quarter and an eighth of the sides that is large enough.
fn reduced(header: Header) -> View {
    let least = header.width.min(header.height);
    let denominator = [8, 4, 2].into_iter().find(|by| least / by >= ENOUGH).unwrap_or(1);
    View { denominator, window: None }
}

/// Calls `pair` with the places of hashes that differ in at most `radius` bits, at least often enough that all that are near,
/// through whatever steps, are joined by the pairs.
///
/// Equal hashes are found by sorting. Of two that differ in r bits one of r + 1 parts of the 64 bits is equal (pigeonhole), so
/// only hashes that share a part are compared.
pub fn near(hashes: &[Option<u64>], radius: u32, mut pair: impl FnMut(usize, usize)) {
    let mut first: BTreeMap<u64, usize> = BTreeMap::new();
    for (place, hash) in hashes.iter().enumerate().filter_map(|(place, hash)| Some((place, (*hash)?))) {
        match first.get(&hash) {
            Some(&other) => pair(other, place),
            None => drop(first.insert(hash, place)),
        }
    }
    if radius == 0 {
        return;
    }
    let all: Vec<(u64, usize)> = first.into_iter().collect();
    let parts = u64::from(radius.min(63)) + 1;
    for part in 0..parts {
        let (from, to) = (64 * part / parts, 64 * (part + 1) / parts);
        let cut = |hash: u64| (hash >> from) & (u64::MAX >> (64 - (to - from)));
        let mut sharing: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        all.iter().enumerate().for_each(|(i, (hash, _))| sharing.entry(cut(*hash)).or_default().push(i));
        for group in sharing.values() {
            for (n, &a) in group.iter().enumerate() {
                for &b in &group[n + 1..] {
                    if (all[a].0 ^ all[b].0).count_ones() <= radius {
                        pair(all[a].1, all[b].1);
                    }
                }
            }
        }
    }
}

/// Magic, entries sorted by content (32 bytes of key, 8 of hash, little-endian), BLAKE3 of all of it.
fn print(known: &HashMap<Key, u64>) -> Vec<u8> {
    let mut sorted: Vec<(&Key, &u64)> = known.iter().collect();
    sorted.sort_unstable();
    let mut out = MAGIC.to_vec();
    for (key, hash) in sorted {
        out.extend(key.as_bytes());
        out.extend(hash.to_le_bytes());
    }
    let sum = Key::of_bytes(&out);
    out.extend(sum.as_bytes());
    out
}

fn parse(bytes: &[u8]) -> Option<HashMap<Key, u64>> {
    let (body, sum) = bytes.split_last_chunk::<32>()?;
    if Key::of_bytes(body).as_bytes() != sum {
        return None;
    }
    let (entries, rest) = body.strip_prefix(MAGIC)?.as_chunks::<40>();
    let entry = |entry: &[u8; 40]| {
        let (key, hash) = entry.split_first_chunk::<32>()?;
        Some((Key::from_bytes(*key), u64::from_le_bytes(hash.try_into().ok()?)))
    };
    if rest.is_empty() { entries.iter().map(entry).collect() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use std::fs;

    use super::*;
    use crate::base::progress::Silent;

    /// Waves of three frequencies, which no pixel is alone in.
    fn drawn(width: u32, height: u32, phase: f64, lighter: f64) -> Picture {
        let at = |x: u32, y: u32| {
            let (x, y) = (f64::from(x) / f64::from(width), f64::from(y) / f64::from(height));
            let light =
                120.0 + 60.0 * (5.0 * x + phase).sin() + 40.0 * (9.0 * y - phase).cos() + 20.0 * (7.0 * (x + y)).sin();
            [(light + lighter) as u8, (light + lighter) as u8, (light * 0.9 + lighter) as u8]
        };
        let rgb = (0..height).flat_map(|y| (0..width).flat_map(move |x| at(x, y))).collect();
        Picture { width, height, rgb }
    }

    #[test]
    fn near_copies_are_near_and_others_are_not() {
        let base = hash(&drawn(400, 300, 0.3, 0.0));
        for copy in [drawn(200, 150, 0.3, 0.0), drawn(133, 100, 0.3, 0.0), drawn(400, 300, 0.3, 12.0)] {
            assert!((base ^ hash(&copy)).count_ones() <= 4, "{:064b}", base ^ hash(&copy));
        }
        assert!((base ^ hash(&drawn(400, 300, 2.5, 0.0))).count_ones() > 12);
    }

    /// `imagehash.phash` of the sample's photos, made by tests/golden/folds/looks.py.
    #[test]
    fn imagehash_says_nearly_the_same() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(root.join("tests/golden/folds/looks.tsv")).unwrap();
        let rows: Vec<(&str, u64)> = text
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .map(|(file, hash)| (file, u64::from_str_radix(hash, 16).unwrap()))
            .collect();
        let limits = Limits::default();
        let own: Vec<u64> =
            rows.iter().map(|(file, _)| hash(&decode::decode(&root.join(file), &limits).unwrap())).collect();
        let far = |a: u64, b: u64| (a ^ b).count_ones();
        let worst = rows.iter().zip(&own).map(|((_, theirs), own)| far(*theirs, *own)).max();
        assert!(rows.len() >= 20 && worst <= Some(4), "{worst:?} bits");
        // A reduced picture has nearly the same hash too.
        for ((file, _), own) in rows.iter().zip(&own) {
            let seen = decode::decode_view(&root.join(file), &limits, reduced).unwrap();
            assert!(far(hash(&seen.picture), *own) <= 4, "{file}");
        }
    }

    #[test]
    fn what_was_looked_at_is_remembered() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample/images");
        let mut files: Vec<_> = fs::read_dir(&root).unwrap().flatten().map(|entry| entry.path()).collect();
        files.sort();
        let pictures: Vec<(Key, &Path)> =
            files.iter().take(5).map(|file| (Key::of_bytes(&fs::read(file).unwrap()), file.as_path())).collect();
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("looks.cache");
        let look = |root: &Path, cancel: &Cancel| hashes(root, &pictures, &Limits::default(), &cache, cancel, &Silent);
        let found = look(&root, &Cancel::new()).unwrap();
        assert!(found.iter().all(Option::is_some));
        let lost: Vec<(Key, &Path)> = pictures.iter().map(|(key, _)| (*key, Path::new("/nowhere"))).collect();
        assert_eq!(hashes(&root, &lost, &Limits::default(), &cache, &Cancel::new(), &Silent).unwrap(), found);
        let bytes = fs::read(&cache).unwrap();
        assert_eq!(print(&parse(&bytes).unwrap()), bytes);
        assert!(parse(&bytes[..bytes.len() - 1]).is_none() && parse(b"").is_none());
        fs::remove_file(&cache).unwrap();
        let cancel = Cancel::new();
        cancel.cancel();
        assert!(matches!(look(&root, &cancel), Err(DataError::Cancelled(_))));
    }

    proptest! {
        /// The pairs join exactly what comparing all with all joins.
        #[test]
        fn pairs_join_what_is_near(seeds in prop::collection::vec((0u64..6, prop::collection::vec(0u32..64, 0..5)), 0..40), radius in 0u32..9) {
            let hashes: Vec<Option<u64>> = seeds
                .iter()
                .map(|(seed, flips)| {
                    let base = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
                    (*seed > 0).then(|| flips.iter().fold(base, |hash, flip| hash ^ (1 << flip)))
                })
                .collect();
            let joined = |pairs: &[(usize, usize)]| {
                let mut set: Vec<usize> = (0..hashes.len()).collect();
                for &(a, b) in pairs {
                    let (from, to) = (set[a], set[b]);
                    set.iter_mut().filter(|of| **of == from).for_each(|of| *of = to);
                }
                (0..hashes.len()).flat_map(|a| (0..a).map(move |b| (a, b))).map(|(a, b)| set[a] == set[b]).collect::<Vec<_>>()
            };
            let mut pairs = Vec::new();
            near(&hashes, radius, |a, b| pairs.push((a, b)));
            let close = |a: usize, b: usize| matches!((hashes[a], hashes[b]), (Some(a), Some(b)) if (a ^ b).count_ones() <= radius);
            prop_assert!(pairs.iter().all(|&(a, b)| close(a, b)));
            let naive: Vec<(usize, usize)> =
                (0..hashes.len()).flat_map(|a| (0..a).map(move |b| (a, b))).filter(|&(a, b)| close(a, b)).collect();
            prop_assert_eq!(joined(&pairs), joined(&naive));
        }
    }
}
