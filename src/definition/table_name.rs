//! Names of tables, with or without their schema.

/// The schema (if one is written) and the table of a name such as `school.student`.
///
/// Names are taken as they stand, in their own case; double quotes around a part are
/// allowed and go (`"my.schema"."Table"`; a doubled quote stands for one).
///
/// # Errors
/// What is wrong with the name, as a short sentence.
pub fn split_table(name: &str) -> Result<(Option<String>, String), &'static str> {
    let mut parts = vec![String::new()];
    let mut characters = name.chars().peekable();
    let mut quoted = false;
    while let Some(character) = characters.next() {
        match (character, quoted) {
            ('"', true) if characters.next_if_eq(&'"').is_some() => push(&mut parts, '"'),
            ('"', _) => quoted = !quoted,
            ('.', false) => parts.push(String::new()),
            (other, _) => push(&mut parts, other),
        }
    }
    if quoted {
        return Err("a quote in the table's name is not closed");
    }
    if parts.iter().any(|part| part.trim().is_empty()) {
        return Err("a part of the table's name is empty");
    }
    match (parts.pop(), parts.pop(), parts.pop()) {
        (Some(table), schema, None) => Ok((schema, table)),
        _ => Err("a table's name has a schema and a table, no more"),
    }
}

fn push(parts: &mut [String], character: char) {
    if let Some(part) = parts.last_mut() {
        part.push(character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fall_into_schema_and_table() {
        let split =
            |name| split_table(name).map(|(schema, table)| (schema.unwrap_or_default(), table));
        let both = |schema: &str, table: &str| Ok((schema.to_owned(), table.to_owned()));
        assert_eq!(split("student"), both("", "student"));
        assert_eq!(split("school.student"), both("school", "student"));
        assert_eq!(split("\"a.b\".\"Say \"\"x\"\"\""), both("a.b", "Say \"x\""));
        for wrong in ["", ".", "a.", ".b", "a.b.c", "\"a", "a..b", " "] {
            assert!(split_table(wrong).is_err(), "{wrong}");
        }
    }
}
