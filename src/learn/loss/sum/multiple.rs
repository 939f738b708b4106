//! Several losses on one embedding: MultipleLosses, and which label each of them goes by.
//!
//! Takes a recipe's `[loss]`, one loss or a list of them with weights; gives the sum of weight × loss. Each inner loss
//! keeps a head and buffers of its own, `0.weight`, `1.weight`, …, and may go by the coarse label, which makes it a
//! second head. As pytorch-metric-learning's `MultipleLosses`; the coarse head is HappyWhale 2022's first place
//! (knshnb/kaggle-happywhale-1st-place).

use candle_core::Tensor;
use serde::Deserialize;

use crate::base::{Seed, Value};
use crate::book::technique::{Default, Kind, Literal, Param, Status, Technique};
use crate::learn::loss::technique::LossSettings;
use crate::learn::loss::{Build, Counts, Forward, HEAD, HeadWeight, Loss, LossError, Moment, Targets, Wants};

/// The key `label` of every loss but [`ROW`].
pub(in crate::learn::loss) const LABEL: Param = Param::new(
    "label",
    Kind::Choice(&["label", "coarse"]),
    Default::Unsaid(Literal::Text("label")),
    "By which column of [data.columns] in toji.toml photos belong together: the scored label, or the coarse one. In the list of MultipleLosses a loss with \"coarse\" is a second head.",
);

/// A weighted sum of losses.
pub const ROW: Technique = Technique {
    name: "MultipleLosses",
    slot: "loss",
    about: "Several losses on one embedding, each with its weight; a second head on the coarse label.",
    details: "The loss of a batch is the sum of weights[i]·losses[i], and so is the gradient on the embedding. Each inner loss is \
written as in [loss], has its own defaults, its own head (in the checkpoint loss.0.weight, loss.1.weight, …), miner and memory. \
Values add as they are: ArcFaceLoss with scale 30 starts above 10, TripletMarginLoss below 1, so a weight of 1 for both does not \
share the work evenly. Look at what each loss is alone before choosing.

Two uses. A classifier with a loss over pairs: losses = [{ name = \"ArcFaceLoss\", margin = 17.2, scale = 30 }, \
{ name = \"TripletMarginLoss\" }] with a sampler of pairs (MPerClassSampler), common in person search (Luo et al. 2019, arXiv \
1903.07071), where the classifier orders the whole space and the pairs the neighbourhood. HappyWhale 2022's first place found a \
triplet loss no help.

A second head on a coarse label: { name = \"ArcFaceLoss\", label = \"coarse\" } asks the same embedding to tell breweries, \
species or categories apart as well. Labels of few photos then borrow from their coarse label, and what is taken for \
another is at least its neighbour. HappyWhale 2022's first place: whales and 26 species, two heads of sub-centers, weights \
0.437 and 0.563 (found by a search on a small network; species: scale 33.1, margin 0.226·n^-0.72 + 0.05). It needs `coarse` in \
[data.columns] of toji.toml and a coarse label for every training photo. Counts for margins and class weights are then those of the \
coarse labels.

Fails where the two contradict each other: a coarse label by which labels look alike in nothing (a warehouse, a year) pulls \
apart what the search needs together. Cost: each head's own; the network runs once.",
    params: &[
        Param::new(
            "losses",
            Kind::List { of: &Kind::OneOf { tag: "name", slot: "loss" }, min: 1, max: 8 },
            Default::Required,
            "The losses, each a table as [loss] has it.",
        ),
        Param::new(
            "weights",
            Kind::List { of: &Kind::Float { min: 1e-6, max: 1000.0 }, min: 1, max: 8 },
            Default::Absent,
            "What each loss is multiplied by before they are added; without it 1 each.",
        ),
    ],
    source: "pytorch_metric_learning.losses.MultipleLosses; knshnb/kaggle-happywhale-1st-place, src/train.py and config/default.yaml",
    status: Status::Built,
};

/// The label that photos belong together by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    /// The one that is scored.
    Label,
    /// The wider one.
    Coarse,
}

/// One loss with the label it goes by.
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    settings: LossSettings,
    level: Level,
}

/// A decoded `[loss]`.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::learn::loss) struct Asked {
    entries: Vec<Entry>,
    /// One for each; `None` where the table is one loss and no sum.
    weights: Option<Vec<f64>>,
}

/// The table of [`ROW`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(rename = "name")]
    _name: String,
    losses: Vec<Value>,
    weights: Option<Vec<f64>>,
}

/// A `[loss]` as a key has it: weights that are all 1 say no more than leaving them away, and writing them trains nothing again.
pub fn for_key(table: &Value) -> Value {
    let mut table = table.clone();
    if let (true, Value::Table(keys)) = (is_multiple(&table), &mut table)
        && matches!(keys.get("weights"), Some(Value::List(all)) if all.iter().all(|weight| *weight == Value::Float(1.0)))
    {
        keys.remove("weights");
    }
    table
}

fn is_multiple(table: &Value) -> bool {
    table.get("name").and_then(Value::as_text) == Some(ROW.name)
}

fn contradiction(problem: impl Into<String>) -> LossError {
    LossError::Contradiction { loss: ROW.name, problem: problem.into() }
}

impl Asked {
    /// Reads a table.
    ///
    /// # Errors
    /// When it does not decode, the weights are not as many as the losses, or a sum stands in a sum.
    pub(in crate::learn::loss) fn read(table: &Value) -> Result<Asked, LossError> {
        if !is_multiple(table) {
            return Ok(Asked { entries: vec![Entry::read(table)?], weights: None });
        }
        let written: Written = table.decode()?;
        let entry = |(place, table): (usize, &Value)| Entry::read(table).map_err(|error| error.inside(place));
        let entries: Vec<Entry> = written.losses.iter().enumerate().map(entry).collect::<Result<_, _>>()?;
        let weights = written.weights.unwrap_or_else(|| vec![1.0; entries.len()]);
        if weights.len() != entries.len() {
            let problem = format!("{} losses and {} weights: write one weight for each", entries.len(), weights.len());
            return Err(LossError::At { key: "weights".to_owned(), source: Box::new(contradiction(problem)) });
        }
        Ok(Asked { entries, weights: Some(weights) })
    }

    /// The losses with their places, which only a sum's have.
    fn each(&self) -> impl Iterator<Item = (Option<usize>, &Entry)> {
        let is_sum = self.weights.is_some();
        self.entries.iter().enumerate().map(move |(place, entry)| (is_sum.then_some(place), entry))
    }

    /// As [`Build::check`], for each loss.
    pub(in crate::learn::loss) fn check(&self, batch: usize) -> Result<(), LossError> {
        self.each().try_for_each(|(place, entry)| within(place, entry.settings.check(batch)))
    }

    /// The key of the first loss that goes by the coarse label.
    pub(in crate::learn::loss) fn coarse(&self) -> Option<String> {
        let mut each = self.each();
        each.find(|(_, entry)| entry.level == Level::Coarse).map(|(place, _)| format!("{}.label", key_of(place)))
    }

    /// The key and the name of the first loss that wants pairs.
    pub(in crate::learn::loss) fn pairs(&self) -> Option<(String, &'static str)> {
        // How many classes there are does not matter for what it wants.
        let built = self.each().map(|(place, entry)| (place, entry.settings.clone().build(8, &[4; 8])));
        let mut wanting = built.filter_map(|(place, loss)| Some((place, loss.ok()?)));
        wanting
            .find(|(_, loss)| loss.sampler() == Wants::Pairs)
            .map(|(place, loss)| (format!("{}.name", key_of(place)), loss.name()))
    }

    /// The first loss with sub-centers that goes by the scored label: where its directions lie in a checkpoint, and how many
    /// each class has.
    pub(in crate::learn::loss) fn sub_centers(&self) -> Option<(String, usize)> {
        self.each().find_map(|(place, entry)| match &entry.settings {
            LossSettings::SubCenterArcFaceLoss(settings) if entry.level == Level::Label => {
                let place = place.map_or_else(String::new, |place| format!("{place}."));
                Some((format!("{HEAD}{place}weight"), settings.sub_centers))
            }
            _ => None,
        })
    }

    /// The loss, for embeddings of so many numbers.
    pub(in crate::learn::loss) fn build(
        self,
        dimensions: usize,
        counts: Counts<'_>,
    ) -> Result<Box<dyn Loss>, LossError> {
        let each: Vec<(Option<usize>, Entry)> = self.each().map(|(place, entry)| (place, entry.clone())).collect();
        let mut losses = each.into_iter().map(|(place, entry)| within(place, entry.build(dimensions, counts)));
        match &self.weights {
            None => losses.next().unwrap_or_else(|| Err(contradiction("there is no loss"))),
            Some(weights) => {
                let losses = losses.collect::<Result<Vec<_>, _>>()?;
                Ok(Box::new(MultipleLosses { losses: weights.iter().copied().zip(losses).collect() }))
            }
        }
    }
}

/// The dotted name of a loss's table.
fn key_of(place: Option<usize>) -> String {
    place.map_or_else(|| "loss".to_owned(), |place| format!("loss.losses[{place}]"))
}

fn within<T>(place: Option<usize>, result: Result<T, LossError>) -> Result<T, LossError> {
    match place {
        Some(place) => result.map_err(|error| error.inside(place)),
        None => result,
    }
}

impl Entry {
    fn read(table: &Value) -> Result<Entry, LossError> {
        if is_multiple(table) {
            return Err(contradiction("stands in the list of another: write its losses there themselves"));
        }
        let mut table = table.clone();
        let level = if let Value::Table(keys) = &mut table { keys.remove("label") } else { None };
        let level = level.map_or(Ok(Level::Label), |level| level.decode())?;
        Ok(Entry { settings: table.decode()?, level })
    }

    fn build(self, dimensions: usize, counts: Counts<'_>) -> Result<Box<dyn Loss>, LossError> {
        let of_level = if self.level == Level::Coarse { counts.coarse } else { counts.classes };
        let loss = self.settings.build(dimensions, of_level)?;
        if of_level.len() < 2 {
            return Err(LossError::TooFewClasses { loss: loss.name(), needs: 2, classes: of_level.len() });
        }
        Ok(if self.level == Level::Coarse { Box::new(ByCoarse(loss)) } else { loss })
    }
}

/// A loss whose classes are the coarse ones.
struct ByCoarse(Box<dyn Loss>);

impl Loss for ByCoarse {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn head_len(&self) -> usize {
        self.0.head_len()
    }

    fn head(&self, seed: Seed) -> Result<Vec<HeadWeight>, LossError> {
        self.0.head(seed)
    }

    fn forward(
        &self,
        head: &[Tensor],
        embeddings: &Tensor,
        targets: &Targets<'_>,
        at: Moment,
    ) -> Result<Forward, LossError> {
        self.0.forward(head, embeddings, &Targets::new(targets.coarse), at)
    }

    fn sampler(&self) -> Wants {
        self.0.sampler()
    }
}

/// Losses with their weights.
struct MultipleLosses {
    losses: Vec<(f64, Box<dyn Loss>)>,
}

impl Loss for MultipleLosses {
    fn name(&self) -> &'static str {
        ROW.name
    }

    fn head_len(&self) -> usize {
        self.losses.iter().map(|(_, loss)| loss.head_len()).sum()
    }

    /// The heads one after the other, each name behind its loss's place: `0.weight`.
    fn head(&self, seed: Seed) -> Result<Vec<HeadWeight>, LossError> {
        let mut all = Vec::new();
        for (place, (_, loss)) in self.losses.iter().enumerate() {
            let head = loss.head(seed.at(place as u64)).map_err(|error| error.inside(place))?;
            all.extend(head.into_iter().map(|part| HeadWeight { name: format!("{place}.{}", part.name), ..part }));
        }
        Ok(all)
    }

    fn forward(
        &self,
        head: &[Tensor],
        embeddings: &Tensor,
        targets: &Targets<'_>,
        at: Moment,
    ) -> Result<Forward, LossError> {
        if head.len() != self.head_len() {
            return Err(contradiction(format!("its heads have {} tensors, got {}", self.head_len(), head.len())));
        }
        let candle = |source| LossError::Candle { loss: ROW.name, source };
        let (mut sum, mut buffers, mut first): (Option<Tensor>, _, _) = (None, Vec::new(), 0);
        for (place, (weight, loss)) in self.losses.iter().enumerate() {
            let own = &head[first..first + loss.head_len()];
            let at = Moment { seed: at.seed.at(place as u64), ..at };
            let fall = loss.forward(own, embeddings, targets, at).map_err(|error| error.inside(place))?;
            let value = (fall.value * *weight).map_err(candle)?;
            sum = Some(match sum {
                None => value,
                Some(sum) => (sum + value).map_err(candle)?,
            });
            buffers.extend(fall.buffers.into_iter().map(|(place, tensor)| (first + place, tensor)));
            first += own.len();
        }
        let value = sum.ok_or_else(|| contradiction("there is no loss"))?;
        Ok(Forward { value, buffers })
    }

    fn sampler(&self) -> Wants {
        let pairs = self.losses.iter().any(|(_, loss)| loss.sampler() == Wants::Pairs);
        if pairs { Wants::Pairs } else { Wants::Any }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_one_are_in_no_key() {
        let key = |weights: &str| {
            let losses = r#""losses": [{"name": "SupConLoss", "weights": [1.0]}, {"name": "AdaCos"}]"#;
            let text = format!(r#"{{"name": "MultipleLosses", {losses}{weights}}}"#);
            for_key(&serde_json::from_str(&text).unwrap())
        };
        assert_eq!(key(r#", "weights": [1.0, 1.0]"#), key(""));
        assert_ne!(key(r#", "weights": [1.0, 0.5]"#), key(""));
        // What another loss may call weights is its own.
        assert!(key("").to_string().contains("weights"));
        let other = serde_json::from_str::<Value>(r#"{"name": "AdaCos", "weights": [1.0]}"#).unwrap();
        assert_eq!(for_key(&other), other);
    }
}
