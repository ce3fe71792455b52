//! The plan as text, for `longshore plan`.

use std::fmt::Write;

use super::{Plan, SourcePlan, TargetPlan};
use crate::{
    load::{
        CountLimit, DuplicateRule, LoadColumn, LoadMode, LoadTarget, Lookup, SetRuleKind, TermValue,
    },
    schema::PgType,
    source::bundle::Delivered,
};

/// What a run would do: sources, splits, staging, merge; `files` with their bytes.
pub fn explain(plan: &Plan, files: &[(&str, u64)], split_bytes: usize) -> String {
    let mut text = format!("pipeline {}\n\nsources\n", plan.pipeline);
    for (name, bytes) in files {
        let splits = match bytes.div_ceil(split_bytes as u64).max(1) {
            1 => "one split".to_owned(),
            splits => format!("about {splits} splits of {split_bytes} bytes"),
        };
        let _ = writeln!(text, "  {name}: {bytes} bytes, {splits}");
    }
    for source in &plan.sources {
        explain_source(&mut text, source);
    }
    for target in &plan.targets {
        explain_target(&mut text, target, &plan.sources[target.source]);
    }
    let rejected = plan.rejected_limit.map_or_else(|| "none".to_owned(), |at| limit(at, "records"));
    let _ = write!(text, "\nlimit on rejections: {rejected}");
    if plan.targets.iter().any(|target| target.load.mode.deletes()) {
        let deleted = limit(plan.deleted_limit.unwrap_or(CountLimit::DELETED_DEFAULT), "rows");
        let _ = write!(text, "\nlimit on deletions, in all and in each scope: {deleted}");
    }
    let orders = |target: &TargetPlan| target.load.mode == LoadMode::Operations;
    if plan.targets.iter().any(orders) {
        let ordered = plan.deleted_limit.map_or_else(|| "none".to_owned(), |at| limit(at, "rows"));
        let _ = write!(text, "\nlimit on deletions that records order: {ordered}");
    }
    text
}

fn explain_source(text: &mut String, source: &SourcePlan) {
    let _ = match source.name.as_str() {
        "" => writeln!(text, "\nfields"),
        name => writeln!(text, "\nfields of {name} ({})", source.delivered.word()),
    };
    for (index, field) in source.fields.iter().enumerate() {
        let names: Vec<String> = field.names.iter().map(ToString::to_string).collect();
        let optional = match field.row_of {
            Some(_) => " (of an unpivoted row)",
            None if field.optional => " (may be missing)",
            None => "",
        };
        let _ = writeln!(text, "  {index}: {}{optional}", names.join(" or "));
    }
    if source.rest {
        let _ = writeln!(
            text,
            "  {}: all others, as JSON",
            source.fields.len() + source.unpivoted_cells
        );
    }
}

fn limit(limit: CountLimit, of: &str) -> String {
    match limit {
        CountLimit::Count(count) => format!("{count} {of}"),
        CountLimit::Share(share) => format!("{} % of the {of}", share * 100.0),
    }
}

fn explain_target(text: &mut String, target: &TargetPlan, source: &SourcePlan) {
    let load = &target.load;
    let _ = writeln!(text, "\ntarget {}", load.table.name);
    if !source.name.is_empty() {
        let absent = match source.delivered {
            Delivered::Absent => ", which is absent: nothing is touched",
            Delivered::Bulk | Delivered::Delta => "",
        };
        let _ = writeln!(text, "  from {}{absent}", source.name);
    }
    let _ = writeln!(text, "  {}", mode(load, &key(target)));
    let _ = writeln!(text, "  {}", duplicates(target));
    if target.unpivot.is_some() {
        text.push_str("  a record is a row for each of its unpivoted columns\n");
    }
    if target.filter.is_some() {
        text.push_str("  only records that pass `when`\n");
    }
    if target.departures.is_some() {
        text.push_str("  records that say their row is deleted are left out: it is absent then\n");
    }
    for column in &load.columns {
        let _ = writeln!(text, "  {}", explain_column(column));
    }
    for check in &load.checks {
        let warns = if check.warns { ", else a warning" } else { "" };
        let _ = writeln!(text, "  check: {}{warns}", check.sql);
    }
    for rule in &load.set_rules {
        let warns = if rule.warns { ", else a warning" } else { "" };
        let _ = writeln!(text, "  {}{warns}", set_rule(load, &rule.says));
    }
}

fn set_rule(load: &LoadTarget, says: &SetRuleKind) -> String {
    let within = |columns: &[usize]| match columns {
        [] => String::new(),
        _ => format!(" with the same {}", names(load, columns)),
    };
    match says {
        SetRuleKind::Overlap { column, within: shared, tolerance } => format!(
            "no two rows{} overlap in {} by more than {tolerance}",
            within(shared),
            names(load, &[*column])
        ),
        SetRuleKind::Gap { column, within: shared, tolerance, largest } => {
            let largest = largest.map_or_else(String::new, |largest| format!(", up to {largest}"));
            let column = names(load, &[*column]);
            format!("no gap in {column} between rows{} above {tolerance}{largest}", within(shared))
        }
        SetRuleKind::Area { column, declared, percent, tolerance } => format!(
            "{} is the area of {} within {percent} percent or {tolerance}",
            names(load, &[*declared]),
            names(load, &[*column])
        ),
        SetRuleKind::Total { sql, by, equals, tolerance } => format!(
            "{sql} sums to {equals} within {tolerance} over rows with the same {}",
            names(load, by)
        ),
        SetRuleKind::Inside { column, table, area, tolerance, .. } => {
            format!("{} lies inside {area} of {table} within {tolerance}", names(load, &[*column]))
        }
    }
}

fn key(target: &TargetPlan) -> String {
    names(&target.load, &target.load.key)
}

fn mode(load: &LoadTarget, key: &str) -> String {
    match &load.mode {
        LoadMode::Append => "append: every record is inserted".to_owned(),
        LoadMode::Insert => {
            format!("insert: new keys ({key}) only, rows that are there stay as they are")
        }
        LoadMode::Upsert => {
            format!("upsert: new keys ({key}) are inserted, rows that differ are updated")
        }
        LoadMode::Operations => format!(
            "upsert by operation: new keys ({key}) are inserted, rows that differ are updated, and deleted where a record says so"
        ),
        LoadMode::History(validity) => format!(
            "history: a version ({key}) that differs from the one valid then is inserted, `{}` follows",
            validity.valid_to
        ),
        LoadMode::Mirror { whole: false, .. } => {
            format!("mirror, of which only records are here: as upsert ({key})")
        }
        LoadMode::Mirror { scope, soft, .. } => {
            let within = match scope[..] {
                [] => String::new(),
                _ => format!(" that share {} with a record", names(load, scope)),
            };
            let how = match soft {
                Some(soft) => format!("marked in `{}`", soft.column.name),
                None => "deleted".to_owned(),
            };
            format!("mirror: as upsert ({key}), and rows{within} whose key is absent are {how}")
        }
        LoadMode::Replace if key.is_empty() => {
            "replace: rows that are not in the files are deleted, whole rows being compared"
                .to_owned()
        }
        LoadMode::Replace => {
            format!("replace: as upsert ({key}), and rows whose key is absent are deleted")
        }
    }
}

fn names(load: &LoadTarget, columns: &[usize]) -> String {
    let names = columns.iter().map(|index| load.columns[*index].column.name.as_str());
    names.collect::<Vec<_>>().join(", ")
}

fn duplicates(target: &TargetPlan) -> String {
    if target.load.key.is_empty() {
        return "duplicates are not looked for".to_owned();
    }
    match target.load.duplicates {
        DuplicateRule::Identical => {
            "records with the same key: copies count once, records that differ are rejected"
                .to_owned()
        }
        DuplicateRule::First => "records with the same key: the first is loaded".to_owned(),
        DuplicateRule::Last => "records with the same key: the last is loaded".to_owned(),
        DuplicateRule::Reject => "records with the same key: all are rejected".to_owned(),
        DuplicateRule::Max(column) => {
            format!(
                "records with the same key: the greatest `{}` is loaded",
                target.load.columns[column].column.name
            )
        }
    }
}

fn explain_lookup(lookup: &Lookup) -> String {
    let ways = lookup.ways.iter().map(|way| {
        let terms = way.terms.iter().map(|term| match &term.value {
            TermValue::Lookup(lookup) => {
                format!("{} ({})", term.column.name, explain_lookup(lookup))
            }
            _ => term.column.name.clone(),
        });
        let terms = terms.collect::<Vec<_>>().join(", ");
        format!("{}.{} by {terms}", way.table, way.take.name)
    });
    ways.collect::<Vec<_>>().join(", or ")
}

fn explain_column(column: &LoadColumn) -> String {
    let from = match (&column.computed, &column.lookup) {
        (Some(sql), _) => format!("computed: {sql}"),
        (None, Some(lookup)) => format!("looked up: {}", explain_lookup(lookup)),
        (None, None) if column.drawn => {
            "drawn from its default for new rows, before lookups take it".to_owned()
        }
        (None, None) => "staged".to_owned(),
    };
    let null = if column.column.not_null { ", not null" } else { "" };
    let unique = if column.unique { ", unique in the run" } else { "" };
    let sensitive = if column.sensitive { ", sensitive" } else { "" };
    let geometry = match &column.column.pg_type {
        PgType::Geometry(shape) | PgType::Geography(shape) => format!(", SRID {}", shape.srid),
        _ => String::new(),
    };
    format!(
        "{} {}: {from}{null}{unique}{sensitive}{geometry}",
        column.column.name, column.column.type_sql
    )
}
