//! What an export would do, for `longshore plan`: nothing is written and no row is read.

use serde::Serialize;

use super::{ExportRequest, path::PathPattern, snapshot, write};
use crate::{
    definition::{OutputFormat, Treatment},
    error::Result,
    postgres::session::Session,
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
    let pattern = PathPattern::fill(output, request.parameters, &run)?;
    snapshot::open(session, &run).await?;
    snapshot::enter(session, definition).await?;
    let (query, _) = write::prepare(session, request, None).await?;
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
        path: pattern.shown(&output.group_by),
        manifest: pattern.manifest(output),
        columns: query.columns.iter().map(column).collect(),
    })
}
