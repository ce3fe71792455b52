//! Judges staged rows by what only the database can evaluate, before publishing.
//!
//! Computed columns, `[[target.check]]`, `unique`, duplicate keys and the
//! table's own constraints are evaluated set-wise. Each offender becomes a row
//! in the run's `excluded` table; nothing here touches a target. A record that
//! is rejected for one target is published in none: a record goes in whole or
//! not at all. What no query can foretell (triggers, row-level policies) shows
//! in a rehearsal of publishing, which is rolled back.

mod again;
mod checks;
mod clashes;
mod duplicates;
mod exclusive;
mod failing;
mod filled;
mod foreign_keys;
mod history;
mod identified;
mod kept;
mod keys;
mod lookups;
mod merged;
mod ordered;
mod outlook;
mod records;
mod rejections;
mod rows;
mod set_rules;
mod takes;
mod warnings;

pub use again::judge_again;
pub(super) use again::objections;
pub(super) use duplicates::MERGED;
pub(super) use filled::has_unknown;
pub use keys::bytes_tell_keys_apart;
pub(super) use merged::count_merged;
pub(super) use outlook::Outlook;
pub use rejections::{Other, StagedRejection, rejected_rows, staged_rejections};
pub(super) use takes::changes_hands;
pub use warnings::staged_warnings;

use failing::{Failing, OF_DEFINITION};
use merged::Followed;
use rows::Rows;
use set_rules::Look;

use tokio_postgres::Client;

use super::{
    caught::{Attempt, attempt, attempt_alone, attempt_evaluating},
    publish::rehearse::rehearse,
    session::{database_error, with_settings},
    sql::{quote_identifier, quote_literal},
    staging::{DELETES, ORDINAL, Staging, has_computed},
};
use crate::{
    error::{Error, Result},
    failpoint,
    load::{LoadMode, LoadTarget},
};

/// Where the values come from that are drawn ahead for new rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drawing {
    /// From the sequences themselves.
    Real,
    /// Counted on from where sequences stand, which stay as they are: nothing will be written.
    Foretold,
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
    drawing: Drawing,
) -> Result<()> {
    if loads.is_empty() {
        return Ok(());
    }
    let judge = Judge::new(client, staging, (loads, 0), Place::Alone);
    for target in 0..loads.len() {
        let judge = judge.of(target);
        let differ = keys_differ.get(target) == Some(&true);
        judge.analyze_key().await?;
        judge.merge().await?;
        let differ = differ && bytes_tell_keys_apart(client, judge.load).await?;
        judge.identify(drawing, differ).await?;
    }
    for target in 0..loads.len() {
        let judge = judge.of(target);
        judge.follow_merged().await?;
        judge.look_up().await?;
        judge.compute_columns().await?;
        judge.check_computed_nulls().await?;
        judge.check_moments().await?;
        judge.check_conditions().await?;
        judge.check_rows().await?;
        failpoint::hit("judge.target")?;
    }
    records::reject_whole(&judge, loads).await?;
    merged::follow(&judge).await?;
    // Uniqueness comes last: a record that is rejected anyway is nobody's duplicate.
    for target in 0..loads.len() {
        let judge = judge.of(target);
        judge.check_unique_columns().await?;
        if !(keys_differ.get(target) == Some(&true)
            && bytes_tell_keys_apart(client, judge.load).await?)
        {
            judge.follow_merged().await?;
            judge.settle_duplicates().await?;
        }
    }
    // Boxed, since a future holds those it waits for, and threads have small stacks.
    Box::pin(settle(&judge, loads)).await?;
    let mut look = Look::First;
    loop {
        let before = judge.count_rejected(loads).await?;
        Box::pin(check_rows_together(&judge, loads, look)).await?;
        let found = judge.count_rejected(loads).await? != before;
        if look != Look::First && !found {
            return Ok(());
        }
        if found {
            Box::pin(settle(&judge, loads)).await?;
        }
        if Box::pin(rehearse(client, staging, loads, (Place::Alone, false))).await? {
            Box::pin(settle(&judge, loads)).await?;
        }
        // Who is rejected keeps its row in the table: rules have not seen that yet.
        if judge.count_rejected(loads).await? == before {
            return Ok(());
        }
        look = Look::AfterRejections;
    }
}

/// Judges by rules on rows together; whether there are any.
async fn check_rows_together(judge: &Judge<'_>, loads: &[LoadTarget], look: Look) -> Result<bool> {
    for (target, load) in loads.iter().enumerate() {
        let judge = Judge { target, load, ..*judge };
        Box::pin(judge.check_set_rules(loads, look)).await?;
    }
    Ok(has_set_rules(loads))
}

fn has_set_rules(loads: &[LoadTarget]) -> bool {
    loads.iter().any(|load| !load.set_rules.is_empty())
}

/// What follows from the rejections so far.
async fn settle(judge: &Judge<'_>, loads: &[LoadTarget]) -> Result<()> {
    Box::pin(outlook::settle_all(judge, loads)).await?;
    analyze_excluded(judge.client, judge.staging).await?;
    for (target, load) in loads.iter().enumerate() {
        Judge { target, load, ..*judge }.keep_rejected().await?;
    }
    Ok(())
}

/// A rejected row may be the one that others refer to, so this goes on until nothing changes;
/// what became of it.
async fn reject_orphans(judge: &Judge<'_>, loads: &[LoadTarget]) -> Result<Followed> {
    let mut ever = Followed::default();
    loop {
        let mut found = records::reject_whole(judge, loads).await?;
        let followed = merged::follow(judge).await?;
        ever.renewed |= followed.renewed;
        found |= followed.rejected;
        for (target, load) in loads.iter().enumerate() {
            let judge = Judge { target, load, ..*judge };
            found |= judge.check_lookups().await?;
            found |= judge.check_foreign_keys(loads).await?;
            found |= judge.check_ordered_deletions(loads).await?;
        }
        if !found {
            return Ok(ever);
        }
        ever.rejected = true;
    }
}

fn failed(doing: &'static str) -> impl Fn(tokio_postgres::Error) -> Error {
    move |error| database_error(&error, doing)
}

/// An empty table is not analysed: the planner would take it for empty while it is being filled.
async fn analyze_excluded(client: &Client, staging: &Staging) -> Result<()> {
    let (excluded, failed) = (staging.excluded(), failed("analyse rejections"));
    let query = format!("select exists (select from {excluded})");
    let row = client.query_typed_one(&query, &[]).await.map_err(&failed)?;
    if !row.get::<_, bool>(0) {
        return Ok(());
    }
    let analyze = with_settings(&format!("analyze {excluded}"));
    client.batch_execute(&analyze).await.map_err(failed)
}

/// The condition that row `s` of a target has not been rejected, with its record or alone.
pub(super) fn not_rejected(staging: &Staging, target: usize) -> String {
    not_rejected_as(staging, target, "s")
}

fn not_rejected_as(staging: &Staging, target: usize, row: &str) -> String {
    not_rejected_at(staging, &target.to_string(), &format!("{row}.{ORDINAL}"))
}

/// The same of a target and an ordinal that stand in columns.
fn not_rejected_at(staging: &Staging, target: &str, ordinal: &str) -> String {
    let excluded = staging.excluded();
    format!(
        "not exists (select from {excluded} e where e.ordinal = {ordinal}
           and (e.kind = 'rejected' or (e.kind = 'row' and e.target = {target})))"
    )
}

/// The code where a generated column cannot be computed: nothing that needs it can be judged.
const GENERATED: &str = "constraint.generated";

/// How fine statistics of a key are: of 3,000 rows, which tell few values from many.
const SAMPLES: u32 = 10;

/// The condition that SQL of the definition can be evaluated for row `s`. Rows that broke
/// other rules are judged on: their owner gets everything that is wrong with them.
fn can_be_evaluated(staging: &Staging) -> String {
    let excluded = staging.excluded();
    format!(
        "not exists (select from {excluded} e where e.ordinal = s.{ORDINAL} and e.code in ('sql.error', '{GENERATED}'))"
    )
}

/// Where statements of judging run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Each in a transaction of its own.
    Alone,
    /// In the transaction that is open.
    Within,
}

/// Judges the rows of one target.
#[derive(Clone, Copy)]
pub(super) struct Judge<'a> {
    client: &'a Client,
    staging: &'a Staging,
    /// All targets of the run.
    loads: &'a [LoadTarget],
    target: usize,
    load: &'a LoadTarget,
    place: Place,
    outlook: Outlook,
    /// Whether the target's table is known to hold no row.
    is_empty: bool,
}

impl<'a> Judge<'a> {
    /// A judge of one of the targets, that knows nothing yet of what becomes of rows.
    pub(super) fn new(
        client: &'a Client,
        staging: &'a Staging,
        (loads, target): (&'a [LoadTarget], usize),
        place: Place,
    ) -> Self {
        let load = &loads[target];
        let outlook = Outlook::Unknown;
        Self { client, staging, loads, target, load, place, outlook, is_empty: false }
    }

    /// The same of another target.
    fn of(self, target: usize) -> Self {
        Self { target, load: &self.loads[target], is_empty: false, ..self }
    }

    /// A judge inside the transaction that noted what becomes of rows.
    pub(super) fn of_noted(
        client: &'a Client,
        staging: &'a Staging,
        (target, load): (usize, &'a LoadTarget),
    ) -> Self {
        // It looks at no other target.
        let loads = std::slice::from_ref(load);
        let (place, outlook) = (Place::Within, Outlook::Noted);
        Self { client, staging, loads, target, load, place, outlook, is_empty: false }
    }
}

impl Judge<'_> {
    /// What the table asks of each row by itself.
    async fn check_rows(&self) -> Result<()> {
        self.follow_merged().await?;
        let judge = Judge { is_empty: self.meets_no_row().await?, ..*self };
        judge.fill().await?;
        judge.check_constraints().await?;
        judge.check_indexes().await?;
        judge.check_identities().await?;
        judge.check_partitions().await
    }

    /// See [`merged::follow`]: before rows that records share are judged.
    async fn follow_merged(&self) -> Result<()> {
        if self.load.is_merged {
            merged::follow(self).await?;
        }
        Ok(())
    }

    /// Runs a statement that rejects rows; whether there were any. Who looks for others next, that
    /// are gone, has to know who brings shared rows.
    async fn rejects(&self, statement: &str, doing: &str) -> Result<bool> {
        let found = self.execute(statement, doing).await? > 0;
        if found {
            merged::follow(self).await?;
        }
        Ok(found)
    }

    fn rows(&self) -> String {
        self.staging.rows(self.target, self.load)
    }

    fn own_rows(&self) -> Rows {
        Rows::stored(self.rows())
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
        self.analyze_key_of(&self.staging.copied(self.target)).await
    }

    /// The same of a table with all columns of the one that COPY writes.
    async fn analyze_key_of(&self, table: &str) -> Result<()> {
        let name = |index: &usize| quote_identifier(&self.load.columns[*index].column.name);
        let staged = self.load.key.iter().filter(|index| self.load.columns[**index].is_staged());
        let columns: Vec<String> =
            std::iter::once(ORDINAL.to_owned()).chain(staged.map(name)).collect();
        let few = columns.iter().map(|column| format!("alter {column} set statistics {SAMPLES}"));
        let few = format!("alter table {table} {}", few.collect::<Vec<_>>().join(", "));
        self.execute(&few, "prepare staging").await?;
        let analyze = format!("analyze {table} ({})", columns.join(", "));
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
        let all = format!("row({})", all.join(", "));
        self.run_or_find_offenders(&create, &all, &failing).await.map(drop)
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
            self.reject_unless(&self.own_rows(), &condition, &reason, &OF_DEFINITION).await?;
        }
        Ok(())
    }

    async fn check_conditions(&self) -> Result<()> {
        for check in &self.load.checks {
            let reason = Reason { code: "rule.check", column: "", message: &check.message };
            let condition = format!("({}\n)", check.sql);
            if check.warns {
                self.warn_unless(&condition, &reason).await?;
                continue;
            }
            self.reject_unless(&self.own_rows(), &condition, &reason, &OF_DEFINITION).await?;
        }
        Ok(())
    }

    /// How many rejections there are; 0 where nobody asks.
    async fn count_rejected(&self, loads: &[LoadTarget]) -> Result<i64> {
        if !has_set_rules(loads) {
            return Ok(0);
        }
        let excluded = self.staging.excluded();
        let query = format!("select count(*) from {excluded} where kind in ('rejected', 'row')");
        let row = self.client.query_typed_one(&query, &[]).await;
        Ok(row.map_err(failed("count rejections"))?.get(0))
    }

    async fn execute(&self, statement: &str, doing: &str) -> Result<u64> {
        self.attempt(statement).await?.rows(doing)
    }

    async fn attempt(&self, statement: &str) -> Result<Attempt> {
        self.at_its_place(attempt(self.client, statement)).await
    }

    /// The same of a statement with expressions that may fail for a row.
    async fn attempt_evaluating(&self, statement: &str) -> Result<Attempt> {
        self.at_its_place(attempt_evaluating(self.client, statement)).await
    }

    async fn at_its_place(&self, work: impl Future<Output = Result<Attempt>>) -> Result<Attempt> {
        match self.place {
            Place::Alone => attempt_alone(self.client, self.staging.tenant(), work).await,
            Place::Within => work.await,
        }
    }
}

struct Reason<'a> {
    code: &'a str,
    column: &'a str,
    message: &'a str,
}

impl Reason<'_> {
    fn as_columns(&self) -> String {
        format!("'{}', {}, {}", self.code, quote_literal(self.column), quote_literal(self.message))
    }
}
