//! Rings that meet themselves or each other where they must not.

use std::ops::ControlFlow;

use bumpalo::{Bump, collections::Vec as ArenaVec};

use super::{
    super::{fault::GeometryFault, shape::Xy},
    area::{Area, Ring},
    corner,
    segment::{Meeting, Segment, meet},
    tree::SegmentTree,
};

/// Two rings of one part meet at this position, without crossing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Touch {
    pub(super) at: Xy,
    pub(super) rings: (usize, usize),
}

/// What rings do that they must not.
enum Conflict {
    /// A ring crosses itself or runs along itself.
    SelfCrossing(usize),
    /// A ring passes one position twice.
    SelfTouch(usize),
    /// Two rings cross or share a stretch.
    Crossing(usize, usize),
}

/// Looks at every two segments that may meet; gives back where rings touch validly.
pub(super) fn judge<'a>(
    area: &Area<'_>,
    arena: &'a Bump,
) -> Result<ArenaVec<'a, Touch>, GeometryFault> {
    if let Some(ring) = area.rings.iter().position(|ring| has_spike(area, ring)) {
        return Err(explain(area, &Conflict::SelfCrossing(ring)));
    }
    let mut touches = ArenaVec::new_in(arena);
    let tree = SegmentTree::new(&area.segments, arena);
    match tree.pairs(&mut |a, b| examine(area, (a, b), &mut touches)) {
        ControlFlow::Break(conflict) => Err(explain(area, &conflict)),
        ControlFlow::Continue(()) => Ok(touches),
    }
}

/// Whether two segments in a row fold back onto each other.
fn has_spike(area: &Area<'_>, ring: &Ring) -> bool {
    let mut before = area.before(ring, ring.start);
    area.of(ring).iter().any(|&segment| {
        let folds = may_fold(before, segment) && meet(before, segment) == Meeting::Overlap;
        before = segment;
        folds
    })
}

/// Whether neither axis goes on in the same direction: cheap, and true for every spike.
#[inline]
fn may_fold(a: Segment, b: Segment) -> bool {
    let along = |a: f64, b: f64| a * b > 0.0;
    !along(a.to.x - a.from.x, b.to.x - b.from.x) && !along(a.to.y - a.from.y, b.to.y - b.from.y)
}

fn examine(
    area: &Area<'_>,
    (a, b): (usize, usize),
    touches: &mut ArenaVec<'_, Touch>,
) -> ControlFlow<Conflict> {
    let rings = (area.ring_of(a), area.ring_of(b));
    if rings.0 == rings.1 {
        return examine_within(area, rings.0, (a, b));
    }
    match meet(area.segments[a], area.segments[b]) {
        Meeting::Apart => ControlFlow::Continue(()),
        Meeting::Crossing | Meeting::Overlap => {
            ControlFlow::Break(Conflict::Crossing(rings.0, rings.1))
        }
        Meeting::Touch(at) => examine_touch(area, (a, b), Touch { at, rings }, touches),
    }
}

fn examine_within(area: &Area<'_>, ring: usize, (a, b): (usize, usize)) -> ControlFlow<Conflict> {
    let Ring { start, end, .. } = area.rings[ring];
    if b == a + 1 || (a == start && b == end - 1) {
        return ControlFlow::Continue(());
    }
    match meet(area.segments[a], area.segments[b]) {
        Meeting::Apart => ControlFlow::Continue(()),
        Meeting::Crossing | Meeting::Overlap => ControlFlow::Break(Conflict::SelfCrossing(ring)),
        Meeting::Touch(_) => ControlFlow::Break(Conflict::SelfTouch(ring)),
    }
}

/// Ends of segments are skipped: they are starts of the next ones, and judged there.
fn examine_touch(
    area: &Area<'_>,
    (a, b): (usize, usize),
    touch: Touch,
    touches: &mut ArenaVec<'_, Touch>,
) -> ControlFlow<Conflict> {
    let Touch { at, rings } = touch;
    if at == area.segments[a].to || at == area.segments[b].to {
        return ControlFlow::Continue(());
    }
    let (ring_a, ring_b) = (&area.rings[rings.0], &area.rings[rings.1]);
    let around_a = neighbours(area, ring_a, a, at);
    let around_b = neighbours(area, ring_b, b, at);
    if corner::cross(at, around_a, around_b) {
        return ControlFlow::Break(Conflict::Crossing(rings.0, rings.1));
    }
    if ring_a.part == ring_b.part {
        touches.push(touch);
    }
    ControlFlow::Continue(())
}

/// The positions before and after `at`, which lies on `segment` but is not its end.
pub(super) fn neighbours(area: &Area<'_>, ring: &Ring, segment: usize, at: Xy) -> (Xy, Xy) {
    let Segment { from, to } = area.segments[segment];
    let previous = if at == from { area.before(ring, segment).from } else { from };
    (previous, to)
}

fn explain(area: &Area<'_>, conflict: &Conflict) -> GeometryFault {
    let name = |ring: usize| area.name(&area.rings[ring]);
    match *conflict {
        Conflict::SelfCrossing(ring) if area.is_flat(&area.rings[ring]) => {
            GeometryFault::new("geometry.zero_area", format!("{} has no area", name(ring)))
        }
        Conflict::SelfCrossing(ring) => GeometryFault::new(
            "geometry.self_intersection",
            format!("{} crosses itself or runs back along itself", name(ring)),
        ),
        Conflict::SelfTouch(ring) => GeometryFault::new(
            "geometry.ring_self_touch",
            format!("{} passes the same position twice", name(ring)),
        ),
        Conflict::Crossing(a, b) if area.rings[a].part == area.rings[b].part => GeometryFault::new(
            "geometry.self_intersection",
            format!("{} and {} cross or share a side", name(a), name(b)),
        ),
        Conflict::Crossing(a, b) => GeometryFault::new(
            "geometry.parts_overlap",
            format!("{} and {} cross or share a side", name(a), name(b)),
        ),
    }
}
