//! What a role needs to run pipelines: read from the catalog, compared with what it has.
//!
//! A run asks before it begins, so that what is missing is named at once and
//! not met half-way; `doctor` tells it, or writes the grants for another role.

use serde::Serialize;
use tokio_postgres::{Client, Row, types::Type};

use super::{
    catalog,
    session::database_error,
    sql::{qualified, quote_identifier},
};
use crate::{
    error::{Error, Result},
    schema::TableName,
};

/// What a pipeline does to one of its targets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableNeed {
    /// The table as the definition writes it.
    pub name: String,
    /// `SELECT`, `INSERT`, `UPDATE`, `DELETE`.
    pub privileges: Vec<&'static str>,
    /// The columns that are written.
    pub columns: Vec<String>,
    /// Those that lookups of the run take of rows that it writes itself: where the database gives
    /// them, they are drawn before.
    pub drawn: Vec<String>,
}

/// What a role needs for some targets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needed {
    /// One by one, in the order in which they can be given.
    pub privileges: Vec<Privilege>,
    /// Targets that are not there, as their definitions write them.
    pub unknown_tables: Vec<String>,
}

impl Needed {
    /// The privileges that the session's role does not have.
    pub fn missing(&self) -> impl Iterator<Item = &Privilege> {
        self.privileges.iter().filter(|privilege| !privilege.held)
    }

    fn add(&mut self, row: &Row) -> Result<(), tokio_postgres::Error> {
        match row.try_get(0)? {
            "no table" => self.unknown_tables.push(row.try_get(1)?),
            kind => self.privileges.push(Privilege::of(kind, row)?),
        }
        Ok(())
    }
}

/// One privilege on one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Privilege {
    object: Object,
    privilege: String,
    /// Whether the session's role has it.
    pub held: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Object {
    /// A schema of ours that is not there yet.
    NewSchema(String),
    Schema(String),
    Table(TableName),
    Sequence(TableName),
}

impl Privilege {
    /// What it is: `UPDATE on table school.student`.
    pub fn describe(&self) -> String {
        let privilege = &self.privilege;
        match &self.object {
            Object::NewSchema(name) => format!("a schema {name}, or CREATE on the database"),
            Object::Schema(name) => format!("{privilege} on schema {name}"),
            Object::Table(name) => format!("{privilege} on table {name}"),
            Object::Sequence(name) => format!("{privilege} on sequence {name}"),
        }
    }

    /// The statement that gives it to a role.
    pub fn grant(&self, role: &str) -> String {
        let role = quote_identifier(role);
        let on = match &self.object {
            Object::NewSchema(name) => {
                let name = quote_identifier(name);
                return format!("create schema if not exists {name} authorization {role}");
            }
            Object::Schema(name) => format!("schema {}", quote_identifier(name)),
            Object::Table(name) => format!("table {}", qualified(name)),
            Object::Sequence(name) => format!("sequence {}", qualified(name)),
        };
        format!("grant {} on {on} to {role}", self.privilege.to_lowercase())
    }

    fn of(kind: &str, row: &Row) -> Result<Self, tokio_postgres::Error> {
        let (schema, name): (String, Option<String>) = (row.try_get(1)?, row.try_get(2)?);
        let object = match (kind, name) {
            ("table", Some(name)) => Object::Table(TableName { schema, name }),
            ("sequence", Some(name)) => Object::Sequence(TableName { schema, name }),
            ("new schema", _) => Object::NewSchema(schema),
            _ => Object::Schema(schema),
        };
        Ok(Self { object, privilege: row.try_get(3)?, held: row.try_get(4)? })
    }
}

/// Everything a role needs for these targets, the ledger and staging.
///
/// # Errors
/// `ErrorKind::Environment` if the catalog cannot be read.
pub async fn needed(client: &Client, needs: &[TableNeed]) -> Result<Needed> {
    let failed = |error| database_error(&error, "list what the role may do");
    let document = serde_json::to_string(needs)
        .map_err(|cause| Error::unexpected("the targets cannot be written").caused_by(cause))?;
    let rows = client.query_typed(include_str!("needed.sql"), &[(&document, Type::TEXT)]).await;
    let rows = rows.map_err(|error| match error.code().map(|code| code.code()) {
        // `parse_ident` did not take one for a name.
        Some("22023") => catalog::not_a_name(&names(needs)),
        _ => failed(error),
    })?;
    let mut needed = Needed::default();
    rows.iter().try_for_each(|row| needed.add(row)).map_err(failed)?;
    Ok(needed)
}

fn names(needs: &[TableNeed]) -> String {
    needs.iter().map(|need| need.name.as_str()).collect::<Vec<_>>().join("`, `")
}

/// The session's role.
///
/// # Errors
/// `ErrorKind::Environment` if the server refuses.
pub async fn current_role(client: &Client) -> Result<String> {
    let failed = |error| database_error(&error, "say which role this is");
    let row = client.query_typed_one("select current_user::text", &[]).await.map_err(failed)?;
    row.try_get(0).map_err(failed)
}

/// Makes sure that the session's role can do what is needed. Tables that are
/// not there are left to whoever reads them.
///
/// # Errors
/// `ErrorKind::Environment`, naming everything that is missing and how to give it.
pub async fn ensure(client: &Client, needs: &[TableNeed]) -> Result<()> {
    let needed = needed(client, needs).await?;
    let missing: Vec<_> = needed.missing().collect();
    if missing.is_empty() {
        return Ok(());
    }
    let role = current_role(client).await?;
    let list = |what: &dyn Fn(&Privilege) -> String, between: &str| {
        missing.iter().map(|privilege| what(privilege)).collect::<Vec<_>>().join(between)
    };
    let what = format!("the role {role} lacks {}", list(&Privilege::describe, ", "));
    let grants = list(&|privilege| privilege.grant(&role), "; ");
    Err(Error::environment(what).hint(format!("as an administrator of the database: {grants}")))
}

/// What an administrator runs so that `role` has all of this.
pub fn script(needed: &Needed, role: &str, database: &str) -> String {
    let connect = format!(
        "grant connect on database {} to {}",
        quote_identifier(database),
        quote_identifier(role)
    );
    let grants = needed.privileges.iter().map(|privilege| privilege.grant(role));
    std::iter::once(connect).chain(grants).map(|grant| format!("{grant};\n")).collect()
}
