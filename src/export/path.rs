//! Where an export goes: the definition's path with values in place of `{name}`.

use super::query::parameter;
use crate::{
    definition::OutputDefinition,
    error::{Error, Result},
};

/// Puts values in place of `{name}`; a value may not lead to another folder.
pub(super) fn fill(output: &OutputDefinition, parameters: &[(String, String)]) -> Result<String> {
    let path = output.path.replace("{format}", output.format.word());
    let mut filled = String::with_capacity(path.len());
    let mut rest = path.as_str();
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, tail)) = after.split_once('}') else {
            return Err(Error::definition("the output path has a `{` without `}`"));
        };
        let value = parameter(name, parameters)?;
        if value.contains(['/', '\\', '\0']) || value.starts_with('.') {
            return Err(Error::definition(format!(
                "the value of `{name}` cannot be part of a file name"
            ))
            .hint("leave out slashes and dots at its start"));
        }
        filled.push_str(before);
        filled.push_str(value);
        rest = tail;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_cannot_lead_out_of_the_folder() {
        let year = |value: &str| vec![("year".to_owned(), value.to_owned())];
        let filled = |path: &str, value: &str| {
            let output = json!({ "format": "jsonl", "path": path });
            fill(&serde_json::from_value(output).expect("an output"), &year(value))
        };
        assert_eq!(filled("out/{year}.{format}.gz", "2024").expect("filled"), "out/2024.jsonl.gz");
        for value in ["../x", "/etc/x", ".x"] {
            assert!(filled("out/{year}.csv", value).is_err(), "{value}");
        }
        assert!(filled("out/{year.csv", "2024").is_err());
    }
}
