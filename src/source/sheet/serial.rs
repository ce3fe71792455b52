//! Excel's serial dates, and ODF's ISO texts, as microseconds.
//!
//! A serial is a day count with the time of day as its fraction. Two systems
//! exist: 1900 (day 1 is 1900-01-01, and day 60 is 1900-02-29, which never
//! was) and 1904 (day 0 is 1904-01-01). Serials are binary fractions, so a
//! time of day is never exact: Excel keeps milliseconds, and so do we.

use jiff::{
    SignedDuration, Span,
    civil::{Date, DateTime, date},
};

/// Milliseconds in a day.
const DAY_MILLIS: i64 = 86_400_000;

/// The first day past 9999-12-31 in the 1900 system.
const DAYS_END: i64 = 2_958_466;

/// What lies between the two systems, in days.
const DAYS_1904: i64 = 1_462;

/// Days from 1899-12-30, where serials past February 1900 count from, to 2000-01-01.
const EPOCH_DAYS: i64 = 36_526;

/// A cell formatted as a date or time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// Microseconds since 2000-01-01.
    DateTime(i64),
    /// Microseconds; a time of day is the time since midnight.
    Duration(i64),
}

/// What a serial in a cell with a date or time format stands for; `None` for the
/// day that never was, and for what lies outside 1900 ..= 9999.
///
/// Below one day there is no date: the cell holds a time of day.
pub(super) fn moment(serial: f64, date_1904: bool) -> Option<Moment> {
    let millis = whole_millis(serial)?;
    if (0..DAY_MILLIS).contains(&millis) {
        return Some(Moment::Duration(millis * 1000));
    }
    let day = match (millis.div_euclid(DAY_MILLIS), date_1904) {
        (..0, _) | (60, false) => return None,
        (day, true) => day + DAYS_1904,
        // Before the day that never was, the count is one short.
        (day @ ..60, false) => day + 1,
        (day, false) => day,
    };
    let within = millis.rem_euclid(DAY_MILLIS);
    (day < DAYS_END).then(|| Moment::DateTime(((day - EPOCH_DAYS) * DAY_MILLIS + within) * 1000))
}

/// A number of days with a duration's format (`[h]:mm`), in microseconds; it may be negative.
pub(super) fn duration(serial: f64) -> Option<i64> {
    whole_millis(serial)?.checked_mul(1000)
}

fn whole_millis(serial: f64) -> Option<i64> {
    let millis = (serial * DAY_MILLIS as f64).round();
    // Far beyond any date, and exact in a binary float.
    const MILLIS_END: f64 = 9e15;
    #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53")]
    (millis.abs() < MILLIS_END).then_some(millis as i64)
}

/// The 1900-system serial of a moment since 2000-01-01, where Excel has one.
pub(super) fn serial_of(micros: i64) -> Option<f64> {
    let day_micros = DAY_MILLIS * 1000;
    let day = micros.div_euclid(day_micros) + EPOCH_DAYS;
    let day = if day < 61 { day - 1 } else { day };
    let fraction = micros.rem_euclid(day_micros) as f64 / day_micros as f64;
    (1..DAYS_END).contains(&day).then_some(day as f64 + fraction)
}

/// An ISO date or date and time as ODF and strict OOXML write it, in microseconds since
/// 2000-01-01. Some writers add a `Z`; sheets know no zones, so it is the time shown.
pub(super) fn iso_date_time(text: &str) -> Option<i64> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let moment: DateTime = match text.parse::<Date>() {
        Ok(day) if !text.contains('T') => day.at(0, 0, 0, 0),
        _ => text.parse().ok()?,
    };
    let since = moment.duration_since(date(2000, 1, 1).at(0, 0, 0, 0));
    rounded_micros(since)
}

/// An ISO duration as ODF writes it (`PT08H30M00S`), in microseconds.
pub(super) fn iso_duration(text: &str) -> Option<i64> {
    let span: Span = text.parse().ok()?;
    let days_are_exact = span.get_years() == 0 && span.get_months() == 0;
    let whole_days = SignedDuration::from_hours(i64::from(span.get_days()) * 24)
        + SignedDuration::from_hours(i64::from(span.get_weeks()) * 168);
    let time = SignedDuration::try_from(span.days(0).weeks(0)).ok()?;
    rounded_micros(whole_days.checked_add(time).filter(|_| days_are_exact)?)
}

fn rounded_micros(duration: SignedDuration) -> Option<i64> {
    let micros = (duration.as_nanos() + 500).div_euclid(1000);
    i64::try_from(micros).ok()
}

/// A moment as text, for headers and JSON: `2024-03-01` or `2024-03-01T08:30:00`.
pub(super) fn date_time_text(micros: i64) -> String {
    let epoch = date(2000, 1, 1).at(0, 0, 0, 0);
    let Ok(moment) = epoch.checked_add(SignedDuration::from_micros(micros)) else {
        return String::new();
    };
    if micros.rem_euclid(DAY_MILLIS * 1000) == 0 {
        moment.date().to_string()
    } else {
        moment.to_string()
    }
}

/// A duration as text: `08:30:00`, `-30:15:00.5`.
pub(super) fn duration_text(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let total = micros.unsigned_abs();
    let (seconds, fraction) = (total / 1_000_000, total % 1_000_000);
    let clock = format!("{sign}{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    match fraction {
        0 => clock,
        _ => format!("{clock}.{fraction:06}").trim_end_matches('0').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Option<Moment> {
        iso_date_time(text).map(Moment::DateTime)
    }

    #[test]
    fn serials_of_the_1900_system() {
        assert_eq!(moment(1.0, false), day("1900-01-01"));
        assert_eq!(moment(59.0, false), day("1900-02-28"));
        assert_eq!(moment(60.0, false), None, "1900-02-29 never was");
        assert_eq!(moment(60.999, false), None);
        assert_eq!(moment(61.0, false), day("1900-03-01"));
        assert_eq!(moment(36_526.0, false), Some(Moment::DateTime(0)));
        assert_eq!(moment(44_197.0, false), day("2021-01-01"));
        assert_eq!(moment(2_958_465.0, false), day("9999-12-31"));
        assert_eq!(moment(2_958_466.0, false), None);
        assert_eq!(moment(-1.0, false), None);
        assert_eq!(moment(f64::NAN, false), None);
        assert_eq!(moment(f64::INFINITY, false), None);
    }

    #[test]
    fn serials_of_the_1904_system() {
        assert_eq!(moment(1.0, true), day("1904-01-02"));
        assert_eq!(moment(60.0, true), day("1904-03-01"));
        assert_eq!(moment(39_448.0, true), day("2012-01-02"));
        assert_eq!(moment(2_957_003.0, true), day("9999-12-31"));
        assert_eq!(moment(2_957_004.0, true), None);
    }

    #[test]
    fn times_are_rounded_to_milliseconds() {
        assert_eq!(moment(45_943.541, false), day("2025-10-13T12:59:02.4"));
        // The nearest binary fraction to 08:30 of that day.
        assert_eq!(moment(45_352.354_166_666_664, false), day("2024-03-01T08:30:00"));
        assert_eq!(moment(59.999_999_999_99, false), None, "it rounds to the day that never was");
        assert_eq!(moment(0.75, false), Some(Moment::Duration(64_800_000_000)));
        assert_eq!(moment(0.0, true), Some(Moment::Duration(0)));
    }

    #[test]
    fn serials_and_moments_are_inverse() {
        for serial in [1.0, 59.0, 61.0, 36_525.5, 45_352.354_166_666_664, 2_958_465.0] {
            let Some(Moment::DateTime(micros)) = moment(serial, false) else { panic!("{serial}") };
            let back = serial_of(micros).expect("a serial");
            assert_eq!(moment(back, false), Some(Moment::DateTime(micros)), "{serial}");
        }
        assert_eq!(iso_date_time("1899-12-31").and_then(serial_of), None);
    }

    #[test]
    fn iso_texts_of_open_document() {
        assert_eq!(iso_date_time("2000-01-01T00:00:01.5"), Some(1_500_000));
        assert_eq!(iso_date_time("2000-01-01T00:00:00.250Z"), Some(250_000));
        assert_eq!(iso_date_time("1999-12-31"), Some(-86_400_000_000));
        assert_eq!(iso_date_time("2000-13-01"), None);
        assert_eq!(iso_duration("PT08H30M00S"), Some(30_600_000_000));
        assert_eq!(iso_duration("-PT1H"), Some(-3_600_000_000));
        assert_eq!(iso_duration("P1DT1H"), Some(90_000_000_000));
        assert_eq!(iso_duration("PT0H0M1.25S"), Some(1_250_000));
        assert_eq!(iso_duration("P1M"), None, "a month has no fixed length");
        assert_eq!(iso_duration("8:30"), None);
    }

    #[test]
    fn moments_read_plainly() {
        assert_eq!(date_time_text(0), "2000-01-01");
        assert_eq!(date_time_text(1_500_000), "2000-01-01T00:00:01.5");
        assert_eq!(duration_text(30_600_000_000), "08:30:00");
        assert_eq!(duration_text(-108_900_500_000), "-30:15:00.5");
    }
}
