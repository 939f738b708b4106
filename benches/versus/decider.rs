//! The decider's errors on simulated trainings: how often a recipe as good as the pin is stopped, and one that is worse.
//!
//! A query's rank is drawn from a latent difficulty: the query's own and its label's, which all trainings share; what each training makes of
//! them, in part anew after every epoch; the luck of its seed, in part wandering; and the skill that grows over the epochs. Reciprocal ranks
//! beyond 20 count 0, so they are as full of ties as real ones.

use std::sync::Arc;

use rayon::prelude::*;
use toji::base::Seed;
use toji::score::Score;
use toji::score::decide::replay::replay;
use toji::score::decide::{Course, Decider, Look};

const LABELS: usize = 250;
const QUERIES: usize = 1000;
const EPOCHS: usize = 12;
/// Spread of the latent difficulty: of a label and of a query, alike for all; of both anew in each training; of a query anew each epoch.
const SHARED: f64 = 1.2;
const OWN_LABEL: f64 = 0.25;
const OWN_QUERY: f64 = 0.6;
const EPOCH_QUERY: f64 = 0.3;

/// Simulates `runs` trainings a row and prints the table.
pub fn table(runs: u64) {
    println!(
        "| seeds' deviation of MRR@20 | pin's seeds | true difference | stopped | 95 % | epochs saved |\n|---|---|---|---|---|---|"
    );
    for luck in [0.0, 0.02, 0.05] {
        let spread = deviation(luck);
        for (seeds, difference) in [(1, 0.0), (3, 0.0), (5, 0.0), (1, 0.02), (3, 0.02), (5, 0.02), (3, 0.05)] {
            let skill = skill_for(difference);
            let of_run = |run: u64| {
                let seed = Seed::new(run).named("decider");
                let pin: Vec<Course> =
                    (0..seeds).map(|s| course("pin", seed, seed.named("pin").at(s), 0.0, luck)).collect();
                let mine = course("mine", seed, seed.named("mine"), skill, luck);
                let outcome = replay(&Decider::usual(), &[mine], &pin, &|photo| photo % LABELS as u32);
                [u64::from(outcome.fates[0].stopped.is_some()), outcome.saved as u64]
            };
            let sum = |a: [u64; 2], b: [u64; 2]| [a[0] + b[0], a[1] + b[1]];
            let [stops, saved] = (0..runs).into_par_iter().map(of_run).reduce(|| [0, 0], sum);
            let n = runs as f64;
            let [low, high] = wilson(stops as f64 / n, n);
            println!(
                "| {spread:.4} | {seeds} | {difference:.2} | {:.1} % | {:.1} to {:.1} | {:.0} % |",
                100.0 * stops as f64 / n,
                100.0 * low,
                100.0 * high,
                100.0 * saved as f64 / (n * EPOCHS as f64)
            );
        }
    }
}

/// A training in the world of `world`, by its own seed; `behind` is how much harder it finds everything.
fn course(name: &str, world: Seed, own: Seed, behind: f64, luck: f64) -> Course {
    let (mut shared, mut draws) = (world.named("world").draws(), own.draws());
    let label: Vec<f64> = (0..LABELS).map(|_| SHARED * shared.normal() + OWN_LABEL * draws.normal()).collect();
    let query: Vec<f64> = (0..QUERIES).map(|_| SHARED * shared.normal() + OWN_QUERY * draws.normal()).collect();
    let of_seed = luck * draws.normal();
    let looks = (1..=EPOCHS).map(|epoch| {
        let wander = 0.5 * luck * draws.normal();
        let skill = 1.5 * (1.0 - (-3.0 * epoch as f64 / EPOCHS as f64).exp());
        let parts: Vec<f32> = (0..QUERIES)
            .map(|q| {
                let hard = label[q % LABELS] + query[q] + EPOCH_QUERY * draws.normal();
                reciprocal(1.5 + hard + behind + of_seed + wander - skill)
            })
            .collect();
        let value = parts.iter().map(|part| f64::from(*part)).sum::<f64>() / QUERIES as f64;
        let score = Score {
            metric: "MRR@20".into(),
            value,
            interval: [0.0, 1.0],
            queries: (0..QUERIES as u32).collect(),
            per_query: parts,
        };
        Look { epoch, at: epoch as f64, score: Arc::new(score) }
    });
    let looks = looks.collect();
    Course {
        recipe: name.into(),
        epochs: EPOCHS,
        planned: (1..=EPOCHS).collect(),
        ends: vec![2, EPOCHS],
        looks,
        complete: true,
    }
}

fn reciprocal(latent: f64) -> f32 {
    let rank = latent.max(0.0).exp().floor();
    if rank <= 20.0 { (1.0 / rank) as f32 } else { 0.0 }
}

/// The mean at the end for a latent shift, over many worlds.
fn mean_at(behind: f64) -> f64 {
    let worlds = 60;
    let value = |w: u64| {
        let world = Seed::new(w).named("calibration");
        course("mean", world, world.named("own"), behind, 0.0).last().map_or(0.0, |look| look.score.value)
    };
    (0..worlds).map(value).sum::<f64>() / worlds as f64
}

/// The latent shift that costs `difference` at the end.
fn skill_for(difference: f64) -> f64 {
    if difference == 0.0 {
        return 0.0;
    }
    let wanted = mean_at(0.0) - difference;
    let (mut low, mut high) = (0.0, 2.0);
    for _ in 0..20 {
        let middle = f64::midpoint(low, high);
        if mean_at(middle) > wanted { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// The deviation between seeds of the mean at the end, in one world.
fn deviation(luck: f64) -> f64 {
    let world = Seed::new(0).named("spread");
    let ends: Vec<f64> = (0..100)
        .filter_map(|s| Some(course("spread", world, world.named("own").at(s), 0.0, luck).last()?.score.value))
        .collect();
    let mean = ends.iter().sum::<f64>() / ends.len() as f64;
    (ends.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (ends.len() as f64 - 1.0)).sqrt()
}

/// Wilson's 95 % interval of a share.
fn wilson(share: f64, n: f64) -> [f64; 2] {
    let z2 = 1.96f64.powi(2);
    let centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let reach = 1.96 / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    [(centre - reach).max(0.0), (centre + reach).min(1.0)]
}
