//! Rows of the steps that change scores and lists, most of them by the labels of training photos.
//!
//! They go by photos whose labels are known, so a recipe that has one needs the embeddings of its training photos too.

use super::{count, default, number, row};
use crate::book::technique::{Default, Kind, Param, Technique};

pub(super) const SORT_INSERT: Technique = row(
    "sort-insert",
    "Label-aware: lifts photos whose voted label is the query's, and inserts those that the list lacks.",
    "Each query and gallery photo gets the label whose photos, among its `votes` nearest labelled training photos, have the greatest sum of \
     cosines; its confidence is that sum over `votes`. Sort: in each list photos of the query's label go first, in their order. \
     Insert: gallery photos of that label that the list lacks follow behind them, the surest first, where the query's and the \
     photo's confidence together exceed `threshold`. The list keeps its length, at least 100.\n\nTwo photos of one label need not \
     look alike: training knows that both belong to it. This was the largest single gain on record: .31324 to .39905 (public) and .32614 to \
     .43219 (private) for the sixth place of Landmark 2021; defaults are those of the first place of 2019 (their code leaves the query's \
     confidence to a variable that it never sets; here it is what their paper says). Raise the threshold where many labels of the test \
     do not occur in training: then votes are for the wrong label. It does nothing where none does. Cost: a search of both sides \
     among the training photos.",
    &[
        count("votes", 1000, default::SORT_INSERT_VOTES, "Labelled photos that vote (voting_k in the source)."),
        number(
            "threshold",
            -10.0,
            10.0,
            default::SORT_INSERT_THRESHOLD,
            "Sum of both confidences above which a photo is inserted.",
        ),
    ],
    "Yokoo, Ozaki, Simo-Serra, Iizuka, arXiv 1906.04087; lyakaap/Landmark2019-1st-and-3rd-Place-Solution",
);

pub(super) const BRIDGE: Technique = row(
    "bridge",
    "Label-aware: adds the confidence over a label that both photos are near to.",
    "score ← score + weight · max over labels l of min(c(q, l), c(g, l)). c(x, l) is the cosine of x with the nearest training photo of l, for \
     the k labels nearest to x, with `bonus` more for the nearest of all; without a common label the bridge is 0. Where sort-insert \
     decides for one label, this keeps k of them open, and the weaker of the two ends says how far a bridge can be \
     trusted.\n\nAfter the fifth place of Landmark 2021, who had 5 labels and a bonus of 0.5, after DBA, and tuned on the data \
     of 2019; they wrote it in distances (min of max) and mixed networks by a power mean, which is not done here. The labels are read \
     off the 20 k nearest training photos, so a label with hundreds of photos can hide others. Cost: a search of both sides among the training \
     photos, and a pass over the lists or the gallery.",
    &[
        count("k", 100, default::BRIDGE_K, "Labels of each photo."),
        number("bonus", 0.0, 10.0, default::BRIDGE_BONUS, "Added to the confidence in a photo's nearest label."),
        number("weight", 0.0, 100.0, default::BRIDGE_WEIGHT, "Weight of the bridge beside the score."),
    ],
    "Landmark retrieval 2021, fifth place (bridged confidence)",
);

pub(super) const COARSE_AGREEMENT: Technique = row(
    "coarse-agreement",
    "Label-aware: adds the agreement of labels and of coarse labels.",
    "score ← score + alpha · s(label of g) + beta · s(coarse label of g). s are shares over the query's `votes` nearest labelled training photos, \
     each counted by its cosine (below 0 as 0); a gallery photo's labels are those of its nearest training photo. A coarse label \
     (country, brand, species) is right more often than a label, so that a query whose label is missed still gets photos of the \
     right kind.\n\nDefaults are those of the second place of Landmark 2021, whose coarse label was the country; they found the \
     query's labelled photos by a quick k-reciprocal, here it is by cosine. alpha = 1 puts agreement before all similarity: lower \
     it where votes err. Without a coarse label set beta = 0. Cost: a search of both sides among the training photos.",
    &[
        count("votes", 1000, default::COARSE_VOTES, "Labelled photos that vote for a query."),
        number("alpha", 0.0, 100.0, default::COARSE_ALPHA, "Weight of the label's share."),
        number("beta", 0.0, 100.0, default::COARSE_BETA, "Weight of the coarse label's share."),
    ],
    "WesleyZhang1991/Google_Landmark_Retrieval_2021_2nd_Place_Solution",
);

pub(super) const CLASS_LOGITS: Technique = row(
    "class-logits",
    "Mixes scores with what the trained head says about the query.",
    "score ← knn_ratio · score + (1 - knn_ratio) · z, z the query's logit for the photo's class; a photo's class is the greatest of its own \
     logits. Logits are cosines with the head's centres, without margin and scale, so that they are on the scale of cosines. \
     Neighbours know single photos, the head knows a label as a whole; they err differently.\n\nThe first place of HappyWhale 2022 mixed \
     halves, and .8 of neighbours once trained with pseudo labels; the third place of Landmark 2020 multiplied powers instead (from \
     .610 to .618). Needs a loss with a class for each label, and says nothing about labels that training lacks. Cost: the logits of \
     both sides, classes × photos numbers.",
    &[number("knn_ratio", 0.0, 1.0, default::CLASS_LOGITS_KNN_RATIO, "Share of the score; the logits have the rest.")],
    "HappyWhale 2022, first place (knshnb/kaggle-happywhale-1st-place)",
);

pub(super) const NON_TARGET_PENALTY: Technique = row(
    "non-target-penalty",
    "Lowers photos that resemble photos known to be no answer.",
    "score ← score - weight · (n(q) + n(g)), n(x) the mean cosine of x with its k nearest non-targets. A photo that looks like those \
     (indoor scenes among landmarks, empty water among whales) is unlikely to be an answer, however near it is. n(q) moves a whole \
     list and matters where queries are compared, as by not-in-gallery.\n\nAfter the first place of Landmark 2020's recognition \
     track, which took the mean of the 5 nearest non-landmarks; with 99 % of the test without a landmark it decided that \
     competition. Non-targets are the training photos of `labels` (a label for what shows nothing that is asked for); where there are none, \
     leave it out. Cost: a search of both sides among the non-targets.",
    &[
        Param::new(
            "labels",
            Kind::List { of: &Kind::Text, min: 1, max: 1000 },
            Default::Required,
            "Labels of training photos that are no answer to anybody.",
        ),
        count("k", 10_000, default::NON_TARGET_K, "Non-targets whose mean similarity counts."),
        number("weight", 0.0, 100.0, default::NON_TARGET_WEIGHT, "Weight of that mean."),
    ],
    "Henkel and Singer, arXiv 2010.01650; psinger/kaggle-landmark-recognition-2020-1st-place",
);

pub(super) const NOT_IN_GALLERY: Technique = row(
    "not-in-gallery",
    "Says below which score a query's answer is not in the gallery.",
    "The threshold is the greatest below which at most the share `ratio` of the queries' best scores lie. In each list \"not in the \
     gallery\" stands behind the photos that reach it: first where even the best does not. Lists and scores stay as they are.\n\n\
     Scores have no natural zero, so a fixed threshold does not travel from network to network; the share of queries without an \
     answer does, when it can be guessed from training or asked of the leaderboard with a few submissions. The first place of HappyWhale \
     2022 had 16.5 % new individuals first, and searched the threshold by 30 bisections; this is the number they \
     approach. What it is called in a submission is `[submission] not_in_gallery` of toji.toml; in the local score it is the right answer of \
     queries without one (protocol.unanswered makes some). Queries with equal scores are not torn apart, so the share may be a little less. Put it before sort-insert, whose scores \
     no longer compare from query to query.",
    &[number("ratio", 0.0, 1.0, Default::Required, "Share of the queries that have no answer in the gallery.")],
    "HappyWhale 2022, first place (knshnb/kaggle-happywhale-1st-place)",
);
