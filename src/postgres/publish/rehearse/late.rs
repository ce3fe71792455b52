//! What only the end of the transaction shows: deferred constraints and constraint triggers.
//!
//! Such a trigger may look at rows of the whole run, so it is asked where publishing asks it:
//! with all written. It does not say which row it refused; but the server runs what is deferred
//! in the order in which rows were written. So where the whole is refused, all is written again
//! in pieces, each followed by a row of a table with a deferred trigger of ours. That trigger
//! moves a sequence, which no rollback takes back: it tells how many pieces went well. The piece
//! after them is cut again, until it is one row.

use tokio_postgres::Client;

use super::{DOING, objection::Offender, trial::Trial};
use crate::{
    error::{Error, Result},
    load::LoadTarget,
    postgres::{
        caught::{Attempt, attempt},
        publish::triggers::{self, Fires},
        session::database_error,
        sql::quote_literal,
        staging::Staging,
    },
};

/// Into how many pieces rows are cut at a time.
const PIECES: i64 = 32;

/// How many rows may be refused so: each costs two passes over all rows, or a few more.
const OFFENDERS_MAX: usize = 200;

/// Some rows of one statement of a target, by number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub(super) target: usize,
    pub(super) write: usize,
    pub(super) from: i64,
    pub(super) to: i64,
}

/// Tells how far the server came with what is deferred.
pub(super) struct Marks {
    table: String,
    sequence: String,
    pieces: Vec<Piece>,
}

impl Marks {
    async fn create(client: &Client, staging: &Staging) -> Result<Self> {
        let (table, sequence) = (staging.marks(), staging.marked());
        let body = format!(
            "begin perform pg_catalog.setval({}::regclass, new.number); return null; end",
            quote_literal(&sequence)
        );
        let create = format!(
            "create unlogged table {table} (number bigint); create sequence {sequence};
             create function {sequence}() returns trigger language plpgsql as {};
             create constraint trigger marks after insert on {table} deferrable initially deferred
               for each row execute function {sequence}()",
            quote_literal(&body)
        );
        client.batch_execute(&create).await.map_err(failed)?;
        Ok(Self { table, sequence, pieces: Vec::new() })
    }

    /// Notes that these rows were written just now.
    pub(super) async fn mark(&mut self, client: &Client, piece: Piece) -> Result<()> {
        self.pieces.push(piece);
        let insert = format!("insert into {} values ({})", self.table, self.pieces.len());
        client.batch_execute(&insert).await.map_err(failed)
    }

    /// The rows at which the server stopped; `None` where those are no record's.
    async fn stopped_at(&self, client: &Client) -> Result<Option<Piece>> {
        let query =
            format!("select case when is_called then last_value else 0 end from {}", self.sequence);
        let row = client.query_typed_one(&query, &[]).await.map_err(failed)?;
        let passed: i64 = row.try_get(0).map_err(failed)?;
        Ok(usize::try_from(passed).ok().and_then(|passed| self.pieces.get(passed).copied()))
    }

    async fn restart(&mut self, client: &Client) -> Result<()> {
        self.pieces.clear();
        let restart =
            format!("select setval({}::regclass, 1, false)", quote_literal(&self.sequence));
        client.batch_execute(&restart).await.map_err(failed)
    }
}

/// Whether any target has triggers that wait for the end of the transaction.
pub(super) async fn has_deferred(client: &Client, loads: &[LoadTarget]) -> Result<bool> {
    for load in loads {
        if !triggers::names(client, load, Fires::AtTheEnd).await?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Writes all as publishing will, to the end of its transaction, and gives who is refused.
pub(super) async fn find_offenders(
    client: &Client,
    staging: &Staging,
    (deletes_first, trials): (bool, &mut [Trial<'_>]),
) -> Result<Vec<Offender>> {
    let mut marks = Marks::create(client, staging).await?;
    client.batch_execute("savepoint opened").await.map_err(failed)?;
    let mut offenders = write_all(trials, deletes_first, None).await?;
    let mut late: Vec<Offender> = Vec::new();
    while let Attempt::Refused(refused) = attempt(client, "set constraints all immediate").await? {
        // At first nothing is marked; from then on the pieces are known.
        if let Some(piece) = marks.stopped_at(client).await? {
            let found = trials[piece.target].narrow(piece, refused).await?;
            late.extend(found);
            must_be_few(late.len())?;
        } else if !marks.pieces.is_empty() {
            break;
        }
        client.batch_execute("rollback to savepoint opened").await.map_err(failed)?;
        trials.iter_mut().for_each(Trial::rewind);
        marks.restart(client).await?;
        offenders = write_all(trials, deletes_first, Some(&mut marks)).await?;
    }
    offenders.extend(late);
    Ok(offenders)
}

/// Writes everything, also what goes without a record.
async fn write_all(
    trials: &mut [Trial<'_>],
    deletes_first: bool,
    mut marks: Option<&mut Marks>,
) -> Result<Vec<Offender>> {
    let mut offenders = Vec::new();
    if deletes_first {
        for trial in trials.iter_mut().rev() {
            trial.rehearse_removals(&mut offenders, marks.as_deref_mut()).await?;
        }
    }
    for trial in trials.iter_mut() {
        trial.rehearse_writes(&mut offenders, marks.as_deref_mut()).await?;
    }
    for trial in trials.iter_mut().rev() {
        if !deletes_first {
            trial.rehearse_removals(&mut offenders, marks.as_deref_mut()).await?;
        }
        trial.remove_absent().await?;
    }
    Ok(offenders)
}

/// Cuts a piece out of ranges of numbers, and into pieces; one row is left out.
pub(super) fn cut(ranges: &[(i64, i64)], (from, to): (i64, i64)) -> Vec<(i64, i64)> {
    let mut cut_up = Vec::new();
    for &(first, last) in ranges {
        if last < from || first > to {
            cut_up.push((first, last));
            continue;
        }
        cut_up.push((first, from - 1));
        if from < to {
            cut_up.extend(pieces(from.max(first), to.min(last)));
        }
        cut_up.push((to + 1, last));
    }
    cut_up.retain(|(first, last)| first <= last);
    cut_up
}

/// A range of numbers in pieces of about the same size.
pub(super) fn pieces(from: i64, to: i64) -> Vec<(i64, i64)> {
    let size = ((to - from + 1) + PIECES - 1) / PIECES;
    let starts = (0..PIECES).map(|piece| from + piece * size).take_while(|start| *start <= to);
    starts.map(|start| (start, to.min(start + size - 1))).collect()
}

fn must_be_few(refused: usize) -> Result<()> {
    if refused <= OFFENDERS_MAX {
        return Ok(());
    }
    let message =
        format!("what waits for the end of the transaction refuses more than {OFFENDERS_MAX} rows");
    Err(Error::environment(message).hint(
        "nothing is published; each such row costs a pass over all of them: correct the records, \
         or make the trigger `initially immediate`, so that rows are tried one by one",
    ))
}

fn failed(error: tokio_postgres::Error) -> Error {
    database_error(&error, DOING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_tile_what_they_are_cut_from() {
        for count in [1, 2, 31, 32, 33, 1000, 1_000_003] {
            let pieces = pieces(1, count);
            assert!(pieces.len() <= 32 && pieces[0].0 == 1, "{count}: {pieces:?}");
            assert_eq!(pieces.last().map(|last| last.1), Some(count));
            assert!(pieces.windows(2).all(|two| two[0].1 + 1 == two[1].0), "{count}: {pieces:?}");
        }
    }

    #[test]
    fn one_row_is_cut_out_and_more_are_cut_up() {
        assert_eq!(cut(&[(1, 9)], (4, 4)), [(1, 3), (5, 9)]);
        assert_eq!(cut(&[(1, 3), (4, 4)], (4, 4)), [(1, 3)]);
        assert_eq!(cut(&[(1, 4), (5, 9)], (2, 3)), [(1, 1), (2, 2), (3, 3), (4, 4), (5, 9)]);
        assert_eq!(cut(&[(1, 2), (3, 4)], (2, 3)), [(1, 1), (2, 2), (3, 3), (4, 4)]);
    }
}
