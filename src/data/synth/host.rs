//! The host of the contest, right or wrong.
//!
//! Takes a submission and `truth.csv`; gives the public and the private score, as the rules say or
//! with one of the bugs that have been seen on real hosts (each with its public case). It is written apart
//! from `score/metric` on purpose: the two check each other, and a leaderboard with a known bug is
//! what the metric laboratory is tried on.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::tables::LIST;
use crate::base::files::{self, FileError};

/// How the host computes its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bug {
    /// MRR@20 as the rules say.
    None,
    /// The reciprocal ranks of all relevant ids are added up.
    SumOverPositives,
    /// … and divided by the number of relevant ids in the gallery.
    MeanOverPositives,
    /// 1 / (mean rank of the first hits).
    ReciprocalOfMeanRank,
    /// 1 / (rank + 1) with a rank that counts from 1 already.
    PlusOneTwice,
    /// A list without a hit counts as a hit at rank 1.
    NoHitAsFirst,
    /// A hit counts however far down the list it is.
    NoCutoff,
    /// Rank < 20 instead of rank ≤ 20.
    CutoffBelow,
    /// Only the first ten ids count.
    CutoffTen,
    /// The mean is over queries with a hit.
    HitQueriesOnly,
    /// The mean is over queries that have an answer in the gallery.
    AnswerableOnly,
    /// A query without an answer counts 1.
    UnanswerableAsOne,
    /// Mean over brands of the mean over their queries.
    MeanOverClasses,
    /// `meigara` is compared instead of `brand_id`.
    CoarseLevel,
    /// MAP@20.
    AveragePrecision,
    /// The first id of each list is thrown away as if it were the query itself.
    DropFirst,
    /// Only the first 20 relevant ids of the gallery are known.
    TruthTruncated,
}

/// One row of the table of bugs.
#[derive(Clone, Copy, Debug)]
pub struct BugRow {
    /// The bug.
    pub bug: Bug,
    /// Its name on the command line.
    pub name: &'static str,
    /// One line.
    pub about: &'static str,
    /// Where it was seen.
    pub seen: &'static str,
}

/// All that the host can do, the right one first.
pub const BUGS: &[BugRow] = &[
    row(Bug::None, "none", "MRR@20 as the rules say", ""),
    row(
        Bug::SumOverPositives,
        "sum-over-positives",
        "adds 1/rank of every relevant id, not of the first alone",
        "recommenders-team/recommenders #2141",
    ),
    row(
        Bug::MeanOverPositives,
        "mean-over-positives",
        "takes the mean of 1/rank over all relevant ids of the gallery",
        "maciejkula/spotlight #91",
    ),
    row(
        Bug::ReciprocalOfMeanRank,
        "reciprocal-of-mean-rank",
        "divides 1 by the mean rank of the first hits",
        "Sujit-O/pykg2vec #96",
    ),
    row(
        Bug::PlusOneTwice,
        "plus-one-twice",
        "adds 1 to a rank that counts from 1, so a first place is worth 0.5",
        "ParlAI PR #1558, a relative",
    ),
    row(
        Bug::NoHitAsFirst,
        "no-hit-as-first",
        "credits a list without a hit as if the hit were first",
        "furkanyesiler/re-move #4",
    ),
    row(Bug::NoCutoff, "no-cutoff", "counts hits below place 20 of longer lists", "tensorflow/ranking #115"),
    row(Bug::CutoffBelow, "cutoff-below", "asks for rank < 20, so place 20 is lost", "off by one"),
    row(Bug::CutoffTen, "cutoff-ten", "looks at ten places", "another k than the rules'"),
    row(
        Bug::HitQueriesOnly,
        "hit-queries-only",
        "divides by the queries with a hit",
        "denominators, compare lancedb PR #3443",
    ),
    row(
        Bug::AnswerableOnly,
        "answerable-only",
        "divides by the queries that have an answer in the gallery",
        "pytorch-metric-learning; torchmetrics with skip",
    ),
    row(
        Bug::UnanswerableAsOne,
        "unanswerable-as-one",
        "counts a query without an answer as 1",
        "open-metric-learning; torchmetrics with pos",
    ),
    row(
        Bug::MeanOverClasses,
        "mean-over-classes",
        "averages within each brand, then over brands",
        "pytorch-metric-learning avg_of_avgs",
    ),
    row(Bug::CoarseLevel, "coarse-level", "compares meigara instead of brand_id", "two label levels"),
    row(Bug::AveragePrecision, "average-precision", "computes MAP@20", "beir #105, codrep-2019 #3"),
    row(
        Bug::DropFirst,
        "drop-first",
        "throws the first id away as if it were the query itself",
        "faiss #1201 and whoever copies [:, 1:]",
    ),
    row(
        Bug::TruthTruncated,
        "truth-truncated",
        "knows only the first 20 relevant ids of the gallery",
        "kargenk/sake_image_retrieval",
    ),
];

const fn row(bug: Bug, name: &'static str, about: &'static str, seen: &'static str) -> BugRow {
    BugRow { bug, name, about, seen }
}

impl Bug {
    /// The bug of a name in [`BUGS`].
    pub fn named(name: &str) -> Option<Bug> {
        BUGS.iter().find(|row| row.name == name).map(|row| row.bug)
    }

    /// Whether such a host also forgets to count the ids of a list.
    fn takes_any_length(self) -> bool {
        matches!(self, Bug::NoCutoff | Bug::DropFirst)
    }
}

/// What the leaderboard shows.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct HostScore {
    /// While the contest runs.
    pub public: f64,
    /// At its end.
    pub private: f64,
    /// Over all queries.
    pub all: f64,
}

/// Why a submission or the truth is refused.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The first line is not the expected one.
    #[error("{}: the first line is \"{found}\", it must be \"{expected}\"", file.display())]
    Header {
        /// The file.
        file: PathBuf,
        /// What stands there.
        found: String,
        /// What should.
        expected: &'static str,
    },
    /// A line is wrong.
    #[error("{}:{line}: {reason}", file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// Queries are missing.
    #[error("{}: {count} queries have no line, the first is {first}", file.display())]
    Missing {
        /// The file.
        file: PathBuf,
        /// How many.
        count: usize,
        /// One of them.
        first: String,
    },
}

const SUBMISSION_HEADER: &str = "gid,cite_gid";
const TRUTH_HEADER: &str = "gid,filename,role,brand_id,meigara,fault,detail";

/// One query as the host sees it.
#[derive(Clone, Debug, PartialEq)]
struct Judged {
    /// Whether each id of the list is relevant, best first.
    hits: Vec<bool>,
    /// How many relevant ids the gallery has.
    relevant: usize,
    /// The query's brand.
    class: String,
    public: bool,
}

/// Scores a submission file.
///
/// # Errors
/// When a file cannot be read, a query is unknown, missing or twice there, or a list has not exactly 20 different ids
/// of the gallery. Only [`Bug::NoCutoff`] and [`Bug::DropFirst`] take lists of other lengths.
pub fn score(file: &Path, truth: &Path, bug: Bug) -> Result<HostScore, HostError> {
    let truth = Truth::read(truth)?;
    let judged = truth.judge(file, &files::read_text(file)?, bug)?;
    let over = |of: &dyn Fn(&Judged) -> bool| mean(&judged.iter().filter(|q| of(q)).collect::<Vec<_>>(), bug);
    Ok(HostScore { public: over(&|q| q.public), private: over(&|q| !q.public), all: over(&|_| true) })
}

/// True labels: (brand, meigara).
type Labels = (String, String);

struct Truth {
    /// Labels of each query and whether it is public.
    queries: BTreeMap<String, (Labels, bool)>,
    gallery: BTreeMap<String, Labels>,
}

impl Truth {
    fn read(file: &Path) -> Result<Truth, HostError> {
        let text = files::read_text(file)?;
        let mut truth = Truth { queries: BTreeMap::new(), gallery: BTreeMap::new() };
        for (line, row) in rows(file, &text, TRUTH_HEADER)? {
            let fields: Vec<&str> = row.split(',').collect();
            let [id, _, role, brand, meigara, _, _] = fields[..] else {
                let reason = format!("{} fields instead of 7", fields.len());
                return Err(HostError::Line { file: file.to_owned(), line, reason });
            };
            let labels = (brand.to_owned(), meigara.to_owned());
            match role {
                "public" | "private" => {
                    truth.queries.insert(id.to_owned(), (labels, role == "public"));
                }
                "cite" => {
                    truth.gallery.insert(id.to_owned(), labels);
                }
                _ => {}
            }
        }
        Ok(truth)
    }

    fn judge(&self, file: &Path, text: &str, bug: Bug) -> Result<Vec<Judged>, HostError> {
        let level = |labels: &Labels| if bug == Bug::CoarseLevel { labels.1.clone() } else { labels.0.clone() };
        let mut relevant: HashMap<String, BTreeSet<&str>> = HashMap::new();
        for (id, labels) in &self.gallery {
            relevant.entry(level(labels)).or_default().insert(id);
        }
        if bug == Bug::TruthTruncated {
            for ids in relevant.values_mut() {
                *ids = ids.iter().copied().take(LIST).collect();
            }
        }
        let mut judged = BTreeMap::new();
        for (line, row) in rows(file, text, SUBMISSION_HEADER)? {
            let refuse = |reason: String| HostError::Line { file: file.to_owned(), line, reason };
            let (query, list) = row.split_once(',').ok_or_else(|| refuse("there is no comma".to_owned()))?;
            let (labels, public) =
                self.queries.get(query).ok_or_else(|| refuse(format!("{query} is no query of the test set")))?;
            let ids: Vec<&str> = list.split_whitespace().collect();
            if ids.len() != LIST && !bug.takes_any_length() {
                return Err(refuse(format!("{query} has {} ids, not {LIST}", ids.len())));
            }
            let mut seen = BTreeSet::new();
            if let Some(id) = ids.iter().find(|id| !seen.insert(**id)) {
                return Err(refuse(format!("{id} stands twice in the list of {query}")));
            }
            if let Some(id) = ids.iter().find(|id| !self.gallery.contains_key(**id)) {
                return Err(refuse(format!("{id} is no photo of the gallery")));
            }
            let own = relevant.get(&level(labels));
            let one = Judged {
                hits: ids.iter().map(|id| own.is_some_and(|own| own.contains(id))).collect(),
                relevant: own.map_or(0, BTreeSet::len),
                class: labels.0.clone(),
                public: *public,
            };
            if judged.insert(query.to_owned(), one).is_some() {
                return Err(refuse(format!("{query} has a second line")));
            }
        }
        let missing: Vec<&String> = self.queries.keys().filter(|id| !judged.contains_key(*id)).collect();
        if let Some(first) = missing.first() {
            return Err(HostError::Missing { file: file.to_owned(), count: missing.len(), first: (*first).clone() });
        }
        Ok(judged.into_values().collect())
    }
}

/// The lines after the header with their numbers; a byte-order mark, CR and empty lines at the end do not matter.
fn rows<'a>(file: &Path, text: &'a str, expected: &'static str) -> Result<Vec<(usize, &'a str)>, HostError> {
    let mut lines = (1..).zip(text.trim_start_matches('\u{feff}').lines().map(|line| line.trim_end_matches('\r')));
    match lines.next() {
        Some((_, header)) if header == expected => Ok(lines.filter(|(_, line)| !line.is_empty()).collect()),
        other => Err(HostError::Header {
            file: file.to_owned(),
            found: other.map_or_else(String::new, |(_, line)| line.chars().take(80).collect()),
            expected,
        }),
    }
}

/// The host's mean over queries.
fn mean(queries: &[&Judged], bug: Bug) -> f64 {
    let counted: Vec<&Judged> = queries
        .iter()
        .copied()
        .filter(|q| match bug {
            Bug::HitQueriesOnly => first_hit(q, bug).is_some(),
            Bug::AnswerableOnly => q.relevant > 0,
            _ => true,
        })
        .collect();
    let average =
        |values: &[f64]| if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 };
    match bug {
        Bug::ReciprocalOfMeanRank => {
            let ranks: Vec<f64> = counted.iter().filter_map(|q| first_hit(q, bug)).map(|r| r as f64).collect();
            if ranks.is_empty() { 0.0 } else { 1.0 / average(&ranks) }
        }
        Bug::MeanOverClasses => {
            let mut classes: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
            for query in counted {
                classes.entry(&query.class).or_default().push(value(query, bug));
            }
            average(&classes.values().map(|values| average(values)).collect::<Vec<_>>())
        }
        _ => average(&counted.iter().map(|q| value(q, bug)).collect::<Vec<_>>()),
    }
}

/// What one query is worth.
fn value(query: &Judged, bug: Bug) -> f64 {
    let first = first_hit(query, bug);
    let reciprocals = || ranks(query, bug).map(|rank| 1.0 / rank as f64).sum::<f64>();
    match bug {
        Bug::SumOverPositives => reciprocals(),
        Bug::MeanOverPositives => reciprocals() / query.relevant.max(1) as f64,
        Bug::PlusOneTwice => first.map_or(0.0, |rank| 1.0 / (rank + 1) as f64),
        Bug::NoHitAsFirst => first.map_or(1.0, |rank| 1.0 / rank as f64),
        Bug::UnanswerableAsOne if query.relevant == 0 => 1.0,
        Bug::AveragePrecision => {
            let precisions = ranks(query, bug).zip(1..).map(|(rank, found)| f64::from(found) / rank as f64);
            precisions.sum::<f64>() / query.relevant.clamp(1, LIST) as f64
        }
        _ => first.map_or(0.0, |rank| 1.0 / rank as f64),
    }
}

fn first_hit(query: &Judged, bug: Bug) -> Option<usize> {
    ranks(query, bug).next()
}

/// Ranks (from 1) of the relevant ids that the host looks at.
fn ranks(query: &Judged, bug: Bug) -> impl Iterator<Item = usize> {
    let looked_at = match bug {
        Bug::NoCutoff => usize::MAX,
        Bug::CutoffBelow => LIST - 1,
        Bug::CutoffTen => 10,
        _ => LIST,
    };
    let dropped = usize::from(bug == Bug::DropFirst);
    query.hits.iter().skip(dropped).take(looked_at).enumerate().filter(|(_, hit)| **hit).map(|(place, _)| place + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seven queries whose relevant ids stand at these places; q4 has none in the gallery.
    fn golden(bug: Bug) -> f64 {
        let places: [&[usize]; 7] = [&[1], &[3], &[25], &[], &[2, 3], &[20], &[21]];
        let judged: Vec<Judged> = (0..)
            .zip(places)
            .map(|(i, places)| Judged {
                hits: (1..=30).map(|rank| places.contains(&rank)).collect(),
                relevant: places.len(),
                class: format!("class {}", i / 2),
                public: true,
            })
            .collect();
        mean(&judged.iter().collect::<Vec<_>>(), bug)
    }

    #[test]
    fn golden_vectors() {
        // Computed by hand from the definition of each variant, to seven digits.
        for (bug, expected) in [
            (Bug::None, 0.269_047_6),
            (Bug::SumOverPositives, 0.316_666_7),
            (Bug::AnswerableOnly, 0.313_888_9),
            (Bug::MeanOverPositives, 0.257_142_9),
            (Bug::HitQueriesOnly, 0.470_833_3),
            (Bug::ReciprocalOfMeanRank, 0.153_846_2),
            (Bug::NoCutoff, 0.281_564_6),
            (Bug::PlusOneTwice, 0.161_564_6),
            (Bug::CutoffBelow, 0.261_904_8),
            (Bug::NoHitAsFirst, 0.697_619_0),
            (Bug::CutoffTen, 0.261_904_8),
            (Bug::UnanswerableAsOne, 0.411_904_8),
            (Bug::AveragePrecision, 0.280_952_4),
            (Bug::DropFirst, 0.228_947_4),
            // Classes (q1 q2), (q3 q4), (q5 q6), (q7): (2/3 + 0 + 0.275 + 0) / 4
            (Bug::MeanOverClasses, 0.235_416_7),
            (Bug::TruthTruncated, 0.269_047_6),
            (Bug::CoarseLevel, 0.269_047_6),
        ] {
            let got = golden(bug);
            assert!((got - expected).abs() < 5e-8, "{bug:?}: {got} instead of {expected}");
        }
    }

    #[test]
    fn every_bug_has_one_row() {
        let names: BTreeSet<&str> = BUGS.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), BUGS.len());
        assert!(BUGS.iter().all(|row| Bug::named(row.name) == Some(row.bug)));
        assert_eq!(Bug::named("nonsense"), None);
    }

    const TRUTH: &str = "gid,filename,role,brand_id,meigara,fault,detail\n\
        21,21.jpg,public,a1,a,,\n22,22.jpg,private,a2,a,,\n11,11.jpg,train,a1,a,,\n";

    fn hosted(gallery: &[(&str, &str)], submission: &str, bug: Bug) -> Result<HostScore, HostError> {
        let folder = tempfile::tempdir().unwrap();
        let (truth, file) = (folder.path().join("truth.csv"), folder.path().join("s.csv"));
        let rows: String =
            gallery.iter().map(|(id, brand)| format!("{id},x,cite,{brand},{},,\n", &brand[..1])).collect();
        files::publish(&truth, format!("{TRUTH}{rows}").as_bytes()).unwrap();
        files::publish(&file, submission.as_bytes()).unwrap();
        score(&file, &truth, bug)
    }

    fn gallery() -> Vec<(String, &'static str)> {
        (0..25).map(|i| (format!("3{i:02}"), ["a1", "a2", "b1", "b2", "b3"][i % 5])).collect()
    }

    fn list(from: usize, count: usize) -> String {
        (0..count).map(|i| format!("3{:02}", (from + i) % 25)).collect::<Vec<_>>().join(" ")
    }

    fn run(submission: &str, bug: Bug) -> Result<HostScore, HostError> {
        let gallery = gallery();
        hosted(&gallery.iter().map(|(id, brand)| (id.as_str(), *brand)).collect::<Vec<_>>(), submission, bug)
    }

    #[test]
    fn levels_and_splits() {
        // Query 21 is a1: its list begins at b1 (place 2), so the next a1 is at rank 4. Query 22 is a2, rank 5.
        let submission = format!("gid,cite_gid\r\n21,{}\r\n22,{}\r\n", list(2, 20), list(2, 20));
        let right = run(&submission, Bug::None).unwrap();
        assert_eq!(right, HostScore { public: 0.25, private: 0.2, all: 0.225 });
        assert_eq!(run(&submission, Bug::CoarseLevel).unwrap().private, 0.25);
    }

    #[test]
    fn refusals_name_the_line() {
        let error = |submission: &str| {
            let text = run(submission, Bug::None).unwrap_err().to_string();
            text.split_once("s.csv").unwrap().1.to_owned()
        };
        let (good, short) = (list(0, 20), list(0, 19));
        insta::assert_snapshot!(error("id,ids\n"), @r#": the first line is "id,ids", it must be "gid,cite_gid""#);
        insta::assert_snapshot!(error(&format!("gid,cite_gid\n21,{good}\n")), @": 1 queries have no line, the first is 22");
        insta::assert_snapshot!(error(&format!("gid,cite_gid\n21,{short}\n")), @":2: 21 has 19 ids, not 20");
        insta::assert_snapshot!(error(&format!("gid,cite_gid\n21,{good}\n21,{good}\n")), @":3: 21 has a second line");
        insta::assert_snapshot!(error(&format!("gid,cite_gid\n9,{good}\n")), @":2: 9 is no query of the test set");
        insta::assert_snapshot!(error(&format!("gid,cite_gid\n21,{short} 300\n")), @":2: 300 stands twice in the list of 21");
        insta::assert_snapshot!(error(&format!("gid,cite_gid\n21,{short} 11\n")), @":2: 11 is no photo of the gallery");
        let long = format!("gid,cite_gid\n21,{}\n22,{short}\n", list(0, 25));
        assert!(run(&long, Bug::NoCutoff).is_ok() && run(&long, Bug::None).is_err());
    }
}
