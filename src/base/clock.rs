//! Time as a value.
//!
//! Takes nothing from the surroundings: the binary passes a [`Clock`] in, tests pass a fixed one.
//! Gives seconds since the Unix epoch, which every event and artefact records, and reads and writes dates as people
//! type them. A place's clock enters as its hours before UTC; nothing here knows of summer time.

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

    /// The day, counted from 1970-01-01, on clocks that are `hours` before UTC.
    pub fn day(self, hours: f64) -> i64 {
        ((self.0 + hours * HOUR) / DAY).floor() as i64
    }

    /// `2026-11-27` on clocks that are `hours` before UTC.
    pub fn date(self, hours: f64) -> String {
        let (year, month, day) = civil(self.day(hours));
        format!("{year:04}-{month:02}-{day:02}")
    }

    /// `2026-11-27 23:59` on clocks that are `hours` before UTC.
    pub fn clock(self, hours: f64) -> String {
        let (hour, minute, _) = self.of_day(hours);
        format!("{} {hour:02}:{minute:02}", self.date(hours))
    }

    /// Hour, minute and second on clocks that are `hours` before UTC.
    pub fn of_day(self, hours: f64) -> (u32, u32, u32) {
        let seconds = (self.0 + hours * HOUR).rem_euclid(DAY) as u32;
        (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
    }

    /// Reads `2026-11-27`, `2026-11-27 23:59` or `2026-11-27T23:59:30`, with `Z` or `+09:00` behind it or else on clocks
    /// that are `hours` before UTC; gives also whether only a day was named, of which the time is the beginning.
    ///
    /// # Errors
    /// What is wrong with the text, in words.
    pub fn read(text: &str, hours: f64) -> Result<(Time, bool), String> {
        let wrong = || format!("{text:?} is no date; write 2026-11-27, 2026-11-27 23:59 or 2026-11-27T23:59:00+09:00");
        let date = text.get(..10).filter(|date| date.is_ascii()).ok_or_else(wrong)?;
        let fields = numbers(date, '-', &[4, 2, 2]).ok_or_else(wrong)?;
        let (year, month, day) = (fields[0], fields[1], fields[2]);
        let start = days(year, month, day);
        if civil(start) != (year, month, day) {
            return Err(format!("{text:?} names a day that no calendar has"));
        }
        let start = start as f64 * DAY;
        let rest = &text[10..];
        if rest.is_empty() {
            return Ok((Time(start - hours * HOUR), true));
        }
        let rest = rest.strip_prefix(['T', ' ']).ok_or_else(wrong)?;
        let (clock, hours) = match rest.find(['Z', '+', '-']) {
            None => (rest, hours),
            Some(at) => {
                let (clock, zone) = rest.split_at(at);
                let sign = if zone.starts_with('-') { -1.0 } else { 1.0 };
                let offset = match zone {
                    "Z" => vec![0, 0],
                    zone => numbers(&zone[1..], ':', &[2, 2]).ok_or_else(wrong)?,
                };
                (clock, sign * (offset[0] as f64 + offset[1] as f64 / 60.0))
            }
        };
        let fields = numbers(clock, ':', &[2, 2]).or_else(|| numbers(clock, ':', &[2, 2, 2])).ok_or_else(wrong)?;
        let second = fields.get(2).copied().unwrap_or(0);
        if fields[0] > 23 || fields[1] > 59 || second > 59 || hours.abs() > 14.0 {
            return Err(format!("{text:?} names a time that no clock shows"));
        }
        let of_day = (fields[0] * 3600 + fields[1] * 60 + second) as f64;
        Ok((Time(start + of_day - hours * HOUR), false))
    }
}

/// Seconds of a day.
pub const DAY: f64 = 86_400.0;
const HOUR: f64 = 3_600.0;

/// Numbers of so many digits each, with `between` between them.
fn numbers(text: &str, between: char, digits: &[usize]) -> Option<Vec<i64>> {
    let fields: Vec<&str> = text.split(between).collect();
    let fits = |(field, digits): (&&str, &usize)| field.len() == *digits && field.bytes().all(|b| b.is_ascii_digit());
    let all = fields.len() == digits.len() && fields.iter().zip(digits).all(fits);
    all.then(|| fields.iter().filter_map(|field| field.parse().ok()).collect())
}

/// Year, month, day of the days since 1970-01-01 (Howard Hinnant, "chrono-compatible low-level date algorithms").
pub fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, day)
}

/// The days since 1970-01-01 of a day of the civil calendar; the inverse of [`civil`].
pub fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Whoever can tell the time. Shared between threads.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Time;

    /// Hours by which clocks on the walls of this place are before UTC, for what people read.
    fn hours(&self) -> f64 {
        0.0
    }
}

/// A clock that stands still, for tests and for pages that must not change.
#[derive(Clone, Copy, Debug)]
pub struct Fixed(pub Time);

impl Clock for Fixed {
    fn now(&self) -> Time {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_and_written() {
        let read = |text: &str, hours: f64| Time::read(text, hours).unwrap();
        // date -u -d 2026-11-27T00:00:00Z +%s
        assert_eq!(read("2026-11-27", 0.0), (Time(1_795_737_600.0), true));
        assert_eq!(read("2026-11-27", 9.0), (Time(1_795_737_600.0 - 9.0 * 3600.0), true));
        assert_eq!(read("2026-11-27 09:00", 9.0), (Time(1_795_737_600.0), false));
        assert_eq!(read("2026-11-27T09:00:30+09:00", 0.0), (Time(1_795_737_630.0), false));
        assert_eq!(read("2026-11-26T19:00-05:00", 3.0), (Time(1_795_737_600.0), false));
        assert_eq!(read("2026-11-27T00:00Z", 9.0), (Time(1_795_737_600.0), false));
        assert_eq!(Time(1_795_737_600.0).date(-1.0), "2026-11-26");
        assert_eq!(Time(1_795_737_599.0).clock(9.0), "2026-11-27 08:59");
        assert_eq!(Time(-1.0).clock(-0.5), "1969-12-31 23:29");
        assert_eq!(Time(1_795_737_630.5).of_day(5.75), (5, 45, 30), "Nepal");
        assert_eq!(read("2024-02-29", 0.0).0.date(0.0), "2024-02-29");
        for wrong in [
            "",
            "2026",
            "27.11.2026",
            "2026-11-31",
            "2025-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-11-27x",
            "2026-11-27 24:00",
            "2026-11-27 12",
            "2026-11-27 1:00",
            "２０２６-11-27",
            "2026-11-27T10:00+9",
            "2026-11-27T10:00+99:00",
            "+026-11-27",
        ] {
            assert!(Time::read(wrong, 0.0).is_err(), "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn days_and_their_names_are_inverse(day in -800_000i64..2_000_000, text in ".{0,24}") {
            let (year, month, date) = civil(day);
            proptest::prop_assert_eq!(days(year, month, date), day);
            let _ = Time::read(&text, 9.0);
        }
    }
}
