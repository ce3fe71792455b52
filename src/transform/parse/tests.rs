//! What no server can judge: options, typed cells, messages.

use super::*;
use crate::value::{DAY_MICROS, Interval};

fn parser(pg_type: PgType) -> Parser {
    Parser::compile(&pg_type, &ParseOptions::default()).expect("the type is parsed")
}

/// The value or the fault's code.
fn outcome(pg_type: PgType, cell: Cell<'_>) -> Result<String, &'static str> {
    let (parser, arena) = (parser(pg_type), Bump::new());
    match parser.parse(cell, &arena) {
        Ok(value) => Ok(shown(&value)),
        Err(fault) => Err(fault.code),
    }
}

fn shown(value: &Value<'_>) -> String {
    match value {
        Value::Text(text) | Value::Json(text) => (*text).to_owned(),
        Value::Decimal(decimal) => {
            let digits = String::from_utf8_lossy(decimal.digits);
            format!("{}{digits}e{}", if decimal.negative { "-" } else { "" }, decimal.exponent)
        }
        other => format!("{other:?}"),
    }
}

fn ok(text: &str) -> Result<String, &'static str> {
    Ok(text.to_owned())
}

#[test]
fn numbers_of_sheets_fit_where_nothing_is_lost() {
    let float = Cell::Float;
    for (pg_type, cell, expected) in [
        (PgType::Int4, float(12.0), ok("Int(12)")),
        (PgType::Int4, float(-0.0), ok("Int(0)")),
        (PgType::Int4, float(12.5), Err("type.integer")),
        (PgType::Int4, float(3e9), Err("type.integer")),
        (PgType::Int8, float(9_007_199_254_740_992.0), ok("Int(9007199254740992)")),
        (PgType::Int8, float(9_007_199_254_740_994.0), Err("type.integer")),
        (PgType::Int8, float(f64::NAN), Err("type.integer")),
        (PgType::Numeric(None), float(0.1), ok("1e-1")),
        (PgType::Numeric(None), float(-1234.5), ok("-12345e-1")),
        (PgType::Numeric(None), float(1e21), ok("1e21")),
        (PgType::Numeric(None), float(f64::INFINITY), Err("type.numeric")),
        (PgType::Float4, float(0.1), ok("Float(0.10000000149011612)")),
        (PgType::Float4, float(1e39), Err("type.float")),
        (PgType::Float8, float(0.1), ok("Float(0.1)")),
        (PgType::Text, float(12_345_678.0), ok("12345678")),
        (PgType::Text, float(999_999_999_999_999.0), ok("999999999999999")),
        (PgType::Text, float(1e15), Err("type.text")),
        (PgType::Text, float(0.25), ok("0.25")),
        (PgType::Text, float(-0.0), ok("0")),
        (PgType::VarChar(3), float(1234.0), Err("length.max")),
        (PgType::Bool, float(1.0), ok("Bool(true)")),
        (PgType::Bool, float(2.0), Err("type.boolean")),
        (PgType::Jsonb, float(1.5), ok("1.5")),
        (PgType::Date, float(45_000.0), Err("type.date")),
        (PgType::Uuid, float(1.0), Err("type.uuid")),
    ] {
        assert_eq!(outcome(pg_type.clone(), cell), expected, "{pg_type:?} {cell:?}");
    }
}

#[test]
fn numbers_in_digits_keep_them() {
    let number = Cell::Number;
    for (pg_type, cell, expected) in [
        (PgType::Int4, number("7"), ok("Int(7)")),
        (PgType::Int4, number("1e3"), ok("Int(1000)")),
        (PgType::Int4, number("1.50e1"), ok("Int(15)")),
        (PgType::Int4, number("15e-1"), Err("type.integer")),
        (PgType::Int8, number("9223372036854775808"), Err("type.integer")),
        (PgType::Int8, number("1e999999"), Err("type.integer")),
        (PgType::Int8, number("0e999999"), ok("Int(0)")),
        (PgType::Int8, number("1e-999999"), Err("type.integer")),
        (PgType::Numeric(None), number("1.50"), ok("150e-2")),
        (PgType::Text, number("001.50"), ok("001.50")),
        (PgType::Bool, number("0"), ok("Bool(false)")),
        (PgType::Json, number("1.50"), ok("1.50")),
        (PgType::Json, number("01"), Err("type.json")),
        (PgType::Timestamp(6), number("1"), Err("type.timestamp")),
        (PgType::Interval, number("1"), Err("type.interval")),
    ] {
        assert_eq!(outcome(pg_type.clone(), cell), expected, "{pg_type:?} {cell:?}");
    }
}

#[test]
fn an_exponent_in_a_text_has_lost_digits_of_an_integer() {
    assert_eq!(outcome(PgType::Int8, Cell::Text("1.23457E+11")), Err("type.integer"));
    assert_eq!(outcome(PgType::Numeric(None), Cell::Text("1.5E+3")), ok("15e2"));
}

#[test]
fn dates_and_durations_of_sheets_fit_where_nothing_is_lost() {
    let noon = DAY_MICROS / 2;
    for (pg_type, cell, expected) in [
        (PgType::Date, Cell::DateTime(DAY_MICROS), ok("Date(1)")),
        (PgType::Date, Cell::DateTime(-DAY_MICROS), ok("Date(-1)")),
        (PgType::Date, Cell::DateTime(noon), Err("type.date")),
        (PgType::Timestamp(6), Cell::DateTime(-1), ok("Timestamp(-1)")),
        (PgType::Timestamp(3), Cell::DateTime(1), Err("type.timestamp")),
        (PgType::TimestampTz(6), Cell::DateTime(0), Err("type.timestamptz")),
        (PgType::Time(6), Cell::DateTime(noon), Err("type.time")),
        (PgType::Text, Cell::DateTime(-1), ok("1999-12-31 23:59:59.999999")),
        (PgType::Text, Cell::DateTime(59 * DAY_MICROS), ok("2000-02-29")),
        (PgType::Time(6), Cell::Duration(DAY_MICROS), ok("Time(86400000000)")),
        (PgType::Time(6), Cell::Duration(-1), Err("type.time")),
        (PgType::Time(6), Cell::Duration(DAY_MICROS + 1), Err("type.time")),
        (PgType::TimeTz(6), Cell::Duration(1), Err("type.time")),
        (PgType::Date, Cell::Duration(1), Err("type.date")),
        (PgType::Text, Cell::Duration(-90_500_000), ok("-00:01:30.5")),
        (PgType::Int4, Cell::DateTime(0), Err("type.integer")),
    ] {
        assert_eq!(outcome(pg_type.clone(), cell), expected, "{pg_type:?} {cell:?}");
    }
    let span = Interval { micros: noon, ..Interval::default() };
    let expected = Ok(shown(&Value::Interval(span)));
    assert_eq!(outcome(PgType::Interval, Cell::Duration(noon)), expected);
}

#[test]
fn a_sheets_date_gets_the_declared_zone() {
    let options =
        ParseOptions { zone: Some("Europe/Lisbon".to_owned()), ..ParseOptions::default() };
    let parser = Parser::compile(&PgType::TimestampTz(6), &options).expect("a zone");
    let arena = Bump::new();
    let midsummer = 180 * DAY_MICROS;
    let parsed = parser.parse(Cell::DateTime(midsummer), &arena);
    assert_eq!(parsed, Ok(Value::TimestampTz(midsummer - 3_600_000_000)));
}

#[test]
fn other_cells_fit_their_own_columns() {
    let array = PgType::Array { element: Box::new(PgType::Int4), element_oid: 23 };
    for (pg_type, cell, expected) in [
        (PgType::Bool, Cell::Bool(true), ok("Bool(true)")),
        (PgType::Text, Cell::Bool(false), ok("false")),
        (PgType::Jsonb, Cell::Bool(false), ok("false")),
        (PgType::Int4, Cell::Bool(true), Err("type.integer")),
        (PgType::Int4, Cell::Absent, ok("Null")),
        (PgType::Text, Cell::Error("#N/A"), Err("sheet.error")),
        (PgType::Int4, Cell::Error("#N/A"), Err("sheet.error")),
        (PgType::Jsonb, Cell::Json("{\"a\":1}"), ok("{\"a\":1}")),
        (PgType::Text, Cell::Json("[1]"), ok("[1]")),
        (array.clone(), Cell::Json("[1, null]"), ok("Array([Int(1), Null])")),
        (array.clone(), Cell::Json("{\"a\":1}"), Err("type.array")),
        (array.clone(), Cell::Json("[[1]]"), Err("type.integer")),
        (array, Cell::Number("1"), Err("type.array")),
        (PgType::Int4, Cell::Json("[1]"), Err("type.integer")),
        (PgType::Text, Cell::Geometry(&[1]), Err("type.text")),
        (PgType::Bytea, Cell::Geometry(&[1]), Err("type.bytea")),
    ] {
        assert_eq!(outcome(pg_type.clone(), cell), expected, "{pg_type:?} {cell:?}");
    }
}

#[test]
fn messages_name_the_rule_and_help() {
    let message = |pg_type, text| {
        let arena = Bump::new();
        let fault = parser(pg_type).parse(Cell::Text(text), &arena).map(|_| ());
        fault.expect_err("a fault").message.into_owned()
    };
    let money = PgType::Numeric(Some(NumericLimit { precision: 6, scale: 2 }));
    let array = PgType::Array { element: Box::new(PgType::Int2), element_oid: 21 };
    for (pg_type, text, part) in [
        (PgType::Int4, " 1", "the step `trim`"),
        (PgType::Int4, "1\u{a0}", "the step `trim`"),
        (PgType::Int4, "1,234", "not an integer"),
        (PgType::Int2, "40000", "-32768 to 32767"),
        (PgType::Int8, "1.5", "has decimals"),
        (PgType::Int8, "1E+11", "digits may be lost"),
        (money.clone(), "1.005", "more than the 2 decimals of numeric(6,2)"),
        (money, "10000", "4 digits before the point"),
        (PgType::VarChar(2), "abc", "2 characters"),
        (PgType::TimestampTz(6), "2024-01-01T00:00", "`zone`"),
        (PgType::Date, "01/02/2024", "`format`"),
        (array, "{1,40000}", "element 2: outside"),
    ] {
        let message = message(pg_type.clone(), text);
        assert!(message.contains(part), "{pg_type:?} {text:?}: {message}");
        assert!(!message.contains(text.trim()), "{message} holds the value");
    }
}

#[test]
fn options_that_make_no_sense_are_found() {
    let option = |pg_type: &PgType, options: &ParseOptions| {
        Parser::compile(pg_type, options).err().map(|finding| finding.option)
    };
    let usual = ParseOptions::default();
    let text = |text: &str| Some(text.to_owned());
    for (pg_type, options, expected) in [
        (PgType::Int4, ParseOptions { decimal_mark: '5', ..usual.clone() }, Some("decimal_mark")),
        (PgType::Int4, ParseOptions { group_mark: Some('.'), ..usual.clone() }, Some("group_mark")),
        (PgType::Int4, ParseOptions { group_mark: Some('-'), ..usual.clone() }, Some("group_mark")),
        (PgType::Text, ParseOptions { group_mark: Some('.'), ..usual.clone() }, None),
        (
            PgType::Bool,
            ParseOptions { true_words: vec!["N".into()], ..usual.clone() },
            Some("true_words"),
        ),
        (PgType::Date, ParseOptions { zone: text("UTC"), ..usual.clone() }, Some("zone")),
        (
            PgType::TimestampTz(6),
            ParseOptions { zone: text("Lisbon"), ..usual.clone() },
            Some("zone"),
        ),
        (PgType::TimestampTz(6), ParseOptions { zone: text("UTC"), ..usual.clone() }, None),
        (PgType::Text, ParseOptions { separator: text(","), ..usual.clone() }, Some("separator")),
        (PgType::Unsupported("point".into()), usual.clone(), Some("")),
    ] {
        assert_eq!(option(&pg_type, &options), expected, "{pg_type:?} {options:?}");
    }
}

#[test]
fn the_calendar_agrees_with_another_one() {
    let epoch = jiff::civil::date(2000, 1, 1);
    for days in (-730_000..2_900_000).step_by(37) {
        let date = epoch.checked_add(jiff::Span::new().days(days)).expect("in range");
        let (year, month, day) = calendar::date_of(days);
        let same = (i64::from(date.year()), date.month() as u32, date.day() as u32);
        assert_eq!((year, month, day), same);
        assert_eq!(calendar::days_of(year, month, day), days);
        assert_eq!(calendar::weekday(days), date.weekday().to_monday_one_offset() as u32);
    }
}
