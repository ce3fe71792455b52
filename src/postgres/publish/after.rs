//! What goes along with a publish, in its transaction: a row in a log, and a notice to whoever
//! listens, which the server sends when the transaction is committed.

use postgres_types::Type;
use serde_json::{Value, json};
use tokio_postgres::Client;

use super::{Failure, failed, guarded};
use crate::{
    error::Error,
    load::{AfterLoad, LoadTarget, LogRow, LogValue},
    outcome::Tally,
    postgres::{
        ledger::RunRecord,
        sql::{qualified, quote_identifier, quote_literal},
    },
};

/// The server takes payloads below 8,000 bytes.
const PAYLOAD_BYTES_MAX: usize = 7_900;

/// Writes the log's row and notifies.
pub(super) async fn tell(
    client: &Client,
    after: &AfterLoad,
    run: &RunRecord,
    tables: (&[LoadTarget], &[Tally]),
) -> Result<(), Failure> {
    if let Some(log) = &after.log {
        let statement = log_statement(log, run, tables);
        let written = guarded(client, &statement, "write the log's row").await?;
        if written != 1 {
            let what = format!("{}: the log's row was not written", log.table);
            return Err(Error::environment(what)
                .hint("a trigger, a rule or a row-level policy keeps it from being written")
                .into());
        }
    }
    if let Some(channel) = &after.notify {
        let payload = payload(run, tables);
        let query = "select pg_catalog.pg_notify($1, $2)";
        let parameters: [(&(dyn postgres_types::ToSql + Sync), Type); 2] =
            [(channel, Type::TEXT), (&payload, Type::TEXT)];
        client.query_typed(query, &parameters).await.map_err(failed("notify"))?;
    }
    Ok(())
}

fn log_statement(log: &LogRow, run: &RunRecord, tables: (&[LoadTarget], &[Tally])) -> String {
    let names = log.columns.iter().map(|(name, _)| quote_identifier(name));
    // A literal without a type takes the column's.
    let value = |(_, value): &(String, LogValue)| match value {
        LogValue::Constant(text) => quote_literal(text),
        LogValue::Tally => quote_literal(&tally(run, tables).to_string()),
        LogValue::Run => quote_literal(run.run.as_str()),
        LogValue::Pipeline => quote_literal(&run.pipeline),
    };
    let values: Vec<String> = log.columns.iter().map(value).collect();
    format!(
        "insert into {} ({}) values ({})",
        qualified(&log.table),
        names.collect::<Vec<_>>().join(", "),
        values.join(", ")
    )
}

fn document(run: &RunRecord, tables: Vec<Value>) -> Value {
    json!({ "run": run.run.as_str(), "pipeline": run.pipeline, "tables": tables })
}

/// Counts and names, never a value of a row.
fn tally(run: &RunRecord, (loads, tallies): (&[LoadTarget], &[Tally])) -> Value {
    let table = |(load, tally): (&LoadTarget, &Tally)| {
        let mut counts = json!({ "table": load.table.name.to_string() });
        for (name, count) in Tally::NAMES.iter().zip(tally.counts()) {
            counts[*name] = count.into();
        }
        counts
    };
    document(run, loads.iter().zip(tallies).map(table).collect())
}

/// As much of it as a notice can carry: whoever needs more finds the run in the ledger.
fn payload(run: &RunRecord, tables: (&[LoadTarget], &[Tally])) -> String {
    let whole = tally(run, tables).to_string();
    if whole.len() <= PAYLOAD_BYTES_MAX {
        return whole;
    }
    document(run, Vec::new()).to_string()
}
