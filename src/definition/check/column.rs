//! A column: where its values come from, and which keys go together.

use super::{Checker, character::Marks, hinted};
use crate::{
    definition::{CodeList, ColumnDefinition, FieldRef, FromFields, InvalidGeometry, Scalar},
    diagnostic::Place,
};

/// What a column can take its values from.
pub(super) const ORIGINS: [&str; 5] = ["from", "value", "sql", "rest", "lookup"];

/// Keys about text that is read from the source.
const READING: [&str; 19] = [
    "aliases",
    "optional",
    "join",
    "null",
    "steps",
    "map",
    "default",
    "format",
    "zone",
    "decimal_mark",
    "group_mark",
    "true_words",
    "false_words",
    "separator",
    "crs",
    "axis",
    "invalid",
    "bounds",
    "force_2d",
];

/// Rules that are checked while reading, record by record.
const RULES: [&str; 11] = [
    "required",
    "enum",
    "pattern",
    "minimum",
    "maximum",
    "min_length",
    "max_length",
    "email",
    "url",
    "ip",
    "phone",
];

/// Keys that are each about one type; a column has only one type.
const FAMILIES: [(&str, &[&str]); 4] = [
    ("geometries", &["crs", "axis", "invalid", "bounds", "repair_area_percent", "force_2d"]),
    ("dates and times", &["format", "zone"]),
    ("truth values", &["true_words", "false_words"]),
    ("text", &["email", "url", "ip", "phone", "min_length", "max_length"]),
];

impl Checker<'_> {
    pub(super) fn column(&mut self, column: &ColumnDefinition, place: &Place) {
        self.origin(column, place);
        self.families(place);
        if let Some(from) = &column.from {
            self.fields(column, from, place);
        }
        if column.optional && column.rules.required && column.default.is_none() {
            let message = "`optional` allows the field to be missing, `required` rejects every \
                           record then";
            self.report_key("definition.conflict", &place.key("optional"), message).hint =
                hinted("give a `default`, or take one of the two out");
        }
        if let Some(format) = &column.format {
            self.date_format(format, &place.key("format"));
        }
        if let Some(zone) = &column.zone {
            self.zone(zone, &place.key("zone"));
        }
        if let Some(CodeList::Inline(codes)) = &column.map
            && codes.is_empty()
        {
            let message = "the list of codes is empty, so every value would be rejected";
            self.report("definition.empty", &place.key("map"), message);
        }
        if column.separator.as_deref() == Some("") {
            let message = "`separator` is empty, so elements cannot be told apart";
            self.report("definition.empty", &place.key("separator"), message);
        }
        self.lookup(column, place);
        let own =
            Marks { decimal: column.decimal_mark.as_deref(), group: column.group_mark.as_deref() };
        self.marks(own, self.inherited, place);
        self.truth_words(column, place);
        self.geometry(column, place);
        self.steps(&column.steps, &place.key("steps"));
        self.rules(&column.rules, place);
    }

    /// Exactly one of `from`, `value`, `sql`, `rest` and `lookup`.
    fn origin(&mut self, column: &ColumnDefinition, place: &Place) {
        let given = [
            column.from.is_some(),
            column.value.is_some(),
            column.sql.is_some(),
            column.rest,
            column.lookup.is_some(),
        ];
        let given: Vec<_> =
            ORIGINS.into_iter().zip(given).filter(|(_, is_given)| *is_given).collect();
        match given.as_slice() {
            [] => {
                let message = "the column says neither `from`, `value`, `sql`, `rest` nor `lookup`";
                self.report_key("definition.origin", place, message).hint =
                    hinted("`from = \"...\"` names the source field it is read from");
            }
            [(first, _)] => self.keys_of_origin(first, place),
            [(first, _), others @ ..] => {
                for (other, _) in others {
                    let message = format!("a column has either `{first}` or `{other}`");
                    self.report_key("definition.origin", &place.key(*other), message);
                }
            }
        }
        if column.sql.as_deref().is_some_and(|sql| sql.trim().is_empty()) {
            self.report("definition.empty", &place.key("sql"), "the SQL is empty");
        }
    }

    /// Keys that say nothing about a value that is not read from a field.
    fn keys_of_origin(&mut self, origin: &str, place: &Place) {
        if origin == "from" {
            return;
        }
        for key in self.keys(place) {
            let here = place.key(&key);
            if READING.contains(&key.as_str()) || key == "repair_area_percent" {
                let message = format!("`{key}` is about what is read `from` a field");
                self.report_key("definition.not_applicable", &here, message).hint =
                    hinted(match origin {
                        "lookup" => {
                            "say it of what is matched: `match = { ... = { from = \"...\", ... } }`"
                                .to_owned()
                        }
                        _ => format!("this column has `{origin}`; take this key out"),
                    });
            } else if origin == "lookup" && key == "required" {
                // It is about what is matched.
            } else if RULES.contains(&key.as_str()) && origin != "value" {
                let message =
                    format!("`{key}` is checked while reading, and `{origin}` is not read");
                self.report_key("definition.not_applicable", &here, message).hint =
                    hinted("say it in SQL: `[[target.check]] sql = \"...\"`");
            }
        }
    }

    fn families(&mut self, place: &Place) {
        let given = self.keys(place);
        let of = |keys: &[&str]| given.iter().find(|key| keys.contains(&key.as_str()));
        let found: Vec<_> =
            FAMILIES.iter().filter_map(|(about, keys)| Some((*about, of(keys)?.clone()))).collect();
        if let [(first_about, first), others @ ..] = found.as_slice() {
            for (about, key) in others {
                let message = format!("`{key}` is for {about}, but `{first}` is for {first_about}");
                self.report_key("definition.conflict", &place.key(key), message);
            }
        }
    }

    fn fields(&mut self, column: &ColumnDefinition, from: &FromFields, place: &Place) {
        let fields = from.fields();
        let here = place.key("from");
        if fields.is_empty() {
            self.report("definition.empty", &here, "the list of fields is empty");
        }
        for (index, field) in fields.iter().enumerate() {
            if matches!(field, FieldRef::Name(name) if name.is_empty()) {
                let at = if fields.len() > 1 { here.index(index) } else { here.clone() };
                self.report("definition.empty", &at, "the field has no name").hint =
                    hinted("a field without a name is meant by its number, from 1");
            }
        }
        if column.join.is_some() && fields.len() == 1 {
            let message = "`join` stands between several fields, and there is one";
            self.report_key("definition.conflict", &place.key("join"), message).hint =
                hinted("list the fields: `from = [\"...\", \"...\"]`");
        }
        if !column.aliases.is_empty() && !matches!(fields, [FieldRef::Name(_)]) {
            let message = "`aliases` are other names for one field that has a name";
            self.report_key("definition.conflict", &place.key("aliases"), message);
        }
        self.repeated(&column.aliases, &place.key("aliases"));
    }

    fn truth_words(&mut self, column: &ColumnDefinition, place: &Place) {
        let clash = |words: &[String], word: &str| {
            words.iter().any(|other| other.to_lowercase() == word.to_lowercase())
        };
        let null = column.null.as_deref().unwrap_or_default();
        for (index, word) in column.false_words.iter().enumerate() {
            if clash(&column.true_words, word) {
                let message = format!("`{word}` is a word for true as well");
                let at = place.key("false_words").index(index);
                self.report("definition.conflict", &at, message);
            }
        }
        for (key, words) in
            [("true_words", &column.true_words), ("false_words", &column.false_words)]
        {
            for (index, word) in words.iter().enumerate().filter(|(_, word)| null.contains(word)) {
                let message = format!("`{word}` means NULL as well");
                self.report("definition.conflict", &place.key(key).index(index), message);
            }
        }
    }

    fn geometry(&mut self, column: &ColumnDefinition, place: &Place) {
        if let Some(crs) = &column.crs {
            self.crs(crs, &place.key("crs"));
        }
        if let Some([left, bottom, right, top]) = column.bounds
            && (left >= right || bottom >= top)
        {
            let message = "the bounds are empty: the smallest x and y come first";
            self.report("definition.order", &place.key("bounds"), message).hint =
                hinted("write `[x least, y least, x greatest, y greatest]`");
        }
        let repairs = column.invalid == Some(InvalidGeometry::Repair);
        if column.repair_area_percent.is_some() && !repairs {
            let message = "nothing is repaired unless `invalid = \"repair\"`";
            let here = place.key("repair_area_percent");
            self.report_key("definition.conflict", &here, message);
        }
    }
}

/// Whether a constant is the empty text.
pub(super) fn is_empty_text(value: &Scalar) -> bool {
    matches!(value, Scalar::Text(text) if text.is_empty())
}
