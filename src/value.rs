//! One typed value on its way from a source to the wire.
//!
//! A [`Value`] borrows from the record batch or from a worker's scratch space
//! and lives until its column is encoded, so nothing is allocated per cell.
//! Units follow PostgreSQL's binary formats: days and microseconds since
//! 2000-01-01, so that encoding is a byte swap.

/// Days from 1970-01-01 to 2000-01-01, PostgreSQL's epoch.
pub const POSTGRES_EPOCH_DAYS: i32 = 10_957;

/// Microseconds in a day.
pub const DAY_MICROS: i64 = 86_400_000_000;

/// One value, typed by meaning; [`crate::schema::PgType`] decides the wire form.
///
/// The tag takes eight bytes so that every content begins aligned. Otherwise the sixteen bytes
/// of a UUID would begin at the second one, and every copy of any value would be made of
/// overlapping, unaligned moves, for which the processor waits.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(u64)]
pub enum Value<'a> {
    /// SQL NULL.
    Null,
    /// A truth value.
    Bool(bool),
    /// Any integer type; proven to fit the column before encoding.
    Int(i64),
    /// A binary floating-point number; NaN and infinities only where the text said so.
    Float(f64),
    /// An exact decimal number.
    Decimal(Decimal<'a>),
    /// Text, valid UTF-8 without NUL; also enum labels and citext.
    Text(&'a str),
    /// Raw bytes for `bytea`.
    Bytes(&'a [u8]),
    /// Days since 2000-01-01; `i32::MAX` and `i32::MIN` are `infinity` and `-infinity`.
    Date(i32),
    /// Microseconds since midnight, 0 ..= 86,400,000,000.
    Time(i64),
    /// Microseconds since midnight, and the zone in seconds *west* of Greenwich (PostgreSQL's sign).
    TimeTz(i64, i32),
    /// Microseconds since 2000-01-01 00:00 without zone; the extremes are the infinities.
    Timestamp(i64),
    /// Microseconds since 2000-01-01 00:00 UTC; the extremes are the infinities.
    TimestampTz(i64),
    /// A calendar interval.
    Interval(Interval),
    /// A UUID's sixteen bytes.
    Uuid([u8; 16]),
    /// A network address.
    Inet(Inet),
    /// JSON text, proven well-formed.
    Json(&'a str),
    /// A one-dimensional array, already parsed into its elements.
    Array(&'a [Value<'a>]),
    /// Extended WKB with the column's SRID, ready for the wire.
    Geometry(&'a [u8]),
}

impl Value<'_> {
    /// Whether this is SQL NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }
}

/// An exact decimal: `digits × 10^exponent`, or NaN.
///
/// `digits` are ASCII digits only, without sign or point, possibly with
/// leading and trailing zeros; empty means zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal<'a> {
    /// Whether the number is below zero.
    pub negative: bool,
    /// The significant digits, most significant first.
    pub digits: &'a [u8],
    /// The power of ten of the last digit: `12.50` is digits `1250`, exponent -2.
    pub exponent: i32,
    /// Not a finite number.
    pub special: Option<DecimalSpecial>,
}

/// The values of `numeric` that are not numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecimalSpecial {
    /// Not a number.
    Nan,
    /// Infinity (PostgreSQL 14 and later); the sign is the decimal's.
    Infinity,
}

/// PostgreSQL's interval: the three parts do not carry into each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Interval {
    /// Whole months.
    pub months: i32,
    /// Whole days.
    pub days: i32,
    /// The time part, in microseconds.
    pub micros: i64,
}

/// A network or host address with its prefix length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inet {
    /// The address.
    pub address: std::net::IpAddr,
    /// Bits of the network prefix: 0 ..= 32 or 0 ..= 128.
    pub prefix_bits: u8,
}
