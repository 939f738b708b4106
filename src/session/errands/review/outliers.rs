//! Training photos that lie far from where most photos of their label lie: mostly wrong labels.
//!
//! Takes a recipe that was trained with SubCenterArcFaceLoss; embeds each fold's training photos by the fold's network (or
//! finds that in the store) and gives those whose angle to their label's dominant sub-center is above a threshold, the
//! farthest first. As pytorch-metric-learning's `get_outliers` (Deng et al. 2020, ECCV: over 75 degrees is noise).

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use crate::base::Cancel;
use crate::dag::Event;
use crate::learn::loss;
use crate::learn::loss::proxy::angular::sub_center_arcface::dominant;
use crate::learn::ops::OpsError;
use crate::learn::train::{Checkpoint, Classes};
use crate::learn::{Device, Tensor};
use crate::retrieve::Embeddings;
use crate::session::brew::{self, Manner};
use crate::session::stages::fit::best;
use crate::session::stages::{Task, embed};
use crate::session::{Graph, Photos, Project, Recipe, Rung, SessionError};

/// A photo far from its label's dominant sub-center.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outlier {
    /// The photo's id.
    pub photo: String,
    /// Its file.
    pub file: PathBuf,
    /// Its label.
    pub label: String,
    /// Angle to the dominant sub-center of its label, in degrees; the mean over the folds that trained on it.
    pub angle: f64,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outliers {
    /// Photos whose angle is above the threshold, the farthest first.
    pub outliers: Vec<Outlier>,
    /// How many photos were looked at.
    pub photos: usize,
}

/// Finds them. `threshold` in degrees ([`THRESHOLD`](crate::learn::loss::proxy::angular::sub_center_arcface::THRESHOLD) is the
/// library's); `rung` says which folds are asked.
///
/// # Errors
/// When the recipe has no sub-centers or is not trained up to this rung, or embedding fails.
pub fn outliers(
    project: &Project,
    recipe: &Recipe,
    photos: &Photos,
    rung: &Rung,
    threshold: f64,
    listen: &(dyn Fn(&Event) + Sync),
    cancel: &Cancel,
) -> Result<Outliers, SessionError> {
    let Some(asked) = sub_centers(recipe) else {
        let text = format!(
            "{} has no SubCenterArcFaceLoss by the scored label, and only its sub-centers tell outliers",
            recipe.book.file.display()
        );
        return Err(SessionError::Unfit(text));
    };
    let trained = |graph: &Graph, slot| -> Result<Option<PathBuf>, SessionError> {
        let Some(fit) = graph.fit(slot) else { return Ok(None) };
        let stage = graph.stage(fit)?;
        let there = project.store.has(stage.name, &stage.artefact());
        Ok(there.then(|| project.store.folder(stage.name, &stage.artefact())).transpose()?)
    };
    let mut graph = Graph::of(project, recipe, photos, rung)?;
    let slots = graph.slots.clone();
    for &slot in &slots {
        if trained(&graph, slot)?.is_none() {
            let text = format!("{slot} is not trained yet: toji run {} --rung {rung}", recipe.name);
            return Err(SessionError::Unfit(text));
        }
    }
    brew::brew(project, recipe, photos, rung, Manner { train: true, ..Manner::default() }, listen, cancel)?;
    graph.add_train(project, recipe, photos)?;

    let all = &photos.manifest.photos;
    let mut angles: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for slot in slots {
        let Some(folder) = trained(&graph, slot)? else { continue };
        let stage = graph.stage(Task::EmbedTrain { slot })?;
        let found = Embeddings::load(&project.store.folder(stage.name, &stage.artefact())?.join(embed::FILE))?;
        let label = |photo: &u32| all.get(*photo as usize).and_then(|photo| photo.label);
        let mut checkpoint = Checkpoint::open(&best::weights(project, recipe, &graph, slot, &folder)?)?;
        let learnt = found.photos.iter().filter_map(label).collect();
        let near = self::angles(&mut checkpoint, &asked, &found, learnt, label)?;
        let near = near.ok_or_else(|| SessionError::Unfit("a training photo has no label".to_owned()))?;
        for (photo, angle) in found.photos.iter().zip(near) {
            angles.entry(*photo).or_default().push(angle);
        }
    }
    let count = angles.len();
    let mean = |angles: &[f64]| angles.iter().sum::<f64>() / angles.len() as f64;
    let far = angles.iter().map(|(photo, angles)| (*photo, mean(angles))).filter(|(_, angle)| *angle > threshold);
    let mut far: Vec<(u32, f64)> = far.collect();
    // Stable: of equal angles the first photo of the tables.
    far.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let told = |(photo, angle): (u32, f64)| {
        let photo = &all[photo as usize];
        let label = photo.label.and_then(|label| photos.manifest.labels.get(label as usize));
        Outlier { photo: photo.id.clone(), file: photo.path.clone(), label: label.cloned().unwrap_or_default(), angle }
    };
    Ok(Outliers { outliers: far.into_iter().map(told).collect(), photos: count })
}

/// The tensor of a recipe's sub-centers and how many a label has; nothing where its loss by the scored label has none.
pub(super) fn sub_centers(recipe: &Recipe) -> Option<(String, usize)> {
    recipe.settings().get("loss").and_then(|table| loss::sub_centers(table).ok().flatten())
}

/// For each photo the angle to the dominant sub-center of its label, in degrees, by a checkpoint that learnt the labels `learnt`; nothing where
/// a photo has none of them.
pub(super) fn angles(
    checkpoint: &mut Checkpoint,
    (tensor, sub_centers): &(String, usize),
    photos: &Embeddings,
    learnt: Vec<u32>,
    label: impl Fn(&u32) -> Option<u32>,
) -> Result<Option<Vec<f64>>, SessionError> {
    let classes = Classes::of(learnt);
    let of_row: Option<Vec<u32>> = photos.photos.iter().map(|photo| classes.class(label(photo)?)).collect();
    let Some(of_row) = of_row else { return Ok(None) };
    let weight = checkpoint.tensor(tensor)?;
    let shape = (photos.len(), photos.dim);
    let rows = Tensor::from_vec(photos.data.clone(), shape, &Device::Cpu).map_err(OpsError::from)?;
    Ok(Some(dominant(&weight, *sub_centers, &rows, &of_row)?.angles))
}
