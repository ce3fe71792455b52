//! The one place where names and texts become SQL.
//!
//! Names come from the catalog, texts from definitions; both pass through here
//! and nowhere else. Rust strings are valid UTF-8, so the encoding tricks that
//! broke other quoting functions cannot be played.

use crate::{
    load::LoadTarget,
    schema::{RelationKind, TableName, TableSchema},
};

/// `name` as an SQL identifier, always in double quotes.
pub fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `text` as an SQL literal; safe whatever `standard_conforming_strings` says.
pub fn quote_literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if doubled.contains('\\') {
        format!(" E'{}'", doubled.replace('\\', "\\\\"))
    } else {
        format!("'{doubled}'")
    }
}

/// Creates a schema of ours unless it is there. The server wants CREATE on the
/// database for `if not exists` too, which a role without it must not need.
pub fn create_schema(name: &str) -> String {
    format!(
        "do $create$ begin if to_regnamespace({}) is null then create schema if not exists {}; end if; end $create$",
        quote_literal(&quote_identifier(name)),
        quote_identifier(name)
    )
}

/// A table's name with its schema, both quoted.
pub fn qualified(table: &TableName) -> String {
    format!("{}.{}", quote_identifier(&table.schema), quote_identifier(&table.name))
}

/// A table as it is read, updated and deleted from: its own rows. Rows of tables that inherit
/// from it are not its own, and no key of it holds for them; rows of its partitions are.
pub fn own_rows(table: &TableSchema) -> String {
    match table.kind {
        RelationKind::Table => format!("only {}", qualified(&table.name)),
        _ => qualified(&table.name),
    }
}

/// The condition that two rows have the same key. A key column that takes NULL belongs to a
/// constraint to which NULLs are equal; equality of arrays has that too, and unlike
/// `is not distinct from` it can be hashed.
pub fn same_key(load: &LoadTarget, left: &str, right: &str) -> String {
    let equal = |index: &usize| {
        let column = &load.columns[*index].column;
        let name = quote_identifier(&column.name);
        match column.not_null {
            true => format!("{left}.{name} = {right}.{name}"),
            false => format!("array[{left}.{name}] = array[{right}.{name}]"),
        }
    };
    load.key.iter().map(equal).collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_cannot_leave_their_quotes() {
        assert_eq!(quote_identifier("a\"; drop table t; --"), "\"a\"\"; drop table t; --\"");
        assert_eq!(quote_literal("O'Brien"), "'O''Brien'");
        assert_eq!(quote_literal("\\'; --"), " E'\\\\''; --'");
        let table = TableName { schema: "School".to_owned(), name: "Müller".to_owned() };
        assert_eq!(qualified(&table), "\"School\".\"Müller\"");
    }
}
