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
pub const TECHNIQUES: &[&Technique] =
    &[&HOLDOUT, &K_FOLD, &STRATIFIED, &GROUP, &STRATIFIED_GROUP, &MIXED, &COLUMN, &GIVEN];

const SEED: Param =
    Param::new("seed", Kind::Int { min: 0, max: i64::MAX }, Default::Is(Literal::Int(0)), "Seed of the shuffle.");
const K: Param = Param::new("k", Kind::Int { min: 2, max: 100 }, Default::Is(Literal::Int(5)), "Number of folds.");
const REPEATS: Param = Param::new(
    "repeats",
    Kind::Int { min: 1, max: 100 },
    Default::Unsaid(Literal::Int(1)),
    "How often all is drawn, each time by other draws of the same seed. The folds of the second time follow those of \
     the first, which stay what they are without this key.",
);
const TOGETHER: Param = Param::new(
    "together",
    VALUES,
    Default::Absent,
    "Columns of the tables: photos with an equal value (one product, one seller, one photo session) stay in one part. An \
     empty value joins nobody.",
);
const COPIES: Param = Param::new(
    "copies",
    Kind::Choice(&["together", "apart"]),
    Default::Unsaid(Literal::Text("together")),
    "Photos with the same bytes: they stay in one part (together), or are dealt out like any others (apart).",
);
const NEAR: Param = Param::new(
    "near",
    Kind::Int { min: 0, max: 8 },
    Default::Absent,
    "Photos that look alike stay in one part too: those whose perceptual hashes (imagehash.phash, 64 bits) differ in at \
     most so many bits. 0: equal hashes, as cleanvision calls near duplicates; up to 5 a picture that was saved anew or \
     shrunk (Krawetz). Photos of different things under one light may look alike too: the page counts how many were \
     joined, and with more than one label. Without the key only equal bytes count, since every photo must be decoded once \
     for it; what was looked at is remembered.",
)
.unit("bits");
const LADDER: Param = Param::new(
    "ladder",
    Kind::List { of: &Kind::Table(RUNG), min: 1, max: 10 },
    Default::Absent,
    "Rungs that a recipe climbs, lowest first (smoke: one fold, 2 epochs; holdout: one fold; full: all folds; seeds: all folds by \
     three seeds). Changes no result of a higher rung.",
);
const RUNG: &[Param] = &[
    Param::new("rung", Kind::Text, Default::Required, "Name of the rung."),
    Param::new("folds", Kind::Int { min: 1, max: 100 }, Default::Absent, "Folds on this rung (all)."),
    Param::new("epochs", Kind::Int { min: 1, max: 100_000 }, Default::Absent, "Epochs on this rung (all)."),
    Param::new(
        "images",
        Kind::Int { min: 16, max: 10_000_000 },
        Default::Absent,
        "Photos to learn from on this rung, of every label the same share, drawn by the folds' seed (all). A training of its own: the \
         next rung begins anew, so it pays where the data are large.",
    )
    .unit("photos"),
    Param::new(
        "seeds",
        Kind::Int { min: 1, max: 32 },
        Default::Unsaid(Literal::Int(1)),
        "Seeds of each fold on this rung.",
    ),
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
              train_test_split(stratify=label) does. Fast, for early recipes; stratified uses every photo once. With \
              repeats, so many folds of their own, as StratifiedShuffleSplit: a photo may be held out in several.\n\n\
              Copies of one photo stay on one side. A set of copies larger than what is held out of its label is learnt \
              from.",
    params: &[
        Param::new(
            "fraction",
            Kind::Float { min: 0.01, max: 0.9 },
            Default::Is(Literal::Float(0.2)),
            "Part of the photos that is held out.",
        ),
        SEED,
        REPEATS,
        TOGETHER,
        COPIES,
        NEAR,
        LADDER,
    ],
    source: "scikit-learn, train_test_split with stratify",
    status: Status::Built,
};

const K_FOLD: Technique = Technique {
    name: "k-fold",
    slot: "folds",
    about: "k folds by chance, whatever the labels are.",
    details: "All photos are shuffled and dealt out; every photo is held out in exactly one fold, and the sizes of the \
              folds differ by one at most. A rare label may be missing from a fold's training, or from its examination. \
              As a rule stratified is better: take this to see what stratification does.",
    params: &[K, SEED, REPEATS, TOGETHER, COPIES, NEAR, LADDER],
    source: "scikit-learn, KFold(shuffle=True); RepeatedKFold",
    status: Status::Built,
};

const STRATIFIED: Technique = Technique {
    name: "stratified",
    slot: "folds",
    about: "k folds with the same share of every label in each.",
    details: "Every photo is held out in exactly one fold. The photos of a label are spread so that no two folds \
              differ by more than one, and neither do the sizes of the folds, as in StratifiedKFold. For \
              competitions whose test labels occur in training. A label with one photo is held out once: there it \
              can be found by nobody and only distracts; in the other folds it is learnt from. The page counts such \
              labels.\n\nPhotos with the same bytes, and groups of together, stay in one fold, also where they have \
              different labels; then the shares are as even as that allows.",
    params: &[K, SEED, REPEATS, TOGETHER, COPIES, NEAR, LADDER],
    source: "scikit-learn, StratifiedKFold(shuffle=True); RepeatedStratifiedKFold",
    status: Status::Built,
};

const GROUP: Technique = Technique {
    name: "group",
    slot: "folds",
    about: "k folds that never share a label (or another column's value).",
    details: "For competitions whose test labels never occur in training (open-set): all photos of a label are held out \
              together, so the network is examined on things that it has never seen, as it will be. The score is lower \
              than under stratified, and it is the honest one there; choosing by stratified folds would reward what \
              knows the training labels by heart. Every photo is held out in exactly one fold. Large labels are dealt \
              out first, each to the fold with the fewest photos, those of about the same size in an order that the \
              seed draws. A label with one photo only distracts where it is held out.\n\nWith column, the values of \
              that column are held out whole instead, such as sellers or places; labels may then be on both sides. Photos \
              without a value are groups of their own.\n\nSteps that ask what label a training photo has (label-aware \
              re-ranking, votes, class scores) have nothing to say where no label recurs, and are refused.",
    params: &[
        K,
        SEED,
        Param::new("column", Kind::Text, Default::Absent, "The column that must not be cut (the label)."),
        REPEATS,
        TOGETHER,
        COPIES,
        NEAR,
        LADDER,
    ],
    source: "scikit-learn, GroupKFold",
    status: Status::Built,
};

const STRATIFIED_GROUP: Technique = Technique {
    name: "stratified-group",
    slot: "folds",
    about: "As group, with the shares of the other label level kept.",
    details: "No label is in two folds, and every fold has about the same share of each coarse label: groups with the most \
              uneven coarse labels go first, each to the fold where the spread of all shares grows least. Given the same \
              order of groups it is StratifiedGroupKFold number for number; the seed draws the order of groups that are \
              equally uneven. For open-set competitions whose categories differ in hardness, so that no fold gets all of \
              the hard ones (Google Universal Image Embedding 2022, 5th).\n\nWith column, other groups are held out \
              whole, and the shares of the labels are kept; by names another column for the shares.",
    params: &[
        K,
        SEED,
        Param::new("column", Kind::Text, Default::Absent, "The column that must not be cut (the label)."),
        Param::new(
            "by",
            Kind::Text,
            Default::Absent,
            "The column whose shares are kept (the coarse label; with column, the label).",
        ),
        REPEATS,
        TOGETHER,
        COPIES,
        NEAR,
        LADDER,
    ],
    source: "scikit-learn, StratifiedGroupKFold",
    status: Status::Built,
};

const MIXED: Technique = Technique {
    name: "mixed",
    slot: "folds",
    about: "k folds in which a stated share of the examined labels was never learnt.",
    details: "For competitions where some of the test's labels are new (half-open). Some labels are held out whole, each in \
              one fold, as under group; the others are spread over all folds, as under stratified. How many are whole \
              follows from open and k: with the part x of the labels whole, each fold examines x / k of all labels whole \
              and the other 1 - x in part, so x = open k / (1 + open (k - 1)). With open = 0.3 and k = 5 it is 68 % of the \
              labels. Every photo is held out in exactly one fold. Labels with one photo are spread with the others and \
              count in neither share; the page says what share came out.",
    params: &[
        K,
        SEED,
        Param::new(
            "open",
            Kind::Float { min: 0.01, max: 0.99 },
            Default::Required,
            "Share of the labels in a fold's examination that training never saw; what the host's test is thought to have.",
        ),
        REPEATS,
        TOGETHER,
        COPIES,
        NEAR,
        LADDER,
    ],
    source: "between scikit-learn's StratifiedKFold and GroupKFold; HappyWhale 2022's new individuals",
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
