//! What frames cost the line.
//!
//! Takes the bytes that were written and the time that drawing took; gives a reading that the next frame may show. It writes nothing by itself.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Over how long the bytes a second are counted.
const SPAN: Duration = Duration::from_secs(10);

/// Counts frames.
#[derive(Debug, Default)]
pub struct Meter {
    frames: VecDeque<(Instant, u64)>,
    total: u64,
}

/// What was counted up to a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Bytes of the last frame that wrote any.
    pub last: u64,
    /// How long it took to draw and to write.
    pub took: Duration,
    /// Bytes a second, over the last ten.
    pub per_second: u64,
    /// Bytes since the start.
    pub total: u64,
}

impl Meter {
    /// After a frame: bytes written since the start, and how long it took.
    pub fn read(&mut self, total: u64, took: Duration, now: Instant) -> Reading {
        let last = total - self.total;
        self.total = total;
        self.frames.push_back((now, last));
        while self.frames.front().is_some_and(|(at, _)| now.duration_since(*at) > SPAN) {
            self.frames.pop_front();
        }
        let bytes: u64 = self.frames.iter().map(|(_, bytes)| bytes).sum();
        Reading { last, took, per_second: bytes / SPAN.as_secs(), total }
    }
}

impl Reading {
    /// "frame 412 B in 1.2 ms, 38 B/s, 41.0 kB in all".
    pub fn words(&self) -> String {
        let bytes = toji::base::text::bytes;
        let milliseconds = self.took.as_secs_f64() * 1e3;
        let (last, per_second, total) = (bytes(self.last), bytes(self.per_second), bytes(self.total));
        format!("frame {last} in {milliseconds:.1} ms, {per_second}/s, {total} in all")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_a_second_are_those_of_the_last_ten() {
        let (mut meter, start) = (Meter::default(), Instant::now());
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        assert_eq!(meter.read(2_000, Duration::ZERO, at(0)).per_second, 200);
        let read = meter.read(2_500, Duration::from_micros(1_234), at(9));
        assert_eq!((read.last, read.per_second, read.total), (500, 250, 2_500));
        assert_eq!(read.words(), "frame 500 B in 1.2 ms, 250 B/s, 2.5 kB in all");
        assert_eq!(meter.read(2_600, Duration::ZERO, at(15)).per_second, 60, "the first frame is forgotten");
    }
}
