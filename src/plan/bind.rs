//! Binding: definition + headers + catalog → plan. Pure: what it needs is handed in.

use super::{
    Plan, SourcePlan, TargetPlan,
    columns::{ColumnBinder, number_cells},
    deletion::ModeBinder,
    fields::{FieldsInUse, file_projection},
    keys::{bind_duplicates, bind_key},
    order,
    set_rules::{SetRuleInput, bind_set_rules},
    unpivot::{UnpivotPlan, bind_unpivot, check_names, row_fields, unpivoted_numbers},
};
use crate::{
    definition::{
        CheckDefinition, CodeListFile, FieldRef, ImportDefinition, Limit, Policy, SourceDefinition,
        TargetDefinition, UnresolvedRule, split_table, undo_hours,
    },
    diagnostic::{Finding, Place, did_you_mean},
    error::Result,
    load::{CountLimit, LoadCheck, LoadMode, LoadTarget, Unresolved},
    schema::{RelationKind, TableSchema},
    source::{Header, bundle::Delivered},
    transform::{CompileEnvironment, Operations, RowFilter},
};

/// What a definition is bound to.
pub struct BindInput<'a> {
    /// The pipeline's name.
    pub pipeline: &'a str,
    /// The definition.
    pub definition: &'a ImportDefinition,
    /// The header of each file.
    pub headers: &'a [FileHeader],
    /// Per source: what the delivery says of it.
    pub delivered: &'a [Delivered],
    /// Per target: the table, `None` where the database has none of that name. After them those
    /// of [`ImportDefinition::lookup_tables`].
    pub tables: &'a [Option<TableSchema>],
    /// Names of tables that exist, for hints.
    pub table_names: &'a [String],
    /// Per source: the coordinate reference system its files themselves declare.
    pub crs: &'a [Option<&'a str>],
    /// The day that `today` means.
    pub today: jiff::civil::Date,
    /// Gives the bytes of a code list's file.
    pub code_list: &'a dyn Fn(&CodeListFile) -> Result<Vec<u8>>,
}

/// What a file offers.
pub struct FileHeader {
    /// Its name for messages.
    pub file: String,
    /// Which of the definition's sources it is one of.
    pub source: usize,
    /// Its fields.
    pub header: Header,
}

impl BindInput<'_> {
    /// The table that lookups look into by this name; `None` where the database has none.
    pub(super) fn looked_up(&self, name: &str) -> Option<&TableSchema> {
        let tables = self.definition.lookup_tables();
        let at = tables.iter().position(|table| *table == name)?;
        self.tables.get(self.definition.targets.len() + at)?.as_ref()
    }
}

/// Makes the plan, or says everything that stands against it.
///
/// # Errors
/// All findings, in no particular order.
pub fn bind(input: &BindInput<'_>) -> Result<Plan, Vec<Finding>> {
    let mut findings = Vec::new();
    let mut targets = Vec::new();
    let binders = TargetBinder::all(input);
    let mut fields: Vec<_> =
        input.definition.sources().iter().map(|_| FieldsInUse::default()).collect();
    // All fields are numbered before any column is compiled: the cell after them is the rest's.
    binders.iter().for_each(|binder| binder.number_fields(&mut fields[binder.source]));
    let unpivots: Vec<_> =
        binders.iter().map(|binder| binder.unpivot(&fields[binder.source])).collect();
    let cells: Vec<usize> = (0..fields.len())
        .map(|source| unpivoted_cells(input, &binders, &unpivots, source))
        .collect();
    for ((index, binder), unpivot) in binders.iter().enumerate().zip(unpivots) {
        let table = input.tables.get(index).and_then(Option::as_ref);
        let fields = &mut fields[binder.source];
        let rest_cell = fields.fields.len() + cells[binder.source];
        fields.ask_for(index, row_fields(binder.target));
        targets.extend(binder.bind(table, (fields, rest_cell), unpivot, &mut findings));
    }
    let sources = source_plans(input, &binders, fields, &cells);
    for FileHeader { file, source, header } in input.headers {
        let SourcePlan { fields, rest, .. } = &sources[*source];
        file_projection(fields, *rest, header, file, &mut findings);
        for target in targets.iter().filter(|target| target.source == *source) {
            check_names(target, (header, file), &mut findings);
        }
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    let targets = order::sorted(targets, &mut findings);
    let targets = order::linked(targets, &mut findings);
    if !findings.is_empty() {
        return Err(findings);
    }
    Ok(Plan {
        pipeline: input.pipeline.to_owned(),
        sources,
        targets,
        rejected_limit: input.definition.limits.rejected.as_ref().and_then(count_limit),
        deleted_limit: input.definition.limits.deleted.as_ref().and_then(count_limit),
    })
}

/// How many columns of a source are rows, in the file that has the most of them.
fn unpivoted_cells(
    input: &BindInput<'_>,
    binders: &[TargetBinder<'_>],
    unpivots: &[Option<UnpivotPlan>],
    source: usize,
) -> usize {
    let headers = input.headers.iter().filter(|header| header.source == source);
    let cells = |of: &FileHeader| {
        let targets = binders.iter().zip(unpivots).filter(|(binder, _)| binder.source == source);
        unpivoted_numbers(targets.filter_map(|(_, unpivot)| unpivot.as_ref()), &of.header).len()
    };
    headers.map(cells).max().unwrap_or(0)
}

fn source_plans(
    input: &BindInput<'_>,
    binders: &[TargetBinder<'_>],
    fields: Vec<FieldsInUse>,
    unpivoted_cells: &[usize],
) -> Vec<SourcePlan> {
    let takes_rest = |binder: &TargetBinder<'_>| binder.target.columns.values().any(|it| it.rest);
    let plan = |(source, fields): (usize, FieldsInUse)| SourcePlan {
        name: input.definition.files.get(source).map_or_else(String::new, |it| it.name.clone()),
        delivered: input.delivered.get(source).copied().unwrap_or_default(),
        fields: fields.fields,
        unpivoted_cells: unpivoted_cells[source],
        rest: binders.iter().any(|binder| binder.source == source && takes_rest(binder)),
    };
    fields.into_iter().enumerate().map(plan).collect()
}

struct TargetBinder<'a> {
    input: &'a BindInput<'a>,
    index: usize,
    target: &'a TargetDefinition,
    /// Which of the definition's sources it takes its records from.
    source: usize,
    reading: &'a SourceDefinition,
    place: Place,
}

impl<'a> TargetBinder<'a> {
    fn all(input: &'a BindInput<'a>) -> Vec<Self> {
        let sources = input.definition.sources();
        let binder = |(index, target)| {
            let source = input.definition.source_of(target);
            let place = Place::root().key("target").index(index);
            TargetBinder { input, index, target, source, reading: sources[source], place }
        };
        input.definition.targets.iter().enumerate().map(binder).collect()
    }

    fn unpivot(&self, fields: &FieldsInUse) -> Option<UnpivotPlan> {
        bind_unpivot((self.index, self.target), &self.reading.null, &self.place, fields)
    }

    fn number_fields(&self, fields: &mut FieldsInUse) {
        fields.ask_for(self.index, row_fields(self.target));
        let columns = self.place.key("columns");
        for (name, definition) in &self.target.columns {
            number_cells(definition, fields, &columns.key(name.clone()));
        }
        self.filter_cells(fields);
        self.operations(fields);
    }

    fn operations(&self, fields: &mut FieldsInUse) -> Option<Operations> {
        let operation = self.target.operation.as_ref()?;
        let place = self.place.key("operation").key("from");
        Some(Operations::new(operation, fields.cell(&operation.from, &[], false, place)))
    }

    fn filter_cells(&self, fields: &mut FieldsInUse) -> Vec<usize> {
        let place = self.place.key("when");
        let names = self.target.when.keys();
        names
            .map(|name| {
                fields.cell(&FieldRef::Name(name.clone()), &[], false, place.key(name.clone()))
            })
            .collect()
    }

    fn bind(
        &self,
        table: Option<&TableSchema>,
        (fields, rest_cell): (&mut FieldsInUse, usize),
        unpivot: Option<UnpivotPlan>,
        findings: &mut Vec<Finding>,
    ) -> Option<TargetPlan> {
        let Some(table) = table else {
            findings.push(self.no_such_table());
            return None;
        };
        if let Some(finding) = self.not_a_table(table) {
            findings.push(finding);
            return None;
        }
        let input = self.input;
        let environment = CompileEnvironment {
            source: self.reading,
            crs: input.crs.get(self.source).copied().flatten(),
            today: input.today,
            code_list: input.code_list,
        };
        let (target, place) = (self.target, &self.place);
        let binder =
            ColumnBinder { target, table, place, environment: &environment, rest_cell, input };
        let bound = binder.bind(fields, findings);
        let filter = self.bind_filter(fields, findings);
        let key = bind_key(self.target, table, &bound.columns, &self.place, findings);
        let delivered = input.delivered.get(self.source).copied().unwrap_or_default();
        let (place, today) = (&self.place, environment.today);
        let mode = ModeBinder { target: self.target, table, delivered, place, today };
        let mode = mode.bind(&bound.columns, findings);
        let duplicates = bind_duplicates(self.target, mode.as_ref(), &bound.columns);
        let set_rules = SetRuleInput {
            target: self.target,
            columns: &bound.columns,
            table_names: input.table_names,
            place: &self.place,
        };
        let set_rules = bind_set_rules(&set_rules, findings);
        let load = LoadTarget {
            table: table.clone(),
            mode: mode?,
            columns: bound.columns,
            key,
            duplicates,
            checks: self.checks(),
            set_rules,
            undo_hours: undo_hours(input.definition.limits.undo.as_ref()),
            unresolved: match self.target.unresolved {
                UnresolvedRule::RejectRecord => Unresolved::Record,
                UnresolvedRule::RejectRow => Unresolved::Row,
            },
            is_shared: self.target.shared,
            is_merged: false,
            is_looked_into: false,
            is_unpivoted: unpivot.is_some(),
            range: None,
        };
        let load = LoadTarget { is_merged: load.can_merge(), ..load };
        let ordered = self.operations(fields);
        let (operations, departures) = match load.mode {
            LoadMode::Operations => (ordered, None),
            _ => (None, ordered),
        };
        let (source, columns, matched) = (self.source, bound.transforms, bound.matched);
        Some(TargetPlan {
            source,
            load,
            filter,
            operations,
            departures,
            unpivot,
            columns,
            matched,
            place: self.place.clone(),
        })
    }

    fn checks(&self) -> Vec<LoadCheck> {
        let message = |check: &CheckDefinition| {
            check.message.clone().unwrap_or_else(|| format!("`{}` does not hold", check.sql))
        };
        let checks = self.target.check.iter().map(|check| LoadCheck {
            sql: check.sql.clone(),
            message: message(check),
            warns: check.policy == Policy::Warn,
        });
        checks.collect()
    }

    fn bind_filter(
        &self,
        fields: &mut FieldsInUse,
        findings: &mut Vec<Finding>,
    ) -> Option<RowFilter> {
        if self.target.when.is_empty() {
            return None;
        }
        let place = self.place.key("when");
        let cells = self.filter_cells(fields);
        RowFilter::compile(&self.target.when, &cells, &self.reading.null, &place, findings)
    }

    fn no_such_table(&self) -> Finding {
        no_such_table(&self.target.table, self.input.table_names, self.place.key("table"))
    }

    fn not_a_table(&self, table: &TableSchema) -> Option<Finding> {
        let (what, hint) = match table.kind {
            RelationKind::Table | RelationKind::Partitioned => return None,
            RelationKind::View => (
                "a view, of which nobody can count what a write did, INSTEAD OF trigger or not",
                "name the table below it",
            ),
            RelationKind::MaterializedView => {
                ("a materialised view, which only its query fills", "name the tables below it")
            }
            RelationKind::Foreign => ("a foreign table", "load it where it lives"),
            RelationKind::Temporary => (
                "a temporary table, which only the session that made it can use",
                "make it a table that stays",
            ),
        };
        let message = format!("`{}` is {what}", self.target.table);
        Some(Finding::new("bind.not_a_table", self.place.key("table"), message).hint(hint))
    }
}

/// The finding for a table that the database does not have.
pub(super) fn no_such_table(table: &str, names: &[String], place: Place) -> Finding {
    let message = format!("the database has no table `{table}`");
    let finding = Finding::new("bind.no_such_table", place, message);
    let names = || names.iter().map(String::as_str);
    let same_name = names().find(|name| is_elsewhere(name, table));
    match same_name.or_else(|| did_you_mean(table, names())) {
        Some(near) => finding.hint(format!("did you mean `{near}`?")),
        None => finding.hint("`longshore migrate up` creates the tables of `migrations/`"),
    }
}

/// Whether `known` has the same name in another schema or other case, as it has when the schema
/// is left out or wrong, or quotes are missing.
fn is_elsewhere(known: &str, wanted: &str) -> bool {
    let table = |name| split_table(name).map(|(_, table)| table.to_lowercase());
    table(known).is_ok_and(|known| table(wanted) == Ok(known))
}

/// The limit as a number; its spelling was checked with the definition.
pub fn count_limit(limit: &Limit) -> Option<CountLimit> {
    match limit {
        Limit::Count(count) => Some(CountLimit::Count(*count)),
        Limit::Share(text) => {
            let percent: f64 = text.trim_end_matches('%').trim().parse().ok()?;
            Some(CountLimit::Share(percent / 100.0))
        }
    }
}
