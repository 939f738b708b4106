//! All pairs of one set, with every product made once.
//!
//! Takes a set `[n, d]` and what each row keeps; shows each row its cosines with all. A cosine is the same number from both sides (the
//! same products are added in the same order), so a tile of rows and later rows is shown to both: to its rows line by line, as in
//! `exact`, and to its columns, some at a time, with all lines that a block of rows has. That halves the products, which are most of
//! the work. A row meets others in no order that it could rely on, and threads share it out: what it keeps may depend on the pairs alone.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::exact::{GALLERY_TILE, height};
use super::kernel;
use crate::base::{Cancel, Progress};
use crate::retrieve::{Embeddings, RetrieveError};

/// Cosines of a block of rows with some columns.
#[derive(Clone, Copy)]
pub(in crate::retrieve) struct Lines<'a> {
    /// `[rows, step]`; a line may go on behind the columns.
    cosines: &'a [f32],
    step: usize,
    /// The first row's place.
    from: u32,
    /// The first column's place.
    pub column: u32,
}

impl<'a> Lines<'a> {
    /// Each row's cosines with the first so many columns, and its place.
    pub(in crate::retrieve) fn each(self, columns: usize) -> impl Iterator<Item = (&'a [f32], u32)> {
        self.cosines.chunks_exact(self.step).map(move |line| &line[..columns]).zip(self.from..)
    }
}

/// Takes what a block's rows have besides, its lines `[rows, step]`, how long a line is, and the first column's place in the tile.
type Back<'a, B> = dyn Fn(&[B], &[f32], usize, usize) + 'a;

/// Shows every row the cosines of all, its own among them. `beside` makes what a row needs beside the cosines of a tile of places, before it
/// sees them. `look` shows a row its cosines from a place on; `back` shows some columns their cosines with the rows of a block, which have
/// these besides.
///
/// # Errors
/// When a number is not finite (its photo is named), or on a stop.
pub(in crate::retrieve) fn symmetric<S: Send, B>(
    all: &Embeddings,
    rows: &mut [S],
    beside: impl Fn(&mut S, Range<u32>) -> B + Sync,
    look: impl Fn(&mut S, &mut B, &[f32], u32) + Sync,
    back: impl Fn(&mut [S], &[B], Lines) + Sync,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<(), RetrieveError> {
    all.check()?;
    let (n, dim, height) = (all.len(), all.dim, height(all.len()));
    // A tile of whole blocks: within it both sides of a pair are the tile's.
    let tile = GALLERY_TILE / height * height;
    let (mut groups, mut panels) = (Vec::new(), Vec::new());
    kernel::pack(all, 0, n, kernel::GROUP, &mut groups);
    for from in (0..n).step_by(tile) {
        // Each tile meets all before it.
        progress.at("search", (from as u64).pow(2), (n as u64).pow(2), "pairs");
        cancel.check()?;
        let real = tile.min(n - from);
        kernel::pack(all, from, real, kernel::width(), &mut panels);
        let places = from as u32..(from + real) as u32;
        let (before, here) = rows[..from + real].split_at_mut(from);
        let show = |spare: &mut Vec<f32>, rows: &mut [S], groups: &[f32], back: &Back<'_, B>| {
            let mut besides: Vec<B> = rows.iter_mut().map(|row| beside(row, places.clone())).collect();
            kernel::walk(groups, &panels, dim, spare, |first, step, lines| {
                let there = step.min(real - first);
                for ((row, beside), line) in rows.iter_mut().zip(&mut besides).zip(lines.chunks_exact(step)) {
                    look(row, beside, &line[..there], (from + first) as u32);
                }
                back(&besides, &lines[..rows.len() * step], step, first);
            });
        };
        // First the tile within itself: its rows then know how good others must be, when those of earlier tiles are shown to them.
        let blocks = here.par_chunks_mut(height).zip(groups[from * dim..].par_chunks(height * dim));
        blocks.for_each_init(Vec::new, |spare, (rows, groups)| show(spare, rows, groups, &|_, _, _, _| ()));
        let columns: Vec<Mutex<&mut [S]>> = here.chunks_mut(kernel::seen()).map(Mutex::new).collect();
        let blocks = before.par_chunks_mut(height).zip(groups.par_chunks(height * dim)).enumerate();
        blocks.for_each_init(Vec::new, |spare, (block, (rows, groups))| {
            show(spare, rows, groups, &|besides, cosines, step, first| {
                if let Some(columns) = columns.get(first / kernel::seen()) {
                    let (column, from) = ((from + first) as u32, (block * height) as u32);
                    let mut columns = columns.lock().unwrap_or_else(PoisonError::into_inner);
                    back(&mut columns, besides, Lines { cosines, step, from, column });
                }
            });
        });
    }
    progress.at("search", (n as u64).pow(2), (n as u64).pow(2), "pairs");
    Ok(())
}
