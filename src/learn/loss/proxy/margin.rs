//! How wide the gap should be: one margin for all, one that grows with the epochs, or one for each class by its photos.
//!
//! Takes `margin` as a recipe has it, a number or a table; gives the margin of each row of a batch. Rare labels get wide
//! margins and frequent ones narrow, as the winners of two long-tailed competitions had it (haqishen's Google Landmark
//! Recognition 2020 3rd place, knshnb's HappyWhale 1st place); growing margins are Shopee 2021's first place.

use std::f64::consts::PI;

use serde::Deserialize;

use crate::base::Value;
use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::learn::loss::Moment;

/// `margin`, as it is decoded.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Margin {
    /// The same for all.
    Fixed(f64),
    /// By the photos of each class.
    ByCount(ByCount),
    /// Wider from epoch to epoch.
    Growing(Growing),
}

/// A margin for each class by its photos `n`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum ByCount {
    /// See [`MINMAX`].
    MinMax {
        /// Of the count.
        power: f64,
        /// Margin of the class with the least value.
        least: f64,
        /// What the class with the greatest value has more.
        span: f64,
    },
    /// See [`POWER`].
    Power {
        /// Before the power.
        coefficient: f64,
        /// Of the count.
        power: f64,
        /// Added to it.
        offset: f64,
    },
}

/// A margin that grows linearly and then stays.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Growing {
    /// In the first batch.
    pub from: f64,
    /// From epoch `epochs` on.
    pub to: f64,
    /// How long it grows.
    pub epochs: f64,
}

/// How many epochs the margin of a `[loss]` grows, the longest of a list of losses; `None` where none does. One that shrinks does not.
pub fn grows_until(loss: &Value) -> Option<f64> {
    let own = loss.get("margin").and_then(|margin| margin.decode::<Growing>().ok());
    let inner = if let Some(Value::List(losses)) = loss.get("losses") { &losses[..] } else { &[] };
    let own = own.filter(|margin| margin.to > margin.from).map(|margin| margin.epochs);
    own.into_iter().chain(inner.iter().filter_map(grows_until)).reduce(f64::max)
}

/// In what a loss measures its margin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// An angle: numbers are degrees, rules by count give radians, as the winners' do.
    Angle,
    /// A piece of a cosine, which has no unit.
    Cosine,
}

/// The margins of a training.
#[derive(Clone, Debug)]
pub(super) enum Margins {
    Fixed(f64),
    Growing(Growing),
    /// `[n]`.
    PerClass(Vec<f64>),
}

impl Margins {
    /// In radians for an angle. `counts`: photos of each class, `[n]`.
    pub(super) fn new(margin: &Margin, measure: Measure, counts: &[u32]) -> Margins {
        let unit = |x: f64| if measure == Measure::Angle { x.to_radians() } else { x };
        match margin {
            Margin::Fixed(margin) => Margins::Fixed(unit(*margin)),
            Margin::Growing(Growing { from, to, epochs }) => {
                Margins::Growing(Growing { from: unit(*from), to: unit(*to), epochs: *epochs })
            }
            Margin::ByCount(rule) => {
                let most = if measure == Measure::Angle { PI } else { f64::INFINITY };
                Margins::PerClass(rule.margins(counts).into_iter().map(|margin| margin.min(most)).collect())
            }
        }
    }

    /// The margin of each row, `[b]`.
    pub(super) fn of_rows(&self, classes: &[u32], at: Moment) -> Vec<f64> {
        match self {
            Margins::Fixed(margin) => vec![*margin; classes.len()],
            Margins::Growing(Growing { from, to, epochs }) => {
                vec![from + (to - from) * (at.epoch / epochs).clamp(0.0, 1.0); classes.len()]
            }
            Margins::PerClass(margins) => classes.iter().map(|&class| margins[class as usize]).collect(),
        }
    }
}

impl ByCount {
    /// The margin of each class. A class without photos counts as one of one.
    fn margins(&self, counts: &[u32]) -> Vec<f64> {
        let powers = |power: f64| counts.iter().map(move |&n| f64::from(n.max(1)).powf(power));
        match *self {
            ByCount::Power { coefficient, power, offset } => powers(power).map(|p| coefficient * p + offset).collect(),
            ByCount::MinMax { power, least, span } => {
                let low = powers(power).fold(f64::INFINITY, f64::min);
                let high = powers(power).fold(f64::NEG_INFINITY, f64::max);
                // Where all have the same count there is nothing to tell them apart by: the middle.
                let place = |p: f64| if high > low { (p - low) / (high - low) } else { 0.5 };
                powers(power).map(|p| place(p) * span + least).collect()
            }
        }
    }
}

/// What `margin` may be where it is an angle.
pub(super) const ANGLE: Kind =
    Kind::Either(&[DEGREES, Kind::OneOf { tag: "kind", slot: "margin" }, Kind::Table(ANGLE_GROWTH)]);
/// What `margin` may be where it is a piece of a cosine.
pub(super) const COSINE: Kind =
    Kind::Either(&[PIECE, Kind::OneOf { tag: "kind", slot: "margin" }, Kind::Table(COSINE_GROWTH)]);

const DEGREES: Kind = Kind::Float { min: 0.0, max: 180.0 };
const PIECE: Kind = Kind::Float { min: 0.0, max: 2.0 };
const EPOCHS: Param = Param::new(
    "epochs",
    Kind::Float { min: 1e-3, max: 10_000.0 },
    Default::Required,
    "How long it grows; then it stays.",
)
.unit("epochs");
const ANGLE_GROWTH: &[Param] = &[
    Param::new("from", DEGREES, Default::Required, "Margin in the first batch.").unit("degrees"),
    Param::new("to", DEGREES, Default::Required, "Margin from epoch `epochs` on.").unit("degrees"),
    EPOCHS,
];
const COSINE_GROWTH: &[Param] = &[
    Param::new("from", PIECE, Default::Required, "Margin in the first batch."),
    Param::new("to", PIECE, Default::Required, "Margin from epoch `epochs` on."),
    EPOCHS,
];

/// A power of the count, stretched between two margins.
pub const MINMAX: Technique = Technique {
    name: "minmax",
    slot: "margin",
    about: "A margin for each label by its photos: the rarest gets the widest, the most frequent the narrowest.",
    details: "A label with n training photos gets n^power; over all labels these are stretched so that the smallest \
becomes 0 and the largest 1, and the margin is span times that, plus least. With the defaults a label of one photo has \
0.05 + 0.45 = 0.5, the most frequent one 0.05. In ArcFaceLoss and SubCenterArcFaceLoss these are radians (0.5 is 28.6 \
degrees), in CosFaceLoss pieces of the cosine.

Why it helps: a rare label has few photos that could hold its place, so it needs a wide gap to generalise; a frequent \
one has photos that truly differ, and a wide gap would only ask for the impossible. Google Landmark Recognition 2020's \
third place took the defaults with SubCenterArcFaceLoss and scale 80. Write-ups call margins by count a major boost on \
long tails and hardly visible on balanced data.

Fails where the counts say nothing: when labels have nearly equal counts, noise in them is stretched over the whole \
span. Then use a number. When all counts are equal, every label gets the middle, least + span / 2.",
    params: &[
        Param::new(
            "power",
            Kind::Float { min: -4.0, max: 0.0 },
            Default::Is(Literal::Float(-0.25)),
            "Power of the count; nearer to 0 is flatter for the frequent labels.",
        ),
        Param::new(
            "least",
            Kind::Float { min: 0.0, max: 3.0 },
            Default::Is(Literal::Float(0.05)),
            "Margin of the most frequent label.",
        )
        .unit("radians, or cosine"),
        Param::new(
            "span",
            Kind::Float { min: 0.0, max: 3.0 },
            Default::Is(Literal::Float(0.45)),
            "What the rarest label has more.",
        )
        .unit("radians, or cosine"),
    ],
    source: "haqishen/Google-Landmark-Recognition-2020-3rd-Place-Solution; Ha et al. 2020, arXiv 2010.05350",
    status: Status::Built,
};

/// A power of the count, as it is.
pub const POWER: Technique = Technique {
    name: "power",
    slot: "margin",
    about: "A margin for each label by its photos: coefficient times a power of the count, plus an offset.",
    details: "A label with n training photos gets the margin coefficient * n^power + offset: with the defaults 0.32 for \
one photo, 0.17 for ten, 0.10 for a hundred. Unlike minmax it does not depend on which labels are the rarest and the \
most frequent, so that a margin stays when photos of other labels come or go. In ArcFaceLoss and SubCenterArcFaceLoss \
these are radians (0.32 is 18.4 degrees; more than 180 degrees are cut there), in CosFaceLoss pieces of the cosine.

The defaults are HappyWhale 2022's first place, found by a search on a small network with small pictures (EfficientNet \
B0 at 256 pixels; coefficient 0.2 to 1, power -0.8 to -0.05) that carried over to the large ones; with two sub-centers \
and scale 20.9588. Fails as every margin does when labels are wrong: the rare ones, which have the widest gap here, suffer \
first.",
    params: &[
        Param::new(
            "coefficient",
            Kind::Float { min: 0.0, max: 10.0 },
            Default::Is(Literal::Float(0.27126)),
            "Margin of a label with one photo, without the offset.",
        )
        .unit("radians, or cosine"),
        Param::new(
            "power",
            Kind::Float { min: -4.0, max: 0.0 },
            Default::Is(Literal::Float(-0.364399)),
            "Power of the count.",
        ),
        Param::new(
            "offset",
            Kind::Float { min: 0.0, max: 3.0 },
            Default::Is(Literal::Float(0.05)),
            "Added for every label.",
        )
        .unit("radians, or cosine"),
    ],
    source: "knshnb/kaggle-happywhale-1st-place, config/default.yaml and src/train.py",
    status: Status::Built,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_a_margin_grows() {
        let of = |text: &str| grows_until(&serde_json::from_str(text).unwrap());
        let growing = r#"{"name": "ArcFaceLoss", "margin": {"from": 5.0, "to": 25.0, "epochs": 4.0}}"#;
        assert_eq!(of(growing), Some(4.0));
        assert_eq!(of(r#"{"name": "CosFaceLoss", "margin": {"from": 0.4, "to": 0.1, "epochs": 4.0}}"#), None);
        assert_eq!(of(r#"{"name": "ArcFaceLoss", "margin": 17.2}"#), None);
        assert_eq!(of(r#"{"name": "ArcFaceLoss", "margin": {"kind": "power"}}"#), None);
        let later = growing.replace("4.0}", "9.5}");
        assert_eq!(
            of(&format!(r#"{{"name": "MultipleLosses", "losses": [{growing}, {later}, {{"name": "AdaCos"}}]}}"#)),
            Some(9.5)
        );
    }
}
