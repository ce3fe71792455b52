//! Geometries: our verdicts, repairs and reprojections beside PostGIS's.

mod generate;
mod placement;
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

/// A geometry column of this kind and reference system.
fn column(kind: Option<GeometryKind>, srid: i32) -> GeometryColumn {
    GeometryColumn { kind, srid, z: false, m: false }
}

/// A transform for a column, from the keys of a definition as TOML has them.
fn transform(
    column: GeometryColumn,
    keys: serde_json::Value,
    crs: Option<&str>,
) -> GeometryTransform {
    let definition: ColumnDefinition = serde_json::from_value(keys).expect("keys of a column");
    GeometryTransform::compile(&column, false, &definition, crs).expect("a transform")
}

/// The EWKB for the wire.
fn applied(
    transform: &GeometryTransform,
    cell: Cell<'_>,
    notes: &mut GeometryNotes,
) -> Result<Vec<u8>, GeometryFault> {
    let arena = Bump::new();
    match transform.apply(cell, &arena, notes)? {
        Value::Geometry(bytes) => Ok(bytes.to_vec()),
        value => panic!("a geometry became {value:?}"),
    }
}

/// The EWKB of a text, and what was noted about it.
fn of_text(
    transform: &GeometryTransform,
    text: &str,
) -> Result<(Vec<u8>, GeometryNotes), GeometryFault> {
    let mut notes = GeometryNotes::default();
    let bytes = applied(transform, Cell::Text(text), &mut notes)?;
    Ok((bytes, notes))
}
