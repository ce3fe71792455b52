//! Values that change hands: a row to be written takes what another row of the table gives up.
//!
//! The server looks at a constraint that is not deferrable with every row it writes. So rows
//! that are deleted for it go first, and a row that is updated waits for the one it takes from.
//! Where that goes round in a circle (two rows exchange their values), no order helps. And who
//! takes from a record that is rejected gets nothing: the row keeps what it has.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tokio_postgres::{Client, types::Type};

use super::{Judge, Reason, failed};
use crate::{error::Result, postgres::staging::Staging};

/// One row that takes from another which is updated.
struct Take {
    taker: i64,
    holder: i64,
    /// Whether the constraint is checked too late to ask for an order.
    deferrable: bool,
    code: String,
    name: String,
    what: String,
}

/// The records that are updated in turn, and those for which there is no turn.
struct Turns {
    turns: Vec<(i64, i32)>,
    circular: BTreeSet<i64>,
}

impl Judge<'_> {
    /// Rejects who can take nothing; whether any, and whether anything changes hands at all.
    pub(super) async fn check_takes(&self) -> Result<(bool, bool)> {
        if !changes_hands(self.client, self.staging, self.target).await? {
            return Ok((false, false));
        }
        let takes = self.takes().await?;
        let mut rejected = self.rejected_holders().await?;
        let lost = follow(&takes, &mut rejected);
        let live: Vec<&Take> =
            takes.iter().filter(|take| !rejected.contains(&take.taker)).collect();
        let circular = in_turn(live.iter().copied()).circular;
        let keeps = "the row that has these values keeps them, since its own record is rejected";
        let exchange = "records of this run exchange what it holds apart, which takes a constraint that is deferrable";
        let found = self.reject_takers(&takes, &lost, keeps).await?
            + self.reject_takers(&takes, &circular, exchange).await?;
        Ok((found > 0, true))
    }

    async fn takes(&self) -> Result<Vec<Take>> {
        let query = format!(
            "select k.ordinal, k.holder, k.checked_late, k.code, k.name, k.what from {} k where k.holder is not null
               and not exists (select from {} e where e.ordinal = k.ordinal
                 and (e.kind = 'rejected' or (e.kind = 'row' and e.target = {})))",
            self.staging.takes(self.target),
            self.staging.excluded(),
            self.target
        );
        let rows = self.client.query_typed(&query, &[]).await;
        let rows = rows.map_err(failed("read which values change hands"))?;
        let take = |row: &tokio_postgres::Row| Take {
            taker: row.get(0),
            holder: row.get(1),
            deferrable: row.get(2),
            code: row.get(3),
            name: row.get(4),
            what: row.get(5),
        };
        Ok(rows.iter().map(take).collect())
    }

    async fn rejected_holders(&self) -> Result<BTreeSet<i64>> {
        let query = format!(
            "select distinct e.ordinal from {} e join {} k on k.holder = e.ordinal
             where e.kind = 'rejected' or (e.kind = 'row' and e.target = {})",
            self.staging.excluded(),
            self.staging.takes(self.target),
            self.target
        );
        let rows = self.client.query_typed(&query, &[]).await;
        let rows = rows.map_err(failed("read which values change hands"))?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Rejects these takers, each for the first constraint it stands against.
    async fn reject_takers(
        &self,
        takes: &[Take],
        takers: &BTreeSet<i64>,
        message: &str,
    ) -> Result<u64> {
        let mut first = BTreeMap::new();
        for take in takes.iter().filter(|take| takers.contains(&take.taker)) {
            first.entry(take.taker).or_insert(take);
        }
        let mut found = 0;
        let lines: Vec<String> = first
            .values()
            .map(|take| {
                let message = format!("{} `{}`: {message}", take.what, take.name);
                let reason = Reason { code: &take.code, column: "", message: &message };
                format!(
                    "({}, {}, 'rejected', {}, {})",
                    self.target,
                    take.taker,
                    reason.as_columns(),
                    take.holder
                )
            })
            .collect();
        for lines in lines.chunks(1000) {
            let insert =
                format!("insert into {} values {}", self.staging.excluded(), lines.join(", "));
            found += self.execute(&insert, "reject what changes hands").await?;
        }
        Ok(found)
    }

    /// The records that have to be updated one after the other, with their turns from 1; the
    /// others come before all of these.
    pub(in crate::postgres) async fn turns(&self) -> Result<Vec<(i64, i32)>> {
        Ok(in_turn(self.takes().await?.iter()).turns)
    }
}

/// Whether judging noted that anything changes hands.
pub(in crate::postgres) async fn changes_hands(
    client: &Client,
    staging: &Staging,
    target: usize,
) -> Result<bool> {
    let failed = || failed("read which values change hands");
    let takes = staging.takes(target);
    let there = "select pg_catalog.to_regclass($1) is not null";
    let row = client.query_typed_one(there, &[(&takes, Type::TEXT)]).await.map_err(failed())?;
    if !row.get::<_, bool>(0) {
        return Ok(false);
    }
    let any = format!("select exists (select from {takes})");
    Ok(client.query_typed_one(&any, &[]).await.map_err(failed())?.get(0))
}

/// Who takes from a rejected record is rejected too, and who takes from that, and so on.
fn follow(takes: &[Take], rejected: &mut BTreeSet<i64>) -> BTreeSet<i64> {
    let mut of: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for take in takes {
        of.entry(take.holder).or_default().push(take.taker);
    }
    let mut lost = BTreeSet::new();
    let mut waiting: Vec<i64> = rejected.iter().copied().collect();
    while let Some(holder) = waiting.pop() {
        for taker in of.get(&holder).into_iter().flatten() {
            if rejected.insert(*taker) {
                lost.insert(*taker);
                waiting.push(*taker);
            }
        }
    }
    lost
}

/// Kahn's order: whoever waits for nobody goes, and those that waited for it wait for one less.
fn in_turn<'t>(takes: impl Iterator<Item = &'t Take>) -> Turns {
    let (mut waits, mut of): (BTreeMap<i64, usize>, BTreeMap<i64, Vec<i64>>) = Default::default();
    for take in takes.filter(|take| !take.deferrable) {
        *waits.entry(take.taker).or_default() += 1;
        of.entry(take.holder).or_default().push(take.taker);
    }
    let free = of.keys().filter(|holder| !waits.contains_key(holder));
    let mut ready: VecDeque<(i64, i32)> = free.map(|holder| (*holder, 0)).collect();
    let mut turns = Vec::with_capacity(waits.len());
    while let Some((holder, turn)) = ready.pop_front() {
        if turn > 0 {
            turns.push((holder, turn));
        }
        for taker in of.get(&holder).into_iter().flatten() {
            let left = waits.entry(*taker).or_default();
            *left = left.saturating_sub(1);
            if *left == 0 {
                waits.remove(taker);
                // Breadth first: the last of its holders had the latest turn.
                ready.push_back((*taker, turn + 1));
            }
        }
    }
    Turns { turns, circular: waits.into_keys().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(taker: i64, holder: i64) -> Take {
        let (code, name, what) = (String::new(), String::new(), String::new());
        Take { taker, holder, deferrable: false, code, name, what }
    }

    #[test]
    fn who_takes_waits_and_circles_are_found() {
        let turns = in_turn([take(1, 2), take(2, 3), take(1, 3)].iter());
        assert_eq!(turns.turns, [(2, 1), (1, 2)]);
        assert!(turns.circular.is_empty());
        let turns = in_turn([take(1, 2), take(2, 1), take(4, 2), take(7, 8)].iter());
        assert_eq!(turns.turns, [(7, 1)]);
        assert_eq!(turns.circular, BTreeSet::from([1, 2, 4]));
    }

    #[test]
    fn a_rejection_goes_down_the_whole_chain() {
        let takes = [take(1, 2), take(2, 3), take(5, 6)];
        let lost = follow(&takes, &mut BTreeSet::from([3]));
        assert_eq!(lost, BTreeSet::from([1, 2]));
    }
}
