//! The whole municipality of Karrawong, every night, and a delivery of changes to it.

use super::{
    super::{
        Csv, Expected, Fault, MadeFile, Order, OutFile, Row,
        plan::Found,
        text::{HEADER_AGAIN, OTHER_END, damaged},
    },
    grid::Grid,
    outlines::{OUTLINES, WARNED_NEIGHBOURS},
};
use crate::error::Result;

const CSV: Csv = Csv::of("lot,area,registered,updated,municipality,address,wkt");
const LOT: usize = 0;
const AREA: usize = 1;
const REGISTERED: usize = 2;
const MUNICIPALITY: usize = 4;
const ADDRESS: usize = 5;

const FAULTS: &[Fault<Row>] = &[
    Fault::new("twice-the-area", "rule.area", |row, _| row.set(AREA, "1200.0")),
    Fault::new("area-below-zero", "rule.minimum", |row, _| row.set(AREA, "-600.0")),
    Fault::new("area-as-word", "type.numeric", |row, _| row.set(AREA, "half an acre")),
    Fault::new("area-overflows", "type.numeric", |row, _| row.set(AREA, "123456789012345.0")),
    Fault::new("no-such-day", "type.date", |row, _| row.set(REGISTERED, "1997-02-30")),
    Fault::new("day-first", "type.date", |row, _| row.set(REGISTERED, "28/02/1997")),
    Fault::new("registered-in-future", "rule.maximum", |row, _| row.set(REGISTERED, "2091-02-28")),
    Fault::new("bad-name", "rule.pattern", |row, place| row.set(LOT, format!("LOT {place}"))),
    Fault::new("no-municipality", "rule.required", |row, _| row.set(MUNICIPALITY, "")),
    Fault::again("again"),
    Fault::found("another-with-its-name", Found::Conflict, |row, _| row.set(ADDRESS, "Elsewhere")),
];

/// Kinds of faults of the nightly file.
pub(super) const ALL: &[&[Fault<Row>]] =
    &[OUTLINES, FAULTS, WARNED_NEIGHBOURS, &damaged::<ADDRESS>(), &HEADER_AGAIN, &OTHER_END];

pub(super) fn parcels(order: &Order, grid: &Grid) -> Result<MadeFile> {
    let name = "parcels.csv";
    let mut out = OutFile::create(order, name)?;
    out.write(&CSV.header_line())?;
    let mut expected = Expected::of("cadastre/parcels", &["cadastre.parcel"]);
    let mut series = order.plan(ALL);
    for place in 0..grid.rows {
        let fault = grid.fault(place);
        let row = series.next_with(place, fault, |place| parcel(grid, place));
        expected.record(fault.map(|fault| fault.found));
        out.write(&CSV.line(&row))?;
    }
    out.finish()?;
    Ok(series.made(name, vec![expected]))
}

fn parcel(grid: &Grid, place: u64) -> Row {
    let mut random = grid.random(0xCADA, place);
    let year = random.between(1960, 2020);
    let (registered, updated) = (random.day(year), random.day(2023));
    let address = format!("{} {}", 1 + place % 200, random.street());
    let area = Grid::area(1.0);
    Row::of([&grid.lot(place), &area, &registered, &updated, "Karrawong", &address])
        .with_shape(grid.shape(place))
}

const CHANGES: Csv = Csv::of("change,lot,area,registered,updated,municipality,address,wkt");
const CHANGE: usize = 0;
const CHANGED_AREA: usize = 2;
const CHANGED_ON: usize = 4;
const CHANGED_ADDRESS: usize = 6;

const CHANGE_FAULTS: &[&[Fault<Row>]] = &[
    OUTLINES,
    &[
        Fault::new("unknown-change", "rule.operation", |row, _| row.set(CHANGE, "moved")),
        Fault::new("area-as-word", "type.numeric", |row, _| row.set(CHANGED_AREA, "large")),
        Fault::new("day-first", "type.date", |row, _| row.set(CHANGED_ON, "28/02/2024")),
        // On a parcel that is there already and stays as it is.
        Fault::new("onto-neighbour", "rule.overlap", |row, _| row.reshape(|it| it.widen(0.1))),
        Fault::again("again"),
    ],
    &damaged::<CHANGED_ADDRESS>(),
    &HEADER_AGAIN,
];

/// A delivery of changes: many parcels have another address, and some are divided, each into two
/// new ones. Faults are among the former, so that they touch nobody else.
pub(super) fn changes(order: &Order, grid: &Grid) -> Result<MadeFile> {
    let name = "changes.csv";
    let mut out = OutFile::create(order, name)?;
    out.write(&CHANGES.header_line())?;
    let mut expected = Expected::of("cadastre/changes", &["cadastre.parcel"]);
    let mut series = order.plan(CHANGE_FAULTS);
    // What is beside one of these is neither changed nor divided.
    let changed = (0..grid.rows)
        .filter(|place| place % 2 == 1 && grid.is_at_peace(*place) && !is_divided(grid, *place));
    for place in changed {
        let (row, fault) = series.next(place, |place| {
            Row::of([
                "changed",
                &grid.lot(place),
                &Grid::area(1.0),
                "1998-07-29",
                "2024-11-20",
                "Karrawong",
                &format!("{place} Renamed Street"),
            ])
            .with_shape(grid.shape(place))
        });
        expected.record(fault.map(|fault| fault.found));
        out.write(&CHANGES.line(&row))?;
    }
    for place in (0..grid.rows).filter(|place| is_divided(grid, *place)) {
        for (part, from, to) in [('a', 0.0, 0.5), ('b', 0.5, 1.0)] {
            expected.record(None);
            let (name, area, day) = (grid.part(place, part), Grid::area(0.5), "2024-11-20");
            let row = Row::of(["new", &name, &area, day, day, "Karrawong", ""]);
            out.write(&CHANGES.line(&row.with_shape(grid.slice(place, from, to))))?;
        }
        expected.record(None);
        let mut row = Row::of(["cancelled", &grid.lot(place), "", "", "", "", ""]);
        row.set_shape_text("");
        out.write(&CHANGES.line(&row))?;
    }
    out.finish()?;
    Ok(series.made(name, vec![expected]))
}

/// Whether a parcel is divided by the delivery of changes; nothing else is delivered of it.
pub(super) fn is_divided(grid: &Grid, place: u64) -> bool {
    place % 40 == 17 && grid.is_at_peace(place)
}
