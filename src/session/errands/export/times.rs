//! When each point of a training was told, to the log's own time.
//!
//! Takes runs; gives the time of a point. What viewers keep of a log knows some two hundred moments of a training and draws straight lines between them,
//! which is enough for a picture, and for other tools is not: a pause of an hour would become a slope. So the log is read once more, one run at a time.

use std::collections::BTreeMap;
use std::path::Path;

use crate::base::files;
use crate::dag::{Board, Event, Line, RunView};
use crate::session::Slot;
use crate::session::snapshot::{Curve, series};
use crate::session::survey::curves;

/// The times of a run's points: by training and series, by epoch (its bits: epochs are not negative, so these are in order).
#[derive(Debug, Default)]
struct Log(BTreeMap<(Slot, String), BTreeMap<u64, f64>>);

impl Log {
    /// Reads a run's log; one that cannot be read has no times.
    fn read(folder: &Path) -> Log {
        let mut log = Log::default();
        let bytes = files::read(&folder.join("events.jsonl")).unwrap_or_default();
        bytes.split(|byte| *byte == b'\n').filter_map(Line::from_json).for_each(|line| log.take(line));
        log
    }

    fn take(&mut self, line: Line) {
        match line.event {
            Event::Point { series, part, x, .. } if x >= 0.0 => {
                let Some(slot) = Slot::of_part(&part) else { return };
                // What is told again when work goes on was first told then.
                self.0.entry((slot, series)).or_default().entry((x + 0.0).to_bits()).or_insert(line.at.0);
            }
            Event::Rewind { part, x } => {
                let Some(slot) = Slot::of_part(&part) else { return };
                let own = self.0.iter_mut().filter(|((of, _), _)| *of == slot);
                own.for_each(|(_, times)| times.retain(|bits, _| f64::from_bits(*bits) <= x));
            }
            _ => {}
        }
    }
}

/// The times of one run's trainings.
pub(super) struct Times<'a> {
    run: &'a RunView,
    board: &'a Board,
    /// The logs that were read, by run.
    logs: BTreeMap<String, Log>,
}

impl<'a> Times<'a> {
    /// Of a run; nothing is read yet.
    pub(super) fn of(run: &'a RunView, board: &'a Board) -> Times<'a> {
        Times { run, board, logs: BTreeMap::new() }
    }

    /// Seconds since 1970 at each point of a curve; `None` before the first that is known: what was found in the store, and nobody tells who made it.
    pub(super) fn at(&mut self, curve: &Curve) -> Vec<Option<f64>> {
        let slot = Slot { fold: curve.fold as usize, seed: curve.seed, ahead: 0 };
        let maker = curves::maker(self.run, &slot.to_string(), self.board).unwrap_or(self.run);
        let log = self.logs.entry(maker.id().to_owned()).or_insert_with(|| Log::read(maker.folder()));
        let names: &[&str] = match curve.series.as_str() {
            series::LOSS => &[series::BATCH_LOSS, series::LOSS],
            other => &[other],
        };
        let of = |name: &str, epoch: f64| log.0.get(&(slot, name.to_owned()))?.get(&(epoch + 0.0).to_bits()).copied();
        let time = |epoch: f64| {
            let drawn = curve.axis.wall(epoch)?;
            Some(names.iter().find_map(|name| of(name, epoch)).unwrap_or(drawn))
        };
        curve.points.iter().map(|point| time(point[0])).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Time;

    #[test]
    fn a_point_has_the_time_at_which_it_was_first_told() {
        let mut log = Log::default();
        let mut say = |at: f64, event: Event| log.take(Line { at: Time(at), event });
        let point = |x: f64| Event::Point { series: "loss".into(), part: "fold 0".into(), x, value: 1.0 };
        say(10.0, point(0.5));
        say(20.0, point(1.0));
        say(30.0, point(1.5));
        // Two hours later from the checkpoint of the first epoch.
        say(7200.0, Event::Rewind { part: "fold 0".into(), x: 1.0 });
        say(7200.0, point(1.0));
        say(7210.0, point(1.5));
        say(7300.0, Event::Point { series: "loss".into(), part: "no training".into(), x: 9.0, value: 1.0 });
        let times = &log.0[&(Slot::of_fold(0), "loss".to_owned())];
        let found: Vec<(f64, f64)> = times.iter().map(|(bits, at)| (f64::from_bits(*bits), *at)).collect();
        assert_eq!(found, [(0.5, 10.0), (1.0, 20.0), (1.5, 7210.0)]);
        assert_eq!(log.0.len(), 1);
    }
}
