//! Fresh statistics after a large load: autovacuum comes to it in minutes, queries do not wait.

use std::time::Duration;

use postgres_types::Type;
use tokio_postgres::Client;

use super::{
    caught::{Attempt, attempt},
    session::{database_error, with_settings},
    sql::qualified,
    watch,
};
use crate::{
    error::{Error, Result},
    load::{CountLimit, LoadTarget},
    outcome::Tally,
    run_id::RunId,
};

/// Below this many rows written, a table's old statistics do no harm.
const ROWS_MIN: u64 = 1_000;

/// How long a table may take: by default the server reads 30,000 pages of it.
const TABLE_SECONDS: u64 = 600;

/// Analyses the tables of which much was written; the targets are committed. To be waited for by
/// [`watch::attended`]: a lost answer would be waited for until the limit.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses or takes too long: the load is not touched.
pub async fn analyze_changed(
    client: &Client,
    run: &RunId,
    (loads, tallies): (&[LoadTarget], &[Tally]),
    limit: CountLimit,
) -> Result<()> {
    for (load, tally) in loads.iter().zip(tallies) {
        let written = tally.inserted + tally.updated + tally.deleted;
        if written < ROWS_MIN || !limit.is_crossed(written, rows(client, load).await?) {
            continue;
        }
        let analyze = format!(
            "{}; set local statement_timeout = '{TABLE_SECONDS}s'; analyze {}",
            watch::mark(run),
            qualified(&load.table.name)
        );
        let analyze = with_settings(&analyze);
        let analyzing = client.batch_execute(&analyze);
        let limit = Duration::from_secs(TABLE_SECONDS + 10);
        let ended = tokio::time::timeout(limit, analyzing).await;
        ended
            .map_err(|_| Error::environment("analysing a table took too long"))?
            .map_err(|error| database_error(&error, "analyse a table"))?;
    }
    Ok(())
}

/// Analyses a table that the transaction has just filled, and that nobody else can have seen; whether
/// the server did. Afterwards it would cost more: whoever reads a new row for the first time notes in
/// its page that it is committed, and with checksums the page goes to the log
/// (`benches/RESULTS.md`).
///
/// # Errors
/// `ErrorKind::Environment` when the connection is lost.
pub(super) async fn analyze_within(client: &Client, load: &LoadTarget) -> Result<bool> {
    let analyze = format!("analyze {}", qualified(&load.table.name));
    Ok(matches!(attempt(client, &analyze).await?, Attempt::Done(_)))
}

/// The rows a table has, as the server estimates; of a partitioned one, those of its partitions.
async fn rows(client: &Client, load: &LoadTarget) -> Result<u64> {
    let query = "select coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint
        from (select $1::oid as relid union
          select relid from pg_catalog.pg_partition_tree($1::oid::regclass) where isleaf) t
        join pg_catalog.pg_class c on c.oid = t.relid";
    let row = client.query_typed_one(query, &[(&load.table.oid, Type::OID)]).await;
    let row = row.map_err(|error| database_error(&error, "ask how large a table is"))?;
    Ok(row.get::<_, i64>(0).cast_unsigned())
}
