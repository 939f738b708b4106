//! How far long work has come.
//!
//! Takes counts from the work, gives them to whoever shows them. The work never knows whether that
//! is a bar, a line in a log or nobody; showing may drop updates, so send them freely.

/// Receives counts. Shared between threads.
pub trait Progress: Send + Sync {
    /// `done` of `total` things called `unit` ("images", "batches") are finished in `what`.
    /// `total` 0 means that it is not known yet.
    fn at(&self, what: &str, done: u64, total: u64, unit: &str);
}

/// Shows nothing.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Progress for Silent {
    fn at(&self, _: &str, _: u64, _: u64, _: &str) {}
}

impl<F: Fn(&str, u64, u64, &str) + Send + Sync> Progress for F {
    fn at(&self, what: &str, done: u64, total: u64, unit: &str) {
        self(what, done, total, unit);
    }
}
