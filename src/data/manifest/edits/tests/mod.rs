//! What each action does, which rows are refused, and that the file loses nothing.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::base::Key;
use crate::base::files;
use crate::data::error::DataError;
use crate::data::manifest::{Column, Photo, Role};
use crate::data::table::Encoding;

/// Four training photos of labels a, b, b, c and one of the gallery with the first one's id.
fn tables() -> Manifest {
    let photo = |(id, label, role): (&str, Option<u32>, Role)| Photo {
        id: id.to_owned(),
        path: format!("{id}.jpg").into(),
        content: Key::of_bytes(format!("{id}{role:?}").as_bytes()),
        label,
        coarse: label.map(|label| label / 2),
        role,
        width: 200,
        height: 100,
        crop: None,
    };
    let rows = [("1", Some(0)), ("2", Some(1)), ("3", Some(1)), ("4", Some(2))];
    let mut photos: Vec<Photo> = rows.map(|(id, label)| photo((id, label, Role::Train))).to_vec();
    photos.extend([("1", None, Role::Gallery), ("g", None, Role::Gallery)].map(photo));
    let shop =
        Column { values: vec!["x".into(), "y".into()], of_photo: vec![Some(0), Some(1), Some(0), Some(1), None, None] };
    Manifest {
        photos,
        labels: ["a", "b", "c"].map(str::to_owned).to_vec(),
        coarse: ["ab", "c"].map(str::to_owned).to_vec(),
        columns: BTreeMap::from([("shop".to_owned(), shop)]),
        ..Manifest::default()
    }
}

fn edit(id: &str, action: Action, value: &str) -> Edit {
    let [by, date, note] = ["me", "2026-11-28T10:00:00Z", ""].map(str::to_owned);
    Edit { id: id.to_owned(), action, value: value.to_owned(), by, date, note }
}

fn applied(rows: &[Edit]) -> Result<(Manifest, Vec<String>), DataError> {
    Edits::default().with(rows).apply(tables())
}

fn label(manifest: &Manifest, photo: usize) -> Option<&str> {
    manifest.photos[photo].label.map(|label| manifest.labels[label as usize].as_str())
}

#[test]
fn each_action_does_what_it_says() {
    let rows = [
        edit("2", Action::Relabel, "c"),
        edit("3", Action::Crop, "10 20 110 100"),
        edit("4", Action::Drop, ""),
        edit("1", Action::Group, "box"),
        edit("2", Action::Group, "box"),
    ];
    let (manifest, notes) = applied(&rows).unwrap();
    assert_eq!(notes, ["the new edits: 1 photo dropped, 1 relabelled, 1 cropped, 2 in groups"]);
    let ids: Vec<&str> = manifest.photos.iter().map(|photo| photo.id.as_str()).collect();
    assert_eq!(ids, ["1", "2", "3", "1", "g"]);
    assert_eq!([0, 1, 2].map(|i| label(&manifest, i)), [Some("a"), Some("c"), Some("b")]);
    // The wider label follows the scored one.
    assert_eq!(manifest.coarse[manifest.photos[1].coarse.unwrap() as usize], "c");
    assert_eq!(manifest.columns["shop"].of_photo, [Some(0), Some(1), Some(0), None, None]);
    let cut = &manifest.photos[2];
    assert_eq!((cut.width, cut.height, cut.part()), (100, 80, Some(Area { x: 10, y: 20, width: 100, height: 80 })));
    assert_eq!((cut.whole(), cut.content == cut.whole()), (tables().photos[2].content, false));
    let edited = manifest.edited.as_ref().unwrap();
    assert_eq!(edited.place, [Some(0), Some(1), Some(2), None, Some(3), Some(4)]);
    assert_eq!(edited.group, [Some(0), Some(0), None, None, None, None]);
    assert_eq!(*manifest.tables(), tables());
    // In words, for a plan: beside the tables', and beside another state.
    insta::assert_snapshot!(manifest.changes_from(&tables()), @"1 image relabelled, 1 cropped otherwise, 1 dropped");
    insta::assert_snapshot!(tables().changes_from(&manifest), @"1 image relabelled, 1 cropped otherwise, 1 new");
    let (less, _) = applied(&rows[2..3]).unwrap();
    insta::assert_snapshot!(manifest.changes_from(&less), @"1 image relabelled, 1 cropped otherwise");
    // The manifest's file keeps what was cut.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("manifest.parquet");
    manifest.save(&file).unwrap();
    let read = Manifest::load(&file).unwrap();
    assert_eq!((read.photos, read.labels), (manifest.photos.clone(), manifest.labels.clone()));
    assert_eq!(manifest.key(), Manifest { edited: None, ..manifest.clone() }.key());
}

#[test]
fn the_last_decision_holds() {
    let rows = [
        edit("4", Action::Drop, ""),
        edit("4", Action::Keep, ""),
        edit("2", Action::Relabel, "c"),
        edit("2", Action::Relabel, ""),
        edit("3", Action::Crop, "0 0 5 5"),
        edit("3", Action::Crop, ""),
        edit("1", Action::Group, "x"),
        edit("1", Action::Group, ""),
    ];
    assert_eq!(applied(&rows).unwrap(), (tables(), Vec::new()));
    // A part that is the whole, and the label that is there, change no photo.
    let (same, _) = applied(&[edit("3", Action::Crop, "0 0 200 100"), edit("1", Action::Relabel, "a")]).unwrap();
    assert_eq!(same.key(), tables().key());
}

#[test]
fn what_cannot_be_meant_is_told_with_its_place() {
    let told = |row: Edit| applied(&[row]).unwrap_err().to_string();
    insta::assert_snapshot!(told(edit("g", Action::Drop, "")), @r#"the new edits line 1: "g" is no training photo, so it cannot be edited by drop; the host asks for it as it is (keep and crop can be said)"#);
    insta::assert_snapshot!(told(edit("2", Action::Crop, "1 2 3")), @r#"the new edits line 1: a crop is four whole numbers, x_min y_min x_max y_max in pixels, not "1 2 3""#);
    insta::assert_snapshot!(told(edit("2", Action::Crop, "0 0 201 5")), @r#"the new edits line 1: the crop "0 0 201 5" is no part of a photo of 200 × 100 pixels"#);
    let (same, notes) = applied(&[edit("nobody", Action::Drop, "")]).unwrap();
    assert_eq!(same, tables());
    insta::assert_snapshot!(notes[0], @"the new edits: 1 row about ids that no table has; nothing is done about them");
    assert!(applied(&[edit("g", Action::Crop, "0 0 50 50")]).is_ok());
}

#[test]
fn the_file_is_appended_and_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let (file, lock) = (folder.path().join(FILE), folder.path().join(".toji/edits.lock"));
    let rows =
        || Edits::read(&file, Encoding::Auto).map(|all| all.rows.into_iter().map(|(edit, _)| edit).collect::<Vec<_>>());
    assert_eq!(rows().unwrap(), []);
    let odd = Edit { note: "a, \"b\"\nc; d".into(), ..edit("七,八", Action::Relabel, "夕乃錦 \"生\"") };
    let later = Edit { date: "2026-11-28T10:00:01Z".into(), ..edit("9", Action::Drop, "") };
    append(&file, &lock, Encoding::Auto, &[edit("1", Action::Keep, ""), odd.clone()]).unwrap();
    append(&file, &lock, Encoding::Auto, &[later.clone(), later.clone()]).unwrap();
    assert_eq!(rows().unwrap(), [edit("1", Action::Keep, ""), odd.clone(), later.clone(), later.clone()]);
    assert_eq!(undo(&file, &lock, Encoding::Auto).unwrap(), [later.clone(), later]);
    assert_eq!(undo(&file, &lock, Encoding::Auto).unwrap(), [edit("1", Action::Keep, ""), odd]);
    assert_eq!(undo(&file, &lock, Encoding::Auto).unwrap(), []);
    // Somebody's own columns are not lost in silence, and somebody's spreadsheet is read.
    files::publish(&file, b"id,action,value,colour\n1,drop,,red\n").unwrap();
    let error = append(&file, &lock, Encoding::Auto, &[edit("1", Action::Keep, "")]).unwrap_err().to_string();
    assert!(error.contains("\"colour\""), "{error}");
    files::publish(&file, b"\xEF\xBB\xBFid;action;value\r\n1;drop;\r\n").unwrap();
    append(&file, &lock, Encoding::Auto, &[edit("1", Action::Keep, "")]).unwrap();
    assert_eq!(rows().unwrap().len(), 2);
}

/// Tables in Shift_JIS, where the key `encoding` says so, and decisions in UTF-8.
#[test]
fn what_is_written_is_read_again_whatever_the_tables_are_in() {
    let folder = tempfile::tempdir().unwrap();
    let (file, lock) = (folder.path().join(FILE), folder.path().join("lock"));
    for encoding in [Encoding::Auto, Encoding::Utf8, Encoding::ShiftJis] {
        let row = edit("七", Action::Relabel, "獺祭 純米大吟醸");
        append(&file, &lock, encoding, std::slice::from_ref(&row)).unwrap();
        append(&file, &lock, encoding, &[edit("2", Action::Drop, "")]).unwrap();
        let read = Edits::read(&file, encoding).unwrap();
        assert_eq!(read.rows.iter().map(|(row, _)| row.clone()).collect::<Vec<_>>()[0], row, "{encoding:?}");
        std::fs::remove_file(&file).unwrap();
    }
    // What a spreadsheet saved in Shift_JIS stays, too: 獺 = E0 DA, 祭 = 8D D5.
    files::publish(&file, b"id,action,value\n1,relabel,\xE0\xDA\x8D\xD5\n").unwrap();
    append(&file, &lock, Encoding::ShiftJis, &[edit("2", Action::Drop, "")]).unwrap();
    assert_eq!(Edits::read(&file, Encoding::ShiftJis).unwrap().rows[0].0.value, "獺祭");
}

#[test]
fn what_could_not_be_read_again_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let (file, lock) = (folder.path().join(FILE), folder.path().join("lock"));
    append(&file, &lock, Encoding::Auto, &[edit("1", Action::Keep, "")]).unwrap();
    let nul = Edit { note: "a\0b".to_owned(), ..edit("2", Action::Drop, "") };
    let error = append(&file, &lock, Encoding::Auto, &[nul]).unwrap_err().to_string();
    assert!(error.contains("a NUL character") && error.contains("nothing was written"), "{error}");
    assert_eq!(Edits::read(&file, Encoding::Auto).unwrap().rows.len(), 1);
}

/// Groups have numbers in the order of their names, however many there are.
#[test]
fn many_groups_are_numbered_in_their_order() {
    let many = 3_000_u32;
    let photo = |i: u32| Photo { id: format!("{i:06}"), ..tables().photos[0].clone() };
    let all = Manifest { photos: (0..many).map(photo).collect(), labels: vec!["a".to_owned()], ..Manifest::default() };
    let rows: Vec<Edit> =
        (0..many).map(|i| edit(&format!("{i:06}"), Action::Group, &format!("g{:06}", many - i / 2))).collect();
    let (edited, _) = Edits::default().with(&rows).apply(all).unwrap();
    let group = &edited.edited.unwrap().group;
    assert_eq!((group[0], group[1], group[2], group[2_999]), (Some(1_499), Some(1_499), Some(1_498), Some(0)));
}

#[test]
fn a_row_that_is_none_is_told_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE);
    let told = |text: &str| {
        files::publish(&file, text.as_bytes()).unwrap();
        let error = Edits::read(&file, Encoding::Auto).unwrap_err().to_string();
        error.replace(&format!("{}/", folder.path().display()), "")
    };
    insta::assert_snapshot!(told("id,action,value\n1,keep,\n2,dropp,\n"), @r#"edits.csv line 3: there is no action "dropp" (did you mean drop?); there is "keep", "drop", "relabel", "crop", "group""#);
    insta::assert_snapshot!(told("id,action,value\n,keep,\n"), @"edits.csv line 2: a row without an id");
    insta::assert_snapshot!(told("id,action,value\n1,drop,now\n"), @r#"edits.csv line 2: drop takes no value, and here is "now""#);
    assert!(told("photo,action\n1,drop\n").contains("id"));
}

proptest! {
    /// Whatever text is written is read again.
    #[test]
    fn any_text_survives(texts in prop::collection::vec("[^\u{0}\\s]([^\u{0}]{0,8}[^\u{0}\\s])?", 4), kind in 0usize..5) {
        let folder = tempfile::tempdir().unwrap();
        let (file, lock) = (folder.path().join(FILE), folder.path().join("lock"));
        let [id, value, by, note] = [0, 1, 2, 3].map(|i| texts[i].clone());
        let action = Action::ALL[kind];
        let value = if matches!(action, Action::Keep | Action::Drop) { String::new() } else { value };
        let row = Edit { id, action, value, by, date: "d".into(), note };
        append(&file, &lock, Encoding::Utf8, std::slice::from_ref(&row)).unwrap();
        let read = Edits::read(&file, Encoding::Utf8).unwrap();
        // Carriage returns become line ends in a table.
        let plain = |edit: &Edit| format!("{edit:?}").replace("\\r\\n", "\\n").replace("\\r", "\\n");
        prop_assert_eq!(plain(&read.rows[0].0), plain(&row));
    }
}
