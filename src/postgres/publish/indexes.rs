//! The indexes of an empty table, taken off while it is filled and built afterwards.
//!
//! Building an index at once costs the server a fraction of what it costs to keep it while
//! millions of rows arrive (`benches/RESULTS.md`). All of it happens inside the publishing
//! transaction: who reads the table waits for its end, and if it fails nothing has happened. So
//! only a table is chosen that has not one page, and only indexes that come back just as they
//! were: nothing refers to them, and nobody has said anything about them that would be lost.
//!
//! Of a partitioned table the whole has to be empty: who has rows there goes on reading. An index
//! of the whole goes with those of its partitions, and is put together from them again. From
//! PostgreSQL 18 on its primary key stays: NOT NULL is a constraint there, which a partition
//! inherits, and a key that is made of its index would make it the partition's own.

use postgres_types::Type;
use tokio_postgres::Client;

use super::{Failure, failed, foreign_keys, guarded};
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

/// Whether what is written to a file of this very transaction goes to the disk at its end and not
/// to the write-ahead log. A trigger would tell somebody that the table was emptied.
const UNLOGGED_IF_NEW: &str = "select current_setting('wal_level') = 'minimal'
      and not exists (select from pg_catalog.pg_trigger g where g.tgtype & 32 <> 0 and not g.tgisinternal
        and g.tgrelid in (select $1::oid union select relid::oid from pg_catalog.pg_partition_tree($1::oid::regclass)))";

/// Indexes that are off their table, as the statements that put them back.
pub(super) struct Apart {
    put_back: Vec<String>,
    /// Whether the table has no index left.
    pub(super) all: bool,
}

/// The indexes that would come back as they were, of a table (`$1`) and its partitions, of which
/// nobody would notice.
const REMOVABLE: &str = "select i.indrelid, i.indexrelid, quote_ident(n.nspname) || '.' || quote_ident(c.relname) as name,
      pg_get_indexdef(c.oid) as definition, k.conname::text as conname, k.contype = 'p' as is_primary,
      quote_ident(c.relname) as own_name, pg_get_constraintdef(k.oid) as says, i.indrelid::regclass::text as on_table
    from pg_catalog.pg_index i
      join pg_catalog.pg_class c on c.oid = i.indexrelid
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      left join pg_catalog.pg_constraint k on k.conindid = c.oid and k.conrelid = i.indrelid
    where i.indrelid in (select $1::oid union select relid::oid from pg_catalog.pg_partition_tree($1::oid::regclass))
      and i.indisvalid and i.indisready and not i.indisreplident and not i.indisclustered
      and c.reltablespace = 0 and current_setting('default_tablespace') = ''
      and (k.oid is null or k.contype in ('p', 'u') and not k.condeferrable and i.indimmediate
        and c.relam = (select oid from pg_catalog.pg_am where amname = 'btree'))
      and not exists (select from pg_catalog.pg_constraint o
        where k.contype = 'p' and o.conrelid = i.indrelid and o.contype = 'n' and not o.conislocal)
      and not (k.oid is not null and c.relkind = 'I' and c.reloptions is not null)
      and not exists (select from pg_catalog.pg_depend d where d.deptype not in ('i', 'P', 'S')
        and (d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = c.oid
          or d.refclassid = 'pg_catalog.pg_constraint'::regclass and d.refobjid = k.oid
          or d.deptype in ('e', 'x') and d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid))
      and not exists (select from pg_catalog.pg_description d
        where d.classoid = 'pg_catalog.pg_class'::regclass and d.objoid = c.oid
          or d.classoid = 'pg_catalog.pg_constraint'::regclass and d.objoid = k.oid)
      and not exists (select from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attstattarget > -1)";

/// Each index of the table itself, one line for each partition that it has one on.
fn removable() -> String {
    format!(
        "with removable as ({REMOVABLE})
         select r.name, r.definition, r.conname, r.is_primary, r.own_name, r.says,
           p.name, p.definition, p.conname, p.is_primary, p.own_name, p.on_table
         from removable r
           left join (pg_catalog.pg_inherits h join removable p on p.indexrelid = h.inhrelid)
             on h.inhparent = r.indexrelid
         where r.indrelid = $1 and (select count(*) from pg_catalog.pg_inherits t where t.inhparent = $1)
           = (select count(*) from pg_catalog.pg_inherits t join removable o on o.indexrelid = t.inhrelid
              where t.inhparent = r.indexrelid)
         order by r.indexrelid, p.indexrelid"
    )
}

/// Whether a table may be changed by us, and nothing hangs on its shape meanwhile. Of a
/// partitioned one, partitions of partitions are left alone.
const CHANGEABLE: &str = "select bool_and(pg_catalog.pg_has_role(c.relowner, 'usage')
        and (c.oid = $1 and not c.relispartition and (c.relkind = 'p' or not c.relhassubclass)
          or c.oid <> $1 and c.relkind = 'r')
        and not exists (select from pg_catalog.pg_trigger g where g.tgrelid = c.oid and g.tgdeferrable))
      and not exists (select from pg_catalog.pg_event_trigger e where e.evtenabled <> 'D')
    from pg_catalog.pg_class c
    where c.oid in (select $1::oid union select relid::oid from pg_catalog.pg_partition_tree($1::oid::regclass))";

/// Whether it has no page, and how many indexes there are.
const EMPTY: &str = "select sum(pg_catalog.pg_relation_size(t.oid::regclass)) = 0,
      sum((select count(*) from pg_catalog.pg_index i where i.indrelid = t.oid))::bigint
    from (select $1::oid as oid union select relid::oid from pg_catalog.pg_partition_tree($1::oid::regclass)) t";

impl Apart {
    /// Takes off what can be taken off for so many rows, unless somebody is reading the table; of
    /// foreign keys, those to tables that were `empty`, too.
    pub(super) async fn take_off(
        client: &Client,
        load: &LoadTarget,
        rows: u64,
        empty: &[u32],
    ) -> Result<Option<Self>, Failure> {
        let oid: (&(dyn postgres_types::ToSql + Sync), Type) = (&load.table.oid, Type::OID);
        let failed = || failed("look at the table's indexes");
        let is_table = matches!(load.table.kind, RelationKind::Table | RelationKind::Partitioned);
        if rows < ROWS_MIN || !is_table {
            return Ok(None);
        }
        let changeable = client
            .query_typed_one(CHANGEABLE, std::slice::from_ref(&oid))
            .await
            .map_err(failed())?;
        if !changeable.get::<_, bool>(0) {
            return Ok(None);
        }
        let table = qualified(&load.table.name);
        let only = if load.table.kind == RelationKind::Table { "only " } else { "" };
        let lock = format!("lock table {only}{table} in access exclusive mode nowait");
        if matches!(attempt(client, &lock).await?, Attempt::Refused(_)) {
            return Ok(None);
        }
        // Not by a query of its rows, which sees no more than the transaction's snapshot.
        let row =
            client.query_typed_one(EMPTY, std::slice::from_ref(&oid)).await.map_err(failed())?;
        let (is_empty, indexes): (bool, i64) = (row.get(0), row.get(1));
        if !is_empty {
            return Ok(None);
        }
        // First, since what they refer to may be an index of the same table.
        let foreign = match load.table.kind {
            RelationKind::Table => {
                foreign_keys::take_off(client, (&table, load.table.oid), empty).await?
            }
            _ => Vec::new(),
        };
        let removable = client.query_typed(&removable(), &[oid]).await.map_err(failed())?;
        let mut apart = Self { put_back: Vec::new(), all: false };
        let mut removed = 0;
        for index in removable.chunk_by(|one, next| one.get::<_, &str>(0) == next.get::<_, &str>(0))
        {
            removed += apart.remove(client, &table, index).await?;
        }
        apart.all = removed == indexes;
        apart.put_back.extend(foreign);
        spare_log(client, (&table, &load.table.oid)).await?;
        Ok(Some(apart))
    }

    /// Takes one off, with those of its partitions; how many that were.
    async fn remove(
        &mut self,
        client: &Client,
        table: &str,
        index: &[tokio_postgres::Row],
    ) -> Result<i64, Failure> {
        let Some(whole) = index.first() else { return Ok(0) };
        let (name, constraint): (&str, Option<&str>) = (whole.get(0), whole.get(2));
        let parts: Vec<_> =
            index.iter().filter(|row| row.get::<_, Option<&str>>(6).is_some()).collect();
        let drop = match constraint {
            None => format!("drop index {name}"),
            Some(constraint) => {
                format!("alter table {table} drop constraint {}", quote_identifier(constraint))
            }
        };
        for part in &parts {
            self.build((part.get(11), part.get(7)), (part.get(8), part.get(9), part.get(10)));
        }
        match (constraint, parts.is_empty()) {
            (_, true) => {
                self.build((table, whole.get(1)), (constraint, whole.get(3), whole.get(4)));
            }
            (None, false) => self.put_back.push(whole.get(1)),
            (Some(constraint), false) => self.put_back.push(format!(
                "alter table only {table} add constraint {} {}",
                quote_identifier(constraint),
                whole.get::<_, &str>(5)
            )),
        }
        let attach = |part: &&tokio_postgres::Row| {
            format!("alter index {name} attach partition {}", part.get::<_, &str>(6))
        };
        self.put_back.extend(parts.iter().map(attach));
        guarded(client, &drop, "take the table's indexes off").await?;
        Ok(i64::try_from(parts.len()).unwrap_or(i64::MAX - 1) + 1)
    }

    /// Notes how an index of one table is built, and made a constraint where it was one.
    fn build(
        &mut self,
        (table, definition): (&str, &str),
        (constraint, is_primary, own_name): (Option<&str>, Option<bool>, &str),
    ) {
        self.put_back.push(definition.to_owned());
        if let Some(constraint) = constraint {
            let kind = if is_primary == Some(true) { "primary key" } else { "unique" };
            let constraint = quote_identifier(constraint);
            self.put_back.push(format!(
                "alter table only {table} add constraint {constraint} {kind} using index {own_name}"
            ));
        }
    }

    /// Builds all of them.
    pub(super) async fn put_back(self, client: &Client) -> Result<(), Failure> {
        for statement in &self.put_back {
            guarded(client, statement, "build the table's indexes").await?;
        }
        Ok(())
    }
}

/// Gives an empty table new files, where the server need then not log its rows one by one. Refused
/// where others refer to the table: then they are logged.
async fn spare_log(client: &Client, (table, oid): (&str, &u32)) -> Result<(), Failure> {
    let spares = client.query_typed_one(UNLOGGED_IF_NEW, &[(oid, Type::OID)]).await;
    if spares.and_then(|row| row.try_get(0)).map_err(failed("look at the table"))? {
        let _logged_then: Attempt = attempt(client, &format!("truncate {table}")).await?;
    }
    Ok(())
}
