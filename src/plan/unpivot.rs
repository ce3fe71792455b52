//! Wide to long: which columns of a file are rows of a target, and what a row's fields are.
//!
//! Files of one run need not have the same columns (a register has the days of its month), so
//! the plan has the pattern and the cells, and each file its columns. What depends on names
//! alone, such as a day that a header says, is proven before anything is read.

use bumpalo::Bump;
use regex::Regex;

use super::{
    Plan, SourcePlan, TargetPlan,
    fields::{FieldPlan, FieldsInUse, file_projection, listed},
};
use crate::{
    batch::{CellOverlay, RecordBatch},
    definition::{FieldRef, TargetDefinition},
    diagnostic::{Finding, Place},
    outcome::{Position, ROW_BITS},
    source::{Header, Listing, Projection},
    transform::{EmptyCells, geometry::GeometryNotes},
};

/// Rows that a record may give.
const ROWS_MAX: usize = (1 << ROW_BITS) - 1;

/// A number that no field has.
const NOWHERE: FieldRef = FieldRef::Number(u32::MAX);

/// How the records of a target become rows.
#[derive(Debug)]
pub struct UnpivotPlan {
    pattern: Regex,
    /// The cells of the fields with the column's name, its cell, and the pattern's groups,
    /// where a column of the target reads them.
    name: Option<usize>,
    value: Option<usize>,
    groups: Vec<(usize, String)>,
    /// The names of fields that the target reads of the record itself.
    read: Vec<FieldRef>,
    /// What all rows call their fields.
    names: Vec<String>,
    /// Which cells give no row; `None` where all do.
    pub empty: Option<EmptyCells>,
    place: Place,
}

/// A column of a file that is a row of each record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnpivotedColumn {
    /// Its number in the file, from 1.
    pub number: u32,
    /// Its name in the header.
    pub name: String,
    /// The record as that row.
    pub overlay: CellOverlay,
}

impl std::fmt::Display for UnpivotedColumn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "column {} `{}`", self.number, self.name)
    }
}

/// Where one file has what the plan asks for.
pub struct FileLayout {
    /// The cells of its records.
    pub projection: Projection,
    /// Per target, the columns that are rows; empty where a record is one row.
    pub unpivoted: Vec<Vec<UnpivotedColumn>>,
}

/// The names of the fields that only rows of an unpivoted target have.
pub(super) fn row_fields(target: &TargetDefinition) -> Vec<String> {
    let Some(unpivot) = &target.unpivot else { return Vec::new() };
    let mut names = vec![unpivot.name.clone(), unpivot.value.clone()];
    // A pattern that does not compile was found with the definition.
    let pattern = Regex::new(&unpivot.columns).ok();
    let groups = pattern.iter().flat_map(|pattern| pattern.capture_names().flatten());
    names.extend(groups.map(str::to_owned));
    names
}

/// The plan of a target's unpivot; all fields have been numbered.
pub(super) fn bind_unpivot(
    (index, target): (usize, &TargetDefinition),
    null: &[String],
    place: &Place,
    fields: &FieldsInUse,
) -> Option<UnpivotPlan> {
    let unpivot = target.unpivot.as_ref()?;
    let names = row_fields(target);
    let cell = |name: &String| {
        let is_it = |field: &FieldPlan| {
            field.row_of == Some(index) && field.names == [FieldRef::Name(name.clone())]
        };
        fields.fields.iter().position(is_it)
    };
    let groups = names[2..].iter().filter_map(|name| Some((cell(name)?, name.clone())));
    let froms = target.columns.values().filter_map(|column| column.from.as_ref());
    Some(UnpivotPlan {
        pattern: Regex::new(&unpivot.columns).ok()?,
        name: cell(&unpivot.name),
        value: cell(&unpivot.value),
        groups: groups.collect(),
        read: froms.flat_map(|from| from.fields().to_vec()).collect(),
        names,
        empty: (!unpivot.keep_empty).then(|| EmptyCells::new(null)),
        place: place.key("unpivot").key("columns"),
    })
}

/// The numbers of all columns of a file that are rows of some target, in order.
pub(super) fn unpivoted_numbers<'p>(
    unpivots: impl Iterator<Item = &'p UnpivotPlan>,
    header: &Header,
) -> Vec<u32> {
    let mut numbers: Vec<u32> =
        unpivots.flat_map(|unpivot| unpivot.matched(header)).map(|(number, _)| number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

impl UnpivotPlan {
    /// The file's columns with a name that the pattern matches.
    fn matched<'h>(&self, header: &'h Header) -> impl Iterator<Item = (u32, &'h str)> {
        let names = (1..).zip(&header.fields).map(|(number, name)| (number, name.as_str()));
        names.filter(|(_, name)| !name.is_empty() && self.pattern.is_match(name))
    }

    /// The columns of a file that are rows; `numbers` are those that have cells from `first` on.
    fn columns(&self, header: &Header, numbers: &[u32], first: usize) -> Vec<UnpivotedColumn> {
        let column = |(row, (number, name)): (u32, (u32, &str))| {
            let captures = self.pattern.captures(name);
            let group = |(cell, group): &(usize, String)| {
                let text = captures.as_ref().and_then(|captures| captures.name(group));
                (*cell, text.map(|text| text.as_str().into()))
            };
            let whole = self.name.map(|cell| (cell, Some(name.into())));
            let place = numbers.binary_search(&number).unwrap_or(usize::MAX - first);
            let overlay = CellOverlay {
                row,
                texts: whole.into_iter().chain(self.groups.iter().map(group)).collect(),
                moved: (self.value.unwrap_or(usize::MAX), first + place),
            };
            UnpivotedColumn { number, name: name.to_owned(), overlay }
        };
        (1..).zip(self.matched(header)).map(column).collect()
    }

    /// What stands against a file's header.
    pub(super) fn check(&self, header: &Header, file: &str, findings: &mut Vec<Finding>) {
        let find = |message: String| Finding::new("bind.unpivot", self.place.clone(), message);
        if header.listing != Listing::All {
            let message = format!("`{file}` has no header that names all its fields");
            findings.push(find(message).hint("`unpivot` is for tables: CSV, sheets, shapefiles"));
            return;
        }
        let matched: Vec<_> = self.matched(header).collect();
        if matched.is_empty() {
            let message = format!("no column of `{file}` has a name that matches");
            findings.push(find(message).hint(format!("it has {}", listed(&header.fields))));
        }
        if matched.len() > ROWS_MAX {
            findings.push(find(format!("more than {ROWS_MAX} columns of `{file}` match")));
        }
        for (number, name) in matched {
            let of_record = [FieldRef::Name(name.to_owned()), FieldRef::Number(number)];
            if of_record.iter().any(|field| self.read.contains(field)) {
                let message = format!("`{name}` matches, and is a field of the record as well");
                findings.push(find(message).hint("narrow the pattern"));
            }
        }
        for name in self.names.iter().filter(|name| header.fields.contains(name)) {
            let message = format!("`{file}` has a column named `{name}` itself");
            findings.push(find(message).hint("give the rows' field another name"));
        }
    }
}

/// Proves what columns make of the names in a header; `first` is the cell of the first column.
pub(super) fn check_names(
    target: &TargetPlan,
    (header, file): (&Header, &str),
    findings: &mut Vec<Finding>,
) {
    let Some(unpivot) = &target.unpivot else { return };
    unpivot.check(header, file, findings);
    let named: Vec<usize> =
        unpivot.name.into_iter().chain(unpivot.groups.iter().map(|(cell, _)| *cell)).collect();
    let mut batch = RecordBatch::default();
    batch.end_record(Position::default(), (0, 0));
    for column in unpivot.columns(header, &[], 0) {
        for transform in &target.columns {
            let cells = transform.cells();
            if cells.is_empty() || !cells.iter().all(|cell| named.contains(cell)) {
                continue;
            }
            let (arena, mut notes, mut violations) =
                (Bump::new(), GeometryNotes::default(), Vec::new());
            for record in batch.records() {
                let row = record.overlaid(&column.overlay);
                transform.apply(&row, &arena, &mut notes, &mut violations);
            }
            findings.extend(violations.into_iter().map(|violation| {
                let at =
                    if header.line > 0 { format!("line {}, ", header.line) } else { String::new() };
                let message = format!(
                    "`{file}`, {at}{column}: the name does not fit `{}`: {}",
                    violation.column, violation.message
                );
                Finding::new("bind.unpivot_header", unpivot.place.clone(), message)
                    .hint("correct the header, or narrow the pattern")
            }));
        }
    }
}

/// Where a file of a source has what the plan asks for; what it lacks was found by binding.
pub fn file_layout(plan: &Plan, source: usize, header: &Header, file: &str) -> FileLayout {
    let SourcePlan { fields, rest, unpivoted_cells, .. } = &plan.sources[source];
    let mut projection = file_projection(fields, *rest, header, file, &mut Vec::new());
    let unpivot = |target| -> Option<&UnpivotPlan> { of_source(target, source)?.unpivot.as_ref() };
    let numbers = unpivoted_numbers(plan.targets.iter().filter_map(unpivot), header);
    let first = fields.len();
    projection.fields.extend(numbers.iter().map(|number| FieldRef::Number(*number)));
    projection.fields.resize(first + unpivoted_cells, NOWHERE);
    let columns = |target| {
        let unpivot = unpivot(target);
        unpivot.map_or_else(Vec::new, |unpivot| unpivot.columns(header, &numbers, first))
    };
    FileLayout { unpivoted: plan.targets.iter().map(columns).collect(), projection }
}

fn of_source(target: &TargetPlan, source: usize) -> Option<&TargetPlan> {
    (target.source == source).then_some(target)
}
