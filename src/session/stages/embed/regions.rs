//! Where a network looks in photos, from its last map.
//!
//! Takes a fold's network and photos that are shown to it whole; gives a region of each, for the table of boxes that augmentation reads.

use std::sync::Arc;

use super::{BATCH, trained};
use crate::base::Progress;
use crate::data::augment::Pipeline;
use crate::data::augment::settings::Size;
use crate::data::batch::{Ahead, Epoch, Loader};
use crate::data::manifest::boxes::Region;
use crate::learn::ops::{OpsError, Tape};
use crate::learn::{Device, backbone};
use crate::retrieve::Embeddings;
use crate::session::brew::graph::decode;
use crate::session::project::weights;
use crate::session::stages::Bench;
use crate::session::{Recipe, SessionError, Slot};

/// A map with fewer rows or columns says nothing of where something is.
const COARSEST: usize = 3;

/// The size at which photos are shown whole to a recipe's networks, to see where they look: `side` pixels square, or twice the size of
/// evaluation, since a box is as fine as the last map.
///
/// # Errors
/// When the network's last map has too few places for a box at that size, known from its shapes alone.
pub(crate) fn watched(recipe: &Recipe, side: Option<usize>) -> Result<Size, SessionError> {
    let usual = weights::evaluation(recipe)?.size();
    let twice = Size { height: 2 * usual.height, width: 2 * usual.width };
    let Size { height, width } = side.map_or(twice, |side| Size { height: side, width: side });
    let (rows, columns) = backbone::last_map(&decode(recipe, "backbone")?, height, width)?;
    if rows < COARSEST || columns < COARSEST {
        let text = format!(
            "the network's last map has {columns} × {rows} places for a picture of {width} × {height}, too few for a box; show it larger ones, with --size"
        );
        return Err(SessionError::Unfit(text));
    }
    Ok(Size { height, width })
}

/// Where one fold's network looks in each of these photos, in their order. It sees them whole, at a size of [`watched`].
pub(crate) fn regions(
    bench: &Bench<'_>,
    slot: Slot,
    places: Vec<u32>,
    size: Size,
) -> Result<Vec<(u32, Region)>, SessionError> {
    let (found, columns) = shares(bench, slot, places, size)?;
    Ok(found.photos.iter().copied().zip(found.rows().map(|shares| backbone::region(shares, columns))).collect())
}

/// How much each place of the last map has to do with what these photos are: a row a photo, and the map's number of columns.
pub(super) fn shares(
    bench: &Bench<'_>,
    slot: Slot,
    places: Vec<u32>,
    size: Size,
) -> Result<(Embeddings, usize), SessionError> {
    let model = trained(bench, slot)?;
    let pipeline = Arc::new(Pipeline::to_size(size));
    let (total, name) = (places.len() as u64, slot.to_string());
    let progress = bench.progress("boxes", &name);
    let ahead = Ahead { threads: bench.project.around.threads, ..Ahead::default() };
    let pictures = bench.photos.pictures(bench.project);
    let walk = Epoch::given(places, BATCH);
    let loader = Loader::start(walk, 0, pictures, pipeline, model.sight.normalization, ahead, bench.cancel)?;
    let mut tape = Tape::eval().at(&bench.project.around.processor);
    let (mut found, mut columns) = (Embeddings::default(), 0);
    for batch in loader {
        bench.cancel.check()?;
        let batch = batch?;
        let photos = batch.photos.clone();
        let images = batch.tensor(&Device::Cpu).map_err(OpsError::from)?;
        let shares = model.network.activation(&model.params, &mut tape, &images)?; // [b, rows, columns]
        columns = shares.dim(2).map_err(OpsError::from)?;
        let rows: Vec<f32> = shares.flatten_all().and_then(|flat| flat.to_vec1()).map_err(OpsError::from)?;
        found.dim = rows.len() / photos.len().max(1);
        found.photos.extend(photos);
        found.data.extend(rows);
        progress.at("boxes", found.len() as u64, total, "photos");
    }
    Ok((found, columns))
}
