//! What stops the reading of a workbook, said without its content.
//!
//! calamine's own messages may quote cells, so none of them is passed on: only
//! what kind of failure it was.

use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{OdsError, XlsError, XlsbError, XlsxError};

use crate::error::{Error, Result};

/// The workbook is not as its format wants it.
pub(super) fn damaged(detail: &str) -> Error {
    Error::source_file(format!("the workbook is damaged: {detail}"))
        .hint("open it in a spreadsheet program and save it again, or ask for it to be sent again")
}

/// The workbook asks for more memory than any honest one.
pub(super) fn too_large(detail: impl std::fmt::Display) -> Error {
    Error::source_file(format!("the workbook is too large to be read safely: {detail}"))
        .hint("save the sheet as CSV, or split it")
}

/// The workbook cannot be opened without its password.
pub(super) fn password() -> Error {
    Error::source_file("the workbook is protected by a password")
        .hint("save a copy without a password, and load that")
}

/// The file could not be read.
pub(super) fn unreadable(cause: std::io::Error) -> Error {
    Error::source_file("the workbook cannot be read").caused_by(cause)
}

/// A failure of reading a part: what is wrong with it, or that the file cannot be read.
pub(super) fn of_reading(cause: std::io::Error) -> Error {
    cause.downcast::<Error>().unwrap_or_else(unreadable)
}

/// Runs a reader of untrusted bytes; where it panics, the workbook is damaged.
pub(super) fn guarded<T>(read: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(damaged("its reader met something it does not know")))
}

/// A failure of the zip layer.
pub(super) fn of_zip(error: zip::result::ZipError) -> Error {
    match error {
        zip::result::ZipError::Io(cause) => unreadable(cause),
        zip::result::ZipError::InvalidPassword => password(),
        zip::result::ZipError::FileNotFound => damaged("a part of its package is missing"),
        _ => damaged("its package cannot be unpacked"),
    }
}

/// A failure of calamine's reader of `.xlsx`.
pub(super) fn of_xlsx(error: XlsxError) -> Error {
    match error {
        XlsxError::Io(cause) => unreadable(cause),
        XlsxError::Zip(error) => of_zip(error),
        XlsxError::Password => password(),
        XlsxError::NotAWorksheet(_) => not_a_worksheet(),
        XlsxError::Xml(_) | XlsxError::XmlAttr(_) => damaged("its XML is not well-formed"),
        XlsxError::XmlEof(part) => damaged(&format!("its XML ends inside `{part}`")),
        XlsxError::WorksheetNotFound(_) => damaged("the sheet's part is missing"),
        _ => damaged("a part of it is not as the format says"),
    }
}

/// A failure of calamine's reader of `.xlsb`.
pub(super) fn of_xlsb(error: XlsbError) -> Error {
    match error {
        XlsbError::Io(cause) => unreadable(cause),
        XlsbError::Zip(error) => of_zip(error),
        XlsbError::Password => password(),
        _ => damaged("a part of it is not as the format says"),
    }
}

/// A failure of calamine's reader of `.xls`.
pub(super) fn of_xls(error: XlsError) -> Error {
    match error {
        XlsError::Io(cause) => unreadable(cause),
        XlsError::Password => password(),
        _ => damaged("a record of it is not as the format says"),
    }
}

/// A failure of calamine's reader of `.ods`.
pub(super) fn of_ods(error: OdsError) -> Error {
    match error {
        OdsError::Io(cause) => unreadable(cause),
        OdsError::Zip(error) => of_zip(error),
        OdsError::Password => password(),
        OdsError::CellLimitExceeded { .. } => too_large("its sheets claim too many cells"),
        _ => damaged("a part of it is not as the format says"),
    }
}

/// The tab holds no cells.
pub(super) fn not_a_worksheet() -> Error {
    Error::source_file("the sheet asked for is a chart, not a table of cells")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn a_panic_becomes_an_error_without_its_message() {
        let error = guarded::<()>(|| panic!("Ana Silva")).expect_err("it failed");
        assert_eq!(error.kind(), ErrorKind::Source);
        assert!(!format!("{error:?}").contains("Ana"));
    }

    #[test]
    fn values_that_calamine_quotes_are_not_passed_on() {
        let quoted = XlsxError::Unrecognized { typ: "boolean cell value", val: "Ana".into() };
        assert!(!format!("{:?}", of_xlsx(quoted)).contains("Ana"));
        let quoted = OdsError::Mismatch { expected: "table-cell", found: "Ana".into() };
        assert!(!format!("{:?}", of_ods(quoted)).contains("Ana"));
    }
}
