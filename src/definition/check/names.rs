//! Names of tables and columns.

use super::{Checker, hinted};
use crate::{
    definition::split_table,
    diagnostic::{Place, did_you_mean},
};

/// Bytes of a name that PostgreSQL keeps; it cuts longer ones without an error.
const NAME_BYTES_MAX: usize = 63;

impl Checker<'_> {
    pub(super) fn table_name(&mut self, name: &str, place: &Place) {
        match split_table(name) {
            Ok((schema, table)) => {
                for part in schema.iter().chain([&table]) {
                    self.name_length(part, place, false);
                }
            }
            Err(message) => {
                self.report("definition.table", place, message).hint =
                    hinted("write `school.student`; the database is the connection's");
            }
        }
    }

    pub(super) fn column_name(&mut self, name: &str, place: &Place) {
        if name.is_empty() {
            self.report_key("definition.empty", place, "the column has no name");
        }
        self.name_length(name, place, true);
    }

    fn name_length(&mut self, name: &str, place: &Place, at_key: bool) {
        if name.len() > NAME_BYTES_MAX {
            let message = format!("names in PostgreSQL have at most {NAME_BYTES_MAX} bytes");
            self.report("definition.length", place, message).at_key = at_key;
        }
    }

    /// Reports a name that is not one of the target's columns.
    pub(super) fn known_column(&mut self, name: &str, columns: &[&str], place: &Place) {
        if columns.contains(&name) || !self.is_sound(place) {
            return;
        }
        let message = format!("`{name}` is not one of the target's columns");
        let hint = match did_you_mean(name, columns.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("add `{name} = {{ from = ... }}` to [target.columns]"),
        };
        self.report("definition.unknown_column", place, message).hint = hinted(hint);
    }
}
