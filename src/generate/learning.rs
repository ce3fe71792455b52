//! A course platform: twelve courses, their students, quizzes and materials.

use super::{
    Csv, Expected, Fault, FaultPlan, MadeFile, Order, OutFile, Row, csv_file,
    plan::Found,
    random::Random,
    sheet::{Cell, ROWS, SheetRow, damaged as damaged_sheet, sheet_file},
    text::{HEADER_AGAIN, OTHER_END, damaged, damaged_json, json_line},
};
use crate::error::Result;

const COURSES: [(&str, &str); 12] = [
    ("MATH-1", "Linear algebra"),
    ("MATH-2", "Analysis"),
    ("STAT-1", "Statistics"),
    ("PHYS-1", "Mechanics"),
    ("CHEM-1", "Chemistry"),
    ("BIOL-1", "Cells and genes"),
    ("HIST-1", "History of trade"),
    ("ECON-1", "Markets and prices"),
    ("LAW-1", "Law of property"),
    ("GEOG-1", "Maps and surveys"),
    ("COMP-1", "Programming"),
    ("COMP-2", "Databases"),
];

/// Weeks of a term.
const WEEKS: u64 = 12;

pub(super) fn generate(order: &Order) -> Result<Vec<MadeFile>> {
    Ok(vec![courses(order)?, enrolments(order)?, quizzes(order)?, materials(order)?])
}

fn course(place: u64) -> (&'static str, &'static str) {
    COURSES[usize::try_from(place % 12).unwrap_or(0)]
}

fn email(student: u64) -> String {
    format!("student{student}@example.org")
}

fn courses(order: &Order) -> Result<MadeFile> {
    csv_file(
        order,
        ("courses.csv", Csv::of("Code,Title,Starts,Ends")),
        ("learning/courses", "learning.course"),
        &[],
        0..12,
        |place| {
            let (code, title) = course(place);
            Row::of([code, title, "02/09/2024", "24/11/2024"])
        },
    )
}

const ENROLMENT: Csv = Csv::of("Email;Name;Course;Enrolled on").with_semicolons();
const EMAIL: usize = 0;
const NAME: usize = 1;
const COURSE: usize = 2;
const DAY: usize = 3;

const ENROLMENT_FAULTS: &[&[Fault<Row>]] = &[
    &[
        Fault::new("bad-email", "rule.email", |row, place| {
            row.set(EMAIL, format!("student{place}(at)example.org"));
        }),
        Fault::new("no-name", "rule.required", |row, _| row.set(NAME, "")),
        Fault::new("unknown-course", "lookup.none", |row, _| row.set(COURSE, "ASTR-9")),
        Fault::new("no-such-day", "type.date", |row, _| row.set(DAY, "31/09/2024")),
        Fault::new("month-first", "type.date", |row, _| row.set(DAY, "09/28/2024")),
        Fault::again("again"),
    ],
    &damaged::<NAME>(),
    &HEADER_AGAIN,
    &OTHER_END,
];

/// What a fault of an enrolment is to the pipeline of students, which reads neither course nor
/// day.
fn of_student(fault: &Fault<Row>) -> Option<Found> {
    let is_elsewhere = ["unknown-course", "no-such-day", "month-first"];
    Some(fault.found).filter(|_| !is_elsewhere.iter().any(|name| fault.is(name)))
}

/// What it is to the pipeline of enrolments, which runs after that of students.
fn of_enrolment(fault: &Fault<Row>) -> Found {
    if fault.is("no-name") { Found::Rejected("lookup.none") } else { fault.found }
}

/// One course each, so that a student is known by one record.
fn enrolments(order: &Order) -> Result<MadeFile> {
    let name = "enrolments.csv";
    let mut out = OutFile::create(order, name)?;
    out.write(&ENROLMENT.header_line())?;
    let mut students = Expected::of("learning/students", &["learning.user"]);
    let mut enrolments = Expected::of("learning/enrolments", &["learning.student_enrollment"]);
    let mut series = order.plan(ENROLMENT_FAULTS);
    for student in 0..order.rows {
        let (row, fault) = series.next(student, |student| enrolment(order, student));
        students.record(fault.and_then(of_student));
        enrolments.record(fault.map(of_enrolment));
        out.write(&ENROLMENT.line(&row))?;
    }
    out.finish()?;
    Ok(series.made(name, vec![students, enrolments]))
}

fn enrolment(order: &Order, student: u64) -> Row {
    let mut random = Random::new(order.seed ^ 0x1EA2, student);
    let (family, given) = random.person();
    let day = format!("{:02}/09/2024", random.between(1, 30));
    Row::of([&email(student), &format!("{given} {family}"), course(student).0, &day])
}

/// What stands between the fields of an attempt.
const QUIZ: &[&str] = &[
    r#"{"id":""#,
    r#"","student":{"email":""#,
    r#""},"course":""#,
    r#"","week":"#,
    r#","result":{"score":"#,
    r#","of":100},"questions":[{"n":1,"answers":["b","c"],"right":"#,
    r#"}],"feedback":{"by":"tutor","text":""#,
    r#""},"at":""#,
    r#""}"#,
];
const ID: usize = 0;
const STUDENT: usize = 1;
const QUIZ_COURSE: usize = 2;
const WEEK: usize = 3;
const SCORE: usize = 4;
const AT: usize = 7;

const QUIZ_FAULTS: &[&[Fault<Row>]] = &[
    &[
        Fault::new("score-below-zero", "rule.minimum", |row, _| row.set(SCORE, "-5")),
        Fault::new("score-as-word", "type.numeric", |row, _| row.set(SCORE, "\"good\"")),
        Fault::new("unknown-student", "lookup.none", |row, _| row.prefix(STUDENT, "guest-")),
        Fault::new("no-uuid", "type.uuid", |row, _| row.set(ID, "none")),
        Fault::new("late-week", "rule.maximum", |row, _| row.set(WEEK, "60")),
        Fault::new("week-overflows", "type.integer", |row, _| row.set(WEEK, "99999999999")),
        Fault::new("week-with-fraction", "type.integer", |row, _| row.set(WEEK, "3.5")),
        Fault::new("bad-moment", "type.timestamptz", |row, _| row.set(AT, "yesterday")),
        Fault::new("moment-without-zone", "type.timestamptz", |row, _| {
            row.set(AT, "2024-10-01T10:15:00");
        }),
        Fault::again("again"),
        Fault::found("another-with-its-id", Found::Conflict, |row, _| row.set(SCORE, "101")),
    ],
    &damaged_json::<QUIZ_COURSE>(),
];

fn quizzes(order: &Order) -> Result<MadeFile> {
    let name = "quizzes.jsonl";
    let mut out = OutFile::create(order, name)?;
    let mut expected = Expected::of("learning/quizzes", &["learning.quiz_attempt"]);
    let mut series = order.plan(QUIZ_FAULTS);
    let students = FaultPlan::new(&order.faults, ENROLMENT_FAULTS);
    // Whoever is in the list of enrolments once, and loaded from it.
    let known = (0..order.rows).filter(|at| students.at(*at).and_then(of_student).is_none());
    for student in known {
        let (row, fault) = series.next(student, |student| attempt(order, student));
        expected.record(fault.map(|fault| fault.found));
        out.write(&json_line(QUIZ, &row))?;
    }
    out.finish()?;
    Ok(series.made(name, vec![expected]))
}

fn attempt(order: &Order, student: u64) -> Row {
    let mut random = Random::new(order.seed ^ 0x9012, student);
    let (id, week, score) = (random.uuid(), random.between(1, WEEKS), random.between(1, 100));
    let at = format!("{}T{:02}:15:00Z", random.day(2024), random.between(8, 21));
    let right = if score > 50 { "true" } else { "false" };
    let (week, score) = (week.to_string(), score.to_string());
    let feedback = format!("week {week}");
    Row::of([&id, &email(student), course(student).0, &week, &score, right, &feedback, &at])
}

const MATERIAL: [&str; 5] = ["Course", "Kind", "Title", "URL", "Pages"];
const KIND: usize = 1;
const TITLE: usize = 2;
const URL: usize = 3;

const MATERIAL_FAULTS: &[Fault<SheetRow>] = &[
    Fault::new("no-url", "rule.url", |row, _| row[URL] = Cell::text("materials/7.pdf")),
    Fault::new("unknown-kind", "rule.map", |row, _| row[KIND] = Cell::text("tape")),
    Fault::new("unknown-course", "lookup.none", |row, _| row[0] = Cell::text("ASTR-9")),
    Fault::new("no-title", "rule.required", |row, _| row[TITLE] = Cell::text("")),
    Fault::again("again"),
    Fault::found("another-with-its-url", Found::Conflict, |row, _| {
        row[TITLE] = Cell::text("Other")
    }),
];

fn materials(order: &Order) -> Result<MadeFile> {
    sheet_file(
        order,
        (("materials.xlsx", "Materials", "What to read and watch"), &MATERIAL),
        ("learning/materials", "learning.material"),
        &[MATERIAL_FAULTS, const { &damaged_sheet::<TITLE, { MATERIAL.len() }>() }],
        0..order.rows.min(ROWS),
        |place| {
            let mut random = Random::new(order.seed ^ 0x3A7E, place);
            vec![
                Cell::text(course(place).0),
                Cell::text(random.pick(&["PDF", "Video", "Link"])),
                Cell::Text(format!("Reading {place}")),
                Cell::Text(format!("https://example.org/materials/{place}.pdf")),
                Cell::number(random.between(1, 90)),
            ]
        },
    )
}
