//! The nearest of each row within its own set.
//!
//! Takes a set `[n, d]`; gives for each row the best k of the others, and its least cosine. Products are made once for both of their
//! rows (`symmetric`). What a row keeps is the best by cosine and then place, whatever the order in which it saw them, so the lists are
//! those of a search.

use super::exact::{at_least_one, finished};
use super::symmetric::{Lines, symmetric};
use super::top::Top;
use super::{Neighbours, kernel};
use crate::base::{Cancel, Progress};
use crate::retrieve::{Embeddings, RetrieveError};

/// What a row has seen.
struct Row {
    top: Top,
    own: u32,
    least: f32,
}

impl Row {
    /// Cosines of the places from `from` on, later than all that were seen so.
    fn see(&mut self, cosines: &[f32], from: u32) {
        self.top.offer(cosines, from, Some(self.own));
        // Eight at a time: the least of all does not depend on the order.
        let (eights, rest) = cosines.as_chunks::<8>();
        let mut lows = [self.least; 8];
        for eight in eights {
            for (low, &x) in lows.iter_mut().zip(eight) {
                *low = if x < *low { x } else { *low };
            }
        }
        self.least = lows.iter().chain(rest).fold(self.least, |low, &x| low.min(x));
    }
}

/// The nearest `k` of each row among the other rows of the same set, with each row's least cosine.
///
/// # Errors
/// As [`search`](super::search).
pub fn graph(
    all: &Embeddings,
    k: usize,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Neighbours, RetrieveError> {
    let top = Top::new(at_least_one(k)?);
    let mut rows: Vec<Row> =
        (0..all.len() as u32).map(|own| Row { top: top.clone(), own, least: f32::INFINITY }).collect();
    let look = |row: &mut Row, (): &mut (), cosines: &[f32], from: u32| row.see(cosines, from);
    symmetric(all, &mut rows, |_, _| (), look, see_lines, progress, cancel)?;
    let least = rows.iter().map(|row| row.least).collect();
    let states = rows.into_iter().map(|row| (row.top, Some(row.own))).collect();
    Ok(Neighbours { least, ..finished(k, states) })
}

/// Shows `columns` their cosines with other rows.
fn see_lines(columns: &mut [Row], _: &[()], lines: Lines) {
    let (mut thresholds, mut least) = ([f32::INFINITY; kernel::MOST_SEEN], [f32::INFINITY; kernel::MOST_SEEN]);
    for (threshold, column) in thresholds.iter_mut().zip(columns.iter()) {
        *threshold = column.top.threshold();
    }
    for (line, place) in lines.each(columns.len()) {
        let mut any = false;
        for ((&cosine, threshold), least) in line.iter().zip(&thresholds).zip(&mut least) {
            any |= cosine >= *threshold;
            *least = if cosine < *least { cosine } else { *least };
        }
        if any {
            for ((column, threshold), &cosine) in columns.iter_mut().zip(&mut thresholds).zip(line) {
                if cosine >= *threshold {
                    column.top.push(cosine, place);
                    *threshold = column.top.threshold();
                }
            }
        }
    }
    for (column, least) in columns.iter_mut().zip(least) {
        column.least = column.least.min(least);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::Seed;
    use crate::base::progress::Silent;
    use crate::retrieve::index;

    /// A search in itself says the same, but for the least cosine.
    fn check(all: &Embeddings, k: usize) {
        let graph = graph(all, k, &Silent, &Cancel::new()).unwrap();
        let searched = index::neighbours(all, all, k, &Silent, &Cancel::new()).unwrap();
        assert_eq!((&graph.places, &graph.cosines), (&searched.places, &searched.cosines));
        // The farthest is the last of a list of all.
        for i in (0..all.len()).step_by(all.len().div_ceil(20)) {
            let row = all.subset(&all.photos[i..=i]).unwrap();
            let whole = index::neighbours(&row, all, all.len(), &Silent, &Cancel::new()).unwrap();
            let least = whole.cosines.iter().copied().filter(|x| x.is_finite()).fold(1.0, f32::min);
            assert_eq!(graph.least[i].min(1.0), least, "{i}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Corners of a cube make many exact ties.
        #[test]
        fn equals_a_search_in_itself(seed: u64, n in 1u32..200, k in 1usize..12) {
            let mut draws = Seed::new(seed).draws();
            let data = (0..4 * n).map(|_| if draws.chance(0.5) { 1.0 } else { -1.0 }).collect();
            check(&Embeddings::new(4, (0..n).collect(), data).unwrap(), k);
        }
    }

    #[test]
    fn several_tiles_equal_a_search_in_itself() {
        let mut draws = Seed::new(3).draws();
        let mut data: Vec<f32> = (0..5000 * 24).map(|_| draws.normal() as f32).collect();
        // Equal rows in each tile, and rows of nothing.
        for i in [7, 2010, 2015, 2016, 2050, 4500, 4999] {
            data.copy_within(0..24, i * 24);
        }
        data[24 * 3000..24 * 3300].fill(0.0);
        check(&Embeddings::new(24, (0..5000).collect(), data).unwrap(), 9);
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        let mut draws = Seed::new(4).draws();
        let data: Vec<f32> = (0..5000 * 16).map(|_| draws.normal() as f32).collect();
        let all = Embeddings::new(16, (0..5000).collect(), data).unwrap();
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| graph(&all, 10, &Silent, &Cancel::new()).unwrap())
        };
        let one = with(1);
        let bits = |found: &Neighbours| {
            let numbers = found.cosines.iter().chain(&found.least);
            (found.places.clone(), numbers.map(|x| x.to_bits()).collect::<Vec<_>>())
        };
        for threads in [2, 7] {
            assert_eq!(bits(&with(threads)), bits(&one));
        }
    }
}
