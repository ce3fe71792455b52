//! Judging again what was judged once: a held run may have waited for long.

use tokio_postgres::Client;

use super::{Judge, Place, failed, outlook};
use crate::{
    error::Result,
    load::LoadTarget,
    postgres::{publish::rehearse::rehearse, staging::Staging},
};

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
    let mark = format!(
        "savepoint judged_again; alter table {excluded} add column known boolean; update {excluded} set known = true"
    );
    client.batch_execute(&mark).await.map_err(failed())?;
    let judge = Judge::new(client, staging, (loads, 0), Place::Within);
    for (target, load) in loads.iter().enumerate() {
        Judge { target, load, ..judge }.check_rows().await?;
    }
    Box::pin(outlook::settle_all(&judge, loads)).await?;
    if Box::pin(rehearse(client, staging, loads, Place::Within)).await? {
        Box::pin(outlook::settle_all(&judge, loads)).await?;
    }
    let query = format!(
        "select e.message, count(distinct e.ordinal) from {excluded} e
          where e.known is null and e.kind in ('rejected', 'row') and not exists (
            select from {excluded} k where k.known and k.ordinal = e.ordinal
              and (k.kind = 'rejected' or (k.kind = 'row' and k.target = e.target)))
          group by e.message order by 2 desc, 1"
    );
    let rows = client.query_typed(&query, &[]).await.map_err(failed())?;
    let found = rows.iter().map(|row| (row.get(0), row.get::<_, i64>(1).cast_unsigned()));
    client.batch_execute("rollback to savepoint judged_again").await.map_err(failed())?;
    Ok(found.collect())
}
