//! Whether the tables still take what a held run would write.
//!
//! It may have waited for long. A row that a foreign key needs may be gone by now, a unique value
//! taken by somebody else's row, a trigger or a constraint new. So all that was judged is judged
//! again, in the snapshot that is written to; what is refused now was not shown to whoever
//! approves, so nothing is published.

use tokio_postgres::Client;

use super::Failure;
use crate::{
    error::Error,
    load::LoadTarget,
    postgres::{catalog::read_table, judge::objections, sql::qualified, staging::Staging},
};

/// How many reasons are named.
const NAMED_MAX: usize = 5;

/// Stops where a table is another one than it was, or refuses a record.
pub(super) async fn still_taken(
    client: &Client,
    staging: &Staging,
    loads: &[LoadTarget],
) -> Result<(), Failure> {
    for load in loads {
        if read_table(client, &qualified(&load.table.name)).await?.as_ref() != Some(&load.table) {
            let message = format!("{} was altered since the run was held", load.table.name);
            return Err(refusal(message).into());
        }
    }
    let objections = objections(client, staging, loads).await?;
    if objections.is_empty() {
        return Ok(());
    }
    let named = objections.iter().take(NAMED_MAX);
    let mut named: Vec<String> =
        named.map(|(message, records)| format!("{message} ({records} records)")).collect();
    if objections.len() > NAMED_MAX {
        named.push(format!("{} more reasons", objections.len() - NAMED_MAX));
    }
    let message = format!("the table does not take all of it any more: {}", named.join("; "));
    Err(refusal(message).into())
}

fn refusal(message: String) -> Error {
    Error::environment(format!("{message}; nothing is published, and the run stays held"))
        .hint("mend that and approve again, or run the pipeline again: the new run takes the place of this one")
}
