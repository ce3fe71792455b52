//! The query: its parameters bound, its columns known, its rows streamed out by COPY.
//!
//! COPY takes no parameters, and a value pasted into its text would be shown by every log
//! and view of statements. So each `:name` becomes `$n` first, and the server says in
//! preparing which type it has there; the values go over as parameters into settings of the
//! transaction (`longshore.p1`), and COPY reads `current_setting(...)` cast to those types.

use tokio_postgres::{
    CopyOutStream, SimpleQueryMessage, Statement,
    types::{Kind as TypeKind, Type},
};

use super::{
    columns::{Column, Kind, ResultColumn},
    incremental::Bounds,
};
use crate::{
    definition::{
        Treatment,
        query::{Piece, parameter_names, pieces},
    },
    error::{Error, Result},
    postgres::{
        session::{Session, database_error, safe_message},
        sql::quote_identifier,
    },
};

/// A query that the server has understood.
#[derive(Debug)]
pub(super) struct Query {
    /// Its text with parameters as settings, as COPY takes it.
    sql: String,
    /// The columns of its result.
    pub(super) columns: Vec<ResultColumn>,
    /// Its parameters with the server's names of their types.
    pub(super) parameters: Vec<(String, String)>,
}

impl Query {
    /// Has the server understand the query, and hands it the values of its parameters; the
    /// transaction that reads the rows has to be open.
    pub(super) async fn bind(
        session: &Session,
        sql: &str,
        parameters: &[(String, String)],
    ) -> Result<Self> {
        let names = parameter_names(sql);
        let numbered = replaced(sql, &names, |at| format!("${}", at + 1));
        let prepared = session.client.prepare(&numbered).await.map_err(refused)?;
        for (at, (name, data_type)) in names.iter().zip(prepared.params()).enumerate() {
            let value = parameter(name, parameters)?;
            hand_over(session, at, (name, value), data_type).await?;
        }
        let setting = |at: usize| {
            let data_type = prepared.params().get(at).map_or_else(String::new, type_sql);
            format!("(current_setting('{}')::{data_type})", setting_name(at))
        };
        let sql = replaced(sql, &names, setting);
        let columns = columns(&prepared);
        let parameters = names.iter().zip(prepared.params());
        let parameters =
            parameters.map(|(name, of)| ((*name).to_owned(), of.name().to_owned())).collect();
        Ok(Self { sql, columns, parameters })
    }

    /// A query of this program's own, without parameters.
    pub(super) fn of(sql: String, columns: Vec<ResultColumn>) -> Self {
        Self { sql, columns, parameters: Vec::new() }
    }

    /// The columns of a query's result, whatever values its parameters will have.
    pub(super) async fn columns_of(session: &Session, sql: &str) -> Result<Vec<ResultColumn>> {
        let numbered = replaced(sql, &parameter_names(sql), |at| format!("${}", at + 1));
        let prepared = session.client.prepare(&numbered).await.map_err(refused)?;
        Ok(columns(&prepared))
    }

    /// Leaves only the rows between two points in time.
    pub(super) fn restrict(&mut self, bounds: &Bounds, column: &str) {
        self.sql = bounds.restrict(&self.sql, column);
    }

    /// Has the server write as JSON what only it can: arrays and rows, and for features the
    /// geometry, in longitude and latitude. Columns with sensitive values stay, so that a value
    /// has the same hash in every format.
    ///
    /// The query's order survives: a query with an order of its own is not merged with one
    /// around it that neither joins nor sorts.
    pub(super) fn as_json(&mut self, columns: &mut [Column], features: bool) {
        let mut expressions: Vec<_> =
            self.columns.iter().map(|column| quote_identifier(&column.name)).collect();
        for column in columns.iter_mut().filter(|column| column.treatment == Treatment::Show) {
            let data_type = &self.columns[column.at].data_type;
            let expression = &mut expressions[column.at];
            if column.kind == Kind::Geometry && features {
                *expression = geometry_json(expression, data_type.schema());
            } else if matches!(data_type.kind(), TypeKind::Array(_) | TypeKind::Composite(_)) {
                *expression = format!("to_json({expression})");
                column.kind = Kind::Json;
            } else if column.kind == Kind::Geometry {
                column.kind = Kind::Text;
            }
        }
        self.sql = format!("select {} from ({}\n) q", expressions.join(", "), self.sql);
    }

    /// Its text, which only this transaction understands: parameters are settings of it.
    pub(super) fn sql(&self) -> &str {
        &self.sql
    }

    /// How many rows the planner expects.
    pub(super) async fn estimated_rows(&self, session: &Session) -> Result<u64> {
        let explain = format!("explain (format json) {}", self.sql);
        let said = session.client.simple_query(&explain).await;
        let said = said.map_err(|error| database_error(&error, "plan the query of the export"))?;
        let text = said.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        let plan: serde_json::Value =
            serde_json::from_str(text.unwrap_or("[]")).unwrap_or_default();
        let rows = plan[0]["Plan"]["Plan Rows"].as_f64().unwrap_or(0.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an estimate")]
        Ok(rows as u64)
    }

    /// Starts COPY; every message of the stream is one row in COPY's text format.
    pub(super) async fn stream(&self, session: &Session) -> Result<CopyOutStream> {
        let copy = format!("copy ({}\n) to stdout (format text)", self.sql);
        let stream = session.client.copy_out(&copy).await;
        stream.map_err(refused)
    }
}

fn columns(prepared: &Statement) -> Vec<ResultColumn> {
    let column = |column: &tokio_postgres::Column| ResultColumn {
        name: column.name().to_owned(),
        data_type: column.type_().clone(),
    };
    prepared.columns().iter().map(column).collect()
}

/// The value given to a parameter.
pub(super) fn parameter<'p>(name: &str, parameters: &'p [(String, String)]) -> Result<&'p str> {
    let found = parameters.iter().rev().find(|(key, _)| key == name);
    found.map(|(_, value)| value.as_str()).ok_or_else(|| {
        Error::definition(format!("the export needs a value for `{name}`"))
            .hint(format!("give it with --set {name}=VALUE"))
    })
}

/// The query's text without what ends a statement, and with `instead` of each parameter.
fn replaced(sql: &str, names: &[&str], instead: impl Fn(usize) -> String) -> String {
    let mut text = String::with_capacity(sql.len());
    for piece in pieces(statement(sql)) {
        match piece {
            Piece::Parameter(name) => {
                let at = names.iter().position(|known| *known == name).unwrap_or(names.len());
                text.push_str(&instead(at));
            }
            Piece::Opaque(piece) | Piece::Word(piece) | Piece::Other(piece) => text.push_str(piece),
        }
    }
    text
}

/// The query without what may follow it: semicolons, comments, white space.
fn statement(sql: &str) -> &str {
    let (mut at, mut end) = (0, 0);
    for piece in pieces(sql) {
        let (length, belongs) = match piece {
            Piece::Parameter(name) => (name.len() + 1, true),
            Piece::Opaque(text) => (text.len(), !text.starts_with("--") && !text.starts_with("/*")),
            Piece::Word(text) => (text.len(), true),
            Piece::Other(text) => (text.len(), text != ";" && !text.trim().is_empty()),
        };
        at += length;
        if belongs {
            end = at;
        }
    }
    &sql[..end]
}

/// A geometry as RFC 7946 wants it: WGS 84, rings counter-clockwise, 9 decimals (0.1 mm).
fn geometry_json(expression: &str, schema: &str) -> String {
    let schema = quote_identifier(schema);
    let geometry = format!("{expression}::{schema}.geometry");
    format!(
        "{schema}.ST_AsGeoJSON({schema}.ST_ForcePolygonCCW({schema}.ST_Transform({geometry}, 4326)), 9, 0)"
    )
}

fn setting_name(at: usize) -> String {
    format!("longshore.p{}", at + 1)
}

pub(super) fn type_sql(data_type: &Type) -> String {
    format!("{}.{}", quote_identifier(data_type.schema()), quote_identifier(data_type.name()))
}

/// Sets a value for the transaction, once the server has read it as the type it has to be.
async fn hand_over(
    session: &Session,
    at: usize,
    (name, value): (&str, &str),
    data_type: &Type,
) -> Result<()> {
    let sql = format!(
        "select set_config('{}', $1, true), ($1::{}) is null",
        setting_name(at),
        match data_type.kind() {
            TypeKind::Pseudo => "pg_catalog.text".to_owned(),
            _ => format!("pg_catalog.text::{}", type_sql(data_type)),
        }
    );
    let done = session.client.query_typed_one(&sql, &[(&value, Type::TEXT)]).await;
    done.map(drop).map_err(|error| {
        if error.code().is_some_and(|code| code.code().starts_with("22")) {
            return Error::definition(format!(
                "the value given to `{name}` is no {}, which the query needs there",
                data_type.name()
            ));
        }
        database_error(&error, "take the value of a parameter")
    })
}

/// `read_only_sql_transaction`.
const READ_ONLY: &str = "25006";
/// `feature_not_supported`: of a query inside another, that it changes data.
const UNSUPPORTED: &str = "0A000";

/// A query that the server does not understand is a fault of the definition.
fn refused(error: tokio_postgres::Error) -> Error {
    let code = error.code().map_or("", |code| code.code());
    if code == READ_ONLY {
        return Error::definition("the query changes data, and an export only reads")
            .hint("have it select rows, and nothing else");
    }
    let safe = error.as_db_error().filter(|_| code.starts_with("42") || code == UNSUPPORTED);
    match safe.and_then(safe_message) {
        Some(message) => Error::definition(format!("the database refuses the query: {message}")),
        None => database_error(&error, "run the query of the export"),
    }
}
