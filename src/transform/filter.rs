//! `when`: which records a target takes, by rules on source fields.
//!
//! Fields have no column's type here: they are judged as text, and against
//! numbers as numbers. As everywhere, NULL passes every rule but `required`.

use bumpalo::Bump;
use indexmap::IndexMap;
use jiff::{civil::Date, tz::TimeZone};

use super::{
    constant, render,
    rules::{Facts, RuleFinding, RuleSet},
    words::Words,
};
use crate::{
    batch::Record,
    definition::{Rules, Scalar},
    diagnostic::{Finding, Place},
    schema::PgType,
    value::Value,
};

/// The rules of one target's `when`, compiled.
#[derive(Debug, Default)]
pub struct RowFilter {
    fields: Vec<FieldRules>,
}

#[derive(Debug)]
struct FieldRules {
    cell: usize,
    null: Words,
    required: bool,
    texts: RuleSet,
    /// Rules that compare with numbers.
    numbers: RuleSet,
}

impl RowFilter {
    /// Compiles a `when`.
    ///
    /// `cells[i]` is where the projection has its `i`-th field; `null` are the
    /// source's words for NULL. `None` when findings were added.
    pub fn compile(
        when: &IndexMap<String, Rules>,
        cells: &[usize],
        null: &[String],
        place: &Place,
        findings: &mut Vec<Finding>,
    ) -> Option<Self> {
        let before = findings.len();
        let mut fields = Vec::with_capacity(when.len());
        for ((name, rules), cell) in when.iter().zip(cells) {
            match FieldRules::compile(rules, *cell, null) {
                Ok(rules) => fields.push(rules),
                Err(wrong) => {
                    let place = place.key(name);
                    findings.extend(wrong.into_iter().map(|finding| reported(finding, &place)));
                }
            }
        }
        (findings.len() == before).then_some(Self { fields })
    }

    /// Whether it lets every record pass.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Whether a record, decoded without fault, is for the target.
    #[inline]
    pub fn passes(&self, record: &Record<'_>, arena: &Bump) -> bool {
        self.fields.iter().all(|field| field.passes(record, arena))
    }
}

fn reported(finding: RuleFinding, place: &Place) -> Finding {
    let RuleFinding { key, message } = finding;
    Finding::new("transform.rule", place.key(key), format!("`{key}`: {message}"))
}

impl FieldRules {
    fn compile(rules: &Rules, cell: usize, null: &[String]) -> Result<Self, Vec<RuleFinding>> {
        let (text_rules, number_rules) = parted(rules);
        let mut findings = Vec::new();
        if rules.unique {
            let message = "for columns only: it is judged over all rows".to_owned();
            findings.push(RuleFinding { key: "unique", message });
        }
        let texts = gathered(compiled(&text_rules, &PgType::Text), &mut findings);
        let numbers = gathered(compiled(&number_rules, &PgType::Numeric(None)), &mut findings);
        if !findings.is_empty() {
            return Err(findings);
        }
        let null = Words::new(null.iter().map(String::as_str));
        Ok(Self { cell, null, required: rules.required, texts, numbers })
    }

    fn passes(&self, record: &Record<'_>, arena: &Bump) -> bool {
        let cell = record.cell(self.cell);
        if self.null.contain_cell(cell, arena) {
            return !self.required;
        }
        let text = render::text(cell, arena);
        let holds = |rules: &RuleSet, value| rules.broken(value, text).next().is_none();
        if !holds(&self.texts, Value::Text(text)) {
            return false;
        }
        self.numbers.is_empty()
            || constant::decimal(text.trim(), arena)
                .is_some_and(|number| holds(&self.numbers, Value::Decimal(number)))
    }
}

fn gathered(
    compiled: Result<RuleSet, Vec<RuleFinding>>,
    findings: &mut Vec<RuleFinding>,
) -> RuleSet {
    compiled.unwrap_or_else(|wrong| {
        findings.extend(wrong);
        RuleSet::default()
    })
}

/// The rules that are about text, and those that compare with numbers.
fn parted(rules: &Rules) -> (Rules, Rules) {
    let numbers = |scalars: &Vec<Scalar>| {
        scalars.iter().all(|scalar| matches!(scalar, Scalar::Int(_) | Scalar::Float(_)))
    };
    let (of_numbers, of_texts) = match &rules.one_of {
        Some(scalars) if numbers(scalars) => (Some(scalars.clone()), None),
        one_of => (None, one_of.clone()),
    };
    let texts = Rules { minimum: None, maximum: None, one_of: of_texts, ..rules.clone() };
    let (minimum, maximum) = (rules.minimum.clone(), rules.maximum.clone());
    (texts, Rules { minimum, maximum, one_of: of_numbers, ..Rules::default() })
}

fn compiled(rules: &Rules, pg_type: &PgType) -> Result<RuleSet, Vec<RuleFinding>> {
    // Texts and numbers need neither a day nor a parser.
    let constant = |_: &Scalar| Err("not a text or a number".to_owned());
    let facts = Facts { pg_type, today: Date::MIN, zone: TimeZone::UTC, constant: &constant };
    RuleSet::compile(rules, &facts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        batch::{Cell, RecordBatch},
        outcome::Position,
    };

    fn passes(rules: Rules, cell: Cell<'_>) -> bool {
        let when = IndexMap::from([("Field".to_owned(), rules)]);
        let mut findings = Vec::new();
        let place = Place::root().key("when");
        let filter = RowFilter::compile(&when, &[1], &[String::new()], &place, &mut findings);
        let filter = filter.unwrap_or_else(|| panic!("{findings:?}"));
        let mut batch = RecordBatch::default();
        batch.push(Cell::Text("other"));
        batch.push(cell);
        batch.end_record(Position::default(), (0, 0));
        let record = batch.records().next().expect("one record");
        filter.passes(&record, &Bump::new())
    }

    #[test]
    fn records_pass_by_rules_on_their_fields() {
        let required = || Rules { required: true, ..Rules::default() };
        let one_of = |scalars| Rules { one_of: Some(scalars), ..Rules::default() };
        let from = |scalar| Rules { minimum: Some(scalar), ..Rules::default() };
        let pattern = |p: &str| Rules { pattern: Some(p.to_owned()), ..Rules::default() };
        let text = |text: &str| Scalar::Text(text.to_owned());
        for (rules, cell, expected) in [
            (required(), Cell::Text("x"), true),
            (required(), Cell::Text(""), false),
            (required(), Cell::Absent, false),
            (one_of(vec![text("A"), text("B")]), Cell::Text("B"), true),
            (one_of(vec![text("A")]), Cell::Text("C"), false),
            (one_of(vec![text("A")]), Cell::Text(""), true),
            (one_of(vec![Scalar::Int(2024)]), Cell::Text("2024.0"), true),
            (one_of(vec![Scalar::Int(2024)]), Cell::Float(2025.0), false),
            (from(Scalar::Float(0.5)), Cell::Text("0.50"), true),
            (from(Scalar::Float(0.5)), Cell::Text("0.4999"), false),
            (from(Scalar::Int(1)), Cell::Text("many"), false),
            (from(text("12")), Cell::Number("12"), true),
            (pattern("a|b+"), Cell::Text("bb"), true),
            (pattern("a|b+"), Cell::Text("bba"), false),
        ] {
            assert_eq!(passes(rules.clone(), cell), expected, "{rules:?} {cell:?}");
        }
    }

    #[test]
    fn what_a_filter_cannot_judge_is_found() {
        let rules = Rules {
            unique: true,
            maximum: Some(Scalar::Text("today".into())),
            pattern: Some("(".into()),
            ..Rules::default()
        };
        let when = IndexMap::from([("F".to_owned(), rules)]);
        let mut findings = Vec::new();
        let place = Place::root().key("when");
        assert!(RowFilter::compile(&when, &[0], &[], &place, &mut findings).is_none());
        let places: Vec<_> = findings.iter().map(|finding| finding.place.to_string()).collect();
        assert_eq!(places, ["when.F.unique", "when.F.pattern", "when.F.maximum"]);
    }
}
