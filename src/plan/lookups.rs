//! Lookups: the tables looked into, what is matched, and what is taken.

use super::{
    Plan,
    bind::no_such_table,
    columns::{ColumnBinder, cells},
    fields::{FieldsInUse, listed},
};
use crate::{
    definition::{ColumnDefinition, FieldRef, FromFields, LookupWay as Way, MatchValue},
    diagnostic::{Finding, Place, did_you_mean},
    load::{Lookup, LookupTerm, LookupWay, TermValue},
    schema::{Column, PgType, TableSchema},
    transform::ColumnTransform,
};

/// Numbers the cells of the fields that a column's lookups match by.
pub(super) fn number_matched(
    definition: &ColumnDefinition,
    fields: &mut FieldsInUse,
    place: &Place,
) {
    for way in definition.ways() {
        for (name, value) in way.matching {
            let here = place_of(&way, place).key("match").key(name.clone());
            let column = as_column(value);
            matched_cells(value, &column, fields, &here);
            number_matched(&column, fields, &here);
        }
    }
}

/// Where a way to find the row stands, in the column at `place`.
fn place_of(way: &Way<'_>, place: &Place) -> Place {
    match way.alternative {
        None => place.clone(),
        Some(index) => place.key("or").index(index),
    }
}

/// A source field is a column that is read from it.
fn as_column(value: &MatchValue) -> ColumnDefinition {
    match value {
        MatchValue::Field(field) => ColumnDefinition {
            from: Some(FromFields::One(field.clone())),
            ..ColumnDefinition::default()
        },
        MatchValue::Column(column) => (**column).clone(),
    }
}

fn matched_cells(
    value: &MatchValue,
    column: &ColumnDefinition,
    fields: &mut FieldsInUse,
    place: &Place,
) -> Vec<usize> {
    match value {
        MatchValue::Field(field) => {
            let field: &FieldRef = field;
            vec![fields.cell(field, &[], false, place.clone())]
        }
        MatchValue::Column(_) => cells(column, fields, place),
    }
}

/// Binds one column that is looked up, or what such a lookup matches by.
pub(super) struct LookupBinder<'a> {
    pub(super) columns: &'a ColumnBinder<'a>,
    /// The column that takes the value.
    pub(super) of: &'a Column,
    pub(super) place: &'a Place,
}

impl LookupBinder<'_> {
    /// The lookup; `None` when there were findings. What has to be staged joins `matched`.
    pub(super) fn bind(
        &self,
        definition: &ColumnDefinition,
        (fields, findings): (&mut FieldsInUse, &mut Vec<Finding>),
        matched: &mut Vec<ColumnTransform>,
    ) -> Option<Lookup> {
        let mut ways = Vec::new();
        for way in definition.ways() {
            let sensitive = definition.sensitive;
            ways.push(self.way(&way, sensitive, (fields, findings), matched));
        }
        let required = definition.rules.required;
        Some(Lookup { ways: ways.into_iter().collect::<Option<_>>()?, required })
    }

    fn way(
        &self,
        way: &Way<'_>,
        sensitive: bool,
        (fields, findings): (&mut FieldsInUse, &mut Vec<Finding>),
        matched: &mut Vec<ColumnTransform>,
    ) -> Option<LookupWay> {
        let place = place_of(way, self.place);
        let Some(table) = self.columns.input.looked_up(way.table) else {
            findings.push(no_such_table(
                way.table,
                self.columns.input.table_names,
                place.key("lookup"),
            ));
            return None;
        };
        let take = column_of(table, way.take, &place.key("take"), false, findings);
        if let Some(take) = take.filter(|take| !is_comparable(&take.pg_type, &self.of.pg_type)) {
            let message = format!(
                "`{}` of {} is {}, which `{}` does not hold: it is {}",
                take.name, table.name, take.type_sql, self.of.name, self.of.type_sql
            );
            let hint = "take the column that the foreign key refers to";
            findings.push(Finding::new("bind.lookup_type", place.key("take"), message).hint(hint));
        }
        let mut terms = Vec::new();
        for (name, value) in way.matching {
            let here = place.key("match").key(name.clone());
            let term = Term { binder: self, table, name, value, sensitive, place: &here };
            terms.push(term.bind((fields, findings), matched));
        }
        let terms: Vec<LookupTerm> = terms.into_iter().collect::<Option<_>>()?;
        let is_unique = is_unique(table, &terms);
        Some(LookupWay {
            table: table.name.clone(),
            kind: table.kind,
            terms,
            take: take?.clone(),
            is_unique,
            targets: Vec::new(),
        })
    }
}

/// One column that is matched.
struct Term<'a> {
    binder: &'a LookupBinder<'a>,
    table: &'a TableSchema,
    name: &'a str,
    value: &'a MatchValue,
    sensitive: bool,
    place: &'a Place,
}

impl Term<'_> {
    fn bind(
        &self,
        (fields, findings): (&mut FieldsInUse, &mut Vec<Finding>),
        matched: &mut Vec<ColumnTransform>,
    ) -> Option<LookupTerm> {
        let column = column_of(self.table, self.name, self.place, true, findings)?;
        if matches!(column.pg_type, PgType::Json | PgType::Geometry(_) | PgType::Geography(_)) {
            let message = format!(
                "`{}` of {} is {}, which has no equality",
                column.name, self.table.name, column.type_sql
            );
            let hint = "match by columns of text, numbers or dates";
            findings.push(Finding::new("bind.lookup_type", self.place.clone(), message).hint(hint));
            return None;
        }
        let definition = as_column(self.value);
        let sensitive = self.sensitive || definition.sensitive;
        if definition.lookup.is_some() {
            let binder =
                LookupBinder { columns: self.binder.columns, of: column, place: self.place };
            let lookup = binder.bind(&definition, (fields, findings), matched)?;
            let value = TermValue::Lookup(Box::new(lookup));
            return Some(LookupTerm { column: column.clone(), value, sensitive });
        }
        let cells = matched_cells(self.value, &definition, fields, self.place);
        // Violations are about the column that the lookup is for.
        let named = Column { name: self.binder.of.name.clone(), ..nullable(column) };
        let definition = ColumnDefinition { sensitive, ..definition };
        let environment = self.binder.columns.environment;
        let transform = ColumnTransform::compile(
            &named,
            &definition,
            &cells,
            environment,
            self.place,
            findings,
        )?;
        let number = matched.len();
        matched.push(transform);
        let value = match definition.value {
            Some(_) => TermValue::Constant(number),
            None => TermValue::Record(number),
        };
        Some(LookupTerm { column: nullable(column), value, sensitive })
    }
}

/// What is matched may be NULL, whatever the column it is compared with.
fn nullable(column: &Column) -> Column {
    Column { not_null: false, ..column.clone() }
}

/// A column of the table looked into; one that is not there is a finding.
fn column_of<'t>(
    table: &'t TableSchema,
    name: &str,
    place: &Place,
    at_key: bool,
    findings: &mut Vec<Finding>,
) -> Option<&'t Column> {
    if let Some(column) = table.column(name) {
        return Some(column);
    }
    let message = format!("{} has no column `{name}`", table.name);
    let finding = Finding::new("bind.no_such_column", place.clone(), message);
    let finding = if at_key { finding.at_key() } else { finding };
    let names: Vec<String> = table.columns.iter().map(|column| column.name.clone()).collect();
    findings.push(match did_you_mean(name, names.iter().map(String::as_str)) {
        Some(near) => finding.hint(format!("did you mean `{near}`?")),
        None => finding.hint(format!("it has {}", listed(&names))),
    });
    None
}

/// Whether a column may take the values of another without a cast that can fail.
fn is_comparable(from: &PgType, to: &PgType) -> bool {
    let rank = |pg_type: &PgType| match pg_type {
        PgType::Int2 => Some(0),
        PgType::Int4 => Some(1),
        PgType::Int8 => Some(2),
        _ => None,
    };
    let is_text = |pg_type: &PgType| {
        matches!(pg_type, PgType::Text | PgType::VarChar(_) | PgType::Citext | PgType::Char(_))
    };
    match (rank(from), rank(to)) {
        (Some(from), Some(to)) => from <= to,
        _ => from == to || (is_text(from) && is_text(to)),
    }
}

/// Whether a unique constraint is on exactly the columns matched, for every row.
fn is_unique(table: &TableSchema, terms: &[LookupTerm]) -> bool {
    table.unique_keys.iter().any(|unique| {
        unique.predicate.is_none()
            && !unique.columns.is_empty()
            && unique.columns.iter().all(|name| terms.iter().any(|term| term.column.name == *name))
    })
}

/// What an author should know of lookups, though nothing stands against them: that several rows
/// may be found where no unique constraint is on the columns matched.
pub fn notes(plan: &Plan) -> Vec<String> {
    let columns = plan.targets.iter().flat_map(|target| {
        target.load.columns.iter().map(move |column| (&target.load.table.name, column))
    });
    let notes = columns.filter_map(|(table, column)| {
        let ways = column.lookup.as_ref()?.all_ways();
        let ways = ways.into_iter().filter(|way| !way.is_unique);
        Some(ways.map(move |way| {
            let names: Vec<String> =
                way.terms.iter().map(|term| term.column.name.clone()).collect();
            format!(
                "`{}` of {table} is looked up in {} by {}, which no unique constraint is on: records that find several rows are rejected",
                column.column.name,
                way.table,
                listed(&names)
            )
        }))
    });
    notes.flatten().collect()
}
