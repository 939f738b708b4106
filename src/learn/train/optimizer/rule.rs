//! The optimisers that make a step by themselves, as one value: settings, memory, pass.
//!
//! A rule more is a file of its own and an arm in each of the matches here.

use rayon::prelude::*;
use serde::Deserialize;

use super::adamw::{self, AdamW};
use super::lion::{self, Lion};
use super::sgd::{self, Sgd};

/// Floats per piece of work: large enough to be worth a thread, and a function of nothing.
pub(super) const PIECE: usize = 1 << 15;

/// The settings of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(tag = "name")]
pub enum RuleSettings {
    /// See [`adamw::ADAMW`].
    AdamW(AdamW),
    /// See [`sgd::SGD`].
    #[serde(rename = "SGD")]
    Sgd(Sgd),
    /// See [`lion::LION`].
    Lion(Lion),
}

impl RuleSettings {
    /// The base learning rate, before the schedule.
    pub fn lr(&self) -> f64 {
        match self {
            RuleSettings::AdamW(AdamW { lr, .. })
            | RuleSettings::Sgd(Sgd { lr, .. })
            | RuleSettings::Lion(Lion { lr, .. }) => *lr,
        }
    }

    /// The names of what is remembered about each number, as PyTorch's state has it in short: two at most.
    pub(super) fn parts(&self) -> &'static [&'static str] {
        match self {
            RuleSettings::AdamW(_) => &["m", "v"],
            RuleSettings::Sgd(Sgd { momentum: 0.0, .. }) => &[],
            RuleSettings::Sgd(_) => &["momentum"],
            RuleSettings::Lion(_) => &["m"],
        }
    }
}

/// One step of one group.
#[derive(Clone, Copy)]
pub(super) enum Rule {
    AdamW(adamw::Pass),
    Sgd(sgd::Pass),
    Lion(lion::Pass),
}

impl Rule {
    /// `steps` that the group makes with this one, from 1; every gradient is multiplied by `scale` first.
    pub(super) fn new(settings: &RuleSettings, lr: f64, decays: bool, steps: usize, scale: f64) -> Rule {
        match settings {
            RuleSettings::AdamW(adamw) => Rule::AdamW(adamw.pass(lr, decays, steps, scale)),
            RuleSettings::Sgd(sgd) => Rule::Sgd(sgd.pass(lr, decays, scale)),
            RuleSettings::Lion(lion) => Rule::Lion(lion.pass(lr, decays, scale)),
        }
    }

    /// The whole tensor, piece by piece.
    pub(super) fn run(self, w: &mut [f32], g: &[f32], [a, b]: &mut [Vec<f32>; 2]) {
        if w.len() <= PIECE {
            return self.piece(w, g, a, b);
        }
        match (a.is_empty(), b.is_empty()) {
            (false, false) => w
                .par_chunks_mut(PIECE)
                .zip(g.par_chunks(PIECE))
                .zip(a.par_chunks_mut(PIECE).zip(b.par_chunks_mut(PIECE)))
                .for_each(|((w, g), (a, b))| self.piece(w, g, a, b)),
            (false, true) => w
                .par_chunks_mut(PIECE)
                .zip(g.par_chunks(PIECE))
                .zip(a.par_chunks_mut(PIECE))
                .for_each(|((w, g), a)| self.piece(w, g, a, &mut [])),
            _ => w.par_chunks_mut(PIECE).zip(g.par_chunks(PIECE)).for_each(|(w, g)| self.piece(w, g, &mut [], &mut [])),
        }
    }

    fn piece(self, w: &mut [f32], g: &[f32], a: &mut [f32], b: &mut [f32]) {
        match self {
            Rule::AdamW(pass) => pass.piece(w, g, a, b),
            Rule::Sgd(pass) => pass.piece(w, g, a),
            Rule::Lion(pass) => pass.piece(w, g, a),
        }
    }
}
