//! Votes, probabilities and the combined list on clouds of points whose wrong labels are known.

use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::base::progress::Silent;
use crate::base::{Cancel, Key, Seed};
use crate::data::manifest::{Photo, Role};
use crate::retrieve::Embeddings;

fn photo(label: Option<u32>, content: u64) -> Photo {
    Photo {
        id: String::new(),
        path: PathBuf::new(),
        content: Key::of_bytes(&content.to_le_bytes()),
        label,
        coarse: None,
        role: Role::Train,
        width: 1,
        height: 1,
        crop: None,
    }
}

/// Photos about one direction a true label, every eleventh with the next label, and their embeddings in eight dimensions.
fn clouds(labels: u32, each: u32, spread: f32, seed: u64) -> (Vec<Photo>, Embeddings, Vec<u32>) {
    let draws = &mut Seed::new(seed).named("clouds").draws();
    let mut number = || draws.between(-1000, 1000) as f32 / 1000.0;
    let centres: Vec<[f32; 8]> = (0..labels).map(|_| std::array::from_fn(|_| number())).collect();
    let (mut photos, mut data, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    for i in 0..labels * each {
        let truth = i % labels;
        let odd = i % 11 == 5;
        photos.push(photo(Some(if odd { (truth + 1) % labels } else { truth }), u64::from(i)));
        wrong.extend(odd.then_some(i));
        data.extend(centres[truth as usize].map(|x| x + spread * number()));
    }
    let places = (0..labels * each).collect();
    (photos, Embeddings::new(8, places, data).unwrap(), wrong)
}

/// Five folds that share one network.
fn dealt(n: u32) -> Vec<Vec<u32>> {
    (0..5).map(|fold| (0..n).filter(|i| i / 7 % 5 == fold).collect()).collect()
}

fn average_precision(ranked: &[u32], wanted: &[u32]) -> f64 {
    let (mut found, mut sum) = (0.0, 0.0);
    for (place, _) in ranked.iter().enumerate().filter(|(_, photo)| wanted.contains(photo)) {
        found += 1.0;
        sum += found / (place + 1) as f64;
    }
    sum / wanted.len() as f64
}

#[test]
fn wrong_labels_come_first_with_the_true_one_proposed() {
    let (photos, embeddings, wrong) = clouds(6, 20, 0.5, 3);
    let held = dealt(120);
    let folds: Vec<OutOfFold<'_>> = held.iter().map(|held| OutOfFold { embeddings: &embeddings, held }).collect();
    let votes = votes(&folds, &photos, &Voting::default(), &Silent, &Cancel::new()).unwrap();
    assert_eq!(votes.len(), 120);
    let rows = probabilities(&folds, &photos, &Silent, &Cancel::new()).unwrap();
    assert_eq!((rows.photos.len(), rows.columns.len()), (120, 6));
    assert!(rows.temperature > 0.01 && rows.temperature < 1.0, "{}", rows.temperature);
    assert!(rows.rows.chunks_exact(6).all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-5));
    let confident = Probabilities::new(6, &rows.rows, &rows.labels).unwrap().confident();
    let learnt = Learnt { photos: &rows.photos, columns: &rows.columns, confident: &confident };
    let manifest = Manifest { photos, labels: (0..6).map(|l| format!("label {l}")).collect(), ..Manifest::default() };
    for (votes, learnt) in [(&votes[..], Some(learnt)), (&votes[..], None), (&[][..], Some(learnt))] {
        let found = wrong_labels(&manifest, &Evidence { votes, learnt, angles: &[] });
        let ranked: Vec<u32> = found.iter().map(|s| s.photo).collect();
        assert!(average_precision(&ranked, &wrong) > 0.9, "{:?}", &found[..12]);
        let over = found.iter().filter(|s| s.is_over).count();
        assert!(over >= wrong.len() / 2 && over <= 2 * wrong.len(), "{over}");
        if !votes.is_empty() {
            // What is proposed is the direction's own label.
            let right = |s: &&Suspect| s.proposal == Proposal::Relabel(s.photo % 6);
            assert!(found.iter().take(wrong.len()).filter(right).count() * 10 >= wrong.len() * 9);
        }
    }
    // An angle speaks too, and alone.
    let mut angles = vec![None; 120];
    angles[7] = Some(80.0);
    angles[8] = Some(20.0);
    angles[9] = Some(f64::NAN);
    let found = wrong_labels(&manifest, &Evidence { angles: &angles, ..Evidence::default() });
    let told: Vec<(u32, f64)> = found.iter().map(|s| (s.photo, s.score)).collect();
    assert_eq!(told, [(7, 1.0), (8, 0.0)]);
    assert_eq!(found[0].reason, "80 degrees from its label's dominant sub-center");
}

#[test]
fn a_vote_is_worked_out() {
    // Cosines 1, 0.8 and 0.6 with the asked photo, temperature 0.2: weights 1, e^-1, e^-2.
    let data = vec![1.0, 0.0, 1.0, 0.0, 0.8, 0.6, 0.6, 0.8];
    let embeddings = Embeddings::new(2, vec![0, 1, 2, 3], data).unwrap();
    let photos = [photo(Some(0), 0), photo(Some(1), 1), photo(Some(0), 2), photo(Some(1), 3)];
    let folds = [OutOfFold { embeddings: &embeddings, held: &[0] }];
    let voting = Voting { k: 3, temperature: 0.2 };
    let found = votes(&folds, &photos, &voting, &Silent, &Cancel::new()).unwrap();
    let [vote] = found.as_slice() else { panic!("{found:?}") };
    let (e1, e2) = ((-1.0f64).exp(), (-2.0f64).exp());
    let total = 1.0 + e1 + e2;
    assert!((vote.given_share - e1 / total).abs() < 1e-6 && (vote.best_share - (1.0 + e2) / total).abs() < 1e-6);
    assert_eq!((vote.best, vote.near.as_slice()), (1, &[1, 3][..]));
    assert!((vote.against() - (1.0 + (1.0 + e2 - e1) / total) / 2.0).abs() < 1e-6);
}

#[test]
fn copies_do_not_vote_and_the_lonely_are_left_out() {
    let embeddings = Embeddings::new(2, vec![0, 1, 2, 3], vec![1.0, 0.0, 1.0, 0.0, 0.9, 0.1, 0.0, 1.0]).unwrap();
    // 1 is a copy of 0 with the same wrong label; 3 is alone with its label.
    let photos = [photo(Some(0), 5), photo(Some(0), 5), photo(Some(1), 6), photo(Some(2), 7)];
    let held = [0, 1, 2, 3];
    let folds = [OutOfFold { embeddings: &embeddings, held: &held }];
    let voting = Voting { k: 1, temperature: 0.1 };
    assert!(votes(&folds, &photos, &voting, &Silent, &Cancel::new()).unwrap().is_empty());
    let photos = [photo(Some(0), 5), photo(Some(0), 5), photo(Some(1), 6), photo(Some(0), 7)];
    let found = votes(&folds, &photos, &voting, &Silent, &Cancel::new()).unwrap();
    let told: Vec<(u32, u32, f64)> = found.iter().map(|v| (v.photo, v.best, v.given_share)).collect();
    // 2 has its label alone; 3's nearest is 2.
    assert_eq!(told, [(0, 1, 0.0), (1, 1, 0.0), (3, 1, 0.0)]);
}

#[test]
fn little_and_broken_input_makes_no_harm() {
    let none = Embeddings::new(2, Vec::new(), Vec::new()).unwrap();
    let folds = [OutOfFold { embeddings: &none, held: &[] }];
    let (silent, cancel) = (Silent, Cancel::new());
    assert!(votes(&folds, &[], &Voting::default(), &silent, &cancel).unwrap().is_empty());
    assert_eq!(probabilities(&folds, &[], &silent, &cancel).unwrap(), Rows::default());
    let one = Embeddings::new(2, vec![0], vec![1.0, 0.0]).unwrap();
    let folds = [OutOfFold { embeddings: &one, held: &[0] }];
    let photos = [photo(Some(4), 0)];
    assert!(votes(&folds, &photos, &Voting::default(), &silent, &cancel).unwrap().is_empty());
    let rows = probabilities(&folds, &photos, &silent, &cancel).unwrap();
    assert_eq!((rows.columns, rows.rows), (vec![4], vec![1.0]));
    let folds = [OutOfFold { embeddings: &one, held: &[3] }];
    let four = vec![photo(Some(0), 0), photo(None, 1), photo(None, 2), photo(Some(1), 3)];
    assert!(votes(&folds, &four, &Voting::default(), &silent, &cancel).is_err());
    assert!(
        votes(
            &[OutOfFold { embeddings: &one, held: &[0] }],
            &photos,
            &Voting { k: 0, temperature: 1.0 },
            &silent,
            &cancel
        )
        .is_err()
    );
    let broken = Embeddings { dim: 2, photos: vec![0], data: vec![f32::NAN, 0.0] };
    assert!(
        votes(&[OutOfFold { embeddings: &broken, held: &[0] }], &photos, &Voting::default(), &silent, &cancel).is_err()
    );
    assert!(wrong_labels(&Manifest::default(), &Evidence::default()).is_empty());
}

proptest! {
    /// The votes are those of comparing all with all.
    #[test]
    fn votes_are_the_naive_ones(seed: u64, k in 1usize..30) {
        let (photos, embeddings, _) = clouds(4, 6, 0.6, seed);
        let held: Vec<u32> = (0..24).filter(|i| i % 3 == 0).collect();
        let folds = [OutOfFold { embeddings: &embeddings, held: &held }];
        let voting = Voting { k, temperature: 0.07 };
        let found = votes(&folds, &photos, &voting, &Silent, &Cancel::new()).unwrap();
        let unit = |i: u32| -> Vec<f64> {
            let row: Vec<f64> = embeddings.row(i as usize).iter().map(|&x| f64::from(x)).collect();
            let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt();
            row.iter().map(|x| x / norm).collect()
        };
        for vote in &found {
            let own = unit(vote.photo);
            let mut near: Vec<(f64, u32)> = (0..24)
                .filter(|&i| i != vote.photo)
                .map(|i| (unit(i).iter().zip(&own).map(|(x, y)| x * y).sum(), i))
                .collect();
            near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            near.truncate(k);
            let weight = |cosine: f64| ((cosine - near[0].0) / 0.07).exp();
            let sum = |keep: &dyn Fn(u32) -> bool| -> f64 {
                near.iter().filter(|(_, i)| keep(photos[*i as usize].label.unwrap())).map(|(c, _)| weight(*c)).sum()
            };
            let total = sum(&|_| true);
            prop_assert!((vote.given_share - sum(&|l| l == vote.given) / total).abs() < 1e-4);
            let greatest = (0..4).filter(|l| *l != vote.given).map(|l| sum(&|other| other == l) / total).fold(0.0, f64::max);
            prop_assert!(vote.best == vote.given || (vote.best_share - greatest).abs() < 1e-4);
        }
        prop_assert_eq!(found.len(), held.len());
    }
}
