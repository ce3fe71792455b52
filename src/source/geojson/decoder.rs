//! Turns a feature into a record's cells.

use std::collections::HashMap;

use super::feature::{FeatureReader, Wanted};
use crate::{
    batch::{Cell, RecordBatch},
    definition::FieldRef,
    source::{
        Header, Projection,
        json::{Parsed, RecordCells, push},
    },
};

/// The names that mean the feature's own id and geometry, whatever its properties.
const FEATURE_ID: &str = "feature.id";
const FEATURE_GEOMETRY: &str = "feature.geometry";

/// Where a cell comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Slot(usize),
    Id,
    Geometry,
    Nowhere,
}

pub(super) struct FeatureCells {
    feature: FeatureReader,
    cells: Vec<Origin>,
    rest: bool,
}

impl FeatureCells {
    pub(super) fn new(header: &Header, projection: &Projection) -> Self {
        let mut slots = HashMap::new();
        let cells: Vec<_> =
            projection.fields.iter().map(|field| origin(header, field, &mut slots)).collect();
        let geometry = cells.contains(&Origin::Geometry);
        let wanted = Wanted { slots, geometry, rest: projection.rest };
        Self { feature: FeatureReader::new(wanted), cells, rest: projection.rest }
    }
}

impl RecordCells for FeatureCells {
    fn push(&mut self, text: &str, start: usize, batch: &mut RecordBatch) -> Parsed<()> {
        self.feature.read(text)?;
        for &cell in &self.cells {
            match cell {
                Origin::Slot(slot) => push(batch, self.feature.values[slot], text, start),
                Origin::Id => push(batch, self.feature.id, text, start),
                Origin::Geometry if self.feature.has_geometry => {
                    batch.push(Cell::Geometry(self.feature.geometry.ewkb()));
                }
                Origin::Geometry | Origin::Nowhere => batch.push(Cell::Absent),
            }
        }
        if self.rest {
            let rest = self.feature.rest.as_str();
            batch.push(Cell::Json(if rest.is_empty() { "{}" } else { rest }));
        }
        Ok(())
    }
}

/// Where a field comes from. `geometry` and `id` mean the feature's own unless
/// the file has properties of these names.
fn origin(header: &Header, field: &FieldRef, slots: &mut HashMap<String, usize>) -> Origin {
    let name = match field {
        FieldRef::Name(name) => name.as_str(),
        FieldRef::Number(number) => {
            let index = usize::try_from(*number).unwrap_or(usize::MAX).wrapping_sub(1);
            match header.fields.get(index) {
                Some(name) => name.as_str(),
                None => return Origin::Nowhere,
            }
        }
    };
    let is_property = |own: &str| header.fields.iter().any(|field| field == own);
    match name {
        FEATURE_GEOMETRY => Origin::Geometry,
        FEATURE_ID => Origin::Id,
        "geometry" if !is_property(FEATURE_GEOMETRY) => Origin::Geometry,
        "id" if !is_property(FEATURE_ID) => Origin::Id,
        name => {
            let next = slots.len();
            Origin::Slot(*slots.entry(name.to_owned()).or_insert(next))
        }
    }
}
