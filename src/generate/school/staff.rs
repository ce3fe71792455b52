//! The staff list.

use super::super::{Expected, MadeFile, Order, TextFile, plan::FaultPlan, random::Random};
use crate::error::Result;

/// What is wrong with a member of staff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StaffFault {
    BadUsername,
    UnknownRole,
    BadPhone,
    NoFamilyName,
    Ragged,
}

const STAFF_FAULTS: &[StaffFault] = &[
    StaffFault::BadUsername,
    StaffFault::UnknownRole,
    StaffFault::BadPhone,
    StaffFault::NoFamilyName,
    StaffFault::Ragged,
];

pub(super) fn staff(order: &Order) -> Result<MadeFile> {
    let name = "staff.csv";
    let mut out = TextFile::create(order, name)?;
    out.line(b"Username,Family name,First name,Role,Phone,Position,Active")?;
    let mut expected = Expected::of("school/staff");
    let faults = FaultPlan::new(order.faults, STAFF_FAULTS);
    for place in 0..order.rows {
        let fault = faults.at(place);
        expected.record(fault.map(|fault| match fault {
            StaffFault::BadUsername => "rule.pattern",
            StaffFault::UnknownRole => "rule.map",
            StaffFault::BadPhone => "rule.phone",
            StaffFault::NoFamilyName => "rule.required",
            StaffFault::Ragged => "csv.ragged",
        }));
        let mut random = Random::new(order.seed ^ 0x57AF, place);
        let (family, given) = random.person();
        let username = match fault {
            Some(StaffFault::BadUsername) => format!("teacher {place}"),
            _ => format!("teacher{place}"),
        };
        let family = if fault == Some(StaffFault::NoFamilyName) { "" } else { family };
        let role = match fault {
            Some(StaffFault::UnknownRole) => "Janitor",
            _ if place % 20 == 0 => "Administrator",
            _ => "Teacher",
        };
        let phone = match fault {
            Some(StaffFault::BadPhone) => "ask the office".to_owned(),
            // Numbers that Australia sets aside for fiction.
            _ => format!("+61 491 57{} {:03}", random.below(10), random.below(1000)),
        };
        let more = if fault == Some(StaffFault::Ragged) { ",extra" } else { "" };
        let position = random.pick(&["Class teacher", "Head of year", "Library"]);
        let line = format!("{username},{family},{given},{role},{phone},{position},yes{more}");
        out.line(line.as_bytes())?;
    }
    out.finish()?;
    Ok(MadeFile { file: name.to_owned(), expected: vec![expected] })
}
