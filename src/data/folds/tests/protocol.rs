//! Galleries that are made like the host's.

use super::*;
use crate::data::competition::{Amount, Distractors};

/// Six photos each of a, b, c, and eight of the host's gallery without labels, one of them with the bytes of photo 0.
fn with_host() -> Manifest {
    let mut m = manifest(&[["a"; 6], ["b"; 6], ["c"; 6]].concat());
    for i in 0..8u8 {
        let content = if i == 0 { m.photos[0].content } else { Key::of_bytes(&[77, i]) };
        m.photos.push(Photo { id: format!("h{i}"), content, label: None, role: Role::Gallery, ..m.photos[0].clone() });
    }
    m
}

fn asked(protocol: Protocol) -> Fold {
    let found = folds(&with_host(), &settings("group", &[("k", Value::Int(3)), ("seed", Value::Int(0))]), &protocol);
    found.unwrap().remove(0)
}

#[test]
fn distractors_answer_nobody() {
    let m = with_host();
    let plain = asked(ONE);
    assert_eq!((plain.query.len(), plain.gallery.len(), plain.distractors), (1, 5, 0));
    let own = m.photos[plain.query[0] as usize].label;
    for (amount, from, count) in [
        (Amount::Photos(4), Distractors::Train, 4),
        (Amount::Share(1.0), Distractors::Train, 12),
        (Amount::Photos(100), Distractors::Train, 12),
        (Amount::Photos(5), Distractors::Host, 5),
    ] {
        let protocol = Protocol { distractors: Some(amount), distractors_from: from, ..ONE };
        let fold = asked(protocol);
        assert_eq!((fold.distractors, fold.gallery.len()), (count, 5 + count), "{amount:?}");
        assert_eq!((&fold.train, &fold.query), (&plain.train, &plain.query), "the rest is as it was");
        let added: Vec<u32> = fold.gallery.iter().copied().filter(|photo| !plain.gallery.contains(photo)).collect();
        assert!(added.iter().all(|&photo| m.photos[photo as usize].label != own));
        assert_eq!(fold, asked(protocol));
        assert!(fold.gallery.is_sorted());
        let composition = fold.composition(&m);
        assert_eq!((composition.distractors, composition.unanswerable, composition.held), (count, 0, 1));
    }
    // The host's photo with the bytes of a held-out one may be a right answer: it is never taken.
    let all = Protocol { distractors: Some(Amount::Share(1.0)), distractors_from: Distractors::Host, ..ONE };
    let (stratified, k) = (stratified(3, 0), 3);
    let found = folds(&m, &stratified, &all).unwrap();
    assert_eq!(found.len(), k);
    for fold in found {
        let holds = held(&fold).contains(&0);
        assert_eq!(fold.gallery.contains(&18), !holds, "{fold:?}");
    }
}

#[test]
fn where_all_labels_are_asked_training_gives_no_distractor() {
    let protocol = Protocol { distractors: Some(Amount::Share(1.0)), ..ONE };
    let found = folds(&with_host(), &stratified(2, 0), &protocol).unwrap();
    assert!(found.iter().all(|fold| fold.distractors == 0));
    let many = Protocol { distractors: Some(Amount::Photos(7)), ..ONE };
    let lines = divide(&with_host(), &stratified(2, 0), &many, None).unwrap().lines(&with_host());
    insta::assert_snapshot!(lines.last().unwrap(), @r#"! 0 of 7 distractors there for some fold: where all labels are asked, training has none; distractors_from = "host" has"#);
}

#[test]
fn a_share_of_the_queries_loses_its_answers() {
    let names: Vec<String> = (0..40).map(|l| format!("l{l:02}")).collect();
    let labels: Vec<&str> = names.iter().flat_map(|name| [name.as_str(); 6]).collect();
    let m = manifest(&labels);
    for (kind, queries) in [(ProtocolKind::OnePerLabel, 40), (ProtocolKind::LeaveOneOut, 120)] {
        for share in [0.1, 0.5] {
            let protocol = Protocol { unanswered: share, ..Protocol::of(kind, 3) };
            let fold = folds(&m, &stratified(2, 0), &protocol).unwrap().remove(0);
            let composition = fold.composition(&m);
            assert_eq!(composition.queries, queries, "nobody is asked less");
            assert_eq!(composition.unanswerable, (share * queries as f64).round() as usize, "{kind:?} {share}");
            let without = folds(&m, &stratified(2, 0), &Protocol::of(kind, 3)).unwrap().remove(0);
            assert_eq!((&fold.train, &fold.query), (&without.train, &without.query));
            assert!(fold.gallery.iter().all(|photo| without.gallery.contains(photo)));
        }
    }
    // Queries that have no answer anyway count, so nothing more is taken.
    let mut m = manifest(&["a", "a", "a", "b", "b", "b"]);
    for (photo, role) in [(2, Role::Query), (3, Role::Gallery), (4, Role::Both)] {
        m.photos[photo].role = role;
    }
    let half = Protocol { unanswered: 0.5, ..AS_GIVEN };
    assert_eq!(
        folds(&m, &settings("given", &[]), &half).unwrap(),
        folds(&m, &settings("given", &[]), &AS_GIVEN).unwrap()
    );
}
