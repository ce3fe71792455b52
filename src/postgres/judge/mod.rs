//! Judges staged rows by what only the database can evaluate, before publishing.
//!
//! Computed columns, `[[target.check]]`, `unique`, duplicate keys and the
//! table's own constraints are evaluated set-wise. Each offender becomes a row
//! in the run's `excluded` table; nothing here touches a target. A record that
//! is rejected for one target is published in none: a record goes in whole or
//! not at all. What no query can foretell (triggers, row-level policies) shows
//! in a rehearsal of publishing, which is rolled back.

mod checks;
mod duplicates;
mod exclusions;
mod filled;
mod foreign_keys;
mod history;
mod kept;
mod keys;
mod lookups;
mod ordered;
mod records;
mod unique;

pub(super) use filled::has_unknown;
pub use keys::bytes_tell_keys_apart;

use tokio_postgres::Client;

use super::{
    caught::{Attempt, Refused, attempt_alone},
    publish::rehearse::rehearse,
    session::{database_error, with_settings},
    sql::{quote_identifier, quote_literal},
    staging::{DELETES, ORDINAL, Staging, has_computed},
};
use crate::{
    error::{Error, Result},
    failpoint,
    load::{LoadMode, LoadTarget},
    outcome::Position,
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

/// Judges every target of a run; afterwards `excluded` is complete.
///
/// `keys_differ` says per target whether no two staged rows have the same bytes as their key.
/// Where equal keys have equal bytes, there is then no duplicate to look for.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses; `ErrorKind::Definition`
/// when SQL of the definition cannot be evaluated at all.
pub async fn judge(
    client: &Client,
    staging: &Staging,
    loads: &[LoadTarget],
    keys_differ: &[bool],
) -> Result<()> {
    for (target, load) in loads.iter().enumerate() {
        let judge = Judge { client, staging, target, load };
        judge.analyze_key().await?;
        judge.look_up().await?;
        judge.compute_columns().await?;
        judge.check_computed_nulls().await?;
        judge.check_moments().await?;
        judge.check_conditions().await?;
        judge.fill().await?;
        judge.check_constraints().await?;
        judge.check_partitions().await?;
        failpoint::hit("judge.target")?;
    }
    records::reject_whole(client, staging, loads).await?;
    // Uniqueness comes last: a record that is rejected anyway is nobody's duplicate.
    for (target, load) in loads.iter().enumerate() {
        let judge = Judge { client, staging, target, load };
        judge.check_unique_columns().await?;
        if !(keys_differ.get(target) == Some(&true) && bytes_tell_keys_apart(client, load).await?) {
            judge.settle_duplicates().await?;
        }
        judge.check_unique_constraints().await?;
        judge.check_exclusions().await?;
    }
    settle(client, staging, loads).await?;
    if rehearse(client, staging, loads).await? {
        settle(client, staging, loads).await?;
    }
    Ok(())
}

/// What follows from the rejections so far.
async fn settle(client: &Client, staging: &Staging, loads: &[LoadTarget]) -> Result<()> {
    reject_orphans(client, staging, loads).await?;
    analyze_excluded(client, staging).await?;
    for (target, load) in loads.iter().enumerate() {
        Judge { client, staging, target, load }.keep_rejected().await?;
    }
    Ok(())
}

/// A rejected row may be the one that others refer to, so this goes on until nothing changes.
async fn reject_orphans(client: &Client, staging: &Staging, loads: &[LoadTarget]) -> Result<()> {
    loop {
        let mut found = records::reject_whole(client, staging, loads).await?;
        for (target, load) in loads.iter().enumerate() {
            let judge = Judge { client, staging, target, load };
            found |= judge.check_foreign_keys(loads).await?;
            found |= judge.check_ordered_deletions(loads).await?;
        }
        if !found {
            return Ok(());
        }
    }
}

fn failed(doing: &'static str) -> impl Fn(tokio_postgres::Error) -> Error {
    move |error| database_error(&error, doing)
}

/// The rejections, in source order.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn staged_rejections(client: &Client, staging: &Staging) -> Result<Vec<StagedRejection>> {
    let query = format!(
        "select target, ordinal, code, column_name, message, other_ordinal, other_key from {} where kind = 'rejected'
           and code <> '{}' order by ordinal, target, code, column_name",
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
    let query = format!("select count(*) from {rows} s where not ({})", not_rejected(staging));
    let row = client.query_typed_one(&query, &[]).await.map_err(failed("count rejections"))?;
    Ok(row.get::<_, i64>(0).cast_unsigned())
}

fn staged_rejection(row: &tokio_postgres::Row) -> StagedRejection {
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

async fn analyze_excluded(client: &Client, staging: &Staging) -> Result<()> {
    let analyzed =
        client.batch_execute(&with_settings(&format!("analyze {}", staging.excluded()))).await;
    analyzed.map_err(|error| database_error(&error, "analyse rejections"))
}

/// The condition that row `s` has not been rejected.
pub(super) fn not_rejected(staging: &Staging) -> String {
    not_rejected_as(staging, "s")
}

fn not_rejected_as(staging: &Staging, row: &str) -> String {
    let excluded = staging.excluded();
    format!(
        "not exists (select from {excluded} e where e.ordinal = {row}.{ORDINAL} and e.kind = 'rejected')"
    )
}

/// The code where a generated column cannot be computed: nothing that needs it can be judged.
const GENERATED: &str = "constraint.generated";

/// The condition that SQL of the definition can be evaluated for row `s`. Rows that broke
/// other rules are judged on: their owner gets everything that is wrong with them.
fn can_be_evaluated(staging: &Staging) -> String {
    let excluded = staging.excluded();
    format!(
        "not exists (select from {excluded} e where e.ordinal = s.{ORDINAL} and e.code in ('sql.error', '{GENERATED}'))"
    )
}

struct Judge<'a> {
    client: &'a Client,
    staging: &'a Staging,
    target: usize,
    load: &'a LoadTarget,
}

impl Judge<'_> {
    fn rows(&self) -> String {
        self.staging.rows(self.target, self.load)
    }

    /// The condition that row `s` is to be written, and has to be what rows must be: of one
    /// that is to be deleted nothing is known but its key.
    fn is_written(&self) -> String {
        self.is_written_as("s")
    }

    fn is_written_as(&self, row: &str) -> String {
        match self.load.mode {
            LoadMode::Operations => format!("not {row}.{DELETES}"),
            _ => "true".to_owned(),
        }
    }

    fn unless_deleted(&self, sql: &str) -> String {
        match self.load.mode {
            LoadMode::Operations => format!("case when not s.{DELETES} then {sql} end"),
            _ => sql.to_owned(),
        }
    }

    /// Staging is gone before autovacuum would look at it; without statistics of the key the
    /// planner takes millions of rows for a thousand.
    async fn analyze_key(&self) -> Result<()> {
        let name = |index: &usize| quote_identifier(&self.load.columns[*index].column.name);
        let staged = self.load.key.iter().filter(|index| self.load.columns[**index].is_staged());
        let columns: Vec<String> =
            std::iter::once(ORDINAL.to_owned()).chain(staged.map(name)).collect();
        let analyze =
            format!("analyze {} ({})", self.staging.copied(self.target), columns.join(", "));
        self.execute(&analyze, "analyse staging").await?;
        Ok(())
    }

    async fn compute_columns(&self) -> Result<()> {
        if !has_computed(self.load) {
            return Ok(());
        }
        let expressions = self.computed_expressions();
        let columns: String =
            expressions.iter().map(|(name, sql)| format!(", {sql} as {name}")).collect();
        let create = format!(
            "create unlogged table {} with (autovacuum_enabled = false) as select s.*{columns} from {} s where {}",
            self.staging.computed(self.target),
            self.staging.before_computed(self.target, self.load),
            can_be_evaluated(self.staging)
        );
        let all: Vec<String> = expressions.into_iter().map(|(_, sql)| sql).collect();
        let rows = self.staging.before_computed(self.target, self.load);
        let failing = Failing { rows: &rows, ..OF_DEFINITION };
        self.run_or_find_offenders(&create, &format!("row({})", all.join(", ")), &failing).await
    }

    /// Computed columns as (quoted name, SQL cast to the column's base type).
    fn computed_expressions(&self) -> Vec<(String, String)> {
        let computed = self.load.columns.iter().filter_map(|column| {
            let sql = column.computed.as_ref()?;
            let name = quote_identifier(&column.column.name);
            let typed = format!("({sql}\n)::{}", column.column.base_type_sql);
            Some((name, self.unless_deleted(&typed)))
        });
        computed.collect()
    }

    async fn check_computed_nulls(&self) -> Result<()> {
        for column in self.load.columns.iter().filter(|c| c.computed.is_some() && c.column.not_null)
        {
            let name = &column.column.name;
            let condition = format!("s.{} is not null", quote_identifier(name));
            let reason = Reason {
                code: "rule.not_null",
                column: name,
                message: "the column does not accept NULL",
            };
            self.reject_unless(&self.rows(), &condition, &reason, &OF_DEFINITION).await?;
        }
        Ok(())
    }

    async fn check_conditions(&self) -> Result<()> {
        for check in &self.load.checks {
            let reason = Reason { code: "rule.check", column: "", message: &check.message };
            let condition = format!("({}\n)", check.sql);
            self.reject_unless(&self.rows(), &condition, &reason, &OF_DEFINITION).await?;
        }
        Ok(())
    }

    /// Rejects the rows for which `condition` is false; NULL passes, as in a CHECK constraint.
    async fn reject_unless(
        &self,
        rows: &str,
        condition: &str,
        reason: &Reason<'_>,
        failing: &Failing<'_>,
    ) -> Result<()> {
        let insert = format!(
            "insert into {} select {}, s.{ORDINAL}, 'rejected', {} from {} s where not {condition} and {} and {}",
            self.staging.excluded(),
            self.target,
            reason.as_columns(),
            rows,
            self.is_written(),
            can_be_evaluated(self.staging)
        );
        self.run_or_find_offenders(&insert, condition, &Failing { rows, ..*failing }).await
    }

    /// Runs a statement that evaluates `expression` for every row. Where a row's values make
    /// it fail (a division by zero, a cast), those rows are found one by one and rejected, and
    /// the statement runs again without them.
    async fn run_or_find_offenders(
        &self,
        statement: &str,
        expression: &str,
        failing: &Failing<'_>,
    ) -> Result<()> {
        let refused = match attempt_alone(self.client, self.staging.tenant(), statement).await? {
            Attempt::Done(_) => return Ok(()),
            Attempt::Refused(refused) => refused,
        };
        if !is_data_fault(refused.code()) {
            return Err(failing.stop(refused));
        }
        let find = self.find_offenders(expression, failing);
        attempt_alone(self.client, self.staging.tenant(), &find).await?.rows(failing.doing)?;
        attempt_alone(self.client, self.staging.tenant(), statement).await?.rows(failing.doing)?;
        Ok(())
    }

    fn find_offenders(&self, expression: &str, failing: &Failing<'_>) -> String {
        let tag = format!("$longshore_{}$", self.staging.run.as_str().to_lowercase());
        format!(
            "do {tag} declare r {rows}%rowtype; begin
               for r in select s.* from {rows} s where {is_written} and {can_be_evaluated} loop
                 begin perform {expression} from (select (r).*) s;
                 exception when others then
                   insert into {excluded} values ({target}, r.{ORDINAL}, 'rejected', '{code}', {column},
                     {what} || ' fails for this record with SQLSTATE ' || sqlstate);
                 end;
               end loop;
             end {tag}",
            is_written = self.is_written(),
            can_be_evaluated = can_be_evaluated(self.staging),
            excluded = self.staging.excluded(),
            target = self.target,
            rows = failing.rows,
            code = failing.code,
            column = quote_literal(failing.column),
            what = quote_literal(failing.what),
        )
    }

    async fn execute(&self, statement: &str, doing: &str) -> Result<u64> {
        attempt_alone(self.client, self.staging.tenant(), statement).await?.rows(doing)
    }
}

/// SQL that is evaluated for every row, and may fail for some.
#[derive(Clone, Copy)]
struct Failing<'a> {
    /// The table whose rows it is evaluated over.
    rows: &'a str,
    code: &'static str,
    column: &'a str,
    /// What it is, for the record's owner.
    what: &'a str,
    doing: &'static str,
}

const OF_DEFINITION: Failing<'static> = Failing {
    rows: "",
    code: "sql.error",
    column: "",
    what: "SQL of the definition",
    doing: "evaluate SQL of the definition",
};

impl Failing<'_> {
    /// The error where no row's values are to blame.
    fn stop(&self, refused: Refused) -> Error {
        let wrong_sql = refused.code().starts_with("42") && self.what == OF_DEFINITION.what;
        let described = refused.into_error(self.doing);
        if !wrong_sql {
            return described;
        }
        Error::definition("SQL of the definition does not fit the staged columns")
            .caused_by(described)
            .hint("`longshore check` with the database shows which one")
    }
}

struct Reason<'a> {
    code: &'static str,
    column: &'a str,
    message: &'a str,
}

impl Reason<'_> {
    fn as_columns(&self) -> String {
        format!("'{}', {}, {}", self.code, quote_literal(self.column), quote_literal(self.message))
    }
}

/// Class 22 is "data exception"; 23 is a domain's check in a cast; 2F and P0001 come from functions.
fn is_data_fault(code: &str) -> bool {
    ["22", "23", "2F", "P0"].iter().any(|class| code.starts_with(class))
}
