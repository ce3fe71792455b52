//! `[target.unpivot]`: its fields have names of their own, and somebody reads the cells.

use regex::Regex;

use super::{Checker, hinted};
use crate::{
    definition::{FieldRef, TargetDefinition, UnpivotDefinition},
    diagnostic::Place,
};

impl Checker<'_> {
    pub(super) fn unpivot(&mut self, target: &TargetDefinition, place: &Place) {
        let Some(unpivot) = &target.unpivot else { return };
        let here = place.key("unpivot");
        let pattern = self.pattern(&unpivot.columns, &here.key("columns"));
        self.unpivot_names(unpivot, pattern.as_ref(), &here);
        let reads = |name: &str| {
            let field = FieldRef::Name(name.to_owned());
            let froms = target.columns.values().filter_map(|column| column.from.as_ref());
            froms.flat_map(|from| from.fields()).any(|read| *read == field)
        };
        // A lookup may match by it as well.
        let looks_up = target.columns.values().any(|column| column.lookup.is_some());
        if !looks_up && !reads(&unpivot.value) && self.is_sound(&here) {
            let message = format!("no column reads `{}`, the cells", unpivot.value);
            self.report("definition.no_effect", &here.key("value"), message).hint =
                hinted(format!("add a column with `from = \"{}\"`", unpivot.value));
        }
    }

    fn unpivot_names(
        &mut self,
        unpivot: &UnpivotDefinition,
        pattern: Option<&Regex>,
        place: &Place,
    ) {
        if unpivot.name == unpivot.value {
            let message = format!("`{}` is the field with the name already", unpivot.name);
            self.report("definition.duplicate", &place.key("value"), message);
        }
        let groups = pattern.into_iter().flat_map(|pattern| pattern.capture_names().flatten());
        for group in groups {
            if [&unpivot.name, &unpivot.value].iter().any(|name| *name == group) {
                let message = format!("the group `{group}` has the name of another field");
                self.report("definition.duplicate", &place.key("columns"), message);
            }
        }
    }
}
