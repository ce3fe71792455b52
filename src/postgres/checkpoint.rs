//! What is known of a split that is staged: all that a run needs to go on without reading it again.

use postgres_types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use super::{publish::CountedTable, session::database_error, staging::Staging};
use crate::{
    error::Result,
    load::{SplitTuples, TableTuples},
    transform::geometry::GeometryNotes,
};

/// The columns of the checkpoints' table.
pub(super) const COLUMNS: &str = "file int, split int, first_record bigint, records bigint,
    read bigint[], staged bigint[], rejected bigint[], filtered bigint[], same bigint[],
    repaired bigint, flagged bigint, area_changed float8, area_change_percent_max float8,
    primary key (file, split)";

/// One split that is staged.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// The file's ordinal in the run.
    pub file: u32,
    /// The split's number within its file, from 0.
    pub split: u32,
    /// The number of its first record within the file, from 1.
    pub first_record: u64,
    /// Records read.
    pub records: u64,
    /// Per target: what became of them.
    pub tables: Vec<CountedTable>,
    /// What happened to geometries.
    pub notes: GeometryNotes,
}

impl Checkpoint {
    /// What a split comes to.
    pub fn of(split: &SplitTuples, notes: &GeometryNotes) -> Self {
        let counted = |table: &TableTuples| CountedTable {
            read: table.read,
            staged: table.rows,
            rejected: table.rejected,
            filtered: table.filtered,
            same: table.same,
        };
        Self {
            file: split.file,
            split: split.split,
            first_record: split.first_record,
            records: split.records,
            tables: split.tables.iter().map(counted).collect(),
            notes: notes.clone(),
        }
    }

    /// Whether some of its records were not staged, since a target held their rows at that time.
    pub fn has_same(&self) -> bool {
        self.tables.iter().any(|table| table.same != 0)
    }

    /// Whether any of its records was rejected before COPY.
    pub fn has_rejections(&self) -> bool {
        self.tables.iter().any(|table| table.rejected > 0)
    }

    /// Writes it, inside the transaction that stages its rows.
    pub(super) async fn write(
        &self,
        client: &Client,
        table: &str,
    ) -> Result<u64, tokio_postgres::Error> {
        let counts = |count: fn(&CountedTable) -> u64| -> Vec<i64> {
            self.tables.iter().map(|table| count(table).cast_signed()).collect()
        };
        let (read, staged) = (counts(|t| t.read), counts(|t| t.staged));
        let (rejected, filtered) = (counts(|t| t.rejected), counts(|t| t.filtered));
        let same: Vec<i64> = self.tables.iter().map(|table| table.same).collect();
        let (repaired, flagged) =
            (self.notes.repaired.cast_signed(), self.notes.flagged.cast_signed());
        let values: [(&(dyn ToSql + Sync), Type); 13] = [
            (&self.file.cast_signed(), Type::INT4),
            (&self.split.cast_signed(), Type::INT4),
            (&self.first_record.cast_signed(), Type::INT8),
            (&self.records.cast_signed(), Type::INT8),
            (&read, Type::INT8_ARRAY),
            (&staged, Type::INT8_ARRAY),
            (&rejected, Type::INT8_ARRAY),
            (&filtered, Type::INT8_ARRAY),
            (&same, Type::INT8_ARRAY),
            (&repaired, Type::INT8),
            (&flagged, Type::INT8),
            (&self.notes.area_changed, Type::FLOAT8),
            (&self.notes.area_change_percent_max, Type::FLOAT8),
        ];
        let insert = format!(
            "insert into {table} values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
        );
        client.execute_typed(&insert, &values).await
    }
}

/// The checkpoints of a run.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub(super) async fn read(client: &Client, staging: &Staging) -> Result<Vec<Checkpoint>> {
    let query = format!("select * from {} order by file, split", staging.splits());
    let rows = client.query_typed(&query, &[]).await;
    let rows = rows.map_err(|error| database_error(&error, "read the checkpoints"))?;
    Ok(rows.iter().map(checkpoint).collect())
}

fn checkpoint(row: &Row) -> Checkpoint {
    let [file, split]: [i32; 2] = [row.get(0), row.get(1)];
    let count = |column: usize| row.get::<_, i64>(column).cast_unsigned();
    let [read, staged, rejected, filtered, same]: [Vec<i64>; 5] =
        [row.get(4), row.get(5), row.get(6), row.get(7), row.get(8)];
    let of = |counts: &[i64], target: usize| counts[target].cast_unsigned();
    let tables = (0..read.len()).map(|target| CountedTable {
        read: of(&read, target),
        staged: of(&staged, target),
        rejected: of(&rejected, target),
        filtered: of(&filtered, target),
        same: same[target],
    });
    Checkpoint {
        file: file.cast_unsigned(),
        split: split.cast_unsigned(),
        first_record: count(2),
        records: count(3),
        tables: tables.collect(),
        notes: GeometryNotes {
            repaired: count(9),
            flagged: count(10),
            area_changed: row.get(11),
            area_change_percent_max: row.get(12),
        },
    }
}
