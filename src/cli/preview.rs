//! `longshore preview`: the first records, as they arrive and as they would be written.

use std::{fmt::Write, path::Path};

use super::{
    arguments::{Global, PreviewArguments},
    console::Console,
    database,
    exit::ExitStatus,
    pipeline,
};
use crate::{
    definition::SourceDefinition,
    error::{Error, Result},
    run::{
        prepare::{bind_files, find_files, read_tables},
        preview::{self, PreviewRecord},
    },
    source,
};

/// Previews a pipeline, or a file that has none yet.
pub(super) async fn preview(
    arguments: &PreviewArguments,
    global: &Global,
    console: &Console,
) -> Result<ExitStatus> {
    if arguments.pipeline.extension().is_none_or(|extension| extension != "toml") {
        let records = preview_file(&arguments.pipeline, arguments.records)?;
        print(&records, console);
        return Ok(ExitStatus::Done);
    }
    let file = match pipeline::read(&arguments.pipeline, console) {
        Ok(file) => file,
        Err(status) => return Ok(status),
    };
    let pipeline = file.import(arguments.input.as_deref())?;
    let session = database::endpoint(global, console).await?.connect_for_reading().await?;
    let found = find_files(&pipeline.definition).await?;
    let (tables, names) = read_tables(&session, &pipeline.definition).await?;
    match bind_files(&pipeline, &found, &tables, &names) {
        Ok(bound) => {
            print(&preview::preview(&bound, arguments.records, arguments.reveal)?, console)
        }
        Err(stop) => return Ok(file.stopped(&stop, console)),
    }
    Ok(ExitStatus::Done)
}

fn preview_file(path: &Path, count: usize) -> Result<Vec<PreviewRecord>> {
    let definition = guess_source(path)?;
    let input = source::input::resolve(&definition)?.into_iter().next();
    let input =
        input.ok_or_else(|| Error::source_file(format!("`{}` is not there", path.display())))?;
    preview::preview_source(source::open(&definition, &input)?.as_ref(), count)
}

/// A source by the file's ending, with the format's defaults; for looking only.
fn guess_source(path: &Path) -> Result<SourceDefinition> {
    let name = path.to_string_lossy().to_lowercase();
    let plain = name.trim_end_matches(".gz").trim_end_matches(".zst");
    let formats: [(&[&str], &str); 8] = [
        (&[".csv", ".txt", ".tsv"], "csv"),
        (&[".xlsx", ".xlsm"], "xlsx"),
        (&[".xlsb"], "xlsb"),
        (&[".xls"], "xls"),
        (&[".ods"], "ods"),
        (&[".geojson", ".json", ".geojsonl", ".geojsons", ".ndjson"], "geojson"),
        (&[".jsonl"], "jsonl"),
        (&[".shp", ".zip"], "shapefile"),
    ];
    let format =
        formats.iter().find(|(endings, _)| endings.iter().any(|ending| plain.ends_with(ending)));
    let format = format.map_or(if path.is_dir() { "shapefile" } else { "" }, |(_, format)| format);
    let delimiter = plain.ends_with(".tsv").then_some("\t");
    let described = serde_json::json!({ "format": format, "path": path, "delimiter": delimiter });
    serde_json::from_value(described).map_err(|_| {
        Error::definition(format!("the format of `{}` cannot be told by its name", path.display()))
            .hint("write a pipeline that says it, and preview that")
    })
}

fn print(records: &[PreviewRecord], console: &Console) {
    for record in records {
        if console.is_json() {
            console.json(record);
        } else {
            console.data(&text(record));
        }
    }
}

fn text(record: &PreviewRecord) -> String {
    let of = record.file.as_ref().map_or(String::new(), |file| format!("{file}, "));
    let mut text = format!("{of}record {}", record.record);
    if record.line > 0 {
        let _ = write!(text, " (line {})", record.line);
    }
    text.push('\n');
    if let Some(fault) = &record.fault {
        let _ = writeln!(text, "  rejected: {fault}");
    }
    let width = record.arrives.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, value) in &record.arrives {
        let _ = writeln!(text, "  {name:width$}  {value}");
    }
    for row in &record.written {
        let _ = writeln!(
            text,
            "  -> {}{}",
            row.table,
            match (row.filtered, row.deletes) {
                (true, _) => ": left out by `when`",
                (_, true) => ": deleted",
                _ => "",
            }
        );
        let width = row.columns.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, value) in &row.columns {
            let _ = match value {
                Ok(value) => writeln!(text, "     {name:width$}  {value}"),
                Err(wrong) => writeln!(text, "     {name:width$}  REJECTED {wrong}"),
            };
        }
    }
    text.push('\n');
    text
}
