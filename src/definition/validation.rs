//! What `validator` found, as findings with places.
//!
//! The derived checks know Rust's fields and positions; a finding needs the
//! keys of the TOML.

use validator::{Validate, ValidationErrors, ValidationErrorsKind};

use crate::diagnostic::{Finding, Place};

/// Fields that go by another key in the TOML.
const RENAMED: [(&str, &str); 1] = [("targets", "target")];

/// Runs the derived checks of a structure.
pub(crate) fn validate(definition: &impl Validate) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Err(errors) = definition.validate() {
        convert(&errors, &Place::root(), &mut findings);
    }
    findings
}

fn convert(errors: &ValidationErrors, place: &Place, into: &mut Vec<Finding>) {
    for (field, kind) in errors.errors() {
        let key = RENAMED.iter().find(|(rust, _)| rust == field).map_or(&**field, |(_, toml)| toml);
        let here = match key {
            "__all__" => place.clone(),
            key => place.key(key),
        };
        match kind {
            ValidationErrorsKind::Struct(below) => convert(below, &here, into),
            ValidationErrorsKind::List(elements) => {
                for (index, below) in elements {
                    convert(below, &here.index(*index), into);
                }
            }
            ValidationErrorsKind::Field(errors) => {
                into.extend(errors.iter().map(|error| {
                    let message = error.message.as_deref().unwrap_or("the value is not allowed");
                    Finding::new("definition.value", here.clone(), message)
                }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::definition::ImportDefinition;

    #[test]
    fn fields_and_positions_become_places() {
        let definition: ImportDefinition = serde_json::from_value(json!({
            "source": { "format": "csv", "path": "" },
            "target": [
                { "table": "t", "mode": "append", "columns": { "a": { "from": "a" } } },
                { "table": "", "mode": "append", "columns": {}, "check": [{ "sql": "" }] },
            ],
        }))
        .expect("a definition");
        let mut said: Vec<_> = validate(&definition)
            .into_iter()
            .map(|finding| format!("{}: {}", finding.place, finding.message))
            .collect();
        said.sort();
        assert_eq!(
            said,
            [
                "source.path: the path is empty",
                "target[1].check[0].sql: the condition is empty",
                "target[1].columns: the target has no columns",
                "target[1].table: the table has no name",
            ]
        );
    }
}
