//! How the learning rate moves over a training.
//!
//! Takes a step and the length of the full schedule; gives the factor on the base rate. A pure
//! function, so a run that stops early has used the first part of the same curve. Cosine annealing
//! is SGDR's without restarts (Loshchilov and Hutter 2017, arXiv 1608.03983).

use std::f64::consts::PI;

use super::technique::ScheduleSettings;

/// A learning-rate curve of a fixed length.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    shape: Shape,
    steps: usize,
    warmup: usize,
}

#[derive(Clone, Debug, PartialEq)]
enum Shape {
    Cosine,
    Constant,
}

impl Schedule {
    /// The curve of `epochs` epochs with `per_epoch` steps each. `warmup_epochs` may be a fraction and
    /// is rounded to whole steps.
    pub fn new(settings: &ScheduleSettings, epochs: usize, per_epoch: usize) -> Schedule {
        let (shape, warmup_epochs) = match settings {
            ScheduleSettings::Cosine { warmup_epochs } => (Shape::Cosine, *warmup_epochs),
            ScheduleSettings::Constant { warmup_epochs } => (Shape::Constant, *warmup_epochs),
        };
        let warmup = (warmup_epochs * per_epoch as f64).round() as usize;
        Schedule { shape, steps: epochs * per_epoch, warmup }
    }

    /// Steps of the full length.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Factor in `0.0..=1.0` on the base learning rate in step `t` (from 0):
    /// `min(1, (t + 1) / warmup) · ½(1 + cos(π t / steps))`, without the second part when constant.
    ///
    /// Warm-up and cosine are multiplied, so the cosine runs over all steps however long the warm-up is
    /// (timm and transformers begin the cosine after it). The rate comes near 0 only with the last step.
    pub fn factor(&self, step: usize) -> f64 {
        let warm = if self.warmup == 0 { 1.0 } else { ((step + 1) as f64 / self.warmup as f64).min(1.0) };
        match self.shape {
            Shape::Constant => warm,
            Shape::Cosine => {
                let done = (step as f64 / self.steps.max(1) as f64).min(1.0);
                warm * 0.5 * (1.0 + (PI * done).cos())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
        let schedule = Schedule::new(&ScheduleSettings::Cosine { warmup_epochs: 50.0 / 27.0 }, 8, 27);
        assert_eq!(schedule.warmup, 50);
        for (step, rate) in expected {
            let ours = 1e-3 * schedule.factor(step);
            assert!((ours - rate).abs() < 1e-18 + 1e-14 * rate, "step {step}: {ours} and {rate}");
        }
    }

    proptest! {
        #[test]
        fn rises_once_then_falls(epochs in 1usize..30, per_epoch in 1usize..40, warmup in 0.0f64..5.0) {
            let cosine = Schedule::new(&ScheduleSettings::Cosine { warmup_epochs: warmup }, epochs, per_epoch);
            let constant = Schedule::new(&ScheduleSettings::Constant { warmup_epochs: warmup }, epochs, per_epoch);
            let all: Vec<f64> = (0..cosine.steps()).map(|t| cosine.factor(t)).collect();
            prop_assert!(all.iter().all(|f| *f > 0.0 && *f <= 1.0));
            prop_assert!(all.iter().skip(cosine.warmup).is_sorted_by(|a, b| a >= b));
            for (t, f) in all.iter().enumerate() {
                prop_assert!(*f <= constant.factor(t));
                prop_assert!(t < cosine.warmup || constant.factor(t) == 1.0);
            }
        }
    }
}
