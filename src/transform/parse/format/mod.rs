//! Declared formats for dates and times: a strict part of strftime's words.
//!
//! A format is compiled once into items; an item reads exactly as many digits as
//! it writes, so that `%d/%m/%Y` refuses `1/2/24` instead of guessing. What a
//! format cannot say twice (two months) or leaves open (a day without a month)
//! is found when it is compiled.

mod fields;
mod items;

use fields::Fields;
use items::Item;

use super::{ParserFinding, moment::Moment};

/// What a column needs of a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// A date; a time may be there but has to be midnight.
    Date,
    /// A time of day.
    Time,
    /// A time of day with an offset.
    TimeWithOffset,
    /// A date and time without offset.
    Local,
    /// A date and time with an offset.
    Instant,
}

/// A compiled format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Format {
    items: Box<[Item]>,
}

/// Whether a text is a usable format for dates or times; says in words why not.
///
/// # Errors
/// A sentence about the first thing that is wrong with it.
pub fn check_format(text: &str) -> Result<(), String> {
    let items = items::compile(text)?;
    let said = items::said(&items)?;
    if said.date || said.time || said.instant {
        return Ok(());
    }
    Err("says neither a date nor a time".to_owned())
}

impl Format {
    pub(super) fn compile(text: &str, scope: Scope, zone: bool) -> Result<Self, ParserFinding> {
        let finding = |message| ParserFinding { option: "format", message };
        let items = items::compile(text).map_err(finding)?;
        let said = items::said(&items).map_err(finding)?;
        let missing = match scope {
            _ if said.instant && matches!(scope, Scope::Time | Scope::TimeWithOffset) => {
                Some("says a point in time, the column holds a time of day")
            }
            _ if said.instant => None,
            Scope::Date | Scope::Local | Scope::Instant if !said.date => Some("says no date"),
            Scope::Time | Scope::TimeWithOffset if said.date => {
                Some("says a date, the column holds a time of day")
            }
            Scope::Time | Scope::TimeWithOffset if !said.time => Some("says no time of day"),
            Scope::Time | Scope::Local if said.offset => {
                Some("says an offset (%z), which the column cannot hold")
            }
            Scope::TimeWithOffset if !said.offset => Some("says no offset (%z)"),
            Scope::Instant if !said.offset && !zone => {
                let message = "is needed: the format says no offset (%z)";
                return Err(ParserFinding::new("zone", message));
            }
            _ => None,
        };
        match missing {
            Some(message) => Err(finding(message.to_owned())),
            None => Ok(Self { items: items.into() }),
        }
    }

    #[inline]
    pub(super) fn parse(&self, text: &str) -> Result<Moment, &'static str> {
        let mut fields = Fields::default();
        let rest = items::read(&self.items, text, &mut fields)?;
        if !rest.is_empty() {
            return Err(items::DIFFERENT);
        }
        fields.moment()
    }
}

#[cfg(test)]
mod tests;
