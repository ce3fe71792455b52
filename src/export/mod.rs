//! The way back: a query's rows streamed into a file by COPY.
//!
//! Rows go to a file beside the output, which takes its place by a rename once
//! everything is on disk: readers see the old file or the whole new one.
//! Memory stays at one network buffer, whatever the number of rows.

mod part_file;

use std::path::PathBuf;

use futures_util::{StreamExt, pin_mut};

use self::part_file::PartFile;
use crate::{
    definition::{ExportDefinition, OutputDefinition},
    error::{Error, Result},
    postgres::{
        prepared::copy_out,
        session::{Session, database_error},
        sql::quote_literal,
    },
};

/// What an export wrote.
#[derive(Debug, Clone, serde::Serialize)]
pub struct ExportSummary {
    /// The pipeline's name.
    pub pipeline: String,
    /// `published`, since it is there.
    pub status: &'static str,
    /// The file.
    pub path: String,
    /// Rows written, without the header.
    pub rows: u64,
    /// Bytes written.
    pub bytes: u64,
    /// SHA-256 of the file, in hex.
    pub sha256: String,
}

/// Runs the query and writes its rows.
///
/// # Errors
/// `ErrorKind::Definition` for a parameter without value; `ErrorKind::Environment` when
/// the server or the disk refuses. The file that was there stays then.
pub async fn export(
    session: &Session,
    name: &str,
    definition: &ExportDefinition,
    parameters: &[(String, String)],
) -> Result<ExportSummary> {
    let sql = bind_parameters(&definition.sql, parameters)?;
    let path = PathBuf::from(fill_path(&definition.output.path, parameters)?);
    let copy = copy_statement(&sql, &definition.output);
    let mut part = PartFile::create(&path)?;
    let stream = copy_out(&session.client, &copy, "run the query of the export").await?;
    pin_mut!(stream);
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| database_error(&error, "read the rows of the export"))?;
        part.write(&chunk)?;
    }
    let committed = session.client.batch_execute("commit").await;
    committed.map_err(|error| database_error(&error, "end the export"))?;
    let (written, messages) = part.finish()?;
    let rows = messages - u64::from(definition.output.header);
    Ok(ExportSummary {
        pipeline: name.to_owned(),
        status: "published",
        path: path.display().to_string(),
        rows,
        bytes: written.bytes,
        sha256: written.sha256,
    })
}

fn copy_statement(sql: &str, output: &OutputDefinition) -> String {
    let delimiter = output.delimiter.as_deref().unwrap_or(",");
    format!(
        "copy ({}\n) to stdout (format csv, header {}, delimiter {}, null {}, encoding 'UTF8')",
        sql.trim().trim_end_matches(';'),
        output.header,
        quote_literal(delimiter),
        quote_literal(&output.null)
    )
}

fn value<'p>(name: &str, parameters: &'p [(String, String)]) -> Result<&'p str> {
    let found = parameters.iter().rev().find(|(key, _)| key == name);
    found.map(|(_, value)| value.as_str()).ok_or_else(|| {
        Error::definition(format!("the export needs a value for `{name}`"))
            .hint(format!("give it with --set {name}=VALUE"))
    })
}

/// Puts values in place of `:name`, as literals; text, quoted names, comments and `::` stay.
fn bind_parameters(sql: &str, parameters: &[(String, String)]) -> Result<String> {
    let mut bound = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(at) = rest.find(['\'', '"', ':', '-', '/', '$']) {
        let (before, from) = rest.split_at(at);
        bound.push_str(before);
        let name = from.strip_prefix(':').map(parameter_name).unwrap_or_default();
        if !name.is_empty() {
            bound.push_str(&quote_literal(value(name, parameters)?));
            rest = &from[1 + name.len()..];
            continue;
        }
        let (kept, after) = from.split_at(opaque_length(from));
        bound.push_str(kept);
        rest = after;
    }
    bound.push_str(rest);
    Ok(bound)
}

fn parameter_name(text: &str) -> &str {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    if starts { &text[..end] } else { "" }
}

/// The length of the quoted text, comment or cast that `text` starts with; else of one character.
fn opaque_length(text: &str) -> usize {
    let closed_by = |close: &str, open: usize| {
        text[open..].find(close).map_or(text.len(), |at| open + at + close.len())
    };
    match text.as_bytes() {
        [b'\'', ..] => closed_by("'", 1),
        [b'"', ..] => closed_by("\"", 1),
        [b':', b':', ..] => 2,
        [b'-', b'-', ..] => closed_by("\n", 2),
        [b'/', b'*', ..] => closed_by("*/", 2),
        [b'$', ..] => dollar_quoted(text).unwrap_or(1),
        _ => 1,
    }
}

/// The length of `$tag$...$tag$`.
fn dollar_quoted(text: &str) -> Option<usize> {
    let tag_end = 1 + text[1..].find('$')?;
    let tag = &text[..=tag_end];
    let is_tag = tag[1..tag_end].chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let close = text[tag.len()..].find(tag)?;
    is_tag.then_some(tag.len() + close + tag.len())
}

/// Puts values in place of `{name}`; a value may not lead to another folder.
fn fill_path(path: &str, parameters: &[(String, String)]) -> Result<String> {
    let mut filled = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, tail)) = after.split_once('}') else {
            return Err(Error::definition("the output path has a `{` without `}`"));
        };
        let value = value(name, parameters)?;
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

    fn parameters() -> Vec<(String, String)> {
        vec![("town".to_owned(), "L'Aquila".to_owned()), ("year".to_owned(), "2024".to_owned())]
    }

    #[test]
    fn parameters_become_literals_and_nothing_else_is_touched() {
        let bound = |sql: &str| bind_parameters(sql, &parameters()).expect("bound");
        assert_eq!(bound("select 1 where town = :town"), "select 1 where town = 'L''Aquila'");
        for kept in [
            "select ':town', a::text",
            "-- :town\nselect 1",
            "/* :town */",
            "$x$ :town $x$",
            "\":town\"",
        ] {
            assert_eq!(bound(kept), kept);
        }
        assert_eq!(bound("select a[1:2], :year::int"), "select a[1:2], '2024'::int");
        assert!(bind_parameters("select :nothing", &parameters()).is_err());
    }

    #[test]
    fn a_value_cannot_lead_out_of_the_folder() {
        assert_eq!(fill_path("out/{year}.csv", &parameters()).expect("filled"), "out/2024.csv");
        for value in ["../x", "/etc/x", ".x"] {
            let wrong = vec![("year".to_owned(), value.to_owned())];
            assert!(fill_path("out/{year}.csv", &wrong).is_err(), "{value}");
        }
        assert!(fill_path("out/{year.csv", &parameters()).is_err());
    }
}
