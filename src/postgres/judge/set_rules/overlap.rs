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
    compared::{NUMBER, Outlines, group, outline},
    reading::{Found, FoundRim, Wanted},
};
use crate::{
    error::Result,
    postgres::{sql::quote_literal, staging::ORDINAL},
};

const CODE: &str = "rule.overlap";
const DOING: &str = "look for overlaps";

/// Decided pairs that go to the server at a time.
const DECIDED_MAX: usize = 10_000;

/// So many times what is staged a table has to be before its own index is asked for each record.
const TABLE_TIMES: u64 = 10;

/// What came of looking for overlaps.
pub(super) struct Overlaps {
    /// Lines noted.
    pub(super) noted: u64,
    /// The rim of all that is compared, where it was asked for and read.
    pub(super) rim: Option<FoundRim>,
}

impl Judge<'_> {
    /// `with_rim` asks for the rim, too, where all outlines are read anyway.
    pub(super) async fn check_overlaps(
        &self,
        (column, within): (usize, &[usize]),
        tolerance: f64,
        noted: Noted,
        with_rim: bool,
    ) -> Result<Overlaps> {
        let outlines = self.outlines(column, within).await?;
        let by_index = self.is_small_beside_table(column).await?;
        if !by_index {
            outlines.note_staying(DOING).await?;
        }
        let rim = with_rim && !by_index;
        let wanted = Wanted { pairs: Some(tolerance), rim, staying: !by_index };
        let Found { pairs, rim } = outlines.read(wanted, DOING).await?;
        if pairs == 0 && !by_index {
            return Ok(Overlaps { noted: 0, rim });
        }
        self.execute(&find_overlaps(&outlines, by_index, tolerance), DOING).await?;
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
            self.overlaps()
        );
        let noted = self.execute(&note, DOING).await?;
        Ok(Overlaps { noted, rim })
    }

    fn overlaps(&self) -> String {
        let [overlaps, _, _] = self.staging.of_rules(self.target);
        overlaps
    }

    /// How much it is, unless that would tell something personal.
    pub(super) fn amount(&self, column: usize, instead: &str, sql: &str) -> String {
        match self.load.columns[column].sensitive {
            true => quote_literal(instead),
            false => format!("round(({sql})::numeric, 2)"),
        }
    }

    /// Whether the table is so large, and has an index of the outlines, that to ask that for
    /// each record is less work than to read the table.
    async fn is_small_beside_table(&self, column: usize) -> Result<bool> {
        let query = format!(
            "select (select coalesce(sum(pg_catalog.pg_table_size(t.oid)), 0) from (select $1::oid as oid union
                 select relid from pg_catalog.pg_partition_tree($1::oid::regclass)) t)
               > {TABLE_TIMES} * pg_catalog.pg_table_size({staged}::regclass)
             and exists (select from pg_catalog.pg_index i
               join pg_catalog.pg_class c on c.oid = i.indexrelid join pg_catalog.pg_am m on m.oid = c.relam
               join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
               where i.indrelid = $1 and i.indisvalid and i.indpred is null
                 and m.amname in ('gist', 'spgist') and a.attname = $2)",
            staged = quote_literal(&self.rows()),
        );
        let name = &self.load.columns[column].column.name;
        let values: [(&(dyn ToSql + Sync), Type); 2] =
            [(&self.load.table.oid, Type::OID), (name, Type::TEXT)];
        let row = self.client.query_typed_one(&query, &values).await.map_err(failed(DOING))?;
        Ok(row.get(0))
    }

    /// Marks the pairs whose later record gives way. In source order each record is decided
    /// after all that stand against it, so one pass does.
    async fn decide_overlaps(&self) -> Result<()> {
        let overlaps = self.overlaps();
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

/// What pairs share. Records of which few stand beside a large table are compared with its rows
/// by its own index.
fn find_overlaps(outlines: &Outlines<'_>, by_index: bool, tolerance: f64) -> String {
    let (judge, spatial) = (outlines.judge, &outlines.spatial);
    let (pairs, overlaps) = (outlines.pairs(), judge.overlaps());
    let (outline, group, postgis) = (outline(), group(), &spatial.postgis);
    let area = |left: &str, right: &str, valid: &str| {
        let sides = [left, right].map(|row| format!("{row}.{outline}"));
        spatial.shared_area([&sides[0], &sides[1]], valid, tolerance)
    };
    let (looked_at, with_table) = match by_index {
        false => (
            format!("{NUMBER} in (select unnest(array[later, earlier]) from {pairs})"),
            String::new(),
        ),
        true => (
            "true".to_owned(),
            format!(
                "union all
                 select s.{ORDINAL}, null, t.__key, {} from outlines s join ({}) t on {} and t.{group} = s.{group}",
                area("s", "t", &format!("s.__valid and {postgis}st_isvalid(t.{outline})")),
                judge.staying(&outlines.shape, "true"),
                spatial.boxes_meet(&format!("s.{outline}"), &format!("t.{outline}")),
            ),
        ),
    };
    // Whether it is valid is asked once for each outline, not for each pair: there may be
    // many corners.
    format!(
        "drop table if exists {overlaps};
         create unlogged table {overlaps} with (autovacuum_enabled = false) as
         with outlines as materialized (
           select *, {postgis}st_isvalid({outline}) as __valid from ({every}) every where {looked_at})
         select later, earlier, key, area, false as decided from (
           select s.{ORDINAL} as later, o.{ORDINAL} as earlier, o.__key as key, {among} as area
           from {pairs} p join outlines s on s.{NUMBER} = p.later join outlines o on o.{NUMBER} = p.earlier
           {with_table}
         ) pairs where area > {tolerance}",
        every = outlines.every(!by_index),
        among = area("s", "o", "s.__valid and o.__valid"),
    )
}
