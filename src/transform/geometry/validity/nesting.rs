//! Rings that lie in each other, or do not, against the rules.
//!
//! Rings do not cross any more when this is asked, so that one position off
//! the other ring's boundary decides for all of a ring; a ring with all its
//! positions on the other's boundary is decided by where its first segment goes.

use bumpalo::{Bump, collections::Vec as ArenaVec};

use super::{
    super::fault::GeometryFault,
    area::{Area, Ring},
    corner::leaves_to_the_right,
    crossing::neighbours,
    segment::{Location, Meeting, Segment, locate, meet},
};

/// Holes inside their shells, holes not in holes, parts not in parts.
pub(super) fn judge(area: &Area<'_>, arena: &Bump) -> Result<(), GeometryFault> {
    for part in area.rings.chunk_by(|a, b| a.part == b.part) {
        let (shell, holes) = (&part[0], &part[1..]);
        if let Some(hole) = holes.iter().find(|hole| !lies_in(area, hole, shell)) {
            let message = format!("{} lies outside the shell", area.name(hole));
            return Err(GeometryFault::new("geometry.hole_outside", message));
        }
        no_nested_pair(holes, arena, |inner, outer| {
            lies_in(area, inner, outer).then(|| {
                let message = format!("{} lies in {}", area.name(inner), area.name(outer));
                GeometryFault::new("geometry.nested_holes", message)
            })
        })?;
    }
    let shells =
        ArenaVec::from_iter_in(area.rings.iter().filter(|r| r.number == 0).copied(), arena);
    no_nested_pair(&shells, arena, |inner, outer| {
        lies_in_part(area, inner, outer).then(|| {
            let message = format!("{} lies in part {}", area.name(inner), outer.part + 1);
            GeometryFault::new("geometry.nested_parts", message)
        })
    })
}

/// Asks `fault` about every two rings of which one's rectangle covers the other's.
fn no_nested_pair(
    rings: &[Ring],
    arena: &Bump,
    fault: impl Fn(&Ring, &Ring) -> Option<GeometryFault>,
) -> Result<(), GeometryFault> {
    let mut sorted = ArenaVec::from_iter_in(rings.iter(), arena);
    sorted.sort_by(|a, b| a.rectangle.min.x.total_cmp(&b.rectangle.min.x));
    for (index, ring) in sorted.iter().enumerate() {
        let reached = |other: &&&Ring| other.rectangle.min.x <= ring.rectangle.max.x;
        for other in sorted[index + 1..].iter().take_while(reached) {
            for (inner, outer) in [(other, ring), (ring, other)] {
                if !outer.rectangle.covers(&inner.rectangle) {
                    continue;
                }
                if let Some(fault) = fault(inner, outer) {
                    return Err(fault);
                }
            }
        }
    }
    Ok(())
}

/// Whether `shell` lies in the area of the part that `outer` is the shell of.
fn lies_in_part(area: &Area<'_>, shell: &Ring, outer: &Ring) -> bool {
    if !lies_in(area, shell, outer) {
        return false;
    }
    let holes = area.rings.iter().filter(|ring| ring.part == outer.part && ring.number > 0);
    !holes.into_iter().any(|hole| lies_in(area, shell, hole))
}

/// Whether `inner` lies inside `outer`; they do not cross.
fn lies_in(area: &Area<'_>, inner: &Ring, outer: &Ring) -> bool {
    if !outer.rectangle.covers(&inner.rectangle) {
        return false;
    }
    for segment in area.of(inner) {
        match locate(segment.from, area.of(outer)) {
            Location::Inside => return true,
            Location::Outside => return false,
            Location::Boundary => {}
        }
    }
    let first = area.segments[inner.start];
    leaves_inwards(area, first, outer)
}

/// Whether a segment that starts on the ring's boundary goes to its inside.
fn leaves_inwards(area: &Area<'_>, segment: Segment, ring: &Ring) -> bool {
    let at = segment.from;
    let on = (ring.start..ring.end).find(|&index| {
        let side = area.segments[index];
        side.to != at && meet(side, Segment { from: at, to: segment.to }) == Meeting::Touch(at)
    });
    on.is_some_and(|index| {
        let (previous, next) = neighbours(area, ring, index, at);
        let right = leaves_to_the_right(at, previous, next, segment.to);
        right != area.is_anticlockwise(ring)
    })
}
