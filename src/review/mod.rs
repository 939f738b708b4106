//! Embeddings and pictures → suspects: photos worth a look before another night of training.
//!
//! ```text
//!   pictures ── measures, hashes ──┬─ quality, copies ─┐
//!   embeddings out of fold ────────┼─ labels, classes ─┼─▶ Suspect: kind, score, reason, proposal
//!   where the network looks, crops ┴─ objects ─────────┘
//! ```
//!
//! - [`measures`]: one look at each picture, in cleanvision's numbers, kept by content; [`quality`]: what these numbers say.
//! - [`copies`]: photos that are there twice, contradict each other, or lie on both sides of a fence. Needs no training.
//! - [`labels`]: neighbours and confident learning out of fold, against the given labels.
//! - [`objects`]: several objects in a photo, small ones; [`classes`]: labels that are worth a look.
//!
//! Each list is ranked, each suspect says why it is one, and nothing is decided here: a person keeps, drops, relabels, crops
//! or groups, and that is written down in `edits.csv` ([`crate::data::manifest::edits`]).

pub mod classes;
pub mod copies;
pub mod labels;
pub mod measures;
pub mod objects;
pub mod quality;

use serde::{Deserialize, Serialize};

use crate::data::manifest::boxes::Region;

/// What is suspected of a photo or a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The label is wrong.
    WrongLabel,
    /// The photo is there twice, or nearly so.
    Duplicate,
    /// Copies of one photo lie in parts that must not share any: train and query, two folds.
    Leak,
    /// There are several objects in it.
    SeveralObjects,
    /// The object takes little of it.
    SmallObject,
    /// Too dark.
    Dark,
    /// Too bright.
    Light,
    /// Out of focus, or moved.
    Blurry,
    /// Far smaller or larger than the others.
    OddSize,
    /// Far longer than wide, or the other way round.
    OddAspectRatio,
    /// Nearly empty.
    LowInformation,
    /// Lies on its side or head: the file says so, and not everybody listens.
    Turned,
    /// The only photo of its label.
    SinglePhoto,
    /// Two labels that are taken for each other.
    LookAlike,
    /// A label whose photos fall into two heaps.
    TwoClusters,
}

impl Kind {
    /// All, in the order in which they are shown.
    pub const ALL: [Kind; 15] = [
        Kind::WrongLabel,
        Kind::Duplicate,
        Kind::Leak,
        Kind::SeveralObjects,
        Kind::SmallObject,
        Kind::Dark,
        Kind::Light,
        Kind::Blurry,
        Kind::OddSize,
        Kind::OddAspectRatio,
        Kind::LowInformation,
        Kind::Turned,
        Kind::SinglePhoto,
        Kind::LookAlike,
        Kind::TwoClusters,
    ];

    /// The name in commands and on screens: cleanvision's where it has one.
    pub fn name(self) -> &'static str {
        match self {
            Kind::WrongLabel => "wrong-label",
            Kind::Duplicate => "duplicate",
            Kind::Leak => "leak",
            Kind::SeveralObjects => "several-objects",
            Kind::SmallObject => "small-object",
            Kind::Dark => "dark",
            Kind::Light => "light",
            Kind::Blurry => "blurry",
            Kind::OddSize => "odd-size",
            Kind::OddAspectRatio => "odd-aspect-ratio",
            Kind::LowInformation => "low-information",
            Kind::Turned => "turned",
            Kind::SinglePhoto => "single-photo",
            Kind::LookAlike => "look-alike",
            Kind::TwoClusters => "two-clusters",
        }
    }

    /// The kind of that name.
    pub fn named(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What could be done about it, for a person to decide.
#[derive(Clone, Debug, PartialEq)]
pub enum Proposal {
    /// Only a look.
    Look,
    /// Leave the photo out.
    Drop,
    /// Another label, an index into the manifest's.
    Relabel(u32),
    /// Only this part of it.
    Crop(Region),
    /// Keep all of them in one fold.
    Group,
}

/// A photo (or a label, by one of its photos) that is worth a look.
#[derive(Clone, Debug, PartialEq)]
pub struct Suspect {
    /// Of what.
    pub kind: Kind,
    /// Its place in the manifest.
    pub photo: u32,
    /// Others that it is about: the rest of its cluster, the neighbours that disagree, the other label's photo.
    pub with: Vec<u32>,
    /// 0 to 1, larger for the more suspect; comparable within one list only.
    pub score: f64,
    /// Whether it is over the list's own threshold; those below are ranked too.
    pub is_over: bool,
    /// Why, in words.
    pub reason: String,
    /// What could be done.
    pub proposal: Proposal,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_found_by_their_names() {
        for (place, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(Kind::named(kind.name()), Some(kind));
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{}\"", kind.name()));
            assert_eq!(Kind::ALL.iter().position(|other| *other == kind), Some(place));
        }
        assert_eq!(Kind::named("nonsense"), None);
    }
}
