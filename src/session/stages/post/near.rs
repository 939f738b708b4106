//! Who is near whom before the first step that ranks: searches that several steps read, each an artefact of its own.
//!
//! Takes one training's embeddings after the steps that change them; gives the neighbours of queries and gallery together (the graph that
//! k-reciprocal and diffusion walk), of the queries in the gallery, or of both among the labelled photos. A search is dear where a step on its
//! lists is cheap, so that a changed parameter asks for none. It is made as deep as the next of a few round numbers, so that another k
//! as a rule finds it, too.

use std::path::Path;

use super::chain::{self, Chain};
use crate::base::{Key, Value};
use crate::dag::Stage;
use crate::retrieve::rerank::{self, Needs};
use crate::retrieve::{Embeddings, Near, RetrieveError, Sides, index};
use crate::session::stages::{Bench, Made, Task};
use crate::session::{SessionError, Slot};

/// Depths that searches are made to.
const DEPTHS: [usize; 9] = [10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

/// The file of one list of neighbours; of two, that of the queries'.
const FILE: &str = "neighbours.safetensors";
/// The file of the gallery's neighbours, where there are two.
const GALLERY: &str = "gallery.safetensors";

/// Among whom is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Among {
    /// Queries and gallery together, each photo among all.
    Union,
    /// Queries in the gallery.
    Gallery,
    /// Queries and gallery, each among the labelled photos.
    Labelled,
}

impl Among {
    const ALL: [Among; 3] = [Among::Union, Among::Gallery, Among::Labelled];

    fn words(self) -> &'static str {
        match self {
            Among::Union => "of all photos",
            Among::Gallery => "in the gallery",
            Among::Labelled => "among labelled photos",
        }
    }

    /// How many neighbours steps read here.
    pub(super) fn wanted(self, needs: &Needs) -> Option<usize> {
        match self {
            Among::Union => needs.graph,
            Among::Gallery => needs.gallery,
            Among::Labelled => needs.labelled,
        }
    }
}

/// The next of the round depths.
fn depth(wanted: usize) -> usize {
    DEPTHS.into_iter().find(|depth| *depth >= wanted).unwrap_or(wanted)
}

/// The searches that a chain reads, with what each costs in pairs of photos; `embeddings` is what is ranked.
pub(in crate::session) fn stages(chain: &Chain, embeddings: Key) -> Vec<(Among, Stage, f64)> {
    let needs = Needs::of(&chain.steps, chain.k);
    let (queries, gallery, labelled) = chain.sizes;
    let mut found = Vec::new();
    for among in Among::ALL {
        let Some(wanted) = among.wanted(&needs) else { continue };
        let mut stage = Stage::new("neighbours", index::VERSION)
            .part(format!("{} {}", chain.slot, among.words()))
            .setting("among", Value::Text(among.words().to_owned()))
            .setting("k", Value::Int(depth(wanted) as i64))
            .input("embeddings", embeddings);
        if let (Among::Labelled, Some(read)) = (among, chain.labelled) {
            // Labels change no neighbour, but without one a photo is none of the labelled.
            stage = stage.input("photos", read.photos);
            if chain.steps.iter().all(|step| step.ranks()) {
                stage = stage.input("training photos", read.embedded);
            }
        }
        let pairs = match among {
            Among::Union => (queries + gallery) * (queries + gallery),
            Among::Gallery => queries * gallery,
            Among::Labelled => (queries + gallery) * labelled,
        };
        found.push((among, stage, pairs));
    }
    found
}

pub(in crate::session::stages) fn make<'a>(
    bench: &'a Bench<'a>,
    slot: Slot,
    among: Among,
) -> Result<Made<'a>, SessionError> {
    let k = bench.graph.stage(Task::Near { slot, among })?.settings.get("k").and_then(Value::as_int).unwrap_or(1);
    let (k, sides) = (k as usize, chain::ranked_sides(bench, slot)?);
    let (name, progress) = (slot.to_string(), "neighbours");
    let progress = bench.progress(progress, &name);
    let search = |rows: &Embeddings, all: &Embeddings| index::neighbours(rows, all, k, &progress, bench.cancel);
    let found = match among {
        Among::Union => vec![rerank::graph(&sides.queries, &sides.gallery, k, &progress, bench.cancel)?],
        Among::Gallery => vec![search(&sides.queries, &sides.gallery)?],
        Among::Labelled => {
            let Some(labelled) = &sides.labelled else {
                return Err(SessionError::Unfit("there are no labelled photos to search among".to_owned()));
            };
            vec![search(&sides.queries, &labelled.embeddings)?, search(&sides.gallery, &labelled.embeddings)?]
        }
    };
    Ok(Made::new(move |folder: &Path| {
        for (found, file) in found.iter().zip([FILE, GALLERY]) {
            found.save(&folder.join(file))?;
        }
        Ok(())
    }))
}

/// What was searched for a training's chain, as far as the step that asks needs it.
pub(super) fn load(bench: &Bench<'_>, slot: Slot, sides: &Sides, needs: &Needs) -> Result<Near, SessionError> {
    let mut near = Near::default();
    for among in Among::ALL.into_iter().filter(|among| among.wanted(needs).is_some()) {
        if bench.graph.place(Task::Near { slot, among }).is_none() {
            continue;
        }
        let folder = bench.folder(Task::Near { slot, among })?;
        let read = |file: &str, rows: usize| -> Result<index::Neighbours, RetrieveError> {
            index::Neighbours::load(&folder.join(file), rows)
        };
        match among {
            Among::Union => near.graph = Some(read(FILE, sides.queries.len() + sides.gallery.len())?),
            Among::Gallery => near.gallery = Some(read(FILE, sides.gallery.len())?),
            Among::Labelled => {
                let rows = sides.labelled.as_ref().map_or(0, |labelled| labelled.labels.len());
                near.labelled = Some([read(FILE, rows)?, read(GALLERY, rows)?]);
            }
        }
    }
    Ok(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depths_are_round() {
        assert_eq!([1, 10, 11, 100, 101, 9999].map(depth), [10, 10, 20, 100, 200, 9999]);
    }
}
