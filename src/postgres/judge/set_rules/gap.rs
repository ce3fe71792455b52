//! No area is enclosed by rows and part of none.
//!
//! Sides that two rows share stand in both of them with the same ends, so what is left when
//! those are taken out is the rim of what is covered. Where a corner of one row lies on a
//! side of another, the side is parted there first. Rings of the rim that enclose nothing
//! covered are gaps. That reads every outline once; the union of 300,000 parcels alone takes
//! longer. Where outlines cross instead of meeting, a gap may be seen only once they are
//! mended: such places overlap.

use super::{super::Judge, Noted, rows::part, spatial::Spatial};
use crate::{
    error::Result,
    postgres::{sql::quote_literal, staging::ORDINAL},
};

/// The rule as it is judged.
struct Gaps<'a> {
    spatial: Spatial,
    column: usize,
    /// The names of what rows share, in the table of what is compared.
    shared: Vec<String>,
    tolerance: f64,
    largest: Option<f64>,
    judge: &'a Judge<'a>,
}

impl Judge<'_> {
    pub(super) async fn check_gaps(
        &self,
        column: usize,
        within: &[usize],
        (tolerance, largest): (f64, Option<f64>),
        noted: Noted,
    ) -> Result<()> {
        let doing = "look for gaps";
        let spatial = self.spatial(column).await?;
        let parts = self.parts(column, within);
        let all = format!("{} union all {}", self.written(&parts), self.staying(&parts, "true"));
        self.execute(&self.compare_shapes(&all, &spatial.postgis), doing).await?;
        let shared = (1..parts.len()).map(part).collect();
        let gaps = Gaps { spatial, column, shared, tolerance, largest, judge: self };
        self.execute(&gaps.make_rim(), doing).await?;
        self.execute(&gaps.note(noted), doing).await?;
        Ok(())
    }
}

impl Gaps<'_> {
    /// The names of what rows share, each behind `row.` and before a comma.
    fn group_of(&self, row: &str) -> String {
        self.shared.iter().map(|name| format!("{row}{name}, ")).collect()
    }

    fn same(&self, left: &str, right: &str) -> String {
        let equal =
            |name: &String| format!(" and {left}.{name} is not distinct from {right}.{name}");
        self.shared.iter().map(equal).collect()
    }

    /// The sides that stand in one outline only, with the record or row they are of.
    fn make_rim(&self) -> String {
        let (rim, compared) = (self.judge.staging.found(self.judge.target), self.compared());
        let (postgis, group) = (&self.spatial.postgis, self.group_of(""));
        format!(
            "drop table if exists {rim};
             create unlogged table {rim} with (autovacuum_enabled = false) as {once};
             create index on {rim} using gist (side {postgis}gist_geometry_ops_2d);
             analyze {rim}",
            once = self.once(&format!(
                "select {group}{ORDINAL}, __key, {postgis}st_normalize(({postgis}st_dumpsegments({})).geom) as side from {compared}",
                part(0)
            )),
        )
    }

    /// What stands once among sides. Of a group of one the least is the one there is.
    fn once(&self, sides: &str) -> String {
        let group = self.group_of("");
        format!(
            "select {group}side, min({ORDINAL}) as {ORDINAL}, min(__key) as __key from ({sides}) sides
             group by {group}side having count(*) = 1"
        )
    }

    /// The rim with its sides parted where a corner lies on them; parts that meet others are
    /// shared sides then, and no rim.
    fn parted_rim(&self) -> String {
        let rim = self.judge.staging.found(self.judge.target);
        let (postgis, group) = (&self.spatial.postgis, self.group_of(""));
        let (of_r, of_c) = (self.group_of("r."), self.group_of("c."));
        let reach = self.spatial.centimetre();
        format!(
            "corners as materialized (
               select {group}{postgis}st_startpoint(side) as corner from {rim} union
               select {group}{postgis}st_endpoint(side) from {rim}),
             parted as materialized (
               select r.ctid as place, {of_r}r.{ORDINAL}, r.__key, r.side,
                 array_agg(c.corner order by {postgis}st_distance({postgis}st_startpoint(r.side), c.corner)) as corners
               from corners c join {rim} r on {meet}{same} and {postgis}st_dwithin(r.side, c.corner, {reach})
                 and not {postgis}st_dwithin({postgis}st_startpoint(r.side), c.corner, {reach})
                 and not {postgis}st_dwithin({postgis}st_endpoint(r.side), c.corner, {reach})
               group by r.ctid, {of_r}r.{ORDINAL}, r.__key, r.side),
             pieces as (
               select {group}{ORDINAL}, __key, {postgis}st_startpoint(side) || corners || {postgis}st_endpoint(side) as corners from parted),
             rim as materialized ({once})",
            meet = self
                .spatial
                .boxes_meet("r.side", &format!("{postgis}st_expand(c.corner, {reach})")),
            same = self.same("r", "c"),
            once = self.once(&format!(
                "select {of_r}r.{ORDINAL}, r.__key, r.side from {rim} r where not exists (select from parted p where p.place = r.ctid)
                 union all
                 select {of_c}c.{ORDINAL}, c.__key, {postgis}st_normalize({postgis}st_makeline(c.corners[at], c.corners[at + 1]))
                 from pieces c, generate_series(1, cardinality(c.corners) - 1) at"
            )),
        )
    }

    /// Gaps, and the records that they are the matter of: those whose sides they have.
    ///
    /// A gap may be all roads of a town, with a hole for each block. So it is known by a number,
    /// and its neighbours by their sides; to compare outlines with it would take their product.
    fn note(&self, noted: Noted) -> String {
        let (postgis, compared) = (&self.spatial.postgis, self.compared());
        let (tolerance, geometry) = (self.tolerance, part(0));
        let most =
            self.largest.map_or_else(String::new, |largest| format!(" and area <= {largest}"));
        let load = self.judge.load;
        // A ring of the rim is covered or it is not: any place inside tells.
        format!(
            "with {rim},
             rings as materialized (
               select {group}ring, row_number() over () as number, {ring_area} as area, {postgis}st_pointonsurface(ring) as place
               from (select {group}({postgis}st_dump({postgis}st_polygonize(side))).geom as ring from rim {by}) rings),
             gaps as materialized (
               select * from rings r where area > {tolerance}{most} and not exists (
                 select from {compared} o where {meet}{same_ring} and {postgis}st_intersects(o.{geometry}, r.place))),
             sides as materialized (
               select {group}number, area, {postgis}st_normalize(({postgis}st_dumpsegments(ring)).geom) as side from gaps)
             {insert}, last, 'rule.gap', {column}, {message}, nullif(first, last), key
             from (select s.area, max(r.{ORDINAL}) as last, min(r.{ORDINAL}) as first,
                 case when max(r.{ORDINAL}) = min(r.{ORDINAL}) then min(r.__key) end as key
               from sides s join rim r on r.side operator({postgis}=) s.side{same_side}
               group by s.number, s.area) g
             where last is not null",
            rim = self.parted_rim(),
            group = self.group_of(""),
            by = match self.shared.is_empty() {
                true => String::new(),
                false => format!("group by {}", self.shared.join(", ")),
            },
            ring_area = self.spatial.area("ring"),
            meet = self.spatial.boxes_meet(&format!("o.{geometry}"), "r.place"),
            same_ring = self.same("o", "r"),
            insert = noted.insert(self.judge),
            column = quote_literal(&load.columns[self.column].column.name),
            message = self.message(),
            same_side = self.same("r", "s"),
        )
    }

    fn message(&self) -> String {
        format!(
            "{} || {} || {}",
            quote_literal("there is a gap of "),
            self.judge.amount(self.column, "more than is tolerated", "g.area"),
            quote_literal(" between it and its neighbours")
        )
    }

    fn compared(&self) -> String {
        self.judge.staging.compared(self.judge.target)
    }
}
