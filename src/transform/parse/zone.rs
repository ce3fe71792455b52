//! Local times in a declared zone: only those that happened exactly once.

use jiff::{
    civil,
    tz::{AmbiguousOffset, TimeZone},
};

use super::{ParserFinding, calendar};

/// A zone of the time zone database.
#[derive(Debug, Clone)]
pub(super) struct Zone {
    zone: TimeZone,
}

impl Zone {
    pub(super) fn compile(name: &str) -> Result<Self, ParserFinding> {
        let zone = TimeZone::get(name).map_err(|_| {
            let message = format!("`{name}` is no zone of this machine's time zone database");
            ParserFinding { option: "zone", message }
        })?;
        Ok(Self { zone })
    }

    /// Seconds east of Greenwich at a local time: `days` since 2000-01-01, `micros` since midnight.
    pub(super) fn offset_at(&self, days: i64, micros: i64) -> Result<i32, &'static str> {
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
