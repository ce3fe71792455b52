//! Planning zones as a zipped shapefile, in metres of MGA zone 56; their pipeline repairs what
//! it can. Some have a hole, some are in two parts, some have no date.

use super::{
    super::{Expected, Fault, MadeFile, Order, Row, plan::Found, random::Random, shape::Shape},
    shapefile::{self, Field},
};
use crate::error::Result;

const PROJECTION: &str = r#"PROJCS["GDA_1994_MGA_Zone_56",GEOGCS["GCS_GDA_1994",DATUM["D_GDA_1994",SPHEROID["GRS_1980",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],PARAMETER["False_Easting",500000.0],PARAMETER["False_Northing",10000000.0],PARAMETER["Central_Meridian",153.0],PARAMETER["Scale_Factor",0.9996],PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]"#;

const FIELDS: [Field; 8] = [
    ("ZONE_ID", b'N', 10, 0),
    ("ZONE_CODE", b'C', 4, 0),
    ("ZONE_NAME", b'C', 40, 0),
    ("LGA_CODE", b'C', 4, 0),
    ("PRECINCT", b'C', 48, 0),
    ("COMM_DATE", b'D', 8, 0),
    ("MAX_HEIGHT", b'N', 6, 2),
    ("HERITAGE", b'L', 1, 0),
];
const ID: usize = 0;
const CODE: usize = 1;
const NAME: usize = 2;
const LGA: usize = 3;
const PRECINCT: usize = 4;
const DATE: usize = 5;
const HEIGHT: usize = 6;
const HERITAGE: usize = 7;

/// Metres of the south-west corner, and of a zone.
const ORIGIN: (f64, f64) = (340_000.0, 6_330_000.0);
const SIZE: (f64, f64) = (40.0, 30.0);

const FAULTS: &[Fault<Row>] = &[
    Fault::new("bow-tie", "geometry.repair_area", |row, _| row.reshape(|it| it.cross())),
    Fault::found("ring-open", Found::Repaired, |row, _| row.reshape(|it| it.open())),
    Fault::found("spike", Found::Repaired, |row, _| row.reshape(|it| it.spike())),
    Fault::new("no-area", "geometry.repair_failed", |row, _| row.reshape(|it| it.flatten())),
    Fault::new("far-away", "geometry.bounds", |row, _| row.reshape(|it| it.shift(900_000.0))),
    Fault::new("not-a-number", "geometry.not_finite", |row, _| row.reshape(|it| it.lose_number())),
    Fault::new("no-outline", "rule.not_null", |row, _| row.set_shape_text("")),
    Fault::new("no-such-day", "dbf.date", |row, _| row.set(DATE, "20141332")),
    Fault::new("day-in-future", "rule.maximum", |row, _| row.set(DATE, "20910228")),
    // What does not fit its field is written as asterisks, and is NULL.
    Fault::new("height-overflows", "rule.required", |row, _| row.set(HEIGHT, "******")),
    Fault::new("height-in-words", "type.numeric", |row, _| row.set(HEIGHT, "tall")),
    Fault::new("height-below-zero", "rule.minimum", |row, _| row.set(HEIGHT, "-8.50")),
    Fault::new("heritage-or-not", "dbf.logical", |row, _| row.set(HERITAGE, "x")),
    Fault::new("bad-code", "rule.pattern", |row, _| row.set(CODE, "??")),
    Fault::new("no-name", "rule.required", |row, _| row.set(NAME, "")),
    Fault::new("no-id", "rule.required", |row, _| row.set(ID, "")),
    Fault::new("code-without-zero", "rule.map", |row, _| row.set(LGA, "417")),
    Fault::new("not-utf-8", "encoding.invalid", |row, _| row.push_byte(PRECINCT, 0xF3)),
    Fault::again("again"),
    Fault::found("another-with-its-id", Found::Conflict, |row, _| row.set(PRECINCT, "Other")),
];

pub(super) fn zones(order: &Order) -> Result<MadeFile> {
    let name = "zones.zip";
    let records = || {
        let mut series = order.plan(&[FAULTS]);
        (0..order.rows).map(move |place| series.next(place, |place| zone(order, place)).0)
    };
    shapefile::write(order, (name, "zones", PROJECTION), &FIELDS, records)?;
    let mut expected = Expected::of("cadastre/zones", &["cadastre.planning_zone"]);
    let mut series = order.plan(&[FAULTS]);
    for place in 0..order.rows {
        let (_, fault) = series.next(place, |place| zone(order, place));
        expected.record(fault.map(|fault| fault.found));
    }
    Ok(series.made(name, vec![expected]))
}

fn zone(order: &Order, place: u64) -> Row {
    let mut random = Random::new(order.seed ^ 0x20_5E5, place);
    let codes = ["R2 Low Density Residential", "E1 Local Centre", "SP2 Infrastructure"];
    let (code, name) = random.pick(&codes).split_once(' ').unwrap_or(("R2", "Residential"));
    let year = random.between(2009, 2023);
    let date = random.day(year).replace('-', "");
    let height = format!("{}.50", random.between(8, 48));
    let precinct = random.pick(&["Old Quarry", "São João", "Água Clara", "Saltpan", "ភ្នំតូច"]);
    let heritage = random.pick(&["F", "F", "F", "T", "?"]);
    let date = if place % 13 == 6 { "" } else { &date };
    Row::of([&(4100 + place).to_string(), code, name, "0417", precinct, date, &height, heritage])
        .with_shape(outline(order, place))
}

#[expect(clippy::cast_precision_loss, reason = "grids are far smaller than 2^53")]
fn outline(order: &Order, place: u64) -> Shape {
    let columns = order.rows.isqrt().max(1);
    let (column, row) = ((place % columns) as f64, (place / columns) as f64);
    let at = |x: f64, y: f64| (ORIGIN.0 + (column + x) * SIZE.0, ORIGIN.1 + (row + y) * SIZE.1);
    let part = |from: f64, to: f64| Shape::rectangle(at(from, 0.0), at(to, 1.0));
    match place % 17 {
        3 => part(0.0, 1.0).with_hole(at(0.3, 0.3), at(0.6, 0.7)),
        9 => part(0.0, 0.45).with_part(part(0.55, 1.0)),
        _ => part(0.0, 1.0),
    }
}
