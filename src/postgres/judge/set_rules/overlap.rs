//! No two rows overlap.
//!
//! Of two that do, the later gives way: a record to a row of the table that stays, and to a
//! record before it in the source. Who gives way stands against nobody else, so a parcel
//! between two others that overlaps both is rejected alone.

use std::{collections::HashSet, pin::pin};

use futures_util::TryStreamExt;
use tokio_postgres::types::{ToSql, Type};

use super::{
    super::{Judge, Place, failed},
    Noted,
    compared::{NUMBER, group, outline},
    spatial::Spatial,
    sweep::{Outline, Sweep, TooMany, corners},
};
use crate::{
    error::{Error, Result},
    postgres::{session::TRANSACTION_SETTINGS, sql::quote_literal, staging::ORDINAL},
};

const CODE: &str = "rule.overlap";
const DOING: &str = "look for overlaps";

/// Decided pairs that go to the server at a time.
const DECIDED_MAX: usize = 10_000;

/// Outlines that come from the server at a time.
const OUTLINES_AT_ONCE: usize = 20_000;

/// Outlines with more corners are compared by the server.
const CORNERS_MAX: usize = 32;

/// Pairs of outlines whose boxes meet: so many for each record, and so many at least. Lots meet
/// eight others, and a road some thousands.
const PAIRS_MAX: u64 = 200;
const PAIRS_FREE: u64 = 1_000_000;

/// So many times what is staged a table has to be before its own index is asked for each record.
const TABLE_TIMES: u64 = 10;

impl Judge<'_> {
    pub(super) async fn check_overlaps(
        &self,
        column: usize,
        within: &[usize],
        tolerance: f64,
        noted: Noted,
    ) -> Result<()> {
        let spatial = self.spatial(column).await?;
        let shape = self.outlined(column, within);
        self.compare_written(&shape, DOING).await?;
        let by_index = self.is_small_beside_table(column).await?;
        if !by_index {
            self.compare_staying(&shape, DOING).await?;
        }
        self.find_pairs(&spatial, tolerance).await?;
        let of_table = by_index.then_some(&shape[..]);
        self.execute(&self.find_overlaps(&spatial, of_table, tolerance), DOING).await?;
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
        self.execute(&note, DOING).await?;
        Ok(())
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
               > {TABLE_TIMES} * pg_catalog.pg_table_size({compared}::regclass)
             and exists (select from pg_catalog.pg_index i
               join pg_catalog.pg_class c on c.oid = i.indexrelid join pg_catalog.pg_am m on m.oid = c.relam
               join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
               where i.indrelid = $1 and i.indisvalid and i.indpred is null
                 and m.amname in ('gist', 'spgist') and a.attname = $2)",
            compared = quote_literal(&self.staging.compared(self.target)),
        );
        let name = &self.load.columns[column].column.name;
        let values: [(&(dyn ToSql + Sync), Type); 2] =
            [(&self.load.table.oid, Type::OID), (name, Type::TEXT)];
        let row = self.client.query_typed_one(&query, &values).await.map_err(failed(DOING))?;
        Ok(row.get(0))
    }

    /// Notes the pairs that may overlap, in a transaction of its own unless one is open.
    async fn find_pairs(&self, spatial: &Spatial, tolerance: f64) -> Result<()> {
        if self.place == Place::Within {
            return self.sweep(spatial, tolerance).await;
        }
        let begin = format!("begin; {TRANSACTION_SETTINGS}");
        self.client.batch_execute(&begin).await.map_err(failed(DOING))?;
        let swept = self.sweep(spatial, tolerance).await;
        let end = if swept.is_ok() { "commit" } else { "rollback" };
        let ended = self.client.batch_execute(end).await;
        swept?;
        ended.map_err(failed(DOING))
    }

    /// A cursor gives outlines in parts, so that no more are held than the line is over.
    async fn sweep(&self, spatial: &Spatial, tolerance: f64) -> Result<()> {
        let (compared, pairs) =
            (self.staging.compared(self.target), self.staging.pairs(self.target));
        let (postgis, outline) = (&spatial.postgis, outline());
        let [west, south, east, north] = ["st_xmin", "st_ymin", "st_xmax", "st_ymax"]
            .map(|it| format!("{postgis}{it}({outline})"));
        let open = format!(
            "drop table if exists {pairs};
             create unlogged table {pairs} (later bigint, earlier bigint) with (autovacuum_enabled = false);
             declare outlines no scroll cursor for
             select {NUMBER}, {group}, {west} as west, {south}, {east}, {north},
               case when {postgis}st_npoints({outline}) <= {CORNERS_MAX}
                 then {postgis}st_asbinary({postgis}st_force2d({outline}), 'NDR') end
             from {compared} where not {postgis}st_isempty({outline}) order by west",
            group = group(),
        );
        self.client.batch_execute(&open).await.map_err(failed(DOING))?;
        let count = format!("select count(*) from {compared}");
        let count = self.client.query_typed_one(&count, &[]).await.map_err(failed(DOING))?;
        let count = count.get::<_, i64>(0).cast_unsigned();
        let mut sweep = Sweep::new(spatial.least_area(tolerance), PAIRS_FREE + PAIRS_MAX * count);
        let fetch = format!("fetch {OUTLINES_AT_ONCE} from outlines");
        loop {
            let rows = self.client.query_typed(&fetch, &[]).await.map_err(failed(DOING))?;
            let mut found = Vec::new();
            for row in &rows {
                let taken = sweep.take(outline_of(row), &mut found);
                taken.map_err(|TooMany| self.too_many_meet())?;
            }
            self.note_pairs(&found).await?;
            if rows.len() < OUTLINES_AT_ONCE {
                break;
            }
        }
        let close = format!("close outlines; analyze {pairs}");
        self.client.batch_execute(&close).await.map_err(failed(DOING))
    }

    /// Of two records the one with the greater number is the later; of rows numbers are below 0.
    async fn note_pairs(&self, found: &[(i64, i64)]) -> Result<()> {
        let insert =
            format!("insert into {} select * from unnest($1, $2)", self.staging.pairs(self.target));
        for some in found.chunks(DECIDED_MAX) {
            let ordered = some.iter().map(|(one, other)| (one.max(other), one.min(other)));
            let (later, earlier): (Vec<i64>, Vec<i64>) = ordered.unzip();
            let values: [(&(dyn ToSql + Sync), Type); 2] =
                [(&later, Type::INT8_ARRAY), (&earlier, Type::INT8_ARRAY)];
            self.client.execute_typed(&insert, &values).await.map_err(failed(DOING))?;
        }
        Ok(())
    }

    /// Refuses what would not end: pairs are looked at one by one, and where most outlines lie
    /// over one another there are about as many as the square of the records.
    fn too_many_meet(&self) -> Error {
        let table = &self.load.table.name;
        let error = format!(
            "too many outlines for {table} lie over one another to look for overlaps: more than {PAIRS_MAX} for each record"
        );
        Error::definition(error).hint(
            "compare fewer rows with one another, by more columns in `within`, or take the rule out",
        )
    }

    /// What pairs share. Records of which few stand beside a large table are compared with its
    /// rows by its own index, `of_table` being what is compared of these.
    fn find_overlaps(
        &self,
        spatial: &Spatial,
        of_table: Option<&[String]>,
        tolerance: f64,
    ) -> String {
        let (compared, pairs, overlaps) = (
            self.staging.compared(self.target),
            self.staging.pairs(self.target),
            self.staging.found(self.target),
        );
        let (outline, group, postgis) = (outline(), group(), &spatial.postgis);
        let area = |left: &str, right: &str, valid: &str| {
            let sides = [left, right].map(|row| format!("{row}.{outline}"));
            spatial.shared_area([&sides[0], &sides[1]], valid, tolerance)
        };
        let (looked_at, with_table) = match of_table {
            None => (
                format!("{NUMBER} in (select unnest(array[later, earlier]) from {pairs})"),
                String::new(),
            ),
            Some(shape) => (
                "true".to_owned(),
                format!(
                    "union all
                     select s.{ORDINAL}, null, t.__key, {} from outlines s join ({}) t on {} and t.{group} = s.{group}",
                    area("s", "t", &format!("s.__valid and {postgis}st_isvalid(t.{outline})")),
                    self.staying(shape, "true"),
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
               select *, {postgis}st_isvalid({outline}) as __valid from {compared} where {looked_at})
             select later, earlier, key, area, false as decided from (
               select s.{ORDINAL} as later, o.{ORDINAL} as earlier, o.__key as key, {among} as area
               from {pairs} p join outlines s on s.{NUMBER} = p.later join outlines o on o.{NUMBER} = p.earlier
               {with_table}
             ) pairs where area > {tolerance}",
            among = area("s", "o", "s.__valid and o.__valid"),
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

fn outline_of(row: &tokio_postgres::Row) -> Outline {
    let corners_of = |wkb: Option<&[u8]>| wkb.and_then(corners).unwrap_or_default();
    Outline {
        number: row.get(0),
        group: row.get(1),
        sides: [row.get(2), row.get(3), row.get(4), row.get(5)],
        corners: corners_of(row.get(6)),
    }
}
