//! Two to six recipes side by side.
//!
//! Takes recipes and what of them lies in the store; gives only what differs: settings, scores with the paired difference to the first
//! recipe, what each cost, and the queries whose worth moved. All are looked at on one rung, the highest on which each has a score, since
//! differences are paired only on the same folds. Nothing is trained: what is not there is said with the command that makes it.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde::Serialize;

use super::queries::{self, Queries};
use crate::base::{Key, Seed, Value};
use crate::score::bootstrap::{self, Delta};
use crate::score::metric::Score;
use crate::session::snapshot;
use crate::session::stages::Task;
use crate::session::stages::score::{BOOTSTRAP, FILE};
use crate::session::{Graph, Ladder, Photos, Project, Recipe, Rung, SessionError};

/// How many recipes are compared at once.
pub const RECIPES: std::ops::RangeInclusive<usize> = 2..=6;
/// Queries that a comparison tells one by one; of the others it tells how many there are.
const MOVED: usize = 500;

/// What differs between recipes; the first is the one that the others are compared with.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// One a recipe, in the order in which they were named.
    pub sides: Vec<Side>,
    /// Settings that are not the same in all, by their place in the recipe.
    pub differences: Vec<Difference>,
    /// Queries that at least one recipe answers better or worse than the first, the most moved first.
    pub moved: Vec<Moved>,
    /// How many moved in all.
    pub moved_in_all: usize,
    /// Why there is no comparison, where there is none.
    pub missing: Option<String>,
}

/// One recipe of a comparison.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Side {
    /// Its name.
    pub recipe: String,
    /// Its first heading.
    pub title: String,
    /// The rung that is looked at.
    pub rung: String,
    /// Its score there.
    pub score: Option<snapshot::Score>,
    /// The score of each training, in order of fold and seed.
    pub trainings: Vec<(String, f64)>,
    /// This recipe minus the first over the queries that both answered.
    pub delta: Option<Delta>,
    /// Why there is no score, or no difference, with what makes one.
    pub why: Option<String>,
    /// What it took.
    pub cost: Cost,
}

/// What a recipe's stages up to its rung took, each stage once: what two recipes share is counted in both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Cost {
    /// Seconds of the stages in the store.
    pub seconds: f64,
    /// Seconds of these that were training.
    pub training: f64,
    /// Bytes of their artefacts.
    pub bytes: u64,
    /// Stages that are not in the store.
    pub missing: usize,
    /// Parameters of the network; `None` for an ensemble.
    pub parameters: Option<u64>,
    /// Multiply-adds for one picture.
    pub multiply_adds: Option<u64>,
}

/// A setting that is not the same in all recipes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// `[loss] margin`.
    pub key: String,
    /// What each recipe has there, as it would stand in a cell; `None` where it has nothing.
    pub values: Vec<Option<String>>,
}

/// A query that not all recipes answer alike.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Moved {
    /// The photo's id.
    pub id: String,
    /// Its label.
    pub label: Option<String>,
    /// Which training answered: "fold 0".
    pub training: String,
    /// In each recipe the rank of the first right answer; `None`: not among the best k, or not answered.
    pub first: Vec<Option<usize>>,
    /// In each recipe what it is worth to the metric, 0 to 1; `None`: not answered.
    pub value: Vec<Option<f32>>,
}

impl Comparison {
    /// None, for a reason.
    pub fn missing(recipes: &[String], why: String) -> Comparison {
        let side = |recipe: &String| Side { recipe: recipe.clone(), ..Side::default() };
        Comparison { sides: recipes.iter().map(side).collect(), missing: Some(why), ..Comparison::default() }
    }

    /// Whether it is about these recipes in this order.
    pub fn is_of(&self, recipes: &[String]) -> bool {
        self.sides.iter().map(|side| &side.recipe).eq(recipes)
    }
}

impl Moved {
    /// The largest gain or loss of any recipe against the first.
    pub fn change(&self) -> f32 {
        let Some(Some(first)) = self.value.first() else { return 0.0 };
        let changes = self.value.iter().skip(1).flatten().map(|value| value - first);
        changes.fold(0.0, |most: f32, change| if change.abs() > most.abs() { change } else { most })
    }
}

/// A recipe that is looked at on a rung.
struct Looked<'a> {
    recipe: &'a Recipe,
    graph: Result<Graph, String>,
}

/// The recipes, looked at on a rung.
pub struct Asked<'a> {
    project: &'a Project,
    photos: &'a Photos,
    looked: Vec<Looked<'a>>,
}

impl<'a> Asked<'a> {
    /// Looks for the rung on which they are compared: the named one, or the highest on which each has a score, or else each on its own highest.
    ///
    /// # Errors
    /// When there are fewer than two recipes or more than six, one is named twice, has mistakes, or has no rung of that name.
    pub fn of(
        project: &'a Project,
        photos: &'a Photos,
        recipes: &[&'a Recipe],
        rung: Option<&str>,
    ) -> Result<Asked<'a>, SessionError> {
        if !RECIPES.contains(&recipes.len()) {
            let (least, most) = (RECIPES.start(), RECIPES.end());
            return Err(SessionError::Misuse(format!("{least} to {most} recipes are compared, not {}", recipes.len())));
        }
        let mut names = HashSet::new();
        for recipe in recipes {
            if !names.insert(&recipe.name) {
                return Err(SessionError::Misuse(format!("{} is named twice", recipe.name)));
            }
            if recipe.is_broken() {
                return Err(SessionError::Mistakes(format!("{} has mistakes; its page shows them", recipe.name)));
            }
        }
        let rungs = match rung {
            Some(name) => recipes.iter().map(|recipe| recipe.rung(Some(name))).collect::<Result<Vec<_>, _>>()?,
            None => common(project, photos, recipes)?,
        };
        let graph = |recipe: &Recipe, rung: &Rung| {
            Graph::of(project, recipe, photos, rung).map_err(|error| crate::session::brew::chain(&error))
        };
        let looked: Vec<Looked<'a>> =
            recipes.iter().zip(&rungs).map(|(recipe, rung)| Looked { recipe, graph: graph(recipe, rung) }).collect();
        Ok(Asked { project, photos, looked })
    }

    /// Compares.
    ///
    /// # Errors
    /// When what the store holds cannot be read.
    pub fn compare(&self) -> Result<Comparison, SessionError> {
        let mut sides: Vec<Side> = self.looked.iter().map(|one| self.side(one)).collect::<Result<_, _>>()?;
        let scores: Vec<Option<(Score, Key)>> =
            self.looked.iter().map(|one| self.score(one)).collect::<Result<_, _>>()?;
        let labels = self.photos.labels();
        let group = |photo: u32| labels.get(photo as usize).copied().flatten().unwrap_or(u32::MAX);
        let reference = sides.first().map(|side| side.recipe.clone()).unwrap_or_default();
        for (side, score) in sides.iter_mut().zip(&scores).skip(1) {
            let (Some(Some((first, folds))), Some((own, own_folds))) = (scores.first(), score) else { continue };
            if folds != own_folds {
                side.why = Some(format!("it examines other queries than {reference}: [folds], or the photos, differ"));
                continue;
            }
            match bootstrap::paired(own, first, group, Seed::new(BOOTSTRAP)) {
                Ok(delta) => side.delta = Some(delta),
                Err(error) => side.why = Some(error.to_string()),
            }
        }
        let recipes: Vec<&Recipe> = self.looked.iter().map(|one| one.recipe).collect();
        let mut moved = self.moved();
        let moved_in_all = moved.len();
        moved.truncate(MOVED);
        Ok(Comparison { sides, differences: differences(&recipes), moved, moved_in_all, missing: None })
    }

    fn side(&self, one: &Looked<'_>) -> Result<Side, SessionError> {
        let (recipe, title) = (one.recipe.name.clone(), one.recipe.book.title.clone());
        let graph = match &one.graph {
            Ok(graph) => graph,
            Err(why) => return Ok(Side { recipe, title, why: Some(why.clone()), ..Side::default() }),
        };
        let rung = graph.rung.to_string();
        let score = self.score(one)?.map(|(score, _)| snapshot::Score {
            metric: score.metric.clone(),
            value: score.value,
            interval: score.interval,
            queries: score.queries.len(),
            stale: false,
        });
        let why = score.is_none().then(|| format!("no score up to {rung}: toji run {recipe} --rung {rung}"));
        let mut trainings = Vec::new();
        if score.is_some() {
            let meta = self.project.store.meta("score", &graph.stage(Task::Score)?.artefact())?;
            let parts: Option<Vec<f64>> = meta.and_then(|meta| meta.facts.get("folds")?.decode().ok());
            trainings = graph.slots.iter().map(ToString::to_string).zip(parts.unwrap_or_default()).collect();
        }
        let mut cost = Cost::default();
        if let Some((network, _)) = self.project.cost(one.recipe) {
            cost.parameters = Some(network.parameters as u64);
            cost.multiply_adds = Some(network.multiply_adds);
        }
        let mut counted = HashSet::new();
        for stage in graph.nodes.iter().map(|node| &node.stage) {
            if !counted.insert((stage.name, stage.artefact())) {
                continue;
            }
            match self.project.store.meta(stage.name, &stage.artefact())? {
                Some(meta) => {
                    cost.seconds += meta.seconds;
                    cost.training += if stage.name == "fit" { meta.seconds } else { 0.0 };
                    cost.bytes += meta.bytes;
                }
                None => cost.missing += 1,
            }
        }
        Ok(Side { recipe, title, rung, score, trainings, delta: None, why, cost })
    }

    /// A recipe's score in the store, and the folds that it is on.
    fn score(&self, one: &Looked<'_>) -> Result<Option<(Score, Key)>, SessionError> {
        let Ok(graph) = &one.graph else { return Ok(None) };
        let key = graph.stage(Task::Score)?.artefact();
        if !self.project.store.has("score", &key) {
            return Ok(None);
        }
        let score = Score::load(&self.project.store.folder("score", &key)?.join(FILE))?;
        Ok(Some((score, graph.stage(Task::Fold)?.artefact())))
    }

    /// The queries that moved, the most moved first; none where lists are missing or examine other queries.
    fn moved(&self) -> Vec<Moved> {
        let lists = |one: &Looked<'_>| {
            let graph = one.graph.as_ref().ok()?;
            Queries::of(self.project, self.photos, graph, &one.recipe.name).ok()
        };
        let mut all = self.looked.iter().map(lists);
        let Some(Some(first)) = all.next() else { return Vec::new() };
        let others: Vec<Option<Queries>> = all.collect();
        moved(&first, &others)
    }
}

/// On which rungs recipes are compared.
fn common(project: &Project, photos: &Photos, recipes: &[&Recipe]) -> Result<Vec<Rung>, SessionError> {
    let is_scored = |recipe: &Recipe, rung: &Rung| {
        let stage = Graph::of(project, recipe, photos, rung).and_then(|graph| Ok(graph.stage(Task::Score)?.artefact()));
        stage.is_ok_and(|key| project.store.has("score", &key))
    };
    // By name: a rung of one recipe is paired with that of the same name of another.
    let mut known: Vec<Vec<Rung>> = Vec::new();
    for recipe in recipes {
        let ladder = Ladder::of(recipe)?;
        known.push(ladder.rungs().iter().rev().filter(|rung| is_scored(recipe, rung)).cloned().collect());
    }
    let named = |rungs: &[Rung], name: &str| rungs.iter().find(|rung| rung.name == name).cloned();
    for rung in known.first().into_iter().flatten() {
        let all: Option<Vec<Rung>> = known.iter().map(|rungs| named(rungs, &rung.name)).collect();
        if let Some(all) = all {
            return Ok(all);
        }
    }
    let own = |(recipe, rungs): (&&Recipe, &Vec<Rung>)| rungs.first().cloned().map_or_else(|| recipe.rung(None), Ok);
    recipes.iter().zip(&known).map(own).collect()
}

/// Settings that are not the same in all recipes.
pub(in crate::session::errands) fn differences(recipes: &[&Recipe]) -> Vec<Difference> {
    let Some((first, others)) = recipes.split_first() else { return Vec::new() };
    let changes = others.iter().flat_map(|other| other.settings().changes_from(first.settings()));
    let names: BTreeSet<String> = changes.map(|change| change.name).filter(|name| !is_about(name)).collect();
    // Where two lists of the same length differ in one place and a third is longer, the whole list is told.
    let within = |name: &str, whole: &str| {
        name.strip_prefix(whole).is_some_and(|rest| rest.starts_with('.') || rest.starts_with('['))
    };
    let shown = names.iter().filter(|name| !names.iter().any(|whole| within(name, whole)));
    let told = |name: &String| Difference {
        key: spelled(name),
        values: recipes.iter().map(|recipe| at(recipe.settings(), name).map(Value::to_string)).collect(),
    };
    shown.map(told).collect()
}

/// What says which recipe it is, and changes no number by itself.
pub(in crate::session::errands) fn is_about(name: &str) -> bool {
    name == "recipe.extends"
}

/// `[loss] margin` of `loss.margin`.
fn spelled(name: &str) -> String {
    let (table, rest) = name.split_at(name.find(['.', '[']).unwrap_or(name.len()));
    format!("[{table}] {}", rest.trim_start_matches('.')).trim_end().to_owned()
}

/// The value of a name as [`Value::changes_from`] gives it: tables by name, lists by place.
fn at<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let steps = name.split(['.', '[']).map(|step| step.trim_end_matches(']'));
    steps.filter(|step| !step.is_empty()).try_fold(value, |value, step| match value {
        Value::Table(map) => map.get(step),
        Value::List(items) => items.get(step.parse::<usize>().ok()?),
        _ => None,
    })
}

/// Queries of the first recipe whose worth is another one in another recipe.
fn moved(first: &Queries, others: &[Option<Queries>]) -> Vec<Moved> {
    type Known = HashMap<(String, u32), (Option<usize>, f32)>;
    let known: Vec<Option<Known>> = others
        .iter()
        .map(|other| {
            let other = other.as_ref().filter(|other| first.examines_as(other))?;
            let one =
                |query: &queries::Query| ((other.training(query).to_owned(), query.photo), (query.first, query.value));
            Some(other.queries.iter().map(one).collect())
        })
        .collect();
    let mut moved: Vec<Moved> = Vec::new();
    for query in &first.queries {
        let training = first.training(query);
        let place = (training.to_owned(), query.photo);
        let theirs: Vec<Option<(Option<usize>, f32)>> =
            known.iter().map(|known| known.as_ref()?.get(&place).copied()).collect();
        if theirs.iter().flatten().all(|(_, value)| *value == query.value) {
            continue;
        }
        let seen = first.seen(query.photo);
        let all = || std::iter::once(Some((query.first, query.value))).chain(theirs.iter().copied());
        moved.push(Moved {
            id: seen.id,
            label: seen.label,
            training: training.to_owned(),
            first: all().map(|one| one.and_then(|(first, _)| first)).collect(),
            value: all().map(|one| one.map(|(_, value)| value)).collect(),
        });
    }
    // Losses before gains of the same size; what is equal stays in the tables' order.
    moved.sort_by(|a, b| {
        let (a, b) = (a.change(), b.change());
        b.abs().total_cmp(&a.abs()).then(a.total_cmp(&b))
    });
    moved
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::session::schema;

    fn recipe(name: &str, cells: &str) -> Recipe {
        let text = format!("# {name}\n\n```toml\n{cells}\n```\n");
        Recipe::from_texts(&[(PathBuf::from(format!("{name}.md")), text)], &schema::recipes()).unwrap()
    }

    #[test]
    fn only_what_differs_is_told_and_what_one_lacks_is_seen() {
        let a = recipe(
            "a",
            "[loss]\nname = \"ArcFaceLoss\"\nmargin = 17.2\n[post]\nsteps = [{ op = \"alpha-qe\", k = 3 }]",
        );
        let b = recipe(
            "b",
            "[loss]\nname = \"ArcFaceLoss\"\nmargin = 22.9\n[post]\nsteps = [{ op = \"alpha-qe\", k = 5 }]",
        );
        let told = differences(&[&a, &b]);
        let margin = told.iter().find(|d| d.key == "[loss] margin").unwrap();
        assert_eq!(margin.values, [Some("17.2".to_owned()), Some("22.9".to_owned())]);
        let k = told.iter().find(|d| d.key == "[post] steps[0].k").unwrap();
        assert_eq!(k.values, [Some("3".to_owned()), Some("5".to_owned())]);
        assert!(told.iter().all(|d| !d.key.contains("scale")), "{told:?}");
        // A third with another number of steps: the list is told as a whole, and no part of it besides.
        let c = recipe("c", "[loss]\nname = \"ArcFaceLoss\"\nmargin = 17.2");
        let told = differences(&[&a, &b, &c]);
        let post: Vec<&Difference> = told.iter().filter(|d| d.key.starts_with("[post]")).collect();
        assert_eq!(post.len(), 1, "{told:?}");
        assert_eq!(post[0].values.len(), 3);
        assert!(differences(&[&a, &a]).is_empty());
    }

    #[test]
    fn the_largest_change_counts_and_says_its_direction() {
        let moved = |values: &[Option<f32>]| Moved {
            id: String::new(),
            label: None,
            training: String::new(),
            first: Vec::new(),
            value: values.to_vec(),
        };
        assert_eq!(moved(&[Some(0.5), Some(1.0), Some(0.2)]).change(), 0.5);
        assert_eq!(moved(&[Some(1.0), None, Some(0.25)]).change(), -0.75);
        assert_eq!(moved(&[None, Some(1.0)]).change(), 0.0);
    }
}
