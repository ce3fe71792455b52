//! Tables of unusual shape: as wide as they come, and columns of domains.

use bumpalo::Bump;
use longshore::{
    batch::Cell,
    copy::TupleEncoder,
    schema::PgType,
    transform::parse::{ParseOptions, Parser},
};

use super::oracle::{Oracle, copy_in};

/// Columns of the wide table; PostgreSQL's own limit is 1,600.
const COLUMNS: usize = 1_000;

#[tokio::test]
async fn a_row_of_a_thousand_columns() {
    let oracle = Oracle::start().await;
    let types = [PgType::Int4, PgType::Bool, PgType::Numeric(None), PgType::Date];
    let sql = ["integer", "boolean", "numeric", "date"];
    let texts = ["-7", "t", "12.50", "2024-02-29"];
    let columns: Vec<String> =
        (0..COLUMNS).map(|index| format!("c{index} {}", sql[index % 4])).collect();
    let create = format!("create table wide ({})", columns.join(", "));
    oracle.client.batch_execute(&create).await.unwrap();

    let parsers =
        types.each_ref().map(|pg_type| Parser::compile(pg_type, &ParseOptions::default()).unwrap());
    let arena = Bump::new();
    let mut encoder = TupleEncoder::default();
    encoder.begin_row(COLUMNS);
    for index in 0..COLUMNS {
        let value = parsers[index % 4].parse(Cell::Text(texts[index % 4]), &arena).unwrap();
        encoder.field(&types[index % 4], &value).unwrap();
    }
    encoder.end_row();
    assert_eq!(copy_in(&oracle.client, "wide", encoder.take()).await.unwrap(), 1);

    let shown: String =
        oracle.client.query_one("select wide::text from wide", &[]).await.unwrap().get(0);
    let expected = format!("({})", vec![texts.join(","); COLUMNS / 4].join(","));
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn a_domain_takes_its_base_types_values() {
    let oracle = Oracle::start().await;
    oracle
        .client
        .batch_execute(
            "create domain grade as smallint check (value between 0 and 20);
             create domain name_of as varchar(5) not null;
             create table domains (grade grade, name name_of)",
        )
        .await
        .unwrap();
    let types = [PgType::Int2, PgType::VarChar(5)];
    let parsers =
        types.each_ref().map(|pg_type| Parser::compile(pg_type, &ParseOptions::default()).unwrap());
    let arena = Bump::new();
    let mut encoder = TupleEncoder::default();
    for (grade, name) in [("0", "Évora"), ("20", "")] {
        encoder.begin_row(2);
        for ((pg_type, parser), text) in types.iter().zip(&parsers).zip([grade, name]) {
            encoder.field(pg_type, &parser.parse(Cell::Text(text), &arena).unwrap()).unwrap();
        }
        encoder.end_row();
    }
    assert_eq!(copy_in(&oracle.client, "domains", encoder.take()).await.unwrap(), 2);
    let rows =
        oracle.client.query("select grade::text, name::text from domains", &[]).await.unwrap();
    let shown: Vec<(String, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let expected = [("0", "Évora"), ("20", "")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(shown, expected);
}
