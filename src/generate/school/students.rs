//! The students' workbook: a student and a guardian in each row.
//!
//! One student in eight has an id that was typed as a number, so that its zeros are only shown;
//! one in twelve has no guardian. That a workbook counts its days from 1904 is said of it as a
//! whole, so there is no such fault of a row.

use super::super::{
    Expected, Fault, MadeFile, Order,
    plan::Found,
    random::Random,
    sheet::{Cell, ROWS, SheetFile, SheetRow, damaged, set_day_60},
};
use crate::error::Result;

const HEADER: [&str; 13] = [
    "Student ID",
    "Family Name",
    "First Name",
    "Sex",
    "DOB",
    "Year",
    "Class",
    "School Code",
    "Enrolled",
    "Guardian Name",
    "Relation",
    "Phone",
    "Email",
];
const ID: usize = 0;
const FAMILY_NAME: usize = 1;
const FIRST_NAME: usize = 2;
const SEX: usize = 3;
const DOB: usize = 4;
const YEAR: usize = 5;
const CLASS: usize = 6;
const SCHOOL_CODE: usize = 7;
const GUARDIAN: usize = 9;
const RELATION: usize = 10;
const PHONE: usize = 11;
const EMAIL: usize = 12;

/// Both targets read the id.
const BAD_ID: Found = Found::RejectedTimes("rule.pattern", 2);
const LONG_ID: Found = Found::RejectedTimes("type.text", 2);

const FAULTS: &[Fault<SheetRow>] = &[
    Fault::found("id-with-letters", BAD_ID, |row, _| row[ID] = Cell::text("new student")),
    Fault::found("id-as-power", BAD_ID, |row, _| row[ID] = Cell::text("2.0E+04")),
    // More digits than a spreadsheet keeps: the last ones are zeros now.
    Fault::found("id-of-16-digits", LONG_ID, |row, _| row[ID] = Cell::Number(4e15)),
    Fault::new("date-as-text", "type.date", |row, _| row[DOB] = Cell::text("28/04/2015")),
    Fault::new("day-that-never-was", "sheet.date", |row, _| set_day_60(row, DOB)),
    Fault::new("born-in-future", "rule.maximum", |row, _| {
        row[DOB] = Cell::Day("2091-04-28".to_owned());
    }),
    Fault::new("too-old-for-year", "rule.check", |row, _| {
        row[DOB] = Cell::Day("1991-04-28".to_owned());
    }),
    Fault::new("short-name", "rule.min_length", |row, _| row[FIRST_NAME] = Cell::text("J")),
    Fault::new("no-family-name", "rule.required", |row, _| row[FAMILY_NAME] = Cell::text("")),
    Fault::new("unknown-sex", "rule.map", |row, _| row[SEX] = Cell::text("?")),
    Fault::new("year-with-fraction", "type.integer", |row, _| row[YEAR] = Cell::Number(3.5)),
    Fault::new("year-overflows", "type.integer", |row, _| row[YEAR] = Cell::Number(65_543.0)),
    Fault::new("year-as-word", "type.integer", |row, _| row[YEAR] = Cell::text("third")),
    Fault::new("code-as-number", "rule.pattern", |row, _| row[SCHOOL_CODE] = Cell::Number(417.0)),
    Fault::new("unknown-relation", "rule.enum", |row, _| row[RELATION] = Cell::text("Cousin")),
    Fault::new("phone-in-words", "rule.phone", |row, _| row[PHONE] = Cell::text("ask at office")),
    Fault::new("bad-email", "rule.email", |row, _| row[EMAIL] = Cell::text("guardian(at)org")),
    Fault::again("again"),
    // The later row counts, as the pipeline has it.
    Fault::found("again-in-another-class", Found::Duplicate, |row, _| {
        row[CLASS] = Cell::text("6Z")
    }),
];

pub(super) fn students(order: &Order) -> Result<MadeFile> {
    let name = "students.xlsx";
    let title = "Karrawong Public School: student roster";
    let mut sheet = SheetFile::start(order, name, "Students", title, &HEADER)?;
    let tables = ["school.student", "school.guardian"];
    let mut expected = Expected::of("school/students", &tables);
    let mut series = order.plan(&[FAULTS, const { &damaged::<DOB, { HEADER.len() }>() }]);
    for place in 0..order.rows.min(ROWS) {
        let has_guardian = [place, place + 1].iter().any(|place| series.is_faulty(*place));
        let (row, fault) = series.next(place, |place| student(order, place, has_guardian));
        expected.record(fault.map(|fault| fault.found));
        if row[GUARDIAN].is_empty() {
            expected.tables[1].filtered += 1;
        }
        sheet.row(&row)?;
    }
    sheet.save()?;
    Ok(series.made(name, vec![expected]))
}

fn student(order: &Order, place: u64, has_guardian: bool) -> SheetRow {
    let mut random = Random::new(order.seed ^ 0x5C00, place);
    let (family, given) = random.person();
    let year = random.between(1, 6);
    let id = 20_417 + place * 37;
    let is_number = random.below(8) == 0;
    let mut row = vec![
        if is_number { Cell::number(id) } else { Cell::Text(format!("{id:08}")) },
        Cell::text(family),
        Cell::text(given),
        Cell::text(random.pick(&["M", "F"])),
        Cell::Day(random.day(2024 - 6 - year)),
        Cell::number(year),
        Cell::Text(format!("{year}{}", random.pick(&["A", "B", "C"]))),
        Cell::text("0417"),
        Cell::Bool(random.below(25) > 0),
    ];
    let has_guardian = random.below(12) > 0 || has_guardian;
    if has_guardian {
        let (_, given) = random.person();
        let relation = random.pick(&["Mother", "Father", "Grandparent", "Guardian"]);
        let email = format!("guardian{place}@example.org");
        row.extend(
            [&format!("{given} {family}"), relation, &random.phone(), &email].map(Cell::text),
        );
    } else {
        row.resize(HEADER.len(), Cell::text(""));
    }
    row
}
