use super::*;
use crate::definition::{document::Document, schema::IMPORT};

/// What the walk says of a target's column, as `path: message (hint)`.
fn said_of_column(column: &str) -> Vec<String> {
    let text = format!(
        "source = {{ format = 'csv', path = 'a.csv' }}\n\
         target = [{{ table = 't', mode = 'append', columns.c = {column} }}]"
    );
    let (document, findings) = Document::parse("p.toml", &text);
    assert!(findings.syntax.is_empty(), "{column}: {:?}", findings.syntax);
    let mut value = document.value().clone();
    let said = walk(IMPORT, &mut value).findings;
    let said = said.into_iter().map(|finding| {
        let place = finding.place.to_string().replace("target[0].columns.c", "c");
        format!("{place}: {} ({})", finding.message, finding.hint.unwrap_or_default())
    });
    let said = said.collect();
    let mended: Result<crate::definition::ImportDefinition, _> = serde_json::from_value(value);
    assert!(mended.is_ok(), "{column}: {mended:?}");
    said
}

#[test]
fn the_shape_of_a_value_chooses_the_alternative() {
    for (column, expected) in [
        ("{ from = 'a', steps = ['trim', { part = ['/', 2] }] }", ""),
        ("{ from = ['a', 2] }", ""),
        (
            "{ from = true }",
            "c.from: expected a whole number, text or a list, found `true` (text stands in quotes)",
        ),
        ("{ from = 0 }", "c.from: at least 1 is expected ()"),
        (
            "{ from = 'a', steps = ['trimm'] }",
            "c.steps[0]: `trimm` is not one of the words here (did you mean `trim`?)",
        ),
        (
            "{ from = 'a', steps = ['replace'] }",
            "c.steps[0]: `replace` is not one of the words here (`replace` takes a value: `{ replace = ... }`)",
        ),
        (
            "{ from = 'a', steps = [{ trim = true }] }",
            "c.steps[0].trim: `trim` is not a key here (`trim` takes no value, write `\"trim\"`)",
        ),
        (
            "{ from = 'a', steps = [{ pad_let = [8, '0'] }] }",
            "c.steps[0].pad_let: `pad_let` is not a key here (did you mean `pad_left`?)",
        ),
        (
            "{ from = 'a', steps = [{ pad_left = ['0', 8] }] }",
            "c.steps[0].pad_left[0]: expected a whole number, found text (take the quotes away)|c.steps[0].pad_left[1]: expected text, found a number (text stands in quotes)",
        ),
        (
            "{ from = 'a', steps = [{ replace = ['a'] }] }",
            "c.steps[0].replace: 2 elements are expected, 1 is here ()",
        ),
        (
            "{ from = 'a', steps = [{ prepend = 'a', append = 'b' }] }",
            "c.steps[0]: only one of `prepend` and `append` can stand here (write a table for each)",
        ),
        (
            "{ from = 'a', map = { csv = 'a.csv', from = 'x' } }",
            "c.map.to: `to` is missing (`to`: The column with what they stand for)",
        ),
        (
            "{ from = 'a', map = { M = 1 } }",
            "c.map.M: expected text, found a number (text stands in quotes)",
        ),
        ("{ from = 'a', bounds = [1, 2, 3] }", "c.bounds: 4 elements are expected, 3 are here ()"),
        (
            "{ from = 'a', min_length = 1.5 }",
            "c.min_length: expected a whole number, found a number with decimals ()",
        ),
        ("{ from = 'a', min_length = -1 }", "c.min_length: at least 0 is expected ()"),
        ("{ form = 'a' }", "c.form: `form` is not a key here (did you mean `from`?)"),
        ("{ lookup = 'a', match = { a = 'b', d = 2, e = { from = 'f' } }, take = 'c' }", ""),
        (
            "{ lookup = 'a', match = { a = { form = 'f' } }, take = 'c' }",
            "c.match.a.form: `form` is not a key here (did you mean `from`?)",
        ),
        (
            "{ lookup = 'a', match = { a = true }, take = 'c' }",
            "c.match.a: expected a whole number, text or a table, found `true` (text stands in quotes)",
        ),
        ("'a'", "c: expected a table, found text ()"),
    ] {
        assert_eq!(said_of_column(column).join("|"), expected, "{column}");
    }
}

#[test]
fn the_walker_knows_every_keyword_of_the_schema() {
    const KNOWN: [&str; 19] = [
        "minProperties",
        "description",
        "type",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "prefixItems",
        "minItems",
        "maxItems",
        "minLength",
        "maxLength",
        "pattern",
        "minimum",
        "maximum",
        "const",
        "oneOf",
        "anyOf",
        "$ref",
    ];
    const SAYS_NOTHING: [&str; 2] = ["default", "format"];
    fn check(schema: &Value, path: &str) {
        for (keyword, below) in schema.as_object().into_iter().flatten() {
            let known =
                KNOWN.contains(&keyword.as_str()) || SAYS_NOTHING.contains(&keyword.as_str());
            assert!(known, "{path}/{keyword}");
            let here = format!("{path}/{keyword}");
            match (keyword.as_str(), below) {
                ("default", _) => {}
                ("properties", Value::Object(named)) => {
                    named
                        .iter()
                        .for_each(|(name, schema)| check(schema, &format!("{here}/{name}")));
                }
                (_, Value::Array(several)) => several.iter().for_each(|each| check(each, &here)),
                (_, below) => check(below, &here),
            }
        }
    }
    for (name, schema) in schema::json_schema()["$defs"].as_object().unwrap() {
        check(schema, name);
    }
}
