//! How far a standby is behind.
//!
//! The time since its last replayed transaction is no lag while the primary has nothing to do. So
//! a standby that streams, and has replayed all that it knows of, is not behind at all, unless
//! the primary has been silent for longer than two servers that reach each other ever are.

use crate::{
    definition::ReplicaDefinition,
    error::{Error, Result},
    postgres::session::{Session, database_error},
};

/// Seconds behind; NULL on a server that is no standby, infinite where nobody knows. A role that
/// may not see how the standby receives is told whether it does.
const LAG: &str = "select case when pg_is_in_recovery() then (
    select case
      when w.pid is not null and coalesce(w.status, 'streaming') = 'streaming'
        and pg_last_wal_replay_lsn() >= coalesce(greatest(w.latest_end_lsn, pg_last_wal_receive_lsn()), pg_last_wal_receive_lsn())
      then case when clock_timestamp() - w.last_msg_receipt_time
          > greatest(interval '40 seconds', current_setting('wal_receiver_timeout')::interval / 2 + interval '10 seconds')
        then extract(epoch from clock_timestamp() - w.last_msg_receipt_time) else 0 end
      else coalesce(extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()), 'Infinity') end::float8
    from (select) one left join pg_catalog.pg_stat_wal_receiver w on true) end";

/// The lag in seconds; `None` where the server is no standby.
pub(super) async fn measure(session: &Session) -> Result<Option<f64>> {
    let row = session.client.query_typed_one(LAG, &[]).await;
    row.map(|row| row.get(0))
        .map_err(|error| database_error(&error, "say how far behind the standby is"))
}

/// Refuses a standby that is further behind than the definition wants.
pub(super) fn check(lag: Option<f64>, replica: Option<&ReplicaDefinition>) -> Result<()> {
    let (Some(lag), Some(most)) = (lag, replica.and_then(ReplicaDefinition::max_lag_seconds))
    else {
        return Ok(());
    };
    if lag <= f64::from(most) {
        return Ok(());
    }
    let behind = match lag.is_finite() {
        true => format!("the standby is {lag:.0} s behind"),
        false => "nobody knows how far the standby is behind".to_owned(),
    };
    Err(Error::environment(format!("{behind}, and `replica.max_lag` is {most} s")).hint(
        "look whether the standby receives and replays: pg_stat_wal_receiver, pg_is_wal_replay_paused()",
    ))
}
