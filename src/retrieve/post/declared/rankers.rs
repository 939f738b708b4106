//! Rows of the steps that rank the whole gallery by other than cosine.
//!
//! A chain has at most one of them; it stands behind all that change embeddings and before all that change lists.

use super::{count, default, number, row};
use crate::book::technique::Technique;

pub(super) const K_RECIPROCAL: Technique = row(
    "k-reciprocal",
    "Re-ranks by how many mutual neighbours two photos share.",
    "distance ← (1 - lambda) · Jaccard distance + lambda · original distance. A photo's set is its k1 nearest that also have it among \
     their k1 nearest, grown by the sets of its members (with k1 / 2, where two thirds of such a set are in it already). Members have \
     the weight exp(-distance), the weights are averaged over the k2 nearest, and the Jaccard distance of two photos compares their \
     weights. The original distance is the squared one of unit rows, divided for each photo by its farthest. Queries and gallery are \
     one set here; a photo of both counts once, with the gallery's row. Scores are 1 - distance.\n\nk1 should be near the number \
     of photos of a label: defaults are the paper's (person re-identification, some 20 photos of each); the second place of Landmark 2021 had \
     k1 = 10, k2 = 3. The third place of HappyWhale 2022 reports no gain. With labels of one or two photos it has nothing to \
     count. Cost: gallery × gallery products once (they are kept as a graph), then little; memory grows with photos times neighbours and not \
     with photos squared.",
    &[
        count("k1", 1000, default::K_RECIPROCAL_K1, "Neighbours looked at."),
        count(
            "k2",
            1000,
            default::K_RECIPROCAL_K2,
            "Neighbours whose weights are averaged, the photo itself included; 1 for none.",
        ),
        number("lambda", 0.0, 1.0, default::K_RECIPROCAL_LAMBDA, "Weight of the original distance."),
    ],
    "Zhong, Zheng, Cao, Li, CVPR 2017; zhunzhong07/person-re-ranking",
);

pub(super) const DIFFUSION: Technique = row(
    "diffusion",
    "Spreads similarity along the graph of mutual neighbours.",
    "Photos that are among each other's kd nearest (themselves counted) are joined with cosine^gamma; S is this matrix divided by the \
     roots of both photos' sums. For each photo x the system (1 - alpha S) f = e is solved among its `truncation` nearest (conjugate \
     gradients, at most 20 steps, residual 1e-6), and two photos are as similar as their f. So a photo is found through a row of \
     others, each of which resembles the next: the front of a building through its corner. Queries and gallery are one set. What the \
     spreading does not reach follows by cosine, with the score cosine - 2.\n\nalpha near 1 spreads far; gamma makes weak edges weaker; \
     larger kd joins more, and joins wrong ones. Values are those of the paper's code and of Landmark 2019's first place, who report \
     that it helped in the first stage and not in the second. It fails where a bridge of look-alikes joins two labels. Cost: \
     all × all products for the graph (kept), then some milliseconds a photo; memory grows with photos times truncation, at \
     worst 12 bytes each.",
    &[
        count("kd", 10_000, default::DIFFUSION_KD, "Nearest photos that may be joined, the photo itself included."),
        number("gamma", 0.0, 100.0, default::DIFFUSION_GAMMA, "Power of the cosine of an edge."),
        number("alpha", 0.0, 0.999_999, default::DIFFUSION_ALPHA, "How far similarity spreads."),
        count(
            "truncation",
            100_000,
            default::DIFFUSION_TRUNCATION,
            "Nearest photos that it spreads over, itself included.",
        ),
    ],
    "Iscen et al., CVPR 2017; Yang et al., AAAI 2019; fyang93/diffusion",
);

pub(super) const CSLS: Technique = row(
    "csls",
    "Lowers hubs: photos that are near to everything.",
    "score ← 2 cosine(q, g) - r(q) - r(g), r(q) the mean cosine of q with its k nearest gallery photos and r(g) that of g with its k \
     nearest queries. In many dimensions some photos are near to all others and stand in every list; they have a large r(g), and \
     others move up past them. r(q) moves a whole list and matters to a threshold over queries only.\n\nNeeds many queries that \
     are like those of the test: with a handful, r(g) is noise. A list depends on the other queries, which some competitions forbid. \
     A gallery photo that is popular because it is right often is lowered too. The paper has k = 10 (translating words). Cost: three \
     searches.",
    &[count("k", 10_000, default::CSLS_K, "Neighbours on each side.")],
    "Conneau et al., Word Translation Without Parallel Data, ICLR 2018",
);

pub(super) const INVERTED_SOFTMAX: Technique = row(
    "inverted-softmax",
    "Lowers hubs by what share a query has in all queries' similarity to a photo.",
    "score ← ln(exp(beta · cosine(q, g)) / Σ exp(beta · cosine(q', g))) over all queries q'. Softmax as usual asks which photo fits a \
     query; this asks which query fits a photo, so that a photo that fits all of them is worth little to each. It is kept as a \
     logarithm, which ranks alike.\n\nbeta is an inverse temperature: at 0 all photos are equal, a large one looks at the nearest query \
     alone. The paper learns it; 30 is what the authors of CSLS compare with. Needs many queries, as csls does, and fails where they \
     are few or all of one kind. Cost: two searches.",
    &[number("beta", 0.0, 1000.0, default::INVERTED_SOFTMAX_BETA, "Inverse temperature.")],
    "Smith et al., Offline bilingual word vectors, ICLR 2017",
);
