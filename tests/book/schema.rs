//! A small declared table with one of everything, so that these tests hold still when techniques are added.

use toji::book::technique::{Body, Default, Kind, Literal, Param, Schema, Section, Status, Technique};

const CHANCE: Kind = Kind::Float { min: 0.0, max: 1.0 };
const FACTOR: Kind = Kind::Either(&[CHANCE, Kind::List { of: &CHANCE, min: 2, max: 2 }]);

/// The book's own tables and those below.
pub fn schema() -> Schema {
    let own = [&ENSEMBLE, &AUGMENT, &BACKBONE, &LOSS, &TRAIN, &FOLDS, &POST, &EXPORT];
    Schema { sections: toji::book::SECTIONS.iter().copied().chain(own).collect(), techniques: TECHNIQUES.to_vec() }
}

const ENSEMBLE: Section = Section {
    name: "ensemble",
    about: "Several recipes answer together",
    body: Body::Optional(&[
        Param::new(
            "of",
            Kind::List { of: &Kind::Text, min: 2, max: 64 },
            Default::Required,
            "The recipes whose embeddings are joined, relative to this file",
        ),
        Param::new(
            "weights",
            Kind::Either(&[
                Kind::Choice(&["equal", "search"]),
                Kind::List { of: &Kind::Float { min: 0.0, max: 1.0 }, min: 2, max: 64 },
            ]),
            Default::Is(Literal::Text("equal")),
            "One weight a recipe; `search` finds them on the held-out queries",
        ),
    ]),
    status: Status::Later,
};

const AUGMENT: Section = Section {
    name: "augment",
    about: "How pictures are changed in training",
    body: Body::Params(&[Param::new(
        "train",
        OPERATIONS,
        Default::Is(Literal::List(&[Literal::Table(&[("op", Literal::Text("HorizontalFlip"))])])),
        "Operations in order",
    )]),
    status: Status::Built,
};

const OPERATIONS: Kind = Kind::List { of: &Kind::OneOf { tag: "op", slot: "augment" }, min: 1, max: 8 };

const BACKBONE: Section = Section {
    name: "backbone",
    about: "The network",
    body: Body::Params(&[
        Param::new(
            "name",
            Kind::Choice(&["resnet10t", "resnet18", "resnet34"]),
            Default::Is(Literal::Text("resnet18")),
            "timm's name",
        ),
        Param::new("weights", Kind::Text, Default::Is(Literal::Text("none")), "Where the first weights are from"),
        Param::new(
            "pool",
            Kind::OneOf { tag: "kind", slot: "pool" },
            Default::Is(Literal::Table(&[("kind", Literal::Text("gem"))])),
            "How a map becomes a vector",
        ),
        Param::new(
            "embedding",
            Kind::Int { min: 1, max: 4096 },
            Default::Is(Literal::Int(256)),
            "Width of the embedding",
        ),
        Param::new("freeze", Kind::Bool, Default::Is(Literal::Bool(false)), "Whether it stays as it is"),
    ]),
    status: Status::Built,
};

const LOSS: Section = Section {
    name: "loss",
    about: "What the embedding is trained with",
    body: Body::OneOf { tag: "name", slot: "loss", unless: "" },
    status: Status::Built,
};

const TRAIN: Section = Section {
    name: "train",
    about: "How long and how fast",
    body: Body::Params(&[
        Param::new("epochs", Kind::Int { min: 1, max: 1000 }, Default::Required, "How often each photo is seen")
            .unit("epochs"),
        Param::new("batch", Kind::Int { min: 2, max: i64::MAX }, Default::Is(Literal::Int(64)), "Photos a step"),
        Param::new(
            "optimizer",
            Kind::OneOf { tag: "name", slot: "optimizer" },
            Default::Is(Literal::Table(&[("name", Literal::Text("AdamW")), ("lr", Literal::Float(0.002))])),
            "How weights follow gradients",
        ),
        Param::new("schedule", Kind::OneOf { tag: "name", slot: "schedule" }, Default::Absent, "How the rate moves"),
        Param::new(
            "eval",
            Kind::Table(&[Param::new(
                "every",
                Kind::Int { min: 1, max: 100 },
                Default::Is(Literal::Int(1)),
                "Epochs between two",
            )
            .unit("epochs")]),
            Default::Is(Literal::Table(&[])),
            "When it is scored",
        ),
    ]),
    status: Status::Built,
};

const FOLDS: Section = Section {
    name: "folds",
    about: "What is held out",
    body: Body::OneOfOr {
        tag: "scheme",
        slot: "folds",
        default: Literal::Table(&[("scheme", Literal::Text("holdout"))]),
    },
    status: Status::Built,
};

const POST: Section = Section {
    name: "post",
    about: "What happens to embeddings before the search",
    body: Body::Params(&[Param::new(
        "steps",
        Kind::List { of: &Kind::OneOf { tag: "op", slot: "post" }, min: 0, max: 16 },
        Default::Is(Literal::List(&[Literal::Table(&[("op", Literal::Text("l2"))])])),
        "Steps in order",
    )]),
    status: Status::Built,
};

const EXPORT: Section = Section {
    name: "export",
    about: "What is written beside the results",
    body: Body::Optional(&[Param::new("folder", Kind::Text, Default::Required, "Where")]),
    status: Status::Built,
};

const TECHNIQUES: &[&Technique] = &[
    &technique("HorizontalFlip", "augment", &[P]),
    &technique(
        "RandomResizedCrop",
        "augment",
        &[
            Param::new(
                "size",
                Kind::List { of: &Kind::Int { min: 8, max: 4096 }, min: 2, max: 2 },
                Default::Required,
                "Height and width",
            )
            .unit("pixels"),
            Param::new(
                "scale",
                Kind::List { of: &CHANCE, min: 2, max: 2 },
                Default::Is(Literal::List(&[Literal::Float(0.08), Literal::Float(1.0)])),
                "Share of the area",
            ),
        ],
    ),
    &technique(
        "Affine",
        "augment",
        &[
            Param::new(
                "rotate",
                Kind::Either(&[DEGREES, Kind::List { of: &DEGREES, min: 2, max: 2 }]),
                Default::Is(Literal::Float(0.0)),
                "Angle",
            )
            .unit("degrees"),
            P,
        ],
    ),
    &technique(
        "ColorJitter",
        "augment",
        &[
            Param::new("brightness", FACTOR, Default::Is(Literal::Float(0.2)), "Factor"),
            Param::new("contrast", FACTOR, Default::Is(Literal::Float(0.2)), "Factor"),
            Param::new("saturation", FACTOR, Default::Is(Literal::Float(0.2)), "Factor"),
            Param::new("hue", FACTOR, Default::Is(Literal::Float(0.0)), "Turn"),
            P,
        ],
    ),
    &Technique {
        details: "One of the operations is chosen and applied for certain; their p are weights.",
        about: "Apply one of some operations",
        ..technique(
            "OneOf",
            "augment",
            &[Param::new("transforms", OPERATIONS, Default::Required, "What to choose from"), P],
        )
    },
    &technique("avg", "pool", &[]),
    &technique(
        "gem",
        "pool",
        &[Param::new("p", Kind::Float { min: 1.0, max: 64.0 }, Default::Is(Literal::Float(3.0)), "Power")],
    ),
    &technique(
        "CrossEntropyLoss",
        "loss",
        &[Param::new("label_smoothing", CHANCE, Default::Is(Literal::Float(0.0)), "Share that is spread")],
    ),
    &Technique {
        details: "The angle t to the photo's own label is made larger: scale * cos(t + margin).\n\nFails when labels have one photo.",
        source: "pytorch_metric_learning.losses.ArcFaceLoss; arXiv 1801.07698",
        about: "A classifier over angles with a margin",
        ..technique(
            "ArcFaceLoss",
            "loss",
            &[
                Param::new(
                    "margin",
                    Kind::Float { min: 0.0, max: 180.0 },
                    Default::Is(Literal::Float(28.6)),
                    "Width of the gap",
                )
                .unit("degrees"),
                Param::new(
                    "scale",
                    Kind::Float { min: 0.0, max: f64::MAX },
                    Default::Is(Literal::Float(64.0)),
                    "Sharpness",
                ),
            ],
        )
    },
    &Technique { status: Status::Later, ..technique("SubCenterArcFaceLoss", "loss", &[]) },
    &technique(
        "AdamW",
        "optimizer",
        &[
            Param::new("lr", Kind::Float { min: 0.0, max: 10.0 }, Default::Is(Literal::Float(0.001)), "Rate"),
            Param::new(
                "weight_decay",
                Kind::Float { min: 0.0, max: 10.0 },
                Default::Is(Literal::Float(0.01)),
                "Pull to zero",
            ),
        ],
    ),
    &technique(
        "cosine",
        "schedule",
        &[Param::new("warmup_epochs", Kind::Float { min: 0.0, max: 100.0 }, Default::Is(Literal::Float(1.0)), "Rise")
            .unit("epochs")],
    ),
    &technique("holdout", "folds", &[]),
    &technique(
        "stratified",
        "folds",
        &[
            Param::new("k", Kind::Int { min: 2, max: 100 }, Default::Is(Literal::Int(5)), "Number of folds"),
            Param::new("ladder", Kind::List { of: &Kind::Text, min: 1, max: 8 }, Default::Absent, "Rungs").later(),
        ],
    ),
    &technique("l2", "post", &[]),
    &technique(
        "pca",
        "post",
        &[
            Param::new("dim", Kind::Int { min: 1, max: 65_536 }, Default::Required, "Width after it"),
            Param::new("whiten", Kind::Bool, Default::Is(Literal::Bool(false)), "Whether to scale to unit variance"),
        ],
    ),
    &technique(
        "alpha-qe",
        "post",
        &[
            Param::new("k", Kind::Int { min: 1, max: 1000 }, Default::Is(Literal::Int(10)), "Neighbours"),
            Param::new(
                "alpha",
                Kind::Float { min: 0.0, max: 100.0 },
                Default::Is(Literal::Float(3.0)),
                "Power of the similarity",
            ),
        ],
    ),
];

const P: Param = Param::new("p", CHANCE, Default::Is(Literal::Float(0.5)), "Probability");
const DEGREES: Kind = Kind::Float { min: -360.0, max: 360.0 };

const fn technique(name: &'static str, slot: &'static str, params: &'static [Param]) -> Technique {
    Technique { name, slot, about: "", details: "", params, source: "", status: Status::Built }
}
