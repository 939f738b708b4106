//! Places of photos against OpenCV (tests/golden/retrieve/spatial.py), in chains, and with any number of threads.

use std::sync::Arc;

use proptest::prelude::*;
use serde::Deserialize;
use toji::base::progress::Silent;
use toji::base::{Cancel, Seed};
use toji::retrieve::post::local::{self, Local, Model, Pack, Pair, Patches, Settings};
use toji::retrieve::post::{self, Step};
use toji::retrieve::rerank::{self, Chained, Lists, Needs};
use toji::retrieve::{Embeddings, Sides, index};

#[derive(Deserialize)]
struct Mutual {
    dim: usize,
    a: Vec<i8>,
    b: Vec<i8>,
    pairs: Vec<[usize; 2]>,
    cosines: Vec<f64>,
}

#[derive(Deserialize)]
struct Case {
    model: Model,
    pairs: Vec<Pair>,
    inliers: Vec<usize>,
    transform: [f64; 6],
}

#[derive(Deserialize)]
struct Golden {
    threshold: f64,
    mutual: Vec<Mutual>,
    cases: Vec<Case>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../golden/retrieve/spatial.json")).unwrap()
}

#[test]
fn places_find_those_that_opencv_finds() {
    for Mutual { dim, a, b, pairs, cosines } in golden().mutual {
        let found = local::mutual(&local::wide(&a, dim), &local::wide(&b, dim), dim, -1.0);
        assert_eq!(found.iter().map(|pair| [pair.a, pair.b]).collect::<Vec<_>>(), pairs);
        let worst = found.iter().zip(&cosines).map(|(pair, cosine)| (pair.cosine - cosine).abs()).fold(0.0, f64::max);
        assert!(worst < 2e-6, "{worst}");
    }
}

#[test]
fn the_pairs_that_agree_are_opencvs() {
    let Golden { threshold, cases, .. } = golden();
    for (i, case) in cases.iter().enumerate() {
        // With many pairs samples are drawn, by any seed.
        for seed in 0..3 {
            let settings =
                Settings { model: case.model, residual_threshold: threshold, max_trials: 3000, max_scale: 4.0 };
            let found = local::verify(&case.pairs, &settings, || Seed::new(seed).draws()).unwrap();
            assert_eq!(found.inliers, case.inliers, "case {i}");
            let off = found.transform.0.iter().zip(&case.transform).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(off < 1e-6, "case {i}: {off}");
        }
    }
}

fn spatial(depth: usize, threshold: f64, max_trials: usize, weight: f64) -> Step {
    let (out_index, dim, patches) = (-1, 16, 40);
    let (model, residual_threshold, max_scale) = (Model::Similarity, 1.0, 2.0);
    Step::SpatialCheck {
        depth,
        threshold,
        model,
        residual_threshold,
        max_trials,
        max_scale,
        weight,
        out_index,
        dim,
        patches,
    }
}

/// Photos of things: each thing has a texture of its own, of which each photo shows a part, moved and scaled, among noise. Embeddings say
/// nothing, so that order is what the places make of it.
fn things(things: u32, photos_each: u32) -> (Sides, Vec<u32>) {
    const SIDE: usize = 12;
    const CHANNELS: usize = 24;
    let mut draws = Seed::new(5).draws();
    let mut row = || (0..CHANNELS).map(|_| draws.normal() as f32).collect::<Vec<f32>>();
    let textures: Vec<Vec<Vec<f32>>> = (0..things).map(|_| (0..4 * SIDE * SIDE).map(|_| row()).collect()).collect();
    let mut draws = Seed::new(6).draws();
    let photos: Vec<u32> = (0..things * photos_each).collect();
    let mut maps: Vec<f32> = Vec::new();
    for &photo in &photos {
        let texture = &textures[(photo % things) as usize];
        let (left, top) = (draws.below(5) as usize, draws.below(5) as usize);
        for cell in 0..SIDE * SIDE {
            let (x, y) = (cell % SIDE + left, cell / SIDE + top);
            let seen = draws.chance(0.6);
            let noise: Vec<f32> = (0..CHANNELS).map(|_| draws.normal() as f32).collect();
            let own = &texture[y * 2 * SIDE + x];
            maps.extend(own.iter().zip(noise).map(|(own, noise)| if seen { own + 0.3 * noise } else { noise }));
        }
    }
    let local = Local { out_index: -1, dim: 16, patches: 40 };
    let pack = Pack::fit([SIDE, SIDE], local, &photos, &maps, &Cancel::new()).unwrap();
    let patches = pack.patches(&photos, &maps).unwrap();
    assert_eq!((patches.each, patches.dim, patches.map), (40, 16, [SIDE, SIDE]));
    let rows =
        Embeddings::new(2, photos.clone(), photos.iter().flat_map(|&p| [1.0, 1e-4 * p as f32]).collect()).unwrap();
    let labels = photos.iter().map(|photo| photo % things).collect();
    (Sides { patches: vec![Arc::new(patches)], ..Sides::new(rows.clone(), rows) }, labels)
}

fn run(steps: &[Step], sides: &Sides) -> Lists {
    rerank::apply(steps, sides.clone(), 5, &Silent, &Cancel::new()).unwrap().lists.unwrap()
}

#[test]
fn photos_of_one_thing_come_first_whatever_the_embeddings_say() {
    let (sides, labels) = things(6, 4);
    let own = |lists: &Lists| -> usize {
        let right = |(query, list): (usize, &Vec<(u32, f64)>)| {
            list.iter().take(3).filter(|(place, _)| labels[*place as usize] == labels[query]).count()
        };
        lists.entries.iter().enumerate().map(right).sum()
    };
    let plain = run(&[Step::NotInGallery { ratio: 0.0 }], &sides);
    let checked = run(&[spatial(100, 0.6, 1000, 100.0)], &sides);
    assert!(own(&plain) < 20, "{}", own(&plain));
    assert_eq!(own(&checked), 3 * 24);
    // The lists have the same photos; without weight they are the same; scores fall.
    for (list, before) in checked.entries.iter().zip(&plain.entries) {
        let sorted = |list: &[(u32, f64)]| {
            let mut places: Vec<u32> = list.iter().map(|(place, _)| *place).collect();
            places.sort_unstable();
            places
        };
        assert_eq!(sorted(list), sorted(before));
        assert!(list.is_sorted_by(|a, b| a.1 >= b.1));
    }
    assert_eq!(run(&[spatial(100, 0.6, 1000, 0.0)], &sides), plain);
    // Nothing belongs together.
    assert_eq!(run(&[spatial(100, 1.0, 1000, 1.0)], &sides), plain);
    // Behind another step its lists are checked.
    let after = run(&[Step::Csls { k: 3 }, spatial(100, 0.6, 1000, 100.0)], &sides);
    assert_eq!(own(&after), 3 * 24);
}

#[test]
fn step_by_step_is_the_chain() {
    // A submission runs the chain at once, an evaluation step by step, on lists that were searched before.
    let (sides, _) = things(6, 4);
    let steps = [Step::L2 {}, spatial(30, 0.6, 1000, 2.0), Step::NotInGallery { ratio: 0.2 }];
    let cancel = Cancel::new();
    let whole = rerank::apply(&steps, sides.clone(), 5, &Silent, &cancel).unwrap();
    let near = |sides: &Sides, k| index::neighbours(&sides.queries, &sides.gallery, k, &Silent, &cancel).unwrap();
    let mut now = Chained { sides, lists: None, not_in_gallery: None, notes: Vec::new() };
    for (i, step) in steps.iter().enumerate() {
        let wanted = Needs::of(std::slice::from_ref(step), 5).gallery.filter(|_| now.lists.is_none());
        assert_eq!(wanted.is_some(), i == 1);
        now.sides.near.gallery = wanted.map(|k| near(&now.sides, k + 50));
        rerank::advance(&steps[..i], step, &mut now, 5, &Silent, &cancel).unwrap();
    }
    assert_eq!((&now.lists, &now.not_in_gallery, &now.notes), (&whole.lists, &whole.not_in_gallery, &whole.notes));
}

#[test]
fn only_the_first_of_a_list_are_looked_at() {
    let (sides, _) = things(5, 4);
    let plain = run(&[Step::NotInGallery { ratio: 0.0 }], &sides);
    let checked = run(&[spatial(4, 0.6, 1000, 1.0)], &sides);
    for (list, before) in checked.entries.iter().zip(&plain.entries) {
        assert_eq!(list[4..], before[4..]);
    }
    assert_ne!(checked, plain);
}

#[test]
fn a_chain_without_places_or_with_two_checks_is_refused() {
    let (sides, _) = things(2, 2);
    let told = |steps: &[Step], sides: &Sides| {
        rerank::apply(steps, sides.clone(), 5, &Silent, &Cancel::new()).unwrap_err().to_string()
    };
    let step = spatial(5, 0.6, 100, 1.0);
    assert!(told(&[step.clone(), step.clone()], &sides).contains("twice"));
    assert!(
        told(std::slice::from_ref(&step), &Sides { patches: Vec::new(), ..sides.clone() })
            .contains("a run embeds them")
    );
    let some = Patches { photos: vec![90], ..(*sides.patches[0]).clone() };
    assert!(
        told(std::slice::from_ref(&step), &Sides { patches: vec![Arc::new(some)], ..sides.clone() })
            .contains("expected")
    );
    let only =
        post::apply(std::slice::from_ref(&step), sides.queries.clone(), sides.gallery.clone(), &Silent, &Cancel::new());
    assert!(only.unwrap_err().to_string().contains("it ranks"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Whatever else is there, a planted movement is found, and nothing breaks on any pairs.
    #[test]
    fn a_planted_movement_is_found(
        angle in -3.1..3.1f64, scale in 0.6..1.6f64, moved in prop::array::uniform2(-9.0..9.0f64),
        good in 8usize..40, others in prop::collection::vec(prop::array::uniform4(0.0..14.0f64), 0..20), seed in 0..99u64,
    ) {
        let mut draws = Seed::new(seed).draws();
        let (c, s) = (scale * angle.cos(), scale * angle.sin());
        let of = |[x, y]: [f64; 2]| [c * x - s * y + moved[0], s * x + c * y + moved[1]];
        let planted: Vec<Pair> = (0..good).map(|_| {
            let a = [draws.uniform(0.0, 14.0), draws.uniform(0.0, 14.0)];
            [a, of(a)]
        }).collect();
        let pairs: Vec<Pair> = planted.iter().copied().chain(others.iter().map(|o| [[o[0], o[1]], [o[2], o[3]]])).collect();
        let settings = Settings { model: Model::Similarity, residual_threshold: 0.5, max_trials: 2000, max_scale: 2.0 };
        let found = local::verify(&pairs, &settings, || Seed::new(seed).draws()).unwrap();
        // Some of the others may agree by accident, also more than with what was planted.
        prop_assert!(found.inliers.len() >= good);
        if others.len() < good / 2 {
            prop_assert!((0..good).all(|i| found.inliers.contains(&i)));
        }
        let wild = Settings { model: Model::Affine, residual_threshold: 0.0, max_trials: 50, max_scale: 1.0 };
        local::verify(&pairs, &wild, || Seed::new(seed).draws());
    }
}

#[test]
#[ignore = "is run by `any_number_of_threads_gives_the_same_order` in processes of its own"]
fn print_checked() {
    let (sides, _) = things(6, 8);
    let mut bytes = Vec::new();
    bytes.extend(sides.patches[0].codes.iter().map(|&x| x as u8));
    for max_trials in [20, 1000] {
        for list in run(&[spatial(60, 0.4, max_trials, 1.0)], &sides).entries {
            let numbers = list.iter().flat_map(|(place, score)| [u64::from(*place), score.to_bits()]);
            bytes.extend(numbers.flat_map(u64::to_le_bytes));
        }
    }
    println!("bits {}", toji::base::Key::of_bytes(&bytes));
}

#[test]
fn any_number_of_threads_gives_the_same_order() {
    let one = super::bits_of("retrieve::spatial::print_checked", "1");
    assert_eq!(one, super::bits_of("retrieve::spatial::print_checked", "2"));
    assert_eq!(one, super::bits_of("retrieve::spatial::print_checked", "7"));
}
