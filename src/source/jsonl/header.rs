//! The fields of a file: the names and paths in its first records.

use std::collections::HashSet;

use super::{JsonlSource, path::looks_like_a_path};
use crate::{
    error::Result,
    source::{
        Splitter,
        geojson::INDEX_ENTRY_BYTES,
        json::{Cursor, Parsed, unescape},
    },
};

/// Records and bytes looked at; names that appear later are fields too, but not listed.
const SAMPLE_RECORDS: usize = 1_000;
const SAMPLE_BYTES: usize = 1024 * 1024;
/// How deep paths are listed, and how many; deeper ones can be used all the same.
const SAMPLE_DEPTH: usize = 4;
const FIELDS_MAX: usize = 2_000;

/// What the sample showed.
#[derive(Default)]
pub(super) struct Names {
    /// Names and paths in the order they appear.
    pub(super) fields: Vec<String>,
    /// Names of members that look like paths.
    pub(super) literal: HashSet<String>,
    known: HashSet<String>,
}

pub(super) fn sample(source: &JsonlSource) -> Result<Names> {
    let mut names = Names::default();
    let Some(split) = source.record_splitter(SAMPLE_BYTES)?.next_split()? else {
        return Ok(names);
    };
    let records = usize::try_from(split.records).unwrap_or(usize::MAX);
    let index = &split.payload[split.payload.len() - records * INDEX_ENTRY_BYTES..];
    for entry in index.chunks_exact(INDEX_ENTRY_BYTES).take(SAMPLE_RECORDS) {
        let word = |at: usize| {
            let mut word = [0; 4];
            word.copy_from_slice(&entry[at..at + 4]);
            u32::from_le_bytes(word) as usize
        };
        // A record that is broken has its say up to there; the decoder reports it.
        if let Ok(text) = std::str::from_utf8(&split.payload[word(0)..word(4)]) {
            names.of_object(&mut Cursor::new(text), "", 0).ok();
        }
    }
    Ok(names)
}

impl Names {
    fn of_object(&mut self, cursor: &mut Cursor<'_>, above: &str, depth: usize) -> Parsed<()> {
        cursor.object(|cursor, name| {
            let mut unescaped = Vec::new();
            unescape(&cursor.text()[name.start..name.end], &mut unescaped);
            let name = String::from_utf8_lossy(&unescaped);
            let is_path = looks_like_a_path(&name);
            if is_path && above.is_empty() {
                self.literal.insert(name.to_string());
            }
            let path = match (above.is_empty(), is_path) {
                (true, _) => name.to_string(),
                (false, false) => format!("{above}.{name}"),
                (false, true) => format!("{above}.\"{name}\""),
            };
            if self.fields.len() < FIELDS_MAX && self.known.insert(path.clone()) {
                self.fields.push(path.clone());
            }
            if cursor.peek() == Some(b'{') && depth + 1 < SAMPLE_DEPTH {
                return self.of_object(cursor, &path, depth + 1);
            }
            cursor.value().map(drop)
        })
    }
}
