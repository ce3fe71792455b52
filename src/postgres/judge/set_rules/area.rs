//! The declared area is about the outline's.

use super::{
    super::{Judge, Reason},
    Noted,
};
use crate::{error::Result, postgres::sql::quote_identifier};

impl Judge<'_> {
    pub(super) async fn check_areas(
        &self,
        column: usize,
        declared: usize,
        (percent, tolerance): (f64, f64),
        noted: Noted,
    ) -> Result<()> {
        let spatial = self.spatial(column).await?;
        let name =
            |index: usize| format!("s.{}", quote_identifier(&self.load.columns[index].column.name));
        let (declared_name, area) = (name(declared), spatial.area(&name(column)));
        let message =
            format!("it is not the outline's area, within {percent} percent or {tolerance}");
        let reason = Reason {
            code: "rule.area",
            column: &self.load.columns[declared].column.name,
            message: &message,
        };
        let insert = format!(
            "{}, null, null from {} s where abs({area} - {declared_name}) > greatest({percent} / 100.0 * {declared_name}, {tolerance})
               and {}",
            noted.insert_with(self, &reason),
            self.rows(),
            self.is_judged()
        );
        self.execute(&insert, "compare areas").await?;
        Ok(())
    }
}
