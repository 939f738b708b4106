//! The log of a run, for people: what counts is in its events.
//!
//! Takes events; writes lines with the time on this place's clocks. While a run is on, what libraries and panics print goes there as well
//! ([`crate::session::Surroundings`] says how).

use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::base::files::disk::File;
use crate::dag::{DagError, Event, Run};
use crate::session::Surroundings;

/// An open log. Foreign prints go into it until it is dropped.
pub(in crate::session::brew) struct Log<'a> {
    file: Mutex<File>,
    path: PathBuf,
    around: &'a Surroundings,
}

impl<'a> Log<'a> {
    /// The log of a run.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(in crate::session::brew) fn open(run: &Run, around: &'a Surroundings) -> Result<Log<'a>, DagError> {
        let log = Log { file: Mutex::new(run.log()?), path: run.log_file(), around };
        (around.prints)(&log.path, true);
        Ok(log)
    }

    /// Writes an event, if it says something in words.
    pub(in crate::session::brew) fn write(&self, event: &Event) {
        let Some(line) = in_words(event) else { return };
        let clock = self.around.clock.as_ref();
        let (now, hours) = (clock.now(), clock.hours());
        let (hour, minute, second) = now.of_day(hours);
        let line = format!("{} {hour:02}:{minute:02}:{second:02} {line}\n", now.date(hours));
        // In one write, so that prints do not fall into it.
        let _ = self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
    }
}

impl Drop for Log<'_> {
    fn drop(&mut self) {
        (self.around.prints)(&self.path, false);
    }
}

/// An event as a line; `None` for counts and points, which would drown the rest.
fn in_words(event: &Event) -> Option<String> {
    let label = |stage: &str, part: &str| if part.is_empty() { stage.to_owned() } else { format!("{stage} {part}") };
    Some(match event {
        Event::StageStarted { stage, part, reason, .. } => format!("{} begins: {reason}", label(stage, part)),
        Event::StageReused { stage, part, .. } => format!("{} is in the store", label(stage, part)),
        Event::StageFinished { stage, part, seconds, .. } => format!("{} done in {seconds:.1} s", label(stage, part)),
        Event::StageFailed { stage, part, error } => format!("{} failed: {error}", label(stage, part)),
        Event::Rewind { part, x } if *x > 0.0 => format!("{part} goes on from epoch {x:.2}"),
        Event::Metric { name, part, value, .. } => format!("{name} {part} {value:.4}"),
        Event::Decision { part, epoch, advice, reason, .. } => format!("{part} epoch {epoch}: {advice}: {reason}"),
        Event::RunStarted { rung, command, pid, .. } => {
            format!("begins up to {rung}, process {pid}: {}", command.join(" "))
        }
        Event::RunFinished { seconds } => format!("finished in {seconds:.1} s"),
        Event::RunFailed { error } => format!("failed: {error}"),
        Event::RunStopped { reason } => format!("stopped: {reason}"),
        Event::Note { text } | Event::Warning { text } => text.clone(),
        Event::Progress { .. } | Event::Point { .. } | Event::Steps { .. } | Event::Rewind { .. } | Event::Unknown => {
            return None;
        }
    })
}
