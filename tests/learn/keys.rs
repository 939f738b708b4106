//! Every network's tensors have timm's names and shapes, and its preset is timm's default configuration.
//!
//! `tests/golden/backbone/keys.py` wrote keys.tsv out of timm itself.

use toji::learn::backbone::{Preset, Settings, presets, skeleton};

use super::golden::{fnv, lines, pool};

/// A preset's line, as keys.py writes it; `pool` is timm's default pooling, taken from the line itself.
fn line(preset: &Preset, word: &str) -> Vec<String> {
    let params = skeleton(&Settings::new(preset.name, pool(word), 1000)).expect("a network");
    let shape = |dims: &[usize]| dims.iter().map(|side| format!(" {side}")).collect::<String>();
    let mut keys: Vec<(&str, String)> = params.iter().map(|(_, name, t, _)| (name, shape(t.dims()))).collect();
    keys.sort();
    let text: String = keys.iter().map(|(name, shape)| format!("{name}{shape}\n")).collect();
    let spaced = |values: [f32; 3]| values.map(|v| v.to_string()).join(" ");
    vec![
        preset.name.to_owned(),
        params.len().to_string(),
        params.count().to_string(),
        format!("{:016x}", fnv(text.as_bytes())),
        word.to_owned(),
        if preset.tag.is_empty() { "-" } else { preset.tag }.to_owned(),
        spaced(preset.mean),
        spaced(preset.std),
        preset.interpolation.to_owned(),
        preset.input.to_string(),
        preset.crop.to_string(),
        preset.classifier.to_owned(),
    ]
}

/// Numbers as numbers, so that `1.0` is `1`.
fn normal(field: &str) -> String {
    let word = |word: &str| match word.parse::<f32>() {
        Ok(number) if word.contains('.') => number.to_string(),
        _ => word.to_owned(),
    };
    field.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn networks_consist_of_timms_tensors() {
    let known = lines("keys.tsv");
    let mut faults = Vec::new();
    for preset in presets() {
        let Some(timms) = known.iter().find(|line| line[0] == preset.name) else {
            let name = preset.name;
            faults.push(format!("{name}: keys.tsv lacks it; run python tests/golden/backbone/keys.py {name}"));
            continue;
        };
        let (ours, timms) = (line(preset, &timms[4]), timms.iter().map(|field| normal(field)).collect::<Vec<_>>());
        if ours != timms {
            faults.push(format!("ours {ours:?}\n  timm {timms:?}"));
        }
    }
    assert!(faults.is_empty(), "{} networks\n{}", faults.len(), faults.join("\n"));
}
