//! Answers of another program: embeddings with ids, ranked lists.
//!
//! Takes files as NumPy, PyTorch, pandas or a competition's sample have them; gives rows by id ([`Rows`]) and lists by id
//! ([`Lists`]), which are then matched with the manifest ([`Rows::of`], [`Lists::of`]). An id that is wanted and missing is an error that counts
//! all and names some; rows for photos that nobody asks for are passed over.
//!
//! - [`npy`]: an array of NumPy;
//! - [`table`]: Parquet with an id column, ranked tables.

mod npy;
mod table;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::base::files::{FileError, read_text};
use crate::base::text::plain;
use crate::data::DataError;
use crate::retrieve::{Embeddings, RetrieveError};

/// Missing ids that are named.
const NAMED: usize = 3;

/// Why a file cannot be a member.
#[derive(Debug, thiserror::Error)]
pub enum OutsideError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A table of it is malformed.
    #[error(transparent)]
    Table(#[from] DataError),
    /// A safetensors file is malformed.
    #[error(transparent)]
    Tensors(#[from] RetrieveError),
    /// It is there and does not hold what is asked of it.
    #[error("{}: {why}", file.display())]
    Bad {
        /// The file.
        file: PathBuf,
        /// What is wrong, and what to write.
        why: String,
    },
}

fn bad(file: &Path, why: impl Into<String>) -> OutsideError {
    OutsideError::Bad { file: file.to_owned(), why: why.into() }
}

/// Embeddings by id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    file: PathBuf,
    /// Numbers a row.
    pub dim: usize,
    /// `[n]`.
    pub ids: Vec<String>,
    /// `[n, dim]`, row-major.
    pub data: Vec<f32>,
}

/// Ranked lists by id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lists {
    file: PathBuf,
    /// For each query (gallery id, score), best first; without scores in the file, places count down from −1.
    pub of_query: HashMap<String, Vec<(String, f64)>>,
}

impl Rows {
    /// Reads a file of embeddings by the ending of its name; `ids`: the file of ids, which `.npy` and `.safetensors` need.
    ///
    /// # Errors
    /// When a file cannot be read, has another form, or its ids are not one a row, each once.
    pub fn read(file: &Path, ids: Option<&Path>) -> Result<Rows, OutsideError> {
        let ending = file.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
        let (dim, data, own) = match ending.as_str() {
            "npy" => {
                let (dim, data) = npy::read(file)?;
                (dim, data, None)
            }
            "safetensors" => {
                let (dim, data) = Embeddings::tensor(file, &["embeddings", "data"])?;
                (dim, data, None)
            }
            "parquet" => {
                let (dim, data, ids) = table::embeddings(file)?;
                (dim, data, Some(ids))
            }
            _ => return Err(bad(file, "embeddings are read from .npy, .safetensors and .parquet")),
        };
        let ids = match (own, ids) {
            (Some(_), Some(ids)) => {
                return Err(bad(file, format!("a Parquet file has ids itself; leave {} out", ids.display())));
            }
            (Some(ids), None) => ids,
            (None, Some(ids)) => lines(ids)?,
            (None, None) => {
                return Err(bad(
                    file,
                    "it does not say whose its rows are; write ids = \"…\", a text file with one id a line",
                ));
            }
        };
        let rows = data.len() / dim.max(1);
        if ids.len() != rows {
            return Err(bad(file, format!("it has {rows} rows, and there are {} ids", ids.len())));
        }
        let mut seen = HashMap::new();
        for (row, id) in ids.iter().enumerate() {
            if let Some(first) = seen.insert(id.as_str(), row) {
                return Err(bad(file, format!("the id {} stands at rows {} and {}", plain(id), first + 1, row + 1)));
            }
        }
        if let Some(at) = data.iter().position(|x| !x.is_finite()) {
            let id = &ids[at / dim.max(1)];
            return Err(bad(file, format!("the embedding of {} has a {} in it", plain(id), data[at])));
        }
        Ok(Rows { file: file.to_owned(), dim, ids, data })
    }

    /// The rows of some photos, given with their ids.
    ///
    /// # Errors
    /// When ids are missing: how many, and the first of them.
    pub fn of(&self, photos: &[(u32, &str)]) -> Result<Embeddings, OutsideError> {
        let places: HashMap<&str, usize> = self.ids.iter().enumerate().map(|(row, id)| (id.as_str(), row)).collect();
        let missing = photos.iter().filter(|(_, id)| !places.contains_key(id)).map(|(_, id)| *id);
        refuse_missing(&self.file, "an embedding", missing, photos.len())?;
        let mut data = Vec::with_capacity(photos.len() * self.dim);
        for (_, id) in photos {
            if let Some(row) = places.get(id) {
                data.extend_from_slice(&self.data[row * self.dim..][..self.dim]);
            }
        }
        Ok(Embeddings::new(self.dim, photos.iter().map(|(photo, _)| *photo).collect(), data)?)
    }
}

impl Lists {
    /// Reads a table of two columns (query, gallery ids joined by `separator`), as a submission has them, or of three (query, gallery id,
    /// score), one row a pair, in any order.
    ///
    /// # Errors
    /// When it cannot be read, has another form, a score is no number, or a list names a photo twice.
    pub fn read(file: &Path, separator: &str) -> Result<Lists, OutsideError> {
        Ok(Lists { file: file.to_owned(), of_query: table::lists(file, separator)? })
    }

    /// The lists of some queries, as places in a gallery; both given with their ids. What stands elsewhere in the manifest, and the query
    /// itself, is passed over; gives how many entries were.
    ///
    /// # Errors
    /// When queries have no list, or a list names what `known` does not know: how many, and the first of them.
    pub fn of(
        &self,
        queries: &[(u32, &str)],
        gallery: &[(u32, &str)],
        known: &dyn Fn(&str) -> bool,
    ) -> Result<(Vec<super::pool::List>, usize), OutsideError> {
        let places: HashMap<&str, u32> = gallery.iter().zip(0..).map(|((_, id), place)| (*id, place)).collect();
        let without = queries.iter().filter(|(_, id)| !self.of_query.contains_key(*id)).map(|(_, id)| *id);
        refuse_missing(&self.file, "a list", without, queries.len())?;
        let (mut found, mut strange, mut elsewhere, mut all) = (Vec::new(), Vec::new(), 0, 0);
        for (photo, query) in queries {
            let mut list = Vec::new();
            for (id, score) in self.of_query.get(*query).into_iter().flatten() {
                all += 1;
                match places.get(id.as_str()) {
                    Some(&place) if gallery[place as usize].0 != *photo => list.push((place, *score)),
                    Some(_) => elsewhere += 1,
                    None if known(id) => elsewhere += 1,
                    None => strange.push(id.as_str()),
                }
            }
            found.push(list);
        }
        refuse_missing(&self.file, "a photo of the tables", strange.into_iter(), all)?;
        Ok((found, elsewhere))
    }
}

/// An error for ids that lack something.
fn refuse_missing<'a>(
    file: &Path,
    what: &str,
    missing: impl Iterator<Item = &'a str>,
    of: usize,
) -> Result<(), OutsideError> {
    let missing: Vec<&str> = missing.collect();
    if missing.is_empty() {
        return Ok(());
    }
    let named: Vec<String> = missing.iter().take(NAMED).map(|id| plain(id)).collect();
    let rest = if missing.len() > NAMED { ", …" } else { "" };
    Err(bad(file, format!("{} of {of} ids have not {what}: {}{rest}", missing.len(), named.join(", "))))
}

/// One id a line; empty lines are passed over.
fn lines(file: &Path) -> Result<Vec<String>, OutsideError> {
    let text = read_text(file)?;
    let text = text.trim_start_matches('\u{feff}');
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}
