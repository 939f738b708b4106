//! `toji.toml` as it is decoded, before the layout's own defaults are filled in.
//!
//! Takes what serde reads; gives the tables' facts ([`Data`]), in which nothing is left open but what only the tables can tell. The checked
//! settings lack what was not written, so that a layout can assume it: the names of columns are those of its competitions.

use std::path::PathBuf;

use serde::Deserialize;

use super::{Amount, Columns, Data, Distractors, Images, Layout, Leaderboard, Optional, ProtocolKind, Splits, Tables};
use crate::base::Time;
use crate::base::clock::DAY;
use crate::data::error::DataError;
use crate::data::picture::decode::Limits;
use crate::data::table::Encoding;

/// The file as it is written.
#[derive(Deserialize)]
pub(super) struct Written {
    #[serde(default)]
    pub(super) competition: WrittenCompetition,
    pub(super) data: Option<WrittenData>,
    #[serde(default)]
    pub(super) protocol: WrittenProtocol,
    #[serde(default)]
    pub(super) submission: WrittenSubmission,
    #[serde(default)]
    pub(super) leaderboard: WrittenLeaderboard,
    #[serde(default)]
    pub(super) workbench: WrittenWorkbench,
}

#[derive(Default, Deserialize)]
pub(super) struct WrittenCompetition {
    pub(super) name: Option<String>,
    pub(super) metric: Option<String>,
    pub(super) k: Option<usize>,
}

#[derive(Deserialize)]
pub(super) struct WrittenData {
    pub(super) layout: Layout,
    pub(super) folder: Option<String>,
    table: Option<PathBuf>,
    train: Option<PathBuf>,
    gallery: Option<PathBuf>,
    query: Option<PathBuf>,
    images: Option<WrittenImages>,
    suffix: Option<String>,
    #[serde(default)]
    columns: WrittenColumns,
    #[serde(default)]
    splits: WrittenSplits,
    unreadable: Option<String>,
    mixed_ids: Option<String>,
    max_megapixels: Option<f64>,
    encoding: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenImages {
    One(PathBuf),
    ByRole { train: Option<PathBuf>, gallery: Option<PathBuf>, query: Option<PathBuf> },
}

#[derive(Default, Deserialize)]
struct WrittenColumns {
    id: Option<String>,
    image: Option<String>,
    label: Option<String>,
    coarse: Option<String>,
    gallery_id: Option<String>,
    gallery_image: Option<String>,
    split: Option<String>,
    is_query: Option<String>,
    is_gallery: Option<String>,
}

#[derive(Default, Deserialize)]
struct WrittenSplits {
    train: Option<OneOrMore>,
    query: Option<OneOrMore>,
    gallery: Option<OneOrMore>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

#[derive(Default, Deserialize)]
pub(super) struct WrittenProtocol {
    pub(super) kind: Option<ProtocolKind>,
    #[serde(default)]
    pub(super) seed: u64,
    pub(super) distractors: Option<Amount>,
    #[serde(default)]
    pub(super) distractors_from: Distractors,
    #[serde(default)]
    pub(super) unanswered: f64,
}

#[derive(Default, Deserialize)]
pub(super) struct WrittenSubmission {
    pub(super) sample: Option<PathBuf>,
    pub(super) columns: Option<[String; 2]>,
    pub(super) separator: Option<String>,
    pub(super) not_in_gallery: Option<String>,
    pub(super) count: Option<usize>,
}

#[derive(Default, Deserialize)]
pub(super) struct WrittenLeaderboard {
    finals: Option<usize>,
    max_daily_submissions: Option<usize>,
    max_submissions: Option<usize>,
    public_share: Option<f64>,
    deadline: Option<String>,
    utc_offset: Option<f64>,
}

#[derive(Default, Deserialize)]
pub(super) struct WrittenWorkbench {
    pub(super) recipes: Option<String>,
    pub(super) pin: Option<String>,
    pub(super) first: Option<String>,
    pub(super) auto_seconds: Option<f64>,
}

impl WrittenData {
    /// The facts about tables and pictures, with what the layout assumes; `folder` is that of the tables.
    ///
    /// # Errors
    /// When tables are named that the layout does not have, or not those that it needs.
    pub(super) fn resolve(self, folder: PathBuf) -> Result<Data, DataError> {
        let tables = match (self.layout, self.table) {
            (Layout::Nishika, Some(_)) => {
                let message =
                    "the nishika layout has three tables: data.train, data.gallery and data.query, not data.table";
                return Err(DataError::Facts(message.to_owned()));
            }
            (Layout::Nishika, None) => Tables::ByRole {
                train: self.train.unwrap_or_else(|| "train.csv".into()),
                gallery: self.gallery.unwrap_or_else(|| "cite.csv".into()),
                query: self.query.unwrap_or_else(|| "test.csv".into()),
            },
            (_, Some(table)) if self.train.is_none() && self.gallery.is_none() && self.query.is_none() => {
                Tables::One(table)
            }
            (_, Some(_)) => {
                let message =
                    "data.train, data.gallery and data.query belong to the nishika layout, this one has data.table";
                return Err(DataError::Facts(message.to_owned()));
            }
            (_, None) => {
                let message = "data.table must say which table holds the photos, for example table = \"train.csv\"";
                return Err(DataError::Facts(message.to_owned()));
            }
        };
        let images = match self.images {
            None => Images::default(),
            Some(WrittenImages::One(one)) => {
                Images { train: Some(one.clone()), gallery: Some(one.clone()), query: Some(one) }
            }
            Some(WrittenImages::ByRole { train, gallery, query }) => Images { train, gallery, query },
        };
        let megapixels = self.max_megapixels.unwrap_or(100.0);
        Ok(Data {
            layout: self.layout,
            folder,
            tables,
            images,
            suffix: self.suffix.unwrap_or_default(),
            columns: self.columns.resolve(self.layout),
            splits: self.splits.resolve(),
            mixed_ids: self.mixed_ids.as_deref() == Some("allow"),
            skip_unreadable: self.unreadable.as_deref() == Some("skip"),
            limits: Limits { pixels: (megapixels * 1e6) as u64, ..Limits::default() },
            encoding: match self.encoding.as_deref() {
                Some("utf-8") => Encoding::Utf8,
                Some("shift_jis") => Encoding::ShiftJis,
                _ => Encoding::Auto,
            },
        })
    }
}

impl WrittenLeaderboard {
    /// The facts about the leaderboard.
    ///
    /// # Errors
    /// When the deadline is no date, or does not say on whose clock.
    pub(super) fn resolve(self) -> Result<Leaderboard, DataError> {
        let hours = self.utc_offset.unwrap_or(0.0);
        let end = |text: &String| {
            let on = |hours: f64| {
                Time::read(text, hours).map_err(|why| DataError::Facts(format!("leaderboard.deadline: {why}")))
            };
            // A text that means another moment on another clock does not name its clock.
            if self.utc_offset.is_none() && on(0.0)? != on(1.0)? {
                let why = "does not say on whose clock: write it with an offset, as in 2026-12-01T23:59:00+09:00, or write the \
                           host's utc_offset beside it";
                return Err(DataError::Facts(format!("leaderboard.deadline: {text:?} {why}")));
            }
            on(hours).map(|(moment, is_day)| if is_day { Time(moment.0 + DAY - 1.0) } else { moment })
        };
        Ok(Leaderboard {
            deadline: self.deadline.as_ref().map(end).transpose()?,
            finals: self.finals.unwrap_or(2),
            max_daily_submissions: self.max_daily_submissions,
            max_submissions: self.max_submissions,
            public_share: self.public_share,
            utc_offset: hours,
        })
    }
}

impl WrittenColumns {
    fn resolve(self, layout: Layout) -> Columns {
        let nishika = layout == Layout::Nishika;
        let text = |s: &str| s.to_owned();
        let assumed = |name: &str| Some(Optional { name: name.to_owned(), required: false });
        let written = |name: String| Some(Optional { name, required: true });
        let label = self.label.unwrap_or_else(|| text(if nishika { "meigara" } else { "label" }));
        let coarse = match (self.coarse, layout) {
            (Some(name), _) => written(name),
            // Of the two levels of Nishika's tables the other one.
            (None, Layout::Nishika) => assumed(if label == "brand_id" { "meigara" } else { "brand_id" }),
            (None, Layout::QueryGallery) => assumed("category"),
            (None, Layout::Table) => None,
        };
        let split = match (self.split, layout) {
            (Some(name), _) => written(name),
            (None, Layout::QueryGallery) => assumed("split"),
            (None, _) => None,
        };
        let image = match layout {
            Layout::Table => "image",
            Layout::Nishika => "filename",
            Layout::QueryGallery => "path",
        };
        Columns {
            id: self.id.or_else(|| nishika.then(|| text("gid"))),
            image: self.image.unwrap_or_else(|| text(image)),
            label,
            coarse,
            gallery_id: self.gallery_id.unwrap_or_else(|| text("cite_gid")),
            gallery_image: self.gallery_image.unwrap_or_else(|| text("cite_filename")),
            split,
            is_query: self.is_query.unwrap_or_else(|| text("is_query")),
            is_gallery: self.is_gallery.unwrap_or_else(|| text("is_gallery")),
        }
    }
}

impl WrittenSplits {
    fn resolve(self) -> Splits {
        let values = |written: Option<OneOrMore>, usual: &str| match written {
            None => vec![usual.to_owned()],
            Some(OneOrMore::One(one)) => vec![one],
            Some(OneOrMore::More(more)) => more,
        };
        Splits {
            train: values(self.train, "train"),
            query: values(self.query, "query"),
            gallery: values(self.gallery, "gallery"),
        }
    }
}
