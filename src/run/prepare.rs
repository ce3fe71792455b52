//! Everything before the first record: files, ledger, headers, catalog, plan.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use sha2::{Digest, Sha256};

use super::{
    bound::BoundFile,
    files::{self, FoundFile},
    progress::{FileProgress, Progress},
};
use crate::{
    definition::{
        AfterDefinition, CodeList, CodeListFile, ColumnDefinition, Format, ImportDefinition,
        SourceDefinition, WriteMode,
    },
    diagnostic::Finding,
    error::{Context, Error, Result},
    load::{AfterLoad, LoadTarget, Tenant},
    plan::{self, BindInput, FileHeader, FileLayout, Plan},
    postgres::{catalog, prove, session::Session},
    schema::TableSchema,
    source::{self, Source, bundle::Delivered},
};

/// Why a run or a check stopped: for the definition's author, or for the operator.
#[derive(Debug)]
pub enum Stop {
    /// The definition does not fit; every finding.
    Findings(Vec<Finding>),
    /// Something else.
    Error(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Error(error)
    }
}

/// A definition to bind, and where it stands.
#[derive(Debug, Clone)]
pub struct Pipeline {
    /// Its name: the path below `pipelines/`, without ending.
    pub name: String,
    /// The folder it stands in; code lists are relative to it.
    pub folder: PathBuf,
    /// What it says.
    pub definition: ImportDefinition,
}

/// A pipeline's name: what follows `pipelines/` in its path, or its file name; without ending.
pub fn pipeline_name(path: &Path) -> String {
    let stem = path.with_extension("");
    let parts: Vec<_> = stem.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    let below =
        parts.iter().rposition(|part| part == "pipelines").map_or(parts.len() - 1, |at| at + 1);
    parts[below.min(parts.len() - 1)..].join("/")
}

impl Pipeline {
    /// The pipeline for one tenant: to the ledger each tenant's is one of its own, so that a file
    /// that one of them has loaded is new to the others.
    #[must_use]
    pub fn for_tenant(mut self, value: &str) -> Self {
        if let Some(tenant) = &mut self.definition.tenant {
            value.clone_into(&mut tenant.value);
            self.name = format!("{}@{value}", self.name);
        }
        self
    }

    /// The pipeline with the values that it asks for, as far as they are given.
    #[must_use]
    pub fn with_parameters(self, given: &[(String, String)]) -> Self {
        let Some(tenant) = self.definition.tenant.clone() else { return self };
        let value = match tenant.parameter() {
            None => Some(tenant.value.as_str()),
            Some(name) => {
                given.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
            }
        };
        match value {
            Some(value) => self.for_tenant(value),
            None => self,
        }
    }

    /// Where the pipeline stands, for those who look for it later.
    pub fn file(&self) -> PathBuf {
        let name = match &self.definition.tenant {
            Some(tenant) => self.name.strip_suffix(&format!("@{}", tenant.value)),
            None => None,
        };
        let name = name.unwrap_or(&self.name);
        let stem = name.rsplit('/').next().unwrap_or(name);
        let path = self.folder.join(format!("{stem}.toml"));
        std::path::absolute(&path).unwrap_or(path)
    }
}

/// Sources that are open, with the plan that fits them.
pub struct Bound {
    /// The plan.
    pub plan: Arc<Plan>,
    /// The files, open.
    pub files: Arc<Vec<BoundFile>>,
    /// What else happens when it is published.
    pub after: AfterLoad,
    /// Whose rows are loaded, where tenants are kept apart.
    pub tenant: Option<Tenant>,
}

impl Bound {
    /// Binds the plan to files that hold some records of a delivery only: nothing is deleted.
    ///
    /// # Errors
    /// `ErrorKind::Unexpected` when the plan is in use already.
    pub(super) fn of_part(mut self) -> Result<Self> {
        let plan = Arc::get_mut(&mut self.plan);
        let plan = plan.ok_or_else(|| Error::unexpected("the plan is in use already"))?;
        for target in &mut plan.targets {
            let load = &mut target.load;
            load.mode = load.mode.clone().of_part(!load.key.is_empty());
        }
        Ok(self)
    }

    /// What the database needs to know of the targets.
    pub fn loads(&self) -> Vec<LoadTarget> {
        self.plan.targets.iter().map(|target| target.load.clone()).collect()
    }
}

/// Opens the files and binds the definition to their headers and to the tables.
///
/// # Errors
/// All findings; or the error that kept files or catalog from being read.
pub fn bind_files(
    pipeline: &Pipeline,
    found: &[FoundFile],
    tables: &[Option<TableSchema>],
    table_names: &[String],
) -> Result<Bound, Stop> {
    let sources = open_sources(found)?;
    let headers = found.iter().zip(&sources).map(|(file, source)| FileHeader {
        file: file.input.display.clone(),
        source: file.of,
        header: source.header().clone(),
    });
    let files = Files {
        headers: headers.collect(),
        delivered: delivered(&pipeline.definition, found),
        crs: common_crs(&pipeline.definition, found, &sources)?,
    };
    let plan = bind(pipeline, &files, tables, table_names)?;
    let files = found.iter().zip(sources).map(|(file, source)| {
        let FileLayout { projection, unpivoted } =
            plan::file_layout(&plan, file.of, source.header(), &file.input.display);
        let name = Some(plan.sources[file.of].name.clone()).filter(|name| !name.is_empty());
        let (of, delivered) = (file.of, file.delivered);
        BoundFile {
            input: file.input.clone(),
            of,
            name,
            delivered,
            source,
            projection,
            skip: file.skip.clone(),
            unpivoted,
        }
    });
    let files = Arc::new(files.collect());
    Ok(Bound { plan: Arc::new(plan), files, after: AfterLoad::default(), tenant: None })
}

/// What files say that a definition is bound to.
struct Files<'a> {
    headers: Vec<FileHeader>,
    /// Per source.
    delivered: Vec<Delivered>,
    /// Per source.
    crs: Vec<Option<&'a str>>,
}

/// Per source, what its delivery says of it. A file of a bundle that was not found is absent.
fn delivered(definition: &ImportDefinition, found: &[FoundFile]) -> Vec<Delivered> {
    let of = |source| found.iter().find(|file| file.of == source).map(|file| file.delivered);
    let otherwise = if definition.bundle.is_some() { Delivered::Absent } else { Delivered::Bulk };
    (0..definition.sources().len()).map(|source| of(source).unwrap_or(otherwise)).collect()
}

/// Binds the definition to the tables alone, for want of a file; its fields are taken as they
/// are named, and a feature's reference system, which the file would tell, as longitude and latitude.
///
/// # Errors
/// All findings.
pub fn bind_tables(
    pipeline: &Pipeline,
    tables: &[Option<TableSchema>],
    table_names: &[String],
) -> Result<Plan, Stop> {
    let tells_its_crs = |source: &&SourceDefinition| {
        matches!(source.format, Format::Geojson | Format::Shapefile).then_some("EPSG:4326")
    };
    let sources = pipeline.definition.sources();
    let files = Files {
        headers: Vec::new(),
        delivered: vec![Delivered::Bulk; sources.len()],
        crs: sources.iter().map(tells_its_crs).collect(),
    };
    bind(pipeline, &files, tables, table_names)
}

fn bind(
    pipeline: &Pipeline,
    files: &Files<'_>,
    tables: &[Option<TableSchema>],
    table_names: &[String],
) -> Result<Plan, Stop> {
    plan::bind(&BindInput {
        pipeline: &pipeline.name,
        definition: &pipeline.definition,
        headers: &files.headers,
        delivered: &files.delivered,
        tables,
        table_names,
        crs: &files.crs,
        today: jiff::Zoned::now().date(),
        code_list: &|list| read_code_list(pipeline, list),
    })
    .map_err(Stop::Findings)
}

fn open_sources(found: &[FoundFile]) -> Result<Vec<Box<dyn Source>>> {
    let open = |file: &FoundFile| {
        source::open(&file.source, &file.input)
            .context(|| format!("while opening `{}`", file.input.display))
    };
    found.iter().map(open).collect()
}

/// Per source, the reference system of its files, which have to agree on it: a plan has only one.
fn common_crs<'a>(
    definition: &ImportDefinition,
    found: &[FoundFile],
    sources: &'a [Box<dyn Source>],
) -> Result<Vec<Option<&'a str>>> {
    let files = || found.iter().zip(sources);
    let common = |of: usize| {
        let mut same = files().filter(|(file, _)| file.of == of);
        let Some((first, source)) = same.next() else { return Ok(None) };
        match same.find(|(_, other)| other.crs() != source.crs()) {
            None => Ok(source.crs()),
            Some((file, _)) => Err(Error::source_file(format!(
                "`{}` and `{}` declare different coordinate reference systems",
                first.input.display, file.input.display
            ))
            .hint("load them by two pipelines, or one after the other with --input")),
        }
    };
    (0..definition.sources().len()).map(common).collect()
}

fn read_code_list(pipeline: &Pipeline, list: &CodeListFile) -> Result<Vec<u8>> {
    let path = pipeline.folder.join(&list.csv);
    std::fs::read(&path).map_err(|cause| {
        Error::definition(format!("the code list `{}` cannot be read", path.display()))
            .caused_by(cause)
    })
}

/// The tables of a definition as the catalog has them, its targets' first, then those of its
/// lookups; and the names of all tables.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn read_tables(
    session: &Session,
    definition: &ImportDefinition,
) -> Result<(Vec<Option<TableSchema>>, Vec<String>)> {
    let mut tables = Vec::with_capacity(definition.targets.len());
    let targets = definition.targets.iter().map(|target| target.table.as_str());
    for table in targets.chain(definition.lookup_tables()) {
        tables.push(catalog::read_table(&session.client, table).await?);
    }
    Ok((tables, catalog::table_names(&session.client).await?))
}

/// Proves that the SQL of a plan is understood by the server, over the right columns.
///
/// # Errors
/// A finding for each condition or computed column that is not.
pub async fn prove_sql(session: &Session, plan: &Plan) -> Result<(), Stop> {
    let mut findings = Vec::new();
    for target in &plan.targets {
        findings.extend(prove::prove(&session.client, &target.load, &target.place).await?);
    }
    if findings.is_empty() { Ok(()) } else { Err(Stop::Findings(findings)) }
}

/// Lets a console know the files.
pub fn announce(progress: &Progress, found: &[FoundFile]) {
    let files = found.iter().map(|file| FileProgress::new(file.input.display.clone(), file.bytes));
    progress.set_files(files.collect());
}

/// Finds and hashes the files, away from the runtime's thread.
///
/// # Errors
/// `ErrorKind::Source` when there is none, or one cannot be read.
pub async fn find_files(definition: &ImportDefinition) -> Result<Vec<FoundFile>> {
    let definition = definition.clone();
    let found = tokio::task::spawn_blocking(move || files::find(&definition)).await;
    found.map_err(|cause| Error::unexpected("hashing the files failed").caused_by(cause))?
}

/// SHA-256 of what the definition says, code lists included; not of how it is written.
///
/// # Errors
/// `ErrorKind::Definition` when a code list cannot be read.
pub fn definition_sha256(pipeline: &Pipeline) -> Result<String> {
    let mut said = pipeline.definition.clone();
    said.description.clear();
    // How long a run can be undone changes nothing of what it loads.
    said.limits.undo = None;
    said.after = AfterDefinition::default();
    let said = serde_json::to_vec(&said).map_err(|cause| {
        Error::unexpected("the definition cannot be written as JSON").caused_by(cause)
    })?;
    let mut hash = Sha256::new_with_prefix(said);
    let columns = pipeline.definition.targets.iter().flat_map(|target| target.columns.values());
    for column in columns.flat_map(ColumnDefinition::and_matched) {
        if let Some(CodeList::File(list)) = &column.map {
            hash.update(read_code_list(pipeline, list)?);
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Whether any target deletes rows that are absent from these files.
pub fn deletes(definition: &ImportDefinition, found: &[FoundFile]) -> bool {
    let whole = |source| found.iter().any(|it| it.of == source && it.delivered == Delivered::Bulk);
    definition.targets.iter().any(|target| match target.mode {
        WriteMode::Manifest => whole(definition.source_of(target)),
        _ => target.deletes(),
    })
}

/// Whether any target would add the same rows again.
pub fn appends(definition: &ImportDefinition) -> bool {
    definition.targets.iter().any(|target| target.mode == WriteMode::Append)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipeline_is_named_by_its_place_below_pipelines() {
        let name = |path: &str| pipeline_name(Path::new(path));
        assert_eq!(name("pipelines/school/students.toml"), "school/students");
        assert_eq!(name("/srv/pipelines/lots.toml"), "lots");
        assert_eq!(name("lots.toml"), "lots");
    }
}
