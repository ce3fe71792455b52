//! Where an export goes: the definition's path with values in place of `{name}`.

use super::query::parameter;
use crate::error::{Error, Result};

/// Puts values in place of `{name}`; a value may not lead to another folder.
pub(super) fn fill(path: &str, parameters: &[(String, String)]) -> Result<String> {
    let mut filled = String::with_capacity(path.len());
    let mut rest = path;
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
    use super::*;

    #[test]
    fn a_value_cannot_lead_out_of_the_folder() {
        let year = |value: &str| vec![("year".to_owned(), value.to_owned())];
        assert_eq!(fill("out/{year}.csv", &year("2024")).expect("filled"), "out/2024.csv");
        for value in ["../x", "/etc/x", ".x"] {
            assert!(fill("out/{year}.csv", &year(value)).is_err(), "{value}");
        }
        assert!(fill("out/{year.csv", &year("2024")).is_err());
    }
}
