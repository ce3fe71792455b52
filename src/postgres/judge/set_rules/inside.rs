//! Every row lies inside the row of another table that it refers to.
//!
//! A row that refers to none passes: whether it has to is a matter of NOT NULL and foreign keys.
//! Where the other table is loaded by the same run, its rows count as they will be.

use super::{
    super::{Judge, Reason},
    Noted,
    rows::part,
};
use crate::{
    error::Result,
    load::{LoadTarget, SetRuleKind},
    postgres::{
        sql::{qualified, quote_identifier},
        staging::ORDINAL,
    },
};

impl Judge<'_> {
    pub(super) async fn check_inside(
        &self,
        says: &SetRuleKind,
        loads: &[LoadTarget],
        noted: Noted,
    ) -> Result<()> {
        let SetRuleKind::Inside { column, table, area, same, tolerance } = says else {
            return Ok(());
        };
        let spatial = self.spatial(*column).await?;
        let name = &self.load.columns[*column].column.name;
        let ours = format!("s.{}", quote_identifier(name));
        let outer = part(0);
        let theirs: Vec<String> =
            std::iter::once(area).chain(same.iter().map(|(theirs, _)| theirs)).cloned().collect();
        let is_loaded = |load: &LoadTarget| {
            let has = |name: &String| load.columns.iter().any(|c| c.column.name == *name);
            load.table.name == *table && theirs.iter().all(has)
        };
        let loaded = loads.iter().enumerate().filter(|(_, load)| is_loaded(load));
        let loaded: Vec<Judge<'_>> =
            loaded.map(|(target, load)| Judge { target, load, ..*self }).collect();
        let quoted: Vec<String> = theirs.iter().map(|name| quote_identifier(name)).collect();
        let rows = match loaded.split_first() {
            Some((first, others)) => {
                let written = loaded.iter().map(|it| it.written(&quoted));
                let stays = others.iter().map(Judge::stays).collect::<Vec<_>>().join(" and ");
                let stays = if stays.is_empty() { "true" } else { &stays };
                let mut rows: Vec<String> = written.collect();
                rows.push(first.staying(&quoted, stays));
                rows.join(" union all ")
            }
            None => {
                let columns = quoted.iter().enumerate();
                let columns: Vec<String> =
                    columns.map(|(at, sql)| format!("{sql} as {}", part(at))).collect();
                format!("select {} from {}", columns.join(", "), qualified(table))
            }
        };
        let on = same.iter().enumerate().map(|(at, (_, ours))| {
            let ours = quote_identifier(&self.load.columns[*ours].column.name);
            format!("a.{} = s.{ours}", part(at + 1))
        });
        let covers = format!("{}st_covers(a.{outer}, {ours})", spatial.postgis);
        let lies_inside = match *tolerance > 0.0 {
            true => {
                let near = spatial.near(&format!("a.{outer}"), &ours, *tolerance);
                format!("({covers} or {near})")
            }
            false => covers,
        };
        let message = format!("lies outside of `{area}` of the {table} it refers to");
        let reason = Reason { code: "rule.inside", column: name, message: &message };
        let insert = format!(
            "{}, null, null from {} s join ({rows}) a on {} where {} group by s.{ORDINAL} having not bool_or({lies_inside})",
            noted.insert_with(self, &reason),
            self.rows(),
            on.collect::<Vec<_>>().join(" and "),
            self.is_judged()
        );
        self.execute(&insert, "look for rows outside of their places").await?;
        Ok(())
    }
}
