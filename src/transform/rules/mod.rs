//! Rules: what a value must be. Each is judged, so that a record hears of all it broke.
//!
//! NULL passes every rule here; `required` is judged where NULL arises, in the
//! column. `unique` is judged over staging, by the database. A rule sees the
//! typed value and its text, after steps and code list. Its message is made when
//! it is compiled, from the definition alone, so that no message can hold data.
//! `compile` is the one table of rules: a new rule is a line there and a test.

mod allowed;
mod bound;
pub(super) mod order;
mod shape;

use jiff::{civil::Date, tz::TimeZone};
use regex::Regex;

use self::{
    allowed::Allowed,
    bound::{Bound, End},
};
use crate::{
    definition::{Rules, Scalar},
    schema::PgType,
    transform::constant::Constant,
    value::Value,
};

/// What rules are compiled against.
pub(super) struct Facts<'f> {
    /// The type of the values judged.
    pub(super) pg_type: &'f PgType,
    /// The run's date: `today`.
    pub(super) today: Date,
    /// Where a day of a `timestamptz` begins and ends.
    pub(super) zone: TimeZone,
    /// Reads a scalar as a value of the column.
    pub(super) constant: &'f dyn Fn(&Scalar) -> Result<Constant, String>,
}

/// A rule that cannot be used as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RuleFinding {
    /// The rule's key in the definition.
    pub(super) key: &'static str,
    /// What is wrong with it.
    pub(super) message: String,
}

/// The rules of one column, compiled.
#[derive(Debug, Default)]
pub(super) struct RuleSet {
    rules: Vec<Rule>,
    reads_text: bool,
}

/// A rule that a value broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken<'r> {
    pub(super) code: &'static str,
    pub(super) message: &'r str,
}

#[derive(Debug)]
struct Rule {
    code: &'static str,
    message: Box<str>,
    test: Test,
}

#[derive(Debug)]
enum Test {
    Bound(Bound, End),
    OneOf(Allowed),
    Pattern(Regex),
    MinLength(usize),
    MaxLength(usize),
    Shape(fn(&str) -> bool),
}

impl Test {
    fn holds(&self, value: Value<'_>, text: &str) -> bool {
        match self {
            Test::Bound(bound, end) => bound.holds(value, *end),
            Test::OneOf(allowed) => allowed.holds(value),
            Test::Pattern(pattern) => pattern.is_match(text),
            Test::MinLength(least) => shape::length(value, text) >= *least,
            Test::MaxLength(most) => shape::length(value, text) <= *most,
            Test::Shape(fits) => fits(text),
        }
    }

    fn reads_text(&self) -> bool {
        !matches!(self, Test::Bound(..) | Test::OneOf(_))
    }
}

impl RuleSet {
    /// Compiles the rules, or says what is wrong with each that cannot be.
    pub(super) fn compile(rules: &Rules, facts: &Facts<'_>) -> Result<Self, Vec<RuleFinding>> {
        let mut compiler = Compiler { set: Self::default(), findings: Vec::new() };
        compile(rules, facts, &mut compiler);
        if !compiler.findings.is_empty() {
            return Err(compiler.findings);
        }
        let mut set = compiler.set;
        set.reads_text = set.rules.iter().any(|rule| rule.test.reads_text());
        Ok(set)
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether a rule looks at the text; without, a typed cell need not be rendered.
    pub(super) fn reads_text(&self) -> bool {
        self.reads_text
    }

    /// The rules that a value, not NULL, and its text break.
    pub(super) fn broken<'r>(
        &'r self,
        value: Value<'r>,
        text: &'r str,
    ) -> impl Iterator<Item = Broken<'r>> {
        let text = if let Value::Text(text) = value { text } else { text };
        let broken = self.rules.iter().filter(move |rule| !rule.test.holds(value, text));
        broken.map(|rule| Broken { code: rule.code, message: &rule.message })
    }
}

/// Gathers rules and findings.
struct Compiler {
    set: RuleSet,
    findings: Vec<RuleFinding>,
}

impl Compiler {
    fn add(&mut self, key: &'static str, code: &'static str, rule: Result<(Test, String), String>) {
        match rule {
            Ok((test, message)) => {
                self.set.rules.push(Rule { code, message: message.into(), test });
            }
            Err(message) => self.findings.push(RuleFinding { key, message }),
        }
    }
}

/// The table of rules.
fn compile(rules: &Rules, facts: &Facts<'_>, compiler: &mut Compiler) {
    if let Some(scalars) = &rules.one_of {
        compiler.add("enum", "rule.enum", one_of(scalars, facts));
    }
    if let Some(pattern) = &rules.pattern {
        compiler.add("pattern", "rule.pattern", matching(pattern, facts.pg_type));
    }
    if let Some(scalar) = &rules.minimum {
        compiler.add("minimum", "rule.minimum", minimum(scalar, facts));
    }
    if let Some(scalar) = &rules.maximum {
        compiler.add("maximum", "rule.maximum", maximum(scalar, facts));
    }
    if let Some(least) = rules.min_length {
        compiler.add("min_length", "rule.min_length", min_length(least, facts.pg_type));
    }
    if let Some(most) = rules.max_length {
        compiler.add("max_length", "rule.max_length", max_length(most, facts.pg_type));
    }
    if rules.email {
        compiler.add("email", "rule.email", shaped(shape::EMAIL, facts.pg_type));
    }
    if rules.url {
        compiler.add("url", "rule.url", shaped(shape::URL, facts.pg_type));
    }
    if rules.ip {
        compiler.add("ip", "rule.ip", shaped(shape::IP, facts.pg_type));
    }
    if rules.phone {
        compiler.add("phone", "rule.phone", shaped(shape::PHONE, facts.pg_type));
    }
}

type Compiled = Result<(Test, String), String>;

/// Members of an `enum` that a message names; a longer list is counted.
const NAMED_MAX: usize = 8;

fn one_of(scalars: &[Scalar], facts: &Facts<'_>) -> Compiled {
    let allowed = Allowed::compile(scalars, facts)?;
    let message = if scalars.len() <= NAMED_MAX {
        let names: Vec<String> = scalars.iter().map(Scalar::to_string).collect();
        format!("not one of {}", names.join(", "))
    } else {
        format!("not one of the {} values allowed", scalars.len())
    };
    Ok((Test::OneOf(allowed), message))
}

fn matching(pattern: &str, pg_type: &PgType) -> Compiled {
    if has_no_text(pg_type) || matches!(pg_type, PgType::Array { .. }) {
        return Err("for values written as text only".to_owned());
    }
    let regex = shape::whole(pattern)?;
    Ok((Test::Pattern(regex), format!("does not match the pattern {pattern}")))
}

fn minimum(scalar: &Scalar, facts: &Facts<'_>) -> Compiled {
    let bound = Bound::compile(scalar, End::Minimum, facts)?;
    Ok((Test::Bound(bound, End::Minimum), format!("below the minimum, {scalar}")))
}

fn maximum(scalar: &Scalar, facts: &Facts<'_>) -> Compiled {
    let bound = Bound::compile(scalar, End::Maximum, facts)?;
    Ok((Test::Bound(bound, End::Maximum), format!("above the maximum, {scalar}")))
}

fn min_length(least: u32, pg_type: &PgType) -> Compiled {
    let unit = length_unit(pg_type)?;
    let message = format!("fewer than {least} {unit}");
    Ok((Test::MinLength(usize::try_from(least).unwrap_or(usize::MAX)), message))
}

fn max_length(most: u32, pg_type: &PgType) -> Compiled {
    let unit = length_unit(pg_type)?;
    let message = format!("more than {most} {unit}");
    Ok((Test::MaxLength(usize::try_from(most).unwrap_or(usize::MAX)), message))
}

fn shaped(shape: shape::Shape, pg_type: &PgType) -> Compiled {
    if !is_text(pg_type) {
        return Err("for columns of text only".to_owned());
    }
    Ok((Test::Shape(shape.fits), shape.message.to_owned()))
}

fn length_unit(pg_type: &PgType) -> Result<&'static str, String> {
    match pg_type {
        PgType::Array { .. } => Ok("elements"),
        _ if has_no_text(pg_type) => Err("for texts and arrays only".to_owned()),
        _ => Ok("characters"),
    }
}

fn is_text(pg_type: &PgType) -> bool {
    matches!(pg_type, PgType::Text | PgType::VarChar(_) | PgType::Char(_) | PgType::Citext)
}

fn has_no_text(pg_type: &PgType) -> bool {
    matches!(pg_type, PgType::Geometry(_) | PgType::Geography(_) | PgType::Bytea)
}

#[cfg(test)]
mod tests;
