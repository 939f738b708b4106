//! Trainings as the folders that wandb leaves where it is offline.
//!
//! Takes runs with their trainings; gives for each training `wandb/offline-run-DATE_TIME-ID/run-ID.wandb`: a log of messages `Record`
//! (wandb/proto/wandb_internal.proto). A header, the run with its settings as config, a history row for each step that has points, the summary, and
//! how it ended. `wandb sync` sends it, `wandb leet` shows it, and nothing goes anywhere by itself. The id is a hash of the run's and the training's
//! names, so an export that is done again is the same run, and a second sync no second one. Numbers that are none are bare `NaN` and
//! `Infinity`, as wandb writes them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::json as of_value;
use super::protobuf::Message;
use super::record::Log;
use crate::base::{KeyWriter, Time, Value};
use crate::session::errands::export::trainings::{Told, Training};

/// The oldest client that may read the files: what wandb's own writer says.
const MIN_CONSUMER: &str = "0.70.0";

/// The files of a run, each with its place below the folder. `project` is the name of wandb's project.
pub fn files(told: &Told, project: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let (hour, minute, second) = told.started.of_day(0.0);
    let date = format!("{}_{hour:02}{minute:02}{second:02}", told.started.date(0.0).replace('-', ""));
    let of = |training: &Training| {
        let id = id(told, training);
        let place = ["wandb", &format!("offline-run-{date}-{id}"), &format!("run-{id}.wandb")].iter().collect();
        (place, log(told, training, &id, project))
    };
    told.trainings.iter().map(of).collect()
}

/// The id of a training: eight characters, as wandb's own have.
pub fn id(told: &Told, training: &Training) -> String {
    let key =
        KeyWriter::new("wandb run").bytes(told.run.as_bytes()).bytes(training.slot.to_string().as_bytes()).finish();
    key.to_string()[..8].to_owned()
}

fn log(told: &Told, training: &Training, id: &str, project: &str) -> Vec<u8> {
    let (mut log, mut count) = (Log::new(), 0);
    // A record's number, and what it is by its field.
    let mut say = |field: u32, message: Message| {
        count += 1;
        log.add(Message::new().int(1, count).message(field, &message).bytes());
    };
    let version = Message::new().text(1, env!("CARGO_PKG_VERSION")).text(2, MIN_CONSUMER);
    say(21, Message::new().message(1, &version));
    say(17, run(told, training, id, project));
    let rows = rows(training);
    for (step, row) in &rows {
        let time = row.time;
        let own = [
            ("_step", step.to_string()),
            ("_runtime", number((time - told.started.0).max(0.0))),
            ("_timestamp", number(time)),
            ("epoch", number(row.epoch)),
        ];
        let values = row.values.iter().map(|(name, value)| (*name, number(*value)));
        let items = own.into_iter().chain(values).map(|(name, value)| item(name, &value));
        say(2, Message::new().messages(1, items).message(2, &Message::new().int(1, *step)));
    }
    say(3, Message::new().messages(1, summary(told, training, &rows)));
    if told.state != "running" {
        let code = i64::from(!matches!(told.state, "finished" | "stopped"));
        say(18, Message::new().int(1, code).int(2, told.seconds as i64));
    }
    log.bytes().to_vec()
}

/// The run and its config.
fn run(told: &Told, training: &Training, id: &str, project: &str) -> Message {
    let mut config: Vec<(String, Json)> = match &told.settings {
        Value::Table(tables) => tables.iter().map(|(name, value)| (name.clone(), of_value(value))).collect(),
        _ => Vec::new(),
    };
    let slot = training.slot;
    config.push((
        "toji".to_owned(),
        json!({
            "recipe": told.recipe, "run": told.run, "rung": told.rung, "training": slot.to_string(), "fold": slot.fold,
            "seed": slot.seed, "machine": told.machine,
        }),
    ));
    let items = config.iter().map(|(name, value)| item(name, &value.to_string()));
    let Time(started) = told.started;
    let whole = started.floor();
    let time = Message::new().int(1, whole as i64).int(2, ((started - whole) * 1e9) as i64);
    Message::new()
        .text(1, id)
        .text(3, &project_name(project))
        .message(4, &Message::new().messages(1, items))
        .text(6, &told.recipe)
        .text(7, &told.rung)
        .text(8, &format!("{} {slot}", told.recipe))
        .message(17, &time)
}

/// A project's name as wandb takes it: without signs of an address, and not long.
fn project_name(name: &str) -> String {
    let name: String =
        name.chars().map(|c| if "/\\#?%:".contains(c) || c.is_control() { '-' } else { c }).take(128).collect();
    if name.is_empty() { "toji".to_owned() } else { name }
}

/// What was told at one step.
struct Row<'a> {
    epoch: f64,
    time: f64,
    values: BTreeMap<&'a str, f64>,
}

fn rows(training: &Training) -> BTreeMap<i64, Row<'_>> {
    let mut rows: BTreeMap<i64, Row<'_>> = BTreeMap::new();
    for (name, points) in &training.series {
        for point in points {
            let new = || Row { epoch: point.epoch, time: point.time, values: BTreeMap::new() };
            let row = rows.entry(point.step).or_insert_with(new);
            row.time = row.time.max(point.time);
            row.values.insert(name, point.value);
        }
    }
    rows
}

/// The last of everything, and the score.
fn summary(told: &Told, training: &Training, rows: &BTreeMap<i64, Row<'_>>) -> Vec<Message> {
    let last = |points: &[crate::session::errands::export::trainings::Point]| points.last().map(|point| point.value);
    let mut found: Vec<(String, String)> = Vec::new();
    for (name, points) in &training.series {
        found.extend(last(points).map(|value| (name.clone(), number(value))));
    }
    if let Some((step, row)) = rows.last_key_value() {
        found.push(("epoch".to_owned(), number(row.epoch)));
        found.push(("_step".to_owned(), step.to_string()));
        found.push(("_timestamp".to_owned(), number(row.time)));
    }
    found.push(("_runtime".to_owned(), number(told.seconds)));
    if let Some(score) = &training.score {
        let metric = serde_json::to_string(&score.name).unwrap_or_default();
        found.extend([("score".to_owned(), number(score.value)), ("score_metric".to_owned(), metric)]);
        let ends = score.interval.map(|[low, high]| [("score_low", low), ("score_high", high)]);
        found.extend(ends.into_iter().flatten().map(|(name, value)| (name.to_owned(), number(value))));
    }
    found.iter().map(|(name, value)| item(name, value)).collect()
}

/// A name with its value as JSON: items of config, history and summary are alike.
fn item(name: &str, json: &str) -> Message {
    Message::new().text(1, name).text(16, json)
}

/// A number as JSON, or as Python's writer has it where JSON has none.
fn number(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".to_owned(),
        value if value.is_infinite() => (if value > 0.0 { "Infinity" } else { "-Infinity" }).to_owned(),
        value => json!(value).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::protobuf::tests::{Read, read};
    use super::super::record::tests::read_log;
    use super::super::tests::told;
    use super::*;

    /// The items of a record: `name=json`.
    fn items(message: &[u8], field: u64) -> Vec<String> {
        let text = |value: &Read<'_>| match value {
            Read::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            other => panic!("{other:?}"),
        };
        let item = |(_, value): &(u64, Read<'_>)| match value {
            Read::Bytes(bytes) => {
                let fields = read(bytes);
                assert_eq!([fields[0].0, fields[1].0], [1, 16]);
                format!("{}={}", text(&fields[0].1), text(&fields[1].1))
            }
            other => panic!("{other:?}"),
        };
        read(message).iter().filter(|(own, _)| *own == field).map(item).collect()
    }

    fn records() -> Vec<(u64, Vec<u8>)> {
        let files = files(&told(), "shelf");
        assert_eq!(files[0].1, super::files(&told(), "shelf")[0].1);
        let mut found = Vec::new();
        for (place, record) in read_log(&files[0].1).iter().enumerate() {
            let fields = read(record);
            assert_eq!(fields[0], (1, Read::Int(place as u64 + 1)));
            let (field, Read::Bytes(message)) = fields[1] else { panic!("{fields:?}") };
            found.push((field, message.to_vec()));
        }
        found
    }

    #[test]
    fn a_run_has_its_place_and_its_records() {
        let (place, bytes) = files(&told(), "shelf").remove(0);
        let id = id(&told(), &told().trainings[0]);
        assert_eq!(place.to_str().unwrap(), format!("wandb/offline-run-20231114_221320-{id}/run-{id}.wandb"));
        assert!(id.len() == 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_eq!(&bytes[..7], b":W&B\xE1\xBE\x00");
        let fields: Vec<u64> = records().iter().map(|record| record.0).collect();
        assert_eq!(fields, [21, 17, 2, 2, 2, 3, 18], "header, run, history, summary, exit");
        assert_eq!(records()[6].1, [0x08, 0x00, 0x10, 31]);
    }

    #[test]
    fn a_project_is_named_as_wandb_takes_it() {
        assert_eq!(project_name("棚 2026: a/b"), "棚 2026- a-b");
        assert_eq!((project_name(""), project_name(&"長".repeat(200)).chars().count()), ("toji".to_owned(), 128));
    }

    #[test]
    fn config_history_and_summary_are_told() {
        let records = records();
        let run = read(&records[1].1);
        assert_eq!(run[1], (3, Read::Bytes(b"shelf")));
        let Read::Bytes(config) = run[2].1 else { panic!("{run:?}") };
        let config = items(config, 1);
        assert_eq!(config[0], r#"loss={"margin":17.25,"name":"ArcFaceLoss"}"#);
        assert!(config[3].starts_with("toji={") && config[3].contains("02-純米"), "{config:?}");
        assert_eq!(
            items(&records[2].1, 1),
            ["_step=5", "_runtime=5.0", "_timestamp=1700000005.0", "epoch=0.5", "loss=3.5"]
        );
        let last = items(&records[4].1, 1);
        assert_eq!(last[3..], ["epoch=2.0", "MRR@20=0.5", "loss=NaN"]);
        let summary = items(&records[5].1, 1);
        assert_eq!(summary[..2], ["MRR@20=0.5", "loss=NaN"]);
        assert!(summary.contains(&"score=0.5".to_owned()) && summary.contains(&"_step=20".to_owned()), "{summary:?}");
    }
}
