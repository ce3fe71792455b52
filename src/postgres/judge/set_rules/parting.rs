//! Parts the sides of a rim where a corner of another outline lies on them.
//!
//! Neighbours do not always share their corners: one long side may lie along the short ones of
//! three others. Parted at their corners it meets theirs, and what is shared cancels.

use rstar::{AABB, RTree};

use super::{rim::Side, rings::Xy};

/// The sides of one group, parted at each corner that lies on them within `reach`, an end aside;
/// what then lies on one another is one side, or none.
pub(super) fn parted(sides: &[Side], reach: f64) -> Vec<Side> {
    let corners = corners(sides);
    let mut parts = Vec::with_capacity(sides.len());
    for side in sides {
        let mut on_it = on_side(&corners, side, reach);
        on_it.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut from = side.from;
        for to in on_it.into_iter().map(|(_, corner)| corner).chain([side.to]) {
            parts.push(part(side, from, to));
            from = to;
        }
    }
    drop(corners);
    merged(parts)
}

/// Every end of a side, once.
fn corners(sides: &[Side]) -> RTree<Xy> {
    let mut corners: Vec<Xy> = sides.iter().flat_map(|side| [side.from, side.to]).collect();
    corners.sort_unstable_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    corners.dedup();
    RTree::bulk_load(corners)
}

/// The corners on a side, each with the square of its distance from the first end.
fn on_side(corners: &RTree<Xy>, side: &Side, reach: f64) -> Vec<(f64, Xy)> {
    let (a, b) = (side.from, side.to);
    let around = AABB::from_corners(
        [a[0].min(b[0]) - reach, a[1].min(b[1]) - reach],
        [a[0].max(b[0]) + reach, a[1].max(b[1]) + reach],
    );
    let square = reach * reach;
    let is_on_it = |corner: &&Xy| {
        let [from_a, from_b] = [a, b].map(|end| squared(end, **corner));
        from_a > square && from_b > square && squared_from_line(a, b, **corner) <= square
    };
    let found = corners.locate_in_envelope(&around).filter(is_on_it);
    found.map(|corner| (squared(a, *corner), *corner)).collect()
}

fn squared(a: Xy, b: Xy) -> f64 {
    (b[0] - a[0]).powi(2) + (b[1] - a[1]).powi(2)
}

/// The square of the distance from a line between two ends.
fn squared_from_line(a: Xy, b: Xy, place: Xy) -> f64 {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let along = ((place[0] - a[0]) * dx + (place[1] - a[1]) * dy) / (dx * dx + dy * dy);
    let along = along.clamp(0.0, 1.0);
    squared([a[0] + along * dx, a[1] + along * dy], place)
}

/// A part of a side, with the end first that a rim has first.
fn part(side: &Side, from: Xy, to: Xy) -> Side {
    match from < to {
        true => Side { from, to, ..*side },
        false => Side { from: to, to: from, surplus: -side.surplus, ..*side },
    }
}

/// Sides that lie on one another are one, with what they have more on their left together.
fn merged(mut parts: Vec<Side>) -> Vec<Side> {
    let ends = |side: &Side| [side.from[0], side.from[1], side.to[0], side.to[1]];
    parts.sort_unstable_by(|a, b| {
        let pairs = ends(a).into_iter().zip(ends(b));
        pairs
            .map(|(a, b)| a.total_cmp(&b))
            .find(|order| order.is_ne())
            .unwrap_or_else(|| a.number.cmp(&b.number))
    });
    parts.dedup_by(|later, kept| {
        let same = ends(later) == ends(kept);
        if same {
            kept.surplus += later.surplus;
            kept.number = kept.number.max(later.number);
        }
        same
    });
    parts.retain(|side| side.surplus != 0);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(number: i64, from: Xy, to: Xy, surplus: i32) -> Side {
        part(&Side { group: 0, from, to, surplus, number }, from, to)
    }

    #[test]
    fn a_long_side_cancels_with_the_short_ones_along_it() {
        let long = side(1, [0.0, 0.0], [0.0, 9.0], 1);
        let short = [[0.0, 0.0], [0.0, 4.0], [0.004, 6.0], [0.0, 9.0]];
        let mut sides: Vec<Side> =
            short.windows(2).map(|ends| side(2, ends[0], ends[1], -1)).collect();
        sides.push(long);
        assert_eq!(parted(&sides, 0.01), []);
        // Further away it is another place.
        assert_eq!(parted(&sides, 0.001).len(), 3);
    }

    #[test]
    fn parts_stand_as_often_as_what_covers_them() {
        let sides = [
            side(1, [0.0, 0.0], [9.0, 0.0], 1),
            side(2, [6.0, 0.0], [9.0, 0.0], 1),
            side(3, [9.0, 0.0], [6.0, 0.0], 3),
        ];
        let left = parted(&sides, 0.01);
        assert_eq!(left, [side(1, [0.0, 0.0], [6.0, 0.0], 1), side(3, [6.0, 0.0], [9.0, 0.0], -1)]);
    }
}
