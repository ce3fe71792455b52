//! What a table looks like, as the catalog says: columns, types, keys.
//!
//! These are words without I/O; `postgres::catalog` fills them. Column types
//! are never declared in a pipeline: the target's catalog has them.

use serde::{Deserialize, Serialize};

/// A column's type: everything parsing, checking and encoding need to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PgType {
    /// `boolean`
    Bool,
    /// `smallint`
    Int2,
    /// `integer`
    Int4,
    /// `bigint`
    Int8,
    /// `oid`
    Oid,
    /// `real`
    Float4,
    /// `double precision`
    Float8,
    /// `numeric`, with precision and scale where declared
    Numeric(Option<NumericLimit>),
    /// `text`, and `varchar` and `bpchar` without a length of their own
    Text,
    /// `varchar(n)`: at most `n` characters
    VarChar(u32),
    /// `char(n)`: at most `n` characters, padded by the server
    Char(u32),
    /// `citext`
    Citext,
    /// `date`
    Date,
    /// `time(p)`
    Time(u8),
    /// `timetz(p)`
    TimeTz(u8),
    /// `timestamp(p)`, p = digits of the second, 0 ..= 6
    Timestamp(u8),
    /// `timestamptz(p)`
    TimestampTz(u8),
    /// `interval`
    Interval,
    /// `uuid`
    Uuid,
    /// `json`
    Json,
    /// `jsonb`
    Jsonb,
    /// `bytea`
    Bytea,
    /// `inet`
    Inet,
    /// `cidr`
    Cidr,
    /// An enum with its labels in order.
    Enum(Vec<String>),
    /// A one-dimensional array.
    Array {
        /// What the elements are.
        element: Box<PgType>,
        /// The element type's OID, which the wire format repeats.
        element_oid: u32,
    },
    /// PostGIS `geometry`
    Geometry(GeometryColumn),
    /// PostGIS `geography`
    Geography(GeometryColumn),
    /// A type longshore cannot write; binding refuses a column of it by name.
    Unsupported(String),
}

/// `numeric(precision, scale)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumericLimit {
    /// Digits in all.
    pub precision: u16,
    /// Digits after the point; negative rounds before it (PostgreSQL 15).
    pub scale: i16,
}

/// What a PostGIS column accepts, from its type modifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GeometryColumn {
    /// The kind of geometry, `None` where any is accepted.
    pub kind: Option<GeometryKind>,
    /// The spatial reference, 0 where none is declared.
    pub srid: i32,
    /// Whether coordinates have Z.
    pub z: bool,
    /// Whether coordinates have M.
    pub m: bool,
}

/// The simple-feature kinds, numbered as in WKB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum GeometryKind {
    /// A single position.
    Point = 1,
    /// A line.
    LineString = 2,
    /// An area with holes.
    Polygon = 3,
    /// Several points.
    MultiPoint = 4,
    /// Several lines.
    MultiLineString = 5,
    /// Several areas.
    MultiPolygon = 6,
    /// Anything mixed.
    GeometryCollection = 7,
}

/// A table's name with its schema.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TableName {
    /// The schema's name.
    pub schema: String,
    /// The table's name.
    pub name: String,
}

impl std::fmt::Display for TableName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

/// A target table as the catalog has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSchema {
    /// Schema and name.
    pub name: TableName,
    /// The relation's OID.
    pub oid: u32,
    /// What kind of relation it is.
    pub kind: RelationKind,
    /// The columns in attribute order, dropped ones left out.
    pub columns: Vec<Column>,
    /// Unique constraints and unique indexes, the primary key first.
    pub unique_keys: Vec<UniqueKey>,
    /// CHECK constraints, as SQL over the table's columns.
    pub checks: Vec<CheckConstraint>,
    /// Foreign keys from this table.
    pub foreign_keys: Vec<ForeignKey>,
    /// Exclusion constraints.
    pub exclusions: Vec<Exclusion>,
    /// Other indexes that evaluate something of a row: on expressions, or partial.
    #[serde(default)]
    pub indexes: Vec<EvaluatedIndex>,
    /// What columns hold that are not written: defaults and generated columns' expressions.
    pub fills: Vec<Fill>,
}

impl TableSchema {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// `pg_class.relkind`, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RelationKind {
    /// An ordinary table.
    Table,
    /// A partitioned table.
    Partitioned,
    /// A foreign table.
    Foreign,
    /// A view.
    View,
    /// A materialised view.
    MaterializedView,
    /// A temporary table, which only the session that made it can write.
    Temporary,
}

/// One column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// The column's name.
    pub name: String,
    /// How values are parsed and encoded: for a domain, its base type.
    pub pg_type: PgType,
    /// The type as SQL writes it (`numeric(10,2)`), the domain's name for a domain.
    pub type_sql: String,
    /// The base type as SQL writes it: what the staging column is declared as.
    pub base_type_sql: String,
    /// Whether NULL is refused, by the column or by its domain.
    pub not_null: bool,
    /// Whether the database fills the column when it is left out.
    pub has_default: bool,
    /// Whether the column may never be written (`generated always`).
    pub generated: Generated,
    /// CHECK constraints of the column's domain, over `VALUE`.
    pub domain_checks: Vec<CheckConstraint>,
}

/// Who makes a column's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Generated {
    /// The writer does.
    No,
    /// `generated always as (...) stored`: never writable.
    Stored,
    /// `generated always as identity`: writable only by overriding.
    IdentityAlways,
    /// `generated by default as identity`
    IdentityByDefault,
}

/// A unique constraint or index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UniqueKey {
    /// The constraint's or index's name.
    pub name: String,
    /// Whether it is the primary key.
    pub primary: bool,
    /// Its columns in order; empty when it is on expressions.
    pub columns: Vec<String>,
    /// What must be unique, in order, as SQL over the table's columns with its collation.
    pub parts: Vec<String>,
    /// The columns that parts and predicate need.
    pub uses: Vec<String>,
    /// The predicate of a partial index, as SQL.
    pub predicate: Option<String>,
    /// Whether NULLs are equal to each other.
    pub nulls_not_distinct: bool,
    /// Whether it is checked at commit.
    pub deferrable: bool,
}

/// A CHECK constraint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckConstraint {
    /// The constraint's name.
    pub name: String,
    /// Its expression, as `pg_get_expr` prints it.
    pub sql: String,
    /// The columns it needs; of a domain's constraint, none.
    #[serde(default)]
    pub uses: Vec<String>,
}

/// An exclusion constraint: no two rows for which all operators hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exclusion {
    /// The constraint's name.
    pub name: String,
    /// The index's access method (`gist`).
    pub method: String,
    /// What is compared, in order.
    pub parts: Vec<ExclusionPart>,
    /// The predicate of a partial constraint, as SQL.
    pub predicate: Option<String>,
    /// The columns that parts and predicate need.
    pub uses: Vec<String>,
    /// Whether it is checked at commit.
    #[serde(default)]
    pub deferrable: bool,
    /// Whether it is a key WITHOUT OVERLAPS, the last part being the period.
    #[serde(default)]
    pub temporal: bool,
}

/// An index that keeps no row out, unless what it is on cannot be evaluated for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvaluatedIndex {
    /// The index's name.
    pub name: String,
    /// What it is on, in order, as SQL over the table's columns.
    pub parts: Vec<String>,
    /// The predicate of a partial index, as SQL.
    pub predicate: Option<String>,
    /// The columns that parts and predicate need.
    pub uses: Vec<String>,
}

/// What an exclusion constraint compares, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExclusionPart {
    /// SQL over the table's columns with its collation.
    pub sql: String,
    /// The operator with its schema, as in `operator(...)`.
    pub operator: String,
    /// The operator class of the index with its schema.
    pub class: String,
}

/// What a column holds that is not written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// The column.
    pub column: String,
    /// Its value as SQL; `None` where that would differ each time it is evaluated.
    pub sql: Option<String>,
    /// Whether it is generated from the row's other columns.
    pub generated: bool,
    /// The columns a generated one is made of.
    pub uses: Vec<String>,
}

/// A foreign key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKey {
    /// The constraint's name.
    pub name: String,
    /// The referring columns.
    pub columns: Vec<String>,
    /// The table referred to.
    pub references: TableName,
    /// The columns referred to, in the same order.
    pub referenced_columns: Vec<String>,
    /// Whether either all columns have a value or none (`match full`).
    pub match_full: bool,
    /// Whether it can be checked when the transaction ends.
    #[serde(default)]
    pub deferrable: bool,
}
