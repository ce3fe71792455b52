//! From a geometry as it arrives to the EWKB that the PostGIS column accepts.
//!
//! Everything the column, the server and the pipeline want of a geometry is
//! proven here, since one bad value would kill the COPY of all the others:
//! well-formed bytes, finite coordinates, kind and dimensions of the column
//! (a single geometry becomes a multi-geometry where the column wants one),
//! the column's reference system, OGC validity as `ST_IsValid` judges it, and
//! the declared bounds, in that order.
//!
//! Coordinates are never rounded, reordered or turned round: the orientation of
//! rings and repeated positions stay as they came, unless a repair had to redraw
//! the geometry. An empty geometry says nothing that NULL does not say better,
//! and in practice is a failed export, so it counts as invalid: rejected, or
//! loaded when the pipeline says `flag`; a repair leaves out empty parts.

mod compile;
mod crs;
mod fault;
mod fit;
mod geojson;
mod positions;
mod repair;
mod shape;
mod text;
mod validity;
mod wkb_read;
mod wkb_write;
mod wkt;

use bumpalo::Bump;

pub use compile::GeometryFinding;
pub use fault::{GeometryFault, GeometryNotes};

use self::{
    crs::Reprojection,
    shape::{Dimensions, Parsed, Path, Shape, Xy},
};
use crate::{batch::Cell, definition::InvalidGeometry, schema::GeometryColumn, value::Value};

/// What has to happen to the geometries of one column.
#[derive(Debug)]
pub struct GeometryTransform {
    column: GeometryColumn,
    /// The EPSG code of the data, where it has one.
    source_srid: Option<i32>,
    /// Whether coordinates come as y, x.
    swapped: bool,
    force_2d: bool,
    invalid: InvalidGeometry,
    repair_area_percent: f64,
    reprojection: Option<Reprojection>,
    /// Smallest x and y, greatest x and y.
    bounds: Option<[f64; 4]>,
    /// Whether the column's coordinates are degrees of longitude and latitude.
    degrees: bool,
}

impl GeometryTransform {
    /// The value of a geometry cell: EWKB, or NULL for an absent one.
    ///
    /// Binary geometries, WKT, hexadecimal WKB and GeoJSON are read.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn apply<'a>(
        &'a self,
        cell: Cell<'a>,
        arena: &'a Bump,
        notes: &mut GeometryNotes,
    ) -> Result<Value<'a>, GeometryFault> {
        let parsed = match cell {
            Cell::Absent => return Ok(Value::Null),
            Cell::Geometry(bytes) => wkb_read::read(bytes, arena)?,
            Cell::Text(text) => text::read(text, arena)?,
            Cell::Json(text) if text.trim() == "null" => return Ok(Value::Null),
            Cell::Json(text) => geojson::read(text, arena)?,
            _ => return Err(GeometryFault::malformed("the value is not a geometry")),
        };
        self.check_srid(parsed.srid)?;
        self.place(parsed, arena, notes)
    }

    /// The value of a point whose coordinates come from two fields.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn apply_point<'a>(
        &'a self,
        x: f64,
        y: f64,
        arena: &'a Bump,
        notes: &mut GeometryNotes,
    ) -> Result<Value<'a>, GeometryFault> {
        let path = Path::flat(arena.alloc_slice_copy(&[Xy { x, y }]));
        let dimensions = Dimensions::default();
        let parsed = Parsed { shape: Shape::Point(path), dimensions, srid: None };
        self.place(parsed, arena, notes)
    }

    /// A geometry that names its reference system must mean the one the data is said to have.
    fn check_srid(&self, srid: Option<i32>) -> Result<(), GeometryFault> {
        match srid {
            None | Some(0) => Ok(()),
            same if same == self.source_srid => Ok(()),
            Some(_) => Err(GeometryFault::new(
                "geometry.srid",
                "the geometry names another reference system than its source has",
            )),
        }
    }

    fn place<'a>(
        &'a self,
        parsed: Parsed<'a>,
        arena: &'a Bump,
        notes: &mut GeometryNotes,
    ) -> Result<Value<'a>, GeometryFault> {
        let Parsed { mut shape, dimensions, .. } = parsed;
        finite(&shape)?;
        fit::kind(&shape, self.column.kind)?;
        let dimensions = self.fit_dimensions(&mut shape, dimensions)?;
        finite_extra(&shape, dimensions)?;
        self.move_positions(&mut shape)?;
        let shape = self.judge(shape, dimensions, arena, notes)?;
        self.check_bounds(&shape)?;
        let shape = fit::promote(shape, self.column.kind, arena)?;
        Ok(Value::Geometry(wkb_write::write(&shape, dimensions, self.column.srid, arena)))
    }

    fn fit_dimensions(
        &self,
        shape: &mut Shape<'_>,
        dimensions: Dimensions,
    ) -> Result<Dimensions, GeometryFault> {
        let column = Dimensions { z: self.column.z, m: self.column.m };
        if dimensions == column {
            return Ok(column);
        }
        if column.extra() == 0 && self.force_2d {
            fit::flatten(shape);
            return Ok(column);
        }
        // An empty geometry has no position that could lack anything.
        if shape.is_empty() {
            return Ok(column);
        }
        let message = match (dimensions.extra(), column.extra()) {
            (_, 0) => "positions have Z or M, the column has none (`force_2d` drops them)",
            (0, _) => "positions lack the column's Z or M",
            _ => "positions and column differ in Z and M",
        };
        Err(GeometryFault::new("geometry.dimension", message))
    }

    fn move_positions(&self, shape: &mut Shape<'_>) -> Result<(), GeometryFault> {
        if !self.swapped && self.reprojection.is_none() {
            return Ok(());
        }
        shape.try_each_path(&mut |path| {
            if self.swapped {
                path.xy.iter_mut().for_each(|xy| *xy = Xy { x: xy.y, y: xy.x });
            }
            let moved = self.reprojection.as_ref().is_none_or(|way| way.apply(path.xy));
            moved.then_some(()).ok_or_else(|| {
                GeometryFault::new(
                    "geometry.reprojection",
                    "a position cannot be brought into the column's reference system",
                )
            })
        })
    }

    /// Validity, and what the pipeline wants done where there is none.
    fn judge<'a>(
        &self,
        shape: Shape<'a>,
        dimensions: Dimensions,
        arena: &'a Bump,
        notes: &mut GeometryNotes,
    ) -> Result<Shape<'a>, GeometryFault> {
        let structure = validity::structure(&shape);
        let verdict = structure.clone().and_then(|()| validity::topology(&shape, arena));
        let Err(fault) = verdict else { return Ok(shape) };
        match self.invalid {
            InvalidGeometry::Reject => Err(fault),
            InvalidGeometry::Flag => {
                structure?;
                notes.flagged += 1;
                Ok(shape)
            }
            InvalidGeometry::Repair => self.repair(shape, dimensions, arena, notes),
        }
    }

    fn repair<'a>(
        &self,
        shape: Shape<'a>,
        dimensions: Dimensions,
        arena: &'a Bump,
        notes: &mut GeometryNotes,
    ) -> Result<Shape<'a>, GeometryFault> {
        let before = repair::area(&shape);
        let shape = repair::repair(shape, dimensions, arena)?;
        fit::kind(&shape, self.column.kind)?;
        let changed = (repair::area(&shape) - before).abs();
        let percent = if changed == 0.0 { 0.0 } else { changed / before.abs() * 100.0 };
        if percent > self.repair_area_percent {
            return Err(self.too_much_changed(percent));
        }
        notes.merge(&GeometryNotes {
            repaired: 1,
            flagged: 0,
            area_changed: changed,
            area_change_percent_max: percent,
        });
        Ok(shape)
    }

    fn too_much_changed(&self, percent: f64) -> GeometryFault {
        let limit = self.repair_area_percent;
        let message = if percent > 1e6 {
            "a repair would give it an area, and it has none as it stands".to_owned()
        } else {
            format!("a repair would change its area by {percent:.1} %, more than {limit} %")
        };
        GeometryFault::new("geometry.repair_area", message)
    }

    fn check_bounds(&self, shape: &Shape<'_>) -> Result<(), GeometryFault> {
        const WORLD: [f64; 4] = [-180.0, -90.0, 180.0, 90.0];
        if self.degrees && !lies_within(shape, WORLD) {
            let message = "a position is not a longitude and latitude (are the axes swapped?)";
            return Err(GeometryFault::new("geometry.degrees", message));
        }
        if self.bounds.is_some_and(|bounds| !lies_within(shape, bounds)) {
            let message = "a position lies outside the declared bounds";
            return Err(GeometryFault::new("geometry.bounds", message));
        }
        Ok(())
    }
}

fn lies_within(shape: &Shape<'_>, [west, south, east, north]: [f64; 4]) -> bool {
    shape.all_paths(&mut |path| {
        path.xy.iter().all(|xy| west <= xy.x && xy.x <= east && south <= xy.y && xy.y <= north)
    })
}

/// Coordinates beyond this are no positions on Earth in any unit, and their products overflow.
const COORDINATE_MAX: f64 = 1e30;

fn finite(shape: &Shape<'_>) -> Result<(), GeometryFault> {
    let usable = |xy: &Xy| xy.x.abs() <= COORDINATE_MAX && xy.y.abs() <= COORDINATE_MAX;
    let finite = shape.all_paths(&mut |path| path.xy.iter().all(usable));
    finite.then_some(()).ok_or_else(not_finite)
}

/// A measure may be NaN: shapefiles and PostGIS say so that there is none.
fn finite_extra(shape: &Shape<'_>, dimensions: Dimensions) -> Result<(), GeometryFault> {
    let stride = dimensions.extra();
    if stride == 0 {
        return Ok(());
    }
    let usable = |(place, number): (usize, &f64)| {
        let is_z = dimensions.z && place % stride == 0;
        number.is_finite() || (!is_z && number.is_nan())
    };
    let finite = shape.all_paths(&mut |path| path.extra.iter().enumerate().all(usable));
    finite.then_some(()).ok_or_else(not_finite)
}

fn not_finite() -> GeometryFault {
    GeometryFault::new("geometry.not_finite", "a coordinate is not a finite number")
}
