//! Which photos an epoch shows, and which of them share a batch.
//!
//! Takes the training photos' labels, the batch size and (seed, epoch); gives places in the list of photos, a
//! batch's after the other's. Names and rules are PyTorch's and pytorch-metric-learning's; an epoch is as long with
//! any of them as there are photos, so that epochs of two recipes cost the same. All draws come from one
//! seed, so epoch 7 can be asked for without the six before it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::base::Seed;
use crate::base::seed::Draws;
use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};

/// The decoded `sampler` of `[train]`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(tag = "name", deny_unknown_fields)]
pub enum Sampler {
    /// See [`RANDOM`].
    RandomSampler {},
    /// See [`M_PER_CLASS`].
    MPerClassSampler {
        /// Photos of a label in a batch, from 1.
        m: usize,
    },
    /// See [`CLASS_BALANCED`].
    ClassBalancedSampler {},
    /// See [`WEIGHTED`].
    WeightedRandomSampler {
        /// A label of n photos has weight n^power for each of them.
        power: f64,
    },
    /// See [`HIERARCHICAL`].
    HierarchicalSampler {
        /// Photos of a label in a batch, from 1.
        samples_per_class: usize,
        /// Coarse labels in a batch, from 1.
        super_classes_per_batch: usize,
    },
}

/// The training photos as samplers see them: one entry a place.
#[derive(Clone, Copy, Debug)]
pub struct Labels<'a> {
    /// The label of each photo.
    pub fine: &'a [u32],
    /// The coarse label of each photo; empty where the data has none.
    pub coarse: &'a [u32],
}

/// A sampler and the photos do not go together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SamplerError {
    /// The batch cannot be divided as the sampler wants.
    #[error("{sampler} puts {each} photos of a label together, so batch must be a multiple of {of}, not {batch}")]
    Batch {
        /// The sampler.
        sampler: &'static str,
        /// Photos of a label.
        each: usize,
        /// What the batch must be a multiple of.
        of: usize,
        /// The batch.
        batch: usize,
    },
    /// There are not enough labels for one batch.
    #[error("{sampler} needs {wanted} {what} in a batch, the training photos have {found}; {help}")]
    Few {
        /// The sampler.
        sampler: &'static str,
        /// "labels" or "coarse labels".
        what: &'static str,
        /// How many a batch needs.
        wanted: usize,
        /// How many there are.
        found: usize,
        /// What to do.
        help: &'static str,
    },
}

impl Sampler {
    /// Whether a batch divides as the sampler wants, which can be said before any photo is read.
    ///
    /// # Errors
    /// When it does not.
    pub fn check_batch(&self, batch: usize) -> Result<(), SamplerError> {
        let (sampler, each, of) = match *self {
            Sampler::MPerClassSampler { m } => ("MPerClassSampler", m, m),
            Sampler::HierarchicalSampler { samples_per_class: each, super_classes_per_batch } => {
                ("HierarchicalSampler", each, each * super_classes_per_batch)
            }
            _ => return Ok(()),
        };
        if batch.is_multiple_of(of.max(1)) { Ok(()) } else { Err(SamplerError::Batch { sampler, each, of, batch }) }
    }

    /// Whether the photos are enough for a batch.
    ///
    /// # Errors
    /// As [`Sampler::check_batch`], and when there are too few labels.
    pub fn check(&self, labels: Labels<'_>, batch: usize) -> Result<(), SamplerError> {
        self.check_batch(batch)?;
        let few = |sampler, what, wanted, found, help| {
            if found < wanted { Err(SamplerError::Few { sampler, what, wanted, found, help }) } else { Ok(()) }
        };
        match *self {
            Sampler::MPerClassSampler { m } => {
                few("MPerClassSampler", "labels", batch / m.max(1), by_label(labels.fine).len(), "take a smaller batch")
            }
            Sampler::HierarchicalSampler { super_classes_per_batch, .. } => few(
                "HierarchicalSampler",
                "coarse labels",
                super_classes_per_batch,
                by_label(labels.coarse).len(),
                "take fewer super_classes_per_batch, or name a coarse label in [data.columns] of toji.toml",
            ),
            _ => Ok(()),
        }
    }

    /// Whether a batch holds several photos of a label on purpose, which losses over pairs need.
    pub fn gives_pairs(&self) -> bool {
        match *self {
            Sampler::MPerClassSampler { m: each } | Sampler::HierarchicalSampler { samples_per_class: each, .. } => {
                each > 1
            }
            _ => false,
        }
    }

    /// The places of one epoch, as many as there are photos, rounded down to whole batches by samplers that make
    /// batches (`MPerClassSampler`, `HierarchicalSampler`). `seed` is that of the epoch. Labels must have passed
    /// [`Sampler::check`]; where they have not, batches are filled as well as it goes.
    pub fn places(&self, labels: Labels<'_>, batch: usize, seed: Seed) -> Vec<u32> {
        let (photos, batch) = (labels.fine.len(), batch.max(1));
        let mut draws = seed.draws();
        // Fewer photos than a batch still make one.
        let batches = (photos / batch).max(1);
        match *self {
            _ if photos == 0 => Vec::new(),
            Sampler::RandomSampler {} => {
                let mut places: Vec<u32> = (0..photos as u32).collect();
                draws.shuffle(&mut places);
                places
            }
            Sampler::WeightedRandomSampler { power } => weighted(labels.fine, power, &mut draws),
            Sampler::ClassBalancedSampler {} => {
                let members: Vec<Vec<u32>> = by_label(labels.fine).into_values().collect();
                let mut turn = Turn::new(members.len());
                let mut within: Vec<Turn> = members.iter().map(|own| Turn::new(own.len())).collect();
                let mut next = || {
                    let class = turn.next(&mut draws);
                    members[class][within[class].next(&mut draws)]
                };
                (0..photos).map(|_| next()).collect()
            }
            Sampler::MPerClassSampler { m } => {
                let members: Vec<Vec<u32>> = by_label(labels.fine).into_values().collect();
                let mut places = Vec::with_capacity(batches * batch);
                for _ in 0..batches {
                    fill(&mut places, &members, m.max(1), batch, &mut draws);
                }
                places
            }
            Sampler::HierarchicalSampler { samples_per_class, super_classes_per_batch } => {
                let groups: Vec<Vec<Vec<u32>>> = by_label(labels.coarse)
                    .into_values()
                    .map(|group| {
                        let mut fine: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
                        group
                            .iter()
                            .for_each(|&place| fine.entry(labels.fine[place as usize]).or_default().push(place));
                        fine.into_values().collect()
                    })
                    .collect();
                let wanted = super_classes_per_batch.clamp(1, groups.len().max(1));
                let mut places = Vec::with_capacity(batches * batch);
                for _ in 0..if groups.is_empty() { 0 } else { batches } {
                    let mut order: Vec<usize> = (0..groups.len()).collect();
                    draws.shuffle(&mut order);
                    let from = places.len();
                    for (i, group) in order[..wanted].iter().enumerate() {
                        let share = batch * (i + 1) / wanted - batch * i / wanted;
                        fill(&mut places, &groups[*group], samples_per_class.max(1), share, &mut draws);
                    }
                    draws.shuffle(&mut places[from..]);
                }
                places
            }
        }
    }
}

/// Places by label, both rising.
fn by_label(labels: &[u32]) -> BTreeMap<u32, Vec<u32>> {
    let mut members: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (place, &label) in labels.iter().enumerate() {
        members.entry(label).or_default().push(place as u32);
    }
    members
}

/// Adds `count` places: `each` of one class after the other, the classes in a drawn order. A class with fewer photos is
/// drawn from with repetition, as pytorch-metric-learning does; after the last class the first is taken again.
fn fill(places: &mut Vec<u32>, members: &[Vec<u32>], each: usize, count: usize, draws: &mut Draws) {
    let end = places.len() + count;
    let mut turn = Turn::new(members.len());
    while places.len() < end {
        let own = &members[turn.next(draws)];
        let take = each.min(end - places.len());
        if own.len() < take {
            places.extend((0..take).map(|_| own[draws.below(own.len() as u64) as usize]));
        } else {
            let mut within = Turn::new(own.len());
            places.extend((0..take).map(|_| own[within.next(draws)]));
        }
    }
}

/// All photos' draws with repetition, a photo's chance being `n^power` for a label of n photos.
fn weighted(labels: &[u32], power: f64, draws: &mut Draws) -> Vec<u32> {
    let counts: BTreeMap<u32, usize> = by_label(labels).into_iter().map(|(label, own)| (label, own.len())).collect();
    let mut sum = 0.0;
    let ends: Vec<f64> = labels
        .iter()
        .map(|label| {
            sum += (counts[label] as f64).powf(power);
            sum
        })
        .collect();
    let mut one = || {
        let at = draws.unit() * sum;
        ends.partition_point(|end| *end <= at).min(labels.len() - 1) as u32
    };
    (0..labels.len()).map(|_| one()).collect()
}

/// Goes round `0..n` in a drawn order, and round again in another: nothing comes twice before all have come.
struct Turn {
    order: Vec<usize>,
    at: usize,
}

impl Turn {
    fn new(n: usize) -> Turn {
        Turn { order: (0..n).collect(), at: 0 }
    }

    /// One step of a Fisher-Yates shuffle, so that a few of many cost a few draws.
    fn next(&mut self, draws: &mut Draws) -> usize {
        let other = self.at + draws.below((self.order.len() - self.at) as u64) as usize;
        self.order.swap(self.at, other);
        let found = self.order[self.at];
        self.at = (self.at + 1) % self.order.len();
        found
    }
}

const fn row(
    name: &'static str,
    about: &'static str,
    details: &'static str,
    params: &'static [Param],
    source: &'static str,
) -> Technique {
    Technique { name, slot: "sampler", about, details, params, source, status: Status::Built }
}

const EACH: Kind = Kind::Int { min: 1, max: 1024 };

/// Every photo once.
pub const RANDOM: Technique = row(
    "RandomSampler",
    "Every photo once an epoch, in another order each time.",
    "What classifier losses (softmax, ArcFace and its kin) were tuned with. A label is shown as often as it has photos, so \
rich labels shape the network more than poor ones; on landmarks that was better than showing all labels equally (28.4 \
against 24.8 mAP). In a batch of 64 from 2,000 labels hardly two photos share one: losses over pairs find nothing to pull \
together there and need MPerClassSampler.",
    &[],
    "torch.utils.data.RandomSampler; Google Landmark Retrieval 2021, 2nd place",
);

/// P × K.
pub const M_PER_CLASS: Technique = row(
    "MPerClassSampler",
    "m photos of each of batch / m labels in a batch (P × K): for losses over pairs.",
    "Each batch draws batch / m labels, and of each m photos; a label with fewer photos shows some of them twice. That gives \
each photo m - 1 partners of its own label and batch - m strangers: what ContrastiveLoss, TripletMarginLoss, \
MultiSimilarityLoss and CircleLoss compare. An epoch has as many batches as with RandomSampler, yet labels with many photos \
are shown in part and labels with few more than once.

m = 4 is the usual start (2 to 8). Circle loss on sake labels went from 0.109 to 0.187 MRR by such a sampler, still far \
below ArcFace at about 0.505, which does not need it.

batch must be a multiple of m, and there must be batch / m labels.",
    &[Param::new(
        "m",
        EACH,
        Default::Is(Literal::Int(4)),
        "Photos of a label in a batch.",
    )
    .unit("photos")],
    "pytorch_metric_learning.samplers.MPerClassSampler; Hermans et al. 2017, arXiv 1703.07737",
);

/// Every label equally often.
pub const CLASS_BALANCED: Technique = row(
    "ClassBalancedSampler",
    "Every label equally often, whatever its number of photos.",
    "Goes round the labels, and within each round its photos: in an epoch of n photos of k labels each label is shown n / k \
times, give or take one. Photos of poor labels come several times an epoch, of rich ones some stay out until a later \
one. For a validation that asks each label once it can help; on landmarks it was worse than RandomSampler (24.8 against 28.4 \
mAP), since it repeats few photos so often that they are learnt by heart. WeightedRandomSampler goes part of the way.",
    &[],
    "Kang et al. 2020, arXiv 1910.09217 (class-balanced sampling); Google Landmark Retrieval 2021, 2nd place",
);

/// By count to a power.
pub const WEIGHTED: Technique = row(
    "WeightedRandomSampler",
    "Photos drawn with chances that grow or fall with their label's count.",
    "A photo of a label with n photos is drawn with a chance in proportion to n^power, with repetition: power = 0 treats all \
photos alike (unlike RandomSampler some come twice and some not at all), -1 all labels alike, -0.5 lies between. -0.4 was the \
choice of Shopee's 2nd place.",
    &[Param::new(
        "power",
        Kind::Float { min: -2.0, max: 2.0 },
        Default::Is(Literal::Float(-0.5)),
        "Power of the label's count that a photo's chance follows.",
    )],
    "torch.utils.data.WeightedRandomSampler; Shopee 2021, 2nd place (n^-0.4)",
);

/// Batches within coarse labels.
pub const HIERARCHICAL: Technique = row(
    "HierarchicalSampler",
    "Batches from few coarse labels, with several photos of each label: hard neighbours side by side.",
    "Each batch draws super_classes_per_batch coarse labels, divides the batch among them, and fills each part with \
samples_per_class photos of one label after the other. Labels of one coarse label (a brewery, a country, a kind of \
product) resemble each other, so that a batch is full of pairs that are hard to tell apart. Grouping by continent was \
worth 3 points of mAP on landmarks (31.4 against 28.4).

Needs a coarse label in the tables (`coarse` in [data.columns] of toji.toml). batch must be a multiple of samples_per_class × \
super_classes_per_batch.",
    &[
        Param::new("samples_per_class", EACH, Default::Is(Literal::Int(4)), "Photos of a label in a batch.")
            .unit("photos"),
        Param::new("super_classes_per_batch", EACH, Default::Is(Literal::Int(2)), "Coarse labels in a batch.")
            .unit("labels"),
    ],
    "pytorch_metric_learning.samplers.HierarchicalSampler; Google Landmark Retrieval 2021, 2nd place",
);

#[cfg(test)]
mod tests {
    use super::*;

    /// Labels 0, 1, 2, … with so many photos each, shuffled together.
    fn labels(counts: &[usize]) -> Vec<u32> {
        let mut all: Vec<u32> = counts.iter().enumerate().flat_map(|(i, n)| vec![i as u32; *n]).collect();
        Seed::new(5).draws().shuffle(&mut all);
        all
    }

    fn shown(fine: &[u32], places: &[u32]) -> Vec<usize> {
        let mut counts = vec![0; fine.iter().max().map_or(0, |most| *most as usize + 1)];
        places.iter().for_each(|&place| counts[fine[place as usize] as usize] += 1);
        counts
    }

    const ALL: [Sampler; 5] = [
        Sampler::RandomSampler {},
        Sampler::MPerClassSampler { m: 4 },
        Sampler::ClassBalancedSampler {},
        Sampler::WeightedRandomSampler { power: -0.4 },
        Sampler::HierarchicalSampler { samples_per_class: 2, super_classes_per_batch: 2 },
    ];

    #[test]
    fn an_epoch_is_a_function_of_its_seed() {
        let fine = labels(&[9, 1, 30, 4, 20]);
        let coarse: Vec<u32> = fine.iter().map(|label| label / 2).collect();
        let all = Labels { fine: &fine, coarse: &coarse };
        for sampler in ALL {
            let at = |epoch| sampler.places(all, 8, Seed::new(1).at(epoch));
            assert_eq!(at(3), at(3), "{sampler:?}");
            assert_ne!(at(3), at(4), "{sampler:?}");
            assert!(at(3).len().is_multiple_of(8), "{sampler:?}: 64 photos are 8 batches");
            assert_eq!(at(3).len(), 64);
        }
    }

    #[test]
    fn m_of_a_label_stand_together_and_differ_where_they_can() {
        let fine = labels(&[9, 1, 30, 4, 20]);
        let all = Labels { fine: &fine, coarse: &[] };
        let sampler = Sampler::MPerClassSampler { m: 4 };
        let places = sampler.places(all, 16, Seed::new(2));
        assert_eq!(places.len(), 64);
        for batch in places.chunks(16) {
            let mut met: Vec<u32> = Vec::new();
            for group in batch.chunks(4) {
                let label = fine[group[0] as usize];
                assert!(group.iter().all(|&place| fine[place as usize] == label));
                assert!(!met.contains(&label), "a label comes once a batch");
                met.push(label);
                let mut own = group.to_vec();
                own.sort_unstable();
                own.dedup();
                assert_eq!(own.len(), if label == 1 { 1 } else { 4 });
            }
        }
        assert_eq!(sampler.check(all, 16), Ok(()));
        assert!(sampler.gives_pairs() && !Sampler::MPerClassSampler { m: 1 }.gives_pairs());
        insta::assert_snapshot!(sampler.check(all, 18).unwrap_err(), @"MPerClassSampler puts 4 photos of a label together, so batch must be a multiple of 4, not 18");
        insta::assert_snapshot!(sampler.check(all, 24).unwrap_err(), @"MPerClassSampler needs 6 labels in a batch, the training photos have 5; take a smaller batch");
    }

    #[test]
    fn balanced_shows_every_label_equally_often() {
        let fine = labels(&[9, 1, 30, 4, 20]);
        let places = Sampler::ClassBalancedSampler {}.places(Labels { fine: &fine, coarse: &[] }, 8, Seed::new(2));
        assert!(shown(&fine, &places).iter().all(|n| [12, 13].contains(n)), "{:?}", shown(&fine, &places));
        let thirty: Vec<u32> = places.iter().copied().filter(|&place| fine[place as usize] == 2).collect();
        let mut own = thirty.clone();
        own.sort_unstable();
        own.dedup();
        assert_eq!(own.len(), thirty.len(), "no photo twice before all were shown");
    }

    #[test]
    fn weights_follow_the_power() {
        let fine = labels(&[1000, 10]);
        let share = |power: f64| {
            let mut rare = 0;
            for epoch in 0..20 {
                let all = Labels { fine: &fine, coarse: &[] };
                let places = Sampler::WeightedRandomSampler { power }.places(all, 8, Seed::new(3).at(epoch));
                rare += shown(&fine, &places)[1];
            }
            f64::from(rare as u32) / (20.0 * 1010.0)
        };
        // 10 of 1010; 10^0.5 / (10^0.5 + 1000^0.5) = 1 / 11; half.
        for (power, expected) in [(0.0, 10.0 / 1010.0), (-0.5, 1.0 / 11.0), (-1.0, 0.5)] {
            assert!((share(power) - expected).abs() < 0.012, "{power}: {}", share(power));
        }
    }

    #[test]
    fn a_hierarchical_batch_stays_within_its_coarse_labels() {
        let fine = labels(&[9, 1, 30, 4, 20, 6, 6]);
        let coarse: Vec<u32> = fine.iter().map(|label| label / 2).collect();
        let all = Labels { fine: &fine, coarse: &coarse };
        let sampler = Sampler::HierarchicalSampler { samples_per_class: 2, super_classes_per_batch: 2 };
        let places = sampler.places(all, 12, Seed::new(4));
        assert_eq!(places.len(), 72);
        for batch in places.chunks(12) {
            let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
            batch.iter().for_each(|&place| *counts.entry(coarse[place as usize]).or_default() += 1);
            assert_eq!(counts.into_values().collect::<Vec<_>>(), [6, 6]);
            assert!(shown(&fine, batch).iter().all(|n| n.is_multiple_of(2)));
        }
        let none = Labels { fine: &fine, coarse: &[] };
        insta::assert_snapshot!(sampler.check(none, 12).unwrap_err(), @"HierarchicalSampler needs 2 coarse labels in a batch, the training photos have 0; take fewer super_classes_per_batch, or name a coarse label in [data.columns] of toji.toml");
        assert!(sampler.check(all, 10).is_err());
    }

    #[test]
    fn nothing_breaks_on_few_photos() {
        for n in [0usize, 1, 2, 3] {
            let fine = labels(&vec![1; n]);
            for sampler in ALL {
                let places = sampler.places(Labels { fine: &fine, coarse: &fine }, 8, Seed::new(1));
                assert!(places.iter().all(|&place| (place as usize) < n), "{sampler:?}");
                assert!(n == 0 || !places.is_empty());
            }
        }
    }
}
