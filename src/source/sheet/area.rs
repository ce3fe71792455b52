//! The part of a sheet that is read: columns and rows, from `range` and `header`.

use crate::{
    definition::SourceDefinition,
    error::{Error, Result},
};

/// Columns a sheet can have (`XFD`).
pub(super) const COLUMNS_MAX: u32 = 16_384;

/// Rows a sheet can have.
pub(super) const ROWS_MAX: u32 = 1_048_576;

/// Which cells are read; columns count from 0, rows from 1, all ends inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) first_column: u32,
    /// `None` where the header decides how wide a record is.
    pub(super) last_column: Option<u32>,
    pub(super) first_row: u32,
    pub(super) last_row: u32,
    /// The row with the names, if there is one.
    pub(super) header_row: Option<u32>,
    /// The row above it that has names as well, if there is one.
    pub(super) upper_row: Option<u32>,
}

impl Area {
    /// The area a definition asks for.
    ///
    /// A header row given by number is counted on the sheet; `header = true` is
    /// the first row of what is read, so that a range need not repeat itself.
    ///
    /// # Errors
    /// `ErrorKind::Definition` when `range` is not one, or leaves nothing to read.
    pub(super) fn of(definition: &SourceDefinition) -> Result<Self> {
        let mut area = match &definition.range {
            Some(range) => Self::parse(range).ok_or_else(|| not_a_range(range))?,
            None => Self::whole_sheet(),
        };
        area.header_row = match definition.header {
            crate::definition::HeaderRow::Is(true) => Some(area.first_row),
            other => other.row(),
        };
        area.upper_row = definition.header.upper_row();
        if let Some(header) = area.header_row {
            area.first_row = area.first_row.max(header.saturating_add(1));
        }
        if area.first_row > area.last_row.saturating_add(1) {
            return Err(Error::definition("the header row stands below the range")
                .hint("`header` is counted on the sheet, not in the range"));
        }
        Ok(area)
    }

    fn whole_sheet() -> Self {
        Self {
            first_column: 0,
            last_column: None,
            first_row: 1,
            last_row: ROWS_MAX,
            header_row: None,
            upper_row: None,
        }
    }

    /// `B3:H200`, `B3:H`, `A:F`, `3:200`, and the same with `$`.
    fn parse(range: &str) -> Option<Self> {
        let plain: String = range.trim().chars().filter(|&c| c != '$').collect();
        let (start, end) = plain.split_once(':')?;
        let (start_column, start_row) = parse_corner(start)?;
        let (end_column, end_row) = parse_corner(end)?;
        let whole = Self::whole_sheet();
        let area = Self {
            first_column: start_column.unwrap_or(0),
            last_column: end_column,
            first_row: start_row.unwrap_or(1),
            last_row: end_row.unwrap_or(whole.last_row),
            header_row: None,
            upper_row: None,
        };
        let forwards = area.last_column.is_none_or(|last| area.first_column <= last);
        (forwards && area.first_row <= area.last_row).then_some(area)
    }

    /// How many columns a record has where the range says so.
    pub(super) fn width(&self) -> Option<u32> {
        self.last_column.map(|last| last - self.first_column + 1)
    }

    /// The place of a sheet's column among the columns read, `None` where it is not read.
    pub(super) fn column(&self, column: u32) -> Option<u16> {
        let beyond = self.last_column.is_some_and(|last| column > last);
        let place = column.checked_sub(self.first_column).filter(|_| !beyond)?;
        u16::try_from(place).ok()
    }
}

/// A column (from 0) and a row (from 1), each of which may be left out.
fn parse_corner(corner: &str) -> Option<(Option<u32>, Option<u32>)> {
    let letters = corner.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(corner.len());
    let (letters, digits) = corner.split_at(letters);
    let column = match letters {
        "" => None,
        _ if letters.len() > 3 => return None,
        _ => Some(column_number(letters)),
    };
    let row = match digits {
        "" => None,
        _ => Some(digits.parse::<u32>().ok().filter(|row| (1..=ROWS_MAX).contains(row))?),
    };
    let given = column.is_some() || row.is_some();
    (given && column.is_none_or(|column| column < COLUMNS_MAX)).then_some((column, row))
}

/// `A` is 0, `XFD` is 16,383.
fn column_number(letters: &str) -> u32 {
    let digit = |letter: u8| u32::from(letter.to_ascii_uppercase() - b'A') + 1;
    letters.bytes().fold(0, |number, letter| number * 26 + digit(letter)) - 1
}

fn not_a_range(range: &str) -> Error {
    Error::definition(format!("`{range}` is not a range of cells"))
        .hint("write `B3:H200`, `B3:H` or `A:F`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(range: &str) -> Option<(u32, Option<u32>, u32, u32)> {
        Area::parse(range).map(|a| (a.first_column, a.last_column, a.first_row, a.last_row))
    }

    #[test]
    fn ranges_may_leave_out_rows_columns_or_the_end() {
        assert_eq!(parsed("B3:H200"), Some((1, Some(7), 3, 200)));
        assert_eq!(parsed("$b$3:$h$200"), Some((1, Some(7), 3, 200)));
        assert_eq!(parsed("B3:H"), Some((1, Some(7), 3, ROWS_MAX)));
        assert_eq!(parsed("A:F"), Some((0, Some(5), 1, ROWS_MAX)));
        assert_eq!(parsed("3:200"), Some((0, None, 3, 200)));
        assert_eq!(parsed("XFD1:XFD1048576"), Some((16_383, Some(16_383), 1, ROWS_MAX)));
    }

    #[test]
    fn what_is_not_a_range_is_refused() {
        for bad in ["", "B3", ":", "H3:B3", "A5:A4", "XFE1:XFE2", "A0:B1", "A1:B1048577", "ABCD:E"]
        {
            assert_eq!(parsed(bad), None, "{bad}");
        }
    }

    #[test]
    fn cells_outside_the_columns_have_no_place() {
        let area = Area::parse("B3:D9").expect("a range");
        assert_eq!([0, 1, 3, 4].map(|column| area.column(column)), [None, Some(0), Some(2), None]);
        assert_eq!(area.width(), Some(3));
    }
}
