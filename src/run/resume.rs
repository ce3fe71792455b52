//! Whether a run can go on where another was cut off, and what it need not do again.
//!
//! Rows that are staged are as good as new if they were made of the same bytes
//! by the same rules for the same tables, cut into the same splits. All of that
//! is in one hash, kept in the ledger; any difference means a start afresh.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::{
    ImportRequest,
    files::{self, FoundFile},
    loaded::Loaded,
};
use crate::{
    error::{Error, Result},
    load::LoadTarget,
    postgres::{checkpoint::Checkpoint, resume::Adopted},
};

/// The hash of everything that staged rows depend on, known as soon as the files are hashed.
#[derive(Debug)]
pub(super) struct ResumeKey {
    files: Vec<FoundFile>,
    /// Everything else.
    depends: String,
}

impl ResumeKey {
    /// `None` for a run that neither goes on nor is gone on with: it is forced to read again,
    /// publishes nothing, or is a replay, which passes over what another replay has loaded by then.
    pub(super) fn of(
        request: &ImportRequest,
        loaded: &Loaded,
        loads: &[LoadTarget],
    ) -> Option<Self> {
        if request.force || request.dry_run || loaded.replay.is_some() {
            return None;
        }
        // Rules may speak of today; and another release may read or write another way.
        let depends = format!(
            "{} {} {} {} {loads:?}",
            env!("CARGO_PKG_VERSION"),
            loaded.definition_sha256,
            jiff::Zoned::now().date(),
            request.options.split_bytes,
        );
        Some(Self { files: loaded.fresh.clone(), depends })
    }

    /// `None` before all files are hashed.
    pub(super) fn known(&self) -> Option<String> {
        let mut hash = Sha256::new_with_prefix(&self.depends);
        for file in &self.files {
            hash.update(format!(" {:?}", (&file.input.display, file.sha256()?)));
        }
        Some(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Waits for the files.
    ///
    /// # Errors
    /// `ErrorKind::Source` when one cannot be read, or has changed.
    pub(super) async fn wait(&self) -> Result<String> {
        files::hashes(&self.files).await?;
        self.known().ok_or_else(|| Error::unexpected("a file has no hash"))
    }
}

/// The splits of a run that are staged already.
#[derive(Debug, Default)]
pub(super) struct Staged {
    /// The run that staged them; `None` when there is nothing to go on with.
    pub(super) by: Option<String>,
    splits: HashMap<(u32, u32), Checkpoint>,
}

impl Staged {
    /// What another run staged.
    pub(super) fn by(adopted: Adopted) -> Self {
        let checkpoints = adopted.checkpoints.into_iter();
        let splits = checkpoints.map(|found| ((found.file, found.split), found)).collect();
        Self { by: Some(adopted.from.run), splits }
    }

    /// The same with splits of a run that are staged by now; its name where it had any.
    pub(super) fn with(&self, run: &str, checkpoints: Vec<Checkpoint>) -> Self {
        let by = self.by.clone().or_else(|| (!checkpoints.is_empty()).then(|| run.to_owned()));
        let mut splits = self.splits.clone();
        splits.extend(checkpoints.into_iter().map(|found| ((found.file, found.split), found)));
        Self { by, splits }
    }

    /// How many.
    pub(super) fn count(&self) -> u64 {
        self.splits.len() as u64
    }

    /// The checkpoint of a split, if it is staged.
    pub(super) fn find(&self, file: u32, split: u32) -> Option<&Checkpoint> {
        self.splits.get(&(file, split))
    }
}
