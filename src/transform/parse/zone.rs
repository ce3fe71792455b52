//! Local times in a declared zone: only those that happened exactly once.

use jiff::{
    Timestamp, civil,
    tz::{AmbiguousOffset, TimeZone},
};

use super::{ParserFinding, calendar};
use crate::value::POSTGRES_EPOCH_DAYS;

/// A zone of the time zone database.
#[derive(Debug, Clone)]
pub(super) struct Zone {
    zone: TimeZone,
    /// The times between [`FIRST_YEAR`] and [`LAST_YEAR`] at which one offset alone is
    /// possible, in order: a few comparisons, where the database takes ten times as long.
    periods: Box<[Period]>,
}

/// Local times, in seconds since 2000-01-01, that have the same offset for certain.
#[derive(Debug, Clone, Copy)]
struct Period {
    from: i64,
    /// The first one that is not certain any more.
    until: i64,
    east: i32,
}

const FIRST_YEAR: i64 = 1850;
const LAST_YEAR: i64 = 2150;

/// A local time is less than 26 hours away from UTC, so this far from every change of
/// the clocks it cannot belong to another offset.
const MARGIN_SECONDS: i64 = 26 * 3600;

/// Seconds from 1970-01-01 to 2000-01-01.
const EPOCH_SECONDS: i64 = POSTGRES_EPOCH_DAYS as i64 * 86_400;

impl Zone {
    pub(super) fn compile(name: &str) -> Result<Self, ParserFinding> {
        let zone = TimeZone::get(name).map_err(|_| {
            let message = format!("`{name}` is no zone of this machine's time zone database");
            ParserFinding { option: "zone", message }
        })?;
        let periods = periods(&zone);
        Ok(Self { zone, periods })
    }

    /// Seconds east of Greenwich at a local time: `days` since 2000-01-01, `micros` since midnight.
    #[inline]
    pub(super) fn offset_at(&self, days: i64, micros: i64) -> Result<i32, &'static str> {
        let local = days * 86_400 + micros / 1_000_000;
        let after = self.periods.partition_point(|period| period.from <= local);
        match self.periods[..after].last() {
            Some(period) if local < period.until => Ok(period.east),
            _ => self.looked_up(days, micros),
        }
    }

    fn looked_up(&self, days: i64, micros: i64) -> Result<i32, &'static str> {
        let local = civil_time(days, micros).ok_or("too far away for its zone's offset")?;
        match self.zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => Ok(offset.seconds()),
            AmbiguousOffset::Gap { .. } => {
                Err("a local time that never was: clocks were put forward over it")
            }
            AmbiguousOffset::Fold { .. } => {
                Err("a local time that was twice: clocks were put back over it")
            }
        }
    }
}

/// What is certain between two changes of the clocks.
fn periods(zone: &TimeZone) -> Box<[Period]> {
    let first = calendar::days_of(FIRST_YEAR, 1, 1) * 86_400;
    let last = calendar::days_of(LAST_YEAR, 1, 1) * 86_400;
    let Ok(start) = Timestamp::from_second(first + EPOCH_SECONDS) else { return Box::default() };
    let mut periods = Vec::new();
    let (mut from, mut east) = (first, zone.to_offset(start).seconds());
    let mut push = |from: i64, until: i64, east| {
        let (from, until) = (from + MARGIN_SECONDS, until - MARGIN_SECONDS);
        if from < until {
            periods.push(Period { from, until, east });
        }
    };
    for change in zone.following(start) {
        let at = change.timestamp().as_second() - EPOCH_SECONDS;
        if at >= last {
            break;
        }
        push(from, at, east);
        (from, east) = (at, change.offset().seconds());
    }
    push(from, last, east);
    periods.into()
}

fn civil_time(days: i64, micros: i64) -> Option<civil::DateTime> {
    let (year, month, day) = calendar::date_of(days);
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    civil::DateTime::new(
        i16::try_from(year).ok()?,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
        i8::try_from(seconds / 3600).ok()?,
        i8::try_from(seconds / 60 % 60).ok()?,
        i8::try_from(seconds % 60).ok()?,
        i32::try_from(fraction * 1000).ok()?,
    )
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_certain_offsets_are_those_of_the_database() {
        for name in ["Europe/Lisbon", "America/St_Johns", "Pacific/Apia", "Asia/Kathmandu", "UTC"] {
            let zone = Zone::compile(name).expect("a zone");
            assert!(!zone.periods.is_empty());
            let first = calendar::days_of(1840, 1, 1);
            let last = calendar::days_of(2160, 1, 1);
            for days in first..last {
                for hours in [1, 2, 12] {
                    let micros = hours * 3_600_000_000 + 1_800_000_000;
                    assert_eq!(zone.offset_at(days, micros), zone.looked_up(days, micros));
                }
            }
        }
    }
}
