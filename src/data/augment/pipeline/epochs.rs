//! Numbers of operations that go over the epochs, and operations that are off at the end.
//!
//! Takes a list of operations as a recipe has it and an epoch; gives the same list with a plain number in each place, once for an
//! epoch and not for each picture. `{ from, to, epochs }` is the straight line of growing margins, `{ from, decay }` the halving
//! probability of the sake competition's 8th place (ryota0051/nishika-sake, notebook 9-13: p = 2^-epoch), `last_epochs_off`
//! Ynakatsuka/nishika-22's disable_strong_transform_in_last_epochs. Only `last_epochs_off` asks how long the training is, so
//! [`for_key`] writes it as the epoch that it means, and leaves it out of a part of the training that it does not reach.

use std::ops::Range;

use super::operation::AugmentError;
use crate::base::{Entries, Value};
use crate::book::technique::{self, DECAY, Default, EPOCHS, Kind, Param, Status, Technique};
use crate::data::augment::ROWS;

/// The key that ends an operation before the training ends; every operation has it.
pub const LAST_EPOCHS_OFF: Param = Param::new(
    "last_epochs_off",
    Kind::Int { min: 1, max: 100_000 },
    Default::Absent,
    "Off in so many epochs at the end of the training, all stages counted.",
)
.unit("epochs");

const NUMBER: Kind = Kind::Float { min: f64::MIN, max: f64::MAX };

/// What may stand in place of a number.
pub const OVER_EPOCHS: Technique = Technique {
    name: technique::OVER_EPOCHS,
    slot: "augment number",
    about: "A number of an operation that changes from epoch to epoch.",
    details: "Wherever an operation's number is \"…, or over epochs\", one of two tables may stand in its place, also for an end of a \
        range: { from = a, to = b, epochs = n } goes from a to b in a straight line over n epochs and stays there, \
        a + (b - a) · min(epoch / n, 1); { from = a, decay = d } is a · d^epoch. The first epoch is number 0, epochs are counted through \
        all stages, and a whole number is rounded. Within an epoch the number stays the same.\n\n\
        p = { from = 0.5, decay = 0.5 } gives 0.5, 0.25, 0.125, … : the sake competition's 8th place turned its photos like this, strongly \
        varied first and nearly as they are at the end, where the network should see what it will be asked. \
        magnitude = { from = 5, to = 15, epochs = 10 } of RandAugment does the opposite, as EfficientNetV2's progressive learning: \
        easy pictures while the network knows nothing, harder ones later. rotate = [{ from = -30.0, to = -5.0, epochs = 8 }, \
        { from = 30.0, to = 5.0, epochs = 8 }] narrows a range from both ends.\n\n\
        The third way needs no table: last_epochs_off = 5 on an operation leaves it out of the last five epochs \
        (disable_strong_transform_in_last_epochs). It is the only one that asks how long the training is: when `epochs` changes, it moves \
        along; the others stay where they are. With the schedule constant-cooldown a training that is made longer goes on from the end \
        of the shorter one as long as last_epochs_off is no longer than the cooldown.\n\n\
        It fails when a schedule is longer than the training: then the number never arrives. Evaluation has no epochs and refuses \
        both. `toji augment RECIPE --epoch 4` shows the pictures of an epoch.",
    params: &[
        Param::new("from", NUMBER, Default::Required, "The number in the first epoch."),
        Param::new("to", NUMBER, Default::Absent, "The number from epoch `epochs` on."),
        Param::new("epochs", EPOCHS, Default::Absent, "How long it moves; then it stays.").unit("epochs"),
        Param::new(
            "decay",
            DECAY,
            Default::Absent,
            "Factor from one epoch to the next, in place of `to` and `epochs`.",
        ),
    ],
    source: "ryota0051/nishika-sake notebook 9-13; Ynakatsuka/nishika-22; Tan and Le 2021, arXiv 2104.00298 (progressive learning)",
    status: Status::Built,
};

/// An epoch of a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// The epoch, from 0, counted through all parts of the training.
    pub epoch: usize,
    /// How many epochs the whole training has, whatever a rung makes of it.
    pub of: usize,
}

impl At {
    /// The first epoch of a training without an end.
    pub const FIRST: At = At { epoch: 0, of: usize::MAX };
}

/// The list with each number as it is in an epoch; operations that are off there have p = 0, so that the others keep their places
/// and with these their draws. What is no list of operations stays as it is, for the reader to tell.
pub fn settled(list: &Value, at: At) -> Value {
    each(list, &|entry, params| {
        for (key, value) in entry.iter_mut() {
            let whole = params.iter().find(|param| param.name == key).is_some_and(|param| is_whole(&param.kind));
            *value = constant(value, whole, at.epoch);
        }
        if let Some(off) = entry.remove(LAST_EPOCHS_OFF.name).and_then(|n| n.as_int())
            && at.of.saturating_sub(off.max(0) as usize) <= at.epoch
        {
            entry.insert("p".to_owned(), Value::Float(0.0));
        }
    })
}

/// The list as the key of one part of a training has it, which trains the epochs `part` of `of`: where an operation ends within the part,
/// or before it, the epoch stands in place of `last_epochs_off`; where it ends later, nothing does.
pub fn for_key(list: &Value, part: Range<usize>, of: usize) -> Value {
    each(&without_paths(list), &|entry, _| {
        if let Some(off) = entry.remove(LAST_EPOCHS_OFF.name).and_then(|n| n.as_int()) {
            let end = of.saturating_sub(off.max(0) as usize);
            if end < part.end {
                entry.insert("off_from_epoch".to_owned(), Value::Int(end.max(part.start) as i64));
            }
        }
    })
}

/// The list without the names of its tables of boxes, for a key: their content is another input.
pub fn without_paths(list: &Value) -> Value {
    each(list, &|entry, params| {
        if params.iter().any(|param| param.name == "table") && entry.contains_key("table") {
            entry.insert("table".to_owned(), Value::Text("file".to_owned()));
        }
    })
}

/// The epochs of `0..of` in which a list has to be looked at to know that it is sound in all: the first alone where nothing moves,
/// otherwise all of the first 1,000 and the last.
pub fn worth_a_look(list: &Value, of: usize) -> impl Iterator<Item = usize> + use<> {
    let moves = first_moving("", list).is_some();
    let all = if moves { of.min(1_000) } else { 1 };
    (0..all).chain((moves && of > all).then(|| of - 1))
}

/// The first operation of a list that changes from epoch to epoch, as a mistake of a list that must not.
pub fn first_moving(name: &str, list: &Value) -> Option<AugmentError> {
    let Value::List(entries) = list else { return None };
    entries.iter().enumerate().find_map(|(place, entry)| {
        let Value::Table(keys) = entry else { return None };
        let inner = keys.iter().filter(|(_, value)| is_list_of_operations(value));
        let inside =
            inner.map(|(key, list)| first_moving(&format!("{name}[{place}].{key}"), list)).find_map(|found| found);
        let moving = |(key, value): &(&String, &Value)| *key == LAST_EPOCHS_OFF.name || moves(value);
        let own = keys.iter().filter(|(_, value)| !is_list_of_operations(value)).find(moving);
        own.map(|(key, _)| AugmentError::Parameter {
            list: name.to_owned(),
            place,
            name: keys.get("op").and_then(Value::as_text).unwrap_or_default().to_owned(),
            reason: format!("{key} changes from epoch to epoch, and an embedding must be the same every time"),
        })
        .or(inside)
    })
}

/// The longest time that a number of a list takes to arrive, in epochs.
pub fn longest(value: &Value) -> Option<f64> {
    let inside = |values: &mut dyn Iterator<Item = &Value>| {
        values.filter_map(longest).fold(None, |a: Option<f64>, b| Some(a.unwrap_or(b).max(b)))
    };
    match value {
        Value::Table(keys) if keys.contains_key("from") => keys.get("epochs").and_then(Value::as_f64),
        Value::Table(keys) => inside(&mut keys.values()),
        Value::List(items) => inside(&mut items.iter()),
        _ => None,
    }
}

/// The most epochs at the end of a training in which an operation of a list is off.
pub fn longest_off(value: &Value) -> Option<i64> {
    match value {
        Value::Table(keys) => {
            let own = keys.get(LAST_EPOCHS_OFF.name).and_then(Value::as_int);
            keys.values().filter_map(longest_off).chain(own).max()
        }
        Value::List(items) => items.iter().filter_map(longest_off).max(),
        _ => None,
    }
}

fn moves(value: &Value) -> bool {
    match value {
        Value::Table(keys) => keys.contains_key("from") || keys.values().any(moves),
        Value::List(items) => items.iter().any(moves),
        _ => false,
    }
}

fn is_list_of_operations(value: &Value) -> bool {
    matches!(value, Value::List(items) if items.iter().any(|item| item.get("op").is_some()))
}

/// The list after a change of each entry, lists inside first; the change gets the operation's parameters.
fn each(list: &Value, change: &impl Fn(&mut Entries, &'static [Param])) -> Value {
    let Value::List(entries) = list else { return list.clone() };
    let one = |entry: &Value| {
        let Value::Table(keys) = entry else { return entry.clone() };
        let mut keys = keys.clone();
        for (_, value) in keys.iter_mut().filter(|(_, value)| is_list_of_operations(value)) {
            *value = each(value, change);
        }
        let name = keys.get("op").and_then(Value::as_text).unwrap_or_default();
        let row = ROWS.iter().find(|row| row.technique.name == name);
        change(&mut keys, row.map_or(&[], |row| row.technique.params));
        Value::Table(keys)
    };
    Value::List(entries.iter().map(one).collect())
}

/// Whether the numbers of a kind are whole.
fn is_whole(kind: &Kind) -> bool {
    match kind {
        Kind::Int { .. } => true,
        Kind::OverEpochs(of) | Kind::List { of, .. } => is_whole(of),
        Kind::Either(kinds) => kinds.iter().any(is_whole),
        _ => false,
    }
}

/// The value with each schedule in it replaced by its number in an epoch.
fn constant(value: &Value, whole: bool, epoch: usize) -> Value {
    match value {
        Value::List(items) => Value::List(items.iter().map(|item| constant(item, whole, epoch)).collect()),
        Value::Table(keys) => match number(keys, epoch) {
            Some(x) if whole => Value::Int(x.round() as i64),
            Some(x) => Value::Float(x),
            None => Value::Table(keys.iter().map(|(key, v)| (key.clone(), constant(v, whole, epoch))).collect()),
        },
        _ => value.clone(),
    }
}

fn number(keys: &Entries, epoch: usize) -> Option<f64> {
    let get = |name: &str| keys.get(name).and_then(Value::as_f64);
    let from = get("from")?;
    match (get("to"), get("epochs"), get("decay")) {
        (Some(to), Some(epochs), None) if epochs > 0.0 => {
            Some(from + (to - from) * (epoch as f64 / epochs).clamp(0.0, 1.0))
        }
        // By multiplication in order, which is the same on every machine; far out it is nothing.
        (None, None, Some(decay)) => Some((0..epoch.min(100_000)).fold(from, |x, _| x * decay)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(json: &str) -> Value {
        serde_json::from_str(json).unwrap()
    }

    fn at(epoch: usize) -> At {
        At { epoch, of: 12 }
    }

    #[test]
    fn numbers_go_over_the_epochs() {
        let ops = list(
            r#"[{"op": "SafeRotate", "p": {"from": 0.5, "decay": 0.5}, "limit": [{"from": -30, "to": -10.0, "epochs": 4}, 30]},
                {"op": "RandAugment", "magnitude": {"from": 5, "to": 15, "epochs": 8}},
                {"op": "Affine", "scale": {"x": {"from": 1.0, "to": 2.0, "epochs": 0.5}, "y": [0.5, 1]}}]"#,
        );
        let told = |epoch| settled(&ops, at(epoch)).to_string();
        insta::assert_snapshot!(told(0), @r#"[{ limit = [-30.0, 30], op = "SafeRotate", p = 0.5 }, { magnitude = 5, op = "RandAugment" }, { op = "Affine", scale = { x = 1.0, y = [0.5, 1] } }]"#);
        insta::assert_snapshot!(told(1), @r#"[{ limit = [-25.0, 30], op = "SafeRotate", p = 0.25 }, { magnitude = 6, op = "RandAugment" }, { op = "Affine", scale = { x = 2.0, y = [0.5, 1] } }]"#);
        insta::assert_snapshot!(told(9), @r#"[{ limit = [-10.0, 30], op = "SafeRotate", p = 0.0009765625 }, { magnitude = 15, op = "RandAugment" }, { op = "Affine", scale = { x = 2.0, y = [0.5, 1] } }]"#);
        assert_eq!(worth_a_look(&ops, 12).collect::<Vec<_>>(), (0..12).collect::<Vec<_>>());
        assert_eq!(worth_a_look(&ops, 5000).last(), Some(4999));
        assert_eq!(longest(&ops), Some(8.0));
        let still = list(r#"[{"op": "SafeRotate"}]"#);
        assert_eq!(worth_a_look(&still, 12).collect::<Vec<_>>(), [0]);
        assert_eq!((settled(&still, at(3)), longest(&still)), (still.clone(), None));
    }

    #[test]
    fn an_operation_is_off_at_the_end_and_its_key_says_since_when() {
        let ops = list(
            r#"[{"op": "OneOf", "transforms": [{"op": "CLAHE", "last_epochs_off": 3}, {"op": "ToGray", "p": 0.1}]}]"#,
        );
        let p = |epoch| settled(&ops, at(epoch)).to_string().contains("{ op = \"CLAHE\", p = 0.0 }");
        assert_eq!([8, 9, 11].map(p), [false, true, true]);
        let key = |part: Range<usize>, of| for_key(&ops, part, of).to_string();
        insta::assert_snapshot!(key(0..12, 12), @r#"[{ op = "OneOf", transforms = [{ off_from_epoch = 9, op = "CLAHE" }, { op = "ToGray", p = 0.1 }] }]"#);
        let untouched = r#"[{ op = "OneOf", transforms = [{ op = "CLAHE" }, { op = "ToGray", p = 0.1 }] }]"#;
        assert_eq!([key(0..9, 12), key(0..17, 20)], [untouched, untouched], "what ends later is not in a part's key");
        assert!(key(10..12, 12).contains("off_from_epoch = 10"), "off from the part's beginning");
        assert!(settled(&ops, At::FIRST).to_string() == untouched);
    }

    #[test]
    fn what_moves_is_found_with_its_place() {
        let told = |json: &str| first_moving("augment.eval", &list(json)).map(|error| error.to_string());
        assert_eq!(told(r#"[{"op": "Resize", "size": [8, 8]}, {"op": "Affine", "scale": {"x": 1.0}}]"#), None);
        insta::assert_snapshot!(told(r#"[{"op": "Resize", "size": [8, 8]}, {"op": "OneOf", "transforms": [{"op": "ToGray", "last_epochs_off": 2}]}]"#).unwrap(), @"augment.eval[1].transforms[0] ToGray: last_epochs_off changes from epoch to epoch, and an embedding must be the same every time");
        insta::assert_snapshot!(told(r#"[{"op": "Affine", "scale": {"x": {"from": 1, "decay": 0.5}}}]"#).unwrap(), @"augment.eval[0] Affine: scale changes from epoch to epoch, and an embedding must be the same every time");
    }

    #[test]
    fn what_is_no_schedule_is_left_for_the_reader_to_tell() {
        for json in
            [r#"[{"op": "SafeRotate", "p": {"from": 0.5}}]"#, r#"[{"op": "Nothing", "x": {"y": 1}}]"#, "3", "[7]"]
        {
            assert_eq!(settled(&list(json), at(5)), list(json));
        }
    }
}
