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
    spatial::Spatial,
};
use crate::{
    error::{Error, Result},
    postgres::{
        sql::{quote_identifier, quote_literal},
        staging::ORDINAL,
    },
};

const CODE: &str = "rule.overlap";

/// Decided pairs that go to the server at a time.
const DECIDED_MAX: usize = 10_000;

/// Pairs of outlines whose boxes meet: so many for each record, and so many at least. Lots meet
/// eight others, and a road some thousands.
const PAIRS_MAX: i64 = 200;
const PAIRS_FREE: i64 = 1_000_000;

/// Which rows are compared with one another.
struct Pairs {
    spatial: Spatial,
    /// The columns of what is compared: the geometry, what rows share, whether it is valid.
    parts: Vec<String>,
    /// Their names of what rows share.
    shared: Vec<String>,
    valid: String,
}

impl Pairs {
    fn same(&self, left: &str, right: &str) -> String {
        let equal =
            |name: &String| format!(" and {left}.{name} is not distinct from {right}.{name}");
        self.shared.iter().map(equal).collect()
    }

    fn meet(&self, left: &str, right: &str) -> String {
        let geometry = part(0);
        self.spatial.boxes_meet(&format!("{left}.{geometry}"), &format!("{right}.{geometry}"))
    }

    fn shared_area(&self, left: &str, right: &str, tolerance: f64) -> String {
        let (geometry, valid) = (part(0), &self.valid);
        let sides = [left, right].map(|row| format!("{row}.{geometry}"));
        let valid = format!("{left}.{valid} and {right}.{valid}");
        self.spatial.shared_area([&sides[0], &sides[1]], &valid, tolerance)
    }
}

impl Judge<'_> {
    pub(super) async fn check_overlaps(
        &self,
        column: usize,
        within: &[usize],
        tolerance: f64,
        noted: Noted,
    ) -> Result<()> {
        let doing = "look for overlaps";
        let pairs = self.pairs(column, within).await?;
        let written = self.written(&pairs.parts);
        self.execute(&self.compare_shapes(&written, &pairs.spatial.postgis), doing).await?;
        self.ensure_few_meet(&pairs).await?;
        self.execute(&self.find_overlaps(&pairs, tolerance), doing).await?;
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

    async fn pairs(&self, column: usize, within: &[usize]) -> Result<Pairs> {
        let spatial = self.spatial(column).await?;
        let mut parts = self.parts(column, within);
        let shared = (1..parts.len()).map(part).collect();
        // Asked once for each record, not for each pair: an outline may have many corners.
        parts.push(format!("{}st_isvalid({})", spatial.postgis, parts[0]));
        Ok(Pairs { spatial, shared, valid: part(parts.len() - 1), parts })
    }

    /// Refuses what would not end: pairs are looked at one by one, and where most outlines lie
    /// over one another there are about as many as the square of the records.
    async fn ensure_few_meet(&self, pairs: &Pairs) -> Result<()> {
        let compared = self.staging.compared(self.target);
        let query = format!(
            "select count(*) > (select {PAIRS_FREE} + {PAIRS_MAX} * count(*) from {compared}) from (
               select from {compared} s join {compared} o on {} and o.{ORDINAL} < s.{ORDINAL}{}
               limit (select {PAIRS_FREE} + {PAIRS_MAX} * count(*) + 1 from {compared})) pairs",
            pairs.meet("s", "o"),
            pairs.same("s", "o")
        );
        let failed = failed("look for overlaps");
        let row = self.client.query_typed_one(&query, &[]).await.map_err(failed)?;
        if row.get(0) {
            let table = &self.load.table.name;
            let error = format!(
                "too many outlines for {table} lie over one another to look for overlaps: more than {PAIRS_MAX} for each record"
            );
            return Err(Error::definition(error).hint(
                "compare fewer rows with one another, by more columns in `within`, or take the rule out",
            ));
        }
        Ok(())
    }

    /// Pairs are found from what is staged: by its own index among records, and by the
    /// table's index (or by ours, whichever the planner finds cheaper) among rows that stay.
    fn find_overlaps(&self, pairs: &Pairs, tolerance: f64) -> String {
        let (compared, overlaps) =
            (self.staging.compared(self.target), self.staging.found(self.target));
        format!(
            "drop table if exists {overlaps};
             create unlogged table {overlaps} with (autovacuum_enabled = false) as
             select later, earlier, key, area, false as decided from (
               select s.{ORDINAL} as later, o.{ORDINAL} as earlier, null::text[] as key, {among} as area
               from {compared} s join {compared} o on {meet} and o.{ORDINAL} < s.{ORDINAL}{same_of_records}
               union all
               select s.{ORDINAL}, null, t.__key, {against}
               from {compared} s join ({staying}) t on {meet_row}{same_of_rows}
             ) pairs where area > {tolerance}",
            among = pairs.shared_area("s", "o", tolerance),
            meet = pairs.meet("s", "o"),
            same_of_records = pairs.same("s", "o"),
            against = pairs.shared_area("s", "t", tolerance),
            staying = self.staying(&pairs.parts, "true"),
            meet_row = pairs.meet("s", "t"),
            same_of_rows = pairs.same("s", "t"),
        )
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
