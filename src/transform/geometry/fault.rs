//! What is wrong with a geometry, and what was done about it.

use std::borrow::Cow;

/// Why a geometry is not loaded.
///
/// `message` names parts and rings by their numbers, never a coordinate or any
/// other piece of the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GeometryFault {
    /// The stable code, `geometry.rule`.
    pub code: &'static str,
    /// What is wrong, as a short sentence without data.
    pub message: Cow<'static, str>,
}

impl GeometryFault {
    pub(super) fn new(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into() }
    }

    pub(super) fn malformed(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new("geometry.malformed", message)
    }
}

/// What was done to the geometries of a column, over any number of records.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct GeometryNotes {
    /// Geometries that were invalid and were made valid.
    pub repaired: u64,
    /// Geometries that are invalid and are loaded so, since the pipeline says `flag`.
    pub flagged: u64,
    /// The sum of all changes of area by repairs, each counted positive, in the square of the
    /// column's unit.
    pub area_changed: f64,
    /// The greatest change of one geometry's area by a repair, in percent.
    pub area_change_percent_max: f64,
}

impl GeometryNotes {
    /// Adds what another worker noted.
    pub fn merge(&mut self, other: &Self) {
        self.repaired += other.repaired;
        self.flagged += other.flagged;
        self.area_changed += other.area_changed;
        self.area_change_percent_max =
            self.area_change_percent_max.max(other.area_change_percent_max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_of_two_workers_add_up_and_keep_the_greatest_change() {
        let mut notes = GeometryNotes {
            repaired: 1,
            flagged: 2,
            area_changed: 0.5,
            area_change_percent_max: 0.1,
        };
        notes.merge(&GeometryNotes {
            repaired: 2,
            flagged: 0,
            area_changed: 0.25,
            area_change_percent_max: 0.3,
        });
        let expected = GeometryNotes {
            repaired: 3,
            flagged: 2,
            area_changed: 0.75,
            area_change_percent_max: 0.3,
        };
        assert_eq!(notes, expected);
    }
}
