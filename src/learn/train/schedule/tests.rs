//! PyTorch's rates step by step, and what holds of every curve.

use proptest::prelude::*;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Golden {
    settings: ScheduleSettings,
    lr: f64,
    epochs: usize,
    per_epoch: usize,
    rates: Vec<f64>,
}

#[test]
fn every_curve_equals_pytorch() {
    // tests/golden/train/make.py, torch 2.15: the rate of every step by PyTorch's schedulers, in Python's floats.
    let golden: Vec<Golden> =
        serde_json::from_str(include_str!("../../../../tests/golden/train/schedule.json")).unwrap();
    assert_eq!(golden.len(), 14);
    for case in &golden {
        let schedule = Schedule::new(&case.settings, case.lr, case.epochs, case.per_epoch);
        assert_eq!(schedule.steps(), case.rates.len());
        for (step, rate) in case.rates.iter().enumerate() {
            let ours = schedule.rate(step);
            // PyTorch goes from one step's rate to the next, and gathers rounding on its way.
            assert!((ours - rate).abs() < 1e-12 * case.lr, "{:?} step {step}: {ours} and {rate}", case.settings);
        }
    }
}

#[test]
fn equals_the_formula_in_python() {
    // steps = 27 * 8
    // for s in (0, 24, 49, 50, 108, 215):
    //     print(repr(1e-3 * min(1, (s + 1) / 50) * .5 * (1 + math.cos(math.pi * s / steps))))
    let expected = [
        (0, 2e-05),
        (24, 0.0004849231551964771),
        (49, 0.0008783073914337465),
        (50, 0.000873512535620498),
        (108, 0.0005),
        (215, 5.288403644626572e-08),
    ];
    let schedule = Schedule::new(&ScheduleSettings::Cosine(Cosine { warmup_epochs: 50.0 / 27.0 }), 1e-3, 8, 27);
    assert_eq!(schedule.warmup, 50);
    for (step, rate) in expected {
        let ours = schedule.rate(step);
        assert!((ours - rate).abs() < 1e-18 + 1e-14 * rate, "step {step}: {ours} and {rate}");
    }
}

fn cooldown(cooldown_epochs: usize, decay_type: Decay) -> ScheduleSettings {
    ScheduleSettings::ConstantCooldown(ConstantCooldown { warmup_epochs: 0.5, cooldown_epochs, decay_type })
}

#[test]
fn a_longer_training_has_the_same_constant_part() {
    let short = Schedule::new(&cooldown(2, Decay::OneMinusSqrt), 1e-3, 12, 7);
    let long = Schedule::new(&cooldown(3, Decay::Linear), 1e-3, 20, 7);
    let rates = |schedule: &Schedule, steps| (0..steps).map(|t| schedule.rate(t).to_bits()).collect::<Vec<_>>();
    assert_eq!(rates(&short, 71), rates(&long, 71));
    assert!(short.rate(71) < long.rate(71), "the cooldown begins in its second step to fall");
    // Half of the steps of the cooldown: 1 - sqrt(1/2), and 1/2.
    assert!((short.rate(77) - 1e-3 * (1.0 - 0.5f64.sqrt())).abs() < 1e-15);
    let line = Schedule::new(&cooldown(2, Decay::Linear), 1e-3, 12, 7);
    assert!((line.rate(77) - 0.5e-3).abs() < 1e-15 && line.rate(84) == 0.0);
}

#[test]
fn odd_settings_give_rates_all_the_same() {
    let cycle =
        |pct_start| OneCycle { pct_start, div_factor: 25.0, final_div_factor: 1e4, anneal_strategy: Anneal::Cos };
    let restarts = CosineRestarts { first: 1, times: 1000, eta_min: 1e-2, warmup_epochs: 0.0 };
    let all = [
        ScheduleSettings::OneCycle(cycle(0.0)),
        ScheduleSettings::OneCycle(cycle(1.0)),
        ScheduleSettings::CosineRestarts(restarts),
        cooldown(9, Decay::OneMinusSqrt),
    ];
    for settings in &all {
        for (lr, epochs, per_epoch) in [(1e-3, 1, 1), (1e-3, 2, 1), (0.0, 3, 5), (1e-3, 0, 4)] {
            let schedule = Schedule::new(settings, lr, epochs, per_epoch);
            for step in [0, 1, 2, 14, 99, 1_000_000] {
                let rate = schedule.rate(step);
                assert!(rate.is_finite() && (0.0..=1e-2).contains(&rate), "{settings:?} {step}: {rate}");
            }
        }
    }
}

proptest! {
    #[test]
    fn rises_once_then_falls(epochs in 1usize..30, per_epoch in 1usize..40, warmup in 0.0f64..5.0) {
        let new = |settings| Schedule::new(&settings, 1.0, epochs, per_epoch);
        let cosine = new(ScheduleSettings::Cosine(Cosine { warmup_epochs: warmup }));
        let constant = new(ScheduleSettings::Constant(Constant { warmup_epochs: warmup }));
        let all: Vec<f64> = (0..cosine.steps()).map(|t| cosine.rate(t)).collect();
        prop_assert!(all.iter().all(|f| *f > 0.0 && *f <= 1.0));
        prop_assert!(all.iter().skip(cosine.warmup).is_sorted_by(|a, b| a >= b));
        for (t, f) in all.iter().enumerate() {
            prop_assert!(*f <= constant.rate(t));
            prop_assert!(t < cosine.warmup || constant.rate(t) == 1.0);
        }
    }
}
