//! What is written and is no removal, target by target, parents first.
//!
//! An empty table is filled without what would be kept up row by row: its indexes, and foreign
//! keys to tables that were empty, too. Of targets on one table that follow each other the last
//! puts them back.

use postgres_types::Type;
use tokio_postgres::Client;

use super::{
    Failure, TableChange,
    changes::Kind,
    failed,
    indexes::Apart,
    target::{Classified, TargetPublisher},
};
use crate::{failpoint, load::CountLimit, postgres::analyze::analyze_within, run_id::RunId};

/// Fills all targets; where so much is written that statistics are stale, those of tables that
/// were empty are refreshed.
pub(super) async fn fill_all(
    client: &Client,
    run: &RunId,
    publishers: &[(TargetPublisher<'_>, Classified)],
    (tables, stale_from): (&mut [TableChange], Option<CountLimit>),
) -> Result<(), Failure> {
    let oid = |target: usize| publishers[target].0.sql.load.table.oid;
    let empty = empty_of(client, publishers).await?;
    let mut taken_off: Option<Apart> = None;
    for (target, (publisher, classified)) in publishers.iter().enumerate() {
        let apart = match taken_off.take() {
            None => take_off(client, (publisher, classified), &empty).await?,
            apart => apart,
        };
        publisher.fill(run, classified, apart.as_ref()).await?;
        let next = publishers.get(target + 1).filter(|(_, classified)| !classified.noted);
        if next.is_some() && oid(target) == oid(target + 1) {
            taken_off = apart;
        } else if let Some(apart) = apart {
            apart.put_back(client).await?;
            let here = |other: &usize| oid(*other) == oid(target);
            let written =
                (0..=target).filter(here).map(|it| publishers[it].1.changes.of(Kind::New));
            if stale_from.is_some_and(|limit| limit.is_crossed(written.sum(), 0)) {
                let analyzed = analyze_within(client, publisher.sql.load).await?;
                (0..=target).filter(here).for_each(|it| tables[it].analyzed = analyzed);
            }
        }
        failpoint::hit("publish.written")?;
    }
    Ok(())
}

/// The tables that have no page, where there are others that may refer to them.
async fn empty_of(
    client: &Client,
    publishers: &[(TargetPublisher<'_>, Classified)],
) -> Result<Vec<u32>, Failure> {
    if publishers.len() < 2 {
        return Ok(Vec::new());
    }
    let all_new = publishers.iter().filter(|(_, classified)| !classified.noted);
    let all_new: Vec<u32> = all_new.map(|(publisher, _)| publisher.sql.load.table.oid).collect();
    let query = "select coalesce(array_agg(o), '{}') from unnest($1::oid[]) o
        where pg_catalog.pg_relation_size(o::regclass) = 0";
    let row = client.query_typed_one(query, &[(&all_new, Type::OID_ARRAY)]).await;
    row.and_then(|row| row.try_get(0)).map_err(failed("look which tables are empty"))
}

/// What a table is filled without, where every row is new.
async fn take_off(
    client: &Client,
    (publisher, classified): (&TargetPublisher<'_>, &Classified),
    empty: &[u32],
) -> Result<Option<Apart>, Failure> {
    if classified.noted {
        return Ok(None);
    }
    Apart::take_off(client, publisher.sql.load, classified.changes.of(Kind::New), empty).await
}
