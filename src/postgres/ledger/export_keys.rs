//! The keys of the rows that an incremental export found, kept for the next run to compare.
//!
//! They change in one transaction with the end of the run: what a run that was cut off found is
//! forgotten with it, and the next one lists what it would have listed.

use std::{io::Read, path::Path};

use bytes::Bytes;
use futures_util::SinkExt;
use postgres_types::Type;
use tokio_postgres::Client;

use super::{ExportEnd, Parameter, record_exported, texts};
use crate::{
    error::{Error, Result},
    postgres::session::{TRANSACTION_SETTINGS, database_error},
    run_id::RunId,
};

/// Keys are sent in pieces of so many bytes.
const MESSAGE_BYTES: usize = 256 << 10;

/// The keys of the rows that there were at a run.
#[derive(Debug, Clone, Copy)]
pub struct FoundKeys<'k> {
    /// A file with them: each an array in COPY's text format, in a line of its own.
    pub file: &'k Path,
    /// The run under which those of the last run are kept.
    pub last: Option<&'k str>,
    /// Their columns, and the zone their text is in.
    pub keys: &'k str,
}

/// Notes what an export wrote, which rows it listed as deleted, and those that are there.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses, or the file cannot be read.
pub async fn record_exported_with_keys(
    client: &mut Client,
    run: &RunId,
    end: &ExportEnd,
    found: FoundKeys<'_>,
) -> Result<()> {
    let transaction = client.transaction().await.map_err(failed)?;
    let begin = format!(
        "{TRANSACTION_SETTINGS}; create temp table longshore_keys (key text[] not null) on commit drop"
    );
    transaction.batch_execute(&begin).await.map_err(failed)?;
    copy(transaction.client(), found.file).await?;
    transaction.batch_execute("analyze longshore_keys").await.map_err(failed)?;
    let (run_id, keys_of) = (run.as_str(), found.last.unwrap_or(run.as_str()));
    let gone = "with gone as (
          delete from longshore.export_key k where keys_of = $2
            and not exists (select from longshore_keys f where f.key = k.key) returning key)
        insert into longshore.export_deletion (run_id, key) select $1, key from gone";
    let values: [Parameter<'_>; 2] = [(&run_id, Type::TEXT), (&keys_of, Type::TEXT)];
    transaction.execute_typed(gone, &values).await.map_err(failed)?;
    // Most are known: a join finds them in a fifth of the time that conflicts take.
    let new = "insert into longshore.export_key (keys_of, key) select $1, key from longshore_keys f
        where not exists (select from longshore.export_key k where k.keys_of = $1 and k.key = f.key)";
    transaction.execute_typed(new, &texts([&keys_of])).await.map_err(failed)?;
    let kept = "update longshore.export set keys = $2, keys_of = $3 where run_id = $1";
    transaction
        .execute_typed(kept, &texts([&run_id, &found.keys, &keys_of]))
        .await
        .map_err(failed)?;
    record_exported(transaction.client(), run, end).await?;
    transaction.commit().await.map_err(failed)
}

async fn copy(client: &Client, file: &Path) -> Result<()> {
    let unread =
        |cause| Error::environment("the keys of an export cannot be read again").caused_by(cause);
    let mut keys = std::fs::File::open(file).map_err(unread)?;
    let sink =
        client.copy_in::<_, Bytes>("copy longshore_keys from stdin").await.map_err(failed)?;
    let mut sink = std::pin::pin!(sink);
    loop {
        let mut piece = Vec::with_capacity(MESSAGE_BYTES);
        let mut part = (&mut keys).take(MESSAGE_BYTES as u64);
        if part.read_to_end(&mut piece).map_err(unread)? == 0 {
            break;
        }
        sink.send(Bytes::from(piece)).await.map_err(failed)?;
    }
    sink.finish().await.map(drop).map_err(failed)
}

fn failed(error: tokio_postgres::Error) -> Error {
    database_error(&error, "keep the keys of an export in the ledger")
}
