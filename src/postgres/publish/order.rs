//! What changes hands is written in an order in which no constraint is broken on the way, and so
//! is what refers to its own table.
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
use crate::{
    postgres::{
        judge::{Judge, changes_hands},
        sql::quote_identifier,
        staging::ORDINAL,
    },
    schema::ForeignKey,
};

impl TargetPublisher<'_> {
    /// Notes rows that go first as `freed`, and those that have to wait for others as `shifted`,
    /// or as `linked` where they wait for new ones.
    pub(super) async fn order(&self, classified: &mut Classified) -> Result<(), Failure> {
        let (client, sql) = (self.client, &self.sql);
        // Who deletes before all else, as `replace` without a key, needs no order.
        let orders = |write: &Write| write.kinds == [Kind::Shifted];
        if !classified.noted || !classified.writes.iter().any(orders) {
            return Ok(());
        }
        let changes_hands = changes_hands(client, sql.staging, sql.target).await?;
        if changes_hands {
            self.order_takes().await?;
        }
        let changed_and_new =
            classified.changes.of(Kind::Changed) > 0 && classified.changes.of(Kind::New) > 0;
        let mut linked = false;
        for key in sql.load.table.foreign_keys.iter().filter(|_| changed_and_new) {
            linked |= self.note_linked(key).await?;
        }
        if changes_hands || linked {
            let counted = changes::counted(client, &sql.changes()).await;
            classified.changes = counted.map_err(failed("order what changes hands"))?;
        }
        Ok(())
    }

    /// Notes changed rows that come to refer to new ones of their own table by this key.
    async fn note_linked(&self, key: &ForeignKey) -> Result<bool, Failure> {
        let sql = &self.sql;
        let is_loaded = |name: &String| sql.load.columns.iter().any(|it| it.column.name == *name);
        let mut columns = key.columns.iter().chain(&key.referenced_columns);
        if key.references != sql.load.table.name || !columns.all(is_loaded) {
            return Ok(false);
        }
        let refers = key.columns.iter().zip(&key.referenced_columns).map(|(ours, theirs)| {
            format!("p.{} = s.{}", quote_identifier(theirs), quote_identifier(ours))
        });
        let (rows, changes) = (sql.rows(), sql.changes());
        let update = format!(
            "update {changes} c set kind = 'linked' from {rows} s
             where c.kind = 'changed' and s.{ORDINAL} = c.ordinal and exists (
               select from {rows} p join {changes} n on n.ordinal = p.{ORDINAL} and n.kind = 'new' where {})",
            refers.collect::<Vec<_>>().join(" and ")
        );
        let noted = self.client.execute_typed(&update, &[]).await;
        Ok(noted.map_err(failed("order what refers to new rows"))? > 0)
    }

    /// Notes what goes first, and what has to wait for it.
    async fn order_takes(&self) -> Result<(), Failure> {
        let (client, sql) = (self.client, &self.sql);
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
        Ok(())
    }
}
