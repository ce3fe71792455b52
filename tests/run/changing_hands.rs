//! Values that change hands in one run: what a row gives up, another may take, whichever order
//! the server wants to see; and a value that stays where it is stays there.

use longshore::run::Stop;

use super::workspace::{How, Workspace, codes, first};

const PLACES: &str = "
create table place (id int primary key, position int not null, code text, note text,
  constraint one_position unique (position), constraint one_code unique (code));
insert into place select n, n, 'code ' || n, 'kept ' || n from generate_series(1, 20) n";

fn pipeline(table: &str, mode: &str, columns: &[&str]) -> String {
    let columns: String = columns.iter().map(|c| format!("{c} = {{ from = \"{c}\" }}\n")).collect();
    let deletes = mode.contains("mirror") || mode.contains("replace");
    let limits = if deletes { "[limits]\ndeleted = \"100%\"" } else { "" };
    format!(
        "[source]\nformat = \"csv\"\npath = \"$DIR/rows.csv\"\n{limits}\n
         [[target]]\ntable = \"public.{table}\"\n{mode}\n[target.columns]\n{columns}"
    )
}

fn places(mode: &str) -> String {
    pipeline("place", &format!("mode = \"{mode}\"\nkey = [\"id\"]"), &["id", "position", "code"])
}

async fn deliver(
    space: &Workspace,
    toml: &str,
    header: &str,
    rows: &[String],
) -> longshore::report::RunSummary {
    space.write("rows.csv", format!("{header}\n{}\n", rows.join("\n")));
    match space.try_run(toml, How::default()).await {
        Ok(summary) => summary,
        Err(Stop::Error(error)) => panic!("{error:?}"),
        Err(Stop::Findings(findings)) => panic!("{findings:#?}"),
    }
}

fn rows(of: impl Iterator<Item = (u32, u32, String)>) -> Vec<String> {
    of.map(|(id, position, code)| format!("{id},{position},{code}")).collect()
}

const POSITIONS: &str =
    "select string_agg(id || '@' || position, ' ' order by position) from place";

#[tokio::test]
async fn a_new_row_takes_what_a_row_gives_up_that_goes() {
    for mode in ["mirror", "replace"] {
        let space = Workspace::with(PLACES).await;
        // 1 and 2 go; 101 takes the position of one and the code of the other, 3 a code of its own.
        let mut of = rows((3..=20).map(|n| (n, n, format!("code {n}"))));
        of.push("101,1,code 2".to_owned());
        let summary = deliver(&space, &places(mode), "id,position,code", &of).await;
        assert_eq!(codes(&summary), [], "{mode}: {:?}", space.rejections(&summary));
        assert_eq!(
            (first(&summary), summary.tables[0].tally.deleted),
            ([19, 0, 0, 0, 1, 0, 18], 2)
        );
        assert_eq!(space.value("select id from place where code = 'code 2'").await, "101");
        // An updated row takes it as well, and 102 takes what that had.
        let mut of = rows((4..=20).map(|n| (n, n, format!("code {n}"))));
        of[0] = "4,1,code 4".to_owned();
        of.push("102,4,code 3".to_owned());
        let summary = deliver(&space, &places(mode), "id,position,code", &of).await;
        assert_eq!(
            (first(&summary), summary.tables[0].tally.deleted),
            ([18, 0, 0, 0, 1, 1, 16], 2)
        );
        assert_eq!(space.value("select note from place where position = 1").await, "kept 4");
    }
}

#[tokio::test]
async fn rows_that_move_up_by_one_take_each_others_places_and_can_go_back() {
    let space = Workspace::with(PLACES).await;
    let before = space.value("select md5(string_agg(p::text, ' ' order by id)) from place p").await;
    // In the order of the table and against it: every row takes the place of its neighbour.
    for shift in [1_i32, -1] {
        let of = rows(
            (1..=20_u32)
                .map(|n| (n, (n.cast_signed() + shift).cast_unsigned(), format!("code {n}"))),
        );
        let summary = deliver(&space, &places("upsert"), "id,position,code", &of).await;
        assert_eq!(first(&summary), [20, 0, 0, 0, 0, 20, 0], "{:?}", space.rejections(&summary));
        assert_eq!(space.value("select string_agg(note, '' order by id) = (select string_agg('kept ' || n, '' order by n) from generate_series(1, 20) n) from place").await, "true");
        let request = longshore::run::UndoRequest {
            of: longshore::run_id::RunId::parse(&summary.run).expect("a run"),
            force: false,
            dry_run: false,
        };
        let (endpoint, progress) = (space.database.endpoint(), std::sync::Arc::default());
        let undone = longshore::run::undo(&endpoint, &request, &progress).await;
        undone.expect("the run is undone, in whatever order");
        let after =
            space.value("select md5(string_agg(p::text, ' ' order by id)) from place p").await;
        assert_eq!(after, before, "shifted by {shift} and back");
    }
}

#[tokio::test]
async fn two_rows_exchange_values_only_where_the_constraint_can_wait() {
    let space = Workspace::with(PLACES).await;
    let swapped = ["1,2,code 1", "2,1,code 2", "3,30,code 3", "4,3,code 4"].map(str::to_owned);
    let summary = deliver(&space, &places("upsert"), "id,position,code", &swapped).await;
    assert_eq!(first(&summary), [4, 0, 2, 0, 0, 2, 0]);
    let lines = space.rejections(&summary).join("\n");
    assert!(lines.contains("`one_position`") && lines.contains("exchange"), "{lines}");
    assert!(lines.contains("record 1") && lines.contains("record 2"), "{lines}");
    assert!(space.value(POSITIONS).await.starts_with("1@1 2@2 4@3 5@5"));
    for late in ["deferrable", "deferrable initially deferred"] {
        let alter = format!(
            "alter table place drop constraint one_position;
             alter table place add constraint one_position unique (position) {late}"
        );
        space.client.batch_execute(&alter).await.expect("a constraint that can wait");
        let position =
            if late == "deferrable" { "1,2,code 1|2,1,code 2" } else { "1,1,code 1|2,2,code 2" };
        let of: Vec<String> = position.split('|').map(str::to_owned).collect();
        let summary = deliver(&space, &places("upsert"), "id,position,code", &of).await;
        assert_eq!(
            first(&summary),
            [2, 0, 0, 0, 0, 2, 0],
            "{late}: {:?}",
            space.rejections(&summary)
        );
    }
}

#[tokio::test]
async fn who_takes_from_a_record_that_is_rejected_gets_nothing() {
    let space = Workspace::with(&format!(
        "{PLACES}; alter table place add constraint low check (position < 50)"
    ))
    .await;
    // 1 may not go to 60; so 2 cannot have 1, nor 3 have 2; 101 cannot have 3. 5 has nothing to do with it.
    let of =
        ["1,60,code 1", "2,1,code 2", "3,2,code 3", "101,3,new", "5,40,code 5"].map(str::to_owned);
    let summary = deliver(&space, &places("upsert"), "id,position,code", &of).await;
    assert_eq!(
        codes(&summary),
        [("constraint.check", 1), ("constraint.unique", 3)],
        "{:?}",
        space.rejections(&summary)
    );
    assert_eq!(first(&summary), [5, 0, 4, 0, 0, 1, 0]);
    // And of a row that should go and stays, since a rejected record is it.
    let mut of = rows((2..=20).map(|n| (n, n, format!("code {n}"))));
    of.push("1,none,code 1".to_owned());
    of.push("102,1,other".to_owned());
    let summary = deliver(&space, &places("mirror"), "id,position,code", &of).await;
    assert_eq!(codes(&summary)[0].0, "constraint.unique", "{:?}", space.rejections(&summary));
    assert_eq!(space.value("select count(*) from place where id in (1, 102)").await, "1");
}

#[tokio::test]
async fn what_others_refer_to_gives_nothing_up_before_they_are_written() {
    let space = Workspace::with(&format!(
        "{PLACES}; create table guest (id int primary key, place int references place);
         insert into guest values (1, 1)"
    ))
    .await;
    let both = format!(
        "{}\n[[target]]\ntable = \"public.guest\"\nmode = \"mirror\"\nkey = [\"id\"]\n[target.columns]\nid = {{ from = \"id\" }}",
        places("mirror")
    );
    let mut of = rows((2..=20).map(|n| (n, n, format!("code {n}"))));
    of.push("101,1,new".to_owned());
    let summary = deliver(&space, &both, "id,position,code", &of).await;
    assert_eq!(codes(&summary), [("constraint.unique", 1)]);
    assert_eq!(summary.tables[0].tally.deleted, 1, "its guest went first");
    let of: Vec<String> = of.iter().map(|row| row.replace("new", "now")).collect();
    let summary = deliver(&space, &both, "id,position,code", &of).await;
    assert_eq!(codes(&summary), [], "the next delivery brings it");
}

#[tokio::test]
async fn a_mark_of_deletion_is_part_of_what_constraints_ask() {
    let space = Workspace::with(
        "create table pupil (id int primary key, email text, left_on date, active bool,
           check (left_on is null or email <> 'keeper'));
         create unique index one_email on pupil (email) where left_on is null;
         insert into pupil values (1, 'a', null), (2, 'b', null), (3, 'c', '2020-01-01')",
    )
    .await;
    let toml = pipeline(
        "pupil",
        "mode = \"mirror\"\nkey = [\"id\"]\nsoft_delete = { column = \"left_on\", value = \"now\" }",
        &["id", "email"],
    );
    // 1 leaves, and 4 takes its address; 5 takes that of one who left long ago; 6 that of one who is there.
    let of = ["2,b", "4,a", "5,c", "6,b"].map(str::to_owned);
    let summary = deliver(&space, &toml, "id,email", &of).await;
    assert_eq!(codes(&summary), [("constraint.unique", 1)], "{:?}", space.rejections(&summary));
    assert_eq!(space.rejections(&summary).len(), 1);
    assert_eq!(
        space
            .value("select string_agg(id::text, ' ' order by id) from pupil where left_on is null")
            .await,
        "2 4 5"
    );
    // 3 comes back with an address that is taken by now.
    let of = ["2,b", "3,c", "4,a", "5,c"].map(str::to_owned);
    let summary = deliver(&space, &toml, "id,email", &of).await;
    assert_eq!(codes(&summary), [("constraint.unique", 1)], "{:?}", space.rejections(&summary));
    assert_eq!(space.value("select left_on is null from pupil where id = 3").await, "false");
}

const HISTORY: &str = "
create extension btree_gist;
create table desk (pupil text not null, desk text not null, note text, since date not null, until date, is_current boolean not null,
  during daterange generated always as (daterange(since, until)) stored,
  unique (pupil, since), constraint noted check (is_current or note is not null),
  constraint one_at_a_desk exclude using gist (desk with =, during with &&));
create unique index one_desk on desk (desk) where is_current";

#[tokio::test]
async fn a_history_is_judged_with_the_ends_that_its_versions_will_have() {
    let space = Workspace::with(HISTORY).await;
    let toml = pipeline(
        "desk",
        "mode = \"history\"\nkey = [\"pupil\"]\nhistory = { valid_from = \"since\", valid_to = \"until\", current = \"is_current\" }",
        &["pupil", "desk", "note", "since"],
    );
    let header = "pupil,desk,note,since";
    let of = ["a,1,x,2024-01-01", "b,2,x,2024-01-01", "c,2,x,2024-01-01", "c,3,x,2024-02-01"]
        .map(str::to_owned);
    let summary = deliver(&space, &toml, header, &of).await;
    assert_eq!(codes(&summary), [("constraint.exclusion", 2)], "{:?}", space.rejections(&summary));
    // b and the first of c stand against each other; c alone begins in February.
    let lines = "select string_agg(concat_ws(' ', pupil, desk, since, until), '; ' order by pupil, since) from desk";
    assert_eq!(space.value(lines).await, "a 1 2024-01-01; c 3 2024-02-01");
    // a and c change desks: each is free from the day on which the other leaves it.
    let of = ["a,3,x,2024-03-01", "c,1,x,2024-03-01"].map(str::to_owned);
    let summary = deliver(&space, &toml, header, &of).await;
    assert_eq!(codes(&summary), [], "{:?}", space.rejections(&summary));
    assert_eq!(
        space.value(lines).await,
        "a 1 2024-01-01 2024-03-01; a 3 2024-03-01; c 3 2024-02-01 2024-03-01; c 1 2024-03-01"
    );
    // d wants the desk that a leaves, but a's own record is refused: it stays, and d with nothing.
    let of = ["a,1,x,2024-04-01", "d,3,x,2024-04-01"].map(str::to_owned);
    let summary = deliver(&space, &toml, header, &of).await;
    assert_eq!(first(&summary), [2, 0, 2, 0, 0, 0, 0], "{:?}", space.rejections(&summary));
    // A version that ends at once needs its note.
    let of = ["e,9,,2024-05-01", "e,8,x,2024-06-01"].map(str::to_owned);
    let summary = deliver(&space, &toml, header, &of).await;
    assert_eq!(codes(&summary), [("constraint.check", 1)], "{:?}", space.rejections(&summary));
    assert!(space.rejections(&summary)[0].contains("`noted`"));
    assert_eq!(space.value("select count(*) from desk where pupil = 'e'").await, "1");
}

#[tokio::test]
async fn exclusion_constraints_see_the_table_as_it_will_be() {
    let space = Workspace::with(
        "create extension btree_gist;
         create table booking (id int primary key, room int not null, starts int, ends int,
           constraint one_at_a_time exclude using gist (room with =, int4range(starts, ends) with &&));
         insert into booking values (1, 1, 0, 10), (2, 1, 10, 20), (3, 1, 20, 30)",
    )
    .await;
    let toml =
        pipeline("booking", "mode = \"mirror\"\nkey = [\"id\"]", &["id", "room", "starts", "ends"]);
    // Each moves by half into the next one's time; 3 goes and frees what 4 takes.
    let of = ["1,1,5,15", "2,1,15,25", "4,1,25,35", "5,1,34,40"].map(str::to_owned);
    let summary = deliver(&space, &toml, "id,room,starts,ends", &of).await;
    assert_eq!(codes(&summary), [("constraint.exclusion", 2)], "{:?}", space.rejections(&summary));
    assert_eq!(
        space.value("select string_agg(id || ' ' || starts, ', ' order by id) from booking").await,
        "1 5, 2 15"
    );
}

#[tokio::test]
async fn a_key_without_overlaps_is_an_exclusion() {
    if !crate::support::is_at_least(18, "keys without overlaps are not tried") {
        return;
    }
    let space = Workspace::with(
        "create extension btree_gist;
         create table rate (id int primary key, room int not null, starts int, ends int,
           during int4range not null generated always as (int4range(starts, ends)) stored,
           constraint one_rate unique (room, during without overlaps));
         create table stay (id int primary key, room int, starts int, ends int,
           during int4range generated always as (int4range(starts, ends)) stored,
           constraint has_rate foreign key (room, period during) references rate (room, period during));
         insert into rate (id, room, starts, ends) values (1, 1, 0, 10)",
    )
    .await;
    let columns = ["id", "room", "starts", "ends"];
    let toml = pipeline("rate", "mode = \"upsert\"\nkey = [\"id\"]", &columns);
    let header = "id,room,starts,ends";
    let of = ["2,1,5,22", "3,1,10,30", "4,1,40,40", "5,2,11,30", "6,2,12,35"].map(str::to_owned);
    let summary = deliver(&space, &toml, header, &of).await;
    assert_eq!(codes(&summary), [("constraint.exclusion", 4)], "{:?}", space.rejections(&summary));
    let lines = space.rejections(&summary).join("\n");
    assert!(
        lines.contains("key WITHOUT OVERLAPS `one_rate`") && lines.contains("the period is empty"),
        "{lines}"
    );
    assert_eq!(space.value("select count(*) from rate").await, "2");
    let stays = pipeline("stay", "mode = \"upsert\"\nkey = [\"id\"]", &columns);
    let of = ["7,1,12,20", "8,9,12,30"].map(str::to_owned);
    let summary = deliver(&space, &stays, header, &of).await;
    let found = space.rejections(&summary);
    assert_eq!(codes(&summary), [("constraint.foreign_key", 1)], "{found:?}");
    assert_eq!(space.value("select string_agg(id::text, ' ') from stay").await, "7");
}
