//! One target column: from a record's cells to its value, or to what is wrong with it.
//!
//! The order is fixed and documented for authors: cells, NULL words, joining (or
//! a point of two coordinates), steps, NULL words again, code list, default,
//! type, rules. A record keeps its typed cells typed: steps that change nothing
//! leave a sheet's date a date, so that `trim` on a mixed column does no harm.

mod compile;
mod constants;

pub use compile::CompileEnvironment;

use bumpalo::{Bump, collections::String as ArenaString};

use super::{
    code_list::Codes,
    constant::Constant,
    geometry::{GeometryNotes, GeometryTransform},
    parse::{ParseFault, Parser},
    render,
    rules::RuleSet,
    steps::Steps,
    words::Words,
};
use crate::{
    batch::{Cell, Record},
    outcome::{Violation, mask},
    value::Value,
};

/// How the values of one target column are made.
#[derive(Debug)]
pub struct ColumnTransform {
    name: Box<str>,
    sensitive: bool,
    input: Input,
    null: Words,
    text: TextWork,
    missing: Missing,
    rules: RuleSet,
    /// The cell whose text is the value as it stands, and how long it may be, in bytes.
    verbatim: Option<(usize, usize)>,
}

/// Where the value comes from; cells are indexes into the projection.
#[derive(Debug)]
enum Input {
    Constant(Constant),
    Cell { cell: usize, typing: Typing },
    Joined { cells: Box<[usize]>, between: Box<str>, typing: Typing },
    Point(Box<Point>),
}

/// A point from its coordinates, in the order of the definition's fields.
#[derive(Debug)]
struct Point {
    cells: [usize; 2],
    number: Parser,
    geometry: GeometryTransform,
}

/// What happens to the text before it is typed.
#[derive(Debug, Default)]
struct TextWork {
    steps: Steps,
    map: Option<Codes>,
}

/// What NULL becomes.
#[derive(Debug)]
enum Missing {
    Null,
    Default(Constant),
    Broken { code: &'static str, message: &'static str },
}

/// How text becomes a value.
#[derive(Debug)]
enum Typing {
    Parse(Box<Parser>),
    Geometry(Box<GeometryTransform>),
}

/// Where a worker's values, notes and violations go while a record is made.
struct Desk<'a, 'w> {
    arena: &'a Bump,
    notes: &'w mut GeometryNotes,
    violations: &'w mut Vec<Violation>,
}

/// What a cell is after steps and code list.
enum Worked<'a> {
    Null,
    Cell(Cell<'a>),
}

impl Input {
    /// The cell that a text column takes alone, and how many bytes fit it whatever they are.
    fn verbatim(&self) -> Option<(usize, usize)> {
        match self {
            Self::Cell { cell, typing: Typing::Parse(parser) } => {
                parser.text_bytes_max().map(|bytes| (*cell, bytes))
            }
            _ => None,
        }
    }
}

impl ColumnTransform {
    /// The cells it reads, as indexes into the projection.
    pub fn cells(&self) -> &[usize] {
        match &self.input {
            Input::Constant(_) => &[],
            Input::Cell { cell, .. } => std::slice::from_ref(cell),
            Input::Joined { cells, .. } => cells,
            Input::Point(point) => &point.cells,
        }
    }

    /// The cell's text where it is the value as it stands, which is all that [`Self::apply`] would
    /// find too.
    ///
    /// Most columns are text that nothing is done to, and most of it is short enough to fit for
    /// certain: then no more than NULL words have to be looked for.
    #[inline]
    pub fn verbatim<'a>(&self, record: &Record<'a>) -> Option<&'a str> {
        let (cell, bytes_max) = self.verbatim?;
        let text = record.text_in_block(cell)?;
        (text.len() <= bytes_max && !self.null.contains(text)).then_some(text)
    }

    /// The column's value for a record, decoded without fault; `None` when violations were added.
    ///
    /// The value borrows from the record's batch, from `arena`, or from the column itself.
    #[inline]
    pub fn apply<'a>(
        &'a self,
        record: &Record<'a>,
        arena: &'a Bump,
        notes: &mut GeometryNotes,
        violations: &mut Vec<Violation>,
    ) -> Option<Value<'a>> {
        let mut desk = Desk { arena, notes, violations };
        match &self.input {
            Input::Constant(constant) => Some(constant.lend(arena)),
            Input::Cell { cell, typing } => self.of_cell(record.cell(*cell), typing, &mut desk),
            Input::Joined { cells, between, typing } => {
                let joined = self.joined(record, cells, between, arena);
                self.of_cell(joined, typing, &mut desk)
            }
            Input::Point(point) => self.of_point(record, point, &mut desk),
        }
    }

    #[inline]
    fn of_cell<'a>(
        &'a self,
        source: Cell<'a>,
        typing: &'a Typing,
        desk: &mut Desk<'a, '_>,
    ) -> Option<Value<'a>> {
        if self.null.contain_cell(source, desk.arena) {
            return self.of_nothing(source, desk);
        }
        let cell = match self.worked(source, desk)? {
            Worked::Null => return self.of_nothing(source, desk),
            Worked::Cell(cell) => cell,
        };
        let value = match typing {
            Typing::Parse(parser) => parser.parse(cell, desk.arena),
            Typing::Geometry(geometry) => {
                geometry.apply(cell, desk.arena, desk.notes).map_err(ParseFault::from)
            }
        };
        match value {
            Ok(Value::Null) => self.of_nothing(source, desk),
            Ok(value) if self.rules.is_empty() => Some(value),
            Ok(value) => self.judged(value, cell, source, desk),
            Err(fault) => self.refused(&fault, source, desk),
        }
    }

    /// The cell after steps and code list; `None` when that was a violation.
    #[inline]
    fn worked<'a>(&'a self, source: Cell<'a>, desk: &mut Desk<'a, '_>) -> Option<Worked<'a>> {
        if self.text.is_idle() {
            return Some(Worked::Cell(source));
        }
        match self.text.apply(source, &self.null, desk.arena) {
            Ok(worked) => Some(worked),
            Err(fault) => self.refused(&fault, source, desk),
        }
    }

    fn of_nothing<'a>(&'a self, source: Cell<'a>, desk: &mut Desk<'a, '_>) -> Option<Value<'a>> {
        match &self.missing {
            Missing::Null => Some(Value::Null),
            Missing::Default(constant) => Some(constant.lend(desk.arena)),
            Missing::Broken { code, message } => {
                self.report(code, message, source, desk);
                None
            }
        }
    }

    fn judged<'a>(
        &'a self,
        value: Value<'a>,
        cell: Cell<'a>,
        source: Cell<'a>,
        desk: &mut Desk<'a, '_>,
    ) -> Option<Value<'a>> {
        let text = if self.rules.reads_text() { render::text(cell, desk.arena) } else { "" };
        let before = desk.violations.len();
        for broken in self.rules.broken(value, text) {
            self.report(broken.code, broken.message, source, desk);
        }
        (desk.violations.len() == before).then_some(value)
    }

    /// The cells that are not NULL as one text; a single one keeps its type.
    fn joined<'a>(
        &self,
        record: &Record<'a>,
        cells: &[usize],
        between: &str,
        arena: &'a Bump,
    ) -> Cell<'a> {
        let present = || {
            let cells = cells.iter().map(|cell| record.cell(*cell));
            cells.filter(|cell| !self.null.contain_cell(*cell, arena))
        };
        let mut cells_present = present();
        let Some(only) = cells_present.next() else { return Cell::Absent };
        if cells_present.next().is_none() {
            return only;
        }
        // What has no certain text cannot be joined; the type's own parser says so.
        if let Some(cell) = present().find(|cell| has_no_text(*cell, arena)) {
            return cell;
        }
        let mut text = ArenaString::new_in(arena);
        for (at, cell) in present().enumerate() {
            if at > 0 {
                text.push_str(between);
            }
            text.push_str(render::text(cell, arena));
        }
        Cell::Text(text.into_bump_str())
    }

    fn of_point<'a>(
        &'a self,
        record: &Record<'a>,
        point: &'a Point,
        desk: &mut Desk<'a, '_>,
    ) -> Option<Value<'a>> {
        let cells = point.cells.map(|cell| record.cell(cell));
        let [first, second] = cells.map(|cell| self.coordinate(cell, &point.number, desk));
        match (first?, second?) {
            (Some(x), Some(y)) => match point.geometry.apply_point(x, y, desk.arena, desk.notes) {
                Ok(value) => Some(value),
                Err(fault) => self.refused(&fault.into(), cells[0], desk),
            },
            (None, None) => self.of_nothing(cells[0], desk),
            _ => {
                let message = "only one of its two coordinates is there";
                self.report("geometry.point", message, Cell::Absent, desk);
                None
            }
        }
    }

    /// A coordinate, `Some(None)` for NULL, `None` when that was a violation.
    fn coordinate<'a>(
        &'a self,
        source: Cell<'a>,
        number: &'a Parser,
        desk: &mut Desk<'a, '_>,
    ) -> Option<Option<f64>> {
        if self.null.contain_cell(source, desk.arena) {
            return Some(None);
        }
        let Worked::Cell(cell) = self.worked(source, desk)? else { return Some(None) };
        match number.parse(cell, desk.arena) {
            Ok(Value::Float(number)) => Some(Some(number)),
            Ok(_) => Some(None),
            Err(fault) => self.refused(&fault, source, desk),
        }
    }

    #[cold]
    fn refused<T>(
        &self,
        fault: &ParseFault,
        source: Cell<'_>,
        desk: &mut Desk<'_, '_>,
    ) -> Option<T> {
        self.report(fault.code, &fault.message, source, desk);
        None
    }

    #[cold]
    fn report(&self, code: &'static str, message: &str, source: Cell<'_>, desk: &mut Desk<'_, '_>) {
        let masked = mask(render::text(source, desk.arena), self.sensitive);
        let (column, message) = (self.name.to_string(), message.to_owned());
        desk.violations.push(Violation { code, column, message, masked });
    }
}

impl TextWork {
    /// Whether cells go straight to the parser.
    fn is_idle(&self) -> bool {
        self.steps.is_empty() && self.map.is_none()
    }

    /// Geometries and a sheet's error values have no text to work on.
    fn apply<'a>(
        &'a self,
        cell: Cell<'a>,
        null: &Words,
        arena: &'a Bump,
    ) -> Result<Worked<'a>, ParseFault> {
        if matches!(cell, Cell::Geometry(_) | Cell::Error(_)) {
            return Ok(Worked::Cell(cell));
        }
        let before = render::exact(cell, arena)?;
        let stepped = self.steps.apply(before, arena).map_err(|fault| ParseFault {
            code: fault.code,
            message: fault.message.to_owned().into(),
        })?;
        let Some(after) = stepped.filter(|text| !null.contains(text)) else {
            return Ok(Worked::Null);
        };
        match &self.map {
            Some(codes) => match codes.meaning(after) {
                Some(meaning) => Ok(Worked::Cell(Cell::Text(meaning))),
                None => {
                    Err(ParseFault { code: "rule.map", message: "not in the code list".into() })
                }
            },
            None if after == before => Ok(Worked::Cell(cell)),
            None => Ok(Worked::Cell(Cell::Text(after))),
        }
    }
}

fn has_no_text(cell: Cell<'_>, arena: &Bump) -> bool {
    match cell {
        Cell::Error(_) | Cell::Geometry(_) => true,
        Cell::Float(_) => render::exact(cell, arena).is_err(),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
