//! Lots of the land register as GeoJSON, whose pipeline repairs what it can.

use super::{
    super::{Expected, Fault, MadeFile, Order, OutFile, Row, plan::Found, text::json_line},
    grid::Grid,
};
use crate::error::Result;

const START: &str = r#"{"type":"FeatureCollection","name":"lots","crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::4283"}},"features":["#;

/// What stands between the properties, and around the outline.
const FEATURE: &[&str] = &[
    r#"{"type":"Feature","id":"#,
    r#","properties":{"lotidstring":""#,
    r#"","planlotarea":"#,
    r#","planlotareaunits":"m2","registered":""#,
    r#"","lastupdate":""#,
    r#"","hasstratum":false,"address":""#,
    r#"","municipality":"Wirrabilla"},"geometry":"#,
];
const LOT: usize = 1;
const AREA: usize = 2;
const REGISTERED: usize = 3;
const ADDRESS: usize = 5;

const FAULTS: &[Fault<Row>] = &[
    // Half of the area goes with one of the two triangles.
    Fault::new("bow-tie", "geometry.repair_area", |row, _| row.reshape(|it| it.cross())),
    Fault::found("ring-open", Found::Repaired, |row, _| row.reshape(|it| it.open())),
    Fault::found("spike", Found::Repaired, |row, _| row.reshape(|it| it.spike())),
    Fault::new("no-area", "geometry.repair_failed", |row, _| row.reshape(|it| it.flatten())),
    Fault::new("hole-outside", "geometry.repair_area", |row, _| {
        row.reshape(|it| it.put_hole_outside());
    }),
    Fault::new("axes-swapped", "geometry.degrees", |row, _| row.reshape(|it| it.swap_axes())),
    Fault::new("far-away", "geometry.bounds", |row, _| row.reshape(|it| it.move_away())),
    Fault::new("point", "geometry.kind", |row, _| row.reshape(|it| it.become_point())),
    Fault::new("line", "geometry.kind", |row, _| row.reshape(|it| it.become_line())),
    Fault::new("empty-outline", "geometry.repair_failed", |row, _| {
        row.reshape(|it| it.become_empty())
    }),
    Fault::new("with-height", "geometry.dimension", |row, _| row.reshape(|it| it.gain_height())),
    Fault::new("no-outline", "rule.not_null", |row, _| row.set_shape_text("")),
    Fault::new("outline-in-words", "geometry.type", |row, _| {
        row.set_shape_text("beside the river");
    }),
    Fault::new("twice-the-area", "rule.check", |row, _| row.set(AREA, "1200.0")),
    Fault::new("area-below-zero", "rule.minimum", |row, _| row.set(AREA, "-600.0")),
    Fault::new("area-as-word", "type.numeric", |row, _| row.set(AREA, "\"large\"")),
    Fault::new("no-such-day", "type.date", |row, _| row.set(REGISTERED, "1997-02-30")),
    Fault::new("registered-in-future", "rule.maximum", |row, _| row.set(REGISTERED, "2091-02-28")),
    Fault::new("bad-name", "rule.pattern", |row, place| row.set(LOT, format!("LOT {place}"))),
    Fault::new("no-name", "rule.required", |row, _| row.set(LOT, "")),
    Fault::new("nul", "encoding.nul", |row, _| row.set(ADDRESS, "Mill\\u0000Lane")),
    Fault::again("again"),
    Fault::found("another-with-its-name", Found::Conflict, |row, _| row.set(ADDRESS, "Elsewhere")),
];

pub(super) fn lots(order: &Order) -> Result<MadeFile> {
    let name = "lots.geojson";
    // Half a degree west of everything else.
    let grid = Grid::new(order, (150.8, -33.2), 1_000_000, &[FAULTS]);
    let mut out = OutFile::create(order, name)?;
    let mut expected = Expected::of("cadastre/lots", &["cadastre.parcel"]);
    let mut series = order.plan(&[FAULTS]);
    out.write(START.as_bytes())?;
    for place in 0..grid.rows {
        let (row, fault) = series.next(place, |place| lot(&grid, place));
        expected.record(fault.map(|fault| fault.found));
        out.write(if place == 0 { b"\n" } else { b"," })?;
        let mut feature = json_line(FEATURE, &row);
        feature.splice(feature.len() - 1.., *b"}\n");
        out.write(&feature)?;
    }
    out.write(b"]}\n")?;
    out.finish()?;
    Ok(series.made(name, vec![expected]))
}

fn lot(grid: &Grid, place: u64) -> Row {
    let mut random = grid.random(0x1075, place);
    let year = random.between(1962, 2021);
    let (registered, updated) = (random.day(year), random.day(2023));
    let address = format!("{} {}", 1 + place % 200, random.street());
    let id = (102_000_000 + place * 17).to_string();
    Row::of([&id, &grid.lot(place), &Grid::area(1.0), &registered, &updated, &address])
        .with_shape(grid.shape(place))
}
