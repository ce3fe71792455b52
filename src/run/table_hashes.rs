//! Takes the rows of a target in, as hashes, while they come over one connection: in memory as
//! long as they fit, else on the disk.

use std::path::Path;

use super::{
    keys::KeyHash,
    known::{RowHash, Seed},
    spill::Spill,
};
use crate::{
    error::{Error, Result},
    failpoint,
    load::LoadTarget,
    postgres::table_rows::field_end,
};

/// Bytes of hashes that are held in memory, of all targets together.
const MEMORY_MAX: usize = 112 << 20;

/// The hashes of rows that came over one connection.
pub(super) struct TableHashes<'f> {
    seed: Seed,
    /// Per column, whether it belongs to the key.
    is_key: Vec<bool>,
    held: Vec<RowHash>,
    held_max: usize,
    spilled: Option<Spill<2>>,
    folder: &'f Path,
    bits: u32,
}

impl<'f> TableHashes<'f> {
    /// One of so many (targets × connections), with about `rows` rows. What is too much goes to
    /// the disk of `folder`, in 2^`bits` parts.
    pub(super) fn new(
        seed: Seed,
        load: &LoadTarget,
        (rows, shared_by): (u64, usize),
        (folder, bits): (&'f Path, u32),
    ) -> Self {
        let held_max = failpoint::most(MEMORY_MAX / size_of::<RowHash>() / shared_by.max(1));
        let expected = usize::try_from(rows).unwrap_or(usize::MAX).min(held_max);
        let is_key = (0..load.columns.len()).map(|index| load.key.contains(&index)).collect();
        let held = Vec::with_capacity(expected);
        Self { seed, is_key, held, held_max, spilled: None, folder, bits }
    }

    /// Takes one row in: its fields as they are on the wire, in the order of the columns.
    ///
    /// # Errors
    /// `ErrorKind::Unexpected` when it does not have the columns it should;
    /// `ErrorKind::Environment` when the disk takes no more.
    pub(super) fn add(&mut self, fields: &[u8]) -> Result<()> {
        let (mut key, mut at) = (KeyHash::default(), 0);
        for is_key in &self.is_key {
            let end = field_end(fields, at).ok_or_else(|| Error::unexpected("a row is cut off"))?;
            if *is_key {
                key.add(&fields[at..end]);
            }
            at = end;
        }
        let (key, row) = (key.finish(), self.seed.row(fields));
        if self.spilled.is_none() && self.held.len() < self.held_max {
            self.held.push(RowHash { key, row });
            return Ok(());
        }
        self.on_disk()?.push([key, row])
    }

    /// Whether all rows are in memory.
    pub(super) fn is_held(&self) -> bool {
        self.spilled.is_none()
    }

    /// What is in memory.
    pub(super) fn into_held(self) -> Vec<RowHash> {
        self.held
    }

    /// All of it on the disk, be it much or little.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when the disk takes no more.
    pub(super) fn into_spilled(mut self) -> Result<Spill<2>> {
        self.on_disk()?;
        self.spilled.ok_or_else(|| Error::unexpected("hashes are neither here nor there"))
    }

    fn on_disk(&mut self) -> Result<&mut Spill<2>> {
        match &mut self.spilled {
            Some(spilled) => Ok(spilled),
            none => {
                let spilled = none.insert(Spill::create(self.folder, self.bits)?);
                for RowHash { key, row } in std::mem::take(&mut self.held) {
                    spilled.push([key, row])?;
                }
                Ok(spilled)
            }
        }
    }
}
