//! Every type at its borders, just inside and just outside.

use longshore::schema::{NumericLimit, PgType};

use super::oracle::{Column, Oracle, owned};

fn numeric(precision: u16, scale: i16) -> PgType {
    PgType::Numeric(Some(NumericLimit { precision, scale }))
}

#[tokio::test]
async fn integers() {
    let oracle = Oracle::start().await;
    let texts = owned(&[
        "0",
        "-0",
        "+5",
        "007",
        "-007",
        "32767",
        "32768",
        "-32768",
        "-32769",
        "2147483647",
        "2147483648",
        "-2147483648",
        "-2147483649",
        "4294967295",
        "4294967296",
        "999999999999999999",
        "1000000000000000000",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "-9223372036854775809",
        "00000000000000000000000000000000000001",
        "18446744073709551616",
        "340282366920938463463374607431768211456",
        "",
        "-",
        "+",
        "--1",
        "1 2",
        "1,234",
        "a",
        "0x",
        "1e",
        "1-",
        "٣",
        "½",
        "NaN",
        "Infinity",
        "1.5",
    ]);
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
    // The server turns negative numbers into large ones.
    oracle.stricter(&oid, &["-1", " 1"]).await;
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
    let mut texts = owned(&[
        "0",
        "-0",
        "0.00",
        "-0.00",
        "00012.500",
        "12.50",
        "1e3",
        "1.50e1",
        "1E-5",
        "1e+2",
        "-1.5e-3",
        ".5",
        "5.",
        "+.5e1",
        "NaN",
        "nan",
        "Infinity",
        "-infinity",
        "inf",
        "+Inf",
        "1e131071",
        "1e131072",
        "1e-16383",
        "1e-16384",
        "0e131073",
        "0e-16384",
        "1e1000000",
        "1e-1000000",
        "9999",
        "10000",
        "0.0001",
        "0.00001",
        "123456789012345678901234567890.123456789",
        "",
        ".",
        "e5",
        "1e",
        "1e+",
        "-",
        "1.2.3",
        "1,5",
        "0x1",
        "+NaN",
        "-NaN",
        "1ee5",
        "1e99999999999",
    ]);
    texts.extend([huge, too_huge, fine, too_fine]);
    oracle.agree(&Column::new(PgType::Numeric(None), "numeric"), &texts).await;

    let texts = owned(&[
        "0",
        "-0.00",
        "9999.99",
        "-9999.99",
        "10000",
        "9999.990",
        "9999.9900e0",
        "99999e-1",
        "1e3",
        "1e4",
        "0.1e-1",
        "NaN",
        "Infinity",
        "0e-20",
        "0e20",
        "000000009999.99",
        "12.3",
    ]);
    let money = Column::new(numeric(6, 2), "numeric(6,2)");
    oracle.agree(&money, &texts).await;
    // The server rounds; what is rounded away is lost.
    oracle.stricter(&money, &["0.001", "9999.989", "1.005", "1e-3", " 1"]).await;

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
    let texts = owned(&[
        "0",
        "-0",
        "1",
        "0.1",
        "1e3",
        "-1.5E-7",
        "+5",
        ".5",
        "5.",
        "NaN",
        "nan",
        "Infinity",
        "-Infinity",
        "inf",
        "-INF",
        "1.7976931348623157e308",
        "1.7976931348623159e308",
        "-1.8e308",
        "2.2250738585072014e-308",
        "5e-324",
        "1e-400",
        "-1e-400",
        "0e-400",
        "1e400",
        "9007199254740993",
        "123456789.123456789",
        "16777217",
        "3.4028235e38",
        "3.4028236e38",
        "1.4e-45",
        "1e-46",
        "0.1e1",
        "",
        ".",
        "-",
        "e",
        "1e",
        "1_000",
        "1,5",
        "infin",
        "1f",
        "340282356779733661637539395458142568447",
        "340282356779733661637539395458142568448",
    ]);
    for (pg_type, sql) in [(PgType::Float4, "real"), (PgType::Float8, "double precision")] {
        let column = Column::new(pg_type, sql);
        oracle.agree(&column, &texts).await;
        // C's `strtod` reads these; no data is written so. Blanks are for `trim`.
        oracle.stricter(&column, &["0x1p3", "-nan", " 1"]).await;
    }
}

#[tokio::test]
async fn booleans_and_enums() {
    let oracle = Oracle::start().await;
    let column = Column::new(PgType::Bool, "boolean");
    let words = [
        "true", "t", "yes", "y", "1", "on", "TRUE", "Yes", "false", "f", "no", "n", "0", "off",
        "OFF", "", "2", "maybe", "o", "nope",
    ];
    oracle.agree(&column, &owned(&words)).await;
    // The server completes words: `tru` may as well be a typing error.
    oracle.stricter(&column, &["tru", "ye", "fals", "of", " t"]).await;
    let portuguese = column.with(|options| {
        options.true_words = vec!["Sim".to_owned()];
        options.false_words = vec!["NÃO".to_owned()];
    });
    oracle.more(&portuguese, &[("sim", "t"), ("não", "f"), ("NÃO", "f")]).await;

    oracle
        .client
        .batch_execute("create type mood as enum ('sad', 'Ok', 'it''s', '')")
        .await
        .unwrap();
    let labels = owned(&["sad", "Ok", "it's", ""]);
    let mood = Column::new(PgType::Enum(labels), "mood");
    oracle.agree(&mood, &owned(&["sad", "Ok", "ok", "it's", "", "sad ", " sad", "glad"])).await;
}

#[tokio::test]
async fn texts() {
    let oracle = Oracle::start().await;
    let texts = owned(&[
        "",
        " ",
        "a",
        "abc",
        "abcd",
        "äöü",
        "äöüß",
        "🚢🚢🚢",
        "🚢🚢🚢🚢",
        "a\0b",
        "\\N",
        "a\tb\n",
    ]);
    let plain = Column::new(PgType::Text, "text");
    oracle.agree(&plain, &texts).await;
    oracle.agree(&Column::new(PgType::Citext, "citext"), &texts).await;
    oracle.agree(&Column::new(PgType::VarChar(3), "varchar(3)"), &texts).await;
    oracle.agree(&Column::new(PgType::Char(3), "char(3)"), &texts).await;
    // The server drops blanks beyond the length; a value is not changed silently here.
    oracle.stricter(&Column::new(PgType::VarChar(3), "varchar(3)"), &["abc ", "a    "]).await;
    oracle.stricter(&Column::new(PgType::Char(3), "char(3)"), &["abc "]).await;
}

#[tokio::test]
async fn dates() {
    let oracle = Oracle::start().await;
    let date = Column::new(PgType::Date, "date");
    let texts = owned(&[
        "2024-02-29",
        "2023-02-29",
        "1900-02-29",
        "2000-02-29",
        "2024-04-31",
        "2024-13-01",
        "2024-00-01",
        "2024-01-00",
        "0001-01-01",
        "0000-01-01",
        "0001-12-31 BC",
        "0044-03-15 BC",
        "4714-11-24 BC",
        "4714-11-23 BC",
        "9999-12-31",
        "10000-01-01",
        "5874897-12-31",
        "5874898-01-01",
        "infinity",
        "-infinity",
        "Infinity",
        "2024-03-01T00:00:00",
        "2024-03-01 00:00",
        "2024-03-01T00:00:00Z",
        "",
        "yesterday-ish",
        "2024-03",
        "2024-3-1x",
        "20240301T",
        "-2024-03-01",
        "2024-03-01T24:00:01",
        "2024-03-01T00:60:00",
    ]);
    oracle.agree(&date, &texts).await;
    // Read by the session's DateStyle, by today's date, or with something dropped.
    oracle
        .stricter(
            &date,
            &[
                "01/02/2024",
                "20240301",
                "2024-3-1",
                "March 1, 2024",
                "today",
                "now",
                "epoch",
                "2024-03-01T12:00:00",
                "2024-03-01T00:00:00+02",
                " 2024-03-01",
                "2024-061",
            ],
        )
        .await;
}

#[tokio::test]
async fn timestamps() {
    let oracle = Oracle::start().await;
    let stamp = Column::new(PgType::Timestamp(6), "timestamp");
    let texts = owned(&[
        "2024-03-01",
        "2024-03-01 12:34",
        "2024-03-01T12:34:56",
        "2024-03-01T12:34:56.5",
        "2024-03-01 12:34:56.123456",
        "2024-03-01 12:34:56.1234560",
        "2024-03-01T24:00:00",
        "2024-03-01T24:00:01",
        "2024-03-01T25:00:00",
        "2024-03-01T12:60:00",
        "4714-11-24 00:00:00 BC",
        "4714-11-23 23:59:59 BC",
        "294276-12-31 23:59:59.999999",
        "294277-01-01 00:00:00",
        "294276-12-31T24:00:00",
        "infinity",
        "-infinity",
        "1969-12-31 23:59:59.999999",
        "",
        "x",
    ]);
    oracle.agree(&stamp, &texts).await;
    // Offsets dropped, seconds carried, digits rounded, clocks asked: all losses or guesses.
    oracle
        .stricter(
            &stamp,
            &[
                "2024-03-01T12:00:00Z",
                "2024-03-01T12:00:00+02",
                "2016-12-31T23:59:60",
                "2024-03-01 12:34:56.1234567",
                "now",
                "2024-03-01 1:02:03",
                "2024-03-01 12:00 PM",
                "20240301T120000",
                " 2024-03-01",
            ],
        )
        .await;
    let milli = Column::new(PgType::Timestamp(3), "timestamp(3)");
    oracle.agree(&milli, &owned(&["2024-03-01 12:00:00.123", "2024-03-01 12:00:00.123000"])).await;
    oracle.stricter(&milli, &["2024-03-01 12:00:00.1234"]).await;
    let whole = Column::new(PgType::Timestamp(0), "timestamp(0)");
    oracle.agree(&whole, &owned(&["2024-03-01 12:00:00.000", "2024-03-01 12:00:01"])).await;
    oracle.stricter(&whole, &["2024-03-01 12:00:00.5"]).await;
}

#[tokio::test]
async fn timestamps_with_zones() {
    let oracle = Oracle::start().await;
    let stamp = Column::new(PgType::TimestampTz(6), "timestamptz");
    let texts = owned(&[
        "2024-03-01T12:34:56Z",
        "2024-03-01T12:34:56+02",
        "2024-03-01T12:34:56-0330",
        "2024-03-01 12:34:56.5+05:45",
        "2024-03-01 00:00:00+15:59",
        "2024-03-01 00:00:00-15:59",
        "2024-03-01 00:00:00+15:59:59",
        "2024-03-01 00:00:00+16",
        "4714-11-24 00:00:00+00 BC",
        "4714-11-24 00:00:00+01 BC",
        "4714-11-23 23:00:00-01 BC",
        "294276-12-31 23:59:59.999999+00",
        "294277-01-01 01:00:00+02",
        "294276-12-31 23:00:00-02",
        "infinity",
        "-infinity",
        "",
        "x",
        "2024-03-01T12:00:00+2:00x",
    ]);
    oracle.agree(&stamp, &texts).await;
    // Without an offset the session's zone would decide; abbreviations are ambiguous.
    oracle
        .stricter(
            &stamp,
            &[
                "2024-03-01 12:00:00",
                "2024-03-01",
                "2024-03-01 12:00:00 CET",
                "2024-03-01 12:00 UTC",
                "2024-03-01 12:00:00 +02",
                "2024-03-01 12:00:00+2",
            ],
        )
        .await;

    let lisbon = stamp.with(|options| options.zone = Some("Europe/Lisbon".to_owned()));
    let pairs = [
        ("2024-01-01", "2024-01-01 00:00:00+00"),
        ("2024-07-01T12:00:00", "2024-07-01 12:00:00+01"),
        ("2024-07-01T12:00:00-05", "2024-07-01 12:00:00-05"),
        ("2024-03-31T00:59:59.999999", "2024-03-31 00:59:59.999999+00"),
        ("2024-03-31T02:00:00", "2024-03-31 02:00:00+01"),
        ("2024-10-27T00:59:59", "2024-10-27 00:59:59+01"),
        ("2024-10-27T02:00:00", "2024-10-27 02:00:00+00"),
    ];
    oracle.more(&lisbon, &pairs).await;
    for text in [
        "2024-03-31T01:00:00",
        "2024-03-31T01:59:59",
        "2024-10-27T01:00:00",
        "2024-10-27T01:59:59.9",
    ] {
        let outcome = &oracle.compare(&lisbon, &owned(&[text])).await[0];
        assert!(outcome.ours.is_err(), "a local time that is not once: {outcome:?}");
    }
}

#[tokio::test]
async fn times() {
    let oracle = Oracle::start().await;
    let time = Column::new(PgType::Time(6), "time");
    let texts = owned(&[
        "00:00",
        "23:59:59.999999",
        "24:00:00",
        "24:00:00.000001",
        "24:01",
        "12:34:56.5",
        "12:60",
        "25:00",
        "12:34:56.1234560",
        "",
        "x",
        "infinity",
    ]);
    oracle.agree(&time, &texts).await;
    // Carried, rounded, or read by a guess.
    oracle
        .stricter(
            &time,
            &["12:00:60", "12:34:56.1234567", "1:02", "120000", "12:00 PM", "04:05+02"],
        )
        .await;
    let timetz = Column::new(PgType::TimeTz(6), "timetz");
    let texts = owned(&[
        "00:00+00",
        "23:59:59.999999-15:59",
        "24:00:00Z",
        "12:00+16",
        "12:00+15:59:59",
        "12:00:00-0330",
        "",
    ]);
    oracle.agree(&timetz, &texts).await;
    // Without an offset the session's zone would decide.
    oracle.stricter(&timetz, &["12:00", "12:00 +02"]).await;
}

#[tokio::test]
async fn intervals() {
    let oracle = Oracle::start().await;
    let interval = Column::new(PgType::Interval, "interval");
    let texts = owned(&[
        "P1Y2M3DT4H5M6.5S",
        "P1Y",
        "P2W",
        "PT0S",
        "P-1Y2M",
        "P1Y-2M3DT-4H",
        "PT-0.5S",
        "P1M",
        "PT1M",
        "1 year 2 mons 3 days 04:05:06.789",
        "-1 years -2 mons +3 days -04:05:06",
        "1 day",
        "2 weeks",
        "3 hours 4 minutes 5 seconds",
        "00:00:00",
        "-00:00:01",
        "100:00:00",
        "1 mon",
        "04:05",
        "178956970 years 7 mons",
        "178956970 years 8 mons",
        "2147483647 days",
        "2147483648 days",
        "-2147483648 days",
        "-2147483649 days",
        "2562047788:00:54.775807",
        "-2562047788:00:54.775807",
        "2562047788:00:54.775808",
        "P2147483647M",
        "P178956970Y7M",
        "-178956970 years -8 mons",
        "P",
        "P1H",
        "PT1D",
        "1 years 2 years",
        "04:60",
        "x",
        "",
        "1 parsec",
    ]);
    oracle.agree(&interval, &texts).await;
    // Fractions of days and months are spread by assumption, bare numbers get a unit by
    // assumption; the rest says nothing, says a part twice, or is for people to type.
    oracle
        .stricter(
            &interval,
            &[
                "1.5 days",
                "P1.5M",
                "5",
                "1 day ago",
                "1y",
                "@ 1 minute",
                "PT",
                "P1",
                "P1Y2Y",
                "04:05:60",
                "1-2",
                "P0001-02-03T04:05:06",
                "1 hour 30",
                "PT1.1234567S",
                " 1 day",
                "3 days 1 year",
                "1 century",
                "1.5 hours",
            ],
        )
        .await;
}

#[tokio::test]
async fn uuids_bytes_and_addresses() {
    let oracle = Oracle::start().await;
    let texts = owned(&[
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
        "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}",
        "a0eebc999c0b4ef8bb6d6bb9bd380a11",
        "00000000-0000-0000-0000-000000000000",
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1",
        "g0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "",
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1é",
    ]);
    let uuid = Column::new(PgType::Uuid, "uuid");
    oracle.agree(&uuid, &texts).await;
    // Forms that nothing writes.
    let odd = ["a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11", "{a0eebc999c0b4ef8bb6d6bb9bd380a11}"];
    oracle.stricter(&uuid, &odd).await;

    let bytea = Column::new(PgType::Bytea, "bytea");
    oracle.agree(&bytea, &owned(&["\\x", "\\x00ff", "\\xDEADbeef", "\\x0", "\\xg0"])).await;
    // The old escape form: any text would be bytes.
    oracle.stricter(&bytea, &["", "abc", "\\001", "\\x00 ff"]).await;

    let texts = owned(&[
        "192.168.0.1",
        "192.168.0.1/24",
        "10.0.0.0/8",
        "0.0.0.0/0",
        "255.255.255.255/32",
        "192.168.0.1/33",
        "::1",
        "::",
        "::/0",
        "2001:db8::/32",
        "2001:db8::1/64",
        "::ffff:1.2.3.4",
        "fe80::1/128",
        "fe80::1/129",
        "256.0.0.1",
        "1.2.3.4/",
        "1.2.3.4/-1",
        ":::",
        "",
        "localhost",
        "fe80::1%eth0",
        "192.168.0.0/24",
        "192.168.0.128/25",
        "2001:db8::/31",
    ]);
    let inet = Column::new(PgType::Inet, "inet");
    let cidr = Column::new(PgType::Cidr, "cidr");
    oracle.agree(&inet, &texts).await;
    oracle.agree(&cidr, &texts).await;
    // Shortened networks take their length from address classes of old.
    oracle.stricter(&cidr, &["10", "192.168/16", "10.1"]).await;
    oracle.stricter(&inet, &["10/8", "192.168.1/24"]).await;
}

#[tokio::test]
async fn json() {
    let oracle = Oracle::start().await;
    let texts = owned(&[
        "null",
        "true",
        "false",
        "0",
        "-0",
        "1.5e10",
        "\"\"",
        "[]",
        "{}",
        "[1, [2, {\"a\": [null]}]]",
        " {\"a\" : 1 , \"b\":\"x\"} ",
        "{\"a\":1,\"a\":2}",
        "\"\\u00e9\\n\\\"\"",
        "\"\\ud83d\\udea2\"",
        "\"\\ud83d\"",
        "\"\\udea2\"",
        "\"\\ud83dx\"",
        "\"\\ud83d\\u0041\"",
        "\"\\u0000\"",
        "\"\\u00g0\"",
        "\"\\x\"",
        "\"a\tb\"",
        "\"",
        "[1,]",
        "[,1]",
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "{1:2}",
        "[1 2]",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "-",
        "nul",
        "nulls",
        "NaN",
        "'a'",
        "",
        " ",
        "[1}",
        "{]",
        "]",
        "[[]",
        "1 2",
        "[] []",
        "\u{feff}[]",
        "1e131071",
        "1e131072",
        "1e-16383",
        "1e-16384",
        "[1e200000]",
        "\"é🚢\"",
        "[1]\n\t\r ",
        "[1]\u{b}",
        "{\"\\u0000\":1}",
        "tru",
        "-a",
        "[\"a\",\"b\"]x",
    ]);
    oracle.agree(&Column::new(PgType::Json, "json"), &texts).await;
    oracle.agree(&Column::new(PgType::Jsonb, "jsonb"), &texts).await;
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let column = Column::new(PgType::Jsonb, "jsonb");
    oracle.agree(&column, &[nested(512)]).await;
    // The server's limit is its stack's, which nobody can know.
    oracle.stricter(&column, &[&nested(513)]).await;
}

#[tokio::test]
async fn arrays() {
    let oracle = Oracle::start().await;
    let texts = Column::new(PgType::Text, "text").array(&oracle.client).await;
    let literals = owned(&[
        "{}",
        "{ }",
        "{a}",
        "{a,b}",
        "{ a , b }",
        "{a b,c}",
        "{\"a, b\",\"\\\"\",\"\\\\\"}",
        "{NULL,null,\"NULL\"}",
        "{\"\"}",
        "{a,}",
        "{,a}",
        "{,}",
        "{a",
        "a}",
        "{a}}",
        "{a,\"b}",
        "{a\\,b,c\\}",
        "{\\a}",
        "{a}x",
        "",
        "a",
        "{\"a\"b}",
        "{a\"b\"}",
        "{é,🚢}",
        "{a\\ , b}",
        "{\"a\" , \"b\"}",
        "{\\\"}",
        "{nul\\l}",
    ]);
    oracle.agree(&texts, &literals).await;
    // One dimension is what the wire form here holds; bounds other than 1 are not kept.
    oracle.stricter(&texts, &["{{a,b},{c,d}}", "[2:3]={a,b}", " {a}", "{a} "]).await;
    let json = [
        ("[]", "{}"),
        ("[\"a\", \"b\\n\", null, 1.50, true]", "{a,\"b\n\",NULL,1.50,true}"),
        ("[\"{}\", {\"a\": 1}]", "{\"{}\",\"{\\\"a\\\": 1}\"}"),
    ];
    oracle.more(&texts, &json).await;
    let separated = texts.with(|options| options.separator = Some(";".to_owned()));
    oracle
        .more(
            &separated,
            &[("a;b", "{a,b}"), ("", "{}"), (";", "{\"\",\"\"}"), ("{a}", "{\"{a}\"}")],
        )
        .await;
}

#[tokio::test]
async fn arrays_of_every_type() {
    let oracle = Oracle::start().await;
    for (column, element) in [
        (Column::new(PgType::Bool, "boolean"), "t"),
        (Column::new(PgType::Int2, "smallint"), "-32768"),
        (Column::new(PgType::Int4, "integer"), "2147483647"),
        (Column::new(PgType::Int8, "bigint"), "-9223372036854775808"),
        (Column::new(PgType::Oid, "oid"), "4294967295"),
        (Column::new(PgType::Float4, "real"), "1.5e10"),
        (Column::new(PgType::Float8, "double precision"), "NaN"),
        (Column::new(PgType::Numeric(None), "numeric"), "12.500"),
        (Column::new(PgType::VarChar(5), "varchar"), "abcde"),
        (Column::new(PgType::Citext, "citext"), "Ab"),
        (Column::new(PgType::Date, "date"), "infinity"),
        (Column::new(PgType::Time(6), "time"), "24:00:00"),
        (Column::new(PgType::TimeTz(6), "timetz"), "12:00:00+02"),
        (Column::new(PgType::Timestamp(6), "timestamp"), "2024-03-01 12:00:00"),
        (Column::new(PgType::TimestampTz(6), "timestamptz"), "2024-03-01 12:00:00+02"),
        (Column::new(PgType::Interval, "interval"), "1 year -2 days"),
        (Column::new(PgType::Uuid, "uuid"), "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        (Column::new(PgType::Json, "json"), "[1]"),
        (Column::new(PgType::Jsonb, "jsonb"), "[1]"),
        (Column::new(PgType::Bytea, "bytea"), "\\\\xff00"),
        (Column::new(PgType::Inet, "inet"), "::1/64"),
        (Column::new(PgType::Cidr, "cidr"), "10.0.0.0/8"),
    ] {
        let array = column.array(&oracle.client).await;
        let quoted = format!("{{\"{element}\",NULL,\"{element}\"}}");
        oracle.agree(&array, &[quoted, "{}".to_owned(), "{NULL}".to_owned()]).await;
    }
}
