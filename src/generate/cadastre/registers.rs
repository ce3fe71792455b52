//! What is said of parcels: addresses on them, who owns them, what they are worth.

use super::{
    super::{
        Csv, Expected, Fault, MadeFile, Order, OutFile, Row, csv_file,
        plan::Found,
        sheet::{Cell, ROWS, SheetRow, damaged as damaged_sheet, set_day_60, sheet_file},
        text::{HEADER_AGAIN, OTHER_END, damaged},
    },
    grid::Grid,
    parcels::is_divided,
};
use crate::error::Result;

/// Parcels that are in the table after parcels and changes were loaded.
fn loaded(grid: &Grid) -> impl Iterator<Item = u64> {
    (0..grid.rows).filter(|place| grid.is_loaded(*place) && !is_divided(grid, *place))
}

const ADDRESS: Csv = Csv::of("ref,lot,number,street,postcode,longitude,latitude");
const LOT: usize = 1;
const STREET: usize = 3;
const POSTCODE: usize = 4;
const LONGITUDE: usize = 5;
const LATITUDE: usize = 6;

const ADDRESS_FAULTS: &[&[Fault<Row>]] = &[
    &[
        Fault::new("unknown-lot", "lookup.none", |row, place| {
            row.set(LOT, format!("{place}//DP9"))
        }),
        // On the other side of the street but one.
        Fault::new("outside-of-lot", "rule.inside", |row, _| {
            let longitude: f64 = row.get(LONGITUDE).parse().unwrap_or(0.0);
            row.set(LONGITUDE, format!("{:.8}", longitude + 0.001_073));
        }),
        Fault::new("axes-swapped", "geometry.degrees", |row, _| {
            let (longitude, latitude) =
                (row.get(LONGITUDE).to_owned(), row.get(LATITUDE).to_owned());
            row.set(LONGITUDE, latitude);
            row.set(LATITUDE, longitude);
        }),
        Fault::new("far-away", "geometry.bounds", |row, _| row.set(LONGITUDE, "91.25")),
        Fault::new("half-a-point", "geometry.point", |row, _| row.set(LATITUDE, "")),
        Fault::new("not-a-number", "geometry.not_finite", |row, _| row.set(LATITUDE, "NaN")),
        Fault::new("no-point", "rule.not_null", |row, _| {
            row.set(LONGITUDE, "");
            row.set(LATITUDE, "");
        }),
        Fault::new("postcode-with-letter", "rule.pattern", |row, _| row.set(POSTCODE, "89O")),
        Fault::new("postcode-without-zero", "rule.pattern", |row, _| row.set(POSTCODE, "890")),
        Fault::new("no-street", "rule.required", |row, _| row.set(STREET, "")),
        Fault::again("again"),
        Fault::found("another-with-its-ref", Found::Conflict, |row, _| row.set(POSTCODE, "0899")),
    ],
    &damaged::<STREET>(),
    &HEADER_AGAIN,
    &OTHER_END,
];

pub(super) fn addresses(order: &Order, grid: &Grid) -> Result<MadeFile> {
    csv_file(
        order,
        ("addresses.csv", ADDRESS),
        ("cadastre/addresses", "cadastre.address"),
        ADDRESS_FAULTS,
        loaded(grid),
        |place| {
            let mut random = grid.random(0xADD2, place);
            // Ten metres from two sides.
            let (x, y) = grid.degrees(place, (10.0, 10.0));
            Row::of([
                &format!("K{place:08}"),
                &grid.lot(place),
                &(1 + place % 200).to_string(),
                &random.street(),
                "0890",
                &format!("{x:.8}"),
                &format!("{y:.8}"),
            ])
        },
    )
}

/// Faults of a parcel's only owner, so that they spoil no sum of shares; and the sum itself.
pub(super) const OWNER_FAULTS: &[&[Fault<Row>]] = &[
    &[
        Fault::new("not-whole", "rule.total", |row, _| row.set(3, "2/3")),
        Fault::new("more-than-whole", "constraint.check", |row, _| row.set(3, "4/3")),
        Fault::new("unknown-lot", "lookup.none", |row, place| row.set(0, format!("{place}//DP9"))),
        Fault::new("no-such-day", "type.date", |row, _| row.set(4, "31/04/2019")),
        Fault::new("month-first", "type.date", |row, _| row.set(4, "04/28/2019")),
        Fault::new("no-owner", "rule.required", |row, _| row.set(2, "")),
        Fault::new("share-of-nothing", "rule.minimum", |row, _| row.set(3, "0/3")),
        Fault::new("share-overflows", "type.integer", |row, _| row.set(3, "1/99999999999")),
        Fault::again("again"),
    ],
    &damaged::<2>(),
    &HEADER_AGAIN,
];
/// An owner's row; the first field is the parcel's name.
pub(super) fn owner(grid: &Grid, (place, number): (u64, u64), of: u64) -> Row {
    let mut random = grid.random(0x0E4E + number, place);
    let (family, given) = random.person();
    let (party, name) = (format!("P{place:09}{number}"), format!("{given} {family}"));
    Row::of([&grid.lot(place), &party, &name, &format!("1/{of}"), "17/04/2019"])
}

pub(super) fn owners(order: &Order, grid: &Grid) -> Result<MadeFile> {
    let name = "owners.csv";
    let csv = Csv::of("lot,party,name,share,registered");
    let mut out = OutFile::create(order, name)?;
    out.write(&csv.header_line())?;
    let mut expected = Expected::of("cadastre/owners", &["cadastre.owner_interest"]);
    let mut series = order.plan(OWNER_FAULTS);
    let mut at = 0;
    for place in loaded(grid) {
        // Three owners where nothing is wrong with any of them, and with nobody beside them.
        let is_shared = place % 4 == 0 && (at..at + 4).all(|at| !series.is_faulty(at));
        let of = if is_shared { 3 } else { 1 };
        for number in 0..of {
            let (row, fault) = series.next(place, |place| owner(grid, (place, number), of));
            expected.record(fault.map(|fault| fault.found));
            out.write(&csv.line(&row))?;
            at += 1;
        }
    }
    out.finish()?;
    Ok(series.made(name, vec![expected]))
}

const VALUATION: [&str; 4] = ["Lot", "Valued on", "Value", "Method"];
const VALUED_ON: usize = 1;
const VALUE: usize = 2;
const METHOD: usize = 3;

const VALUATION_FAULTS: &[&[Fault<SheetRow>]] = &[
    &[
        Fault::new("day-as-text", "type.date", |row, _| row[VALUED_ON] = Cell::text("30/06/2024")),
        Fault::new("day-that-never-was", "sheet.date", |row, _| set_day_60(row, VALUED_ON)),
        Fault::new("day-with-time", "type.date", |row, _| row[VALUED_ON] = Cell::Serial(45473.4)),
        Fault::new("valued-in-future", "rule.maximum", |row, _| {
            row[VALUED_ON] = Cell::Day("2091-06-30".to_owned());
        }),
        Fault::new("value-below-zero", "rule.minimum", |row, _| row[VALUE] = Cell::Number(-1000.0)),
        Fault::new("value-in-words", "type.numeric", |row, _| row[VALUE] = Cell::text("a lot")),
        Fault::new("value-overflows", "type.numeric", |row, _| row[VALUE] = Cell::Number(1e18)),
        Fault::new("unknown-method", "rule.map", |row, _| row[METHOD] = Cell::text("guess")),
        Fault::new("unknown-lot", "lookup.none", |row, place| {
            row[0] = Cell::Text(format!("{place}//DP9"));
        }),
        Fault::again("again"),
        Fault::found("another-of-its-day", Found::Conflict, |row, _| {
            row[VALUE] = Cell::Number(1.0)
        }),
    ],
    &damaged_sheet::<VALUE, { VALUATION.len() }>(),
];

pub(super) fn valuations(order: &Order, grid: &Grid) -> Result<MadeFile> {
    let title = "Municipality of Karrawong: valuation roll";
    sheet_file(
        order,
        (("valuations.xlsx", "Roll", title), &VALUATION),
        ("cadastre/valuations", "cadastre.valuation"),
        VALUATION_FAULTS,
        loaded(grid).take(usize::try_from(ROWS).unwrap_or(usize::MAX)),
        |place| {
            let mut random = grid.random(0x7A1E, place);
            vec![
                Cell::Text(grid.lot(place)),
                Cell::Day("2024-06-30".to_owned()),
                Cell::number(1000 * random.between(95, 1900)),
                Cell::text(random.pick(&["Comparison", "Income", "Cost"])),
            ]
        },
    )
}
