//! The JSON document of `read_table.sql`, and the schema made of it.

use serde::Deserialize;

use super::types::{TypeDocument, Types};
use crate::schema::{
    CheckConstraint, Column, EvaluatedIndex, Exclusion, Fill, ForeignKey, Generated, RelationKind,
    TableName, TableSchema, UniqueKey,
};

#[derive(Debug, Deserialize)]
pub(super) struct TableDocument {
    oid: u32,
    schema: String,
    name: String,
    kind: String,
    temporary: bool,
    columns: Vec<ColumnDocument>,
    types: Vec<TypeDocument>,
    unique_keys: Vec<UniqueKey>,
    checks: Vec<CheckConstraint>,
    foreign_keys: Vec<ForeignKey>,
    exclusions: Vec<Exclusion>,
    indexes: Vec<EvaluatedIndex>,
    fills: Vec<Fill>,
}

#[derive(Debug, Deserialize)]
struct ColumnDocument {
    name: String,
    #[serde(rename = "type")]
    type_oid: u32,
    modifier: i32,
    type_sql: String,
    not_null: bool,
    has_default: bool,
    generated: String,
    identity: String,
}

impl TableDocument {
    pub(super) fn into_schema(self) -> TableSchema {
        let types = Types::new(self.types);
        let kind = match self.kind.as_str() {
            "p" => RelationKind::Partitioned,
            "f" => RelationKind::Foreign,
            "v" => RelationKind::View,
            "m" => RelationKind::MaterializedView,
            _ if self.temporary => RelationKind::Temporary,
            _ => RelationKind::Table,
        };
        TableSchema {
            name: TableName { schema: self.schema, name: self.name },
            oid: self.oid,
            kind,
            columns: self.columns.into_iter().map(|column| column.into_column(&types)).collect(),
            unique_keys: self.unique_keys,
            checks: self.checks,
            foreign_keys: self.foreign_keys,
            exclusions: self.exclusions,
            indexes: self.indexes,
            fills: self.fills,
        }
    }
}

impl ColumnDocument {
    fn into_column(self, types: &Types) -> Column {
        let generated = self.generated();
        let resolved = types.resolve(self.type_oid, self.modifier, &self.type_sql);
        Column {
            name: self.name,
            pg_type: resolved.pg_type,
            base_type_sql: resolved.base_type_sql,
            not_null: self.not_null || resolved.not_null,
            // For a generated column the catalog's "default" is its expression.
            has_default: self.has_default
                || resolved.has_default
                || matches!(generated, Generated::IdentityAlways | Generated::IdentityByDefault),
            generated,
            domain_checks: resolved.checks,
            type_sql: self.type_sql,
        }
    }

    fn generated(&self) -> Generated {
        match (self.generated.as_str(), self.identity.as_str()) {
            // `v`: computed when read (PostgreSQL 18), not writable either.
            ("s" | "v", _) => Generated::Stored,
            (_, "a") => Generated::IdentityAlways,
            (_, "d") => Generated::IdentityByDefault,
            _ => Generated::No,
        }
    }
}
