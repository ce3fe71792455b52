//! What the ledger knows of a run that is to be undone.

use postgres_types::Type;
use tokio_postgres::Client;

use super::{DATABASE, Deletes, Written};
use crate::{error::Result, postgres::session::database_error, run_id::RunId, schema::TableName};

/// Transactions after which numbers are used again: of older ones `xmin` says nothing any more.
const TRANSACTIONS_MAX: i64 = 1 << 31;

/// A run that somebody wants to undo.
#[derive(Debug, Clone)]
pub struct KeptRun {
    /// The run.
    pub run: RunId,
    /// The pipeline's name.
    pub pipeline: String,
    /// The hash of its definition.
    pub definition_sha256: String,
    /// `published`, or another status.
    pub status: String,
    /// The run that it took back, where it is an undo itself.
    pub undoes: Option<String>,
    /// The run that took it back already.
    pub undone_by: Option<String>,
    /// The latest replay of it that is not undone.
    pub replayed_by: Option<String>,
    /// What was kept; `None` where its pipeline keeps nothing, or its time is over.
    pub kept: Option<Kept>,
}

/// What was kept of a run.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The numbers of the transactions it wrote by, as rows show them.
    pub(super) writers: Writers,
    /// Whether row versions still say who wrote them: the same cluster and database, and not
    /// so long ago that transaction numbers come again.
    pub readable: bool,
    /// Per target, in the run's order.
    pub targets: Vec<KeptTarget>,
}

/// What was kept of one target.
#[derive(Debug, Clone)]
pub struct KeptTarget {
    /// The table's OID.
    pub table_oid: u32,
    /// Its name then.
    pub table: TableName,
    pub(super) key: Vec<i16>,
    pub(super) nulls_equal: bool,
    pub(super) columns: Vec<i16>,
    pub(super) types: Vec<String>,
    pub(super) written: Written,
    pub(super) image: Option<String>,
}

/// What the ledger knows of a run; `None` when it does not know it.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn kept_run(client: &Client, run: &RunId) -> Result<Option<KeptRun>> {
    read(client, run).await.map_err(|error| database_error(&error, "look up what can be undone"))
}

async fn read(client: &Client, run: &RunId) -> Result<Option<KeptRun>, tokio_postgres::Error> {
    let query = format!(
        "select r.pipeline, r.definition_sha256, r.status, r.undoes, r.undone_by,
           (select max(p.run_id) from longshore.run p
            where p.replays = r.run_id and p.status = 'published' and p.undone_by is null),
           u.writers, u.database = {DATABASE}
             and pg_catalog.pg_current_xact_id()::text::bigint - u.transaction_id < {TRANSACTIONS_MAX}
         from longshore.run r
         left join longshore.undo u on u.run_id = r.run_id and u.expires_at > now()
         where r.run_id = $1"
    );
    let Some(row) = client.query_typed_opt(&query, &[(&run.as_str(), Type::TEXT)]).await? else {
        return Ok(None);
    };
    let kept = match row.try_get::<_, Option<Vec<i64>>>(6)? {
        None => None,
        Some(numbers) => Some(Kept {
            writers: Writers::new(&numbers),
            readable: row.try_get::<_, Option<bool>>(7)?.unwrap_or(false),
            targets: targets(client, run).await?,
        }),
    };
    Ok(Some(KeptRun {
        run: run.clone(),
        pipeline: row.try_get(0)?,
        definition_sha256: row.try_get(1)?,
        status: row.try_get(2)?,
        undoes: row.try_get(3)?,
        undone_by: row.try_get(4)?,
        replayed_by: row.try_get(5)?,
        kept,
    }))
}

/// Transactions that one run wrote by: a list of numbers, as SQL has it.
#[derive(Debug, Clone)]
pub(super) struct Writers {
    list: String,
}

impl Writers {
    pub(super) fn new(numbers: &[i64]) -> Self {
        // A run that wrote nothing has none; no row was ever written by number 0.
        let numbers = numbers.iter().copied().chain([0]);
        let list: Vec<String> = numbers.map(|number| format!("'{number}'")).collect();
        Self { list: list.join(", ") }
    }

    /// The condition that one of them wrote a row.
    pub(super) fn wrote(&self, row: &str) -> String {
        format!("{row}.xmin in ({})", self.list)
    }

    /// The condition that one of them wrote the version that a row of an image was.
    pub(super) fn wrote_version(&self, image: &str) -> String {
        format!("{image}.version in ({})", self.list)
    }
}

async fn targets(client: &Client, run: &RunId) -> Result<Vec<KeptTarget>, tokio_postgres::Error> {
    let query = "select table_oid, schema_name, table_name, key, nulls_equal, columns, types,
          inserted, updated, deleted, deletes, image
        from longshore.undo_target where run_id = $1 order by target";
    let rows = client.query_typed(query, &[(&run.as_str(), Type::TEXT)]).await?;
    let target = |row: &tokio_postgres::Row| {
        let count = |column: usize| row.try_get::<_, i64>(column).map(i64::cast_unsigned);
        Ok(KeptTarget {
            table_oid: row.try_get(0)?,
            table: TableName { schema: row.try_get(1)?, name: row.try_get(2)? },
            key: row.try_get(3)?,
            nulls_equal: row.try_get(4)?,
            columns: row.try_get(5)?,
            types: row.try_get(6)?,
            written: Written {
                inserted: count(7)?,
                updated: count(8)?,
                deleted: count(9)?,
                deletes: Deletes::named(row.try_get(10)?),
            },
            image: row.try_get(11)?,
        })
    };
    rows.iter().map(target).collect()
}
