//! SQL that is evaluated for every row, and may fail for some rather than say no.
//!
//! A division by zero, a cast, a function that raises: nobody knows beforehand. So statements over
//! all rows are tried, and only where one fails each row is asked by itself, in a subtransaction.
//! The rows for which it fails are rejected with the SQLSTATE; the message may have their values.

use super::{
    Judge, Reason, can_be_evaluated,
    rows::{Added, Rows, with_added},
};
use crate::{
    error::{Error, Result},
    postgres::{
        caught::{ANYTHING, Attempt, Refused, caught_into, is_of_server},
        sql::quote_literal,
        staging::ORDINAL,
    },
};

/// SQL that is evaluated for every row, and may fail for some.
#[derive(Clone, Copy)]
pub(super) struct Failing<'a> {
    /// The table whose rows it is evaluated over.
    pub(super) rows: &'a str,
    /// What is added to these.
    pub(super) added: Option<&'a Added>,
    /// The condition on row `s` under which it is.
    pub(super) among: &'a str,
    pub(super) code: &'static str,
    pub(super) column: &'a str,
    /// What it is, for the record's owner.
    pub(super) what: &'a str,
    pub(super) doing: &'static str,
}

pub(super) const OF_DEFINITION: Failing<'static> = Failing {
    rows: "",
    added: None,
    among: "true",
    code: "sql.error",
    column: "",
    what: "SQL of the definition",
    doing: "evaluate SQL of the definition",
};

impl Failing<'_> {
    /// All rows, to select from.
    fn all(&self) -> String {
        with_added(self.rows, self.added)
    }

    /// The same of one row.
    fn row(&self) -> String {
        with_added("(select (__row).*)", self.added)
    }

    /// The error where no row's values are to blame.
    fn stop(&self, refused: Refused) -> Error {
        let wrong_sql = refused.may_be_of_statement() && self.what == OF_DEFINITION.what;
        let described = refused.into_error_of_statement(self.doing);
        if !wrong_sql {
            return described;
        }
        Error::definition("SQL of the definition does not fit the staged columns")
            .caused_by(described)
            .hint("`longshore check` with the database shows which one")
    }
}

impl Judge<'_> {
    /// Rejects the rows for which `condition` is false; NULL passes, as in a CHECK constraint.
    pub(super) async fn reject_unless(
        &self,
        rows: &Rows,
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
        let failing = Failing { rows: &rows.stored, added: rows.added.as_ref(), ..*failing };
        let Some(refused) = self.refusal_of(&insert).await? else { return Ok(()) };
        self.must_be_about_rows(refused, condition, &failing).await?;
        // Nothing keeps the server from evaluating the condition for the offenders first, so the
        // statement would fail again: each row is asked by itself.
        let unmet = format!(
            "select not {condition} into __unmet from {row} s;
             if __unmet then
               insert into {} values ({}, __row.{ORDINAL}, 'rejected', {});
             end if;",
            self.staging.excluded(),
            self.target,
            reason.as_columns(),
            row = failing.row(),
        );
        self.execute(&self.for_each_row(&unmet, &failing), failing.doing).await.map(drop)
    }

    /// Runs a statement that evaluates `expression` for every row. Where a row's values make
    /// it fail (a division by zero, a cast), those rows are found one by one and rejected, and
    /// the statement runs again without them; whether there were any.
    pub(super) async fn run_or_find_offenders(
        &self,
        statement: &str,
        expression: &str,
        failing: &Failing<'_>,
    ) -> Result<bool> {
        let Some(refused) = self.refusal_of(statement).await? else { return Ok(false) };
        self.must_be_about_rows(refused, expression, failing).await?;
        let evaluate = format!("perform {expression} from {} s;", failing.row());
        self.execute(&self.for_each_row(&evaluate, failing), failing.doing).await?;
        self.execute(statement, failing.doing).await?;
        Ok(true)
    }

    async fn refusal_of(&self, statement: &str) -> Result<Option<Refused>> {
        Ok(match self.attempt_evaluating(statement).await? {
            Attempt::Done(_) => None,
            Attempt::Refused(refused) => Some(refused),
        })
    }

    /// Stops the run where no row's values are to blame: where the server itself is, or SQL that
    /// it does not even understand.
    async fn must_be_about_rows(
        &self,
        refused: Refused,
        expression: &str,
        failing: &Failing<'_>,
    ) -> Result<()> {
        if refused.is_of_server() {
            return Err(refused.into_error(failing.doing));
        }
        if !refused.may_be_of_statement() {
            return Ok(());
        }
        let planned = format!("explain (costs off) select ({expression}) from {} s", failing.all());
        match self.refusal_of(&planned).await? {
            Some(refused) => Err(failing.stop(refused)),
            None => Ok(()),
        }
    }

    /// The statement that does something with each row by itself, `__row`, and rejects those for
    /// which it fails.
    fn for_each_row(&self, evaluate: &str, failing: &Failing<'_>) -> String {
        let tag = format!("$longshore_{}$", self.staging.run.as_str().to_lowercase());
        format!(
            "do {tag} #variable_conflict use_column
             declare __row {rows}%rowtype; __unmet boolean; __place text; begin
               for __row in select s.* from {rows} s where {is_written} and {can_be_evaluated} and {among} loop
                 begin {evaluate}
                 exception when {ANYTHING} then
                   {caught}
                   if {is_of_server} then raise; end if;
                   insert into {excluded} values ({target}, __row.{ORDINAL}, 'rejected', '{code}', {column},
                     {what} || ' fails for this record with SQLSTATE ' || sqlstate);
                 end;
               end loop;
             end {tag}",
            is_written = self.is_written(),
            can_be_evaluated = can_be_evaluated(self.staging),
            among = failing.among,
            caught = caught_into("__place"),
            is_of_server = is_of_server("__place"),
            excluded = self.staging.excluded(),
            target = self.target,
            rows = failing.rows,
            code = failing.code,
            column = quote_literal(failing.column),
            what = quote_literal(failing.what),
        )
    }
}
