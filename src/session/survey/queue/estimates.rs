//! Estimates beside what they came to, for viewers.
//!
//! Made anew when a run has finished another stage: going through a thousand runs is too dear for every look.

use std::sync::Arc;

use serde::Serialize;

use super::Survey;
use crate::dag::estimates::{Judged, in_words, judged};

/// So many of the newest are shown.
const SHOWN: usize = 40;

/// How good estimates were on this machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Estimates {
    /// The newest, the newest first.
    pub newest: Vec<Judged>,
    /// All of them in words.
    pub words: String,
}

/// What is known of them.
#[derive(Default)]
pub(in crate::session::survey) struct Known {
    /// Runs, and artefacts that they made or found, when they were looked at.
    basis: Option<(usize, usize)>,
    /// As they were then.
    pub found: Arc<Estimates>,
}

impl Survey {
    /// Looks at the runs' estimates again, if a stage was finished since.
    pub(in crate::session::survey) fn read_estimates(&mut self) {
        let (mut runs, mut finished) = (0, 0);
        for run in self.board.runs() {
            runs += 1;
            finished += run.told.finished.len();
        }
        if self.estimates.basis == Some((runs, finished)) {
            return;
        }
        self.estimates.basis = Some((runs, finished));
        let mut newest = judged(&self.board, &self.around.machine);
        let words = in_words(&newest);
        newest.truncate(SHOWN);
        self.estimates.found = Arc::new(Estimates { newest, words });
    }
}
