//! The staff list.

use super::super::{
    Csv, Fault, MadeFile, Order, Row, csv_file,
    plan::Found,
    random::Random,
    text::{HEADER_AGAIN, damaged},
};
use crate::error::Result;

const CSV: Csv = Csv::of("Username,Family name,First name,Role,Phone,Position,Active");
const USERNAME: usize = 0;
const FAMILY_NAME: usize = 1;
const ROLE: usize = 3;
const PHONE: usize = 4;
const POSITION: usize = 5;
const ACTIVE: usize = 6;

const FAULTS: &[Fault<Row>] = &[
    Fault::new("username-with-blank", "rule.pattern", |row, _| row.prefix(USERNAME, "the ")),
    Fault::new("unknown-role", "rule.map", |row, _| row.set(ROLE, "Janitor")),
    Fault::new("phone-in-words", "rule.phone", |row, _| row.set(PHONE, "ask the office")),
    Fault::new("no-family-name", "rule.required", |row, _| row.set(FAMILY_NAME, "")),
    Fault::again("again"),
    Fault::found("another-with-its-name", Found::Conflict, |row, _| row.set(FAMILY_NAME, "Other")),
    Fault::new("unknown-status", "rule.map", |row, _| row.set(ACTIVE, "maybe")),
];

pub(super) fn staff(order: &Order) -> Result<MadeFile> {
    let row = |place| {
        let mut random = Random::new(order.seed ^ 0x57AF, place);
        let (family, given) = random.person();
        let role = if place % 20 == 0 { "Administrator" } else { "Teacher" };
        let position = random.pick(&["Class teacher", "Head of year", "Library"]);
        let phone = random.phone();
        Row::of([&format!("teacher{place}"), family, given, role, &phone, position, "yes"])
    };
    csv_file(
        order,
        ("staff.csv", CSV),
        ("school/staff", "school.user"),
        &[FAULTS, const { &damaged::<POSITION>() }, &HEADER_AGAIN],
        0..order.rows,
        row,
    )
}
