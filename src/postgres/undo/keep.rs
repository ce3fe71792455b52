//! Keeping what a publishing transaction is about to replace; all of it inside that transaction.

use std::collections::BTreeSet;

use postgres_types::Type;
use tokio_postgres::Client;

use super::{
    DATABASE, SCHEMA,
    attributes::{Attribute, attributes},
};
use crate::{
    error::{Error, Result},
    load::LoadTarget,
    postgres::{
        session::database_error,
        sql::{qualified, quote_identifier, quote_literal},
    },
    run_id::RunId,
};

/// The rows of one target that a run is about to replace.
pub(in crate::postgres) struct Image<'a> {
    /// The run.
    pub(in crate::postgres) run: &'a RunId,
    /// The target's place in the run.
    pub(in crate::postgres) target: usize,
    /// The target.
    pub(in crate::postgres) load: &'a LoadTarget,
    /// The table that notes what is to happen to each row (`kind`, `table_oid`, `row_id`).
    pub(in crate::postgres) changes: &'a str,
    /// What is known of these rows `t`: which partitions they are in.
    pub(in crate::postgres) within: Option<&'a str>,
    /// The kinds of rows that are updated.
    pub(in crate::postgres) updated: &'a [&'static str],
    /// The kinds of rows that are deleted.
    pub(in crate::postgres) deleted: &'a [&'static str],
}

/// What a run wrote to one target: rows by what happened to them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::postgres) struct Written {
    /// Rows inserted.
    pub(in crate::postgres) inserted: u64,
    /// Rows updated.
    pub(in crate::postgres) updated: u64,
    /// Rows deleted.
    pub(in crate::postgres) deleted: u64,
    /// When rows were deleted.
    pub(in crate::postgres) deletes: Deletes,
}

/// When a run deletes the rows of a target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::postgres) enum Deletes {
    /// Before anything is written to any target.
    First,
    /// Before the other rows of the target are written.
    #[default]
    Between,
    /// After all targets are written.
    Last,
}

impl Deletes {
    /// The word for it in the ledger.
    fn word(self) -> &'static str {
        match self {
            Deletes::First => "first",
            Deletes::Between => "between",
            Deletes::Last => "last",
        }
    }

    /// What a word of the ledger means.
    pub(super) fn named(word: &str) -> Self {
        let all = [Deletes::First, Deletes::Last];
        all.into_iter().find(|one| one.word() == word).unwrap_or_default()
    }
}

impl Written {
    /// The same with what another target on the table wrote.
    fn and(self, other: Self) -> Self {
        Self {
            inserted: self.inserted + other.inserted,
            updated: self.updated + other.updated,
            deleted: self.deleted + other.deleted,
            deletes: if self.deletes == Deletes::Between { other.deletes } else { self.deletes },
        }
    }

    /// Rows that were there before.
    pub(in crate::postgres) fn replaced(&self) -> u64 {
        self.updated + self.deleted
    }
}

/// Copies the rows that are about to be replaced, which must be as many as `replaced`.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses; `ErrorKind::Unexpected` when a row that is
/// replaced is not noted in `changes`.
pub(in crate::postgres) async fn keep_rows(
    client: &Client,
    image: &Image<'_>,
    replaced: u64,
) -> Result<()> {
    let kept = copy_rows(client, image).await;
    let kept = kept.map_err(|error| database_error(&error, "keep what the run replaces"))?;
    if kept == replaced {
        return Ok(());
    }
    let table = &image.load.table.name;
    Err(Error::unexpected(format!(
        "{table}: {replaced} rows were to be replaced, {kept} could be kept for undo"
    )))
}

async fn copy_rows(client: &Client, image: &Image<'_>) -> Result<u64, tokio_postgres::Error> {
    let attributes = attributes(client, image.load.table.oid).await?;
    let columns: String = written(&attributes)
        .map(|attribute| format!(", t.{} as {}", attribute.name, attribute.in_image()))
        .collect();
    let kinds = |kinds: &[&str]| {
        let kinds = kinds.iter().map(|kind| quote_literal(kind));
        // A condition that no row meets, where there are no kinds.
        kinds.chain(["null".to_owned()]).collect::<Vec<_>>().join(", ")
    };
    let (updated, deleted) = (kinds(image.updated), kinds(image.deleted));
    let name = name(image.run, image.target);
    let there = "select to_regclass($1) is not null";
    let there: bool = client.query_typed_one(there, &[(&name, Type::TEXT)]).await?.try_get(0)?;
    let into =
        if there { format!("insert into {name}") } else { format!("create table {name} as") };
    let before = if there { count_rows(client, &name).await? } else { 0 };
    let create = format!(
        "{into}
           select coalesce(c.kind in ({deleted}), false) as deleted, t.xmin::text::bigint as version{columns}
           from {} t join {} c on c.table_oid = t.tableoid and c.row_id = t.ctid
           where (c.kind in ({updated}) or c.kind in ({deleted})) and {}",
        qualified(&image.load.table.name),
        image.changes,
        image.within.unwrap_or("true")
    );
    client.batch_execute(&create).await?;
    Ok(count_rows(client, &name).await? - before)
}

async fn count_rows(client: &Client, name: &str) -> Result<u64, tokio_postgres::Error> {
    let count = format!("select count(*) from {name}");
    Ok(client.query_typed_one(&count, &[]).await?.try_get::<_, i64>(0)?.cast_unsigned())
}

/// The columns that are given back: those that somebody writes.
fn written(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes.iter().filter(|attribute| !attribute.generated)
}

/// The name of an image, qualified and quoted.
fn name(run: &RunId, target: usize) -> String {
    let table = format!("{}_{target}", run.as_str().to_lowercase());
    format!("{SCHEMA}.{}", quote_identifier(&table))
}

/// Notes in the ledger what a run wrote, so that it can be undone for `hours`.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub(in crate::postgres) async fn note_written(
    client: &Client,
    run: &RunId,
    hours: u32,
    targets: &[(&LoadTarget, Written)],
) -> Result<()> {
    let failed = |error| database_error(&error, "keep what the run replaced");
    let insert = format!(
        "insert into longshore.undo (run_id, transaction_id, writers, database, expires_at)
         values ($1, pg_catalog.pg_current_xact_id()::text::bigint, {WRITERS}, {DATABASE}, now() + $2 * interval '1 hour')"
    );
    let hours = f64::from(hours);
    client
        .execute_typed(&insert, &[(&run.as_str(), Type::TEXT), (&hours, Type::FLOAT8)])
        .await
        .map_err(failed)?;
    drop_marks(client, run).await.map_err(failed)?;
    for (target, (load, _)) in targets.iter().enumerate() {
        let same = || targets.iter().enumerate().filter(|(_, it)| it.0.table.oid == load.table.oid);
        // Rows tell by which run they were written, not for which of its targets.
        if same().next().is_some_and(|(first, _)| first == target) {
            let written = same().map(|(_, (_, written))| *written).reduce(Written::and);
            note_target(client, run, target, load, &written.unwrap_or_default())
                .await
                .map_err(failed)?;
        }
    }
    Ok(())
}

/// A statement that also leaves a mark of the transaction it writes by.
///
/// A statement that is guarded has a subtransaction of its own, whose number its rows show and
/// no function tells: a row written beside them shows it too.
pub(in crate::postgres) fn marked(run: &RunId, statement: &str) -> String {
    let run = quote_literal(run.as_str());
    format!("with mark as (insert into longshore.undo_mark values ({run})) {statement}")
}

/// Leaves the mark of the transaction itself, for rows that no guarded statement writes.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub(in crate::postgres) async fn mark(client: &Client, run: &RunId) -> Result<()> {
    let insert = "insert into longshore.undo_mark values ($1)";
    let marked = client.execute_typed(insert, &[(&run.as_str(), Type::TEXT)]).await;
    marked.map(|_| ()).map_err(|error| database_error(&error, "keep what the run replaced"))
}

/// The numbers that a run's marks show, as SQL; `$1` is the run.
pub(super) const WRITERS: &str =
    "array(select distinct m.xmin::text::bigint from longshore.undo_mark m where m.run_id = $1)";

/// The marks are of no use once they are read.
pub(super) async fn drop_marks(client: &Client, run: &RunId) -> Result<(), tokio_postgres::Error> {
    let delete = "delete from longshore.undo_mark where run_id = $1";
    client.execute_typed(delete, &[(&run.as_str(), Type::TEXT)]).await.map(|_| ())
}

async fn note_target(
    client: &Client,
    run: &RunId,
    target: usize,
    load: &LoadTarget,
    written_rows: &Written,
) -> Result<(), tokio_postgres::Error> {
    let attributes = attributes(client, load.table.oid).await?;
    let key = load.key.iter().filter_map(|index| {
        let name = quote_identifier(&load.columns[*index].column.name);
        attributes.iter().find(|attribute| attribute.name == name)
    });
    let key: Vec<i16> = key.map(|attribute| attribute.number).collect();
    let (columns, types): (Vec<i16>, Vec<&str>) =
        written(&attributes).map(|one| (one.number, one.data_type.as_str())).unzip();
    let image = (written_rows.replaced() > 0).then(|| name(run, target));
    let number = i32::try_from(target).unwrap_or(i32::MAX);
    let [inserted, updated, deleted] =
        [written_rows.inserted, written_rows.updated, written_rows.deleted].map(u64::cast_signed);
    let insert = "insert into longshore.undo_target
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
    client
        .execute_typed(
            insert,
            &[
                (&run.as_str(), Type::TEXT),
                (&number, Type::INT4),
                (&load.table.oid, Type::OID),
                (&load.table.name.schema, Type::TEXT),
                (&load.table.name.name, Type::TEXT),
                (&key, Type::INT2_ARRAY),
                (&nulls_equal(load), Type::BOOL),
                (&columns, Type::INT2_ARRAY),
                (&types, Type::TEXT_ARRAY),
                (&inserted, Type::INT8),
                (&updated, Type::INT8),
                (&deleted, Type::INT8),
                (&written_rows.deletes.word(), Type::TEXT),
                (&image, Type::TEXT),
            ],
        )
        .await?;
    Ok(())
}

/// Whether two rows whose keys are NULL in the same columns have the same key.
fn nulls_equal(load: &LoadTarget) -> bool {
    let key: BTreeSet<&str> =
        load.key.iter().map(|index| load.columns[*index].column.name.as_str()).collect();
    load.table.unique_keys.iter().any(|unique| {
        let columns: BTreeSet<&str> = unique.columns.iter().map(String::as_str).collect();
        unique.nulls_not_distinct && columns == key
    })
}
