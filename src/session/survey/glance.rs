//! Whether pictures changed behind the tables.
//!
//! Tables and recipes are watched; pictures are too many for that, may lie in thousands of folders or on a network
//! file system that tells nothing, and are opened all the time by a training. So the viewer asks the system for the
//! stamps of some of them, in turn, once a second: [`FILES`] cost a few milliseconds, and 100,000 pictures have
//! been looked at in less than a minute. What differs is read again, and the plan says what changed.

use super::Survey;
use crate::base::Time;
use crate::session::project::watch;

/// Files that are looked at each time.
const FILES: usize = 2_000;
/// Seconds between two glances.
const PAUSE: f64 = 1.0;
/// Seconds after a change: what is being copied in is not read again for each picture.
const AFTER_A_CHANGE: f64 = 3.0;

/// Where the turn is.
#[derive(Debug, Default)]
pub(super) struct Glance {
    next: usize,
    not_before: Time,
}

impl Survey {
    /// Looks at some pictures; whether the photos must be read again, which the next look does.
    pub fn glance(&mut self) -> bool {
        let now = self.around.clock.now();
        if now.since(self.glance.not_before) < 0.0 {
            return false;
        }
        self.glance.not_before = Time(now.0 + PAUSE);
        let (Ok(project), Some(photos)) = (&self.project, &self.photos) else { return false };
        let changed = match photos {
            // Whatever was wrong with the data may have been mended.
            Err(_) => true,
            Ok(photos) => {
                let count = photos.files();
                let first = if self.glance.next < count { self.glance.next } else { 0 };
                let last = count.min(first + FILES);
                self.glance.next = last;
                (first..last).any(|file| photos.is_changed(project, file))
            }
        };
        if changed {
            self.glance.not_before = Time(now.0 + AFTER_A_CHANGE);
            // No table has this stamp, so the photos are old; until they are read the known ones are shown.
            self.photos_stamp = watch::Stamp::new();
        }
        changed
    }
}
