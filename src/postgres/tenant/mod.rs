//! Row-level security: the tenant that a run is for, in every transaction that touches its targets.
//!
//! The setting is local to the transaction, since a pooler hands the session to somebody else
//! afterwards. What keeps one tenant's rows from another's load is the tables' policies alone, so
//! the catalog has to prove that they do (see `apart`).

mod apart;

pub use apart::ensure_kept_apart;

use postgres_types::{ToSql, Type};
use tokio_postgres::Client;

use super::{session::database_error, sql::quote_literal};
use crate::{error::Result, load::Tenant, run_id::RunId};

impl Tenant {
    /// The statement that says it, for the rest of a transaction.
    pub(super) fn set_local(&self) -> String {
        let (setting, value) = (quote_literal(&self.setting), quote_literal(&self.value));
        format!("select pg_catalog.set_config({setting}, {value}, true)")
    }
}

/// The same for a run that may have no tenant, to be put behind other settings.
pub(super) fn and_tenant(tenant: Option<&Tenant>) -> String {
    tenant.map_or_else(String::new, |tenant| format!("; {}", tenant.set_local()))
}

/// Notes the tenant that a run is for.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn note(client: &Client, run: &RunId, tenant: Option<&Tenant>) -> Result<()> {
    let Some(Tenant { setting, value }) = tenant else { return Ok(()) };
    let insert = "insert into longshore.tenant (run_id, setting, value) values ($1, $2, $3)";
    let run = run.as_str();
    let values: [(&(dyn ToSql + Sync), Type); 3] =
        [(&run, Type::TEXT), (setting, Type::TEXT), (value, Type::TEXT)];
    let written = client.execute_typed(insert, &values).await;
    written.map(|_| ()).map_err(|error| database_error(&error, "write the ledger"))
}

/// The tenant that a run was for, if it was for one.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn of_run(client: &Client, run: &RunId) -> Result<Option<Tenant>> {
    let query = "select setting, value from longshore.tenant where run_id = $1";
    let row = client.query_typed_opt(query, &[(&run.as_str(), Type::TEXT)]).await;
    let row = row.map_err(|error| database_error(&error, "ask the ledger"))?;
    Ok(row.map(|row| Tenant { setting: row.get(0), value: row.get(1) }))
}
