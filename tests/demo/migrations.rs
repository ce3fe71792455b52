//! The shipped migrations: up, down and up again, and a comment on everything.

use std::path::Path;

use longshore::postgres::{migrate::Migrations, session::Session};

use crate::support::TestDatabase;

/// Everything the migrations make, one line each, as the catalog shows it.
const MADE: &str = "
    select format('%s %s', o.type, o.identity) as line
    from (select classid, objid from pg_depend where deptype in ('n', 'a', 'i')
          union select classid, objid from pg_depend) d
    cross join lateral pg_identify_object(d.classid, d.objid, 0) o
    where (o.schema in ('cadastre', 'property', 'school')
           or o.type = 'schema' and o.name in ('cadastre', 'property', 'school'))
      and o.identity !~ 'pg_toast'
    union
    select format('column %s.%s.%s %s', n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod))
    from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('cadastre', 'property', 'school') and a.attnum > 0
    order by line";

/// Tables and columns that nobody explained.
const UNEXPLAINED: &str = "
    select format('%I.%I.%I', n.nspname, c.relname, a.attname)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where n.nspname in ('cadastre', 'property', 'school') and c.relkind in ('r', 'p')
      and (col_description(c.oid, a.attnum) is null or obj_description(c.oid, 'pg_class') is null)";

/// The migrations of the project.
pub(super) fn shipped() -> Migrations {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    Migrations::read(&folder).expect("the migrations are read")
}

async fn lines(session: &Session, query: &str) -> Vec<String> {
    let rows = session.client.query(query, &[]).await.expect("the catalog is read");
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn shipped_migrations_go_up_and_down_and_up_again() {
    let database = TestDatabase::create().await;
    let session = database.session().await;
    let migrations = shipped();
    let all = migrations.up(&session, None, false).await.expect("all go up").len();
    let made = lines(&session, MADE).await;
    assert!(made.iter().any(|line| line == "table school.student"), "{made:#?}");
    assert_eq!(lines(&session, UNEXPLAINED).await, Vec::<String>::new());

    let down = migrations.down(&session, all, false).await.expect("all go down").len();
    assert_eq!((down, lines(&session, MADE).await), (all, Vec::new()));

    migrations.up(&session, None, false).await.expect("all go up again");
    assert_eq!(lines(&session, MADE).await, made);
}
