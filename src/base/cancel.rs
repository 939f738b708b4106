//! The wish to stop, handed down into long work.
//!
//! Takes a request from anywhere (a key, a signal, a file); gives long loops one cheap question to
//! ask. Work that finds itself cancelled leaves through [`Cancelled`], never by a panic.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A shared flag: clones see the same request. Once set it stays set.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

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
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether a stop was asked for.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// An error when a stop was asked for, so that a loop can say `cancel.check()?`.
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }
}
