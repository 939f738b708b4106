//! Folds: worked by hand, and what must hold for any labels.

mod edited;
mod groups;
mod protocol;
mod together;

use proptest::prelude::*;

use std::collections::BTreeSet;

use super::*;
use crate::base::{Key, Seed};
use crate::data::manifest::{Column, Photo};

/// Photos `p0`, `p1`, … with the given labels.
fn manifest(labels: &[&str]) -> Manifest {
    let names: BTreeSet<&str> = labels.iter().copied().collect();
    let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    let photo = |(i, label): (usize, &&str)| Photo {
        id: format!("p{i}"),
        path: format!("p{i}.jpg").into(),
        content: Key::of_bytes(&i.to_le_bytes()),
        label: names.iter().position(|n| n == label).map(|l| l as u32),
        coarse: None,
        role: Role::Train,
        width: 8,
        height: 8,
        crop: None,
    };
    Manifest { photos: labels.iter().enumerate().map(photo).collect(), labels: names.clone(), ..Manifest::default() }
}

fn settings(scheme: &str, entries: &[(&str, Value)]) -> Value {
    let mut value = Value::table();
    value.set("scheme", Value::Text(scheme.to_owned()));
    for (name, entry) in entries {
        value.set(name, entry.clone());
    }
    value
}

fn stratified(k: i64, seed: i64) -> Value {
    settings("stratified", &[("k", Value::Int(k)), ("seed", Value::Int(seed))])
}

const ONE: Protocol = Protocol::of(ProtocolKind::OnePerLabel, 0);
const LEAVE: Protocol = Protocol::of(ProtocolKind::LeaveOneOut, 0);
const AS_GIVEN: Protocol = Protocol::of(ProtocolKind::Given, 0);

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

fn held(fold: &Fold) -> Vec<u32> {
    let all: BTreeSet<u32> = fold.query.iter().chain(&fold.gallery).copied().collect();
    all.into_iter().collect()
}

#[test]
fn one_query_of_each_label_with_two() {
    // Ten photos of a, ten of b, one of c, in two folds: five of a, five of b each, c in one of them.
    let labels = [["a"; 10], ["b"; 10]].concat();
    let labels = [labels, vec!["c"]].concat();
    let m = manifest(&labels);
    let folds = folds(&m, &stratified(2, 0), &ONE).unwrap();
    let compositions: Vec<String> = folds.iter().map(|fold| fold.composition(&m).to_string()).collect();
    insta::assert_snapshot!(compositions.join("\n"), @r#"
    learns 10 photos of 2 labels, asks 2 of 9 photos; 1 label with a single held-out photo, which can answer nobody: "c"; 1 label held out but never learnt
    learns 11 photos of 3 labels, asks 2 of 8 photos
    "#);
}

#[test]
fn a_column_names_both_parts() {
    let mut m = manifest(&["a", "a", "b", "b", "c", "c"]);
    let of_photo = [1, 1, 0, 0, 2, 2].map(Some).to_vec();
    m.columns
        .insert("open_set".into(), Column { values: ["eval", "train", "x"].map(str::to_owned).to_vec(), of_photo });
    let by = |entries: &[(&str, Value)]| folds(&m, &settings("column", entries), &LEAVE);
    let found =
        by(&[("column", text("open_set")), ("train", text("train")), ("eval", Value::List(vec![text("eval")]))]);
    assert_eq!(found.unwrap(), [Fold { train: vec![0, 1], query: vec![2, 3], gallery: vec![2, 3], distractors: 0 }]);
    let each = by(&[("column", text("open_set"))]).unwrap();
    assert_eq!(each.iter().map(held).collect::<Vec<_>>(), [[2, 3], [0, 1], [4, 5]]);
    assert_eq!(each[0].train, [0, 1, 4, 5]);
    let told = |entries: &[(&str, Value)]| by(entries).unwrap_err().to_string();
    insta::assert_snapshot!(told(&[("column", text("openset"))]), @r#"[folds] column: the tables have no column "openset" with repeated values; did you mean "open_set"? there is "open_set""#);
    insta::assert_snapshot!(told(&[("column", text("open_set")), ("train", text("train")), ("eval", text("test"))]), @r#"[folds] eval: no labelled photo has "open_set" "test"; there is "eval", "train", "x""#);
    insta::assert_snapshot!(told(&[("column", text("open_set")), ("train", text("x"))]), @"[folds]: write both train and eval, or neither");
    insta::assert_snapshot!(told(&[("column", text("open_set")), ("train", text("x")), ("eval", text("x"))]), @r#"[folds]: "x" is in train and in eval"#);
}

#[test]
fn numbered_folds_go_by_number() {
    let mut m = manifest(&["a", "a", "a", "a"]);
    let values = ["10", "2"].map(str::to_owned).to_vec();
    m.columns.insert("fold".into(), Column { values, of_photo: [0, 0, 1, 1].map(Some).to_vec() });
    let found = folds(&m, &settings("column", &[("column", text("fold"))]), &ONE).unwrap();
    assert_eq!(found.iter().map(held).collect::<Vec<_>>(), [[2, 3], [0, 1]]);
}

#[test]
fn given_takes_the_tables_roles() {
    let mut m = manifest(&["a", "a", "a", "b", "b", "b"]);
    for (photo, role) in [(2, Role::Query), (3, Role::Gallery), (4, Role::Both)] {
        m.photos[photo].role = role;
    }
    let found = folds(&m, &settings("given", &[]), &AS_GIVEN).unwrap();
    assert_eq!(found, [Fold { train: vec![0, 1, 5], query: vec![2, 4], gallery: vec![3, 4], distractors: 0 }]);
    // Query 2 (a) has no a in the gallery; query 4 (b) has photo 3, and never itself.
    assert_eq!(found[0].composition(&m).unanswerable, 1);
    let told = |scheme: &Value, protocol| folds(&m, scheme, &protocol).unwrap_err().to_string();
    insta::assert_snapshot!(told(&settings("given", &[]), ONE), @r#"[folds]: scheme = "given" needs protocol.kind = "given" in toji.toml"#);
    insta::assert_snapshot!(told(&stratified(2, 0), AS_GIVEN), @r#"fold 0: no held-out photo is a query of the tables; use scheme = "given", or another protocol.kind"#);
}

#[test]
fn hopeless_folds_are_refused() {
    let told = |labels: &[&str], scheme: Value| folds(&manifest(labels), &scheme, &ONE).unwrap_err().to_string();
    insta::assert_snapshot!(told(&["a", "b"], stratified(5, 0)), @"[folds] k = 5, but only 2 labelled photos");
    insta::assert_snapshot!(told(&["a", "a", "b", "b"], stratified(2, 0)), @"fold 0: no label has two held-out photos, so there is no query; take fewer folds or a larger fraction");
    insta::assert_snapshot!(told(&[], stratified(2, 0)), @"[folds]: no photo for training has a label");
}

/// Up to 60 photos of up to 8 labels, some labels rare.
fn any_labels() -> impl Strategy<Value = Vec<&'static str>> {
    const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "rare", "獺祭"];
    proptest::collection::vec((0usize..8, 0usize..8), 12..60)
        .prop_map(|draws| draws.into_iter().map(|(a, b)| NAMES[a.min(b)]).collect())
}

proptest! {
    #[test]
    fn stratified_is_a_partition_with_equal_shares(labels in any_labels(), k in 2usize..6, seed in 0i64..1000) {
        let m = manifest(&labels);
        let folds = folds(&m, &stratified(k as i64, seed), &LEAVE).unwrap();
        prop_assert_eq!(folds.len(), k);
        let mut met: Vec<u32> = folds.iter().flat_map(held).collect();
        met.sort_unstable();
        prop_assert_eq!(met, (0..labels.len() as u32).collect::<Vec<_>>());
        let spread = |counts: Vec<usize>| counts.iter().max().unwrap_or(&0) - counts.iter().min().unwrap_or(&0);
        prop_assert!(spread(folds.iter().map(|fold| fold.gallery.len()).collect()) <= 1);
        for label in 0..m.labels.len() as u32 {
            let of = |fold: &Fold| fold.gallery.iter().filter(|&&p| m.photos[p as usize].label == Some(label)).count();
            prop_assert!(spread(folds.iter().map(of).collect()) <= 1);
        }
        for fold in &folds {
            let both: BTreeSet<u32> = fold.train.iter().chain(&fold.gallery).copied().collect();
            prop_assert_eq!(both.len(), labels.len());
            prop_assert_eq!(fold.train.len() + fold.gallery.len(), labels.len());
        }
    }

    #[test]
    fn every_drawn_query_has_an_answer(labels in any_labels(), seed in 0i64..1000) {
        let m = manifest(&labels);
        if let Ok(folds) = folds(&m, &stratified(2, seed), &Protocol { seed: seed as u64, ..ONE }) {
            for fold in &folds {
                let composition = fold.composition(&m);
                prop_assert_eq!(composition.unanswerable, 0);
                prop_assert!(fold.query.iter().all(|q| fold.gallery.binary_search(q).is_err()));
                let held_labels: BTreeSet<_> = held(fold).iter().map(|&p| m.photos[p as usize].label).collect();
                prop_assert_eq!(fold.query.len() + composition.lone.len(), held_labels.len());
            }
        }
    }

    #[test]
    fn holdout_takes_the_same_part_of_each_label(labels in any_labels(), percent in 10u32..60, seed in 0i64..1000) {
        let m = manifest(&labels);
        let fraction = f64::from(percent) / 100.0;
        let scheme = settings("holdout", &[("fraction", Value::Float(fraction)), ("seed", Value::Int(seed))]);
        let fold = &folds(&m, &scheme, &LEAVE).unwrap()[0];
        prop_assert_eq!(fold.train.len() + fold.gallery.len(), labels.len());
        for label in 0..m.labels.len() as u32 {
            let count = |photos: &[u32]| photos.iter().filter(|&&p| m.photos[p as usize].label == Some(label)).count();
            let (kept, held) = (count(&fold.train), count(&fold.gallery));
            prop_assert!((held as f64 - fraction * (kept + held) as f64).abs() <= 1.0, "{} of {}", held, kept + held);
        }
    }

    // The order of rows in the table changes nothing but the numbers.
    #[test]
    fn folds_follow_ids_not_rows(labels in any_labels(), seed in 0i64..1000, order in any::<u64>()) {
        let m = manifest(&labels);
        let mut shuffled = m.clone();
        Seed::new(order).draws().shuffle(&mut shuffled.photos);
        let ids = |m: &Manifest| -> Option<Vec<[BTreeSet<String>; 3]>> {
            let folds = folds(m, &stratified(2, seed), &ONE).ok()?;
            let ids = |photos: &[u32]| photos.iter().map(|&p| m.photos[p as usize].id.clone()).collect();
            Some(folds.iter().map(|f| [ids(&f.train), ids(&f.query), ids(&f.gallery)]).collect())
        };
        prop_assert_eq!(ids(&m), ids(&shuffled));
    }
}

#[test]
fn seeds_differ_and_repeat() {
    let m = manifest(&["a"; 40]);
    let of = |seed| folds(&m, &stratified(4, seed), &LEAVE).unwrap();
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
    let asked = |seed| folds(&m, &stratified(4, 1), &Protocol { seed, ..ONE }).unwrap();
    assert_ne!(asked(0), asked(1));
}
