//! Source fields: which ones a plan uses, and where one file has them.

use crate::{
    definition::FieldRef,
    diagnostic::{Finding, Place, did_you_mean},
    source::{Header, Listing, Projection},
};

/// A source field that the plan uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPlan {
    /// The names it may have, the one in `from` first, aliases after it.
    pub names: Vec<FieldRef>,
    /// Whether a file may lack it.
    pub optional: bool,
    /// The target that unpivots, where the field is one of its rows' and stands in no file.
    pub row_of: Option<usize>,
    /// Where the definition asks for it.
    pub place: Place,
}

/// The fields used so far; a field asked for twice is one cell.
#[derive(Debug, Default)]
pub(super) struct FieldsInUse {
    pub(super) fields: Vec<FieldPlan>,
    /// The target that asks, with the names of fields that only its rows have.
    asking: (usize, Vec<String>),
}

impl FieldsInUse {
    /// Another target asks from now on; `row_fields` stand in no file.
    pub(super) fn ask_for(&mut self, target: usize, row_fields: Vec<String>) {
        self.asking = (target, row_fields);
    }

    /// The cell of a field, which is added when it is new.
    pub(super) fn cell(
        &mut self,
        field: &FieldRef,
        aliases: &[String],
        optional: bool,
        place: Place,
    ) -> usize {
        let mut names = vec![field.clone()];
        names.extend(aliases.iter().cloned().map(FieldRef::Name));
        let (target, row_fields) = &self.asking;
        let is_of_row = matches!(field, FieldRef::Name(name) if row_fields.contains(name));
        let row_of = is_of_row.then_some(*target);
        let is_it = |planned: &FieldPlan| planned.names == names && planned.row_of == row_of;
        self.fields.iter().position(is_it).unwrap_or_else(|| {
            self.fields.push(FieldPlan { names, optional, row_of, place });
            self.fields.len() - 1
        })
    }
}

/// Where one file has the fields of a plan; missing and ambiguous ones are findings.
pub(super) fn file_projection(
    fields: &[FieldPlan],
    rest: bool,
    header: &Header,
    file: &str,
    findings: &mut Vec<Finding>,
) -> Projection {
    let projected = fields.iter().map(|field| resolve(field, header, file, findings)).collect();
    Projection { fields: projected, rest }
}

fn resolve(
    field: &FieldPlan,
    header: &Header,
    file: &str,
    findings: &mut Vec<Finding>,
) -> FieldRef {
    if field.row_of.is_some() {
        return FieldRef::Number(u32::MAX);
    }
    let present: Vec<&FieldRef> =
        field.names.iter().filter(|name| count(name, header) > 0).collect();
    match present[..] {
        [name] if count(name, header) == 1 => name.clone(),
        [name] => {
            findings.push(ambiguous(name, field, header, file));
            name.clone()
        }
        [] => {
            if !field.optional {
                findings.push(missing(field, header, file));
            }
            field.names[0].clone()
        }
        [first, ..] => {
            let message = format!("`{file}` has more than one of the names this field may have");
            findings.push(Finding::new("bind.ambiguous_field", field.place.clone(), message));
            first.clone()
        }
    }
}

fn count(field: &FieldRef, header: &Header) -> usize {
    match field {
        FieldRef::Number(number) => {
            usize::from((1..=header.fields.len()).contains(&(*number as usize)))
        }
        FieldRef::Name(name) => header.count(name),
    }
}

fn ambiguous(name: &FieldRef, field: &FieldPlan, header: &Header, file: &str) -> Finding {
    let places: Vec<String> = header
        .fields
        .iter()
        .enumerate()
        .filter(|(_, listed)| FieldRef::Name((*listed).clone()) == *name)
        .map(|(index, _)| (index + 1).to_string())
        .collect();
    let message = format!("`{file}` has {} columns named `{name}`", places.len());
    Finding::new("bind.ambiguous_field", field.place.clone(), message)
        .hint(format!("name it by number: {}", places.join(" or ")))
}

fn missing(field: &FieldPlan, header: &Header, file: &str) -> Finding {
    let wanted = &field.names[0];
    let finding = Finding::new(
        "bind.no_such_field",
        field.place.clone(),
        format!("`{file}` has no field `{wanted}`"),
    );
    let FieldRef::Name(name) = wanted else {
        return finding.hint(format!("it has {} columns", header.fields.len()));
    };
    match did_you_mean(name, header.fields.iter().map(String::as_str)) {
        Some(near) => finding.hint(format!("did you mean `{near}`?")),
        None if header.listing != Listing::All => {
            finding.hint("the first records lack it; `optional = true` allows that")
        }
        None => finding.hint(format!("it has {}", listed(&header.fields))),
    }
}

/// Names for a hint; long lists are cut.
pub(super) fn listed(names: &[String]) -> String {
    const SHOWN_MAX: usize = 12;
    let shown: Vec<String> = names.iter().take(SHOWN_MAX).map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(SHOWN_MAX);
    let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{tail}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(names: &[&str], listing: Listing) -> Header {
        Header { fields: names.iter().map(ToString::to_string).collect(), line: 1, listing }
    }

    fn field(names: &[&str], optional: bool) -> FieldPlan {
        let names = names.iter().map(|name| FieldRef::Name((*name).to_owned())).collect();
        FieldPlan { names, optional, row_of: None, place: Place::root().key("from") }
    }

    fn resolved(field: FieldPlan, header: &Header) -> (Projection, Vec<Finding>) {
        let mut findings = Vec::new();
        let projection = file_projection(&[field], false, header, "f.csv", &mut findings);
        (projection, findings)
    }

    #[test]
    fn an_alias_is_found_where_the_name_is_not() {
        let (projection, findings) =
            resolved(field(&["ID", "Id"], false), &header(&["Id", "Name"], Listing::All));
        assert!(findings.is_empty());
        assert_eq!(projection.fields, [FieldRef::Name("Id".into())]);
    }

    #[test]
    fn missing_ambiguous_and_optional_fields_are_told_apart() {
        let columns = header(&["Name", "Name", "DOB"], Listing::All);
        assert_eq!(resolved(field(&["Name"], false), &columns).1[0].code, "bind.ambiguous_field");
        let (_, findings) = resolved(field(&["DOBB"], false), &columns);
        assert_eq!(findings[0].hint.as_deref(), Some("did you mean `DOB`?"));
        assert!(resolved(field(&["Phone"], true), &columns).1.is_empty());
        assert!(
            resolved(field(&["geometry"], false), &header(&[], Listing::Features)).1.is_empty()
        );
    }

    #[test]
    fn paths_lead_into_the_members_of_objects() {
        let objects = header(&["user", "user.name"], Listing::Objects);
        assert!(resolved(field(&["user.tags[0]"], false), &objects).1.is_empty());
        assert_eq!(resolved(field(&["usr.tags"], false), &objects).1.len(), 1);
        assert!(resolved(field(&["a"], false), &header(&[], Listing::Objects)).1.is_empty());
    }
}
