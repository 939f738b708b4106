//! Our side of the pairs `input-…`: what `peers/pipeline.py` does in Python, with Toji, on the same files and one thread.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use toji::base::progress::Silent;
use toji::base::{Cancel, Key, Seed};
use toji::data::augment::{Normalization, Pipeline};
use toji::data::batch::{Pack, Pictures, Reduction, pack};
use toji::data::decode::{Limits, Picture};
use toji::data::view::Seen;

use super::ours::{Memory, processor_seconds};
use super::pairs::Pair;

/// Seconds that are measured, after one walk that is not.
const SECONDS: f64 = 3.0;

/// What later epochs read: the smallest crop, 0.58 of a side, still is 224 pixels.
const REDUCTION: Reduction = Reduction { max_resolution: 400, jpeg_quality: 95 };

/// The operations, one by one.
const OPERATIONS: [(&str, &str); 3] = [
    ("crop", r#"{"op": "RandomResizedCrop", "size": [224, 224], "scale": [0.6, 1.0]}"#),
    ("flip", r#"{"op": "HorizontalFlip", "p": 0.5}"#),
    (
        "jitter",
        r#"{"op": "ColorJitter", "brightness": [0.8, 1.2], "contrast": [0.8, 1.2], "saturation": [0.8, 1.2], "hue": [-0.05, 0.05], "p": 0.8}"#,
    ),
];

/// Pictures per second by wall and processor time, memory as for networks, and milliseconds of each part. Nothing is kept from
/// walk to walk: each picture is decoded every time.
pub fn measure(pair: &Pair, folder: &Path) -> anyhow::Result<Value> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    files.sort();
    anyhow::ensure!(!files.is_empty(), "{} holds no pictures", folder.display());
    let pipelines =
        (1..=OPERATIONS.len()).map(|count| pipeline(&OPERATIONS[..count])).collect::<Result<Vec<_>, _>>()?;
    let whole = &pipelines[pipelines.len() - 1];
    let mut pictures = Pictures::new(files.clone(), Limits::default(), 0);
    let reduced = tempfile::tempdir()?;
    if pair.short == super::pairs::LATER {
        pictures = packed(pictures, &files, reduced.path())?;
    }
    let mut out = vec![0f32; whole.numbers()];
    let mut walk = |number: u64| -> anyhow::Result<()> {
        for i in 0..files.len() as u32 {
            let seed = Seed::new(1).at(number).at(u64::from(i));
            let seen = pictures.see(i, whole, seed, false)?;
            whole.apply_seen(&seen, None, seed, &Normalization::IMAGENET, &mut out);
        }
        Ok(())
    };
    let before = Memory::mark();
    walk(0)?;
    let (start, processor, mut walks) = (Instant::now(), processor_seconds(), 0);
    while start.elapsed().as_secs_f64() < SECONDS {
        walks += 1;
        walk(walks)?;
    }
    let (seconds, processor) = (start.elapsed().as_secs_f64(), processor_seconds() - processor);
    let (peak, growth) = before.since();
    let count = walks as f64 * files.len() as f64;
    Ok(json!({
        "value": count / seconds,
        "by_processor": count / processor,
        "peak_mib": peak,
        "step_mib": growth,
        "parts": parts(&pictures, &pipelines)?,
    }))
}

/// The pictures from a pack, as `[augment] cache` keeps them.
fn packed(pictures: Pictures, files: &[PathBuf], folder: &Path) -> anyhow::Result<Pictures> {
    let contents = files.iter().map(|file| Ok(Key::of_bytes(&std::fs::read(file)?)));
    let contents: Vec<Key> = contents.collect::<std::io::Result<_>>()?;
    let mut photos: Vec<(Key, PathBuf)> = contents.iter().copied().zip(files.iter().cloned()).collect();
    photos.sort();
    let photos: Vec<pack::Source> = photos.into_iter().map(|(key, file)| (key, file, None)).collect();
    pack::write(folder, &photos, &REDUCTION, &Limits::default(), &Silent, &Cancel::new())?;
    Ok(pictures.packed(Pack::open(folder)?, contents))
}

fn pipeline(operations: &[(&str, &str)]) -> anyhow::Result<Pipeline> {
    let list = operations.iter().map(|(_, operation)| *operation).collect::<Vec<_>>().join(", ");
    Ok(Pipeline::new("input", &serde_json::from_str(&format!("[{list}]"))?)?)
}

/// Milliseconds of each part for one picture. An operation's are what a list with it takes more than the list without it.
fn parts(pictures: &Pictures, pipelines: &[Pipeline]) -> anyhow::Result<Value> {
    const ROUNDS: u64 = 10;
    let mut seen: Vec<(Seen<Arc<Picture>>, Seed)> = Vec::new();
    let start = Instant::now();
    for round in 0..ROUNDS {
        seen.clear();
        for i in 0..pictures.len() as u32 {
            let seed = Seed::new(2).at(round).at(u64::from(i));
            seen.push((pictures.see(i, &pipelines[0], seed, false)?, seed));
        }
    }
    let each = |start: Instant| start.elapsed().as_secs_f64() * 1e3 / (ROUNDS as f64 * pictures.len() as f64);
    let mut parts = json!({ "decode": each(start) });
    let mut before = 0.0;
    for (pipeline, (name, _)) in pipelines.iter().zip(OPERATIONS) {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            seen.iter().for_each(|(seen, seed)| drop(std::hint::black_box(pipeline.picture_seen(seen, None, *seed))));
        }
        let all = each(start);
        parts[name] = json!(all - before);
        before = all;
    }
    let last = &pipelines[pipelines.len() - 1];
    let made: Vec<Picture> = seen.iter().map(|(seen, seed)| last.picture_seen(seen, None, *seed)).collect();
    let mut out = vec![0f32; last.numbers()];
    let start = Instant::now();
    for _ in 0..ROUNDS {
        made.iter().for_each(|picture| Normalization::IMAGENET.write(picture, &mut out));
    }
    parts["normalise"] = json!(each(start));
    Ok(parts)
}
