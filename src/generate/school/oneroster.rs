//! OneRoster deliveries: everything in version 1.1, a delta to it, and users with their roles in
//! version 1.2.
//!
//! Of a user that is rejected nothing else is delivered, and classes that are rejected have
//! nobody in them: a fault is found where it was made, and brings no others about.

use super::{
    super::{
        Csv, Fault, MadeFile, Order, Row,
        bundle::{Bundle, Planned},
        plan::Found,
        random::Random,
        text::{HEADER_AGAIN, OTHER_END, damaged},
    },
    people::People,
};
use crate::error::Result;

/// Targets in the pipeline's order.
const TABLES: [&str; 8] = [
    "school.roster_org",
    "school.roster_session",
    "school.roster_course",
    "school.roster_class",
    "school.roster_user",
    "school.roster_role",
    "school.roster_demographics",
    "school.roster_enrollment",
];
const ORGS: (&str, usize) = ("orgs.csv", 0);
const SESSIONS: (&str, usize) = ("academicSessions.csv", 1);
const COURSES: (&str, usize) = ("courses.csv", 2);
const CLASSES: (&str, usize) = ("classes.csv", 3);
const USERS: (&str, usize) = ("users.csv", 4);
const ROLES: (&str, usize) = ("roles.csv", 5);
const DEMOGRAPHICS: (&str, usize) = ("demographics.csv", 6);
const ENROLLMENTS: (&str, usize) = ("enrollments.csv", 7);

const ORG: Csv = csv("sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId");
const SESSION: Csv = csv(
    "sourcedId,status,dateLastModified,title,type,startDate,endDate,parentSourcedId,schoolYear",
);
const COURSE: Csv =
    csv("sourcedId,status,dateLastModified,schoolYearSourcedId,title,courseCode,orgSourcedId");
const CLASS: Csv = csv(
    "sourcedId,status,dateLastModified,title,grades,courseSourcedId,classCode,classType,location,schoolSourcedId,termSourcedIds",
);
const USER: Csv = csv(
    "sourcedId,status,dateLastModified,enabledUser,username,givenName,familyName,email,phone,orgSourcedIds,role",
);
const USER_12: Csv = csv(
    "sourcedId,status,dateLastModified,enabledUser,username,givenName,familyName,email,phone,primaryOrgSourcedId,preferredGivenName",
);
const ROLE: Csv = csv(
    "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId",
);
const DEMOGRAPHIC: Csv = csv("sourcedId,status,dateLastModified,birthDate,sex");
const ENROLLMENT: Csv = csv(
    "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,endDate",
);

const fn csv(header: &'static str) -> Csv {
    Csv::of(header).with_crlf()
}

const STATUS: usize = 1;
const MODIFIED: usize = 2;

const CLASS_FAULTS: &[&[Fault<Row>]] = &[
    &[
        Fault::new("class-of-unknown-course", "constraint.foreign_key", |row, _| {
            row.set(5, "crs-99");
        }),
        Fault::new("class-of-no-type", "rule.enum", |row, _| row.set(7, "evening")),
    ],
    &damaged::<8>(),
];

const USER_FAULTS: &[&[Fault<Row>]] = &[
    BAD_USERS,
    &[
        Fault::again("again"),
        Fault::found("another-with-its-id", Found::Conflict, |row, _| row.set(6, "Other")),
    ],
    &damaged::<6>(),
    &HEADER_AGAIN,
    &OTHER_END,
];

/// Of several words on one user the last counts.
const DELTA_FAULTS: &[&[Fault<Row>]] = &[
    BAD_USERS,
    &[
        Fault::again("again"),
        Fault::found("again-otherwise", Found::Duplicate, |row, _| row.set(6, "Other")),
    ],
    &damaged::<6>(),
    &HEADER_AGAIN,
    &OTHER_END,
];

const BAD_USERS: &[Fault<Row>] = &[
    Fault::new("unknown-status", "rule.operation", |row, _| row.set(STATUS, "archived")),
    Fault::new("bad-moment", "type.timestamptz", |row, _| row.set(MODIFIED, "yesterday")),
    Fault::new("enabled-or-not", "type.boolean", |row, _| row.set(3, "perhaps")),
    Fault::new("no-family-name", "rule.not_null", |row, _| row.set(6, "")),
    Fault::new("bad-email", "rule.email", |row, _| row.set(7, "user(at)example.org")),
];

const ROLE_FAULTS: &[&[Fault<Row>]] = &[&[
    Fault::new("role-of-unknown-user", "constraint.foreign_key", |row, _| row.set(3, "usr-x")),
    Fault::new("role-of-no-type", "rule.enum", |row, _| row.set(4, "third")),
    Fault::new("role-in-unknown-org", "constraint.foreign_key", |row, _| row.set(8, "org-x")),
]];

const DEMOGRAPHIC_FAULTS: &[&[Fault<Row>]] = &[&[
    Fault::new("no-such-day", "type.date", |row, _| row.set(3, "2012-02-30")),
    Fault::new("month-first", "type.date", |row, _| row.set(3, "04/28/2012")),
    Fault::new("born-in-future", "rule.maximum", |row, _| row.set(3, "2091-04-28")),
]];

const ENROLLMENT_FAULTS: &[&[Fault<Row>]] = &[
    &[
        Fault::new("enrolled-in-unknown-class", "constraint.foreign_key", |row, _| {
            row.set(3, "cls-x");
        }),
        Fault::new("unknown-user-enrolled", "constraint.foreign_key", |row, _| {
            row.set(5, "usr-x");
        }),
        Fault::new("enrolled-as-guest", "rule.enum", |row, _| row.set(6, "guest")),
        Fault::new("no-such-day", "type.date", |row, _| row.set(8, "2024-09-31")),
        Fault::again("again"),
    ],
    &damaged::<9>(),
];

pub(super) fn oneroster(order: &Order) -> Result<Vec<MadeFile>> {
    let people = People::new(order, USER_FAULTS, CLASS_FAULTS);
    Ok(vec![bulk(order, &people)?, delta(order, &people)?, version_12(order, &people)?])
}

fn start<'o>(order: &'o Order, name: &'static str) -> Result<Bundle<'o>> {
    Bundle::zip(order, name, "school/oneroster", &TABLES)
}

/// Files that are not mentioned are absent.
fn manifest(version: &str, files: &[((&str, usize), &str)]) -> String {
    let files = files
        .iter()
        .map(|((file, _), word)| format!("file.{},{word}\r\n", file.trim_end_matches(".csv")));
    let head = "propertyName,value\r\nmanifest.version,1.0\r\noneroster.version,";
    format!("{head}{version}\r\n{}", files.collect::<String>())
}

fn bulk(order: &Order, people: &People) -> Result<MadeFile> {
    let mut bundle = start(order, "oneroster-bulk.zip")?;
    let files =
        [ORGS, SESSIONS, COURSES, CLASSES, USERS, DEMOGRAPHICS, ENROLLMENTS].map(|of| (of, "bulk"));
    bundle.manifest("manifest.csv", &manifest("1.1", &files))?;
    frame(&mut bundle)?;
    bundle.part(COURSES, COURSE, &[], 0..12, course)?;
    bundle.part(CLASSES, CLASS, CLASS_FAULTS, 0..people.class_count(), class)?;
    bundle.part(USERS, USER, USER_FAULTS, 0..people.count, |place| user(order, people, place))?;
    let birth = |place| demographics(order, place);
    bundle.part(DEMOGRAPHICS, DEMOGRAPHIC, DEMOGRAPHIC_FAULTS, people.students(), birth)?;
    let enrolled = |place| enrollment(people, place);
    bundle.part(ENROLLMENTS, ENROLLMENT, ENROLLMENT_FAULTS, people.loaded(), enrolled)?;
    bundle.finish()
}

/// Some users have another address, some are new, and some leave with all that is said of them.
fn delta(order: &Order, people: &People) -> Result<MadeFile> {
    let mut bundle = start(order, "oneroster-delta.zip")?;
    let files = [USERS, DEMOGRAPHICS, ENROLLMENTS].map(|of| (of, "delta"));
    bundle.manifest("manifest.csv", &manifest("1.1", &files))?;
    let leaves = |place: &u64| place % 30 == 17;
    let is_gone = |place| leaves(&place) && place < people.count;
    let changed = people.students().filter(|place| place % 6 == 1);
    let new = people.count..people.count + people.count / 10;
    let places = changed.chain(new).chain(people.students().filter(leaves));
    let make = |place| {
        if is_gone(place) {
            return gone::<11>(&user_id(place));
        }
        let mut row = user(order, people, place);
        row.set(STATUS, "active");
        row.set(MODIFIED, "2024-09-30T06:00:00.000Z");
        row.set(7, format!("moved{place}@example.org"));
        row
    };
    // Of a record that deletes nothing but the key is read.
    let choose = |place, fault: Planned| fault.filter(|_| !is_gone(place));
    bundle.write_part(USERS, (USER, DELTA_FAULTS), places, choose, make)?;
    let left = || people.students().filter(leaves);
    bundle.part(DEMOGRAPHICS, DEMOGRAPHIC, &[], left(), |place| gone::<5>(&user_id(place)))?;
    bundle.part(ENROLLMENTS, ENROLLMENT, &[], left(), |place| gone::<10>(&enrollment_id(place)))?;
    bundle.finish()
}

/// The same users in version 1.2, where roles are a file of their own.
fn version_12(order: &Order, people: &People) -> Result<MadeFile> {
    let mut bundle = start(order, "oneroster-1.2.zip")?;
    let files = [ORGS, SESSIONS, USERS, ROLES].map(|of| (of, "bulk"));
    bundle.manifest("manifest.csv", &manifest("1.2", &files))?;
    frame(&mut bundle)?;
    let make = |place| {
        let mut row = user(order, people, place);
        row.set(10, "");
        row
    };
    bundle.part(USERS, USER_12, USER_FAULTS, 0..people.count, make)?;
    let role = |place| {
        let (id, user) = (format!("rol-{place:08}"), user_id(place));
        let role = people.role(place);
        Row::of([&id, "", "", &user, "primary", role, "2024-08-26", "", "org-s1"])
    };
    bundle.part(ROLES, ROLE, ROLE_FAULTS, people.loaded(), role)?;
    bundle.finish()
}

/// A district with one school, a year with two terms.
fn frame(bundle: &mut Bundle<'_>) -> Result<()> {
    bundle.part(ORGS, ORG, &[], 0..2, |place| match place {
        0 => Row::of(["org-d1", "", "", "Karrawong District", "district", "0400", ""]),
        _ => Row::of(["org-s1", "", "", "Mill Lane School", "school", "0417", "org-d1"]),
    })?;
    bundle.part(SESSIONS, SESSION, &[], 0..3, |place| {
        let (from, to) = [
            ("2024-08-26", "2025-06-27"),
            ("2024-08-26", "2024-12-20"),
            ("2025-01-06", "2025-06-27"),
        ][usize::try_from(place).unwrap_or(0)];
        let (kind, parent) = if place == 0 { ("schoolYear", "") } else { ("term", "ses-0") };
        let (id, title) = (format!("ses-{place}"), format!("2024/25, part {place}"));
        Row::of([&id, "", "", &title, kind, from, to, parent, "2025"])
    })
}

fn course(place: u64) -> Row {
    let (id, title) = (format!("crs-{place}"), format!("Studies {}", place + 1));
    Row::of([&id, "", "", "ses-0", &title, &format!("STU{}", place + 1), "org-d1"])
}

fn class(place: u64) -> Row {
    let (id, course) = (format!("cls-{place}"), format!("crs-{}", place % 12));
    let (title, code) = (format!("Class {place}"), format!("C{place}"));
    let terms = "ses-1,ses-2";
    Row::of([&id, "", "", &title, "07", &course, &code, "homeroom", "Old wing", "org-s1", terms])
}

fn user_id(place: u64) -> String {
    format!("usr-{place:08}")
}

fn user(order: &Order, people: &People, place: u64) -> Row {
    let mut random = Random::new(order.seed ^ 0x0E05, place);
    let (family, given) = random.person();
    let (name, email) = (format!("user{place}"), format!("user{place}@example.org"));
    let (phone, role) = (random.phone(), people.role(place));
    let id = user_id(place);
    Row::of([&id, "", "", "true", &name, given, family, &email, &phone, "org-s1", role])
}

fn demographics(order: &Order, place: u64) -> Row {
    let mut random = Random::new(order.seed ^ 0xDE60, place);
    let year = random.between(2007, 2017);
    Row::of([&user_id(place), "", "", &random.day(year), random.pick(&["male", "female"])])
}

fn enrollment_id(place: u64) -> String {
    format!("enr-{place:08}")
}

fn enrollment(people: &People, place: u64) -> Row {
    let (id, user) = (enrollment_id(place), user_id(place));
    let class = format!("cls-{}", people.class_of(place));
    let role = people.role(place);
    let primary = if role == "teacher" { "true" } else { "" };
    let (from, to) = ("2024-08-26", "2025-06-27");
    Row::of([&id, "", "", &class, "org-s1", &user, role, primary, from, to])
}

/// A record that is to be deleted: nothing but its number and when.
fn gone<const FIELDS: usize>(id: &str) -> Row {
    let mut fields = [""; FIELDS];
    (fields[0], fields[STATUS], fields[MODIFIED]) = (id, "tobedeleted", "2024-09-30T06:00:00.000Z");
    Row::of(fields)
}
