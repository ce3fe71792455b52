//! A Microsoft School Data Sync (v2.1) folder: every sync is the whole roster.

use super::{
    super::{
        Csv, Fault, MadeFile, Order, Row,
        bundle::Bundle,
        plan::Found,
        random::Random,
        text::{HEADER_AGAIN, damaged},
    },
    people::People,
};
use crate::error::Result;

/// Targets in the pipeline's order.
const TABLES: [&str; 5] = [
    "school.sds_org",
    "school.sds_user",
    "school.sds_role",
    "school.sds_class",
    "school.sds_enrollment",
];

const ORG: Csv = Csv::of("sourcedId,name,type,parentSourcedId");
const USER: Csv = Csv::of("sourcedId,username,givenName,familyName,email,phone");
const ROLE: Csv = Csv::of("userSourcedId,orgSourcedId,role,grade,isPrimary,roleStartDate");
const CLASS: Csv = Csv::of("sourcedId,orgSourcedId,title,sessionSourcedIds");
const ENROLLMENT: Csv = Csv::of("classSourcedId,userSourcedId,role");

const USER_FAULTS: &[&[Fault<Row>]] = &[
    &[
        Fault::new("no-username", "rule.not_null", |row, _| row.set(1, "")),
        Fault::new("bad-email", "rule.email", |row, _| row.set(4, "user(at)example.org")),
        Fault::again("again"),
        Fault::found("another-with-its-id", Found::Conflict, |row, _| row.set(3, "Other")),
    ],
    &damaged::<3>(),
    &HEADER_AGAIN,
];

const ROLE_FAULTS: &[&[Fault<Row>]] = &[&[
    Fault::new("role-of-unknown-user", "constraint.foreign_key", |row, _| row.set(0, "9")),
    Fault::new("primary-or-not", "type.boolean", |row, _| row.set(4, "perhaps")),
    Fault::new("no-such-day", "type.date", |row, _| row.set(5, "2024-09-31")),
]];

const CLASS_FAULTS: &[&[Fault<Row>]] = &[
    &[
        Fault::new("class-in-unknown-org", "constraint.foreign_key", |row, _| row.set(1, "9")),
        Fault::new("no-title", "rule.not_null", |row, _| row.set(2, "")),
    ],
    &damaged::<2>(),
];

const ENROLLMENT_FAULTS: &[&[Fault<Row>]] = &[
    &[
        Fault::new("enrolled-in-unknown-class", "constraint.foreign_key", |row, _| row.set(0, "9")),
        Fault::new("unknown-user-enrolled", "constraint.foreign_key", |row, _| row.set(1, "9")),
        Fault::new("enrolled-as-nothing", "rule.not_null", |row, _| row.set(2, "")),
        Fault::again("again"),
    ],
    &damaged::<2>(),
];

pub(super) fn sds(order: &Order) -> Result<MadeFile> {
    let people = &People::new(order, USER_FAULTS, CLASS_FAULTS);
    let mut bundle = Bundle::folder(order, "sds", "school/sds", &TABLES);
    bundle.part(("orgs.csv", 0), ORG, &[], 0..2, |place| match place {
        0 => Row::of(["400", "Karrawong District", "district", ""]),
        _ => Row::of(["417", "Mill Lane School", "school", "400"]),
    })?;
    bundle
        .part(("users.csv", 1), USER, USER_FAULTS, 0..people.count, |place| user(order, place))?;
    bundle.part(("roles.csv", 2), ROLE, ROLE_FAULTS, people.loaded(), |place| {
        let grade = if people.role(place) == "teacher" { "" } else { "7" };
        Row::of([&user_id(place), "417", people.role(place), grade, "true", "2024-08-26"])
    })?;
    bundle.part(("classes.csv", 3), CLASS, CLASS_FAULTS, 0..people.class_count(), |place| {
        Row::of([&class_id(place), "417", &format!("Class {place}"), "ses-1,ses-2"])
    })?;
    bundle.part(
        ("enrollments.csv", 4),
        ENROLLMENT,
        ENROLLMENT_FAULTS,
        people.loaded(),
        |place| {
            let class = class_id(people.class_of(place));
            Row::of([&class, &user_id(place), people.role(place)])
        },
    )?;
    bundle.finish()
}

fn user_id(place: u64) -> String {
    (30_000_000 + place).to_string()
}

fn class_id(place: u64) -> String {
    (50_000_000 + place).to_string()
}

fn user(order: &Order, place: u64) -> Row {
    let mut random = Random::new(order.seed ^ 0x05D5, place);
    let (family, given) = random.person();
    let email = format!("user{place}@example.org");
    Row::of([&user_id(place), &email, given, family, &email, &random.phone()])
}
