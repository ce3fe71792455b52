//! Proves a definition's SQL against the catalog, without running it.

use tokio_postgres::Client;

use super::{
    session::{database_error, safe_message},
    sql::qualified,
};
use crate::{
    diagnostic::{Finding, Place},
    error::Result,
    load::LoadTarget,
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
    Ok(findings)
}

/// Preparing parses and types the statement; nothing is executed.
async fn prove_one(
    client: &Client,
    load: &LoadTarget,
    sql: &str,
    type_sql: &str,
    place: Place,
) -> Result<Option<Finding>> {
    let statement = format!("select ({sql}\n)::{type_sql} from {} s", qualified(&load.table.name));
    let Err(error) = client.prepare(&statement).await else { return Ok(None) };
    match error.as_db_error().and_then(safe_message) {
        Some(message) => Ok(Some(
            Finding::new("bind.sql", place, format!("the database refuses this SQL: {message}"))
                .hint("it is evaluated over the staged row: the columns of this target"),
        )),
        None => Err(database_error(&error, "understand SQL of the definition")),
    }
}
