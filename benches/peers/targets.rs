//! Ten tables from one file, beside ten COPYs of the same tuples, one after the other.

use std::{fmt::Write, process::Command};

use super::{
    Failed, child,
    contests::{Contest, Prepared, SALE, SALE_FIELDS, Way},
    data,
};

const TARGETS: usize = 10;

/// What each table has beside the key: columns with their types, and the fields they are read from.
const COLUMNS: [(&str, &str, &str); 4] = [
    ("price", "integer not null", "price"),
    ("sold_on", "timestamp not null", "date"),
    ("street", "text", "street"),
    ("town", "text not null", "town"),
];

impl Prepared<'_> {
    /// A quarter of the sales, that a round may take no longer than others.
    pub(super) fn targets(&self) -> Result<Contest, Failed> {
        let rows = self.request.sales / 4;
        let csv = data::file("sales", "sales.csv", rows)?;
        let names = COLUMNS.map(|(name, ..)| name).join(", ");
        let tuples = self.folder.join("tuples.bin").display().to_string();
        let prepare = [
            format!("drop table if exists sale; {SALE}"),
            format!("\\copy sale from '{}' (format csv, force_null (unit))", csv.display()),
            format!(
                "\\copy (select transaction_id, {names} from sale) to '{tuples}' (format binary)"
            ),
            "drop table sale".to_owned(),
        ];
        child::run(self.psql_with(&prepare))?;
        let mut pipeline = format!(
            "[source]\nformat = \"csv\"\npath = \"{}\"\nheader = false\ncolumns = {SALE_FIELDS:?}\n",
            csv.display()
        );
        let (mut ready, mut copies) = (Vec::new(), Vec::new());
        for target in 0..TARGETS {
            let columns: String =
                COLUMNS.iter().map(|(name, is, _)| format!(", {name} {is}")).collect();
            ready.push(format!(
                "drop table if exists sale_{target};
                 create table sale_{target} (transaction_id uuid primary key{columns}) with (autovacuum_enabled = false)"
            ));
            copies.push(format!("\\copy sale_{target} from '{tuples}' (format binary)"));
            write!(
                pipeline,
                "[[target]]\ntable = \"public.sale_{target}\"\nmode = \"upsert\"\nkey = [\"transaction_id\"]\n[target.columns]\ntransaction_id = {{ from = \"id\" }}\n"
            )?;
            for (name, _, from) in COLUMNS {
                writeln!(pipeline, "{name} = {{ from = \"{from}\" }}")?;
            }
        }
        let counts: Vec<String> =
            (0..TARGETS).map(|target| format!("(select count(*) from sale_{target})")).collect();
        let counted = format!("select {}", counts.join(" + "));
        let check = || Some((counted.clone(), (rows * TARGETS as u64).to_string()));
        let pipeline = self.pipeline("targets", &pipeline)?;
        let (psql, url) = (self.psql.clone(), self.place.url.clone());
        let ways = vec![
            Way {
                name: "ten binary \\copy, straight into the tables".to_owned(),
                ready: ready.clone(),
                command: Box::new(move || psql_with((&psql, &url), &copies)),
                check: check(),
                once: false,
            },
            Way { ready, check: check(), ..self.longshore("longshore run", "run", &pipeline, &[]) },
        ];
        Ok(Contest { title: format!("{rows} sales into ten tables"), ways, against: 0 })
    }

    fn psql_with(&self, commands: &[String]) -> Command {
        psql_with((&self.psql, &self.place.url), commands)
    }
}

fn psql_with((psql, url): (&std::path::Path, &str), commands: &[String]) -> Command {
    let mut psql = Command::new(psql);
    psql.args(["-X", "-q", "--set", "ON_ERROR_STOP=1", "--dbname", url]);
    for command in commands {
        psql.args(["--command", command]);
    }
    psql
}
