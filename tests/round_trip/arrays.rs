//! Arrays in every form and of every type.

use longshore::schema::PgType;

use super::oracle::{Column, Oracle, listed};

#[tokio::test]
async fn arrays() {
    let oracle = Oracle::start().await;
    let texts = Column::new(PgType::Text, "text").array(&oracle.client).await;
    let literals = listed(
        "{}|{ }|{a}|{a,b}|{ a , b }|{a b,c}|{\"a, b\",\"\\\"\",\"\\\\\"}|\
         {NULL,null,\"NULL\"}|{\"\"}|{a,}|{,a}|{,}|{a|a}|{a}}|{a,\"b}|{a\\,b,c\\}|{\\a}|\
         {a}x||a|{\"a\"b}|{a\"b\"}|{é,🚢}|{a\\ , b}|{\"a\" , \"b\"}|{\\\"}|{nul\\l}",
    );
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
