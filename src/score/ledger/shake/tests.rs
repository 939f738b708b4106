//! Worlds whose private scores are known: intervals cover them, and lucky public scores are not believed.

use super::*;

/// Queries' scores as reciprocal ranks have them: many 1, many 0, some between.
fn reciprocal(random: &mut crate::base::seed::Draws, ease: f64) -> f32 {
    let at = random.normal() + ease;
    match at {
        at if at > 0.6 => 1.0,
        at if at > 0.2 => 0.5,
        at if at > -0.1 => 0.2,
        _ => 0.0,
    }
}

/// How a world's submissions differ.
struct World {
    /// Ease of each submission; 0.6 is a mean of about 0.6.
    ease: Vec<f64>,
    /// How far each submission's host is from home, as ease.
    own: f64,
    split: Split,
    local: usize,
}

/// Scores on local queries, and public and private scores of the host, all with noise that queries share among submissions.
fn played(world: &World, seed: Seed) -> (Vec<Score>, Vec<[f64; 2]>) {
    let mut random = seed.named("world").draws();
    let shared: Vec<f64> = world.ease.iter().map(|ease| ease - 0.35 + world.own * random.normal()).collect();
    let all = |random: &mut crate::base::seed::Draws, count: usize, ease: &[f64]| -> Vec<Vec<f32>> {
        let mut found = vec![Vec::new(); ease.len()];
        let mut label = 0.0;
        for query in 0..count {
            // Three queries a label, which hang together.
            if query % 3 == 0 {
                label = 0.6 * random.normal();
            }
            let common = 0.5 * random.normal() + label;
            for (of, ease) in found.iter_mut().zip(ease) {
                of.push(reciprocal(random, (ease + common) / 0.8));
            }
        }
        found
    };
    let local = all(&mut random, world.local, &world.ease);
    let host = all(&mut random, world.split.public + world.split.private, &shared);
    let mut order: Vec<usize> = (0..world.split.public + world.split.private).collect();
    random.shuffle(&mut order);
    let mean =
        |of: &[f32], places: &[usize]| places.iter().map(|&i| f64::from(of[i])).sum::<f64>() / places.len() as f64;
    let (public, private) = order.split_at(world.split.public);
    let parts = host.iter().map(|of| [mean(of, public), mean(of, private)]).collect();
    let score = |per_query: Vec<f32>| {
        let value = per_query.iter().map(|x| f64::from(*x)).sum::<f64>() / per_query.len() as f64;
        let queries = (0..per_query.len() as u32).collect();
        Score { metric: "MRR@20".into(), value, interval: [0.0; 2], queries, per_query }
    };
    (local.into_iter().map(score).collect(), parts)
}

fn candidates<'a>(scores: &'a [Score], parts: &[[f64; 2]], seen: usize) -> Vec<Candidate<'a>> {
    let public = |i: usize| (i < seen).then(|| ((parts[i][0] * 1e4).round() / 1e4, 5e-5));
    scores.iter().enumerate().map(|(i, score)| Candidate { score, public: public(i) }).collect()
}

fn label(photo: u32) -> u32 {
    photo / 3
}

const SPLIT: Split = Split { public: 120, private: 280 };

#[test]
fn intervals_cover_private_scores_in_worlds_of_all_kinds() {
    // (submissions, of which seen, own shift): alone, many alike, many that go their own ways, one that was not handed in.
    for (count, seen, own) in [(1, 1, 0.3), (6, 6, 0.0), (6, 6, 0.15), (5, 4, 0.05)] {
        let world = World { ease: (0..count).map(|i| 0.4 + 0.03 * i as f64).collect(), own, split: SPLIT, local: 300 };
        let (mut covered, mut asked, mut width) = (0, 0, 0.0);
        for n in 0..60 {
            let (scores, parts) = played(&world, Seed::new(n));
            let found = forecast(&candidates(&scores, &parts, seen), SPLIT, label, Seed::new(n));
            for (i, [_, private]) in parts.iter().enumerate() {
                let Outlook { interval: [low, high], .. } = found.outlook(i);
                covered += usize::from((low..=high).contains(private));
                asked += 1;
                width += high - low;
            }
        }
        let (share, width) = (f64::from(covered as u32) / f64::from(asked), width / f64::from(asked));
        assert!(share >= 0.9, "{count} {seen} {own}: {covered} of {asked}, mean width {width}");
        // A private score's own deviation here is about 0.027, public and private luck together 0.049: 0.19 wide at 95 %.
        assert!(width < 0.25, "{count} {seen} {own}: {width}");
    }
}

#[test]
fn the_luckiest_public_score_is_not_believed() {
    // Ten submissions that are equally good: the one on top of the public board falls back, and the forecast knows.
    let world = World { ease: vec![0.5; 10], own: 0.0, split: SPLIT, local: 300 };
    let (mut told, mut naive, mut flips, mut foreseen) = (0.0, 0.0, 0.0, 0.0);
    for n in 0..40 {
        let (scores, parts) = played(&world, Seed::new(100 + n));
        let found = forecast(&candidates(&scores, &parts, 10), SPLIT, label, Seed::new(n));
        let mut order: Vec<usize> = (0..10).collect();
        order.sort_by(|&a, &b| parts[b][0].total_cmp(&parts[a][0]));
        let (top, last) = (order[0], order[9]);
        // Against the field, so that the luck that all share does not count.
        let field = |of: &dyn Fn(usize) -> f64| (0..10).map(of).sum::<f64>() / 10.0;
        let truth = parts[top][1] - field(&|i| parts[i][1]);
        told += (found.outlook(top).mean - field(&|i| found.outlook(i).mean) - truth) / 40.0;
        naive += (parts[top][0] - field(&|i| parts[i][0]) - truth) / 40.0;
        flips += f64::from(u8::from(parts[top][1] < parts[last][1])) / 40.0;
        foreseen += found.flip(top, last) / 40.0;
    }
    assert!(naive > 0.02, "the public board flatters: {naive}");
    assert!(told.abs() < naive / 2.0, "{told} of {naive}");
    assert!((flips - foreseen).abs() < 0.2, "{flips} came, {foreseen} were foreseen");
}

fn fixed(per_query: Vec<f32>) -> Score {
    let value = per_query.iter().map(|x| f64::from(*x)).sum::<f64>() / per_query.len() as f64;
    let queries = (0..per_query.len() as u32).collect();
    Score { metric: "MRR@20".into(), value, interval: [0.0; 2], queries, per_query }
}

#[test]
fn one_submission_is_the_binomial() {
    // Half of 400 queries are answered: one query's deviation is 0.5, both parts' luck 0.5 · √(1/120 + 1/280) = 0.05455.
    let score = fixed((0..400).map(|i| (i % 2) as f32).collect());
    let seen = |public| [Candidate { score: &score, public: Some((public, 5e-5)) }];
    let Outlook { mean, deviation, interval } = forecast(&seen(0.5), SPLIT, |photo| photo, Seed::new(1)).outlook(0);
    assert!((mean - 0.5).abs() < 0.004 && (deviation - 0.05455).abs() < 0.003, "{mean} {deviation}");
    assert!((interval[1] - interval[0] - 2.0 * 1.96 * 0.05455).abs() < 0.014, "{interval:?}");
    // A mean of 0.2 has 0.4 / 0.5 of the deviation.
    let low = forecast(&seen(0.2), SPLIT, |photo| photo, Seed::new(1)).outlook(0);
    assert!((low.mean - 0.2).abs() < 0.006 && (low.deviation - 0.8 * 0.05455).abs() < 0.003, "{low:?}");
    // More queries than are drawn: as narrow as they make it.
    let large = Split { public: 12_000, private: 28_000 };
    let many = forecast(&seen(0.5), large, |photo| photo, Seed::new(1)).outlook(0);
    assert!((many.deviation - 0.005455).abs() < 0.0006, "{many:?}");
    // Before any public score: the noise of both, around the local score.
    let alone = [Candidate { score: &score, public: None }];
    let before = forecast(&alone, SPLIT, |photo| photo, Seed::new(1)).outlook(0);
    let wanted = 0.5 * (1.0 / 400.0 + 1.0 / 280.0f64).sqrt();
    assert!((before.mean - 0.5).abs() < 0.004 && (before.deviation - wanted).abs() < 0.003, "{before:?} {wanted}");
}

#[test]
fn equal_submissions_are_no_insurance_and_other_ones_are() {
    let one = fixed((0..400).map(|i| (i % 2) as f32).collect());
    let other = fixed((0..400).map(|i| (i / 2 % 2) as f32).collect());
    let worse = fixed((0..400).map(|i| if i % 2 == 1 && i % 10 != 1 { 1.0 } else { 0.0 }).collect());
    let at = |score, public| Candidate { score, public: Some((public, 5e-5)) };
    let all = [at(&one, 0.5), at(&one, 0.5), at(&other, 0.5), at(&worse, 0.4)];
    let found = forecast(&all, SPLIT, |photo| photo, Seed::new(2));
    let best = found.best(&[0, 1, 2, 3], 2).unwrap();
    assert!(best.places.contains(&2) && !best.places.contains(&3), "{best:?}");
    assert!(best.expected > found.outlook(0).mean + 0.01, "{best:?}");
    assert!(best.correlation.unwrap() < 0.9);
    assert!(found.flip(0, 3) < 0.1 && (found.flip(0, 2) - 0.5).abs() < 1e-9);
    assert_eq!(found.flip(0, 3), found.flip(3, 0));
    assert_eq!(found.best(&[], 2), None);
    assert_eq!(found.best(&[3], 2).unwrap().places, [3]);
    assert_eq!(found.best(&[0, 1, 2, 3], 3).unwrap().places.len(), 3);
    assert!(found.expected(&[0, 1, 2, 3]) >= best.expected);
}

#[test]
fn queries_that_differ_make_families_and_nothing_panics() {
    let one = fixed(vec![1.0; 20]);
    let other = Score { queries: (1000..1020).collect(), ..fixed(vec![0.0; 20]) };
    let lone = Score { queries: vec![5], ..fixed(vec![0.5]) };
    let none = fixed(Vec::new());
    let none = Score { value: 0.0, ..none };
    let all: Vec<Candidate<'_>> =
        [&one, &other, &lone, &none].map(|score| Candidate { score, public: Some((0.3, 0.005)) }).to_vec();
    for split in [Split { public: 1, private: 1 }, SPLIT] {
        let found = forecast(&all, split, |_| 0, Seed::new(3));
        for i in 0..4 {
            let Outlook { mean, interval, .. } = found.outlook(i);
            assert!(
                mean.is_finite() && (0.0..=1.0).contains(&interval[0]) && interval[1] <= 1.0,
                "{mean} {interval:?}"
            );
        }
    }
    assert!(forecast(&[], SPLIT, |_| 0, Seed::new(3)).best(&[], 2).is_none());
}

#[test]
fn threads_change_nothing() {
    let world = World { ease: vec![0.4, 0.5], own: 0.1, split: SPLIT, local: 200 };
    let (scores, parts) = played(&world, Seed::new(9));
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| forecast(&candidates(&scores, &parts, 1), SPLIT, label, Seed::new(4)))
    };
    assert!(run(1) == run(3));
}

#[test]
fn a_share_makes_two_parts() {
    assert_eq!(Split::of(76, 0.41), Some(Split { public: 31, private: 45 }));
    assert_eq!((Split::of(0, 0.5), Split::of(1, 0.5), Split::of(10, 0.01)), (None, None, None));
}
