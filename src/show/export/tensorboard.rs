//! Trainings as TensorBoard's event files.
//!
//! Takes runs with their trainings; gives for each training a file `RECIPE/RUN/TRAINING/events.out.tfevents.SECONDS.toji`: TFRecords, each a message
//! `Event` (tensorflow/core/util/event.proto). First the version, then what the HPARAMS tab reads (the settings, by dotted name), then a scalar
//! for each point of each series at its step and wall time, with the epoch as a series of its own, and last how it ended. Steps are those of the
//! optimiser. Values are floats of 32 bits, as the format has them.

use super::protobuf::Message;
use super::record::tfrecord;
use super::{Placed, flat};
use crate::base::Value;
use crate::session::errands::export::trainings::{Point, Told, Training};

/// The series that says how many epochs a step is.
const EPOCH: &str = "epoch";

/// The files of a run, each with its place below the folder.
pub fn files(told: &Told) -> Vec<Placed> {
    let name = format!("events.out.tfevents.{}.toji", told.started.0.max(0.0) as u64);
    let place = |training: &Training| [&told.recipe, &told.run, &training.slot.to_string(), &name].iter().collect();
    told.trainings.iter().map(|training| (place(training), events(told, training))).collect()
}

/// The bytes of one training's file.
fn events(told: &Told, training: &Training) -> Vec<u8> {
    let started = told.started.0;
    let mut out = Vec::new();
    let mut say = |event: Message| tfrecord(&mut out, event.bytes());
    say(Message::new().double(1, started).text(3, "brain.Event:2"));
    say(summary(started, 0, [plugin("_hparams_/session_start_info", 3, &start(told, training))]));
    let mut points: Vec<(&str, Point)> = Vec::new();
    for (name, series) in &training.series {
        points.extend(series.iter().map(|point| (name.as_str(), *point)));
    }
    // One point of the epoch for each step that has any.
    let mut epochs: Vec<Point> = points.iter().map(|(_, point)| Point { value: point.epoch, ..*point }).collect();
    epochs.sort_by_key(|point| point.step);
    epochs.dedup_by_key(|point| point.step);
    points.extend(epochs.into_iter().map(|point| (EPOCH, point)));
    // Stable: series of one step stay in order of name.
    points.sort_by_key(|(_, point)| point.step);
    let mut last = (started, 0);
    for (name, Point { step, time, value, .. }) in points {
        last = (time.max(last.0), step);
        say(summary(time, step, [Message::new().text(1, name).float(2, value as f32)]));
    }
    if let Some(score) = &training.score {
        // Of a run that only found its training the score is newer than all points.
        say(summary(
            score.at.0,
            last.1,
            [Message::new().text(1, &format!("score/{}", score.name)).float(2, score.value as f32)],
        ));
    }
    say(summary(
        told.ended.map_or(last.0, |time| time.0),
        last.1,
        [plugin("_hparams_/session_end_info", 4, &end(told))],
    ));
    out
}

/// An event with values.
fn summary(time: f64, step: i64, values: impl IntoIterator<Item = Message>) -> Message {
    let summary = Message::new().messages(1, values);
    let event = Message::new().double(1, time);
    let event = if step == 0 { event } else { event.int(2, step) };
    event.message(5, &summary)
}

/// A value for the HPARAMS tab (tensorboard/plugins/hparams/plugin_data.proto): `field` says which kind of message it is.
fn plugin(tag: &str, field: u32, message: &Message) -> Message {
    let content = Message::new().message(field, message);
    let data = Message::new().text(1, "hparams").raw(2, content.bytes());
    Message::new().text(1, tag).message(9, &Message::new().message(1, &data))
}

/// What a training began with.
fn start(told: &Told, training: &Training) -> Message {
    let number = |value: f64| Message::new().double(2, value);
    let value = |value: &Value| match value {
        Value::Bool(flag) => Message::new().int(4, i64::from(*flag)),
        Value::Int(whole) => number(*whole as f64),
        Value::Float(value) => number(*value),
        Value::Text(text) => Message::new().text(3, text),
        // `flat` gives neither.
        Value::List(_) | Value::Table(_) => Message::new().int(1, 0),
    };
    let own = [
        ("recipe".to_owned(), Value::Text(told.recipe.clone())),
        ("rung".to_owned(), Value::Text(told.rung.clone())),
        ("training".to_owned(), Value::Text(training.slot.to_string())),
    ];
    let all = own.into_iter().chain(flat(&told.settings));
    let entries = all.map(|(name, setting)| Message::new().text(1, &name).message(2, &value(&setting)));
    Message::new().messages(1, entries).text(4, &format!("{}/{}", told.recipe, told.run)).double(5, told.started.0)
}

/// How it ended.
fn end(told: &Told) -> Message {
    let status = match told.state {
        "finished" | "stopped" => 1,
        "running" => 3,
        _ => 2,
    };
    let message = Message::new().int(1, status);
    told.ended.map_or(message.clone(), |time| message.double(2, time.0))
}

#[cfg(test)]
mod tests {
    use super::super::protobuf::tests::{Read, read};
    use super::super::record::tests::read_tfrecords;
    use super::super::tests::told;
    use super::*;

    /// The message in a field.
    fn inner<'a>(fields: &[(u64, Read<'a>)], wanted: u64) -> Vec<(u64, Read<'a>)> {
        let found = fields.iter().find_map(|(field, value)| match value {
            Read::Bytes(bytes) if *field == wanted => Some(*bytes),
            _ => None,
        });
        read(found.unwrap())
    }

    #[test]
    fn the_first_record_is_what_tensorflow_writes() {
        let files = files(&told());
        let place = "02-純米/20231114-221320-000-ab12-02-純米/fold 0/events.out.tfevents.1700000000.toji";
        assert_eq!((files.len(), files[0].0.to_str()), (1, Some(place)));
        // Length 24, its sum, wall time 1.7e9, version, sum of the record.
        let head =
            [24, 0, 0, 0, 0, 0, 0, 0, 0xA3, 0x7F, 0x4B, 0x22, 0x09, 0, 0, 0, 0x40, 0xFC, 0x54, 0xD9, 0x41, 0x1A, 0x0D];
        assert_eq!(files[0].1[..head.len()], head);
        assert_eq!(files[0].1[head.len()..head.len() + 13], *b"brain.Event:2");
    }

    #[test]
    fn points_have_their_steps_times_and_values() {
        let bytes = files(&told()).remove(0).1;
        assert_eq!(bytes, files(&told()).remove(0).1);
        let mut found = Vec::new();
        for record in read_tfrecords(&bytes) {
            let event = read(record);
            let (Some((1, Read::Double(time))), step) = (event.first(), event.get(1)) else { panic!("{event:?}") };
            let step = if let Some((2, Read::Int(step))) = step { *step } else { 0 };
            if event.iter().all(|(field, _)| *field != 5) {
                continue;
            }
            let value = inner(&inner(&event, 5), 1);
            let Read::Bytes(tag) = value[0].1 else { panic!("{value:?}") };
            let tag = String::from_utf8(tag.to_vec()).unwrap();
            match value[1].1 {
                Read::Float(number) => found.push(format!("{tag} {step} {} {number}", time - 1.7e9)),
                _ => found.push(format!("{tag} {step} {}", time - 1.7e9)),
            }
        }
        insta::assert_snapshot!(found.join("\n"), @r"
        _hparams_/session_start_info 0 0
        loss 5 5 3.5
        epoch 5 5 0.5
        MRR@20 10 10 0.25
        loss 10 10 2.25
        epoch 10 10 1
        MRR@20 20 20 0.5
        loss 20 20 NaN
        epoch 20 20 2
        score/MRR@20 20 30 0.5
        _hparams_/session_end_info 20 31.5
        ");
    }

    #[test]
    fn settings_go_to_the_hparams_tab() {
        let bytes = files(&told()).remove(0).1;
        let records = read_tfrecords(&bytes);
        let value = inner(&inner(&read(records[1]), 5), 1);
        let data = inner(&inner(&value, 9), 1);
        assert_eq!(data[0], (1, Read::Bytes(b"hparams")));
        let info = inner(&inner(&data, 2), 3);
        let mut found = Vec::new();
        for (field, entry) in &info {
            let (1, Read::Bytes(entry)) = (field, entry) else { continue };
            let entry = read(entry);
            let Read::Bytes(name) = entry[0].1 else { panic!("{entry:?}") };
            let value = match inner(&entry, 2)[0].1 {
                Read::Bytes(text) => String::from_utf8_lossy(text).into_owned(),
                Read::Double(number) => number.to_string(),
                Read::Int(flag) => (flag == 1).to_string(),
                Read::Float(_) => panic!("no float stands there"),
            };
            found.push(format!("{} {value}", String::from_utf8_lossy(name)));
        }
        let wanted = [
            "recipe 02-純米",
            "rung smoke",
            "training fold 0",
            "loss.margin 17.25",
            "loss.name ArcFaceLoss",
            "post.steps [\"pca\"]",
            "train.ema true",
            "train.epochs 2",
        ];
        assert_eq!(found, wanted);
    }
}
