//! The network of a fold before its first step, and how pictures come to it.
//!
//! Takes `[backbone]` and the weights that it names; gives the network with its weights and [`Sight`], and what is to be told of them:
//! how many tensors were taken, what was left out, what pictures they expect.

use super::{seed, symptoms};
use crate::dag::Event;
use crate::learn::backbone::hub::Expected;
use crate::learn::backbone::{self, Settings};
use crate::learn::ops::{Network, Params};
use crate::session::brew::graph::decode;
use crate::session::project::weights::{self, Sight};
use crate::session::stages::Bench;
use crate::session::{SessionError, Slot};

/// The network of a recipe, untrained or with the weights it names.
pub(in crate::session::stages) struct Model {
    pub network: Box<dyn Network>,
    pub params: Params,
    pub sight: Sight,
    pub notes: Vec<String>,
}

/// What a network is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::session::stages) enum Purpose {
    /// An artefact: the weights must be there.
    Artefact,
    /// A trial of its speed, which does without weights that are not fetched.
    Trial,
}

/// The network of a fold, with the weights that `[backbone]` names.
///
/// # Errors
/// When the weights are not there, or are of another network.
pub(in crate::session::stages) fn model(
    bench: &Bench<'_>,
    slot: Slot,
    purpose: Purpose,
) -> Result<Model, SessionError> {
    let settings: Settings = decode(bench.recipe, "backbone")?;
    let preset = backbone::preset(&settings.name)?;
    let seed = seed(bench.recipe, slot);
    let (network, mut params) = backbone::build(&settings, seed)?;
    let mut notes = Vec::new();
    let weights = bench.project.weights(&settings)?;
    if let Some(weights) = &weights {
        let name = weights::shown(weights, &bench.project.root);
        match &weights.file {
            Some(file) => {
                let loaded = backbone::load(file, &mut params)?;
                notes.push(format!("{name}: {} tensors taken", loaded.taken));
                notes.extend(loaded.left_out);
                let expected = weights::in_words(&weights.expected);
                notes.push(match weights.described {
                    true => format!("pictures by their own: {expected}"),
                    false => symptoms::guessed(&name, &expected),
                });
            }
            None if purpose == Purpose::Trial => {}
            None => return Err(SessionError::Unfit(format!("{name} is not in the hub's cache any more"))),
        }
    }
    let expected = weights.as_ref().map_or_else(|| Expected::of(preset), |weights| weights.expected.clone());
    let mut sight = Sight::of(bench.recipe, &expected, weights.is_some())?;
    sight.evaluation = bench.photos.with_boxes(bench.project, sight.evaluation)?;
    Ok(Model { network, params, sight, notes })
}

/// Tells what is to be known about a network's weights.
pub(in crate::session::stages) fn tell_notes(bench: &Bench<'_>, notes: Vec<String>) {
    for text in notes {
        (bench.tell)(if symptoms::is_one(&text) { Event::Warning { text } } else { Event::Note { text } });
    }
}
