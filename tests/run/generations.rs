//! Grandparents, parents and children of one flat file, each known by a key of several parts.

use std::sync::Arc;

use longshore::{
    report::RunSummary,
    run::{self, LoadOptions, UndoRequest, progress::Progress},
    run_id::RunId,
};

use super::workspace::{How, Workspace, codes, counts};

const TABLES: &str = "
create table region (
  id int generated always as identity primary key, country text not null, code text not null, name text not null,
  unique (country, code));
create table district (
  id int generated always as identity primary key, region_id int not null references region, code text not null,
  name text not null, unique (region_id, code));
create table contact (id bigserial primary key, email text unique, phone text unique);
create table school (
  id uuid primary key default gen_random_uuid(), district_id int not null references district, code text not null,
  contact_id bigint references contact, unique (district_id, code));
insert into contact (email, phone) values ('old@x', '1'), (null, '2');";

/// Children first: a run sorts them.
const PIPELINE: &str = r#"
[source]
format = "csv"
path = "$DIR/schools.csv"

[[target]]
table = "public.school"
mode = "upsert"
key = ["district_id", "code"]
[target.columns]
district_id = { lookup = "public.district", take = "id", match = { code = "district", region_id = { lookup = "public.region", take = "id", match = { country = "country", code = "region" } } } }
code = { from = "school" }
contact_id = { lookup = "public.contact", take = "id", match = { email = "email" }, or = [{ match = { phone = "phone" } }] }

[[target]]
table = "public.district"
mode = "upsert"
key = ["region_id", "code"]
shared = true
[target.columns]
region_id = { lookup = "public.region", take = "id", match = { country = "country", code = "region" } }
code = { from = "district" }
name = { from = "district_name" }

[[target]]
table = "public.contact"
mode = "insert"
key = ["email"]
shared = true
when = { email = { required = true } }
[target.columns]
email = { from = "email" }

[[target]]
table = "public.region"
mode = "upsert"
key = ["country", "code"]
shared = true
[target.columns]
country = { from = "country" }
code = { from = "region" }
name = { from = "region_name" }
"#;

const ROWS: [&str; 7] = [
    "PT,N,Norte,1,Porto,A,new@x,",  // its contact comes with it
    "PT,N,Norte,1,Porto,B,new@x,9", // and is found by its address, whatever the number
    "PT,N,Norte,2,Braga,A,,2",      // the second way
    "PT,S,Sul,1,Faro,A,,",          // nothing to match by
    "ES,N,Norte,1,Vigo,A,old@x,2",  // the same codes in another country
    "ES,N,Norte,1,Vigo,B,,7",       // found by neither way
    "ES,,Norte,3,Lugo,C,,",         // no region
];

const TREE: &str = "select string_agg(concat_ws('/', r.country, r.code, r.name, d.code, d.name, s.code, coalesce(c.email, c.phone, '-')), ' '
    order by r.country, r.code, d.code, s.code)
  from school s join district d on d.id = s.district_id join region r on r.id = d.region_id left join contact c on c.id = s.contact_id";

fn schools(rows: &[&str]) -> String {
    format!(
        "country,region,region_name,district,district_name,school,email,phone\n{}\n",
        rows.join("\n")
    )
}

fn by_table(summary: &RunSummary) -> Vec<(&str, [u64; 7], u64)> {
    let of = |it: &longshore::report::TableSummary| (counts(&it.tally), it.tally.merged);
    summary
        .tables
        .iter()
        .map(|it| {
            assert!(it.tally.closes(), "{it:?}");
            let (counts, merged) = of(it);
            (it.table.as_str(), counts, merged)
        })
        .collect()
}

async fn undo(space: &Workspace, summary: &RunSummary) {
    let of = RunId::parse(&summary.run).expect("a run");
    let request = UndoRequest { of, force: false, dry_run: false };
    let endpoint = space.database.endpoint();
    let undone = run::undo(&endpoint, &request, &Arc::new(Progress::default())).await;
    undone.expect("it is undone");
}

#[tokio::test]
async fn three_generations_of_one_file_are_found_by_keys_of_several_parts() {
    let space = Workspace::with(TABLES).await;
    space.write("schools.csv", schools(&ROWS));
    let first = space.run(PIPELINE).await;
    let lines = space.rejections(&first);
    assert_eq!(codes(&first), [("lookup.none", 1), ("rule.not_null", 1)], "{lines:#?}");
    assert_eq!(
        by_table(&first),
        [
            ("public.contact", [7, 4, 0, 0, 1, 0, 2], 1),
            ("public.region", [7, 0, 2, 0, 3, 0, 2], 2),
            ("public.district", [7, 0, 2, 0, 4, 0, 1], 1),
            ("public.school", [7, 0, 2, 0, 5, 0, 0], 0),
        ],
        "{lines:#?}"
    );
    let tree = "ES/N/Norte/1/Vigo/A/old@x PT/N/Norte/1/Porto/A/new@x PT/N/Norte/1/Porto/B/new@x PT/N/Norte/2/Braga/A/2 PT/S/Sul/1/Faro/A/-";
    assert_eq!(space.value(TREE).await, tree);

    let again = space.run_how(PIPELINE, How { force: true, ..How::default() }).await;
    assert_eq!(codes(&again), codes(&first));
    for (before, after) in first.tables.iter().zip(&again.tables) {
        let (before, after) = (before.tally, after.tally);
        assert_eq!((after.inserted, after.updated, after.merged), (0, 0, before.merged));
        assert_eq!(after.unchanged, before.unchanged + before.inserted);
    }
    assert_eq!(space.value(TREE).await, tree);

    // A grandparent gets another name, and a parent another grandparent: which is a new parent.
    let changed = ROWS.map(|row| row.replace("PT,N,Norte,", "PT,N,North,"));
    let mut changed: Vec<&str> = changed[..5].iter().map(String::as_str).collect();
    changed[3] = "PT,C,Centro,1,Faro,A,,";
    space.write("schools.csv", schools(&changed));
    let moved = space.run(PIPELINE).await;
    assert_eq!(
        by_table(&moved),
        [
            ("public.contact", [5, 2, 0, 0, 0, 0, 3], 1),
            ("public.region", [5, 0, 0, 0, 1, 1, 3], 2),
            ("public.district", [5, 0, 0, 0, 1, 0, 4], 1),
            ("public.school", [5, 0, 0, 0, 1, 0, 4], 0),
        ]
    );
    let other = tree.replace("PT/N/Norte", "PT/N/North");
    assert_eq!(space.value(TREE).await, other.replacen("PT/N", "PT/C/Centro/1/Faro/A/- PT/N", 1));

    undo(&space, &moved).await;
    assert_eq!(space.value(TREE).await, tree);
    undo(&space, &first).await;
    let left = "select concat_ws(' ', (select count(*) from region), (select count(*) from district),
        (select count(*) from school), (select string_agg(concat_ws('|', email, phone), ' ' order by id) from contact))";
    assert_eq!(space.value(left).await, "0 0 0 old@x|1 2");
}

#[tokio::test]
async fn a_grandparent_that_records_disagree_on_takes_their_children_along() {
    let space = Workspace::with(TABLES).await;
    let rows = [
        "PT,N,Norte,1,Porto,A,,",
        "PT,N,North,1,Porto,B,,", // the same region by another name
        "PT,S,Sul,1,Faro,A,,",
    ];
    space.write("schools.csv", schools(&rows));
    let summary = space.run(PIPELINE).await;
    // Whose record is rejected has no other violation: what it brings itself is not missing.
    let lines = space.rejections(&summary);
    assert_eq!(summary.rejections.records, 2, "{lines:#?}");
    assert!(codes(&summary).contains(&("rule.shared_row", 2)), "{lines:#?}");
    assert_eq!(space.value(TREE).await, "PT/S/Sul/1/Faro/A/-");
}

#[tokio::test]
async fn generations_are_the_same_whatever_the_threads_and_splits() {
    let mut said = Vec::new();
    for (threads, split_bytes) in [(1, 1 << 20), (3, 64), (2, 300)] {
        let space = Workspace::with(TABLES).await;
        let rows: Vec<String> = (0..120)
            .map(|at| {
                let (region, district) = (at % 4, at % 12);
                // Now and then a name that others do not agree with.
                let name = if at % 50 == 49 { "other" } else { "r" };
                format!("C{},{region},{name}{region},{district},d,{at},,", at % 2)
            })
            .collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        space.write("schools.csv", schools(&rows));
        let options = LoadOptions { threads, split_bytes, ..LoadOptions::default() };
        let summary = space.run_how(PIPELINE, How { options, ..How::default() }).await;
        let folder = space.folder.path().display().to_string();
        let lines = space.rejections(&summary).join("\n").replace(&folder, "");
        said.push((format!("{:?}", by_table(&summary)), lines, space.value(TREE).await));
    }
    assert!(said[0].1.contains("rule.shared_row"), "{}", said[0].1);
    assert_eq!(said[0], said[1]);
    assert_eq!(said[0], said[2]);
}
