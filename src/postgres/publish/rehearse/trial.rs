//! One target on trial, inside the transaction that is rolled back.
//!
//! The table of changes becomes a view of a range of them, so that the statements of publishing
//! write just that range. A range that is refused is halved, and a small one is written row by row
//! in one go, each row in a subtransaction of its own. So a few offenders among many rows cost a
//! few dozen statements each, and many of them no more than a walk over all rows.

use tokio_postgres::{Client, types::Type};

use super::{
    DOING,
    late::{Marks, Piece, cut, pieces},
    objection::{Offender, is_about_a_row, may_wait},
};
use crate::{
    error::{Error, Result},
    load::LoadMode,
    postgres::{
        caught::{
            Attempt, MISCOUNTED, Refused, attempt, attempt_each, attempt_exactly, attempt_numbers,
        },
        publish::{
            Failure,
            changes::{self, Kind},
            mode::Write,
            statements::Statements,
            target::TargetPublisher,
            triggers::{self, Fires},
        },
        session::database_error,
        sql::quote_literal,
        staging::ORDINAL,
    },
};

/// How many rows may be refused one by one.
const OFFENDERS_MAX: usize = 20_000;

/// How many rows are written one by one rather than halved: about as many as take as long as
/// the statements for halving them.
const ROW_BY_ROW: i64 = 128;

/// The settings that bound the range.
const FIRST: &str = "longshore.first";
const LAST: &str = "longshore.last";

pub(super) struct Trial<'a> {
    client: &'a Client,
    sql: Statements<'a>,
    /// What writes rows, and after it what takes them away.
    writes: Vec<Write>,
    removals: usize,
    /// Into which ranges of numbers each of these is cut, where that is known.
    ranges: Vec<Option<Vec<(i64, i64)>>>,
    /// Whether row-level policies hold for the role, which may otherwise write to the table.
    has_policies: bool,
    /// Whether parts of the rows can be found quickly.
    indexed: bool,
}

impl<'a> Trial<'a> {
    /// Notes what is to happen to each row.
    pub(super) async fn open(
        client: &'a Client,
        sql: Statements<'a>,
        has_policies: bool,
    ) -> Result<Self> {
        let error = |failure: Failure| failure.error;
        let publisher = TargetPublisher { client, sql };
        let mut classified = publisher.classify(None).await.map_err(error)?;
        if classified.noted {
            publisher.order(&mut classified).await.map_err(error)?;
        } else {
            let query = all_new(&publisher.sql);
            let noted = changes::note(client, &publisher.sql.changes(), &query).await;
            noted.map_err(failed)?;
            classified.writes = vec![Write::new(&[Kind::New], publisher.sql.insert_new())];
        }
        let sql = publisher.sql;
        let (changes, tried) = (sql.changes(), sql.staging.tried(sql.target));
        let keep = format!(
            "drop table if exists {tried}; create unlogged table {tried} as select * from {changes}; drop table {changes}"
        );
        client.batch_execute(&keep).await.map_err(failed)?;
        let removals = classified.writes.len();
        let writes: Vec<Write> = classified.writes.into_iter().chain(classified.removals).collect();
        let ranges = vec![None; writes.len()];
        Ok(Self { client, sql, writes, removals, ranges, has_policies, indexed: false })
    }

    /// What was made while writing is gone.
    pub(super) fn rewind(&mut self) {
        self.indexed = false;
    }

    /// Writes the rows; with `marks`, in pieces.
    pub(super) async fn rehearse_writes(
        &mut self,
        offenders: &mut Vec<Offender>,
        mut marks: Option<&mut Marks>,
    ) -> Result<()> {
        for write in 0..self.removals {
            self.rehearse(write, offenders, marks.as_deref_mut()).await?;
        }
        Ok(())
    }

    /// Of deletions, those that records order: the others are about no record, and what stands
    /// against one of them stops the run when it is published.
    pub(super) async fn rehearse_removals(
        &mut self,
        offenders: &mut Vec<Offender>,
        mut marks: Option<&mut Marks>,
    ) -> Result<()> {
        if self.sql.load.mode != LoadMode::Operations {
            return Ok(());
        }
        for write in self.removals..self.writes.len() {
            self.rehearse(write, offenders, marks.as_deref_mut()).await?;
        }
        Ok(())
    }

    /// The other deletions, for what is judged when all is done.
    pub(super) async fn remove_absent(&mut self) -> Result<()> {
        if self.sql.load.mode == LoadMode::Operations {
            return Ok(());
        }
        for write in self.writes.split_off(self.removals) {
            let rows = self.number(&write).await?;
            if rows > 0 {
                self.try_range(&write, 1, rows).await?;
            }
            self.writes.push(write);
        }
        Ok(())
    }

    /// Looks closer at rows that were refused at the end; who it was, where it is one row.
    pub(super) async fn narrow(
        &mut self,
        piece: Piece,
        refused: Refused,
    ) -> Result<Option<Offender>> {
        if !is_about_a_row(&refused, self.has_policies) {
            return Err(refused.into_error(DOING));
        }
        let Piece { target, write, from, to } = piece;
        let ranges = self.ranges[write].take().unwrap_or_default();
        self.ranges[write] = Some(cut(&ranges, (from, to)));
        if from < to {
            return Ok(None);
        }
        let query = format!(
            "select ordinal from ({}) n where number = {from}",
            self.numbered(&self.writes[write])
        );
        let row = self.client.query_typed_one(&query, &[]).await.map_err(failed)?;
        let ordinal: Option<i64> = row.try_get(0).map_err(failed)?;
        Ok(ordinal.map(|ordinal| Offender::new(target, ordinal, refused)))
    }

    /// The ranges of numbers that a statement is tried with at first, the last one first.
    fn ranges(&mut self, write: usize, rows: i64, marked: bool) -> Vec<(i64, i64)> {
        let mut ranges = match marked {
            true => self.ranges[write].get_or_insert_with(|| pieces(1, rows)).clone(),
            false => vec![(1, rows)],
        };
        ranges.reverse();
        ranges
    }

    /// Finds the rows that one statement cannot write; the others are written.
    async fn rehearse(
        &mut self,
        at: usize,
        offenders: &mut Vec<Offender>,
        mut marks: Option<&mut Marks>,
    ) -> Result<()> {
        let write = self.writes[at].clone();
        let rows = self.number(&write).await?;
        let mut waiting = self.ranges(at, rows, marks.is_some());
        let mut refused: Vec<(i64, Refused)> = Vec::new();
        while let Some((from, to)) = waiting.pop() {
            if from > to {
                continue;
            }
            if let Some(found) = self.try_range(&write, from, to).await? {
                self.must_be_of_rows(&write, &found).await?;
                self.index().await?;
                if to - from >= ROW_BY_ROW {
                    let middle = from + (to - from) / 2;
                    waiting.extend([(middle + 1, to), (from, middle)]);
                    continue;
                }
                let numbers: Vec<i64> = (from..=to).collect();
                refused.extend(self.try_each(&write, &numbers).await?);
                let ended = refused.iter().filter(|(_, one)| !may_wait(one)).count();
                self.must_be_few(offenders.len() + ended)?;
            }
            self.mark(&mut marks, (at, from, to)).await?;
        }
        let refused = self.try_again(at, refused, marks).await?;
        self.note(refused, offenders).await
    }

    async fn mark(
        &self,
        marks: &mut Option<&mut Marks>,
        (write, from, to): (usize, i64, i64),
    ) -> Result<()> {
        let Some(marks) = marks else { return Ok(()) };
        marks.mark(self.client, Piece { target: self.sql.target, write, from, to }).await
    }

    /// Rows that lacked others are tried again for as long as that brings any of them in.
    async fn try_again(
        &self,
        at: usize,
        refused: Vec<(i64, Refused)>,
        mut marks: Option<&mut Marks>,
    ) -> Result<Vec<(i64, Refused)>> {
        let (mut waiting, mut ended): (Vec<_>, Vec<_>) =
            refused.into_iter().partition(|(_, refused)| may_wait(refused));
        let at_once = if marks.is_some() { 1 } else { 1000 };
        loop {
            let numbers: Vec<i64> = waiting.iter().map(|(number, _)| *number).collect();
            let mut left = Vec::new();
            for numbers in numbers.chunks(at_once) {
                let found = self.try_each(&self.writes[at], numbers).await?;
                if let (true, [number]) = (found.is_empty(), numbers) {
                    self.mark(&mut marks, (at, *number, *number)).await?;
                }
                left.extend(found);
            }
            let written = left.len() < numbers.len();
            let (wait, end): (Vec<_>, Vec<_>) =
                left.into_iter().partition(|(_, refused)| may_wait(refused));
            ended.extend(end);
            waiting = wait;
            if !written || waiting.is_empty() {
                ended.extend(waiting);
                return Ok(ended);
            }
        }
    }

    /// A trigger that fires once for each statement fires for one without rows, too: what is
    /// refused then is about no row.
    async fn must_be_of_rows(&mut self, write: &Write, refused: &Refused) -> Result<()> {
        if self.indexed || !refused.is_raised() || write.rows.is_some() {
            return Ok(());
        }
        let fires = Fires::PerStatement(write.effect());
        let names = triggers::names(self.client, self.sql.load, fires).await?;
        if names.is_empty() || self.try_range(write, 1, 0).await?.is_none() {
            return Ok(());
        }
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let message = format!(
            "{} is not to be written to: a trigger that fires once for each statement refuses \
             one that brings no row, with SQLSTATE {}",
            self.sql.load.table.name,
            refused.code()
        );
        let hint = format!("nothing is published; look at {}", names.join(", "));
        Err(Error::environment(message).hint(hint))
    }

    /// Numbers the rows of a statement from 1, as many as it gives.
    async fn number(&self, write: &Write) -> Result<i64> {
        let (changes, all) = (self.sql.changes(), self.sql.staging.rehearsed(self.sql.target));
        let number = format!(
            "drop view if exists {changes}; drop table if exists {all};
             create unlogged table {all} as {numbered};
             create index on {all} (number); create index on {all} (ordinal); analyze {all};
             create view {changes} as select * from {all}
               where number between current_setting('{FIRST}')::bigint and current_setting('{LAST}')::bigint",
            numbered = self.numbered(write),
        );
        self.client.batch_execute(&number).await.map_err(failed)?;
        let count = format!("select count(*) from {all}");
        Ok(self.client.query_typed_one(&count, &[]).await.map_err(failed)?.get(0))
    }

    /// The rows of a statement with their numbers.
    fn numbered(&self, write: &Write) -> String {
        let kinds: Vec<String> =
            write.kinds.iter().map(|kind| quote_literal(kind.word())).collect();
        let turn = if write.rows.is_some() { "turn, " } else { "" };
        format!(
            "select *, row_number() over (order by {turn}ordinal) as number from {} where kind in ({})",
            self.sql.staging.tried(self.sql.target),
            kinds.join(", ")
        )
    }

    /// Why a range cannot be written as a whole; nothing of it is written then.
    async fn try_range(&self, write: &Write, from: i64, to: i64) -> Result<Option<Refused>> {
        let bounds = format!("set local {FIRST} = '{from}'; set local {LAST} = '{to}'");
        self.client.batch_execute(&bounds).await.map_err(failed)?;
        let planned = (to - from + 1).cast_unsigned();
        let attempted = match &write.rows {
            Some(rows) => attempt_each(self.client, rows, &write.sql).await?,
            None => attempt_exactly(self.client, &write.sql, planned).await?,
        };
        match attempted {
            Attempt::Done(_) => Ok(None),
            Attempt::Refused(refused) => self.about_a_row(refused, write).await.map(Some),
        }
    }

    /// Writes rows one by one; those that cannot be, and why.
    async fn try_each(&self, write: &Write, numbers: &[i64]) -> Result<Vec<(i64, Refused)>> {
        let mut refused = Vec::new();
        if write.rows.is_some() {
            for number in numbers {
                let found = self.try_range(write, *number, *number).await?;
                refused.extend(found.map(|found| (*number, found)));
            }
            return Ok(refused);
        }
        for (number, found) in
            attempt_numbers(self.client, numbers, (FIRST, LAST), &write.sql).await?
        {
            refused.push((number, self.about_a_row(found, write).await?));
        }
        Ok(refused)
    }

    /// Stops the run where the server itself is to blame, or the statement, which it cannot even
    /// plan then.
    async fn about_a_row(&self, refused: Refused, write: &Write) -> Result<Refused> {
        if !is_about_a_row(&refused, self.has_policies) {
            return Err(refused.into_error(DOING));
        }
        if refused.code() == "42501" || !refused.may_be_of_statement() || write.rows.is_some() {
            return Ok(refused);
        }
        match attempt(self.client, &format!("explain (costs off) {}", write.sql)).await? {
            Attempt::Refused(unplanned) => Err(unplanned.into_error_of_statement(DOING)),
            Attempt::Done(_) => Ok(refused),
        }
    }

    /// Parts of millions of rows are found by index; the whole needs none.
    async fn index(&mut self) -> Result<()> {
        if self.indexed {
            return Ok(());
        }
        self.indexed = true;
        let index = format!("create index on {} ({ORDINAL})", self.sql.rows());
        self.client.batch_execute(&index).await.map_err(failed)
    }

    async fn note(
        &self,
        mut refused: Vec<(i64, Refused)>,
        offenders: &mut Vec<Offender>,
    ) -> Result<()> {
        self.name_indexes(&mut refused).await?;
        self.must_be_few(offenders.len() + refused.len())?;
        let numbers: Vec<i64> = refused.iter().map(|(number, _)| *number).collect();
        let query = format!(
            "select ordinal from unnest($1::bigint[]) with ordinality n (number, at) join {} using (number) order by n.at",
            self.sql.staging.rehearsed(self.sql.target)
        );
        let ordinals = self.client.query_typed(&query, &[(&numbers, Type::INT8_ARRAY)]).await;
        for (row, (_, refused)) in ordinals.map_err(failed)?.iter().zip(refused) {
            let Some(ordinal) = row.get(0) else { return Err(cannot_go(refused)) };
            offenders.push(Offender::new(self.sql.target, ordinal, refused));
        }
        Ok(())
    }

    /// Names the indexes that a value of any length can be too large for.
    async fn name_indexes(&self, refused: &mut [(i64, Refused)]) -> Result<()> {
        if !refused.iter().any(|(_, one)| one.is_of_nameless_index()) {
            return Ok(());
        }
        let query = "select c.relname::text from pg_catalog.pg_index i
              join pg_catalog.pg_class c on c.oid = i.indexrelid
            where i.indrelid = $1 and exists (select from pg_catalog.pg_attribute a
              where a.attrelid = i.indexrelid and a.attlen = -1) order by 1";
        let rows = self.client.query_typed(query, &[(&self.sql.load.table.oid, Type::OID)]).await;
        let names: Vec<String> = rows.map_err(failed)?.iter().map(|row| row.get(0)).collect();
        for (_, one) in refused.iter_mut().filter(|(_, one)| one.is_of_nameless_index()) {
            one.refusal.constraint = (!names.is_empty()).then(|| names.join("` or `"));
        }
        Ok(())
    }

    fn must_be_few(&self, refused: usize) -> Result<()> {
        if refused <= OFFENDERS_MAX {
            return Ok(());
        }
        let message = format!(
            "{} refuses more than {OFFENDERS_MAX} rows by triggers, policies or the like",
            self.sql.load.table.name
        );
        Err(Error::environment(message)
            .hint("nothing is published; look at the first rows, or at the role's policies"))
    }
}

/// A row that goes has no record to reject.
fn cannot_go(refused: Refused) -> Error {
    if refused.code() == MISCOUNTED {
        return Error::environment("a row could not be deleted")
            .hint("a trigger or a row-level policy keeps it");
    }
    refused.into_error("delete a row")
}

fn all_new(sql: &Statements<'_>) -> String {
    format!(
        "select 'new' as kind, s.{ORDINAL} as ordinal, null::oid as table_oid, null::tid as row_id from {} s where {}",
        sql.rows(),
        sql.publishable()
    )
}

fn failed(error: tokio_postgres::Error) -> Error {
    database_error(&error, DOING)
}
