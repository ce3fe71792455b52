//! Dropping what was kept once its time is over.

use postgres_types::Type;
use tokio_postgres::Client;

use crate::{
    error::Result,
    postgres::session::{TRANSACTION_SETTINGS, database_error},
};

/// Runs that are forgotten at once: a later run does the rest, so that none has to wait long.
const RUNS_MAX: i64 = 20;

/// Drops the images of runs that can no longer be undone; returns how many runs there were.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn drop_expired(client: &mut Client) -> Result<usize> {
    expire(client).await.map_err(|error| database_error(&error, "drop what was kept for undo"))
}

async fn expire(client: &mut Client) -> Result<usize, tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    transaction.batch_execute(TRANSACTION_SETTINGS).await?;
    // Another role's images are left to that role, and another run's work to that run.
    let query =
        "select u.run_id, coalesce(string_agg(concat_ws('; ', 'drop table if exists ' || t.image,
            format('drop table if exists longshore_undo.%I', lower(t.run_id) || '_' || t.target || '_scopes')), '; '), '')
        from longshore.undo u left join longshore.undo_target t using (run_id)
        where u.run_id in (
            select run_id from longshore.undo o where o.expires_at <= now() and not exists (
              select from longshore.undo_target i join pg_catalog.pg_class c
                on c.oid in (pg_catalog.to_regclass(i.image), pg_catalog.to_regclass(
                  pg_catalog.format('longshore_undo.%I', lower(i.run_id) || '_' || i.target || '_scopes')))
              where i.run_id = o.run_id and not pg_catalog.pg_has_role(c.relowner, 'usage'))
            order by expires_at limit $1 for update skip locked)
        group by u.run_id";
    let rows = transaction.query_typed(query, &[(&RUNS_MAX, Type::INT8)]).await?;
    for row in &rows {
        let (run, drops): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
        transaction.batch_execute(drops).await?;
        let delete = "delete from longshore.undo where run_id = $1";
        transaction.execute_typed(delete, &[(&run, Type::TEXT)]).await?;
    }
    transaction.commit().await?;
    Ok(rows.len())
}
