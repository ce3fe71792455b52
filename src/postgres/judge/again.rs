//! Judging again what was judged once: a held run may have waited for long, and others write
//! while a run does.

use tokio_postgres::Client;

use super::{
    Judge, Look, Place, StagedRejection, check_rows_together, failed, outlook, records,
    rejections::staged_rejection, settle,
};
use crate::{
    error::Result,
    load::LoadTarget,
    outcome::ROW_BITS,
    postgres::{publish::rehearse::rehearse, session::with_settings, staging::Staging},
};

/// Tells what is found from here on from what is known.
fn mark(excluded: &str) -> String {
    format!(
        "alter table {excluded} add column if not exists known boolean not null default true;
         alter table {excluded} alter column known set default false"
    )
}

/// Judges by the tables as they are now, and by writing where `tries` says so; gives the
/// rejections of records that were good before, in source order, those of earlier times too.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn judge_again(
    client: &Client,
    staging: &Staging,
    loads: &[LoadTarget],
    tries: bool,
) -> Result<Vec<StagedRejection>> {
    if loads.is_empty() {
        return Ok(Vec::new());
    }
    let failed = || failed("judge again");
    let excluded = staging.excluded();
    client.batch_execute(&with_settings(&mark(&excluded))).await.map_err(failed())?;
    let judge = Judge::new(client, staging, (loads, 0), Place::Alone);
    for target in 0..loads.len() {
        judge.of(target).check_rows().await?;
    }
    Box::pin(settle(&judge, loads)).await?;
    if check_rows_together(&judge, loads, Look::Later).await? {
        Box::pin(settle(&judge, loads)).await?;
    }
    if Box::pin(rehearse(client, staging, loads, (Place::Alone, tries))).await? {
        Box::pin(settle(&judge, loads)).await?;
    }
    let query = format!(
        "select distinct target, ordinal, code, column_name, message, other_ordinal, other_key from {excluded} e
          where kind in ('rejected', 'row') and code <> '{}' and not known and not exists (
            select from {excluded} k where k.known and k.kind in ('rejected', 'row')
              and k.ordinal >> {ROW_BITS} = e.ordinal >> {ROW_BITS})
          order by ordinal, target, code, column_name, message",
        records::WHOLE
    );
    let rows = client.query_typed(&query, &[]).await.map_err(failed())?;
    Ok(rows.iter().map(staged_rejection).collect())
}

/// What the tables would refuse by now of records they would have taken, inside a transaction
/// that is to write them: messages, and how many records each is about. Leaves no trace. Records
/// that were rejected already are judged with the others, and are no news.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub(in crate::postgres) async fn objections(
    client: &Client,
    staging: &Staging,
    loads: &[LoadTarget],
) -> Result<Vec<(String, u64)>> {
    if loads.is_empty() {
        return Ok(Vec::new());
    }
    let failed = || failed("judge the held records again");
    let excluded = staging.excluded();
    let mark =
        format!("savepoint judged_again; {}; update {excluded} set known = true", mark(&excluded));
    client.batch_execute(&mark).await.map_err(failed())?;
    let judge = Judge::new(client, staging, (loads, 0), Place::Within);
    for (target, load) in loads.iter().enumerate() {
        Judge { target, load, ..judge }.check_rows().await?;
    }
    Box::pin(outlook::settle_all(&judge, loads)).await?;
    if check_rows_together(&judge, loads, Look::Later).await? {
        Box::pin(outlook::settle_all(&judge, loads)).await?;
    }
    if Box::pin(rehearse(client, staging, loads, (Place::Within, false))).await? {
        Box::pin(outlook::settle_all(&judge, loads)).await?;
    }
    let query = format!(
        "select e.message, count(distinct e.ordinal) from {excluded} e
          where not e.known and e.kind in ('rejected', 'row') and not exists (
            select from {excluded} k where k.known and k.ordinal = e.ordinal
              and (k.kind = 'rejected' or (k.kind = 'row' and k.target = e.target)))
          group by e.message order by 2 desc, 1"
    );
    let rows = client.query_typed(&query, &[]).await.map_err(failed())?;
    let found = rows.iter().map(|row| (row.get(0), row.get::<_, i64>(1).cast_unsigned()));
    client.batch_execute("rollback to savepoint judged_again").await.map_err(failed())?;
    Ok(found.collect())
}
