//! Where two segments meet, judged exactly.
//!
//! Orientation is Shewchuk's adaptive predicate, so a verdict never hangs on
//! rounding: PostGIS (GEOS) uses extended precision for the same purpose, and
//! the two agree. No intersection point is ever computed here: where segments
//! meet validly, they meet at a vertex of one of them.

use std::cmp::Ordering;

use super::super::shape::Xy;

/// Two positions that are not the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in super::super) struct Segment {
    pub(in super::super) from: Xy,
    pub(in super::super) to: Xy,
}

/// A closed rectangle along the axes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in super::super) struct Rectangle {
    pub(in super::super) min: Xy,
    pub(in super::super) max: Xy,
}

impl Rectangle {
    /// Contains nothing.
    pub(in super::super) const NOTHING: Self = Self {
        min: Xy { x: f64::INFINITY, y: f64::INFINITY },
        max: Xy { x: f64::NEG_INFINITY, y: f64::NEG_INFINITY },
    };

    #[inline]
    pub(in super::super) fn with(self, xy: Xy) -> Self {
        Self {
            min: Xy { x: self.min.x.min(xy.x), y: self.min.y.min(xy.y) },
            max: Xy { x: self.max.x.max(xy.x), y: self.max.y.max(xy.y) },
        }
    }

    #[inline]
    pub(in super::super) fn union(self, other: Self) -> Self {
        self.with(other.min).with(other.max)
    }

    #[inline]
    pub(in super::super) fn meets(&self, other: &Self) -> bool {
        self.min.x <= other.max.x
            && other.min.x <= self.max.x
            && self.min.y <= other.max.y
            && other.min.y <= self.max.y
    }

    pub(super) fn covers(&self, other: &Self) -> bool {
        self.min.x <= other.min.x
            && other.max.x <= self.max.x
            && self.min.y <= other.min.y
            && other.max.y <= self.max.y
    }

    #[inline]
    fn covers_point(&self, xy: Xy) -> bool {
        self.min.x <= xy.x && xy.x <= self.max.x && self.min.y <= xy.y && xy.y <= self.max.y
    }
}

impl Segment {
    #[inline]
    pub(in super::super) fn rectangle(&self) -> Rectangle {
        let (from, to) = (self.from, self.to);
        Rectangle {
            min: Xy { x: from.x.min(to.x), y: from.y.min(to.y) },
            max: Xy { x: from.x.max(to.x), y: from.y.max(to.y) },
        }
    }
}

/// On which side of the line `from → to` a position lies: `Greater` is left.
#[inline]
pub(in super::super) fn side(from: Xy, to: Xy, xy: Xy) -> Ordering {
    turn(from, to, xy).partial_cmp(&0.0).unwrap_or(Ordering::Equal)
}

/// Twice the area of the triangle, positive anticlockwise; the sign is exact.
#[inline]
pub(in super::super) fn turn(from: Xy, to: Xy, xy: Xy) -> f64 {
    let coord = |xy: Xy| robust::Coord { x: xy.x, y: xy.y };
    robust::orient2d(coord(from), coord(to), coord(xy))
}

/// How two segments meet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in super::super) enum Meeting {
    /// Not at all.
    Apart,
    /// In the interior of both, at one position.
    Crossing,
    /// Along a stretch.
    Overlap,
    /// At this one position, an end of at least one of them.
    Touch(Xy),
}

/// How `a` and `b` meet.
pub(in super::super) fn meet(a: Segment, b: Segment) -> Meeting {
    if !a.rectangle().meets(&b.rectangle()) {
        return Meeting::Apart;
    }
    let (b_from, b_to) = (side(a.from, a.to, b.from), side(a.from, a.to, b.to));
    if b_from == b_to && b_from != Ordering::Equal {
        return Meeting::Apart;
    }
    let (a_from, a_to) = (side(b.from, b.to, a.from), side(b.from, b.to, a.to));
    if a_from == a_to && a_from != Ordering::Equal {
        return Meeting::Apart;
    }
    let on_line = [(b_from, b.from), (b_to, b.to), (a_from, a.from), (a_to, a.to)];
    if on_line.iter().all(|&(side, _)| side == Ordering::Equal) {
        return meet_on_line(a, b);
    }
    let touching = on_line.into_iter().find(|&(side, _)| side == Ordering::Equal);
    touching.map_or(Meeting::Crossing, |(_, xy)| Meeting::Touch(xy))
}

/// Both lie on one line, and their rectangles meet.
fn meet_on_line(a: Segment, b: Segment) -> Meeting {
    let (in_a, in_b) = (a.rectangle(), b.rectangle());
    let mut shared: Option<Xy> = None;
    let ends = [(in_a, b.from), (in_a, b.to), (in_b, a.from), (in_b, a.to)];
    for (rectangle, end) in ends {
        if !rectangle.covers_point(end) {
            continue;
        }
        if shared.is_some_and(|one| one != end) {
            return Meeting::Overlap;
        }
        shared = Some(end);
    }
    shared.map_or(Meeting::Apart, Meeting::Touch)
}

/// Where a position lies relative to a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Location {
    Inside,
    Boundary,
    Outside,
}

/// Counts how often a ray to the right crosses the ring; exact.
pub(in super::super) fn locate(xy: Xy, ring: &[Segment]) -> Location {
    let mut inside = false;
    for segment in ring {
        match crosses_ray(xy, *segment) {
            Ray::Crossed => inside = !inside,
            Ray::Missed => {}
            Ray::OnSegment => return Location::Boundary,
        }
    }
    if inside { Location::Inside } else { Location::Outside }
}

/// How a ray from a position to the right meets a segment.
#[derive(PartialEq, Eq)]
pub(in super::super) enum Ray {
    Missed,
    Crossed,
    OnSegment,
}

#[inline]
pub(in super::super) fn crosses_ray(xy: Xy, segment: Segment) -> Ray {
    let Segment { from, to } = segment;
    if from.x < xy.x && to.x < xy.x {
        return Ray::Missed;
    }
    let (from_above, to_above) = (from.y > xy.y, to.y > xy.y);
    if from_above == to_above {
        // Both above, or both at most level: only a level segment or end can hold the position.
        let level = from.y == xy.y && to.y == xy.y && segment.rectangle().covers_point(xy);
        return if level || from == xy || to == xy { Ray::OnSegment } else { Ray::Missed };
    }
    let side = side(from, to, xy);
    match (side, to_above) {
        (Ordering::Equal, _) => Ray::OnSegment,
        (Ordering::Greater, true) | (Ordering::Less, false) => Ray::Crossed,
        _ => Ray::Missed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(from: (f64, f64), to: (f64, f64)) -> Segment {
        let xy = |(x, y)| Xy { x, y };
        Segment { from: xy(from), to: xy(to) }
    }

    #[test]
    fn segments_meet_as_they_look() {
        let base = segment((0.0, 0.0), (4.0, 0.0));
        let touch = |x, y| Meeting::Touch(Xy { x, y });
        let cases = [
            (segment((0.0, 1.0), (4.0, 1.0)), Meeting::Apart),
            (segment((2.0, -1.0), (2.0, 1.0)), Meeting::Crossing),
            (segment((2.0, 0.0), (2.0, 1.0)), touch(2.0, 0.0)),
            (segment((4.0, 0.0), (5.0, 1.0)), touch(4.0, 0.0)),
            (segment((4.0, -1.0), (4.0, 1.0)), touch(4.0, 0.0)),
            (segment((4.0, 0.0), (6.0, 0.0)), touch(4.0, 0.0)),
            (segment((5.0, 0.0), (6.0, 0.0)), Meeting::Apart),
            (segment((3.0, 0.0), (6.0, 0.0)), Meeting::Overlap),
            (segment((1.0, 0.0), (2.0, 0.0)), Meeting::Overlap),
            (segment((4.0, 0.0), (0.0, 0.0)), Meeting::Overlap),
            (segment((5.0, -1.0), (5.0, 1.0)), Meeting::Apart),
        ];
        for (other, expected) in cases {
            assert_eq!(meet(base, other), expected, "{other:?}");
            assert_eq!(meet(other, base), expected, "{other:?} the other way round");
        }
    }

    #[test]
    fn positions_are_located_also_on_corners_and_level_edges() {
        let ring = [
            segment((0.0, 0.0), (4.0, 0.0)),
            segment((4.0, 0.0), (4.0, 4.0)),
            segment((4.0, 4.0), (2.0, 2.0)),
            segment((2.0, 2.0), (0.0, 4.0)),
            segment((0.0, 4.0), (0.0, 0.0)),
        ];
        let located = |x, y| locate(Xy { x, y }, &ring);
        for (x, y) in [(0.0, 0.0), (1.0, 0.0), (4.0, 4.0), (2.0, 2.0), (3.0, 3.0), (0.0, 2.0)] {
            assert_eq!(located(x, y), Location::Boundary, "{x} {y}");
        }
        for (x, y) in [(1.0, 2.0), (0.5, 3.0), (3.5, 3.0), (2.0, 1.0)] {
            assert_eq!(located(x, y), Location::Inside, "{x} {y}");
        }
        for (x, y) in [(2.0, 3.0), (-1.0, 2.0), (-1.0, 0.0), (-1.0, 4.0), (2.0, 4.0), (5.0, 2.0)] {
            assert_eq!(located(x, y), Location::Outside, "{x} {y}");
        }
    }
}
