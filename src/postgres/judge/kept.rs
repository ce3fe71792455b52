//! What is known of all rejected records of a target that deletes: they keep their rows.
//!
//! Records rejected before COPY left their key and scope in `refused`; those rejected here
//! join them in `kept`, which then has one line per rejected record of the target, and one for
//! each cell that was empty in a record of several rows: it is not cleared with the others rejected.

use super::{Judge, not_rejected};
use crate::{
    error::Result,
    load::LoadColumn,
    outcome::ROW_BITS,
    postgres::{
        sql::{quote_identifier, quote_literal},
        staging::{EMPTIED, KEY_READ, ORDINAL, has_computed},
    },
};

/// Whether a line's columns that are computed have what their SQL gives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Computed {
    /// They have no value.
    Missing,
    /// They have, unless it was made of something that was not found.
    Judged,
}

impl Judge<'_> {
    pub(super) async fn keep_rejected(&self) -> Result<()> {
        if !self.load.mode.deletes() {
            return Ok(());
        }
        let kept = self.staging.kept(self.target);
        let mut parts = vec![
            self.refused(),
            self.known(
                Computed::Judged,
                &self.rows(),
                &format!("not ({})", not_rejected(self.staging, self.target)),
            ),
        ];
        if has_computed(self.load) {
            // Its SQL failed, here or for another target: computed values are not known.
            let lost = format!(
                "not exists (select from {} c where c.{ORDINAL} = s.{ORDINAL})",
                self.staging.computed(self.target)
            );
            parts.push(self.known(Computed::Missing, &self.staging.copied(self.target), &lost));
        }
        let script = format!(
            "drop table if exists {kept};
             create unlogged table {kept} with (autovacuum_enabled = false) as {};
             analyze {kept}",
            parts.join(" union all ")
        );
        self.execute(&script, "note rejected keys").await?;
        Ok(())
    }

    /// Lines that were written before COPY; of empty cells only those of rejected records.
    fn refused(&self) -> String {
        let columns: String = self
            .load
            .identifying()
            .into_iter()
            .map(|index| format!(", s.{}", quote_identifier(&self.load.columns[index].column.name)))
            .collect();
        let rejected = match self.load.is_unpivoted {
            false => "true".to_owned(),
            true => format!(
                "(s.{EMPTIED} < 2 or s.{ORDINAL} >> {ROW_BITS} in (select e.ordinal >> {ROW_BITS}
                   from {} e where e.kind = 'rejected'))",
                self.staging.excluded()
            ),
        };
        format!(
            "select s.{ORDINAL}, s.{KEY_READ}, s.{EMPTIED}{columns} from {} s where {rejected}",
            self.staging.refused(self.target)
        )
    }

    /// Lines of `kept` for staged rows. A key is read where no part of it is missing: a part that
    /// is looked up may not be found, and then says nothing of which row it is.
    fn known(&self, computed: Computed, rows: &str, condition: &str) -> String {
        let named = |index: usize| {
            let column = &self.load.columns[index];
            (quote_identifier(&column.column.name), self.known_value(column, computed))
        };
        let row_key = self.load.row_key();
        let read = row_key.iter().map(|index| format!("{} is not null", named(*index).1));
        let read: Vec<String> = read.collect();
        let read = if read.is_empty() { "true".to_owned() } else { read.join(" and ") };
        let columns = self.load.identifying().into_iter().map(named);
        let columns: String = columns.map(|(name, value)| format!(", {value} as {name}")).collect();
        format!(
            "select s.{ORDINAL}, ({read}) as {KEY_READ}, 0::smallint as {EMPTIED}{columns}
             from {rows} s where {condition}"
        )
    }

    /// What is known of a column of row `s`.
    fn known_value(&self, column: &LoadColumn, computed: Computed) -> String {
        let name = quote_identifier(&column.column.name);
        let value = format!("s.{name}");
        if !column.is_staged() && computed == Computed::Missing {
            return format!("null::{}", column.column.base_type_sql);
        }
        match (&column.computed, self.not_found()) {
            // SQL over what is missing may say anything: `coalesce`, `concat`.
            (Some(_), Some(not_found)) => {
                format!("(case when not {not_found} then {value} end)")
            }
            _ => value,
        }
    }

    /// The condition that something is wrong with what was looked up for row `s`; `None` where
    /// nothing is.
    fn not_found(&self) -> Option<String> {
        let looked_up = self.load.columns.iter().filter(|column| column.lookup.is_some());
        let names: Vec<String> =
            looked_up.map(|column| quote_literal(&column.column.name)).collect();
        (!names.is_empty()).then(|| {
            format!(
                "exists (select from {} e where e.ordinal = s.{ORDINAL} and e.target = {}
                   and e.column_name in ({}))",
                self.staging.excluded(),
                self.target,
                names.join(", ")
            )
        })
    }
}
