//! The doctor on a database that is well, and on one that is not.

use longshore::postgres::{
    doctor::{Fact, Verdict, examine},
    endpoint::Endpoint,
    privileges::TableNeed,
};

use crate::support::{Part, TestDatabase, lacks};

fn verdict(facts: &[Fact], name: &str) -> Verdict {
    facts
        .iter()
        .find(|fact| fact.name == name)
        .unwrap_or_else(|| panic!("{name} is missing"))
        .verdict
}

#[tokio::test]
async fn facts_are_told_and_judged() {
    let database = TestDatabase::create().await;
    let facts = examine(&database.endpoint(), &[]).await.expect("it is examined");
    for name in ["connection", "role", "version", "encoding", "pooler", "extension_citext", "clock"]
    {
        assert_eq!(verdict(&facts, name), Verdict::Ok, "{name}");
    }
    assert_eq!(verdict(&facts, "extension_postgis") == Verdict::Ok, !lacks(Part::Postgis));
    // The test cluster is as fast and as unsafe as it can be.
    assert_eq!(verdict(&facts, "durability"), Verdict::Problem);
    assert_eq!(verdict(&facts, "autovacuum"), Verdict::Warning);
}

#[tokio::test]
async fn a_role_without_privileges_is_told_what_it_lacks() {
    let database = TestDatabase::create().await;
    let client = database.client().await;
    let role = format!("clerk_{}", std::process::id());
    client.batch_execute(&format!("create role {role} login")).await.expect("a role");
    let url = database.url().replace("//longshore@", &format!("//{role}@"));
    let facts = examine(&Endpoint::parse(&url).expect("a URL"), &[]).await.expect("it is examined");
    assert_eq!(verdict(&facts, "privileges"), Verdict::Problem);
    client.batch_execute(&format!("drop role {role}")).await.expect("it is dropped");
}

#[tokio::test]
async fn a_sequence_that_comes_to_its_end_and_a_table_that_is_not_there_are_told() {
    let database = TestDatabase::create().await;
    let client = database.client().await;
    let sql = "create table full_int (id int generated always as identity, n bigserial); \
        select setval(pg_get_serial_sequence('full_int', 'id'), 2000000000); \
        select setval(pg_get_serial_sequence('full_int', 'n'), 2000000000)";
    client.batch_execute(sql).await.expect("the table is made");
    let need = |name: &str| TableNeed {
        name: name.to_owned(),
        privileges: vec!["SELECT", "INSERT"],
        columns: Vec::new(),
        drawn: Vec::new(),
    };
    let facts = examine(&database.endpoint(), &[need("full_int")]).await.expect("it is examined");
    assert_eq!(verdict(&facts, "sequence"), Verdict::Problem);
    let told: Vec<_> = facts.iter().filter(|fact| fact.name == "sequence").collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].explanation.contains("public.full_int.id has used 93 %"), "{told:?}");
    let facts = examine(&database.endpoint(), &[need("nowhere.at_all")]).await;
    assert_eq!(verdict(&facts.expect("it is examined"), "tables"), Verdict::Problem);
}
