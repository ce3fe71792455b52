//! No area is enclosed by rows and part of none.
//!
//! Sides that two rows share stand in both of them with the same ends, so what is left when
//! those are taken out is the rim of what is covered. Where a corner of one row lies on a
//! side of another, the side is parted there first. Rings of the rim that enclose nothing
//! covered are gaps. That reads every outline once; the union of 300,000 parcels alone takes
//! longer. Where outlines cross instead of meeting, a gap may be seen only once they are
//! mended: such places overlap.

use super::{
    super::Judge,
    Noted,
    compared::{group, outline},
    spatial::Spatial,
};
use crate::{
    error::Result,
    postgres::{sql::quote_literal, staging::ORDINAL},
};

/// The rule as it is judged.
struct Gaps<'a> {
    spatial: Spatial,
    column: usize,
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
        let shape = self.outlined(column, within);
        self.compare_written(&shape, doing).await?;
        self.compare_staying(&shape, doing).await?;
        let gaps = Gaps { spatial, column, tolerance, largest, judge: self };
        self.execute(&gaps.index_compared(), doing).await?;
        self.execute(&gaps.make_rim(), doing).await?;
        self.execute(&gaps.note(noted), doing).await?;
        Ok(())
    }
}

impl Gaps<'_> {
    fn index_compared(&self) -> String {
        let (compared, postgis) = (self.compared(), &self.spatial.postgis);
        format!(
            "create index on {compared} using gist ({} {postgis}gist_geometry_ops_2d);
             analyze {compared} ({})",
            outline(),
            group()
        )
    }

    /// The sides that stand in one outline only, with the record or row they are of.
    fn make_rim(&self) -> String {
        let (rim, compared) = (self.judge.staging.found(self.judge.target), self.compared());
        let postgis = &self.spatial.postgis;
        format!(
            "drop table if exists {rim};
             create unlogged table {rim} with (autovacuum_enabled = false) as {once};
             create index on {rim} using gist (side {postgis}gist_geometry_ops_2d);
             analyze {rim}",
            once = self.once(&format!(
                "select {} as part, {ORDINAL}, __key, {postgis}st_normalize(({postgis}st_dumpsegments({})).geom) as side from {compared}",
                group(),
                outline()
            )),
        )
    }

    /// What stands once among sides. Of a group of one the least is the one there is.
    ///
    /// Sides are sorted by their hash: to compare geometries for it took 22 s of processor time
    /// for the sides of 300,000 parcels, and takes 2 s where only equal ones are compared.
    fn once(&self, sides: &str) -> String {
        let postgis = &self.spatial.postgis;
        format!(
            "select part, side, min({ORDINAL}) as {ORDINAL}, min(__key) as __key from ({sides}) sides
             group by {postgis}geometry_hash(side), side, part having count(*) = 1"
        )
    }

    /// The rim with its sides parted where a corner lies on them; parts that meet others are
    /// shared sides then, and no rim.
    fn parted_rim(&self) -> String {
        let rim = self.judge.staging.found(self.judge.target);
        let postgis = &self.spatial.postgis;
        let reach = self.spatial.centimetre();
        format!(
            "corners as materialized (
               select part, {postgis}st_startpoint(side) as corner from {rim} union
               select part, {postgis}st_endpoint(side) from {rim}),
             parted as materialized (
               select r.ctid as place, r.part, r.{ORDINAL}, r.__key, r.side,
                 array_agg(c.corner order by {postgis}st_distance({postgis}st_startpoint(r.side), c.corner)) as corners
               from corners c join {rim} r on {meet} and r.part = c.part and {postgis}st_dwithin(r.side, c.corner, {reach})
                 and not {postgis}st_dwithin({postgis}st_startpoint(r.side), c.corner, {reach})
                 and not {postgis}st_dwithin({postgis}st_endpoint(r.side), c.corner, {reach})
               group by r.ctid, r.part, r.{ORDINAL}, r.__key, r.side),
             pieces as (
               select part, {ORDINAL}, __key, {postgis}st_startpoint(side) || corners || {postgis}st_endpoint(side) as corners from parted),
             rim as materialized ({once})",
            meet = self
                .spatial
                .boxes_meet("r.side", &format!("{postgis}st_expand(c.corner, {reach})")),
            once = self.once(&format!(
                "select r.part, r.{ORDINAL}, r.__key, r.side from {rim} r where not exists (select from parted p where p.place = r.ctid)
                 union all
                 select c.part, c.{ORDINAL}, c.__key, {postgis}st_normalize({postgis}st_makeline(c.corners[at], c.corners[at + 1]))
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
        let (tolerance, outline) = (self.tolerance, outline());
        let most =
            self.largest.map_or_else(String::new, |largest| format!(" and area <= {largest}"));
        let load = self.judge.load;
        // A ring of the rim is covered or it is not: any place inside tells.
        format!(
            "with {rim},
             rings as materialized (
               select part, ring, row_number() over () as number, {ring_area} as area
               from (select part, ({postgis}st_dump({postgis}st_polygonize(side))).geom as ring from rim group by part) rings),
             places as materialized (
               select *, {postgis}st_pointonsurface(ring) as place from rings where area > {tolerance}{most}),
             gaps as materialized (
               select * from places r where not exists (
                 select from {compared} o where {meet} and o.{group} = r.part and {postgis}st_intersects(o.{outline}, r.place))),
             sides as materialized (
               select part, number, area, {postgis}st_normalize(({postgis}st_dumpsegments(ring)).geom) as side from gaps)
             {insert}, last, 'rule.gap', {column}, {message}, nullif(first, last), key
             from (select s.area, max(r.{ORDINAL}) as last, min(r.{ORDINAL}) as first,
                 case when max(r.{ORDINAL}) = min(r.{ORDINAL}) then min(r.__key) end as key
               from sides s join rim r on r.side operator({postgis}=) s.side and r.part = s.part
               group by s.number, s.area) g
             where last is not null",
            rim = self.parted_rim(),
            ring_area = self.spatial.area("ring"),
            meet = self.spatial.boxes_meet(&format!("o.{outline}"), "r.place"),
            group = group(),
            insert = noted.insert(self.judge),
            column = quote_literal(&load.columns[self.column].column.name),
            message = self.message(),
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
