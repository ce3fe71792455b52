//! Which fields become cells, settled once per decoder.

use crate::{
    definition::FieldRef,
    source::{Header, Projection},
};

/// A projection with names turned into indexes.
#[derive(Debug)]
pub(super) struct Cells {
    fields: Vec<Option<usize>>,
    /// The fields of the rest object: index, and the key as JSON with its colon.
    rest: Option<Vec<(usize, Vec<u8>)>>,
}

impl Cells {
    /// Names that occur twice mean the first; binding has refused them before.
    pub(super) fn of(projection: &Projection, header: &Header) -> Self {
        let fields: Vec<_> = projection.fields.iter().map(|field| index(field, header)).collect();
        let rest = projection.rest.then(|| {
            let left = (0..header.fields.len()).filter(|index| !fields.contains(&Some(*index)));
            left.map(|index| (index, json_key(&key(header, index)))).collect()
        });
        Self { fields, rest }
    }

    /// The field of each cell, `None` for one that this file lacks.
    pub(super) fn fields(&self) -> &[Option<usize>] {
        &self.fields
    }

    /// The fields of the rest object, `None` when it is not wanted.
    pub(super) fn rest(&self) -> Option<&[(usize, Vec<u8>)]> {
        self.rest.as_deref()
    }

    /// Cells per record.
    pub(super) fn width(&self) -> usize {
        self.fields.len() + usize::from(self.rest.is_some())
    }
}

fn index(field: &FieldRef, header: &Header) -> Option<usize> {
    match field {
        FieldRef::Name(name) => header.fields.iter().position(|field| field == name),
        FieldRef::Number(number) => {
            let index = usize::try_from(*number).ok()?.checked_sub(1)?;
            (index < header.fields.len()).then_some(index)
        }
    }
}

/// The field's name in the rest object. A field without a name goes by its
/// number, one whose name stands before it already gets its number added:
/// `jsonb` keeps only the last of two equal keys.
fn key(header: &Header, index: usize) -> String {
    let name = &header.fields[index];
    if name.is_empty() {
        return (index + 1).to_string();
    }
    let repeated = header.fields[..index].contains(name);
    if repeated { format!("{name} ({})", index + 1) } else { name.clone() }
}

fn json_key(name: &str) -> Vec<u8> {
    let mut key = Vec::new();
    write_json_text(name, &mut key);
    key.push(b':');
    key
}

/// Appends `text` as a JSON string.
#[expect(clippy::expect_used, reason = "writing a string to memory has no way to fail")]
pub(super) fn write_json_text(text: &str, json: &mut Vec<u8>) {
    serde_json::to_writer(json, text).expect("memory takes any string");
}
