//! The nightly roster: each row has the student, both parents, the family and the course.
//!
//! One in nine has no mother in it and one in five no father; faulty rows have both. The course
//! is nothing but its key, so pupils who share it cannot be in conflict about it.

use super::super::{
    Csv, Expected, Fault, MadeFile, Order, OutFile, Row,
    plan::Found,
    random::Random,
    text::{HEADER_AGAIN, OTHER_END, damaged},
};
use crate::error::Result;

const CSV: Csv = Csv::of(
    "Student ID;Family Name;First Name;Sex;DOB;School Code;School Year;Grade;Section;\
     Mother Family Name;Mother First Name;Mother Phone;\
     Father Family Name;Father First Name;Father Phone;\
     Living With;Own House;Help Amount;Poverty Card;Course",
)
.with_semicolons();
const ID: usize = 0;
const FAMILY_NAME: usize = 1;
const FIRST_NAME: usize = 2;
const SEX: usize = 3;
const DOB: usize = 4;
const SCHOOL_CODE: usize = 5;
const SCHOOL_YEAR: usize = 6;
const GRADE: usize = 7;
const MOTHER: usize = 9;
const FATHER: usize = 12;
const OWN_HOUSE: usize = 16;
const HELP_AMOUNT: usize = 17;

/// Of the student, of the course, and in the lookup of the course.
const NO_GRADE: Found = Found::RejectedTimes("type.integer", 3);

const FAULTS: &[Fault<Row>] = &[
    Fault::new("id-with-letters", "rule.pattern", |row, _| row.set(ID, "new")),
    Fault::new("id-without-zeros", "rule.pattern", |row, place| {
        row.set(ID, (20_417 + place).to_string());
    }),
    Fault::new("id-as-power", "rule.pattern", |row, _| row.set(ID, "4.0E+07")),
    Fault::new("no-family-name", "rule.required", |row, _| row.set(FAMILY_NAME, "-")),
    Fault::new("no-first-name", "rule.not_null", |row, _| row.set(FIRST_NAME, "")),
    Fault::new("short-name", "rule.min_length", |row, _| row.set(FIRST_NAME, "J")),
    Fault::new("unknown-sex", "rule.map", |row, _| row.set(SEX, "?")),
    Fault::new("month-first", "type.date", |row, _| row.set(DOB, "04/28/2011")),
    Fault::new("no-such-day", "type.date", |row, _| row.set(DOB, "31/04/2011")),
    Fault::new("year-of-two-digits", "type.date", |row, _| row.set(DOB, "28/04/11")),
    Fault::new("born-in-future", "rule.maximum", |row, _| row.set(DOB, "28/04/2091")),
    Fault::new("school-code-without-zero", "rule.pattern", |row, _| row.set(SCHOOL_CODE, "417")),
    Fault::new("unknown-year", "constraint.foreign_key", |row, _| {
        row.set(SCHOOL_YEAR, "2098-2099");
    }),
    Fault::new("grade-too-high", "rule.maximum", |row, _| row.set(GRADE, "13")),
    Fault::found("grade-as-word", NO_GRADE, |row, _| row.set(GRADE, "ten")),
    Fault::found("grade-overflows", NO_GRADE, |row, _| row.set(GRADE, "65543")),
    Fault::new("phone-in-words", "rule.phone", |row, _| row.set(MOTHER + 2, "ask next door")),
    Fault::new("no-yes-or-no", "type.boolean", |row, _| row.set(OWN_HOUSE, "maybe")),
    Fault::new("help-below-zero", "rule.minimum", |row, _| row.set(HELP_AMOUNT, "-5")),
    Fault::new("help-as-word", "type.numeric", |row, _| row.set(HELP_AMOUNT, "a little")),
    Fault::new("help-overflows", "type.numeric", |row, _| row.set(HELP_AMOUNT, "12345678901")),
    Fault::again("again"),
    Fault::found("another-with-its-id", Found::Conflict, |row, _| row.set(FAMILY_NAME, "Other")),
];

/// Targets in the pipeline's order.
const TABLES: [&str; 6] = [
    "school.course",
    "school.student",
    "school.guardian",
    "school.guardian",
    "school.family_info",
    "school.enrollment",
];

pub(super) fn roster(order: &Order) -> Result<MadeFile> {
    let name = "roster.csv";
    let mut out = OutFile::create(order, name)?;
    let mut expected = Expected::of("school/roster", &TABLES);
    let mut series =
        order.plan(&[FAULTS, const { &damaged::<FAMILY_NAME>() }, &HEADER_AGAIN, &OTHER_END]);
    out.write(&CSV.header_line())?;
    for place in 0..order.rows {
        let is_faulty = [place, place + 1].iter().any(|place| series.is_faulty(*place));
        let make = |place| student(order, place, is_faulty);
        let (row, fault) = series.next(place, make);
        let found = fault.map(|fault| fault.found);
        expected.record(found);
        if found == Some(Found::Duplicate) {
            // Who shares a course is no copy of who does too.
            expected.tables[0].duplicates -= 1;
        }
        for (target, parent) in [(2, MOTHER), (3, FATHER)] {
            if found.is_none() && row.get(parent + 1).is_empty() {
                expected.tables[target].filtered += 1;
            }
        }
        out.write(&CSV.line(&row))?;
    }
    out.finish()?;
    Ok(series.made(name, vec![expected]))
}

fn student(order: &Order, place: u64, has_parents: bool) -> Row {
    let mut random = Random::new(order.seed ^ 0xF1A7, place);
    let (family, first) = random.person();
    let sex = random.pick(&["M", "F"]);
    let grade = random.between(1, 12);
    let (day, month) = (random.between(1, 28), random.between(1, 12));
    let born = format!("{day:02}/{month:02}/{}", 2018 - grade);
    let section = random.pick(&["A", "B", "C"]);
    let mut row = Row::of([
        &format!("{:08}", 40_000_000 + place),
        family,
        first,
        sex,
        &born,
        "0417",
        "2024-2025",
        &grade.to_string(),
        section,
    ]);
    for absent_once_in in [9, 5] {
        let (_, given) = random.person();
        let phone = random.phone();
        let is_absent = random.below(absent_once_in) == 0 && !has_parents;
        let parent = if is_absent { ["", "", ""] } else { [family, given, &phone] };
        parent.iter().for_each(|field| row.push(field));
    }
    row.push(random.pick(&["parents", "mother", "grandparents"]));
    row.push(random.pick(&["yes", "no", ""]));
    let helps = random.below(4) == 0;
    let amount = random.between(1, 50).to_string();
    row.push(if helps { &amount } else { "" });
    row.push(random.pick(&["", "", "1", "2"]));
    row.push(random.pick(&["Mathematics", "Khmer", "Science"]));
    row
}
