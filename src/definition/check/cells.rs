//! Ranges of cells: `B3:H200`, `B3:H`, `A:F`, `3:200`.

use super::{Checker, hinted};
use crate::diagnostic::Place;

/// The last column of a sheet, `XFD`.
const COLUMN_MAX: u32 = 16_384;
/// The last row of a sheet.
const ROW_MAX: u32 = 1_048_576;

impl Checker<'_> {
    pub(super) fn cells(&mut self, range: &str, place: &Place) {
        let plain: String = range.trim().chars().filter(|&c| c != '$').collect();
        let corners = plain.split_once(':');
        let Some((Some(from), Some(to))) = corners.map(|(from, to)| (corner(from), corner(to)))
        else {
            let message = format!("`{range}` is not a range of cells");
            self.report("definition.cells", place, message).hint =
                hinted("write `B3:H200`, `B3:H` or `A:F`");
            return;
        };
        let backwards = |from: Option<u32>, to: Option<u32>| matches!((from, to), (Some(from), Some(to)) if from > to);
        if backwards(from.0, to.0) || backwards(from.1, to.1) {
            let message = format!("`{range}` ends before it starts");
            self.report("definition.cells", place, message).hint =
                hinted("the upper left corner comes first");
        }
    }
}

/// The column and row of a corner, from 1; one of them may be left out.
fn corner(text: &str) -> Option<(Option<u32>, Option<u32>)> {
    let end = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (letters, digits) = text.split_at(end);
    let column = match letters {
        "" => None,
        _ if letters.len() > 3 => return None,
        _ => Some(column_number(letters)).filter(|column| *column <= COLUMN_MAX),
    };
    let row = digits.parse().ok().filter(|row| (1..=ROW_MAX).contains(row));
    let lost = column.is_none() && !letters.is_empty() || row.is_none() && !digits.is_empty();
    (!lost && !text.is_empty()).then_some((column, row))
}

fn column_number(letters: &str) -> u32 {
    let digit = |letter: u8| u32::from(letter.to_ascii_uppercase() - b'A') + 1;
    letters.bytes().fold(0, |number, letter| number * 26 + digit(letter))
}

#[cfg(test)]
mod tests {
    use super::corner;

    #[test]
    fn corners_are_columns_rows_or_both() {
        assert_eq!(corner("B3"), Some((Some(2), Some(3))));
        assert_eq!(corner("XFD"), Some((Some(16_384), None)));
        assert_eq!(corner("200"), Some((None, Some(200))));
        for wrong in ["", "XFE", "A0", "B3x", "ABCD1", "é", "A1048577", "A-1"] {
            assert_eq!(corner(wrong), None, "{wrong}");
        }
    }
}
