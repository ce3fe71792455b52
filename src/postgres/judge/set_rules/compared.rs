//! The outlines that rules on areas compare: of the records that are written, and of the rows of
//! the table that stay, which are noted first since nothing else tells them apart.

use super::{super::Judge, rows::part, spatial::Spatial};
use crate::{
    error::Result,
    postgres::{sql::quote_identifier, staging::ORDINAL},
    schema::{GeometryKind, PgType},
};

/// The column that numbers what is compared: a record by its ordinal, rows of the table below 0.
pub(super) const NUMBER: &str = "__number";

/// The outline, as a column of what is compared.
pub(super) fn outline() -> String {
    part(0)
}

/// What rows share that are looked at together, as a column of what is compared. It is a hash:
/// to compare texts in a collation for each pair of neighbours takes longer than all the rest.
pub(super) fn group() -> String {
    part(1)
}

/// The outlines of one column, as one rule or several compare them.
pub(super) struct Outlines<'a> {
    pub(super) judge: &'a Judge<'a>,
    pub(super) spatial: Spatial,
    pub(super) column: usize,
    /// What is compared of a row, as SQL over its columns.
    pub(super) shape: [String; 2],
    /// Whether records that were rejected are compared, too.
    pub(super) with_rejected: bool,
}

impl Judge<'_> {
    /// The outlines of a column, among rows that share the values of others.
    pub(super) async fn outlines(&self, column: usize, within: &[usize]) -> Result<Outlines<'_>> {
        let spatial = self.spatial(column).await?;
        let name = |index: &usize| quote_identifier(&self.load.columns[*index].column.name);
        let shared: Vec<String> = within.iter().map(name).collect();
        let group = match shared.is_empty() {
            true => "0::bigint".to_owned(),
            false => format!("pg_catalog.hash_record_extended(row({}), 0)", shared.join(", ")),
        };
        let shape = [name(&column), group];
        Ok(Outlines { judge: self, spatial, column, shape, with_rejected: false })
    }
}

impl Outlines<'_> {
    /// Notes the rows of the table that stay.
    pub(super) async fn note_staying(&self, doing: &str) -> Result<()> {
        let compared = self.compared();
        let create = format!(
            "drop table if exists {compared};
             create unlogged table {compared} with (autovacuum_enabled = false) as
             select *, -row_number() over () as {NUMBER} from ({}) t",
            self.judge.staying(&self.shape, "true")
        );
        self.judge.execute(&create, doing).await.map(drop)
    }

    /// What is compared, as a query: records, and with them the rows noted where `staying`.
    pub(super) fn every(&self, staying: bool) -> String {
        let records = match self.with_rejected {
            true => self.judge.delivered(&self.shape),
            false => self.judge.written(&self.shape),
        };
        let records = format!("select *, {ORDINAL} as {NUMBER} from ({records}) w");
        match staying {
            true => format!("{records} union all select * from {}", self.compared()),
            false => records,
        }
    }

    /// The table of the rows that stay.
    pub(super) fn compared(&self) -> String {
        self.judge.staging.compared(self.judge.target)
    }

    /// Whether there are polygons only: then nothing has arcs.
    pub(super) fn is_of_polygons(&self) -> bool {
        let PgType::Geometry(shape) = &self.judge.load.columns[self.column].column.pg_type else {
            return false;
        };
        matches!(shape.kind, Some(GeometryKind::Polygon | GeometryKind::MultiPolygon))
    }
}
