//! From text to a definition, or to everything that is wrong with it.

use serde::de::DeserializeOwned;
use serde_json::Value;
use validator::Validate;

use super::{
    Definition, ExportDefinition, ImportDefinition, check,
    document::Document,
    schema::{EXPORT, IMPORT},
    validation::validate,
    walk::walk,
};
use crate::diagnostic::{Finding, Place, did_you_mean};

/// A definition without findings, with the document to show later ones in.
#[derive(Debug, Clone)]
pub struct ReadDefinition {
    /// The text and its places.
    pub document: Document,
    /// What it says.
    pub definition: Definition,
}

/// Everything that is wrong with a definition.
#[derive(Debug, Clone)]
pub struct Findings {
    /// The text and its places.
    pub document: Box<Document>,
    /// The findings, in the order of the text.
    pub list: Vec<Finding>,
}

/// Reads a definition and checks all that needs neither data nor database.
///
/// # Errors
/// All syntax errors, or else all findings of the schema and of the checks:
/// where one key is wrong, the others are checked all the same.
pub fn read(file_name: &str, text: &str) -> Result<ReadDefinition, Findings> {
    let (document, parsed) = Document::parse(file_name, text);
    if !parsed.syntax.is_empty() {
        return Err(Findings::new(document, parsed.syntax));
    }
    let mut findings = parsed.numbers;
    let mut value = document.value().clone();
    let kind = kind(&mut value, &mut findings);
    let mut unsound: Vec<_> = findings.iter().map(|finding| finding.place.clone()).collect();
    let walked = walk(kind, &mut value);
    findings.extend(walked.findings);
    unsound.extend(walked.unsound);
    let definition = if kind == EXPORT {
        let judge = |export: &ExportDefinition| check::export(export, &document, &unsound);
        judged(value, &mut findings, &unsound, judge).map(|it| Definition::Export(Box::new(it)))
    } else {
        let judge = |import: &ImportDefinition| check::import(import, &document, &unsound);
        judged(value, &mut findings, &unsound, judge).map(|it| Definition::Import(Box::new(it)))
    };
    match definition {
        Some(definition) if findings.is_empty() => Ok(ReadDefinition { document, definition }),
        _ => Err(Findings::new(document, findings)),
    }
}

/// Deserialises the (mended) value and adds what validation and `judge` find.
fn judged<T: DeserializeOwned + Validate>(
    value: Value,
    findings: &mut Vec<Finding>,
    unsound: &[Place],
    judge: impl FnOnce(&T) -> Vec<Finding>,
) -> Option<T> {
    let definition: T = match serde_json::from_value(value) {
        Ok(definition) => definition,
        Err(error) if findings.is_empty() => {
            // The schema let something through: better a finding without a place than none.
            findings.push(Finding::new("definition.shape", Place::root(), error.to_string()));
            return None;
        }
        Err(_) => return None,
    };
    let mut later = validate(&definition);
    later.extend(judge(&definition));
    later.retain(|finding| is_sound(&finding.place, unsound));
    findings.extend(later);
    Some(definition)
}

/// Whether nothing at, above or below a place has been found wrong already.
pub(crate) fn is_sound(place: &Place, unsound: &[Place]) -> bool {
    !unsound.iter().any(|wrong| wrong.holds(place) || place.holds(wrong))
}

/// Which of the two kinds the definition is; other words are taken out with a finding.
fn kind(value: &mut Value, findings: &mut Vec<Finding>) -> &'static str {
    let has = |key: &str| value.get(key).is_some();
    let looks_like_export = (has("sql") || has("output")) && !has("source") && !has("target");
    let place = Place::root().key("kind");
    let meant = match value.get("kind") {
        None if looks_like_export => {
            let finding = Finding::new("definition.missing_key", place, "`kind` is missing");
            findings.push(finding.hint("an export says `kind = \"export\"`"));
            EXPORT
        }
        None => return IMPORT,
        Some(Value::String(word)) => match word.as_str() {
            "import" => return IMPORT,
            "export" => return EXPORT,
            word => {
                let near = did_you_mean(word, ["import", "export"]);
                let message = format!("`{word}` is not one of the words here");
                let hint = match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "the words here are `import` and `export`".to_owned(),
                };
                findings.push(Finding::new("definition.word", place, message).hint(hint));
                if near == Some("export") || looks_like_export { EXPORT } else { IMPORT }
            }
        },
        // The walk says that this is no text.
        Some(_) => return IMPORT,
    };
    if let Value::Object(members) = value {
        let word = if meant == EXPORT { "export" } else { "import" };
        members.insert("kind".to_owned(), Value::from(word));
    }
    meant
}

impl Findings {
    /// Findings in the order of the text, each said once.
    fn new(document: Document, mut list: Vec<Finding>) -> Self {
        sort(&document, &mut list);
        list.dedup();
        Self { document: Box::new(document), list }
    }
}

/// Sorts by where the findings stand in the text.
pub(super) fn sort(document: &Document, findings: &mut [Finding]) {
    findings.sort_by_cached_key(|finding| {
        let bytes = document.bytes_of(finding);
        (bytes.start, bytes.end, finding.code, finding.message.clone())
    });
}
