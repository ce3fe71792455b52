//! The flat roster: one row in five tables, every tally closed, every planted fault found.

use longshore::outcome::Tally;

use super::loads::{Demo, NOTHING, codes, fact, tallies};
use crate::support::{Part, is_left_out};

#[tokio::test]
async fn one_flat_row_becomes_student_guardians_family_course_and_enrolment() {
    if is_left_out(Part::Postgis, "the shipped tables have geometries") {
        return;
    }
    let demo = Demo::start().await;
    let summary = demo.run("school/roster", false).await;
    let client = demo.database.client().await;
    assert_eq!(
        codes(&summary),
        [
            ("constraint.foreign_key", 2),
            ("rule.duplicate_key", 2),
            ("rule.map", 1),
            ("rule.not_null", 1),
            ("rule.pattern", 1),
            ("rule.phone", 1),
            ("type.date", 2),
        ]
    );
    assert!(summary.tables.iter().all(|table| table.tally.closes()));
    let of = |name: &str| {
        tallies(&summary)
            .into_iter()
            .filter(move |(table, _)| *table == name)
            .map(|(_, tally)| tally)
            .collect::<Vec<_>>()
    };
    let [student] = of("school.student")[..] else { panic!("one target") };
    assert_eq!(student, Tally { read: 240, rejected: 10, duplicate: 1, inserted: 229, ..NOTHING });
    for table in ["student", "family_info", "enrollment"] {
        assert_eq!(fact(&client, &format!("select count(*) from school.{table}")).await, "229");
    }
    let guardians = of("school.guardian");
    let inserted: u64 = guardians.iter().map(|tally| tally.inserted).sum();
    assert_eq!(guardians.len(), 2);
    assert_eq!(fact(&client, "select count(*) from school.guardian").await, inserted.to_string());
    let [course] = of("school.course")[..] else { panic!("one target") };
    let courses = fact(&client, "select count(*) from school.course").await;
    assert_eq!(courses, course.inserted.to_string());
    // 229 pupils, and the one that comes twice.
    let merged = 230 - course.inserted;
    assert_eq!((course.duplicate, course.merged, course.unchanged), (0, merged, merged));
    let kept_apart = "select count(*) from school.enrollment e join school.student s using (student_id)
        join school.course c using (course_id) where s.class = c.grade and s.class_id = c.grade || c.section";
    assert_eq!(fact(&client, kept_apart).await, "229");

    let again = demo.run("school/roster", true).await;
    for (table, tally) in tallies(&again) {
        assert_eq!((tally.inserted, tally.updated, tally.deleted), (0, 0, 0), "{table}");
    }
}
