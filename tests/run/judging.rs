//! What only the database can judge: computed columns, checks, uniqueness; several targets.

use super::workspace::{Workspace, codes, counts, first};

const TABLES: &str = "
create table person (id int primary key, first text, last text, full_name text, born date, died date, ratio int);
create table nickname (person_id int not null references person, nick text not null, primary key (person_id, nick))";

fn pipeline(extra_columns: &str, extra: &str) -> String {
    format!(
        r#"
[source]
format = "csv"
path = "$DIR/people.csv"

[[target]]
table = "public.person"
mode = "upsert"
key = ["id"]
[target.columns]
id = {{ from = "id" }}
first = {{ from = "first" }}
last = {{ from = "last" }}
born = {{ from = "born" }}
died = {{ from = "died" }}
{extra_columns}
{extra}
"#
    )
}

#[tokio::test]
async fn computed_columns_and_checks_see_the_staged_row() {
    let space = Workspace::with(TABLES).await;
    space.write("people.csv", "id,first,last,born,died\n1,Ana,Lima,1900-01-01,1980-02-03\n2,Rui,Sá,1950-01-01,1940-01-01\n3,Eva,,,\n");
    let toml = pipeline(
        "full_name = { sql = \"first || ' ' || coalesce(last, '?')\" }",
        "[[target.check]]\nsql = \"born <= died\"\nmessage = \"died before birth\"",
    );
    let summary = space.run(&toml).await;
    assert_eq!(
        (first(&summary), codes(&summary)),
        ([3, 0, 1, 0, 2, 0, 0], vec![("rule.check", 1)])
    );
    assert_eq!(
        space.value("select string_agg(full_name, ',' order by id) from person").await,
        "Ana Lima,Eva ?"
    );
    let lines = space.rejections(&summary);
    assert!(lines[0].contains(",3,2,,rule.check,died before birth,,public.person"), "{lines:?}");
    let rejected = space.read(format!("reports/{}/rejected/people.csv", summary.run));
    assert!(rejected.ends_with("\n2,Rui,Sá,1950-01-01,1940-01-01\n"), "{rejected}");
}

#[tokio::test]
async fn sql_that_fails_for_one_record_rejects_that_one() {
    let space = Workspace::with(TABLES).await;
    space.write("people.csv", "id,first,last,born,died\n1,a,b,,\n7,a,b,,\n3,a,b,,\n");
    let summary = space.run(&pipeline("ratio = { sql = \"100 / (id - 7)\" }", "")).await;
    assert_eq!((first(&summary), codes(&summary)), ([3, 0, 1, 0, 2, 0, 0], vec![("sql.error", 1)]));
    assert_eq!(
        space.value("select string_agg(ratio::text, ',' order by id) from person").await,
        "-16,-25"
    );
}

#[tokio::test]
async fn unique_values_are_judged_over_the_run() {
    let space = Workspace::with(TABLES).await;
    space.write(
        "people.csv",
        "id,first,last,born,died\n1,a,x,,\n2,b,y,,\n3,c,x,,\n4,d,,,\n5,e,,,\n",
    );
    let toml = pipeline("", "")
        .replace("last = { from = \"last\" }", "last = { from = \"last\", unique = true }");
    let summary = space.run(&toml).await;
    assert_eq!(
        (first(&summary), codes(&summary)),
        ([5, 0, 2, 0, 3, 0, 0], vec![("rule.unique", 2)])
    );
}

#[tokio::test]
async fn a_record_goes_into_all_its_targets_or_none() {
    let space = Workspace::with(TABLES).await;
    space.write(
        "people.csv",
        "id,first,last,born,died\n1,Ana,Ninha,,\n2,Rui,,,\n3,Eva,x,bad,\n4,Ivo,way too long,,\n",
    );
    let toml = pipeline(
        "",
        r#"
[[target]]
table = "public.nickname"
mode = "upsert"
key = ["person_id", "nick"]
when = { last = { required = true } }
[target.columns]
person_id = { from = "id" }
nick = { from = "last", max_length = 5 }
"#,
    );
    let summary = space.run(&toml).await;
    assert_eq!(counts(&summary.tables[0].tally), [4, 0, 2, 0, 2, 0, 0]);
    assert_eq!(counts(&summary.tables[1].tally), [4, 1, 2, 0, 1, 0, 0]);
    assert_eq!(
        space.value("select string_agg(id::text, ',' order by id) from person").await,
        "1,2"
    );
    assert_eq!(summary.rejections.records, 2);
}
