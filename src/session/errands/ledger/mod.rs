//! Submissions beside the leaderboard.
//!
//! Takes the project's ledger, its facts about the leaderboard and, where the photos were read, each submission's score query by query; gives a
//! [`Standing`]: every file with both its numbers, how they agree, what may still be handed in, which two are best kept, and what the private
//! leaderboard will show. Reading changes nothing; [`note`] has what writes.

pub mod note;

use std::collections::BTreeMap;

use serde::Serialize;

use super::submit::LEDGER;
use crate::base::clock::DAY;
use crate::base::{Key, Seed, Time};
use crate::data::Role;
use crate::score::ledger::agree::{self, Agreement, Pair};
use crate::score::ledger::shake::{self, Candidate, Outlook, Split};
use crate::score::ledger::{self, Entry, Ledger, Part, Placed};
use crate::score::metric::Score;
use crate::session::stages::score::{BOOTSTRAP, FILE};
use crate::session::{Photos, Project, SessionError};

/// How all submissions stand.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Standing {
    /// "MRR@20".
    pub metric: String,
    /// One entry a file, the newest first.
    pub submissions: Vec<Submission>,
    /// How the public leaderboard agrees with cross-validation.
    pub agreement: Agreement,
    /// What may still be handed in.
    pub probes: Probes,
    /// Which are final, and which should be.
    pub finals: Finals,
    /// How the host divides its queries; `None` where the facts do not say.
    pub split: Option<Split>,
    /// What is worth knowing: lines that cannot be read, facts that are missing.
    pub notes: Vec<String>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Submission {
    /// BLAKE3 of the file's bytes.
    pub hash: Key,
    /// What is known of its making.
    #[serde(flatten)]
    pub made: Made,
    /// What the public leaderboard last said of it.
    pub public: Option<Seen>,
    /// What the private one said.
    pub private: Option<Seen>,
    /// The public score minus the own one.
    pub gap: Option<f64>,
    /// Whether it is off the line through all submissions.
    pub outlier: bool,
    /// Whether it is marked as final.
    pub is_final: bool,
    /// What the private leaderboard will show.
    pub forecast: Option<Outlook>,
    /// Why nothing is forecast.
    pub unforeseen: Option<String>,
    /// The next one below it on the public leaderboard, and the chance that the two change places.
    pub flip: Option<Flip>,
}

/// A submission's making.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Made {
    /// The file.
    pub file: String,
    /// The recipe's name.
    pub recipe: String,
    /// The rung whose networks answered; empty where the ledger does not say.
    pub rung: String,
    /// When it was written: `2026-11-27` on the host's clock.
    pub date: String,
    /// The score in cross-validation.
    pub cv: Option<f64>,
    /// Its 95 % interval.
    pub interval: Option<[f64; 2]>,
    /// The score of each training.
    pub folds: Vec<f64>,
    /// The post steps in words.
    pub post: Vec<String>,
}

/// A number on a leaderboard.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Seen {
    /// As a number.
    pub score: f64,
    /// As it was shown.
    pub text: String,
    /// The day on which it was handed in.
    pub date: String,
}

/// Two submissions that may change places.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Flip {
    /// The other one.
    pub hash: Key,
    /// Its recipe.
    pub recipe: String,
    /// The chance, 0 to 1.
    pub chance: f64,
}

/// What may be handed in. A file counts on the day that its public score's line has.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Probes {
    /// Files handed in today.
    pub today: usize,
    /// How many more today; `None` without a limit.
    pub left_today: Option<usize>,
    /// Files handed in so far.
    pub used: usize,
    /// How many more until the end, by both limits; `None` without one.
    pub left: Option<usize>,
    /// The last day, on the host's clock.
    pub deadline: Option<String>,
    /// Whole days until then, today not counted; negative when it is over.
    pub days_left: Option<i64>,
}

/// Final submissions.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Finals {
    /// How many may be marked.
    pub limit: usize,
    /// Those that are marked, in the order of the ledger.
    pub marked: Vec<Key>,
    /// The expected private score of the best of them.
    pub expected: Option<f64>,
    /// Those that are best kept.
    pub best: Option<Kept>,
}

/// Submissions that are best kept together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Kept {
    /// Their hashes.
    pub hashes: Vec<Key>,
    /// Their recipes.
    pub recipes: Vec<String>,
    /// The expected private score of the best of them.
    pub expected: f64,
    /// Why these.
    pub why: String,
}

/// Reads the ledger and what it refers to. Without photos nothing is forecast.
///
/// # Errors
/// When the ledger is there and cannot be read.
pub fn look(project: &Project, photos: Option<&Photos>) -> Result<Standing, SessionError> {
    let ledger = ledger::load(&project.root.join(LEDGER))?;
    let facts = &project.competition.leaderboard;
    let now = project.around.clock.now();
    let files: Vec<&Entry> = ledger.files().into_iter().rev().collect();
    let mut submissions: Vec<Submission> =
        files.iter().map(|entry| submission(&ledger, entry, facts.utc_offset)).collect();
    let mut standing = Standing {
        metric: files.first().map_or_else(|| project.metric(), |entry| entry.metric.clone()),
        probes: probes(&ledger, project, now),
        notes: notes(&ledger),
        ..Standing::default()
    };
    let both: Vec<(usize, Pair)> =
        files.iter().enumerate().filter_map(|(i, entry)| Some((i, pair(&ledger, entry)?))).collect();
    let agreement = agree::agreement(&both.iter().map(|(_, pair)| *pair).collect::<Vec<_>>());
    for &outlier in &agreement.outliers {
        submissions[both[outlier].0].outlier = true;
    }
    standing.agreement = Agreement { outliers: agreement.outliers.iter().map(|&at| both[at].0).collect(), ..agreement };
    standing.finals = Finals {
        limit: facts.finals,
        marked: ledger.finals().iter().map(|entry| entry.file_hash).collect(),
        ..Finals::default()
    };
    standing.submissions = submissions;
    if let Some(photos) = photos {
        let queries = photos.manifest.with_role(&[Role::Query, Role::Both]).count();
        standing.split = facts.public_share.and_then(|share| Split::of(queries, share));
        if facts.public_share.is_none() && !files.is_empty() {
            let text = "nothing is forecast without public_share under [leaderboard] of toji.toml: the share of the test queries that the \
                        public leaderboard is calculated with";
            standing.notes.push(text.to_owned());
        }
        if let Some(split) = standing.split {
            foresee(project, photos, &ledger, &files, split, &mut standing);
        }
    }
    Ok(standing)
}

fn seen(placed: &Placed, hours: f64) -> Seen {
    Seen { score: placed.score, text: placed.shown().to_string(), date: placed.date.date(hours) }
}

fn submission(ledger: &Ledger, entry: &Entry, hours: f64) -> Submission {
    let on = |part| ledger.placed(&entry.file_hash, part);
    let made = Made {
        file: entry.file.display().to_string(),
        recipe: entry.recipe.clone(),
        rung: entry.rung.clone(),
        date: entry.date.date(hours),
        cv: entry.cv,
        interval: entry.interval,
        folds: entry.folds.clone(),
        post: entry.post.clone(),
    };
    Submission {
        hash: entry.file_hash,
        made,
        public: on(Part::Public).map(|placed| seen(placed, hours)),
        private: on(Part::Private).map(|placed| seen(placed, hours)),
        gap: on(Part::Public).zip(entry.cv).map(|(placed, cv)| placed.score - cv),
        outlier: false,
        is_final: ledger.is_final(&entry.file_hash),
        forecast: None,
        unforeseen: None,
        flip: None,
    }
}

fn pair(ledger: &Ledger, entry: &Entry) -> Option<Pair> {
    let placed = ledger.placed(&entry.file_hash, Part::Public)?;
    let [low, high] = entry.interval.unwrap_or([f64::NAN; 2]);
    let reach = ((high - low) / 2.0).max(0.0);
    Some(Pair { cv: entry.cv?, reach, lb: placed.score, half: placed.shown().half() })
}

/// Counts files by the day of their newest public line.
fn probes(ledger: &Ledger, project: &Project, now: Time) -> Probes {
    let facts = &project.competition.leaderboard;
    let today = now.day(facts.utc_offset);
    let days: BTreeMap<Key, i64> = ledger
        .placed
        .iter()
        .filter(|placed| placed.part == Part::Public)
        .map(|placed| (placed.file_hash, placed.date.day(facts.utc_offset)))
        .collect();
    let (used, of_today) = (days.len(), days.values().filter(|day| **day == today).count());
    let is_over = facts.deadline.is_some_and(|end| now > end);
    let rest = |limit: usize, used: usize| if is_over { 0 } else { limit.saturating_sub(used) };
    let in_all = facts.max_submissions.map(|limit| rest(limit, used));
    let left_today = match (facts.max_daily_submissions.map(|limit| rest(limit, of_today)), in_all) {
        (Some(today), Some(all)) => Some(today.min(all)),
        (today, all) => today.or(all),
    };
    let days_left = facts.deadline.map(|end| end.day(facts.utc_offset) - today);
    let by_days = facts
        .max_daily_submissions
        .zip(days_left)
        .map(|(daily, days)| left_today.unwrap_or(0) + daily * usize::try_from(days).unwrap_or(0));
    let left = match (in_all, by_days) {
        (Some(all), Some(days)) => Some(all.min(days)),
        (all, days) => all.or(days),
    };
    Probes {
        today: of_today,
        left_today,
        used,
        left,
        deadline: facts.deadline.map(|end| end.date(facts.utc_offset)),
        days_left: facts.deadline.map(|end| if is_over { -1 } else { ((end.0 - now.0) / DAY).floor() as i64 }),
    }
}

fn notes(ledger: &Ledger) -> Vec<String> {
    let lines = |numbers: &[usize], what: &str| {
        let text: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        let noun = if numbers.len() == 1 { "line" } else { "lines" };
        (!numbers.is_empty()).then(|| format!("{LEDGER}, {noun} {}: {what}", text.join(", ")))
    };
    let unreadable = lines(&ledger.unreadable, "cannot be read (cut short, or edited) and passed over");
    let strange = lines(&ledger.strange, "about a file that no line made");
    unreadable.into_iter().chain(strange).collect()
}

/// The out-of-fold scores of a submission, from the store.
fn score_of(project: &Project, entry: &Entry) -> Result<Score, String> {
    let again = "toji submit makes it again";
    let key = entry.stages.get("score").ok_or_else(|| format!("its line does not say which score it has; {again}"))?;
    let load = || -> Result<Score, SessionError> { Ok(Score::load(&project.store.folder("score", key)?.join(FILE))?) };
    load().map_err(|_| format!("its score is no longer in the store; {again}"))
}

/// Puts forecasts into the standing.
fn foresee(
    project: &Project,
    photos: &Photos,
    ledger: &Ledger,
    files: &[&Entry],
    split: Split,
    standing: &mut Standing,
) {
    let mut known: Vec<(usize, Score)> = Vec::new();
    for (at, entry) in files.iter().enumerate() {
        match score_of(project, entry) {
            Ok(score) if score.metric == standing.metric => known.push((at, score)),
            Ok(score) => {
                let why = format!("it was scored by {}, and the newest one by {}", score.metric, standing.metric);
                standing.submissions[at].unforeseen = Some(why);
            }
            Err(why) => standing.submissions[at].unforeseen = Some(why),
        }
    }
    let public = |at: usize| {
        let placed = ledger.placed(&files[at].file_hash, Part::Public)?;
        Some((placed.score, placed.shown().half()))
    };
    let candidates: Vec<Candidate<'_>> =
        known.iter().map(|(at, score)| Candidate { score, public: public(*at) }).collect();
    let labels = photos.labels();
    let group = |photo: u32| labels.get(photo as usize).copied().flatten().unwrap_or(u32::MAX);
    let forecast = shake::forecast(&candidates, split, group, Seed::new(BOOTSTRAP));
    for (i, (at, _)) in known.iter().enumerate() {
        standing.submissions[*at].forecast = Some(forecast.outlook(i));
    }
    // Down the public board, each beside the next.
    let mut order: Vec<usize> = (0..known.len()).filter(|&i| candidates[i].public.is_some()).collect();
    order.sort_by(|&a, &b| {
        let score = |i: usize| candidates[i].public.map_or(0.0, |(score, _)| score);
        score(b).total_cmp(&score(a))
    });
    for two in order.windows(2) {
        let (above, below) = (known[two[0]].0, known[two[1]].0);
        let (hash, recipe) = (files[below].file_hash, files[below].recipe.clone());
        standing.submissions[above].flip = Some(Flip { hash, recipe, chance: forecast.flip(two[0], two[1]) });
    }
    if order.is_empty() && !known.is_empty() {
        let text = "no public score is known yet: forecasts take the host's queries for ones like the held-out; toji lb add tells them the gap";
        standing.notes.push(text.to_owned());
    }
    let marked: Vec<usize> = (0..known.len()).filter(|&i| standing.submissions[known[i].0].is_final).collect();
    if !marked.is_empty() && marked.len() == standing.finals.marked.len() {
        standing.finals.expected = Some(forecast.expected(&marked));
    }
    let all: Vec<usize> = (0..known.len()).collect();
    standing.finals.best = forecast.best(&all, standing.finals.limit).map(|best| {
        let name = |i: &usize| files[known[*i].0].recipe.clone();
        let hash = |i: &usize| files[known[*i].0].file_hash;
        let why = reason(&best, &name);
        Kept {
            hashes: best.places.iter().map(hash).collect(),
            recipes: best.places.iter().map(name).collect(),
            expected: best.expected,
            why,
        }
    });
}

/// Why these are best kept.
fn reason(best: &shake::Best, name: &dyn Fn(&usize) -> String) -> String {
    let mut alone = best.alone.clone();
    let mut places = best.places.clone();
    alone.sort_unstable();
    places.sort_unstable();
    let names = |places: &[usize]| places.iter().map(name).collect::<Vec<_>>().join(" + ");
    match best.correlation {
        None => "the highest expected private score".to_owned(),
        Some(r) if alone == places => {
            format!("the highest expected private scores; the first two go together with r = {r:.2}")
        }
        Some(r) => format!(
            "the first two go together with only r = {r:.2}, so one insures the other; {}, each expected higher, would give {:.4}",
            names(&best.alone),
            best.expected_alone
        ),
    }
}
