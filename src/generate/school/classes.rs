//! Subjects, and who is in which class.

use super::super::{Expected, MadeFile, Order, TextFile, plan::FaultPlan, random::Random};
use crate::error::Result;

/// What is marked.
pub(super) const SUBJECTS: [&str; 4] = ["English", "Khmer", "Mathematics", "Science"];

/// What is wrong with a student.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StudentFault {
    BadId,
    ShortName,
    UnknownSex,
    NoSuchDay,
    GradeTooHigh,
    Ragged,
}

const STUDENT_FAULTS: &[StudentFault] = &[
    StudentFault::BadId,
    StudentFault::ShortName,
    StudentFault::UnknownSex,
    StudentFault::NoSuchDay,
    StudentFault::GradeTooHigh,
    StudentFault::Ragged,
];

fn fault(order: &Order, place: u64) -> Option<StudentFault> {
    FaultPlan::new(order.faults, STUDENT_FAULTS).at(place)
}

/// The students that are loaded, by their places.
pub(super) fn loaded(order: &Order) -> impl Iterator<Item = u64> {
    let faults = FaultPlan::new(order.faults, STUDENT_FAULTS);
    (0..order.rows).filter(move |place| faults.at(*place).is_none())
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
    let name = "subjects.csv";
    let mut out = TextFile::create(order, name)?;
    out.line(b"Subject")?;
    let mut expected = Expected::of("school/subjects");
    for subject in SUBJECTS {
        expected.record(None);
        out.line(subject.as_bytes())?;
    }
    out.finish()?;
    Ok(MadeFile { file: name.to_owned(), expected: vec![expected] })
}

pub(super) fn classes(order: &Order) -> Result<MadeFile> {
    let name = "classes.csv";
    let mut out = TextFile::create(order, name)?;
    out.line(b"Student ID,Family Name,First Name,Sex,DOB,Grade,Section")?;
    let mut expected = Expected::of("school/classes");
    for place in 0..order.rows {
        let fault = fault(order, place);
        expected.record(fault.map(|fault| match fault {
            StudentFault::BadId => "rule.pattern",
            StudentFault::ShortName => "rule.min_length",
            StudentFault::UnknownSex => "rule.map",
            StudentFault::NoSuchDay => "type.date",
            StudentFault::GradeTooHigh => "rule.maximum",
            StudentFault::Ragged => "csv.ragged",
        }));
        out.line(student(order, place, fault).as_bytes())?;
    }
    out.finish()?;
    Ok(MadeFile { file: name.to_owned(), expected: vec![expected] })
}

fn student(order: &Order, place: u64, fault: Option<StudentFault>) -> String {
    let mut random = Random::new(order.seed ^ 0xC1A5, place);
    let (family, given) = random.person();
    let id = match fault {
        Some(StudentFault::BadId) => format!("S-{place}"),
        _ => student_id(place),
    };
    let given = if fault == Some(StudentFault::ShortName) { "J" } else { given };
    let sex = random.pick(&["M", "F"]);
    let sex = if fault == Some(StudentFault::UnknownSex) { "?" } else { sex };
    let (grade, section) = class(place);
    let born = 2024 - 5 - grade;
    let born = match fault {
        Some(StudentFault::NoSuchDay) => format!("31/04/{born}"),
        _ => format!("{:02}/{:02}/{born}", random.between(1, 28), random.between(1, 12)),
    };
    let grade = if fault == Some(StudentFault::GradeTooHigh) { 13 } else { grade };
    let more = if fault == Some(StudentFault::Ragged) { ",new" } else { "" };
    format!("{id},{family},{given},{sex},{born},{grade},{section}{more}")
}
