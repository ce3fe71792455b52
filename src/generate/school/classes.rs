//! Subjects, and who is in which class.

use std::collections::BTreeSet;

use super::super::{
    Csv, Expected, Fault, FaultPlan, MadeFile, Order, OutFile, Row, csv_file,
    plan::Found,
    random::Random,
    text::{HEADER_AGAIN, damaged},
};
use crate::error::Result;

/// What is marked.
pub(super) const SUBJECTS: [&str; 4] = ["English", "Khmer", "Mathematics", "Science"];

const CSV: Csv = Csv::of("Student ID,Family Name,First Name,Sex,DOB,Grade,Section");
const ID: usize = 0;
const FAMILY_NAME: usize = 1;
const FIRST_NAME: usize = 2;
const SEX: usize = 3;
const DOB: usize = 4;
const GRADE: usize = 5;

const FAULTS: &[Fault<Row>] = &[
    Fault::new("id-with-letters", "rule.pattern", |row, _| row.prefix(ID, "S-")),
    // What a spreadsheet makes of an id: its zeros are gone, or it is a power of ten.
    Fault::new("id-without-zeros", "rule.pattern", |row, place| {
        row.set(ID, (20_417 + place).to_string());
    }),
    Fault::new("id-as-power", "rule.pattern", |row, _| row.set(ID, "7.0E+07")),
    Fault::new("short-name", "rule.min_length", |row, _| row.set(FIRST_NAME, "J")),
    Fault::new("unknown-sex", "rule.map", |row, _| row.set(SEX, "?")),
    Fault::new("no-such-day", "type.date", |row, _| row.set(DOB, "31/04/2011")),
    Fault::new("month-first", "type.date", |row, _| row.set(DOB, "04/28/2011")),
    Fault::new("year-of-two-digits", "type.date", |row, _| row.set(DOB, "28/04/11")),
    Fault::new("born-in-future", "rule.maximum", |row, _| row.set(DOB, "28/04/2091")),
    Fault::new("grade-too-high", "rule.maximum", |row, _| row.set(GRADE, "13")),
    // Of the student, of the course, and in the lookup of the course.
    Fault::found("grade-as-word", NO_GRADE, |row, _| row.set(GRADE, "ten")),
    Fault::found("grade-overflows", NO_GRADE, |row, _| row.set(GRADE, "65543")),
    Fault::again("again"),
];
const NO_GRADE: Found = Found::RejectedTimes("type.integer", 3);
const ALL: &[&[Fault<Row>]] = &[FAULTS, &damaged::<FAMILY_NAME>(), &HEADER_AGAIN];

/// The students that are loaded, by their places.
pub(super) fn loaded(order: &Order) -> impl Iterator<Item = u64> {
    let plan = FaultPlan::new(&order.faults, ALL);
    (0..order.rows).filter(move |place| plan.at(*place).is_none())
}

/// The student's number: eight digits.
pub(super) fn student_id(place: u64) -> String {
    format!("{:08}", 70_000_000 + place)
}

/// The grade and section of a student's class.
pub(super) fn class(place: u64) -> (u64, &'static str) {
    (7 + place % 3, if (place / 3).is_multiple_of(2) { "A" } else { "B" })
}

pub(super) fn subjects(order: &Order) -> Result<MadeFile> {
    csv_file(
        order,
        ("subjects.csv", Csv::of("Subject")),
        ("school/subjects", "school.subject"),
        &[],
        0..4,
        |place| Row::of([SUBJECTS[usize::try_from(place).unwrap_or(0)]]),
    )
}

pub(super) fn classes(order: &Order) -> Result<MadeFile> {
    let name = "classes.csv";
    let mut out = OutFile::create(order, name)?;
    let tables = ["school.student", "school.course", "school.enrollment"];
    let mut expected = Expected::of("school/classes", &tables);
    let mut series = order.plan(ALL);
    out.write(&CSV.header_line())?;
    let mut classes = BTreeSet::new();
    for place in 0..order.rows {
        let (row, fault) = series.next(place, |place| student(order, place));
        expected.record(fault.map(|fault| fault.found));
        // The class is made once, by whoever comes first.
        let is_sound = fault.is_none();
        if is_sound && !classes.insert(class(place)) {
            expected.tables[1].duplicates += 1;
        }
        out.write(&CSV.line(&row))?;
    }
    out.finish()?;
    Ok(series.made(name, vec![expected]))
}

fn student(order: &Order, place: u64) -> Row {
    let mut random = Random::new(order.seed ^ 0xC1A5, place);
    let (family, given) = random.person();
    let sex = random.pick(&["M", "F"]);
    let (grade, section) = class(place);
    let (day, month) = (random.between(1, 28), random.between(1, 12));
    let born = format!("{day:02}/{month:02}/{}", 2024 - 5 - grade);
    Row::of([&student_id(place), family, given, sex, &born, &grade.to_string(), section])
}
