//! The first records: as they arrive, and as they would be written.

use bumpalo::Bump;

use super::{bound::BoundFile, prepare::Bound};
use crate::{
    batch::{Cell, Record, RecordBatch},
    error::Result,
    outcome::{Violation, mask},
    plan::{FieldPlan, Plan, TargetPlan},
    source::{Listing, Projection, Source},
    transform::{Operation, geometry::GeometryNotes},
    value::{DAY_MICROS, POSTGRES_EPOCH_DAYS, Value},
};

/// A split this small is read quickly, and holds the first records.
const PREVIEW_SPLIT_BYTES: usize = 64 << 10;

/// One record.
#[derive(Debug, Clone, serde::Serialize)]
pub struct PreviewRecord {
    /// In a bundle: the pipeline's name for the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Its number in the file.
    pub record: u64,
    /// Its line or sheet row; 0 without lines.
    pub line: u64,
    /// Why it cannot be decoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// The source fields and what they hold.
    pub arrives: Vec<(String, String)>,
    /// What each target would be sent.
    pub written: Vec<PreviewRow>,
}

/// One row as a target would get it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct PreviewRow {
    /// The table.
    pub table: String,
    /// Whether `when` leaves the record out, or the cell that would be a row is empty.
    pub filtered: bool,
    /// Whether its row is deleted; only what a deletion reads is in `columns` then.
    pub deletes: bool,
    /// Column and value, or what is wrong with it.
    pub columns: Vec<(String, Result<String, String>)>,
}

/// The first `count` records of the first file of each source, with the rows they would become.
///
/// # Errors
/// `ErrorKind::Source` when the file cannot be read.
pub fn preview(bound: &Bound, count: usize, reveal: bool) -> Result<Vec<PreviewRecord>> {
    let mut records = Vec::new();
    for source in 0..bound.plan.sources.len() {
        if let Some(file) = bound.files.iter().find(|file| file.of == source) {
            records.extend(preview_bound(&bound.plan, file, count, reveal)?);
        }
    }
    Ok(records)
}

fn preview_bound(
    plan: &Plan,
    file: &BoundFile,
    count: usize,
    reveal: bool,
) -> Result<Vec<PreviewRecord>> {
    let fields = &plan.sources[file.of].fields;
    let targets: Vec<_> = plan.targets.iter().filter(|target| target.source == file.of).collect();
    let hidden = |index: usize| !reveal && is_sensitive(index, fields, &targets);
    let mut records = Vec::new();
    first_records(file.source.as_ref(), &file.projection, count, &mut |record| {
        let of_record = fields.iter().enumerate().filter(|(_, field)| field.row_of.is_none());
        let arrives = of_record.map(|(index, field)| {
            (field.names[0].to_string(), cell_text(record.cell(index), hidden(index)))
        });
        let cells = file.unpivoted.iter().flatten().map(|column| {
            let (value, cell) = column.overlay.moved;
            let hidden = value < fields.len() && hidden(value);
            (column.name.clone(), cell_text(record.cell(cell), hidden))
        });
        let arrives = arrives.chain(cells).collect();
        let targets = plan.targets.iter().enumerate();
        let written =
            targets.filter(|(_, target)| target.source == file.of).flat_map(|(index, target)| {
                file.rows(index, record).map(|(row, _)| written_row(&row, target, reveal))
            });
        let shown = previewed(record, arrives, written.collect());
        records.push(PreviewRecord { file: file.name.clone(), ..shown });
    })?;
    Ok(records)
}

/// The first `count` records of a file without a pipeline.
///
/// # Errors
/// As `preview`.
pub fn preview_source(source: &dyn Source, count: usize) -> Result<Vec<PreviewRecord>> {
    let fields = &source.header().fields;
    let numbers = (1..=u32::try_from(fields.len()).unwrap_or(u32::MAX))
        .map(crate::definition::FieldRef::Number);
    let projection =
        Projection { fields: numbers.collect(), rest: source.header().listing != Listing::All };
    let mut records = Vec::new();
    first_records(source, &projection, count, &mut |record| {
        let mut arrives: Vec<_> = fields
            .iter()
            .enumerate()
            .map(|(index, name)| (name.clone(), cell_text(record.cell(index), false)))
            .collect();
        if projection.rest {
            arrives.push(("...".to_owned(), cell_text(record.cell(fields.len()), false)));
        }
        records.push(previewed(record, arrives, Vec::new()));
    })?;
    Ok(records)
}

fn first_records(
    source: &dyn Source,
    projection: &Projection,
    count: usize,
    see: &mut dyn FnMut(&Record<'_>),
) -> Result<()> {
    let mut splitter = source.splitter(PREVIEW_SPLIT_BYTES)?;
    let mut decoder = source.decoder(projection);
    let mut batch = RecordBatch::default();
    let mut left = count;
    while left > 0 {
        let Some(split) = splitter.next_split()? else { break };
        decoder.start(split);
        while left > 0 && decoder.fill(&mut batch) {
            for record in batch.records().take(left) {
                see(&record);
            }
            left = left.saturating_sub(batch.len());
        }
    }
    Ok(())
}

fn previewed(
    record: &Record<'_>,
    arrives: Vec<(String, String)>,
    written: Vec<PreviewRow>,
) -> PreviewRecord {
    let position = record.position();
    let fault = record.fault().map(|fault| format!("{}: {}", fault.code, fault.message));
    let (arrives, written) =
        if fault.is_some() { (Vec::new(), Vec::new()) } else { (arrives, written) };
    let (record, line) = (position.record, position.line);
    PreviewRecord { file: None, record, line, fault, arrives, written }
}

/// Whether a cell feeds a sensitive column.
fn is_sensitive(cell: usize, fields: &[FieldPlan], targets: &[&TargetPlan]) -> bool {
    let asked_by = fields[cell].place.parent();
    let columns =
        targets.iter().flat_map(|target| &target.load.columns).filter(|column| column.sensitive);
    let names: Vec<&str> = columns.map(|column| column.column.name.as_str()).collect();
    asked_by.is_some_and(|place| {
        names.iter().any(|name| place.to_string().ends_with(&format!(".{name}")))
    })
}

fn written_row(record: &Record<'_>, target: &TargetPlan, reveal: bool) -> PreviewRow {
    let arena = Bump::new();
    let table = target.load.table.name.to_string();
    if !target.passes(record, &arena) {
        return PreviewRow { table, filtered: true, deletes: false, columns: Vec::new() };
    }
    let operation = target.operations.as_ref().map(|operations| operations.of(record, &arena));
    let key_only = operation.as_ref().is_some_and(|it| *it != Ok(Operation::Write));
    let staged = target.load.columns.iter().enumerate();
    let staged = staged.filter(|(_, column)| column.is_staged()).zip(&target.columns);
    let read =
        staged.filter(|((index, _), _)| !key_only || target.load.is_read_of_deletion(*index));
    let columns = read.map(|((_, column), transform)| {
        let mut violations = Vec::new();
        let value = transform.apply(record, &arena, &mut GeometryNotes::default(), &mut violations);
        let shown = match value {
            Some(value) => Ok(hide(value_text(&value), column.sensitive && !reveal)),
            None => Err(violations.iter().map(said).collect::<Vec<_>>().join("; ")),
        };
        (column.column.name.clone(), shown)
    });
    let deletes = operation == Some(Ok(Operation::Delete));
    let departs = || target.departures.as_ref()?.of(record, &arena).err();
    let unknown = operation.and_then(Result::err).or_else(departs);
    let unknown = unknown.map(|violation| (violation.column.clone(), Err(said(&violation))));
    let columns = unknown.into_iter().chain(columns).collect();
    PreviewRow { table, filtered: false, deletes, columns }
}

fn said(violation: &Violation) -> String {
    format!("{}: {}", violation.code, violation.message)
}

fn hide(text: String, hidden: bool) -> String {
    if hidden { mask(&text, true) } else { text }
}

fn cell_text(cell: Cell<'_>, hidden: bool) -> String {
    let text = match cell {
        Cell::Absent => "(nothing)".to_owned(),
        Cell::Text(text) | Cell::Number(text) | Cell::Json(text) => text.to_owned(),
        Cell::Float(number) => number.to_string(),
        Cell::Bool(truth) => truth.to_string(),
        Cell::DateTime(micros) => timestamp_text(micros),
        Cell::Duration(micros) => time_text(micros),
        Cell::Error(name) => format!("(error {name})"),
        Cell::Geometry(ewkb) => format!("(geometry, {} bytes)", ewkb.len()),
    };
    hide(text, hidden)
}

fn value_text(value: &Value<'_>) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Decimal(decimal) => decimal_text(decimal),
        Value::Text(text) | Value::Json(text) => (*text).to_owned(),
        Value::Bytes(bytes) => format!("({} bytes)", bytes.len()),
        Value::Date(days) => date_text(*days),
        Value::Time(micros) | Value::TimeTz(micros, _) => time_text(*micros),
        Value::Timestamp(micros) => timestamp_text(*micros),
        Value::TimestampTz(micros) => format!("{}Z", timestamp_text(*micros)),
        Value::Interval(span) => {
            format!("{} months {} days {}", span.months, span.days, time_text(span.micros))
        }
        Value::Uuid(bytes) => uuid::Uuid::from_bytes(*bytes).to_string(),
        Value::Inet(inet) => format!("{}/{}", inet.address, inet.prefix_bits),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(value_text).collect::<Vec<_>>().join(", "))
        }
        Value::Geometry(ewkb) => format!("(geometry, {} bytes)", ewkb.len()),
    }
}

fn decimal_text(decimal: &crate::value::Decimal<'_>) -> String {
    if let Some(special) = decimal.special {
        return format!("{special:?}");
    }
    let digits = String::from_utf8_lossy(decimal.digits);
    let sign = if decimal.negative { "-" } else { "" };
    match usize::try_from(-i64::from(decimal.exponent)) {
        Ok(0) => format!("{sign}{digits}"),
        Ok(places) => {
            let padded = format!("{digits:0>width$}", width = places + 1);
            let (whole, fraction) = padded.split_at(padded.len() - places);
            format!("{sign}{whole}.{fraction}")
        }
        Err(_) => format!("{sign}{digits}e{}", decimal.exponent),
    }
}

fn date_text(days: i32) -> String {
    let epoch = jiff::civil::date(1970, 1, 1);
    let since = i64::from(days) + i64::from(POSTGRES_EPOCH_DAYS);
    let date = jiff::Span::new().try_days(since).and_then(|span| epoch.checked_add(span));
    date.map_or_else(|_| "(beyond the calendar)".to_owned(), |date| date.to_string())
}

fn time_text(micros: i64) -> String {
    let (seconds, fraction) = (micros.abs() / 1_000_000, micros.abs() % 1_000_000);
    let sign = if micros < 0 { "-" } else { "" };
    let whole = format!("{sign}{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction == 0 { whole } else { format!("{whole}.{fraction:06}") }
}

fn timestamp_text(micros: i64) -> String {
    let days = i32::try_from(micros.div_euclid(DAY_MICROS)).unwrap_or(i32::MAX);
    format!("{} {}", date_text(days), time_text(micros.rem_euclid(DAY_MICROS)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Decimal;

    #[test]
    fn values_read_as_they_would_be_stored() {
        let decimal = |digits: &'static [u8], exponent| {
            value_text(&Value::Decimal(Decimal { negative: true, digits, exponent, special: None }))
        };
        assert_eq!(
            [decimal(b"1250", -2), decimal(b"5", -3), decimal(b"5", 2)],
            ["-12.50", "-0.005", "-5e2"]
        );
        assert_eq!(value_text(&Value::Date(0)), "2000-01-01");
        assert_eq!(value_text(&Value::Timestamp(-1)), "1999-12-31 23:59:59.999999");
        assert_eq!(value_text(&Value::Array(&[Value::Int(1), Value::Null])), "[1, NULL]");
    }
}
