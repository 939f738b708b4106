//! A row for each point of each series of each training.
//!
//! Columns `recipe`, `run`, `fold`, `seed` (what is added to the recipe's), `series`, `step` (of the optimiser; a gap in logs of an older version, which
//! do not tell), `epoch`, `time` (seconds since 1970, UTC; a gap before the first that this run made), `running` (seconds of work, likewise), `value`.

use super::times::Times;
use super::told::History;
use super::{Cells, PIECE, Table, column, texts};
use crate::dag::RunView;
use crate::session::SessionError;
use crate::session::snapshot::Curve;
use crate::session::survey::curves;

/// The table of the runs that are meant, in pieces.
pub fn tables(history: &History) -> impl Iterator<Item = Result<Table, SessionError>> {
    let runs = history.runs().into_iter();
    let pieces = runs.flat_map(|run| {
        let curves = curves::curves(run, &history.board);
        let mut times = Times::of(run, &history.board);
        let cut = move |curve: Curve| {
            let times = times.at(&curve);
            // As they are read: of a log that became another one meanwhile there may be fewer than its index said.
            let count = curve.points.iter().len().min(times.len());
            let piece = move |first: usize| {
                let range = first..count.min(first + PIECE);
                rows(run, &curve, &curve.points[range.clone()], &times[range])
            };
            (0..count).step_by(PIECE).map(piece)
        };
        curves.into_iter().flat_map(cut)
    });
    // Columns stand in the file also where there is no row.
    std::iter::once(empty()).chain(pieces).map(Ok)
}

fn empty() -> Table {
    rows(&RunView::new(std::path::Path::new("")), &Curve::default(), &[], &[])
}

fn rows(run: &RunView, curve: &Curve, points: &[[f64; 2]], times: &[Option<f64>]) -> Table {
    let all = |text: &'static str, value: &str| texts(text, points.iter().map(|_| value));
    let whole = |value: i64| Cells::Whole(vec![Some(value); points.len()]);
    let at = |get: &dyn Fn(f64) -> Option<f64>| Cells::Real(points.iter().map(|point| get(point[0])).collect());
    let step = |point: &[f64; 2]| curve.axis.step(point[0]).map(|step| step.round() as i64);
    Table {
        columns: vec![
            all("recipe", &run.told.recipe),
            all("run", run.id()),
            column("fold", whole(i64::from(curve.fold))),
            column("seed", whole(curve.seed as i64)),
            all("series", &curve.series),
            column("step", Cells::Whole(points.iter().map(step).collect())),
            column("epoch", Cells::Real(points.iter().map(|point| Some(point[0])).collect())),
            column("time", Cells::Real(times.to_vec())),
            column("running", at(&|epoch| curve.axis.running(epoch))),
            column("value", Cells::Real(points.iter().map(|point| Some(point[1])).collect())),
        ],
    }
}
