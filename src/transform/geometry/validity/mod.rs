//! Whether a geometry is valid, as PostGIS's `ST_IsValid` judges it.
//!
//! The rules are OGC's simple features as GEOS reads them: rings do not meet
//! themselves, rings of one geometry meet at single positions only and without
//! crossing, holes lie inside their shell and not in each other, parts do not
//! share area, and the interior of each part is connected. All decisions rest
//! on exact predicates (`segment`, `corner`), so that coordinates of any size
//! get the verdict the database would give; a differential test against
//! PostGIS holds us to that.
//!
//! Structure comes before topology: what the server's own reader refuses
//! (open rings, too few positions) has no verdict and can only be repaired.

mod area;
mod corner;
mod crossing;
mod nesting;
pub(super) mod segment;
mod touch;
pub(super) mod tree;

pub(super) use area::lexicographic;
pub(super) use corner::comes_after;

use bumpalo::Bump;

use self::area::Area;
use super::{
    fault::GeometryFault,
    shape::{Path, Shape},
};
use crate::schema::GeometryKind;

/// The fewest positions a ring is written with, the first counted twice.
pub(super) const RING_POSITIONS_MIN: usize = 4;

/// Whether the server could read the geometry at all.
pub(super) fn structure(shape: &Shape<'_>) -> Result<(), GeometryFault> {
    match shape {
        Shape::Point(_) => Ok(()),
        Shape::LineString(path) if path.xy.len() == 1 => {
            Err(GeometryFault::new("geometry.line_points", "a line has a single position"))
        }
        Shape::LineString(_) => Ok(()),
        Shape::Polygon(rings) => {
            rings.iter().enumerate().try_for_each(|(number, ring)| ring_structure(ring, number))
        }
        Shape::Multi(_, parts) => parts
            .iter()
            .enumerate()
            .try_for_each(|(number, part)| structure(part).map_err(|fault| in_part(fault, number))),
    }
}

fn ring_structure(ring: &Path<'_>, number: usize) -> Result<(), GeometryFault> {
    let ring_number = number + 1;
    if ring.xy.len() < RING_POSITIONS_MIN {
        return Err(GeometryFault::new(
            "geometry.ring_points",
            format!("ring {ring_number} has fewer than 4 positions"),
        ));
    }
    // Z and M may differ: the server's reader looks at X and Y only, and M is often a distance.
    if ring.xy.first() != ring.xy.last() {
        return Err(GeometryFault::new(
            "geometry.ring_open",
            format!("ring {ring_number} does not end where it starts"),
        ));
    }
    Ok(())
}

fn in_part(fault: GeometryFault, number: usize) -> GeometryFault {
    let message = format!("part {}: {}", number + 1, fault.message);
    GeometryFault { message: message.into(), ..fault }
}

/// Whether the geometry is valid; its structure has been checked.
pub(super) fn topology(shape: &Shape<'_>, arena: &Bump) -> Result<(), GeometryFault> {
    match shape {
        _ if shape.is_empty() => Err(GeometryFault::new("geometry.empty", "the geometry is empty")),
        Shape::Point(_) => Ok(()),
        Shape::LineString(path) => line(path),
        Shape::Polygon(rings) => judge_area(std::iter::once(rings.as_slice()), 1, arena),
        Shape::Multi(GeometryKind::MultiPolygon, parts) => {
            if let Some(number) = parts.iter().position(Shape::is_empty) {
                return Err(in_part(empty_part(), number));
            }
            let polygons = parts.iter().filter_map(|part| match part {
                Shape::Polygon(rings) => Some(rings.as_slice()),
                _ => None,
            });
            judge_area(polygons, parts.len(), arena)
        }
        Shape::Multi(_, parts) => parts.iter().enumerate().try_for_each(|(number, part)| {
            topology(part, arena).map_err(|fault| in_part(fault, number))
        }),
    }
}

fn empty_part() -> GeometryFault {
    GeometryFault::new("geometry.empty", "it is empty")
}

fn line(path: &Path<'_>) -> Result<(), GeometryFault> {
    if path.xy.iter().any(|xy| *xy != path.xy[0]) {
        return Ok(());
    }
    Err(GeometryFault::new("geometry.line_points", "a line has no length"))
}

fn judge_area<'r, 'p: 'r>(
    polygons: impl Iterator<Item = &'r [Path<'p>]>,
    parts: usize,
    arena: &Bump,
) -> Result<(), GeometryFault> {
    let area = Area::collect(polygons, parts, arena)?;
    let touches = crossing::judge(&area, arena)?;
    if area.rings.len() > 1 {
        nesting::judge(&area, arena)?;
        touch::judge(&area, touches)?;
    }
    Ok(())
}
