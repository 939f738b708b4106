//! Everything that a run may say.
//!
//! A closed enum, one JSON object a line with its time, appended to `events.jsonl` by the run's only
//! writer. It knows no learning: curves are [`Event::Point`]s of a named series. A viewer of another
//! version reads kinds it does not know as [`Event::Unknown`] and fields it does not know not at all.
//! JSON has no NaN and no infinity, but a loss may be either: they are written as text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::{Key, Time};

/// One line of `events.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// When it was said.
    pub at: Time,
    /// What was said.
    #[serde(flatten)]
    pub event: Event,
}

/// What a run may say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A process began to work on the run: its first attempt, or a further one after a crash.
    RunStarted {
        /// Name of the recipe.
        recipe: String,
        /// "smoke", "holdout", "full".
        rung: String,
        /// Process id, for people.
        pid: u32,
        /// Its command line.
        command: Vec<String>,
        /// Machine and device.
        machine: String,
        /// 1, 2, …
        attempt: u32,
    },
    /// A stage begins.
    StageStarted {
        /// Name of the stage.
        stage: String,
        /// "fold 0", or "".
        #[serde(default)]
        part: String,
        /// Its artefact.
        key: Key,
        /// Why it runs.
        reason: String,
        /// What it should take; absent without history.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seconds: Option<f64>,
    },
    /// A stage's artefact was there.
    StageReused {
        /// Name of the stage.
        stage: String,
        /// "fold 0", or "".
        #[serde(default)]
        part: String,
        /// Its artefact.
        key: Key,
    },
    /// A stage's artefact is published.
    StageFinished {
        /// Name of the stage.
        stage: String,
        /// "fold 0", or "".
        #[serde(default)]
        part: String,
        /// Its artefact.
        key: Key,
        /// What it took in this attempt.
        seconds: f64,
        /// Size of the artefact.
        bytes: u64,
    },
    /// A stage could not be finished.
    StageFailed {
        /// Name of the stage.
        stage: String,
        /// "fold 0", or "".
        #[serde(default)]
        part: String,
        /// Why.
        error: String,
    },
    /// Something is being counted. Coalesced by the writer: only the newest matters.
    Progress {
        /// Name of the stage.
        stage: String,
        /// "fold 0", or "".
        #[serde(default)]
        part: String,
        /// What is being done: "decode", "train".
        what: String,
        /// Done so far.
        done: u64,
        /// Of how many; 0 when not known.
        total: u64,
        /// "images", "batches".
        unit: String,
    },
    /// A point of a curve. It supersedes the points of its series that do not lie before it.
    Point {
        /// "loss", "MRR@20", "lr".
        series: String,
        /// "fold 0", or "".
        #[serde(default)]
        part: String,
        /// Where: epochs, with a fraction.
        #[serde(with = "any_number")]
        x: f64,
        /// How much; may be NaN or infinite.
        #[serde(with = "any_number")]
        value: f64,
    },
    /// From here on an epoch of this part has so many steps: where its points lie when they are counted in steps.
    Steps {
        /// "fold 0", or "".
        #[serde(default)]
        part: String,
        /// From where: epochs.
        #[serde(with = "any_number")]
        x: f64,
        /// Steps of the optimiser in an epoch.
        per_epoch: u64,
    },
    /// Work went back to a checkpoint: points of this part beyond `x` are superseded, not deleted.
    Rewind {
        /// "fold 0", or "".
        #[serde(default)]
        part: String,
        /// Where it goes on from.
        #[serde(with = "any_number")]
        x: f64,
    },
    /// A result.
    Metric {
        /// "MRR@20".
        name: String,
        /// "fold 0", or "" for the whole recipe.
        #[serde(default)]
        part: String,
        /// How much.
        #[serde(with = "any_number")]
        value: f64,
        /// 95 % interval.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        interval: Option<[f64; 2]>,
        /// Over how many (queries).
        #[serde(default)]
        count: u64,
        /// The artefact that holds the details.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<Key>,
    },
    /// What was decided about a training, with its grounds.
    Decision {
        /// "fold 0".
        part: String,
        /// Epochs finished.
        epoch: usize,
        /// Who decided: "PairedBootstrap".
        decider: String,
        /// "stop", "go-on", "promote".
        advice: String,
        /// Why, in words.
        reason: String,
        /// The numbers that it rests on, by name.
        #[serde(default)]
        evidence: BTreeMap<String, f64>,
        /// Whether it was carried out without asking.
        #[serde(default)]
        acted: bool,
    },
    /// Something worth reading.
    Note {
        /// One line.
        text: String,
    },
    /// Something to look at, though the run goes on.
    Warning {
        /// One line.
        text: String,
    },
    /// The run ended as it should.
    RunFinished {
        /// What this attempt took.
        seconds: f64,
    },
    /// The run ended by an error.
    RunFailed {
        /// The error.
        error: String,
    },
    /// The run ended on request.
    RunStopped {
        /// Whose: "asked by the user", "cannot win any more".
        reason: String,
    },
    /// A kind that this version does not know.
    #[serde(other)]
    Unknown,
}

/// A number that may be NaN or infinite.
mod any_number {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        if number.is_finite() { serializer.serialize_f64(*number) } else { serializer.collect_str(number) }
    }

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(f64),
        Text(String),
        Nothing(()),
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Ok(match Written::deserialize(deserializer)? {
            Written::Number(number) => number,
            Written::Text(text) => text.parse().map_err(serde::de::Error::custom)?,
            Written::Nothing(()) => f64::NAN,
        })
    }
}

impl Line {
    /// The line as it stands in the file, with its line end.
    ///
    /// # Errors
    /// Never for these types; kept so that no writer has to assume it.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut text = serde_json::to_vec(self)?;
        text.push(b'\n');
        Ok(text)
    }

    /// Reads a line. `None` for what is no event: a line that was torn by a kill.
    pub fn from_json(text: &[u8]) -> Option<Line> {
        Line::of_point(text).or_else(|| serde_json::from_slice(text).ok())
    }

    /// A point as it is mostly written. A log has hardly anything else, and the general way looks at each field twice.
    fn of_point(text: &[u8]) -> Option<Line> {
        #[derive(Deserialize)]
        struct Plain<'a> {
            at: Time,
            event: &'a str,
            series: &'a str,
            #[serde(default)]
            part: &'a str,
            x: f64,
            value: f64,
        }
        const WORD: &[u8] = br#""event":"point""#;
        text.get(..48)?.windows(WORD.len()).find(|window| *window == WORD)?;
        let plain: Plain<'_> = serde_json::from_slice(text).ok().filter(|plain: &Plain<'_>| plain.event == "point")?;
        let (series, part) = (plain.series.to_owned(), plain.part.to_owned());
        Some(Line { at: plain.at, event: Event::Point { series, part, x: plain.x, value: plain.value } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(event: Event) -> String {
        String::from_utf8(Line { at: Time(12.5), event }.to_json().unwrap()).unwrap()
    }

    #[test]
    fn a_line_is_one_flat_object() {
        let point = Event::Point { series: "loss".into(), part: "fold 0".into(), x: 0.5, value: 2.0 };
        insta::assert_snapshot!(
            text(point).trim_end(),
            @r#"{"at":12.5,"event":"point","series":"loss","part":"fold 0","x":0.5,"value":2.0}"#
        );
    }

    #[test]
    fn every_number_survives() {
        for value in [1.5, -0.0, 3.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let event = Event::Point { series: "loss".into(), part: String::new(), x: 1.0, value };
            let read = Line::from_json(text(event).as_bytes()).unwrap();
            let Event::Point { value: back, .. } = read.event else { panic!("{read:?}") };
            assert!(back.to_bits() == value.to_bits() || (back.is_nan() && value.is_nan()), "{value} → {back}");
        }
        let null = br#"{"at":1,"event":"point","series":"loss","x":1,"value":null}"#;
        let Some(Line { event: Event::Point { value, .. }, .. }) = Line::from_json(null) else { panic!() };
        assert!(value.is_nan());
    }

    #[test]
    fn other_versions_are_survived() {
        let newer = br#"{"at":1.0,"event":"teleported","where":[1,2,{"x":null}]}"#;
        assert_eq!(Line::from_json(newer), Some(Line { at: Time(1.0), event: Event::Unknown }));
        let wider = br#"{"at":1.0,"event":"note","text":"hm","colour":"red"}"#;
        assert_eq!(Line::from_json(wider).map(|l| l.event), Some(Event::Note { text: "hm".into() }));
        assert_eq!(Line::from_json(br#"{"at":1.0,"event":"no"#), None);
        assert_eq!(Line::from_json(b"\xff\xfe"), None);
    }
}
