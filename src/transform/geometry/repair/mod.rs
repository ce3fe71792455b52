//! Makes an invalid geometry valid, changing as little as can be.
//!
//! The gentlest cure that works is taken: open rings are closed, then parts and
//! rings without extent are left out, and only then are the rings taken apart
//! into lines and put together again by the even-odd rule, which is what
//! `ST_MakeValid` does (`linework`). That rule makes an island of a hole outside
//! its shell and a hole of an overlap: such repairs change the area, and the
//! caller refuses those that change it by more than the pipeline allows.
//!
//! The result depends on nothing but the coordinates, not even on their order
//! in a hash table: the same file repaired again is the same geometry again.

mod area;
mod face;
mod node;

pub(super) use area::area;

use bumpalo::{Bump, collections::Vec as ArenaVec};

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
    validity::structure(&shape)?;
    if validity::topology(&shape, arena).is_ok() {
        return Ok(shape);
    }
    if dimensions.extra() > 0 {
        let message = "it would have to be redrawn, and a new corner has no known Z or M";
        return Err(GeometryFault::new("geometry.repair_z", message));
    }
    let shape = redraw(shape, arena)?;
    validity::structure(&shape).and_then(|()| validity::topology(&shape, arena)).map_err(|_| {
        GeometryFault::new("geometry.repair_failed", "it is not valid even when redrawn")
    })?;
    Ok(shape)
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
    sides(ring).count() >= 3
}

/// The ring's segments, those without length left out.
fn sides<'r>(ring: &'r Path<'_>) -> impl Iterator<Item = Segment> + 'r {
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
                let valid = validity::topology(&part, arena).is_ok();
                redrawn.push(if valid { part } else { redraw(part, arena)? });
            }
            Ok(Shape::Multi(kind, redrawn))
        }
        other => Ok(other),
    }
}

/// The areas that the rings of `shape` enclose by the even-odd rule.
fn areas<'a>(shape: &Shape<'a>, arena: &'a Bump) -> Result<ArenaVec<'a, Shape<'a>>, GeometryFault> {
    let mut segments = Vec::new();
    shape.all_paths(&mut |ring| {
        segments.extend(sides(ring));
        true
    });
    let edges = node::node(segments)?;
    let areas = face::areas(&edges)?;
    if areas.is_empty() {
        return Err(nothing_left());
    }
    let parts = areas.iter().map(|area| {
        let rings = area.iter().map(|ring| closed_path(ring, arena));
        Shape::Polygon(ArenaVec::from_iter_in(rings, arena))
    });
    Ok(ArenaVec::from_iter_in(parts, arena))
}

fn closed_path<'a>(ring: &[Xy], arena: &'a Bump) -> Path<'a> {
    let positions = ring.iter().chain(ring.first()).copied();
    Path::flat(ArenaVec::from_iter_in(positions, arena).into_bump_slice_mut())
}
