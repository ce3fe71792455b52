//! The rings of a polygon or multipolygon, flat, for all checks on areas.

use bumpalo::{Bump, collections::Vec as ArenaVec};

use super::{
    super::{
        fault::GeometryFault,
        shape::{Path, Xy},
    },
    segment::{Rectangle, Segment, side},
};
use std::cmp::Ordering;

/// Segments without length left out, ring after ring, part after part.
pub(super) struct Area<'a> {
    pub(super) segments: ArenaVec<'a, Segment>,
    pub(super) rings: ArenaVec<'a, Ring>,
    /// How many parts the whole geometry has, for messages.
    parts: usize,
}

/// A ring: its segments' range, and which one it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ring {
    pub(super) start: usize,
    pub(super) end: usize,
    /// The part it belongs to, from 0.
    pub(super) part: usize,
    /// Its number within the part; 0 is the shell.
    pub(super) number: usize,
    pub(super) rectangle: Rectangle,
}

impl<'a> Area<'a> {
    /// Takes up all rings; fails where one has no three different positions in a row.
    pub(super) fn collect<'r, 'p: 'r>(
        polygons: impl Iterator<Item = &'r [Path<'p>]>,
        parts: usize,
        arena: &'a Bump,
    ) -> Result<Self, GeometryFault> {
        let (segments, rings) = (ArenaVec::new_in(arena), ArenaVec::new_in(arena));
        let mut area = Self { segments, rings, parts };
        for (part, polygon) in polygons.enumerate() {
            for (number, path) in polygon.iter().enumerate() {
                area.add(part, number, path)?;
            }
        }
        Ok(area)
    }

    fn add(&mut self, part: usize, number: usize, path: &Path<'_>) -> Result<(), GeometryFault> {
        let start = self.segments.len();
        self.segments.reserve(path.xy.len());
        let mut rectangle = Rectangle::NOTHING;
        for pair in path.xy.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            if from != to {
                rectangle = rectangle.with(from);
                self.segments.push(Segment { from, to });
            }
        }
        let end = self.segments.len();
        let ring = Ring { start, end, part, number, rectangle };
        if end - start < 3 {
            let message = format!("{} has fewer than 3 different positions", self.name(&ring));
            return Err(GeometryFault::new("geometry.ring_points", message));
        }
        self.rings.push(ring);
        Ok(())
    }

    /// The ring's segments.
    pub(super) fn of(&self, ring: &Ring) -> &[Segment] {
        &self.segments[ring.start..ring.end]
    }

    /// Which ring a segment belongs to.
    pub(super) fn ring_of(&self, segment: usize) -> usize {
        if self.rings.len() == 1 {
            return 0;
        }
        self.rings.partition_point(|ring| ring.end <= segment)
    }

    /// The segment before, in the same ring.
    pub(super) fn before(&self, ring: &Ring, segment: usize) -> Segment {
        let before = if segment == ring.start { ring.end } else { segment };
        self.segments[before - 1]
    }

    /// Whether a ring without self-contact runs anticlockwise: at its least position it turns
    /// left. That corner is never straight, since both neighbours lie on one side of it.
    pub(super) fn is_anticlockwise(&self, ring: &Ring) -> bool {
        let at = |index: usize| self.segments[index].from;
        let least = (ring.start..ring.end).min_by(|&a, &b| lexicographic(at(a), at(b)));
        least.is_some_and(|least| {
            let previous = self.before(ring, least).from;
            side(previous, at(least), self.segments[least].to) == Ordering::Greater
        })
    }

    /// Whether all of the ring lies on one line.
    pub(super) fn is_flat(&self, ring: &Ring) -> bool {
        let segments = self.of(ring);
        let Segment { from, to } = segments[0];
        segments.iter().all(|segment| side(from, to, segment.to) == Ordering::Equal)
    }

    /// How messages name a ring.
    pub(super) fn name(&self, ring: &Ring) -> String {
        let number = ring.number + 1;
        match self.parts {
            0 | 1 => format!("ring {number}"),
            _ => format!("ring {number} of part {}", ring.part + 1),
        }
    }
}

/// By X, then by Y; coordinates are finite.
pub(in super::super) fn lexicographic(a: Xy, b: Xy) -> Ordering {
    let order = |a: f64, b: f64| a.partial_cmp(&b).unwrap_or(Ordering::Equal);
    order(a.x, b.x).then(order(a.y, b.y))
}
