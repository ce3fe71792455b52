//! Property sales in the style of a land registry: 17 columns, all quoted, no header, gzipped.
//!
//! One line in 40 takes a transaction back, and is for no table.

use super::{
    Csv, Expected, Fault, MadeFile, Order, OutFile, Row,
    plan::Found,
    random::Random,
    text::{OTHER_END, damaged},
};
use crate::error::Result;

const CSV: Csv = Csv::of("").quoted();
const TRANSACTION: usize = 0;
const PRICE: usize = 1;
const DATE: usize = 2;
const POSTCODE: usize = 3;
const KIND: usize = 4;
const NEW: usize = 5;
const FLAT: usize = 8;
const STREET: usize = 9;
const TOWN: usize = 11;
const STATUS: usize = 15;
const LOT: usize = 16;

const FAULTS: &[Fault<Row>] = &[
    Fault::new("no-uuid", "type.uuid", |row, _| row.set(TRANSACTION, "{first sale}")),
    Fault::new("price-in-words", "type.numeric", |row, _| row.set(PRICE, "on application")),
    Fault::new("price-with-marks", "type.numeric", |row, _| row.set(PRICE, "$1,250,000")),
    Fault::new("price-overflows", "type.numeric", |row, _| row.set(PRICE, "1234567890123")),
    Fault::new("price-too-fine", "type.numeric", |row, _| row.set(PRICE, "450000.125")),
    Fault::new("price-of-nothing", "rule.minimum", |row, _| row.set(PRICE, "0")),
    Fault::new("no-such-day", "type.date", |row, _| row.set(DATE, "2024-02-30 00:00")),
    Fault::new("day-first", "type.date", |row, _| row.set(DATE, "31/12/2024")),
    Fault::new("with-a-time", "type.date", |row, _| row.set(DATE, "2024-02-28 15:30")),
    Fault::new("year-26", "rule.minimum", |row, _| row.set(DATE, "0026-02-28 00:00")),
    Fault::new("sold-in-future", "rule.maximum", |row, _| row.set(DATE, "2091-02-28 00:00")),
    Fault::new("postcode-without-zero", "rule.pattern", |row, _| row.set(POSTCODE, "891")),
    Fault::new("unknown-kind", "rule.map", |row, _| row.set(KIND, "X")),
    Fault::new("new-or-not", "type.boolean", |row, _| row.set(NEW, "?")),
    Fault::new("no-town", "rule.required", |row, _| row.set(TOWN, "")),
    Fault::new("flat-without-number", "rule.check", |row, _| {
        row.set(KIND, "F");
        row.set(FLAT, "");
    }),
    Fault::new("no-lot", "rule.pattern", |row, _| row.set(LOT, "LOT 7")),
    Fault::again("again"),
    // The later line counts, as the pipeline has it.
    Fault::found("again-at-another-price", Found::Duplicate, |row, _| row.set(PRICE, "999000")),
];

pub(super) fn generate(order: &Order) -> Result<Vec<MadeFile>> {
    let name = "sales.csv.gz";
    let mut out = OutFile::gzip(order, name)?;
    let mut expected = Expected::of("property/sales", &["property.sale"]);
    let mut series = order.plan(&[FAULTS, const { &damaged::<STREET>() }, &OTHER_END]);
    for place in 0..order.rows {
        let may_go = ![place, place + 1].iter().any(|place| series.is_faulty(*place));
        let (mut row, fault) = series.next(place, |place| sale(order, place));
        expected.record(fault.map(|fault| fault.found));
        if place % 40 == 11 && may_go {
            row.set(STATUS, "D");
            expected.tables[0].filtered += 1;
        }
        out.write(&CSV.line(&row))?;
    }
    out.finish()?;
    Ok(vec![series.made(name, vec![expected])])
}

fn sale(order: &Order, place: u64) -> Row {
    let mut random = Random::new(order.seed ^ 0x5A1E, place);
    let kind = random.pick(&["D", "S", "T", "F", "O"]);
    let price = 1000 * random.between(95, 1900) + 250 * random.below(4);
    let flat = random.between(1, 60);
    let flat = if kind == "F" { format!("FLAT {flat}") } else { String::new() };
    let (lot, plan) = (random.between(1, 50), 700_000 + random.below(order.rows / 50 + 1));
    Row::of([
        &format!("{{{}}}", random.uuid().to_uppercase()),
        &price.to_string(),
        &format!("{} 00:00", random.day(2024)),
        &format!("{:04}", random.between(890, 899)),
        kind,
        random.pick(&["N", "N", "N", "N", "Y"]),
        if kind == "F" { "L" } else { "F" },
        &random.between(1, 240).to_string(),
        &flat,
        &random.street().to_uppercase(),
        random.pick(&["Ferry Point", "Old Quarry", "Saltpan", "Café Corner"]),
        "KARRAWONG",
        "SALTPAN COAST",
        "FERRY SHIRE",
        "A",
        "A",
        &format!("{lot}//DP{plan}"),
    ])
}
