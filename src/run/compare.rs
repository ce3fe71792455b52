//! Reading what the targets hold, before the files: when that pays, and what it gives.

use std::sync::Arc;

use super::{
    import::Import,
    known::{Known, KnownTable, Remembering, Seed, is_comparable},
    progress::Progress,
    retry::Retry,
    stopping,
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

/// What the targets of an import hold; `None` where that is of no use: where more than its own
/// content decides what becomes of a record, where splits of another run are gone on with, and
/// where a target is empty or much larger than the files.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses, `ErrorKind::Interrupted`.
pub(super) async fn known(
    endpoint: &Endpoint,
    import: &Import<'_>,
    progress: &Arc<Progress>,
) -> Result<Option<Arc<Known>>> {
    let goes_on = import.staged.by.is_some() || import.loaded.replay.is_some();
    // A policy would have to be told whose rows they are.
    let has_tenant = import.bound.tenant.is_some();
    if goes_on || has_tenant || !import.loads.iter().all(is_comparable) {
        return Ok(None);
    }
    let file_bytes: u64 = import.loaded.fresh.iter().map(|file| file.bytes).sum();
    let connections = import.request.options.connections.max(1);
    let comparison = Comparison { endpoint, loads: &import.loads, file_bytes, connections };
    let mut retry = Retry::new(progress);
    loop {
        match stopping::unless_stopped(progress, comparison.read()).await {
            Err(error) => retry.again(error).await?,
            known => return Ok(known?.map(Arc::new)),
        }
    }
}

struct Comparison<'a> {
    endpoint: &'a Endpoint,
    loads: &'a [LoadTarget],
    file_bytes: u64,
    connections: usize,
}

impl Comparison<'_> {
    async fn read(&self) -> Result<Option<Known>> {
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
        let mut tables = Vec::with_capacity(self.loads.len());
        for (load, size) in self.loads.iter().zip(sizes) {
            tables.push(self.read_table(load, size, seed).await?);
        }
        Ok(Some(Known::new(seed, tables)))
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
        seed: Seed,
    ) -> Result<KnownTable> {
        let shared_by = self.connections * self.loads.len();
        let rows = size.rows / self.connections as u64;
        let mut parts: Vec<Remembering> =
            (0..self.connections).map(|_| Remembering::new(seed, load, rows, shared_by)).collect();
        let mut readers: Vec<_> =
            parts.iter_mut().map(|part| |fields: &[u8]| part.add(fields)).collect();
        table_rows::read(self.endpoint, load, size, &mut readers).await?;
        drop(readers);
        Ok(KnownTable::of(parts))
    }
}

async fn bytes_tell_keys_apart(session: &Session, load: &LoadTarget) -> Result<bool> {
    judge::bytes_tell_keys_apart(&session.client, load).await
}
