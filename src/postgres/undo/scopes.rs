//! What a published run changed, by the values of its scope: kept beside the rows it replaced
//! and as long, since they are values of rows.

use tokio_postgres::Client;

use super::SCHEMA;
use crate::{
    error::Result,
    postgres::{
        session::database_error,
        sql::{quote_identifier, quote_literal},
    },
    run_id::RunId,
};

/// The table of one target's changes by scope; [`super::expire`] drops it by this name.
fn name(run: &RunId, target: usize) -> String {
    let table = format!("{}_{target}_scopes", run.as_str().to_lowercase());
    format!("{SCHEMA}.{}", quote_identifier(&table))
}

/// Keeps the rows of a query; inside the publishing transaction.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub(in crate::postgres) async fn keep_scopes(
    client: &Client,
    (run, target): (&RunId, usize),
    query: &str,
) -> Result<()> {
    let create = format!("create table {} as {query}", name(run, target));
    let created = client.batch_execute(&create).await;
    created.map_err(|error| database_error(&error, "keep what the run changes by scope"))
}

/// The table with a run's changes by scope, where it is there and the role may read it.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub(in crate::postgres) async fn kept_scopes(
    client: &Client,
    (run, target): (&RunId, usize),
) -> Result<Option<String>> {
    let name = name(run, target);
    let there = format!(
        "select coalesce(has_schema_privilege(to_regnamespace({}), 'usage')
           and has_table_privilege(to_regclass({}), 'select'), false)",
        quote_literal(SCHEMA),
        quote_literal(&name)
    );
    let row = client.query_typed_one(&there, &[]).await;
    let row = row.map_err(|error| database_error(&error, "look for what the run changed"))?;
    Ok(row.get::<_, bool>(0).then_some(name))
}
