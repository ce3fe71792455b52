//! What rows with something in common sum to.
//!
//! Which of them is wrong nobody knows, so all records of a group are found. Groups in which
//! the run writes nothing are not looked at, nor, a second time, those that nobody has left.

use super::{
    super::{Failing, Judge, OF_DEFINITION, Reason, not_rejected},
    Look, Noted,
    rows::part,
};
use crate::{error::Result, load::LoadMode, postgres::sql::quote_identifier};

impl Judge<'_> {
    pub(super) async fn check_totals(
        &self,
        (sql, by): (&str, &[usize]),
        equals: f64,
        tolerance: f64,
        (noted, look): (Noted, Look),
    ) -> Result<()> {
        let columns: Vec<String> = by
            .iter()
            .map(|index| quote_identifier(&self.load.columns[*index].column.name))
            .collect();
        let mut parts = vec![format!("({sql}\n)::numeric")];
        parts.extend(columns.iter().cloned());
        let shared: Vec<String> = (1..parts.len()).map(part).collect();
        let same = |left: &str, right: &str| {
            let equal = |name: &String| format!("{left}.{name} = {right}.{name}");
            shared.iter().map(equal).collect::<Vec<_>>().join(" and ")
        };
        let names = columns.join(", ");
        let message =
            format!("rows with the same {names} do not sum to {equals} within {tolerance}")
                .replace('"', "`");
        let reason = Reason { code: "rule.total", column: "", message: &message };
        let among = format!("({names}) in ({})", self.groups_to_look_at(&columns, look));
        let insert = format!(
            "with records as materialized ({written}),
             off as (select {shared} from (select * from records union all {staying}) every
               group by {shared} having abs(sum({value}) - {equals}) > {tolerance} or count({value}) < count(*))
             {insert}, null, null from records s join off o on {same}",
            written = self.written_among(&parts, &among),
            staying = self.staying(&parts, &among),
            shared = shared.join(", "),
            value = part(0),
            insert = noted.insert_with(self, &reason),
            same = same("s", "o"),
        );
        let failing = Failing { rows: &self.rows(), ..OF_DEFINITION };
        self.run_or_find_offenders(&insert, &format!("({sql}\n)::numeric"), &failing)
            .await
            .map(drop)
    }

    /// Which groups may be off, as a query: those in which the run writes. Once those have been
    /// looked at, only rejected records change them: what these leave, and what they leave behind.
    fn groups_to_look_at(&self, columns: &[String], look: Look) -> String {
        let names = columns.join(", ");
        let of_run = format!("select {names} from {} s", self.rows());
        let (mode, appends) = (&self.load.mode, self.load.mode == LoadMode::Append);
        let rows_are_known = appends || !self.load.key.is_empty() && !mode.deletes();
        if look != Look::AfterRejections || !rows_are_known {
            return of_run;
        }
        let left = format!("{of_run} where not ({})", not_rejected(self.staging, self.target));
        if appends {
            return left;
        }
        let theirs: Vec<String> = columns.iter().map(|name| format!("t.{name}")).collect();
        format!("{left} union all select {} {}", theirs.join(", "), self.left_behind())
    }
}
