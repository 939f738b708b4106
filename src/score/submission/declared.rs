//! `[final]`: whose networks answer the host.

use serde::{Deserialize, Serialize};

use crate::base::Value;
use crate::base::value::DecodeError;
use crate::book::technique::{Body, Default as Standard, Kind, Literal, Param, Section, Status};

/// The `[final]` table of a recipe.
pub const SECTIONS: &[&Section] = &[&Section {
    name: "final",
    about: "Who answers the host's queries in a submission: the networks of cross-validation, one that learns from every labelled photo, or \
            all of them. Changes no score and no training of the folds.",
    body: Body::Optional(&[
        Param::new(
            "fit",
            Kind::Choice(&["folds", "all-data", "both"]),
            Standard::Is(Literal::Text("folds")),
            "folds: the network of each fold that the rung trains; what cross-validation measured is what answers, and several networks \
             forgive each other's faults. all-data: one more training, on every labelled photo, the held-out ones too; a fifth more photos \
             and, with folds by label, labels that no fold's network has seen. Nobody examines it: it has no score of its own, and the \
             local one is that of the folds. both: all of them. Embedding the host's photos costs once for each network; `toji plan --host` \
             shows it. With one fold (holdout) all-data is the usual way to the last submission; with five, the folds' networks together \
             beat it as a rule, and both costs little more.",
        ),
        Param::new(
            "epochs",
            Kind::Int { min: 1, max: 100_000 },
            Standard::Absent,
            "After how many epochs the training on all labelled photos ends, on the schedule of [train]. Without it as many as the folds' \
             trainings; with load_best_model_at_end the median of the epochs that were best on the folds.",
        )
        .unit("epochs"),
        Param::new(
            "combine",
            Kind::Choice(&["concat", "mean"]),
            Standard::Is(Literal::Text("concat")),
            "How the networks' embeddings, each divided by its length, become one. concat: side by side, so that the cosine of two photos is \
             the mean of the networks' cosines; right for any networks, and as long as all of them together. mean: their sum, divided by its \
             length; as short and as fast to search as one network's. A mean asks that the networks agree on what each direction means, \
             which holds for networks that began with the same weights and moved little, and not for networks trained from scratch: \
             compare both on the leaderboard. (Averaging embeddings of different models failed at Google Universal Image Embedding 2022, 1st place.)",
        ),
    ]),
    status: Status::Built,
}];

/// Which trainings answer the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answering {
    /// Those of the folds.
    #[default]
    Folds,
    /// One on every labelled photo.
    AllData,
    /// All of these.
    Both,
}

/// How the embeddings of several networks become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Combine {
    /// Side by side, each divided by its length.
    #[default]
    Concat,
    /// Their sum, each divided by its length.
    Mean,
}

/// `[final]` as it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Final {
    /// Which trainings answer.
    #[serde(default)]
    pub fit: Answering,
    /// Where the training on every labelled photo ends.
    #[serde(default)]
    pub epochs: Option<usize>,
    /// How several answers become one.
    #[serde(default)]
    pub combine: Combine,
}

impl Final {
    /// The settings of a canonical `[final]` table; the usual ones without it.
    ///
    /// # Errors
    /// When the table does not fit, which the declared rows should have caught.
    pub fn of(table: Option<&Value>) -> Result<Final, DecodeError> {
        table.map_or_else(|| Ok(Final::default()), Value::decode)
    }

    /// Whether one training learns from every labelled photo.
    pub fn has_all_data(&self) -> bool {
        self.fit != Answering::Folds
    }

    /// Whether the folds' trainings answer.
    pub fn has_folds(&self) -> bool {
        self.fit != Answering::AllData
    }
}
