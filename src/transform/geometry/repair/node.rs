//! Cuts the sides of rings where they meet, until they meet at their ends only.

use std::{cmp::Ordering, ops::ControlFlow};

use bumpalo::Bump;

use super::super::{
    fault::GeometryFault,
    shape::Xy,
    validity::{
        lexicographic,
        segment::{Meeting, Segment, meet, turn},
        tree::SegmentTree,
    },
};

/// Crossings are rounded to coordinates, which moves the pieces a little and may make them
/// cross anew.
const ROUNDS_MAX: i32 = 32;

/// A crossing this near an end of one of the segments is that end, as a share of the largest
/// coordinate: a few units in the last place at first, or cuts would follow each other from one
/// such unit to the next. Each round doubles it.
const SNAP_SHARE: f64 = 1.0 / (1_u64 << 50) as f64;

/// And this is the most: 6 micrometres at a northing of 6,000 km.
const SNAP_SHARE_MAX: f64 = 1.0 / (1_u64 << 40) as f64;

/// Cuts of one geometry; a drawing with more is noise, not a parcel.
const CUTS_MAX: usize = 1_000_000;

/// A ring's side, or a piece of one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Side {
    pub(super) segment: Segment,
    /// The ring's number among all of the geometry.
    pub(super) ring: usize,
}

/// A line between two nodes, from the lesser position to the greater.
#[derive(Debug, PartialEq)]
pub(super) struct Edge {
    pub(super) segment: Segment,
    /// Per ring that runs along it: how much greater its winding number is on the left side
    /// than on the right. Rings that run to and fro cancel and are left out.
    pub(super) steps: Vec<(usize, i32)>,
}

/// The edges that the sides make, sorted; those that separate nothing are left out.
pub(super) fn node(sides: Vec<Side>) -> Result<Vec<Edge>, GeometryFault> {
    let mut rings: Vec<usize> = sides.iter().map(|side| side.ring).collect();
    let mut segments: Vec<Segment> = sides.into_iter().map(|side| side.segment).collect();
    let largest = segments.iter().flat_map(|segment| [segment.from.x, segment.from.y]);
    let largest = largest.fold(0.0, |largest: f64, number| largest.max(number.abs()));
    for round in 0..ROUNDS_MAX {
        let share = SNAP_SHARE_MAX.min(SNAP_SHARE * 2.0_f64.powi(round));
        let mut cuts = Cuts { at: Vec::new(), snap: largest * share };
        cuts.find(&segments)?;
        if cuts.at.is_empty() {
            return Ok(edges(&segments, &rings));
        }
        (segments, rings) = cuts.apply(&segments, &rings);
    }
    let message = "its lines lie too near each other to be cut";
    Err(GeometryFault::new("geometry.repair_failed", message))
}

/// Where segments are to be cut.
struct Cuts {
    at: Vec<(usize, Xy)>,
    /// How near an end a crossing has to be to be that end.
    snap: f64,
}

impl Cuts {
    fn find(&mut self, segments: &[Segment]) -> Result<(), GeometryFault> {
        let arena = Bump::new();
        let found = SegmentTree::new(segments, &arena).pairs(&mut |a, b| {
            self.examine(segments, a, b);
            if self.at.len() > CUTS_MAX {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        match found {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(GeometryFault::new(
                "geometry.repair_failed",
                "its lines meet more than a million times",
            )),
        }
    }

    fn examine(&mut self, segments: &[Segment], a: usize, b: usize) {
        let (first, second) = (segments[a], segments[b]);
        match meet(first, second) {
            Meeting::Apart => {}
            Meeting::Touch(xy) => {
                self.cut(segments, a, xy);
                self.cut(segments, b, xy);
            }
            Meeting::Overlap => {
                for xy in [second.from, second.to] {
                    self.cut_if_within(segments, a, xy);
                }
                for xy in [first.from, first.to] {
                    self.cut_if_within(segments, b, xy);
                }
            }
            Meeting::Crossing => {
                let xy = self.snapped(crossing(first, second), first, second);
                self.cut(segments, a, xy);
                self.cut(segments, b, xy);
            }
        }
    }

    fn snapped(&self, xy: Xy, a: Segment, b: Segment) -> Xy {
        let distance = |end: &Xy| (end.x - xy.x).abs().max((end.y - xy.y).abs());
        let ends = [a.from, a.to, b.from, b.to].into_iter();
        let nearest = ends.min_by(|a, b| distance(a).total_cmp(&distance(b)));
        nearest.filter(|end| distance(end) <= self.snap).unwrap_or(xy)
    }

    /// At an end there is nothing to cut.
    fn cut(&mut self, segments: &[Segment], index: usize, xy: Xy) {
        let segment = segments[index];
        if xy != segment.from && xy != segment.to {
            self.at.push((index, xy));
        }
    }

    /// For positions on the segment's line.
    fn cut_if_within(&mut self, segments: &[Segment], index: usize, xy: Xy) {
        let point = Segment { from: xy, to: xy };
        if point.rectangle().meets(&segments[index].rectangle()) {
            self.cut(segments, index, xy);
        }
    }

    fn apply(mut self, segments: &[Segment], rings: &[usize]) -> (Vec<Segment>, Vec<usize>) {
        self.at.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| along(segments[a.0], a.1, b.1)));
        let capacity = segments.len() + self.at.len();
        let (mut pieces, mut piece_rings) =
            (Vec::with_capacity(capacity), Vec::with_capacity(capacity));
        let mut push = |from: Xy, to: Xy, ring: usize| {
            if from != to {
                pieces.push(Segment { from, to });
                piece_rings.push(ring);
            }
        };
        let mut cuts = self.at.into_iter().peekable();
        for (index, (segment, &ring)) in segments.iter().zip(rings).enumerate() {
            let mut from = segment.from;
            while let Some((_, xy)) = cuts.next_if(|cut| cut.0 == index) {
                push(from, xy, ring);
                from = xy;
            }
            push(from, segment.to, ring);
        }
        (pieces, piece_rings)
    }
}

/// Which of two positions on a segment comes first.
fn along(segment: Segment, a: Xy, b: Xy) -> Ordering {
    let forwards = lexicographic(segment.from, segment.to) == Ordering::Less;
    let steep = (segment.to.y - segment.from.y).abs() > (segment.to.x - segment.from.x).abs();
    let order = if steep {
        let upwards = segment.from.y < segment.to.y;
        let order = a.y.total_cmp(&b.y).then(a.x.total_cmp(&b.x));
        return if upwards { order } else { order.reverse() };
    } else {
        lexicographic(a, b)
    };
    if forwards { order } else { order.reverse() }
}

/// Where two crossing segments cross, to the coordinates' precision.
///
/// The distances of `a`'s ends from `b` have opposite signs for certain, so the position always
/// lies on `a`, and next to `b` even where the two are all but parallel. Segments that occur
/// twice, in either direction, have the same crossings.
fn crossing(a: Segment, b: Segment) -> Xy {
    let (a, b) = (forwards(a), forwards(b));
    let order = lexicographic(a.from, b.from).then(lexicographic(a.to, b.to));
    let (a, b) = if order.is_lt() { (a, b) } else { (b, a) };
    let (before, after) = (turn(b.from, b.to, a.from), turn(b.from, b.to, a.to));
    let share = before / (before - after);
    let within = |value: f64, a: f64, b: f64| value.max(a.min(b)).min(a.max(b));
    let at = |from: f64, to: f64| within(from + share * (to - from), from, to);
    Xy { x: at(a.from.x, a.to.x), y: at(a.from.y, a.to.y) }
}

/// From the lesser end to the greater.
fn forwards(segment: Segment) -> Segment {
    let Segment { from, to } = segment;
    if lexicographic(from, to).is_lt() { segment } else { Segment { from: to, to: from } }
}

fn edges(segments: &[Segment], rings: &[usize]) -> Vec<Edge> {
    let directed = |(&segment, &ring): (&Segment, &usize)| {
        let line = forwards(segment);
        (line, ring, if line == segment { 1 } else { -1 })
    };
    let mut pieces: Vec<(Segment, usize, i32)> = segments.iter().zip(rings).map(directed).collect();
    pieces.sort_by(|(a, ring_a, _), (b, ring_b, _)| {
        let order = lexicographic(a.from, b.from).then(lexicographic(a.to, b.to));
        order.then(ring_a.cmp(ring_b))
    });
    let same_place = pieces.chunk_by(|a, b| a.0 == b.0);
    let edge = |pieces: &[(Segment, usize, i32)]| {
        let by_ring = pieces.chunk_by(|a, b| a.1 == b.1);
        let sums = by_ring.map(|pieces| (pieces[0].1, pieces.iter().map(|piece| piece.2).sum()));
        Edge { segment: pieces[0].0, steps: sums.filter(|&(_, step)| step != 0).collect() }
    };
    same_place.map(edge).filter(|edge| !edge.steps.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ends and steps.
    type Plain = ([f64; 4], Vec<(usize, i32)>);

    fn noded(sides: &[([i32; 4], usize)]) -> Vec<Plain> {
        let xy = |x, y| Xy { x: f64::from(x), y: f64::from(y) };
        let side = |&([ax, ay, bx, by], ring): &([i32; 4], usize)| Side {
            segment: Segment { from: xy(ax, ay), to: xy(bx, by) },
            ring,
        };
        let edges = node(sides.iter().map(side).collect()).expect("plain sides");
        let numbers = |Segment { from, to }| [from.x, from.y, to.x, to.y];
        edges.into_iter().map(|edge| (numbers(edge.segment), edge.steps)).collect()
    }

    #[test]
    fn crossing_and_touching_sides_are_cut() {
        assert_eq!(noded(&[([0, 0, 4, 4], 0), ([0, 4, 4, 0], 0)]).len(), 4);
        assert_eq!(noded(&[([0, 0, 4, 0], 0), ([2, 0, 2, 3], 1)]).len(), 3);
    }

    #[test]
    fn a_shared_stretch_is_one_edge_that_counts_each_ring() {
        let expected = vec![
            ([0.0, 0.0, 2.0, 0.0], vec![(0, 1)]),
            ([2.0, 0.0, 4.0, 0.0], vec![(0, 1), (1, -1)]),
            ([4.0, 0.0, 6.0, 0.0], vec![(1, -1)]),
        ];
        assert_eq!(noded(&[([0, 0, 4, 0], 0), ([6, 0, 2, 0], 1)]), expected);
        assert_eq!(noded(&[([0, 0, 4, 0], 0), ([4, 0, 0, 0], 0)]), vec![]);
        assert_eq!(noded(&[([0, 0, 4, 0], 0), ([0, 0, 4, 0], 0)])[0].1, vec![(0, 2)]);
    }
}
