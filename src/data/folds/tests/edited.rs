//! Edits move no photo but those that they are about.

use super::*;
use crate::data::error::Place;
use crate::data::manifest::edits::{Action, Edit, Edits};

fn edited(m: &Manifest, rows: &[(&str, Action, &str)]) -> Manifest {
    let edit = |(id, action, value): &(&str, Action, &str)| {
        let [by, date, note] = [const { String::new() }; 3];
        let edit = Edit { id: (*id).to_owned(), action: *action, value: (*value).to_owned(), by, date, note };
        (edit, Place::line(std::path::Path::new("edits.csv"), 2))
    };
    Edits { rows: rows.iter().map(edit).collect() }.apply(m.clone()).unwrap().0
}

/// Each part of each fold as ids.
fn ids(m: &Manifest, folds: &[Fold]) -> Vec<[BTreeSet<String>; 2]> {
    let of = |places: &[u32]| places.iter().map(|&place| m.photos[place as usize].id.clone()).collect();
    folds.iter().map(|fold| [of(&fold.train), of(&held(fold))]).collect()
}

#[test]
fn a_photo_that_goes_moves_no_other() {
    let labels = [["a"; 10], ["b"; 10], ["c"; 10]].concat();
    let m = manifest(&labels);
    let new = edited(&m, &[("p3", Action::Drop, ""), ("p12", Action::Relabel, "a"), ("p25", Action::Crop, "0 0 4 4")]);
    for scheme in ["stratified", "k-fold", "group"] {
        let value = settings(scheme, &[("k", Value::Int(3)), ("seed", Value::Int(5))]);
        let (before, after) = (folds(&m, &value, &LEAVE).unwrap(), folds(&new, &value, &LEAVE).unwrap());
        for ([train, held], [new_train, new_held]) in ids(&m, &before).iter().zip(ids(&new, &after)) {
            let without = |part: &BTreeSet<String>| -> BTreeSet<String> {
                part.iter().filter(|id| !["p3", "p12"].contains(&id.as_str())).cloned().collect()
            };
            assert_eq!((without(train), without(held)), (without(&new_train), without(&new_held)), "{scheme}");
            assert!(!new_train.contains("p3") && !new_held.contains("p3"));
            // Where labels are kept apart a photo follows its new one, else it stays.
            let leads = if scheme == "group" { "p0" } else { "p12" };
            let [led, leading] = [&new_train, if scheme == "group" { &new_train } else { train }];
            assert_eq!(led.contains("p12"), leading.contains(leads), "{scheme}");
        }
    }
}

#[test]
fn a_group_stays_in_one_part() {
    let labels = [["a"; 10], ["b"; 10]].concat();
    let m = manifest(&labels);
    for seed in 0..20 {
        let new = edited(&m, &[("p1", Action::Group, "g"), ("p7", Action::Group, "g"), ("p15", Action::Group, "g")]);
        let found = divide(&new, &stratified(4, seed), &LEAVE, None).unwrap();
        for fold in &found.folds {
            let here = [1, 7, 15].map(|photo| fold.train.contains(&photo));
            assert!(here == [true; 3] || here == [false; 3]);
        }
        assert_eq!(found.joined, Joined { grouped: 3, sets: 1, photos: 3, across: 1, ..Joined::default() });
        assert!(found.lines(&new).join("\n").contains("3 in groups of edits.csv"));
    }
}
