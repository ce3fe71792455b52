//! From a column and its definition to what has to happen to each geometry.

use super::{
    GeometryTransform,
    crs::{Crs, Reprojection},
};
use crate::{
    definition::{Axis, ColumnDefinition, InvalidGeometry},
    schema::GeometryColumn,
};

/// Something in the definition of a geometry column that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GeometryFinding {
    /// The key it is about: `crs`, `bounds`, `repair_area_percent`.
    pub option: &'static str,
    /// What is wrong, a short sentence without full stop.
    pub message: String,
    /// What to do, where something is known to help.
    pub hint: Option<String>,
}

/// PostGIS's `geography` without a declared reference system is on WGS 84.
const GEOGRAPHY_SRID: i32 = 4326;

/// The change of area a repair may make unless the definition says otherwise.
const REPAIR_AREA_PERCENT: f64 = 1.0;

impl GeometryTransform {
    /// Settles everything that does not depend on the data.
    ///
    /// `crs` is the reference system the data comes in: the definition's, the source's or the
    /// file's own, as `EPSG:code`, an OGC name, WKT or a PROJ string; `None` when nobody knows.
    ///
    /// # Errors
    /// The first option that cannot be used, such as a `crs` that nobody knows for a column that
    /// has one: a guess would put the data somewhere else on Earth.
    pub fn compile(
        column: &GeometryColumn,
        geography: bool,
        definition: &ColumnDefinition,
        crs: Option<&str>,
    ) -> Result<Self, GeometryFinding> {
        let default = if geography { GEOGRAPHY_SRID } else { 0 };
        let srid = if column.srid == 0 { default } else { column.srid };
        let column = GeometryColumn { srid, ..*column };
        let source = crs.map(Crs::parse).transpose().map_err(|message| finding("crs", message))?;
        let target = u32::try_from(srid).ok().filter(|&code| code != 0).map(Crs::epsg);
        let reprojection = way(source.as_ref(), target.as_ref())?;
        let degrees = geography || target.as_ref().is_some_and(Crs::is_geographic);
        Ok(Self {
            column,
            source_srid: source.and_then(|crs| crs.epsg).and_then(|code| i32::try_from(code).ok()),
            swapped: definition.axis == Some(Axis::Yx),
            force_2d: definition.force_2d,
            invalid: definition.invalid.unwrap_or(InvalidGeometry::Reject),
            repair_area_percent: percent(definition)?,
            reprojection,
            bounds: bounds(definition)?,
            degrees,
        })
    }
}

fn way(
    source: Option<&Crs>,
    target: Option<&Crs>,
) -> Result<Option<Reprojection>, GeometryFinding> {
    match (source, target) {
        (_, None) => Ok(None),
        (None, Some(_)) => {
            let message = "the coordinate reference system of the data is not known";
            Err(finding("crs", message).hint("name it, such as `crs = \"EPSG:4283\"`"))
        }
        (Some(source), Some(target)) => Reprojection::between(source, target).map_err(|why| {
            let message = format!("the data cannot be brought into the column's system: {why}");
            finding("crs", message).hint(
                "name the data's system by its EPSG code, or load it into a column of its own \
                 system and use ST_Transform",
            )
        }),
    }
}

fn bounds(definition: &ColumnDefinition) -> Result<Option<[f64; 4]>, GeometryFinding> {
    let Some([west, south, east, north]) = definition.bounds else { return Ok(None) };
    if west <= east && south <= north {
        return Ok(Some([west, south, east, north]));
    }
    Err(finding("bounds", "the smallest x and y are not below the greatest")
        .hint("bounds are [smallest x, smallest y, greatest x, greatest y]"))
}

fn percent(definition: &ColumnDefinition) -> Result<f64, GeometryFinding> {
    let percent = definition.repair_area_percent.unwrap_or(REPAIR_AREA_PERCENT);
    if percent >= 0.0 && percent.is_finite() {
        return Ok(percent);
    }
    Err(finding("repair_area_percent", "the change of area is not a percentage of 0 or more"))
}

fn finding(option: &'static str, message: impl Into<String>) -> GeometryFinding {
    GeometryFinding { option, message: message.into(), hint: None }
}

impl GeometryFinding {
    fn hint(self, hint: &str) -> Self {
        Self { hint: Some(hint.to_owned()), ..self }
    }
}
