//! Numbers at their borders, just inside and just outside.

use longshore::schema::{NumericLimit, PgType};

use super::oracle::{Column, Oracle, listed, owned};
use crate::support::is_at_least;

fn numeric(precision: u16, scale: i16) -> PgType {
    PgType::Numeric(Some(NumericLimit { precision, scale }))
}

#[tokio::test]
async fn integers() {
    let oracle = Oracle::start().await;
    let texts = listed(
        "0|-0|+5|007|-007|32767|32768|-32768|-32769|2147483647|2147483648|-2147483648|\
         -2147483649|4294967295|4294967296|999999999999999999|1000000000000000000|\
         9223372036854775807|9223372036854775808|-9223372036854775808|\
         -9223372036854775809|00000000000000000000000000000000000001|\
         18446744073709551616|340282366920938463463374607431768211456||-|+|--1|1 2|1,234|\
         a|0x|1e|1-|٣|½|NaN|Infinity|1.5",
    );
    for (pg_type, sql) in
        [(PgType::Int2, "smallint"), (PgType::Int4, "integer"), (PgType::Int8, "bigint")]
    {
        let column = Column::new(pg_type, sql);
        oracle.agree(&column, &texts).await;
        // Blanks are the business of the step `trim`.
        oracle.stricter(&column, &[" 1", "1 ", "\t1\n"]).await;
        // Nothing is lost where the decimals are zeros.
        oracle.more(&column, &[("1.0", "1"), ("-12.000", "-12"), (".0", "0"), ("5.", "5")]).await;
    }
    let oid = Column::new(PgType::Oid, "oid");
    oracle.agree(&oid, &owned(&["0", "4294967295", "4294967296", "26", "", "x"])).await;
    // The server turns negative numbers into large ones, and zeros at the beginning mean octal
    // to some versions.
    oracle.stricter(&oid, &["-1", " 1", "063"]).await;
}

#[tokio::test]
async fn grouped_and_localised_numbers() {
    let oracle = Oracle::start().await;
    let german = |pg_type, sql| {
        Column::new(pg_type, sql).with(|options| {
            options.decimal_mark = ',';
            options.group_mark = Some('.');
        })
    };
    let pairs = [("1.234", "1234"), ("12.345.678,00", "12345678"), ("-1.234,0", "-1234")];
    oracle.more(&german(PgType::Int8, "bigint"), &pairs).await;
    let pairs =
        [("1.234,56", "1234.56"), ("-0,5", "-0.5"), (",5", "0.5"), ("1234567,25", "1234567.25")];
    oracle.more(&german(numeric(12, 2), "numeric(12,2)"), &pairs).await;
    oracle.more(&german(PgType::Numeric(None), "numeric"), &pairs).await;
    oracle.more(&german(PgType::Float8, "double precision"), &pairs).await;
    oracle.more(&german(PgType::Float4, "real"), &pairs).await;
    for column in [german(PgType::Numeric(None), "numeric"), german(PgType::Float8, "float8")] {
        for text in
            ["12.34", "1.2345", "1..234", "1.234.", ".123", "1,234.5", "0.1234,5", "1234.567"]
        {
            let outcome = &oracle.compare(&column, &owned(&[text])).await[0];
            assert!(outcome.ours.is_err(), "{outcome:?}");
        }
    }
    let french = Column::new(PgType::Numeric(None), "numeric").with(|options| {
        options.decimal_mark = ',';
        options.group_mark = Some('\u{202f}');
    });
    oracle.more(&french, &[("1\u{202f}234\u{202f}567,8", "1234567.8")]).await;
}

#[tokio::test]
async fn decimals() {
    let oracle = Oracle::start().await;
    let huge = format!("1{}", "0".repeat(131_071));
    let too_huge = format!("1{}", "0".repeat(131_072));
    let fine = format!("0.{}1", "0".repeat(16_382));
    let too_fine = format!("0.{}1", "0".repeat(16_383));
    let mut texts = listed(
        "0|-0|0.00|-0.00|00012.500|12.50|1e3|1.50e1|1E-5|1e+2|-1.5e-3|.5|5.|+.5e1|NaN|\
         nan|Infinity|-infinity|inf|+Inf|1e131071|1e131072|1e-16383|1e-16384|0e131073|\
         0e-16384|1e1000000|1e-1000000|9999|10000|0.0001|0.00001|\
         123456789012345678901234567890.123456789||.|e5|1e|1e+|-|1.2.3|1,5|+NaN|-NaN|\
         1ee5|1e99999999999",
    );
    texts.extend([huge, too_huge, fine, too_fine]);
    let numeric_column = Column::new(PgType::Numeric(None), "numeric");
    oracle.agree(&numeric_column, &texts).await;
    // Other bases, which servers read since PostgreSQL 16, and no file of people means.
    oracle.each(&numeric_column, &listed("0x1|0o7|0b1|1_000"), |one| one.ours.is_err()).await;

    let texts = listed(
        "0|-0.00|9999.99|-9999.99|10000|9999.990|9999.9900e0|99999e-1|1e3|1e4|0.1e-1|NaN|\
         Infinity|0e-20|0e20|000000009999.99|12.3",
    );
    let money = Column::new(numeric(6, 2), "numeric(6,2)");
    oracle.agree(&money, &texts).await;
    // The server rounds; what is rounded away is lost.
    oracle.stricter(&money, &["0.001", "9999.989", "1.005", "1e-3", " 1"]).await;

    if !is_at_least(15, "numeric with a scale below zero or above its precision") {
        return;
    }
    let small = Column::new(numeric(2, 4), "numeric(2,4)");
    oracle
        .agree(&small, &owned(&["0.0099", "0.01", "-0.0099", "0", "0.00990", "1", "0.0100"]))
        .await;
    let coarse = Column::new(numeric(3, -2), "numeric(3,-2)");
    oracle
        .agree(&coarse, &owned(&["99900", "100", "0", "100000", "-99900", "1e4", "1e5", "NaN"]))
        .await;
    oracle.stricter(&coarse, &["150", "1", "99949"]).await;
}

#[tokio::test]
async fn floats() {
    let oracle = Oracle::start().await;
    let texts = listed(
        "0|-0|1|0.1|1e3|-1.5E-7|+5|.5|5.|NaN|nan|Infinity|-Infinity|inf|-INF|\
         1.7976931348623157e308|1.7976931348623159e308|-1.8e308|2.2250738585072014e-308|\
         5e-324|1e-400|-1e-400|0e-400|1e400|9007199254740993|123456789.123456789|\
         16777217|3.4028235e38|3.4028236e38|1.4e-45|1e-46|0.1e1||.|-|e|1e|1_000|1,5|\
         infin|1f|340282356779733661637539395458142568447|\
         340282356779733661637539395458142568448",
    );
    for (pg_type, sql) in [(PgType::Float4, "real"), (PgType::Float8, "double precision")] {
        let column = Column::new(pg_type, sql);
        oracle.agree(&column, &texts).await;
        // C's `strtod` reads these; no data is written so. Blanks are for `trim`.
        oracle.stricter(&column, &["0x1p3", "-nan", " 1"]).await;
    }
}
