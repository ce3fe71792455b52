//! What `check` says of exports with a database, and options that exports have no use for.

use std::process::{Command, Output};

use super::workspace::Workspace;

fn longshore(space: &Workspace, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
    command.env_clear().env("DATABASE_URL", space.database.url());
    command.current_dir(space.folder.path()).args(arguments).output().expect("longshore runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const EXPORT: &str = "kind = \"export\"\nsql = \"select id, name, at from item where id > :least order by id\"\n\
    [output]\nformat = \"csv\"\npath = \"out/{id}.csv\"\ngroup_by = [\"id\"]\n";

#[tokio::test]
async fn what_a_query_lacks_is_found_before_it_runs() {
    let space = Workspace::with("create table item (id int primary key, name text, at timestamptz); create table other (a int)").await;
    let archive = "[archive]\ntable = \"item\"\nkey = [\"id\"]\n";
    let cases = [
        (EXPORT.to_owned(), None),
        (
            EXPORT.replace("from item", "from itme"),
            Some(("sql", "relation \"itme\" does not exist", 2)),
        ),
        (
            EXPORT.replace("select id, name", "select id, nmae"),
            Some(("sql", "column \"nmae\" does not exist", 2)),
        ),
        (
            EXPORT.replace("select id", "delete from item; select id"),
            Some(("sql", "multiple commands", 2)),
        ),
        (
            format!("{EXPORT}columns = [\"id\", \"nam\"]\n"),
            Some(("output.columns[1]", "no column `nam`", 7)),
        ),
        (
            format!("{EXPORT}labels = {{ nam = \"N\" }}\n"),
            Some(("output.labels.nam", "no column `nam`", 7)),
        ),
        (
            format!("{EXPORT}[sensitive]\nnam = {{}}\n"),
            Some(("sensitive.nam", "no column `nam`", 8)),
        ),
        (
            format!(
                "{}[incremental]\ncolumn = \"name\"\n",
                EXPORT.replace("{id}.csv", "{id}-{run}.csv")
            ),
            Some(("incremental", "is text; rows are known", 7)),
        ),
        (format!("{EXPORT}{archive}"), None),
        (
            format!("{EXPORT}{}", archive.replace("item", "itme")),
            Some(("archive.table", "no table `itme`", 8)),
        ),
        (
            format!("{EXPORT}{}", archive.replace("item", "other")),
            Some(("archive.table", "no unique constraint", 8)),
        ),
        (
            format!("{EXPORT}{archive}").replace("id, name, at", "id, name"),
            Some(("archive.table", "would not hold `at`", 8)),
        ),
    ];
    for (definition, expected) in cases {
        space.write("e.toml", &definition);
        let checked = longshore(&space, &["check", "e.toml", "--output", "json"]);
        let Some((place, message, line)) = expected else {
            assert_eq!(checked.status.code(), Some(0), "{definition}: {}", said(&checked));
            assert!(said(&checked).contains("against the database"), "{}", said(&checked));
            continue;
        };
        assert_eq!(checked.status.code(), Some(2), "{definition}: {}", said(&checked));
        let document: serde_json::Value = serde_json::from_slice(&checked.stdout).expect("JSON");
        let finding = &document["findings"][0];
        assert_eq!(finding["path"], place, "{document}");
        assert_eq!(finding["line"], line, "{document}");
        assert!(
            finding["message"].as_str().is_some_and(|text| text.contains(message)),
            "{document}"
        );
    }
    let offline = longshore(&space, &["check", "e.toml", "--offline"]);
    assert_eq!(offline.status.code(), Some(0), "{}", said(&offline));
}

#[tokio::test]
async fn an_option_that_an_export_has_no_use_for_is_told_or_refused() {
    let space =
        Workspace::with("create table item (id int primary key, name text, at timestamptz)").await;
    space.write("e.toml", EXPORT);
    let run = ["run", "e.toml", "--set", "least=0"];
    for option in [&["--input", "x"][..], &["--force"]] {
        let refused = longshore(&space, &[&run[..], option].concat());
        assert_eq!(refused.status.code(), Some(2), "{option:?}: {}", said(&refused));
        let message = format!("`{}` is for imports", option[0]);
        assert!(said(&refused).contains(&message), "{}", said(&refused));
    }
    for option in ["--report-dir", "--threads", "--connections"] {
        let told = longshore(&space, &[&run[..], &[option, "2"]].concat());
        assert_eq!(told.status.code(), Some(0), "{option:?}: {}", said(&told));
        let message = format!("warning: `{option}` is for imports");
        assert!(said(&told).contains(&message), "{}", said(&told));
    }
    let refused = longshore(&space, &["plan", "e.toml", "--set", "least=0", "--counts"]);
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    assert_eq!(longshore(&space, &run).status.code(), Some(0));
}
