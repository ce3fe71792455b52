//! Publishing on trial: finds the rows that only writing them shows to be refused.
//!
//! Triggers, row-level policies, a partition's own constraints, values that are known only when
//! they are written: no query foretells them. So where a table has such, its rows are written
//! as publishing will write them, and all is rolled back (see [`trial`]). Each row that the table
//! does not take becomes a rejection, the others stay. So does each order to delete a row that
//! the table does not let go. A table without any of this is not rehearsed.

mod late;
mod objection;
mod trial;

use tokio_postgres::{Client, types::Type};

use self::{objection::Offender, trial::Trial};
use super::statements::Statements;
use crate::{
    error::Result,
    load::{LoadMode, LoadTarget, deletes_first},
    postgres::{
        judge::{Place, has_unknown},
        partitions,
        references::check_late,
        session::{TRANSACTION_SETTINGS, database_error},
        sql::own_rows,
        staging::{ORDINAL, Staging},
        tenant::and_tenant,
    },
    schema::RelationKind,
};

const DOING: &str = "rehearse publishing";

/// Rehearses the targets if they may refuse rows, or are known to (`refused`); whether any row
/// was refused, which is then noted as rejected.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses for another reason than a row.
pub(in crate::postgres) async fn rehearse(
    client: &Client,
    staging: &Staging,
    loads: &[LoadTarget],
    (place, refused): (Place, bool),
) -> Result<bool> {
    let mut needed = refused;
    for load in loads {
        needed = needed || has_unknown(load) || may_refuse(client, load).await?;
    }
    if !needed {
        return Ok(false);
    }
    let failed = |error| database_error(&error, DOING);
    let (begin, end) = match place {
        Place::Alone => {
            let tenant = and_tenant(staging.tenant());
            let begin =
                format!("begin isolation level repeatable read; {TRANSACTION_SETTINGS}{tenant}");
            (begin, "rollback")
        }
        Place::Within => ("savepoint rehearsal".to_owned(), "rollback to savepoint rehearsal"),
    };
    let begin = std::iter::once(begin).chain(check_late(loads)).collect::<Vec<_>>().join("; ");
    client.batch_execute(&begin).await.map_err(failed)?;
    let offenders = find_offenders(client, staging, loads, refused).await;
    let ended = client.batch_execute(end).await;
    let offenders = offenders?;
    ended.map_err(failed)?;
    for offenders in offenders.chunks(1000) {
        let values: Vec<String> = offenders.iter().map(Offender::as_row).collect();
        let insert = format!("insert into {} values {}", staging.excluded(), values.join(", "));
        client.batch_execute(&insert).await.map_err(failed)?;
    }
    Ok(!offenders.is_empty())
}

/// Whether a table has what may refuse a row and cannot be asked before: triggers, rules,
/// row-level policies, constraints and indexes of its partitions alone, references by period, other tables'
/// references to what may change or go. What is about rows that are there says nothing of an
/// empty table.
async fn may_refuse(client: &Client, load: &LoadTarget) -> Result<bool> {
    let query = "with recursive tree as (
          select $1::oid as oid union
          select i.inhrelid from tree join pg_catalog.pg_inherits i on i.inhparent = tree.oid)
        select pg_catalog.row_security_active($1)
          or exists (select from pg_catalog.pg_class c where c.oid = $1 and c.relhasrules)
          or exists (select from pg_catalog.pg_trigger g join tree on tree.oid = g.tgrelid
            where not g.tgisinternal and g.tgenabled <> 'D' and g.tgtype & 4 <> 0)
          or exists (select from pg_catalog.pg_constraint k join tree on tree.oid = k.conrelid
            where k.conrelid <> $1 and k.conislocal and k.coninhcount = 0 and $3)
          or $3 and exists (select from pg_catalog.pg_index i join tree on tree.oid = i.indrelid
            where i.indrelid <> $1 and (i.indexprs is not null or i.indpred is not null)
              and not exists (select from pg_catalog.pg_inherits h where h.inhrelid = i.indexrelid))
          or exists (select from pg_catalog.pg_constraint k
            where k.conrelid = $1 and k.contype = 'f' and (pg_catalog.to_jsonb(k) ->> 'conperiod')::bool),
          exists (select from pg_catalog.pg_trigger g join tree on tree.oid = g.tgrelid
            where not g.tgisinternal and g.tgenabled <> 'D' and (g.tgtype & 16 <> 0 or $4 and g.tgtype & 8 <> 0))
          or exists (select from pg_catalog.pg_constraint k
            join pg_catalog.pg_attribute a on a.attrelid = k.confrelid and a.attnum = any (k.confkey)
            where k.confrelid = $1 and k.contype = 'f' and ($4 or a.attname = any ($2)))";
    let updated: Vec<&str> = match load.mode {
        LoadMode::Append | LoadMode::Insert => Vec::new(),
        _ => {
            let columns = load.columns.iter().enumerate();
            let others = columns.filter(|(index, _)| !load.key.contains(index));
            others.map(|(_, column)| column.column.name.as_str()).collect()
        }
    };
    let partitioned = load.table.kind == RelationKind::Partitioned;
    let ordered = load.mode == LoadMode::Operations;
    let parameters: [(&(dyn postgres_types::ToSql + Sync), Type); 4] = [
        (&load.table.oid, Type::OID),
        (&updated, Type::TEXT_ARRAY),
        (&partitioned, Type::BOOL),
        (&ordered, Type::BOOL),
    ];
    let failed = |error| database_error(&error, "ask what may refuse a row");
    let row = client.query_typed_one(query, &parameters).await.map_err(failed)?;
    let (inserted, updated): (bool, bool) =
        (row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?);
    if inserted || !updated {
        return Ok(inserted);
    }
    let query = format!("select exists (select from {})", own_rows(&load.table));
    let row = client.query_typed_one(&query, &[]).await;
    row.and_then(|row| row.try_get(0)).map_err(failed)
}

async fn has_policies(client: &Client, load: &LoadTarget) -> Result<bool> {
    let query = "select pg_catalog.row_security_active($1)
        and pg_catalog.has_any_column_privilege($1, 'insert')
        and ($2 or pg_catalog.has_any_column_privilege($1, 'update'))";
    let inserts = matches!(load.mode, LoadMode::Append | LoadMode::Insert);
    let parameters: [(&(dyn postgres_types::ToSql + Sync), Type); 2] =
        [(&load.table.oid, Type::OID), (&inserts, Type::BOOL)];
    let row = client.query_typed_one(query, &parameters).await;
    let asked = row.and_then(|row| row.try_get(0));
    asked.map_err(|error| database_error(&error, "ask for policies"))
}

/// Numbers as sequences would give them, which stay as they are: what is drawn from one is gone,
/// rolled back or not.
async fn drawn(
    client: &Client,
    staging: &Staging,
    loads: &[LoadTarget],
    target: usize,
) -> Result<Vec<(String, String)>> {
    let load = &loads[target];
    let query = "select a.attname::text, q.seqrelid::regclass::text, q.seqincrement,
          pg_catalog.pg_sequence_last_value(q.seqrelid), q.seqstart,
          pg_catalog.has_sequence_privilege(q.seqrelid, 'select')
        from pg_catalog.pg_attribute a join pg_catalog.pg_sequence q
          on q.seqrelid = pg_catalog.pg_get_serial_sequence($1::oid::regclass::text, a.attname)::regclass
        where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped and not a.attname = any ($2)
          and pg_catalog.has_sequence_privilege(q.seqrelid, 'usage, select')";
    let loaded: Vec<&str> = load.columns.iter().map(|column| column.column.name.as_str()).collect();
    let parameters: [(&(dyn postgres_types::ToSql + Sync), Type); 2] =
        [(&load.table.oid, Type::OID), (&loaded, Type::TEXT_ARRAY)];
    let failed = |error| database_error(&error, "ask for sequences");
    let all = staging.rehearsed(target);
    // Targets on one table draw one after the other, each for no more rows than it tries.
    let before = loads[..target].iter().enumerate();
    let before: String = before
        .filter(|(_, other)| other.table.oid == load.table.oid)
        .map(|(other, _)| format!(" + (select count(*) from {})", staging.tried(other)))
        .collect();
    let mut drawn = Vec::new();
    for row in client.query_typed(query, &parameters).await.map_err(failed)? {
        let (name, sequence, by): (String, String, i64) = (row.get(0), row.get(1), row.get(2));
        let last = match row.get(3) {
            Some(last) => last,
            None => first_of(client, &sequence, (row.get(5), row.get(4))).await? - by,
        };
        let number = format!("(select r.number from {all} r where r.ordinal = s.{ORDINAL})");
        drawn.push((name, format!("({last} + {by} * ({number}{before}))")));
    }
    Ok(drawn)
}

/// The first number that a sequence will give which has given none: another than the one it was
/// made with where it was restarted, which only the sequence itself knows.
async fn first_of(
    client: &Client,
    sequence: &str,
    (may_be_read, start): (bool, i64),
) -> Result<i64> {
    if !may_be_read {
        return Ok(start);
    }
    let query = format!("select last_value from {sequence}");
    let row = client.query_typed_one(&query, &[]).await;
    row.and_then(|row| row.try_get(0)).map_err(|error| database_error(&error, "read a sequence"))
}

/// Writes all as publishing will, in the same order; to the end of its transaction where
/// something waits for that, or where publishing was `refused` for a reason not seen before.
async fn find_offenders(
    client: &Client,
    staging: &Staging,
    loads: &[LoadTarget],
    refused: bool,
) -> Result<Vec<Offender>> {
    let mut trials = Vec::with_capacity(loads.len());
    partitions::make_inside(client, staging, loads).await?;
    for (target, load) in loads.iter().enumerate() {
        let drawn = drawn(client, staging, loads, target).await?;
        let within = partitions::touched(client, staging, (target, load)).await;
        let within =
            within.map_err(|error| database_error(&error, "ask which partitions are touched"))?;
        let sql = Statements { staging, target, load, any_excluded: true, drawn, within };
        let has_policies = has_policies(client, load).await?;
        trials.push(Box::pin(Trial::open(client, sql, has_policies)).await?);
    }
    let deletes_first = deletes_first(loads);
    if refused || late::has_deferred(client, loads).await? {
        return late::find_offenders(client, staging, (deletes_first, &mut trials)).await;
    }
    let mut offenders = Vec::new();
    if deletes_first {
        for trial in trials.iter_mut().rev() {
            trial.rehearse_removals(&mut offenders, None).await?;
        }
    }
    for trial in &mut trials {
        trial.rehearse_writes(&mut offenders, None).await?;
    }
    if !deletes_first {
        for trial in trials.iter_mut().rev() {
            trial.rehearse_removals(&mut offenders, None).await?;
        }
    }
    Ok(offenders)
}
