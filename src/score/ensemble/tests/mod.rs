//! Fusions against ranx, searches against all weights there are, and reports of ensembles whose truth is known.

mod outside;

use proptest::prelude::*;

use super::pool::List;
use super::report::correlation;
use super::search::Tries;
use super::*;
use crate::base::Seed;
use crate::retrieve::Ranking;
use crate::score::Metric;

/// tests/golden/score/fusions.py
const GOLDEN: &str = include_str!("../../../../tests/golden/score/fusions.json");

fn lists(value: &serde_json::Value) -> List {
    let pair = |pair: &serde_json::Value| (pair[0].as_u64().unwrap() as u32, pair[1].as_f64().unwrap());
    value.as_array().unwrap().iter().map(pair).collect()
}

#[test]
fn fusions_are_those_of_ranx() {
    let golden: serde_json::Value = serde_json::from_str(GOLDEN).unwrap();
    let weights: Vec<f64> = serde_json::from_value(golden["weights"].clone()).unwrap();
    let members = golden["lists"].as_array().unwrap();
    let fused = golden["fused"].as_object().unwrap();
    assert_eq!(fused.len(), 2 + Norm::NAMES.len());
    let mut worst = 0.0f64;
    for (name, wanted) in fused {
        let (fusion, factors) = match name.split_once(' ').unwrap() {
            // ranx adds the ranks of all members alike.
            ("rrf", k) => (Fusion::Rrf { k: k.parse().unwrap() }, vec![1.0; 3]),
            (_, norm) => {
                let norm: Norm = serde_json::from_value(norm.into()).unwrap();
                (Fusion::Wsum { norm }, weights.clone())
            }
        };
        for (query, wanted) in wanted.as_array().unwrap().iter().enumerate() {
            let own: Vec<List> = members.iter().map(|member| lists(&member[query])).collect();
            let found = Candidates::of_lists(fusion, &own);
            let wanted = lists(wanted);
            assert_eq!(found.places, wanted.iter().map(|(doc, _)| *doc).collect::<Vec<u32>>(), "{name}");
            for (found, (doc, score)) in found.fused(&factors).iter().zip(wanted) {
                // Divided by a greatest score below zero, numbers are of the order of 1e9, as in ranx.
                let error = (found - score).abs() / score.abs().max(1.0);
                worst = worst.max(error);
                assert!(error < 1e-14, "{name} query {query} doc {doc}: {found} {score}");
            }
        }
    }
    println!("worst error against ranx: {worst:.1e}");
}

#[test]
fn weights_of_concat_count_by_their_squares() {
    let concat = Fusion::Concat { pca: None, whiten: false };
    assert_eq!(concat.factors(&[2.0, 1.0]), [0.8, 0.2]);
    assert_eq!(Fusion::Similarity {}.factors(&[3.0, 1.0]), [0.75, 0.25]);
    assert_eq!(Fusion::Rrf { k: 60 }.factors(&[0.0, 0.0]), [0.5, 0.5]);
    assert_eq!(Weights::Given(vec![3.0, 1.0]).written(2), [0.75, 0.25]);
    let scales = concat.scales(&[2.0, 1.0]);
    assert!((scales[0] - 0.8f64.sqrt()).abs() < 1e-12 && (scales[0] / scales[1] - 2.0).abs() < 1e-12);
}

/// Drawn candidates: `gains[m]` is what a right photo is ahead for member m; right ones are few.
fn drawn(seed: u64, queries: usize, gains: &[f64]) -> Pool {
    let mut draws = Seed::new(seed).draws();
    let mut pool = Pool { members: gains.len(), photos: (0..queries as u32).collect(), queries: Vec::new() };
    for _ in 0..queries {
        let count = 12 + draws.below(8) as usize;
        let right: Vec<bool> = (0..count).map(|_| draws.below(10) == 0).collect();
        let number = |right: bool, gain: f64, draw: f64| draw + if right { gain } else { 0.0 };
        let numbers = right.iter().flat_map(|&right| gains.iter().map(move |&gain| (right, gain)));
        let numbers = numbers.collect::<Vec<_>>().into_iter().map(|(right, gain)| number(right, gain, draws.unit()));
        pool.queries.push(Candidates {
            places: (0..count as u32).map(|place| place * 3).collect(),
            numbers: numbers.collect(),
            relevant: right.iter().filter(|right| **right).count(),
            right,
            outside: Vec::new(),
        });
    }
    pool
}

const MRR: (Metric, usize) = (Metric::Mrr { k: 10 }, 10);

fn mean(pool: &Pool, factors: &[f64], without: Option<u32>, owners: &[u32]) -> f64 {
    let parts = pool.parts(MRR.0, MRR.1, &|_| factors);
    let used: Vec<f64> = parts
        .iter()
        .zip(owners)
        .filter(|(_, owner)| Some(**owner) != without)
        .map(|(part, _)| f64::from(*part))
        .collect();
    used.iter().sum::<f64>() / used.len() as f64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// What is counted among candidates is what the metric says of the sorted list.
    #[test]
    fn parts_are_those_of_the_metric(seed in 0u64..1000, weight in 0.0f64..1.0, k in 1usize..12) {
        let pool = drawn(seed, 20, &[0.3, 0.2]);
        let factors = [weight, 1.0 - weight];
        for metric in [Metric::Mrr { k }, Metric::Map { k }, Metric::Recall { k }, Metric::Ndcg { k }, Metric::HitRate { k }] {
            let parts = pool.parts(metric, k, &|_| &factors);
            for (query, of) in pool.queries.iter().enumerate() {
                // The query is photo 1000 with label 1; right places have it too.
                let mut labels = vec![Some(0); 1001];
                of.places.iter().zip(&of.right).for_each(|(&place, &right)| labels[place as usize] = Some(u32::from(right)));
                labels[1000] = Some(1);
                let mut items: Vec<u32> = of.list(&factors, k).iter().map(|(place, _)| *place).collect();
                items.resize(k, crate::retrieve::NONE);
                let ranking = Ranking { queries: vec![1000], k, scores: vec![0.0; k], items };
                let score = metric.score(&ranking, &labels, &of.places, None, Seed::new(0)).unwrap();
                prop_assert_eq!(score.per_query[0], parts[query]);
            }
        }
    }

    /// Two members: the best of all steps. Three: no worse than equal weights, than each alone, and than any single move.
    #[test]
    fn a_search_finds_what_no_single_move_betters(seed in 0u64..1000, own in 0u32..3) {
        let owners: Vec<u32> = (0..40).map(|query| query % 3).collect();
        let fusion = Fusion::Similarity {};
        let pool = drawn(seed, 40, &[0.4, 0.2]);
        let found = Tries::new(&pool, fusion, MRR, &owners).best(&[0, 1], Some(own));
        let best = mean(&pool, &found, Some(own), &owners);
        for step in 0..=GRID {
            let share = f64::from(step) / f64::from(GRID);
            prop_assert!(mean(&pool, &[share, 1.0 - share], Some(own), &owners) <= best + 1e-12);
        }
        let pool = drawn(seed, 40, &[0.4, 0.2, 0.3]);
        let mut tries = Tries::new(&pool, fusion, MRR, &owners);
        let found = tries.best(&[0, 1, 2], None);
        let best = mean(&pool, &found, None, &owners);
        prop_assert!((found.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let others = [[1.0 / 3.0; 3], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        let step = 1.0 / f64::from(GRID);
        let on_grid = found.iter().all(|w| (w * f64::from(GRID)).fract() < 1e-9 || (w * f64::from(GRID)).fract() > 1.0 - 1e-9);
        let moves = (0..9).filter(|_| on_grid).map(|i| (i / 3, i % 3)).filter(|(from, to)| from != to && found[*from] >= step - 1e-9);
        let moved = moves.map(|(from, to)| {
            let mut moved = [found[0], found[1], found[2]];
            moved[from] -= step;
            moved[to] += step;
            moved
        });
        for weights in others.into_iter().chain(moved) {
            prop_assert!(mean(&pool, &weights, None, &owners) <= best + 1e-12, "{found:?} {weights:?}");
        }
        // Members that are left out get nothing.
        prop_assert_eq!(tries.best(&[0, 2], None)[1], 0.0);
    }
}

fn asked<'a>(folds: &'a [u32], groups: &'a [u32]) -> Asked<'a> {
    Asked { metric: MRR.0, k: MRR.1, folds, groups, label: &|photo| photo, seed: Seed::new(0) }
}

fn named(count: usize) -> Vec<String> {
    (0..count).map(|member| format!("m{member}")).collect()
}

#[test]
fn what_dilutes_is_told() {
    let (folds, groups): (Vec<u32>, Vec<u32>) = ((0..400).map(|q| q % 2).collect(), vec![0; 400]);
    // Two members that help each other, and one that knows nothing.
    let pool = drawn(5, 400, &[0.35, 0.35, 0.0]);
    let asked = asked(&folds, &groups);
    let equal = report(&pool, Fusion::Similarity {}, &Weights::Named(Named::Equal), &named(3), &asked).unwrap();
    let dilutes: Vec<bool> = equal.members.iter().map(Contribution::dilutes).collect();
    assert_eq!(dilutes, [false, false, true], "{equal:#?}");
    assert!(equal.members[2].alone < equal.members[0].alone);
    // The ensemble without a member is the ensemble of the others.
    let given = Weights::Given(vec![2.0, 2.0, 0.0]);
    let pair = report(&pool, Fusion::Similarity {}, &given, &named(3), &asked).unwrap();
    assert_eq!(pair.value, equal.members[2].without);
    assert!(
        pair.members[0].gain.as_ref().unwrap().value > 0.0 && pair.members[0].left_out.as_ref().unwrap().value > 0.0
    );
    assert_eq!((pair.weights.as_slice(), pair.tried, pair.cross_validated), (&[0.5, 0.5, 0.0][..], 0, None));
    assert!(
        equal.lines().iter().any(|line| line.starts_with("! m2 dilutes: without it MRR@10")),
        "{:#?}",
        equal.lines()
    );
    let searched = report(&pool, Fusion::Similarity {}, &Weights::Named(Named::Search), &named(3), &asked).unwrap();
    assert!(searched.weights[2] < 0.2 && !searched.members[2].dilutes() && searched.tried > 10, "{searched:#?}");
    assert!(searched.value > equal.value);
}

#[test]
fn a_fold_is_answered_by_the_weights_of_the_others() {
    // In fold 0 the first member alone is right, in fold 1 the second: what is chosen on the one fails on the other.
    let query = |right: usize| Candidates {
        places: vec![0, 1],
        numbers: if right == 0 { vec![0.9, 0.1, 0.1, 0.8] } else { vec![0.1, 0.8, 0.9, 0.1] },
        right: vec![true, false],
        relevant: 1,
        outside: Vec::new(),
    };
    let queries: Vec<Candidates> = (0..20).map(|q| query(q % 2)).collect();
    let pool = Pool { members: 2, photos: (0..20).collect(), queries };
    let (folds, groups): (Vec<u32>, Vec<u32>) = ((0..20).map(|q| q % 2).collect(), (0..20).map(|q| q % 2).collect());
    let search = Weights::Named(Named::Search);
    let found = report(&pool, Fusion::Similarity {}, &search, &named(2), &asked(&folds, &groups)).unwrap();
    assert!(found.by_fold[0][1] > 0.5 && found.by_fold[1][0] >= 0.5, "{found:?}");
    assert_eq!((found.value, found.members[0].alone, found.cross_validated), (0.5, 0.75, None));
    // With one fold the search sees its own queries, and the groups say what that hides.
    let one = report(&pool, Fusion::Similarity {}, &search, &named(2), &asked(&[0; 20], &groups)).unwrap();
    assert_eq!(one.cross_validated, Some(0.5));
    assert!(one.value >= 0.75 && one.lines().iter().any(|line| line.contains("the same queries")), "{:?}", one.lines());
}

#[test]
fn errors_correlate_as_numpy_says() {
    // np.corrcoef([1, .5, 0, .25], [1, 0, .5, .5])[0, 1]
    let (a, b) = ([1.0, 0.5, 0.0, 0.25], [1.0, 0.0, 0.5, 0.5]);
    assert!((correlation(&a, &b).unwrap() - 0.478_091_443_733_757_3).abs() < 1e-12, "{:?}", correlation(&a, &b));
    assert_eq!((correlation(&a, &a), correlation(&a, &[0.5; 4])), (Some(1.0), None));
}

#[test]
fn threads_change_no_bit() {
    let pool = drawn(3, 300, &[0.3, 0.25, 0.2]);
    let folds: Vec<u32> = (0..300).map(|q| q % 3).collect();
    let run = |threads| {
        let pool_of = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let search = Weights::Named(Named::Search);
        let found = pool_of
            .install(|| report(&pool, Fusion::Rrf { k: 60 }, &search, &named(3), &asked(&folds, &folds)).unwrap());
        serde_json::to_string(&found).unwrap()
    };
    assert_eq!(run(1), run(3));
}
