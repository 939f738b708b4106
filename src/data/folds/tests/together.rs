//! What must not be parted, and that nothing else changes for it.

use super::*;

/// The same bytes for photos of one number.
fn with_bytes(mut m: Manifest, of: &[u8]) -> Manifest {
    for (photo, byte) in m.photos.iter_mut().zip(of) {
        photo.content = Key::of_bytes(&[*byte]);
    }
    m
}

fn whole(folds: &[Fold], sets: &[&[u32]]) -> bool {
    let side = |fold: &Fold, photo: &u32| fold.train.binary_search(photo).is_ok();
    folds.iter().all(|fold| sets.iter().all(|set| set.iter().all(|photo| side(fold, photo) == side(fold, &set[0]))))
}

#[test]
fn copies_stay_in_one_fold() {
    // Ten photos of a, of which 0, 1 and 2 are one; 9 of a and 10 of b are one as well.
    let labels = [["a"; 10], ["b"; 10]].concat();
    let bytes = [0, 0, 0, 3, 4, 5, 6, 7, 8, 9, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19];
    let m = with_bytes(manifest(&labels), &bytes);
    for seed in 0..20 {
        for scheme in ["stratified", "k-fold", "holdout"] {
            let value =
                settings(scheme, &[("k", Value::Int(4)), ("seed", Value::Int(seed)), ("fraction", Value::Float(0.3))]);
            let found = divide(&m, &value, &LEAVE, None).unwrap();
            assert!(whole(&found.folds, &[&[0, 1, 2], &[9, 10]]), "{scheme} {seed}");
            assert_eq!(found.joined, Joined { copies: 5, sets: 2, photos: 5, across: 1, ..Joined::default() });
            if scheme != "holdout" {
                let sizes: BTreeSet<usize> = found.folds.iter().map(|fold| fold.gallery.len()).collect();
                assert_eq!(sizes, BTreeSet::from([5]), "{scheme} {seed}: single photos even it out");
            }
        }
    }
    let apart = settings("stratified", &[("k", Value::Int(4)), ("seed", Value::Int(0)), ("copies", text("apart"))]);
    let found = divide(&m, &apart, &LEAVE, None).unwrap();
    assert!(!whole(&found.folds, &[&[0, 1, 2]]) && found.joined == Joined::default());
    assert_eq!(found.folds, folds(&manifest(&labels), &stratified(4, 0), &LEAVE).unwrap());
    let lines = found.lines(&m);
    assert!(lines.iter().any(|line| line.starts_with("! ") && line.contains("the very bytes")), "{lines:?}");
}

#[test]
fn copies_that_are_not_parted_change_nothing() {
    // Two photos that are dealt to one fold anyway get the same bytes.
    let labels = [["a"; 12], ["b"; 12]].concat();
    let plain = folds(&manifest(&labels), &stratified(4, 5), &LEAVE).unwrap();
    let [first, second] = plain[1].gallery[..2] else { panic!("{plain:?}") };
    let mut m = manifest(&labels);
    m.photos[second as usize].content = m.photos[first as usize].content;
    assert_eq!(folds(&m, &stratified(4, 5), &LEAVE).unwrap(), plain);
}

#[test]
fn groups_of_columns_join_through_each_other() {
    // 0 and 2 share a seller, 2 and 5 a session: three photos stay together. An empty value joins nobody.
    let mut m = manifest(&["a", "a", "a", "a", "b", "b", "b", "b"]);
    let column = |names: &[&str], of: [u32; 8]| Column {
        values: names.iter().map(|n| (*n).to_owned()).collect(),
        of_photo: of.map(Some).to_vec(),
    };
    m.columns.insert("seller".into(), column(&["", "s"], [1, 0, 1, 0, 0, 0, 0, 0]));
    m.columns.insert("session".into(), column(&["", "t"], [0, 0, 1, 0, 0, 1, 0, 0]));
    for scheme in ["stratified", "k-fold", "holdout", "mixed", "group"] {
        let columns = Value::List(vec![text("seller"), text("session")]);
        let value = settings(
            scheme,
            &[
                ("k", Value::Int(2)),
                ("seed", Value::Int(1)),
                ("fraction", Value::Float(0.5)),
                ("open", Value::Float(0.9)),
                ("together", columns),
            ],
        );
        match divide(&m, &value, &LEAVE, None) {
            Ok(found) => {
                assert!(whole(&found.folds, &[&[0, 2, 5]]), "{scheme}");
                assert_eq!((found.joined.sets, found.joined.photos, found.joined.across), (1, 3, 1));
                assert_eq!(found.joined.columns, [("seller".to_owned(), 2), ("session".to_owned(), 2)]);
            }
            // Both labels hang together: there is one group only.
            Err(error) => assert!(matches!(scheme, "group" | "mixed"), "{scheme}: {error}"),
        }
    }
    let told = |name: &str| {
        folds(&m, &settings("stratified", &[("k", Value::Int(2)), ("together", text(name))]), &LEAVE)
            .unwrap_err()
            .to_string()
    };
    insta::assert_snapshot!(told("sellers"), @r#"[folds] together: the tables have no column "sellers" with repeated values; did you mean "seller"? there is "seller", "session""#);
}

#[test]
fn what_looks_alike_stays_together_where_it_is_asked_for() {
    let m = manifest(&[["a"; 6], ["b"; 6]].concat());
    // Photos 0, 3 and 7 in a chain of two bits each; photo 5 could not be decoded.
    let mut looks: Vec<Option<u64>> = (0..12u64).map(|i| Some((i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15))).collect();
    (looks[3], looks[7], looks[5]) = (looks[0].map(|h| h ^ 0b11), looks[0].map(|h| h ^ 0b1111), None);
    let with = |near: i64| {
        let value = settings("stratified", &[("k", Value::Int(3)), ("near", Value::Int(near))]);
        assert!(asks_for_looks(&value));
        assert!(folds(&m, &value, &LEAVE).is_err());
        divide(&m, &value, &LEAVE, Some(&looks)).unwrap()
    };
    let near = with(2);
    assert!(whole(&near.folds, &[&[0, 3, 7]]));
    assert_eq!(near.joined, Joined { near: 3, sets: 1, photos: 3, across: 1, ..Joined::default() });
    assert!(near.lines(&m).iter().any(|line| line
        == "3 photos in 1 set that stay in one part: 3 that look like another; 1 set with more than one label"));
    assert_eq!(with(1).joined, Joined::default());
}

#[test]
fn the_page_says_what_folds_are_made_of() {
    let labels = [vec!["a"; 8], vec!["b"; 8], vec!["c"]].concat();
    let mut m = with_bytes(manifest(&labels), &[0, 0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
    let host = Photo { id: "h".into(), label: None, role: Role::Gallery, ..m.photos[3].clone() };
    m.photos.extend((0..40).map(|i| Photo { id: format!("h{i}"), content: Key::of_bytes(&[9, 9, i]), ..host.clone() }));
    let found = divide(&m, &stratified(2, 0), &ONE, None).unwrap();
    insta::assert_snapshot!(found.lines(&m).join("\n"), @r#"
    fold 0: 8 train, 2 queries, 7 gallery
    fold 1: 9 train, 2 queries, 6 gallery
    2 photos in 1 set that stay in one part: 2 with the bytes of another
    1 label with a single photo: 1 held out in some fold, where they only distract, and 1 learnt in some fold
    held-out labels that were never learnt: 1 of 5 (20 %); queries without an answer: 0 of 4
    galleries of 6 to 7 photos, 2.6 a label; the host's has 40 photos, 5.7 times as many
    1 query with the very bytes of a photo in the gallery: found at once
    "#);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    /// Any sets, any scheme: no set is parted, every photo is held out once, single-label sets leave shares as even as
    /// the largest set allows.
    #[test]
    fn sets_stay_whole(labels in any_labels(), bytes in prop::collection::vec(0u8..30, 60), k in 2usize..5, seed in 0i64..1000) {
        let m = with_bytes(manifest(&labels), &bytes);
        let mut sets: std::collections::BTreeMap<u8, Vec<u32>> = std::collections::BTreeMap::new();
        (0..labels.len()).for_each(|i| sets.entry(bytes[i]).or_default().push(i as u32));
        let sets: Vec<&[u32]> = sets.values().map(Vec::as_slice).collect();
        for scheme in ["stratified", "k-fold", "group", "mixed", "holdout"] {
            let value = settings(scheme, &[("k", Value::Int(k as i64)), ("seed", Value::Int(seed)), ("open", Value::Float(0.4)), ("fraction", Value::Float(0.4))]);
            let Ok(found) = folds(&m, &value, &LEAVE) else { continue };
            prop_assert!(whole(&found, &sets), "{}", scheme);
            let mut met: Vec<u32> = found.iter().flat_map(held).collect();
            met.sort_unstable();
            if scheme != "holdout" {
                prop_assert_eq!(met, (0..labels.len() as u32).collect::<Vec<_>>(), "{}", scheme);
            }
            if scheme == "k-fold" {
                let largest = sets.iter().map(|set| set.len()).max().unwrap_or(1);
                let sizes: Vec<usize> = found.iter().map(|fold| fold.gallery.len()).collect();
                prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= largest, "{:?}", sizes);
            }
        }
    }
}
