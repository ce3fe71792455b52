//! Triggers that are about no single row, so that no rehearsal tries them row by row: they are
//! named where they may be what stops a run.

use postgres_types::Type;
use tokio_postgres::Client;

use super::{Failure, mode::Effect};
use crate::{
    error::{Result, Transient},
    load::LoadTarget,
    postgres::session::database_error,
};

/// When a trigger fires.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fires {
    /// At the end of the transaction, unless it is told otherwise.
    AtTheEnd,
    /// Once for each statement with that effect.
    PerStatement(Effect),
}

impl Fires {
    /// A condition on `pg_trigger g`.
    fn condition(self) -> String {
        match self {
            Self::AtTheEnd => "g.tginitdeferred".to_owned(),
            Self::PerStatement(effect) => {
                let bit = match effect {
                    Effect::Inserts => 4,
                    Effect::Deletes => 8,
                    Effect::Updates => 16,
                };
                format!("g.tgtype & 1 = 0 and g.tgtype & {bit} <> 0")
            }
        }
    }
}

/// The names of the target's triggers that fire so, in their order.
pub(super) async fn names(client: &Client, load: &LoadTarget, fires: Fires) -> Result<Vec<String>> {
    let query = format!(
        "with recursive tree as (
          select $1::oid as oid union
          select i.inhrelid from tree join pg_catalog.pg_inherits i on i.inhparent = tree.oid)
        select distinct g.tgname::text from pg_catalog.pg_trigger g join tree on tree.oid = g.tgrelid
        where not g.tgisinternal and g.tgenabled <> 'D' and {} order by 1",
        fires.condition()
    );
    let rows = client.query_typed(&query, &[(&load.table.oid, Type::OID)]).await;
    let rows = rows.map_err(|error| database_error(&error, "ask for triggers"))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// The failure with the names of the triggers that may have brought it about, where it is rows
/// together that were refused.
pub(super) async fn blame(
    client: &Client,
    failure: Failure,
    loads: &[LoadTarget],
    fires: Fires,
) -> Failure {
    if failure.error.transient() != Some(Transient::Refused) {
        return failure;
    }
    let mut found = Vec::new();
    for load in loads {
        // What failed is more important than that its reason could not be asked for.
        for name in names(client, load, fires).await.unwrap_or_default() {
            found.push(format!("`{name}` of {}", load.table.name));
        }
    }
    if found.is_empty() {
        return failure;
    }
    let when = match fires {
        Fires::AtTheEnd => "at the end of the transaction",
        Fires::PerStatement(_) => "for all rows of a statement together",
    };
    let hint = format!(
        "nothing is published; each row by itself was taken, so look at what fires {when}: {}",
        found.join(", ")
    );
    Failure { error: failure.error.hint(hint), ..failure }
}
