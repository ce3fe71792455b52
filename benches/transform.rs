//! What a cell costs on its way to a value: plain columns are the floor, and each
//! step or rule has to earn what it adds.

#![expect(clippy::expect_used, reason = "a benchmark's own definitions are good")]

use bumpalo::Bump;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use longshore::{
    batch::{Cell, RecordBatch},
    definition::{CodeListFile, ColumnDefinition, SourceDefinition},
    diagnostic::Place,
    error::{Error, Result},
    outcome::Position,
    schema::{Column, Generated, PgType},
    transform::{ColumnTransform, CompileEnvironment, geometry::GeometryNotes},
};

const RECORDS: u64 = 1_000;

fn no_file(_: &CodeListFile) -> Result<Vec<u8>> {
    Err(Error::definition("no code list here"))
}

fn transform(pg_type: PgType, definition: &str) -> ColumnTransform {
    let definition: ColumnDefinition = toml::from_str(definition).expect("a good definition");
    let source: SourceDefinition =
        toml::from_str("format = 'csv'\npath = '-'").expect("a good source");
    let column = Column {
        name: "column".to_owned(),
        pg_type,
        type_sql: String::new(),
        base_type_sql: String::new(),
        not_null: true,
        has_default: false,
        generated: Generated::No,
        domain_checks: Vec::new(),
    };
    let today = jiff::civil::date(2024, 3, 1);
    let environment = CompileEnvironment { source: &source, crs: None, today, code_list: &no_file };
    let mut findings = Vec::new();
    let place = Place::root();
    ColumnTransform::compile(&column, &definition, &[0], &environment, &place, &mut findings)
        .unwrap_or_else(|| panic!("{findings:?}"))
}

fn batch(text: &str) -> RecordBatch {
    let mut batch = RecordBatch::default();
    for record in 0..RECORDS {
        batch.push(Cell::Text(text));
        batch.end_record(Position { file: 0, record, line: 0 }, (0, 0));
    }
    batch
}

fn columns(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("column");
    group.throughput(Throughput::Elements(RECORDS));
    for (name, pg_type, definition, text) in [
        ("text", PgType::Text, "", "Marie Curie"),
        ("integer", PgType::Int4, "", "123456"),
        ("uuid", PgType::Uuid, "", "7f6c1c1e-6f0e-4a53-9c52-0a4d6cf0a001"),
        ("date", PgType::Date, "format = '%d/%m/%Y'", "07/11/1867"),
        ("trim", PgType::Text, "steps = ['trim']", " Marie Curie "),
        ("clean name", PgType::Text, "steps = ['collapse', 'title', 'nfc']", "MARIE  CURIE"),
        ("unaccent", PgType::Text, "steps = ['unaccent']", "Mária Skłodowska"),
        ("code", PgType::Text, "map = { M = 'male', F = 'female' }", "F"),
        (
            "checked key",
            PgType::Text,
            "steps = ['trim', { pad_left = [8, '0'] }]\npattern = '^\\d{8}$'",
            "123456",
        ),
        ("range", PgType::Int4, "minimum = 0\nmaximum = 1000000", "123456"),
    ] {
        let column = transform(pg_type, &format!("from = 'field'\n{definition}"));
        let batch = batch(text);
        let (mut arena, mut notes, mut violations) =
            (Bump::new(), GeometryNotes::default(), Vec::new());
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                arena.reset();
                let values = batch.records().filter_map(|record| {
                    column.apply(&record, &arena, &mut notes, &mut violations)
                });
                values.filter(|value| !value.is_null()).count()
            });
        });
        assert!(violations.is_empty(), "{name}: {violations:?}");
    }
    group.finish();
}

criterion_group!(benches, columns);
criterion_main!(benches);
