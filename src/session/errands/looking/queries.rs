//! Each query of a recipe with its answers, alone or beside another recipe's.
//!
//! Takes the ranked lists that lie in the store; gives each query's first right answer, what it is worth to the metric, and its
//! answers, hit or miss, with their similarity. Right is what [`crate::score::metric::judge()`] says. Two recipes are set side by side
//! query by query, where both examine the same folds. Nothing is trained: what is not there is told with the command that makes it.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;

use super::Seen;
use crate::base::{Key, KeyWriter};
use crate::data::Manifest;
use crate::retrieve::{ABSENT, Ranking};
use crate::score::metric::{Metric, judge};
use crate::session::stages::{Task, rank};
use crate::session::{Graph, Photos, Project, SessionError};

/// The queries of a recipe up to a rung.
#[derive(Clone, Debug, Default)]
pub struct Queries {
    /// The recipe.
    pub recipe: String,
    /// The rung.
    pub rung: String,
    /// "MRR@20".
    pub metric: String,
    /// Answers a query, at most.
    pub k: usize,
    /// The mean over all queries.
    pub value: f64,
    /// Why there are none, and what makes them.
    pub missing: Option<String>,
    /// Beside which recipe they stand.
    pub beside: Option<Beside>,
    /// One a query and training, in the tables' order.
    pub queries: Vec<Query>,
    lists: Vec<(String, Ranking)>,
    manifest: Arc<Manifest>,
    /// Of all that they are made of.
    key: Option<Key>,
    /// Of the folds that they examine.
    folds: Option<Key>,
}

/// By content, not by reading hundred thousands of lists.
impl PartialEq for Queries {
    fn eq(&self, other: &Queries) -> bool {
        let of = |q: &Queries| (q.key, q.recipe.clone(), q.missing.clone(), q.beside.clone());
        of(self) == of(other)
    }
}

/// Another recipe's answers to the same queries.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Beside {
    /// The other recipe.
    pub recipe: String,
    /// Queries that both answered.
    pub queries: usize,
    /// This recipe's mean over these.
    pub own: f64,
    /// The other's.
    pub other: f64,
    /// Queries that are worth less here than there.
    pub lost: usize,
    /// Queries that are worth more.
    pub won: usize,
    /// Why they cannot be compared, where they cannot.
    pub why: Option<String>,
}

/// What became of one query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Query {
    /// Its place in the manifest.
    pub photo: u32,
    /// The rank of the first right answer, from 1; `None`: not among the best k.
    pub first: Option<usize>,
    /// Right answers in the gallery, found or not.
    pub relevant: usize,
    /// What it is worth to the metric, 0 to 1.
    pub value: f32,
    /// The similarity of its first answer.
    pub similarity: f32,
    /// First rank and worth in the other recipe.
    pub other: Option<(Option<usize>, f32)>,
    list: usize,
    row: usize,
}

impl Query {
    /// How much more it is worth here than in the other recipe.
    pub fn change(&self) -> Option<f32> {
        self.other.map(|(_, value)| self.value - value)
    }
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// From 1.
    pub rank: usize,
    /// The photo; `None` for "not in the gallery".
    #[serde(flatten)]
    pub seen: Option<Seen>,
    /// Whether it is right.
    pub hit: bool,
    /// Cosine, or the score of the step that ranked.
    pub similarity: f32,
}

/// In which order queries are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Worth the least first; of these the surest mistakes first, and what the gallery cannot answer last.
    #[default]
    Worst,
    /// Most different from the other recipe first.
    Changed,
    /// Lost the most against the other recipe first.
    Lost,
    /// By label, within it the worst first.
    Label,
    /// As in the tables.
    Tables,
}

impl Order {
    /// All, with their names.
    pub const ALL: [(Order, &'static str); 5] = [
        (Order::Worst, "worst"),
        (Order::Changed, "changed"),
        (Order::Lost, "lost"),
        (Order::Label, "label"),
        (Order::Tables, "order"),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Order::ALL.into_iter().find(|(order, _)| *order == self).map_or("worst", |(_, name)| name)
    }

    /// Whether it needs another recipe.
    pub fn compares(self) -> bool {
        matches!(self, Order::Changed | Order::Lost)
    }
}

/// The keys of a graph's ranked lists, and the key of their folds; an error names what is missing and what makes it.
pub fn keys(project: &Project, graph: &Graph, recipe: &str) -> Result<(Vec<(String, Key)>, Key), SessionError> {
    let mut keys = Vec::new();
    for &slot in &graph.slots {
        let key = graph.stage(Task::Rank { slot })?.artefact();
        if !project.store.has("rank", &key) {
            let rung = &graph.rung;
            let text =
                format!("{recipe} has no lists up to {rung} in the store; toji run {recipe} --rung {rung} makes them");
            return Err(SessionError::Unfit(text));
        }
        keys.push((slot.to_string(), key));
    }
    Ok((keys, graph.stage(Task::Fold)?.artefact()))
}

impl Queries {
    /// The queries of a recipe, as its lists lie in the store.
    ///
    /// # Errors
    /// When lists are missing (the error names the command that makes them), or cannot be read.
    pub fn of(project: &Project, photos: &Photos, graph: &Graph, recipe: &str) -> Result<Queries, SessionError> {
        let (keys, folds) = keys(project, graph, recipe)?;
        let mut key = KeyWriter::new("queries");
        key.bytes(recipe.as_bytes()).key(&photos.key);
        let mut lists = Vec::new();
        for ((name, artefact), &slot) in keys.into_iter().zip(&graph.slots) {
            key.key(&artefact);
            let ranking = Ranking::load(&project.store.folder("rank", &artefact)?.join(rank::FILE))?;
            lists.push((name, ranking, graph.fold(slot).gallery.as_slice()));
        }
        let made = Queries::judged(&project.metric(), photos.manifest.clone(), lists)?;
        let (key, folds) = (Some(key.finish()), Some(folds));
        Ok(Queries { recipe: recipe.to_owned(), rung: graph.rung.to_string(), key, folds, ..made })
    }

    /// Judges lists: of each training its name, its ranking, and the gallery.
    ///
    /// # Errors
    /// When the metric has no such name, or lists do not fit the manifest.
    pub fn judged(
        metric: &str,
        manifest: Arc<Manifest>,
        lists: Vec<(String, Ranking, &[u32])>,
    ) -> Result<Queries, SessionError> {
        let counted: Metric = metric.parse()?;
        let labels: Vec<Option<u32>> = manifest.photos.iter().map(|photo| photo.label).collect();
        let mut made = Queries { metric: metric.to_owned(), manifest, ..Queries::default() };
        for (list, (name, ranking, gallery)) in lists.into_iter().enumerate() {
            for (row, judged) in judge(&ranking, &labels, gallery)?.iter().enumerate() {
                made.queries.push(Query {
                    photo: ranking.queries[row],
                    first: judged.ranks.first().copied(),
                    relevant: judged.relevant,
                    value: counted.part(judged),
                    similarity: ranking.list_scores(row).first().copied().unwrap_or(f32::NEG_INFINITY),
                    other: None,
                    list,
                    row,
                });
            }
            made.k = made.k.max(ranking.k);
            made.lists.push((name, ranking));
        }
        // Stable: a photo that is asked in several trainings keeps their order.
        made.queries.sort_by_key(|query| query.photo);
        made.value = mean(made.queries.iter().map(|query| query.value));
        Ok(made)
    }

    /// Sets another recipe's queries beside these.
    pub fn set_beside(&mut self, other: &Queries) {
        let mut beside = Beside { recipe: other.recipe.clone(), ..Beside::default() };
        self.queries.iter_mut().for_each(|query| query.other = None);
        if let Some(why) = &other.missing {
            beside.why = Some(why.clone());
        } else if self.folds != other.folds {
            let other = &other.recipe;
            beside.why = Some(format!("{other} examines other queries: [folds] or the photos differ"));
        } else {
            // The other's training of the same name.
            let twin: Vec<Option<usize>> =
                self.lists.iter().map(|(name, _)| other.lists.iter().position(|(known, _)| known == name)).collect();
            let known: HashMap<(usize, u32), (Option<usize>, f32)> =
                other.queries.iter().map(|query| ((query.list, query.photo), (query.first, query.value))).collect();
            let of = |query: &Query| known.get(&(twin.get(query.list).copied().flatten()?, query.photo)).copied();
            let found: Vec<_> = self.queries.iter().map(of).collect();
            self.queries.iter_mut().zip(found).for_each(|(query, found)| query.other = found);
            let both: Vec<(f32, f32)> =
                self.queries.iter().filter_map(|query| Some((query.value, query.other?.1))).collect();
            beside.queries = both.len();
            beside.own = mean(both.iter().map(|pair| pair.0));
            beside.other = mean(both.iter().map(|pair| pair.1));
            beside.lost = both.iter().filter(|(own, other)| own < other).count();
            beside.won = both.iter().filter(|(own, other)| own > other).count();
            if both.is_empty() {
                beside.why = Some(format!("{} answered none of these queries", other.recipe));
            }
        }
        self.key = self.key.zip(other.key).map(|(own, other)| {
            let mut key = KeyWriter::new("beside");
            key.key(&own).key(&other).finish()
        });
        self.beside = Some(beside);
    }

    /// Places in [`Queries::queries`], in an order.
    pub fn order(&self, order: Order) -> Vec<u32> {
        let mut places: Vec<u32> = (0..self.queries.len() as u32).collect();
        let query = |place: &u32| &self.queries[*place as usize];
        let worst = |a: &Query, b: &Query| {
            let (sure, than) = (b.similarity, a.similarity);
            let unanswerable = (a.relevant == 0).cmp(&(b.relevant == 0));
            a.value.total_cmp(&b.value).then(unanswerable).then(sure.total_cmp(&than))
        };
        let label = |query: &Query| {
            let label = self.manifest.photos.get(query.photo as usize).and_then(|photo| photo.label);
            (label.is_none(), label)
        };
        // Queries that only one recipe answered come last.
        let change = |a: &Query, b: &Query, by: fn(f32) -> f32| match (a.change(), b.change()) {
            (Some(a), Some(b)) => by(a).total_cmp(&by(b)).then(a.total_cmp(&b)),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        };
        match order {
            Order::Tables => {}
            Order::Worst => places.sort_by(|a, b| worst(query(a), query(b))),
            Order::Changed => places.sort_by(|a, b| change(query(a), query(b), |change| -change.abs())),
            Order::Lost => places.sort_by(|a, b| change(query(a), query(b), |change| change)),
            Order::Label => {
                places.sort_by(|a, b| label(query(a)).cmp(&label(query(b))).then(worst(query(a), query(b))))
            }
        }
        places
    }

    /// A photo, as people know it.
    pub fn seen(&self, photo: u32) -> Seen {
        Seen::of(&self.manifest, photo).unwrap_or_default()
    }

    /// Which training answered a query: "fold 0".
    pub fn training(&self, query: &Query) -> &str {
        self.lists.get(query.list).map_or("", |(name, _)| name)
    }

    /// The answers to a query, best first.
    pub fn answers(&self, query: &Query) -> Vec<Answer> {
        let Some((_, ranking)) = self.lists.get(query.list) else { return Vec::new() };
        let label = |photo: u32| self.manifest.photos.get(photo as usize).and_then(|photo| photo.label);
        let own = label(query.photo);
        let answer = |((&item, &similarity), rank): ((&u32, &f32), usize)| match item {
            // Said where nothing is right, it is right.
            ABSENT => Answer { rank, seen: None, hit: query.first == Some(rank), similarity },
            item => Answer { rank, seen: Some(self.seen(item)), hit: own.is_some() && label(item) == own, similarity },
        };
        ranking.list(query.row).iter().zip(ranking.list_scores(query.row)).zip(1..).map(answer).collect()
    }

    /// The query of an id; the first where several trainings answered it.
    pub fn find(&self, id: &str) -> Option<&Query> {
        let is_it = |query: &&Query| self.manifest.photos.get(query.photo as usize).is_some_and(|photo| photo.id == id);
        self.queries.iter().find(is_it)
    }

    /// Whether both examine the same queries among the same galleries.
    pub fn examines_as(&self, other: &Queries) -> bool {
        self.folds == other.folds
    }

    /// Whether two hold the same photos.
    pub fn shares_photos(&self, other: &Queries) -> bool {
        Arc::ptr_eq(&self.manifest, &other.manifest)
    }

    /// None, for a reason.
    pub fn missing(recipe: &str, why: String) -> Queries {
        Queries { recipe: recipe.to_owned(), missing: Some(why), ..Queries::default() }
    }
}

/// The mean in f64, in order; 0 of nothing.
fn mean(parts: impl Iterator<Item = f32>) -> f64 {
    let (sum, count) = parts.fold((0.0, 0_usize), |(sum, count), part| (sum + f64::from(part), count + 1));
    sum / count.max(1) as f64
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::data::Role;
    use crate::data::manifest::Photo;
    use crate::retrieve::NONE;

    fn manifest(labels: &[Option<u32>]) -> Arc<Manifest> {
        let photo = |(i, label): (usize, &Option<u32>)| Photo {
            id: format!("p{i}"),
            path: PathBuf::from(format!("images/{i}.jpg")),
            content: Key::of_bytes(&[i as u8]),
            label: *label,
            coarse: None,
            role: Role::Train,
            width: 4,
            height: 4,
            crop: None,
        };
        let photos = labels.iter().enumerate().map(photo).collect();
        Arc::new(Manifest { photos, labels: ["a", "b", "c"].map(str::to_owned).to_vec(), ..Manifest::default() })
    }

    /// Queries 0 (a), 1 (b), 2 (c, which the gallery lacks), 3 (b) among 4 (a), 5 (b), 6 (b).
    fn queries(lists: [[u32; 3]; 4], recipe: &str) -> Queries {
        let labels = [Some(0), Some(1), Some(2), Some(1), Some(0), Some(1), Some(1)];
        let scores = (0..4).flat_map(|i| [0.9 - 0.1 * i as f32, 0.4, 0.3]).collect();
        let ranking = Ranking { queries: vec![0, 1, 2, 3], k: 3, items: lists.concat(), scores };
        let made = Queries::judged("MRR@3", manifest(&labels), vec![("fold 0".into(), ranking, &[4, 5, 6])]).unwrap();
        let key = Some(Key::of_bytes(recipe.as_bytes()));
        Queries { recipe: recipe.to_owned(), key, ..made }
    }

    fn ids(of: &Queries, order: Order) -> Vec<u32> {
        of.order(order).iter().map(|place| of.queries[*place as usize].photo).collect()
    }

    #[test]
    fn ranks_worth_and_answers_are_those_of_the_metric() {
        let of = queries([[4, 5, 6], [4, 5, 6], [4, 5, NONE], [4, NONE, NONE]], "one");
        let told: Vec<_> = of.queries.iter().map(|q| (q.photo, q.first, q.relevant, q.value)).collect();
        assert_eq!(told, [(0, Some(1), 1, 1.0), (1, Some(2), 2, 0.5), (2, None, 0, 0.0), (3, None, 2, 0.0)]);
        assert_eq!(of.value, 1.5 / 4.0);
        let answers = of.answers(&of.queries[1]);
        let told: Vec<_> = answers.iter().map(|a| (a.rank, a.seen.as_ref().unwrap().id.as_str(), a.hit)).collect();
        assert_eq!(told, [(1, "p4", false), (2, "p5", true), (3, "p6", true)]);
        assert!((answers[0].similarity - 0.8).abs() < 1e-6);
        assert_eq!(of.answers(of.find("p3").unwrap()).len(), 1);
        assert_eq!(of.training(&of.queries[0]), "fold 0");
        assert_eq!(of.seen(1).label.as_deref(), Some("b"));
        // Photo 2's label is not in the gallery: "not in the gallery" is its right answer.
        let said = queries([[4, 5, 6], [4, 5, 6], [ABSENT, 5, NONE], [ABSENT, 5, NONE]], "one");
        let hits = |photo: usize| said.answers(&said.queries[photo]).iter().map(|a| a.hit).collect::<Vec<_>>();
        assert_eq!((hits(2), hits(3)), (vec![true, false], vec![false, true]));
        assert_eq!(said.answers(&said.queries[2])[0].seen, None);
    }

    #[test]
    fn the_worst_come_first_and_the_surest_of_these() {
        let of = queries([[4, 5, 6], [5, 4, 6], [4, 5, 6], [4, NONE, NONE]], "one");
        assert_eq!(ids(&of, Order::Worst), [3, 2, 0, 1], "what cannot be answered is no mistake of the list");
        assert_eq!(ids(&of, Order::Label), [0, 3, 1, 2]);
        assert_eq!(ids(&of, Order::Tables), [0, 1, 2, 3]);
    }

    #[test]
    fn two_recipes_are_paired_by_photo() {
        let mut own = queries([[4, 5, 6], [4, 5, 6], [4, 5, 6], [5, 4, NONE]], "own");
        let other = queries([[5, 6, 4], [5, 4, 6], [4, 5, 6], [4, 5, NONE]], "other");
        let alone = own.clone();
        own.set_beside(&other);
        assert_ne!(own, alone);
        let beside = own.beside.clone().unwrap();
        assert_eq!((beside.queries, beside.lost, beside.won, beside.why), (4, 1, 2, None));
        assert!((beside.own - 2.5 / 4.0).abs() < 1e-12 && (beside.other - (1.0 / 3.0 + 1.5) / 4.0).abs() < 1e-7);
        let changes: Vec<f32> = own.queries.iter().map(|q| q.change().unwrap()).collect();
        assert_eq!(changes, [1.0 - 1.0 / 3.0, -0.5, 0.0, 0.5]);
        assert_eq!((ids(&own, Order::Changed), ids(&own, Order::Lost)), (vec![0, 1, 3, 2], vec![1, 2, 3, 0]));
        // Other folds are other galleries: no rank there says anything here.
        let mut strangers = other.clone();
        strangers.folds = Some(Key::of_bytes(b"other folds"));
        own.set_beside(&strangers);
        assert_eq!(own.beside.unwrap().why.unwrap(), "other examines other queries: [folds] or the photos differ");
        assert!(own.queries.iter().all(|query| query.other.is_none()));
        let mut own = alone;
        own.set_beside(&Queries::missing("gone", "gone has no lists".to_owned()));
        assert_eq!(own.beside.unwrap().why.as_deref(), Some("gone has no lists"));
    }
}
