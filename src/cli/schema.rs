//! `longshore schema`: what editors complete pipelines from.

use super::{console::Console, exit::ExitStatus};
use crate::{
    definition::json_schema,
    error::{Error, Result},
};

/// Prints the JSON Schema.
pub(super) fn schema(console: &Console) -> Result<ExitStatus> {
    let text = serde_json::to_string_pretty(&json_schema()).map_err(|cause| {
        Error::unexpected("the schema cannot be written as JSON").caused_by(cause)
    })?;
    console.data_line(&text);
    Ok(ExitStatus::Done)
}
