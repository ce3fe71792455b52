//! Dates and times in PostgreSQL's units and within its limits.
//!
//! A value has to say as much as the column holds and no more: an offset for
//! `timestamptz` (its own or a declared zone's), none for `timestamp`, midnight
//! for `date`, and no digits of the second that the column would round away.

use super::{
    ParseFault, ParseOptions, ParserFinding,
    format::{Format, Scope},
    moment::{self, Moment},
    zone::Zone,
};
use crate::value::{DAY_MICROS, Value};

/// PostgreSQL's first day, 4714-11-24 BC in the Gregorian calendar: Julian day 0.
const DAYS_MIN: i64 = -2_451_545;
/// 5874897-12-31
const DATE_DAYS_MAX: i64 = 2_145_031_948;
/// 294276-12-31
const TIMESTAMP_DAYS_MAX: i64 = 106_751_982;

/// Which of the five types it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TemporalKind {
    Date,
    Time,
    TimeTz,
    Timestamp,
    TimestampTz,
}

/// A compiled date or time column.
#[derive(Debug, Clone)]
pub(super) struct Temporal {
    pub(super) kind: TemporalKind,
    /// Digits of the second.
    precision: u8,
    pub(super) format: Option<Format>,
    zone: Option<Zone>,
}

impl TemporalKind {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Date => "type.date",
            Self::Time | Self::TimeTz => "type.time",
            Self::Timestamp => "type.timestamp",
            Self::TimestampTz => "type.timestamptz",
        }
    }

    /// What is said of a text that is none.
    fn not_one(self) -> &'static str {
        match self {
            Self::Date => "not a date such as 2024-01-31; other ways to write it need `format`",
            Self::Time => "not a time such as 23:59:00; other ways to write it need `format`",
            Self::TimeTz => "not a time with an offset such as 23:59:00+02",
            Self::Timestamp | Self::TimestampTz => {
                "not a date and time such as 2024-01-31T23:59:00; other ways to write it need `format`"
            }
        }
    }

    fn scope(self) -> Scope {
        match self {
            Self::Date => Scope::Date,
            Self::Time => Scope::Time,
            Self::TimeTz => Scope::TimeWithOffset,
            Self::Timestamp => Scope::Local,
            Self::TimestampTz => Scope::Instant,
        }
    }
}

impl Temporal {
    pub(super) fn compile(
        kind: TemporalKind,
        precision: u8,
        options: &ParseOptions,
    ) -> Result<Self, ParserFinding> {
        let zone = options.zone.as_deref().map(Zone::compile).transpose()?;
        let format = match &options.format {
            Some(text) => Some(Format::compile(text, kind.scope(), zone.is_some())?),
            None => None,
        };
        Ok(Self { kind, precision: precision.min(6), format, zone })
    }

    #[inline]
    pub(super) fn parse<'a>(&self, text: &str) -> Result<Value<'a>, ParseFault> {
        let fault = |reason| ParseFault::new(self.kind.code(), reason);
        let read = match &self.format {
            Some(format) => format.parse(text).map_err(fault),
            None if self.is_time() => moment::parse_time(text, self.kind.not_one()).map_err(fault),
            None => moment::parse(text, self.kind.not_one()).map_err(fault),
        };
        match read {
            Ok(moment) => self.hold(moment).map_err(fault),
            Err(fault) => self.infinity(text).ok_or(fault),
        }
    }

    fn is_time(&self) -> bool {
        matches!(self.kind, TemporalKind::Time | TemporalKind::TimeTz)
    }

    /// A date and time without offset that a source has typed itself.
    pub(super) fn of_date_time<'a>(&self, micros: i64) -> Result<Value<'a>, ParseFault> {
        let fault = |reason| ParseFault::new(self.kind.code(), reason);
        if self.is_time() {
            return Err(fault("has a date, the column holds a time of day"));
        }
        let days = micros.div_euclid(DAY_MICROS);
        let moment = Moment { days, micros: micros.rem_euclid(DAY_MICROS), offset: None };
        self.hold(moment).map_err(fault)
    }

    /// A duration that a source has typed itself, as a time of day.
    pub(super) fn of_duration<'a>(&self, micros: i64) -> Result<Value<'a>, ParseFault> {
        let fault = |reason| ParseFault::new(self.kind.code(), reason);
        if self.kind != TemporalKind::Time {
            return Err(fault("a duration does not fit the column"));
        }
        if !(0..=DAY_MICROS).contains(&micros) {
            return Err(fault(moment::NO_TIME));
        }
        self.hold(Moment { days: 0, micros, offset: None }).map_err(fault)
    }

    #[inline]
    fn hold<'a>(&self, moment: Moment) -> Result<Value<'a>, &'static str> {
        let Moment { days, micros, offset } = moment;
        if self.kind == TemporalKind::Date {
            return hold_date(moment);
        }
        self.check_precision(micros)?;
        match (self.kind, offset) {
            (TemporalKind::Time | TemporalKind::Timestamp, Some(_)) => {
                Err("has an offset, which the column cannot hold")
            }
            (TemporalKind::Time, None) => Ok(Value::Time(micros)),
            (TemporalKind::TimeTz, Some(east)) => Ok(Value::TimeTz(micros, -east)),
            (TemporalKind::TimeTz, None) => Err("has no offset, which the column needs"),
            (TemporalKind::Timestamp, None) => Ok(Value::Timestamp(stamp(days, micros, 0)?)),
            (_, Some(east)) => Ok(Value::TimestampTz(stamp(days, micros, east)?)),
            (_, None) => self.in_zone(days, micros),
        }
    }

    fn in_zone<'a>(&self, days: i64, micros: i64) -> Result<Value<'a>, &'static str> {
        let Some(zone) = &self.zone else {
            return Err("has no offset, and the column no declared `zone`");
        };
        // 24:00 is the next day's midnight.
        let (days, micros) = (days + micros / DAY_MICROS, micros % DAY_MICROS);
        let east = zone.offset_at(days, micros)?;
        Ok(Value::TimestampTz(stamp(days, micros, east)?))
    }

    #[inline]
    fn check_precision(&self, micros: i64) -> Result<(), &'static str> {
        const UNITS: [i64; 7] = [1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];
        if self.precision < 6 && micros % UNITS[usize::from(self.precision)] != 0 {
            return Err("has more decimals of a second than the column holds");
        }
        Ok(())
    }

    /// `infinity` and `-infinity`, where the type has them.
    #[cold]
    fn infinity<'a>(&self, text: &str) -> Option<Value<'a>> {
        let negative = match text.strip_prefix('-') {
            Some(word) if word.eq_ignore_ascii_case("infinity") => true,
            None if text.eq_ignore_ascii_case("infinity") => false,
            _ => return None,
        };
        let stamp = if negative { i64::MIN } else { i64::MAX };
        match self.kind {
            TemporalKind::Date => Some(Value::Date(if negative { i32::MIN } else { i32::MAX })),
            TemporalKind::Timestamp => Some(Value::Timestamp(stamp)),
            TemporalKind::TimestampTz => Some(Value::TimestampTz(stamp)),
            TemporalKind::Time | TemporalKind::TimeTz => None,
        }
    }
}

const OUT_OF_RANGE: &str = "outside the range of dates PostgreSQL holds";

/// A date takes a date and time only where nothing but midnight is dropped.
#[inline]
fn hold_date<'a>(moment: Moment) -> Result<Value<'a>, &'static str> {
    if moment.micros != 0 {
        return Err("has a time of day, the column holds a date");
    }
    if moment.offset.is_some_and(|east| east != 0) {
        return Err("has an offset, the column holds a date");
    }
    if !(DAYS_MIN..=DATE_DAYS_MAX).contains(&moment.days) {
        return Err(OUT_OF_RANGE);
    }
    Ok(Value::Date(i32::try_from(moment.days).map_err(|_| OUT_OF_RANGE)?))
}

/// Microseconds since 2000-01-01 00:00 UTC of a local time `east` seconds ahead.
#[inline]
fn stamp(days: i64, micros: i64, east: i32) -> Result<i64, &'static str> {
    const STAMP_MIN: i64 = DAYS_MIN * DAY_MICROS;
    const STAMP_END: i64 = (TIMESTAMP_DAYS_MAX + 1) * DAY_MICROS;
    // One day more on either side: the offset may lead back into the range.
    if !(DAYS_MIN - 1..=TIMESTAMP_DAYS_MAX + 1).contains(&days) {
        return Err(OUT_OF_RANGE);
    }
    let stamp = (days * DAY_MICROS + micros).checked_sub(i64::from(east) * 1_000_000);
    stamp.filter(|stamp| (STAMP_MIN..STAMP_END).contains(stamp)).ok_or(OUT_OF_RANGE)
}
