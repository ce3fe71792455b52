//! No two rows overlap.
//!
//! Of two that do, the later gives way: a record to a row of the table that stays, and to a
//! record before it in the source. Who gives way stands against nobody else, so a parcel
//! between two others that overlaps both is rejected alone.

use std::{collections::HashSet, pin::pin};

use futures_util::TryStreamExt;
use tokio_postgres::types::{ToSql, Type};

use super::{
    super::{Judge, failed},
    Noted,
    rows::part,
};
use crate::{
    error::Result,
    postgres::{
        sql::{quote_identifier, quote_literal},
        staging::ORDINAL,
    },
};

const CODE: &str = "rule.overlap";

/// Decided pairs that go to the server at a time.
const DECIDED_MAX: usize = 10_000;

impl Judge<'_> {
    pub(super) async fn check_overlaps(
        &self,
        column: usize,
        within: &[usize],
        tolerance: f64,
        noted: Noted,
    ) -> Result<()> {
        let doing = "look for overlaps";
        let find = self.find_overlaps(column, within, tolerance).await?;
        self.execute(&find, doing).await?;
        let message = format!(
            "{} || {}",
            quote_literal("overlaps by "),
            self.amount(column, &format!("more than the {tolerance} tolerated"), "p.area")
        );
        let decided = match noted.warns {
            true => "true".to_owned(),
            false => {
                self.decide_overlaps().await?;
                "p.decided".to_owned()
            }
        };
        let note = format!(
            "{}, p.later, '{CODE}', {}, {message}, p.earlier, p.key from {} p where {decided}",
            noted.insert(self),
            quote_literal(&self.load.columns[column].column.name),
            self.staging.found(self.target)
        );
        self.execute(&note, doing).await?;
        Ok(())
    }

    /// How much it is, unless that would tell something personal.
    pub(super) fn amount(&self, column: usize, instead: &str, sql: &str) -> String {
        match self.load.columns[column].sensitive {
            true => quote_literal(instead),
            false => format!("round(({sql})::numeric, 2)"),
        }
    }

    /// Pairs are found from what is staged: by its own index among records, and by the
    /// table's index (or by ours, whichever the planner finds cheaper) among rows that stay.
    async fn find_overlaps(
        &self,
        column: usize,
        within: &[usize],
        tolerance: f64,
    ) -> Result<String> {
        let spatial = self.spatial(column).await?;
        let parts = self.parts(column, within);
        let (compared, overlaps) =
            (self.staging.compared(self.target), self.staging.found(self.target));
        let geometry = part(0);
        let same = |left: &str, right: &str| -> String {
            let shared = (1..parts.len()).map(part);
            shared
                .map(|name| format!(" and {left}.{name} is not distinct from {right}.{name}"))
                .collect()
        };
        let (ours, other, theirs) =
            (format!("s.{geometry}"), format!("o.{geometry}"), format!("t.{geometry}"));
        Ok(format!(
            "{compare};
             drop table if exists {overlaps};
             create unlogged table {overlaps} with (autovacuum_enabled = false) as
             select later, earlier, key, area, false as decided from (
               select s.{ORDINAL} as later, o.{ORDINAL} as earlier, null::text[] as key, {among} as area
               from {compared} s join {compared} o on {meet} and o.{ORDINAL} < s.{ORDINAL}{same_of_records}
               union all
               select s.{ORDINAL}, null, t.__key, {against}
               from {compared} s join ({staying}) t on {meet_row}{same_of_rows}
             ) pairs where area > {tolerance}",
            compare = self.compare_shapes(&self.written(&parts), &spatial.postgis),
            among = spatial.shared_area(&ours, &other, tolerance),
            meet = spatial.boxes_meet(&ours, &other),
            same_of_records = same("s", "o"),
            against = spatial.shared_area(&ours, &theirs, tolerance),
            staying = self.staying(&parts, "true"),
            meet_row = spatial.boxes_meet(&ours, &theirs),
            same_of_rows = same("s", "t"),
        ))
    }

    /// The geometry, then what rows share that are looked at together.
    pub(super) fn parts(&self, column: usize, within: &[usize]) -> Vec<String> {
        let columns = std::iter::once(&column).chain(within);
        columns.map(|index| quote_identifier(&self.load.columns[*index].column.name)).collect()
    }

    /// Makes a table of what is compared, with an index of its geometry.
    pub(super) fn compare_shapes(&self, rows: &str, postgis: &str) -> String {
        let compared = self.staging.compared(self.target);
        format!(
            "drop table if exists {compared};
             create unlogged table {compared} with (autovacuum_enabled = false) as {rows};
             create index on {compared} using gist ({} {postgis}gist_geometry_ops_2d);
             analyze {compared}",
            part(0)
        )
    }

    /// Marks the pairs whose later record gives way. In source order each record is decided
    /// after all that stand against it, so one pass does.
    async fn decide_overlaps(&self) -> Result<()> {
        let overlaps = self.staging.found(self.target);
        let query =
            format!("select later, earlier from {overlaps} order by later, earlier nulls first");
        let doing = "decide between overlapping records";
        let none: [(&(dyn ToSql + Sync), Type); 0] = [];
        let rows = self.client.query_typed_raw(&query, none).await.map_err(failed(doing))?;
        let mut rows = pin!(rows);
        let (mut gone, mut decided) = (HashSet::new(), Vec::new());
        while let Some(row) = rows.try_next().await.map_err(failed(doing))? {
            let (later, earlier): (i64, Option<i64>) = (row.get(0), row.get(1));
            let stands = earlier.is_none_or(|earlier| !gone.contains(&earlier));
            if stands && gone.insert(later) {
                decided.push((later, earlier));
            }
        }
        for some in decided.chunks(DECIDED_MAX) {
            let (later, earlier): (Vec<i64>, Vec<Option<i64>>) = some.iter().copied().unzip();
            // Of several rows of the table one is named.
            let update = format!(
                "update {overlaps} set decided = true where ctid in (
                   select min(p.ctid) from {overlaps} p join unnest($1, $2) d (later, earlier)
                     on p.later = d.later and p.earlier is not distinct from d.earlier
                   group by p.later)"
            );
            let values: [(&(dyn ToSql + Sync), Type); 2] =
                [(&later, Type::INT8_ARRAY), (&earlier, Type::INT8_ARRAY)];
            self.client.execute_typed(&update, &values).await.map_err(failed(doing))?;
        }
        Ok(())
    }
}
