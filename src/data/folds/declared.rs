//! `[folds]`: the schemes that a recipe may name.

use crate::book::technique::{Body, Default, Kind, Literal, Param, Section, Status, Technique};

/// The `[folds]` table of a recipe.
pub const SECTIONS: &[&Section] = &[&Section {
    name: "folds",
    about: "Which labelled photos are learnt from and which are held out to examine the model.",
    body: Body::OneOfOr {
        tag: "scheme",
        slot: "folds",
        default: Literal::Table(&[("scheme", Literal::Text("holdout"))]),
    },
    status: Status::Built,
}];

/// The schemes.
pub const TECHNIQUES: &[&Technique] = &[&HOLDOUT, &STRATIFIED, &COLUMN, &GIVEN, &GROUP, &STRATIFIED_GROUP];

const SEED: Param =
    Param::new("seed", Kind::Int { min: 0, max: i64::MAX }, Default::Is(Literal::Int(0)), "Seed of the shuffle.");
const K: Param = Param::new("k", Kind::Int { min: 2, max: 100 }, Default::Is(Literal::Int(5)), "Number of folds.");
const LADDER: Param = Param::new(
    "ladder",
    Kind::List { of: &Kind::Table(RUNG), min: 1, max: 10 },
    Default::Absent,
    "Rungs that a recipe climbs, lowest first (smoke: one fold, 2 epochs; holdout: one fold; full: all folds; seeds: all folds by \
     three seeds). Changes no result.",
);
const RUNG: &[Param] = &[
    Param::new("rung", Kind::Text, Default::Required, "Name of the rung."),
    Param::new("folds", Kind::Int { min: 1, max: 100 }, Default::Absent, "Folds on this rung (all)."),
    Param::new("epochs", Kind::Int { min: 1, max: 100_000 }, Default::Absent, "Epochs on this rung (all)."),
    Param::new("seeds", Kind::Int { min: 1, max: 32 }, Default::Absent, "Seeds of each fold on this rung (one)."),
    Param::new(
        "keep",
        Kind::Int { min: 1, max: 1000 },
        Default::Absent,
        "At most so many recipes go on from this rung in `toji brew`, beside the pin (all that may still win).",
    ),
];
const VALUES: Kind = Kind::Either(&[Kind::Text, Kind::List { of: &Kind::Text, min: 1, max: 1000 }]);

const HOLDOUT: Technique = Technique {
    name: "holdout",
    slot: "folds",
    about: "One fold: a fraction of every label is held out.",
    details: "Of every label the same fraction of photos is held out, give or take one photo, as \
              train_test_split(stratify=label) does. Fast, for early recipes; stratified uses every photo once.",
    params: &[
        Param::new(
            "fraction",
            Kind::Float { min: 0.01, max: 0.9 },
            Default::Is(Literal::Float(0.2)),
            "Part of the photos that is held out.",
        ),
        SEED,
        LADDER,
    ],
    source: "scikit-learn, train_test_split with stratify",
    status: Status::Built,
};

const STRATIFIED: Technique = Technique {
    name: "stratified",
    slot: "folds",
    about: "k folds with the same share of every label in each.",
    details: "Every photo is held out in exactly one fold. The photos of a label are spread so that no two folds \
              differ by more than one, and neither do the sizes of the folds, as in StratifiedKFold. For \
              competitions whose test labels occur in training. A label with one photo is held out once: there it \
              can be found by nobody and only distracts; the report counts such labels.",
    params: &[K, SEED, LADDER],
    source: "scikit-learn, StratifiedKFold(shuffle=True)",
    status: Status::Built,
};

const COLUMN: Technique = Technique {
    name: "column",
    slot: "folds",
    about: "A column of the tables says which photos are held out.",
    details: "With train and eval, one fold: photos whose value is in train are learnt from, those whose value is in \
              eval are held out, others are not used. Without them every value of the column is a fold of its own, \
              held out once while the others are learnt from, in the order of the numbers, or of the names.",
    params: &[
        Param::new("column", Kind::Text, Default::Required, "The column."),
        Param::new("train", VALUES, Default::Absent, "Values of the photos to learn from."),
        Param::new("eval", VALUES, Default::Absent, "Values of the photos to hold out."),
        LADDER,
    ],
    source: "scikit-learn, PredefinedSplit",
    status: Status::Built,
};

const GIVEN: Technique = Technique {
    name: "given",
    slot: "folds",
    about: "One fold: the tables' own training, query and gallery photos.",
    details: "Learns from all training photos and examines on the labelled query and gallery photos of the tables. \
              Needs protocol.kind = \"given\" in toji.toml and labels on those photos.",
    params: &[LADDER],
    source: "open-metric-learning, the is_query and is_gallery columns",
    status: Status::Built,
};

const GROUP: Technique = Technique {
    name: "group",
    slot: "folds",
    about: "k folds that never share a label (or another column's value).",
    details: "For competitions whose test labels never occur in training.",
    params: &[
        K,
        SEED,
        Param::new("column", Kind::Text, Default::Absent, "The column that must not be cut (the label)."),
        LADDER,
    ],
    source: "scikit-learn, GroupKFold",
    status: Status::Later,
};

const STRATIFIED_GROUP: Technique = Technique {
    name: "stratified-group",
    slot: "folds",
    about: "As group, with the shares of the other label level kept.",
    details: "Groups are spread so that every fold has about the same share of each coarse label.",
    params: &[K, SEED, Param::new("column", Kind::Text, Default::Absent, "The column that must not be cut."), LADDER],
    source: "scikit-learn, StratifiedGroupKFold",
    status: Status::Later,
};
