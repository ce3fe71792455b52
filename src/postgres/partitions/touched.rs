//! Which partitions a publish reads: where the key holds the column whose ranges they are, a row
//! can only be where a staged one is. Said with constants, the planner leaves the others out.

use tokio_postgres::Client;

use crate::{
    load::{LoadMode, LoadTarget},
    postgres::{
        sql::{quote_identifier, quote_literal},
        staging::Staging,
    },
    schema::{Column, PgType},
};

/// Ranges that are told one by one; more become one.
const RANGES_MAX: usize = 50;

/// The condition on row `t` of the table that it can be met by a staged row; `None` where every
/// row may matter, or nothing can be said.
pub(in crate::postgres) async fn touched(
    client: &Client,
    staging: &Staging,
    (target, load): (usize, &LoadTarget),
) -> Result<Option<String>, tokio_postgres::Error> {
    let Some(range) = load.range.as_ref().filter(|range| load.key.contains(&range.column)) else {
        return Ok(None);
    };
    let by_key = match &load.mode {
        LoadMode::Insert | LoadMode::Upsert | LoadMode::Operations => true,
        LoadMode::Mirror { whole, .. } => !whole,
        LoadMode::Append | LoadMode::History(_) | LoadMode::Replace => false,
    };
    if !by_key {
        return Ok(None);
    }
    let column = &load.columns[range.column].column;
    let name = quote_identifier(&column.name);
    let Some(period) = period(column, &name) else { return Ok(None) };
    let query = format!(
        "select min(s.{name})::text, max(s.{name})::text from {} s
         where s.{name} is not null group by {period} order by min(s.{name})",
        staging.rows(target, load)
    );
    let rows = client.query_typed(&query, &[]).await?;
    let mut ranges = Vec::with_capacity(rows.len());
    for row in &rows {
        // Without a period there is one row even of nothing.
        let (from, to): (Option<String>, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
        ranges.extend(from.zip(to));
    }
    if ranges.len() > RANGES_MAX
        && let (Some((first, _)), Some((_, last))) = (ranges.first(), ranges.last())
    {
        ranges = vec![(first.clone(), last.clone())];
    }
    let typed = |text: &str| format!("{}::{}", quote_literal(text), column.base_type_sql);
    let conditions: Vec<String> = ranges
        .iter()
        .map(|(from, to)| format!("t.{name} between {} and {}", typed(from), typed(to)))
        .collect();
    Ok(Some(match conditions.is_empty() {
        true => "false".to_owned(),
        false => format!("({})", conditions.join(" or ")),
    }))
}

/// What rows are grouped by for ranges of their own. `None` where ranges say too little: the row
/// of a key that takes NULL is in none, and not every type has a least value.
fn period(column: &Column, name: &str) -> Option<String> {
    match column.pg_type {
        _ if !column.not_null => None,
        PgType::Date | PgType::Timestamp(_) | PgType::TimestampTz(_) => {
            Some(format!("date_trunc('month', s.{name})"))
        }
        PgType::Int2 | PgType::Int4 | PgType::Int8 | PgType::Numeric(_) => Some("()".to_owned()),
        _ => None,
    }
}
