//! `[decide]`: who says whether a training goes on.

use crate::book::technique::{Body, Default, Kind, Literal, Param, Section, Status, Technique};

/// The `[decide]` table of a recipe.
pub const SECTIONS: &[&Section] = &[&Section {
    name: "decide",
    about: "Who says when a training is stopped or promoted. Changes no result, so it is in no key.",
    body: Body::OneOfOr {
        tag: "name",
        slot: "decider",
        default: Literal::Table(&[("name", Literal::Text("PairedBootstrap"))]),
    },
    status: Status::Built,
}];

/// The deciders.
pub const TECHNIQUES: &[&Technique] =
    &[&PAIRED, &MEDIAN, &PERCENTILE, &HALVING, &ASHA, &TOP_K, &EARLY_STOPPING, &THRESHOLD];

const AUTO: Param = Param::new(
    "auto",
    Kind::Bool,
    Default::Is(Literal::Bool(false)),
    "Stop and promote without asking. `toji brew` does so in any case.",
);
const MANY: i64 = 1_000_000;
const STARTUP: Param = Param::new(
    "n_startup_trials",
    Kind::Int { min: 0, max: MANY },
    Default::Is(Literal::Int(5)),
    "Finished recipes without which nothing is stopped.",
);
const WARMUP: Param = Param::new(
    "n_warmup_steps",
    Kind::Int { min: 0, max: MANY },
    Default::Is(Literal::Int(0)),
    "Epochs before which nothing is stopped.",
);
const INTERVAL: Param = Param::new(
    "interval_steps",
    Kind::Int { min: 1, max: MANY },
    Default::Is(Literal::Int(1)),
    "Epochs between two judgements.",
);
const MIN_TRIALS: Param = Param::new(
    "n_min_trials",
    Kind::Int { min: 1, max: MANY },
    Default::Is(Literal::Int(1)),
    "Finished recipes with a value at the same epoch without which nothing is stopped.",
);

const PAIRED: Technique = Technique {
    name: "PairedBootstrap",
    slot: "decider",
    about: "Stops what is worse than the pinned baseline, query by query, with a stated error over the whole training.",
    details: "After every evaluation the recipe is compared with the pin at the same share of its schedule (or, with at = \"time\", after as much time of training), over the queries that \
              both answered: the difference of their reciprocal ranks, query by query, which takes out that some queries are hard for \
              everybody. Its error has two parts. Other queries: labels are drawn with replacement 2,000 times, all queries of a label \
              together. Other seeds: the spread of the pin between its seeds, once it has three; until then the advice says \"noise not \
              measured\" and rests on the queries alone, so a lucky or unlucky seed can pass for a difference. A recipe is stopped when \
              \"not worse than the pin\" would be wrong to refuse with a probability below alpha, divided by the number of looks at \
              which the training can be stopped (looking often finds chance differences) and, by Holm's steps, by the number of recipes \
              that are compared. With the noise measured, a recipe as good as the pin is stopped by mistake in at most alpha of the trainings; without it more often. Fails where \
              curves cross late: a recipe that learns slowly and ends higher is lost, which is why nothing but the ends of rungs counts \
              before start. With few queries or a noisy pin it stops nothing but clear losers; then give the pin more seeds.",
    params: &[
        Param::new(
            "alpha",
            Kind::Float { min: 1e-6, max: 0.5 },
            Default::Is(Literal::Float(0.05)),
            "Probability of stopping, over the whole training, a recipe that is as good as the pin.",
        ),
        Param::new(
            "start",
            Kind::Float { min: 0.0, max: 1.0 },
            Default::Is(Literal::Float(0.25)),
            "Share of the schedule before which only the ends of rungs can stop it.",
        ),
        Param::new(
            "margin",
            Kind::Float { min: 0.0, max: 1.0 },
            Default::Is(Literal::Float(0.0)),
            "How much worse than the pin a recipe may be, in units of the metric; for recipes that are wanted for an ensemble.",
        ),
        Param::new(
            "at",
            Kind::Choice(&["share", "time"]),
            Default::Is(Literal::Text("share")),
            "Whether a recipe is set beside the pin at the same share of the schedule, or after as much time of training. By time a heavy \
             network is behind at first, so raise start.",
        ),
        AUTO,
    ],
    source: "Smucker, Allan and Carterette, CIKM 2007; Ihemelandu and Ekstrand, arXiv 2305.02461; Lan and DeMets 1983; Holm 1979",
    status: Status::Built,
};

const MEDIAN: Technique = Technique {
    name: "MedianPruner",
    slot: "decider",
    about: "Stops what never was as good as the median of the finished recipes at the same epoch.",
    details: "The best value so far is compared with the median of the finished recipes' values at this epoch. Needs finished recipes, \
              five by default, so with few recipes it does nothing; knows nothing of how sure a difference is.",
    params: &[STARTUP, WARMUP, INTERVAL, MIN_TRIALS, AUTO],
    source: "Optuna, optuna.pruners.MedianPruner",
    status: Status::Built,
};

const PERCENTILE: Technique = Technique {
    name: "PercentilePruner",
    slot: "decider",
    about: "As MedianPruner, with another share of the finished recipes.",
    details: "With percentile = 25 a recipe goes on while it is among the best quarter of the finished ones at the same epoch.",
    params: &[
        Param::new(
            "percentile",
            Kind::Float { min: 0.0, max: 100.0 },
            Default::Required,
            "The best so many per cent go on.",
        ),
        STARTUP,
        WARMUP,
        INTERVAL,
        MIN_TRIALS,
        AUTO,
    ],
    source: "Optuna, optuna.pruners.PercentilePruner",
    status: Status::Built,
};

const HALVING: Technique = Technique {
    name: "SuccessiveHalvingPruner",
    slot: "decider",
    about: "At epochs in geometric steps only one recipe in reduction_factor goes on.",
    details: "Rungs end after min_resource · reduction_factor^(min_early_stopping_rate + rung) epochs. Whoever comes to the end of one \
              goes on if its value is among the best 1 / reduction_factor of all values that were seen there so far; while there are \
              fewer, only the best goes on. The order in which recipes come matters: the first one always passes. Made for many trials; \
              with a dozen recipes it throws away good ones.",
    params: &[
        Param::new(
            "min_resource",
            Kind::Int { min: 1, max: MANY },
            Default::Absent,
            "Epochs of the lowest rung (a hundredth of the longest finished training, at least 1).",
        ),
        Param::new(
            "reduction_factor",
            Kind::Int { min: 2, max: MANY },
            Default::Is(Literal::Int(4)),
            "One in so many goes on, with so many times the epochs.",
        ),
        Param::new(
            "min_early_stopping_rate",
            Kind::Int { min: 0, max: 100 },
            Default::Is(Literal::Int(0)),
            "Rungs left out at the beginning.",
        ),
        Param::new(
            "bootstrap_count",
            Kind::Int { min: 0, max: MANY },
            Default::Is(Literal::Int(0)),
            "Recipes that a rung must have seen before anyone goes on.",
        ),
        AUTO,
    ],
    source: "Optuna, optuna.pruners.SuccessiveHalvingPruner; Li et al., arXiv 1810.05934",
    status: Status::Built,
};

const ASHA: Technique = Technique {
    name: "ASHAScheduler",
    slot: "decider",
    about: "Asynchronous successive halving as in Ray Tune: judged against those that came earlier.",
    details: "At grace_period · reduction_factor^n epochs a recipe goes on unless its value is below the quantile that the best \
              1 / reduction_factor of the earlier arrivals reached there. The first arrival always passes. One bracket.",
    params: &[
        Param::new(
            "max_t",
            Kind::Int { min: 1, max: MANY },
            Default::Is(Literal::Int(100)),
            "Epochs at which a training ends in any case.",
        ),
        Param::new(
            "grace_period",
            Kind::Int { min: 1, max: MANY },
            Default::Is(Literal::Int(1)),
            "Epochs before which nothing is stopped.",
        ),
        Param::new(
            "reduction_factor",
            Kind::Float { min: 1.01, max: 1000.0 },
            Default::Is(Literal::Float(4.0)),
            "One in so many goes on, with so many times the epochs.",
        ),
        AUTO,
    ],
    source: "Ray Tune, ray.tune.schedulers.ASHAScheduler; Li et al., arXiv 1810.05934",
    status: Status::Built,
};

const TOP_K: Technique = Technique {
    name: "TopK",
    slot: "decider",
    about: "After one epoch the best k recipes go on.",
    details: "All recipes are ranked by their value after `epochs` epochs, and the best k are trained to their end. In the source's \
              experiments as good as multi-fidelity methods at a tenth of their cost, when the best is among the first k after one epoch; \
              fails where learning rates or warm-ups differ, since a slow start looks like a bad recipe. Recipes that have not come so \
              far are not counted, so all should be at this epoch before anyone is judged: `toji brew` sees to it.",
    params: &[
        Param::new("k", Kind::Int { min: 1, max: MANY }, Default::Is(Literal::Int(3)), "Recipes that go on."),
        Param::new(
            "epochs",
            Kind::Int { min: 1, max: MANY },
            Default::Is(Literal::Int(1)),
            "Epochs after which they are chosen.",
        ),
        AUTO,
    ],
    source: "Egele et al., Is One Epoch All You Need For Multi-Fidelity Hyperparameter Optimization?, arXiv 2307.15422",
    status: Status::Built,
};

const EARLY_STOPPING: Technique = Technique {
    name: "EarlyStopping",
    slot: "decider",
    about: "Stops a training that gets no better for `patience` evaluations.",
    details: "Looks at one curve alone: it saves epochs after the best one and says nothing about whether the recipe beats another. \
              Patience counts evaluations, not epochs. With a cosine schedule the last epochs often bring the most, and patience then \
              stops too early.",
    params: &[
        Param::new(
            "min_delta",
            Kind::Float { min: 0.0, max: 1.0 },
            Default::Is(Literal::Float(0.0)),
            "An improvement is more than this.",
        ),
        Param::new(
            "patience",
            Kind::Int { min: 1, max: MANY },
            Default::Is(Literal::Int(3)),
            "Evaluations without improvement until it stops.",
        ),
        Param::new(
            "stopping_threshold",
            Kind::Float { min: 0.0, max: 1.0 },
            Default::Absent,
            "A value above which nothing better is wanted.",
        ),
        Param::new(
            "divergence_threshold",
            Kind::Float { min: 0.0, max: 1.0 },
            Default::Absent,
            "A value below which it has diverged.",
        ),
        AUTO,
    ],
    source: "PyTorch Lightning, EarlyStopping(mode=\"max\")",
    status: Status::Built,
};

const THRESHOLD: Technique = Technique {
    name: "ThresholdPruner",
    slot: "decider",
    about: "Stops a training whose value leaves given bounds.",
    details: "For what is hopeless whatever the others do: below the untrained network's score, say.",
    params: &[
        Param::new("lower", Kind::Float { min: 0.0, max: 1.0 }, Default::Absent, "Stops below it."),
        Param::new("upper", Kind::Float { min: 0.0, max: 1.0 }, Default::Absent, "Stops above it."),
        WARMUP,
        INTERVAL,
        AUTO,
    ],
    source: "Optuna, optuna.pruners.ThresholdPruner",
    status: Status::Built,
};
