//! Rules on rows together: names of the definition become indexes, and geometry has to be one.

use crate::{
    definition::{Policy, TargetDefinition, split_table},
    diagnostic::{Finding, Place, did_you_mean},
    load::{LoadColumn, SetRule, SetRuleKind},
    schema::{PgType, TableName},
};

/// What the rules of a target are bound to.
pub(super) struct SetRuleInput<'a> {
    pub(super) target: &'a TargetDefinition,
    pub(super) columns: &'a [LoadColumn],
    pub(super) table_names: &'a [String],
    pub(super) place: &'a Place,
}

/// The rules in the order they are judged: of single rows, of neighbours, of sums.
pub(super) fn bind_set_rules(
    input: &SetRuleInput<'_>,
    findings: &mut Vec<Finding>,
) -> Vec<SetRule> {
    let mut rules = Vec::new();
    let mut add = |says: Option<SetRuleKind>, policy: Policy| {
        rules.extend(says.map(|says| SetRule { says, warns: policy == Policy::Warn }));
    };
    let target = input.target;
    for (index, rule) in target.area.iter().enumerate() {
        let place = input.place.key("area").index(index);
        let declared = input.index(&rule.declared);
        let column = input.geometry(&rule.column, &place, findings);
        let (percent, tolerance) = (rule.percent, rule.tolerance);
        let says = column.zip(declared).map(|(column, declared)| SetRuleKind::Area {
            column,
            declared,
            percent,
            tolerance,
        });
        add(says, rule.policy);
    }
    for (index, rule) in target.inside.iter().enumerate() {
        let place = input.place.key("inside").index(index);
        let column = input.geometry(&rule.column, &place, findings);
        let table = input.table(&rule.table, &place, findings);
        let same = rule.matching.iter();
        let same = same.filter_map(|(theirs, ours)| Some((theirs.clone(), input.index(ours)?)));
        let (area, same, tolerance) = (rule.area.clone(), same.collect(), rule.tolerance);
        let says = column.zip(table).map(|(column, table)| SetRuleKind::Inside {
            column,
            table,
            area,
            same,
            tolerance,
        });
        add(says, rule.policy);
    }
    for (index, rule) in target.overlap.iter().enumerate() {
        let place = input.place.key("overlap").index(index);
        let column = input.geometry(&rule.column, &place, findings);
        let (within, tolerance) = (input.indexes(&rule.within), rule.tolerance);
        let says = column.map(|column| SetRuleKind::Overlap { column, within, tolerance });
        add(says, rule.policy);
    }
    for (index, rule) in target.gap.iter().enumerate() {
        let place = input.place.key("gap").index(index);
        let column = input.geometry(&rule.column, &place, findings);
        let (within, tolerance) = (input.indexes(&rule.within), rule.tolerance);
        let largest = rule.largest;
        let says = column.map(|column| SetRuleKind::Gap { column, within, tolerance, largest });
        add(says, rule.policy);
    }
    for rule in &target.total {
        let (by, equals, tolerance) = (input.indexes(&rule.by), rule.equals, rule.tolerance);
        let says = SetRuleKind::Total { sql: rule.sql.clone(), by, equals, tolerance };
        add(Some(says), rule.policy);
    }
    rules
}

impl SetRuleInput<'_> {
    /// That names are columns was checked with the definition; what did not bind is reported there.
    fn index(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.column.name == name)
    }

    fn indexes(&self, names: &[String]) -> Vec<usize> {
        names.iter().filter_map(|name| self.index(name)).collect()
    }

    fn geometry(&self, name: &str, place: &Place, findings: &mut Vec<Finding>) -> Option<usize> {
        let index = self.index(name)?;
        let column = &self.columns[index].column;
        if matches!(column.pg_type, PgType::Geometry(_)) {
            return Some(index);
        }
        let message = format!("`{name}` is {}, not geometry", column.type_sql);
        findings.push(Finding::new("bind.not_geometry", place.key("column"), message));
        None
    }

    fn table(&self, name: &str, place: &Place, findings: &mut Vec<Finding>) -> Option<TableName> {
        let (schema, table) = split_table(name).ok()?;
        let found =
            TableName { schema: schema.unwrap_or_else(|| "public".to_owned()), name: table };
        let known = || self.table_names.iter().map(String::as_str);
        if known().any(|known| known == found.to_string()) {
            return Some(found);
        }
        let message = format!("the database has no table `{name}`");
        let finding = Finding::new("bind.no_such_table", place.key("table"), message);
        findings.push(match did_you_mean(name, known()) {
            Some(near) => finding.hint(format!("did you mean `{near}`?")),
            None => finding,
        });
        None
    }
}
