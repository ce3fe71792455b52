//! What a target holds, as the wire has it: its rows by binary COPY, in the format in which
//! rows are sent.
//!
//! A row that would be sent with the bytes that come out here is there already. That is asked
//! of the table itself, so whatever anybody did to it since the last run is seen.

use std::pin::pin;

use futures_util::{StreamExt, TryStreamExt, future::try_join_all};
use postgres_types::{ToSql, Type};
use tokio_postgres::CopyOutStream;

use super::{
    endpoint::Endpoint,
    prepared,
    session::{Session, answered},
    sql::{own_rows, quote_identifier},
};
use crate::{
    copy::COPY_HEADER,
    error::{Error, Result, Transient},
    load::LoadTarget,
    schema::RelationKind,
};

const DOING: &str = "read what the table holds";

/// Rows taken from the connection at once: a time limit for each would cost more than its hash.
const ROWS_AT_ONCE: usize = 512;

/// How much a table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableSize {
    /// Its heap without indexes and what is stored out of line, in blocks, and in bytes.
    pub blocks: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Rows as the planner knows them; 0 when it knows nothing.
    pub rows: u64,
}

/// How much a target holds, its partitions included.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses or does not answer.
pub async fn size(session: &Session, load: &LoadTarget) -> Result<TableSize> {
    let query = "select coalesce(sum(pg_relation_size(c.oid)), 0)::bigint,
          current_setting('block_size')::bigint,
          coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint
        from pg_catalog.pg_class c
        where c.oid = $1 or c.oid in (select relid from pg_catalog.pg_partition_tree($1) where isleaf)";
    let oid: [(&(dyn ToSql + Sync), Type); 1] = [(&load.table.oid, Type::OID)];
    let row = answered(DOING, session.client.query_typed_one(query, &oid)).await?;
    let [bytes, block, rows] = [0, 1, 2].map(|column| row.get::<_, i64>(column).unsigned_abs());
    Ok(TableSize { blocks: bytes / block.max(1), bytes, rows })
}

/// Reads the staged columns of all rows of a target over as many connections as there are
/// `readers`; each gets the fields of a row in the order of the columns, with their lengths.
///
/// The connections need not see the same moment: a row that moves between them is seen twice
/// or not at all, and readers have to expect both.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses or stops sending.
pub async fn read<R: FnMut(&[u8]) -> Result<()>>(
    endpoint: &Endpoint,
    load: &LoadTarget,
    size: TableSize,
    readers: &mut [R],
) -> Result<()> {
    let parts = parts(load, size, readers.len());
    let reading = readers.iter_mut().zip(parts);
    let reading = reading.map(|(reader, part)| read_part(endpoint, load, part, reader));
    try_join_all(reading).await.map(|_| ())
}

/// Conditions that share the rows out: by blocks, where the table is one.
fn parts(load: &LoadTarget, size: TableSize, count: usize) -> Vec<String> {
    let count = if load.table.kind == RelationKind::Table { count.max(1) as u64 } else { 1 };
    let from = |part: u64| format!("ctid >= '({},0)'", size.blocks * part / count);
    let to = |part: u64| format!("ctid < '({},0)'", size.blocks * part / count);
    let part = |part| match part {
        0 if count == 1 => "true".to_owned(),
        0 => to(1),
        // What was added since the size was asked comes last.
        last if last + 1 == count => from(last),
        part => format!("{} and {}", from(part), to(part + 1)),
    };
    (0..count).map(part).collect()
}

async fn read_part(
    endpoint: &Endpoint,
    load: &LoadTarget,
    part: String,
    reader: &mut impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let session = endpoint.connect().await?;
    let names: Vec<String> =
        load.columns.iter().map(|column| quote_identifier(&column.column.name)).collect();
    let copy = format!(
        "copy (select {} from {} where {part}) to stdout (format binary)",
        names.join(", "),
        own_rows(&load.table)
    );
    let client = &session.client;
    for names_are_taken in [false, true] {
        answered(DOING, prepared::begin(client, "set transaction read only", names_are_taken))
            .await?;
        let opening = async {
            match client.copy_out(copy.as_str()).await {
                Err(error) if prepared::name_is_taken(&error) => Ok(None),
                opened => opened.map(Some),
            }
        };
        if let Some(stream) = answered(DOING, opening).await? {
            receive(stream, load.columns.len(), reader).await?;
            return answered(DOING, client.batch_execute("commit")).await;
        }
        answered(DOING, client.batch_execute("rollback")).await?;
    }
    Err(Error::environment("a pooler keeps prepared statements of its own clients")
        .passing(Some(Transient::Disconnected)))
}

async fn receive(
    stream: CopyOutStream,
    columns: usize,
    reader: &mut impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let mut batches = pin!(stream.ready_chunks(ROWS_AT_ONCE).map(Ok::<_, tokio_postgres::Error>));
    let mut is_first = true;
    while let Some(batch) = answered(DOING, batches.try_next()).await? {
        for message in batch {
            let message = answered(DOING, std::future::ready(message)).await?;
            let mut message: &[u8] = &message;
            if std::mem::take(&mut is_first) {
                message = message.strip_prefix(&COPY_HEADER).ok_or_else(garbled)?;
            }
            each_tuple(message, columns, reader)?;
        }
    }
    Ok(())
}

/// Takes a message apart: the server sends whole tuples.
fn each_tuple(
    mut message: &[u8],
    columns: usize,
    reader: &mut impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    while let Some((count, rest)) = message.split_first_chunk::<2>() {
        let Ok(count) = usize::try_from(i16::from_be_bytes(*count)) else { return Ok(()) };
        if count != columns {
            return Err(garbled());
        }
        let length = (0..count).try_fold(0, |at, _| field_end(rest, at)).ok_or_else(garbled)?;
        reader(&rest[..length])?;
        message = &rest[length..];
    }
    Ok(())
}

/// Where the field ends that begins at `at`, its length word included.
#[inline]
pub fn field_end(fields: &[u8], at: usize) -> Option<usize> {
    let length = i32::from_be_bytes(*fields.get(at..)?.first_chunk()?);
    // NULL is the length -1, without bytes.
    let end = at + 4 + usize::try_from(length).unwrap_or(0);
    (end <= fields.len()).then_some(end)
}

fn garbled() -> Error {
    Error::environment("the server sent rows in a form that is not PostgreSQL's")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tuples(message: &[u8], columns: usize) -> Result<Vec<Vec<u8>>> {
        let mut rows = Vec::new();
        each_tuple(message, columns, &mut |fields| {
            rows.push(fields.to_vec());
            Ok(())
        })?;
        Ok(rows)
    }

    #[test]
    fn tuples_come_apart_where_they_end() {
        let one = [0, 2, 0, 0, 0, 1, b'a', 0xff, 0xff, 0xff, 0xff];
        let message = [&one[..], &one, &[0xff, 0xff]].concat();
        assert_eq!(tuples(&message, 2).expect("tuples"), [&one[2..], &one[2..]]);
        assert!(tuples(&message, 3).is_err(), "another number of columns");
        assert!(tuples(&message[..9], 2).is_err(), "cut off");
    }
}
