//! The declared keys of `toji.toml`.
//!
//! The reader checks the file against these tables; help and docs/reference.md are printed from them. What depends
//! on the layout has no default here: `Competition::of` fills it in.

use crate::book::technique::{Body, Default, Kind, Literal, Param, Section, Status};

const TEXT: Kind = Kind::Text;
const TEXTS: Kind = Kind::Either(&[Kind::Text, Kind::List { of: &TEXT, min: 0, max: 64 }]);

/// The tables of `toji.toml`, in the order in which they are documented.
pub const FACTS: &[&Section] = &[&COMPETITION, &DATA, &PROTOCOL, &SUBMISSION, &LEADERBOARD, &WORKBENCH];

const COMPETITION: Section = Section {
    name: "competition",
    about: "What is played for.",
    body: Body::Params(&[
        Param::new("name", Kind::Text, Default::Is(Literal::Text("")), "The competition's name, for titles."),
        Param::new(
            "metric",
            Kind::Choice(&["MRR", "MAP", "MAP@R", "Recall", "HitRate", "Precision", "nDCG"]),
            Default::Is(Literal::Text("MRR")),
            "The score, a mean over all queries: MRR is one over the rank of the first right answer; MAP the average precision, divided by \
             the right answers or k, whichever is less; MAP@R looks at as many places as there are right answers (k must not be less); \
             Recall is the share of the right answers that is found, HitRate whether one is (what metric learning calls Recall@k), \
             Precision the share of the k places that is right, nDCG the gain discounted by log2(rank + 1).",
        ),
        Param::new(
            "k",
            Kind::Int { min: 1, max: 1000 },
            Default::Is(Literal::Int(20)),
            "How many answers of a query count: the k of MRR@k.",
        )
        .unit("answers"),
    ]),
    status: Status::Built,
};

const DATA: Section = Section {
    name: "data",
    about: "Where the tables and pictures are, and what their columns mean.",
    body: Body::Params(&[
        Param::new(
            "layout",
            Kind::Choice(&["table", "nishika", "query-gallery"]),
            Default::Required,
            "table: one table, a column may say what a row is for; nishika: train.csv, cite.csv, test.csv; \
             query-gallery: one table with is_query and is_gallery columns, as open-metric-learning has it.",
        ),
        Param::new(
            "folder",
            Kind::Text,
            Default::Is(Literal::Text(".")),
            "Folder of the tables, relative to toji.toml.",
        ),
        Param::new("table", Kind::Text, Default::Absent, "The one table (layouts table and query-gallery)."),
        Param::new("train", Kind::Text, Default::Absent, "Table of the training photos (nishika: train.csv)."),
        Param::new("gallery", Kind::Text, Default::Absent, "Table of the photos to be found (nishika: cite.csv)."),
        Param::new("query", Kind::Text, Default::Absent, "Table of the photos to look up (nishika: test.csv)."),
        Param::new(
            "images",
            Kind::Either(&[
                Kind::Text,
                Kind::Table(&[
                    Param::new("train", Kind::Text, Default::Absent, "Folder of the training photos."),
                    Param::new("gallery", Kind::Text, Default::Absent, "Folder of the photos to be found."),
                    Param::new("query", Kind::Text, Default::Absent, "Folder of the photos to look up."),
                ]),
            ]),
            Default::Absent,
            "Folder of the pictures, relative to data.folder, or one for each role. When it is not written, the \
             folder named like the table, images/ and the tables' own folder are tried for the first picture.",
        ),
        Param::new(
            "suffix",
            Kind::Text,
            Default::Is(Literal::Text("")),
            "Added to what the image column says, for tables that leave \".jpg\" out.",
        ),
        Param::new("columns", Kind::Table(COLUMNS), Default::Absent, "Names of the columns."),
        Param::new(
            "splits",
            Kind::Table(&[
                Param::new("train", TEXTS, Default::Absent, "Values that mean training (train)."),
                Param::new("query", TEXTS, Default::Absent, "Values that mean query (query)."),
                Param::new(
                    "gallery",
                    TEXTS,
                    Default::Absent,
                    "Values that mean gallery (gallery). A value may be both query and gallery.",
                ),
            ]),
            Default::Absent,
            "Values of the split column. Rows with another value are left out, and counted.",
        ),
        Param::new(
            "unreadable",
            Kind::Choice(&["error", "skip"]),
            Default::Is(Literal::Text("error")),
            "What to do about pictures that are missing or cannot be read: stop, or leave them out and list them.",
        ),
        Param::new(
            "mixed_ids",
            Kind::Choice(&["error", "allow"]),
            Default::Is(Literal::Text("error")),
            "What to do about an id such as abc where nearly all others (19 of 20) are numbers, as a rule a row that \
             slipped: stop, or take it. A column of texts with some numbers among them is never refused.",
        ),
        Param::new(
            "max_megapixels",
            Kind::Float { min: 0.01, max: 10_000.0 },
            Default::Is(Literal::Float(100.0)),
            "Pictures with more pixels are refused before they are decoded.",
        )
        .unit("megapixels"),
        Param::new(
            "encoding",
            Kind::Choice(&["auto", "utf-8", "shift_jis"]),
            Default::Is(Literal::Text("auto")),
            "How text tables are encoded; auto finds out and says so.",
        ),
    ]),
    status: Status::Built,
};

const COLUMNS: &[Param] = &[
    Param::new("id", Kind::Text, Default::Absent, "The photo's id (table: id, else the image column; nishika: gid)."),
    Param::new(
        "image",
        Kind::Text,
        Default::Absent,
        "The file (table: image; nishika: filename; query-gallery: path).",
    ),
    Param::new("label", Kind::Text, Default::Absent, "The label that is scored (label; nishika: meigara)."),
    Param::new("coarse", Kind::Text, Default::Absent, "The other label level, if any (nishika: brand_id or meigara)."),
    Param::new("gallery_id", Kind::Text, Default::Absent, "The id in the gallery's own table (nishika: cite_gid)."),
    Param::new(
        "gallery_image",
        Kind::Text,
        Default::Absent,
        "The file in the gallery's own table (nishika: cite_filename).",
    ),
    Param::new("split", Kind::Text, Default::Absent, "What a row is for (table: none; query-gallery: split)."),
    Param::new("is_query", Kind::Text, Default::Absent, "True for a query (query-gallery: is_query)."),
    Param::new("is_gallery", Kind::Text, Default::Absent, "True for a photo to be found (query-gallery: is_gallery)."),
];

const PROTOCOL: Section = Section {
    name: "protocol",
    about: "How a model is examined on labelled photos that it did not learn from.",
    body: Body::Params(&[
        Param::new(
            "kind",
            Kind::Choice(&["one-per-label", "leave-one-out", "given"]),
            Default::Absent,
            "one-per-label (the default): of every label with two or more held-out photos one is drawn as query, all \
             other held-out photos are the gallery; leave-one-out: every held-out photo is looked up among all \
             others; given: the tables say which held-out photos are queries and gallery (the default of \
             query-gallery).",
        ),
        Param::new(
            "seed",
            Kind::Int { min: 0, max: i64::MAX },
            Default::Is(Literal::Int(0)),
            "Seed of the queries that are drawn.",
        ),
        Param::new(
            "distractors",
            Kind::Either(&[Kind::Int { min: 2, max: 100_000_000 }, Kind::Float { min: 0.001, max: 1.0 }]),
            Default::Absent,
            "Photos from outside the held-out part that join each fold's gallery and answer no query, since a fold's \
             gallery is smaller than the host's: how many, or which share of those that may be taken (1.0: all). \
             Nothing with the bytes of a held-out photo is taken, and never more than there is; the page says how many.",
        ),
        Param::new(
            "distractors_from",
            Kind::Choice(&["train", "host"]),
            Default::Is(Literal::Text("train")),
            "train: photos that the fold learns from, of labels that no query has (under scheme = \"group\" that is all \
             of them; the network knows them, so they distract less than strangers would). host: the gallery of the \
             tables, photos without a label or with one that no query has; some without a label may show what a query \
             shows and are counted as wrong, so the score is a lower bound.",
        ),
        Param::new(
            "unanswered",
            Kind::Float { min: 0.0, max: 0.9 },
            Default::Absent,
            "Share of the queries that shall have no right answer, as the host's may have none: the photos of their \
             labels leave the gallery, label by label. Such a query scores 0. Queries without an answer anyway count.",
        ),
    ]),
    status: Status::Built,
};

const SUBMISSION: Section = Section {
    name: "submission",
    about: "The file that is handed in.",
    body: Body::Params(&[
        Param::new(
            "sample",
            Kind::Text,
            Default::Absent,
            "The host's sample, relative to data.folder; ids and order are checked against it \
             (nishika: sample_submission.csv).",
        ),
        Param::new(
            "columns",
            Kind::List { of: &TEXT, min: 2, max: 2 },
            Default::Absent,
            "Names of the id column and of the column with the answers (the sample's header; nishika: gid, cite_gid).",
        ),
        Param::new("separator", Kind::Text, Default::Is(Literal::Text(" ")), "Stands between the answers of a query."),
        Param::new(
            "not_in_gallery",
            Kind::Text,
            Default::Absent,
            "What a submission says where the gallery has no answer, as new_individual; the post step not-in-gallery writes it.",
        ),
        Param::new(
            "count",
            Kind::Int { min: 1, max: 1000 },
            Default::Absent,
            "How many answers a query must have (competition.k).",
        )
        .unit("answers"),
    ]),
    status: Status::Built,
};

const LEADERBOARD: Section = Section {
    name: "leaderboard",
    about: "What the host's leaderboard allows and shows: how often one may look, and how many submissions count at the end.",
    body: Body::Params(&[
        Param::new(
            "finals",
            Kind::Int { min: 1, max: 100 },
            Default::Is(Literal::Int(2)),
            "How many final submissions may be selected for judging; the best of them counts.",
        )
        .unit("submissions"),
        Param::new(
            "max_daily_submissions",
            Kind::Int { min: 1, max: 1000 },
            Default::Absent,
            "How many files may be handed in a day.",
        )
        .unit("submissions"),
        Param::new(
            "max_submissions",
            Kind::Int { min: 1, max: 100_000 },
            Default::Absent,
            "How many files may be handed in until the end.",
        )
        .unit("submissions"),
        Param::new(
            "public_share",
            Kind::Float { min: 0.01, max: 0.99 },
            Default::Absent,
            "Share of the test queries that the public leaderboard is calculated with; the others make the private one. Without it \
             nothing is forecast.",
        ),
        Param::new(
            "deadline",
            Kind::Text,
            Default::Absent,
            "When it ends, with the offset of its clock: 2026-12-01T23:59:00+09:00. Beside utc_offset it may be on the host's clock: \
             2026-12-01 23:59, or 2026-12-01 (to its last second). The plan and the queue say what ends before it.",
        ),
        Param::new(
            "utc_offset",
            Kind::Float { min: -12.0, max: 14.0 },
            Default::Absent,
            "Hours by which the host's clock is before UTC: at its midnight a new day's submissions begin (Kaggle: 0, Nishika and \
             SIGNATE: 9). Without it the day is that of UTC.",
        )
        .unit("hours"),
    ]),
    status: Status::Built,
};

const WORKBENCH: Section = Section {
    name: "workbench",
    about: "How the workbench behaves here; in no key.",
    body: Body::Params(&[
        Param::new("recipes", Kind::Text, Default::Is(Literal::Text("recipes")), "Folder of the recipes."),
        Param::new("pin", Kind::Text, Default::Absent, "The recipe that all others are compared with."),
        Param::new("first", Kind::Text, Default::Absent, "The recipe that runs by itself on the very first start."),
        Param::new(
            "auto_seconds",
            Kind::Float { min: 0.0, max: 86_400.0 },
            Default::Is(Literal::Float(10.0)),
            "Stages that should take less run by themselves after a save.",
        )
        .unit("seconds"),
    ]),
    status: Status::Built,
};
