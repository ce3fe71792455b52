//! `[output]`: where an export goes, and how; and what the whole export says of its rows.

use super::{Checker, character::Marks, hinted};
use crate::{
    definition::{
        ArchiveDefinition, ExportDefinition, OutputDefinition, OutputFormat, PART, Treatment,
        Unencodable, query::is_ordered, split_table,
    },
    diagnostic::{Place, did_you_mean},
};

/// The encodings an export is written in.
const ENCODINGS: [&str; 3] = ["utf-8", "utf-8-bom", "windows-1252"];

impl Checker<'_> {
    pub(super) fn export(&mut self, export: &ExportDefinition, root: &Place) {
        self.output(&export.output, &root.key("output"));
        let sql = root.key("sql");
        if export.order && self.is_sound(&sql) && !export.sql.is_empty() && !is_ordered(&export.sql)
        {
            let message = "the query does not say in which order its rows come";
            self.report("definition.order", &sql, message).hint = hinted(
                "end it with `order by`, so that the same data give the same file, or say `order = false`",
            );
        }
        if let Some(archive) = &export.archive {
            self.archive(export, archive, root);
        }
        if let Some(role) = &export.role {
            self.role(export, role, &root.key("role"));
        }
        if export.incremental.is_some() && !export.output.path.contains("{run}") {
            let place = root.key("output").key("path");
            let message = "the path does not have `{run}`";
            self.report("definition.path", &place, message).hint = hinted(
                "every run of an incremental export has other rows: files of their own keep them all",
            );
        }
        if let Some(incremental) = &export.incremental {
            self.incremental_key(export, &incremental.key, root);
        }
        for name in export.sensitive.keys() {
            self.sensitive(export, name, root);
        }
    }

    /// Whoever reads of a deleted row has to know it from the others.
    fn incremental_key(&mut self, export: &ExportDefinition, key: &[String], root: &Place) {
        let place = root.key("incremental").key("key");
        self.repeated(key, &place);
        for (at, name) in key.iter().enumerate() {
            let treatment = export.treatment(name);
            if matches!(treatment, Treatment::Omit | Treatment::Mask) {
                let message = format!("`{name}` is sensitive, and would not tell rows apart");
                self.report("definition.conflict", &place.index(at), message).hint =
                    hinted("have it hashed or shown, or choose another key");
            }
        }
        if !key.is_empty() && export.replica.as_ref().is_some_and(|replica| replica.env.is_some()) {
            let message = "`incremental.key` and `replica.env` exclude each other";
            self.report("definition.conflict", &place, message).hint =
                hinted("keys are compared where the ledger is");
        }
    }

    /// What is deleted has to be in the file as it was.
    fn archive(&mut self, export: &ExportDefinition, archive: &ArchiveDefinition, root: &Place) {
        let (here, output) = (root.key("archive"), &export.output);
        if let Err(wrong) = split_table(&archive.table) {
            self.report("definition.table", &here.key("table"), wrong.to_owned());
        }
        self.repeated(&archive.key, &here.key("key"));
        let place = root.key("output");
        let changing = [
            ("format", output.format != OutputFormat::Csv),
            ("date_format", output.date_format.is_some()),
            ("timestamp_format", output.timestamp_format.is_some()),
            ("decimal_mark", output.decimal_mark.is_some()),
            ("group_mark", output.group_mark.is_some()),
            ("decimals", output.decimals.is_some()),
            ("true_word", output.true_word.is_some()),
            ("false_word", output.false_word.is_some()),
            ("unencodable", output.unencodable == Unencodable::Replace),
        ];
        for (key, _) in changing.iter().filter(|(_, changes)| *changes) {
            let message = "an archive is CSV that holds every value just as the database has it";
            self.report("definition.conflict", &place.key(*key), message).hint =
                hinted("rows are deleted once they are in the file: nothing of them may be lost");
        }
        let others =
            [("replica", export.replica.is_some()), ("incremental", export.incremental.is_some())];
        for (key, _) in others.iter().filter(|(_, given)| *given) {
            let message = format!("`archive` and `{key}` exclude each other");
            self.report("definition.conflict", &root.key(*key), message);
        }
    }

    /// A role that no column knows would silently be the default.
    fn role(&mut self, export: &ExportDefinition, role: &str, place: &Place) {
        let known = export.sensitive.values().flat_map(|column| column.roles.keys());
        let known: Vec<&str> = known.map(String::as_str).collect();
        if known.contains(&role) {
            return;
        }
        let hint = match did_you_mean(role, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "name it under `sensitive.COLUMN.roles`".to_owned(),
        };
        let message = format!("no sensitive column has the role `{role}`");
        self.report("definition.unknown", place, message).hint = hinted(hint);
    }

    /// A column that is left out cannot be one of those to write, and what is not shown in a
    /// file is not shown by its name.
    fn sensitive(&mut self, export: &ExportDefinition, name: &str, root: &Place) {
        let group = export.output.group_by.iter().position(|column| column == name);
        if let Some(at) = group.filter(|_| export.treatment(name) != Treatment::Show) {
            let place = root.key("output").key("group_by").index(at);
            let message = format!("`{name}` is sensitive, and the names of files would show it");
            self.report("definition.conflict", &place, message);
        }
        let at = export.output.columns.iter().position(|column| column == name);
        let omitted = export.treatment(name) == Treatment::Omit;
        if let Some(at) = at.filter(|_| omitted) {
            let place = root.key("output").key("columns").index(at);
            let message = format!("`{name}` is sensitive and left out");
            self.report("definition.conflict", &place, message).hint =
                hinted("take it out, or say under `sensitive` that it is masked, hashed or shown");
        }
    }

    fn output(&mut self, output: &OutputDefinition, place: &Place) {
        let path = place.key("path");
        if self.is_local(&output.path, &path) {
            if output.path == "-" {
                let message = "an export is written to a file, not to standard output";
                self.report("definition.path", &path, message).hint = hinted(
                    "it takes its place when it is whole, with a manifest beside it: give it a name",
                );
            }
            self.placeholders(&output.path, &path);
            self.ending(output, &path);
            self.groups(output, place);
        }
        self.delimiter(output, &place.key("delimiter"));
        self.written_words(output, place);
        self.null_text(output, &place.key("null"));
        let marks =
            Marks { decimal: output.decimal_mark.as_deref(), group: output.group_mark.as_deref() };
        self.marks(marks, Marks::default(), place);
        let formats =
            [("date_format", &output.date_format), ("timestamp_format", &output.timestamp_format)];
        for (key, format) in formats {
            if let Some(format) = format {
                self.written_format(format, &place.key(key));
            }
        }
        if let Some(zone) = &output.zone {
            self.zone(zone, &place.key("zone"));
        }
        self.repeated(&output.columns, &place.key("columns"));
        self.charset(output, &place.key("encoding"));
    }

    /// What tells files apart has to be in their path.
    fn groups(&mut self, output: &OutputDefinition, place: &Place) {
        let has = |name: &str| output.path.contains(&format!("{{{name}}}"));
        self.repeated(&output.group_by, &place.key("group_by"));
        for (index, name) in output.group_by.iter().enumerate() {
            if !has(name) {
                let message = format!("the path does not have `{{{name}}}`");
                self.report("definition.path", &place.key("group_by").index(index), message).hint =
                    hinted("every group has a file of its own, whose path names it");
            }
        }
        if output.rows_per_file.is_some() && !has(PART) {
            let message = format!("the path does not have `{{{PART}}}`");
            self.report("definition.path", &place.key("rows_per_file"), message).hint =
                hinted("it is the number of the file, from `0001`");
        }
    }

    /// A workbook is known by its ending, and is compressed already.
    fn ending(&mut self, output: &OutputDefinition, place: &Place) {
        let ends = output.path.to_ascii_lowercase();
        let is_workbook = ends.ends_with(".xlsx");
        let fits = match output.format {
            OutputFormat::Xlsx => is_workbook || ends.ends_with(".{format}"),
            _ => !is_workbook,
        };
        if !fits {
            let message = "a path that ends in `.xlsx` and `format = \"xlsx\"` go together";
            self.report("definition.conflict", place, message).hint =
                hinted("end the path in `.{format}`, which follows the format");
        }
    }

    fn delimiter(&mut self, output: &OutputDefinition, place: &Place) {
        if let Some(text) = &output.delimiter
            && self.is_sound(place)
            && self.ascii_character("delimiter", text, place) == Some('"')
        {
            let message = "`\"` stands around fields, it cannot stand between them";
            self.report("definition.conflict", place, message);
        }
    }

    /// What a reader could not tell apart.
    fn written_words(&mut self, output: &OutputDefinition, place: &Place) {
        let truth = output.true_word.as_deref().unwrap_or("true");
        let falsehood = output.false_word.as_deref().unwrap_or("false");
        let key = if output.false_word.is_some() { "false_word" } else { "true_word" };
        if truth == falsehood {
            let message = format!("true and false would both be written `{truth}`");
            self.report("definition.conflict", &place.key(key), message);
        }
        for (key, word) in [("true_word", &output.true_word), ("false_word", &output.false_word)] {
            if word.as_ref() == Some(&output.null) {
                let message = format!("`{}` stands for NULL already", output.null);
                self.report("definition.conflict", &place.key(key), message);
            }
        }
    }

    /// NULL stands without quotes, so that it can be told from the same text.
    fn null_text(&mut self, output: &OutputDefinition, place: &Place) {
        if output.format != OutputFormat::Csv || output.null.is_empty() {
            return;
        }
        let delimiter = output.delimiter.as_deref().unwrap_or(",");
        if output.null.contains(['"', '\n', '\r']) || output.null.contains(delimiter) {
            let message = "the text for NULL would be taken for several fields";
            self.report("definition.conflict", place, message).hint =
                hinted("leave out delimiters, quotes and line breaks: NULL stands without quotes");
        }
        let is_1252 = output.encoding.as_deref() == Some("windows-1252");
        if is_1252 && encoding_rs::WINDOWS_1252.encode(&output.null).2 {
            let message = "the text for NULL has a character that windows-1252 does not have";
            self.report("definition.conflict", place, message);
        }
    }

    fn written_format(&mut self, format: &str, place: &Place) {
        // It is read as milliseconds and would be written as the name of a zone.
        if format.contains("%Q") {
            self.report("definition.format", place, "`%Q` is a word for reading only");
            return;
        }
        self.date_format(format, place);
    }

    fn charset(&mut self, output: &OutputDefinition, place: &Place) {
        let Some(name) = &output.encoding else { return };
        if ENCODINGS.contains(&name.as_str()) {
            return;
        }
        let hint = match did_you_mean(name, ENCODINGS) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "the encodings written are `utf-8`, `utf-8-bom` and `windows-1252`".to_owned(),
        };
        let message = format!("exports are not written in `{name}`");
        self.report("definition.encoding", place, message).hint = hinted(hint);
    }

    /// Braces come in pairs, around a name.
    fn placeholders(&mut self, path: &str, place: &Place) {
        let mut rest = path;
        while let Some(at) = rest.find(['{', '}']) {
            let after = &rest[at + 1..];
            let name = after.split_once('}').filter(|_| rest[at..].starts_with('{'));
            let is_name = |name: &str| {
                !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_')
            };
            let Some((_, remaining)) = name.filter(|(name, _)| is_name(name)) else {
                let message = "braces stand around the name of a value";
                self.report("definition.path", place, message).hint =
                    hinted("write `{name}`, and give it with `--set name=value`");
                return;
            };
            rest = remaining;
        }
    }
}
