//! What staging says of the records it rejected, for targets that delete.
//!
//! Records rejected before COPY left their key and scope in the table `kept`; those rejected
//! here join them. Afterwards it has one line per rejected record of the target.

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
        let mut script =
            self.keep("true", &self.rows(), true, &format!("not ({})", not_rejected(self.staging)));
        if has_computed(self.load) {
            // Its SQL failed, here or for another target: computed values are not known.
            let key_is_staged =
                self.load.key.iter().all(|index| self.load.columns[*index].computed.is_none());
            let lost = format!(
                "not exists (select from {} c where c.{ORDINAL} = s.{ORDINAL})",
                self.staging.computed(self.target)
            );
            let copied = self.staging.copied(self.target);
            script.push_str(&self.keep(&key_is_staged.to_string(), &copied, false, &lost));
        }
        script.push_str(&format!("analyze {kept}"));
        self.execute(&script, "note rejected keys").await
    }

    fn keep(&self, is_read: &str, rows: &str, computed: bool, condition: &str) -> String {
        let columns = self.load.identifying().into_iter().map(|index| &self.load.columns[index]);
        let known: Vec<String> = columns
            .filter(|column| computed || column.computed.is_none())
            .map(|column| quote_identifier(&column.column.name))
            .collect();
        let values: String = known.iter().map(|name| format!(", s.{name}")).collect();
        let known: String = known.iter().map(|name| format!(", {name}")).collect();
        let kept = self.staging.kept(self.target);
        format!(
            "insert into {kept} ({ORDINAL}, {KEY_READ}{known})
               select s.{ORDINAL}, {is_read}{values} from {rows} s where {condition};\n"
        )
    }
}
