//! Whether policies keep a load to the rows of its tenant, as the catalog has it.
//!
//! Asked before anything is read, and again in the transaction that writes: a run may be held for
//! weeks, and policies are altered meanwhile. Three ways lead past policies. They may not hold for
//! the role, or not go by the setting, for any of the commands. The server itself follows foreign
//! keys' actions (`on delete cascade`) without asking them. And what is looked up, or referred to,
//! may be in a table whose own policies do not hold.

use postgres_types::{ToSql, Type};
use tokio_postgres::Client;

use crate::{
    error::{Error, Result},
    load::{LoadColumn, LoadMode, LoadTarget},
    postgres::{
        session::database_error,
        sql::{qualified, quote_literal},
    },
    schema::{TableName, TableSchema},
};

/// Makes sure that a load of this target can neither see nor write rows of another tenant.
///
/// # Errors
/// `ErrorKind::Environment` when it could, with the reason and what to do about it.
pub async fn ensure_kept_apart(client: &Client, load: &LoadTarget, setting: &str) -> Result<()> {
    policies_hold(client, &load.table, setting).await?;
    no_action_reaches_others(client, load, setting).await?;
    let ways = load.columns.iter().filter_map(|column| column.lookup.as_ref());
    let looked_into = ways.flat_map(|lookup| lookup.all_ways()).map(|way| &way.table);
    let referred_to = load.table.foreign_keys.iter().map(|key| &key.references);
    for table in looked_into.chain(referred_to) {
        holds_if_enabled(client, table).await?;
    }
    Ok(())
}

async fn policies_hold(client: &Client, table: &TableSchema, setting: &str) -> Result<()> {
    let quoted = quote_literal(setting);
    let parameters: [(&(dyn ToSql + Sync), Type); 2] =
        [(&table.oid, Type::OID), (&quoted, Type::TEXT)];
    let row = client.query_typed_one(include_str!("policies.sql"), &parameters).await;
    let row = row.map_err(failed)?;
    let flag = |at| row.try_get::<_, bool>(at).map_err(failed);
    let (enabled, active, owner, asks) = (flag(0)?, flag(1)?, flag(2)?, flag(3)?);
    let open: Vec<String> = row.try_get(4).map_err(failed)?;
    let name = &table.name;
    let (what, hint) = if !enabled {
        (
            format!("row-level security is not enabled on {name}: nothing keeps tenants apart"),
            format!(
                "alter table {name} enable row level security, with a policy that reads {setting}"
            ),
        )
    } else if !active {
        (does_not_hold(name, owner), HELD_TO.to_owned())
    } else if !asks {
        (
            format!("no policy of {name} that holds for this role reads the setting {setting}"),
            "name the setting that it reads in `[tenant]`, or make such a policy".to_owned(),
        )
    } else if !open.is_empty() {
        let (commands, add_up) = (
            open.join(" and "),
            "policies add up: make it restrictive, or ask in it, in USING and in WITH CHECK",
        );
        (
            format!("a policy of {name} lets this role {commands} rows whatever {setting} says"),
            add_up.to_owned(),
        )
    } else {
        return Ok(());
    };
    Err(Error::environment(what).hint(hint))
}

const HELD_TO: &str = "load as a role without SUPERUSER and BYPASSRLS, which does not own the table or has it `force row level security`";

fn does_not_hold(table: &TableName, owner: bool) -> String {
    let why = if owner { "owns the table or is a superuser" } else { "bypasses it" };
    format!("row-level security of {table} does not hold for this role, which {why}")
}

/// The server follows actions as the owner of the table that refers, whatever its policies say.
async fn no_action_reaches_others(client: &Client, load: &LoadTarget, setting: &str) -> Result<()> {
    let deletes = match &load.mode {
        LoadMode::Mirror { soft: Some(_), .. } => false,
        LoadMode::Operations => true,
        mode => mode.deletes(),
    };
    let updates = !matches!(load.mode, LoadMode::Append | LoadMode::Insert);
    let others = load.columns.iter().enumerate().filter(|(at, _)| !load.key.contains(at));
    let name = |(_, column): (usize, &LoadColumn)| column.column.name.clone();
    let updated: Vec<String> = others.filter(|_| updates).map(name).collect();
    let quoted = quote_literal(setting);
    let parameters: [(&(dyn ToSql + Sync), Type); 4] = [
        (&load.table.oid, Type::OID),
        (&deletes, Type::BOOL),
        (&updated, Type::TEXT_ARRAY),
        (&quoted, Type::TEXT),
    ];
    let found = client.query_typed_opt(include_str!("actions.sql"), &parameters).await;
    let Some(row) = found.map_err(failed)? else { return Ok(()) };
    let (key, table): (String, String) =
        (row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?);
    let what = format!(
        "what is written to {} changes rows of {table} past its policies (action of foreign key `{key}`), whose tenant may be another",
        load.table.name
    );
    Err(Error::environment(what)
        .hint("have the foreign key hold the tenant's column too, make it `no action`, or use `soft_delete`"))
}

/// A table without policies is everybody's; one that has them must not show more than they allow.
async fn holds_if_enabled(client: &Client, table: &TableName) -> Result<()> {
    let query = "select pg_catalog.pg_has_role(c.relowner, 'usage') from pg_catalog.pg_class c
        where c.oid = pg_catalog.to_regclass($1) and c.relrowsecurity and not pg_catalog.row_security_active(c.oid)";
    let found = client.query_typed_opt(query, &[(&qualified(table), Type::TEXT)]).await;
    match found.map_err(failed)? {
        None => Ok(()),
        Some(row) => {
            let owner = row.try_get(0).map_err(failed)?;
            Err(Error::environment(does_not_hold(table, owner)).hint(HELD_TO))
        }
    }
}

fn failed(error: tokio_postgres::Error) -> Error {
    database_error(&error, "ask for policies")
}
