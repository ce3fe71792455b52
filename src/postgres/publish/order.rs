//! What changes hands is written in an order in which no constraint is broken on the way.
//!
//! Judging has looked for it before, and rejected what no order helps. It is looked for once
//! more, since rows of the table may have moved since.

use postgres_types::Type;

use super::{
    Failure,
    changes::{self, Kind},
    failed,
    mode::Write,
    target::{Classified, TargetPublisher},
};
use crate::postgres::{
    judge::{Judge, changes_hands},
    staging::ORDINAL,
};

impl TargetPublisher<'_> {
    /// Notes rows that go first as `freed`, and those that have to wait for others as `shifted`.
    pub(super) async fn order(&self, classified: &mut Classified) -> Result<(), Failure> {
        let (client, sql) = (self.client, &self.sql);
        // Who deletes before all else, as `replace` without a key, needs no order.
        let orders = |write: &Write| write.kinds == [Kind::Shifted];
        if !classified.writes.iter().any(orders)
            || !changes_hands(client, sql.staging, sql.target).await?
        {
            return Ok(());
        }
        let judge = Judge::of_noted(client, sql.staging, (sql.target, sql.load));
        judge.find_takes().await?;
        let (changes, takes) = (sql.changes(), sql.staging.takes(sql.target));
        let failed = || failed("order what changes hands");
        let prepare = format!(
            "update {changes} c set kind = 'freed' from {takes} k
               where c.kind = 'gone' and k.kind = 'gone' and c.table_oid = k.table_oid and c.row_id = k.row_id"
        );
        client.batch_execute(&prepare).await.map_err(failed())?;
        let (ordinals, turns): (Vec<i64>, Vec<i32>) = judge.turns().await?.into_iter().unzip();
        if !ordinals.is_empty() {
            let index = format!(
                "create index on {changes} (ordinal); create index on {} ({ORDINAL})",
                sql.rows()
            );
            client.batch_execute(&index).await.map_err(failed())?;
            let update = format!(
                "update {changes} c set kind = 'shifted', turn = n.turn
                 from unnest($1::bigint[], $2::int[]) n (ordinal, turn) where c.ordinal = n.ordinal and c.kind = 'changed'"
            );
            let values: [(&(dyn postgres_types::ToSql + Sync), Type); 2] =
                [(&ordinals, Type::INT8_ARRAY), (&turns, Type::INT4_ARRAY)];
            client.execute_typed(&update, &values).await.map_err(failed())?;
        }
        classified.changes = changes::counted(client, &changes).await.map_err(failed())?;
        Ok(())
    }
}
