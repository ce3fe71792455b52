//! What can be said of an export with a database and without values of its parameters: whether
//! the server understands the query, and whether the columns and the table that the definition
//! names are there.

use super::{
    archive,
    columns::{self, ResultColumn, place_of},
    incremental,
    query::Query,
    snapshot,
};
use crate::{
    definition::{ArchiveDefinition, ExportDefinition},
    diagnostic::{Finding, Place},
    error::{Error, ErrorKind, Result},
    postgres::session::Session,
    run_id::RunId,
};

/// Checks a definition against the database; nothing is written and no row is read.
///
/// # Errors
/// `ErrorKind::Environment` when the server refuses.
pub async fn check(session: &Session, definition: &ExportDefinition) -> Result<Vec<Finding>> {
    snapshot::open(session, &RunId::generate()).await?;
    let mut found = Found::default();
    let query = Query::columns_of(session, &definition.sql).await;
    if let Some(result) = found.take("bind.sql", Place::root().key("sql"), query)? {
        found.names(definition, &result);
        if let Some(archived) = &definition.archive {
            found.archive(session, (definition, archived), &result).await?;
        }
    }
    snapshot::close(session).await?;
    Ok(found.findings)
}

#[derive(Default)]
struct Found {
    findings: Vec<Finding>,
}

impl Found {
    /// What is there; what is wrong with the definition becomes a finding.
    fn take<T>(&mut self, code: &'static str, place: Place, of: Result<T>) -> Result<Option<T>> {
        match of {
            Ok(there) => Ok(Some(there)),
            Err(error) if error.kind() == ErrorKind::Definition => {
                self.add(code, place, &error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn add(&mut self, code: &'static str, place: Place, error: &Error) {
        let finding = Finding::new(code, place, error.to_string());
        self.findings.push(match error.hint_text() {
            Some(hint) => finding.hint(hint),
            None => finding,
        });
    }

    /// Columns that the definition names and the query does not have.
    fn names(&mut self, definition: &ExportDefinition, result: &[ResultColumn]) {
        let (root, output) = (Place::root(), &definition.output);
        let here = root.key("output");
        let listed = |key: &str, names: &[String]| {
            let place = here.key(key);
            names
                .iter()
                .cloned()
                .enumerate()
                .map(move |(at, name)| (name, place.index(at)))
                .collect::<Vec<_>>()
        };
        let mut named = listed("columns", &output.columns);
        named.extend(listed("group_by", &output.group_by));
        named.extend(output.labels.keys().map(|name| (name.clone(), here.key("labels").key(name))));
        named.extend(
            definition.sensitive.keys().map(|name| (name.clone(), root.key("sensitive").key(name))),
        );
        let before = self.findings.len();
        for (name, place) in named {
            if let Err(error) = place_of(&name, result) {
                self.add("bind.no_such_column", place, &error);
            }
        }
        if let Some(incremental) = &definition.incremental
            && let Err(error) = incremental::check(incremental, result)
        {
            self.add("bind.incremental", root.key("incremental"), &error);
        }
        // It names only the first of the columns above.
        if self.findings.len() == before
            && let Err(error) = columns::bind(definition, result)
        {
            self.add("bind.sql", root.key("sql"), &error);
        }
    }

    async fn archive(
        &mut self,
        session: &Session,
        (definition, archived): (&ExportDefinition, &ArchiveDefinition),
        result: &[ResultColumn],
    ) -> Result<()> {
        let place = Place::root().key("archive");
        let table = archive::table_of(&session.client, archived).await;
        let table = self.take("bind.archive", place.key("table"), table)?;
        if let (Some(table), Ok(written)) = (table, columns::bind(definition, result))
            && let Err(error) = archive::check_columns(&table, &written, result)
        {
            self.add("bind.archive", place.key("table"), &error);
        }
        Ok(())
    }
}
