//! What is written and is no removal, target by target, parents first.
//!
//! An empty table is filled without what would be kept up row by row: its indexes, and foreign
//! keys to tables that were empty, too. Of targets on one table that follow each other the last
//! puts them back.

use tokio_postgres::Client;

use super::{
    Failure, TableChange,
    changes::Kind,
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
    let emptied = publishers.iter().filter(|(_, classified)| !classified.noted);
    let empty: Vec<u32> = emptied.map(|(publisher, _)| publisher.sql.load.table.oid).collect();
    let mut taken_off: Option<Apart> = None;
    for (target, (publisher, classified)) in publishers.iter().enumerate() {
        let apart = match taken_off.take() {
            None => take_off(client, (publisher, classified), &empty).await?,
            apart => apart,
        };
        publisher.fill(run, classified, apart.as_ref()).await?;
        if publishers.get(target + 1).is_some() && oid(target) == oid(target + 1) {
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
