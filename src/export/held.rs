//! Archives that wait for approval: done again as they were shown, or dropped.
//!
//! An approved archive is one from the beginning, without its limit: it deletes just the rows
//! that were shown, known by their number and hash, or none and stays held. What the ledger does
//! not keep (values of parameters that no path shows) has to be given again, and is compared by
//! its hash.

use std::{sync::Arc, time::Instant};

use super::{ExportRequest, ExportSummary, archive::Archive, ledger, set::Member};
use crate::{
    error::{Error, Result},
    postgres::{
        endpoint::Endpoint,
        ledger::{self as database_ledger, Dropped, HeldArchive},
        session::{TRANSACTION_SETTINGS, database_error},
    },
    run::progress::{Progress, Stage},
    run_id::RunId,
};

/// The held archive of that name; `None` where the run is none.
///
/// # Errors
/// `ErrorKind::Definition` where it is an export that is not held; `ErrorKind::Environment` when
/// the server refuses.
pub async fn held(endpoint: &Endpoint, run: &RunId) -> Result<Option<HeldArchive>> {
    let session = endpoint.connect().await?;
    if !database_ledger::exists(&session.client).await? {
        return Ok(None);
    }
    database_ledger::held_archive(&session.client, run).await
}

/// Archives what was held; `held` again where the rows are not those that were shown.
///
/// # Errors
/// As an archive's, and `ErrorKind::Definition` where the values of parameters are not those of
/// the run, or its files would be elsewhere.
pub async fn approve(
    endpoint: &Endpoint,
    held: &HeldArchive,
    given: &[(String, String)],
    progress: &Arc<Progress>,
) -> Result<ExportSummary> {
    progress.enter(Stage::Exporting);
    let Some(definition) = &held.plan.definition.archive else {
        return Err(Error::unexpected("what is held archives nothing"));
    };
    let parameters = [held.parameters.as_slice(), given].concat();
    let request = ExportRequest {
        pipeline: &held.pipeline,
        definition: &held.plan.definition,
        parameters: &parameters,
        since: None,
        again: None,
    };
    let member = Member::of_run(&request, held.run.clone())?;
    check(&member, held)?;
    let approved = Some(&held.plan);
    let archive = Archive { endpoint, definition, member: &member, approved, progress };
    archive.carry_out(Instant::now()).await
}

/// Whether it would be the same archive.
fn check(member: &Member<'_>, held: &HeldArchive) -> Result<()> {
    let record = ledger::record(member)?;
    if record.parameters_sha256 != held.parameters_sha256 {
        let missing = member
            .request
            .definition
            .parameter_names()
            .into_iter()
            .find(|name| !member.request.parameters.iter().any(|(given, _)| given == name));
        return Err(match missing {
            Some(name) => Error::definition(format!("the value of `{name}` is not kept"))
                .hint(format!("give it as the run had it: --set {name}=VALUE")),
            None => Error::definition("the values of parameters are not those of the held run")
                .hint("give those that the run had"),
        });
    }
    if record.manifest != held.manifest {
        let what = format!("the files of this run belong beside `{}`", held.manifest);
        return Err(
            Error::definition(what).hint("approve it in the folder that the pipeline was run in")
        );
    }
    Ok(())
}

/// Drops a held archive: nothing was written, and nothing is deleted.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses, or the run is not held any more.
pub async fn discard(endpoint: &Endpoint, held: &HeldArchive) -> Result<ExportSummary> {
    let failed = |error| database_error(&error, "drop a held archive");
    let mut session = endpoint.connect().await?;
    let transaction = session.client.transaction().await.map_err(failed)?;
    transaction.batch_execute(TRANSACTION_SETTINGS).await.map_err(failed)?;
    database_ledger::record_dropped(transaction.client(), &held.run, Dropped::Discarded).await?;
    transaction.commit().await.map_err(failed)?;
    let (would_delete, table_rows) = (Some(held.plan.rows), Some(held.plan.table_rows));
    let summary = ExportSummary::empty(&held.run, &held.pipeline, "discarded", &held.manifest);
    Ok(ExportSummary { would_delete, table_rows, ..summary })
}
