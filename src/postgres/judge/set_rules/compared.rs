//! The outlines that rules on areas compare, in a table of their own.

use super::{super::Judge, rows::part};
use crate::{
    error::Result,
    postgres::{sql::quote_identifier, staging::ORDINAL},
};

/// The column that numbers what is compared: a record by its ordinal, rows of the table below 0.
pub(super) const NUMBER: &str = "__number";

/// The outline, as a column of what is compared.
pub(super) fn outline() -> String {
    part(0)
}

/// What rows share that are looked at together, as a column of what is compared. It is a hash:
/// to compare texts in a collation for each pair of neighbours takes longer than all the rest.
pub(super) fn group() -> String {
    part(1)
}

impl Judge<'_> {
    /// What is compared of a row, as SQL over its columns.
    pub(super) fn outlined(&self, column: usize, within: &[usize]) -> [String; 2] {
        let name = |index: &usize| quote_identifier(&self.load.columns[*index].column.name);
        let shared: Vec<String> = within.iter().map(name).collect();
        let group = match shared.is_empty() {
            true => "0::bigint".to_owned(),
            false => format!("pg_catalog.hash_record_extended(row({}), 0)", shared.join(", ")),
        };
        [name(&column), group]
    }

    /// Makes the table of what is compared, of the records that are written.
    pub(super) async fn compare_written(&self, shape: &[String], doing: &str) -> Result<()> {
        let compared = self.staging.compared(self.target);
        let create = format!(
            "drop table if exists {compared};
             create unlogged table {compared} with (autovacuum_enabled = false) as
             select *, {ORDINAL} as {NUMBER} from ({}) w",
            self.written(shape)
        );
        self.execute(&create, doing).await.map(drop)
    }

    /// Adds the rows of the table that stay.
    pub(super) async fn compare_staying(&self, shape: &[String], doing: &str) -> Result<()> {
        let insert = format!(
            "insert into {} select *, -row_number() over () from ({}) t",
            self.staging.compared(self.target),
            self.staying(shape, "true")
        );
        self.execute(&insert, doing).await.map(drop)
    }
}
