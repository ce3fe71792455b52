//! Reads every outline once, from west to east, for all rules that want to see them.
//!
//! The server sorts, and a cursor gives outlines in parts: no more are held here than a line
//! from south to north crosses. That costs the server 0.7 s of processor time for 300,000
//! parcels, and 0.3 s here.

use std::sync::Arc;

use tokio_postgres::types::{ToSql, Type};

use super::{
    super::{Place, failed},
    compared::{NUMBER, Outlines, group, outline},
    rim::{Rim, Side},
    rings::Rings,
    sweep::{Outline, Sweep, TooMany},
};
use crate::{
    error::{Error, Result},
    failpoint,
    postgres::{session::TRANSACTION_SETTINGS, tenant::and_tenant},
};

/// Outlines that come from the server at a time.
const OUTLINES_AT_ONCE: usize = 20_000;

/// Pairs, or sides of the rim, that go to the server at a time.
const NOTED_MAX: usize = 10_000;

/// Sides of a rim that are held here; 300,000 parcels along streets that belong to nobody have
/// 600,000. More go to the server.
const SIDES_HELD_MAX: usize = 1 << 20;

/// Outlines with more corners are compared by the server.
const CORNERS_MAX: usize = 32;

/// Pairs of outlines whose boxes meet: so many for each record, and so many at least. Lots meet
/// eight others, and a road some thousands.
const PAIRS_MAX: u64 = 200;
const PAIRS_FREE: u64 = 1_000_000;

/// What is wanted of a reading.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wanted {
    /// The pairs that may share more than an area, into the table of pairs.
    pub(super) pairs: Option<f64>,
    /// The rim.
    pub(super) rim: bool,
    /// Whether the rows of the table that stay are read, too.
    pub(super) staying: bool,
}

/// What was read.
pub(super) struct Found {
    /// How many pairs were noted.
    pub(super) pairs: usize,
    /// The rim, where it was wanted.
    pub(super) rim: Option<FoundRim>,
}

/// The rim of all outlines that were read.
#[derive(Debug, Clone)]
pub(super) enum FoundRim {
    /// Its sides, sorted by their groups, and the reference system that they are in.
    Held(Arc<Vec<Side>>, i32),
    /// In its table, since there are many sides.
    Noted,
}

/// What is made of the outlines read so far, and not yet noted.
struct Seen {
    sweep: Option<Sweep>,
    pairs: Vec<(i64, i64)>,
    count_pairs: usize,
    rim: Option<Rim>,
    sides: Vec<Side>,
    has_many_sides: bool,
    rings: Rings,
    srid: i32,
}

impl Outlines<'_> {
    /// Reads all outlines, in a transaction of its own unless one is open.
    ///
    /// # Errors
    /// `ErrorKind::Definition` where too many pairs meet, `ErrorKind::Environment` when the
    /// server refuses.
    pub(super) async fn read(&self, wanted: Wanted, doing: &'static str) -> Result<Found> {
        let judge = self.judge;
        if judge.place == Place::Within {
            return self.read_within(wanted, doing).await;
        }
        let begin = format!("begin; {TRANSACTION_SETTINGS}{}", and_tenant(judge.staging.tenant()));
        judge.client.batch_execute(&begin).await.map_err(failed(doing))?;
        let read = self.read_within(wanted, doing).await;
        let end = if read.is_ok() { "commit" } else { "rollback" };
        let ended = judge.client.batch_execute(end).await;
        let found = read?;
        ended.map_err(failed(doing))?;
        Ok(found)
    }

    async fn read_within(&self, wanted: Wanted, doing: &'static str) -> Result<Found> {
        let client = self.judge.client;
        client.batch_execute(&self.open(wanted)).await.map_err(failed(doing))?;
        let least = |tolerance| self.spatial.least_area(tolerance);
        let mut seen = Seen {
            sweep: wanted
                .pairs
                .map(|tolerance| Sweep::new(least(tolerance), (PAIRS_FREE, PAIRS_MAX))),
            pairs: Vec::new(),
            count_pairs: 0,
            rim: wanted.rim.then(Rim::default),
            sides: Vec::new(),
            has_many_sides: false,
            rings: Rings::default(),
            srid: 0,
        };
        let fetch = format!("fetch {OUTLINES_AT_ONCE} from outlines");
        loop {
            let rows = client.query_typed(&fetch, &[]).await.map_err(failed(doing))?;
            for row in &rows {
                seen.take(row).map_err(|TooMany| self.too_many_meet())?;
            }
            let is_last = rows.len() < OUTLINES_AT_ONCE;
            if let Some(rim) = seen.rim.take_if(|_| is_last) {
                rim.end(&mut seen.sides);
            }
            self.note(&mut seen, doing).await?;
            if is_last {
                break;
            }
        }
        client.batch_execute(&self.close(wanted, &seen)).await.map_err(failed(doing))?;
        let pairs = seen.count_pairs;
        Ok(Found { pairs, rim: wanted.rim.then(|| seen.into_rim()) })
    }

    /// Arcs become lines for the rim. What they enclose is known by its box alone, as is what
    /// cannot be read: the server compares that.
    fn open(&self, wanted: Wanted) -> String {
        let (postgis, outline) = (&self.spatial.postgis, outline());
        let side = |side: &str| format!("{postgis}st_{side}({outline})");
        let columns = match self.is_of_polygons() {
            true => format!(
                "{outline}::bytea, true, null::float8, null::float8, null::float8, null::float8"
            ),
            false => format!(
                "(case when {postgis}st_hasarc({outline}) then {postgis}st_curvetoline({outline}) else {outline} end)::bytea,
                 not {postgis}st_hasarc({outline}), {}, {}, {}, {}",
                side("xmin"), side("ymin"), side("xmax"), side("ymax")
            ),
        };
        let (pairs, rim) = (self.pairs(), self.rim());
        let mut open = String::new();
        if wanted.pairs.is_some() {
            open.push_str(&format!(
                "drop table if exists {pairs};
                 create unlogged table {pairs} (later bigint, earlier bigint) with (autovacuum_enabled = false);"
            ));
        }
        if wanted.rim {
            open.push_str(&format!(
                "drop table if exists {rim};
                 create unlogged table {rim} (part bigint, number bigint, surplus int, side {postgis}geometry) with (autovacuum_enabled = false);"
            ));
        }
        // All of it is read, so what gives the first rows soon is no better plan.
        format!(
            "{open} set local cursor_tuple_fraction = 1; declare outlines no scroll cursor for
             select {NUMBER}, {group}, {columns} from ({every}) every
             where not {postgis}st_isempty({outline}) order by {west}",
            group = group(),
            every = self.every(wanted.staying),
            west = side("xmin"),
        )
    }

    fn close(&self, wanted: Wanted, seen: &Seen) -> String {
        let mut close = "close outlines".to_owned();
        if wanted.pairs.is_some() {
            close.push_str(&format!("; analyze {}", self.pairs()));
        }
        if seen.has_many_sides {
            let (rim, postgis) = (self.rim(), &self.spatial.postgis);
            close.push_str(&format!(
                "; create index on {rim} using gist (side {postgis}gist_geometry_ops_2d); analyze {rim}"
            ));
        }
        close
    }

    async fn note(&self, seen: &mut Seen, doing: &'static str) -> Result<()> {
        seen.count_pairs += seen.pairs.len();
        for some in seen.pairs.chunks(NOTED_MAX) {
            self.note_pairs(some, doing).await?;
        }
        seen.pairs.clear();
        seen.has_many_sides |= seen.sides.len() > failpoint::most(SIDES_HELD_MAX);
        if seen.has_many_sides {
            for some in seen.sides.chunks(NOTED_MAX) {
                self.note_sides(some, seen.srid, doing).await?;
            }
            seen.sides.clear();
        }
        Ok(())
    }

    /// Of two records the one with the greater number is the later; of rows numbers are below 0.
    async fn note_pairs(&self, pairs: &[(i64, i64)], doing: &'static str) -> Result<()> {
        let insert = format!("insert into {} select * from unnest($1, $2)", self.pairs());
        let ordered = pairs.iter().map(|(one, other)| (one.max(other), one.min(other)));
        let (later, earlier): (Vec<i64>, Vec<i64>) = ordered.unzip();
        let values: [(&(dyn ToSql + Sync), Type); 2] =
            [(&later, Type::INT8_ARRAY), (&earlier, Type::INT8_ARRAY)];
        self.judge.client.execute_typed(&insert, &values).await.map_err(failed(doing)).map(drop)
    }

    async fn note_sides(&self, sides: &[Side], srid: i32, doing: &'static str) -> Result<()> {
        let postgis = &self.spatial.postgis;
        let insert = format!(
            "insert into {rim} select part, number, surplus, {postgis}st_setsrid({postgis}st_makeline(
               {postgis}st_makepoint(ax, ay), {postgis}st_makepoint(bx, by)), {srid})
             from unnest($1, $2, $3, $4, $5, $6, $7) s (part, number, surplus, ax, ay, bx, by)",
            rim = self.rim()
        );
        let column = |of: fn(&Side) -> i64| sides.iter().map(of).collect::<Vec<i64>>();
        let (groups, numbers) = (column(|side| side.group), column(|side| side.number));
        let surplus: Vec<i32> = sides.iter().map(|side| side.surplus).collect();
        let place = |of: fn(&Side) -> f64| sides.iter().map(of).collect::<Vec<f64>>();
        let (ax, ay) = (place(|side| side.from[0]), place(|side| side.from[1]));
        let (bx, by) = (place(|side| side.to[0]), place(|side| side.to[1]));
        let values: [(&(dyn ToSql + Sync), Type); 7] = [
            (&groups, Type::INT8_ARRAY),
            (&numbers, Type::INT8_ARRAY),
            (&surplus, Type::INT4_ARRAY),
            (&ax, Type::FLOAT8_ARRAY),
            (&ay, Type::FLOAT8_ARRAY),
            (&bx, Type::FLOAT8_ARRAY),
            (&by, Type::FLOAT8_ARRAY),
        ];
        self.judge.client.execute_typed(&insert, &values).await.map_err(failed(doing)).map(drop)
    }

    /// Refuses what would not end: pairs are looked at one by one, and where most outlines lie
    /// over one another there are about as many as the square of the records.
    fn too_many_meet(&self) -> Error {
        let table = &self.judge.load.table.name;
        let error = format!(
            "too many outlines for {table} lie over one another to look for overlaps: more than {PAIRS_MAX} for each record"
        );
        Error::definition(error).hint(
            "compare fewer rows with one another, by more columns in `within`, or take the rule out",
        )
    }

    /// The table of the pairs that may overlap.
    pub(super) fn pairs(&self) -> String {
        let [_, pairs, _] = self.judge.staging.of_rules(self.judge.target);
        pairs
    }

    /// The table of the rim.
    pub(super) fn rim(&self) -> String {
        let [_, _, rim] = self.judge.staging.of_rules(self.judge.target);
        rim
    }
}

impl Seen {
    fn into_rim(mut self) -> FoundRim {
        if self.has_many_sides {
            return FoundRim::Noted;
        }
        self.sides.sort_unstable_by_key(|side| side.group);
        FoundRim::Held(Arc::new(self.sides), self.srid)
    }

    fn take(&mut self, row: &tokio_postgres::Row) -> Result<(), TooMany> {
        let (number, group): (i64, i64) = (row.get(0), row.get(1));
        let is_read = self.rings.read(row.get(2));
        if self.srid == 0 {
            self.srid = self.rings.srid;
        }
        let is_exact = is_read && row.get(3);
        let server = |at| row.get::<_, Option<f64>>(at).unwrap_or(f64::NAN);
        let known = self.rings.sides().filter(|_| is_exact);
        let sides = known.unwrap_or_else(|| [4, 5, 6, 7].map(server));
        if let Some(rim) = &mut self.rim {
            rim.prune(sides[0], &mut self.sides);
            if is_read {
                self.rings.each_side(|from, to| rim.take((number, group), from, to));
            }
        }
        let Some(sweep) = &mut self.sweep else { return Ok(()) };
        let corners = match self.rings.corners() {
            corners if is_exact && corners.len() <= CORNERS_MAX => corners.to_vec(),
            _ => Vec::new(),
        };
        sweep.take(Outline { number, group, sides, corners }, &mut self.pairs)
    }
}
