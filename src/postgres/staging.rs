//! The staging tables of one run: made, named, and dropped here.
//!
//! A target's staging table is unlogged, lives in schema `longshore_staging`,
//! has the target's own column types (a domain's base type: its checks are
//! judged, not enforced), and one more column, the record's ordinal. It is
//! made from a query over the target, so that types, lengths and collations
//! are the catalog's and key equality is decided as in the target.
//!
//! Beside it stand two small tables per run: `excluded` (records that are not published, with
//! the reason) and `split` (the checkpoints). All are unlogged: a crash empties all or none.

use postgres_types::{ToSql, Type};
use tokio_postgres::Client;

use super::{
    checkpoint::{self, Checkpoint},
    session::{database_error, with_settings},
    sql::{create_schema, qualified, quote_identifier},
};
use crate::{
    error::{Error, Result},
    load::{LoadColumn, LoadMode, LoadTarget, Matched, Tenant},
    run_id::RunId,
    schema::Column,
};

/// The column that carries the row's ordinal ([`crate::outcome::Position::row_ordinal`]).
pub const ORDINAL: &str = "__ordinal";

/// The column that says whether a record orders its row to be deleted; only where a target
/// is loaded by operations.
pub const DELETES: &str = "__deletes";

/// The column that says whether the table has no row with a staged row's key; only where lookups
/// find staged rows by what is drawn for them ([`LoadTarget::is_identified`]).
pub const IS_NEW: &str = "__is_new";

/// The column of `refused` and `kept` that says whether the record's whole key was read.
pub const KEY_READ: &str = "__key_read";

/// Whether a line of what is known of rejected records is one (0), or an empty cell: of a record
/// that was rejected before COPY (1), or that may yet be (2).
pub const EMPTIED: &str = "__emptied";

/// The schema all staging lives in.
pub const SCHEMA: &str = "longshore_staging";

/// The names of one run's staging tables, quoted and qualified.
#[derive(Debug, Clone)]
pub struct Staging {
    /// The run they belong to.
    pub run: RunId,
    prefix: String,
    targets: usize,
    tenant: Option<Tenant>,
}

impl Staging {
    /// The staging of a run with so many targets; nothing is created yet.
    pub fn new(run: &RunId, targets: usize) -> Self {
        Self { run: run.clone(), prefix: run.as_str().to_lowercase(), targets, tenant: None }
    }

    /// The same for a run that is for one tenant.
    #[must_use]
    pub fn of_tenant(self, tenant: Option<Tenant>) -> Self {
        Self { tenant, ..self }
    }

    /// Whose rows the run is for.
    pub fn tenant(&self) -> Option<&Tenant> {
        self.tenant.as_ref()
    }

    fn table(&self, suffix: &str) -> String {
        format!("{SCHEMA}.{}", quote_identifier(&format!("{}_{suffix}", self.prefix)))
    }

    /// The table COPY writes for a target.
    pub fn copied(&self, target: usize) -> String {
        self.table(&format!("{target}_copied"))
    }

    /// The table with each row once that records share; only where they are merged
    /// ([`LoadTarget::is_merged`]).
    pub fn merged(&self, target: usize) -> String {
        self.table(&format!("{target}_merged"))
    }

    /// The table that judging begins with.
    pub fn distinct(&self, target: usize, load: &LoadTarget) -> String {
        if load.is_merged { self.merged(target) } else { self.copied(target) }
    }

    /// The table with computed columns added; only where a target has some.
    pub fn computed(&self, target: usize) -> String {
        self.table(&format!("{target}_computed"))
    }

    /// The table with what identifies rows added: see [`LoadTarget::is_identified`].
    pub fn identified(&self, target: usize) -> String {
        self.table(&format!("{target}_identified"))
    }

    /// The table that lookups find staged rows in.
    pub fn found_in(&self, target: usize, load: &LoadTarget) -> String {
        if load.is_identified() { self.identified(target) } else { self.distinct(target, load) }
    }

    /// The table with what was looked up added; only where a target has lookups.
    pub fn resolved(&self, target: usize) -> String {
        self.table(&format!("{target}_resolved"))
    }

    /// The table that columns are computed over.
    pub fn before_computed(&self, target: usize, load: &LoadTarget) -> String {
        match load.lookups(false).is_empty() {
            true => self.found_in(target, load),
            false => self.resolved(target),
        }
    }

    /// The table publishing reads: with what was looked up and computed.
    pub fn rows(&self, target: usize, load: &LoadTarget) -> String {
        if has_computed(load) { self.computed(target) } else { self.before_computed(target, load) }
    }

    /// Staged rows with what columns hold that are not loaded; only while constraints are
    /// judged that need such.
    pub fn filled(&self, target: usize) -> String {
        self.table(&format!("{target}_filled"))
    }

    /// The same with generated columns.
    pub fn generated(&self, target: usize) -> String {
        self.table(&format!("{target}_generated"))
    }

    /// What a unique or exclusion constraint compares, of the rows to be written.
    pub fn compared(&self, target: usize) -> String {
        self.table(&format!("{target}_compared"))
    }

    /// Rows of the table that stand against rows to be written.
    pub fn clashes(&self, target: usize) -> String {
        self.table(&format!("{target}_clashes"))
    }

    /// Rows to be written that take what rows of the table give up, for all constraints.
    pub fn takes(&self, target: usize) -> String {
        self.table(&format!("{target}_takes"))
    }

    /// What would become of each row; only while publishing is rehearsed.
    pub fn tried(&self, target: usize) -> String {
        self.table(&format!("{target}_tried"))
    }

    /// Of these the ones that one statement writes, numbered.
    pub fn rehearsed(&self, target: usize) -> String {
        self.table(&format!("{target}_rehearsed"))
    }

    /// What a rehearsal marks pieces of the rows in that it wrote.
    pub fn marks(&self) -> String {
        self.table("marks")
    }

    /// The sequence that says how many of these the end of the transaction went past, and the
    /// function that moves it.
    pub fn marked(&self) -> String {
        self.table("marked")
    }

    /// What becomes of each staged row of a target that is new or changed.
    pub fn changes(&self, target: usize) -> String {
        self.table(&format!("{target}_changes"))
    }

    /// What was read of records that were rejected before COPY, for a target that deletes:
    /// ordinal, [`KEY_READ`], [`EMPTIED`], and the columns of [`LoadTarget::identifying`].
    pub fn refused(&self, target: usize) -> String {
        self.table(&format!("{target}_refused"))
    }

    /// The same of all rejected records; made by judging.
    pub fn kept(&self, target: usize) -> String {
        self.table(&format!("{target}_kept"))
    }

    /// Records that are not published: `(target, ordinal, kind, code, column_name, message)`, and
    /// who stands against it: another record's ordinal, or the key of a row in the table.
    pub fn excluded(&self) -> String {
        self.table("excluded")
    }

    /// Records that are published all the same, in the columns of [`Staging::excluded`].
    pub fn warned(&self) -> String {
        self.table("warned")
    }

    /// What rules on rows together found on their way: overlaps, pairs of outlines that may, and
    /// the sides that no two outlines share.
    pub fn of_rules(&self, target: usize) -> [String; 3] {
        ["found", "pairs", "rim"].map(|what| self.table(&format!("{target}_{what}")))
    }

    /// The checkpoints, one for each split: [`super::checkpoint::Checkpoint`].
    pub fn splits(&self) -> String {
        self.table("split")
    }

    /// Creates all tables.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when the role may not create them.
    pub async fn create(&self, client: &Client, loads: &[LoadTarget]) -> Result<()> {
        let mut script = format!("{};\n", create_schema(SCHEMA));
        for (target, load) in loads.iter().enumerate() {
            script.push_str(&self.create_copied(target, load));
            if load.mode.deletes() {
                script.push_str(&self.create_refused(target, load));
            }
        }
        script.push_str(&format!(
            "create unlogged table {} (target int not null, ordinal bigint not null, kind text not null,
               code text not null, column_name text not null, message text not null,
               other_ordinal bigint, other_key text[]);
             create index on {} (ordinal);
             create unlogged table {} (like {});
             create unlogged table {} ({});",
            self.excluded(),
            // Statements that read it write it, too: without, each row would read all before it.
            self.excluded(),
            self.warned(),
            self.excluded(),
            self.splits(),
            checkpoint::COLUMNS
        ));
        let created = client.batch_execute(&with_settings(&script)).await;
        created.map_err(|error| {
            database_error(&error, "create the staging tables").or_hint(
                "the role needs CREATE on the database, or on the schema longshore_staging",
            )
        })
    }

    fn create_copied(&self, target: usize, load: &LoadTarget) -> String {
        let columns: String = copied_columns(load).map(as_in_target).collect();
        let matched: String = load.matched().iter().enumerate().map(as_in_looked_up).collect();
        format!(
            "create unlogged table {} with (autovacuum_enabled = false) as
               select null::bigint as {ORDINAL}{operation}{columns}{matched} from {} t with no data;\n",
            self.copied(target),
            qualified(&load.table.name),
            operation = match load.mode {
                LoadMode::Operations => format!(", null::boolean as {DELETES}"),
                _ => String::new(),
            }
        )
    }

    /// The COPY statement for a target.
    pub fn copy_statement(&self, target: usize, load: &LoadTarget) -> String {
        let columns: String = copied_columns(load)
            .map(|column| format!(", {}", quote_identifier(&column.column.name)))
            .collect();
        let operation = match load.mode {
            LoadMode::Operations => format!(", {DELETES}"),
            _ => String::new(),
        };
        let copied = self.copied(target);
        let matched: String =
            (0..load.matched().len()).map(|number| format!(", {}", matched_name(number))).collect();
        format!("copy {copied} ({ORDINAL}{operation}{columns}{matched}) from stdin (format binary)")
    }

    fn create_refused(&self, target: usize, load: &LoadTarget) -> String {
        let identifying = load.identifying();
        let columns: String =
            identifying.iter().map(|index| as_in_target(&load.columns[*index])).collect();
        format!(
            "create unlogged table {} with (autovacuum_enabled = false) as
               select null::bigint as {ORDINAL}, null::boolean as {KEY_READ}, null::smallint as {EMPTIED}{columns} from {} t with no data;\n",
            self.refused(target),
            qualified(&load.table.name)
        )
    }

    /// The COPY statement for what was read of a target's rejected records.
    pub fn copy_refused_statement(&self, target: usize, load: &LoadTarget) -> String {
        let identifying = load.identifying();
        let columns = identifying.iter().map(|index| &load.columns[*index]);
        let staged: String = columns
            .filter(|column| column.is_staged())
            .map(|column| format!(", {}", quote_identifier(&column.column.name)))
            .collect();
        format!(
            "copy {} ({ORDINAL}, {KEY_READ}, {EMPTIED}{staged}) from stdin (format binary)",
            self.refused(target)
        )
    }

    /// A held run may wait for long: whether its staging is still what the run left.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when a restart of the server emptied it, or it is gone.
    pub async fn must_be_there(&self, client: &Client, records: u64) -> Result<()> {
        let lost = || {
            Error::environment("the staging tables of this run are lost")
                .hint("the server was restarted after a crash: discard this run, and run the pipeline again")
        };
        let failed = |error| database_error(&error, "look for the staging tables");
        let exists =
            format!("select to_regclass('{}') is not null", self.splits().replace('\'', "''"));
        if !client.query_typed_one(&exists, &[]).await.map_err(failed)?.get::<_, bool>(0) {
            return Err(lost());
        }
        let sum = format!("select coalesce(sum(records), 0)::bigint from {}", self.splits());
        let staged: i64 = client.query_typed_one(&sum, &[]).await.map_err(failed)?.get(0);
        if staged.cast_unsigned() == records { Ok(()) } else { Err(lost()) }
    }

    /// That no crash of the server has emptied the tables.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when they do not hold so many checkpoints, or the server refuses.
    pub async fn ensure_holds(&self, client: &Client, splits: u64) -> Result<()> {
        let query = format!("select count(*) from {}", self.splits());
        let row = client.query_typed_one(&query, &[]).await;
        let row = row.map_err(|error| database_error(&error, "count the checkpoints"))?;
        if row.get::<_, i64>(0).cast_unsigned() == splits { Ok(()) } else { Err(emptied()) }
    }

    /// What the tables are called in the schema that splits are staged into.
    fn loaded(targets: usize) -> impl Iterator<Item = String> {
        let copied = (0..targets).map(|target| format!("{target}_copied"));
        copied.chain(["excluded", "warned", "split"].map(str::to_owned))
    }

    /// Takes the tables of a run that was cut off; what it had judged by then is dropped. Gives
    /// whether all were there: then they are locked until the transaction ends.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when the server refuses.
    pub(super) async fn rename_from(&self, client: &Client, run: &str) -> Result<bool> {
        let failed = |error| database_error(&error, "take over the staging tables");
        let old = Self { prefix: run.to_lowercase(), ..self.clone() };
        let names: Vec<String> =
            Self::loaded(self.targets).map(|suffix| format!("{}_{suffix}", old.prefix)).collect();
        let count = "select count(*) from pg_catalog.pg_tables where schemaname = $1 and tablename = any($2)";
        let values: [(&(dyn ToSql + Sync), Type); 2] =
            [(&SCHEMA, Type::TEXT), (&names, Type::TEXT_ARRAY)];
        let there: i64 = client.query_typed_one(count, &values).await.map_err(failed)?.get(0);
        if usize::try_from(there) != Ok(names.len()) {
            return Ok(false);
        }
        let mut script = String::new();
        for suffix in Self::loaded(self.targets) {
            let new = quote_identifier(&format!("{}_{suffix}", self.prefix));
            script.push_str(&format!("alter table {} rename to {new};\n", old.table(&suffix)));
        }
        for target in 0..self.targets {
            let judged = old.judged(target).join(", ");
            script.push_str(&format!("drop table if exists {judged};\n"));
            // Only targets that delete have one.
            let new = quote_identifier(&format!("{}_{target}_refused", self.prefix));
            let refused = old.refused(target);
            script.push_str(&format!("alter table if exists {refused} rename to {new};\n"));
        }
        client.batch_execute(&script).await.map_err(failed)?;
        self.forget_judgement(client).await?;
        Ok(true)
    }

    /// The tables that judging and publishing make of a target.
    fn judged(&self, target: usize) -> Vec<String> {
        let rows = [self.merged(target), self.identified(target), self.resolved(target)];
        let made = [self.computed(target), self.filled(target), self.generated(target)];
        let noted = [self.changes(target), self.kept(target), self.takes(target)];
        let compared = [self.compared(target), self.clashes(target)];
        [&rows[..], &made, &noted, &compared, &self.of_rules(target)].concat()
    }

    /// Whether the tables hold as many rows as the checkpoints say.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when the server refuses.
    pub(super) async fn agrees_with(
        &self,
        client: &Client,
        checkpoints: &[Checkpoint],
    ) -> Result<bool> {
        for target in 0..self.targets {
            let expected: Option<u64> = checkpoints
                .iter()
                .map(|found| found.tables.get(target).map(|table| table.staged))
                .sum();
            let query = format!("select count(*) from {}", self.copied(target));
            let row = client.query_typed_one(&query, &[]).await;
            let row = row.map_err(|error| database_error(&error, "count what is staged"))?;
            if expected != Some(row.get::<_, i64>(0).cast_unsigned()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes back what judging has found so far, so that it can begin again.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when the server refuses.
    pub async fn forget_judgement(&self, client: &Client) -> Result<()> {
        let (excluded, warned) = (self.excluded(), self.warned());
        let mut script = format!(
            "truncate {excluded}, {warned};\nalter table {excluded} drop column if exists known;\n"
        );
        for target in 0..self.targets {
            let made = [self.merged(target), self.identified(target)];
            let made = [made, [self.resolved(target), self.computed(target)]].concat().join(", ");
            script.push_str(&format!("drop table if exists {made};\n"));
            if self.has_kept(client, target).await? {
                // What was rejected before COPY has no row; what judging rejected has one.
                script.push_str(&format!(
                    "delete from {} k using {} c where c.{ORDINAL} = k.{ORDINAL};\n",
                    self.kept(target),
                    self.copied(target)
                ));
            }
        }
        let done = client.batch_execute(&with_settings(&script)).await;
        done.map_err(|error| database_error(&error, "judge again"))
    }

    async fn has_kept(&self, client: &Client, target: usize) -> Result<bool> {
        let query = "select to_regclass($1) is not null";
        let row = client.query_typed_one(query, &[(&self.kept(target), Type::TEXT)]).await;
        Ok(row.map_err(|error| database_error(&error, "look for the staging tables"))?.get(0))
    }

    /// Drops everything the run staged; what is not there is not missed.
    ///
    /// # Errors
    /// `ErrorKind::Environment` when the server refuses.
    pub async fn drop(&self, client: &Client) -> Result<()> {
        let mut tables = vec![self.excluded(), self.warned(), self.splits()];
        for target in 0..self.targets {
            tables.extend([self.copied(target), self.refused(target)]);
            tables.extend(self.judged(target));
        }
        let script = format!("drop table if exists {}", tables.join(", "));
        let dropped = client.batch_execute(&with_settings(&script)).await;
        dropped.map_err(|error| database_error(&error, "drop the staging tables"))
    }
}

/// The error of a run whose unlogged tables were emptied by the recovery of the server.
pub fn emptied() -> Error {
    Error::environment("the server crashed and lost what was staged; nothing is published")
        .hint("run it again: it starts afresh")
}

/// Whether a target has columns that SQL computes.
pub fn has_computed(load: &LoadTarget) -> bool {
    load.columns.iter().any(|column| column.computed.is_some())
}

/// A column of a staging table, from the target's `t`.
fn as_in_target(column: &LoadColumn) -> String {
    let name = quote_identifier(&column.column.name);
    format!(", t.{name}{} as {name}", to_base_type(&column.column))
}

/// A column that is staged to be matched, from the table looked into.
fn as_in_looked_up((number, matched): (usize, &Matched<'_>)) -> String {
    format!(
        ", (select l.{}{} from {} l) as {}",
        quote_identifier(&matched.column.name),
        to_base_type(matched.column),
        qualified(matched.table),
        matched_name(number)
    )
}

/// The cast turns a domain into its base type; elsewhere it changes nothing,
/// and a cast would lose the column's collation.
pub(super) fn to_base_type(column: &Column) -> String {
    let is_domain = column.type_sql != column.base_type_sql;
    if is_domain { format!("::{}", column.base_type_sql) } else { String::new() }
}

/// The column of a value that is staged to be matched (see [`LoadTarget::matched`]).
pub(super) fn matched_name(number: usize) -> String {
    format!("__match_{number}")
}

fn copied_columns(load: &LoadTarget) -> impl Iterator<Item = &LoadColumn> {
    load.columns.iter().filter(|column| column.is_staged())
}
