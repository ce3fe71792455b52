//! Dates and times at their borders, and the ways to write them that stay unread.

use longshore::schema::PgType;

use super::oracle::{Column, Oracle, listed, owned};
use crate::support::is_at_least;

#[tokio::test]
async fn dates() {
    let oracle = Oracle::start().await;
    let date = Column::new(PgType::Date, "date");
    let texts = listed(
        "2024-02-29|2023-02-29|1900-02-29|2000-02-29|2024-04-31|2024-13-01|2024-00-01|\
         2024-01-00|0001-01-01|0000-01-01|0001-12-31 BC|0044-03-15 BC|4714-11-24 BC|\
         4714-11-23 BC|9999-12-31|10000-01-01|5874897-12-31|5874898-01-01|infinity|\
         -infinity|Infinity|2024-03-01T00:00:00|2024-03-01 00:00|2024-03-01T00:00:00Z||\
         yesterday-ish|2024-03|2024-3-1x|20240301T|-2024-03-01|2024-03-01T24:00:01|\
         2024-03-01T00:60:00",
    );
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
    let texts = listed(
        "2024-03-01|2024-03-01 12:34|2024-03-01T12:34:56|2024-03-01T12:34:56.5|\
         2024-03-01 12:34:56.123456|2024-03-01 12:34:56.1234560|2024-03-01T24:00:00|\
         2024-03-01T24:00:01|2024-03-01T25:00:00|2024-03-01T12:60:00|\
         4714-11-24 00:00:00 BC|4714-11-23 23:59:59 BC|294276-12-31 23:59:59.999999|\
         294277-01-01 00:00:00|294276-12-31T24:00:00|infinity|-infinity|\
         1969-12-31 23:59:59.999999||x",
    );
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
    let texts = listed(
        "2024-03-01T12:34:56Z|2024-03-01T12:34:56+02|2024-03-01T12:34:56-0330|\
         2024-03-01 12:34:56.5+05:45|2024-03-01 00:00:00+15:59|2024-03-01 00:00:00-15:59|\
         2024-03-01 00:00:00+15:59:59|2024-03-01 00:00:00+16|4714-11-24 00:00:00+00 BC|\
         4714-11-24 00:00:00+01 BC|4714-11-23 23:00:00-01 BC|\
         294276-12-31 23:59:59.999999+00|294277-01-01 01:00:00+02|\
         294276-12-31 23:00:00-02|infinity|-infinity||x|2024-03-01T12:00:00+2:00x",
    );
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
    let texts = listed(
        "00:00|23:59:59.999999|24:00:00|24:00:00.000001|24:01|12:34:56.5|12:60|25:00|\
         12:34:56.1234560||x|infinity",
    );
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
    let mut texts = listed(
        "P1Y2M3DT4H5M6.5S|P1Y|P2W|PT0S|P-1Y2M|P1Y-2M3DT-4H|PT-0.5S|P1M|PT1M|\
         1 year 2 mons 3 days 04:05:06.789|-1 years -2 mons +3 days -04:05:06|1 day|\
         2 weeks|3 hours 4 minutes 5 seconds|00:00:00|-00:00:01|100:00:00|1 mon|04:05|\
         178956970 years 7 mons|178956970 years 8 mons|2147483647 days|2147483648 days|\
         -2147483648 days|-2147483649 days|2562047788:00:54.775807|\
         -2562047788:00:54.775807|2562047788:00:54.775808|P2147483647M|P178956970Y7M|\
         -178956970 years -8 mons|P|P1H|PT1D|1 years 2 years|04:60|x||1 parsec",
    );
    if !is_at_least(15, "intervals of so many hours that can be shown") {
        texts.retain(|text| !text.contains("2562047788"));
    }
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
