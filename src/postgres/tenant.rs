//! Row-level security: the tenant that a run is for, in every transaction that touches its targets.
//!
//! The setting is local to the transaction, since a pooler hands the session to somebody else
//! afterwards. What keeps one tenant's rows from another's load is the tables' policies alone, so
//! before anything is read the catalog has to prove that they hold for this role, and that they
//! go by the setting.

use postgres_types::{ToSql, Type};
use tokio_postgres::Client;

use super::{session::database_error, sql::quote_literal};
use crate::{
    error::{Error, Result},
    load::Tenant,
    run_id::RunId,
    schema::TableSchema,
};

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

/// Makes sure that the policies of a table keep this role to the rows of the tenant.
///
/// # Errors
/// `ErrorKind::Environment` when they do not, with the reason and what to do about it.
pub async fn ensure_kept_apart(client: &Client, table: &TableSchema, setting: &str) -> Result<()> {
    let query = "with policy as (
          select p.polpermissive as permissive,
            position($2 in coalesce(pg_get_expr(p.polqual, p.polrelid), '')
              || coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '')) > 0
            or exists (select from pg_catalog.pg_depend d join pg_catalog.pg_proc f on f.oid = d.refobjid
              where d.classid = 'pg_catalog.pg_policy'::regclass and d.objid = p.oid
                and d.refclassid = 'pg_catalog.pg_proc'::regclass and f.prokind = 'f'
                and position($2 in pg_get_functiondef(f.oid)) > 0) as reads
          from pg_catalog.pg_policy p
          where p.polrelid = $1 and (p.polroles = '{0}' or exists (
            select from unnest(p.polroles) r (oid) where pg_has_role(r.oid, 'usage'))))
        select c.relrowsecurity, row_security_active(c.oid), pg_has_role(c.relowner, 'usage'),
          exists (select from policy where reads),
          exists (select from policy where not permissive and reads)
            or not exists (select from policy where permissive and not reads)
        from pg_catalog.pg_class c where c.oid = $1";
    let parameters: [(&(dyn ToSql + Sync), Type); 2] =
        [(&table.oid, Type::OID), (&setting, Type::TEXT)];
    let failed = |error| database_error(&error, "ask for policies");
    let row = client.query_typed_one(query, &parameters).await.map_err(failed)?;
    let [enabled, active, owner, reads, closed]: [bool; 5] =
        [row.get(0), row.get(1), row.get(2), row.get(3), row.get(4)];
    let name = &table.name;
    let (what, hint) = if !enabled {
        (
            format!(
                "row-level security is not enabled on {name}, so that nothing keeps tenants apart"
            ),
            format!(
                "alter table {name} enable row level security; and a policy that reads {setting}"
            ),
        )
    } else if !active && owner {
        (
            format!(
                "row-level security of {name} does not hold for this role, which owns the table or is a superuser"
            ),
            format!("load as another role, or alter table {name} force row level security"),
        )
    } else if !active {
        (
            format!("row-level security of {name} does not hold for this role, which bypasses it"),
            "load as a role without SUPERUSER and BYPASSRLS".to_owned(),
        )
    } else if !reads {
        (
            format!("no policy of {name} that holds for this role reads the setting {setting}"),
            "name the setting that it reads in `[tenant]`, or make such a policy".to_owned(),
        )
    } else if !closed {
        (
            format!("a policy of {name} lets this role at rows whatever {setting} says"),
            "policies add up: make it restrictive, or not one of this role's".to_owned(),
        )
    } else {
        return Ok(());
    };
    Err(Error::environment(what).hint(hint))
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
