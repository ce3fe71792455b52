//! The foreign keys of an empty table, taken off while it is filled and put back afterwards.
//!
//! A foreign key is checked by a query for each row, which takes longer than to write the row; put
//! back, it is checked by one join (`benches/RESULTS.md`). The table that it refers to is locked
//! meanwhile, so it has to be a target that was empty, too: nobody misses rows that were never
//! there. It comes back with the same words, or stays where anything would be lost.

use postgres_types::Type;
use tokio_postgres::Client;

use super::{Failure, failed};
use crate::postgres::{
    caught::{Attempt, attempt},
    sql::quote_identifier,
};

/// Those of a table (`$1`) to itself and to others of a list (`$2`) that are ours and plain tables.
const REMOVABLE: &str = "select k.conname::text, pg_get_constraintdef(k.oid), k.confrelid::regclass::text
    from pg_catalog.pg_constraint k join pg_catalog.pg_class r on r.oid = k.confrelid
    where k.conrelid = $1 and k.contype = 'f' and k.confrelid = any($2::oid[] || $1)
      and k.convalidated and k.conislocal and k.coninhcount = 0 and k.conparentid = 0 and not k.condeferrable
      and r.relkind = 'r' and not r.relispartition and not r.relhassubclass
      and pg_catalog.pg_has_role(r.relowner, 'usage') and pg_catalog.has_table_privilege(r.oid, 'references')
      and not exists (select from pg_catalog.pg_trigger g where g.tgconstraint = k.oid and g.tgenabled <> 'O')
      and not exists (select from pg_catalog.pg_depend d
        where d.deptype not in ('i', 'P', 'S') and d.refclassid = 'pg_catalog.pg_constraint'::regclass and d.refobjid = k.oid
          or d.deptype in ('e', 'x') and d.classid = 'pg_catalog.pg_constraint'::regclass and d.objid = k.oid)
      and not exists (select from pg_catalog.pg_description d
        where d.classoid = 'pg_catalog.pg_constraint'::regclass and d.objoid = k.oid)
    order by k.oid";

/// Takes off those that can be; the statements that put them back.
pub(super) async fn take_off(
    client: &Client,
    (table, oid): (&str, u32),
    empty: &[u32],
) -> Result<Vec<String>, Failure> {
    let found = client
        .query_typed(REMOVABLE, &[(&oid, Type::OID), (&empty, Type::OID_ARRAY)])
        .await
        .map_err(failed("look at the table's foreign keys"))?;
    let mut put_back = Vec::new();
    for key in found {
        let (name, says, refers_to): (&str, &str, &str) = (key.get(0), key.get(1), key.get(2));
        let name = quote_identifier(name);
        let lock = format!("lock table only {refers_to} in access exclusive mode nowait");
        let drop = format!("alter table only {table} drop constraint {name}");
        // Somebody reads the other table, or it has events pending: the key stays.
        if let Attempt::Done(_) = attempt(client, &lock).await?
            && let Attempt::Done(_) = attempt(client, &drop).await?
        {
            put_back.push(format!("alter table only {table} add constraint {name} {says}"));
        }
    }
    Ok(put_back)
}
