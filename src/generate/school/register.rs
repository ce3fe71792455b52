//! An attendance register: a row per student, a column per day, the month above the days.

use super::{
    super::{Csv, Expected, Fault, MadeFile, Order, OutFile, Row, random::Random, text::damaged},
    classes::{class, loaded, student_id},
};
use crate::error::Result;

/// Days of school in two months, so that a month's name stands above several days.
const CSV: Csv = Csv::of(
    "Student,,,October 2024,,,,November 2024,,,,,\nID,Grade,Section,28,29,30,31,1,4,5,6,7,8",
);
const DAYS: usize = 10;

const GRADE: usize = 1;
const SECTION: usize = 2;
const LETTER: usize = 3;

const FAULTS: &[Fault<Row>] = &[
    Fault::new("unknown-letter", "rule.map", |row, _| row.set(LETTER, "?")),
    Fault::new("unknown-class", "lookup.none", |row, _| row.set(GRADE, "12")),
];

/// What a run counts are cells; it rejects whole rows.
pub(super) fn register(order: &Order) -> Result<MadeFile> {
    let name = "attendance.csv";
    let mut out = OutFile::create(order, name)?;
    out.write(&CSV.header_line())?;
    let mut expected = Expected::of("school/attendance", &["school.attendance"]);
    let mut series = order.plan(&[FAULTS, const { &damaged::<SECTION>() }]);
    for place in loaded(order) {
        let (row, fault) = series.next(place, |place| student(order, place));
        let empty = (LETTER..LETTER + DAYS).filter(|at| row.get(*at).is_empty()).count();
        expected.unpivoted(fault.map(|fault| fault.found), DAYS, empty);
        out.write(&CSV.line(&row))?;
    }
    out.finish()?;
    Ok(series.made(name, vec![expected]))
}

fn student(order: &Order, place: u64) -> Row {
    let mut random = Random::new(order.seed ^ 0xA77E, place);
    let (grade, section) = class(place);
    let mut row = Row::of([&student_id(place), &grade.to_string(), section]);
    for at in 0..DAYS {
        let letter = random.pick(&["P", "P", "P", "P", "P", "A", "L", "E", ""]);
        // Never all empty: such a row has nothing to reject.
        row.push(if at == 1 { "P" } else { letter });
    }
    row
}
