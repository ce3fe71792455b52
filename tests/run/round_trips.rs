//! Out and in again: what an export writes, an import reads as the same table.

use std::sync::Arc;

use longshore::{
    definition::{self, Definition},
    export::{self, ExportRequest, Places},
    run::progress::Progress,
};
use proptest::{
    strategy::{Strategy, ValueTree},
    string::string_regex,
    test_runner::TestRunner,
};

use super::workspace::Workspace;
use crate::support::{Part, is_left_out};

const ROWS: usize = 300;

/// Columns of `before`: name, type, and an expression of `n`, the row's number, and `t`, a drawn text.
const COLUMNS: &[(&str, &str, &str)] = &[
    ("id", "int primary key", "n"),
    ("txt", "text", "case when n % 7 > 0 then t end"),
    ("vch", "varchar(40)", "t"),
    ("cit", "citext", "nullif(t, '')"),
    ("flag", "boolean", "case n % 3 when 0 then null else n % 3 = 1 end"),
    ("small", "smallint", "n - 150"),
    ("big", "bigint", "(n - 150) * 61489146912365172"),
    ("num", "numeric", "(n - 150) / 7.0::numeric(40, 20)"),
    ("fixed", "numeric(10, 2)", "(n - 150) * 1.25"),
    ("odd", "numeric", "case n % 4 when 0 then 'NaN' when 1 then null else n / 1e30 end"),
    ("chars", "char(6)", "case when n % 5 > 0 then rtrim(left(t, 5)) end"),
    ("number", "oid", "case n % 3 when 0 then 4294967295 else n end"),
    ("real4", "real", "(n - 150) / 7.0"),
    ("real8", "double precision", "case when n = 1 then 'NaN' else exp(n - 150) end"),
    ("day", "date", "date '1900-03-01' + n * 311"),
    ("moment", "time", "time '00:00:00.000001' + n * interval '287.654321 s'"),
    (
        "local",
        "timestamp",
        "timestamp '1899-12-31 23:59:59.999999' + n * interval '100000.000001 s'",
    ),
    (
        "instant",
        "timestamptz",
        "timestamptz '1899-12-31 23:59:59.999999+05' + n * interval '100000.000001 s'",
    ),
    (
        "day_or_none",
        "date",
        "case n % 4 when 0 then 'infinity' when 1 then '-infinity' when 2 then '0044-03-15 BC' else '10000-01-01' end::date",
    ),
    (
        "local_or_none",
        "timestamp(3)",
        "case n % 4 when 0 then 'infinity' when 1 then '-infinity' when 2 then '0044-03-15 01:02:03.004 BC' else '10000-01-01 00:00:00' end::timestamp",
    ),
    (
        "instant_or_none",
        "timestamptz",
        "case n % 4 when 0 then 'infinity' when 1 then '-infinity' when 2 then '0044-03-15 01:02:03+00 BC' else '10000-01-01 00:00:00+00' end::timestamptz",
    ),
    (
        "clock",
        "timetz",
        "(time '00:00:00.000001' + n * interval '287.654321 s') at time zone make_interval(hours => n % 30 - 15, mins => n % 60)",
    ),
    ("span", "interval", "make_interval(months => n - 150, days => 150 - n, secs => n / 8.0)"),
    ("ref", "uuid", "md5(n::text)::uuid"),
    ("doc", "json", "json_build_object(t, n)"),
    ("docb", "jsonb", "jsonb_build_array(t, n, null, n % 2 = 0)"),
    ("bytes", "bytea", "decode(md5(n::text), 'hex')"),
    ("host", "inet", "inet '10.0.0.0' + n"),
    ("net", "cidr", "set_masklen(cidr '2001:db8::/32', 32 + n % 96)"),
    ("ints", "int[]", "array[n, null, -n]"),
    ("texts", "text[]", "array[t, null, '']"),
    ("mood", "mood", "case when n % 2 = 0 then '=glad' else 'so, so' end::mood"),
    ("positive", "positive", "n"),
    ("globe", "geography(Point, 4326)", "ST_MakePoint(n / 7.0, n / 9.0)::geography"),
    (
        "any_place",
        "geometry(Geometry, 4326)",
        "case n % 3 when 0 then null when 1 then ST_SetSRID(ST_MakePoint(n / 7.0, n / 9.0), 4326) else ST_MakeEnvelope(0, 0, n / 7.0, n / 9.0, 4326) end",
    ),
    ("height", "geometry(PointZ, 4326)", "ST_SetSRID(ST_MakePoint(n / 7.0, n / 9.0, -n), 4326)"),
    ("place", "geometry(Point, 4326)", "ST_SetSRID(ST_MakePoint(n / 7.0, n / 9.0), 4326)"),
];

/// Texts of characters that mean something to some format.
fn texts(pattern: &str) -> Vec<String> {
    let mut runner = TestRunner::deterministic();
    let strategy = string_regex(pattern).expect("a pattern");
    (0..ROWS).map(|_| strategy.new_tree(&mut runner).expect("a text").current()).collect()
}

async fn tables(columns: &[(&str, &str, &str)], pattern: &str) -> Workspace {
    let space = Workspace::with("create type mood as enum ('=glad', 'so, so'); create domain positive as int check (value > 0)").await;
    let of: Vec<_> = columns.iter().map(|(name, of, _)| format!("{name} {of}")).collect();
    let made: Vec<_> = columns.iter().map(|(_, _, made)| *made).collect();
    for table in ["before", "after"] {
        let create = format!("create table {table} ({})", of.join(", "));
        space.client.batch_execute(&create).await.expect("a table");
    }
    let insert = format!(
        "insert into before select {} from unnest($1::text[]) with ordinality u (t, o), lateral (select o::int) i (n)",
        made.join(", ")
    );
    space.client.execute(&insert, &[&texts(pattern)]).await.expect("rows");
    space
}

async fn out_and_in(space: &Workspace, columns: &[(&str, &str, &str)], output: &str, source: &str) {
    let folder = space.folder.path().display().to_string();
    let toml = format!(
        "kind = \"export\"\nsql = \"select * from before order by id\"\n[output]\npath = \"{folder}/out.{{format}}\"\n{output}"
    );
    let read = definition::read("out.toml", &toml)
        .unwrap_or_else(|findings| panic!("{}", findings.render(false)));
    let Definition::Export(definition) = read.definition else { panic!("an export") };
    let request = ExportRequest {
        pipeline: "out",
        definition: &definition,
        parameters: &[],
        since: None,
        again: None,
    };
    let endpoint = space.database.endpoint();
    let places = Places { ledger: &endpoint, source: &endpoint };
    let ended =
        export::export(places, &[request], &Arc::new(Progress::default())).await.expect("a set");
    ended.into_iter().for_each(|ended| drop(ended.expect("written")));
    let fields: String =
        columns.iter().map(|(name, ..)| format!("{name} = {{ from = \"{name}\" }}\n")).collect();
    let import = format!(
        "[source]\n{source}\n[[target]]\ntable = \"after\"\nmode = \"append\"\n[target.columns]\n{fields}"
    );
    let summary = Box::pin(space.run(&import)).await;
    assert_eq!(summary.rejections.records, 0, "{output}: {:?}", space.rejections(&summary));
    for (name, ..) in columns {
        let query = format!(
            "select count(*) from before b join after a using (id) where a.{name}::text is distinct from b.{name}::text"
        );
        assert_eq!(space.value(&query).await, "0", "{name} by {output}");
    }
    assert_eq!(space.value("select count(*) from after").await, ROWS.to_string());
    space.client.batch_execute("truncate after").await.expect("empty");
}

#[tokio::test]
async fn a_table_that_is_exported_is_imported_as_it_was() {
    let has_places = !is_left_out(Part::Postgis, "columns of geometries");
    let here = COLUMNS.iter().filter(|(_, of, _)| has_places || !of.starts_with("geo"));
    let columns: Vec<_> = here.copied().collect();
    let crs = if has_places { "crs = \"EPSG:4326\"\n" } else { "" };
    let space = tables(&columns, "[=+@'\\-\\t\\r\\n\",;|\\\\N né日a1]{0,12}").await;
    let csv = "format = \"csv\"\nnull = \"⟂\"\n";
    let from_csv = format!("format = \"csv\"\npath = \"$DIR/out.csv\"\nnull = [\"⟂\"]\n{crs}");
    let guarded = format!("{from_csv}unguard = true\n");
    out_and_in(&space, &columns, csv, &guarded).await;
    out_and_in(&space, &columns, &format!("{csv}raw = true\n"), &from_csv).await;
    let semicolons = format!(
        "{csv}delimiter = \";\"\nquoting = \"all\"\nencoding = \"utf-8-bom\"\nline_end = \"crlf\"\n"
    );
    out_and_in(&space, &columns, &semicolons, &format!("{guarded}delimiter = \";\"\n")).await;
    let lines = format!("format = \"jsonl\"\npath = \"$DIR/out.jsonl\"\nnull = []\n{crs}");
    out_and_in(&space, &columns, "format = \"jsonl\"\n", &lines).await;
}

#[tokio::test]
async fn a_sheet_holds_what_a_sheet_can_hold() {
    let kept = ["id", "vch", "flag", "small", "fixed", "day", "ref"];
    let columns: Vec<_> =
        COLUMNS.iter().filter(|(name, ..)| kept.contains(name)).copied().collect();
    let space = tables(&columns, "[=+@'\\-\",;|\\\\Nné日a1]{1,12}").await;
    let source = "format = \"xlsx\"\npath = \"$DIR/out.xlsx\"\n";
    out_and_in(&space, &columns, "format = \"xlsx\"\n", source).await;
}
