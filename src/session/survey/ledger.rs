//! How submissions stand beside the leaderboard, for viewers.
//!
//! Looks at the ledger again when it, the facts, the photos or the host's day changed: the forecast draws some thousand query sets, which is too
//! dear for every look. Marks and questions to the laboratory are done here, in the thread that looks, so that keys and screens go on meanwhile.

use std::sync::Arc;

use super::super::errands::lab::metric::{self as lab, Report};
use super::super::errands::ledger::{Standing, look, note};
use super::super::errands::submit::LEDGER;
use super::super::project::FACTS;
use super::super::project::watch::{Stamp, stamp};
use super::super::{Project, SessionError, brew};
use super::Survey;
use crate::base::Key;

/// What is known of the ledger.
#[derive(Default)]
pub(super) struct Submissions {
    /// How they stand.
    pub standing: Arc<Standing>,
    /// What the laboratory last said.
    pub lab: Option<Arc<Report>>,
    /// What `standing` was made of.
    basis: Option<(Stamp, i64, Option<Key>)>,
}

impl Survey {
    /// Looks at the ledger, if something changed.
    pub(super) fn read_ledger(&mut self) {
        let Ok(project) = self.project.clone() else { return };
        let photos = self.photos.as_ref().and_then(|photos| photos.as_ref().ok()).cloned();
        let files = [self.root.join(LEDGER), self.root.join(FACTS)];
        let day = self.around.clock.now().day(project.competition.leaderboard.utc_offset);
        let basis = (stamp(files.iter().map(|file| file.as_path())), day, photos.as_ref().map(|photos| photos.key));
        if self.submissions.basis.as_ref() == Some(&basis) {
            return;
        }
        self.submissions.basis = Some(basis);
        let standing = look(&project, photos.as_deref())
            .unwrap_or_else(|error| Standing { notes: vec![self.short(&brew::chain(&error))], ..Standing::default() });
        self.submissions.standing = Arc::new(standing);
    }

    /// Marks a submission as final, or takes the mark off.
    pub(super) fn mark_final(&mut self, hash: &Key, marked: bool) -> Result<String, SessionError> {
        let project = self.opened()?;
        let entry = note::find(&project, &self.root, &hash.to_string())?;
        let noted = note::mark(&project, &entry, marked)?;
        let (count, limit) = (noted.finals.len(), project.competition.leaderboard.finals);
        let text = if marked { "is final" } else { "is no longer final" };
        Ok(format!("{} {} {text}; {count} of {limit} are marked", noted.recipe, &hash.to_string()[..8]))
    }

    /// Asks the laboratory; what it cannot judge is its answer, too.
    pub(super) fn ask_lab(&mut self, hash: &Key) -> Result<String, SessionError> {
        let project = self.opened()?;
        let photos = self.read()?;
        let report = lab::report(&project, &photos, hash).unwrap_or_else(|error| {
            let known = self.submissions.standing.submissions.iter().find(|one| one.hash == *hash);
            let seen = known.and_then(|one| one.public.as_ref());
            Report {
                hash: *hash,
                recipe: known.map(|one| one.made.recipe.clone()).unwrap_or_default(),
                lb: seen.map(|seen| seen.text.clone()).unwrap_or_default(),
                score: seen.map_or(0.0, |seen| seen.score),
                what: self.short(&brew::chain(&error)),
                verdicts: Vec::new(),
            }
        });
        let said = format!("the metric lab has looked at {}", report.recipe);
        self.submissions.lab = Some(Arc::new(report));
        Ok(said)
    }

    /// The project, as it was last read.
    ///
    /// # Errors
    /// When the facts have mistakes.
    pub fn opened(&self) -> Result<Arc<Project>, SessionError> {
        let mistakes = |_: &_| SessionError::Mistakes(format!("{FACTS} has mistakes; the board shows them"));
        self.project.as_ref().map(Arc::clone).map_err(mistakes)
    }
}
