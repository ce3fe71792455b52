//! The publishing transaction, stage by stage.

use tokio_postgres::Client;

use super::{
    Ending, Failure, Intent, Published, Publishing, TableChange, after,
    changes::Kind,
    failed,
    filling::fill_all,
    fingerprint::fingerprint,
    guard::Guard,
    guarded, held,
    locks::lock_targets,
    statements::Statements,
    still_taken::still_taken,
    target::{Classified, TargetPublisher},
    triggers::{Fires, blame},
};
use crate::{
    error::Error,
    failpoint,
    load::{CountLimit, LoadMode, LoadTarget, Tenant, deletes_first},
    outcome::Tally,
    postgres::{
        ledger, partitions,
        references::check_late,
        session::TRANSACTION_SETTINGS,
        tenant::{and_tenant, ensure_kept_apart},
        undo, watch,
    },
    run_id::RunId,
};

impl Publishing<'_> {
    pub(super) async fn attempt(&self, client: &mut Client) -> Result<Published, Failure> {
        let opening = client
            .build_transaction()
            .isolation_level(tokio_postgres::IsolationLevel::RepeatableRead);
        let transaction =
            opening.start().await.map_err(failed("open the publishing transaction"))?;
        let client = transaction.client();
        set_limits(client, &self.run.run, self.staging.tenant()).await?;
        self.fence.check(client).await?;
        self.keep_apart(client).await?;
        lock_targets(client, self.loads).await?;
        if let Some(late) = check_late(self.loads) {
            client.batch_execute(&late).await.map_err(failed("have foreign keys wait"))?;
        }
        failpoint::hit("publish.begun")?;
        if let Intent::Approve(_) = self.intent {
            Box::pin(still_taken(client, self.staging, self.loads)).await?;
        }
        let (mut publishers, mut tables) = self.classify(client).await?;
        let ending = self.decide(client, &publishers, &tables).await?;
        match ending {
            Ending::Counted | Ending::Moved => {}
            Ending::Held => self.hold(client, &publishers, &tables).await?,
            Ending::Published => Box::pin(self.write(client, &mut publishers, &mut tables)).await?,
        }
        failpoint::hit("publish.before_commit")?;
        watch::unless_stopped(self.stop)?;
        match ending {
            Ending::Held | Ending::Published => transaction.commit().await,
            Ending::Counted | Ending::Moved => transaction.rollback().await,
        }
        .map_err(failed("commit"))?;
        failpoint::hit("publish.committed")?;
        Ok(Published { ending, tables })
    }

    /// Policies may have been altered since they were asked.
    async fn keep_apart(&self, client: &Client) -> Result<(), Failure> {
        let Some(tenant) = self.staging.tenant() else { return Ok(()) };
        for load in self.loads {
            ensure_kept_apart(client, load, &tenant.setting).await?;
        }
        Ok(())
    }

    /// Says of every row of every target what is to happen to it.
    async fn classify<'c>(
        &'c self,
        client: &'c Client,
    ) -> Result<(Vec<(TargetPublisher<'c>, Classified)>, Vec<TableChange>), Failure> {
        self.recount(client).await?;
        let any_excluded = self.any_excluded(client).await?;
        let (mut publishers, mut tables) = (Vec::new(), Vec::new());
        for (target, load) in self.loads.iter().enumerate() {
            let within = partitions::touched(client, self.staging, (target, load)).await;
            let within = within.map_err(failed("ask which partitions are touched"))?;
            let (staging, drawn) = (self.staging, Vec::new());
            let sql = Statements { staging, target, load, any_excluded, drawn, within };
            let publisher = TargetPublisher { client, sql };
            let classified = publisher.classify(Some(self.counted.tables[target].staged)).await?;
            publisher.must_be_as_identified(&classified).await?;
            failpoint::hit("publish.classified")?;
            let tally = self.tally(client, &publisher.sql, &classified).await?;
            let (changes, limit) = (publisher.sql.changes(), self.limit());
            let guard = Guard { load, limit, lacking: self.lacking, changes };
            let deletions = guard.judge(client, &classified.changes, &tally).await?;
            tables.push(TableChange { tally, deletions, ..TableChange::default() });
            publishers.push((publisher, classified));
        }
        Ok((publishers, tables))
    }

    async fn tally(
        &self,
        client: &Client,
        sql: &Statements<'_>,
        classified: &Classified,
    ) -> Result<Tally, Failure> {
        let [rejected, duplicate, merged] = match sql.any_excluded || sql.load.is_merged {
            true => self.excluded(client, (sql.target, sql.load)).await?,
            false => [0; 3],
        };
        let (counted, changes) = (self.counted.tables[sql.target], &classified.changes);
        let tally = Tally {
            read: counted.read,
            filtered: counted.filtered,
            rejected: counted.rejected + rejected,
            duplicate,
            inserted: changes.of(Kind::New),
            updated: changes.sum(&[Kind::Changed, Kind::Version, Kind::Removed]),
            unchanged: changes.of(Kind::Same) + counted.same.cast_unsigned() + merged,
            deleted: changes.sum(&[Kind::Gone, Kind::Removed]),
            merged,
        };
        must_close(sql.load, &tally)?;
        self.recount_kept(client, sql, &tally).await?;
        Ok(tally)
    }

    /// Targets on one table share an image: that of the first.
    fn image_of(&self, target: usize) -> usize {
        let oid = self.loads[target].table.oid;
        self.loads.iter().position(|load| load.table.oid == oid).unwrap_or(target)
    }

    fn limit(&self) -> Option<CountLimit> {
        match self.intent {
            Intent::Count(limit) | Intent::Publish(limit) => limit,
            // Somebody has looked at it.
            Intent::Approve(_) => Some(CountLimit::Share(1.0)),
        }
    }

    async fn decide(
        &self,
        client: &Client,
        publishers: &[(TargetPublisher<'_>, Classified)],
        tables: &[TableChange],
    ) -> Result<Ending, Failure> {
        match self.intent {
            Intent::Count(_) => Ok(Ending::Counted),
            Intent::Publish(_) => {
                let mut deletions = tables.iter().filter_map(|table| table.deletions.as_ref());
                let held = deletions.any(|deletions| !deletions.held_for.is_empty());
                Ok(if held { Ending::Held } else { Ending::Published })
            }
            Intent::Approve(approved) => {
                let now = fingerprints(client, publishers).await?;
                Ok(if now == approved { Ending::Published } else { Ending::Moved })
            }
        }
    }

    async fn hold(
        &self,
        client: &Client,
        publishers: &[(TargetPublisher<'_>, Classified)],
        tables: &[TableChange],
    ) -> Result<(), Failure> {
        let plan = held::HeldPlan {
            loads: self.loads.to_vec(),
            counted: self.counted.clone(),
            after: self.after.clone(),
            tenant: self.staging.tenant().cloned(),
            tables: tables.to_vec(),
            fingerprints: fingerprints(client, publishers).await?,
        };
        let tallies: Vec<Tally> = tables.iter().map(|table| table.tally).collect();
        ledger::record_held(client, self.run, self.loads, &tallies, &plan).await?;
        Ok(())
    }

    /// Whoever refers to other rows comes after them, and goes before them.
    async fn write(
        &self,
        client: &Client,
        publishers: &mut [(TargetPublisher<'_>, Classified)],
        tables: &mut [TableChange],
    ) -> Result<(), Failure> {
        for (publisher, classified) in publishers.iter_mut() {
            Box::pin(publisher.order(classified)).await?;
        }
        let publishers = &*publishers;
        for (publisher, classified) in publishers {
            publisher.keep(&self.run.run, self.image_of(publisher.sql.target), classified).await?;
        }
        let deletes_first = deletes_first(self.loads);
        let goes_first = |load: &LoadTarget| deletes_first && load.mode == LoadMode::Operations;
        let backwards = || publishers.iter().rev();
        for (publisher, classified) in backwards().filter(|(it, _)| goes_first(it.sql.load)) {
            publisher.write(&self.run.run, &classified.changes, &classified.removals).await?;
        }
        let written = (&mut *tables, self.after.analyze);
        Box::pin(fill_all(client, &self.run.run, publishers, written)).await?;
        for (publisher, classified) in backwards().filter(|(it, _)| !goes_first(it.sql.load)) {
            publisher.write(&self.run.run, &classified.changes, &classified.removals).await?;
        }
        if let Some(hours) = self.loads.first().and_then(|load| load.undo_hours) {
            let written: Vec<_> = publishers
                .iter()
                .map(|(it, classified)| (it.sql.load, classified.written(goes_first(it.sql.load))))
                .collect();
            undo::note_written(client, &self.run.run, hours, &written).await?;
        }
        // What is checked at the end is checked here, where it does not reach the server's log.
        let checked = "set constraints all immediate";
        if let Err(failure) = guarded(client, checked, "check deferred constraints").await {
            return Err(blame(client, failure, self.loads, Fires::AtTheEnd).await);
        }
        let tallies: Vec<Tally> = tables.iter().map(|table| table.tally).collect();
        after::tell(client, self.after, self.run, (self.loads, &tallies)).await?;
        match self.intent {
            Intent::Approve(_) => {
                ledger::record_approved(client, self.run, self.loads, &tallies).await?;
            }
            _ => ledger::record_published(client, self.run, self.loads, &tallies).await?,
        }
        Ok(())
    }
}

async fn fingerprints(
    client: &Client,
    publishers: &[(TargetPublisher<'_>, Classified)],
) -> Result<Vec<String>, Failure> {
    let mut fingerprints = Vec::with_capacity(publishers.len());
    for (publisher, classified) in publishers {
        let one = fingerprint(client, &publisher.sql, classified.noted).await;
        fingerprints.push(one.map_err(failed("fingerprint the change"))?);
    }
    Ok(fingerprints)
}

/// Every record has one outcome.
pub(super) fn must_close(load: &LoadTarget, tally: &Tally) -> Result<(), Failure> {
    if tally.closes() {
        return Ok(());
    }
    let message = format!("the tally of {} does not close: {tally:?}", load.table.name);
    Err(Error::unexpected(message).into())
}

async fn set_limits(client: &Client, run: &RunId, tenant: Option<&Tenant>) -> Result<(), Failure> {
    let (mark, tenant) = (watch::mark(run), and_tenant(tenant));
    let settings = format!("{TRANSACTION_SETTINGS}; {mark}{tenant}");
    client.batch_execute(&settings).await.map_err(failed("set limits"))
}
