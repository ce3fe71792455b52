//! Typed cells as text: what steps, patterns, NULL words and masks see of them.
//!
//! Only sources with types of their own (sheets, JSON, DBF) have such cells, and
//! only columns with text operations look at them as text.

use bumpalo::Bump;

use super::parse::{ParseFault, text as shown};
use crate::batch::Cell;

/// A cell's text: numbers in plain digits without needless zeros, dates as
/// `2024-01-31`, with a time only where there is one. A geometry has none.
pub(super) fn text<'a>(cell: Cell<'a>, arena: &'a Bump) -> &'a str {
    match cell {
        Cell::Absent | Cell::Geometry(_) => "",
        Cell::Text(text) | Cell::Number(text) | Cell::Error(text) | Cell::Json(text) => text,
        Cell::Bool(truth) => truth_word(truth),
        // Adding zero makes a plain zero of a negative one.
        Cell::Float(number) => shown::written(arena, format_args!("{}", number + 0.0)),
        Cell::DateTime(micros) => shown::of_date_time(micros, arena),
        Cell::Duration(micros) => shown::of_duration(micros, arena),
    }
}

/// A cell's text where it may become a value.
///
/// # Errors
/// As the parser of text columns: a binary number beyond 15 digits has lost its last ones.
pub(super) fn exact<'a>(cell: Cell<'a>, arena: &'a Bump) -> Result<&'a str, ParseFault> {
    match cell {
        Cell::Float(number) => shown::of_float(number, arena),
        other => Ok(text(other, arena)),
    }
}

fn truth_word(truth: bool) -> &'static str {
    if truth { "true" } else { "false" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::DAY_MICROS;

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
