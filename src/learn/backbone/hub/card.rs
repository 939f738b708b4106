//! What weights say of themselves: the picture that they expect, and their licence.
//!
//! Takes timm's `config.json` (its `pretrained_cfg`, or the same keys at the top level, as older repositories have them), a
//! safetensors file's header, or a model card's front matter. What is not said there is the preset's.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{HubError, description_beside};
use crate::base::files::{self, FileError};
use crate::base::{Key, KeyWriter};
use crate::learn::backbone::Preset;

/// The picture that weights expect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// Mean of the red, green and blue of pictures scaled to `0..=1`.
    pub mean: [f32; 3],
    /// Standard deviation of the same, above 0.
    pub std: [f32; 3],
    /// "bicubic", "bilinear", …: how pictures are resized.
    pub interpolation: String,
    /// Side of the square, in pixels.
    pub input: usize,
    /// Part of a picture's shorter side that is kept for evaluation, above 0 and at most 1.
    pub crop: f32,
}

impl Expected {
    /// What the published weights of a preset expect.
    pub fn of(preset: &Preset) -> Expected {
        let Preset { mean, std, interpolation, input, crop, .. } = *preset;
        Expected { mean, std, interpolation: interpolation.to_owned(), input, crop }
    }

    /// What a file of weights expects, from the description beside it (`NAME.json`, `config.json`) or the key `pretrained_cfg` of
    /// its header; `None` where nothing is said.
    ///
    /// # Errors
    /// When a description is there and is none, or is of another network.
    pub fn beside(weights: &Path, preset: &Preset) -> Result<Option<Expected>, HubError> {
        if let Some(file) = description_beside(weights) {
            return Expected::read(&file, preset).map(Some);
        }
        let Some(text) = in_header(weights)? else { return Ok(None) };
        let wrong = |what: String| HubError::Config { file: weights.to_owned(), what };
        let value = serde_json::from_str(&text).map_err(|error| wrong(format!("pretrained_cfg: {error}")))?;
        from_json(&value, preset).map(Some).map_err(wrong)
    }

    /// The file beside a file of weights that describes them, where there is one.
    pub fn file_beside(weights: &Path) -> Option<PathBuf> {
        description_beside(weights)
    }

    /// What a `config.json` says.
    ///
    /// # Errors
    /// When it is none, or is of another network.
    pub fn read(file: &Path, preset: &Preset) -> Result<Expected, HubError> {
        let wrong = |what: String| HubError::Config { file: file.to_owned(), what };
        let value = serde_json::from_slice(&files::read(file)?).map_err(|error| wrong(error.to_string()))?;
        from_json(&value, preset).map_err(wrong)
    }

    /// A key of all of it.
    pub fn key(&self) -> Key {
        let mut key = KeyWriter::new("expected picture");
        for number in self.mean.iter().chain(&self.std).chain([&self.crop]) {
            key.number(u64::from(number.to_bits()));
        }
        key.bytes(self.interpolation.as_bytes()).number(self.input as u64).finish()
    }
}

fn from_json(value: &Value, preset: &Preset) -> Result<Expected, String> {
    let own = Expected::of(preset);
    if let Some(name) = value.get("architecture").and_then(Value::as_str)
        && name != preset.name
    {
        return Err(format!("these are weights of {name}, and [backbone] name is {}", preset.name));
    }
    let table = value.get("pretrained_cfg").filter(|table| table.is_object()).unwrap_or(value);
    let three = |name: &str, own: [f32; 3]| -> Result<[f32; 3], String> {
        let Some(list) = table.get(name) else { return Ok(own) };
        let numbers: Vec<f32> =
            list.as_array().into_iter().flatten().filter_map(Value::as_f64).map(|x| x as f32).collect();
        <[f32; 3]>::try_from(numbers).map_err(|_| format!("{name} should be three numbers, and is {list}"))
    };
    let (mean, std) = (three("mean", own.mean)?, three("std", own.std)?);
    if std.iter().any(|x| !x.is_finite() || *x <= 0.0) || mean.iter().any(|x| !x.is_finite()) {
        return Err(format!("mean {mean:?} and std {std:?} are no statistics of pictures"));
    }
    let crop = table.get("crop_pct").and_then(Value::as_f64).map_or(own.crop, |x| x as f32);
    if !(crop > 0.0 && crop <= 1.0) {
        return Err(format!("crop_pct should be above 0 and at most 1, and is {crop}"));
    }
    let side = table.get("input_size").and_then(Value::as_array).and_then(|size| size.last()?.as_u64());
    let interpolation = table.get("interpolation").and_then(Value::as_str);
    Ok(Expected {
        mean,
        std,
        interpolation: interpolation.map_or(own.interpolation, str::to_owned),
        input: side.map_or(own.input, |side| side as usize),
        crop,
    })
}

/// The text under `pretrained_cfg` in a safetensors file's header, without reading the tensors.
fn in_header(weights: &Path) -> Result<Option<String>, HubError> {
    use std::io::Read;
    let failed = || FileError::at("cannot read", weights);
    let mut file = std::fs::File::open(weights).map_err(failed())?;
    let mut length = [0u8; 8];
    if file.read_exact(&mut length).is_err() {
        return Ok(None);
    }
    let length = u64::from_le_bytes(length);
    // A header of more than 16 MiB is no header; whoever loads the tensors says so.
    if length > 1 << 24 {
        return Ok(None);
    }
    let mut header = Vec::new();
    file.take(length).read_to_end(&mut header).map_err(failed())?;
    let header: Option<Value> = serde_json::from_slice(&header).ok();
    Ok(header.and_then(|h| h.get("__metadata__")?.get("pretrained_cfg")?.as_str().map(str::to_owned)))
}

/// The licence of weights: from the front matter of a model card (`license: apache-2.0`), or from a `config.json`.
pub fn licence(card: Option<&Path>, config: Option<&Path>) -> Option<String> {
    let in_card = || {
        let text = files::read_text(card?).ok()?;
        let front = text.strip_prefix("---")?.split("\n---").next()?.to_owned();
        let of = |key: &str| {
            let value = front.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?.trim();
            Some(value.trim_matches(['"', '\'']).to_owned()).filter(|value| !value.is_empty())
        };
        // "other" has a name of its own beside it.
        of("license").filter(|licence| licence != "other").or_else(|| of("license_name")).or_else(|| of("license"))
    };
    let in_config = || {
        let value: Value = serde_json::from_slice(&files::read(config?).ok()?).ok()?;
        let table = value.get("pretrained_cfg").unwrap_or(&value);
        table.get("license").and_then(Value::as_str).map(str::to_owned)
    };
    in_card().or_else(in_config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::backbone::preset;

    #[test]
    fn a_description_wins_over_the_preset_where_it_speaks() {
        let preset = preset("resnet18").expect("a preset");
        let read = |text: &str| from_json(&serde_json::from_str(text).expect("json"), preset);
        let new = read(
            r#"{"architecture": "resnet18", "pretrained_cfg": {"mean": [0.5, 0.5, 0.5], "crop_pct": 0.9,
                "interpolation": "bilinear", "input_size": [3, 160, 192]}}"#,
        )
        .expect("a description");
        assert_eq!((new.mean, new.std, new.crop, new.input), ([0.5; 3], preset.std, 0.9, 192));
        assert_eq!(new.interpolation, "bilinear");
        assert_eq!(read("{}").expect("silence"), Expected::of(preset));
        let old = read(r#"{"architecture": "resnet18", "std": [0.5, 0.5, 0.25]}"#).expect("an old description");
        assert_eq!(old.std, [0.5, 0.5, 0.25]);
        assert_ne!(old.key(), new.key());
        let other = read(r#"{"architecture": "resnet50"}"#).expect_err("another network");
        insta::assert_snapshot!(other, @"these are weights of resnet50, and [backbone] name is resnet18");
        assert!(read(r#"{"std": [0, 1, 1]}"#).is_err() && read(r#"{"mean": [1]}"#).is_err());
        assert!(read(r#"{"crop_pct": 2.0}"#).is_err());
    }

    #[test]
    fn licences_of_cards_and_configs() {
        let folder = tempfile::tempdir().expect("a folder");
        let of = |card: &str, config: &str| {
            let (a, b) = (folder.path().join("README.md"), folder.path().join("config.json"));
            crate::base::files::publish(&a, card.as_bytes()).expect("written");
            crate::base::files::publish(&b, config.as_bytes()).expect("written");
            licence(Some(&a), Some(&b))
        };
        assert_eq!(of("---\ntags:\n- timm\nlicense: apache-2.0\n---\n# Card\n", "{}").as_deref(), Some("apache-2.0"));
        assert_eq!(of("---\nlicense: other\nlicense_name: dinov3\n---\n", "{}").as_deref(), Some("dinov3"));
        assert_eq!(of("# no front\nlicense: x\n", r#"{"pretrained_cfg": {"license": "mit"}}"#).as_deref(), Some("mit"));
        assert_eq!(of("", "{}"), None);
    }
}
