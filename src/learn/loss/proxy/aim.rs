//! What a classifier's logits are held against: the label, smoothed or not, and how much each label counts.
//!
//! Takes logits `[b, n]` and classes; gives the softmax cross-entropy as one number, as
//! `torch.nn.CrossEntropyLoss(weight, label_smoothing)` does (PyTorch 2). Weights of classes are made from the photos
//! that each class has, so that rare labels need not drown among frequent ones.

use candle_core::{D, Result as CandleResult, Tensor};
use serde::Deserialize;

use super::classify::column;
use crate::book::technique::{Default, Kind, Literal, Param};

/// The row of `label_smoothing`, for classifiers with a margin.
pub(super) const LABEL_SMOOTHING: Param = Param::new(
    "label_smoothing",
    Kind::Float { min: 0.0, max: 0.99 },
    Default::Unsaid(Literal::Float(0.0)),
    "Share of the target's probability that is spread over all labels. No gain for retrieval in the \
     studies that we know (see CrossEntropyLoss).",
);

/// The row of `class_weights`.
pub(super) const CLASS_WEIGHTS: Param = Param::new(
    "class_weights",
    Kind::Either(&[Kind::Choice(&["none", "inverse", "log"]), Kind::Float { min: -2.0, max: 2.0 }]),
    Default::Unsaid(Literal::Text("none")),
    "How much a photo counts, by the photos n of its label: \"inverse\" 1/n, \"log\" 1/log(1 + n) (Google Landmark \
     Recognition 2020 1st), a number the power of n (-0.4: Shopee 2021 2nd). Only ratios within a batch count. \
     \"none\": all alike.",
);

/// How much a photo counts.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum ClassWeights {
    /// By a rule with a name.
    Named(NamedWeights),
    /// The power of the label's count.
    Power(f64),
}

/// The rules that have names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NamedWeights {
    /// All alike.
    None,
    /// `1 / n`.
    Inverse,
    /// `1 / ln(1 + n)`.
    Log,
}

impl ClassWeights {
    /// The weight of a class with so many photos; `None` when all are alike. A class without photos counts as one of one.
    fn of(self, count: u32) -> Option<f64> {
        let n = f64::from(count.max(1));
        match self {
            ClassWeights::Named(NamedWeights::None) => None,
            ClassWeights::Named(NamedWeights::Inverse) => Some(1.0 / n),
            ClassWeights::Named(NamedWeights::Log) => Some(1.0 / n.ln_1p()),
            ClassWeights::Power(power) => Some(n.powf(power)),
        }
    }
}

/// The label as an aim: how much of it is spread, and the weight of each class.
#[derive(Clone, Debug)]
pub(in crate::learn::loss) struct Aim {
    label_smoothing: f64,
    /// `[n]`; `None` when all classes count alike.
    weights: Option<Vec<f64>>,
}

impl Aim {
    /// From what the settings say; `counts`: photos of each class, `[n]`.
    pub(super) fn new(label_smoothing: Option<f64>, weights: Option<ClassWeights>, counts: &[u32]) -> Aim {
        let weights = weights.and_then(|rule| counts.iter().map(|&count| rule.of(count)).collect());
        Aim { label_smoothing: label_smoothing.unwrap_or(0.0), weights }
    }

    /// `Σ_i w_i (log Σ_j exp(z_ij) − z_i,class) / Σ_i w_i`, with the maximum taken out of the exponent; `w_i` is the weight
    /// of row i's class.
    ///
    /// With `label_smoothing` ε the target is `(1 − ε)` at the class plus `ε/n` everywhere, and each class's share of it
    /// has its own weight, as in PyTorch.
    ///
    /// `logits` `[b, n]`; every class must be below n.
    pub(super) fn loss(&self, logits: &Tensor, classes: &[u32]) -> CandleResult<Tensor> {
        let log_softmax = candle_nn::ops::log_softmax(logits, D::Minus1)?; // [b, n]
        let target = log_softmax.gather(&column(classes, logits.device())?, 1)?; // [b, 1]
        let spread = self.label_smoothing;
        let Some(weights) = &self.weights else {
            let aim = match spread {
                0.0 => target,
                _ => ((target * (1.0 - spread))? + (log_softmax.mean_keepdim(D::Minus1)? * spread)?)?,
            };
            return aim.mean_all()?.neg();
        };
        let tensor = |values: Vec<f64>, shape: (usize, usize)| {
            Tensor::from_vec(values, shape, logits.device())?.to_dtype(logits.dtype())
        };
        let rows: Vec<f64> = classes.iter().map(|&class| weights[class as usize]).collect();
        let sum: f64 = rows.iter().sum();
        let target = (target * tensor(rows, (classes.len(), 1))?)?.sum_all()?;
        let aim = match spread {
            0.0 => target,
            _ => {
                let share = spread / weights.len() as f64;
                let all = log_softmax.broadcast_mul(&tensor(weights.clone(), (1, weights.len()))?)?.sum_all()?;
                ((target * (1.0 - spread))? + (all * share)?)?
            }
        };
        (aim * (-1.0 / sum))?.reshape(())
    }
}
