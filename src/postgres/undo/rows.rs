//! Conditions in SQL on rows of one target: the same row as in an image, and untouched since.

use postgres_types::Type;
use tokio_postgres::Client;

use super::{KeptTarget, attributes::Attribute, kept::Writers};

/// What tells the rows of one target apart, and whether somebody touched them.
pub(super) struct Rows {
    pub(super) table_oid: u32,
    /// What the run wrote by.
    writers: Writers,
    pub(super) key: Vec<Attribute>,
    nulls_equal: bool,
    /// Undos of later runs: what they wrote by, and the image of what those runs had replaced.
    restored: Vec<(Writers, String)>,
}

impl Rows {
    pub(super) async fn read(
        client: &Client,
        writers: &Writers,
        target: &KeptTarget,
        key: Vec<Attribute>,
    ) -> Result<Self, tokio_postgres::Error> {
        let query = "select undo.writers, t.image
            from longshore.run later
            join longshore.undo_target t on t.run_id = later.run_id and t.table_oid = $1
            join longshore.undo undo on undo.run_id = later.undone_by
            where t.image is not null and pg_catalog.to_regclass(t.image) is not null";
        let rows = client.query_typed(query, &[(&target.table_oid, Type::OID)]).await?;
        let restored = rows
            .iter()
            .map(|row| Ok((Writers::new(&row.try_get::<_, Vec<i64>>(0)?), row.try_get(1)?)));
        Ok(Self {
            table_oid: target.table_oid,
            writers: writers.clone(),
            key,
            nulls_equal: target.nulls_equal,
            restored: restored.collect::<Result<_, tokio_postgres::Error>>()?,
        })
    }

    /// Whether rows can be told apart at all.
    pub(super) fn have_key(&self) -> bool {
        !self.key.is_empty()
    }

    /// The condition that a row is the same as `i` of an image.
    pub(super) fn same_key(&self, row: &str) -> String {
        let equal = |attribute: &Attribute| {
            let (name, image) = (&attribute.name, attribute.in_image());
            if self.nulls_equal && attribute.nullable {
                format!("({row}.{name} = i.{image} or {row}.{name} is null and i.{image} is null)")
            } else {
                format!("{row}.{name} = i.{image}")
            }
        };
        self.key.iter().map(equal).collect::<Vec<_>>().join(" and ")
    }

    /// The condition that a row is as the run left it: it wrote it last, or a later run did
    /// whose undo gave this very version back.
    pub(super) fn untouched(&self, row: &str) -> String {
        let mut ways = vec![self.writers.wrote(row)];
        let restored = self.restored.iter().filter(|_| self.have_key());
        ways.extend(restored.map(|(undo, image)| {
            format!(
                "{} and exists (select from {image} i where {} and {})",
                undo.wrote(row),
                self.writers.wrote_version("i"),
                self.same_key(row)
            )
        }));
        format!("({})", ways.join(" or "))
    }
}
