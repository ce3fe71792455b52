//! One target of a publishing transaction: what is to happen to its rows, and the writing.

use std::slice;

use tokio_postgres::Client;

use super::{
    Failure,
    changes::{self, Changes, Kind},
    failed, guarded, guarded_each,
    held::by_scope,
    indexes::Apart,
    mode::{Effect, Mode, Write, mode},
    references::must_be_free,
    statements::Statements,
    triggers::{Fires, blame},
};
use crate::{
    error::Error,
    failpoint,
    load::LoadTarget,
    postgres::{
        staging::{IS_NEW, ORDINAL},
        undo::{self, Deletes, Image, Written},
    },
    run_id::RunId,
};

/// Publishes the rows of one target, inside the publishing transaction.
pub(super) struct TargetPublisher<'a> {
    pub(super) client: &'a Client,
    pub(super) sql: Statements<'a>,
}

/// What is to happen to the rows of a target.
pub(super) struct Classified {
    pub(super) changes: Changes,
    /// Whether the table of changes has them; else every publishable row is new.
    pub(super) noted: bool,
    pub(super) writes: Vec<Write>,
    /// What deletes rows after all targets are written.
    pub(super) removals: Vec<Write>,
}

impl Classified {
    /// How many rows the statements write, by what they do; `removes_first` tells whether the
    /// removals come before all other writes of the run.
    pub(super) fn written(&self, removes_first: bool) -> Written {
        let rows = |effect| {
            let writes = self.all_writes().filter(|write| write.effect() == effect);
            writes.map(|write| self.changes.sum(write.kinds)).sum()
        };
        Written {
            inserted: rows(Effect::Inserts),
            updated: rows(Effect::Updates),
            deleted: rows(Effect::Deletes),
            deletes: match self.removals.iter().any(Write::deletes) {
                _ if self.changes.of(Kind::Freed) > 0 => Deletes::Between,
                false => Deletes::Between,
                true if removes_first => Deletes::First,
                true => Deletes::Last,
            },
        }
    }

    fn all_writes(&self) -> impl Iterator<Item = &Write> {
        self.writes.iter().chain(&self.removals)
    }

    /// The kinds of rows to which statements do that.
    fn kinds(&self, effect: Effect) -> Vec<&'static str> {
        let writes = self.all_writes().filter(|write| write.effect() == effect);
        writes.flat_map(|write| write.kinds).map(|kind| kind.word()).collect()
    }
}

impl TargetPublisher<'_> {
    /// Says of every row what is to happen to it, and writes nothing to the target.
    /// So many rows are `staged`, where they have been counted.
    pub(super) async fn classify(&self, staged: Option<u64>) -> Result<Classified, Failure> {
        let mode = mode(&self.load().mode);
        self.classified(mode, staged).await.map_err(failed("classify rows"))
    }

    async fn classified(
        &self,
        mode: &dyn Mode,
        staged: Option<u64>,
    ) -> Result<Classified, tokio_postgres::Error> {
        let sql = &self.sql;
        let Some(changes) = foresee(self.client, sql).await? else {
            let changes = Changes::all(Kind::New, self.publishable_rows(staged).await?);
            let writes = vec![Write::everything(sql)];
            return Ok(Classified { changes, noted: false, writes, removals: Vec::new() });
        };
        let (writes, removals) = (mode.writes(sql), mode.removals(sql));
        Ok(Classified { changes, noted: true, writes, removals })
    }

    /// How many rows are written where all of them are new: where none is left out, those staged.
    async fn publishable_rows(&self, staged: Option<u64>) -> Result<u64, tokio_postgres::Error> {
        let sql = &self.sql;
        let all = !sql.any_excluded && sql.rows() == sql.staging.copied(sql.target);
        if let Some(staged) = staged.filter(|_| all) {
            return Ok(staged);
        }
        let query = format!("select count(*) from {} s where {}", sql.rows(), sql.publishable());
        let row = self.client.query_typed_one(&query, &[]).await?;
        Ok(row.try_get::<_, i64>(0)?.cast_unsigned())
    }

    /// What lookups took of new rows is true only while the same rows are new.
    pub(super) async fn must_be_as_identified(
        &self,
        classified: &Classified,
    ) -> Result<(), Failure> {
        let sql = &self.sql;
        if !sql.load.is_identified() {
            return Ok(());
        }
        let identified = sql.staging.identified(sql.target);
        let moved = match classified.noted {
            true => format!(
                "select exists (select from {} c join {identified} s on s.{ORDINAL} = c.ordinal
                 where (c.kind = '{}') <> s.{IS_NEW})",
                sql.changes(),
                Kind::New.word()
            ),
            false => format!(
                "select exists (select from {identified} s where not s.{IS_NEW} and {})",
                sql.publishable()
            ),
        };
        let row = self.client.query_typed_one(&moved, &[]).await;
        if row.and_then(|row| row.try_get(0)).map_err(failed("compare with what was looked up"))? {
            let table = &sql.load.table.name;
            let message = format!(
                "rows of {table} came or went since they were looked up; nothing is published"
            );
            return Err(Error::environment(message)
                .hint("somebody else writes to it: run it again")
                .into());
        }
        Ok(())
    }

    /// Keeps the rows that are to be replaced, before they are, so that the run can be undone.
    pub(super) async fn keep(
        &self,
        run: &RunId,
        image: usize,
        classified: &Classified,
    ) -> Result<(), Failure> {
        let scoped = classified.noted && self.load().mode.deletes();
        if self.load().undo_hours.is_some() && scoped {
            let Statements { staging, target, load, .. } = self.sql;
            let query = by_scope(staging, target, load);
            undo::keep_scopes(self.client, (run, target), &query).await?;
        }
        let replaced = classified.written(false).replaced();
        if self.load().undo_hours.is_none() || replaced == 0 {
            return Ok(());
        }
        let Statements { load, .. } = self.sql;
        let image = Image {
            run,
            target: image,
            load,
            changes: &self.sql.changes(),
            within: self.sql.within.as_deref(),
            updated: &classified.kinds(Effect::Updates),
            deleted: &classified.kinds(Effect::Deletes),
        };
        Ok(undo::keep_rows(self.client, &image, replaced).await?)
    }

    /// Writes what is not a removal; into a table without indexes more simply.
    pub(super) async fn fill(
        &self,
        run: &RunId,
        classified: &Classified,
        apart: Option<&Apart>,
    ) -> Result<(), Failure> {
        let changes = &classified.changes;
        if apart.is_some_and(|apart| apart.all) {
            let insert = Write::new(&[Kind::New], self.sql.insert_all_unindexed());
            return self.write(run, changes, &[insert]).await;
        }
        self.write(run, changes, &classified.writes).await
    }

    /// Writes what was classified; the server must have written exactly that.
    pub(super) async fn write(
        &self,
        run: &RunId,
        changes: &Changes,
        writes: &[Write],
    ) -> Result<(), Failure> {
        for write in writes {
            let planned = changes.sum(write.kinds);
            if planned == 0 {
                continue;
            }
            if let (true, [kind]) = (write.deletes(), write.kinds) {
                must_be_free(self.client, &self.sql, *kind).await?;
            }
            let statement = match self.load().undo_hours {
                Some(_) => undo::marked(run, &write.sql),
                None => write.sql.clone(),
            };
            let written = match &write.rows {
                Some(rows) => guarded_each(self.client, (rows, &statement), "publish").await,
                None => guarded(self.client, &statement, "publish").await,
            };
            let written = match written {
                Ok(written) => written,
                Err(failure) => {
                    let (loads, fires) = (slice::from_ref(self.load()), write.effect());
                    let fires = Fires::PerStatement(fires);
                    return Err(blame(self.client, failure, loads, fires).await);
                }
            };
            must_agree(self.load(), write.kinds, planned, written)?;
            failpoint::hit("publish.statement")?;
        }
        Ok(())
    }

    fn load(&self) -> &LoadTarget {
        self.sql.load
    }
}

/// Notes of every row what is to happen to it; `None` where every row is new.
pub(in crate::postgres) async fn foresee(
    client: &Client,
    sql: &Statements<'_>,
) -> Result<Option<Changes>, tokio_postgres::Error> {
    let mode = mode(&sql.load.mode);
    let Some(query) = mode.classify(sql) else { return Ok(None) };
    if mode.fills_empty_table() && target_is_empty(client, sql).await? {
        return Ok(None);
    }
    Ok(Some(changes::note(client, &sql.changes(), &query).await?))
}

/// Of a partitioned table only the part matters in which a row of the run can be.
async fn target_is_empty(
    client: &Client,
    sql: &Statements<'_>,
) -> Result<bool, tokio_postgres::Error> {
    let within = sql.within.as_deref().unwrap_or("true");
    let query = format!("select not exists (select from {} t where {within})", sql.table());
    client.query_typed_one(&query, &[]).await?.try_get(0)
}

/// A trigger or a row-level policy can swallow writes without an error.
fn must_agree(
    load: &LoadTarget,
    kinds: &[Kind],
    planned: u64,
    written: u64,
) -> Result<(), Failure> {
    if planned == written {
        return Ok(());
    }
    let kinds = kinds.iter().map(|kind| kind.word()).collect::<Vec<_>>().join(" or ");
    let message = format!(
        "{}: {planned} {kinds} rows were to be written, the server wrote {written}",
        load.table.name
    );
    Err(Error::environment(message)
        .hint("a trigger or a row-level policy keeps rows from being written")
        .into())
}
