//! All photos in one pass, remembered.
//!
//! Takes files with the keys of their contents; gives their [`Measures`]. What was measured is kept in one file by content, so that a
//! photo is decoded once however often it is listed or moved, and a pass that was stopped goes on where it was. The file has magic,
//! entries sorted by content, and BLAKE3 of all of it; a torn or older one counts as empty.

use std::collections::HashMap;
use std::path::Path;

use super::{Measures, SMALL};
use crate::base::{Cancel, Key, Progress};
use crate::data::error::DataError;
use crate::data::picture::decode::{self, Limits};
use crate::data::picture::remembered::Memory;

const MAGIC: &[u8; 16] = b"toji measure 01\n";
/// Bytes of an entry: content, pixels, hash, width, height, orientation, five numbers, the small picture.
const ENTRY: usize = 32 + 32 + 8 + 4 + 4 + 1 + 5 * 8 + SMALL * SMALL;

/// The measures of pictures, each given by its content and its file (relative to `root`, or absolute), through the file `cache`;
/// `None` where a picture cannot be decoded.
///
/// # Errors
/// When asked to stop (what was measured until then is remembered), or when the cache cannot be written.
pub fn measured(
    root: &Path,
    pictures: &[(Key, &Path)],
    limits: &Limits,
    cache: &Path,
    cancel: &Cancel,
    progress: &dyn Progress,
) -> Result<Vec<Option<Measures>>, DataError> {
    let look = |path: &Path| measure(&root.join(path), limits);
    Memory { file: cache, parse, print }.of(pictures, look, "measuring pictures", cancel, progress)
}

fn measure(path: &Path, limits: &Limits) -> Option<Measures> {
    let bytes = decode::read_limited(path, limits).ok()?;
    Measures::of(&decode::decode_bytes(&bytes, limits).ok()?, decode::orientation(&bytes))
}

fn print(known: &HashMap<Key, Measures>) -> Vec<u8> {
    let mut sorted: Vec<(&Key, &Measures)> = known.iter().collect();
    sorted.sort_unstable_by_key(|(key, _)| **key);
    let mut out = Vec::with_capacity(MAGIC.len() + sorted.len() * ENTRY + 32);
    out.extend(MAGIC);
    for (key, m) in sorted {
        out.extend(key.as_bytes());
        out.extend(m.pixels.as_bytes());
        out.extend(m.hash.to_le_bytes());
        out.extend(m.width.to_le_bytes());
        out.extend(m.height.to_le_bytes());
        out.push(m.orientation);
        numbers(m).iter().for_each(|number| out.extend(number.to_le_bytes()));
        out.extend(m.small);
    }
    let sum = Key::of_bytes(&out);
    out.extend(sum.as_bytes());
    out
}

fn numbers(m: &Measures) -> [f64; 5] {
    [m.brightness_perc_5, m.brightness_perc_99, m.blurriness, m.blurriness_grayscale_std, m.entropy]
}

fn parse(bytes: &[u8]) -> Option<HashMap<Key, Measures>> {
    let (body, sum) = bytes.split_last_chunk::<32>()?;
    if Key::of_bytes(body).as_bytes() != sum {
        return None;
    }
    let (entries, rest) = body.strip_prefix(MAGIC)?.as_chunks::<ENTRY>();
    if rest.is_empty() { entries.iter().map(entry).collect() } else { None }
}

fn entry(bytes: &[u8; ENTRY]) -> Option<(Key, Measures)> {
    let mut rest = bytes.as_slice();
    let content = Key::from_bytes(take(&mut rest)?);
    let pixels = Key::from_bytes(take(&mut rest)?);
    let hash = u64::from_le_bytes(take(&mut rest)?);
    let (width, height) = (u32::from_le_bytes(take(&mut rest)?), u32::from_le_bytes(take(&mut rest)?));
    let [orientation] = take(&mut rest)?;
    let mut number = || Some(f64::from_le_bytes(take(&mut rest)?));
    let (brightness_perc_5, brightness_perc_99) = (number()?, number()?);
    let (blurriness, blurriness_grayscale_std, entropy) = (number()?, number()?, number()?);
    let measures = Measures {
        width,
        height,
        orientation,
        brightness_perc_5,
        brightness_perc_99,
        blurriness,
        blurriness_grayscale_std,
        entropy,
        pixels,
        hash,
        small: take(&mut rest)?,
    };
    Some((content, measures))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::base::files;
    use crate::base::progress::Silent;

    #[test]
    fn what_was_measured_is_remembered() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample/images");
        let mut files: Vec<_> = fs::read_dir(&root).unwrap().flatten().map(|entry| entry.path()).collect();
        files.sort();
        let pictures: Vec<(Key, &Path)> =
            files.iter().take(5).map(|file| (Key::of_bytes(&fs::read(file).unwrap()), file.as_path())).collect();
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("measures.cache");
        let look = |pictures: &[(Key, &Path)], cancel: &Cancel| {
            measured(&root, pictures, &Limits::default(), &cache, cancel, &Silent)
        };
        let found = look(&pictures, &Cancel::new()).unwrap();
        assert!(found.iter().all(|m| m.as_ref().is_some_and(|m| m.orientation == 1 && m.blurriness > 1.0)));
        // Known by content: the files may be gone.
        let lost: Vec<(Key, &Path)> = pictures.iter().map(|(key, _)| (*key, Path::new("/nowhere"))).collect();
        assert_eq!(look(&lost, &Cancel::new()).unwrap(), found);
        let unknown = [(Key::of_bytes(b"other"), Path::new("/nowhere"))];
        assert_eq!(look(&unknown, &Cancel::new()).unwrap(), [None]);
        let bytes = fs::read(&cache).unwrap();
        assert_eq!(print(&parse(&bytes).unwrap()), bytes);
        assert!(parse(&bytes[..bytes.len() - 1]).is_none() && parse(b"").is_none());
        // A broken cache is made anew; a wish to stop is heard.
        files::publish(&cache, &bytes[..100]).unwrap();
        assert_eq!(look(&pictures, &Cancel::new()).unwrap(), found);
        fs::remove_file(&cache).unwrap();
        let cancel = Cancel::new();
        cancel.cancel();
        assert!(matches!(look(&pictures, &cancel), Err(DataError::Cancelled(_))));
    }
}
