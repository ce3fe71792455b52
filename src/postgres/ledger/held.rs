//! Held runs in the ledger: noted, found again, and decided.

use postgres_types::Type;
use tokio_postgres::Client;

use super::{Parameter, RunRecord, insert_tallies, record_details, set_status, texts};
use crate::{
    error::{Error, Result},
    load::LoadTarget,
    outcome::Tally,
    postgres::{publish::held::HeldPlan, session::database_error},
    run_id::RunId,
};

/// A run that waits for approval.
#[derive(Debug, Clone)]
pub struct HeldRun {
    /// The run as the ledger knows it; without files and violations, which it has.
    pub record: RunRecord,
    /// What it would do.
    pub plan: HeldPlan,
}

/// What became of a held run that is not published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// Somebody decided so.
    Discarded,
    /// A later run of the same pipeline was published or held.
    Superseded,
}

/// Notes that a run waits for approval; inside the transaction that classified its rows.
pub(in crate::postgres) async fn record_held(
    client: &Client,
    run: &RunRecord,
    loads: &[LoadTarget],
    tallies: &[Tally],
    plan: &HeldPlan,
) -> Result<()> {
    let plan = serde_json::to_string(plan).map_err(|cause| {
        Error::unexpected("the held run cannot be written as JSON").caused_by(cause)
    })?;
    insert_tallies(client, run, loads, tallies).await?;
    record_details(client, run).await?;
    let insert = "insert into longshore.held (run_id, plan) values ($1, $2::text::jsonb)";
    let run_id = run.run.as_str();
    let written = client.execute_typed(insert, &texts([&run_id, &plan])).await;
    written.map_err(failed)?;
    must_be(set_status(client, &run.run, ("running", "held"), None).await?, "running")
}

/// Notes that a held run is published; inside the publishing transaction.
pub(in crate::postgres) async fn record_approved(
    client: &Client,
    run: &RunRecord,
    loads: &[LoadTarget],
    tallies: &[Tally],
) -> Result<()> {
    let delete = "delete from longshore.tally where run_id = $1";
    client.execute_typed(delete, &texts([&run.run.as_str()])).await.map_err(failed)?;
    insert_tallies(client, run, loads, tallies).await?;
    decide(client, &run.run, "approved").await?;
    must_be(set_status(client, &run.run, ("held", "published"), None).await?, "held")
}

/// Notes that a held run is not going to be published.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses, or the run is not held any more.
pub async fn record_dropped(client: &Client, run: &RunId, how: Dropped) -> Result<()> {
    let (word, message) = match how {
        Dropped::Discarded => ("discarded", "somebody discarded it"),
        Dropped::Superseded => ("superseded", "a later run of the pipeline took its place"),
    };
    must_be(set_status(client, run, ("held", "discarded"), Some(message)).await?, "held")?;
    decide(client, run, word).await
}

/// The held run of that name.
///
/// # Errors
/// `ErrorKind::Definition` when the ledger has no such run, or it is not held;
/// `ErrorKind::Environment` when the server refuses.
pub async fn held_run(client: &Client, run: &RunId) -> Result<HeldRun> {
    let query = "select r.status, r.pipeline, r.definition_sha256, r.report, h.plan::text
        from longshore.run r left join longshore.held h using (run_id) where run_id = $1";
    let row = client.query_typed_opt(query, &texts([&run.as_str()])).await.map_err(failed)?;
    let unknown = || {
        Error::definition(format!("the ledger has no run {run}"))
            .hint("`longshore history` lists the runs")
    };
    let row = row.ok_or_else(unknown)?;
    let status: String = row.get(0);
    let plan: Option<String> = row.get(4);
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
    let record = RunRecord {
        run: run.clone(),
        resume_key: None,
        pipeline: row.get(1),
        definition_sha256: row.get(2),
        files: Vec::new(),
        violations: Vec::new(),
        warnings: Vec::new(),
        report: row.get(3),
        pipeline_file: None,
        replay: None,
        undoes: None,
    };
    Ok(HeldRun { record, plan })
}

/// The held runs of a pipeline but for one, with the number of their targets.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn other_held_runs(
    client: &Client,
    pipeline: &str,
    but: &RunId,
) -> Result<Vec<(RunId, usize)>> {
    let query = "select run_id, jsonb_array_length(h.plan -> 'loads') from longshore.run r
        join longshore.held h using (run_id) where r.status = 'held' and r.kind = 'import' and r.pipeline = $1 and run_id <> $2";
    let but = but.as_str();
    let rows = client.query_typed(query, &texts([&pipeline, &but])).await.map_err(failed)?;
    let run = |row: &tokio_postgres::Row| {
        let targets = usize::try_from(row.get::<_, i32>(1)).unwrap_or_default();
        Some((RunId::parse(row.get(0))?, targets))
    };
    Ok(rows.iter().filter_map(run).collect())
}

async fn decide(client: &Client, run: &RunId, decision: &str) -> Result<()> {
    let update = "update longshore.held set decision = $2, decided_at = clock_timestamp(), decided_by = session_user
        where run_id = $1";
    let values: [Parameter<'_>; 2] = [(&run.as_str(), Type::TEXT), (&decision, Type::TEXT)];
    client.execute_typed(update, &values).await.map(|_| ()).map_err(failed)
}

fn must_be(was: bool, status: &str) -> Result<()> {
    if was {
        return Ok(());
    }
    Err(Error::environment(format!("the ledger does not know this run as {status} any more"))
        .hint("somebody else decided about it; `longshore history` shows it"))
}

fn failed(error: tokio_postgres::Error) -> Error {
    database_error(&error, "write or read held runs in the ledger")
}
