//! `[ensemble]`: which recipes answer together, and how.

use super::lists::Norm;
use crate::book::technique::{Body, Default, Kind, Literal, Param, Section, Status, Technique};

/// The `[ensemble]` table of a recipe.
pub const SECTIONS: &[&Section] = &[&Section {
    name: "ensemble",
    about: "Several recipes answer together. Beside it the recipe says nothing of networks, losses or training, which are its members' own.",
    body: Body::Optional(&[
        Param::new(
            "of",
            Kind::List {
                of: &Kind::Either(&[Kind::Text, Kind::Table(EMBEDDINGS), Kind::Table(RANKED)]),
                min: 2,
                max: 64,
            },
            Default::Required,
            "The members: files of recipes, relative to this one; { embeddings, ids } or { ranked }: what another program made.",
        ),
        Param::new(
            "fusion",
            Kind::OneOf { tag: "name", slot: "fusion" },
            Default::Is(Literal::Table(&[("name", Literal::Text("concat"))])),
            "How their answers become one: concat, similarity, rrf or wsum.",
        ),
        Param::new(
            "weights",
            Kind::Either(&[
                Kind::Choice(&["equal", "search"]),
                Kind::List { of: &Kind::Float { min: 0.0, max: 1000.0 }, min: 2, max: 64 },
            ]),
            Default::Is(Literal::Text("equal")),
            "What each member counts, one number a member; only their ratios matter. `search` finds them on the held-out queries, a fold's on \
             the other folds.",
        ),
    ]),
    status: Status::Built,
}];

const EMBEDDINGS: &[Param] = &[
    Param::new(
        "embeddings",
        Kind::Text,
        Default::Required,
        "A file of embeddings, relative to the project: .npy, .safetensors or .parquet; {fold} in its name stands for the fold's number.",
    ),
    Param::new(
        "ids",
        Kind::Text,
        Default::Absent,
        "The ids of its rows, one a line; a Parquet file has a column of them.",
    ),
];

const RANKED: &[Param] = &[Param::new(
    "ranked",
    Kind::Text,
    Default::Required,
    "A table of ranked lists, relative to the project: query and gallery ids, or query, gallery id and score; of the held-out queries of all \
     folds, each answered by who had not learnt from it, and of the host's for a submission.",
)];

/// The fusions.
pub const TECHNIQUES: &[&Technique] = &[&CONCAT, &SIMILARITY, &RRF, &WSUM];

const fn row(
    name: &'static str,
    about: &'static str,
    details: &'static str,
    params: &'static [Param],
    source: &'static str,
) -> Technique {
    Technique { name, slot: "fusion", about, details, params, source, status: Status::Built }
}

const CONCAT: Technique = row(
    "concat",
    "Embeddings side by side, each divided by its length and multiplied by its member's weight.",
    "e = [w1 · e1 / ‖e1‖, w2 · e2 / ‖e2‖, …]. The cosine of two photos is then the mean of the members' cosines, each counted by w²: a \
     member says how alike two photos are, and no space is mixed with another. Works whatever the members' lengths, and gives embeddings, so \
     that the steps of this recipe's [post] go on from them. It is what winners do: +0.05 at Landmark 2021 (first place), +0.034 at 2020, \
     +0.03 over the best single and +0.022 over voting by rank (11th of 2021), two networks' embeddings at the sake contest (8th). Their weights were \
     equal, by leaderboard score (no change) or searched; once members are strong, searched weights gave no more than equal ones (HappyWhale, \
     3rd). Fails where a member is much weaker than the others: give it less weight, or take it out; and where the result must be as short as \
     one embedding: pca loses then what the members differ in. Steps of a member's own [post] that change embeddings run on each member first; a member whose [post] \
     ranks is refused, since a list cannot stand beside an embedding. Memory and search grow with the sum of the members' lengths. \
     The search of weights looks at the photos that any member has among its first 100, and not at the PCA.",
    &[
        Param::new(
            "pca",
            Kind::Int { min: 1, max: 65_536 },
            Default::Absent,
            "Directions that a PCA of the result keeps, fitted on the gallery; all where absent.",
        ),
        Param::new(
            "whiten",
            Kind::Bool,
            Default::Is(Literal::Bool(false)),
            "Whether the PCA gives each direction variance 1.",
        ),
    ],
    "ryota0051/nishika-sake src/emsamble.py; Landmark Retrieval 2020 and 2021, write-ups of places 1 and 11",
);

const SIMILARITY: Technique = row(
    "similarity",
    "The weighted sum of the members' cosines.",
    "s(q, g) = Σ w · cos(q, g), over the whole gallery and exactly. The same order as concat with the roots of these weights, but a list and no \
     embedding: no steps can follow. Take it where weights are to be read as shares of the answer, concat otherwise. Photos that a member has no direction for \
     (a row of zeros) get cosine 0 from it. Members whose [post] ranks are refused: their numbers are no cosines.",
    &[],
    "weighted sum of cosine similarities; ranx fuses lists so, this the whole gallery",
);

const RRF: Technique = row(
    "rrf",
    "Reciprocal rank fusion: each list gives its photo at place r the number w / (k + r).",
    "Looks at places alone, so that members of any kind can be joined: re-ranked lists, files of other programs, other metrics. A large k \
     makes places count alike and asks for agreement; a small one lets first places decide. k = 60 is the paper's, found on text search; with one right photo \
     a query, smaller ones (5 to 20) are worth a try. Lists have the first 100 photos of each member, or as many as are counted if those are more; what \
     a list lacks counts 0. Loses how sure a member is, which is why concat beats it where all members are networks (0.455 against 0.433, Landmark 2021, 11th).",
    &[Param::new(
        "k",
        Kind::Int { min: 0, max: 1_000_000 },
        Default::Is(Literal::Int(60)),
        "What is added to each rank.",
    )],
    "Cormack, Clarke and Büttcher, SIGIR 2009; ranx.fuse(method=\"rrf\")",
);

const WSUM: Technique = row(
    "wsum",
    "The weighted sum of scores, brought to one scale list by list.",
    "Each list's scores are normalised (min-max: the first gets 1, the last 0), multiplied by the member's weight and added; a photo that a list \
     lacks counts 0. Keeps how far the first place is ahead, which rrf loses, for lists whose scores have any scale: distances of k-reciprocal, \
     logits, other programs' numbers. rank and borda go by places alone; zmuv centres, so that an absent photo counts as the list's mean. Lists without scores (a submission) \
     count by place. Fails with min-max where lists are short: their last photo counts as much as an absent one. Lists are as long as for rrf.",
    &[Param::new(
        "norm",
        Kind::Choice(Norm::NAMES),
        Default::Is(Literal::Text("min-max")),
        "How the scores of a list come to one scale.",
    )],
    "Fox and Shaw, TREC-2 1994 (CombSUM); ranx.fuse(method=\"wsum\", norm=…)",
);
