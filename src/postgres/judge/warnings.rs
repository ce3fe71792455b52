//! Records that are loaded all the same, and what there is to say about them.

use tokio_postgres::Client;

use super::{
    Judge, OF_DEFINITION, Reason, StagedRejection, can_be_evaluated, not_rejected_at,
    rejections::staged_rejection,
};
use crate::{
    error::Result,
    postgres::{
        session::database_error,
        staging::{ORDINAL, Staging},
    },
};

impl Judge<'_> {
    /// Notes the rows for which `condition` is false; NULL passes. A row for which it fails is
    /// rejected, as nobody knows then what the condition would say.
    pub(super) async fn warn_unless(&self, condition: &str, reason: &Reason<'_>) -> Result<()> {
        let rows = self.rows();
        let insert = format!(
            "insert into {} select {}, s.{ORDINAL}, 'warning', {} from (
               select * from {rows} s where {} and {} offset 0) s where not {condition}",
            self.staging.warned(),
            self.target,
            reason.as_columns(),
            self.is_written(),
            can_be_evaluated(self.staging)
        );
        let failing = super::Failing { rows: &rows, ..OF_DEFINITION };
        self.run_or_find_offenders(&insert, condition, &failing).await.map(drop)
    }
}

/// The warnings in source order, of records that are not rejected for something else.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn staged_warnings(client: &Client, staging: &Staging) -> Result<Vec<StagedRejection>> {
    let query = format!(
        "select target, ordinal, code, column_name, message, other_ordinal, other_key from {} w
         where {} order by ordinal, target, code, column_name, message, other_ordinal, other_key",
        staging.warned(),
        not_rejected_at(staging, "w.target", "w.ordinal")
    );
    let rows = client.query_typed(&query, &[]).await;
    let rows = rows.map_err(|error| database_error(&error, "read warnings"))?;
    Ok(rows.iter().map(staged_rejection).collect())
}
