//! The plan as people read it, snapshotted.

use longshore::{
    plan::explain,
    run::{
        Stop,
        prepare::{bind_files, find_files, read_tables},
    },
};

use super::workspace::Workspace;
use crate::support::{Part, is_left_out};

const TABLES: &str = "
create extension if not exists postgis;
create table lot (lot_plan text primary key, area_m2 numeric(12,2) not null check (area_m2 > 0), zone text,
  label text, geom geometry(MultiPolygon, 4326), attributes jsonb);
create table owner (lot_plan text references lot, name text not null, share numeric, primary key (lot_plan, name))";

const PIPELINE: &str = r#"
[source]
format = "csv"
path = "$DIR/lots.csv"

[limits]
rejected = "2%"

[[target]]
table = "public.lot"
mode = "upsert"
key = ["lot_plan"]
duplicates = { max = "area_m2" }
[target.columns]
lot_plan = { from = "Lot", steps = ["trim", "upper"] }
area_m2 = { from = "Area", aliases = ["Area m2"], group_mark = "," }
zone = { from = "Zone", optional = true, unique = true }
label = { sql = "lot_plan || ' ' || zone" }
geom = { from = "Shape", crs = "EPSG:4326", invalid = "repair" }
attributes = { rest = true }
[[target.check]]
sql = "area_m2 < 1e9"

[[target]]
table = "public.owner"
mode = "insert"
key = ["lot_plan", "name"]
when = { Owner = { required = true } }
[target.columns]
lot_plan = { from = "Lot", steps = ["trim", "upper"] }
name = { from = "Owner", sensitive = true }
"#;

#[tokio::test]
async fn a_plan_says_sources_fields_columns_and_rules() {
    if is_left_out(Part::Postgis, "the plan has geometries") {
        return;
    }
    let space = Workspace::with(TABLES).await;
    space.write("lots.csv", "Lot,Area m2,Shape,Owner,Extra\n");
    let pipeline = space.pipeline(PIPELINE);
    let session = space.database.session().await;
    let found = find_files(&pipeline.definition).await.expect("the file is there");
    let (tables, names) =
        read_tables(&session, &pipeline.definition).await.expect("the tables are there");
    let bound = bind_files(&pipeline, &found, &tables, &names).expect("it binds");
    insta::assert_snapshot!(explain(&bound.plan, &[("lots.csv", 9_000_000)], 4 << 20));
}

#[tokio::test]
async fn a_plan_says_what_is_deleted_and_how() {
    if is_left_out(Part::Postgis, "the plan has geometries") {
        return;
    }
    let space =
        Workspace::with(&format!("{TABLES}; alter table owner add gone_at timestamptz")).await;
    space.write("lots.csv", "Lot,Area m2,Shape,Owner,Extra\n");
    let mirror = "mode = \"mirror\"\nscope = [\"lot_plan\"]\nsoft_delete = { column = \"gone_at\", value = \"now\" }";
    let text = PIPELINE.replace("mode = \"upsert\"", "mode = \"replace\"");
    let text = text.replace("mode = \"insert\"", mirror);
    let pipeline = space.pipeline(&text);
    let session = space.database.session().await;
    let found = find_files(&pipeline.definition).await.expect("the file is there");
    let (tables, names) =
        read_tables(&session, &pipeline.definition).await.expect("the tables are there");
    let bound = bind_files(&pipeline, &found, &tables, &names).expect("it binds");
    let plan = explain(&bound.plan, &[], 4 << 20);
    for line in [
        "replace: as upsert (lot_plan), and rows whose key is absent are deleted",
        "mirror: as upsert (lot_plan, name), and rows that share lot_plan with a record whose key is absent are marked in `gone_at`",
        "limit on deletions, in all and in each scope: 5 % of the rows",
    ] {
        assert!(plan.contains(line), "{line}: {plan}");
    }
}

#[tokio::test]
async fn a_mark_has_to_fit_its_column() {
    let space = Workspace::with(
        "create table pupil (id int primary key, at timestamptz, active bool not null, state text not null,
           made int generated always as identity)",
    )
    .await;
    space.write("pupils.csv", "id\n");
    let session = space.database.session().await;
    for (soft, said) in [
        ("column = \"att\", value = \"now\"", "no column `att`"),
        ("column = \"made\", value = 1", "no column `made` that can be written"),
        ("column = \"at\", value = true", "the value does not fit `at`"),
        ("column = \"active\", value = \"now\"", "the value does not fit `active`"),
        ("column = \"active\", value = false, present = false", "would look the same"),
        ("column = \"state\", value = \"gone\"", "accepts no NULL"),
    ] {
        let others = ["columns.active = { value = true }", "columns.state = { value = \"here\" }"];
        let marked = soft.split('"').nth(1).expect("a column");
        let others = others.iter().filter(|column| !column.contains(marked));
        let others: Vec<_> = others.copied().collect();
        let pipeline = space.pipeline(&format!(
            "[source]\nformat = \"csv\"\npath = \"$DIR/pupils.csv\"\n[[target]]\ntable = \"public.pupil\"\n\
             mode = \"mirror\"\nkey = [\"id\"]\nsoft_delete = {{ {soft} }}\ncolumns.id = {{ from = \"id\" }}\n{}\n",
            others.join("\n")
        ));
        let found = find_files(&pipeline.definition).await.expect("the file is there");
        let (tables, names) =
            read_tables(&session, &pipeline.definition).await.expect("the tables are there");
        let Err(Stop::Findings(findings)) = bind_files(&pipeline, &found, &tables, &names) else {
            panic!("{soft}: no finding")
        };
        let messages: Vec<_> = findings.iter().map(|finding| &*finding.message).collect();
        assert!(messages.iter().any(|message| message.contains(said)), "{soft}: {messages:?}");
    }
}
