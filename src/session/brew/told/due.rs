//! Whether work ends before the deadline.
//!
//! Takes moments as values: now, the deadline of `[leaderboard]`, seconds that are left; gives words. Nothing here asks a clock.

use crate::base::Time;
use crate::base::text::span;

/// Less than this before the deadline, the board says that time is short.
pub const SHORT: f64 = 86_400.0;

/// "ends 2 h 10 min before the deadline", or "would end 3 h 05 min after the deadline".
pub fn in_words(ends: Time, deadline: Time) -> String {
    match deadline.since(ends) {
        spare if spare >= 0.0 => format!("ends {} before the deadline", span(spare)),
        late => format!("would end {} after the deadline", span(-late)),
    }
}

/// "2 d 4 h to the deadline (2026-12-01 23:59 here)", or that it is over; on a clock that is `hours` before UTC.
pub fn left(now: Time, deadline: Time, hours: f64) -> String {
    let when = deadline.clock(hours);
    match deadline.since(now) {
        rest if rest >= 0.0 => format!("{} to the deadline ({when} here)", span(rest)),
        over => format!("the deadline was {} ago ({when} here)", span(-over)),
    }
}

/// The highest of some rungs, lowest first with the seconds that each takes from now, that ends before the deadline.
pub fn highest(now: Time, deadline: Time, rungs: &[(String, Option<f64>)]) -> Option<&str> {
    let fits = |seconds: &Option<f64>| seconds.is_some_and(|seconds| now.0 + seconds <= deadline.0);
    rungs.iter().rev().find(|(_, seconds)| fits(seconds)).map(|(rung, _)| rung.as_str())
}

/// When each of some jobs ends, in the order in which they are taken: `busy` is when each of the workers is free, jobs say their seconds. A
/// job behind one of unknown length has no end, unless another worker is free for it.
pub fn ends(now: Time, busy: &[Option<Time>], jobs: &[Option<f64>]) -> Vec<Option<Time>> {
    let mut free: Vec<Option<Time>> = if busy.is_empty() { vec![Some(now)] } else { busy.to_vec() };
    let mut ends = Vec::with_capacity(jobs.len());
    for seconds in jobs {
        // Who is free first takes it; one of unknown length is free last of all.
        let at = |place: &usize| free[*place].map_or(f64::INFINITY, |time| time.0);
        let Some(next) = (0..free.len()).min_by(|a, b| at(a).total_cmp(&at(b))) else { break };
        let end = free[next].zip(*seconds).map(|(from, seconds)| Time(from.0.max(now.0) + seconds));
        free[next] = end;
        ends.push(end);
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, hours: f64) -> Time {
        Time::read(text, hours).unwrap().0
    }

    #[test]
    fn a_deadline_is_a_moment_wherever_it_is_looked_at() {
        // The same moment in Tokyo, in London and in New York.
        let tokyo = at("2026-12-01T23:59:00+09:00", 0.0);
        assert_eq!(tokyo, at("2026-12-01T14:59:00Z", 9.0));
        assert_eq!(tokyo, at("2026-12-01T09:59:00-05:00", 3.0));
        let ends = at("2026-12-01 12:49", 0.0);
        assert_eq!(in_words(ends, tokyo), "ends 2 h 10 min before the deadline");
        assert_eq!(in_words(at("2026-12-02 00:00", 9.0), tokyo), "would end 1 min after the deadline");
        assert_eq!(in_words(tokyo, tokyo), "ends 0 min before the deadline");
        let now = at("2026-11-29 10:59", 0.0);
        assert_eq!(left(now, tokyo, 9.0), "2 d 4 h to the deadline (2026-12-01 23:59 here)");
        assert_eq!(left(now, tokyo, -5.0), "2 d 4 h to the deadline (2026-12-01 09:59 here)");
        assert_eq!(left(at("2026-12-02", 9.0), tokyo, 9.0), "the deadline was 1 min ago (2026-12-01 23:59 here)");
    }

    #[test]
    fn the_highest_rung_that_fits_is_named() {
        let rungs = [("smoke", Some(60.0)), ("holdout", Some(600.0)), ("full", Some(3000.0)), ("seeds", None)];
        let rungs = rungs.map(|(rung, seconds)| (rung.to_owned(), seconds));
        let highest = |seconds: f64| highest(Time(100.0), Time(100.0 + seconds), &rungs);
        assert_eq!(
            [10.0, 60.0, 599.0, 600.0, 1e9].map(highest),
            [None, Some("smoke"), Some("smoke"), Some("holdout"), Some("full")]
        );
    }

    #[test]
    fn jobs_end_one_after_the_other_on_each_worker() {
        let seconds = |ends: Vec<Option<Time>>| ends.into_iter().map(|end| end.map(|end| end.0)).collect::<Vec<_>>();
        let now = Time(100.0);
        let jobs = [Some(10.0), Some(5.0), None, Some(1.0)];
        assert_eq!(seconds(ends(now, &[], &jobs)), [Some(110.0), Some(115.0), None, None]);
        let two = [Some(Time(103.0)), Some(Time(120.0))];
        assert_eq!(seconds(ends(now, &two, &jobs)), [Some(113.0), Some(118.0), None, Some(121.0)]);
        assert_eq!(seconds(ends(now, &[None], &jobs[..2])), [None, None], "what runs is of unknown length");
        assert_eq!(seconds(ends(now, &[Some(Time(50.0))], &jobs[..1])), [Some(110.0)], "nothing begins in the past");
    }
}
