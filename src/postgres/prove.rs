//! Proves a definition's SQL against the catalog, without running it.

use tokio_postgres::Client;

use super::{
    prepared,
    session::{database_error, safe_message},
    sql::{qualified, quote_identifier},
};
use crate::{
    diagnostic::{Finding, Place},
    error::Result,
    load::{LoadTarget, SetRule, SetRuleKind},
};

/// A finding for each computed column and each check that the server does not understand.
///
/// # Errors
/// `ErrorKind::Environment` when the connection fails.
pub async fn prove(client: &Client, load: &LoadTarget, place: &Place) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for column in &load.columns {
        if let Some(sql) = &column.computed {
            let place = place.key("columns").key(column.column.name.clone()).key("sql");
            findings.extend(prove_one(client, load, sql, &column.column.type_sql, place).await?);
        }
    }
    for (index, check) in load.checks.iter().enumerate() {
        let place = place.key("check").index(index).key("sql");
        findings.extend(prove_one(client, load, &check.sql, "boolean", place).await?);
    }
    for (sql, expected) in load.set_rules.iter().filter_map(sql_of_rule) {
        findings.extend(prove_one(client, load, &sql, expected, place.clone()).await?);
    }
    Ok(findings)
}

/// What of a rule on rows together the server has to understand, and its type.
fn sql_of_rule(rule: &SetRule) -> Option<(String, &'static str)> {
    match &rule.says {
        SetRuleKind::Total { sql, .. } => Some((sql.clone(), "numeric")),
        SetRuleKind::Inside { table, area, same, .. } => {
            let area = std::iter::once(area).chain(same.iter().map(|(theirs, _)| theirs));
            let columns: Vec<String> =
                area.map(|name| format!("{}::text", quote_identifier(name))).collect();
            let found = format!(
                "select concat({}) <> '' from {} limit 1",
                columns.join(", "),
                qualified(table)
            );
            Some((found, "boolean"))
        }
        _ => None,
    }
}

/// Preparing parses and types the statement; nothing is executed. What it would give is a
/// boolean: for other types the driver would look their names up by statements that stay.
async fn prove_one(
    client: &Client,
    load: &LoadTarget,
    sql: &str,
    type_sql: &str,
    place: Place,
) -> Result<Option<Finding>> {
    let table = qualified(&load.table.name);
    let statement = format!("select (({sql}\n)::{type_sql}) is null from {table} s");
    let refusal = match refusal(client, &statement, false).await {
        Ok(Some(error)) if prepared::name_is_taken(&error) => {
            refusal(client, &statement, true).await
        }
        answer => answer,
    };
    let failed = |error| database_error(&error, "understand SQL of the definition");
    let Some(error) = refusal.map_err(failed)? else { return Ok(None) };
    match error.as_db_error().and_then(safe_message) {
        Some(message) => Ok(Some(
            Finding::new("bind.sql", place, format!("the database refuses this SQL: {message}"))
                .hint("it is evaluated over the staged row: the columns of this target"),
        )),
        None => Err(failed(error)),
    }
}

/// The server's objection to a statement, if it has one.
async fn refusal(
    client: &Client,
    statement: &str,
    names_are_taken: bool,
) -> Result<Option<tokio_postgres::Error>, tokio_postgres::Error> {
    prepared::begin(client, "set transaction read only", names_are_taken).await?;
    let refusal = client.prepare(statement).await.err();
    client.batch_execute("rollback").await?;
    Ok(refusal)
}
