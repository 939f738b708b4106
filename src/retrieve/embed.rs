//! A network over pictures: one embedding a photo.
//!
//! Takes batches from any iterator and a closure that runs the network on one of them; gives
//! [`Embeddings`] in the order of the batches. The closure keeps this folder free of how pictures
//! are decoded and what a network is made of. Each row is checked as it comes, so that a broken
//! photo is named at once and not after an hour.

use super::{Embeddings, RetrieveError};
use crate::base::cancel::Cancelled;
use crate::base::{Cancel, Progress};

/// Version of the algorithm, for keys.
pub const VERSION: u32 = 1;

/// Runs `network` over all batches: each item is the batch's photos (indices into the manifest)
/// with whatever the network takes; the network gives their rows, `[photos, dim]` row-major.
/// `total` photos are expected (0 when unknown); it is used for progress only.
///
/// # Errors
/// What the batches or the network give; a row count that does not fit, a number that is not
/// finite (its photo is named), a photo that comes twice; a stop between two batches.
pub fn embed<B, E>(
    dim: usize,
    total: usize,
    batches: impl IntoIterator<Item = Result<(Vec<u32>, B), E>>,
    mut network: impl FnMut(B) -> Result<Vec<f32>, E>,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Embeddings, E>
where
    E: From<RetrieveError> + From<Cancelled>,
{
    let mut all = Embeddings {
        dim,
        photos: Vec::with_capacity(total),
        // Twice the memory at the end, while a growing vector is copied, is what this avoids.
        data: Vec::with_capacity(total * dim),
    };
    progress.at("embed", 0, total as u64, "photos");
    for batch in batches {
        cancel.check()?;
        let (photos, input) = batch?;
        let rows = network(input)?;
        let part = Embeddings::new(dim, photos, rows)?;
        all.photos.extend_from_slice(&part.photos);
        all.data.extend_from_slice(&part.data);
        progress.at("embed", all.len() as u64, total as u64, "photos");
    }
    all.check()?;
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::progress::Silent;

    fn run(batches: Vec<Vec<u32>>, cancel: &Cancel) -> Result<Embeddings, RetrieveError> {
        let input = batches.into_iter().map(|photos| Ok((photos.clone(), photos)));
        // A network that knows each photo's number and its square, and fails on photo 13.
        let network = |photos: Vec<u32>| {
            Ok(photos.iter().flat_map(|&p| [p as f32, if p == 13 { f32::NAN } else { (p * p) as f32 }]).collect())
        };
        embed(2, 3, input, network, &Silent, cancel)
    }

    #[test]
    fn rows_stay_with_their_photos() {
        let all = run(vec![vec![5, 2], vec![9]], &Cancel::new()).unwrap();
        assert_eq!((all.photos, all.data), (vec![5, 2, 9], vec![5.0, 25.0, 2.0, 4.0, 9.0, 81.0]));
    }

    #[test]
    fn a_broken_photo_is_named_and_a_stop_is_heard() {
        let broken = run(vec![vec![5], vec![2, 13]], &Cancel::new()).unwrap_err();
        assert!(broken.to_string().starts_with("photo 13 has NaN"), "{broken}");
        let twice = run(vec![vec![5], vec![2, 5]], &Cancel::new()).unwrap_err();
        assert!(twice.to_string().starts_with("photo 5 is embedded twice"), "{twice}");
        let cancel = Cancel::new();
        cancel.cancel();
        assert!(matches!(run(vec![vec![5]], &cancel), Err(RetrieveError::Cancelled(_))));
    }
}
