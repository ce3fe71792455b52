//! The columns of the file: which of the query's, in which order, and how their values are taken.

use tokio_postgres::types::Type;

use crate::{
    definition::{ExportDefinition, Treatment},
    diagnostic::did_you_mean,
    error::{Error, Result},
};

/// A column of the query's result.
#[derive(Debug, Clone)]
pub(super) struct ResultColumn {
    pub(super) name: String,
    pub(super) data_type: Type,
}

/// What a column's values are, as far as writing them goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    Boolean,
    Date,
    /// A date and time without zone.
    Local,
    /// A point in time.
    Instant,
    /// A time of day.
    Time,
    /// A JSON document.
    Json,
    /// A geometry, which GeoJSON has a place for.
    Geometry,
    Text,
}

impl Kind {
    fn of(data_type: &Type) -> Self {
        match *data_type {
            Type::INT2 | Type::INT4 | Type::INT8 | Type::OID => Kind::Number,
            Type::FLOAT4 | Type::FLOAT8 | Type::NUMERIC => Kind::Number,
            Type::BOOL => Kind::Boolean,
            Type::DATE => Kind::Date,
            Type::TIMESTAMP => Kind::Local,
            Type::TIMESTAMPTZ => Kind::Instant,
            Type::TIME | Type::TIMETZ => Kind::Time,
            Type::JSON | Type::JSONB => Kind::Json,
            _ if matches!(data_type.name(), "geometry" | "geography") => Kind::Geometry,
            _ => Kind::Text,
        }
    }
}

/// A column of the file.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// Its place in the query's result.
    pub(super) at: usize,
    pub(super) name: String,
    /// What the header calls it.
    pub(super) label: String,
    /// The server's name of its type.
    pub(super) type_name: String,
    pub(super) kind: Kind,
    pub(super) treatment: Treatment,
}

impl Column {
    /// Whether its values may have digits behind the point.
    pub(super) fn has_decimals(&self) -> bool {
        self.kind == Kind::Number && matches!(&*self.type_name, "numeric" | "float4" | "float8")
    }

    /// Whether its values are written just as the server sends them, unless a format is given.
    pub(super) fn is_as_it_comes(&self) -> bool {
        self.treatment == Treatment::Show && self.kind != Kind::Boolean
    }
}

/// The columns of the file; names in the definition that the query does not have are errors,
/// since a slip in `sensitive` would let values out.
pub(super) fn bind(definition: &ExportDefinition, result: &[ResultColumn]) -> Result<Vec<Column>> {
    let names: Vec<&str> = result.iter().map(|column| column.name.as_str()).collect();
    if let Some(twice) = (1..names.len()).find(|at| names[..*at].contains(&names[*at])) {
        return Err(Error::definition(format!("the query has two columns `{}`", names[twice]))
            .hint("give one of them another name with `as`"));
    }
    let output = &definition.output;
    let named =
        output.columns.iter().chain(output.labels.keys()).chain(definition.sensitive.keys());
    for name in named {
        if !names.contains(&name.as_str()) {
            return Err(unknown(name, &names));
        }
    }
    let chosen: Vec<usize> = match output.columns.as_slice() {
        [] => (0..result.len()).collect(),
        wanted => {
            let place = |name: &String| names.iter().position(|known| known == name);
            wanted.iter().filter_map(place).collect()
        }
    };
    let columns = chosen.into_iter().map(|at| column(definition, at, &result[at]));
    let columns: Vec<_> = columns.filter(|column| column.treatment != Treatment::Omit).collect();
    if columns.is_empty() {
        return Err(Error::definition("no column is left to write")
            .hint("every column of the query is sensitive and left out, or there is none"));
    }
    Ok(columns)
}

fn column(definition: &ExportDefinition, at: usize, result: &ResultColumn) -> Column {
    let treatment = definition.treatment(&result.name);
    let kind = match treatment {
        Treatment::Mask | Treatment::Hash => Kind::Text,
        Treatment::Omit | Treatment::Show => Kind::of(&result.data_type),
    };
    let label = definition.output.labels.get(&result.name).unwrap_or(&result.name);
    Column {
        at,
        name: result.name.clone(),
        label: label.clone(),
        type_name: result.data_type.name().to_owned(),
        kind,
        treatment,
    }
}

/// The place of a column in the query's result.
pub(super) fn place_of(name: &str, result: &[ResultColumn]) -> Result<usize> {
    let names: Vec<&str> = result.iter().map(|column| column.name.as_str()).collect();
    let place = names.iter().position(|known| *known == name);
    place.ok_or_else(|| unknown(name, &names))
}

fn unknown(name: &str, names: &[&str]) -> Error {
    let hint = match did_you_mean(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("its columns are `{}`", names.join("`, `")),
    };
    Error::definition(format!("the query has no column `{name}`")).hint(hint)
}
