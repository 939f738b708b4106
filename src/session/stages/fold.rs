//! Which photos train and which examine, fold by fold.
//!
//! The split is a function of the manifest, `[folds]` and the protocol in `toji.toml`. It is computed
//! when the graph is made; the artefact writes it down for people and other tools.

use super::{Bench, Made};
use crate::base::{Key, Value, files};
use crate::dag::Stage;
use crate::data::folds;
use crate::session::{Project, Recipe};

/// The stage.
///
/// The division itself is an input besides: it may come from a column of the tables, which is in no other key.
pub fn stage(project: &Project, recipe: &Recipe, data: Key, division: Key) -> Stage {
    let protocol = &project.competition.protocol;
    let mut stage = Stage::new("fold", folds::VERSION).table(recipe.settings(), "folds");
    if let Some(Value::Table(mut own)) = recipe.settings().get("folds").cloned() {
        // How far a recipe is taken changes no division.
        own.remove("ladder");
        stage = stage.setting("folds", Value::Table(own));
    }
    stage = stage
        .setting("protocol.kind", Value::Text(format!("{:?}", protocol.kind)))
        .setting("protocol.seed", Value::Int(protocol.seed as i64));
    // Only what does something, so that a protocol without it has the key that it always had.
    if protocol.unanswered > 0.0 {
        stage = stage.setting("protocol.unanswered", Value::Float(protocol.unanswered));
    }
    if let Some(amount) = project.facts.get("protocol.distractors") {
        stage = stage.setting("protocol.distractors", amount.clone());
        let from = format!("{:?}", protocol.distractors_from).to_lowercase();
        stage = stage.setting("protocol.distractors_from", Value::Text(from));
    }
    stage.input("data", data).input("division", division)
}

pub(super) fn make<'a>(bench: &'a Bench<'a>) -> Made<'a> {
    Made::new(|folder| {
        let photos = &bench.photos.manifest.photos;
        let ids = |places: &[u32]| -> Vec<&str> { places.iter().map(|&i| photos[i as usize].id.as_str()).collect() };
        let folds: Vec<_> = bench
            .graph
            .folds
            .iter()
            .map(|fold| serde_json::json!({ "train": ids(&fold.train), "query": ids(&fold.query), "gallery": ids(&fold.gallery) }))
            .collect();
        let text = serde_json::to_vec(&folds).unwrap_or_default();
        Ok(files::publish(&folder.join("folds.json"), &text)?)
    })
}
