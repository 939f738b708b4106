//! Test-time views: what several looks at the same photos agree on.
//!
//! Takes the embeddings of one set of photos, one view after another (mirrored, larger, turned); gives the mean of their unit vectors, itself
//! of unit length: mean, then L2, as Landmark 2019's first place and cirtorch's extraction do. Only the sum is kept, so that memory does not
//! grow with the views.

use super::l2;
use crate::retrieve::{Embeddings, RetrieveError};

/// Views summed so far.
#[derive(Clone, Debug, Default)]
pub struct Views {
    sum: Option<Embeddings>,
    count: usize,
}

impl Views {
    /// Adds a view, in the order of the views: sums have that order.
    ///
    /// # Errors
    /// When it is of other photos or of another dimension.
    pub fn add(&mut self, mut view: Embeddings) -> Result<(), RetrieveError> {
        l2(&mut view);
        self.count += 1;
        let Some(sum) = &mut self.sum else {
            self.sum = Some(view);
            return Ok(());
        };
        if (sum.dim, &sum.photos) != (view.dim, &view.photos) {
            let (expected, found) = (sum.data.len(), view.data.len());
            return Err(RetrieveError::Shape { what: "numbers of a view of the same photos", expected, found });
        }
        sum.data.iter_mut().zip(&view.data).for_each(|(sum, x)| *sum += x);
        Ok(())
    }

    /// Views so far.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The mean, each row of length 1; nothing without a view. A row whose views cancel out stays zero.
    pub fn mean(self) -> Option<Embeddings> {
        let mut mean = self.sum?;
        l2(&mut mean);
        Some(mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_vectors_are_averaged_and_not_raw_ones() {
        let view = |data: &[f32]| Embeddings::new(2, vec![7, 9], data.to_vec()).unwrap();
        let mut views = Views::default();
        assert!(views.clone().mean().is_none());
        // Lengths of 10 and 1 count alike.
        views.add(view(&[10.0, 0.0, 3.0, 4.0])).unwrap();
        views.add(view(&[0.0, 1.0, 3.0, 4.0])).unwrap();
        assert!(views.clone().add(Embeddings::new(2, vec![7, 8], vec![0.0; 4]).unwrap()).is_err());
        assert_eq!(views.count(), 2);
        let mean = views.mean().unwrap();
        let half = 0.5f32.sqrt();
        for (found, expected) in mean.data.iter().zip([half, half, 0.6, 0.8]) {
            assert!((found - expected).abs() < 1e-6, "{mean:?}");
        }
    }
}
