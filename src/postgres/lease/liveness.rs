//! The lock that says that a run is alive.
//!
//! It is held by a transaction that stays open. The transaction has no
//! snapshot and no number between its statements, so vacuum does not wait for it.

use tokio_postgres::{Client, types::Type};

use crate::{
    error::Result,
    postgres::{
        endpoint::Endpoint,
        session::{Session, TRANSACTION_SETTINGS, answered},
    },
    run_id::RunId,
};

const DOING: &str = "take the targets for this run";

/// Opens the session that holds a run's lock; `None` when another session holds it: after a
/// reconnect, the server may not have noticed the end of the one before.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses or does not answer.
pub(super) async fn hold(endpoint: &Endpoint, run: &RunId) -> Result<Option<Session>> {
    let session = endpoint.connect().await?;
    // It is idle for as long as the run lasts.
    let begin =
        format!("begin; {TRANSACTION_SETTINGS}; set local idle_in_transaction_session_timeout = 0");
    answered(DOING, session.client.batch_execute(&begin)).await?;
    Ok(is_gone(&session.client, run.as_str()).await?.then_some(session))
}

/// Whether nobody holds a run's lock. It is held from here to the end of the transaction then.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses or does not answer.
pub(super) async fn is_gone(client: &Client, run: &str) -> Result<bool> {
    try_lock(client, "longshore run", run).await
}

/// SQL: whether somebody holds a run's lock. Only looked at, since who takes a lock to see whether
/// it is free looks like its holder to the next one. A standby does not know.
pub(in crate::postgres) fn held(run: &str) -> String {
    format!(
        "exists (select from pg_catalog.pg_locks k where k.locktype = 'advisory' and k.granted
           and k.database = (select oid from pg_catalog.pg_database where datname = current_database())
           and (k.classid, k.objid, k.objsubid) = (hashtext('longshore run')::oid, hashtext({run})::oid, 2))"
    )
}

/// Whether somebody holds a run's lock.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses or does not answer.
pub(super) async fn is_held(client: &Client, run: &str) -> Result<bool> {
    let query = format!("select {}", held("$1"));
    Ok(answered(DOING, client.query_typed_one(&query, &[(&run, Type::TEXT)])).await?.get(0))
}

/// Takes an advisory lock of the transaction, if it is free.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses or does not answer.
pub(super) async fn try_lock(client: &Client, kind: &str, name: &str) -> Result<bool> {
    let query = "select pg_try_advisory_xact_lock(hashtext($1), hashtext($2))";
    let values: [(&(dyn postgres_types::ToSql + Sync), Type); 2] =
        [(&kind, Type::TEXT), (&name, Type::TEXT)];
    Ok(answered(DOING, client.query_typed_one(query, &values)).await?.get(0))
}
