//! Overlaps and gaps of towns made at random are those that PostGIS finds by comparing everything.

use std::{
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

use longshore::report::RunSummary;
use serde_json::Value;

use super::workspace::Workspace;
use crate::support::{Part, is_left_out};

const PARCELS: &str = "
create extension if not exists postgis;
create table parcel (id int primary key, dataset text not null, geom geometry(MultiPolygon, 28356) not null);
create index on parcel using gist (geom);";

const OVERLAPS: &str = "[[target.overlap]]\ncolumn = \"geom\"\nwithin = [\"dataset\"]\ntolerance = 1\npolicy = \"warn\"\n";
const GAPS: &str = "[[target.gap]]\ncolumn = \"geom\"\nwithin = [\"dataset\"]\ntolerance = 0.5\npolicy = \"warn\"\n";

/// Cells on a side of the town, and metres on a side of a cell.
const CELLS: usize = 7;
const CELL: f64 = 64.0;

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
geom = {{ from = "geom", crs = "EPSG:28356" }}
{rules}
"#
    )
}

struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % bound
    }

    /// An even number of metres between -16 and 16: halves of sums are whole, so that a corner
    /// half way along a side lies on it.
    fn even(&mut self) -> f64 {
        self.below(17) as f64 * 2.0 - 16.0
    }
}

type Xy = [f64; 2];

fn half([ax, ay]: Xy, [bx, by]: Xy) -> Xy {
    [(ax + bx) / 2.0, (ay + by) / 2.0]
}

fn ring(corners: &[Xy]) -> String {
    let at = |[x, y]: &Xy| format!("{} {}", 300_000.0 + x, 6_000_000.0 + y);
    let all: Vec<String> = corners.iter().chain(corners.first()).map(at).collect();
    format!("({})", all.join(","))
}

fn polygon(rings: &[Vec<Xy>]) -> String {
    format!("({})", rings.iter().map(|it| ring(it)).collect::<Vec<_>>().join(","))
}

fn square([x, y]: Xy, reach: f64) -> Vec<Xy> {
    vec![
        [x - reach, y - reach],
        [x + reach, y - reach],
        [x + reach, y + reach],
        [x - reach, y + reach],
    ]
}

/// A town of parcels that share their corners: some are missing, divided so that a corner lies on
/// a neighbour's side, have holes, or two parts. Where they may `cross`, others lie twice, on
/// others, or with a corner more or less far inside a neighbour.
fn town(chance: &mut Chance, cross: bool) -> Vec<(&'static str, String)> {
    let mut corners = [[[0.0; 2]; CELLS + 1]; CELLS + 1];
    for (column, line) in corners.iter_mut().enumerate() {
        for (row, corner) in line.iter_mut().enumerate() {
            let nominal = [column as f64 * CELL, row as f64 * CELL];
            *corner = [nominal[0] + chance.even(), nominal[1] + chance.even()];
        }
    }
    let mut parcels = Vec::new();
    for column in 0..CELLS {
        for row in 0..CELLS {
            let south_west = corners[column][row];
            let (south_east, north_west) = (corners[column + 1][row], corners[column][row + 1]);
            let north_east = corners[column + 1][row + 1];
            let mut quad = vec![south_west, south_east, north_east, north_west];
            if chance.below(2) == 0 {
                quad.reverse();
            }
            let middle = [(column as f64 + 0.5) * CELL, (row as f64 + 0.5) * CELL];
            let (south, north) = (half(south_west, south_east), half(north_west, north_east));
            let mut made: Vec<String> = match chance.below(if cross { 11 } else { 6 }) {
                0 => Vec::new(),
                1 => vec![
                    polygon(&[vec![south_west, south, north, north_west]]),
                    polygon(&[vec![south, south_east, north_east, north]]),
                ],
                2 => vec![polygon(&[quad.clone(), square(middle, 8.0)])],
                3 => vec![
                    polygon(&[quad.clone(), square(middle, 8.0)]),
                    polygon(&[square(middle, [8.0, 7.0, 4.0][chance.below(3) as usize])]),
                ],
                4 => {
                    let parts = [[-8.0, 0.0], [8.0, 0.0]]
                        .map(|[dx, dy]| polygon(&[square([middle[0] + dx, middle[1] + dy], 7.0)]));
                    vec![parts.join(",")]
                }
                5 => vec![polygon(&[quad.clone()])],
                6 => vec![polygon(&[quad.clone()]), polygon(&[quad.clone()])],
                // Between nothing and some times the tolerance is shared with neighbours.
                7 | 8 => {
                    let step = |chance: &mut Chance| (chance.below(129) as f64 - 64.0) / 512.0;
                    let corner = &mut quad[chance.below(4) as usize];
                    *corner = [corner[0] + step(chance), corner[1] + step(chance)];
                    vec![polygon(&[quad.clone()])]
                }
                9 => vec![
                    polygon(&[quad.clone()]),
                    polygon(&[square(middle, chance.below(90) as f64 + 0.5)]),
                ],
                _ => {
                    let notch = [middle[0] + chance.even(), middle[1] + chance.even()];
                    vec![polygon(&[vec![south_west, south_east, notch, north_west]])]
                }
            };
            let dataset = if chance.below(16) == 0 { "b" } else { "a" };
            parcels.extend(made.drain(..).map(|it| (dataset, format!("MULTIPOLYGON({it})"))));
        }
    }
    parcels
}

fn report(summary: &RunSummary) -> &str {
    summary.rejections.report.as_ref().expect("a report")
}

fn warnings(report: &str, code: &str, before: &str) -> Vec<(u64, String)> {
    let text = std::fs::read_to_string(format!("{report}/warnings.csv")).unwrap_or_default();
    let of_code = text.lines().filter(|line| line.contains(code));
    let found = of_code.map(|line| {
        let record = line.split(',').nth(2).and_then(|it| it.parse().ok()).expect("a record");
        let said = line.split_once(before).expect("what it says").1;
        (record, said.to_owned())
    });
    found.collect()
}

/// Overlaps as `later-earlier`, `row` for one that was there before.
fn overlaps(summary: &RunSummary, first: u64) -> Vec<String> {
    let found = warnings(report(summary), ",rule.overlap,", "overlaps by ").into_iter();
    let pairs = found.map(|(later, said)| {
        let other = said.split_once(": ").map(|it| it.1).and_then(|it| it.strip_prefix("record "));
        let other = other.map(|it| it.trim_end_matches(|at: char| !at.is_ascii_digit()));
        let other = other.map(|it| it.parse::<u64>().expect("a number") + first);
        format!("{}-{}", later + first, other.map_or("row".to_owned(), |it| it.to_string()))
    });
    sorted(pairs.collect())
}

fn gaps(report: &str) -> Vec<String> {
    let found = warnings(report, ",rule.gap,", "there is a gap of ").into_iter();
    sorted(found.map(|(_, said)| said.split(' ').next().unwrap_or_default().to_owned()).collect())
}

fn sorted(mut all: Vec<String>) -> Vec<String> {
    all.sort();
    all
}

async fn expected(space: &Workspace, query: &str) -> Vec<String> {
    let all =
        space.value(&format!("select coalesce(string_agg(it, ' '), '') from ({query}) q")).await;
    sorted(all.split_whitespace().map(str::to_owned).collect())
}

async fn expected_overlaps(space: &Workspace, first: u64) -> Vec<String> {
    let query = format!(
        "select l.id || '-' || case when e.id > {first} then e.id::text else 'row' end as it
         from parcel l join parcel e on e.id < l.id and e.dataset = l.dataset
         where l.id > {first} and st_intersects(l.geom, e.geom)
           and st_area(st_collectionextract(st_intersection(l.geom, e.geom), 3)) > 1"
    );
    expected(space, &query).await
}

/// The faces between all boundaries that nobody covers, and that a record is beside.
async fn expected_gaps(space: &Workspace, first: u64) -> Vec<String> {
    let query = format!(
        "with faces as (
           select dataset, (st_dump(st_polygonize(lines))).geom as face from (
             select dataset, st_unaryunion(st_collect(st_boundary(geom))) as lines from parcel group by dataset) l group by dataset)
         select round(st_area(face)::numeric, 2)::text as it from faces f where st_area(face) > 0.5
           and not exists (select from parcel p where p.dataset = f.dataset and st_intersects(p.geom, st_pointonsurface(face)))
           and exists (select from parcel p where p.dataset = f.dataset and p.id > {first}
             and st_length(st_intersection(st_boundary(face), st_boundary(p.geom))) > 0.01)"
    );
    expected(space, &query).await
}

/// A town comes in one delivery, or in two: the rows of the first are there when rules look.
async fn load(
    space: &Workspace,
    parcels: &[(&str, String)],
    first: usize,
    rules: &str,
) -> RunSummary {
    let client = space.database.client().await;
    client.batch_execute("truncate parcel").await.expect("no parcels");
    let line =
        |(at, (dataset, geom)): (usize, &(&str, String))| format!("{};{dataset};{geom}", at + 1);
    let lines: Vec<String> = parcels.iter().enumerate().map(line).collect();
    let file = |lines: &[String]| format!("id;dataset;geom\n{}\n", lines.join("\n"));
    if first > 0 {
        space.write("parcels.csv", file(&lines[..first]));
        space.run(&pipeline("")).await;
    }
    space.write("parcels.csv", file(&lines[first..]));
    let summary = space.run(&pipeline(rules)).await;
    assert_eq!(summary.rejections.records, 0);
    summary
}

/// The delivery that is there once more, of which hardly anything is held in memory: the server
/// looks for gaps then. Gives the report.
async fn load_with_little_memory(space: &Workspace) -> String {
    let client = space.database.client().await;
    client.batch_execute("truncate parcel").await.expect("no parcels");
    let folder = space.folder.path();
    let toml = pipeline(GAPS).replace("$DIR", &folder.display().to_string());
    let path = space.write("parcels.toml", toml);
    let mut longshore = Command::new(env!("CARGO_BIN_EXE_longshore"));
    longshore.env("DATABASE_URL", space.database.url()).env("LONGSHORE_SCARCITY", "1000000");
    longshore.args(["run", "--force", "--output", "json", "--report-dir"]);
    let output = longshore.arg(folder.join("little")).arg(path).output().expect("longshore runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let summary: Value = serde_json::from_slice(&output.stdout).expect("a summary");
    summary["rejections"]["report"].as_str().expect("a report").to_owned()
}

fn seeds() -> Vec<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs();
    vec![1, 2, now]
}

#[tokio::test]
async fn overlaps_of_towns_made_at_random_are_those_that_postgis_finds() {
    if is_left_out(Part::Postgis, "overlaps") {
        return;
    }
    let space = Workspace::with(PARCELS).await;
    let mut count = 0;
    for seed in seeds() {
        let parcels = town(&mut Chance(seed), true);
        for first in [0, parcels.len() / 2] {
            // With the other rule, outlines are read for both at once.
            let rules = [OVERLAPS.to_owned(), format!("{GAPS}{OVERLAPS}")];
            let rules = &rules[usize::from(first == 0)];
            let summary = load(&space, &parcels, first, rules).await;
            let first = first as u64;
            let expected = expected_overlaps(&space, first).await;
            count += expected.len();
            assert_eq!(
                overlaps(&summary, first),
                expected,
                "the town of seed {seed}, {first} before"
            );
        }
    }
    assert!(count > 100, "{count} overlaps");
}

#[tokio::test]
async fn gaps_of_towns_made_at_random_are_those_that_postgis_finds() {
    if is_left_out(Part::Postgis, "gaps") {
        return;
    }
    let space = Workspace::with(PARCELS).await;
    let mut count = 0;
    for seed in seeds() {
        let parcels = town(&mut Chance(seed), false);
        for first in [0, parcels.len() / 2] {
            let rules = [GAPS.to_owned(), format!("{GAPS}{OVERLAPS}")];
            let rules = &rules[usize::from(first == 0)];
            let summary = load(&space, &parcels, first, rules).await;
            let first = first as u64;
            let expected = expected_gaps(&space, first).await;
            count += expected.len();
            let found = gaps(report(&summary));
            assert_eq!(found, expected, "the town of seed {seed}, {first} before");
        }
        let found = gaps(&load_with_little_memory(&space).await);
        let expected = expected_gaps(&space, 0).await;
        assert_eq!(found, expected, "the town of seed {seed}, by the server");
    }
    assert!(count > 20, "{count} gaps");
}
