//! A trading platform: assets, markets, bars, trades, orders and what filled them.
//!
//! The last tenth of the trades comes again with a late delivery, together with as many new ones:
//! each trade is known by the exchange's number and loaded once.

use std::ops::Range;

use super::{
    Csv, Expected, Fault, FaultPlan, MadeFile, Order, OutFile, Row, csv_file,
    plan::Found,
    random::Random,
    text::{HEADER_AGAIN, damaged, damaged_json, json_line},
};
use crate::error::Result;

const ASSETS: [(&str, &str, &str); 5] = [
    ("TEA", "Tea, a chest", "8"),
    ("SILK", "Silk, a bale", "8"),
    ("SALT", "Salt, a ton", "4"),
    ("RICE", "Rice, a ton", "4"),
    ("USD", "Dollar", "2"),
];

/// Markets: all assets but the last, against the last.
const MARKETS: u64 = 4;

/// Seconds of 2024-09-30 23:00 UTC: an hour later the next month begins, and its partition.
const BEGINNING: u64 = 1_727_737_200;

pub(super) fn generate(order: &Order) -> Result<Vec<MadeFile>> {
    let late = (order.rows * 9 / 10)..(order.rows * 11 / 10);
    Ok(vec![
        assets(order)?,
        markets(order)?,
        bars(order)?,
        trades(order, "trades.csv.gz", 0..order.rows)?,
        trades(order, "trades-late.csv.gz", late)?,
        orders(order)?,
        fills(order)?,
    ])
}

fn asset(place: u64) -> (&'static str, &'static str, &'static str) {
    ASSETS[usize::try_from(place).unwrap_or(0) % ASSETS.len()]
}

fn market(place: u64) -> String {
    format!("{}-USD", asset(place % MARKETS).0)
}

/// A decimal of hundredths.
fn decimal(hundredths: u64) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// About what a market's asset costs, in cents; half a percent up or down.
fn price(random: &mut Random, place: u64) -> u64 {
    let about = 10_000 * (1 + place % MARKETS);
    about - about / 200 + random.below(about / 100)
}

fn assets(order: &Order) -> Result<MadeFile> {
    csv_file(
        order,
        ("assets.csv", Csv::of("Symbol,Name,Decimals")),
        ("market/assets", "market.asset"),
        &[],
        0..5,
        |place| {
            let (symbol, title, decimals) = asset(place);
            Row::of([symbol, title, decimals])
        },
    )
}

fn markets(order: &Order) -> Result<MadeFile> {
    csv_file(
        order,
        ("markets.csv", Csv::of("Market,Base,Quote,Open")),
        ("market/markets", "market.market"),
        &[],
        0..MARKETS,
        |place| Row::of([&market(place), asset(place).0, "USD", "yes"]),
    )
}

const BAR_MARKET: usize = 0;
const BAR_INTERVAL: usize = 1;
const BAR_TIME: usize = 2;
const HIGH: usize = 4;
const LOW: usize = 5;
const CLOSE: usize = 6;
const VOLUME: usize = 7;

const BAR_FAULTS: &[Fault<Row>] = &[
    // Neither the first price nor the last is between them then, and each is a constraint.
    Fault::found("high-below-low", Found::RejectedTimes("constraint.check", 3), |row, _| {
        row.set(HIGH, "0.01");
        row.set(LOW, "99999.00");
    }),
    Fault::new("volume-below-zero", "rule.minimum", |row, _| row.prefix(VOLUME, "-")),
    Fault::new("unknown-market", "lookup.none", |row, _| row.set(BAR_MARKET, "GOLD-USD")),
    Fault::new("bad-interval", "rule.pattern", |row, _| row.set(BAR_INTERVAL, "a minute")),
    Fault::new("time-of-day", "type.timestamptz", |row, _| row.set(BAR_TIME, "23:00")),
    Fault::new("no-number", "type.numeric", |row, _| row.set(CLOSE, "n.a.")),
    Fault::new("decimal-comma", "type.numeric", |row, _| row.set(CLOSE, "101,25")),
    Fault::new("price-overflows", "type.numeric", |row, _| row.set(CLOSE, "1e30")),
    Fault::again("again"),
    Fault::found("another-of-its-minute", Found::Conflict, |row, _| row.set(VOLUME, "5000.01")),
];

/// Without a header; times are seconds since 1970.
fn bars(order: &Order) -> Result<MadeFile> {
    csv_file(
        order,
        ("bars.csv", Csv::of("")),
        ("market/bars", "market.price_history"),
        &[BAR_FAULTS, const { &damaged::<BAR_MARKET>() }],
        0..order.rows,
        |place| bar(order, place),
    )
}

fn bar(order: &Order, place: u64) -> Row {
    let mut random = Random::new(order.seed ^ 0xBA25, place);
    let (open, close) = (price(&mut random, place), price(&mut random, place));
    let high = open.max(close) + random.below(20);
    let low = open.min(close) - random.below(20);
    let volume = decimal(1 + random.below(100_000));
    let time = (BEGINNING + place / MARKETS * 60).to_string();
    let [open, high, low, close] = [open, high, low, close].map(decimal);
    Row::of([&market(place), "1m", &time, &open, &high, &low, &close, &volume])
}

const TRADE: Csv = Csv::of("id,market,time,price,quantity,side");
const TRADE_ID: usize = 0;
const TRADE_MARKET: usize = 1;
const TRADE_TIME: usize = 2;
const PRICE: usize = 3;
const QUANTITY: usize = 4;
const SIDE: usize = 5;

const TRADE_FAULTS: &[&[Fault<Row>]] = &[
    &[
        Fault::new("no-quantity", "constraint.check", |row, _| row.set(QUANTITY, "0.00")),
        Fault::new("price-below-zero", "rule.minimum", |row, _| row.prefix(PRICE, "-")),
        // More decimals than the column has, none of them a zero.
        Fault::new("price-too-fine", "type.numeric", |row, _| {
            row.set(PRICE, "101.2512345678901234567");
        }),
        Fault::new("unknown-side", "rule.map", |row, _| row.set(SIDE, "X")),
        Fault::new("unknown-market", "lookup.none", |row, _| row.set(TRADE_MARKET, "GOLD-USD")),
        Fault::new("no-id", "rule.required", |row, _| row.set(TRADE_ID, "")),
        Fault::new("day-first", "type.timestamptz", |row, _| row.set(TRADE_TIME, "30/09/2024")),
        Fault::new("time-as-power", "type.timestamptz", |row, _| {
            row.set(TRADE_TIME, "1.72774E+12");
        }),
        Fault::new("time-overflows", "type.timestamptz", |row, _| {
            row.set(TRADE_TIME, "99999999999999999999");
        }),
        Fault::again("again"),
        Fault::found("another-with-its-id", Found::Conflict, |row, _| {
            row.set(QUANTITY, "500.01");
        }),
    ],
    &damaged::<TRADE_ID>(),
    &HEADER_AGAIN,
];

/// Compressed; times are milliseconds since 1970.
///
/// A delivery that begins within another has the same records, and faults of its own.
fn trades(order: &Order, name: &str, places: Range<u64>) -> Result<MadeFile> {
    let mut out = OutFile::gzip(order, name)?;
    out.write(&TRADE.header_line())?;
    let mut expected = Expected::of("market/trades", &["market.trades"]);
    let mut series = order.plan(TRADE_FAULTS);
    for place in places {
        let (row, fault) = series.next(place, |place| trade(order, place));
        expected.record(fault.map(|fault| fault.found));
        out.write(&TRADE.line(&row))?;
    }
    out.finish()?;
    Ok(series.made(name, vec![expected]))
}

fn trade(order: &Order, place: u64) -> Row {
    let mut random = Random::new(order.seed ^ 0x72AD, place);
    let time = (BEGINNING * 1000 + place * 10_007).to_string();
    let price = decimal(price(&mut random, place));
    let quantity = decimal(random.between(1, 50_000));
    let side = random.pick(&["B", "S", ""]);
    Row::of([&format!("t{place}"), &market(place), &time, &price, &quantity, side])
}

/// What stands between the fields of an order.
const ORDER: &[&str] = &[
    r#"{"id":""#,
    r#"","market":""#,
    r#"","account":""#,
    r#"","side":""#,
    r#"","status":""#,
    r#"","terms":{"limit":"#,
    r#","quantity":"#,
    r#"},"at":""#,
    r#""}"#,
];
const ORDER_MARKET: usize = 1;
const ACCOUNT: usize = 2;
const STATUS: usize = 4;
const LIMIT: usize = 5;
const AMOUNT: usize = 6;
const ORDERED_AT: usize = 7;

const ORDER_FAULTS: &[&[Fault<Row>]] = &[
    &[
        Fault::new("unknown-status", "type.enum", |row, _| row.set(STATUS, "lost")),
        Fault::new("unknown-market", "lookup.none", |row, _| row.set(ORDER_MARKET, "GOLD-USD")),
        Fault::new("no-quantity", "rule.not_null", |row, _| row.set(AMOUNT, "null")),
        Fault::new("quantity-of-nothing", "constraint.check", |row, _| row.set(AMOUNT, "0")),
        Fault::new("limit-below-zero", "rule.minimum", |row, _| row.prefix(LIMIT, "-")),
        Fault::new("bad-moment", "type.timestamptz", |row, _| row.set(ORDERED_AT, "soon")),
        Fault::new("moment-without-zone", "type.timestamptz", |row, _| {
            row.set(ORDERED_AT, "2024-10-01T09:30:00");
        }),
        Fault::again("again"),
        Fault::found("another-with-its-id", Found::Conflict, |row, _| row.set(AMOUNT, "9001")),
    ],
    &damaged_json::<ACCOUNT>(),
];

/// One order for five trades.
fn order_count(order: &Order) -> u64 {
    order.rows.div_ceil(5)
}

fn orders(order: &Order) -> Result<MadeFile> {
    let name = "orders.jsonl";
    let mut out = OutFile::create(order, name)?;
    let mut expected = Expected::of("market/orders", &["market.orders"]);
    let mut series = order.plan(ORDER_FAULTS);
    for place in 0..order_count(order) {
        let (row, fault) = series.next(place, |place| ordered(order, place));
        expected.record(fault.map(|fault| fault.found));
        out.write(&json_line(ORDER, &row))?;
    }
    out.finish()?;
    Ok(series.made(name, vec![expected]))
}

fn ordered(order: &Order, place: u64) -> Row {
    let mut random = Random::new(order.seed ^ 0x02DE, place);
    let quantity = decimal(random.between(100, 9_000));
    let side = if place % 3 != 2 { "buy" } else { "sell" };
    let limit = decimal(price(&mut random, place));
    let at = format!("2024-10-{:02}T09:30:00.250Z", 1 + place % 28);
    let (id, account) = (format!("o{place}"), format!("account-{}", place % 7));
    Row::of([&id, &market(place), &account, side, "filled", &limit, &quantity, &at])
}

const FILL: Csv = Csv::of("Trade;Order;Market;Price;Quantity;Fee;Filled").with_semicolons();
const FILL_TRADE: usize = 0;
const FILL_ORDER: usize = 1;
const FILL_PRICE: usize = 3;
const FILL_QUANTITY: usize = 4;
const FILLED_AT: usize = 6;

const FILL_FAULTS: &[Fault<Row>] = &[
    Fault::new("unknown-order", "lookup.none", |row, _| row.prefix(FILL_ORDER, "x")),
    Fault::new("no-number", "type.numeric", |row, _| row.set(FILL_PRICE, "market")),
    Fault::new("decimal-point", "type.numeric", |row, _| row.set(FILL_PRICE, "101.25")),
    Fault::new("quantity-below-zero", "constraint.check", |row, _| row.prefix(FILL_QUANTITY, "-")),
    Fault::new("no-time", "rule.not_null", |row, _| row.set(FILLED_AT, "")),
    Fault::new("moment-without-zone", "type.timestamptz", |row, _| {
        row.set(FILLED_AT, "2024-10-01T10:15:00");
    }),
    Fault::again("again"),
];

/// Every sound order is filled in two parts. ISO times, and commas before decimals.
fn fills(order: &Order) -> Result<MadeFile> {
    let plan = FaultPlan::new(&order.faults, ORDER_FAULTS);
    // Nor is an order loaded that another one contradicts.
    let is_sound = move |place: &u64| plan.at(*place).is_none() && plan.at(place + 1).is_none();
    csv_file(
        order,
        ("fills.csv", FILL),
        ("market/fills", "market.fills"),
        &[FILL_FAULTS, const { &damaged::<FILL_TRADE>() }, &HEADER_AGAIN],
        (0..order_count(order)).filter(is_sound).flat_map(|place| [2 * place, 2 * place + 1]),
        |part| fill(order, part),
    )
}

fn fill(order: &Order, part: u64) -> Row {
    let place = part / 2;
    let mut random = Random::new(order.seed ^ 0xF177, part);
    let comma = |hundredths: u64| decimal(hundredths).replace('.', ",");
    let price = comma(price(&mut random, place));
    let quantity = comma(random.between(50, 4_000));
    let at = format!("2024-10-{:02}T10:{:02}:{:02}Z", 1 + place % 28, random.below(60), part % 2);
    let fee = comma(random.below(200));
    let (trade, of) = (format!("f{place}-{}", part % 2 + 1), format!("o{place}"));
    Row::of([&trade, &of, &market(place), &price, &quantity, &fee, &at])
}
