//! How the ledger's tables came to be: steps, each made once in a database.
//!
//! A step that has been released is never edited; what changes is a new one.
//! All steps that a database lacks are made in one transaction, under a lock.

use tokio_postgres::Client;

use crate::{
    error::Result,
    postgres::{
        session::{TRANSACTION_SETTINGS, database_error},
        sql::create_schema,
    },
};

/// The steps in order: a name that stays, and what it does.
const STEPS: [(&str, &str); 10] = [
    ("runs", include_str!("1_runs.sql")),
    ("held", include_str!("2_held.sql")),
    ("lease", include_str!("5_lease.sql")),
    ("replays", include_str!("6_replays.sql")),
    ("undo", include_str!("7_undo.sql")),
    ("warnings", include_str!("9_warnings.sql")),
    ("exports", include_str!("20_exports.sql")),
    ("merged", include_str!("22_merged.sql")),
    ("tenants", include_str!("25_tenants.sql")),
    ("export_keys", include_str!("30_export_keys.sql")),
];

/// Creates the ledger where it is missing, and brings an older one up to date.
///
/// # Errors
/// `ErrorKind::Environment` when the role may not create it.
pub async fn ensure(client: &Client) -> Result<()> {
    let failed = |error| {
        database_error(&error, "create the ledger (schema longshore)").or_hint(
            "run it once as a role that may create schemas, or grant CREATE on the database",
        )
    };
    if exists(client).await? {
        return Ok(());
    }
    let open = format!(
        "begin; {TRANSACTION_SETTINGS}; select pg_advisory_xact_lock(hashtext('longshore.ledger'));
         {};
         create table if not exists longshore.step (name text primary key, made_at timestamptz not null default clock_timestamp());
         comment on table longshore.step is 'The steps in which the ledger was made.'",
        create_schema("longshore")
    );
    let made = async {
        client.batch_execute(&open).await?;
        for (name, script) in STEPS {
            // Somebody else may have made it while this waited for the lock.
            let insert = format!(
                "insert into longshore.step (name) values ('{name}') on conflict do nothing"
            );
            if client.execute_typed(&insert, &[]).await? == 1 {
                client.batch_execute(script).await?;
            }
        }
        client.batch_execute("commit").await
    };
    if let Err(error) = made.await {
        // What failed is told; the session may be gone, and ends with the run anyway.
        drop(client.batch_execute("rollback").await);
        return Err(failed(error));
    }
    Ok(())
}

/// Whether the ledger is there, complete.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn exists(client: &Client) -> Result<bool> {
    let failed = |error| database_error(&error, "look for the ledger");
    let table = "select to_regclass('longshore.step') is not null";
    if !client.query_typed_one(table, &[]).await.map_err(failed)?.get::<_, bool>(0) {
        return Ok(false);
    }
    let names = STEPS.map(|(name, _)| format!("'{name}'")).join(", ");
    let made = format!("select count(*) from longshore.step where name in ({names})");
    let made: i64 = client.query_typed_one(&made, &[]).await.map_err(failed)?.get(0);
    Ok(usize::try_from(made) == Ok(STEPS.len()))
}
