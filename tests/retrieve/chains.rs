//! Chains of post steps against NumPy, SciPy and faiss (tests/golden/retrieve/lab.py), against naive versions, and in their order.

use std::collections::HashMap;

use proptest::prelude::*;
use serde::Deserialize;
use toji::base::progress::Silent;
use toji::base::{Cancel, Seed};
use toji::retrieve::post::{Fit, Step};
use toji::retrieve::rerank::{self, Chained, Lists, Needs};
use toji::retrieve::{Embeddings, Labelled, Logits, Near, Sides, index};

#[derive(Deserialize)]
struct Pair {
    queries: Vec<f32>,
    gallery: Vec<f32>,
}

#[derive(Deserialize)]
struct Reciprocal {
    k1: usize,
    k2: usize,
    lambda: f64,
    scores: Vec<f64>,
}

#[derive(Deserialize)]
struct Diffused {
    kd: usize,
    truncation: usize,
    scores: Vec<f64>,
}

#[derive(Deserialize)]
struct Golden {
    d: usize,
    queries: Vec<f32>,
    gallery: Vec<f32>,
    labelled: Vec<f32>,
    labels: Vec<u32>,
    coarse: Vec<u32>,
    aqe: Vec<f32>,
    dba: Vec<f32>,
    inb: Pair,
    negative: Pair,
    whiten: [Vec<f32>; 2],
    k_reciprocal: Vec<Reciprocal>,
    diffusion: Diffused,
    csls: Vec<f64>,
    inverted_softmax: Vec<f64>,
    sort_insert: Vec<Vec<u32>>,
    coarse_agreement: Vec<f64>,
    logits: [Vec<f32>; 2],
    class_logits: Vec<f64>,
    non_target: Vec<f64>,
    threshold: f64,
}

fn golden() -> (Golden, Sides) {
    let golden: Golden = serde_json::from_str(include_str!("../golden/retrieve/lab.json")).unwrap();
    let set = |data: &[f32], first: u32| {
        let n = (data.len() / golden.d) as u32;
        Embeddings::new(golden.d, (first..first + n).collect(), data.to_vec()).unwrap()
    };
    let embeddings = set(&golden.labelled, 5000);
    let sides = Sides {
        non_targets: Some(embeddings.clone()),
        labelled: Some(Labelled { embeddings, labels: golden.labels.clone(), coarse: Some(golden.coarse.clone()) }),
        logits: Some(Logits {
            classes: 1 + *golden.labels.iter().max().unwrap() as usize,
            queries: golden.logits[0].clone(),
            gallery: golden.logits[1].clone(),
        }),
        ..Sides::new(set(&golden.queries, 0), set(&golden.gallery, 1000))
    };
    (golden, sides)
}

/// Long enough for every photo of the gallery.
const ALL: usize = 1000;

fn run(steps: &[Step], sides: &Sides) -> Chained {
    rerank::apply(steps, sides.clone(), ALL, &Silent, &Cancel::new()).unwrap()
}

fn worst(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// The greatest difference of scores, after a check that lists are whole and fall.
fn worst_score(chained: &Chained, theirs: &[f64]) -> f64 {
    let lists = chained.lists.as_ref().unwrap();
    let n = chained.sides.gallery.len();
    let mut worst = 0.0f64;
    for (list, theirs) in lists.entries.iter().zip(theirs.chunks_exact(n)) {
        let scores: HashMap<u32, f64> = list.iter().copied().collect();
        assert_eq!((list.len(), scores.len()), (n, n), "each photo once");
        assert!(list.windows(2).all(|pair| pair[0].1 >= pair[1].1), "lists fall");
        worst = theirs.iter().zip(0..).map(|(score, place)| (scores[&place] - score).abs()).fold(worst, f64::max);
    }
    assert_eq!(lists.entries.len() * n, theirs.len());
    worst
}

#[test]
fn steps_on_embeddings_equal_numpy() {
    let (golden, sides) = golden();
    let check = |name: &str, step: Step, queries: Option<&[f32]>, gallery: Option<&[f32]>, bound: f32| {
        let done = run(&[step], &sides);
        for (ours, theirs, before) in
            [(&done.sides.queries, queries, &sides.queries), (&done.sides.gallery, gallery, &sides.gallery)]
        {
            let Some(theirs) = theirs else {
                assert_eq!(ours, before, "{name} leaves this side");
                continue;
            };
            let worst = worst(&ours.data, theirs);
            println!("{name}: {worst:e}");
            assert!(worst < bound, "{name}: {worst}");
        }
    };
    check("aqe", Step::Aqe { k: 4 }, Some(&golden.aqe), None, 1e-6);
    check("dba", Step::Dba { k: 6, alpha: 3.0 }, None, Some(&golden.dba), 1e-6);
    let inb = Step::Inb { k: 20, thresholds: vec![0.5, 0.6, 0.7], min2: true };
    check("inb", inb, Some(&golden.inb.queries), Some(&golden.inb.gallery), 1e-6);
    let negative = Step::NegativeSubtraction { k: 10, beta: 0.35, iterations: 2, dba_k: 10, dba_alpha: 3.0 };
    check("negative", negative, Some(&golden.negative.queries), Some(&golden.negative.gallery), 1e-6);
    let whiten = Step::WhitenSupervised { dim: 6 };
    check("whiten", whiten, Some(&golden.whiten[0]), Some(&golden.whiten[1]), 2e-6);
}

#[test]
fn rankings_equal_numpy_and_scipy() {
    let (golden, sides) = golden();
    let check = |name: &str, step: Step, theirs: &[f64], bound: f64| {
        let worst = worst_score(&run(&[step], &sides), theirs);
        println!("{name}: {worst:e}");
        assert!(worst < bound, "{name}: {worst}");
    };
    assert_eq!(golden.k_reciprocal.len(), 3);
    for case in &golden.k_reciprocal {
        let step = Step::KReciprocal { k1: case.k1, k2: case.k2, lambda: case.lambda };
        check("k-reciprocal", step, &case.scores, 2e-6);
    }
    check("csls", Step::Csls { k: 5 }, &golden.csls, 3e-6);
    check("inverted-softmax", Step::InvertedSoftmax { beta: 30.0 }, &golden.inverted_softmax, 1e-5);
    let coarse = Step::CoarseAgreement { votes: 3, alpha: 1.0, beta: 0.1 };
    check("coarse-agreement", coarse, &golden.coarse_agreement, 3e-6);
    check("class-logits", Step::ClassLogits { knn_ratio: 0.5 }, &golden.class_logits, 3e-6);
    check(
        "non-target-penalty",
        Step::NonTargetPenalty { labels: Vec::new(), k: 5, weight: 1.0 },
        &golden.non_target,
        3e-6,
    );
}

#[test]
fn diffusion_equals_scipy_where_it_reaches() {
    let (golden, sides) = golden();
    let Diffused { kd, truncation, ref scores } = golden.diffusion;
    let done = run(&[Step::Diffusion { kd, gamma: 3.0, alpha: 0.99, truncation }], &sides);
    let n = sides.gallery.len();
    let (mut worst, mut reached) = (0.0f64, 0);
    for (list, theirs) in done.lists.unwrap().entries.iter().zip(scores.chunks_exact(n)) {
        for &(place, score) in list {
            let theirs = theirs[place as usize];
            if score > -1.0 {
                reached += 1;
                worst = worst.max((score - theirs).abs());
            } else {
                assert!(theirs.abs() < 1e-9, "{score} {theirs}");
            }
        }
    }
    println!("diffusion: {worst:e} over {reached}");
    assert!(worst < 1e-5 && reached > n, "{worst} {reached}");
}

#[test]
fn sort_insert_and_the_threshold_equal_their_code() {
    let (golden, sides) = golden();
    // As long as the published list, so that photos are left to be inserted.
    let steps = [Step::SortInsert { votes: 3, threshold: 1.2 }];
    let done = rerank::apply(&steps, sides.clone(), rerank::DEPTH, &Silent, &Cancel::new()).unwrap();
    let places: Vec<Vec<u32>> = done
        .lists
        .as_ref()
        .unwrap()
        .entries
        .iter()
        .map(|list| list.iter().map(|&(place, _)| place).collect())
        .collect();
    assert_eq!(places, golden.sort_insert);
    let ranking = done.ranking(20).unwrap();
    ranking.check().unwrap();
    assert!(ranking.scores.windows(2).enumerate().all(|(i, pair)| (i + 1) % 20 == 0 || pair[0] >= pair[1]));
    let done = run(&[Step::NotInGallery { ratio: 0.165 }], &sides);
    let found = done.not_in_gallery.unwrap();
    assert!((found.threshold - golden.threshold).abs() < 1e-6, "{} {}", found.threshold, golden.threshold);
    assert_eq!(found.before.iter().filter(|&&before| before == 0).count(), 1);
}

fn drawn(seed: u64, photos: std::ops::Range<u32>, dim: usize) -> Embeddings {
    let mut draws = Seed::new(seed).draws();
    let data = (0..photos.len() * dim).map(|_| draws.normal() as f32 + 0.2).collect();
    Embeddings::new(dim, photos.collect(), data).unwrap()
}

/// k-reciprocal over dense matrices in f64, straight from the paper.
fn naive(all: &Embeddings, queries: &[usize], gallery: usize, (k1, k2, lambda): (usize, usize, f64)) -> Vec<Vec<f64>> {
    let n = all.len();
    let unit = |i: usize| {
        let norm = all.row(i).iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        all.row(i).iter().map(|&x| f64::from(x) / norm).collect::<Vec<f64>>()
    };
    let units: Vec<Vec<f64>> = (0..n).map(unit).collect();
    let cosine = |i: usize, j: usize| units[i].iter().zip(&units[j]).map(|(a, b)| a * b).sum::<f64>();
    let raw: Vec<Vec<f64>> =
        (0..n).map(|i| (0..n).map(|j| if i == j { 0.0 } else { 2.0 - 2.0 * cosine(i, j) }).collect()).collect();
    let farthest: Vec<f64> = raw.iter().map(|row| row.iter().copied().fold(0.0, f64::max)).collect();
    let distance = |i: usize, j: usize| if farthest[i] > 0.0 { raw[i][j] / farthest[i] } else { 0.0 };
    let order: Vec<Vec<usize>> = (0..n)
        .map(|i| {
            let mut row: Vec<usize> = (0..n).collect();
            row.sort_by(|&a, &b| raw[i][a].total_cmp(&raw[i][b]).then((a != i).cmp(&(b != i))));
            row
        })
        .collect();
    let first = |i: usize, k: usize| &order[i][..(k + 1).min(n)];
    let mutual = |i: usize, k: usize| -> Vec<usize> {
        first(i, k).iter().copied().filter(|&j| first(j, k).contains(&i)).collect()
    };
    let mut v = vec![vec![0.0; n]; n];
    for (i, row) in v.iter_mut().enumerate() {
        let core = mutual(i, k1);
        let mut grown = core.clone();
        for &c in &core {
            let theirs = mutual(c, (k1 as f64 / 2.0).round_ties_even() as usize);
            if theirs.iter().filter(|j| core.contains(j)).count() as f64 > 2.0 / 3.0 * theirs.len() as f64 {
                grown.extend(theirs);
            }
        }
        for j in grown {
            row[j] = (-distance(i, j)).exp();
        }
        let sum: f64 = row.iter().sum();
        row.iter_mut().for_each(|x| *x /= sum);
    }
    let v: Vec<Vec<f64>> = (0..n)
        .map(|i| {
            let rows = &order[i][..k2.min(n)];
            (0..n).map(|j| rows.iter().map(|&r| v[r][j]).sum::<f64>() / rows.len() as f64).collect()
        })
        .collect();
    let score = |q: usize, g: usize| {
        let least: f64 = v[q].iter().zip(&v[g]).map(|(a, b)| a.min(*b)).sum();
        1.0 - ((1.0 - least / (2.0 - least)) * (1.0 - lambda) + distance(q, g) * lambda)
    };
    queries.iter().map(|&q| (0..gallery).map(|g| score(q, g)).collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Photos overlap, so that some queries are in the gallery; k1 and k2 may be larger than the set.
    #[test]
    fn k_reciprocal_equals_a_dense_version(
        seed: u64, q in 1u32..12, n in 2u32..40, shift in 0u32..12, k1 in 1usize..14, k2 in 1usize..9, lambda in 0.0f64..1.0
    ) {
        let gallery = drawn(seed, shift..shift + n, 5);
        let mut queries = drawn(seed ^ 1, 0..q, 5);
        // A photo of both has one row.
        for i in shift..q.min(shift + n) {
            let row = gallery.row((i - shift) as usize).to_vec();
            queries.data[i as usize * 5..(i as usize + 1) * 5].copy_from_slice(&row);
        }
        let others: Vec<u32> = (0..q).filter(|i| !gallery.photos.contains(i)).collect();
        let outside = queries.subset(&others).unwrap();
        let all = Embeddings::new(
            5,
            gallery.photos.iter().chain(&others).copied().collect(),
            gallery.data.iter().chain(&outside.data).copied().collect(),
        ).unwrap();
        let places: Vec<usize> = (0..q).map(|i| all.photos.iter().position(|&p| p == i).unwrap()).collect();
        let expected = naive(&all, &places, n as usize, (k1, k2, lambda));
        let done = run(&[Step::KReciprocal { k1, k2, lambda }], &Sides::new(queries, gallery));
        for ((list, expected), place) in done.lists.unwrap().entries.iter().zip(&expected).zip(&places) {
            prop_assert_eq!(list.len(), n as usize - usize::from(*place < n as usize));
            for &(g, score) in list {
                prop_assert!((score - expected[g as usize]).abs() < 3e-6, "{} {}", score, expected[g as usize]);
            }
        }
    }
}

#[test]
fn a_short_list_is_the_beginning_of_the_whole_one() {
    let (queries, gallery) = (drawn(1, 0..20, 8), drawn(2, 100..700, 8));
    let sides = Sides::new(queries, gallery);
    for step in [
        Step::KReciprocal { k1: 20, k2: 6, lambda: 0.3 },
        Step::Diffusion { kd: 20, gamma: 3.0, alpha: 0.99, truncation: 50 },
        Step::Csls { k: 5 },
        Step::InvertedSoftmax { beta: 30.0 },
    ] {
        let whole = run(std::slice::from_ref(&step), &sides).lists.unwrap();
        let short = rerank::apply(std::slice::from_ref(&step), sides.clone(), 5, &Silent, &Cancel::new()).unwrap();
        for (whole, short) in whole.entries.iter().zip(&short.lists.unwrap().entries) {
            assert_eq!(short.len(), rerank::DEPTH);
            // Further behind, diffusion fills up by cosine from longer lists.
            assert_eq!(whole[..40], short[..40], "{}", step.name());
        }
    }
}

#[test]
fn a_given_graph_changes_nothing_and_a_wrong_one_is_refused() {
    let (_, sides) = golden();
    let steps = [Step::KReciprocal { k1: 10, k2: 3, lambda: 0.3 }];
    let k = Needs::of(&steps, 5).graph.unwrap();
    let graph = |k| rerank::graph(&sides.queries, &sides.gallery, k, &Silent, &Cancel::new()).unwrap();
    let near = |graph| Sides { near: Near { graph: Some(graph), ..Near::default() }, ..sides.clone() };
    let given = near(graph(k + 7));
    assert_eq!(run(&steps, &given).lists, run(&steps, &sides).lists);
    let short = near(graph(k - 1));
    let error = rerank::apply(&steps, short, 5, &Silent, &Cancel::new()).unwrap_err().to_string();
    assert!(error.contains("lists of 9") && error.contains("of at least 10"), "{error}");
    assert_eq!(Needs::of(&[Step::L2 {}], 5), Needs::default());
}

#[test]
fn step_by_step_on_what_was_searched_before_is_the_chain() {
    let (_, sides) = golden();
    let chains = [
        vec![
            Step::L2 {},
            Step::KReciprocal { k1: 10, k2: 3, lambda: 0.3 },
            Step::SortInsert { votes: 3, threshold: 0.6 },
        ],
        vec![
            Step::Pca { dim: 6, whiten: false, fit: Fit::Gallery },
            Step::Diffusion { kd: 5, gamma: 3.0, alpha: 0.9, truncation: 20 },
            Step::Bridge { k: 2, bonus: 0.5, weight: 1.0 },
        ],
        vec![
            Step::SortInsert { votes: 4, threshold: 0.3 },
            Step::CoarseAgreement { votes: 3, alpha: 1.0, beta: 0.1 },
            Step::NotInGallery { ratio: 0.2 },
        ],
        vec![Step::Bridge { k: 2, bonus: 0.5, weight: 1.0 }, Step::SortInsert { votes: 3, threshold: 0.6 }],
    ];
    for steps in chains {
        let whole = rerank::apply(&steps, sides.clone(), 5, &Silent, &Cancel::new()).unwrap();
        let mut now = Chained { sides: sides.clone(), lists: None, not_in_gallery: None, notes: Vec::new() };
        for (i, step) in steps.iter().enumerate() {
            let needs = Needs::of(std::slice::from_ref(step), 5);
            let (queries, gallery, cancel) = (&now.sides.queries, &now.sides.gallery, Cancel::new());
            let among =
                |rows, all: &Embeddings, k: usize| index::neighbours(rows, all, k + 9, &Silent, &cancel).unwrap();
            let labelled = &now.sides.labelled.as_ref().unwrap().embeddings;
            now.sides.near = Near {
                graph: needs.graph.map(|k| rerank::graph(queries, gallery, k + 9, &Silent, &cancel).unwrap()),
                gallery: needs.gallery.map(|k| among(queries, gallery, k)),
                labelled: needs.labelled.map(|k| [among(queries, labelled, k), among(gallery, labelled, k)]),
            };
            rerank::advance(&steps[..i], step, &mut now, 5, &Silent, &cancel).unwrap();
        }
        assert_eq!(now.lists, whole.lists, "{steps:?}");
        assert_eq!((&now.not_in_gallery, &now.notes), (&whole.not_in_gallery, &whole.notes));
        // Neighbours of other photos are refused.
        let mut wrong = Chained { lists: None, ..now.clone() };
        wrong.sides.near.labelled = Some(<[index::Neighbours; 2]>::default());
        let step = Step::SortInsert { votes: 3, threshold: 0.6 };
        assert!(rerank::advance(&[], &step, &mut wrong, 5, &Silent, &Cancel::new()).is_err());
    }
}

#[test]
fn without_a_ranking_step_there_are_no_lists() {
    let (_, sides) = golden();
    let done = run(&[Step::L2 {}, Step::Aqe { k: 3 }], &sides);
    assert_eq!((done.lists, done.not_in_gallery), (None, None));
    assert_eq!(done.notes.len(), 2);
    // A step that changes nothing of the order ranks as the search does.
    let lists = run(&[Step::NotInGallery { ratio: 0.0 }], &sides).lists.unwrap();
    let ranked = lists.ranking(&sides.queries.photos, &sides.gallery.photos, None, 20);
    assert_eq!(ranked, index::search(&sides.queries, &sides.gallery, 20, &Silent, &Cancel::new()).unwrap());
}

#[test]
fn steps_in_the_wrong_order_and_without_what_they_need_are_told() {
    let (_, sides) = golden();
    let told = |steps: &[Step], sides: &Sides| {
        rerank::apply(steps, sides.clone(), 5, &Silent, &Cancel::new()).unwrap_err().to_string()
    };
    let reciprocal = Step::KReciprocal { k1: 20, k2: 6, lambda: 0.3 };
    insta::assert_snapshot!(told(&[reciprocal.clone(), Step::L2 {}], &sides), @"post step l2: it changes embeddings, and k-reciprocal has ranked before it; move l2 before k-reciprocal");
    let sort = Step::SortInsert { votes: 3, threshold: 0.6 };
    insta::assert_snapshot!(told(&[sort.clone(), reciprocal], &sides), @"post step k-reciprocal: it ranks the whole gallery anew, and sort-insert has ranked before it; move k-reciprocal before sort-insert");
    let bare = Sides::new(sides.queries.clone(), sides.gallery.clone());
    for step in [
        sort,
        Step::Bridge { k: 5, bonus: 0.5, weight: 1.0 },
        Step::CoarseAgreement { votes: 3, alpha: 1.0, beta: 0.1 },
        Step::WhitenSupervised { dim: 4 },
        Step::NegativeSubtraction { k: 10, beta: 0.35, iterations: 1, dba_k: 10, dba_alpha: 3.0 },
    ] {
        assert!(told(std::slice::from_ref(&step), &bare).contains("embed the training photos too"), "{}", step.name());
    }
    insta::assert_snapshot!(told(&[Step::ClassLogits { knn_ratio: 0.5 }], &bare), @"post step class-logits: there are no class logits here; it needs a loss with a class for each label (ArcFaceLoss, …), or leave it out");
    insta::assert_snapshot!(told(&[Step::NonTargetPenalty { labels: Vec::new(), k: 5, weight: 1.0 }], &bare), @"post step non-target-penalty: there are no photos that are known to be no answer; supply some, or leave it out");
    let mut plain = sides;
    plain.labelled.as_mut().unwrap().coarse = None;
    insta::assert_snapshot!(told(&[Step::CoarseAgreement { votes: 3, alpha: 1.0, beta: 0.1 }], &plain), @"post step coarse-agreement: there are no coarse labels; name their column in toji.toml, or set beta = 0");
    assert!(run(&[Step::CoarseAgreement { votes: 3, alpha: 1.0, beta: 0.0 }], &plain).lists.is_some());
    plain.labelled.as_mut().unwrap().labels.pop();
    assert!(told(&[Step::L2 {}], &plain).starts_with("labels [n]: expected 45, found 44"));
}

#[test]
fn labels_find_what_does_not_look_alike() {
    // Each label has two looks that share nothing; training shows both, a query has the first and its answers the second.
    let (dim, labels, mut draws) = (32, 12u32, Seed::new(3).draws());
    let mut looks =
        |n: usize| -> Vec<Vec<f64>> { (0..n).map(|_| (0..dim).map(|_| draws.normal()).collect()).collect() };
    let (front, back) = (looks(labels as usize), looks(labels as usize));
    let mut draws = Seed::new(4).draws();
    let mut shots = |looks: &[&Vec<f64>], first: u32| {
        let data =
            looks.iter().flat_map(|look| look.iter().map(|x| (x + 0.3 * draws.normal()) as f32).collect::<Vec<_>>());
        Embeddings::new(dim, (first..first + looks.len() as u32).collect(), data.collect()).unwrap()
    };
    // A training photo that shows both sides joins them.
    let both: Vec<Vec<f64>> =
        front.iter().zip(&back).map(|(a, b)| a.iter().zip(b).map(|(a, b)| a + b).collect()).collect();
    let training: Vec<&Vec<f64>> = front.iter().chain(&back).chain(&both).collect();
    let labelled =
        Labelled { embeddings: shots(&training, 1000), labels: (0..3).flat_map(|_| 0..labels).collect(), coarse: None };
    let queries = shots(&front.iter().collect::<Vec<_>>(), 0);
    let many: Vec<&Vec<f64>> = back.iter().chain(&back).collect();
    let gallery = shots(&many, 100);
    let sides = Sides { labelled: Some(labelled), ..Sides::new(queries, gallery) };
    let right = |lists: &Lists| {
        let firsts = lists.entries.iter().zip(0..).filter(|(list, label)| list[0].0 % labels == *label);
        firsts.count()
    };
    let plain = run(&[Step::NotInGallery { ratio: 0.0 }], &sides).lists.unwrap();
    assert!(right(&plain) < 4, "{}", right(&plain));
    for step in [
        Step::SortInsert { votes: 3, threshold: 0.6 },
        Step::Bridge { k: 5, bonus: 0.5, weight: 1.0 },
        Step::CoarseAgreement { votes: 2, alpha: 1.0, beta: 0.0 },
    ] {
        let found = right(run(std::slice::from_ref(&step), &sides).lists.as_ref().unwrap());
        assert_eq!(found, labels as usize, "{}", step.name());
    }
}

/// Every step's numbers, one line each.
#[test]
#[ignore = "is run by `any_number_of_threads_gives_the_same_lists` in processes of its own"]
fn print_lists() {
    let (_, sides) = golden();
    let mut bytes = Vec::new();
    let embeddings = [
        Step::WhitenSupervised { dim: 6 },
        Step::Aqe { k: 4 },
        Step::Dba { k: 6, alpha: 3.0 },
        Step::Inb { k: 20, thresholds: vec![0.5, 0.6], min2: true },
        Step::NegativeSubtraction { k: 10, beta: 0.35, iterations: 2, dba_k: 10, dba_alpha: 3.0 },
    ];
    for step in embeddings {
        let done = run(&[step], &sides).sides;
        bytes.extend(done.queries.data.iter().chain(&done.gallery.data).flat_map(|x| x.to_le_bytes()));
    }
    let rankers = [
        Step::KReciprocal { k1: 20, k2: 6, lambda: 0.3 },
        Step::Diffusion { kd: 12, gamma: 3.0, alpha: 0.99, truncation: 40 },
        Step::Csls { k: 5 },
        Step::InvertedSoftmax { beta: 30.0 },
    ];
    for step in rankers {
        let after = [
            step,
            Step::Bridge { k: 5, bonus: 0.5, weight: 1.0 },
            Step::CoarseAgreement { votes: 3, alpha: 1.0, beta: 0.1 },
            Step::ClassLogits { knn_ratio: 0.5 },
            Step::NonTargetPenalty { labels: Vec::new(), k: 5, weight: 1.0 },
            Step::NotInGallery { ratio: 0.3 },
            Step::SortInsert { votes: 3, threshold: 1.2 },
        ];
        for list in run(&after, &sides).lists.unwrap().entries {
            bytes.extend(
                list.iter().flat_map(|(place, score)| [u64::from(*place), score.to_bits()]).flat_map(u64::to_le_bytes),
            );
        }
    }
    println!("bits {}", toji::base::Key::of_bytes(&bytes));
}

#[test]
fn any_number_of_threads_gives_the_same_lists() {
    let one = super::bits_of("retrieve::chains::print_lists", "1");
    assert_eq!(one, super::bits_of("retrieve::chains::print_lists", "2"));
    assert_eq!(one, super::bits_of("retrieve::chains::print_lists", "7"));
}
