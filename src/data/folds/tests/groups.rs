//! Groups that stay whole: against scikit-learn, and by what must hold.

use serde::Deserialize;

use super::super::scheme::deal;
use super::*;

#[derive(Deserialize)]
struct Golden {
    stratified: Vec<Stratified>,
    plain: Vec<Plain>,
}

#[derive(Deserialize)]
struct Stratified {
    k: usize,
    counts: Vec<Vec<usize>>,
    folds: Vec<usize>,
}

#[derive(Deserialize)]
struct Plain {
    k: usize,
    sizes: Vec<usize>,
    folds: Vec<usize>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../../../../tests/golden/folds/golden.json")).unwrap()
}

#[test]
fn stratified_groups_are_scikit_learns() {
    for (i, case) in golden().stratified.iter().enumerate() {
        let groups: Vec<Vec<(usize, usize)>> = case
            .counts
            .iter()
            .map(|row| row.iter().copied().enumerate().filter(|(_, count)| *count > 0).collect())
            .collect();
        assert_eq!(deal::steady(&groups, case.counts[0].len(), case.k), case.folds, "case {i}");
    }
}

#[test]
fn groups_by_size_are_scikit_learns() {
    for (i, case) in golden().plain.iter().enumerate() {
        assert_eq!(deal::lightest(&case.sizes, case.k), case.folds, "case {i}");
    }
}

fn group(k: i64, seed: i64) -> Value {
    settings("group", &[("k", Value::Int(k)), ("seed", Value::Int(seed))])
}

fn mixed(k: i64, open: f64, seed: i64) -> Value {
    settings("mixed", &[("k", Value::Int(k)), ("open", Value::Float(open)), ("seed", Value::Int(seed))])
}

/// Two to seven photos of each of `labels` labels, in two coarse ones.
fn many(labels: usize) -> Manifest {
    let names: Vec<String> = (0..labels).map(|l| format!("l{l:03}")).collect();
    let rows: Vec<&str> =
        names.iter().enumerate().flat_map(|(l, name)| std::iter::repeat_n(name.as_str(), 2 + l % 6)).collect();
    let mut m = manifest(&rows);
    m.coarse = vec!["red".to_owned(), "white".to_owned()];
    for photo in &mut m.photos {
        photo.coarse = photo.label.map(|label| u32::from(label % 5 == 0));
    }
    m
}

/// The labels of some photos.
fn labels_of(m: &Manifest, photos: &[u32]) -> BTreeSet<u32> {
    photos.iter().filter_map(|&p| m.photos[p as usize].label).collect()
}

#[test]
fn no_label_is_on_both_sides() {
    let m = many(40);
    for scheme in ["group", "stratified-group"] {
        let found = folds(&m, &settings(scheme, &[("k", Value::Int(5)), ("seed", Value::Int(3))]), &ONE).unwrap();
        let mut met: Vec<u32> = found.iter().flat_map(held).collect();
        met.sort_unstable();
        assert_eq!(met, (0..m.photos.len() as u32).collect::<Vec<_>>(), "{scheme}");
        for fold in &found {
            assert!(labels_of(&m, &fold.train).is_disjoint(&labels_of(&m, &held(fold))), "{scheme}");
            assert_eq!(fold.known_labels(&m), 0);
            // 178 photos in five folds: 35.6 each; the largest label has 7.
            assert!((held(fold).len() as i64 - 36).abs() <= 7, "{scheme}: {}", held(fold).len());
        }
    }
    let red = |fold: &Fold| {
        held(fold).iter().filter(|&&p| m.photos[p as usize].coarse == Some(1)).count() as f64 / held(fold).len() as f64
    };
    let found = folds(&m, &settings("stratified-group", &[("k", Value::Int(4)), ("seed", Value::Int(0))]), &ONE);
    let shares: Vec<f64> = found.unwrap().iter().map(red).collect();
    assert!(shares.iter().all(|share| (share - 0.2).abs() < 0.08), "{shares:?}");
}

#[test]
fn a_column_is_held_out_whole_and_the_seed_draws() {
    let mut m = manifest(&["a", "b", "a", "b", "a", "b", "a", "b"]);
    let values = ["", "north", "south", "west"].map(str::to_owned).to_vec();
    m.columns.insert("place".into(), Column { values, of_photo: [1, 1, 2, 2, 3, 3, 0, 0].map(Some).to_vec() });
    let by = |entries: &[(&str, Value)]| {
        let all: Vec<_> =
            [("k", Value::Int(2)), ("column", text("place"))].into_iter().chain(entries.iter().cloned()).collect();
        folds(&m, &settings("group", &all), &LEAVE)
    };
    for fold in by(&[]).unwrap() {
        let held = held(&fold);
        for pair in [[0, 1], [2, 3], [4, 5]] {
            assert_eq!(held.contains(&pair[0]), held.contains(&pair[1]), "{held:?}");
        }
        assert_eq!(fold.known_labels(&m), 2);
    }
    let many = many(60);
    let of = |seed| folds(&many, &group(5, seed), &LEAVE).unwrap();
    assert_eq!(of(1), of(1));
    // Not ties alone are drawn: photos that were together are parted.
    assert_ne!(of(1).iter().map(held).collect::<BTreeSet<_>>(), of(2).iter().map(held).collect::<BTreeSet<_>>());
}

#[test]
fn hopeless_groups_are_refused() {
    let told = |labels: &[&str], scheme: Value| folds(&manifest(labels), &scheme, &ONE).unwrap_err().to_string();
    insta::assert_snapshot!(told(&["a", "a", "b", "b"], group(3, 0)), @"[folds] k = 3, but only 2 label(s) that can be held out apart from each other; take k = 2 or fewer");
    insta::assert_snapshot!(told(&["a", "a", "b", "b"], mixed(2, 0.1, 0)), @r#"[folds] k = 2, but only 0 label(s) that open = 0.1 holds out whole; take more, or scheme = "stratified""#);
    insta::assert_snapshot!(told(&["a", "a", "b", "b"], settings("stratified-group", &[("k", Value::Int(2))])), @r#"[folds]: stratified-group keeps the shares of the coarse label, and the tables have none: name a column with by = "…", or take scheme = "group""#);
    insta::assert_snapshot!(told(&["a", "a"], settings("group", &[("k", Value::Int(2)), ("column", text("shop"))])), @r#"[folds] column: the tables have no column "shop" with repeated values; there is none"#);
}

#[test]
fn mixed_examines_the_stated_share_of_new_labels() {
    let m = many(300);
    for open in [0.1, 0.3, 0.7] {
        let found = folds(&m, &mixed(5, open, 1), &ONE).unwrap();
        let mut met: Vec<u32> = found.iter().flat_map(held).collect();
        met.sort_unstable();
        assert_eq!(met, (0..m.photos.len() as u32).collect::<Vec<_>>());
        // Labels with fewer photos than folds are not in each examination, so a little more is new than was asked for.
        let (mut new, mut all) = (0, 0);
        for fold in &found {
            let composition = fold.composition(&m);
            (new, all) = (new + composition.unseen, all + composition.held);
            assert!(fold.known_labels(&m) > 0);
        }
        let share = new as f64 / all as f64;
        assert!(share > open - 0.02 && share < open + 0.12, "{open}: {share}");
    }
}

#[test]
fn repeats_follow_and_change_nothing_before_them() {
    let m = many(30);
    for scheme in ["stratified", "k-fold", "group", "stratified-group", "mixed", "holdout"] {
        let with = |repeats: Option<i64>| {
            let mut value = settings(
                scheme,
                &[("seed", Value::Int(4)), ("open", Value::Float(0.4)), ("fraction", Value::Float(0.3))],
            );
            value.set("k", Value::Int(3));
            if let Some(repeats) = repeats {
                value.set("repeats", Value::Int(repeats));
            }
            folds(&m, &value, &LEAVE).unwrap()
        };
        let (once, thrice) = (with(None), with(Some(3)));
        let k = if scheme == "holdout" { 1 } else { 3 };
        assert_eq!((once.len(), thrice.len()), (k, 3 * k), "{scheme}");
        assert_eq!(once, thrice[..k], "{scheme}");
        assert_ne!(thrice[..k], thrice[k..2 * k], "{scheme}");
        assert_ne!(thrice[k..2 * k], thrice[2 * k..], "{scheme}");
    }
}

#[test]
fn k_fold_is_a_partition_by_chance() {
    let m = manifest(&["a"; 23]);
    let found = folds(&m, &settings("k-fold", &[("k", Value::Int(4)), ("seed", Value::Int(9))]), &LEAVE).unwrap();
    let sizes: BTreeSet<usize> = found.iter().map(|fold| fold.gallery.len()).collect();
    assert_eq!(sizes, BTreeSet::from([5, 6]));
    let mut met: Vec<u32> = found.iter().flat_map(held).collect();
    met.sort_unstable();
    assert_eq!(met, (0..23).collect::<Vec<_>>());
    assert_ne!(found[0].gallery, [0, 4, 8, 12, 16, 20], "shuffled");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever the labels: a partition, no label crosses, and the order of rows changes nothing.
    #[test]
    fn groups_follow_ids_not_rows(labels in any_labels(), seed in 0i64..1000, order in any::<u64>()) {
        let m = manifest(&labels);
        let mut shuffled = m.clone();
        Seed::new(order).draws().shuffle(&mut shuffled.photos);
        for scheme in [group(2, seed), mixed(2, 0.5, seed), settings("k-fold", &[("k", Value::Int(2)), ("seed", Value::Int(seed))])] {
            let ids = |m: &Manifest| -> Option<Vec<[BTreeSet<String>; 3]>> {
                let folds = folds(m, &scheme, &LEAVE).ok()?;
                let ids = |photos: &[u32]| photos.iter().map(|&p| m.photos[p as usize].id.clone()).collect();
                Some(folds.iter().map(|f| [ids(&f.train), ids(&f.query), ids(&f.gallery)]).collect())
            };
            prop_assert_eq!(ids(&m), ids(&shuffled));
        }
        if let Ok(folds) = folds(&m, &group(2, seed), &LEAVE) {
            for fold in &folds {
                prop_assert!(labels_of(&m, &fold.train).is_disjoint(&labels_of(&m, &fold.gallery)));
                prop_assert_eq!(fold.train.len() + fold.gallery.len(), labels.len());
            }
        }
    }
}
