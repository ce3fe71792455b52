//! An attendance register: a row per student, a column per day, the month above the days.

use super::{
    super::{Expected, MadeFile, Order, TextFile, plan::FaultPlan, random::Random},
    classes::{class, loaded, student_id},
};
use crate::error::Result;

/// Days of school in two months, so that a month's name stands above several days.
const DAYS: [(&str, &[u64]); 2] =
    [("October 2024", &[28, 29, 30, 31]), ("November 2024", &[1, 4, 5, 6, 7, 8])];

/// What is wrong with a student's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RegisterFault {
    UnknownLetter,
    Ragged,
    UnknownClass,
}

const REGISTER_FAULTS: &[RegisterFault] =
    &[RegisterFault::UnknownLetter, RegisterFault::Ragged, RegisterFault::UnknownClass];

/// What a run counts are cells; it rejects whole rows.
pub(super) fn register(order: &Order) -> Result<MadeFile> {
    let name = "attendance.csv";
    let mut out = TextFile::create(order, name)?;
    let (mut months, mut days) = ("Student,,".to_owned(), "ID,Grade,Section".to_owned());
    for (month, of_month) in DAYS {
        for (at, day) in of_month.iter().enumerate() {
            months.push(',');
            months.push_str(if at == 0 { month } else { "" });
            days.push_str(&format!(",{day}"));
        }
    }
    out.line(months.as_bytes())?;
    out.line(days.as_bytes())?;
    let cells: usize = DAYS.iter().map(|(_, days)| days.len()).sum();
    let mut expected = Expected::of("school/attendance");
    let faults = FaultPlan::new(order.faults, REGISTER_FAULTS);
    for (row, place) in (0..).zip(loaded(order)) {
        let fault = faults.at(row);
        let mut random = Random::new(order.seed ^ 0xA77E, place);
        let letters = ["P", "P", "P", "P", "P", "A", "L", "E", ""];
        let mut letters: Vec<&str> = (0..cells).map(|_| random.pick(&letters)).collect();
        // Never all empty: such a row has nothing to reject.
        letters[1] = "P";
        let (code, count) = match fault {
            Some(RegisterFault::UnknownLetter) => {
                letters[0] = "?";
                ("rule.map", 1)
            }
            Some(RegisterFault::Ragged) => ("csv.ragged", 1),
            Some(RegisterFault::UnknownClass) => {
                let named = letters.iter().filter(|letter| !letter.is_empty());
                ("lookup.none", named.count() as u64)
            }
            None => ("", 0),
        };
        expected.records += cells as u64;
        if fault.is_some() {
            expected.rejected += 1;
            *expected.violations.entry(code.to_owned()).or_default() += count;
        }
        let (grade, section) = class(place);
        let grade = if fault == Some(RegisterFault::UnknownClass) { 12 } else { grade };
        let more = if fault == Some(RegisterFault::Ragged) { ",P" } else { "" };
        let line = format!("{},{grade},{section},{}{more}", student_id(place), letters.join(","));
        out.line(line.as_bytes())?;
    }
    out.finish()?;
    Ok(MadeFile { file: name.to_owned(), expected: vec![expected] })
}
