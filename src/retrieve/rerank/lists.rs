//! Candidates on their way to a ranking.
//!
//! Takes what a ranker gives and steps change: for each query (place in the gallery, score), a larger score being better. Of equal scores
//! the earlier place stands first, as in a search.

use std::path::Path;

use super::NotInGallery;
use crate::retrieve::index::Neighbours;
use crate::retrieve::tensor_file::{self, Column, Numbers};
use crate::retrieve::{ABSENT, NONE, Ranking, RetrieveError};

/// One list a query.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lists {
    /// `[q]` lists of (place in the gallery, score), best first.
    pub entries: Vec<Vec<(u32, f64)>>,
}

/// The better entry first; scores are never NaN here.
pub(super) fn order(a: &(u32, f64), b: &(u32, f64)) -> std::cmp::Ordering {
    b.1.partial_cmp(&a.1).unwrap_or(std::cmp::Ordering::Equal).then(a.0.cmp(&b.0))
}

/// Sorts a list and cuts it after `k`.
pub(super) fn best(list: &mut Vec<(u32, f64)>, k: usize) {
    if k > 0 && list.len() > k {
        list.select_nth_unstable_by(k - 1, order);
        list.truncate(k);
    }
    list.sort_unstable_by(order);
}

impl Lists {
    /// Lists as a search gave them.
    pub(super) fn of(found: &Neighbours) -> Lists {
        let list = |i| found.pairs(i).map(|(place, score)| (place, f64::from(score))).collect();
        Lists { entries: (0..found.len()).map(list).collect() }
    }

    /// Entries of the longest list.
    pub fn longest(&self) -> usize {
        self.entries.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// Writes safetensors: `scores` f64 `[q, k]` and `places` u32 `[q, k]`, `k` the longest list's length; [`NONE`] and negative infinity
    /// fill the end of shorter ones. Scores are written whole, so that steps go on to the same bits.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), RetrieveError> {
        let k = self.longest();
        let (mut places, mut scores) = (Vec::new(), Vec::new());
        for list in &self.entries {
            places.extend(list.iter().map(|&(place, _)| place).chain(std::iter::repeat_n(NONE, k - list.len())));
            let filling = std::iter::repeat_n(f64::NEG_INFINITY, k - list.len());
            scores.extend(list.iter().map(|&(_, score)| score).chain(filling));
        }
        let shape = vec![self.entries.len(), k];
        let scores = Column { name: "scores", shape: shape.clone(), numbers: Numbers::F64(&scores) };
        tensor_file::save(path, &[scores, Column { name: "places", shape, numbers: Numbers::U32(&places) }])
    }

    /// Reads what [`Lists::save`] wrote, for places among `rows` rows.
    ///
    /// # Errors
    /// When the file cannot be read, is cut short, has other tensors or shapes, names a place that is not there or twice in a list, or has
    /// a score that is no number.
    pub fn load(path: &Path, rows: usize) -> Result<Lists, RetrieveError> {
        let bad = |why: String| RetrieveError::BadFile { path: path.to_owned(), kind: "lists", why };
        let mut file = tensor_file::open(path, "lists")?;
        let (shape, scores) = file.f64s("scores")?;
        let (places_shape, places) = file.u32s("places")?;
        let &[q, k] = &shape[..] else { return Err(bad(format!("scores have shape {shape:?}, not [q, k]"))) };
        if places_shape != shape {
            return Err(bad(format!("scores {shape:?} and places {places_shape:?} do not fit")));
        }
        let mut entries = Vec::with_capacity(q);
        let mut met = vec![usize::MAX; rows];
        for i in 0..q {
            let row = i * k..(i + 1) * k;
            let list: Vec<(u32, f64)> = places[row.clone()]
                .iter()
                .copied()
                .zip(scores[row].iter().copied())
                .take_while(|(place, _)| *place != NONE)
                .collect();
            for &(place, score) in &list {
                match met.get_mut(place as usize) {
                    Some(before) if *before != i && !score.is_nan() => *before = i,
                    _ => return Err(bad(format!("list {i} has place {place} with score {score}"))),
                }
            }
            entries.push(list);
        }
        Ok(Lists { entries })
    }

    /// The first `k` of each list as photos, given those of both sides, with [`ABSENT`] behind as many photos as `absent` says; the scores
    /// are rounded to f32.
    pub fn ranking(&self, queries: &[u32], gallery: &[u32], absent: Option<&NotInGallery>, k: usize) -> Ranking {
        let (mut items, mut scores) = (Vec::new(), Vec::new());
        for (query, list) in self.entries.iter().enumerate() {
            let mut row: Vec<(u32, f32)> =
                list.iter().take(k).map(|&(place, score)| (gallery[place as usize], score as f32)).collect();
            if let Some(&before) = absent.and_then(|absent| absent.before.get(query)) {
                let place = before.min(row.len());
                // Scores go on falling.
                let beside = place.checked_sub(1).or_else(|| (!row.is_empty()).then_some(0));
                row.insert(place, (ABSENT, beside.map_or(0.0, |beside| row[beside].1)));
                row.truncate(k);
            }
            let missing = k - row.len();
            items.extend(row.iter().map(|(photo, _)| *photo).chain(std::iter::repeat_n(NONE, missing)));
            scores.extend(row.iter().map(|(_, score)| *score).chain(std::iter::repeat_n(f32::NEG_INFINITY, missing)));
        }
        Ranking { queries: queries.to_vec(), k, items, scores }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_hold_the_same_lists_and_no_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lists.safetensors");
        let lists = Lists { entries: vec![vec![(3, 0.1 + 0.2), (0, -1.0)], Vec::new(), vec![(2, f64::MIN_POSITIVE)]] };
        lists.save(&path).unwrap();
        assert_eq!(Lists::load(&path, 4).unwrap(), lists);
        assert!(Lists::load(&path, 3).unwrap_err().to_string().contains("list 0 has place 3"));
        for entries in [vec![vec![(1, 0.5), (1, 0.4)]], vec![vec![(1, f64::NAN)]]] {
            Lists { entries }.save(&path).unwrap();
            assert!(Lists::load(&path, 4).is_err());
        }
        let absent = NotInGallery { threshold: 0.5, before: vec![1, 0, 9] };
        let ranking = lists.ranking(&[90, 91, 92], &[10, 11, 12, 13], Some(&absent), 3);
        assert_eq!(ranking.items, [13, ABSENT, 10, ABSENT, NONE, NONE, 12, ABSENT, NONE]);
        ranking.check().unwrap();
        Lists::default().save(&path).unwrap();
        assert_eq!(Lists::load(&path, 4).unwrap(), Lists::default());
    }
}
