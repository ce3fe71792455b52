//! A mark book: a workbook with a row per student and a column per subject.

use rust_xlsxwriter::XlsxError;

use super::{
    super::{
        Expected, MadeFile, Order, cannot_write,
        plan::FaultPlan,
        random::Random,
        sheet::{Cell, SheetFile},
    },
    classes::{SUBJECTS, class, loaded, student_id},
};
use crate::error::Result;

/// What is wrong with a student's marks; the first subject has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MarkFault {
    TooHigh,
    Word,
    NotAvailable,
    UnknownClass,
}

const MARK_FAULTS: &[MarkFault] =
    &[MarkFault::TooHigh, MarkFault::Word, MarkFault::NotAvailable, MarkFault::UnknownClass];

/// One cell in eight is empty. What a run counts are cells; it rejects whole rows.
pub(super) fn marks(order: &Order) -> Result<MadeFile> {
    let name = "marks.xlsx";
    let path = order.folder.join(name);
    let failed = |cause: XlsxError| cannot_write(&path, cause);
    let mut header = vec!["Student ID", "Grade", "Section", "Semester"];
    header.extend(SUBJECTS);
    let title = "Marks of the first semester";
    let mut sheet = SheetFile::start("Marks", title, &header).map_err(failed)?;
    let mut expected = Expected::of("school/marks");
    let faults = FaultPlan::new(order.faults, MARK_FAULTS);
    for (row, place) in (0..).zip(loaded(order)) {
        let fault = faults.at(row);
        let mut random = Random::new(order.seed ^ 0x3A2C, place);
        let marks = SUBJECTS.map(|_| (random.below(8) > 0).then(|| quarters(random.below(41))));
        let code = fault.map(|fault| match fault {
            MarkFault::TooHigh => ("rule.maximum", 1),
            MarkFault::Word => ("type.numeric", 1),
            MarkFault::NotAvailable => ("sheet.error", 1),
            // Every mark of the row names the class.
            MarkFault::UnknownClass => ("lookup.none", marks.iter().flatten().count() as u64),
        });
        expected.records += SUBJECTS.len() as u64;
        if let Some((code, count)) = code.filter(|(_, count)| *count > 0) {
            expected.rejected += 1;
            *expected.violations.entry(code.to_owned()).or_default() += count;
        }
        let (grade, section) = class(place);
        let grade = if fault == Some(MarkFault::UnknownClass) { 12 } else { grade };
        let (id, grade) = (student_id(place), grade.to_string());
        let mut cells =
            vec![Cell::Text(&id), Cell::Text(&grade), Cell::Text(section), Cell::Text("S1-2024")];
        cells.extend(marks.map(|mark| mark.map_or(Cell::Text(""), Cell::Number)));
        match fault {
            Some(MarkFault::TooHigh) => cells[4] = Cell::Number(11.0),
            Some(MarkFault::Word) => cells[4] = Cell::Text("ill"),
            Some(MarkFault::NotAvailable) => cells[4] = Cell::NotAvailable,
            Some(MarkFault::UnknownClass) | None => {}
        }
        sheet.row(&cells).map_err(failed)?;
    }
    sheet.save(order, name)?;
    Ok(MadeFile { file: name.to_owned(), expected: vec![expected] })
}

/// A mark from 0 to 10 by its quarters.
fn quarters(mark: u64) -> f64 {
    f64::from(u32::try_from(mark).unwrap_or(0)) / 4.0
}
