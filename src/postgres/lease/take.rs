//! Taking the targets: one short transaction that finds them free, or says who has them.

use std::{env, time::Duration};

use postgres_types::{ToSql, Type};
use tokio_postgres::{Client, Row, error::SqlState};

use super::{LEASE_SECONDS, liveness};
use crate::{
    error::{Error, ErrorKind, Result},
    failpoint,
    load::LoadTarget,
    postgres::{
        endpoint::{Endpoint, own_user_name},
        session::{TRANSACTION_SETTINGS, answered},
        watch,
    },
    run_id::RunId,
};

const DOING: &str = "take the targets for this run";

/// How often, and how long apart, somebody who is taking the same target is waited for: it
/// takes him milliseconds, and then he can be named.
const TRIES: u32 = 16;
const TRY_AGAIN: Duration = Duration::from_millis(50);

/// Takes the targets and gives the token, or rolls back.
///
/// # Errors
/// `ErrorKind::Busy` when somebody has one; `ErrorKind::Environment` when the server refuses.
pub(super) async fn take(
    client: &Client,
    run: &RunId,
    pipeline: &str,
    loads: &[LoadTarget],
) -> Result<i64> {
    let begin = format!("begin; {TRANSACTION_SETTINGS}");
    answered(DOING, client.batch_execute(&begin)).await?;
    let taken = Taking { client, run, pipeline, loads }.take().await;
    let end = if taken.is_ok() { "commit" } else { "rollback" };
    let ended = answered(DOING, client.batch_execute(end)).await;
    let token = taken?;
    ended.map(|()| token)
}

/// What of the lease concerns the tables `$1`: a partition's rows are its parents' too.
const CONCERNS: &str = "target in (
      select oid from unnest($1::oid[]) o (oid)
      union select a.relid::oid from unnest($1::oid[]) o (oid), pg_catalog.pg_partition_ancestors(o.oid::regclass) a (relid)
      union select t.relid::oid from unnest($1::oid[]) o (oid), pg_catalog.pg_partition_tree(o.oid::regclass) t)";

fn held_rows() -> String {
    format!(
        "select run_id, pipeline, holder, table_name,
           to_char(acquired_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC',
           extract(epoch from clock_timestamp() - heartbeat_at)::float8
         from longshore.lease where {CONCERNS} order by target"
    )
}

/// Looks whether tables are free; takes nothing.
async fn ensure_free(client: &Client, tables: &[u32]) -> Result<()> {
    let tables: [(&(dyn ToSql + Sync), Type); 1] = [(&tables, Type::OID_ARRAY)];
    for row in answered(DOING, client.query_typed(&held_rows(), &tables)).await? {
        if !is_stale(&row) && liveness::is_held(client, row.get(0)).await? {
            return Err(held(&row));
        }
    }
    Ok(())
}

/// Looks whether tables are free, before work is done for which they have to be, and before their
/// catalog is read: who fills an empty table has it locked, and the catalog would wait for him.
/// What a run holds ends that is gone, or slept through its lease. Takes nothing.
///
/// # Errors
/// `ErrorKind::Busy` when a run has one of them; `ErrorKind::Environment` when the server refuses.
pub async fn ensure_free_by_name(client: &Client, tables: &[&str]) -> Result<()> {
    let query = "select coalesce(array_agg(distinct pg_catalog.to_regclass(n)::oid)
          filter (where pg_catalog.to_regclass(n) is not null), '{}') from unnest($1::text[]) n";
    let names: [(&(dyn ToSql + Sync), Type); 1] = [(&tables, Type::TEXT_ARRAY)];
    let oids: Vec<u32> = answered(DOING, client.query_typed_one(query, &names)).await?.get(0);
    let oids: [(&(dyn ToSql + Sync), Type); 1] = [(&oids, Type::OID_ARRAY)];
    for row in answered(DOING, client.query_typed(&held_rows(), &oids)).await? {
        let run: &str = row.get(0);
        if !is_stale(&row) && liveness::is_held(client, run).await? {
            return Err(held(&row));
        }
        watch::end_sessions(client, run).await?;
    }
    Ok(())
}

fn is_stale(row: &Row) -> bool {
    row.get::<_, f64>(5) > failpoint::limit(Duration::from_secs(LEASE_SECONDS)).as_secs_f64()
}

fn held(row: &Row) -> Error {
    let [run, pipeline, holder, table, since]: [String; 5] =
        [row.get(0), row.get(1), row.get(2), row.get(3), row.get(4)];
    busy(format!(
        "{table} is being loaded by run {run} of pipeline {pipeline} since {since} ({holder})"
    ))
}

struct Taking<'a> {
    client: &'a Client,
    run: &'a RunId,
    pipeline: &'a str,
    loads: &'a [LoadTarget],
}

impl Taking<'_> {
    /// Locks come in the order of OIDs, so that two who want the same tables cannot lock each other
    /// out. Of a partitioned table it is the root's, which all have to take that concern each other.
    async fn take(&self) -> Result<i64> {
        let mut loads: Vec<&LoadTarget> = self.loads.iter().collect();
        loads.sort_by_key(|load| load.table.oid);
        loads.dedup_by_key(|load| load.table.oid);
        let oids: Vec<u32> = loads.iter().map(|load| load.table.oid).collect();
        let oids: [(&(dyn ToSql + Sync), Type); 1] = [(&oids, Type::OID_ARRAY)];
        for root in self.roots(&oids).await? {
            self.lock(root).await?;
        }
        let rows = answered(DOING, self.client.query_typed(&held_rows(), &oids)).await?;
        for row in &rows {
            self.ensure_gone(row).await?;
        }
        if !rows.is_empty() {
            self.take_over(&oids).await?;
        }
        self.insert(&loads).await
    }

    async fn roots(&self, oids: &[(&(dyn ToSql + Sync), Type)]) -> Result<Vec<u32>> {
        let query =
            "select distinct coalesce(pg_catalog.pg_partition_root(o.oid::regclass)::oid, o.oid)
            from unnest($1::oid[]) o (oid) order by 1";
        let rows = answered(DOING, self.client.query_typed(query, oids)).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    async fn lock(&self, table: u32) -> Result<()> {
        let oid = table.to_string();
        for _ in 0..TRIES {
            if liveness::try_lock(self.client, "longshore target", &oid).await? {
                return Ok(());
            }
            tokio::time::sleep(TRY_AGAIN).await;
        }
        let tables = self.loads.iter().map(|load| load.table.name.to_string());
        let tables = tables.collect::<Vec<_>>().join(", ");
        Err(busy(format!("another run is just taking {tables}, or what belongs to it")))
    }

    /// A holder that is alive, and was heard of lately, keeps what it has.
    async fn ensure_gone(&self, row: &Row) -> Result<()> {
        let run: String = row.get(0);
        // A run has its name again when it is approved after that was cut off: this one holds its
        // lock, so that one is gone.
        let is_own = run == self.run.as_str();
        if is_own || is_stale(row) || liveness::is_gone(self.client, &run).await? {
            return watch::end_sessions(self.client, &run).await;
        }
        Err(held(row))
    }

    /// Waits for a publishing transaction that its run left behind: it ends without a COMMIT,
    /// or its COMMIT was already on its way. What it had of the same partitioned table goes.
    async fn take_over(&self, oids: &[(&(dyn ToSql + Sync), Type)]) -> Result<()> {
        let lock =
            format!("select from longshore.lease where {CONCERNS} order by target for update");
        let locking = async {
            match self.client.query_typed(&lock, oids).await {
                Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => Ok(false),
                locked => locked.map(|_| true),
            }
        };
        match answered(DOING, locking).await? {
            true => {
                let others = format!(
                    "delete from longshore.lease where {CONCERNS} and not target = any($1)"
                );
                answered(DOING, self.client.query_typed(&others, oids)).await.map(|_| ())
            }
            false => {
                Err(busy("a run that was cut off is still publishing on the server".to_owned()))
            }
        }
    }

    /// The transaction's own number is the token: takers of a target come one after the other,
    /// each with a greater number.
    async fn insert(&self, loads: &[&LoadTarget]) -> Result<i64> {
        let upsert = "insert into longshore.lease (target, table_name, run_id, pipeline, holder, token)
            values ($1, $2, $3, $4, $5, pg_current_xact_id()::text::bigint)
            on conflict (target) do update set table_name = excluded.table_name, run_id = excluded.run_id,
              pipeline = excluded.pipeline, holder = excluded.holder, token = excluded.token,
              acquired_at = excluded.acquired_at, heartbeat_at = excluded.heartbeat_at
            returning token";
        let mut token = 0;
        for load in loads {
            let (name, holder) = (load.table.name.to_string(), holder());
            let values: [(&(dyn ToSql + Sync), Type); 5] = [
                (&load.table.oid, Type::OID),
                (&name, Type::TEXT),
                (&self.run.as_str(), Type::TEXT),
                (&self.pipeline, Type::TEXT),
                (&holder, Type::TEXT),
            ];
            token = answered(DOING, self.client.query_typed_one(upsert, &values)).await?.get(0);
        }
        Ok(token)
    }
}

/// `user@machine, process 1234`: where to look for a run.
fn holder() -> String {
    let user = env::var("USER").or_else(|_| env::var("LOGNAME")).ok().or_else(own_user_name);
    let user = user.unwrap_or_else(|| rustix::process::getuid().as_raw().to_string());
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{user}@{machine}, process {}", std::process::id())
}

/// The error of a run that another process is just working on: an approval, asked for twice.
pub(super) async fn held_elsewhere(endpoint: &Endpoint, run: &RunId, tables: &[u32]) -> Error {
    let named = async { ensure_free(&endpoint.connect().await?.client, tables).await };
    let unnamed = || busy(format!("another process is at work on run {run}"));
    named.await.err().unwrap_or_else(unnamed)
}

fn busy(what: String) -> Error {
    Error::new(ErrorKind::Busy, what)
        .hint("try again when it has ended; `longshore history` shows it")
}
