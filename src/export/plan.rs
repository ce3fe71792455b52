//! What an export would do, for `longshore plan`: nothing is written and no row is read.

use serde::Serialize;

use super::{
    ExportRequest,
    incremental::{self, Bounds},
    ledger,
    set::Member,
    snapshot, write,
};
use crate::{
    definition::{ArchiveDefinition, Limit, OutputFormat, Treatment},
    error::Result,
    postgres::{
        ledger::{self as database_ledger, LastRun},
        session::Session,
    },
    run_id::RunId,
};

/// What an export would do.
#[derive(Debug, Serialize)]
pub struct ExportPlan {
    /// The pipeline's name.
    pub pipeline: String,
    /// The query as it is written.
    pub sql: String,
    /// Its parameters and the types that the server has for them; `null` for those of the path.
    pub parameters: Vec<PlannedParameter>,
    /// Rows that the server's planner expects.
    pub estimated_rows: u64,
    /// How rows are written.
    pub format: OutputFormat,
    /// The path of the file; groups and numbers stay in braces.
    pub path: String,
    /// Where the manifest goes.
    pub manifest: String,
    /// Of an incremental export, which rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incremental: Option<PlannedIncrement>,
    /// Of an archive, what is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<PlannedArchive>,
    /// The columns of the query, those left out among them.
    pub columns: Vec<PlannedColumn>,
}

/// A parameter of the query or the path.
#[derive(Debug, Serialize)]
pub struct PlannedParameter {
    /// Its name.
    pub name: String,
    /// The type it has to be of.
    #[serde(rename = "type")]
    pub type_name: Option<String>,
}

/// The rows of an incremental export, if it ran now.
#[derive(Debug, Serialize)]
pub struct PlannedIncrement {
    /// The column that says when a row was written last.
    pub column: String,
    /// Where the last run ended; `None` at the beginning.
    pub since: Option<String>,
    /// Up to here.
    pub until: String,
}

/// What an archive deletes.
#[derive(Debug, Serialize)]
pub struct PlannedArchive {
    /// The table.
    pub table: String,
    /// Rows at most: a count, or a share of the table's.
    pub limit: String,
}

/// A column of the query.
#[derive(Debug, Serialize)]
pub struct PlannedColumn {
    /// Its name.
    pub name: String,
    /// The server's name of its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// What becomes of its values.
    pub treatment: Treatment,
}

/// Has the server understand the query, and says what would be written.
///
/// # Errors
/// As the export's own, up to its first row.
pub async fn plan(session: &Session, request: &ExportRequest<'_>) -> Result<ExportPlan> {
    let definition = request.definition;
    let output = &definition.output;
    let run = RunId::generate();
    let member = Member::new(request)?;
    let bounds = bounds(session, &member).await?;
    snapshot::open(session, &run).await?;
    snapshot::enter(session, definition).await?;
    let (query, _) = write::prepare(session, request, bounds.as_ref()).await?;
    let estimated_rows = query.estimated_rows(session).await?;
    snapshot::close(session).await?;
    let named = |name: &str| query.parameters.iter().find(|(known, _)| known == name);
    let parameter = |name: &str| PlannedParameter {
        name: name.to_owned(),
        type_name: named(name).map(|(_, type_name)| type_name.clone()),
    };
    let column = |column: &super::columns::ResultColumn| PlannedColumn {
        name: column.name.clone(),
        type_name: column.data_type.name().to_owned(),
        treatment: definition.treatment(&column.name),
    };
    Ok(ExportPlan {
        pipeline: request.pipeline.to_owned(),
        sql: definition.sql.trim().to_owned(),
        parameters: definition.parameter_names().into_iter().map(parameter).collect(),
        estimated_rows,
        format: output.format,
        path: member.pattern.shown(&output.group_by),
        manifest: member.manifest.display().to_string(),
        incremental: bounds.zip(definition.incremental.as_ref()).map(|(bounds, incremental)| {
            let Bounds { since, until, .. } = bounds;
            PlannedIncrement { column: incremental.column.clone(), since, until }
        }),
        archive: definition.archive.as_ref().map(planned_archive),
        columns: query.columns.iter().map(column).collect(),
    })
}

fn planned_archive(archive: &ArchiveDefinition) -> PlannedArchive {
    let limit = match &archive.limit {
        None => "5% of its rows".to_owned(),
        Some(Limit::Count(count)) => format!("{count} rows"),
        Some(Limit::Share(share)) => format!("{share} of its rows"),
    };
    PlannedArchive { table: archive.table.clone(), limit }
}

/// The bounds that a run would have now; a database without the ledger has seen none.
async fn bounds(session: &Session, member: &Member<'_>) -> Result<Option<Bounds>> {
    if member.request.definition.incremental.is_none() {
        return Ok(None);
    }
    let (until, _) = incremental::horizon(session).await?;
    let mut bounds = Bounds { since: None, until, notes: Vec::new(), keys: None };
    if database_ledger::exists(&session.client).await? {
        let record = ledger::record(member)?;
        if let LastRun::Ended(last) = database_ledger::last_run(&session.client, &record).await? {
            bounds.since = Some(last.until);
        }
    }
    Ok(Some(bounds))
}
