//! A geometry while it is judged: flat coordinates in the worker's arena.
//!
//! Every reader makes one of these and the encoder writes one. X and Y lie
//! together because all checks look at nothing else; Z and M are carried
//! beside them and never change.

use bumpalo::collections::Vec as ArenaVec;

use crate::schema::GeometryKind;

/// A position in the plane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Xy {
    pub(super) x: f64,
    pub(super) y: f64,
}

/// Which coordinates positions have besides X and Y.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Dimensions {
    pub(super) z: bool,
    pub(super) m: bool,
}

impl Dimensions {
    /// Coordinates per position besides X and Y.
    pub(super) fn extra(self) -> usize {
        usize::from(self.z) + usize::from(self.m)
    }
}

/// Positions in order: a point, a line or a ring.
#[derive(Debug, PartialEq)]
pub(super) struct Path<'a> {
    pub(super) xy: &'a mut [Xy],
    /// Z, M or Z and M of each position in turn.
    pub(super) extra: &'a [f64],
}

impl<'a> Path<'a> {
    pub(super) fn empty() -> Self {
        Self { xy: &mut [], extra: &[] }
    }

    /// Without its Z and M.
    pub(super) fn flat(xy: &'a mut [Xy]) -> Self {
        Self { xy, extra: &[] }
    }
}

/// A geometry's structure.
#[derive(Debug, PartialEq)]
pub(super) enum Shape<'a> {
    /// One position, or none.
    Point(Path<'a>),
    /// A line.
    LineString(Path<'a>),
    /// The shell, then the holes.
    Polygon(ArenaVec<'a, Path<'a>>),
    /// A multi-geometry or a collection, by its kind.
    Multi(GeometryKind, ArenaVec<'a, Shape<'a>>),
}

impl<'a> Shape<'a> {
    pub(super) fn kind(&self) -> GeometryKind {
        match self {
            Shape::Point(_) => GeometryKind::Point,
            Shape::LineString(_) => GeometryKind::LineString,
            Shape::Polygon(_) => GeometryKind::Polygon,
            Shape::Multi(kind, _) => *kind,
        }
    }

    /// Whether it has no position at all.
    pub(super) fn is_empty(&self) -> bool {
        self.all_paths(&mut |path| path.xy.is_empty())
    }

    /// Whether `test` holds for all paths; looks no further once it does not.
    pub(super) fn all_paths(&self, test: &mut impl FnMut(&Path<'a>) -> bool) -> bool {
        match self {
            Shape::Point(path) | Shape::LineString(path) => test(path),
            Shape::Polygon(rings) => rings.iter().all(test),
            Shape::Multi(_, parts) => parts.iter().all(|part| part.all_paths(test)),
        }
    }

    /// How many numbers and counts it is written with, at most.
    pub(super) fn bytes_estimate(&self, dimensions: Dimensions) -> usize {
        let mut bytes = 32;
        self.all_paths(&mut |path| {
            bytes += (path.xy.len() + 1) * (2 + dimensions.extra()) * 8;
            true
        });
        bytes
    }

    /// Calls `change` for each ring of its polygons until it fails.
    pub(super) fn try_each_ring<E>(
        &mut self,
        change: &mut impl FnMut(&mut Path<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Shape::Point(_) | Shape::LineString(_) => Ok(()),
            Shape::Polygon(rings) => rings.iter_mut().try_for_each(change),
            Shape::Multi(_, parts) => {
                parts.iter_mut().try_for_each(|part| part.try_each_ring(change))
            }
        }
    }

    /// Calls `change` for each path until it fails.
    pub(super) fn try_each_path<E>(
        &mut self,
        change: &mut impl FnMut(&mut Path<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Shape::Point(path) | Shape::LineString(path) => change(path),
            Shape::Polygon(rings) => rings.iter_mut().try_for_each(change),
            Shape::Multi(_, parts) => {
                parts.iter_mut().try_for_each(|part| part.try_each_path(change))
            }
        }
    }
}

/// A geometry as it was read.
#[derive(Debug)]
pub(super) struct Parsed<'a> {
    pub(super) shape: Shape<'a>,
    pub(super) dimensions: Dimensions,
    /// The spatial reference it names itself.
    pub(super) srid: Option<i32>,
}

/// How deep collections may be nested: enough for any real one, small enough for any stack.
pub(super) const NESTING_MAX: u32 = 32;
