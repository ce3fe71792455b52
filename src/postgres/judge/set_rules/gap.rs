//! No area is enclosed by rows and part of none.
//!
//! Sides that two rows share cancel, so what is left is the rim of what is covered
//! ([`super::rim`]). Where a corner of one row lies on a side of another, the side is parted
//! there first. Faces of the rim that nobody covers are gaps ([`super::faces`]). That reads every
//! outline once; the union of 300,000 parcels alone takes longer. Where outlines cross instead of
//! meeting, a gap may be seen only once they are mended: such places overlap.

use std::sync::Arc;

use tokio_postgres::types::{ToSql, Type};

use super::{
    super::{Judge, failed, not_rejected_at},
    Look, Noted,
    compared::{NUMBER, Outlines},
    faces::{self, Gap},
    reading::{FoundRim, Wanted},
    rim::Side,
};
use crate::{
    error::{Error, Result},
    postgres::sql::quote_literal,
};

const DOING: &str = "look for gaps";

/// Gaps that go to the server at a time, and corners of theirs.
const GAPS_MAX: usize = 10_000;
const CORNERS_MAX: usize = 1 << 19;

/// Well-known binary of a polygon that says its reference system.
const POLYGON: u32 = 3 | 0x2000_0000;

/// The rule as it is judged.
pub(super) struct Gaps<'a> {
    pub(super) outlines: Outlines<'a>,
    tolerance: f64,
    largest: Option<f64>,
}

impl Judge<'_> {
    /// `known` is the rim where it has been read before, and the rows that stay are noted; gives
    /// how many lines were noted. The rim goes unless somebody else has it, too.
    ///
    /// Whoever looks later looks for gaps that have come since. The holes that rejected records
    /// leave are as old as their rejection.
    pub(super) async fn check_gaps(
        &self,
        (column, within): (usize, &[usize]),
        (tolerance, largest): (f64, Option<f64>),
        noted: Noted,
        (known, look): (Option<FoundRim>, Look),
    ) -> Result<u64> {
        let mut outlines = self.outlines(column, within).await?;
        outlines.with_rejected = look == Look::Later;
        let rim = match known {
            Some(rim) => rim,
            None => {
                outlines.note_staying(DOING).await?;
                let wanted = Wanted { rim: true, staying: true, ..Wanted::default() };
                outlines.read(wanted, DOING).await?.rim.unwrap_or(FoundRim::Noted)
            }
        };
        let gaps = Gaps { outlines, tolerance, largest };
        match rim {
            FoundRim::Noted => self.execute(&gaps.note_of_table(noted), DOING).await,
            FoundRim::Held(sides, srid) => {
                gaps.note_of_held((Arc::unwrap_or_clone(sides), srid), noted).await
            }
        }
    }
}

impl Gaps<'_> {
    async fn note_of_held(&self, (sides, srid): (Vec<Side>, i32), noted: Noted) -> Result<u64> {
        let spatial = &self.outlines.spatial;
        let (reach, least) = (spatial.centimetre(), spatial.least_area(self.tolerance));
        let finding = tokio::task::spawn_blocking(move || faces::gaps(sides, reach, least));
        let found = finding.await;
        let found =
            found.map_err(|cause| Error::unexpected("looking for gaps failed").caused_by(cause))?;
        let (mut rest, mut lines) = (&found[..], 0);
        while !rest.is_empty() {
            let (some, more) = rest.split_at(how_many_at_once(rest));
            lines += self.note_found(some, srid, noted).await?;
            rest = more;
        }
        Ok(lines)
    }

    async fn note_found(&self, found: &[Gap], srid: i32, noted: Noted) -> Result<u64> {
        let postgis = &self.outlines.spatial.postgis;
        let note = format!(
            "with rings as materialized (
               select ring_number, {area} as area from (
                 select ring_number, {postgis}st_geomfromewkb(outline) as ring
                 from unnest($1) with ordinality found (outline, ring_number)) found),
             gaps as (select ring_number, area from rings where {matters}),
             walls (ring_number, number) as (select * from unnest($2, $3))
             {tail}",
            area = self.outlines.spatial.area("ring"),
            matters = self.matters(),
            tail = self.tail(noted),
        );
        let outlines: Vec<Vec<u8>> = found.iter().map(|gap| polygon(gap, srid)).collect();
        let walls = (1_i64..).zip(found);
        let walls = walls.flat_map(|(at, gap)| gap.neighbours.iter().map(move |it| (at, *it)));
        let (rings, neighbours): (Vec<i64>, Vec<i64>) = walls.unzip();
        let values: [(&(dyn ToSql + Sync), Type); 3] = [
            (&outlines, Type::BYTEA_ARRAY),
            (&rings, Type::INT8_ARRAY),
            (&neighbours, Type::INT8_ARRAY),
        ];
        self.outlines.judge.client.execute_typed(&note, &values).await.map_err(failed(DOING))
    }

    /// The condition that an `area` is a gap that matters.
    pub(super) fn matters(&self) -> String {
        let largest = self.largest.map(|largest| format!(" and area <= {largest}"));
        format!("area > {}{}", self.tolerance, largest.unwrap_or_default())
    }

    /// Notes the records that `gaps` (`ring_number`, `area`) are the matter of: those whose sides
    /// are `walls` (`ring_number`, `number`). The last of them is rejected.
    ///
    /// A gap may be all roads of a town, with a hole for each block. So its neighbours are known
    /// by their sides; to compare outlines with it would take their product.
    pub(super) fn tail(&self, noted: Noted) -> String {
        let judge = self.outlines.judge;
        format!(
            "{insert}, last, 'rule.gap', {column}, {message}, nullif(first, last), key
             from (select g.area, max(w.number) filter (where {stands}) as last,
                 min(w.number) filter (where {stands}) as first,
                 case when count(distinct w.number) filter (where {stands}) = 1 then min(k.__key) end as key
               from gaps g join walls w using (ring_number)
                 left join {compared} k on w.number < 0 and k.{NUMBER} = w.number
               group by g.ring_number, g.area) g
             where last is not null",
            insert = noted.insert(judge),
            column = quote_literal(&judge.load.columns[self.outlines.column].column.name),
            message = self.message(),
            stands = format!(
                "w.number > 0 and {}",
                not_rejected_at(judge.staging, &judge.target.to_string(), "w.number")
            ),
            compared = self.outlines.compared(),
        )
    }

    fn message(&self) -> String {
        let judge = self.outlines.judge;
        format!(
            "{} || {} || {}",
            quote_literal("there is a gap of "),
            judge.amount(self.outlines.column, "more than is tolerated", "g.area"),
            quote_literal(" between it and its neighbours")
        )
    }
}

/// How many gaps go to the server at once: one at least, whatever its corners.
fn how_many_at_once(found: &[Gap]) -> usize {
    let mut corners = 0;
    let fits = |gap: &&Gap| {
        corners += gap.rings.iter().map(Vec::len).sum::<usize>();
        corners <= CORNERS_MAX
    };
    found.iter().take(GAPS_MAX).take_while(fits).count().max(1)
}

/// A gap as PostGIS's well-known binary.
fn polygon(gap: &Gap, srid: i32) -> Vec<u8> {
    let count = |items: usize| u32::try_from(items).unwrap_or(u32::MAX).to_le_bytes();
    let mut outline = vec![1];
    outline.extend(POLYGON.to_le_bytes());
    outline.extend(srid.to_le_bytes());
    outline.extend(count(gap.rings.len()));
    for ring in &gap.rings {
        outline.extend(count(ring.len()));
        outline.extend(ring.iter().flatten().flat_map(|ordinate| ordinate.to_le_bytes()));
    }
    outline
}
