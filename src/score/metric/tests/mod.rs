//! Metrics on lists whose numbers are known: by hand, and from ranx, trec_eval and scikit-learn.

use super::*;
use crate::retrieve::NONE;

#[test]
fn names_are_read_and_printed() {
    for name in Metric::NAMES {
        let metric = Metric::named(name, 5).unwrap();
        assert_eq!(metric.to_string().parse::<Metric>().unwrap(), metric);
        assert!(metric.to_string().starts_with(name));
    }
    for wrong in ["MRR", "MRR@0", "MRR@-1", "mrr@20", "MAP@R@5", "MRR@20 "] {
        assert!(wrong.parse::<Metric>().is_err(), "{wrong}");
    }
}

#[test]
fn files_hold_the_same_score() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("score.json");
    let queries: Vec<u32> = (0..50).collect();
    let per_query: Vec<f32> =
        queries.iter().map(|&i| if i % 7 == 0 { 0.0 } else { 1.0 / (i % 20 + 1) as f32 }).collect();
    let interval = bootstrap::interval(&per_query, None, Seed::new(1));
    let score = Score { metric: "MRR@20".into(), value: mean(&per_query), interval, queries, per_query };
    score.save(&path).unwrap();
    assert_eq!(Score::load(&path).unwrap(), score);
    publish(&path, b"{\"metric\":\"MRR@20\",\"value\":1,\"interval\":[0,1],\"queries\":[1],\"per_query\":[]}").unwrap();
    assert!(
        Score::load(&path).unwrap_err().to_string().ends_with("score.json is no score file: 1 queries but 0 parts")
    );
}

#[test]
fn folds_are_pooled_by_query_and_not_by_mean_of_means() {
    let fold = |queries: &[u32], per_query: &[f32]| Score {
        metric: "MRR@20".into(),
        value: 0.0,
        interval: [0.0; 2],
        queries: queries.to_vec(),
        per_query: per_query.to_vec(),
    };
    let pooled = Score::pooled(&[fold(&[9, 2, 4], &[1.0, 0.5, 0.0]), fold(&[3], &[0.0])], |p| p, Seed::new(1)).unwrap();
    assert_eq!((pooled.value, &pooled.queries[..]), (0.375, &[2, 3, 4, 9][..]));
    assert_eq!(pooled.per_query, [0.5, 0.0, 0.0, 1.0]);
    assert!(matches!(Score::pooled(&[], |p| p, Seed::new(1)), Err(ScoreError::NoQueries)));
}

/// Lists of length `k` for queries 0.., with relevant photos at the given ranks. Query `i` has label `i`;
/// the photos 100·(i + 1) + rank are its gallery.
fn ranking(relevant: &[&[usize]], k: usize) -> (Ranking, Vec<Option<u32>>) {
    let mut labels = vec![None; 100 * (relevant.len() + 1)];
    let mut ranking = Ranking { k, ..Ranking::default() };
    for (i, ranks) in relevant.iter().enumerate() {
        labels[i] = Some(i as u32);
        ranking.queries.push(i as u32);
        for rank in 1..=k {
            let photo = 100 * (i + 1) + rank;
            labels[photo] = if ranks.contains(&rank) { Some(i as u32) } else { Some(1000) };
            ranking.items.push(photo as u32);
            ranking.scores.push(1.0 - rank as f32 / 100.0);
        }
    }
    (ranking, labels)
}

/// First relevant ranks 1, 3, 25, none in the gallery, [2, 3], 20, 21. The public mistakes give other numbers
/// on the same lists: sum over all positives .3166667, mean over positives .2571429, over answered queries only
/// .4708333, without the unanswerable .3138889, rank < k .2619048, +1 twice .1615646.
const SEVEN: [&[usize]; 7] = [&[1], &[3], &[25], &[], &[2, 3], &[20], &[21]];

fn everybody(labels: &[Option<u32>]) -> Vec<u32> {
    (0..labels.len() as u32).filter(|photo| *photo >= 100).collect()
}

fn of(metric: Metric) -> f64 {
    let (ranking, labels) = ranking(&SEVEN, 30);
    metric.score(&ranking, &labels, &everybody(&labels), None, Seed::new(1)).unwrap().value
}

fn mrr(k: usize) -> f64 {
    of(Metric::Mrr { k })
}

fn reciprocal_ranks(ranking: &Ranking, labels: &[Option<u32>], k: usize) -> Result<Vec<f32>, ScoreError> {
    Ok(Metric::Mrr { k }.score(ranking, labels, &everybody(labels), None, Seed::new(1))?.per_query)
}

#[test]
fn golden_values() {
    assert!((mrr(20) - 0.269_047_6).abs() < 1e-7, "{}", mrr(20));
    assert!((mrr(10) - 0.261_904_8).abs() < 1e-7, "{}", mrr(10));
    assert!((mrr(30) - 0.281_564_6).abs() < 1e-7, "no cut in reach: {}", mrr(30));
}

#[test]
fn each_part_is_kept() {
    let (ranking, labels) = ranking(&SEVEN, 30);
    let parts = reciprocal_ranks(&ranking, &labels, 20).unwrap();
    assert_eq!(parts, [1.0, 1.0 / 3.0, 0.0, 0.0, 0.5, 0.05, 0.0]);
}

#[test]
fn without_label_nothing_is_relevant() {
    let (ranking, mut labels) = ranking(&[&[1], &[1]], 5);
    labels[0] = None;
    labels[101] = None;
    labels[201] = None;
    assert_eq!(reciprocal_ranks(&ranking, &labels, 5).unwrap(), [0.0, 0.0]);
}

#[test]
fn lists_that_are_too_short_for_the_cut_are_no_score() {
    let (ranking, labels) = ranking(&SEVEN, 10);
    let error = reciprocal_ranks(&ranking, &labels, 20).unwrap_err();
    assert_eq!(error.to_string(), "MRR@20 needs ranked lists of length 20, these have 10; rank again with k = 20");
    let error = reciprocal_ranks(&ranking, &labels[..500], 10).unwrap_err();
    assert!(error.to_string().starts_with("photo 501 is not in the manifest of 500 photos"), "{error}");
}

#[test]
fn a_gallery_smaller_than_k_is_no_mistake() {
    let scores = vec![0.9, f32::NEG_INFINITY, f32::NEG_INFINITY];
    let ranking = Ranking { queries: vec![0], k: 3, items: vec![1, NONE, NONE], scores };
    assert_eq!(reciprocal_ranks(&ranking, &[Some(4), Some(4)], 3).unwrap(), [1.0]);
    assert_eq!(reciprocal_ranks(&ranking, &[Some(4), Some(5)], 3).unwrap(), [0.0]);
}

/// tests/golden/score/make.py
const GOLDEN: &str = include_str!("../../../../tests/golden/score/metrics.json");

fn judged(found: &serde_json::Value) -> Vec<Judged> {
    let of = |query: &serde_json::Value| Judged {
        ranks: query["ranks"].as_array().unwrap().iter().map(|rank| rank.as_u64().unwrap() as usize).collect(),
        relevant: query["relevant"].as_u64().unwrap() as usize,
    };
    found.as_array().unwrap().iter().map(of).collect()
}

#[test]
fn ranx_trec_eval_and_scikit_learn_say_the_same() {
    let golden: serde_json::Value = serde_json::from_str(GOLDEN).unwrap();
    let k = golden["k"].as_u64().unwrap() as usize;
    let queries = judged(&golden["queries"]);
    let mut compared = 0;
    for (name, values) in golden["per_query"].as_object().unwrap() {
        let (ours, k) = match name.strip_suffix(" over all places") {
            Some(_) => ("MRR", 20),
            None => (name.rsplit(' ').next().unwrap(), k),
        };
        let metric = Metric::named(ours, k).unwrap();
        for (i, (query, expected)) in queries.iter().zip(values.as_array().unwrap()).enumerate() {
            // By definition another number there: they divide by all relevant photos, this by at most k.
            if ours == "MAP" && query.relevant > k {
                continue;
            }
            let (got, expected) = (f64::from(metric.part(query)), expected.as_f64().unwrap());
            assert!((got - expected).abs() < 1e-6, "{name}, query {i}: {got} instead of {expected}");
            compared += 1;
        }
    }
    assert!(compared > 400, "{compared}");
}

#[test]
fn pytorch_metric_learning_says_the_same_of_map_at_r() {
    let golden: serde_json::Value = serde_json::from_str(GOLDEN).unwrap();
    let queries = judged(&golden["alike"]);
    let of = |metric: Metric| queries.iter().map(|q| f64::from(metric.part(q))).sum::<f64>() / queries.len() as f64;
    let theirs = |name: &str| golden["mean"][format!("pytorch-metric-learning {name}")].as_f64().unwrap();
    assert!((of(Metric::MapAtR) - theirs("MAP@R")).abs() < 1e-6, "{}", of(Metric::MapAtR));
    assert!((of(Metric::Precision { k: 1 }) - theirs("precision_at_1")).abs() < 1e-6);
}
