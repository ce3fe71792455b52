//! Personal data stay in the database and in `rejected/`.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use super::workspace::Workspace;

const PIPELINE: &str = r#"
[source]
format = "csv"
path = "$DIR/pupils.csv"

[[target]]
table = "public.pupil"
mode = "upsert"
key = ["id"]
[target.columns]
id = { from = "id" }
name = { from = "name", pattern = "[A-Z][a-z]+", sensitive = true }
born = { from = "born", sensitive = true }
code = { from = "code" }
"#;

#[tokio::test]
async fn no_value_reaches_output_report_or_ledger() {
    let table = "create table pupil (id int primary key, name varchar(10) check (name <> 'Zacarias'), born date, code int unique)";
    let space = Workspace::with(table).await;
    let names = ["Wilhelmina", "xaverius99", "Zacarias", "Quirinus1234567"];
    let text = format!(
        "id,name,born,code\n1,{},1999-31-12,5\n2,{},x,6\n3,{},2001-01-01,7\n4,{},,8\n5,Ana,,9\n6,Eva,,9\n",
        names[0], names[1], names[2], names[3]
    );
    space.write("pupils.csv", text);
    let toml = space
        .write("pupils.toml", PIPELINE.replace("$DIR", &space.folder.path().display().to_string()));
    let reports = space.folder.path().join("reports");
    let ended = Command::new(env!("CARGO_BIN_EXE_longshore"))
        .args(["run", "--output", "json", "--database", space.database.url(), "--report-dir"])
        .args([&reports, &toml])
        .output()
        .expect("longshore runs");
    let mut public = String::from_utf8_lossy(&ended.stdout).into_owned()
        + &String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(0), "{public}");
    let run = fs::read_dir(&reports).expect("reports").flatten().next().expect("a report").path();
    for file in ["summary.json", "rejections.csv"] {
        public += &fs::read_to_string(run.join(file)).expect("a report file");
    }
    public += &space.value("select string_agg(r::text, '') from longshore.run r").await;
    public += &space.value("select string_agg(r::text, '') from longshore.rejection r").await;
    for secret in names.iter().chain(&["1999-31-12", "Quirinus"]) {
        assert!(!public.contains(secret), "a value is shown");
    }
    let kept = fs::read_to_string(run.join("rejected/pupils.csv")).expect("the rejected records");
    assert!(kept.contains(names[2]), "the owner gets the record itself");
    assert_private(&run);
}

fn assert_private(folder: &Path) {
    let mode = |path: &Path| fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
    assert_eq!(mode(folder), 0o700);
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            assert_private(&path)
        } else {
            assert_eq!(mode(&path), 0o600, "{}", path.display())
        }
    }
}
