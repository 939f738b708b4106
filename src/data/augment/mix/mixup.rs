//! MixUp: each picture of a batch is laid over another at a drawn share.
//!
//! Takes α; gives x ← λ x + (1 - λ) x' for the whole batch, λ from Beta(α, α), x' another picture of the batch.
//! Zhang et al. 2017, "mixup: Beyond Empirical Risk Minimization", arXiv 1710.09412; torchvision.transforms.v2.MixUp.

use std::sync::Arc;

use serde::Deserialize;

use super::beta::beta;
use super::{ALPHA, Blend, Mix, P};
use crate::base::seed::Draws;
use crate::book::technique::{Status, Technique};
use crate::data::augment::operation::{Built, Operation, Row, Settings};
use crate::data::augment::settings::{LAST_EPOCHS_OFF, Size};

/// The row of MixUp.
pub const MIX_UP: Row = Row::of::<MixUp>(Technique {
    name: "MixUp",
    slot: "augment",
    about: "Lay each picture of a batch over another, and ask for both labels.",
    details: "For each batch a share λ is drawn from Beta(alpha, alpha) and for each picture a partner from the same batch; the \
        network sees λ · picture + (1 - λ) · partner, and the loss is λ · L(own label) + (1 - λ) · L(partner's label). With alpha = 1 every \
        share is as likely, with 0.2 most pictures stay nearly as they are, with 8 all are about half and half.\n\n\
        It goes last in `train`, after the size is fixed, because it needs a whole batch: [..., { op = \"Resize\", size = [224, 224] }, \
        { op = \"MixUp\", alpha = 0.2, p = 0.5 }]. p counts batches. timm's mixup_alpha, cutmix_alpha, mixup_prob = 0.8 and \
        switch_prob = 0.5 are { op = \"OneOf\", p = 0.8, transforms = [{ op = \"MixUp\", alpha = 0.8, p = 0.5 }, { op = \"CutMix\", p = 0.5 }] }. \
        last_epochs_off = 5 ends with clean pictures.\n\n\
        Between two labels the network then changes gradually instead of suddenly, and learns less by heart: worth points of accuracy \
        when ImageNet is trained from scratch for hundreds of epochs. For retrieval the record is thin: Google Universal Image Embedding 2022's \
        5th place found no gain. Two bottles over each other are no photo that anybody will search for, and a margin loss cannot give one embedding \
        a wide gap to both labels; try a small alpha and compare.\n\n\
        Losses over pairs refuse it: whether two photos show the same thing has no answer in between. A loss that remembers something from batch to \
        batch moves on once, with the own labels. Cost: the loss twice, the network once.",
    params: &[ALPHA, P, LAST_EPOCHS_OFF],
    source: "torchvision 0.29 transforms.v2.MixUp; Zhang et al. 2017, arXiv 1710.09412; timm.data.Mixup",
    status: Status::Built,
});

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MixUp {
    alpha: f64,
}

impl Settings for MixUp {
    fn operation(self, _: &str) -> Built {
        Ok(Arc::new(self))
    }
}

impl Mix for MixUp {
    fn draw(&self, size: Size, draws: &mut Draws) -> Blend {
        let own = beta(self.alpha, draws);
        Blend { rows: 0..size.height, columns: 0..size.width, inside: own as f32, own }
    }
}

impl Operation for MixUp {
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
    use crate::data::augment::golden::distribution;

    #[test]
    fn shares_are_drawn_as_torchvision_draws_them() {
        for (name, alpha) in [("MixUp", 1.0), ("MixUp 0.2", 0.2), ("MixUp 4", 4.0)] {
            let size = Size { height: 40, width: 30 };
            distribution(name, &["lambda"], |draws| vec![MixUp { alpha }.draw(size, draws).own]);
        }
    }
}
