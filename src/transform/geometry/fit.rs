//! Kinds and dimensions: what the column accepts, and what becomes of the rest.

use bumpalo::{Bump, collections::Vec as ArenaVec};

use super::{fault::GeometryFault, shape::Shape};
use crate::schema::GeometryKind;

/// Whether a geometry of this kind can stand in the column: as it is, as the only part of a
/// multi-geometry, or taken out of a multi-geometry of one part. Nothing is lost either way.
pub(super) fn kind(shape: &Shape<'_>, column: Option<GeometryKind>) -> Result<(), GeometryFault> {
    let Some(column) = column else { return Ok(()) };
    let kind = shape.kind();
    let fits = kind == column
        || column == GeometryKind::GeometryCollection
        || multi_of(kind) == Some(column)
        || matches!(shape, Shape::Multi(_, parts) if multi_of(column) == Some(kind) && parts.len() == 1);
    if fits {
        return Ok(());
    }
    let message = format!("a {} does not fit a column of {}", name(kind), name(column));
    Err(GeometryFault::new("geometry.kind", message))
}

/// The geometry as the column's kind; [`kind`] has said that it fits.
pub(super) fn promote<'a>(
    shape: Shape<'a>,
    column: Option<GeometryKind>,
    arena: &'a Bump,
) -> Result<Shape<'a>, GeometryFault> {
    match column {
        Some(column) if column != shape.kind() => match shape {
            Shape::Multi(kind, mut parts) if multi_of(column) == Some(kind) => parts
                .pop()
                .ok_or_else(|| GeometryFault::new("geometry.empty", "the geometry is empty")),
            shape => {
                let mut parts = ArenaVec::with_capacity_in(1, arena);
                parts.push(shape);
                Ok(Shape::Multi(column, parts))
            }
        },
        _ => Ok(shape),
    }
}

/// Drops Z and M.
pub(super) fn flatten(shape: &mut Shape<'_>) {
    let flattened: Result<(), std::convert::Infallible> = shape.try_each_path(&mut |path| {
        path.extra = &[];
        Ok(())
    });
    debug_assert!(flattened.is_ok(), "nothing here can fail");
}

fn multi_of(kind: GeometryKind) -> Option<GeometryKind> {
    match kind {
        GeometryKind::Point => Some(GeometryKind::MultiPoint),
        GeometryKind::LineString => Some(GeometryKind::MultiLineString),
        GeometryKind::Polygon => Some(GeometryKind::MultiPolygon),
        _ => None,
    }
}

fn name(kind: GeometryKind) -> &'static str {
    match kind {
        GeometryKind::Point => "Point",
        GeometryKind::LineString => "LineString",
        GeometryKind::Polygon => "Polygon",
        GeometryKind::MultiPoint => "MultiPoint",
        GeometryKind::MultiLineString => "MultiLineString",
        GeometryKind::MultiPolygon => "MultiPolygon",
        GeometryKind::GeometryCollection => "GeometryCollection",
    }
}
