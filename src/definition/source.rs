//! `[source]`: which files, in which format, read how.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

/// Which files are read, and how.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schemars(transform = with_format_and_path)]
pub struct SourceDefinition {
    /// The format of the files; of a file in a bundle `csv` unless given.
    #[serde(default)]
    pub format: Format,
    /// A file, a glob (`incoming/students-*.csv`), a folder with a shapefile, or `-` for
    /// standard input. Relative paths start where the command is run. `.gz` and `.zst` are unpacked.
    #[serde(default)]
    #[validate(length(min = 1, message = "the path is empty"))]
    pub path: String,
    /// The member of a zip archive to read; a glob that matches exactly one.
    #[serde(default)]
    pub member: Option<String>,
    /// The character encoding, by its WHATWG label (`windows-1252`, `shift_jis`, `utf-16le`) or
    /// `cp437`, `cp850`. UTF-8 unless given; a byte order mark has to agree.
    #[serde(default)]
    pub encoding: Option<String>,
    /// Words that mean NULL; the empty text unless given.
    #[serde(default = "empty_is_null")]
    pub null: Vec<String>,
    /// CSV: between fields, one ASCII character; `,` unless given, `"\t"` for a tab.
    #[serde(default)]
    pub delimiter: Option<String>,
    /// CSV: around fields, one ASCII character; `"` unless given, `""` where the file does not quote.
    #[serde(default)]
    pub quote: Option<String>,
    /// CSV: before a quote inside a quoted field, where it is not doubled (`"\\"`).
    #[serde(default)]
    pub escape: Option<String>,
    /// CSV: lines that start with this character are not records.
    #[serde(default)]
    pub comment: Option<String>,
    /// CSV, sheets: the row that names the columns, from 1 (what stands above is skipped), two
    /// rows where names stand over names (`[1, 2]`), or `false` where there is none.
    #[serde(default)]
    pub header: HeaderRow,
    /// CSV, sheets without a header: names for the columns, in order.
    #[serde(default)]
    pub columns: Vec<String>,
    /// Sheets: the sheet's name, or its number from 1; the first unless given.
    #[serde(default)]
    pub sheet: Option<SheetRef>,
    /// Sheets: the cells read, such as `"B3:H200"`, `"B3:H"` or `"A:F"`; the header row is
    /// counted on the sheet, not in the range.
    #[serde(default)]
    pub range: Option<String>,
    /// The mark before decimals, for all columns; `.` unless given.
    #[serde(default)]
    pub decimal_mark: Option<String>,
    /// The mark between groups of digits, for all columns; none unless given.
    #[serde(default)]
    pub group_mark: Option<String>,
    /// The coordinate reference system of the geometries, such as `EPSG:4283`.
    #[serde(default)]
    pub crs: Option<String>,
    /// CSV: takes the `'` away again that an export put before text a spreadsheet would run.
    #[serde(default)]
    pub unguard: bool,
}

/// A file of a bundle has a format of its own accord and no path; a source says both.
fn with_format_and_path(schema: &mut schemars::Schema) {
    for key in ["format", "path"] {
        let property = schema.pointer_mut(&format!("/properties/{key}"));
        if let Some(property) = property.and_then(serde_json::Value::as_object_mut) {
            property.shift_remove("default");
        }
    }
    schema.insert("required".to_owned(), serde_json::json!(["format", "path"]));
}

fn empty_is_null() -> Vec<String> {
    vec![String::new()]
}

/// The formats read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Delimited text.
    #[default]
    Csv,
    /// Excel 2007 and later (`.xlsx`, `.xlsm`).
    Xlsx,
    /// Excel binary workbooks.
    Xlsb,
    /// Excel 97 to 2003.
    Xls,
    /// OpenDocument sheets.
    Ods,
    /// GeoJSON: a FeatureCollection, a text sequence, or a feature on each line.
    Geojson,
    /// JSON lines: an object on each line; nested values by path (`a.b[0].c`).
    Jsonl,
    /// An ESRI shapefile: the `.shp`, its folder, or a zip of it.
    Shapefile,
}

/// The row with the column names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum HeaderRow {
    /// `true`: the first row; `false`: there is none.
    Is(bool),
    /// The row's number, from 1.
    Row(#[schemars(range(min = 1))] u32),
    /// Two rows, the upper one first: a column's name is both, with a space between. What is
    /// empty in the upper row has the text to its left, as merged cells do.
    Rows([u32; 2]),
}

impl Default for HeaderRow {
    fn default() -> Self {
        HeaderRow::Is(true)
    }
}

impl HeaderRow {
    /// The row's number from 1, that of the lower one of two; `None` without header.
    pub fn row(self) -> Option<u32> {
        match self {
            HeaderRow::Is(true) => Some(1),
            HeaderRow::Is(false) | HeaderRow::Row(0) => None,
            HeaderRow::Row(row) | HeaderRow::Rows([_, row]) => Some(row),
        }
    }

    /// The number of the upper row where names stand on two.
    pub fn upper_row(self) -> Option<u32> {
        match self {
            HeaderRow::Rows([upper, _]) => Some(upper),
            _ => None,
        }
    }
}

/// A sheet by name or number.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum SheetRef {
    /// Its number, from 1.
    Number(#[schemars(range(min = 1))] u32),
    /// Its name.
    Name(String),
}

/// A field of the source, by name or by position.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum FieldRef {
    /// Its position, from 1.
    Number(#[schemars(range(min = 1))] u32),
    /// Its name in the header; `geometry` for the geometry of a feature.
    Name(String),
}

impl std::fmt::Display for FieldRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            FieldRef::Number(number) => write!(f, "column {number}"),
            FieldRef::Name(name) => f.write_str(name),
        }
    }
}
