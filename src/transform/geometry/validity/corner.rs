//! Directions around a position: do two corners cross, does a segment leave into a corner?
//!
//! After JTS's `PolygonNodeTopology`: directions are compared by quadrant and
//! then by exact orientation; no angle is ever computed.

use std::cmp::Ordering;

use super::{super::shape::Xy, segment::side};

/// Quadrants counted anticlockwise from the positive x axis, which is in the first.
fn quadrant(origin: Xy, xy: Xy) -> u8 {
    match (xy.x >= origin.x, xy.y >= origin.y) {
        (true, true) => 0,
        (false, true) => 1,
        (false, false) => 2,
        (true, false) => 3,
    }
}

/// Whether the direction to `a` comes after that to `b`, anticlockwise from the x axis.
pub(in super::super) fn comes_after(origin: Xy, a: Xy, b: Xy) -> bool {
    match quadrant(origin, a).cmp(&quadrant(origin, b)) {
        Ordering::Equal => side(origin, b, a) == Ordering::Greater,
        other => other == Ordering::Greater,
    }
}

/// Whether the direction to `xy` lies between those to `low` and `high`.
fn is_between(origin: Xy, xy: Xy, low: Xy, high: Xy) -> bool {
    comes_after(origin, xy, low) && !comes_after(origin, xy, high)
}

/// Whether two paths through `node` cross there; each is given by its neighbours of the node.
pub(super) fn cross(node: Xy, a: (Xy, Xy), b: (Xy, Xy)) -> bool {
    let (low, high) = if comes_after(node, a.0, a.1) { (a.1, a.0) } else { a };
    is_between(node, b.0, low, high) != is_between(node, b.1, low, high)
}

/// Whether the segment from `node` to `xy` leaves into the corner that lies on the right of
/// the path `previous → node → next`.
pub(super) fn leaves_to_the_right(node: Xy, previous: Xy, next: Xy, xy: Xy) -> bool {
    let swapped = comes_after(node, previous, next);
    let (low, high) = if swapped { (next, previous) } else { (previous, next) };
    is_between(node, xy, low, high) != swapped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xy(x: i32, y: i32) -> Xy {
        Xy { x: f64::from(x), y: f64::from(y) }
    }

    #[test]
    fn paths_through_a_node_cross_or_touch() {
        let node = xy(0, 0);
        let level = (xy(-1, 0), xy(1, 0));
        assert!(cross(node, level, (xy(0, 1), xy(0, -1))));
        assert!(cross(node, level, (xy(0, -1), xy(0, 1))));
        assert!(!cross(node, level, (xy(-1, 1), xy(1, 1))));
        assert!(!cross(node, level, (xy(-1, -2), xy(1, -1))));
        let corner = (xy(1, -1), xy(1, 1));
        assert!(cross(node, corner, (xy(2, 0), xy(-1, 0))));
        assert!(!cross(node, corner, (xy(-1, 1), xy(-1, -1))));
    }

    #[test]
    fn the_right_of_a_path_is_told_on_every_side_of_the_axes() {
        let node = xy(0, 0);
        assert!(leaves_to_the_right(node, xy(-1, 0), xy(1, 0), xy(0, -1)));
        assert!(!leaves_to_the_right(node, xy(-1, 0), xy(1, 0), xy(0, 1)));
        assert!(leaves_to_the_right(node, xy(1, 0), xy(-1, 0), xy(0, 1)));
        assert!(leaves_to_the_right(node, xy(0, -1), xy(0, 1), xy(1, 0)));
        assert!(!leaves_to_the_right(node, xy(0, -1), xy(0, 1), xy(-1, 0)));
    }
}
