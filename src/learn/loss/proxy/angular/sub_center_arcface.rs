//! Sub-center ArcFace: several directions per class, of which a photo needs to find one.
//!
//! Takes embeddings and K directions per class; a class's cosine is that of its nearest direction, and from there on it is
//! ArcFace (Deng et al. 2020, ECCV, "Sub-center ArcFace"). As pytorch-metric-learning's `SubCenterArcFaceLoss`. After
//! training the head tells which photos lie far from the direction that most of their class chose: [`dominant`].

use candle_core::{D, DType, Result as CandleResult, Tensor};
use serde::Deserialize;

use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::learn::loss::proxy::aim::{CLASS_WEIGHTS, ClassWeights, LABEL_SMOOTHING};
use crate::learn::loss::proxy::classify::{Classifier, INIT_STD, numbers, scale, with_target};
use crate::learn::loss::proxy::margin::{self, Margin, Margins, Measure};
use crate::learn::loss::sum::multiple::LABEL;
use crate::learn::loss::{Build, Loss, LossError, Size, Targets};

use super::arcface::turned;

/// See [`ROW`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `m`.
    pub margin: Margin,
    /// `s`, which multiplies the cosines.
    pub scale: f64,
    /// `K`, directions of each class.
    pub sub_centers: usize,
    /// Deviation of the head's first values.
    pub init_std: f64,
    /// Share of the target's probability that is spread over all classes.
    pub label_smoothing: Option<f64>,
    /// How much a photo of each class counts.
    pub class_weights: Option<ClassWeights>,
}

/// Several directions per label.
pub const ROW: Technique = Technique {
    name: "SubCenterArcFaceLoss",
    slot: "loss",
    about: "ArcFaceLoss with several directions per label, so that odd and wrongly labelled photos do no harm.",
    details: "Each label has sub_centers vectors. A photo is compared with all of them, and a label's cosine is the \
largest of its own: cos(t_j) = max_k cos(t_jk). With these the loss is ArcFaceLoss, margin and scale as there.

One vector mostly draws the clean photos of a label, the others take what does not fit: another side of the bottle, the \
inside of a landmark, and wrong labels. In ArcFaceLoss all of them would pull at the one direction. The head is \
sub_centers times as large, and so is its part of a step.

sub_centers: 3 is the library's and the paper's. Google Landmark Recognition 2020's third place: 3 with scale 80 and \
margin = { kind = \"minmax\" }; Google Landmark 2021's first place: 17.2 degrees (0.3 rad) and scale 45; HappyWhale 2022's \
first place: 2 with scale 20.9588 and margin = { kind = \"power\" }. margin and scale: the defaults 28.6 and 64 are made for \
faces; start with 17.2 and 30. margin may be a table, as in ArcFaceLoss.

After training, photos whose angle to their label's dominant vector (the one that most of its photos chose) is over 75 \
degrees are mostly wrong labels; the paper drops them and trains again with one vector. toji outliers RECIPE lists them.

Fails when labels have few photos, so that each gets a vector of its own and nothing pulls them together. With \
frozen features it brought nothing (5th place of the Universal Image Embedding challenge 2022).",
    params: &[
        Param::new(
            "margin",
            margin::ANGLE,
            Default::Is(Literal::Float(28.6)),
            "Angle by which the right label must win; 17.2 is a good start.",
        )
        .unit("degrees"),
        scale(64.0, "Multiplies the cosines before the softmax; 30 is a good start."),
        Param::new("sub_centers", Kind::Int { min: 1, max: 100 }, Default::Is(Literal::Int(3)), "Directions of each label."),
        INIT_STD,
        LABEL_SMOOTHING,
        CLASS_WEIGHTS,
        LABEL,
    ],
    source: "pytorch_metric_learning.losses.SubCenterArcFaceLoss; Deng et al. 2020, ECCV",
    status: Status::Built,
};

impl Build for Settings {
    fn build(self, dimensions: usize, counts: &[u32]) -> Result<Box<dyn Loss>, LossError> {
        let classifier =
            Classifier::new(ROW.name, (dimensions, counts), self.init_std, self.label_smoothing, self.class_weights);
        let classifier = classifier.with_centers(self.sub_centers);
        let (per_class, margins) = (classifier.per_class, Margins::new(&self.margin, Measure::Angle, counts));
        Ok(classifier.loss(move |cosines, batch| {
            let nearest = nearest(&cosines, per_class)?; // [b, n]
            let margins = margins.of_rows(batch.classes, batch.at);
            with_target(&nearest, batch.classes, |target| turned(target, &margins))? * self.scale
        }))
    }
}

/// The largest cosine of each class, `[b, n]`, from those of all directions, `[b, n · K]`. With equal ones the first
/// has the gradient, as in PyTorch.
fn nearest(cosines: &Tensor, per_class: usize) -> CandleResult<Tensor> {
    let (b, rows) = cosines.dims2()?;
    let grouped = cosines.reshape((b, rows / per_class, per_class))?;
    let place = grouped.detach().argmax_keepdim(D::Minus1)?; // [b, n, 1]
    grouped.gather(&place, 2)?.squeeze(2)
}

/// pytorch-metric-learning's threshold for [`Dominant::outliers`], in degrees.
pub const THRESHOLD: f64 = 75.0;

/// Where photos lie beside the direction that most of their class chose.
#[derive(Clone, Debug, PartialEq)]
pub struct Dominant {
    /// Which of its directions most photos of a class are nearest to, `[n]`, `0..K`; `None` for a class without photos.
    pub centers: Vec<Option<usize>>,
    /// Angle of each photo to its class's dominant direction, `[rows]`, in degrees.
    pub angles: Vec<f64>,
}

impl Dominant {
    /// The photos further away than `threshold` degrees, in their order ([`THRESHOLD`] is the library's).
    pub fn outliers(&self, threshold: f64) -> Vec<usize> {
        (0..self.angles.len()).filter(|&row| self.angles[row] > threshold).collect()
    }
}

/// The angle of every training photo to the dominant direction of its class, after training; large ones are mostly
/// wrong labels. pytorch-metric-learning's `SubCenterArcFaceLoss.get_outliers`.
///
/// `weight` `[n · K, d]` is the head (`loss.weight` in the checkpoint), `sub_centers` its `K`, `embeddings` `[rows, d]`
/// (not normalised) with one class below n each.
///
/// # Errors
/// When shapes or classes do not fit.
pub fn dominant(
    weight: &Tensor,
    sub_centers: usize,
    embeddings: &Tensor,
    classes: &[u32],
) -> Result<Dominant, LossError> {
    let candle = |source| LossError::Candle { loss: ROW.name, source };
    let (rows, dimensions) = weight.dims2().map_err(candle)?;
    if sub_centers == 0 || rows % sub_centers != 0 {
        return Err(LossError::Centers { loss: ROW.name, rows, sub_centers });
    }
    let size = Size { dimensions, classes: rows / sub_centers };
    size.check(ROW.name, embeddings, &Targets::new(classes))?;
    let unit = |rows: &Tensor| -> CandleResult<Vec<f64>> {
        let mut numbers = numbers(&rows.to_dtype(DType::F64)?)?;
        for row in numbers.chunks_mut(size.dimensions) {
            let length = row.iter().map(|x| x * x).sum::<f64>().sqrt().max(1e-12);
            row.iter_mut().for_each(|x| *x /= length);
        }
        Ok(numbers)
    };
    let (weight, embeddings) = (unit(weight).map_err(candle)?, unit(embeddings).map_err(candle)?);
    let d = size.dimensions;
    let cosine = |row: usize, center: usize| {
        let direction = &weight[center * d..(center + 1) * d];
        embeddings[row * d..(row + 1) * d].iter().zip(direction).map(|(a, b)| a * b).sum::<f64>()
    };
    // The first of equal ones, as torch.argmax has it.
    let first_largest = |values: &mut dyn Iterator<Item = f64>| {
        values.enumerate().fold((0, f64::NEG_INFINITY), |best, (k, x)| if x > best.1 { (k, x) } else { best }).0
    };
    let mut votes = vec![vec![0usize; sub_centers]; size.classes];
    for (row, &class) in classes.iter().enumerate() {
        let own = (0..sub_centers).map(|k| cosine(row, class as usize * sub_centers + k));
        votes[class as usize][first_largest(&mut { own })] += 1;
    }
    let chosen =
        |votes: &Vec<usize>| votes.iter().any(|&n| n > 0).then(|| first_largest(&mut votes.iter().map(|&n| n as f64)));
    let centers: Vec<Option<usize>> = votes.iter().map(chosen).collect();
    let angle = |(row, &class): (usize, &u32)| {
        let center = class as usize * sub_centers + centers[class as usize].unwrap_or(0);
        cosine(row, center).clamp(-1.0, 1.0).acos().to_degrees()
    };
    let angles = classes.iter().enumerate().map(angle).collect();
    Ok(Dominant { centers, angles })
}
