//! Constraints that two rows of a table may break together: unique constraints and indexes
//! (whole, partial, on expressions, with NULLs that are equal), exclusion constraints, keys
//! WITHOUT OVERLAPS. The key that rows are matched by is not among them: `duplicates` has it.

use crate::{
    load::LoadTarget,
    postgres::sql::quote_identifier,
    schema::{Exclusion, ExclusionPart, Generated, UniqueKey},
};

/// One such constraint.
pub(super) struct Exclusive<'a> {
    pub(super) name: &'a str,
    /// What it is called, in messages.
    pub(super) what: &'static str,
    /// The code of a rejection.
    pub(super) code: &'static str,
    /// What is compared, as SQL over the table's columns.
    pub(super) parts: Vec<&'a str>,
    /// The condition on rows that it is about.
    pub(super) predicate: Option<&'a str>,
    /// The columns that parts and predicate need.
    pub(super) uses: &'a [String],
    /// Whether it is checked after a statement or at commit, so that rows may trade values.
    pub(super) deferrable: bool,
    /// Whether the last part is a period, which may not be empty.
    pub(super) temporal: bool,
    comparison: Comparison<'a>,
}

enum Comparison<'a> {
    Equal,
    EqualNullsToo,
    /// By the index that can look for it, of this method.
    Operators(&'a str, &'a [ExclusionPart]),
}

impl<'a> Exclusive<'a> {
    /// All of a target's table.
    pub(super) fn all(load: &'a LoadTarget) -> Vec<Self> {
        let unique = load.table.unique_keys.iter();
        let unique = unique.filter(|unique| !is_key(load, unique) && !is_numbered(load, unique));
        unique.map(Self::unique).chain(load.table.exclusions.iter().map(Self::exclusion)).collect()
    }

    fn unique(unique: &'a UniqueKey) -> Self {
        Self {
            name: &unique.name,
            what: "unique constraint",
            code: "constraint.unique",
            parts: unique.parts.iter().map(String::as_str).collect(),
            predicate: unique.predicate.as_deref(),
            uses: &unique.uses,
            deferrable: unique.deferrable,
            temporal: false,
            comparison: match unique.nulls_not_distinct {
                true => Comparison::EqualNullsToo,
                false => Comparison::Equal,
            },
        }
    }

    fn exclusion(exclusion: &'a Exclusion) -> Self {
        Self {
            name: &exclusion.name,
            what: if exclusion.temporal { "key WITHOUT OVERLAPS" } else { "exclusion constraint" },
            code: "constraint.exclusion",
            parts: exclusion.parts.iter().map(|part| part.sql.as_str()).collect(),
            predicate: exclusion.predicate.as_deref(),
            uses: &exclusion.uses,
            deferrable: exclusion.deferrable,
            temporal: exclusion.temporal,
            comparison: Comparison::Operators(&exclusion.method, &exclusion.parts),
        }
    }

    /// The predicate as a condition.
    pub(super) fn condition(&self) -> String {
        self.predicate.map_or_else(|| "true".to_owned(), |predicate| format!("({predicate})"))
    }

    /// The parts as further columns; bare names in them are the row's.
    pub(super) fn as_columns(&self) -> String {
        let numbered = self.parts.iter().enumerate();
        numbered.map(|(at, sql)| format!(", ({sql}) as {}", part(at))).collect()
    }

    /// The condition that two rows with these columns break the constraint.
    pub(super) fn conflict(&self, left: &str, right: &str) -> String {
        let compare = |at: usize| {
            let name = part(at);
            match &self.comparison {
                Comparison::Equal => format!("{left}.{name} = {right}.{name}"),
                // Unlike `is not distinct from`, this can be hashed.
                Comparison::EqualNullsToo => {
                    format!("array[{left}.{name}] = array[{right}.{name}]")
                }
                Comparison::Operators(_, parts) => {
                    format!("{left}.{name} operator({}) {right}.{name}", parts[at].operator)
                }
            }
        };
        (0..self.parts.len()).map(compare).collect::<Vec<_>>().join(" and ")
    }

    /// The columns to group rows by and the condition that a row `s` can equal another; `None`
    /// where rows have to be compared one by one.
    pub(super) fn grouping(&self) -> Option<(String, String)> {
        let names = || (0..self.parts.len()).map(part);
        let present = match self.comparison {
            Comparison::Equal => names()
                .map(|name| format!("s.{name} is not null"))
                .collect::<Vec<_>>()
                .join(" and "),
            Comparison::EqualNullsToo => "true".to_owned(),
            Comparison::Operators(..) => return None,
        };
        Some((names().collect::<Vec<_>>().join(", "), present))
    }

    /// Whether equal values of this column are among what it takes for a row to stand against
    /// another.
    pub(super) fn compares_equal(&self, name: &str) -> bool {
        let quoted = quote_identifier(name);
        !matches!(self.comparison, Comparison::Operators(..))
            && self.parts.iter().any(|part| *part == name || *part == quoted)
    }

    /// The statement that makes the index which comparing rows one by one needs.
    pub(super) fn index(&self, table: &str) -> String {
        let Comparison::Operators(method, parts) = &self.comparison else { return String::new() };
        let classes = parts.iter().enumerate();
        let classes: Vec<String> =
            classes.map(|(at, one)| format!("{} {}", part(at), one.class)).collect();
        format!("create index on {table} using {method} ({});", classes.join(", "))
    }

    /// The name of the period's column.
    pub(super) fn period(&self) -> String {
        part(self.parts.len().saturating_sub(1))
    }
}

/// The name of a part: two underscores keep it apart from columns, as with the ordinal.
fn part(at: usize) -> String {
    format!("__part_{at}")
}

/// Whether it is on a number alone that the database gives each row anew, here or ahead.
pub(super) fn is_numbered(load: &LoadTarget, unique: &UniqueKey) -> bool {
    let ([name], None) = (&unique.columns[..], &unique.predicate) else { return false };
    match load.columns.iter().find(|column| column.column.name == *name) {
        Some(loaded) => loaded.drawn,
        None => load.table.column(name).is_some_and(|it| it.generated == Generated::IdentityAlways),
    }
}

fn is_key(load: &LoadTarget, unique: &UniqueKey) -> bool {
    let key: Vec<&String> =
        load.key.iter().map(|index| &load.columns[*index].column.name).collect();
    unique.predicate.is_none()
        && key.len() == unique.columns.len()
        && key.iter().all(|name| unique.columns.contains(name))
}
