//! What a text said of a date and time, and the moment that makes.

use crate::{
    transform::parse::{
        calendar,
        moment::{Moment, NO_DATE, NO_TIME, clock},
    },
    value::{DAY_MICROS, POSTGRES_EPOCH_DAYS},
};

/// The parts of a date and time as read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) year: u32,
    pub(super) month: u32,
    pub(super) day: u32,
    /// Day of the year from 1, in place of month and day.
    pub(super) day_of_year: Option<u32>,
    /// From Monday, 1.
    pub(super) weekday: Option<u32>,
    pub(super) hour: u32,
    /// Whether `hour` is 1 to 12 and goes with `afternoon`.
    pub(super) half_day: bool,
    pub(super) afternoon: bool,
    pub(super) minute: u32,
    pub(super) second: u32,
    /// Millionths of a second.
    pub(super) fraction: i64,
    pub(super) offset: Option<i32>,
    /// Microseconds since 1970, in place of everything else.
    pub(super) epoch: Option<i64>,
    /// Whether `epoch` is below zero; `-0.5` shows it only so.
    pub(super) before_epoch: bool,
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            year: 1,
            month: 1,
            day: 1,
            day_of_year: None,
            weekday: None,
            hour: 0,
            half_day: false,
            afternoon: false,
            minute: 0,
            second: 0,
            fraction: 0,
            offset: None,
            epoch: None,
            before_epoch: false,
        }
    }
}

impl Fields {
    #[inline]
    pub(super) fn moment(&self) -> Result<Moment, &'static str> {
        if let Some(epoch) = self.epoch {
            return self.since_epoch(epoch);
        }
        let hour = if self.half_day { self.full_hour()? } else { self.hour };
        let micros = clock(hour, self.minute, self.second, self.fraction).ok_or(NO_TIME)?;
        let days = self.days().ok_or(NO_DATE)?;
        if self.weekday.is_some_and(|weekday| weekday != calendar::weekday(days)) {
            return Err("its weekday is not the date's");
        }
        Ok(Moment { days, micros, offset: self.offset })
    }

    /// 12 AM is midnight, 12 PM noon.
    fn full_hour(&self) -> Result<u32, &'static str> {
        if !(1..=12).contains(&self.hour) {
            return Err(NO_TIME);
        }
        Ok(self.hour % 12 + if self.afternoon { 12 } else { 0 })
    }

    #[inline]
    fn days(&self) -> Option<i64> {
        let year = i64::from(self.year);
        if year == 0 {
            return None;
        }
        let Some(day_of_year) = self.day_of_year else {
            return calendar::existing(year, self.month, self.day);
        };
        let last = if calendar::is_leap(year) { 366 } else { 365 };
        let exists = (1..=last).contains(&day_of_year);
        exists.then(|| calendar::days_of(year, 1, 1) + i64::from(day_of_year) - 1)
    }

    fn since_epoch(&self, epoch: i64) -> Result<Moment, &'static str> {
        let fraction = if self.before_epoch { -self.fraction } else { self.fraction };
        let micros = epoch.checked_add(fraction).ok_or(NO_DATE)?;
        let days = micros.div_euclid(DAY_MICROS) - i64::from(POSTGRES_EPOCH_DAYS);
        Ok(Moment { days, micros: micros.rem_euclid(DAY_MICROS), offset: Some(0) })
    }
}
