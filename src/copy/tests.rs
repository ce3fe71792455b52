//! Golden bytes per type, as the server's send functions write them
//! (`select encode(int2send(1), 'hex')` and so on).

use super::*;
use crate::{
    schema::NumericLimit,
    value::{Decimal, DecimalSpecial, Inet, Interval},
};

fn hex(pg_type: &PgType, value: Value<'_>) -> String {
    let mut encoder = TupleEncoder::default();
    encoder.field(pg_type, &value).expect("the value fits");
    encoder.take().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn decimal(text: &'static str) -> Value<'static> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (digits, exponent) = text.split_once('e').expect("digits e exponent");
    let exponent = exponent.parse().expect("an exponent");
    Value::Decimal(Decimal { negative, digits: digits.as_bytes(), exponent, special: None })
}

#[test]
fn fixed_types_have_their_golden_bytes() {
    let interval = Interval { months: 14, days: 3, micros: 14_706_500_000 };
    let uuid = *b"\xa0\xee\xbc\x99\x9c\x0b\x4e\xf8\xbb\x6d\x6b\xb9\xbd\x38\x0a\x11";
    let cases = [
        (PgType::Bool, Value::Bool(true), "0000000101"),
        (PgType::Int2, Value::Int(-2), "00000002fffe"),
        (PgType::Int4, Value::Int(i64::from(i32::MIN)), "0000000480000000"),
        (PgType::Int8, Value::Int(i64::MAX), "000000087fffffffffffffff"),
        (PgType::Oid, Value::Int(4_294_967_295), "00000004ffffffff"),
        (PgType::Float4, Value::Float(1.5), "000000043fc00000"),
        (PgType::Float8, Value::Float(-1.5), "00000008bff8000000000000"),
        (PgType::Date, Value::Date(-1), "00000004ffffffff"),
        (PgType::Time(6), Value::Time(1), "000000080000000000000001"),
        (PgType::TimeTz(6), Value::TimeTz(1, -3600), "0000000c0000000000000001fffff1f0"),
        (PgType::Timestamp(6), Value::Timestamp(i64::MAX), "000000087fffffffffffffff"),
        (PgType::TimestampTz(6), Value::TimestampTz(0), "000000080000000000000000"),
        (PgType::Interval, Value::Interval(interval), "00000010000000036c9361a0000000030000000e"),
        (PgType::Uuid, Value::Uuid(uuid), "00000010a0eebc999c0b4ef8bb6d6bb9bd380a11"),
    ];
    for (pg_type, value, expected) in cases {
        assert_eq!(hex(&pg_type, value), expected, "{pg_type:?}");
    }
}

#[test]
fn variable_types_have_their_golden_bytes() {
    let v4 = Inet { address: "10.1.0.0".parse().expect("an address"), prefix_bits: 16 };
    let v6 = Inet { address: "::1".parse().expect("an address"), prefix_bits: 128 };
    let array = PgType::Array { element: Box::new(PgType::Int2), element_oid: 21 };
    let items = [Value::Int(1), Value::Null];
    let cases = [
        (PgType::Text, Value::Text("é"), "00000002c3a9"),
        (PgType::Citext, Value::Text(""), "00000000"),
        (PgType::Enum(vec!["a".into()]), Value::Text("a"), "0000000161"),
        (PgType::Json, Value::Json("{}"), "000000027b7d"),
        (PgType::Jsonb, Value::Json("{}"), "00000003017b7d"),
        (PgType::Bytea, Value::Bytes(&[0, 255]), "0000000200ff"),
        (PgType::Inet, Value::Inet(v4), "00000008021000040a010000"),
        (PgType::Cidr, Value::Inet(v4), "00000008021001040a010000"),
        (PgType::Inet, Value::Inet(v6), "000000140380001000000000000000000000000000000001"),
        (array.clone(), Value::Array(&[]), "0000000c000000000000000000000015"),
        (
            array,
            Value::Array(&items),
            "0000001e0000000100000001000000150000000200000001000000020001ffffffff",
        ),
        (PgType::Text, Value::Null, "ffffffff"),
    ];
    for (pg_type, value, expected) in cases {
        assert_eq!(hex(&pg_type, value), expected, "{pg_type:?}");
    }
}

#[test]
fn numeric_has_its_golden_bytes() {
    let scale_2 = PgType::Numeric(Some(NumericLimit { precision: 10, scale: 2 }));
    let free = PgType::Numeric(None);
    let cases = [
        (&free, "0e0", "000000080000000000000000"),
        (&free, "1e0", "0000000a00010000000000000001"),
        (&free, "-12345e-3", "0000000c0002000040000003000c0d7a"),
        (&free, "1e-5", "0000000a0001fffe0000000503e8"),
        (&free, "10000e0", "0000000a00010001000000000001"),
        (&free, "1e6", "0000000a00010001000000000064"),
        (&free, "00120e1", "0000000a000100000000000004b0"),
        (&scale_2, "5e0", "0000000a00010000000000020005"),
        (&scale_2, "1500e-3", "0000000c000200000000000200011388"),
    ];
    for (pg_type, text, expected) in cases {
        assert_eq!(hex(pg_type, decimal(text)), expected, "{text}");
    }
    assert_eq!(hex(&free, Value::Int(i64::MIN)), hex(&free, decimal("-9223372036854775808e0")));
    let special = |special, negative| {
        Value::Decimal(Decimal { negative, digits: b"", exponent: 0, special: Some(special) })
    };
    assert_eq!(hex(&free, special(DecimalSpecial::Nan, false)), "0000000800000000c0000000");
    assert_eq!(hex(&free, special(DecimalSpecial::Infinity, true)), "0000000800000000f0000000");
}

#[test]
fn what_does_not_go_together_is_refused() {
    let mut encoder = TupleEncoder::default();
    for (pg_type, value) in [
        (PgType::Int2, Value::Int(40_000)),
        (PgType::Oid, Value::Int(-1)),
        (PgType::Date, Value::Text("2024-01-01")),
        (PgType::Unsupported("point".into()), Value::Text("")),
    ] {
        assert_eq!(encoder.field(&pg_type, &value), Err(DoesNotFit));
    }
}

#[test]
fn a_row_that_is_rolled_back_leaves_nothing() {
    let mut encoder = TupleEncoder::default();
    encoder.begin_row(2);
    encoder.ordinal(7);
    encoder.field(&PgType::Bool, &Value::Bool(false)).expect("fits");
    encoder.end_row();
    let kept = encoder.bytes();
    encoder.mark();
    encoder.begin_row(2);
    encoder.ordinal(8);
    encoder.end_row();
    encoder.rollback();
    assert_eq!((encoder.rows(), encoder.bytes()), (1, kept));
    let bytes = encoder.take();
    assert_eq!(&bytes[..14], b"\x00\x02\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x07");
    assert_eq!((encoder.rows(), encoder.bytes()), (0, 0));
}

#[test]
fn rows_of_a_table_are_those_staged_without_their_ordinals() {
    let row = |encoder: &mut TupleEncoder, ordinal: Option<i64>, text: Option<&str>| {
        encoder.begin_row(2 + usize::from(ordinal.is_some()));
        ordinal.into_iter().for_each(|ordinal| encoder.ordinal(ordinal));
        let text = text.map_or(Value::Null, Value::Text);
        encoder.field(&PgType::Text, &text).expect("a text");
        encoder.field(&PgType::Bool, &Value::Bool(true)).expect("a boolean");
        encoder.end_row();
    };
    let (mut staged, mut wanted) = (TupleEncoder::default(), TupleEncoder::default());
    for (ordinal, text) in [(1, Some("some text")), (i64::MAX, None), (3, Some(""))] {
        row(&mut staged, Some(ordinal), text);
        row(&mut wanted, None, text);
    }
    let (staged, wanted) = (staged.take(), wanted.take());
    let mut all = Vec::new();
    without_ordinals(&mut staged.clone(), &mut all, usize::MAX).expect("tuples");
    assert_eq!(all, wanted);
    let (mut left, mut in_pieces) = (staged.clone(), Vec::new());
    while !left.is_empty() {
        let mut piece = Vec::new();
        without_ordinals(&mut left, &mut piece, 1).expect("tuples");
        in_pieces.append(&mut piece);
    }
    assert_eq!(in_pieces, wanted);
    for length in (1..staged.len()).filter(|length| wanted.len() + 12 > *length) {
        let mut cut = staged.slice(..length);
        let moved = without_ordinals(&mut cut, &mut Vec::new(), usize::MAX);
        assert_eq!(moved.is_none(), !cut.is_empty(), "{length}");
    }
}
