//! Reading into staging: the workers on one side, the COPY connections on the other.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use futures_util::future::try_join_all;
use tokio::sync::{Mutex, mpsc};

use super::{
    bound::BoundFile,
    collect::{self, Collector, ReportWriter},
    compare::{self, Held},
    encode::ProcessedSplit,
    import::Import,
    interrupted,
    keys::KeyHashes,
    known::Known,
    progress::Progress,
    resume::Staged,
    spill::Spill,
    spilled::SpilledTables,
    stage::{StagingArea, StagingConnection},
    straight::{self, GaveUp, StraightLoad, stage_logged},
    workers::{FileRead, Pass, ReadJob, pool},
};
use crate::{
    error::{Error, Result},
    outcome::FileWarning,
    plan::Plan,
    postgres::{
        endpoint::Endpoint,
        publish::{Counted, straight::Straight},
    },
    report::Report,
    source::split::split_bytes_for,
    transform::geometry::GeometryNotes,
};

/// How a run uses the machine.
#[derive(Debug, Clone, Copy)]
pub struct LoadOptions {
    /// Worker threads.
    pub threads: usize,
    /// COPY connections.
    pub connections: usize,
    /// About how many bytes a split has.
    pub split_bytes: usize,
}

impl Default for LoadOptions {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self { threads, connections: 2, split_bytes: split_bytes_for(threads, 1) }
    }
}

/// What reading brought.
pub struct Read {
    /// The run's own counts.
    pub counted: Counted,
    /// Splits, each with its checkpoint.
    pub splits: u64,
    /// Per target, whether no two staged rows have the same bytes as their key; empty where
    /// nothing was staged.
    pub keys_differ: Vec<bool>,
    /// Records per file.
    pub records: Vec<u64>,
    /// What is odd about files as a whole, with their ordinals.
    pub warnings: Vec<(usize, FileWarning)>,
    /// What happened to geometries.
    pub notes: GeometryNotes,
    /// The files, for reading them again.
    pub files: Arc<Vec<BoundFile>>,
    /// The transaction that has the rows, where they went straight into their table.
    pub(super) straight: Option<Straight>,
}

/// Where encoded splits go.
enum Outlet {
    /// To nobody: they are only counted.
    Nowhere,
    /// Into staging.
    Staging(Vec<StagingConnection>),
    /// Straight into the table, as long as nothing comes in between.
    Straight(Box<StraightLoad>, Arc<StagingArea>),
}

/// Reads all files into the staging tables of an import.
pub(super) async fn load(
    endpoint: &Endpoint,
    import: &mut Import<'_>,
    progress: &Arc<Progress>,
) -> Result<Read> {
    let options = import.request.options;
    Box::pin(import.stage_recovered(endpoint, progress)).await?;
    let held = Box::pin(compare::held(endpoint, import, progress)).await?;
    let (known, spilled) = match held {
        None => (None, None),
        Some(Held::Remembered(known)) => (Some(known), None),
        Some(Held::Spilled(tables)) => (Some(Known::Later(tables.seed)), Some(tables)),
    };
    let area = StagingArea::of(endpoint, import, progress);
    let straight = match known {
        None => straight::open(import, &area).await?,
        Some(_) => None,
    };
    let mut outlet = match straight {
        Some(straight) => {
            import.log = Some(Arc::clone(&straight.log));
            Outlet::Straight(Box::new(straight), area)
        }
        None => Outlet::Staging(StagingConnection::open_all(&area, options).await?),
    };
    let reading = Reading {
        plan: Arc::clone(&import.bound.plan),
        files: Arc::clone(&import.bound.files),
        options,
        progress: Arc::clone(progress),
        staged: Arc::clone(&import.staged),
        known: known.map(Arc::new),
        spilled,
    };
    let mut read = reading.run(&mut import.report, &mut outlet).await?;
    if let Outlet::Straight(straight, area) = outlet {
        let differ = import.loads[0].key.is_empty() || read.keys_differ == [true];
        read.straight = straight.finish(differ, &area).await?;
        if read.straight.is_none() {
            import.stage_logged(endpoint, progress).await?;
        }
    }
    Ok(read)
}

/// Reads all files and checks every record; nothing is sent anywhere.
///
/// # Errors
/// As reading: `ErrorKind::Source`, or `ErrorKind::Environment` for the report.
pub async fn validate(
    bound: &super::prepare::Bound,
    options: LoadOptions,
    report: &mut Report,
    progress: &Arc<Progress>,
) -> Result<Read> {
    let (plan, files) = (Arc::clone(&bound.plan), Arc::clone(&bound.files));
    let (progress, staged) = (Arc::clone(progress), Arc::default());
    let reading = Reading { plan, files, options, progress, staged, known: None, spilled: None };
    let read = reading.run(report, &mut Outlet::Nowhere).await?;
    collect::warn_of_files(report, &read)?;
    report.finish_rejections()?;
    Ok(read)
}

struct Reading {
    plan: Arc<Plan>,
    files: Arc<Vec<BoundFile>>,
    options: LoadOptions,
    progress: Arc<Progress>,
    staged: Arc<Staged>,
    known: Option<Arc<Known>>,
    /// What the targets hold, where that is compared when all is read.
    spilled: Option<SpilledTables>,
}

impl Reading {
    async fn run(mut self, report: &mut Report, outlet: &mut Outlet) -> Result<Read> {
        let folder = report.folder().to_owned();
        let open = self.spilled.as_ref().map(|tables| tables.open_rows(&folder)).transpose()?;
        let targets = self.plan.targets.len();
        // Where nothing is staged nobody asks whether keys differ.
        let keyed = if matches!(outlet, Outlet::Nowhere) { 0 } else { targets };
        let keys = (0..keyed).map(|_| KeyHashes::new(keyed, &folder)).collect();
        let collector = Collector::new(targets, keys, open.unwrap_or_default());
        let (plan, files) = (Arc::clone(&self.plan), Arc::clone(&self.files));
        let writer = ReportWriter { report, plan: &plan, files: &files };
        let collecting = Mutex::new(Collecting { collector, writer });
        let records = self.pass(Pass::First, &collecting, outlet).await?;
        let open = collecting.lock().await.collector.take_open();
        self.known = self.known_again(open, &records).await?;
        if self.known.is_some() {
            let before = collecting.lock().await.collector.splits();
            let again = self.pass(Pass::Again(before), &collecting, outlet).await?;
            if again != records {
                return Err(Error::unexpected("the files have other records than before"));
            }
        }
        let Collecting { collector, .. } = collecting.into_inner();
        self.close(collector, records)
    }

    /// What records are to be staged after all; `None` if none are.
    async fn known_again(
        &mut self,
        open: Vec<Spill<3>>,
        read: &[FileRead],
    ) -> Result<Option<Arc<Known>>> {
        let Some(tables) = self.spilled.take() else {
            return Ok(self.known.take().filter(|known| known.has_repeated()));
        };
        let records: Vec<u64> = read.iter().map(|file| file.records).collect();
        let (progress, threads) = (Arc::clone(&self.progress), self.options.threads.max(1));
        let check = move || if progress.is_cancelled() { Err(interrupted()) } else { Ok(()) };
        let comparing = tokio::task::spawn_blocking(move || {
            pool(threads)?.install(|| tables.compare(&open, &records, check))
        });
        let wanted = comparing.await;
        let wanted = wanted.map_err(|cause| Error::unexpected("a worker failed").caused_by(cause));
        let wanted = wanted??;
        Ok(wanted.has_any().then(|| Arc::new(Known::Compared(wanted))))
    }

    /// Reads all files once; gives what there is to say of each.
    async fn pass(
        &self,
        pass: Pass,
        collecting: &Mutex<Collecting<'_>>,
        outlet: &mut Outlet,
    ) -> Result<Vec<FileRead>> {
        let (sender, receiver) = mpsc::channel(self.options.connections.max(1));
        let stop = Arc::new(AtomicBool::new(false));
        let job = ReadJob {
            plan: Arc::clone(&self.plan),
            files: Arc::clone(&self.files),
            split_bytes: self.options.split_bytes,
            threads: self.options.threads.max(1),
            progress: Arc::clone(&self.progress),
            staged: Arc::clone(&self.staged),
            known: self.known.clone(),
            pass,
            stop: Arc::clone(&stop),
        };
        let reading = tokio::task::spawn_blocking(move || job.read(&sender));
        let taken = tokio::select! {
            taken = self.take_all(receiver, collecting, outlet) => taken,
            () = self.progress.cancelled() => Err(interrupted()),
        };
        // Whoever failed first, the others stop at their next split.
        if taken.is_err() {
            stop.store(true, Relaxed);
        }
        let read = reading.await;
        let read = read.map_err(|cause| Error::unexpected("a worker failed").caused_by(cause))?;
        taken?;
        read
    }

    /// Every split has been collected, and both halves of reading counted the same.
    fn close(&self, mut collector: Collector, read: Vec<FileRead>) -> Result<Read> {
        let counted = collector.counted.records;
        let records: Vec<u64> = read.iter().map(|file| file.records).collect();
        let of_file = read.into_iter().map(|file| file.warnings).enumerate();
        let warnings = of_file.flat_map(|(file, all)| all.into_iter().map(move |one| (file, one)));
        let split: u64 = records.iter().sum();
        if !collector.is_complete() || counted != split {
            return Err(Error::unexpected(format!(
                "{split} records were split off, {counted} were decoded"
            )));
        }
        for (index, (target, table)) in
            self.plan.targets.iter().zip(&collector.counted.tables).enumerate()
        {
            let files = self.files.iter().zip(&records);
            let files = files.filter(|(file, _)| file.of == target.source);
            let rows: u64 =
                files.map(|(file, records)| records * file.rows_per_record(index)).sum();
            if (table.read, table.outcomes()) != (rows, rows) {
                let what = format!("{rows} rows were read for a target, {table:?} were counted");
                return Err(Error::unexpected(what));
            }
        }
        let keys_differ = pool(self.options.threads.max(1))?.install(|| collector.keys_differ())?;
        let splits = collector.splits();
        let Collector { counted, notes, .. } = collector;
        let (warnings, files) = (warnings.collect(), Arc::clone(&self.files));
        Ok(Read { counted, splits, keys_differ, records, warnings, notes, files, straight: None })
    }

    async fn take_all(
        &self,
        receiver: mpsc::Receiver<ProcessedSplit>,
        collecting: &Mutex<Collecting<'_>>,
        outlet: &mut Outlet,
    ) -> Result<()> {
        let receiver = Mutex::new(receiver);
        if let Outlet::Straight(straight, _) = outlet {
            let Err(gave_up) = self.take_straight(&receiver, collecting, straight).await? else {
                return Ok(());
            };
            self.turn_to_staging(gave_up, outlet).await?;
        }
        let Outlet::Staging(connections) = outlet else {
            return self.take_until_end(&receiver, collecting, None).await;
        };
        let taking = connections
            .iter_mut()
            .map(|connection| self.take_until_end(&receiver, collecting, Some(connection)));
        try_join_all(taking).await.map(|_| ())
    }

    /// Takes splits as they come: rejections to the report, tuples to table and log.
    async fn take_straight(
        &self,
        receiver: &Mutex<mpsc::Receiver<ProcessedSplit>>,
        collecting: &Mutex<Collecting<'_>>,
        straight: &mut StraightLoad,
    ) -> Result<Result<(), GaveUp>> {
        let next = async || {
            let next = receiver.lock().await.recv().await;
            let Some(mut split) = next else { return Ok(None) };
            collecting.lock().await.take(&mut split)?;
            self.progress.add_staged(split.tuples.tables.iter().map(|table| table.rows).sum());
            Ok(Some((split.tuples, split.notes)))
        };
        straight.take_all(next).await
    }

    /// Stages what was logged so far; what is still read goes to staging, too.
    async fn turn_to_staging(&self, gave_up: GaveUp, outlet: &mut Outlet) -> Result<()> {
        let Outlet::Straight(straight, area) = std::mem::replace(outlet, Outlet::Nowhere) else {
            return Ok(());
        };
        let log = Arc::clone(&straight.log);
        straight.abandon(gave_up.error, &area).await?;
        let mut connections = StagingConnection::open_all(&area, self.options).await?;
        stage_logged(&mut connections, &log, &self.staged).await?;
        if let (Some(split), Some(connection)) = (gave_up.unlogged, connections.first_mut()) {
            connection.stage(&split.0, &split.1).await?;
        }
        *outlet = Outlet::Staging(connections);
        Ok(())
    }

    /// Takes splits as they come: rejections to the report, tuples to one connection.
    async fn take_until_end(
        &self,
        receiver: &Mutex<mpsc::Receiver<ProcessedSplit>>,
        collecting: &Mutex<Collecting<'_>>,
        mut connection: Option<&mut StagingConnection>,
    ) -> Result<()> {
        loop {
            let next = receiver.lock().await.recv().await;
            let Some(mut split) = next else { return Ok(()) };
            collecting.lock().await.take(&mut split)?;
            if let Some(connection) = &mut connection {
                if !split.is_staged {
                    connection.stage(&split.tuples, &split.notes).await?;
                }
                self.progress.add_staged(split.tuples.tables.iter().map(|table| table.rows).sum());
            }
        }
    }
}

struct Collecting<'w> {
    collector: Collector,
    writer: ReportWriter<'w>,
}

impl Collecting<'_> {
    fn take(&mut self, split: &mut ProcessedSplit) -> Result<()> {
        self.collector.take(split)?;
        self.collector.write_ready(&mut self.writer)
    }
}
