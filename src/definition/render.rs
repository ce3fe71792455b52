//! Findings, shown: to people with the source line and an underline, to machines as JSON.

use annotate_snippets::{
    AnnotationKind, Group, Level, Renderer, Snippet, normalize_untrusted_str, renderer::DecorStyle,
};
use serde_json::{Value, json};

use super::{document::Document, read, read::Findings};
use crate::diagnostic::Finding;

impl Findings {
    /// The findings as text for people, see [`render`].
    pub fn render(&self, colour: bool) -> String {
        render(&self.document, &self.list, colour)
    }

    /// The findings as a JSON array, see [`to_json`].
    pub fn to_json(&self) -> Value {
        self.list.iter().map(|finding| to_json(&self.document, finding)).collect()
    }
}

/// Findings about a definition in the order of its text, each with its line, underlined,
/// and a hint; a blank line stands between two. Colour is for terminals only.
pub fn render(document: &Document, findings: &[Finding], colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii);
    let mut sorted = findings.to_vec();
    read::sort(document, &mut sorted);
    let shown: Vec<_> = sorted.iter().map(|finding| one(document, finding, &renderer)).collect();
    shown.join("\n\n") + if shown.is_empty() { "" } else { "\n" }
}

fn one(document: &Document, finding: &Finding, renderer: &Renderer) -> String {
    let bytes = document.bytes_of(finding);
    let snippet = Snippet::source(document.text())
        .path(document.file_name())
        .annotation(AnnotationKind::Primary.span(bytes));
    let message = normalize_untrusted_str(&finding.message);
    let title = Level::ERROR.primary_title(message).id(finding.code);
    let group = title.element(snippet);
    let hint = finding.hint.as_deref().map(normalize_untrusted_str);
    let group: Group<'_> = match hint {
        Some(hint) => group.element(Level::HELP.message(hint)),
        None => group,
    };
    renderer.render(&[group])
}

/// A finding for machines: `code`, `message`, `file`, `line` and `column` from 1 (characters),
/// `path` in the definition, and `hint`, which may be null.
pub fn to_json(document: &Document, finding: &Finding) -> Value {
    let (line, column) = document.position(document.bytes_of(finding).start);
    json!({
        "code": finding.code,
        "message": finding.message,
        "file": document.file_name(),
        "line": line,
        "column": column,
        "path": finding.place.to_string(),
        "hint": finding.hint,
    })
}
