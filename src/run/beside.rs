//! What a run needs of the database beside columns: a log, partitions, policies of tenants.

use std::sync::Arc;

use super::prepare::{Bound, Stop};
use crate::{
    definition::{AnalyzeRule, ImportDefinition, LogDefinition, Period},
    diagnostic::{Finding, Place},
    error::{Error, Result},
    load::{AfterLoad, CountLimit, Every, LoadTarget, LogRow, LogValue, RangePartitions, Tenant},
    plan,
    postgres::{catalog, partitions, session::Session, tenant::ensure_kept_apart},
    schema::PgType,
};

/// Binds all of it.
///
/// # Errors
/// As each of them.
pub async fn bind_all(
    session: &Session,
    bound: &mut Bound,
    definition: &ImportDefinition,
) -> Result<(), Stop> {
    bind_partitions(session, bound, definition).await?;
    bound.tenant = bind_tenant(session, bound, definition).await?;
    bound.after = bind_after(session, definition).await?;
    Ok(())
}

/// What else happens when a run is published, bound to the log's table.
///
/// # Errors
/// A finding where the log is not there or has not the columns; `ErrorKind::Environment` when the
/// server refuses.
pub async fn bind_after(
    session: &Session,
    definition: &ImportDefinition,
) -> Result<AfterLoad, Stop> {
    let after = &definition.after;
    let analyze = match &after.analyze {
        Some(AnalyzeRule::Whether(false)) => None,
        None | Some(AnalyzeRule::Whether(true)) => Some(CountLimit::ANALYZE_DEFAULT),
        Some(AnalyzeRule::From(limit)) => plan::count_limit(limit),
    };
    let log = match &after.log {
        Some(log) => Some(bind_log(session, log).await?),
        None => None,
    };
    Ok(AfterLoad { notify: after.notify.clone(), analyze, log })
}

/// Whose rows are loaded; the policies of all targets have to keep the role to them.
///
/// # Errors
/// `ErrorKind::Definition` when the tenant is not given; `ErrorKind::Environment` when the
/// policies do not, or the server refuses.
pub async fn bind_tenant(
    session: &Session,
    bound: &Bound,
    definition: &ImportDefinition,
) -> Result<Option<Tenant>> {
    let Some(tenant) = &definition.tenant else { return Ok(None) };
    if let Some(name) = tenant.parameter() {
        return Err(Error::definition(format!(
            "the import needs a value for `{name}`, its tenant"
        ))
        .hint(format!("give it with --set {name}=VALUE")));
    }
    for target in &bound.plan.targets {
        ensure_kept_apart(&session.client, &target.load, &tenant.setting).await?;
    }
    Ok(Some(Tenant { setting: tenant.setting.clone(), value: tenant.value.clone() }))
}

/// Notes how the targets are partitioned, and that the role may make what is missing.
///
/// # Errors
/// A finding where a table is not partitioned so; `ErrorKind::Environment` when the role lacks
/// the right, or the server refuses.
pub async fn bind_partitions(
    session: &Session,
    bound: &mut Bound,
    definition: &ImportDefinition,
) -> Result<(), Stop> {
    let plan = Arc::get_mut(&mut bound.plan);
    let plan = plan.ok_or_else(|| Error::unexpected("the plan is in use already"))?;
    for target in &mut plan.targets {
        // The plan's order is another one than the definition's.
        let mut written = definition.targets.iter().enumerate();
        let wanted =
            written.find(|(index, _)| Place::root().key("target").index(*index) == target.place);
        let partitions = wanted.and_then(|(_, wanted)| wanted.partitions.as_ref());
        let every = partitions.map(|partitions| partitions.every);
        let place = target.place.key("partitions");
        target.load.range = range_of(session, &target.load, every, place).await?;
    }
    Ok(())
}

async fn range_of(
    session: &Session,
    load: &LoadTarget,
    every: Option<Period>,
    place: Place,
) -> Result<Option<RangePartitions>, Stop> {
    let described = partitions::describe(&session.client, load.table.oid).await?;
    let named = described.as_ref().and_then(|described| described.column.as_ref());
    let column = named.and_then(|name| load.columns.iter().position(|it| it.column.name == *name));
    let is_time = |column: usize| {
        let pg_type = &load.columns[column].column.pg_type;
        matches!(pg_type, PgType::Date | PgType::Timestamp(_) | PgType::TimestampTz(_))
    };
    let every = every.map(|every| match every {
        Period::Day => Every::Day,
        Period::Month => Every::Month,
        Period::Year => Every::Year,
    });
    if every.is_some() && !column.is_some_and(is_time) {
        let table = &load.table.name;
        let message = format!("{table} is not partitioned by ranges of a date or time it is given");
        let hint = "`partitions` is for tables made with `partition by range (column)`";
        let finding = Finding::new("bind.partitions", place, message).at_key().hint(hint);
        return Err(Stop::Findings(vec![finding]));
    }
    if let (Some(described), Some(_)) = (&described, every)
        && !(described.is_owner && described.may_create)
    {
        let what = format!("the role may not make partitions of {}", load.table.name);
        let owner = &described.owner;
        return Err(Stop::Error(Error::environment(what).hint(format!(
            "it has to be a member of the table's owner (grant {owner} to ...) and needs CREATE on the schema"
        ))));
    }
    Ok(column.map(|column| RangePartitions { column, every }))
}

async fn bind_log(session: &Session, log: &LogDefinition) -> Result<LogRow, Stop> {
    let place = Place::root().key("after").key("log");
    let Some(table) = catalog::read_table(&session.client, &log.table).await? else {
        let message = format!("the database has no table `{}`", log.table);
        let finding = Finding::new("bind.no_such_table", place.key("table"), message);
        return Err(Stop::Findings(vec![finding]));
    };
    let unknown = log.columns.keys().filter(|name| table.column(name).is_none());
    let findings: Vec<Finding> = unknown
        .map(|name| {
            let place = place.key("columns").key(name.clone());
            let message = format!("{} has no column `{name}`", table.name);
            Finding::new("bind.no_such_column", place, message).at_key()
        })
        .collect();
    if !findings.is_empty() {
        return Err(Stop::Findings(findings));
    }
    let columns = log.columns.iter();
    let columns = columns.map(|(name, value)| (name.clone(), LogValue::of(value.to_string())));
    Ok(LogRow { columns: columns.collect(), table: table.name })
}
