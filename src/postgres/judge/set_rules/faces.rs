//! The places that a rim encloses and nobody covers.
//!
//! The sides of a rim divide the plane into faces. Each is bounded by rings of sides that have it
//! on their left: one around it, and one around whatever lies within it, such as the blocks of a
//! town within its streets. A face is a gap if all its sides have more on the other side, and a
//! ray says that nobody covers it: what the ray crosses adds up to who covers its beginning.
//!
//! Sides are expected to meet in corners only. Where they cross, outlines overlap, and what is
//! found there may be wrong until they are mended.

use robust::{Coord, orient2d};
use rstar::{
    AABB, RTree,
    primitives::{GeomWithData, Line},
};

use super::{parting::parted, rim::Side, rings::Xy};

/// A place that nobody covers.
#[derive(Debug, PartialEq)]
pub(super) struct Gap {
    /// What encloses it, then what lies within it; each ring ends where it begins.
    pub(super) rings: Vec<Vec<Xy>>,
    /// The numbers of the outlines around it, each once.
    pub(super) neighbours: Vec<i64>,
}

/// Finds the gaps of a rim that may be larger than `least`, in its own square units. Sides are
/// sorted by their groups; `reach` is as far as two places may be apart that are one.
pub(super) fn gaps(mut sides: Vec<Side>, reach: f64, least: f64) -> Vec<Gap> {
    let mut found = Vec::new();
    // From the end, so that what has been looked at takes no more memory.
    while let Some(last) = sides.last() {
        let group = last.group;
        let parts = parted(&sides[sides.partition_point(|side| side.group < group)..], reach);
        sides.truncate(sides.partition_point(|side| side.group < group));
        if sides.capacity() > 2 * sides.len() {
            sides.shrink_to_fit();
        }
        found.extend(Faces::of(&parts).gaps(least));
    }
    found
}

/// A side in one direction: twice its place among the sides, and one more against its own.
type Half = usize;

struct Faces<'s> {
    sides: &'s [Side],
    /// Of each half, the next around the face on its left.
    next: Vec<Half>,
    /// Of each half, its ring.
    ring_of: Vec<usize>,
    rings: Vec<Ring>,
}

struct Ring {
    first: Half,
    /// Twice its area: above 0 where it goes around its face, below where its face is around it.
    twice_area: f64,
    /// Its place furthest in the west, of several the one furthest in the south.
    west: Xy,
}

impl<'s> Faces<'s> {
    fn of(sides: &'s [Side]) -> Self {
        let count = sides.len() * 2;
        let mut faces =
            Self { sides, next: Vec::new(), ring_of: vec![usize::MAX; count], rings: Vec::new() };
        faces.next = faces.linked();
        for half in 0..count {
            if faces.ring_of[half] == usize::MAX {
                faces.trace(half);
            }
        }
        faces
    }

    fn from(&self, half: Half) -> Xy {
        let side = &self.sides[half / 2];
        if half.is_multiple_of(2) { side.from } else { side.to }
    }

    fn to(&self, half: Half) -> Xy {
        self.from(half ^ 1)
    }

    /// How many more outlines cover its left than its right.
    fn surplus(&self, half: Half) -> i32 {
        let surplus = self.sides[half / 2].surplus;
        if half.is_multiple_of(2) { surplus } else { -surplus }
    }

    /// Who comes to a corner goes on along the side that is next to the right.
    fn linked(&self) -> Vec<Half> {
        let mut halves: Vec<Half> = (0..self.sides.len() * 2).collect();
        halves.sort_unstable_by(|one, other| {
            let ([ax, ay], [bx, by]) = (self.from(*one), self.from(*other));
            ax.total_cmp(&bx).then(ay.total_cmp(&by)).then_with(|| self.turn(*one, *other))
        });
        let mut next = vec![0; halves.len()];
        for around in halves.chunk_by(|one, other| self.from(*one) == self.from(*other)) {
            let before = around.iter().cycle().skip(around.len() - 1);
            for (leaves, goes) in around.iter().zip(before) {
                next[leaves ^ 1] = *goes;
            }
        }
        next
    }

    /// Which of two halves from one corner comes first, counterclockwise from the east.
    fn turn(&self, one: Half, other: Half) -> std::cmp::Ordering {
        let (corner, a, b) = (self.from(one), self.to(one), self.to(other));
        let is_below = |to: Xy| to[1] < corner[1] || to[1] == corner[1] && to[0] < corner[0];
        let at = |place: Xy| Coord { x: place[0], y: place[1] };
        is_below(a)
            .cmp(&is_below(b))
            .then_with(|| 0.0_f64.total_cmp(&(orient2d(at(corner), at(a), at(b)) + 0.0)))
    }

    fn trace(&mut self, first: Half) {
        let (start, ring) = (self.from(first), self.rings.len());
        let (mut twice_area, mut west, mut half) = (0.0, start, first);
        loop {
            self.ring_of[half] = ring;
            let (a, b) = (self.from(half), self.to(half));
            twice_area +=
                (a[0] - start[0]) * (b[1] - start[1]) - (b[0] - start[0]) * (a[1] - start[1]);
            if a < west {
                west = a;
            }
            half = self.next[half];
            if half == first {
                break;
            }
        }
        self.rings.push(Ring { first, twice_area, west });
    }

    /// The halves of a ring, one after the other.
    fn halves(&self, ring: usize) -> impl Iterator<Item = Half> {
        let first = self.rings[ring].first;
        let after = move |half: &Half| Some(self.next[*half]).filter(|next| *next != first);
        std::iter::successors(Some(first), after)
    }

    /// Whether all sides of a ring have less on it than beyond. A side that has the same face on
    /// both sides parts nothing.
    fn is_lower(&self, ring: usize) -> bool {
        let mut walls = self.walls(ring).peekable();
        walls.peek().is_some() && walls.all(|half| self.surplus(half) < 0)
    }

    fn walls(&self, ring: usize) -> impl Iterator<Item = Half> {
        self.halves(ring).filter(move |half| self.ring_of[half ^ 1] != ring)
    }

    fn gaps(&self, least: f64) -> Vec<Gap> {
        let is_one =
            |ring: &usize| self.rings[*ring].twice_area / 2.0 > least && self.is_lower(*ring);
        let around: Vec<usize> = (0..self.rings.len()).filter(is_one).collect();
        if around.is_empty() {
            return Vec::new();
        }
        let rays = Rays::new(self);
        let mut within = rays.within();
        let open = around.into_iter().filter(|ring| rays.is_open(*ring));
        open.filter_map(|ring| {
            let inner = within.get_mut(&ring).map(std::mem::take).unwrap_or_default();
            self.gap(ring, &inner)
        })
        .collect()
    }

    fn gap(&self, around: usize, within: &[usize]) -> Option<Gap> {
        if within.iter().any(|ring| self.walls(*ring).any(|half| self.surplus(half) >= 0)) {
            return None;
        }
        let all = || std::iter::once(around).chain(within.iter().copied());
        let rings = all().map(|ring| {
            let corners = self.halves(ring).map(|half| self.from(half));
            corners.chain([self.from(self.rings[ring].first)]).collect()
        });
        let numbers = all().flat_map(|ring| self.walls(ring));
        let mut neighbours: Vec<i64> = numbers.map(|half| self.sides[half / 2].number).collect();
        neighbours.sort_unstable();
        neighbours.dedup();
        Some(Gap { rings: rings.collect(), neighbours })
    }
}

/// Rays along the sides of all faces.
struct Rays<'f> {
    faces: &'f Faces<'f>,
    sides: RTree<GeomWithData<Line<Xy>, usize>>,
    /// From the west of all to the east.
    bounds: [f64; 2],
}

impl<'f> Rays<'f> {
    fn new(faces: &'f Faces<'f>) -> Self {
        let line =
            |(at, side): (usize, &Side)| GeomWithData::new(Line::new(side.from, side.to), at);
        let sides = RTree::bulk_load(faces.sides.iter().enumerate().map(line).collect());
        // Of each side, the first end is the one in the west.
        let west = faces.sides.iter().map(|side| side.from[0]).fold(f64::INFINITY, f64::min);
        let east = faces.sides.iter().map(|side| side.to[0]).fold(f64::NEG_INFINITY, f64::max);
        Self { faces, sides, bounds: [west, east] }
    }

    /// The sides that cross a height between two places, those that end there by their upper part.
    fn crossed(&self, from: f64, to: f64, y: f64) -> impl Iterator<Item = (usize, &'f Side)> {
        let along = AABB::from_corners([from, y], [to, y]);
        let found = self.sides.locate_in_envelope_intersecting(&along).map(|it| it.data);
        let found: Vec<usize> = found.collect();
        let sides = self.faces.sides;
        found
            .into_iter()
            .map(move |at| (at, &sides[at]))
            .filter(move |(_, side)| (side.from[1] <= y) != (side.to[1] <= y))
    }

    /// Whether nobody covers the face that a ring goes around.
    fn is_open(&self, ring: usize) -> bool {
        let rises = |half: &Half| self.faces.from(*half)[1] != self.faces.to(*half)[1];
        let Some(wall) = self.faces.walls(ring).find(rises) else { return false };
        let (a, b) = (self.faces.from(wall), self.faces.to(wall));
        let place = [a[0].midpoint(b[0]), a[1].midpoint(b[1])];
        let east = self.crossed(place[0], self.bounds[1], place[1]);
        let east = east.filter(|(at, side)| *at != wall / 2 && is_west_of(place, side));
        let covering: i32 = east.map(|(_, side)| rising_surplus(side)).sum();
        // A face on the left of what rises is in the west, so its own wall is crossed, too.
        let own = if a[1] < b[1] { self.faces.surplus(wall) } else { 0 };
        covering + own == 0
    }

    /// For each face, the rings around what lies within it.
    fn within(&self) -> std::collections::HashMap<usize, Vec<usize>> {
        let rings = &self.faces.rings;
        let mut around: Vec<usize> =
            (0..rings.len()).filter(|ring| rings[*ring].twice_area <= 0.0).collect();
        // What is next in the west of a ring begins further west.
        around.sort_unstable_by(|a, b| {
            let [a, b] = [a, b].map(|ring| rings[*ring].west);
            a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1]))
        });
        let mut face_of: Vec<Option<usize>> = vec![None; rings.len()];
        let mut within = std::collections::HashMap::<usize, Vec<usize>>::new();
        for ring in around {
            let next = self.next_in_west(rings[ring].west);
            face_of[ring] = next.and_then(|next| match rings[next].twice_area > 0.0 {
                true => Some(next),
                false => face_of[next],
            });
            if let Some(face) = face_of[ring] {
                within.entry(face).or_default().push(ring);
            }
        }
        within
    }

    /// The ring that the first side in the west of a place has on the near side.
    fn next_in_west(&self, place: Xy) -> Option<usize> {
        let mut width = (self.bounds[1] - self.bounds[0]) / (self.faces.sides.len() as f64).sqrt();
        loop {
            let from = (place[0] - width).max(self.bounds[0]);
            let crossed = self.crossed(from, place[0], place[1]).filter_map(|(at, side)| {
                let (x, lean) = crossing(side, place[1]);
                (x < place[0] && x >= from).then_some((x, lean, at))
            });
            let nearest = crossed.max_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
            if let Some((_, _, at)) = nearest {
                let side = &self.faces.sides[at];
                // East of it is the left of the half that falls.
                let half = if side.from[1] < side.to[1] { 2 * at + 1 } else { 2 * at };
                return Some(self.faces.ring_of[half]);
            }
            if from <= self.bounds[0] {
                return None;
            }
            width *= 4.0;
        }
    }
}

/// Where a side has a height, and how far to the east it leans going up.
fn crossing(side: &Side, y: f64) -> (f64, f64) {
    let lean = (side.to[0] - side.from[0]) / (side.to[1] - side.from[1]);
    (side.from[0] + (y - side.from[1]) * lean, lean)
}

/// Whether a place is west of a side that crosses its height.
fn is_west_of(place: Xy, side: &Side) -> bool {
    let [place, from, to] = [place, side.from, side.to].map(|at| Coord { x: at[0], y: at[1] });
    let left = orient2d(from, to, place);
    if side.from[1] < side.to[1] { left > 0.0 } else { left < 0.0 }
}

/// How many more cover the west of a side than its east.
fn rising_surplus(side: &Side) -> i32 {
    if side.from[1] < side.to[1] { side.surplus } else { -side.surplus }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sides of outlines, each with what it covers on its left.
    fn rim(outlines: &[&[Xy]]) -> Vec<Side> {
        let mut sides = Vec::new();
        for (number, ring) in (1..).zip(outlines) {
            let corners = ring.iter().zip(ring.iter().cycle().skip(1));
            sides.extend(corners.map(|(&a, &b)| match a < b {
                true => Side { group: 0, from: a, to: b, surplus: 1, number },
                false => Side { group: 0, from: b, to: a, surplus: -1, number },
            }));
        }
        sides
    }

    fn square([x, y]: Xy, size: f64) -> [Xy; 4] {
        [[x, y], [x + size, y], [x + size, y + size], [x, y + size]]
    }

    fn area(gap: &Gap) -> f64 {
        let twice = |ring: &Vec<Xy>| -> f64 {
            ring.windows(2).map(|side| side[0][0] * side[1][1] - side[1][0] * side[0][1]).sum()
        };
        gap.rings.iter().map(twice).sum::<f64>() / 2.0
    }

    #[test]
    fn streets_around_blocks_are_one_gap_with_a_hole_for_each() {
        // A frame of four, and nine blocks within it that touch nobody.
        let frame: [[Xy; 4]; 4] = [
            [[0.0, 0.0], [40.0, 0.0], [40.0, 1.0], [0.0, 1.0]],
            [[0.0, 39.0], [40.0, 39.0], [40.0, 40.0], [0.0, 40.0]],
            [[0.0, 1.0], [1.0, 1.0], [1.0, 39.0], [0.0, 39.0]],
            [[39.0, 1.0], [40.0, 1.0], [40.0, 39.0], [39.0, 39.0]],
        ];
        let at = |number: u32| f64::from(number) * 12.0 + 4.0;
        let blocks: Vec<[Xy; 4]> =
            (0..9).map(|number| square([at(number / 3), at(number % 3)], 8.0)).collect();
        let outlines: Vec<&[Xy]> = frame.iter().chain(&blocks).map(|it| &it[..]).collect();
        let found = gaps(rim(&outlines), 0.01, 1.0);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].rings.len(), area(&found[0])), (10, 38.0 * 38.0 - 9.0 * 64.0));
        assert_eq!(found[0].neighbours, Vec::from_iter(1..=13));
    }

    #[test]
    fn a_hole_that_touches_its_edge_and_one_within_another_are_told_apart() {
        let walls = [
            [[0.0, 0.0], [20.0, 0.0], [20.0, 5.0], [0.0, 5.0]],
            [[0.0, 15.0], [20.0, 15.0], [20.0, 20.0], [0.0, 20.0]],
            [[0.0, 5.0], [5.0, 5.0], [5.0, 15.0], [0.0, 15.0]],
            [[15.0, 5.0], [20.0, 5.0], [20.0, 15.0], [15.0, 15.0]],
        ];
        // One corner of it stands on the edge of the yard that the walls enclose.
        let touching = [[5.0, 5.0], [8.0, 6.0], [8.0, 8.0], [6.0, 8.0]];
        let ring = [square([10.0, 10.0], 1.0), square([10.0, 11.0], 1.0)];
        let outlines: Vec<&[Xy]> =
            walls.iter().chain([&touching]).chain(&ring).map(|it| &it[..]).collect();
        let found = gaps(rim(&outlines), 0.01, 0.5);
        assert_eq!(found.len(), 1);
        let touching = 6.0;
        assert!((area(&found[0]) - (100.0 - touching - 2.0)).abs() < 1e-9, "{}", area(&found[0]));
        // Whoever covers the yard whole closes it.
        let yard = square([5.0, 5.0], 10.0);
        let mut closed: Vec<&[Xy]> = walls.iter().map(|it| &it[..]).collect();
        closed.push(&yard);
        assert_eq!(gaps(rim(&closed), 0.01, 0.5), []);
        // One that covers all of it, the walls too, leaves no gap either.
        let all = square([-1.0, -1.0], 30.0);
        let mut covered = outlines.clone();
        covered.push(&all);
        assert_eq!(gaps(rim(&covered), 0.01, 0.5), []);
    }

    #[test]
    fn nothing_and_less_than_the_least_is_no_gap() {
        assert_eq!(gaps(Vec::new(), 0.01, 0.5), []);
        assert_eq!(gaps(rim(&[&square([0.0, 0.0], 1.0)]), 0.01, 0.5), []);
        let around = [
            [[0.0, 0.0], [3.0, 0.0], [3.0, 1.0], [0.0, 1.0]],
            [[0.0, 2.0], [3.0, 2.0], [3.0, 3.0], [0.0, 3.0]],
            [[0.0, 1.0], [1.0, 1.0], [1.0, 2.0], [0.0, 2.0]],
            [[2.0, 1.0], [3.0, 1.0], [3.0, 2.0], [2.0, 2.0]],
        ];
        let outlines = around.each_ref().map(|it| &it[..]);
        assert_eq!(gaps(rim(&outlines), 0.01, 1.0), []);
        assert_eq!(gaps(rim(&outlines), 0.01, 0.9).len(), 1);
    }
}
