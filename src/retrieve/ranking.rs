//! The best photos of a gallery for each query, best first.
//!
//! Made by `index`, read by `score` and written into submissions. Items are photos (indices into
//! the manifest), not places in a gallery. A list never names a photo twice and never its own query.

use std::path::Path;

use super::RetrieveError;
use super::tensor_file::{self, Column, Numbers};

/// Stands where a list has no further item: the gallery was smaller than k.
pub const NONE: u32 = u32::MAX;

/// Stands in a list for "not in the gallery".
pub const ABSENT: u32 = u32::MAX - 1;

/// `q` lists of at most `k` photos.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranking {
    /// The queries' photos, `[q]`.
    pub queries: Vec<u32>,
    /// Places in a list.
    pub k: usize,
    /// `[q, k]`, row-major, best first; [`NONE`] fills the end of short lists, [`ABSENT`] may stand once in each.
    pub items: Vec<u32>,
    /// `[q, k]` cosines, falling along each list; negative infinity beside [`NONE`].
    pub scores: Vec<f32>,
}

impl Ranking {
    /// The list of query `i`, best first, without the filling.
    pub fn list(&self, i: usize) -> &[u32] {
        let row = &self.items[i * self.k..(i + 1) * self.k];
        &row[..row.iter().position(|&item| item == NONE).unwrap_or(self.k)]
    }

    /// The cosines of [`Ranking::list`].
    pub fn list_scores(&self, i: usize) -> &[f32] {
        &self.scores[i * self.k..][..self.list(i).len()]
    }

    /// The first `k` places of each list, filled up where lists are shorter.
    pub fn cut(&self, k: usize) -> Ranking {
        let mut cut = Ranking { queries: self.queries.clone(), k, ..Ranking::default() };
        let had = k.min(self.k);
        for i in 0..self.queries.len() {
            cut.items.extend_from_slice(&self.items[i * self.k..][..had]);
            cut.items.extend(std::iter::repeat_n(NONE, k - had));
            cut.scores.extend_from_slice(&self.scores[i * self.k..][..had]);
            cut.scores.extend(std::iter::repeat_n(f32::NEG_INFINITY, k - had));
        }
        cut
    }

    /// Checks the lengths, that no list names a photo twice or its own query, and that
    /// nothing follows [`NONE`].
    ///
    /// # Errors
    /// Says which query's list breaks one of these.
    pub fn check(&self) -> Result<(), RetrieveError> {
        let expected = self.queries.len() * self.k;
        for (what, found) in [("items [q, k]", self.items.len()), ("scores [q, k]", self.scores.len())] {
            if found != expected {
                return Err(RetrieveError::Shape { what, expected, found });
            }
        }
        for (i, &query) in self.queries.iter().enumerate() {
            let list = self.list(i);
            let mut sorted = list.to_vec();
            sorted.sort_unstable();
            let length = list.len();
            let rest = &self.items[i * self.k + length..(i + 1) * self.k];
            let why = if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
                "names a photo twice"
            } else if list.contains(&query) {
                "names the query itself"
            } else if rest.iter().any(|&item| item != NONE) {
                "goes on after its end"
            } else {
                continue;
            };
            return Err(RetrieveError::BadList { query, why });
        }
        Ok(())
    }

    /// Writes safetensors: `queries` u32 `[q]`, `items` u32 `[q, k]`, `scores` f32 `[q, k]`.
    ///
    /// # Errors
    /// When the lists fail [`Ranking::check`] or the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), RetrieveError> {
        self.check()?;
        let q = self.queries.len();
        tensor_file::save(
            path,
            &[
                Column { name: "queries", shape: vec![q], numbers: Numbers::U32(&self.queries) },
                Column { name: "items", shape: vec![q, self.k], numbers: Numbers::U32(&self.items) },
                Column { name: "scores", shape: vec![q, self.k], numbers: Numbers::F32(&self.scores) },
            ],
        )
    }

    /// Reads what [`Ranking::save`] wrote.
    ///
    /// # Errors
    /// When the file cannot be read, is cut short, has other tensors or shapes, or fails [`Ranking::check`].
    pub fn load(path: &Path) -> Result<Self, RetrieveError> {
        let bad = |why: String| RetrieveError::BadFile { path: path.to_owned(), kind: "ranking", why };
        let mut file = tensor_file::open(path, "ranking")?;
        let (q_shape, queries) = file.u32s("queries")?;
        let (shape, items) = file.u32s("items")?;
        let (scores_shape, scores) = file.f32s("scores")?;
        let (&[q], &[rows, k]) = (&q_shape[..], &shape[..]) else {
            return Err(bad(format!("queries has shape {q_shape:?} and items {shape:?}, not [q] and [q, k]")));
        };
        if rows != q || scores_shape != shape {
            return Err(bad(format!("{q} queries, items {shape:?} and scores {scores_shape:?} do not fit")));
        }
        let ranking = Ranking { queries, k, items, scores };
        ranking.check().map_err(|e| bad(e.to_string()))?;
        Ok(ranking)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranking() -> Ranking {
        let scores = vec![0.9, 0.5, f32::NEG_INFINITY, 0.3, 0.2, 0.1];
        Ranking { queries: vec![7, 8], k: 3, items: vec![1, 2, NONE, 3, 1, 2], scores }
    }

    #[test]
    fn files_hold_the_same_lists() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.safetensors");
        ranking().save(&path).unwrap();
        assert_eq!(Ranking::load(&path).unwrap(), ranking());
        assert_eq!(ranking().list(0), [1, 2]);
        assert_eq!(ranking().list_scores(0), [0.9, 0.5]);
    }

    #[test]
    fn lists_that_cannot_be_are_refused() {
        for (items, why) in [
            ([1, 1, NONE, 3, 1, 2], "the list of query photo 7 names a photo twice"),
            ([1, 2, NONE, 3, 8, 2], "the list of query photo 8 names the query itself"),
            ([1, NONE, 2, 3, 1, 2], "the list of query photo 7 goes on after its end"),
        ] {
            let broken = Ranking { items: items.to_vec(), ..ranking() };
            assert_eq!(broken.check().unwrap_err().to_string(), why);
        }
    }
}
