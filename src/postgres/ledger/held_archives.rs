//! Archives that wait for approval in the ledger: what they would delete, and what was decided.
//!
//! No file waits for them and no row is marked: whoever approves one has it done again, and
//! guarded by the number and the hash of the rows that were shown.

use postgres_types::Type;
use serde::{Deserialize, Serialize};
use tokio_postgres::Client;

use super::{Parameter, exports::SLOT, texts};
use crate::{
    definition::ExportDefinition,
    error::{Error, Result},
    postgres::session::database_error,
    run_id::RunId,
};

/// What a held archive would do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ArchivePlan {
    /// The table.
    pub table: String,
    /// Rows it would delete.
    pub rows: u64,
    /// Rows of the table.
    pub table_rows: u64,
    /// The hash of the rows, whatever order they come in.
    pub content: String,
    /// What the pipeline said.
    pub definition: ExportDefinition,
}

/// An archive that waits for approval.
#[derive(Debug, Clone)]
pub struct HeldArchive {
    /// The run.
    pub run: RunId,
    /// The pipeline's name.
    pub pipeline: String,
    /// What it would do.
    pub plan: ArchivePlan,
    /// Values of parameters that the path shows; the others are not kept.
    pub parameters: Vec<(String, String)>,
    /// The hash of all names and values.
    pub parameters_sha256: String,
    /// Where its manifest would be.
    pub manifest: String,
}

/// Others of the same files and parameters that wait: the newest state is the one to judge.
const SUPERSEDE: &str = "older as (
      update longshore.run r set status = 'discarded', message = 'a later run of the pipeline took its place',
        finished_at = clock_timestamp()
      from longshore.export e, (
        select m.pipeline, e.parameters_sha256, SLOT as slot from longshore.export e join longshore.run m using (run_id)
        where run_id = $1) mine
      where r.run_id = e.run_id and r.run_id <> $1 and r.status = 'held' and r.pipeline = mine.pipeline
        and e.parameters_sha256 = mine.parameters_sha256 and SLOT = mine.slot
      returning r.run_id),
    superseded as (
      update longshore.held h set decision = 'superseded', decided_at = clock_timestamp(), decided_by = session_user
      from older where h.run_id = older.run_id)";

/// Notes that an archive waits for approval, in place of an earlier one that does.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn record_archive_held(client: &Client, run: &RunId, plan: &ArchivePlan) -> Result<()> {
    let plan = serde_json::to_string(&serde_json::json!({ "archive": plan }));
    let plan = plan.map_err(|cause| {
        Error::unexpected("the held archive cannot be written as JSON").caused_by(cause)
    })?;
    let supersede = SUPERSEDE.replace("SLOT", SLOT);
    let insert = format!(
        "with {supersede},
        held as (
          update longshore.run set status = 'held', message = null, finished_at = clock_timestamp()
          where run_id = $1 and status = 'running' returning run_id)
        insert into longshore.held (run_id, plan) select run_id, $2::text::jsonb from held"
    );
    let values: [Parameter<'_>; 2] = [(&run.as_str(), Type::TEXT), (&plan, Type::TEXT)];
    client.execute_typed(&insert, &values).await.map(drop).map_err(failed)
}

/// Notes in the transaction that deletes its rows that no earlier archive of these waits.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn supersede_archives(client: &Client, run: &RunId) -> Result<()> {
    let supersede = SUPERSEDE.replace("SLOT", SLOT);
    let statement = format!("with {supersede} select");
    client.execute_typed(&statement, &texts([&run.as_str()])).await.map(drop).map_err(failed)
}

/// Notes in the transaction that deletes its rows that a held archive is approved.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses, or somebody has decided meanwhile.
pub async fn record_archive_approved(client: &Client, run: &RunId) -> Result<()> {
    let update = "update longshore.held h set decision = 'approved', decided_at = clock_timestamp(), decided_by = session_user
        from longshore.run r where h.run_id = $1 and r.run_id = h.run_id and r.status = 'held' and h.decision is null";
    match client.execute_typed(update, &texts([&run.as_str()])).await.map_err(failed)? {
        1 => Ok(()),
        _ => Err(Error::environment("the ledger does not know this run as held any more")
            .hint("somebody else decided about it; `longshore history` shows it")),
    }
}

/// The held archive of that name; `None` where the run is no export.
///
/// # Errors
/// `ErrorKind::Definition` when it is an export that is not held; `ErrorKind::Environment` when
/// the server refuses.
pub async fn held_archive(client: &Client, run: &RunId) -> Result<Option<HeldArchive>> {
    let query = "select r.status, r.pipeline, e.parameters::text, e.parameters_sha256, e.manifest, (h.plan -> 'archive')::text
        from longshore.run r join longshore.export e using (run_id) left join longshore.held h using (run_id)
        where run_id = $1";
    let row = client.query_typed_opt(query, &texts([&run.as_str()])).await.map_err(failed)?;
    let Some(row) = row else { return Ok(None) };
    let (status, plan): (String, Option<String>) = (row.get(0), row.get(5));
    let (Some(plan), "held") = (plan, status.as_str()) else {
        return Err(Error::definition(format!(
            "run {run} does not wait for approval: it is {status}"
        )));
    };
    let plan = serde_json::from_str(&plan).map_err(|cause| {
        Error::environment("another version of longshore held this run")
            .caused_by(cause)
            .hint("discard it and run the pipeline again")
    })?;
    let kept: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(row.get(2)).unwrap_or_default();
    let kept =
        kept.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())));
    Ok(Some(HeldArchive {
        run: run.clone(),
        pipeline: row.get(1),
        plan,
        parameters: kept.collect(),
        parameters_sha256: row.get(3),
        manifest: row.get(4),
    }))
}

fn failed(error: tokio_postgres::Error) -> Error {
    database_error(&error, "write or read held archives in the ledger")
}
