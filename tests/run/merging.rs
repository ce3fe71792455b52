//! jsonb: a new object in place of the old one, or its members added to it.

use super::workspace::{Workspace, codes, first};

const TABLE: &str = "create table place (code text primary key, attributes jsonb,
    constraint has_kind check (attributes is null or attributes ? 'kind'))";

fn pipeline(merge: &str) -> String {
    format!(
        r#"
[source]
format = "jsonl"
path = "$DIR/places.jsonl"
[[target]]
table = "public.place"
mode = "upsert"
key = ["code"]
columns.code = {{ from = "code" }}
columns.attributes = {{ from = "attributes"{merge} }}
"#
    )
}

const ALL: &str = "select string_agg(code || attributes::text, ' ' order by code) from place";

#[tokio::test]
async fn members_are_added_to_an_object_and_nothing_new_is_unchanged() {
    let space = Workspace::with(TABLE).await;
    let merging = pipeline(", merge = \"keys\"");
    space.write(
        "places.jsonl",
        "{\"code\":\"a\",\"attributes\":{\"kind\":1,\"n\":{\"x\":1}}}\n{\"code\":\"b\",\"attributes\":{\"kind\":2}}\n{\"code\":\"c\"}\n",
    );
    assert_eq!(first(&space.run(&merging).await), [3, 0, 0, 0, 3, 0, 0]);
    // A part of what is there, nothing at all, and a new member; the row as it will be is what
    // the constraint is about, so that `kind` need not come again.
    space.write(
        "places.jsonl",
        "{\"code\":\"a\",\"attributes\":{\"n\":{\"x\":1}}}\n{\"code\":\"b\"}\n{\"code\":\"c\",\"attributes\":{\"kind\":3}}\n",
    );
    assert_eq!(first(&space.run(&merging).await), [3, 0, 0, 0, 0, 1, 2]);
    space.write(
        "places.jsonl",
        "{\"code\":\"a\",\"attributes\":{\"n\":2,\"m\":null}}\n{\"code\":\"d\",\"attributes\":{\"m\":1}}\n",
    );
    let summary = space.run(&merging).await;
    assert_eq!(first(&summary), [2, 0, 1, 0, 0, 1, 0]);
    assert_eq!(codes(&summary).len(), 1);
    assert_eq!(
        space.value(ALL).await,
        r#"a{"m": null, "n": 2, "kind": 1} b{"kind": 2} c{"kind": 3}"#
    );
}

#[tokio::test]
async fn without_it_a_new_object_takes_the_place_of_the_old_one() {
    let space = Workspace::with(TABLE).await;
    space.write("places.jsonl", "{\"code\":\"a\",\"attributes\":{\"kind\":1,\"n\":1}}\n");
    space.run(&pipeline("")).await;
    space.write("places.jsonl", "{\"code\":\"a\",\"attributes\":{\"kind\":2}}\n");
    assert_eq!(first(&space.run(&pipeline(", merge = \"replace\"")).await), [1, 0, 0, 0, 0, 1, 0]);
    assert_eq!(space.value(ALL).await, r#"a{"kind": 2}"#);
}

#[tokio::test]
async fn objects_that_are_written_otherwise_are_the_same() {
    let space = Workspace::with(TABLE).await;
    let versions =
        "select string_agg(concat_ws(' ', code, ctid, xmin), ';' order by code) from place";
    for merge in ["", ", merge = \"keys\""] {
        space.client.batch_execute("truncate place").await.expect("an empty table");
        let pipeline = pipeline(merge);
        space.write(
            "places.jsonl",
            "{\"code\":\"a\",\"attributes\":{\"kind\":1,\"b\":{\"x\":[1,2],\"y\":1.50}}}\n\
             {\"code\":\"b\",\"attributes\":{\"kind\":1,\"t\":\"\u{e9}\"}}\n",
        );
        assert_eq!(first(&space.run(&pipeline).await), [2, 0, 0, 0, 2, 0, 0], "{merge}");
        let before = space.value(versions).await;
        // Another order, other spaces, a number of the same value, an escape, and a name twice,
        // of which the last counts.
        space.write(
            "places.jsonl",
            "{\"attributes\":{ \"b\": {\"y\":1.5, \"x\":[1, 2]}, \"kind\":2, \"kind\":1 },\"code\":\"a\"}\n\
             {\"code\":\"b\",\"attributes\":{\"t\":\"\\u00e9\",\"kind\":1.0}}\n",
        );
        assert_eq!(first(&space.run(&pipeline).await), [2, 0, 0, 0, 0, 0, 2], "{merge}");
        assert_eq!(space.value(versions).await, before, "{merge}");
        // The order of a list is its content.
        let other = "{\"code\":\"a\",\"attributes\":{\"kind\":1,\"b\":{\"x\":[2,1],\"y\":1.5}}}\n";
        space.write("places.jsonl", other);
        assert_eq!(first(&space.run(&pipeline).await), [1, 0, 0, 0, 0, 1, 0], "{merge}");
    }
}

#[tokio::test]
async fn members_that_the_file_does_not_name_stay_and_others_are_as_it_says() {
    let space = Workspace::with(TABLE).await;
    let there = r#"insert into place values ('a', '{"kind": 1, "n": {"x": 1, "y": 2}, "list": [1, 2], "left": "out"}'),
        ('b', '[1]'), ('c', '"text"'), ('d', '{"kind": 4}'), ('e', null)"#;
    let loosened = "alter table place drop constraint has_kind";
    space.client.batch_execute(&format!("{loosened}; {there}")).await.expect("rows");
    space.write(
        "places.jsonl",
        "{\"code\":\"a\",\"attributes\":{\"n\":{\"z\":3},\"list\":[],\"left\":null,\"new\":true}}\n\
         {\"code\":\"b\",\"attributes\":{\"k\":1}}\n{\"code\":\"c\",\"attributes\":{}}\n\
         {\"code\":\"d\",\"attributes\":{}}\n{\"code\":\"e\",\"attributes\":{\"k\":1}}\n",
    );
    let summary = space.run(&pipeline(", merge = \"keys\"")).await;
    assert_eq!(first(&summary), [5, 0, 0, 0, 0, 4, 1]);
    // Members are those of the object itself, not of objects in it; what is no object is replaced.
    assert_eq!(
        space.value(ALL).await,
        r#"a{"n": {"z": 3}, "new": true, "kind": 1, "left": null, "list": []} b{"k": 1} c{} d{"kind": 4} e{"k": 1}"#
    );
    // Loaded by two deliveries, each with members of its own, as by one with all.
    for attributes in [r#"{"kind": 5}"#, r#"{"m": 1}"#] {
        space.write("places.jsonl", format!("{{\"code\":\"f\",\"attributes\":{attributes}}}\n"));
        space.run(&pipeline(", merge = \"keys\"")).await;
    }
    assert_eq!(
        space.value("select attributes from place where code = 'f'").await,
        r#"{"m": 1, "kind": 5}"#
    );
}
