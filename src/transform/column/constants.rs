//! Reads the scalars of a definition as values of a column.

use bumpalo::Bump;

use super::Typing;
use crate::{
    batch::Cell,
    definition::Scalar,
    schema::PgType,
    transform::{
        constant::Constant,
        geometry::GeometryNotes,
        parse::{ParseFault, ParseOptions, Parser},
    },
};

/// Reads scalars first as the column's cells are written, then as PostgreSQL
/// writes them: with `format = "%d/%m/%Y"` an author may still write a bound as
/// `2024-01-31`.
pub(super) struct Reader<'r> {
    typing: &'r Typing,
    plain: Option<Parser>,
}

impl<'r> Reader<'r> {
    pub(super) fn new(pg_type: &PgType, typing: &'r Typing) -> Self {
        let plain = match typing {
            // Without options there is nothing that could be wrong with them.
            Typing::Parse(_) => Parser::compile(pg_type, &ParseOptions::default()).ok(),
            Typing::Geometry(_) => None,
        };
        Self { typing, plain }
    }

    /// The value a scalar stands for, or why it stands for none.
    pub(super) fn read(&self, scalar: &Scalar) -> Result<Constant, String> {
        let digits = scalar.to_string();
        let cell = match scalar {
            Scalar::Bool(truth) => Cell::Bool(*truth),
            Scalar::Int(_) | Scalar::Float(_) => Cell::Number(&digits),
            Scalar::Text(text) => Cell::Text(text),
        };
        self.value(cell).map_err(|fault| format!("`{digits}`: {}", fault.message))
    }

    /// Whether a text of a code list is a value of the column.
    pub(super) fn judge(&self, text: &str) -> Result<(), String> {
        let typed = parse(self.typing, Cell::Text(text), &Bump::new());
        typed.map(drop).map_err(|fault| format!("`{text}`: {}", fault.message))
    }

    fn value(&self, cell: Cell<'_>) -> Result<Constant, ParseFault> {
        if let Cell::Text(text) = cell
            && text.contains('\0')
        {
            return Err(ParseFault {
                code: "type.text",
                message: "holds the character NUL".into(),
            });
        }
        let arena = Bump::new();
        parse(self.typing, cell, &arena).or_else(|fault| match &self.plain {
            Some(plain) => match plain.parse(cell, &arena) {
                Ok(value) => Ok(Constant::of(value)),
                Err(_) => Err(fault),
            },
            None => Err(fault),
        })
    }
}

fn parse(typing: &Typing, cell: Cell<'_>, arena: &Bump) -> Result<Constant, ParseFault> {
    let value = match typing {
        Typing::Parse(parser) => parser.parse(cell, arena),
        Typing::Geometry(geometry) => {
            geometry.apply(cell, arena, &mut GeometryNotes::default()).map_err(Into::into)
        }
    };
    value.map(Constant::of)
}
