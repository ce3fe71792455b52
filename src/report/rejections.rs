//! `rejections.csv`: one line per violation, safe to mail and safe to open.

use std::{
    fs::File,
    io::BufWriter,
    path::{Path, PathBuf},
};

use crate::{
    error::{Error, Result},
    private_file,
};

/// One violation of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectionLine<'a> {
    /// The file's name for people.
    pub file: &'a str,
    /// The line (or sheet row) the record starts on; 0 without lines.
    pub line: u64,
    /// The record's number in its file.
    pub record: u64,
    /// The table it was judged for, empty for all.
    pub table: &'a str,
    /// The column or field, empty for the whole record.
    pub column: &'a str,
    /// The stable code.
    pub code: &'a str,
    /// What is wrong, without data.
    pub message: &'a str,
    /// The value's shape at most.
    pub masked: &'a str,
}

const HEADER: [&str; 8] = ["file", "line", "record", "column", "code", "message", "value", "table"];

pub(super) struct RejectionsFile {
    path: PathBuf,
    writer: csv::Writer<BufWriter<File>>,
}

impl RejectionsFile {
    pub(super) fn create(path: &Path) -> Result<Self> {
        let file = BufWriter::new(private_file::create(path)?);
        let mut made = Self { path: path.to_owned(), writer: csv::Writer::from_writer(file) };
        made.write_fields(HEADER)?;
        Ok(made)
    }

    /// The same, or the file that is there, to go on with.
    pub(super) fn append(path: &Path) -> Result<Self> {
        if path.symlink_metadata().is_err() {
            return Self::create(path);
        }
        let file = BufWriter::new(private_file::append(path)?);
        Ok(Self { path: path.to_owned(), writer: csv::Writer::from_writer(file) })
    }

    pub(super) fn write(&mut self, line: &RejectionLine<'_>) -> Result<()> {
        let number = if line.line == 0 { String::new() } else { line.line.to_string() };
        let record = line.record.to_string();
        let texts = [
            line.file,
            &number,
            &record,
            line.column,
            line.code,
            line.message,
            line.masked,
            line.table,
        ];
        self.write_fields(texts.map(guarded).each_ref().map(AsRef::as_ref))
    }

    fn write_fields(&mut self, fields: [&str; 8]) -> Result<()> {
        self.writer.write_record(fields).map_err(|cause| cannot_write(&self.path).caused_by(cause))
    }

    pub(super) fn finish(self) -> Result<()> {
        let path = self.path;
        let inner = self.writer.into_inner().map_err(|_| cannot_write(&path))?;
        let file = inner.into_inner().map_err(|_| cannot_write(&path))?;
        file.sync_all().map_err(|cause| cannot_write(&path).caused_by(cause))
    }
}

fn cannot_write(path: &Path) -> Error {
    Error::environment(format!("`{}` cannot be written", path.display())).hint("is the disk full?")
}

/// A spreadsheet takes text that starts so for a formula; an apostrophe keeps it text.
fn guarded(text: &str) -> std::borrow::Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\0']) {
        format!("'{text}").into()
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_csv_and_no_field_is_a_formula() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("rejections.csv");
        let mut file = RejectionsFile::create(&path).expect("created");
        let line = RejectionLine {
            file: "=a.csv",
            line: 0,
            record: 7,
            table: "s.t",
            column: "dob",
            code: "type.date",
            message: "not a date, as %d/%m/%Y",
            masked: "-99/99",
        };
        file.write(&line).expect("written");
        file.finish().expect("finished");
        let text = std::fs::read_to_string(&path).expect("read");
        assert_eq!(
            text,
            "file,line,record,column,code,message,value,table\n\
             '=a.csv,,7,dob,type.date,\"not a date, as %d/%m/%Y\",'-99/99,s.t\n"
        );
    }
}
