//! Rules on rows together: overlaps, gaps, areas, sums, points in their parcels; and warnings.

use std::{fs, sync::Arc};

use longshore::{
    report::{RunStatus, RunSummary},
    run::{Stop, held, progress::Progress},
    run_id::RunId,
};

use super::workspace::{How, Workspace, codes, first};
use crate::support::{Part, is_left_out};

const PARCELS: &str = "
create extension if not exists postgis;
create table parcel (id int primary key, dataset text not null, area numeric, geom geometry(Polygon, 28356) not null);
create index on parcel using gist (geom);
create table share (parcel int not null, owner text not null, part int not null, whole int not null, primary key (parcel, owner));
create table address (id int primary key, parcel int, geom geometry(Point, 28356));";

const MODE: &str = "mode = \"upsert\"";

fn pipeline(rules: &str) -> String {
    format!(
        r#"
[source]
format = "csv"
path = "$DIR/parcels.csv"
delimiter = ";"

[[target]]
table = "public.parcel"
mode = "upsert"
key = ["id"]
[target.columns]
id = {{ from = "id" }}
dataset = {{ from = "dataset" }}
area = {{ from = "area" }}
geom = {{ from = "geom", crs = "EPSG:28356" }}
{rules}
"#
    )
}

/// A rectangle as a line of the file.
fn parcel(id: u32, dataset: &str, area: &str, [x, y, right, top]: [f64; 4]) -> String {
    let (x, right, y, top) = (300_000.0 + x, 300_000.0 + right, 6_000_000.0 + y, 6_000_000.0 + top);
    format!("{id};{dataset};{area};POLYGON(({x} {y},{right} {y},{right} {top},{x} {top},{x} {y}))")
}

fn file<const COUNT: usize>(parcels: [String; COUNT]) -> String {
    format!("id;dataset;area;geom\n{}\n", parcels.join("\n"))
}

fn warned(summary: &RunSummary) -> Vec<(&str, u64)> {
    let by_code = summary.warnings.iter().flat_map(|warnings| &warnings.by_code);
    by_code.map(|(code, count)| (code.as_str(), *count)).collect()
}

fn warnings(summary: &RunSummary) -> String {
    let report = summary.rejections.report.as_ref().expect("a report");
    fs::read_to_string(format!("{report}/warnings.csv")).unwrap_or_default()
}

const OVERLAP: &str =
    "[[target.overlap]]\ncolumn = \"geom\"\nwithin = [\"dataset\"]\ntolerance = 1";

#[tokio::test]
async fn of_two_parcels_that_overlap_the_later_gives_way() {
    if is_left_out(Part::Postgis, "overlaps") {
        return;
    }
    let space = Workspace::with(PARCELS).await;
    space.write(
        "parcels.csv",
        file([
            parcel(1, "a", "", [0.0, 0.0, 10.0, 10.0]),
            // Overlaps 1, so it goes; then nothing stands against 3, which overlaps only it.
            parcel(2, "a", "", [8.0, 0.0, 20.0, 10.0]),
            parcel(3, "a", "", [18.0, 0.0, 30.0, 10.0]),
            // Half a square metre is tolerated, another dataset is none of its business.
            parcel(4, "a", "", [29.95, 0.0, 40.0, 10.0]),
            parcel(5, "b", "", [0.0, 0.0, 10.0, 10.0]),
            // Touching is not overlapping.
            parcel(6, "a", "", [0.0, 10.0, 10.0, 20.0]),
        ]),
    );
    let summary = space.run(&pipeline(OVERLAP)).await;
    assert_eq!(
        (first(&summary), codes(&summary)),
        ([6, 0, 1, 0, 5, 0, 0], vec![("rule.overlap", 1)])
    );
    let lines = space.rejections(&summary);
    assert!(lines[0].contains(",3,2,geom,rule.overlap,overlaps by 20.00: record 1,"), "{lines:?}");
    // A second delivery meets what is there; a row that it replaces is not there any more.
    space.write(
        "parcels.csv",
        file([
            parcel(1, "a", "", [0.0, 0.0, 5.0, 10.0]),
            parcel(7, "a", "", [5.0, 0.0, 10.0, 10.0]),
            parcel(8, "a", "", [25.0, 5.0, 28.0, 8.0]),
        ]),
    );
    let summary = space.run(&pipeline(OVERLAP)).await;
    assert_eq!(
        (first(&summary), codes(&summary)),
        ([3, 0, 1, 0, 1, 1, 0], vec![("rule.overlap", 1)])
    );
    let lines = space.rejections(&summary);
    let expected = ",4,3,geom,rule.overlap,overlaps by 9.00: the row with the key `9`,";
    assert!(lines[0].contains(expected), "{lines:?}");
    assert_eq!(
        space.value("select string_agg(id::text, ' ' order by id) from parcel").await,
        "1 3 4 5 6 7"
    );
}

/// Few records beside a large table are looked for by its index, and among themselves as ever.
#[tokio::test]
async fn a_small_delivery_meets_the_rows_of_a_large_table() {
    if is_left_out(Part::Postgis, "overlaps") {
        return;
    }
    let space = Workspace::with(PARCELS).await;
    let lot = |id: u32| {
        let west = f64::from(id) * 10.0;
        parcel(id, "a", "", [west, 0.0, west + 10.0, 10.0])
    };
    let lots: Vec<String> = (1..=2000).map(lot).collect();
    space.write("parcels.csv", format!("id;dataset;area;geom\n{}\n", lots.join("\n")));
    assert_eq!(first(&space.run(&pipeline(OVERLAP)).await), [2000, 0, 0, 0, 2000, 0, 0]);
    space.write(
        "parcels.csv",
        file([
            // On the row of lot 1000, and beside it.
            parcel(3001, "a", "", [10_001.0, 2.0, 10_003.0, 8.0]),
            parcel(3002, "a", "", [10_000.0, 10.0, 10_010.0, 20.0]),
            // Lot 7 gives way to two new ones, the second of which lies on the first.
            parcel(7, "a", "", [70.0, 0.0, 75.0, 10.0]),
            parcel(3003, "a", "", [74.0, 0.0, 80.0, 10.0]),
            // Where lot 7 is no more.
            parcel(3004, "a", "", [76.0, 0.0, 80.0, 10.0]),
            parcel(3005, "b", "", [1000.0, 0.0, 1010.0, 10.0]),
        ]),
    );
    let summary = space.run(&pipeline(OVERLAP)).await;
    assert_eq!(
        (first(&summary), codes(&summary)),
        ([6, 0, 2, 0, 3, 1, 0], vec![("rule.overlap", 2)])
    );
    let lines = space.rejections(&summary);
    assert!(
        lines[0].contains(",2,1,geom,rule.overlap,overlaps by 12.00: the row with"),
        "{lines:?}"
    );
    assert!(lines[1].contains(",5,4,geom,rule.overlap,overlaps by 10.00: record 3,"), "{lines:?}");
}

/// What a held run would write was judged when it was held; by the approval others have written.
#[tokio::test]
async fn an_approval_asks_again_whether_records_overlap() {
    if is_left_out(Part::Postgis, "overlaps") {
        return;
    }
    let space = Workspace::with(PARCELS).await;
    let toml = pipeline("[[target.overlap]]\ncolumn = \"geom\"\ntolerance = 1")
        .replace(MODE, "mode = \"mirror\"\nscope = [\"dataset\"]");
    let lot = |id: u32| {
        let west = f64::from(id) * 10.0;
        parcel(id, "a", "", [west, 0.0, west + 10.0, 10.0])
    };
    space.write("parcels.csv", file([1, 2, 3, 4].map(lot)));
    space.run(&toml).await;
    space.write("parcels.csv", file([1, 5].map(lot)));
    let held = space.run(&toml).await;
    assert_eq!(held.status, RunStatus::Held);
    let there = "st_makeenvelope(300052, 6000002, 300058, 6000008, 28356)";
    let client = space.database.client().await;
    let insert = format!("insert into parcel values (9, 'b', null, {there})");
    client.batch_execute(&insert).await.expect("a parcel");
    let run = RunId::parse(&held.run).expect("a run");
    let approve = || async {
        let progress = Arc::new(Progress::default());
        held::approve(&space.database.endpoint(), &run, &progress).await
    };
    let error = approve().await.expect_err("a parcel lies there by now");
    let error = error.to_string();
    assert!(error.contains("does not take all of it any more: overlaps by 36.00"), "{error}");
    assert_eq!(space.value("select count(*) from parcel").await, "5");
    client.batch_execute("delete from parcel where id = 9").await.expect("no parcel");
    assert_eq!(approve().await.expect("approved").status, RunStatus::Published);
    assert_eq!(
        space.value("select string_agg(id::text, ' ' order by id) from parcel").await,
        "1 5"
    );
}

#[tokio::test]
async fn rows_that_a_mirror_deletes_stand_against_nobody() {
    if is_left_out(Part::Postgis, "overlaps") {
        return;
    }
    let space = Workspace::with(PARCELS).await;
    let toml = pipeline(OVERLAP)
        .replace(MODE, "mode = \"mirror\"\nscope = [\"dataset\"]")
        .replace("[[target]]", "[limits]\ndeleted = \"100%\"\n[[target]]");
    space.write(
        "parcels.csv",
        file([
            parcel(1, "a", "", [0.0, 0.0, 10.0, 10.0]),
            parcel(2, "a", "", [10.0, 0.0, 20.0, 10.0]),
        ]),
    );
    space.run(&toml).await;
    // Parcel 1 is divided; 2 is rejected for its shape, so it stays, and 5 may not lie on it.
    space.write(
        "parcels.csv",
        file([
            parcel(3, "a", "", [0.0, 0.0, 5.0, 10.0]),
            parcel(4, "a", "", [5.0, 0.0, 10.0, 10.0]),
            "2;a;;POLYGON((0 0,1 1,0 1,1 0,0 0))".to_owned(),
            parcel(5, "a", "", [12.0, 0.0, 15.0, 10.0]),
        ]),
    );
    let summary = space.run(&toml).await;
    let found = codes(&summary);
    assert!(found.contains(&("rule.overlap", 1)), "{found:?}");
    assert_eq!(
        space.value("select string_agg(id::text, ' ' order by id) from parcel").await,
        "2 3 4"
    );
}

#[tokio::test]
async fn warnings_are_loaded_counted_listed_and_kept_in_the_ledger() {
    if is_left_out(Part::Postgis, "overlaps") {
        return;
    }
    let space = Workspace::with(PARCELS).await;
    space.write(
        "parcels.csv",
        file([
            parcel(1, "a", "100", [0.0, 0.0, 10.0, 10.0]),
            parcel(2, "a", "90", [9.0, 0.0, 20.0, 10.0]),
            parcel(3, "a", "110", [19.0, 0.0, 30.0, 10.0]),
            parcel(4, "a", "-1", [9.0, 0.0, 20.0, 10.0]),
        ]),
    );
    let rules = format!(
        "{OVERLAP}\npolicy = \"warn\"\n[[target.area]]\ncolumn = \"geom\"\ndeclared = \"area\"\npercent = 5\npolicy = \"warn\"
         [[target.check]]\nsql = \"area >= 0\"\n[[target.check]]\nsql = \"id <> 1\"\nmessage = \"number one\"\npolicy = \"warn\""
    );
    let summary = space.run_how(&pipeline(&rules), How { dry_run: true, ..How::default() }).await;
    assert_eq!(warned(&summary), [("rule.area", 1), ("rule.check", 1), ("rule.overlap", 2)]);
    let summary = space.run(&pipeline(&rules)).await;
    // Of the rejected record nothing is warned.
    assert_eq!(
        (first(&summary), codes(&summary)),
        ([4, 0, 1, 0, 3, 0, 0], vec![("rule.check", 1)])
    );
    assert_eq!(warned(&summary), [("rule.area", 1), ("rule.check", 1), ("rule.overlap", 2)]);
    let listed = warnings(&summary);
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 5, "{listed}");
    assert!(lines[1].contains("parcels.csv,2,1,,rule.check,number one,,public.parcel"), "{listed}");
    assert!(lines[2].contains("parcels.csv,3,2,area,rule.area,"), "{listed}");
    assert!(
        lines[3].contains("parcels.csv,3,2,geom,rule.overlap,overlaps by 10.00: record 1,"),
        "{listed}"
    );
    let query = format!(
        "select string_agg(code || ' ' || warnings, ', ' order by code) from longshore.warning where run_id = '{}'",
        summary.run
    );
    assert_eq!(space.value(&query).await, "rule.area 1, rule.check 1, rule.overlap 2");
}

#[tokio::test]
async fn a_gap_between_parcels_is_found_and_a_road_is_not() {
    if is_left_out(Part::Postgis, "gaps") {
        return;
    }
    let space = Workspace::with(PARCELS).await;
    // A ring of parcels round a road of 100 m², and slivers of 1 m² and 0.1 m² beside it.
    space.write(
        "parcels.csv",
        file([
            parcel(1, "a", "", [0.0, 0.0, 30.0, 10.0]),
            parcel(2, "a", "", [0.0, 20.0, 30.0, 30.0]),
            parcel(3, "a", "", [0.0, 10.0, 10.0, 20.0]),
            parcel(4, "a", "", [20.0, 10.0, 24.9, 20.0]),
            parcel(5, "a", "", [25.0, 10.0, 28.0, 20.0]),
            parcel(6, "a", "", [28.01, 10.0, 30.0, 20.0]),
        ]),
    );
    let rule =
        "[[target.gap]]\ncolumn = \"geom\"\ntolerance = 0.5\nlargest = 50\npolicy = \"warn\"";
    let summary = space.run(&pipeline(rule)).await;
    assert_eq!(first(&summary), [6, 0, 0, 0, 6, 0, 0]);
    assert_eq!(warned(&summary), [("rule.gap", 1)]);
    let listed = warnings(&summary);
    assert!(
        listed.contains(
            ",6,5,geom,rule.gap,there is a gap of 1.00 between it and its neighbours: record 1,"
        ),
        "{listed}"
    );
    // Without a limit the road is a gap too; the rows that are there count as neighbours.
    space.write("parcels.csv", file([parcel(3, "a", "", [0.0, 10.0, 9.0, 20.0])]));
    let rule = "[[target.gap]]\ncolumn = \"geom\"\ntolerance = 0.05";
    let summary = space.run(&pipeline(rule)).await;
    assert_eq!(codes(&summary), [("rule.gap", 1)]);
    let lines = space.rejections(&summary);
    assert!(
        lines[0]
            .contains("a gap of 110.00 between it and its neighbours: the row with the key `9`"),
        "{lines:?}"
    );
}

/// Roads round every lot are one gap, with a hole for each lot: it may not be compared with all.
#[tokio::test]
async fn a_gap_of_many_holes_is_the_matter_of_those_who_have_its_sides() {
    if is_left_out(Part::Postgis, "gaps") {
        return;
    }
    const LOTS: u32 = 50;
    let space = Workspace::with(PARCELS).await;
    let mut lines = vec!["id;dataset;area;geom".to_owned()];
    for place in 0..LOTS * LOTS {
        let (x, y) = (f64::from(place % LOTS) * 20.0, f64::from(place / LOTS) * 30.0);
        lines.push(parcel(place + 1, "a", "", [x, y, x + 18.0, y + 28.0]));
    }
    let (right, top) = (f64::from(LOTS) * 20.0, f64::from(LOTS) * 30.0);
    let frame = [
        [-10.0, -10.0, right + 10.0, -2.0],
        [-10.0, top + 2.0, right + 10.0, top + 10.0],
        [-10.0, -2.0, -2.0, top + 2.0],
        [right + 2.0, -2.0, right + 10.0, top + 2.0],
    ];
    for (number, sides) in (9001..).zip(frame) {
        lines.push(parcel(number, "a", "", sides));
    }
    space.write("parcels.csv", lines.join("\n"));
    let rule = "[[target.gap]]\ncolumn = \"geom\"\nwithin = [\"dataset\"]\npolicy = \"warn\"";
    let summary = space.run(&pipeline(rule)).await;
    assert_eq!(first(&summary), [2504, 0, 0, 0, 2504, 0, 0]);
    assert_eq!(warned(&summary), [("rule.gap", 1)]);
    // (1000 + 4) × (1500 + 4) within the frame, less 2500 lots of 18 × 28.
    let listed = warnings(&summary);
    let expected = ",2505,2504,geom,rule.gap,there is a gap of 250016.00 between it and its neighbours: record 1,";
    assert!(listed.contains(expected), "{listed}");
}

/// Pairs of outlines that all lie over one another would be as many as their square.
#[tokio::test]
async fn outlines_that_all_lie_over_one_another_are_refused_rather_than_compared() {
    if is_left_out(Part::Postgis, "overlaps") {
        return;
    }
    let space = Workspace::with(PARCELS).await;
    let lines = (1..=2000).map(|id| parcel(id, "a", "", [0.0, 0.0, 10.0, 10.0]));
    let lines: Vec<String> = lines.collect();
    space.write("parcels.csv", format!("id;dataset;area;geom\n{}\n", lines.join("\n")));
    let Err(Stop::Error(error)) = space.try_run(&pipeline(OVERLAP), How::default()).await else {
        panic!("it is refused")
    };
    let expected = "too many outlines for public.parcel lie over one another";
    assert!(error.to_string().contains(expected), "{error}");
    assert_eq!(space.value("select count(*) from parcel").await, "0");
}

#[tokio::test]
async fn shares_sum_to_one_over_records_and_rows_that_stay() {
    let space = Workspace::with(
        "create table share (parcel int not null, owner text not null, part int not null, whole int not null, primary key (parcel, owner))",
    )
    .await;
    let toml = r#"
[source]
format = "csv"
path = "$DIR/shares.csv"
[[target]]
table = "public.share"
mode = "upsert"
key = ["parcel", "owner"]
[target.columns]
parcel = { from = "parcel" }
owner = { from = "owner" }
part = { from = "part" }
whole = { from = "whole" }
[[target.total]]
sql = "part::numeric / whole"
by = ["parcel"]
equals = 1
tolerance = 1e-6
"#;
    space.write(
        "shares.csv",
        "parcel,owner,part,whole\n1,a,1,3\n1,b,1,3\n1,c,1,3\n2,a,1,2\n2,b,1,3\n3,a,1,0\n",
    );
    let summary = space.run(toml).await;
    assert_eq!(
        (first(&summary), codes(&summary)),
        ([6, 0, 3, 0, 3, 0, 0], vec![("rule.total", 2), ("sql.error", 1)])
    );
    // A third is sold in halves: b and c stay as they are.
    space.write("shares.csv", "parcel,owner,part,whole\n1,a,1,6\n1,d,1,6\n");
    let summary = space.run(toml).await;
    assert_eq!((first(&summary), codes(&summary)), ([2, 0, 0, 0, 1, 1, 0], vec![]));
    space.write("shares.csv", "parcel,owner,part,whole\n1,d,2,6\n");
    let summary = space.run(toml).await;
    assert_eq!(codes(&summary), [("rule.total", 1)]);
}

/// Owner 1 leaves parcel 1 for parcel 2, which is not whole then: who stays behind is a half too
/// much for those who took its share.
#[tokio::test]
async fn shares_are_summed_again_where_a_rejected_record_leaves_its_row() {
    let space = Workspace::with(
        "create table share (owner int primary key, parcel int not null, part numeric not null);
         insert into share values (1, 1, 0.5), (2, 1, 0.5), (3, 3, 1)",
    )
    .await;
    let toml = r#"
[source]
format = "csv"
path = "$DIR/shares.csv"
[[target]]
table = "public.share"
mode = "upsert"
key = ["owner"]
[target.columns]
owner = { from = "owner" }
parcel = { from = "parcel" }
part = { from = "part" }
[[target.total]]
sql = "part"
by = ["parcel"]
equals = 1
tolerance = 1e-6
"#;
    space.write(
        "shares.csv",
        "owner;parcel;part\n1;2;0.5\n2;1;1\n3;3;1.0\n4;4;1\n".replace(';', ","),
    );
    let summary = space.run(toml).await;
    assert_eq!(
        (first(&summary), codes(&summary)),
        ([4, 0, 2, 0, 1, 0, 1], vec![("rule.total", 2)])
    );
    let rows =
        "select string_agg(owner || ':' || parcel || ':' || part, ' ' order by owner) from share";
    assert_eq!(space.value(rows).await, "1:1:0.5 2:1:0.5 3:3:1 4:4:1");
}

#[tokio::test]
async fn an_address_outside_of_its_parcel_is_found() {
    if is_left_out(Part::Postgis, "points in polygons") {
        return;
    }
    let space = Workspace::with(PARCELS).await;
    space.write("parcels.csv", file([parcel(1, "a", "", [0.0, 0.0, 10.0, 10.0])]));
    space.run(&pipeline("")).await;
    let toml = r#"
[source]
format = "csv"
path = "$DIR/addresses.csv"
[[target]]
table = "public.address"
mode = "upsert"
key = ["id"]
[target.columns]
id = { from = "id" }
parcel = { from = "parcel" }
geom = { from = ["x", "y"], crs = "EPSG:28356" }
[[target.inside]]
column = "geom"
table = "parcel"
area = "geom"
match = { id = "parcel" }
tolerance = 2
"#;
    // Inside, on the edge, two metres off, far off, of no parcel, of one that is not there.
    space.write("addresses.csv", "id,parcel,x,y\n1,1,300001,6000001\n2,1,300000,6000000\n3,1,299998,6000005\n4,1,299997,6000005\n5,,1,1\n6,9,1,1\n");
    let summary = space.run(toml).await;
    assert_eq!(
        (first(&summary), codes(&summary)),
        ([6, 0, 1, 0, 5, 0, 0], vec![("rule.inside", 1)])
    );
    assert!(space.rejections(&summary)[0].contains(",5,4,geom,rule.inside,"));
}

#[tokio::test]
async fn lines_that_end_in_different_ways_are_a_warning_of_the_file() {
    let space = Workspace::with("create table share (parcel int primary key, owner text)").await;
    let toml = r#"
[source]
format = "csv"
path = "$DIR/*.csv"
[[target]]
table = "share"
mode = "upsert"
key = ["parcel"]
[target.columns]
parcel = { from = "parcel" }
owner = { from = "owner" }
"#;
    // A line break inside quotes is data.
    space.write("a.csv", "parcel,owner\r\n1,a\r\n2,\"b\nc\"\r\n");
    space.write("b.csv", "parcel,owner\n3,a\r\n4,b\n5,c");
    let summary = space.run(toml).await;
    assert_eq!(first(&summary), [5, 0, 0, 0, 5, 0, 0]);
    assert_eq!(warned(&summary), [("csv.line_ends", 1)]);
    let listed = warnings(&summary);
    assert!(
        listed.contains(
            "b.csv,,0,,csv.line_ends,\"its lines end in different ways: 1 in CR LF, 1 in LF\",,"
        ),
        "{listed}"
    );
}

/// A trigger that says no to some records, which shows only when publishing is rehearsed.
const REFUSES: &str = "
create function refuse() returns trigger language plpgsql as $$ begin
  if new.area = 666 then raise exception 'no'; end if; return new; end $$;
create trigger refuses before insert or update on parcel for each row execute function refuse();";

/// Who is rejected last keeps its row, on which nobody else may lie.
#[tokio::test]
async fn the_row_of_a_record_that_is_rejected_last_stands_against_others() {
    if is_left_out(Part::Postgis, "overlaps") {
        return;
    }
    let space = Workspace::with(&format!("{PARCELS}{REFUSES}")).await;
    let toml = pipeline("[[target.overlap]]\ncolumn = \"geom\"\ntolerance = 1")
        .replace(MODE, "mode = \"mirror\"\nscope = [\"dataset\"]");
    let lot = |id: u32| {
        let west = f64::from(id) * 10.0;
        parcel(id, "a", "", [west, 0.0, west + 10.0, 10.0])
    };
    space.write("parcels.csv", file([1, 2, 3, 4].map(lot)));
    space.run(&toml).await;
    let divided = [
        parcel(1, "a", "666", [10.0, 0.0, 15.0, 10.0]),
        parcel(7, "a", "", [15.0, 0.0, 20.0, 10.0]),
        // Stands against nobody but 7, which is rejected in the second look.
        parcel(8, "a", "", [15.0, 0.0, 18.0, 20.0]),
        lot(5),
    ];
    space.write("parcels.csv", file(divided));
    let held = space.run(&toml).await;
    assert_eq!(held.status, RunStatus::Held);
    let found = codes(&held);
    assert!(found.contains(&("rule.overlap", 2)), "{found:?}");
    // What was judged is judged the same by the approval.
    let run = RunId::parse(&held.run).expect("a run");
    let progress = Arc::new(Progress::default());
    let approved = held::approve(&space.database.endpoint(), &run, &progress).await;
    assert_eq!(approved.expect("approved").status, RunStatus::Published);
    let rows = "select string_agg(id || ' ' || st_area(geom), ', ' order by id) from parcel";
    assert_eq!(space.value(rows).await, "1 100, 5 100");
}

/// A hole that a rejected record leaves was there when the run was held; one that others make
/// since was not.
#[tokio::test]
async fn an_approval_asks_for_gaps_that_have_come_since_and_no_others() {
    if is_left_out(Part::Postgis, "gaps") {
        return;
    }
    let space = Workspace::with(&format!("{PARCELS}{REFUSES}")).await;
    let toml = pipeline("[[target.gap]]\ncolumn = \"geom\"\ntolerance = 1")
        .replace(MODE, "mode = \"mirror\"\nscope = [\"dataset\"]");
    let lots: Vec<String> = (11..30)
        .map(|id| {
            let west = f64::from(id) * 10.0;
            parcel(id, "a", "", [west, 0.0, west + 10.0, 10.0])
        })
        .collect();
    space.write("parcels.csv", format!("id;dataset;area;geom\n{}\n", lots.join("\n")));
    space.run(&toml).await;
    let client = space.database.client().await;
    // Rows of another dataset lie round 515, 515, and a record on one side of it.
    let square = "insert into parcel select 900 + x * 3 + y, 'b', null, st_makeenvelope(
        300500 + x * 10, 6000500 + y * 10, 300510 + x * 10, 6000510 + y * 10, 28356)
        from generate_series(0, 2) x, generate_series(0, 2) y where not (x = 2 and y = 1)";
    client.batch_execute(square).await.expect("parcels");
    let ring = [
        [0.0, 0.0, 30.0, 10.0],
        [0.0, 20.0, 30.0, 30.0],
        [0.0, 10.0, 10.0, 20.0],
        [20.0, 10.0, 30.0, 20.0],
    ];
    let mut parcels: Vec<String> =
        (1..).zip(ring).map(|(id, sides)| parcel(id, "a", "", sides)).collect();
    parcels.push(parcel(5, "a", "666", [10.0, 10.0, 20.0, 20.0]));
    parcels.push(parcel(6, "a", "", [520.0, 510.0, 530.0, 520.0]));
    space.write("parcels.csv", format!("id;dataset;area;geom\n{}\n", parcels.join("\n")));
    let held = space.run(&toml).await;
    assert_eq!((held.status, held.rejections.records), (RunStatus::Held, 1));
    let run = RunId::parse(&held.run).expect("a run");
    let approve = || async {
        let progress = Arc::new(Progress::default());
        held::approve(&space.database.endpoint(), &run, &progress).await
    };
    let middle = "delete from parcel where id = 904";
    client.batch_execute(&format!("begin; {middle}; commit")).await.expect("a hole");
    let hole = approve().await;
    let refill = "insert into parcel values (904, 'b', null, st_makeenvelope(300510, 6000510, 300520, 6000520, 28356))";
    client.batch_execute(refill).await.expect("no hole");
    let published = approve().await;
    let error = hole.expect_err("a gap has come").to_string();
    assert!(error.contains("there is a gap"), "{error}");
    assert_eq!(published.expect("approved").status, RunStatus::Published);
}

/// A target that loads the other table twice: both have rows that count.
#[tokio::test]
async fn an_address_lies_in_a_parcel_of_either_target_of_one_table() {
    if is_left_out(Part::Postgis, "points in polygons") {
        return;
    }
    let tables = "create extension if not exists postgis;
        create table lot (id int, kind text, geom geometry(Polygon, 28356), primary key (id, kind));
        create table address (id int primary key, lot int, kind text, geom geometry(Point, 28356));
        insert into lot values (1, 'b', st_makeenvelope(0, 0, 1, 1, 28356));";
    let space = Workspace::with(tables).await;
    let lot = |kind: &str| {
        format!(
            "[[target]]\ntable = \"public.lot\"\nmode = \"upsert\"\nkey = [\"id\", \"kind\"]
[target.columns]\nid = {{ from = \"id\" }}\nkind = {{ value = \"{kind}\" }}
geom = {{ from = \"{kind}\", crs = \"EPSG:28356\" }}\n"
        )
    };
    let toml = format!(
        "[source]\nformat = \"csv\"\npath = \"$DIR/lots.csv\"\ndelimiter = \";\"\n{}{}
[[target]]\ntable = \"public.address\"\nmode = \"upsert\"\nkey = [\"id\"]
[target.columns]\nid = {{ from = \"id\" }}\nlot = {{ from = \"id\" }}\nkind = {{ from = \"kind\" }}
geom = {{ from = \"at\", crs = \"EPSG:28356\" }}
[[target.inside]]\ncolumn = \"geom\"\ntable = \"lot\"\narea = \"geom\"\nmatch = {{ id = \"lot\", kind = \"kind\" }}\n",
        lot("a"),
        lot("b")
    );
    let polygon = |[x, y]: [u32; 2]| {
        let (right, top) = (x + 10, y + 10);
        format!("POLYGON(({x} {y},{right} {y},{right} {top},{x} {top},{x} {y}))")
    };
    let [west, east] = [polygon([300_000, 6_000_000]), polygon([300_100, 6_000_000])];
    let lines = [
        // In its lot of the second target, whose row is replaced; in that of the first; in none.
        format!("1;{west};{east};b;POINT(300105 6000005)"),
        format!("2;{west};{east};a;POINT(300005 6000005)"),
        format!("3;{west};{east};b;POINT(300005 6000005)"),
    ];
    space.write("lots.csv", format!("id;a;b;kind;at\n{}\n", lines.join("\n")));
    let summary = space.run(&toml).await;
    assert_eq!(codes(&summary), [("rule.inside", 1)]);
    assert!(space.rejections(&summary)[0].contains(",4,3,geom,rule.inside,"));
}
