//! Which way of computing the metric gives the number on the leaderboard.
//!
//! Takes a recipe whose lists are in the store, or a submission with the truth about its queries; gives the number of every variant of
//! [`crate::score::metric::lab`], and whether it is the leaderboard's. With the truth that is a question of rounding. Without it the
//! held-out queries stand for the host's, and a variant explains the leaderboard when its number is within what another draw of queries
//! would move it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use serde::Serialize;

use crate::base::{Key, Seed, files};
use crate::dag::{Board, Runs};
use crate::data::Role;
use crate::data::table::{Table, Texts};
use crate::retrieve::{ABSENT, NONE, Ranking};
use crate::score::Metric;
use crate::score::ledger::{self, Part};
use crate::score::metric::lab::{self, Query};
use crate::score::submission;
use crate::session::stages::score::BOOTSTRAP;
use crate::session::stages::{Task, rank};
use crate::session::{Graph, Photos, Project, Recipe, Rung, SessionError};

/// Deviations within which a number passes for the same.
const DEVIATIONS: f64 = 1.96;

/// Lists that are judged.
pub struct Evidence {
    /// What they are, in words.
    pub what: String,
    /// The queries.
    pub queries: Vec<Query>,
    /// Queries of the host that the leaderboard may be over; `None`: these are the host's own, and their number is exact.
    pub host: Option<usize>,
}

/// One variant beside the leaderboard.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// What it is called, what it does, its number and how far that moves.
    #[serde(flatten)]
    pub found: lab::Found,
    /// The leaderboard's number may differ by so much.
    pub within: f64,
    /// Whether it does not differ by more.
    pub explains: bool,
}

/// The held-out lists of a recipe up to a rung, as they lie in the store.
///
/// # Errors
/// When the recipe does not fit the photos, or was not run up to there.
pub fn held_out(project: &Project, recipe: &Recipe, photos: &Photos, rung: &Rung) -> Result<Evidence, SessionError> {
    of_mrr(project)?;
    let graph = Graph::of(project, recipe, photos, rung)?;
    let coarse: Vec<Option<u32>> = photos.manifest.photos.iter().map(|photo| photo.coarse).collect();
    let coarse = coarse.iter().any(Option::is_some).then_some(&coarse[..]);
    let mut queries = Vec::new();
    for &slot in &graph.slots {
        let key = graph.stage(Task::Rank { slot })?.artefact();
        if !project.store.has("rank", &key) {
            let text = format!(
                "{} has no lists up to {rung} in the store; toji run {} --rung {rung} makes them",
                recipe.name, recipe.name
            );
            return Err(SessionError::Unfit(text));
        }
        let ranking = Ranking::load(&project.store.folder("rank", &key)?.join(rank::FILE))?;
        let gallery = &graph.fold(slot).gallery;
        queries.extend(Query::all(&ranking, &photos.labels(), coarse, gallery, project.competition.k)?);
    }
    // Where the tables name none yet, the host is taken to ask as many.
    let host = Some(photos.manifest.with_role(&[Role::Query, Role::Both]).count()).filter(|&count| count > 0);
    let host = host.unwrap_or(queries.len());
    let what = format!("{} held-out queries of {} up to {rung}", queries.len(), recipe.name);
    Ok(Evidence { what, queries, host: Some(host) })
}

/// What the laboratory says of a submission, for a viewer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The submission.
    pub hash: Key,
    /// Its recipe.
    pub recipe: String,
    /// Its public score, as it was shown.
    pub lb: String,
    /// What was judged, or why nothing could be.
    pub what: String,
    /// The public score as a number.
    pub score: f64,
    /// Every variant, the nearest to the public score first; none where nothing could be judged.
    pub verdicts: Vec<Verdict>,
}

/// The held-out lists of a submission's recipe beside its public score.
///
/// # Errors
/// When no line of the ledger made it, it has no public score, or the recipe's lists are not in the store.
pub fn report(project: &Project, photos: &Photos, hash: &Key) -> Result<Report, SessionError> {
    let ledger = ledger::load(&project.root.join(crate::session::errands::submit::LEDGER))?;
    let unfit = |text: &str| SessionError::Unfit(text.to_owned());
    let entry = ledger.entry(hash).ok_or_else(|| unfit("it is no longer in the ledger"))?;
    let placed = ledger.placed(hash, Part::Public).ok_or_else(|| unfit("it has no public score yet"))?;
    let recipe = project.recipe(&entry.recipe)?;
    if recipe.is_broken() {
        return Err(SessionError::Mistakes(format!("{} has mistakes by now", recipe.name)));
    }
    let rung = Some(entry.rung.clone()).filter(|rung| !rung.is_empty()).or_else(|| last_rung(project, &recipe.name));
    let evidence = held_out(project, &recipe, photos, &recipe.rung(rung.as_deref())?)?;
    let mut verdicts = compare(&evidence, project.competition.k, placed.score, placed.shown().half());
    verdicts.sort_by(|a, b| {
        let off = |verdict: &Verdict| (verdict.found.value - placed.score).abs();
        off(a).total_cmp(&off(b))
    });
    let changed = if recipe.key() == entry.recipe_hash {
        ""
    } else {
        "; the recipe has changed since, its lists of now are judged"
    };
    Ok(Report {
        hash: *hash,
        recipe: entry.recipe.clone(),
        lb: placed.shown().to_string(),
        what: format!("{}{changed}", evidence.what),
        score: placed.score,
        verdicts,
    })
}

/// The variants are those of one metric.
fn of_mrr(project: &Project) -> Result<(), SessionError> {
    match project.metric().parse() {
        Ok(Metric::Mrr { .. }) => Ok(()),
        _ => Err(SessionError::Unfit(format!(
            "the laboratory knows the mistakes of MRR, and here {} is counted",
            project.metric()
        ))),
    }
}

/// The recipe that made a submission, with its hash at that time, by the ledger.
///
/// # Errors
/// When the file or the ledger cannot be read, or the ledger does not know the file.
pub fn made_by(project: &Project, file: &Path) -> Result<(String, Key), SessionError> {
    let hash = Key::of_bytes(&files::read(file)?);
    let entries = ledger::load(&project.root.join(crate::session::errands::submit::LEDGER))?.entries;
    let found = entries.into_iter().rfind(|entry| entry.file_hash == hash);
    found.map(|entry| (entry.recipe, entry.recipe_hash)).ok_or_else(|| {
        let text = format!("{} is no submission of the ledger; name its recipe, or give --truth", file.display());
        SessionError::Unfit(text)
    })
}

/// The rung of a recipe's newest run.
pub fn last_rung(project: &Project, recipe: &str) -> Option<String> {
    let mut board = Board::new();
    board.refresh(&Runs::open(&project.toji));
    board.latest(recipe).map(|run| run.told.rung.clone())
}

/// A submission against the truth about queries and gallery: a table whose first column is the id, with the label columns of `toji.toml` and,
/// where only some queries are public, a column `role` that says so.
///
/// # Errors
/// When a file cannot be read, is no such table, names an id twice, or the truth leaves a query or a gallery photo without a row.
pub fn against_truth(project: &Project, photos: &Photos, file: &Path, truth: &Path) -> Result<Evidence, SessionError> {
    of_mrr(project)?;
    let facts = &project.competition;
    let unfit = |file: &Path, why: String| SessionError::Unfit(format!("{}: {why}", file.display()));
    let table = Table::read(truth, facts.data.encoding)?;
    let ids =
        table.names().first().and_then(|name| table.find(name)).ok_or_else(|| unfit(truth, "no column".into()))?;
    let fine = numbered(&table, table.column(&facts.data.columns.label, "data.columns.label")?);
    let coarse = facts.data.columns.coarse.as_ref().and_then(|column| table.find(&column.name));
    let coarse = coarse.map(|column| numbered(&table, column));
    let role = table.find("role");
    let mut rows: HashMap<&str, u32> = HashMap::new();
    for row in 0..table.rows() {
        if rows.insert(ids.get(row), row as u32).is_some() {
            return Err(unfit(truth, format!("{} has two rows", ids.get(row))));
        }
    }
    let row = |id: &str| {
        rows.get(id).copied().ok_or_else(|| unfit(truth, format!("no row for {id}; queries and gallery need one")))
    };
    let answers =
        submission::answers(&files::read_text(file)?, &facts.submission.separator).map_err(|why| unfit(file, why))?;
    let mut lists: BTreeMap<u32, &[String]> = BTreeMap::new();
    for answer in &answers {
        let mut met = HashSet::new();
        if let Some(twice) = answer.items.iter().find(|item| !met.insert(item.as_str())) {
            return Err(unfit(file, format!("the list of {} names {twice} twice", answer.query)));
        }
        if answer.items.contains(&answer.query) {
            return Err(unfit(file, format!("the list of {} names the query itself", answer.query)));
        }
        if lists.insert(row(&answer.query)?, &answer.items).is_some() {
            return Err(unfit(file, format!("{} has two rows", answer.query)));
        }
    }
    // A query that the file leaves out has an empty list.
    let mut left_out = 0;
    for photo in photos.manifest.with_role(&[Role::Query, Role::Both]) {
        lists.entry(row(&photos.manifest.photos[photo as usize].id)?).or_insert_with(|| {
            left_out += 1;
            &[]
        });
    }
    let is_public = |row: u32| role.as_ref().is_none_or(|role| role.get(row as usize) == "public");
    // A table that calls no query public tells nothing of parts.
    let parted = lists.keys().any(|&row| is_public(row));
    let k = lists.values().map(|list| list.len()).max().unwrap_or(0);
    let mut ranking = Ranking { k, ..Ranking::default() };
    for (&query, list) in lists.iter().filter(|(row, _)| is_public(**row) || !parted) {
        ranking.queries.push(query);
        for place in 0..k {
            let word = facts.submission.not_in_gallery.as_ref();
            let item = list.get(place).map(|id| if Some(id) == word { Ok(ABSENT) } else { row(id) }).transpose()?;
            ranking.items.push(item.unwrap_or(NONE));
            ranking.scores.push(if item.is_some() { -(place as f32) } else { f32::NEG_INFINITY });
        }
    }
    if ranking.queries.is_empty() {
        return Err(unfit(file, "it answers no query, and the tables name none".to_owned()));
    }
    let gallery = photos.manifest.with_role(&[Role::Gallery, Role::Both]);
    let gallery = gallery
        .map(|photo| row(&photos.manifest.photos[photo as usize].id))
        .collect::<Result<Vec<u32>, SessionError>>()?;
    let queries = Query::all(&ranking, &fine, coarse.as_deref(), &gallery, facts.k)?;
    let part = if parted { "public " } else { "" };
    let left_out =
        if left_out > 0 { format!(", {left_out} of all queries without a row there") } else { String::new() };
    let what = format!("{} {part}queries of {}{left_out}", queries.len(), file.display());
    Ok(Evidence { what, queries, host: None })
}

/// A column's texts as numbers, one a row; which text has which number does not matter. No text, no number.
fn numbered(table: &Table, column: Texts<'_>) -> Vec<Option<u32>> {
    let mut numbers: HashMap<&str, u32> = HashMap::new();
    let of = |row: usize| {
        let (text, next) = (column.get(row), numbers.len() as u32);
        (!text.is_empty()).then(|| *numbers.entry(text).or_insert(next))
    };
    (0..table.rows()).map(of).collect()
}

/// Every variant beside the leaderboard's number `lb`, which was read to within `half` a unit of its last digit.
pub fn compare(evidence: &Evidence, k: usize, lb: f64, half: f64) -> Vec<Verdict> {
    let own = evidence.queries.len() as f64;
    let of = |found: lab::Found| {
        // Both the held-out queries and the host's are draws.
        let moved =
            evidence.host.map_or(0.0, |host| DEVIATIONS * found.error * (1.0 + own / host.max(1) as f64).sqrt());
        let within = half + moved;
        Verdict { explains: (found.value - lb).abs() <= within + 1e-12, within, found }
    };
    // Held-out lists are cut at k, so nothing is known of what stands below.
    let known = |found: &lab::Found| evidence.host.is_none() || found.variant != "no-cutoff";
    lab::all(&evidence.queries, k, Seed::new(BOOTSTRAP)).into_iter().filter(known).map(of).collect()
}
