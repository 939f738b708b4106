//! Names, parameters and defaults of the augmentations: the rows that the recipe reader checks
//! against and that `toji explain` and docs/reference.md print.
//!
//! Everything is albumentations' (2.0.8): a reader of its documentation knows these names. Where a
//! default or a rule differs, `details` says so.

use crate::book::technique::{Body, Default, Kind, Literal, Param, Section, Status, Technique};

const FACTOR: Kind = Kind::Either(&[
    Kind::Float { min: 0.0, max: 10.0 },
    Kind::List { of: &Kind::Float { min: 0.0, max: 10.0 }, min: 2, max: 2 },
]);
const SIZE: Kind = Kind::List { of: &Kind::Int { min: 8, max: 4096 }, min: 2, max: 2 };
const CHANCE: Kind = Kind::Float { min: 0.0, max: 1.0 };

/// A number, a range, or one of these for each axis; `$low` and `$high` bound the numbers.
macro_rules! per_axis {
    ($low:expr, $high:expr) => {{
        const NUMBER: Kind = Kind::Float { min: $low, max: $high };
        const RANGE: Kind = Kind::List { of: &NUMBER, min: 2, max: 2 };
        const AXES: &[Param] = &[
            Param::new(
                "x",
                Kind::Either(&[NUMBER, RANGE]),
                Default::Absent,
                "Along the width; when only `y` is written, no change.",
            ),
            Param::new(
                "y",
                Kind::Either(&[NUMBER, RANGE]),
                Default::Absent,
                "Along the height; when only `x` is written, no change.",
            ),
        ];
        Kind::Either(&[NUMBER, RANGE, Kind::Table(AXES)])
    }};
}

const P_HALF: Param =
    Param::new("p", CHANCE, Default::Is(Literal::Float(0.5)), "Probability that a picture gets the operation.");
const P_ONE: Param =
    Param::new("p", CHANCE, Default::Is(Literal::Float(1.0)), "Probability that a picture gets the operation.");
const SIZE_PARAM: Param = Param::new("size", SIZE, Default::Required, "Output size as [height, width].").unit("pixels");
const INTERPOLATION: Param = Param::new(
    "interpolation",
    Kind::Choice(&["linear", "nearest", "area"]),
    Default::Is(Literal::Text("linear")),
    "How pixels between pixels are made: OpenCV's INTER_LINEAR, INTER_NEAREST or INTER_AREA.",
);
const AREA_FOR_DOWNSCALE: Param = Param::new(
    "area_for_downscale",
    Kind::Choice(&["image", "none"]),
    Default::Is(Literal::Text("image")),
    "\"image\": an axis that shrinks is averaged over its area; \"none\": the interpolation above, aliasing included.",
);

/// `[augment]`.
pub const SECTIONS: &[&Section] = &[&Section {
    name: "augment",
    about: "How pictures are changed before the network sees them.",
    body: Body::Params(&[
        Param::new(
            "train",
            Kind::List { of: &Kind::OneOf { tag: "op", slot: "augment" }, min: 1, max: 32 },
            Default::Is(Literal::List(&[Literal::Table(&[
                ("op", Literal::Text("Resize")),
                ("size", Literal::List(&[Literal::Int(128), Literal::Int(128)])),
            ])])),
            "Operations in training, in order; at least one must fix the size.",
        ),
        Param::new(
            "eval",
            Kind::List { of: &Kind::OneOf { tag: "op", slot: "augment" }, min: 1, max: 32 },
            Default::Absent,
            "Operations before an embedding is made; when not written, Resize to the size of training, or, where [backbone] names \
             weights, the crop and interpolation that they were made for, at that size.",
        ),
    ]),
    status: Status::Built,
}];

/// The operations of slot "augment".
pub const TECHNIQUES: &[&Technique] = &[&RANDOM_RESIZED_CROP, &HORIZONTAL_FLIP, &AFFINE, &COLOR_JITTER, &RESIZE];

const RANDOM_RESIZED_CROP: Technique = Technique {
    name: "RandomResizedCrop",
    slot: "augment",
    about: "Cut out a random rectangle and resize it.",
    details: "The area is uniform in `scale` times the picture's area, the aspect ratio (width / height) log-uniform in \
        `ratio`; after 10 rectangles that do not fit, the largest central one of an allowed ratio is taken. \
        Cutting and resizing are one resampling of the source. \
        Labels that differ in small print want `scale` close to 1, such as [0.6, 1.0]; the default reaches down to 8 % of \
        the area, which suits ImageNet.",
    params: &[
        SIZE_PARAM,
        Param::new(
            "scale",
            Kind::List { of: &Kind::Float { min: 0.0, max: 1.0 }, min: 2, max: 2 },
            Default::Is(Literal::List(&[Literal::Float(0.08), Literal::Float(1.0)])),
            "Least and greatest share of the picture's area.",
        ),
        Param::new(
            "ratio",
            Kind::List { of: &Kind::Float { min: 0.01, max: 100.0 }, min: 2, max: 2 },
            Default::Is(Literal::List(&[Literal::Float(0.75), Literal::Float(1.333_333_333_333_333_3)])),
            "Least and greatest width / height of the rectangle.",
        ),
        INTERPOLATION,
        AREA_FOR_DOWNSCALE,
        P_ONE,
    ],
    source: "albumentations 2.0.8 RandomResizedCrop; Szegedy et al. 2015, arXiv 1409.4842",
    status: Status::Built,
};

const HORIZONTAL_FLIP: Technique = Technique {
    name: "HorizontalFlip",
    slot: "augment",
    about: "Mirror left and right.",
    details: "Text turns into mirror writing, so labels that are told apart by their characters are better without it. \
        Where mirrored objects are other classes (whale flukes), it must not be used.",
    params: &[P_HALF],
    source: "albumentations 2.0.8 HorizontalFlip",
    status: Status::Built,
};

const AFFINE: Technique = Technique {
    name: "Affine",
    slot: "augment",
    about: "Scale, turn, shear and shift about the centre.",
    details: "Applied in the order scale, rotate, shear, translate; a positive `rotate` turns counter-clockwise. \
        One number is used as it is, [low, high] is drawn from for each axis by itself, { x = …, y = … } sets the \
        axes apart. A shift is cut to whole pixels. Pixels from outside are `fill` with border_mode \"constant\". \
        The picture keeps its size; shrinking by more than 2 aliases, as in OpenCV's warpAffine.",
    params: &[
        Param::new(
            "scale",
            per_axis!(0.01, 100.0),
            Default::Is(Literal::List(&[Literal::Float(1.0), Literal::Float(1.0)])),
            "Magnification: 2 shows half of each side, 0.5 leaves a border.",
        ),
        Param::new(
            "translate_percent",
            per_axis!(-1.0, 1.0),
            Default::Absent,
            "Shift as a share of width and height: 0.1 is a tenth (the name is albumentations').",
        ),
        Param::new(
            "rotate",
            Kind::Either(&[
                Kind::Float { min: -360.0, max: 360.0 },
                Kind::List { of: &Kind::Float { min: -360.0, max: 360.0 }, min: 2, max: 2 },
            ]),
            Default::Is(Literal::Float(0.0)),
            "Angle.",
        )
        .unit("degrees"),
        Param::new(
            "shear",
            per_axis!(-80.0, 80.0),
            Default::Is(Literal::List(&[Literal::Float(0.0), Literal::Float(0.0)])),
            "Angle by which vertical (x) and horizontal (y) lines lean.",
        )
        .unit("degrees"),
        Param::new("keep_ratio", Kind::Bool, Default::Is(Literal::Bool(false)), "Draw one scale for both axes."),
        Param::new(
            "interpolation",
            Kind::Choice(&["linear", "nearest"]),
            Default::Is(Literal::Text("linear")),
            "How pixels between pixels are made.",
        ),
        Param::new(
            "border_mode",
            Kind::Choice(&["constant", "replicate", "reflect", "reflect_101", "wrap"]),
            Default::Is(Literal::Text("constant")),
            "What stands outside the picture (OpenCV's BORDER_…).",
        ),
        Param::new(
            "fill",
            Kind::Either(&[
                Kind::Float { min: 0.0, max: 255.0 },
                Kind::List { of: &Kind::Float { min: 0.0, max: 255.0 }, min: 3, max: 3 },
            ]),
            Default::Is(Literal::Float(0.0)),
            "Grey level, or [red, green, blue], outside the picture with border_mode \"constant\".",
        ),
        P_HALF,
    ],
    source: "albumentations 2.0.8 Affine",
    status: Status::Built,
};

const COLOR_JITTER: Technique = Technique {
    name: "ColorJitter",
    slot: "augment",
    about: "Change brightness, contrast, saturation and hue by random factors, in random order.",
    details: "A number v means the range [max(0, 1 - v), 1 + v] for brightness, contrast and saturation and [-v, v] for \
        hue; [low, high] is the range itself. Contrast moves away from the picture's mean grey, saturation away from \
        each pixel's grey; hue 0.5 is half the colour circle. \
        Beware of albumentations' default hue of [-0.5, 0.5]: any colour becomes any other. Write hue = 0.0 where \
        colour tells classes apart.",
    params: &[
        Param::new(
            "brightness",
            FACTOR,
            Default::Is(Literal::List(&[Literal::Float(0.8), Literal::Float(1.2)])),
            "Factor on every channel.",
        ),
        Param::new(
            "contrast",
            FACTOR,
            Default::Is(Literal::List(&[Literal::Float(0.8), Literal::Float(1.2)])),
            "Factor on the distance to the mean grey.",
        ),
        Param::new(
            "saturation",
            FACTOR,
            Default::Is(Literal::List(&[Literal::Float(0.8), Literal::Float(1.2)])),
            "Factor on the distance to the pixel's own grey.",
        ),
        Param::new(
            "hue",
            Kind::Either(&[
                Kind::Float { min: 0.0, max: 0.5 },
                Kind::List { of: &Kind::Float { min: -0.5, max: 0.5 }, min: 2, max: 2 },
            ]),
            Default::Is(Literal::List(&[Literal::Float(-0.5), Literal::Float(0.5)])),
            "Turn of the colour circle, 1 being all the way round.",
        )
        .unit("turns"),
        P_HALF,
    ],
    source: "albumentations 2.0.8 ColorJitter, after torchvision's",
    status: Status::Built,
};

const RESIZE: Technique = Technique {
    name: "Resize",
    slot: "augment",
    about: "Resize to a fixed height and width.",
    details: "The aspect ratio is not kept. albumentations writes `height` and `width`; here they are `size`, as in \
        RandomResizedCrop.",
    params: &[SIZE_PARAM, INTERPOLATION, AREA_FOR_DOWNSCALE, P_ONE],
    source: "albumentations 2.0.8 Resize",
    status: Status::Built,
};
