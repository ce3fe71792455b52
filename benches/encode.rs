//! Nanoseconds per field and type: a typed value to the bytes that binary COPY sends.

#![allow(missing_docs, reason = "a program has no reader of its interface")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use longshore::{
    copy::TupleEncoder,
    schema::{NumericLimit, PgType},
    value::{Decimal, Value},
};

/// Fields between two looks at the clock.
const FIELDS: usize = 10_000;

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    group.throughput(Throughput::Elements(FIELDS as u64));
    let decimal = Decimal { negative: false, digits: b"1234567890", exponent: -2, special: None };
    let money = NumericLimit { precision: 14, scale: 2 };
    let cases = [
        ("null", PgType::Text, Value::Null),
        ("bool", PgType::Bool, Value::Bool(true)),
        ("int4", PgType::Int4, Value::Int(123_456)),
        ("float8", PgType::Float8, Value::Float(1.5)),
        ("numeric(14, 2)", PgType::Numeric(Some(money)), Value::Decimal(decimal)),
        ("text of 12 bytes", PgType::Text, Value::Text("FERRY STREET")),
        ("date", PgType::Date, Value::Date(9_000)),
        ("timestamp", PgType::Timestamp(6), Value::Timestamp(777_600_000_000_000)),
        ("uuid", PgType::Uuid, Value::Uuid([7; 16])),
        ("jsonb of 13 bytes", PgType::Jsonb, Value::Json(r#"{"rooms": 12}"#)),
    ];
    for (name, pg_type, value) in cases {
        let mut encoder = TupleEncoder::default();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                encoder.mark();
                for _ in 0..FIELDS {
                    let written = encoder.field(black_box(&pg_type), black_box(&value));
                    assert!(written.is_ok(), "{name}");
                }
                encoder.rollback();
            });
        });
    }
    group.finish();
}

criterion_group!(benches, encode);
criterion_main!(benches);
