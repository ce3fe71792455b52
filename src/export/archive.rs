//! Archiving: rows go to files, and from their table once the files hold them.
//!
//! One transaction, REPEATABLE READ, does it: rows are written to files, the files are read again
//! and compared with the same snapshot, the rows are deleted by the same query, the files take
//! their places, the ledger is written, COMMIT. Cut off before the COMMIT, every row is still in
//! its table, and files that are there already are replaced by the next run. Cut off behind it,
//! the files are on disk. A row that somebody changes meanwhile makes the delete fail, and all
//! begins again.

use std::{sync::Arc, time::Instant};

use super::{
    ExportRequest, ExportSummary,
    columns::{Column, ResultColumn},
    file_set::FinishedSet,
    ledger,
    manifest::{self, Beside, Manifest},
    query::Query,
    set::Member,
    snapshot::{self, Snapshot},
    verify::verify,
    work_folder::WorkFolder,
    write::{self, Place},
};
use crate::{
    definition::{ArchiveDefinition, Treatment, split_table},
    error::{Error, Result},
    failpoint,
    load::CountLimit,
    plan::count_limit,
    postgres::{
        archive::{self as table, ArchivedTable},
        endpoint::Endpoint,
        ledger::{self as database_ledger, ArchivePlan},
        session::{Session, database_error},
    },
    run::{
        progress::{Progress, Stage},
        retry::Retry,
        stopping::cancelling,
    },
};

/// Archives the rows of one export with `[archive]`.
///
/// # Errors
/// As an export's. `ErrorKind::Definition` also where the table could lose more than the file
/// holds, and where a file of an earlier archive would be replaced.
pub async fn archive(
    endpoint: &Endpoint,
    request: &ExportRequest<'_>,
    progress: &Arc<Progress>,
) -> Result<ExportSummary> {
    progress.enter(Stage::Exporting);
    let Some(definition) = &request.definition.archive else {
        return Err(Error::unexpected("an export that archives nothing was to be archived"));
    };
    let started = Instant::now();
    let member = Member::new(request)?;
    let archive = Archive { endpoint, definition, member: &member, approved: None, progress };
    archive.carry_out(started).await
}

/// What an archive does, for the first time or once somebody has approved it.
pub(super) struct Archive<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) definition: &'a ArchiveDefinition,
    pub(super) member: &'a Member<'a>,
    /// What somebody was shown, and approved.
    pub(super) approved: Option<&'a ArchivePlan>,
    pub(super) progress: &'a Arc<Progress>,
}

/// What the transaction has found before it writes.
struct Found {
    table: ArchivedTable,
    query: Query,
    files: FinishedSet,
    rows: u64,
}

impl Archive<'_> {
    pub(super) async fn carry_out(&self, started: Instant) -> Result<ExportSummary> {
        let progress = self.progress;
        let mut retry = Retry::new(progress);
        loop {
            match self.attempt().await {
                Ok(summary) => {
                    progress.enter(Stage::Ended);
                    return Ok(ExportSummary {
                        seconds: started.elapsed().as_secs_f64(),
                        ..summary
                    });
                }
                Err(error) => {
                    // After a lost connection only the ledger knows whether the COMMIT arrived.
                    if let Some(summary) = self.settled(&error).await? {
                        return Ok(summary);
                    }
                    retry.again(error).await?;
                }
            }
        }
    }

    async fn attempt(&self) -> Result<ExportSummary> {
        let work = WorkFolder::take(&self.member.slot)?;
        let session = self.endpoint.connect().await?;
        let client = &session.client;
        database_ledger::ensure(client).await?;
        if let Some(summary) = self.settled_in(&session, "it is tried again").await? {
            return Ok(summary);
        }
        let may_replace = self.check_earlier(&session).await?;
        self.note_started(client).await?;
        let canceller = session.canceller();
        let work = self.in_transaction(&session, work, may_replace);
        cancelling(self.progress, &canceller, work).await
    }

    /// One that was held stays so until its rows are deleted.
    async fn note_started(&self, client: &tokio_postgres::Client) -> Result<()> {
        if self.approved.is_some() {
            return Ok(());
        }
        let record = ledger::record(self.member)?;
        if !database_ledger::restart_export(client, &self.member.run).await? {
            database_ledger::record_export_started(client, &record).await?;
        }
        Ok(())
    }

    /// Files of an archive whose rows are deleted are never replaced: the inner error is for an
    /// archive that has rows for them.
    async fn check_earlier(&self, session: &Session) -> Result<Result<()>> {
        let Some(run) = manifest::run_of(&self.member.manifest) else { return Ok(Ok(())) };
        if run == self.member.run {
            return Ok(Ok(()));
        }
        // One whose COMMIT is still under way is waited for.
        let message = "it was cut off";
        database_ledger::record_export_failed(&session.client, &run, message).await?;
        match database_ledger::status_of(&session.client, &run).await?.as_deref() {
            // Of one that was held there are files only where its approval was cut off.
            Some("failed" | "held" | "discarded") => Ok(Ok(())),
            _ => Ok(Err(Error::definition(format!(
                "`{}` is of an archive whose rows are deleted, or that this database does not know",
                self.member.manifest.display()
            ))
            .hint("give every archive files of its own: a parameter or `{run}` in the path"))),
        }
    }

    async fn in_transaction(
        &self,
        session: &Session,
        work: WorkFolder,
        may_replace: Result<()>,
    ) -> Result<ExportSummary> {
        let run = &self.member.run;
        let snapshot = snapshot::open_for_archive(session, run).await?;
        snapshot::enter(session, self.member.request.definition).await?;
        let place = Place { session, endpoint: self.endpoint, mark: run, progress: self.progress };
        let found = self.write(&place, work).await?;
        failpoint::hit("archive.written")?;
        if let Some(summary) = self.ends_without(&place, &found, &snapshot, may_replace).await? {
            return Ok(summary);
        }
        self.delete(&place, &found).await?;
        failpoint::hit("archive.deleted")?;
        let (name, rows) = (found.table.name.to_string(), found.rows);
        let summary = self.place(found, &snapshot)?;
        failpoint::hit("archive.placed")?;
        if self.approved.is_some() {
            database_ledger::record_archive_approved(&session.client, run).await?;
        }
        database_ledger::record_exported(&session.client, run, &ledger::end(&summary)).await?;
        database_ledger::record_archived(&session.client, run, &name, rows).await?;
        database_ledger::supersede_archives(&session.client, run).await?;
        let committed = session.client.batch_execute("commit").await;
        committed.map_err(|error| database_error(&error, "commit the archive"))?;
        failpoint::hit("archive.committed")?;
        Ok(summary)
    }

    /// Whether the rows may be deleted: `None` where they may, else how the archive ends.
    async fn ends_without(
        &self,
        place: &Place<'_>,
        found: &Found,
        snapshot: &Snapshot,
        may_replace: Result<()>,
    ) -> Result<Option<ExportSummary>> {
        let session = place.session;
        if found.rows == 0 && self.approved.is_none() {
            roll_back(session).await?;
            database_ledger::forget(&session.client, &self.member.run).await?;
            return Ok(Some(self.summary("unchanged", snapshot.time.clone(), 0, &[])));
        }
        may_replace?;
        self.check_rows(place, found).await?;
        let content = verify(place, &found.query, &found.files).await?;
        failpoint::hit("archive.verified")?;
        let plan = ArchivePlan {
            table: found.table.name.to_string(),
            rows: found.rows,
            table_rows: table::count(&session.client, &found.table.name).await?,
            content: content.any_order,
            definition: self.member.request.definition.clone(),
        };
        if self.may_delete(&plan) {
            return Ok(None);
        }
        roll_back(session).await?;
        if self.approved.is_none() {
            database_ledger::record_archive_held(&session.client, &self.member.run, &plan).await?;
        }
        let summary = self.summary("held", snapshot.time.clone(), 0, &[]);
        let (would_delete, table_rows) = (Some(plan.rows), Some(plan.table_rows));
        Ok(Some(ExportSummary { would_delete, table_rows, ..summary }))
    }

    /// Within the limit; approved are just the rows that were shown.
    fn may_delete(&self, plan: &ArchivePlan) -> bool {
        if let Some(shown) = self.approved {
            return (shown.rows, &shown.content) == (plan.rows, &plan.content);
        }
        let limit = self.definition.limit.as_ref().and_then(count_limit);
        !limit.unwrap_or(CountLimit::DELETED_DEFAULT).is_crossed(plan.rows, plan.table_rows)
    }

    async fn write(&self, place: &Place<'_>, work: WorkFolder) -> Result<Found> {
        let request = self.member.request;
        let (query, layout) = write::prepare(place.session, request, None).await?;
        let table = table_of(&place.session.client, self.definition).await?;
        check_columns(&table, &layout.columns, &query.columns)?;
        let pattern = self.member.pattern.clone();
        let files = write::rows_to_files(place, &query, layout, (pattern, work)).await?;
        let rows = files.written.iter().map(|file| file.rows).sum();
        Ok(Found { table, query, files, rows })
    }

    /// The query may be more than a choice of rows: what it makes of a value is in the file, and
    /// the value itself would be gone.
    async fn check_rows(&self, place: &Place<'_>, found: &Found) -> Result<()> {
        let (client, sql) = (&place.session.client, found.query.sql());
        let changed = table::changed_columns(client, &found.table, &self.definition.key, sql);
        let changed = write::attended(place, changed).await?;
        if changed.is_empty() {
            return Ok(());
        }
        let what = format!(
            "the query does not give `{}` as {} has it",
            changed.join("`, `"),
            found.table.name
        );
        Err(Error::definition(what)
            .hint("rows are deleted once they are in the file: have the query select the columns themselves"))
    }

    /// Deletes by the query, in the snapshot that the files were written from.
    async fn delete(&self, place: &Place<'_>, found: &Found) -> Result<()> {
        let (client, sql) = (&place.session.client, found.query.sql());
        let deleting = table::delete(client, &found.table.name, &self.definition.key, sql);
        let deleted = write::attended(place, deleting).await?;
        if deleted == found.rows {
            return Ok(());
        }
        let what = format!("the files hold {} rows, and {deleted} would be deleted", found.rows);
        Err(Error::definition(what)
            .hint("the query has to give every row of the table once, and the same rows each time"))
    }

    /// The manifest comes first: it says whose files they are that may be replaced.
    fn place(&self, found: Found, snapshot: &Snapshot) -> Result<ExportSummary> {
        found.files.prepare()?;
        let earlier = manifest::files_of(&self.member.manifest);
        for file in found.files.files() {
            let known =
                earlier.iter().any(|listed| listed.path == file.path().display().to_string());
            let is_free = known || !file.path().exists() || file.is_there().unwrap_or(false);
            if !is_free {
                let what = format!(
                    "`{}` is there, and of no archive that was cut off",
                    file.path().display()
                );
                return Err(Error::definition(what).hint("move it away, or choose another path"));
            }
        }
        let columns = found.files.layout.columns.clone();
        let written = found.files.written.clone();
        let manifest = Manifest::new(self.member, snapshot, &columns, &written, Beside::default());
        manifest.write(&self.member.manifest, found.files.work())?;
        failpoint::hit("archive.announced")?;
        let files = found.files.place()?.written;
        let deleted = Some(found.rows);
        Ok(ExportSummary {
            files,
            deleted,
            ..self.summary("published", snapshot.time.clone(), found.rows, &written)
        })
    }

    fn summary(
        &self,
        status: &'static str,
        snapshot_time: String,
        rows: u64,
        files: &[super::WrittenFile],
    ) -> ExportSummary {
        let manifest = self.member.manifest.display().to_string();
        let pipeline = self.member.request.pipeline;
        ExportSummary {
            rows,
            bytes: files.iter().map(|file| file.bytes).sum(),
            files: files.to_vec(),
            snapshot_time,
            ..ExportSummary::empty(&self.member.run, pipeline, status, &manifest)
        }
    }

    /// After an error: the summary of an archive that was committed all the same.
    async fn settled(&self, error: &Error) -> Result<Option<ExportSummary>> {
        let Ok(session) = self.endpoint.connect().await else { return Ok(None) };
        if !database_ledger::exists(&session.client).await? {
            return Ok(None);
        }
        self.settled_in(&session, &error.to_string()).await
    }

    async fn settled_in(&self, session: &Session, message: &str) -> Result<Option<ExportSummary>> {
        let run = &self.member.run;
        database_ledger::record_export_failed(&session.client, run, message).await?;
        let status = database_ledger::status_of(&session.client, run).await?;
        if status.as_deref() != Some("published") {
            return Ok(None);
        }
        let past = database_ledger::history(&session.client, Some(run), 1).await?;
        let past = past.into_iter().next();
        let Some((past, export)) =
            past.and_then(|past| past.export.clone().map(|export| (past, export)))
        else {
            return Ok(None);
        };
        let file = |file: database_ledger::PastFile| super::WrittenFile {
            path: file.path,
            group: Vec::new(),
            rows: file.records.cast_unsigned(),
            bytes: file.bytes.cast_unsigned(),
            sha256: file.sha256,
            unchanged: false,
        };
        let files: Vec<_> = past.files.into_iter().map(file).collect();
        let rows = export.rows.unwrap_or_default().cast_unsigned();
        let time = export.snapshot_time.unwrap_or_default();
        let deleted = export.deleted.map(i64::cast_unsigned);
        Ok(Some(ExportSummary { deleted, ..self.summary("published", time, rows, &files) }))
    }
}

/// Ends a transaction that has changed nothing.
async fn roll_back(session: &Session) -> Result<()> {
    let ended = session.client.batch_execute("rollback").await;
    ended.map_err(|error| database_error(&error, "end the transaction of the archive"))
}

/// The table, where its rows can be deleted by their keys.
pub(super) async fn table_of(
    client: &tokio_postgres::Client,
    definition: &ArchiveDefinition,
) -> Result<ArchivedTable> {
    let (schema, name) = split_table(&definition.table).map_err(Error::definition)?;
    let table = table::archived_table(client, (schema.as_deref(), &name), &definition.key).await?;
    check_table(&table, definition)?;
    Ok(table)
}

/// Whether every column of the table is among those written.
pub(super) fn check_columns(
    table: &ArchivedTable,
    written: &[Column],
    result: &[ResultColumn],
) -> Result<()> {
    for (column, type_oid) in &table.columns {
        let is_whole = written.iter().any(|written| {
            written.name == *column
                && written.treatment == Treatment::Show
                && result[written.at].data_type.oid() == *type_oid
        });
        if !is_whole {
            let what = format!("the file would not hold `{column}` as the table has it");
            return Err(Error::definition(what)
                .hint("rows are deleted once they are in the file: every column has to be in the query, shown"));
        }
    }
    Ok(())
}

/// Whether deleting rows of the table deletes just these.
fn check_table(table: &ArchivedTable, definition: &ArchiveDefinition) -> Result<()> {
    if !table.key_is_unique {
        let what =
            format!("{} has no unique constraint on `{}`", table.name, definition.key.join("`, `"));
        return Err(
            Error::definition(what).hint("name the columns of its primary key in `archive.key`")
        );
    }
    if !table.heirs.is_empty() {
        let what = format!("{} has rows of `{}` too", table.name, table.heirs.join("`, `"));
        return Err(Error::definition(what).hint(
            "tables that inherit from it may have columns that the file does not hold: archive each of them by itself, once it inherits no more",
        ));
    }
    if let Some(cascade) = table.cascades.first() {
        let what = format!("deleting rows of {} would change others through {cascade}", table.name);
        return Err(Error::definition(what)
            .hint("archive the rows that refer to it first, by a foreign key that restricts"));
    }
    Ok(())
}
