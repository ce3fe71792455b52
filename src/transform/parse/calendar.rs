//! The proleptic Gregorian calendar, as PostgreSQL reckons it, in days since 2000-01-01.
//!
//! Howard Hinnant's algorithms, which count years from 1 March so that the leap
//! day comes last. Years are astronomical: 0 is 1 BC.

use crate::value::POSTGRES_EPOCH_DAYS;

const ERA_DAYS: i64 = 146_097;
/// Days from 0000-03-01 to 2000-01-01.
const EPOCH: i64 = 719_468 + POSTGRES_EPOCH_DAYS as i64;

/// The day's number; the date has to exist.
#[inline]
pub(super) fn days_of(year: i64, month: u32, day: u32) -> i64 {
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let shifted_month = i64::from((month + 9) % 12);
    let day_of_year = (153 * shifted_month + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * ERA_DAYS + day_of_era - EPOCH
}

/// Year, month and day of a day's number.
pub(super) fn date_of(days: i64) -> (i64, u32, u32) {
    let shifted = days + EPOCH;
    let (era, day_of_era) = (shifted.div_euclid(ERA_DAYS), shifted.rem_euclid(ERA_DAYS));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / (ERA_DAYS - 1)) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u32;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 } as u32;
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[inline]
pub(super) fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

#[inline]
pub(super) fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The day's number, where there is such a date.
#[inline]
pub(super) fn existing(year: i64, month: u32, day: u32) -> Option<i64> {
    let exists = (1..=12).contains(&month) && day >= 1 && day <= days_in_month(year, month);
    exists.then(|| days_of(year, month, day))
}

/// The weekday from Monday, 1; 2000-01-01 was a Saturday.
pub(super) fn weekday(days: i64) -> u32 {
    (days + 5).rem_euclid(7) as u32 + 1
}
