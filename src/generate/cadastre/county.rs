//! A county's delivery: parcels, who owns them and what they are worth, in one folder.
//!
//! Of a parcel that is rejected neither owner nor value is delivered, so that a fault brings no
//! others about.

use super::{
    super::{
        Csv, Fault, MadeFile, Order, Row,
        bundle::Bundle,
        plan::Found,
        text::{HEADER_AGAIN, damaged},
    },
    grid::Grid,
    outlines::{OUTLINES, REJECTED_NEIGHBOURS},
    registers::{OWNER_FAULTS, owner},
};
use crate::error::Result;

/// Targets in the pipeline's order.
const TABLES: [&str; 3] = ["cadastre.parcel", "cadastre.owner_interest", "cadastre.valuation"];

const PARCEL: Csv = Csv::of("pin,area,registered,updated,address,wkt");
const ADDRESS: usize = 4;

const PARCEL_FAULTS: &[&[Fault<Row>]] = &[
    OUTLINES,
    REJECTED_NEIGHBOURS,
    &[
        Fault::new("bad-name", "rule.pattern", |row, place| row.set(0, format!("LOT {place}"))),
        Fault::new("twice-the-area", "rule.area", |row, _| row.set(1, "1200.0")),
        Fault::new("no-such-day", "type.date", |row, _| row.set(2, "1997-02-30")),
        Fault::again("again"),
        Fault::found("another-with-its-name", Found::Conflict, |row, _| {
            row.set(ADDRESS, "Elsewhere");
        }),
    ],
    &damaged::<ADDRESS>(),
    &HEADER_AGAIN,
];

const OWNER: Csv = Csv::of("pin,party,name,share,registered");

const VALUE: Csv = Csv::of("pin;valued;value;method").with_semicolons();

const VALUE_FAULTS: &[&[Fault<Row>]] = &[
    &[
        Fault::new("unknown-lot", "lookup.none", |row, place| row.set(0, format!("{place}//DP9"))),
        Fault::new("day-of-other-kind", "type.date", |row, _| row.set(1, "2024-07-01")),
        Fault::new("value-below-zero", "rule.minimum", |row, _| row.prefix(2, "-")),
        Fault::new("value-with-marks", "type.numeric", |row, _| row.set(2, "$162,000")),
        Fault::new("unknown-method", "rule.map", |row, _| row.set(3, "guess")),
        Fault::again("again"),
        Fault::found("another-of-its-day", Found::Conflict, |row, _| row.set(2, "1")),
    ],
    &damaged::<3>(),
    &HEADER_AGAIN,
];

pub(super) fn county(order: &Order) -> Result<MadeFile> {
    // Half a degree east of everything else.
    let grid = Grid::new(order, (151.8, -33.2), 2_000_000, PARCEL_FAULTS);
    let mut bundle = Bundle::folder(order, "county", "cadastre/county", &TABLES);
    let choose = |place, _| grid.fault(place);
    bundle.write_part(
        ("parcels.csv", 0),
        (PARCEL, PARCEL_FAULTS),
        0..grid.rows,
        choose,
        |place| parcel(&grid, place),
    )?;
    let loaded = || (0..grid.rows).filter(|place| grid.is_loaded(*place));
    bundle.part(("owners.csv", 1), OWNER, OWNER_FAULTS, loaded(), |place| {
        owner(&grid, (place, 0), 1)
    })?;
    bundle.part(("values.csv", 2), VALUE, VALUE_FAULTS, loaded(), |place| value(&grid, place))?;
    bundle.finish()
}

fn parcel(grid: &Grid, place: u64) -> Row {
    let mut random = grid.random(0xC047, place);
    let year = random.between(1960, 2020);
    let (registered, updated) = (random.day(year), random.day(2023));
    let address = format!("{} {}", 1 + place % 200, random.street());
    Row::of([&grid.lot(place), &Grid::area(1.0), &registered, &updated, &address])
        .with_shape(grid.shape(place))
}

fn value(grid: &Grid, place: u64) -> Row {
    let mut random = grid.random(0xC048, place);
    let value = (1000 * random.between(95, 1900)).to_string();
    let method = random.pick(&["Comparison", "Income", "Cost"]);
    Row::of([&grid.lot(place), "01/07/2024", &value, method])
}
