//! One step of the flow as a value, and the key of what it makes.
//!
//! Takes a stage's name, version, settings and the keys of its inputs; gives the key under which its
//! artefact stands in the store. A long stage (a fit over epochs) may be cut: the artefact after `at`
//! of `of` epochs is a prefix of the full one and its key is derived from (stage key, at), so every rung
//! of the ladder continues the one before; an open stage is cut wherever it ends. Rung, device, threads, paths and worker count are in no key.

use serde::{Deserialize, Serialize};

use crate::base::{Key, KeyWriter, Value};

/// A named input: which artefact (or which content outside the store) a stage reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// The part it plays: "data", "fit", "embeddings".
    pub name: String,
    /// Its content.
    pub key: Key,
}

/// How far a long stage goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// What is counted: "epoch".
    pub unit: String,
    /// Stops after this many; `at == of` is the full stage.
    pub at: u32,
    /// Length of the full stage. It must also be in the settings: the span itself is in no key.
    pub of: u32,
    /// Whether the stage has no end of its own: the length is not in the settings, every artefact is a prefix, and a longer one
    /// goes on from a shorter one.
    #[serde(default, skip_serializing_if = "is_closed")]
    pub open: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_closed(open: &bool) -> bool {
    !open
}

/// One step of the flow.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// "data", "fold", "fit", …: lower-case letters, digits and `-`; it names a folder of the store.
    pub name: &'static str,
    /// A constant beside the algorithm, raised when its results change for equal settings.
    pub version: u32,
    /// Tells steps of one name apart for people: "fold 0", or "". Not in the key: whatever makes two
    /// parts different stands in their settings or inputs.
    pub part: String,
    /// The recipe's tables among the top level of the settings, so that a reason can say
    /// `[loss] margin 17.2 → 22.9`.
    pub tables: Vec<String>,
    /// Its own settings in canonical form: `{ loss = {…}, train = {…} }`.
    pub settings: Value,
    /// What it reads, in a fixed order.
    pub inputs: Vec<Input>,
    /// `false`: it runs each time (it looks at something outside its inputs), and so does all that reads it.
    pub may_reuse: bool,
    /// How far it goes, where it can be cut.
    pub span: Option<Span>,
    /// What its timings are noted under where stages of one name do different work: "post dba". In no key.
    pub pace: Option<String>,
}

impl Stage {
    /// A stage without settings and inputs that may be reused.
    pub fn new(name: &'static str, version: u32) -> Stage {
        Stage {
            name,
            version,
            part: String::new(),
            tables: Vec::new(),
            settings: Value::table(),
            inputs: Vec::new(),
            may_reuse: true,
            span: None,
            pace: None,
        }
    }

    /// The same stage for one part of the recipe.
    pub fn part(mut self, part: impl Into<String>) -> Stage {
        self.part = part.into();
        self
    }

    /// The same stage with a whole table of the recipe among its settings; an absent table stays absent.
    pub fn table(mut self, recipe: &Value, name: &str) -> Stage {
        self.tables.push(name.to_owned());
        if let Some(table) = recipe.get(name) {
            self.settings.set(name, table.clone());
        }
        self
    }

    /// The same stage with one setting, by dotted path.
    pub fn setting(mut self, path: &str, value: Value) -> Stage {
        self.settings.set(path, value);
        self
    }

    /// The same stage with one more input.
    pub fn input(mut self, name: impl Into<String>, key: Key) -> Stage {
        self.inputs.push(Input { name: name.into(), key });
        self
    }

    /// The same stage, cut after `at` of `of` units; a cut beyond the end is the end.
    pub fn cut(mut self, unit: &str, at: u32, of: u32) -> Stage {
        self.span = Some(Span { unit: unit.to_owned(), at: at.min(of), of, open: false });
        self
    }

    /// The same stage without an end of its own, for now after `at` units; `of` are wanted in all.
    pub fn open(mut self, unit: &str, at: u32, of: u32) -> Stage {
        self.span = Some(Span { unit: unit.to_owned(), at: at.min(of), of, open: true });
        self
    }

    /// The same stage, whose timings tell of others of this pace only.
    pub fn paced(mut self, pace: impl Into<String>) -> Stage {
        self.pace = Some(pace.into());
        self
    }

    /// What its timings are noted under: its name, where nothing else is said.
    pub fn timed_as(&self) -> &str {
        self.pace.as_deref().unwrap_or(self.name)
    }

    /// The same stage, run each time.
    pub fn never_reused(mut self) -> Stage {
        self.may_reuse = false;
        self
    }

    /// Name and part as people read them: "fit fold 0".
    pub fn label(&self) -> String {
        label(self.name, &self.part)
    }

    /// The key of the full stage: name, version, settings, inputs by name and key, in that order.
    pub fn key(&self) -> Key {
        full_key(self.name, self.version, &self.settings, &self.inputs)
    }

    /// The key of the stage cut after `at` units. At its full length that is [`Stage::key`] itself, unless it is open.
    pub fn prefix(&self, at: u32) -> Key {
        let full = self.key();
        match &self.span {
            Some(span) if at < span.of || span.open => prefix_of(&full, at),
            _ => full,
        }
    }

    /// The key of what this stage makes, which is what later stages take as input.
    pub fn artefact(&self) -> Key {
        match &self.span {
            Some(span) => self.prefix(span.at),
            None => self.key(),
        }
    }
}

fn full_key(name: &str, version: u32, settings: &Value, inputs: &[Input]) -> Key {
    let mut out = KeyWriter::new("toji stage 1");
    out.bytes(name.as_bytes()).number(u64::from(version));
    settings.write_key(&mut out);
    out.number(inputs.len() as u64);
    for input in inputs {
        out.bytes(input.name.as_bytes()).key(&input.key);
    }
    out.finish()
}

/// The key of a cut stage from the full stage's key.
fn prefix_of(full: &Key, at: u32) -> Key {
    KeyWriter::new("toji prefix 1").key(full).number(u64::from(at)).finish()
}

/// A stage's name and part as people read them; a part that names the stage stands for both.
fn label(name: &str, part: &str) -> String {
    match part.strip_prefix(name) {
        Some(rest) if rest.is_empty() || rest.starts_with(' ') => part.to_owned(),
        _ if part.is_empty() => name.to_owned(),
        _ => format!("{name} {part}"),
    }
}

/// A stage as it stood when a run began or an artefact was made: what a later plan compares with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// [`Stage::name`].
    pub name: String,
    /// [`Stage::version`].
    pub version: u32,
    /// [`Stage::part`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub part: String,
    /// [`Stage::artefact`].
    pub key: Key,
    /// [`Stage::tables`].
    #[serde(default)]
    pub tables: Vec<String>,
    /// [`Stage::settings`].
    pub settings: Value,
    /// [`Stage::inputs`].
    #[serde(default)]
    pub inputs: Vec<Input>,
    /// [`Stage::span`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
    /// [`Stage::pace`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pace: Option<String>,
}

impl Recorded {
    /// Its key and, of a stage that can be cut, those of all its prefixes: what it may go on from.
    pub fn keys(&self) -> Vec<Key> {
        let mut keys = vec![self.key];
        if let Some(span) = &self.span {
            let full = full_key(&self.name, self.version, &self.settings, &self.inputs);
            keys.extend((1..=span.of).map(|at| prefix_of(&full, at)));
            keys.push(full);
        }
        keys
    }
}

impl From<&Stage> for Recorded {
    fn from(stage: &Stage) -> Recorded {
        Recorded {
            name: stage.name.to_owned(),
            version: stage.version,
            part: stage.part.clone(),
            key: stage.artefact(),
            tables: stage.tables.clone(),
            settings: stage.settings.clone(),
            inputs: stage.inputs.clone(),
            span: stage.span.clone(),
            pace: stage.pace.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fit() -> Stage {
        let mut recipe = Value::table();
        recipe.set("loss.margin", Value::Float(17.2));
        recipe.set("loss.name", Value::Text("ArcFaceLoss".into()));
        recipe.set("post.k", Value::Int(3));
        Stage::new("fit", 3).table(&recipe, "loss").input("data", Key::of_bytes(b"pictures")).cut("epoch", 12, 12)
    }

    /// Artefacts in every store depend on these: a change of the encoding must be meant.
    #[test]
    fn keys_never_change() {
        insta::assert_snapshot!(fit().key(), @"a2d8bce9b21e668254463fb59162a25d180a700d9eabaed0416cc1f1bbbe339c");
        insta::assert_snapshot!(fit().prefix(2), @"2a7f25c6da58954ae9bb60d7941cdd19230f6b0cae1abb21fed7fb12b281ef1f");
        insta::assert_snapshot!(Stage::new("rank", 1).key(), @"ce1a8735144c60fe49e7fc041259ffebb369afb4bf84846afc3b30e87aa6ba1b");
    }

    #[test]
    fn a_key_is_the_hash_of_its_written_encoding() {
        let mut bytes: Vec<u8> = Vec::new();
        let text = |bytes: &mut Vec<u8>, text: &str| {
            bytes.extend((text.len() as u64).to_le_bytes());
            bytes.extend(text.as_bytes());
        };
        text(&mut bytes, "toji stage 1");
        text(&mut bytes, "fit");
        bytes.extend(3u64.to_le_bytes());
        // { loss = { margin = 17.2, name = "ArcFaceLoss" } }: tag, length, then names and values by name.
        bytes.push(6);
        bytes.extend(1u64.to_le_bytes());
        text(&mut bytes, "loss");
        bytes.push(6);
        bytes.extend(2u64.to_le_bytes());
        text(&mut bytes, "margin");
        bytes.push(3);
        bytes.extend(17.2f64.to_bits().to_le_bytes());
        text(&mut bytes, "name");
        bytes.push(4);
        text(&mut bytes, "ArcFaceLoss");
        bytes.extend(1u64.to_le_bytes());
        text(&mut bytes, "data");
        bytes.extend(Key::of_bytes(b"pictures").as_bytes());
        assert_eq!(Key::of_bytes(&bytes), fit().key());
    }

    #[test]
    fn what_changes_no_result_changes_no_key() {
        let plain = fit();
        let other = Stage { tables: Vec::new(), may_reuse: false, span: None, ..fit().part("fold 3") };
        assert_eq!(plain.key(), other.key());
        // A rung only cuts: the full length has the stage's own key, whichever rung asked for it.
        assert_eq!(fit().cut("epoch", 99, 12).artefact(), plain.key());
        assert_eq!(fit().cut("epoch", 2, 12).artefact(), plain.prefix(2));
    }

    #[test]
    fn an_open_stage_is_a_prefix_of_every_longer_one() {
        let open = |at, of| Stage { span: None, ..fit() }.open("epoch", at, of);
        assert_eq!(open(10, 10).artefact(), open(18, 18).prefix(10));
        assert_eq!(open(2, 10).artefact(), open(18, 18).prefix(2));
        assert_ne!(open(10, 10).artefact(), open(18, 18).artefact());
        assert_ne!(open(10, 10).artefact(), open(10, 10).key());
        let record = serde_json::to_string(&Recorded::from(&fit())).unwrap();
        assert!(!record.contains("open"), "records of closed stages read as ever");
    }

    #[test]
    fn what_changes_results_changes_the_key() {
        let mut keys = vec![
            fit().key(),
            Stage { version: 4, ..fit() }.key(),
            Stage { name: "fi", ..fit() }.key(),
            fit().setting("loss.margin", Value::Float(22.9)).key(),
            fit().input("boxes", Key::of_bytes(b"")).key(),
            Stage { inputs: Vec::new(), ..fit() }.input("cite", Key::of_bytes(b"pictures")).key(),
            fit().prefix(1),
            fit().prefix(11),
        ];
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 8);
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            (-2i64..3).prop_map(Value::Int),
            prop_oneof![Just(0.0), Just(-0.0), Just(1.0), Just(-2.0)].prop_map(Value::Float),
            "[ab]{0,2}".prop_map(Value::Text),
        ];
        leaf.prop_recursive(2, 6, 2, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::List),
                prop::collection::btree_map("[ab]{1,2}", inner, 0..3)
                    .prop_map(|of| Value::Table(of.into_iter().collect())),
            ]
        })
    }

    fn stage() -> impl Strategy<Value = Stage> {
        (value(), prop::collection::vec(("[ab]", 0u8..2), 0..3)).prop_map(|(settings, inputs)| {
            let stage = Stage { settings, ..Stage::new("x", 1) };
            inputs.into_iter().fold(stage, |stage, (name, n)| stage.input(name, Key::of_bytes(&[n])))
        })
    }

    proptest! {
        #[test]
        fn equal_keys_are_equal_settings_and_inputs((a, b) in (stage(), stage())) {
            prop_assert_eq!(a.key() == b.key(), a.settings == b.settings && a.inputs == b.inputs);
            prop_assert_eq!(a.key(), a.clone().key());
        }

        #[test]
        fn a_record_reads_back_as_it_was(a in stage()) {
            let record = Recorded::from(&a.cut("epoch", 2, 3).part("fold 1"));
            let text = serde_json::to_string(&record).unwrap();
            prop_assert_eq!(serde_json::from_str::<Recorded>(&text).unwrap(), record);
        }
    }
}
