//! Which rings of a polygon shape belong together.
//!
//! A shapefile lists rings without saying which is a hole of which: outer
//! rings run clockwise, holes the other way. That is believed as long as
//! every hole lies in an outer ring; where it does not (some writers do not
//! know the rule), nesting alone decides: a ring inside an even number of
//! others is an outer one.

use super::geometry::Unusable;

/// Comparisons of a ring with another that one shape may cost: a limit in time,
/// since a hostile record of 64 MiB could ask for 10^11.
const COMPARISONS_MAX: usize = 20_000_000;

/// Gives the points of a shape.
pub(super) trait RingPoints {
    fn xy(&self, index: usize) -> (f64, f64);
}

/// Groups rings; its memory is used again for the next shape.
#[derive(Debug, Default)]
pub(super) struct RingGrouper {
    rings: Vec<Ring>,
    polygons: Vec<Vec<usize>>,
}

#[derive(Debug, Clone, Copy)]
struct Ring {
    start: usize,
    end: usize,
    /// Twice the signed area; negative for a clockwise ring.
    area: f64,
    low: (f64, f64),
    high: (f64, f64),
}

/// Where a point lies with respect to a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Inside,
    Outside,
    Boundary,
}

impl RingGrouper {
    /// The polygons found: indexes of the outer ring, then of its holes.
    pub(super) fn polygons(&self) -> &[Vec<usize>] {
        &self.polygons
    }

    /// Groups the rings at `parts`.
    pub(super) fn group(
        &mut self,
        parts: &[(usize, usize)],
        points: &impl RingPoints,
    ) -> Result<(), Unusable> {
        self.polygons.clear();
        if parts.len() < 2 {
            // A lone ring is an outer one whichever way it runs.
            self.polygons.extend((!parts.is_empty()).then(|| vec![0]));
            return Ok(());
        }
        self.rings.clear();
        self.rings.extend(parts.iter().map(|&part| Ring::of(part, points)));
        let outer: Vec<_> = self.rings.iter().map(|ring| ring.area < 0.0).collect();
        let outers = outer.iter().filter(|outer| **outer).count();
        if (parts.len() - outers).saturating_mul(outers) > COMPARISONS_MAX {
            return Err((
                "shapefile.rings",
                "the polygon has too many rings to tell which are holes",
            ));
        }
        if !self.by_orientation(&outer, points) {
            if parts.len().saturating_mul(parts.len()) > COMPARISONS_MAX {
                return Err((
                    "shapefile.rings",
                    "the polygon has too many rings to tell which are holes",
                ));
            }
            self.by_nesting(points);
        }
        Ok(())
    }

    /// Gives each hole to the smallest outer ring around it; `false` when one has none.
    fn by_orientation(&mut self, outer: &[bool], points: &impl RingPoints) -> bool {
        let outers: Vec<_> = (0..outer.len()).filter(|&ring| outer[ring]).collect();
        let mut owners = Vec::new();
        for hole in (0..outer.len()).filter(|&ring| !outer[ring]) {
            match self.smallest_around(hole, outers.iter().copied(), points) {
                Some(owner) => owners.push((hole, owner)),
                None => return false,
            }
        }
        self.collect(&outers, &owners);
        true
    }

    fn by_nesting(&mut self, points: &impl RingPoints) {
        let count = self.rings.len();
        let around = |inner: usize| -> Vec<usize> {
            (0..count).filter(|&ring| self.contains(ring, inner, points)).collect()
        };
        let around: Vec<_> = (0..count).map(around).collect();
        let depth = |ring: usize| around[ring].len();
        let outers: Vec<_> = (0..count).filter(|&ring| depth(ring) % 2 == 0).collect();
        let mut owners = Vec::new();
        for hole in (0..count).filter(|&ring| depth(ring) % 2 == 1) {
            let outside = around[hole].iter().filter(|&&ring| depth(ring) + 1 == depth(hole));
            let area = |ring: usize| self.rings[ring].area.abs();
            let owner = outside.min_by(|a, b| area(**a).total_cmp(&area(**b)));
            owners.push((hole, owner.copied().unwrap_or(hole)));
        }
        self.collect(&outers, &owners);
    }

    fn collect(&mut self, outers: &[usize], owners: &[(usize, usize)]) {
        let mut place = vec![usize::MAX; self.rings.len()];
        for (at, &outer) in outers.iter().enumerate() {
            place[outer] = at;
            self.polygons.push(vec![outer]);
        }
        for &(hole, owner) in owners {
            match self.polygons.get_mut(place[owner]) {
                Some(polygon) => polygon.push(hole),
                // Rings that cross each other can leave a ring without owner: it stands alone.
                None => self.polygons.push(vec![hole]),
            }
        }
    }

    fn smallest_around(
        &self,
        inner: usize,
        candidates: impl Iterator<Item = usize>,
        points: &impl RingPoints,
    ) -> Option<usize> {
        let area = |ring: &usize| self.rings[*ring].area.abs();
        candidates
            .filter(|&ring| self.contains(ring, inner, points))
            .min_by(|a, b| area(a).total_cmp(&area(b)))
    }

    /// Whether `inner` lies in `outer`; both may touch.
    fn contains(&self, outer: usize, inner: usize, points: &impl RingPoints) -> bool {
        let (ring, within) = (&self.rings[outer], &self.rings[inner]);
        if outer == inner || !ring.box_contains(within) || ring.area.abs() < within.area.abs() {
            return false;
        }
        let sides = (within.start..within.end).map(|index| ring.side(points.xy(index), points));
        for side in sides {
            if side != Side::Boundary {
                return side == Side::Inside;
            }
        }
        // All its corners lie on the other ring: look between them.
        let (a, b) = (points.xy(within.start), points.xy(within.end.min(within.start + 2) - 1));
        ring.side((a.0.midpoint(b.0), a.1.midpoint(b.1)), points) != Side::Outside
    }
}

impl Ring {
    fn of((start, end): (usize, usize), points: &impl RingPoints) -> Self {
        // Relative to the first point, so that large coordinates lose nothing.
        let origin = points.xy(start);
        let (mut area, mut low, mut high) = (0.0, origin, origin);
        let mut before = (0.0, 0.0);
        for index in start..end {
            let (x, y) = points.xy(index);
            low = (low.0.min(x), low.1.min(y));
            high = (high.0.max(x), high.1.max(y));
            let here = (x - origin.0, y - origin.1);
            area += before.0 * here.1 - here.0 * before.1;
            before = here;
        }
        Self { start, end, area, low, high }
    }

    fn box_contains(&self, other: &Ring) -> bool {
        self.low.0 <= other.low.0
            && self.low.1 <= other.low.1
            && self.high.0 >= other.high.0
            && self.high.1 >= other.high.1
    }

    /// By counting the edges that a ray to the right crosses.
    fn side(&self, (x, y): (f64, f64), points: &impl RingPoints) -> Side {
        let mut inside = false;
        let mut from = points.xy(self.end - 1);
        for index in self.start..self.end {
            let to = points.xy(index);
            let cross = (to.0 - from.0) * (y - from.1) - (x - from.0) * (to.1 - from.1);
            let in_box = x >= from.0.min(to.0)
                && x <= from.0.max(to.0)
                && y >= from.1.min(to.1)
                && y <= from.1.max(to.1);
            if cross == 0.0 && in_box {
                return Side::Boundary;
            }
            if (from.1 > y) != (to.1 > y) && (cross > 0.0) == (to.1 > from.1) {
                inside = !inside;
            }
            from = to;
        }
        if inside { Side::Inside } else { Side::Outside }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Points(Vec<(f64, f64)>);

    impl RingPoints for Points {
        fn xy(&self, index: usize) -> (f64, f64) {
            self.0[index]
        }
    }

    /// A square ring: lower left corner, size, and whether it runs clockwise.
    fn square(x: f64, y: f64, size: f64, clockwise: bool) -> Vec<(f64, f64)> {
        let mut ring = vec![(x, y), (x, y + size), (x + size, y + size), (x + size, y), (x, y)];
        if !clockwise {
            ring.reverse();
        }
        ring
    }

    fn grouped(rings: &[Vec<(f64, f64)>]) -> Vec<Vec<usize>> {
        let mut parts = Vec::new();
        let mut points = Vec::new();
        for ring in rings {
            parts.push((points.len(), points.len() + ring.len()));
            points.extend_from_slice(ring);
        }
        let mut grouper = RingGrouper::default();
        grouper.group(&parts, &Points(points)).expect("few rings");
        grouper.polygons().to_vec()
    }

    #[test]
    fn rings_are_grouped_by_orientation_and_containment() {
        let outer = square(0.0, 0.0, 10.0, true);
        let hole = square(2.0, 2.0, 4.0, false);
        let island = square(3.0, 3.0, 1.0, true);
        let far = square(20.0, 0.0, 5.0, true);
        let touching = square(0.0, 6.0, 2.0, false);
        for (rings, polygons) in [
            (vec![outer.clone()], vec![vec![0]]),
            (vec![hole.clone()], vec![vec![0]]),
            (vec![outer.clone(), hole.clone()], vec![vec![0, 1]]),
            (vec![hole.clone(), far.clone(), outer.clone()], vec![vec![1], vec![2, 0]]),
            (vec![outer.clone(), hole.clone(), island.clone()], vec![vec![0, 1], vec![2]]),
            (vec![outer.clone(), touching], vec![vec![0, 1]]),
            (vec![], vec![]),
        ] {
            assert_eq!(grouped(&rings), polygons);
        }
    }

    #[test]
    fn nesting_decides_where_orientation_is_wrong() {
        let outer = square(0.0, 0.0, 10.0, false);
        let hole = square(2.0, 2.0, 4.0, true);
        let far = square(20.0, 0.0, 5.0, false);
        assert_eq!(grouped(&[outer.clone(), far.clone()]), [[0], [1]]);
        assert_eq!(grouped(&[outer.clone(), hole, far]), [vec![0, 1], vec![2]]);
        // The same ring twice: neither lies in the other's inside.
        assert_eq!(grouped(&[outer.clone(), outer]).iter().flatten().count(), 2);
    }
}
