//! The fields of a file, by the names in its first features.

use std::collections::HashSet;

use super::{GeojsonSource, splitter::INDEX_ENTRY_BYTES};
use crate::{
    error::Result,
    source::{
        Split, Splitter,
        json::{Cursor, Parsed, unescape},
    },
};

/// Features and bytes looked at; names that appear later are fields too, but not listed.
const SAMPLE_RECORDS: u64 = 1_000;
const SAMPLE_BYTES: usize = 1024 * 1024;

#[derive(Default)]
struct Names {
    in_order: Vec<String>,
    known: HashSet<String>,
    /// Whether a feature had an id of its own.
    id: bool,
}

/// The property names in the order they appear, then `geometry`, then `id` if
/// a feature has one; with `feature.` before those that a property is called.
pub(super) fn sample(source: &GeojsonSource) -> Result<Vec<String>> {
    let mut names = Names::default();
    if let Some(split) = source.geojson_splitter(SAMPLE_BYTES)?.next_split()? {
        names.of_split(&split);
    }
    let clash = |name: &str| names.known.contains(name);
    let geometry = if clash("geometry") { "feature.geometry" } else { "geometry" };
    let id = match (clash("id"), names.id) {
        (true, _) => Some("feature.id"),
        (false, true) => Some("id"),
        (false, false) => None,
    };
    let mut fields = names.in_order;
    fields.push(geometry.to_owned());
    fields.extend(id.map(str::to_owned));
    Ok(fields)
}

impl Names {
    fn of_split(&mut self, split: &Split) {
        let records = split.records.min(SAMPLE_RECORDS);
        let all = usize::try_from(split.records).unwrap_or(usize::MAX);
        let index = &split.payload[split.payload.len() - all * INDEX_ENTRY_BYTES..];
        for entry in index.chunks_exact(INDEX_ENTRY_BYTES).zip(0..records).map(|(entry, _)| entry) {
            let word = |at: usize| {
                let mut word = [0; 4];
                word.copy_from_slice(&entry[at..at + 4]);
                u32::from_le_bytes(word) as usize
            };
            // A feature that is broken has its say up to there; the decoder reports it.
            if let Ok(text) = std::str::from_utf8(&split.payload[word(0)..word(4)]) {
                self.of_feature(&mut Cursor::new(text)).ok();
            }
        }
    }

    fn of_feature(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        cursor.object(|cursor, name| match &cursor.text()[name.start..name.end] {
            "properties" if cursor.peek() == Some(b'{') => self.of_properties(cursor),
            "id" => {
                self.id = true;
                cursor.value().map(drop)
            }
            _ => cursor.value().map(drop),
        })
    }

    fn of_properties(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        cursor.object(|cursor, name| {
            let mut unescaped = Vec::new();
            unescape(&cursor.text()[name.start..name.end], &mut unescaped);
            let name = String::from_utf8(unescaped).unwrap_or_default();
            if self.known.insert(name.clone()) {
                self.in_order.push(name);
            }
            cursor.value().map(drop)
        })
    }
}
