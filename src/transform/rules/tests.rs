use bumpalo::Bump;

use super::*;
use crate::{
    transform::constant::decimal,
    value::{DAY_MICROS, Interval},
};

const TODAY: Date = Date::constant(2024, 3, 1);

/// Days from 2000-01-01 to `TODAY`.
const TODAY_DAYS: i32 = 8_826;

fn compiled(rules: &Rules, pg_type: &PgType) -> Result<RuleSet, Vec<RuleFinding>> {
    let zone = TimeZone::fixed(jiff::tz::offset(10));
    let constant = |scalar: &Scalar| match scalar {
        Scalar::Bool(truth) => Ok(Constant::Plain(Value::Bool(*truth))),
        Scalar::Int(micros) => Ok(Constant::Plain(Value::Time(*micros))),
        _ => Err("is not a constant".to_owned()),
    };
    RuleSet::compile(rules, &Facts { pg_type, today: TODAY, zone, constant: &constant })
}

/// The codes that a value breaks.
fn broken(rules: &Rules, pg_type: &PgType, value: Value<'_>, text: &str) -> Vec<&'static str> {
    let rules = compiled(rules, pg_type).expect("good rules");
    rules.broken(value, text).map(|broken| broken.code).collect()
}

fn text(text: &str) -> Scalar {
    Scalar::Text(text.to_owned())
}

fn range(minimum: Scalar, maximum: Scalar) -> Rules {
    Rules { minimum: Some(minimum), maximum: Some(maximum), ..Rules::default() }
}

#[test]
fn bounds_are_inclusive_and_exact() {
    let arena = Bump::new();
    let number = |text| Value::Decimal(decimal(text, &arena).expect("a number"));
    let tenths = range(Scalar::Float(0.1), Scalar::Float(0.3));
    let whole = range(Scalar::Int(1), Scalar::Float(2.5));
    let (numeric, int, real) = (PgType::Numeric(None), PgType::Int4, PgType::Float4);
    for (rules, pg_type, value, expected) in [
        (&tenths, &numeric, number("0.10"), None),
        (&tenths, &numeric, number("0.30000000000000000001"), Some("rule.maximum")),
        (&tenths, &numeric, number("-1"), Some("rule.minimum")),
        (&tenths, &PgType::Float8, Value::Float(0.3), None),
        (&tenths, &real, Value::Float(f64::from(0.3f32)), None),
        (&tenths, &PgType::Float8, Value::Float(0.300_000_01), Some("rule.maximum")),
        (&whole, &int, Value::Int(2), None),
        (&whole, &int, Value::Int(3), Some("rule.maximum")),
        (&whole, &int, Value::Int(i64::MIN), Some("rule.minimum")),
    ] {
        assert_eq!(broken(rules, pg_type, value, ""), Vec::from_iter(expected), "{value:?}");
    }
    let nan = broken(&tenths, &PgType::Float8, Value::Float(f64::NAN), "");
    assert_eq!(nan, ["rule.minimum", "rule.maximum"]);
}

#[test]
fn a_day_as_a_bound_includes_all_of_it() {
    let rules = range(text("today"), text("2024-03-01"));
    let midnight = i64::from(TODAY_DAYS) * DAY_MICROS;
    let (local, zoned) = (PgType::Timestamp(6), PgType::TimestampTz(6));
    // The zone is ten hours east: the day begins ten hours earlier in UTC.
    let east = 10 * 3_600_000_000;
    for (pg_type, value, expected) in [
        (&PgType::Date, Value::Date(TODAY_DAYS), None),
        (&PgType::Date, Value::Date(TODAY_DAYS - 1), Some("rule.minimum")),
        (&PgType::Date, Value::Date(i32::MAX), Some("rule.maximum")),
        (&local, Value::Timestamp(midnight), None),
        (&local, Value::Timestamp(midnight + DAY_MICROS - 1), None),
        (&local, Value::Timestamp(midnight + DAY_MICROS), Some("rule.maximum")),
        (&zoned, Value::TimestampTz(midnight - east), None),
        (&zoned, Value::TimestampTz(midnight - east - 1), Some("rule.minimum")),
        (&zoned, Value::TimestampTz(midnight - east + DAY_MICROS), Some("rule.maximum")),
    ] {
        assert_eq!(broken(&rules, pg_type, value, ""), Vec::from_iter(expected), "{value:?}");
    }
}

#[test]
fn times_and_intervals_have_bounds_too() {
    let least = Rules { minimum: Some(Scalar::Int(DAY_MICROS / 2)), ..Rules::default() };
    let ok = |pg_type, value| broken(&least, pg_type, value, "").is_empty();
    assert!(ok(&PgType::Time(6), Value::Time(DAY_MICROS / 2)));
    assert!(!ok(&PgType::Time(6), Value::Time(DAY_MICROS / 2 - 1)));
    assert!(ok(&PgType::TimeTz(6), Value::TimeTz(DAY_MICROS / 2 - 3_600_000_000, 3600)));
    let interval = |days| Value::Interval(Interval { days, ..Interval::default() });
    assert!(ok(&PgType::Interval, interval(1)) && !ok(&PgType::Interval, interval(0)));
}

#[test]
fn members_are_compared_as_values() {
    let arena = Bump::new();
    let of = |scalars: &[Scalar]| Rules { one_of: Some(scalars.to_vec()), ..Rules::default() };
    let ok = |rules: &Rules, pg_type, value| broken(rules, pg_type, value, "").is_empty();
    let words = of(&[text("a"), Scalar::Int(7)]);
    assert!(
        ok(&words, &PgType::Text, Value::Text("a")) && ok(&words, &PgType::Text, Value::Text("7"))
    );
    assert!(!ok(&words, &PgType::Citext, Value::Text("A")));
    let numbers = of(&[Scalar::Int(1), Scalar::Float(2.5)]);
    let half = decimal("2.500", &arena).expect("a number");
    assert!(ok(&numbers, &PgType::Numeric(None), Value::Decimal(half)));
    assert!(
        ok(&numbers, &PgType::Int2, Value::Int(1)) && !ok(&numbers, &PgType::Int2, Value::Int(2))
    );
    assert!(ok(&numbers, &PgType::Float8, Value::Float(2.5)));
    assert!(!ok(&of(&[Scalar::Bool(true)]), &PgType::Bool, Value::Bool(false)));
}

#[test]
fn texts_have_their_shape() {
    let email = Rules { email: true, ..Rules::default() };
    let url = Rules { url: true, ..Rules::default() };
    let ip = Rules { ip: true, ..Rules::default() };
    let phone = Rules { phone: true, ..Rules::default() };
    let pattern = Rules { pattern: Some(r"\d{2}|x".to_owned()), ..Rules::default() };
    let length = Rules { min_length: Some(2), max_length: Some(3), ..Rules::default() };
    for (rules, good, bad) in [
        (email, &["a.b@example.org"][..], &["a.b", "a b@example.org", "a@", "a@example.org\n"][..]),
        (
            url,
            &["https://example.org/a?b", "ftp://x"],
            &["example.org", " http://x", "http://a b", ""],
        ),
        (ip, &["10.0.0.1", "::1"], &["10.0.0", "10.0.0.0/8", " ::1"]),
        (
            phone,
            &["+85512345678", "+12345678"],
            &["012345678", "+0123456789", "+1234567", "+1234567890123456", "+1 2345678"],
        ),
        (pattern, &["12", "x"], &["123", "1", "12\n", "xx", ""]),
        (length, &["ab", "ééé"], &["a", "éééé"]),
    ] {
        for (texts, count) in [(good, 0), (bad, 1)] {
            for text in texts {
                let codes = broken(&rules, &PgType::Text, Value::Text(text), text);
                assert_eq!(codes.len(), count, "{text:?} {codes:?}");
            }
        }
    }
}

#[test]
fn arrays_have_elements_and_every_broken_rule_is_told() {
    let element = Box::new(PgType::Int4);
    let array = PgType::Array { element, element_oid: 23 };
    let rules = Rules { min_length: Some(2), ..Rules::default() };
    assert_eq!(
        broken(&rules, &array, Value::Array(&[Value::Int(1)]), "{1,2,3}"),
        ["rule.min_length"]
    );

    let rules = Rules {
        pattern: Some("x+".to_owned()),
        one_of: Some(vec![text("x")]),
        max_length: Some(1),
        email: true,
        ..Rules::default()
    };
    let codes = broken(&rules, &PgType::Text, Value::Text("ab"), "ab");
    assert_eq!(codes, ["rule.enum", "rule.pattern", "rule.max_length", "rule.email"]);
}

#[test]
fn messages_name_the_rule_and_its_parameter() {
    let rules = Rules {
        one_of: Some(vec![text("a"), text("b")]),
        pattern: Some("[ab]".to_owned()),
        ..Rules::default()
    };
    let rules = compiled(&rules, &PgType::Text).expect("good rules");
    let messages: Vec<_> =
        rules.broken(Value::Text("secret"), "secret").map(|b| b.message).collect();
    assert_eq!(messages, ["not one of a, b", "does not match the pattern [ab]"]);
}

#[test]
fn rules_that_do_not_fit_the_column_are_found() {
    let rules = Rules {
        one_of: Some(vec![]),
        pattern: Some("a)|(b".to_owned()),
        minimum: Some(Scalar::Int(1)),
        maximum: Some(text("today")),
        phone: true,
        ..Rules::default()
    };
    let keys = |pg_type| -> Vec<_> {
        compiled(&rules, pg_type).expect_err("bad rules").iter().map(|f| f.key).collect()
    };
    assert_eq!(keys(&PgType::Text), ["enum", "pattern", "minimum", "maximum"]);
    assert_eq!(keys(&PgType::Int4), ["enum", "pattern", "maximum", "phone"]);
    let labels = PgType::Enum(vec!["a".to_owned()]);
    let rules = Rules { one_of: Some(vec![text("A")]), ..Rules::default() };
    assert_eq!(compiled(&rules, &labels).expect_err("no label").len(), 1);
}
