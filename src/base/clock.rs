//! Time as a value.
//!
//! Takes nothing from the surroundings: the binary passes a [`Clock`] in, tests pass a fixed one.
//! Gives seconds since the Unix epoch, which every event and artefact records.

use serde::{Deserialize, Serialize};

/// Seconds since 1970-01-01T00:00:00Z, with fractions.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Time(pub f64);

impl Time {
    /// Seconds from `earlier` to `self`; negative when the order is the other way round.
    pub fn since(self, earlier: Time) -> f64 {
        self.0 - earlier.0
    }
}

/// Whoever can tell the time. Shared between threads.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Time;
}

/// A clock that stands still, for tests and for pages that must not change.
#[derive(Clone, Copy, Debug)]
pub struct Fixed(pub Time);

impl Clock for Fixed {
    fn now(&self) -> Time {
        self.0
    }
}
