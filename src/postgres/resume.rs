//! Going on where a run was cut off: its staging becomes this run's.
//!
//! The tables are renamed to this run's name in one transaction, which waits
//! for whatever the old run's sessions are still doing: a split of theirs is
//! staged before that, with its checkpoint, or it never will be.

use tokio_postgres::{Client, types::Type};

use super::{
    checkpoint::{self, Checkpoint},
    lease::{self, CutOff},
    ledger::RunRecord,
    session::{TRANSACTION_SETTINGS, database_error},
    staging::Staging,
    watch,
};
use crate::error::{Error, Result, Transient};

/// What a run found staged.
#[derive(Debug, Clone, PartialEq)]
pub struct Adopted {
    /// The run that was cut off.
    pub from: CutOff,
    /// The splits that it staged.
    pub checkpoints: Vec<Checkpoint>,
}

/// Takes over what the latest run staged that was cut off and read the same in the same way;
/// `None` when there is nothing that can be gone on with. The caller has the targets to itself.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn adopt(
    client: &mut Client,
    run: &RunRecord,
    staging: &Staging,
) -> Result<Option<Adopted>> {
    let Some(key) = &run.resume_key else { return Ok(None) };
    let adopted = try_to_adopt(client, run, key, staging).await;
    match adopted {
        // A session of the old run that does not end: it is not worth waiting for.
        Err(error) if error.transient() == Some(Transient::Locked) => Ok(None),
        adopted => adopted,
    }
}

async fn try_to_adopt(
    client: &mut Client,
    run: &RunRecord,
    key: &str,
    staging: &Staging,
) -> Result<Option<Adopted>> {
    let transaction = client.transaction().await.map_err(failed)?;
    transaction.batch_execute(TRANSACTION_SETTINGS).await.map_err(failed)?;
    let client = transaction.client();
    for old in lease::cut_off(client, &run.pipeline).await? {
        if !has_key(client, &old, key).await? || !take_tables(client, &old, staging).await? {
            continue;
        }
        let checkpoints = checkpoint::read(client, staging).await?;
        // What a table held then says nothing of what it holds now; but then little was staged.
        if checkpoints.is_empty()
            || checkpoints.iter().any(Checkpoint::has_same)
            || !staging.agrees_with(client, &checkpoints).await?
        {
            break;
        }
        let from = note(client, old, run).await?;
        transaction.commit().await.map_err(failed)?;
        return Ok(Some(Adopted { from, checkpoints }));
    }
    transaction.rollback().await.map_err(failed)?;
    Ok(None)
}

/// What the old run's sessions have not committed by now is lost, and done again.
async fn take_tables(client: &Client, old: &str, staging: &Staging) -> Result<bool> {
    watch::end_sessions(client, old).await?;
    staging.rename_from(client, old).await
}

async fn has_key(client: &Client, run: &str, key: &str) -> Result<bool> {
    let query = "select count(*) from longshore.run where run_id = $1 and resume_key = $2";
    let values: [(&(dyn postgres_types::ToSql + Sync), Type); 2] =
        [(&run, Type::TEXT), (&key, Type::TEXT)];
    let row = client.query_typed_one(query, &values).await.map_err(failed)?;
    Ok(row.get::<_, i64>(0) > 0)
}

async fn note(client: &Client, old: String, run: &RunRecord) -> Result<CutOff> {
    let update = "update longshore.run set status = 'failed', finished_at = clock_timestamp(),
        message = 'it was cut off; run ' || $2 || ' went on from there' where run_id = $1
        returning report";
    let values: [(&(dyn postgres_types::ToSql + Sync), Type); 2] =
        [(&old, Type::TEXT), (&run.run.as_str(), Type::TEXT)];
    let row = client.query_typed_one(update, &values).await.map_err(failed)?;
    let release = "delete from longshore.lease where run_id = $1";
    client.execute_typed(release, &[(&old, Type::TEXT)]).await.map_err(failed)?;
    let forget = "delete from longshore.rejected_record where run_id = $1";
    client.execute_typed(forget, &[(&old, Type::TEXT)]).await.map_err(failed)?;
    Ok(CutOff { report: row.get(0), run: old })
}

fn failed(error: tokio_postgres::Error) -> Error {
    database_error(&error, "go on where a run was cut off")
}
