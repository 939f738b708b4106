//! CutMix: a rectangle of each picture of a batch is another picture's.
//!
//! Takes α; draws λ from Beta(α, α) and a centre, and lays the partner's rectangle of 1 - λ of the area there; at the edge it is cut,
//! and λ becomes the share that truly stays. Yun et al. 2019, "CutMix", arXiv 1905.04899; torchvision.transforms.v2.CutMix.

use std::sync::Arc;

use serde::Deserialize;

use super::beta::beta;
use super::{ALPHA, Blend, Mix, P};
use crate::base::seed::Draws;
use crate::book::technique::{Status, Technique};
use crate::data::augment::operation::{Built, Operation, Row, Settings};
use crate::data::augment::settings::{LAST_EPOCHS_OFF, Size};

/// The row of CutMix.
pub const CUT_MIX: Row = Row::of::<CutMix>(Technique {
    name: "CutMix",
    slot: "augment",
    about: "Put a rectangle of another picture of the batch into each, and ask for both labels.",
    details: "For each batch a share λ is drawn from Beta(alpha, alpha), a centre anywhere, and for each picture a partner from the same \
        batch. A rectangle with the sides height · sqrt(1 - λ) and width · sqrt(1 - λ) about the centre shows the partner, at the same place. \
        Where it hangs over the edge it is cut, and λ is set to the share of the picture that stays; the loss is λ · L(own label) + \
        (1 - λ) · L(partner's label). alpha = 1, the paper's and torchvision's, makes every share as likely.\n\n\
        It goes last in `train`, after the size is fixed, because it needs a whole batch: [..., { op = \"CutMix\", p = 0.1 }]. p counts batches. In a \
        OneOf with MixUp each batch gets one of the two.\n\n\
        Unlike MixUp each pixel is that of a real photo, and the network has to know things by a part of them. Shopee 2021's 1st place trained with \
        p = 0.1; in HappyWhale 2022 the 1st place found no gain. The label's share is that of the area: where the rectangle covers the one \
        spot that tells two labels apart, it lies, so that small print and large rectangles do not go together. Take p = 0.1 first.\n\n\
        Losses over pairs refuse it: whether two photos show the same thing has no answer in between. A loss that remembers something from batch to \
        batch moves on once, with the own labels. Cost: the loss twice, the network once.",
    params: &[ALPHA, P, LAST_EPOCHS_OFF],
    source: "torchvision 0.29 transforms.v2.CutMix; Yun et al. 2019, arXiv 1905.04899; Shopee 2021, 1st place",
    status: Status::Built,
});

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CutMix {
    alpha: f64,
}

impl Settings for CutMix {
    fn operation(self, _: &str) -> Built {
        Ok(Arc::new(self))
    }
}

impl Mix for CutMix {
    fn draw(&self, size: Size, draws: &mut Draws) -> Blend {
        let share = beta(self.alpha, draws);
        let half = 0.5 * (1.0 - share).sqrt();
        // The centre's column is drawn before its row.
        let [columns, rows] = [size.width, size.height].map(|side| {
            let (centre, half) = (draws.below(side.max(1) as u64) as usize, (half * side as f64) as usize);
            centre.saturating_sub(half)..(centre + half).min(side)
        });
        let shown = (rows.len() * columns.len()) as f64 / (size.height * size.width).max(1) as f64;
        Blend { rows, columns, inside: 0.0, own: 1.0 - shown }
    }
}

impl Operation for CutMix {
    fn is_random(&self) -> bool {
        true
    }

    fn mix(&self) -> Option<&dyn Mix> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;
    use crate::data::augment::golden::distribution;

    #[test]
    fn boxes_are_drawn_as_torchvision_draws_them() {
        for (name, alpha) in [("CutMix", 1.0), ("CutMix 0.3", 0.3)] {
            let size = Size { height: 40, width: 30 };
            distribution(name, &["lambda", "left", "top", "width", "height"], |draws| {
                let Blend { rows, columns, own, .. } = CutMix { alpha }.draw(size, draws);
                let [left, top] = [columns.start, rows.start].map(|side| side as f64);
                vec![own, left, top, columns.len() as f64, rows.len() as f64]
            });
        }
    }

    #[test]
    fn the_share_is_what_truly_stays() {
        for seed in 0..200 {
            let size = Size { height: 9, width: 16 };
            let Blend { rows, columns, inside, own } = CutMix { alpha: 1.0 }.draw(size, &mut Seed::new(seed).draws());
            assert!(rows.end <= 9 && columns.end <= 16 && inside == 0.0);
            assert!((own - (1.0 - (rows.len() * columns.len()) as f64 / 144.0)).abs() < 1e-12);
        }
    }
}
