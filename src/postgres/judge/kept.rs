//! What is known of all rejected records of a target that deletes: they keep their rows.
//!
//! Records rejected before COPY left their key and scope in `refused`; those rejected here
//! join them in `kept`, which then has one line per rejected record of the target.

use super::{Judge, not_rejected};
use crate::{
    error::Result,
    postgres::{
        sql::quote_identifier,
        staging::{KEY_READ, ORDINAL, has_computed},
    },
};

impl Judge<'_> {
    pub(super) async fn keep_rejected(&self) -> Result<()> {
        if !self.load.mode.deletes() {
            return Ok(());
        }
        let kept = self.staging.kept(self.target);
        let found = self.key_is_found();
        let mut parts = vec![
            self.known(true, KEY_READ, &self.staging.refused(self.target), "true"),
            self.known(
                true,
                &found,
                &self.rows(),
                &format!("not ({})", not_rejected(self.staging, self.target)),
            ),
        ];
        if has_computed(self.load) {
            // Its SQL failed, here or for another target: computed values are not known.
            let is_staged = |index: &usize| self.load.columns[*index].is_staged();
            let key_read = self.load.row_key().iter().all(is_staged).to_string();
            let lost = format!(
                "not exists (select from {} c where c.{ORDINAL} = s.{ORDINAL})",
                self.staging.computed(self.target)
            );
            let copied = self.staging.copied(self.target);
            parts.push(self.known(false, &key_read, &copied, &lost));
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

    /// The condition that nothing is missing in the key of row `s` since it was not found.
    fn key_is_found(&self) -> String {
        let row_key = self.load.row_key();
        let columns = row_key.iter().map(|index| &self.load.columns[*index]);
        let found = columns
            .filter(|column| column.lookup.is_some())
            .map(|column| format!("s.{} is not null", quote_identifier(&column.column.name)));
        let found = found.collect::<Vec<_>>().join(" and ");
        if found.is_empty() { "true".to_owned() } else { format!("({found})") }
    }

    /// Lines of `kept`, from rows that have computed columns or do not.
    fn known(&self, computed: bool, key_read: &str, rows: &str, condition: &str) -> String {
        let column = |index: usize| {
            let column = &self.load.columns[index];
            let name = quote_identifier(&column.column.name);
            match !column.is_staged() && !computed {
                true => format!(", null::{} as {name}", column.column.base_type_sql),
                false => format!(", s.{name}"),
            }
        };
        let columns: String = self.load.identifying().into_iter().map(column).collect();
        format!(
            "select s.{ORDINAL}, {key_read} as {KEY_READ}{columns} from {rows} s where {condition}"
        )
    }
}
