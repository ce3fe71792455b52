//! Runs that ended without saying so: the process, the machine or the server went away.

use tokio_postgres::{Client, types::Type};

use super::{LEASE_SECONDS, liveness};
use crate::{
    error::{Error, Result},
    postgres::{
        session::{TRANSACTION_SETTINGS, database_error},
        staging::SCHEMA,
    },
};

/// Hours after which whatever a run of another pipeline left is cleared away too: until then
/// that pipeline's next run may want to go on with it.
const KEPT_HOURS: i32 = 24;

/// Drops the staging tables of runs that were cut off, and notes their end; returns how many
/// there were. The caller has its targets to itself.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn clear_abandoned(client: &mut Client, pipeline: &str) -> Result<usize> {
    let transaction = client.transaction().await.map_err(failed)?;
    transaction.batch_execute(TRANSACTION_SETTINGS).await.map_err(failed)?;
    let mut cleared = 0;
    for run in cut_off(transaction.client(), pipeline).await? {
        clear(transaction.client(), &run).await?;
        cleared += 1;
    }
    transaction.commit().await.map_err(failed)?;
    Ok(cleared)
}

/// The runs that were cut off, latest first: of this pipeline all, of others the old ones.
async fn cut_off(client: &Client, pipeline: &str) -> Result<Vec<String>> {
    // A run whose lock's session broke is alive as long as its heart beats. One that has ended
    // may have been cut off before it dropped its staging; one that is held keeps it.
    let query = "select run_id from longshore.run r
        where (pipeline = $1 or started_at < clock_timestamp() - make_interval(hours => $2))
          and case when status = 'running' then
            not exists (select from longshore.lease l where l.run_id = r.run_id
              and l.heartbeat_at > clock_timestamp() - make_interval(secs => $3))
          when status <> 'held' then
            exists (select from longshore.lease l where l.run_id = r.run_id)
            or exists (select from pg_catalog.pg_tables
              where schemaname = $4 and starts_with(tablename, lower(r.run_id) || '_'))
          else false end
        order by started_at desc, run_id desc";
    #[expect(clippy::cast_precision_loss, reason = "a minute is exact")]
    let seconds = LEASE_SECONDS as f64;
    let values: [(&(dyn postgres_types::ToSql + Sync), Type); 4] = [
        (&pipeline, Type::TEXT),
        (&KEPT_HOURS, Type::INT4),
        (&seconds, Type::FLOAT8),
        (&SCHEMA, Type::TEXT),
    ];
    let mut runs = Vec::new();
    for row in client.query_typed(query, &values).await.map_err(failed)? {
        let run: String = row.get(0);
        if liveness::is_gone(client, &run).await? {
            runs.push(run);
        }
    }
    Ok(runs)
}

async fn clear(client: &Client, run: &str) -> Result<()> {
    let query = "select coalesce(string_agg(format('drop table if exists %I.%I', schemaname, tablename), '; '), '')
        from pg_catalog.pg_tables where schemaname = $1 and starts_with(tablename, $2)";
    let prefix = format!("{}_", run.to_lowercase());
    let row = client
        .query_typed_one(query, &[(&SCHEMA, Type::TEXT), (&prefix, Type::TEXT)])
        .await
        .map_err(failed)?;
    client.batch_execute(row.get(0)).await.map_err(failed)?;
    let update = "update longshore.run set status = 'failed', finished_at = clock_timestamp(),
        message = 'it was cut off' where run_id = $1 and status = 'running'";
    client.execute_typed(update, &[(&run, Type::TEXT)]).await.map_err(failed)?;
    let release = "delete from longshore.lease where run_id = $1";
    client.execute_typed(release, &[(&run, Type::TEXT)]).await.map_err(failed)?;
    Ok(())
}

fn failed(error: tokio_postgres::Error) -> Error {
    database_error(&error, "clear away what a run left that was cut off")
}
