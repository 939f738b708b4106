//! Two photos as one fold's network sees them, place by place.
//!
//! Takes the places of two photos in the manifest; gives what each place of its last map brings to their embeddings, and the pixels that the network
//! was shown: prepared as for evaluation, so that a place of the map is a place of these pictures, whatever was cut off or stretched before.

use std::sync::Arc;

use super::trained;
use crate::data::augment::Normalization;
use crate::data::batch::{Ahead, Batch, Epoch, Loader};
use crate::data::decode::Picture;
use crate::learn::Device;
use crate::learn::ops::{OpsError, Places, Tape};
use crate::session::stages::Bench;
use crate::session::{SessionError, Slot};

/// What the network makes of the two, and what it saw. On the CPU, whatever trains: two pictures are not worth waking a card for.
///
/// # Errors
/// When the training is not in the store, a photo cannot be decoded, or on a stop.
pub(in crate::session) fn two(
    bench: &Bench<'_>,
    slot: Slot,
    photos: [u32; 2],
) -> Result<(Places, [Picture; 2]), SessionError> {
    let model = trained(bench, slot)?;
    let pipeline = Arc::new(model.sight.evaluation.clone());
    let walk = Epoch::given(photos.to_vec(), 2);
    let (pictures, normalization) = (bench.pictures()?, model.sight.normalization);
    let mut loader = Loader::start(walk, 0, pictures, pipeline, normalization, Ahead::default(), bench.cancel)?;
    let none = || SessionError::Unfit("two photos gave no batch; this is a fault of Toji".to_owned());
    let batch = loader.next().ok_or_else(none)??;
    let seen = [0, 1].map(|i| shown(&batch, i, &normalization));
    let images = batch.tensor(&Device::Cpu).map_err(OpsError::from)?;
    let found = model.network.places(&model.params, &mut Tape::eval(), &images)?;
    Ok((found, seen))
}

/// A picture of a batch as it was before it was normalised.
fn shown(batch: &Batch, i: usize, normalization: &Normalization) -> Picture {
    let plane = batch.h * batch.w;
    let value = |at: usize| {
        let channel = at % 3;
        let x = batch.images.get((3 * i + channel) * plane + at / 3).copied().unwrap_or(0.0);
        ((x * normalization.std[channel] + normalization.mean[channel]) * 255.0).round().clamp(0.0, 255.0) as u8
    };
    Picture { width: batch.w as u32, height: batch.h as u32, rgb: (0..3 * plane).map(value).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_normalised_is_the_picture_again() {
        let rgb = |seed: u8| (0..4 * 3 * 3).map(|i| (i as u8).wrapping_mul(37).wrapping_add(seed)).collect::<Vec<u8>>();
        let pictures = [rgb(3), rgb(90)].map(|rgb| Picture { width: 4, height: 3, rgb });
        let mut images = vec![0.0; 2 * 36];
        for (picture, out) in pictures.iter().zip(images.chunks_exact_mut(36)) {
            Normalization::IMAGENET.write(picture, out);
        }
        let batch = Batch { images, photos: vec![5, 2], mixed: None, b: 2, h: 3, w: 4 };
        assert_eq!([0, 1].map(|i| shown(&batch, i, &Normalization::IMAGENET)), pictures);
    }
}
