//! Typed cells as text: what steps, patterns, NULL words and masks see of them.
//!
//! Only sources with types of their own (sheets, JSON, DBF) have such cells, and
//! only columns with text operations look at them as text.

use std::fmt::Write as _;

use bumpalo::{Bump, collections::String as ArenaString};

use super::calendar;
use crate::{batch::Cell, value::DAY_MICROS};

/// A cell's text: numbers in plain digits without needless zeros, dates as
/// `2024-01-31`, with a time only where there is one. A geometry has none.
pub(super) fn text<'a>(cell: Cell<'a>, arena: &'a Bump) -> &'a str {
    match cell {
        Cell::Absent | Cell::Geometry(_) => "",
        Cell::Text(text) | Cell::Number(text) | Cell::Error(text) | Cell::Json(text) => text,
        Cell::Bool(truth) => truth_word(truth),
        // Adding zero makes a plain zero of a negative one.
        Cell::Float(number) => written(arena, format_args!("{}", number + 0.0)),
        Cell::DateTime(micros) => date_time(micros, arena),
        Cell::Duration(micros) => duration(micros, arena),
    }
}

fn truth_word(truth: bool) -> &'static str {
    if truth { "true" } else { "false" }
}

fn written<'a>(arena: &'a Bump, arguments: std::fmt::Arguments<'_>) -> &'a str {
    let mut text = ArenaString::new_in(arena);
    // Writing to memory cannot fail.
    let _ = text.write_fmt(arguments);
    text.into_bump_str()
}

fn date_time(micros: i64, arena: &Bump) -> &str {
    let time = micros.rem_euclid(DAY_MICROS);
    let (year, month, day) = calendar::date_of(micros.div_euclid(DAY_MICROS));
    let mut text = ArenaString::with_capacity_in(26, arena);
    let _ = write!(text, "{year:04}-{month:02}-{day:02}");
    if time != 0 {
        text.push(' ');
        write_clock(&mut text, time);
    }
    text.into_bump_str()
}

fn duration(micros: i64, arena: &Bump) -> &str {
    let mut text = ArenaString::with_capacity_in(16, arena);
    if micros < 0 {
        text.push('-');
    }
    write_clock(&mut text, micros.saturating_abs());
    text.into_bump_str()
}

/// `08:30:00`, with a fraction only where there is one; hours may pass 24.
fn write_clock(text: &mut ArenaString<'_>, micros: i64) {
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let _ = write!(text, "{hours:02}:{minutes:02}:{:02}", seconds % 60);
    if fraction != 0 {
        let _ = write!(text, ".{fraction:06}");
        while text.ends_with('0') {
            text.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_shown_as_people_write_them() {
        let arena = Bump::new();
        let noon = DAY_MICROS / 2;
        for (cell, expected) in [
            (Cell::Text("a"), "a"),
            (Cell::Number("1.50"), "1.50"),
            (Cell::Float(12.0), "12"),
            (Cell::Float(-0.25), "-0.25"),
            (Cell::Float(-0.0), "0"),
            (Cell::Float(1e21), "1000000000000000000000"),
            (Cell::Bool(true), "true"),
            (Cell::DateTime(0), "2000-01-01"),
            (Cell::DateTime(noon), "2000-01-01 12:00:00"),
            (Cell::DateTime(-1), "1999-12-31 23:59:59.999999"),
            (Cell::DateTime(59 * DAY_MICROS + 500_000), "2000-02-29 00:00:00.5"),
            (Cell::Duration(-90_000_000), "-00:01:30"),
            (Cell::Duration(25 * 3_600_000_000), "25:00:00"),
            (Cell::Absent, ""),
        ] {
            assert_eq!(text(cell, &arena), expected);
        }
    }
}
