//! The one place where names and texts become SQL.
//!
//! Names come from the catalog, texts from definitions; both pass through here
//! and nowhere else. Rust strings are valid UTF-8, so the encoding tricks that
//! broke other quoting functions cannot be played.

use crate::schema::TableName;

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
