//! Formats on texts that keep to them and texts that do not.

use super::*;
use crate::transform::parse::{ParseOptions, Parser};
use crate::{batch::Cell, schema::PgType, value::Value};

fn parser(pg_type: PgType, format: &str) -> Result<Parser, ParserFinding> {
    let options = ParseOptions { format: Some(format.to_owned()), ..ParseOptions::default() };
    Parser::compile(&pg_type, &options)
}

/// What PostgreSQL would print of the value, as far as these tests need it.
fn stamp(pg_type: PgType, format: &str, text: &str) -> Option<i64> {
    let parser = parser(pg_type, format).expect("the format is usable");
    let arena = bumpalo::Bump::new();
    match parser.parse(Cell::Text(text), &arena).ok()? {
        Value::Date(days) => Some(i64::from(days)),
        Value::Time(micros) | Value::Timestamp(micros) | Value::TimestampTz(micros) => Some(micros),
        other => panic!("{other:?}"),
    }
}

#[test]
fn dates_are_read_as_their_format_says() {
    for (format, text) in [
        ("%d/%m/%Y", "01/03/2000"),
        ("%m/%d/%y", "03/01/00"),
        ("%D", "03/01/00"),
        ("%Y%m%d", "20000301"),
        ("%e %b %Y", " 1 mar 2000"),
        ("%e %b %Y", "01 MAR 2000"),
        ("%-d.%-m.%Y", "1.3.2000"),
        ("%-d.%-m.%Y", "01.03.2000"),
        ("%B %-d, %Y", "March 1, 2000"),
        ("%a, %d %b %Y", "Wed, 01 Mar 2000"),
        ("%A %F", "wednesday 2000-03-01"),
        ("%Y-%j", "2000-061"),
        ("%F %T", "2000-03-01 00:00:00"),
        ("%I:%M %p %F", "12:00 am 2000-03-01"),
        ("100%% %F", "100% 2000-03-01"),
        ("le %-d/%m/%Y à Évora", "le 1/03/2000 à Évora"),
        ("%s", "951868800"),
        ("%Q", "951868800000"),
    ] {
        assert_eq!(stamp(PgType::Date, format, text), Some(60), "{format} {text}");
    }
}

#[test]
fn texts_that_differ_from_the_format_are_refused() {
    for (format, text) in [
        ("%d/%m/%Y", "1/03/2000"),
        ("%d/%m/%Y", "01/03/00"),
        ("%d/%m/%Y", "01/03/2000 "),
        ("%d/%m/%Y", "01-03-2000"),
        ("%d/%m/%Y", "30/02/2000"),
        ("%d/%m/%Y", "01/13/2000"),
        ("%d/%m/%Y", "01/00/2000"),
        ("%d/%m/%Y", "01/01/0000"),
        ("%d/%m/%Y", "٠١/٠٣/٢٠٠٠"),
        ("%e %b %Y", "  1 mar 2000"),
        ("%-d.%-m.%Y", "001.3.2000"),
        ("%a, %d %b %Y", "Tue, 01 Mar 2000"),
        ("%Y-%j", "2001-366"),
        ("%Y-%j", "2000-000"),
        ("%F %T", "2000-03-01 00:00:01"),
        ("%I:%M %p %F", "00:00 AM 2000-03-01"),
        ("%I:%M %p %F", "13:00 PM 2000-03-01"),
        ("%s", "951868801"),
        ("%s", ""),
        ("%s", "99999999999999999999"),
    ] {
        assert_eq!(stamp(PgType::Date, format, text), None, "{format} {text}");
    }
}

#[test]
fn years_of_two_digits_turn_at_69_as_in_posix() {
    let first_day = |text| stamp(PgType::Date, "%d%m%y", text);
    assert_eq!(first_day("010169"), Some(calendar_days(1969)));
    assert_eq!(first_day("010199"), Some(calendar_days(1999)));
    assert_eq!(first_day("010100"), Some(0));
    assert_eq!(first_day("010168"), Some(calendar_days(2068)));
}

fn calendar_days(year: i64) -> i64 {
    crate::transform::parse::calendar::days_of(year, 1, 1)
}

#[test]
fn times_offsets_and_fractions_are_read() {
    let noon = 43_200_000_000;
    for (pg_type, format, text, micros) in [
        (PgType::Time(6), "%I:%M %p", "12:00 PM", noon),
        (PgType::Time(6), "%l:%M %P", "12:00 pm", noon),
        (PgType::Time(6), "%k.%M", " 9.30", 34_200_000_000),
        (PgType::Time(6), "%H%M%S%.f", "120000.25", noon + 250_000),
        (PgType::Time(6), "%H%M%S%.f", "120000", noon),
        (PgType::Time(6), "%T.%f", "12:00:00.000001000", noon + 1),
        (PgType::Timestamp(6), "%F %T", "2000-01-01 24:00:00", 2 * noon),
        (PgType::TimestampTz(6), "%F %T %z", "2000-01-01 12:00:00 +0130", noon - 5_400_000_000),
        (PgType::TimestampTz(6), "%FT%T%:z", "2000-01-01T12:00:00-01:00", noon + 3_600_000_000),
        (PgType::TimestampTz(6), "%s%.f", "946684799.5", -500_000),
        (PgType::TimestampTz(6), "%s%.f", "-0.5", -946_684_800_500_000),
        (PgType::TimestampTz(6), "%Q", "946684800001", 1_000),
    ] {
        assert_eq!(stamp(pg_type, format, text), Some(micros), "{format} {text}");
    }
}

#[test]
fn formats_that_say_too_little_too_much_or_nonsense_are_refused() {
    for (format, message) in [
        ("", "neither"),
        ("today", "neither"),
        ("%Y-%m", "whole date"),
        ("%d/%m", "whole date"),
        ("%a", "whole date"),
        ("%Y-%m-%d %m", "twice"),
        ("%F %j", "twice"),
        ("%H %I %p", "twice"),
        ("%I:%M", "%p"),
        ("%H:%M %p", "%p"),
        ("%M:%S", "hour"),
        ("%H:%S", "minutes"),
        ("%H:%M%.f", "seconds"),
        ("%F %z", "without a time"),
        ("%s %z", "everything"),
        ("%-d%m%Y", "side by side"),
        ("%F %T%.f%s", "side by side"),
        ("%Y%", "single %"),
        ("%U %Y", "%U"),
        ("%-é", "%-é"),
    ] {
        let fault = check_format(format).expect_err(format);
        assert!(fault.contains(message), "{format}: {fault}");
    }
    for format in ["%F", "%T", "%d.%m.%y %R", "%s", "%Q", "%Y-%j", "%a %d %b %Y"] {
        assert_eq!(check_format(format), Ok(()), "{format}");
    }
}

#[test]
fn a_format_has_to_say_what_the_column_holds() {
    let option = |pg_type, format| parser(pg_type, format).err().map(|finding| finding.option);
    assert_eq!(option(PgType::Date, "%T"), Some("format"));
    assert_eq!(option(PgType::Time(6), "%F %T"), Some("format"));
    assert_eq!(option(PgType::Time(6), "%s"), Some("format"));
    assert_eq!(option(PgType::TimeTz(6), "%T"), Some("format"));
    assert_eq!(option(PgType::Timestamp(6), "%F %T %z"), Some("format"));
    assert_eq!(option(PgType::TimestampTz(6), "%F %T"), Some("zone"));
    assert_eq!(option(PgType::TimestampTz(6), "%F %T %z"), None);
    assert_eq!(option(PgType::TimestampTz(6), "%s"), None);
    assert_eq!(option(PgType::Int4, "%F"), Some("format"));
}
