//! From what the catalog says of types to [`PgType`].

use std::collections::HashMap;

use serde::Deserialize;

use crate::schema::{CheckConstraint, GeometryColumn, GeometryKind, NumericLimit, PgType};

/// The bytes that a `varlena` header adds to a length in a type modifier.
const HEADER_BYTES: i32 = 4;

/// Digits of the second where a time type has no precision.
const SECOND_DIGITS: u8 = 6;

/// One type as `read_table.sql` describes it.
#[derive(Debug, Deserialize)]
pub(super) struct TypeDocument {
    oid: u32,
    name: String,
    schema: String,
    extension: Option<String>,
    kind: String,
    base: u32,
    modifier: i32,
    base_sql: Option<String>,
    element: Option<u32>,
    labels: Vec<String>,
    not_null: bool,
    has_default: bool,
    checks: Vec<CheckConstraint>,
}

/// A column's type with its domains taken off.
#[derive(Debug)]
pub(super) struct ResolvedType {
    pub(super) pg_type: PgType,
    pub(super) base_type_sql: String,
    pub(super) not_null: bool,
    pub(super) has_default: bool,
    pub(super) checks: Vec<CheckConstraint>,
}

/// The types of a table's columns and those they are made of.
#[derive(Debug)]
pub(super) struct Types(HashMap<u32, TypeDocument>);

impl Types {
    pub(super) fn new(types: Vec<TypeDocument>) -> Self {
        Self(types.into_iter().map(|one| (one.oid, one)).collect())
    }

    /// Follows domains down to their base, gathering what they ask of values.
    pub(super) fn resolve(&self, oid: u32, modifier: i32, type_sql: &str) -> ResolvedType {
        let (mut oid, mut modifier) = (oid, modifier);
        let mut resolved = ResolvedType {
            pg_type: PgType::Unsupported(type_sql.to_owned()),
            base_type_sql: type_sql.to_owned(),
            not_null: false,
            has_default: false,
            checks: Vec::new(),
        };
        while let Some(domain) = self.0.get(&oid).filter(|one| one.kind == "d") {
            resolved.not_null |= domain.not_null;
            resolved.has_default |= domain.has_default;
            resolved.checks.extend(domain.checks.iter().cloned());
            if let Some(base) = &domain.base_sql {
                resolved.base_type_sql.clone_from(base);
            }
            (oid, modifier) = (domain.base, domain.modifier);
        }
        resolved.pg_type = self.pg_type(oid, modifier, &resolved.base_type_sql);
        resolved
    }

    fn pg_type(&self, oid: u32, modifier: i32, type_sql: &str) -> PgType {
        let unsupported = || PgType::Unsupported(type_sql.to_owned());
        let Some(one) = self.0.get(&oid) else { return unsupported() };
        if let Some(element_oid) = one.element {
            // The server would check an array of domains while it is copied in,
            // where one bad value ends everything; and arrays do not nest.
            let element = self.pg_type(element_oid, modifier, type_sql);
            return match element {
                PgType::Unsupported(_) => unsupported(),
                element => PgType::Array { element: Box::new(element), element_oid },
            };
        }
        match one.kind.as_str() {
            "e" => PgType::Enum(one.labels.clone()),
            "b" => base_type(one, modifier).unwrap_or_else(unsupported),
            _ => unsupported(),
        }
    }
}

/// The words for base types; extension types only of the extension that owns the name.
fn base_type(one: &TypeDocument, modifier: i32) -> Option<PgType> {
    if let Some(extension) = &one.extension {
        return match (extension.as_str(), one.name.as_str()) {
            ("citext", "citext") => Some(PgType::Citext),
            ("postgis", "geometry") => geometry_column(modifier).map(PgType::Geometry),
            ("postgis", "geography") => geometry_column(modifier).map(PgType::Geography),
            _ => None,
        };
    }
    if one.schema != "pg_catalog" {
        return None;
    }
    Some(match one.name.as_str() {
        "bool" => PgType::Bool,
        "int2" => PgType::Int2,
        "int4" => PgType::Int4,
        "int8" => PgType::Int8,
        "oid" => PgType::Oid,
        "float4" => PgType::Float4,
        "float8" => PgType::Float8,
        "numeric" => PgType::Numeric(numeric_limit(modifier)),
        // Not `xml` and `name`: the server refuses what does not parse or is too long
        // while it is copied in, where one bad value ends everything.
        "text" => PgType::Text,
        "varchar" => length(modifier).map_or(PgType::Text, PgType::VarChar),
        // Without a modifier `bpchar` is a text of any length that ignores blanks at its end.
        "bpchar" => length(modifier).map_or(PgType::Text, PgType::Char),
        "date" => PgType::Date,
        "time" => PgType::Time(second_digits(modifier)),
        "timetz" => PgType::TimeTz(second_digits(modifier)),
        "timestamp" => PgType::Timestamp(second_digits(modifier)),
        "timestamptz" => PgType::TimestampTz(second_digits(modifier)),
        // A modifier of an interval may round or drop fields, silently.
        "interval" if modifier == -1 => PgType::Interval,
        "uuid" => PgType::Uuid,
        "json" => PgType::Json,
        "jsonb" => PgType::Jsonb,
        "bytea" => PgType::Bytea,
        "inet" => PgType::Inet,
        "cidr" => PgType::Cidr,
        _ => return None,
    })
}

/// The `n` of `varchar(n)` and `char(n)`.
fn length(modifier: i32) -> Option<u32> {
    u32::try_from(modifier - HEADER_BYTES).ok().filter(|_| modifier >= HEADER_BYTES)
}

/// Precision in the upper half, scale in eleven signed bits of the lower one.
fn numeric_limit(modifier: i32) -> Option<NumericLimit> {
    if modifier < HEADER_BYTES {
        return None;
    }
    let packed = modifier - HEADER_BYTES;
    let scale = ((packed & 0x7ff) ^ 1024) - 1024;
    Some(NumericLimit {
        precision: u16::try_from((packed >> 16) & 0xffff).ok()?,
        scale: i16::try_from(scale).ok()?,
    })
}

fn second_digits(modifier: i32) -> u8 {
    u8::try_from(modifier).unwrap_or(SECOND_DIGITS).min(SECOND_DIGITS)
}

/// PostGIS packs SRID (21 signed bits), kind (6), Z and M into the modifier;
/// `None` for the kinds with curves and the like.
fn geometry_column(modifier: i32) -> Option<GeometryColumn> {
    if modifier < 0 {
        return Some(GeometryColumn { kind: None, srid: 0, z: false, m: false });
    }
    let kind = match (modifier >> 2) & 0x3f {
        0 => None,
        number => Some(geometry_kind(number)?),
    };
    Some(GeometryColumn {
        kind,
        srid: ((modifier & 0x0fff_ff00) - (modifier & 0x1000_0000)) >> 8,
        z: modifier & 2 != 0,
        m: modifier & 1 != 0,
    })
}

fn geometry_kind(number: i32) -> Option<GeometryKind> {
    Some(match number {
        1 => GeometryKind::Point,
        2 => GeometryKind::LineString,
        3 => GeometryKind::Polygon,
        4 => GeometryKind::MultiPoint,
        5 => GeometryKind::MultiLineString,
        6 => GeometryKind::MultiPolygon,
        7 => GeometryKind::GeometryCollection,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modifiers_are_unpacked_as_the_server_packs_them() {
        let limit = |precision, scale| Some(NumericLimit { precision, scale });
        assert_eq!(numeric_limit(-1), None);
        assert_eq!(numeric_limit((10 << 16 | 2) + 4), limit(10, 2));
        assert_eq!(numeric_limit((3 << 16 | (-2 & 0x7ff)) + 4), limit(3, -2));
        assert_eq!((length(-1), length(4 + 20)), (None, Some(20)));
        assert_eq!((second_digits(-1), second_digits(0), second_digits(3)), (6, 0, 3));
    }

    #[test]
    fn geometry_modifiers_hold_kind_srid_and_dimensions() {
        let column = |kind, srid, z, m| Some(GeometryColumn { kind, srid, z, m });
        assert_eq!(geometry_column(-1), column(None, 0, false, false));
        let point_z = 4283 << 8 | 1 << 2 | 2;
        assert_eq!(geometry_column(point_z), column(Some(GeometryKind::Point), 4283, true, false));
        assert_eq!(geometry_column(8 << 2), None, "a circular string");
    }
}
