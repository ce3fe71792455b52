//! What rows with something in common sum to.
//!
//! Which of them is wrong nobody knows, so all records of a group are found. Groups in which
//! the run writes nothing are not looked at.

use super::{
    super::{Failing, Judge, OF_DEFINITION, Reason},
    Noted,
    rows::part,
};
use crate::{error::Result, postgres::sql::quote_identifier};

impl Judge<'_> {
    pub(super) async fn check_totals(
        &self,
        (sql, by): (&str, &[usize]),
        equals: f64,
        tolerance: f64,
        noted: Noted,
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
        let in_run = format!("({names}) in (select {names} from {} s)", self.rows());
        let insert = format!(
            "with records as materialized ({written}),
             off as (select {shared} from (select * from records union all {staying}) every
               group by {shared} having abs(sum({value}) - {equals}) > {tolerance} or count({value}) < count(*))
             {insert}, null, null from records s join off o on {same}",
            written = self.written(&parts),
            staying = self.staying(&parts, &in_run),
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
}
