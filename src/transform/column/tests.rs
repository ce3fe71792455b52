use jiff::civil::date;

use super::*;
use crate::{
    batch::RecordBatch,
    definition::{CodeListFile, ColumnDefinition, SourceDefinition},
    diagnostic::{Finding, Place},
    error,
    outcome::Position,
    schema::{Column, Generated, PgType},
    value::DAY_MICROS,
};

fn column(pg_type: PgType, not_null: bool) -> Column {
    Column {
        name: "col".to_owned(),
        pg_type,
        type_sql: String::new(),
        base_type_sql: String::new(),
        not_null,
        has_default: false,
        generated: Generated::No,
        domain_checks: Vec::new(),
    }
}

/// A definition from the inside of its inline table.
fn definition(toml: &str) -> ColumnDefinition {
    toml::from_str(toml).expect("a good definition")
}

fn code_list(file: &CodeListFile) -> error::Result<Vec<u8>> {
    match file.csv.as_str() {
        "sex.csv" => Ok(b"code,label\nM,male\nF,female\n".to_vec()),
        _ => Err(error::Error::definition("there is no such file")),
    }
}

fn compiled(
    column: &Column,
    definition: &ColumnDefinition,
    cells: &[usize],
) -> Result<ColumnTransform, Vec<Finding>> {
    let source: SourceDefinition =
        toml::from_str("format = 'csv'\npath = 'x'\nnull = ['', 'N/A']\ngroup_mark = ','")
            .expect("a good source");
    let environment = CompileEnvironment {
        source: &source,
        crs: None,
        today: date(2024, 3, 1),
        code_list: &code_list,
    };
    let (place, mut findings) = (Place::root().key("col"), Vec::new());
    ColumnTransform::compile(column, definition, cells, &environment, &place, &mut findings)
        .ok_or(findings)
}

/// The value as its debug text, or the violations as `code message masked`.
fn applied(column: &Column, toml: &str, cells: &[Cell<'_>]) -> Result<String, Vec<String>> {
    let indexes: Vec<usize> = (0..cells.len()).collect();
    let transform = compiled(column, &definition(toml), &indexes).expect("a good column");
    let mut batch = RecordBatch::default();
    cells.iter().for_each(|cell| batch.push(*cell));
    batch.end_record(Position::default(), (0, 0));
    let record = batch.records().next().expect("one record");
    let (arena, mut notes, mut violations) = (Bump::new(), GeometryNotes::default(), Vec::new());
    match transform.apply(&record, &arena, &mut notes, &mut violations) {
        Some(value) => Ok(format!("{value:?}")),
        None => Err(violations
            .iter()
            .map(|v| format!("{} {} {}", v.code, v.message, v.masked))
            .collect()),
    }
}

fn text(toml: &str, cells: &[Cell<'_>]) -> Result<String, Vec<String>> {
    applied(&column(PgType::Text, false), toml, cells)
}

fn is_text(value: &str) -> Result<String, Vec<String>> {
    Ok(format!("{:?}", Value::Text(value)))
}

const NULL: &str = "Null";

#[test]
fn the_order_is_null_words_steps_null_words_map_default_type_rules() {
    let map = "map = { M = 'male' }, steps = ['trim', 'upper'], default = 'unknown'";
    let definition = format!("from = 'a'\n{}", map.replace("}, ", "}\n").replace("], ", "]\n"));
    for (cell, expected) in [
        (Cell::Text(" m "), is_text("male")),
        (Cell::Text(""), is_text("unknown")),
        (Cell::Text("   "), is_text("unknown")),
        (Cell::Text(" n/a "), is_text("unknown")),
        (Cell::Absent, is_text("unknown")),
        (Cell::Text("x"), Err(vec!["rule.map not in the code list x".to_owned()])),
    ] {
        assert_eq!(text(&definition, &[cell]), expected, "{cell:?}");
    }
}

#[test]
fn codes_come_from_files_too() {
    let definition = "from = 'a'\nmap = { csv = 'sex.csv', from = 'code', to = 'label' }";
    assert_eq!(text(definition, &[Cell::Text("F")]), is_text("female"));
}

#[test]
fn null_is_what_the_column_says() {
    let own = "from = 'a'\nnull = ['-']";
    assert_eq!(text(own, &[Cell::Text("-")]), Ok(NULL.to_owned()));
    assert_eq!(text(own, &[Cell::Text("")]), is_text(""));
    assert_eq!(text("from = 'a'", &[Cell::Text("N/A")]), Ok(NULL.to_owned()));
    let required = text("from = 'a'\nrequired = true", &[Cell::Text("N/A")]);
    assert_eq!(required, Err(vec!["rule.required missing x/x".to_owned()]));
    let strict = applied(&column(PgType::Text, true), "from = 'a'", &[Cell::Absent]);
    assert!(strict.expect_err("NOT NULL")[0].starts_with("rule.not_null "));
}

#[test]
fn several_cells_are_joined_without_those_that_are_null() {
    let cells = |third| [Cell::Text("12"), Cell::Text(""), third];
    let definition = "from = ['a', 'b', 'c']\njoin = '/'";
    assert_eq!(text(definition, &cells(Cell::Float(3.0))), is_text("12/3"));
    assert_eq!(text(definition, &cells(Cell::Absent)), is_text("12"));
    let nothing = [Cell::Absent, Cell::Text("N/A"), Cell::Text("")];
    assert_eq!(text(definition, &nothing), Ok(NULL.to_owned()));
}

#[test]
fn steps_that_change_nothing_leave_a_typed_cell_typed() {
    let dates = column(PgType::Date, false);
    let trimmed = "from = 'a'\nsteps = ['trim']\nformat = '%d/%m/%Y'";
    let day = Cell::DateTime(31 * DAY_MICROS);
    assert_eq!(applied(&dates, trimmed, &[day]), Ok("Date(31)".to_owned()));
    assert_eq!(applied(&dates, trimmed, &[Cell::Text(" 01/02/2000 ")]), Ok("Date(31)".to_owned()));
    let padded = "from = 'a'\nsteps = [{ pad_left = [4, '0'] }]";
    assert_eq!(text(padded, &[Cell::Float(12.0)]), is_text("0012"));
}

#[test]
fn every_broken_rule_is_told_and_no_value_is() {
    let rules = "from = 'a'\npattern = '\\d+'\nmax_length = 3\nenum = ['1', '2']";
    let told = text(rules, &[Cell::Text("Ana-12")]).expect_err("three rules broken");
    assert_eq!(
        told,
        [
            "rule.enum not one of 1, 2 xxx-99",
            "rule.pattern does not match the pattern \\d+ xxx-99",
            "rule.max_length more than 3 characters xxx-99",
        ]
    );
    let sensitive = text(&format!("{rules}\nsensitive = true"), &[Cell::Text("Ana-12")]);
    assert!(sensitive.expect_err("broken").iter().all(|told| told.ends_with(" ***")));
}

#[test]
fn rules_see_typed_values_and_their_text() {
    let numbers = column(PgType::Int4, false);
    let rules = "from = 'a'\nminimum = 10\npattern = '\\d{2}'";
    assert_eq!(applied(&numbers, rules, &[Cell::Text("12")]), Ok("Int(12)".to_owned()));
    assert_eq!(applied(&numbers, rules, &[Cell::Float(12.0)]), Ok("Int(12)".to_owned()));
    let codes: Vec<_> = applied(&numbers, rules, &[Cell::Number("5")])
        .expect_err("too small")
        .iter()
        .map(|told| told.split(' ').next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(codes, ["rule.pattern", "rule.minimum"]);
    let dates = column(PgType::Date, false);
    let past = "from = 'a'\nmaximum = 'today'";
    assert_eq!(applied(&dates, past, &[Cell::Text("2024-03-01")]), Ok("Date(8826)".to_owned()));
    assert!(applied(&dates, past, &[Cell::Text("2024-03-02")]).is_err());
}

#[test]
fn constants_are_values_of_the_column() {
    let dates = column(PgType::Date, false);
    for written in ["01/02/2000", "2000-02-01"] {
        let toml = format!("format = '%d/%m/%Y'\nvalue = '{written}'");
        assert_eq!(applied(&dates, &toml, &[]), Ok("Date(31)".to_owned()));
    }
    let numbers = column(PgType::Int4, false);
    assert_eq!(
        applied(&numbers, "from = 'a'\ndefault = 7", &[Cell::Absent]),
        Ok("Int(7)".to_owned())
    );
}

#[test]
fn digits_that_a_sheet_has_lost_are_not_made_up_by_a_step() {
    let padded = "from = 'a'\nsteps = [{ pad_left = [18, '0'] }]";
    let told = text(padded, &[Cell::Float(1e16)]).expect_err("digits are lost");
    assert!(told[0].starts_with("type.text "), "{told:?}");
    let joined = text("from = ['a', 'b']", &[Cell::Text("x"), Cell::Float(1e16)]);
    assert!(joined.is_err());
}

#[test]
fn the_nearest_reference_system_is_the_one_meant() {
    use crate::schema::{GeometryColumn, GeometryKind};
    let point = GeometryColumn { kind: Some(GeometryKind::Point), srid: 4326, z: false, m: false };
    let points = column(PgType::Geometry(point), false);
    let cells = [Cell::Text("12.5"), Cell::Text("11.5")];
    let toml = "from = ['x', 'y']\ncrs = 'EPSG:4326'";
    assert!(applied(&points, toml, &cells).expect("a point").starts_with("Geometry("));
    let one = applied(&points, toml, &[Cell::Text("12.5"), Cell::Absent]);
    assert_eq!(
        one,
        Err(vec!["geometry.point only one of its two coordinates is there ".to_owned()])
    );
    assert_eq!(applied(&points, toml, &[Cell::Absent, Cell::Absent]), Ok(NULL.to_owned()));
    let bad = applied(&points, toml, &[Cell::Text("a"), Cell::Text("b")]).expect_err("no numbers");
    assert_eq!(bad.len(), 2, "both are told: {bad:?}");
    // Nobody has said in which system the file's numbers are.
    let findings = compiled(&points, &definition("from = ['x', 'y']"), &[0, 1]).expect_err("none");
    assert_eq!(findings[0].place.to_string(), "col.crs");
    assert!(findings[0].hint.is_some());
}

#[test]
fn marks_come_from_the_source_unless_the_column_says() {
    let numbers = column(PgType::Int4, false);
    let thousand = [Cell::Text("1,000")];
    assert_eq!(applied(&numbers, "from = 'a'", &thousand), Ok("Int(1000)".to_owned()));
    assert!(applied(&numbers, "from = 'a'\ngroup_mark = ''", &thousand).is_err());
    let points = "from = 'a'\ngroup_mark = '.'\ndecimal_mark = ','";
    assert_eq!(applied(&numbers, points, &[Cell::Text("1.000")]), Ok("Int(1000)".to_owned()));
}

#[test]
fn options_that_do_not_fit_are_named() {
    let toml = "from = 'a'\nformat = '%d/%m/%Y'";
    let findings = compiled(&column(PgType::Text, false), &definition(toml), &[0]);
    let finding = findings.expect_err("no format for text").remove(0);
    assert_eq!(finding.place.to_string(), "col.format");
    assert_eq!(finding.message, "`format` is for dates and times only");
    let unsupported = column(PgType::Unsupported("tsvector".to_owned()), false);
    let finding =
        compiled(&unsupported, &definition("from = 'a'"), &[0]).expect_err("no").remove(0);
    assert_eq!((finding.code, finding.place.to_string().as_str()), ("transform.type", "col"));
}

#[test]
fn everything_wrong_with_a_column_is_found_at_once() {
    let found = |pg_type, toml: &str, cells: &[usize]| -> Vec<String> {
        let findings = compiled(&column(pg_type, false), &definition(toml), cells);
        let findings = findings.expect_err("a bad column");
        findings.iter().map(|finding| format!("{} {}", finding.code, finding.place)).collect()
    };
    let toml = "from = 'a'\nsteps = ['trim', { replace = ['', 'x'] }]\npattern = '('\n\
        decimal_mark = ',,'\ndefault = 'many'\nmap = { a = '1', b = 'x' }\nemail = true";
    assert_eq!(
        found(PgType::Int4, toml, &[0]),
        [
            "transform.option col.decimal_mark",
            "transform.step col.steps[1]",
            "transform.rule col.pattern",
            "transform.rule col.email",
            "transform.map col.map",
            "transform.value col.default",
        ]
    );
    assert_eq!(found(PgType::Int4, "value = 'x'", &[]), ["transform.value col.value"]);
    let broken = "value = 5\nmaximum = 4";
    assert_eq!(found(PgType::Int4, broken, &[]), ["transform.value col.value"]);
    let file = "from = 'a'\nmap = { csv = 'no.csv', from = 'a', to = 'b' }";
    assert_eq!(found(PgType::Text, file, &[0]), ["transform.map col.map"]);
    assert_eq!(found(PgType::Int4, "rest = true", &[0]), ["transform.rest col.rest"]);
    assert_eq!(found(PgType::Text, "from = 'a'", &[]), ["transform.from col"]);
}

#[test]
fn steps_report_what_they_cannot_do() {
    let part = "from = 'a'\nsteps = [{ part = ['/', 2] }]";
    let told = text(part, &[Cell::Text("Ana")]);
    assert_eq!(told, Err(vec!["step.part no part 2 when split at `/` xxx".to_owned()]));
}
