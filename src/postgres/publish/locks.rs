//! One publisher at a time per target.

use postgres_types::Type;
use tokio_postgres::Client;

use super::{Failure, failed};
use crate::{
    error::{Error, ErrorKind},
    load::LoadTarget,
};

/// Advisory locks last until the transaction ends, so they are safe behind a pooler.
pub(super) async fn lock_targets(client: &Client, loads: &[LoadTarget]) -> Result<(), Failure> {
    let mut tables: Vec<_> = loads.iter().map(|load| (load.table.oid, &load.table.name)).collect();
    tables.sort_by_key(|(oid, _)| *oid);
    for (oid, name) in tables {
        let query = "select pg_try_advisory_xact_lock(hashtext('longshore'), $1::oid::bigint::int)";
        let row = client
            .query_typed_one(query, &[(&oid, Type::OID)])
            .await
            .map_err(failed("lock the targets"))?;
        if !row.get::<_, bool>(0) {
            let busy = Error::new(ErrorKind::Busy, format!("another run is publishing {name}"));
            return Err(busy
                .hint("try again when it has ended; `longshore history` shows it")
                .into());
        }
    }
    Ok(())
}
