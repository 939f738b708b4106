//! `[train] freeze`: which layers do not learn, and until when.
//!
//! Takes the recipe's word and the names of a network's tensors; gives the last frozen layer. Everything from the pictures
//! up to it is frozen, so that no gradient has to go there.

use std::collections::BTreeSet;

use super::{TrainError, TrainSettings};
use crate::learn::loss::HEAD;
use crate::learn::ops::{Layer, Network, Params};

/// Which layers do not learn, and for how many optimiser steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frozen {
    /// This layer and all before it.
    pub up_to: Layer,
    /// Optimiser steps for which it holds; `usize::MAX` for ever.
    pub steps: usize,
}

impl Frozen {
    /// What a recipe asks for; `params` are the network's (their values do not matter), `updates` the steps of an epoch.
    ///
    /// # Errors
    /// When the network has no such part, or `unfreeze_at` has nothing to do.
    pub fn of(
        settings: &TrainSettings,
        network: &dyn Network,
        params: &Params,
        updates: usize,
    ) -> Result<Option<Frozen>, TrainError> {
        let problem = |problem: String| Err(TrainError::Freeze(problem));
        let (word, epochs) = match (&settings.freeze, settings.unfreeze_at) {
            (None, None) => return Ok(None),
            (None, Some(_)) => {
                return problem(
                    "unfreeze_at without freeze: name what is frozen until then, or leave it out".to_owned(),
                );
            }
            (Some(_), Some(epochs)) if epochs >= settings.epochs => {
                return problem(format!(
                    "unfreeze_at = {epochs}, but the training has {} epochs: leave it out to keep everything frozen",
                    settings.epochs
                ));
            }
            (Some(word), epochs) => (word.as_str(), epochs),
        };
        let names = || params.iter().map(|(_, name, ..)| name).filter(|name| !name.starts_with(HEAD));
        let up_to = match word {
            "stem" => Some(Layer::Stem),
            "backbone" => Some(Layer::Pooled),
            part => names()
                .filter(|name| name.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
                .map(|name| network.layer(name))
                .max(),
        };
        match up_to {
            Some(up_to) if up_to < Layer::Neck => {
                Ok(Some(Frozen { up_to, steps: epochs.map_or(usize::MAX, |epochs| epochs * updates) }))
            }
            Some(_) => problem(format!("freeze = {word:?} would leave nothing that learns; \"backbone\" is the most")),
            None => {
                let parts: BTreeSet<(Layer, &str)> = names()
                    .map(|name| (network.layer(name), stage(name)))
                    .filter(|(layer, _)| matches!(layer, Layer::Block(..)))
                    .collect();
                let mut parts: Vec<&str> = parts.into_iter().map(|(_, part)| part).collect();
                parts.dedup();
                problem(format!(
                    "this network has no part {word:?} to freeze up to; it has \"stem\", {}, \"backbone\"",
                    parts.join(", ")
                ))
            }
        }
    }

    /// Whether a tensor of the network is among them; the loss's never is.
    pub fn holds(&self, network: &dyn Network, name: &str) -> bool {
        !name.starts_with(HEAD) && network.layer(name) <= self.up_to
    }
}

/// The beginning of a name up to its first number: `layer1`, `stages.0`, `blocks.11`.
fn stage(name: &str) -> &str {
    let mut end = 0;
    for part in name.split('.') {
        end += part.len();
        if part.contains(|c: char| c.is_ascii_digit()) {
            return &name[..end];
        }
        end += 1;
    }
    name
}
