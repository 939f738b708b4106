//! A few training photos as they are, and as training would see them.
//!
//! Takes a recipe and the photos of its first fold; decodes some of them, spread evenly, and augments each as
//! often as asked, and mixes the photos of one draw where the recipe mixes batches. For people to look at: the draws are the recipe's own, though not those of any epoch.

use crate::base::{Cancel, Value, files};
use crate::data::augment::geometry::flip::mirrored;
use crate::data::augment::settings::Size;
use crate::data::augment::{Pipeline, Shown, Source};
use crate::data::decode::{Header, Picture, view_bytes};
use crate::data::folds::Fold;
use crate::data::part::part_of_bytes;
use crate::data::view::{Seen, View};
use crate::session::stages::reduce;
use crate::session::{Photos, Project, Recipe, SessionError};

/// One photo before and after.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The photo's place in the manifest.
    pub photo: u32,
    /// The whole photo, its longer side at most that of an augmented picture.
    pub before: Picture,
    /// What training would see, one picture a draw.
    pub after: Vec<Picture>,
}

/// `count` photos of a fold's training set, evenly spread, each drawn `draws` times. A photo that cannot be read is
/// passed over.
///
/// # Errors
/// On a stop, and for mistakes in a table of boxes.
pub fn samples(
    project: &Project,
    recipe: &Recipe,
    photos: &Photos,
    fold: &Fold,
    pipeline: &Pipeline,
    (count, draws): (usize, usize),
    cancel: &Cancel,
) -> Result<Vec<Sample>, SessionError> {
    let pipeline = &photos.with_boxes(project, pipeline.clone())?;
    let reduction = reduce::reduction(recipe)?;
    let flips = recipe.settings().get("train.flip_as_new_class").is_some_and(|flip| *flip == Value::Bool(true));
    let count = count.min(fold.train.len());
    let mut found = Vec::with_capacity(count);
    for slot in 0..count {
        cancel.check()?;
        let photo = fold.train[slot * fold.train.len() / count];
        // Not through the cache of training, which keeps what it decodes: a viewer stays small.
        let file = photos.manifest.file(&project.root, photo);
        // Reduced as training reduces it.
        let view = |size: Header| View { denominator: pipeline.denominator(size.width, size.height), window: None };
        let limits = &project.competition.data.limits;
        let part = photos.manifest.photos[photo as usize].part();
        let Ok(bytes) = files::read(&file) else { continue };
        let seen = match &reduction {
            Some(reduction) => {
                reduction.apply(&bytes, part, limits).and_then(|(kept, _)| view_bytes(&kept, limits, view))
            }
            None => part_of_bytes(&bytes, part, limits, view),
        };
        let Ok(Seen { picture: whole, .. }) = seen else { continue };
        let seed = recipe.seed().named("samples").at(slot as u64);
        let turned = if flips { Some(mirrored(&whole)) } else { None };
        let drawn = |draw: usize| {
            let seed = seed.at(draw as u64);
            let turned = turned.as_ref().filter(|_| seed.named("mirror").draws().chance(0.5));
            let shown = Shown { place: photo, mirrored: turned.is_some() };
            pipeline.picture(Source { picture: turned.unwrap_or(&whole), photo: Some(shown) }, seed)
        };
        let after = (0..draws).map(drawn).collect();
        let size = pipeline.size();
        found.push(Sample { photo, before: shrunk(whole, size.height.max(size.width) as u32), after });
    }
    // The photos of one draw are a batch.
    for draw in 0..draws {
        let seed = recipe.seed().named("samples").named("mix").at(draw as u64);
        if let Some(mixed) = pipeline.mix(found.len(), seed) {
            let batch: Vec<Picture> = found.iter().map(|sample| sample.after[draw].clone()).collect();
            let all = found.iter_mut().zip(mixed.pictures(&batch));
            all.for_each(|(sample, picture)| sample.after[draw] = picture);
        }
    }
    Ok(found)
}

/// The picture with its longer side brought down to `longest` pixels, where it is longer.
pub fn shrunk(picture: Picture, longest: u32) -> Picture {
    let longer = picture.width.max(picture.height);
    if longer <= longest || longest == 0 {
        return picture;
    }
    let side = |n: u32| ((f64::from(n) * f64::from(longest) / f64::from(longer)).round() as usize).max(1);
    let size = Size { height: side(picture.height), width: side(picture.width) };
    Pipeline::to_size(size).picture(&picture, crate::base::Seed::new(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shrinking_keeps_the_shape() {
        let picture = |width: u32, height: u32| Picture { width, height, rgb: vec![7; (width * height * 3) as usize] };
        let size = |p: Picture| (p.width, p.height);
        assert_eq!(size(shrunk(picture(400, 100), 96)), (96, 24));
        assert_eq!(size(shrunk(picture(1, 900), 96)), (1, 96));
        assert_eq!(size(shrunk(picture(40, 30), 96)), (40, 30));
    }
}
