//! A trading platform: assets, markets, bars, trades, orders and what filled them.
//!
//! The last tenth of the trades comes again with a late delivery, together with as many new ones:
//! each trade is known by the exchange's number and loaded once.

use std::{io::Write, ops::Range};

use flate2::{Compression, write::GzEncoder};

use super::{Expected, MadeFile, Order, TextFile, cannot_write, plan::FaultPlan, random::Random};
use crate::error::Result;

const ASSETS: [(&str, &str, u32); 5] = [
    ("TEA", "Tea, a chest", 8),
    ("SILK", "Silk, a bale", 8),
    ("SALT", "Salt, a ton", 4),
    ("RICE", "Rice, a ton", 4),
    ("USD", "Dollar", 2),
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

fn market(place: u64) -> String {
    let at = usize::try_from(place % MARKETS).unwrap_or(0);
    format!("{}-USD", ASSETS[at].0)
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
    let name = "assets.csv";
    let mut out = TextFile::create(order, name)?;
    out.line(b"Symbol,Name,Decimals")?;
    let mut expected = Expected::of("market/assets");
    for (symbol, title, decimals) in ASSETS {
        expected.record(None);
        out.line(format!("{symbol},\"{title}\",{decimals}").as_bytes())?;
    }
    out.finish()?;
    Ok(MadeFile { file: name.to_owned(), expected: vec![expected] })
}

fn markets(order: &Order) -> Result<MadeFile> {
    let name = "markets.csv";
    let mut out = TextFile::create(order, name)?;
    out.line(b"Market,Base,Quote,Open")?;
    let mut expected = Expected::of("market/markets");
    for place in 0..MARKETS {
        expected.record(None);
        let symbol = market(place);
        let (base, quote) = symbol.split_once('-').unwrap_or((&symbol, "USD"));
        out.line(format!("{symbol},{base},{quote},yes").as_bytes())?;
    }
    out.finish()?;
    Ok(MadeFile { file: name.to_owned(), expected: vec![expected] })
}

/// What is wrong with a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BarFault {
    HighBelowLow,
    NegativeVolume,
    UnknownMarket,
    BadInterval,
    BadTime,
    NoNumber,
}

const BAR_FAULTS: &[BarFault] = &[
    BarFault::HighBelowLow,
    BarFault::NegativeVolume,
    BarFault::UnknownMarket,
    BarFault::BadInterval,
    BarFault::BadTime,
    BarFault::NoNumber,
];

/// Without a header; times are seconds since 1970.
fn bars(order: &Order) -> Result<MadeFile> {
    let name = "bars.csv";
    let mut out = TextFile::create(order, name)?;
    let mut expected = Expected::of("market/bars");
    let faults = FaultPlan::new(order.faults, BAR_FAULTS);
    for place in 0..order.rows {
        let fault = faults.at(place);
        expected.record(fault.map(|fault| match fault {
            BarFault::HighBelowLow => "constraint.check",
            BarFault::NegativeVolume => "rule.minimum",
            BarFault::UnknownMarket => "lookup.none",
            BarFault::BadInterval => "rule.pattern",
            BarFault::BadTime => "type.timestamptz",
            BarFault::NoNumber => "type.numeric",
        }));
        if fault == Some(BarFault::HighBelowLow) {
            // Neither the first price nor the last is between them then, and each is a constraint.
            *expected.violations.entry("constraint.check".to_owned()).or_default() += 2;
        }
        out.line(bar(order, place, fault).as_bytes())?;
    }
    out.finish()?;
    Ok(MadeFile { file: name.to_owned(), expected: vec![expected] })
}

fn bar(order: &Order, place: u64, fault: Option<BarFault>) -> String {
    let mut random = Random::new(order.seed ^ 0xBA25, place);
    let (open, close) = (price(&mut random, place), price(&mut random, place));
    let high = open.max(close) + random.below(20);
    let low = open.min(close) - random.below(20);
    let (high, low) = match fault {
        // Both stay apart, whatever chance says.
        Some(BarFault::HighBelowLow) => (low, high + 1),
        _ => (high, low),
    };
    let market = match fault {
        Some(BarFault::UnknownMarket) => "GOLD-USD".to_owned(),
        _ => market(place),
    };
    let interval = if fault == Some(BarFault::BadInterval) { "a minute" } else { "1m" };
    let time = match fault {
        Some(BarFault::BadTime) => "23:00".to_owned(),
        _ => (BEGINNING + place / MARKETS * 60).to_string(),
    };
    let close = match fault {
        Some(BarFault::NoNumber) => "n.a.".to_owned(),
        _ => decimal(close),
    };
    let sign = if fault == Some(BarFault::NegativeVolume) { "-" } else { "" };
    let volume = decimal(1 + random.below(100_000));
    let [open, high, low] = [open, high, low].map(decimal);
    format!("{market},{interval},{time},{open},{high},{low},{close},{sign}{volume}")
}

/// What is wrong with a trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TradeFault {
    NoQuantity,
    NegativePrice,
    TooFine,
    UnknownSide,
    UnknownMarket,
    NoId,
    BadTime,
    Ragged,
    /// The trade before it once more: no rejection, but a duplicate.
    Again,
}

const TRADE_FAULTS: &[TradeFault] = &[
    TradeFault::NoQuantity,
    TradeFault::NegativePrice,
    TradeFault::TooFine,
    TradeFault::UnknownSide,
    TradeFault::UnknownMarket,
    TradeFault::NoId,
    TradeFault::BadTime,
    TradeFault::Ragged,
    TradeFault::Again,
];

impl TradeFault {
    fn code(self) -> Option<&'static str> {
        match self {
            TradeFault::NoQuantity => Some("constraint.check"),
            TradeFault::NegativePrice => Some("rule.minimum"),
            TradeFault::TooFine => Some("type.numeric"),
            TradeFault::UnknownSide => Some("rule.map"),
            TradeFault::UnknownMarket => Some("lookup.none"),
            TradeFault::NoId => Some("rule.required"),
            TradeFault::BadTime => Some("type.timestamptz"),
            TradeFault::Ragged => Some("csv.ragged"),
            TradeFault::Again => None,
        }
    }
}

/// Compressed; times are milliseconds since 1970.
fn trades(order: &Order, name: &str, places: Range<u64>) -> Result<MadeFile> {
    let TextFile { path, out } = TextFile::create(order, name)?;
    let failed = |cause| cannot_write(&path, cause);
    let mut out = GzEncoder::new(out, Compression::default());
    writeln!(out, "id,market,time,price,quantity,side").map_err(failed)?;
    let mut expected = Expected::of("market/trades");
    let faults = FaultPlan::new(order.faults, TRADE_FAULTS);
    for place in places.clone() {
        let fault = faults.at(place);
        expected.record(fault.and_then(TradeFault::code));
        if fault == Some(TradeFault::Again) && place > places.start {
            expected.duplicates += 1;
        }
        writeln!(out, "{}", trade(order, place, fault)).map_err(failed)?;
    }
    out.finish().and_then(|mut out| out.flush()).map_err(failed)?;
    Ok(MadeFile { file: name.to_owned(), expected: vec![expected] })
}

fn trade(order: &Order, place: u64, fault: Option<TradeFault>) -> String {
    let same_as = if fault == Some(TradeFault::Again) { place.saturating_sub(1) } else { place };
    let mut random = Random::new(order.seed ^ 0x72AD, same_as);
    let id = match fault {
        Some(TradeFault::NoId) => String::new(),
        _ => format!("t{same_as}"),
    };
    let market = match fault {
        Some(TradeFault::UnknownMarket) => "GOLD-USD".to_owned(),
        _ => market(same_as),
    };
    let time = match fault {
        Some(TradeFault::BadTime) => "30/09/2024".to_owned(),
        _ => (BEGINNING * 1000 + same_as * 10_007).to_string(),
    };
    let price = decimal(price(&mut random, same_as));
    let price = match fault {
        Some(TradeFault::NegativePrice) => format!("-{price}"),
        // More decimals than the column has, none of them a zero.
        Some(TradeFault::TooFine) => format!("{price}12345678901234567"),
        _ => price,
    };
    let quantity = random.between(1, 50_000);
    let quantity = if fault == Some(TradeFault::NoQuantity) { 0 } else { quantity };
    let quantity = decimal(quantity);
    let side = random.pick(&["B", "S", ""]);
    let side = if fault == Some(TradeFault::UnknownSide) { "X" } else { side };
    let more = if fault == Some(TradeFault::Ragged) { ",late" } else { "" };
    format!("{id},{market},{time},{price},{quantity},{side}{more}")
}

/// What is wrong with an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OrderFault {
    Syntax,
    UnknownStatus,
    UnknownMarket,
    NoQuantity,
    BadMoment,
}

const ORDER_FAULTS: &[OrderFault] = &[
    OrderFault::Syntax,
    OrderFault::UnknownStatus,
    OrderFault::UnknownMarket,
    OrderFault::NoQuantity,
    OrderFault::BadMoment,
];

/// One order for five trades.
fn order_faults(order: &Order) -> impl Iterator<Item = (u64, Option<OrderFault>)> {
    let faults = FaultPlan::new(order.faults, ORDER_FAULTS);
    (0..order.rows.div_ceil(5)).map(move |place| (place, faults.at(place)))
}

fn is_bought(place: u64) -> bool {
    place % 3 != 2
}

fn orders(order: &Order) -> Result<MadeFile> {
    let name = "orders.jsonl";
    let mut out = TextFile::create(order, name)?;
    let mut expected = Expected::of("market/orders");
    for (place, fault) in order_faults(order) {
        expected.record(fault.map(|fault| match fault {
            OrderFault::Syntax => "json.syntax",
            OrderFault::UnknownStatus => "type.enum",
            OrderFault::UnknownMarket => "lookup.none",
            OrderFault::NoQuantity => "rule.not_null",
            OrderFault::BadMoment => "type.timestamptz",
        }));
        let mut random = Random::new(order.seed ^ 0x02DE, place);
        let market = match fault {
            Some(OrderFault::UnknownMarket) => "GOLD-USD".to_owned(),
            _ => market(place),
        };
        let status = if fault == Some(OrderFault::UnknownStatus) { "lost" } else { "filled" };
        let quantity = match fault {
            Some(OrderFault::NoQuantity) => "null".to_owned(),
            _ => decimal(random.between(100, 9_000)),
        };
        let at = match fault {
            Some(OrderFault::BadMoment) => "soon".to_owned(),
            _ => format!("2024-10-{:02}T09:30:00.250Z", 1 + place % 28),
        };
        let side = if is_bought(place) { "buy" } else { "sell" };
        let (account, limit) = (place % 7, decimal(price(&mut random, place)));
        let close = if fault == Some(OrderFault::Syntax) { "" } else { "}" };
        let line = format!(
            r#"{{"id":"o{place}","market":"{market}","account":"account-{account}","side":"{side}","status":"{status}","terms":{{"limit":{limit},"quantity":{quantity}}},"at":"{at}"{close}"#
        );
        out.line(line.as_bytes())?;
    }
    out.finish()?;
    Ok(MadeFile { file: name.to_owned(), expected: vec![expected] })
}

/// What is wrong with a fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FillFault {
    UnknownOrder,
    NoNumber,
    NoTime,
}

const FILL_FAULTS: &[FillFault] =
    &[FillFault::UnknownOrder, FillFault::NoNumber, FillFault::NoTime];

/// Every sound order is filled in two parts. ISO times, and commas before decimals.
fn fills(order: &Order) -> Result<MadeFile> {
    let name = "fills.csv";
    let mut out = TextFile::create(order, name)?;
    out.line(b"Trade;Order;Market;Price;Quantity;Fee;Filled")?;
    let mut expected = Expected::of("market/fills");
    let faults = FaultPlan::new(order.faults, FILL_FAULTS);
    let sound = order_faults(order).filter(|(_, fault)| fault.is_none());
    for (place, part) in sound.flat_map(|(place, _)| [(place, 1), (place, 2)]) {
        let fault = faults.at(expected.records);
        expected.record(fault.map(|fault| match fault {
            FillFault::UnknownOrder => "lookup.none",
            FillFault::NoNumber => "type.numeric",
            FillFault::NoTime => "rule.not_null",
        }));
        let mut random = Random::new(order.seed ^ 0xF177, 2 * place + part);
        let number = if fault == Some(FillFault::UnknownOrder) { "x" } else { "o" };
        let price = decimal(price(&mut random, place)).replace('.', ",");
        let price = if fault == Some(FillFault::NoNumber) { "market" } else { &price };
        let quantity = decimal(random.between(50, 4_000)).replace('.', ",");
        let time = match fault {
            Some(FillFault::NoTime) => String::new(),
            _ => format!("2024-10-{:02}T10:{:02}:{part:02}Z", 1 + place % 28, random.below(60)),
        };
        let (fee, market) = (decimal(random.below(200)).replace('.', ","), market(place));
        let line =
            format!("f{place}-{part};{number}{place};{market};{price};{quantity};{fee};{time}");
        out.line(line.as_bytes())?;
    }
    out.finish()?;
    Ok(MadeFile { file: name.to_owned(), expected: vec![expected] })
}
