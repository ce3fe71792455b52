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
