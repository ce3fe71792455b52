//! Reading what the targets hold, before the files: when that pays, and what it gives.

use std::{path::Path, sync::Arc};

use super::{
    import::Import,
    known::{Known, Seed, is_comparable},
    progress::Progress,
    remembered::{Remembered, RememberedTable},
    retry::Retry,
    spill::bits_for,
    spilled::SpilledTables,
    stopping,
    table_hashes::TableHashes,
};
use crate::{
    error::Result,
    load::LoadTarget,
    postgres::{
        endpoint::Endpoint,
        judge,
        session::Session,
        table_rows::{self, TableSize},
    },
};

/// A table is read if it is at most so many times as large as the files, which may be compressed:
/// reading it costs about as much as reading as many bytes of a file.
const TABLE_BYTES_PER_FILE_BYTE: u64 = 8;

/// Of smaller files there is nothing to be saved by a look at their size.
const FILE_BYTES_MIN: u64 = 1 << 20;

/// A record of fewer bytes is rare: that many of a file are taken for one, where it matters little.
const RECORD_BYTES: u64 = 64;

/// What the targets hold, wherever its hashes are.
pub(super) enum Held {
    /// In memory.
    Remembered(Known),
    /// On the disk.
    Spilled(SpilledTables),
}

/// What the targets of an import hold; `None` where that is of no use: where more than its own
/// content decides what becomes of a record, where splits of another run are gone on with, and
/// where a target is empty or much larger than the files.
///
/// # Errors
/// `ErrorKind::Environment` when the server or the disk refuses, `ErrorKind::Interrupted`.
pub(super) async fn held(
    endpoint: &Endpoint,
    import: &Import<'_>,
    progress: &Arc<Progress>,
) -> Result<Option<Held>> {
    let goes_on = import.staged.by.is_some() || import.loaded.replay.is_some();
    // A policy would have to be told whose rows they are.
    let has_tenant = import.bound.tenant.is_some();
    if goes_on || has_tenant || !import.loads.iter().all(is_comparable) {
        return Ok(None);
    }
    let file_bytes: u64 = import.loaded.fresh.iter().map(|file| file.bytes).sum();
    let connections = import.request.options.connections.max(1);
    let (loads, folder) = (&import.loads, import.report.folder());
    let comparison = Comparison { endpoint, loads, file_bytes, connections, folder };
    let mut retry = Retry::new(progress);
    loop {
        match stopping::unless_stopped(progress, comparison.read()).await {
            Err(error) => retry.again(error).await?,
            held => return held,
        }
    }
}

struct Comparison<'a> {
    endpoint: &'a Endpoint,
    loads: &'a [LoadTarget],
    file_bytes: u64,
    connections: usize,
    folder: &'a Path,
}

impl Comparison<'_> {
    async fn read(&self) -> Result<Option<Held>> {
        let session = self.endpoint.connect().await?;
        let mut sizes = Vec::with_capacity(self.loads.len());
        for load in self.loads {
            let size = table_rows::size(&session, load).await?;
            if !self.is_worth_it(size) || !bytes_tell_keys_apart(&session, load).await? {
                return Ok(None);
            }
            sizes.push(size);
        }
        drop(session);
        let seed = Seed::random();
        let rows = sizes.iter().map(|size| size.rows).max().unwrap_or(0);
        let bits = bits_for(rows.saturating_add(self.file_bytes / RECORD_BYTES));
        let mut tables = Vec::with_capacity(self.loads.len());
        for (load, size) in self.loads.iter().zip(sizes) {
            tables.push(self.read_table(load, size, (seed, bits)).await?);
        }
        held_by(tables, (seed, bits)).map(Some)
    }

    fn is_worth_it(&self, size: TableSize) -> bool {
        let bytes_max =
            self.file_bytes.max(FILE_BYTES_MIN).saturating_mul(TABLE_BYTES_PER_FILE_BYTE);
        size.bytes > 0 && size.bytes <= bytes_max
    }

    async fn read_table(
        &self,
        load: &LoadTarget,
        size: TableSize,
        (seed, bits): (Seed, u32),
    ) -> Result<Vec<TableHashes<'_>>> {
        let shared_by = self.connections * self.loads.len();
        let rows = size.rows / self.connections as u64;
        let hashes = || TableHashes::new(seed, load, (rows, shared_by), (self.folder, bits));
        let mut parts: Vec<_> = (0..self.connections).map(|_| hashes()).collect();
        let mut readers: Vec<_> =
            parts.iter_mut().map(|part| |fields: &[u8]| part.add(fields)).collect();
        table_rows::read(self.endpoint, load, size, &mut readers).await?;
        drop(readers);
        Ok(parts)
    }
}

/// All in memory, or all on the disk.
fn held_by(tables: Vec<Vec<TableHashes<'_>>>, (seed, bits): (Seed, u32)) -> Result<Held> {
    if tables.iter().flatten().all(TableHashes::is_held) {
        let tables = tables.into_iter().map(|parts| {
            let mut parts = parts.into_iter().map(TableHashes::into_held);
            let mut rows = parts.next().unwrap_or_default();
            parts.for_each(|mut part| rows.append(&mut part));
            RememberedTable::of(rows)
        });
        let remembered = Remembered::new(tables.collect());
        return Ok(Held::Remembered(Known::Remembered(seed, remembered)));
    }
    let spilled =
        |parts: Vec<TableHashes<'_>>| parts.into_iter().map(TableHashes::into_spilled).collect();
    let tables: Result<_> = tables.into_iter().map(spilled).collect();
    Ok(Held::Spilled(SpilledTables { seed, bits, tables: tables? }))
}

async fn bytes_tell_keys_apart(session: &Session, load: &LoadTarget) -> Result<bool> {
    judge::bytes_tell_keys_apart(&session.client, load).await
}
