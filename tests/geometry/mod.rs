//! Geometries: our verdicts, repairs and reprojections beside PostGIS's.

mod generate;
mod placement;
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

/// What becomes of a geometry's text, as hexadecimal EWKB.
fn applied(
    transform: &GeometryTransform,
    text: &str,
    notes: &mut GeometryNotes,
) -> Result<String, GeometryFault> {
    let arena = Bump::new();
    match transform.apply(Cell::Text(text), &arena, notes)? {
        Value::Geometry(bytes) => Ok(bytes.iter().map(|byte| format!("{byte:02X}")).collect()),
        value => panic!("a geometry became {value:?}"),
    }
}
