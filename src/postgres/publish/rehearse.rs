//! Publishing on trial: finds the rows that only writing them shows to be refused.
//!
//! Triggers, row-level policies, a partition's own constraints, values that are known only when
//! they are written: no query foretells them. So where a table has such, its rows are written
//! as publishing will write them, and all is rolled back. What is refused is halved until the
//! rows are found that the table does not take; each becomes a rejection, the others stay. A
//! table without any of this is not rehearsed.

use tokio_postgres::{Client, types::Type};

use super::{
    changes::{self, Kind},
    mode::{Write, mode},
    statements::Statements,
};
use crate::{
    error::{Error, Result},
    load::{LoadMode, LoadTarget},
    postgres::{
        caught::{Attempt, Refused, attempt},
        judge::has_unknown,
        partitions,
        session::{TRANSACTION_SETTINGS, database_error},
        sql::quote_literal,
        staging::{ORDINAL, Staging},
        tenant::and_tenant,
    },
    schema::RelationKind,
};

/// How many rows may be refused one by one: each takes a millisecond or more to find.
const OFFENDERS_MAX: usize = 20_000;

/// Rehearses the targets that may refuse rows; whether any row was refused, which is then
/// noted as rejected.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses for another reason than a row.
pub(in crate::postgres) async fn rehearse(
    client: &Client,
    staging: &Staging,
    loads: &[LoadTarget],
) -> Result<bool> {
    let mut needed = false;
    for load in loads {
        needed |= has_unknown(load) || may_refuse(client, load).await?;
    }
    if !needed {
        return Ok(false);
    }
    let failed = |error| database_error(&error, "rehearse publishing");
    let tenant = and_tenant(staging.tenant());
    let begin = format!("begin isolation level repeatable read; {TRANSACTION_SETTINGS}{tenant}");
    client.batch_execute(&begin).await.map_err(failed)?;
    let offenders = find_offenders(client, staging, loads).await;
    let ended = client.batch_execute("rollback").await;
    let offenders = offenders?;
    ended.map_err(failed)?;
    if offenders.is_empty() {
        return Ok(false);
    }
    let values: Vec<String> = offenders.iter().map(Offender::as_row).collect();
    let insert = format!("insert into {} values {}", staging.excluded(), values.join(", "));
    client.batch_execute(&insert).await.map_err(failed)?;
    Ok(true)
}

/// Whether a table has what may refuse a row and cannot be asked before: triggers, rules,
/// row-level policies, constraints of its partitions alone, other tables' references to what
/// may change.
async fn may_refuse(client: &Client, load: &LoadTarget) -> Result<bool> {
    let query = "with recursive tree as (
          select $1::oid as oid union
          select i.inhrelid from tree join pg_catalog.pg_inherits i on i.inhparent = tree.oid)
        select pg_catalog.row_security_active($1)
          or exists (select from pg_catalog.pg_class c where c.oid = $1 and c.relhasrules)
          or exists (select from pg_catalog.pg_trigger g join tree on tree.oid = g.tgrelid
            where not g.tgisinternal and g.tgenabled <> 'D' and g.tgtype & 20 <> 0)
          or exists (select from pg_catalog.pg_constraint k join tree on tree.oid = k.conrelid
            where k.conrelid <> $1 and k.conislocal and k.coninhcount = 0 and $3)
          or exists (select from pg_catalog.pg_constraint k
            join pg_catalog.pg_attribute a on a.attrelid = k.confrelid and a.attnum = any (k.confkey)
            where k.confrelid = $1 and k.contype = 'f' and a.attname = any ($2))";
    let updated: Vec<&str> = match load.mode {
        LoadMode::Append | LoadMode::Insert => Vec::new(),
        _ => {
            let columns = load.columns.iter().enumerate();
            let others = columns.filter(|(index, _)| !load.key.contains(index));
            others.map(|(_, column)| column.column.name.as_str()).collect()
        }
    };
    let partitioned = load.table.kind == RelationKind::Partitioned;
    let parameters: [(&(dyn postgres_types::ToSql + Sync), Type); 3] =
        [(&load.table.oid, Type::OID), (&updated, Type::TEXT_ARRAY), (&partitioned, Type::BOOL)];
    let row = client.query_typed_one(query, &parameters).await;
    let asked = row.and_then(|row| row.try_get(0));
    asked.map_err(|error| database_error(&error, "ask what may refuse a row"))
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
    target: usize,
    load: &LoadTarget,
) -> Result<Vec<(String, String)>> {
    let query = "select a.attname::text, q.seqincrement,
          coalesce(pg_catalog.pg_sequence_last_value(q.seqrelid), q.seqstart - q.seqincrement)
        from pg_catalog.pg_attribute a join pg_catalog.pg_sequence q
          on q.seqrelid = pg_catalog.pg_get_serial_sequence($1::oid::regclass::text, a.attname)::regclass
        where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped and not a.attname = any ($2)
          and pg_catalog.has_sequence_privilege(q.seqrelid, 'usage, select')";
    let loaded: Vec<&str> = load.columns.iter().map(|column| column.column.name.as_str()).collect();
    let parameters: [(&(dyn postgres_types::ToSql + Sync), Type); 2] =
        [(&load.table.oid, Type::OID), (&loaded, Type::TEXT_ARRAY)];
    let failed = |error| database_error(&error, "ask for sequences");
    let rows = client.query_typed(query, &parameters).await.map_err(failed)?;
    let number = |row: &tokio_postgres::Row| {
        let (name, by, last): (String, i64, i64) = (row.get(0), row.get(1), row.get(2));
        let all = staging.rehearsed(target);
        let number = format!("(select r.number from {all} r where r.ordinal = s.{ORDINAL})");
        (name, format!("({last} + {by} * {number})"))
    };
    Ok(rows.iter().map(number).collect())
}

/// A row that the table does not take.
struct Offender {
    target: usize,
    ordinal: i64,
    code: &'static str,
    column: String,
    message: String,
}

impl Offender {
    fn as_row(&self) -> String {
        format!(
            "({}, {}, 'rejected', '{}', {}, {})",
            self.target,
            self.ordinal,
            self.code,
            quote_literal(&self.column),
            quote_literal(&self.message)
        )
    }
}

async fn find_offenders(
    client: &Client,
    staging: &Staging,
    loads: &[LoadTarget],
) -> Result<Vec<Offender>> {
    let mut offenders = Vec::new();
    partitions::make_inside(client, staging, loads).await?;
    for (target, load) in loads.iter().enumerate() {
        let drawn = drawn(client, staging, target, load).await?;
        let sql = Statements { staging, target, load, any_excluded: true, drawn, within: None };
        let has_policies = has_policies(client, load).await?;
        let offenders = &mut offenders;
        let mut rehearsal = Rehearsal { client, sql, offenders, has_policies, indexed: false };
        rehearsal.rehearse().await?;
    }
    Ok(offenders)
}

/// One target on trial, inside the transaction that is rolled back.
struct Rehearsal<'a> {
    client: &'a Client,
    sql: Statements<'a>,
    offenders: &'a mut Vec<Offender>,
    /// Whether row-level policies hold for the role, which may otherwise write to the table.
    has_policies: bool,
    /// Whether parts of the rows can be found quickly.
    indexed: bool,
}

impl Rehearsal<'_> {
    async fn rehearse(&mut self) -> Result<()> {
        let mode = mode(&self.sql.load.mode);
        let (query, writes) = match mode.classify(&self.sql) {
            Some(query) => (query, mode.writes(&self.sql)),
            None => {
                let all_new = format!(
                    "select 'new' as kind, s.{ORDINAL} as ordinal, null::oid as table_oid, null::tid as row_id
                     from {} s where {}",
                    self.sql.rows(),
                    self.sql.publishable()
                );
                (all_new, vec![Write { kinds: &[Kind::New], sql: self.sql.insert_new() }])
            }
        };
        let noted = changes::note(self.client, &self.sql.changes(), &query).await;
        noted.map_err(|error| database_error(&error, "classify rows"))?;
        self.run(&self.keep_all()).await?;
        for write in &writes {
            self.rehearse_write(write).await?;
        }
        Ok(())
    }

    /// All changes, numbered; `changes` then has those that are tried.
    fn keep_all(&self) -> String {
        let changes = self.sql.changes();
        format!(
            "create unlogged table {0} as select *, row_number() over (order by ordinal) as number from {changes};
             create index on {0} (number); create index on {0} (ordinal); analyze {0}",
            self.all()
        )
    }

    fn all(&self) -> String {
        self.sql.staging.rehearsed(self.sql.target)
    }

    /// Halves what is refused until single rows are left. Rows refused for want of a row they
    /// refer to are tried again as long as others come in.
    async fn rehearse_write(&mut self, write: &Write) -> Result<()> {
        let mut waiting = vec![(0, i64::MAX)];
        let mut orphans: Vec<(i64, Refused)> = Vec::new();
        loop {
            let mut written = false;
            while let Some((from, to)) = waiting.pop() {
                let Some((from, to, ordinal)) = self.select(write, from, to).await? else {
                    continue;
                };
                let refused = match self.try_selected(write).await? {
                    None => {
                        written = true;
                        continue;
                    }
                    Some(refused) => refused,
                };
                match refused {
                    Objection::Of(refused) if from == to && refused.code() == "23503" => {
                        orphans.push((from, refused));
                    }
                    objection if from == to => self.note(ordinal, objection)?,
                    _ => {
                        self.index().await?;
                        let middle = from + (to - from) / 2;
                        waiting.extend([(middle + 1, to), (from, middle)]);
                    }
                }
            }
            if orphans.is_empty() || !written {
                break;
            }
            waiting.extend(orphans.drain(..).map(|(number, _)| (number, number)));
        }
        for (number, refused) in orphans {
            if let Some((_, _, ordinal)) = self.select(write, number, number).await? {
                self.note(ordinal, Objection::Of(refused))?;
            }
        }
        Ok(())
    }

    /// Puts a range of changes into `changes`; its ends and its first ordinal, `None` where
    /// there is nothing for this statement.
    async fn select(
        &self,
        write: &Write,
        from: i64,
        to: i64,
    ) -> Result<Option<(i64, i64, Option<i64>)>> {
        let (all, changes) = (self.all(), self.sql.changes());
        let kinds: Vec<String> =
            write.kinds.iter().map(|kind| quote_literal(kind.word())).collect();
        let condition =
            format!("kind in ({}) and number between {from} and {to}", kinds.join(", "));
        self.run(&format!(
            "truncate {changes}; insert into {changes} (kind, ordinal, table_oid, row_id)
               select kind, ordinal, table_oid, row_id from {all} where {condition}"
        ))
        .await?;
        let query =
            format!("select min(number), max(number), min(ordinal) from {all} where {condition}");
        let failed = |error| database_error(&error, "rehearse publishing");
        let row = self.client.query_typed_one(&query, &[]).await.map_err(failed)?;
        let ends: (Option<i64>, Option<i64>) = (row.get(0), row.get(1));
        Ok(if let (Some(from), Some(to)) = ends { Some((from, to, row.get(2))) } else { None })
    }

    async fn try_selected(&self, write: &Write) -> Result<Option<Objection>> {
        let count = format!("select count(*) from {}", self.sql.changes());
        let failed = |error| database_error(&error, "rehearse publishing");
        let row = self.client.query_typed_one(&count, &[]).await.map_err(failed)?;
        let planned: i64 = row.get(0);
        Ok(match attempt(self.client, &write.sql).await? {
            Attempt::Done(written) if written == planned.cast_unsigned() => None,
            Attempt::Done(_) => Some(Objection::Swallowed),
            Attempt::Refused(refused) if is_about_a_row(&refused, self.has_policies) => {
                Some(Objection::Of(refused))
            }
            Attempt::Refused(refused) => return Err(refused.into_error("rehearse publishing")),
        })
    }

    /// Parts of millions of rows are found by index; the whole needs none.
    async fn index(&mut self) -> Result<()> {
        if self.indexed {
            return Ok(());
        }
        self.indexed = true;
        self.run(&format!("create index on {} ({ORDINAL})", self.sql.rows())).await
    }

    fn note(&mut self, ordinal: Option<i64>, objection: Objection) -> Result<()> {
        let Some(ordinal) = ordinal else {
            // A row that goes has no record to reject.
            return Err(match objection {
                Objection::Of(refused) => refused.into_error("delete a row"),
                Objection::Swallowed => Error::environment("a row could not be deleted")
                    .hint("a trigger or a row-level policy keeps it"),
            });
        };
        if self.offenders.len() == OFFENDERS_MAX {
            let message = format!(
                "{} refuses more than {OFFENDERS_MAX} rows by triggers, policies or the like",
                self.sql.load.table.name
            );
            return Err(Error::environment(message)
                .hint("nothing is published; look at the first rows, or at the role's policies"));
        }
        let (code, column, message) = objection.described();
        self.offenders.push(Offender { target: self.sql.target, ordinal, code, column, message });
        Ok(())
    }

    async fn run(&self, statements: &str) -> Result<()> {
        let done = self.client.batch_execute(statements).await;
        done.map_err(|error| database_error(&error, "rehearse publishing"))
    }
}

/// Why a table does not take a row.
enum Objection {
    Of(Refused),
    /// The statement went through and did not write the row.
    Swallowed,
}

impl Objection {
    /// Code, column and message of the rejection.
    fn described(self) -> (&'static str, String, String) {
        let Objection::Of(refused) = self else {
            let message = "a trigger or a row-level policy keeps the row from being written";
            return ("constraint.refused", String::new(), message.to_owned());
        };
        let code = refused.code().to_owned();
        let refusal = refused.refusal;
        let column = refusal.column.unwrap_or_default();
        let named = |what: &str| match &refusal.constraint {
            Some(name) => format!("{what} `{name}`"),
            None => what.to_owned(),
        };
        let (rejection, message) = match code.as_str() {
            "23502" => ("rule.not_null", "the column does not accept NULL".to_owned()),
            "23503" => ("constraint.foreign_key", named("the row breaks the foreign key")),
            "23505" => {
                ("constraint.unique", named("another row has the same values: unique constraint"))
            }
            "23P01" => (
                "constraint.exclusion",
                named("another row stands against it: exclusion constraint"),
            ),
            "23514" if refusal.constraint.is_none() => {
                ("constraint.partition", "no partition of the table takes it".to_owned())
            }
            "23514" => ("constraint.check", named("the row breaks the constraint")),
            "42501" => (
                "constraint.policy",
                "a row-level policy of the table does not allow it".to_owned(),
            ),
            _ => {
                let message = "a trigger or function of the table refuses the row";
                ("constraint.refused", format!("{message} with SQLSTATE {code}"))
            }
        };
        (rejection, column, message)
    }
}

/// Whether a row's values are to blame. 42501 is a policy's as well as a missing privilege's.
fn is_about_a_row(refused: &Refused, has_policies: bool) -> bool {
    let class = refused.code().get(..2).unwrap_or_default();
    ["22", "23", "2F", "38", "39", "44", "P0"].contains(&class)
        || (has_policies && refused.code() == "42501")
}
