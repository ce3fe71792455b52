//! Wide to long: mark books with a column per subject, registers with a column per day.

use longshore::run::{LoadOptions, Stop};
use rust_xlsxwriter::{Format, Workbook};

use super::workspace::{How, Workspace, codes, counts, first};

const MARKS: &str = "create table mark (
    student text, subject text, grade numeric(4,2) check (grade <= 10), primary key (student, subject));
    create table pupil (code text primary key, name text)";

const MARK_BOOK: &str = r#"
[source]
format = "csv"
path = "$DIR/marks*.csv"

[[target]]
table = "public.pupil"
mode = "upsert"
key = ["code"]
[target.columns]
code = { from = "ID" }
name = { from = "Name", sensitive = true }

[[target]]
table = "public.mark"
mode = "mirror"
key = ["student", "subject"]
scope = ["student"]
unpivot = { columns = "^(Math|Khmer|Physics)$", name = "subject", value = "grade" }
[target.columns]
student = { from = "ID" }
subject = { from = "subject", steps = ["lower"] }
grade = { from = "grade", minimum = 0 }
"#;

#[tokio::test]
async fn a_record_gives_a_row_for_each_cell_and_goes_in_whole_or_not_at_all() {
    let space = Workspace::with(MARKS).await;
    space.write(
        "marks.csv",
        "ID,Name,Math,Khmer,Total,Physics\n\
         1,Ana,7.5,8,15.5,\n\
         2,Bo,x,9,9,4\n\
         3,Cy,, ,0,\n\
         4,Di,10,11,21,3\n\
         5,Ed,1,2\n\
         6,Fa,-1,y,0,1\n\
         7,Gi,1,2,6,3\n",
    );
    let summary = space.run(MARK_BOOK).await;
    let [pupils, marks] = [0, 1].map(|table| counts(&summary.tables[table].tally));
    // Rejected: 2 and 6 by values, 4 by the table's CHECK, 5 for it cannot be decoded.
    assert_eq!(pupils, [7, 0, 4, 0, 3, 0, 0]);
    // 7 × 3 cells: four are empty; 2, 4, 5 and 6 lose all theirs.
    assert_eq!(marks, [21, 4, 12, 0, 5, 0, 0]);
    assert_eq!(
        codes(&summary),
        [("constraint.check", 1), ("csv.ragged", 1), ("rule.minimum", 1), ("type.numeric", 2)]
    );
    let lines = space.rejections(&summary).join("\n");
    for place in ["(column 3 `Math`)", "(column 4 `Khmer`)"] {
        assert!(lines.contains(place), "{lines}");
    }
    let check = lines.lines().find(|line| line.contains("constraint.check")).expect("the check");
    assert!(check.contains(",5,4,") && check.contains("column 4 `Khmer`"), "{check}");
    let all = "select string_agg(concat_ws(' ', student, subject, grade), '; ' order by student, subject) from mark";
    assert_eq!(
        space.value(all).await,
        "1 khmer 8.00; 1 math 7.50; 7 khmer 2.00; 7 math 1.00; 7 physics 3.00"
    );
}

#[tokio::test]
async fn a_cell_that_is_cleared_deletes_its_row_and_a_rejected_record_keeps_all_of_its() {
    let space = Workspace::with(MARKS).await;
    space.write("marks.csv", "ID,Name,Math,Khmer,Physics\n1,Ana,7,8,9\n2,Bo,7,8,9\n");
    assert_eq!(first(&space.run(MARK_BOOK).await), [2, 0, 0, 0, 2, 0, 0]);
    space.write("marks.csv", "ID,Name,Math,Khmer,Physics\n1,Ana,7,,5\n2,Bo,x,1,2\n");
    let how = |definition: &str| format!("{definition}\n[limits]\ndeleted = 2\n");
    let summary = space.run(&how(MARK_BOOK)).await;
    let marks = &summary.tables[1].tally;
    assert_eq!((counts(marks), marks.deleted), ([6, 1, 3, 0, 0, 1, 1], 1));
    let all = "select string_agg(student || subject || round(grade), ' ' order by student, subject) from mark";
    assert_eq!(space.value(all).await, "1math7 1physics5 2khmer8 2math7 2physics9");
}

#[tokio::test]
async fn rows_are_the_same_for_any_number_of_threads_and_any_splits() {
    let mut lines = "ID,Name,Math,Khmer,Physics\n".to_owned();
    for record in 0..6_000 {
        let khmer = if record % 7 == 0 { "" } else { "5" };
        let math = if record % 500 == 3 { "bad" } else { "6" };
        lines.push_str(&format!(
            "{},name {record},{math},{khmer},{}\n",
            record % 5_000,
            record % 9
        ));
    }
    let definition = MARK_BOOK.replace(
        "[target.columns]\nstudent",
        "duplicates = { keep = \"last\" }\n[target.columns]\nstudent",
    );
    let definition = definition.replacen(
        "[target.columns]",
        "duplicates = { keep = \"last\" }\n[target.columns]",
        1,
    );
    let mut results = Vec::new();
    for (threads, connections, split_bytes) in [(1, 1, 4 << 20), (4, 3, 16 << 10)] {
        let space = Workspace::with(MARKS).await;
        space.write("marks.csv", &lines);
        let options = LoadOptions { threads, connections, split_bytes };
        let summary = space.run_how(&definition, How { options, ..How::default() }).await;
        let digest = "select md5(string_agg(m::text, ',' order by student, subject)) from mark m";
        let tallies: Vec<_> = summary.tables.iter().map(|table| counts(&table.tally)).collect();
        assert_eq!(tallies[1][0], 18_000);
        let folder = space.folder.path().display().to_string();
        let rejections: Vec<_> =
            space.rejections(&summary).iter().map(|line| line.replace(&folder, "")).collect();
        assert_eq!(rejections.len(), 12);
        results.push((space.value(digest).await, tallies, rejections));
    }
    assert_eq!(results[0], results[1]);
}

const REGISTER: &str = r#"
[source]
format = "csv"
path = "$DIR/register-*.csv"
header = [1, 2]

[[target]]
table = "public.attendance"
mode = "upsert"
key = ["student", "day"]
unpivot = { columns = '^\w+ \d{4} \d+$', name = "date", value = "letter" }
[target.columns]
student = { from = "Student ID" }
day = { from = "date", format = "%B %Y %-d" }
status = { from = "letter", steps = ["trim", "upper"], map = { P = "Present", A = "Absent", L = "Late", E = "Excused" } }
"#;

const ATTENDANCE: &str = "create table attendance (student text, day date, status text not null, primary key (student, day))";

#[tokio::test]
async fn days_come_from_two_header_rows_and_each_file_has_its_own() {
    let space = Workspace::with(ATTENDANCE).await;
    space.write(
        "register-1.csv",
        "Student,,October 2024,,November 2024,Remarks\nID,Name,30,31,1,\n1,Ana,P,a,L,late bus\n2,Bo,,E, ,\n",
    );
    space.write("register-2.csv", "Student,,December 2024\nID,Name,24\n1,Ana,P\n3,Cy,Q\n");
    let summary = space.run(REGISTER).await;
    assert_eq!(first(&summary), [8, 2, 1, 0, 5, 0, 0]);
    assert_eq!(codes(&summary), [("rule.map", 1)]);
    let rejected = &space.rejections(&summary)[0];
    assert!(rejected.contains("column 3 `December 2024 24`"), "{rejected}");
    let all = "select string_agg(concat_ws(' ', student, day, status), '; ' order by student, day) from attendance";
    assert_eq!(
        space.value(all).await,
        "1 2024-10-30 Present; 1 2024-10-31 Absent; 1 2024-11-01 Late; 1 2024-12-24 Present; 2 2024-10-31 Excused"
    );
    let report = std::path::PathBuf::from(summary.rejections.report.expect("a report"));
    let rejected = std::fs::read_to_string(report.join("rejected/2/register-2.csv"));
    assert_eq!(rejected.expect("the record"), "Student,,December 2024\nID,Name,24\n3,Cy,Q\n");
}

#[tokio::test]
async fn a_day_that_is_none_is_found_in_the_header_with_its_column() {
    let space = Workspace::with(ATTENDANCE).await;
    let refused = async |first: &str| {
        space.write("register-1.csv", format!("Student,{first}\nID,1,31\n1,P,P\n"));
        match space.try_run(REGISTER, How::default()).await {
            Err(Stop::Findings(findings)) => findings
                .iter()
                .map(|finding| format!("{}: {}", finding.code, finding.message))
                .collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        }
    };
    let found = refused("November 2024,").await;
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("bind.unpivot_header")
            && found[0].contains("line 2, column 3 `November 2024 31`"),
        "{found:?}"
    );
    let found = refused("Autumn,Winter").await;
    assert!(found[0].starts_with("bind.unpivot: no column of"), "{found:?}");
}

#[tokio::test]
async fn merged_cells_and_dates_of_a_workbook_name_its_columns() {
    let space = Workspace::with(ATTENDANCE).await;
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    let plain = Format::new();
    sheet.write_string(0, 0, "Student").expect("written");
    sheet.merge_range(0, 1, 0, 2, "October 2024", &plain).expect("merged");
    sheet.write_string(1, 0, "ID").expect("written");
    sheet.write_number(1, 1, 30).expect("written");
    sheet.write_number(1, 2, 31).expect("written");
    for (row, (id, first, second)) in (2..).zip([("1", "P", "A"), ("2", "L", "?")]) {
        for (column, text) in (0..).zip([id, first, second]) {
            sheet.write_string(row, column, text).expect("written");
        }
    }
    workbook.save(space.folder.path().join("register.xlsx")).expect("saved");
    let definition =
        REGISTER.replace("\"csv\"", "\"xlsx\"").replace("register-*.csv", "register.xlsx");
    let summary = space.run(&definition).await;
    assert_eq!(first(&summary), [4, 0, 2, 0, 2, 0, 0]);
    // The rejected record is a workbook with both rows of the header: corrected or not, it is read again.
    let report = std::path::PathBuf::from(summary.rejections.report.expect("a report"));
    std::fs::copy(report.join("rejected/register.xlsx"), space.folder.path().join("register.xlsx"))
        .expect("copied");
    assert_eq!(first(&space.run(&definition).await), [2, 0, 2, 0, 0, 0, 0]);
}

#[tokio::test]
async fn named_groups_of_the_pattern_are_fields_and_empty_cells_can_be_kept() {
    let table = "create table term_mark (student text, subject text, term text, grade int, extra jsonb, primary key (student, subject, term))";
    let space = Workspace::with(table).await;
    space.write("wide.csv", "ID,Math S1,Math S2,Art S1,Room\n1,5,,7,12\n");
    let summary = space
        .run(
            r#"
[source]
format = "csv"
path = "$DIR/wide.csv"
[[target]]
table = "public.term_mark"
mode = "insert"
key = ["student", "subject", "term"]
when = { term = { enum = ["S1", "S2"] }, subject = { required = true } }
[target.unpivot]
columns = '^(?<subject>\w+) (?<term>S\d)$'
name = "column"
value = "grade"
keep_empty = true
[target.columns]
student = { from = "ID" }
subject = { from = "subject" }
term = { from = "term" }
grade = { from = "grade" }
extra = { rest = true }
"#,
        )
        .await;
    assert_eq!(first(&summary), [3, 0, 0, 0, 3, 0, 0]);
    let all = "select string_agg(concat_ws(' ', student, subject, term, grade, extra), '; ' order by subject, term) from term_mark";
    assert_eq!(
        space.value(all).await,
        r#"1 Art S1 7 {"Room": "12"}; 1 Math S1 5 {"Room": "12"}; 1 Math S2 {"Room": "12"}"#
    );
}
