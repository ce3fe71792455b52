//! Pipeline files: read, checked, and shown with their findings.

use std::path::Path;

use super::{console::Console, exit::ExitStatus};
use crate::{
    definition::{
        self, Definition, Document, ExportDefinition, ImportDefinition, TenantDefinition,
    },
    error::{Error, Result},
    run::{Pipeline, Stop, prepare::pipeline_name},
    source::input::STANDARD_INPUT,
};

/// A pipeline file that has no findings of its own.
pub(super) struct PipelineFile {
    /// Its text, for findings that come later.
    pub(super) document: Document,
    /// Its name.
    pub(super) name: String,
    /// What it says.
    pub(super) definition: Definition,
    folder: std::path::PathBuf,
}

/// Reads a pipeline file; its findings are printed, and `Err` says how the command ends.
pub(super) fn read(path: &Path, console: &Console) -> Result<PipelineFile, ExitStatus> {
    let text = std::fs::read_to_string(path).map_err(|cause| {
        let unreadable =
            Error::definition(format!("the pipeline `{}` cannot be read", path.display()));
        console.error(&unreadable.caused_by(cause))
    })?;
    let read = definition::read(&path.display().to_string(), &text)
        .map_err(|findings| console.findings(&findings.document, &findings.list))?;
    Ok(PipelineFile {
        document: read.document,
        name: pipeline_name(path),
        definition: read.definition,
        folder: path.parent().map(Path::to_owned).unwrap_or_default(),
    })
}

impl PipelineFile {
    /// The import it is, reading `input` in place of its own files where that is given.
    pub(super) fn import(&self, input: Option<&str>) -> Result<Pipeline> {
        let Definition::Import(definition) = &self.definition else {
            return Err(Error::definition(format!(
                "`{}` is an export; this command is for imports",
                self.name
            )));
        };
        let mut definition = ImportDefinition::clone(definition);
        if let Some(input) = input {
            definition.set_path(input);
        }
        Ok(Pipeline { name: self.name.clone(), folder: self.folder.clone(), definition })
    }

    /// The values it asks for, by name.
    pub(super) fn parameters(&self) -> Vec<String> {
        match &self.definition {
            Definition::Import(import) => {
                let tenant = import.tenant.as_ref().and_then(TenantDefinition::parameter);
                tenant.map(str::to_owned).into_iter().collect()
            }
            Definition::Export(export) => {
                export.parameter_names().into_iter().map(str::to_owned).collect()
            }
        }
    }

    /// Whether it is an import from standard input, which can be read only once.
    pub(super) fn reads_standard_input(&self) -> bool {
        matches!(&self.definition, Definition::Import(import) if import.path() == STANDARD_INPUT)
    }

    /// The export it is, if it is one.
    pub(super) fn export(&self) -> Option<&ExportDefinition> {
        match &self.definition {
            Definition::Export(export) => Some(export),
            Definition::Import(_) => None,
        }
    }

    /// Prints why something stopped.
    pub(super) fn stopped(&self, stop: &Stop, console: &Console) -> ExitStatus {
        match stop {
            Stop::Findings(findings) => console.findings(&self.document, findings),
            Stop::Error(error) => console.error(error),
        }
    }
}
