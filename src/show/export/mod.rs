//! Runs, trainings and rows in the forms of other tools.
//!
//! Takes what [`crate::session::errands::export`] gathered; gives files.
//!
//! - [`table`]: Parquet and CSV, for polars, pandas, DuckDB and spreadsheets;
//! - [`tensorboard`]: event files, a folder for each training;
//! - [`wandb`]: folders as an offline run of wandb leaves them, one for each training;
//! - [`folder`]: many files below one folder, which are replaced by the next export and leave others alone.
//!
//! `record`, `protobuf` and `crc` are what the two logs are made of, `arrow` names a table's types. All bytes follow from what was recorded: no time of writing, no machine's
//! name besides the recorded one, so an export that is done again is the same file.

mod arrow;
mod crc;
pub mod folder;
mod protobuf;
mod record;
pub mod table;
pub mod tensorboard;
pub mod wandb;

use serde_json::Value as Json;

use crate::base::Value;

/// Settings by dotted name, in order: flags, numbers and texts as they are, lists as JSON.
fn flat(settings: &Value) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    crate::session::board::facts::walk(settings, &mut String::new(), &mut |name, value| {
        let value = match value {
            Value::List(_) => Value::Text(json(value).to_string()),
            value => value.clone(),
        };
        found.push((name.to_owned(), value));
    });
    found
}

/// A setting as JSON.
fn json(value: &Value) -> Json {
    serde_json::to_value(value).unwrap_or(Json::Null)
}

#[cfg(test)]
mod tests {
    use crate::base::{Time, Value};
    use crate::dag::Measured;
    use crate::session::Slot;
    use crate::session::errands::export::trainings::{Point, Told, Training};

    /// A run of two epochs of ten steps.
    pub(super) fn told() -> Told {
        let mut settings = Value::table();
        settings.set("loss.name", Value::Text("ArcFaceLoss".into()));
        settings.set("loss.margin", Value::Float(17.25));
        settings.set("train.epochs", Value::Int(2));
        settings.set("train.ema", Value::Bool(true));
        settings.set("post.steps", Value::List(vec![Value::Text("pca".into())]));
        let point = |step: i64, value: f64| Point {
            step,
            epoch: step as f64 / 10.0,
            time: 1_700_000_000.0 + step as f64,
            value,
        };
        let score = Measured {
            name: "MRR@20".into(),
            part: String::new(),
            value: 0.5,
            interval: Some([0.4, 0.6]),
            count: 12,
            key: None,
            at: Time(1_700_000_030.0),
        };
        let loss = vec![point(5, 3.5), point(10, 2.25), point(20, f64::NAN)];
        let series = vec![("MRR@20".to_owned(), vec![point(10, 0.25), point(20, 0.5)]), ("loss".to_owned(), loss)];
        Told {
            recipe: "02-純米".into(),
            run: "20231114-221320-000-ab12-02-純米".into(),
            rung: "smoke".into(),
            state: "finished",
            started: Time(1_700_000_000.0),
            ended: Some(Time(1_700_000_031.5)),
            seconds: 31.5,
            machine: "a machine".into(),
            settings,
            score: Some(score.clone()),
            trainings: vec![Training { slot: Slot::of_fold(0), score: Some(score), series }],
            by_epochs: false,
        }
    }

    #[test]
    fn settings_have_dotted_names() {
        let found = super::flat(&told().settings);
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["loss.margin", "loss.name", "post.steps", "train.ema", "train.epochs"]);
        assert_eq!(found[2].1, Value::Text("[\"pca\"]".into()));
    }
}
