//! One field on the wire: its length, then what the type's receive function reads.

use super::{DoesNotFit, FIELD_BYTES_MAX, network, numeric};
use crate::{
    schema::PgType,
    value::{Decimal, Interval, Value},
};

/// The length of a NULL.
const NULL: [u8; 4] = (-1_i32).to_be_bytes();

/// Appends a field with its length word.
#[inline]
pub(super) fn write(
    buffer: &mut Vec<u8>,
    pg_type: &PgType,
    value: &Value<'_>,
) -> Result<(), DoesNotFit> {
    match (pg_type, value) {
        (_, Value::Null) => buffer.extend_from_slice(&NULL),
        (PgType::Bool, Value::Bool(truth)) => fixed(buffer, &[u8::from(*truth)]),
        (PgType::Int2, Value::Int(number)) => fixed(buffer, &narrow::<i16>(*number)?.to_be_bytes()),
        (PgType::Int4, Value::Int(number)) => fixed(buffer, &narrow::<i32>(*number)?.to_be_bytes()),
        (PgType::Int8, Value::Int(number)) => fixed(buffer, &number.to_be_bytes()),
        (PgType::Oid, Value::Int(number)) => fixed(buffer, &narrow::<u32>(*number)?.to_be_bytes()),
        (PgType::Float4, Value::Float(number)) => fixed(buffer, &single(*number).to_be_bytes()),
        (PgType::Float8, Value::Float(number)) => fixed(buffer, &number.to_be_bytes()),
        (PgType::Numeric(limit), Value::Decimal(decimal)) => {
            return numeric::write(buffer, decimal, limit.map(|limit| limit.scale));
        }
        (PgType::Numeric(limit), Value::Int(number)) => {
            return write_integer(buffer, *number, limit.map(|limit| limit.scale));
        }
        (
            PgType::Text | PgType::VarChar(_) | PgType::Citext | PgType::Enum(_),
            Value::Text(text),
        ) => return variable(buffer, &[], text.as_bytes()),
        (PgType::Char(characters), Value::Text(text)) => return padded(buffer, text, *characters),
        (PgType::Date, Value::Date(days)) => fixed(buffer, &days.to_be_bytes()),
        (PgType::Time(_), Value::Time(micros))
        | (PgType::Timestamp(_), Value::Timestamp(micros))
        | (PgType::TimestampTz(_), Value::TimestampTz(micros)) => {
            fixed(buffer, &micros.to_be_bytes())
        }
        (PgType::TimeTz(_), Value::TimeTz(micros, west)) => fixed(buffer, &timetz(*micros, *west)),
        (PgType::Interval, Value::Interval(span)) => fixed(buffer, &interval(*span)),
        (PgType::Uuid, Value::Uuid(bytes)) => fixed(buffer, bytes),
        (PgType::Json, Value::Json(text)) => return variable(buffer, &[], text.as_bytes()),
        (PgType::Jsonb, Value::Json(text)) => return variable(buffer, &[1], text.as_bytes()),
        (PgType::Bytea, Value::Bytes(bytes)) => return variable(buffer, &[], bytes),
        (PgType::Inet, Value::Inet(address)) => network::write(buffer, address, false),
        (PgType::Cidr, Value::Inet(address)) => network::write(buffer, address, true),
        (PgType::Geometry(_) | PgType::Geography(_), Value::Geometry(ewkb)) => {
            return variable(buffer, &[], ewkb);
        }
        (PgType::Array { element, element_oid }, Value::Array(items)) => {
            return write_array(buffer, element, *element_oid, items);
        }
        _ => return Err(DoesNotFit),
    }
    Ok(())
}

/// Appends a text where the type takes it as it stands, and says whether it did.
#[inline]
pub(super) fn write_text(buffer: &mut Vec<u8>, pg_type: &PgType, text: &str) -> bool {
    let is_sent = match pg_type {
        PgType::Text | PgType::VarChar(_) | PgType::Citext | PgType::Enum(_) => true,
        PgType::Char(characters) => text.len() == *characters as usize && text.is_ascii(),
        _ => false,
    };
    is_sent && variable(buffer, &[], text.as_bytes()).is_ok()
}

/// A field of a length known when this is compiled.
#[inline]
fn fixed<const N: usize>(buffer: &mut Vec<u8>, bytes: &[u8; N]) {
    const { assert!(N <= i32::MAX as usize, "a field's length is an i32") };
    #[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "proven above")]
    let length = (N as i32).to_be_bytes();
    buffer.extend_from_slice(&length);
    buffer.extend_from_slice(bytes);
}

/// A field of any length, with a prefix such as jsonb's version.
#[inline]
fn variable(buffer: &mut Vec<u8>, prefix: &[u8], bytes: &[u8]) -> Result<(), DoesNotFit> {
    let length = prefix.len() + bytes.len();
    if length > FIELD_BYTES_MAX {
        return Err(DoesNotFit);
    }
    buffer.extend_from_slice(&narrow_length(length)?.to_be_bytes());
    buffer.extend_from_slice(prefix);
    buffer.extend_from_slice(bytes);
    Ok(())
}

/// A `char(n)` as the server keeps it, so that what is sent is what comes back.
fn padded(buffer: &mut Vec<u8>, text: &str, characters: u32) -> Result<(), DoesNotFit> {
    let missing = (characters as usize).saturating_sub(text.chars().count());
    let length = text.len() + missing;
    if length > FIELD_BYTES_MAX {
        return Err(DoesNotFit);
    }
    buffer.extend_from_slice(&narrow_length(length)?.to_be_bytes());
    buffer.extend_from_slice(text.as_bytes());
    buffer.resize(buffer.len() + missing, b' ');
    Ok(())
}

fn narrow<T: TryFrom<i64>>(number: i64) -> Result<T, DoesNotFit> {
    T::try_from(number).map_err(|_| DoesNotFit)
}

fn narrow_length(length: usize) -> Result<i32, DoesNotFit> {
    i32::try_from(length).map_err(|_| DoesNotFit)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the parser proved the number to be in float4's range"
)]
fn single(number: f64) -> f32 {
    number as f32
}

fn write_integer(buffer: &mut Vec<u8>, number: i64, scale: Option<i16>) -> Result<(), DoesNotFit> {
    use std::io::Write;
    let mut digits = [0_u8; 20];
    let mut rest = &mut digits[..];
    write!(rest, "{}", number.unsigned_abs()).map_err(|_| DoesNotFit)?;
    let length = 20 - rest.len();
    let decimal =
        Decimal { negative: number < 0, digits: &digits[..length], exponent: 0, special: None };
    numeric::write(buffer, &decimal, scale)
}

fn timetz(micros: i64, west_seconds: i32) -> [u8; 12] {
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&micros.to_be_bytes());
    bytes[8..].copy_from_slice(&west_seconds.to_be_bytes());
    bytes
}

fn interval(span: Interval) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&span.micros.to_be_bytes());
    bytes[8..12].copy_from_slice(&span.days.to_be_bytes());
    bytes[12..].copy_from_slice(&span.months.to_be_bytes());
    bytes
}

/// `array_recv`: dimensions, a flag for NULLs, the element type, then (size, lower bound) of
/// the one dimension and the elements as fields. An empty array has no dimension.
fn write_array(
    buffer: &mut Vec<u8>,
    element: &PgType,
    element_oid: u32,
    items: &[Value<'_>],
) -> Result<(), DoesNotFit> {
    let start = buffer.len();
    buffer.extend_from_slice(&[0; 4]);
    let dimensions = i32::from(!items.is_empty());
    let has_nulls = i32::from(items.iter().any(Value::is_null));
    buffer.extend_from_slice(&dimensions.to_be_bytes());
    buffer.extend_from_slice(&has_nulls.to_be_bytes());
    buffer.extend_from_slice(&element_oid.to_be_bytes());
    if !items.is_empty() {
        buffer.extend_from_slice(&narrow_length(items.len())?.to_be_bytes());
        buffer.extend_from_slice(&1_i32.to_be_bytes());
    }
    for item in items {
        write(buffer, element, item)?;
    }
    let length = buffer.len() - start - 4;
    if length > FIELD_BYTES_MAX {
        return Err(DoesNotFit);
    }
    buffer[start..start + 4].copy_from_slice(&narrow_length(length)?.to_be_bytes());
    Ok(())
}
