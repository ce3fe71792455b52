//! Reads what the rows of a corrected file look like.

use crate::{
    batch::RecordBatch,
    error::{Context, Result},
    report::Fingerprint,
    run::files::FoundFile,
    source::{self, Projection, split::SPLIT_BYTES_DEFAULT},
};

/// The fingerprints of a file's records, in order.
///
/// # Errors
/// `ErrorKind::Source` when the file cannot be read.
pub(super) fn fingerprints(file: &FoundFile) -> Result<Vec<Fingerprint>> {
    let reading = || format!("while reading `{}`", file.input.display);
    let source = source::open(&file.source, &file.input).context(reading)?;
    let mut splitter = source.splitter(SPLIT_BYTES_DEFAULT).context(reading)?;
    let mut decoder = source.decoder(&Projection::default());
    let mut batch = RecordBatch::default();
    let mut rows = Vec::new();
    while let Some(split) = splitter.next_split().context(reading)? {
        decoder.start(split);
        while decoder.fill(&mut batch) {
            let records = batch.records();
            rows.extend(records.map(|record| Fingerprint::of(source.content_of(record.raw()))));
        }
    }
    Ok(rows)
}
