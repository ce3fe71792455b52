//! The shipped migrations: up, down and up again, and a comment on everything.

use std::path::Path;

use longshore::postgres::{migrate::Migrations, session::Session};

use crate::support::{Part, TestDatabase, is_left_out};

/// Everything the migrations make, one line each, as the catalog shows it.
const MADE: &str = "
    select format('%s %s', o.type, o.identity) as line
    from (select classid, objid from pg_depend where deptype in ('n', 'a', 'i')
          union select classid, objid from pg_depend) d
    cross join lateral pg_identify_object(d.classid, d.objid, 0) o
    where (o.schema in ('cadastre', 'property', 'school', 'learning', 'market')
           or o.type = 'schema' and o.name in ('cadastre', 'property', 'school', 'learning', 'market'))
      and o.identity !~ 'pg_toast'
    union
    select format('column %s.%s.%s %s', n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod))
    from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('cadastre', 'property', 'school', 'learning', 'market') and a.attnum > 0
    order by line";

/// Tables and columns that nobody explained.
const UNEXPLAINED: &str = "
    select format('%I.%I.%I', n.nspname, c.relname, a.attname)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where n.nspname in ('cadastre', 'property', 'school', 'learning', 'market') and c.relkind in ('r', 'p')
      -- A partition's columns are its table's.
      and (col_description(c.oid, a.attnum) is null and not c.relispartition or obj_description(c.oid, 'pg_class') is null)";

/// The migrations of the project.
pub(super) fn shipped() -> Migrations {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    Migrations::read(&folder).expect("the migrations are read")
}

async fn lines(session: &Session, query: &str) -> Vec<String> {
    let rows = session.client.query(query, &[]).await.expect("the catalog is read");
    rows.iter().map(|row| row.get(0)).collect()
}

/// A row or two in every corner that a later migration or a revert could trip over.
const DATA: &str = r#"
    insert into cadastre.parcel (lot_plan, geom, source_dataset_id) values
        ('1//DP1', 'SRID=4283;MULTIPOLYGON(((151 -33, 151.1 -33, 151.1 -33.1, 151 -33)))', 'sample-lots');
    insert into cadastre.address (address_ref, parcel_id, street, full_address, geom, source_dataset_id)
        select 'a1', parcel_id, 'Hill Street', '1 Hill Street', 'SRID=4283;POINT(151 -33)', 'sample-addresses'
        from cadastre.parcel;
    insert into cadastre.owner_interest (parcel_id, party_ref, party_name, share_numerator, share_denominator, registered_on)
        select parcel_id, 'p1', 'Made Up', 1, 3, '2020-01-01' from cadastre.parcel;
    set longshore.tenant = 'sample-north';
    insert into property.property (tenant_id, property_ref) values ('sample-north', '1');
    insert into school.student (student_id, last_name, first_name, gender, dob, class, school_code, school_year)
        values ('00000001', 'Up', 'Made', 'female', '2012-02-03', 7, '0001', '2024-2025');
    insert into school."user" (username, password, last_name, first_name)
        values ('made1', '$2b$10$' || repeat('a', 53), 'Up', 'Made');
    insert into school.course (school_year, teacher1_id, grade, section, name)
        select '2024-2025', user_id, 7, 'B', 'Mathematics' from school."user";
    insert into school.enrollment (course_id, student_id) select course_id, '00000001' from school.course;
    insert into school.roster_org (sourced_id, name, type) values ('o1', 'Made Up', 'school');
    insert into school.roster_user (sourced_id, enabled, username, given_name, family_name, primary_org_sourced_id)
        values ('u1', true, 'made1', 'Made', 'Up', 'o1');
    insert into school.sds_org (sourced_id, name, type) values ('o1', 'Made Up', 'school');
    insert into learning."user" (email, name, password_hash) values ('made@example.org', 'Made Up', 'x');
    insert into market.market (symbol) values ('BTC-USDT');
    create table market.trades_2024_01 partition of market.trades for values from ('2024-01-01') to ('2024-02-01');
    insert into market.trades select market_id, '1', 1.5, 2, 'buy', '2024-01-05' from market.market;
    insert into market.audit_logs (actor, action) values ('test', 'insert');
"#;

#[tokio::test]
async fn shipped_migrations_go_down_one_by_one_under_data_and_up_again() {
    if is_left_out(Part::Postgis, "the shipped tables have geometries") {
        return;
    }
    let database = TestDatabase::create().await;
    let session = database.session().await;
    let migrations = shipped();
    let all = migrations.up(&session, None, false).await.expect("all go up").len();
    session.client.batch_execute(DATA).await.expect("rows that fit");
    let refused = session.client.batch_execute("update market.audit_logs set actor = 'x'").await;
    assert!(refused.is_err(), "the audit log is append-only");
    for _ in 0..all {
        assert_eq!(migrations.down(&session, 1, false).await.expect("one goes down").len(), 1);
    }
    assert_eq!(lines(&session, MADE).await, Vec::<String>::new());
    migrations.up(&session, None, false).await.expect("all go up again");
    session.client.batch_execute(DATA).await.expect("rows that fit again");
}

#[tokio::test]
async fn shipped_migrations_go_up_and_down_and_up_again() {
    if is_left_out(Part::Postgis, "the shipped tables have geometries") {
        return;
    }
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
