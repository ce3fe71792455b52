//! How the database measures a geometry column.

use tokio_postgres::types::Type;

use super::super::{Judge, failed};
use crate::{
    error::{Error, Result},
    postgres::sql::quote_identifier,
    schema::PgType,
};

/// PostGIS as this database has it, and what one column's coordinates are.
pub(super) struct Spatial {
    /// The schema of PostGIS with its dot, quoted: not every search path has it.
    pub(super) postgis: String,
    geographic: bool,
}

/// Square metres of a square degree, at most: bounds in degrees are turned into an area that
/// theirs cannot exceed.
const SQUARE_DEGREE_MAX: f64 = 1.25e10;

impl Judge<'_> {
    /// # Errors
    /// `ErrorKind::Environment` when the server refuses, or has no PostGIS.
    pub(super) async fn spatial(&self, column: usize) -> Result<Spatial> {
        let failed = || failed("ask for PostGIS");
        let query = "select n.nspname from pg_catalog.pg_extension e
            join pg_catalog.pg_namespace n on n.oid = e.extnamespace where e.extname = 'postgis'";
        let row = self.client.query_typed_opt(query, &[]).await.map_err(failed())?;
        let row = row.ok_or_else(|| {
            Error::environment("the database has no PostGIS")
                .hint("create extension postgis, or take the rules on geometries out")
        })?;
        let postgis = format!("{}.", quote_identifier(row.get(0)));
        let srid = match &self.load.columns[column].column.pg_type {
            PgType::Geometry(shape) | PgType::Geography(shape) => shape.srid,
            _ => 0,
        };
        let query = format!(
            "select exists (select from {postgis}spatial_ref_sys where srid = $1 and proj4text like '%+proj=longlat%')"
        );
        let row = self.client.query_typed_one(&query, &[(&srid, Type::INT4)]).await;
        Ok(Spatial { postgis, geographic: row.map_err(failed())?.get(0) })
    }
}

impl Spatial {
    /// The area of a geometry: square metres where it has degrees, else square units.
    pub(super) fn area(&self, geometry: &str) -> String {
        let postgis = &self.postgis;
        match self.geographic {
            true => format!("{postgis}st_area(({geometry})::{postgis}geography)"),
            false => format!("{postgis}st_area({geometry})"),
        }
    }

    /// The area in square units of the column that no less than an area has, which is in square
    /// metres where the column has degrees.
    pub(super) fn least_area(&self, area: f64) -> f64 {
        if self.geographic { area / SQUARE_DEGREE_MAX } else { area }
    }

    /// About a centimetre, in the units of the column: what lies closer is the same place.
    pub(super) fn centimetre(&self) -> f64 {
        if self.geographic { 1e-7 } else { 0.01 }
    }

    /// Whether two geometries are no further apart than a distance in metres, or units.
    pub(super) fn near(&self, left: &str, right: &str, distance: f64) -> String {
        let postgis = &self.postgis;
        match self.geographic {
            true => format!(
                "{postgis}st_dwithin(({left})::{postgis}geography, ({right})::{postgis}geography, {distance})"
            ),
            false => format!("{postgis}st_dwithin({left}, {right}, {distance})"),
        }
    }

    /// Whether the boxes of two geometries have something in common; what indexes answer.
    pub(super) fn boxes_meet(&self, left: &str, right: &str) -> String {
        format!("{left} operator({}&&) {right}", self.postgis)
    }

    /// The area that two geometries share, 0 where it cannot exceed `tolerance`. Neighbours only
    /// touch, so the cheap questions come first: their boxes, then whether both are `valid`, then
    /// whether their insides meet at all. Each is asked only where the one before says so.
    pub(super) fn shared_area(
        &self,
        [left, right]: [&str; 2],
        valid: &str,
        tolerance: f64,
    ) -> String {
        let postgis = &self.postgis;
        let side = |from: &str, to: &str| {
            format!(
                "(least({postgis}{to}({left}), {postgis}{to}({right})) - greatest({postgis}{from}({left}), {postgis}{from}({right})))"
            )
        };
        let scale = if self.geographic { SQUARE_DEGREE_MAX } else { 1.0 };
        let common =
            format!("{postgis}st_collectionextract({postgis}st_intersection({left}, {right}), 3)");
        format!(
            "case when {} * {} * {scale} > {tolerance} then
               case when {valid} then
                 case when {postgis}st_relate({left}, {right}, 'T********') then {} end end end",
            side("st_xmin", "st_xmax"),
            side("st_ymin", "st_ymax"),
            self.area(&common)
        )
    }
}
