//! What judging found, for the report.

use tokio_postgres::Client;

use super::{failed, not_rejected, records};
use crate::{
    error::Result,
    outcome::Position,
    postgres::{session::database_error, staging::Staging},
};

/// A record the database rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagedRejection {
    /// The target it was judged for.
    pub target: usize,
    /// The file's ordinal and the record's number.
    pub file: u32,
    /// The record's number within the file, from 1.
    pub record: u64,
    /// Which of the record's rows, from 1; 0 where it has only one.
    pub row: u32,
    /// The stable code.
    pub code: String,
    /// The column it is about, empty for the whole record.
    pub column: String,
    /// What is wrong, without data.
    pub message: String,
    /// Who stands against it, where that is one.
    pub other: Option<Other>,
}

/// Who has what a rejected record may not have too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Other {
    /// Another record: its file's ordinal and its number.
    Record(u32, u64),
    /// A row of the table: its key, which may be personal.
    Row(Vec<Option<String>>),
}

/// The rejections, in source order.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn staged_rejections(client: &Client, staging: &Staging) -> Result<Vec<StagedRejection>> {
    let query = format!(
        "select target, ordinal, code, column_name, message, other_ordinal, other_key from {} where kind in ('rejected', 'row')
           and code <> '{}' order by ordinal, target, code, column_name, message",
        staging.excluded(),
        records::WHOLE
    );
    let rows = client.query_typed(&query, &[]).await;
    let rows = rows.map_err(|error| database_error(&error, "read rejections"))?;
    Ok(rows.iter().map(staged_rejection).collect())
}

/// How many staged rows of a target are rejected.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn rejected_rows(client: &Client, staging: &Staging, target: usize) -> Result<u64> {
    let rows = staging.copied(target);
    let query =
        format!("select count(*) from {rows} s where not ({})", not_rejected(staging, target));
    let row = client.query_typed_one(&query, &[]).await.map_err(failed("count rejections"))?;
    Ok(row.get::<_, i64>(0).cast_unsigned())
}

pub(super) fn staged_rejection(row: &tokio_postgres::Row) -> StagedRejection {
    let (file, record, part) = Position::split_ordinal(row.get(1));
    let target = usize::try_from(row.get::<_, i32>(0)).unwrap_or(usize::MAX);
    StagedRejection {
        target,
        file,
        record,
        row: part,
        code: row.get(2),
        column: row.get(3),
        message: row.get(4),
        other: other(row),
    }
}

fn other(row: &tokio_postgres::Row) -> Option<Other> {
    let ordinal: Option<i64> = row.get(5);
    let record = ordinal.map(|ordinal| {
        let (file, record, _) = Position::split_ordinal(ordinal);
        Other::Record(file, record)
    });
    record.or_else(|| row.get::<_, Option<_>>(6).map(Other::Row))
}
