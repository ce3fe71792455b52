//! Brings coordinates from one reference system into another, by proj4rs.
//!
//! Only X and Y move; Z stays as it is (a height of 0 is used where a datum
//! shift needs one, as PostGIS does for flat geometries). Datum shifts are the
//! three and seven parameter ones of the definitions; there are no grids, so
//! between old datums the result is as good as such parameters are, mostly a
//! metre or two. `distrusted` lists the systems where it would be worse.

use proj4rs::{
    Proj,
    transform::{Transform, TransformClosure, transform},
};

use super::{
    Crs,
    datum::{self, Datum},
    distrusted::is_distrusted,
};
use crate::transform::geometry::shape::Xy;

/// A way from one reference system to another.
#[derive(Debug)]
pub(in super::super) struct Reprojection {
    source: Proj,
    target: Proj,
    source_degrees: bool,
    target_degrees: bool,
}

impl Reprojection {
    /// Finds the way; `None` when coordinates stay as they are.
    ///
    /// # Errors
    /// Why there is no way that can be trusted, as a short sentence.
    pub(in super::super) fn between(source: &Crs, target: &Crs) -> Result<Option<Self>, String> {
        if source.epsg.is_some() && source.epsg == target.epsg {
            return Ok(None);
        }
        let (from, to) = (known(source)?, known(target)?);
        let (from_datum, to_datum) = (Datum::of(from), Datum::of(to));
        if !from_datum.reaches(&to_datum) {
            return Err("the shift between the two datums is not known here".to_owned());
        }
        let same_datum = from_datum == to_datum || (from_datum.is_null() && to_datum.is_null());
        let plain = |text| datum::is_geographic(text) && datum::parameter(text, "pm").is_none();
        if same_datum && plain(from) && plain(to) {
            return Ok(None);
        }
        Ok(Some(Self {
            source: proj(from)?,
            target: proj(to)?,
            source_degrees: datum::is_geographic(from),
            target_degrees: datum::is_geographic(to),
        }))
    }

    /// Moves positions; `false` when one cannot be moved, the rest is undefined then.
    pub(in super::super) fn apply(&self, positions: &mut [Xy]) -> bool {
        if self.source_degrees {
            positions.iter_mut().for_each(|xy| {
                *xy = Xy { x: xy.x.to_radians(), y: xy.y.to_radians() };
            });
        }
        if transform(&self.source, &self.target, &mut Positions(positions)).is_err() {
            return false;
        }
        if self.target_degrees {
            positions.iter_mut().for_each(|xy| {
                *xy = Xy { x: xy.x.to_degrees(), y: xy.y.to_degrees() };
            });
        }
        positions.iter().all(|xy| xy.x.is_finite() && xy.y.is_finite())
    }
}

fn known(crs: &Crs) -> Result<&str, String> {
    if let Some(code) = crs.epsg.filter(|&code| is_distrusted(code)) {
        return Err(format!("what is known here of EPSG:{code} is off by more than 5 m"));
    }
    crs.definition.as_deref().ok_or_else(|| match crs.epsg {
        Some(code) => format!("EPSG:{code} has no definition here to reproject by"),
        None => "it has no definition here to reproject by".to_owned(),
    })
}

fn proj(definition: &str) -> Result<Proj, String> {
    Proj::from_proj_string(definition).map_err(|cause| format!("its projection fails: {cause}"))
}

/// proj4rs works in place on whatever can hand it positions.
struct Positions<'p>(&'p mut [Xy]);

impl Transform for Positions<'_> {
    fn transform_coordinates<F: TransformClosure>(
        &mut self,
        change: &mut F,
    ) -> proj4rs::errors::Result<()> {
        self.0.iter_mut().try_for_each(|xy| {
            let (x, y, _) = change(xy.x, xy.y, 0.0)?;
            *xy = Xy { x, y };
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(source: u32, target: u32) -> Result<Option<Reprojection>, String> {
        Reprojection::between(&Crs::epsg(source), &Crs::epsg(target))
    }

    #[test]
    fn equal_systems_need_no_mathematics() {
        for (source, target) in [(28356, 28356), (999_999, 999_999), (4283, 4326), (4326, 4258)] {
            assert!(between(source, target).is_ok_and(|way| way.is_none()), "{source} {target}");
        }
    }

    #[test]
    fn a_way_that_cannot_be_trusted_is_refused() {
        for (source, target) in [(4267, 4326), (4283, 7844), (999_999, 4326), (2000, 4326)] {
            assert!(between(source, target).is_err(), "{source} {target}");
        }
    }

    #[test]
    fn a_position_off_the_projection_fails() {
        let way = between(4326, 28356).expect("a way").expect("mathematics");
        let mut sydney = [Xy { x: 151.2, y: -33.87 }];
        assert!(way.apply(&mut sydney));
        assert!((sydney[0].x - 333_483.0).abs() < 1000.0 && sydney[0].y > 6_000_000.0);
        assert!(!way.apply(&mut [Xy { x: -33.87, y: 151.2 }]));
    }
}
