//! Exports: what stands in the files, and what is said about them.

use std::sync::Arc;

use longshore::{
    definition::{self, Definition, ExportDefinition},
    error::{Error, ErrorKind},
    export::{self, ExportRequest, ExportSummary, Places},
    run::progress::Progress,
};
use serde_json::Value;

use super::workspace::Workspace;
use crate::support::{Part, is_left_out};

/// An export's definition; `$DIR` stands for the folder.
fn definition(space: &Workspace, toml: &str) -> ExportDefinition {
    let text = toml.replace("$DIR", &space.folder.path().display().to_string());
    let read = definition::read("export.toml", &text)
        .unwrap_or_else(|findings| panic!("{}", findings.render(false)));
    match read.definition {
        Definition::Export(export) => *export,
        Definition::Import(_) => panic!("the test's pipeline is an export"),
    }
}

/// Exports a query to `out.csv`, with further keys of `[output]`.
async fn export_with(
    space: &Workspace,
    sql: &str,
    output: &str,
    set: &[(&str, &str)],
) -> Result<ExportSummary, Error> {
    let toml = format!(
        "kind = \"export\"\nsql = '''{sql}'''\n[output]\nformat = \"csv\"\npath = \"$DIR/out.csv\"\n{output}"
    );
    export_toml(space, &toml, set).await
}

async fn export_toml(
    space: &Workspace,
    toml: &str,
    set: &[(&str, &str)],
) -> Result<ExportSummary, Error> {
    let definition = definition(space, toml);
    let parameters: Vec<_> =
        set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let request = ExportRequest {
        pipeline: "test",
        definition: &definition,
        parameters: &parameters,
        since: None,
        again: None,
    };
    let progress = Arc::new(Progress::default());
    let endpoint = space.database.endpoint();
    let places = Places { ledger: &endpoint, source: &endpoint };
    let ended = export::export(places, &[request], &progress).await?;
    ended.into_iter().next().expect("one export")
}

/// Exports a query to `out.FORMAT` and gives its text.
async fn in_format(space: &Workspace, sql: &str, format: &str) -> Result<String, Error> {
    let toml = format!(
        "kind = \"export\"\nsql = '''{sql}'''\n[output]\npath = \"$DIR/out.{{format}}\"\n\
         delimiter = \";\"\nlabels = {{ n = \"Number\" }}\nformat = \"{format}\"\n"
    );
    export_toml(space, &toml, &[]).await?;
    Ok(space.read(format!("out.{format}")))
}

/// The text of a query's CSV.
async fn csv(space: &Workspace, sql: &str, output: &str) -> String {
    export_with(space, sql, output, &[]).await.unwrap_or_else(|error| panic!("{error}"));
    space.read("out.csv")
}

#[tokio::test]
async fn text_that_a_spreadsheet_would_run_is_guarded_and_numbers_are_not() {
    let space = Workspace::with("").await;
    let sql = "select t, -1 as n, -1.5::numeric as d, '-infinity'::date as day from \
        unnest(array['=1+1', '+1', '-1', '@x', E'\\tx', E'\\rx', 'a=b', '']) with ordinality as u(t, o) order by o";
    let guarded = csv(&space, sql, "").await;
    let expected = "t,n,d,day\n'=1+1,-1,-1.5,'-infinity\n'+1,-1,-1.5,'-infinity\n\
        '-1,-1,-1.5,'-infinity\n'@x,-1,-1.5,'-infinity\n'\tx,-1,-1.5,'-infinity\n\
        \"'\rx\",-1,-1.5,'-infinity\na=b,-1,-1.5,'-infinity\n\"\",-1,-1.5,'-infinity\n";
    assert_eq!(guarded, expected);
    let manifest: Value = serde_json::from_str(&space.read("out.csv.manifest.json")).unwrap();
    assert_eq!(manifest["raw"], false);

    let raw = csv(&space, sql, "raw = true").await;
    assert_eq!(raw, expected.replace('\'', ""));
    let manifest: Value = serde_json::from_str(&space.read("out.csv.manifest.json")).unwrap();
    assert_eq!(manifest["raw"], true, "and it is said");
}

#[tokio::test]
async fn a_header_is_guarded_too() {
    let space = Workspace::with("").await;
    let written = csv(&space, "select 1 as a order by 1", "labels = { a = \"=cmd()\" }").await;
    assert_eq!(written, "'=cmd()\n1\n");
}

#[tokio::test]
async fn values_are_written_as_the_definition_says() {
    let space = Workspace::with("").await;
    let sql = "select 1234567.25::numeric as n, true as yes, null::text as nothing, \
        date '2024-02-29' as day, timestamptz '2024-07-01 12:00:00+00' as at, \
        timestamp '2024-07-01 12:00:00.5' as local, 'a;b' as text order by 1";
    let output = r#"
delimiter = ";"
decimal_mark = ","
group_mark = "."
true_word = "ja"
null = "-"
date_format = "%d/%m/%Y"
timestamp_format = "%d.%m.%Y %H:%M"
zone = "Europe/Lisbon"
line_end = "crlf"
columns = ["text", "n", "yes", "nothing", "day", "at", "local"]
labels = { n = "Área (m²)" }
"#;
    let written = csv(&space, sql, output).await;
    assert_eq!(
        written,
        "text;Área (m²);yes;nothing;day;at;local\r\n\
         \"a;b\";1.234.567,25;ja;-;29/02/2024;01.07.2024 13:00;01.07.2024 12:00\r\n"
    );
    let plain = csv(&space, sql, "header = false").await;
    assert_eq!(
        plain,
        "1234567.25,true,,2024-02-29,2024-07-01 12:00:00+00,2024-07-01 12:00:00.5,a;b\n"
    );
}

#[tokio::test]
async fn quotes_stand_where_the_policy_wants_them() {
    let space = Workspace::with("").await;
    let sql = "select 1 as n, 'a' as t, '' as empty, null as nothing, 'x\"y' as q, 'N' as word, \
        date '2024-01-01' as d order by 1";
    let of = |policy: &str| format!("header = false\nnull = \"N\"\nquoting = \"{policy}\"");
    assert_eq!(csv(&space, sql, &of("minimal")).await, "1,a,,N,\"x\"\"y\",\"N\",2024-01-01\n");
    assert_eq!(
        csv(&space, sql, &of("all")).await,
        "\"1\",\"a\",\"\",N,\"x\"\"y\",\"N\",\"2024-01-01\"\n"
    );
    assert_eq!(csv(&space, sql, &of("text")).await, "1,\"a\",\"\",N,\"x\"\"y\",\"N\",2024-01-01\n");
}

#[tokio::test]
async fn a_character_that_the_encoding_lacks_is_named_by_row_and_column() {
    let space = Workspace::with("").await;
    let sql = "select n, case n when 2 then '日' else 'São €' end as town from generate_series(1, 2) n order by n";
    let latin = "encoding = \"windows-1252\"\nheader = false\n";
    let error = export_with(&space, sql, latin, &[]).await.expect_err("no such character");
    assert_eq!(
        error.to_string(),
        "row 2, column `town`, holds a character that windows-1252 does not have"
    );
    assert!(!space.folder.path().join("out.csv").exists());
    assert_eq!(std::fs::read_dir(space.folder.path()).unwrap().count(), 0, "nothing is left");

    let replaced = format!("{latin}unencodable = \"replace\"");
    export_with(&space, sql, &replaced, &[]).await.expect("replaced");
    let bytes = std::fs::read(space.folder.path().join("out.csv")).unwrap();
    assert_eq!(bytes, b"1,S\xe3o \x80\n2,?\n");

    export_with(&space, sql, "encoding = \"utf-8-bom\"", &[]).await.expect("written");
    assert!(space.read("out.csv").starts_with("\u{feff}n,town\n"));
}

#[tokio::test]
async fn parameters_are_typed_by_the_server_and_never_part_of_the_text() {
    let space = Workspace::with("create table item (id int, name text, day date)").await;
    let insert =
        "insert into item select n, 'x' || n, date '2024-01-01' + n from generate_series(1, 9) n";
    space.client.batch_execute(insert).await.unwrap();
    let sql = "select id from item where id > :least and day < :before and name <> :name \
        and ':least' <> 'x' order by id limit :limit";
    let set = |name: &'static str, least: &'static str| {
        [("least", least), ("before", "2024-01-08"), ("name", name), ("limit", "3")]
    };
    let evil = "'; drop table item; --\\";
    export_with(&space, sql, "", &set(evil, "2")).await.expect("written");
    assert_eq!(space.read("out.csv"), "id\n3\n4\n5\n");
    assert_eq!(space.value("select count(*) from item").await, "9");

    let error = export_with(&space, sql, "", &set("", "many")).await.expect_err("no number");
    assert_eq!(error.kind(), ErrorKind::Definition);
    assert!(error.to_string().contains("`least` is no int4"), "{error}");
    let error = export_with(&space, sql, "", &[]).await.expect_err("no value");
    assert!(error.to_string().contains("a value for `least`"), "{error}");
}

#[tokio::test]
async fn a_query_only_reads_and_is_one_statement() {
    let space = Workspace::with("create table item (id int)").await;
    for sql in [
        "with x as (insert into item values (1) returning id) select id from x order by id",
        "select 1) to stdout; drop table item; -- order by",
        "select no_such_column from item order by 1",
    ] {
        let definition =
            format!("{sql}\norder by 1").replace("order by 1\norder by 1", "order by 1");
        assert!(export_with(&space, &definition, "", &[]).await.is_err(), "{sql}");
    }
    assert_eq!(space.value("select count(*) from item").await, "0");
}

#[tokio::test]
async fn sensitive_columns_stay_away_unless_the_role_may_see_them() {
    let space = Workspace::with("").await;
    let toml = |role: &str| {
        format!(
            "kind = \"export\"\nsql = '''select 1 as id, 'Ana' as name, null::text as phone, \
             'ana@example.org' as email order by 1'''\n{role}\nhash_key_file = \"$DIR/key\"\n\
             [sensitive]\nname = {{ roles = {{ office = \"show\", study = \"hash\" }} }}\n\
             email = {{ treatment = \"hash\" }}\nphone = {{ treatment = \"mask\" }}\n\
             [output]\nformat = \"csv\"\npath = \"$DIR/out.csv\"\n"
        )
    };
    let error = export_toml(&space, &toml(""), &[]).await.expect_err("no key");
    assert!(error.to_string().contains("key"), "{error}");
    space.write("key", "0123456789abcdef0123456789abcdef\n");
    // `printf 'ana@example.org' | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef`
    let email = "47081cdba4931851f7107d72483ab993c419f8eca74ac37d25965bb15a63fbe0";
    export_toml(&space, &toml(""), &[]).await.expect("written");
    assert_eq!(space.read("out.csv"), format!("id,phone,email\n1,***,{email}\n"));
    export_toml(&space, &toml("role = \"office\""), &[]).await.expect("written");
    assert_eq!(space.read("out.csv"), format!("id,name,phone,email\n1,Ana,***,{email}\n"));
    export_toml(&space, &toml("role = \"study\""), &[]).await.expect("written");
    assert!(!space.read("out.csv").contains("Ana"));
    let manifest: Value = serde_json::from_str(&space.read("out.csv.manifest.json")).unwrap();
    assert_eq!(manifest["role"], "study");
    assert_eq!(manifest["columns"][1]["treatment"], "hash");

    let slip = toml("").replace("[sensitive]\n", "[sensitive]\nnmae = {}\n");
    let error = export_toml(&space, &slip, &[]).await.expect_err("no such column");
    assert!(error.to_string().contains("no column `nmae`"), "{error}");
}

#[tokio::test]
async fn what_is_hashed_or_masked_is_so_in_every_format_alike() {
    use calamine::{Reader, Xlsx};
    let postgis = !is_left_out(Part::Postgis, "features");
    let space = Workspace::with("").await;
    space.write("key", "0123456789abcdef0123456789abcdef\n");
    let names = ["email", "born", "paid", "score", "seen", "tags", "doc", "phone"];
    let toml = |format: &str| {
        let place = if format == "geojson" {
            ", ST_SetSRID(ST_MakePoint(1, 2), 4326) as place"
        } else {
            ""
        };
        let hashed = names[..7].iter().map(|name| format!("{name} = {{ treatment = \"hash\" }}\n"));
        format!(
            "kind = \"export\"\nsql = \"\"\"select 'ana@example.org' as email, date '2001-02-03' as born, \
             true as paid, 1.50 as score, timestamptz '2024-02-29 12:00:00+00' as seen, array['a', 'b'] as tags, \
             '{{\"a\": 1}}'::jsonb as doc, 'secret' as phone{place} order by 1\"\"\"\nhash_key_file = \"$DIR/key\"\n\
             [sensitive]\n{}phone = {{ treatment = \"mask\" }}\n\
             [output]\nformat = \"{format}\"\npath = \"$DIR/out.{format}\"\n",
            hashed.collect::<String>()
        )
    };
    export_toml(&space, &toml("csv"), &[]).await.expect("written");
    let text = space.read("out.csv");
    let (header, values) = text.trim_end().split_once('\n').expect("two lines");
    assert_eq!(header.split(',').collect::<Vec<_>>(), names);
    let values: Vec<&str> = values.split(',').collect();
    assert!(values[..7].iter().all(|value| value.len() == 64), "{values:?}");
    assert_eq!(values[7], "***");
    export_toml(&space, &toml("jsonl"), &[]).await.expect("written");
    let line: Value = serde_json::from_str(&space.read("out.jsonl")).expect("JSON");
    export_toml(&space, &toml("xlsx"), &[]).await.expect("written");
    let path = space.folder.path().join("out.xlsx");
    let mut book: Xlsx<_> = calamine::open_workbook(&path).expect("a workbook");
    let sheet = book.worksheet_range("Sheet1").expect("the sheet");
    let row: Vec<_> = sheet.rows().nth(1).expect("a row").iter().map(ToString::to_string).collect();
    assert_eq!(row, values);
    let mut documents = vec![line];
    if postgis {
        export_toml(&space, &toml("geojson"), &[]).await.expect("written");
        let all: Value = serde_json::from_str(&space.read("out.geojson")).expect("JSON");
        documents.push(all["features"][0]["properties"].clone());
    }
    for document in documents {
        for (name, value) in names.iter().zip(&values) {
            assert_eq!(document[name], *value, "{name}: {document}");
        }
    }
}

/// Memory that an export may need, whatever it writes.
#[cfg(target_os = "linux")]
const MEMORY_KIB_MAX: u64 = 64 << 10;

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_export_needs_no_more_memory_for_more_rows() {
    let space = Workspace::with("").await;
    let columns: Vec<_> = (0..16).map(|at| format!("md5((n + {at})::text) as c{at}")).collect();
    let toml = format!(
        "kind = \"export\"\nsql = \"select n, {} from generate_series(1, 150000) n order by n\"\n\
         [output]\nformat = \"csv\"\npath = \"big.csv\"\n",
        columns.join(", ")
    );
    space.write("big.toml", toml);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_longshore"));
    command.env_clear().env("DATABASE_URL", space.database.url());
    let mut running = command
        .current_dir(space.folder.path())
        .args(["run", "big.toml"])
        .spawn()
        .expect("it starts");
    let status = format!("/proc/{}/status", running.id());
    let mut most = 0;
    let ended = loop {
        let said = std::fs::read_to_string(&status).unwrap_or_default();
        let peak = said.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok());
        most = most.max(peak.unwrap_or(0));
        if let Some(ended) = running.try_wait().expect("it is known") {
            break ended;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    assert!(ended.success(), "{ended}");
    let bytes = std::fs::metadata(space.folder.path().join("big.csv")).expect("the file").len();
    assert!(bytes > MEMORY_KIB_MAX << 10, "{bytes} bytes would fit into memory");
    assert!(most > 0 && most <= MEMORY_KIB_MAX, "{most} KiB");
}

#[tokio::test]
async fn numbers_have_the_decimals_asked_for() {
    let space = Workspace::with("").await;
    let sql = "select 1234.5 as a, -0.005::numeric as b, 2.675::float8 as c, 7 as d, 'NaN'::float8 as e, null::numeric as f order by 1";
    let output = "decimals = 2\ndecimal_mark = \",\"\ngroup_mark = \".\"\ndelimiter = \";\"\n";
    export_with(&space, sql, output, &[]).await.expect("written");
    assert_eq!(space.read("out.csv"), "a;b;c;d;e;f\n1.234,50;-0,01;2,68;7;NaN;\n");
}

#[tokio::test]
async fn the_manifest_says_what_was_asked_and_what_was_written() {
    let space = Workspace::with("").await;
    let sql = "select n as id, 'x' as name from generate_series(1, :count) n order by n";
    let summary = export_with(&space, sql, "", &[("count", "3")]).await.expect("written");
    let manifest: Value = serde_json::from_str(&space.read("out.csv.manifest.json")).unwrap();
    assert_eq!(manifest["rows"], 3);
    assert_eq!(manifest["files"][0]["bytes"], space.read("out.csv").len());
    assert_eq!(manifest["files"][0]["sha256"], summary.files[0].sha256.as_str());
    assert_eq!(manifest["parameters"]["count"], "3");
    assert_eq!(manifest["columns"][0]["type"], "int4");
    assert_eq!(manifest["columns"][1]["name"], "name");
    assert_eq!(manifest["snapshot_time"], summary.snapshot_time.as_str());
    use sha2::{Digest, Sha256};
    let hex = |bytes: &[u8]| -> String {
        Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    assert_eq!(manifest["files"][0]["sha256"], hex(space.read("out.csv").as_bytes()));
    assert_eq!(manifest["query_sha256"], hex(sql.as_bytes()));
}

#[tokio::test]
async fn exports_are_private_and_the_same_every_time() {
    use std::os::unix::fs::PermissionsExt;
    let space = Workspace::with("").await;
    let sql = "select n, md5(n::text) from generate_series(1, 5000) n order by n";
    let toml = |name: &str| {
        format!(
            "kind = \"export\"\nsql = '''{sql}'''\n[output]\nformat = \"csv\"\npath = \"$DIR/deep/er/{name}\"\n"
        )
    };
    for name in ["a.csv", "a.csv.gz", "a.csv.zst", "a.csv.zip"] {
        let first = export_toml(&space, &toml(name), &[]).await.expect("written");
        let again = export_toml(&space, &toml(name), &[]).await.expect("written");
        assert_eq!(first.files[0].sha256, again.files[0].sha256, "{name}");
        let mode = |path: &str| {
            let path = space.folder.path().join(path);
            std::fs::metadata(path).unwrap().permissions().mode() & 0o777
        };
        assert_eq!(mode(&format!("deep/er/{name}")), 0o600);
        assert_eq!(mode(&format!("deep/er/{name}.manifest.json")), 0o600);
        assert_eq!((mode("deep"), mode("deep/er")), (0o700, 0o700));
    }
}

#[tokio::test]
async fn what_fails_midway_leaves_the_old_file() {
    let space = Workspace::with("").await;
    space.write("out.csv", "old");
    let sql = "select 1 / (5000 - n) from generate_series(1, 6000) n order by n";
    assert!(export_with(&space, sql, "", &[]).await.is_err());
    assert_eq!(space.read("out.csv"), "old");
    assert_eq!(std::fs::read_dir(space.folder.path()).unwrap().count(), 1, "no part of a file");
}

#[tokio::test]
async fn one_line_changes_the_format() {
    let space = Workspace::with("").await;
    let sql = "select 1.50 as n, 'a\"b' as t, null::int as nothing, true as yes, \
        array['x', null] as list, '{\"a\":\n 1}'::json as doc, date '2024-02-29' as day, \
        timestamptz '2024-02-29 12:00:00+00' as at order by 1";
    assert_eq!(
        in_format(&space, sql, "csv").await.expect("csv"),
        "Number;t;nothing;yes;list;doc;day;at\n\
         1.50;\"a\"\"b\";;true;{x,NULL};\"{\"\"a\"\":\n 1}\";2024-02-29;2024-02-29 12:00:00+00\n"
    );
    assert_eq!(
        in_format(&space, sql, "jsonl").await.expect("jsonl"),
        "{\"n\":1.50,\"t\":\"a\\\"b\",\"nothing\":null,\"yes\":true,\"list\":[\"x\",null],\
         \"doc\":{\"a\":  1},\"day\":\"2024-02-29\",\"at\":\"2024-02-29T12:00:00+00:00\"}\n"
    );
    in_format(&space, sql, "xlsx").await.expect("xlsx");
    let error = in_format(&space, sql, "geojson").await.expect_err("no geometry");
    assert!(error.to_string().contains("needs a column with geometries"), "{error}");
    assert!(!space.folder.path().join("out.geojson").exists());
}

#[tokio::test]
async fn a_workbook_has_typed_cells_and_runs_nothing() {
    use calamine::{Data, Reader, Xlsx};
    let space = Workspace::with("").await;
    let sql = "select n, '=1+' || n as formula, 0.5::float8 as share, n % 2 = 0 as even, \
        date '2024-02-29' as day, timestamptz '2024-02-29 18:00:00+00' as at, \
        1234567890123456789::bigint as big, null::text as nothing \
        from generate_series(1, 1500) n order by n";
    in_format(&space, sql, "xlsx").await.expect("xlsx");
    let path = space.folder.path().join("out.xlsx");
    let mut book: Xlsx<_> = calamine::open_workbook(&path).expect("a workbook");
    assert!(book.worksheet_formula("Sheet1").expect("the sheet").is_empty(), "no formula");
    let sheet = book.worksheet_range("Sheet1").expect("the sheet");
    assert_eq!(sheet.height(), 1501);
    let rows: Vec<&[Data]> = sheet.rows().collect();
    assert_eq!(rows[0][0], Data::String("Number".to_owned()));
    assert_eq!(rows[2][..2], [Data::Float(2.0), Data::String("=1+2".to_owned())]);
    assert_eq!(rows[2][2..4], [Data::Float(0.5), Data::Bool(true)]);
    let serial = |cell: &Data| match cell {
        Data::DateTime(date) => date.as_f64(),
        other => panic!("{other:?} is no date"),
    };
    assert_eq!((serial(&rows[2][4]), serial(&rows[2][5])), (45351.0, 45351.75));
    assert_eq!(rows[2][6], Data::String("1234567890123456789".to_owned()), "all its digits");
    assert!(matches!(rows[2].get(7), None | Some(Data::Empty)));
    // The header stays in sight.
    let mut archive = zip::ZipArchive::new(std::fs::File::open(&path).unwrap()).unwrap();
    let mut xml = String::new();
    let mut member = archive.by_name("xl/worksheets/sheet1.xml").unwrap();
    std::io::Read::read_to_string(&mut member, &mut xml).unwrap();
    assert!(xml.contains("state=\"frozen\"") && xml.contains("<cols>"), "{}", &xml[..600]);
    let first = std::fs::read(&path).unwrap();
    in_format(&space, sql, "xlsx").await.expect("again");
    assert_eq!(std::fs::read(&path).unwrap(), first, "the same bytes every time");
}

#[tokio::test]
async fn features_are_in_longitude_and_latitude() {
    if is_left_out(Part::Postgis, "features") {
        return;
    }
    let space = Workspace::with("").await;
    space.client.batch_execute("create extension if not exists postgis").await.unwrap();
    let sql = "select 7 as n, ST_GeomFromText('POLYGON((0 0, 0 111319.490793, 111319.490793 0, 0 0))', 3857) as shape \
        union all select 8, null order by 1";
    let text = in_format(&space, sql, "geojson").await.expect("geojson");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(document["type"], "FeatureCollection");
    let features = document["features"].as_array().expect("features");
    assert_eq!(features.len(), 2);
    assert_eq!(features[0]["properties"], serde_json::json!({ "n": 7 }));
    assert_eq!(features[1]["geometry"], Value::Null);
    let ring = features[0]["geometry"]["coordinates"][0].as_array().expect("a ring");
    let at = |index: usize, axis: usize| ring[index][axis].as_f64().expect("a number");
    let area: f64 = (0..ring.len() - 1)
        .map(|index| at(index, 0) * at(index + 1, 1) - at(index + 1, 0) * at(index, 1))
        .sum();
    assert!((area - 1.0).abs() < 1e-3, "one degree, counter-clockwise: {area}");

    let unknown = "select 1 as n, ST_GeomFromText('POINT(1 2)') as shape order by 1";
    let error = in_format(&space, unknown, "geojson").await.expect_err("no reference system");
    assert!(error.hint_text().is_some_and(|hint| hint.contains("SRID")), "{error}");
}

#[tokio::test]
async fn every_group_has_its_file_and_one_index_lists_them() {
    let space = Workspace::with("").await;
    let toml = |rest: &str| {
        format!(
            "kind = \"export\"\n[output]\nformat = \"csv\"\npath = \"$DIR/lists/{{class}}.csv\"\n\
             group_by = [\"class\"]\ncolumns = [\"n\"]\n{rest}\n"
        )
    };
    let query = "select class, n from (values (1, '5A', 1), (1, '5A', 2), (2, '../x', 3), (3, null, 4), (4, '5a', 5)) \
        v(o, class, n) order by o, n";
    let with = |sql: &str| toml("").replacen('\n', &format!("\nsql = '''{sql}'''\n"), 1);
    let summary = export_toml(&space, &with(query), &[]).await.expect("written");
    assert_eq!(summary.rows, 5);
    let names: Vec<String> = summary
        .files
        .iter()
        .map(|file| file.path.rsplit_once("lists/").expect("in the folder").1.to_owned())
        .collect();
    assert_eq!(names[0], "5A.csv");
    assert!(names[1].starts_with("_.._x-") && names[2].starts_with("_null-"), "{names:?}");
    assert!(names[3].starts_with("5a-"), "another name also where case is not told: {names:?}");
    assert_eq!(space.read("lists/5A.csv"), "n\n1\n2\n");
    assert_eq!(space.read(format!("lists/{}", names[3])), "n\n5\n");
    let index: Value =
        serde_json::from_str(&space.read("lists/class.csv.manifest.json")).expect("JSON");
    assert_eq!(index["rows"], 5);
    assert_eq!(index["files"].as_array().expect("files").len(), 4);
    assert_eq!(index["files"][1]["group"], serde_json::json!(["../x"]));
    assert_eq!(index["files"][2]["group"], serde_json::json!([null]));
    for (at, name) in names.iter().enumerate() {
        assert_eq!(index["files"][at]["path"], name.as_str(), "from the index's folder");
    }
    let apart = "select class, n from (values ('a', 1), ('b', 2), ('a', 3)) v(class, n) order by n";
    let error = export_toml(&space, &with(apart), &[]).await.expect_err("not ordered");
    assert!(error.to_string().contains("do not stand together"), "{error}");
    let left = std::fs::read_dir(space.folder.path().join("lists")).unwrap().count();
    assert_eq!(left, 5, "nothing of it is left");
}

#[tokio::test]
async fn thousands_of_groups_take_one_pass_and_long_ones_are_cut() {
    let space = Workspace::with("").await;
    let toml = "kind = \"export\"\nsql = \"select n / 10 as g, n from generate_series(0, 29994) n order by n\"\n\
        [output]\nformat = \"jsonl\"\npath = \"$DIR/{g}-{part}.{format}\"\ngroup_by = [\"g\"]\nrows_per_file = 6\n";
    let summary = export_toml(&space, toml, &[]).await.expect("written");
    assert_eq!((summary.rows, summary.files.len()), (29_995, 5_999));
    assert_eq!(space.read("7-0001.jsonl").lines().count(), 6);
    assert_eq!(space.read("7-0002.jsonl").lines().count(), 4);
    assert_eq!(space.read("7-0002.jsonl").lines().next(), Some("{\"g\":7,\"n\":76}"));
    assert!(!space.folder.path().join("2999-0002.jsonl").exists());
}

#[tokio::test]
async fn names_are_cut_where_the_file_system_would_not_take_them() {
    let space = Workspace::with("").await;
    let toml = "kind = \"export\"\nsql = \"select g, h, n from (values ('a', 'b', 1), (repeat('ក', 60), repeat('ខ', 60), 2), ('z', 'y', 3)) v(g, h, n) order by g, h\"\n\
        [output]\nformat = \"csv\"\npath = \"$DIR/out/{g}-{h}.csv\"\ngroup_by = [\"g\", \"h\"]\n";
    let summary = export_toml(&space, toml, &[]).await.expect("written");
    assert_eq!(summary.files.len(), 3);
    let long = summary.files.iter().filter(|file| file.path.contains('ក')).count();
    assert_eq!(long, 1, "{:?}", summary.files);
    let named = toml.replace("{g}-{h}", &format!("{}-{{g}}-{{h}}", "x".repeat(225)));
    let error = export_toml(&space, &named, &[]).await.expect_err("too long in any case");
    assert!(error.to_string().contains("longer than a name can be"), "{error}");
    let manifest = toml.replace("{g}-{h}", &format!("{}{{g}}{{h}}", "x".repeat(240)));
    let error = export_toml(&space, &manifest, &[]).await.expect_err("its manifest is too long");
    assert_eq!(error.kind(), ErrorKind::Definition, "{error}");
}

#[tokio::test]
async fn what_is_no_file_is_kept_and_then_nothing_takes_its_place() {
    let space = Workspace::with("").await;
    let folder = |path: &str| {
        std::fs::create_dir_all(space.folder.path().join(path)).expect("a folder");
    };
    let lists = "kind = \"export\"\nsql = \"select g from (values ('a'), ('b')) v(g) order by g\"\n\
        [output]\nformat = \"csv\"\npath = \"$DIR/out/{g}.csv\"\ngroup_by = [\"g\"]\n";
    folder("out/b.csv");
    space.write("out/a.csv", "old");
    let error = export_toml(&space, lists, &[]).await.expect_err("a folder is there");
    assert!(error.to_string().contains("is there, and no file"), "{error}");
    let blocked = lists.replace("{g}.csv", "{g}/x.csv");
    folder("out/a");
    space.write("out/b", "a file where a folder has to be");
    let error = export_toml(&space, &blocked, &[]).await.expect_err("a file is there");
    assert!(error.hint_text().is_some_and(|hint| hint.contains("a file stands where")), "{error}");
    assert!(!space.folder.path().join("out/a/x.csv").exists(), "half a set is none");
    assert_eq!(space.read("out/a.csv"), "old");

    space.write("out.csv", "old");
    folder("out.csv.manifest.json");
    let error = export_with(&space, "select 1 as n order by 1", "", &[]).await;
    let error = error.expect_err("a folder is where the manifest has to be");
    assert!(error.to_string().contains("is there, and no file"), "{error}");
    assert_eq!(space.read("out.csv"), "old");

    let pipe = space.folder.path().join("out/pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo").success());
    let to_pipe = lists.replace("out/{g}.csv", "out/{g}").replace("('a')", "('pipe')");
    let error = export_toml(&space, &to_pipe, &[]).await.expect_err("a pipe is there");
    assert!(error.to_string().contains("is there, and no file"), "{error}");
    let kept = std::fs::symlink_metadata(&pipe).expect("the pipe").file_type();
    assert!(std::os::unix::fs::FileTypeExt::is_fifo(&kept));
}

#[tokio::test]
async fn no_group_takes_the_name_of_the_index() {
    let space = Workspace::with("").await;
    let toml = "kind = \"export\"\nsql = \"select g from (values ('a'), ('g.manifest.json')) v(g) order by g\"\n\
        [output]\nformat = \"csv\"\npath = \"$DIR/out/{g}\"\ngroup_by = [\"g\"]\n";
    export_toml(&space, toml, &[]).await.expect("written");
    let index: Value = serde_json::from_str(&space.read("out/g.manifest.json")).expect("JSON");
    let name = index["files"][1]["path"].as_str().expect("a path");
    assert!(name.starts_with("g.manifest.json-"), "{name}");
    assert_eq!(space.read(format!("out/{name}")), "g\ng.manifest.json\n");
}

/// The findings of an export whose `[output]` has these keys.
fn findings(output: &str) -> String {
    let toml = format!(
        "kind = \"export\"\nsql = \"select 1 order by 1\"\n[output]\nformat = \"csv\"\n{output}\n"
    );
    match definition::read("export.toml", &toml) {
        Ok(_) => String::new(),
        Err(findings) => findings.render(false),
    }
}

#[test]
fn outputs_that_could_not_be_read_again_are_refused() {
    let cases = [
        ("null = \"a,b\"", "taken for several fields"),
        ("null = \"a;b\"\ndelimiter = \";\"", "taken for several fields"),
        ("null = 'a\"b'", "taken for several fields"),
        ("null = \"a\\nb\"", "taken for several fields"),
        ("null = \"日\"\nencoding = \"windows-1252\"", "windows-1252 does not have"),
        ("true_word = \"x\"\nfalse_word = \"x\"", "would both be written"),
        ("true_word = \"false\"", "would both be written"),
        ("null = \"-\"\nfalse_word = \"-\"", "stands for NULL already"),
    ];
    for (output, why) in cases {
        let said = findings(&format!("path = \"out.csv\"\n{output}"));
        assert!(said.contains(why), "{output}: {said}");
    }
    assert!(findings("path = \"-\"").contains("not to standard output"));
    for sound in ["null = \"a;b\"", "null = \"\\\\N\"", "true_word = \"ja\"\nfalse_word = \"nein\""]
    {
        assert_eq!(findings(&format!("path = \"out.csv\"\n{sound}")), "", "{sound}");
    }
}

#[tokio::test]
async fn a_value_that_is_no_name_of_a_file_is_refused() {
    let space = Workspace::with("").await;
    let toml = "kind = \"export\"\nsql = \"select 1 order by 1\"\n[output]\nformat = \"csv\"\npath = \"$DIR/out/{year}/x.csv\"\n";
    for year in ["", "a\nb", "a\tb", "-x", "..", "a/b", "nul", "COM1.txt"] {
        let error = export_toml(&space, toml, &[("year", year)]).await.expect_err(year);
        assert_eq!(error.kind(), ErrorKind::Definition, "{year:?}: {error}");
    }
    export_toml(&space, toml, &[("year", "2024-25")]).await.expect("written");
    assert!(space.folder.path().join("out/2024-25/x.csv").exists());
}

#[tokio::test]
async fn the_manifest_says_the_encoding_that_the_file_has() {
    let space = Workspace::with("").await;
    for (format, encoding) in [("jsonl", "utf-8"), ("csv", "windows-1252")] {
        let toml = format!(
            "kind = \"export\"\nsql = \"select 'é' as a order by 1\"\n[output]\nformat = \"{format}\"\npath = \"$DIR/x.{format}\"\nencoding = \"windows-1252\"\n"
        );
        export_toml(&space, &toml, &[]).await.expect("written");
        let manifest: Value =
            serde_json::from_str(&space.read(format!("x.{format}.manifest.json"))).expect("JSON");
        assert_eq!(manifest["encoding"], encoding, "{format}");
    }
}

#[tokio::test]
async fn a_query_may_end_in_a_comment_and_one_that_changes_data_is_refused() {
    let space = Workspace::with("create table item (id int)").await;
    assert_eq!(csv(&space, "select 1 as n order by 1; -- done", "").await, "n\n1\n");
    assert_eq!(csv(&space, "select ';' as n order by 1 /* ; */ ;\n;", "").await, "n\n;\n");
    for sql in [
        "with x as (insert into item values (1) returning id) select id from x order by id",
        "select 1 as n order by 1; select 2 as n",
    ] {
        let error = export_with(&space, sql, "", &[]).await.expect_err(sql);
        assert_eq!(error.kind(), ErrorKind::Definition, "{sql}: {error}");
    }
}

#[tokio::test]
async fn groups_that_are_equal_but_not_the_same_have_a_hint() {
    let space = Workspace::with("").await;
    let toml = "kind = \"export\"\nsql = '''select g, n from (values ('a'::citext, 1), ('A', 2), ('a', 3)) v(g, n) order by g, n'''\n\
        [output]\nformat = \"csv\"\npath = \"$DIR/{g}.csv\"\ngroup_by = [\"g\"]\n";
    let error = export_toml(&space, toml, &[]).await.expect_err("they do not stand together");
    assert!(error.hint_text().is_some_and(|hint| hint.contains("collate \"C\"")), "{error}");
    let by_text = toml.replace("order by g, n", "order by g::text collate \"C\", n");
    assert_eq!(export_toml(&space, &by_text, &[]).await.expect("written").files.len(), 2);
}
