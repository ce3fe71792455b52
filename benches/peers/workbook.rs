//! A workbook with the columns of the sales, and calamine's own reading of it.

use std::{fs, hint::black_box, path::Path};

use rust_xlsxwriter::Workbook;

use super::{Failed, contests::SALE_FIELDS, data};

/// Writes the first `rows` sales of a CSV as typed cells, unless the file is there.
pub(super) fn write(csv: &Path, path: &Path, rows: u64) -> Result<(), Failed> {
    if path.exists() {
        return Ok(());
    }
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet_with_constant_memory()?;
    for (column, name) in (0..).zip(SALE_FIELDS) {
        sheet.write_string(0, column, name)?;
    }
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(csv)?;
    let records = reader.records().take(usize::try_from(rows)?);
    for (row, record) in (1..).zip(records) {
        for (column, field) in (0..).zip(record?.iter()) {
            match (column, field.parse::<f64>()) {
                (_, _) if field.is_empty() => continue,
                // The price is the one number.
                (1, Ok(number)) => sheet.write_number(row, column, number)?,
                _ => sheet.write_string(row, column, field)?,
            };
        }
    }
    let making = data::folder().join("making.xlsx");
    workbook.save(&making)?;
    Ok(fs::rename(making, path)?)
}

/// Reads every cell and keeps none.
pub(super) fn read_bare(path: &str) -> Result<(), Failed> {
    let mut workbook: calamine::Xlsx<_> = calamine::open_workbook(path)?;
    let name = calamine::Reader::sheet_names(&workbook).remove(0);
    let mut cells = workbook.worksheet_cells_reader(&name)?;
    while let Some(cell) = cells.next_cell()? {
        black_box(cell);
    }
    Ok(())
}
