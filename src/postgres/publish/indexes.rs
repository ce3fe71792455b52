//! The indexes of an empty table, taken off while it is filled and built afterwards.
//!
//! Building an index at once costs the server a fraction of what it costs to keep it while
//! millions of rows arrive (`benches/RESULTS.md`). All of it happens inside the publishing
//! transaction: who reads the table waits for its end, and if it fails nothing has happened. So
//! only a table is chosen that has not one page, and only indexes that come back just as they
//! were: nothing refers to them, and nobody has said anything about them that would be lost.

use postgres_types::Type;
use tokio_postgres::Client;

use super::{Failure, failed, guarded};
use crate::{
    load::LoadTarget,
    postgres::{
        caught::{Attempt, attempt},
        sql::{qualified, quote_identifier},
    },
    schema::RelationKind,
};

/// Fewer rows are inserted so fast that nobody should wait for them.
const ROWS_MIN: u64 = 50_000;

/// Indexes that are off their table, as the statements that put them back.
pub(super) struct Apart {
    put_back: Vec<String>,
    /// Whether the table has no index left.
    pub(super) all: bool,
}

/// The indexes that would come back as they were, of a table (`$1`) of which nobody would notice.
const REMOVABLE: &str = "select quote_ident(n.nspname) || '.' || quote_ident(c.relname), pg_get_indexdef(c.oid),
      k.conname::text, k.contype = 'p', quote_ident(c.relname)
    from pg_catalog.pg_index i
      join pg_catalog.pg_class c on c.oid = i.indexrelid
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      left join pg_catalog.pg_constraint k on k.conindid = c.oid and k.conrelid = i.indrelid
    where i.indrelid = $1 and i.indisvalid and i.indisready and not i.indisreplident and not i.indisclustered
      and c.reltablespace = 0 and current_setting('default_tablespace') = ''
      and (k.oid is null or k.contype in ('p', 'u') and not k.condeferrable and i.indimmediate
        and c.relam = (select oid from pg_catalog.pg_am where amname = 'btree'))
      and not exists (select from pg_catalog.pg_depend d where d.deptype <> 'i'
        and (d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = c.oid
          or d.refclassid = 'pg_catalog.pg_constraint'::regclass and d.refobjid = k.oid
          or d.deptype in ('e', 'x') and d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid))
      and not exists (select from pg_catalog.pg_description d
        where d.classoid = 'pg_catalog.pg_class'::regclass and d.objoid = c.oid
          or d.classoid = 'pg_catalog.pg_constraint'::regclass and d.objoid = k.oid)
      and not exists (select from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attstattarget > -1)
    order by c.oid";

/// Whether a table may be changed by us, and nothing hangs on its shape meanwhile.
const CHANGEABLE: &str = "select pg_catalog.pg_has_role(c.relowner, 'usage') and not c.relispartition
      and not c.relhassubclass
      and not exists (select from pg_catalog.pg_trigger g where g.tgrelid = c.oid and g.tgdeferrable)
      and not exists (select from pg_catalog.pg_event_trigger e where e.evtenabled <> 'D')
    from pg_catalog.pg_class c where c.oid = $1";

const EMPTY: &str = "select pg_catalog.pg_relation_size($1::oid::regclass) = 0,
      (select count(*) from pg_catalog.pg_index i where i.indrelid = $1)";

impl Apart {
    /// Takes off what can be taken off for so many rows, unless somebody is reading the table.
    pub(super) async fn take_off(
        client: &Client,
        load: &LoadTarget,
        rows: u64,
    ) -> Result<Option<Self>, Failure> {
        let oid: (&(dyn postgres_types::ToSql + Sync), Type) = (&load.table.oid, Type::OID);
        let failed = || failed("look at the table's indexes");
        if rows < ROWS_MIN || load.table.kind != RelationKind::Table {
            return Ok(None);
        }
        let changeable = client
            .query_typed_one(CHANGEABLE, std::slice::from_ref(&oid))
            .await
            .map_err(failed())?;
        if !changeable.get::<_, bool>(0) {
            return Ok(None);
        }
        let removable =
            client.query_typed(REMOVABLE, std::slice::from_ref(&oid)).await.map_err(failed())?;
        let table = qualified(&load.table.name);
        let lock = format!("lock table only {table} in access exclusive mode nowait");
        if removable.is_empty() || matches!(attempt(client, &lock).await?, Attempt::Refused(_)) {
            return Ok(None);
        }
        // Not by a query of its rows, which sees no more than the transaction's snapshot.
        let row = client.query_typed_one(EMPTY, &[oid]).await.map_err(failed())?;
        let (is_empty, indexes): (bool, i64) = (row.get(0), row.get(1));
        if !is_empty {
            return Ok(None);
        }
        let mut apart =
            Self { put_back: Vec::new(), all: i64::try_from(removable.len()) == Ok(indexes) };
        for index in &removable {
            apart.remove(client, &table, index).await?;
        }
        Ok(Some(apart))
    }

    async fn remove(
        &mut self,
        client: &Client,
        table: &str,
        index: &tokio_postgres::Row,
    ) -> Result<(), Failure> {
        let (name, definition): (&str, String) = (index.get(0), index.get(1));
        let constraint: Option<&str> = index.get(2);
        self.put_back.push(definition);
        let drop = match constraint {
            None => format!("drop index {name}"),
            Some(constraint) => {
                let constraint = quote_identifier(constraint);
                let kind = if index.get(3) { "primary key" } else { "unique" };
                let own_name: &str = index.get(4);
                self.put_back.push(format!(
                    "alter table only {table} add constraint {constraint} {kind} using index {own_name}"
                ));
                format!("alter table only {table} drop constraint {constraint}")
            }
        };
        guarded(client, &drop, "take the table's indexes off").await?;
        Ok(())
    }

    /// Builds all of them.
    pub(super) async fn put_back(self, client: &Client) -> Result<(), Failure> {
        for statement in &self.put_back {
            guarded(client, statement, "build the table's indexes").await?;
        }
        Ok(())
    }
}
