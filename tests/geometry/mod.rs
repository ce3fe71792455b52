//! Geometries against PostGIS, which has the last word on them.

mod columns;
mod generate;
mod repair;
mod reprojection;
mod validity;

use bumpalo::Bump;
use longshore::{
    batch::Cell,
    definition::ColumnDefinition,
    schema::{GeometryColumn, GeometryKind},
    transform::geometry::{GeometryFault, GeometryNotes, GeometryTransform},
    value::Value,
};

/// A column without a reference system that takes this kind, or any.
fn plain_column(kind: Option<GeometryKind>) -> GeometryColumn {
    GeometryColumn { kind, srid: 0, z: false, m: false }
}

fn compiled(column: GeometryColumn, definition: &ColumnDefinition) -> GeometryTransform {
    GeometryTransform::compile(&column, false, definition, None).expect("the column is usable")
}

/// The EWKB for the wire, and what was noted.
fn apply(
    transform: &GeometryTransform,
    cell: Cell<'_>,
) -> Result<(Vec<u8>, GeometryNotes), GeometryFault> {
    let (arena, mut notes) = (Bump::new(), GeometryNotes::default());
    match transform.apply(cell, &arena, &mut notes)? {
        Value::Geometry(bytes) => Ok((bytes.to_vec(), notes)),
        other => panic!("{other:?} is no geometry"),
    }
}
