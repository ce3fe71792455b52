//! Cuts segments where they meet, until they meet at their ends only.

use std::{cmp::Ordering, ops::ControlFlow};

use bumpalo::Bump;

use super::super::{
    fault::GeometryFault,
    shape::Xy,
    validity::{
        lexicographic,
        segment::{Meeting, Segment, meet},
        tree::SegmentTree,
    },
};

/// Crossings are rounded to coordinates, which moves the pieces a little and may make them
/// meet anew; more rounds than this have never been seen to help.
const ROUNDS_MAX: u32 = 32;

/// Cuts of one geometry; a drawing with more is noise, not a parcel.
const CUTS_MAX: usize = 1_000_000;

/// The pieces that occur an odd number of times, each from its lesser end to its greater, sorted.
///
/// A piece that occurs twice separates nothing by the even-odd rule, so it is left out.
pub(super) fn node(mut segments: Vec<Segment>) -> Result<Vec<Segment>, GeometryFault> {
    for _ in 0..ROUNDS_MAX {
        let mut cuts = Cuts::default();
        cuts.find(&segments)?;
        if cuts.at.is_empty() {
            return if cuts.unresolved { Err(too_fine()) } else { Ok(odd_pieces(segments)) };
        }
        segments = cuts.apply(&segments);
    }
    Err(too_fine())
}

fn too_fine() -> GeometryFault {
    GeometryFault::new("geometry.repair_failed", "its lines lie too near each other to be cut")
}

/// Where segments are to be cut.
#[derive(Default)]
struct Cuts {
    at: Vec<(usize, Xy)>,
    /// Two segments cross, but where they do is an end of both in the coordinates' precision.
    unresolved: bool,
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
                let xy = crossing(first, second);
                let cut = self.cut(segments, a, xy) | self.cut(segments, b, xy);
                self.unresolved |= !cut;
            }
        }
    }

    /// Whether there was anything to cut: not at the ends.
    fn cut(&mut self, segments: &[Segment], index: usize, xy: Xy) -> bool {
        let segment = segments[index];
        let inside = xy != segment.from && xy != segment.to;
        if inside {
            self.at.push((index, xy));
        }
        inside
    }

    /// For positions on the segment's line.
    fn cut_if_within(&mut self, segments: &[Segment], index: usize, xy: Xy) {
        let point = Segment { from: xy, to: xy };
        if point.rectangle().meets(&segments[index].rectangle()) {
            self.cut(segments, index, xy);
        }
    }

    fn apply(mut self, segments: &[Segment]) -> Vec<Segment> {
        self.at.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| along(segments[a.0], a.1, b.1)));
        let mut pieces = Vec::with_capacity(segments.len() + self.at.len());
        let mut cuts = self.at.into_iter().peekable();
        for (index, segment) in segments.iter().enumerate() {
            let mut from = segment.from;
            while let Some((_, xy)) = cuts.next_if(|cut| cut.0 == index) {
                push_piece(&mut pieces, from, xy);
                from = xy;
            }
            push_piece(&mut pieces, from, segment.to);
        }
        pieces
    }
}

fn push_piece(pieces: &mut Vec<Segment>, from: Xy, to: Xy) {
    if from != to {
        pieces.push(Segment { from, to });
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

/// Where two crossing segments cross, to the coordinates' precision and within both.
fn crossing(a: Segment, b: Segment) -> Xy {
    let (ax, ay) = (a.to.x - a.from.x, a.to.y - a.from.y);
    let (bx, by) = (b.to.x - b.from.x, b.to.y - b.from.y);
    let (dx, dy) = (b.from.x - a.from.x, b.from.y - a.from.y);
    let share = (dx * by - dy * bx) / (ax * by - ay * bx);
    let (in_a, in_b) = (a.rectangle(), b.rectangle());
    let within = |value: f64, low: f64, high: f64| value.max(low).min(high);
    Xy {
        x: within(a.from.x + share * ax, in_a.min.x.max(in_b.min.x), in_a.max.x.min(in_b.max.x)),
        y: within(a.from.y + share * ay, in_a.min.y.max(in_b.min.y), in_a.max.y.min(in_b.max.y)),
    }
}

fn odd_pieces(mut segments: Vec<Segment>) -> Vec<Segment> {
    for segment in &mut segments {
        if lexicographic(segment.from, segment.to) == Ordering::Greater {
            std::mem::swap(&mut segment.from, &mut segment.to);
        }
    }
    segments.sort_by(|a, b| lexicographic(a.from, b.from).then(lexicographic(a.to, b.to)));
    let same = |a: &Segment, b: &Segment| a == b;
    let odd = segments.chunk_by(same).filter(|pieces| pieces.len() % 2 == 1);
    odd.map(|pieces| pieces[0]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(numbers: [i32; 4]) -> Segment {
        let xy = |x, y| Xy { x: f64::from(x), y: f64::from(y) };
        Segment { from: xy(numbers[0], numbers[1]), to: xy(numbers[2], numbers[3]) }
    }

    #[test]
    fn crossing_overlapping_and_touching_segments_are_cut() {
        let noded = |segments: &[[i32; 4]]| {
            node(segments.iter().copied().map(segment).collect()).map(|pieces| pieces.len())
        };
        assert_eq!(noded(&[[0, 0, 4, 4], [0, 4, 4, 0]]), Ok(4));
        assert_eq!(noded(&[[0, 0, 4, 0], [2, 0, 2, 3]]), Ok(3));
        // The shared stretch occurs twice and goes.
        assert_eq!(noded(&[[0, 0, 4, 0], [6, 0, 2, 0]]), Ok(2));
        assert_eq!(noded(&[[0, 0, 4, 0], [4, 0, 0, 0]]), Ok(0));
    }
}
