//! How each tool is called, where it is installed.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use super::Failed;

/// Where the server is, as each tool wants to hear it.
#[derive(Clone)]
pub(super) struct Place {
    /// A URL.
    pub(super) url: String,
    /// The folder of the server's socket.
    pub(super) socket: String,
    /// Its port.
    pub(super) port: String,
    pub(super) user: String,
    pub(super) database: String,
}

impl Place {
    /// Asks the server itself.
    pub(super) fn of(server: &super::Server) -> Result<Self, Failed> {
        let ask = |query: &str| server.ask(query);
        Ok(Self {
            url: server.url(),
            socket: ask(
                "select trim('\"' from split_part(current_setting('unix_socket_directories'), ',', 1))",
            )?,
            port: ask("show port")?,
            user: ask("select current_user")?,
            database: ask("select current_database()")?,
        })
    }

    fn pairs(&self) -> String {
        format!(
            "host={} port={} user={} dbname={}",
            self.socket, self.port, self.user, self.database
        )
    }

    pub(super) fn ogr2ogr(&self, arguments: &[&str]) -> Command {
        let mut ogr2ogr = Command::new("ogr2ogr");
        ogr2ogr.args(["--config", "PG_USE_COPY", "YES", "-f", "PostgreSQL"]);
        ogr2ogr.arg(format!("PG:{}", self.pairs())).args(arguments);
        ogr2ogr
    }

    /// What one shell line pipes into psql.
    pub(super) fn piped_to_psql(&self, psql: &Path, producer: &str) -> Command {
        let mut shell = Command::new("sh");
        let line = format!(
            "{producer} | '{}' -X -q -v ON_ERROR_STOP=1 -d '{}' > /dev/null",
            psql.display(),
            self.pairs()
        );
        shell.args(["-c", &line]);
        shell
    }

    /// What pgloader is to do.
    pub(super) fn pgloader_script(&self, csv: &Path, fields: &str) -> String {
        let Self { socket, port, user, database, .. } = self;
        format!(
            "LOAD CSV FROM '{}' ({fields})\n  INTO postgresql://{user}@unix:{socket}:{port}/{database}?tablename=sale\n  WITH fields optionally enclosed by '\"', fields terminated by ',';\n",
            csv.display()
        )
    }
}

/// Whether a program is there; says so where it is not.
pub(super) fn has(program: &str) -> bool {
    let mut asked = Command::new(program);
    let asked = asked.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    said(program, asked.status().is_ok())
}

/// Whether a module of Python is there.
pub(super) fn has_module(python: &Path, module: &str) -> bool {
    let mut command = Command::new(python);
    let command = command.args(["-c", &format!("import {module}")]).stderr(Stdio::null());
    let ended = command.status().is_ok_and(|status| status.success());
    said(module, ended)
}

fn said(name: &str, there: bool) -> bool {
    if !there {
        eprintln!("{name} is not installed and left out");
    }
    there
}
