//! Gaps of a rim that is too large to be held here: its table is asked.
//!
//! Where a corner of one row lies on a side of another, the side is parted there first; rings
//! are made of what does not cancel then. A side of the rim says on which of its sides more is
//! covered. A ring that has the greater count on its inside is covered. Of the few others a ray
//! tells: along it counts add up to those who cover the place that it starts from.

use super::{Noted, gap::Gaps};

impl Gaps<'_> {
    /// The rim with its sides parted where a corner lies on them; parts that meet others are
    /// shared sides then, and cancel.
    fn parted_rim(&self) -> String {
        let (rim, spatial) = (self.outlines.rim(), &self.outlines.spatial);
        let (postgis, reach) = (&spatial.postgis, spatial.centimetre());
        format!(
            "corners as materialized (
               select part, {postgis}st_startpoint(side) as corner from {rim} union
               select part, {postgis}st_endpoint(side) from {rim}),
             parted as materialized (
               select r.ctid as place, r.part, r.number, r.surplus, r.side,
                 array_agg(c.corner order by {postgis}st_distance({postgis}st_startpoint(r.side), c.corner)) as corners
               from corners c join {rim} r on {meet} and r.part = c.part and {postgis}st_dwithin(r.side, c.corner, {reach})
                 and not {postgis}st_dwithin({postgis}st_startpoint(r.side), c.corner, {reach})
                 and not {postgis}st_dwithin({postgis}st_endpoint(r.side), c.corner, {reach})
               group by r.ctid, r.part, r.number, r.surplus, r.side),
             pieces as (
               select part, number, surplus, {postgis}st_startpoint(side) || corners || {postgis}st_endpoint(side) as corners from parted),
             rim as materialized (
               select part, side, sum(surplus) as surplus, max(number) as number from (
                 select r.part, r.number, r.surplus, r.side from {rim} r where not exists (select from parted p where p.place = r.ctid)
                 union all
                 select part, number, case when forward then surplus else -surplus end, side
                 from (select c.part, c.number, c.surplus, {directed}
                   from (select *, c.corners[at] as a, c.corners[at + 1] as b
                     from pieces c, generate_series(1, cardinality(c.corners) - 1) at) c) pieces
               ) sides
               group by {postgis}geometry_hash(side), side, part having sum(surplus) <> 0)",
            meet = spatial.boxes_meet("r.side", &format!("{postgis}st_expand(c.corner, {reach})")),
            directed = self.directed("c.a", "c.b"),
        )
    }

    /// A side between two ends as the rim has it, and whether it goes `forward`, as there.
    fn directed(&self, a: &str, b: &str) -> String {
        let postgis = &self.outlines.spatial.postgis;
        let forward = format!(
            "({postgis}st_x({a}), {postgis}st_y({a})) < ({postgis}st_x({b}), {postgis}st_y({b}))"
        );
        format!(
            "case when {forward} then {postgis}st_makeline({a}, {b}) else {postgis}st_makeline({b}, {a}) end as side,
             {forward} as forward"
        )
    }

    /// Gaps, and the records that they are the matter of: those whose sides they have.
    ///
    /// A gap may be all roads of a town, with a hole for each block. So it is known by a number,
    /// and its neighbours by their sides; to compare outlines with it would take their product.
    pub(super) fn note_of_table(&self, noted: Noted) -> String {
        let spatial = &self.outlines.spatial;
        let postgis = &spatial.postgis;
        format!(
            "with {rim},
             rings as materialized (
               select part, ring, row_number() over () as ring_number, {ring_area} as area
               from (select part, ({postgis}st_dump({postgis}st_polygonize(side))).geom as ring from rim group by part) rings),
             walls as materialized (
               select w.ring_number, r.number, case when w.forward then r.surplus else -r.surplus end as surplus
               from (select e.part, e.ring_number, {directed} from (
                   select part, ring_number, {postgis}st_startpoint(edge) as a, {postgis}st_endpoint(edge) as b from (
                     select part, ring_number, ({postgis}st_dumpsegments({postgis}st_forcepolygonccw(ring))).geom as edge
                     from rings where {matters}) edges) e) w
               join rim r on r.side operator({postgis}=) w.side and r.part = w.part),
             open as materialized (
               select part, ring_number, area, {postgis}st_pointonsurface(ring) as place from rings
               where ring_number in (select ring_number from walls group by ring_number having max(surplus) < 0)),
             gaps as (select o.ring_number, o.area from open o where {covering} = 0)
             {tail}",
            rim = self.parted_rim(),
            ring_area = spatial.area("ring"),
            matters = self.matters(),
            directed = self.directed("e.a", "e.b"),
            covering = self.covering(),
            tail = self.tail(noted),
        )
    }

    /// How many outlines cover a place: what a ray to the east crosses adds up to it.
    fn covering(&self) -> String {
        let (rim, spatial) = (self.outlines.rim(), &self.outlines.spatial);
        let postgis = &spatial.postgis;
        let ray = format!(
            "{postgis}st_makeline(o.place, {postgis}st_setsrid({postgis}st_makepoint(
               (select max({postgis}st_xmax(side)) from {rim}), {postgis}st_y(o.place)), {postgis}st_srid(o.place)))"
        );
        let end =
            |end: &str, axis: &str| format!("{postgis}st_{axis}({postgis}st_{end}point(r.side))");
        let [ax, ay, bx, by] = [("start", "x"), ("start", "y"), ("end", "x"), ("end", "y")]
            .map(|(of, axis)| end(of, axis));
        format!(
            "(select coalesce(sum(case
                 when ay <= y and by > y and (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0 then surplus
                 when by <= y and ay > y and (bx - ax) * (y - ay) - (by - ay) * (x - ax) < 0 then -surplus
                 else 0 end), 0)
               from (select r.surplus, {ax} as ax, {ay} as ay, {bx} as bx, {by} as by,
                   {postgis}st_x(o.place) as x, {postgis}st_y(o.place) as y
                 from {rim} r where {meet} and r.part = o.part) crossed)",
            meet = spatial.boxes_meet("r.side", &ray),
        )
    }
}
