//! When versions of a history may begin.

use super::{Judge, OF_DEFINITION, Reason};
use crate::{
    error::Result,
    load::LoadMode,
    postgres::sql::{quote_identifier, quote_literal},
};

impl Judge<'_> {
    /// A version begins at a moment before the open end: beyond, it would end before it begins.
    pub(super) async fn check_moments(&self) -> Result<()> {
        let LoadMode::History(validity) = &self.load.mode else { return Ok(()) };
        let column = &self.load.columns[validity.valid_from].column;
        let name = quote_identifier(&column.name);
        let end = validity.open_end.as_deref().unwrap_or("infinity");
        let condition = format!(
            "(isfinite(s.{name}) and s.{name} < {}::{})",
            quote_literal(end),
            column.base_type_sql
        );
        let message = "no version can begin there: it is not before the open end";
        let reason = Reason { code: "rule.history", column: &column.name, message };
        self.reject_unless(&self.own_rows(), &condition, &reason, &OF_DEFINITION).await
    }
}
