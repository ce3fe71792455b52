//! Rosters: archives of tables, several tables of one delivery, old line ends.

use longshore::report::{RunStatus, RunSummary};

use super::Delivery;
use crate::run::workspace::{Workspace, codes};

#[tokio::test]
async fn a_course_list_with_the_line_ends_of_an_old_machine() {
    let delivery = Delivery {
        tables: "create table course (code text, section int, department text not null, instructor text)",
        pipeline: r##"
[source]
format = "csv"
path = "$DATA/roster/canvas_sis/course_list.csv"
[[target]]
table = "public.course"
mode = "append"
[target.columns]
code = { from = "Course ID", required = true }
section = { from = "Section" }
department = { from = "Department" }
instructor = { from = "Instructor" }
"##,
        tally: [635, 0, 0, 0, 635, 0, 0],
        codes: &[],
        facts: &[
            ("select count(*) from course where department = 'Nursing'", "102"),
            ("select count(*) from course where instructor is null", "48"),
        ],
    };
    delivery.check().await;
}

#[tokio::test]
async fn enrollments_from_an_archive_of_tables() {
    let delivery = Delivery {
        tables: "create table enrollment (id text primary key, role text, main boolean,
            modified timestamptz, begins date, ends date)",
        pipeline: r#"
[source]
format = "csv"
path = "$DATA/roster/oneroster_catalyst/Test_full_data_set.zip"
member = "enrollments.csv"
[[target]]
table = "public.enrollment"
mode = "upsert"
key = ["id"]
[target.columns]
id = { from = "sourcedId" }
role = { from = "role", enum = ["student", "teacher"] }
main = { from = "primary" }
modified = { from = "dateLastModified" }
begins = { from = "beginDate" }
ends = { from = "endDate" }
[[target.check]]
sql = "begins <= ends"
"#,
        tally: [6, 0, 0, 0, 6, 0, 0],
        codes: &[],
        facts: &[
            ("select count(*) from enrollment where role = 'student'", "4"),
            ("select max(modified) at time zone 'UTC' from enrollment", "2023-05-01 18:25:43.511"),
        ],
    };
    delivery.check().await;
}

#[tokio::test]
async fn roles_in_every_spelling_and_personal_columns() {
    let delivery = Delivery {
        tables: "create table member (id text primary key, role text not null, grade text,
            name text, extra jsonb)",
        pipeline: r#"
[source]
format = "csv"
path = "$DATA/roster/ms_sds/SDS v2/users.csv"
[[target]]
table = "public.member"
mode = "upsert"
key = ["id"]
[target.columns]
id = { from = "sourcedId" }
role = { from = "role", steps = ["lower"], enum = ["student", "teacher", "staff", "faculty"] }
grade = { from = "grade" }
name = { from = ["givenName", "familyName"], sensitive = true }
extra = { rest = true, sensitive = true }
"#,
        tally: [29, 0, 3, 0, 26, 0, 0],
        codes: &[("rule.enum", 3)],
        facts: &[
            ("select count(*) from member where role = 'student'", "22"),
            ("select count(*) from member where extra ? 'username' and not extra ? 'grade'", "26"),
        ],
    };
    let Some((space, summary)) = delivery.check().await else { return };
    assert_eq!(space.rejections(&summary).len(), 3);
}

#[tokio::test]
async fn a_roster_of_references_is_closed() {
    let delivery = Delivery {
        tables: "create table enrollment (section text, student text, primary key (section, student))",
        pipeline: r#"
[source]
format = "csv"
path = "$DATA/roster/ms_sds/UK Format/25 Users/StudentEnrollment.csv"
[[target]]
table = "public.enrollment"
mode = "insert"
key = ["section", "student"]
[target.columns]
section = { from = "Section ID" }
student = { from = "ID" }
"#,
        tally: [154, 0, 0, 0, 154, 0, 0],
        codes: &[],
        facts: &[("select count(distinct student) from enrollment", "22")],
    };
    delivery.check().await;
}

/// The shipped pipeline over a delivery, on the shipped tables.
async fn roster(pipeline: &str, path: &str) -> Option<(Workspace, RunSummary)> {
    let data = crate::real_files::data()?.join("roster").join(path);
    let project = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let read =
        |path: &str| std::fs::read_to_string(project.join(path)).expect("a file of the project");
    let tables = read("migrations/20261101122000_school.up.sql")
        + &read("migrations/20261121110000_school_rosters.up.sql");
    let space = Workspace::with(&tables).await;
    let mut toml = read(&format!("pipelines/school/{pipeline}.toml"));
    let written = toml.lines().find(|line| line.starts_with("path")).expect("a path").to_owned();
    toml = toml.replace(&written, &format!("path = \"{}\"", data.display()));
    let summary = space.run(&toml).await;
    assert_eq!(summary.status, RunStatus::Published);
    assert_eq!(space.run(&toml).await.status, RunStatus::Unchanged);
    Some((space, summary))
}

/// Of each table with records: read, rejected, inserted.
fn loaded(summary: &RunSummary) -> Vec<(&str, [u64; 3])> {
    let tables = summary.tables.iter().filter(|table| table.tally.read > 0);
    tables
        .map(|table| {
            let tally = table.tally;
            (table.table.as_str(), [tally.read, tally.rejected, tally.inserted])
        })
        .collect()
}

/// Its classes are of courses that the manifest declares absent, so neither they nor their
/// enrollments can be loaded; everything else is.
#[tokio::test]
async fn a_oneroster_archive_without_its_courses_loads_all_but_the_classes() {
    let Some((_, summary)) =
        roster("oneroster", "oneroster_catalyst/Test_minimal_data_set.zip").await
    else {
        return;
    };
    let expected = [
        ("school.roster_org", [1, 0, 1]),
        ("school.roster_session", [5, 0, 5]),
        ("school.roster_class", [2, 2, 0]),
        ("school.roster_user", [6, 0, 6]),
        ("school.roster_enrollment", [6, 6, 0]),
    ];
    assert_eq!(loaded(&summary), expected);
    assert_eq!(codes(&summary), [("constraint.foreign_key", 8)]);
}

/// The only organisation has a parent that is nowhere; sessions and classes refer to rows that
/// are nowhere too. Users do not, and go in.
#[tokio::test]
async fn a_oneroster_archive_with_dangling_references_is_refused_record_by_record() {
    let Some((space, summary)) =
        roster("oneroster", "oneroster_catalyst/Test_full_data_set.zip").await
    else {
        return;
    };
    assert_eq!(space.value("select count(*) from school.roster_org").await, "0");
    assert_eq!(space.value("select count(*) from school.roster_class").await, "0");
    assert_eq!(space.value("select count(*) from school.roster_user").await, "6");
    assert!(codes(&summary).iter().any(|(code, _)| *code == "constraint.foreign_key"));
}

#[tokio::test]
async fn a_school_data_sync_folder_is_loaded_as_one() {
    let Some((_, summary)) = roster("sds", "ms_sds/SDS v2").await else { return };
    let expected = [
        ("school.sds_org", [5, 0, 5]),
        ("school.sds_user", [29, 0, 29]),
        ("school.sds_class", [4, 0, 4]),
        ("school.sds_enrollment", [29, 0, 29]),
    ];
    assert_eq!(loaded(&summary), expected);
    assert_eq!(summary.bundle.expect("a bundle").absent, ["roles"]);
}

const SDS_V1: &str = r#"
[bundle]
path = "$FOLDER"
[[file]]
name = "School"
[[file]]
name = "Section"
[[file]]
name = "Student"
[[file]]
name = "Teacher"
[[file]]
name = "StudentEnrollment"
[[file]]
name = "TeacherRoster"
[[target]]
table = "public.school"
from = "School"
mode = "mirror"
key = ["id"]
columns = { id = { from = "SIS ID", aliases = ["DfE Number"] }, name = { from = "Name" } }
[[target]]
table = "public.section"
from = "Section"
mode = "mirror"
key = ["id"]
columns = { id = { from = "SIS ID", aliases = ["ID"] }, school = { from = "School SIS ID", aliases = ["School DfE Number"] }, name = { from = "Section Name" } }
[[target]]
table = "public.student"
from = "Student"
mode = "mirror"
key = ["id"]
columns = { id = { from = "SIS ID", aliases = ["ID"] }, school = { from = "School SIS ID", aliases = ["School DfE Number"] } }
[[target]]
table = "public.teacher"
from = "Teacher"
mode = "mirror"
key = ["id"]
columns = { id = { from = "SIS ID", aliases = ["ID"] }, school = { from = "School SIS ID", aliases = ["School DfE Number"] } }
[[target]]
table = "public.attends"
from = "StudentEnrollment"
mode = "mirror"
key = ["section", "student"]
columns = { section = { from = "Section SIS ID", aliases = ["Section ID"] }, student = { from = "SIS ID", aliases = ["ID"] } }
[[target]]
table = "public.teaches"
from = "TeacherRoster"
mode = "mirror"
key = ["section", "teacher"]
columns = { section = { from = "Section SIS ID", aliases = ["Section ID"] }, teacher = { from = "SIS ID", aliases = ["ID"] } }
"#;

/// The six files of School Data Sync's first format, in three variants.
#[tokio::test]
async fn school_data_sync_folders_of_the_first_format() {
    let Some(data) = crate::real_files::data() else { return };
    let tables = "create table school (id text primary key, name text not null);
        create table section (id text primary key, school text not null references school, name text not null);
        create table student (id text primary key, school text not null references school);
        create table teacher (id text primary key, school text not null references school);
        create table attends (section text references section, student text references student, primary key (section, student));
        create table teaches (section text references section, teacher text references teacher, primary key (section, teacher))";
    for (folder, rows) in [
        ("SDS Format/25 Users", [2, 2, 22, 2, 44, 2]),
        ("SDS Format/Min Required Attributes", [2, 2, 22, 2, 44, 2]),
        ("UK Format/25 Users", [2, 28, 22, 2, 154, 4]),
    ] {
        let path = data.join("roster/ms_sds").join(folder);
        let toml = SDS_V1.replace("$FOLDER", &path.display().to_string());
        let space = Workspace::with(tables).await;
        let summary = space.run(&toml).await;
        let inserted: Vec<u64> = summary.tables.iter().map(|table| table.tally.inserted).collect();
        assert_eq!((inserted, codes(&summary)), (rows.to_vec(), vec![]), "{folder}");
    }
}
