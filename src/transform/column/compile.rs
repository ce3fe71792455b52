//! Resolves a column's definition against the catalog's column, once.
//!
//! Whatever is wrong is found here and all at once: options that do not fit the
//! type, steps and patterns that do not compile, codes and constants that are no
//! values of the column. Afterwards only data can be wrong.

use bumpalo::Bump;
use jiff::{civil::Date, tz::TimeZone};

use super::{ColumnTransform, Input, Missing, Point, TextWork, Typing, constants::Reader};
use crate::{
    definition::{CodeList, CodeListFile, ColumnDefinition, Scalar, SourceDefinition},
    diagnostic::{Finding, Place},
    error,
    schema::{Column, GeometryColumn, PgType},
    transform::{
        code_list::Codes,
        constant::Constant,
        geometry::{GeometryFinding, GeometryTransform},
        parse::{ParseOptions, Parser, ParserFinding},
        rules::{Facts, RuleSet},
        steps::Steps,
        words::Words,
    },
};

/// What columns are compiled against, beside the definition and the catalog.
#[derive(Clone, Copy)]
pub struct CompileEnvironment<'e> {
    /// The pipeline's source, for its NULL words and marks.
    pub source: &'e SourceDefinition,
    /// The coordinate reference system that the files declare themselves; a column's or the
    /// source's `crs` comes before it.
    pub crs: Option<&'e str>,
    /// The run's date: `today` in rules.
    pub today: Date,
    /// Gives the bytes of a code list's file.
    pub code_list: &'e dyn Fn(&CodeListFile) -> error::Result<Vec<u8>>,
}

impl ColumnTransform {
    /// Compiles a column that is staged (one with `from`, `value` or `rest`).
    ///
    /// `cells` are where the projection has the `from` fields, in their order;
    /// empty for `value`, the extra cell's index for `rest`. `place` is the
    /// column's in the definition. `None` when findings were added.
    pub fn compile(
        column: &Column,
        definition: &ColumnDefinition,
        cells: &[usize],
        environment: &CompileEnvironment<'_>,
        place: &Place,
        findings: &mut Vec<Finding>,
    ) -> Option<Self> {
        let mut compiler = Compiler { column, definition, environment, place, findings };
        compiler.column(cells)
    }
}

fn steps(definition: &ColumnDefinition, place: &Place, findings: &mut Vec<Finding>) -> Steps {
    Steps::compile(&definition.steps).unwrap_or_else(|wrong| {
        findings.extend(wrong.into_iter().map(|finding| {
            let place = place.key("steps").index(finding.index);
            Finding::new("transform.step", place, finding.message)
        }));
        Steps::default()
    })
}

struct Compiler<'c> {
    column: &'c Column,
    definition: &'c ColumnDefinition,
    environment: &'c CompileEnvironment<'c>,
    place: &'c Place,
    findings: &'c mut Vec<Finding>,
}

impl Compiler<'_> {
    /// Goes on after a finding as far as it can, so that all of them are reported.
    fn column(&mut self, cells: &[usize]) -> Option<ColumnTransform> {
        let before = self.findings.len();
        let options = self.options();
        let steps = self.steps();
        let typing = self.typing(&options)?;
        let reader = Reader::new(&self.column.pg_type, &typing);
        let rules = self.rules(&reader);
        let map = self.map(&reader);
        let missing = self.missing(&reader, &rules);
        let constant = self.value(&reader, &rules);
        let input = match constant {
            Some(constant) => Some(Input::Constant(constant)),
            None => self.input(cells, typing, &options),
        };
        if self.findings.len() > before {
            return None;
        }
        let (input, text) = (input?, TextWork { steps: self.unguarded(steps), map });
        let verbatim = if text.is_idle() && rules.is_empty() { input.verbatim() } else { None };
        Some(ColumnTransform {
            name: self.column.name.as_str().into(),
            sensitive: self.definition.sensitive,
            input,
            null: self.null_words(),
            text,
            missing,
            rules,
            verbatim,
        })
    }

    fn unguarded(&self, steps: Steps) -> Steps {
        if self.environment.source.unguard { steps.unguarding() } else { steps }
    }

    fn find(&mut self, code: &'static str, key: &str, message: impl Into<String>) {
        self.findings.push(Finding::new(code, self.place.key(key), message));
    }

    /// How values are written: the column's words, else the source's, else the usual ones.
    fn options(&mut self) -> ParseOptions {
        let (column, source) = (self.definition, self.environment.source);
        let decimal_mark = self.mark("decimal_mark", column.decimal_mark.as_deref());
        let first = |mark: &Option<String>| mark.as_ref().and_then(|mark| mark.chars().next());
        let decimal_mark = decimal_mark.or_else(|| first(&source.decimal_mark)).unwrap_or('.');
        let group_mark = match column.group_mark.as_deref() {
            // None, whatever the source has.
            Some("") => None,
            Some(mark) => self.mark("group_mark", Some(mark)),
            None => first(&source.group_mark),
        };
        ParseOptions {
            decimal_mark,
            group_mark,
            true_words: column.true_words.clone(),
            false_words: column.false_words.clone(),
            format: column.format.clone(),
            zone: column.zone.clone(),
            separator: column.separator.clone(),
        }
    }

    fn mark(&mut self, key: &str, mark: Option<&str>) -> Option<char> {
        let mark = mark?;
        let mut characters = mark.chars();
        match (characters.next(), characters.next()) {
            (Some(mark), None) => Some(mark),
            _ => {
                self.find("transform.option", key, format!("`{key}` is exactly one character"));
                None
            }
        }
    }

    fn steps(&mut self) -> Steps {
        steps(self.definition, self.place, self.findings)
    }

    fn typing(&mut self, options: &ParseOptions) -> Option<Typing> {
        match &self.column.pg_type {
            PgType::Geometry(geometry) => self.geometry(geometry, false).map(Typing::geometry),
            PgType::Geography(geometry) => self.geometry(geometry, true).map(Typing::geometry),
            pg_type => match Parser::compile(pg_type, options) {
                Ok(parser) => Some(Typing::Parse(Box::new(parser))),
                Err(finding) => self.parser_finding(finding),
            },
        }
    }

    fn geometry(
        &mut self,
        geometry: &GeometryColumn,
        geography: bool,
    ) -> Option<GeometryTransform> {
        let (definition, source) = (self.definition, self.environment.source);
        let declared = definition.crs.as_deref().or(source.crs.as_deref());
        let crs = declared.or(self.environment.crs);
        match GeometryTransform::compile(geometry, geography, definition, crs) {
            Ok(transform) => Some(transform),
            Err(GeometryFinding { option, message, hint }) => {
                let finding = Finding::new("transform.option", self.place.key(option), message);
                self.findings.push(Finding { hint, ..finding });
                None
            }
        }
    }

    fn parser_finding<T>(&mut self, finding: ParserFinding) -> Option<T> {
        let ParserFinding { option, message } = finding;
        if option.is_empty() {
            let message = format!("the column `{}` {message}", self.column.name);
            self.findings.push(Finding::new("transform.type", self.place.clone(), message));
        } else {
            self.find("transform.option", option, format!("`{option}` {message}"));
        }
        None
    }

    fn rules(&mut self, reader: &Reader<'_>) -> RuleSet {
        // An unknown zone is the parser's finding.
        let zone = self.definition.zone.as_deref().map(TimeZone::get);
        let facts = Facts {
            pg_type: &self.column.pg_type,
            today: self.environment.today,
            zone: zone.and_then(Result::ok).unwrap_or(TimeZone::UTC),
            constant: &|scalar| reader.read(scalar),
        };
        match RuleSet::compile(&self.definition.rules, &facts) {
            Ok(rules) => rules,
            Err(wrong) => {
                for finding in wrong {
                    let message = format!("`{}`: {}", finding.key, finding.message);
                    self.find("transform.rule", finding.key, message);
                }
                RuleSet::default()
            }
        }
    }

    fn map(&mut self, reader: &Reader<'_>) -> Option<Codes> {
        let codes = match self.definition.map.as_ref()? {
            CodeList::Inline(list) => Codes::inline(list),
            CodeList::File(file) => self.code_list_file(file),
        };
        match codes.and_then(|codes| fitting(codes, reader)) {
            Ok(codes) => Some(codes),
            Err(message) => {
                self.find("transform.map", "map", message);
                None
            }
        }
    }

    fn code_list_file(&self, file: &CodeListFile) -> Result<Codes, String> {
        let bytes = (self.environment.code_list)(file).map_err(|error| error.to_string())?;
        Codes::from_csv(&bytes, file)
    }

    fn missing(&mut self, reader: &Reader<'_>, rules: &RuleSet) -> Missing {
        if let Some(scalar) = &self.definition.default {
            return match self.constant("default", scalar, reader, rules) {
                Some(constant) => Missing::Default(constant),
                None => Missing::Null,
            };
        }
        if self.definition.rules.required {
            return Missing::Broken { code: "rule.required", message: "missing" };
        }
        if self.column.not_null {
            let message = "missing, and the table's column takes no NULL";
            return Missing::Broken { code: "rule.not_null", message };
        }
        Missing::Null
    }

    fn value(&mut self, reader: &Reader<'_>, rules: &RuleSet) -> Option<Constant> {
        let scalar = self.definition.value.as_ref()?;
        // A constant that does not fit has been found; any value keeps the rest going.
        Some(self.constant("value", scalar, reader, rules).unwrap_or(Constant::NULL))
    }

    /// A scalar as a value of the column that keeps the column's rules.
    fn constant(
        &mut self,
        key: &'static str,
        scalar: &Scalar,
        reader: &Reader<'_>,
        rules: &RuleSet,
    ) -> Option<Constant> {
        let constant = match reader.read(scalar) {
            Ok(constant) => constant,
            Err(message) => {
                self.find("transform.value", key, message);
                return None;
            }
        };
        let (arena, text) = (Bump::new(), scalar.to_string());
        for broken in rules.broken(constant.lend(&arena), &text) {
            self.find("transform.value", key, format!("`{text}`: {}", broken.message));
        }
        Some(constant)
    }

    fn input(&mut self, cells: &[usize], typing: Typing, options: &ParseOptions) -> Option<Input> {
        if self.definition.rest && !holds_json(&self.column.pg_type) {
            self.find("transform.rest", "rest", "`rest` is for columns of json, jsonb or text");
            return None;
        }
        match (cells, typing) {
            (&[cell], typing) => Some(Input::Cell { cell, typing }),
            (&[x, y], Typing::Geometry(geometry)) => self.point([x, y], *geometry, options),
            ([_, _, ..], typing @ Typing::Parse(_)) => {
                let between = self.definition.join.as_deref().unwrap_or(" ").into();
                Some(Input::Joined { cells: cells.into(), between, typing })
            }
            ([], _) => {
                let message = "the column has neither `from` nor `value`";
                self.findings.push(Finding::new("transform.from", self.place.clone(), message));
                None
            }
            (_, Typing::Geometry(_)) => {
                self.find("transform.from", "from", "a point is made of two fields, x and y");
                None
            }
        }
    }

    fn point(
        &mut self,
        cells: [usize; 2],
        geometry: GeometryTransform,
        options: &ParseOptions,
    ) -> Option<Input> {
        let options = ParseOptions { format: None, zone: None, separator: None, ..options.clone() };
        match Parser::compile(&PgType::Float8, &options) {
            Ok(number) => Some(Input::Point(Box::new(Point { cells, number, geometry }))),
            Err(finding) => self.parser_finding(finding),
        }
    }

    /// `rest` is an object whatever it holds; other columns have their own words or the source's.
    fn null_words(&self) -> Words {
        if self.definition.rest {
            return Words::default();
        }
        let words = self.definition.null.as_ref().unwrap_or(&self.environment.source.null);
        Words::new(words.iter().map(String::as_str))
    }
}

impl Typing {
    fn geometry(transform: GeometryTransform) -> Self {
        Self::Geometry(Box::new(transform))
    }
}

fn holds_json(pg_type: &PgType) -> bool {
    matches!(pg_type, PgType::Json | PgType::Jsonb | PgType::Text)
}

/// Codes that all stand for values of the column.
fn fitting(codes: Codes, reader: &Reader<'_>) -> Result<Codes, String> {
    let wrong = codes.meanings().filter(|meaning| reader.judge(meaning).is_err()).count();
    let first = codes.meanings().find_map(|meaning| reader.judge(meaning).err());
    match first {
        None => Ok(codes),
        Some(message) if wrong == 1 => Err(message),
        Some(message) => Err(format!("{message}; so do {} more", wrong - 1)),
    }
}
