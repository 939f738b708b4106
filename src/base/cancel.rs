//! The wish to stop, handed down into long work.
//!
//! Takes a request from anywhere (a key, a signal, a file); gives long loops one cheap question to
//! ask. Work that finds itself cancelled leaves through [`Cancelled`], never by a panic.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A shared flag: clones see the same request. Once set it stays set.
#[derive(Clone, Debug, Default)]
pub struct Cancel {
    own: Arc<AtomicBool>,
    /// One of them set: this flag reads as set too.
    above: Arc<[Arc<AtomicBool>]>,
}

/// The work was asked to stop and did so at a clean place.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("stopped on request")]
pub struct Cancelled;

impl Cancel {
    /// A flag that nobody has set yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the work to stop.
    pub fn cancel(&self) {
        self.own.store(true, Ordering::SeqCst);
    }

    /// Whether a stop was asked for.
    pub fn is_cancelled(&self) -> bool {
        self.own.load(Ordering::Relaxed) || self.above.iter().any(|flag| flag.load(Ordering::Relaxed))
    }

    /// A flag of its own that also reads as set when this one does.
    pub fn child(&self) -> Cancel {
        let above = self.above.iter().chain([&self.own]).cloned().collect();
        Cancel { own: Arc::default(), above }
    }

    /// The flag itself, for a signal handler to set.
    pub fn flag(&self) -> Arc<AtomicBool> {
        self.own.clone()
    }

    /// An error when a stop was asked for, so that a loop can say `cancel.check()?`.
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_hears_its_parent_and_not_the_other_way_round() {
        let parent = Cancel::new();
        let (first, second) = (parent.child(), parent.child());
        first.cancel();
        assert!(first.is_cancelled() && !parent.is_cancelled() && !second.is_cancelled());
        let third = second.child();
        parent.clone().cancel();
        assert_eq!([second.check(), third.check()], [Err(Cancelled); 2]);
    }
}
