//! Nanoseconds per value and type: a cell's text to a typed value.
//!
//! Texts differ from each other, as in a column, so that branches are predicted
//! no better than there.

use std::{hint::black_box, time::Duration};

use bumpalo::Bump;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use longshore::{
    batch::Cell,
    schema::{NumericLimit, PgType},
    transform::parse::{ParseOptions, Parser},
};

/// Values of one column.
const VALUES: u64 = 4096;

/// Numbers without a pattern, the same in every run.
fn scattered(index: u64) -> u64 {
    index.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31)
}

struct Case {
    name: &'static str,
    pg_type: PgType,
    options: ParseOptions,
    text: fn(u64) -> String,
}

impl Case {
    fn new(name: &'static str, pg_type: PgType, text: fn(u64) -> String) -> Self {
        Self { name, pg_type, options: ParseOptions::default(), text }
    }

    fn with(mut self, change: impl FnOnce(&mut ParseOptions)) -> Self {
        change(&mut self.options);
        self
    }
}

fn date(n: u64) -> String {
    format!("{}-{:02}-{:02}", 1950 + n % 80, 1 + n / 80 % 12, 1 + n / 960 % 28)
}

fn time(n: u64) -> String {
    format!("{:02}:{:02}:{:02}", n % 24, n / 24 % 60, n / 1440 % 60)
}

fn uuid(n: u64) -> String {
    let m = scattered(n);
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        n as u32,
        m as u16,
        n as u16 >> 4,
        m as u16 >> 4,
        m >> 16
    )
}

fn numbers() -> Vec<Case> {
    let money = PgType::Numeric(Some(NumericLimit { precision: 12, scale: 2 }));
    let decimal = |n: u64| format!("{}.{:02}", n % 1_000_000, n / 7 % 100);
    vec![
        Case::new("int4", PgType::Int4, |n| (n % 2_000_000_000).to_string()),
        Case::new("int8", PgType::Int8, |n| (n >> 1).to_string()),
        Case::new("float4", PgType::Float4, |n| format!("{}.{}", n % 1000, n / 7 % 1000)),
        Case::new("float8", PgType::Float8, |n| format!("{}.{}", n % 180, n / 7 % 100_000_000)),
        Case::new("numeric", PgType::Numeric(None), decimal),
        Case::new("numeric(12,2)", money.clone(), decimal),
        Case::new("numeric(12,2) grouped", money, |n| {
            format!("{}.{:03},{:02}", 1 + n % 999, n / 7 % 1000, n / 7000 % 100)
        })
        .with(|options| {
            options.decimal_mark = ',';
            options.group_mark = Some('.');
        }),
    ]
}

fn times() -> Vec<Case> {
    vec![
        Case::new("date", PgType::Date, date),
        Case::new("date %d/%m/%Y", PgType::Date, |n| {
            format!("{:02}/{:02}/{}", 1 + n / 960 % 28, 1 + n / 80 % 12, 1950 + n % 80)
        })
        .with(|options| options.format = Some("%d/%m/%Y".to_owned())),
        Case::new("time", PgType::Time(6), time),
        Case::new("timestamp", PgType::Timestamp(6), |n| {
            format!("{}T{}.{:03}", date(n), time(n >> 8), n % 1000)
        }),
        Case::new("timestamptz offset", PgType::TimestampTz(6), |n| {
            format!("{}T{}+02:00", date(n), time(n >> 8))
        }),
        Case::new("timestamptz zone", PgType::TimestampTz(6), |n| {
            format!("{} {}", date(n), time(n >> 8))
        })
        .with(|options| options.zone = Some("UTC".to_owned())),
        Case::new("timestamptz Lisbon", PgType::TimestampTz(6), |n| {
            format!(
                "{}-{:02}-{:02} 12:{:02}:00",
                1990 + n % 40,
                1 + n / 80 % 12,
                1 + n / 960 % 28,
                n / 30_000 % 60
            )
        })
        .with(|options| options.zone = Some("Europe/Lisbon".to_owned())),
        Case::new("interval", PgType::Interval, |n| format!("{} days {}", n % 100, time(n))),
    ]
}

fn words() -> Vec<Case> {
    let labels = ["male", "female", "other", "unknown"].map(str::to_owned).to_vec();
    let array = PgType::Array { element: Box::new(PgType::Int4), element_oid: 23 };
    vec![
        Case::new("bool", PgType::Bool, |n| ["true", "false", "Y", "n"][n as usize % 4].to_owned()),
        Case::new("text", PgType::Text, |n| format!("{n:x} some words in between")),
        Case::new("varchar(20)", PgType::VarChar(20), |n| format!("{n:x}")),
        Case::new("enum", PgType::Enum(labels), |n| {
            ["male", "female", "other", "unknown"][n as usize % 4].to_owned()
        }),
        Case::new("uuid", PgType::Uuid, uuid),
        Case::new("bytea", PgType::Bytea, |n| format!("\\x{n:016x}{n:016x}")),
        Case::new("inet", PgType::Inet, |n| {
            format!("10.{}.{}.{}", n % 256, n / 256 % 256, n / 65_536 % 256)
        }),
        Case::new("json", PgType::Jsonb, |n| {
            format!("{{\"id\": {n}, \"tags\": [\"a\", \"b\"], \"name\": \"{n:x}\"}}")
        }),
        Case::new("int4[] literal", array.clone(), |n| {
            format!("{{{},{},{}}}", n % 100, n % 7, n % 5000)
        }),
        Case::new("int4[] json", array, |n| format!("[{}, {}, {}]", n % 100, n % 7, n % 5000)),
    ]
}

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    group.throughput(Throughput::Elements(VALUES));
    for case in numbers().into_iter().chain(times()).chain(words()) {
        let parser = match Parser::compile(&case.pg_type, &case.options) {
            Ok(parser) => parser,
            Err(finding) => panic!("{}: {finding:?}", case.name),
        };
        let texts: Vec<String> = (0..VALUES).map(|n| (case.text)(scattered(n))).collect();
        let mut arena = Bump::with_capacity(1 << 20);
        group.bench_function(case.name, |bencher| {
            bencher.iter(|| {
                arena.reset();
                for text in &texts {
                    let value = parser.parse(Cell::Text(black_box(text)), &arena);
                    assert!(value.is_ok(), "{text}");
                    let _ = black_box(value);
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, parse);
criterion_main!(benches);
