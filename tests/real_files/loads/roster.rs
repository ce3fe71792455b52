//! Rosters: archives of tables, several tables of one delivery, old line ends.

use super::Delivery;

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
