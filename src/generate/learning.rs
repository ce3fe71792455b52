//! A course platform: twelve courses, their students, quizzes and materials.

use rust_xlsxwriter::XlsxError;

use super::{
    Expected, MadeFile, Order, TextFile, cannot_write,
    plan::FaultPlan,
    random::Random,
    sheet::{Cell, SheetFile},
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

fn course(place: u64) -> &'static str {
    COURSES[usize::try_from(place % 12).unwrap_or(0)].0
}

fn email(student: u64) -> String {
    format!("student{student}@example.org")
}

fn courses(order: &Order) -> Result<MadeFile> {
    let name = "courses.csv";
    let mut out = TextFile::create(order, name)?;
    out.line(b"Code,Title,Starts,Ends")?;
    let mut expected = Expected::of("learning/courses");
    for (code, title) in COURSES {
        expected.record(None);
        out.line(format!("{code},{title},02/09/2024,24/11/2024").as_bytes())?;
    }
    out.finish()?;
    Ok(MadeFile { file: name.to_owned(), expected: vec![expected] })
}

/// What is wrong with an enrolment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EnrolmentFault {
    BadEmail,
    NoName,
    UnknownCourse,
    NoSuchDay,
    Ragged,
}

const ENROLMENT_FAULTS: &[EnrolmentFault] = &[
    EnrolmentFault::BadEmail,
    EnrolmentFault::NoName,
    EnrolmentFault::UnknownCourse,
    EnrolmentFault::NoSuchDay,
    EnrolmentFault::Ragged,
];

impl EnrolmentFault {
    /// What it is to the pipeline of students, which reads neither course nor day.
    fn of_student(self) -> Option<&'static str> {
        match self {
            EnrolmentFault::BadEmail => Some("rule.email"),
            EnrolmentFault::NoName => Some("rule.required"),
            EnrolmentFault::UnknownCourse | EnrolmentFault::NoSuchDay => None,
            EnrolmentFault::Ragged => Some("csv.ragged"),
        }
    }

    /// What it is to the pipeline of enrolments, after that of students.
    fn of_enrolment(self) -> &'static str {
        match self {
            EnrolmentFault::BadEmail => "rule.email",
            EnrolmentFault::NoName | EnrolmentFault::UnknownCourse => "lookup.none",
            EnrolmentFault::NoSuchDay => "type.date",
            EnrolmentFault::Ragged => "csv.ragged",
        }
    }
}

fn enrolment_fault(order: &Order, student: u64) -> Option<EnrolmentFault> {
    FaultPlan::new(order.faults, ENROLMENT_FAULTS).at(student)
}

/// One course each, so that a student is known by one record.
fn enrolments(order: &Order) -> Result<MadeFile> {
    let name = "enrolments.csv";
    let mut out = TextFile::create(order, name)?;
    out.line(b"Email;Name;Course;Enrolled on")?;
    let mut students = Expected::of("learning/students");
    let mut enrolments = Expected::of("learning/enrolments");
    for student in 0..order.rows {
        let fault = enrolment_fault(order, student);
        students.record(fault.and_then(EnrolmentFault::of_student));
        enrolments.record(fault.map(EnrolmentFault::of_enrolment));
        let mut random = Random::new(order.seed ^ 0x1EA2, student);
        let (family, given) = random.person();
        let email = match fault {
            Some(EnrolmentFault::BadEmail) => format!("student{student}(at)example.org"),
            _ => email(student),
        };
        let person = match fault {
            Some(EnrolmentFault::NoName) => String::new(),
            _ => format!("{given} {family}"),
        };
        let course = match fault {
            Some(EnrolmentFault::UnknownCourse) => "ASTR-9",
            _ => course(student),
        };
        let day = match fault {
            Some(EnrolmentFault::NoSuchDay) => "31/09/2024".to_owned(),
            _ => format!("{:02}/09/2024", random.between(1, 30)),
        };
        let more = if fault == Some(EnrolmentFault::Ragged) { ";late" } else { "" };
        out.line(format!("{email};{person};{course};{day}{more}").as_bytes())?;
    }
    out.finish()?;
    Ok(MadeFile { file: name.to_owned(), expected: vec![students, enrolments] })
}

/// What is wrong with an attempt at a quiz.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum QuizFault {
    Syntax,
    Negative,
    UnknownStudent,
    BadId,
    LateWeek,
    BadMoment,
}

const QUIZ_FAULTS: &[QuizFault] = &[
    QuizFault::Syntax,
    QuizFault::Negative,
    QuizFault::UnknownStudent,
    QuizFault::BadId,
    QuizFault::LateWeek,
    QuizFault::BadMoment,
];

fn quizzes(order: &Order) -> Result<MadeFile> {
    let name = "quizzes.jsonl";
    let mut out = TextFile::create(order, name)?;
    let mut expected = Expected::of("learning/quizzes");
    let faults = FaultPlan::new(order.faults, QUIZ_FAULTS);
    let known = (0..order.rows).filter(|student| {
        enrolment_fault(order, *student).and_then(EnrolmentFault::of_student).is_none()
    });
    for student in known {
        let fault = faults.at(expected.records);
        expected.record(fault.map(|fault| match fault {
            QuizFault::Syntax => "json.syntax",
            QuizFault::Negative => "rule.minimum",
            QuizFault::UnknownStudent => "lookup.none",
            QuizFault::BadId => "type.uuid",
            QuizFault::LateWeek => "rule.maximum",
            QuizFault::BadMoment => "type.timestamptz",
        }));
        let mut random = Random::new(order.seed ^ 0x9012, student);
        let id = if fault == Some(QuizFault::BadId) { "none".to_owned() } else { random.uuid() };
        let email = match fault {
            Some(QuizFault::UnknownStudent) => format!("guest{student}@example.org"),
            _ => email(student),
        };
        let week = match fault {
            Some(QuizFault::LateWeek) => 60,
            _ => random.between(1, WEEKS),
        };
        let sign = if fault == Some(QuizFault::Negative) { "-" } else { "" };
        let score = random.between(1, 100);
        let at = match fault {
            Some(QuizFault::BadMoment) => "yesterday".to_owned(),
            _ => format!("{}T{:02}:15:00Z", random.day(2024), random.between(8, 21)),
        };
        let close = if fault == Some(QuizFault::Syntax) { "" } else { "}" };
        let (right, course) = (score > 50, course(student));
        let line = format!(
            r#"{{"id":"{id}","student":{{"email":"{email}"}},"course":"{course}","week":{week},"result":{{"score":{sign}{score},"of":100}},"questions":[{{"n":1,"answers":["b","c"],"right":{right}}}],"feedback":{{"by":"tutor","text":"week {week}"}},"at":"{at}"{close}"#
        );
        out.line(line.as_bytes())?;
    }
    out.finish()?;
    Ok(MadeFile { file: name.to_owned(), expected: vec![expected] })
}

/// What is wrong with a material.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MaterialFault {
    BadUrl,
    UnknownKind,
    UnknownCourse,
    NotAvailable,
}

const MATERIAL_FAULTS: &[MaterialFault] = &[
    MaterialFault::BadUrl,
    MaterialFault::UnknownKind,
    MaterialFault::UnknownCourse,
    MaterialFault::NotAvailable,
];

fn materials(order: &Order) -> Result<MadeFile> {
    let name = "materials.xlsx";
    let path = order.folder.join(name);
    let failed = |cause: XlsxError| cannot_write(&path, cause);
    let header = ["Course", "Kind", "Title", "URL", "Pages"];
    let mut sheet =
        SheetFile::start("Materials", "What to read and watch", &header).map_err(failed)?;
    let mut expected = Expected::of("learning/materials");
    let faults = FaultPlan::new(order.faults, MATERIAL_FAULTS);
    for place in 0..order.rows {
        let fault = faults.at(place);
        expected.record(fault.map(|fault| match fault {
            MaterialFault::BadUrl => "rule.url",
            MaterialFault::UnknownKind => "rule.map",
            MaterialFault::UnknownCourse => "lookup.none",
            MaterialFault::NotAvailable => "sheet.error",
        }));
        let mut random = Random::new(order.seed ^ 0x3A7E, place);
        let url = match fault {
            Some(MaterialFault::BadUrl) => format!("materials/{place}.pdf"),
            _ => format!("https://example.org/materials/{place}.pdf"),
        };
        let kind = match fault {
            Some(MaterialFault::UnknownKind) => "tape",
            _ => random.pick(&["PDF", "Video", "Link"]),
        };
        let course = match fault {
            Some(MaterialFault::UnknownCourse) => "ASTR-9",
            _ => course(place),
        };
        let pages = u32::try_from(random.between(1, 90)).unwrap_or(1);
        let title = format!("Reading {place}");
        let cells = [
            Cell::Text(course),
            Cell::Text(kind),
            match fault {
                Some(MaterialFault::NotAvailable) => Cell::NotAvailable,
                _ => Cell::Text(&title),
            },
            Cell::Text(&url),
            Cell::Number(f64::from(pages)),
        ];
        sheet.row(&cells).map_err(failed)?;
    }
    sheet.save(order, name)?;
    Ok(MadeFile { file: name.to_owned(), expected: vec![expected] })
}
