//! What is done for those who read the tables, when they are committed.

use crate::{
    error::Result,
    load::{AfterLoad, LoadTarget},
    outcome::Tally,
    postgres::{
        analyze::analyze_changed,
        endpoint::Endpoint,
        publish::{Ending, Published, TableChange},
        watch,
    },
    run::progress::Progress,
    run_id::RunId,
};

const STALE: &str = "the statistics of a table could not be refreshed: queries may be slow until autovacuum does it";

/// Refreshes the statistics of tables of which much was written. The run is published, so what
/// fails here is told and changes nothing.
pub(super) async fn statistics(
    (endpoint, run): (&Endpoint, &RunId),
    after: &AfterLoad,
    (loads, published): (&[LoadTarget], &Published),
    progress: &Progress,
) {
    if published.ending != Ending::Published {
        return;
    }
    let stale = |table: &TableChange| match table.analyzed {
        true => Tally::default(),
        false => table.tally,
    };
    let tallies: Vec<Tally> = published.tables.iter().map(stale).collect();
    let refreshed = tokio::select! {
        refreshed = analyze((endpoint, run), after, (loads, &tallies)) => refreshed,
        () = progress.cancelled() => Ok(()),
    };
    if refreshed.is_err() {
        progress.notice(STALE);
    }
}

/// On a connection of its own, which ends with it: an operator does not wait for statistics.
async fn analyze(
    (endpoint, run): (&Endpoint, &RunId),
    after: &AfterLoad,
    (loads, tallies): (&[LoadTarget], &[Tally]),
) -> Result<()> {
    let Some(limit) = after.analyze else { return Ok(()) };
    if tallies.iter().all(|tally| tally.inserted + tally.updated + tally.deleted == 0) {
        return Ok(());
    }
    let session = endpoint.connect().await?;
    let analyzing = analyze_changed(&session.client, run, (loads, tallies), limit);
    watch::attended(endpoint, run, analyzing).await
}
