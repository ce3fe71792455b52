//! What identifies staged rows before any other is looked up: keys that are looked up, and values
//! that the database would give new rows when they are written.
//!
//! A lookup may take such a value, of a row that this same run writes. So it is drawn ahead: once
//! for each new key, since records with one key become one row. A dry run draws nothing from
//! sequences: it counts on from where they stand.

use tokio_postgres::types::{ToSql, Type};

use super::{Drawing, Judge, failed, lookups::Joins};
use crate::{
    error::{Error, Result},
    load::LoadColumn,
    postgres::{
        sql::{own_rows, quote_identifier, same_key},
        staging::IS_NEW,
    },
};

/// The alias of values that are drawn by key.
const DRAWN: &str = "__drawn";

impl Judge<'_> {
    /// Makes the table that lookups find staged rows in; `keys_differ` tells that no two rows
    /// have the same key.
    pub(super) async fn identify(&self, drawing: Drawing, keys_differ: bool) -> Result<()> {
        if !self.load.is_identified() {
            return Ok(());
        }
        let mut defaults = Vec::new();
        for column in self.load.columns.iter().filter(|column| column.drawn) {
            defaults.push((column, self.default_of(column, drawing).await?));
        }
        let create = self.create_identified(&defaults, keys_differ);
        self.execute(&create, "draw values for new rows").await?;
        self.analyze_key_of(&self.staging.identified(self.target)).await
    }

    fn create_identified(&self, defaults: &[(&LoadColumn, String)], keys_differ: bool) -> String {
        let mut joins = Joins::new(self.loads, self.staging);
        let looked_up = joins.columns(&self.load.lookups(true));
        let copied = format!(
            "select s.*{looked_up} from {} s{}",
            self.staging.distinct(self.target, self.load),
            joins.sql()
        );
        let identified = self.staging.identified(self.target);
        let with = format!(
            "create unlogged table {identified} with (autovacuum_enabled = false) as
               with r as materialized ({copied})"
        );
        if self.load.key.is_empty() {
            let values = values(defaults, |default, _| default.to_owned());
            return format!("{with} select r.*, true as {IS_NEW}{values} from r");
        }
        let table = own_rows(&self.load.table);
        let known = format!("left join {table} t on {}", same_key(self.load, "t", "r"));
        if keys_differ || defaults.is_empty() {
            let values = values(defaults, if_new);
            return format!(
                "{with} select r.*, t.tableoid is null as {IS_NEW}{values} from r {known}"
            );
        }
        let key: Vec<String> = self
            .load
            .key
            .iter()
            .map(|index| quote_identifier(&self.load.columns[*index].column.name))
            .collect();
        let drawn: String = defaults
            .iter()
            .enumerate()
            .map(|(at, (_, sql))| format!(", {sql} as {DRAWN}_{at}"))
            .collect();
        let mut at = 0;
        let values = values(defaults, |_, column| {
            at += 1;
            if_new(&format!("d.{DRAWN}_{}", at - 1), column)
        });
        format!(
            "{with} select r.*, t.tableoid is null as {IS_NEW}{values} from r {known}
               left join (select k.*{drawn} from (select distinct {key} from r
                 where not exists (select from {table} t where {same})) k) d on {by_key}",
            key = key.join(", "),
            same = same_key(self.load, "t", "r"),
            by_key = same_key(self.load, "d", "r"),
        )
    }

    /// SQL for the value that the database gives a new row.
    async fn default_of(&self, column: &LoadColumn, drawing: Drawing) -> Result<String> {
        let query = "select pg_catalog.pg_get_expr(d.adbin, d.adrelid), q.seqrelid::regclass::text, q.seqincrement,
              coalesce(pg_catalog.pg_sequence_last_value(q.seqrelid), q.seqstart - q.seqincrement)
            from pg_catalog.pg_attribute a
              left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
              left join pg_catalog.pg_sequence q
                on q.seqrelid = pg_catalog.pg_get_serial_sequence($1::oid::regclass::text, a.attname)::regclass
            where a.attrelid = $1 and a.attname = $2";
        let name = &column.column.name;
        let parameters: [(&(dyn ToSql + Sync), Type); 2] =
            [(&self.load.table.oid, Type::OID), (name, Type::TEXT)];
        let failed = || failed("ask for defaults");
        let row = self.client.query_typed_one(query, &parameters).await.map_err(failed())?;
        let (default, sequence): (Option<String>, Option<String>) =
            (row.try_get(0).map_err(failed())?, row.try_get(1).map_err(failed())?);
        match (sequence, drawing) {
            (Some(_), Drawing::Foretold) => {
                let (by, last): (i64, i64) =
                    (row.try_get(2).map_err(failed())?, row.try_get(3).map_err(failed())?);
                Ok(format!("({last} + {by} * row_number() over ())"))
            }
            (Some(sequence), Drawing::Real) => {
                let sequence = crate::postgres::sql::quote_literal(&sequence);
                Ok(format!("nextval({sequence}::regclass)"))
            }
            (None, _) => default.ok_or_else(|| {
                let table = &self.load.table.name;
                Error::environment(format!("the default of `{name}` in {table} is gone"))
            }),
        }
    }
}

/// A row that is there keeps what it has.
fn if_new(default: &str, column: &str) -> String {
    format!("case when t.tableoid is null then {default} else t.{column} end")
}

fn values(
    defaults: &[(&LoadColumn, String)],
    mut value: impl FnMut(&str, &str) -> String,
) -> String {
    let columns = defaults.iter().map(|(column, default)| {
        let name = quote_identifier(&column.column.name);
        let value = value(default, &name);
        format!(", ({value})::{} as {name}", column.column.base_type_sql)
    });
    columns.collect()
}
