//! The plan as people read it, snapshotted.

use longshore::{
    plan::explain,
    run::prepare::{bind_files, find_files, read_tables},
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
