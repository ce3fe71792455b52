//! A mark book: a workbook with a row per student and a column per subject.

use super::{
    super::{
        Expected, Fault, MadeFile, Order,
        random::Random,
        sheet::{Cell, ROWS, SheetFile, SheetRow, damaged},
    },
    classes::{SUBJECTS, class, loaded, student_id},
};
use crate::error::Result;

const GRADE: usize = 1;
const SEMESTER: usize = 3;
/// The first subject; marks stand from here on.
const MARK: usize = 4;
const WIDTH: usize = MARK + SUBJECTS.len();

const FAULTS: &[Fault<SheetRow>] = &[
    Fault::new("mark-too-high", "rule.maximum", |row, _| row[MARK] = Cell::Number(11.0)),
    Fault::new("mark-below-zero", "rule.minimum", |row, _| row[MARK] = Cell::Number(-1.0)),
    Fault::new("mark-as-word", "type.numeric", |row, _| row[MARK] = Cell::text("ill")),
    Fault::new("mark-too-fine", "type.numeric", |row, _| row[MARK] = Cell::Number(7.125)),
    Fault::new("unknown-class", "lookup.none", |row, _| row[GRADE] = Cell::text("12")),
    Fault::new("unknown-semester", "lookup.none", |row, _| row[SEMESTER] = Cell::text("S3-2024")),
];

/// One cell in eight is empty, but never the first. What a run counts are cells; it rejects whole rows.
pub(super) fn marks(order: &Order) -> Result<MadeFile> {
    let name = "marks.xlsx";
    let mut header = vec!["Student ID", "Grade", "Section", "Semester"];
    header.extend(SUBJECTS);
    let title = "Marks of the first semester";
    let mut sheet = SheetFile::start(order, name, "Marks", title, &header)?;
    let mut expected = Expected::of("school/marks", &["school.grade"]);
    let mut series = order.plan(&[FAULTS, const { &damaged::<MARK, WIDTH>() }]);
    for (place, _) in loaded(order).zip(0..ROWS) {
        let (row, fault) = series.next(place, |place| student(order, place));
        // Cells beyond the header are none of the marks.
        let empty = row[MARK..WIDTH].iter().filter(|cell| cell.is_empty()).count();
        expected.unpivoted(fault.map(|fault| fault.found), SUBJECTS.len(), empty);
        sheet.row(&row)?;
    }
    sheet.save()?;
    Ok(series.made(name, vec![expected]))
}

fn student(order: &Order, place: u64) -> SheetRow {
    let mut random = Random::new(order.seed ^ 0x3A2C, place);
    let (grade, section) = class(place);
    let mut row: SheetRow =
        [student_id(place), grade.to_string(), section.to_owned(), "S1-2024".to_owned()]
            .map(Cell::Text)
            .to_vec();
    row.extend(SUBJECTS.iter().enumerate().map(|(at, _)| {
        let is_marked = at == 0 || random.below(8) > 0;
        if is_marked { quarters(random.below(41)) } else { Cell::text("") }
    }));
    row
}

/// A mark from 0 to 10 by its quarters.
fn quarters(mark: u64) -> Cell {
    Cell::Number(f64::from(u32::try_from(mark).unwrap_or(0)) / 4.0)
}
