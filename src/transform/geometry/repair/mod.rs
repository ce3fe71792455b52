//! Makes an invalid geometry valid, changing as little as can be.
//!
//! The gentlest cure that works is taken: open rings are closed, then parts and
//! rings without extent are left out, and only then are the rings taken apart
//! into lines and put together again, which is what `ST_MakeValid` does with
//! `method=structure`: shells less holes, all parts together. Its other method
//! makes holes of overlaps and of parts that occur twice, which no parcel means.
//! A repair that changes the area by more than the pipeline allows is refused
//! by the caller.
//!
//! The result depends on nothing but the coordinates, not even on their order
//! in a hash table: the same file repaired again is the same geometry again.

mod area;
mod drawing;
mod face;
mod inside;
mod node;

pub(super) use area::area;

use bumpalo::{Bump, collections::Vec as ArenaVec};

use self::{drawing::Drawing, node::Side};
use super::{
    fault::GeometryFault,
    shape::{Dimensions, Path, Shape, Xy},
    validity::{self, segment::Segment},
};
use crate::schema::GeometryKind;

/// A valid geometry of the same kind, or a multipolygon for a polygon that falls apart.
pub(super) fn repair<'a>(
    mut shape: Shape<'a>,
    dimensions: Dimensions,
    arena: &'a Bump,
) -> Result<Shape<'a>, GeometryFault> {
    shape.try_each_ring(&mut |ring| close(ring, dimensions, arena))?;
    let shape = without_degenerate(shape, arena).ok_or_else(nothing_left)?;
    if is_valid(&shape, arena) {
        return Ok(shape);
    }
    if dimensions.extra() > 0 {
        let message = "it would have to be redrawn, and a new corner has no known Z or M";
        return Err(GeometryFault::new("geometry.repair_z", message));
    }
    let shape = redraw(shape, arena)?;
    is_valid(&shape, arena).then_some(shape).ok_or_else(|| {
        GeometryFault::new("geometry.repair_failed", "it is not valid even when redrawn")
    })
}

fn is_valid(shape: &Shape<'_>, arena: &Bump) -> bool {
    validity::structure(shape).is_ok() && validity::topology(shape, arena).is_ok()
}

fn nothing_left() -> GeometryFault {
    GeometryFault::new("geometry.repair_failed", "nothing with an extent is left of it")
}

/// Adds the first position at the end of an open ring.
fn close<'a>(
    ring: &mut Path<'a>,
    dimensions: Dimensions,
    arena: &'a Bump,
) -> Result<(), GeometryFault> {
    let (Some(&first), Some(&last)) = (ring.xy.first(), ring.xy.last()) else {
        return Ok(());
    };
    if first == last {
        return Ok(());
    }
    let xy = ring.xy.iter().copied();
    ring.xy = ArenaVec::from_iter_in(xy.chain([first]), arena).into_bump_slice_mut();
    let (extra, stride) = (ring.extra, dimensions.extra());
    let closing = extra[..stride].iter();
    ring.extra =
        ArenaVec::from_iter_in(extra.iter().chain(closing).copied(), arena).into_bump_slice();
    Ok(())
}

/// Leaves out what has no extent: rings without three different positions, lines without
/// length, empty parts; `None` when nothing is left.
fn without_degenerate<'a>(shape: Shape<'a>, arena: &'a Bump) -> Option<Shape<'a>> {
    match shape {
        Shape::Point(path) => (!path.xy.is_empty()).then_some(Shape::Point(path)),
        Shape::LineString(path) => {
            path.xy.iter().any(|xy| *xy != path.xy[0]).then_some(Shape::LineString(path))
        }
        Shape::Polygon(mut rings) => {
            let has_shell = rings.first().is_some_and(has_extent);
            rings.retain(has_extent);
            has_shell.then_some(Shape::Polygon(rings))
        }
        Shape::Multi(kind, parts) => {
            let kept = parts.into_iter().filter_map(|part| without_degenerate(part, arena));
            let kept = ArenaVec::from_iter_in(kept, arena);
            (!kept.is_empty()).then_some(Shape::Multi(kind, kept))
        }
    }
}

fn has_extent(ring: &Path<'_>) -> bool {
    segments(ring).count() >= 3
}

/// The ring's segments, those without length left out.
fn segments<'r>(ring: &'r Path<'_>) -> impl Iterator<Item = Segment> + 'r {
    ring.xy
        .windows(2)
        .map(|pair| Segment { from: pair[0], to: pair[1] })
        .filter(|segment| segment.from != segment.to)
}

fn redraw<'a>(shape: Shape<'a>, arena: &'a Bump) -> Result<Shape<'a>, GeometryFault> {
    let multi = |parts| Shape::Multi(GeometryKind::MultiPolygon, parts);
    match shape {
        Shape::Polygon(_) => {
            let mut parts = areas(&shape, arena)?;
            let single = if parts.len() == 1 { parts.pop() } else { None };
            Ok(single.unwrap_or_else(|| multi(parts)))
        }
        Shape::Multi(GeometryKind::MultiPolygon, _) => Ok(multi(areas(&shape, arena)?)),
        Shape::Multi(kind, parts) => {
            let mut redrawn = ArenaVec::with_capacity_in(parts.len(), arena);
            for part in parts {
                redrawn.push(if is_valid(&part, arena) { part } else { redraw(part, arena)? });
            }
            Ok(Shape::Multi(kind, redrawn))
        }
        other => Ok(other),
    }
}

/// The areas that the parts of `shape` enclose together.
fn areas<'a>(shape: &Shape<'a>, arena: &'a Bump) -> Result<ArenaVec<'a, Shape<'a>>, GeometryFault> {
    let (sides, parts) = sides_of(shape);
    let edges = node::node(sides)?;
    let lines: Vec<Segment> = edges.iter().map(|edge| edge.segment).collect();
    let drawing = Drawing::new(&lines);
    let inside = inside::insides(&drawing, &edges, &parts)?;
    let boundary: Vec<usize> =
        (0..lines.len()).filter(|&edge| inside[2 * edge] != inside[2 * edge + 1]).collect();
    let drawing = Drawing::new(&boundary.iter().map(|&edge| lines[edge]).collect::<Vec<_>>());
    let inside: Vec<bool> =
        boundary.iter().flat_map(|&edge| [inside[2 * edge], inside[2 * edge + 1]]).collect();
    let areas = face::areas(&drawing, &inside)?;
    if areas.is_empty() {
        return Err(nothing_left());
    }
    let parts = areas.iter().map(|area| {
        let rings = area.iter().map(|ring| closed_path(ring, arena));
        Shape::Polygon(ArenaVec::from_iter_in(rings, arena))
    });
    Ok(ArenaVec::from_iter_in(parts, arena))
}

/// The sides of all rings, and which rings belong to each part.
fn sides_of(shape: &Shape<'_>) -> (Vec<Side>, Vec<Vec<usize>>) {
    let single = std::slice::from_ref(shape);
    let polygons = if let Shape::Multi(_, parts) = shape { parts.as_slice() } else { single };
    let (mut sides, mut parts, mut number) = (Vec::new(), Vec::new(), 0);
    for polygon in polygons {
        let Shape::Polygon(rings) = polygon else { continue };
        parts.push((number..number + rings.len()).collect());
        for path in rings {
            sides.extend(segments(path).map(|segment| Side { segment, ring: number }));
            number += 1;
        }
    }
    (sides, parts)
}

fn closed_path<'a>(ring: &[Xy], arena: &'a Bump) -> Path<'a> {
    let positions = ring.iter().chain(ring.first()).copied();
    Path::flat(ArenaVec::from_iter_in(positions, arena).into_bump_slice_mut())
}
