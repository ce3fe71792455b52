//! One column of one type on a real server, and two ways to fill it.

use bumpalo::Bump;
use bytes::Bytes;
use futures_util::SinkExt;
use longshore::{
    batch::Cell,
    copy::{COPY_HEADER, COPY_TRAILER, TupleEncoder},
    schema::PgType,
    transform::parse::{ParseFault, ParseOptions, Parser},
};
use std::pin::pin;
use tokio_postgres::Client;

use crate::support::TestDatabase;

/// A text as the server reads it when it is assigned to a column; NULL where it refuses.
const SERVER_TEXT: &str = r"
create function server_text(target text, value text) returns text language plpgsql as $$
declare shown text;
begin
    execute format('insert into %s (id, v) values (0, %L) returning v::text', target, value) into shown;
    return shown;
exception when others then
    return null;
end $$";

/// A column's type, here and there.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) pg_type: PgType,
    pub(super) sql: &'static str,
    pub(super) options: ParseOptions,
}

impl Column {
    pub(super) fn new(pg_type: PgType, sql: &'static str) -> Self {
        Self { pg_type, sql, options: ParseOptions::default() }
    }

    pub(super) fn with(mut self, change: impl FnOnce(&mut ParseOptions)) -> Self {
        change(&mut self.options);
        self
    }

    /// A one-dimensional array of the type; `element_oid` comes from the catalog.
    pub(super) async fn array(&self, client: &Client) -> Self {
        let oid = format!("select '{}'::regtype::oid", self.sql);
        let element_oid = client.query_one(&oid, &[]).await.unwrap().get(0);
        let element = Box::new(self.pg_type.clone());
        let sql = Box::leak(format!("{}[]", self.sql).into_boxed_str());
        Self { pg_type: PgType::Array { element, element_oid }, sql, ..self.clone() }
    }
}

/// A database with the server's side of the comparison.
pub(super) struct Oracle {
    pub(super) client: Client,
    _database: TestDatabase,
}

/// What became of one text on both sides.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Outcome {
    pub(super) text: String,
    /// The server's reading of it; `None` where it refused.
    pub(super) server: Option<String>,
    /// What the server shows of our value, or why there is none.
    pub(super) ours: Result<String, ParseFault>,
}

impl Oracle {
    pub(super) async fn start() -> Self {
        let database = TestDatabase::create().await;
        let client = database.client().await;
        client.batch_execute("set timezone = 'UTC'").await.unwrap();
        client.batch_execute("set client_min_messages = error").await.unwrap();
        client.batch_execute(SERVER_TEXT).await.unwrap();
        Self { client, _database: database }
    }

    /// Offers every text to both sides.
    pub(super) async fn compare(&self, column: &Column, texts: &[String]) -> Vec<Outcome> {
        let create = format!(
            "drop table if exists probe; create unlogged table probe (id int, v {})",
            column.sql
        );
        self.client.batch_execute(&create).await.unwrap();
        let server = self.server(texts).await;
        self.client.batch_execute("truncate probe").await.unwrap();
        let faults = self.copy(column, texts).await;
        let rows = self.client.query("select id, v::text from probe", &[]).await.unwrap();
        let mut shown = vec![None; texts.len()];
        for row in rows {
            shown[usize::try_from(row.get::<_, i32>(0)).unwrap()] = row.get::<_, Option<String>>(1);
        }
        let ours = faults.into_iter().zip(shown).map(|(fault, shown)| match fault {
            Some(fault) => Err(fault),
            None => Ok(shown.expect("a copied value is there")),
        });
        texts
            .iter()
            .zip(server)
            .zip(ours)
            .map(|((text, server), ours)| Outcome { text: text.clone(), server, ours })
            .collect()
    }

    async fn server(&self, texts: &[String]) -> Vec<Option<String>> {
        // A text with NUL cannot even be sent.
        let sendable: Vec<Option<&str>> =
            texts.iter().map(|text| (!text.contains('\0')).then_some(text.as_str())).collect();
        let sql = "select case when t is not null then server_text('probe', t) end
                   from unnest($1::text[]) with ordinality as u(t, n) order by n";
        let rows = self.client.query(sql, &[&sendable]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Copies what we accept; the fault of each text that we do not.
    async fn copy(&self, column: &Column, texts: &[String]) -> Vec<Option<ParseFault>> {
        let parser = Parser::compile(&column.pg_type, &column.options).unwrap();
        let arena = Bump::new();
        let mut encoder = TupleEncoder::default();
        let mut faults = Vec::with_capacity(texts.len());
        for (id, text) in texts.iter().enumerate() {
            let parsed = parser.parse(Cell::Text(text), &arena);
            if let Ok(value) = &parsed {
                encoder.begin_row(2);
                let id = longshore::value::Value::Int(i64::try_from(id).unwrap());
                encoder.field(&PgType::Int4, &id).unwrap();
                encoder.field(&column.pg_type, value).unwrap_or_else(|_| {
                    panic!("{} {text:?}: {value:?} is not encoded", column.sql)
                });
                encoder.end_row();
            }
            faults.push(parsed.err());
        }
        let copied = copy_in(&self.client, "probe", encoder.take()).await;
        copied.unwrap_or_else(|error| panic!("{}: COPY refuses: {error:?}", column.sql));
        faults
    }

    /// Asserts something of every text, and shows all that differ.
    pub(super) async fn each(
        &self,
        column: &Column,
        texts: &[String],
        holds: impl Fn(&Outcome) -> bool,
    ) {
        let mut outcomes = self.compare(column, texts).await;
        outcomes.retain(|outcome| !holds(outcome));
        assert!(outcomes.is_empty(), "{}: {outcomes:#?}", column.sql);
    }

    /// Asserts that both sides agree on every text, to accept or to refuse.
    pub(super) async fn agree(&self, column: &Column, texts: &[String]) {
        self.each(column, texts, Outcome::agrees).await;
    }

    /// Asserts that the server accepts these and we do not.
    pub(super) async fn stricter(&self, column: &Column, texts: &[&str]) {
        let stricter = |outcome: &Outcome| outcome.ours.is_err() && outcome.server.is_some();
        self.each(column, &owned(texts), stricter).await;
    }

    /// Asserts that we read these as the server reads the text beside them.
    pub(super) async fn more(&self, column: &Column, texts: &[(&str, &str)]) {
        let (ours, same): (Vec<&str>, Vec<&str>) = texts.iter().copied().unzip();
        let ours = self.compare(column, &owned(&ours)).await;
        let same = self.compare(column, &owned(&same)).await;
        for (ours, same) in ours.iter().zip(&same) {
            assert_eq!(ours.ours.as_ref().ok(), same.server.as_ref(), "{ours:?} {same:?}");
            assert!(ours.ours.is_ok(), "{} {ours:?}", column.sql);
        }
    }
}

impl Outcome {
    /// Whether both sides have the same value, or both have none.
    pub(super) fn agrees(&self) -> bool {
        self.ours.as_ref().ok() == self.server.as_ref()
    }
}

/// Streams encoded rows into a table.
pub(super) async fn copy_in(
    client: &Client,
    table: &str,
    rows: Bytes,
) -> Result<u64, tokio_postgres::Error> {
    let copy = format!("copy {table} from stdin (format binary)");
    let mut sink = pin!(client.copy_in::<_, Bytes>(&copy).await?);
    for bytes in [Bytes::from_static(&COPY_HEADER), rows, Bytes::from_static(&COPY_TRAILER)] {
        sink.feed(bytes).await?;
    }
    sink.finish().await
}

pub(super) fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Texts with `|` between them.
pub(super) fn listed(texts: &str) -> Vec<String> {
    texts.split('|').map(str::to_owned).collect()
}
