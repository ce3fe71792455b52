//! One file of an export, from its first byte to its place, in any format.

use std::{path::Path, sync::Arc};

use super::{
    csv::CsvWriter,
    json::{GeojsonWriter, JsonLinesWriter},
    layout::Layout,
    part_file::{FinishedFile, PartFile, Written},
    row::Row,
    sheet::SheetWriter,
    work_folder::WorkFolder,
};
use crate::{definition::OutputFormat, error::Result, run::progress::Progress};

/// Rows are gathered to so many bytes before they are compressed, hashed and written.
const BUFFER_BYTES: usize = 128 << 10;

/// A file that is being written.
pub(super) struct OutputFile {
    part: PartFile,
    format: FormatWriter,
    buffer: Vec<u8>,
    rows: u64,
}

enum FormatWriter {
    Csv(CsvWriter),
    JsonLines,
    Geojson(GeojsonWriter),
    Sheet(Box<SheetWriter>),
}

impl OutputFile {
    /// Begins a file that will be at `path`, as the one of this number in the work folder.
    pub(super) fn create(
        path: &Path,
        layout: &Layout,
        (work, number): (&WorkFolder, usize),
        progress: &Arc<Progress>,
    ) -> Result<Self> {
        let part = PartFile::create(path, work.part(number), progress)?;
        let mut buffer = Vec::new();
        let format = match layout.output.format {
            OutputFormat::Csv => {
                let csv = CsvWriter::new(&layout.output);
                csv.start(&layout.columns, &mut buffer)?;
                FormatWriter::Csv(csv)
            }
            OutputFormat::Jsonl => FormatWriter::JsonLines,
            OutputFormat::Geojson => {
                GeojsonWriter::start(&mut buffer);
                FormatWriter::Geojson(GeojsonWriter::new(&layout.columns)?)
            }
            OutputFormat::Xlsx => {
                FormatWriter::Sheet(Box::new(SheetWriter::new(layout, work.path())?))
            }
        };
        Ok(Self { part, format, buffer, rows: 0 })
    }

    /// Rows written so far.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Adds a row.
    pub(super) fn row(&mut self, layout: &Layout, row: &Row<'_>) -> Result<()> {
        let bytes = &mut self.buffer;
        match &mut self.format {
            FormatWriter::Csv(csv) => csv.row(layout, row, bytes)?,
            FormatWriter::JsonLines => JsonLinesWriter::row(layout, row, bytes)?,
            FormatWriter::Geojson(geojson) => geojson.row(layout, row, bytes)?,
            FormatWriter::Sheet(sheet) => sheet.row(layout, row)?,
        }
        self.rows += 1;
        if self.buffer.len() >= BUFFER_BYTES {
            self.part.add(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Brings the whole file to disk.
    pub(super) fn finish(mut self) -> Result<(Written, FinishedFile)> {
        match self.format {
            FormatWriter::Geojson(_) => GeojsonWriter::end(&mut self.buffer),
            FormatWriter::Sheet(sheet) => {
                let finished = sheet.finish(&mut self.part);
                if let Some(why) = self.part.why_failed() {
                    return Err(why);
                }
                finished?;
            }
            FormatWriter::Csv(_) | FormatWriter::JsonLines => {}
        }
        self.part.add(&self.buffer)?;
        self.part.finish()
    }
}
