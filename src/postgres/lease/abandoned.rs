//! Runs that ended without saying so: the process, the machine or the server went away.

use tokio_postgres::{Client, Row, types::Type};

use super::{LEASE_SECONDS, liveness};
use crate::{
    error::{Error, Result},
    postgres::{
        session::{TRANSACTION_SETTINGS, database_error},
        staging::SCHEMA,
        watch,
    },
};

/// Hours after which whatever a run of another pipeline left is cleared away too: until then
/// that pipeline's next run may want to go on with it.
const KEPT_HOURS: i32 = 24;

/// A run that was called running, and is not there any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutOff {
    /// The run.
    pub run: String,
    /// Its report folder, as far as it got.
    pub report: Option<String>,
}

/// Clears away what runs left that were cut off: their staging tables, their leases, and their
/// being called running; gives those that were.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn clear_abandoned(client: &mut Client, pipeline: &str) -> Result<Vec<CutOff>> {
    clear_abandoned_of(client, pipeline, &[]).await
}

/// The same for who takes no targets since there is nothing to do: a run that had these tables is
/// gone when its lock is free, as for who takes them, and its last heartbeat is not waited out.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn clear_abandoned_of(
    client: &mut Client,
    pipeline: &str,
    tables: &[u32],
) -> Result<Vec<CutOff>> {
    let transaction = client.transaction().await.map_err(failed)?;
    transaction.batch_execute(TRANSACTION_SETTINGS).await.map_err(failed)?;
    let mut runs = cut_off_of(transaction.client(), pipeline, tables).await?;
    runs.extend(ended(transaction.client(), tables).await?);
    let mut were_running = Vec::new();
    for run in &runs {
        were_running.extend(clear(transaction.client(), run).await?);
    }
    transaction.commit().await.map_err(failed)?;
    Ok(were_running)
}

/// The runs that were cut off before their end, latest first: of this pipeline all, of others the
/// old ones. None of them can come back before the transaction ends: it holds their locks.
pub(in crate::postgres) async fn cut_off(client: &Client, pipeline: &str) -> Result<Vec<String>> {
    cut_off_of(client, pipeline, &[]).await
}

async fn cut_off_of(client: &Client, pipeline: &str, tables: &[u32]) -> Result<Vec<String>> {
    // A run whose lock's session broke is alive as long as its heart beats.
    let query = format!(
        "select run_id from longshore.run r where status = 'running'
          and (pipeline = $1 or started_at < clock_timestamp() - make_interval(hours => $2))
          and not {}
        order by started_at desc, run_id desc",
        beats("r.run_id", "$3")
    );
    let values: [(&(dyn postgres_types::ToSql + Sync), Type); 3] =
        [(&pipeline, Type::TEXT), (&KEPT_HOURS, Type::INT4), (&tables, Type::OID_ARRAY)];
    gone(client, client.query_typed(&query, &values).await.map_err(failed)?).await
}

/// The runs that ended, or of which nobody knows, and that left tables or leases.
async fn ended(client: &Client, tables: &[u32]) -> Result<Vec<String>> {
    // Who is just beginning has a lease, but is not in the ledger yet.
    let query = format!(
        "select left_by from (
          select upper(left(tablename, 26)) from pg_catalog.pg_tables
            where schemaname = $1 and tablename ~ '^[0-9a-z]{{26}}_'
          union select run_id from longshore.lease
        ) as leftovers (left_by) left join longshore.run on run_id = left_by
        where case when run_id is null then not {} else status not in ('running', 'held') end
        order by left_by",
        beats("left_by", "$2")
    );
    let values: [(&(dyn postgres_types::ToSql + Sync), Type); 2] =
        [(&SCHEMA, Type::TEXT), (&tables, Type::OID_ARRAY)];
    gone(client, client.query_typed(&query, &values).await.map_err(failed)?).await
}

/// SQL: whether a run's heart was heard lately, of other tables than those.
fn beats(run: &str, tables: &str) -> String {
    format!(
        "exists (select from longshore.lease l where l.run_id = {run} and l.target <> all({tables}::oid[])
           and l.heartbeat_at > clock_timestamp() - interval '{LEASE_SECONDS} seconds')"
    )
}

/// Those runs whose process is gone.
async fn gone(client: &Client, runs: Vec<Row>) -> Result<Vec<String>> {
    let mut gone = Vec::new();
    for run in runs {
        let run: String = run.get(0);
        if liveness::is_gone(client, &run).await? {
            gone.push(run);
        }
    }
    Ok(gone)
}

async fn clear(client: &Client, run: &str) -> Result<Option<CutOff>> {
    watch::end_sessions(client, run).await?;
    let query = "select coalesce(string_agg(format('drop table if exists %I.%I', schemaname, tablename), '; '), '')
        from pg_catalog.pg_tables where schemaname = $1 and starts_with(tablename, $2)";
    let prefix = format!("{}_", run.to_lowercase());
    let row = client
        .query_typed_one(query, &[(&SCHEMA, Type::TEXT), (&prefix, Type::TEXT)])
        .await
        .map_err(failed)?;
    client.batch_execute(row.get(0)).await.map_err(failed)?;
    let update = "update longshore.run set status = 'failed', finished_at = clock_timestamp(),
        message = 'it was cut off' where run_id = $1 and status = 'running' returning report";
    let ended = client.query_typed_opt(update, &[(&run, Type::TEXT)]).await.map_err(failed)?;
    // One that was cut off right after its COMMIT is published: its records can be replayed.
    let forget = "delete from longshore.rejected_record where run_id = $1
        and not exists (select from longshore.run where run_id = $1 and status = 'published')";
    client.execute_typed(forget, &[(&run, Type::TEXT)]).await.map_err(failed)?;
    let release = "delete from longshore.lease where run_id = $1";
    client.execute_typed(release, &[(&run, Type::TEXT)]).await.map_err(failed)?;
    Ok(ended.map(|row| CutOff { run: run.to_owned(), report: row.get(0) }))
}

fn failed(error: tokio_postgres::Error) -> Error {
    database_error(&error, "clear away what a run left that was cut off")
}
