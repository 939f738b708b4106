//! The facts of a competition, written once in `toji.toml`.
//!
//! Takes the checked settings of the file; gives them as types, with the layout's own defaults filled in, so that
//! nobody downstream has to know what a layout calls its columns. For a Nishika competition
//! `layout = "nishika"` and a folder are enough. [`declared`] has the keys that the file may have, [`written`] the file as it is decoded,
//! [`guess`] makes a first one of the tables.

mod declared;
pub mod guess;
mod written;

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::base::{Time, Value};

use super::error::DataError;
use super::manifest::edits;
use super::picture::decode::Limits;
use super::table::Encoding;

pub use declared::FACTS;
use written::Written;

/// Everything that `toji.toml` says.
#[derive(Clone, Debug, PartialEq)]
pub struct Competition {
    /// The folder of `toji.toml`. [`Photo::path`](super::manifest::Photo::path) is relative to it.
    pub root: PathBuf,
    /// For titles; may be empty.
    pub name: String,
    /// `MRR`.
    pub metric: String,
    /// How many answers of a query count.
    pub k: usize,
    /// Tables and pictures.
    pub data: Data,
    /// How a model is examined.
    pub protocol: Protocol,
    /// The file that is handed in.
    pub submission: Submission,
    /// What the host's leaderboard allows and shows.
    pub leaderboard: Leaderboard,
    /// How the workbench behaves.
    pub workbench: Workbench,
}

/// `[data]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Data {
    /// How the tables are arranged.
    pub layout: Layout,
    /// Folder of the tables: `root` joined with what is written.
    pub folder: PathBuf,
    /// The tables, relative to `folder`.
    pub tables: Tables,
    /// Folders of the pictures, relative to `folder`; `None` is searched for.
    pub images: Images,
    /// Added to what the image column says.
    pub suffix: String,
    /// Names of the columns.
    pub columns: Columns,
    /// Values of the split column.
    pub splits: Splits,
    /// Whether missing and unreadable pictures are left out instead of being an error.
    pub skip_unreadable: bool,
    /// Whether a text may be an id where nearly all ids are numbers.
    pub mixed_ids: bool,
    /// What a picture may cost.
    pub limits: Limits,
    /// How text tables are encoded.
    pub encoding: Encoding,
}

/// How a competition arranges its tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// One table; a column may say what a row is for.
    Table,
    /// train.csv, cite.csv, test.csv.
    Nishika,
    /// One table with is_query and is_gallery columns.
    QueryGallery,
}

/// Which tables there are, relative to the data's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tables {
    /// One for all rows.
    One(PathBuf),
    /// One for each role.
    ByRole {
        /// Training photos.
        train: PathBuf,
        /// Photos to be found.
        gallery: PathBuf,
        /// Photos to look up.
        query: PathBuf,
    },
}

/// Folders of the pictures, relative to the data's folder; `None` is searched for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Images {
    /// Of training photos.
    pub train: Option<PathBuf>,
    /// Of photos to be found.
    pub gallery: Option<PathBuf>,
    /// Of photos to look up.
    pub query: Option<PathBuf>,
}

/// Names of the columns. A column that was written in `toji.toml` must be there; one that the layout assumes may be
/// missing where its field says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    /// The id; `None`: the column `id` if there is one, else the image column.
    pub id: Option<String>,
    /// The file.
    pub image: String,
    /// The scored label.
    pub label: String,
    /// The other label level.
    pub coarse: Option<Optional>,
    /// The id in the gallery's own table.
    pub gallery_id: String,
    /// The file in the gallery's own table.
    pub gallery_image: String,
    /// What a row is for.
    pub split: Option<Optional>,
    /// True for a query.
    pub is_query: String,
    /// True for a photo to be found.
    pub is_gallery: String,
}

/// A column that may be missing if only the layout assumed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Optional {
    /// Its name.
    pub name: String,
    /// Whether it must be there.
    pub required: bool,
}

/// Values of the split column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Splits {
    /// Training.
    pub train: Vec<String>,
    /// To look up.
    pub query: Vec<String>,
    /// To be found.
    pub gallery: Vec<String>,
}

/// `[protocol]`: how a model is examined on held-out photos.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Protocol {
    /// Which photos are queries.
    pub kind: ProtocolKind,
    /// Seed of the queries that are drawn, and of what follows.
    pub seed: u64,
    /// How many photos from outside the held-out part join each gallery.
    pub distractors: Option<Amount>,
    /// Where those come from.
    pub distractors_from: Distractors,
    /// The share of the queries whose right answers leave the gallery, 0 to 1.
    pub unanswered: f64,
}

impl Protocol {
    /// A protocol that adds nothing and takes nothing away.
    pub const fn of(kind: ProtocolKind, seed: u64) -> Protocol {
        Protocol { kind, seed, distractors: None, distractors_from: Distractors::Train, unanswered: 0.0 }
    }
}

/// So many photos, or a share of those that may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Amount {
    /// A number of photos.
    Photos(usize),
    /// A share, above 0 and at most 1.
    Share(f64),
}

/// Where photos that answer nobody come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Distractors {
    /// From what the fold learns: photos of labels that no query has.
    #[default]
    Train,
    /// From the host's gallery: photos without a label, or of one that no query has.
    Host,
}

/// Which held-out photos are queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProtocolKind {
    /// One of each label with two or more, against all others.
    OnePerLabel,
    /// Each, against all others.
    LeaveOneOut,
    /// As the tables say.
    Given,
}

/// `[submission]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// The host's sample, as a path that can be opened.
    pub sample: Option<PathBuf>,
    /// Names of the id column and of the answers' column; `None`: the sample's header, else `id` and `answers`.
    pub columns: Option<[String; 2]>,
    /// Stands between answers.
    pub separator: String,
    /// What stands for "not in the gallery", where the host has a word for it.
    pub not_in_gallery: Option<String>,
    /// Answers a query must have.
    pub count: usize,
}

/// `[leaderboard]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaderboard {
    /// How many submissions may be marked as final; the best of them counts.
    pub finals: usize,
    /// How many files may be handed in a day.
    pub max_daily_submissions: Option<usize>,
    /// How many in all.
    pub max_submissions: Option<usize>,
    /// Share of the test queries behind the public leaderboard, between 0 and 1.
    pub public_share: Option<f64>,
    /// The last moment.
    pub deadline: Option<Time>,
    /// Hours by which the host's clock is before UTC.
    pub utc_offset: f64,
}

/// `[workbench]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Workbench {
    /// Folder of the recipes, as a path that can be opened.
    pub recipes: PathBuf,
    /// The recipe to compare with, by file name.
    pub pin: Option<String>,
    /// The recipe that runs by itself on the very first start.
    pub first: Option<String>,
    /// Stages under this estimate run by themselves, in seconds.
    pub auto_seconds: f64,
}

impl Competition {
    /// The tables and `edits.csv`, as paths that can be opened: what the manifest is read from besides the pictures.
    pub fn tables(&self) -> Vec<PathBuf> {
        let tables = match &self.data.tables {
            Tables::One(table) => vec![table],
            Tables::ByRole { train, gallery, query } => vec![train, gallery, query],
        };
        let edits = self.root.join(edits::FILE);
        tables.into_iter().map(|table| self.data.folder.join(table)).chain([edits]).collect()
    }

    /// The facts from the checked settings of the `toji.toml` in `root`.
    ///
    /// # Errors
    /// When facts are missing or contradict each other.
    pub fn of(root: &Path, facts: &Value) -> Result<Competition, DataError> {
        let written: Written = facts.decode().map_err(|e| DataError::Facts(e.to_string()))?;
        let Written { competition, data, protocol, submission, leaderboard, workbench } = written;
        let data = data.ok_or_else(|| DataError::Facts("a [data] table with a layout must be there".to_owned()))?;
        let nishika = data.layout == Layout::Nishika;
        // `root.join(".")` would put "./" into every message.
        let folder = match data.folder.as_deref() {
            None | Some("." | "./" | "") => root.to_owned(),
            Some(folder) => root.join(folder),
        };
        let k = competition.k.unwrap_or(20);
        let kind = protocol.kind.unwrap_or(match data.layout {
            Layout::QueryGallery => ProtocolKind::Given,
            Layout::Table | Layout::Nishika => ProtocolKind::OnePerLabel,
        });
        let sample = match &submission.sample {
            Some(sample) => Some(folder.join(sample)),
            None => nishika.then(|| folder.join("sample_submission.csv")),
        };
        let columns = match submission.columns {
            Some(columns) => Some(columns),
            None => nishika.then(|| ["gid".to_owned(), "cite_gid".to_owned()]),
        };
        Ok(Competition {
            root: root.to_owned(),
            name: competition.name.unwrap_or_default(),
            metric: competition.metric.unwrap_or_else(|| "MRR".to_owned()),
            k,
            data: data.resolve(folder)?,
            protocol: Protocol {
                distractors: protocol.distractors,
                distractors_from: protocol.distractors_from,
                unanswered: protocol.unanswered,
                ..Protocol::of(kind, protocol.seed)
            },
            submission: Submission {
                sample,
                columns,
                separator: submission.separator.unwrap_or_else(|| " ".to_owned()),
                not_in_gallery: submission.not_in_gallery,
                count: submission.count.unwrap_or(k),
            },
            leaderboard: leaderboard.resolve()?,
            workbench: Workbench {
                recipes: root.join(workbench.recipes.as_deref().unwrap_or("recipes")),
                pin: workbench.pin,
                first: workbench.first,
                auto_seconds: workbench.auto_seconds.unwrap_or(10.0),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(entries: &[(&str, &str)]) -> Value {
        let mut value = Value::table();
        for (name, text) in entries {
            value.set(name, Value::Text((*text).to_owned()));
        }
        value
    }

    #[test]
    fn a_layout_and_a_folder_are_enough_for_nishika() {
        let c = Competition::of(Path::new("/c"), &facts(&[("data.layout", "nishika"), ("data.folder", "d")])).unwrap();
        assert_eq!(c.submission.sample, Some("/c/d/sample_submission.csv".into()));
        assert_eq!(c.submission.columns, Some(["gid".into(), "cite_gid".into()]));
        assert_eq!((c.k, c.submission.count, c.protocol.kind), (20, 20, ProtocolKind::OnePerLabel));
        assert_eq!(c.data.columns.label, "meigara");
        assert_eq!(c.data.columns.coarse, Some(Optional { name: "brand_id".into(), required: false }));
        assert_eq!(c.data.limits, Limits::default());
    }

    #[test]
    fn scoring_the_other_level_swaps_the_two() {
        let c =
            Competition::of(Path::new(""), &facts(&[("data.layout", "nishika"), ("data.columns.label", "brand_id")]));
        assert_eq!(c.unwrap().data.columns.coarse.unwrap().name, "meigara");
    }

    #[test]
    fn contradictions_are_said() {
        let told = |entries: &[(&str, &str)]| Competition::of(Path::new(""), &facts(entries)).unwrap_err().to_string();
        insta::assert_snapshot!(told(&[]), @"toji.toml: a [data] table with a layout must be there");
        insta::assert_snapshot!(told(&[("data.layout", "table")]), @r#"toji.toml: data.table must say which table holds the photos, for example table = "train.csv""#);
        insta::assert_snapshot!(told(&[("data.layout", "nishika"), ("data.table", "x")]), @"toji.toml: the nishika layout has three tables: data.train, data.gallery and data.query, not data.table");
    }
}
