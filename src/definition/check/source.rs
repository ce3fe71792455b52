//! `[source]`: keys that belong to the format, and texts with a grammar.

use super::{Checker, character::Marks, hinted};
use crate::{
    definition::{Format, HeaderRow, SourceDefinition},
    diagnostic::Place,
};

/// The formats a key says something about.
const CSV: &[Format] = &[Format::Csv];
const SHEETS: &[Format] = &[Format::Xlsx, Format::Xlsb, Format::Xls, Format::Ods];
const CSV_AND_SHEETS: &[Format] =
    &[Format::Csv, Format::Xlsx, Format::Xlsb, Format::Xls, Format::Ods];
const WITH_ENCODING: &[Format] = &[Format::Csv, Format::Shapefile];

/// Keys that only some formats know, and how those are called together.
const KEYS: &[(&str, &[Format], &str)] = &[
    ("delimiter", CSV, "CSV"),
    ("quote", CSV, "CSV"),
    ("escape", CSV, "CSV"),
    ("comment", CSV, "CSV"),
    ("unguard", CSV, "CSV"),
    ("header", CSV_AND_SHEETS, "CSV and sheets"),
    ("columns", CSV_AND_SHEETS, "CSV and sheets"),
    ("sheet", SHEETS, "sheets"),
    ("range", SHEETS, "sheets"),
    ("encoding", WITH_ENCODING, "CSV and shapefiles"),
];

impl Checker<'_> {
    pub(super) fn source(&mut self, source: &SourceDefinition, place: &Place) {
        self.keys_of_format(source.format, place);
        self.header(source, place);
        self.dialect(source, place);
        self.marks(marks(source), Marks::default(), place);
        if let Some(label) = &source.encoding {
            self.encoding(label, &place.key("encoding"));
        }
        if let Some(range) = &source.range {
            self.cells(range, &place.key("range"));
        }
        if let Some(crs) = &source.crs {
            self.crs(crs, &place.key("crs"));
        }
        self.repeated(&source.null, &place.key("null"));
    }

    fn keys_of_format(&mut self, format: Format, place: &Place) {
        if !self.is_sound(&place.key("format")) {
            return;
        }
        for (key, formats, called) in KEYS {
            let here = place.key(*key);
            if self.is_given(&here) && !formats.contains(&format) {
                let message = format!("`{key}` means something for {called} only");
                self.report_key("definition.not_applicable", &here, message).hint =
                    hinted(format!("the format here is `{}`, take this key out", name(format)));
            }
        }
    }

    fn header(&mut self, source: &SourceDefinition, place: &Place) {
        let columns = place.key("columns");
        if let HeaderRow::Rows([upper, lower]) = source.header
            && (upper == 0 || upper >= lower)
        {
            let message = "the two rows are counted from 1, and the upper one comes first";
            self.report("definition.range", &place.key("header"), message);
        }
        self.repeated(&source.columns, &columns);
        let has_header = CSV_AND_SHEETS.contains(&source.format);
        if has_header && !source.columns.is_empty() && source.header != HeaderRow::Is(false) {
            let message = "`columns` names columns where there is no header";
            self.report_key("definition.conflict", &columns, message).hint =
                hinted("add `header = false`, or take `columns` out to use the header's names");
        }
    }

    fn dialect(&mut self, source: &SourceDefinition, place: &Place) {
        let mut taken: Vec<(&str, char)> = Vec::new();
        let quote = source.quote.as_deref();
        if quote == Some("") && source.escape.is_some() {
            let message = "`escape` works inside quotes only, and `quote` is empty";
            self.report_key("definition.conflict", &place.key("escape"), message);
        }
        let given = [
            ("delimiter", source.delimiter.as_deref(), Some(',')),
            ("quote", quote.filter(|quote| !quote.is_empty()), quote.is_none().then_some('"')),
            ("escape", source.escape.as_deref(), None),
            ("comment", source.comment.as_deref(), None),
        ];
        // What is assumed clashes as well, but the key that was written is the one to show.
        for (key, _, assumed) in given.iter().filter(|(_, text, _)| text.is_none()) {
            taken.extend(assumed.map(|assumed| (*key, assumed)));
        }
        for (key, text, _) in given {
            let here = place.key(key);
            let Some(character) = text.and_then(|text| self.ascii_character(key, text, &here))
            else {
                continue;
            };
            if let Some((other, _)) = taken.iter().find(|(_, taken)| *taken == character) {
                let message = format!("`{key}` and `{other}` are the same character");
                let finding = self.report("definition.conflict", &here, message);
                if key == "escape" && *other == "quote" {
                    finding.hint = hinted("doubled quotes are understood without `escape`");
                }
            }
            taken.push((key, character));
        }
    }
}

/// The marks all columns inherit.
pub(super) fn marks(source: &SourceDefinition) -> Marks<'_> {
    Marks { decimal: source.decimal_mark.as_deref(), group: source.group_mark.as_deref() }
}

fn name(format: Format) -> &'static str {
    match format {
        Format::Csv => "csv",
        Format::Xlsx => "xlsx",
        Format::Xlsb => "xlsb",
        Format::Xls => "xls",
        Format::Ods => "ods",
        Format::Geojson => "geojson",
        Format::Jsonl => "jsonl",
        Format::Shapefile => "shapefile",
    }
}
